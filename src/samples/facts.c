/* Global facts about samples: ranges, means, variances, and the grids that follow from them.
 *
 * One pass finds the ranges; a second one sums x and x^2 about the mid-range, exactly, on grids of
 * two words. The variance is then Q/N - (S/N)^2 in double-double: the range is attained, so the
 * variance is at least 2/N of Q/N, and of more than 80 exact bits never more than log2(N) cancel.
 */
#include "skymeans/kernels.h"
#include "skymeans/samples.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

void km_facts_free(km_facts *facts)
{
    free(facts->lowest);
    *facts = (km_facts){0};
}

static km_code create(km_facts *facts, int64_t n_features, km_error *error)
{
    *facts = (km_facts){.n_features = n_features};
    facts->lowest = km_allocate(5 * n_features, sizeof(double), "facts about features", error);
    if (facts->lowest == NULL)
        return error->code;
    facts->highest = facts->lowest + n_features;
    facts->mean = facts->highest + n_features;
    facts->variance = facts->mean + n_features;
    facts->deviation = facts->variance + n_features;
    return KM_OK;
}

/* Widens a range by the values that have weight. */
static void widen(const double *values, const int64_t *weights, double *lowest, double *highest)
{
    for (int l = 0; l < KM_BLOCK; l++) {
        const bool is_lower = weights[l] > 0 && values[l] < *lowest;
        const bool is_higher = weights[l] > 0 && values[l] > *highest;
        *lowest = is_lower ? values[l] : *lowest;
        *highest = is_higher ? values[l] : *highest;
    }
}

/* What a thread finds in its samples. */
typedef struct finding {
    int64_t n_samples, weight;
    double *lowest, *highest; /* [d] */
} finding;

static void look_at_block(finding *f, const km_samples *samples, int64_t block)
{
    for (int64_t j = 0; j < samples->n_features; j++) {
        double lowest, highest;
        km_samples_range(samples, block, j, &lowest, &highest);
        f->lowest[j] = lowest < f->lowest[j] ? lowest : f->lowest[j];
        f->highest[j] = highest > f->highest[j] ? highest : f->highest[j];
    }
    f->n_samples += km_samples_lanes(samples, block);
    f->weight += km_samples_lanes(samples, block);
}

static void look_at_weighted_block(finding *f, const km_samples *samples, int64_t block)
{
    int64_t weights[KM_BLOCK];
    km_samples_weights(samples, block, weights);
    for (int l = 0; l < KM_BLOCK; l++) {
        f->n_samples += weights[l] > 0;
        f->weight += weights[l];
    }
    for (int64_t j = 0; j < samples->n_features; j++) {
        double values[KM_BLOCK];
        km_samples_load(samples, block, j, values);
        widen(values, weights, &f->lowest[j], &f->highest[j]);
    }
}

static void join_finding(km_facts *facts, const finding *f)
{
    facts->n_samples += f->n_samples;
    facts->weight += f->weight;
    for (int64_t j = 0; j < facts->n_features; j++) {
        facts->lowest[j] = fmin(facts->lowest[j], f->lowest[j]);
        facts->highest[j] = fmax(facts->highest[j], f->highest[j]);
    }
}

/* Ranges and counts of the samples of this rank; `ranges` has room for [n_threads][2][d]. */
static void find_own_ranges(km_facts *facts, const km_samples *samples, double *ranges)
{
    const int64_t d = facts->n_features;
#pragma omp parallel
    {
        finding f = {.lowest = ranges + 2 * d * km_thread()};
        f.highest = f.lowest + d;
        for (int64_t j = 0; j < d; j++) {
            f.lowest[j] = INFINITY;
            f.highest[j] = -INFINITY;
        }
#pragma omp for
        for (int64_t b = 0; b < samples->n_blocks; b++)
            if (samples->weights == NULL)
                look_at_block(&f, samples, b);
            else
                look_at_weighted_block(&f, samples, b);
#pragma omp critical
        join_finding(facts, &f);
    }
}

km_code km_facts_find_ranges(km_facts *facts, const km_samples *samples, MPI_Comm comm,
                             km_error *error)
{
    const int64_t d = samples->n_features;
    create(facts, d, error);
    double *ranges =
        km_allocate(km_threads() * d, 2 * sizeof *ranges, "facts about features", error);
    if (km_agree(comm, error) != KM_OK) {
        free(ranges);
        km_facts_free(facts);
        return error->code;
    }
    for (int64_t j = 0; j < d; j++) {
        facts->lowest[j] = INFINITY;
        facts->highest[j] = -INFINITY;
    }
    find_own_ranges(facts, samples, ranges);
    free(ranges);
    km_sum_int64(comm, &facts->n_samples, 1);
    km_sum_int64(comm, &facts->weight, 1);
    km_min_double(comm, facts->lowest, d);
    km_max_double(comm, facts->highest, d);
    for (int64_t j = 0; j < d; j++) { /* which zero is lower depends on the order; now none is -0 */
        facts->lowest[j] += 0.0;
        facts->highest[j] += 0.0;
    }
    return KM_OK;
}

/* What the second pass needs and finds about one feature. Squares are those of the distance from
 * the origin in units of 2^exponent, which is at most 1. */
typedef struct moments {
    km_grid grid;
    int exponent;
    double inverse_power; /* 2^-exponent */
    km_exact sum, squares;
} moments;

static moments prepare(double lowest, double highest, int64_t n)
{
    moments m = {.grid = km_grid_choose(lowest, highest, n, 2)};
    /* No value is further from the origin than the power, whatever was rounded. */
    const double reach = fmax(highest - m.grid.origin, m.grid.origin - lowest);
    if (reach > 0)
        frexp(fmin(reach * (1 + 0x1p-50), DBL_MAX), &m.exponent);
    if (m.exponent < -1000)
        m.exponent = -1000;
    m.inverse_power = ldexp(1, -m.exponent);
    return m;
}

static void add_block(moments *m, const km_grid *square_grid, const double *values,
                      const int64_t *weights)
{
    for (int l = 0; l < KM_BLOCK; l++) {
        if (weights[l] == 0)
            continue;
        const km_double2 x = km_double2_difference(values[l], m->grid.origin);
        const double high = x.high * m->inverse_power, low = x.low * m->inverse_power;
        const km_double2 square = km_double2_square(high);
        km_exact point = km_quantise(&m->grid, x.high, x.low);
        km_exact square_point = km_quantise(square_grid, square.high, square.low + 2 * high * low);
        if (weights[l] > 1) {
            point = km_weigh(point, weights[l], 2);
            square_point = km_weigh(square_point, weights[l], 2);
        }
        m->sum = (km_exact){m->sum.high + point.high, m->sum.low + point.low};
        m->squares =
            (km_exact){m->squares.high + square_point.high, m->squares.low + square_point.low};
    }
    m->sum = km_carry(m->sum);
    m->squares = km_carry(m->squares);
}

static km_double2 scale(km_double2 value, double factor)
{
    return (km_double2){value.high * factor, value.low * factor};
}

/* Mean and variance of a feature, and its part of the sum of squares. */
static void conclude(km_facts *facts, int64_t j, const moments *m, const km_grid *square_grid)
{
    const double n = (double)facts->weight, power = ldexp(1, m->exponent);
    facts->mean[j] = km_exact_mean(&m->grid, m->sum, facts->weight);
    const km_double2 squares = km_exact_value(square_grid, m->squares);
    const km_double2 sum = scale(km_exact_value(&m->grid, m->sum), m->inverse_power);
    const km_double2 negative = km_double2_multiply(scale(sum, -1 / n), sum);
    const km_double2 about_mean = km_double2_add(squares, negative);
    const bool is_constant = facts->lowest[j] == facts->highest[j];
    const double variance = is_constant ? 0 : fmax(about_mean.high + about_mean.low, 0) / n;
    facts->variance[j] = variance * power * power;
    facts->deviation[j] = sqrt(variance) * power;
    facts->squares = km_double2_add(facts->squares, scale(scale(squares, power), power));
}

/* The same for a full block of samples without weights, by a kernel. */
static void add_full_block(moments *parts, const km_samples *samples, int64_t block,
                           const km_grid *square_grid, km_moments *kernel)
{
    const size_t feature_size = KM_BLOCK * km_precision_size(samples->precision);
    const char *values = km_samples_block(samples, block);
    for (int64_t j = 0; j < samples->n_features; j++, values += feature_size) {
        moments *m = &parts[j];
        const km_moments_task task = {m->grid, *square_grid, m->inverse_power};
        int64_t words[4] = {m->sum.high, m->sum.low, m->squares.high, m->squares.low};
        kernel(values, &task, words);
        m->sum = km_carry((km_exact){words[0], words[1]});
        m->squares = km_carry((km_exact){words[2], words[3]});
    }
}

/* Adds up the samples of this rank, in parts [n_threads][d] that all begin alike. */
static void add_own_samples(moments *parts, const km_grid *square_grid, const km_samples *samples,
                            bool is_many)
{
    const int64_t d = samples->n_features;
    km_moments *kernel =
        km_kernel_choose("auto", km_kernels_available())->moments[samples->precision];
#pragma omp parallel for
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        moments *own = parts + d * km_thread();
        double values[KM_BLOCK];
        int64_t weights[KM_BLOCK];
        if (is_many && samples->weights == NULL && km_samples_lanes(samples, b) == KM_BLOCK) {
            add_full_block(own, samples, b, square_grid, kernel);
            continue;
        }
        km_samples_weights(samples, b, weights);
        for (int64_t j = 0; j < d; j++) {
            km_samples_load(samples, b, j, values);
            add_block(&own[j], square_grid, values, weights);
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

km_code km_facts_find_moments(km_facts *facts, const km_samples *samples, MPI_Comm comm,
                              km_error *error)
{
    const int64_t d = facts->n_features;
    const km_grid square_grid = km_grid_choose(-1, 1, facts->weight, 2);
    moments *parts = km_allocate(km_threads() * d, sizeof *parts, "moments of features", error);
    int64_t *words = km_allocate_zeroed(4 * d, sizeof *words, "moments of features", error);
    if (km_agree(comm, error) != KM_OK)
        goto done;
    for (int64_t i = 0; i < km_threads() * d; i++)
        parts[i] = prepare(facts->lowest[i % d], facts->highest[i % d], facts->weight);
    add_own_samples(parts, &square_grid, samples, facts->weight >= KM_MOMENTS_LEAST);
    for (int64_t j = 0; j < d; j++)
        join_parts(parts, d, j, words + 4 * j);
    km_sum_int64(comm, words, 4 * d);
    facts->squares = (km_double2){0, 0};
    for (int64_t j = 0; j < d; j++) {
        parts[j].sum = km_carry((km_exact){words[4 * j], words[4 * j + 1]});
        parts[j].squares = km_carry((km_exact){words[4 * j + 2], words[4 * j + 3]});
        conclude(facts, j, &parts[j], &square_grid);
    }
done:
    free(parts);
    free(words);
    return error->code;
}

/* To measure what they cost (make SUMS=two, in make bench). */
#ifdef KM_SUMS_TWO
enum { ALWAYS_TWO_WORDS = true };
#else
enum { ALWAYS_TWO_WORDS = false };
#endif

static bool is_fine_enough(const km_grid *grid, double deviation, km_precision precision)
{
    return deviation == 0 || grid->unit <= km_precision_epsilon(precision) * deviation;
}

void km_facts_make_grids(const km_facts *facts, int n_words, km_grid *grids)
{
    for (int64_t j = 0; j < facts->n_features; j++)
        grids[j] = km_grid_choose(facts->lowest[j], facts->highest[j], facts->weight, n_words);
}

km_grid *km_facts_choose_grids(const km_facts *facts, km_precision precision, km_error *error)
{
    km_grid *grids = km_allocate(facts->n_features, sizeof *grids, "grids of features", error);
    if (grids == NULL)
        return NULL;
    bool is_fine = !ALWAYS_TWO_WORDS;
    km_facts_make_grids(facts, 1, grids);
    for (int64_t j = 0; j < facts->n_features; j++)
        is_fine = is_fine && is_fine_enough(&grids[j], facts->deviation[j], precision);
    if (!is_fine)
        km_facts_make_grids(facts, 2, grids);
    return grids;
}
