/* Empty clusters: which sample each takes. */
#include "base/error.h"
#include "base/precision.h"
#include "mock_fit.h"

#include <string.h>

START_TEST(identical_first_centers_are_refilled_by_the_rule)
{
    for (int b = 0; b < 2; b++) {
        problem p = problem_of(mock_mixture(400, 2, 5, 9), 6, BOTH[b]);
        for (int64_t c = 1; c < 4; c++) /* clusters 1, 2 and 3 get nothing */
            memcpy(p.first + 2 * c, p.first, 2 * sizeof(double));
        check_against_reference(&p);
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
        check_against_reference(&p);
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

/* One iteration on samples, weights (NULL: none) and first centers given by hand; the centers must
 * be these. */
static void check_refill(const double *samples, const double *weights, int64_t n,
                         const double *first, const double *centers, int64_t k)
{
    problem p = problem_of(mock_create(n, 1), k, KM_FLOAT64);
    if (weights != NULL) {
        p.data.weights = mock_memory(n, sizeof *weights);
        memcpy(p.data.weights, weights, (size_t)n * sizeof *weights);
    }
    memcpy(p.data.values, samples, (size_t)n * sizeof *samples);
    memcpy(p.first, first, (size_t)k * sizeof *first);
    p.max_iterations = 1;
    outcome o = run(&p, MPI_COMM_WORLD);
    ck_assert_all(o.code == KM_OK);
    for (int64_t c = 0; c < k; c++)
        ck_assert(o.fit.centers[c] == centers[c]);
    outcome_free(&o);
    check_against_reference(&p);
    problem_free(&p);
}

/* Clusters 0 and 1 hold one sample each, the farthest of all: cluster 3 takes one of cluster 2. */
START_TEST(a_cluster_of_one_is_no_donor)
{
    const double samples[] = {30, 130, 200, 201, 204};
    const double first[] = {0, 100, 200, 0}, centers[] = {30, 130, 200.5, 204};
    check_refill(samples, NULL, 5, first, centers, 4);
}
END_TEST

/* Cluster 0 gives the first of its two, then has one left: cluster 3 takes one of cluster 1. */
START_TEST(a_donor_keeps_its_last_sample)
{
    const double samples[] = {10, -10, 100, 101, 104};
    const double first[] = {0, 100, 0, 0}, centers[] = {-10, 100.5, 10, 104};
    check_refill(samples, NULL, 5, first, centers, 4);
}
END_TEST

/* The last row is far out and fills nothing; cluster 0 has weight in one row only, which therefore
 * stays; cluster 2 has rows but no weight, and counts as empty. */
START_TEST(weight_alone_counts)
{
    const double samples[] = {30, -5, 200, 201, 204, 900};
    const double weights[] = {5, 0, 1, 2, 1, 0}, first[] = {0, 200, 800};
    const double right[] = {30, (200 + 2 * 201) / 3.0, 204};
    check_refill(samples, weights, 6, first, right, 3);
}
END_TEST

/* The distance decides, not the weight; the heavy row takes its weight along. */
START_TEST(a_heavy_sample_moves_with_its_weight)
{
    const double samples[] = {0, 1, 5, 3}, weights[] = {1, 1, 4, 2};
    const double first[] = {0, 0}, right[] = {(1 + 2 * 3) / 4.0, 5};
    check_refill(samples, weights, 4, first, right, 2);
}
END_TEST

START_TEST(weighted_clusters_are_refilled_by_the_rule)
{
    for (int b = 0; b < 2; b++) {
        problem p = problem_of(mock_mixture(400, 2, 5, 9), 6, BOTH[b]);
        mock_weigh(&p.data);
        for (int64_t c = 1; c < 4; c++)
            memcpy(p.first + 2 * c, p.first, 2 * sizeof(double));
        check_against_reference(&p);
        check_partitions(&p);
        problem_free(&p);
    }
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

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        identical_first_centers_are_refilled_by_the_rule,
        far_first_centers_are_refilled_by_the_rule,
        empty_clusters_take_the_farthest_samples,
        a_cluster_of_one_is_no_donor,
        a_donor_keeps_its_last_sample,
        weight_alone_counts,
        a_heavy_sample_moves_with_its_weight,
        weighted_clusters_are_refilled_by_the_rule,
        ties_for_empty_clusters_go_to_the_lowest_row,
        an_iteration_that_refilled_has_not_converged,
        infinitely_far_first_centers_come_back,
        history_begins_high_with_infinitely_far_centers,
        more_clusters_than_distinct_rows_leaves_some_empty,
    };
    return SUITE_OF("empty", tests);
}
