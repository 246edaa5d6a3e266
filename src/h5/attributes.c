/* Attributes. Their types are those that the writer of the file chose. */
#include "h5/h5.h"

#include <string.h>

/* Copies a text of fixed length, which need not end with a zero byte. */
static void read_fixed_text(hid_t attribute, hid_t type, char *text, size_t size)
{
    char buffer[1024] = "";
    const size_t stored = H5Tget_size(type); /* 0: HDF5 failed */
    if (stored == 0 || stored >= sizeof buffer || H5Aread(attribute, type, buffer) < 0)
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

/* Reads an enumeration, as truth values are stored, as the integers that store it. */
static bool read_enumeration(hid_t attribute, hid_t type, size_t count, long double *values)
{
    const hid_t base = H5Tget_super(type);
    const bool is_read =
        H5Aread(attribute, type, values) >= 0 &&
        H5Tconvert(base, H5T_NATIVE_LDOUBLE, count, values, NULL, H5P_DEFAULT) >= 0;
    H5Tclose(base);
    return is_read;
}

int km_h5_read_numbers(hid_t object, const char *name, int max_count, long double *values)
{
    if (H5Aexists(object, name) <= 0)
        return 0;
    const hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    if (attribute < 0)
        return 0;
    const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    const H5T_class_t class = H5Tget_class(type);
    const int64_t count = H5Sget_simple_extent_npoints(space);
    const bool is_number = class == H5T_INTEGER || class == H5T_FLOAT;
    const bool is_truth = class == H5T_ENUM && H5Tget_size(type) <= sizeof *values;
    const bool is_short = count > 0 && count <= max_count;
    const bool is_read =
        is_short && ((is_number && H5Aread(attribute, H5T_NATIVE_LDOUBLE, values) >= 0) ||
                     (is_truth && read_enumeration(attribute, type, (size_t)count, values)));
    const bool is_too_long = (is_number || is_truth) && count > max_count;
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
    return is_read ? (int)count : is_too_long ? -1 : 0;
}

bool km_h5_read_number(hid_t object, const char *name, double *value)
{
    if (H5Aexists(object, name) <= 0)
        return false;
    const hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    if (attribute < 0)
        return false;
    const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    const H5T_class_t class = H5Tget_class(type);
    const bool is_read = (class == H5T_INTEGER || class == H5T_FLOAT) &&
                         H5Sget_simple_extent_npoints(space) == 1 &&
                         H5Aread(attribute, H5T_NATIVE_DOUBLE, value) >= 0;
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
    return is_read;
}
