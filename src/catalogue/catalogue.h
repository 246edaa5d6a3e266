/* catalogue.h - finds the tables of files, chooses columns as features, and reads the slab of rows
 * of each rank.
 *
 * A table is a two-dimensional array of numbers; a group of one-dimensional columns (/group/NAME,
 * or /table/columns/NAME/data as vaex writes); a dataset of compounds, as astropy and PyTables
 * write; or a frame of pandas, fixed or table. This room does not know clusters. */
#ifndef SKYMEANS_CATALOGUE_H
#define SKYMEANS_CATALOGUE_H

#include "base/error.h"
#include "base/precision.h"
#include "base/text.h"
#include "comm/pace.h"
#include "expression/expression.h"
#include "h5/h5.h"
#include "samples/samples.h"

enum { KM_NAME_SIZE = 128, KM_UNITS_SIZE = 64, KM_DATASET_SIZE = 1024 };

/* Where the values of a column are. A row of a dataset has one element, or several if the dataset
 * has two dimensions. An element is a value, an array of values, or a compound with a member that
 * is one of these. */
typedef struct km_place {
    char dataset[KM_DATASET_SIZE]; /* path in the file; empty: there are no values */
    char member[KM_NAME_SIZE];     /* of compounds, a path with slashes; else empty */
    int64_t position;              /* the first value of the column, in the row or the member */
    int64_t length;                /* the number of values per row */
    int64_t other;                 /* the file: 0 is that of the table, n the n-th of other files */
    bool is_transposed;            /* a row of the dataset is a column of the table */
    bool is_bitmap; /* a mask of bits, lowest first, 0 where a value is missing (Arrow) */
} km_place;

/* What a file declares about the numbers of a column: which stored numbers mean a missing value,
 * and how the others are unpacked, value = stored * factor + offset. Long doubles hold all integers
 * of 64 bits. */
enum { KM_MAX_CODES = 64 };
typedef struct km_convention {
    bool is_unsigned;             /* the bits of signed integers are those of unsigned ones */
    bool is_packed;               /* factor and offset count */
    bool is_biased;               /* the offset only gives integers a sign, or takes it */
    bool has_lowest, has_highest; /* numbers outside are missing */
    bool has_fill;                /* HDF5's own fill value, which the file's author set */
    bool is_too_long;             /* it declares more missing values than KM_MAX_CODES */
    int64_t n_missing;
    long double missing[KM_MAX_CODES + 1]; /* stored numbers that mean a missing value */
    long double lowest, highest, fill;
    double factor, offset;
} km_convention;

/* A column of a table; without pointers, so that it can be broadcast. */
typedef struct km_column {
    char name[KM_NAME_SIZE];
    char type[32];             /* "float32", "int16 big-endian" */
    char storage[48];          /* "contiguous", "chunks of 1000 rows" */
    char filters[96];          /* "shuffle, deflate"; "blosc (32001), not available here" */
    char units[KM_UNITS_SIZE]; /* empty if the file has none */
    km_place values;           /* several per row in an array column, until one is chosen */
    km_place mask;             /* one per value, or one per row: not 0 where a value is missing */
    km_convention convention;
    int64_t n_rows;
    int64_t value_bytes; /* of a value as it is stored, without what is elsewhere, as long texts
                            are; 0 if it is computed */
    bool is_numeric, is_floating; /* truth values and bitfields are numeric, too */
    bool is_text, may_be_mask;
    bool is_category;   /* numbers that stand for names */
    bool is_matrix;     /* in a dataset of two dimensions, neither of which is 1 */
    bool has_bad_mask;  /* of another length than the values, or no truth values */
    bool lacks_filter;  /* one that is not available here */
    bool fits_float32;  /* float32, or an integer of at most 16 bits, by type */
    bool is_virtual;    /* stored in other files, which parallel HDF5 can't read */
    bool makes_feature; /* it is a feature, or one is computed from it */
    int64_t expression; /* that it is computed by, from 1; 0: it is stored, and has a place */
} km_column;

/* Identifies an object of a file, however many links lead to it. */
typedef struct km_object_id {
    unsigned char bytes[24];
} km_object_id;

typedef struct km_table {
    char path[KM_DATASET_SIZE]; /* what -d calls it */
    const char *layout;         /* how it is stored, a name for people */
    km_object_id object;
    bool is_array;
    bool is_on_request; /* chosen only by its name, or if no other table has the columns */
    bool needs_columns; /* the flaw does not matter if columns are named */
    int64_t n_rows;     /* of its columns of numbers; of most, if their lengths differ */
    int64_t n_columns;
    km_column *columns; /* [n_columns]; of an array, one that stands for all */
    char flaw[256];     /* why it can't be used, or empty */
    char writer[16];    /* "MATLAB": it may hold one sample per column; empty: not known */
} km_table;

/* An object that can't be used. */
typedef struct km_unusable {
    char path[KM_DATASET_SIZE];
    char reason[160];
} km_unusable;

typedef struct km_tables {
    int64_t count;
    km_table *tables;
    int64_t n_unusable;
    km_unusable *unusable;
    bool is_transposed; /* two-dimensional datasets hold one sample per column */
} km_tables;

/* Finds all tables in a file that is open on this rank alone. KM_DATA if it is damaged. */
km_code km_tables_find(hid_t file, bool is_transposed, km_tables *tables, km_error *error);
void km_tables_free(km_tables *tables);

/* Keeps only the tables that -d NAME means in their file, which is open. KM_DATA if there are
 * none. */
km_code km_tables_keep(km_tables *tables, hid_t file, const char *path, const char *name,
                       km_error *error);

/* The default columns of a table as -c takes them (integers, if it has no others), in a new text,
 * which the caller frees. */
char *km_table_columns_text(const km_table *table, km_error *error);

/* Appends a name to a list as -c takes it, in braces if it could be read as something else. Returns
 * the new end. The text needs KM_NAME_SIZE + 3 characters for each name. */
char *km_append_name(char *end, bool is_first, const char *name);

/* ---- catalogues ----------------------------------------------------------------------------- */

/* One part of a catalogue: a table of a file. The rows of the parts, in their order, are those of
 * the catalogue. */
typedef struct km_file {
    const char *path;  /* the caller's */
    const char *table; /* in the file, or NULL if it has none; owned by the catalogue */
    int64_t number;    /* of the file among those named; its parts are adjacent */
    int64_t first_row, n_rows;
    int64_t bytes, time; /* time: of the last change, seconds since 1970 */
    int64_t nanoseconds; /* of the last change, after that second */
    bool is_like_first;  /* its columns are exactly as in the first file */
} km_file;

/* A value that means a missing one, in one column or in all features; the maximum is per
 * feature. */
enum { KM_MAX_MISSING_VALUES = 64 };
typedef struct km_missing_value {
    int64_t column; /* its number; -1: all features, and all that is read by expressions */
    double value;
} km_missing_value;

/* Which catalogue: files in their order, and the values of -d, -c, --where, --weights, --id and
 * --missing-value, or NULL. The columns of weights and ids are no features unless `columns` names
 * them. All texts must outlive the catalogue. */
typedef struct km_catalogue_name {
    const char *const *paths;
    int64_t n_paths;
    const char *table, *columns, *where, *weights, *ids;
    const char *const *missing_values;
    int64_t n_missing_values;
    bool skips_other_missing; /* missing values of columns that are no features are left out */
    const char *const *hints; /* [n_hints], of --mpi-info: KEY=VALUE */
    int64_t n_hints;
    const char *outputs[3]; /* [n_outputs], files that will be written, and must not be inputs */
    int64_t n_outputs;
    bool follows_external; /* values of datasets may be in any file, not only below its folder */
    const km_precision *precision; /* NULL: as the features need; double if one is packed */
    bool is_raw;                   /* numbers as they are stored: conventions are ignored */
    bool fill_is_missing;   /* HDF5's own fill value means missing, if the file's author set it */
    bool is_transposed;     /* a two-dimensional dataset holds one sample per column */
    bool is_array_by_order; /* all columns of an array are features, whatever `columns` names */
} km_catalogue_name;

/* Is a column, or one of the values of an array column, called `name` [length], perhaps in
 * braces? */
bool km_is_called(const char *column, const char *name, size_t length);

/* Describes a convention for people, each part after a comma and a blank; empty if it declares
 * nothing. */
void km_convention_text(const km_convention *convention, char *text, size_t size);

struct km_opened_file;

/* Memory for reading rows of a file, from which the size of a piece follows. */
typedef struct km_reading {
    int64_t row_bytes;        /* of a row as it is read */
    int64_t value_bytes;      /* of its values on their way to the samples */
    int64_t stored_bytes;     /* of the compressed chunks, per row */
    int64_t chunk_rows;       /* maximum of chunks that are read whole; 0: there are none */
    int64_t plain_chunk_rows; /* maximum of other chunks */
    int64_t thread_bytes;     /* for decoding, per thread */
    int64_t cache_bytes;      /* of cached chunks, while rows are read again */
} km_reading;

/* The first file in which a column has other units than in the first file of all. */
typedef struct km_other_units {
    bool is_found;
    int64_t file, column;
    char units[KM_UNITS_SIZE]; /* in that file */
} km_other_units;

/* What -d, -c, --where, --weights and --id choose in one file. The columns are the features, then
 * that of the weights, if there are any, then those that expressions read, then that of the ids, if
 * there are any. Of the inputs of expressions, those of features come first. */
typedef struct km_selection {
    char table[KM_DATASET_SIZE], writer[16];
    bool is_array;
    bool is_pattern; /* -d is a pattern, and this is the first table that matches */
    int64_t n_rows, n_features, n_columns;
    km_column *columns; /* [n_columns] */
    int64_t n_expressions;
    km_expression *expressions; /* [n_expressions], that of --where is the last */
    int64_t n_others;
    char **others; /* [n_others], other files that columns are in */
} km_selection;

/* Chooses in the file at `path`, which is open on this rank alone and has these tables. A table
 * that was not found before, and to which only a path leads, is added to them. KM_DATA or KM_USAGE,
 * saying what does not fit. */
km_code km_selection_make(km_selection *choice, hid_t file, const char *path, km_tables *tables,
                          const km_catalogue_name *name, km_error *error);
void km_selection_free(km_selection *choice);

/* A catalogue, open on all ranks for reading. Its columns are those of a selection. */
typedef struct km_catalogue {
    km_catalogue_name asked;
    char path[KM_PATH_SIZE];           /* for messages: the first file, and how many more */
    char table[KM_DATASET_SIZE];       /* or the pattern of -d */
    char first_table[KM_DATASET_SIZE]; /* the table that `columns` describes */
    char writer[16];                   /* see km_table */
    bool is_array, has_weights, has_ids;
    bool is_pattern; /* see km_selection */
    int64_t n_files, n_rows, n_features, n_columns;
    km_file *files; /* [n_files], parts: several per file if -d is a pattern */
    int64_t n_others;
    char **others;          /* [n_others], paths of files that some columns are in, see km_place */
    char *part_tables;      /* the texts of `table` in `files` */
    km_precision precision; /* by the types of the features in all files */
    km_column *columns;     /* [n_columns], as they are in the first file */
    int64_t n_expressions;
    km_expression *expressions; /* [n_expressions], that of --where is the last */
    const char **names;         /* [n_features], of the features */
    km_other_units other_units;
    uint64_t missing_found; /* a bit for each value of --missing-value that was not left out */
    int64_t n_missing_values;
    km_missing_value *missing_values;
    unsigned char ids_type[512]; /* as H5Tencode writes it */
    size_t ids_type_size;
    int64_t ids_file; /* the part that this rank took the type from; n_files more if it is empty */
    int64_t ids_size; /* bytes per id: the maximum of fixed texts, about the mean of others */
    bool is_together; /* all ranks have one file open together; else each opens its own */
    struct km_opened_file *shared; /* that one file */
    km_reading reading;            /* of the file that needs the most memory */
} km_catalogue;

/* Is this part the first of its file? */
static inline bool km_begins_file(const km_catalogue *catalogue, int64_t part)
{
    return part == 0 || catalogue->files[part].number != catalogue->files[part - 1].number;
}

/* The number of files, each of which may have several parts. */
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

/* The columns that expressions read are n from the first on. */
static inline int64_t km_first_input(const km_catalogue *catalogue)
{
    return catalogue->n_features + catalogue->has_weights;
}

static inline int64_t km_count_inputs(const km_catalogue *catalogue)
{
    return catalogue->n_columns - catalogue->has_ids - km_first_input(catalogue);
}

static inline const km_column *km_catalogue_ids(const km_catalogue *catalogue)
{
    return &catalogue->columns[catalogue->n_columns - 1];
}

/* Features may have other names than in the file, see `names`. */
static inline const char *km_name_of_column(const km_catalogue *catalogue, int64_t column)
{
    return column < catalogue->n_features ? catalogue->names[column]
                                          : catalogue->columns[column].name;
}

/* Opens a catalogue: looks into all files, and chooses columns, which all files must have.
 * Collective over comm, and so is closing it; errors are agreed. */
km_code km_catalogue_open(km_catalogue *catalogue, const km_catalogue_name *name, MPI_Comm comm,
                          km_error *error);
void km_catalogue_close(km_catalogue *catalogue);

/* What becomes of a row: a condition (--where) is not true, or can't be decided since a value in it
 * is missing; or else it misses a feature. */
typedef enum km_fate { KM_ROW_USED, KM_ROW_MISSING, KM_ROW_EXCLUDED, KM_ROW_UNDECIDED } km_fate;

/* What to do with a row that misses a feature; kept ones have values that are not finite. */
typedef enum km_missing { KM_MISSING_DROP, KM_MISSING_ERROR, KM_MISSING_KEEP } km_missing;

/* Maximum bytes of a text that is an id, with the zero byte at its end. */
enum { KM_ID_SIZE = 16 << 20 };

/* The ids of the rows of a slab, in the type of the file. */
typedef struct km_ids {
    hid_t type;       /* H5I_INVALID_HID: there are none */
    bool is_variable; /* texts of any length, each ended by a zero byte; else values of `size` */
    size_t size;
    char pad; /* fills up fixed texts that are shorter than `size` */
    char *bytes;
    int64_t n_bytes, capacity;
} km_ids;

/* What reading found beside the samples. */
typedef struct km_findings {
    int64_t bytes_read;  /* read by this rank */
    int64_t *n_missing;  /* [n_features], rows, but for those below, that miss the feature */
    int64_t n_excluded;  /* rows for which the condition is not true */
    int64_t n_undecided; /* rows for which it can't be decided */
    int64_t *n_fill; /* [n_columns], rows with HDF5's own fill value, which is used as a number */
    km_ids ids;      /* of all rows of this rank's slab */
    char how[48];    /* the way of reading: "independent (MPI-IO)", ... */
} km_findings;

/* Reads this rank's slab in pieces of bounded size; once, since a file that all ranks have open
 * together is closed in the end. Afterwards samples holds the rows without missing values, in the
 * units of the catalogue, and their weights. KM_DATA for weights that are negative or not finite,
 * and if a file changes while it is read. If the pace stops the run, on which ranks agree, the
 * samples are incomplete. */
km_code km_catalogue_read(km_catalogue *catalogue, km_missing missing, km_pace *pace, MPI_Comm comm,
                          km_samples *samples, km_findings *findings, km_error *error);

/* Reads this rank's slab again in another way, to verify the first: column by column, through
 * serial HDF5, which also converts. Reads one in `every` blocks of rows, see km_is_read_again.
 * *hash is the sum over all ranks of what km_hash_as_read gives for the same rows. KM_INTERNAL if
 * ids of fixed size differ from those of the findings. Collective over comm; errors are agreed. */
km_code km_catalogue_read_again(const km_catalogue *catalogue, const km_findings *findings,
                                int64_t every, MPI_Comm comm, uint64_t *hash, km_error *error);

/* Bytes that km_catalogue_read_again takes beside the samples. */
int64_t km_catalogue_again_bytes(const km_catalogue *catalogue);

void km_findings_free(km_findings *findings);

/* Are the ids texts of any length? */
bool km_catalogue_has_long_ids(const km_catalogue *catalogue);

/* Bytes that HDF5 allocates for a text of `size` bytes: with a header, in steps of 16. */
int64_t km_text_bytes(int64_t size);

/* Bytes of the buffers for reading a slab of this many rows with this many threads. */
int64_t km_catalogue_buffer_bytes(const km_catalogue *catalogue, int64_t rows, int n_threads);

/* The features as -c takes them, in a new text, which the caller frees. */
char *km_catalogue_columns_text(const km_catalogue *catalogue, km_error *error);

/* A list of columns as -c takes it, in a new text, which the caller frees: of `list`, in which
 * KM_ALL_FEATURES stands for all features, and names of computed ones for their expressions. */
#define KM_ALL_FEATURES "features"
char *km_catalogue_expand_list(const km_catalogue *catalogue, const char *list, km_error *error);

#endif
