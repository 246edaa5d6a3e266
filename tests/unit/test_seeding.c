/* The choice of rows, and what all seedings of the table have in common. */
#include "base/error.h"
#include "base/precision.h"
#include "base/random.h"
#include "mock_seeding.h"

#include <stdlib.h>

static const km_precision BOTH[] = {KM_FLOAT32, KM_FLOAT64};

/* ---- choice of rows ------------------------------------------------------------------------- */

static const uint64_t STREAM = KM_RANDOM_ROWS | 3 << 8; /* of round 3 */

/* A byte for each row of the data: was it chosen on any rank? */
static uint8_t *choose(const mock *data, int64_t wanted, uint64_t seed, MPI_Comm comm,
                       int64_t *n_all)
{
    km_samples samples = mock_samples(data, KM_FLOAT64, comm);
    int64_t *chosen, n_chosen;
    km_error error = {0};
    const km_choice choice = {wanted, seed, STREAM};
    const km_code code = km_choose_samples(&samples, &choice, comm, &chosen, &n_chosen, &error);
    ck_assert_all(code == KM_OK);
    int64_t *is_chosen = mock_memory(data->n, sizeof *is_chosen);
    bool is_ascending = true;
    for (int64_t i = 0; i < n_chosen; i++) {
        is_ascending = is_ascending && (i == 0 || chosen[i] > chosen[i - 1]);
        is_chosen[km_samples_row(&samples, chosen[i])]++;
    }
    ck_assert_all(is_ascending);
    km_sum_int64(comm, is_chosen, data->n);
    km_sum_int64(comm, &n_chosen, 1);
    *n_all = n_chosen;
    uint8_t *bytes = mock_memory(data->n, 1);
    for (int64_t i = 0; i < data->n; i++)
        bytes[i] = (uint8_t)is_chosen[i];
    free(is_chosen);
    free(chosen);
    km_samples_free(&samples);
    return bytes;
}

static void check_choice(const mock *data, int64_t wanted, uint64_t seed, MPI_Comm comm)
{
    int64_t n_usable, n_chosen;
    points p = points_of(data, KM_FLOAT64);
    keyed *sorted = points_by_number(&p, seed, STREAM, &n_usable);
    uint8_t *is_chosen = choose(data, wanted, seed, comm, &n_chosen);
    const int64_t n_right = wanted < n_usable ? wanted : n_usable;
    ck_assert_all(n_chosen == n_right);
    for (int64_t i = 0; i < n_right; i++)
        ck_assert_int_eq(is_chosen[p.rows[sorted[i].point]], 1);
    free(is_chosen);
    free(sorted);
    points_free(&p);
}

START_TEST(choice_is_the_smallest_random_numbers)
{
    mock data = mock_mixture(1500, 1, 2, 1);
    mock_drop_rows(&data);
    for (int64_t wanted = 1; wanted < 3000; wanted = 3 * wanted + 1)
        for (uint64_t seed = 0; seed < 3; seed++) {
            check_choice(&data, wanted, seed, MPI_COMM_WORLD);
            check_choice(&data, wanted, seed, MPI_COMM_SELF);
        }
    check_choice(&data, INT64_MAX, 7, MPI_COMM_WORLD);
    mock_free(&data);
}
END_TEST

START_TEST(choice_passes_over_rows_without_weight)
{
    mock data = mock_mixture(1500, 1, 2, 1);
    mock_drop_rows(&data);
    mock_weigh(&data);
    for (int64_t wanted = 1; wanted < 3000; wanted = 3 * wanted + 1) {
        check_choice(&data, wanted, 1, MPI_COMM_WORLD);
        check_choice(&data, wanted, 1, MPI_COMM_SELF);
    }
    mock_free(&data);
}
END_TEST

START_TEST(choice_works_with_few_samples)
{
    for (int64_t n = 1; n <= 5; n++) {
        mock data = mock_mixture(n, 1, 1, 2);
        for (int64_t wanted = 1; wanted <= n + 1; wanted++)
            check_choice(&data, wanted, UINT64_MAX, MPI_COMM_WORLD);
        mock_free(&data);
    }
}
END_TEST

/* ---- seedings of the table ------------------------------------------------------------------ */

/* The lowest used row with these values, rounded; -1 if there is none. */
static int64_t find_row(const mock *data, km_precision precision, const double *center)
{
    for (int64_t i = 0; i < data->n; i++) {
        bool is_found = !data->is_missing[i];
        for (int64_t j = 0; j < data->d; j++) {
            const double value = data->values[i * data->d + j];
            is_found &= center[j] == (precision == KM_FLOAT32 ? (double)(float)value : value);
        }
        if (is_found)
            return i;
    }
    return -1;
}

START_TEST(seedings_do_not_depend_on_partition)
{
    mock data = mock_mixture(700, 3, 5, 3);
    mock_drop_rows(&data);
    for (const km_seeding *seeding = km_seedings; seeding->name != NULL; seeding++)
        for (int b = 0; b < 2; b++)
            for (uint64_t seed = 0; seed < 5; seed++) {
                const seed_order order = {seeding->name, 12, INT64_MAX, seed, BOTH[b], 0, false};
                double *centers = check_partitions(&order, &data);
                for (int64_t c = 0; c < 12; c++)
                    ck_assert_int_ge(find_row(&data, BOTH[b], centers + 3 * c), 0);
                ck_assert_int_eq(count_duplicates(centers, 12, 3), 0);
                free(centers);
            }
    mock_free(&data);
}
END_TEST

START_TEST(hostile_seedings_do_not_depend_on_partition)
{
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++)
        for (const km_seeding *seeding = km_seedings; seeding->name != NULL; seeding++) {
            mock data = mock_hostile(kind, 300, 2);
            const seed_order order = {seeding->name, 9, INT64_MAX, 5, KM_FLOAT64, 0, false};
            free(check_partitions(&order, &data));
            mock_free(&data);
        }
}
END_TEST

START_TEST(seeds_give_different_centers)
{
    mock data = mock_mixture(700, 3, 5, 4);
    for (const km_seeding *seeding = km_seedings; seeding->name != NULL; seeding++) {
        seed_order order = {seeding->name, 5, INT64_MAX, 0, KM_FLOAT64, 0, false};
        double *a = seed_centers(&order, &data, MPI_COMM_WORLD);
        order.seed = UINT64_MAX;
        double *b = seed_centers(&order, &data, MPI_COMM_WORLD);
        ck_assert(!is_same_bits(a, b, 15));
        free(a);
        free(b);
    }
    mock_free(&data);
}
END_TEST

START_TEST(random_takes_rows_in_the_order_of_their_numbers)
{
    for (int has_weights = 0; has_weights < 2; has_weights++) {
        mock data = mock_mixture(500, 2, 3, 5);
        mock_drop_rows(&data);
        if (has_weights)
            mock_weigh(&data);
        int64_t n_usable;
        points p = points_of(&data, KM_FLOAT64);
        free(points_by_number(&p, 42, 0, &n_usable));
        for (int64_t restart = 0; restart < 3; restart++) {
            const seed_order order = {"random",   n_usable, INT64_MAX, 42,
                                      KM_FLOAT64, restart,  false};
            check_against_reference(&order, &data);
        }
        points_free(&p);
        mock_free(&data);
    }
}
END_TEST

/* Every restart has random numbers of its own. */
START_TEST(restarts_give_different_centers)
{
    mock data = mock_mixture(700, 3, 5, 4);
    for (const km_seeding *seeding = km_seedings; seeding->name != NULL; seeding++)
        for (int64_t rows = 100; rows <= 1000; rows += 900) {
            const seed_order first = {seeding->name, 5, rows, 1, KM_FLOAT64, 0, false},
                             second = {seeding->name, 5, rows, 1, KM_FLOAT64, 1, false};
            double *a = seed_centers(&first, &data, MPI_COMM_WORLD);
            double *b = seed_centers(&second, &data, MPI_COMM_WORLD);
            ck_assert(!is_same_bits(a, b, 15));
            free(a);
            free(b);
        }
    mock_free(&data);
}
END_TEST

START_TEST(more_ranks_than_samples)
{
    mock data = mock_mixture(2, 2, 2, 7);
    for (const km_seeding *seeding = km_seedings; seeding->name != NULL; seeding++) {
        const seed_order order = {seeding->name, 2, INT64_MAX, 1, KM_FLOAT64, 0, false};
        double *centers = check_partitions(&order, &data);
        ck_assert_int_eq(count_duplicates(centers, 2, 2), 0);
        free(centers);
    }
    mock_free(&data);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        choice_is_the_smallest_random_numbers,
        choice_passes_over_rows_without_weight,
        choice_works_with_few_samples,
        seedings_do_not_depend_on_partition,
        hostile_seedings_do_not_depend_on_partition,
        seeds_give_different_centers,
        random_takes_rows_in_the_order_of_their_numbers,
        restarts_give_different_centers,
        more_ranks_than_samples,
    };
    return SUITE_OF("seeding", tests);
}
