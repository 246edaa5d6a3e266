/* random_values.h - numbers that look random, made of a number, so that every rank has the same. */
#ifndef SKYMEANS_TESTS_RANDOM_VALUES_H
#define SKYMEANS_TESTS_RANDOM_VALUES_H

#include "base/hash.h"

/* In [0, 1). */
static inline double unit(uint64_t number)
{
    return (double)(km_mix(number * 0x9e3779b97f4a7c15u + 1) >> 11) * 0x1p-53;
}

/* About normal, of variance 1: the sum of four uniform numbers. */
static inline double about_normal(uint64_t number)
{
    return (unit(4 * number) + unit(4 * number + 1) + unit(4 * number + 2) + unit(4 * number + 3) -
            2) *
           1.7;
}

/* Round clouds, half as many as clusters, in no order, and 10 % of the rows between them. */
static inline float cloud_value(int64_t row, int64_t feature, int64_t n_features,
                                int64_t n_clusters)
{
    const uint64_t n_clouds = (uint64_t)(n_clusters / 2 > 0 ? n_clusters / 2 : 1);
    const uint64_t number = (uint64_t)(row * n_features + feature),
                   cloud = km_mix((uint64_t)row) % n_clouds;
    if (unit((uint64_t)row << 20) < 0.1)
        return (float)(12 * unit(number << 8) - 1);
    return (float)(10 * unit((cloud * (uint64_t)n_features + (uint64_t)feature) << 40) +
                   about_normal(number));
}

#endif
