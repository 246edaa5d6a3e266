/* Prices of whole fields: any that leave its rows to each field make clusters as equal, but at the
 * edge of the gaps a few more rows would go to clusters far off. */
#include "fit/balance.h"

#include <math.h>

/* Numbers fields, or joined ones, that have clusters. Returns how many there are. */
static int64_t number_joined_fields(km_balancing *b)
{
    int64_t n = 0;
    for (int32_t f = 0; f < b->n_fields; f++)
        b->numbers[f] = b->field_clusters[f] > 0 ? (int32_t)n++ : -1;
    for (int32_t f = 0; f < b->n_fields; f++)
        b->numbers[f] = b->numbers[b->joined[f]];
    return n;
}

/* How much dearer the clusters of other fields are for a row than those of its own one: the least
 * for each field, of all rows of that. */
static void widen_gaps_by_row(km_balancing *b, int64_t looked, const double *centers,
                              const double *prices, int64_t n_fields, double *lowest)
{
    const int64_t row = looked * b->rows.stride, n = b->n_values;
    const int32_t nearest = b->numbers[b->fields[b->rows.nearest[row]]];
    const int32_t field = b->numbers[b->rows.fields[looked]];
    const int32_t own = field < 0 ? nearest : field;
    for (int64_t f = 0; f < n_fields; f++)
        lowest[f] = INFINITY;
    for (int64_t c = 0; c < b->k; c++) {
        double cost = prices[c];
        for (int64_t j = 0; j < n - 1; j++) {
            const double difference = km_sampled_value(b, row, j) - centers[c * n + j];
            cost += difference * difference;
        }
        double *of_field = &lowest[b->numbers[b->fields[c]]];
        *of_field = fmin(*of_field, cost);
    }
    for (int64_t f = 0; f < n_fields; f++)
        b->gaps[own * n_fields + f] = fmin(b->gaps[own * n_fields + f], lowest[f] - lowest[own]);
}

/* By how much the prices of a field can rise before it loses rows, or fall before it gains some. */
static double middle_of_gaps(const km_balancing *b, int64_t field, int64_t n_fields,
                             const double *shifts)
{
    double rise = INFINITY, fall = INFINITY;
    for (int64_t f = 0; f < n_fields; f++) {
        const double apart = shifts[f] - shifts[field];
        if (f == field)
            continue;
        rise = fmin(rise, b->gaps[field * n_fields + f] + apart);
        fall = fmin(fall, b->gaps[f * n_fields + field] - apart);
    }
    return rise + fall > 0 ? (rise - fall) / 2 : 0;
}

void km_balance_center_fields(km_balancing *b, const double *centers, double *prices)
{
    enum { N_ROUNDS = 4 }; /* each field moves between the others */
    const int64_t n = number_joined_fields(b);
    double *shifts = b->solving, *lowest = b->solving + b->k;
    if (n < 2 || n * n > b->rows.n_looked)
        return;
    for (int64_t i = 0; i < n * n; i++)
        b->gaps[i] = INFINITY;
    for (int64_t i = 0; i < b->rows.n_looked; i++)
        widen_gaps_by_row(b, i, centers, prices, n, lowest);
    for (int64_t f = 0; f < n; f++)
        shifts[f] = 0;
    for (int round = 0; round < N_ROUNDS; round++)
        for (int64_t f = 0; f < n; f++)
            shifts[f] += middle_of_gaps(b, f, n, shifts);
    for (int64_t c = 0; c < b->k; c++)
        prices[c] += shifts[b->numbers[b->fields[c]]];
}
