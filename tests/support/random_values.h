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

#endif
