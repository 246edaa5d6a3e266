/* The inertia, in two ways: from the totals, which is quick, after each iteration; and as an exact
 * sum over all samples at the end of a fit. */
#include "base/arithmetic.h"
#include "base/partition.h"
#include "steps.h"

#include <math.h>
#include <string.h>

double km_history_units(const running *run)
{
    const km_totals *totals = &run->totals;
    const int64_t d = totals->n_features;
    km_double2 inertia = run->facts->squares;
    for (int64_t c = 0; c < totals->n_clusters; c++) {
        const double n = (double)totals->weights[c];
        for (int64_t j = 0; j < d && n > 0; j++) {
            const km_double2 sum = km_exact_value(&run->grids[j], km_totals_get(totals, c, j));
            const km_double2 center =
                km_double2_difference(run->used[c * d + j], run->grids[j].origin);
            /* (c - m) * (n (c - m) - 2 T) */
            const km_double2 n_center = km_double2_multiply(center, (km_double2){n, 0});
            const km_double2 minus_2_sum = {-2 * sum.high, -2 * sum.low};
            inertia = km_double2_add(
                inertia, km_double2_multiply(center, km_double2_add(n_center, minus_2_sum)));
        }
    }
    const double value = inertia.high + inertia.low;
    if (isnan(value))
        return INFINITY; /* squares overflowed: first centers far from all samples */
    return fmax(value, 0);
}

double km_inertia_of_units(const running *run, double units)
{
    /* One ldexp for all exponents: one after the other could overflow or underflow. */
    return ldexp(units, ilogb(run->samples->weight_unit) + 2 * run->task->exponent);
}

/* Squared distances of the samples of a block to the centers of their labels. */
static void measure_block(const km_samples *samples, const km_kernel *kernel, const double *centers,
                          const int32_t *labels, int64_t block, double *distances2)
{
    int32_t own[KM_BLOCK] = {0};
    const size_t lanes = (size_t)km_samples_lanes(samples, block);
    memcpy(own, labels, lanes * sizeof *own);
    kernel->measure[samples->precision](km_samples_block(samples, block), centers,
                                        samples->n_features, own, distances2);
}

/* Squared distances to the centers of the running fit. */
static void measure_own(const running *run, int64_t block, double *distances2)
{
    measure_block(run->samples, run->task->kernel, run->centers,
                  run->assigner.labels + block * KM_BLOCK, block, distances2);
}

/* The maximum squared distance of all samples with weight. Collective. */
static double find_max_distance2(const running *run)
{
    double max = 0;
#pragma omp parallel for reduction(max : max)
    for (int64_t b = 0; b < run->samples->n_blocks; b++) {
        double distances2[KM_BLOCK];
        int64_t weights[KM_BLOCK];
        measure_own(run, b, distances2);
        km_samples_weights(run->samples, b, weights);
        for (int l = 0; l < KM_BLOCK; l++)
            if (weights[l] > 0 && distances2[l] > max)
                max = distances2[l];
    }
    km_max_double(run->comm, &max, 1);
    return max;
}

/* The sum over this rank's samples of the squared distances times a power of two, on a grid of two
 * words. */
static km_exact sum_distances2(const running *run, const km_grid *grid, km_power power)
{
    int64_t high = 0, low = 0;
#pragma omp parallel for reduction(+ : high, low)
    for (int64_t b = 0; b < run->samples->n_blocks; b++) {
        double distances2[KM_BLOCK];
        int64_t weights[KM_BLOCK];
        km_exact sum = {high, low};
        measure_own(run, b, distances2);
        km_samples_weights(run->samples, b, weights);
        for (int l = 0; l < KM_BLOCK; l++) {
            if (weights[l] == 0)
                continue;
            km_exact point = km_quantize(grid, distances2[l] * power.a * power.b, 0);
            point = km_weigh(point, weights[l], 2);
            sum = km_carry((km_exact){sum.high + point.high, sum.low + point.low});
        }
        high = sum.high;
        low = sum.low;
    }
    return km_carry((km_exact){high, low});
}

/* The grid fits the maximum squared distance, since distances may be far smaller than the range of
 * the samples. */
double km_final_inertia(const running *run)
{
    int exponent = 0;
    frexp(find_max_distance2(run), &exponent); /* below 2^exponent: summands are below 1 */
    const km_grid grid = km_grid_choose(-1, 1, run->facts->weight, 2);
    const km_exact sum = sum_distances2(run, &grid, km_power_of_two(-exponent));
    int64_t words[2] = {sum.high, sum.low};
    km_sum_int64(run->comm, words, 2);
    const km_double2 inertia = km_exact_value(&grid, (km_exact){words[0], words[1]});
    return km_inertia_of_units(run, ldexp(inertia.high + inertia.low, exponent));
}

void km_block_distances(const km_samples *samples, const km_kernel *kernel, const double *centers,
                        const int32_t *labels, int exponent, int64_t block, double *distances)
{
    measure_block(samples, kernel, centers, labels, block, distances);
    for (int l = 0; l < KM_BLOCK; l++)
        distances[l] = ldexp(sqrt(distances[l]), exponent);
}
