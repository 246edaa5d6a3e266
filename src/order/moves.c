/* Samples move to other places, feature by feature: beside them there is never more than one value
 * of each. */
#include "moves.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "order/order.h"

#include <stdlib.h>

enum {
    COLUMN_AHEAD = 8,   /* blocks from what is moved to what is fetched of a column ... */
    BUCKETS_AHEAD = 64, /* ... and of buckets, whose samples are read in no order */
};

/* A column of the samples: KM_BLOCK values of each block beside each other. */
typedef struct column {
    void *first;
    int64_t stride; /* from one block to the next, in values */
} column;

#define MOVE_COLUMN(name, type)                                                      \
    static void name(const km_moves *s, column c)                                    \
    {                                                                                \
        enum { SIZE = sizeof(type) };                                                \
        type *values = c.first, *moved = s->moved;                                   \
        const int64_t n_blocks = s->samples->n_blocks;                               \
        _Pragma("omp parallel for") for (int64_t b = 0; b < n_blocks; b++)           \
        {                                                                            \
            const int lanes = km_samples_lanes(s->samples, b);                       \
            km_fetch(values, (b + COLUMN_AHEAD) * c.stride * SIZE, KM_BLOCK * SIZE); \
            for (int l = 0; l < lanes; l++) {                                        \
                const uint32_t place = s->places[b * KM_BLOCK + l];                  \
                moved[place] = values[b * c.stride + l];                             \
                km_fetch(moved, (int64_t)place *SIZE + KM_CACHE_LINE, 1);            \
            }                                                                        \
        }                                                                            \
        _Pragma("omp parallel for") for (int64_t b = 0; b < n_blocks; b++)           \
        {                                                                            \
            const int lanes = km_samples_lanes(s->samples, b);                       \
            km_fetch(values, (b + COLUMN_AHEAD) * c.stride * SIZE, KM_BLOCK * SIZE); \
            km_fetch(moved, (b + BUCKETS_AHEAD) * KM_BLOCK * SIZE, KM_BLOCK * SIZE); \
            for (int l = 0; l < lanes && s->order == NULL; l++)                      \
                values[b * c.stride + l] = moved[b * KM_BLOCK + l];                  \
            for (int l = 0; l < lanes && s->order != NULL; l++)                      \
                values[b * c.stride + l] = moved[s->order[b * KM_BLOCK + l]];        \
        }                                                                            \
    }

/* Whatever the words are. */
typedef uint32_t word __attribute__((may_alias));
typedef uint64_t long_word __attribute__((may_alias));

MOVE_COLUMN(move_words, word)
MOVE_COLUMN(move_long_words, long_word)

void km_samples_move(const km_moves *s)
{
    km_samples *samples = s->samples;
    const int64_t d = samples->n_features;
    for (int64_t j = 0; j < d; j++) {
        const int64_t first = j * KM_BLOCK, stride = d * KM_BLOCK;
        if (samples->precision == KM_FLOAT32)
            move_words(s, (column){(uint32_t *)samples->values + first, stride});
        else
            move_long_words(s, (column){(uint64_t *)samples->values + first, stride});
    }
    move_words(s, (column){samples->rows, KM_BLOCK});
    if (samples->weights != NULL)
        move_long_words(s, (column){samples->weights, KM_BLOCK});
    km_samples_pad(samples);
}

km_code km_samples_reorder(km_samples *samples, const uint32_t *places, km_error *error)
{
    const bool is_wide = samples->precision == KM_FLOAT64 || samples->weights != NULL;
    const size_t size = is_wide ? sizeof(uint64_t) : sizeof(uint32_t);
    void *moved = km_allocate(samples->n_samples, size, "order of samples", error);
    if (moved != NULL && samples->n_samples > 0)
        km_samples_move(&(km_moves){samples, places, NULL, moved});
    free(moved);
    return error->code;
}
