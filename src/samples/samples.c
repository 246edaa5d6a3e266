/* Samples in memory: filled row by row, read block by block. */
#include "skymeans/samples.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int64_t blocks_of(int64_t count)
{
    return count / KM_BLOCK + (count % KM_BLOCK > 0);
}

km_code km_samples_create(km_samples *samples, km_precision precision, int64_t n_features,
                          km_rows slab, km_error *error)
{
    /* Pages that are never written cost nothing, so there is room for every row of the slab. */
    const int64_t n_blocks = blocks_of(slab.count);
    *samples = (km_samples){.precision = precision, .n_features = n_features, .slab = slab};
    samples->values =
        km_allocate(n_blocks, (size_t)n_features * KM_BLOCK * km_precision_size(precision),
                    "samples of this rank", error);
    samples->used = km_allocate_zeroed(n_blocks, sizeof(uint64_t), "map of used rows", error);
    samples->block_row = km_allocate(n_blocks, sizeof(int64_t), "first rows of blocks", error);
    if (error->code != KM_OK)
        km_samples_free(samples);
    return error->code;
}

void km_samples_free(km_samples *samples)
{
    free(samples->values);
    free(samples->used);
    free(samples->block_row);
    *samples = (km_samples){0};
}

static void *feature_of_block(const km_samples *samples, int64_t block, int64_t feature)
{
    const size_t size = km_precision_size(samples->precision);
    const int64_t first = (block * samples->n_features + feature) * KM_BLOCK;
    return (char *)samples->values + (size_t)first * size;
}

const void *km_samples_block(const km_samples *samples, int64_t block)
{
    return feature_of_block(samples, block, 0);
}

/* Copies `count` values, `stride` apart, to the lanes of a feature. */
static void copy_values(km_precision precision, void *lanes, int64_t lane, const void *from,
                        int64_t stride, int64_t count)
{
    if (precision == KM_FLOAT32)
        for (int64_t i = 0; i < count; i++)
            ((float *)lanes)[lane + i] = ((const float *)from)[i * stride];
    else
        for (int64_t i = 0; i < count; i++)
            ((double *)lanes)[lane + i] = ((const double *)from)[i * stride];
}

static const void *value_at(km_precision precision, const km_values *values, int64_t row)
{
    return (const char *)values->first +
           (size_t)(row * values->stride) * km_precision_size(precision);
}

/* Appends the run of used rows [first, first + count) of a piece, block by block. */
static void append_run(km_samples *samples, int64_t first, int64_t count, const km_values *features)
{
    while (count > 0) {
        const int64_t block = samples->n_samples / KM_BLOCK, lane = samples->n_samples % KM_BLOCK;
        const int64_t part = count < KM_BLOCK - lane ? count : KM_BLOCK - lane;
        if (lane == 0) {
            samples->n_blocks = block + 1;
            samples->block_row[block] = samples->n_appended;
        }
        for (int64_t j = 0; j < samples->n_features; j++)
            copy_values(samples->precision, feature_of_block(samples, block, j), lane,
                        value_at(samples->precision, &features[j], first), features[j].stride,
                        part);
        for (int64_t i = 0; i < part; i++) {
            const int64_t row = samples->n_appended++;
            samples->used[row / 64] |= (uint64_t)1 << row % 64;
        }
        samples->n_samples += part;
        first += part;
        count -= part;
    }
}

/* Repeats the last sample up to the end of the last block. */
static void pad_last_block(km_samples *samples)
{
    const int64_t block = samples->n_blocks - 1;
    const int lanes = km_samples_lanes(samples, block);
    for (int64_t j = 0; j < samples->n_features; j++) {
        void *feature = feature_of_block(samples, block, j);
        const km_values last = {feature, 1};
        copy_values(samples->precision, feature, lanes,
                    value_at(samples->precision, &last, lanes - 1), 0, KM_BLOCK - lanes);
    }
}

void km_samples_append(km_samples *samples, int64_t count, const km_values *features,
                       const uint8_t *is_missing)
{
    assert(samples->n_appended + count <= samples->slab.count);
    for (int64_t row = 0; row < count;) {
        int64_t end = row;
        while (end < count && !is_missing[end])
            end++;
        append_run(samples, row, end - row, features);
        while (end < count && is_missing[end]) {
            end++;
            samples->n_appended++;
        }
        row = end;
    }
    if (samples->n_appended == samples->slab.count && samples->n_samples > 0)
        pad_last_block(samples);
}

int km_samples_lanes(const km_samples *samples, int64_t block)
{
    const int64_t left = samples->n_samples - block * KM_BLOCK;
    return left < KM_BLOCK ? (int)left : KM_BLOCK;
}

void km_samples_load(const km_samples *samples, int64_t block, int64_t feature, double *values)
{
    const void *from = feature_of_block(samples, block, feature);
    if (samples->precision == KM_FLOAT32)
        for (int l = 0; l < KM_BLOCK; l++)
            values[l] = (double)((const float *)from)[l];
    else
        memcpy(values, from, KM_BLOCK * sizeof *values);
}

void km_samples_store(km_samples *samples, int64_t block, int64_t feature, const double *values)
{
    km_round_to_precision(samples->precision, values, KM_BLOCK,
                          feature_of_block(samples, block, feature));
}

void km_samples_get(const km_samples *samples, int64_t sample, double *values)
{
    const int64_t lane = sample % KM_BLOCK;
    for (int64_t j = 0; j < samples->n_features; j++) {
        const void *from = feature_of_block(samples, sample / KM_BLOCK, j);
        values[j] = samples->precision == KM_FLOAT32 ? (double)((const float *)from)[lane]
                                                     : ((const double *)from)[lane];
    }
}

void km_samples_rows(const km_samples *samples, int64_t block, int64_t *rows)
{
    int64_t row = samples->block_row[block];
    for (int lane = 0; lane < km_samples_lanes(samples, block); row++)
        if (km_samples_is_used(samples, row))
            rows[lane++] = samples->slab.first + row;
}

km_code km_samples_select(const km_samples *from, const int64_t *chosen, int64_t n_chosen,
                          km_samples *selected, km_error *error)
{
    const int64_t d = from->n_features;
    if (km_samples_create(selected, from->precision, d, (km_rows){0, n_chosen}, error) != KM_OK)
        return error->code;
    km_values *features = km_allocate(d, sizeof *features, "pointers to features", error);
    if (features == NULL) {
        km_samples_free(selected);
        return error->code;
    }
    for (int64_t i = 0; i < n_chosen; i++) {
        const int64_t block = chosen[i] / KM_BLOCK, lane = chosen[i] % KM_BLOCK;
        for (int64_t j = 0; j < d; j++) {
            const km_values feature = {feature_of_block(from, block, j), 1};
            features[j] = (km_values){value_at(from->precision, &feature, lane), 1};
        }
        km_samples_append(selected, 1, features, &(uint8_t){0});
    }
    free(features);
    return KM_OK;
}

void km_round_to_precision(km_precision precision, const double *values, int64_t count, void *out)
{
    if (precision == KM_FLOAT32)
        for (int64_t i = 0; i < count; i++)
            ((float *)out)[i] = (float)values[i];
    else
        memcpy(out, values, (size_t)count * sizeof *values);
}
