/* The step that brings clusters to equal sizes: a search by the sample of rows once, and then
 * corrections of the prices from the sizes by all rows. */
#include "steps.h"

#include "fit/balance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A cluster is right within this part of its target; prices are left alone within half of it, so
 * that they come to rest. */
static const double ALLOWED = 0.01;
enum { ALLOWED_ROWS = 3 };

/* ---- prices and heights ---------------------------------------------------------------------- */

void km_balance_read_prices(const km_balancing *b, const double *centers, double *prices)
{
    for (int64_t c = 0; c < b->k; c++) {
        const double height = centers[(c + 1) * b->n_values - 1];
        prices[c] = height * height;
    }
}

/* Only differences of prices count, so the lowest becomes 0. Heights lie on a grid, and have so few
 * bits that floats hold them, or doubles their squares. */
void km_balance_place_heights(const km_balancing *b, const double *prices, double *centers)
{
    const int bits = b->precision == KM_FLOAT64 ? 26 : 23;
    double lowest = INFINITY, highest = 0;
    int exponent = 0;
    for (int64_t c = 0; c < b->k; c++)
        lowest = fmin(lowest, prices[c]);
    for (int64_t c = 0; c < b->k; c++)
        highest = fmax(highest, prices[c] - lowest);
    frexp(sqrt(highest), &exponent);
    const double unit = ldexp(1, exponent - bits);
    for (int64_t c = 0; c < b->k; c++)
        centers[(c + 1) * b->n_values - 1] = rint(sqrt(prices[c] - lowest) / unit) * unit;
}

/* ---- how far off ----------------------------------------------------------------------------- */

static void take_sizes(const running *run)
{
    const int64_t *sizes =
        run->task->balance == KM_BALANCE_COUNT ? run->totals.counts : run->totals.weights;
    run->balancing->total = 0;
    for (int64_t c = 0; c < run->task->n_clusters; c++) {
        run->balancing->sizes[c] = (double)sizes[c];
        run->balancing->total += (double)sizes[c];
    }
}

/* The largest excess of clusters in units of what is allowed, by all samples. */
static double excess_of_sizes(const running *run)
{
    const km_balancing *b = run->balancing;
    const double rows = run->task->balance == KM_BALANCE_COUNT ? ALLOWED_ROWS : 0;
    double largest = 0;
    for (int64_t c = 0; c < b->k; c++)
        largest =
            fmax(largest, fabs(b->sizes[c] - b->targets[c]) / fmax(ALLOWED * b->targets[c], rows));
    return largest;
}

/* ---- the step -------------------------------------------------------------------------------- */

/* The largest deviation of sizes from the targets, as a part of these. */
static double deviation_of_sizes(const km_balancing *b)
{
    double largest = 0;
    for (int64_t c = 0; c < b->k; c++)
        largest = fmax(largest, fabs(b->sizes[c] / b->targets[c] - 1));
    return largest;
}

/* The mean squared distance of samples to the used centers, without prices. */
static double scale_of_units(const running *run, double units)
{
    return units / (double)run->facts->weight;
}

/* What the rows of the sample say of the last assignment. */
static void look_at_sizes(running *run)
{
    km_balancing *b = run->balancing;
    take_sizes(run);
    km_balance_look(b, run->used);
    km_balance_share(b);
    km_balance_measure_spreads(b);
    km_balance_place_clusters(b);
    km_balance_set_targets(b, b->sizes);
}

bool km_is_balancing(running *run, double units, double shift)
{
    const double k = (double)run->task->n_clusters, scale = scale_of_units(run, units);
    const double enough = 0.01 * k * scale; /* centers move by a tenth of a radius */
    const int64_t n = run->samples->n_features;
    run->has_prices = false;
    for (int64_t c = 0; c < run->task->n_clusters; c++)
        run->has_prices = run->has_prices || run->used[(c + 1) * n - 1] > 0;
    return k > 1 && scale > 0 &&
           (run->has_prices || shift <= enough || run->totals.extras[KM_EXTRA_RELABELED] == 0);
}

/* Lets centers move farther than to the means: the inertia falls as long as that is less than twice
 * as far, and equal clusters, which hold each other, come to rest in fewer steps. */
static void overshoot(const km_balancing *b, const double *before, double *centers)
{
    const double factor = 1.6;
    const int64_t n = b->n_values;
    for (int64_t c = 0; c < b->k; c++) {
        for (int64_t j = 0; j < n - 1; j++)
            centers[c * n + j] =
                before[c * n + j] + factor * (centers[c * n + j] - before[c * n + j]);
        if (b->radius > 0)
            km_sphere_project(centers + c * n, before + c * n, b->radius);
    }
}

/* Centers stand while clusters are too unequal, else they overshoot. Neither are means. */
static void move_centers_freely(running *run, const double *before)
{
    const double unequal = 0.05;
    const km_balancing *b = run->balancing;
    if (deviation_of_sizes(b) > unequal)
        memcpy(run->centers, before, (size_t)(b->k * b->n_values) * sizeof *before);
    else
        overshoot(b, before, run->centers);
    run->n_refilled = b->k;
}

/* Are centers at rest? Moves would lower the inertia by less than the tolerance allows, since
 * changes of prices go on moving the means a little. */
static bool is_at_rest(const running *run, double shift, double scale)
{
    return shift <= run->task->tolerance * (double)run->task->n_clusters * scale ||
           run->totals.extras[KM_EXTRA_RELABELED] == 0;
}

void km_balance_step(running *run, double units, double shift, const double *before)
{
    enum { LAST_ITERATIONS = 8 }; /* in which prices catch up with centers */
    km_balancing *b = run->balancing;
    const double scale = scale_of_units(run, units);
    look_at_sizes(run);
    const double excess = excess_of_sizes(run);
    const bool is_still = is_at_rest(run, shift, scale);
    const bool is_late = run->number > run->task->max_iterations - LAST_ITERATIONS;
    run->is_balanced = excess <= 1;
    if (!run->has_prices && !run->is_balanced) {
        km_balance_weigh_fields(b);
        km_balance_search(b, run->centers);
        run->n_refilled = b->k;
        return;
    }
    run->is_settled = run->is_balanced && is_still;
    if (!is_still && !is_late)
        move_centers_freely(run, before);
    if (excess > 0.9)
        km_balance_correct_prices(b, run->used, run->centers);
}

km_balanced km_balance_judge(running *run)
{
    const km_balancing *b = run->balancing;
    km_balanced judged = {.lowest = INFINITY};
    look_at_sizes(run);
    for (int64_t f = 0; f < b->n_fields; f++)
        judged.n_fields += b->field_clusters[f] > 0;
    judged.is_right = excess_of_sizes(run) <= 1;
    for (int64_t c = 0; c < b->k; c++) {
        judged.lowest = fmin(judged.lowest, b->sizes[c] / b->targets[c]);
        judged.highest = fmax(judged.highest, b->sizes[c] / b->targets[c]);
    }
    judged.n_straddling = km_balance_count_straddling(run->balancing);
    return judged;
}
