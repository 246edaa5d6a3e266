/* What a dataset holds: its type, storage, filters and units. */
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
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

bool km_has_link(hid_t group, const char *name)
{
    return H5Lexists(group, name, H5P_DEFAULT) > 0;
}

bool km_attribute_is(hid_t object, const char *attribute, const char *text)
{
    char found[64];
    km_h5_read_text(object, attribute, found, sizeof found);
    return strcmp(found, text) == 0;
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
    return n;
}

bool km_holds_compounds(hid_t dataset)
{
    const hid_t type = H5Dget_type(dataset);
    const bool is_compound = H5Tget_class(type) == H5T_COMPOUND;
    H5Tclose(type);
    return is_compound;
}

/* ---- types ---------------------------------------------------------------------------------- */

/* Is it an enumeration of 0 and 1, as h5py and netCDF-4 store truth values? */
static bool is_truth(hid_t type)
{
    if (H5Tget_class(type) != H5T_ENUM || H5Tget_nmembers(type) != 2)
        return false;
    int64_t values[2] = {-1, -1};
    const hid_t base = H5Tget_super(type);
    const size_t size = H5Tget_size(base);
    for (unsigned i = 0; i < 2 && size <= sizeof values[0]; i++) {
        unsigned char value[sizeof(int64_t)] = {0};
        if (H5Tget_member_value(type, i, value) >= 0 &&
            H5Tconvert(base, H5T_NATIVE_INT64, 1, value, NULL, H5P_DEFAULT) >= 0)
            memcpy(&values[i], value, sizeof value);
    }
    H5Tclose(base);
    return values[0] + values[1] == 1 && (values[0] == 0 || values[0] == 1);
}

static void name_number(hid_t type, km_column *column)
{
    const H5T_class_t class = H5Tget_class(type);
    const char *kind = column->is_floating                                          ? "float"
                       : class == H5T_BITFIELD || H5Tget_sign(type) == H5T_SGN_NONE ? "uint"
                                                                                    : "int";
    const size_t size = H5Tget_size(type);
    snprintf(column->type, sizeof column->type, "%s%zu%s", kind, 8 * size,
             size > 1 && H5Tget_order(type) == H5T_ORDER_BE ? " big-endian" : "");
}

static void name_other(hid_t type, km_column *column)
{
    const size_t size = H5Tget_size(type);
    switch (H5Tget_class(type)) {
    case H5T_STRING:
        if (H5Tis_variable_str(type) > 0)
            strcpy(column->type, "text");
        else
            snprintf(column->type, sizeof column->type, "text of %zu bytes", size);
        break;
    case H5T_COMPOUND:
        strcpy(column->type, "compound");
        break;
    case H5T_ENUM:
        snprintf(column->type, sizeof column->type, "enumeration of %d names",
                 H5Tget_nmembers(type));
        break;
    case H5T_REFERENCE:
        strcpy(column->type, "reference");
        break;
    case H5T_VLEN:
        strcpy(column->type, "lists of any length");
        break;
    default:
        snprintf(column->type, sizeof column->type, "no number, %zu bits", 8 * size);
    }
}

static void describe_value(hid_t type, km_column *column)
{
    const H5T_class_t class = H5Tget_class(type);
    const size_t size = H5Tget_size(type);
    const bool is_truth_value = is_truth(type);
    const km_h5_number number = km_h5_describe_number(type);
    const bool is_whole = number.kind == KM_H5_INT || number.kind == KM_H5_UINT;
    column->value_bytes = (int64_t)size;
    column->is_floating = class == H5T_FLOAT;
    column->is_numeric = column->is_floating || class == H5T_INTEGER || is_truth_value ||
                         ((class == H5T_BITFIELD || class == H5T_ENUM) && is_whole);
    column->is_category = class == H5T_ENUM && !is_truth_value;
    column->is_text = class == H5T_STRING;
    column->may_be_mask = class == H5T_INTEGER || class == H5T_ENUM || class == H5T_BITFIELD;
    column->fits_float32 = size <= (column->is_floating ? sizeof(float) : sizeof(int16_t));
    if (is_truth_value)
        strcpy(column->type, "bool");
    else if (column->is_numeric && !column->is_category)
        name_number(type, column);
    else
        name_other(type, column);
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
    const size_t size = H5Tget_size(value); /* 0: HDF5 failed, and there is no such column */
    column->values.length = size > 0 ? (int64_t)(H5Tget_size(type) / size) : 0;
    H5Tclose(value);
}

/* ---- storage -------------------------------------------------------------------------------- */

static void describe_filters(hid_t creation, km_column *column)
{
    const int n = H5Pget_nfilters(creation);
    size_t used = 0;
    for (int i = 0; i < n; i++) {
        char text[64];
        const H5Z_filter_t id = km_h5_name_filter(creation, i, text, 24);
        if (id < 0)
            continue;
        if (H5Zfilter_avail(id) <= 0) {
            column->lacks_filter = true;
            snprintf(text + strlen(text), sizeof text - strlen(text), " (%d), not available here",
                     (int)id);
        }
        if (used < sizeof column->filters)
            used += (size_t)snprintf(column->filters + used, sizeof column->filters - used, "%s%s",
                                     used > 0 ? ", " : "", text);
    }
}

static void describe_chunks(hid_t creation, km_column *column)
{
    hsize_t chunk[2] = {0, 0};
    H5Pget_chunk(creation, 2, chunk);
    snprintf(column->storage, sizeof column->storage, "chunks of %llu rows",
             (unsigned long long)chunk[column->values.is_transposed]);
    describe_filters(creation, column);
}

/* Is the dataset behind an external link? Ranks can't follow it together without waiting for each
 * other. */
static bool is_in_other_file(hid_t file, hid_t dataset)
{
    bool is_known, is_other_known;
    const km_object_id here = km_identify(file, &is_known);
    const km_object_id there = km_identify(dataset, &is_other_known);
    return is_known && is_other_known && !km_is_in_same_file(&here, &there);
}

void km_describe_dataset(hid_t file, hid_t dataset, const char *path, km_column *column)
{
    const hid_t creation = H5Dget_create_plist(dataset);
    const H5D_layout_t layout = H5Pget_layout(creation);
    snprintf(column->values.dataset, sizeof column->values.dataset, "%s", path);
    const bool is_external = H5Pget_external_count(creation) > 0;
    column->is_virtual = layout == H5D_VIRTUAL || is_external || is_in_other_file(file, dataset);
    if (layout == H5D_CHUNKED)
        describe_chunks(creation, column);
    else
        strcpy(column->storage, layout == H5D_VIRTUAL   ? "virtual"
                                : is_external           ? "in other files"
                                : layout == H5D_COMPACT ? "compact"
                                                        : "contiguous");
    H5Pclose(creation);
}

void km_describe_units(hid_t dataset, km_column *column)
{
    km_h5_read_text(dataset, "units", column->units, sizeof column->units);
    if (column->units[0] == '\0') /* as vaex calls them */
        km_h5_read_text(dataset, "unit", column->units, sizeof column->units);
}

void km_add_missing(km_column *column, long double number)
{
    km_convention *c = &column->convention;
    if (c->n_missing < KM_MAX_CODES)
        c->missing[c->n_missing++] = number;
    else
        c->is_too_long = true;
}

/* ---- who wrote it --------------------------------------------------------------------------- */

/* The text before the HDF5 file proper. */
static void read_user_block(hid_t file, char *text, size_t size)
{
    char path[KM_PATH_SIZE];
    hsize_t block = 0;
    const hid_t creation = H5Fget_create_plist(file);
    text[0] = '\0';
    if (creation >= 0 && H5Pget_userblock(creation, &block) >= 0 && block > 0 &&
        H5Fget_name(file, path, sizeof path) > 0) {
        FILE *bytes = fopen(path, "rb");
        const size_t length = bytes != NULL ? fread(text, 1, size - 1, bytes) : 0;
        text[length] = '\0';
        if (bytes != NULL)
            fclose(bytes);
    }
    if (creation >= 0)
        H5Pclose(creation);
}

void km_find_writer(hid_t object, char *writer, size_t size)
{
    static const struct {
        const char *attribute, *writer;
    } marks[] = {{"MATLAB_class", "MATLAB"},
                 {"OCTAVE_NEW_FORMAT", "Octave"},
                 {"rhdf5-NA.OK", "R"},
                 {"julia type", "Julia"}};
    char block[64] = "";
    writer[0] = '\0';
    if (H5Iget_type(object) == H5I_FILE) {
        read_user_block(object, block, sizeof block);
        snprintf(writer, size, "%s",
                 strncmp(block, "MATLAB", 6) == 0 ? "MATLAB"
                 : strstr(block, "Julia") != NULL ? "Julia"
                                                  : "");
        return;
    }
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (H5Aexists(object, marks[i].attribute) > 0) {
            snprintf(writer, size, "%s", marks[i].writer);
            return;
        }
}
