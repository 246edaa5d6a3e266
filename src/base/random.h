/* random.h - random numbers. */
#ifndef SKYMEANS_BASE_RANDOM_H
#define SKYMEANS_BASE_RANDOM_H

#include <stdint.h>

/* What a random number is for; each purpose has its own stream. */
typedef enum km_purpose {
    KM_RANDOM_ROWS = 1,     /* key of a row: those with the smallest are chosen */
    KM_RANDOM_DRAW = 2,     /* the n-th draw of kmeans++ */
    KM_RANDOM_SAMPLE = 3,   /* whether kmeans-parallel takes a row */
    KM_RANDOM_RESAMPLE = 4, /* how often a row is in a resampled set */
    KM_RANDOM_GAP = 5,      /* a feature of a row without clusters */
    KM_RANDOM_BALANCE = 6,  /* key of a row by which prices are found */
    KM_RANDOM_MODEL = 16,   /* what all rows of a mock catalogue are drawn from */
    KM_RANDOM_MOCK = 17,    /* the draws of a row of a mock catalogue */
} km_purpose;

/* The stream of a purpose in a round of a restart, both from 0. */
static inline uint64_t km_stream(km_purpose purpose, int64_t round, int64_t restart)
{
    return (uint64_t)purpose | (uint64_t)round << 8 | (uint64_t)restart << 32;
}

/* A 64-bit random number that depends on nothing but its arguments: Philox2x64-10 (Salmon et al.
 * 2011, doi:10.1145/2063384.2063405) of the counter (index, stream) under the key `seed`.
 * `index` is a global row or the number of a draw. */
uint64_t km_random(uint64_t seed, uint64_t stream, uint64_t index);

/* Both 64-bit numbers of `count` consecutive indices; km_random is the first of them. */
void km_random_pairs(uint64_t seed, uint64_t stream, uint64_t first_index, int64_t count,
                     uint64_t *firsts, uint64_t *seconds);

/* floor(total * random / 2^64): an integer in [0, total), for total > 0. */
uint64_t km_random_below(uint64_t total, uint64_t random);

#endif
