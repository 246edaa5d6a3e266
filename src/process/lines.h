/* lines.h - text files, line by line. */
#ifndef SKYMEANS_PROCESS_LINES_H
#define SKYMEANS_PROCESS_LINES_H

#include "base/error.h"

#include <stdio.h>

/* A line of a text file, with the memory that is used again for the next line. */
typedef struct km_line {
    const char *what; /* what is read, for an error of memory */
    char *text;       /* without the end of the line; the caller frees it */
    int64_t length, capacity;
    int64_t number; /* from 1 */
} km_line;

typedef enum km_line_kind {
    KM_LINE,
    KM_LINE_NONE,     /* the file has ended */
    KM_LINE_TOO_LONG, /* than max_length; the rest was not read */
    KM_LINE_NO_TEXT,  /* it has zero bytes */
    KM_LINE_NOT_READ, /* errno says why */
    KM_LINE_NO_MEMORY /* the error says so */
} km_line_kind;

/* Reads the next line, of at most `max_length` bytes. */
km_line_kind km_line_read(km_line *line, FILE *file, int64_t max_length, km_error *error);

#endif
