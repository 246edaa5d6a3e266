/* Groups, attributes and small arrays, written by one rank. */
#include "h5/h5.h"

#include <stdlib.h>

hid_t km_h5_text_type(void)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

hid_t km_h5_fixed_text_type(size_t size, bool is_ascii)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, is_ascii ? H5T_CSET_ASCII : H5T_CSET_UTF8);
    return type;
}

static bool write_group(hid_t file, const char *name)
{
    const hid_t group = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    return km_h5_note(group) && km_h5_note(H5Gclose(group));
}

static bool write_to_attribute(hid_t object, const char *name, hid_t type, hid_t space,
                               const void *values)
{
    const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    const bool is_written = km_h5_note(attribute) && km_h5_note(H5Awrite(attribute, type, values));
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Sclose(space);
    return is_written;
}

static bool write_attribute(hid_t object, const char *name, hid_t type, const void *value)
{
    return write_to_attribute(object, name, type, H5Screate(H5S_SCALAR), value);
}

static bool write_texts(hid_t object, const char *name, const char *const *texts, int64_t count)
{
    const hsize_t shape[1] = {(hsize_t)count};
    const hid_t type = km_h5_text_type();
    const bool is_written =
        write_to_attribute(object, name, type, H5Screate_simple(1, shape, NULL), texts);
    H5Tclose(type);
    return is_written;
}

static bool write_array(hid_t file, const char *name, hid_t type, int n_dimensions,
                        const hsize_t *shape, const void *values)
{
    const hid_t space = H5Screate_simple(n_dimensions, shape, NULL);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    /* The header that keeps this order also lets an attribute be larger than 64 KiB. */
    H5Pset_attr_creation_order(creation, H5P_CRT_ORDER_TRACKED);
    H5Pset_obj_track_times(creation, false); /* the same bytes at any time */
    const hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    const bool is_written =
        km_h5_note(dataset) &&
        km_h5_note(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
    if (dataset >= 0)
        H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(space);
    return is_written;
}

const km_h5_verbs km_h5_write = {write_group, write_attribute, write_texts, write_array};

/* HDF5 stores labels in a heap, so they are written with the other contents while the file is in
 * memory, where the disk can't be full. */
bool km_h5_declare(hid_t file, const char *name, const char *dimension, hid_t type, int64_t count)
{
    const hsize_t shape[1] = {(hsize_t)count};
    const hid_t space = H5Screate_simple(1, shape, NULL);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_alloc_time(creation, H5D_ALLOC_TIME_LATE);
    H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
    const hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    const bool is_declared =
        km_h5_note(dataset) && write_texts(dataset, KM_H5_DIMENSION_LABELS, &dimension, 1);
    if (dataset >= 0)
        H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(space);
    return is_declared;
}

/* Writes the first value, which makes HDF5 allocate the space of all. */
static bool write_first(hid_t dataset, hid_t type, hid_t space)
{
    const hsize_t first[1] = {0}, one[1] = {1};
    const hid_t in_memory = H5Screate_simple(1, one, NULL);
    const size_t size = H5Tget_size(type); /* 0: HDF5 failed */
    void *zero = size > 0 ? calloc(1, size) : NULL;
    H5Sselect_hyperslab(space, H5S_SELECT_SET, first, NULL, one, NULL);
    const bool is_written =
        zero != NULL && km_h5_note(H5Dwrite(dataset, type, in_memory, space, H5P_DEFAULT, zero));
    free(zero);
    H5Sclose(in_memory);
    return is_written;
}

int64_t km_h5_reserve(hid_t file, const char *name)
{
    int64_t offset = -1;
    const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (!km_h5_note(dataset))
        return -1;
    const hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    if (H5Sget_simple_extent_npoints(space) == 0)
        offset = 0; /* nothing will be written */
    else if (write_first(dataset, type, space))
        offset = (int64_t)H5Dget_offset(dataset); /* an undefined address is all ones */
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(dataset);
    return offset;
}
