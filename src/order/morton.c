/* Morton codes: the bits of the cells of all features, mixed, so that samples with codes close to
 * each other are close to each other.
 *
 * A code has KM_CODE_BITS bits, dealt out one by one to the feature that is widest at the time.
 * What lies outside the middle 99 % of a feature goes to the border cells, so outliers do not make
 * the others coarse. */
#include "morton.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "kernels/names.h"

#include <math.h>
#include <stdlib.h>

enum {
    N_PROBES = 2048,
    TABLE_BITS = 8,
    N_TABLES = 3,
    MAX_BITS = TABLE_BITS * N_TABLES, /* of one feature; cells stay exact in float, too */
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

/* All features of some samples of this rank, four of a block: [at most n_probes][d]. Returns how
 * many. */
static int64_t take_probes(const km_samples *samples, int64_t n_probes, double *probes)
{
    const int64_t d = samples->n_features, step = samples->n_blocks / (n_probes / 4) + 1;
    int64_t n = 0;
    for (int64_t b = 0; b < samples->n_blocks; b += step)
        for (int l = 0; l < KM_BLOCK; l += KM_BLOCK / 4)
            km_samples_get(samples, b * KM_BLOCK + l, probes + n++ * d);
    return n;
}

/* Probes of all ranks, by features: [d][*n]. */
static double *gather_probes(const km_samples *samples, MPI_Comm comm, int64_t *n, km_error *error)
{
    const char *what = "order of samples";
    const int64_t d = samples->n_features, n_probes = N_PROBES / km_comm_size(comm) + 4;
    double *mine = km_allocate(n_probes * d, sizeof *mine, what, error), *by_feature = NULL;
    void *all = NULL;
    if (km_agree(comm, error) == KM_OK &&
        km_concatenate(comm, mine, take_probes(samples, n_probes, mine), (size_t)d * sizeof *mine,
                       &all, n, error) == KM_OK) {
        by_feature = km_allocate(*n * d, sizeof *by_feature, what, error);
        for (int64_t i = 0; i < *n * d && by_feature != NULL; i++)
            by_feature[i % d * *n + i / d] = ((double *)all)[i];
    }
    free(mine);
    free(all);
    return by_feature;
}

/* The lowest of n values but for `rank` lower ones; or with a sign of -1 the highest, but for
 * higher ones. So few are kept of the values that this is faster than to sort them all. */
static double find_ranked(const double *values, int64_t n, int64_t rank, double sign, double *kept)
{
    int64_t n_kept = 0;
    for (int64_t i = 0; i < n; i++) {
        const double x = sign * values[i];
        if (n_kept > rank && !(x < kept[rank]))
            continue;
        int64_t at = n_kept <= rank ? n_kept++ : rank;
        for (; at > 0 && kept[at - 1] > x; at--)
            kept[at] = kept[at - 1];
        kept[at] = x;
    }
    return sign * kept[rank];
}

static int64_t rank_of_extent(int64_t n)
{
    return n / 200;
}

/* The middle 99 % of a feature and a little more, from its probes; `kept` has rank_of_extent(n) + 1
 * values. */
static void find_extent(const double *probes, int64_t n, double *kept, double *lowest,
                        double *width)
{
    const double low = find_ranked(probes, n, rank_of_extent(n), 1, kept);
    const double high = find_ranked(probes, n, rank_of_extent(n), -1, kept);
    *lowest = low - 0.02 * (high - low);
    *width = 1.04 * (high - low);
}

static void deal_bits(axis *axes, double *widths, int64_t d)
{
    for (int bit = KM_CODE_BITS - 1; bit >= 0; bit--) {
        int64_t widest = -1;
        for (int64_t j = 0; j < d; j++)
            if (axes[j].n_bits < MAX_BITS && (widest < 0 || widths[j] > widths[widest]))
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

km_morton *km_morton_create(const km_samples *samples, MPI_Comm comm, km_error *error)
{
    const char *what = "order of samples";
    const int64_t d = samples->n_features;
    int64_t n_probes = 0;
    double *probes = gather_probes(samples, comm, &n_probes, error);
    km_morton *morton = km_allocate_zeroed(1, sizeof *morton, what, error);
    axis *axes = km_allocate_zeroed(d, sizeof *axes, what, error);
    double *widths = km_allocate_zeroed(d, sizeof *widths, what, error);
    const int64_t n_kept = rank_of_extent(n_probes) + 1;
    double *kept = km_allocate(d * n_kept, sizeof *kept, what, error);
    if (km_agree(comm, error) != KM_OK) {
        free(probes);
        free(morton);
        free(axes);
        free(widths);
        free(kept);
        return NULL;
    }
    *morton = (km_morton){d, axes};
#pragma omp parallel for
    for (int64_t j = 0; j < (n_probes > 0 ? d : 0); j++) {
        find_extent(probes + j * n_probes, n_probes, kept + j * n_kept, &axes[j].lowest,
                    &widths[j]);
        axes[j].cells_per_unit = widths[j] > 0 ? 1 / widths[j] : 0;
    }
    deal_bits(axes, widths, d);
    for (int64_t j = 0; j < d; j++) {
        axes[j].cells_per_unit = ldexp(axes[j].cells_per_unit, axes[j].n_bits);
        fill_tables(&axes[j]);
    }
    free(probes);
    free(widths);
    free(kept);
    return morton;
}

void km_morton_free(km_morton *morton)
{
    if (morton != NULL)
        free(morton->axes);
    free(morton);
}

#include "kernels/float32.h"

#include "cells.h"

#include "kernels/float64.h"

#include "cells.h"

static void add_cells(const axis *a, const int32_t *cells, uint32_t *codes)
{
    enum { LOW = (1 << TABLE_BITS) - 1 };
    if (a->n_bits <= TABLE_BITS)
        for (int l = 0; l < KM_BLOCK; l++)
            codes[l] |= a->spread[0][cells[l]];
    else if (a->n_bits <= 2 * TABLE_BITS)
        for (int l = 0; l < KM_BLOCK; l++)
            codes[l] |= a->spread[0][cells[l] & LOW] | a->spread[1][cells[l] >> TABLE_BITS];
    else
        for (int l = 0; l < KM_BLOCK; l++)
            codes[l] |= a->spread[0][cells[l] & LOW] | a->spread[1][cells[l] >> TABLE_BITS & LOW] |
                        a->spread[2][cells[l] >> 2 * TABLE_BITS];
}

void km_morton_codes(const km_morton *morton, const km_samples *samples, int64_t block,
                     uint32_t *codes)
{
    const void *values = km_samples_block(samples, block);
    km_samples_pass(samples, block);
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
