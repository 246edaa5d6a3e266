/* Samples move to other places, feature by feature: beside them there is never more than one value
 * of each. Only the size of the values matters here, 4 or 8 bytes, not what they are. */
#include "moves.h"
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "order/order.h"

#include <stdlib.h>
#include <string.h>

enum {
    COLUMN_AHEAD = 8,   /* blocks from what is moved to what is fetched of a column ... */
    BUCKETS_AHEAD = 64, /* ... and of buckets, whose samples are read in no order */
};

/* A column of the samples: KM_BLOCK values of each block beside each other. */
typedef struct column {
    char *first;
    size_t size;    /* of a value */
    int64_t stride; /* from one block to the next, in values */
} column;

/* Compiled for each size by itself, so that a copy is one move. */
#define FOR_SIZE static inline __attribute__((always_inline))

/* The first step for a block: its values go to their places in `moved`. */
FOR_SIZE void scatter_values(const km_moves *s, const column *c, int64_t block, const int64_t size)
{
    const int lanes = km_samples_lanes(s->samples, block);
    const char *values = c->first + block * c->stride * size;
    char *moved = s->moved;
    km_prefetch(c->first, (block + COLUMN_AHEAD) * c->stride * size, KM_BLOCK * size);
    km_pass_large(c->first, block, s->samples->n_blocks, (size_t)(c->stride * size));
    for (int l = 0; l < lanes; l++) {
        const int64_t place = s->places[block * KM_BLOCK + l];
        memcpy(moved + place * size, values + l * size, (size_t)size);
        km_prefetch(moved, place * size + KM_CACHE_LINE, 1);
    }
}

/* The second step for a block: what was moved comes back, in order. */
FOR_SIZE void gather_values(const km_moves *s, const column *c, int64_t block, const int64_t size)
{
    const int lanes = km_samples_lanes(s->samples, block);
    const char *moved = s->moved;
    char *values = c->first + block * c->stride * size;
    km_prefetch(c->first, (block + COLUMN_AHEAD) * c->stride * size, KM_BLOCK * size);
    km_prefetch(moved, (block + BUCKETS_AHEAD) * KM_BLOCK * size, KM_BLOCK * size);
    if (s->order == NULL)
        memcpy(values, moved + block * KM_BLOCK * size, (size_t)(lanes * size));
    for (int l = 0; l < lanes && s->order != NULL; l++)
        memcpy(values + l * size, moved + s->order[block * KM_BLOCK + l] * size, (size_t)size);
}

static void move_column(const km_moves *s, column c)
{
    const int64_t n_blocks = s->samples->n_blocks;
#pragma omp parallel for
    for (int64_t b = 0; b < n_blocks; b++)
        if (c.size == sizeof(uint32_t))
            scatter_values(s, &c, b, sizeof(uint32_t));
        else
            scatter_values(s, &c, b, sizeof(uint64_t));
#pragma omp parallel for
    for (int64_t b = 0; b < n_blocks; b++)
        if (c.size == sizeof(uint32_t))
            gather_values(s, &c, b, sizeof(uint32_t));
        else
            gather_values(s, &c, b, sizeof(uint64_t));
}

static void move_rows_and_weights(const km_moves *s)
{
    km_samples *samples = s->samples;
    move_column(s, (column){(char *)samples->rows, sizeof *samples->rows, KM_BLOCK});
    if (samples->weights != NULL)
        move_column(s, (column){(char *)samples->weights, sizeof *samples->weights, KM_BLOCK});
    km_samples_pad(samples);
}

void km_samples_move(const km_moves *s)
{
    km_samples *samples = s->samples;
    const size_t size = km_precision_size(samples->precision);
    const int64_t d = samples->n_features;
    for (int64_t j = 0; j < d; j++)
        move_column(s, (column){(char *)samples->values + (size_t)(j * KM_BLOCK) * size, size,
                                d * KM_BLOCK});
    move_rows_and_weights(s);
}

size_t km_moved_size(const km_samples *samples)
{
    return samples->weights != NULL ? sizeof *samples->weights
                                    : km_precision_size(samples->precision);
}

/* ---- samples on a disk ----------------------------------------------------------------------- */

/* The values of a block go to their places, all features of a sample at once. */
FOR_SIZE void scatter_block(const km_moves *s, int64_t block, char *to, const int64_t size)
{
    const int64_t d = s->samples->n_features;
    const int lanes = km_samples_lanes(s->samples, block);
    const char *values = km_samples_block(s->samples, block);
    km_samples_pass(s->samples, block);
    km_pass_large(s->places, block, s->samples->n_blocks, KM_BLOCK * sizeof *s->places);
    for (int l = 0; l < lanes; l++) {
        const int64_t place = s->places[block * KM_BLOCK + l];
        char *sample = to + (place / KM_BLOCK * d * KM_BLOCK + place % KM_BLOCK) * size;
        for (int64_t j = 0; j < d; j++)
            memcpy(sample + j * KM_BLOCK * size, values + (j * KM_BLOCK + l) * size, (size_t)size);
    }
}

/* Moves all values to a new array. One feature after the other would read all of the disk for each,
 * since a block has all features. */
static km_code move_values_on_disk(const km_moves *s, km_error *error)
{
    km_samples *samples = s->samples;
    const size_t size = km_precision_size(samples->precision);
    char *moved = km_allocate_large(samples->capacity, (size_t)samples->n_features * size,
                                    "order of samples", error);
    if (moved == NULL)
        return error->code;
#pragma omp parallel for
    for (int64_t b = 0; b < samples->n_blocks; b++)
        if (size == sizeof(uint32_t))
            scatter_block(s, b, moved, sizeof(uint32_t));
        else
            scatter_block(s, b, moved, sizeof(uint64_t));
    km_free_large(samples->values);
    samples->values = moved;
    return KM_OK;
}

km_code km_samples_reorder(km_samples *samples, const uint32_t *places, km_error *error)
{
    void *moved =
        km_allocate_large(samples->n_samples, km_moved_size(samples), "order of samples", error);
    const km_moves moves = {samples, places, NULL, moved};
    if (moved != NULL && samples->n_samples > 0 && km_large_in_use() == NULL)
        km_samples_move(&moves);
    else if (moved != NULL && samples->n_samples > 0 && move_values_on_disk(&moves, error) == KM_OK)
        move_rows_and_weights(&moves);
    km_free_large(moved);
    return error->code;
}
