/* Facts of samples without weights, which kernels find, against those that are found value by
 * value. Each rank is alone. Ranks: 1. */
#include "mock.h"
#include "mpi_check.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/partition.h"
#include "base/precision.h"
#include "kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

/* All rows twice over: without weights, and with weights of 1. */
static km_samples make_samples(const mock *data, km_precision precision, bool has_weights)
{
    km_samples samples;
    km_error error = {0};
    const int64_t d = data->d;
    void *rounded = mock_memory(data->n * d, sizeof(double));
    double *weights = mock_memory(data->n, sizeof *weights);
    km_values *features = mock_memory(d, sizeof *features);
    km_round_to_precision(precision, data->values, data->n * d, rounded);
    for (int64_t i = 0; i < data->n; i++)
        weights[i] = 1;
    for (int64_t j = 0; j < d; j++)
        features[j] = mock_values(rounded, precision, j, d);
    ck_assert(km_samples_create(&samples, precision, d, has_weights, (km_rows){0, data->n},
                                &error) == KM_OK);
    km_samples_append(&samples, data->n, features, has_weights ? weights : NULL, data->is_missing);
    free(features);
    free(weights);
    free(rounded);
    return samples;
}

static km_facts find_facts(km_samples *samples)
{
    km_facts facts = {0};
    km_error error = {0};
    ck_assert(km_facts_find_ranges(&facts, samples, MPI_COMM_SELF, &error) == KM_OK);
    ck_assert(km_facts_find_moments(&facts, samples, NULL, MPI_COMM_SELF, &error) == KM_OK);
    return facts;
}

static void check_equal(const double *a, const double *b, int64_t d)
{
    ck_assert(memcmp(a, b, (size_t)d * sizeof *a) == 0);
}

static void compare(mock data, km_precision precision)
{
    km_samples plain = make_samples(&data, precision, false);
    km_samples weighted = make_samples(&data, precision, true);
    km_facts a = find_facts(&plain), b = find_facts(&weighted);
    ck_assert_int_eq(a.n_samples, b.n_samples);
    ck_assert_int_eq(a.weight, b.weight);
    check_equal(a.lowest, b.lowest, data.d);
    check_equal(a.highest, b.highest, data.d);
    check_equal(a.mean, b.mean, data.d);
    check_equal(a.variance, b.variance, data.d);
    check_equal(a.deviation, b.deviation, data.d);
    check_equal(&a.squares.high, &b.squares.high, 1);
    check_equal(&a.squares.low, &b.squares.low, 1);
    km_facts_free(&a);
    km_facts_free(&b);
    km_samples_free(&plain);
    km_samples_free(&weighted);
    mock_free(&data);
}

START_TEST(kernels_find_the_same_facts)
{
    for (int p = 0; p < 2; p++) {
        compare(mock_mixture(10007, 3, 5, 1), (km_precision)p);
        compare(mock_mixture(200, 3, 5, 1), (km_precision)p);
        for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++)
            for (int64_t n = 200; n <= 8200; n += 8000)
                compare(mock_hostile(kind, n, 2), (km_precision)p);
    }
}
END_TEST

/* The kernels alone, bit by bit against the reference, for grids of as few values as there may be.
 */
START_TEST(kernels_sum_up_alike)
{
    mock data = mock_mixture(KM_BLOCK, 1, 3, 2);
    double wide[KM_BLOCK] __attribute__((aligned(64)));
    float narrow[KM_BLOCK] __attribute__((aligned(64)));
    for (int l = 0; l < KM_BLOCK; l++) {
        wide[l] = data.values[l];
        narrow[l] = (float)data.values[l];
    }
    const km_moments_task task = {km_grid_choose(-1, 3, KM_MOMENTS_MIN, 2),
                                  km_grid_choose(-1, 1, KM_MOMENTS_MIN, 2), 0.25};
    for (int row = 0; km_kernels[row] != NULL; row++)
        for (int p = 0; p < 2 && km_kernels[row]->is_available(); p++) {
            const void *values = p == KM_FLOAT32 ? (const void *)narrow : (const void *)wide;
            int64_t right[4] = {1, 2, 3, 4}, words[4] = {1, 2, 3, 4};
            km_kernel_reference.moments[p](values, &task, right);
            km_kernels[row]->moments[p](values, &task, words);
            for (int i = 0; i < 4; i++)
                ck_assert_int_eq(words[i], right[i]);
        }
    mock_free(&data);
}
END_TEST

/* Hashes of features, kernel by kernel; -0 counts as 0. */
START_TEST(kernels_fold_alike)
{
    mock data = mock_mixture(KM_BLOCK, 1, 3, 2);
    double wide[KM_BLOCK] __attribute__((aligned(64)));
    float narrow[KM_BLOCK] __attribute__((aligned(64)));
    for (int l = 0; l < KM_BLOCK; l++) {
        wide[l] = l < 2 ? (l == 0 ? -0.0 : 1e-320) : data.values[l];
        narrow[l] = (float)wide[l];
    }
    for (int row = 0; km_kernels[row] != NULL; row++)
        for (int p = 0; p < 2 && km_kernels[row]->is_available(); p++) {
            uint64_t hashes[KM_BLOCK];
            for (int l = 0; l < KM_BLOCK; l++)
                hashes[l] = (uint64_t)l << 60;
            km_kernels[row]->fold_values[p](p == KM_FLOAT32 ? (void *)narrow : (void *)wide,
                                            hashes);
            for (int l = 0; l < KM_BLOCK; l++)
                ck_assert(hashes[l] ==
                          km_hash_double((uint64_t)l << 60,
                                         p == KM_FLOAT32 ? (double)narrow[l] : wide[l]));
        }
    mock_free(&data);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {kernels_find_the_same_facts, kernels_sum_up_alike,
                                  kernels_fold_alike};
    return SUITE_OF("moments", tests);
}
