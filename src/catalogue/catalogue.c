/* Opening a catalogue: one rank looks into the first file and chooses, all learn what it chose, and
 * then all look whether the other files fit. */
#include "base/error.h"
#include "base/memory.h"
#include "base/precision.h"
#include "base/text.h"
#include "opened.h"
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What is unpacked, by factors and offsets in double, has more digits than what is stored. */
static km_precision precision_of(const km_column *columns, int64_t n_features, bool is_raw)
{
    for (int64_t j = 0; j < n_features; j++)
        if (!columns[j].fits_float32 || (columns[j].convention.is_packed && !is_raw))
            return KM_FLOAT64;
    return KM_FLOAT32;
}

/* ---- the first file -------------------------------------------------------------------------- */

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
    catalogue->n_others = choice->n_others;
    catalogue->others = choice->others;
    catalogue->precision =
        name->precision != NULL
            ? *name->precision
            : precision_of(catalogue->columns, catalogue->n_features, name->is_raw);
}

/* By one rank: the first that has the table. If none has, what is wrong with the first is said. */
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

/* The names of other files, which only one rank has. */
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

/* What the first file is to all ranks. */
static km_code share_choice(km_catalogue *catalogue, const km_catalogue_name *name, MPI_Comm comm,
                            km_error *error)
{
    const int rank = km_comm_rank(comm);
    km_column *columns = catalogue->columns;
    char **others = catalogue->others;
    km_broadcast(comm, 0, catalogue, sizeof *catalogue);
    const int64_t d = catalogue->n_features, n = catalogue->n_columns;
    if (rank > 0)
        columns = km_allocate(n, sizeof *columns, "list of features", error);
    catalogue->columns = columns;
    catalogue->others = rank > 0 ? NULL : others;
    catalogue->asked = *name;
    catalogue->names = km_allocate(d, sizeof *catalogue->names, "names of the features", error);
    share_others(catalogue, rank, comm, error);
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    km_broadcast(comm, 0, columns, n * (int64_t)sizeof *columns);
    for (int64_t j = 0; j < d; j++)
        catalogue->names[j] = columns[j].name;
    if (km_parts_list(catalogue, comm, error) != KM_OK)
        return error->code;
    catalogue->is_together = catalogue->n_files == 1 && catalogue->n_others == 0 &&
                             !has_virtual(catalogue->columns, catalogue->n_columns);
    return KM_OK;
}

/* ---- the parts ------------------------------------------------------------------------------ */

/* Bytes of the buffers of one thread; 0 of no reading. */
static int64_t bytes_per_thread(const km_reading *reading)
{
    const int64_t row_bytes = reading->row_bytes + reading->value_bytes + reading->stored_bytes;
    return row_bytes > 0 ? row_bytes * km_piece_rows(reading, 1) : 0;
}

/* The reading that takes most memory, as far as one number tells. */
static void note_reading(km_catalogue *catalogue, const km_opened_file *opened)
{
    const km_reading reading = km_opened_reading(opened, catalogue);
    if (bytes_per_thread(&reading) > bytes_per_thread(&catalogue->reading))
        catalogue->reading = reading;
}

/* Checks a file, and notes its rows and whether it is as precise as the others. On this rank. */
static void look_at_file(km_catalogue *catalogue, int64_t f, int64_t *needs_double, km_error *error)
{
    km_opened_file opened;
    km_selection found;
    bool is_absent = false;
    hid_t file;
    if (km_look_into_part(catalogue, f, &found, &is_absent, &file, error) != KM_OK)
        return;
    if (is_absent) {
        catalogue->files[f].table = NULL;
        return;
    }
    const km_column *columns = found.columns;
    catalogue->files[f].n_rows = found.n_rows;
    catalogue->files[f].is_like_first = km_columns_are_first(catalogue, columns, found.n_rows);
    if (precision_of(columns, catalogue->n_features, catalogue->asked.is_raw) == KM_FLOAT64)
        *needs_double = 1;
    km_units_note(catalogue, f, columns);
    if (km_opened_open(&opened, catalogue, catalogue->files[f].path, file, columns, MPI_COMM_NULL,
                       error) == KM_OK) {
        note_reading(catalogue, &opened);
        km_opened_check_places(&opened, catalogue, error);
        if (catalogue->has_ids)
            km_ids_note(catalogue, f, &opened, error);
    }
    km_opened_close(&opened);
    km_selection_free(&found);
}

static void stat_file(km_file *file)
{
    struct stat status;
    if (stat(file->path, &status) == 0) {
        file->bytes = status.st_size;
        file->time = status.st_mtim.tv_sec;
        file->nanoseconds = status.st_mtim.tv_nsec;
    }
}

/* Counts rows through all parts. */
static void number_rows(km_catalogue *catalogue, km_error *error)
{
    catalogue->n_rows = 0;
    for (int64_t f = 0; f < catalogue->n_files; f++) {
        km_file *file = &catalogue->files[f];
        file->first_row = catalogue->n_rows;
        if (__builtin_add_overflow(catalogue->n_rows, file->n_rows, &catalogue->n_rows))
            km_fail(error, KM_DATA,
                    "too many rows (%s): together the files have more than 2^63; give fewer",
                    catalogue->path);
    }
}

/* What each rank found of its parts, to all. */
static km_code share_facts(km_catalogue *catalogue, MPI_Comm comm, km_error *error)
{
    enum { FACTS = 6 };
    const int64_t n = catalogue->n_files;
    int64_t *facts = km_allocate(n, FACTS * sizeof *facts, "files", error);
    if (km_agree(comm, error) == KM_OK) {
        for (int64_t f = 0; f < n; f++) {
            const km_file *file = &catalogue->files[f];
            const int64_t found[FACTS] = {file->n_rows,        file->bytes,
                                          file->time,          file->nanoseconds,
                                          file->table == NULL, file->is_like_first};
            memcpy(&facts[FACTS * f], found, sizeof found);
        }
        km_sum_int64(comm, facts, FACTS * n);
        for (int64_t f = 0; f < n; f++) {
            const int64_t *found = &facts[FACTS * f];
            km_file *file = &catalogue->files[f];
            file->n_rows = found[0];
            file->bytes = found[1];
            file->time = found[2];
            file->nanoseconds = found[3];
            file->table = found[4] > 0 ? NULL : file->table;
            file->is_like_first = found[5] > 0;
        }
        number_rows(catalogue, error);
    }
    free(facts);
    return error->code;
}

/* Ranks share the work; the lowest file that does not fit is named if all find out. */
static km_code look_at_files(km_catalogue *catalogue, MPI_Comm comm, km_error *error)
{
    const int rank = km_comm_rank(comm), n_ranks = km_comm_size(comm);
    int64_t needs_double = catalogue->precision == KM_FLOAT64;
    for (int64_t f = rank; f < catalogue->n_files && error->code == KM_OK; f += n_ranks) {
        stat_file(&catalogue->files[f]);
        if (catalogue->is_together)
            catalogue->files[f].n_rows = catalogue->n_rows;
        else if (catalogue->files[f].table != NULL)
            look_at_file(catalogue, f, &needs_double, error);
    }
    if (km_agree(comm, error) != KM_OK || share_facts(catalogue, comm, error) != KM_OK)
        return error->code;
    km_units_share(catalogue, comm);
    km_max_int64(comm, &needs_double, 1);
    if (catalogue->asked.precision == NULL)
        catalogue->precision = needs_double > 0 ? KM_FLOAT64 : KM_FLOAT32;
    return KM_OK;
}

/* One file that all ranks read together is opened now, and all learn what a row takes. */
static km_code open_together(km_catalogue *catalogue, MPI_Comm comm, km_error *error)
{
    catalogue->shared = km_allocate_zeroed(1, sizeof *catalogue->shared, "open file", error);
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    km_opened_open(catalogue->shared, catalogue, catalogue->files[0].path, H5I_INVALID_HID,
                   catalogue->columns, comm, error);
    if (error->code == KM_OK)
        note_reading(catalogue, catalogue->shared);
    if (error->code == KM_OK)
        km_opened_check_places(catalogue->shared, catalogue, error);
    if (error->code == KM_OK && catalogue->has_ids)
        km_ids_note(catalogue, 0, catalogue->shared, error);
    return km_agree(comm, error);
}

/* ---- the whole --------------------------------------------------------------------------------
 */

/* The type of ids is that of the first file that has them: of the lowest rank that has looked at
 * one, since they share the files in turns. */
static void share_type_of_ids(km_catalogue *catalogue, MPI_Comm comm)
{
    const int n_ranks = km_comm_size(comm);
    int64_t lowest = catalogue->ids_type_size > 0 ? catalogue->ids_file : INT64_MAX;
    lowest = -lowest;
    km_max_int64(comm, &lowest, 1);
    const int owner = lowest == -INT64_MAX ? 0 : (int)(-lowest % n_ranks);
    km_broadcast(comm, owner, catalogue->ids_type, sizeof catalogue->ids_type);
}

/* The largest of all files. */
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
        look_at_files(catalogue, comm, error) != KM_OK ||
        km_missing_values_parse(catalogue, comm, error) != KM_OK ||
        (catalogue->is_together && open_together(catalogue, comm, error) != KM_OK))
        km_catalogue_close(catalogue);
    if (error->code == KM_OK)
        share_sizes(catalogue, comm);
    return error->code;
}

void km_catalogue_close(km_catalogue *catalogue)
{
    if (catalogue->shared != NULL)
        km_opened_close(catalogue->shared);
    free(catalogue->shared);
    for (int64_t i = 0; i < catalogue->n_others && catalogue->others != NULL; i++)
        free(catalogue->others[i]);
    free(catalogue->others);
    free(catalogue->files);
    free(catalogue->part_tables);
    free(catalogue->columns);
    free(catalogue->names);
    free(catalogue->missing_values);
    memset(catalogue, 0, sizeof *catalogue);
}
