/* error.h - failures of the world, as values.
 *
 * The world's faults (files, memory, options) are returned as a code, which is also the exit code
 * of the program; our own mistakes are asserted. The first failure recorded in an error wins. */
#ifndef SKYMEANS_BASE_ERROR_H
#define SKYMEANS_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __FAST_MATH__
#error "skymeans promises the same bits everywhere: build it without -ffast-math"
#endif

typedef enum km_code {
    KM_OK = 0,
    KM_INTERNAL = 1, /* a bug, or a result that did not verify */
    KM_USAGE = 2,    /* command line */
    KM_DATA = 3,     /* the contents of a file */
    KM_SYSTEM = 4,   /* files, folders, disks */
    KM_MEMORY = 5,
    KM_INTERRUPTED = 6, /* not an error: a signal ended it, with the result it had by then */
    KM_STOPPED = 75,    /* not an error: stopped on demand; the same command goes on from there */
} km_code;

typedef struct km_error {
    km_code code;
    char text[6144]; /* one line: "WHAT (FILE, dataset/row/column): WHY; TRY" */
} km_error;

/* Records a failure and returns its code (that of the first failure, if there was one). */
km_code km_fail(km_error *error, km_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
