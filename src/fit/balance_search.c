/* The search for clusters of equal size by the sample of rows: fields get clusters in proportion to
 * their size (Webster 1832), then prices and centers change in turn. */
#include "fit/balance.h"
#include "samples/samples.h"

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

/* Moves centers to the means of their rows. Returns how far, squared, as a part of the spread of
 * the cluster, on average. */
static double move_to_means(km_balancing *b, double *centers)
{
    const int64_t n = b->n_values, d = n - 1;
    double shift = 0;
    double *weights = b->solving;
    memset(b->means, 0, (size_t)(b->k * n) * sizeof *b->means);
    memset(weights, 0, (size_t)b->k * sizeof *weights);
    for (int64_t i = 0; i < b->rows.samples.n_samples; i++) {
        const int32_t c = b->rows.nearest[i];
        weights[c] += b->rows.shares[i];
        for (int64_t j = 0; j < d; j++)
            b->means[c * n + j] += b->rows.shares[i] * km_sampled_value(b, i, j);
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

/* What clusters are to have: the mean of their field. */
static void want_means_of_fields(km_balancing *b)
{
    double sum = 0;
    for (int64_t c = 0; c < b->k; c++) {
        b->wanted[c] = b->field_masses[b->fields[c]] / b->field_clusters[b->fields[c]];
        sum += b->wanted[c];
    }
    for (int64_t c = 0; c < b->k; c++)
        b->wanted[c] *= b->total / sum; /* fields may have no cluster */
}
void km_balance_search(km_balancing *b, double *centers)
{
    enum { MOST_ROUNDS = 12 };
    const double at_rest = 0.005; /* some hundredths of a radius */
    double shift = INFINITY;
    km_balance_share_evenly(b);
    km_balance_look(b, centers);
    km_balance_measure_spreads(b);
    km_balance_place_clusters(b);
    km_balance_weigh_fields(b, false);
    apportion_clusters(b, centers);
    move_tiny_clusters(b, centers);
    want_means_of_fields(b);
    for (int round = 0; round < MOST_ROUNDS && shift > at_rest; round++) {
        km_balance_find_prices(b, centers);
        shift = move_to_means(b, centers);
    }
    km_balance_find_prices(b, centers);
}
