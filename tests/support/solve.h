/* solve.h - problems on mock data, by the engine as any caller calls it; on any communicator.
 * Labels are gathered on all of its ranks. What callers are not told is looked up in its own
 * headers. */
#ifndef SKYMEANS_TESTS_SOLVE_H
#define SKYMEANS_TESTS_SOLVE_H

#include "mock.h"

#include "base/hash.h"
#include "base/threads.h"
#include "cluster/cluster.h"
#include "seeding/seeding.h"

/* What to do. */
typedef struct solve_task {
    const mock *data;
    km_precision precision;
    skymeans_problem problem;
    skymeans_manner manner;
} solve_task;

/* What came out. */
typedef struct outcome {
    skymeans_samples *samples;
    skymeans_answer *answer;
    int n_words;     /* of the sums that the fit began with, */
    double unit;     /* and the largest unit of their grids */
    int32_t *labels; /* [n rows of the data]; -1 for those not used */
} outcome;

/* Lloyd's method by the reference kernel on all rows, until no label changes. */
static inline solve_task solve_task_of(const mock *data, int64_t k, km_precision precision)
{
    solve_task task = {.data = data,
                       .precision = precision,
                       .problem = SKYMEANS_PROBLEM(k),
                       .manner = SKYMEANS_MANNER};
    task.problem.seeding_rows = INT64_MAX;
    task.problem.tolerance = 0;
    task.problem.max_iterations = 100;
    task.manner.algorithm = "lloyd";
    task.manner.kernel = "reference";
    return task;
}

static inline void must(int code, const char *text)
{
    if (code != SKYMEANS_OK) {
        fprintf(stderr, "%s\n", text);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
}

/* This rank's slab of the data, row after row; rows that are missing lack their last feature. */
static inline void *solve_values(const solve_task *task, km_rows slab)
{
    const int64_t d = task->data->d;
    double *wide = mock_memory(slab.count * d, sizeof *wide);
    float *narrow = mock_memory(slab.count * d, sizeof *narrow);
    for (int64_t i = 0; i < slab.count * d; i++) {
        const int64_t row = slab.first + i / d;
        const bool is_missing = task->data->is_missing[row] && i % d == d - 1;
        wide[i] = is_missing ? NAN : task->data->values[slab.first * d + i];
        narrow[i] = (float)wide[i];
    }
    free(task->precision == KM_FLOAT32 ? (void *)wide : (void *)narrow);
    return task->precision == KM_FLOAT32 ? (void *)narrow : (void *)wide;
}

static inline skymeans_samples *solve_samples(const solve_task *task, MPI_Comm comm)
{
    const mock *data = task->data;
    const km_rows slab = km_slab(data->n, km_comm_size(comm), km_comm_rank(comm));
    void *values = solve_values(task, slab);
    skymeans_rows rows = SKYMEANS_ROWS;
    skymeans_samples *samples;
    skymeans_error error;
    rows.n_rows = slab.count;
    rows.n_features = data->d;
    rows.type = task->precision == KM_FLOAT32 ? SKYMEANS_FLOAT32 : SKYMEANS_FLOAT64;
    rows.values = values;
    rows.weights = data->weights != NULL ? data->weights + slab.first : NULL;
    skymeans_samples_create(&samples, &rows, comm, &error);
    must(error.code, error.text);
    free(values);
    return samples;
}

/* Labels of all ranks, row by row of the data. */
static inline int32_t *solve_gather_labels(const outcome *o, int64_t n, MPI_Comm comm)
{
    const km_rows slab = o->answer->slab;
    int64_t *sums = mock_memory(n, sizeof *sums);
    int32_t *all = mock_memory(n, sizeof *all);
    for (int64_t i = 0; i < slab.count; i++)
        sums[slab.first + i] = skymeans_labels(o->answer)[i];
    km_sum_int64(comm, sums, n);
    for (int64_t i = 0; i < n; i++)
        all[i] = (int32_t)sums[i];
    free(sums);
    return all;
}

/* The first centers [k][d], working values, once more, which do not depend on the order that
 * samples have now; the caller frees them. NULL: they were given. */
static inline double *solve_first(const solve_task *task, const outcome *o, MPI_Comm comm)
{
    const km_plan *plan = &o->answer->plan;
    const km_seeding_task seeding = {.samples = &o->samples->memory,
                                     .kernel = plan->kernel,
                                     .n_clusters = task->problem.n_clusters,
                                     .n_rows = task->problem.seeding_rows,
                                     .random_seed = task->problem.random_seed,
                                     .comm = comm};
    km_error error = {0};
    if (plan->seeding == NULL)
        return NULL;
    double *centers = mock_memory(task->problem.n_clusters * task->data->d, sizeof *centers);
    plan->seeding->choose(&seeding, centers, &error);
    must((int)error.code, error.text);
    return centers;
}

static inline void solve_find_words(outcome *o, km_precision precision)
{
    km_error error = {0};
    km_grid *grids = km_facts_choose_grids(&o->samples->facts, precision, &error);
    must((int)error.code, error.text);
    o->n_words = grids[0].n_words;
    for (int64_t j = 0; j < o->samples->facts.n_features; j++)
        o->unit = fmax(o->unit, grids[j].unit);
    free(grids);
}

/* Collective over comm. Free with outcome_free. */
static inline outcome solve(const solve_task *task, MPI_Comm comm)
{
    outcome o = {.samples = solve_samples(task, comm)};
    skymeans_error error;
    skymeans_fit(&o.answer, &task->problem, o.samples, &task->manner, NULL, comm, &error);
    must(error.code, error.text);
    solve_find_words(&o, task->precision);
    o.labels = solve_gather_labels(&o, task->data->n, comm);
    return o;
}

static inline void outcome_free(outcome *o)
{
    skymeans_answer_free(o->answer);
    skymeans_samples_free(o->samples);
    free(o->labels);
}

static inline uint64_t hash_integer(uint64_t hash, int64_t value)
{
    return km_mix(hash ^ (uint64_t)value) + 1;
}

/* Of everything that came out but seconds. */
static inline uint64_t checksum_of(const solve_task *task, const outcome *o)
{
    const km_fit *fit = &o->answer->fit;
    const int64_t k = task->problem.n_clusters;
    uint64_t hash = o->answer->checksum;
    for (int64_t i = 0; i < task->data->n; i++)
        hash += km_hash_label(i, o->labels[i]);
    hash = km_hash_doubles(hash, fit->centers, k * task->data->d);
    hash = km_hash_doubles(hash, fit->weights, k);
    hash = km_hash_doubles(hash, &fit->inertia, 1);
    for (int64_t c = 0; c < k; c++)
        hash = hash_integer(hash, fit->sizes[c]);
    for (int64_t i = 0; i < fit->n_iterations; i++) {
        hash = km_hash_doubles(hash, &fit->history[i].inertia, 1);
        hash = km_hash_doubles(hash, &fit->history[i].shift, 1);
        hash = hash_integer(hash, fit->history[i].relabeled);
    }
    return hash_integer(hash_integer(hash, fit->n_iterations), (int64_t)fit->stop);
}

#endif
