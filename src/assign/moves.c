/* Moving samples between the totals of clusters. Totals are exact, so that what is moved sample by
 * sample, or a block at once, gives the same bits as sums made anew. */
#include "methods.h"

#include <string.h>

enum { NOBODY = -1 }; /* the label of a sample that was in no cluster so far */

/* A block whose samples move, and where its numbers are. */
typedef struct source {
    const km_assigner *assigner;
    km_totals *totals;
    const char *values;    /* [d][KM_BLOCK], in working precision */
    const double *weights; /* [KM_BLOCK], whole numbers, or NULL: all are 1 */
} source;

static source open_block(const km_assigner *assigner, km_totals *totals, int64_t block)
{
    const km_samples *samples = assigner->samples;
    const double *weights = samples->weights;
    return (source){.assigner = assigner,
                    .totals = totals,
                    .values = km_samples_block(samples, block),
                    .weights = weights != NULL ? weights + block * KM_BLOCK : NULL};
}

static double value_at(const source *s, int64_t at)
{
    return s->assigner->samples->precision == KM_FLOAT32 ? (double)((const float *)s->values)[at]
                                                         : ((const double *)s->values)[at];
}

/* The grid point of a sample's feature, as often as it has weight. */
static km_exact point_of(const source *s, int lane, int64_t j)
{
    const km_exact point =
        km_quantise_value(&s->assigner->grids[j], value_at(s, j * KM_BLOCK + lane));
    return s->weights == NULL ? point
                              : km_weigh(point, (int64_t)s->weights[lane], s->totals->n_words);
}

static void count(const source *s, int32_t label, int64_t n_samples, int64_t weight)
{
    s->totals->counts[label] += n_samples;
    if (s->weights != NULL)
        s->totals->weights[label] += weight;
}

/* ---- one sample ----------------------------------------------------------------------------- */

static void move_sample(const source *s, int lane, int32_t from, int32_t to)
{
    const int64_t d = s->totals->n_features;
    for (int64_t j = 0; j < d; j++) {
        const km_exact point = point_of(s, lane, j);
        if (from != NOBODY)
            km_totals_add(s->totals, from, j, point, -1);
        km_totals_add(s->totals, to, j, point, +1);
    }
    const int64_t weight = s->weights != NULL ? (int64_t)s->weights[lane] : 1;
    if (from != NOBODY)
        count(s, from, -1, -weight);
    count(s, to, +1, weight);
}

/* ---- all samples of a full block ------------------------------------------------------------ */

/* The sum of a feature over the block. One word may wrap round, as the parts of a sum may. */
static km_exact sum_of_feature(const source *s, int64_t j)
{
    km_exact sum = {0, 0};
    for (int l = 0; l < KM_BLOCK; l++) {
        const km_exact point = point_of(s, l, j);
        sum.high += point.high;
        sum.low = km_add_wrapped(sum.low, +1, point.low);
    }
    return sum;
}

static int64_t sum_of_weights(const source *s)
{
    int64_t sum = 0;
    for (int l = 0; l < KM_BLOCK; l++)
        sum += s->weights != NULL ? (int64_t)s->weights[l] : 1;
    return sum;
}

static void move_block(const source *s, int32_t from, int32_t to)
{
    for (int64_t j = 0; j < s->totals->n_features; j++) {
        const km_exact sum = sum_of_feature(s, j);
        if (from != NOBODY)
            km_totals_add(s->totals, from, j, sum, -1);
        km_totals_add(s->totals, to, j, sum, +1);
    }
    const int64_t weight = sum_of_weights(s);
    if (from != NOBODY)
        count(s, from, -KM_BLOCK, -weight);
    count(s, to, +KM_BLOCK, weight);
}

/* ---- any --------------------------------------------------------------------------------------
 */

static bool are_equal(const int32_t *labels)
{
    return memcmp(labels, labels + 1, (KM_BLOCK - 1) * sizeof *labels) == 0;
}

static uint64_t find_others(const int32_t *labels, int32_t label)
{
    uint64_t others = 0;
    for (int l = 0; l < KM_BLOCK; l++)
        others |= (uint64_t)(labels[l] != label) << l;
    return others;
}

void km_totals_move(const km_assigner *assigner, km_totals *totals, int64_t block, uint64_t changed,
                    const int32_t *old, const int32_t *new)
{
    const source s = open_block(assigner, totals, block);
    if (changed == UINT64_MAX && are_equal(old)) {
        /* All go to one cluster at once, and those that belong elsewhere from there. */
        move_block(&s, old[0], new[0]);
        for (uint64_t left = find_others(new, new[0]); left != 0; left &= left - 1) {
            const int lane = __builtin_ctzll(left);
            move_sample(&s, lane, new[0], new[lane]);
        }
    } else {
        for (uint64_t left = changed; left != 0; left &= left - 1) {
            const int lane = __builtin_ctzll(left);
            move_sample(&s, lane, old[lane], new[lane]);
        }
    }
    totals->n_pending += 2 * KM_BLOCK;
    if (totals->n_pending >= KM_CARRY_AFTER)
        km_totals_carry(totals);
}
