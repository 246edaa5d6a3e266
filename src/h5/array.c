/* Arrays read in slabs. Elements are read in the type of the file and converted in memory: a
 * conversion inside H5Dread would silently turn a collective read into independent ones. */
#include "skymeans/h5.h"

#include <stdio.h>
#include <string.h>

static km_code not_usable(hid_t object, const char *name, const char *why, km_error *error)
{
    char file[1024] = "";
    H5Fget_name(object, file, sizeof file);
    return km_fail(error, KM_DATA, "can't read the dataset (%s, %s): %s; is it the right file?",
                   file, name, why);
}

static km_code find_shape(km_h5_array *array, const char *name, km_error *error)
{
    hsize_t shape[2] = {0, 1};
    const hid_t space = H5Dget_space(array->dataset);
    array->n_dimensions = H5Sget_simple_extent_ndims(space);
    if (array->n_dimensions == 1 || array->n_dimensions == 2)
        H5Sget_simple_extent_dims(space, shape, NULL);
    else
        not_usable(array->dataset, name, "it has neither one nor two dimensions", error);
    H5Sclose(space);
    array->n_rows = (int64_t)shape[0];
    array->n_columns = (int64_t)shape[1];
    if (array->n_rows < 0 || array->n_columns < 0)
        not_usable(array->dataset, name, "its size is beyond 2^63", error);
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
    if (!km_h5_note(array->dataset) || km_fault("open a dataset")) {
        not_usable(file, name, km_h5_reason(), error);
    } else {
        array->type = H5Dget_type(array->dataset);
        array->transfer = H5Pcreate(H5P_DATASET_XFER);
        if (is_collective)
            H5Pset_dxpl_mpio(array->transfer, H5FD_MPIO_COLLECTIVE);
        if (find_shape(array, name, error) == KM_OK)
            find_chunks(array);
    }
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

km_code km_h5_read_rows(const km_h5_array *array, km_rows rows, int64_t first_column,
                        int64_t n_columns, hid_t type, void *elements, km_error *error)
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
        km_h5_note(H5Dread(array->dataset, type, in_memory, in_file, array->transfer, elements));
    H5Sclose(in_file);
    H5Sclose(in_memory);
    if (!is_read || km_fault("read a piece"))
        km_fail(error, km_h5_is_system_fault() ? KM_SYSTEM : KM_DATA, "%s", km_h5_reason());
    return error->code;
}

/* ---- how it was read ------------------------------------------------------------------------ */

bool km_h5_was_collective(const km_h5_array *array, char *why, size_t size)
{
    static const struct {
        uint32_t cause;
        const char *text;
    } causes[] = {
        {H5D_MPIO_DATATYPE_CONVERSION, "types are converted"},
        {H5D_MPIO_DATA_TRANSFORMS, "values are transformed"},
        {H5D_MPIO_NOT_SIMPLE_OR_SCALAR_DATASPACES, "a dataspace is not simple"},
        {H5D_MPIO_NOT_CONTIGUOUS_OR_CHUNKED_DATASET, "neither contiguous nor chunked"},
        {H5D_MPIO_MPI_OPT_TYPES_ENV_VAR_DISABLED, "an environment variable says so"},
    };
    uint32_t local = 0, global = 0;
    why[0] = '\0';
    H5Pget_mpio_no_collective_cause(array->transfer, &local, &global);
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if ((global & causes[i].cause) != 0)
            snprintf(why + strlen(why), size - strlen(why), "%s%s", why[0] != '\0' ? ", " : "",
                     causes[i].text);
    return (global & ~(uint32_t)H5D_MPIO_COLLECTIVE) == 0;
}

/* ---- numbers -------------------------------------------------------------------------------- */

static hid_t type_of(km_precision precision)
{
    return precision == KM_FLOAT32 ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE;
}

bool km_h5_is_native(hid_t type, km_precision precision)
{
    return H5Tequal(type, type_of(precision)) > 0;
}

/* Conversion goes through the native type, which may be larger than that in the file. */
size_t km_h5_value_size(hid_t type, km_precision precision)
{
    size_t most = km_precision_size(precision);
    const hid_t native = H5Tget_native_type(type, H5T_DIR_ASCEND);
    const size_t size = H5Tget_size(type), native_size = native >= 0 ? H5Tget_size(native) : 0;
    most = size > most ? size : most;
    if (native >= 0)
        H5Tclose(native);
    return native_size > most ? native_size : most;
}

/* In two steps, since HDF5 converts between native types much faster than across byte orders. */
km_code km_h5_convert(hid_t type, km_precision precision, int64_t count, void *values,
                      km_error *error)
{
    if (km_h5_is_native(type, precision))
        return KM_OK;
    const hid_t native = H5Tget_native_type(type, H5T_DIR_ASCEND);
    if (!km_h5_note(native) ||
        !km_h5_note(H5Tconvert(type, native, (size_t)count, values, NULL, H5P_DEFAULT)) ||
        !km_h5_note(
            H5Tconvert(native, type_of(precision), (size_t)count, values, NULL, H5P_DEFAULT)))
        km_fail(error, KM_DATA, "%s", km_h5_reason());
    if (native >= 0)
        H5Tclose(native);
    return error->code;
}
