/* Samples in any order, filled by any number of threads. */
#include "mock.h"
#include "mpi_check.h"

#include "base/error.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/threads.h"
#include "order/order.h"
#include "samples/samples.h"

#include <stdlib.h>
#include <string.h>

static const km_precision BOTH[] = {KM_FLOAT32, KM_FLOAT64};

/* Data with weights and missing rows. */
static mock make_data(mock_kind kind, int64_t n, int64_t d)
{
    mock data = kind == MOCK_N_KINDS ? mock_mixture(n, d, 6, 1) : mock_hostile(kind, n, d);
    mock_drop_rows(&data);
    mock_weigh(&data);
    data.weights[0] = 1;
    return data;
}

/* Beyond the last sample it is repeated, without weight. */
static bool is_padded(const km_samples *samples)
{
    if (samples->n_samples == 0)
        return true;
    const int64_t block = samples->n_blocks - 1;
    const int lanes = km_samples_lanes(samples, block);
    int64_t weights[KM_BLOCK];
    bool is_right = true;
    km_samples_weights(samples, block, weights);
    for (int64_t j = 0; j < samples->n_features; j++) {
        double values[KM_BLOCK];
        km_samples_load(samples, block, j, values);
        for (int l = lanes; l < KM_BLOCK; l++)
            is_right &= values[l] == values[lanes - 1] && weights[l] == 0;
    }
    return is_right;
}

/* Every used row of the slab is there once. */
static void check_permutation(const km_samples *samples, const mock *data)
{
    uint8_t *is_there = mock_memory(samples->slab.count, 1);
    int64_t n_used = 0;
    for (int64_t i = 0; i < samples->slab.count; i++)
        n_used += !data->is_missing[samples->slab.first + i];
    ck_assert_int_eq(samples->n_samples, n_used);
    for (int64_t i = 0; i < samples->n_samples; i++) {
        ck_assert_int_lt(samples->rows[i], samples->slab.count);
        ck_assert_int_eq(is_there[samples->rows[i]], 0);
        is_there[samples->rows[i]] = 1;
        ck_assert(mock_is_its_row(samples, data, i));
    }
    ck_assert(is_padded(samples));
    free(is_there);
}

static km_samples ordered(const mock *data, km_precision precision)
{
    km_samples samples = mock_samples_as_read(data, precision, MPI_COMM_WORLD);
    km_error error = {0};
    ck_assert_all(km_samples_order(&samples, MPI_COMM_SELF, &error) == KM_OK);
    return samples;
}

START_TEST(order_is_a_permutation_of_rows_with_their_weights)
{
    for (mock_kind kind = 0; kind <= MOCK_N_KINDS; kind++)
        for (int p = 0; p < 2; p++)
            for (int64_t n = 1; n < 4000; n = 5 * n + 60) {
                mock data = make_data(kind, n, 3);
                data.is_missing[0] = 0;
                km_samples samples = ordered(&data, BOTH[p]);
                check_permutation(&samples, &data);
                km_samples_free(&samples);
                mock_free(&data);
            }
}
END_TEST

/* Each part holds the samples that it held before, as neighbours. */
START_TEST(parts_are_permutations_of_their_own_samples)
{
    for (int p = 0; p < 2; p++)
        for (int64_t part_size = KM_BLOCK; part_size < 5000; part_size *= 4) {
            mock data = make_data(MOCK_N_KINDS, 3000, 3);
            km_samples samples = mock_samples_as_read(&data, BOTH[p], MPI_COMM_WORLD);
            km_error error = {0};
            uint32_t *before = mock_memory(samples.n_samples + 1, sizeof *before);
            memcpy(before, samples.rows, (size_t)samples.n_samples * sizeof *before);
            ck_assert_all(km_samples_order_in_parts(&samples, part_size, MPI_COMM_SELF, &error) ==
                          KM_OK);
            check_permutation(&samples, &data);
            for (int64_t i = 0; i < samples.n_samples; i++) {
                const int64_t first = i / part_size * part_size, end = first + part_size;
                const int64_t last = (end < samples.n_samples ? end : samples.n_samples) - 1;
                ck_assert(before[first] <= samples.rows[i] && samples.rows[i] <= before[last]);
            }
            free(before);
            km_samples_free(&samples);
            mock_free(&data);
        }
}
END_TEST

START_TEST(parts_are_larger_for_more_clusters_and_whole_blocks)
{
    for (int64_t k = 1, before = 0; k > 0 && k < INT64_MAX / 3; k = 3 * k + 1) {
        const int64_t size = km_order_part_size(k);
        ck_assert(size >= before && size > 0 && size % KM_BLOCK == 0);
        ck_assert(size == KM_ORDER_WHOLE || size / KM_BLOCK >= 256 * k);
        before = size;
    }
}
END_TEST

START_TEST(order_works_with_many_features_and_no_samples)
{
    mock data = make_data(MOCK_N_KINDS, 500, 16);
    km_samples samples = ordered(&data, KM_FLOAT32);
    check_permutation(&samples, &data);
    km_samples_free(&samples);
    memset(data.is_missing, 1, 500);
    free(data.weights);
    data.weights = NULL;
    samples = ordered(&data, KM_FLOAT32);
    ck_assert_int_eq(samples.n_samples, 0);
    km_samples_free(&samples);
    mock_free(&data);
}
END_TEST

START_TEST(order_does_not_depend_on_threads)
{
    const int before = km_threads();
    mock data = make_data(MOCK_N_KINDS, 3000, 3);
    km_samples one = ordered(&data, KM_FLOAT64);
    for (int threads = 1; threads <= 3; threads++) {
        km_threads_start(threads);
        km_samples other = ordered(&data, KM_FLOAT64);
        ck_assert(memcmp(one.rows, other.rows, (size_t)one.n_samples * sizeof *one.rows) == 0);
        km_samples_free(&other);
    }
    km_threads_start(before);
    km_samples_free(&one);
    mock_free(&data);
}
END_TEST

/* Uniform in a square: the boxes of blocks hardly overlap. */
START_TEST(neighbours_in_space_are_neighbours_in_memory)
{
    mock data = mock_create(32000, 2);
    for (int64_t i = 0; i < 2 * data.n; i++)
        data.values[i] = mock_uniform(3, (uint64_t)i);
    km_samples samples = mock_samples_as_read(&data, KM_FLOAT32, MPI_COMM_WORLD);
    km_error error = {0};
    const double before = mock_sum_of_boxes(&samples);
    ck_assert_all(km_samples_order(&samples, MPI_COMM_SELF, &error) == KM_OK);
    ck_assert_all(mock_sum_of_boxes(&samples) < before / 20);
    km_samples_free(&samples);
    mock_free(&data);
}
END_TEST

/* ---- places --------------------------------------------------------------------------------- */

static void check_places(const km_samples *samples)
{
    km_error error = {0};
    uint32_t *places = km_samples_places(samples, &error);
    ck_assert_ptr_nonnull(places);
    int64_t *sorted = mock_by_row(samples);
    for (int64_t i = 0; i < samples->n_samples; i++)
        ck_assert_int_eq(places[sorted[i]], i);
    free(sorted);
    free(places);
}

START_TEST(places_count_the_lower_rows)
{
    const int before = km_threads();
    for (int threads = 1; threads <= 3; threads++)
        for (int64_t n = 1; n < 4000; n = 5 * n + 60) {
            km_threads_start(threads);
            mock data = make_data(MOCK_N_KINDS, n, 2);
            data.is_missing[0] = 0;
            km_samples samples = mock_samples_as_read(&data, KM_FLOAT32, MPI_COMM_WORLD);
            check_places(&samples);
            km_samples_free(&samples);
            samples = ordered(&data, KM_FLOAT32);
            check_places(&samples);
            km_samples_free(&samples);
            mock_free(&data);
        }
    km_threads_start(before);
}
END_TEST

/* ---- a choice of samples -------------------------------------------------------------------- */

START_TEST(chosen_samples_keep_their_rows_and_weights)
{
    const int64_t chosen[] = {130, 5, 6, 7, 64, 0, 131, 99};
    mock data = make_data(MOCK_N_KINDS, 300, 3);
    km_samples samples = mock_samples_as_read(&data, KM_FLOAT64, MPI_COMM_SELF), some;
    km_error error = {0};
    km_samples_order(&samples, MPI_COMM_SELF, &error);
    ck_assert(km_samples_select(&samples, chosen, 8, &some, &error) == KM_OK);
    ck_assert(some.n_samples == 8 && some.weight_unit == samples.weight_unit);
    for (int i = 0; i < 8; i++) {
        ck_assert(km_samples_row(&some, i) == km_samples_row(&samples, chosen[i]));
        ck_assert(mock_is_its_row(&some, &data, i));
    }
    ck_assert(is_padded(&some));
    check_places(&some);
    km_samples_free(&some);
    km_samples_free(&samples);
    mock_free(&data);
}
END_TEST

/* ---- filling by threads --------------------------------------------------------------------- */

/* All of the data in pieces of this size, column by column. */
static km_samples append_pieces(const mock *data, const double *columns, int64_t piece)
{
    km_samples samples;
    km_values features[8];
    km_error error = {0};
    ck_assert(km_samples_create(&samples, KM_FLOAT64, data->d, true, (km_rows){128, data->n},
                                &error) == KM_OK);
    for (int64_t done = 0; done < data->n; done += piece) {
        for (int64_t j = 0; j < data->d; j++)
            features[j] = (km_values){columns + j * data->n + done, sizeof *columns};
        km_samples_append(&samples, data->n - done < piece ? data->n - done : piece, features,
                          data->weights + done, data->is_missing + done);
    }
    return samples;
}

START_TEST(any_number_of_threads_appends_the_same_samples)
{
    const int before = km_threads();
    mock data = make_data(MOCK_N_KINDS, 2000, 3);
    double *columns = mock_memory(data.n * data.d, sizeof *columns);
    for (int64_t i = 0; i < data.n * data.d; i++)
        columns[i % data.d * data.n + i / data.d] = data.values[i];
    memset(data.is_missing + 700, 1, 300);
    km_threads_start(1);
    km_samples right = append_pieces(&data, columns, data.n);
    const size_t n = (size_t)right.n_samples, n_lanes = (size_t)right.n_blocks * KM_BLOCK;
    for (int threads = 1; threads <= 3; threads++)
        for (int64_t piece = 1; piece < 3000; piece = 4 * piece + 3) {
            km_threads_start(threads);
            km_samples found = append_pieces(&data, columns, piece);
            ck_assert_int_eq(found.n_samples, right.n_samples);
            ck_assert(memcmp(found.rows, right.rows, n * sizeof *right.rows) == 0);
            ck_assert(memcmp(found.weights, right.weights, n_lanes * sizeof(double)) == 0);
            ck_assert(memcmp(found.values, right.values, 3 * n_lanes * sizeof(double)) == 0);
            km_samples_free(&found);
        }
    km_threads_start(before);
    km_samples_free(&right);
    free(columns);
    mock_free(&data);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        order_is_a_permutation_of_rows_with_their_weights,
        parts_are_permutations_of_their_own_samples,
        parts_are_larger_for_more_clusters_and_whole_blocks,
        order_works_with_many_features_and_no_samples,
        order_does_not_depend_on_threads,
        neighbours_in_space_are_neighbours_in_memory,
        places_count_the_lower_rows,
        chosen_samples_keep_their_rows_and_weights,
        any_number_of_threads_appends_the_same_samples,
    };
    return SUITE_OF("order", tests);
}
