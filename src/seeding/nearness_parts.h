/* What the files of km_nearness share. */
#ifndef SKYMEANS_SEEDING_NEARNESS_PARTS_H
#define SKYMEANS_SEEDING_NEARNESS_PARTS_H

#include "base/partition.h"
#include "base/precision.h"
#include "nearness.h"

enum { GROUP_BLOCKS = 16 };

static inline int64_t parts_of(int64_t count, int64_t size)
{
    return (count + size - 1) / size;
}

static inline double min_of(double a, double b)
{
    return b < a ? b : a;
}

static inline double max_of(double a, double b)
{
    return b > a ? b : a;
}

static inline km_rows blocks_of_group(const km_nearness *near, int64_t group)
{
    const int64_t first = group * GROUP_BLOCKS, left = near->samples->n_blocks - first;
    return (km_rows){first, left < GROUP_BLOCKS ? left : GROUP_BLOCKS};
}

static inline km_distances *distances_of(const km_nearness *near, int64_t block)
{
    const size_t size = KM_BLOCK * km_precision_size(near->samples->precision);
    return (void *)(near->distances2 + (size_t)block * size);
}

static inline uint64_t weight_of(const km_nearness *near, int64_t sample, double distance2)
{
    const double *weights = near->samples->weights;
    const double weight = weights != NULL ? weights[sample] : 1;
    const bool is_begun = near->power.a > 0;
    return (uint64_t)(is_begun ? weight * distance2 * near->power.a * near->power.b : weight);
}

/* Fills in the boxes of all groups and blocks. */
void km_nearness_find_boxes(const km_nearness *near);

/* May a center be nearer to a sample in this box than the centers so far? */
bool km_nearness_can_lower(const km_nearness *near, int64_t box, const double *center);

#endif
