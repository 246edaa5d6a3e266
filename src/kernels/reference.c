/* The reference kernel: one sample and one center after the other, as the definition says. It is
 * the twin against which every other kernel is compared bit by bit. */
#include "base/partition.h"
#include "variants.h"

#include <math.h>
#include <string.h>

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

static float middle_float32(const float *lowest, const float *highest, int64_t at)
{
    return (lowest[at] + highest[at]) / 2;
}

/* About the middle as it was rounded. */
static float half_width_float32(const float *lowest, const float *highest, int64_t at)
{
    const float middle = middle_float32(lowest, highest, at);
    return fmaxf(highest[at] - middle, middle - lowest[at]);
}

void km_filter_reference_float32(const void *boxes, const void *centers, int64_t n_features,
                                 int64_t n_centers, const double *margins, void *work,
                                 uint16_t *kept)
{
    const float *lowest = boxes, *highest = lowest + n_features * KM_SIBLINGS, *center = centers;
    float *distances2 = work;
    memset(kept, 0, (size_t)n_centers * sizeof *kept);
    for (int b = 0; b < KM_SIBLINGS; b++) {
        float diagonal2 = 0;
        int64_t rival = 0;
        for (int64_t j = 0; j < n_features; j++) {
            const float half = half_width_float32(lowest, highest, j * KM_SIBLINGS + b);
            diagonal2 += half * half;
        }
        for (int64_t c = 0; c < n_centers; c++) {
            distances2[c] = 0;
            for (int64_t j = 0; j < n_features; j++) {
                const float apart = center[c * n_features + j] -
                                    middle_float32(lowest, highest, j * KM_SIBLINGS + b);
                distances2[c] += apart * apart;
            }
            rival = distances2[c] < distances2[rival] ? c : rival;
        }
        for (int64_t c = 0; c < n_centers; c++) {
            float lead = distances2[c] - distances2[rival];
            for (int64_t j = 0; j < n_features; j++)
                lead -= 2 * half_width_float32(lowest, highest, j * KM_SIBLINGS + b) *
                        fabsf(center[c * n_features + j] - center[rival * n_features + j]);
            float allowed =
                (float)(KM_FILTER_SLACK(n_features) * 0x1p-24) * (distances2[c] + diagonal2) +
                (float)KM_FILTER_SLACK(n_features) * 0x1p-126f;
            if (margins != NULL)
                allowed += (float)(margins[b] * (1 + 0x1p-12)) *
                           (sqrtf(distances2[c]) + sqrtf(distances2[rival]) + 2 * sqrtf(diagonal2));
            kept[c] |= (uint16_t)(!(lead > allowed) << b);
        }
    }
}

uint64_t km_nearest_listed_reference_float32(const void *block, const void *centers,
                                             int64_t n_features, const int32_t *numbers,
                                             const int32_t *chosen, int64_t n_chosen,
                                             const int32_t *old, int32_t *labels, double *gap)
{
    const float *values = block;
    uint64_t changed = 0;
    double least = INFINITY;
    for (int l = 0; l < KM_BLOCK; l++) {
        float best = INFINITY, second = INFINITY;
        labels[l] = numbers[chosen[0]];
        for (int64_t i = 0; i < n_chosen; i++) {
            const float *center = (const float *)centers + chosen[i] * n_features;
            float d2 = 0;
            for (int64_t j = 0; j < n_features; j++) {
                const float difference = values[j * KM_BLOCK + l] - center[j];
                d2 = fmaf(difference, difference, d2);
            }
            labels[l] = d2 < best ? numbers[chosen[i]] : labels[l];
            second = d2 < best ? best : d2 < second ? d2 : second;
            best = d2 < best ? d2 : best;
        }
        changed |= (uint64_t)(labels[l] != old[l]) << l;
        least = fmin(least, (double)sqrtf(second) * (1 - KM_GAP_SLACK(n_features) * 0x1p-24) -
                                (double)sqrtf(best));
    }
    if (gap != NULL)
        *gap = least - 4 * sqrt(((double)n_features + 2) * (double)0x1p-126f);
    return changed;
}

static double middle_float64(const double *lowest, const double *highest, int64_t at)
{
    return (lowest[at] + highest[at]) / 2;
}

/* About the middle as it was rounded. */
static double half_width_float64(const double *lowest, const double *highest, int64_t at)
{
    const double middle = middle_float64(lowest, highest, at);
    return fmax(highest[at] - middle, middle - lowest[at]);
}

void km_filter_reference_float64(const void *boxes, const void *centers, int64_t n_features,
                                 int64_t n_centers, const double *margins, void *work,
                                 uint16_t *kept)
{
    const double *lowest = boxes, *highest = lowest + n_features * KM_SIBLINGS, *center = centers;
    double *distances2 = work;
    memset(kept, 0, (size_t)n_centers * sizeof *kept);
    for (int b = 0; b < KM_SIBLINGS; b++) {
        double diagonal2 = 0;
        int64_t rival = 0;
        for (int64_t j = 0; j < n_features; j++) {
            const double half = half_width_float64(lowest, highest, j * KM_SIBLINGS + b);
            diagonal2 += half * half;
        }
        for (int64_t c = 0; c < n_centers; c++) {
            distances2[c] = 0;
            for (int64_t j = 0; j < n_features; j++) {
                const double apart = center[c * n_features + j] -
                                     middle_float64(lowest, highest, j * KM_SIBLINGS + b);
                distances2[c] += apart * apart;
            }
            rival = distances2[c] < distances2[rival] ? c : rival;
        }
        for (int64_t c = 0; c < n_centers; c++) {
            double lead = distances2[c] - distances2[rival];
            for (int64_t j = 0; j < n_features; j++)
                lead -= 2 * half_width_float64(lowest, highest, j * KM_SIBLINGS + b) *
                        fabs(center[c * n_features + j] - center[rival * n_features + j]);
            double allowed =
                (double)(KM_FILTER_SLACK(n_features) * 0x1p-53) * (distances2[c] + diagonal2) +
                (double)KM_FILTER_SLACK(n_features) * 0x1p-1022;
            if (margins != NULL)
                allowed += (double)(margins[b] * (1 + 0x1p-12)) *
                           (sqrt(distances2[c]) + sqrt(distances2[rival]) + 2 * sqrt(diagonal2));
            kept[c] |= (uint16_t)(!(lead > allowed) << b);
        }
    }
}

uint64_t km_nearest_listed_reference_float64(const void *block, const void *centers,
                                             int64_t n_features, const int32_t *numbers,
                                             const int32_t *chosen, int64_t n_chosen,
                                             const int32_t *old, int32_t *labels, double *gap)
{
    const double *values = block;
    uint64_t changed = 0;
    double least = INFINITY;
    for (int l = 0; l < KM_BLOCK; l++) {
        double best = INFINITY, second = INFINITY;
        labels[l] = numbers[chosen[0]];
        for (int64_t i = 0; i < n_chosen; i++) {
            const double *center = (const double *)centers + chosen[i] * n_features;
            double d2 = 0;
            for (int64_t j = 0; j < n_features; j++) {
                const double difference = values[j * KM_BLOCK + l] - center[j];
                d2 = fma(difference, difference, d2);
            }
            labels[l] = d2 < best ? numbers[chosen[i]] : labels[l];
            second = d2 < best ? best : d2 < second ? d2 : second;
            best = d2 < best ? d2 : best;
        }
        changed |= (uint64_t)(labels[l] != old[l]) << l;
        least = fmin(least, (double)sqrt(second) * (1 - KM_GAP_SLACK(n_features) * 0x1p-53) -
                                (double)sqrt(best));
    }
    if (gap != NULL)
        *gap = least - 4 * sqrt(((double)n_features + 2) * (double)0x1p-1022);
    return changed;
}

static void add_moments(double value, const km_moments_task *task, int64_t *words)
{
    const km_double2 x = km_double2_difference(value, task->grid.origin);
    const double high = x.high * task->inverse_power, low = x.low * task->inverse_power;
    const km_double2 square = km_double2_square(high);
    const km_exact point = km_quantise(&task->grid, x.high, x.low);
    const km_exact square_point =
        km_quantise(&task->square_grid, square.high, square.low + 2 * high * low);
    words[0] += point.high;
    words[1] += point.low;
    words[2] += square_point.high;
    words[3] += square_point.low;
}

void km_moments_reference_float32(const void *values, const km_moments_task *task, int64_t *words)
{
    for (int l = 0; l < KM_BLOCK; l++)
        add_moments((double)((const float *)values)[l], task, words);
}

void km_moments_reference_float64(const void *values, const km_moments_task *task, int64_t *words)
{
    for (int l = 0; l < KM_BLOCK; l++)
        add_moments(((const double *)values)[l], task, words);
}
