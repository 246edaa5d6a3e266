/* First centers for fewer clusters, from those of more: Ward's clustering of the centers, each with
 * the weight of its cluster. It costs no pass over the samples, and is near a good minimum. */
#include "cluster/choice.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Clusters that are being joined. */
typedef struct joining {
    int64_t k, d;
    double *centers, *weights; /* [k][d], [k] */
    bool *is_gone;             /* [k], joined to another */
    int64_t *partner;          /* [k], the later cluster that is best joined to this one; k: none */
    double *cost;              /* [k], of that; infinite if there is none */
} joining;

/* By how much the inertia rises when two clusters become one. */
static double joining_cost(const joining *m, int64_t a, int64_t b)
{
    const double both = m->weights[a] + m->weights[b];
    double distance2 = 0;
    for (int64_t j = 0; j < m->d; j++) {
        const double difference = m->centers[a * m->d + j] - m->centers[b * m->d + j];
        distance2 += difference * difference;
    }
    return both > 0 ? m->weights[a] * (m->weights[b] / both) * distance2 : 0;
}

static void offer_partner(joining *m, int64_t a, int64_t b)
{
    const double cost = joining_cost(m, a, b);
    if (cost < m->cost[a] || (cost == m->cost[a] && b < m->partner[a])) {
        m->cost[a] = cost;
        m->partner[a] = b;
    }
}

static void find_partner(joining *m, int64_t a)
{
    m->cost[a] = INFINITY;
    m->partner[a] = m->k;
    for (int64_t b = a + 1; b < m->k; b++)
        if (!m->is_gone[b])
            offer_partner(m, a, b);
}

static int64_t cheapest_to_join(const joining *m)
{
    int64_t best = 0;
    for (int64_t a = 1; a < m->k; a++)
        if (!m->is_gone[a] && (m->is_gone[best] || m->cost[a] < m->cost[best]))
            best = a;
    return best;
}

/* Joins the cheapest pair, and finds new partners for those that lost theirs. */
static void join_cheapest(joining *m)
{
    const int64_t a = cheapest_to_join(m), b = m->partner[a];
    const double both = m->weights[a] + m->weights[b];
    const double part = both > 0 ? m->weights[b] / both : 0;
    for (int64_t j = 0; j < m->d; j++)
        m->centers[a * m->d + j] += part * (m->centers[b * m->d + j] - m->centers[a * m->d + j]);
    m->weights[a] = both;
    m->is_gone[b] = true;
    for (int64_t i = 0; i < m->k; i++) {
        if (m->is_gone[i])
            continue;
        if (i == a || m->partner[i] == a || m->partner[i] == b)
            find_partner(m, i);
        else if (i < a)
            offer_partner(m, i, a);
    }
}

static void join_until(joining *m, double *fewer, int64_t k_fewer)
{
#pragma omp parallel for schedule(dynamic, 16)
    for (int64_t a = 0; a < m->k; a++)
        find_partner(m, a);
    for (int64_t left = m->k; left > k_fewer; left--)
        join_cheapest(m);
    for (int64_t a = 0; a < m->k; a++)
        if (!m->is_gone[a]) {
            memcpy(fewer, m->centers + a * m->d, (size_t)m->d * sizeof *fewer);
            fewer += m->d;
        }
}

km_code km_merge_centers(const double *centers, const double *weights, int64_t k, int64_t d,
                         double *fewer, int64_t k_fewer, km_error *error)
{
    const char *what = "first centers from those of more clusters";
    joining m = {.k = k, .d = d};
    m.centers = km_allocate(k * d, sizeof *m.centers, what, error);
    m.weights = km_allocate(k, sizeof *m.weights, what, error);
    m.is_gone = km_allocate_zeroed(k, sizeof *m.is_gone, what, error);
    m.partner = km_allocate(k, sizeof *m.partner, what, error);
    m.cost = km_allocate(k, sizeof *m.cost, what, error);
    if (error->code == KM_OK) {
        memcpy(m.centers, centers, (size_t)(k * d) * sizeof *centers);
        memcpy(m.weights, weights, (size_t)k * sizeof *weights);
        join_until(&m, fewer, k_fewer);
    }
    free(m.centers);
    free(m.weights);
    free(m.is_gone);
    free(m.partner);
    free(m.cost);
    return error->code;
}
