/* catalogue.h - finds the tables of a file, chooses features, reads each rank's slab of rows.
 *
 * A table is a two-dimensional array of numbers, or a group of equally long one-dimensional
 * columns: /group/NAME, or /table/columns/NAME/data as vaex writes. It does not know clusters. */
#ifndef SKYMEANS_CATALOGUE_H
#define SKYMEANS_CATALOGUE_H

#include "skymeans/base.h"
#include "skymeans/comm.h"
#include "skymeans/h5.h"
#include "skymeans/samples.h"

enum { KM_NAME_SIZE = 128, KM_UNITS_SIZE = 64, KM_DATASET_SIZE = 1024 };

/* A column of a table; plain bytes, so that it can be broadcast. */
typedef struct km_column {
    char name[KM_NAME_SIZE];
    char type[32];                 /* "float32", "int16 big-endian" */
    char storage[48];              /* "contiguous", "chunks of 1000 rows, filtered" */
    char units[KM_UNITS_SIZE];     /* empty if the file has none */
    char dataset[KM_DATASET_SIZE]; /* where its values are in the file */
    int64_t position;              /* its column of that dataset; 0 if it has one dimension */
    bool is_numeric, is_floating;
    bool is_masked;    /* with a mask of missing values, which can't be read yet */
    bool fits_float32; /* float32, or an integer of at most 16 bits, by type */
} km_column;

typedef struct km_table {
    char path[KM_DATASET_SIZE]; /* what -d calls it */
    bool is_array;
    int64_t n_rows, n_columns;
    km_column *columns; /* [n_columns]; for arrays one, which stands for all */
} km_table;

typedef struct km_tables {
    int64_t count;
    km_table *tables;
} km_tables;

/* All tables in a file that is open on this rank alone. */
km_code km_tables_find(hid_t file, km_tables *tables, km_error *error);
void km_tables_free(km_tables *tables);

/* The table that -d names, or the only one if `name` is NULL. KM_DATA, with the candidates, if
 * there is none or several; `file` is for messages. */
const km_table *km_tables_choose(const km_tables *tables, const char *name, const char *file,
                                 km_error *error);

/* The columns in a list as -c takes it; all floating-point columns (all of an array) if it is NULL.
 * A new array of *count columns, which the caller frees; NULL and KM_DATA or KM_MEMORY on failure.
 */
km_column *km_table_select(const km_table *table, const char *list, const char *file,
                           int64_t *count, km_error *error);

/* One dataset of which a range of adjacent columns is read. */
typedef struct km_source {
    const km_column *column; /* one of those that it holds */
    km_h5_array array;
    int64_t first_column, n_columns;
    km_precision precision; /* to read it in; weights are doubles, whatever features are */
} km_source;

/* A catalogue, open on all ranks for reading. */
typedef struct km_catalogue {
    char path[KM_PATH_SIZE], table[KM_DATASET_SIZE];
    bool is_array;
    int64_t n_rows, n_features;
    int64_t file_bytes, file_time; /* time of the last change, seconds since 1970 */
    km_precision precision;        /* by the types of the features */
    km_column *features;           /* [n_features] */
    bool has_weights;
    km_column weights;  /* the column of the samples' weights, if there is one */
    const char **names; /* [n_features], those of the features */
    hid_t file;
    km_source *sources; /* of the features, and then one of the weights */
    int64_t n_sources;
} km_catalogue;

/* Which catalogue: `table`, `columns` and `weights` as -d, -c and --weights take them, or NULL. The
 * column of weights is no feature unless `columns` names it. */
typedef struct km_catalogue_name {
    const char *path, *table, *columns, *weights;
} km_catalogue_name;

/* Opens a catalogue, its features and weights. Collective over comm, and so are the next three;
 * errors are agreed. */
km_code km_catalogue_open(km_catalogue *catalogue, const km_catalogue_name *name, MPI_Comm comm,
                          km_error *error);
void km_catalogue_close(km_catalogue *catalogue);

/* What to do with a row of which a feature is not finite. */
typedef enum km_missing { KM_MISSING_DROP, KM_MISSING_ERROR } km_missing;

/* Reads this rank's slab in bounded pieces. Afterwards samples holds the rows without missing
 * values, in the unit of the catalogue, and their weights; KM_DATA for weights that are negative or
 * not finite; *bytes_read counts what this rank asked the file for. */
km_code km_catalogue_read(const km_catalogue *catalogue, km_missing missing, MPI_Comm comm,
                          km_samples *samples, int64_t *bytes_read, km_error *error);

/* The default choice of a table as -c takes it (columns of integers, if it has no others), in a new
 * text, which the caller frees. */
char *km_table_columns_text(const km_table *table, km_error *error);

/* Bytes of the buffers for reading a slab of so many rows. */
int64_t km_catalogue_buffer_bytes(const km_catalogue *catalogue, int64_t rows);

/* Writes the features as -c would take them again into a new text, which the caller frees. */
char *km_catalogue_columns_text(const km_catalogue *catalogue, km_error *error);

#endif
