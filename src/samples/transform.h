/* transform.h - from the units of the features to the space of the fit, and back. */
#ifndef SKYMEANS_SAMPLES_TRANSFORM_H
#define SKYMEANS_SAMPLES_TRANSFORM_H

#include "samples/facts.h"

typedef enum km_scaling {
    KM_SCALE_NONE,
    KM_SCALE_STANDARD,
    KM_SCALE_MINMAX,
    KM_SCALE_ROBUST
} km_scaling;

/* The way into the space of the fit: scaled = (feature - offset) * factor, and from there to the
 * working values: working = scaled * 2^-exponent, the common power of two that brings the largest
 * range into [1, 2), where squares neither overflow nor vanish. A feature without range that would
 * overflow there is moved to 0. With minmax, the lowest value becomes exactly 0 and the highest
 * exactly 1: some ranges have no factor in double precision that brings them to 1, so values that
 * come out as at most 2^-50 above 1 are 1. */
typedef struct km_transform {
    int64_t n_features;
    double *offset, *factor; /* [n_features] */
    int exponent;
    km_scaling scaling;
} km_transform;

enum { KM_MAX_EXPONENT = 1200 }; /* a transform has none beyond, since doubles have none */

/* Chooses the transform by the global facts of the samples and applies it to them, each value
 * computed in double and rounded once. After scaling, feature j is multiplied by factors[j], if
 * these are not NULL. A radius above 0 is that of a sphere: unit vectors in the first features are
 * multiplied by it and not scaled. With robust, the median becomes 0, and half of the distance from
 * the quantile of 16 to that of 84 % becomes 1, as the standard deviation of a normal distribution
 * would. `facts` gets the facts about the working values. Collective over comm; KM_DATA when a
 * range overflows, and nothing to free after errors; `names[j]` names feature j in messages. */
km_code km_transform_apply(km_transform *transform, km_scaling scaling, const double *factors,
                           double radius, km_samples *samples, const char *const *names,
                           km_facts *facts, MPI_Comm comm, km_error *error);
void km_transform_free(km_transform *transform);

/* Copies a transform; the copy is freed by km_transform_free. KM_MEMORY. Local, both. */
km_code km_transform_copy(km_transform *copy, const km_transform *transform, km_error *error);
bool km_transform_is_same(const km_transform *a, const km_transform *b);

/* Applies a transform that was chosen before. Local. */
void km_transform_samples(const km_transform *transform, km_samples *samples);
void km_transform_block(const km_transform *transform, km_samples *samples, int64_t block);

/* k centers [k][d] between the units of the features and working values, in place; the way there is
 * that of samples. Local. */
void km_transform_centers(const km_transform *transform, double *centers, int64_t k);
void km_untransform_centers(const km_transform *transform, double *centers, int64_t k);
double km_untransform_value(const km_transform *transform, int64_t feature, double value);

/* ---- positions on the sky -------------------------------------------------------------------- */

/* Positions on the sky are the first features of samples, as points of a sphere about the origin.
 * Moves a center of them, [3] working values, along its direction to the sphere; where it has none,
 * since its samples cancel out, to the place `before`, which all such places are as good as. */
enum { KM_SPHERE_FEATURES = 3 };
void km_sphere_project(double *center, const double *before, double radius);

/* The lowest row whose first features are no unit vector, but for roundings of float32; -1: all
 * are. Before samples are scaled. Collective. */
int64_t km_sphere_find_stray(const km_samples *samples, MPI_Comm comm);

#endif
