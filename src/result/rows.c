/* The part of a result with a value a row: labels, distances. Rows are made from samples piece by
 * piece, to write them and once more to compare, so that they need no memory of their own. */
#include "contents.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where in the slab the next piece begins. */
typedef struct position {
    int64_t row, sample;
} position;

/* One dataset with a value a row. */
typedef struct row_dataset {
    const char *name;
    hid_t type;
    size_t size;
    /* The value of a sample, or of a row that is none (-1). */
    void (*value)(const km_record *record, int64_t sample, void *value);
} row_dataset;

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

static row_dataset labels_dataset(void)
{
    return (row_dataset){"labels", H5T_NATIVE_INT32, sizeof(int32_t), label_of};
}

static row_dataset distances_dataset(void)
{
    return (row_dataset){"distances", H5T_NATIVE_DOUBLE, sizeof(double), distance_of};
}

/* Makes the values of the next `count` rows of the slab. */
static void make_piece(const km_record *record, const row_dataset *dataset, position *next,
                       int64_t count, void *values)
{
    const uint64_t *used = record->samples->used;
    for (char *value = values; count > 0; count--, next->row++, value += dataset->size) {
        const bool is_used = (used[next->row / 64] >> next->row % 64 & 1) != 0;
        dataset->value(record, is_used ? next->sample++ : -1, value);
    }
}

/* What is done with a piece: written, or read and compared. */
typedef const char *piece_verb(hid_t file, const row_dataset *dataset, km_rows rows,
                               const void *values, void *room);

static const char *write_piece(hid_t file, const row_dataset *dataset, km_rows rows,
                               const void *values, void *room)
{
    (void)room;
    return km_h5_write_rows(file, dataset->type, rows, values) && !km_fault("write rows")
               ? NULL
               : km_h5_reason();
}

/* A full disk can leave zeros behind without any call failing: only what was read back counts. */
static const char *compare_piece(hid_t file, const row_dataset *dataset, km_rows rows,
                                 const void *values, void *room)
{
    if (!km_h5_reread_rows(file, dataset->type, rows, room) || km_fault("read rows back"))
        return km_h5_reason();
    const bool is_same = memcmp(room, values, (size_t)rows.count * dataset->size) == 0;
    return is_same && !km_fault("compare rows") ? NULL : "they read back differently";
}

/* All pieces of one dataset; every rank makes as many calls as the one with the most rows. */
static void walk_pieces(hid_t dataset, const row_dataset *what, const km_record *record,
                        int64_t n_pieces, piece_verb *verb, void *values, void *room, int rank,
                        km_error *error)
{
    const km_rows slab = record->samples->slab;
    position next = {0, 0};
    for (int64_t piece = 0; piece < n_pieces; piece++) {
        const int64_t left = slab.count - next.row;
        const km_rows rows = {slab.first + next.row,
                              left < KM_H5_PIECE_ROWS ? left : KM_H5_PIECE_ROWS};
        make_piece(record, what, &next, rows.count, values);
        const char *why = verb(dataset, what, rows, values, room);
        if (why != NULL)
            km_fail(error, KM_SYSTEM,
                    "can't write the result (%s, %s, rows %lld to %lld, rank %d): %s; is the disk "
                    "full, or "
                    "a quota reached?",
                    record->options->output, what->name, (long long)rows.first,
                    (long long)(rows.first + rows.count - 1), rank, why);
    }
}

static km_code walk_dataset(hid_t file, const row_dataset *what, const km_record *record,
                            piece_verb *verb, MPI_Comm comm, km_error *error)
{
    const int64_t n_rows = record->samples->slab.count;
    const int64_t piece_rows = n_rows < KM_H5_PIECE_ROWS ? n_rows : KM_H5_PIECE_ROWS;
    int64_t n_pieces = (n_rows + KM_H5_PIECE_ROWS - 1) / KM_H5_PIECE_ROWS;
    km_max_int64(comm, &n_pieces, 1);
    char *values = km_allocate(2 * piece_rows, what->size, "rows of the result", error);
    const hid_t dataset = H5Dopen2(file, what->name, H5P_DEFAULT);
    if (!km_h5_note(dataset) || km_fault("open rows of the result"))
        km_fail(error, KM_SYSTEM, "can't open the result again (%s, %s): %s; is the disk full?",
                record->options->output, what->name, km_h5_reason());
    if (km_agree(comm, error) == KM_OK)
        walk_pieces(dataset, what, record, n_pieces, verb, values,
                    values + (size_t)piece_rows * what->size, km_comm_rank(comm), error);
    if (dataset >= 0)
        H5Dclose(dataset);
    free(values);
    return km_agree(comm, error);
}

static int n_datasets(const km_record *record)
{
    return record->options->distances ? 2 : 1;
}

static km_code walk_file(hid_t file, const km_record *record, piece_verb *verb, MPI_Comm comm,
                         km_error *error)
{
    const row_dataset datasets[] = {labels_dataset(), distances_dataset()};
    for (int i = 0; i < n_datasets(record) && error->code == KM_OK; i++)
        walk_dataset(file, &datasets[i], record, verb, comm, error);
    return error->code;
}

static void cannot_write(const km_record *record, const char *why, km_error *error)
{
    km_fail(error, KM_SYSTEM,
            "can't write the result (%s): %s; is the disk full, or a quota reached?",
            record->options->output, why);
}

static km_code reserve(hid_t file, const km_record *record, MPI_Comm comm, km_error *error)
{
    const row_dataset datasets[] = {labels_dataset(), distances_dataset()};
    for (int i = 0; i < n_datasets(record); i++)
        if (!km_h5_reserve(file, datasets[i].name, datasets[i].type, record->catalogue->n_rows) ||
            km_fault("reserve rows"))
            cannot_write(record, km_h5_reason(), error);
    return km_agree(comm, error);
}

km_code km_rows_write(const char *path, const km_record *record, MPI_Comm comm, km_error *error)
{
    const hid_t file = km_h5_open_for_writing(path, comm);
    if (file < 0 || km_fault("open the result"))
        cannot_write(record, km_h5_reason(), error);
    if (km_agree(comm, error) == KM_OK && reserve(file, record, comm, error) == KM_OK)
        walk_file(file, record, write_piece, comm, error);
    /* Flushing makes every rank hand its rows to the disk before they are read back. */
    if (file >= 0 && (!km_h5_note(H5Fflush(file, H5F_SCOPE_LOCAL)) || km_fault("flush rows")))
        cannot_write(record, km_h5_reason(), error);
    if (file >= 0 && (!km_h5_note(H5Fclose(file)) || km_fault("close the result")))
        cannot_write(record, km_h5_reason(), error);
    return km_agree(comm, error);
}

km_code km_rows_compare(const char *path, const km_record *record, MPI_Comm comm, km_error *error)
{
    hid_t file;
    km_error why = {0};
    if (km_h5_open(path, comm, &file, &why) != KM_OK)
        cannot_write(record, why.text, error);
    if (km_agree(comm, error) == KM_OK)
        walk_file(file, record, compare_piece, comm, error);
    if (file >= 0)
        H5Fclose(file);
    return km_agree(comm, error);
}
