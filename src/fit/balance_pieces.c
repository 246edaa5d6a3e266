/* Which clusters lie in two pieces: patches that straddle a gap of their survey. */
#include "fit/balance.h"

#include <math.h>
#include <string.h>

/* Rows of a cluster that are looked at: fewer say nothing, more say no more. */
enum { MIN_ROWS_OF_PIECES = 32, MAX_ROWS_OF_PIECES = 512 };

static double squared_distance_of_rows(const km_balancing *b, int32_t one, int32_t two)
{
    double sum = 0;
    for (int64_t j = 0; j < b->n_values; j++) {
        const double difference = km_sampled_value(b, one, j) - km_sampled_value(b, two, j);
        sum += difference * difference;
    }
    return sum;
}

/* The mean squared distance of rows to their mean, which is half of that between two of them. */
static double spread_of_rows(const km_balancing *b, const int32_t *list, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += squared_distance_of_rows(b, list[i], list[(i + n / 2) % n]);
    return sum / (double)n / 2;
}

/* How many rows can be reached from the first in steps whose square is at most `reach2`. The list
 * is put in the order in which they are reached. */
static int64_t follow_rows(const km_balancing *b, int32_t *list, int64_t n, double reach2)
{
    int64_t n_reached = 1;
    for (int64_t at = 0; at < n_reached; at++)
        for (int64_t i = n_reached; i < n; i++)
            if (squared_distance_of_rows(b, list[at], list[i]) <= reach2) {
                const int32_t row = list[i];
                list[i] = list[n_reached];
                list[n_reached++] = row;
            }
    return n_reached;
}

/* Is more than a fiftieth of the rows farther from the others than the radius? */
static bool is_in_pieces(const km_balancing *b, int32_t *list, int64_t n)
{
    const double reach2 = spread_of_rows(b, list, n);
    const int64_t n_one = follow_rows(b, list, n, reach2), n_other = n - n_one;
    return 50 * (n_one < n_other ? n_one : n_other) > n;
}

/* Lists the rows of each cluster, one cluster after the other. */
static void list_rows_by_cluster(km_balancing *b)
{
    int64_t *starts = b->starts, before = 0;
    memset(starts, 0, (size_t)(b->k + 1) * sizeof *starts);
    for (int64_t i = 0; i < b->rows.samples.n_samples; i++)
        starts[b->rows.nearest[i]]++;
    for (int64_t c = 0; c <= b->k; c++) {
        const int64_t count = starts[c];
        starts[c] = before;
        before += count;
    }
    for (int32_t i = 0; i < b->rows.samples.n_samples; i++)
        b->list[starts[b->rows.nearest[i]]++] = i;
    for (int64_t c = b->k; c > 0; c--)
        starts[c] = starts[c - 1];
    starts[0] = 0;
}

int64_t km_balance_count_straddling(km_balancing *b)
{
    int64_t n_straddling = 0;
    list_rows_by_cluster(b);
#pragma omp parallel for reduction(+ : n_straddling)
    for (int64_t c = 0; c < b->k; c++) {
        const int64_t first = b->starts[c], all = b->starts[c + 1] - first;
        const int64_t n = all < MAX_ROWS_OF_PIECES ? all : MAX_ROWS_OF_PIECES;
        if (n >= MIN_ROWS_OF_PIECES)
            n_straddling += is_in_pieces(b, b->list + first, n);
    }
    return n_straddling;
}
