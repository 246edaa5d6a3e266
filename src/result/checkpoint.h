/* checkpoint.h - what writing a checkpoint and reading it share. On one rank. */
#ifndef SKYMEANS_RESULT_CHECKPOINT_H
#define SKYMEANS_RESULT_CHECKPOINT_H

#include "result/result.h"

/* How the first line begins, and the version of the format behind that. */
#define KM_CHECKPOINT_MAGIC "skymeans checkpoint "
enum { KM_CHECKPOINT_VERSION = 4 };

/* Stored between the question and the state of the engine. */
typedef struct km_checkpoint_header {
    double started, seconds, joules; /* NaN: not known */
    int64_t n_goes, bytes_read, memory_peak;
    km_phases min, mean, max;
    km_counts counts;
    int64_t state_size;
} km_checkpoint_header;

/* All bytes of a file and a zero byte, which the caller frees; NULL and errno if that fails. */
char *km_checkpoint_bytes(const char *path, int64_t *size);

km_code km_no_memory_for_checkpoint(km_error *error);

#endif
