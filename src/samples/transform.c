/* Scaling of the features, and the power of two that keeps squares in range. */
#include "samples/transform.h"
#include "base/arithmetic.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void km_transform_free(km_transform *transform)
{
    free(transform->offset);
    *transform = (km_transform){0};
}

static km_code create_transform(km_transform *transform, km_scaling scaling, int64_t n_features,
                                km_error *error)
{
    *transform = (km_transform){.n_features = n_features, .scaling = scaling};
    transform->offset = km_allocate(2 * n_features, sizeof(double), "scaling", error);
    if (transform->offset == NULL)
        return error->code;
    transform->factor = transform->offset + n_features;
    return KM_OK;
}

km_code km_transform_copy(km_transform *copy, const km_transform *transform, km_error *error)
{
    const size_t size = (size_t)transform->n_features * sizeof(double);
    if (create_transform(copy, transform->scaling, transform->n_features, error) != KM_OK)
        return error->code;
    copy->exponent = transform->exponent;
    memcpy(copy->offset, transform->offset, size);
    memcpy(copy->factor, transform->factor, size);
    return KM_OK;
}

bool km_transform_is_same(const km_transform *a, const km_transform *b)
{
    const size_t size = (size_t)a->n_features * sizeof *a->offset;
    return a->n_features == b->n_features && a->exponent == b->exponent &&
           a->scaling == b->scaling && memcmp(a->offset, b->offset, size) == 0 &&
           memcmp(a->factor, b->factor, size) == 0;
}

/* The smallest factor that brings a range r to at least 1. 1/r, rounded, leaves r/r at most an ulp
 * below 1, and one step up from there at most an ulp above, 2^-52; where the factor is subnormal
 * (r > 2^1022) its steps are 2^-1074, so that r times one of them is up to 2^-50. For 7 % of all r
 * no factor in double precision gives exactly 1. */
static double factor_of_range(double range)
{
    double factor = 1 / range;
    while (range * factor < 1)
        factor = nextafter(factor, INFINITY);
    return factor;
}

static const double ABOUT_ONE = 1 + 0x1p-50;

/* The median to the offsets, and half of the middle 68 % to the factors, whose inverse they become.
 */
static km_code find_middle(km_transform *transform, const km_samples *samples, int64_t weight,
                           MPI_Comm comm, km_error *error)
{
    enum { N = 3 };
    const int percents[N] = {16, 50, 84};
    const int64_t d = transform->n_features;
    double *quantiles = km_allocate(d, N * sizeof *quantiles, "quantiles of the features", error);
    if (km_agree(comm, error) == KM_OK)
        km_quantiles_find(samples, weight, percents, N, quantiles, comm, error);
    for (int64_t j = 0; j < d && error->code == KM_OK; j++) {
        const double spread = quantiles[N * j + 2] / 2 - quantiles[N * j] / 2;
        transform->offset[j] = quantiles[N * j + 1];
        transform->factor[j] = spread > 0 && isfinite(1 / spread) ? 1 / spread : 1;
    }
    free(quantiles);
    return error->code;
}

static void choose_scaling(km_transform *transform, const km_facts *facts)
{
    const km_scaling scaling = transform->scaling;
    for (int64_t j = 0; j < transform->n_features; j++) {
        const double range = facts->highest[j] - facts->lowest[j];
        const double spread = scaling == KM_SCALE_STANDARD ? facts->deviation[j] : range;
        const bool is_usable = spread > 0 && isfinite(1 / spread);
        transform->offset[j] = scaling == KM_SCALE_STANDARD ? facts->mean[j]
                               : scaling == KM_SCALE_MINMAX ? facts->lowest[j]
                                                            : 0;
        transform->factor[j] = scaling == KM_SCALE_NONE || !is_usable ? 1
                               : scaling == KM_SCALE_STANDARD         ? 1 / spread
                                                                      : factor_of_range(range);
    }
}

/* Positions on the sky keep the shape of the sphere. */
static void place_sphere(km_transform *transform, double radius)
{
    for (int64_t j = 0; j < KM_SPHERE_FEATURES && radius > 0; j++) {
        transform->offset[j] = 0;
        transform->factor[j] = radius;
    }
}

/* The only way into the space of the fit: samples, ranges and centers take it. */
static double scaled(const km_transform *transform, int64_t j, double value)
{
    const double product = (value - transform->offset[j]) * transform->factor[j];
    const bool is_end =
        transform->scaling == KM_SCALE_MINMAX && product > 1 && product <= ABOUT_ONE;
    return is_end ? 1 : product;
}

static double scaled_range(const km_transform *transform, const km_facts *facts, int64_t j)
{
    return scaled(transform, j, facts->highest[j]) - scaled(transform, j, facts->lowest[j]);
}

static int exponent_of_range(const km_transform *transform, const km_facts *facts)
{
    double largest = 0;
    for (int64_t j = 0; j < transform->n_features; j++)
        largest = fmax(largest, scaled_range(transform, facts, j));
    return largest > 0 ? km_exponent_above(largest) - 1 : 0;
}

/* The maximum exponent of working values: less than half of the largest exponent, so that sums of
 * squares stay finite. */
static int max_exponent(km_precision precision)
{
    return precision == KM_FLOAT32 ? 50 : 450;
}

/* The exponent that a feature's values ask for at least. */
static int exponent_of_values(const km_transform *transform, const km_facts *facts, int64_t j,
                              km_precision precision)
{
    const double lowest = scaled(transform, j, facts->lowest[j]);
    const double highest = scaled(transform, j, facts->highest[j]);
    const double largest = fmax(fabs(lowest), fabs(highest));
    return largest > 0 ? km_exponent_above(largest) - max_exponent(precision) : INT_MIN;
}

/* The largest range in [1, 2). A feature without range that is too large for that says nothing, and
 * moves to 0; others lower the range. */
static int choose_exponent(km_transform *transform, const km_facts *facts, km_precision precision)
{
    int exponent = exponent_of_range(transform, facts);
    for (int64_t j = 0; j < transform->n_features; j++) {
        const int asked = exponent_of_values(transform, facts, j, precision);
        if (asked > exponent && facts->lowest[j] == facts->highest[j])
            transform->offset[j] = facts->lowest[j];
        else if (asked > exponent)
            exponent = asked;
    }
    return exponent;
}

static km_code check_ranges(const km_facts *facts, const char *const *names, km_error *error)
{
    for (int64_t j = 0; j < facts->n_features; j++)
        if (!isfinite(facts->highest[j] - facts->lowest[j]))
            return km_fail(error, KM_DATA,
                           "values out of range (column %s): they go from %g to %g, further apart "
                           "than the largest double; change the unit of the column or drop it",
                           names[j], facts->lowest[j], facts->highest[j]);
    return KM_OK;
}

/* Outliers may be so many spreads away from the others. */
static km_code check_scaled_ranges(const km_transform *transform, const km_facts *facts,
                                   const char *const *names, km_error *error)
{
    for (int64_t j = 0; j < transform->n_features; j++)
        if (!isfinite(scaled_range(transform, facts, j)))
            return km_fail(error, KM_DATA,
                           "values out of range (column %s): they go from %g to %g, and scaled are "
                           "beyond the range of doubles; scale it otherwise, or drop the outliers",
                           names[j], facts->lowest[j], facts->highest[j]);
    return KM_OK;
}

/* Multiplies the features by factors of the caller. */
static km_code multiply_factors(km_transform *transform, const double *factors,
                                const km_facts *facts, const char *const *names, km_error *error)
{
    for (int64_t j = 0; j < transform->n_features && factors != NULL; j++) {
        transform->factor[j] *= factors[j];
        if (!isnormal(transform->factor[j]) || !isfinite(scaled_range(transform, facts, j)))
            return km_fail(error, KM_DATA,
                           "values out of range (column %s): multiplied by the factor %g they are "
                           "beyond the range of doubles; choose another factor",
                           names[j], factors[j]);
    }
    return KM_OK;
}

/* The working value of a feature. Values of samples with weight are below 2^50 (2^450); those of
 * others, which have no say in the range, are moved to that limit if need be. */
static double working_value(const km_transform *transform, int64_t j, double value, km_power p,
                            double limit)
{
    const double working = scaled(transform, j, value) * p.a * p.b;
    return working > limit ? limit : working < -limit ? -limit : working;
}

/* The same of features in single precision that are only multiplied by a power of two: in double
 * this is exact, so that both round once. */
static void multiply_feature(float *values, float power, float limit)
{
    for (int l = 0; l < KM_BLOCK; l++) {
        const float working = values[l] * power;
        values[l] = working > limit ? limit : working < -limit ? -limit : working;
    }
}

static bool is_multiplied_only(const km_transform *transform, int64_t j, km_precision precision)
{
    return precision == KM_FLOAT32 && transform->offset[j] == 0 && transform->factor[j] == 1 &&
           abs(transform->exponent) <= -FLT_MIN_EXP && transform->scaling != KM_SCALE_MINMAX;
}

void km_transform_block(const km_transform *transform, km_samples *samples, int64_t block)
{
    const km_power p = km_power_of_two(-transform->exponent);
    const double limit = ldexp(1, max_exponent(samples->precision));
    for (int64_t j = 0; j < transform->n_features; j++) {
        double values[KM_BLOCK];
        if (is_multiplied_only(transform, j, samples->precision)) {
            float *feature =
                (float *)samples->values + (block * samples->n_features + j) * KM_BLOCK;
            multiply_feature(feature, (float)(p.a * p.b), (float)limit);
            continue;
        }
        km_samples_load(samples, block, j, values);
        for (int l = 0; l < KM_BLOCK; l++)
            values[l] = working_value(transform, j, values[l], p, limit);
        km_samples_store(samples, block, j, values);
    }
}

void km_transform_samples(const km_transform *transform, km_samples *samples)
{
#pragma omp parallel for
    for (int64_t b = 0; b < samples->n_blocks; b++)
        km_transform_block(transform, samples, b);
}

/* The ranges of the working values from those of the features: each step from one to the other, and
 * its rounding, keeps the order of values, so the lowest stays the lowest. */
static void transform_ranges(const km_transform *transform, km_facts *facts, km_precision precision)
{
    const km_power p = km_power_of_two(-transform->exponent);
    const double limit = ldexp(1, max_exponent(precision));
    for (int64_t j = 0; j < transform->n_features; j++) {
        double *const ends[] = {&facts->lowest[j], &facts->highest[j]};
        for (int i = 0; i < 2; i++) {
            const double working = working_value(transform, j, *ends[i], p, limit);
            *ends[i] = (precision == KM_FLOAT32 ? (double)(float)working : working) + 0.0;
        }
    }
}

km_code km_transform_apply(km_transform *transform, km_scaling scaling, const double *factors,
                           double radius, km_samples *samples, const char *const *names,
                           km_facts *facts, MPI_Comm comm, km_error *error)
{
    *facts = (km_facts){0};
    create_transform(transform, scaling, samples->n_features, error);
    if (km_agree(comm, error) != KM_OK)
        goto done;
    if (km_facts_find_ranges(facts, samples, comm, error) != KM_OK ||
        check_ranges(facts, names, error) != KM_OK)
        goto done;
    if (scaling == KM_SCALE_STANDARD &&
        km_facts_find_moments(facts, samples, NULL, comm, error) != KM_OK)
        goto done;
    if (scaling != KM_SCALE_ROBUST)
        choose_scaling(transform, facts);
    else if (find_middle(transform, samples, facts->weight, comm, error) != KM_OK)
        goto done;
    place_sphere(transform, radius);
    if (check_scaled_ranges(transform, facts, names, error) != KM_OK ||
        multiply_factors(transform, factors, facts, names, error) != KM_OK)
        goto done;
    transform->exponent = choose_exponent(transform, facts, samples->precision);
    transform_ranges(transform, facts, samples->precision);
    km_facts_find_moments(facts, samples, transform, comm, error);
done:
    if (error->code != KM_OK) {
        km_facts_free(facts);
        km_transform_free(transform);
    }
    return error->code;
}

void km_transform_centers(const km_transform *transform, double *centers, int64_t k)
{
    const km_power p = km_power_of_two(-transform->exponent);
    const int64_t d = transform->n_features;
    for (int64_t i = 0; i < k * d; i++)
        centers[i] = scaled(transform, i % d, centers[i]) * p.a * p.b;
}

void km_untransform_centers(const km_transform *transform, double *centers, int64_t k)
{
    const km_power p = km_power_of_two(transform->exponent);
    const int64_t d = transform->n_features;
    for (int64_t i = 0; i < k * d; i++)
        centers[i] = centers[i] * p.a * p.b / transform->factor[i % d] + transform->offset[i % d];
}

double km_untransform_value(const km_transform *transform, int64_t feature, double value)
{
    const km_power p = km_power_of_two(transform->exponent);
    return value * p.a * p.b / transform->factor[feature] + transform->offset[feature];
}
