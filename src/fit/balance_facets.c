/* Facets between clusters, the fields that they form, and the step of the prices that they ask for:
 * the derivative of a cluster's count by another's price is the density of rows on their facet
 * (Merigot 2011, doi:10.1111/j.1467-8659.2011.02032.x). */
#include "fit/balance.h"

#include <math.h>
#include <string.h>

/* ---- facets ---------------------------------------------------------------------------------- */

/* Calls are for both sides of each facet that a row is near to. */
static bool is_near(const km_balancing *b, int64_t i)
{
    return b->rows.gap[i] < km_near(b, b->rows.nearest[i], b->rows.second[i]);
}

static void count_near_rows(km_balancing *b)
{
    int64_t *starts = b->facets.starts;
    memset(starts, 0, (size_t)(b->k + 1) * sizeof *starts);
    for (int64_t i = 0; i < b->rows.samples.n_samples; i++)
        if (is_near(b, i)) {
            starts[b->rows.nearest[i]]++;
            starts[b->rows.second[i]]++;
        }
    for (int64_t c = 0, before = 0; c <= b->k; c++) {
        const int64_t count = starts[c];
        starts[c] = before;
        before += count;
    }
}

static void add_near_row(km_balancing *b, int32_t of, int32_t other, double shares)
{
    const int64_t at = b->facets.starts[of]++;
    b->facets.others[at] = other;
    b->facets.shares[at] = shares;
}

/* Adds up what is listed several times; `place` is [k], of entries of this cluster. Returns the new
 * end of the list, which moves to `to`. Shares are whole numbers, so that no order matters. */
static int64_t join_entries(km_facets *facets, int64_t begin, int64_t end, int64_t to,
                            int32_t *place)
{
    const int64_t first = to;
    for (int64_t i = begin; i < end; i++) {
        const int32_t other = facets->others[i];
        const int64_t at = place[other] >= 0 ? first + place[other] : to;
        const double shares = facets->shares[i];
        if (at == to) {
            place[other] = (int32_t)(to - first);
            facets->others[to] = other;
            facets->shares[to++] = 0;
        }
        facets->shares[at] += shares;
    }
    for (int64_t i = first; i < to; i++)
        place[facets->others[i]] = -1;
    return to;
}

static void add_near_rows(km_balancing *b, bool has_densities)
{
    for (int64_t i = 0; i < b->rows.samples.n_samples; i++) {
        const int32_t one = b->rows.nearest[i], two = b->rows.second[i];
        const double shares = (double)b->rows.shares[i];
        const double added = has_densities ? shares / (2 * km_near(b, one, two)) : shares;
        if (!is_near(b, i))
            continue;
        add_near_row(b, one, two, added);
        add_near_row(b, two, one, added);
    }
}

void km_balance_find_facets(km_balancing *b, double width, bool has_densities)
{
    km_facets *facets = &b->facets;
    int64_t begin = 0, to = 0;
    facets->width = width;
    count_near_rows(b);
    add_near_rows(b, has_densities);
    for (int64_t c = 0; c < b->k; c++)
        b->marks[c] = -1;
    for (int64_t c = 0; c < b->k; c++) { /* adding has moved each start to the end */
        const int64_t end = facets->starts[c];
        facets->starts[c] = to;
        to = join_entries(facets, begin, end, to, b->marks);
        begin = end;
    }
    facets->starts[b->k] = to;
}

/* ---- fields ---------------------------------------------------------------------------------- */

/* A facet with a smaller part of a mean cluster is one of stray rows. */
static const double MIN_FACET = 0.004;

static int32_t root_of(int32_t *parents, int32_t c)
{
    while (parents[c] != c)
        c = parents[c] = parents[parents[c]];
    return c;
}

/* Joins clusters that touch; the lowest number of a field is its root. */
static void join_fields(km_balancing *b, int32_t *parents)
{
    const km_facets *facets = &b->facets;
    for (int32_t c = 0; c < b->k; c++)
        for (int64_t i = facets->starts[c]; i < facets->starts[c + 1]; i++) {
            const int32_t one = root_of(parents, c), two = root_of(parents, facets->others[i]);
            if (facets->shares[i] * (double)b->k < MIN_FACET * KM_SHARES)
                continue;
            parents[one > two ? one : two] = one > two ? two : one;
        }
}

void km_balance_set_targets(km_balancing *b)
{
    for (int64_t c = 0; c < b->k; c++)
        b->targets[c] = b->field_sizes[b->fields[c]] / b->field_clusters[b->fields[c]];
}

void km_balance_find_fields(km_balancing *b)
{
    for (int32_t c = 0; c < b->k; c++)
        b->marks[c] = c;
    join_fields(b, b->marks);
    b->n_fields = 0;
    for (int32_t c = 0; c < b->k; c++) {
        const int32_t root = root_of(b->marks, c);
        if (root == c) {
            b->field_sizes[b->n_fields] = b->field_clusters[b->n_fields] = 0;
            b->fields[c] = (int32_t)b->n_fields++;
        }
        b->fields[c] = b->fields[root];
        b->field_sizes[b->fields[c]] += b->sizes[c];
        b->field_clusters[b->fields[c]]++;
    }
    km_balance_set_targets(b);
}

/* ---- the step -------------------------------------------------------------------------------- */

/* result = (L + what holds it) values, with L the Laplacian of the facets. */
static void multiply_by_facets(const km_balancing *b, const double *diagonal, const double *values,
                               double *result)
{
    const km_facets *facets = &b->facets;
    for (int64_t c = 0; c < b->k; c++) {
        double sum = diagonal[c] * values[c];
        for (int64_t i = facets->starts[c]; i < facets->starts[c + 1]; i++)
            sum -= facets->shares[i] * values[facets->others[i]];
        result[c] = sum;
    }
}

static double product_of(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Solves L x = r by conjugate gradients (Hestenes & Stiefel 1952), preconditioned by the diagonal,
 * to what the facets deserve. Clusters without facets keep x = 0. The residual `r` is overwritten.
 */
static void solve_by_facets(const km_balancing *b, const double *diagonal, double *r, double *x)
{
    enum { MOST_STEPS = 300 };
    const int64_t k = b->k;
    double *p = b->solving + 2 * k, *q = b->solving + 3 * k;
    double rz = 0;
    for (int64_t c = 0; c < k; c++) {
        x[c] = 0;
        r[c] = diagonal[c] > 0 ? r[c] : 0;
        p[c] = diagonal[c] > 0 ? r[c] / diagonal[c] : 0;
        rz += r[c] * p[c];
    }
    const double enough = 1e-6 * rz; /* of the square of the residual */
    for (int step = 0; step < MOST_STEPS && rz > enough; step++) {
        multiply_by_facets(b, diagonal, p, q);
        const double alpha = rz / product_of(p, q, k), before = rz;
        rz = 0;
        for (int64_t c = 0; c < k; c++) {
            x[c] += alpha * p[c];
            r[c] -= alpha * q[c];
            rz += diagonal[c] > 0 ? r[c] * r[c] / diagonal[c] : 0;
        }
        for (int64_t c = 0; c < k; c++)
            p[c] = (diagonal[c] > 0 ? r[c] / diagonal[c] : 0) + rz / before * p[c];
    }
}

void km_balance_find_direction(km_balancing *b)
{
    const double longest = 0.3; /* step of a price, in units of the spread of its cluster */
    const km_facets *facets = &b->facets;
    double *diagonal = b->solving, *r = b->solving + b->k;
    for (int64_t c = 0; c < b->k; c++) {
        diagonal[c] = 0;
        for (int64_t i = facets->starts[c]; i < facets->starts[c + 1]; i++)
            diagonal[c] += facets->shares[i];
        diagonal[c] *= 1 + 1e-4; /* else a field's prices could be shifted all together */
        r[c] = b->counts[c] - b->targets[c] / b->total * KM_SHARES;
    }
    solve_by_facets(b, diagonal, r, b->direction);
    for (int64_t c = 0; c < b->k; c++) {
        const double most = longest * b->spreads[c];
        if (diagonal[c] == 0 && b->counts[c] * b->total < b->targets[c] * KM_SHARES / 2)
            b->direction[c] = -most; /* hidden by its neighbours */
        b->direction[c] = fmax(-most, fmin(most, b->direction[c]));
    }
}
