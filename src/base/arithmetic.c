
#include "base/arithmetic.h"
#include "base/precision.h"

#include <math.h>

size_t km_precision_size(km_precision precision)
{
    return precision == KM_FLOAT32 ? sizeof(float) : sizeof(double);
}

const char *km_precision_name(km_precision precision)
{
    return precision == KM_FLOAT32 ? "float32" : "float64";
}

double km_precision_epsilon(km_precision precision)
{
    return precision == KM_FLOAT32 ? 0x1p-24 : 0x1p-53;
}

km_power km_power_of_two(int exponent)
{
    return (km_power){ldexp(1, exponent / 2), ldexp(1, exponent - exponent / 2)};
}
