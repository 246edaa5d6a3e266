/* Tables by name: which table -d NAME or -d PATTERN means. */
#include "base/error.h"
#include "tables.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

/* Ends of paths that may be left out: a table of vaex or pandas may be called by its group. */
static const char *const suffixes[] = {"", "/columns", "/table"};
enum { N_SUFFIXES = sizeof suffixes / sizeof *suffixes };

/* Does -d NAME mean this table, whose path is NAME and `suffix`? Slashes around NAME are
 * ignored. */
static bool is_table_called(const km_table *table, const char *name, const char *suffix)
{
    while (*name == '/')
        name++;
    size_t length = strlen(name);
    while (length > 0 && name[length - 1] == '/')
        length--;
    const char *path = table->path + 1; /* after its first slash */
    return strncmp(path, name, length) == 0 && strcmp(path + length, suffix) == 0;
}

const km_table *km_tables_find_called(const km_tables *tables, const char *name)
{
    for (int s = 0; s < N_SUFFIXES; s++)
        for (int64_t i = 0; i < tables->count; i++)
            if (is_table_called(&tables->tables[i], name, suffixes[s]))
                return &tables->tables[i];
    return NULL;
}

bool km_is_pattern(const char *text)
{
    return strpbrk(text, "*?[") != NULL;
}

bool km_is_called_like(const km_table *table, const char *pattern)
{
    char path[KM_DATASET_SIZE];
    while (*pattern == '/')
        pattern++;
    for (int s = 0; s < N_SUFFIXES; s++)
        if (km_ends_with(table->path, suffixes[s])) {
            snprintf(path, sizeof path, "%.*s", (int)(strlen(table->path) - strlen(suffixes[s])),
                     table->path);
            if (path[0] == '/' && fnmatch(pattern, path + 1, FNM_PATHNAME) == 0)
                return true;
        }
    return false;
}

/* Makes an absolute path without slashes at its end; false if it is too long. */
static bool make_path(char *path, const char *name, const char *suffix)
{
    size_t length = (size_t)snprintf(path, KM_DATASET_SIZE, "/%s", name + strspn(name, "/"));
    if (length >= KM_DATASET_SIZE)
        return false;
    while (length > 1 && path[length - 1] == '/')
        path[--length] = '\0';
    if (length + strlen(suffix) >= KM_DATASET_SIZE)
        return false;
    strcpy(path + (length > 1 || suffix[0] == '\0' ? length : 0), suffix);
    return true;
}

const char *km_find_unusable_called(const km_tables *tables, const char *name)
{
    char path[KM_DATASET_SIZE];
    const char *reason = NULL;
    for (int s = 0; s < N_SUFFIXES && reason == NULL; s++)
        if (make_path(path, name, suffixes[s]))
            reason = km_find_unusable(tables, path);
    return reason;
}

/* ---- in a file that is open ----------------------------------------------------------------- */

/* The number of the table that is this object; -1 if there is none. */
static int64_t find_object(const km_tables *tables, hid_t object)
{
    bool is_ok;
    const km_object_id id = km_identify(object, &is_ok);
    for (int64_t i = 0; i < tables->count && is_ok; i++)
        if (memcmp(&tables->tables[i].object, &id, sizeof id) == 0)
            return i;
    return -1;
}

/* The table at a path, whatever name it was found by; a table that was not found yet is added. */
static const km_table *find_at_path(const km_scope *scope, const char *path, km_error *error)
{
    const hid_t object = H5Oopen(scope->file, path, H5P_DEFAULT);
    if (object < 0)
        return NULL;
    int64_t i = find_object(scope->tables, object);
    H5Oclose(object);
    if (i >= 0)
        return &scope->tables->tables[i];
    i = scope->tables->count;
    km_tables_find_at(scope->file, path, NULL, scope->tables, error);
    return error->code == KM_OK && scope->tables->count > i ? &scope->tables->tables[i] : NULL;
}

const km_table *km_scope_find_table(const km_scope *scope, const char *name, km_error *error)
{
    char path[KM_DATASET_SIZE];
    const km_table *table = km_tables_find_called(scope->tables, name);
    for (int s = 0; s < N_SUFFIXES && table == NULL && error->code == KM_OK; s++)
        if (make_path(path, name, suffixes[s]))
            table = find_at_path(scope, path, error);
    return table;
}
