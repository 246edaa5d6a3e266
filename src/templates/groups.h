/* groups.h - the values of one column, cluster by cluster and sorted. */
#ifndef SKYMEANS_TEMPLATES_GROUPS_H
#define SKYMEANS_TEMPLATES_GROUPS_H

#include "templates/templates.h"

/* Keys are integers in the order of the values; with weights, `below` is how much weight the keys
 * of the cluster have up to each, itself included. */
typedef struct km_keys {
    uint64_t *keys;
    int64_t *below; /* NULL: without weights */
} km_keys;

/* Values of this rank. */
typedef struct km_groups {
    int64_t n_clusters;
    int64_t *starts;  /* [k + 1], where the keys of each cluster begin */
    km_keys sorted;   /* [starts[k]], within each cluster */
    km_keys spare;    /* as many, for sorting */
    int64_t *counts;  /* [k], values of this rank */
    int64_t *n_all;   /* [k], values of all ranks, or their weight */
    int64_t *missing; /* [k], rows of all ranks without a value */
} km_groups;

km_code km_groups_create(km_groups *groups, int64_t n_rows, int64_t n_clusters, bool has_weights,
                         km_error *error);
void km_groups_free(km_groups *groups);

/* Takes the finite values of a column, and counts the others. Rows of no weight have no value.
 * Collective. */
void km_groups_fill(km_groups *groups, const km_template_rows *rows, int64_t column, MPI_Comm comm);

/* How often the key at a place of a cluster counts. */
static inline int64_t km_groups_weight(const km_groups *groups, int64_t cluster, int64_t place)
{
    const int64_t *below = groups->sorted.below;
    return below == NULL ? 1
                         : below[place] - (place > groups->starts[cluster] ? below[place - 1] : 0);
}

/* Quantiles of each cluster, to `quantiles` [k][stride], KM_N_QUANTILES of each. Collective; errors
 * are agreed. */
km_code km_groups_quantiles(const km_groups *groups, double *quantiles, int64_t stride,
                            MPI_Comm comm, km_error *error);

/* Mean, deviation, minimum and maximum of each cluster, all [k] with this stride. Collective;
 * errors are agreed. */
typedef struct km_group_moments {
    double *mean, *deviation, *min, *max;
    int64_t stride;
} km_group_moments;

km_code km_groups_moments(const km_groups *groups, const km_group_moments *moments, MPI_Comm comm,
                          km_error *error);

#endif
