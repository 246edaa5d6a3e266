/* arithmetic.h - integers, powers of two, doubles as whole numbers. */
#ifndef SKYMEANS_BASE_ARITHMETIC_H
#define SKYMEANS_BASE_ARITHMETIC_H

#include <stdint.h>

/* 128-bit integers, which gcc and clang have on all 64-bit machines. */
__extension__ typedef __int128 km_int128;
__extension__ typedef unsigned __int128 km_uint128;

static inline int64_t km_min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t km_max_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* A power of two as a product a * b of two doubles, since the power itself may be out of range. */
typedef struct km_power {
    double a, b;
} km_power;

km_power km_power_of_two(int exponent);

/* The smallest exponent with value < 2^exponent, for value > 0. */
int km_exponent_above(double value);

/* Whole numbers in the order of finite doubles; both zeros have the same, whose value is 0. */
uint64_t km_key_of_double(double value);
double km_double_of_key(uint64_t key);

#endif
