/* problem.h - what decides the answer, checked and with its defaults filled in. */
#ifndef SKYMEANS_CLUSTER_PROBLEM_H
#define SKYMEANS_CLUSTER_PROBLEM_H

#include "base/error.h"
#include "samples/samples.h"
#include "skymeans.h"

#include <stdio.h>

/* Fills in a struct that begins with its size from one that a caller gave, perhaps of an older
 * version: fields that it lacks stay as they are. KM_USAGE if it is of a newer one, or NULL. */
km_code km_take_struct(void *full, size_t size, const void *given, const char *name,
                       km_error *error);

/* A problem with all defaults, from one that a caller gave. KM_USAGE for what can't be: messages
 * name the field, as "bad value (seeding_rows 3)". Local, the same on all ranks. */
km_code km_problem_check(skymeans_problem *problem, const skymeans_problem *given, km_error *error);

/* The scaling of a name: false if there is none. And back. */
bool km_scaling_find(const char *name, km_scaling *scaling);
const char *km_scaling_name(km_scaling scaling);

/* The problem as lines "name: value", for people and for comparisons: two problems with the same
 * lines have the same answer on the same rows. */
void km_problem_print(FILE *file, const skymeans_problem *problem, int64_t n_features);

#endif
