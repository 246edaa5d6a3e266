/* The step that brings clusters to equal sizes: Newton's method for the prices, tried out on the
 * sample of rows; fields get clusters in proportion to their size (Webster 1832). */
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

static void read_prices(const km_balancing *b, const double *centers, double *prices)
{
    for (int64_t c = 0; c < b->k; c++) {
        const double height = centers[(c + 1) * b->n_values - 1];
        prices[c] = height * height;
    }
}

/* Only differences of prices count, so the lowest becomes 0. Heights have at most 23 bits on one
 * grid: floats hold them, and doubles their squares. */
static void place_heights(const km_balancing *b, const double *prices, double *centers)
{
    enum { BITS = 23 };
    double lowest = INFINITY, highest = 0;
    int exponent = 0;
    for (int64_t c = 0; c < b->k; c++)
        lowest = fmin(lowest, prices[c]);
    for (int64_t c = 0; c < b->k; c++)
        highest = fmax(highest, prices[c] - lowest);
    frexp(sqrt(highest), &exponent);
    const double unit = ldexp(1, exponent - BITS);
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

/* ---- fields ---------------------------------------------------------------------------------- */

/* The cluster of a field that is smallest, or largest. */
static int32_t extreme_of_field(const km_balancing *b, int32_t field, bool is_largest)
{
    int32_t found = -1;
    for (int32_t c = 0; c < b->k; c++)
        if (b->fields[c] == field && (found < 0 || (is_largest ? b->sizes[c] > b->sizes[found]
                                                               : b->sizes[c] < b->sizes[found])))
            found = c;
    return found;
}

/* Webster's rule: the field that deserves another cluster most, and the one that deserves its last
 * one least. False if that is the right way round already. */
static bool find_unfair_fields(const km_balancing *b, int32_t *from, int32_t *to)
{
    const double *sums = b->field_sizes, *numbers = b->field_clusters;
    double least = INFINITY, most = 0;
    *from = *to = 0;
    for (int32_t f = 0; f < b->n_fields; f++) {
        if (numbers[f] > 0 && sums[f] / (numbers[f] - 0.5) < least) {
            least = sums[f] / (numbers[f] - 0.5);
            *from = f;
        }
        if (numbers[f] > 0 && sums[f] / (numbers[f] + 0.5) > most) {
            most = sums[f] / (numbers[f] + 0.5);
            *to = f;
        }
    }
    return most > least;
}

/* Half way from a center to its nearest neighbour, but no farther than half a radius. */
static void find_split(const running *run, int64_t c, double radius, double *half)
{
    const int64_t k = run->task->n_clusters, n = run->samples->n_features, d = n - 1;
    double nearest = INFINITY;
    for (int64_t o = 0; o < k; o++) {
        double distance2 = 0;
        for (int64_t j = 0; j < d; j++) {
            const double difference = run->centers[o * n + j] - run->centers[c * n + j];
            distance2 += difference * difference;
        }
        if (o == c || distance2 == 0 || distance2 >= nearest)
            continue;
        nearest = distance2;
        for (int64_t j = 0; j < d; j++)
            half[j] = (run->centers[o * n + j] - run->centers[c * n + j]) *
                      fmin(0.5, 0.5 * radius / sqrt(distance2));
    }
}

/* Moves a cluster to where another is, which it halves. */
static void move_cluster(running *run, int32_t moved, int32_t split, double radius)
{
    km_balancing *b = run->balancing;
    double *half = b->half;
    const int64_t n = run->samples->n_features, d = n - 1;
    memset(half, 0, (size_t)d * sizeof *half);
    find_split(run, split, radius, half);
    for (int64_t j = 0; j < n; j++)
        run->centers[moved * n + j] = run->centers[split * n + j];
    for (int64_t j = 0; j < d; j++) {
        run->centers[moved * n + j] += half[j];
        run->centers[split * n + j] -= half[j];
    }
    if (run->task->radius > 0)
        for (int i = 0; i < 2; i++) {
            double *center = run->centers + (i == 0 ? moved : split) * n;
            km_sphere_project(center, center, run->task->radius);
        }
    b->field_clusters[b->fields[moved]]--;
    b->field_clusters[b->fields[split]]++;
    b->fields[moved] = b->fields[split];
    b->sizes[split] = b->sizes[moved] = b->sizes[split] / 2;
}

enum { LAST_MOVE = 96 }; /* the iteration after which no cluster changes its field */

/* Clusters move between fields only now and then, so that others can follow, and not for ever. */
static bool may_apportion(const running *run)
{
    return run->number % 8 == 0 && run->number <= LAST_MOVE;
}

/* Gives fields as many clusters as they deserve. Returns how many had to move. */
static int64_t apportion_clusters(running *run, double radius)
{
    km_balancing *b = run->balancing;
    int64_t n_moved = 0;
    for (int32_t from, to; n_moved < b->k && find_unfair_fields(b, &from, &to); n_moved++)
        move_cluster(run, extreme_of_field(b, from, false), extreme_of_field(b, to, true), radius);
    return n_moved;
}

/* ---- the step -------------------------------------------------------------------------------- */

/* The largest deviation of counts from the targets, as a part of these. */
static double deviation_of_counts(const km_balancing *b)
{
    double largest = 0;
    for (int64_t c = 0; c < b->k; c++)
        largest = fmax(largest, fabs(b->counts[c] / KM_SHARES * b->total / b->targets[c] - 1));
    return largest;
}

/* The part of a spread within which rows are near a facet: as narrow as gives a facet enough rows.
 */
static double width_of_facets(const km_balancing *b, double deviation)
{
    const double rows = (double)b->rows.samples.n_samples / (double)b->k;
    return fmax(fmin(1, fmax(0.02, 40 / rows)), fmin(0.5, 2 * deviation));
}

/* One Newton step of the prices, from the sizes by all samples and the facets by the rows of the
 * sample: what these are wrong about makes the step longer or shorter, but leaves no error behind.
 */
static void step_prices(km_balancing *b, const double *used, double *centers)
{
    for (int64_t c = 0; c < b->k; c++)
        b->counts[c] = b->sizes[c] / b->total * KM_SHARES;
    km_balance_find_facets(b, width_of_facets(b, deviation_of_counts(b)), true);
    km_balance_foresee(b, used, centers);
    km_balance_find_direction(b);
    read_prices(b, centers, b->prices);
    for (int64_t c = 0; c < b->k; c++)
        b->prices[c] += b->direction[c];
    place_heights(b, b->prices, centers);
}

/* Fields end where rows are missing over a good part of a radius. Gaps are known up to the second,
 * in mean spreads: some clusters may be much wider than others. */
static const double FIELD_WIDTH = 1, KNOWN_WIDTH = 4;

static void look_at_fields(running *run, const double *centers, double scale)
{
    km_balancing *b = run->balancing;
    take_sizes(run);
    km_balance_look(b, centers, KNOWN_WIDTH * scale);
    km_balance_share(b);
    km_balance_find_facets(b, FIELD_WIDTH, false);
    km_balance_find_fields(b);
}

/* The mean squared distance of samples to the used centers, without prices. */
static double scale_of_units(const running *run, double units)
{
    return units / (double)run->facts->weight;
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

void km_balance_step(running *run, double units)
{
    km_balancing *b = run->balancing;
    const double scale = scale_of_units(run, units);
    look_at_fields(run, run->used, scale);
    const double excess = excess_of_sizes(run);
    int32_t from, to;
    const bool is_unfair = find_unfair_fields(b, &from, &to) && run->number <= LAST_MOVE;
    const int64_t n_moved = may_apportion(run) ? apportion_clusters(run, sqrt(scale)) : 0;
    run->is_balanced = excess <= 1 && !is_unfair;
    run->has_new_prices = is_unfair; /* or it will have */
    run->n_refilled += n_moved;
    if (n_moved == 0 && excess > 0.9)
        step_prices(b, run->used, run->centers);
}

km_balanced km_balance_judge(running *run, double units)
{
    const km_balancing *b = run->balancing;
    km_balanced judged = {.lowest = INFINITY};
    look_at_fields(run, run->used, scale_of_units(run, units));
    judged.n_fields = b->n_fields;
    judged.is_right = excess_of_sizes(run) <= 1;
    for (int64_t c = 0; c < b->k; c++) {
        judged.lowest = fmin(judged.lowest, b->sizes[c] / b->targets[c]);
        judged.highest = fmax(judged.highest, b->sizes[c] / b->targets[c]);
    }
    judged.n_straddling = km_balance_count_straddling(run->balancing);
    return judged;
}
