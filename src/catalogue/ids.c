/* Ids of rows: copied as they are in the files, whatever they are. */
#include "opened.h"

#include <stdlib.h>
#include <string.h>

void km_ids_free(km_ids *ids)
{
    if (ids->type >= 0)
        H5Tclose(ids->type);
    free(ids->bytes);
    *ids = (km_ids){.type = H5I_INVALID_HID};
}

void km_ids_note(km_catalogue *catalogue, int64_t file, const km_opened_file *opened,
                 km_error *error)
{
    const hid_t type = opened->values[opened->n_columns - 1].type;
    const int64_t size = (int64_t)H5Tget_size(type);
    catalogue->ids_size = size > catalogue->ids_size ? size : catalogue->ids_size;
    if (catalogue->ids_type_size > 0)
        return;
    catalogue->ids_file = file;
    catalogue->ids_type_size = sizeof catalogue->ids_type;
    if (H5Tencode(type, catalogue->ids_type, &catalogue->ids_type_size) < 0 ||
        catalogue->ids_type_size > sizeof catalogue->ids_type)
        km_fail(
            error, KM_DATA,
            "ids of an unknown type (%s, column %s): they are neither numbers nor texts; choose "
            "another column with --id",
            opened->path, km_catalogue_ids(catalogue)->name);
}

/* Texts of fixed length are as long as the longest of all files. */
km_code km_ids_create(km_ids *ids, const km_catalogue *catalogue, int64_t n_rows, km_error *error)
{
    *ids = (km_ids){.type = km_h5_decode_type(catalogue->ids_type, sizeof catalogue->ids_type)};
    ids->is_variable = H5Tis_variable_str(ids->type) > 0;
    ids->size = H5Tget_size(ids->type);
    ids->pad = H5Tget_strpad(ids->type) == H5T_STR_SPACEPAD ? ' ' : 0;
    if (H5Tget_class(ids->type) == H5T_STRING && !ids->is_variable) {
        ids->size = (size_t)catalogue->ids_size;
        H5Tset_size(ids->type, ids->size);
    }
    if (ids->is_variable)
        return KM_OK;
    ids->bytes = km_allocate(n_rows, ids->size, "ids of rows", error);
    ids->room = n_rows * (int64_t)ids->size;
    return error->code;
}

/* Is this the type of the ids, but for the length of texts? */
static bool fits(const km_ids *ids, hid_t type)
{
    if (H5Tget_class(type) != H5T_STRING || ids->is_variable)
        return H5Tequal(type, ids->type) > 0;
    return H5Tget_class(ids->type) == H5T_STRING && H5Tis_variable_str(type) <= 0 &&
           H5Tget_size(type) <= ids->size;
}

static void append_values(km_ids *ids, const km_field *field, const char *from, int64_t stride,
                          int64_t count)
{
    const bool is_padded = (size_t)field->size < ids->size;
    char *to = ids->bytes + ids->n_bytes;
    for (int64_t i = 0; i < count; i++, to += ids->size) {
        if (is_padded)
            memset(to, ids->pad, ids->size);
        memcpy(to, from + i * stride, (size_t)field->size);
    }
    ids->n_bytes += count * (int64_t)ids->size;
}

static bool make_room(km_ids *ids, int64_t n_bytes, km_error *error)
{
    if (ids->n_bytes + n_bytes <= ids->room)
        return true;
    const int64_t room = 2 * (ids->n_bytes + n_bytes);
    char *grown = km_fault_of_allocation() ? NULL : realloc(ids->bytes, (size_t)room);
    if (grown == NULL) {
        km_fail(error, KM_MEMORY, "out of memory (ids of rows): use more ranks, or no --id");
        return false;
    }
    ids->bytes = grown;
    ids->room = room;
    return true;
}

static void append_texts(km_ids *ids, const char *from, int64_t stride, int64_t count,
                         const char *file, km_error *error)
{
    for (int64_t i = 0; i < count; i++) {
        const char *text;
        memcpy(&text, from + i * stride, sizeof text);
        const size_t size = text != NULL ? strlen(text) + 1 : 1;
        if (size > KM_ID_SIZE)
            km_fail(error, KM_DATA,
                    "too long an id (%s): it has %zu characters, and %d are the most; choose "
                    "another column with --id",
                    file, size - 1, KM_ID_SIZE - 1);
        if (error->code != KM_OK || !make_room(ids, (int64_t)size, error))
            return;
        memcpy(ids->bytes + ids->n_bytes, text != NULL ? text : "", size);
        ids->n_bytes += (int64_t)size;
    }
}

km_code km_ids_check_type(const km_ids *ids, const km_field *field, const char *file,
                          km_error *error)
{
    if (!fits(ids, field->type))
        km_fail(error, KM_DATA,
                "ids of different types (%s): those of the first file are of another type; convert "
                "one of them, or leave out --id",
                file);
    return error->code;
}

void km_ids_append(km_ids *ids, const km_field *field, const char *first, int64_t stride,
                   int64_t count, const char *file, km_error *error)
{
    if (ids->is_variable)
        append_texts(ids, first, stride, count, file, error);
    else
        append_values(ids, field, first, stride, count);
}
