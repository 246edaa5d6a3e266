/* Counter-based random numbers, by Random123. */
#include "base/random.h"
#include "base/arithmetic.h"

#include <Random123/philox.h>

static inline philox2x64_ctr_t random_pair(uint64_t seed, uint64_t stream, uint64_t index)
{
    const philox2x64_ctr_t counter = {{index, stream}};
    const philox2x64_key_t key = {{seed}};
    return philox2x64(counter, key);
}

uint64_t km_random(uint64_t seed, uint64_t stream, uint64_t index)
{
    return random_pair(seed, stream, index).v[0];
}

void km_random_pairs(uint64_t seed, uint64_t stream, uint64_t first_index, int64_t count,
                     uint64_t *firsts, uint64_t *seconds)
{
    for (int64_t i = 0; i < count; i++) {
        const philox2x64_ctr_t pair = random_pair(seed, stream, first_index + (uint64_t)i);
        firsts[i] = pair.v[0];
        seconds[i] = pair.v[1];
    }
}

uint64_t km_random_below(uint64_t total, uint64_t random)
{
    return (uint64_t)(((km_uint128)total * random) >> 64);
}
