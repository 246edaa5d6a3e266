/* The reference kernel of gaps between centers, as their definition says. */
#include "base/partition.h"
#include "variants.h"

#include <math.h>
#include <string.h>

/* The canonical squared distance of a sample to a center. */
typedef double distance(const void *block, const void *centers, int64_t d, int64_t c, int lane);

static double distance_float32(const void *block, const void *centers, int64_t d, int64_t c,
                               int lane)
{
    const float *values = block, *center = (const float *)centers + c * d;
    float d2 = 0;
    for (int64_t j = 0; j < d; j++) {
        const float difference = values[j * KM_BLOCK + lane] - center[j];
        d2 = fmaf(difference, difference, d2);
    }
    return d2;
}

static double distance_float64(const void *block, const void *centers, int64_t d, int64_t c,
                               int lane)
{
    const double *values = block, *center = (const double *)centers + c * d;
    double d2 = 0;
    for (int64_t j = 0; j < d; j++) {
        const double difference = values[j * KM_BLOCK + lane] - center[j];
        d2 = fma(difference, difference, d2);
    }
    return d2;
}

/* Doubles hold the distances of both precisions. */
static void find_nearest(distance *distance_of, const void *block, const void *centers, int64_t d,
                         const int32_t *chosen, int64_t n_chosen, int32_t *labels)
{
    for (int l = 0; l < KM_BLOCK; l++) {
        double best = INFINITY;
        labels[l] = chosen[0];
        for (int64_t i = 0; i < n_chosen; i++) {
            const double d2 = distance_of(block, centers, d, chosen[i], l);
            if (d2 < best) {
                labels[l] = chosen[i];
                best = d2;
            }
        }
    }
}

static void find_gaps(distance *distance_of, double epsilon, double smallest, const void *block,
                      const void *centers, int64_t d, const int32_t *chosen, int64_t n_chosen,
                      const int32_t *labels, double *gaps)
{
    for (int64_t i = 0; i < n_chosen; i++) {
        gaps[i] = INFINITY;
        for (int l = 0; l < KM_BLOCK; l++) {
            const double root = sqrt(distance_of(block, centers, d, chosen[i], l));
            const double own = sqrt(distance_of(block, centers, d, labels[l], l));
            if (labels[l] != chosen[i])
                gaps[i] = fmin(gaps[i], root * (1 - KM_GAP_SLACK(d) * epsilon) - own);
        }
        gaps[i] -= 4 * sqrt(((double)d + 2) * smallest);
    }
}

static double find_farthest(distance *distance_of, double epsilon, double smallest,
                            const void *block, const void *centers, int64_t d,
                            const int32_t *labels)
{
    double farthest = 0;
    for (int l = 0; l < KM_BLOCK; l++)
        farthest = fmax(farthest, sqrt(distance_of(block, centers, d, labels[l], l)));
    return farthest * (1 + KM_GAP_SLACK(d) * epsilon) + 4 * sqrt(((double)d + 2) * smallest);
}

double km_nearest_gaps_reference_float32(const void *block, const void *centers, int64_t n_features,
                                         const int32_t *chosen, int64_t n_chosen, void *work,
                                         int32_t *labels, double *gaps)
{
    (void)work;
    find_nearest(distance_float32, block, centers, n_features, chosen, n_chosen, labels);
    find_gaps(distance_float32, 0x1p-24, (double)0x1p-126f, block, centers, n_features, chosen,
              n_chosen, labels, gaps);
    return find_farthest(distance_float32, 0x1p-24, (double)0x1p-126f, block, centers, n_features,
                         labels);
}

double km_nearest_gaps_reference_float64(const void *block, const void *centers, int64_t n_features,
                                         const int32_t *chosen, int64_t n_chosen, void *work,
                                         int32_t *labels, double *gaps)
{
    (void)work;
    find_nearest(distance_float64, block, centers, n_features, chosen, n_chosen, labels);
    find_gaps(distance_float64, 0x1p-53, 0x1p-1022, block, centers, n_features, chosen, n_chosen,
              labels, gaps);
    return find_farthest(distance_float64, 0x1p-53, 0x1p-1022, block, centers, n_features, labels);
}

bool km_used_up_reference(const float *gaps, const float *paths, float own_path, int64_t n_centers,
                          uint64_t *used)
{
    bool any = false;
    memset(used, 0, (size_t)((n_centers + 63) / 64) * sizeof *used);
    for (int64_t c = 0; c < n_centers; c++)
        if (!(gaps[c] > paths[c] + own_path)) {
            used[c / 64] |= (uint64_t)1 << c % 64;
            any = true;
        }
    return any;
}
