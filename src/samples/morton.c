/* Morton codes: the bits of the cells of all features, mixed, so that samples with codes close to
 * each other are close to each other.
 *
 * A code has KM_CODE_BITS bits, dealt out one by one to the feature that is widest at the time.
 * What lies outside the middle 99 % of a feature goes to the border cells, so outliers do not make
 * the others coarse. */
#include "morton.h"

#include <math.h>
#include <stdlib.h>

enum {
    N_PROBES = 2048,
    TABLE_BITS = 8,
    N_TABLES = 3,
    MOST_BITS = TABLE_BITS * N_TABLES, /* of one feature; cells stay exact in float, too */
};

/* How one feature enters the code. */
typedef struct axis {
    double lowest, cells_per_unit;
    int n_bits;
    uint32_t mask;                              /* its bits of the code */
    uint32_t spread[N_TABLES][1 << TABLE_BITS]; /* the bits of the mask, from those of a cell */
} axis;

struct km_morton {
    int64_t n_features;
    axis *axes;
};

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The middle 99 % of a feature and a little more, from some of the samples. */
static void find_extent(const km_samples *samples, int64_t feature, double *lowest, double *width)
{
    double probes[N_PROBES] = {0}, values[KM_BLOCK];
    int64_t n = 0;
    const int64_t step = samples->n_blocks / (N_PROBES / 4) + 1;
    for (int64_t b = 0; b < samples->n_blocks && n + 4 <= N_PROBES; b += step) {
        km_samples_load(samples, b, feature, values);
        for (int l = 0; l < KM_BLOCK; l += KM_BLOCK / 4)
            probes[n++] = values[l];
    }
    qsort(probes, (size_t)n, sizeof *probes, by_value);
    const double low = probes[n / 200], high = probes[n - 1 - n / 200];
    *lowest = low - 0.02 * (high - low);
    *width = 1.04 * (high - low);
}

static void deal_bits(axis *axes, double *widths, int64_t d)
{
    for (int bit = KM_CODE_BITS - 1; bit >= 0; bit--) {
        int64_t widest = -1;
        for (int64_t j = 0; j < d; j++)
            if (axes[j].n_bits < MOST_BITS && (widest < 0 || widths[j] > widths[widest]))
                widest = j;
        if (widest < 0)
            return;
        axes[widest].mask |= (uint32_t)1 << bit;
        axes[widest].n_bits++;
        widths[widest] /= 2;
    }
}

/* Spreads the lowest bits of `cell` over the bits of a mask. */
static uint32_t spread(uint32_t cell, uint32_t mask)
{
    uint32_t code = 0;
    for (; mask != 0; mask &= mask - 1, cell >>= 1)
        code |= (cell & 1) != 0 ? mask & -mask : 0;
    return code;
}

static void fill_tables(axis *a)
{
    for (uint32_t t = 0; t < N_TABLES; t++)
        for (uint32_t i = 0; i < 1 << TABLE_BITS; i++)
            a->spread[t][i] = spread(i << t * TABLE_BITS, a->mask);
}

km_morton *km_morton_create(const km_samples *samples, km_error *error)
{
    const char *what = "order of samples";
    const int64_t d = samples->n_features;
    km_morton *morton = km_allocate_zeroed(1, sizeof *morton, what, error);
    axis *axes = km_allocate_zeroed(d, sizeof *axes, what, error);
    double *widths = km_allocate(d, sizeof *widths, what, error);
    if (error->code != KM_OK) {
        free(morton);
        free(axes);
        free(widths);
        return NULL;
    }
    *morton = (km_morton){d, axes};
    for (int64_t j = 0; j < d; j++) {
        find_extent(samples, j, &axes[j].lowest, &widths[j]);
        axes[j].cells_per_unit = widths[j] > 0 ? 1 / widths[j] : 0;
    }
    deal_bits(axes, widths, d);
    for (int64_t j = 0; j < d; j++) {
        axes[j].cells_per_unit = ldexp(axes[j].cells_per_unit, axes[j].n_bits);
        fill_tables(&axes[j]);
    }
    free(widths);
    return morton;
}

void km_morton_free(km_morton *morton)
{
    if (morton != NULL)
        free(morton->axes);
    free(morton);
}

/* Cells of a block's values; what is outside goes to the border, and so does what is no number. */
static void find_cells_float32(const axis *a, const float *values, int32_t *cells)
{
    const float lowest = (float)a->lowest, scale = (float)a->cells_per_unit;
    const float most = (float)((1 << a->n_bits) - 1);
    for (int l = 0; l < KM_BLOCK; l++) {
        float cell = (values[l] - lowest) * scale;
        cell = cell < most ? cell : most;
        cells[l] = (int32_t)(cell > 0 ? cell : 0);
    }
}

static void find_cells_float64(const axis *a, const double *values, int32_t *cells)
{
    const double most = (double)((1 << a->n_bits) - 1);
    for (int l = 0; l < KM_BLOCK; l++) {
        double cell = (values[l] - a->lowest) * a->cells_per_unit;
        cell = cell < most ? cell : most;
        cells[l] = (int32_t)(cell > 0 ? cell : 0);
    }
}

static void add_cells(const axis *a, const int32_t *cells, uint32_t *codes)
{
    enum { LOW = (1 << TABLE_BITS) - 1 };
    if (a->n_bits <= TABLE_BITS)
        for (int l = 0; l < KM_BLOCK; l++)
            codes[l] |= a->spread[0][cells[l]];
    else
        for (int l = 0; l < KM_BLOCK; l++)
            codes[l] |= a->spread[0][cells[l] & LOW] | a->spread[1][cells[l] >> TABLE_BITS & LOW] |
                        a->spread[2][cells[l] >> 2 * TABLE_BITS];
}

void km_morton_codes(const km_morton *morton, const km_samples *samples, int64_t block,
                     uint32_t *codes)
{
    const void *values = km_samples_block(samples, block);
    for (int l = 0; l < KM_BLOCK; l++)
        codes[l] = 0;
    for (int64_t j = 0; j < morton->n_features; j++) {
        int32_t cells[KM_BLOCK];
        if (morton->axes[j].n_bits == 0)
            continue;
        if (samples->precision == KM_FLOAT32)
            find_cells_float32(&morton->axes[j], (const float *)values + j * KM_BLOCK, cells);
        else
            find_cells_float64(&morton->axes[j], (const double *)values + j * KM_BLOCK, cells);
        add_cells(&morton->axes[j], cells, codes);
    }
}
