/* Numeric arrays read in slabs. Values are read in the type of the file and converted in memory:
 * a conversion inside H5Dread would silently turn a collective read into independent ones. */
#include "skymeans/h5.h"

#include <assert.h>
#include <string.h>

static km_code not_usable(const char *name, const char *why, km_error *error)
{
    return km_fail(error, KM_DATA, "can't read the dataset (%s): %s; choose another with -d or -c",
                   name, why);
}

static km_code find_shape(km_h5_array *array, const char *name, km_error *error)
{
    hsize_t shape[2] = {0, 1};
    const hid_t space = H5Dget_space(array->dataset);
    array->n_dimensions = H5Sget_simple_extent_ndims(space);
    if (array->n_dimensions == 1 || array->n_dimensions == 2)
        H5Sget_simple_extent_dims(space, shape, NULL);
    else
        not_usable(name, "it has neither one nor two dimensions", error);
    H5Sclose(space);
    array->n_rows = (int64_t)shape[0];
    array->n_columns = (int64_t)shape[1];
    if (array->n_rows < 0 || array->n_columns < 0)
        not_usable(name, "its size is beyond 2^63", error);
    return error->code;
}

static void find_chunks(km_h5_array *array)
{
    hsize_t chunk[2] = {1, 1};
    const hid_t creation = H5Dget_create_plist(array->dataset);
    if (H5Pget_layout(creation) == H5D_CHUNKED)
        H5Pget_chunk(creation, 2, chunk);
    H5Pclose(creation);
    array->chunk_rows = (int64_t)chunk[0];
}

km_code km_h5_open_array(hid_t file, const char *name, bool is_collective, km_h5_array *array,
                         km_error *error)
{
    *array = (km_h5_array){.type = H5I_INVALID_HID, .transfer = H5I_INVALID_HID};
    array->dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (array->dataset < 0)
        return not_usable(name, km_h5_reason(), error);
    array->type = H5Dget_type(array->dataset);
    array->transfer = H5Pcreate(H5P_DATASET_XFER);
    if (is_collective)
        H5Pset_dxpl_mpio(array->transfer, H5FD_MPIO_COLLECTIVE);
    const H5T_class_t class = H5Tget_class(array->type);
    const size_t size = H5Tget_size(array->type);
    array->value_size = size > sizeof(double) ? size : sizeof(double);
    if (class != H5T_INTEGER && class != H5T_FLOAT)
        not_usable(name, "it does not hold numbers", error);
    else if (find_shape(array, name, error) == KM_OK)
        find_chunks(array);
    if (error->code != KM_OK)
        km_h5_close_array(array);
    return error->code;
}

void km_h5_close_array(km_h5_array *array)
{
    if (array->dataset >= 0)
        H5Dclose(array->dataset);
    if (array->type >= 0)
        H5Tclose(array->type);
    if (array->transfer >= 0)
        H5Pclose(array->transfer);
    array->dataset = array->type = array->transfer = H5I_INVALID_HID;
}

/* In two steps, since HDF5 converts between native types much faster than across byte orders. */
static bool convert(hid_t type, km_precision precision, int64_t count, void *values)
{
    const hid_t wanted = precision == KM_FLOAT32 ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE;
    const hid_t native = H5Tget_native_type(type, H5T_DIR_ASCEND);
    const bool is_done = native >= 0 &&
                         H5Tconvert(type, native, (size_t)count, values, NULL, H5P_DEFAULT) >= 0 &&
                         H5Tconvert(native, wanted, (size_t)count, values, NULL, H5P_DEFAULT) >= 0;
    H5Tclose(native);
    return is_done;
}

km_code km_h5_read_rows(const km_h5_array *array, km_rows rows, int64_t first_column,
                        int64_t n_columns, km_precision precision, void *values, km_error *error)
{
    const hsize_t start[2] = {(hsize_t)rows.first, (hsize_t)first_column};
    const hsize_t count[2] = {(hsize_t)rows.count, (hsize_t)n_columns};
    const hid_t in_memory = H5Screate_simple(array->n_dimensions, count, NULL);
    const hid_t in_file = H5Dget_space(array->dataset);
    if (rows.count > 0) {
        H5Sselect_hyperslab(in_file, H5S_SELECT_SET, start, NULL, count, NULL);
    } else {
        H5Sselect_none(in_file);
        H5Sselect_none(in_memory);
    }
    const bool is_read =
        H5Dread(array->dataset, array->type, in_memory, in_file, array->transfer, values) >= 0;
    H5Sclose(in_file);
    H5Sclose(in_memory);
    if (!is_read || !convert(array->type, precision, rows.count * n_columns, values))
        km_fail(error, KM_DATA, "can't read rows %lld to %lld: %s", (long long)rows.first,
                (long long)(rows.first + rows.count - 1), km_h5_reason());
    return error->code;
}

bool km_h5_read_all(hid_t file, const char *name, hid_t type, void *values)
{
    const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    const bool is_read =
        dataset >= 0 && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
    if (dataset >= 0)
        H5Dclose(dataset);
    return is_read;
}

/* Copies a text of fixed length, which need not end with a zero byte. */
static void read_fixed_text(hid_t attribute, hid_t type, char *text, size_t size)
{
    char buffer[1024] = "";
    if (H5Tget_size(type) >= sizeof buffer || H5Aread(attribute, type, buffer) < 0)
        return;
    strncpy(text, buffer, size - 1);
}

static void read_variable_text(hid_t attribute, hid_t type, char *text, size_t size)
{
    char *read = NULL;
    if (H5Aread(attribute, type, &read) < 0 || read == NULL)
        return;
    strncpy(text, read, size - 1);
    H5free_memory(read);
}

void km_h5_read_text(hid_t object, const char *name, char *text, size_t size)
{
    memset(text, 0, size);
    if (H5Aexists(object, name) <= 0)
        return;
    const hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    if (attribute < 0)
        return;
    const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    if (H5Tget_class(type) == H5T_STRING && H5Sget_simple_extent_npoints(space) == 1) {
        if (H5Tis_variable_str(type) > 0)
            read_variable_text(attribute, type, text, size);
        else
            read_fixed_text(attribute, type, text, size);
    }
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
}
