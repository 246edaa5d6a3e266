/* The seeding kmeans-parallel, against the same written down plainly from the paper. */
#include "base/precision.h"
#include "mock_seeding.h"

#include <stdlib.h>

static const km_precision BOTH[] = {KM_FLOAT32, KM_FLOAT64};

static void check_seeds(mock data, int64_t k, bool has_weights)
{
    if (has_weights)
        mock_weigh(&data);
    for (int b = 0; b < 2; b++)
        for (uint64_t seed = 0; seed < 3; seed++) {
            const seed_order order = {"kmeans-parallel", k,    100, seed, BOTH[b],
                                      (int64_t)seed,     false};
            check_against_reference(&order, &data);
        }
    mock_free(&data);
}

START_TEST(it_agrees_with_the_reference)
{
    for (int has_weights = 0; has_weights < 2; has_weights++)
        for (int64_t k = 1; k < 100; k = 6 * k + 1) {
            mock data = mock_mixture(1300, 3, 8, 1);
            mock_drop_rows(&data);
            check_seeds(data, k, has_weights);
        }
}
END_TEST

START_TEST(it_agrees_with_the_reference_on_hostile_data)
{
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++)
        for (int has_weights = 0; has_weights < 2; has_weights++)
            if (kind != MOCK_WIDE && kind != MOCK_DENORMAL) /* squares leave the range of float */
                check_seeds(mock_hostile(kind, 500, 2), 7, has_weights);
}
END_TEST

/* On a lattice many rows are as near to one candidate as to another: the lowest number has them. */
START_TEST(ties_go_to_the_first_candidate)
{
    mock data = mock_create(1000, 2);
    for (int64_t i = 0; i < 2000; i++)
        data.values[i] = floor(20 * mock_uniform(8, (uint64_t)i));
    for (uint64_t seed = 0; seed < 40; seed++) {
        const seed_order order = {
            "kmeans-parallel", 3 + (int64_t)seed % 5, 100, seed, BOTH[seed % 2], 0, false};
        check_against_reference(&order, &data);
    }
    mock_free(&data);
}
END_TEST

/* So many candidates in a round that samples look at them in several pieces. */
START_TEST(it_agrees_with_the_reference_with_many_candidates)
{
    check_seeds(mock_mixture(3000, 2, 40, 2), 300, false);
    check_seeds(mock_mixture(3000, 2, 40, 2), 300, true);
}
END_TEST

/* As many clusters as rows with weight, and more than distinct rows: kmeans++ on all rows. */
START_TEST(it_falls_back_where_candidates_are_too_few)
{
    check_seeds(mock_hostile(MOCK_DUPLICATES, 200, 2), 20, false);
    check_seeds(mock_hostile(MOCK_DUPLICATES, 200, 2), 20, true);
    check_seeds(mock_mixture(150, 2, 4, 3), 150, false);
    check_seeds(mock_mixture(1, 2, 1, 3), 1, false);
    check_seeds(mock_mixture(2, 2, 2, 4), 2, false);
}
END_TEST

/* A row of nearly all weight is a center, and the others count, too. */
START_TEST(it_sees_past_a_heavy_row)
{
    mock data = mock_mixture(400, 2, 4, 5);
    data.weights = mock_memory(400, sizeof(double));
    for (int64_t i = 0; i < 400; i++)
        data.weights[i] = i == 311 ? 0x1p53 - 500 : 1;
    for (uint64_t seed = 0; seed < 5; seed++) {
        const seed_order order = {"kmeans-parallel", 6, 100, seed, KM_FLOAT64, 0, false};
        double *centers = check_partitions(&order, &data);
        bool has_it = false;
        for (int c = 0; c < 6; c++)
            has_it |= is_same_bits(centers + 2 * c, data.values + 622, 2);
        ck_assert(has_it);
        ck_assert_int_eq(count_duplicates(centers, 6, 2), 0);
        free(centers);
        check_against_reference(&order, &data);
    }
    mock_free(&data);
}
END_TEST

/* Twenty clouds far from each other: nearly every seed finds most of them, as kmeans++ does, while
 * rows by chance miss a third. */
START_TEST(it_spreads_like_kmeanspp)
{
    enum { CLOUDS = 20, SEEDS = 20 };
    mock data = mock_create(2000, 2);
    for (int64_t i = 0; i < 2000; i++) {
        data.values[2 * i] = (double)(100 * (i % CLOUDS)) + mock_normal(6, (uint64_t)i);
        data.values[2 * i + 1] = mock_normal(7, (uint64_t)i);
    }
    int64_t n_found = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        const seed_order order = {"kmeans-parallel", CLOUDS, 100, seed, KM_FLOAT32, 0, false};
        bool is_found[CLOUDS] = {false};
        double *centers = seed_centers(&order, &data, MPI_COMM_WORLD);
        for (int c = 0; c < CLOUDS; c++)
            is_found[(int)floor(centers[2 * c] / 100 + 0.5)] = true;
        for (int c = 0; c < CLOUDS; c++)
            n_found += is_found[c];
        free(centers);
    }
    ck_assert_int_ge(n_found, CLOUDS * SEEDS * 9 / 10);
    mock_free(&data);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        it_agrees_with_the_reference,
        it_agrees_with_the_reference_on_hostile_data,
        ties_go_to_the_first_candidate,
        it_agrees_with_the_reference_with_many_candidates,
        it_falls_back_where_candidates_are_too_few,
        it_sees_past_a_heavy_row,
        it_spreads_like_kmeanspp,
    };
    return SUITE_OF("parallel", tests);
}
