/* One column: a dataset, or a group with the values in one dataset and a mask or names in
 * others. */
#include "tables.h"

#include <stdio.h>
#include <string.h>

/* ---- datasets ------------------------------------------------------------------------------- */

/* Finds the rows, and the values per row, of a dataset of one or two dimensions. False if they
 * overflow, or there are none. */
static bool describe_shape(int n, const int64_t *shape, bool is_transposed, km_column *column)
{
    const int64_t length = column->values.length;
    const bool is_vector = n == 2 && length == 1 && (shape[0] == 1 || shape[1] == 1);
    column->values.is_transposed =
        n == 2 && length == 1 && (is_vector ? shape[1] != 1 : is_transposed);
    column->is_matrix = n == 2 && !is_vector;
    column->n_rows = shape[column->values.is_transposed];
    return (n == 1 || !__builtin_mul_overflow(length, shape[!column->values.is_transposed],
                                              &column->values.length)) &&
           column->values.length > 0;
}

/* Says why a dataset of this shape and type is no column. Single values, which often stand beside
 * tables, need no reason. */
static void explain_shape(int n, hid_t type, char *why, size_t size)
{
    if (n > 2)
        snprintf(why, size, "it has %d dimensions, and a table has one or two", n);
    else if (n < 0)
        snprintf(why, size, "its size is beyond 2^63");
    else if (n == 2 && km_is_complex(type))
        snprintf(why, size,
                 "it is a two-dimensional array of complex numbers, whose real and imaginary parts "
                 "have to be stored by themselves");
    else if (n == 2 && H5Tget_class(type) == H5T_COMPOUND)
        snprintf(why, size, "it is a two-dimensional array of compounds, and rows are of one");
}

/* Datasets that hold no values, as their attributes say. */
static bool is_no_column(hid_t dataset)
{
    static const char DIMENSION[] = "This is a netCDF dimension but not a netCDF variable";
    char name[sizeof DIMENSION];
    double number = 0;
    km_h5_read_text(dataset, "NAME", name, sizeof name);
    return strcmp(name, DIMENSION) == 0 ||
           (km_h5_read_number(dataset, "MATLAB_empty", &number) && number != 0);
}

/* Marks numbers that stand for texts or names. */
static void describe_meaning(hid_t dataset, km_column *column)
{
    if (km_attribute_is(dataset, "MATLAB_class", "char")) {
        column->is_numeric = column->is_floating = false;
        strcpy(column->type, "letters of MATLAB");
    }
    if (H5Aexists(dataset, "MATLAB_object_decode") > 0) {
        column->is_numeric = column->is_floating = false;
        strcpy(column->type, "an object of MATLAB");
    }
    if (column->is_numeric && H5Aexists(dataset, "categories") > 0) {
        column->is_category = true;
        km_add_missing(column, -1);
    }
}

static bool has_attributes(hid_t object)
{
#if H5_VERSION_GE(1, 12, 0)
    H5O_info2_t info;
    return H5Oget_info3(object, &info, H5O_INFO_NUM_ATTRS) < 0 || info.num_attrs > 0;
#else
    H5O_info_t info;
    return H5Oget_info2(object, &info, H5O_INFO_NUM_ATTRS) < 0 || info.num_attrs > 0;
#endif
}

/* False, with a reason or an empty one, if the dataset is no column. */
static bool describe_dataset(hid_t file, hid_t dataset, const char *path, bool is_transposed,
                             km_column *column, char *why, size_t size)
{
    int64_t shape[2];
    const int n = km_find_shape(dataset, shape);
    const bool is_annotated = has_attributes(dataset);
    const hid_t type = H5Dget_type(dataset);
    const bool is_plain = (n == 1 || n == 2) && H5Tget_class(type) != H5T_COMPOUND;
    if (!is_plain)
        explain_shape(n, type, why, size);
    bool is_column = is_plain && !(is_annotated && is_no_column(dataset));
    if (is_column) {
        km_describe_type(type, column);
        is_column = describe_shape(n, shape, is_transposed, column);
        if (!is_column)
            snprintf(why, size, "its rows have no values, or more than can be counted");
    }
    if (is_column) {
        km_describe_dataset(file, dataset, path, column);
        if (is_annotated)
            km_describe_units(dataset, column);
        if (is_annotated)
            describe_meaning(dataset, column);
        km_read_convention(dataset, column);
    }
    H5Tclose(type);
    return is_column;
}

/* ---- groups that are a column --------------------------------------------------------------- */

/* Groups that are columns: a dataset of values, and beside it only the others that are named
 * here. */
static const struct kind {
    const char *values, *mask, *bitmap, *others[2];
    const char *attribute; /* that the group must have, or NULL */
    bool are_categories, are_texts;
} kinds[] = {
    {"data", "mask", NULL, {NULL, NULL}, NULL, false, false},                    /* vaex */
    {"data", "mask", "null_bitmap", {NULL, NULL}, NULL, false, false},           /* Arrow */
    {"data", "mask", "null_bitmap", {"indices", NULL}, NULL, false, true},       /* its texts */
    {"indices", "mask", "null_bitmap", {"dictionary", NULL}, NULL, true, false}, /* of vaex */
    {"codes", NULL, NULL, {"categories", NULL}, NULL, true, false},              /* AnnData */
    {"values", "mask", NULL, {NULL, NULL}, "encoding-type", false, false},       /* AnnData */
    {"value", NULL, NULL, {"type", NULL}, "OCTAVE_NEW_FORMAT", false, false},
};

static bool is_of_kind(hid_t group, const struct kind *kind, hsize_t n_links)
{
    if (!km_has_link(group, kind->values) ||
        (kind->attribute != NULL && H5Aexists(group, kind->attribute) <= 0))
        return false;
    hsize_t n = 1;
    for (int i = 0; i < 2 && kind->others[i] != NULL; i++) {
        if (!km_has_link(group, kind->others[i]))
            return false;
        n++;
    }
    n += kind->mask != NULL && km_has_link(group, kind->mask);
    n += kind->bitmap != NULL && km_has_link(group, kind->bitmap);
    return n == n_links;
}

static const struct kind *kind_of(hid_t group)
{
    H5G_info_t info;
    if (H5Gget_info(group, &info) < 0 || info.nlinks == 0 || info.nlinks > 4)
        return NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (is_of_kind(group, &kinds[i], info.nlinks))
            return &kinds[i];
    return NULL;
}

static bool fits_bitmap(int n, const int64_t *shape, const km_column *column)
{
    return n == 1 && shape[0] >= column->n_rows / 8 + (column->n_rows % 8 > 0);
}

static bool fits_mask(int n, const int64_t *shape, const km_column *column)
{
    const bool is_wide = n == 2 && !column->values.is_transposed &&
                         (shape[1] == 1 || shape[1] == column->values.length);
    return (n == 1 || is_wide) && shape[0] == column->n_rows;
}

/* Notes the mask beside the values. A mask that does not fit marks the column, so that it is not
 * ignored silently. */
static void attach_mask(hid_t file, hid_t group, const char *path, const char *name, bool is_bitmap,
                        km_column *column)
{
    int64_t shape[2];
    km_column mask = {.n_rows = 0};
    char mask_path[KM_DATASET_SIZE];
    if (name == NULL || !km_has_link(group, name))
        return;
    column->has_bad_mask = true;
    const hid_t dataset = H5Dopen2(group, name, H5P_DEFAULT);
    if (dataset < 0)
        return;
    const hid_t type = H5Dget_type(dataset);
    const int n = km_find_shape(dataset, shape);
    km_describe_type(type, &mask);
    if (mask.may_be_mask && mask.values.length == 1 && km_join_path(mask_path, path, name) &&
        (is_bitmap ? fits_bitmap(n, shape, column) : fits_mask(n, shape, column))) {
        km_describe_dataset(file, dataset, mask_path, &mask);
        column->has_bad_mask = false;
        column->is_virtual = column->is_virtual || mask.is_virtual;
        column->lacks_filter = column->lacks_filter || mask.lacks_filter;
        column->mask = mask.values;
        column->mask.length = n == 2 ? shape[1] : 1;
        column->mask.is_bitmap = is_bitmap;
    }
    H5Tclose(type);
    H5Dclose(dataset);
}

/* Groups with arrays below a group called `columns` are columns of vaex; elsewhere the arrays are
 * tables. */
static bool is_column_group(const struct kind *kind, const char *path, const km_column *column,
                            int n)
{
    char parent[KM_DATASET_SIZE];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash != NULL)
        *slash = '\0';
    return n == 1 || column->values.length == 1 || kind->attribute != NULL ||
           km_ends_with(parent, "/columns");
}

static bool describe_group(hid_t file, hid_t group, const char *path, bool is_transposed,
                           km_column *column, char *why, size_t size)
{
    char values_path[KM_DATASET_SIZE];
    int64_t shape[2];
    const struct kind *kind = kind_of(group);
    if (kind == NULL || !km_join_path(values_path, path, kind->values))
        return false;
    const hid_t values = H5Dopen2(group, kind->values, H5P_DEFAULT);
    if (values < 0)
        return false;
    const int n = km_find_shape(values, shape);
    const bool is_column =
        describe_dataset(file, values, values_path, is_transposed, column, why, size) &&
        is_column_group(kind, path, column, n);
    H5Dclose(values);
    if (!is_column)
        return false;
    attach_mask(file, group, path, kind->mask, false, column);
    attach_mask(file, group, path, kind->bitmap, true, column);
    if (column->units[0] == '\0')
        km_describe_units(group, column);
    if (kind->are_categories) {
        column->is_category = true;
        km_add_missing(column, -1);
    }
    if (kind->are_texts) {
        column->is_numeric = column->is_floating = false;
        strcpy(column->type, "texts of Arrow");
    }
    return true;
}

/* ---- objects -------------------------------------------------------------------------------- */

bool km_describe_object(hid_t file, hid_t object, const char *name, const char *path,
                        bool is_transposed, km_column *column, char *why, size_t size)
{
    bool is_column = false;
    why[0] = '\0';
    memset(column, 0, sizeof *column);
    if (strlen(name) >= sizeof column->name)
        snprintf(why, size, "its name has more than %d characters", KM_NAME_SIZE - 1);
    else if (H5Iget_type(object) == H5I_DATASET)
        is_column = describe_dataset(file, object, path, is_transposed, column, why, size);
    else if (H5Iget_type(object) == H5I_GROUP)
        is_column = describe_group(file, object, path, is_transposed, column, why, size);
    if (is_column)
        strcpy(column->name, name);
    return is_column;
}
