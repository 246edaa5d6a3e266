/* nearness.h - the squared distance of each sample to its nearest center so far, for the seedings
 * that draw samples by it. All functions are local. */
#ifndef SKYMEANS_SEEDING_NEARNESS_H
#define SKYMEANS_SEEDING_NEARNESS_H

#include "base/arithmetic.h"
#include "base/error.h"
#include "seeding/seeding.h"

/* Samples of this rank and their squared distances to the nearest center. The distance of samples
 * of weight 0, and of the padding of the last block, is always 0, so they are never drawn. */
typedef struct km_nearness {
    const km_samples *samples;
    const km_kernel *kernel;
    char *distances2; /* [n_blocks][KM_BLOCK], canonical, in working precision */
    int32_t *nearest; /* [n_blocks * KM_BLOCK], numbers of the nearest centers, -1: none; NULL: not
                         wanted */
    double *boxes;    /* [n_groups + n_blocks][2][d], minima and maxima of groups, then of blocks */
    double *max_distance2; /* [n_groups + n_blocks], the maxima of distances2 */
    int64_t n_groups;      /* runs of blocks */
    /* A sample is drawn in proportion to the integer floor(weight * distance2 * power), or to its
     * weight before there is a center. Sums of these are kept per chunk of catalogue order. */
    km_power power;   /* both factors 0: there is no center */
    uint32_t *places; /* [n_samples], the place of each sample in catalogue order */
    uint32_t *order;  /* [n_samples], the sample at each place */
    uint64_t *chunks; /* [n_chunks], sums */
    int64_t n_chunks;
    /* Workspaces of the threads, for the new centers that may be nearest in a box. */
    int32_t *numbers; /* [n_threads][2][MAX_NEW_CENTERS] */
    char *chosen;     /* [n_threads][MAX_NEW_CENTERS][d], in working precision */
} km_nearness;

/* Starts without centers: all distances are infinite. has_numbers: `nearest` is wanted. KM_MEMORY;
 * call km_nearness_free also then. */
km_code km_nearness_create(km_nearness *near, const km_samples *samples, const km_kernel *kernel,
                           bool has_numbers, km_error *error);
void km_nearness_free(km_nearness *near);

/* Adds n centers [n][d], values that working precision holds exactly, with the numbers from `first`
 * on: lowers the distances to them, and updates the sums of the chunks. `rounded` [n][d] are the
 * same values in working precision. */
void km_nearness_approach(km_nearness *near, const double *centers, const void *rounded, int64_t n,
                          int32_t first);

/* Sets the power, and sums all chunks again. */
void km_nearness_weigh(km_nearness *near, km_power power);

/* The maximum squared distance of this rank; and the sum over its chunks. */
double km_nearness_max(const km_nearness *near);
uint64_t km_nearness_total(const km_nearness *near);

/* The first sample, in catalogue order, at which the running sum exceeds `target`, and by how much
 * `target` exceeds the sum before it. `target` must be less than the total. */
int64_t km_nearness_find(const km_nearness *near, uint64_t target, uint64_t *rest);

/* The integer in proportion to which a sample is drawn; and what it would be with n more centers
 * [n][d], in working precision. */
uint64_t km_nearness_weight(const km_nearness *near, int64_t sample);
uint64_t km_nearness_weight_beside(const km_nearness *near, int64_t sample, const void *rounded,
                                   int64_t n);

/* By how much the sum of all integers would fall with each of n more centers alone, whose values
 * are as for km_nearness_approach: sums [n] of this rank's samples. */
void km_nearness_gains(const km_nearness *near, const double *centers, const void *rounded,
                       int64_t n, uint64_t *gains);

#endif
