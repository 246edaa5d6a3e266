/* Exact quantiles and robust scaling: by counting bits on all ranks, and by sorting. */
#include "mock.h"
#include "mpi_check.h"

#include "base/error.h"
#include "base/precision.h"
#include "samples/transform.h"

#include <stdlib.h>
#include <string.h>

enum { N_PERCENTS = 5 };
static const int percents[N_PERCENTS] = {1, 16, 50, 84, 100};
static const char *const NAMES[] = {"a", "b", "c"};

typedef struct weighed {
    double value;
    int64_t weight;
} weighed;

static int compare_values(const void *a, const void *b)
{
    const weighed *p = a, *q = b;
    return (p->value > q->value) - (p->value < q->value);
}

/* Without weights as NumPy's, linear between sorted values. */
static double between_values(const weighed *sorted, int64_t n, int percent)
{
    const double place = (double)(n - 1) * (percent / 100.0), part = place - floor(place);
    const double a = sorted[(int64_t)place].value;
    const double b = sorted[(int64_t)place + (part > 0)].value;
    return part < 0.5 ? a + (b - a) * part : b - (b - a) * (1 - part);
}

/* The quantiles of one feature, by sorting all of its values. */
static void sort_quantiles(const mock *data, int64_t feature, km_precision precision,
                           double *quantiles)
{
    weighed *sorted = mock_memory(data->n, sizeof *sorted);
    int64_t n = 0, all = 0;
    for (int64_t i = 0; i < data->n; i++) {
        const double value = data->values[i * data->d + feature];
        if (data->is_missing[i])
            continue;
        sorted[n] = (weighed){precision == KM_FLOAT32 ? (double)(float)value : value,
                              data->weights != NULL ? (int64_t)data->weights[i] : 1};
        all += sorted[n++].weight;
    }
    qsort(sorted, (size_t)n, sizeof *sorted, compare_values);
    for (int q = 0; q < N_PERCENTS; q++) {
        int64_t i = 0, sum = sorted[0].weight;
        while (100 * sum < percents[q] * all || sorted[i].weight == 0)
            sum += sorted[++i].weight;
        quantiles[q] =
            data->weights != NULL ? sorted[i].value : between_values(sorted, n, percents[q]);
    }
    free(sorted);
}

static void check_quantiles(const mock *data, km_precision precision)
{
    double *found = mock_memory(data->d * N_PERCENTS, sizeof *found), expected[N_PERCENTS];
    km_samples samples = mock_samples(data, precision, MPI_COMM_WORLD);
    km_error error = {0};
    int64_t weight = 0;
    if (samples.weights != NULL)
        ck_assert_all(km_weights_settle(&samples, MPI_COMM_WORLD, &error) == KM_OK);
    for (int64_t i = 0; i < data->n; i++)
        if (!data->is_missing[i])
            weight += data->weights != NULL ? (int64_t)data->weights[i] : 1;
    ck_assert_all(km_quantiles_find(&samples, weight, percents, N_PERCENTS, found, MPI_COMM_WORLD,
                                    &error) == KM_OK);
    bool are_same = true;
    for (int64_t j = 0; j < data->d; j++) {
        sort_quantiles(data, j, precision, expected);
        for (int q = 0; q < N_PERCENTS; q++)
            are_same = are_same && found[j * N_PERCENTS + q] == expected[q];
    }
    ck_assert_all(are_same);
    km_samples_free(&samples);
    free(found);
}

static void add_weights(mock *data)
{
    data->weights = mock_memory(data->n, sizeof *data->weights);
    for (int64_t i = 0; i < data->n; i++)
        data->weights[i] = floor(4 * mock_uniform(9, (uint64_t)i)); /* 0 to 3 */
}

START_TEST(are_those_of_sorted_values)
{
    const int64_t sizes[] = {3, 64, 1001};
    for (int kind = 0; kind < MOCK_N_KINDS; kind++)
        for (int i = 0; i < 6; i++) {
            mock data = mock_hostile((mock_kind)kind, sizes[i % 3], 3);
            if (i >= 3)
                add_weights(&data);
            if (data.weights != NULL) /* not all are 0 */
                data.weights[0] = 1;
            check_quantiles(&data, KM_FLOAT32);
            check_quantiles(&data, KM_FLOAT64);
            mock_free(&data);
        }
}
END_TEST

/* More features than are counted at once. */
START_TEST(of_many_features)
{
    mock data = mock_mixture(200, 70, 4, 5);
    check_quantiles(&data, KM_FLOAT32);
    check_quantiles(&data, KM_FLOAT64);
    mock_free(&data);
}
END_TEST

/* By hand: the median of 0, 1, 3, 10 is 2, their quantile of 16 % lies 0.48 from 0, and that of 84
 * % 0.52 of the way from 3 to 10. With weights there is nothing between two. */
START_TEST(between_two_values)
{
    const double values[] = {3, 0, 10, 1}, expected[] = {0.48, 2, 6.64}, weighted[] = {0, 1, 10};
    const int asked[] = {16, 50, 84};
    for (int is_weighted = 0; is_weighted < 2; is_weighted++) {
        mock data = mock_mixture(4, 1, 1, 1);
        double found[3];
        km_error error = {0};
        memcpy(data.values, values, sizeof values);
        if (is_weighted)
            add_weights(&data);
        for (int i = 0; i < 4 && is_weighted; i++)
            data.weights[i] = 1;
        km_samples samples = mock_samples(&data, KM_FLOAT64, MPI_COMM_WORLD);
        ck_assert_all(km_quantiles_find(&samples, 4, asked, 3, found, MPI_COMM_WORLD, &error) ==
                      KM_OK);
        for (int q = 0; q < 3; q++)
            ck_assert_all(fabs(found[q] - (is_weighted ? weighted : expected)[q]) < 1e-15);
        km_samples_free(&samples);
        mock_free(&data);
    }
}
END_TEST

START_TEST(robust_scaling_and_factors)
{
    const double factors[3] = {1, 3, 0.5};
    mock data = mock_mixture(1000, 3, 4, 6);
    data.values[3 * 77] = 1e30; /* an outlier, which changes nothing */
    km_samples samples = mock_samples(&data, KM_FLOAT64, MPI_COMM_WORLD);
    km_transform transform;
    km_facts facts;
    km_error error = {0};
    ck_assert_all(km_transform_apply(&transform, KM_SCALE_ROBUST, factors, 0, &samples, NAMES,
                                     &facts, MPI_COMM_WORLD, &error) == KM_OK);
    for (int64_t j = 0; j < 3; j++) {
        double quantiles[N_PERCENTS];
        sort_quantiles(&data, j, KM_FLOAT64, quantiles);
        ck_assert_all(transform.offset[j] == quantiles[2]);
        ck_assert_all(transform.factor[j] ==
                      1 / (quantiles[3] / 2 - quantiles[1] / 2) * factors[j]);
    }
    km_facts_free(&facts);
    km_transform_free(&transform);
    km_samples_free(&samples);
    mock_free(&data);
}
END_TEST

START_TEST(factors_stay_in_range)
{
    const double factors[3] = {1, 1e300, 1};
    mock data = mock_mixture(100, 3, 4, 6);
    data.values[1] = 1e30;
    km_samples samples = mock_samples(&data, KM_FLOAT64, MPI_COMM_WORLD);
    km_transform transform;
    km_facts facts;
    km_error error = {0};
    km_transform_apply(&transform, KM_SCALE_NONE, factors, 0, &samples, NAMES, &facts,
                       MPI_COMM_WORLD, &error);
    ck_assert_fails(error, KM_DATA, "column b");
    km_samples_free(&samples);
    mock_free(&data);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *tests[] = {are_those_of_sorted_values, of_many_features, between_two_values,
                            robust_scaling_and_factors, factors_stay_in_range};
    return SUITE_OF("quantiles", tests);
}
