/* Opens a catalogue: one rank looks into the first file and chooses columns, all ranks learn what
 * it chose, and together they check that the other files fit. */
#include "base/error.h"
#include "base/memory.h"
#include "base/precision.h"
#include "base/text.h"
#include "opened.h"
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the first file ------------------------------------------------------------------------- */

static void copy_choice_of_first(km_catalogue *catalogue, const km_catalogue_name *name,
                                 km_selection *choice)
{
    strcpy(catalogue->writer, choice->writer);
    snprintf(catalogue->table, sizeof catalogue->table, "%s",
             choice->is_pattern ? name->table : choice->table);
    strcpy(catalogue->first_table, choice->table);
    catalogue->is_array = choice->is_array;
    catalogue->is_pattern = choice->is_pattern;
    catalogue->n_rows = choice->n_rows;
    catalogue->n_features = choice->n_features;
    catalogue->n_columns = choice->n_columns;
    catalogue->columns = choice->columns;
    catalogue->n_expressions = choice->n_expressions;
    catalogue->expressions = choice->expressions;
    catalogue->n_others = choice->n_others;
    catalogue->others = choice->others;
    catalogue->precision =
        name->precision != NULL
            ? *name->precision
            : km_precision_of_features(catalogue->columns, catalogue->n_columns, name->is_raw);
}

/* By one rank: chooses in the first file that has the table. If none has it, says what is wrong
 * with the first file. */
static void look_at_first(km_catalogue *catalogue, const km_catalogue_name *name, km_error *error)
{
    km_selection choice;
    bool is_absent = true;
    for (int64_t f = 0; f < name->n_paths && is_absent && error->code == KM_OK; f++)
        km_look_into(name->paths[f], name, &choice, name->n_paths > 1 ? &is_absent : NULL, error);
    if (is_absent && error->code == KM_OK && name->n_paths > 1)
        km_look_into(name->paths[0], name, &choice, NULL, error);
    if (error->code == KM_OK)
        copy_choice_of_first(catalogue, name, &choice);
}

static void name_for_messages(km_catalogue *catalogue, const km_catalogue_name *name)
{
    int length = snprintf(catalogue->path, sizeof catalogue->path, "%s", name->paths[0]);
    if (name->n_paths > 1 && length < (int)sizeof catalogue->path)
        snprintf(catalogue->path + length, sizeof catalogue->path - (size_t)length,
                 " and %lld more file%s", (long long)name->n_paths - 1,
                 name->n_paths == 2 ? "" : "s");
}

/* Is a column in a dataset that parallel HDF5 can't read? */
static bool has_virtual(const km_column *columns, int64_t count)
{
    for (int64_t c = 0; c < count; c++)
        if (columns[c].is_virtual)
            return true;
    return false;
}

/* Broadcasts the names of other files, which only rank 0 knows. */
static void share_others(km_catalogue *catalogue, int rank, MPI_Comm comm, km_error *error)
{
    char path[KM_PATH_SIZE] = "";
    if (catalogue->n_others == 0)
        return;
    if (rank > 0)
        catalogue->others = km_allocate_zeroed(catalogue->n_others, sizeof *catalogue->others,
                                               "list of files", error);
    for (int64_t i = 0; i < catalogue->n_others; i++) {
        if (rank == 0)
            snprintf(path, sizeof path, "%s", catalogue->others[i]);
        km_broadcast(comm, 0, path, sizeof path);
        if (rank > 0 && catalogue->others != NULL)
            catalogue->others[i] = km_copy_text(path, "list of files", error);
    }
}

/* Broadcasts the expressions, which only rank 0 has parsed. */
static km_code share_expressions(km_catalogue *catalogue, int rank, MPI_Comm comm, km_error *error)
{
    if (rank > 0)
        catalogue->expressions = km_allocate_zeroed(
            catalogue->n_expressions, sizeof *catalogue->expressions, "expressions", error);
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    for (int64_t i = 0; i < catalogue->n_expressions && error->code == KM_OK; i++) {
        km_expression *e = &catalogue->expressions[i], own = *e;
        km_broadcast(comm, 0, e, sizeof *e);
        e->operations = own.operations;
        e->text = own.text;
        if (rank > 0) {
            e->operations =
                km_allocate(e->n_operations, sizeof *e->operations, "expressions", error);
            e->text = km_allocate(e->text_size, 1, "expressions", error);
        }
        if (km_agree(comm, error) == KM_OK) {
            km_broadcast(comm, 0, e->operations, e->n_operations * (int64_t)sizeof *e->operations);
            km_broadcast(comm, 0, e->text, e->text_size);
        }
    }
    return error->code;
}

/* Broadcasts what rank 0 chose in the first file, and lists the parts. */
static km_code share_choice(km_catalogue *catalogue, const km_catalogue_name *name, MPI_Comm comm,
                            km_error *error)
{
    const int rank = km_comm_rank(comm);
    km_column *columns = catalogue->columns;
    char **others = catalogue->others;
    km_expression *expressions = catalogue->expressions;
    km_broadcast(comm, 0, catalogue, sizeof *catalogue);
    const int64_t d = catalogue->n_features, n = catalogue->n_columns;
    if (rank > 0)
        columns = km_allocate(n, sizeof *columns, "list of features", error);
    catalogue->columns = columns;
    catalogue->others = rank > 0 ? NULL : others;
    catalogue->expressions = rank > 0 ? NULL : expressions;
    catalogue->asked = *name;
    catalogue->names = km_allocate(d, sizeof *catalogue->names, "names of the features", error);
    share_others(catalogue, rank, comm, error);
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    km_broadcast(comm, 0, columns, n * (int64_t)sizeof *columns);
    for (int64_t j = 0; j < d; j++)
        catalogue->names[j] = columns[j].name;
    if (share_expressions(catalogue, rank, comm, error) != KM_OK ||
        km_parts_list(catalogue, comm, error) != KM_OK)
        return error->code;
    catalogue->is_together = catalogue->n_files == 1 && catalogue->n_others == 0 &&
                             !has_virtual(catalogue->columns, catalogue->n_columns);
    return KM_OK;
}

/* Opens the one file that all ranks read together, and notes the memory that it takes. */
static km_code open_together(km_catalogue *catalogue, MPI_Comm comm, km_error *error)
{
    catalogue->shared = km_allocate_zeroed(1, sizeof *catalogue->shared, "open file", error);
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    km_opened_open(catalogue->shared, catalogue, catalogue->files[0].path, H5I_INVALID_HID,
                   catalogue->columns, comm, error);
    if (error->code == KM_OK)
        km_catalogue_note_reading(catalogue, catalogue->shared);
    if (error->code == KM_OK)
        km_opened_check_places(catalogue->shared, catalogue, error);
    if (error->code == KM_OK && catalogue->has_ids)
        km_ids_note(catalogue, 0, catalogue->shared, error);
    return km_agree(comm, error);
}

/* ---- opening -------------------------------------------------------------------------------- */

/* The type of ids is that of the first file that has rows of them. The lowest of such files belongs
 * to the rank that looked at it, since ranks look at files in turns. */
static void share_type_of_ids(km_catalogue *catalogue, MPI_Comm comm)
{
    const int n_ranks = km_comm_size(comm);
    int64_t lowest = catalogue->ids_type_size > 0 ? catalogue->ids_file : INT64_MAX;
    lowest = -lowest;
    km_max_int64(comm, &lowest, 1);
    const int owner = lowest == -INT64_MAX ? 0 : (int)(-lowest % catalogue->n_files % n_ranks);
    km_broadcast(comm, owner, catalogue->ids_type, sizeof catalogue->ids_type);
}

/* Every rank takes the maximum over the files of all ranks. */
static void share_sizes(km_catalogue *catalogue, MPI_Comm comm)
{
    km_reading *reading = &catalogue->reading;
    int64_t numbers[sizeof *reading / sizeof(int64_t)]; /* all of them are */
    memcpy(numbers, reading, sizeof *reading);
    km_max_int64(comm, numbers, sizeof *reading / sizeof(int64_t));
    memcpy(reading, numbers, sizeof *reading);
    km_max_int64(comm, &catalogue->ids_size, 1);
    share_type_of_ids(catalogue, comm);
}

km_code km_catalogue_open(km_catalogue *catalogue, const km_catalogue_name *name, MPI_Comm comm,
                          km_error *error)
{
    memset(catalogue, 0, sizeof *catalogue); /* its padding is broadcast, too */
    if (km_comm_rank(comm) == 0)
        look_at_first(catalogue, name, error);
    catalogue->has_weights = name->weights != NULL;
    catalogue->has_ids = name->ids != NULL;
    name_for_messages(catalogue, name);
    if (km_agree(comm, error) != KM_OK || share_choice(catalogue, name, comm, error) != KM_OK ||
        km_parts_look(catalogue, comm, error) != KM_OK ||
        km_missing_values_parse(catalogue, comm, error) != KM_OK ||
        (catalogue->is_together && open_together(catalogue, comm, error) != KM_OK))
        km_catalogue_close(catalogue);
    if (error->code == KM_OK)
        share_sizes(catalogue, comm);
    return error->code;
}

void km_catalogue_close_shared(km_catalogue *catalogue)
{
    if (catalogue->shared != NULL)
        km_opened_close(catalogue->shared);
    free(catalogue->shared);
    catalogue->shared = NULL;
}

void km_catalogue_close(km_catalogue *catalogue)
{
    km_catalogue_close_shared(catalogue);
    for (int64_t i = 0; i < catalogue->n_others && catalogue->others != NULL; i++)
        free(catalogue->others[i]);
    free(catalogue->others);
    for (int64_t e = 0; e < catalogue->n_expressions && catalogue->expressions != NULL; e++)
        km_expression_free(&catalogue->expressions[e]);
    free(catalogue->expressions);
    free(catalogue->files);
    free(catalogue->part_tables);
    free(catalogue->columns);
    free(catalogue->names);
    free(catalogue->missing_values);
    memset(catalogue, 0, sizeof *catalogue);
}
