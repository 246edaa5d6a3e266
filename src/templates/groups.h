/* groups.h - the values of one column, cluster by cluster and sorted. */
#ifndef SKYMEANS_TEMPLATES_GROUPS_H
#define SKYMEANS_TEMPLATES_GROUPS_H

#include "templates/templates.h"

/* Values of this rank as keys: integers in the order of the values. */
typedef struct km_groups {
    int64_t n_clusters;
    int64_t *starts;  /* [k + 1], where the keys of each cluster begin */
    uint64_t *keys;   /* [starts[k]], sorted within each cluster */
    uint64_t *spare;  /* as many, for sorting */
    int64_t *n_all;   /* [k], values of all ranks */
    int64_t *missing; /* [k], rows of all ranks without a value */
} km_groups;

km_code km_groups_create(km_groups *groups, int64_t n_rows, int64_t n_clusters, km_error *error);
void km_groups_free(km_groups *groups);

/* Takes the finite values of a column, and counts the others. Collective. */
void km_groups_fill(km_groups *groups, const km_samples *rows, int64_t column,
                    const int32_t *labels, MPI_Comm comm);

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
