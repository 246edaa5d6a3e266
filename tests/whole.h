/* whole.h - the whole way of a fit in memory, as the program goes it: rows, weights, scaling,
 * order, seeding, iterations. On any communicator; results are gathered on all of its ranks. */
#ifndef SKYMEANS_TESTS_WHOLE_H
#define SKYMEANS_TESTS_WHOLE_H

#include "mock.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/precision.h"
#include "base/timers.h"
#include "fit/fit.h"
#include "order/order.h"
#include "seeding/seeding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What to do. */
typedef struct whole {
    const mock *data;
    int64_t k;
    km_precision precision;
    km_scaling scaling;
    const km_seeding *seeding; /* NULL: the centers `first` [k][d], working values */
    const double *first;
    int64_t seeding_rows;
    uint64_t random_seed;
    int64_t restart;
    const km_method *method;
    const km_kernel *kernel;
    double tolerance;
    int64_t max_iterations;
} whole;

/* What came out. */
typedef struct outcome {
    km_transform transform;
    km_facts facts;
    int n_words; /* of the sums that the fit began with, */
    double unit; /* and the largest unit of their grids */
    double *first;
    km_fit fit;
    int32_t *labels; /* [n rows of the data]; -1 for those not used */
} outcome;

static inline const km_seeding *seeding_called(const char *name)
{
    const km_seeding *seeding = km_seedings;
    while (seeding->name != NULL && strcmp(seeding->name, name) != 0)
        seeding++;
    if (seeding->name == NULL)
        MPI_Abort(MPI_COMM_WORLD, 1);
    return seeding;
}

/* Lloyd's method on all rows from the first random seed, until no label changes. */
static inline whole whole_of(const mock *data, int64_t k, km_precision precision)
{
    return (whole){.data = data,
                   .k = k,
                   .precision = precision,
                   .seeding = km_seedings,
                   .seeding_rows = INT64_MAX,
                   .method = km_methods,
                   .kernel = &km_kernel_reference,
                   .max_iterations = 100};
}

static inline void must(km_code code, const km_error *error)
{
    if (code != KM_OK) {
        fprintf(stderr, "%s\n", error->text);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
}

/* Labels of all ranks, row by row of the data. */
static inline int32_t *gather_labels(const km_samples *samples, const int32_t *labels, int64_t n,
                                     MPI_Comm comm)
{
    int64_t *sums = mock_memory(n, sizeof *sums);
    int32_t *all = mock_memory(n, sizeof *all);
    for (int64_t i = 0; i < samples->n_samples; i++)
        sums[km_samples_row(samples, i)] += labels[i] + 1;
    km_sum_int64(comm, sums, n);
    for (int64_t i = 0; i < n; i++)
        all[i] = (int32_t)(sums[i] - 1);
    free(sums);
    return all;
}

static inline km_samples prepare_samples(const whole *w, outcome *o, MPI_Comm comm)
{
    const char *names[64];
    km_error error = {0};
    for (int j = 0; j < 64; j++)
        names[j] = "some feature";
    km_samples samples = mock_samples_as_read(w->data, w->precision, comm);
    must(km_transform_apply(&o->transform, w->scaling, &samples, names, comm, &error), &error);
    must(km_samples_order(&samples, MPI_COMM_SELF, &error), &error);
    o->facts = mock_facts(&samples, comm);
    km_grid *grids = km_facts_choose_grids(&o->facts, w->precision, &error);
    o->n_words = grids[0].n_words;
    for (int64_t j = 0; j < w->data->d; j++)
        o->unit = fmax(o->unit, grids[j].unit);
    free(grids);
    return samples;
}

static inline double *first_centers(const whole *w, const outcome *o, const km_samples *samples,
                                    MPI_Comm comm)
{
    const int64_t n = w->k * w->data->d;
    const km_seeding_task task = {.samples = samples,
                                  .kernel = w->kernel,
                                  .transform = &o->transform,
                                  .n_clusters = w->k,
                                  .n_rows = w->seeding_rows,
                                  .random_seed = w->random_seed,
                                  .restart = w->restart,
                                  .comm = comm};
    double *centers = mock_memory(n, sizeof *centers);
    km_error error = {0};
    if (w->seeding == NULL)
        memcpy(centers, w->first, (size_t)n * sizeof *centers);
    else
        must(w->seeding->choose(&task, centers, &error), &error);
    return centers;
}

static inline km_fit_task fit_task(const whole *w, const outcome *o)
{
    return (km_fit_task){.n_clusters = w->k,
                         .tolerance = w->tolerance,
                         .max_iterations = w->max_iterations,
                         .exponent = o->transform.exponent,
                         .facts = &o->facts,
                         .method = w->method,
                         .kernel = w->kernel};
}

/* Collective over comm. Free with outcome_free. */
static inline outcome whole_run(const whole *w, MPI_Comm comm)
{
    outcome o = {0};
    km_error error = {0};
    km_timers timers = {{0}};
    km_samples samples = prepare_samples(w, &o, comm);
    o.first = first_centers(w, &o, &samples, comm);
    if (w->method->wants_neighbours && !w->method->reorders)
        must(km_samples_redistribute(&samples, comm, &error), &error);
    const km_fit_task task = fit_task(w, &o);
    must(km_fit_run(&o.fit, &task, &samples, o.first, comm, &timers, &error), &error);
    if (samples.is_redistributed)
        must(km_samples_return(&samples, &o.fit.labels, comm, &error), &error);
    o.labels = gather_labels(&samples, o.fit.labels, w->data->n, comm);
    km_samples_free(&samples);
    return o;
}

static inline void outcome_free(outcome *o)
{
    km_transform_free(&o->transform);
    km_facts_free(&o->facts);
    km_fit_free(&o->fit);
    free(o->first);
    free(o->labels);
}

static inline bool is_same_bits(const double *a, const double *b, int64_t count)
{
    return memcmp(a, b, (size_t)count * sizeof *a) == 0;
}

static inline uint64_t hash_integer(uint64_t hash, int64_t value)
{
    return km_mix(hash ^ (uint64_t)value) + 1;
}

/* Of everything that came out but seconds. */
static inline uint64_t checksum_of(const whole *task, const outcome *o)
{
    const km_fit *fit = &o->fit;
    uint64_t hash = 0;
    for (int64_t i = 0; i < task->data->n; i++)
        hash += km_hash_label(i, o->labels[i]);
    hash = km_hash_doubles(hash, o->first, task->k * task->data->d);
    hash = km_hash_doubles(hash, fit->centers, task->k * task->data->d);
    hash = km_hash_doubles(hash, fit->weights, task->k);
    hash = km_hash_doubles(hash, &fit->inertia, 1);
    for (int64_t c = 0; c < task->k; c++)
        hash = hash_integer(hash, fit->sizes[c]);
    for (int64_t i = 0; i < fit->n_iterations; i++) {
        hash = km_hash_doubles(hash, &fit->history[i].inertia, 1);
        hash = km_hash_doubles(hash, &fit->history[i].shift, 1);
        hash = hash_integer(hash, fit->history[i].relabeled);
    }
    return hash_integer(hash_integer(hash, fit->n_iterations), (int64_t)fit->stop);
}

#endif
