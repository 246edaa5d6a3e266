/* A file of the catalogue that is open for reading its columns. */
#ifndef SKYMEANS_CATALOGUE_OPENED_H
#define SKYMEANS_CATALOGUE_OPENED_H

#include "base/error.h"
#include "base/partition.h"
#include "base/precision.h"
#include "catalogue/catalogue.h"
#include "unpack.h"

/* One dataset of which rows are read, from the first column that is needed to the last. */
typedef struct km_source {
    const char *dataset;
    int64_t other; /* the file, see km_place */
    bool is_transposed;
    bool is_bitmap;   /* a row is a bit, the lowest of a byte first */
    int64_t position; /* where each row of a transposed dataset is read by itself; else -1 */
    km_h5_array array;
    int64_t first_column, n_columns; /* of the table */
    hid_t type;                      /* of the elements in memory */
    bool has_pointers;     /* HDF5 allocates what elements point to, and it has to be freed */
    bool is_decoded;       /* chunk by chunk, while HDF5 serves other threads */
    int64_t address;       /* in its file, to be read without HDF5; -1: HDF5 reads it */
    int64_t element_bytes; /* in memory */
} km_source;

/* Where one value of each row is among what is read from a source. */
typedef struct km_field {
    int64_t source; /* -1: there is no such field */
    int64_t column; /* of the table */
    int64_t offset; /* bytes in an element */
    hid_t type;     /* in the file; of the field's own */
    int64_t size;   /* bytes */
    km_h5_number number;
    bool is_odd;      /* a number that HDF5 has to convert first */
    bool is_unpacked; /* to memory of its own; else it is used where it was read */
    km_codes codes;
} km_field;

typedef struct km_opened_file {
    const char *path;
    int64_t n_files, n_sources, n_columns;
    hid_t *files;     /* [n_files], that of the table and the others */
    int *descriptors; /* [n_files], to read without HDF5; -1: there is none */
    km_source *sources;
    int64_t n_slots, *slots;  /* numbers of sources by their datasets, -1: none */
    km_field *values, *masks; /* [n_columns] */
    bool has_odd;             /* some number is */
} km_opened_file;

/* The precision in which the values of a column are wanted. */
static inline km_precision km_precision_of_column(const km_catalogue *catalogue, int64_t column)
{
    return column < catalogue->n_features ? catalogue->precision : KM_FLOAT64;
}

/* Is the column a number that is computed with? Ids are copied as they are. */
static inline bool km_is_value(const km_catalogue *catalogue, int64_t column)
{
    return column < catalogue->n_features ||
           (catalogue->has_weights && column == catalogue->n_features);
}

/* The bytes of a bitmap in which the bits of some rows are. */
static inline km_rows km_bytes_of_bits(km_rows rows)
{
    return (km_rows){rows.first / 8, (rows.first + rows.count + 7) / 8 - rows.first / 8};
}

/* Opens a file, unless it is open already (`file` is not negative; it is taken over), and, in it,
 * what is needed of these columns. On this rank alone if comm is MPI_COMM_NULL, else collective,
 * though errors are not agreed. Close it even after an error. */
km_code km_opened_open(km_opened_file *opened, const km_catalogue *catalogue, const char *path,
                       hid_t file, const km_column *columns, MPI_Comm comm, km_error *error);
void km_opened_close(km_opened_file *opened);

/* Finds the value that a place means in a type of elements: its column in the dataset, and its
 * type, size and offset in an element. False if the file is not what it was. */
bool km_field_find_value(km_field *field, const km_place *place, hid_t type);

/* Does HDF5 allocate memory for values of this type? */
bool km_has_pointers(hid_t type);

/* The type in memory to read the elements of a source as: that in the file, but if some of its
 * members point to memory, only the members that the columns need. The caller closes it. */
hid_t km_type_to_read(const km_opened_file *opened, int64_t source, const km_column *columns);

/* What counts of what the file declares of a column, by --raw and --fill-is-missing. */
km_convention km_convention_of(const km_catalogue *catalogue, const km_column *column);

/* Are the values of its columns where they may be, and all there? KM_DATA, KM_SYSTEM or KM_USAGE,
 * if they are in a file that is missing, damaged, elsewhere or an output. Local. */
km_code km_opened_check_places(const km_opened_file *opened, const km_catalogue *catalogue,
                               km_error *error);

/* What reading this file takes. */
km_reading km_opened_reading(const km_opened_file *opened, const km_catalogue *catalogue);

/* The catalogue keeps the reading that takes most memory, of one thread. */
void km_catalogue_note_reading(km_catalogue *catalogue, const km_opened_file *opened);

/* Rows that are read at once where a slab has that many, and the bytes that takes. */
int64_t km_piece_rows(const km_reading *reading, int n_threads);

/* Ids: what the type is in the first file, and their size in the one with the longest; then for
 * this rank's rows whether a file's type fits, by the thread that has HDF5, and, without HDF5, ids
 * piece by piece. */
void km_ids_note(km_catalogue *catalogue, int64_t file, const km_opened_file *opened,
                 km_error *error);
km_code km_ids_create(km_ids *ids, const km_catalogue *catalogue, int64_t n_rows, km_error *error);
km_code km_ids_check_type(const km_ids *ids, const km_field *field, const char *file,
                          km_error *error);
void km_ids_append(km_ids *ids, const km_field *field, const char *first, int64_t stride,
                   int64_t count, const char *file, km_error *error);
void km_ids_free(km_ids *ids);

/* The values of --missing-value. Collective over comm; errors are agreed. */
km_code km_missing_values_parse(km_catalogue *catalogue, MPI_Comm comm, km_error *error);

/* The columns of the catalogue in one of its files: a new array, which the caller frees; the number
 * of rows; and the file, which is left open for km_opened_open, or negative. NULL, and KM_DATA, if
 * the file has other columns. */
km_column *km_catalogue_columns_of(const km_catalogue *catalogue, int64_t number, int64_t *n_rows,
                                   hid_t *file, km_error *error);

/* Compares the units of the columns of a file with those of the first one, local; and then lets all
 * ranks know the first file that differs, collective over comm. */
void km_units_note(km_catalogue *catalogue, int64_t file, const km_column *columns);
void km_units_share(km_catalogue *catalogue, MPI_Comm comm);

#endif
