/* Two threads in calls at once, on two communicators. Where MPI does not let them, there is nothing
 * to test.
 *
 * Ranks: 1, 3. */
#include "engine.h"

#include <omp.h>
#include <pthread.h>

/* Open MPI's word for MPI_THREAD_MULTIPLE where a program calls MPI_Init, as all tests do. */
__attribute__((constructor)) static void ask_for_threads(void)
{
    setenv("OMPI_MPI_THREAD_LEVEL", "3", 1);
}

typedef struct work {
    mock_rows rows;
    skymeans_problem problem;
    uint64_t found;
    int n_threads_before, n_threads_after;
} work;

static void *work_on(void *context)
{
    enum { N_CALLS = 10 };
    work *w = context;
    omp_set_num_threads(2); /* of this thread */
    w->n_threads_before = omp_get_max_threads();
    for (int i = 0; i < N_CALLS; i++) {
        skymeans_manner manner = SKYMEANS_MANNER;
        manner.threads = 1 + i % 3;
        w->found += fit_rows(&w->rows, &w->problem, &manner);
    }
    w->n_threads_after = omp_get_max_threads();
    return NULL;
}

START_TEST(two_at_once)
{
    enum { N = 2 };
    const skymeans_problem problems[N] = {SKYMEANS_PROBLEM(110), SKYMEANS_PROBLEM(9)};
    work alone[N], together[N];
    pthread_t threads[N];
    int level;
    MPI_Query_thread(&level);
    if (level < MPI_THREAD_MULTIPLE)
        return;
    for (int i = 0; i < N; i++) {
        alone[i] = (work){.problem = problems[i],
                          .rows = {.n = 1500, .d = 2 + i, .type = SKYMEANS_FLOAT64}};
        MPI_Comm_dup(MPI_COMM_WORLD, &alone[i].rows.comm);
        together[i] = alone[i];
        work_on(&alone[i]);
    }
    for (int i = 0; i < N; i++)
        pthread_create(&threads[i], NULL, work_on, &together[i]);
    for (int i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < N; i++) {
        ck_assert_all(together[i].found == alone[i].found);
        ck_assert(together[i].n_threads_after == together[i].n_threads_before);
        MPI_Comm_free(&alone[i].rows.comm);
    }
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {two_at_once};
    return SUITE_OF("engine_threads", tests);
}
