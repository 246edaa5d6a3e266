/* Empty clusters. They are rare, so what matters here is that the rule is exact. */
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
    int64_t sample; /* its number on its rank */
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

/* The best candidates so far, at most `room` of them, as a heap with the worst on top. */
struct heap {
    candidate *list;
    int64_t count, room;
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

static void offer(struct heap *heap, const candidate *new)
{
    if (heap->count == heap->room) {
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

/* May this sample leave its cluster? It needs weight, and must leave some behind. */
static bool may_leave(const km_totals *totals, const candidate *c)
{
    return c->weight > 0 && totals->weights[c->label] > c->weight;
}

/* The canonical squared distance of a sample to the center that the assignment gave it. */
static double own_distance2(const running *run, int64_t sample, int32_t label)
{
    const km_samples *samples = run->samples;
    const int64_t d = samples->n_features;
    const size_t center_size = (size_t)d * km_precision_size(samples->precision);
    return km_distance2(samples->precision, km_samples_block(samples, sample / KM_BLOCK),
                        (int)(sample % KM_BLOCK),
                        (const char *)run->rounded + (size_t)label * center_size, d);
}

static void offer_sample(const running *run, int64_t sample, struct heap *best)
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
        offer(best, &new);
}

/* This rank's best candidates: `heaps` has one for each thread, and the first gets all. */
static void find_donors(const running *run, struct heap *heaps)
{
#pragma omp parallel for
    for (int64_t i = 0; i < run->samples->n_samples; i++)
        offer_sample(run, i, &heaps[km_thread()]);
    for (int t = 1; t < km_threads(); t++)
        for (int64_t i = 0; i < heaps[t].count; i++)
            offer(&heaps[0], &heaps[t].list[i]);
}

/* A heap for each thread, of `room` candidates; all lists are in one array, that of the first. */
static struct heap *create_heaps(int64_t room, km_error *error)
{
    const char *what = "filling empty clusters";
    struct heap *heaps = km_allocate_zeroed(km_threads(), sizeof *heaps, what, error);
    candidate *lists = km_allocate(km_threads() * room, sizeof *lists, what, error);
    if (error->code != KM_OK) {
        free(heaps);
        free(lists);
        return NULL;
    }
    for (int t = 0; t < km_threads(); t++)
        heaps[t] = (struct heap){.list = lists + t * room, .room = room};
    return heaps;
}

static void free_heaps(struct heap *heaps)
{
    if (heaps != NULL)
        free(heaps[0].list);
    free(heaps);
}

/* Moves a sample in the totals of all ranks; its rank alone knows its values. */
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

/* Fills the empty clusters from the best candidates of all ranks, which all ranks hold alike. */
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
    /* A donor is passed over only after it gave a sample and has one left, so twice as many
     * candidates as there are empty clusters are enough. */
    struct heap *heaps = create_heaps(2 * n_empty, error);
    candidate *all = NULL;
    km_exact *points =
        km_allocate(run->samples->n_features, sizeof *points, "filling empty clusters", error);
    if (km_agree(run->comm, error) == KM_OK) {
        find_donors(run, heaps);
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
