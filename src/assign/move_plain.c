/* The plain twin of move.c, with sums in doubles, for one purpose: to measure what exact sums cost
 * (make SUMS=plain, in make bench). Its results depend on the order. */
#include "methods.h"

#include <string.h>

/* Where the sum of feature j over cluster c is: a double in the place of its first word. */
static int64_t *place_of(const km_totals *totals, int64_t c, int64_t j)
{
    return totals->words + c * totals->n_features * totals->n_words + j;
}

static double get(const int64_t *place)
{
    double sum;
    memcpy(&sum, place, sizeof sum);
    return sum;
}

static void add(int64_t *place, double value)
{
    const double sum = get(place) + value;
    memcpy(place, &sum, sizeof sum);
}

void km_move_samples(const km_assigner *assigner, km_totals *totals, int64_t block,
                     uint64_t changed, const int32_t *old, const int32_t *new)
{
    const km_samples *samples = assigner->samples;
    const double *weights = samples->weights != NULL ? samples->weights + block * KM_BLOCK : NULL;
    for (int64_t j = 0; j < samples->n_features; j++) {
        double values[KM_BLOCK];
        km_samples_load(samples, block, j, values);
        for (uint64_t left = changed; left != 0; left &= left - 1) {
            const int l = __builtin_ctzll(left);
            const double value = weights != NULL ? weights[l] * values[l] : values[l];
            if (old[l] >= 0)
                add(place_of(totals, old[l], j), -value);
            add(place_of(totals, new[l], j), value);
        }
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
                sum += get(place_of(&assigner->totals[t], c, j));
            const km_exact point = km_quantise(grid, sum, 0);
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
