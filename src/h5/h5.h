/* h5.h - the leaf that knows HDF5: files, arrays read in slabs, datasets written and read
 * back, a file that appears whole or not at all. It does not know what is stored.
 *
 * Functions that take a communicator are collective over it, but leave it to their caller to agree
 * on errors. All others are local, also those on files that several ranks have open. */
#ifndef SKYMEANS_H5_H
#define SKYMEANS_H5_H

#include "base/error.h"
#include "base/partition.h"
#include "base/precision.h"
#include "comm/comm.h"

#include <hdf5.h>

/* Silences HDF5's own error printing; once per process. */
void km_h5_start(void);

/* Notes why an HDF5 call failed, if its status or handle is negative: to be called at once, since
 * the next call makes HDF5 forget. Returns whether it succeeded. */
bool km_h5_note(int64_t status);

/* Why the last failure happened that was noted on this rank: the description at the bottom of
 * HDF5's error stack; and whose fault it was: KM_SYSTEM (reading, MPI), KM_MEMORY, or else
 * KM_DATA. */
const char *km_h5_reason(void);
km_code km_h5_code(void);

/* How this rank opens files, to be closed: plain ones, without locks, which Lustre and NFS often
 * lack. */
hid_t km_h5_local_access(void);

/* ---- reading -------------------------------------------------------------------------------- */

/* What a file is by its first bytes, for people: "a FITS file". */
const char *km_h5_identify(const char *path);

/* Opens a file for reading, on this rank alone (comm = MPI_COMM_NULL) or together. KM_SYSTEM if it
 * isn't there or can't be read, KM_DATA if it is not a whole HDF5 file. Close with H5Fclose. */
km_code km_h5_open(const char *path, MPI_Comm comm, hid_t *file, km_error *error);

/* A one- or two-dimensional dataset, open for reading rows of its elements as they are in the
 * file. */
enum { KM_H5_MAX_FILTERS = 8 };
typedef struct km_h5_array {
    hid_t dataset, type; /* of an element in the file */
    int64_t element_bytes;
    int n_dimensions;
    int64_t n_rows, n_columns;         /* one column if it has one dimension */
    int64_t chunk_rows, chunk_columns; /* 0 if it is not chunked */
    bool is_contiguous;
    bool is_elsewhere; /* virtual, or in files that are no HDF5: not for files open on several ranks
                        */
    bool has_filters, is_decodable; /* is_decodable: by km_h5_read_chunks */
    int n_filters;
    H5Z_filter_t filters[KM_H5_MAX_FILTERS]; /* in the order in which they were applied */
} km_h5_array;

/* The filter with this number, from 0, of those that a dataset is created with: its registered
 * name, or that in the file. Negative if HDF5 can't say. */
H5Z_filter_t km_h5_name_filter(hid_t creation, int number, char *text, size_t size);

/* Opens the dataset `name` of a file. KM_DATA if it is not such a dataset, or some of its values
 * were never written and nothing stands for them. Local. */
km_code km_h5_open_array(hid_t file, const char *name, km_h5_array *array, km_error *error);
void km_h5_close_array(km_h5_array *array);

/* A file from which a dataset takes values; of plain bytes, or HDF5. An error ends the visit. */
typedef km_code (*km_h5_visitor)(void *context, const char *path, bool is_plain, km_error *error);

/* If an array of this file, open on this rank alone, is virtual: are the files there that it takes
 * its values from? KM_SYSTEM, or KM_DATA, naming the first that is missing or damaged. And the
 * visitor is asked about each of them, and those of external storage, before it is opened here. */
km_code km_h5_check_virtual(const km_h5_array *array, const char *file, const char *name,
                            km_h5_visitor visitor, void *context, km_error *error);

/* Opens it anew, so that HDF5 keeps the chunks of some rows that it has decoded, or a few others;
 * and how many bytes of them, 0: none. */
int64_t km_h5_kept_bytes(const km_h5_array *array);
void km_h5_keep_chunks(km_h5_array *array, hid_t file, const char *name);

/* Reads columns [first_column, first_column + n_columns) of some rows, row after row, as elements
 * of `type`, which is that of the array or, if its elements are compounds, one of fewer members.
 * KM_DATA if the data are damaged or a filter is missing, KM_SYSTEM if reading failed. Local, also
 * where the file is open on several ranks. */
km_code km_h5_read_rows(const km_h5_array *array, km_rows rows, int64_t first_column,
                        int64_t n_columns, hid_t type, void *elements, km_error *error);

/* The same, with room for `row_elements` elements from one row in memory to the next. */
km_code km_h5_read_block(const km_h5_array *array, km_rows rows, km_rows columns, hid_t type,
                         int64_t row_elements, void *elements, km_error *error);

/* Where the values of an array that is open in this file begin in it, one after the other; negative
 * if only HDF5 can read them. And a descriptor of the file to read them by, without HDF5, by any
 * thread; negative if there is none. Then the same as km_h5_read_block with the array's own type;
 * false if it can't be done, and HDF5 may say why. */
int64_t km_h5_find_values(const km_h5_array *array, hid_t file);
int km_h5_open_plain(hid_t file);
bool km_h5_read_plain(int descriptor, int64_t address, const km_h5_array *array, km_rows rows,
                      km_rows columns, int64_t row_elements, void *elements);

/* Compressed chunks that were read and wait for being decoded; a thread's own. */
typedef struct km_h5_chunks km_h5_chunks;
km_h5_chunks *km_h5_chunks_create(km_error *error);
void km_h5_chunks_free(km_h5_chunks *chunks);

/* Reads the chunks that hold these rows and columns of an array that is_decodable, as elements of
 * its type, with room for `row_elements` from one row to the next. Then they are decoded, while
 * other threads may use HDF5; if that returns false, HDF5 has to read at last what went wrong. Only
 * then the elements are complete, and until then the arrays and the memory for their elements must
 * stay. KM_DATA if a chunk is damaged; `wrong` is then its array. Local. */
km_code km_h5_read_chunks(km_h5_chunks *chunks, const km_h5_array *array, km_rows rows,
                          km_rows columns, int64_t row_elements, void *elements, km_error *error);
bool km_h5_decode_chunks(km_h5_chunks *chunks);
km_code km_h5_end_chunks(km_h5_chunks *chunks, const km_h5_array **wrong, km_error *error);

/* Bytes that it takes to decode a chunk of this array. */
int64_t km_h5_decoding_bytes(const km_h5_array *array);

/* How numbers lie in a file. Odd ones, of other lengths or layouts than C has, must be converted by
 * HDF5. Enumerations and bit fields are the whole numbers that they are stored as. */
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

/* The type in memory of elements that hold only this member of a compound, inner ones after
 * slashes; of other elements the whole if `member` is empty. `leaf` makes the type of the member of
 * that in the file. The caller closes it; negative if there is no such member. */
hid_t km_h5_type_of_member(hid_t type, const char *member, hid_t (*leaf)(hid_t));

/* The type that H5Tencode wrote to some bytes; the caller closes it. */
hid_t km_h5_decode_type(const void *bytes, size_t size);

/* Is an element of this type, in the file, a number that has the bits of the working precision? */
bool km_h5_is_native(hid_t type, km_precision precision);

/* Converts numbers of this type, beside each other, in place to the working precision; the room is
 * that of `count` values of km_h5_value_size bytes. KM_DATA if HDF5 can't. */
km_code km_h5_convert(hid_t type, km_precision precision, int64_t count, void *values,
                      km_error *error);

/* Bytes that a number of this type needs on its way from the file to the working precision. */
size_t km_h5_value_size(hid_t type, km_precision precision);

/* A text attribute of an object, cut to `size`; empty if there is none, or it is not text. */
void km_h5_read_text(hid_t object, const char *name, char *text, size_t size);

/* The same, of any length, in a new text, which the caller frees; NULL if there is none. */
char *km_h5_read_long_text(hid_t object, const char *name, km_error *error);

/* The elements of a dataset of texts of fixed length, or of whole numbers, as texts in an array
 * [*count][*size], which the caller frees; NULL if there is none, and only KM_MEMORY is an
 * error. */
char *km_h5_read_texts(hid_t parent, const char *name, int64_t *count, size_t *size,
                       km_error *error);

/* An attribute that is a list of `count` texts: to `texts` [count][size]; false if there is no such
 * list, or a text is longer. */
bool km_h5_read_text_list(hid_t object, const char *name, int64_t count, size_t size, char *texts);

/* The numbers of a numeric attribute, to `values` [most]. How many there are; 0 if there is no such
 * attribute, -1 if it has more. */
int km_h5_read_numbers(hid_t object, const char *name, int most, long double *values);

/* A numeric attribute; false if there is none, or it is not one number. */
bool km_h5_read_number(hid_t object, const char *name, double *value);

/* ---- writing, and comparing what was written
 * ----------------------------------------------------- By one rank. False, with HDF5's stack set,
 * if something can't be written, or is not the same. */

/* How the contents of a file are put down: written, or compared with what is there. */
typedef struct km_h5_verbs {
    bool (*group)(hid_t file, const char *name);
    bool (*attribute)(hid_t object, const char *name, hid_t type, const void *value);
    bool (*texts)(hid_t object, const char *name, const char *const *texts, int64_t count);
    bool (*array)(hid_t file, const char *name, hid_t type, int n_dimensions, const hsize_t *shape,
                  const void *values);
} km_h5_verbs;

extern const km_h5_verbs km_h5_write, km_h5_compare;

/* The type of texts in attributes: variable length, UTF-8; and in datasets: `size` bytes, padded
 * with zero bytes, since many readers stop at others there, and Octave also at UTF-8. The caller
 * closes them. */
hid_t km_h5_text_type(void);
hid_t km_h5_fixed_text_type(size_t size, bool is_ascii);

/* The attribute of a dataset with a label for each of its dimensions, as HDF5's library of
 * dimension scales (H5DS) keeps it. */
#define KM_H5_DIMENSION_LABELS "DIMENSION_LABELS"

/* A new file that is built in memory (negative on failure), and later saved over a file that
 * exists, with some room behind. False, with errno set, if it can't be saved. */
hid_t km_h5_create_in_memory(void);
bool km_h5_save(hid_t file, const char *path);

/* Opens a file that was saved, to add datasets of which the rows follow later; negative on
 * failure. */
hid_t km_h5_open_to_add(const char *path);

/* Declares a one-dimensional dataset of `count` values, in a file in memory; its dimension gets a
 * label. Once the file is saved and open to add, km_h5_reserve takes the space of such a dataset,
 * with its contents left for later: where they begin in the file, for plain writes; negative on
 * failure. */
bool km_h5_declare(hid_t file, const char *name, const char *dimension, hid_t type, int64_t count);
int64_t km_h5_reserve(hid_t file, const char *name);

/* Adds a one-dimensional dataset, and writes some of its rows, on this rank alone; for what HDF5
 * must lay out itself. Negative, or false, on failure. */
hid_t km_h5_add_rows(hid_t file, const char *name, const char *dimension, hid_t type,
                     int64_t count);
bool km_h5_write_rows(hid_t dataset, hid_t type, km_rows rows, const void *values);

/* Of rows of a result that are read back at once. */
enum { KM_H5_PIECE_BYTES = 4 << 20 };

/* Reads rows of a one-dimensional dataset; the type in memory is the type in the file. False, with
 * the reason noted, on failure. */
bool km_h5_reread_rows(hid_t dataset, hid_t type, km_rows rows, void *values);

#endif
