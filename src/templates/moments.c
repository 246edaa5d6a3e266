/* Mean and deviation of the values of each cluster: sums of integers on a grid of its own for each
 * cluster, so that an outlier in one does not coarsen the others. */
#include "templates/groups.h"

#include "base/arithmetic.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

/* A cluster's values times 2^-exponent are at most 1, and their distances from the mean times
 * 2^-spread_exponent besides. */
typedef struct scale {
    int exponent, spread_exponent;
    double lowest, highest, origin; /* of the scaled values; origin: of their grid */
    double mean;                    /* relative to the origin, so that it has all of its digits */
    km_grid grid;
} scale;

typedef struct summing {
    const km_groups *groups;
    const km_group_moments *moments;
    scale *scales;  /* [k] */
    int64_t *words; /* [k][2] */
    MPI_Comm comm;
} summing;

static double scaled_value(double value, int exponent)
{
    const km_power p = km_power_of_two(-exponent);
    return value * p.a * p.b;
}

/* Lowest and highest values, which the sorted keys begin and end with. */
static void find_extremes(const summing *s, double *lowest, double *highest)
{
    const km_groups *groups = s->groups;
    for (int64_t c = 0; c < groups->n_clusters; c++) {
        const int64_t first = groups->starts[c], end = groups->starts[c + 1];
        lowest[c] = first < end ? km_double_of_key(groups->sorted.keys[first]) : INFINITY;
        highest[c] = first < end ? km_double_of_key(groups->sorted.keys[end - 1]) : -INFINITY;
    }
    km_min_double(s->comm, lowest, groups->n_clusters);
    km_max_double(s->comm, highest, groups->n_clusters);
}

/* Sums over each cluster of this rank and then of all: of scaled values, or of the squares of their
 * distances from the mean. Collective. */
static void sum_values(const summing *s, bool are_squares)
{
    const km_groups *groups = s->groups;
#pragma omp parallel for schedule(dynamic)
    for (int64_t c = 0; c < groups->n_clusters; c++) {
        const scale *of = &s->scales[c];
        km_exact sum = {0, 0};
        for (int64_t i = groups->starts[c]; i < groups->starts[c + 1]; i++) {
            double value = scaled_value(km_double_of_key(groups->sorted.keys[i]), of->exponent);
            if (are_squares) {
                const km_double2 distance = km_double2_difference(value, of->origin);
                value = scaled_value(distance.high - of->mean + distance.low, of->spread_exponent);
                value *= value;
            }
            const km_exact point =
                km_weigh(km_quantize_value(&of->grid, value), km_groups_weight(groups, c, i), 2);
            sum = km_carry((km_exact){sum.high + point.high, sum.low + point.low});
        }
        s->words[2 * c] = sum.high;
        s->words[2 * c + 1] = sum.low;
    }
    km_sum_int64(s->comm, s->words, 2 * groups->n_clusters);
}

/* The mean of what was summed up over a cluster. */
static double mean_of_sum(const summing *s, int64_t c)
{
    return km_exact_mean(&s->scales[c].grid, (km_exact){s->words[2 * c], s->words[2 * c + 1]},
                         s->groups->n_all[c]);
}

static bool has_spread(const scale *of)
{
    return of->highest > of->lowest;
}

static void choose_scale(scale *of, double lowest, double highest, int64_t n)
{
    const double largest = fmax(fabs(lowest), fabs(highest));
    *of = (scale){.exponent = largest > 0 ? km_exponent_above(largest) : 0};
    of->lowest = scaled_value(lowest, of->exponent);
    of->highest = scaled_value(highest, of->exponent);
    of->grid = km_grid_choose(of->lowest, of->highest, n, 2);
    of->origin = of->grid.origin;
}

static void set_mean(const summing *s, int64_t c)
{
    scale *of = &s->scales[c];
    const double n = (double)s->groups->n_all[c];
    const km_exact sum = {s->words[2 * c], s->words[2 * c + 1]};
    const double mean = has_spread(of) ? mean_of_sum(s, c) : of->lowest;
    of->mean = has_spread(of) ? km_exact_value(&of->grid, sum).high / n : 0;
    const double radius =
        fmax(of->highest - of->origin - of->mean, of->mean - (of->lowest - of->origin));
    of->spread_exponent = radius > 0 ? km_exponent_above(radius) + 1 : 0; /* + 1: of rounding */
    of->grid = km_grid_choose(0, 1, s->groups->n_all[c], 2);
    s->moments->mean[c * s->moments->stride] =
        ldexp(fmin(fmax(mean, of->lowest), of->highest), of->exponent);
}

static void set_deviation(const summing *s, int64_t c)
{
    const scale *of = &s->scales[c];
    s->moments->deviation[c * s->moments->stride] =
        has_spread(of) ? ldexp(sqrt(mean_of_sum(s, c)), of->exponent + of->spread_exponent) : 0;
}

/* Collective. */
static void find_moments(const summing *s, const double *lowest, const double *highest)
{
    const int64_t k = s->groups->n_clusters, stride = s->moments->stride;
    for (int64_t c = 0; c < k; c++) {
        const bool has_values = s->groups->n_all[c] > 0;
        choose_scale(&s->scales[c], has_values ? lowest[c] : 0, has_values ? highest[c] : 0,
                     has_values ? s->groups->n_all[c] : 1);
        s->moments->min[c * stride] = has_values ? lowest[c] : NAN;
        s->moments->max[c * stride] = has_values ? highest[c] : NAN;
        s->moments->mean[c * stride] = s->moments->deviation[c * stride] = NAN;
    }
    sum_values(s, false);
    for (int64_t c = 0; c < k; c++)
        if (s->groups->n_all[c] > 0)
            set_mean(s, c);
    sum_values(s, true);
    for (int64_t c = 0; c < k; c++)
        if (s->groups->n_all[c] > 0)
            set_deviation(s, c);
}

km_code km_groups_moments(const km_groups *groups, const km_group_moments *moments, MPI_Comm comm,
                          km_error *error)
{
    const int64_t k = groups->n_clusters;
    const char *what = "moments of the clusters";
    double *ends = km_allocate(2 * k, sizeof *ends, what, error);
    const summing s = {.groups = groups,
                       .moments = moments,
                       .scales = km_allocate(k, sizeof *s.scales, what, error),
                       .words = km_allocate(2 * k, sizeof *s.words, what, error),
                       .comm = comm};
    if (km_agree(comm, error) == KM_OK) {
        find_extremes(&s, ends, ends + k);
        find_moments(&s, ends, ends + k);
    }
    free(ends);
    free(s.scales);
    free(s.words);
    return error->code;
}
