/* What the rows of the sample say of clusters with prices: where they belong, and what each stands
 * for. */
#include "base/functions.h"
#include "base/threads.h"
#include "fit/balance.h"

#include <float.h>
#include <math.h>

static double cost_of_center(const double *center, const double *place, int64_t n)
{
    double sum = 0;
    for (int64_t j = 0; j < n; j++)
        sum += (center[j] - place[j]) * (center[j] - place[j]);
    return sum;
}

/* The difference of two costs is linear, and changes by at most 2 r times the distance of the
 * centers from the middle of the ball on. */
int64_t km_balance_list_cheap(const km_balancing *b, int64_t block, const double *centers,
                              double width, int32_t **list)
{
    const int64_t n = b->n_values;
    const double *middle = b->rows.middles + block * n, radius = b->rows.radii[block];
    double *costs = b->costs + km_thread() * b->k;
    int32_t *left = b->left + km_thread() * b->k;
    const double reach2 = 4 * radius * radius;
    int64_t best = 0, n_left = 0;
    for (int64_t c = 0; c < b->k; c++) {
        costs[c] = cost_of_center(centers + c * n, middle, n);
        best = costs[c] < costs[best] ? c : best;
    }
    for (int64_t c = 0; c < b->k; c++) {
        const double behind = costs[c] - costs[best] - width;
        if (behind > 0 && behind * behind > reach2 * 2 * (costs[c] + costs[best]))
            continue; /* even if the middle is between the two */
        const double apart2 = cost_of_center(centers + c * n, centers + best * n, n - 1);
        if (behind <= 0 || behind * behind <= reach2 * apart2)
            left[n_left++] = (int32_t)c;
    }
    *list = left;
    return n_left;
}

void km_balance_find_costs(const km_balancing *b, int64_t block, const double *center,
                           double *costs)
{
    double values[KM_BLOCK];
    for (int l = 0; l < KM_BLOCK; l++)
        costs[l] = 0;
    for (int64_t j = 0; j < b->n_values; j++) {
        km_samples_load(&b->rows.samples, block, j, values);
        for (int l = 0; l < KM_BLOCK; l++)
            costs[l] += (values[l] - center[j]) * (values[l] - center[j]);
    }
}

/* The cheapest of the listed clusters for the rows of a block, and what it costs, [KM_BLOCK]. */
static void find_cheapest_listed(const km_balancing *b, int64_t block, const double *centers,
                                 const int32_t *list, int64_t n, int32_t *nearest, double *lowest)
{
    double costs[KM_BLOCK];
    for (int l = 0; l < KM_BLOCK; l++)
        lowest[l] = INFINITY;
    for (int64_t i = 0; i < n; i++) {
        km_balance_find_costs(b, block, centers + list[i] * b->n_values, costs);
        for (int l = 0; l < KM_BLOCK; l++) {
            nearest[l] = costs[l] < lowest[l] ? list[i] : nearest[l];
            lowest[l] = costs[l] < lowest[l] ? costs[l] : lowest[l];
        }
    }
}

static void look_at_sampled_block(km_balancing *b, int64_t block, const double *centers)
{
    double lowest[KM_BLOCK];
    int32_t *nearest = b->rows.nearest + block * KM_BLOCK, *left;
    const int64_t n_left = km_balance_list_cheap(b, block, centers, 0, &left);
    find_cheapest_listed(b, block, centers, left, n_left, nearest, lowest);
    for (int l = 0; l < KM_BLOCK; l++) {
        const double height = centers[(nearest[l] + 1) * b->n_values - 1];
        b->rows.own[block * KM_BLOCK + l] = fmax(lowest[l] - height * height, 0);
    }
}

void km_balance_look(km_balancing *b, const double *centers)
{
#pragma omp parallel for
    for (int64_t block = 0; block < b->rows.samples.n_blocks; block++)
        look_at_sampled_block(b, block, centers);
}

void km_balance_share(km_balancing *b)
{
    const km_balance_rows *rows = &b->rows;
    double *weights = b->solving;
    for (int64_t c = 0; c < b->k; c++)
        weights[c] = 0;
    for (int64_t i = 0; i < rows->samples.n_samples; i++)
        weights[rows->nearest[i]] += rows->samples.weights[i];
    for (int64_t i = 0; i < rows->samples.n_samples; i++) {
        const int32_t c = rows->nearest[i];
        rows->shares[i] = weights[c] > 0 ? rows->samples.weights[i] / weights[c] * b->sizes[c] : 0;
    }
}

void km_balance_share_evenly(km_balancing *b)
{
    const km_balance_rows *rows = &b->rows;
    double weight = 0;
    for (int64_t i = 0; i < rows->samples.n_samples; i++)
        weight += rows->samples.weights[i];
    for (int64_t i = 0; i < rows->samples.n_samples; i++)
        rows->shares[i] = rows->samples.weights[i] / weight * b->total;
}

void km_balance_measure_spreads(km_balancing *b)
{
    const km_balance_rows *rows = &b->rows;
    for (int64_t c = 0; c < b->k; c++)
        b->counts[c] = b->spreads[c] = 0;
    for (int64_t i = 0; i < rows->samples.n_samples; i++) {
        b->counts[rows->nearest[i]] += rows->shares[i];
        b->spreads[rows->nearest[i]] += rows->shares[i] * rows->own[i];
    }
    double logarithm = 0, n = 0;
    for (int64_t c = 0; c < b->k; c++) {
        b->spreads[c] /= b->counts[c] > 0 ? b->counts[c] : 1;
        if (b->spreads[c] > DBL_MIN) {
            logarithm += km_log(b->spreads[c]);
            n++;
        }
    }
    b->scale = n > 0 ? km_exp(logarithm / n) : 1;
}
