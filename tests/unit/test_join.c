/* Rows on their way to the rank of their id. Ranks: 1, 3. */
#include "mock.h"
#include "mpi_check.h"

#include "compare/column.h"

/* Even if all ranks send their rows to one. */
START_TEST(counts_of_a_round_fit)
{
    for (int64_t n = 1; n < INT_MAX / KM_IDENTIFIED_WORDS; n += 1 + n / 7) {
        const int64_t rows = km_rows_of_round((int)n);
        ck_assert_int_ge(rows, 1);
        ck_assert_int_le(rows * n * KM_IDENTIFIED_WORDS, INT_MAX);
    }
}
END_TEST

/* More than go in one round, to one rank; of the last rank none. */
START_TEST(rows_of_several_rounds_arrive)
{
    const int n_ranks = km_comm_size(MPI_COMM_WORLD), rank = km_comm_rank(MPI_COMM_WORLD);
    const int64_t n = rank > 0 && rank == n_ranks - 1 ? 0 : km_rows_of_round(n_ranks) + 5;
    km_identified *rows = mock_memory(n, sizeof *rows), *received;
    int64_t n_received, found[3] = {n, 0, 0};
    km_error error = {0};
    for (int64_t i = 0; i < n; i++)
        rows[i] = (km_identified){.low = 7, .row = rank * n + i};
    ck_assert_all(km_send_by_id(rows, n, &received, &n_received, MPI_COMM_WORLD, &error) == KM_OK);
    for (int64_t i = 0; i < n_received; i++)
        found[1] += received[i].row;
    for (int64_t i = 0; i < n; i++)
        found[2] += rows[i].row;
    ck_assert_all(n_received == 0 || n_received > km_rows_of_round(n_ranks));
    found[0] -= n_received;
    found[1] -= found[2];
    km_sum_int64(MPI_COMM_WORLD, found, 2);
    ck_assert_int_eq(found[0], 0);
    ck_assert_int_eq(found[1], 0);
    free(received);
    free(rows);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {counts_of_a_round_fit, rows_of_several_rounds_arrive};
    return SUITE_OF("join", tests);
}
