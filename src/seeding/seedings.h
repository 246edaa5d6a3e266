/* The functions behind the table of seedings, and what they share. */
#ifndef SKYMEANS_SEEDING_SEEDINGS_H
#define SKYMEANS_SEEDING_SEEDINGS_H

#include "base/arithmetic.h"
#include "base/error.h"
#include "h5/h5.h"
#include "seeding/seeding.h"

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

/* First centers in a file have features, `count` of them, whose names an attribute of the dataset
 * may tell: where each goes among those of the task, in a new array, which the caller frees; NULL
 * if names say nothing, and order counts. KM_DATA if they are other features. By one rank. */
km_code km_seeding_match_names(const km_seeding_task *task, hid_t dataset, int64_t count,
                               int64_t **places, km_error *error);

/* Puts the values of k centers [k][d] into these places. */
km_code km_seeding_permute(double *centers, int64_t k, int64_t d, const int64_t *places,
                           km_error *error);

#endif
