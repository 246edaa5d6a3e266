/* Columns by path: those of other groups, and those of other files. */
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "tables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- in one file ---------------------------------------------------------------------------- */

/* The column at an absolute path, if the beginning of the path is a table. */
static bool find_in_tables(const km_scope *scope, const char *path, km_column *column,
                           km_error *error)
{
    char table_path[KM_DATASET_SIZE];
    bool is_found = false;
    snprintf(table_path, sizeof table_path, "%s", path);
    for (char *slash = strrchr(table_path, '/'); slash != NULL && !is_found;) {
        km_names names;
        *slash = '\0';
        const char *name = path + (slash - table_path) + 1;
        const km_table *table =
            km_tables_find_called(scope->tables, table_path[0] != '\0' ? table_path : "/");
        if (table != NULL && !table->is_array && km_names_create(&names, table, error) == KM_OK) {
            const int64_t i = km_names_find(&names, name);
            is_found = i >= 0;
            if (is_found)
                *column = table->columns[i];
            km_names_free(&names);
        }
        slash = strrchr(table_path, '/');
    }
    return is_found;
}

/* Describes the object at an absolute path as a column, whatever it belongs to. */
static bool describe_object_at(const km_scope *scope, const char *path, km_column *column)
{
    char why[160];
    if (strcmp(path, "/") == 0)
        return false;
    const hid_t object = H5Oopen(scope->file, path, H5P_DEFAULT);
    if (object < 0)
        return false;
    const bool is_column = km_describe_object(
        scope->file, object, "", path, scope->tables->is_transposed, column, why, sizeof why);
    H5Oclose(object);
    return is_column;
}

static bool find_column_at(const km_scope *scope, const char *path, km_column *column,
                           km_error *error)
{
    return find_in_tables(scope, path, column, error) ||
           (error->code == KM_OK && describe_object_at(scope, path, column));
}

/* Where relative paths begin: in the table if it is a group, else in the group of the dataset. */
static void find_base(const km_scope *scope, const km_table *table, char *base)
{
    snprintf(base, KM_DATASET_SIZE, "%s", table->path);
    const hid_t object = H5Oopen(scope->file, table->path, H5P_DEFAULT);
    if (object >= 0 && H5Iget_type(object) == H5I_DATASET)
        *strrchr(base, '/') = '\0';
    if (object >= 0)
        H5Oclose(object);
}

static bool find_in_file(const km_scope *scope, const km_table *table, const char *text,
                         km_column *column, km_error *error)
{
    char base[KM_DATASET_SIZE], path[KM_DATASET_SIZE];
    if (text[0] == '\0')
        return false;
    if (text[0] != '/') {
        find_base(scope, table, base);
        if (km_join_path(path, base[0] != '\0' ? base : "/", text) &&
            find_column_at(scope, path, column, error))
            return true;
        if (error->code != KM_OK || strchr(text, '/') == NULL)
            return false;
    }
    return km_join_path(path, "/", text + strspn(text, "/")) &&
           find_column_at(scope, path, column, error);
}

/* ---- in another file ------------------------------------------------------------------------ */

void km_others_free(km_others *others)
{
    for (int64_t i = 0; i < others->count; i++) {
        km_tables_free(&others->list[i].tables);
        H5Fclose(others->list[i].file);
        free(others->list[i].path);
    }
    free(others->list);
    *others = (km_others){0};
}

/* The number of a file in the list, which is opened if it is new; -1 after an error. */
static int64_t open_other(km_others *others, const char *path, km_error *error)
{
    struct km_other new = {.file = H5I_INVALID_HID};
    for (int64_t i = 0; i < others->count; i++)
        if (strcmp(others->list[i].path, path) == 0)
            return i;
    const int64_t n_before = others->count;
    if (km_h5_open(path, &new.file, error) != KM_OK)
        return -1;
    new.path = km_copy_text(path, "list of files", error);
    if (error->code == KM_OK &&
        km_tables_find(new.file, others->is_transposed, &new.tables, error) == KM_OK)
        others->list = km_append(others->list, &others->count, sizeof new, &new, error);
    if (others->count > n_before)
        return n_before;
    km_tables_free(&new.tables);
    H5Fclose(new.file);
    free(new.path);
    return -1;
}

/* Finds a column by name, if only one table has it. */
static bool find_by_name(const km_scope *scope, const char *name, km_column *column,
                         km_error *error)
{
    int64_t count = 0;
    for (int64_t i = 0; i < scope->tables->count && error->code == KM_OK; i++) {
        const km_table *table = &scope->tables->tables[i];
        km_names names;
        if (table->is_array || km_names_create(&names, table, error) != KM_OK)
            continue;
        const int64_t c = km_names_find(&names, name);
        if (c >= 0)
            *column = table->columns[c];
        count += c >= 0;
        km_names_free(&names);
    }
    return count == 1;
}

static bool find_in_other(const km_scope *scope, const char *path, const char *text,
                          km_column *column, km_error *error)
{
    char absolute[KM_DATASET_SIZE];
    const int64_t n = open_other(scope->others, path, error);
    if (n < 0)
        return false;
    struct km_other *other = &scope->others->list[n];
    const km_scope inner = {.file = other->file, .path = path, .tables = &other->tables};
    const bool is_found = (km_join_path(absolute, "/", text + strspn(text, "/")) &&
                           find_column_at(&inner, absolute, column, error)) ||
                          (error->code == KM_OK && strchr(text, '/') == NULL &&
                           find_by_name(&inner, text, column, error));
    if (is_found) {
        column->values.other = n + 1;
        column->mask.other = column->mask.dataset[0] != '\0' ? n + 1 : 0;
    }
    return is_found;
}

/* Splits FILE:PATH at a colon behind the name of an existing file. */
static bool split_file(const char *text, char *file, const char **path)
{
    const char *colon = km_h5_find_colon(text);
    if (colon == NULL)
        return false;
    snprintf(file, KM_PATH_SIZE, "%.*s", (int)(colon - text), text);
    *path = colon + 1;
    return true;
}

bool km_refuse_in_other(const km_scope *scope, const char *text, km_error *error)
{
    char file[KM_PATH_SIZE];
    const char *path;
    if (scope->others == NULL || !split_file(text, file, &path))
        return false;
    km_fail(error, KM_DATA,
            "no such column (%s, column %s): the file has no single one of this name or path; "
            "skymeans info %s lists all",
            file, path, file);
    return true;
}

bool km_refuse_no_file(const char *text, km_error *error)
{
    const char *colon = strstr(text, ":/");
    if (colon == NULL || colon == text)
        return false;
    km_fail(error, KM_SYSTEM, "can't open the file (%.*s): %s; check its path and permissions",
            (int)(colon - text), text, strerror(ENOENT));
    return true;
}

/* ---- any file ------------------------------------------------------------------------------- */

bool km_column_at(const km_scope *scope, const km_table *table, const char *text, km_column *column,
                  km_error *error)
{
    char file[KM_PATH_SIZE];
    const char *path;
    bool is_found = find_in_file(scope, table, text, column, error);
    if (!is_found && error->code == KM_OK && scope->others != NULL && split_file(text, file, &path))
        is_found = find_in_other(scope, file, path, column, error);
    if (!is_found)
        return false;
    if (strlen(text) >= sizeof column->name) {
        km_refuse_long_name(scope->path, table, text, error);
        return false;
    }
    strcpy(column->name, text);
    return true;
}
