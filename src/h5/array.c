/* Arrays that are read in slabs, each rank by itself. A slab is contiguous, so ranks need nothing
 * from each other. Only independent reads are right for all storage: collective reads of HDF5
 * 1.10 ignore that a chunk's filter was skipped, and give other values where chunks were never
 * written. */
#include "base/error.h"
#include "base/fault.h"
#include "base/partition.h"
#include "elsewhere.h"
#include "h5/h5.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static km_code refuse_dataset(hid_t object, const char *name, const char *why, km_error *error)
{
    char file[1024] = "";
    H5Fget_name(object, file, sizeof file);
    return km_fail(error, KM_DATA, "can't read the dataset (%s, %s): %s; is it the right file?",
                   file, name, why);
}

static km_code read_shape(km_h5_array *array, const char *name, km_error *error)
{
    hsize_t shape[2] = {0, 1};
    const hid_t space = H5Dget_space(array->dataset);
    array->n_dimensions = H5Sget_simple_extent_ndims(space);
    if (array->n_dimensions == 1 || array->n_dimensions == 2)
        H5Sget_simple_extent_dims(space, shape, NULL);
    else
        refuse_dataset(array->dataset, name, "it has neither one nor two dimensions", error);
    H5Sclose(space);
    array->n_rows = (int64_t)shape[0];
    array->n_columns = (int64_t)shape[1];
    if (array->n_rows < 0 || array->n_columns < 0)
        refuse_dataset(array->dataset, name, "its size is beyond 2^63", error);
    return error->code;
}

/* ---- storage -------------------------------------------------------------------------------- */

static void read_filters(km_h5_array *array, hid_t creation)
{
    const int n = H5Pget_nfilters(creation);
    unsigned options = 0;
    H5Pget_chunk_opts(creation, &options);
    array->has_filters = n > 0;
    array->is_decodable = n >= 0 && n <= KM_H5_MAX_FILTERS && options == 0;
    for (int i = 0; i < n && i < KM_H5_MAX_FILTERS; i++) {
        unsigned flags, values[1];
        size_t n_values = 1;
        const H5Z_filter_t filter =
            H5Pget_filter2(creation, (unsigned)i, &flags, &n_values, values, 0, NULL, NULL);
        array->filters[array->n_filters++] = filter;
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE &&
            filter != H5Z_FILTER_FLETCHER32)
            array->is_decodable = false;
    }
}

/* Has every value been written, as far as the storage tells? */
static bool is_all_written(const km_h5_array *array)
{
    hsize_t n_chunks = 0;
    int64_t expected;
    if (array->chunk_rows == 0)
        return H5Dget_storage_size(array->dataset) > 0;
    const int64_t down = (array->n_rows + array->chunk_rows - 1) / array->chunk_rows;
    const int64_t across = (array->n_columns + array->chunk_columns - 1) / array->chunk_columns;
    if (__builtin_mul_overflow(down, across, &expected))
        expected = 0;
    const hid_t space = H5Dget_space(array->dataset);
    const bool is_counted = H5Dget_num_chunks(array->dataset, space, &n_chunks) >= 0;
    H5Sclose(space);
    return is_counted && (int64_t)n_chunks == expected;
}

/* HDF5 gives the fill value where a value was never written. If there is none, or the file says
 * that none is to be written, HDF5 gives whatever is in memory, so such a dataset is refused. */
static void check_written(const km_h5_array *array, hid_t creation, const char *name,
                          km_error *error)
{
    H5D_fill_time_t time = H5D_FILL_TIME_IFSET;
    H5D_fill_value_t defined = H5D_FILL_VALUE_DEFAULT;
    H5Pget_fill_time(creation, &time);
    H5Pfill_value_defined(creation, &defined);
    if ((time == H5D_FILL_TIME_NEVER || defined == H5D_FILL_VALUE_UNDEFINED) && array->n_rows > 0 &&
        array->n_columns > 0 && !array->is_elsewhere && !is_all_written(array))
        refuse_dataset(
            array->dataset, name,
            "some of its values were never written, and it says that nothing stands for them "
            "(fill time 'never'), so that HDF5 would give what happens to be in memory; write "
            "them, or take other columns",
            error);
}

static void read_storage(km_h5_array *array, const char *name, km_error *error)
{
    hsize_t chunk[2] = {1, 1};
    const hid_t creation = H5Dget_create_plist(array->dataset);
    const H5D_layout_t layout = H5Pget_layout(creation);
    array->is_contiguous = layout == H5D_CONTIGUOUS;
    array->is_external = H5Pget_external_count(creation) > 0;
    array->is_elsewhere = layout == H5D_VIRTUAL || array->is_external;
    if (layout == H5D_CHUNKED) {
        H5Pget_chunk(creation, 2, chunk);
        array->chunk_rows = (int64_t)chunk[0];
        array->chunk_columns = array->n_dimensions == 2 ? (int64_t)chunk[1] : 1;
        read_filters(array, creation);
    }
    check_written(array, creation, name, error);
    H5Pclose(creation);
}

km_code km_h5_open_array(hid_t file, const char *name, km_h5_array *array, km_error *error)
{
    *array = (km_h5_array){.type = H5I_INVALID_HID};
    array->dataset = km_open_external(file, name);
    if (km_h5_note(array->dataset))
        array->type = H5Dget_type(array->dataset);
    if (km_h5_note(array->type))
        array->element_bytes = (int64_t)H5Tget_size(array->type);
    if (array->element_bytes == 0 || km_fault("open a dataset")) {
        refuse_dataset(file, name, km_h5_reason(), error);
    } else {
        if (read_shape(array, name, error) == KM_OK)
            read_storage(array, name, error);
    }
    if (error->code != KM_OK)
        km_h5_close_array(array);
    return error->code;
}

/* At least two chunks: if the cache has space for one only, HDF5 1.10 keeps every copy of it that
 * it ever made, until the dataset is closed. */
int64_t km_h5_cache_bytes(const km_h5_array *array)
{
    enum { MAX_PLAIN = 1 << 20 }; /* larger chunks are not cached, but read in parts */
    const int64_t chunk = array->chunk_rows * array->chunk_columns * array->element_bytes;
    if (array->has_filters) {
        const int64_t n_bands = array->n_rows > array->chunk_rows ? 2 : 1;
        const double across = ceil((double)array->n_columns / (double)array->chunk_columns);
        return (int64_t)fmin((double)(n_bands * chunk) * across, 0x1p62);
    }
    return array->is_contiguous || chunk > MAX_PLAIN ? 0 : 2 * MAX_PLAIN;
}

void km_h5_cache_chunks(km_h5_array *array, hid_t file, const char *name)
{
    const int64_t bytes = km_h5_cache_bytes(array);
    if (bytes == 0)
        return;
    const hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    H5Pset_chunk_cache(access, H5D_CHUNK_CACHE_NSLOTS_DEFAULT, (size_t)bytes, 1);
    H5Dclose(array->dataset); /* an open dataset keeps its cache */
    array->dataset = H5Dopen2(file, name, access);
    H5Pclose(access);
}

void km_h5_close_array(km_h5_array *array)
{
    if (array->dataset >= 0)
        H5Dclose(array->dataset);
    if (array->type >= 0)
        H5Tclose(array->type);
    if (array->alone > 0)
        H5Dclose(array->alone);
    array->dataset = array->type = array->alone = H5I_INVALID_HID;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Fails if a filter of the array is not available, which is then why reading failed. */
static km_code check_filters(const km_h5_array *array, km_error *error)
{
    const hid_t creation = H5Dget_create_plist(array->dataset);
    const int n = H5Pget_nfilters(creation);
    for (int i = 0; i < n && error->code == KM_OK; i++) {
        char name[64];
        const H5Z_filter_t filter = km_h5_name_filter(creation, i, name, sizeof name);
        if (filter >= 0 && H5Zfilter_avail(filter) <= 0)
            km_fail(error, KM_DATA,
                    "it is compressed by %s (filter %d), for which HDF5 finds no plugin; set "
                    "HDF5_PLUGIN_PATH to its folder, or repack the file with h5repack -f GZIP=1 "
                    "on a machine that has the plugin",
                    name, (int)filter);
    }
    H5Pclose(creation);
    return error->code;
}

static km_code explain_unread(const km_h5_array *array, km_error *error)
{
    const km_code code = km_h5_code();
    char why[256];
    snprintf(why, sizeof why, "%s", km_h5_reason());
    if (!array->has_filters || check_filters(array, error) == KM_OK)
        km_fail(error, code, "%s", why);
    return error->code;
}

km_code km_h5_read_block(const km_h5_array *array, km_rows rows, km_rows columns, hid_t type,
                         int64_t row_elements, void *elements, km_error *error)
{
    const hsize_t start[2] = {(hsize_t)rows.first, (hsize_t)columns.first};
    const hsize_t count[2] = {(hsize_t)rows.count, (hsize_t)columns.count};
    const hsize_t in_rows[2] = {(hsize_t)rows.count, (hsize_t)row_elements};
    static const hsize_t origin[2] = {0, 0};
    if (rows.count == 0 || columns.count == 0)
        return error->code;
    const hid_t in_memory =
        H5Screate_simple(array->n_dimensions, array->n_dimensions == 2 ? in_rows : count, NULL);
    const hid_t in_file = H5Dget_space(array->dataset);
    H5Sselect_hyperslab(in_memory, H5S_SELECT_SET, origin, NULL, count, NULL);
    H5Sselect_hyperslab(in_file, H5S_SELECT_SET, start, NULL, count, NULL);
    const hid_t dataset = array->alone > 0 ? array->alone : array->dataset;
    const bool is_read =
        km_h5_note(H5Dread(dataset, type, in_memory, in_file, H5P_DEFAULT, elements));
    H5Sclose(in_file);
    H5Sclose(in_memory);
    if (!is_read || km_fault("read a piece"))
        explain_unread(array, error);
    return error->code;
}

km_code km_h5_read_rows(const km_h5_array *array, km_rows rows, int64_t first_column,
                        int64_t n_columns, hid_t type, void *elements, km_error *error)
{
    return km_h5_read_block(array, rows, (km_rows){first_column, n_columns}, type, n_columns,
                            elements, error);
}

hid_t km_h5_type_of_member(hid_t type, const char *member, hid_t (*leaf)(hid_t))
{
    hid_t made = H5I_INVALID_HID;
    if (member[0] == '\0')
        return leaf(type);
    const int n = H5Tget_class(type) == H5T_COMPOUND ? H5Tget_nmembers(type) : 0;
    for (int i = 0; i < n && made < 0; i++) {
        char *name = H5Tget_member_name(type, (unsigned)i);
        const size_t length = name != NULL ? strlen(name) : 0;
        const bool is_begin = name != NULL && strncmp(name, member, length) == 0;
        if (is_begin && (member[length] == '\0' || member[length] == '/')) {
            const hid_t outer = H5Tget_member_type(type, (unsigned)i);
            const hid_t inner =
                km_h5_type_of_member(outer, member + length + (member[length] == '/'), leaf);
            if (inner >= 0) {
                made = H5Tcreate(H5T_COMPOUND, H5Tget_size(inner));
                H5Tinsert(made, name, 0, inner);
                H5Tclose(inner);
            }
            H5Tclose(outer);
        }
        H5free_memory(name);
    }
    return made;
}

hid_t km_h5_decode_type(const void *bytes, size_t size)
{
#if H5_VERSION_GE(2, 0, 0)
    return H5Tdecode2(bytes, size);
#else
    (void)size;
    return H5Tdecode(bytes);
#endif
}
