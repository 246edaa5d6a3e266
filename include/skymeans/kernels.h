/* kernels.h - arithmetic on arrays: which center is nearest.
 *
 * The canonical distance, which every kernel gives to the last bit: in working precision,
 *     d2 = 0;  for each feature j in order:  d2 = fma(x[j] - c[j], x[j] - c[j], d2)
 * SIMD lanes hold samples, never features, so the width of the vectors does not matter. A tie goes
 * to the lowest center number. Kernels know no MPI, files, heap or globals. */
#ifndef SKYMEANS_KERNELS_H
#define SKYMEANS_KERNELS_H

#include "skymeans/base.h"

/* Squared distances of the samples of a block, in working precision. */
typedef union km_distances {
    _Alignas(64) float float32[KM_BLOCK];
    double float64[KM_BLOCK];
} km_distances;

static inline double km_distance_of(const km_distances *distances2, km_precision precision,
                                    int lane)
{
    return precision == KM_FLOAT32 ? (double)distances2->float32[lane] : distances2->float64[lane];
}

/* For the KM_BLOCK samples of one block the number of the nearest center and the canonical squared
 * distance to it. In the working precision of the kernel: block [d][KM_BLOCK], centers [k][d];
 * labels [KM_BLOCK]. Values are finite; k >= 1. */
typedef void km_nearest(const void *block, const void *centers, int64_t n_features,
                        int64_t n_centers, int32_t *labels, km_distances *distances2);

/* The squared distance of each of the KM_BLOCK samples of one block to the center that its label
 * names, as above but in double throughout. The block [d][KM_BLOCK] is in the precision of the
 * kernel; centers [k][d], labels [KM_BLOCK], all of them in [0, k), distances2 [KM_BLOCK]. */
typedef void km_measure(const void *block, const double *centers, int64_t n_features,
                        const int32_t *labels, double *distances2);

/* What one more center brings nearer: where the canonical squared distance of a sample to `center`
 * [d] is less than its `nearest2`, the latter becomes the former. In the working precision of the
 * kernel. */
typedef void km_approach(const void *block, const void *center, int64_t n_features,
                         km_distances *nearest2);

/* Functions by km_precision, that of the samples. Blocks are aligned for vectors; nothing else need
 * be but for km_distances. */
typedef struct km_kernel {
    const char *name;
    bool (*is_available)(void); /* on this processor */
    km_nearest *nearest[2];
    km_measure *measure[2];
    km_approach *approach[2];
} km_kernel;

/* The table of kernels, plainest first, ended by a NULL name. The first, `reference`, defines what
 * is right and is available everywhere. */
extern const km_kernel km_kernels[];

/* A bit for each row of the table that this processor can run. */
uint64_t km_kernels_available(void);

/* The kernel called `name` among those in `available`, or for "auto" the fastest of them; NULL if
 * there is none. */
const km_kernel *km_kernel_choose(const char *name, uint64_t available);

#endif
