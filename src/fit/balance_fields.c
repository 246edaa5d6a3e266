/* Fields: parts of a survey with gaps between them. They follow from the rows and the number of
 * clusters alone, so that they are the same throughout a fit. Each row belongs with the rows
 * nearest to it (Maier, Hein & von Luxburg 2009, doi:10.1016/j.tcs.2009.01.009); how near that is
 * depends on how dense rows are there, as the width of a cluster does. */
#include "base/arithmetic.h"
#include "base/memory.h"
#include "fit/balance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* So many rows of the sample are looked at, and joined to so many others. */
enum { ROWS_PER_CLUSTER = 64, N_LINKS = 8, N_TOGETHER = 64 };

/* Rows of the sample in the order of their places, for finding neighbours. */
typedef struct field_rows {
    int64_t n, d;
    double *places;          /* [n][d] */
    double *middles, *radii; /* [n / N_TOGETHER + 1][d]: balls round rows that follow each other */
    int32_t *parents;  /* [n], rows that belong together are a part, with the number of the first */
    int32_t *shortest; /* [n], the row of each part that is nearest to another one */
    double *masses;    /* [n], of each part, at its first row; below 0 at the others */
    int32_t *links;    /* [n][N_LINKS], the nearest rows, -1 behind them */
    double *ways2;     /* [n], squared distances to the first of them */
} field_rows;

static double distance2_of(const double *a, const double *b, int64_t d)
{
    double sum = 0;
    for (int64_t j = 0; j < d; j++)
        sum += (a[j] - b[j]) * (a[j] - b[j]);
    return sum;
}

static int64_t balls_of(int64_t n)
{
    return (n + N_TOGETHER - 1) / N_TOGETHER;
}

static void find_field_balls(field_rows *rows)
{
    const int64_t d = rows->d;
    for (int64_t ball = 0; ball < balls_of(rows->n); ball++) {
        const int64_t first = ball * N_TOGETHER, end = km_min_of(rows->n, first + N_TOGETHER);
        double *middle = rows->middles + ball * d, largest = 0;
        memset(middle, 0, (size_t)d * sizeof *middle);
        for (int64_t i = first; i < end; i++)
            for (int64_t j = 0; j < d; j++)
                middle[j] += rows->places[i * d + j] / (double)(end - first);
        for (int64_t i = first; i < end; i++)
            largest = fmax(largest, distance2_of(rows->places + i * d, middle, d));
        rows->radii[ball] = sqrt(largest) * (1 + 1e-6); /* roundings included */
    }
}

static int32_t first_of(int32_t *parents, int32_t row)
{
    while (parents[row] != row)
        row = parents[row] = parents[parents[row]];
    return row;
}

static void join_two(int32_t *parents, int32_t a, int32_t b)
{
    const int32_t one = first_of(parents, a), two = first_of(parents, b);
    parents[one > two ? one : two] = one > two ? two : one;
}

/* The nearest rows of one so far, by distance. */
typedef struct nearest_rows {
    double distances2[N_LINKS];
    int n, n_wanted;
    int32_t part; /* whose rows don't count; -1: none */
} nearest_rows;

/* Of equal rows one counts, and none of those equal to the row itself: many rows at one place
 * belong with what is round it. */
static void offer_row(const field_rows *rows, nearest_rows *nearest, int32_t *links, int32_t row,
                      double d2)
{
    int at = nearest->n;
    if ((d2 == 0 && nearest->part < 0) ||
        (at == nearest->n_wanted && d2 >= nearest->distances2[at - 1]))
        return;
    for (int i = 0; i < at; i++)
        if (nearest->distances2[i] == d2 &&
            distance2_of(rows->places + links[i] * rows->d, rows->places + row * rows->d,
                         rows->d) == 0)
            return;
    nearest->n = at < nearest->n_wanted ? at + 1 : at;
    at = nearest->n - 1;
    for (; at > 0 && nearest->distances2[at - 1] > d2; at--) {
        nearest->distances2[at] = nearest->distances2[at - 1];
        links[at] = links[at - 1];
    }
    nearest->distances2[at] = d2;
    links[at] = row;
}

static void offer_ball(const field_rows *rows, int64_t row, int64_t ball, nearest_rows *nearest)
{
    const int64_t d = rows->d, first = ball * N_TOGETHER;
    const int64_t end = km_min_of(rows->n, first + N_TOGETHER);
    const double *place = rows->places + row * d;
    if (nearest->n == nearest->n_wanted) {
        const double reach = rows->radii[ball] + sqrt(nearest->distances2[nearest->n - 1]);
        if (distance2_of(place, rows->middles + ball * d, d) > reach * reach * (1 + 1e-9))
            return;
    }
    for (int64_t i = first; i < end; i++)
        if (rows->parents[i] != nearest->part)
            offer_row(rows, nearest, rows->links + row * N_LINKS, (int32_t)i,
                      distance2_of(place, rows->places + i * d, d));
}

/* Finds for each row the nearest ones; or the nearest of another part, for rows of parts lighter
 * than `below`, and of one more. */
static void find_links(field_rows *rows, int n_wanted, double below, int32_t one)
{
    const int64_t n_balls = balls_of(rows->n);
#pragma omp parallel for schedule(dynamic, N_TOGETHER)
    for (int64_t i = 0; i < rows->n; i++) {
        const int32_t part = rows->parents[i];
        const bool is_wanted = rows->masses[part] < below || part == one;
        nearest_rows nearest = {.n_wanted = n_wanted, .part = n_wanted == 1 ? part : -1};
        for (int l = 0; l < N_LINKS; l++)
            rows->links[i * N_LINKS + l] = -1;
        const int64_t own = i / N_TOGETHER;
        for (int64_t away = 0; away < n_balls && is_wanted; away++) {
            if (own - away >= 0)
                offer_ball(rows, i, own - away, &nearest);
            if (away > 0 && own + away < n_balls)
                offer_ball(rows, i, own + away, &nearest);
        }
        rows->ways2[i] = nearest.n > 0 ? nearest.distances2[0] : INFINITY;
    }
}

static void join_linked_rows(field_rows *rows)
{
    for (int32_t i = 0; i < rows->n; i++)
        for (int64_t l = i * N_LINKS; l < (i + 1) * N_LINKS && rows->links[l] >= 0; l++)
            join_two(rows->parents, i, rows->links[l]);
}

/* Joins parts to those that are nearest to one of their rows. */
static void join_nearest_parts(field_rows *rows)
{
    for (int32_t i = 0; i < rows->n; i++)
        rows->shortest[i] = i;
    for (int32_t i = 0; i < rows->n; i++) {
        int32_t *shortest = &rows->shortest[rows->parents[i]];
        *shortest = rows->ways2[i] < rows->ways2[*shortest] ? i : *shortest;
    }
    for (int32_t i = 0; i < rows->n; i++)
        if (rows->masses[i] >= 0 && rows->links[rows->shortest[i] * (int64_t)N_LINKS] >= 0)
            join_two(rows->parents, i, rows->links[rows->shortest[i] * (int64_t)N_LINKS]);
}

/* The parts, and the lightest of them. Returns how many there are. */
static int64_t measure_parts(const km_balancing *b, field_rows *rows, int32_t *lightest)
{
    int64_t n_parts = 0;
    *lightest = 0;
    for (int32_t i = 0; i < rows->n; i++) {
        rows->parents[i] = first_of(rows->parents, i);
        rows->masses[i] = rows->parents[i] == i ? 0 : -1;
        n_parts += rows->parents[i] == i;
        rows->masses[rows->parents[i]] += b->rows.samples.weights[i * b->rows.stride];
    }
    for (int32_t i = 0; i < rows->n; i++)
        if (rows->masses[i] >= 0 && rows->masses[i] < rows->masses[*lightest])
            *lightest = i;
    return n_parts;
}

/* Does Webster's rule give a cluster to the lightest part? It does if, where that is half a
 * cluster, all parts have no more than there are. */
static bool deserves_cluster(const km_balancing *b, const field_rows *rows, int32_t lightest)
{
    double n = 0;
    for (int64_t i = 0; i < rows->n; i++)
        n += rows->masses[i] > 0 ? floor(rows->masses[i] / rows->masses[lightest] / 2 + 0.5) : 0;
    return rows->masses[lightest] > 0 && n <= (double)b->k;
}

/* Finds parts that deserve clusters: the lightest belong with the rows next to them, whatever lies
 * between. */
static void find_parts(const km_balancing *b, field_rows *rows)
{
    int32_t lightest;
    double sum = 0;
    for (int64_t i = 0; i < rows->n; i++)
        sum += b->rows.samples.weights[i * b->rows.stride];
    find_links(rows, N_LINKS, INFINITY, -1);
    join_linked_rows(rows);
    while (measure_parts(b, rows, &lightest) > 1 && !deserves_cluster(b, rows, lightest)) {
        find_links(rows, 1, sum / (double)b->k / 4, lightest);
        join_nearest_parts(rows);
    }
}

/* Numbers the parts, which are fields, by their first rows. Returns how many there are. */
static int64_t number_fields(field_rows *rows, int32_t *fields)
{
    int64_t n_fields = 0;
    for (int32_t i = 0; i < rows->n; i++) {
        const int32_t first = rows->parents[i];
        fields[i] = first == i ? (int32_t)n_fields++ : fields[first];
    }
    return n_fields;
}

static void take_places(const km_balancing *b, field_rows *rows)
{
    for (int64_t i = 0; i < rows->n; i++)
        for (int64_t j = 0; j < rows->d; j++)
            rows->places[i * rows->d + j] = km_sampled_value(b, i * b->rows.stride, j);
    for (int32_t i = 0; i < rows->n; i++)
        rows->parents[i] = i;
    memset(rows->masses, 0, (size_t)rows->n * sizeof *rows->masses);
}

km_code km_balance_find_fields(km_balancing *b, km_error *error)
{
    const char *what = "fields of rows";
    const int64_t n_wanted = ROWS_PER_CLUSTER * b->k, n = b->rows.samples.n_samples;
    b->rows.stride = (n + n_wanted - 1) / n_wanted;
    b->rows.n_looked = (n + b->rows.stride - 1) / b->rows.stride;
    field_rows rows = {.n = b->rows.n_looked, .d = b->n_values - 1};
    rows.places = km_allocate(rows.n * rows.d, sizeof *rows.places, what, error);
    rows.middles = km_allocate(balls_of(rows.n) * rows.d, sizeof *rows.middles, what, error);
    rows.radii = km_allocate(balls_of(rows.n), sizeof *rows.radii, what, error);
    rows.parents = km_allocate(2 * rows.n, sizeof *rows.parents, what, error);
    rows.links = km_allocate(rows.n * N_LINKS, sizeof *rows.links, what, error);
    rows.masses = km_allocate(2 * rows.n, sizeof *rows.masses, what, error);
    b->rows.fields = km_allocate(rows.n, sizeof *b->rows.fields, what, error);
    if (error->code == KM_OK) {
        rows.shortest = rows.parents + rows.n;
        rows.ways2 = rows.masses + rows.n;
        take_places(b, &rows);
        find_field_balls(&rows);
        find_parts(b, &rows);
        b->n_fields = number_fields(&rows, b->rows.fields);
        b->joined = km_allocate(2 * b->n_fields, sizeof *b->joined, what, error);
        b->gaps = km_allocate(rows.n, sizeof *b->gaps, what, error);
        b->field_masses = km_allocate(2 * b->n_fields, sizeof *b->field_masses, what, error);
        b->field_clusters = b->field_masses + b->n_fields;
        b->numbers = b->joined + b->n_fields;
    }
    free(rows.places);
    free(rows.middles);
    free(rows.radii);
    free(rows.parents);
    free(rows.links);
    free(rows.masses);
    return error->code;
}

/* ---- clusters of fields ---------------------------------------------------------------------- */

/* Most rows of a cluster decide (Boyer & Moore 1981): a candidate loses as much as others have. */
static void vote_for_fields(km_balancing *b, double *leads)
{
    for (int64_t c = 0; c < b->k; c++) {
        b->fields[c] = 0;
        leads[c] = 0;
    }
    for (int64_t i = 0; i < b->rows.n_looked; i++) {
        const int64_t row = i * b->rows.stride;
        const int32_t c = b->rows.nearest[row], field = b->rows.fields[i];
        const double weight = b->rows.samples.weights[row];
        leads[c] += b->fields[c] == field ? weight : -weight;
        if (leads[c] < 0) {
            b->fields[c] = field;
            leads[c] = -leads[c];
        }
    }
}

void km_balance_place_clusters(km_balancing *b)
{
    vote_for_fields(b, b->solving);
    for (int64_t f = 0; f < b->n_fields; f++)
        b->field_clusters[f] = 0;
    for (int64_t c = 0; c < b->k; c++)
        b->field_clusters[b->fields[c]]++;
}

void km_balance_weigh_fields(km_balancing *b, bool is_by_clusters)
{
    double *weights = b->solving;
    for (int64_t c = 0; c < b->k; c++)
        weights[c] = 0;
    for (int64_t f = 0; f < b->n_fields; f++)
        b->field_masses[f] = 0;
    for (int64_t i = 0; i < b->rows.n_looked; i++)
        weights[b->rows.nearest[i * b->rows.stride]] += b->rows.samples.weights[i * b->rows.stride];
    for (int64_t i = 0; i < b->rows.n_looked; i++) {
        const int64_t row = i * b->rows.stride;
        const int32_t c = b->rows.nearest[row];
        const int32_t own = b->rows.fields[i];
        const int32_t field = is_by_clusters && b->field_clusters[own] == 0 ? b->fields[c] : own;
        if (weights[c] > 0)
            b->field_masses[field] += b->rows.samples.weights[row] / weights[c] * b->sizes[c];
    }
    for (int64_t c = 0; c < b->k; c++)
        b->field_masses[b->fields[c]] += weights[c] > 0 ? 0 : b->sizes[c];
}

/* Does the row belong to a field that has clusters, but to a cluster of another one? */
static bool is_abroad(const km_balancing *b, int64_t looked)
{
    const int32_t own = b->rows.fields[looked];
    return own != b->fields[b->rows.nearest[looked * b->rows.stride]] && b->field_clusters[own] > 0;
}

/* Takes fields for one that share a cluster, with more than a quarter of its rows abroad. */
static void join_shared_fields(km_balancing *b)
{
    double *all = b->solving, *abroad = b->solving + b->k;
    memset(all, 0, (size_t)(2 * b->k) * sizeof *all);
    for (int32_t f = 0; f < b->n_fields; f++)
        b->joined[f] = f;
    for (int64_t i = 0; i < b->rows.n_looked; i++) {
        const int64_t row = i * b->rows.stride;
        all[b->rows.nearest[row]] += b->rows.samples.weights[row];
        abroad[b->rows.nearest[row]] += is_abroad(b, i) ? b->rows.samples.weights[row] : 0;
    }
    for (int64_t i = 0; i < b->rows.n_looked; i++) {
        const int32_t c = b->rows.nearest[i * b->rows.stride];
        if (4 * abroad[c] > all[c] && is_abroad(b, i))
            join_two(b->joined, b->fields[c], b->rows.fields[i]);
    }
}

void km_balance_set_targets(km_balancing *b)
{
    km_balance_weigh_fields(b, true);
    join_shared_fields(b);
    for (int32_t f = 0; f < b->n_fields; f++) {
        const int32_t first = first_of(b->joined, f);
        if (first == f)
            continue;
        b->field_masses[first] += b->field_masses[f];
        b->field_clusters[first] += b->field_clusters[f];
        b->field_clusters[f] = 0;
    }
    for (int32_t f = 0; f < b->n_fields; f++)
        b->joined[f] = first_of(b->joined, f);
    for (int64_t c = 0; c < b->k; c++) {
        const int32_t first = b->joined[b->fields[c]];
        b->targets[c] = b->field_masses[first] / b->field_clusters[first];
    }
}
