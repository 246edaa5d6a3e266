/* opened.h - a file of the catalogue that is open for reading its columns. */
#ifndef SKYMEANS_CATALOGUE_OPENED_H
#define SKYMEANS_CATALOGUE_OPENED_H

#include "base/error.h"
#include "base/partition.h"
#include "base/precision.h"
#include "catalogue/catalogue.h"
#include "unpack.h"

/* A dataset whose rows are read, from the first column that is needed to the last. */
typedef struct km_source {
    const char *dataset;
    int64_t other; /* the file, see km_place */
    bool is_transposed;
    bool is_bitmap;   /* one bit per row, the lowest of a byte first */
    int64_t position; /* the row of a transposed dataset that is read alone; else -1 */
    km_h5_array array;
    int64_t first_column, n_columns; /* of the table */
    hid_t type;                      /* of the elements in memory */
    bool has_pointers;               /* HDF5 allocates what elements point to; it must be freed */
    bool is_decoded;                 /* by us, chunk by chunk, while another thread uses HDF5 */
    int64_t address;                 /* offset in a file, to read without HDF5; -1: HDF5 reads it */
    int descriptor; /* of that file: its own if the values are external, else that of the file */
    int64_t element_bytes; /* in memory */
} km_source;

/* Where one value per row is in what is read of a source. */
typedef struct km_field {
    int64_t source; /* -1: there is no such field */
    int64_t column; /* of the table */
    int64_t offset; /* bytes in an element */
    hid_t type;     /* in the file; closed with the field */
    int64_t size;   /* bytes */
    km_h5_number number;
    bool is_odd;      /* a number that HDF5 must convert first */
    bool is_unpacked; /* to memory of its own; else it is used where it was read */
    km_codes codes;
} km_field;

typedef struct km_opened_file {
    const char *path;
    int64_t n_files, n_sources, n_columns;
    hid_t *files;     /* [n_files], the file of the table, then the others */
    int *descriptors; /* [n_files], to read without HDF5; -1: there is none */
    km_source *sources;
    int64_t n_slots, *slots;  /* a hash table of sources by their datasets; -1: empty */
    km_field *values, *masks; /* [n_columns] */
    bool has_odd;             /* some number is odd */
    hid_t alone;              /* > 0: the first file by this rank alone, if all ranks have it open
                                 together through MPI-IO as well */
} km_opened_file;

/* The precision in which the values of a column are used. */
static inline km_precision km_precision_of_column(const km_catalogue *catalogue, int64_t column)
{
    return column < catalogue->n_features ? catalogue->precision : KM_FLOAT64;
}

/* Is the column computed with? Ids are copied as they are. */
static inline bool km_is_value(const km_catalogue *catalogue, int64_t column)
{
    return column < catalogue->n_columns - catalogue->has_ids;
}

/* Is the column there since an expression reads it? */
static inline bool km_is_input(const km_catalogue *catalogue, int64_t column)
{
    return column >= km_first_input(catalogue) && km_is_value(catalogue, column);
}

/* Do the values of --missing-value count in the column? Not in weights, nor in what is computed. */
static inline bool km_may_be_missing(const km_catalogue *catalogue, int64_t column)
{
    const bool may_be = column < catalogue->n_features || km_is_input(catalogue, column);
    return may_be && catalogue->columns[column].expression == 0;
}

/* The bytes of a bitmap that hold the bits of some rows. */
static inline km_rows km_bytes_of_bits(km_rows rows)
{
    return (km_rows){rows.first / 8, (rows.first + rows.count + 7) / 8 - rows.first / 8};
}

/* Opens a file and, in it, what these columns need. `file` is a handle to take over, or negative.
 * On this rank alone if comm is MPI_COMM_NULL; else collective, but errors are not agreed. To be
 * closed even after an error. */
km_code km_opened_open(km_opened_file *opened, const km_catalogue *catalogue, const char *path,
                       hid_t file, const km_column *columns, MPI_Comm comm, km_error *error);
void km_opened_close(km_opened_file *opened);

/* Closes the file that all ranks have open together, if there is one. Collective. */
void km_catalogue_close_shared(km_catalogue *catalogue);

/* A descriptor of one of the files, to read without HDF5; -1 if there is none. It is closed with
 * the file. */
int km_opened_descriptor(km_opened_file *opened, int64_t other);

/* Finds the value that a place means in a type of elements: its column in the dataset, and its
 * type, size and offset in an element. False if the file is not what it was. */
bool km_field_find_value(km_field *field, const km_place *place, hid_t type);

/* Does HDF5 allocate memory for values of this type? */
bool km_has_pointers(hid_t type);

/* Makes the type of ids that of their values, if the file stores them with another sign. */
void km_ids_prepare(km_field *field, const km_column *column);

/* The type in memory to read the elements of a source as: that in the file, but if some of its
 * members point to memory, only the members that the columns need. The caller closes it. */
hid_t km_type_to_read(const km_opened_file *opened, int64_t source, const km_column *columns);

/* The convention of a column, after --raw and --fill-is-missing. */
km_convention km_convention_of(const km_catalogue *catalogue, const km_column *column);

/* Checks the other files that the values of the columns are in. KM_SYSTEM or KM_DATA if one is
 * missing, damaged or in a place that is not allowed, KM_USAGE if it is an output. Local. */
km_code km_opened_check_places(const km_opened_file *opened, const km_catalogue *catalogue,
                               km_error *error);

/* The memory that reading this file takes. */
km_reading km_opened_reading(const km_opened_file *opened, const km_catalogue *catalogue);

/* Keeps the memory of this file in the catalogue if it takes more than the files before it. */
void km_catalogue_note_reading(km_catalogue *catalogue, const km_opened_file *opened);

/* The number of rows that are read at once in a long slab. */
int64_t km_piece_rows(const km_reading *reading, int n_threads);

/* Ids. km_ids_note keeps the type in the first file, and the maximum size. km_ids_create allocates
 * those of this rank's rows. km_ids_check_type fails with KM_DATA if a file has another type; it
 * uses HDF5. km_ids_append, which does not, adds those of a piece. */
void km_ids_note(km_catalogue *catalogue, int64_t file, const km_opened_file *opened,
                 km_error *error);
km_code km_ids_create(km_ids *ids, const km_catalogue *catalogue, int64_t n_rows, km_error *error);
km_code km_ids_check_type(const km_ids *ids, const km_field *field, const char *file,
                          km_error *error);
/* Gives an id its sign, or takes it, if the file stores it with the other one. */
void km_id_remove_bias(const km_field *field, char *id);
void km_ids_append(km_ids *ids, const km_field *field, const char *first, int64_t stride,
                   int64_t count, const char *file, km_error *error);
void km_ids_free(km_ids *ids);

/* Parses the values of --missing-value. Collective over comm; errors are agreed. */
km_code km_missing_values_parse(km_catalogue *catalogue, MPI_Comm comm, km_error *error);

/* The columns of the catalogue in one of its parts: a new array, which the caller frees. *n_rows is
 * their length; *file is left open for km_opened_open, or negative. NULL, and KM_DATA, if the part
 * has other columns. */
km_column *km_catalogue_columns_of(const km_catalogue *catalogue, int64_t number, int64_t *n_rows,
                                   hid_t *file, km_error *error);

/* km_units_note compares the units of the columns of a part with those of the first part, local.
 * km_units_share tells all ranks the first part that differs, collective over comm. */
void km_units_note(km_catalogue *catalogue, int64_t file, const km_column *columns);
void km_units_share(km_catalogue *catalogue, MPI_Comm comm);

#endif
