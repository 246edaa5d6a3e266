/* Codes along a Morton curve; shared by the files of this room. */
#ifndef SKYMEANS_SAMPLES_MORTON_H
#define SKYMEANS_SAMPLES_MORTON_H

#include "skymeans/samples.h"

enum { KM_CODE_BITS = 32 };

typedef struct km_morton km_morton;

/* What the codes follow from, the same on all ranks. Collective over comm. NULL and KM_MEMORY,
 * agreed, if it can't be had. */
km_morton *km_morton_create(const km_samples *samples, MPI_Comm comm, km_error *error);
void km_morton_free(km_morton *morton);

/* The codes of the samples of a block, KM_BLOCK of them. */
void km_morton_codes(const km_morton *morton, const km_samples *samples, int64_t block,
                     uint32_t *codes);

/* Sorts the samples of this rank by their codes. Collective over comm; KM_MEMORY, agreed. */
km_code km_morton_order(const km_morton *morton, km_samples *samples, MPI_Comm comm,
                        km_error *error);

#endif
