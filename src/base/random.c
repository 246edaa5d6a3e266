/* Counter-based random numbers, by Random123. */
#include "base/random.h"
#include "base/arithmetic.h"

#include <Random123/philox.h>

uint64_t km_random(uint64_t seed, uint64_t stream, uint64_t index)
{
    const philox2x64_ctr_t counter = {{index, stream}};
    const philox2x64_key_t key = {{seed}};
    return philox2x64(counter, key).v[0];
}

uint64_t km_random_below(uint64_t total, uint64_t random)
{
    return (uint64_t)(((km_uint128)total * random) >> 64);
}
