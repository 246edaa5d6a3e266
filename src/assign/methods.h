/* The functions behind the table of methods, and what they share. */
#ifndef SKYMEANS_ASSIGN_METHODS_H
#define SKYMEANS_ASSIGN_METHODS_H

#include "assign/assign.h"
#include "base/error.h"
#include "base/precision.h"

#include <string.h>

/* Moves the changed samples of a block from the totals of their old clusters to those of the new
 * ones, feature by feature; -1 is no cluster. Labels and counts stay. */
void km_move_samples(const km_assigner *assigner, km_totals *totals, int64_t block,
                     uint64_t changed, const int32_t *old, const int32_t *new);

/* Do all samples of a block have the same label? */
static inline bool km_have_one_label(const int32_t *labels)
{
    return memcmp(labels, labels + 1, (KM_BLOCK - 1) * sizeof *labels) == 0;
}

/* Sorts the samples, and their labels, by label; all have one. KM_MEMORY, and nothing changes,
 * without memory for 12 bytes per sample, or 16 in double precision or with weights. */
km_code km_sort_by_label(km_assigner *assigner, km_error *error);

/* An upper bound of the distance by which center c has moved: larger by a factor of 1 + 2^-20 for
 * the d roundings, and by what squares below the smallest double may hide. */
double km_center_movement(const km_samples *samples, const void *before, const void *centers,
                          int64_t c);

/* Can no squared distance in this precision, and nothing that filters and bounds make of it,
 * overflow? `largest` is the largest absolute value of the samples. */
bool km_centers_are_safe(const km_assigner *assigner, const void *centers, double largest,
                         km_precision precision);

void km_assign_lloyd(km_assigner *assigner, const void *centers);

double km_lloyd_cost(const km_shape *shape);

km_code km_tree_create(km_assigner *assigner, km_error *error);
void km_tree_assign(km_assigner *assigner, const void *centers);
void km_tree_free(km_assigner *assigner);
double km_tree_bytes(const km_shape *shape);
double km_tree_cost(const km_shape *shape);

/* Of budgets.c, which is part of it. */
double km_budgets_bytes(const km_shape *shape);

km_code km_bounds_create(km_assigner *assigner, km_error *error);
void km_bounds_assign(km_assigner *assigner, const void *centers);
void km_bounds_free(km_assigner *assigner);
bool km_bounds_is_available(const km_shape *shape);
double km_bounds_bytes(const km_shape *shape);
double km_bounds_cost(const km_shape *shape);

/* What km_sort_by_label needs beside the samples. */
double km_sort_bytes(const km_shape *shape);

#endif
