/* Rows of the sample that belong to several clusters in part: the less, the dearer, and the more
 * evenly, the higher the temperature (Cuturi 2013, arXiv:1306.0895). Counts change smoothly with
 * prices then, and far clusters feel each other. */
#include "base/arithmetic.h"
#include "base/functions.h"
#include "base/threads.h"
#include "fit/balance.h"

#include <math.h>
#include <string.h>

/* A cluster that is dearer by so many temperatures has no part of a row. */
static const double MOST_ABOVE = 7;

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
    *cost = n_left > 1 ? lowest - temperature * km_log(sum) : lowest;
    return n_left;
}

/* Lists for each row that is looked at the clusters that are dearer than the cheapest by less than
 * `above`, with their costs. */
static void list_parts(km_balancing *b, int64_t block, const double *centers, double above)
{
    km_soft *soft = &b->soft;
    const int64_t stride = soft->stride, n_slots = KM_SOFT_SLOTS * stride, at = block * KM_BLOCK;
    const int64_t first = (at + stride - 1) / stride; /* of the rows looked at */
    const int64_t end = km_min_of((at + KM_BLOCK + stride - 1) / stride, soft->n_rows);
    double costs[KM_BLOCK], lowest[KM_BLOCK];
    int32_t *left;
    const int64_t n_left = km_balance_list_cheap(b, block, centers, above, &left);
    for (int l = 0; l < KM_BLOCK; l++)
        lowest[l] = INFINITY;
    for (int64_t i = 0; i < n_left; i++) {
        km_balance_find_costs(b, block, centers + left[i] * b->n_values, costs);
        for (int l = 0; l < KM_BLOCK; l++)
            lowest[l] = costs[l] < lowest[l] ? costs[l] : lowest[l];
    }
    for (int64_t i = first; i < end; i++)
        soft->n_parts[i] = 0;
    for (int64_t l = 0; l < n_left; l++) {
        km_balance_find_costs(b, block, centers + left[l] * b->n_values, costs);
        for (int64_t i = first; i < end; i++)
            if (costs[i * stride - at] <= lowest[i * stride - at] + above)
                soft->n_parts[i] =
                    offer_cluster(soft->clusters + i * n_slots, soft->parts + i * n_slots,
                                  soft->n_parts[i], n_slots, left[l], costs[i * stride - at]);
    }
    for (int64_t i = first; i < end; i++)
        soft->n_parts[i] = part_row(soft->clusters + i * n_slots, soft->parts + i * n_slots,
                                    soft->n_parts[i], soft->temperature, &soft->costs[i]);
}

/* Sums what rows say: counts of clusters, and the function. */
static double sum_parts(km_balancing *b, const double *centers)
{
    km_soft *soft = &b->soft;
    const int64_t n_slots = KM_SOFT_SLOTS * soft->stride;
    double sum = 0, shares = 0;
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

double km_balance_count_softly(km_balancing *b, const double *prices, double *centers)
{
    km_balance_place_heights(b, prices, centers);
#pragma omp parallel for schedule(dynamic, 4)
    for (int64_t block = 0; block < b->rows.samples.n_blocks; block++)
        list_parts(b, block, centers, MOST_ABOVE * b->soft.temperature);
    return sum_parts(b, centers);
}

void km_balance_count_again(km_balancing *b, const double *prices, double *centers)
{
    km_soft *soft = &b->soft;
    const int64_t n_slots = KM_SOFT_SLOTS * soft->stride, n = b->n_values;
    km_balance_place_heights(b, prices, centers);
#pragma omp parallel for
    for (int64_t i = 0; i < soft->n_rows; i++) {
        int32_t *clusters = soft->clusters + i * n_slots;
        double *parts = soft->parts + i * n_slots;
        if (soft->n_parts[i] < 2)
            continue;
        for (int32_t l = 0; l < soft->n_parts[i]; l++)
            parts[l] = 0;
        for (int64_t j = 0; j < n; j++) {
            const double value = km_sampled_value(b, i * soft->stride, j);
            for (int32_t l = 0; l < soft->n_parts[i]; l++) {
                const double difference = value - centers[clusters[l] * n + j];
                parts[l] += difference * difference;
            }
        }
        soft->n_parts[i] =
            part_row(clusters, parts, soft->n_parts[i], soft->temperature, &soft->costs[i]);
    }
    sum_parts(b, centers);
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
