/* output.h - files that appear whole or not at all.
 *
 * By one rank. A file is written beside its final name, checked, and renamed. */
#ifndef SKYMEANS_PROCESS_OUTPUT_H
#define SKYMEANS_PROCESS_OUTPUT_H

#include "base/error.h"
#include "base/text.h"

typedef struct km_output {
    const char *path;          /* the final name; NULL: there is no such output */
    char beside[KM_PATH_SIZE]; /* the name while it is written; else empty */
    bool is_durable;           /* published, and safe from a power failure */
} km_output;

/* Refuses before the run what would fail at its end: KM_USAGE if the file exists and may not be
 * replaced, or is called - as a pipe is, KM_SYSTEM if its folder is missing or not writable. */
km_code km_output_check(const char *path, bool may_replace, km_error *error);

/* The size of a file in bytes; 0 if it can't be had. */
int64_t km_file_size(const char *path);

/* Do two paths lead to one existing file? */
bool km_is_same_file(const char *a, const char *b);

/* Refuses an output that is an input: KM_USAGE. */
km_code km_output_check_input(const char *path, const char *input, km_error *error);

/* Refuses two outputs with one path, whether or not the file exists: KM_USAGE. */
km_code km_output_check_different(const char *a, const char *b, km_error *error);

/* Creates a new, empty file beside the final name, with the permissions of a new file there. */
km_code km_output_create(km_output *output, const char *path, km_error *error);

/* Writes all bytes at an offset of an open file; false, with errno set, if that is not possible. */
bool km_write_at(int descriptor, const void *bytes, int64_t size, int64_t offset);

/* Reads them; false also if the file ends before. */
bool km_read_at(int descriptor, void *bytes, int64_t size, int64_t offset);

/* Syncs the file and gives it its final name. An existing file is replaced only if may_replace; a
 * link is replaced, not followed. KM_USAGE if the file exists, KM_SYSTEM if the disk refuses. */
km_code km_output_publish(km_output *output, bool may_replace, km_error *error);

/* Removes the file if it was not published. */
void km_output_discard(km_output *output);

#endif
