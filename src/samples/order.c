/* Neighbours in space become neighbours in memory: samples are sorted along a Morton curve, so that
 * blocks, and runs of blocks, have small boxes. No result depends on the order, only speed does.
 *
 * The code of a sample has CODE_BITS bits, dealt out one by one to the feature that is widest at
 * the time; what lies outside the middle 99 % of a feature goes to the border cells, so outliers do
 * not make the others coarse. */
#include "skymeans/samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CODE_BITS = 32, DIGIT_BITS = 11, N_DIGITS = 1 << DIGIT_BITS, N_PROBES = 2048 };

/* How one feature enters the code. */
typedef struct axis {
    double lowest, cells_per_unit;
    int n_bits;
    uint32_t mask; /* its bits of the code */
} axis;

/* A code in the upper half, and the sample's number in the lower. */
typedef uint64_t key;

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The middle 99 % of a feature and a little more, from some of the samples. */
static void find_extent(const km_samples *samples, int64_t feature, double *lowest, double *width)
{
    double probes[N_PROBES], values[KM_BLOCK];
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
    for (int bit = CODE_BITS - 1; bit >= 0; bit--) {
        int64_t widest = 0;
        for (int64_t j = 1; j < d; j++)
            if (widths[j] > widths[widest])
                widest = j;
        axes[widest].mask |= (uint32_t)1 << bit;
        axes[widest].n_bits++;
        widths[widest] /= 2;
    }
}

static void choose_axes(const km_samples *samples, axis *axes, double *widths)
{
    const int64_t d = samples->n_features;
    for (int64_t j = 0; j < d; j++) {
        axes[j] = (axis){0};
        find_extent(samples, j, &axes[j].lowest, &widths[j]);
        axes[j].cells_per_unit = widths[j] > 0 ? 1 / widths[j] : 0;
    }
    deal_bits(axes, widths, d);
    for (int64_t j = 0; j < d; j++)
        axes[j].cells_per_unit = ldexp(axes[j].cells_per_unit, axes[j].n_bits);
}

/* Spreads the lowest bits of `cell` over the bits of a mask. */
static uint32_t spread(uint32_t cell, uint32_t mask)
{
    uint32_t code = 0;
    for (; mask != 0; mask &= mask - 1, cell >>= 1)
        code |= (cell & 1) != 0 ? mask & -mask : 0;
    return code;
}

static void add_codes(const axis *a, const double *values, uint32_t *codes)
{
    const double most = ldexp(1, a->n_bits) - 1;
    for (int l = 0; l < KM_BLOCK; l++) {
        const double cell = (values[l] - a->lowest) * a->cells_per_unit;
        codes[l] |= spread((uint32_t)(cell > most ? most : cell > 0 ? cell : 0), a->mask);
    }
}

static void make_keys(const km_samples *samples, const axis *axes, key *keys)
{
#pragma omp parallel for
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        uint32_t codes[KM_BLOCK] = {0};
        double values[KM_BLOCK];
        for (int64_t j = 0; j < samples->n_features; j++)
            if (axes[j].n_bits > 0) {
                km_samples_load(samples, b, j, values);
                add_codes(&axes[j], values, codes);
            }
        for (int l = 0; l < km_samples_lanes(samples, b); l++)
            keys[b * KM_BLOCK + l] = (key)codes[l] << 32 | (uint64_t)(b * KM_BLOCK + l);
    }
}

/* One stable pass of a radix sort. */
static void sort_by_digit(const key *from, key *to, int64_t n, int shift,
                          int64_t (*starts)[N_DIGITS])
{
#pragma omp parallel
    {
        const km_rows mine = km_thread_share(n);
        int64_t *own = starts[km_thread()];
        memset(own, 0, sizeof starts[0]);
        for (int64_t i = mine.first; i < mine.first + mine.count; i++)
            own[from[i] >> shift & (N_DIGITS - 1)]++;
#pragma omp barrier
#pragma omp single
        {
            int64_t sum = 0;
            for (int digit = 0; digit < N_DIGITS; digit++)
                for (int t = 0; t < km_threads_now(); t++) {
                    const int64_t count = starts[t][digit];
                    starts[t][digit] = sum;
                    sum += count;
                }
        }
        for (int64_t i = mine.first; i < mine.first + mine.count; i++)
            to[own[from[i] >> shift & (N_DIGITS - 1)]++] = from[i];
    }
}

/* Replaces the samples by themselves in the order of sorted keys. */
static km_code rearrange(km_samples *samples, key *keys, km_error *error)
{
    km_samples sorted;
    int64_t *order = (int64_t *)keys; /* a key becomes the number that it holds */
    for (int64_t i = 0; i < samples->n_samples; i++)
        order[i] = (int64_t)(keys[i] & UINT32_MAX);
    if (km_samples_select(samples, order, samples->n_samples, &sorted, error) != KM_OK)
        return error->code;
    km_samples_free(samples);
    *samples = sorted;
    return KM_OK;
}

km_code km_samples_order(km_samples *samples, km_error *error)
{
    const char *what = "order of samples";
    const int64_t n = samples->n_samples, d = samples->n_features;
    axis *axes = km_allocate(d, sizeof *axes, what, error);
    double *widths = km_allocate(d, sizeof *widths, what, error);
    key *keys = km_allocate(2 * n, sizeof *keys, what, error);
    int64_t(*starts)[N_DIGITS] = km_allocate(km_threads(), sizeof *starts, what, error);
    if (error->code == KM_OK && n > 0) {
        key *sorted = keys, *other = keys + n;
        choose_axes(samples, axes, widths);
        make_keys(samples, axes, sorted);
        for (int shift = 64 - CODE_BITS; shift < 64; shift += DIGIT_BITS) {
            sort_by_digit(sorted, other, n, shift, starts);
            key *from = sorted;
            sorted = other;
            other = from;
        }
        rearrange(samples, sorted, error);
    }
    free(keys);
    free(axes);
    free(widths);
    free(starts);
    return error->code;
}
