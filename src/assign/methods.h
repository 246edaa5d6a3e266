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

/* How samples are sorted. */
typedef struct km_sorting {
    int64_t n_labels;       /* labels are below it */
    const int32_t *ranks;   /* [n_labels], the place of each label; NULL: its number */
    const uint16_t *levels; /* [n_samples], the order within a label; NULL: that of before */
} km_sorting;

/* The same by other labels than those of clusters, or in another order: up and down by turns
 * within labels, if there are levels. 12 bytes, or 16. */
km_code km_sort_samples(km_assigner *assigner, const km_sorting *by, km_error *error);

/* The numbers of the bits that are set, ascending; returns how many. */
static inline int64_t km_list_bits(const uint64_t *bits, int64_t n_words, int32_t *numbers)
{
    int64_t n = 0;
    for (int64_t w = 0; w < n_words; w++)
        for (uint64_t left = bits[w]; left != 0; left &= left - 1)
            numbers[n++] = (int32_t)(64 * w + __builtin_ctzll(left));
    return n;
}

/* The largest absolute value of the samples of this rank, on all threads. */
double km_find_largest_sample(const km_samples *samples);

/* Labels of samples with weight that changed on this rank since that count was reset. */
int64_t km_count_relabeled(const km_assigner *assigner);

/* An upper bound of the distance by which center c has moved: larger by a factor of 1 + 2^-20 for
 * the d roundings, and by what squares below the smallest double may hide. */
double km_center_movement(const km_samples *samples, const void *before, const void *centers,
                          int64_t c);

/* Can no squared distance in this precision, and nothing that filters and bounds make of it,
 * overflow? `largest` is the largest absolute value; and of the samples alone, if there are centers
 * besides. */
bool km_squares_are_safe(double largest, int64_t n_features, km_precision precision);
bool km_centers_are_safe(const km_assigner *assigner, const void *centers, double largest,
                         km_precision precision);

void km_assign_lloyd(km_assigner *assigner, const void *centers);

double km_lloyd_cost(const km_shape *shape);

km_code km_tree_create(km_assigner *assigner, km_error *error);
void km_tree_assign(km_assigner *assigner, const void *centers);
void km_tree_free(km_assigner *assigner);
void km_tree_renew(km_assigner *assigner, int64_t block, int64_t n_blocks);
double km_tree_bytes(const km_shape *shape);
double km_tree_cost(const km_shape *shape);
double km_tree_exchange_takes(const km_shape *shape);

/* Of budgets.c, which is part of it. */
double km_budgets_bytes(const km_shape *shape);

km_code km_bounds_create(km_assigner *assigner, km_error *error);
void km_bounds_assign(km_assigner *assigner, const void *centers);
void km_bounds_free(km_assigner *assigner);
bool km_bounds_is_available(const km_shape *shape);
double km_bounds_bytes(const km_shape *shape);
double km_bounds_cost(const km_shape *shape);
void km_bounds_take_over(km_assigner *assigner, const void *centers, double relabeled);
km_turn km_bounds_turn(int64_t k, int64_t d);

km_code km_neighbours_create(km_assigner *assigner, km_error *error);
void km_neighbours_assign(km_assigner *assigner, const void *centers);
void km_neighbours_free(km_assigner *assigner);
km_code km_neighbours_order(km_assigner *assigner, const void *centers, int32_t *order,
                            uint16_t *levels, km_error *error);
void km_neighbours_renew(km_assigner *assigner, int64_t block, int64_t n_blocks);
km_code km_neighbours_codes(km_samples *samples, const km_kernel *kernel, const void *centers,
                            int64_t k, uint32_t *codes, km_error *error);
bool km_neighbours_is_available(const km_shape *shape);
double km_neighbours_bytes(const km_shape *shape);
double km_neighbours_cost(const km_shape *shape);
double km_neighbours_exchange_takes(const km_shape *shape);
void km_neighbours_take_over(km_assigner *assigner, const void *centers, double relabeled);
km_turn km_neighbours_turn(int64_t k, int64_t d);

/* What km_sort_by_label needs beside the samples. */
double km_sort_bytes(const km_shape *shape);

#endif
