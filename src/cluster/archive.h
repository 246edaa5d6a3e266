/* archive.h - values that are written one after another, and read again by the same calls, so that
 * the two can't differ. On one rank.
 */
#ifndef SKYMEANS_CLUSTER_ARCHIVE_H
#define SKYMEANS_CLUSTER_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing array that is written, or an array that is read. */
typedef struct km_archive {
    char *bytes;
    int64_t size, at; /* `at`: where the next value goes, or comes from */
    bool is_reading, is_ok;
    bool is_out_of_memory; /* a reason why it is not ok */
    const char *wrong;     /* another: the name of the field with an impossible value */
} km_archive;

/* Writes or reads some bytes; nothing after a failure. */
void km_transfer(km_archive *s, void *values, int64_t size);

/* Writes or reads an array, which is allocated when it is read. */
void km_transfer_array(km_archive *s, void **values, int64_t count, size_t size);

#define TRANSFER(archive, value) km_transfer(archive, &(value), sizeof(value))
#define TRANSFER_ARRAY(archive, array, count) \
    km_transfer_array(archive, (void **)&(array), count, sizeof *(array))

/* Values that are read must be possible, even if a hash says that they are as written: records the
 * first that is not, and then nothing more is read. */
void km_check(km_archive *s, bool is_right, const char *what);

#endif
