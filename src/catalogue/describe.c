/* What a dataset holds: its type, storage and units. */
#include "tables.h"

#include <stdio.h>
#include <string.h>

void *km_append(void *array, int64_t *count, size_t size, const void *element, km_error *error)
{
    char *grown = km_grow(array, *count, size, "list of tables and columns", error);
    if (grown == NULL)
        return array;
    memcpy(grown + (size_t)*count * size, element, size);
    ++*count;
    return grown;
}

void km_add_column(km_table *table, const km_column *column, km_error *error)
{
    table->columns = km_append(table->columns, &table->n_columns, sizeof *column, column, error);
}

bool km_join_path(char *path, const char *group, const char *name)
{
    const int length =
        snprintf(path, KM_DATASET_SIZE, "%s/%s", strcmp(group, "/") == 0 ? "" : group, name);
    return length < KM_DATASET_SIZE;
}

bool km_ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

int km_find_shape(hid_t dataset, int64_t *shape)
{
    hsize_t sizes[2] = {0, 0};
    const hid_t space = H5Dget_space(dataset);
    int n = H5Sget_simple_extent_ndims(space);
    if (n == 1 || n == 2)
        H5Sget_simple_extent_dims(space, sizes, NULL);
    H5Sclose(space);
    for (int i = 0; i < 2; i++) {
        if (sizes[i] > INT64_MAX)
            n = -1;
        shape[i] = (int64_t)sizes[i];
    }
    return n == 1 || n == 2 ? n : -1;
}

static void name_number(hid_t type, km_column *column)
{
    const char *kind = column->is_floating                 ? "float"
                       : H5Tget_sign(type) == H5T_SGN_NONE ? "uint"
                                                           : "int";
    const size_t size = H5Tget_size(type);
    snprintf(column->type, sizeof column->type, "%s%zu%s", kind, 8 * size,
             size > 1 && H5Tget_order(type) == H5T_ORDER_BE ? " big-endian" : "");
}

static void describe_value(hid_t type, km_column *column)
{
    const H5T_class_t class = H5Tget_class(type);
    const size_t size = H5Tget_size(type);
    column->is_floating = class == H5T_FLOAT;
    column->is_numeric = column->is_floating || class == H5T_INTEGER;
    column->is_text = class == H5T_STRING;
    column->may_be_mask = class == H5T_INTEGER || class == H5T_ENUM || class == H5T_BITFIELD;
    column->fits_float32 = size <= (column->is_floating ? sizeof(float) : sizeof(int16_t));
    if (column->is_numeric)
        name_number(type, column);
    else if (column->is_text && H5Tis_variable_str(type) > 0)
        strcpy(column->type, "text");
    else if (column->is_text)
        snprintf(column->type, sizeof column->type, "text of %zu bytes", size);
    else
        snprintf(column->type, sizeof column->type, "no number, %zu bits", 8 * size);
}

void km_describe_type(hid_t type, km_column *column)
{
    column->values.length = 1;
    if (H5Tget_class(type) != H5T_ARRAY) {
        describe_value(type, column);
        return;
    }
    const hid_t value = H5Tget_super(type);
    describe_value(value, column);
    column->values.length = (int64_t)(H5Tget_size(type) / H5Tget_size(value));
    H5Tclose(value);
}

static void describe_chunks(hid_t creation, km_column *column)
{
    hsize_t chunk[2] = {0, 0};
    H5Pget_chunk(creation, 2, chunk);
    snprintf(column->storage, sizeof column->storage, "chunks of %llu rows%s",
             (unsigned long long)chunk[0], H5Pget_nfilters(creation) > 0 ? ", compressed" : "");
}

void km_describe_dataset(hid_t dataset, const char *path, km_column *column)
{
    const hid_t creation = H5Dget_create_plist(dataset);
    const H5D_layout_t layout = H5Pget_layout(creation);
    snprintf(column->values.dataset, sizeof column->values.dataset, "%s", path);
    column->is_virtual = layout == H5D_VIRTUAL || H5Pget_external_count(creation) > 0;
    if (layout == H5D_CHUNKED)
        describe_chunks(creation, column);
    else
        strcpy(column->storage, layout == H5D_VIRTUAL   ? "virtual"
                                : column->is_virtual    ? "in other files"
                                : layout == H5D_COMPACT ? "compact"
                                                        : "contiguous");
    H5Pclose(creation);
}

void km_describe_units(hid_t dataset, km_column *column)
{
    km_h5_read_text(dataset, "units", column->units, sizeof column->units);
    if (column->units[0] == '\0') /* where vaex has them */
        km_h5_read_text(dataset, "unit", column->units, sizeof column->units);
}
