/* Discovery: which tables a file has. One rank walks the file; groups are searched by name, so that
 * the order never depends on when a column was written. */
#include "skymeans/catalogue.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST_GROUP = 32 };

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

/* Appends an element to an array that grows; the array if there is no memory, too. */
static void *append(void *array, int64_t *count, size_t size, const void *element, km_error *error)
{
    char *grown = km_grow(array, *count, size, "list of tables and columns", error);
    if (grown == NULL)
        return array;
    memcpy(grown + (size_t)*count * size, element, size);
    ++*count;
    return grown;
}

static bool join_path(char *path, const char *group, const char *name)
{
    const int length =
        snprintf(path, KM_DATASET_SIZE, "%s/%s", strcmp(group, "/") == 0 ? "" : group, name);
    return length < KM_DATASET_SIZE;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static void name_type(hid_t type, km_column *column)
{
    const char *kind = column->is_floating                 ? "float"
                       : !column->is_numeric               ? "no number, "
                       : H5Tget_sign(type) == H5T_SGN_NONE ? "uint"
                                                           : "int";
    const size_t size = H5Tget_size(type);
    snprintf(column->type, sizeof column->type, "%s%zu%s", kind, 8 * size,
             size > 1 && H5Tget_order(type) == H5T_ORDER_BE ? " big-endian" : "");
}

static void describe_type(hid_t dataset, km_column *column)
{
    const hid_t type = H5Dget_type(dataset);
    const H5T_class_t class = H5Tget_class(type);
    const size_t size = H5Tget_size(type);
    column->is_floating = class == H5T_FLOAT;
    column->is_numeric = column->is_floating || class == H5T_INTEGER;
    column->fits_float32 = size <= (column->is_floating ? sizeof(float) : sizeof(int16_t));
    name_type(type, column);
    H5Tclose(type);
}

static void describe_storage(hid_t dataset, km_column *column)
{
    const hid_t creation = H5Dget_create_plist(dataset);
    hsize_t chunk[2] = {0, 0};
    switch (H5Pget_layout(creation)) {
    case H5D_CHUNKED:
        H5Pget_chunk(creation, 2, chunk);
        snprintf(column->storage, sizeof column->storage, "chunks of %llu rows%s",
                 (unsigned long long)chunk[0], H5Pget_nfilters(creation) > 0 ? ", compressed" : "");
        break;
    case H5D_CONTIGUOUS:
        strcpy(column->storage, "contiguous");
        break;
    default:
        strcpy(column->storage, "compact or virtual");
    }
    H5Pclose(creation);
}

/* Number of dimensions, or -1. */
static int find_shape(hid_t dataset, hsize_t *shape)
{
    const hid_t space = H5Dget_space(dataset);
    int n = H5Sget_simple_extent_ndims(space);
    if (n == 1 || n == 2)
        H5Sget_simple_extent_dims(space, shape, NULL);
    H5Sclose(space);
    return n;
}

static bool is_countable(const hsize_t *shape, int n)
{
    for (int i = 0; i < n; i++)
        if (shape[i] > INT64_MAX)
            return false;
    return true;
}

/* Hands a table over to the list, or frees it if there is no memory. */
static void add_table(struct finder *finder, km_table *table)
{
    const int64_t n_before = finder->found->count;
    if (finder->error->code == KM_OK)
        finder->found->tables = append(finder->found->tables, &finder->found->count, sizeof *table,
                                       table, finder->error);
    if (finder->found->count == n_before)
        free(table->columns);
}

static void add_array(struct finder *finder, hid_t dataset, const char *path, const hsize_t *shape)
{
    km_column column = {0};
    describe_type(dataset, &column);
    describe_storage(dataset, &column);
    if (!column.is_numeric || shape[1] == 0)
        return;
    km_table table = {
        .is_array = true, .n_rows = (int64_t)shape[0], .n_columns = (int64_t)shape[1]};
    snprintf(table.path, sizeof table.path, "%s", path);
    snprintf(column.dataset, sizeof column.dataset, "%s", path);
    int64_t one = 0;
    table.columns = append(NULL, &one, sizeof column, &column, finder->error);
    finder->found->tables =
        append(finder->found->tables, &finder->found->count, sizeof table, &table, finder->error);
}

/* Adds a one-dimensional dataset to the table of its group; numbers decide the table's length. */
static void add_column(struct finder *finder, km_table *table, bool *is_even, hid_t dataset,
                       const char *name, const char *path, int64_t length)
{
    km_column column = {0};
    if (strlen(name) >= sizeof column.name)
        return;
    strcpy(column.name, name);
    snprintf(column.dataset, sizeof column.dataset, "%s", path);
    describe_type(dataset, &column);
    describe_storage(dataset, &column);
    km_h5_read_text(dataset, "units", column.units, sizeof column.units);
    if (column.units[0] == '\0') /* where vaex has them */
        km_h5_read_text(dataset, "unit", column.units, sizeof column.units);
    if (column.is_numeric && table->n_rows >= 0 && table->n_rows != length)
        *is_even = false;
    if (column.is_numeric)
        table->n_rows = length;
    table->columns =
        append(table->columns, &table->n_columns, sizeof column, &column, finder->error);
}

static void visit_dataset(struct finder *finder, km_table *table, bool *is_even, hid_t dataset,
                          const char *name, const char *path)
{
    hsize_t shape[2];
    const int n = find_shape(dataset, shape);
    if ((n != 1 && n != 2) || !is_countable(shape, n))
        return;
    if (n == 1)
        add_column(finder, table, is_even, dataset, name, path, (int64_t)shape[0]);
    else
        add_array(finder, dataset, path, shape);
}

/* Do a vaex column's values come with others that say which are missing? */
static bool has_mask(hid_t group)
{
    return H5Lexists(group, "mask", H5P_DEFAULT) > 0 ||
           H5Lexists(group, "null_bitmap", H5P_DEFAULT) > 0;
}

/* A vaex column is a group with its values in a one-dimensional dataset `data`. */
static hid_t open_column_group(hid_t group)
{
    if (H5Lexists(group, "data", H5P_DEFAULT) <= 0)
        return H5I_INVALID_HID;
    const hid_t data = H5Oopen(group, "data", H5P_DEFAULT);
    hsize_t shape[2];
    if (data >= 0 && (H5Iget_type(data) != H5I_DATASET || find_shape(data, shape) != 1)) {
        H5Oclose(data);
        return H5I_INVALID_HID;
    }
    return data;
}

static void visit_group(struct finder *finder, hid_t group, const char *path, int depth);

static void visit_child(struct finder *finder, km_table *table, bool *is_even, hid_t parent,
                        const char *name, int depth)
{
    char path[KM_DATASET_SIZE], data_path[KM_DATASET_SIZE];
    if (!join_path(path, table->path, name) || strcmp(path, "/truth") == 0 ||
        ends_with(name, ".__table_column_meta__"))
        return;
    const hid_t object = H5Oopen(parent, name, H5P_DEFAULT);
    if (object < 0)
        return; /* a link to nowhere is no table */
    if (H5Iget_type(object) == H5I_DATASET) {
        visit_dataset(finder, table, is_even, object, name, path);
    } else if (H5Iget_type(object) == H5I_GROUP) {
        const hid_t data = open_column_group(object);
        if (data >= 0) {
            const int64_t n_before = table->n_columns;
            if (join_path(data_path, path, "data"))
                visit_dataset(finder, table, is_even, data, name, data_path);
            if (table->n_columns > n_before)
                table->columns[n_before].is_masked = has_mask(object);
            H5Oclose(data);
        } else {
            visit_group(finder, object, path, depth + 1);
        }
    }
    H5Oclose(object);
}

/* Notes a group; false if it was visited before. */
static bool visit_first_time(struct finder *finder, hid_t group)
{
    const object_id new = identify(group);
    for (int64_t i = 0; i < finder->n_visited; i++)
        if (memcmp(&finder->visited[i], &new, sizeof new) == 0)
            return false;
    finder->visited = append(finder->visited, &finder->n_visited, sizeof new, &new, finder->error);
    return true;
}

static bool has_numbers(const km_table *table)
{
    for (int64_t i = 0; i < table->n_columns; i++)
        if (table->columns[i].is_numeric)
            return true;
    return false;
}

static void visit_group(struct finder *finder, hid_t group, const char *path, int depth)
{
    H5G_info_t info;
    if (depth > DEEPEST_GROUP || H5Gget_info(group, &info) < 0 || !visit_first_time(finder, group))
        return;
    km_table table = {.n_rows = -1};
    bool is_even = true;
    snprintf(table.path, sizeof table.path, "%s", path);
    for (hsize_t i = 0; i < info.nlinks && finder->error->code == KM_OK; i++) {
        char name[KM_DATASET_SIZE];
        const ssize_t length = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name,
                                                  sizeof name, H5P_DEFAULT);
        if (length > 0 && length < (ssize_t)sizeof name)
            visit_child(finder, &table, &is_even, group, name, depth);
    }
    if (is_even && has_numbers(&table))
        add_table(finder, &table);
    else
        free(table.columns);
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

/* ---- the choice --------------------------------------------------------------------------------
 */

/* Does -d NAME mean this table, whose path ends with `suffix`? With or without slashes around. */
static bool is_called(const km_table *table, const char *name, const char *suffix)
{
    while (*name == '/')
        name++;
    size_t length = strlen(name);
    while (length > 0 && name[length - 1] == '/')
        length--;
    const char *path = table->path + 1; /* all begin with a slash */
    return strncmp(path, name, length) == 0 && strcmp(path + length, suffix) == 0;
}

/* "/a (100 x 3), /b (...)" as far as it fits. */
static void list_tables(const km_tables *tables, char *text, size_t size)
{
    size_t used = 0;
    for (int64_t i = 0; i < tables->count && used < size; i++) {
        const km_table *t = &tables->tables[i];
        const int written =
            snprintf(text + used, size - used, "%s%s (%lld rows, %lld columns)", i > 0 ? ", " : "",
                     t->path, (long long)t->n_rows, (long long)t->n_columns);
        used += (size_t)written;
    }
    if (used >= size)
        memcpy(text + size - 5, " ...", 5);
}

const km_table *km_tables_choose(const km_tables *tables, const char *name, const char *file,
                                 km_error *error)
{
    char candidates[512];
    if (tables->count == 0) {
        km_fail(
            error, KM_DATA,
            "no table in the file (%s): it has neither a two-dimensional array of numbers nor a "
            "group of equally long columns; look into it with h5ls -r",
            file);
        return NULL;
    }
    if (name == NULL && tables->count == 1)
        return &tables->tables[0];
    list_tables(tables, candidates, sizeof candidates);
    if (name == NULL) {
        km_fail(error, KM_DATA, "which table (%s): there are several; choose one with -d: %s", file,
                candidates);
        return NULL;
    }
    /* Its own name first; then /table, as vaex calls the table of which this is the part. */
    static const char *const suffixes[] = {"", "/columns"};
    for (int s = 0; s < 2; s++)
        for (int64_t i = 0; i < tables->count; i++)
            if (is_called(&tables->tables[i], name, suffixes[s]))
                return &tables->tables[i];
    km_fail(error, KM_DATA, "no such table (%s, dataset %s): choose one of these with -d: %s", file,
            name, candidates);
    return NULL;
}
