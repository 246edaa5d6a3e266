/* How far centers have moved since lists were made, and which have moved far: the fast ones. */
#include "base/precision.h"
#include "base/threads.h"
#include "neighbours.h"

#include <math.h>
#include <stdlib.h>

enum { FAST_PART = 4 }; /* lists are of no use if more than such a part of the centers is fast */

int64_t km_most_fast(int64_t k)
{
    return k / FAST_PART + 1;
}

static int farthest_first(const void *a, const void *b)
{
    const center_move *x = a, *y = b;
    return x->distance != y->distance ? (x->distance > y->distance ? -1 : 1)
                                      : (x->center > y->center) - (x->center < y->center);
}

/* Puts those that have moved farthest before place n (Hoare 1961, Algorithm 65: Find). */
static void put_fast_first(center_move *moves, int64_t k, int64_t n)
{
    int64_t low = 0, high = k - 1;
    while (low < high) {
        const double pivot = moves[low + (high - low) / 2].distance;
        int64_t a = low, b = high;
        while (a <= b) {
            while (moves[a].distance > pivot)
                a++;
            while (moves[b].distance < pivot)
                b--;
            if (a <= b) {
                const center_move move = moves[a];
                moves[a++] = moves[b];
                moves[b--] = move;
            }
        }
        if (n <= b)
            high = b;
        else if (n >= a)
            low = a;
        else
            return;
    }
}

void km_find_moves(km_assigner *assigner, const void *was, const void *centers)
{
    kept_lists *kept = &((neighbours *)assigner->state)->kept;
    const km_precision precision = assigner->samples->precision;
    const int64_t d = assigner->samples->n_features;
#pragma omp parallel for
    for (int64_t c = 0; c < assigner->n_clusters; c++) {
        double distance2 = 0;
        for (int64_t j = 0; j < d; j++) {
            const double way = km_value_get(precision, centers, c * d + j) -
                               km_value_get(precision, was, c * d + j);
            distance2 += way * way;
        }
        const double distance = sqrt(distance2) * (1 + 0x1p-20) + sqrt((double)d) * 0x1p-536;
        kept->distances[c] = distance;
        kept->moves[c] = (center_move){distance, (int32_t)c};
    }
    const int64_t n_fast = km_most_fast(assigner->n_clusters);
    put_fast_first(kept->moves, assigner->n_clusters, n_fast);
    qsort(kept->moves, (size_t)n_fast, sizeof *kept->moves, farthest_first);
}

int64_t km_count_fast(const kept_lists *kept, int64_t k, double distance)
{
    int64_t low = 0, high = km_most_fast(k);
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (kept->moves[middle].distance > distance)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void km_fill_fast(km_assigner *assigner, const void *centers)
{
    neighbours *n = assigner->state;
    center_set *fast = &n->fast;
    fast->count = km_most_fast(assigner->n_clusters);
    for (int64_t i = 0; i < fast->count; i++)
        fast->numbers[i] = n->kept.moves[i].center;
    km_fill_center_set(fast, assigner->samples, centers);
}
