/* The seeding kmeans++. */
#include "base/precision.h"
#include "base/random.h"
#include "mock_seeding.h"

#include <stdlib.h>
#include <string.h>

static const km_precision BOTH[] = {KM_FLOAT32, KM_FLOAT64};

/* kmeans++ on whole numbers, where weights are exact without any power of two: up to 16 centers are
 * drawn one by one. */
static void plain_kmeanspp(const mock *data, int64_t k, uint64_t seed, double *centers)
{
    const int64_t n = data->n, d = data->d;
    uint64_t *weights = mock_memory(n, sizeof *weights);
    uint8_t *is_center = mock_memory(n, 1);
    for (int64_t c = 0; c < k; c++) {
        uint64_t total = 0, target = km_random(seed, KM_RANDOM_DRAW, (uint64_t)c);
        int64_t i = 0;
        for (int64_t r = 0; r < n; r++)
            total += c == 0 ? 1 : weights[r];
        if (total > 0) {
            target = km_random_below(total, target);
            for (uint64_t sum = c == 0 ? 1 : weights[0]; sum <= target;)
                sum += c == 0 ? ((void)++i, 1) : weights[++i];
        } else {
            while (is_center[i])
                i++;
        }
        is_center[i] = 1;
        memcpy(centers + c * d, data->values + i * d, (size_t)d * sizeof *centers);
        for (int64_t r = 0; r < n; r++) {
            uint64_t d2 = 0;
            for (int64_t j = 0; j < d; j++) {
                const double difference = data->values[r * d + j] - data->values[i * d + j];
                d2 += (uint64_t)(difference * difference);
            }
            weights[r] = c == 0 || d2 < weights[r] ? d2 : weights[r];
        }
    }
    free(weights);
    free(is_center);
}

static void check_kmeanspp(const mock *data, int64_t k, uint64_t seed)
{
    double *right = mock_memory(k * data->d, sizeof *right);
    plain_kmeanspp(data, k, seed, right);
    for (int b = 0; b < 2; b++) {
        const seed_order order = {"kmeans++", k, INT64_MAX, seed, BOTH[b], 0, true};
        double *found = seed_centers(&order, data, MPI_COMM_WORLD);
        ck_assert(is_same_bits(found, right, k * data->d));
        free(found);
    }
    free(right);
}

START_TEST(kmeanspp_agrees_with_exact_arithmetic)
{
    mock data = mock_hostile(MOCK_LATTICE, 400, 3);
    for (uint64_t seed = 0; seed < 10; seed++)
        check_kmeanspp(&data, 16, seed);
    mock_free(&data);
}
END_TEST

/* More centers than distinct rows: first all distinct ones, then the lowest unused. */
/* Clouds far from each other: greedy seeding finds all of them in nearly every case, plain seeding
 * misses some. */
START_TEST(greedy_kmeanspp_finds_all_clouds)
{
    enum { CLOUDS = 12, SEEDS = 30 };
    mock data = mock_create(1200, 2);
    int n_all[2] = {0, 0};
    for (int64_t i = 0; i < 1200; i++) {
        data.values[2 * i] = (double)(10 * (i % 4)) + mock_normal(6, (uint64_t)i);
        data.values[2 * i + 1] = (double)(10 * (i % 3)) + mock_normal(7, (uint64_t)i);
    }
    for (uint64_t seed = 0; seed < 2 * SEEDS; seed++) {
        const bool is_plain = seed >= SEEDS;
        const seed_order order = {"kmeans++", CLOUDS, INT64_MAX, seed % SEEDS,
                                  KM_FLOAT32, 0,      is_plain};
        bool is_found[CLOUDS] = {false};
        double *centers = seed_centers(&order, &data, MPI_COMM_WORLD);
        int n = 0;
        for (int c = 0; c < CLOUDS; c++) {
            bool *is_this = &is_found[(int)floor(centers[2 * c] / 10 + 0.5) * 3 +
                                      (int)floor(centers[2 * c + 1] / 10 + 0.5)];
            n += !*is_this;
            *is_this = true;
        }
        n_all[is_plain] += n == CLOUDS;
        free(centers);
    }
    ck_assert_int_ge(n_all[0], SEEDS * 9 / 10);
    ck_assert_int_le(n_all[1], SEEDS * 2 / 3);
    mock_free(&data);
}
END_TEST

START_TEST(kmeanspp_ends_with_the_lowest_unused_rows)
{
    mock data = mock_create(150, 1);
    for (int64_t i = 0; i < 150; i++)
        data.values[i] = (double)(i / 3 % 4);
    for (uint64_t seed = 0; seed < 10; seed++)
        check_kmeanspp(&data, 100, seed);
    check_kmeanspp(&data, 150, 3);
    mock_free(&data);
}
END_TEST

START_TEST(kmeanspp_takes_all_distinct_rows_first)
{
    mock data = mock_hostile(MOCK_DUPLICATES, 333, 2);
    for (uint64_t seed = 0; seed < 20; seed++) {
        const seed_order order = {"kmeans++", 5, INT64_MAX, seed, KM_FLOAT64, 0, false};
        double *centers = seed_centers(&order, &data, MPI_COMM_WORLD);
        ck_assert_int_eq(count_duplicates(centers, 5, 2), 0);
        free(centers);
    }
    mock_free(&data);
}
END_TEST

/* Beside an outlier the others weigh next to nothing, but once it is a center they count again. */
START_TEST(kmeanspp_sees_past_an_outlier)
{
    mock data = mock_hostile(MOCK_OUTLIER, 300, 1);
    for (uint64_t seed = 0; seed < 20; seed++) {
        const seed_order order = {"kmeans++", 40, INT64_MAX, seed, KM_FLOAT64, 0, false};
        double *centers = check_partitions(&order, &data);
        ck_assert(centers[0] == 1e15 || centers[1] == 1e15);
        ck_assert_int_eq(count_duplicates(centers, 40, 1), 0);
        free(centers);
    }
    mock_free(&data);
}
END_TEST

/* Distances that shrink step by step ask for a new power of two again and again. */
START_TEST(kmeanspp_never_takes_a_row_twice_on_all_scales)
{
    mock data = mock_create(200, 1);
    for (int64_t i = 0; i < 200; i++)
        data.values[i] = ldexp(1, -(int)i);
    for (uint64_t seed = 0; seed < 5; seed++) {
        const seed_order order = {"kmeans++", 200, INT64_MAX, seed, KM_FLOAT64, 0, false};
        double *centers = check_partitions(&order, &data);
        ck_assert_int_eq(count_duplicates(centers, 200, 1), 0);
        free(centers);
    }
    mock_free(&data);
}
END_TEST

/* The number of a value among three. */
static int number_of(const double *three, double value)
{
    return value == three[0] ? 0 : value == three[1] ? 1 : 2;
}

/* Is a frequency within four standard deviations of its probability? */
static bool is_plausible(int count, int n, double probability)
{
    const double expected = n * probability;
    return fabs(count - expected) <= 4 * sqrt(expected * (1 - probability)) + 1;
}

/* Points at 0, 1 and 3: the second center has probability d2 / sum of d2. */
START_TEST(kmeanspp_draws_in_proportion_to_squared_distances)
{
    enum { N = 1200 };
    const double at[] = {0, 1, 3};
    const double squares[3][3] = {{0, 1, 9}, {1, 0, 4}, {9, 4, 0}};
    const double sums[3] = {10, 5, 13};
    int counts[3][3] = {{0}};
    mock data = mock_create(3, 1);
    memcpy(data.values, at, sizeof at);
    for (uint64_t seed = 0; seed < N; seed++) {
        const seed_order order = {"kmeans++", 2, INT64_MAX, seed, KM_FLOAT32, 0, true};
        double *centers = seed_centers(&order, &data, MPI_COMM_WORLD);
        counts[number_of(at, centers[0])][number_of(at, centers[1])]++;
        free(centers);
    }
    for (int a = 0; a < 3; a++) {
        ck_assert(is_plausible(counts[a][0] + counts[a][1] + counts[a][2], N, 1.0 / 3));
        for (int b = 0; b < 3; b++)
            ck_assert(is_plausible(counts[a][b], N, squares[a][b] / sums[a] / 3));
        ck_assert_int_eq(counts[a][a], 0);
    }
    mock_free(&data);
}
END_TEST

/* With fewer seeding rows, the draw is from those with the smallest random numbers. */
START_TEST(kmeanspp_draws_from_the_seeding_rows)
{
    enum { ROWS = 60 };
    mock data = mock_mixture(900, 2, 4, 6);
    mock_drop_rows(&data);
    points p = points_of(&data, KM_FLOAT64);
    for (uint64_t seed = 0; seed < 5; seed++) {
        int64_t n_used;
        keyed *sorted = points_by_number(&p, seed, km_stream(KM_RANDOM_ROWS, 0, 0), &n_used);
        const seed_order order = {"kmeans++", ROWS, ROWS, seed, KM_FLOAT64, 0, false};
        double *centers = check_partitions(&order, &data);
        ck_assert_int_eq(count_duplicates(centers, ROWS, 2), 0);
        for (int i = 0; i < ROWS; i++) { /* k = rows: each of them is a center */
            bool is_center = false;
            for (int c = 0; c < ROWS; c++)
                is_center |= is_same_bits(centers + 2 * c, p.x + 2 * sorted[i].point, 2);
            ck_assert(is_center);
        }
        free(centers);
        free(sorted);
    }
    points_free(&p);
    mock_free(&data);
}
END_TEST

/* ---- against the plain reference, with weights ----------------------------------------------- */

static void check_seeds(mock *data, int64_t k, int64_t n_rows)
{
    for (int b = 0; b < 2; b++)
        for (uint64_t seed = 0; seed < 4; seed++) {
            const seed_order order = {"kmeans++",   k, n_rows, seed, BOTH[b], (int64_t)seed,
                                      seed % 2 == 0};
            check_against_reference(&order, data);
        }
    mock_free(data);
}

START_TEST(kmeanspp_agrees_with_the_reference)
{
    for (int64_t n_rows = 150; n_rows < 10000; n_rows *= 50)
        for (int has_weights = 0; has_weights < 2; has_weights++) {
            mock mixture = mock_mixture(1100, 3, 6, 9),
                 lattice = mock_hostile(MOCK_LATTICE, 700, 2);
            mock_drop_rows(&mixture);
            if (has_weights) {
                mock_weigh(&mixture);
                mock_weigh(&lattice);
            }
            check_seeds(&mixture, 40, n_rows);
            check_seeds(&lattice, 30, n_rows); /* 16 distinct rows */
        }
}
END_TEST

START_TEST(kmeanspp_agrees_with_the_reference_on_hostile_data)
{
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++) {
        if (kind == MOCK_WIDE || kind == MOCK_DENORMAL)
            continue; /* not working values: squares leave the range of float */
        mock data = mock_hostile(kind, 600, 2), weighted = mock_hostile(kind, 600, 2);
        mock_weigh(&weighted);
        check_seeds(&data, 12, INT64_MAX);
        check_seeds(&weighted, 12, 300);
    }
}
END_TEST

/* More blocks than a group of them holds, and more samples than a chunk. */
START_TEST(kmeanspp_agrees_with_the_reference_on_many_rows)
{
    mock data = mock_mixture(9000, 2, 30, 10);
    mock_weigh(&data);
    for (int is_plain = 0; is_plain < 2; is_plain++) {
        const seed_order order = {"kmeans++", 60, INT64_MAX, 1, KM_FLOAT32, 0, is_plain};
        check_against_reference(&order, &data);
    }
    mock_free(&data);
}
END_TEST

/* So many that new centers wait for a pass until there are as many as are looked at together. */
START_TEST(kmeanspp_agrees_with_the_reference_with_many_clusters)
{
    mock data = mock_mixture(5200, 1, 30, 11);
    const seed_order order = {"kmeans++", 4700, INT64_MAX, 2, KM_FLOAT32, 0, true};
    check_against_reference(&order, &data);
    mock_free(&data);
}
END_TEST

/* One row has nearly all of 2^53: the others weigh nothing beside it until the power is renewed. */
START_TEST(kmeanspp_sees_past_a_heavy_row)
{
    mock data = mock_create(40, 1);
    data.weights = mock_memory(40, sizeof(double));
    for (int64_t i = 0; i < 40; i++) {
        data.values[i] = ldexp(1, -(int)i);
        data.weights[i] = 1;
    }
    data.values[39] = 0;
    data.weights[39] = 0x1p53 - 1000;
    for (uint64_t seed = 0; seed < 5; seed++) {
        const seed_order order = {"kmeans++", 40, INT64_MAX, seed, KM_FLOAT64, 0, false};
        double *centers = check_partitions(&order, &data);
        ck_assert_int_eq(count_duplicates(centers, 40, 1), 0);
        free(centers);
        check_against_reference(&order, &data);
    }
    mock_free(&data);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        kmeanspp_agrees_with_exact_arithmetic,
        greedy_kmeanspp_finds_all_clouds,
        kmeanspp_ends_with_the_lowest_unused_rows,
        kmeanspp_takes_all_distinct_rows_first,
        kmeanspp_sees_past_an_outlier,
        kmeanspp_never_takes_a_row_twice_on_all_scales,
        kmeanspp_draws_in_proportion_to_squared_distances,
        kmeanspp_draws_from_the_seeding_rows,
        kmeanspp_agrees_with_the_reference,
        kmeanspp_agrees_with_the_reference_on_hostile_data,
        kmeanspp_agrees_with_the_reference_on_many_rows,
        kmeanspp_agrees_with_the_reference_with_many_clusters,
        kmeanspp_sees_past_a_heavy_row,
    };
    return SUITE_OF("kmeanspp", tests);
}
