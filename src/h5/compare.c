/* Reads back what was written, and compares it. */
#include "h5/h5.h"

#include <stdlib.h>
#include <string.h>

static bool compare_group(hid_t file, const char *name)
{
    return H5Lexists(file, name, H5P_DEFAULT) > 0;
}

static bool are_expected_texts(char *const *read, const char *const *expected, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (read[i] == NULL || strcmp(read[i], expected[i]) != 0)
            return false;
    return true;
}

/* Compares values that were read with those expected; texts by their characters. */
static bool are_expected(hid_t type, hid_t space, const void *read, const void *expected)
{
    const int64_t count = H5Sget_simple_extent_npoints(space);
    if (H5Tis_variable_str(type) > 0)
        return are_expected_texts(read, expected, count);
    return memcmp(read, expected, (size_t)count * H5Tget_size(type)) == 0;
}

static void *allocate_values(hid_t type, hid_t space, int64_t expected_count)
{
    const size_t size = H5Tget_size(type); /* 0: HDF5 failed */
    if (space < 0 || size == 0 || H5Sget_simple_extent_npoints(space) != expected_count)
        return NULL;
    return calloc((size_t)expected_count + 1, size);
}

static void free_values(hid_t type, hid_t space, void *values)
{
    if (values != NULL && H5Tis_variable_str(type) > 0)
        km_h5_free_texts(type, space, values);
    free(values);
    if (space >= 0)
        H5Sclose(space);
}

static bool compare_attribute_values(hid_t object, const char *name, hid_t type, int64_t count,
                                     const void *expected)
{
    const hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    if (attribute < 0)
        return false;
    const hid_t space = H5Aget_space(attribute);
    void *read = allocate_values(type, space, count);
    const bool is_same = read != NULL && H5Aread(attribute, type, read) >= 0 &&
                         are_expected(type, space, read, expected);
    free_values(type, space, read);
    H5Aclose(attribute);
    return is_same;
}

static bool compare_attribute(hid_t object, const char *name, hid_t type, const void *value)
{
    return compare_attribute_values(object, name, type, 1, value);
}

static bool compare_texts(hid_t object, const char *name, const char *const *texts, int64_t count)
{
    const hid_t type = km_h5_text_type();
    const bool is_same = compare_attribute_values(object, name, type, count, texts);
    H5Tclose(type);
    return is_same;
}

static bool compare_array(hid_t file, const char *name, hid_t type, int n_dimensions,
                          const hsize_t *shape, const void *values)
{
    const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0)
        return false;
    const hid_t space = H5Dget_space(dataset);
    int64_t count = 1;
    for (int i = 0; i < n_dimensions; i++)
        count *= (int64_t)shape[i];
    void *read = allocate_values(type, space, count);
    const bool is_same = read != NULL &&
                         H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, read) >= 0 &&
                         are_expected(type, space, read, values);
    free_values(type, space, read);
    H5Dclose(dataset);
    return is_same;
}

const km_h5_verbs km_h5_compare = {compare_group, compare_attribute, compare_texts, compare_array};
