/* Samples on their way to other places. */
#ifndef SKYMEANS_ORDER_MOVES_H
#define SKYMEANS_ORDER_MOVES_H

#include "samples/samples.h"

/* In two steps: sample i goes to places[i]; then what is at order[i] goes to place i, or stays
 * where it is if that is NULL. */
typedef struct km_moves {
    km_samples *samples;
    const uint32_t *places, *order; /* [n_samples] */
    void *moved;                    /* [n_samples] values, weights or rows */
} km_moves;

/* Bytes per sample of km_moves.moved. */
size_t km_moved_size(const km_samples *samples);

/* Values follow one feature after the other, then rows and weights. */
void km_samples_move(const km_moves *moves);

enum { KM_CACHE_LINE = 64 };

/* Prefetches some bytes of an array for writing: pieces of a column, and the ends of many buckets,
 * are too irregular for the processor's own prefetching. Harmless behind the end of the array. */
static inline void km_prefetch(const void *array, int64_t first, int64_t n_bytes)
{
    for (int64_t i = first; i < first + n_bytes; i += KM_CACHE_LINE)
        __builtin_prefetch((const void *)((uintptr_t)array + (uintptr_t)i), 1);
}

#endif
