/* The search for clusters of equal size by the sample of rows: fields get clusters in proportion to
 * their size (Webster 1832), then prices and centers change in turn. */
#include "fit/balance.h"
#include "samples/transform.h"

#include <math.h>
#include <string.h>

/* ---- fields ---------------------------------------------------------------------------------- */

/* The cluster of a field that is smallest, or largest. */
static int32_t extreme_of_field(const km_balancing *b, int32_t field, bool is_largest)
{
    int32_t found = -1;
    for (int32_t c = 0; c < b->k; c++)
        if (b->fields[c] == field && (found < 0 || (is_largest ? b->counts[c] > b->counts[found]
                                                               : b->counts[c] < b->counts[found])))
            found = c;
    return found;
}

/* Webster's rule, but that each field gets one: the field that deserves another cluster most, and
 * the one that deserves its last one least. False if that is the right way round already. */
static bool find_unfair_fields(const km_balancing *b, int32_t *from, int32_t *to)
{
    const double *masses = b->field_masses, *numbers = b->field_clusters;
    double least = INFINITY, most = 0;
    *from = *to = 0;
    for (int32_t f = 0; f < b->n_fields; f++) {
        if (numbers[f] > 1 && masses[f] / (numbers[f] - 0.5) < least) {
            least = masses[f] / (numbers[f] - 0.5);
            *from = f;
        }
        const double deserved = numbers[f] > 0 ? masses[f] / (numbers[f] + 0.5) : INFINITY;
        if (deserved > most) {
            most = deserved;
            *to = f;
        }
    }
    return most > least;
}

/* The mean place of the rows of a field. */
static void find_middle_of_field(const km_balancing *b, int32_t field, double *middle)
{
    double n = 0;
    memset(middle, 0, (size_t)b->n_values * sizeof *middle);
    for (int64_t i = 0; i < b->rows.n_looked; i++) {
        n += b->rows.fields[i] == field;
        for (int64_t j = 0; j < b->n_values && b->rows.fields[i] == field; j++)
            middle[j] += (km_sampled_value(b, i * b->rows.stride, j) - middle[j]) / n;
    }
}

/* Half way from a center to its nearest neighbour, but no farther than half a radius. */
static void find_split(const km_balancing *b, const double *centers, int64_t c, double *half)
{
    const int64_t n = b->n_values, d = n - 1;
    double nearest = INFINITY;
    memset(half, 0, (size_t)n * sizeof *half);
    for (int64_t o = 0; o < b->k; o++) {
        double distance2 = 0;
        for (int64_t j = 0; j < d; j++) {
            const double difference = centers[o * n + j] - centers[c * n + j];
            distance2 += difference * difference;
        }
        if (o == c || distance2 == 0 || distance2 >= nearest)
            continue;
        nearest = distance2;
        for (int64_t j = 0; j < d; j++)
            half[j] = (centers[o * n + j] - centers[c * n + j]) *
                      fmin(0.5, 0.5 * sqrt(b->spreads[c] / distance2));
    }
}

static void keep_on_sphere(const km_balancing *b, double *center)
{
    if (b->radius > 0)
        km_sphere_project(center, center, b->radius);
}

/* Moves a cluster to where another is, which it halves. */
static void halve_cluster(km_balancing *b, double *centers, int32_t moved, int32_t split)
{
    const int64_t n = b->n_values;
    find_split(b, centers, split, b->means);
    for (int64_t j = 0; j < n; j++) {
        centers[moved * n + j] = centers[split * n + j] + b->means[j];
        centers[split * n + j] -= b->means[j];
    }
    keep_on_sphere(b, centers + moved * n);
    keep_on_sphere(b, centers + split * n);
    b->spreads[moved] = b->spreads[split];
    b->counts[split] = b->counts[moved] = b->counts[split] / 2;
}

/* Gives fields as many clusters as they deserve. */
static void apportion_clusters(km_balancing *b, double *centers)
{
    int32_t from, to;
    for (int64_t i = 0; i < b->k && find_unfair_fields(b, &from, &to); i++) {
        const int32_t moved = extreme_of_field(b, from, false);
        const int32_t split = extreme_of_field(b, to, true);
        if (split >= 0)
            halve_cluster(b, centers, moved, split);
        else
            find_middle_of_field(b, to, centers + moved * b->n_values);
        if (split < 0)
            b->counts[moved] = b->field_masses[to];
        b->fields[moved] = to;
        b->field_clusters[from]--;
        b->field_clusters[to]++;
    }
}

/* A cluster with hardly any rows, as that of one row far off, would need a price that no grid holds
 * beside the others: it halves the largest of its field instead. */
static void move_tiny_clusters(km_balancing *b, double *centers)
{
    const double tiny = 0.02;
    for (int32_t f = 0; f < b->n_fields; f++)
        for (int64_t i = 0; i < b->k && b->field_clusters[f] > 1; i++) {
            const int32_t moved = extreme_of_field(b, f, false);
            if (!(b->counts[moved] < tiny * b->field_masses[f] / b->field_clusters[f]))
                break;
            halve_cluster(b, centers, moved, extreme_of_field(b, f, true));
        }
}

/* ---- centers --------------------------------------------------------------------------------- */

/* Each cluster weighs rows a little differently, or those whose centers coincide would stay there.
 */
static double weight_of_part(int64_t row, int64_t c, double unlike)
{
    const uint32_t mixed = ((uint32_t)row * 2654435761U) ^ ((uint32_t)(c + 1) * 2246822519U);
    return (mixed * 3266489917U) >> 31 ? 1 + unlike : 1 - unlike;
}

/* Moves centers to the means of their rows, parts of rows included. Returns how far, squared, as a
 * part of the spread of the cluster, on average. */
static double move_to_means(km_balancing *b, double unlike, double *centers)
{
    const km_soft *soft = &b->soft;
    const int64_t n = b->n_values, d = n - 1, n_slots = KM_SOFT_SLOTS * soft->stride;
    double *weights = b->solving, shift = 0;
    memset(b->means, 0, (size_t)(b->k * n) * sizeof *b->means);
    memset(weights, 0, (size_t)b->k * sizeof *weights);
    for (int64_t i = 0; i < soft->n_rows; i++)
        for (int64_t l = i * n_slots; l < i * n_slots + soft->n_parts[i]; l++) {
            const int64_t row = i * soft->stride, c = soft->clusters[l];
            const double weight =
                b->rows.shares[row] * soft->parts[l] * weight_of_part(row, c, unlike);
            weights[c] += weight;
            for (int64_t j = 0; j < d; j++)
                b->means[c * n + j] += weight * km_sampled_value(b, row, j);
        }
    for (int64_t c = 0; c < b->k; c++) {
        double moved = 0;
        if (!(weights[c] > 0))
            continue;
        for (int64_t j = 0; j < d; j++)
            b->means[c * n + j] /= weights[c];
        if (b->radius > 0)
            km_sphere_project(b->means + c * n, centers + c * n, b->radius);
        for (int64_t j = 0; j < d; j++) {
            const double difference = b->means[c * n + j] - centers[c * n + j];
            moved += difference * difference;
            centers[c * n + j] = b->means[c * n + j];
        }
        shift += b->spreads[c] > 0 ? moved / b->spreads[c] : 0;
    }
    return shift / (double)b->k;
}

/* ---- the search ------------------------------------------------------------------------------ */

/* What clusters are to have: the mean of their field. */
static void want_means_of_fields(km_balancing *b)
{
    for (int64_t c = 0; c < b->k; c++)
        b->wanted[c] = b->field_masses[b->fields[c]] / b->field_clusters[b->fields[c]];
    km_balance_scale_wanted(b);
}

/* The inertia of clusters of the wanted sizes by these prices, if they have them nearly: no others
 * of these sizes have less with the same centers (Aurenhammer, Hoffmann & Aronov 1998). */
static double inertia_by_prices(const km_balancing *b, double off)
{
    const double near = 0.2;
    double sum = 0;
    for (int64_t i = 0; i < b->rows.samples.n_samples; i++)
        sum += b->rows.shares[i] * (b->rows.own[i] + b->prices[b->rows.nearest[i]]);
    for (int64_t c = 0; c < b->k; c++)
        sum -= b->wanted[c] * b->prices[c];
    return off <= near ? sum : INFINITY;
}

/* Rows belong to the nearest cluster alone. After a look. */
static void part_no_rows(km_balancing *b)
{
    km_soft *soft = &b->soft;
    soft->stride = 1;
    soft->n_rows = b->rows.samples.n_samples;
    for (int64_t i = 0; i < soft->n_rows; i++) {
        soft->n_parts[i] = 1;
        soft->parts[i * KM_SOFT_SLOTS] = 1;
        soft->clusters[i * KM_SOFT_SLOTS] = b->rows.nearest[i];
    }
}

/* Moves prices and centers in turn, each all the way, to where they suit each other next to these
 * centers. Returns the inertia. */
static double move_in_turn(km_balancing *b, double *centers)
{
    enum { MOST_ROUNDS = 12 };
    const double at_rest = 0.005; /* some hundredths of a radius */
    double shift = INFINITY;
    for (int round = 0; round < MOST_ROUNDS && shift > at_rest; round++) {
        km_balance_find_prices(b, centers);
        part_no_rows(b);
        shift = move_to_means(b, 0, centers);
    }
    return inertia_by_prices(b, km_balance_find_prices(b, centers));
}

/* Moves them together while such a temperature falls, in units of the usual spread: the hotter, the
 * farther they go. Returns the inertia. */
static double anneal(km_balancing *b, double hot, double *centers)
{
    const double cold = 0.01, cooling = 2, enough = 0.05, unlike = 0.05, scale = b->scale;
    km_balance_read_prices(b, centers, b->prices);
    for (double t = hot; t > cold; t /= cooling) {
        km_balance_climb(b, t, enough, centers);
        move_to_means(b, unlike, centers);
    }
    km_balance_place_heights(b, b->prices, centers);
    const double inertia = inertia_by_prices(b, km_balance_find_prices(b, centers));
    b->scale = scale;
    return inertia;
}

/* How hot it has to be for clusters as unequal as these to change their places. 0 if they need not,
 * being nearly equal, or on a line, where their order is the same at all places, or must not, being
 * of several fields. `spread` is their mean one. */
static double heat_wanted(const km_balancing *b, double spread)
{
    const double little = 0.4;
    double largest = 0, sum2 = 0;
    for (int64_t c = 0; c < b->k; c++) {
        const double excess = b->counts[c] / b->wanted[c] - 1;
        largest = fmax(largest, excess);
        sum2 += excess * excess / (double)b->k;
        if (b->fields[c] != b->fields[0])
            return 0;
    }
    return sqrt(sum2) > little && b->n_values > 2 ? largest * spread / b->scale : 0;
}

/* Moves prices and centers. Where k-means has its centers in the wrong places, there are many ends,
 * some of them much worse than others: keeps the best of several. */
static void search_centers(km_balancing *b, double hot, double *centers)
{
    enum { N_TRIES = 4, N_FROM_START = 2 }; /* the others go on from the best */
    const double times[N_TRIES] = {4, 32, 1, 0.25};
    const size_t bytes = (size_t)(b->k * b->n_values) * sizeof *centers;
    const double scale = b->scale;
    double *start = b->kept, *best = b->kept + b->k * b->n_values;
    memcpy(start, centers, bytes);
    double least = move_in_turn(b, centers);
    b->scale = scale;
    for (int i = 0; i < N_TRIES && hot > 0; i++) {
        memcpy(best, centers, bytes);
        memcpy(centers, i < N_FROM_START ? start : best, bytes);
        const double inertia = anneal(b, times[i] * hot, centers);
        if (inertia >= least)
            memcpy(centers, best, bytes);
        least = fmin(least, inertia);
    }
}

void km_balance_search(km_balancing *b, double *centers)
{
    double spread = 0;
    km_balance_share_evenly(b);
    km_balance_look(b, centers);
    km_balance_measure_spreads(b);
    km_balance_place_clusters(b);
    km_balance_weigh_fields(b, false);
    for (int64_t c = 0; c < b->k; c++)
        spread += b->spreads[c] * b->counts[c] / b->total;
    apportion_clusters(b, centers);
    move_tiny_clusters(b, centers);
    want_means_of_fields(b);
    search_centers(b, heat_wanted(b, spread), centers);
}
