/* Labels alone, every sample against every center. */
#include "base/partition.h"
#include "methods.h"

#include <math.h>

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

static bool are_pairs_safe(const km_samples *samples, const void *centers, int64_t k)
{
    const int64_t n = k * samples->n_features;
    double largest = km_find_largest_sample(samples);
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(km_value_get(samples->precision, centers, i)));
    return km_squares_are_safe(largest, samples->n_features, samples->precision);
}

bool km_label_pairs(const km_samples *samples, const km_kernel *kernel, const void *centers,
                    int64_t k, int32_t *labels, int32_t *seconds)
{
    if (!are_pairs_safe(samples, centers, k))
        return false;
#pragma omp parallel for
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        int32_t own[KM_BLOCK], others[KM_BLOCK];
        km_samples_pass(samples, b);
        kernel->nearest_pair[samples->precision](km_samples_block(samples, b), centers,
                                                 samples->n_features, k, own, others);
        for (int l = 0; l < km_samples_lanes(samples, b); l++) {
            labels[b * KM_BLOCK + l] = own[l];
            seconds[samples->rows[b * KM_BLOCK + l]] = others[l];
        }
    }
    return true;
}
