/* The step that brings clusters to equal sizes: a search by the sample of rows once, and then
 * corrections of the prices from the sizes by all rows. */
#include "steps.h"

#include "fit/balance.h"
#include "samples/transform.h"

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
 * bits that floats hold them, or doubles, in which they are the roots of their rounded squares. */
void km_balance_place_heights(const km_balancing *b, const double *prices, double *centers)
{
    const int bits = b->precision == KM_FLOAT64 ? 40 : 23;
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

void km_balance_take_sizes(const running *run)
{
    const int64_t *sizes =
        run->task->balance == KM_BALANCE_COUNT ? run->totals.counts : run->totals.weights;
    run->balancing->total = 0;
    for (int64_t c = 0; c < run->task->n_clusters; c++) {
        run->balancing->sizes[c] = (double)sizes[c];
        run->balancing->total += (double)sizes[c];
    }
}

double km_balance_allowed(const running *run, int64_t c)
{
    const double rows = run->task->balance == KM_BALANCE_COUNT ? ALLOWED_ROWS : 0;
    return fmax(ALLOWED * run->balancing->targets[c], rows);
}

double km_balance_excess(const running *run)
{
    const double of_empty = 1e9; /* however large others are */
    const km_balancing *b = run->balancing;
    double largest = 0, n_empty = 0;
    for (int64_t c = 0; c < b->k; c++) {
        largest = fmax(largest, fabs(b->sizes[c] - b->targets[c]) / km_balance_allowed(run, c));
        n_empty += b->sizes[c] == 0;
    }
    return largest + n_empty * of_empty;
}

/* How far sizes are from their targets, at most, as a part of these. */
static double deviation_of_sizes(const km_balancing *b)
{
    return km_balance_largest_deviation(b, b->sizes, b->targets);
}

/* What the last assignment and the rows of the sample say of clusters. */
static void look_at_sizes(running *run)
{
    km_balancing *b = run->balancing;
    km_balance_take_sizes(run);
    km_balance_look(b, run->used);
    km_balance_share(b);
    km_balance_measure_spreads(b);
    km_balance_place_clusters(b);
    km_balance_set_targets(b);
}

/* ---- the step -------------------------------------------------------------------------------- */

/* The mean squared distance of samples to the used centers, without prices. */
static double scale_of_units(const running *run, double units)
{
    return units / (double)run->facts->weight;
}

/* Do prices differ already, or do the centers, whose shift this is, hardly move? */
static bool is_balancing(running *run, double units, double shift)
{
    const double k = (double)run->task->n_clusters, scale = scale_of_units(run, units);
    const double enough = 0.01 * k * scale; /* centers move by a tenth of a radius */
    const int64_t n = run->samples->n_features;
    run->has_prices = false;
    for (int64_t c = 0; c < run->task->n_clusters; c++)
        run->has_prices = run->has_prices || run->used[(c + 1) * n - 1] > 0;
    return run->has_prices || shift <= enough || run->totals.extras[KM_EXTRA_RELABELED] == 0;
}

/* How much farther than to the mean, `moved` away squared, a center may go: less than twice as far,
 * by which the inertia falls. One that leaves its rows, as when a row far off comes or goes, would
 * only swing. */
static double stretch(double moved, double spread)
{
    return moved <= spread / 2 ? 1.6 : 1;
}

/* Lets centers move farther than to the means: equal clusters hold each other, and so come to rest
 * in fewer steps. */
static void overshoot(running *run, const double *before)
{
    const km_balancing *b = run->balancing;
    const int64_t n = b->n_values;
    for (int64_t c = 0; c < b->k; c++) {
        double *center = run->centers + c * n, moved = 0;
        const double *from = before + c * n;
        for (int64_t j = 0; j < n - 1; j++)
            moved += (center[j] - from[j]) * (center[j] - from[j]);
        const double factor = stretch(moved, b->spreads[c]);
        for (int64_t j = 0; j < n - 1; j++)
            center[j] = from[j] + factor * (center[j] - from[j]);
        if (b->radius > 0)
            km_sphere_project(center, from, b->radius);
    }
    run->n_refilled = b->k; /* centers are no means */
}

/* Are centers at rest? Moves would lower the inertia by less than the tolerance allows, or some
 * times that where prices have just changed: those that make clusters equal are many, and with each
 * of them means are a little elsewhere. */
static bool is_at_rest(const running *run, double shift, double scale, bool has_settled)
{
    const double times = has_settled ? 4 : 1;
    return shift <= times * run->task->tolerance * (double)run->task->n_clusters * scale ||
           run->totals.extras[KM_EXTRA_RELABELED] == 0;
}

/* Clusters stay equal while centers move only by prices that are right to begin with; and they have
 * to be equal at the end. */
static bool is_settling(const running *run, bool is_still)
{
    const double unequal = 0.05;
    return run->has_prices &&
           (deviation_of_sizes(run->balancing) > unequal ||
            ((is_still || run->number == run->task->max_iterations) && km_balance_excess(run) > 1));
}

/* Brings clusters to equal sizes, and moves centers to the means of these. */
static km_code settle(running *run, double *before, double *shift, km_error *error)
{
    const int64_t n = run->balancing->k * run->balancing->n_values;
    memcpy(run->centers, before, (size_t)n * sizeof *before);
    if (km_balance_settle(run, error) != KM_OK || km_refill_empty(run, error) != KM_OK)
        return error->code;
    *shift = km_move_below_heights(run, before);
    look_at_sizes(run);
    return KM_OK;
}

/* Can't sizes be made equal, since rows are equal or outweigh a cluster? Small differences may go
 * away when centers move. */
static bool is_hopeless(const running *run, bool is_still)
{
    enum { ENOUGH_ITERATIONS = 30 };
    const double large = 0.25;
    const bool is_far = deviation_of_sizes(run->balancing) > large;
    return (run->number >= ENOUGH_ITERATIONS) + is_far + is_still >= 2;
}

/* The first prices, and centers that suit them. */
static void begin_prices(running *run)
{
    km_balance_search(run->balancing, run->centers);
    run->n_refilled = run->balancing->k; /* centers are no means */
}

km_code km_balance_step(running *run, double units, double *before, km_error *error)
{
    enum { LAST_ITERATIONS = 2 }; /* which end with the means of equal clusters */
    km_balancing *b = run->balancing;
    const double scale = scale_of_units(run, units);
    double shift = km_move_below_heights(run, before);
    run->is_balanced = run->is_settled = b->k == 1 || scale == 0;
    if (run->is_settled || !is_balancing(run, units, shift))
        return KM_OK;
    look_at_sizes(run);
    const bool has_settled = is_settling(run, is_at_rest(run, shift, scale, false));
    if (has_settled && settle(run, before, &shift, error) != KM_OK)
        return error->code;
    const bool is_still = is_at_rest(run, shift, scale, has_settled);
    run->is_balanced = km_balance_excess(run) <= 1;
    run->is_settled = run->is_balanced ? is_still : has_settled && is_hopeless(run, is_still);
    if (!run->has_prices && !run->is_balanced) {
        begin_prices(run);
        return KM_OK;
    }
    if (!is_still && !run->is_settled && run->number <= run->task->max_iterations - LAST_ITERATIONS)
        overshoot(run, before);
    if (!run->is_settled)
        km_balance_correct_prices(b, run->used, run->centers);
    return KM_OK;
}

km_balanced km_balance_judge(running *run)
{
    const km_balancing *b = run->balancing;
    km_balanced judged = {.lowest = INFINITY};
    look_at_sizes(run);
    for (int64_t f = 0; f < b->n_fields; f++)
        judged.n_fields += b->field_clusters[f] > 0;
    judged.is_right = km_balance_excess(run) <= 1;
    for (int64_t c = 0; c < b->k; c++) {
        judged.lowest = fmin(judged.lowest, b->sizes[c] / b->targets[c]);
        judged.highest = fmax(judged.highest, b->sizes[c] / b->targets[c]);
    }
    judged.n_straddling = km_balance_count_straddling(run->balancing);
    return judged;
}
