/* Finds the tables of a file. One rank walks through the file and tries the layouts on each object
 * once, however many links lead to it. */
#include "base/error.h"
#include "base/memory.h"
#include "mock/mock.h"
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_GROUP_DEPTH = 32, MAX_UNUSABLE = 1 << 16 };

/* The ways to store a table, from the special to the general: the first that fits an object takes
 * it. A new layout is a file with a function that finds it (see km_layout), declared in tables.h,
 * and a row here; its tables are then listed, chosen and read like all others. */
static const km_layout layouts[] = {
    {"index of PyTables", km_find_index},
    {"pandas, fixed", km_find_frame},
    {"pandas, table", km_find_frame_table},
    {"sparse matrix", km_find_sparse},
    {"columns", km_find_columns},
    {"compounds", km_find_members},
    {"array", km_find_array},
};

/* ---- lists ---------------------------------------------------------------------------------- */

km_object_id km_identify(hid_t object, bool *is_ok)
{
    km_object_id id = {{0}};
#if H5_VERSION_GE(1, 12, 0)
    H5O_info2_t info;
    *is_ok = H5Oget_info3(object, &info, H5O_INFO_BASIC) >= 0;
    const void *token = &info.token;
    const size_t size = sizeof info.token;
#else
    /* Without H5O_INFO_BASIC HDF5 would count the bytes of all chunks. */
    H5O_info_t info;
    *is_ok = H5Oget_info2(object, &info, H5O_INFO_BASIC) >= 0;
    const void *token = &info.addr;
    const size_t size = sizeof info.addr;
#endif
    if (!*is_ok)
        return id;
    const uint32_t number = (uint32_t)info.fileno;
    memcpy(id.bytes, token, size < 16 ? size : 16);
    memcpy(id.bytes + 16, &number, sizeof number);
    id.bytes[sizeof id.bytes - 1] = 1; /* no object is all zeros */
    return id;
}

bool km_is_in_same_file(const km_object_id *a, const km_object_id *b)
{
    return memcmp(a->bytes + 16, b->bytes + 16, sizeof(uint32_t)) == 0;
}

void km_add_column(km_table *table, const km_column *column, km_error *error)
{
    table->columns = km_append(table->columns, &table->n_columns, sizeof *column, column, error);
}

void km_add_unusable(km_finder *finder, const char *path, const char *reason)
{
    km_unusable unusable = {{0}, {0}};
    km_tables *found = finder->found;
    snprintf(unusable.path, sizeof unusable.path, "%s", path);
    snprintf(unusable.reason, sizeof unusable.reason, "%s", reason);
    if (found->n_unusable < MAX_UNUSABLE)
        found->unusable = km_append(found->unusable, &found->n_unusable, sizeof unusable, &unusable,
                                    finder->error);
}

const char *km_find_unusable(const km_tables *tables, const char *path)
{
    for (int64_t i = 0; i < tables->n_unusable; i++)
        if (strcmp(tables->unusable[i].path, path) == 0)
            return tables->unusable[i].reason;
    return NULL;
}

static bool has_numbers(const km_table *table)
{
    for (int64_t i = 0; i < (table->is_array ? 1 : table->n_columns); i++)
        if (table->columns[i].is_numeric)
            return true;
    return false;
}

/* Says what the columns are, by the first that is no text, since there are often texts beside
 * others. */
void km_refuse_table(km_finder *finder, const km_table *table)
{
    char reason[sizeof((km_unusable *)NULL)->reason];
    int64_t i = 0;
    while (!table->is_array && i < table->n_columns && table->columns[i].is_text)
        i++;
    if (table->is_array)
        snprintf(reason, sizeof reason, "its values are no numbers (%s)", table->columns[0].type);
    else if (i == table->n_columns)
        snprintf(reason, sizeof reason, "its columns are texts, no numbers");
    else
        snprintf(reason, sizeof reason, "none of its columns are numbers (%.64s: %s)",
                 table->columns[i].name, table->columns[i].type);
    km_add_unusable(finder, table->path, reason);
}

/* Moves a table to the list of those found, or frees it if it is none, or without memory. */
static void add_table(km_finder *finder, km_table *table)
{
    const int64_t n_before = finder->found->count;
    if (table->n_columns > 0 && finder->error->code == KM_OK) {
        if (table->writer[0] == '\0')
            strcpy(table->writer, finder->writer);
        if (has_numbers(table))
            finder->found->tables = km_append(finder->found->tables, &finder->found->count,
                                              sizeof *table, table, finder->error);
        else
            km_refuse_table(finder, table);
    }
    if (finder->found->count == n_before)
        free(table->columns);
}

/* ---- the walk ------------------------------------------------------------------------------- */

void km_finder_visit(km_finder *finder, const km_object *object)
{
    bool is_ok;
    km_table empty = {.n_rows = 0};
    if (object->depth > MAX_GROUP_DEPTH) {
        km_add_unusable(finder, object->path,
                        "it is nested too deep to be looked for; name it with -d");
        return;
    }
    empty.object = km_identify(object->id, &is_ok);
    if (!is_ok)
        km_add_unusable(finder, object->path, "HDF5 can't tell what it is");
    if (!is_ok || !km_object_set_add(&finder->visited, &empty.object, finder->error))
        return;
    snprintf(empty.path, sizeof empty.path, "%s", object->path);
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts && finder->error->code == KM_OK; i++) {
        km_table table = empty;
        table.layout = layouts[i].name;
        const bool is_stored_so = layouts[i].find(finder, object, &table);
        add_table(finder, &table);
        if (is_stored_so)
            return;
    }
}

void km_finder_visit_later(km_finder *finder, const char *path)
{
    char *copy = km_copy_text(path, "list of links", finder->error);
    const int64_t n_before = finder->n_later;
    if (copy != NULL)
        finder->later =
            km_append(finder->later, &finder->n_later, sizeof copy, &copy, finder->error);
    if (finder->n_later == n_before)
        free(copy);
}

static int depth_of(const char *path)
{
    int depth = 0;
    for (; *path != '\0'; path++)
        depth += path[0] == '/' && path[1] != '\0';
    return depth;
}

/* False if nothing at this path can be opened. */
static bool visit_path(km_finder *finder, const char *path)
{
    char group[KM_DATASET_SIZE];
    snprintf(group, sizeof group, "%s", path);
    char *slash = strrchr(group, '/');
    const hid_t id = H5Oopen(finder->file, path, H5P_DEFAULT);
    if (id < 0)
        return false;
    slash[slash == group] = '\0';
    const hid_t parent = H5Oopen(finder->file, group, H5P_DEFAULT);
    const H5I_type_t type = H5Iget_type(id);
    if (parent >= 0 && (type == H5I_GROUP || type == H5I_DATASET))
        km_finder_visit(finder, &(km_object){.id = id,
                                             .parent = parent,
                                             .name = strrchr(path, '/') + 1,
                                             .path = path,
                                             .is_group = type == H5I_GROUP,
                                             .depth = finder->is_shallow ? 0 : depth_of(path)});
    if (parent >= 0)
        H5Oclose(parent);
    H5Oclose(id);
    return true;
}

static void finder_free(km_finder *finder)
{
    for (int64_t i = 0; i < finder->n_later; i++)
        free(finder->later[i]);
    free(finder->later);
    free(finder->visited.slots);
}

km_code km_tables_find(hid_t file, bool is_transposed, km_tables *tables, km_error *error)
{
    *tables = (km_tables){.is_transposed = is_transposed};
    km_finder finder = {.file = file, .found = tables, .error = error};
    finder.is_mock = H5Aexists(file, KM_MOCK_MARK) > 0;
    km_find_writer(file, finder.writer, sizeof finder.writer);
    const hid_t root = H5Gopen2(file, "/", H5P_DEFAULT);
    if (!km_h5_note(root))
        return km_fail(
            error, KM_DATA,
            "damaged HDF5 file: its root group can't be opened: %s; was it copied completely?",
            km_h5_reason());
    H5Gclose(root);
    visit_path(&finder, "/");
    for (int64_t i = 0; i < finder.n_later && error->code == KM_OK; i++)
        visit_path(&finder, finder.later[i]);
    finder_free(&finder);
    if (error->code != KM_OK)
        km_tables_free(tables);
    return error->code;
}

void km_tables_find_at(hid_t file, const char *path, const km_wanted *wanted, km_tables *tables,
                       km_error *error)
{
    km_finder finder = {
        .file = file, .found = tables, .is_shallow = true, .wanted = wanted, .error = error};
    km_find_writer(file, finder.writer, sizeof finder.writer);
    visit_path(&finder, path);
    finder_free(&finder);
}

void km_tables_free(km_tables *tables)
{
    for (int64_t i = 0; i < tables->count; i++)
        free(tables->tables[i].columns);
    free(tables->tables);
    free(tables->unusable);
    *tables = (km_tables){0};
}
