/* second.h - the second nearest center of every sample, once labels are known. */
#ifndef SKYMEANS_ASSIGN_SECOND_H
#define SKYMEANS_ASSIGN_SECOND_H

#include "kernels/kernels.h"
#include "samples/samples.h"

/* The nearest center of each sample of a block but that of its label, the lowest number of those
 * equally near: by the canonical distance, so the same with any kernel. centers [k][d] in working
 * precision, k >= 2; labels and seconds [KM_BLOCK]. Local. */
void km_second_of_block(const km_samples *samples, const km_kernel *kernel, const void *centers,
                        int64_t k, int64_t block, const int32_t *labels, int32_t *seconds);

/* The same of all samples of this rank; labels and seconds [slab.count], by row; seconds of rows
 * that are no samples are left as they are. On all threads. Local. */
void km_second_labels(const km_samples *samples, const km_kernel *kernel, const void *centers,
                      int64_t k, const int32_t *labels, int32_t *seconds);

#endif
