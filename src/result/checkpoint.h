/* What a checkpoint is made of. */
#ifndef SKYMEANS_RESULT_CHECKPOINT_H
#define SKYMEANS_RESULT_CHECKPOINT_H

#include "result/result.h"

/* Bytes that are written at the end, or read from the beginning. */
typedef struct km_archive {
    char *bytes;
    int64_t size, at;
    bool is_reading, is_ok;
    bool is_out_of_memory; /* why it is not, */
    const char *wrong;     /* or which field is none that a run writes */
} km_archive;

/* Moves `size` bytes between `values` and the stream, one way or the other. */
void km_archive_pass(km_archive *s, void *values, int64_t size);

/* What is read must be right, whatever the hash says: else the stream is not ok. */
void km_archive_check(km_archive *s, bool is_right, const char *what);

/* The most there can be of what a checkpoint holds. */
typedef struct km_archive_limits {
    int64_t n_rows, n_restarts;
} km_archive_limits;

/* Moves all that a checkpoint holds; arrays are made when they are read, and each field is checked.
 */
void km_archive_checkpoint(km_archive *s, km_checkpoint *c, const km_archive_limits *most);

/* What must be the same for a fit to go on, a line each: "name: value". A new text; NULL if there
 * is no memory. */
char *km_question_text(const km_record *record);

#endif
