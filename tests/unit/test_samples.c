/* Samples in memory: filled row by row, read block by block. */
#include "mock.h"
#include "mpi_check.h"

#include "base/error.h"
#include "base/partition.h"
#include "base/precision.h"
#include "samples/samples.h"

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

/* ---- filling and reading -------------------------------------------------------------------- */

/* The rows of a slab that are used, ascending; returns how many. */
static int64_t used_rows(const mock *data, km_rows slab, int64_t *rows)
{
    int64_t count = 0;
    for (int64_t i = slab.first; i < slab.first + slab.count; i++)
        if (!data->is_missing[i])
            rows[count++] = i;
    return count;
}

static void check_block(const km_samples *samples, const mock *data, int64_t block,
                        const int64_t *used)
{
    const int64_t left = samples->n_samples - block * KM_BLOCK;
    const int lanes = km_samples_lanes(samples, block);
    ck_assert_int_eq(lanes, left < KM_BLOCK ? left : KM_BLOCK);
    for (int l = 0; l < lanes; l++)
        ck_assert_int_eq(km_samples_row(samples, block * KM_BLOCK + l), used[block * KM_BLOCK + l]);
    for (int64_t j = 0; j < data->d; j++) {
        double values[KM_BLOCK];
        km_samples_load(samples, block, j, values);
        for (int l = 0; l < KM_BLOCK; l++) { /* padding repeats the last sample */
            const int64_t row = used[block * KM_BLOCK + (l < lanes ? l : lanes - 1)];
            ck_assert(values[l] == rounded(samples->precision, data->values[row * data->d + j]));
        }
    }
}

static void check_samples(const km_samples *samples, const mock *data)
{
    int64_t *used = mock_memory(data->n, sizeof *used);
    const int64_t count = used_rows(data, samples->slab, used);
    ck_assert_int_eq(samples->n_samples, count);
    ck_assert_int_eq(samples->n_blocks, (count + KM_BLOCK - 1) / KM_BLOCK);
    for (int64_t b = 0; b < samples->n_blocks; b++)
        check_block(samples, data, b, used);
    for (int64_t i = 0; i < count; i += 7) {
        double values[8];
        km_samples_get(samples, i, values);
        for (int64_t j = 0; j < data->d; j++)
            ck_assert(values[j] ==
                      rounded(samples->precision, data->values[used[i] * data->d + j]));
    }
    free(used);
}

START_TEST(samples_are_the_used_rows_in_order)
{
    for (int p = 0; p < 2; p++)
        for (int64_t n = 1; n <= 1000; n = 3 * n - n / 2) {
            mock data = mock_mixture(n, 3, 4, 1);
            for (int drop = 0; drop < 2; drop++) {
                if (drop)
                    mock_drop_rows(&data);
                km_samples samples = mock_samples_as_read(&data, BOTH[p], MPI_COMM_WORLD);
                check_samples(&samples, &data);
                km_samples_free(&samples);
            }
            mock_free(&data);
        }
}
END_TEST

/* Appends in pieces of the given size, column by column instead of row by row. */
static km_samples append_columns(const mock *data, int64_t piece)
{
    km_samples samples;
    km_error error = {0};
    double *columns = mock_memory(data->n * data->d, sizeof *columns);
    km_values features[8];
    ck_assert(km_samples_create(&samples, KM_FLOAT64, data->d, data->weights != NULL,
                                (km_rows){128, data->n}, &error) == KM_OK);
    for (int64_t i = 0; i < data->n * data->d; i++)
        columns[i % data->d * data->n + i / data->d] = data->values[i];
    for (int64_t done = 0; done < data->n; done += piece) {
        for (int64_t j = 0; j < data->d; j++)
            features[j] = (km_values){columns + j * data->n + done, sizeof *columns};
        km_samples_append(&samples, data->n - done < piece ? data->n - done : piece, features,
                          data->weights != NULL ? data->weights + done : NULL,
                          data->is_missing + done);
    }
    free(columns);
    return samples;
}

START_TEST(pieces_of_any_size_give_the_same_samples)
{
    mock data = mock_mixture(300, 2, 4, 2);
    mock_drop_rows(&data);
    for (int64_t i = 100; i < 180; i++)
        data.is_missing[i] = 1; /* more than a block of them */
    km_samples whole = append_columns(&data, data.n);
    for (int64_t piece = 1; piece < 140; piece += 9) {
        km_samples other = append_columns(&data, piece);
        ck_assert_int_eq(other.n_samples, whole.n_samples);
        ck_assert(memcmp(other.values, whole.values,
                         (size_t)(whole.n_blocks * whole.n_features * KM_BLOCK) * sizeof(double)) ==
                  0);
        ck_assert(memcmp(other.rows, whole.rows, (size_t)whole.n_samples * sizeof *whole.rows) ==
                  0);
        ck_assert_int_ge(km_samples_row(&other, 0), 128);
        km_samples_free(&other);
    }
    km_samples_free(&whole);
    mock_free(&data);
}
END_TEST

START_TEST(all_rows_may_be_missing)
{
    mock data = mock_mixture(200, 2, 2, 3);
    memset(data.is_missing, 1, 200);
    km_samples samples = append_columns(&data, 50);
    ck_assert_int_eq(samples.n_samples, 0);
    ck_assert_int_eq(samples.n_blocks, 0);
    km_samples_free(&samples);
    mock_free(&data);
}
END_TEST

START_TEST(store_rounds_to_the_working_precision)
{
    for (int p = 0; p < 2; p++) {
        mock data = mock_mixture(KM_BLOCK, 2, 2, 4);
        km_samples samples = mock_samples(&data, BOTH[p], MPI_COMM_SELF);
        double values[KM_BLOCK], read[KM_BLOCK], untouched[KM_BLOCK], after[KM_BLOCK];
        km_samples_load(&samples, 0, 0, untouched);
        for (int l = 0; l < KM_BLOCK; l++)
            values[l] = 1.0 / (3 + l);
        km_samples_store(&samples, 0, 1, values);
        km_samples_load(&samples, 0, 1, read);
        km_samples_load(&samples, 0, 0, after);
        for (int l = 0; l < KM_BLOCK; l++)
            ck_assert(read[l] == rounded(BOTH[p], values[l]));
        ck_assert(is_same(untouched, after, KM_BLOCK));
        km_samples_free(&samples);
        mock_free(&data);
    }
}
END_TEST

START_TEST(select_copies_the_chosen)
{
    const int64_t chosen[] = {0, 1, 63, 64, 65, 127, 128, 199};
    mock data = mock_mixture(200, 3, 2, 5);
    for (int p = 0; p < 2; p++)
        for (int64_t n_chosen = 0; n_chosen <= 8; n_chosen += 4) {
            km_error error = {0};
            km_samples samples = mock_samples(&data, BOTH[p], MPI_COMM_SELF), selected;
            ck_assert(km_samples_select(&samples, chosen, n_chosen, &selected, &error) == KM_OK);
            ck_assert_int_eq(selected.n_samples, n_chosen);
            for (int64_t i = 0; i < n_chosen; i++) {
                double right[3], found[3];
                km_samples_get(&samples, chosen[i], right);
                km_samples_get(&selected, i, found);
                ck_assert(is_same(right, found, 3));
            }
            km_samples_free(&selected);
            km_samples_free(&samples);
        }
    mock_free(&data);
}
END_TEST

START_TEST(samples_that_do_not_fit_are_an_error)
{
    km_samples samples;
    km_error error = {0};
    ck_assert(km_samples_create(&samples, KM_FLOAT64, INT64_MAX / 4096, false, (km_rows){0, 1000},
                                &error) == KM_MEMORY);
    ck_assert_ptr_null(samples.values);
    ck_assert_ptr_nonnull(strstr(error.text, "samples"));
    error = (km_error){0};
    ck_assert(km_samples_create(&samples, KM_FLOAT64, 2, false, (km_rows){0, INT64_MAX / 2},
                                &error) == KM_MEMORY);
    ck_assert_ptr_null(samples.values);
    ck_assert_ptr_nonnull(strstr(error.text, "use more ranks"));
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        samples_are_the_used_rows_in_order,
        pieces_of_any_size_give_the_same_samples,
        all_rows_may_be_missing,
        store_rounds_to_the_working_precision,
        select_copies_the_chosen,
        samples_that_do_not_fit_are_an_error,
    };
    return SUITE_OF("samples", tests);
}
