/* Centers as whole numbers. The bounds that follow from them are derived in src/kernels/screen.h;
 * here everything is calculated in double and rounded to the safe side. */
#include "screen.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

enum {
    FEWEST_FEATURES = 8,
    FEWEST_OF_BYTES = 48,    /* with fewer, bytes leave too much undecided */
    MOST_FEATURES = 1 << 14, /* sums of products of bytes have 31 bits */
    MOST_PROBED = 63,        /* centers whose median is the origin */
};

bool km_screen_is_available(int64_t n_features)
{
    return n_features >= FEWEST_FEATURES && n_features <= MOST_FEATURES;
}

static int64_t features_per_word(const km_screen *screen)
{
    return screen->are_bytes ? 4 : 2;
}

km_code km_screen_create(km_owned_screen *owned, const km_kernel *kernel, int64_t k, int64_t d,
                         km_error *error)
{
    const char *what = "screen of the centers";
    *owned = (km_owned_screen){.n_clusters = k, .n_features = d};
    km_screen *screen = &owned->screen;
    screen->are_bytes = kernel->has_bytes && d >= FEWEST_OF_BYTES;
    screen->n_words = (d + features_per_word(screen) - 1) / features_per_word(screen);
    screen->origin = owned->origin = km_allocate_zeroed(d, sizeof(float), what, error);
    screen->words = owned->words =
        km_allocate(k * screen->n_words, sizeof *owned->words, what, error);
    screen->sums = owned->sums = km_allocate(k, sizeof *owned->sums, what, error);
    screen->scale = owned->scale = km_allocate(k, sizeof *owned->scale, what, error);
    screen->square = owned->square = km_allocate(k, sizeof *owned->square, what, error);
    screen->residual = owned->residual = km_allocate(k, sizeof *owned->residual, what, error);
    return error->code;
}

void km_screen_free(km_owned_screen *owned)
{
    free(owned->origin);
    free(owned->words);
    free(owned->sums);
    free(owned->scale);
    free(owned->square);
    free(owned->residual);
    *owned = (km_owned_screen){0};
}

static int compare_values(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The origin is amid the centers, wherever a few of them may be: the median of each feature. */
static void choose_origin(km_owned_screen *owned, km_precision precision, const void *centers)
{
    const int64_t k = owned->n_clusters, d = owned->n_features;
    const int64_t n = k < MOST_PROBED ? k : MOST_PROBED;
    double values[MOST_PROBED];
    for (int64_t j = 0; j < d; j++) {
        for (int64_t i = 0; i < n; i++)
            values[i] = km_value_get(precision, centers, i * k / n * d + j);
        qsort(values, (size_t)n, sizeof *values, compare_values);
        owned->origin[j] = (float)values[n / 2];
    }
    owned->has_origin = true;
}

/* A center as it is divided up. */
typedef struct parts {
    double scale, whole2, left2, norm2;
    int32_t sum;
} parts;

static double find_center_scale(const km_owned_screen *owned, km_precision precision,
                                const void *centers, int64_t c)
{
    double largest = 0, norm2 = 0;
    for (int64_t j = 0; j < owned->n_features; j++) {
        const double x = km_value_get(precision, centers, c * owned->n_features + j) -
                         (double)owned->origin[j];
        largest = fmax(largest, fabs(x));
        norm2 += x * x;
    }
    return fmax(owned->screen.are_bytes ? largest / KM_SCREEN_BYTE : sqrt(norm2) / KM_SCREEN_PAIR,
                0x1p-100);
}

/* Puts features of a center into a word. */
static int32_t fill_word(const km_owned_screen *owned, km_precision precision, const void *centers,
                         int64_t c, int64_t w, parts *p)
{
    const int64_t n = features_per_word(&owned->screen), d = owned->n_features;
    const uint32_t mask = owned->screen.are_bytes ? 0xff : 0xffff;
    uint32_t word = 0;
    for (int64_t i = 0; i < n && w * n + i < d; i++) {
        const int64_t j = w * n + i;
        const double x = km_value_get(precision, centers, c * d + j) - (double)owned->origin[j];
        const double whole = (double)lrint(x / p->scale), left = x - p->scale * whole;
        word |= ((uint32_t)(int32_t)whole & mask) << (32 / n * i);
        p->sum += (int32_t)whole;
        p->whole2 += whole * whole;
        p->left2 += left * left;
        p->norm2 += x * x;
    }
    return (int32_t)word;
}

static void set_center(km_owned_screen *owned, km_precision precision, const void *centers,
                       int64_t c)
{
    const int64_t n_words = owned->screen.n_words;
    const float scale = (float)find_center_scale(owned, precision, centers, c);
    parts p = {.scale = (double)scale};
    for (int64_t w = 0; w < n_words; w++)
        owned->words[c * n_words + w] = fill_word(owned, precision, centers, c, w, &p);
    const double square = p.scale * p.scale * p.whole2;
    owned->scale[c] = scale;
    owned->square[c] = (float)(square * (1 - KM_SCREEN_SLACK(owned->n_features)));
    owned->residual[c] = (float)(sqrt(p.left2) * (1 + 0x1p-20) + sqrt(p.norm2) * 0x1p-40);
    owned->sums[c] = p.sum;
}

void km_screen_set(km_owned_screen *owned, km_precision precision, const void *centers)
{
    if (!owned->has_origin)
        choose_origin(owned, precision, centers);
#pragma omp parallel for
    for (int64_t c = 0; c < owned->n_clusters; c++)
        set_center(owned, precision, centers, c);
}

double km_screen_bytes(const km_shape *shape)
{
    const double d = (double)shape->n_features;
    return (double)shape->n_clusters * (ceil(d / 2) + 4) * sizeof(float) + d * sizeof(float);
}
