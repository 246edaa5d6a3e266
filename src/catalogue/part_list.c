/* Which parts a catalogue has: a table of each file, or all tables that -d calls by a pattern. */
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "tables.h"

#include <stdlib.h>
#include <string.h>

typedef struct part {
    int64_t file;
    char table[KM_DATASET_SIZE];
} part;

typedef struct part_list {
    int64_t count;
    part *parts;
} part_list;

static int compare_parts(const void *a, const void *b)
{
    const part *x = a, *y = b;
    return x->file != y->file ? (x->file > y->file) - (x->file < y->file)
                              : strcmp(x->table, y->table);
}

static void add_matching(part_list *list, int64_t number, const char *path,
                         const km_catalogue_name *name, km_error *error)
{
    hid_t file;
    km_tables tables = {0};
    if (km_open_named(path, &file, error) != KM_OK)
        return;
    km_tables_find(file, name->is_transposed, &tables, error);
    for (int64_t i = 0; i < tables.count && error->code == KM_OK; i++) {
        part new = {.file = number};
        if (!km_is_called_like(&tables.tables[i], name->table))
            continue;
        strcpy(new.table, tables.tables[i].path);
        list->parts = km_append(list->parts, &list->count, sizeof new, &new, error);
    }
    km_tables_free(&tables);
    H5Fclose(file);
}

/* Lists the tables of all files whose names match the pattern. Ranks look at the files in turns. */
static km_code list_matching(const km_catalogue_name *name, MPI_Comm comm, part_list *all,
                             km_error *error)
{
    part_list mine = {0, NULL};
    void *parts = NULL;
    for (int64_t f = km_comm_rank(comm); f < name->n_paths && error->code == KM_OK;
         f += km_comm_size(comm))
        add_matching(&mine, f, name->paths[f], name, error);
    if (km_agree(comm, error) == KM_OK)
        km_concatenate(comm, mine.parts, mine.count, sizeof *mine.parts, &parts, &all->count,
                       error);
    free(mine.parts);
    all->parts = parts;
    if (error->code == KM_OK)
        qsort(all->parts, (size_t)all->count, sizeof *all->parts, compare_parts);
    return error->code;
}

/* Makes the list of parts. A file without a matching table keeps a part without a table, since the
 * result lists all files. */
static void take_parts(km_catalogue *catalogue, const part_list *list)
{
    int64_t next = 0, n = 0;
    for (int64_t f = 0; f < catalogue->asked.n_paths; f++) {
        const km_file empty = {.path = catalogue->asked.paths[f], .number = f};
        const int64_t first = next;
        for (; next < list->count && list->parts[next].file == f; next++, n++) {
            catalogue->files[n] = empty;
            catalogue->files[n].table =
                strcpy(catalogue->part_tables + next * KM_DATASET_SIZE, list->parts[next].table);
        }
        if (next == first)
            catalogue->files[n++] = empty;
    }
    catalogue->n_files = n;
}

static km_code list_pattern(km_catalogue *catalogue, MPI_Comm comm, km_error *error)
{
    part_list list = {0, NULL};
    if (list_matching(&catalogue->asked, comm, &list, error) != KM_OK)
        return error->code;
    catalogue->part_tables = km_allocate(list.count, KM_DATASET_SIZE, "list of tables", error);
    catalogue->files = km_allocate_zeroed(list.count + catalogue->asked.n_paths,
                                          sizeof *catalogue->files, "files", error);
    if (km_agree(comm, error) == KM_OK)
        take_parts(catalogue, &list);
    free(list.parts);
    return error->code;
}

static km_code list_files(km_catalogue *catalogue, MPI_Comm comm, km_error *error)
{
    const km_catalogue_name *name = &catalogue->asked;
    catalogue->part_tables = km_copy_text(catalogue->table, "list of tables", error);
    catalogue->files = km_allocate_zeroed(name->n_paths, sizeof *catalogue->files, "files", error);
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    for (int64_t f = 0; f < name->n_paths; f++)
        catalogue->files[f] =
            (km_file){.path = name->paths[f], .table = catalogue->part_tables, .number = f};
    catalogue->n_files = name->n_paths;
    return KM_OK;
}

km_code km_parts_list(km_catalogue *catalogue, MPI_Comm comm, km_error *error)
{
    if (catalogue->is_pattern)
        list_pattern(catalogue, comm, error);
    else
        list_files(catalogue, comm, error);
    if (error->code == KM_OK && catalogue->n_others > 0 && catalogue->n_files > 1)
        km_fail(error, KM_USAGE,
                "columns of another file (%s): they go with the rows of one table, and there are "
                "several; give one file and one table",
                catalogue->others[0]);
    return error->code;
}
