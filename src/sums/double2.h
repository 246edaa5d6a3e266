/* double2.h - double-double arithmetic: Dekker 1971 (doi:10.1007/BF01397083), with fused
 * multiply-add. Inline, since each operation is shorter than a call. */
#ifndef SKYMEANS_DOUBLE2_H
#define SKYMEANS_DOUBLE2_H

#include <math.h>

/* A number as the unevaluated sum of two doubles: 106 bits. */
typedef struct km_double2 {
    double high, low;
} km_double2;

/* a + b exactly (Knuth's two-sum). */
static inline km_double2 km_double2_sum(double a, double b)
{
    const double sum = a + b, other = sum - a;
    return (km_double2){sum, (a - (sum - other)) + (b - other)};
}

/* a - b exactly. */
static inline km_double2 km_double2_difference(double a, double b)
{
    return km_double2_sum(a, -b);
}

/* a * a exactly. */
static inline km_double2 km_double2_square(double a)
{
    const double square = a * a;
    return (km_double2){square, fma(a, a, -square)};
}

static inline km_double2 km_double2_add(km_double2 a, km_double2 b)
{
    km_double2 high = km_double2_sum(a.high, b.high);
    const km_double2 low = km_double2_sum(a.low, b.low);
    high = km_double2_sum(high.high, high.low + low.high);
    return km_double2_sum(high.high, high.low + low.low);
}

static inline km_double2 km_double2_multiply(km_double2 a, km_double2 b)
{
    const double product = a.high * b.high;
    const double rest = fma(a.high, b.high, -product) + (a.high * b.low + a.low * b.high);
    return km_double2_sum(product, rest);
}

#endif
