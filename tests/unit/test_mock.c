/* Mock catalogues: elementary functions, and rows that depend on nothing but their number.
 *
 * Ranks: 1. */
#include "mpi_check.h"

#include "base/functions.h"
#include "base/hash.h"
#include "base/random.h"
#include "mock/kinds.h"

#include <math.h>

static double uniform_in(uint64_t index, double lowest, double highest)
{
    return lowest + (highest - lowest) * km_uniform(km_random(3, 1, index));
}

static bool is_near(double found, long double right, long double tolerance)
{
    const long double size = fabsl(right) > 1 ? fabsl(right) : 1;
    return fabsl((long double)found - right) <= tolerance * size;
}

START_TEST(functions_are_right)
{
    const long double pi = acosl(-1);
    for (uint64_t i = 0; i < 100000; i++) {
        const double x = uniform_in(i, -100, 100), y = uniform_in(i, -1, 1);
        const long double power = expl((long double)x);
        ck_assert(is_near((double)((long double)km_exp(x) / power), 1, 3e-16L));
        ck_assert(is_near(km_log((double)power), logl((long double)(double)power), 4e-16L));
        ck_assert(is_near((double)((long double)km_exp10(y * 20) / powl(10, 20 * (long double)y)),
                          1, 2e-14L));
        ck_assert(is_near(km_cos(x), cosl(2 * pi * fmodl((long double)x, 1)), 4e-16L));
        ck_assert(is_near(km_asin(y), asinl((long double)y), 4e-16L));
    }
    ck_assert(km_log(1) == 0 && km_exp(0) == 1 && km_cos(0) == 1 && km_asin(0) == 0);
    ck_assert(is_near(km_asin(1), pi / 2, 1e-15L) && is_near(km_asin(-1), -pi / 2, 1e-15L));
}
END_TEST

/* Positions: right, also far around; and exact where they should be, at whole quarters and opposite
 * each other. */
START_TEST(positions_are_right)
{
    const long double pi = acosl(-1);
    for (uint64_t i = 0; i < 100000; i++) {
        double sine, cosine, other_sine, other_cosine;
        const double x = ldexp(floor(uniform_in(i, -720, 720) * 0x1p30), -30); /* + 180 is exact */
        km_sincos_degrees(x, &sine, &cosine);
        ck_assert(is_near(sine, sinl((long double)x * pi / 180), 3e-16L));
        ck_assert(is_near(cosine, cosl((long double)x * pi / 180), 3e-16L));
        km_sincos_degrees(x + 180, &other_sine, &other_cosine);
        ck_assert(sine == -other_sine && cosine == -other_cosine);
        const double angle = km_angle_degrees(sine, cosine);
        ck_assert(is_near(angle, remainderl((long double)x, 360), 1e-14L) || fabs(angle) == 180);
    }
    for (int quarter = -8; quarter <= 8; quarter++) {
        double sine, cosine;
        km_sincos_degrees(90.0 * quarter, &sine, &cosine);
        ck_assert(quarter % 2 == 0 ? sine == 0 : cosine == 0);
        ck_assert(fabs(sine) + fabs(cosine) == 1);
    }
}
END_TEST

/* The probability below each deviate is the number that it was made of, also far out. */
START_TEST(normals_invert_their_distribution)
{
    enum { N = 4096 };
    uint64_t random[N];
    double normals[N];
    for (uint64_t i = 0; i < N; i++)
        random[i] = km_random(5, 1, i) >> i % 52; /* half of them small */
    random[0] = 0;
    random[1] = UINT64_MAX;
    km_normals(random, N, normals);
    ck_assert(normals[0] == -normals[1]);
    for (int i = 0; i < N; i++) {
        const double centred = km_centred(random[i]), least = 0.5 - fabs(centred);
        const long double found = erfcl(fabsl((long double)normals[i]) / sqrtl(2)) / 2;
        ck_assert((centred < 0) == (normals[i] < 0));
        /* An error of the deviate changes the logarithm of its probability by about |x| times. */
        ck_assert_msg(fabsl(found / (long double)least - 1) <=
                          1e-15L * (1 + (long double)(normals[i] * normals[i])),
                      "%.17g", normals[i]);
    }
}
END_TEST

/* A hash of their bits: that of another compiler, library or processor must be the same. */
START_TEST(bits_are_those_of_every_machine)
{
    enum { N = 4096 };
    uint64_t random[N], hash = 0;
    double values[N];
    for (uint64_t i = 0; i < N; i++)
        random[i] = km_random(5, 2, i) >> i % 50;
    km_normals(random, N, values);
    hash = km_hash_doubles(hash, values, N);
    for (int i = 0; i < N; i++) {
        const double x = values[i];
        const double of_x[] = {km_exp(10 * x), km_log(x * x), km_exp10(x), km_cos(7 * x),
                               km_asin(2 * km_centred(random[i]))};
        hash = km_hash_doubles(hash, of_x, 5);
    }
    uint64_t hash_of_sky = 0;
    for (int i = 0; i < N; i++) {
        const km_vector3 at = km_unit_vector(100 * values[i], 20 * values[N - 1 - i], 1);
        hash_of_sky = km_hash_doubles(hash_of_sky, &at.x, 3);
        const double angle = km_angle_degrees(values[i], values[N - 1 - i]);
        hash_of_sky = km_hash_doubles(hash_of_sky, &angle, 1);
    }
    ck_assert_msg(hash == UINT64_C(0xd98a9c20e03196dc), "%016llx", (unsigned long long)hash);
    ck_assert_msg(hash_of_sky == UINT64_C(0xdd5e5fffdd7b1583), "%016llx",
                  (unsigned long long)hash_of_sky);
}
END_TEST

/* ---- rows ------------------------------------------------------------------------------------ */

static const km_mock_asked mixture = {.kind = "mixture",
                                      .type = "float32",
                                      .n_rows = INT64_C(1) << 40,
                                      .n_columns = 5,
                                      .n_clusters = 37,
                                      .random_seed = 11,
                                      .n_files = 1},
                           survey = {.kind = "survey",
                                     .type = "float32",
                                     .n_rows = INT64_C(1) << 40,
                                     .random_seed = 11,
                                     .n_files = 1};

enum { MAX_COLUMNS = 16 };
typedef struct block {
    double values[MAX_COLUMNS * KM_MOCK_BLOCK];
    int32_t labels[KM_MOCK_BLOCK];
} block;

/* Rows in a block are those that are made one at a time, wherever the block begins; also beyond
 * 2^32. */
START_TEST(rows_depend_on_their_number_alone)
{
    const km_mock_asked *const asked[] = {&mixture, &survey};
    const int64_t firsts[] = {0, 1, 255, INT64_C(1) << 33};
    block many, one;
    for (int k = 0; k < 2; k++) {
        km_error error = {0};
        km_mock *mock = km_mock_create(asked[k], &error);
        ck_assert(mock != NULL && mock->n_columns <= MAX_COLUMNS);
        for (size_t f = 0; f < sizeof firsts / sizeof *firsts; f++) {
            mock->kind->fill(mock, firsts[f], KM_MOCK_BLOCK, many.values, many.labels);
            for (int64_t i = 0; i < KM_MOCK_BLOCK; i++) {
                mock->kind->fill(mock, firsts[f] + i, 1, one.values, one.labels);
                ck_assert_int_eq(one.labels[0], many.labels[i]);
                for (int64_t j = 0; j < mock->n_columns; j++)
                    ck_assert(mock->columns[j].type == KM_MOCK_ID ||
                              memcmp(&one.values[j * KM_MOCK_BLOCK],
                                     &many.values[j * KM_MOCK_BLOCK + i], sizeof(double)) == 0);
            }
        }
        km_mock_free(mock);
    }
}
END_TEST

/* No two rows, columns or seeds have the same draws. */
START_TEST(draws_are_all_different)
{
    km_mock_asked other = mixture;
    km_error error = {0};
    block a, b;
    other.random_seed++;
    km_mock *first = km_mock_create(&mixture, &error), *second = km_mock_create(&other, &error);
    ck_assert(first != NULL && second != NULL);
    first->kind->fill(first, 0, KM_MOCK_BLOCK, a.values, a.labels);
    second->kind->fill(second, 0, KM_MOCK_BLOCK, b.values, b.labels);
    for (int i = 0; i < 5 * KM_MOCK_BLOCK; i++) {

        for (int j = 0; j < 5 * KM_MOCK_BLOCK; j++)
            ck_assert(a.values[i] != b.values[j] && (i == j || a.values[i] != a.values[j]));
    }
    km_mock_free(first);
    km_mock_free(second);
}
END_TEST

START_TEST(contradictions_are_refused)
{
    km_mock_asked asked[5] = {mixture, mixture, survey, survey, mixture};
    asked[0].n_columns = 0;
    asked[1].n_clusters = 0;
    asked[2].n_columns = 3;
    asked[3].layout = "array";
    asked[4].n_files = 4;
    asked[4].n_rows = 3;
    for (int i = 0; i < 5; i++) {
        km_error error = {0};
        ck_assert(km_mock_create(&asked[i], &error) == NULL);
        ck_assert_int_eq(error.code, KM_USAGE);
    }
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        functions_are_right,
        positions_are_right,
        normals_invert_their_distribution,
        bits_are_those_of_every_machine,
        rows_depend_on_their_number_alone,
        draws_are_all_different,
        contradictions_are_refused,
    };
    return SUITE_OF("mock", tests);
}
