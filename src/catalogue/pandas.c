/* Frames of pandas, which stores columns of one type together, in blocks.
 *
 * format='fixed': a group with the order of all names in `axis0`. Block N has its names in
 * `blockN_items`, and its values in `blockN_values`, one row of the dataset per row; the index is
 * `axis1`.
 * format='table': a dataset of compounds. Block N is an array member `values_block_N`, and its
 * names are in the attribute `values_block_N_kind`; the order of all names is in the attribute
 * `non_index_axes` of the group. Both are lists as Python pickles them.
 *
 * Frames whose names have several levels (MultiIndex) can't be used. */
#include "base/error.h"
#include "base/memory.h"
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char LEVELS[] = "its columns have names of several levels (MultiIndex); give them "
                             "plain names in pandas, and store it again";

/* ---- order ---------------------------------------------------------------------------------- */

typedef struct sort_key {
    int64_t position, column;
} sort_key;

static int compare_keys(const void *a, const void *b)
{
    const sort_key *x = a, *y = b;
    return x->position != y->position ? (x->position > y->position) - (x->position < y->position)
                                      : (x->column > y->column) - (x->column < y->column);
}

/* The key of a column is the position of its name in the list; columns that are not there come
 * last. */
static void make_sort_keys(sort_key *keys, const km_names *names, const km_text_list *order)
{
    const km_table *table = names->table;
    for (int64_t i = 0; i < table->n_columns; i++)
        keys[i] = (sort_key){INT64_MAX, i};
    for (int64_t n = 0; n < order->count; n++) {
        const int64_t i = km_names_find(names, km_text_at(order, n));
        if (i >= 0 && keys[i].position == INT64_MAX)
            keys[i].position = n;
    }
    for (int64_t i = 0; i < table->n_columns; i++) /* those of equal names stay together */
        keys[i].position = keys[km_names_find(names, table->columns[i].name)].position;
}

/* Sorts columns by the order of their names, the others after them. */
static void sort_columns(km_table *table, const km_text_list *order, km_error *error)
{
    const int64_t n = table->n_columns;
    km_names names;
    if (n == 0 || error->code != KM_OK || km_names_create(&names, table, error) != KM_OK)
        return;
    sort_key *keys = km_allocate(n, sizeof *keys, "list of columns", error);
    km_column *columns = km_allocate(n, sizeof *columns, "list of columns", error);
    if (keys != NULL && columns != NULL) {
        make_sort_keys(keys, &names, order);
        qsort(keys, (size_t)n, sizeof *keys, compare_keys);
        for (int64_t i = 0; i < n; i++)
            columns[i] = table->columns[keys[i].column];
        memcpy(table->columns, columns, (size_t)n * sizeof *columns);
    }
    free(columns);
    free(keys);
    km_names_free(&names);
}

/* ---- what pandas says of values ------------------------------------------------------------- */

/* Times are integers of nanoseconds, and the lowest integer is no time (NaT). */
static void note_times(const char *type, km_column *column)
{
    if (strncmp(type, "datetime64", 10) == 0 || strncmp(type, "timedelta64", 11) == 0)
        km_add_missing(column, INT64_MIN);
}

/* ---- fixed ---------------------------------------------------------------------------------- */

/* Without rows pandas stores one value of padding, and its type beside it. */
static bool is_without_rows(hid_t dataset, const char *type, km_column *column)
{
    if (type[0] == '\0' || H5Aexists(dataset, "shape") <= 0)
        return false;
    column->is_floating = strncmp(type, "float", strlen("float")) == 0;
    column->fits_float32 = true; /* so that it does not make the catalogue double */
    return true;
}

/* Columns of Python objects, as texts are: pandas pickles a block of them as a single value. */
static void add_pickled_columns(km_finder *finder, const km_table *table, const km_text_list *names)
{
    char path[KM_DATASET_SIZE];
    for (int64_t i = 0; i < names->count && finder->error->code == KM_OK; i++)
        if (km_join_path(path, table->path, km_text_at(names, i)))
            km_add_unusable(finder, path,
                            "it is texts or other objects of Python, which pandas stores so that "
                            "others can read them with format='table' only");
}

/* Adds columns with these names, whose values are in a block. */
static void add_named_columns(km_finder *finder, hid_t values, km_table *table,
                              const km_text_list *names, const km_column *like, const char *block)
{
    km_error *error = finder->error;
    int64_t shape[2];
    char type[32];
    km_column column = *like;
    km_h5_read_text(values, "value_type", type, sizeof type);
    const bool is_shaped = km_find_shape(values, shape) == 2 && column.values.length == 1;
    const bool has_rows = !is_without_rows(values, type, &column);
    column.n_rows = has_rows ? shape[0] : 0;
    if (km_attribute_is(values, "PSEUDOATOM", "object"))
        add_pickled_columns(finder, table, names);
    if (!is_shaped || names->count == 0 || (has_rows && shape[1] != names->count))
        return;
    note_times(type, &column);
    if (table->n_columns > 0 && table->n_rows != column.n_rows)
        snprintf(table->flaw, sizeof table->flaw, "%s has %lld rows, and others %lld", block,
                 (long long)column.n_rows, (long long)table->n_rows);
    table->n_rows = column.n_rows;
    for (int64_t i = 0; i < names->count && error->code == KM_OK; i++) {
        snprintf(column.name, sizeof column.name, "%s", km_text_at(names, i));
        column.values.position = has_rows ? i : 0;
        km_add_column(table, &column, error);
    }
}

/* Adds the columns of block b; false if there is none. */
static bool add_frame_block(km_finder *finder, hid_t group, km_table *table, int b)
{
    km_error *error = finder->error;
    char items[32], values[32], path[KM_DATASET_SIZE];
    km_text_list names = {0};
    km_column column = {.n_rows = 0};
    snprintf(items, sizeof items, "block%d_items", b);
    snprintf(values, sizeof values, "block%d_values", b);
    if (!km_has_link(group, items) || !km_has_link(group, values) ||
        !km_join_path(path, table->path, values))
        return false;
    const hid_t dataset = H5Dopen2(group, values, H5P_DEFAULT);
    if (dataset < 0)
        return false;
    names.texts = km_h5_read_texts(group, items, &names.count, &names.size, error);
    const hid_t type = H5Dget_type(dataset);
    km_describe_type(type, &column);
    km_describe_dataset(finder->file, dataset, path, &column);
    add_named_columns(finder, dataset, table, &names, &column, values);
    free(names.texts);
    H5Tclose(type);
    H5Dclose(dataset);
    return true;
}

/* Does a table have a column of this name? */
static bool has_column(const km_table *table, const char *name)
{
    int64_t i = 0;
    while (i < table->n_columns && strcmp(table->columns[i].name, name) != 0)
        i++;
    return i < table->n_columns;
}

/* The index is called by its own name, unless a column has it. */
static void name_index(const km_table *table, const char *name, km_column *column)
{
    const bool is_free = name[0] != '\0' && strcmp(name, "N.") != 0 && !has_column(table, name);
    snprintf(column->name, sizeof column->name, "%s", is_free ? name : "index");
}

/* Adds the index, in which ids often are, as a column behind the others. */
static void add_index(km_finder *finder, hid_t group, km_table *table)
{
    char path[KM_DATASET_SIZE], name[KM_NAME_SIZE], kind[32], stored[32];
    int64_t shape[2];
    km_column column = {.n_rows = 0};
    if (table->n_columns == 0 || !km_has_link(group, "axis1") ||
        !km_join_path(path, table->path, "axis1"))
        return;
    const hid_t dataset = H5Dopen2(group, "axis1", H5P_DEFAULT);
    if (dataset < 0)
        return;
    const hid_t type = H5Dget_type(dataset);
    km_describe_type(type, &column);
    km_describe_dataset(finder->file, dataset, path, &column);
    km_h5_read_text(dataset, "name", name, sizeof name);
    km_h5_read_text(dataset, "kind", kind, sizeof kind);
    km_h5_read_text(dataset, "value_type", stored, sizeof stored);
    const bool is_list = km_find_shape(dataset, shape) == 1;
    const bool has_rows = !is_without_rows(dataset, stored, &column);
    column.n_rows = table->n_rows;
    note_times(kind, &column);
    name_index(table, name, &column);
    if (is_list && (has_rows ? shape[0] : 0) == table->n_rows &&
        (column.is_numeric || column.is_text) && !has_column(table, column.name) &&
        finder->error->code == KM_OK)
        km_add_column(table, &column, finder->error);
    H5Tclose(type);
    H5Dclose(dataset);
}

bool km_find_frame(km_finder *finder, const km_object *object, km_table *table)
{
    km_text_list order = {0};
    km_error *error = finder->error;
    if (!object->is_group || !km_attribute_is(object->id, "pandas_type", "frame"))
        return false;
    if (km_attribute_is(object->id, "axis0_variety", "multi")) {
        km_add_unusable(finder, object->path, LEVELS);
        return true;
    }
    for (int b = 0; add_frame_block(finder, object->id, table, b) && error->code == KM_OK; b++)
        ;
    if (table->n_columns == 0)
        km_add_unusable(
            finder, object->path,
            "it is a frame of pandas without a column of numbers that is called by a text "
            "or a whole number");
    order.texts = km_h5_read_texts(object->id, "axis0", &order.count, &order.size, error);
    if (order.texts != NULL)
        sort_columns(table, &order, error);
    free(order.texts);
    add_index(finder, object->id, table);
    return true;
}

/* ---- table ---------------------------------------------------------------------------------- */

/* Reads the names in an attribute of a table. */
static bool read_names(hid_t dataset, const char *attribute, bool is_innermost, km_text_list *names,
                       bool *is_deep, km_error *error)
{
    *names = (km_text_list){0};
    *is_deep = false;
    char *pickle = km_h5_read_long_text(dataset, attribute, error);
    const bool is_list =
        pickle != NULL && km_read_pickled_list(pickle, is_innermost, names, is_deep, error);
    free(pickle);
    return is_list;
}

/* What attributes say of the numbers of a column. */
static void note_frame_meaning(hid_t dataset, km_column *column)
{
    char attribute[KM_NAME_SIZE + 8], type[32];
    snprintf(attribute, sizeof attribute, "%s_dtype", column->name);
    km_h5_read_text(dataset, attribute, type, sizeof type);
    if (type[0] == '\0') { /* the index has it elsewhere */
        snprintf(attribute, sizeof attribute, "%s_kind", column->name);
        km_h5_read_text(dataset, attribute, type, sizeof type);
    }
    note_times(type, column);
    snprintf(attribute, sizeof attribute, "%s_meta", column->name);
    if (column->is_numeric && km_attribute_is(dataset, attribute, "category")) {
        column->is_category = true;
        km_add_missing(column, -1);
    }
}

/* Replaces an array column by as many columns as it has values, with these names. */
static void split_column(km_table *table, int64_t i, const km_text_list *names, km_error *error)
{
    const km_column whole = table->columns[i];
    for (int64_t v = 0; v < names->count && error->code == KM_OK; v++) {
        km_column column = whole;
        snprintf(column.name, sizeof column.name, "%s", km_text_at(names, v));
        column.values.position = v;
        column.values.length = 1;
        if (v == 0)
            table->columns[i] = column;
        else
            km_add_column(table, &column, error);
    }
}

/* Splits the array columns by the names of their values. False if these have several levels. */
static bool name_blocks(hid_t dataset, km_table *table, km_error *error)
{
    bool is_flat = true;
    const int64_t n_columns = table->n_columns;
    for (int64_t i = 0; i < n_columns && error->code == KM_OK; i++) {
        char attribute[KM_NAME_SIZE + 8];
        km_text_list names;
        bool is_deep;
        snprintf(attribute, sizeof attribute, "%s_kind", table->columns[i].name);
        note_frame_meaning(dataset, &table->columns[i]);
        read_names(dataset, attribute, false, &names, &is_deep, error);
        is_flat = is_flat && !is_deep;
        if (names.count > 0 && names.count == table->columns[i].values.length)
            split_column(table, i, &names, error);
        free(names.texts);
    }
    return is_flat;
}

/* The index is the column `index`; how it is called stands in the dictionary `info`. */
static void rename_index(hid_t group, km_table *table, km_error *error)
{
    char name[KM_NAME_SIZE];
    char *info = km_h5_read_long_text(group, "info", error);
    if (info != NULL && km_read_pickled_value(info, "index_name", name))
        for (int64_t i = 0; i < table->n_columns; i++)
            if (strcmp(table->columns[i].name, "index") == 0 &&
                strcmp(table->columns[i].values.member, "index") == 0)
                name_index(table, name, &table->columns[i]);
    free(info);
}

static void list_frame_columns(km_finder *finder, const km_object *object, km_table *table)
{
    km_text_list order;
    bool is_deep;
    km_error *error = finder->error;
    km_list_members(finder->file, object->id, table, error);
    if (!name_blocks(object->id, table, error)) {
        km_add_unusable(finder, object->path, LEVELS);
        free(table->columns);
        table->columns = NULL;
        table->n_columns = 0;
        return;
    }
    if (read_names(object->parent, "non_index_axes", true, &order, &is_deep, error))
        sort_columns(table, &order, error);
    free(order.texts);
    rename_index(object->parent, table, error);
}

static bool is_frame_table(hid_t group)
{
    char type[32];
    km_h5_read_text(group, "pandas_type", type, sizeof type);
    return km_ends_with(type, "_table");
}

/* Visits the table of a frame; the group has only indexes and names of categories beside it. */
static void visit_frame_table(km_finder *finder, const km_object *group)
{
    char path[KM_DATASET_SIZE];
    if (!km_has_link(group->id, "table") || !km_join_path(path, group->path, "table"))
        return;
    const hid_t id = H5Dopen2(group->id, "table", H5P_DEFAULT);
    if (id < 0) {
        km_add_unusable(finder, path, "it can't be opened");
        return;
    }
    km_finder_visit(finder, &(km_object){.id = id,
                                         .parent = group->id,
                                         .name = "table",
                                         .path = path,
                                         .is_group = false,
                                         .depth = group->depth + 1});
    H5Dclose(id);
}

bool km_find_frame_table(km_finder *finder, const km_object *object, km_table *table)
{
    int64_t shape[2];
    if (object->is_group) {
        const bool is_frame = is_frame_table(object->id);
        if (is_frame && !finder->is_shallow)
            visit_frame_table(finder, object);
        return is_frame;
    }
    if (H5Iget_type(object->parent) != H5I_GROUP || !is_frame_table(object->parent) ||
        km_find_shape(object->id, shape) != 1)
        return false;
    const bool is_compound = km_holds_compounds(object->id);
    if (is_compound)
        list_frame_columns(finder, object, table);
    return is_compound;
}
