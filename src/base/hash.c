/* Hashes of rows, numbers and bytes. */
#include "base/hash.h"

uint64_t km_hash_label(int64_t row, int32_t label)
{
    return km_mix(km_mix((uint64_t)row + 0x9e3779b97f4a7c15u) ^ (uint32_t)label);
}

uint64_t km_hash_doubles(uint64_t hash, const double *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        hash = km_hash_double(hash, values[i]);
    return hash;
}

uint64_t km_hash_bytes(const char *bytes, int64_t size)
{
    uint64_t hash = (uint64_t)size;
    for (int64_t i = 0; i < size; i += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes + i, (size_t)(size - i < 8 ? size - i : 8));
        hash = km_hash_word(hash, word);
    }
    return hash;
}
