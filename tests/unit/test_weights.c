/* Weights: a whole weight is the same as the row that many times, and 0 the same as no row. */
#include "base/arithmetic.h"
#include "base/error.h"
#include "base/partition.h"
#include "base/precision.h"
#include "mpi_check.h"
#include "solve.h"

#include <stdlib.h>
#include <string.h>

static const km_precision BOTH[] = {KM_FLOAT32, KM_FLOAT64};

/* ---- units ---------------------------------------------------------------------------------- */

/* Samples of this rank with settled weights. */
typedef struct settled {
    mock data;
    km_samples samples;
    km_error error;
} settled;

static settled settle(const double *weights, int64_t n)
{
    settled s = {.data = mock_mixture(n, 1, 2, 1)};
    const km_rows slab = km_slab(n, km_comm_size(MPI_COMM_WORLD), km_comm_rank(MPI_COMM_WORLD));
    s.data.weights = mock_memory(n, sizeof *weights);
    memcpy(s.data.weights, weights, (size_t)n * sizeof *weights);
    ck_assert_all(km_samples_create(&s.samples, KM_FLOAT64, 1, true, slab, &s.error) == KM_OK);
    mock_append(&s.samples, &s.data);
    km_weights_settle(&s.samples, MPI_COMM_WORLD, &s.error);
    return s;
}

static void settled_free(settled *s)
{
    km_samples_free(&s->samples);
    mock_free(&s->data);
}

static bool is_power_of_two(double value)
{
    int exponent;
    return frexp(value, &exponent) == 0.5;
}

/* Whole numbers within half a unit of what they were, of at most 53 bits together; none was rounded
 * if they fit. Returns the unit. */
static double check_units(const double *weights, int64_t n, bool is_exact)
{
    settled s = settle(weights, n);
    ck_assert_all(s.error.code == KM_OK);
    const double unit = s.samples.weight_unit;
    km_int128 sum = 0;
    bool is_right = is_power_of_two(unit) && isfinite(unit);
    for (int64_t i = 0; i < s.samples.n_samples; i++) {
        const double units = s.samples.weights[i];
        const double right = s.data.weights[km_samples_row(&s.samples, i)];
        is_right &= units >= 0 && units == floor(units) && fabs(units * unit - right) <= unit / 2;
        is_right &= !is_exact || units * unit == right;
        sum += (int64_t)units;
    }
    ck_assert_all(is_right);
    int64_t words[2] = {(int64_t)(sum >> 40), (int64_t)(sum & (((int64_t)1 << 40) - 1))};
    km_sum_int64(MPI_COMM_WORLD, words, 2);
    sum = ((km_int128)words[0] << 40) + words[1];
    ck_assert(0 < sum && sum <= (km_int128)1 << 53);
    ck_assert(unit == 1 || sum >= (km_int128)1 << 51 || unit == 0x1p-1074);
    settled_free(&s);
    return unit;
}

START_TEST(whole_weights_have_unit_1)
{
    const double small[] = {3, 0, 1, 7, 0, 1e9}, one[] = {1};
    const double full[] = {0x1p52, 1, 0x1p52 - 1};
    ck_assert(check_units(small, 6, true) == 1);
    ck_assert(check_units(one, 1, true) == 1);
    ck_assert(check_units(full, 3, true) == 1);
}
END_TEST

START_TEST(fractions_have_a_fine_unit)
{
    const double few[] = {0.5, 0.25, 3, 0}, tenths[] = {0.1, 0.2, 0.3, 0.7, 1e-9, 123.456};
    double many[500];
    for (int i = 0; i < 500; i++)
        many[i] = mock_uniform(1, (uint64_t)i);
    check_units(few, 4, true);
    check_units(tenths, 6, false);
    check_units(many, 500, false);
}
END_TEST

START_TEST(huge_and_tiny_weights_have_units)
{
    const double huge[] = {1e300, 1.5e300, 1}, tiny[] = {1e-300, 2e-301, 0};
    const double denormal[] = {5e-324, 1e-310, 0}, largest[] = {1.7e308, 1.7e308, 1.7e308};
    check_units(huge, 3, false);
    check_units(tiny, 3, false);
    check_units(denormal, 3, true);
    check_units(largest, 3, false);
}
END_TEST

/* More than 2^53 together: units of 2 or more, though all are whole. */
START_TEST(whole_weights_that_are_too_many_are_rounded)
{
    const double two[] = {0x1p53, 0x1p53}, one_more[] = {0x1p53, 1}, beyond[] = {0x1p60, 3};
    ck_assert(check_units(two, 2, false) > 1);
    ck_assert(check_units(one_more, 2, false) > 1);
    ck_assert(check_units(beyond, 2, false) > 1);
}
END_TEST

START_TEST(weights_that_are_all_0_are_refused)
{
    const double none[300] = {0};
    for (int64_t n = 1; n <= 300; n += 299) {
        settled s = settle(none, n);
        ck_assert_fails(s.error, KM_DATA, "they are 0 in all rows");
        settled_free(&s);
    }
}
END_TEST

START_TEST(weights_of_blocks_are_whole_numbers)
{
    mock data = mock_mixture(100, 1, 2, 1);
    km_samples samples = mock_samples_as_read(&data, KM_FLOAT32, MPI_COMM_SELF);
    int64_t weights[KM_BLOCK];
    km_samples_weights(&samples, 1, weights); /* without weights all are 1 */
    for (int l = 0; l < KM_BLOCK; l++)
        ck_assert_int_eq(weights[l], l < 36);
    km_samples_free(&samples);
    mock_weigh(&data);
    samples = mock_samples_as_read(&data, KM_FLOAT32, MPI_COMM_SELF);
    km_samples_weights(&samples, 1, weights);
    for (int l = 0; l < KM_BLOCK; l++)
        ck_assert_int_eq(weights[l], l < 36 ? (int64_t)data.weights[64 + l] : 0);
    km_samples_free(&samples);
    mock_free(&data);
}
END_TEST

/* ---- rows repeated -------------------------------------------------------------------------- */

/* Every used row as many times as it weighs, each of this weight. */
static mock repeat(const mock *data, double weight)
{
    int64_t n = 0;
    for (int64_t i = 0; i < data->n; i++)
        n += data->is_missing[i] ? 0 : (int64_t)data->weights[i];
    mock repeated = mock_create(n, data->d);
    repeated.weights = mock_memory(n, sizeof *repeated.weights);
    n = 0;
    for (int64_t i = 0; i < data->n; i++)
        for (int64_t copy = 0; !data->is_missing[i] && copy < (int64_t)data->weights[i]; copy++) {
            memcpy(repeated.values + n * data->d, data->values + i * data->d,
                   (size_t)data->d * sizeof(double));
            repeated.weights[n++] = weight;
        }
    if (weight == 1) { /* the same as none */
        free(repeated.weights);
        repeated.weights = NULL;
    }
    return repeated;
}

static void check_facts(const km_facts *a, const km_facts *b)
{
    ck_assert(a->weight == b->weight);
    ck_assert(is_same_bits(a->lowest, b->lowest, a->n_features));
    ck_assert(is_same_bits(a->highest, b->highest, a->n_features));
    ck_assert(is_same_bits(a->mean, b->mean, a->n_features));
    ck_assert(is_same_bits(a->variance, b->variance, a->n_features));
    ck_assert(is_same_bits(a->deviation, b->deviation, a->n_features));
    ck_assert(memcmp(&a->squares, &b->squares, sizeof a->squares) == 0);
}

static void check_scaling(const km_transform *a, const km_transform *b)
{
    ck_assert_int_eq(a->exponent, b->exponent);
    ck_assert(is_same_bits(a->offset, b->offset, a->n_features));
    ck_assert(is_same_bits(a->factor, b->factor, a->n_features));
}

/* All but the number of changed labels, which counts rows. */
static void check_fits(const outcome *a, const outcome *b, int64_t k, int64_t d)
{
    ck_assert(is_same_bits(a->answer->fit.centers, b->answer->fit.centers, k * d));
    ck_assert(is_same_bits(&a->answer->fit.inertia, &b->answer->fit.inertia, 1));
    ck_assert(is_same_bits(a->answer->fit.weights, b->answer->fit.weights, k));
    ck_assert_int_eq(a->answer->fit.n_iterations, b->answer->fit.n_iterations);
    for (int64_t i = 0; i < a->answer->fit.n_iterations; i++) {
        ck_assert(is_same_bits(&a->answer->fit.history[i].inertia,
                               &b->answer->fit.history[i].inertia, 1));
        ck_assert(
            is_same_bits(&a->answer->fit.history[i].shift, &b->answer->fit.history[i].shift, 1));
    }
}

static void check_repeated_labels(const mock *data, const outcome *weighted,
                                  const outcome *repeated)
{
    int64_t next = 0;
    for (int64_t i = 0; i < data->n; i++)
        for (int64_t copy = 0; !data->is_missing[i] && copy < (int64_t)data->weights[i]; copy++)
            ck_assert_int_eq(repeated->labels[next++], weighted->labels[i]);
}

/* Some of the rows with weight, [k][d], which the caller frees; the same ones again if there are
 * too few. */
static double *first_rows(const mock *data, int64_t k)
{
    double *centers = mock_memory(k * data->d, sizeof *centers);
    for (int64_t c = 0, i = 0; c < k; i = (i + 7) % data->n)
        if (!data->is_missing[i] && data->weights[i] > 0)
            memcpy(centers + c++ * data->d, data->values + i * data->d,
                   (size_t)data->d * sizeof *centers);
    return centers;
}

/* The fit of weighted rows and of repeated ones, from the same first centers. Returns the words of
 * the sums. */
static int check_repeated(mock *data, int64_t k, km_precision precision, km_scaling scaling,
                          double weight)
{
    mock repeated = repeat(data, weight);
    for (int64_t i = 0; i < data->n; i++)
        data->weights[i] *= weight;
    solve_task task = solve_task_of(data, k, precision);
    double *first = first_rows(data, k);
    task.problem.scale = km_scaling_name(scaling);
    task.problem.first_centers = first;
    outcome a = solve(&task, MPI_COMM_WORLD);
    for (int64_t i = 0; i < data->n; i++)
        data->weights[i] /= weight;
    task.data = &repeated;
    outcome b = solve(&task, MPI_COMM_WORLD);
    check_facts(&a.samples->facts, &b.samples->facts);
    check_scaling(&a.samples->transform, &b.samples->transform);
    check_fits(&a, &b, k, data->d);
    check_repeated_labels(data, &a, &b);
    const int n_words = a.n_words;
    ck_assert_int_eq(n_words, b.n_words);
    outcome_free(&a);
    outcome_free(&b);
    mock_free(&repeated);
    free(first);
    return n_words;
}

static mock weighted_mixture(int64_t n)
{
    mock data = mock_mixture(n, 3, 6, 2);
    mock_drop_rows(&data);
    mock_weigh(&data);
    return data;
}

START_TEST(a_weight_is_the_row_that_many_times)
{
    for (int p = 0; p < 2; p++)
        for (km_scaling scaling = KM_SCALE_NONE; scaling <= KM_SCALE_MINMAX; scaling++) {
            mock few = weighted_mixture(30), many = weighted_mixture(1500);
            ck_assert_int_eq(check_repeated(&few, 4, BOTH[p], scaling, 1), 1);
            ck_assert_int_eq(check_repeated(&many, 9, BOTH[p], scaling, 1), 1 + p);
            /* so heavy that float, too, needs two words */
            ck_assert_int_eq(check_repeated(&many, 9, BOTH[p], scaling, 0x1p39), 2);
            mock_free(&few);
            mock_free(&many);
        }
}
END_TEST

START_TEST(a_weight_is_the_row_that_many_times_on_hostile_data)
{
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++)
        for (int p = 0; p < 2; p++) {
            mock data = mock_hostile(kind, 400, 2);
            for (int64_t i = 0; p == 0 && i < 800; i++)
                data.values[i] = (double)(float)data.values[i];
            mock_weigh(&data);
            check_repeated(&data, 3, BOTH[p], KM_SCALE_NONE, 1);
            check_repeated(&data, 3, BOTH[p], KM_SCALE_STANDARD, 1);
            mock_free(&data);
        }
}
END_TEST

/* Halves are as good as whole numbers: from the same first centers the same labels. */
START_TEST(halves_of_weights_give_the_same_labels)
{
    mock data = weighted_mixture(1000);
    solve_task task = solve_task_of(&data, 7, KM_FLOAT64);
    double *first = first_rows(&data, 7);
    task.problem.first_centers = first;
    outcome a = solve(&task, MPI_COMM_WORLD);
    for (int64_t i = 0; i < data.n; i++)
        data.weights[i] /= 2;
    outcome b = solve(&task, MPI_COMM_WORLD);
    ck_assert(memcmp(a.labels, b.labels, (size_t)data.n * sizeof *a.labels) == 0);
    ck_assert_double_le(fabs(b.answer->fit.inertia / a.answer->fit.inertia - 0.5), 1e-14);
    for (int c = 0; c < 7; c++)
        ck_assert(b.answer->fit.weights[c] == a.answer->fit.weights[c] / 2);
    outcome_free(&a);
    outcome_free(&b);
    mock_free(&data);
    free(first);
}
END_TEST

/* ---- no weight ------------------------------------------------------------------------------ */

/* Rows far out, that may not say so. */
static void move_out(mock *data, km_precision precision)
{
    const double far = precision == KM_FLOAT32 ? 3e38 : 1e300;
    for (int64_t i = 0; i < data->n; i++)
        for (int64_t j = 0; data->is_missing[i] && j < data->d; j++)
            data->values[i * data->d + j] = i % 3 == 0 ? far : i % 3 == 1 ? -far : 0.5;
}

/* Rows that are not used, and the same rows with weight 0. */
static void check_zeros(const mock *dropped, const mock *zeros, const solve_task *rule)
{
    solve_task task = *rule;
    task.data = dropped;
    outcome a = solve(&task, MPI_COMM_WORLD);
    task.data = zeros;
    outcome b = solve(&task, MPI_COMM_WORLD);
    ck_assert_int_eq(a.samples->facts.n_samples, b.samples->facts.n_samples);
    check_facts(&a.samples->facts, &b.samples->facts);
    check_scaling(&a.samples->transform, &b.samples->transform);
    task.data = dropped;
    double *first = solve_first(&task, &a, MPI_COMM_WORLD);
    task.data = zeros;
    double *first_of_zeros = solve_first(&task, &b, MPI_COMM_WORLD);
    ck_assert(is_same_bits(first, first_of_zeros, rule->problem.n_clusters * dropped->d));
    free(first);
    free(first_of_zeros);
    check_fits(&a, &b, rule->problem.n_clusters, dropped->d);
    for (int64_t i = 0; i < dropped->n; i++) {
        ck_assert_int_lt(b.labels[i], rule->problem.n_clusters);
        ck_assert_int_ge(b.labels[i], 0);
        ck_assert(dropped->is_missing[i] || a.labels[i] == b.labels[i]);
    }
    outcome_free(&a);
    outcome_free(&b);
}

START_TEST(rows_without_weight_get_labels_and_change_nothing)
{
    for (int p = 0; p < 2; p++)
        for (km_scaling scaling = KM_SCALE_NONE; scaling <= KM_SCALE_MINMAX; scaling++)
            for (const km_seeding *seeding = km_seedings; seeding->name != NULL; seeding++) {
                mock dropped = mock_mixture(900, 3, 6, 3), zeros = mock_mixture(900, 3, 6, 3);
                mock_drop_rows(&dropped);
                zeros.weights = mock_memory(900, sizeof(double));
                for (int64_t i = 0; i < 900; i++)
                    zeros.weights[i] = dropped.is_missing[i] ? 0 : 1;
                memcpy(zeros.is_missing, dropped.is_missing, 900);
                move_out(&zeros, BOTH[p]);
                memset(zeros.is_missing, 0, 900);
                solve_task task = solve_task_of(&dropped, 8, BOTH[p]);
                task.problem.scale = km_scaling_name(scaling);
                task.problem.seeding = seeding->name;
                task.problem.seeding_rows = scaling == KM_SCALE_NONE ? 100 : INT64_MAX;
                task.problem.tolerance =
                    1e-9; /* a label of no weight may still change at the end */
                check_zeros(&dropped, &zeros, &task);
                mock_free(&dropped);
                mock_free(&zeros);
            }
}
END_TEST

/* One row has weight; the others take part in nothing but labels. */
START_TEST(one_row_may_have_all_the_weight)
{
    mock data = mock_mixture(300, 2, 3, 4);
    data.weights = mock_memory(300, sizeof(double));
    data.weights[211] = 3;
    for (const km_seeding *seeding = km_seedings; seeding->name != NULL; seeding++) {
        solve_task task = solve_task_of(&data, 1, KM_FLOAT64);
        task.problem.seeding = seeding->name;
        outcome o = solve(&task, MPI_COMM_WORLD);
        km_untransform_centers(&o.samples->transform, o.answer->fit.centers, 1);
        ck_assert(is_same_bits(o.answer->fit.centers, data.values + 2 * 211, 2));
        ck_assert(o.answer->fit.inertia == 0 && o.answer->fit.sizes[0] == 300 &&
                  o.answer->fit.weights[0] == 3);
        outcome_free(&o);
    }
    mock_free(&data);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        whole_weights_have_unit_1,
        fractions_have_a_fine_unit,
        huge_and_tiny_weights_have_units,
        whole_weights_that_are_too_many_are_rounded,
        weights_that_are_all_0_are_refused,
        weights_of_blocks_are_whole_numbers,
        a_weight_is_the_row_that_many_times,
        a_weight_is_the_row_that_many_times_on_hostile_data,
        halves_of_weights_give_the_same_labels,
        rows_without_weight_get_labels_and_change_nothing,
        one_row_may_have_all_the_weight,
    };
    return SUITE_OF("weights", tests);
}
