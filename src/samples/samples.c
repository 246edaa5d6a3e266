/* Samples in memory: filled row by row, read block by block. */
#include "samples/samples.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t blocks_of(int64_t count)
{
    return count / KM_BLOCK + (count % KM_BLOCK > 0);
}

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
    const int64_t n_blocks = blocks_of(slab.count > capacity ? slab.count : capacity);
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
        km_allocate(n_blocks, (size_t)n_features * KM_BLOCK * km_precision_size(precision),
                    "samples of this rank", error);
    samples->rows =
        km_allocate(n_blocks, KM_BLOCK * sizeof *samples->rows, "rows of samples", error);
    if (has_weights)
        samples->weights =
            km_allocate(n_blocks, KM_BLOCK * sizeof *samples->weights, "weights", error);
    if (error->code != KM_OK)
        km_samples_free(samples);
    return error->code;
}

double km_samples_bytes(const km_shape *shape, double n, bool has_weights)
{
    const double weight_bytes = has_weights ? sizeof(double) : 0;
    const double lane_bytes = (double)shape->n_features * km_value_bytes(shape) + weight_bytes;
    return ceil(n / KM_BLOCK) * KM_BLOCK * lane_bytes + n * sizeof(uint32_t);
}

void km_samples_free(km_samples *samples)
{
    free(samples->values);
    free(samples->rows);
    free(samples->weights);
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

#define DEFINE_COPY(name, real)                                                          \
    static void name(real *lanes, const char *from, int64_t stride, int64_t count)       \
    {                                                                                    \
        if (stride == sizeof(real)) /* which compilers do not find out for themselves */ \
            memcpy(lanes, from, (size_t)count * sizeof(real));                           \
        else                                                                             \
            for (int64_t i = 0; i < count; i++)                                          \
                memcpy(&lanes[i], from + i * stride, sizeof(real));                      \
    }

DEFINE_COPY(copy_float32, float)
DEFINE_COPY(copy_float64, double)

/* Copies `count` values, `stride` bytes apart, to the lanes of a feature. */
static void copy_values(km_precision precision, void *lanes, int64_t lane, const void *from,
                        int64_t stride, int64_t count)
{
    if (precision == KM_FLOAT32)
        copy_float32((float *)lanes + lane, from, stride, count);
    else
        copy_float64((double *)lanes + lane, from, stride, count);
}

static const void *value_at(const km_values *values, int64_t row)
{
    return (const char *)values->first + row * values->stride;
}

/* Rows of the slab that come in, and where their values are. */
struct piece {
    int64_t row;
    const km_values *features;
    const double *weights;
    const uint8_t *is_missing;
};

/* Takes over the run of used rows [first, first + count) of a piece as samples from number `sample`
 * on, block by block. */
static void take_run(km_samples *samples, const struct piece *piece, int64_t first, int64_t count,
                     int64_t sample)
{
    for (int64_t i = 0; i < count; i++)
        samples->rows[sample + i] = (uint32_t)(piece->row + first + i);
    if (samples->weights != NULL)
        memcpy(samples->weights + sample, piece->weights + first,
               (size_t)count * sizeof *samples->weights);
    while (count > 0) {
        const int64_t block = sample / KM_BLOCK, lane = sample % KM_BLOCK;
        const int64_t part = count < KM_BLOCK - lane ? count : KM_BLOCK - lane;
        for (int64_t j = 0; j < samples->n_features; j++)
            copy_values(samples->precision, feature_of_block(samples, block, j), lane,
                        value_at(&piece->features[j], first), piece->features[j].stride, part);
        sample += part;
        first += part;
        count -= part;
    }
}

int64_t km_samples_count_used(const uint8_t *is_missing, int64_t count)
{
    int64_t used = 0;
    for (int64_t i = 0; i < count; i++)
        used += !is_missing[i];
    return used;
}

void km_samples_put(km_samples *samples, int64_t row, int64_t count, const km_values *features,
                    const double *weights, const uint8_t *is_missing, int64_t sample)
{
    const struct piece piece = {row, features, weights, is_missing};
    assert(row + count <= samples->slab.count);
    for (int64_t i = 0; i < count; i++) {
        const int64_t first = i;
        while (i < count && !is_missing[i])
            i++;
        take_run(samples, &piece, first, i - first, sample);
        sample += i - first;
    }
}

void km_samples_pad(km_samples *samples)
{
    const int64_t block = samples->n_blocks - 1;
    const int lanes = km_samples_lanes(samples, block);
    for (int64_t j = 0; j < samples->n_features; j++) {
        void *feature = feature_of_block(samples, block, j);
        const km_values last = {feature, (int64_t)km_precision_size(samples->precision)};
        copy_values(samples->precision, feature, lanes, value_at(&last, lanes - 1), 0,
                    KM_BLOCK - lanes);
    }
    for (int lane = lanes; lane < KM_BLOCK && samples->weights != NULL; lane++)
        samples->weights[block * KM_BLOCK + lane] = 0;
}

void km_samples_complete(km_samples *samples, int64_t n_samples)
{
    samples->n_samples = n_samples;
    samples->n_appended = samples->slab.count;
    samples->n_blocks = blocks_of(n_samples);
    if (n_samples > 0)
        km_samples_pad(samples);
}

void km_samples_append(km_samples *samples, int64_t count, const km_values *features,
                       const double *weights, const uint8_t *is_missing)
{
    km_samples_put(samples, samples->n_appended, count, features, weights, is_missing,
                   samples->n_samples);
    samples->n_samples += km_samples_count_used(is_missing, count);
    samples->n_appended += count;
    if (samples->n_appended == samples->slab.count)
        km_samples_complete(samples, samples->n_samples);
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

/* Half of the lanes with the other half, until one is left: steps that make vectors. */
#define DEFINE_RANGE(name, real)                                               \
    static void name(const real *values, double *lowest, double *highest)      \
    {                                                                          \
        real low[KM_BLOCK], high[KM_BLOCK];                                    \
        memcpy(low, values, sizeof low);                                       \
        memcpy(high, values, sizeof high);                                     \
        for (int half = KM_BLOCK / 2; half > 0; half /= 2)                     \
            for (int l = 0; l < half; l++) {                                   \
                low[l] = low[l] < low[l + half] ? low[l] : low[l + half];      \
                high[l] = high[l] > high[l + half] ? high[l] : high[l + half]; \
            }                                                                  \
        *lowest = low[0];                                                      \
        *highest = high[0];                                                    \
    }

DEFINE_RANGE(find_range_float32, float)
DEFINE_RANGE(find_range_float64, double)

void km_samples_range(const km_samples *samples, int64_t block, int64_t feature, double *lowest,
                      double *highest)
{
    const void *values = feature_of_block(samples, block, feature);
    if (samples->precision == KM_FLOAT32)
        find_range_float32(values, lowest, highest);
    else
        find_range_float64(values, lowest, highest);
}

void km_samples_store(km_samples *samples, int64_t block, int64_t feature, const double *values)
{
    km_round_to_precision(samples->precision, values, KM_BLOCK,
                          feature_of_block(samples, block, feature));
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
    const int64_t lane = sample % KM_BLOCK;
    for (int64_t j = 0; j < samples->n_features; j++) {
        const void *from = feature_of_block(samples, sample / KM_BLOCK, j);
        values[j] = samples->precision == KM_FLOAT32 ? (double)((const float *)from)[lane]
                                                     : ((const double *)from)[lane];
    }
}

/* The used rows as bits, and how many are used before each 64 of them. */
struct map {
    uint64_t *bits;
    uint32_t *before;
};

static void fill_map(const km_samples *samples, struct map *map)
{
    uint32_t count = 0;
    for (int64_t i = 0; i < samples->n_samples; i++)
        map->bits[samples->rows[i] / 64] |= (uint64_t)1 << samples->rows[i] % 64;
    for (int64_t w = 0; w < blocks_of(samples->slab.count); w++) {
        map->before[w] = count;
        count += (uint32_t)__builtin_popcountll(map->bits[w]);
    }
}

uint32_t *km_samples_places(const km_samples *samples, km_error *error)
{
    assert(!samples->is_exchanged);
    const char *what = "catalogue order of samples";
    const int64_t n_words = blocks_of(samples->slab.count);
    uint32_t *places = km_allocate(samples->n_samples, sizeof *places, what, error);
    struct map map = {.bits = km_allocate_zeroed(n_words, sizeof *map.bits, what, error),
                      .before = km_allocate(n_words, sizeof *map.before, what, error)};
    if (error->code == KM_OK) {
        fill_map(samples, &map);
#pragma omp parallel for
        for (int64_t i = 0; i < samples->n_samples; i++) {
            const uint32_t row = samples->rows[i];
            const uint64_t lower = map.bits[row / 64] & (((uint64_t)1 << row % 64) - 1);
            places[i] = map.before[row / 64] + (uint32_t)__builtin_popcountll(lower);
        }
    } else {
        free(places);
        places = NULL;
    }
    free(map.bits);
    free(map.before);
    return places;
}

km_code km_samples_select(const km_samples *from, const int64_t *chosen, int64_t n_chosen,
                          km_samples *selected, km_error *error)
{
    const int64_t d = from->n_features, size = (int64_t)km_precision_size(from->precision);
    if (km_samples_create(selected, from->precision, d, from->weights != NULL,
                          (km_rows){from->slab.first, n_chosen}, error) != KM_OK)
        return error->code;
    selected->slab = from->slab;
    selected->is_exchanged = from->is_exchanged;
    selected->first_row = from->first_row;
    selected->weight_unit = from->weight_unit;
    selected->n_samples = n_chosen;
    selected->n_blocks = blocks_of(n_chosen);
#pragma omp parallel for
    for (int64_t i = 0; i < n_chosen; i++) {
        const int64_t block = chosen[i] / KM_BLOCK, lane = chosen[i] % KM_BLOCK;
        for (int64_t j = 0; j < d; j++) {
            const km_values feature = {feature_of_block(from, block, j), size};
            copy_values(from->precision, feature_of_block(selected, i / KM_BLOCK, j), i % KM_BLOCK,
                        value_at(&feature, lane), size, 1);
        }
        selected->rows[i] = from->rows[chosen[i]];
        if (from->weights != NULL)
            selected->weights[i] = from->weights[chosen[i]];
    }
    if (n_chosen > 0)
        km_samples_pad(selected);
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
