/* Samples move between the totals of clusters, and the totals of threads add up. Totals are exact,
 * so sums that move sample by sample, or a block at once, are the same bits as sums made anew. */
#include "base/partition.h"
#include "base/precision.h"
#include "kernels/names.h"
#include "methods.h"

#include <string.h>

enum {
    FEW_WORDS = 10000, /* not worth waking threads up */
    NO_CLUSTER = -1,   /* the label of a sample that was in no cluster so far */
};

/* A block whose samples move. */
typedef struct source {
    const km_grid *grids;
    km_totals *totals;
    const double *weights; /* [KM_BLOCK], whole numbers, or NULL: all are 1 */
    const void *values;    /* [d][KM_BLOCK], in working precision */
    km_precision precision;
    bool are_short; /* all grid points, before weights */
    bool are_wide;  /* they have two words */
} source;

static source open_block(const km_assigner *assigner, km_totals *totals, int64_t block)
{
    const km_samples *samples = assigner->samples;
    return (source){
        .grids = assigner->grids,
        .totals = totals,
        .weights = samples->weights != NULL ? samples->weights + block * KM_BLOCK : NULL,
        .values = km_samples_block(samples, block),
        .precision = samples->precision,
        .are_short = assigner->are_short,
        .are_wide = totals->n_words == 2,
    };
}

/* The grid point of one feature of a sample, times its weight. */
static inline km_exact point_of(const source *s, int lane, int64_t j)
{
    const km_exact point =
        km_quantize_value(&s->grids[j], km_value_get(s->precision, s->values, j * KM_BLOCK + lane));
    return s->weights == NULL ? point
                              : km_weigh(point, (int64_t)s->weights[lane], s->totals->n_words);
}

static void move_point(const source *s, int64_t j, km_exact point, int32_t from, int32_t to)
{
    if (from != NO_CLUSTER)
        km_totals_add(s->totals, from, j, point, -1);
    km_totals_add(s->totals, to, j, point, +1);
}

#include "kernels/float32.h"

#include "points.h"

#include "kernels/float64.h"

#include "points.h"

/* The same as move_sample below where all points are short, or all have two words. */
static void move_at_once(const source *s, int lane, int32_t from, int32_t to)
{
    const int64_t d = s->totals->n_features, row = d * s->totals->n_words;
    const int64_t weight = s->weights != NULL ? (int64_t)s->weights[lane] : 1;
    int64_t *words = s->totals->words, *of_from = from != NO_CLUSTER ? words + from * row : NULL;
    if (s->precision == KM_FLOAT32)
        move_any_points_float32(s->grids, (const float *)s->values + lane, weight, d, s->are_short,
                                of_from, words + to * row);
    else
        move_any_points_float64(s->grids, (const double *)s->values + lane, weight, d, s->are_short,
                                of_from, words + to * row);
}

static void move_sample(const source *s, int lane, int32_t from, int32_t to)
{
    if (s->are_short || s->are_wide)
        move_at_once(s, lane, from, to);
    else
        for (int64_t j = 0; j < s->totals->n_features; j++)
            move_point(s, j, point_of(s, lane, j), from, to);
}

/* The sum of one feature over a full block. A single word may wrap round, as parts of a sum may. */
static km_exact sum_of_feature(const source *s, int64_t j)
{
    km_exact sum = {0, 0};
    if (s->grids[j].is_short && s->weights == NULL) {
        sum.low = s->precision == KM_FLOAT32
                      ? sum_points_float32(&s->grids[j], (const float *)s->values + j * KM_BLOCK)
                      : sum_points_float64(&s->grids[j], (const double *)s->values + j * KM_BLOCK);
        return sum;
    }
    if (s->are_wide && s->weights == NULL)
        return s->precision == KM_FLOAT32
                   ? sum_wide_points_float32(&s->grids[j], (const float *)s->values + j * KM_BLOCK)
                   : sum_wide_points_float64(&s->grids[j],
                                             (const double *)s->values + j * KM_BLOCK);
    for (int lane = 0; lane < KM_BLOCK; lane++) {
        const km_exact point = point_of(s, lane, j);
        sum.high += point.high;
        sum.low = km_add_wrapped(sum.low, +1, point.low);
    }
    return sum;
}

static void move_block_as_one(const source *s, int32_t from, int32_t to)
{
    for (int64_t j = 0; j < s->totals->n_features; j++)
        move_point(s, j, sum_of_feature(s, j), from, to);
}

static uint64_t find_others(const int32_t *labels, int32_t label)
{
    uint64_t others = 0;
    for (int lane = 0; lane < KM_BLOCK; lane++)
        others |= (uint64_t)(labels[lane] != label) << lane;
    return others;
}

/* Moves a full block to the cluster of its first sample at once, then from there each sample that
 * belongs to another cluster. */
static void move_full_block(const source *s, int32_t from, const int32_t *to)
{
    move_block_as_one(s, from, to[0]);
    for (uint64_t left = find_others(to, to[0]); left != 0; left &= left - 1) {
        const int lane = __builtin_ctzll(left);
        move_sample(s, lane, to[0], to[lane]);
    }
}

void km_move_samples(const km_assigner *assigner, km_totals *totals, int64_t block,
                     uint64_t changed, const int32_t *old, const int32_t *new)
{
    const source s = open_block(assigner, totals, block);
    if (changed == UINT64_MAX && km_have_one_label(old))
        move_full_block(&s, old[0], new);
    else
        for (uint64_t left = changed; left != 0; left &= left - 1) {
            const int lane = __builtin_ctzll(left);
            move_sample(&s, lane, old[lane], new[lane]);
        }
    totals->n_pending += 2 * KM_BLOCK;
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
