/* precision.h - the working precision, and values in it.
 *
 * Code handles the two precisions in one of two ways. Loops over the lanes of a block are
 * templates: files that are included once per precision (kernels/float32.h). Everything else reads
 * and writes values as doubles, by the functions below. */
#ifndef SKYMEANS_BASE_PRECISION_H
#define SKYMEANS_BASE_PRECISION_H

#include <stddef.h>
#include <stdint.h>

/* Working precision of the samples: distances and decisions are made in it. */
typedef enum km_precision { KM_FLOAT32, KM_FLOAT64 } km_precision;

size_t km_precision_size(km_precision precision);      /* bytes per value */
const char *km_precision_name(km_precision precision); /* "float32", "float64" */
double km_precision_epsilon(km_precision precision);   /* relative error of rounding */
double km_precision_smallest(km_precision precision);  /* the minimum normal number */
int km_precision_exponent(km_precision precision);     /* the maximum exponent: 127 or 1023 */

/* Value number `at` of an array in working precision. */
static inline double km_value_get(km_precision precision, const void *values, int64_t at)
{
    return precision == KM_FLOAT32 ? (double)((const float *)values)[at]
                                   : ((const double *)values)[at];
}

/* Sets that value to a double, rounded to the working precision. */
static inline void km_value_set(km_precision precision, void *values, int64_t at, double value)
{
    if (precision == KM_FLOAT32)
        ((float *)values)[at] = (float)value;
    else
        ((double *)values)[at] = value;
}

/* Rounds `count` doubles to the working precision; and converts back, which is exact. */
void km_round_to_precision(km_precision precision, const double *values, int64_t count, void *out);
void km_widen_to_double(km_precision precision, const void *values, int64_t count, double *out);

#endif
