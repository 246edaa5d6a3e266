/* Samples that change ranks: to where their neighbours are, and home again. */
#include "mock.h"
#include "mpi_check.h"

#include "assign/assign.h"
#include "base/error.h"
#include "base/partition.h"
#include "base/precision.h"
#include "order/order.h"

#include <stdlib.h>
#include <string.h>

enum { MANY = 256 * KM_BLOCK }; /* samples */

static const km_precision BOTH[] = {KM_FLOAT32, KM_FLOAT64};

static int64_t n_ranks(void)
{
    return km_comm_size(MPI_COMM_WORLD);
}

static km_samples shared(const mock *data, km_precision precision)
{
    km_samples samples = mock_samples_as_read(data, precision, MPI_COMM_WORLD);
    km_error error = {0};
    ck_assert_all(km_samples_redistribute(&samples, MPI_COMM_WORLD, &error) == KM_OK);
    return samples;
}

/* Every used row is on some rank, once, with its values and its weight; and each rank has as many
 * as its slab would be if there were no others. */
static void check_rows(const km_samples *samples, const mock *data, int64_t piece)
{
    int64_t *counts = mock_memory(data->n, sizeof *counts), n_used = 0;
    bool are_right = true;
    for (int64_t i = 0; i < samples->n_samples; i++) {
        are_right &= mock_is_its_row(samples, data, i);
        counts[km_samples_row(samples, i)]++;
    }
    km_sum_int64(MPI_COMM_WORLD, counts, data->n);
    for (int64_t row = 0; row < data->n; row++) {
        are_right &= counts[row] == !data->is_missing[row];
        n_used += !data->is_missing[row];
    }
    ck_assert_all(are_right);
    const int64_t dealt = n_used / (piece * n_ranks()) * piece; /* to each */
    const int64_t left = n_used - dealt * n_ranks();
    const int64_t rest = km_slab(left, (int)n_ranks(), km_comm_rank(MPI_COMM_WORLD)).count;
    ck_assert_all(samples->n_samples == dealt + rest);
    ck_assert_all(samples->n_blocks == (samples->n_samples + KM_BLOCK - 1) / KM_BLOCK);
    free(counts);
}

/* Home again, on the ranks of their slabs, and with labels that tell their rows. */
static void check_homecoming(km_samples *samples, const mock *data)
{
    int32_t *labels = mock_memory(samples->n_blocks * KM_BLOCK, sizeof *labels);
    km_error error = {0};
    for (int64_t i = 0; i < samples->n_samples; i++)
        labels[i] = (int32_t)(7 * km_samples_row(samples, i));
    ck_assert_all(km_samples_return(samples, &labels, MPI_COMM_WORLD, &error) == KM_OK);
    ck_assert_all(!samples->is_redistributed && samples->first_row == samples->slab.first);
    uint8_t *is_there = mock_memory(samples->slab.count, 1);
    int64_t n_used = 0;
    bool are_right = true;
    for (int64_t i = 0; i < samples->n_samples; i++) {
        are_right &= samples->rows[i] < samples->slab.count && mock_is_its_row(samples, data, i) &&
                     labels[i] == (int32_t)(7 * km_samples_row(samples, i));
        if (are_right)
            is_there[samples->rows[i]]++;
    }
    for (int64_t i = 0; i < samples->slab.count; i++) {
        are_right &= is_there[i] == !data->is_missing[samples->slab.first + i];
        n_used += !data->is_missing[samples->slab.first + i];
    }
    ck_assert_all(are_right && samples->n_samples == n_used);
    free(is_there);
    free(labels);
}

static void check(const mock *data, km_precision precision)
{
    km_samples samples = shared(data, precision);
    ck_assert_all(samples.is_redistributed);
    for (int again = 0; again < 2 && samples.is_redistributed; again++) {
        km_error error = {0};
        check_rows(&samples, data, samples.piece);
        check_homecoming(&samples, data);
        ck_assert_all(km_samples_redistribute(&samples, MPI_COMM_WORLD, &error) == KM_OK);
    }
    check_rows(&samples, data, samples.piece);
    km_samples_free(&samples);
}

START_TEST(rows_keep_their_values_and_weights)
{
    for (mock_kind kind = 0; kind <= MOCK_N_KINDS; kind++)
        for (int p = 0; p < 2; p++)
            for (int64_t n = 2; n < 4000; n = 5 * n + 60) {
                mock data =
                    kind == MOCK_N_KINDS ? mock_mixture(n, 3, 6, 1) : mock_hostile(kind, n, 3);
                mock_drop_rows(&data);
                mock_weigh(&data);
                data.is_missing[0] = 0;
                data.weights[0] = 1;
                check(&data, BOTH[p]);
                mock_free(&data);
            }
}
END_TEST

/* So many that pieces are dealt out, and that each rank sends in more than one round. */
START_TEST(many_rows_go_in_pieces_and_rounds)
{
    for (int p = 0; p < 2; p++) {
        mock data = mock_mixture(n_ranks() * 17 * MANY + 777, 2, 6, 1);
        mock_weigh(&data);
        check(&data, BOTH[p]);
        for (int64_t i = 0; i < data.n; i++) /* all in one cell, with ranks that have none */
            data.is_missing[i] = i < data.n / 2;
        memset(data.values, 0, (size_t)(data.n * data.d) * sizeof *data.values);
        check(&data, BOTH[p]);
        mock_free(&data);
    }
}
END_TEST

/* By codes of the caller: no two ranks have codes that overlap, but for the cells at the ends. */
START_TEST(ranks_get_runs_of_codes)
{
    mock data = mock_mixture(n_ranks() * 3000 + 77, 3, 6, 1);
    mock_drop_rows(&data);
    for (int p = 0; p < 2; p++) {
        km_samples samples = mock_samples_as_read(&data, BOTH[p], MPI_COMM_WORLD);
        km_error error = {0};
        int64_t n = samples.n_samples, n_below = 0;
        uint32_t *codes = mock_memory(samples.capacity, sizeof *codes);
        for (int64_t i = 0; i < n; i++)
            codes[i] = (uint32_t)(km_samples_row(&samples, i) % 1000) << 22;
        km_sum_int64(MPI_COMM_WORLD, &n, 1);
        const km_dealing runs = {n / KM_BLOCK / n_ranks() * KM_BLOCK, NULL};
        ck_assert_all(km_samples_redistribute_by(&samples, codes, &runs, NULL, MPI_COMM_WORLD,
                                                 &error) == KM_OK);
        check_rows(&samples, &data, runs.piece);
        const int64_t first = km_comm_rank(MPI_COMM_WORLD) * 1000 / n_ranks();
        for (int64_t i = 0; i < samples.n_samples; i++)
            n_below += km_samples_row(&samples, i) % 1000 < first - 20;
        ck_assert_all(n_below <= 2 * KM_BLOCK); /* what is left over is dealt by slabs */
        check_homecoming(&samples, &data);
        free(codes);
        km_samples_free(&samples);
    }
    mock_free(&data);
}
END_TEST

START_TEST(no_rows_at_all_stay)
{
    mock data = mock_mixture(500, 3, 6, 1);
    memset(data.is_missing, 1, 500);
    check(&data, KM_FLOAT32);
    mock_free(&data);
}
END_TEST

/* Boxes are as small as those of one rank that has all samples; without an exchange their sum is as
 * many times as large as there are ranks. */
START_TEST(boxes_are_as_small_as_those_of_one_rank)
{
    km_error error = {0};
    mock data = mock_create(n_ranks() * 3 * MANY + 5000, 2);
    for (int64_t i = 0; i < 2 * data.n; i++)
        data.values[i] = mock_uniform(3, (uint64_t)i);
    km_samples one = mock_samples_as_read(&data, KM_FLOAT32, MPI_COMM_SELF);
    ck_assert_all(km_samples_order(&one, MPI_COMM_SELF, &error) == KM_OK);
    km_samples all = shared(&data, KM_FLOAT32);
    double sum = mock_sum_of_boxes(&all);
    km_sum_double(MPI_COMM_WORLD, &sum, 1);
    ck_assert_all(sum < 1.1 * mock_sum_of_boxes(&one));
    km_samples_free(&one);
    km_samples_free(&all);
    mock_free(&data);
}
END_TEST

/* How often the tree compares samples and boxes with centers, on all ranks of a communicator, but
 * for the uppermost boxes, which it takes 16 at a time even if there are fewer. */
static int64_t count_comparisons(km_samples *samples, const float *centers, int64_t k,
                                 MPI_Comm comm)
{
    const km_method *tree = km_methods + 1;
    km_facts facts = mock_facts(samples, comm);
    km_grid grids[2];
    km_assigner assigner;
    km_error error = {0};
    ck_assert(strcmp(tree->name, "tree") == 0 && tree->exchange_takes != NULL);
    km_facts_make_grids(&facts, 1, grids);
    ck_assert(km_assigner_create(&assigner, tree, &km_kernel_reference, samples, grids, k,
                                 &error) == KM_OK);
    tree->assign(&assigner, centers);
    int64_t count = assigner.done.distances + assigner.done.box_tests -
                    (samples->n_samples + 16 * MANY - 1) / (16 * MANY) * 16 * k;
    km_sum_int64(comm, &count, 1);
    km_assigner_free(&assigner, tree);
    km_facts_free(&facts);
    return count;
}

/* Ranks together compare about as much as one rank that has all samples; without an exchange, two
 * of them compare a quarter more. */
START_TEST(ranks_compare_no_more_than_one)
{
    enum { K = 300 };
    float centers[K][2];
    mock data = mock_create(n_ranks() * 4 * MANY, 2);
    km_error error = {0};
    for (int64_t i = 0; i < 2 * data.n; i++)
        data.values[i] = mock_uniform(3, (uint64_t)i);
    for (int64_t c = 0; c < K; c++)
        for (int j = 0; j < 2; j++)
            centers[c][j] = (float)data.values[2 * c + j];
    km_samples one = mock_samples_as_read(&data, KM_FLOAT32, MPI_COMM_SELF);
    ck_assert_all(km_samples_order(&one, MPI_COMM_SELF, &error) == KM_OK);
    const int64_t of_one = count_comparisons(&one, centers[0], K, MPI_COMM_SELF);
    km_samples all = shared(&data, KM_FLOAT32);
    const int64_t of_all = count_comparisons(&all, centers[0], K, MPI_COMM_WORLD);
    ck_assert_msg((double)of_all < 1.05 * (double)of_one, "%lld comparisons, %lld of one rank",
                  (long long)of_all, (long long)of_one);
    km_samples_free(&one);
    km_samples_free(&all);
    mock_free(&data);
}
END_TEST

/* Rows in the order of space: those of a slab go to all ranks. */
START_TEST(a_sorted_catalogue_is_spread_over_ranks)
{
    mock data = mock_create(n_ranks() * 2 * MANY, 1);
    for (int64_t i = 0; i < data.n; i++)
        data.values[i] = (double)i;
    km_samples samples = shared(&data, KM_FLOAT64);
    int64_t n_own = 0;
    for (int64_t i = 0; i < samples.n_samples; i++) {
        const int64_t row = km_samples_row(&samples, i) - samples.slab.first;
        n_own += 0 <= row && row < samples.slab.count;
    }
    ck_assert_all(n_own < samples.n_samples / n_ranks() + 2 * MANY);
    check_rows(&samples, &data, samples.piece);
    km_samples_free(&samples);
    mock_free(&data);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        rows_keep_their_values_and_weights,
        many_rows_go_in_pieces_and_rounds,
        ranks_get_runs_of_codes,
        no_rows_at_all_stay,
        boxes_are_as_small_as_those_of_one_rank,
        ranks_compare_no_more_than_one,
        a_sorted_catalogue_is_spread_over_ranks,
    };
    return SUITE_OF("exchange", tests);
}
