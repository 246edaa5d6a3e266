/* The reference kernel: one sample and one center after the other, as the definition says. It is
 * the twin against which every other kernel is compared bit by bit. */
#include "variants.h"

#include <math.h>

void km_nearest_reference_float32(const void *block, const void *centers, int64_t n_features,
                                  int64_t n_centers, int32_t *labels, km_distances *distances2)
{
    const float *values = block, *center = centers;
    for (int l = 0; l < KM_BLOCK; l++) {
        float best = INFINITY;
        labels[l] = 0;
        for (int64_t c = 0; c < n_centers; c++) {
            float d2 = 0;
            for (int64_t j = 0; j < n_features; j++) {
                const float difference = values[j * KM_BLOCK + l] - center[c * n_features + j];
                d2 = fmaf(difference, difference, d2);
            }
            if (d2 < best) {
                best = d2;
                labels[l] = (int32_t)c;
            }
        }
        distances2->float32[l] = best;
    }
}

void km_nearest_reference_float64(const void *block, const void *centers, int64_t n_features,
                                  int64_t n_centers, int32_t *labels, km_distances *distances2)
{
    const double *values = block, *center = centers;
    for (int l = 0; l < KM_BLOCK; l++) {
        double best = INFINITY;
        labels[l] = 0;
        for (int64_t c = 0; c < n_centers; c++) {
            double d2 = 0;
            for (int64_t j = 0; j < n_features; j++) {
                const double difference = values[j * KM_BLOCK + l] - center[c * n_features + j];
                d2 = fma(difference, difference, d2);
            }
            if (d2 < best) {
                best = d2;
                labels[l] = (int32_t)c;
            }
        }
        distances2->float64[l] = best;
    }
}

void km_measure_reference_float32(const void *block, const double *centers, int64_t n_features,
                                  const int32_t *labels, double *distances2)
{
    const float *values = block;
    for (int l = 0; l < KM_BLOCK; l++) {
        const double *center = centers + labels[l] * n_features;
        double d2 = 0;
        for (int64_t j = 0; j < n_features; j++) {
            const double difference = values[j * KM_BLOCK + l] - center[j];
            d2 = fma(difference, difference, d2);
        }
        distances2[l] = d2;
    }
}

void km_measure_reference_float64(const void *block, const double *centers, int64_t n_features,
                                  const int32_t *labels, double *distances2)
{
    const double *values = block;
    for (int l = 0; l < KM_BLOCK; l++) {
        const double *center = centers + labels[l] * n_features;
        double d2 = 0;
        for (int64_t j = 0; j < n_features; j++) {
            const double difference = values[j * KM_BLOCK + l] - center[j];
            d2 = fma(difference, difference, d2);
        }
        distances2[l] = d2;
    }
}

void km_approach_reference_float32(const void *block, const void *center, int64_t n_features,
                                   km_distances *nearest2)
{
    const float *values = block, *position = center;
    for (int l = 0; l < KM_BLOCK; l++) {
        float d2 = 0;
        for (int64_t j = 0; j < n_features; j++) {
            const float difference = values[j * KM_BLOCK + l] - position[j];
            d2 = fmaf(difference, difference, d2);
        }
        if (d2 < nearest2->float32[l])
            nearest2->float32[l] = d2;
    }
}

void km_approach_reference_float64(const void *block, const void *center, int64_t n_features,
                                   km_distances *nearest2)
{
    const double *values = block, *position = center;
    for (int l = 0; l < KM_BLOCK; l++) {
        double d2 = 0;
        for (int64_t j = 0; j < n_features; j++) {
            const double difference = values[j * KM_BLOCK + l] - position[j];
            d2 = fma(difference, difference, d2);
        }
        if (d2 < nearest2->float64[l])
            nearest2->float64[l] = d2;
    }
}
