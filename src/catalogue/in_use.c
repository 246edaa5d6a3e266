/* Files while they are read: the thread that needs one first opens it, and its last user closes
 * it. */
#include "base/error.h"
#include "base/memory.h"
#include "base/threads.h"
#include "reader.h"

#include <stdlib.h>
#include <sys/stat.h>

static km_code refuse_changed_file(const km_file *file, km_error *error)
{
    return km_fail(error, KM_DATA,
                   "file changed while it was read (%s): its size, time or rows are not what they "
                   "were at first; run again when nothing writes to it",
                   file->path);
}

void km_file_check_unchanged(const km_file *file, km_error *error)
{
    struct stat status;
    if (stat(file->path, &status) == 0 &&
        (status.st_size != file->bytes || status.st_mtim.tv_sec != file->time ||
         status.st_mtim.tv_nsec != file->nanoseconds))
        refuse_changed_file(file, error);
}

void km_file_leave(km_reader *r, km_file_in_use *file)
{
    if (file == NULL || --file->n_users > 0)
        return;
    if (file->opened == &file->own) {
        km_file_check_unchanged(&r->catalogue->files[file->number], &r->changed);
        for (int64_t s = 0; s < file->own.n_sources; s++)
            km_h5_check_unchanged(&file->own.sources[s].array, file->path,
                                  file->own.sources[s].dataset, &r->changed);
        km_opened_close(&file->own);
    }
    free(file->columns);
    free(file->missing_values);
    free(file);
}

/* Opens a part on this rank alone, if all ranks do not have it open together. */
static void open_file(const km_reader *r, km_file_in_use *file, km_error *error)
{
    int64_t n_rows;
    hid_t handle = H5I_INVALID_HID;
    const km_file *listed = &r->catalogue->files[file->number];
    file->path = listed->path;
    if (r->catalogue->is_together) {
        file->opened = r->catalogue->shared;
        return;
    }
    file->columns = km_catalogue_columns_of(r->catalogue, file->number, &n_rows, &handle, error);
    if (file->columns != NULL && n_rows != listed->n_rows)
        refuse_changed_file(listed, error);
    if (file->columns == NULL)
        return;
    file->opened = &file->own;
    km_opened_open(file->opened, r->catalogue, file->path, handle, file->columns, MPI_COMM_NULL,
                   error);
}

void km_file_find(km_reader *r, km_error *error)
{
    const km_catalogue *catalogue = r->catalogue;
    int64_t f = r->file != NULL ? r->file->number : 0;
    while (r->at >= catalogue->files[f].first_row + catalogue->files[f].n_rows)
        f++;
    if (r->file != NULL && f == r->file->number)
        return;
    km_file_leave(r, r->file);
    r->file = km_allocate_zeroed(1, sizeof *r->file, "list of datasets", error);
    if (r->file == NULL)
        return;
    *r->file = (km_file_in_use){.number = f, .n_users = 1};
    open_file(r, r->file, error);
    if (error->code != KM_OK)
        return;
    const km_reading reading = km_opened_reading(r->file->opened, catalogue);
    r->file->piece_rows = km_piece_rows(&reading, km_threads());
    if (catalogue->has_ids)
        km_ids_check_type(&r->findings->ids, &r->file->opened->values[catalogue->n_columns - 1],
                          r->file->path, error);
    km_file_prepare_missing(r->file, catalogue, error);
}
