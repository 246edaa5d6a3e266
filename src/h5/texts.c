/* Texts of any number and length. Their types are those that the writer of the file chose. */
#include "base/error.h"
#include "base/memory.h"
#include "h5/h5.h"

#include <stdio.h>
#include <stdlib.h>

void km_h5_free_texts(hid_t type, hid_t space, void *values)
{
#if H5_VERSION_GE(1, 12, 0)
    H5Treclaim(type, space, H5P_DEFAULT, values);
#else
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, values);
#endif
}

char *km_h5_read_long_text(hid_t object, const char *name, km_error *error)
{
    if (H5Aexists(object, name) <= 0)
        return NULL;
    const hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    if (attribute < 0)
        return NULL;
    const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    char *text = NULL, *read = NULL;
    if (H5Tget_class(type) == H5T_STRING && H5Sget_simple_extent_npoints(space) == 1) {
        if (H5Tis_variable_str(type) <= 0) {
            const size_t size = H5Tget_size(type); /* 0: HDF5 failed */
            text = km_allocate_zeroed((int64_t)size + 1, 1, "attribute", error);
            if (text != NULL && (size == 0 || H5Aread(attribute, type, text) < 0))
                text[0] = '\0';
        } else if (H5Aread(attribute, type, &read) >= 0 && read != NULL) {
            text = km_copy_text(read, "attribute", error);
            H5free_memory(read);
        }
    }
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
    return text;
}

/* Reads texts of fixed length, and ends each with a zero byte. */
static char *read_fixed_texts(hid_t dataset, hid_t type, int64_t count, size_t size,
                              km_error *error)
{
    char *texts = km_allocate_zeroed(count, size + 1, "texts", error);
    const hid_t wanted = H5Tcopy(type);
    H5Tset_size(wanted, size + 1);
    H5Tset_strpad(wanted, H5T_STR_NULLTERM);
    if (texts != NULL && H5Dread(dataset, wanted, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts) < 0) {
        free(texts);
        texts = NULL;
    }
    H5Tclose(wanted);
    return texts;
}

/* Reads integers as texts. */
static char *read_numbers_as_texts(hid_t dataset, int64_t count, size_t size, km_error *error)
{
    char *texts = km_allocate_zeroed(count, size, "texts", error);
    int64_t *numbers = km_allocate(count, sizeof *numbers, "texts", error);
    bool is_read = error->code == KM_OK &&
                   H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers) >= 0;
    for (int64_t i = 0; i < count && is_read; i++)
        snprintf(texts + (size_t)i * size, size, "%lld", (long long)numbers[i]);
    free(numbers);
    if (!is_read) {
        free(texts);
        texts = NULL;
    }
    return texts;
}

char *km_h5_read_texts(hid_t parent, const char *name, int64_t *count, size_t *size,
                       km_error *error)
{
    enum { MAX_TEXTS = 1 << 20, MAX_BYTES = 64 << 20, NUMBER_SIZE = 24 };
    char *texts = NULL;
    *count = 0;
    const hid_t dataset = H5Dopen2(parent, name, H5P_DEFAULT);
    if (dataset < 0)
        return NULL;
    const hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    const H5T_class_t class = H5Tget_class(type);
    const int64_t n = H5Sget_simple_extent_npoints(space);
    const size_t stored = H5Tget_size(type);
    if (n > 0 && n <= MAX_TEXTS && class == H5T_STRING && H5Tis_variable_str(type) <= 0 &&
        stored > 0 && stored < (size_t)(MAX_BYTES / n)) {
        texts = read_fixed_texts(dataset, type, n, stored, error);
        *size = stored + 1;
    } else if (n > 0 && n <= MAX_TEXTS && class == H5T_INTEGER) {
        texts = read_numbers_as_texts(dataset, n, NUMBER_SIZE, error);
        *size = NUMBER_SIZE;
    }
    *count = texts != NULL ? n : 0;
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(dataset);
    return texts;
}

int64_t km_h5_count_attribute(hid_t object, const char *name)
{
    const hid_t attribute =
        H5Aexists(object, name) > 0 ? H5Aopen(object, name, H5P_DEFAULT) : H5I_INVALID_HID;
    if (attribute < 0)
        return 0;
    const hid_t space = H5Aget_space(attribute);
    const hssize_t count = H5Sget_simple_extent_npoints(space);
    H5Sclose(space);
    H5Aclose(attribute);
    return count > 0 ? (int64_t)count : 0;
}

bool km_h5_read_text_list(hid_t object, const char *name, int64_t count, size_t size, char *texts)
{
    if (H5Aexists(object, name) <= 0)
        return false;
    const hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    if (attribute < 0)
        return false;
    const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    char **read = NULL;
    bool is_read = H5Tis_variable_str(type) > 0 && H5Sget_simple_extent_npoints(space) == count;
    if (is_read)
        read = calloc((size_t)count, sizeof *read);
    is_read = read != NULL && H5Aread(attribute, type, read) >= 0;
    const bool has_texts = is_read;
    for (int64_t i = 0; i < count && is_read; i++) {
        const char *text = read[i] != NULL ? read[i] : "";
        is_read = snprintf(texts + (size_t)i * size, size, "%s", text) < (int)size;
    }
    if (has_texts)
        km_h5_free_texts(type, space, read);
    free(read);
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
    return is_read;
}
