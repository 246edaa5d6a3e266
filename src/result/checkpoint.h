/* What a checkpoint is made of. */
#ifndef SKYMEANS_RESULT_CHECKPOINT_H
#define SKYMEANS_RESULT_CHECKPOINT_H

#include "skymeans/result.h"

/* Bytes that are written at the end, or read from the beginning. */
typedef struct km_archive {
    char *bytes;
    int64_t size, at;
    bool is_reading, is_ok;
    bool is_out_of_memory; /* why it is not */
} km_archive;

/* Moves `size` bytes between `values` and the stream, one way or the other. */
void km_archive_pass(km_archive *s, void *values, int64_t size);

/* The same for all that a checkpoint holds; arrays are made when they are read. */
void km_archive_checkpoint(km_archive *s, km_checkpoint *c, int64_t most_restarts);

/* What must be the same for a fit to go on, a line each: "name: value". A new text; NULL if there
 * is no memory. */
char *km_question_text(const km_record *record);

#endif
