/* The second nearest center of each row, and the distance to it. */
#include "cluster/cluster.h"

#include "assign/second.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double find_largest_distance(const double *distances, int64_t n_rows)
{
    double largest = 0;
#pragma omp parallel for reduction(max : largest)
    for (int64_t row = 0; row < n_rows; row++)
        largest = fmax(largest, distances[row]); /* the number, if the other is NaN */
    return largest;
}

/* Where the seconds of rows go. */
typedef struct second_rows {
    const skymeans_answer *answer;
    const km_samples *samples;
    int32_t *labels;
    double *distances;
} second_rows;

/* Measures the distances of a block to its second centers while it is in the cache. */
static void keep_second_rows(void *context, int64_t block, const int32_t *seconds)
{
    const second_rows *to = context;
    const uint32_t *rows = to->samples->rows + block * KM_BLOCK;
    const int lanes = km_samples_lanes(to->samples, block);
    double distances[KM_BLOCK];
    km_block_distances(to->samples, to->answer->plan.kernel, to->answer->plain,
                       km_answer_features(to->answer), seconds, to->answer->transform.exponent,
                       block, distances);
    if (block + 1 < to->samples->n_blocks)
        for (int l = 0; l < KM_BLOCK; l++) {
            __builtin_prefetch(&to->labels[rows[KM_BLOCK + l]], 1);
            __builtin_prefetch(&to->distances[rows[KM_BLOCK + l]], 1);
        }
    for (int l = 0; l < lanes; l++) {
        to->labels[rows[l]] = seconds[l];
        to->distances[rows[l]] = distances[l];
    }
}

static void find_second_rows(const second_rows *to, const void *rounded, const double *own)
{
    const skymeans_answer *answer = to->answer;
    const double largest = find_largest_distance(own, to->samples->slab.count);
    const km_second_query query = {.samples = to->samples,
                                   .kernel = answer->plan.kernel,
                                   .centers = rounded,
                                   .k = answer->plan.shape.n_clusters,
                                   .labels = answer->labels,
                                   .are_lowest = !answer->is_renumbered,
                                   .distances = own,
                                   .largest = ldexp(largest, -answer->transform.exponent),
                                   .keep = keep_second_rows,
                                   .context = (void *)(uintptr_t)to};
    km_second_find(&query);
}

km_code km_answer_find_second(const skymeans_answer *answer, const km_samples *samples,
                              const double *own, int32_t *labels, double *distances,
                              km_error *error)
{
    const int64_t k = answer->plan.shape.n_clusters, n_rows = samples->slab.count;
    const bool has_gaps = k == 1 || samples->n_samples < n_rows;
    const second_rows to = {answer, samples, labels, distances};
    if (answer->seconds != NULL) {
        if (labels != answer->seconds)
            memcpy(labels, answer->seconds, (size_t)n_rows * sizeof *labels);
        km_answer_measure(answer, samples, labels, distances);
        return KM_OK;
    }
    void *rounded = km_allocate(k * samples->n_features, sizeof(double), "centers", error);
    for (int64_t row = 0; row < (has_gaps ? n_rows : 0); row++)
        labels[row] = -1;
    if (rounded != NULL && k > 1) {
        km_round_to_precision(samples->precision, answer->fit.centers, k * samples->n_features,
                              rounded);
        find_second_rows(&to, rounded, own);
    }
    for (int64_t row = 0; row < (has_gaps ? n_rows : 0); row++)
        distances[row] = labels[row] < 0 ? NAN : distances[row];
    free(rounded);
    return error->code;
}
