/* The inertia, in two ways: from the totals, which is quick, after each iteration; and as an exact
 * sum over all samples at the end of a fit. */
#include "base/arithmetic.h"
#include "base/large.h"
#include "base/partition.h"
#include "base/threads.h"
#include "steps.h"

#include <math.h>
#include <string.h>

/* Adds the terms of a cluster, if it has weight. */
static void add_cluster(km_history_sums *sums, const km_kernel *kernel, const running *run,
                        int64_t c)
{
    if (run->totals.weights[c] > 0)
        kernel->add_history(run->grids, &run->totals, c, run->used + c * run->totals.n_features,
                            run->d, sums);
}

/* The sum in the order of centers and features, which defines the bits of the history. */
static double sum_history_in_order(const running *run)
{
    km_history_sums sums = {.high = {run->facts->squares.high}, .low = {run->facts->squares.low}};
    for (int64_t c = 0; c < run->totals.n_clusters; c++)
        add_cluster(&sums, &km_kernel_reference, run, c);
    return sums.high[0] + sums.low[0];
}

/* The same sum in any order, on all threads, and in *error how far it may be from that in order.
 *
 * An addition of normalised double-doubles has a relative error below 3.1 * 2^-106 (Joldes, Muller
 * and Popescu 2017, doi:10.1145/3121432, theorem 3.1), and no partial sum is larger than M, the
 * squares and the sizes of all terms. Each of the two orders has at most k d + KM_HISTORY_LANES
 * threads + 1 additions, so they differ by less than twice 3.1 * 2^-106 M times that. 8 instead of
 * 6.2 covers the rounding of M and of the bound; terms are the same in both, and additions do not
 * underflow. */
static km_double2 sum_history(const running *run, double *error)
{
    const double n_terms = (double)run->totals.n_clusters * (double)run->totals.n_features;
    const km_kernel *kernel = km_update_kernel(run);
    km_double2 all = run->facts->squares;
    double sizes = fabs(all.high);
#pragma omp parallel
    {
        km_history_sums own = {0};
#pragma omp for
        for (int64_t c = 0; c < run->totals.n_clusters; c++)
            add_cluster(&own, kernel, run, c);
#pragma omp critical
        for (int i = 0; i < KM_HISTORY_LANES; i++) {
            all = km_double2_add(all, (km_double2){own.high[i], own.low[i]});
            sizes += own.sizes[i];
        }
    }
    *error = 8 * 0x1p-106 * sizes * (n_terms + (double)(KM_HISTORY_LANES * km_threads()) + 1);
    return all;
}

/* Sums that differ by no more than `error` round to the same double if both ends do. */
static bool is_rounding_sure(km_double2 sum, double error)
{
    const km_double2 low = km_double2_add(sum, (km_double2){-error, 0});
    const km_double2 high = km_double2_add(sum, (km_double2){error, 0});
    return low.high + low.low == high.high + high.low;
}

double km_history_units(const running *run)
{
    double error, value;
    if (run->totals.n_clusters * run->totals.n_features < KM_MANY_TERMS) {
        value = sum_history_in_order(run);
    } else {
        const km_double2 sum = sum_history(run, &error);
        value = is_rounding_sure(sum, error) ? sum.high + sum.low : sum_history_in_order(run);
    }
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
                          int64_t d, const int32_t *labels, int64_t block, double *distances2)
{
    int32_t own[KM_BLOCK] = {0};
    const size_t lanes = (size_t)km_samples_lanes(samples, block);
    memcpy(own, labels, lanes * sizeof *own);
    km_samples_pass(samples, block);
    kernel->measure[samples->precision](km_samples_block(samples, block), centers, d, own,
                                        distances2);
}

void km_drop_heights(const double *centers, int64_t k, int64_t n_values, int64_t n_heights,
                     double *plain)
{
    const int64_t d = n_values - n_heights;
    for (int64_t c = 0; c < k; c++)
        memcpy(plain + c * d, centers + c * n_values, (size_t)d * sizeof *plain);
}

void km_add_heights(double *centers, int64_t k, int64_t d, int64_t n_heights)
{
    const int64_t n_values = d + n_heights;
    for (int64_t c = k - 1; c >= 0 && n_heights > 0; c--) {
        memmove(centers + c * n_values, centers + c * d, (size_t)d * sizeof *centers);
        memset(centers + c * n_values + d, 0, (size_t)n_heights * sizeof *centers);
    }
}

/* Squared distances to the centers of the running fit, which are in `used` without heights. */
static void measure_own(const running *run, int64_t block, double *distances2)
{
    const int32_t *labels = run->assigner.labels;
    km_pass_large(labels, block, run->samples->n_blocks, KM_BLOCK * sizeof *labels);
    measure_block(run->samples, run->task->kernel, run->used, run->d, labels + block * KM_BLOCK,
                  block, distances2);
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
double km_final_inertia(running *run, bool *is_beyond)
{
    int exponent = 0;
    km_drop_heights(run->centers, run->task->n_clusters, run->samples->n_features,
                    run->samples->n_features - run->d, run->used);
    frexp(find_max_distance2(run), &exponent); /* below 2^exponent: summands are below 1 */
    const km_grid grid = km_grid_choose(-1, 1, run->facts->weight, 2);
    const km_exact sum = sum_distances2(run, &grid, km_power_of_two(-exponent));
    int64_t words[2] = {sum.high, sum.low};
    km_sum_int64(run->comm, words, 2);
    const km_double2 inertia = km_exact_value(&grid, (km_exact){words[0], words[1]});
    const double units = ldexp(inertia.high + inertia.low, exponent);
    const double value = km_inertia_of_units(run, units);
    *is_beyond = units > 0 && !isnormal(value);
    return value;
}

void km_block_distances(const km_samples *samples, const km_kernel *kernel, const double *centers,
                        int64_t d, const int32_t *labels, int exponent, int64_t block,
                        double *distances)
{
    const double unit = ldexp(1, exponent); /* to multiply by it is faster, with the same bits */
    measure_block(samples, kernel, centers, d, labels, block, distances);
    for (int l = 0; l < KM_BLOCK; l++)
        distances[l] =
            isnormal(unit) ? sqrt(distances[l]) * unit : ldexp(sqrt(distances[l]), exponent);
}
