/* The functions behind the table of kernels. */
#ifndef SKYMEANS_KERNELS_VARIANTS_H
#define SKYMEANS_KERNELS_VARIANTS_H

#include "skymeans/kernels.h"

km_nearest km_nearest_reference_float32, km_nearest_reference_float64;
km_nearest km_nearest_avx2_float32, km_nearest_avx2_float64;
km_nearest km_nearest_avx512_float32, km_nearest_avx512_float64;
km_nearest km_nearest_neon_float32, km_nearest_neon_float64;

#endif
