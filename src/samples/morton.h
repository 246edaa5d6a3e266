/* Codes along a Morton curve; shared by the files of this room. */
#ifndef SKYMEANS_SAMPLES_MORTON_H
#define SKYMEANS_SAMPLES_MORTON_H

#include "skymeans/samples.h"

enum { KM_CODE_BITS = 32 };

typedef struct km_morton km_morton;

/* What the codes of some samples follow from. KM_MEMORY, and NULL, if it can't be had. */
km_morton *km_morton_create(const km_samples *samples, km_error *error);
void km_morton_free(km_morton *morton);

/* The codes of the samples of a block, KM_BLOCK of them. */
void km_morton_codes(const km_morton *morton, const km_samples *samples, int64_t block,
                     uint32_t *codes);

#endif
