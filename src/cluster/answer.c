/* What an answer says beside its fit: centers in the units of the features, labels by row,
 * distances, and the checksum. */
#include "cluster/cluster.h"

#include "base/hash.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/threads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void km_answer_clear(skymeans_answer *answer)
{
    km_transform_free(&answer->transform);
    km_restarts_free(&answer->restarts);
    km_choice_free(&answer->choice);
    km_fit_free(&answer->fit);
    free(answer->centers);
    free(answer->plain);
    free(answer->prices);
    free(answer->numbers);
    km_free_large(answer->labels);
    km_free_large(answer->seconds);
    *answer = (skymeans_answer){0};
}

/* The rows and labels of the blocks after this one are needed soon. */
static void pass_block(const km_samples *samples, const int32_t *labels, int64_t block)
{
    km_samples_pass_rows(samples, block);
    km_pass_large(labels, block, samples->n_blocks, KM_BLOCK * sizeof *labels);
}

/* The hash of the labels of all rows; rows that are no samples have the label -1. Collective. */
static uint64_t hash_labels(const km_samples *samples, const int32_t *labels, MPI_Comm comm)
{
    const bool has_gaps = samples->n_samples < samples->slab.count;
    uint64_t sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (int64_t i = 0; i < samples->n_samples; i++) {
        const int64_t row = km_samples_row(samples, i);
        if (i % KM_BLOCK == 0)
            pass_block(samples, labels, i / KM_BLOCK);
        sum += km_hash_label(row, labels[i]) - (has_gaps ? km_hash_label(row, -1) : 0);
    }
#pragma omp parallel for reduction(+ : sum)
    for (int64_t i = 0; i < (has_gaps ? samples->slab.count : 0); i++)
        sum += km_hash_label(samples->slab.first + i, -1);
    km_sum_uint64(comm, &sum, 1);
    return sum;
}

uint64_t km_answer_hash(const skymeans_answer *answer, uint64_t hash_of_labels)
{
    const int64_t k = answer->plan.shape.n_clusters, n = k * km_answer_features(answer);
    uint64_t hash = km_hash_doubles(hash_of_labels, answer->centers, n);
    if (answer->prices != NULL)
        hash = km_hash_doubles(hash, answer->prices, k);
    return km_hash_doubles(hash, &answer->fit.inertia, 1);
}

uint64_t km_answer_checksum(const skymeans_answer *answer, const km_samples *samples,
                            const int32_t *labels, MPI_Comm comm)
{
    return km_answer_hash(answer, hash_labels(samples, labels, comm));
}

void km_labels_by_row(const km_samples *samples, const int32_t *labels, int32_t *of_rows)
{
    enum { AHEAD = 32 }; /* samples in order have distant rows, so their memory is fetched early */
    const bool has_gaps = samples->n_samples < samples->slab.count;
    const uint32_t *rows = samples->rows;
    const int64_t n_ahead = samples->n_samples - AHEAD;
#pragma omp parallel
    {
#pragma omp for
        for (int64_t row = 0; row < (has_gaps ? samples->slab.count : 0); row++)
            of_rows[row] = -1;
#pragma omp for
        for (int64_t i = 0; i < samples->n_samples; i++) {
            if (i % KM_BLOCK == 0)
                pass_block(samples, labels, i / KM_BLOCK);
            if (i < n_ahead)
                __builtin_prefetch(&of_rows[rows[i + AHEAD]], 1);
            of_rows[rows[i]] = labels[i];
        }
    }
}

/* Prices are squares of heights, exactly: heights have few bits. */
static void find_prices(skymeans_answer *answer)
{
    const int64_t n = answer->plan.shape.n_features;
    for (int64_t c = 0; c < answer->plan.shape.n_clusters; c++) {
        const double height = answer->fit.centers[(c + 1) * n - 1];
        answer->prices[c] = ldexp(height * height, 2 * answer->transform.exponent);
    }
}

km_code km_answer_find_centers(skymeans_answer *answer, km_error *error)
{
    const km_shape *shape = &answer->plan.shape;
    const int64_t k = shape->n_clusters, n = k * km_answer_features(answer);
    if (answer->fit.centers == NULL)
        return KM_OK;
    answer->centers = km_allocate(n, sizeof(double), "centers", error);
    answer->plain = km_allocate(n, sizeof(double), "centers", error);
    if (shape->n_heights > 0)
        answer->prices = km_allocate(k, sizeof(double), "prices of clusters", error);
    if (error->code != KM_OK)
        return error->code;
    km_drop_heights(answer->fit.centers, k, shape->n_features, shape->n_heights, answer->plain);
    memcpy(answer->centers, answer->plain, (size_t)n * sizeof(double));
    km_untransform_centers(&answer->transform, answer->centers, k);
    if (answer->prices != NULL)
        find_prices(answer);
    return KM_OK;
}

km_code km_answer_complete(skymeans_answer *answer, const skymeans_samples *samples, MPI_Comm comm,
                           km_error *error)
{
    const km_samples *memory = &samples->memory;
    km_answer_find_centers(answer, error);
    answer->labels = km_allocate_large(memory->slab.count, sizeof *answer->labels, "labels", error);
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    answer->checksum = km_answer_checksum(answer, memory, answer->fit.labels, comm);
    km_labels_by_row(memory, answer->fit.labels, answer->labels);
    km_free_large(answer->fit.labels);
    answer->fit.labels = NULL;
    km_memory_return();
    answer->is_complete = true;
    return KM_OK;
}

/* Samples in order have distant rows, so memory of those of a block is fetched before. */
static void fetch_rows(const km_samples *samples, int64_t block, const int32_t *labels,
                       const double *distances)
{
    const uint32_t *rows = samples->rows + block * KM_BLOCK;
    for (int l = 0; l < (block < samples->n_blocks ? KM_BLOCK : 0); l++) {
        __builtin_prefetch(&labels[rows[l]]);
        __builtin_prefetch(&distances[rows[l]], 1);
    }
}

void km_answer_measure(const skymeans_answer *answer, const km_samples *memory,
                       const int32_t *of_rows, double *distances)
{
    const bool has_gaps = memory->n_samples < memory->slab.count;
#pragma omp parallel
    {
#pragma omp for
        for (int64_t row = 0; row < (has_gaps ? memory->slab.count : 0); row++)
            distances[row] = NAN;
#pragma omp for
        for (int64_t b = 0; b < memory->n_blocks; b++) {
            double block_distances[KM_BLOCK];
            int32_t labels[KM_BLOCK];
            const uint32_t *rows = memory->rows + b * KM_BLOCK;
            const int lanes = km_samples_lanes(memory, b);
            fetch_rows(memory, b + 1, of_rows, distances);
            for (int l = 0; l < lanes; l++)
                labels[l] = of_rows[rows[l]];
            km_block_distances(memory, answer->plan.kernel, answer->plain,
                               km_answer_features(answer), labels, answer->transform.exponent, b,
                               block_distances);
            for (int l = 0; l < lanes; l++)
                distances[rows[l]] = block_distances[l];
        }
    }
}

/* Is the answer one of these samples, which are on the ranks of their rows? */
static bool is_answer_of(const skymeans_answer *answer, const skymeans_samples *samples)
{
    return answer->is_complete && samples->is_prepared && !samples->memory.is_redistributed &&
           answer->slab.first == samples->memory.slab.first &&
           answer->slab.count == samples->memory.slab.count &&
           answer->features_hash == samples->features_hash &&
           km_transform_is_same(&answer->transform, &samples->transform);
}

/* Can distances of the answer's rows be measured? */
static km_code check_measurable(const skymeans_answer *answer, const skymeans_samples *samples,
                                const double *distances, km_error *error)
{
    if (answer == NULL || samples == NULL || distances == NULL)
        return km_fail(error, KM_USAGE,
                       "bad argument: answer, samples and distances must not be NULL");
    if (!is_answer_of(answer, samples))
        return km_fail(error, KM_USAGE,
                       "no distances: the answer has no labels, or they are of other samples");
    return KM_OK;
}

/* A team of as many threads as can be had. */
static km_code begin_team(km_team *team, km_error *error)
{
    km_trial trial;
    km_trial_begin(&trial, 0, error);
    km_trial_end(&trial);
    return km_team_begin(team, trial.n, error);
}

int skymeans_distances(const skymeans_answer *answer, const skymeans_samples *samples,
                       double *distances, skymeans_error *error)
{
    km_error why = {0};
    km_team team;
    if (check_measurable(answer, samples, distances, &why) == KM_OK &&
        begin_team(&team, &why) == KM_OK) {
        km_answer_measure(answer, &samples->memory, answer->labels, distances);
        km_team_end(&team);
    }
    return km_tell(&why, error);
}

int skymeans_second(const skymeans_answer *answer, const skymeans_samples *samples, int32_t *labels,
                    double *distances, skymeans_error *error)
{
    km_error why = {0};
    km_team team;
    if (check_measurable(answer, samples, distances, &why) == KM_OK && labels == NULL)
        km_fail(&why, KM_USAGE, "bad argument: labels must not be NULL");
    else if (why.code == KM_OK && answer->prices != NULL)
        km_fail(&why, KM_USAGE,
                "no second centers: clusters are of equal size, and rows may have another center "
                "nearest");
    else if (why.code == KM_OK && begin_team(&team, &why) == KM_OK) {
        if (answer->seconds == NULL)
            km_answer_measure(answer, &samples->memory, answer->labels, distances);
        km_answer_find_second(answer, &samples->memory, distances, labels, distances, &why);
        km_team_end(&team);
    }
    return km_tell(&why, error);
}
