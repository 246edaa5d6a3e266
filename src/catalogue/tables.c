/* Discovery: which tables a file has. One rank walks the file; groups are searched by name, so that
 * the order never depends on when a column was written. */
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST_GROUP = 32, BAD_MASK = -2 };

/* What tells an object from others, however many links lead to it. */
typedef struct object_id {
    unsigned char bytes[32];
} object_id;

struct finder {
    km_tables *found;
    object_id *visited; /* groups: links may form loops */
    int64_t n_visited;
    km_error *error;
};

static object_id identify(hid_t object)
{
    object_id id = {{0}};
#if H5_VERSION_GE(1, 12, 0)
    H5O_info2_t info;
    if (H5Oget_info3(object, &info, H5O_INFO_BASIC) >= 0) {
        memcpy(id.bytes, &info.fileno, sizeof info.fileno);
        memcpy(id.bytes + sizeof info.fileno, &info.token, sizeof info.token);
    }
#else
    H5O_info_t info;
    if (H5Oget_info(object, &info) >= 0) {
        memcpy(id.bytes, &info.fileno, sizeof info.fileno);
        memcpy(id.bytes + sizeof info.fileno, &info.addr, sizeof info.addr);
    }
#endif
    return id;
}

/* Hands a table over to the list, or frees it if there is no memory. */
static void add_table(struct finder *finder, const km_table *table)
{
    const int64_t n_before = finder->found->count;
    if (finder->error->code == KM_OK)
        finder->found->tables = km_append(finder->found->tables, &finder->found->count,
                                          sizeof *table, table, finder->error);
    if (finder->found->count == n_before)
        free(table->columns);
}

/* ---- tables that are one dataset ------------------------------------------------------------ */

static void add_array(struct finder *finder, const km_column *column, const int64_t *shape)
{
    km_table table = {.is_array = true, .n_rows = shape[0], .n_columns = shape[1]};
    if (!column->is_numeric || column->values.length != shape[1] || shape[1] == 0)
        return;
    int64_t one = 0;
    strcpy(table.path, column->values.dataset);
    table.columns = km_append(NULL, &one, sizeof *column, column, finder->error);
    add_table(finder, &table);
}

/* Adds the dataset if it is one of compounds; tells whether. */
static bool add_compounds(struct finder *finder, hid_t group, const char *name, hid_t dataset,
                          const char *path, int64_t n_rows)
{
    km_table table = {.n_rows = n_rows};
    strcpy(table.path, path);
    if (!km_find_members(dataset, &table, finder->error)) {
        free(table.columns);
        return false;
    }
    km_name_frame(group, dataset, &table, finder->error);
    km_read_column_meta(group, name, &table, finder->error);
    add_table(finder, &table);
    return true;
}

/* ---- groups of columns ---------------------------------------------------------------------- */

/* A group while its columns are collected, each with the rows that it and its mask have. */
struct collection {
    km_table table;
    struct rows {
        int64_t of_values, of_mask; /* of_mask: -1 if there is none, BAD_MASK if it can't be one */
        bool is_array;
    } * rows;
    int64_t n_rows; /* in that list */
};

static void collect(struct finder *finder, struct collection *c, const km_column *column,
                    struct rows rows)
{
    km_add_column(&c->table, column, finder->error);
    c->rows = km_append(c->rows, &c->n_rows, sizeof rows, &rows, finder->error);
}

/* Type, storage, place and units of a dataset of n dimensions that may be a column. */
static void describe_column(hid_t dataset, const char *path, int n, const int64_t *shape,
                            km_column *column)
{
    const hid_t type = H5Dget_type(dataset);
    km_describe_type(type, column);
    H5Tclose(type);
    km_describe_dataset(dataset, path, column);
    km_describe_units(dataset, column);
    km_read_convention(dataset, dataset, column);
    if (n == 2 &&
        (__builtin_mul_overflow(column->values.length, shape[1], &column->values.length) ||
         shape[1] == 0)) /* none, or more than can be counted */
        column->is_numeric = column->is_floating = column->is_text = false;
}

/* A dataset that is a column, a table by itself, or both. */
static void visit_dataset(struct finder *finder, struct collection *c, hid_t group, hid_t dataset,
                          const char *name, const char *path)
{
    int64_t shape[2];
    km_column column = {0};
    const int n = km_find_shape(dataset, shape);
    if (n < 0 || (n == 1 && add_compounds(finder, group, name, dataset, path, shape[0])))
        return;
    const bool is_named = strlen(name) < sizeof column.name;
    strcpy(column.name, is_named ? name : "");
    describe_column(dataset, path, n, shape, &column);
    if (n == 2)
        add_array(finder, &column, shape);
    if (is_named && (n == 1 || column.is_numeric))
        collect(finder, c, &column, (struct rows){shape[0], -1, n == 2});
}

static bool has(hid_t group, const char *name)
{
    return H5Lexists(group, name, H5P_DEFAULT) > 0;
}

/* Notes the mask beside the values of a vaex column. */
static void attach_mask(hid_t group, const char *path, km_column *column, struct rows *rows)
{
    int64_t shape[2];
    char mask_path[KM_DATASET_SIZE];
    km_column mask = {0};
    const hid_t dataset =
        has(group, "mask") ? H5Dopen2(group, "mask", H5P_DEFAULT) : H5I_INVALID_HID;
    if (dataset < 0)
        return;
    const hid_t type = H5Dget_type(dataset);
    const int n = km_find_shape(dataset, shape);
    const int64_t length = n == 2 ? shape[1] : 1;
    rows->of_mask = BAD_MASK;
    km_describe_type(type, &mask);
    if (n > 0 && mask.may_be_mask && mask.values.length == 1 &&
        (length == 1 || length == column->values.length) && km_join_path(mask_path, path, "mask")) {
        km_describe_dataset(dataset, mask_path, &mask);
        column->is_virtual = column->is_virtual || mask.is_virtual;
        column->mask = mask.values;
        column->mask.length = length;
        rows->of_mask = shape[0];
    }
    H5Tclose(type);
    H5Dclose(dataset);
}

/* A vaex column is a group with its values in a dataset `data`, and perhaps a mask. False if this
 * is none, so may be a group of another kind. */
static bool visit_column_group(struct finder *finder, struct collection *c, hid_t group,
                               const char *name, const char *path)
{
    int64_t shape[2];
    char data_path[KM_DATASET_SIZE];
    km_column column = {0};
    const hid_t data = has(group, "data") ? H5Dopen2(group, "data", H5P_DEFAULT) : H5I_INVALID_HID;
    if (data < 0)
        return false;
    const int n = km_find_shape(data, shape);
    const bool is_column = n == 1 || (n == 2 && km_ends_with(c->table.path, "/columns"));
    const hid_t type = H5Dget_type(data);
    if (is_column && H5Tget_class(type) != H5T_COMPOUND && strlen(name) < sizeof column.name &&
        km_join_path(data_path, path, "data")) {
        struct rows rows = {shape[0], -1, n == 2};
        strcpy(column.name, name);
        describe_column(data, data_path, n, shape, &column);
        attach_mask(group, path, &column, &rows);
        if (has(group, "indices") || has(group, "null_bitmap")) { /* texts and nulls of Arrow */
            column.is_numeric = column.is_floating = false;
            strcpy(column.type, "Arrow array");
        }
        collect(finder, c, &column, rows);
    }
    H5Tclose(type);
    H5Dclose(data);
    return is_column;
}

static void visit_group(struct finder *finder, hid_t group, const char *path, int depth);

/* Groups in which PyTables keeps its indexes hold no tables. */
static bool is_index(hid_t group)
{
    char class[16];
    km_h5_read_text(group, "CLASS", class, sizeof class);
    return strcmp(class, "TINDEX") == 0 || strcmp(class, "INDEX") == 0;
}

static void visit_child(struct finder *finder, struct collection *c, hid_t parent, const char *name,
                        int depth)
{
    char path[KM_DATASET_SIZE];
    if (!km_join_path(path, c->table.path, name) || strcmp(path, "/truth") == 0 ||
        km_ends_with(name, ".__table_column_meta__"))
        return;
    const hid_t object = H5Oopen(parent, name, H5P_DEFAULT);
    if (object < 0)
        return; /* a link to nowhere is no table */
    if (H5Iget_type(object) == H5I_DATASET)
        visit_dataset(finder, c, parent, object, name, path);
    else if (H5Iget_type(object) == H5I_GROUP && !is_index(object) &&
             !visit_column_group(finder, c, object, name, path))
        visit_group(finder, object, path, depth + 1);
    H5Oclose(object);
}

/* Notes a group; false if it was visited before. */
static bool visit_first_time(struct finder *finder, hid_t group)
{
    const object_id new = identify(group);
    for (int64_t i = 0; i < finder->n_visited; i++)
        if (memcmp(&finder->visited[i], &new, sizeof new) == 0)
            return false;
    finder->visited =
        km_append(finder->visited, &finder->n_visited, sizeof new, &new, finder->error);
    return true;
}

/* One-dimensional columns of numbers decide how many rows a table has. True if there is one. */
static bool count_rows(struct collection *c)
{
    km_table *table = &c->table;
    const char *first = NULL;
    for (int64_t i = 0; i < table->n_columns; i++) {
        const km_column *column = &table->columns[i];
        const int64_t n = c->rows[i].of_values;
        if (!column->is_numeric || c->rows[i].is_array)
            continue;
        if (first != NULL && n != table->n_rows && table->flaw[0] == '\0')
            snprintf(table->flaw, sizeof table->flaw,
                     "its columns are not equally long: %.64s has %lld rows, %.64s has %lld", first,
                     (long long)table->n_rows, column->name, (long long)n);
        if (first == NULL) {
            first = column->name;
            table->n_rows = n;
        }
    }
    return first != NULL;
}

/* Only columns with as many rows stay, and their masks must have as many, too. */
static void keep_columns(struct collection *c)
{
    km_table *table = &c->table;
    int64_t kept = 0;
    for (int64_t i = 0; i < table->n_columns; i++) {
        const km_column *column = &table->columns[i];
        const struct rows rows = c->rows[i];
        if (rows.of_values != table->n_rows && table->flaw[0] == '\0')
            continue;
        if (rows.of_mask != -1 && rows.of_mask != table->n_rows && table->flaw[0] == '\0')
            snprintf(table->flaw, sizeof table->flaw,
                     "the mask of column %.64s has another length than its values, or no truths",
                     column->name);
        table->columns[kept++] = *column;
    }
    table->n_columns = kept;
}

static void visit_links(struct finder *finder, struct collection *c, hid_t group, int depth)
{
    H5G_info_t info;
    if (H5Gget_info(group, &info) < 0)
        return;
    for (hsize_t i = 0; i < info.nlinks && finder->error->code == KM_OK; i++) {
        char name[KM_DATASET_SIZE];
        const ssize_t length = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name,
                                                  sizeof name, H5P_DEFAULT);
        if (length > 0 && length < (ssize_t)sizeof name)
            visit_child(finder, c, group, name, depth);
    }
}

static void visit_group(struct finder *finder, hid_t group, const char *path, int depth)
{
    struct collection c = {.table = {.n_rows = -1}};
    bool is_table = false;
    if (depth > DEEPEST_GROUP || !visit_first_time(finder, group))
        return;
    strcpy(c.table.path, path);
    if (km_find_frame(group, &c.table, finder->error)) {
        is_table = c.table.n_columns > 0;
    } else {
        visit_links(finder, &c, group, depth);
        is_table = finder->error->code == KM_OK && count_rows(&c);
        if (is_table)
            keep_columns(&c);
    }
    free(c.rows);
    if (is_table)
        add_table(finder, &c.table);
    else
        free(c.table.columns);
}

km_code km_tables_find(hid_t file, km_tables *tables, km_error *error)
{
    *tables = (km_tables){0};
    struct finder finder = {.found = tables, .error = error};
    const hid_t root = H5Gopen2(file, "/", H5P_DEFAULT);
    if (!km_h5_note(root))
        return km_fail(
            error, KM_DATA,
            "damaged HDF5 file: its root group can't be opened: %s; was it copied completely?",
            km_h5_reason());
    visit_group(&finder, root, "/", 0);
    H5Gclose(root);
    free(finder.visited);
    if (error->code != KM_OK)
        km_tables_free(tables);
    return error->code;
}

void km_tables_free(km_tables *tables)
{
    for (int64_t i = 0; i < tables->count; i++)
        free(tables->tables[i].columns);
    free(tables->tables);
    *tables = (km_tables){0};
}
