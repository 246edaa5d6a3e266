/* precision.h - the working precision. */
#ifndef SKYMEANS_BASE_PRECISION_H
#define SKYMEANS_BASE_PRECISION_H

#include <stddef.h>

/* Working precision of the samples: distances and decisions are made in it. */
typedef enum km_precision { KM_FLOAT32, KM_FLOAT64 } km_precision;

size_t km_precision_size(km_precision precision);      /* bytes a value */
const char *km_precision_name(km_precision precision); /* "float32", "float64" */
double km_precision_epsilon(km_precision precision);   /* relative error of rounding */

#endif
