/* Fills samples with rows that come in, many at once, and leaves out those that miss a feature. */
#include "base/partition.h"
#include "base/precision.h"
#include "blocks.h"

#include <assert.h>
#include <string.h>

/* So many rows at a time become samples. */
enum { ROWS_AT_ONCE = 512 };

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
                copy_values(size, km_place_of_value(samples, sample + i, j),
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
            copy_values_of_list(size, km_place_of_value(samples, sample, j),
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
            memcpy(km_place_of_value(samples, i, j), km_place_of_value(samples, n - 1, j), size);
    for (int64_t i = n; i < end && samples->weights != NULL; i++)
        samples->weights[i] = 0;
}

void km_samples_complete(km_samples *samples, int64_t n_samples)
{
    samples->n_samples = n_samples;
    samples->n_appended = samples->slab.count;
    samples->n_blocks = km_blocks_of(n_samples);
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
