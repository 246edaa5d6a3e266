/* mpi_check.h - one Check suite on all ranks of MPI_COMM_WORLD.
 *
 * Check's own forks have no MPI, so every rank runs every test in its process (CK_NOFORK); a test
 * that fails on any rank has failed. Rank 0 prints the messages of all ranks and one closing line.
 * A file of tests defines `Suite *make_suite(void)` and is run with mpirun on any number of ranks.
 * Timeouts come from outside (tests/run.py). */
#ifndef SKYMEANS_TESTS_MPI_CHECK_H
#define SKYMEANS_TESTS_MPI_CHECK_H

#include "base/threads.h"
#include "comm/comm.h"
#include "h5/h5.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* Check writes the place of each assertion that holds to a file, for tests that die in a process of
 * their own. None does here, and this would take longer than most tests. */
#define _mark_point(file, line) ((void)0)

Suite *make_suite(void);

/* Collective: fails on all ranks if the condition is false on any. Where ranks go on to a
 * collective call, a plain ck_assert would leave the others waiting in it. */
#define ck_assert_all(condition)                                                                  \
    do {                                                                                          \
        int here_ = (condition) ? 1 : 0, everywhere_;                                             \
        MPI_Allreduce(&here_, &everywhere_, 1, MPI_INT, MPI_LAND, MPI_COMM_WORLD);                \
        ck_assert_msg(everywhere_, "%s (%s on this rank)", #condition, here_ ? "true" : "FALSE"); \
    } while (0)

/* A suite of one test case that holds these tests. */
static inline Suite *suite_of(const char *name, const TTest *const *tests, int count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 0);
    for (int i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite;
}

#define SUITE_OF(name, tests) suite_of(name, tests, (int)(sizeof(tests) / sizeof *(tests)))

/* Counts tests that failed on any rank, and prints each failure. */
static inline int gather_failures(TestResult **results, int n, int rank)
{
    int n_failed = 0;
    for (int i = 0; i < n; i++) {
        int failed = tr_rtype(results[i]) != CK_PASS, any;
        MPI_Allreduce(&failed, &any, 1, MPI_INT, MPI_LOR, MPI_COMM_WORLD);
        n_failed += any;
        if (failed)
            printf("[rank %d] %s:%d: %s: %s\n", rank, tr_lfile(results[i]), tr_lno(results[i]),
                   tr_tcname(results[i]), tr_msg(results[i]));
    }
    return n_failed;
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    km_h5_start();
    const int rank = km_comm_rank(MPI_COMM_WORLD), n_ranks = km_comm_size(MPI_COMM_WORLD);
    km_threads_start(1 + (rank + n_ranks) % 2); /* no result depends on how many: some have two */
    SRunner *runner = srunner_create(make_suite());
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    int64_t n = srunner_ntests_run(runner), most = n;
    km_max_int64(MPI_COMM_WORLD, &most, 1);
    TestResult **results = srunner_results(runner);
    int n_failed = n == most ? gather_failures(results, (int)n, rank) : (int)most;
    fflush(stdout);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0)
        printf("%d%%: Checks: %d, Failures: %d, Errors: 0\n",
               most > 0 ? (int)(100 * (most - n_failed) / most) : 100, (int)most, n_failed);
    free(results);
    srunner_free(runner);
    MPI_Finalize();
    return n_failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
