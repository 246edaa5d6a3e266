/* Compressed rows. Ranks and threads make and compress a chunk each, in rounds; rank 0 gets the
 * chunks and writes them in their order, since only HDF5 can place chunks whose size is not known
 * before. So the bytes of the file do not depend on the number of ranks, either. */
#include "mock/file.h"

#include "base/fault.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/threads.h"
#include "process/output.h"
#include "process/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a rank works with. A tile is a chunk of each field. */
typedef struct packed_writer {
    const km_mock_file *file;
    hid_t handle;                /* of the file, on rank 0 */
    hid_t *datasets;             /* [n_fields], on rank 0 */
    int n_threads;               /* the most of any rank: so many tiles make a round of a rank */
    km_mock_tile_memory *memory; /* [n_threads] */
    char *shuffled;              /* [n_threads][bytes of a tile] */
    char *packed;                /* [n_threads][capacity]: fields one after the other */
    char *received;              /* [largest field], on rank 0 */
    int64_t capacity;
    int64_t *sizes;   /* [n_threads][n_fields], of this rank's chunks in this round; -1: failed */
    uint64_t *hashes; /* [n_tiles][n_fields], on rank 0 */
    km_error *error;
} packed_writer;

/* Bytes of a whole chunk of a field; the most that it takes when compressed. */
static int64_t field_bytes(const km_mock_layout *layout, int64_t f)
{
    return layout->tile_rows * layout->fields[f].row_bytes;
}

static int64_t field_capacity(const km_mock_layout *layout, int64_t f)
{
    return km_h5_packed_bound(field_bytes(layout, f));
}

static km_code allocate_writer(packed_writer *w)
{
    const km_mock_layout *layout = w->file->layout;
    const bool is_first = km_comm_rank(w->file->comm) == 0;
    const char *what = "compressed rows of the mock";
    int64_t most = 0;
    w->n_threads = km_mock_most_threads(w->file);
    for (int64_t f = 0; f < layout->n_fields; f++) {
        w->capacity += field_capacity(layout, f);
        most = field_capacity(layout, f) > most ? field_capacity(layout, f) : most;
    }
    w->memory = km_mock_tiles_allocate(layout, w->n_threads, w->error);
    w->shuffled =
        km_allocate(w->n_threads * layout->tile_rows, (size_t)layout->row_bytes, what, w->error);
    w->packed = km_allocate(w->n_threads, (size_t)w->capacity, what, w->error);
    w->sizes = km_allocate(w->n_threads * layout->n_fields, sizeof *w->sizes, what, w->error);
    if (is_first) {
        w->received = km_allocate(most, 1, what, w->error);
        w->datasets = km_allocate(layout->n_fields, sizeof *w->datasets, what, w->error);
        w->hashes =
            km_allocate(layout->n_tiles * layout->n_fields, sizeof *w->hashes, what, w->error);
    }
    return km_agree(w->file->comm, w->error);
}

static void free_writer(packed_writer *w)
{
    km_mock_tiles_free(w->memory, w->n_threads);
    free(w->shuffled);
    free(w->packed);
    free(w->sizes);
    free(w->received);
    free(w->datasets);
    free(w->hashes);
}

/* ---- making chunks --------------------------------------------------------------------------- */

/* Makes a tile and compresses its fields, by thread t. */
static void pack_tile(packed_writer *w, int64_t tile, int t)
{
    const km_mock_layout *layout = w->file->layout;
    const km_rows rows = km_mock_tile(layout, tile);
    char *shuffled = w->shuffled + t * layout->tile_rows * layout->row_bytes;
    char *packed = w->packed + t * w->capacity;
    km_mock_make_tile(layout, w->file->first_row, rows, &w->memory[t]);
    for (int64_t f = 0; f < layout->n_fields; f++) {
        const km_mock_field *field = &layout->fields[f];
        const int64_t values = field->n_columns > 0 ? field->n_columns : 1;
        const int64_t size =
            km_h5_pack(w->memory[t].bytes + rows.count * field->bytes_before, rows.count * values,
                       layout->tile_rows * values, field->row_bytes / values,
                       (int)layout->mock->asked.compress, shuffled, packed);
        w->sizes[t * layout->n_fields + f] = size;
        if (size < 0 || km_fault("compress the mock"))
#pragma omp critical(km_mock_failure)
            km_fail(
                w->error, KM_MEMORY,
                "out of memory (compressed rows of the mock): zlib gets none; use more nodes, or "
                "fewer ranks a node");
        packed += field_capacity(layout, f);
    }
}

/* The tiles of a rank in a round: from `*first`, at most one a thread. */
static int tiles_of_rank(const packed_writer *w, int64_t round_first, int rank, int64_t *first)
{
    *first = round_first + (int64_t)rank * w->n_threads;
    const int64_t left = w->file->layout->n_tiles - *first;
    return left <= 0 ? 0 : left < w->n_threads ? (int)left : w->n_threads;
}

/* ---- writing them ---------------------------------------------------------------------------- */

static void write_chunk(packed_writer *w, int64_t tile, int64_t f, const void *bytes, int64_t size)
{
    const km_mock_layout *layout = w->file->layout;
    if (w->error->code != KM_OK)
        return;
    w->hashes[tile * layout->n_fields + f] = km_hash_bytes(bytes, size);
    if (!km_h5_add_chunk(w->datasets[f], tile * layout->tile_rows, bytes, size) ||
        km_fault("write chunks of the mock"))
        km_mock_cannot_write(w->file, km_h5_reason(), w->error);
}

/* Writes, or sends to rank 0, the chunks that this rank made. */
static void pass_own(packed_writer *w, int64_t first, int count, bool is_writer)
{
    const km_mock_layout *layout = w->file->layout;
    for (int t = 0; t < count; t++) {
        const char *packed = w->packed + t * w->capacity;
        for (int64_t f = 0; f < layout->n_fields; f++) {
            const int64_t size = w->sizes[t * layout->n_fields + f];
            if (is_writer) {
                write_chunk(w, first + t, f, packed, size);
            } else {
                km_send(w->file->comm, 0, &size, sizeof size);
                km_send(w->file->comm, 0, packed, size);
            }
            packed += field_capacity(layout, f);
        }
    }
}

/* Receives all that a rank sends even after an error, so that no rank is left waiting. */
static void write_received_chunks(packed_writer *w, int from, int64_t first, int count)
{
    for (int t = 0; t < count; t++)
        for (int64_t f = 0, size; f < w->file->layout->n_fields; f++) {
            km_receive(w->file->comm, from, &size, sizeof size);
            km_receive(w->file->comm, from, w->received, size);
            write_chunk(w, first + t, f, w->received, size);
        }
}

static void do_round(packed_writer *w, int64_t round_first)
{
    const int rank = km_comm_rank(w->file->comm), n_ranks = km_comm_size(w->file->comm);
    int64_t first;
    const int count = tiles_of_rank(w, round_first, rank, &first);
#pragma omp parallel for schedule(static, 1)
    for (int t = 0; t < count; t++)
        pack_tile(w, first + t, t);
    if (km_agree(w->file->comm, w->error) != KM_OK)
        return;
    pass_own(w, first, count, rank == 0);
    for (int r = 1; r < n_ranks && rank == 0; r++) {
        const int n_received = tiles_of_rank(w, round_first, r, &first);
        write_received_chunks(w, r, first, n_received);
    }
}

/* ---- reading them back ----------------------------------------------------------------------- */

static void compare_chunk(const packed_writer *w, int descriptor, int64_t tile, int64_t f,
                          char *bytes)
{
    const km_mock_layout *layout = w->file->layout;
    int64_t size = 0;
    const int64_t offset = km_h5_find_chunk(w->datasets[f], tile * layout->tile_rows, &size);
    if (offset < 0 || size > field_capacity(layout, f) ||
        !km_read_at(descriptor, bytes, size, offset) || km_fault("read chunks of the mock"))
        km_mock_cannot_write(w->file, "chunks can't be read back", w->error);
    else if (km_hash_bytes(bytes, size) != w->hashes[tile * layout->n_fields + f] ||
             km_fault("compare chunks of the mock"))
        km_mock_cannot_write(w->file, "chunks read back differently", w->error);
}

static void compare_chunks(packed_writer *w)
{
    const km_mock_layout *layout = w->file->layout;
    const int descriptor = open(w->file->beside, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0 || fsync(descriptor) != 0 || km_fault("sync chunks of the mock"))
        km_mock_cannot_write(w->file, strerror(errno), w->error);
    for (int64_t tile = 0; tile < layout->n_tiles; tile++)
        for (int64_t f = 0; f < layout->n_fields && w->error->code == KM_OK; f++)
            compare_chunk(w, descriptor, tile, f, w->received);
    if (descriptor >= 0)
        close(descriptor);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void open_datasets(packed_writer *w)
{
    const km_mock_layout *layout = w->file->layout;
    for (int64_t f = 0; f < layout->n_fields; f++)
        w->datasets[f] = H5I_INVALID_HID;
    w->handle = km_mock_contents_create(w->file, w->error);
    for (int64_t f = 0; f < layout->n_fields && w->error->code == KM_OK; f++) {
        w->datasets[f] = H5Dopen2(w->handle, layout->fields[f].path, H5P_DEFAULT);
        if (!km_h5_note(w->datasets[f]))
            km_mock_cannot_write(w->file, km_h5_reason(), w->error);
    }
}

/* The index of chunks is written when the file is flushed, before they are compared. */
static void close_datasets(packed_writer *w)
{
    if (w->error->code == KM_OK && !km_h5_flush_added(w->handle))
        km_mock_cannot_write(w->file, km_h5_reason(), w->error);
    if (w->error->code == KM_OK)
        compare_chunks(w);
    if (w->error->code != KM_OK && w->handle >= 0)
        km_h5_abandon(w->handle);
    for (int64_t f = 0; f < w->file->layout->n_fields; f++)
        if (w->datasets[f] >= 0)
            H5Dclose(w->datasets[f]);
    if (w->handle >= 0 && !km_h5_close_added(w->handle, w->error->code == KM_OK))
        km_mock_cannot_write(w->file, km_h5_reason(), w->error);
}

km_code km_mock_write_packed(const km_mock_file *file, km_error *error)
{
    packed_writer w = {.file = file, .handle = H5I_INVALID_HID, .error = error};
    const bool is_writer = km_comm_rank(file->comm) == 0;
    if (allocate_writer(&w) == KM_OK) {
        if (is_writer)
            open_datasets(&w);
        const int64_t step = (int64_t)w.n_threads * km_comm_size(file->comm);
        for (int64_t first = 0;
             first < file->layout->n_tiles && km_mock_agree(file, error) == KM_OK; first += step) {
            do_round(&w, first);
            km_status_part((double)first / (double)file->layout->n_tiles);
        }
        if (is_writer)
            close_datasets(&w);
    }
    free_writer(&w);
    return km_agree(file->comm, error);
}
