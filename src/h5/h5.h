/* h5.h - the only room that knows HDF5: files, arrays that are read in slabs, datasets that are
 * written and read back, files built in memory. It does not know what is stored.
 *
 * Functions that take a communicator are collective over it, but their caller agrees on errors. All
 * others are local, also for files that several ranks have open together. */
#ifndef SKYMEANS_H5_H
#define SKYMEANS_H5_H

#include "base/error.h"
#include "base/partition.h"
#include "base/precision.h"
#include "comm/comm.h"

#include <hdf5.h>

/* Silences HDF5's own printing of errors; once per thread. */
void km_h5_start(void);

/* Notes why an HDF5 call failed, if its status or handle is negative. To be called at once, since
 * the next call clears HDF5's error stack. Returns whether the call succeeded. */
bool km_h5_note(int64_t status);
/* Notes why a call of the system failed, by its errno. */
void km_h5_note_system(int error);

/* Why the last noted failure of this thread happened: the description at the bottom of HDF5's error
 * stack; and its kind: KM_SYSTEM (reading, MPI), KM_MEMORY, or else KM_DATA. */
const char *km_h5_reason(void);
km_code km_h5_code(void);

/* A property list for opening plain files without locks, which Lustre and NFS often lack. The
 * caller closes it. */
hid_t km_h5_local_access(void);

/* Sets that what is written can be read by HDF5 1.10 and later, whatever version writes it. */
void km_h5_stay_readable(hid_t access);

/* ---- reading -------------------------------------------------------------------------------- */

/* Does the file begin as HDF5 files do, perhaps after a user block? */
bool km_h5_is_hdf5(const char *path);

/* Opens a file for reading, on this rank; or by all ranks of comm together, through MPI-IO, which
 * gets the hints, and by each alone as well. KM_SYSTEM if it does not exist or can't be read,
 * KM_DATA if it is not a complete HDF5 file. Close with H5Fclose what is not negative, even after
 * an error. */
km_code km_h5_open(const char *path, hid_t *file, km_error *error);
km_code km_h5_open_together(const char *path, MPI_Comm comm, MPI_Info hints, hid_t *file,
                            hid_t *alone, km_error *error);

/* The colon of FILE:PATH, behind the name of an existing file; NULL if there is none. */
const char *km_h5_find_colon(const char *text);

/* The file in FILE or FILE:/path, in a new text; *inside is the path, or NULL. If a file of the
 * whole name exists, that is meant; the path may lack its slash if the file exists. NULL and
 * KM_MEMORY if there is no memory. */
char *km_h5_split_name(const char *name, const char **inside, km_error *error);

/* A one- or two-dimensional dataset that is open for reading rows of its elements in the type of
 * the file. */
enum { KM_H5_MAX_FILTERS = 8 };
typedef struct km_h5_array {
    hid_t dataset, type; /* type: of an element in the file */
    hid_t alone; /* > 0: the same dataset, opened without MPI-IO, where failed reads are seen */
    int64_t element_bytes;
    int n_dimensions;
    int64_t n_rows, n_columns;         /* one column if it has one dimension */
    int64_t chunk_rows, chunk_columns; /* 0 if it is not chunked */
    bool is_contiguous;
    bool is_elsewhere; /* virtual or external, not for files that several ranks have open */
    bool is_external;  /* in files of plain bytes */
    bool has_filters, is_decodable; /* is_decodable: by km_h5_read_chunks */
    int n_filters;
    H5Z_filter_t filters[KM_H5_MAX_FILTERS]; /* in the order in which they were applied */
} km_h5_array;

/* The filter with this number, from 0, of a dataset creation property list; its registered name, or
 * that in the file, to `text`. Negative if HDF5 can't say. */
H5Z_filter_t km_h5_name_filter(hid_t creation, int number, char *text, size_t size);

/* Opens the dataset `name` of a file. KM_DATA if it is no such dataset, or if some of its values
 * were never written and no fill value stands for them. Local. */
km_code km_h5_open_array(hid_t file, const char *name, km_h5_array *array, km_error *error);
void km_h5_close_array(km_h5_array *array);

/* Called with each file from which a dataset takes values: plain bytes, or HDF5. An error ends the
 * search. */
typedef km_code (*km_h5_visitor)(void *context, const char *path, bool is_plain, km_error *error);

/* Checks a dataset whose values are in other files: a virtual one, or one with external storage.
 * Calls the visitor, if any, for each of these files before it is opened here. KM_SYSTEM or
 * KM_DATA, naming the first file that is missing or damaged. For files that are open on this rank
 * alone. */
km_code km_h5_check_virtual(const km_h5_array *array, const char *file, const char *name,
                            km_h5_visitor visitor, void *context, km_error *error);

/* Checks that an external file is what it was when the dataset described it, by its size and time
 * in attributes, if there are some: source_bytes, and source_time in nanoseconds since 1970.
 * KM_DATA if it has changed. */
km_code km_h5_check_unchanged(const km_h5_array *array, const char *file, const char *name,
                              km_error *error);

/* km_h5_cache_chunks opens the dataset again with a cache for all chunks of some rows, or for a few
 * chunks if they are small and not compressed; km_h5_cache_bytes is the size of that cache, 0:
 * none. */
int64_t km_h5_cache_bytes(const km_h5_array *array);
void km_h5_cache_chunks(km_h5_array *array, hid_t file, const char *name);

/* Reads columns [first_column, first_column + n_columns) of some rows, row after row, as elements
 * of `type`: that of the array or, of compounds, one with fewer members. KM_DATA if the data are
 * damaged or a filter is missing, KM_SYSTEM if reading failed. Local, also where the file is open
 * on several ranks. */
km_code km_h5_read_rows(const km_h5_array *array, km_rows rows, int64_t first_column,
                        int64_t n_columns, hid_t type, void *elements, km_error *error);

/* The same, with a stride of `row_elements` elements from one row in memory to the next. */
km_code km_h5_read_block(const km_h5_array *array, km_rows rows, km_rows columns, hid_t type,
                         int64_t row_elements, void *elements, km_error *error);

/* Reading contiguous values without HDF5, by any thread. km_h5_find_values gives the offset of the
 * values in the file; negative if only HDF5 can read them. km_h5_open_plain gives a descriptor of a
 * file that this rank has open alone; negative if there is none. km_h5_read_plain does the same as
 * km_h5_read_block with the array's own type; false if it fails, and then HDF5 may say why. */
int64_t km_h5_find_values(const km_h5_array *array, hid_t file);
int km_h5_open_plain(hid_t file);
/* The same of a dataset whose values are in one external file, which it opens; the caller closes
 * the descriptor. */
int km_h5_open_external(const km_h5_array *array, int64_t *address);
bool km_h5_read_plain(int descriptor, int64_t address, const km_h5_array *array, km_rows rows,
                      km_rows columns, int64_t row_elements, void *elements);

/* Has the system read some rows and columns of an array ahead, from a descriptor of its file;
 * `address` as by km_h5_find_values. */
void km_h5_announce(const km_h5_array *array, int descriptor, int64_t address, km_rows rows,
                    km_rows columns);

/* Compressed chunks that were read and are not decoded yet. Each thread has its own. */
typedef struct km_h5_chunks km_h5_chunks;
km_h5_chunks *km_h5_chunks_create(km_error *error);
void km_h5_chunks_free(km_h5_chunks *chunks);

/* Reading compressed chunks in three steps, for an array that is_decodable. km_h5_read_chunks reads
 * the stored bytes of the chunks that hold these rows and columns; elements have the type of the
 * array, and a stride of `row_elements` from row to row. km_h5_decode_chunks decodes them, while
 * other threads may use HDF5. If it returns false, km_h5_end_chunks has HDF5 read the chunks that
 * failed: KM_DATA if a chunk is damaged, and `wrong` is its array. Elements are complete only after
 * the last step; the arrays and the memory of the elements must stay until then. Local. */
km_code km_h5_read_chunks(km_h5_chunks *chunks, const km_h5_array *array, km_rows rows,
                          km_rows columns, int64_t row_elements, void *elements, km_error *error);
bool km_h5_decode_chunks(km_h5_chunks *chunks);
km_code km_h5_end_chunks(km_h5_chunks *chunks, const km_h5_array **wrong, km_error *error);

/* Bytes of workspace for decoding a chunk of this array. */
int64_t km_h5_decoding_bytes(const km_h5_array *array);

/* How numbers are stored in a file. Odd ones, whose length or layout C does not have, are converted
 * by HDF5. Enumerations and bit fields count as the integers that store them. */
typedef enum km_h5_kind {
    KM_H5_NO_NUMBER,
    KM_H5_INT,
    KM_H5_UINT,
    KM_H5_FLOAT,
    KM_H5_ODD_NUMBER
} km_h5_kind;
typedef struct km_h5_number {
    km_h5_kind kind;
    int size;        /* bytes: 1, 2, 4 or 8, but for odd ones */
    bool is_swapped; /* not in the byte order of this machine */
} km_h5_number;
km_h5_number km_h5_describe_number(hid_t type);

/* The type in memory of elements reduced to one member of a compound, given by its path with
 * slashes; the whole element if `member` is empty. `leaf` makes the type in memory from that in the
 * file. The caller closes it; negative if there is no such member. */
hid_t km_h5_type_of_member(hid_t type, const char *member, hid_t (*leaf)(hid_t));

/* Decodes what H5Tencode wrote; the caller closes the type. */
hid_t km_h5_decode_type(const void *bytes, size_t size);

/* Does this type of the file have the bits of the working precision? */
bool km_h5_is_native(hid_t type, km_precision precision);

/* Converts `count` contiguous numbers of this type in place to the working precision. `values` has
 * km_h5_value_size bytes for each. KM_DATA if HDF5 can't. */
km_code km_h5_convert(hid_t type, km_precision precision, int64_t count, void *values,
                      km_error *error);

/* Bytes that a number of this type needs during its conversion to the working precision. */
size_t km_h5_value_size(hid_t type, km_precision precision);

/* A text attribute of an object, cut to `size`; empty if there is no such text. */
void km_h5_read_text(hid_t object, const char *name, char *text, size_t size);

/* The same, of any length, in a new text, which the caller frees; NULL if there is none. */
char *km_h5_read_long_text(hid_t object, const char *name, km_error *error);

/* The elements of a dataset of texts of fixed length, or of integers, as texts in an array
 * [*count][*size], which the caller frees. NULL if there is no such dataset; the only error is
 * KM_MEMORY. */
char *km_h5_read_texts(hid_t parent, const char *name, int64_t *count, size_t *size,
                       km_error *error);

/* How many values an attribute has; 0 if there is no such attribute. */
int64_t km_h5_count_attribute(hid_t object, const char *name);

/* An attribute that is a list of `count` texts, to `texts` [count][size]. False if there is no such
 * list, or a text is longer. */
bool km_h5_read_text_list(hid_t object, const char *name, int64_t count, size_t size, char *texts);

/* Frees what HDF5 allocated for texts of variable length that were read to `values`. */
void km_h5_free_texts(hid_t type, hid_t space, void *values);

/* The numbers of a numeric attribute, to `values` [max_count]. Returns how many there are; 0 if
 * there is no such attribute, -1 if it has more. */
int km_h5_read_numbers(hid_t object, const char *name, int max_count, long double *values);

/* A numeric attribute; false if there is none, or it is not one number. */
bool km_h5_read_number(hid_t object, const char *name, double *value);

/* ---- writing, and comparing what was written ------------------------------------------------ */

/* By one rank. False, with HDF5's error stack set, if something can't be written, or differs. */

/* Two ways to go through the contents of a file: to write them, or to compare them with the
 * file. */
typedef struct km_h5_verbs {
    bool (*group)(hid_t file, const char *name);
    bool (*attribute)(hid_t object, const char *name, hid_t type, const void *value);
    bool (*texts)(hid_t object, const char *name, const char *const *texts, int64_t count);
    bool (*array)(hid_t file, const char *name, hid_t type, int n_dimensions, const hsize_t *shape,
                  const void *values);
} km_h5_verbs;

extern const km_h5_verbs km_h5_write, km_h5_compare;

/* Types of texts, which the caller closes. In attributes: variable length, UTF-8. In datasets:
 * `size` bytes, padded with zero bytes, since many readers can't read others there, and Octave
 * can't read UTF-8. */
hid_t km_h5_text_type(void);
hid_t km_h5_fixed_text_type(size_t size, bool is_ascii);

/* The attribute with a label for each dimension of a dataset, as HDF5's library of dimension scales
 * (H5DS) defines it. */
#define KM_H5_DIMENSION_LABELS "DIMENSION_LABELS"

/* km_h5_create_in_memory makes a new file in memory; negative on failure. km_h5_save writes it over
 * an existing file, with some spare bytes at the end. False, with errno set, on failure. */
hid_t km_h5_create_in_memory(void);
bool km_h5_save(hid_t file, const char *path);

/* Opens a saved file, to add datasets whose rows follow later; negative on failure. */
hid_t km_h5_open_to_add(const char *path);

/* km_h5_declare creates a one-dimensional dataset of `count` values in a file in memory, with a
 * label of its dimension. Once the file is saved and opened to add, km_h5_reserve allocates the
 * space of such a dataset, whose values are written later, and returns its offset in the file, for
 * plain writes; negative on failure. */
bool km_h5_declare(hid_t file, const char *name, const char *dimension, hid_t type, int64_t count);
int64_t km_h5_reserve(hid_t file, const char *name);

/* Adds a one-dimensional dataset, and writes some of its rows, on this rank alone; for values that
 * HDF5 must lay out itself. Negative, or false, on failure. */
hid_t km_h5_add_rows(hid_t file, const char *name, const char *dimension, hid_t type,
                     int64_t count);
bool km_h5_write_rows(hid_t dataset, hid_t type, km_rows rows, const void *values);

/* ---- datasets whose bytes are written later ------------------------------------------------- */

/* Local; functions that return false or a negative number have noted why. */

/* HDF5 can't close a file that was opened to add if the disk has no space, and crashes later. So
 * after a failure the file is abandoned: what HDF5 still writes goes to memory. Closing does that
 * itself if is_good is false or something can't be written. */
void km_h5_abandon(hid_t file);
/* Writes what HDF5 still holds, if the disk has the space of the whole file. */
bool km_h5_flush_added(hid_t file);
bool km_h5_close_added(hid_t file, bool is_good);

/* A dataset of one dimension, or of two. */
typedef struct km_h5_storage {
    hid_t type;
    int64_t n_rows, n_columns; /* n_columns 0: one dimension */
    int64_t chunk_rows;        /* whole rows; 0: contiguous */
    int compress;              /* level of deflate, after shuffle, of chunks; 0: none */
} km_h5_storage;

/* Adds the dataset, and the groups on its path. The caller closes it. */
hid_t km_h5_add_storage(hid_t file, const char *path, const km_h5_storage *storage);

/* Where the bytes of a dataset without compression begin in the file, of each chunk or of all. */
bool km_h5_find_storage(hid_t dataset, const km_h5_storage *storage, int64_t *offsets);

/* Adds a compressed chunk; and finds where one is, and its size. */
bool km_h5_add_chunk(hid_t dataset, int64_t first_row, const void *bytes, int64_t size);
int64_t km_h5_find_chunk(hid_t dataset, int64_t first_row, int64_t *size);

/* Compresses a chunk of `total` values of `size` bytes as HDF5's filters do, by any thread; those
 * after the first `count` are zeros. `shuffled` has place for the values, `packed` for
 * km_h5_packed_bound(total * size) bytes. Returns how many there are; -1 without memory. */
int64_t km_h5_pack(const void *values, int64_t count, int64_t total, int64_t size, int compress,
                   void *shuffled, void *packed);
int64_t km_h5_packed_bound(int64_t size);

/* ---- reading back --------------------------------------------------------------------------- */

/* Rows of a result are read back in pieces of this size. */
enum { KM_H5_PIECE_BYTES = 4 << 20 };

/* Reads rows of a one-dimensional dataset in the type of the file. False, with the reason noted, on
 * failure. */
bool km_h5_reread_rows(hid_t dataset, hid_t type, km_rows rows, void *values);

#endif
