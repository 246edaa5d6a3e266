/* The sum of squared distances, in two ways. */
#include "steps.h"

#include <math.h>

double km_history_inertia(const running *run)
{
    const km_totals *totals = &run->totals;
    const int64_t d = totals->n_features;
    km_double2 inertia = run->facts.squares;
    for (int64_t c = 0; c < totals->n_clusters; c++) {
        const double n = (double)totals->counts[c];
        for (int64_t j = 0; j < d && n > 0; j++) {
            const km_double2 sum = km_exact_value(&run->grids[j], km_totals_get(totals, c, j));
            const km_double2 center =
                km_double2_difference(run->used[c * d + j], run->grids[j].origin);
            /* (c - m) * (n (c - m) - 2 T) */
            const km_double2 pull = km_double2_multiply(center, (km_double2){n, 0});
            const km_double2 push = {-2 * sum.high, -2 * sum.low};
            inertia =
                km_double2_add(inertia, km_double2_multiply(center, km_double2_add(pull, push)));
        }
    }
    const double value = fmax(inertia.high + inertia.low, 0);
    return ldexp(value, 2 * run->task->exponent);
}

double km_distance2(const km_samples *samples, int64_t sample, const double *center)
{
    const int64_t d = samples->n_features, lane = sample % KM_BLOCK;
    const void *block = km_samples_block(samples, sample / KM_BLOCK);
    double sum = 0;
    for (int64_t j = 0; j < d; j++) {
        const double value = samples->precision == KM_FLOAT32
                                 ? (double)((const float *)block)[j * KM_BLOCK + lane]
                                 : ((const double *)block)[j * KM_BLOCK + lane];
        sum = fma(value - center[j], value - center[j], sum);
    }
    return sum;
}

/* An upper bound of what a sample's squared distance can be: the diagonal of the box of all
 * samples. At least one center is in the box, and a sample's own center is not farther than that
 * one; twice that leaves room for decisions in working precision and for rounding. */
static double largest_distance2(const km_facts *facts)
{
    double sum = 0;
    for (int64_t j = 0; j < facts->n_features; j++)
        sum += (facts->highest[j] - facts->lowest[j]) * (facts->highest[j] - facts->lowest[j]);
    return 2 * sum;
}

double km_final_inertia(const running *run)
{
    const km_grid grid = km_grid_choose(0, largest_distance2(&run->facts), run->facts.n_samples, 2);
    km_exact sum = {0, 0};
    for (int64_t i = 0; i < run->samples->n_samples; i++) {
        const double *center = run->centers + run->assigner.labels[i] * run->samples->n_features;
        const double distance2 = km_distance2(run->samples, i, center);
        const km_double2 centered = km_double2_difference(distance2, grid.origin);
        const km_exact point = km_quantise(&grid, centered.high, centered.low);
        sum = km_carry((km_exact){sum.high + point.high, sum.low + point.low});
    }
    int64_t words[2] = {sum.high, sum.low};
    km_sum_int64(run->comm, words, 2);
    const km_double2 value = km_exact_value(&grid, (km_exact){words[0], words[1]});
    const double n = (double)run->facts.n_samples;
    const km_double2 origins =
        km_double2_multiply((km_double2){grid.origin, 0}, (km_double2){n, 0});
    const km_double2 inertia = km_double2_add(value, origins);
    return ldexp(inertia.high + inertia.low, 2 * run->task->exponent);
}

double km_fit_distance(const km_fit *fit, const km_samples *samples, int exponent, int64_t sample)
{
    const double *center = fit->centers + fit->labels[sample] * samples->n_features;
    return ldexp(sqrt(km_distance2(samples, sample, center)), exponent);
}
