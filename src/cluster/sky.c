/* Clusters of positions on the sky: where their centers are, and how large they are. Sums over
 * samples are exact, so they are the same bits for any ranks and threads. */
#include "base/functions.h"
#include "base/memory.h"
#include "cluster/cluster.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Squared chords between samples and their centers, in units of the diameter squared: 0 to 1. */
typedef struct chords {
    const skymeans_answer *answer;
    const km_samples *samples;
    int64_t k;
    double *centers; /* [k][3], unit vectors */
    double factor;   /* brings working values to unit vectors */
    km_grid grid;
    int64_t *words;  /* [k] high and [k] low words of sums, [k] weights */
    double *largest; /* [k] */
} chords;

static double squared_chord(const double *a, const double *b)
{
    double sum = 0;
    for (int j = 0; j < KM_SPHERE_FEATURES; j++)
        sum += (a[j] - b[j]) * (a[j] - b[j]);
    return fmin(sum / 4, 1);
}

/* Adds the samples of a block to sums and maxima, which are laid out as in `chords`. */
static void add_block_chords(const chords *s, int64_t block, int64_t *words, double *largest)
{
    double values[KM_SPHERE_FEATURES][KM_BLOCK];
    int64_t weights[KM_BLOCK];
    for (int j = 0; j < KM_SPHERE_FEATURES; j++)
        km_samples_load(s->samples, block, j, values[j]);
    km_samples_weights(s->samples, block, weights);
    for (int l = 0; l < KM_BLOCK; l++) {
        if (weights[l] == 0)
            continue;
        const int64_t c = s->answer->labels[s->samples->rows[block * KM_BLOCK + l]];
        const double at[KM_SPHERE_FEATURES] = {values[0][l] * s->factor, values[1][l] * s->factor,
                                               values[2][l] * s->factor};
        const double chord2 = squared_chord(at, s->centers + KM_SPHERE_FEATURES * c);
        const km_exact point = km_weigh(km_quantize(&s->grid, chord2, 0), weights[l], 2);
        const km_exact sum =
            km_carry((km_exact){words[c] + point.high, words[s->k + c] + point.low});
        words[c] = sum.high;
        words[s->k + c] = sum.low;
        words[2 * s->k + c] += weights[l];
        largest[c] = fmax(largest[c], chord2);
    }
}

static void add_chords(chords *s, const int64_t *words, const double *largest)
{
    for (int64_t c = 0; c < s->k; c++) {
        const km_exact sum =
            km_carry((km_exact){s->words[c] + words[c], s->words[s->k + c] + words[s->k + c]});
        s->words[c] = sum.high;
        s->words[s->k + c] = sum.low;
        s->words[2 * s->k + c] += words[2 * s->k + c];
        s->largest[c] = fmax(s->largest[c], largest[c]);
    }
}

/* Over all samples of all ranks. Collective; errors are agreed. */
static km_code sum_chords(chords *s, MPI_Comm comm, km_error *error)
{
#pragma omp parallel
    {
        km_error why = {0};
        int64_t *words = km_allocate_zeroed(3 * s->k, sizeof *words, "radii of clusters", &why);
        double *largest = km_allocate_zeroed(s->k, sizeof *largest, "radii of clusters", &why);
#pragma omp for
        for (int64_t b = 0; b < s->samples->n_blocks; b++)
            if (why.code == KM_OK)
                add_block_chords(s, b, words, largest);
#pragma omp critical
        if (why.code == KM_OK)
            add_chords(s, words, largest);
        else
            km_fail(error, why.code, "%s", why.text);
        free(words);
        free(largest);
    }
    if (km_agree(comm, error) == KM_OK) {
        km_sum_int64(comm, s->words, 3 * s->k);
        km_max_double(comm, s->largest, s->k);
    }
    return error->code;
}

/* Degrees between the ends of a chord. */
static double angle_of_chord(double chord2)
{
    return 2 * KM_DEGREES_PER_RADIAN * km_asin(sqrt(fmin(chord2, 1)));
}

static void place_on_sky(const double *center, double *ra, double *dec)
{
    const double across = sqrt(center[0] * center[0] + center[1] * center[1]);
    *dec = km_angle_degrees(center[2], across);
    *ra = across > 0 ? km_angle_degrees(center[1], center[0]) : 0;
    *ra += *ra < 0 ? 360 : 0;
    *ra = *ra < 360 ? *ra : 0; /* of -1e-15 by rounding */
}

static void conclude_sky(const chords *s, km_sky *sky)
{
    for (int64_t c = 0; c < s->k; c++) {
        const int64_t weight = s->words[2 * s->k + c];
        place_on_sky(s->centers + KM_SPHERE_FEATURES * c, &sky->ra[c], &sky->dec[c]);
        sky->radius_rms[c] = sky->radius_max[c] = NAN;
        if (weight == 0)
            continue;
        const km_double2 sum =
            km_exact_value(&s->grid, (km_exact){s->words[c], s->words[s->k + c]});
        sky->radius_rms[c] = angle_of_chord((sum.high + sum.low) / (double)weight);
        sky->radius_max[c] = angle_of_chord(s->largest[c]);
    }
}

/* Centers stay on the sphere but for roundings, and first centers that nothing moved. */
static void find_unit_centers(chords *s)
{
    const double origin[KM_SPHERE_FEATURES] = {0};
    const int64_t d = km_answer_features(s->answer);
    for (int64_t c = 0; c < s->k; c++) {
        double *center = s->centers + KM_SPHERE_FEATURES * c;
        memcpy(center, s->answer->centers + c * d, KM_SPHERE_FEATURES * sizeof *center);
        km_sphere_project(center, origin, 1);
    }
}

static km_code create_sky(km_sky *sky, int64_t k, km_error *error)
{
    *sky = (km_sky){.ra = km_allocate(4 * k, sizeof *sky->ra, "radii of clusters", error)};
    if (sky->ra != NULL) {
        sky->dec = sky->ra + k;
        sky->radius_rms = sky->ra + 2 * k;
        sky->radius_max = sky->ra + 3 * k;
    }
    return error->code;
}

void km_sky_free(km_sky *sky)
{
    free(sky->ra);
    *sky = (km_sky){0};
}

double km_sky_bytes(const km_shape *shape)
{
    const double n_sums =
        4 * (shape->n_threads + 1.0); /* of a cluster; and its center, and result */
    return (double)shape->n_clusters * (n_sums + KM_SPHERE_FEATURES + 4) * sizeof(double);
}

km_code km_answer_find_sky(km_sky *sky, const skymeans_answer *answer,
                           const skymeans_samples *samples, MPI_Comm comm, km_error *error)
{
    const int64_t k = answer->plan.shape.n_clusters;
    chords s = {.answer = answer,
                .samples = &samples->memory,
                .k = k,
                .factor = ldexp(1 / answer->problem.sky, answer->transform.exponent),
                .grid = km_grid_choose(-1, 1, samples->facts.weight, 2)};
    create_sky(sky, k, error);
    s.centers = km_allocate(KM_SPHERE_FEATURES * k, sizeof *s.centers, "radii of clusters", error);
    s.words = km_allocate_zeroed(3 * k, sizeof *s.words, "radii of clusters", error);
    s.largest = km_allocate_zeroed(k, sizeof *s.largest, "radii of clusters", error);
    if (km_agree(comm, error) == KM_OK) {
        find_unit_centers(&s);
        if (sum_chords(&s, comm, error) == KM_OK)
            conclude_sky(&s, sky);
    }
    free(s.centers);
    free(s.words);
    free(s.largest);
    return error->code;
}
