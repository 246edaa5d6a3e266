/* again.h - reading a slab once more, to verify the first reading, shared by the files that do it.
 */
#ifndef SKYMEANS_CATALOGUE_AGAIN_H
#define SKYMEANS_CATALOGUE_AGAIN_H

#include "reader.h"

/* One of the files, open on this rank. */
typedef struct km_again {
    const km_catalogue *catalogue;
    const km_findings *findings;
    km_opened_file opened; /* for its fields and datasets; its sources are not read */
    km_column *columns;
    int64_t file;
    char *bytes;    /* the elements of a column that were read last */
    double *inputs; /* [KM_READ_AGAIN_ROWS][number of inputs], what expressions read */
    int64_t n_inputs;
    uint64_t hashes[KM_READ_AGAIN_ROWS];
    bool is_missing[KM_READ_AGAIN_ROWS];
    long double numbers[KM_READ_AGAIN_ROWS];
    uint64_t sum;
} km_again;

/* Reads the elements that hold a place, as this type, to a->bytes. Fails with KM_SYSTEM or
 * KM_MEMORY, also if the type is negative. */
km_code km_again_read_elements(km_again *a, const km_field *field, const km_place *place,
                               km_rows rows, hid_t type, km_error *error);

/* Reads the values of a column that is stored; NaN where one is missing. */
km_code km_again_read_values(km_again *a, int64_t c, km_rows rows, double *values, km_error *error);

#endif
