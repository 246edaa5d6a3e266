/* The same as move.c, with plain sums in doubles, for one purpose: to measure what exact sums cost
 * (make SUMS=plain, in make bench). Its results depend on the order. */
#include "base/partition.h"
#include "base/precision.h"
#include "methods.h"

#include <string.h>

/* Where the sum of feature j over cluster c is: a double in the place of its first word. */
static int64_t *place_of_sum(const km_totals *totals, int64_t c, int64_t j)
{
    return totals->words + c * totals->n_features * totals->n_words + j;
}

static double sum_at(const int64_t *place)
{
    double sum;
    memcpy(&sum, place, sizeof sum);
    return sum;
}

static void add_to_sum(int64_t *place, double value)
{
    const double sum = sum_at(place) + value;
    memcpy(place, &sum, sizeof sum);
}

static double weighted_value(const km_assigner *assigner, int64_t block, int64_t j, int lane)
{
    const km_samples *samples = assigner->samples;
    const double value =
        km_value_get(samples->precision, km_samples_block(samples, block), j * KM_BLOCK + lane);
    return samples->weights != NULL ? value * samples->weights[block * KM_BLOCK + lane] : value;
}

static void move_value(km_totals *totals, int64_t j, double value, int32_t from, int32_t to)
{
    if (from >= 0)
        add_to_sum(place_of_sum(totals, from, j), -value);
    add_to_sum(place_of_sum(totals, to, j), value);
}

/* All samples go to one cluster at once, as in move.c. */
static void move_plain_block(const km_assigner *assigner, km_totals *totals, int64_t block,
                             int32_t from, int32_t to)
{
    for (int64_t j = 0; j < totals->n_features; j++) {
        double sum = 0;
        for (int lane = 0; lane < KM_BLOCK; lane++)
            sum += weighted_value(assigner, block, j, lane);
        move_value(totals, j, sum, from, to);
    }
}

void km_move_samples(const km_assigner *assigner, km_totals *totals, int64_t block,
                     uint64_t changed, const int32_t *old, const int32_t *new)
{
    int32_t from[KM_BLOCK];
    memcpy(from, old, sizeof from);
    if (changed == UINT64_MAX && km_have_one_label(old)) {
        move_plain_block(assigner, totals, block, old[0], new[0]);
        for (int lane = 0; lane < KM_BLOCK; lane++)
            from[lane] = new[0];
    }
    for (uint64_t left = changed; left != 0; left &= left - 1) {
        const int lane = __builtin_ctzll(left);
        for (int64_t j = 0; j < totals->n_features && from[lane] != new[lane]; j++)
            move_value(totals, j, weighted_value(assigner, block, j, lane), from[lane], new[lane]);
    }
}

/* Rounds the sums of all threads to the grids once, since the rest of the program expects that. */
static void round_sums(const km_assigner *assigner, km_totals *all)
{
    const int64_t d = all->n_features;
    for (int64_t c = 0; c < all->n_clusters; c++)
        for (int64_t j = 0; j < d; j++) {
            const km_grid *grid = &assigner->grids[j];
            double sum = -(double)all->weights[c] * grid->origin;
            for (int t = 0; t < assigner->n_threads; t++)
                sum += sum_at(place_of_sum(&assigner->totals[t], c, j));
            const km_exact point = km_quantize(grid, sum, 0);
            int64_t *words = all->words + c * d * all->n_words + j;
            words[0] = all->n_words == 1 ? point.high * ((int64_t)1 << 40) + point.low : point.high;
            if (all->n_words == 2)
                words[d] = point.low;
        }
}

void km_assigner_add_up(km_assigner *assigner, int64_t *words)
{
    km_totals all = assigner->totals[0];
    const int64_t n_sums = all.counts - all.words;
    all.weights = words + (all.weights - all.words);
    all.words = words;
    for (int64_t i = n_sums; i < all.length; i++) {
        words[i] = 0;
        for (int t = 0; t < assigner->n_threads; t++)
            words[i] += assigner->totals[t].words[i];
    }
    round_sums(assigner, &all);
}
