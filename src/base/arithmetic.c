/* Powers of two. */
#include "base/arithmetic.h"

#include <math.h>

km_power km_power_of_two(int exponent)
{
    return (km_power){ldexp(1, exponent / 2), ldexp(1, exponent - exponent / 2)};
}

int km_exponent_above(double value)
{
    int exponent = 0;
    frexp(value, &exponent);
    return exponent;
}
