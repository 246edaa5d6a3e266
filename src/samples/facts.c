/* Global facts about samples: ranges, means, variances, and the grids that follow from them.
 *
 * One pass finds the ranges; a second one sums x and x^2 about the mid-range, exactly, on grids of
 * two words. The variance is then Q/N - (S/N)^2 in double-double: the range is attained, so the
 * variance is at least 2/N of Q/N, and of more than 80 exact bits never more than log2(N) cancel.
 */
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

km_code km_facts_find_ranges(km_facts *facts, const km_samples *samples, MPI_Comm comm,
                             km_error *error)
{
    create(facts, samples->n_features, error);
    if (km_agree(comm, error) != KM_OK) {
        km_facts_free(facts);
        return error->code;
    }
    facts->n_samples = samples->n_samples;
    km_sum_int64(comm, &facts->n_samples, 1);
    double values[KM_BLOCK];
    for (int64_t j = 0; j < facts->n_features; j++) {
        facts->lowest[j] = INFINITY;
        facts->highest[j] = -INFINITY;
    }
    for (int64_t b = 0; b < samples->n_blocks; b++)
        for (int64_t j = 0; j < facts->n_features; j++) {
            km_samples_load(samples, b, j, values); /* padding repeats a sample: harmless */
            double lowest = facts->lowest[j], highest = facts->highest[j];
            for (int l = 0; l < KM_BLOCK; l++) {
                lowest = values[l] < lowest ? values[l] : lowest;
                highest = values[l] > highest ? values[l] : highest;
            }
            facts->lowest[j] = lowest;
            facts->highest[j] = highest;
        }
    km_min_double(comm, facts->lowest, facts->n_features);
    km_max_double(comm, facts->highest, facts->n_features);
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

static void add_block(moments *m, const km_grid *square_grid, const double *values, int lanes)
{
    for (int l = 0; l < lanes; l++) {
        const km_double2 x = km_double2_difference(values[l], m->grid.origin);
        const km_exact point = km_quantise(&m->grid, x.high, x.low);
        m->sum.high += point.high;
        m->sum.low += point.low;
        const double high = x.high * m->inverse_power, low = x.low * m->inverse_power;
        const km_double2 square = km_double2_square(high);
        const km_exact square_point =
            km_quantise(square_grid, square.high, square.low + 2 * high * low);
        m->squares.high += square_point.high;
        m->squares.low += square_point.low;
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
    const double n = (double)facts->n_samples, power = ldexp(1, m->exponent);
    facts->mean[j] = km_exact_mean(&m->grid, m->sum, facts->n_samples);
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

km_code km_facts_find_moments(km_facts *facts, const km_samples *samples, MPI_Comm comm,
                              km_error *error)
{
    const int64_t d = facts->n_features;
    const km_grid square_grid = km_grid_choose(-1, 1, facts->n_samples, 2);
    moments *all = km_allocate(d, sizeof *all, "moments of features", error);
    int64_t *words = km_allocate(4 * d, sizeof *words, "moments of features", error);
    if (km_agree(comm, error) != KM_OK)
        goto done;
    for (int64_t j = 0; j < d; j++)
        all[j] = prepare(facts->lowest[j], facts->highest[j], facts->n_samples);
    for (int64_t b = 0; b < samples->n_blocks; b++)
        for (int64_t j = 0; j < d; j++) {
            double values[KM_BLOCK];
            km_samples_load(samples, b, j, values);
            add_block(&all[j], &square_grid, values, km_samples_lanes(samples, b));
        }
    for (int64_t j = 0; j < d; j++) {
        words[4 * j] = all[j].sum.high;
        words[4 * j + 1] = all[j].sum.low;
        words[4 * j + 2] = all[j].squares.high;
        words[4 * j + 3] = all[j].squares.low;
    }
    km_sum_int64(comm, words, 4 * d);
    for (int64_t j = 0; j < d; j++) {
        all[j].sum = km_carry((km_exact){words[4 * j], words[4 * j + 1]});
        all[j].squares = km_carry((km_exact){words[4 * j + 2], words[4 * j + 3]});
        conclude(facts, j, &all[j], &square_grid);
    }
done:
    free(all);
    free(words);
    return error->code;
}

static bool is_fine_enough(const km_grid *grid, double deviation, km_precision precision)
{
    return deviation == 0 || grid->unit <= km_precision_epsilon(precision) * deviation;
}

void km_facts_make_grids(const km_facts *facts, int n_words, km_grid *grids)
{
    for (int64_t j = 0; j < facts->n_features; j++)
        grids[j] = km_grid_choose(facts->lowest[j], facts->highest[j], facts->n_samples, n_words);
}

km_grid *km_facts_choose_grids(const km_facts *facts, km_precision precision, km_error *error)
{
    km_grid *grids = km_allocate(facts->n_features, sizeof *grids, "grids of features", error);
    if (grids == NULL)
        return NULL;
    bool is_fine = true;
    km_facts_make_grids(facts, 1, grids);
    for (int64_t j = 0; j < facts->n_features; j++)
        is_fine = is_fine && is_fine_enough(&grids[j], facts->deviation[j], precision);
    if (!is_fine)
        km_facts_make_grids(facts, 2, grids);
    return grids;
}
