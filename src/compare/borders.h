/* borders.h - which clusters run into each other: rows by nearest and second nearest center. */
#ifndef SKYMEANS_COMPARE_BORDERS_H
#define SKYMEANS_COMPARE_BORDERS_H

#include "comm/comm.h"

/* A row is borderline if its distance to its own center is more than this part of that to the
 * second nearest. */
#define KM_BORDERLINE 0.9

/* Pairs of clusters that rows have as their nearest and their second nearest, by both numbers; on
 * rank 0. All are [count], owned. */
typedef struct km_borders {
    int64_t count;
    int32_t *label, *second;
    int64_t *rows, *borderline; /* that have this pair; and are borderline */
    double *share;              /* of borderline rows among all rows of the cluster `label` */
} km_borders;

/* Counts the rows of all ranks; arrays are of this rank's rows, sizes [k] of all. Collective;
 * errors are agreed. Free with km_borders_free. */
km_code km_borders_count(km_borders *borders, const int32_t *labels, const int32_t *seconds,
                         const double *distances, const double *second_distances, int64_t n_rows,
                         const int64_t *sizes, MPI_Comm comm, km_error *error);
void km_borders_free(km_borders *borders);

/* How many pairs may be expected; only counting tells. Local. */
double km_borders_expected(int64_t n_rows, int64_t n_clusters, int64_t n_features);

/* Bytes per rank of so many pairs, and of counting them beside that, at most. Local. */
double km_borders_bytes(double n_pairs);
double km_borders_count_bytes(double n_pairs, int n_ranks, int n_threads);

#endif
