/* Ids of rows. They are copied as they are in the file, whatever their type. */
#include "base/error.h"
#include "base/fault.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/partition.h"
#include "opened.h"

#include <stdlib.h>
#include <string.h>

void km_ids_free(km_ids *ids)
{
    if (ids->type >= 0)
        H5Tclose(ids->type);
    km_free_large(ids->bytes);
    *ids = (km_ids){.type = H5I_INVALID_HID};
}

/* The mean size of texts of any length, from some in the middle of the file. Only the memory to
 * allocate depends on it, so a failure to read is no error here. */
static int64_t mean_text_size(const km_opened_file *opened, const km_field *field)
{
    const km_source *source = &opened->sources[field->source];
    const int64_t usual = 32, n_rows = source->array.n_rows, n = n_rows < 256 ? n_rows : 256;
    const int64_t stride = source->n_columns * source->element_bytes;
    const hsize_t n_elements = (hsize_t)(n * source->n_columns);
    int64_t bytes = 0;
    km_error unread = {0};
    char *elements = source->is_transposed || n == 0 ? NULL : calloc((size_t)n, (size_t)stride);
    if (elements == NULL)
        return usual;
    km_h5_read_block(&source->array, (km_rows){(n_rows - n) / 2, n},
                     (km_rows){source->first_column, source->n_columns}, source->type,
                     source->n_columns, elements, &unread);
    const int64_t ahead =
        (field->column - source->first_column) * source->element_bytes + field->offset;
    for (int64_t i = 0; i < n && unread.code == KM_OK; i++) {
        const char *text;
        memcpy(&text, elements + i * stride + ahead, sizeof text);
        bytes += text != NULL ? (int64_t)strlen(text) + 1 : 1;
    }
    const hid_t space = H5Screate_simple(1, &n_elements, NULL);
    km_h5_free_texts(source->type, space, elements);
    H5Sclose(space);
    free(elements);
    return unread.code == KM_OK ? (bytes + n - 1) / n : usual;
}

void km_ids_note(km_catalogue *catalogue, int64_t file, const km_opened_file *opened,
                 km_error *error)
{
    const km_field *field = &opened->values[opened->n_columns - 1];
    const hid_t type = field->type;
    const int64_t size =
        H5Tis_variable_str(type) > 0 ? mean_text_size(opened, field) : (int64_t)H5Tget_size(type);
    /* Files without rows, whose ids may have any type, are behind all others. */
    const int64_t place = catalogue->files[file].n_rows > 0 ? file : catalogue->n_files + file;
    catalogue->ids_size = size > catalogue->ids_size ? size : catalogue->ids_size;
    if (catalogue->ids_type_size > 0 && catalogue->ids_file < place)
        return;
    catalogue->ids_file = place;
    catalogue->ids_type_size = sizeof catalogue->ids_type;
    if (size == 0 || H5Tencode(type, catalogue->ids_type, &catalogue->ids_type_size) < 0 ||
        catalogue->ids_type_size > sizeof catalogue->ids_type)
        km_fail(
            error, KM_DATA,
            "ids of an unknown type (%s, column %s): they are neither numbers nor texts; choose "
            "another column with --id",
            opened->path, km_catalogue_ids(catalogue)->name);
}

/* Texts of fixed length get the maximum size of all files. */
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
    /* A little more than the mean of texts; memory that is never written costs nothing. */
    const int64_t size =
        ids->is_variable ? catalogue->ids_size + catalogue->ids_size / 8 + 1 : (int64_t)ids->size;
    ids->bytes = ids->is_variable /* then they may have to grow */
                     ? km_allocate(n_rows, (size_t)size, "ids of rows", error)
                     : km_allocate_large(n_rows, (size_t)size, "ids of rows", error);
    ids->capacity = n_rows * size;
    return error->code;
}

/* Is this the type of the ids, except for the length of fixed texts? */
static bool has_type_of_ids(const km_ids *ids, hid_t type)
{
    if (H5Tget_class(type) != H5T_STRING || ids->is_variable)
        return H5Tequal(type, ids->type) > 0;
    return H5Tget_class(ids->type) == H5T_STRING && H5Tis_variable_str(type) <= 0 &&
           H5Tget_size(type) <= ids->size;
}

void km_ids_prepare(km_field *field, const km_column *column)
{
    if (!column->convention.is_biased)
        return;
    const hid_t type = H5Tcopy(field->type);
    H5Tset_sign(type, H5Tget_sign(type) == H5T_SGN_2 ? H5T_SGN_NONE : H5T_SGN_2);
    field->number = km_h5_describe_number(type);
    field->codes.is_biased = true;
    H5Tclose(field->type);
    field->type = type;
}

void km_id_remove_bias(const km_field *field, char *id)
{
    const bool is_little = (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) != field->number.is_swapped;
    if (field->codes.is_biased)
        id[is_little ? field->size - 1 : 0] ^= (char)0x80;
}

static void append_fixed_ids(km_ids *ids, const km_field *field, const char *from, int64_t stride,
                             int64_t count)
{
    const bool is_padded = (size_t)field->size < ids->size;
    char *to = ids->bytes + ids->n_bytes;
    for (int64_t i = 0; i < count; i++, to += ids->size) {
        if (is_padded)
            memset(to, ids->pad, ids->size);
        memcpy(to, from + i * stride, (size_t)field->size);
        km_id_remove_bias(field, to);
    }
    ids->n_bytes += count * (int64_t)ids->size;
}

static bool grow_ids(km_ids *ids, int64_t n_bytes, km_error *error)
{
    if (ids->n_bytes + n_bytes <= ids->capacity)
        return true;
    const int64_t capacity = 2 * (ids->n_bytes + n_bytes);
    char *grown = km_fault_of_allocation() ? NULL : realloc(ids->bytes, (size_t)capacity);
    if (grown == NULL) {
        km_fail(error, KM_MEMORY, "out of memory (ids of rows): use more ranks, or no --id");
        return false;
    }
    ids->bytes = grown;
    ids->capacity = capacity;
    return true;
}

static void append_text_ids(km_ids *ids, const char *from, int64_t stride, int64_t count,
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
        if (error->code != KM_OK || !grow_ids(ids, (int64_t)size, error))
            return;
        memcpy(ids->bytes + ids->n_bytes, text != NULL ? text : "", size);
        ids->n_bytes += (int64_t)size;
    }
}

km_code km_ids_check_type(const km_ids *ids, const km_field *field, const char *file,
                          km_error *error)
{
    if (!has_type_of_ids(ids, field->type))
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
        append_text_ids(ids, first, stride, count, file, error);
    else
        append_fixed_ids(ids, field, first, stride, count);
}
