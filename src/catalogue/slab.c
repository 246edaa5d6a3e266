/* Reading a rank's slab: piece by piece, each rank by itself, whatever fails on the way. One file
 * is open on all ranks together; of several, a rank opens only those that its slab touches. */
#include "reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- buffers -------------------------------------------------------------------------------- */

static int64_t smallest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Chunks are read whole, whatever part of them a slab has. */
static int64_t stored_rows(const km_reading *reading, int64_t rows)
{
    return reading->chunk_rows > 0
               ? (rows + reading->chunk_rows - 1) / reading->chunk_rows * reading->chunk_rows
               : 0;
}

int64_t km_catalogue_buffer_bytes(const km_catalogue *catalogue, int64_t rows, int n_threads)
{
    const km_reading *reading = &catalogue->reading;
    const int64_t n_pieces = n_threads > 1 ? 2 : 1;
    const int64_t piece = smallest(km_piece_rows(reading, n_threads), rows);
    return piece * (reading->value_bytes + n_pieces * reading->row_bytes) +
           n_pieces * (stored_rows(reading, piece) * reading->stored_bytes +
                       n_threads * reading->thread_bytes);
}

static void free_all(char **arrays, int64_t count)
{
    for (int64_t i = 0; i < count && arrays != NULL; i++)
        free(arrays[i]);
    free(arrays);
}

static void free_buffers(km_reader *r)
{
    if (r->opened == NULL)
        return;
    for (int p = 0; p < r->n_pieces; p++)
        free_all(r->pieces[p].buffers, r->opened->n_sources);
    free_all(r->odd, r->opened->n_columns);
    free_all(r->unpacked, r->opened->n_columns);
    free(r->values);
    free(r->features);
    free(r->is_missing);
    free(r->missing_values);
    r->pieces[0].buffers = r->pieces[1].buffers = r->odd = r->unpacked = NULL;
    r->values = NULL;
    r->features = NULL;
    r->is_missing = NULL;
    r->missing_values = NULL;
}

/* Room for `rows` things of so many bytes; what can't be counted can't be allocated. */
static char *room(int64_t rows, int64_t bytes, km_error *error)
{
    int64_t all;
    if (__builtin_mul_overflow(rows, bytes, &all))
        all = INT64_MAX;
    return km_allocate(all, 1, "buffers for reading", error);
}

static void make_room_for_column(km_reader *r, int64_t c, km_error *error)
{
    const km_field *field = &r->opened->values[c];
    const int64_t value = (int64_t)km_precision_size(km_precision_of_column(r->catalogue, c));
    const int64_t long_double = 2 * sizeof(double); /* on the way of an odd number */
    if (field->is_odd)
        r->odd[c] =
            room(r->room_rows, field->size > long_double ? field->size : long_double, error);
    if (field->is_unpacked)
        r->unpacked[c] = room(r->room_rows, value, error);
}

static void point_to_values(km_reader *r, int64_t c)
{
    const km_field *field = &r->opened->values[c];
    int64_t stride;
    if (field->is_unpacked)
        r->values[c] = (column_values){
            r->unpacked[c], (int64_t)km_precision_size(km_precision_of_column(r->catalogue, c))};
    else {
        const char *first = km_reader_first(r, field, &stride);
        r->values[c] = (column_values){
            r->now->buffers[field->source] + (first - r->now->buffers[field->source]), stride};
    }
    if (c < r->catalogue->n_features)
        r->features[c] = (km_values){r->values[c].first, r->values[c].stride};
}

static km_code make_buffers(km_reader *r, km_error *error)
{
    const char *what = "buffers for reading";
    const km_opened_file *o = r->opened;
    const km_reading reading = km_opened_reading(o, r->catalogue);
    r->piece_rows = km_piece_rows(&reading, km_threads());
    r->room_rows = smallest(r->piece_rows, r->samples->slab.count);
    r->n_pieces = km_threads() > 1 && r->piece_rows < r->samples->slab.count ? 2 : 1;
    for (int p = 0; p < r->n_pieces; p++)
        r->pieces[p].buffers = km_allocate_zeroed(o->n_sources, sizeof(char *), what, error);
    r->odd = km_allocate_zeroed(o->n_columns, sizeof *r->odd, what, error);
    r->unpacked = km_allocate_zeroed(o->n_columns, sizeof *r->unpacked, what, error);
    r->values = km_allocate(o->n_columns, sizeof *r->values, what, error);
    r->features = km_allocate(o->n_columns, sizeof *r->features, what, error);
    r->is_missing = km_allocate(r->room_rows, sizeof *r->is_missing, what, error);
    if (error->code != KM_OK)
        return error->code;
    for (int64_t s = 0; s < o->n_sources * r->n_pieces && error->code == KM_OK; s++)
        r->pieces[s % r->n_pieces].buffers[s / r->n_pieces] =
            room(r->room_rows + o->sources[s / r->n_pieces].is_bitmap, /* few bits in two bytes */
                 o->sources[s / r->n_pieces].n_columns * o->sources[s / r->n_pieces].element_bytes,
                 error);
    for (int64_t c = 0; c < o->n_columns && error->code == KM_OK; c++)
        make_room_for_column(r, c, error);
    return error->code == KM_OK ? km_reader_prepare_missing(r, error) : error->code;
}

/* ---- files ---------------------------------------------------------------------------------- */

static km_code has_changed(const km_file *file, km_error *error)
{
    return km_fail(error, KM_DATA,
                   "file changed while it was read (%s): its size, time or rows are not what they "
                   "were at first; run again when nothing writes to it",
                   file->path);
}

static void check_unchanged(const km_file *file, km_error *error)
{
    struct stat status;
    if (stat(file->path, &status) == 0 &&
        (status.st_size != file->bytes || status.st_mtim.tv_sec != file->time ||
         status.st_mtim.tv_nsec != file->nanoseconds))
        has_changed(file, error);
}

static void leave_file(km_reader *r, km_error *error)
{
    free_buffers(r);
    if (r->opened == &r->own) {
        check_unchanged(&r->catalogue->files[r->file], error);
        km_opened_close(&r->own);
    }
    free(r->columns);
    r->columns = NULL;
    r->opened = NULL;
}

/* Opens the file with this number on this rank alone. */
static void enter_file(km_reader *r, int64_t f, km_error *error)
{
    int64_t n_rows;
    const km_file *file = &r->catalogue->files[f];
    r->columns = km_catalogue_columns_of(r->catalogue, f, &n_rows, error);
    if (r->columns == NULL)
        return;
    if (n_rows != file->n_rows) {
        has_changed(file, error);
        return;
    }
    r->opened = &r->own;
    if (km_opened_open(r->opened, r->catalogue, file->path, r->columns, MPI_COMM_NULL, error) ==
        KM_OK)
        make_buffers(r, error);
}

/* Goes to the file that the next row of the slab is in. */
static void find_file(km_reader *r, km_error *error)
{
    const km_catalogue *catalogue = r->catalogue;
    int64_t f = r->file;
    while (r->at >= catalogue->files[f].first_row + catalogue->files[f].n_rows)
        f++;
    if (f == r->file && r->opened != NULL)
        return;
    leave_file(r, error);
    r->file = f;
    if (error->code == KM_OK)
        enter_file(r, f, error);
}

/* ---- pieces --------------------------------------------------------------------------------- */

/* A reason that says itself what to do needs no other advice. */
static void cannot_read(const km_reader *r, const km_source *source, km_rows rows,
                        const km_error *why, km_error *error)
{
    const bool has_advice = strstr(why->text, "; ") != NULL;
    km_fail(error, why->code, "can't read the catalogue (%s, %s, rows %lld to %lld, rank %d): %s%s",
            km_reader_path(r), source->dataset, (long long)rows.first,
            (long long)(rows.first + (rows.count > 0 ? rows.count - 1 : 0)), r->rank, why->text,
            has_advice ? "" : "; check the file with h5dump, or copy it again");
}

/* Reads rows of a source, or the chunks that hold them. */
static void read_source(km_reader *r, km_piece *piece, int64_t s, km_rows rows, km_error *why)
{
    const km_source *source = &r->opened->sources[s];
    const km_rows columns = {source->first_column, source->n_columns};
    const km_rows down = source->is_transposed ? columns
                         : source->is_bitmap   ? km_bytes_of_bits(rows)
                                               : rows;
    const km_rows across = source->is_transposed ? rows : columns;
    const int64_t row_elements = source->is_transposed ? r->room_rows : columns.count;
    if (source->is_decoded)
        km_h5_read_chunks(piece->chunks, &source->array, down, across, row_elements,
                          piece->buffers[s], why);
    else
        km_h5_read_block(&source->array, down, across, source->type, row_elements,
                         piece->buffers[s], why);
}

/* Reads the rows of all sources, but for decoding their chunks. */
static void read_piece(km_reader *r, km_piece *piece, km_rows rows, km_error *error)
{
    const int64_t before = r->catalogue->files[r->file].first_row;
    piece->rows = rows;
    piece->first_in_file = rows.first - before;
    for (int64_t s = 0; s < r->opened->n_sources; s++) /* freed even if reading fails on the way */
        if (r->opened->sources[s].has_pointers)
            memset(piece->buffers[s], 0,
                   (size_t)(rows.count * r->opened->sources[s].n_columns *
                            r->opened->sources[s].element_bytes));
    for (int64_t s = 0; s < r->opened->n_sources && error->code == KM_OK; s++) {
        const km_source *source = &r->opened->sources[s];
        const int64_t count = rows.count * source->n_columns;
        km_error why = {0};
        read_source(r, piece, s, (km_rows){rows.first - before, rows.count}, &why);
        if (why.code != KM_OK)
            cannot_read(r, source, rows, &why, error);
        r->findings->bytes_read += count * source->array.element_bytes;
    }
}

/* What only one thread may do before values are taken: chunks that went wrong, numbers that HDF5
 * has to convert, ids. */
static void complete_piece(km_reader *r, km_error *error)
{
    const km_h5_array *wrong = NULL;
    const int64_t count = r->now->rows.count;
    km_error why = {0};
    km_h5_end_chunks(r->now->chunks, &wrong, &why);
    for (int64_t s = 0; s < r->opened->n_sources && why.code != KM_OK; s++)
        if (wrong == &r->opened->sources[s].array)
            cannot_read(r, &r->opened->sources[s], r->now->rows, &why, error);
    if (r->catalogue->has_ids && error->code == KM_OK) {
        const km_field *field = &r->opened->values[r->opened->n_columns - 1];
        int64_t stride;
        const char *first = km_reader_first(r, field, &stride);
        km_ids_append(&r->findings->ids, field, first, stride, count, km_reader_path(r), error);
    }
    if (error->code == KM_OK)
        km_reader_convert_odd(r, count, error);
    for (int64_t c = 0; c < r->opened->n_columns; c++)
        point_to_values(r, c);
}

/* The pieces of texts that HDF5 allocated for the rows of a source. */
static void free_pointers(const km_reader *r, km_piece *piece)
{
    for (int64_t s = 0; s < r->opened->n_sources; s++) {
        const km_source *source = &r->opened->sources[s];
        const hsize_t n = (hsize_t)(piece->rows.count * source->n_columns);
        if (!source->has_pointers || n == 0)
            continue;
        const hid_t space = H5Screate_simple(1, &n, NULL);
        H5Dvlen_reclaim(source->type, space, H5P_DEFAULT, piece->buffers[s]);
        H5Sclose(space);
    }
    piece->rows.count = 0;
}

/* The rows from `first` on, in the catalogue, that are read at once: in one file, and to a multiple
 * of the size of pieces in it; none behind the slab or the file. */
static km_rows piece_from(const km_reader *r, int64_t first)
{
    const km_file *file = &r->catalogue->files[r->file];
    const km_rows slab = r->samples->slab;
    const int64_t in_file = first - file->first_row, slab_end = slab.first + slab.count;
    int64_t end = in_file - in_file % r->piece_rows + r->piece_rows;
    end = smallest(smallest(end, file->n_rows), slab_end - file->first_row);
    return (km_rows){first, end > in_file ? end - in_file : 0};
}

/* Takes the values of the piece that was read, by all threads, while one of them reads the next. */
static void take_piece(km_reader *r, km_piece *ahead, km_rows next, km_error *ahead_error,
                       km_error *error)
{
    enum { ROWS = 2048 }; /* that are few enough to stay in cache from step to step */
    const int64_t count = r->now->rows.count;
    int64_t starts[KM_MOST_THREADS + 1];
#pragma omp parallel
    {
#pragma omp master
        if (ahead != NULL)
            read_piece(r, ahead, next, ahead_error);
        km_h5_decode_by_team(r->now->chunks);
#pragma omp master
        complete_piece(r, error);
#pragma omp barrier
        if (error->code == KM_OK) {
#pragma omp for schedule(dynamic, 1)
            for (int64_t first = 0; first < count; first += ROWS)
                km_reader_take_rows(r, first, smallest(ROWS, count - first));
            km_samples_append_by_team(
                r->samples, count, r->features,
                r->catalogue->has_weights
                    ? (const double *)(void *)r->values[r->catalogue->n_features].first
                    : NULL,
                r->is_missing, starts);
        }
    }
    if (error->code == KM_OK)
        km_reader_refuse_rows(r, r->now->rows);
    free_pointers(r, r->now);
}

/* How much of the slab is read: of this rank's, and slabs are equally long. */
static void say_part(const km_reader *r)
{
    const km_rows slab = r->samples->slab;
    km_status_part((double)(r->at - slab.first) / (double)slab.count);
}

/* Reads all rows of the slab that the open file has. */
static void read_file(km_reader *r, km_error *error)
{
    km_error ahead_error = {0};
    km_rows next = piece_from(r, r->at);
    r->now = &r->pieces[0];
    read_piece(r, r->now, next, &ahead_error);
    while (next.count > 0 && ahead_error.code == KM_OK && error->code == KM_OK) {
        km_piece *ahead = r->n_pieces == 2 ? &r->pieces[r->now == r->pieces] : NULL;
        r->at += next.count;
        next = piece_from(r, r->at);
        take_piece(r, next.count > 0 ? ahead : NULL, next, &ahead_error, error);
        say_part(r);
        if (km_stop_wanted(0) != KM_WISH_NONE)
            km_fail(error, KM_STOPPED, "while reading the catalogue");
        if (ahead != NULL)
            r->now = ahead;
        else if (next.count > 0 && error->code == KM_OK)
            read_piece(r, r->now, next, &ahead_error);
    }
    if (ahead_error.code != KM_OK || error->code != KM_OK)
        free_pointers(r, r->now);
    if (error->code == KM_OK)
        *error = ahead_error;
}

static km_code read_slab(km_reader *r, MPI_Comm comm, km_error *error)
{
    const int64_t end = r->samples->slab.first + r->samples->slab.count;
    while (r->at < end && error->code == KM_OK) {
        if (!r->catalogue->is_together)
            find_file(r, error);
        if (error->code == KM_OK)
            read_file(r, error);
    }
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    /* Only now: the lowest rank that met one has the first of the catalogue. */
    *error = r->refused;
    return km_agree(comm, error);
}

/* ---- the whole ------------------------------------------------------------------------------ */

void km_findings_free(km_findings *findings)
{
    free(findings->n_missing);
    free(findings->n_fill);
    km_ids_free(&findings->ids);
    *findings = (km_findings){.ids = {.type = H5I_INVALID_HID}};
}

static void begin(km_reader *r, km_rows slab, km_error *error)
{
    const km_catalogue *catalogue = r->catalogue;
    km_findings *findings = r->findings;
    *findings = (km_findings){.ids = {.type = H5I_INVALID_HID}};
    strcpy(findings->how,
           catalogue->is_together ? "independent (MPI-IO)" : "independent (each rank by itself)");
    r->at = slab.first;
    findings->n_missing = km_allocate_zeroed(catalogue->n_features, sizeof *findings->n_missing,
                                             "counts of missing values", error);
    findings->n_fill = km_allocate_zeroed(catalogue->n_features, sizeof *findings->n_fill,
                                          "counts of fill values", error);
    for (int p = 0; p < 2; p++)
        r->pieces[p].chunks = km_h5_chunks_create(error);
    if (catalogue->has_ids)
        km_ids_create(&findings->ids, catalogue, slab.count, error);
    km_samples_create(r->samples, catalogue->precision, catalogue->n_features,
                      catalogue->has_weights, slab, error);
    if (error->code == KM_OK && catalogue->is_together) {
        r->opened = catalogue->shared;
        make_buffers(r, error);
    }
}

km_code km_catalogue_read(const km_catalogue *catalogue, km_missing missing, MPI_Comm comm,
                          km_samples *samples, km_findings *findings, km_error *error)
{
    const int rank = km_comm_rank(comm);
    km_reader r = {.catalogue = catalogue,
                   .missing = missing,
                   .samples = samples,
                   .findings = findings,
                   .rank = rank};
    begin(&r, km_slab(catalogue->n_rows, km_comm_size(comm), rank), error);
    if (km_agree(comm, error) == KM_OK)
        read_slab(&r, comm, error);
    leave_file(&r, error);
    km_h5_chunks_free(r.pieces[0].chunks);
    km_h5_chunks_free(r.pieces[1].chunks);
    km_memory_return();
    if (catalogue->is_together && rank == 0)
        check_unchanged(&catalogue->files[0], error);
    if (km_agree(comm, error) == KM_OK) {
        km_sum_int64(comm, findings->n_missing, catalogue->n_features);
        km_sum_int64(comm, findings->n_fill, catalogue->n_features);
    } else {
        km_samples_free(samples);
        km_findings_free(findings);
    }
    return error->code;
}
