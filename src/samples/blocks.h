/* blocks.h - where the values of samples are in their blocks. */
#ifndef SKYMEANS_SAMPLES_BLOCKS_H
#define SKYMEANS_SAMPLES_BLOCKS_H

#include "samples/samples.h"

static inline int64_t km_blocks_of(int64_t count)
{
    return count / KM_BLOCK + (count % KM_BLOCK > 0);
}

/* Where the value of one feature of a sample is. */
static inline void *km_place_of_value(const km_samples *samples, int64_t sample, int64_t feature)
{
    const size_t size = km_precision_size(samples->precision);
    const int64_t first = (sample / KM_BLOCK * samples->n_features + feature) * KM_BLOCK;
    return (char *)samples->values + (size_t)(first + sample % KM_BLOCK) * size;
}

#endif
