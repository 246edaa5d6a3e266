/* seedings.h - the functions in the table of seedings, and what they share. */
#ifndef SKYMEANS_SEEDING_SEEDINGS_H
#define SKYMEANS_SEEDING_SEEDINGS_H

#include "base/arithmetic.h"
#include "base/error.h"
#include "seeding/seeding.h"

/* The functions of the table: see km_seeding. */
km_code km_seed_random(const km_seeding_task *task, double *centers, km_error *error);
km_code km_seed_kmeanspp(const km_seeding_task *task, double *centers, km_error *error);
km_code km_seed_parallel(const km_seeding_task *task, double *centers, km_error *error);

double km_seed_random_bytes(const km_shape *shape);
double km_seed_kmeanspp_bytes(const km_shape *shape);
double km_seed_parallel_bytes(const km_shape *shape);
bool km_seed_kmeanspp_reads_all(const km_shape *shape);

/* Bytes of km_choose_samples if `wanted` of the chosen samples are on this rank: slightly more
 * candidates with their keys, then the numbers of the chosen. */
double km_choose_bytes(double wanted);

/* Bytes of a km_nearness of n samples, with or without the numbers of the nearest centers. */
double km_nearness_bytes(const km_shape *shape, double n, bool has_numbers);

/* What to draw by kmeans++, from which samples. */
typedef struct km_drawing {
    const km_samples *samples;
    const km_kernel *kernel;
    int64_t n_clusters;
    bool is_plain;
    uint64_t random_seed, stream;
    km_pace *pace;
    MPI_Comm comm;
} km_drawing;

/* Draws the centers [k][d]. Collective over the drawing's comm; errors are agreed. After a stop the
 * centers are undefined. */
km_code km_draw_kmeanspp(const km_drawing *drawing, double *centers, km_error *error);

/* 2^s such that the sum of floor(weight * d2 * 2^s) stays below 2^63 if no d2 exceeds bound2. */
km_power km_weight_power(double bound2, int64_t total_weight);

#endif
