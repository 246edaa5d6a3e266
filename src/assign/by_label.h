/* by_label.h - samples cluster by cluster, without moving them. All functions are local. */
#ifndef SKYMEANS_ASSIGN_BY_LABEL_H
#define SKYMEANS_ASSIGN_BY_LABEL_H

#include "base/error.h"
#include "samples/samples.h"

typedef struct km_by_label {
    int32_t *labels; /* [n_samples], by sample */
    uint32_t *order; /* [n_samples], the samples of each label together */
} km_by_label;

/* Labels [slab.count] are by row, and below n_labels. KM_MEMORY; call km_by_label_free also then.
 */
km_code km_by_label_create(km_by_label *by, const km_samples *samples, const int32_t *labels,
                           int64_t n_labels, km_error *error);
void km_by_label_free(km_by_label *by);

/* Where, from place `first` of the order on, samples with the same label end; at most `end`. */
int64_t km_end_of_label(const km_by_label *by, int64_t first, int64_t end);

/* Sorts the places from `first` to below `end`, of one label and at most KM_SORTED_AT_ONCE, roughly
 * by the distances [slab.count], by row: the far ones first. */
enum { KM_SORTED_AT_ONCE = 4096 };
void km_sort_by_level(const km_by_label *by, const km_samples *samples, const double *distances,
                      int64_t first, int64_t end);

/* Bytes per rank. */
double km_by_label_bytes(const km_shape *shape);

#endif
