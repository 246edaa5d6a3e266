/* Lists of centers that parts of blocks keep for some assignments.
 *
 * Let x be a sample and o its own center when its list was made. All centers c were listed with
 *     |x - c| <= |x - o| + margin.
 * Since then o has moved by p(o) and c by p(c), measured as the crow flies. If c is not listed,
 *     |x - c| - |x - o| > margin - p(o) - p(c),
 * so it can't be nearest while the right side is positive. A part is compared with the centers that
 * it has listed, and with the fast ones, which have moved by more than that. Of these only those
 * can be nearest that are within 2 |x - o| of o.
 *
 * Rounding: gaps must exceed KM_GAP_SLACK of both distances for canonical distances to say the
 * same. With g the gap, these are at most 2 |x - o| + g, and |x - o| <= r + margin, with r the
 * largest when the list was made; so a margin that is less by 4 KM_GAP_SLACK (r + margin) is safe.
 */
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/threads.h"
#include "neighbours.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PARTS_OF_BLOCK = KM_BLOCK / KM_PART,
    OF_SLICE = 2 * NEAR_BLOCKS_AT_ONCE * KM_BLOCK, /* numbers: two a sample */
};

/* What a center moves in an assignment, in all but a tenth of the cases, times this is the margin:
 * measured. */
static const double MARGIN = 6, SLOW = 0.9;

static int64_t count_slices(const km_samples *samples)
{
    return (samples->n_blocks + NEAR_BLOCKS_AT_ONCE - 1) / NEAR_BLOCKS_AT_ONCE;
}

void km_kept_create(kept_lists *kept, const km_samples *samples, int64_t k, km_error *error)
{
    const char *what = "lists of near centers";
    const size_t row_size = (size_t)samples->n_features * km_precision_size(samples->precision);
    const int64_t n_parts = samples->n_blocks * PARTS_OF_BLOCK;
    kept->parts = km_allocate_zeroed(n_parts, sizeof *kept->parts, what, error);
    kept->n_numbers =
        km_allocate_zeroed(count_slices(samples), sizeof *kept->n_numbers, what, error);
    kept->since = km_allocate(k, row_size, what, error);
    kept->moves = km_allocate(k, sizeof *kept->moves, what, error);
    kept->distances = km_allocate(k, sizeof *kept->distances, what, error);
}

void km_kept_free(kept_lists *kept)
{
    free(kept->parts);
    free(kept->n_numbers);
    free(kept->since);
    free(kept->moves);
    free(kept->distances);
    km_free_large(kept->numbers);
}

void km_kept_forget(km_assigner *assigner, int64_t block, int64_t n_blocks)
{
    kept_lists *kept = &((neighbours *)assigner->state)->kept;
    memset(kept->parts + block * PARTS_OF_BLOCK, 0,
           (size_t)(n_blocks * PARTS_OF_BLOCK) * sizeof *kept->parts);
}

void km_kept_forget_all(km_assigner *assigner)
{
    kept_lists *kept = &((neighbours *)assigner->state)->kept;
    km_kept_forget(assigner, 0, assigner->samples->n_blocks);
    memset(kept->n_numbers, 0, (size_t)count_slices(assigner->samples) * sizeof *kept->n_numbers);
    km_free_large(kept->numbers);
    kept->numbers = NULL;
    kept->are_made = false;
}

/* ---- when lists are made --------------------------------------------------------------------- */

bool km_kept_is_wanted(const neighbours *n)
{
    return n->has_before && n->kept.numbers == NULL && !n->kept.has_failed &&
           n->relabeled <= KM_FEW_RELABELED;
}

/* The margin is by how far centers have moved in the last assignment. Without memory none are made.
 */
static void start_lists(km_assigner *assigner, const void *centers)
{
    neighbours *n = assigner->state;
    kept_lists *kept = &n->kept;
    const km_samples *samples = assigner->samples;
    const int64_t k = assigner->n_clusters;
    km_error no_memory = {0};
    kept->numbers = km_allocate_large(count_slices(samples) * OF_SLICE, sizeof *kept->numbers,
                                      "lists of near centers", &no_memory);
    kept->has_failed = kept->numbers == NULL;
    km_find_moves(assigner, n->before, centers);
    kept->margin = MARGIN * kept->moves[(int64_t)((1 - SLOW) * (double)k)].distance;
    kept->are_made = !kept->has_failed && kept->margin > 0;
    memcpy(kept->since, centers,
           (size_t)(k * samples->n_features) * km_precision_size(samples->precision));
}

void km_kept_prepare(km_assigner *assigner, const void *centers, bool are_made)
{
    neighbours *n = assigner->state;
    n->kept.are_made = false;
    if (are_made) {
        start_lists(assigner, centers);
    } else if (n->kept.numbers != NULL) {
        km_find_moves(assigner, n->kept.since, centers);
        km_fill_fast(assigner, centers);
    }
}

/* ---- using a list ---------------------------------------------------------------------------- */

/* What a part asks. */
typedef struct kept_query {
    km_assigner *assigner;
    near_workspace *workspace;
    const void *centers;
    int64_t block;
    int first; /* lane */
} kept_query;

static const void *kept_center(const kept_query *q, int32_t c)
{
    const km_samples *samples = q->assigner->samples;
    return (const char *)q->centers +
           (size_t)(c * samples->n_features) * km_precision_size(samples->precision);
}

static int32_t *numbers_of_slice(const kept_lists *kept, int64_t block)
{
    return kept->numbers + block / NEAR_BLOCKS_AT_ONCE * OF_SLICE;
}

/* The largest distance of the samples of a part to a center, rounded up; distances2 of all. */
static double farthest_in_part(const kept_query *q, int32_t c, km_distances *distances2)
{
    const km_samples *samples = q->assigner->samples;
    const double d = (double)samples->n_features;
    double farthest2 = 0;
    q->assigner->kernel->distances_to[samples->precision](
        km_samples_block(samples, q->block), kept_center(q, c), samples->n_features, distances2);
    for (int l = q->first; l < q->first + KM_PART; l++) {
        const double distance2 = km_distance_of(distances2, samples->precision, l);
        farthest2 = distance2 > farthest2 ? distance2 : farthest2;
    }
    return sqrt(farthest2) * (1 + KM_GAP_SLACK(d) * km_precision_epsilon(samples->precision)) +
           4 * sqrt((d + 2) * km_precision_smallest(samples->precision));
}

/* Marks centers, or takes the marks away. */
static void mark(const near_workspace *w, const int32_t *numbers, int64_t n, bool is_marked)
{
    for (int64_t i = 0; i < n; i++)
        if (is_marked)
            w->marked[numbers[i] / 64] |= (uint64_t)1 << numbers[i] % 64;
        else
            w->marked[numbers[i] / 64] = 0;
}

/* Adds those of the first n fast centers that are within reach of the part's first center, and not
 * chosen yet: of ties those are told that are between different centers, if none comes twice. */
static int64_t add_fast(const kept_query *q, int32_t a, int64_t n_fast, int64_t n_listed)
{
    const neighbours *n = q->assigner->state;
    const km_samples *samples = q->assigner->samples;
    const km_kernel *kernel = q->assigner->kernel;
    const int64_t d = samples->n_features;
    near_workspace *w = q->workspace;
    km_distances distances2;
    int64_t n_chosen = n_listed;
    const double reach = 2 * farthest_in_part(q, a, &distances2) * (1 + 0x1p-20);
    mark(w, w->chosen, n_listed, true);
    for (int64_t b = 0; b * KM_BLOCK < n_fast; b++) {
        const int64_t left = n_fast - b * KM_BLOCK;
        uint64_t within = 0;
        const double least2 = kernel->distances_to[samples->precision](
            (const char *)n->fast.blocks +
                (size_t)(b * d * KM_BLOCK) * km_precision_size(samples->precision),
            kept_center(q, a), d, &distances2);
        kernel->add_within[samples->precision](&distances2, &least2, 1, reach * reach, &within);
        w->done.box_tests += KM_BLOCK;
        if (left < KM_BLOCK)
            within &= UINT64_MAX >> (KM_BLOCK - left);
        for (; within != 0; within &= within - 1) {
            const int32_t c = n->fast.numbers[b * KM_BLOCK + __builtin_ctzll(within)];
            if ((w->marked[c / 64] >> c % 64 & 1) == 0)
                w->chosen[n_chosen++] = c;
        }
    }
    mark(w, w->chosen, n_listed, false);
    return n_chosen;
}

int64_t km_kept_choose(km_assigner *assigner, const void *centers, int64_t block, int first)
{
    neighbours *n = assigner->state;
    const kept_lists *kept = &n->kept;
    const kept_part *part = &kept->parts[block * PARTS_OF_BLOCK + first / KM_PART];
    near_workspace *w = &n->workspaces[km_thread()];
    const kept_query q = {assigner, w, centers, block, first};
    double of_own = 0;
    if (part->count == 0 || kept->are_made)
        return 0;
    const int32_t *numbers = numbers_of_slice(kept, block) + part->first;
    for (int32_t i = 0; i < part->n_own; i++)
        of_own = fmax(of_own, kept->distances[numbers[i]]);
    const int64_t n_fast = km_count_fast(kept, assigner->n_clusters, part->margin - of_own);
    if (n_fast >= km_most_fast(assigner->n_clusters))
        return 0;
    memcpy(w->chosen, numbers, (size_t)part->count * sizeof *numbers);
    return n_fast > 0 ? add_fast(&q, numbers[0], n_fast, part->count) : part->count;
}

/* ---- making a list --------------------------------------------------------------------------- */

/* The squared limit of a sample whose own center is at this squared distance. */
static double limit_of(const km_samples *samples, double own2, double margin)
{
    const double d = (double)samples->n_features;
    const double limit =
        (sqrt(own2) + margin) * (1 + KM_GAP_SLACK(d) * km_precision_epsilon(samples->precision)) +
        4 * sqrt((d + 2) * km_precision_smallest(samples->precision));
    return limit * limit * (1 + 0x1p-20);
}

/* The squared distances of the samples in `lanes` to their own centers, and these centers. */
static void find_own(const kept_query *q, uint64_t lanes, const int32_t *labels, kept_limits *of)
{
    const km_samples *samples = q->assigner->samples;
    double farthest = 0;
    of->n_own = 0;
    while (lanes != 0) {
        km_distances distances2;
        const int32_t label = labels[__builtin_ctzll(lanes)];
        const uint64_t same =
            q->assigner->kernel->lanes_with[samples->precision](labels, label) & lanes;
        of->own[of->n_own++] = label;
        farthest = fmax(farthest, farthest_in_part(q, label, &distances2));
        for (uint64_t left = same; left != 0; left &= left - 1) {
            const int l = __builtin_ctzll(left);
            of->own2[l - q->first] = km_distance_of(&distances2, samples->precision, l);
        }
        lanes &= ~same;
    }
    of->farthest = farthest;
}

double km_kept_limits(km_assigner *assigner, const void *centers, int64_t block, int first,
                      uint64_t lanes, const int32_t *labels, kept_limits *of)
{
    neighbours *n = assigner->state;
    const kept_query q = {assigner, &n->workspaces[km_thread()], centers, block, first};
    find_own(&q, lanes, labels, of);
    of->margin = n->kept.margin;
    for (int l = 0; l < KM_PART; l++)
        km_value_set(assigner->samples->precision, &of->limits2, l,
                     (lanes >> (first + l) & 1) != 0
                         ? limit_of(assigner->samples, of->own2[l], of->margin)
                         : -1);
    return of->margin;
}

/* Own centers first, then all others that were found. */
static int64_t put_own_first(const near_workspace *w, const int32_t *own, int32_t n_own,
                             int64_t n_found)
{
    int64_t n = n_own;
    mark(w, own, n_own, true);
    memcpy(w->chosen, own, (size_t)n_own * sizeof *own);
    for (int64_t i = 0; i < n_found; i++) {
        const int32_t c = w->found[i];
        w->chosen[n] = c;
        n += (w->marked[c / 64] >> c % 64 & 1) == 0;
    }
    mark(w, own, n_own, false);
    return n;
}

static void keep(const kept_query *q, int64_t n_listed, const kept_limits *of)
{
    kept_lists *kept = &((neighbours *)q->assigner->state)->kept;
    const double d = (double)q->assigner->samples->n_features;
    int32_t *used = &kept->n_numbers[q->block / NEAR_BLOCKS_AT_ONCE];
    const double slack =
        4 * KM_GAP_SLACK(d) * km_precision_epsilon(q->assigner->samples->precision) *
            (of->farthest + of->margin) +
        16 * sqrt((d + 2) * km_precision_smallest(q->assigner->samples->precision));
    if (*used + n_listed > OF_SLICE)
        return;
    memcpy(numbers_of_slice(kept, q->block) + *used, q->workspace->chosen,
           (size_t)n_listed * sizeof(int32_t));
    kept->parts[q->block * PARTS_OF_BLOCK + q->first / KM_PART] =
        (kept_part){*used, (int32_t)n_listed, of->n_own, of->margin * (1 - 0x1p-20) - slack};
    *used += (int32_t)n_listed;
}

int64_t km_kept_make(km_assigner *assigner, const void *centers, int64_t block, int first,
                     const kept_limits *of, int64_t n_chosen)
{
    neighbours *n = assigner->state;
    const km_samples *samples = assigner->samples;
    near_workspace *w = &n->workspaces[km_thread()];
    const kept_query q = {assigner, w, centers, block, first};
    const int64_t n_found = assigner->kernel->find_within[samples->precision](
        (const char *)km_samples_block(samples, block) +
            (size_t)first * km_precision_size(samples->precision),
        centers, samples->n_features, w->chosen, n_chosen, &of->limits2, w->found);
    const int64_t n_listed = put_own_first(w, of->own, of->n_own, n_found);
    w->done.distances += n_chosen * km_part_lanes(samples, block, first);
    assigner->work[block] += n_chosen * KM_PART;
    keep(&q, n_listed, of);
    return n_listed;
}

/* Lists of parts, of which numbers take no more than sorting, which is over then; centers, moves.
 */
double km_kept_bytes(const km_shape *shape)
{
    const double n_blocks = ceil((double)shape->n_samples / KM_BLOCK);
    const double of_center =
        (double)shape->n_features * km_value_bytes(shape) + sizeof(center_move) + sizeof(double);
    return n_blocks * (PARTS_OF_BLOCK * sizeof(kept_part) +
                       (double)sizeof(int32_t) / NEAR_BLOCKS_AT_ONCE) +
           (double)shape->n_clusters * of_center;
}
