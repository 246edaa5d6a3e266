/* What methods with bounds ask about samples, labels and centers. */
#include "base/precision.h"
#include "methods.h"

#include <float.h>
#include <math.h>

enum { MANY_VALUES = 1 << 14 }; /* of centers; worth waking threads up */

double km_find_largest_sample(const km_samples *samples)
{
    double largest = 0;
#pragma omp parallel for reduction(max : largest)
    for (int64_t b = 0; b < samples->n_blocks; b++)
        for (int64_t j = 0; j < samples->n_features; j++) {
            double lowest, highest;
            km_samples_range(samples, b, j, &lowest, &highest);
            largest = fmax(largest, fmax(fabs(lowest), fabs(highest)));
        }
    return largest;
}

double km_center_movement(const km_samples *samples, const void *before, const void *centers,
                          int64_t c)
{
    const km_precision precision = samples->precision;
    const int64_t d = samples->n_features;
    double sum = 0;
    bool is_moved = false;
    for (int64_t j = c * d; j < (c + 1) * d; j++) {
        const double difference =
            km_value_get(precision, centers, j) - km_value_get(precision, before, j);
        sum += difference * difference;
        is_moved = is_moved || difference != 0;
    }
    return is_moved ? sqrt(sum) * (1 + 0x1p-20) + sqrt((double)d) * 0x1p-536 : 0;
}

/* With all values below 2^e, squared distances are below d 2^(2e+2). */
bool km_squares_are_safe(double largest, int64_t n_features, km_precision precision)
{
    int exponent, d_exponent;
    frexp(largest, &exponent);
    frexp((double)n_features, &d_exponent);
    return isfinite(largest) &&
           2 * exponent + 2 + d_exponent + 8 < km_precision_exponent(precision);
}

bool km_centers_are_safe(const km_assigner *assigner, const void *centers, double largest,
                         km_precision precision)
{
    const int64_t d = assigner->samples->n_features, n = assigner->n_clusters * d;
    bool is_finite = true;
#pragma omp parallel for reduction(max : largest) reduction(&& : is_finite) if (n > MANY_VALUES)
    for (int64_t i = 0; i < n; i++) {
        const double size = fabs(km_value_get(assigner->samples->precision, centers, i));
        is_finite = is_finite && size <= DBL_MAX;
        largest = size > largest ? size : largest;
    }
    return is_finite && km_squares_are_safe(largest, d, precision);
}

int64_t km_count_relabeled(const km_assigner *assigner)
{
    int64_t n = 0;
    for (int i = 0; i < assigner->n_threads; i++)
        n += assigner->totals[i].extras[KM_EXTRA_RELABELED];
    return n;
}
