/* The table of seedings. */
#include "base/arithmetic.h"
#include "seedings.h"

#include <math.h>
#include <string.h>

static bool always(const km_shape *shape)
{
    (void)shape;
    return true;
}

static bool never(const km_shape *shape)
{
    (void)shape;
    return false;
}

const km_seeding km_seedings[] = {
    {"kmeans++", km_seed_kmeanspp, km_seed_kmeanspp_bytes, km_seed_kmeanspp_reads_all, true, false,
     true},
    {"kmeans-parallel", km_seed_parallel, km_seed_parallel_bytes, always, false, false, false},
    {"random", km_seed_random, km_seed_random_bytes, never, false, false, true},
    {"refined", km_seed_kmeanspp, km_seed_kmeanspp_bytes, km_seed_kmeanspp_reads_all, true, true,
     true},
    {NULL, NULL, NULL, NULL, false, false, false},
};

const km_seeding *km_seeding_find(const char *name)
{
    const km_seeding *seeding = km_seedings;
    while (seeding->name != NULL && strcmp(seeding->name, name) != 0)
        seeding++;
    return seeding->name != NULL ? seeding : NULL;
}

km_power km_weight_power(double bound2, int64_t total_weight)
{
    int bound_exponent, weight_exponent;
    frexp(bound2, &bound_exponent);
    frexp((double)total_weight, &weight_exponent);
    return km_power_of_two(62 - bound_exponent - weight_exponent);
}
