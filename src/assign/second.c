/* The second nearest center of every sample: both nearest ones are found again, in one pass. */
#include "assign/second.h"

/* A label may be that of another center which is as near: clusters have got other numbers since. */
static int32_t choose_second(int32_t nearest, int32_t second, int32_t label)
{
    return nearest == label ? second : nearest;
}

void km_second_labels(const km_samples *samples, const km_kernel *kernel, const void *centers,
                      int64_t k, const int32_t *labels, int32_t *seconds)
{
#pragma omp parallel for
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        int32_t nearest[KM_BLOCK], second[KM_BLOCK];
        const uint32_t *rows = samples->rows + b * KM_BLOCK;
        kernel->nearest_pair[samples->precision](km_samples_block(samples, b), centers,
                                                 samples->n_features, k, nearest, second);
        for (int l = 0; l < km_samples_lanes(samples, b); l++)
            seconds[rows[l]] = choose_second(nearest[l], second[l], labels[rows[l]]);
    }
}
