/* Reads a rank's slab piece by piece, each rank by itself, even if others fail. One file is open on
 * all ranks together; of several files, a rank opens only those that its slab touches. */
#include "base/arithmetic.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/threads.h"
#include "reader.h"

#include <stdlib.h>
#include <string.h>

/* ---- the thread that has HDF5 --------------------------------------------------------------- */

static void release_piece(km_piece *p)
{
    if (p->file == NULL)
        return;
    km_piece_free_texts(p);
    km_file_leave(p->reader, p->file);
    p->file = NULL;
    pthread_cond_broadcast(&p->reader->left);
}

/* The rows of the next piece: up to a multiple of the size of pieces, within the file and the
 * slab. */
static km_rows next_rows(const km_reader *r)
{
    const km_file *file = &r->catalogue->files[r->file->number];
    const km_rows slab = r->samples->slab;
    const int64_t in_file = r->at - file->first_row, piece_rows = r->file->piece_rows;
    int64_t end = in_file - in_file % piece_rows + piece_rows;
    end = km_min_of(km_min_of(end, file->n_rows), slab.first + slab.count - file->first_row);
    return (km_rows){r->at, end - in_file};
}

/* Texts of variable length are read with types of HDF5 that know their file. Of a file that is open
 * twice, as one that is named twice, they know the first opening alone, and don't outlive it; so no
 * other file is opened before all have left this one. */
static bool has_texts(const km_file_in_use *file)
{
    for (int64_t s = 0; s < file->opened->n_sources; s++)
        if (file->opened->sources[s].has_pointers)
            return true;
    return false;
}

static bool is_next_row_in(const km_reader *r, const km_file_in_use *file)
{
    const km_file *listed = &r->catalogue->files[file->number];
    return r->at < listed->first_row + listed->n_rows;
}

static void wait_for_texts(km_reader *r)
{
    while (!r->is_over && r->file != NULL && r->file->n_users > 1 && !is_next_row_in(r, r->file) &&
           has_texts(r->file))
        pthread_cond_wait(&r->left, &r->reading);
}

/* Opens the file of the next piece, and has the system read its rows while others are converted. Of
 * a file that is open together, MPI-IO knows better. */
static void announce_next_piece(km_reader *r, km_error *error)
{
    const km_rows slab = r->samples->slab;
    if (r->catalogue->is_together || r->at == slab.first + slab.count || error->code != KM_OK ||
        has_texts(r->file))
        return;
    km_file_find(r, error);
    if (error->code != KM_OK)
        return;
    const km_rows rows = next_rows(r);
    const int64_t first_in_file = rows.first - r->catalogue->files[r->file->number].first_row;
    km_file_announce(r->file, (km_rows){first_in_file, rows.count});
}

/* Reads the next piece; false if there is none. */
static bool begin_piece(km_piece *p, km_error *error)
{
    km_reader *r = p->reader;
    const km_rows slab = r->samples->slab;
    wait_for_texts(r);
    if (r->is_over || r->at == slab.first + slab.count)
        return false;
    km_pace_stop(r->pace, km_pace_wish(r->pace, 0));
    if (km_pace_is_stopped(r->pace))
        return false;
    p->number = r->n_pieces++;
    p->rows.count = 0;
    km_file_find(r, error);
    if (error->code == KM_OK) {
        p->file = r->file;
        p->file->n_users++;
        if (km_piece_allocate(p, slab.count, error) == KM_OK) {
            p->rows = next_rows(r);
            p->first_in_file = r->at - r->catalogue->files[r->file->number].first_row;
            r->at += p->rows.count;
            km_piece_read(p, error);
            announce_next_piece(r, error);
            /* All ranks' slabs are about equally long. */
            km_pace_part(r->pace, (double)(r->at - slab.first) / (double)slab.count);
        }
    }
    r->is_over = error->code != KM_OK;
    return true;
}

/* ---- taking its values: each thread by itself ----------------------------------------------- */

static void append_ids(const km_piece *p, km_error *error)
{
    const km_opened_file *opened = p->file->opened;
    const km_field *field = &opened->values[opened->n_columns - 1];
    int64_t stride;
    const char *first = km_piece_first(p, field, &stride);
    if (p->reader->catalogue->has_ids)
        km_ids_append(&p->reader->findings->ids, field, first, stride, p->rows.count, p->file->path,
                      error);
}

/* Does what must follow the order of rows, once it is this piece's turn. Returns the number of its
 * first sample; negative if this piece or an earlier one failed. */
static int64_t take_turn(const km_piece *p, const km_error *error)
{
    km_reader *r = p->reader;
    int64_t sample = -1;
    pthread_mutex_lock(&r->turns);
    while (r->turn != p->number)
        pthread_cond_wait(&r->turned, &r->turns);
    if (r->error->code == KM_OK)
        *r->error = *error;
    if (r->error->code == KM_OK)
        append_ids(p, r->error);
    if (r->error->code == KM_OK) {
        km_piece_refuse_rows(p, &r->refused);
        sample = r->n_samples;
        r->n_samples += km_samples_count_used(p->fates, p->rows.count);
    }
    r->turn++;
    pthread_cond_broadcast(&r->turned);
    pthread_mutex_unlock(&r->turns);
    return sample;
}

static void put_samples(const km_piece *p, int64_t sample)
{
    const km_catalogue *catalogue = p->reader->catalogue;
    const void *weights = catalogue->has_weights ? p->values[catalogue->n_features].first : NULL;
    km_samples *samples = p->reader->samples;
    const int64_t n_used = km_samples_count_used(p->fates, p->rows.count);
    km_samples_put(samples, p->rows.first - samples->slab.first, p->rows.count, p->features,
                   weights, p->fates, sample);
    km_samples_leave(samples, sample / KM_BLOCK, n_used / KM_BLOCK);
}

/* Takes the values of a piece that was read, or failed. False if no more pieces are wanted. */
static bool finish_piece(km_piece *p, km_error *error)
{
    km_reader *r = p->reader;
    bool is_complete = true;
    if (error->code == KM_OK) {
        km_piece_read_plain(p, error);
        is_complete = km_h5_decode_chunks(p->chunks) && !p->has_unread && !p->file->opened->has_odd;
    }
    if (!is_complete) {
        pthread_mutex_lock(&r->reading);
        km_piece_complete(p, error);
        pthread_mutex_unlock(&r->reading);
    }
    if (error->code == KM_OK)
        km_piece_take_values(p);
    for (int64_t i = 0; i < p->rows.count && r->missing == KM_MISSING_KEEP; i++)
        if (p->fates[i] == KM_ROW_MISSING)
            p->fates[i] = KM_ROW_USED;
    const int64_t sample = take_turn(p, error);
    if (sample >= 0)
        put_samples(p, sample);
    return sample >= 0;
}

/* The work of each thread: piece after piece. */
static void read_pieces(km_piece *p)
{
    km_error error = {0};
    bool has_piece = true, goes_on = true;
    while (has_piece) {
        pthread_mutex_lock(&p->reader->reading);
        km_h5_start();
        release_piece(p);
        p->reader->is_over = p->reader->is_over || !goes_on;
        has_piece = begin_piece(p, &error);
        pthread_mutex_unlock(&p->reader->reading);
        if (has_piece)
            goes_on = finish_piece(p, &error);
    }
}

/* ---- the slab ------------------------------------------------------------------------------- */

void km_findings_free(km_findings *findings)
{
    free(findings->n_missing);
    free(findings->n_fill);
    km_ids_free(&findings->ids);
    *findings = (km_findings){.ids = {.type = H5I_INVALID_HID}};
}

static km_code make_findings(km_findings *findings, const km_catalogue *catalogue, int64_t n_rows,
                             km_error *error)
{
    *findings = (km_findings){.ids = {.type = H5I_INVALID_HID}};
    strcpy(findings->how,
           catalogue->is_together ? "independent (MPI-IO)" : "independent (each rank by itself)");
    findings->n_missing = km_allocate_zeroed(catalogue->n_features, sizeof *findings->n_missing,
                                             "counts of missing values", error);
    findings->n_fill = km_allocate_zeroed(catalogue->n_columns, sizeof *findings->n_fill,
                                          "counts of fill values", error);
    if (catalogue->has_ids)
        km_ids_create(&findings->ids, catalogue, n_rows, error);
    return error->code;
}

/* Reads by all threads; by one if the file is read through MPI, which may not allow several. */
static void read_by_threads(km_reader *r)
{
    const bool is_serialized = !r->catalogue->is_together || km_comm_takes_threads();
    const int n_threads = is_serialized ? km_threads() : 1;
    km_piece *pieces = km_allocate_zeroed(n_threads, sizeof *pieces, "pieces", r->error);
    for (int t = 0; t < n_threads && r->error->code == KM_OK; t++) {
        pieces[t].reader = r;
        pieces[t].chunks = km_h5_chunks_create(r->error);
    }
    if (r->error->code == KM_OK) {
#pragma omp parallel num_threads(n_threads)
        read_pieces(&pieces[km_thread()]);
    }
    for (int t = 0; t < n_threads && pieces != NULL; t++)
        km_piece_free(&pieces[t]);
    free(pieces);
}

static km_code read_slab(km_reader *r, MPI_Comm comm)
{
    r->at = r->samples->slab.first;
    pthread_mutex_init(&r->reading, NULL);
    pthread_cond_init(&r->left, NULL);
    pthread_mutex_init(&r->turns, NULL);
    pthread_cond_init(&r->turned, NULL);
    read_by_threads(r);
    km_file_leave(r, r->file);
    pthread_mutex_destroy(&r->reading);
    pthread_cond_destroy(&r->left);
    pthread_mutex_destroy(&r->turns);
    pthread_cond_destroy(&r->turned);
    km_samples_complete(r->samples, r->n_samples);
    if (r->error->code == KM_OK)
        *r->error = r->changed;
    if (km_agree(comm, r->error) != KM_OK)
        return r->error->code;
    /* After all have read: the lowest rank with a refused row has the first of the catalogue. */
    *r->error = r->refused;
    return km_agree(comm, r->error);
}

km_code km_catalogue_read(km_catalogue *catalogue, km_missing missing, km_pace *pace, MPI_Comm comm,
                          km_samples *samples, km_findings *findings, km_error *error)
{
    const int rank = km_comm_rank(comm);
    const km_rows slab = km_slab(catalogue->n_rows, km_comm_size(comm), rank);
    km_reader r = {.catalogue = catalogue,
                   .missing = missing,
                   .pace = pace,
                   .samples = samples,
                   .findings = findings,
                   .rank = rank,
                   .error = error};
    make_findings(findings, catalogue, slab.count, error);
    km_samples_create(samples, catalogue->precision, catalogue->n_features, catalogue->has_weights,
                      slab, error);
    if (km_agree(comm, error) == KM_OK)
        read_slab(&r, comm);
    km_pace_agree(pace, comm);
    km_memory_return();
    if (catalogue->is_together && rank == 0)
        km_file_check_unchanged(&catalogue->files[0], error);
    if (km_agree(comm, error) == KM_OK) {
        km_sum_int64(comm, findings->n_missing, catalogue->n_features);
        km_sum_int64(comm, findings->n_fill, catalogue->n_columns);
        km_sum_int64(comm, &findings->n_excluded, 1);
        km_sum_int64(comm, &findings->n_undecided, 1);
    } else {
        km_samples_free(samples);
        km_findings_free(findings);
    }
    km_catalogue_close_shared(catalogue);
    return error->code;
}
