/* clusters.h - the table of clusters for people: the first clusters, with their sizes and the first
 * features of their centers. */
#ifndef SKYMEANS_REPORT_CLUSTERS_H
#define SKYMEANS_REPORT_CLUSTERS_H

#include <stdbool.h>
#include <stdint.h>

enum { KM_SHOWN_CLUSTERS = 20, KM_SHOWN_FEATURES = 8, KM_SKY_COLUMNS = 4 };

typedef struct km_cluster_table {
    int64_t k, d;  /* of the result; the arrays below have only what is shown */
    double n_used; /* rows of all clusters */
    bool has_stability;
    double sizes[KM_SHOWN_CLUSTERS];
    double stability[KM_SHOWN_CLUSTERS]; /* coincidence rates; NaN where there is none */
    double centers[KM_SHOWN_CLUSTERS][KM_SHOWN_FEATURES];
    const char *names[KM_SHOWN_FEATURES], *units[KM_SHOWN_FEATURES];
} km_cluster_table;

/* How many of `count` are shown. */
static inline int64_t km_shown(int64_t count, int64_t maximum)
{
    return count < maximum ? count : maximum;
}

/* Names the first KM_SKY_COLUMNS of the features, which are those of /sky. */
void km_clusters_name_sky(km_cluster_table *table);

/* Prints the table to stdout, and says what it doesn't show. By one rank. */
void km_clusters_print(const km_cluster_table *table);

#endif
