/* The second nearest center of every sample: both nearest ones are found again, in one pass. */
#include "assign/second.h"

#include "methods.h"

#include <math.h>

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

void km_second_labels_of_all(const km_samples *samples, const km_kernel *kernel,
                             const void *centers, int64_t k, const int32_t *labels,
                             int32_t *seconds)
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

static int32_t find_second_plainly(const km_samples *samples, int64_t sample, const void *centers,
                                   int64_t k, int32_t label)
{
    const int64_t d = samples->n_features;
    const size_t size = (size_t)d * km_precision_size(samples->precision);
    int32_t second = -1;
    double best = INFINITY;
    for (int32_t c = 0; c < k; c++) {
        const double distance2 =
            km_distance2(samples->precision, km_samples_block(samples, sample / KM_BLOCK),
                         (int)(sample % KM_BLOCK), (const char *)centers + (size_t)c * size, d);
        if (c != label && (second < 0 || distance2 < best)) {
            second = c;
            best = distance2;
        }
    }
    return second;
}

void km_second_labels_plainly(const km_samples *samples, const void *centers, int64_t k,
                              const int32_t *labels, int32_t *seconds)
{
#pragma omp parallel for schedule(dynamic, KM_BLOCK)
    for (int64_t i = 0; i < samples->n_samples; i++) {
        const uint32_t row = samples->rows[i];
        seconds[row] = find_second_plainly(samples, i, centers, k, labels[row]);
    }
}

/* Measured: so many centers a feature, and so many in all, make up for going through samples
 * cluster by cluster. */
static bool pays_near(int64_t k, int64_t d)
{
    enum { MANY_PER_FEATURE = 32, MANY_IN_ALL = 200, MOST_FEATURES = 16 };
    return k >= MANY_IN_ALL && k >= MANY_PER_FEATURE * d && d <= MOST_FEATURES;
}

double km_second_bytes(const km_shape *shape)
{
    return pays_near(shape->n_clusters, shape->n_features) ? km_second_near_bytes(shape) : 0;
}

/* No center is farther from a sample than its own one and the way between the two, which is at most
 * twice the largest value in each feature. */
void km_second_labels(const km_samples *samples, const km_kernel *kernel, const void *centers,
                      int64_t k, const int32_t *labels, const double *distances, double largest,
                      int32_t *seconds)
{
    const int64_t d = samples->n_features;
    double reach = largest;
    for (int64_t i = 0; i < k * d; i++)
        reach = fmax(reach, fabs(km_value_get(samples->precision, centers, i)));
    if (!km_squares_are_safe(reach, d, samples->precision))
        km_second_labels_plainly(samples, centers, k, labels, seconds);
    else if (!pays_near(k, d) ||
             !km_second_labels_near(samples, kernel, centers, k, labels, distances, seconds))
        km_second_labels_of_all(samples, kernel, centers, k, labels, seconds);
}
