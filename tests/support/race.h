/* race.h - a fast method with some kernels against the plain one: the same labels and the same
 * totals, bit for bit, in every assignment, on data and centers that are hostile to all. Methods
 * know no other ranks.
 */
#ifndef SKYMEANS_TESTS_RACE_H
#define SKYMEANS_TESTS_RACE_H

#include "mock.h"
#include "mpi_check.h"

#include "assign/assign.h"
#include "base/error.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/threads.h"
#include "order/order.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_KERNELS = 8 };

/* A method with a kernel, and samples of its own, since methods may reorder them. */
typedef struct racer {
    const char *kernel;
    km_samples samples;
    km_assigner assigner;
    km_totals totals;
} racer;

typedef struct race {
    mock data;
    km_precision precision;
    int64_t k;
    km_grid *grids;
    const km_method *method; /* the fast one */
    racer plain, fast[MOST_KERNELS];
    int n_fast;
    int32_t *labels; /* [n], the plain ones by row */
    double *centers; /* [k][d], where they will be next */
    void *rounded;
} race;

/* What is varied for each set of data. */
typedef struct variant {
    km_precision precision;
    int n_words, n_threads;
    bool has_weights;
    const km_method *method;
    const km_kernel *kernel; /* of the fast method; NULL is all that there are, each of them */
} variant;

static inline void round_data(mock *data, km_precision precision)
{
    for (int64_t i = 0; i < data->n * data->d && precision == KM_FLOAT32; i++)
        data->values[i] = (double)(float)data->values[i];
}

static inline double *make_weights(int64_t n)
{
    double *weights = mock_memory(n, sizeof *weights);
    for (int64_t i = 0; i < n; i++) /* about every fourth is 0 */
        weights[i] = floor(4 * mock_uniform(71, (uint64_t)i));
    weights[0] = 1;
    return weights;
}

static inline km_samples make_samples(const mock *data, const variant *v)
{
    km_samples samples;
    km_error error = {0};
    const int64_t d = data->d;
    double *weights = make_weights(data->n);
    void *rounded = mock_memory(data->n * d, sizeof(double));
    km_values *features = mock_memory(d, sizeof *features);
    km_round_to_precision(v->precision, data->values, data->n * d, rounded);
    for (int64_t j = 0; j < d; j++)
        features[j] = mock_values(rounded, v->precision, j, d);
    ck_assert(km_samples_create(&samples, v->precision, d, v->has_weights, (km_rows){0, data->n},
                                &error) == KM_OK);
    km_samples_append(&samples, data->n, features, v->has_weights ? weights : NULL,
                      data->is_missing);
    if (v->has_weights)
        ck_assert(km_weights_settle(&samples, MPI_COMM_SELF, &error) == KM_OK);
    ck_assert(km_samples_order(&samples, MPI_COMM_SELF, &error) == KM_OK);
    free(features);
    free(rounded);
    free(weights);
    return samples;
}

static inline km_grid *make_grids(const mock *data, int n_words)
{
    km_grid *grids = mock_memory(data->d, sizeof *grids);
    for (int64_t j = 0; j < data->d; j++) {
        double lowest = INFINITY, highest = -INFINITY;
        for (int64_t i = 0; i < data->n; i++) {
            lowest = fmin(lowest, data->values[i * data->d + j]);
            highest = fmax(highest, data->values[i * data->d + j]);
        }
        grids[j] = km_grid_choose(lowest, highest, 4 * data->n, n_words);
    }
    return grids;
}

static inline const km_method *find_method(const char *name)
{
    for (const km_method *method = km_methods; method->name != NULL; method++)
        if (strcmp(method->name, name) == 0)
            return method;
    return NULL;
}

static inline void enter_race(race *r, const variant *v, racer *new, const km_method *method,
                              const km_kernel *kernel)
{
    km_error error = {0};
    new->kernel = kernel->name;
    new->samples = make_samples(&r->data, v);
    ck_assert(km_assigner_create(&new->assigner, method, kernel, &new->samples, r->grids, r->k,
                                 &error) == KM_OK);
    ck_assert(km_totals_create(&new->totals, r->k, r->data.d, v->n_words, v->has_weights, &error) ==
              KM_OK);
}

/* Does a kernel run in the race of this number? Sanitizers look for errors of memory, which every
 * second one shows, and the others in the next race or the one after four more, of the same
 * precision. */
static inline bool is_in_race(int row, const variant *v, int number)
{
    if (v->kernel != NULL)
        return v->kernel == km_kernels[row];
#ifdef __SANITIZE_ADDRESS__
    if ((row + number + number / 4) % 2 != 0)
        return false;
#endif
    (void)number;
    return km_kernels[row]->is_available();
}

/* The first centers are rows. */
static inline void start(race *r, mock data, int64_t k, const variant *v)
{
    static int number = 0;
    const int64_t d = data.d;
    km_threads_start(v->n_threads);
    round_data(&data, v->precision);
    *r = (race){.data = data, .precision = v->precision, .k = k, .method = v->method};
    r->grids = make_grids(&data, v->n_words);
    enter_race(r, v, &r->plain, find_method("lloyd"), &km_kernel_reference);
    for (int row = 0; km_kernels[row] != NULL; row++)
        if (is_in_race(row, v, number))
            enter_race(r, v, &r->fast[r->n_fast++], v->method, km_kernels[row]);
    number++;
    r->labels = mock_memory(data.n, sizeof *r->labels);
    r->centers = mock_memory(k * d, sizeof *r->centers);
    r->rounded = mock_memory(k * d, sizeof *r->centers);
    for (int64_t i = 0; i < k * d; i++)
        r->centers[i] = data.values[i / d * 7919 % data.n * d + i % d];
}

static inline void leave_race(racer *one, const km_method *method)
{
    km_assigner_free(&one->assigner, method);
    km_samples_free(&one->samples);
    km_totals_free(&one->totals);
}

static inline void stop(race *r)
{
    leave_race(&r->plain, find_method("lloyd"));
    for (int i = 0; i < r->n_fast; i++)
        leave_race(&r->fast[i], r->method);
    free(r->labels);
    mock_free(&r->data);
    free(r->grids);
    free(r->centers);
    free(r->rounded);
    km_threads_start(1);
}

/* One assignment, and its sums with words carried, so that equal sums have equal words. */
static inline void assign_and_add_up(racer *one, const km_method *method, const void *centers)
{
    km_assigner_reset_count(&one->assigner);
    method->assign(&one->assigner, centers);
    km_assigner_add_up(&one->assigner, one->totals.words);
    km_totals_carry(&one->totals);
}

static inline void compare_racers(const race *r, const racer *fast)
{
    for (int64_t i = 0; i < fast->samples.n_samples; i++)
        ck_assert_msg(fast->assigner.labels[i] == r->labels[fast->samples.rows[i]],
                      "%s kernel: another label of sample %d", fast->kernel, (int)i);
    for (int64_t i = 0; i < r->plain.totals.length; i++)
        ck_assert_msg(fast->totals.words[i] == r->plain.totals.words[i],
                      "%s kernel: another sum %d", fast->kernel, (int)i);
}

/* One assignment by all, compared. */
static inline void step(race *r)
{
    km_round_to_precision(r->precision, r->centers, r->k * r->data.d, r->rounded);
    assign_and_add_up(&r->plain, find_method("lloyd"), r->rounded);
    for (int64_t i = 0; i < r->plain.samples.n_samples; i++)
        r->labels[r->plain.samples.rows[i]] = r->plain.assigner.labels[i];
    for (int i = 0; i < r->n_fast; i++) {
        assign_and_add_up(&r->fast[i], r->method, r->rounded);
        compare_racers(r, &r->fast[i]);
    }
}

/* Centers go to the middles of their clusters, without regard to weights. */
static inline void update(race *r)
{
    const int64_t d = r->data.d;
    int64_t *counts = mock_memory(r->k, sizeof *counts);
    double *sums = mock_memory(r->k * d, sizeof *sums), *x = mock_memory(d, sizeof *x);
    for (int64_t i = 0; i < r->plain.samples.n_samples; i++) {
        km_samples_get(&r->plain.samples, i, x);
        counts[r->plain.assigner.labels[i]]++;
        for (int64_t j = 0; j < d; j++)
            sums[r->plain.assigner.labels[i] * d + j] += x[j];
    }
    for (int64_t i = 0; i < r->k * d; i++)
        if (counts[i / d] > 0)
            r->centers[i] = sums[i] / (double)counts[i / d];
    free(counts);
    free(sums);
    free(x);
}

/* Some centers move by a small part of where they are, and some not at all. */
static inline void nudge(race *r, uint64_t round)
{
    for (int64_t i = 0; i < r->k * r->data.d; i++)
        if ((uint64_t)(i / r->data.d) % 3 == round % 3)
            r->centers[i] *= 1 + ldexp(mock_normal(72 + round, (uint64_t)i), -(int)(4 + 3 * round));
}

/* Some become other rows, some go far away. */
static inline void jump(race *r, uint64_t round)
{
    const int64_t d = r->data.d;
    for (int64_t c = (int64_t)(round % 3); c < r->k; c += 2 + (int64_t)(round % 2)) {
        const int64_t row = (c * 31 + (int64_t)round * 101) % r->data.n;
        for (int64_t j = 0; j < d; j++)
            r->centers[c * d + j] = r->data.values[row * d + j] * (c % 7 == 6 ? 50 : 1);
    }
}

static inline void run(race *r, int n_updates)
{
    for (int i = 0; i < n_updates; i++) {
        step(r);
        update(r);
    }
    for (uint64_t round = 0; round < 9; round++) {
        step(r);
        nudge(r, round);
    }
    step(r);
    step(r);
    for (uint64_t round = 0; round < 5; round++) {
        jump(r, round);
        step(r);
        update(r);
        step(r);
    }
}

static inline mock copy_of(const mock *data)
{
    mock copy = mock_create(data->n, data->d);
    memcpy(copy.values, data->values, (size_t)(data->n * data->d) * sizeof *copy.values);
    return copy;
}

/* All variants in turn, each with all kernels; frees the data. */
static inline void compare(const char *method, mock data, int64_t k, int n_updates)
{
    for (int s = 0; s < 4; s++) {
        const variant v = {.precision = s % 2 == 0 ? KM_FLOAT32 : KM_FLOAT64,
                           .n_words = s < 2 ? 1 : 2,
                           .n_threads = 1 + (s == 1 || s == 2),
                           .has_weights = s % 3 != 0,
                           .method = find_method(method)};
        race r;
        start(&r, copy_of(&data), k, &v);
        run(&r, n_updates);
        stop(&r);
    }
    mock_free(&data);
}

/* As many clusters as rows, more than distinct rows, one row, ties. */
static inline void compare_edges(const char *method)
{
    compare(method, mock_mixture(300, 3, 4, 6), 300, 2);
    compare(method, mock_hostile(MOCK_DUPLICATES, 400, 2), 50, 3);
    compare(method, mock_mixture(1, 2, 1, 7), 1, 2);
    compare(method, mock_mixture(65, 2, 1, 8), 3, 2);
    /* Both precisions have ties that are exact, and nearly exact ones far from the origin. */
    mock data = mock_create(4096, 2);
    for (int64_t i = 0; i < data.n; i++) {
        data.values[2 * i] = 1000 + (double)(i % 64) / 8;
        data.values[2 * i + 1] = -500 + (double)(i / 64) / 8;
    }
    compare(method, data, 36, 5);
}

/* One kind of run, on the fastest kernel, to count what is compared: it depends on nothing but data
 * and code. */
static inline variant plain_variant(const char *method)
{
    return (variant){.precision = KM_FLOAT32,
                     .n_words = 1,
                     .n_threads = 1,
                     .method = find_method(method),
                     .kernel = km_kernel_choose("auto", km_kernels_available("auto"))};
}

/* Comparisons of samples and of boxes with centers so far. */
static inline double work_of(const race *r)
{
    return (double)(r->fast[0].assigner.done.distances + r->fast[0].assigner.done.box_tests);
}

/* A race of n assignments with updates; work: of each of them, comparisons for each sample. */
static inline void start_and_count(race *r, const char *method, mock data, int64_t k, int n,
                                   double *work)
{
    const variant v = plain_variant(method);
    start(r, data, k, &v);
    for (int i = 0; i < n; i++) {
        const double before = work_of(r);
        step(r);
        update(r);
        work[i] = (work_of(r) - before) / (double)data.n;
    }
}

/* Most for each sample in the first and in the last of 12 assignments. */
static inline void check_first_and_last(race *r, const char *method, mock data, int64_t k,
                                        double most_first, double most_last)
{
    double work[12];
    start_and_count(r, method, data, k, 12, work);
    ck_assert_msg(work[0] < most_first, "%.2f comparisons a sample at first", work[0]);
    ck_assert_msg(work[11] < most_last, "%.2f comparisons a sample at last", work[11]);
}

#endif
