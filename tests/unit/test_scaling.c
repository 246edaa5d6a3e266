/* Scaling, and the power of two that keeps squares in range. */
#include "mock.h"
#include "mpi_check.h"

#include "base/error.h"
#include "base/partition.h"
#include "base/precision.h"
#include "samples/transform.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

static const char *const NAMES[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
static const km_precision BOTH[] = {KM_FLOAT32, KM_FLOAT64};

static bool is_same(const double *a, const double *b, int64_t count)
{
    return memcmp(a, b, (size_t)count * sizeof *a) == 0;
}

typedef struct scaled {
    km_samples samples;
    km_transform transform;
    km_facts facts; /* of the working values */
    km_code code;
    km_error error;
} scaled;

static scaled scale(const mock *data, km_scaling scaling, km_precision precision, MPI_Comm comm)
{
    scaled s = {.samples = mock_samples(data, precision, comm)};
    s.code = km_transform_apply(&s.transform, scaling, NULL, 0, &s.samples, NAMES, &s.facts, comm,
                                &s.error);
    return s;
}

static void scaled_free(scaled *s)
{
    km_transform_free(&s->transform);
    km_facts_free(&s->facts);
    km_samples_free(&s->samples);
}

/* Facts of samples after scaling. */
static km_facts scaled_facts(const scaled *s, MPI_Comm comm)
{
    return mock_facts(&s->samples, comm);
}

START_TEST(standard_has_mean_0_and_variance_1)
{
    mock data = mock_mixture(2000, 3, 5, 6);
    for (int p = 0; p < 2; p++) {
        scaled s = scale(&data, KM_SCALE_STANDARD, BOTH[p], MPI_COMM_WORLD);
        ck_assert_all(s.code == KM_OK);
        km_facts facts = scaled_facts(&s, MPI_COMM_WORLD);
        const double allowed = BOTH[p] == KM_FLOAT32 ? 1e-6 : 1e-13;
        for (int64_t j = 0; j < 3; j++) {
            ck_assert_double_le(fabs(ldexp(facts.mean[j], s.transform.exponent)), allowed);
            ck_assert_double_le(fabs(ldexp(facts.variance[j], 2 * s.transform.exponent) - 1),
                                allowed);
        }
        km_facts_free(&facts);
        scaled_free(&s);
    }
    mock_free(&data);
}
END_TEST

START_TEST(minmax_goes_from_0_to_1)
{
    mock data = mock_hostile(MOCK_OFFSET, 2000, 3);
    scaled s = scale(&data, KM_SCALE_MINMAX, KM_FLOAT64, MPI_COMM_WORLD);
    ck_assert_all(s.code == KM_OK);
    km_facts facts = scaled_facts(&s, MPI_COMM_WORLD);
    for (int64_t j = 0; j < 3; j++) {
        ck_assert(facts.lowest[j] == 0);
        ck_assert_double_le(fabs(ldexp(facts.highest[j], s.transform.exponent) - 1), 1e-15);
    }
    km_facts_free(&facts);
    scaled_free(&s);
    mock_free(&data);
}
END_TEST

/* `n` random ranges as columns of samples: the ends of each, and some value between. Of any size
 * that the precision has, or [lowest, highest] near 1. */
static mock random_ranges(int64_t n, km_precision precision, bool is_wide, uint64_t seed)
{
    mock data = mock_create(5, n);
    const int span = precision == KM_FLOAT32 ? 120 : 1020;
    for (int64_t j = 0; j < n; j++) {
        const uint64_t key = 8 * (uint64_t)j;
        const int exponent =
            is_wide ? (int)(mock_uniform(seed, key) * 2 * span) - span : (int)(j % 3);
        for (int64_t i = 0; i < 5; i++) {
            const double value = ldexp(mock_uniform(seed, key + 1 + (uint64_t)i) - 0.5, exponent);
            data.values[i * n + j] = precision == KM_FLOAT32 ? (double)(float)value : value;
        }
    }
    return data;
}

/* Of each feature the lowest value is 0 and the highest 1, exactly, and no other is beyond. */
static int64_t count_misses(const scaled *s)
{
    int64_t n_misses = 0;
    for (int64_t j = 0; j < s->samples.n_features; j++) {
        double values[KM_BLOCK], lowest = INFINITY, highest = -INFINITY;
        km_samples_load(&s->samples, 0, j, values);
        for (int l = 0; l < 5; l++) {
            lowest = fmin(lowest, values[l]);
            highest = fmax(highest, values[l]);
        }
        n_misses += lowest != 0 || ldexp(highest, s->transform.exponent) != 1;
    }
    return n_misses;
}

/* Rounds are shared among ranks. Sanitizers look for errors of memory, which few of them show. */
START_TEST(minmax_is_exact_at_both_ends)
{
#ifdef __SANITIZE_ADDRESS__
    enum { N_RANGES = 4096, N_ROUNDS = 16 };
#else
    enum { N_RANGES = 4096, N_ROUNDS = 256 };
#endif
    static const char *names[N_RANGES];
    const int rank = km_comm_rank(MPI_COMM_WORLD), n_ranks = km_comm_size(MPI_COMM_WORLD);
    for (int round = rank; round < N_ROUNDS; round += n_ranks) {
        const km_precision precision = BOTH[round % 2];
        mock data = random_ranges(N_RANGES, precision, round / 2 % 2 == 1, (uint64_t)round);
        km_error error = {0};
        scaled s = {.samples = mock_samples(&data, precision, MPI_COMM_SELF)};
        s.code = km_transform_apply(&s.transform, KM_SCALE_MINMAX, NULL, 0, &s.samples, names,
                                    &s.facts, MPI_COMM_SELF, &error);
        ck_assert_int_eq(s.code, KM_OK);
        ck_assert_int_eq(count_misses(&s), 0);
        scaled_free(&s);
        mock_free(&data);
    }
}
END_TEST

/* Ranges whose factor is subnormal, from 2^1022 on, and the largest there is. */
START_TEST(minmax_is_exact_for_the_largest_ranges)
{
    static const char *names[1000];
    mock data = mock_create(5, 1000);
    for (int64_t j = 0; j < 1000; j++) {
        const double range =
            j == 0 ? DBL_MAX : ldexp(0.25 + 0.7 * mock_uniform(3, (uint64_t)j), 1024);
        const double ends[5] = {-range / 2, range - range / 2, 0, 1, range / 3};
        for (int64_t i = 0; i < 5; i++)
            data.values[i * 1000 + j] = ends[i];
    }
    km_error error = {0};
    scaled s = {.samples = mock_samples(&data, KM_FLOAT64, MPI_COMM_SELF)};
    s.code = km_transform_apply(&s.transform, KM_SCALE_MINMAX, NULL, 0, &s.samples, names, &s.facts,
                                MPI_COMM_SELF, &error);
    ck_assert_int_eq(s.code, KM_OK);
    ck_assert_int_eq(count_misses(&s), 0);
    scaled_free(&s);
    mock_free(&data);
}
END_TEST

static void check_facts(scaled *s)
{
    km_facts found;
    km_error error = {0};
    ck_assert_all(km_facts_find_ranges(&found, &s->samples, MPI_COMM_WORLD, &error) == KM_OK);
    ck_assert_all(km_facts_find_moments(&found, &s->samples, NULL, MPI_COMM_WORLD, &error) ==
                  KM_OK);
    ck_assert_all(found.n_samples == s->facts.n_samples && found.weight == s->facts.weight);
    ck_assert_all(is_same(found.lowest, s->facts.lowest, found.n_features));
    ck_assert_all(is_same(found.highest, s->facts.highest, found.n_features));
    ck_assert_all(is_same(found.mean, s->facts.mean, found.n_features));
    ck_assert_all(is_same(found.variance, s->facts.variance, found.n_features));
    ck_assert_all(memcmp(&found.squares, &s->facts.squares, sizeof found.squares) == 0);
    km_facts_free(&found);
}

/* Ranges of working values are computed, not found, and their moments found while they are scaled;
 * they must be the same. */
START_TEST(facts_of_working_values_are_those_of_the_samples)
{
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++)
        for (int p = 0; p < 2; p++)
            for (km_scaling scaling = KM_SCALE_NONE; scaling <= KM_SCALE_MINMAX; scaling++) {
                mock data = mock_hostile(kind, 300, 3);
                scaled s = scale(&data, scaling, BOTH[p], MPI_COMM_WORLD);
                if (s.code == KM_OK)
                    check_facts(&s);
                scaled_free(&s);
                mock_free(&data);
            }
}
END_TEST

/* Features in single precision that are only multiplied have a way of their own. */
START_TEST(multiplied_features_have_the_bits_of_the_general_way)
{
    for (int exponent = -140; exponent <= 127; exponent++) {
        mock data = mock_mixture(200, 2, 5, 7);
        for (int64_t i = 0; i < 2 * data.n; i++)
            data.values[i] = ldexp(data.values[i], exponent - (int)(i % 2) * 20);
        scaled s = scale(&data, KM_SCALE_NONE, KM_FLOAT32, MPI_COMM_SELF);
        for (int64_t i = 0; i < 2 * data.n && s.code == KM_OK; i++) {
            double values[2];
            km_samples_get(&s.samples, i / 2, values);
            const double product = ldexp((double)(float)data.values[i], -s.transform.exponent);
            ck_assert(values[i % 2] == (double)(float)product);
        }
        scaled_free(&s);
        mock_free(&data);
    }
}
END_TEST

START_TEST(none_multiplies_by_a_power_of_two_only)
{
    mock data = mock_mixture(500, 2, 5, 7);
    scaled s = scale(&data, KM_SCALE_NONE, KM_FLOAT32, MPI_COMM_SELF);
    ck_assert(s.code == KM_OK);
    for (int64_t i = 0; i < data.n; i++) {
        double values[2];
        km_samples_get(&s.samples, i, values);
        for (int64_t j = 0; j < 2; j++)
            ck_assert(ldexp(values[j], s.transform.exponent) ==
                      (double)(float)data.values[2 * i + j]);
    }
    scaled_free(&s);
    mock_free(&data);
}
END_TEST

START_TEST(a_constant_feature_has_factor_1)
{
    mock data = mock_hostile(MOCK_CONSTANT, 500, 2);
    for (km_scaling scaling = KM_SCALE_STANDARD; scaling <= KM_SCALE_MINMAX; scaling++) {
        scaled s = scale(&data, scaling, KM_FLOAT64, MPI_COMM_WORLD);
        ck_assert_all(s.code == KM_OK);
        ck_assert(s.transform.factor[0] == 1 && s.transform.offset[0] == 7.3);
        scaled_free(&s);
    }
    mock_free(&data);
}
END_TEST

/* The largest range of all features after scaling, in working units. */
static double largest_range(const scaled *s, MPI_Comm comm)
{
    km_facts facts = scaled_facts(s, comm);
    double largest = 0;
    for (int64_t j = 0; j < facts.n_features; j++)
        largest = fmax(largest, facts.highest[j] - facts.lowest[j]);
    km_facts_free(&facts);
    return largest;
}

START_TEST(the_largest_range_comes_into_1_to_2)
{
    const double sizes[] = {1, 1e30, 1e-30, 1e-40, 1e-310, 1e300, 3e-323};
    for (int i = 0; i < 7; i++)
        for (int p = 0; p < 2; p++) {
            if (BOTH[p] == KM_FLOAT32 && (sizes[i] < 1e-44 || sizes[i] > 1e38))
                continue;
            mock data = mock_mixture(300, 2, 5, 8);
            for (int64_t v = 0; v < 600; v++)
                data.values[v] *= sizes[i];
            scaled s = scale(&data, KM_SCALE_NONE, BOTH[p], MPI_COMM_WORLD);
            ck_assert_all(s.code == KM_OK);
            const double range = largest_range(&s, MPI_COMM_WORLD);
            ck_assert_msg(1 <= range && range < 2, "size %g, precision %d: range is %g", sizes[i],
                          p, range);
            scaled_free(&s);
            mock_free(&data);
        }
}
END_TEST

/* A feature without range must not overflow beside one of tiny range. */
START_TEST(a_large_constant_stays_finite)
{
    for (int p = 0; p < 2; p++) {
        mock data = mock_create(200, 2);
        for (int64_t i = 0; i < 200; i++) {
            data.values[2 * i] = BOTH[p] == KM_FLOAT32 ? 1e30 : 1e300;
            data.values[2 * i + 1] = (BOTH[p] == KM_FLOAT32 ? 1e-30 : 1e-300) * (double)i;
        }
        scaled s = scale(&data, KM_SCALE_NONE, BOTH[p], MPI_COMM_SELF);
        ck_assert(s.code == KM_OK);
        double values[2];
        km_samples_get(&s.samples, 199, values);
        ck_assert(isfinite(values[0] * values[0]) && isfinite(values[1]));
        scaled_free(&s);
        mock_free(&data);
    }
}
END_TEST

START_TEST(centers_are_scaled_like_samples)
{
    mock data = mock_hostile(MOCK_OUTLIER, 400, 3);
    for (km_scaling scaling = KM_SCALE_NONE; scaling <= KM_SCALE_MINMAX; scaling++) {
        scaled s = scale(&data, scaling, KM_FLOAT64, MPI_COMM_WORLD);
        ck_assert_all(s.code == KM_OK);
        double centers[6], working[3];
        memcpy(centers, data.values, sizeof centers);
        km_transform_centers(&s.transform, centers, 2);
        if (km_comm_rank(MPI_COMM_WORLD) == 0) { /* it has row 0: the same values as the sample */
            int64_t *sorted = mock_by_row(&s.samples);
            km_samples_get(&s.samples, sorted[0], working);
            ck_assert(is_same(working, centers, 3));
            free(sorted);
        }
        scaled_free(&s);
    }
    mock_free(&data);
}
END_TEST

START_TEST(centers_go_there_and_back)
{
    mock data = mock_mixture(400, 3, 4, 9);
    for (km_scaling scaling = KM_SCALE_NONE; scaling <= KM_SCALE_MINMAX; scaling++) {
        scaled s = scale(&data, scaling, KM_FLOAT64, MPI_COMM_WORLD);
        ck_assert_all(s.code == KM_OK);
        double centers[30];
        memcpy(centers, data.values, sizeof centers);
        km_transform_centers(&s.transform, centers, 10);
        km_untransform_centers(&s.transform, centers, 10);
        for (int i = 0; i < 30; i++)
            ck_assert_double_le(fabs(centers[i] - data.values[i]), 1e-15);
        scaled_free(&s);
    }
    mock_free(&data);
}
END_TEST

/* Units from the smallest to the largest that doubles have, and values far from 0. */
START_TEST(centers_are_scaled_like_samples_in_extreme_units)
{
    const struct {
        int exponent;
        double offset;
    } cases[] = {{-1030, 0}, {-1060, 0}, {-149, 0}, {0, 1e15}, {100, -1e30}, {1000, 0}, {1020, 0}};
    for (int i = 0; i < 7; i++)
        for (km_scaling scaling = KM_SCALE_NONE; scaling <= KM_SCALE_MINMAX; scaling++) {
            mock data = mock_mixture(300, 3, 4, 12);
            for (int64_t v = 0; v < 900; v++)
                data.values[v] = ldexp(data.values[v], cases[i].exponent) + cases[i].offset;
            scaled s = scale(&data, scaling, KM_FLOAT64, MPI_COMM_SELF);
            ck_assert_int_eq(s.code, KM_OK);
            double centers[900], working[3];
            memcpy(centers, data.values, sizeof centers);
            km_transform_centers(&s.transform, centers, 300);
            int64_t *sorted = mock_by_row(&s.samples);
            for (int64_t row = 0; row < 300; row++) {
                km_samples_get(&s.samples, sorted[row], working);
                ck_assert(is_same(working, centers + 3 * row, 3));
            }
            free(sorted);
            km_untransform_centers(&s.transform, centers, 300);
            for (int v = 0; v < 900;
                 v++) { /* to some roundings of the larger of value and offset */
                const double offset = fabs(s.transform.offset[v % 3]);
                const double allowed = 4 * DBL_EPSILON * fmax(fabs(data.values[v]), offset);
                ck_assert_double_le(fabs(centers[v] - data.values[v]), allowed + DBL_TRUE_MIN);
            }
            scaled_free(&s);
            mock_free(&data);
        }
}
END_TEST

START_TEST(scaling_has_the_same_bits_for_all_partitions)
{
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++)
        for (km_scaling scaling = KM_SCALE_NONE; scaling <= KM_SCALE_MINMAX; scaling++) {
            mock data = mock_hostile(kind, 1000, 3);
            scaled alone = scale(&data, scaling, KM_FLOAT64, MPI_COMM_SELF);
            scaled together = scale(&data, scaling, KM_FLOAT64, MPI_COMM_WORLD);
            ck_assert_all(alone.code == KM_OK && together.code == KM_OK);
            ck_assert(alone.transform.exponent == together.transform.exponent);
            ck_assert(is_same(alone.transform.offset, together.transform.offset, 3));
            ck_assert(is_same(alone.transform.factor, together.transform.factor, 3));
            for (int64_t i = 0; i < together.samples.n_samples; i++) {
                double a[3], b[3];
                km_samples_get(&alone.samples, km_samples_row(&together.samples, i), a);
                km_samples_get(&together.samples, i, b);
                ck_assert(is_same(a, b, 3));
            }
            scaled_free(&alone);
            scaled_free(&together);
            mock_free(&data);
        }
}
END_TEST

START_TEST(a_range_that_overflows_names_its_column)
{
    mock data = mock_mixture(300, 3, 2, 10);
    data.values[3 * 10 + 1] = -1.7e308;
    data.values[3 * 290 + 1] = 1.7e308; /* on another rank, if there is one */
    for (km_scaling scaling = KM_SCALE_NONE; scaling <= KM_SCALE_MINMAX; scaling++) {
        scaled s = scale(&data, scaling, KM_FLOAT64, MPI_COMM_WORLD);
        ck_assert_all(s.code == KM_DATA);
        ck_assert_ptr_nonnull(strstr(s.error.text, "column b"));
        scaled_free(&s);
    }
    mock_free(&data);
}
END_TEST

/* A robust scale knows nothing of outliers, which it may move beyond the range of doubles. */
START_TEST(an_outlier_that_overflows_names_its_column)
{
    mock data = mock_mixture(300, 3, 2, 10);
    for (int64_t i = 0; i < 300; i++)
        data.values[3 * i + 1] *= 1e-10;
    for (int sign = -1; sign <= 1; sign += 2) {
        data.values[3 * 290 + 1] = sign * 1e300;
        scaled s = scale(&data, KM_SCALE_ROBUST, KM_FLOAT64, MPI_COMM_WORLD);
        ck_assert_fails(s.error, KM_DATA, "column b");
        scaled_free(&s);
    }
    mock_free(&data);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        standard_has_mean_0_and_variance_1,
        an_outlier_that_overflows_names_its_column,
        minmax_goes_from_0_to_1,
        minmax_is_exact_at_both_ends,
        minmax_is_exact_for_the_largest_ranges,
        none_multiplies_by_a_power_of_two_only,
        facts_of_working_values_are_those_of_the_samples,
        multiplied_features_have_the_bits_of_the_general_way,
        a_constant_feature_has_factor_1,
        the_largest_range_comes_into_1_to_2,
        a_large_constant_stays_finite,
        centers_are_scaled_like_samples,
        centers_are_scaled_like_samples_in_extreme_units,
        centers_go_there_and_back,
        scaling_has_the_same_bits_for_all_partitions,
        a_range_that_overflows_names_its_column,
    };
    return SUITE_OF("scaling", tests);
}
