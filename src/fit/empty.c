/* Empty clusters get a sample from another cluster. They are rare, so this code need not be fast;
 * but the choice must be the same for any number of ranks. */
#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/threads.h"
#include "steps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A sample that could fill an empty cluster. */
typedef struct candidate {
    double distance2;
    int64_t row, weight;
    int64_t sample; /* number on its rank */
    int32_t label, rank;
} candidate;

/* Best first: the largest distance, then the lowest row. */
static int by_distance_and_row(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->distance2 != y->distance2)
        return x->distance2 > y->distance2 ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* The best candidates so far, as a heap with the worst on top. */
struct heap {
    candidate *list;
    int64_t count, capacity;
};

static void swap_candidates(candidate *a, candidate *b)
{
    const candidate copy = *a;
    *a = *b;
    *b = copy;
}

static bool is_worse(const candidate *a, const candidate *b)
{
    return by_distance_and_row(a, b) > 0;
}

static void sift_down(struct heap *heap)
{
    for (int64_t i = 0, child = 1; child < heap->count; i = child, child = 2 * i + 1) {
        if (child + 1 < heap->count && is_worse(&heap->list[child + 1], &heap->list[child]))
            child++;
        if (!is_worse(&heap->list[child], &heap->list[i]))
            return;
        swap_candidates(&heap->list[child], &heap->list[i]);
    }
}

/* Adds a candidate; a full heap drops the worst. */
static void add_candidate(struct heap *heap, const candidate *new)
{
    if (heap->count == heap->capacity) {
        if (is_worse(new, &heap->list[0]))
            return;
        heap->list[0] = *new;
        sift_down(heap);
        return;
    }
    int64_t i = heap->count++;
    heap->list[i] = *new;
    for (int64_t parent; i > 0; i = parent) {
        parent = (i - 1) / 2;
        if (!is_worse(&heap->list[i], &heap->list[parent]))
            return;
        swap_candidates(&heap->list[i], &heap->list[parent]);
    }
}

/* May this sample leave its cluster? It needs weight, and its cluster must keep some. */
static bool may_leave(const km_totals *totals, const candidate *c)
{
    return c->weight > 0 && totals->weights[c->label] > c->weight;
}

/* The canonical squared distance of a sample to the center of its label. */
static double own_distance2(const running *run, int64_t sample, int32_t label)
{
    const km_samples *samples = run->samples;
    const int64_t d = samples->n_features;
    const size_t center_size = (size_t)d * km_precision_size(samples->precision);
    return km_distance2(samples->precision, km_samples_block(samples, sample / KM_BLOCK),
                        (int)(sample % KM_BLOCK),
                        (const char *)run->rounded + (size_t)label * center_size, d);
}

static void consider_sample(const running *run, int64_t sample, struct heap *best)
{
    const km_samples *samples = run->samples;
    const int32_t label = run->assigner.labels[sample];
    const candidate new = {.distance2 = own_distance2(run, sample, label),
                           .row = km_samples_row(samples, sample),
                           .weight =
                               samples->weights == NULL ? 1 : (int64_t)samples->weights[sample],
                           .sample = sample,
                           .label = label,
                           .rank = km_comm_rank(run->comm)};
    if (new.distance2 > 0 && may_leave(&run->totals, &new))
        add_candidate(best, &new);
}

/* Finds the best candidates of this rank. `heaps` has one heap per thread; in the end the first
 * holds the best of all threads. */
static void find_best_candidates(const running *run, struct heap *heaps)
{
#pragma omp parallel for
    for (int64_t i = 0; i < run->samples->n_samples; i++)
        consider_sample(run, i, &heaps[km_thread()]);
    for (int t = 1; t < km_threads(); t++)
        for (int64_t i = 0; i < heaps[t].count; i++)
            add_candidate(&heaps[0], &heaps[t].list[i]);
}

/* One heap per thread, each for `capacity` candidates. All lists lie in one array, which belongs to
 * the first heap. */
static struct heap *create_heaps(int64_t capacity, km_error *error)
{
    const char *what = "filling empty clusters";
    struct heap *heaps = km_allocate_zeroed(km_threads(), sizeof *heaps, what, error);
    candidate *lists = km_allocate(km_threads() * capacity, sizeof *lists, what, error);
    if (error->code != KM_OK) {
        free(heaps);
        free(lists);
        return NULL;
    }
    for (int t = 0; t < km_threads(); t++)
        heaps[t] = (struct heap){.list = lists + t * capacity, .capacity = capacity};
    return heaps;
}

static void free_heaps(struct heap *heaps)
{
    if (heaps != NULL)
        free(heaps[0].list);
    free(heaps);
}

/* Moves a sample from its cluster to an empty one in the totals of all ranks. Only the rank that
 * has the sample knows its values, so it broadcasts them. `points` is a workspace, [d]. */
static void move_to_empty(running *run, const candidate *moved, int64_t to, km_exact *points)
{
    const int64_t d = run->samples->n_features;
    if (moved->rank == km_comm_rank(run->comm))
        for (int64_t j = 0; j < d; j++) {
            double values[KM_BLOCK];
            int64_t words[2 * KM_BLOCK];
            const int64_t lane = moved->sample % KM_BLOCK;
            km_samples_load(run->samples, moved->sample / KM_BLOCK, j, values);
            km_quantize_block(&run->grids[j], values, words);
            const km_exact point = run->totals.n_words == 1
                                       ? (km_exact){0, words[lane]}
                                       : (km_exact){words[lane], words[KM_BLOCK + lane]};
            points[j] = km_weigh(point, moved->weight, run->totals.n_words);
        }
    km_broadcast(run->comm, moved->rank, points, d * (int64_t)sizeof *points);
    for (int64_t j = 0; j < d; j++) {
        km_totals_add(&run->totals, moved->label, j, points[j], -1);
        km_totals_add(&run->totals, to, j, points[j], +1);
    }
    run->totals.counts[moved->label]--;
    run->totals.counts[to]++;
    if (run->samples->weights != NULL) {
        run->totals.weights[moved->label] -= moved->weight;
        run->totals.weights[to] += moved->weight;
    }
}

/* Fills the empty clusters from the sorted candidates of all ranks, the same list on every rank. */
static int64_t fill_empty(running *run, const candidate *all, int64_t n_all, km_exact *points)
{
    int64_t n_filled = 0, next = 0;
    for (int64_t c = 0; c < run->totals.n_clusters; c++) {
        if (run->totals.weights[c] > 0)
            continue;
        while (next < n_all && !may_leave(&run->totals, &all[next]))
            next++;
        if (next == n_all)
            break;
        move_to_empty(run, &all[next++], c, points);
        n_filled++;
    }
    return n_filled;
}

km_code km_refill_empty(running *run, km_error *error)
{
    int64_t n_empty = 0, n_all = 0;
    for (int64_t c = 0; c < run->totals.n_clusters; c++)
        n_empty += run->totals.weights[c] == 0;
    run->n_refilled = 0;
    if (n_empty == 0)
        return KM_OK;
    /* A candidate is skipped only if its cluster gave a sample before and can give no more, so
     * twice as many candidates as empty clusters are enough. */
    struct heap *heaps = create_heaps(2 * n_empty, error);
    candidate *all = NULL;
    km_exact *points =
        km_allocate(run->samples->n_features, sizeof *points, "filling empty clusters", error);
    if (km_agree(run->comm, error) == KM_OK) {
        find_best_candidates(run, heaps);
        km_concatenate(run->comm, heaps[0].list, heaps[0].count, sizeof *all, (void **)&all, &n_all,
                       error);
    }
    if (error->code == KM_OK) {
        qsort(all, (size_t)n_all, sizeof *all, by_distance_and_row);
        run->n_refilled = fill_empty(run, all, n_all, points);
    }
    free(all);
    free(points);
    free_heaps(heaps);
    return error->code;
}
