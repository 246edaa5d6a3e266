/* A survey of the sky in the bands u g r i z: stars, galaxies and quasars, with the colours, the
 * numbers per magnitude and the errors of the Sloan Digital Sky Survey, roughly. */
#include "mock/kinds.h"

#include "base/functions.h"
#include "base/memory.h"
#include "base/random.h"
#include "mock/sky.h"

#include <math.h>

enum { N_CLASSES = 3, N_BANDS = 5, R = 2, N_COLOURS = N_BANDS - 1, N_KNOTS = 7 };
enum {
    ID,
    RA,
    DEC,
    FIRST_BAND,
    FIRST_ERROR = FIRST_BAND + N_BANDS,
    N_COLUMNS = FIRST_ERROR + N_BANDS
};

/* A class of objects. Its colours follow a curve: as many objects lie between any two neighbouring
 * knots, and scatter around it. Numbers grow with the magnitude in r as 10^(slope r). */
typedef struct population {
    const char *name;
    double share; /* of all objects */
    double brightest, faintest, slope;
    double colours[N_KNOTS][N_COLOURS]; /* u-g, g-r, r-i, i-z */
    double scatter[N_COLOURS];
} population;

static const population classes[N_CLASSES] = {
    {"star",
     0.5,
     14,
     20.5,
     0.2, /* from the main sequence's turn-off to dwarfs of type M */
     {{0.80, 0.20, 0.05, 0.00},
      {0.95, 0.32, 0.10, 0.03},
      {1.15, 0.45, 0.16, 0.07},
      {1.60, 0.70, 0.26, 0.14},
      {2.30, 1.15, 0.48, 0.28},
      {2.60, 1.42, 0.95, 0.53},
      {2.70, 1.50, 1.75, 0.98}},
     {0.08, 0.04, 0.03, 0.03}},
    {"galaxy",
     0.46,
     14,
     20.5,
     0.45, /* from nearby blue ones to red ones far away */
     {{0.90, 0.35, 0.18, 0.10},
      {1.05, 0.50, 0.28, 0.18},
      {1.25, 0.65, 0.35, 0.24},
      {1.50, 0.85, 0.42, 0.30},
      {1.75, 0.98, 0.45, 0.33},
      {1.85, 1.30, 0.52, 0.36},
      {1.90, 1.65, 0.75, 0.42}},
     {0.20, 0.10, 0.07, 0.07}},
    {"quasar",
     0.04,
     16,
     20.5,
     0.5, /* with growing redshift, from 0.3 to 3.6 */
     {{0.05, 0.25, 0.18, 0.30},
      {0.25, 0.08, 0.05, 0.10},
      {0.22, 0.12, 0.18, 0.02},
      {0.18, 0.12, 0.15, 0.15},
      {0.55, 0.15, 0.10, 0.18},
      {1.50, 0.25, 0.12, 0.12},
      {3.00, 0.80, 0.20, 0.10}},
     {0.12, 0.08, 0.08, 0.08}},
};

/* The magnitude whose error is 0.2, of each band; the floor of errors; the share of bands without a
 * value for other reasons than being too faint, which is fainter than 0.7 magnitudes below that. */
static const double depth[N_BANDS] = {22.15, 23.13, 22.70, 22.20, 20.71};
static const double ERROR_FLOOR = 0.015, SHARE_LOST = 0.005, BELOW_DEPTH = 0.7;

/* ---- the model ------------------------------------------------------------------------------- */

static const km_mock_column columns[N_COLUMNS] = {
    {"id", KM_MOCK_ID, NULL, "number of the object"},
    {"ra", KM_MOCK_DOUBLE, "deg", "right ascension"},
    {"dec", KM_MOCK_DOUBLE, "deg", "declination"},
    {"u", KM_MOCK_REAL, "mag", "magnitude in u"},
    {"g", KM_MOCK_REAL, "mag", "magnitude in g"},
    {"r", KM_MOCK_REAL, "mag", "magnitude in r"},
    {"i", KM_MOCK_REAL, "mag", "magnitude in i"},
    {"z", KM_MOCK_REAL, "mag", "magnitude in z"},
    {"u_error", KM_MOCK_REAL, "mag", "standard error of u"},
    {"g_error", KM_MOCK_REAL, "mag", "standard error of g"},
    {"r_error", KM_MOCK_REAL, "mag", "standard error of r"},
    {"i_error", KM_MOCK_REAL, "mag", "standard error of i"},
    {"z_error", KM_MOCK_REAL, "mag", "standard error of z"},
};

static km_code check_survey(km_mock_asked *asked, km_error *error)
{
    if (asked->n_columns > 0 || asked->n_clusters > 0)
        return km_fail(error, KM_USAGE,
                       "contradiction (--kind survey): it has columns and classes of its own; "
                       "leave out --columns and -k, or take --kind mixture");
    if (asked->layout == NULL)
        asked->layout = "columns";
    if (asked->layout[0] == 'a')
        return km_fail(error, KM_USAGE,
                       "contradiction (--kind survey --layout array): its columns have several "
                       "types, which no array can hold; leave out --layout");
    return KM_OK;
}

/* Magnitudes of all bands from that in r and the colours. */
static void set_magnitudes(double r, const double *colours, double *magnitudes)
{
    magnitudes[R] = r;
    for (int b = R; b > 0; b--)
        magnitudes[b - 1] = magnitudes[b] + colours[b - 1];
    for (int b = R; b + 1 < N_BANDS; b++)
        magnitudes[b + 1] = magnitudes[b] - colours[b];
}

/* For a uniform v, ln(least + (1 - least) v) / (slope ln 10) magnitudes from the faintest have the
 * distribution that the class wants. */
static double least_of_class(const population *c)
{
    return km_exp10(-c->slope * (c->faintest - c->brightest));
}

/* Mean magnitudes without errors: of a curve by its knots, of a logarithm by its integral. */
static void set_means(const population *c, double *magnitudes)
{
    const double least = least_of_class(c);
    const double mean_log = (-1 - least * km_log(least) + least) / (1 - least);
    double colours[N_COLOURS] = {0};
    for (int k = 0; k + 1 < N_KNOTS; k++)
        for (int j = 0; j < N_COLOURS; j++)
            colours[j] += (c->colours[k][j] + c->colours[k + 1][j]) / (2 * (N_KNOTS - 1));
    set_magnitudes(c->faintest + mean_log / (c->slope * km_log(10)), colours, magnitudes);
}

static km_code create_survey(km_mock *mock, km_error *error)
{
    mock->n_columns = N_COLUMNS;
    mock->columns = km_allocate(N_COLUMNS, sizeof *columns, "columns of the mock", error);
    mock->model =
        km_allocate(KM_SKY_GROUPS, sizeof(km_sky_group), "groups of galaxies of the mock", error);
    if (error->code != KM_OK ||
        km_mock_add_truth(mock, 0, "centers", N_CLASSES, N_BANDS, error) != KM_OK ||
        km_mock_add_truth(mock, 1, "weights", N_CLASSES, 0, error) != KM_OK)
        return error->code;
    mock->first_feature = FIRST_BAND;
    for (int j = 0; j < N_COLUMNS; j++)
        mock->columns[j] = columns[j];
    for (int c = 0; c < N_CLASSES; c++) {
        mock->classes[c] = classes[c].name;
        mock->truths[1].values[c] = classes[c].share;
        set_means(&classes[c], mock->truths[0].values + c * N_BANDS);
    }
    km_sky_make_groups(mock->asked.random_seed, mock->model);
    return KM_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* The draws of a row. The last are those of normal deviates. */
enum {
    DRAW_OF_CLASS,
    DRAW_ON_CURVE,
    DRAW_OF_MAGNITUDE,
    FIRST_OF_SKY,
    FIRST_OF_LOSS = FIRST_OF_SKY + KM_SKY_DRAWS,
    FIRST_OF_COLOURS = FIRST_OF_LOSS + N_BANDS,
    FIRST_OF_ERRORS = FIRST_OF_COLOURS + N_COLOURS,
    N_DRAWS = FIRST_OF_ERRORS + N_BANDS,
    N_PAIRS = (N_DRAWS + 1) / 2
};

/* The random numbers of a block of rows, and deviates from those of colours and errors. */
typedef struct draws {
    uint64_t random[2 * N_PAIRS][KM_MOCK_BLOCK];
    double normals[N_COLOURS + N_BANDS][KM_MOCK_BLOCK];
} draws;

static void draw_block(const km_mock *mock, int64_t first_row, int64_t count, draws *d)
{
    for (int pair = 0; pair < N_PAIRS; pair++)
        km_random_pairs(mock->asked.random_seed, km_stream(KM_RANDOM_MOCK, pair, 0),
                        (uint64_t)first_row, count, d->random[2 * pair], d->random[2 * pair + 1]);
    for (int j = 0; j < N_COLOURS + N_BANDS; j++)
        km_normals(d->random[FIRST_OF_COLOURS + j], count, d->normals[j]);
}

static int choose_class(uint64_t random)
{
    double left = km_uniform(random);
    int c = 0;
    while (c + 1 < N_CLASSES && left >= classes[c].share)
        left -= classes[c++].share;
    return c;
}

/* The true magnitudes of object i of the block. */
static void make_object(const population *c, const draws *d, int64_t i, double *magnitudes)
{
    const double along = (N_KNOTS - 1) * km_uniform(d->random[DRAW_ON_CURVE][i]);
    const double least = least_of_class(c), u = km_uniform(d->random[DRAW_OF_MAGNITUDE][i]);
    const int knot = (int)along < N_KNOTS - 2 ? (int)along : N_KNOTS - 2;
    double colours[N_COLOURS];
    for (int j = 0; j < N_COLOURS; j++)
        colours[j] = c->colours[knot][j] +
                     (along - knot) * (c->colours[knot + 1][j] - c->colours[knot][j]) +
                     c->scatter[j] * d->normals[j][i];
    set_magnitudes(c->faintest + km_log(least + (1 - least) * u) / (c->slope * km_log(10)), colours,
                   magnitudes);
}

/* The standard error at a magnitude (Ivezic et al. 2019, doi:10.3847/1538-4357/ab042c, eq. 5). */
static double error_at(int band, double magnitude)
{
    const double gamma = 0.039, x = km_exp10(0.4 * (magnitude - depth[band]));
    return sqrt(ERROR_FLOOR * ERROR_FLOOR + (0.04 - gamma) * x + gamma * x * x);
}

/* What the survey measures of an object, and what it misses. */
static void measure_object(const double *magnitudes, const draws *d, int64_t i, double *values)
{
    for (int b = 0; b < N_BANDS; b++) {
        const double error = error_at(b, magnitudes[b]);
        const double seen = magnitudes[b] + error * d->normals[N_COLOURS + b][i];
        const bool is_lost = fmax(seen, magnitudes[b]) > depth[b] + BELOW_DEPTH ||
                             km_uniform(d->random[FIRST_OF_LOSS + b][i]) < SHARE_LOST;
        values[(FIRST_BAND + b) * KM_MOCK_BLOCK + i] = is_lost ? NAN : seen;
        values[(FIRST_ERROR + b) * KM_MOCK_BLOCK + i] = is_lost ? NAN : error;
    }
}

static void fill_survey(const km_mock *mock, int64_t first_row, int64_t count, double *values,
                        int32_t *labels)
{
    enum { STAR, GALAXY };
    draws d = {.normals = {{0}}};
    draw_block(mock, first_row, count, &d);
    for (int64_t i = 0; i < count; i++) {
        const uint64_t *sky = &d.random[FIRST_OF_SKY][i];
        double magnitudes[N_BANDS];
        const int c = choose_class(d.random[DRAW_OF_CLASS][i]);
        const km_sky_place place = c == STAR     ? km_sky_of_star(sky, KM_MOCK_BLOCK)
                                   : c == GALAXY ? km_sky_of_galaxy(mock->model, sky, KM_MOCK_BLOCK)
                                                 : km_sky_even(sky, KM_MOCK_BLOCK);
        make_object(&classes[c], &d, i, magnitudes);
        measure_object(magnitudes, &d, i, values);
        values[RA * KM_MOCK_BLOCK + i] = place.ra;
        values[DEC * KM_MOCK_BLOCK + i] = place.dec;
        labels[i] = c;
    }
}

const km_mock_kind km_mock_survey = {"survey", check_survey, create_survey, fill_survey};
