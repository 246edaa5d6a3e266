/* The functions behind the table of seedings, and what they share. */
#ifndef SKYMEANS_SEEDING_SEEDINGS_H
#define SKYMEANS_SEEDING_SEEDINGS_H

#include "skymeans/seeding.h"

km_code km_seed_random(const km_seeding_task *task, double *centers, km_error *error);
km_code km_seed_kmeanspp(const km_seeding_task *task, double *centers, km_error *error);
km_code km_seed_parallel(const km_seeding_task *task, double *centers, km_error *error);

/* Centers to draw by kmeans++. */
typedef struct km_drawing {
    const km_samples *samples;
    const km_kernel *kernel;
    int64_t n_clusters;
    uint64_t random_seed, stream;
    MPI_Comm comm;
} km_drawing;

km_code km_draw_kmeanspp(const km_drawing *drawing, double *centers, km_error *error);

/* 2^s such that the sum of floor(weight * d2 * 2^s) stays below 2^63, if no d2 is above bound2. */
km_power km_weight_power(double bound2, int64_t total_weight);

#endif
