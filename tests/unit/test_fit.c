/* The iteration, against a plain one and on any ranks. */
#include "base/error.h"
#include "base/hash.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/timers.h"
#include "mock_fit.h"

#include <string.h>

/* ---- equality of bits ----------------------------------------------------------------------- */

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
        outcome first = run(&p, MPI_COMM_WORLD);
        for (int row = 0; km_kernels[row] != NULL; row++)
            if (km_kernels[row]->is_available()) {
                p.kernel = km_kernels[row];
                outcome other = run(&p, MPI_COMM_WORLD);
                ck_assert_all(is_same_outcome(&p, &first, &other));
                outcome_free(&other);
            }
        outcome_free(&first);
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

/* ---- against the reference ------------------------------------------------------------------ */

START_TEST(mixtures_agree_with_the_reference)
{
    const int64_t shapes[][3] = {{50, 3, 4}, {400, 1, 6}, {600, 3, 8}, {300, 9, 20}};
    for (int i = 0; i < 4; i++)
        for (int b = 0; b < 2; b++) {
            mock data = mock_mixture(shapes[i][0], shapes[i][1], shapes[i][2], 4);
            mock_drop_rows(&data);
            problem p = problem_of(data, shapes[i][2], BOTH[b]);
            check_against_reference(&p);
            problem_free(&p);
        }
}
END_TEST

START_TEST(weighted_mixtures_agree_with_the_reference)
{
    for (int64_t k = 3; k <= 12; k += 9)
        for (int b = 0; b < 2; b++) {
            mock data = mock_mixture(500, 3, k, 20);
            mock_drop_rows(&data);
            mock_weigh(&data);
            problem p = problem_of(data, k, BOTH[b]);
            check_against_reference(&p);
            check_partitions(&p);
            p.tolerance = 1e-3;
            check_against_reference(&p);
            problem_free(&p);
        }
}
END_TEST

START_TEST(ties_and_duplicates_agree_with_the_reference)
{
    const mock_kind kinds[] = {MOCK_LATTICE, MOCK_DUPLICATES, MOCK_CONSTANT};
    for (int i = 0; i < 3; i++)
        for (int b = 0; b < 2; b++)
            for (int64_t k = 2; k <= 11; k += 3) {
                problem p = problem_of(mock_hostile(kinds[i], 300, 2), k, BOTH[b]);
                check_against_reference(&p);
                problem_free(&p);
            }
}
END_TEST

START_TEST(tolerance_agrees_with_the_reference)
{
    for (double tolerance = 1e-1; tolerance > 1e-6; tolerance /= 10) {
        problem p = problem_of(mock_mixture(600, 2, 8, 5), 8, KM_FLOAT64);
        p.tolerance = tolerance;
        check_against_reference(&p);
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
    reference right = reference_of(&p);
    ck_assert_int_eq(found.fit.n_iterations, right.n_iterations);
    for (int64_t i = 0; i < right.n_iterations; i++)
        ck_assert(is_close(found.fit.history[i].inertia, right.inertia[i], 1e-12));
    ck_assert(is_close(found.fit.inertia, right.final_inertia, 1e-12));
    reference_free(&right);
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

/* The tolerance compares like with like, whatever the exponent, also where shifts in the space of
 * the fit overflow or underflow. */
START_TEST(the_exponent_does_not_change_the_stop)
{
    static const int exponents[] = {-40, 1000, -1000};
    problem p = problem_of(mock_mixture(600, 2, 8, 5), 8, KM_FLOAT64);
    p.tolerance = 1e-2;
    outcome a = run(&p, MPI_COMM_WORLD);
    ck_assert_all(a.code == KM_OK && a.fit.stop == KM_STOP_TOLERANCE && a.fit.n_iterations > 1);
    for (size_t i = 0; i < sizeof exponents / sizeof *exponents; i++) {
        p.exponent = exponents[i];
        outcome b = run(&p, MPI_COMM_WORLD);
        ck_assert_all(b.code == KM_OK);
        ck_assert_int_eq(b.fit.stop, KM_STOP_TOLERANCE);
        ck_assert_int_eq(a.fit.n_iterations, b.fit.n_iterations);
        outcome_free(&b);
    }
    outcome_free(&a);
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
    km_timers timers = {0};
    km_error error = {0};
    km_fit fit;
    ck_assert_all(km_fit_run(&fit, &task, &samples, p.first, MPI_COMM_WORLD, &timers, &error) ==
                  KM_OK);
    double sum = 0;
    for (int64_t b = 0; b < samples.n_blocks; b++) {
        double distances[KM_BLOCK];
        km_block_distances(&samples, task.kernel, fit.centers, samples.n_features,
                           fit.labels + b * KM_BLOCK, task.exponent, b, distances);
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
    check_against_reference(&p);
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
            reference right =
                reference_create(points_of(&p.data, BOTH[b]), 9, o.fit.centers, limit);
            reference_assign(&right);
            ck_assert(memcmp(right.labels, o.labels, 600 * sizeof(int32_t)) == 0);
            ck_assert(memcmp(right.sizes, o.fit.sizes, 9 * sizeof(int64_t)) == 0);
            ck_assert(is_close(o.fit.inertia, reference_inertia(&right, right.centers), 1e-12));
            reference_free(&right);
            outcome_free(&o);
            problem_free(&p);
        }
}
END_TEST

static void count_calls(void *context, const skymeans_event *event)
{
    int64_t *calls = context;
    ++*calls;
    if (event->kind != SKYMEANS_ITERATED || event->iteration->number != *calls)
        *calls = INT64_MIN;
}

START_TEST(the_observer_sees_every_iteration)
{
    problem p = problem_of(mock_mixture(300, 2, 4, 18), 4, KM_FLOAT32);
    int64_t calls = 0;
    km_samples samples = mock_samples(&p.data, p.precision, MPI_COMM_WORLD);
    km_facts facts = mock_facts(&samples, MPI_COMM_WORLD);
    km_fit_task task = task_of(&p, &facts);
    skymeans_control control = SKYMEANS_CONTROL;
    control.observe = count_calls;
    control.context = &calls;
    km_pace pace = km_pace_start(&control);
    task.pace = &pace;
    km_timers timers = {0};
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
        mixtures_agree_with_the_reference,
        weighted_mixtures_agree_with_the_reference,
        ties_and_duplicates_agree_with_the_reference,
        tolerance_agrees_with_the_reference,
        history_inertia_never_rises,
        inertia_survives_an_outlier,
        the_exponent_scales_inertia_and_shift,
        the_exponent_does_not_change_the_stop,
        squared_distances_sum_up_to_the_inertia,
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
