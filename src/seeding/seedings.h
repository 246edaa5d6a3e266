/* The functions behind the table of seedings, and what they share. */
#ifndef SKYMEANS_SEEDING_SEEDINGS_H
#define SKYMEANS_SEEDING_SEEDINGS_H

#include "base/arithmetic.h"
#include "base/error.h"
#include "seeding/seeding.h"

/* The functions of the table, see seeding.h. */
km_code km_seed_random(const km_seeding_task *task, double *centers, km_error *error);
km_code km_seed_kmeanspp(const km_seeding_task *task, double *centers, km_error *error);
km_code km_seed_parallel(const km_seeding_task *task, double *centers, km_error *error);

double km_seed_random_bytes(const km_shape *shape);
double km_seed_kmeanspp_bytes(const km_shape *shape);
double km_seed_parallel_bytes(const km_shape *shape);
bool km_seed_kmeanspp_reads_all(const km_shape *shape);

/* Some rows at random, `wanted` of them on this rank: keys of a few more, padded; then numbers. */
double km_choose_bytes(double wanted);

/* Drawing from n samples by their distances, with or without the numbers of nearest centers. */
double km_nearness_bytes(const km_shape *shape, double n, bool has_numbers);

/* Centers to draw by kmeans++. */
typedef struct km_drawing {
    const km_samples *samples;
    const km_kernel *kernel;
    int64_t n_clusters;
    uint64_t random_seed, stream;
    km_pace *pace;
    MPI_Comm comm;
} km_drawing;

km_code km_draw_kmeanspp(const km_drawing *drawing, double *centers, km_error *error);

/* 2^s such that the sum of floor(weight * d2 * 2^s) stays below 2^63, if no d2 is above bound2. */
km_power km_weight_power(double bound2, int64_t total_weight);

#endif
