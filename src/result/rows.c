/* The datasets of a result with a value per row: labels, distances, ids.
 *
 * Every rank writes its own slab with plain writes, at the offset that HDF5 reserved, since MPI-IO
 * does not always report a full disk. No way of writing always does, so all is read back. */
#include "base/error.h"
#include "base/fault.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/partition.h"
#include "contents.h"
#include "process/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One dataset with a value per row. */
typedef struct row_dataset {
    const char *name;
    hid_t type;
    size_t size;        /* of a value */
    const void *values; /* of the rows of this rank's slab */
} row_dataset;

/* Fills in the datasets that the record has, and returns their number. */
static int list_datasets(const km_record *record, row_dataset *datasets)
{
    datasets[0] =
        (row_dataset){"labels", H5T_NATIVE_INT32, sizeof(int32_t), record->answer->labels};
    const km_ids *ids = &record->findings->ids;
    int n = 1;
    if (record->outputs->has_distances)
        datasets[n++] =
            (row_dataset){"distances", H5T_NATIVE_DOUBLE, sizeof(double), record->distances};
    if (record->outputs->has_second) {
        datasets[n++] =
            (row_dataset){"second_label", H5T_NATIVE_INT32, sizeof(int32_t), record->second_labels};
        datasets[n++] = (row_dataset){"second_distance", H5T_NATIVE_DOUBLE, sizeof(double),
                                      record->second_distances};
    }
    if (ids->type >= 0 && !ids->is_variable)
        datasets[n++] = (row_dataset){"ids", ids->type, ids->size, ids->bytes};
    return n;
}

bool km_rows_declare(hid_t file, const km_record *record)
{
    row_dataset datasets[KM_ROW_DATASETS];
    const int n_datasets = list_datasets(record, datasets);
    bool is_done = true;
    for (int i = 0; i < n_datasets && is_done; i++)
        is_done = km_h5_declare(file, datasets[i].name, "row", datasets[i].type,
                                record->catalogue->n_rows);
    return is_done;
}

km_code km_rows_reserve(const char *path, const km_record *record, int64_t *offsets,
                        km_error *error)
{
    row_dataset datasets[KM_ROW_DATASETS];
    const int n_datasets = list_datasets(record, datasets);
    const hid_t file = km_h5_open_to_add(path);
    bool is_done = file >= 0;
    for (int i = 0; i < n_datasets && is_done; i++) {
        offsets[i] = km_h5_reserve(file, datasets[i].name);
        is_done = offsets[i] >= 0;
    }
    if (!is_done || km_fault("reserve rows"))
        km_cannot_write_result(record, km_h5_reason(), error);
    if (file >= 0 && !km_h5_note(H5Fclose(file)))
        km_cannot_write_result(record, km_h5_reason(), error);
    return error->code;
}

/* Rows per piece that is read back; the last piece may be shorter. */
static int64_t piece_rows(const row_dataset *dataset, const km_record *record)
{
    const int64_t n_rows = record->answer->slab.count;
    const int64_t n_max = KM_H5_PIECE_BYTES / (int64_t)dataset->size;
    return n_rows < n_max ? n_rows : n_max > 0 ? n_max : 1;
}

static void piece_failed(const row_dataset *dataset, const km_record *record, km_rows rows,
                         int rank, const char *why, km_error *error)
{
    km_fail(error, KM_SYSTEM,
            "can't write the result (%s, %s, rows %lld to %lld, rank %d): %s; is the disk full, or "
            "a quota reached?",
            record->outputs->result, dataset->name, (long long)rows.first,
            (long long)(rows.first + rows.count - 1), rank, why);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_dataset(const row_dataset *dataset, const km_record *record, int descriptor,
                          int64_t offset, int rank, km_error *error)
{
    const int64_t size = (int64_t)dataset->size;
    const km_rows slab = record->answer->slab;
    const int64_t n_max = piece_rows(dataset, record);
    bool is_written = slab.count == 0 || !km_fault("write rows");
    for (int64_t done = 0; done < slab.count && is_written; done += n_max) {
        const int64_t n = slab.count - done < n_max ? slab.count - done : n_max;
        const char *values = (const char *)dataset->values + done * size;
        km_fetch_large(values, (size_t)(n * size));
        is_written = km_write_at(descriptor, values, n * size, offset + (slab.first + done) * size);
        km_leave_large(values, (size_t)(n * size));
    }
    if (!is_written)
        piece_failed(dataset, record, slab, rank, strerror(errno), error);
}

static void write_row_datasets(const char *path, const km_record *record, const int64_t *offsets,
                               int rank, km_error *error)
{
    row_dataset datasets[KM_ROW_DATASETS];
    const int n_datasets = list_datasets(record, datasets);
    const int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0 || km_fault("open the result"))
        km_cannot_write_result(record, strerror(errno), error);
    for (int i = 0; i < n_datasets && error->code == KM_OK; i++)
        write_dataset(&datasets[i], record, descriptor, offsets[i], rank, error);
    if (error->code == KM_OK && (fsync(descriptor) != 0 || km_fault("sync rows")))
        km_cannot_write_result(record, strerror(errno), error);
    if (descriptor >= 0 && (close(descriptor) != 0 || km_fault("close the result")))
        km_cannot_write_result(record, strerror(errno), error);
}

km_code km_rows_write(const char *path, const km_record *record, const int64_t *offsets,
                      MPI_Comm comm, km_error *error)
{
    write_row_datasets(path, record, offsets, km_comm_rank(comm), error);
    return km_agree(comm, error);
}

/* ---- reading back ---------------------------------------------------------------------------- */

static void compare_row_pieces(const row_dataset *what, const km_record *record, hid_t dataset,
                               void *read, int rank, km_error *error)
{
    const km_rows slab = record->answer->slab;
    const int64_t n_max = piece_rows(what, record);
    for (int64_t done = 0; done < slab.count; done += n_max) {
        const int64_t left = slab.count - done;
        const km_rows rows = {slab.first + done, left < n_max ? left : n_max};
        const size_t size = (size_t)rows.count * what->size;
        const char *written = (const char *)what->values + (size_t)done * what->size;
        km_fetch_large(written, size);
        if (!km_h5_reread_rows(dataset, what->type, rows, read) || km_fault("read rows back"))
            piece_failed(what, record, rows, rank, km_h5_reason(), error);
        else if (memcmp(read, written, size) != 0 || km_fault("compare rows"))
            piece_failed(what, record, rows, rank, "they read back differently", error);
        km_leave_large(written, size);
    }
}

static km_code compare_dataset(hid_t file, const row_dataset *what, const km_record *record,
                               MPI_Comm comm, km_error *error)
{
    void *read = km_allocate(piece_rows(what, record), what->size, "rows of the result", error);
    const hid_t dataset = H5Dopen2(file, what->name, H5P_DEFAULT);
    if (!km_h5_note(dataset) || km_fault("open rows of the result"))
        km_cannot_write_result(record, km_h5_reason(), error);
    if (km_agree(comm, error) == KM_OK)
        compare_row_pieces(what, record, dataset, read, km_comm_rank(comm), error);
    if (dataset >= 0)
        H5Dclose(dataset);
    free(read);
    return km_agree(comm, error);
}

km_code km_rows_compare(const char *path, const km_record *record, MPI_Comm comm, km_error *error)
{
    row_dataset datasets[KM_ROW_DATASETS];
    const int n_datasets = list_datasets(record, datasets);
    hid_t file;
    km_error why = {0};
    if (km_h5_open(path, &file, &why) != KM_OK)
        km_cannot_write_result(record, why.text, error);
    if (km_agree(comm, error) == KM_OK)
        for (int i = 0; i < n_datasets && error->code == KM_OK; i++)
            compare_dataset(file, &datasets[i], record, comm, error);
    if (error->code == KM_OK && km_has_text_ids(record))
        km_text_ids_compare(file, record, comm, error);
    if (file >= 0)
        H5Fclose(file);
    return km_agree(comm, error);
}
