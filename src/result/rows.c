/* The part of a result with a value a row: labels, distances. Rows are made from samples piece by
 * piece, to write them and once more to compare, so that they need no memory of their own.
 *
 * Every rank writes its own slab by plain writes to where HDF5 reserved it, since MPI-IO does not
 * always tell that a disk is full; and since no one always does, only what was read back counts. */
#include "contents.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One dataset with a value a row. */
typedef struct row_dataset {
    const char *name;
    hid_t type;
    size_t size;
    /* The value of a sample, or of a row that is none (-1). */
    void (*value)(const km_record *record, int64_t sample, void *value);
} row_dataset;

/* A walk over the rows of this rank's slab, piece by piece. */
struct walk {
    const km_record *record;
    const row_dataset *dataset;
    int rank;            /* for messages */
    int64_t row, sample; /* where the next piece begins */
    void *values;        /* of a piece, as they should be */
    km_error *error;
};

static void label_of(const km_record *record, int64_t sample, void *value)
{
    *(int32_t *)value = sample < 0 ? -1 : record->fit->labels[sample];
}

static void distance_of(const km_record *record, int64_t sample, void *value)
{
    *(double *)value = sample < 0 ? NAN
                                  : km_fit_distance(record->fit, record->samples,
                                                    record->transform->exponent, sample);
}

/* The datasets of a record in `datasets`, at most KM_ROW_DATASETS; returns how many. */
static int list_datasets(const km_record *record, row_dataset *datasets)
{
    datasets[0] = (row_dataset){"labels", H5T_NATIVE_INT32, sizeof(int32_t), label_of};
    datasets[1] = (row_dataset){"distances", H5T_NATIVE_DOUBLE, sizeof(double), distance_of};
    return record->options->distances ? 2 : 1;
}

static void cannot_write(const km_record *record, const char *why, km_error *error)
{
    km_fail(error, KM_SYSTEM,
            "can't write the result (%s): %s; is the disk full, or a quota reached?",
            record->options->output, why);
}

km_code km_rows_reserve(const char *path, const km_record *record, int64_t *offsets,
                        km_error *error)
{
    row_dataset datasets[KM_ROW_DATASETS];
    const int n_datasets = list_datasets(record, datasets);
    const hid_t file = km_h5_open_to_add(path);
    bool is_done = file >= 0;
    for (int i = 0; i < n_datasets && is_done; i++) {
        offsets[i] =
            km_h5_reserve(file, datasets[i].name, datasets[i].type, record->catalogue->n_rows);
        is_done = offsets[i] >= 0;
    }
    if (!is_done || km_fault("reserve rows"))
        cannot_write(record, km_h5_reason(), error);
    if (file >= 0 && !km_h5_note(H5Fclose(file)))
        cannot_write(record, km_h5_reason(), error);
    return error->code;
}

/* ---- pieces ------------------------------------------------------------------------------------
 */

static int64_t piece_rows(const km_record *record)
{
    const int64_t n_rows = record->samples->slab.count;
    return n_rows < KM_H5_PIECE_ROWS ? n_rows : KM_H5_PIECE_ROWS;
}

static void start_walk(struct walk *walk, const km_record *record, const row_dataset *dataset,
                       int rank, km_error *error)
{
    *walk = (struct walk){.record = record, .dataset = dataset, .rank = rank, .error = error};
    walk->values = km_allocate(piece_rows(record), dataset->size, "rows of the result", error);
}

/* Makes the values of the next piece, and says which rows they are; none at the end. */
static km_rows next_piece(struct walk *walk)
{
    const km_samples *samples = walk->record->samples;
    const int64_t left = samples->slab.count - walk->row;
    const km_rows rows = {samples->slab.first + walk->row,
                          left < KM_H5_PIECE_ROWS ? left : KM_H5_PIECE_ROWS};
    char *value = walk->values;
    for (int64_t i = 0; i < rows.count; i++, walk->row++, value += walk->dataset->size) {
        const bool is_used = km_samples_is_used(samples, walk->row);
        walk->dataset->value(walk->record, is_used ? walk->sample++ : -1, value);
    }
    return rows;
}

static void piece_failed(const struct walk *walk, km_rows rows, const char *why)
{
    km_fail(walk->error, KM_SYSTEM,
            "can't write the result (%s, %s, rows %lld to %lld, rank %d): %s; is the disk full, or "
            "a quota reached?",
            walk->record->options->output, walk->dataset->name, (long long)rows.first,
            (long long)(rows.first + rows.count - 1), walk->rank, why);
}

/* ---- writing -----------------------------------------------------------------------------------
 */

static void write_dataset(struct walk *walk, int descriptor, int64_t offset)
{
    const int64_t size = (int64_t)walk->dataset->size;
    for (km_rows rows = next_piece(walk); rows.count > 0; rows = next_piece(walk))
        if (!km_write_at(descriptor, walk->values, rows.count * size, offset + rows.first * size) ||
            km_fault("write rows")) {
            piece_failed(walk, rows, strerror(errno));
            return;
        }
}

static void write_all(const char *path, const km_record *record, const int64_t *offsets, int rank,
                      km_error *error)
{
    row_dataset datasets[KM_ROW_DATASETS];
    const int n_datasets = list_datasets(record, datasets);
    const int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0 || km_fault("open the result"))
        cannot_write(record, strerror(errno), error);
    for (int i = 0; i < n_datasets && error->code == KM_OK; i++) {
        struct walk walk;
        start_walk(&walk, record, &datasets[i], rank, error);
        if (error->code == KM_OK)
            write_dataset(&walk, descriptor, offsets[i]);
        free(walk.values);
    }
    if (error->code == KM_OK && (fsync(descriptor) != 0 || km_fault("sync rows")))
        cannot_write(record, strerror(errno), error);
    if (descriptor >= 0 && (close(descriptor) != 0 || km_fault("close the result")))
        cannot_write(record, strerror(errno), error);
}

km_code km_rows_write(const char *path, const km_record *record, const int64_t *offsets,
                      MPI_Comm comm, km_error *error)
{
    write_all(path, record, offsets, km_comm_rank(comm), error);
    return km_agree(comm, error);
}

/* ---- reading back ------------------------------------------------------------------------------
 */

/* Every rank makes as many collective reads as the one with the most rows. */
static void compare_pieces(struct walk *walk, hid_t dataset, int64_t n_pieces, void *read)
{
    for (int64_t piece = 0; piece < n_pieces; piece++) {
        const km_rows rows = next_piece(walk);
        const size_t size = (size_t)rows.count * walk->dataset->size;
        if (!km_h5_reread_rows(dataset, walk->dataset->type, rows, read) ||
            km_fault("read rows back"))
            piece_failed(walk, rows, km_h5_reason());
        else if (memcmp(read, walk->values, size) != 0 || km_fault("compare rows"))
            piece_failed(walk, rows, "they read back differently");
    }
}

static km_code compare_dataset(hid_t file, const row_dataset *what, const km_record *record,
                               MPI_Comm comm, km_error *error)
{
    struct walk walk;
    int64_t n_pieces = (record->samples->slab.count + KM_H5_PIECE_ROWS - 1) / KM_H5_PIECE_ROWS;
    km_max_int64(comm, &n_pieces, 1);
    start_walk(&walk, record, what, km_comm_rank(comm), error);
    void *read = km_allocate(piece_rows(record), what->size, "rows of the result", error);
    const hid_t dataset = H5Dopen2(file, what->name, H5P_DEFAULT);
    if (!km_h5_note(dataset) || km_fault("open rows of the result"))
        cannot_write(record, km_h5_reason(), error);
    if (km_agree(comm, error) == KM_OK)
        compare_pieces(&walk, dataset, n_pieces, read);
    if (dataset >= 0)
        H5Dclose(dataset);
    free(read);
    free(walk.values);
    return km_agree(comm, error);
}

km_code km_rows_compare(const char *path, const km_record *record, MPI_Comm comm, km_error *error)
{
    row_dataset datasets[KM_ROW_DATASETS];
    const int n_datasets = list_datasets(record, datasets);
    hid_t file;
    km_error why = {0};
    if (km_h5_open(path, comm, &file, &why) != KM_OK)
        cannot_write(record, why.text, error);
    if (km_agree(comm, error) == KM_OK)
        for (int i = 0; i < n_datasets && error->code == KM_OK; i++)
            compare_dataset(file, &datasets[i], record, comm, error);
    if (file >= 0)
        H5Fclose(file);
    return km_agree(comm, error);
}
