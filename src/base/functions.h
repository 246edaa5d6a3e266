/* functions.h - elementary functions that give the same bits on every machine.
 *
 * Those of the C library differ in their last bits between its versions, and between processors
 * with and without fma. These consist of additions, multiplications, divisions and square roots of
 * doubles, each of which IEEE 754 rounds in one way only. They are meant for mock catalogues: about
 * 1e-15 right, for the arguments that are named here, and for no others. */
#ifndef SKYMEANS_BASE_FUNCTIONS_H
#define SKYMEANS_BASE_FUNCTIONS_H

#include <stdint.h>
#include <string.h>

double km_log(double x);   /* natural; x > 0 and not denormal */
double km_exp(double x);   /* |x| < 700 */
double km_cos(double x);   /* of x turns, cos(2 pi x); |x| < 2^31 */
double km_asin(double x);  /* in radians; |x| <= 1 */
double km_exp10(double x); /* 10^x; |x| < 300 */

/* 64 random bits as a real number: one of 2^52 that lie evenly in (-1/2, 1/2), without 0. */
static inline double km_centred(uint64_t random)
{
    const uint64_t bits = random >> 12 | UINT64_C(0x3ff) << 52; /* in [1, 2) */
    double value;
    memcpy(&value, &bits, sizeof value);
    return value - 1.5 + 0x1p-53;
}

/* The same as a number in (0, 1). */
static inline double km_uniform(uint64_t random)
{
    return km_centred(random) + 0.5;
}

/* Random bits as `count` deviates of the normal distribution with mean 0 and variance 1; none is
 * beyond 8.3. */
void km_normals(const uint64_t *random, int64_t count, double *normals);

#endif
