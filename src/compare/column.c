/* Reads columns of labels and ids, whatever their type. */
#include "compare/column.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- types ----------------------------------------------------------------------------------- */

static km_value_kind kind_of_type(hid_t type)
{
    const km_h5_number number = km_h5_describe_number(type);
    if (H5Tget_class(type) == H5T_STRING)
        return H5Tis_variable_str(type) > 0 ? KM_VALUE_LONG_TEXT : KM_VALUE_TEXT;
    if (H5Tget_class(type) == H5T_BITFIELD)
        return KM_VALUE_OTHER;
    return number.kind == KM_H5_FLOAT                              ? KM_VALUE_REAL
           : number.kind == KM_H5_UINT && number.size == 8         ? KM_VALUE_UINT
           : number.kind == KM_H5_INT || number.kind == KM_H5_UINT ? KM_VALUE_INT
                                                                   : KM_VALUE_OTHER;
}

/* The type in memory of values of a type in a file; the caller closes it. One that is no compound
 * stands for all that can't be labels, so that nobody takes a member of theirs for them. */
static hid_t type_of_values(hid_t type)
{
    switch (kind_of_type(type)) {
    case KM_VALUE_INT:
        return H5Tcopy(H5T_NATIVE_INT64);
    case KM_VALUE_UINT:
        return H5Tcopy(H5T_NATIVE_UINT64);
    case KM_VALUE_REAL:
        return H5Tcopy(H5T_NATIVE_DOUBLE);
    case KM_VALUE_OTHER:
        return H5Tcopy(H5T_NATIVE_OPAQUE);
    default:
        return H5Tcopy(type);
    }
}

/* The kind of the innermost member of a type that km_h5_type_of_member made. */
static km_value_kind kind_of_member(hid_t type)
{
    if (H5Tget_class(type) != H5T_COMPOUND)
        return kind_of_type(type);
    const hid_t inner = H5Tget_member_type(type, 0);
    const km_value_kind kind = kind_of_member(inner);
    H5Tclose(inner);
    return kind;
}

/* ---- opening --------------------------------------------------------------------------------- */

static H5I_type_t type_of_object(hid_t file, const char *path)
{
    const hid_t object = H5Oopen(file, path, H5P_DEFAULT);
    const H5I_type_t type = object >= 0 ? H5Iget_type(object) : H5I_BADID;
    if (object >= 0)
        H5Oclose(object);
    return type;
}

/* Finds the dataset that a path leads to: the path itself, `data` in a group, or the compound
 * dataset whose member the end of the path is. `path` becomes that of the dataset, and the result
 * is the member; NULL if there is no such dataset. */
static const char *find_dataset(hid_t file, char *path, const char *given)
{
    const size_t length = strlen(given);
    if (type_of_object(file, given) == H5I_GROUP)
        strcpy(path + length, "/data");
    if (type_of_object(file, path) == H5I_DATASET)
        return "";
    path[length] = '\0';
    for (char *slash; (slash = strrchr(path, '/')) != NULL && slash > path;) {
        *slash = '\0';
        if (type_of_object(file, path) == H5I_DATASET)
            return given + (slash - path) + 1;
    }
    return NULL;
}

static km_code refuse_labels(const km_column_values *column, const char *why, km_error *error)
{
    return km_fail(error, KM_DATA,
                   "no labels (%s, %s): %s; name a column of whole numbers or texts as FILE:/path, "
                   "see skymeans info FILE",
                   column->file, column->path, why);
}

static km_code choose_types(km_column_values *column, const char *member, km_error *error)
{
    enum { MAX_PIECE_ROWS = 1 << 16 };
    column->type = km_h5_type_of_member(column->array.type, member, type_of_values);
    if (column->type < 0)
        return refuse_labels(column, "there is no such column", error);
    column->kind = kind_of_member(column->type);
    column->size = H5Tget_size(column->type);
    column->n_rows = column->array.n_rows;
    if (column->size == 0)
        return refuse_labels(column, "HDF5 does not know the size of its values", error);
    if (column->kind == KM_VALUE_OTHER)
        return refuse_labels(
            column, "its values are neither numbers nor texts, but perhaps have members that are",
            error);
    if (column->array.n_columns != 1 && column->kind == KM_VALUE_TEXT)
        return refuse_labels(column,
                             "it has several texts per row, as netCDF stores text letter by letter "
                             "(NC_CHAR), which skymeans import joins",
                             error);
    if (column->array.n_columns != 1)
        return refuse_labels(column, "it has several values per row", error);
    const int64_t n_max = KM_H5_PIECE_BYTES / (int64_t)column->size;
    column->piece_rows = n_max < 1 ? 1 : n_max < MAX_PIECE_ROWS ? n_max : MAX_PIECE_ROWS;
    column->elements = km_allocate(column->piece_rows, column->size, "labels", error);
    return error->code;
}

static km_code open_values(km_column_values *column, hid_t opened, const char *dataset,
                           const char *member, km_error *error)
{
    if (km_h5_open_array(opened, dataset, &column->array, error) != KM_OK ||
        km_h5_check_virtual(&column->array, column->file, dataset, NULL, NULL, error) != KM_OK)
        return error->code;
    km_h5_cache_chunks(&column->array, opened, dataset);
    return choose_types(column, member, error);
}

/* Numbers that stand for no value, as the attributes say of a dataset, or of a member of its
 * compounds. */
static void read_missing_numbers(km_column_values *column, const char *member)
{
    static const char *const names[] = {"_FillValue", "missing_value"};
    const int number = member[0] != '\0' ? H5Tget_member_index(column->array.type, member) : -1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[48] = "";
        if (number >= 0)
            snprintf(name, sizeof name, "FIELD_%d_ATTR_", number);
        strcat(name, names[i]);
        const int count =
            km_h5_read_numbers(column->array.dataset, name, KM_MAX_NO_VALUES - column->n_missing,
                               column->missing + column->n_missing);
        column->n_missing += count > 0 ? count : 0;
    }
}

static bool has_member(const km_column_values *column, const char *member)
{
    const hid_t type = km_h5_type_of_member(column->array.type, member, type_of_values);
    if (type >= 0)
        H5Tclose(type);
    return type >= 0;
}

/* Where the mask of a column would be: `mask` beside `data`, as vaex has it, or the member
 * NAME.mask of the same compounds, as astropy has it. False if there is none. Both names have room
 * for it. */
static bool find_mask(const km_column_values *column, hid_t opened, char *dataset, char *member)
{
    if (member[0] != '\0')
        return has_member(column, strcat(member, ".mask"));
    char *slash = strrchr(dataset, '/');
    if (slash == NULL || strcmp(slash, "/data") != 0)
        return false;
    strcpy(slash, "/mask");
    return type_of_object(opened, dataset) == H5I_DATASET;
}

static km_column_values no_values(const char *file, const char *path)
{
    return (km_column_values){.file = file,
                              .path = path,
                              .array = {.dataset = H5I_INVALID_HID, .type = H5I_INVALID_HID},
                              .type = H5I_INVALID_HID};
}

static km_code open_mask(km_column_values *column, hid_t opened, const char *dataset,
                         const char *member, km_error *error)
{
    column->mask = km_allocate(1, sizeof *column->mask, "labels", error);
    if (column->mask == NULL)
        return error->code;
    *column->mask = no_values(column->file, column->path);
    if (open_values(column->mask, opened, dataset, member, error) == KM_OK &&
        (column->mask->n_rows != column->n_rows || column->mask->kind != KM_VALUE_INT))
        return refuse_labels(
            column, "its mask has another length than its values, or holds no truth values", error);
    return error->code;
}

km_code km_values_open(km_column_values *column, hid_t opened, const char *file, const char *path,
                       km_error *error)
{
    *column = no_values(file, path);
    const int64_t size = (int64_t)strlen(path) + 8;
    char *name = km_allocate(2 * size, 1, "name of a column", error);
    if (name == NULL)
        return error->code;
    const char *found = find_dataset(opened, strcpy(name, path), path);
    char *member = strcpy(name + size, found != NULL ? found : "");
    if (found == NULL)
        refuse_labels(column, "there is no such column", error);
    else if (open_values(column, opened, name, member, error) == KM_OK) {
        read_missing_numbers(column, member);
        if (find_mask(column, opened, name, member))
            open_mask(column, opened, name, member, error);
    }
    free(name);
    return error->code;
}

void km_values_close(km_column_values *column)
{
    if (column->mask != NULL)
        km_values_close(column->mask);
    free(column->mask);
    column->mask = NULL;
    if (column->type >= 0)
        H5Tclose(column->type);
    km_h5_close_array(&column->array);
    free(column->elements);
    column->elements = NULL;
    column->type = H5I_INVALID_HID;
}

/* ---- reading --------------------------------------------------------------------------------- */

static km_label label_of_int(int64_t value)
{
    return (km_label){.high = value < 0 ? UINT64_MAX : 0, .low = (uint64_t)value};
}

/* 128 bits of hash, so that among 10^9 texts two different ones have the same with a probability
 * below 10^-20. Blanks and zero bytes at the end are padding. */
static km_label label_of_text(const char *text, size_t length)
{
    km_label label = {.is_text = true};
    while (length > 0 && (text[length - 1] == '\0' || text[length - 1] == ' '))
        length--;
    label.high = km_hash_bytes(text, (int64_t)length);
    label.low = km_mix(~(uint64_t)length);
    for (size_t i = 0; i < length; i++)
        label.low = km_mix(label.low + (unsigned char)text[i] * 0x9e3779b97f4a7c15u);
    const size_t shown = length < KM_LABEL_SIZE ? length : KM_LABEL_SIZE - 1;
    memcpy(label.text, text, shown);
    km_make_printable(label.text);
    return label;
}

/* A whole number that is stored as a floating-point one; false if it is none. */
static bool find_whole(double value, km_label *label)
{
    if (value != floor(value) || fabs(value) > 0x1p53)
        return false;
    *label = label_of_int((int64_t)value);
    return true;
}

/* Is it one of the numbers that stand for no value? */
static bool is_declared_missing(const km_column_values *column, long double number)
{
    bool is_missing = false;
    for (int m = 0; m < column->n_missing; m++)
        is_missing = is_missing || number == column->missing[m];
    return is_missing;
}

/* Element number `i` as a label, which may be missing. False if it can't be one. */
static bool take_element(const km_column_values *column, int64_t i, km_label *label,
                         bool *is_missing)
{
    const void *element = (const char *)column->elements + (size_t)i * column->size;
    bool is_label = true;
    long double number = -1;
    switch (column->kind) {
    case KM_VALUE_INT:
        number = *(const int64_t *)element;
        *label = label_of_int(*(const int64_t *)element);
        break;
    case KM_VALUE_UINT:
        number = *(const uint64_t *)element;
        *label = (km_label){.low = *(const uint64_t *)element};
        break;
    case KM_VALUE_REAL:
        number = isnan(*(const double *)element) ? -1 : *(const double *)element;
        is_label = find_whole((double)number, label);
        break;
    case KM_VALUE_LONG_TEXT: {
        const char *read = *(char *const *)element, *text = read != NULL ? read : "";
        *label = label_of_text(text, strlen(text));
        break;
    }
    default:
        *label = label_of_text(element, column->size);
    }
    *is_missing = label->is_text ? label->text[0] == '\0'
                                 : number == -1 || is_declared_missing(column, number);
    return is_label || *is_missing;
}

static km_code read_elements(km_column_values *column, km_rows rows, km_error *error)
{
    km_error why = {0};
    if (km_h5_read_rows(&column->array, rows, 0, 1, column->type, column->elements, &why) != KM_OK)
        km_fail(error, why.code, "can't read (%s, %s): %s; copy the file again", column->file,
                column->path, why.text);
    return error->code;
}

static bool is_masked(const km_column_values *column, int64_t i)
{
    return column->mask != NULL && ((const int64_t *)column->mask->elements)[i] != 0;
}

km_code km_values_read(km_column_values *column, km_rows rows, km_label *labels, bool *is_missing,
                       km_error *error)
{
    if ((column->mask != NULL && read_elements(column->mask, rows, error) != KM_OK) ||
        read_elements(column, rows, error) != KM_OK)
        return error->code;
    for (int64_t i = 0; i < rows.count; i++)
        if (is_masked(column, i))
            is_missing[i] = true;
        else if (!take_element(column, i, &labels[i], &is_missing[i]))
            km_fail(error, KM_DATA,
                    "no %s (%s, %s, row %lld): %g is not a whole number up to 2^53; %s",
                    column->are_ids ? "id" : "label", column->file, column->path,
                    (long long)(rows.first + i), ((const double *)column->elements)[i],
                    column->are_ids ? "run it again with another --id, or without"
                                    : "name another column");
    for (int64_t i = 0; i < rows.count && column->kind == KM_VALUE_LONG_TEXT; i++)
        H5free_memory(((char **)column->elements)[i]);
    return error->code;
}

int km_label_order(const void *a, const void *b)
{
    const km_label *x = a, *y = b;
    const int by_text = strcmp(x->text, y->text);
    if (by_text != 0)
        return by_text;
    if (x->high != y->high)
        return (x->is_text ? x->high < y->high : (int64_t)x->high < (int64_t)y->high) ? -1 : 1;
    return x->low < y->low ? -1 : x->low > y->low;
}
