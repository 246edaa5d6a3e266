/* catalogue.h - finds the tables of files, chooses features, reads each rank's slab of rows.
 *
 * A table is a two-dimensional array of numbers; a group of one-dimensional columns (/group/NAME,
 * or /table/columns/NAME/data as vaex writes); a dataset of compounds, as astropy and PyTables
 * write; or a frame of pandas, fixed or table. It does not know clusters. */
#ifndef SKYMEANS_CATALOGUE_H
#define SKYMEANS_CATALOGUE_H

#include "base/error.h"
#include "base/precision.h"
#include "base/text.h"
#include "comm/pace.h"
#include "h5/h5.h"
#include "samples/samples.h"

enum { KM_NAME_SIZE = 128, KM_UNITS_SIZE = 64, KM_DATASET_SIZE = 1024 };

/* Where the values of a column are. A row of a dataset has one element, or several if it has two
 * dimensions; an element is a value, or a compound with a member that is one, or an array of
 * them. */
typedef struct km_place {
    char dataset[KM_DATASET_SIZE]; /* path in the file; empty: nowhere */
    char member[KM_NAME_SIZE];     /* of compounds, those of inner ones after slashes; else empty */
    int64_t position;              /* the first value that is meant, of the row or the member */
    int64_t length;                /* how many are meant */
    int64_t other;                 /* the file: 0 that of the table, n the n-th of other files */
    bool is_transposed;            /* a row of the dataset is a column of the table */
    bool is_bitmap; /* of a mask: bits, lowest first, 0 where a value is missing, as Arrow has them
                     */
} km_place;

/* What a file declares of the numbers of a column: which of the stored numbers mean that a value is
 * missing, and how the others are unpacked, value = stored * factor + offset. Long doubles hold all
 * integers of 64 bits. */
enum { KM_MAX_CODES = 64 };
typedef struct km_convention {
    bool is_unsigned;             /* signed integers stand for unsigned ones of the same bits */
    bool is_packed;               /* factor and offset count */
    bool has_lowest, has_highest; /* numbers outside are missing */
    bool has_fill;                /* HDF5's own fill value, which the file's author set */
    bool is_too_long;             /* it declares more missing values than there is room for */
    int64_t n_missing;
    long double missing[KM_MAX_CODES + 1]; /* stored numbers that mean a missing value */
    long double lowest, highest, fill;
    double factor, offset;
} km_convention;

/* A column of a table; plain bytes, so that it can be broadcast. */
typedef struct km_column {
    char name[KM_NAME_SIZE];
    char type[32];             /* "float32", "int16 big-endian" */
    char storage[48];          /* "contiguous", "chunks of 1000 rows" */
    char filters[96];          /* "shuffle, deflate"; "blosc (32001), not available here" */
    char units[KM_UNITS_SIZE]; /* empty if the file has none */
    km_place values;           /* several a row for an array column, until one is chosen */
    km_place mask;             /* of equal length, or one for all: not 0 where a value is missing */
    km_convention convention;
    int64_t n_rows;
    bool is_numeric, is_floating; /* numeric are truths and bitfields, too */
    bool is_text, may_be_mask;
    bool is_category;  /* numbers that stand for names */
    bool is_matrix;    /* in a dataset of two dimensions, neither of which is 1 */
    bool has_bad_mask; /* of another length than the values, or no truths */
    bool lacks_filter; /* one that is not available here */
    bool fits_float32; /* float32, or an integer of at most 16 bits, by type */
    bool is_virtual;   /* stored in other files, which parallel HDF5 can't read */
} km_column;

/* What tells an object of a file from others, however many links lead to it. */
typedef struct km_object_id {
    unsigned char bytes[24];
} km_object_id;

typedef struct km_table {
    char path[KM_DATASET_SIZE]; /* what -d calls it */
    const char *layout;         /* how it is stored, a name for people */
    km_object_id object;
    bool is_array;
    bool is_on_request; /* no candidate, unless it is named or others don't have what is asked */
    bool needs_columns; /* the flaw does not count for those who name columns */
    int64_t n_rows;     /* of its numbers; of most, if they are not equally long */
    int64_t n_columns;
    km_column *columns; /* [n_columns]; for arrays one of that length, which stands for all */
    char flaw[256];     /* why it can't be used, or empty */
    char writer[16];    /* "MATLAB": it may hold a sample a column; empty: nothing says so */
} km_table;

/* What is there and can't be used. */
typedef struct km_unusable {
    char path[KM_DATASET_SIZE];
    char reason[160];
} km_unusable;

typedef struct km_tables {
    int64_t count;
    km_table *tables;
    int64_t n_unusable;
    km_unusable *unusable;
    bool is_transposed; /* two-dimensional datasets hold a sample a column */
} km_tables;

/* All tables in a file that is open on this rank alone. KM_DATA if it is damaged. */
km_code km_tables_find(hid_t file, bool is_transposed, km_tables *tables, km_error *error);
void km_tables_free(km_tables *tables);

/* Keeps only the tables that -d NAME means in the file that they are of, which is open. KM_DATA if
 * there are none. */
km_code km_tables_keep(km_tables *tables, hid_t file, const char *path, const char *name,
                       km_error *error);

/* The columns in a list as -c takes it, array columns value by value; all floating-point columns
 * (all of an array) if it is NULL. A new array of *count columns, which the caller frees; NULL and
 * KM_DATA or KM_MEMORY on failure. */
km_column *km_table_select(const km_table *table, const char *list, const char *file,
                           int64_t *count, km_error *error);

/* The default choice of a table as -c takes it (columns of integers, if it has no others), in a new
 * text, which the caller frees. */
char *km_table_columns_text(const km_table *table, km_error *error);

/* Some columns, by name, as -c takes them. */
char *km_names_text(const char *const *names, int64_t count, km_error *error);

/* ---- catalogues ----------------------------------------------------------------------------- */

/* One of the parts whose rows are those of the catalogue, in this order: a table of a file. */
typedef struct km_file {
    const char *path;  /* the caller's */
    const char *table; /* in the file, or NULL if it has none; of the catalogue */
    int64_t number;    /* of the file among those that were named; parts of it follow each other */
    int64_t first_row, n_rows;
    int64_t bytes, time; /* of the last change, seconds since 1970 */
    int64_t nanoseconds; /* and those after that second */
    bool is_like_first;  /* all that is known of its columns is as in the first file */
} km_file;

/* A value that stands for a missing one in a column, or in all features; each feature has at most
 * so many. */
enum { KM_MAX_MISSING_VALUES = 64 };
typedef struct km_missing_value {
    int64_t column; /* its number; -1: all features */
    double value;
} km_missing_value;

/* Which catalogue: files in their order, and what -d, -c, --weights, --id and --missing-value say,
 * or NULL. The columns of weights and ids are no features unless `columns` names them. All texts
 * must outlive the catalogue. */
typedef struct km_catalogue_name {
    const char *const *paths;
    int64_t n_paths;
    const char *table, *columns, *weights, *ids;
    const char *const *missing_values;
    int64_t n_missing_values;
    const char *outputs[3]; /* [n_outputs], files that will be written, and may not be read */
    int64_t n_outputs;
    bool follows_external;         /* values of datasets may be in any file, not only beside */
    const km_precision *precision; /* NULL: by the types of the features, double if one is packed */
    bool is_raw;                   /* numbers as they are stored: conventions do not count */
    bool fill_is_missing;          /* HDF5's own fill value, where the author set it, is missing */
    bool is_transposed;            /* a two-dimensional dataset holds a sample a column */
    bool is_array_by_order; /* an array's columns are features in their order, for `columns` */
} km_catalogue_name;

/* What a convention says, for people, each part after a comma and a blank; empty if nothing. */
void km_convention_text(const km_convention *convention, char *text, size_t size);

struct km_opened_file;

/* What reading rows of a file takes: how the buffers of a piece are measured. */
typedef struct km_reading {
    int64_t row_bytes;        /* of a row as it is read, */
    int64_t value_bytes;      /* and of its values on the way to the samples; */
    int64_t stored_bytes;     /* of a row of the chunks that hold it */
    int64_t chunk_rows;       /* of chunks that are read whole, the most; 0: there are none */
    int64_t plain_chunk_rows; /* of other chunks */
    int64_t thread_bytes;     /* that each thread needs besides */
    int64_t kept_bytes;       /* of chunks, while rows are read again */
} km_reading;

/* The first file in which a column has other units than in the first of all. */
typedef struct km_other_units {
    bool is_found;
    int64_t file, column;
    char units[KM_UNITS_SIZE]; /* there */
} km_other_units;

/* What -d, -c, --weights and --id choose in a file, or in the first of several. The columns are the
 * features, then that of the weights, if there are any, then that of the ids. */
typedef struct km_selection {
    char table[KM_DATASET_SIZE], writer[16];
    bool is_array;
    bool is_pattern; /* -d means all tables that are called like it, of which this is one */
    int64_t n_rows, n_features, n_columns;
    km_column *columns; /* [n_columns] */
    int64_t n_others;
    char **others; /* [n_others], files that some of the columns are in */
} km_selection;

/* Chooses in a file, at `path`, that is open on this rank alone and has these tables; those that
 * only a path leads to are added. KM_DATA or KM_USAGE, saying what does not fit. */
km_code km_selection_make(km_selection *choice, hid_t file, const char *path, km_tables *tables,
                          const km_catalogue_name *name, km_error *error);
void km_selection_free(km_selection *choice);

/* A catalogue, open on all ranks for reading. Its columns are the features, then that of the
 * weights, if there are any, then that of the ids. */
typedef struct km_catalogue {
    km_catalogue_name asked;
    char path[KM_PATH_SIZE];           /* for messages: the file, or the first and how many more */
    char table[KM_DATASET_SIZE];       /* or the pattern that several are called by, of which */
    char first_table[KM_DATASET_SIZE]; /* this is the one that `columns` is about */
    char writer[16];                   /* see km_table */
    bool is_array, has_weights, has_ids;
    bool is_pattern; /* see km_selection */
    int64_t n_files, n_rows, n_features, n_columns;
    km_file *files; /* [n_files], parts: a file has several if -d names several tables */
    int64_t n_others;
    char **others;          /* [n_others], paths of files that some columns are in, see km_place */
    char *part_tables;      /* texts that `files` points to */
    km_precision precision; /* by the types of the features in all files */
    km_column *columns;     /* [n_columns], as they are in the first file */
    const char **names;     /* [n_features], those of the features */
    km_other_units other_units;
    int64_t n_missing_values;
    km_missing_value *missing_values;
    unsigned char ids_type[512]; /* as H5Tencode writes it */
    size_t ids_type_size;
    int64_t ids_file; /* the part that this rank knows the type from */
    int64_t ids_size; /* bytes of an id, of the longest of fixed texts, about the mean of others */
    bool is_together; /* one table, which all ranks read together; else each by itself */
    struct km_opened_file *shared; /* that file */
    km_reading reading;            /* of the file that needs most */
} km_catalogue;

/* Is this part the first of its file? */
static inline bool km_begins_file(const km_catalogue *catalogue, int64_t part)
{
    return part == 0 || catalogue->files[part].number != catalogue->files[part - 1].number;
}

/* Files of the catalogue, each of which may have several parts. */
static inline int64_t km_count_files(const km_catalogue *catalogue)
{
    int64_t count = 0;
    for (int64_t p = 0; p < catalogue->n_files; p++)
        count += km_begins_file(catalogue, p);
    return count;
}

static inline const km_column *km_catalogue_weights(const km_catalogue *catalogue)
{
    return &catalogue->columns[catalogue->n_features];
}

static inline const km_column *km_catalogue_ids(const km_catalogue *catalogue)
{
    return &catalogue->columns[catalogue->n_columns - 1];
}

/* Opens a catalogue: looks into all files, and chooses columns, which all must have. Collective
 * over comm, and so are the next two; errors are agreed. */
km_code km_catalogue_open(km_catalogue *catalogue, const km_catalogue_name *name, MPI_Comm comm,
                          km_error *error);
void km_catalogue_close(km_catalogue *catalogue);

/* What to do with a row of which a feature is missing. */
typedef enum km_missing { KM_MISSING_DROP, KM_MISSING_ERROR } km_missing;

/* Bytes of the longest text that can be an id, with the zero byte at its end. */
enum { KM_ID_SIZE = 16 << 20 };

/* The ids of the rows of a slab, in the type of the file. */
typedef struct km_ids {
    hid_t type;       /* H5I_INVALID_HID: there are none */
    bool is_variable; /* texts of any length, each ended by a zero byte; else values of `size` */
    size_t size;
    char pad; /* of fixed texts that are shorter than `size` */
    char *bytes;
    int64_t n_bytes, room;
} km_ids;

/* What was found on the way, beside the samples. */
typedef struct km_findings {
    int64_t bytes_read; /* what this rank asked the files for */
    int64_t *n_missing; /* [n_features], rows of the catalogue that miss the feature */
    int64_t *n_fill;    /* [n_features], rows of which HDF5's own fill value is used as a number */
    km_ids ids;         /* of all rows of this rank's slab */
    char how[48];       /* the catalogue was read: "independent (MPI-IO)", ... */
} km_findings;

/* Reads this rank's slab in bounded pieces. Afterwards samples holds the rows without missing
 * values, in the unit of the catalogue, and their weights; KM_DATA for weights that are negative or
 * not finite, and when a file changes meanwhile. A stop of the pace, on which ranks agree, leaves
 * them incomplete. */
km_code km_catalogue_read(const km_catalogue *catalogue, km_missing missing, km_pace *pace,
                          MPI_Comm comm, km_samples *samples, km_findings *findings,
                          km_error *error);

/* Reads this rank's slab again by another road, to verify the first: each column by itself,
 * through serial HDF5, which also converts; one in `every` blocks of rows, see km_is_read_again.
 * The sum over all ranks of what km_hash_as_read gives for the same rows; and, if there are ids of
 * fixed size, KM_INTERNAL if those of the findings are others. Collective over comm; errors are
 * agreed. */
km_code km_catalogue_read_again(const km_catalogue *catalogue, const km_findings *findings,
                                int64_t every, MPI_Comm comm, uint64_t *hash, km_error *error);

/* Bytes that takes beside the samples. */
int64_t km_catalogue_again_bytes(const km_catalogue *catalogue);

void km_findings_free(km_findings *findings);

/* Are ids texts of any length? */
bool km_catalogue_has_long_ids(const km_catalogue *catalogue);

/* Bytes that HDF5 takes for such a text of `size` bytes: with a header, in steps of 16. */
int64_t km_text_bytes(int64_t size);

/* Bytes of the buffers for reading a slab of so many rows with so many threads. */
int64_t km_catalogue_buffer_bytes(const km_catalogue *catalogue, int64_t rows, int n_threads);

/* Writes the features as -c would take them again into a new text, which the caller frees. */
char *km_catalogue_columns_text(const km_catalogue *catalogue, km_error *error);

#endif
