/* templates.h - what the clusters are: statistics of columns, cluster by cluster.
 *
 * All is exact: sums are of integers, and quantiles are values of rows, or between two of them. So
 * nothing depends on the number of ranks. Rows count as often as their weights say, and those of no
 * weight not at all. */
#ifndef SKYMEANS_TEMPLATES_H
#define SKYMEANS_TEMPLATES_H

#include "catalogue/catalogue.h"
#include "comm/comm.h"
#include "samples/facts.h"

enum { KM_N_QUANTILES = 5 }; /* 5, 16, 50, 84 and 95 % */

/* The same on all ranks. NaN where a cluster has no value. */
typedef struct km_templates {
    int64_t n_clusters, n_columns;
    char *names, *units; /* [c][KM_NAME_SIZE], [c][KM_UNITS_SIZE], owned as all below */
    double *mean, *deviation, *min, *max; /* [k][c]; deviation: of the population (ddof 0) */
    double *quantiles;                    /* [k][c][KM_N_QUANTILES], see quantiles.c */
    double *n_missing;                    /* [k][c], rows of the cluster without a value */
} km_templates;

/* What is described: all rows of this rank's slab (KM_MISSING_KEEP). */
typedef struct km_template_rows {
    const km_samples *columns;
    const int32_t *labels; /* [slab.count], -1 for rows that do not count */
    const double *weights; /* [slab.count], settled whole numbers; NULL: all are 1 */
} km_template_rows;

/* Describes the columns of a catalogue for each of k clusters. Collective; errors are agreed. Free
 * with km_templates_free, also after an error. */
km_code km_templates_create(km_templates *templates, const km_catalogue *catalogue,
                            const km_template_rows *rows, int64_t n_clusters, MPI_Comm comm,
                            km_error *error);
void km_templates_free(km_templates *templates);

/* Bytes per rank of the templates, and with what else it takes to make them beside the rows
 * themselves. Local. */
double km_templates_kept_bytes(int64_t n_clusters, int64_t n_columns);
double km_templates_bytes(int64_t n_rows, bool has_weights, int64_t n_clusters, int64_t n_columns);

/* The clusters in the order of the mean of a column, ascending, those without one at last:
 * order[i] is the cluster that becomes number i; order and spare are [k]. Local. */
void km_templates_order(const km_templates *templates, int64_t column, int64_t *order,
                        int64_t *spare);

/* Numbers the clusters in this order. Local. KM_MEMORY. */
km_code km_templates_renumber(km_templates *templates, const int64_t *order, km_error *error);

#endif
