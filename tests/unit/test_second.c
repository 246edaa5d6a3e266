#include "mock.h"
#include "mpi_check.h"

#include "assign/second.h"

#include <stdlib.h>
#include <string.h>

static const km_precision BOTH[] = {KM_FLOAT32, KM_FLOAT64};

/* The canonical squared distance of a sample to a center, by the reference kernel. */
static double distance2_to(const km_samples *samples, int64_t sample, const void *centers,
                           int64_t center)
{
    const size_t size = (size_t)samples->n_features * km_precision_size(samples->precision);
    int32_t labels[KM_BLOCK];
    km_distances found;
    km_kernel_reference.nearest[samples->precision](km_samples_block(samples, sample / KM_BLOCK),
                                                    (const char *)centers + (size_t)center * size,
                                                    samples->n_features, 1, labels, &found);
    return km_distance_of(&found, samples->precision, (int)(sample % KM_BLOCK));
}

/* The nearest center but `label`, in the plainest way; -1 as the label: of all. */
static int32_t find_plainly(const km_samples *samples, int64_t sample, const void *centers,
                            int64_t k, int32_t label)
{
    double best = INFINITY;
    int32_t nearest = -1;
    for (int32_t c = 0; c < k; c++) {
        const double d2 = distance2_to(samples, sample, centers, c);
        if (c != label && (nearest < 0 || d2 < best)) {
            best = d2;
            nearest = c;
        }
    }
    return nearest;
}

/* Compares all kernels with the plain way, for centers that are samples, twice some of them. */
static void check_seconds(const mock *data, int64_t k, km_precision precision)
{
    mock copy = *data;
    km_samples samples = mock_samples(&copy, precision, MPI_COMM_WORLD);
    const int64_t d = data->d, n = samples.slab.count;
    double *values = mock_memory(k * d, sizeof *values);
    void *centers = mock_memory(k * d, sizeof(double));
    int32_t *labels = mock_memory(n, sizeof *labels), *seconds = mock_memory(n, sizeof *seconds);
    for (int64_t c = 0; c < k; c++) /* every seventh is the one before once more: a tie */
        memcpy(values + c * d, data->values + (c - (c % 7 == 3)) * 5 % data->n * d,
               (size_t)d * sizeof *values);
    km_round_to_precision(precision, values, k * d, centers);
    for (int64_t i = 0; i < samples.n_samples; i++)
        labels[samples.rows[i]] = find_plainly(&samples, i, centers, k, -1);
    int64_t n_wrong = 0;
    for (int kernel = 0; km_kernels[kernel] != NULL; kernel++) {
        if (!km_kernels[kernel]->is_available())
            continue;
        km_second_labels(&samples, km_kernels[kernel], centers, k, labels, seconds);
        for (int64_t i = 0; i < samples.n_samples; i++)
            n_wrong += seconds[samples.rows[i]] !=
                       find_plainly(&samples, i, centers, k, labels[samples.rows[i]]);
    }
    ck_assert_all(n_wrong == 0);
    km_samples_free(&samples);
    free(values);
    free(centers);
    free(labels);
    free(seconds);
}

START_TEST(equals_plain_search)
{
    static const int64_t shapes[][3] = {{700, 2, 40},  {900, 5, 13}, {300, 17, 60}, {130, 3, 2},
                                        {200, 2, 300}, {200, 3, 97}, {100, 9, 400}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int p = 0; p < 2; p++) {
            mock data = mock_mixture(shapes[s][0], shapes[s][1], 6, s + 1);
            check_seconds(&data, shapes[s][2], BOTH[p]);
            mock_free(&data);
        }
}
END_TEST

/* Lattices, duplicates, denormals, offsets, and a feature of another scale. */
START_TEST(equals_plain_search_on_hostile_data)
{
    for (int kind = 0; kind < MOCK_N_KINDS; kind++)
        for (int p = 0; p < 2; p++) {
            mock data = mock_hostile((mock_kind)kind, 260, 3);
            for (int64_t i = 0; i < 3 * 260 && kind == MOCK_WIDE; i++)
                data.values[i] *= 0x1p-50; /* so that squares are in the range of float32 */
            check_seconds(&data, 24, BOTH[p]);
            mock_free(&data);
        }
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        equals_plain_search,
        equals_plain_search_on_hostile_data,
    };
    return SUITE_OF("second", tests);
}
