/* By subspace iteration (Halko, Martinsson & Tropp 2011, doi:10.1137/090771806, algorithm 4.4),
 * from some of the centers. */
#include "axes.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FEWEST_FEATURES = 48, /* measured, as all of these are */
    FEATURES_OF_AXIS = 8,
    MOST_CENTERS = 128, /* that are looked at */
    ROUNDS = 1,
};

typedef struct subspace {
    int64_t n, d, n_axes;
    double *values;      /* [n][d], of some centers, from their mean */
    double *axes;        /* [n_axes][d] */
    double *coordinates; /* [n][n_axes] */
} subspace;

int64_t km_most_axes(int64_t n_features)
{
    const int64_t n = n_features / FEATURES_OF_AXIS / KM_SCREEN_AXES * KM_SCREEN_AXES;
    if (n_features < FEWEST_FEATURES)
        return 0;
    return n > KM_SCREEN_MOST_AXES ? KM_SCREEN_MOST_AXES : n;
}

static int64_t count_looked_at(int64_t k)
{
    return k < MOST_CENTERS ? k : MOST_CENTERS;
}

/* Centers at equal distances in their list, from their mean. */
static void take_values(subspace *s, km_precision precision, const void *centers, int64_t k)
{
#pragma omp parallel for
    for (int64_t j = 0; j < s->d; j++) {
        double sum = 0;
        for (int64_t i = 0; i < s->n; i++) {
            double *value = &s->values[i * s->d + j];
            *value = km_value_get(precision, centers, i * k / s->n * s->d + j);
            sum += *value;
        }
        for (int64_t i = 0; i < s->n; i++)
            s->values[i * s->d + j] -= sum / (double)s->n;
    }
}

/* The first axes are some of the values. */
static void take_axes(subspace *s)
{
    for (int64_t a = 0; a < s->n_axes; a++)
        memcpy(s->axes + a * s->d, s->values + a * s->n / s->n_axes * s->d,
               (size_t)s->d * sizeof *s->axes);
}

static double scalar_product(const double *a, const double *b, int64_t d)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < d; j++)
        sum += a[j] * b[j];
    return sum;
}

static void add_multiple(double *a, double factor, const double *b, int64_t d)
{
    for (int64_t j = 0; j < d; j++)
        a[j] += factor * b[j];
}

/* Puts axes at right angles to those before them, with length 1; or 0 if nothing is left of one. */
static void straighten_axes(subspace *s)
{
    for (int64_t a = 0; a < s->n_axes; a++) {
        double *axis = s->axes + a * s->d;
        const double before = sqrt(scalar_product(axis, axis, s->d));
        for (int round = 0; round < 2; round++)
            for (int64_t b = 0; b < a; b++) {
                const double *other = s->axes + b * s->d;
                add_multiple(axis, -scalar_product(axis, other, s->d), other, s->d);
            }
        const double left = sqrt(scalar_product(axis, axis, s->d));
        const double factor = left > 1e-6 * before ? 1 / left : 0;
        for (int64_t j = 0; j < s->d; j++)
            axis[j] *= factor;
    }
}

static void find_coordinates(subspace *s)
{
#pragma omp parallel for
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t a = 0; a < s->n_axes; a++)
            s->coordinates[i * s->n_axes + a] =
                scalar_product(s->values + i * s->d, s->axes + a * s->d, s->d);
}

/* Axes become sums of the values, each times its coordinate. */
static void turn_axes(subspace *s)
{
#pragma omp parallel for
    for (int64_t a = 0; a < s->n_axes; a++) {
        memset(s->axes + a * s->d, 0, (size_t)s->d * sizeof *s->axes);
        for (int64_t i = 0; i < s->n; i++)
            add_multiple(s->axes + a * s->d, s->coordinates[i * s->n_axes + a],
                         s->values + i * s->d, s->d);
    }
}

/* The axis, of those from `first` on, on which the values differ most. */
static int64_t find_longest(const subspace *s, int64_t first)
{
    double most = -1;
    int64_t longest = first;
    for (int64_t a = first; a < s->n_axes; a++) {
        double sum2 = 0;
        for (int64_t i = 0; i < s->n; i++)
            sum2 += s->coordinates[i * s->n_axes + a] * s->coordinates[i * s->n_axes + a];
        longest = sum2 > most ? a : longest;
        most = fmax(sum2, most);
    }
    return longest;
}

static void swap_columns(double *values, int64_t n, int64_t stride, int64_t step, int64_t a,
                         int64_t b)
{
    for (int64_t i = 0; i < n; i++) {
        double *x = &values[i * stride + a * step], *y = &values[i * stride + b * step];
        const double kept = *x;
        *x = *y;
        *y = kept;
    }
}

static void order_axes(subspace *s)
{
    find_coordinates(s);
    for (int64_t a = 0; a < s->n_axes; a++) {
        const int64_t longest = find_longest(s, a);
        swap_columns(s->coordinates, s->n, s->n_axes, 1, a, longest);
        swap_columns(s->axes, s->d, 1, s->d, a, longest);
    }
}

/* Returns the share of the squares of values that are in the subspace. */
static double find_subspace(subspace *s)
{
    const double all2 = scalar_product(s->values, s->values, s->n * s->d);
    take_axes(s);
    straighten_axes(s);
    for (int round = 0; round < ROUNDS; round++) {
        find_coordinates(s);
        turn_axes(s);
        straighten_axes(s);
    }
    order_axes(s);
    const int64_t n = s->n * s->n_axes;
    return all2 > 0 ? scalar_product(s->coordinates, s->coordinates, n) / all2 : 0;
}

/* Rounds the axes to floats, a little shorter. The square of their spectral norm is at most the
 * largest sum of absolute values in a row of the products of axes; false if that is above 1. */
static bool round_axes(subspace *s, float *axes)
{
    for (int64_t i = 0; i < s->d * s->n_axes; i++) {
        axes[i] = (float)(s->axes[i] * (1 - 0x1p-20));
        s->axes[i] = (double)axes[i];
    }
    for (int64_t a = 0; a < s->n_axes; a++) {
        double sum = 0;
        for (int64_t b = 0; b < s->n_axes; b++)
            sum += fabs(scalar_product(s->axes + a * s->d, s->axes + b * s->d, s->d));
        if (!(sum < 1 - 0x1p-30))
            return false;
    }
    return true;
}

double km_find_axes(km_precision precision, const void *centers, int64_t k, int64_t d,
                    int64_t n_axes, float *axes)
{
    const char *what = "leading axes";
    km_error no_memory = {0};
    subspace s = {.n = count_looked_at(k), .d = d, .n_axes = n_axes};
    double share = 0;
    s.values = km_allocate(s.n * d, sizeof *s.values, what, &no_memory);
    s.axes = km_allocate(d * n_axes, sizeof *s.axes, what, &no_memory);
    s.coordinates = km_allocate(s.n * n_axes, sizeof *s.coordinates, what, &no_memory);
    if (no_memory.code == KM_OK) {
        take_values(&s, precision, centers, k);
        share = find_subspace(&s);
        share = round_axes(&s, axes) ? share : 0;
    }
    free(s.values);
    free(s.axes);
    free(s.coordinates);
    return share;
}

double km_find_axes_bytes(int64_t k, int64_t d)
{
    const double n = (double)count_looked_at(k), n_axes = (double)km_most_axes(d);
    return n_axes > 0 ? (n * (double)d + n_axes * (n + (double)d)) * sizeof(double) : 0;
}
