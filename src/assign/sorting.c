/* Samples in the order of their labels; those of one label stay in the order they had. */
#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/threads.h"
#include "methods.h"
#include "order/order.h"

#include <stdlib.h>
#include <string.h>

typedef struct label_sort {
    uint32_t *places; /* [n], where each sample goes */
    int32_t *labels;  /* [n], as they will be */
    int64_t *next;    /* [n_threads][k], first how many samples of each thread have each label */
} label_sort;

static km_code create_label_sort(label_sort *s, const km_assigner *assigner, km_error *error)
{
    const int64_t n = assigner->samples->n_samples, k = assigner->n_clusters;
    const char *what = "order of samples";
    s->places = km_allocate(n, sizeof *s->places, what, error);
    s->labels = km_allocate(n, sizeof *s->labels, what, error);
    s->next = km_allocate_zeroed(assigner->n_threads * k, sizeof *s->next, what, error);
    return error->code;
}

static void free_label_sort(label_sort *s)
{
    free(s->places);
    free(s->labels);
    free(s->next);
}

/* Counts become the places where labels begin, and within them the samples of each thread. */
static void find_label_starts(label_sort *s, int64_t k, int n_threads)
{
    int64_t sum = 0;
    for (int64_t c = 0; c < k; c++)
        for (int t = 0; t < n_threads; t++) {
            const int64_t count = s->next[t * k + c];
            s->next[t * k + c] = sum;
            sum += count;
        }
}

static void find_label_places(label_sort *s, const km_assigner *assigner)
{
    const int32_t *labels = assigner->labels;
#pragma omp parallel
    {
        int64_t *next = s->next + km_thread() * assigner->n_clusters;
        const km_rows mine = km_thread_share(assigner->samples->n_samples);
        for (int64_t i = mine.first; i < mine.first + mine.count; i++)
            next[labels[i]]++;
#pragma omp barrier
#pragma omp single
        find_label_starts(s, assigner->n_clusters, km_threads_now());
        for (int64_t i = mine.first; i < mine.first + mine.count; i++) {
            const int64_t place = next[labels[i]]++;
            s->places[i] = (uint32_t)place;
            s->labels[place] = labels[i];
        }
    }
}

km_code km_sort_by_label(km_assigner *assigner, km_error *error)
{
    const int64_t n = assigner->samples->n_samples;
    label_sort s = {0};
    if (create_label_sort(&s, assigner, error) == KM_OK) {
        find_label_places(&s, assigner);
        if (km_samples_reorder(assigner->samples, s.places, error) == KM_OK)
            memcpy(assigner->labels, s.labels, (size_t)n * sizeof *s.labels);
    }
    free_label_sort(&s);
    return error->code;
}

double km_sort_bytes(const km_shape *shape)
{
    const double n = (double)shape->n_samples;
    const bool is_wide = shape->precision == KM_FLOAT64 || shape->has_weights;
    const double moved = is_wide ? sizeof(uint64_t) : sizeof(uint32_t);
    return n * (sizeof(uint32_t) + sizeof(int32_t) + moved) +
           shape->n_threads * (double)shape->n_clusters * sizeof(int64_t);
}
