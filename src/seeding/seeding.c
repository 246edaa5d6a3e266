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
    {.name = "kmeans++",
     .choose = km_seed_kmeanspp,
     .bytes = km_seed_kmeanspp_bytes,
     .reads_all = km_seed_kmeanspp_reads_all,
     .draws_from_rows = true,
     .is_nested = true},
    {.name = "kmeans-parallel",
     .choose = km_seed_parallel,
     .bytes = km_seed_parallel_bytes,
     .reads_all = always},
    {.name = "random",
     .choose = km_seed_random,
     .bytes = km_seed_random_bytes,
     .reads_all = never,
     .is_nested = true},
    {.name = "refined",
     .choose = km_seed_kmeanspp,
     .bytes = km_seed_kmeanspp_bytes,
     .reads_all = km_seed_kmeanspp_reads_all,
     .draws_from_rows = true,
     .is_refined = true,
     .is_nested = true},
    {.name = NULL},
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
