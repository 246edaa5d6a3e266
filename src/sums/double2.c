/* Double-double arithmetic: Dekker 1971 (doi:10.1007/BF01397083), with fused multiply-add. */
#include "sums/sums.h"

#include <math.h>

/* a + b exactly (Knuth's two-sum). */
static km_double2 two_sum(double a, double b)
{
    const double sum = a + b, other = sum - a;
    return (km_double2){sum, (a - (sum - other)) + (b - other)};
}

km_double2 km_double2_difference(double a, double b)
{
    return two_sum(a, -b);
}

km_double2 km_double2_square(double a)
{
    const double square = a * a;
    return (km_double2){square, fma(a, a, -square)};
}

km_double2 km_double2_add(km_double2 a, km_double2 b)
{
    km_double2 high = two_sum(a.high, b.high);
    const km_double2 low = two_sum(a.low, b.low);
    high = two_sum(high.high, high.low + low.high);
    return two_sum(high.high, high.low + low.low);
}

km_double2 km_double2_multiply(km_double2 a, km_double2 b)
{
    const double product = a.high * b.high;
    const double rest = fma(a.high, b.high, -product) + (a.high * b.low + a.low * b.high);
    return two_sum(product, rest);
}
