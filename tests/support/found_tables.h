/* The tables that are found in a file of a test. */
#ifndef SKYMEANS_TESTS_FOUND_TABLES_H
#define SKYMEANS_TESTS_FOUND_TABLES_H

#include "catalogue/tables.h"
#include "h5/h5.h"
#include "mock.h"
#include "mpi_check.h"

#include <stdio.h>

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

static void found_free(found *f)
{
    km_tables_free(&f->tables);
    mock_folder_remove(&f->folder);
}

#endif
