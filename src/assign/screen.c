/* Centers as whole numbers. The bounds that follow from them are derived in src/kernels/screen.h;
 * here everything is calculated in double and rounded to the safe side. */
#include "screen.h"
#include "axes.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FEWEST_FEATURES = 12,     /* measured: with fewer, making whole numbers costs what they save */
    FEWEST_WITHOUT_VNNI = 64, /* the same where products are two instructions */
    FEWEST_OF_BYTES = 48,     /* with fewer, bytes leave too much open */
    MOST_FEATURES = 1 << 14,  /* sums of products of bytes have 31 bits */
    MOST_PROBED = 63,         /* centers whose median is the origin */
    MOST_OF_MEDIAN = 4,       /* strays are larger than so many times the median, */
    STRAYS = 16,              /* and are at most such a part of the centers */
};

bool km_screen_is_available(int64_t n_features)
{
    return n_features >= FEWEST_FEATURES && n_features <= MOST_FEATURES;
}

bool km_screen_pays(const km_kernel *kernel, int64_t n_features)
{
    return km_screen_is_available(n_features) &&
           (kernel->has_bytes || n_features >= FEWEST_WITHOUT_VNNI);
}

static int64_t features_per_word(const km_screen *screen)
{
    return screen->are_bytes ? 4 : 2;
}

static const char *const WHAT = "screen of the centers";

/* What all screens have, for so many words of each center. */
static void create_arrays(km_owned_screen *owned, int64_t n_words, km_error *error)
{
    const int64_t k = owned->n_clusters, d = owned->n_features;
    km_screen *screen = &owned->screen;
    screen->n_words = n_words;
    screen->origin = owned->origin = km_allocate_zeroed(d, sizeof(float), WHAT, error);
    screen->words = owned->words = km_allocate(k * n_words, sizeof *owned->words, WHAT, error);
    screen->sums = owned->sums = km_allocate(k, sizeof *owned->sums, WHAT, error);
    screen->squares = owned->squares = km_allocate(k, sizeof(float), WHAT, error);
    screen->residuals = owned->residuals = km_allocate(k, sizeof(float), WHAT, error);
    screen->scales = owned->scales = km_allocate(k, sizeof(float), WHAT, error);
    owned->sizes = km_allocate(2 * k, sizeof *owned->sizes, WHAT, error);
}

km_code km_screen_create(km_owned_screen *owned, const km_kernel *kernel, int64_t k, int64_t d,
                         km_error *error)
{
    const bool are_bytes = kernel->has_bytes && d >= FEWEST_OF_BYTES;
    *owned = (km_owned_screen){.n_clusters = k, .n_features = d, .screen.are_bytes = are_bytes};
    const int64_t of_word = features_per_word(&owned->screen);
    create_arrays(owned, (d + of_word - 1) / of_word, error);
    if (!are_bytes)
        owned->screen.centers = owned->centers =
            km_allocate((k + KM_BLOCK - 1) / KM_BLOCK * KM_BLOCK * d, sizeof(double), WHAT, error);
    return error->code;
}

km_code km_screen_create_on_axes(km_owned_screen *owned, km_precision precision,
                                 const void *centers, int64_t k, int64_t d, km_error *error)
{
    const int64_t n_axes = km_most_axes(d);
    *owned = (km_owned_screen){.n_clusters = k, .n_features = d, .most_axes = n_axes};
    create_arrays(owned, n_axes / features_per_word(&owned->screen), error);
    owned->all_axes = km_allocate(d * n_axes, sizeof *owned->all_axes, WHAT, error);
    owned->screen.axes = owned->axes = km_allocate(d * n_axes, sizeof *owned->axes, WHAT, error);
    owned->coordinates = km_allocate(k * n_axes, sizeof *owned->coordinates, WHAT, error);
    owned->norms = km_allocate(k, sizeof *owned->norms, WHAT, error);
    if (error->code == KM_OK)
        owned->share = km_find_axes(precision, centers, k, d, n_axes, owned->all_axes);
    return error->code;
}

void km_screen_use_axes(km_owned_screen *owned, int64_t n_axes)
{
    owned->screen.n_axes = n_axes;
    owned->screen.n_words = n_axes / features_per_word(&owned->screen);
    for (int64_t j = 0; j < owned->n_features; j++)
        for (int64_t a = 0; a < n_axes; a++)
            owned->axes[j * n_axes + a] = owned->all_axes[a * owned->n_features + j];
}

void km_screen_free(km_owned_screen *owned)
{
    free(owned->origin);
    free(owned->words);
    free(owned->sums);
    free(owned->squares);
    free(owned->residuals);
    free(owned->scales);
    free(owned->centers);
    free(owned->sizes);
    free(owned->all_axes);
    free(owned->axes);
    free(owned->coordinates);
    free(owned->norms);
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

/* Feature j of a center, from the origin. */
static double feature_from_origin(const km_owned_screen *owned, km_precision precision,
                                  const void *centers, int64_t c, int64_t j)
{
    return km_value_get(precision, centers, c * owned->n_features + j) - (double)owned->origin[j];
}

/* Values of a center that become whole numbers: its features, or coordinates. */
static int64_t count_values(const km_owned_screen *owned)
{
    return owned->screen.n_axes > 0 ? owned->screen.n_axes : owned->n_features;
}

static double value_from_origin(const km_owned_screen *owned, km_precision precision,
                                const void *centers, int64_t c, int64_t j)
{
    return owned->screen.n_axes > 0 ? owned->coordinates[c * owned->screen.n_axes + j]
                                    : feature_from_origin(owned, precision, centers, c, j);
}

/* Coordinates of a center, and its norm. */
static void project_center(km_owned_screen *owned, km_precision precision, const void *centers,
                           int64_t c)
{
    const int64_t n = owned->screen.n_axes;
    double *coordinates = owned->coordinates + c * n, norm2 = 0;
    memset(coordinates, 0, (size_t)n * sizeof *coordinates);
    for (int64_t j = 0; j < owned->n_features; j++) {
        const double x = feature_from_origin(owned, precision, centers, c, j);
        norm2 += x * x;
        for (int64_t a = 0; a < n; a++)
            coordinates[a] += x * (double)owned->axes[j * n + a];
    }
    owned->norms[c] = sqrt(norm2);
}

/* What the scale must make fit: the largest feature into a byte, or the norm into 15 bits. */
static double size_of_center(const km_owned_screen *owned, km_precision precision,
                             const void *centers, int64_t c)
{
    double largest = 0, norm2 = 0;
    for (int64_t j = 0; j < count_values(owned); j++) {
        const double x = value_from_origin(owned, precision, centers, c, j);
        largest = fmax(largest, fabs(x));
        norm2 += x * x;
    }
    return owned->screen.are_bytes ? largest / KM_SCREEN_BYTE : sqrt(norm2) / KM_SCREEN_PAIR;
}

static float round_scale(double size)
{
    return nextafterf((float)fmax(size, 0x1p-50), INFINITY);
}

/* Pairs have one scale, which fits all centers, or all but a few strays that would make it much too
 * coarse. */
static void choose_scales(km_owned_screen *owned)
{
    const int64_t k = owned->n_clusters;
    double *sorted = owned->sizes + k;
    memcpy(sorted, owned->sizes, (size_t)k * sizeof *sorted);
    qsort(sorted, (size_t)k, sizeof *sorted, compare_values);
    const double most = MOST_OF_MEDIAN * sorted[k / 2];
    const bool are_few = sorted[k - 1 - k / STRAYS] <= most;
    const double largest = are_few && sorted[k - 1] > most ? most : sorted[k - 1];
    owned->screen.scale = owned->screen.are_bytes ? 0 : round_scale(largest);
    for (int64_t c = 0; c < k; c++)
        owned->scales[c] =
            owned->screen.are_bytes ? round_scale(owned->sizes[c]) : owned->screen.scale;
}

/* The sums of a center as it becomes whole numbers. */
typedef struct center_sums {
    bool is_stray; /* it does not fit, and leaves everything */
    double whole2, left2, norm2;
    int32_t sum;
} center_sums;

/* Puts features of a center into a word. */
static int32_t fill_word(const km_owned_screen *owned, km_precision precision, const void *centers,
                         int64_t c, int64_t w, center_sums *sums)
{
    const int64_t n = features_per_word(&owned->screen), d = count_values(owned);
    const uint32_t mask = owned->screen.are_bytes ? 0xff : 0xffff;
    const double scale = (double)owned->scales[c];
    uint32_t word = 0;
    for (int64_t i = 0; i < n && w * n + i < d; i++) {
        const double x = value_from_origin(owned, precision, centers, c, w * n + i);
        const int32_t whole = sums->is_stray ? 0 : (int32_t)lrint(x / scale);
        const double left = x - scale * whole;
        word |= ((uint32_t)-whole & mask) << (32 / n * i);
        sums->sum += whole;
        sums->whole2 += (double)whole * whole;
        sums->left2 += left * left;
        sums->norm2 += x * x;
    }
    return (int32_t)word;
}

static void set_center(km_owned_screen *owned, km_precision precision, const void *centers,
                       int64_t c)
{
    const int64_t n_words = owned->screen.n_words;
    const double scale = (double)owned->scales[c];
    const double kept = owned->screen.are_bytes ? 1 - KM_SCREEN_SLACK(owned->n_features) : 1;
    center_sums sums = {.is_stray = owned->sizes[c] > scale};
    for (int64_t w = 0; w < n_words; w++)
        owned->words[c * n_words + w] = fill_word(owned, precision, centers, c, w, &sums);
    const double norm = owned->screen.n_axes > 0 ? owned->norms[c] : sqrt(sums.norm2);
    const double left = sqrt(sums.left2) * (1 + 0x1p-20) + norm * 0x1p-36;
    owned->squares[c] = (float)(scale * scale * sums.whole2 * kept);
    owned->residuals[c] = nextafterf((float)left, INFINITY);
    owned->sums[c] = sums.sum;
}

/* The centers in blocks, as samples are. */
static void copy_to_blocks(km_owned_screen *owned, km_precision precision, const void *centers)
{
    const int64_t k = owned->n_clusters, d = owned->n_features;
    for (int64_t i = 0; i < (k + KM_BLOCK - 1) / KM_BLOCK * KM_BLOCK; i++)
        for (int64_t j = 0; j < d; j++)
            km_value_set(precision, owned->centers,
                         (i / KM_BLOCK * d + j) * KM_BLOCK + i % KM_BLOCK,
                         km_value_get(precision, centers, (i < k ? i : k - 1) * d + j));
}

void km_screen_set(km_owned_screen *owned, km_precision precision, const void *centers)
{
    const int64_t k = owned->n_clusters;
    float largest = 0, largest_residual = 0;
    if (!owned->has_origin)
        choose_origin(owned, precision, centers);
#pragma omp parallel for
    for (int64_t c = 0; c < k; c++) {
        if (owned->screen.n_axes > 0)
            project_center(owned, precision, centers, c);
        owned->sizes[c] = size_of_center(owned, precision, centers, c);
    }
    choose_scales(owned);
    if (owned->centers != NULL)
        copy_to_blocks(owned, precision, centers);
    owned->screen.has_strays = false;
#pragma omp parallel for
    for (int64_t c = 0; c < k; c++)
        set_center(owned, precision, centers, c);
    for (int64_t c = 0; c < k; c++) {
        largest = fmaxf(largest, owned->squares[c]);
        largest_residual = fmaxf(largest_residual, owned->residuals[c]);
        owned->screen.has_strays =
            owned->screen.has_strays || owned->sizes[c] > (double)owned->scales[c];
    }
    owned->screen.largest_square = owned->screen.are_bytes ? 0 : nextafterf(largest, INFINITY);
    owned->screen.largest_residual = largest_residual;
}

/* Words, and six numbers of each center; the centers in blocks; the origin. */
double km_screen_bytes(const km_shape *shape)
{
    const double d = (double)shape->n_features;
    const double of_center = ceil(d / 2) * sizeof(int32_t) + 4 * sizeof(float) + 2 * sizeof(double);
    const double k = (double)shape->n_clusters, in_blocks = ceil(k / KM_BLOCK) * KM_BLOCK;
    return k * of_center + in_blocks * d * sizeof(double) + d * sizeof(float);
}

double km_screen_on_axes_bytes(const km_shape *shape)
{
    const double k = (double)shape->n_clusters, d = (double)shape->n_features;
    const double n_axes = (double)km_most_axes(shape->n_features);
    const double of_center =
        n_axes * (sizeof(double) + sizeof(int32_t) / 2.0) + 4 * sizeof(float) + 3 * sizeof(double);
    return n_axes > 0 ? k * of_center + d * (2 * n_axes + 1) * sizeof(float) : 0;
}
