#include "mpi_check.h"

#include "base/error.h"
#include "comm/comm.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const MPI_Comm *worlds(void)
{
    static MPI_Comm both[2];
    both[0] = MPI_COMM_WORLD;
    both[1] = MPI_COMM_SELF;
    return both;
}

/* ---- agreement ------------------------------------------------------------------------------ */

START_TEST(nothing_to_agree_on)
{
    km_error error = {0};
    ck_assert_all(km_agree(MPI_COMM_WORLD, &error) == KM_OK);
    ck_assert_all(error.code == KM_OK && error.text[0] == '\0');
}
END_TEST

/* The ranks from `lowest` on fail, each in its own way: all learn of the lowest one. */
START_TEST(the_error_of_the_lowest_rank_wins_everywhere)
{
    const int rank = km_comm_rank(MPI_COMM_WORLD), n_ranks = km_comm_size(MPI_COMM_WORLD);
    for (int lowest = 0; lowest < n_ranks; lowest++) {
        km_error error = {0};
        char right[64];
        if (rank >= lowest)
            km_fail(&error, rank % 2 == 0 ? KM_DATA : KM_SYSTEM, "rank %d failed", rank);
        const km_code code = km_agree(MPI_COMM_WORLD, &error);
        snprintf(right, sizeof right, "rank %d failed", lowest);
        ck_assert_all(code == (lowest % 2 == 0 ? KM_DATA : KM_SYSTEM));
        ck_assert_all(error.code == code && strcmp(error.text, right) == 0);
    }
}
END_TEST

START_TEST(one_failure_anywhere_is_a_failure_everywhere)
{
    const int rank = km_comm_rank(MPI_COMM_WORLD), n_ranks = km_comm_size(MPI_COMM_WORLD);
    for (int failing = 0; failing < n_ranks; failing++) {
        km_error error = {0};
        if (rank == failing)
            km_fail(&error, KM_MEMORY, "only rank %d", rank);
        ck_assert_all(km_agree(MPI_COMM_WORLD, &error) == KM_MEMORY);
        ck_assert_all(km_agree(MPI_COMM_WORLD, &error) == KM_MEMORY); /* and so it stays */
    }
}
END_TEST

/* ---- sums, smallest, largest ---------------------------------------------------------------- */

START_TEST(sums_are_over_all_ranks)
{
    for (int w = 0; w < 2; w++) {
        const MPI_Comm comm = worlds()[w];
        const int64_t rank = km_comm_rank(comm), n = km_comm_size(comm);
        int64_t whole[] = {rank, -1, 0, (int64_t)1 << 61 >> (n > 2)};
        const int64_t large = whole[3];
        uint64_t wraps[] = {UINT64_MAX, (uint64_t)rank};
        double real[] = {0.5, (double)rank};
        km_sum_int64(comm, whole, 4);
        km_sum_uint64(comm, wraps, 2);
        km_sum_double(comm, real, 2);
        ck_assert_int_eq(whole[0], n * (n - 1) / 2);
        ck_assert_int_eq(whole[1], -n);
        ck_assert_int_eq(whole[2], 0);
        ck_assert_int_eq(whole[3], n * large);
        ck_assert_uint_eq(wraps[0], (uint64_t)0 - (uint64_t)n);
        ck_assert_uint_eq(wraps[1], (uint64_t)(n * (n - 1) / 2));
        ck_assert(real[0] == 0.5 * (double)n && real[1] == (double)(n * (n - 1) / 2));
    }
}
END_TEST

START_TEST(smallest_and_largest_are_of_all_ranks)
{
    for (int w = 0; w < 2; w++) {
        const MPI_Comm comm = worlds()[w];
        const int rank = km_comm_rank(comm), n = km_comm_size(comm);
        int64_t largest[] = {rank, -rank, INT64_MIN};
        double low[] = {rank, -rank, INFINITY}, high[] = {rank, -rank, -INFINITY};
        km_max_int64(comm, largest, 3);
        km_min_double(comm, low, 3);
        km_max_double(comm, high, 3);
        ck_assert(largest[0] == n - 1 && largest[1] == 0 && largest[2] == INT64_MIN);
        ck_assert(low[0] == 0 && low[1] == 1 - n && low[2] == INFINITY);
        ck_assert(high[0] == n - 1 && high[1] == 0 && high[2] == -INFINITY);
    }
}
END_TEST

/* Bit 0 is set on all ranks, bit r + 1 on all but rank r, bit 63 on rank 0 alone. */
START_TEST(bits_remain_that_all_ranks_have)
{
    for (int w = 0; w < 2; w++) {
        const MPI_Comm comm = worlds()[w];
        const int rank = km_comm_rank(comm), n = km_comm_size(comm);
        const uint64_t all = ((uint64_t)1 << (n + 1)) - 1;
        uint64_t bits[] = {all & ~((uint64_t)2 << rank), (uint64_t)(rank == 0) << 63, UINT64_MAX};
        km_and_uint64(comm, bits, 3);
        ck_assert_uint_eq(bits[0], 1);
        ck_assert_uint_eq(bits[1], (uint64_t)(n == 1) << 63);
        ck_assert_uint_eq(bits[2], UINT64_MAX);
    }
}
END_TEST

START_TEST(the_node_and_the_library_have_names_of_one_line)
{
    char host[MPI_MAX_PROCESSOR_NAME], library[MPI_MAX_LIBRARY_VERSION_STRING];
    km_comm_host(host);
    km_comm_library(library);
    ck_assert_all(host[0] != '\0' && strchr(host, '\n') == NULL);
    ck_assert_all(library[0] != '\0' && strchr(library, '\n') == NULL);
}
END_TEST

/* On one node here; on several with `make check-slurm TEST=order`. */
START_TEST(ranks_of_a_node_follow_each_other)
{
    enum { SIZE = MPI_MAX_PROCESSOR_NAME };
    MPI_Comm ordered = km_comm_by_node(MPI_COMM_WORLD);
    const int n = km_comm_size(ordered), rank = km_comm_rank(MPI_COMM_WORLD);
    char host[SIZE] = "", *all = malloc((size_t)n * SIZE);
    int n_nodes = 1, is_first = km_comm_is_first_of_node(MPI_COMM_WORLD);
    km_comm_host(host);
    MPI_Allgather(host, SIZE, MPI_CHAR, all, SIZE, MPI_CHAR, ordered);
    for (int r = 1; r < n; r++)
        n_nodes += strcmp(all + (r - 1) * SIZE, all + r * SIZE) != 0;
    MPI_Allreduce(MPI_IN_PLACE, &is_first, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    ck_assert_int_eq(n_nodes, is_first);
    ck_assert_int_eq(n, km_comm_size(MPI_COMM_WORLD));
    ck_assert_all((km_comm_rank(ordered) == 0) == (rank == 0));
    ck_assert_all(n_nodes > 1 || km_comm_rank(ordered) == rank);
    free(all);
    km_comm_free(&ordered);
}
END_TEST

START_TEST(no_values_are_no_problem)
{
    km_sum_int64(MPI_COMM_WORLD, NULL, 0);
    km_max_double(MPI_COMM_WORLD, NULL, 0);
    km_broadcast(MPI_COMM_WORLD, 0, NULL, 0);
}
END_TEST

START_TEST(sum_below_is_that_of_lower_ranks)
{
    const int64_t rank = km_comm_rank(MPI_COMM_WORLD);
    ck_assert_all(km_sum_below(MPI_COMM_WORLD, rank + 1) == rank * (rank + 1) / 2);
    ck_assert_all(km_sum_below(MPI_COMM_WORLD, ((int64_t)1 << 40) + rank) ==
                  (rank << 40) + rank * (rank - 1) / 2);
    ck_assert_all(km_sum_below(MPI_COMM_SELF, 7) == 0);
}
END_TEST

START_TEST(sums_of_words_are_over_all_ranks_or_the_lower_ones)
{
    const uint32_t rank = (uint32_t)km_comm_rank(MPI_COMM_WORLD);
    const uint32_t n = (uint32_t)km_comm_size(MPI_COMM_WORLD);
    uint32_t values[] = {rank + 1, 7}, below[] = {99, 99};
    km_sum_below_uint32(MPI_COMM_WORLD, values, 2, below);
    ck_assert_all(below[0] == rank * (rank + 1) / 2 && below[1] == 7 * rank);
    km_sum_uint32(MPI_COMM_WORLD, values, 2);
    ck_assert_all(values[0] == n * (n + 1) / 2 && values[1] == 7 * n);
}
END_TEST

/* Rank r sends r + s + 1 words to rank s, which say from whom and to whom they go. */
START_TEST(every_rank_gets_what_every_rank_sends_to_it)
{
    enum { MOST = 8, ROOM = 2 * MOST };
    const int rank = km_comm_rank(MPI_COMM_WORLD), n = km_comm_size(MPI_COMM_WORLD);
    int counts[MOST], starts[MOST], received_counts[MOST], received_starts[MOST];
    uint32_t sent[MOST * ROOM], received[MOST * ROOM] = {0};
    for (int r = 0; r < n; r++) {
        counts[r] = rank + r + 1;
        starts[r] = received_starts[r] = r * ROOM;
        for (int i = 0; i < counts[r]; i++)
            sent[starts[r] + i] = (uint32_t)(100 * rank + 10 * r + i);
    }
    km_exchange_counts(MPI_COMM_WORLD, counts, received_counts);
    km_exchange_words(MPI_COMM_WORLD, sent, counts, starts, received, received_counts,
                      received_starts);
    bool are_right = true;
    for (int r = 0; r < n; r++) {
        are_right &= received_counts[r] == rank + r + 1;
        for (int i = 0; i < received_counts[r]; i++)
            are_right &= received[r * ROOM + i] == (uint32_t)(100 * r + 10 * rank + i);
    }
    ck_assert_all(are_right);
}
END_TEST

/* ---- copies --------------------------------------------------------------------------------- */

START_TEST(broadcast_comes_from_any_root)
{
    const int rank = km_comm_rank(MPI_COMM_WORLD);
    for (int root = 0; root < km_comm_size(MPI_COMM_WORLD); root++) {
        char text[5] = "none";
        if (rank == root)
            memcpy(text, "root", 5);
        km_broadcast(MPI_COMM_WORLD, root, text, 5);
        ck_assert_all(strcmp(text, "root") == 0);
    }
}
END_TEST

/* More than one message. */
START_TEST(broadcast_of_many_bytes)
{
    const int64_t size = ((int64_t)1 << 26) + 5;
    unsigned char *bytes = calloc((size_t)size, 1);
    ck_assert_all(bytes != NULL);
    if (km_comm_rank(MPI_COMM_WORLD) == 0)
        for (int64_t i = 0; i < size; i += 4099)
            bytes[i] = bytes[size - 1] = (unsigned char)(i % 251 + 1);
    const int64_t last = (size - 1) / 4099 * 4099;
    km_broadcast(MPI_COMM_WORLD, 0, bytes, size);
    bool is_right = bytes[size - 1] == last % 251 + 1;
    for (int64_t i = 0; i < size - 1; i += 4099)
        is_right = is_right && bytes[i] == i % 251 + 1;
    free(bytes);
    ck_assert_all(is_right);
}
END_TEST

START_TEST(gather_has_an_entry_for_each_rank)
{
    enum { MOST_RANKS = 64 };
    const int n_ranks = km_comm_size(MPI_COMM_WORLD);
    const struct pair {
        int32_t a;
        double b;
    } mine = {km_comm_rank(MPI_COMM_WORLD), 0.5 * km_comm_rank(MPI_COMM_WORLD)};
    struct pair all[MOST_RANKS];
    km_gather(MPI_COMM_WORLD, &mine, sizeof mine, all);
    for (int r = 0; r < n_ranks; r++)
        ck_assert(all[r].a == r && all[r].b == 0.5 * r);
}
END_TEST

/* Rank r has `counts(r)` triples; together they are numbered from 0. */
static void check_concatenation(MPI_Comm comm, int64_t (*count_of)(int rank))
{
    const int rank = km_comm_rank(comm), n_ranks = km_comm_size(comm);
    int64_t right = 0, first = 0, total;
    km_error error = {0};
    int16_t(*all)[3];
    for (int r = 0; r < n_ranks; r++) {
        first += r < rank ? count_of(r) : 0;
        right += count_of(r);
    }
    int16_t mine[100][3];
    for (int16_t i = 0; i < count_of(rank); i++)
        for (int16_t j = 0; j < 3; j++)
            mine[i][j] = (int16_t)(3 * (first + i) + j);
    const km_code code =
        km_concatenate(comm, mine, count_of(rank), sizeof mine[0], (void **)&all, &total, &error);
    ck_assert_all(code == KM_OK && total == right && all != NULL);
    for (int64_t i = 0; i < 3 * total; i++)
        ck_assert_int_eq(all[i / 3][i % 3], i);
    free(all);
}

static int64_t unequal(int rank)
{
    return 7 * (rank % 3) + rank;
}

static int64_t only_odd(int rank)
{
    return rank % 2 == 1 ? 5 : 0;
}

static int64_t none(int rank)
{
    (void)rank;
    return 0;
}

START_TEST(concatenation_keeps_the_order_of_ranks)
{
    for (int w = 0; w < 2; w++) {
        check_concatenation(worlds()[w], unequal);
        check_concatenation(worlds()[w], only_odd);
        check_concatenation(worlds()[w], none);
    }
}
END_TEST

START_TEST(too_much_to_concatenate_is_refused_on_all_ranks)
{
    km_error error = {0};
    void *all = &error;
    int64_t total, count = km_comm_rank(MPI_COMM_WORLD) == 0 ? (int64_t)INT_MAX + 1 : 0;
    const km_code code = km_concatenate(MPI_COMM_WORLD, NULL, count, 1, &all, &total, &error);
    ck_assert_all(code == KM_MEMORY && all == NULL);
}
END_TEST

START_TEST(no_room_for_all_is_an_error_on_all_ranks)
{
    km_error error = {0};
    void *all = &error;
    int64_t total;
    const km_code code =
        km_concatenate(MPI_COMM_WORLD, NULL, 1, (size_t)PTRDIFF_MAX, &all, &total, &error);
    ck_assert_all(code == KM_MEMORY && error.code == KM_MEMORY && all == NULL);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        nothing_to_agree_on,
        the_error_of_the_lowest_rank_wins_everywhere,
        one_failure_anywhere_is_a_failure_everywhere,
        sums_are_over_all_ranks,
        smallest_and_largest_are_of_all_ranks,
        bits_remain_that_all_ranks_have,
        the_node_and_the_library_have_names_of_one_line,
        ranks_of_a_node_follow_each_other,
        no_values_are_no_problem,
        sum_below_is_that_of_lower_ranks,
        sums_of_words_are_over_all_ranks_or_the_lower_ones,
        every_rank_gets_what_every_rank_sends_to_it,
        broadcast_comes_from_any_root,
        broadcast_of_many_bytes,
        gather_has_an_entry_for_each_rank,
        concatenation_keeps_the_order_of_ranks,
        too_much_to_concatenate_is_refused_on_all_ranks,
        no_room_for_all_is_an_error_on_all_ranks,
    };
    return SUITE_OF("comm", tests);
}
