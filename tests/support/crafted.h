/* crafted.h - bytes of saved states and checkpoints with other fields and a right hash. */
#ifndef SKYMEANS_TESTS_CRAFTED_H
#define SKYMEANS_TESTS_CRAFTED_H

#include "base/hash.h"
#include "base/random.h"

#include <stdint.h>
#include <string.h>

/* That of km_hash_bytes, written once more: what files have must stay what it is. */
static inline uint64_t hash_bytes(const char *bytes, int64_t size)
{
    uint64_t hash = (uint64_t)size;
    for (int64_t i = 0; i < size; i += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes + i, (size_t)(size - i < 8 ? size - i : 8));
        hash = km_mix(hash ^ word) + 0x9e3779b97f4a7c15u;
    }
    return hash;
}

enum kind { INT32, INT64, REAL };

/* Replaces a field by a value of its kind. */
static inline void set_field(char *at, enum kind kind, double value)
{
    const int32_t word = kind == INT32 ? (int32_t)value : 0;
    const int64_t number = kind == INT64 ? (int64_t)value : 0;
    const void *const values[] = {&word, &number, &value};
    static const size_t sizes[] = {4, 8, 8};
    memcpy(at, values[kind], sizes[kind]);
}

/* Changes one to three words somewhere, to hostile numbers or by a bit. */
static inline void spoil(char *bytes, int64_t size, uint64_t number)
{
    static const int64_t hostile[] = {0,         1,         -1,           2,
                                      INT64_MAX, INT64_MIN, INT32_MAX,    INT32_MIN,
                                      1 << 20,   -(1 << 9), 0x7ff0 << 16, 0x7ff8 << 16};
    const uint64_t n_words = 1 + km_random(1, 0, number) % 3;
    for (uint64_t w = 0; w < n_words; w++) {
        const int64_t at = (int64_t)(km_random(2, w, number) % (uint64_t)(size - 8));
        const uint64_t choice = km_random(3, w, number) % 16;
        int64_t word = choice < 12 ? hostile[choice] : (int64_t)km_random(4, w, number);
        if (choice >= 14) {
            memcpy(&word, bytes + at, sizeof word);
            word ^= (int64_t)(1ull << km_random(5, w, number) % 64);
        }
        memcpy(bytes + at, &word, sizeof word);
    }
}

#endif
