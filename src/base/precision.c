/* What depends on the working precision. */
#include "base/precision.h"

#include <string.h>

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

double km_precision_smallest(km_precision precision)
{
    return precision == KM_FLOAT32 ? 0x1p-126 : 0x1p-1022;
}

int km_precision_exponent(km_precision precision)
{
    return precision == KM_FLOAT32 ? 127 : 1023;
}

void km_round_to_precision(km_precision precision, const double *values, int64_t count, void *out)
{
    if (precision == KM_FLOAT32)
        for (int64_t i = 0; i < count; i++)
            ((float *)out)[i] = (float)values[i];
    else
        memcpy(out, values, (size_t)count * sizeof *values);
}

void km_widen_to_double(km_precision precision, const void *values, int64_t count, double *out)
{
    if (precision == KM_FLOAT32)
        for (int64_t i = 0; i < count; i++)
            out[i] = (double)((const float *)values)[i];
    else
        memcpy(out, values, (size_t)count * sizeof *out);
}
