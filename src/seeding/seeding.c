/* The table of seedings. */
#include "base/arithmetic.h"
#include "seedings.h"

#include <math.h>

const km_seeding km_seedings[] = {
    {"kmeans++", km_seed_kmeanspp},
    {"kmeans-parallel", km_seed_parallel},
    {"random", km_seed_random},
    {NULL, NULL},
};

km_power km_weight_power(double bound2, int64_t total_weight)
{
    int bound_exponent, weight_exponent;
    frexp(bound2, &bound_exponent);
    frexp((double)total_weight, &weight_exponent);
    return km_power_of_two(62 - bound_exponent - weight_exponent);
}
