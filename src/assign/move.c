/* Samples move between the totals of clusters, and the totals of threads add up. */
#include "methods.h"

enum { FEW_WORDS = 10000 }; /* not worth waking threads up */

static km_exact point_of(const int64_t *words, int lane, int n_words)
{
    return n_words == 1 ? (km_exact){0, words[lane]}
                        : (km_exact){words[lane], words[KM_BLOCK + lane]};
}

void km_move_samples(const km_assigner *assigner, km_totals *totals, int64_t block,
                     uint64_t changed, const int32_t *old, const int32_t *new)
{
    const km_samples *samples = assigner->samples;
    const double *weights = samples->weights != NULL ? samples->weights + block * KM_BLOCK : NULL;
    for (int64_t j = 0; j < samples->n_features; j++) {
        double values[KM_BLOCK];
        int64_t words[2 * KM_BLOCK];
        km_samples_load(samples, block, j, values);
        km_quantise_block(&assigner->grids[j], values, words);
        for (uint64_t left = changed; left != 0; left &= left - 1) {
            const int l = __builtin_ctzll(left);
            km_exact point = point_of(words, l, totals->n_words);
            if (weights != NULL)
                point = km_weigh(point, (int64_t)weights[l], totals->n_words);
            if (old[l] >= 0)
                km_totals_add(totals, old[l], j, point, -1);
            km_totals_add(totals, new[l], j, point, +1);
        }
    }
    totals->n_pending += KM_BLOCK;
    if (totals->n_pending >= KM_CARRY_AFTER)
        km_totals_carry(totals);
}

void km_assigner_add_up(km_assigner *assigner, int64_t *words)
{
    const km_totals *totals = assigner->totals;
    for (int t = 0; t < assigner->n_threads; t++)
        km_totals_carry(&assigner->totals[t]);
#pragma omp parallel for if (totals[0].length > FEW_WORDS)
    for (int64_t i = 0; i < totals[0].length; i++) {
        words[i] = 0;
        for (int t = 0; t < assigner->n_threads; t++)
            words[i] = km_add_wrapped(words[i], +1, totals[t].words[i]);
    }
}
