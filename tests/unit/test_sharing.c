/* Samples that change ranks during a fit: the answer stays the same, and the work is shared.
 *
 * Ranks: 7. They work as communicators of 7; 4 and 3; and one rank alone. */
#include "base/error.h"
#include "mpi_check.h"
#include "solve.h"

enum { N_ROWS = 7 * 10 * 1024 + 300 };

static const km_precision BOTH[] = {KM_FLOAT32, KM_FLOAT64};

/* Clouds of many sizes on a background, so that some pieces have many times the work of others. */
static mock make_uneven(int64_t n, int64_t d)
{
    mock data = mock_mixture(n, d, 60, 1);
    for (int64_t i = 0; i < n * d; i++)
        if (mock_uniform(5, (uint64_t)(i / d)) < 0.2)
            data.values[i] *= 0.1;
    return data;
}

static solve_task task_for(const mock *data, int64_t k, km_precision precision)
{
    solve_task task = solve_task_of(data, k, precision);
    task.problem.seeding = "random";
    task.problem.max_iterations = 20;
    task.manner.kernel = "auto";
    return task;
}

/* ---- one answer ------------------------------------------------------------------------------ */

/* On all ranks, and on groups of 4 and 3; compared with the plain method on all. */
static void check_answers(const mock *data, int64_t k, km_precision precision)
{
    static const char *const SHARING[] = {"tree", "neighbours"};
    solve_task task = task_for(data, k, precision);
    MPI_Comm half;
    MPI_Comm_split(MPI_COMM_WORLD, km_comm_rank(MPI_COMM_WORLD) < 4, 0, &half);
    outcome plain = solve(&task, MPI_COMM_WORLD);
    const uint64_t right = checksum_of(&task, &plain);
    outcome_free(&plain);
    for (size_t m = 0; m < sizeof SHARING / sizeof *SHARING; m++)
        for (int i = 0; i < 2; i++) {
            task.manner.algorithm = SHARING[m];
            outcome o = solve(&task, i == 0 ? MPI_COMM_WORLD : half);
            ck_assert_all(checksum_of(&task, &o) == right);
            outcome_free(&o);
        }
    MPI_Comm_free(&half);
}

START_TEST(answers_are_those_of_the_plain_method)
{
    mock data = make_uneven(N_ROWS, 5);
    check_answers(&data, 150, KM_FLOAT32);
    mock_drop_rows(&data);
    mock_weigh(&data);
    data.weights[0] = 1;
    check_answers(&data, 150, KM_FLOAT64);
    for (int64_t i = 0; i < data.n; i++)
        data.values[i * data.d] *= 1000;
    data.values[7] = 1e4;
    check_answers(&data, 150, KM_FLOAT32);
    mock_free(&data);
}
END_TEST

/* More clusters than a rank has whole pieces of samples, and many equal samples. */
START_TEST(answers_on_hostile_data)
{
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++) {
        mock data = mock_hostile(kind, 16000, 5);
        data.is_missing[3] = 1;
        check_answers(&data, 60, BOTH[kind % 2]);
        mock_free(&data);
    }
}
END_TEST

/* Rows all over a space of few dimensions, and near it in all others. */
static mock make_space(int64_t n, int64_t d, int64_t n_dimensions)
{
    mock data = mock_create(n, d);
    for (int64_t i = 0; i < n * d; i++)
        data.values[i] = mock_uniform(6, (uint64_t)i) * (i % d < n_dimensions ? 1 : 0x1p-7);
    return data;
}

/* A fit that begins with one method and goes over to another, several times: samples are put in
 * order again before each. */
static void check_turns(int64_t d, int64_t k, int64_t n_dimensions, const char *first,
                        const char *last)
{
    mock data = make_space(40000, d, n_dimensions);
    solve_task task = task_for(&data, k, BOTH[d % 2]);
    MPI_Comm half;
    MPI_Comm_split(MPI_COMM_WORLD, km_comm_rank(MPI_COMM_WORLD) < 4, 0, &half);
    task.problem.max_iterations = 12;
    task.problem.restarts = 2;
    outcome plain = solve(&task, MPI_COMM_WORLD);
    const uint64_t right = checksum_of(&task, &plain);
    outcome_free(&plain);
    task.manner.algorithm = "auto";
    for (int i = 0; i < 2; i++) {
        outcome o = solve(&task, i == 0 ? MPI_COMM_WORLD : half);
        const km_fit *fit = &o.answer->fit;
        ck_assert_all(checksum_of(&task, &o) == right);
        ck_assert_str_eq(fit->first_method->name, first);
        ck_assert_str_eq(fit->last_method->name, last);
        ck_assert_int_ge(fit->n_by_first, 1);
        ck_assert_int_lt(fit->n_by_first, fit->n_iterations);
        outcome_free(&o);
    }
    MPI_Comm_free(&half);
    mock_free(&data);
}

START_TEST(methods_take_turns)
{
    check_turns(6, 250, 6, "tree", "bounds");
    check_turns(5, 500, 5, "tree", "neighbours");
    check_turns(8, 600, 3, "tree", "neighbours");
    check_turns(13, 300, 3, "tree", "bounds");
}
END_TEST

/* With one iteration left nothing would make up for that. */
START_TEST(methods_stay_near_the_end)
{
    mock data = make_space(40000, 6, 6);
    solve_task task = task_for(&data, 250, KM_FLOAT32);
    task.problem.max_iterations = 3;
    task.manner.algorithm = "auto";
    outcome o = solve(&task, MPI_COMM_WORLD);
    ck_assert_str_eq(o.answer->fit.last_method->name, "tree");
    ck_assert_int_eq(o.answer->fit.n_by_first, 0);
    outcome_free(&o);
    mock_free(&data);
}
END_TEST

/* ---- work ------------------------------------------------------------------------------------ */

/* Distances of all ranks, and of the ranks with most, since the iteration `first`. */
typedef struct work_of_fit {
    double all, most;
} work_of_fit;

static work_of_fit count_work(const solve_task *task, MPI_Comm comm, int64_t first)
{
    outcome o = solve(task, comm);
    work_of_fit work = {0, 0};
    for (int64_t i = first - 1; i < o.answer->fit.n_iterations; i++) {
        work.all += (double)o.answer->fit.history[i].distances;
        work.most += (double)o.answer->fit.history[i].most_distances;
    }
    outcome_free(&o);
    return work;
}

static void check_work(const char *algorithm, int64_t d, int64_t k, double most_all, double even)
{
    mock data = make_uneven(N_ROWS, d);
    solve_task task = task_for(&data, k, KM_FLOAT32);
    task.manner.algorithm = algorithm;
    const work_of_fit one = count_work(&task, MPI_COMM_SELF, 1);
    const work_of_fit seven = count_work(&task, MPI_COMM_WORLD, 1);
    const work_of_fit later = count_work(&task, MPI_COMM_WORLD, 2);
    ck_assert_msg(seven.all <= most_all * one.all, "%s: %.3f times the distances of one rank",
                  algorithm, seven.all / one.all);
    ck_assert_msg(7 * later.most <= even * later.all, "%s: the busiest rank has %.3f of the mean",
                  algorithm, 7 * later.most / later.all);
    mock_free(&data);
}

START_TEST(ranks_share_the_work_of_one)
{
    check_work("tree", 3, 200, 1.05, 1.1);
    check_work("tree", 5, 64, 1.05, 1.1);
    check_work("neighbours", 8, 600, 1.05, 1.2); /* most of it right after an exchange */
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        answers_are_those_of_the_plain_method,
        answers_on_hostile_data,
        methods_take_turns,
        methods_stay_near_the_end,
        ranks_share_the_work_of_one,
    };
    return SUITE_OF("sharing", tests);
}
