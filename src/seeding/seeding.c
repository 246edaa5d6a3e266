/* The table of seedings. */
#include "seedings.h"

const km_seeding km_seedings[] = {
    {"kmeans++", km_seed_kmeanspp},
    {"random", km_seed_random},
    {NULL, NULL},
};
