/* Rows of the sample that belong to several clusters in part: the less, the dearer, and the more
 * evenly, the higher the temperature (Cuturi 2013, arXiv:1306.0895). Counts change smoothly with
 * prices then, and far clusters feel each other. */
#include "base/functions.h"
#include "base/threads.h"
#include "fit/balance.h"

#include <math.h>
#include <string.h>

/* A cluster that is dearer by so many temperatures has no part of a row. */
static const double MOST_ABOVE = 10;

/* Keeps the cheapest clusters of a row, as many as there are slots. Returns how many are kept. */
static int32_t offer_cluster(int32_t *clusters, double *costs, int32_t n, int64_t n_slots,
                             int32_t cluster, double cost)
{
    int32_t at = n;
    if (n == n_slots) {
        at = 0;
        for (int32_t i = 1; i < n; i++)
            at = costs[i] > costs[at] ? i : at;
        if (cost >= costs[at])
            return n;
        n--;
    }
    clusters[at] = cluster;
    costs[at] = cost;
    return n + 1;
}

/* Turns the costs of n clusters into parts, which sum to 1. Returns how many remain. */
static int32_t part_row(int32_t *clusters, double *parts, int32_t n, double temperature,
                        double *cost)
{
    double lowest = INFINITY, sum = 0;
    int32_t n_left = 0;
    for (int32_t i = 0; i < n; i++)
        lowest = fmin(lowest, parts[i]);
    for (int32_t i = 0; i < n; i++) {
        const double above = (parts[i] - lowest) / temperature;
        if (above > MOST_ABOVE)
            continue;
        clusters[n_left] = clusters[i];
        parts[n_left] = km_exp(-above);
        sum += parts[n_left++];
    }
    for (int32_t i = 0; i < n_left; i++)
        parts[i] /= sum;
    *cost = lowest - temperature * km_log(sum);
    return n_left;
}

static int64_t smaller_end(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void part_block(km_balancing *b, int64_t block, const double *centers)
{
    km_soft *soft = &b->soft;
    const int64_t stride = soft->stride, n_slots = KM_SOFT_SLOTS * stride, at = block * KM_BLOCK;
    const int64_t first = (at + stride - 1) / stride; /* of the rows looked at */
    const int64_t end = smaller_end((at + KM_BLOCK + stride - 1) / stride, soft->n_rows);
    const double above = MOST_ABOVE * soft->temperature;
    double costs[KM_BLOCK], lowest[KM_BLOCK];
    int32_t *left;
    const int64_t n_left = km_balance_list_cheap(b, block, centers, above, &left);
    for (int64_t i = first; i < end; i++) {
        soft->n_parts[i] = 0;
        lowest[i * stride - at] = INFINITY;
    }
    for (int64_t l = 0; l < n_left; l++) {
        km_balance_find_costs(b, block, centers + left[l] * b->n_values, costs);
        for (int64_t i = first; i < end; i++) {
            const double cost = costs[i * stride - at];
            if (cost > lowest[i * stride - at] + above)
                continue;
            lowest[i * stride - at] = fmin(lowest[i * stride - at], cost);
            soft->n_parts[i] =
                offer_cluster(soft->clusters + i * n_slots, soft->parts + i * n_slots,
                              soft->n_parts[i], n_slots, left[l], cost);
        }
    }
    for (int64_t i = first; i < end; i++)
        soft->n_parts[i] = part_row(soft->clusters + i * n_slots, soft->parts + i * n_slots,
                                    soft->n_parts[i], soft->temperature, &soft->costs[i]);
}

double km_balance_count_softly(km_balancing *b, const double *prices, double *centers)
{
    km_soft *soft = &b->soft;
    const int64_t n_slots = KM_SOFT_SLOTS * soft->stride;
    double sum = 0, shares = 0;
    km_balance_place_heights(b, prices, centers);
#pragma omp parallel for schedule(dynamic, 4)
    for (int64_t block = 0; block < b->rows.samples.n_blocks; block++)
        part_block(b, block, centers);
    memset(b->counts, 0, (size_t)b->k * sizeof *b->counts);
    for (int64_t i = 0; i < soft->n_rows; i++) {
        const double share = b->rows.shares[i * soft->stride];
        for (int64_t l = i * n_slots; l < i * n_slots + soft->n_parts[i]; l++)
            b->counts[soft->clusters[l]] += share * soft->parts[l];
        sum += share * soft->costs[i];
        shares += share;
    }
    soft->share = shares / b->total;
    for (int64_t c = 0; c < b->k; c++) {
        const double height = centers[(c + 1) * b->n_values - 1];
        b->counts[c] /= soft->share;
        sum -= soft->share * height * height * b->wanted[c];
    }
    return sum / soft->share;
}

void km_balance_multiply(const km_balancing *b, const double *values, double *result)
{
    const km_soft *soft = &b->soft;
    const int64_t n_slots = KM_SOFT_SLOTS * soft->stride;
    memset(result, 0, (size_t)b->k * sizeof *result);
    for (int64_t i = 0; i < soft->n_rows; i++) {
        const int32_t *clusters = soft->clusters + i * n_slots, n = soft->n_parts[i];
        const double *parts = soft->parts + i * n_slots;
        const double share = b->rows.shares[i * soft->stride] / soft->share / soft->temperature;
        double mean = 0;
        if (n < 2)
            continue;
        for (int32_t l = 0; l < n; l++)
            mean += parts[l] * values[clusters[l]];
        for (int32_t l = 0; l < n; l++)
            result[clusters[l]] += share * parts[l] * (values[clusters[l]] - mean);
    }
}

void km_balance_diagonal(const km_balancing *b, double *diagonal)
{
    const km_soft *soft = &b->soft;
    const int64_t n_slots = KM_SOFT_SLOTS * soft->stride;
    memset(diagonal, 0, (size_t)b->k * sizeof *diagonal);
    for (int64_t i = 0; i < soft->n_rows; i++) {
        const double share = b->rows.shares[i * soft->stride] / soft->share / soft->temperature;
        for (int64_t l = i * n_slots; l < i * n_slots + soft->n_parts[i]; l++)
            diagonal[soft->clusters[l]] += share * soft->parts[l] * (1 - soft->parts[l]);
    }
}
