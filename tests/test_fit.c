#include "mock.h"
#include "mpi_check.h"

#include "skymeans/fit.h"

#include <float.h>

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
static problem problem_of(mock data, int64_t k, km_precision precision)
{
    problem p = {.data = data, .k = k, .precision = precision, .max_iterations = 300};
    p.kernel = &km_kernels[0];
    p.first = mock_memory(k * data.d, sizeof *p.first);
    int64_t c = 0;
    for (int64_t i = 0; i < data.n && c < k; i++)
        if (!data.is_missing[i])
            memcpy(p.first + c++ * data.d, data.values + i * data.d,
                   (size_t)data.d * sizeof *p.first);
    return p;
}

static void problem_free(problem *p)
{
    mock_free(&p->data);
    free(p->first);
}

static km_fit_task task_of(const problem *p, const km_facts *facts)
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
static int32_t *labels_by_row(const km_samples *samples, const km_fit *fit)
{
    int64_t *sorted = mock_by_row(samples);
    int32_t *labels = mock_memory(samples->n_samples, sizeof *labels);
    for (int64_t i = 0; i < samples->n_samples; i++)
        labels[i] = fit->labels[sorted[i]];
    free(sorted);
    return labels;
}

static outcome run(const problem *p, MPI_Comm comm)
{
    outcome o = {.labels = NULL};
    km_timers timers = {{0}};
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

static void outcome_free(outcome *o)
{
    km_fit_free(&o->fit);
    free(o->labels);
}

/* The same bits, but for seconds? */
static bool is_same_history(const km_fit *a, const km_fit *b)
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

static bool is_same_outcome(const problem *p, const outcome *a, const outcome *b)
{
    const size_t k = (size_t)p->k, d = (size_t)p->data.d;
    return a->code == KM_OK && b->code == KM_OK && a->n == b->n &&
           memcmp(a->labels, b->labels, (size_t)a->n * sizeof *a->labels) == 0 &&
           memcmp(a->fit.centers, b->fit.centers, k * d * sizeof(double)) == 0 &&
           memcmp(a->fit.sizes, b->fit.sizes, k * sizeof(int64_t)) == 0 &&
           memcmp(&a->fit.inertia, &b->fit.inertia, sizeof(double)) == 0 &&
           a->fit.n_empty == b->fit.n_empty && is_same_history(&a->fit, &b->fit);
}

/* ---- plain k-means, the other opinion ------------------------------------------------------- */

/* Everything in plain arrays over all used rows; sums and inertias in long double. */
typedef struct plain {
    int64_t n, d, k;
    km_precision precision;
    double *x;          /* [n][d], in working precision */
    double *centers;    /* [k][d] */
    double *used;       /* [k][d], rounded */
    int32_t *labels;    /* [n], of the last assignment */
    int32_t *owners;    /* [n], the same after empty clusters were filled */
    double *distances2; /* [n], canonical */
    int64_t *sizes;     /* [k], by owners */
    int64_t n_refilled;
    double mean_variance;
    km_iteration *history;
    int64_t n_iterations;
    km_stop stop;
} plain;

static double canonical_distance2(const plain *p, const double *x, const double *center)
{
    double sum = 0;
    for (int64_t j = 0; j < p->d; j++)
        if (p->precision == KM_FLOAT32) {
            const float difference = (float)x[j] - (float)center[j];
            sum = (double)fmaf(difference, difference, (float)sum);
        } else {
            sum = fma(x[j] - center[j], x[j] - center[j], sum);
        }
    return sum;
}

static long double long_distance2(const plain *p, int64_t i, const double *centers)
{
    long double sum = 0;
    for (int64_t j = 0; j < p->d; j++) {
        const long double difference =
            (long double)p->x[i * p->d + j] - centers[p->labels[i] * p->d + j];
        sum += difference * difference;
    }
    return sum;
}

static double plain_inertia(const plain *p, const double *centers)
{
    long double sum = 0;
    for (int64_t i = 0; i < p->n; i++)
        sum += long_distance2(p, i, centers);
    return (double)sum;
}

/* Returns how many labels changed. */
static int64_t plain_assign(plain *p)
{
    int64_t changed = 0;
    for (int64_t i = 0; i < p->k * p->d; i++)
        p->used[i] = p->precision == KM_FLOAT32 ? (double)(float)p->centers[i] : p->centers[i];
    memset(p->sizes, 0, (size_t)p->k * sizeof *p->sizes);
    for (int64_t i = 0; i < p->n; i++) {
        int32_t nearest = 0;
        p->distances2[i] = INFINITY;
        for (int64_t c = 0; c < p->k; c++) {
            const double d2 = canonical_distance2(p, p->x + i * p->d, p->used + c * p->d);
            if (d2 < p->distances2[i]) {
                p->distances2[i] = d2;
                nearest = (int32_t)c;
            }
        }
        changed += nearest != p->labels[i];
        p->labels[i] = p->owners[i] = nearest;
        p->sizes[nearest]++;
    }
    return changed;
}

/* The sample that an empty cluster takes: the farthest from its center, of clusters of more than
 * one, and the first of equals; -1 if there is none. */
static int64_t find_farthest(const plain *p)
{
    int64_t farthest = -1;
    double largest = 0;
    for (int64_t i = 0; i < p->n; i++)
        if (p->sizes[p->owners[i]] > 1 && p->distances2[i] > largest &&
            p->owners[i] == p->labels[i]) {
            largest = p->distances2[i];
            farthest = i;
        }
    return farthest;
}

static void plain_refill(plain *p)
{
    p->n_refilled = 0;
    for (int32_t c = 0; c < p->k; c++) {
        const int64_t i = p->sizes[c] == 0 ? find_farthest(p) : -1;
        if (i < 0)
            continue;
        p->sizes[p->owners[i]]--;
        p->owners[i] = c;
        p->sizes[c] = 1;
        p->n_refilled++;
    }
}

static double plain_update(plain *p)
{
    double shift = 0;
    for (int64_t c = 0; c < p->k; c++)
        for (int64_t j = 0; j < p->d && p->sizes[c] > 0; j++) {
            long double sum = 0;
            for (int64_t i = 0; i < p->n; i++)
                if (p->owners[i] == c)
                    sum += p->x[i * p->d + j];
            double *center = &p->centers[c * p->d + j];
            const double mean = (double)(sum / p->sizes[c]);
            shift += (mean - *center) * (mean - *center);
            *center = mean;
        }
    return shift;
}

static double plain_mean_variance(const plain *p)
{
    long double variances = 0;
    for (int64_t j = 0; j < p->d; j++) {
        long double mean = 0, squares = 0;
        for (int64_t i = 0; i < p->n; i++)
            mean += p->x[i * p->d + j] / (long double)p->n;
        for (int64_t i = 0; i < p->n; i++)
            squares += (p->x[i * p->d + j] - mean) * (p->x[i * p->d + j] - mean);
        variances += squares / p->n;
    }
    return (double)(variances / p->d);
}

static bool plain_iterate(plain *p, const problem *task)
{
    km_iteration *now = &p->history[p->n_iterations++];
    now->relabeled = plain_assign(p);
    now->inertia = plain_inertia(p, p->used);
    plain_refill(p);
    now->shift = plain_update(p);
    const bool is_small = task->tolerance > 0 && now->shift <= task->tolerance * p->mean_variance;
    p->stop = KM_STOP_MAX_ITERATIONS;
    if (p->n_refilled == 0 && (now->relabeled == 0 || is_small))
        p->stop = now->relabeled == 0 ? KM_STOP_NO_CHANGE : KM_STOP_TOLERANCE;
    return p->stop == KM_STOP_MAX_ITERATIONS && p->n_iterations < task->max_iterations;
}

static plain plain_create(const problem *task)
{
    const int64_t d = task->data.d, k = task->k;
    plain p = {.d = d, .k = k, .precision = task->precision};
    p.x = mock_memory(task->data.n * d, sizeof *p.x);
    for (int64_t i = 0; i < task->data.n; i++) {
        for (int64_t j = 0; j < d; j++) {
            const double value = task->data.values[i * d + j];
            p.x[p.n * d + j] = task->precision == KM_FLOAT32 ? (double)(float)value : value;
        }
        p.n += !task->data.is_missing[i];
    }
    p.centers = mock_memory(2 * k * d, sizeof *p.centers);
    p.used = p.centers + k * d;
    p.labels = mock_memory(2 * p.n, sizeof *p.labels);
    p.owners = p.labels + p.n;
    p.distances2 = mock_memory(p.n, sizeof *p.distances2);
    p.sizes = mock_memory(k, sizeof *p.sizes);
    p.history = mock_memory(task->max_iterations, sizeof *p.history);
    memcpy(p.centers, task->first, (size_t)(k * d) * sizeof *p.centers);
    memset(p.labels, 0xff, (size_t)p.n * sizeof *p.labels);
    p.mean_variance = plain_mean_variance(&p);
    return p;
}

static plain plain_run(const problem *task)
{
    plain p = plain_create(task);
    while (plain_iterate(&p, task))
        ;
    plain_assign(&p);
    return p;
}

static void plain_free(plain *p)
{
    free(p->x);
    free(p->centers);
    free(p->labels);
    free(p->distances2);
    free(p->sizes);
    free(p->history);
}

static bool is_close(double a, double b, double relative)
{
    return a == b || fabs(a - b) <= relative * fabs(b);
}

/* Inertia from totals about the mid-range: relative to the squares about it. */
static bool is_close_history(const outcome *found, const plain *right, double relative)
{
    const double squares = right->mean_variance * (double)(right->n * right->d);
    bool is_close_all = found->fit.n_iterations == right->n_iterations;
    for (int64_t i = 0; i < right->n_iterations && is_close_all; i++) {
        const km_iteration *a = &found->fit.history[i], *b = &right->history[i];
        is_close_all = a->number == i + 1 && a->relabeled == b->relabeled &&
                       (is_close(a->inertia, b->inertia, relative) ||
                        fabs(a->inertia - b->inertia) <= 1e-15 * squares) &&
                       fabs(a->shift - b->shift) <= 1e-9 * b->shift + 1e-28;
    }
    return is_close_all;
}

/* Fits in both ways; the labels must be equal. */
static void check_against_plain(const problem *p)
{
    const double relative = p->precision == KM_FLOAT32 ? 1e-6 : 1e-12;
    outcome found = run(p, MPI_COMM_WORLD);
    ck_assert_all(found.code == KM_OK);
    plain right = plain_run(p);
    ck_assert_int_eq(found.n, right.n);
    ck_assert(memcmp(found.labels, right.labels, (size_t)right.n * sizeof(int32_t)) == 0);
    ck_assert(memcmp(found.fit.sizes, right.sizes, (size_t)right.k * sizeof(int64_t)) == 0);
    ck_assert_int_eq(found.fit.stop, right.stop);
    for (int64_t i = 0; i < right.k * right.d; i++)
        ck_assert(fabs(found.fit.centers[i] - right.centers[i]) <=
                  1e-15 + 1e-15 * fabs(right.centers[i]));
    ck_assert(is_close(found.fit.inertia, plain_inertia(&right, right.centers), relative) ||
              found.fit.inertia < 1e-28);
    ck_assert(is_close_history(&found, &right, relative));
    plain_free(&right);
    outcome_free(&found);
}

/* ---- equality of bits ----------------------------------------------------------------------- */

/* The same fit on all ranks together, on each alone, and on halves of them. */
static void check_partitions(const problem *p)
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

/* n = 50 needs one word a sum, n = 900 two in float64. */
START_TEST(partitions_give_the_same_bits)
{
    for (int i = 0; i < 2; i++)
        for (int b = 0; b < 2; b++) {
            problem p = problem_of(mock_mixture(i == 0 ? 50 : 900, 3, 8, 1), 8, BOTH[b]);
            mock_drop_rows(&p.data);
            check_partitions(&p);
            problem_free(&p);
        }
}
END_TEST

START_TEST(hostile_partitions_give_the_same_bits)
{
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++)
        for (int b = 0; b < 2; b++) {
            problem p = problem_of(mock_hostile(kind, 500, 2), 7, BOTH[b]);
            p.max_iterations = 20;
            check_partitions(&p);
            problem_free(&p);
        }
}
END_TEST

START_TEST(kernels_give_the_same_bits)
{
    for (int b = 0; b < 2; b++) {
        problem p = problem_of(mock_mixture(700, 5, 9, 2), 9, BOTH[b]);
        outcome reference = run(&p, MPI_COMM_WORLD);
        for (const km_kernel *kernel = km_kernels; kernel->name != NULL; kernel++)
            if (kernel->is_available()) {
                p.kernel = kernel;
                outcome other = run(&p, MPI_COMM_WORLD);
                ck_assert_all(is_same_outcome(&p, &reference, &other));
                outcome_free(&other);
            }
        outcome_free(&reference);
        problem_free(&p);
    }
}
END_TEST

START_TEST(all_ranks_have_the_same_results)
{
    problem p = problem_of(mock_mixture(500, 2, 4, 3), 5, KM_FLOAT64);
    outcome o = run(&p, MPI_COMM_WORLD);
    uint64_t hash = km_hash_doubles(0, o.fit.centers, 10), least, most;
    hash = km_hash_doubles(hash, &o.fit.inertia, 1);
    MPI_Allreduce(&hash, &least, 1, MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD);
    MPI_Allreduce(&hash, &most, 1, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD);
    ck_assert(least == most);
    outcome_free(&o);
    problem_free(&p);
}
END_TEST

/* ---- against plain k-means ------------------------------------------------------------------ */

START_TEST(mixtures_agree_with_plain_kmeans)
{
    const int64_t shapes[][3] = {{50, 3, 4}, {400, 1, 6}, {600, 3, 8}, {300, 9, 20}};
    for (int i = 0; i < 4; i++)
        for (int b = 0; b < 2; b++) {
            mock data = mock_mixture(shapes[i][0], shapes[i][1], shapes[i][2], 4);
            mock_drop_rows(&data);
            problem p = problem_of(data, shapes[i][2], BOTH[b]);
            check_against_plain(&p);
            problem_free(&p);
        }
}
END_TEST

START_TEST(ties_and_duplicates_agree_with_plain_kmeans)
{
    const mock_kind kinds[] = {MOCK_LATTICE, MOCK_DUPLICATES, MOCK_CONSTANT};
    for (int i = 0; i < 3; i++)
        for (int b = 0; b < 2; b++)
            for (int64_t k = 2; k <= 11; k += 3) {
                problem p = problem_of(mock_hostile(kinds[i], 300, 2), k, BOTH[b]);
                check_against_plain(&p);
                problem_free(&p);
            }
}
END_TEST

START_TEST(tolerance_agrees_with_plain_kmeans)
{
    for (double tolerance = 1e-1; tolerance > 1e-6; tolerance /= 10) {
        problem p = problem_of(mock_mixture(600, 2, 8, 5), 8, KM_FLOAT64);
        p.tolerance = tolerance;
        check_against_plain(&p);
        problem_free(&p);
    }
}
END_TEST

/* ---- inertia -------------------------------------------------------------------------------- */

START_TEST(history_inertia_never_rises)
{
    for (int b = 0; b < 2; b++) {
        const double slack = BOTH[b] == KM_FLOAT32 ? 1e-6 : 1e-12;
        problem p = problem_of(mock_mixture(2000, 3, 10, 6), 10, BOTH[b]);
        outcome o = run(&p, MPI_COMM_WORLD);
        ck_assert_all(o.code == KM_OK);
        ck_assert_int_gt(o.fit.n_iterations, 5);
        for (int64_t i = 1; i < o.fit.n_iterations; i++)
            ck_assert(o.fit.history[i].inertia <= o.fit.history[i - 1].inertia * (1 + slack));
        ck_assert(o.fit.inertia <= o.fit.history[o.fit.n_iterations - 1].inertia * (1 + slack));
        outcome_free(&o);
        problem_free(&p);
    }
}
END_TEST

/* Squares about the mid-range are 1e13 times the inertia: more than double holds. */
START_TEST(inertia_survives_an_outlier)
{
    problem p = problem_of(mock_mixture(300, 2, 3, 19), 4, KM_FLOAT64);
    p.data.values[0] = 1e6;
    p.first[0] = 1e6;
    outcome found = run(&p, MPI_COMM_WORLD);
    ck_assert_all(found.code == KM_OK);
    plain right = plain_run(&p);
    ck_assert_int_eq(found.fit.n_iterations, right.n_iterations);
    for (int64_t i = 0; i < right.n_iterations; i++)
        ck_assert(is_close(found.fit.history[i].inertia, right.history[i].inertia, 1e-12));
    ck_assert(is_close(found.fit.inertia, plain_inertia(&right, right.centers), 1e-12));
    plain_free(&right);
    outcome_free(&found);
    problem_free(&p);
}
END_TEST

/* Inertia and shift are in the space of the fit: working values times 2^exponent. */
START_TEST(the_exponent_scales_inertia_and_shift)
{
    problem p = problem_of(mock_mixture(300, 2, 4, 7), 4, KM_FLOAT64);
    outcome plain_units = run(&p, MPI_COMM_WORLD);
    p.exponent = 3;
    outcome other = run(&p, MPI_COMM_WORLD);
    ck_assert_all(plain_units.code == KM_OK && other.code == KM_OK);
    ck_assert(other.fit.inertia == 64 * plain_units.fit.inertia);
    ck_assert_int_eq(other.fit.n_iterations, plain_units.fit.n_iterations);
    ck_assert(other.fit.history[0].inertia == 64 * plain_units.fit.history[0].inertia);
    ck_assert(other.fit.history[0].shift == 64 * plain_units.fit.history[0].shift);
    outcome_free(&plain_units);
    outcome_free(&other);
    problem_free(&p);
}
END_TEST

/* The tolerance compares like with like, whatever the exponent. */
START_TEST(the_exponent_does_not_change_the_stop)
{
    problem p = problem_of(mock_mixture(600, 2, 8, 5), 8, KM_FLOAT64);
    p.tolerance = 1e-2;
    outcome a = run(&p, MPI_COMM_WORLD);
    p.exponent = -40;
    outcome b = run(&p, MPI_COMM_WORLD);
    ck_assert_all(a.code == KM_OK && b.code == KM_OK);
    ck_assert_int_eq(a.fit.stop, KM_STOP_TOLERANCE);
    ck_assert_int_eq(b.fit.stop, KM_STOP_TOLERANCE);
    ck_assert_int_eq(a.fit.n_iterations, b.fit.n_iterations);
    outcome_free(&a);
    outcome_free(&b);
    problem_free(&p);
}
END_TEST

START_TEST(squared_distances_sum_up_to_the_inertia)
{
    problem p = problem_of(mock_mixture(500, 3, 4, 8), 4, KM_FLOAT64);
    p.exponent = 2;
    km_samples samples = mock_samples(&p.data, p.precision, MPI_COMM_WORLD);
    km_facts facts = mock_facts(&samples, MPI_COMM_WORLD);
    const km_fit_task task = task_of(&p, &facts);
    km_timers timers = {{0}};
    km_error error = {0};
    km_fit fit;
    ck_assert_all(km_fit_run(&fit, &task, &samples, p.first, MPI_COMM_WORLD, &timers, &error) ==
                  KM_OK);
    double sum = 0;
    for (int64_t b = 0; b < samples.n_blocks; b++) {
        double distances[KM_BLOCK];
        km_fit_distances(&fit, &samples, task.kernel, task.exponent, b, distances);
        for (int l = 0; l < km_samples_lanes(&samples, b); l++)
            sum += distances[l] * distances[l];
    }
    km_sum_double(MPI_COMM_WORLD, &sum, 1);
    ck_assert(is_close(sum, fit.inertia, 1e-12));
    km_fit_free(&fit);
    km_facts_free(&facts);
    km_samples_free(&samples);
    problem_free(&p);
}
END_TEST

/* ---- empty clusters ------------------------------------------------------------------------- */

START_TEST(identical_first_centers_are_refilled_by_the_rule)
{
    for (int b = 0; b < 2; b++) {
        problem p = problem_of(mock_mixture(400, 2, 5, 9), 6, BOTH[b]);
        for (int64_t c = 1; c < 4; c++) /* clusters 1, 2 and 3 get nothing */
            memcpy(p.first + 2 * c, p.first, 2 * sizeof(double));
        check_against_plain(&p);
        check_partitions(&p);
        problem_free(&p);
    }
}
END_TEST

START_TEST(far_first_centers_are_refilled_by_the_rule)
{
    for (int b = 0; b < 2; b++) {
        problem p = problem_of(mock_mixture(400, 2, 5, 10), 6, BOTH[b]);
        for (int64_t c = 2; c < 6; c++)
            p.first[2 * c] = 1e6 * (double)c;
        check_against_plain(&p);
        check_partitions(&p);
        problem_free(&p);
    }
}
END_TEST

/* Two rows far out: each empty cluster takes one, by hand. Rows 0 to 9 are at 0.0, 0.1, ... 0.9. */
START_TEST(empty_clusters_take_the_farthest_samples)
{
    problem p = problem_of(mock_create(12, 1), 3, KM_FLOAT64);
    for (int64_t i = 0; i < 10; i++)
        p.data.values[i] = 0.1 * (double)i;
    p.data.values[10] = 5;
    p.data.values[11] = -6;
    memset(p.first, 0, 3 * sizeof *p.first); /* all three at 0: 1 and 2 stay empty */
    p.max_iterations = 1;
    outcome o = run(&p, MPI_COMM_WORLD);
    ck_assert_all(o.code == KM_OK);
    ck_assert(o.fit.centers[1] == -6 && o.fit.centers[2] == 5);
    ck_assert_double_le(fabs(o.fit.centers[0] - 0.45), 1e-15);
    ck_assert(o.labels[10] == 2 && o.labels[11] == 1);
    ck_assert_int_eq(o.fit.n_empty, 0);
    outcome_free(&o);
    problem_free(&p);
}
END_TEST

/* One iteration on samples and first centers given by hand; the centers must be these. */
static void check_refill(const double *samples, int64_t n, const double *first,
                         const double *centers, int64_t k)
{
    problem p = problem_of(mock_create(n, 1), k, KM_FLOAT64);
    memcpy(p.data.values, samples, (size_t)n * sizeof *samples);
    memcpy(p.first, first, (size_t)k * sizeof *first);
    p.max_iterations = 1;
    outcome o = run(&p, MPI_COMM_WORLD);
    ck_assert_all(o.code == KM_OK);
    for (int64_t c = 0; c < k; c++)
        ck_assert(o.fit.centers[c] == centers[c]);
    outcome_free(&o);
    check_against_plain(&p);
    problem_free(&p);
}

/* Clusters 0 and 1 hold one sample each, the farthest of all: cluster 3 takes one of cluster 2. */
START_TEST(a_cluster_of_one_is_no_donor)
{
    const double samples[] = {30, 130, 200, 201, 204};
    const double first[] = {0, 100, 200, 0}, centers[] = {30, 130, 200.5, 204};
    check_refill(samples, 5, first, centers, 4);
}
END_TEST

/* Cluster 0 gives the first of its two, then has one left: cluster 3 takes one of cluster 1. */
START_TEST(a_donor_keeps_its_last_sample)
{
    const double samples[] = {10, -10, 100, 101, 104};
    const double first[] = {0, 100, 0, 0}, centers[] = {-10, 100.5, 10, 104};
    check_refill(samples, 5, first, centers, 4);
}
END_TEST

START_TEST(ties_for_empty_clusters_go_to_the_lowest_row)
{
    problem p = problem_of(mock_create(200, 1), 2, KM_FLOAT32);
    for (int64_t i = 0; i < 200; i++)
        p.data.values[i] = i % 2 == 0 ? 1 : -1;
    p.first[0] = p.first[1] = 0;
    p.max_iterations = 1;
    outcome o = run(&p, MPI_COMM_WORLD);
    ck_assert_all(o.code == KM_OK);
    ck_assert(o.fit.centers[1] == 1); /* row 0 */
    outcome_free(&o);
    p.data.values[0] = -1;
    outcome other = run(&p, MPI_COMM_WORLD);
    ck_assert_all(other.code == KM_OK);
    ck_assert(other.fit.centers[1] == -1);
    outcome_free(&other);
    problem_free(&p);
}
END_TEST

/* Any tolerance is met at once, but not where a cluster was refilled. */
START_TEST(an_iteration_that_refilled_has_not_converged)
{
    problem p = problem_of(mock_mixture(300, 2, 4, 11), 4, KM_FLOAT64);
    p.tolerance = 1e300;
    outcome usual = run(&p, MPI_COMM_WORLD);
    ck_assert_all(usual.code == KM_OK);
    ck_assert_int_eq(usual.fit.n_iterations, 1);
    memcpy(p.first, p.first + 2, 2 * sizeof *p.first);
    outcome refilled = run(&p, MPI_COMM_WORLD);
    ck_assert_all(refilled.code == KM_OK);
    ck_assert_int_ge(refilled.fit.n_iterations, 2);
    outcome_free(&usual);
    outcome_free(&refilled);
    problem_free(&p);
}
END_TEST

/* Centers so far out that squares overflow: no NaN, and the history begins high. */
START_TEST(infinitely_far_first_centers_come_back)
{
    for (int b = 0; b < 2; b++) {
        problem p = problem_of(mock_mixture(300, 2, 4, 12), 4, BOTH[b]);
        for (int64_t i = 0; i < 8; i++)
            p.first[i] = 1e200;
        check_partitions(&p);
        outcome o = run(&p, MPI_COMM_WORLD);
        ck_assert_all(o.code == KM_OK);
        ck_assert_int_eq(o.fit.n_empty, 0);
        for (int64_t i = 0; i < 8; i++)
            ck_assert(fabs(o.fit.centers[i]) < 2);
        ck_assert(isfinite(o.fit.inertia) && o.fit.inertia > 0);
        outcome_free(&o);
        problem_free(&p);
    }
}
END_TEST

START_TEST(history_begins_high_with_infinitely_far_centers)
{
    problem p = problem_of(mock_mixture(300, 2, 4, 12), 4, KM_FLOAT64);
    for (int64_t i = 0; i < 8; i++)
        p.first[i] = 1e200;
    outcome o = run(&p, MPI_COMM_WORLD);
    ck_assert_all(o.code == KM_OK);
    ck_assert_double_gt(o.fit.history[0].inertia, o.fit.history[1].inertia);
    outcome_free(&o);
    problem_free(&p);
}
END_TEST

START_TEST(more_clusters_than_distinct_rows_leaves_some_empty)
{
    for (int b = 0; b < 2; b++) {
        problem p = problem_of(mock_hostile(MOCK_DUPLICATES, 200, 3), 9, BOTH[b]);
        outcome o = run(&p, MPI_COMM_WORLD);
        ck_assert_all(o.code == KM_OK);
        ck_assert_int_eq(o.fit.n_empty, 4);
        ck_assert(o.fit.inertia == 0);
        ck_assert(km_stop_is_converged(o.fit.stop));
        outcome_free(&o);
        check_partitions(&p);
        problem_free(&p);
    }
}
END_TEST

/* ---- extremes ------------------------------------------------------------------------------- */

/* One value of 1e15 among numbers from 1 to 1.25: its deviation says nothing of their clusters, so
 * the fit goes over to finer sums on the way. */
START_TEST(an_outlier_does_not_coarsen_other_centers)
{
    for (int b = 0; b < 2; b++) {
        problem p = problem_of(mock_hostile(MOCK_OUTLIER, 1000, 1), 5, BOTH[b]);
        p.first[4] = 1e15;
        outcome o = run(&p, MPI_COMM_WORLD);
        ck_assert_all(o.code == KM_OK && o.fit.stop == KM_STOP_NO_CHANGE);
        for (int c = 0; c < 5; c++) {
            long double sum = 0;
            for (int64_t i = 0; i < p.data.n; i++) {
                const double value = p.data.values[i];
                if (o.labels[i] == c)
                    sum += (long double)(b == 0 ? (double)(float)value : value);
            }
            const double mean = (double)(sum / o.fit.sizes[c]);
            ck_assert_int_gt(o.fit.sizes[c], 0);
            ck_assert(is_close(o.fit.centers[c], mean, 1e-9));
        }
        outcome_free(&o);
        check_partitions(&p);
        problem_free(&p);
    }
}
END_TEST

START_TEST(as_many_clusters_as_samples)
{
    for (int b = 0; b < 2; b++) {
        problem p = problem_of(mock_mixture(70, 2, 3, 13), 70, BOTH[b]);
        outcome o = run(&p, MPI_COMM_WORLD);
        ck_assert_all(o.code == KM_OK);
        ck_assert(o.fit.n_empty == 0);
        ck_assert_double_le(o.fit.inertia, 1e-24); /* centers are off by the grid's rounding */
        for (int32_t i = 0; i < 70; i++)
            ck_assert(o.labels[i] == i && o.fit.sizes[i] == 1);
        outcome_free(&o);
        check_partitions(&p);
        problem_free(&p);
    }
}
END_TEST

START_TEST(one_cluster_is_the_mean)
{
    problem p = problem_of(mock_hostile(MOCK_LATTICE, 128, 2), 1, KM_FLOAT64);
    double sum = 0;
    for (int64_t i = 0; i < 128; i++)
        sum += p.data.values[2 * i];
    outcome o = run(&p, MPI_COMM_WORLD);
    ck_assert_all(o.code == KM_OK);
    ck_assert(o.fit.centers[0] == sum / 128);
    ck_assert_int_eq(o.fit.sizes[0], 128);
    outcome_free(&o);
    problem_free(&p);
}
END_TEST

START_TEST(one_sample_is_its_own_cluster)
{
    problem p = problem_of(mock_mixture(1, 3, 1, 14), 1, KM_FLOAT64);
    outcome o = run(&p, MPI_COMM_WORLD);
    ck_assert_all(o.code == KM_OK);
    ck_assert(memcmp(o.fit.centers, p.data.values, 3 * sizeof(double)) == 0);
    ck_assert(o.fit.inertia == 0 && o.n == 1 && o.labels[0] == 0);
    outcome_free(&o);
    problem_free(&p);
}
END_TEST

START_TEST(ranks_may_have_no_samples)
{
    problem p = problem_of(mock_mixture(3, 2, 2, 15), 2, KM_FLOAT32);
    check_partitions(&p);
    check_against_plain(&p);
    problem_free(&p);
    problem gaps = problem_of(mock_mixture(256, 2, 2, 15), 2, KM_FLOAT64);
    memset(gaps.data.is_missing, 1, 192); /* only the last block has any */
    check_partitions(&gaps);
    problem_free(&gaps);
}
END_TEST

/* ---- the end -------------------------------------------------------------------------------- */

START_TEST(tolerance_0_stops_only_when_no_label_changes)
{
    for (int b = 0; b < 2; b++) {
        problem p = problem_of(mock_mixture(1000, 2, 9, 16), 9, BOTH[b]);
        outcome o = run(&p, MPI_COMM_WORLD);
        ck_assert_all(o.code == KM_OK);
        ck_assert_int_eq(o.fit.stop, KM_STOP_NO_CHANGE);
        for (int64_t i = 0; i < o.fit.n_iterations; i++)
            ck_assert((o.fit.history[i].relabeled == 0) == (i == o.fit.n_iterations - 1));
        ck_assert_int_eq(o.fit.history[0].relabeled, 1000);
        outcome_free(&o);
        problem_free(&p);
    }
}
END_TEST

/* Whatever the iteration at which the fit ends: labels are those of the centers, inertia too. */
START_TEST(labels_belong_to_the_final_centers)
{
    for (int b = 0; b < 2; b++)
        for (int64_t limit = 1; limit <= 7; limit += 2) {
            problem p = problem_of(mock_mixture(600, 2, 9, 17), 9, BOTH[b]);
            p.max_iterations = limit;
            outcome o = run(&p, MPI_COMM_WORLD);
            ck_assert_all(o.code == KM_OK);
            ck_assert_int_eq(o.fit.n_iterations, limit);
            ck_assert_int_eq(o.fit.stop, KM_STOP_MAX_ITERATIONS);
            ck_assert(!km_stop_is_converged(o.fit.stop));
            plain right = plain_create(&p);
            memcpy(right.centers, o.fit.centers, 18 * sizeof(double));
            plain_assign(&right);
            ck_assert(memcmp(right.labels, o.labels, 600 * sizeof(int32_t)) == 0);
            ck_assert(memcmp(right.sizes, o.fit.sizes, 9 * sizeof(int64_t)) == 0);
            ck_assert(is_close(o.fit.inertia, plain_inertia(&right, right.centers), 1e-12));
            plain_free(&right);
            outcome_free(&o);
            problem_free(&p);
        }
}
END_TEST

static void count_calls(void *context, const km_iteration *iteration)
{
    int64_t *calls = context;
    ++*calls;
    if (iteration->number != *calls)
        *calls = INT64_MIN;
}

START_TEST(the_observer_sees_every_iteration)
{
    problem p = problem_of(mock_mixture(300, 2, 4, 18), 4, KM_FLOAT32);
    int64_t calls = 0;
    km_samples samples = mock_samples(&p.data, p.precision, MPI_COMM_WORLD);
    km_facts facts = mock_facts(&samples, MPI_COMM_WORLD);
    km_fit_task task = task_of(&p, &facts);
    task.observe = count_calls;
    task.context = &calls;
    km_timers timers = {{0}};
    km_error error = {0};
    km_fit fit;
    ck_assert_all(km_fit_run(&fit, &task, &samples, p.first, MPI_COMM_WORLD, &timers, &error) ==
                  KM_OK);
    ck_assert_int_eq(calls, fit.n_iterations);
    km_fit_free(&fit);
    km_facts_free(&facts);
    km_samples_free(&samples);
    problem_free(&p);
}
END_TEST

START_TEST(stops_have_names)
{
    ck_assert_str_eq(km_stop_name(KM_STOP_MAX_ITERATIONS), "max-iterations");
    ck_assert_str_eq(km_stop_name(KM_STOP_TOLERANCE), "tolerance");
    ck_assert(km_stop_is_converged(KM_STOP_TOLERANCE));
    ck_assert(km_stop_is_converged(KM_STOP_NO_CHANGE));
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        partitions_give_the_same_bits,
        hostile_partitions_give_the_same_bits,
        kernels_give_the_same_bits,
        all_ranks_have_the_same_results,
        mixtures_agree_with_plain_kmeans,
        ties_and_duplicates_agree_with_plain_kmeans,
        tolerance_agrees_with_plain_kmeans,
        history_inertia_never_rises,
        inertia_survives_an_outlier,
        the_exponent_scales_inertia_and_shift,
        the_exponent_does_not_change_the_stop,
        squared_distances_sum_up_to_the_inertia,
        identical_first_centers_are_refilled_by_the_rule,
        far_first_centers_are_refilled_by_the_rule,
        empty_clusters_take_the_farthest_samples,
        a_cluster_of_one_is_no_donor,
        a_donor_keeps_its_last_sample,
        ties_for_empty_clusters_go_to_the_lowest_row,
        an_iteration_that_refilled_has_not_converged,
        infinitely_far_first_centers_come_back,
        history_begins_high_with_infinitely_far_centers,
        more_clusters_than_distinct_rows_leaves_some_empty,
        an_outlier_does_not_coarsen_other_centers,
        as_many_clusters_as_samples,
        one_cluster_is_the_mean,
        one_sample_is_its_own_cluster,
        ranks_may_have_no_samples,
        tolerance_0_stops_only_when_no_label_changes,
        labels_belong_to_the_final_centers,
        the_observer_sees_every_iteration,
        stops_have_names,
    };
    return SUITE_OF("fit", tests);
}
