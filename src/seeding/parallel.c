/* `kmeans-parallel` (k-means||, Bahmani et al. 2012, "Scalable k-means++", algorithm 2): in each of
 * a few rounds every sample becomes a candidate with probability 2k w d2 / (sum of all w d2). Then
 * kmeans++ draws the centers from the candidates, each weighted by the samples that are nearest to
 * it.
 *
 * Probabilities are ratios of integers as for kmeans++, and random numbers depend on rows, so the
 * candidates do not depend on ranks. Every rank has all candidates and makes the same draw. */
#include "base/arithmetic.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/random.h"
#include "base/threads.h"
#include "nearness.h"
#include "order/order.h"
#include "seedings.h"

#include <stdlib.h>
#include <string.h>

enum { N_ROUNDS = 5, PER_CLUSTER = 2 };

/* The candidates so far, the same on all ranks, and how near the samples are to them. */
struct search {
    const km_seeding_task *task;
    km_nearness near;
    int64_t total_weight; /* on all ranks */
    double *candidates;   /* [n][d] */
    void *rounded;        /* [n][d] in working precision */
    int64_t n;
};

/* The odds of a round: a sample with the integer w becomes a candidate with probability
 * `wanted` * w / `total`. */
struct odds {
    km_uint128 total, wanted;
    uint64_t seed, stream;
};

static bool is_taken(const struct search *search, const struct odds *odds, int64_t sample)
{
    const km_uint128 mine = odds->wanted * km_nearness_weight(&search->near, sample);
    const uint64_t row = (uint64_t)km_samples_row(search->task->samples, sample);
    if (mine >= odds->total)
        return true;
    return km_random(odds->seed, odds->stream, row) * odds->total < mine << 64;
}

/* Counts the samples of this thread that become candidates, in catalogue order, and copies their
 * values to `values`, unless it is NULL. */
static int64_t copy_taken(const struct search *search, const struct odds *odds, double *values)
{
    const km_samples *samples = search->task->samples;
    const km_rows mine = km_thread_share(samples->n_samples);
    int64_t count = 0;
    for (int64_t i = mine.first; i < mine.first + mine.count; i++) {
        const int64_t sample = search->near.order[i];
        if (km_nearness_weight(&search->near, sample) == 0 || !is_taken(search, odds, sample))
            continue;
        if (values != NULL)
            km_samples_get(samples, sample, values + count * samples->n_features);
        count++;
    }
    return count;
}

/* The new candidates of this rank, in a new array, [count][d]. Local. */
static double *take_candidates(const struct search *search, const struct odds *odds, int64_t *count,
                               km_error *error)
{
    const int64_t d = search->task->samples->n_features;
    int64_t starts[KM_MAX_THREADS + 1] = {0};
#pragma omp parallel
    starts[km_thread() + 1] = copy_taken(search, odds, NULL);
    for (int t = 0; t < km_threads(); t++)
        starts[t + 1] += starts[t];
    *count = starts[km_threads()];
    double *values = km_allocate(*count * d, sizeof *values, "candidates for centers", error);
    if (values != NULL) {
#pragma omp parallel
        copy_taken(search, odds, values + starts[km_thread()] * d);
    }
    return values;
}

/* Adds the new candidates of all ranks, in rank order, and lowers the distances of all samples to
 * them. Collective; errors are agreed. */
static km_code add_candidates(struct search *search, const double *mine, int64_t n_mine,
                              km_error *error)
{
    const km_samples *samples = search->task->samples;
    const int64_t d = samples->n_features;
    const size_t size = (size_t)d * km_precision_size(samples->precision);
    const char *what = "candidates for centers";
    void *all;
    int64_t n_new;
    if (km_concatenate(search->task->comm, mine, n_mine, (size_t)d * sizeof *mine, &all, &n_new,
                       error) != KM_OK)
        return error->code;
    const int64_t n = search->n + n_new;
    double *candidates = km_allocate(n * d, sizeof *candidates, what, error);
    char *rounded = km_allocate(n, size, what, error);
    if (km_agree(search->task->comm, error) == KM_OK) {
        if (search->n > 0)
            memcpy(candidates, search->candidates, (size_t)(search->n * d) * sizeof *candidates);
        memcpy(candidates + search->n * d, all, (size_t)(n_new * d) * sizeof *candidates);
        km_round_to_precision(samples->precision, candidates, n * d, rounded);
        km_nearness_approach(&search->near, all, rounded + (size_t)search->n * size, n_new,
                             (int32_t)search->n);
        free(search->candidates);
        free(search->rounded);
        search->candidates = candidates;
        search->rounded = rounded;
        search->n = n;
    } else {
        free(candidates);
        free(rounded);
    }
    free(all);
    return error->code;
}

/* The first candidate is drawn in proportion to weights. It is a sample of one rank. */
static km_code add_first(struct search *search, km_error *error)
{
    const km_seeding_task *task = search->task;
    const int64_t d = task->samples->n_features;
    const uint64_t stream = km_stream(KM_RANDOM_SAMPLE, 0, task->restart);
    const int64_t mine = (int64_t)km_nearness_total(&search->near);
    const int64_t below = km_sum_below(task->comm, mine);
    const int64_t target = (int64_t)km_random_below((uint64_t)search->total_weight,
                                                    km_random(task->random_seed, stream, 0));
    const bool has_it = below <= target && target < below + mine;
    uint64_t rest;
    double *first = km_allocate(d, sizeof *first, "first candidate", error);
    if (km_agree(task->comm, error) == KM_OK) {
        if (has_it)
            km_samples_get(task->samples,
                           km_nearness_find(&search->near, (uint64_t)(target - below), &rest),
                           first);
        add_candidates(search, first, has_it, error);
    }
    free(first);
    return error->code;
}

/* One round. False if all distances are 0, the call is to stop, or it failed. */
static bool add_round(struct search *search, int round, km_error *error)
{
    const km_seeding_task *task = search->task;
    double max_distance2 = km_nearness_max(&search->near);
    km_max_double(task->comm, &max_distance2, 1);
    if (max_distance2 == 0)
        return false;
    km_nearness_weigh(&search->near, km_weight_power(max_distance2, search->total_weight));
    uint64_t total = km_nearness_total(&search->near);
    km_sum_uint64(task->comm, &total, 1);
    const struct odds odds = {.total = total,
                              .wanted = (km_uint128)task->n_clusters * PER_CLUSTER,
                              .seed = task->random_seed,
                              .stream = km_stream(KM_RANDOM_SAMPLE, round, task->restart)};
    int64_t n_mine;
    double *mine = take_candidates(search, &odds, &n_mine, error);
    km_pace_part(task->pace, (double)(round - 1) / N_ROUNDS);
    km_pace_stop(task->pace, km_pace_wish(task->pace, 0));
    if (km_agree(task->comm, error) == KM_OK)
        add_candidates(search, mine, n_mine, error);
    free(mine);
    km_pace_agree(task->pace, task->comm);
    return error->code == KM_OK && !km_pace_is_stopped(task->pace);
}

/* For each candidate, the sum of the weights of the samples nearest to it: a new array. */
static double *weigh_candidates(const struct search *search, km_error *error)
{
    const km_samples *samples = search->task->samples;
    int64_t *sums = km_allocate_zeroed(search->n, sizeof *sums, "weights of candidates", error);
    double *weights = km_allocate(search->n, sizeof *weights, "weights of candidates", error);
    if (km_agree(search->task->comm, error) == KM_OK) {
        for (int64_t i = 0; i < samples->n_samples; i++)
            if (search->near.nearest[i] >= 0) /* else it has no weight */
                sums[search->near.nearest[i]] +=
                    samples->weights != NULL ? (int64_t)samples->weights[i] : 1;
        km_sum_int64(search->task->comm, sums, search->n);
        for (int64_t i = 0; i < search->n; i++)
            weights[i] = (double)sums[i];
    }
    free(sums);
    return weights;
}

/* Makes the candidates into samples of their own, in an order that is fast. Local. */
static km_code make_samples(const struct search *search, const double *weights,
                            km_samples *candidates, km_error *error)
{
    const km_samples *samples = search->task->samples;
    const int64_t d = samples->n_features;
    const size_t size = km_precision_size(samples->precision);
    km_values *features = km_allocate(d, sizeof *features, "candidates for centers", error);
    uint8_t *is_missing = km_allocate(search->n, 1, "candidates for centers", error);
    if (error->code == KM_OK && km_samples_create(candidates, samples->precision, d, true,
                                                  (km_rows){0, search->n}, error) == KM_OK) {
        for (int64_t j = 0; j < d; j++)
            features[j] =
                (km_values){(const char *)search->rounded + (size_t)j * size, d * (int64_t)size};
        for (int64_t i = 0; i < search->n; i++)
            is_missing[i] = weights[i] == 0; /* it equals another candidate */
        km_samples_append(candidates, search->n, features, weights, is_missing);
        km_samples_order(candidates, km_comm_alone(), error);
    }
    free(features);
    free(is_missing);
    return error->code;
}

/* Draws the centers from the candidates; from all samples if there are too few candidates. */
static km_code draw_centers(const struct search *search, double *centers, km_error *error)
{
    const km_seeding_task *task = search->task;
    km_drawing drawing = {.samples = task->samples,
                          .kernel = task->kernel,
                          .n_clusters = task->n_clusters,
                          .is_plain = task->is_plain,
                          .random_seed = task->random_seed,
                          .stream = km_stream(KM_RANDOM_DRAW, 0, task->restart),
                          .pace = task->pace,
                          .comm = task->comm};
    km_samples candidates = {0};
    double *weights = weigh_candidates(search, error);
    if (error->code == KM_OK)
        make_samples(search, weights, &candidates, error);
    if (km_agree(task->comm, error) == KM_OK) {
        if (candidates.n_samples >= task->n_clusters) {
            drawing.samples = &candidates;
            drawing.comm = km_comm_alone();
        }
        km_draw_kmeanspp(&drawing, centers, error);
    }
    km_samples_free(&candidates);
    free(weights);
    km_pace_agree(task->pace, task->comm); /* each rank may have stopped alone */
    return km_agree(task->comm, error);
}

km_code km_seed_parallel(const km_seeding_task *task, double *centers, km_error *error)
{
    struct search search = {.task = task};
    km_nearness_create(&search.near, task->samples, task->kernel, true, error);
    if (km_agree(task->comm, error) == KM_OK) {
        search.total_weight = (int64_t)km_nearness_total(&search.near);
        km_sum_int64(task->comm, &search.total_weight, 1);
        if (add_first(&search, error) == KM_OK)
            for (int round = 1; round <= N_ROUNDS && add_round(&search, round, error); round++)
                ;
        km_pace_phase(task->pace, "seeding, the draw from the candidates");
        if (error->code == KM_OK && !km_pace_is_stopped(task->pace))
            draw_centers(&search, centers, error);
    }
    km_nearness_free(&search.near);
    free(search.candidates);
    free(search.rounded);
    return error->code;
}

/* Each round adds about PER_CLUSTER k candidates. While they are added, old and new arrays are both
 * in memory; in the end the candidates are also samples to draw from. */
double km_seed_parallel_bytes(const km_shape *shape)
{
    const double d = (double)shape->n_features;
    const double all =
        km_smaller(N_ROUNDS * PER_CLUSTER * (double)shape->n_clusters, (double)shape->n_rows);
    const double of_one = d * (sizeof(double) + km_value_bytes(shape)), of_new = d * sizeof(double);
    const double before = 1 - 1.0 / N_ROUNDS, new = 1.0 / N_ROUNDS;
    const double adding = all * ((1 + before) * of_one + new *of_new *(1 + 1.0 / shape->n_ranks));
    const double drawing =
        all * (of_one + 2 * sizeof(double)) + km_samples_bytes(shape, all, true) +
        km_larger(km_order_bytes(shape, all, true), km_nearness_bytes(shape, all, false));
    return km_nearness_bytes(shape, (double)shape->n_samples, true) + km_larger(adding, drawing);
}
