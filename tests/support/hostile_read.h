/* hostile_read.h - hostile files through discovery, choice, opening and reading: whatever is in
 * them, it ends with a table or with one message, and nothing stays open. On one rank. */
#ifndef SKYMEANS_TESTS_HOSTILE_READ_H
#define SKYMEANS_TESTS_HOSTILE_READ_H

#include "hostile.h"

#include "base/error.h"
#include "catalogue/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 100000, MOST_FEATURES = 1000 };

/* All that HDF5 keeps open by type; a leak of any of them is one of ours. */
static inline int64_t count_handles(void)
{
    const H5I_type_t types[] = {H5I_FILE,    H5I_GROUP, H5I_DATATYPE,   H5I_DATASPACE,
                                H5I_DATASET, H5I_ATTR,  H5I_GENPROP_LST};
    int64_t count = 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        hsize_t n = 0;
        H5Inmembers(types[i], &n);
        count += (int64_t)n;
    }
    return count;
}

static inline void check_error(uint64_t seed, const km_error *error)
{
    const bool is_said = error->code == KM_DATA || error->code == KM_SYSTEM ||
                         error->code == KM_USAGE || error->code == KM_MEMORY;
    ck_assert_msg(is_said && strlen(error->text) > 10 && strchr(error->text, '\n') == NULL,
                  "seed %llu: code %d, '%s'", (unsigned long long)seed, (int)error->code,
                  error->text);
}

static inline void check_column(uint64_t seed, const km_table *table, const km_column *column)
{
    const bool has_place = column->values.dataset[0] == '/' && column->values.position >= 0;
    ck_assert_msg(has_place && column->values.length > 0 && strlen(column->name) < KM_NAME_SIZE,
                  "seed %llu: %s, column %s", (unsigned long long)seed, table->path, column->name);
}

/* What `info` prints chooses the default again. */
static inline void check_text(uint64_t seed, const km_scope *scope, const km_table *table)
{
    km_error error = {0}, of_default = {0};
    int64_t n, n_default;
    char *text = km_table_columns_text(table, &error);
    km_column *by_default = km_scope_select(scope, table, NULL, NULL, &n_default, &of_default);
    ck_assert_ptr_nonnull(text);
    km_column *by_text = km_scope_select(scope, table, text, NULL, &n, &error);
    if (by_default != NULL && strchr(text, '}') == NULL)
        ck_assert_msg(by_text != NULL && n == n_default, "seed %llu: -c %s: %s",
                      (unsigned long long)seed, text, error.text);
    free(by_default);
    free(by_text);
    free(text);
}

static inline void check_tables(uint64_t seed, const km_scope *scope)
{
    const km_tables *tables = scope->tables;
    for (int64_t t = 0; t < tables->count; t++) {
        const km_table *table = &tables->tables[t];
        ck_assert(table->path[0] == '/' && table->n_columns > 0);
        if (table->flaw[0] != '\0')
            continue;
        ck_assert(table->n_rows >= 0);
        for (int64_t i = 0; i < (table->is_array ? 1 : table->n_columns); i++)
            check_column(seed, table, &table->columns[i]);
        if (table->n_columns < MOST_FEATURES)
            check_text(seed, scope, table);
    }
}

/* ---- reading ------------------------------------------------------------------------------- */

/* A path or pattern as -d takes it, of a table or of what may be one. */
static inline const char *draw_table(draw *d, const km_table *table, char *room, size_t size)
{
    static const char *const names[] = {"/",      "a",     "/a/b/", "*",      "*/*", "[",
                                        "a/../b", "table", "//",    "x/data", "?*",  "a*/b"};
    const uint64_t kind = draw_below(d, 8);
    if (kind < 3)
        return table->path;
    if (kind < 5)
        return NULL;
    if (kind < 7)
        return DRAW_OF(d, names);
    snprintf(room, size, "%s*", table->path);
    return room;
}

/* A list as nobody would write it, or one of a name of the file. */
static inline const char *draw_list(draw *d, const km_table *table, char *room, size_t size)
{
    static const char alphabet[] = "abx012,:[]{}()\\/ -";
    const km_column *column = table->is_array
                                  ? table->columns
                                  : &table->columns[draw_below(d, (uint64_t)table->n_columns)];
    const uint64_t kind = draw_below(d, 8);
    if (kind < 3)
        return NULL;
    if (kind > 5) { /* by path, in this file or as if in another */
        snprintf(room, size, kind == 6 ? "%.*s" : "hostile.h5:%.*s", KM_NAME_SIZE - 16,
                 column->values.dataset);
        return room;
    }
    if (kind == 3) {
        for (size_t i = 0, n = draw_below(d, 12); i <= n; i++)
            room[i] = i == n ? '\0' : alphabet[draw_below(d, sizeof alphabet - 1)];
        return room;
    }
    snprintf(room, size, draw_below(d, 2) == 0 ? "{%s}" : "%s[0]", column->name);
    return room;
}

static inline void read_catalogue(uint64_t seed, const km_catalogue_name *name, km_missing missing)
{
    km_catalogue catalogue;
    km_samples samples;
    km_findings findings;
    km_error error = {0};
    if (km_catalogue_open(&catalogue, name, MPI_COMM_WORLD, &error) != KM_OK) {
        check_error(seed, &error);
        return;
    }
    if (catalogue.n_rows <= MOST_ROWS && catalogue.n_features <= MOST_FEATURES) {
        if (km_catalogue_read(&catalogue, missing, NULL, MPI_COMM_WORLD, &samples, &findings,
                              &error) != KM_OK) {
            check_error(seed, &error);
        } else {
            ck_assert(samples.n_samples <= catalogue.n_rows);
            km_samples_free(&samples);
            km_findings_free(&findings);
        }
    }
    km_catalogue_close(&catalogue);
}

/* One of its tables in one of the ways that there are. */
static inline void read_table(draw *d, const char *path, const km_table *table)
{
    char columns[KM_NAME_SIZE + 8], ids[KM_NAME_SIZE + 8], weights[KM_NAME_SIZE + 8];
    char called[KM_DATASET_SIZE + 8];
    const char *const paths[] = {path, path};
    const char *const missing[] = {"-99.9", "x:1"};
    const km_catalogue_name name = {
        .paths = paths,
        .n_paths = 1 + (int64_t)draw_below(d, 2),
        .table = draw_table(d, table, called, sizeof called),
        .is_transposed = draw_below(d, 4) == 0,
        .columns = draw_list(d, table, columns, sizeof columns),
        .ids = draw_list(d, table, ids, sizeof ids),
        .weights = draw_below(d, 3) == 0 ? draw_list(d, table, weights, sizeof weights) : NULL,
        .missing_values = missing,
        .n_missing_values = (int64_t)draw_below(d, 3)};
    read_catalogue(d->seed, &name, draw_below(d, 2) ? KM_MISSING_DROP : KM_MISSING_ERROR);
}

static inline void hostile_try(draw *d, const char *path)
{
    km_tables tables = {0};
    km_scope scope = {.path = path, .tables = &tables};
    km_error error = {0};
    const int64_t n_handles = count_handles();
    if (km_h5_open(path, &scope.file, &error) == KM_OK) {
        km_tables_find(scope.file, false, &tables, &error);
        check_tables(d->seed, &scope);
        H5Fclose(scope.file);
    }
    if (error.code != KM_OK)
        check_error(d->seed, &error);
    for (int64_t t = 0; t < tables.count; t++)
        for (int i = 0; i < 3; i++)
            read_table(d, path, &tables.tables[t]);
    km_tables_free(&tables);
    ck_assert_msg(count_handles() == n_handles, "seed %llu: %lld handles of HDF5 are left open",
                  (unsigned long long)d->seed, (long long)(count_handles() - n_handles));
}

#endif
