/* What belongs to the caller is as it was after every call: threads, handlers, memory; and nothing
 * is printed.
 *
 * Ranks: 1, 3. */
#include "engine.h"

#include "cluster/cluster.h"

#include <errno.h>
#include <malloc.h>
#include <omp.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static mock_rows small_rows(void)
{
    return (mock_rows){.n = 200, .d = 3, .type = SKYMEANS_FLOAT64, .comm = MPI_COMM_WORLD};
}

enum { N_SIGNALS = 64 };

/* Handlers as a hash; of masks glibc leaves most bytes as they were. */
static uint64_t hash_handlers(void)
{
    uint64_t hash = 0;
    for (int s = 1; s < N_SIGNALS; s++) {
        struct sigaction handler = {.sa_flags = 0};
        sigaction(s, NULL, &handler);
        hash =
            km_mix(hash ^ (uint64_t)(uintptr_t)handler.sa_sigaction) + (uint64_t)handler.sa_flags;
    }
    return hash;
}

static void handle(MPI_Comm *comm, int *code, ...)
{
    (void)comm;
    (void)code;
}

/* A fit, a failure and a prediction. */
static void do_all(skymeans_samples *samples, int64_t threads)
{
    skymeans_problem problem = SKYMEANS_PROBLEM(3);
    skymeans_answer *answer, *predicted, *none;
    skymeans_manner manner = SKYMEANS_MANNER;
    skymeans_error error;
    manner.threads = threads;
    answer = fit_samples(samples, &problem, &manner, NULL, MPI_COMM_WORLD);
    ck_assert(skymeans_predict(&predicted, answer, samples, &manner, MPI_COMM_WORLD, &error) ==
              SKYMEANS_OK);
    problem.n_clusters = 1000;
    ck_assert(skymeans_fit(&none, &problem, samples, &manner, NULL, MPI_COMM_WORLD, &error) ==
              SKYMEANS_DATA);
    skymeans_answer_free(predicted);
    skymeans_answer_free(answer);
}

START_TEST(all_is_as_it_was)
{
    mock_rows m = small_rows();
    const uint64_t handlers = hash_handlers();
    MPI_Errhandler own, found;
    MPI_Comm_create_errhandler(handle, &own);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, own);
    const int threads = omp_get_max_threads();
    for (int dynamic = 0; dynamic < 2; dynamic++)
        for (int n = 0; n < 4; n++) {
            omp_set_dynamic(dynamic);
            omp_set_num_threads(2);
            skymeans_samples *samples = make_samples(&m);
            do_all(samples, n);
            skymeans_samples_free(samples);
            ck_assert(omp_get_max_threads() == 2 && omp_get_dynamic() == dynamic);
        }
    omp_set_dynamic(0);
    omp_set_num_threads(threads);
    MPI_Comm_get_errhandler(MPI_COMM_WORLD, &found);
    ck_assert(found == own);
    MPI_Errhandler_free(&found);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
    MPI_Errhandler_free(&own);
    ck_assert(hash_handlers() == handlers);
}
END_TEST

/* In a parallel region of the caller, too, where OpenMP gives one thread. */
START_TEST(in_a_region_of_the_caller)
{
    mock_rows m = small_rows();
    const skymeans_problem problem = SKYMEANS_PROBLEM(3);
    const uint64_t right = fit_rows(&m, &problem, NULL);
    uint64_t found = 0;
#pragma omp parallel num_threads(2)
#pragma omp master
    found = fit_rows(&m, &problem, NULL);
    ck_assert_all(found == right);
}
END_TEST

START_TEST(nothing_is_printed)
{
    mock_rows m = small_rows();
    FILE *file = tmpfile();
    struct stat status;
    fflush(NULL);
    const int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    skymeans_samples *samples = make_samples(&m);
    do_all(samples, 2);
    skymeans_samples_free(samples);
    fflush(NULL);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    fstat(fileno(file), &status);
    fclose(file);
    ck_assert_int_eq(status.st_size, 0);
}
END_TEST

#ifndef __SANITIZE_ADDRESS__ /* whose heap counts otherwise; it looks for leaks itself */
/* Bytes in use grow by no more than what MPI keeps, however many calls there are. */
static void check_leaks(mock_rows m, int n_calls)
{
    enum { FIRST_CALLS = 50, ALLOWED = 64 << 10 };
    size_t before = 0;
    for (int i = 0; i < n_calls; i += 4) { /* a fit, a failure, a prediction; and samples */
        before = i == 4 * FIRST_CALLS ? mallinfo2().uordblks : before;
        const skymeans_problem problem = SKYMEANS_PROBLEM(3);
        skymeans_samples *samples = make_samples(&m);
        skymeans_answer *answer = fit_samples(samples, &problem, NULL, NULL, m.comm), *other;
        skymeans_error error;
        ck_assert(skymeans_fit(&other, NULL, samples, NULL, NULL, m.comm, &error) != SKYMEANS_OK);
        ck_assert(skymeans_predict(&other, answer, samples, NULL, m.comm, &error) == SKYMEANS_OK);
        skymeans_answer_free(other);
        skymeans_answer_free(answer);
        skymeans_samples_free(samples);
    }
    const size_t after = mallinfo2().uordblks;
    ck_assert_msg(after <= before + ALLOWED, "%zu bytes, and %zu before", after, before);
}

START_TEST(many_calls)
{
    mock_rows m = small_rows();
    m.n = 30;
    check_leaks(m, 1000);
    m.comm = MPI_COMM_SELF;
    check_leaks(m, 10000);
}
END_TEST
#endif

/* ---- where memory ends ----------------------------------------------------------------------- */

static int64_t n_left; /* the so many-th allocation from now on fails; 0: none does */

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    if (__atomic_load_n(&n_left, __ATOMIC_RELAXED) > 0 &&
        __atomic_sub_fetch(&n_left, 1, __ATOMIC_RELAXED) == 0)
        return ENOMEM;
    *memory = memalign(alignment, size);
    return *memory != NULL ? 0 : ENOMEM;
}

/* A fit of clusters of equal size, or a prediction if it has a fitted answer. */
typedef struct attempt {
    skymeans_problem problem;
    const skymeans_answer *fitted;
} attempt;

static int try_once(const attempt *a, skymeans_samples *samples, skymeans_answer **answer)
{
    skymeans_error error;
    return a->fitted != NULL
               ? skymeans_predict(answer, a->fitted, samples, NULL, MPI_COMM_WORLD, &error)
               : skymeans_fit(answer, &a->problem, samples, NULL, NULL, MPI_COMM_WORLD, &error);
}

/* Lets the n-th allocation of a call fail on the last rank, and then calls again: the answer is the
 * right one. False if there are fewer. Collective. */
static bool fail_and_try_again(const mock_rows *m, const attempt *a, int64_t n, uint64_t wanted)
{
    const bool is_last = km_comm_rank(m->comm) == km_comm_size(m->comm) - 1;
    skymeans_samples *samples = make_samples(m);
    skymeans_answer *answer;
    n_left = is_last ? n : 0;
    const int code = try_once(a, samples, &answer);
    int64_t was_too_few = n_left > 0;
    n_left = 0;
    km_max_int64(m->comm, &was_too_few, 1);
    if (was_too_few == 0) {
        ck_assert_all(code == SKYMEANS_MEMORY && answer == NULL);
        ck_assert_all(samples->is_prepared || samples->transform.offset == NULL);
        ck_assert_all(try_once(a, samples, &answer) == SKYMEANS_OK);
    }
    ck_assert_msg(digest(m, answer, a->fitted == NULL) == wanted, "after allocation %lld",
                  (long long)n);
    skymeans_answer_free(answer);
    skymeans_samples_free(samples);
    return was_too_few == 0;
}

/* A call that had no memory, on one rank only, leaves the samples so that the next one can use them
 * as if nothing had been. */
START_TEST(a_call_without_memory_can_be_repeated)
{
    mock_rows m = small_rows();
    m.n = 60;
    attempt a = {.problem = SKYMEANS_PROBLEM(3)};
    a.problem.balance = "count";
    a.problem.scale = "standard";
    a.problem.max_iterations = 2;
    int64_t n = 1;
    const uint64_t fitted = fit_rows(&m, &a.problem, NULL);
    while (fail_and_try_again(&m, &a, n, fitted))
        n++;
    ck_assert(n > 100);
    skymeans_samples *samples = make_samples(&m);
    skymeans_answer *answer = fit_samples(samples, &a.problem, NULL, NULL, m.comm), *predicted;
    skymeans_samples_free(samples);
    a.fitted = answer;
    samples = make_samples(&m);
    ck_assert(try_once(&a, samples, &predicted) == SKYMEANS_OK);
    const uint64_t wanted = digest(&m, predicted, false);
    for (n = 1; fail_and_try_again(&m, &a, n, wanted);)
        n++;
    ck_assert(n > 10);
    skymeans_answer_free(predicted);
    skymeans_answer_free(answer);
    skymeans_samples_free(samples);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {all_is_as_it_was, in_a_region_of_the_caller, nothing_is_printed,
                                  a_call_without_memory_can_be_repeated,
#ifndef __SANITIZE_ADDRESS__
                                  many_calls
#endif
    };
    return SUITE_OF("engine_caller", tests);
}
