/* A process that has not started MPI, as Python without mpi4py, gets the same answers.
 *
 * Ranks: 1. What is found before main, where MPI does not run, is compared with what a communicator
 * finds. */
#include "engine.h"

static const char *const ALGORITHMS[] = {"auto", "lloyd", "tree", "bounds", "neighbours"},
                         *const SEEDINGS[] = {"kmeans++", "kmeans-parallel", "random", "refined"};
enum { N_ALGORITHMS = 5, N_SEEDINGS = 4 };

/* The digest of two restarts, and of a prediction by the model that is left of them. */
static uint64_t fit_and_predict(const mock_rows *m, const skymeans_problem *problem,
                                const skymeans_manner *manner)
{
    skymeans_samples *samples = make_samples(m), *others = make_samples(m);
    skymeans_answer *answer = fit_samples(samples, problem, manner, NULL, m->comm);
    skymeans_answer *kept = NULL, *predicted = NULL;
    skymeans_model model = SKYMEANS_MODEL;
    skymeans_error error;
    skymeans_model_of(answer, &model);
    if (skymeans_answer_from_model(&kept, &model, &error) == SKYMEANS_OK)
        skymeans_predict(&predicted, kept, others, manner, m->comm, &error);
    ck_assert_msg(error.code == SKYMEANS_OK, "%s", error.text);
    const uint64_t found = km_mix(digest(m, answer, true)) + digest(m, predicted, false);
    skymeans_answer_free(predicted);
    skymeans_answer_free(kept);
    skymeans_answer_free(answer);
    skymeans_samples_free(others);
    skymeans_samples_free(samples);
    return found;
}

/* All algorithms and seedings, both precisions. */
static uint64_t fit_all(MPI_Comm comm)
{
    uint64_t found = 0;
    for (int i = 0; i < N_ALGORITHMS * N_SEEDINGS; i++) {
        const mock_rows m = {.n = 3000,
                             .d = 3,
                             .type = i % 2 == 0 ? SKYMEANS_FLOAT32 : SKYMEANS_FLOAT64,
                             .has_weights = i % 3 == 0,
                             .missing = 0.02,
                             .comm = comm};
        skymeans_problem problem = SKYMEANS_PROBLEM(60);
        skymeans_manner manner = SKYMEANS_MANNER;
        problem.seeding = SEEDINGS[i / N_ALGORITHMS];
        problem.seeding_rows = 500; /* fewer than there are: they are chosen */
        problem.restarts = 2;
        problem.max_iterations = 4;
        problem.scale = i % 4 == 0 ? "standard" : "none";
        manner.algorithm = ALGORITHMS[i % N_ALGORITHMS];
        manner.threads = 1 + i % 2;
        found = km_mix(found) + fit_and_predict(&m, &problem, &manner);
    }
    return found;
}

static uint64_t found_without_mpi;

__attribute__((constructor)) static void fit_before_main(void)
{
    if (skymeans_comm_alone() == MPI_COMM_NULL)
        found_without_mpi = fit_all(MPI_COMM_NULL);
}

START_TEST(same_answers_without_mpi)
{
    ck_assert(skymeans_comm_alone() == MPI_COMM_SELF);
    ck_assert(found_without_mpi == fit_all(MPI_COMM_SELF));
}

Suite *make_suite(void)
{
    const TTest *tests[] = {same_answers_without_mpi};
    return SUITE_OF("engine_alone", tests);
}
