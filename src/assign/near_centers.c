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
} block_query;

static const void *center_of(const block_query *q, int64_t c)
{
    const km_samples *samples = q->assigner->samples;
    return (const char *)q->centers +
           (size_t)(c * samples->n_features) * km_precision_size(samples->precision);
}

/* The squared distances of a center to all of the set. */
static const void *find_row(const block_query *q, int32_t a)
{
    near_workspace *w = q->workspace;
    const km_samples *samples = q->assigner->samples;
    const size_t size = km_precision_size(samples->precision);
    for (int i = 0; i < N_ROWS; i++)
        if (w->rows[i].center == a && w->rows[i].set == q->set)
            return w->rows[i].distances2;
    const int row = w->next_row;
    w->next_row = (row + 1) % N_ROWS;
    w->rows[row].center = a;
    w->rows[row].set = q->set;
    char *distances2 = w->rows[row].distances2;
    for (int64_t b = 0; b < q->set->n_blocks; b++)
        q->assigner->kernel->distances_to[samples->precision](
            (const char *)q->set->blocks + (size_t)(b * samples->n_features * KM_BLOCK) * size,
            center_of(q, a), samples->n_features,
            (km_distances *)(distances2 + (size_t)(b * KM_BLOCK) * size));
    w->done.box_tests += q->set->count;
    return distances2;
}

/* Marks all centers of the set whose distance from a may be at most `limit`. */
static void mark_within(const block_query *q, int32_t a, double limit)
{
    const km_samples *samples = q->assigner->samples;
    const double d = (double)samples->n_features;
    const double epsilon = km_precision_epsilon(samples->precision);
    const double reach = limit * (1 + KM_GAP_SLACK(d) * epsilon) +
                         4 * sqrt((d + 2) * km_precision_smallest(samples->precision));
    /* The factor makes up for rounding to the working precision. */
    q->assigner->kernel->add_within[samples->precision](
        find_row(q, a), q->set->n_blocks, reach * reach * (1 + 0x1p-20), q->workspace->within);
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
    mark_within(q, a, fmax(2 * sqrt(own2), reach_of_strays(q, &distances2, strays)));
}

/* Every label that several samples have is a reference, and the first of these is also that of all
 * other samples. */
static void mark_near(const block_query *q, uint64_t used)
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
}

/* From the bits of a set to the numbers of centers, with the own centers of the samples. */
static int64_t list_marked(const block_query *q, uint64_t used)
{
    near_workspace *w = q->workspace;
    const center_set *set = q->set;
    const int64_t k = q->assigner->n_clusters;
    if (set->count % KM_BLOCK != 0)
        w->within[set->n_blocks - 1] &= UINT64_MAX >> (KM_BLOCK - set->count % KM_BLOCK);
    const int64_t n = km_list_bits(w->within, set->n_blocks, w->chosen);
    if (set->count == k || n == 0)
        return n;
    memset(w->marked, 0, (size_t)blocks_of_centers(k) * sizeof *w->marked);
    for (int64_t i = 0; i < n; i++) {
        const int32_t c = set->numbers[w->chosen[i]];
        w->marked[c / 64] |= (uint64_t)1 << c % 64;
    }
    for (; used != 0; used &= used - 1) {
        const int32_t c = q->labels[__builtin_ctzll(used)];
        w->marked[c / 64] |= (uint64_t)1 << c % 64;
    }
    return km_list_bits(w->marked, blocks_of_centers(k), w->chosen);
}

int64_t km_choose_near(km_assigner *assigner, const void *centers, int64_t block, uint64_t lanes,
                       const int32_t *labels, const center_set *set)
{
    neighbours *n = assigner->state;
    near_workspace *w = &n->workspaces[km_thread()];
    const block_query q = {assigner, w,     centers, km_samples_block(assigner->samples, block),
                           set,      labels};
    memset(w->within, 0, (size_t)set->n_blocks * sizeof *w->within);
    mark_near(&q, lanes);
    return list_marked(&q, lanes);
}
