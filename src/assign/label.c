/* Labels alone, every sample against every center. */
#include "assign/assign.h"
#include "base/partition.h"

void km_label_samples(const km_samples *samples, const km_kernel *kernel, const void *centers,
                      int64_t k, int32_t *labels)
{
#pragma omp parallel for
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        int32_t own[KM_BLOCK];
        km_distances distances2;
        km_samples_pass(samples, b);
        kernel->nearest[samples->precision](km_samples_block(samples, b), centers,
                                            samples->n_features, k, own, &distances2);
        for (int l = 0; l < km_samples_lanes(samples, b); l++)
            labels[b * KM_BLOCK + l] = own[l];
    }
}
