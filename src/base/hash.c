#include "skymeans/base.h"

#include <string.h>

uint64_t km_mix(uint64_t bits)
{
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return bits ^ (bits >> 31);
}

uint64_t km_hash_label(int64_t row, int32_t label)
{
    return km_mix(km_mix((uint64_t)row + 0x9e3779b97f4a7c15u) ^ (uint32_t)label);
}

uint64_t km_hash_doubles(uint64_t hash, const double *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        uint64_t bits;
        const double value = values[i] == 0 ? 0.0 : values[i];
        memcpy(&bits, &value, sizeof bits);
        hash = km_mix(hash ^ bits) + 0x9e3779b97f4a7c15u;
    }
    return hash;
}
