/* Mixtures: overlapping round Gaussian clouds of unequal weight and width, before a uniform
 * background. */
#include "mock/kinds.h"

#include "base/functions.h"
#include "base/memory.h"
#include "base/random.h"

#include <stdio.h>

/* Centers are uniform in a cube, and so is the background, 2 % of all rows, with the label -1. */
static const double HALF_CUBE = 10;
enum { CLOUDS_PER_BACKGROUND = 49 };

/* Clouds have between 1 and 7 parts of the weight, each of so many units; and between 0.5 and 1.5
 * times the typical width, of which there are as many to a typical distance of neighbours. */
enum { UNITS = 1 << 28, MOST_PARTS = 7 };
static const double WIDTHS_PER_DISTANCE = 5;

enum { CENTERS, WEIGHTS, WIDTHS }; /* truths */

/* Of the cloud's draws, those of weight and width; those of the center follow. */
enum { DRAW_OF_WEIGHT, DRAW_OF_WIDTH, FIRST_DRAW_OF_CENTER };

static km_code check_mixture(km_mock_asked *asked, km_error *error)
{
    const char *missing = asked->n_columns == 0    ? "the number of columns, --columns D"
                          : asked->n_clusters == 0 ? "the number of clusters, -k K"
                                                   : NULL;
    if (missing != NULL)
        return km_fail(error, KM_USAGE,
                       "missing argument: %s; as in skymeans generate mock.h5 --rows 1000000 "
                       "--columns 8 -k 20",
                       missing);
    if (asked->layout == NULL)
        asked->layout = "array";
    return KM_OK;
}

static uint64_t draw_of_cloud(const km_mock *mock, int64_t cloud, int64_t draw)
{
    return km_random(mock->asked.random_seed, km_stream(KM_RANDOM_MODEL, draw, 0), (uint64_t)cloud);
}

/* The distance within which a uniform point in a cube of d dimensions has one of k others on
 * average: k balls of that radius have the volume of the cube. */
static double typical_distance(int64_t d, int64_t k)
{
    const double log_pi = km_log(0x1.921fb54442d18p+1);
    double log_gamma = d % 2 == 1 ? log_pi / 2 : 0; /* of d/2 + 1 */
    for (double x = d % 2 == 1 ? 0.5 : 1; x <= (double)d / 2; x++)
        log_gamma += km_log(x);
    return 2 * HALF_CUBE *
           km_exp((log_gamma - (double)d / 2 * log_pi - km_log((double)k)) / (double)d);
}

/* The model is the running total of weights, [k + 1]: of the clouds up to each, and of all with the
 * background. */
static void set_clouds(km_mock *mock)
{
    const int64_t k = mock->asked.n_clusters, d = mock->asked.n_columns;
    const double width = typical_distance(d, k) / WIDTHS_PER_DISTANCE;
    uint64_t *totals = mock->model, total = 0;
    for (int64_t c = 0; c < k; c++) {
        total += UNITS + km_random_below((MOST_PARTS - 1) * (uint64_t)UNITS,
                                         draw_of_cloud(mock, c, DRAW_OF_WEIGHT));
        totals[c] = total;
        mock->truths[WIDTHS].values[c] =
            width * (1 + km_centred(draw_of_cloud(mock, c, DRAW_OF_WIDTH)));
        for (int64_t j = 0; j < d; j++)
            mock->truths[CENTERS].values[c * d + j] =
                2 * HALF_CUBE * km_centred(draw_of_cloud(mock, c, FIRST_DRAW_OF_CENTER + j));
    }
    totals[k] = total + total / CLOUDS_PER_BACKGROUND;
    for (int64_t c = 0; c < k; c++)
        mock->truths[WEIGHTS].values[c] =
            (double)(totals[c] - (c > 0 ? totals[c - 1] : 0)) / (double)totals[k];
}

static km_code create_mixture(km_mock *mock, km_error *error)
{
    const int64_t k = mock->asked.n_clusters, d = mock->asked.n_columns;
    mock->n_columns = d;
    mock->columns = km_allocate_zeroed(d, sizeof *mock->columns, "columns of the mock", error);
    mock->model = km_allocate(k + 1, sizeof(uint64_t), "clouds of the mock", error);
    if (error->code != KM_OK || km_mock_add_truth(mock, CENTERS, "centers", k, d, error) != KM_OK ||
        km_mock_add_truth(mock, WEIGHTS, "weights", k, 0, error) != KM_OK ||
        km_mock_add_truth(mock, WIDTHS, "widths", k, 0, error) != KM_OK)
        return error->code;
    for (int64_t j = 0; j < d; j++)
        snprintf(mock->columns[j].name, sizeof mock->columns[j].name, "x%lld", (long long)j);
    set_clouds(mock);
    return KM_OK;
}

/* The first cloud whose running total is above the draw; -1 for the background. */
static int32_t find_cloud(const uint64_t *totals, int64_t k, uint64_t draw)
{
    int64_t from = 0, count = k;
    if (draw >= totals[k - 1])
        return -1;
    while (count > 1) {
        const int64_t half = count / 2;
        from += totals[from + half - 1] <= draw ? half : 0;
        count -= half;
    }
    return (int32_t)from;
}

static void choose_clouds(const km_mock *mock, const uint64_t *random, int64_t count,
                          int32_t *labels)
{
    const uint64_t *totals = mock->model;
    const int64_t k = mock->asked.n_clusters;
    for (int64_t i = 0; i < count; i++)
        labels[i] = find_cloud(totals, k, km_random_below(totals[k], random[i]));
}

static void fill_feature(const km_mock *mock, int64_t feature, const uint64_t *random,
                         const int32_t *labels, int64_t count, double *values)
{
    const double *centers = mock->truths[CENTERS].values, *widths = mock->truths[WIDTHS].values;
    km_normals(random, count, values);
    for (int64_t i = 0; i < count; i++)
        values[i] = labels[i] < 0 ? 2 * HALF_CUBE * km_centred(random[i])
                                  : centers[labels[i] * mock->n_columns + feature] +
                                        widths[labels[i]] * values[i];
}

/* Draw 0 of a row chooses the cloud, and draw j + 1 places the row in feature j. */
static void fill_mixture(const km_mock *mock, int64_t first_row, int64_t count, double *values,
                         int32_t *labels)
{
    uint64_t random[2][KM_MOCK_BLOCK];
    for (int64_t draw = 0; draw <= mock->n_columns; draw++) {
        if (draw % 2 == 0)
            km_random_pairs(mock->asked.random_seed, km_stream(KM_RANDOM_MOCK, draw / 2, 0),
                            (uint64_t)first_row, count, random[0], random[1]);
        if (draw == 0)
            choose_clouds(mock, random[0], count, labels);
        else
            fill_feature(mock, draw - 1, random[draw % 2], labels, count,
                         values + (draw - 1) * KM_MOCK_BLOCK);
    }
}

const km_mock_kind km_mock_mixture = {"mixture", check_mixture, create_mixture, fill_mixture};
