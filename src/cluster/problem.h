/* problem.h - the problem, which decides the answer: checks and defaults. All is local. */
#ifndef SKYMEANS_CLUSTER_PROBLEM_H
#define SKYMEANS_CLUSTER_PROBLEM_H

#include "base/error.h"
#include "fit/fit.h"
#include "samples/transform.h"
#include "skymeans.h"

#include <stdio.h>

/* Copies a caller's struct, which begins with its size, to `full`. If it is of an older version,
 * the fields that it lacks keep their values. KM_USAGE if it is of a newer version, or NULL. */
km_code km_take_struct(void *full, size_t size, const void *given, const char *name,
                       km_error *error);

/* Checks a problem that a caller gave, and fills in defaults. KM_USAGE for bad values, with the
 * name of the field, as "bad value (seeding_rows 3)". */
km_code km_problem_check(skymeans_problem *problem, const skymeans_problem *given, km_error *error);

/* The scaling with a name, false if there is none; and the name of a scaling. */
bool km_scaling_find(const char *name, km_scaling *scaling);
const char *km_scaling_name(km_scaling scaling);

/* Beyond these, the features that are not multiplied would have no digits left beside those that
 * are. */
#define KM_MIN_FACTOR 1e-100
#define KM_MAX_FACTOR 1e100

/* The balance of this name; none if it is NULL, or not known. */
km_balance km_balance_find(const char *name);

/* Does the answer to a checked problem depend on its random seed? What is drawn are first centers,
 * and rows that clusters are balanced by. */
bool km_problem_is_random(const skymeans_problem *problem);

/* Hashes of the factors of the features and of the given first centers; 0 if there are none. */
uint64_t km_problem_factors_hash(const skymeans_problem *problem, int64_t n_features);
uint64_t km_problem_centers_hash(const skymeans_problem *problem, int64_t n_features);

/* Prints a checked problem as lines "name: value". Problems with the same lines have the same
 * answer on the same rows. */
void km_problem_print(FILE *file, const skymeans_problem *problem, int64_t n_features);

#endif
