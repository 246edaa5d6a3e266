/* Samples in the order of their labels. */
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/threads.h"
#include "methods.h"
#include "order/order.h"

#include <stdlib.h>
#include <string.h>

typedef struct label_sort {
    const km_sorting *by;
    int64_t n;
    uint32_t *places; /* [n], where each sample goes */
    uint32_t *order;  /* [n], the samples as they will follow each other, where there are levels */
    int64_t *next;    /* [n_threads][n_labels], first how many samples of each thread have each */
    int64_t *first;   /* [n_labels + 1], where those of each label begin */
} label_sort;

/* By ranks of labels, where there are ranks. */
static inline int64_t sort_rank_of(const label_sort *s, int32_t label)
{
    return s->by->ranks != NULL ? s->by->ranks[label] : label;
}

static km_code create_label_sort(label_sort *s, int n_threads, km_error *error)
{
    const char *what = "order of samples";
    s->order = km_allocate_large(s->n, sizeof *s->order, what, error);
    s->places = km_allocate_large(s->n, sizeof *s->places, what, error);
    s->next = km_allocate_zeroed(n_threads * s->by->n_labels, sizeof *s->next, what, error);
    s->first = km_allocate(s->by->n_labels + 1, sizeof *s->first, what, error);
    return error->code;
}

static void free_label_sort(label_sort *s)
{
    km_free_large(s->order);
    km_free_large(s->places);
    free(s->next);
    free(s->first);
}

/* Counts become the places where labels begin, and within them the samples of each thread. */
static void find_label_starts(label_sort *s, int n_threads)
{
    const int64_t n_labels = s->by->n_labels;
    int64_t sum = 0;
    for (int64_t c = 0; c < n_labels; c++) {
        s->first[c] = sum;
        for (int t = 0; t < n_threads; t++) {
            const int64_t count = s->next[t * n_labels + c];
            s->next[t * n_labels + c] = sum;
            sum += count;
        }
    }
    s->first[n_labels] = sum;
}

/* Now and then fetches the labels and places that come next. */
static void pass_labels(const label_sort *s, const int32_t *labels, int64_t i)
{
    if (i % KM_BLOCK == 0) {
        km_pass_large(labels, i, s->n, sizeof *labels);
        km_pass_large(s->places, i, s->n, sizeof *s->places);
    }
}

/* Finds the order of the samples, or without levels at once their places, one after the other. */
static void order_by_label(label_sort *s, const int32_t *labels)
{
    const bool has_levels = s->by->levels != NULL;
#pragma omp parallel
    {
        int64_t *next = s->next + km_thread() * s->by->n_labels;
        const km_rows mine = km_thread_share(s->n);
        for (int64_t i = mine.first; i < mine.first + mine.count; i++) {
            pass_labels(s, labels, i);
            next[sort_rank_of(s, labels[i])]++;
        }
#pragma omp barrier
#pragma omp single
        find_label_starts(s, km_threads_now());
        for (int64_t i = mine.first; i < mine.first + mine.count; i++) {
            const int64_t place = next[sort_rank_of(s, labels[i])]++;
            pass_labels(s, labels, i);
            if (has_levels)
                s->order[place] = (uint32_t)i;
            else
                s->places[i] = (uint32_t)place;
        }
    }
}

/* Sorts n samples by 8 bits of their levels, from bit `shift` on, turned round by `turn`. */
static void sort_by_digit(const uint16_t *levels, const uint32_t *from, uint32_t *to, int64_t n,
                          int shift, int turn)
{
    int64_t starts[257] = {0};
    for (int64_t i = 0; i < n; i++)
        starts[((levels[from[i]] >> shift ^ turn) & 0xff) + 1]++;
    for (int digit = 0; digit < 255; digit++)
        starts[digit + 1] += starts[digit];
    for (int64_t i = 0; i < n; i++)
        to[starts[(levels[from[i]] >> shift ^ turn) & 0xff]++] = from[i];
}

/* Sorts the samples of each label by their levels, up and down by turns, so that a block with the
 * last of one label and the first of the next one has similar levels, too. */
static void order_by_level(label_sort *s)
{
#pragma omp parallel for schedule(dynamic, 16)
    for (int64_t c = 0; c < s->by->n_labels; c++) {
        uint32_t *order = s->order + s->first[c], *other = s->places + s->first[c];
        const int64_t n = s->first[c + 1] - s->first[c];
        const int turn = c % 2 == 0 ? 0 : 0xff;
        if (n > 1) {
            sort_by_digit(s->by->levels, order, other, n, 0, turn);
            sort_by_digit(s->by->levels, other, order, n, 8, turn);
        }
    }
}

static void find_sorted_places(label_sort *s)
{
#pragma omp parallel for
    for (int64_t i = 0; i < s->n; i++)
        s->places[s->order[i]] = (uint32_t)i;
}

/* Labels follow their samples, by way of the memory of the order. */
static void move_labels(const label_sort *s, int32_t *labels)
{
    int32_t *moved = (int32_t *)s->order;
#pragma omp parallel for
    for (int64_t i = 0; i < s->n; i++) {
        pass_labels(s, labels, i);
        moved[s->places[i]] = labels[i];
    }
    memcpy(labels, moved, (size_t)s->n * sizeof *labels);
}

km_code km_sort_samples(km_assigner *assigner, const km_sorting *by, km_error *error)
{
    label_sort s = {.by = by, .n = assigner->samples->n_samples};
    if (create_label_sort(&s, assigner->n_threads, error) == KM_OK) {
        order_by_label(&s, assigner->labels);
        if (by->levels != NULL) {
            order_by_level(&s);
            find_sorted_places(&s);
        }
        if (km_samples_reorder(assigner->samples, s.places, error) == KM_OK)
            move_labels(&s, assigner->labels);
    }
    free_label_sort(&s);
    return error->code;
}

km_code km_sort_by_label(km_assigner *assigner, km_error *error)
{
    const km_sorting by_label = {assigner->n_clusters, NULL, NULL};
    return km_sort_samples(assigner, &by_label, error);
}

double km_sort_bytes(const km_shape *shape)
{
    const double n = (double)shape->n_samples;
    const bool is_wide = shape->precision == KM_FLOAT64 || shape->has_weights;
    const double moved = is_wide ? sizeof(uint64_t) : sizeof(uint32_t);
    const double values = shape->counting == KM_COUNT_WITH_DISK /* which are moved to new ones */
                              ? (double)shape->n_features * km_value_bytes(shape)
                              : 0;
    return km_large_bytes(shape, n * (2 * sizeof(uint32_t) + moved + values)) +
           (shape->n_threads + 1) * (double)shape->n_clusters * sizeof(int64_t);
}
