/* The tables that are found in a file of a test. */
#ifndef SKYMEANS_TESTS_FOUND_TABLES_H
#define SKYMEANS_TESTS_FOUND_TABLES_H

#include "catalogue/tables.h"
#include "h5/h5.h"
#include "mock.h"
#include "mpi_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file that rank 0 writes, and its tables as every rank finds them. */
typedef struct found {
    mock_folder folder;
    char path[1024];
    km_tables tables;
} found;

static void write_new(const char *path, void (*write)(hid_t file))
{
    if (km_comm_rank(MPI_COMM_WORLD) == 0) {
        const hid_t file = mock_create_file(path);
        write(file);
        H5Fclose(file);
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

static found find_tables(void (*write)(hid_t file))
{
    found f = {.folder = mock_folder_create()};
    km_error error = {0};
    hid_t file;
    snprintf(f.path, sizeof f.path, "%s/tables.h5", f.folder.path);
    write_new(f.path, write);
    const int64_t n_handles = mock_open_handles();
    ck_assert_all(km_h5_open(f.path, &file, &error) == KM_OK);
    ck_assert_all(km_tables_find(file, false, &f.tables, &error) == KM_OK);
    H5Fclose(file);
    ck_assert_all(mock_open_handles() == n_handles);
    return f;
}

/* The columns that a list as -c takes it chooses; the caller frees them. */
static km_column *choose_columns(found *f, const km_table *table, const char *list, int64_t *count,
                                 km_error *error)
{
    km_scope scope = {.path = f->path, .tables = &f->tables};
    *error = (km_error){0};
    ck_assert_all(km_h5_open(f->path, &scope.file, error) == KM_OK);
    km_column *columns = km_scope_select(&scope, table, list, NULL, count, error);
    H5Fclose(scope.file);
    return columns;
}

/* Their names, with blanks between; or the error. */
static const char *choose_names(found *f, const km_table *table, const char *list, km_error *error)
{
    static char names[512];
    int64_t count;
    km_column *columns = choose_columns(f, table, list, &count, error);
    names[0] = '\0';
    for (int64_t i = 0; i < count && columns != NULL; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i > 0 ? " " : "",
                 columns[i].name);
    free(columns);
    return names;
}

static void found_free(found *f)
{
    km_tables_free(&f->tables);
    mock_folder_remove(&f->folder);
}

#endif
