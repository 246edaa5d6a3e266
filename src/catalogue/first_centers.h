/* first_centers.h - first centers of the user's own: from a result or another HDF5 file with one
 * two-dimensional array, or FILE:/path, or text, a center a line; in the units of the features. */
#ifndef SKYMEANS_CATALOGUE_FIRST_CENTERS_H
#define SKYMEANS_CATALOGUE_FIRST_CENTERS_H

#include "catalogue/catalogue.h"
#include "comm/comm.h"
#include "process/log.h"

/* What is asked of the file. */
typedef struct km_first_centers {
    const char *file; /* as --seeding has it */
    int64_t n_clusters, n_features;
    const km_column *features; /* [n_features], names and units; NULL: none, order counts */
    const km_log *log;         /* for warnings about the file, or NULL */
} km_first_centers;

/* The file that --seeding names, in a new text, which the caller frees; NULL if it is a method, or
 * there is no memory. Local. */
char *km_first_centers_file(const char *seeding, km_error *error);

/* Refuses early what is neither a method nor a file that can be opened: KM_SYSTEM. Local. */
km_code km_first_centers_check(const char *seeding, km_error *error);

/* Reads the centers [n_clusters][n_features]. Those of a result go to features by their names.
 * KM_DATA if they have another shape, other features, or values that are not finite. One rank
 * reads. Collective; errors are agreed. */
km_code km_first_centers_read(const km_first_centers *asked, double *centers, MPI_Comm comm,
                              km_error *error);

/* First centers in a file have features, `count` of them, whose names an attribute of the dataset
 * may tell: where each goes among those that are asked for, in a new array, which the caller frees;
 * NULL if names say nothing, and order counts. KM_DATA if they are other features. By one rank. */
km_code km_first_centers_match(const km_first_centers *asked, hid_t dataset, int64_t count,
                               int64_t **places, km_error *error);

/* Puts the values of k centers [k][d] into these places. */
km_code km_first_centers_permute(double *centers, int64_t k, int64_t d, const int64_t *places,
                                 km_error *error);

#endif
