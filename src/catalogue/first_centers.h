/* first_centers.h - first centers that the user gives, in the units of the features: from a result,
 * from another HDF5 file with one two-dimensional array or named as FILE:/path, or from a text file
 * with one center per line. */
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
 * without memory. Local. */
char *km_first_centers_file(const char *seeding, km_error *error);

/* Refuses before the run what is neither a method nor a file that can be opened: KM_SYSTEM.
 * Local. */
km_code km_first_centers_check(const char *seeding, km_error *error);

/* Reads the centers [n_clusters][n_features]. Those of a result belong to features by name. KM_DATA
 * if they have another shape, other features, or values that are not finite. One rank reads.
 * Collective; errors are agreed. */
km_code km_first_centers_read(const km_first_centers *asked, double *centers, MPI_Comm comm,
                              km_error *error);

/* Matches the `count` features of the centers in a dataset, whose names an attribute may give, to
 * those of this fit. *places is a new array [count] of the place of each, which the caller frees;
 * NULL if there are no names, and the order counts. KM_DATA if the features differ. By one rank. */
km_code km_first_centers_match(const km_first_centers *asked, hid_t dataset, int64_t count,
                               int64_t **places, km_error *error);

/* Puts the values of k centers [k][d] into these places. */
km_code km_first_centers_permute(double *centers, int64_t k, int64_t d, const int64_t *places,
                                 km_error *error);

#endif
