/* How near samples are to the centers chosen so far, for the seedings that draw by distance. */
#ifndef SKYMEANS_SEEDING_NEARNESS_H
#define SKYMEANS_SEEDING_NEARNESS_H

#include "base/arithmetic.h"
#include "base/error.h"
#include "seeding/seeding.h"

/* Samples of this rank with their squared distances to the nearest center. Samples of weight 0, and
 * the padding of the last block, count as centers. */
typedef struct km_nearness {
    const km_samples *samples;
    const km_kernel *kernel;
    char *nearest2;   /* [n_blocks][KM_BLOCK], canonical, in working precision */
    int32_t *nearest; /* [n_blocks * KM_BLOCK], numbers of these centers; NULL: nobody asks */
    double *boxes;    /* [n_groups + n_blocks][2][d], least and largest values of groups, blocks */
    double *worst2;   /* [n_groups + n_blocks], largest distance2 */
    int64_t n_groups; /* of neighbouring blocks */
    /* Integers that weigh samples, floor(weight * distance2 * power), in chunks of catalogue order;
     * before there is a center, the weights. */
    km_power power;   /* both 0: there is no center */
    uint32_t *places; /* [n_samples], place of a sample in catalogue order, */
    uint32_t *order;  /* [n_samples], and back */
    uint64_t *chunks; /* [n_chunks], sums */
    int64_t n_chunks;
    /* Rooms of threads, for the new centers that matter somewhere. */
    int32_t *numbers; /* [n_threads][2][visitors] */
    char *chosen;     /* [n_threads][visitors][d], of working precision */
} km_nearness;

/* No center yet: all distances are infinite. Local; KM_MEMORY, and km_nearness_free then, too. */
km_code km_nearness_create(km_nearness *near, const km_samples *samples, const km_kernel *kernel,
                           bool has_numbers, km_error *error);
void km_nearness_free(km_nearness *near);

/* Takes notice of n more centers [n][d], values of working precision, numbered from `first` on, and
 * keeps the sums of the chunks. `rounded` [n][d] are the same in working precision. */
void km_nearness_approach(km_nearness *near, const double *centers, const void *rounded, int64_t n,
                          int32_t first);

/* Sums up all chunks for another power. */
void km_nearness_weigh(km_nearness *near, km_power power);

/* The largest squared distance; the sum over all chunks. */
double km_nearness_largest(const km_nearness *near);
uint64_t km_nearness_total(const km_nearness *near);

/* The sample at which the sum in catalogue order exceeds `target`, which is less than the total. */
int64_t km_nearness_find(const km_nearness *near, uint64_t target);

/* What a sample weighs. */
uint64_t km_nearness_weight(const km_nearness *near, int64_t sample);

#endif
