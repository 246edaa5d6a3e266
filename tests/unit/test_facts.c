/* Facts about all samples, and the grids that follow from them. */
#include "mock.h"
#include "mpi_check.h"

#include "base/error.h"
#include "base/precision.h"
#include "samples/transform.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

static const km_precision BOTH[] = {KM_FLOAT32, KM_FLOAT64};

static double rounded(km_precision precision, double value)
{
    return precision == KM_FLOAT32 ? (double)(float)value : value;
}

static bool is_same(const double *a, const double *b, int64_t count)
{
    return memcmp(a, b, (size_t)count * sizeof *a) == 0;
}

/* ---- facts ---------------------------------------------------------------------------------- */

static km_facts facts_of(const mock *data, km_precision precision, MPI_Comm comm)
{
    km_samples samples = mock_samples(data, precision, comm);
    km_facts facts = mock_facts(&samples, comm);
    km_samples_free(&samples);
    return facts;
}

/* Mean and variance of a feature over the used rows, in two passes, relative to one of its values.
 */
static void plain_moments(const mock *data, km_precision precision, int64_t j, long double *mean,
                          long double *variance)
{
    const long double base = rounded(precision, data->values[77 * data->d + j]);
    *mean = *variance = 0;
    for (int pass = 0; pass < 2; pass++) {
        long double sum = 0;
        int64_t n = 0;
        for (int64_t i = 0; i < data->n; i++) {
            if (data->is_missing[i])
                continue;
            const long double value = rounded(precision, data->values[i * data->d + j]) - base;
            sum += pass == 0 ? value : (value - *mean) * (value - *mean);
            n++;
        }
        *(pass == 0 ? mean : variance) = sum / n;
    }
    *mean += base;
}

static void check_facts(const km_facts *facts, const mock *data, km_precision precision)
{
    double squares = 0;
    for (int64_t j = 0; j < data->d; j++) {
        double lowest = INFINITY, highest = -INFINITY;
        long double mean, variance;
        for (int64_t i = 0; i < data->n; i++)
            if (!data->is_missing[i]) {
                const double value = rounded(precision, data->values[i * data->d + j]);
                lowest = fmin(lowest, value);
                highest = fmax(highest, value);
            }
        plain_moments(data, precision, j, &mean, &variance);
        ck_assert(facts->lowest[j] == lowest && facts->highest[j] == highest);
        ck_assert_double_le(fabs(facts->mean[j] - (double)mean),
                            4 * DBL_EPSILON * fmax(fabs((double)mean), highest - lowest));
        ck_assert_double_le(fabs(facts->variance[j] - (double)variance), 1e-12 * (double)variance);
        const double pull = (double)(mean - (long double)(lowest / 2 + highest / 2));
        squares += (double)facts->n_samples * ((double)variance + pull * pull);
    }
    ck_assert_double_le(fabs(facts->squares.high - squares), 1e-9 * squares);
}

static int64_t n_used(const mock *data)
{
    int64_t n = data->n;
    for (int64_t i = 0; i < data->n; i++)
        n -= data->is_missing[i];
    return n;
}

START_TEST(facts_are_right)
{
    const mock_kind kinds[] = {MOCK_CONSTANT, MOCK_OFFSET, MOCK_OUTLIER, MOCK_WIDE, MOCK_LATTICE};
    for (int i = 0; i < 5; i++)
        for (int p = 0; p < 2; p++) {
            mock data = mock_hostile(kinds[i], 3000, 3);
            mock_drop_rows(&data);
            data.is_missing[77] = 0;
            km_facts facts = facts_of(&data, BOTH[p], MPI_COMM_WORLD);
            ck_assert_int_eq(facts.n_samples, n_used(&data));
            check_facts(&facts, &data, BOTH[p]);
            km_facts_free(&facts);
            mock_free(&data);
        }
}
END_TEST

/* The mean of an offset feature, whose spread one pass over squares would lose in double. */
START_TEST(variance_survives_an_offset)
{
    mock data = mock_hostile(MOCK_OFFSET, 5000, 1);
    km_facts facts = facts_of(&data, KM_FLOAT64, MPI_COMM_WORLD);
    ck_assert_double_le(fabs(sqrt(facts.variance[0]) - 1e-3), 1e-4);
    km_facts_free(&facts);
    mock_free(&data);
}
END_TEST

START_TEST(a_constant_feature_has_no_variance)
{
    mock data = mock_hostile(MOCK_CONSTANT, 1000, 2);
    km_facts facts = facts_of(&data, KM_FLOAT64, MPI_COMM_WORLD);
    ck_assert(facts.variance[0] == 0);
    ck_assert(facts.mean[0] == 7.3);
    km_facts_free(&facts);
    mock_free(&data);
}
END_TEST

START_TEST(facts_have_the_same_bits_for_all_partitions)
{
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++)
        for (int p = 0; p < 2; p++) {
            mock data = mock_hostile(kind, 2500, 3);
            mock_drop_rows(&data);
            if (kind == MOCK_DENORMAL && BOTH[p] == KM_FLOAT32)
                memset(data.is_missing, 0, (size_t)data.n);
            km_facts alone = facts_of(&data, BOTH[p], MPI_COMM_SELF);
            km_facts together = facts_of(&data, BOTH[p], MPI_COMM_WORLD);
            ck_assert_all(alone.n_samples == together.n_samples);
            ck_assert_all(is_same(alone.lowest, together.lowest, data.d));
            ck_assert_all(is_same(alone.highest, together.highest, data.d));
            ck_assert_all(is_same(alone.mean, together.mean, data.d));
            ck_assert_all(is_same(alone.variance, together.variance, data.d));
            ck_assert_all(memcmp(&alone.squares, &together.squares, sizeof alone.squares) == 0);
            for (int64_t j = 0; j < data.d; j++)
                ck_assert_all(isfinite(alone.mean[j]) && alone.variance[j] >= 0);
            km_facts_free(&alone);
            km_facts_free(&together);
            mock_free(&data);
        }
}
END_TEST

START_TEST(one_sample_has_facts)
{
    mock data = mock_hostile(MOCK_WIDE, 1, 4);
    km_facts facts = facts_of(&data, KM_FLOAT64, MPI_COMM_WORLD);
    ck_assert_int_eq(facts.n_samples, 1);
    for (int64_t j = 0; j < 4; j++)
        ck_assert(facts.mean[j] == data.values[j] && facts.variance[j] == 0);
    km_facts_free(&facts);
    mock_free(&data);
}
END_TEST

/* ---- grids ---------------------------------------------------------------------------------- */

/* Words of the grids of n values in [-1, 1] and [-1, 1] with these standard deviations. */
static int words_for(int64_t n, double sigma_0, double sigma_1, km_precision precision)
{
    double lowest[] = {-1, -1}, highest[] = {1, 1}, mean[] = {0, 0};
    double deviation[] = {sigma_0, sigma_1};
    const km_facts facts = {.n_samples = n,
                            .weight = n,
                            .n_features = 2,
                            .lowest = lowest,
                            .highest = highest,
                            .mean = mean,
                            .deviation = deviation};
    km_error error = {0};
    km_grid *grids = km_facts_choose_grids(&facts, precision, &error);
    ck_assert_ptr_nonnull(grids);
    const int n_words = grids[0].n_words;
    ck_assert_int_eq(grids[1].n_words, n_words);
    const double epsilon = precision == KM_FLOAT32 ? 0x1p-24 : 0x1p-53;
    for (int j = 0; j < 2; j++)
        if (n_words == 1 && deviation[j] > 0)
            ck_assert_double_le(grids[j].unit, epsilon * deviation[j]);
    free(grids);
    return n_words;
}

START_TEST(grids_have_one_word_where_it_is_fine_enough)
{
    ck_assert_int_eq(words_for(1000000, 0.5, 0.5, KM_FLOAT32), 1);
    ck_assert_int_eq(words_for(1000000, 0.5, 0.5, KM_FLOAT64), 2);
    ck_assert_int_eq(words_for(50, 0.5, 0.5, KM_FLOAT64), 1);
    ck_assert_int_eq(words_for(50, 0.5, 1e-4, KM_FLOAT64), 2); /* one feature is enough */
    ck_assert_int_eq(words_for((int64_t)1 << 40, 0.5, 0.5, KM_FLOAT32), 2);
    ck_assert_int_eq(words_for(50, 0.5, 0, KM_FLOAT64), 1); /* constant: exact anyway */
}
END_TEST

/* 1e15 among 1.8e9 ones: one word would have a unit of 5e5. */
START_TEST(an_outlier_asks_for_two_words)
{
    const int64_t n = 1800000000;
    double lowest = 1, highest = 1e15, mean = 1e15 / (double)n;
    double deviation = 1e15 / sqrt((double)n);
    const km_facts facts = {.n_samples = n,
                            .weight = n,
                            .n_features = 1,
                            .lowest = &lowest,
                            .highest = &highest,
                            .mean = &mean,
                            .deviation = &deviation};
    km_error error = {0};
    km_grid *grids = km_facts_choose_grids(&facts, KM_FLOAT64, &error);
    ck_assert_int_eq(grids[0].n_words, 2);
    ck_assert_double_lt(grids[0].unit, 1e-6);
    free(grids);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        facts_are_right,
        variance_survives_an_offset,
        a_constant_feature_has_no_variance,
        facts_have_the_same_bits_for_all_partitions,
        one_sample_has_facts,
        grids_have_one_word_where_it_is_fine_enough,
        an_outlier_asks_for_two_words,
    };
    return SUITE_OF("facts", tests);
}
