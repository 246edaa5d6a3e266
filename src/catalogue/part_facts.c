/* What the parts of a catalogue hold: ranks look at them in turns, and all learn what was found. */
#include "base/error.h"
#include "base/memory.h"
#include "base/precision.h"
#include "opened.h"
#include "tables.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Unpacking computes in double, and its values have more digits than the stored numbers. */
km_precision km_precision_of_features(const km_column *columns, int64_t n_columns, bool is_raw)
{
    for (int64_t c = 0; c < n_columns; c++)
        if (columns[c].makes_feature &&
            (!columns[c].fits_float32 || (columns[c].convention.is_packed && !is_raw)))
            return KM_FLOAT64;
    return KM_FLOAT32;
}

/* Bytes of the buffers of one thread; 0 if nothing is read. */
static int64_t bytes_per_thread(const km_reading *reading)
{
    const int64_t row_bytes = reading->row_bytes + reading->value_bytes + reading->stored_bytes;
    return row_bytes > 0 ? row_bytes * km_piece_rows(reading, 1) : 0;
}

void km_catalogue_note_reading(km_catalogue *catalogue, const km_opened_file *opened)
{
    const km_reading reading = km_opened_reading(opened, catalogue);
    if (bytes_per_thread(&reading) > bytes_per_thread(&catalogue->reading))
        catalogue->reading = reading;
}

/* Checks a part, and notes its rows and whether it needs double precision. Local. */
static void look_at_part(km_catalogue *catalogue, int64_t f, int64_t *needs_double, km_error *error)
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
    if (km_precision_of_features(columns, catalogue->n_columns, catalogue->asked.is_raw) ==
        KM_FLOAT64)
        *needs_double = 1;
    km_units_note(catalogue, f, columns);
    if (km_opened_open(&opened, catalogue, catalogue->files[f].path, file, columns, MPI_COMM_NULL,
                       error) == KM_OK) {
        km_catalogue_note_reading(catalogue, &opened);
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

/* Numbers the rows through all parts. */
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

/* Shares what each rank found about its parts: every other rank adds zeros. */
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

km_code km_parts_look(km_catalogue *catalogue, MPI_Comm comm, km_error *error)
{
    const int rank = km_comm_rank(comm), n_ranks = km_comm_size(comm);
    int64_t needs_double = catalogue->precision == KM_FLOAT64;
    for (int64_t f = rank; f < catalogue->n_files && error->code == KM_OK; f += n_ranks) {
        stat_file(&catalogue->files[f]);
        if (catalogue->is_together)
            catalogue->files[f].n_rows = catalogue->n_rows;
        else if (catalogue->files[f].table != NULL)
            look_at_part(catalogue, f, &needs_double, error);
    }
    if (km_agree(comm, error) != KM_OK || share_facts(catalogue, comm, error) != KM_OK)
        return error->code;
    km_units_share(catalogue, comm);
    km_max_int64(comm, &needs_double, 1);
    if (catalogue->asked.precision == NULL)
        catalogue->precision = needs_double > 0 ? KM_FLOAT64 : KM_FLOAT32;
    return KM_OK;
}
