/* Global facts about samples: means and variances.
 *
 * A pass sums x and x^2 about the mid-range, exactly, on grids of two words. The variance is then
 * Q/N - (S/N)^2 in double-double: the range is attained, so the variance is at least 2/N of Q/N,
 * and of more than 80 exact bits never more than log2(N) cancel. */
#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "samples/transform.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* What the second pass needs and finds about one feature. Squares are those of the distance from
 * the origin in units of 2^exponent, which is at most 1. */
typedef struct moments {
    km_grid grid;
    int exponent;
    double inverse_power; /* 2^-exponent */
    km_exact sum, squares;
} moments;

static moments begin_moments(double lowest, double highest, int64_t n)
{
    moments m = {.grid = km_grid_choose(lowest, highest, n, 2)};
    /* 2^exponent is an upper bound of all distances from the origin, rounding included. */
    const double radius = fmax(highest - m.grid.origin, m.grid.origin - lowest);
    if (radius > 0)
        frexp(fmin(radius * (1 + 0x1p-50), DBL_MAX), &m.exponent);
    if (m.exponent < -1000)
        m.exponent = -1000;
    m.inverse_power = ldexp(1, -m.exponent);
    return m;
}

/* Sums are made on grids for so many values: not so few that kernels' words have too many bits. */
static int64_t count_for_grid(const km_facts *facts)
{
    return facts->weight > KM_MOMENTS_MIN ? facts->weight : KM_MOMENTS_MIN;
}

/* Adds a value, and its square, `weight` times, 0 <= |weight| <= 2^53. */
static void add_value(moments *m, const km_grid *square_grid, double value, int64_t weight)
{
    const km_double2 x = km_double2_difference(value, m->grid.origin);
    const double high = x.high * m->inverse_power, low = x.low * m->inverse_power;
    const km_double2 square = km_double2_square(high);
    km_exact point = km_quantize(&m->grid, x.high, x.low);
    km_exact square_point = km_quantize(square_grid, square.high, square.low + 2 * high * low);
    if (weight != 1) {
        point = km_weigh(point, weight, 2);
        square_point = km_weigh(square_point, weight, 2);
    }
    m->sum = (km_exact){m->sum.high + point.high, m->sum.low + point.low};
    m->squares = (km_exact){m->squares.high + square_point.high, m->squares.low + square_point.low};
}

static void add_weighted_block(moments *m, const km_grid *square_grid, const double *values,
                               const int64_t *weights)
{
    for (int l = 0; l < KM_BLOCK; l++)
        if (weights[l] > 0)
            add_value(m, square_grid, values[l], weights[l]);
    m->sum = km_carry(m->sum);
    m->squares = km_carry(m->squares);
}

static km_double2 scale_double2(km_double2 value, double factor)
{
    return (km_double2){value.high * factor, value.low * factor};
}

/* Mean and variance of a feature, and its part of the sum of squares. */
static void finish_moments(km_facts *facts, int64_t j, const moments *m, const km_grid *square_grid)
{
    const double n = (double)facts->weight, power = ldexp(1, m->exponent);
    facts->mean[j] = km_exact_mean(&m->grid, m->sum, facts->weight);
    const km_double2 squares = km_exact_value(square_grid, m->squares);
    const km_double2 sum = scale_double2(km_exact_value(&m->grid, m->sum), m->inverse_power);
    const km_double2 negative = km_double2_multiply(scale_double2(sum, -1 / n), sum);
    const km_double2 about_mean = km_double2_add(squares, negative);
    const bool is_constant = facts->lowest[j] == facts->highest[j];
    const double variance = is_constant ? 0 : fmax(about_mean.high + about_mean.low, 0) / n;
    facts->variance[j] = variance * power * power;
    facts->deviation[j] = sqrt(variance) * power;
    facts->squares =
        km_double2_add(facts->squares, scale_double2(scale_double2(squares, power), power));
}

/* The same for a block of samples without weights, by a kernel. What it adds up of the lanes that
 * repeat the last sample is taken away again. */
static void add_plain_block(moments *parts, const km_samples *samples, int64_t block,
                            const km_grid *square_grid, km_moments *kernel)
{
    const size_t feature_size = KM_BLOCK * km_precision_size(samples->precision);
    const char *values = km_samples_block(samples, block);
    const int n_repeated = KM_BLOCK - km_samples_lanes(samples, block);
    km_samples_pass(samples, block);
    for (int64_t j = 0; j < samples->n_features; j++, values += feature_size) {
        moments *m = &parts[j];
        const km_moments_task task = {m->grid, *square_grid, m->inverse_power};
        int64_t words[4] = {m->sum.high, m->sum.low, m->squares.high, m->squares.low};
        kernel(values, &task, words);
        m->sum = km_carry((km_exact){words[0], words[1]});
        m->squares = km_carry((km_exact){words[2], words[3]});
        if (n_repeated > 0)
            add_value(m, square_grid, km_value_get(samples->precision, values, KM_BLOCK - 1),
                      -n_repeated);
    }
}

/* Adds up the samples of this rank, in parts [n_threads][d] that all begin alike. Transforms each
 * block before that, unless the transform is NULL: then it is in the cache. */
static void add_own_samples(moments *parts, const km_grid *square_grid, km_samples *samples,
                            const km_transform *transform)
{
    const int64_t d = samples->n_features;
    km_moments *kernel =
        km_kernel_choose("auto", km_kernels_available("auto"))->moments[samples->precision];
#pragma omp parallel for
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        moments *own = parts + d * km_thread();
        double values[KM_BLOCK];
        int64_t weights[KM_BLOCK];
        if (transform != NULL)
            km_transform_block(transform, samples, b);
        if (samples->weights == NULL) {
            add_plain_block(own, samples, b, square_grid, kernel);
            continue;
        }
        km_samples_weights(samples, b, weights);
        for (int64_t j = 0; j < d; j++) {
            km_samples_load(samples, b, j, values);
            add_weighted_block(&own[j], square_grid, values, weights);
        }
    }
}

/* The words of the sums of feature j over all threads. */
static void join_parts(const moments *parts, int64_t d, int64_t j, int64_t *words)
{
    for (int t = 0; t < km_threads(); t++) {
        const moments *part = &parts[t * d + j];
        words[0] += part->sum.high;
        words[1] += part->sum.low;
        words[2] += part->squares.high;
        words[3] += part->squares.low;
    }
}

km_code km_facts_find_moments(km_facts *facts, km_samples *samples, const km_transform *transform,
                              MPI_Comm comm, km_error *error)
{
    const int64_t d = facts->n_features;
    const km_grid square_grid = km_grid_choose(-1, 1, count_for_grid(facts), 2);
    moments *parts = km_allocate(km_threads() * d, sizeof *parts, "moments of features", error);
    int64_t *words = km_allocate_zeroed(4 * d, sizeof *words, "moments of features", error);
    if (km_agree(comm, error) != KM_OK)
        goto done;
    for (int64_t i = 0; i < km_threads() * d; i++)
        parts[i] =
            begin_moments(facts->lowest[i % d], facts->highest[i % d], count_for_grid(facts));
    add_own_samples(parts, &square_grid, samples, transform);
    for (int64_t j = 0; j < d; j++)
        join_parts(parts, d, j, words + 4 * j);
    km_sum_int64(comm, words, 4 * d);
    facts->squares = (km_double2){0, 0};
    for (int64_t j = 0; j < d; j++) {
        parts[j].sum = km_carry((km_exact){words[4 * j], words[4 * j + 1]});
        parts[j].squares = km_carry((km_exact){words[4 * j + 2], words[4 * j + 3]});
        finish_moments(facts, j, &parts[j], &square_grid);
    }
done:
    free(parts);
    free(words);
    return error->code;
}
