/* mock_fit.h - what tests of the fit share: a problem made up in memory, its fit on any ranks, and
 * the plain reference of it. */
#ifndef SKYMEANS_TESTS_MOCK_FIT_H
#define SKYMEANS_TESTS_MOCK_FIT_H

#include "mpi_check.h"
#include "reference.h"

#include "base/error.h"
#include "base/precision.h"
#include "base/timers.h"
#include "fit/fit.h"

#include <stdlib.h>
#include <string.h>

static const km_precision BOTH[] = {KM_FLOAT32, KM_FLOAT64};

/* ---- the fit under test --------------------------------------------------------------------- */

/* What to fit, and how. */
typedef struct problem {
    mock data;
    int64_t k;
    km_precision precision;
    double *first; /* [k][d] */
    double tolerance;
    int64_t max_iterations;
    const km_kernel *kernel;
    int exponent;
} problem;

/* The first centers are the first k used rows. */
static inline problem problem_of(mock data, int64_t k, km_precision precision)
{
    problem p = {.data = data, .k = k, .precision = precision, .max_iterations = 300};
    p.kernel = &km_kernel_reference;
    p.first = mock_memory(k * data.d, sizeof *p.first);
    int64_t c = 0;
    for (int64_t i = 0; i < data.n && c < k; i++)
        if (!data.is_missing[i])
            memcpy(p.first + c++ * data.d, data.values + i * data.d,
                   (size_t)data.d * sizeof *p.first);
    return p;
}

static inline void problem_free(problem *p)
{
    mock_free(&p->data);
    free(p->first);
}

static inline km_fit_task task_of(const problem *p, const km_facts *facts)
{
    return (km_fit_task){.n_clusters = p->k,
                         .tolerance = p->tolerance,
                         .max_iterations = p->max_iterations,
                         .exponent = p->exponent,
                         .facts = facts,
                         .method = &km_methods[0],
                         .kernel = p->kernel};
}

/* A fit with the labels of all ranks, in catalogue order. */
typedef struct outcome {
    km_fit fit;
    int32_t *labels;
    int64_t n;
    km_code code;
} outcome;

/* Labels of the samples of this rank in the order of their rows. */
static inline int32_t *labels_by_row(const km_samples *samples, const km_fit *fit)
{
    int64_t *sorted = mock_by_row(samples);
    int32_t *labels = mock_memory(samples->n_samples, sizeof *labels);
    for (int64_t i = 0; i < samples->n_samples; i++)
        labels[i] = fit->labels[sorted[i]];
    free(sorted);
    return labels;
}

static inline outcome run(const problem *p, MPI_Comm comm)
{
    outcome o = {.labels = NULL};
    km_timers timers = {0};
    km_error error = {0};
    km_samples samples = mock_samples(&p->data, p->precision, comm);
    km_facts facts = mock_facts(&samples, comm);
    const km_fit_task task = task_of(p, &facts);
    o.code = km_fit_run(&o.fit, &task, &samples, p->first, comm, &timers, &error);
    if (o.code == KM_OK) {
        int32_t *labels = labels_by_row(&samples, &o.fit);
        km_concatenate(comm, labels, samples.n_samples, sizeof *labels, (void **)&o.labels, &o.n,
                       &error);
        free(labels);
    }
    km_facts_free(&facts);
    km_samples_free(&samples);
    return o;
}

static inline void outcome_free(outcome *o)
{
    km_fit_free(&o->fit);
    free(o->labels);
}

/* The same bits, but for seconds? */
static inline bool is_same_history(const km_fit *a, const km_fit *b)
{
    bool is_same = a->n_iterations == b->n_iterations && a->stop == b->stop;
    for (int64_t i = 0; i < a->n_iterations && is_same; i++) {
        const km_iteration *x = &a->history[i], *y = &b->history[i];
        is_same = x->number == y->number && x->relabeled == y->relabeled &&
                  memcmp(&x->inertia, &y->inertia, sizeof x->inertia) == 0 &&
                  memcmp(&x->shift, &y->shift, sizeof x->shift) == 0;
    }
    return is_same;
}

static inline bool is_same_outcome(const problem *p, const outcome *a, const outcome *b)
{
    const size_t k = (size_t)p->k, d = (size_t)p->data.d;
    return a->code == KM_OK && b->code == KM_OK && a->n == b->n &&
           memcmp(a->labels, b->labels, (size_t)a->n * sizeof *a->labels) == 0 &&
           memcmp(a->fit.centers, b->fit.centers, k * d * sizeof(double)) == 0 &&
           memcmp(a->fit.sizes, b->fit.sizes, k * sizeof(int64_t)) == 0 &&
           memcmp(&a->fit.inertia, &b->fit.inertia, sizeof(double)) == 0 &&
           a->fit.n_empty == b->fit.n_empty && is_same_history(&a->fit, &b->fit);
}

/* ---- the reference -------------------------------------------------------------------------- */

static inline bool is_close(double a, double b, double relative)
{
    return a == b || fabs(a - b) <= relative * fabs(b);
}

static inline reference reference_of(const problem *p)
{
    return reference_fit(points_of(&p->data, p->precision), p->k, p->first, p->max_iterations,
                         p->tolerance);
}

/* Inertia from totals about the mid-range: relative to the squares about it. */
static inline bool is_close_history(const outcome *found, const reference *right, double relative)
{
    const double squares = right->mean_variance * (double)(right->p.n * right->p.d);
    bool is_close_all = found->fit.n_iterations == right->n_iterations;
    for (int64_t i = 0; i < right->n_iterations && is_close_all; i++) {
        const km_iteration *a = &found->fit.history[i];
        is_close_all = a->number == i + 1 && a->relabeled == right->relabeled[i] &&
                       (is_close(a->inertia, right->inertia[i], relative) ||
                        fabs(a->inertia - right->inertia[i]) <= 1e-15 * squares) &&
                       fabs(a->shift - right->shift[i]) <= 1e-9 * right->shift[i] + 1e-28;
    }
    return is_close_all;
}

static inline km_stop stop_of(const reference *r)
{
    return r->has_settled       ? KM_STOP_NO_CHANGE
           : r->is_in_tolerance ? KM_STOP_TOLERANCE
                                : KM_STOP_MAX_ITERATIONS;
}

/* Fits in both ways; the labels must be equal. */
static inline void check_against_reference(const problem *p)
{
    const double relative = p->precision == KM_FLOAT32 ? 1e-6 : 1e-12;
    outcome found = run(p, MPI_COMM_WORLD);
    ck_assert_all(found.code == KM_OK);
    reference right = reference_of(p);
    ck_assert_int_eq(found.n, right.p.n);
    ck_assert(memcmp(found.labels, right.labels, (size_t)found.n * sizeof(int32_t)) == 0);
    ck_assert(memcmp(found.fit.sizes, right.sizes, (size_t)p->k * sizeof(int64_t)) == 0);
    ck_assert(memcmp(found.fit.weights, right.weights, (size_t)p->k * sizeof(double)) == 0);
    ck_assert_int_eq(found.fit.stop, stop_of(&right));
    for (int64_t i = 0; i < p->k * p->data.d; i++)
        ck_assert(fabs(found.fit.centers[i] - right.centers[i]) <=
                  1e-15 + 1e-15 * fabs(right.centers[i]));
    ck_assert(is_close(found.fit.inertia, right.final_inertia, 1e-12) || found.fit.inertia < 1e-28);
    ck_assert(is_close_history(&found, &right, relative));
    reference_free(&right);
    outcome_free(&found);
}

/* ---- equality of bits ----------------------------------------------------------------------- */

/* The same fit on all ranks together, on each alone, and on halves of them. */
static inline void check_partitions(const problem *p)
{
    MPI_Comm half;
    MPI_Comm_split(MPI_COMM_WORLD, km_comm_rank(MPI_COMM_WORLD) % 2, 0, &half);
    outcome alone = run(p, MPI_COMM_SELF), halves = run(p, half), together = run(p, MPI_COMM_WORLD);
    ck_assert_all(is_same_outcome(p, &alone, &together));
    ck_assert_all(is_same_outcome(p, &alone, &halves));
    outcome_free(&alone);
    outcome_free(&halves);
    outcome_free(&together);
    MPI_Comm_free(&half);
}

#endif
