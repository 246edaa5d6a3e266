/* Clusters of equal size: prices, counts by rows in part, and fields, against plain sums. Each rank
 * has all rows, and computes by itself. */
#include "mock.h"
#include "mpi_check.h"

#include "base/error.h"
#include "fit/balance.h"

#include <math.h>
#include <string.h>

/* The last feature of the data is the height, 0 for all rows. */
typedef struct balanced {
    km_samples samples;
    km_balancing b;
    double *centers; /* [k][n_values] */
} balanced;

/* The first centers are the first rows. */
static balanced balanced_of(const mock *data, km_precision precision, int64_t k)
{
    const km_fit_task task = {.n_clusters = k, .balance = KM_BALANCE_COUNT, .random_seed = 1};
    balanced one = {.samples = mock_samples(data, precision, MPI_COMM_SELF),
                    .centers = mock_memory(k * data->d, sizeof(double))};
    km_error error = {0};
    ck_assert(km_balancing_create(&one.b, &task, &one.samples, MPI_COMM_SELF, &error) == KM_OK);
    ck_assert_int_eq(one.b.rows.samples.n_samples, data->n); /* few enough for all to be chosen */
    memcpy(one.centers, data->values, (size_t)(k * data->d) * sizeof(double));
    for (int64_t c = 0; c < k; c++)
        one.b.sizes[c] = (double)data->n / (double)k;
    one.b.total = (double)data->n;
    return one;
}

static void balanced_free(balanced *one)
{
    km_balancing_free(&one->b);
    km_samples_free(&one->samples);
    free(one->centers);
}

/* A mixture of clouds with a feature of scale 1000, and a height. */
static mock clouds(int64_t n, int64_t d)
{
    mock data = mock_mixture(n, d + 1, 5, 3);
    for (int64_t i = 0; i < n; i++) {
        data.values[i * (d + 1)] *= 1000;
        data.values[i * (d + 1) + d] = 0;
    }
    return data;
}

/* Heaps of rows on a line, each 1 wide, with gaps between them. */
static mock heaps(const int64_t *sizes, int n_heaps)
{
    int64_t n = 0;
    for (int h = 0; h < n_heaps; h++)
        n += sizes[h];
    mock data = mock_create(n, 2);
    for (int64_t i = 0, h = 0, before = 0; i < n; i++) {
        if (i == before + sizes[h])
            before += sizes[h++];
        data.values[2 * i] = 100 * (double)h + fmod(0.618034 * (double)i, 1); /* evenly */
    }
    return data;
}

/* ---- prices ---------------------------------------------------------------------------------- */

START_TEST(heights_lie_on_a_grid_and_are_found_again)
{
    const km_precision both[] = {KM_FLOAT32, KM_FLOAT64};
    for (int p = 0; p < 2; p++) {
        mock data = clouds(300, 2);
        balanced one = balanced_of(&data, both[p], 20);
        double prices[20], again[20], centers[20 * 3];
        memcpy(centers, one.centers, sizeof centers);
        for (int c = 0; c < 20; c++)
            prices[c] = -5 + 1e4 * mock_uniform(6, (uint64_t)c) * (c % 3);
        km_balance_place_heights(&one.b, prices, one.centers);
        km_balance_read_prices(&one.b, one.centers, again);
        for (int c = 0; c < 20; c++) { /* the lowest price, of which only c % 3 == 0, becomes 0 */
            const double height = one.centers[3 * c + 2], exact = sqrt(prices[c] + 5);
            ck_assert_double_le(fabs(height - exact), 256 * ldexp(1, p == 0 ? -24 : -41));
            ck_assert(p == 1 || (double)(float)height == height);
            ck_assert(height * height == again[c] && sqrt(again[c]) == height);
            ck_assert(one.centers[3 * c] == centers[3 * c]);
        }
        km_balance_place_heights(&one.b, again, centers);
        for (int c = 0; c < 20; c++)
            ck_assert(centers[3 * c + 2] == one.centers[3 * c + 2]);
        balanced_free(&one);
        mock_free(&data);
    }
}
END_TEST

/* The cost of a center for a row, price included. */
static double plain_cost(const mock *data, int64_t row, const double *center)
{
    double sum = 0;
    for (int64_t j = 0; j < data->d; j++)
        sum += (data->values[row * data->d + j] - center[j]) *
               (data->values[row * data->d + j] - center[j]);
    return sum;
}

START_TEST(rows_belong_to_the_cheapest_cluster)
{
    mock data = clouds(1000, 3);
    balanced one = balanced_of(&data, KM_FLOAT64, 30);
    double prices[30];
    int64_t n_dearer = 0;
    for (int c = 0; c < 30; c++)
        prices[c] = 1e4 * mock_uniform(8, (uint64_t)c);
    km_balance_place_heights(&one.b, prices, one.centers);
    km_balance_look(&one.b, one.centers);
    for (int64_t i = 0; i < data.n; i++) {
        double row[4], lowest = INFINITY;
        km_samples_get(&one.b.rows.samples, i, row);
        const mock same = {.d = 4, .values = row};
        for (int c = 0; c < 30; c++)
            lowest = fmin(lowest, plain_cost(&same, 0, one.centers + 4 * c));
        const double *own = one.centers + 4 * one.b.rows.nearest[i];
        n_dearer += plain_cost(&same, 0, own) > lowest * (1 + 1e-12);
    }
    ck_assert_int_eq(n_dearer, 0);
    balanced_free(&one);
    mock_free(&data);
}
END_TEST

/* ---- rows in part ---------------------------------------------------------------------------- */

enum { K = 6 };

/* Rows in part at a temperature at which few belong to one cluster alone. */
static balanced softened(const mock *data, double *prices)
{
    balanced one = balanced_of(data, KM_FLOAT64, K);
    for (int c = 0; c < K; c++) {
        prices[c] = 3000 * (double)(c % 2);
        one.b.wanted[c] = one.b.sizes[c];
    }
    km_balance_place_heights(&one.b, prices, one.centers);
    km_balance_read_prices(&one.b, one.centers, prices);
    km_balance_share_evenly(&one.b);
    one.b.soft.temperature = 2e4;
    one.b.soft.stride = 1;
    one.b.soft.n_rows = data->n;
    return one;
}

/* Counts and function by plain sums over all rows and clusters. */
static double plain_counts(const balanced *one, const mock *data, double *counts)
{
    const double t = one->b.soft.temperature;
    double sum = 0;
    memset(counts, 0, K * sizeof *counts);
    for (int64_t i = 0; i < data->n; i++) {
        double all = 0, lowest = INFINITY, costs[K];
        for (int c = 0; c < K; c++) {
            costs[c] = plain_cost(data, i, one->centers + c * data->d);
            lowest = fmin(lowest, costs[c]);
        }
        for (int c = 0; c < K; c++)
            all += exp((lowest - costs[c]) / t);
        for (int c = 0; c < K; c++)
            counts[c] += exp((lowest - costs[c]) / t) / all;
        sum += lowest - t * log(all);
    }
    for (int c = 0; c < K; c++)
        sum -= one->b.wanted[c] * one->centers[(c + 1) * data->d - 1] *
               one->centers[(c + 1) * data->d - 1];
    return sum;
}

/* Parts that are left out are below exp(-7). */
START_TEST(counts_in_part_are_plain_sums)
{
    mock data = clouds(500, 2);
    double prices[K], counts[K];
    balanced one = softened(&data, prices);
    const double value = km_balance_count_softly(&one.b, prices, one.centers);
    const double plain = plain_counts(&one, &data, counts);
    ck_assert_double_le(fabs(value - plain), 2e-3 * one.b.soft.temperature * (double)data.n);
    for (int c = 0; c < K; c++)
        ck_assert_double_le(fabs(one.b.counts[c] - counts[c]), 2e-3 * (double)data.n);
    memcpy(counts, one.b.counts, sizeof counts);
    km_balance_count_again(&one.b, prices, one.centers); /* of the same rows and clusters */
    for (int c = 0; c < K; c++)
        ck_assert_double_le(fabs(one.b.counts[c] - counts[c]), 1e-9 * (double)data.n);
    balanced_free(&one);
    mock_free(&data);
}
END_TEST

START_TEST(derivatives_are_differences)
{
    mock data = clouds(500, 2);
    double prices[K], counts[2][K], values[2], product[K], unit[K] = {0}, diagonal[K];
    balanced one = softened(&data, prices);
    const double step = 400;
    km_balance_count_softly(&one.b, prices, one.centers);
    unit[2] = 1;
    km_balance_multiply(&one.b, unit, product);
    km_balance_diagonal(&one.b, diagonal);
    ck_assert_double_le(fabs(product[2] - diagonal[2]), 1e-12 * diagonal[2]);
    const double slope = one.b.counts[2] - one.b.wanted[2];
    for (int side = 0; side < 2; side++) {
        prices[2] += side == 0 ? -step : 2 * step;
        values[side] = km_balance_count_softly(&one.b, prices, one.centers);
        memcpy(counts[side], one.b.counts, sizeof counts[side]);
    }
    ck_assert_double_le(fabs((values[1] - values[0]) / (2 * step) - slope), 0.01 * (double)data.n);
    for (int c = 0; c < K; c++)
        ck_assert_double_le(fabs((counts[0][c] - counts[1][c]) / (2 * step) - product[c]),
                            0.05 * diagonal[2]);
    balanced_free(&one);
    mock_free(&data);
}
END_TEST

/* Of clusters whose centers lie in one cloud, most are empty before. */
START_TEST(prices_are_found_where_most_clusters_are_empty)
{
    mock data = clouds(4000, 2);
    balanced one = balanced_of(&data, KM_FLOAT64, 16);
    for (int64_t c = 0; c < 16; c++)
        one.centers[3 * c] = data.values[0] + 0.1 * (double)c;
    km_balance_share_evenly(&one.b);
    km_balance_look(&one.b, one.centers);
    km_balance_measure_spreads(&one.b);
    for (int c = 0; c < 16; c++)
        one.b.wanted[c] = 250;
    km_balance_find_prices(&one.b, one.centers);
    km_balance_look(&one.b, one.centers);
    km_balance_measure_spreads(&one.b);
    for (int c = 0; c < 16; c++)
        ck_assert_double_le(fabs(one.b.counts[c] - 250), 25);
    balanced_free(&one);
    mock_free(&data);
}
END_TEST

/* ---- fields ---------------------------------------------------------------------------------- */

/* Searches for centers and prices, and counts the clusters of each heap. */
static void search_heaps(const int64_t *sizes, int n_heaps, int64_t k, int64_t *clusters)
{
    mock data = heaps(sizes, n_heaps);
    balanced one = balanced_of(&data, KM_FLOAT64, k);
    km_balance_look(&one.b, one.centers);
    km_balance_measure_spreads(&one.b);
    for (int64_t c = 0; c < k; c++)
        one.b.sizes[c] = one.b.counts[c] = 0;
    for (int64_t i = 0; i < data.n; i++)
        one.b.sizes[one.b.rows.nearest[i]]++;
    ck_assert_int_eq(one.b.n_fields, n_heaps);
    km_balance_search(&one.b, one.centers);
    memset(clusters, 0, (size_t)n_heaps * sizeof *clusters);
    for (int64_t c = 0; c < k; c++)
        clusters[(int)floor(one.centers[2 * c] / 100)]++;
    balanced_free(&one);
    mock_free(&data);
}

/* Webster's rule: 5.6, 2.6 and 1.8 of 10 clusters would be 11 when rounded, so the field loses one
 * whose last cluster would be smallest: 1120 / 5.5 < 520 / 2.5 < 360 / 1.5. All centers are in the
 * first heap to begin with. */
START_TEST(fields_get_the_clusters_that_they_deserve)
{
    const int64_t sizes[] = {1120, 520, 360}, two[] = {1950, 50};
    int64_t clusters[3];
    search_heaps(sizes, 3, 10, clusters);
    ck_assert(clusters[0] == 5 && clusters[1] == 3 && clusters[2] == 2);
    search_heaps(two, 2, 40, clusters);
    ck_assert(clusters[0] == 39 && clusters[1] == 1);
}
END_TEST

START_TEST(rows_without_gaps_are_one_field)
{
    const int64_t one_heap[] = {2000}, outlier[] = {2000, 1};
    const int64_t *sizes[] = {one_heap, outlier};
    for (int n_heaps = 1; n_heaps <= 2; n_heaps++) { /* one row is no field */
        mock data = heaps(sizes[n_heaps - 1], n_heaps);
        balanced one = balanced_of(&data, KM_FLOAT64, 10);
        ck_assert_int_eq(one.b.n_fields, 1);
        balanced_free(&one);
        mock_free(&data);
    }
}
END_TEST

/* Two heaps with a cluster each, whose prices are such that the second one has but 20 rows more:
 * half way between the heaps is the boundary after that. */
START_TEST(gaps_are_boundaries)
{
    const int64_t sizes[] = {500, 500};
    mock data = heaps(sizes, 2);
    balanced one = balanced_of(&data, KM_FLOAT64, 2);
    double prices[2] = {0, 0};
    one.centers[0] = 0.5;
    one.centers[2] = 100.5;
    one.b.sizes[0] = one.b.sizes[1] = 500;
    km_balance_place_heights(&one.b, prices, one.centers);
    km_balance_look(&one.b, one.centers);
    km_balance_place_clusters(&one.b);
    km_balance_set_targets(&one.b);
    for (int c = 0; c < 2; c++)
        ck_assert_double_le(fabs(one.b.targets[c] - 500), 1e-9);
    prices[0] = 9800; /* the boundary at 1.5, nearly in the first heap */
    km_balance_center_fields(&one.b, one.centers, prices);
    const double boundary = (100.5 * 100.5 - 0.25 + prices[1] - prices[0]) / 200;
    ck_assert_double_le(fabs(boundary - 50.5), 0.05);
    balanced_free(&one);
    mock_free(&data);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        heights_lie_on_a_grid_and_are_found_again,
        rows_belong_to_the_cheapest_cluster,
        counts_in_part_are_plain_sums,
        derivatives_are_differences,
        prices_are_found_where_most_clusters_are_empty,
        fields_get_the_clusters_that_they_deserve,
        rows_without_gaps_are_one_field,
        gaps_are_boundaries,
    };
    return SUITE_OF("balance", tests);
}
