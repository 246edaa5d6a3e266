/* The second nearest center of every sample: both nearest ones are found again, in one pass. */
#include "assign/second.h"

void km_second_of_block(const km_samples *samples, const km_kernel *kernel, const void *centers,
                        int64_t k, int64_t block, const int32_t *labels, int32_t *seconds)
{
    int32_t nearest[KM_BLOCK];
    kernel->nearest_pair[samples->precision](km_samples_block(samples, block), centers,
                                             samples->n_features, k, nearest, seconds);
    /* A label may be that of another center which is as near: clusters have got other numbers
     * since. */
    for (int l = 0; l < KM_BLOCK; l++)
        seconds[l] = nearest[l] == labels[l] ? seconds[l] : nearest[l];
}

void km_second_labels(const km_samples *samples, const km_kernel *kernel, const void *centers,
                      int64_t k, const int32_t *labels, int32_t *seconds)
{
#pragma omp parallel for
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        int32_t own[KM_BLOCK] = {0}, found[KM_BLOCK];
        const uint32_t *rows = samples->rows + b * KM_BLOCK;
        const int lanes = km_samples_lanes(samples, b);
        for (int l = 0; l < lanes; l++)
            own[l] = labels[rows[l]];
        km_second_of_block(samples, kernel, centers, k, b, own, found);
        for (int l = 0; l < lanes; l++)
            seconds[rows[l]] = found[l];
    }
}
