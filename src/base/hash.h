/* hash.h - hashes of results, rows and arguments; not cryptographic. */
#ifndef SKYMEANS_BASE_HASH_H
#define SKYMEANS_BASE_HASH_H

#include <stdint.h>
#include <string.h>

/* A bijective mix of 64 bits (the finaliser of splitmix64). */
static inline uint64_t km_mix(uint64_t bits)
{
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return bits ^ (bits >> 31);
}

/* Hash of one labelled row. Their sum modulo 2^64 does not depend on order or partition. */
uint64_t km_hash_label(int64_t row, int32_t label);

/* Folds a word into `hash`. */
static inline uint64_t km_hash_word(uint64_t hash, uint64_t word)
{
    return km_mix(hash ^ word) + 0x9e3779b97f4a7c15u;
}

/* Folds the bits of a number into `hash`; -0 counts as +0. */
static inline uint64_t km_hash_double(uint64_t hash, double value)
{
    uint64_t bits;
    value += 0.0;
    memcpy(&bits, &value, sizeof bits);
    return km_hash_word(hash, bits);
}

/* Folds `count` numbers, in order. */
uint64_t km_hash_doubles(uint64_t hash, const double *values, int64_t count);

/* Hash of `size` bytes and of their number. */
uint64_t km_hash_bytes(const char *bytes, int64_t size);

#endif
