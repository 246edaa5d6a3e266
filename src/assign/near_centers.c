/* Which centers can be the nearest one of a sample in a block: the bound of the method
 * `neighbours`.
 *
 * Let x be a sample, o its own center, a any center, and c the nearest one. Then |x-c| <= |x-o|, so
 *     |a-c| <= |a-x| + |x-c| <= |x-a| + |x-o|.
 * With a = o, which is called a reference, c is within 2 |x-a| of it (Newling & Fleuret 2016). The
 * maximum over the samples of a block bounds the distance from a of all centers that need be
 * compared.
 *
 * Rounding: c is nearest by canonical distances, so |x-c| is at most |x-o| but for their rounding.
 * A canonical squared distance has at most d + 2 relative errors of epsilon, its root half of that;
 * so four roots take less than 4 (d+2) epsilon. KM_GAP_SLACK is twice that. What squares below the
 * smallest normal number lose is sqrt((d+2) smallest) for each of the four. */
#include "base/partition.h"
#include "base/precision.h"
#include "base/threads.h"
#include "neighbours.h"

#include <math.h>
#include <string.h>

enum { FEWEST_OF_REFERENCE = 4 }; /* samples, for which a center is worth a look at all others */

/* What is asked of one block. */
typedef struct block_query {
    km_assigner *assigner;
    near_workspace *workspace;
    const void *centers;
    const void *values; /* of the block */
    const center_set *set;
    const int32_t *labels;
    double margin; /* by which centers may be farther than the own one */
} block_query;

static const void *center_of(const block_query *q, int64_t c)
{
    const km_samples *samples = q->assigner->samples;
    return (const char *)q->centers +
           (size_t)(c * samples->n_features) * km_precision_size(samples->precision);
}

/* Lower bounds of the squared distances of a center to those of each block of a set, from the ball
 * round them. */
static void bound_blocks(const block_query *q, center_row *row)
{
    const km_samples *samples = q->assigner->samples;
    const int64_t d = samples->n_features;
    const km_precision precision = samples->precision;
    const double certain = 1 - KM_GAP_SLACK(d) * km_precision_epsilon(precision);
    const double hidden = 4 * sqrt(((double)d + 2) * km_precision_smallest(precision));
    for (int64_t b = 0; b < q->set->n_blocks; b++) {
        km_distances distances2;
        if (b % KM_BLOCK == 0)
            q->assigner->kernel->distances_to[precision](
                (const char *)q->set->middles + (size_t)(b * d) * km_precision_size(precision),
                center_of(q, row->center), d, &distances2);
        const double middle2 = km_distance_of(&distances2, precision, (int)(b % KM_BLOCK));
        const double least = sqrt(middle2) * certain - hidden - q->set->radii[b];
        row->least2[b] = least > 0 ? least * least * (1 - 0x1p-20) : 0;
        row->is_known[b] = false;
    }
    q->workspace->done.box_tests += q->set->n_blocks;
}

static center_row *find_row(const block_query *q, int32_t a)
{
    near_workspace *w = q->workspace;
    for (int i = 0; i < N_ROWS; i++)
        if (w->rows[i].center == a && w->rows[i].set == q->set)
            return &w->rows[i];
    center_row *row = &w->rows[w->next_row];
    w->next_row = (w->next_row + 1) % N_ROWS;
    row->center = a;
    row->set = q->set;
    bound_blocks(q, row);
    return row;
}

static void measure_centers(const block_query *q, center_row *row, int64_t b)
{
    const km_samples *samples = q->assigner->samples;
    const size_t size = km_precision_size(samples->precision);
    row->least2[b] = q->assigner->kernel->distances_to[samples->precision](
        (const char *)q->set->blocks + (size_t)(b * samples->n_features * KM_BLOCK) * size,
        center_of(q, row->center), samples->n_features,
        (km_distances *)((char *)row->distances2 + (size_t)(b * KM_BLOCK) * size));
    row->is_known[b] = true;
    q->workspace->done.box_tests += KM_BLOCK;
}

/* Marks all centers of the set whose distance from a may be at most `limit`. */
static void mark_within(const block_query *q, int32_t a, double limit)
{
    const km_precision precision = q->assigner->samples->precision;
    const double d = (double)q->assigner->samples->n_features;
    const double reach = limit * (1 + KM_GAP_SLACK(d) * km_precision_epsilon(precision)) +
                         4 * sqrt((d + 2) * km_precision_smallest(precision));
    /* The factor makes up for rounding to the working precision. */
    const double limit2 = reach * reach * (1 + 0x1p-20);
    center_row *row = find_row(q, a);
    for (int64_t b = 0; b < q->set->n_blocks; b++)
        if (!row->is_known[b] && !(row->least2[b] > limit2))
            measure_centers(q, row, b);
    q->assigner->kernel->add_within[precision](row->distances2, row->least2, q->set->n_blocks,
                                               limit2, q->workspace->within);
}

/* The maximum over the samples in `lanes`, which have other labels than a, of |x-a| + |x-o|. */
static double reach_of_strays(const block_query *q, const km_distances *distances2, uint64_t lanes)
{
    const km_samples *samples = q->assigner->samples;
    double reach = 0;
    for (; lanes != 0; lanes &= lanes - 1) {
        const int l = __builtin_ctzll(lanes);
        const double own2 = km_distance2(samples->precision, q->values, l,
                                         center_of(q, q->labels[l]), samples->n_features);
        reach = fmax(reach, sqrt(own2) + sqrt(km_distance_of(distances2, samples->precision, l)));
    }
    return reach;
}

/* Marks what is within the reach of the samples whose label is a, and of strays. */
static void mark_reference(const block_query *q, int32_t a, uint64_t strays)
{
    const km_samples *samples = q->assigner->samples;
    const km_kernel *kernel = q->assigner->kernel;
    km_distances distances2;
    kernel->distances_to[samples->precision](q->values, center_of(q, a), samples->n_features,
                                             &distances2);
    const double own2 = kernel->farthest_of[samples->precision](&distances2, q->labels, a);
    mark_within(q, a, fmax(2 * sqrt(own2), reach_of_strays(q, &distances2, strays)) + q->margin);
}

/* Every label that several samples have is a reference, and the first of these, which is returned,
 * is also that of all other samples. */
static int32_t mark_near(const block_query *q, uint64_t used)
{
    km_lanes_with *lanes_with = q->assigner->kernel->lanes_with[q->assigner->samples->precision];
    int32_t main_reference = NO_CENTER;
    uint64_t strays = 0;
    for (uint64_t left = used; left != 0;) {
        const int32_t label = q->labels[__builtin_ctzll(left)];
        const uint64_t same = lanes_with(q->labels, label) & used;
        left &= ~same;
        if (__builtin_popcountll(same) < FEWEST_OF_REFERENCE)
            strays |= same;
        else if (main_reference == NO_CENTER)
            main_reference = label;
        else
            mark_reference(q, label, 0);
    }
    if (main_reference == NO_CENTER)
        main_reference = q->labels[__builtin_ctzll(used)];
    mark_reference(q, main_reference, strays);
    return main_reference;
}

/* Lists own centers before all others: then few of these are nearer than what was found already,
 * which is faster. If the set has them it is the main reference alone, which most samples have. */
static int64_t list_own(const block_query *q, uint64_t left, int32_t main_reference)
{
    const neighbours *all = q->assigner->state;
    int32_t *chosen = q->workspace->chosen;
    int64_t n = 0;
    if (q->set == &all->all) {
        chosen[0] = main_reference;
        return 1;
    }
    while (left != 0) {
        const int32_t label = q->labels[__builtin_ctzll(left)];
        chosen[n++] = label;
        left &= ~q->assigner->kernel->lanes_with[q->assigner->samples->precision](q->labels, label);
    }
    return n;
}

/* From the bits of a set to the numbers of centers, behind own ones. 0 if no bit is set. */
static int64_t list_marked(const block_query *q, uint64_t lanes, int32_t main_reference)
{
    const near_workspace *w = q->workspace;
    const center_set *set = q->set;
    const int64_t n_own = list_own(q, lanes, main_reference);
    int64_t n = n_own;
    bool has_found = false;
    if (set->count % KM_BLOCK != 0)
        w->within[set->n_blocks - 1] &= UINT64_MAX >> (KM_BLOCK - set->count % KM_BLOCK);
    for (int64_t b = 0; b < set->n_blocks; b++)
        for (uint64_t bits = w->within[b]; bits != 0; bits &= bits - 1) {
            w->chosen[n] = set->numbers[b * KM_BLOCK + __builtin_ctzll(bits)];
            n += w->chosen[n] != main_reference; /* which is listed already */
            has_found = true;
        }
    return has_found ? n : 0;
}

int64_t km_choose_near(km_assigner *assigner, const void *centers, int64_t block, uint64_t lanes,
                       const int32_t *labels, const center_set *set, double margin)
{
    neighbours *n = assigner->state;
    near_workspace *w = &n->workspaces[km_thread()];
    const block_query q = {assigner, w,      centers, km_samples_block(assigner->samples, block),
                           set,      labels, margin};
    memset(w->within, 0, (size_t)set->n_blocks * sizeof *w->within);
    const int32_t main_reference = mark_near(&q, lanes);
    return list_marked(&q, lanes, main_reference);
}
