/* Samples cluster by cluster: a counting sort of their numbers. */
#include "assign/by_label.h"

#include "base/large.h"
#include "base/memory.h"
#include "base/threads.h"

#include <stdlib.h>
#include <string.h>

enum {
    AHEAD_ROWS = 32, /* samples in order have distant rows, so their memory is fetched early */
    N_LEVELS_OF_DISTANCE = 64,
    LEVEL_SHIFT = 49 /* leaves eight levels of a double for a factor of 2 */
};

/* The part of the samples that one thread counts. */
typedef struct part_of_samples {
    int64_t first, end;
    int64_t *counts; /* [n_labels], then where the next sample of each label comes */
} part_of_samples;

static part_of_samples samples_of_part(int64_t n, int part, int n_parts, int64_t *counts,
                                       int64_t n_labels)
{
    return (part_of_samples){n * part / n_parts, n * (part + 1) / n_parts,
                             counts + part * n_labels};
}

static void count_labels(const km_by_label *by, const uint32_t *rows, const int32_t *labels,
                         part_of_samples part)
{
    for (int64_t i = part.first; i < part.end; i++) {
        if (i + AHEAD_ROWS < part.end)
            __builtin_prefetch(&labels[rows[i + AHEAD_ROWS]]);
        by->labels[i] = labels[rows[i]];
        part.counts[by->labels[i]]++;
    }
}

/* From counts to the places where each thread's samples of a label begin. */
static void find_places(int64_t *counts, int64_t n_labels, int n_parts)
{
    int64_t next = 0;
    for (int64_t c = 0; c < n_labels; c++)
        for (int part = 0; part < n_parts; part++) {
            const int64_t count = counts[part * n_labels + c];
            counts[part * n_labels + c] = next;
            next += count;
        }
}

static void place_by_label(const km_by_label *by, const km_samples *samples, const int32_t *labels,
                           int64_t *counts, int64_t n_labels)
{
    const int n_parts = km_threads();
    const int64_t n = samples->n_samples;
#pragma omp parallel for schedule(static, 1)
    for (int p = 0; p < n_parts; p++)
        count_labels(by, samples->rows, labels, samples_of_part(n, p, n_parts, counts, n_labels));
    find_places(counts, n_labels, n_parts);
#pragma omp parallel for schedule(static, 1)
    for (int p = 0; p < n_parts; p++) {
        const part_of_samples part = samples_of_part(n, p, n_parts, counts, n_labels);
        for (int64_t i = part.first; i < part.end; i++)
            by->order[part.counts[by->labels[i]]++] = (uint32_t)i;
    }
}

km_code km_by_label_create(km_by_label *by, const km_samples *samples, const int32_t *labels,
                           int64_t n_labels, km_error *error)
{
    const char *what = "samples cluster by cluster";
    int64_t *counts = km_allocate_zeroed(km_threads() * n_labels, sizeof *counts, what, error);
    by->labels = km_allocate_large(samples->n_samples, sizeof *by->labels, what, error);
    by->order = km_allocate_large(samples->n_samples, sizeof *by->order, what, error);
    if (error->code == KM_OK)
        place_by_label(by, samples, labels, counts, n_labels);
    free(counts);
    return error->code;
}

void km_by_label_free(km_by_label *by)
{
    km_free_large(by->labels);
    km_free_large(by->order);
    *by = (km_by_label){0};
}

int64_t km_end_of_label(const km_by_label *by, int64_t first, int64_t end)
{
    const int32_t label = by->labels[by->order[first]];
    while (first < end && by->labels[by->order[first]] == label)
        first++;
    return first;
}

/* Doubles that are not negative have the order of their bits. */
void km_sort_by_level(const km_by_label *by, const km_samples *samples, const double *distances,
                      int64_t first, int64_t end)
{
    uint32_t sorted[KM_SORTED_AT_ONCE] = {0}, *order = by->order + first;
    uint64_t levels[KM_SORTED_AT_ONCE], highest = 0;
    int64_t starts[N_LEVELS_OF_DISTANCE + 1] = {0};
    const int64_t count = end - first;
    for (int64_t i = 0; i < count; i++) {
        memcpy(&levels[i], &distances[samples->rows[order[i]]], sizeof *levels);
        levels[i] >>= LEVEL_SHIFT;
        highest = levels[i] > highest ? levels[i] : highest;
    }
    for (int64_t i = 0; i < count; i++) {
        const uint64_t below = highest - levels[i];
        levels[i] = below < N_LEVELS_OF_DISTANCE ? below : N_LEVELS_OF_DISTANCE - 1;
        starts[levels[i] + 1]++;
    }
    for (int l = 0; l < N_LEVELS_OF_DISTANCE; l++)
        starts[l + 1] += starts[l];
    for (int64_t i = 0; i < count; i++)
        sorted[starts[levels[i]]++] = order[i];
    memcpy(order, sorted, (size_t)count * sizeof *sorted);
}

double km_by_label_bytes(const km_shape *shape)
{
    return 2 * km_labels_bytes(shape) +
           (double)shape->n_threads * (double)shape->n_clusters * sizeof(int64_t);
}
