/* What more centers would gain, each alone: see km_nearness_gains. */
#include "nearness_parts.h"

#include <string.h>

static uint64_t gain_in_block(const km_nearness *near, int64_t block, const void *center)
{
    const km_samples *samples = near->samples;
    const km_precision precision = samples->precision;
    const km_distances *before = distances_of(near, block);
    km_distances distances2;
    uint64_t gain = 0;
    near->kernel->distances_to[precision](km_samples_block(samples, block), center,
                                          samples->n_features, &distances2);
    for (int l = 0; l < KM_BLOCK; l++) {
        const double old = km_distance_of(before, precision, l);
        const double new = km_distance_of(&distances2, precision, l);
        if (new < old)
            gain += weight_of(near, block * KM_BLOCK + l, old) -
                    weight_of(near, block * KM_BLOCK + l, new);
    }
    return gain;
}

static uint64_t gain_in_group(const km_nearness *near, int64_t group, const double *center,
                              const void *rounded)
{
    const km_rows blocks = blocks_of_group(near, group);
    uint64_t gain = 0;
    if (!km_nearness_can_lower(near, group, center))
        return 0;
    for (int64_t b = blocks.first; b < blocks.first + blocks.count; b++)
        if (km_nearness_can_lower(near, near->n_groups + b, center))
            gain += gain_in_block(near, b, rounded);
    return gain;
}

void km_nearness_gains(const km_nearness *near, const double *centers, const void *rounded,
                       int64_t n, uint64_t *gains)
{
    const int64_t d = near->samples->n_features;
    const size_t size = (size_t)d * km_precision_size(near->samples->precision);
    memset(gains, 0, (size_t)n * sizeof *gains);
#pragma omp parallel for schedule(dynamic, 4)
    for (int64_t g = 0; g < near->n_groups; g++)
        for (int64_t i = 0; i < n; i++) {
            const uint64_t gain =
                gain_in_group(near, g, centers + i * d, (const char *)rounded + (size_t)i * size);
            if (gain > 0) {
#pragma omp atomic
                gains[i] += gain;
            }
        }
}
