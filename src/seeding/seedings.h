/* The functions behind the table of seedings. */
#ifndef SKYMEANS_SEEDING_SEEDINGS_H
#define SKYMEANS_SEEDING_SEEDINGS_H

#include "skymeans/seeding.h"

km_code km_seed_random(const km_seeding_task *task, double *centers, km_error *error);
km_code km_seed_kmeanspp(const km_seeding_task *task, double *centers, km_error *error);

#endif
