/* Global facts about samples: ranges, and the grids that follow from ranges and moments. */
#include "samples/facts.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/threads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void km_facts_free(km_facts *facts)
{
    free(facts->lowest);
    *facts = (km_facts){0};
}

/* With room for a feature that is added later. */
static km_code create_facts(km_facts *facts, int64_t n_features, km_error *error)
{
    const int64_t most = n_features + 1;
    *facts = (km_facts){.n_features = n_features};
    facts->lowest = km_allocate(5 * most, sizeof(double), "facts about features", error);
    if (facts->lowest == NULL)
        return error->code;
    facts->highest = facts->lowest + most;
    facts->mean = facts->highest + most;
    facts->variance = facts->mean + most;
    facts->deviation = facts->variance + most;
    return KM_OK;
}

void km_facts_lift(km_facts *facts)
{
    const int64_t j = facts->n_features++;
    facts->lowest[j] = facts->highest[j] = facts->mean[j] = 0;
    facts->variance[j] = facts->deviation[j] = 0;
}

/* Widens a range by the values of samples with weight. */
static void widen_range(const double *values, const int64_t *weights, double *lowest,
                        double *highest)
{
    for (int l = 0; l < KM_BLOCK; l++) {
        const bool is_lower = weights[l] > 0 && values[l] < *lowest;
        const bool is_higher = weights[l] > 0 && values[l] > *highest;
        *lowest = is_lower ? values[l] : *lowest;
        *highest = is_higher ? values[l] : *highest;
    }
}

/* What a thread finds in its samples. */
typedef struct finding {
    int64_t n_samples, weight;
    double *lowest, *highest; /* [d] */
} finding;

static void look_at_block(finding *f, const km_samples *samples, int64_t block)
{
    for (int64_t j = 0; j < samples->n_features; j++) {
        double lowest, highest;
        km_samples_range(samples, block, j, &lowest, &highest);
        f->lowest[j] = lowest < f->lowest[j] ? lowest : f->lowest[j];
        f->highest[j] = highest > f->highest[j] ? highest : f->highest[j];
    }
    f->n_samples += km_samples_lanes(samples, block);
    f->weight += km_samples_lanes(samples, block);
}

static void look_at_weighted_block(finding *f, const km_samples *samples, int64_t block)
{
    int64_t weights[KM_BLOCK];
    km_samples_weights(samples, block, weights);
    for (int l = 0; l < KM_BLOCK; l++) {
        f->n_samples += weights[l] > 0;
        f->weight += weights[l];
    }
    for (int64_t j = 0; j < samples->n_features; j++) {
        double values[KM_BLOCK];
        km_samples_load(samples, block, j, values);
        widen_range(values, weights, &f->lowest[j], &f->highest[j]);
    }
}

static void join_finding(km_facts *facts, const finding *f)
{
    facts->n_samples += f->n_samples;
    facts->weight += f->weight;
    for (int64_t j = 0; j < facts->n_features; j++) {
        facts->lowest[j] = fmin(facts->lowest[j], f->lowest[j]);
        facts->highest[j] = fmax(facts->highest[j], f->highest[j]);
    }
}

/* Ranges and counts of the samples of this rank; `ranges` is a workspace, [n_threads][2][d]. */
static void find_own_ranges(km_facts *facts, const km_samples *samples, double *ranges)
{
    const int64_t d = facts->n_features;
#pragma omp parallel
    {
        finding f = {.lowest = ranges + 2 * d * km_thread()};
        f.highest = f.lowest + d;
        for (int64_t j = 0; j < d; j++) {
            f.lowest[j] = INFINITY;
            f.highest[j] = -INFINITY;
        }
#pragma omp for
        for (int64_t b = 0; b < samples->n_blocks; b++)
            if (samples->weights == NULL)
                look_at_block(&f, samples, b);
            else
                look_at_weighted_block(&f, samples, b);
#pragma omp critical
        join_finding(facts, &f);
    }
}

km_code km_facts_find_ranges(km_facts *facts, const km_samples *samples, MPI_Comm comm,
                             km_error *error)
{
    const int64_t d = samples->n_features;
    create_facts(facts, d, error);
    double *ranges =
        km_allocate(km_threads() * d, 2 * sizeof *ranges, "facts about features", error);
    if (km_agree(comm, error) != KM_OK) {
        free(ranges);
        km_facts_free(facts);
        return error->code;
    }
    for (int64_t j = 0; j < d; j++) {
        facts->lowest[j] = INFINITY;
        facts->highest[j] = -INFINITY;
    }
    find_own_ranges(facts, samples, ranges);
    free(ranges);
    km_sum_int64(comm, &facts->n_samples, 1);
    km_sum_int64(comm, &facts->weight, 1);
    km_min_double(comm, facts->lowest, d);
    km_max_double(comm, facts->highest, d);
    for (int64_t j = 0; j < d; j++) { /* which zero is lower depends on the order; now none is -0 */
        facts->lowest[j] += 0.0;
        facts->highest[j] += 0.0;
    }
    return KM_OK;
}

/* To measure what they cost (make SUMS=two, in make bench). */
#ifdef KM_SUMS_TWO
enum { ALWAYS_TWO_WORDS = true };
#else
enum { ALWAYS_TWO_WORDS = false };
#endif

static bool is_fine_enough(const km_grid *grid, double deviation, km_precision precision)
{
    return deviation == 0 || grid->unit <= km_precision_epsilon(precision) * deviation;
}

void km_facts_make_grids(const km_facts *facts, int n_words, km_grid *grids)
{
    for (int64_t j = 0; j < facts->n_features; j++)
        grids[j] = km_grid_choose(facts->lowest[j], facts->highest[j], facts->weight, n_words);
}

km_grid *km_facts_choose_grids(const km_facts *facts, km_precision precision, km_error *error)
{
    km_grid *grids = km_allocate(facts->n_features, sizeof *grids, "grids of features", error);
    if (grids == NULL)
        return NULL;
    bool is_fine = !ALWAYS_TWO_WORDS;
    km_facts_make_grids(facts, 1, grids);
    for (int64_t j = 0; j < facts->n_features; j++)
        is_fine = is_fine && is_fine_enough(&grids[j], facts->deviation[j], precision);
    if (!is_fine)
        km_facts_make_grids(facts, 2, grids);
    return grids;
}
