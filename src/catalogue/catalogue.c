/* Opening a catalogue: one rank looks into the first file and chooses, all learn what it chose, and
 * then all look whether the other files fit. */
#include "opened.h"
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static km_precision precision_of(const km_column *columns, int64_t n_features)
{
    for (int64_t j = 0; j < n_features; j++)
        if (!columns[j].fits_float32)
            return KM_FLOAT64;
    return KM_FLOAT32;
}

/* ---- columns ----------------------------------------------------------------------------------
 */

static bool is_same_place(const km_place *a, const km_place *b)
{
    return strcmp(a->dataset, b->dataset) == 0 && strcmp(a->member, b->member) == 0 &&
           a->position == b->position;
}

/* The features without a column that has another role; by default that is no feature. */
static km_code leave_out(km_column *features, int64_t *n_features, const km_column *other,
                         const char *file, const km_table *table, km_error *error)
{
    int64_t kept = 0;
    for (int64_t j = 0; j < *n_features; j++)
        if (!is_same_place(&features[j].values, &other->values))
            features[kept++] = features[j];
    *n_features = kept;
    if (kept == 0)
        return km_fail(error, KM_DATA,
                       "no feature by default (%s, %s): its only column is that of the weights or "
                       "ids; name columns with -c",
                       file, table->path);
    return KM_OK;
}

/* Appends the column of the weights or ids to the features. */
static km_column *append_column(km_column *columns, int64_t *n_columns, const km_column *column,
                                km_error *error)
{
    return km_append(columns, n_columns, sizeof *column, column, error);
}

/* What an option says of one column; by default that is no feature. */
static km_code choose_other(const km_table *table, const km_catalogue_name *name, const char *file,
                            const char *option, const char *text, km_column *column,
                            km_column *features, int64_t *n_features, km_error *error)
{
    const bool may_be_text = strcmp(option, "--id") == 0;
    if (!km_table_select_one(table, text, option, file, may_be_text, column, error))
        return error->code;
    return name->columns == NULL ? leave_out(features, n_features, column, file, table, error)
                                 : KM_OK;
}

/* The columns of a table in the order of km_catalogue. NULL if it has not all of them. */
static km_column *choose_columns(const km_table *table, const km_catalogue_name *name,
                                 const char *file, int64_t *n_features, int64_t *n_columns,
                                 km_error *error)
{
    km_column weights, ids;
    const bool is_in_order = table->is_array && name->is_array_by_order;
    km_column *columns =
        km_table_select(table, is_in_order ? NULL : name->columns, file, n_features, error);
    if (columns == NULL)
        return NULL;
    if (name->weights != NULL)
        choose_other(table, name, file, "--weights", name->weights, &weights, columns, n_features,
                     error);
    if (name->ids != NULL && error->code == KM_OK)
        choose_other(table, name, file, "--id", name->ids, &ids, columns, n_features, error);
    *n_columns = *n_features;
    if (name->weights != NULL && error->code == KM_OK)
        columns = append_column(columns, n_columns, &weights, error);
    if (name->ids != NULL && error->code == KM_OK)
        columns = append_column(columns, n_columns, &ids, error);
    if (error->code == KM_OK)
        return columns;
    free(columns);
    return NULL;
}

/* ---- the first file ---------------------------------------------------------------------------
 */

static km_code check_path(const char *path, km_error *error)
{
    if (strlen(path) >= KM_PATH_SIZE)
        return km_fail(error, KM_SYSTEM,
                       "can't open the file (%.100s...): its path is too long; make a link with a "
                       "shorter one",
                       path);
    return KM_OK;
}

/* The columns that are meant, in the table that is meant, of one file, which this rank opens. NULL
 * if that is not possible; `found` is a copy of the table, without its columns. */
static km_column *look_into(const char *path, const km_catalogue_name *name, km_table *found,
                            int64_t *n_features, int64_t *n_columns, km_error *error)
{
    hid_t file;
    km_tables tables = {0};
    km_column *columns = NULL;
    if (check_path(path, error) != KM_OK || km_h5_open(path, MPI_COMM_NULL, &file, error) != KM_OK)
        return NULL;
    if (km_tables_find(file, &tables, error) == KM_OK) {
        const km_table *table = km_tables_choose(&tables, name->table, path, error);
        if (table != NULL) {
            columns = choose_columns(table, name, path, n_features, n_columns, error);
            *found = *table;
            found->columns = NULL;
        }
        km_tables_free(&tables);
    }
    H5Fclose(file);
    return columns;
}

/* Is a column in a dataset that parallel HDF5 can't read? */
static bool has_virtual(const km_column *columns, int64_t count)
{
    for (int64_t c = 0; c < count; c++)
        if (columns[c].is_virtual)
            return true;
    return false;
}

/* By one rank. */
static void look_at_first(km_catalogue *catalogue, const km_catalogue_name *name, km_error *error)
{
    km_table table;
    catalogue->columns = look_into(name->paths[0], name, &table, &catalogue->n_features,
                                   &catalogue->n_columns, error);
    if (catalogue->columns == NULL)
        return;
    strcpy(catalogue->table, table.path);
    catalogue->is_array = table.is_array;
    catalogue->precision = name->precision != NULL
                               ? *name->precision
                               : precision_of(catalogue->columns, catalogue->n_features);
    catalogue->is_together =
        name->n_paths == 1 && !has_virtual(catalogue->columns, catalogue->n_columns);
    catalogue->n_rows = table.n_rows;
}

static void name_for_messages(km_catalogue *catalogue, const km_catalogue_name *name)
{
    int length = snprintf(catalogue->path, sizeof catalogue->path, "%s", name->paths[0]);
    if (name->n_paths > 1 && length < (int)sizeof catalogue->path)
        snprintf(catalogue->path + length, sizeof catalogue->path - (size_t)length,
                 " and %lld more file%s", (long long)name->n_paths - 1,
                 name->n_paths == 2 ? "" : "s");
}

/* What the first file is to all ranks. */
static km_code share(km_catalogue *catalogue, const km_catalogue_name *name, MPI_Comm comm,
                     km_error *error)
{
    km_column *columns = catalogue->columns;
    km_broadcast(comm, 0, catalogue, sizeof *catalogue);
    const int64_t d = catalogue->n_features, n = catalogue->n_columns;
    if (columns == NULL) /* all ranks but the one that has them */
        columns = km_allocate(n, sizeof *columns, "list of features", error);
    catalogue->columns = columns;
    catalogue->asked = *name;
    catalogue->n_files = name->n_paths;
    catalogue->files = km_allocate_zeroed(name->n_paths, sizeof *catalogue->files, "files", error);
    catalogue->names = km_allocate(d, sizeof *catalogue->names, "names of the features", error);
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    km_broadcast(comm, 0, columns, n * (int64_t)sizeof *columns);
    for (int64_t j = 0; j < d; j++)
        catalogue->names[j] = columns[j].name;
    for (int64_t f = 0; f < name->n_paths; f++)
        catalogue->files[f].path = name->paths[f];
    return KM_OK;
}

/* ---- the other files --------------------------------------------------------------------------
 */

static km_code refuse_others(const km_catalogue *catalogue, const char *path,
                             const km_column *columns, int64_t n_columns, km_error *error)
{
    const int64_t n = n_columns < catalogue->n_columns ? n_columns : catalogue->n_columns;
    int64_t c = 0;
    while (c < n && strcmp(columns[c].name, catalogue->columns[c].name) == 0)
        c++;
    if (c == catalogue->n_columns && c == n_columns)
        return KM_OK;
    return km_fail(error, KM_DATA,
                   "different columns (%s, %s): it has %s where %s has %s; name those that all "
                   "files have with -c",
                   path, catalogue->table, c < n_columns ? columns[c].name : "no more",
                   catalogue->files[0].path,
                   c < catalogue->n_columns ? catalogue->columns[c].name : "no more");
}

km_column *km_catalogue_columns_of(const km_catalogue *catalogue, int64_t file, int64_t *n_rows,
                                   km_error *error)
{
    const char *path = catalogue->files[file].path;
    km_catalogue_name name = catalogue->asked;
    km_table table;
    int64_t n_features, n_columns;
    if (name.table == NULL)
        name.table = catalogue->table;
    km_column *columns = look_into(path, &name, &table, &n_features, &n_columns, error);
    if (columns == NULL)
        return NULL;
    *n_rows = table.n_rows;
    if (refuse_others(catalogue, path, columns, n_columns, error) == KM_OK)
        return columns;
    free(columns);
    return NULL;
}

/* Bytes of the buffers of one thread; 0 of no reading. */
static int64_t bytes_of_reading(const km_reading *reading)
{
    const int64_t row_bytes = reading->row_bytes + reading->value_bytes;
    return row_bytes > 0 ? row_bytes * km_piece_rows(reading, 1) : 0;
}

/* The reading that takes most memory, as far as one number tells. */
static void note_reading(km_catalogue *catalogue, const km_opened_file *opened)
{
    const km_reading reading = km_opened_reading(opened, catalogue);
    if (bytes_of_reading(&reading) > bytes_of_reading(&catalogue->reading))
        catalogue->reading = reading;
}

/* Checks a file, and notes its rows and whether it is as precise as the others. On this rank. */
static void look_at_file(km_catalogue *catalogue, int64_t f, int64_t *needs_double, km_error *error)
{
    km_opened_file opened;
    km_column *columns = km_catalogue_columns_of(catalogue, f, &catalogue->files[f].n_rows, error);
    if (columns == NULL)
        return;
    if (precision_of(columns, catalogue->n_features) == KM_FLOAT64)
        *needs_double = 1;
    km_units_note(catalogue, f, columns);
    if (km_opened_open(&opened, catalogue, catalogue->files[f].path, columns, MPI_COMM_NULL,
                       error) == KM_OK) {
        note_reading(catalogue, &opened);
        for (int64_t s = 0; s < opened.n_sources && error->code == KM_OK; s++)
            km_h5_check_virtual(&opened.sources[s].array, opened.path, opened.sources[s].dataset,
                                error);
        if (catalogue->has_ids)
            km_ids_note(catalogue, &opened, error);
    }
    km_opened_close(&opened);
    free(columns);
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

/* What each rank found of its files, to all. */
static km_code gather_files(km_catalogue *catalogue, MPI_Comm comm, km_error *error)
{
    enum { FACTS = 4 };
    const int64_t n = catalogue->n_files;
    int64_t *facts = km_allocate(n, FACTS * sizeof *facts, "files", error);
    if (km_agree(comm, error) == KM_OK) {
        for (int64_t f = 0; f < n; f++) {
            const km_file *file = &catalogue->files[f];
            const int64_t found[FACTS] = {file->n_rows, file->bytes, file->time, file->nanoseconds};
            memcpy(&facts[FACTS * f], found, sizeof found);
        }
        km_sum_int64(comm, facts, FACTS * n);
        catalogue->n_rows = 0;
        for (int64_t f = 0; f < n; f++) {
            const int64_t *found = &facts[FACTS * f];
            catalogue->files[f] = (km_file){catalogue->files[f].path,
                                            catalogue->n_rows,
                                            found[0],
                                            found[1],
                                            found[2],
                                            found[3]};
            if (__builtin_add_overflow(catalogue->n_rows, found[0], &catalogue->n_rows))
                km_fail(error, KM_DATA,
                        "too many rows (%s): together the files have more than 2^63; give fewer",
                        catalogue->path);
        }
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
        else
            look_at_file(catalogue, f, &needs_double, error);
    }
    if (km_agree(comm, error) != KM_OK || gather_files(catalogue, comm, error) != KM_OK)
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
    km_opened_open(catalogue->shared, catalogue, catalogue->files[0].path, catalogue->columns, comm,
                   error);
    if (error->code == KM_OK)
        note_reading(catalogue, catalogue->shared);
    if (error->code == KM_OK && catalogue->has_ids)
        km_ids_note(catalogue, catalogue->shared, error);
    return km_agree(comm, error);
}

/* ---- the whole --------------------------------------------------------------------------------
 */

/* The largest of all files; the type of ids is that of the first, which rank 0 has looked at. */
static void share_sizes(km_catalogue *catalogue, MPI_Comm comm)
{
    km_reading *reading = &catalogue->reading;
    int64_t numbers[] = {reading->row_bytes, reading->value_bytes,      reading->chunk_rows,
                         reading->n_chunks,  reading->plain_chunk_rows, reading->thread_bytes};
    km_max_int64(comm, numbers, 6);
    *reading = (km_reading){numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]};
    km_max_int64(comm, &catalogue->ids_size, 1);
    km_broadcast(comm, 0, catalogue->ids_type, sizeof catalogue->ids_type);
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
    if (km_agree(comm, error) != KM_OK || share(catalogue, name, comm, error) != KM_OK ||
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
    free(catalogue->files);
    free(catalogue->columns);
    free(catalogue->names);
    free(catalogue->missing_values);
    memset(catalogue, 0, sizeof *catalogue);
}
