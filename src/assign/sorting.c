/* Samples in the order of their labels; those of one label stay in the order they had. */
#include "methods.h"

#include <stdlib.h>
#include <string.h>

typedef struct sorting {
    uint32_t *order; /* [n], which sample goes to each place */
    int32_t *labels; /* [n], in that order */
    int64_t *places; /* [n_threads][k], first how many samples of each thread have each label */
} sorting;

static km_code create(sorting *s, const km_assigner *assigner, km_error *error)
{
    const int64_t n = assigner->samples->n_samples, k = assigner->n_clusters;
    const char *what = "order of samples";
    s->order = km_allocate(n, sizeof *s->order, what, error);
    s->labels = km_allocate(n, sizeof *s->labels, what, error);
    s->places = km_allocate_zeroed(assigner->n_threads * k, sizeof *s->places, what, error);
    return error->code;
}

static void destroy(sorting *s)
{
    free(s->order);
    free(s->labels);
    free(s->places);
}

/* Counts become the places where labels begin, and within them the samples of each thread. */
static void add_up_counts(sorting *s, int64_t k, int n_threads)
{
    int64_t sum = 0;
    for (int64_t c = 0; c < k; c++)
        for (int t = 0; t < n_threads; t++) {
            const int64_t count = s->places[t * k + c];
            s->places[t * k + c] = sum;
            sum += count;
        }
}

static void find_order(sorting *s, const km_assigner *assigner)
{
    const int32_t *labels = assigner->labels;
#pragma omp parallel
    {
        int64_t *places = s->places + km_thread() * assigner->n_clusters;
        const km_rows mine = km_thread_share(assigner->samples->n_samples);
        for (int64_t i = mine.first; i < mine.first + mine.count; i++)
            places[labels[i]]++;
#pragma omp barrier
#pragma omp single
        add_up_counts(s, assigner->n_clusters, km_threads_now());
        for (int64_t i = mine.first; i < mine.first + mine.count; i++) {
            const int64_t place = places[labels[i]]++;
            s->order[place] = (uint32_t)i;
            s->labels[place] = labels[i];
        }
    }
}

km_code km_sort_by_label(km_assigner *assigner, km_error *error)
{
    const int64_t n = assigner->samples->n_samples;
    sorting s = {0};
    if (create(&s, assigner, error) == KM_OK) {
        find_order(&s, assigner);
        if (km_samples_reorder(assigner->samples, s.order, error) == KM_OK)
            memcpy(assigner->labels, s.labels, (size_t)n * sizeof *s.labels);
    }
    destroy(&s);
    return error->code;
}
