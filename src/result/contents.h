/* The contents of a result file. */
#ifndef SKYMEANS_RESULT_CONTENTS_H
#define SKYMEANS_RESULT_CONTENTS_H

#include "skymeans/result.h"

/* What only a communicator can tell; gathered by all ranks for the one that writes. */
typedef struct km_setting {
    int n_ranks;
    char (*hosts)[MPI_MAX_PROCESSOR_NAME]; /* [n_ranks] */
    double ended;                          /* seconds since 1970 */
} km_setting;

/* Creates the file and writes everything but the rows of labels and distances. By one rank. */
km_code km_contents_write(const char *path, const km_record *record, const km_setting *setting,
                          km_error *error);

/* Reads it back and compares. By one rank. */
km_code km_contents_compare(const char *path, const km_record *record, const km_setting *setting,
                            km_error *error);

/* Rows of labels and distances, written and then read back by all ranks together, in bounded
 * pieces. Collective; errors are agreed. */
km_code km_rows_write(const char *path, const km_record *record, MPI_Comm comm, km_error *error);
km_code km_rows_compare(const char *path, const km_record *record, MPI_Comm comm, km_error *error);

#endif
