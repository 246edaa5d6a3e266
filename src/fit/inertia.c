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
    const double value = inertia.high + inertia.low;
    if (isnan(value))
        return INFINITY; /* squares overflowed: first centers far from all samples */
    return ldexp(fmax(value, 0), 2 * run->task->exponent);
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

static double own_distance2(const running *run, int64_t sample)
{
    const int32_t label = run->assigner.labels[sample];
    return km_distance2(run->samples, sample, run->centers + label * run->samples->n_features);
}

/* On a grid for the largest of them: others may be far smaller than the box of all samples. */
double km_final_inertia(const running *run)
{
    double largest = 0;
    for (int64_t i = 0; i < run->samples->n_samples; i++)
        largest = fmax(largest, own_distance2(run, i));
    km_max_double(run->comm, &largest, 1);
    int exponent = 0;
    frexp(largest, &exponent); /* largest < 2^exponent: what is summed is below 1 */
    const km_power power = km_power_of_two(-exponent);
    const km_grid grid = km_grid_choose(-1, 1, run->facts.n_samples, 2);
    km_exact sum = {0, 0};
    for (int64_t i = 0; i < run->samples->n_samples; i++) {
        const km_exact point = km_quantise(&grid, own_distance2(run, i) * power.a * power.b, 0);
        sum = km_carry((km_exact){sum.high + point.high, sum.low + point.low});
    }
    int64_t words[2] = {sum.high, sum.low};
    km_sum_int64(run->comm, words, 2);
    const km_double2 inertia = km_exact_value(&grid, (km_exact){words[0], words[1]});
    return ldexp(inertia.high + inertia.low, exponent + 2 * run->task->exponent);
}

double km_fit_distance(const km_fit *fit, const km_samples *samples, int exponent, int64_t sample)
{
    const double *center = fit->centers + fit->labels[sample] * samples->n_features;
    return ldexp(sqrt(km_distance2(samples, sample, center)), exponent);
}
