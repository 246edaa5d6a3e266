/* Sets of centers in blocks, each within a ball. */
#include "base/precision.h"
#include "neighbours.h"

#include <math.h>

enum { FEWEST_BLOCKS = 16 }; /* that are worth waking threads up */

/* Copies the centers of a block. The last center is repeated up to the end of its block. */
static void copy_centers(center_set *set, const km_samples *samples, const void *centers, int64_t b)
{
    const int64_t d = samples->n_features;
    const km_precision precision = samples->precision;
    for (int64_t i = b * KM_BLOCK; i < (b + 1) * KM_BLOCK; i++) {
        const int64_t c = set->numbers[i < set->count ? i : set->count - 1];
        for (int64_t j = 0; j < d; j++)
            km_value_set(precision, set->blocks, (i / KM_BLOCK * d + j) * KM_BLOCK + i % KM_BLOCK,
                         km_value_get(precision, centers, c * d + j));
    }
}

/* The middle of a block's ball is the mean of its centers; its radius is an upper bound of the
 * distance to the farthest, greater by a factor of 1 + 2^-20 for the roundings of d terms and by
 * what squares below the smallest double may hide. */
static void make_ball(center_set *set, const km_samples *samples, int64_t b)
{
    const int64_t d = samples->n_features;
    const km_precision precision = samples->precision;
    double distances2[KM_BLOCK] = {0}, farthest2 = 0;
    for (int64_t j = 0; j < d; j++) {
        const int64_t first = (b * d + j) * KM_BLOCK;
        const int64_t middle = (b / KM_BLOCK * d + j) * KM_BLOCK + b % KM_BLOCK;
        double sum = 0;
        for (int l = 0; l < KM_BLOCK; l++)
            sum += km_value_get(precision, set->blocks, first + l);
        km_value_set(precision, set->middles, middle, sum / KM_BLOCK);
        for (int l = 0; l < KM_BLOCK; l++) {
            const double way = km_value_get(precision, set->blocks, first + l) -
                               km_value_get(precision, set->middles, middle);
            distances2[l] += way * way;
        }
    }
    for (int l = 0; l < KM_BLOCK; l++)
        farthest2 = fmax(farthest2, distances2[l]);
    set->radii[b] = sqrt(farthest2) * (1 + 0x1p-20) + sqrt((double)d) * 0x1p-536;
}

/* Lanes of middles without a block repeat the first of theirs. */
static void pad_middles(center_set *set, const km_samples *samples)
{
    const int64_t d = samples->n_features;
    for (int64_t b = set->n_blocks; b % KM_BLOCK != 0; b++)
        for (int64_t j = 0; j < d; j++) {
            const int64_t first = (b / KM_BLOCK * d + j) * KM_BLOCK;
            km_value_set(samples->precision, set->middles, first + b % KM_BLOCK,
                         km_value_get(samples->precision, set->middles, first));
        }
}

void km_fill_center_set(center_set *set, const km_samples *samples, const void *centers)
{
    set->n_blocks = blocks_of_centers(set->count);
#pragma omp parallel for if (set->n_blocks >= FEWEST_BLOCKS)
    for (int64_t b = 0; b < set->n_blocks; b++) {
        copy_centers(set, samples, centers, b);
        make_ball(set, samples, b);
    }
    pad_middles(set, samples);
}

void km_fill_center_sets(km_assigner *assigner, const void *centers)
{
    neighbours *n = assigner->state;
    n->all.count = n->moved.count = 0;
    for (int64_t i = 0; i < assigner->n_clusters; i++) {
        const int32_t c = n->order[i];
        n->all.numbers[n->all.count++] = c;
        if (n->has_moved[c])
            n->moved.numbers[n->moved.count++] = c;
    }
    km_fill_center_set(&n->all, assigner->samples, centers);
    km_fill_center_set(&n->moved, assigner->samples, centers);
    for (int t = 0; t < assigner->n_threads; t++)
        for (int i = 0; i < N_ROWS; i++)
            n->workspaces[t].rows[i].center = NO_CENTER;
}
