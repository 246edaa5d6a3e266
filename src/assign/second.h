/* second.h - the second nearest center of every sample, once labels are known. */
#ifndef SKYMEANS_ASSIGN_SECOND_H
#define SKYMEANS_ASSIGN_SECOND_H

#include "kernels/kernels.h"
#include "samples/samples.h"

/* The nearest center of each sample of a block but that of its label, the lowest number of those
 * equally near: by the canonical distance, so the same with any kernel. centers [k][d] in working
 * precision, k >= 2; labels and seconds [KM_BLOCK]. Nothing may overflow. Local. */
void km_second_of_block(const km_samples *samples, const km_kernel *kernel, const void *centers,
                        int64_t k, int64_t block, const int32_t *labels, int32_t *seconds);

/* The same of all samples of this rank. Labels and seconds are [slab.count], by row, and so are the
 * distances to the centers of the labels, in any unit, of which the largest is `largest` in working
 * units; seconds of rows that are no samples are left as they are. On all threads. Local. */
void km_second_labels(const km_samples *samples, const km_kernel *kernel, const void *centers,
                      int64_t k, const int32_t *labels, const double *distances, double largest,
                      int32_t *seconds);

/* The ways of it: the first for squared distances that overflow; the second compares with all
 * centers, and the third with those that are near, which pays with many: false, and it is not done,
 * without memory. */
void km_second_labels_plainly(const km_samples *samples, const void *centers, int64_t k,
                              const int32_t *labels, int32_t *seconds);
void km_second_labels_of_all(const km_samples *samples, const km_kernel *kernel,
                             const void *centers, int64_t k, const int32_t *labels,
                             int32_t *seconds);
bool km_second_labels_near(const km_samples *samples, const km_kernel *kernel, const void *centers,
                           int64_t k, const int32_t *labels, const double *distances,
                           int32_t *seconds);

/* Bytes per rank, of the third way and of that which pays. */
double km_second_near_bytes(const km_shape *shape);
double km_second_bytes(const km_shape *shape);

#endif
