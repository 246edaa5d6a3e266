/* Samples in memory, read block by block. */
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "blocks.h"
#include "kernels/names.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

km_code km_samples_create(km_samples *samples, km_precision precision, int64_t n_features,
                          bool has_weights, km_rows slab, km_error *error)
{
    return km_samples_create_for(samples, precision, n_features, has_weights, slab, slab.count,
                                 error);
}

km_code km_samples_create_for(km_samples *samples, km_precision precision, int64_t n_features,
                              bool has_weights, km_rows slab, int64_t capacity, km_error *error)
{
    /* Pages that are never written cost nothing, so there is room for every row of the slab. */
    const int64_t n_blocks = km_blocks_of(slab.count > capacity ? slab.count : capacity);
    *samples = (km_samples){.precision = precision,
                            .n_features = n_features,
                            .slab = slab,
                            .capacity = n_blocks * KM_BLOCK,
                            .first_row = slab.first,
                            .weight_unit = 1};
    if (slab.count > UINT32_MAX)
        return km_fail(error, KM_MEMORY,
                       "too many rows for one rank (%lld): it can hold %lld; use more ranks",
                       (long long)slab.count, (long long)UINT32_MAX);
    samples->values =
        km_allocate_large(n_blocks, (size_t)n_features * KM_BLOCK * km_precision_size(precision),
                          "samples of this rank", error);
    samples->rows =
        km_allocate_large(n_blocks, KM_BLOCK * sizeof *samples->rows, "rows of samples", error);
    if (has_weights)
        samples->weights =
            km_allocate_large(n_blocks, KM_BLOCK * sizeof *samples->weights, "weights", error);
    if (error->code != KM_OK)
        km_samples_free(samples);
    return error->code;
}

double km_samples_bytes(const km_shape *shape, double n, bool has_weights)
{
    const double weight_bytes = has_weights ? sizeof(double) : 0;
    const double lane_bytes = (double)shape->n_features * km_value_bytes(shape) + weight_bytes;
    return km_large_bytes(shape, ceil(n / KM_BLOCK) * KM_BLOCK * lane_bytes + n * sizeof(uint32_t));
}

void km_samples_free(km_samples *samples)
{
    km_free_large(samples->values);
    km_free_large(samples->rows);
    km_free_large(samples->weights);
    *samples = (km_samples){0};
}

const void *km_samples_block(const km_samples *samples, int64_t block)
{
    return km_place_of_value(samples, block * KM_BLOCK, 0);
}

void km_samples_leave(const km_samples *samples, int64_t block, int64_t n_blocks)
{
    const int64_t first = block * KM_BLOCK, n = n_blocks * KM_BLOCK;
    const size_t size = km_precision_size(samples->precision);
    km_leave_large(km_samples_block(samples, block), (size_t)(n * samples->n_features) * size);
    km_leave_large(samples->rows + first, (size_t)n * sizeof *samples->rows);
    if (samples->weights != NULL)
        km_leave_large(samples->weights + first, (size_t)n * sizeof *samples->weights);
}

void km_samples_pass(const km_samples *samples, int64_t block)
{
    km_pass_large(samples->values, block, samples->n_blocks,
                  (size_t)(KM_BLOCK * samples->n_features) * km_precision_size(samples->precision));
}

void km_samples_pass_rows(const km_samples *samples, int64_t block)
{
    km_pass_large(samples->rows, block * KM_BLOCK, samples->n_samples, sizeof *samples->rows);
}

int km_samples_lanes(const km_samples *samples, int64_t block)
{
    const int64_t left = samples->n_samples - block * KM_BLOCK;
    return left < KM_BLOCK ? (int)left : KM_BLOCK;
}

void km_samples_load(const km_samples *samples, int64_t block, int64_t feature, double *values)
{
    if (feature == 0)
        km_samples_pass(samples, block);
    km_widen_to_double(samples->precision, km_place_of_value(samples, block * KM_BLOCK, feature),
                       KM_BLOCK, values);
}

#include "kernels/float32.h"

#include "range.h"

#include "kernels/float64.h"

#include "range.h"

void km_samples_range(const km_samples *samples, int64_t block, int64_t feature, double *lowest,
                      double *highest)
{
    if (feature == 0)
        km_samples_pass(samples, block);
    const void *values = km_place_of_value(samples, block * KM_BLOCK, feature);
    if (samples->precision == KM_FLOAT32)
        find_range_float32(values, lowest, highest);
    else
        find_range_float64(values, lowest, highest);
}

void km_samples_store(km_samples *samples, int64_t block, int64_t feature, const double *values)
{
    km_round_to_precision(samples->precision, values, KM_BLOCK,
                          km_place_of_value(samples, block * KM_BLOCK, feature));
}

void km_samples_weights(const km_samples *samples, int64_t block, int64_t *weights)
{
    const int lanes = km_samples_lanes(samples, block);
    for (int l = 0; l < KM_BLOCK; l++)
        weights[l] =
            samples->weights == NULL ? l < lanes : (int64_t)samples->weights[block * KM_BLOCK + l];
}

void km_samples_get(const km_samples *samples, int64_t sample, double *values)
{
    for (int64_t j = 0; j < samples->n_features; j++)
        values[j] = km_value_get(samples->precision, km_place_of_value(samples, sample, j), 0);
}
