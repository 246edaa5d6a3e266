/* Leading axes: directions in which centers differ most, for those that lie near a space of few
 * dimensions. */
#ifndef SKYMEANS_ASSIGN_AXES_H
#define SKYMEANS_ASSIGN_AXES_H

#include "base/error.h"
#include "base/precision.h"
#include "kernels/kernels.h"

/* The most axes for so many features, a multiple of KM_SCREEN_AXES; 0 if none. */
int64_t km_most_axes(int64_t n_features);

/* Fills axes [n_axes][d] with directions at right angles, those that hold most of the variance of
 * the centers [k][d] first; directions that centers do not have are 0. The spectral norm of the
 * matrix is at most 1. Returns the share of the variance that they hold, from 0 to 1; 0 if there is
 * no memory. On all threads. */
double km_find_axes(km_precision precision, const void *centers, int64_t k, int64_t d,
                    int64_t n_axes, float *axes);

/* Bytes per rank of that. */
double km_find_axes_bytes(int64_t k, int64_t d);

#endif
