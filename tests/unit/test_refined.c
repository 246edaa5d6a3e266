/* The seeding `refined`, against the same put together from plain fits: a fit of the rows of the
 * sample alone, and a fit of all rows that begins with its centers. */
#include "base/error.h"
#include "mpi_check.h"
#include "reference_seeding.h"
#include "solve.h"

#include <stdlib.h>
#include <string.h>

enum { N = 60000, N_SAMPLE = N / 12, K = 2, N_DRAWN = 300 };

static const km_precision BOTH[] = {KM_FLOAT32, KM_FLOAT64};

static solve_task refined_task(const mock *data, km_precision precision)
{
    solve_task task = solve_task_of(data, K, precision);
    task.problem.seeding = "refined";
    task.problem.seeding_rows = N_DRAWN;
    task.problem.random_seed = 3;
    task.problem.max_iterations = 30;
    task.manner.algorithm = "auto";
    task.manner.kernel = "auto";
    return task;
}

/* The checksum of a solution on this communicator. Collective over it. */
static uint64_t solve_sum(const solve_task *task, MPI_Comm comm, km_refined *refined)
{
    outcome o = solve(task, comm);
    const uint64_t sum = checksum_of(task, &o);
    *refined = o.answer->refined;
    outcome_free(&o);
    return sum;
}

/* The data with the rows of the sample alone: all others are missing. */
static mock sample_of(const mock *data, km_precision precision)
{
    int64_t count;
    points p = points_of(data, precision);
    keyed *list = points_by_number(&p, 3, km_stream(KM_RANDOM_ROWS, 0, 0), &count);
    int64_t n_sample = 0;
    mock sample = mock_create(data->n, data->d);
    memcpy(sample.values, data->values, (size_t)(data->n * data->d) * sizeof *data->values);
    if (data->weights != NULL) {
        sample.weights = mock_memory(data->n, sizeof *sample.weights);
        memcpy(sample.weights, data->weights, (size_t)data->n * sizeof *data->weights);
    }
    memset(sample.is_missing, 1, (size_t)data->n * sizeof *sample.is_missing);
    for (; n_sample < count / 12; n_sample++)
        sample.is_missing[p.rows[list[n_sample].point]] = 0;
    free(list);
    points_free(&p);
    return sample;
}

/* The checksum that refined must have. */
static uint64_t plain_sum(const solve_task *task, MPI_Comm comm)
{
    mock sample = sample_of(task->data, task->precision);
    solve_task of_sample = *task, of_all = *task;
    km_refined refined;
    of_sample.data = &sample;
    of_sample.problem.seeding = "kmeans++";
    outcome o = solve(&of_sample, comm);
    of_all.problem.first_centers = skymeans_centers(o.answer);
    const uint64_t sum = solve_sum(&of_all, comm, &refined);
    outcome_free(&o);
    mock_free(&sample);
    return sum;
}

static uint64_t sum_of_kmeanspp(const solve_task *task, MPI_Comm comm)
{
    solve_task plain = *task;
    km_refined refined;
    plain.problem.seeding = "kmeans++";
    return solve_sum(&plain, comm, &refined);
}

/* On all ranks and on each alone, by all methods. */
static void check_same(solve_task task, uint64_t right)
{
    MPI_Comm comms[2] = {MPI_COMM_WORLD, MPI_COMM_SELF};
    km_refined refined;
    for (const km_method *method = km_methods; method->name != NULL; method++)
        for (int i = 0; i < 2; i++) {
            task.manner.algorithm = method->name;
            task.manner.threads = 1 + i;
            ck_assert_all(solve_sum(&task, comms[i], &refined) == right);
        }
}

START_TEST(refined_is_a_fit_of_the_sample_first)
{
    for (int p = 0; p < 2; p++) {
        mock data = mock_mixture(N, 2, 3, 1);
        const solve_task task = refined_task(&data, BOTH[p]);
        km_refined refined;
        const uint64_t right = plain_sum(&task, MPI_COMM_WORLD);
        ck_assert_all(solve_sum(&task, MPI_COMM_WORLD, &refined) == right);
        ck_assert_int_eq(refined.n_rows, N_SAMPLE);
        ck_assert(refined.n_iterations > 0 && !refined.is_refused);
        ck_assert_all(sum_of_kmeanspp(&task, MPI_COMM_WORLD) != right);
        check_same(task, right);
        mock_free(&data);
    }
}
END_TEST

START_TEST(refined_with_weights_and_missing_rows)
{
    mock data = mock_mixture(2 * N, 2, 3, 2);
    mock_drop_rows(&data);
    mock_weigh(&data);
    const solve_task task = refined_task(&data, KM_FLOAT32);
    km_refined refined;
    const uint64_t right = plain_sum(&task, MPI_COMM_WORLD);
    ck_assert_all(solve_sum(&task, MPI_COMM_WORLD, &refined) == right);
    ck_assert(refined.n_rows > 0 && !refined.is_refused);
    check_same(task, right);
    mock_free(&data);
}
END_TEST

/* A row far out that is not in the sample has nearly all of the inertia of all rows. */
START_TEST(refined_centers_of_a_bad_sample_are_refused)
{
    mock data = mock_mixture(N, 2, 3, 1);
    mock sample = sample_of(&data, KM_FLOAT64);
    int64_t row = 0;
    while (!sample.is_missing[row])
        row++;
    data.values[2 * row] = 1e5;
    const solve_task task = refined_task(&data, KM_FLOAT64);
    km_refined refined;
    const uint64_t right = sum_of_kmeanspp(&task, MPI_COMM_WORLD);
    ck_assert_all(solve_sum(&task, MPI_COMM_WORLD, &refined) == right);
    ck_assert(refined.is_refused && refined.n_rows == N_SAMPLE);
    check_same(task, right);
    mock_free(&sample);
    mock_free(&data);
}
END_TEST

START_TEST(refined_with_few_rows_is_kmeanspp)
{
    mock data = mock_mixture(12 * 2000 * K - 1, 2, 3, 1);
    const solve_task task = refined_task(&data, KM_FLOAT64);
    km_refined refined;
    const uint64_t right = sum_of_kmeanspp(&task, MPI_COMM_WORLD);
    ck_assert_all(solve_sum(&task, MPI_COMM_WORLD, &refined) == right);
    ck_assert(refined.n_rows == 0 && !refined.is_refused);
    mock_free(&data);
}
END_TEST

START_TEST(refined_on_hostile_data)
{
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++) {
        mock data = mock_hostile(kind, N, 2);
        solve_task task = refined_task(&data, BOTH[kind % 2]);
        km_refined refined;
        task.problem.max_iterations = 5;
        const uint64_t right = solve_sum(&task, MPI_COMM_SELF, &refined);
        ck_assert_all(solve_sum(&task, MPI_COMM_WORLD, &refined) == right);
        ck_assert_int_eq(refined.n_rows, N_SAMPLE);
        check_same(task, right);
        mock_free(&data);
    }
}
END_TEST

/* ---- stopping -------------------------------------------------------------------------------- */

/* A caller that wishes to stop while the sample is fitted. */
typedef struct caller {
    bool is_refining, has_saved;
} caller;

static void observe(void *context, const skymeans_event *event)
{
    caller *c = context;
    if (event->kind == SKYMEANS_PHASE)
        c->is_refining =
            event->doing != NULL && strcmp(event->doing, "seeding, the fit of a sample") == 0;
}

static int wants_stop(void *context)
{
    return ((caller *)context)->is_refining;
}

static int save(void *context, const void *state, size_t size, skymeans_error *error)
{
    (void)state;
    (void)size;
    (void)error;
    ((caller *)context)->has_saved = true;
    return 0;
}

/* Fits with a control; says where it was stopped. */
static km_stopped_at stop_fit(const solve_task *task, const skymeans_control *control,
                              bool *is_complete, int64_t *n_iterations)
{
    skymeans_samples *samples = solve_samples(task, MPI_COMM_WORLD);
    skymeans_answer *answer;
    skymeans_error error;
    skymeans_fit(&answer, &task->problem, samples, &task->manner, control, MPI_COMM_WORLD, &error);
    must(error.code, error.text);
    const km_stopped_at at = answer->stopped_at;
    *is_complete = answer->is_complete;
    *n_iterations = answer->refined.n_iterations;
    skymeans_answer_free(answer);
    skymeans_samples_free(samples);
    return at;
}

START_TEST(wishes_to_stop_are_granted_while_the_sample_is_fitted)
{
    mock data = mock_mixture(N, 2, 3, 1);
    const solve_task task = refined_task(&data, KM_FLOAT64);
    caller asking = {0};
    bool is_complete;
    int64_t n_iterations;
    skymeans_control control = SKYMEANS_CONTROL;
    control.context = &asking;
    control.observe = observe;
    control.wants_stop = wants_stop;
    control.save = save;
    const km_stopped_at at = stop_fit(&task, &control, &is_complete, &n_iterations);
    ck_assert_all(!is_complete && asking.has_saved && n_iterations == 1);
    ck_assert_all(at.fit == 1 && at.iteration == 0);
    mock_free(&data);
}
END_TEST

/* Without a state to save, a call without time ends after the first iteration of all rows. */
START_TEST(time_limit_ends_the_fit_of_the_sample)
{
    mock data = mock_mixture(N, 2, 3, 1);
    const solve_task task = refined_task(&data, KM_FLOAT64);
    bool is_complete;
    int64_t n_iterations;
    skymeans_control control = SKYMEANS_CONTROL;
    control.seconds = 1e-9;
    const km_stopped_at at = stop_fit(&task, &control, &is_complete, &n_iterations);
    ck_assert_all(is_complete && n_iterations == 1 && at.iteration == 1);
    mock_free(&data);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        refined_is_a_fit_of_the_sample_first,
        refined_with_weights_and_missing_rows,
        refined_centers_of_a_bad_sample_are_refused,
        refined_with_few_rows_is_kmeanspp,
        refined_on_hostile_data,
        wishes_to_stop_are_granted_while_the_sample_is_fitted,
        time_limit_ends_the_fit_of_the_sample,
    };
    return SUITE_OF("refined", tests);
}
