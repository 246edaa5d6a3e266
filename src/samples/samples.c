/* Samples in memory: filled row by row, read block by block. */
#include "samples/samples.h"
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "kernels/names.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* So many rows at a time become samples. */
enum { ROWS_AT_ONCE = 512 };

/* When some samples are selected: so many are fetched together while as many are copied. */
enum { FETCHED_AT_ONCE = 64 };

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

/* Where the value of one feature of a sample is. */
static void *place_of_value(const km_samples *samples, int64_t sample, int64_t feature)
{
    const size_t size = km_precision_size(samples->precision);
    const int64_t first = (sample / KM_BLOCK * samples->n_features + feature) * KM_BLOCK;
    return (char *)samples->values + (size_t)(first + sample % KM_BLOCK) * size;
}

const void *km_samples_block(const km_samples *samples, int64_t block)
{
    return place_of_value(samples, block * KM_BLOCK, 0);
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

/* Copies `count` values of `size` bytes, `stride` bytes apart, to beside each other. Compilers turn
 * a copy of a constant size into one move, and do not find out for themselves that all can be one
 * copy. */
static void copy_values(size_t size, char *to, const char *from, int64_t stride, int64_t count)
{
    if (stride == (int64_t)size)
        memcpy(to, from, (size_t)count * size);
    else if (size == sizeof(float))
        for (int64_t i = 0; i < count; i++)
            memcpy(to + i * (int64_t)sizeof(float), from + i * stride, sizeof(float));
    else
        for (int64_t i = 0; i < count; i++)
            memcpy(to + i * (int64_t)sizeof(double), from + i * stride, sizeof(double));
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

/* Rows that are some multiple of a page apart fall into the same few sets of the cache, and would
 * push each other out of it: so few of them are copied at a time, and of each as many features. */
enum { ROWS_OF_TILE = 8, FEATURES_OF_TILE = 64, CLOSE_SETS = 1024 };

static void copy_part(const km_samples *samples, const km_values *features, int64_t row,
                      int64_t n_rows, int64_t sample)
{
    const size_t size = km_precision_size(samples->precision);
    const bool is_tiled = features[0].stride % CLOSE_SETS == 0;
    const int64_t d = samples->n_features, width = is_tiled ? FEATURES_OF_TILE : d;
    const int64_t height = is_tiled ? ROWS_OF_TILE : n_rows;
    for (int64_t first = 0; first < d; first += width)
        for (int64_t i = 0; i < n_rows; i += height) {
            const int64_t end = first + (d - first < width ? d - first : width);
            const int64_t n = n_rows - i < height ? n_rows - i : height;
            for (int64_t j = first; j < end; j++)
                copy_values(size, place_of_value(samples, sample + i, j),
                            value_at(&features[j], row + i), features[j].stride, n);
        }
}

/* Copies the run of used rows [first, first + count) of a piece as samples from number `sample`
 * on. */
static void take_run(km_samples *samples, const struct piece *piece, int64_t first, int64_t count,
                     int64_t sample)
{
    for (int64_t i = 0; i < count; i++)
        samples->rows[sample + i] = (uint32_t)(piece->row + first + i);
    if (samples->weights != NULL)
        memcpy(samples->weights + sample, piece->weights + first,
               (size_t)count * sizeof *samples->weights);
    while (count > 0) {
        const int64_t lanes = KM_BLOCK - sample % KM_BLOCK, part = count < lanes ? count : lanes;
        copy_part(samples, piece->features, first, part, sample);
        sample += part;
        first += part;
        count -= part;
    }
}

/* Copies values of `size` bytes, of rows whose numbers are listed, to beside each other. */
static void copy_values_of_list(size_t size, char *to, const char *from, int64_t stride,
                                const uint16_t *listed, int64_t count)
{
    if (size == sizeof(float))
        for (int64_t i = 0; i < count; i++)
            memcpy(to + i * (int64_t)sizeof(float), from + listed[i] * stride, sizeof(float));
    else
        for (int64_t i = 0; i < count; i++)
            memcpy(to + i * (int64_t)sizeof(double), from + listed[i] * stride, sizeof(double));
}

/* The same of rows that are not beside each other: listed are their numbers, from row `first` of
 * the piece on. */
static void take_listed(km_samples *samples, const struct piece *piece, int64_t first,
                        const uint16_t *listed, int64_t count, int64_t sample)
{
    const size_t size = km_precision_size(samples->precision);
    for (int64_t i = 0; i < count; i++)
        samples->rows[sample + i] = (uint32_t)(piece->row + first + listed[i]);
    for (int64_t i = 0; i < count && samples->weights != NULL; i++)
        samples->weights[sample + i] = piece->weights[first + listed[i]];
    while (count > 0) {
        const int64_t lanes = KM_BLOCK - sample % KM_BLOCK, part = count < lanes ? count : lanes;
        for (int64_t j = 0; j < samples->n_features; j++)
            copy_values_of_list(size, place_of_value(samples, sample, j),
                                value_at(&piece->features[j], first), piece->features[j].stride,
                                listed, part);
        sample += part;
        listed += part;
        count -= part;
    }
}

/* Lists the rows that are used, without branches, which processors can't foretell. */
static int64_t list_used(const uint8_t *is_missing, int64_t count, uint16_t *listed)
{
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++) {
        listed[n] = (uint16_t)i;
        n += !is_missing[i];
    }
    return n;
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
    for (int64_t first = 0; first < count; first += ROWS_AT_ONCE) {
        uint16_t listed[ROWS_AT_ONCE];
        const int64_t left = count - first, n = left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE;
        const int64_t n_used = list_used(is_missing + first, n, listed);
        if (n_used == n)
            take_run(samples, &piece, first, n, sample);
        else
            take_listed(samples, &piece, first, listed, n_used, sample);
        sample += n_used;
    }
}

void km_samples_pad(km_samples *samples)
{
    const size_t size = km_precision_size(samples->precision);
    const int64_t n = samples->n_samples, end = samples->n_blocks * KM_BLOCK;
    for (int64_t j = 0; j < samples->n_features; j++)
        for (int64_t i = n; i < end; i++)
            memcpy(place_of_value(samples, i, j), place_of_value(samples, n - 1, j), size);
    for (int64_t i = n; i < end && samples->weights != NULL; i++)
        samples->weights[i] = 0;
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
    if (feature == 0)
        km_samples_pass(samples, block);
    km_widen_to_double(samples->precision, place_of_value(samples, block * KM_BLOCK, feature),
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
    const void *values = place_of_value(samples, block * KM_BLOCK, feature);
    if (samples->precision == KM_FLOAT32)
        find_range_float32(values, lowest, highest);
    else
        find_range_float64(values, lowest, highest);
}

void km_samples_store(km_samples *samples, int64_t block, int64_t feature, const double *values)
{
    km_round_to_precision(samples->precision, values, KM_BLOCK,
                          place_of_value(samples, block * KM_BLOCK, feature));
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
        values[j] = km_value_get(samples->precision, place_of_value(samples, sample, j), 0);
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
    assert(!samples->is_redistributed);
    const char *what = "catalogue order of samples";
    const int64_t n_words = blocks_of(samples->slab.count);
    uint32_t *places = km_allocate_large(samples->n_samples, sizeof *places, what, error);
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
        km_free_large(places);
        places = NULL;
    }
    free(map.bits);
    free(map.before);
    return places;
}

km_code km_samples_lift(km_samples *samples, km_error *error)
{
    const size_t size = km_precision_size(samples->precision);
    const size_t block = (size_t)samples->n_features * KM_BLOCK * size;
    const size_t lifted = block + KM_BLOCK * size;
    char *values =
        km_allocate_large(samples->capacity / KM_BLOCK, lifted, "samples of this rank", error);
    if (values == NULL)
        return error->code;
#pragma omp parallel for
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        km_samples_pass(samples, b);
        memcpy(values + (size_t)b * lifted, km_samples_block(samples, b), block);
        memset(values + (size_t)b * lifted + block, 0, lifted - block);
    }
    km_free_large(samples->values);
    samples->values = values;
    samples->n_features++;
    return KM_OK;
}

/* The values of a block are needed soon, with those that have been added to the run. */
static void fetch_block(const km_samples *samples, km_large_run *run, int64_t block)
{
    km_fetch_in_run(run, km_samples_block(samples, block),
                    (size_t)(KM_BLOCK * samples->n_features) *
                        km_precision_size(samples->precision));
}

/* Reads the samples after the first FETCHED_AT_ONCE, where they are on a disk. */
static void fetch_chosen(const km_samples *from, const int64_t *chosen, int64_t n_chosen)
{
    km_large_run values = {0}, rows = {0};
    for (int64_t i = FETCHED_AT_ONCE; i < 2 * FETCHED_AT_ONCE && i < n_chosen; i++) {
        fetch_block(from, &values, chosen[i] / KM_BLOCK);
        km_fetch_in_run(&rows, &from->rows[chosen[i]], sizeof *from->rows);
    }
    km_flush_run(&values);
    km_flush_run(&rows);
}

km_code km_samples_select(const km_samples *from, const int64_t *chosen, int64_t n_chosen,
                          km_samples *selected, km_error *error)
{
    const int64_t d = from->n_features;
    const size_t size = km_precision_size(from->precision);
    if (km_samples_create(selected, from->precision, d, from->weights != NULL,
                          (km_rows){from->slab.first, n_chosen}, error) != KM_OK)
        return error->code;
    selected->slab = from->slab;
    selected->is_redistributed = from->is_redistributed;
    selected->first_row = from->first_row;
    selected->weight_unit = from->weight_unit;
    selected->n_samples = n_chosen;
    selected->n_blocks = blocks_of(n_chosen);
#pragma omp parallel for
    for (int64_t i = 0; i < n_chosen; i++) {
        const int64_t at = chosen != NULL ? chosen[i] : i;
        if (chosen != NULL && i % FETCHED_AT_ONCE == 0)
            fetch_chosen(from, chosen + i, n_chosen - i);
        for (int64_t j = 0; j < d; j++)
            memcpy(place_of_value(selected, i, j), place_of_value(from, at, j), size);
        selected->rows[i] = from->rows[at];
        if (from->weights != NULL)
            selected->weights[i] = from->weights[at];
    }
    if (n_chosen > 0)
        km_samples_pad(selected);
    return KM_OK;
}
