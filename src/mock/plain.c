/* Rows without compression: each rank writes those of its slab at the offsets that HDF5 has
 * allocated, by plain writes, since MPI-IO does not always report a full disk. They are synced and
 * read back window by window, while they are still in memory. */
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

enum { WINDOW_TILES = 8 }; /* of each thread */

/* What a rank works with. */
typedef struct plain_writer {
    const km_mock_file *file;
    int descriptor;
    const int64_t *offsets; /* [n_fields][n_chunks] */
    km_mock_tile_memory *memory;
    int64_t first_tile; /* of the window */
    int64_t n_tiles;
    uint64_t *hashes; /* of the tiles of the window */
    km_error *error;
} plain_writer;

/* Writes or reads bytes at an offset of the file. */
typedef bool (*transfer)(int descriptor, void *bytes, int64_t size, int64_t offset);

/* Starts writing to the disk at once, while more rows are made; that is no more than a hint. */
static bool write_and_start_sync(int descriptor, void *bytes, int64_t size, int64_t offset)
{
    if (!km_write_at(descriptor, bytes, size, offset))
        return false;
    sync_file_range(descriptor, offset, size, SYNC_FILE_RANGE_WRITE);
    return true;
}

/* Transfers rows of a field, which may be in several chunks. */
static bool transfer_field(const plain_writer *w, int64_t f, km_rows rows, char *bytes,
                           transfer move)
{
    const km_mock_layout *layout = w->file->layout;
    const int64_t row_bytes = layout->fields[f].row_bytes;
    const int64_t chunk_rows = layout->chunk_rows > 0 ? layout->chunk_rows : layout->n_rows;
    for (int64_t row = rows.first, end = rows.first + rows.count, count; row < end; row += count) {
        const int64_t chunk = row / chunk_rows, inside = row % chunk_rows;
        count = chunk_rows - inside < end - row ? chunk_rows - inside : end - row;
        if (!move(w->descriptor, bytes, count * row_bytes,
                  w->offsets[f * layout->n_chunks + chunk] + inside * row_bytes))
            return false;
        bytes += count * row_bytes;
    }
    return true;
}

static bool transfer_tile(const plain_writer *w, km_rows rows, char *bytes, transfer move)
{
    const km_mock_layout *layout = w->file->layout;
    for (int64_t f = 0; f < layout->n_fields; f++)
        if (!transfer_field(w, f, rows, bytes + rows.count * layout->fields[f].bytes_before, move))
            return false;
    return true;
}

static void write_tile(plain_writer *w, int64_t i)
{
    const km_mock_layout *layout = w->file->layout;
    const km_rows rows = km_mock_tile(layout, w->first_tile + i);
    const km_mock_tile_memory *memory = &w->memory[km_thread()];
    km_mock_make_tile(layout, w->file->first_row, rows, memory);
    w->hashes[i] = km_hash_bytes(memory->bytes, rows.count * layout->row_bytes);
    if (!transfer_tile(w, rows, memory->bytes, write_and_start_sync) ||
        km_fault("write rows of the mock"))
        km_mock_cannot_write(w->file, strerror(errno), w->error);
}

static void compare_tile(plain_writer *w, int64_t i)
{
    const km_rows rows = km_mock_tile(w->file->layout, w->first_tile + i);
    char *bytes = w->memory[km_thread()].bytes;
    const int64_t size = rows.count * w->file->layout->row_bytes;
    memset(bytes, 0, (size_t)size);
    if (!transfer_tile(w, rows, bytes, km_read_at) || km_fault("read rows of the mock"))
        km_mock_cannot_write(w->file, "rows can't be read back", w->error);
    else if (km_hash_bytes(bytes, size) != w->hashes[i] || km_fault("compare rows of the mock"))
        km_mock_cannot_write(w->file, "rows read back differently", w->error);
    else if (w->file->control.written != NULL)
        transfer_tile(w, rows, bytes, w->file->control.written);
}

static void write_window(plain_writer *w)
{
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t i = 0; i < w->n_tiles; i++)
        write_tile(w, i);
    if (w->error->code == KM_OK && (fsync(w->descriptor) != 0 || km_fault("sync the mock")))
        km_mock_cannot_write(w->file, strerror(errno), w->error);
    if (w->error->code != KM_OK)
        return;
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t i = 0; i < w->n_tiles; i++)
        compare_tile(w, i);
}

/* All ranks go through as many windows, and agree after each. */
static km_code write_windows(plain_writer *w)
{
    const km_mock_file *file = w->file;
    const int n_ranks = km_comm_size(file->comm), rank = km_comm_rank(file->comm);
    const int64_t n = file->layout->n_tiles, most = n / n_ranks + (n % n_ranks > 0);
    const int64_t window = WINDOW_TILES * km_mock_most_threads(file);
    const int64_t first = n / n_ranks * rank + (rank < n % n_ranks ? rank : n % n_ranks);
    const int64_t count = n / n_ranks + (rank < n % n_ranks);
    w->hashes = km_allocate(window, sizeof *w->hashes, "hashes of the mock", w->error);
    w->memory = km_mock_tiles_allocate(file->layout, km_threads(), w->error);
    for (int64_t done = 0; done < most && km_mock_agree(file, w->error) == KM_OK; done += window) {
        const int64_t left = count > done ? count - done : 0;
        w->first_tile = first + done;
        w->n_tiles = left < window ? left : window;
        write_window(w);
        km_status_part((double)(done + w->n_tiles) / (double)most);
    }
    free(w->hashes);
    km_mock_tiles_free(w->memory, km_threads());
    return km_agree(file->comm, w->error);
}

/* Rank 0 creates the file, and tells the others where rows are. */
static km_code share_offsets(const km_mock_file *file, int64_t *offsets, int64_t count,
                             km_error *error)
{
    if (km_agree(file->comm, error) != KM_OK)
        return error->code;
    if (km_comm_rank(file->comm) == 0) {
        const hid_t handle = km_mock_contents_create(file, error);
        if (error->code == KM_OK && !km_mock_find_offsets(file->layout, handle, offsets))
            km_mock_cannot_write(file, km_h5_reason(), error);
        if (handle >= 0 && !km_h5_close_added(handle, error->code == KM_OK))
            km_mock_cannot_write(file, km_h5_reason(), error);
    }
    if (km_agree(file->comm, error) == KM_OK)
        km_broadcast(file->comm, 0, offsets, count * (int64_t)sizeof *offsets);
    return error->code;
}

km_code km_mock_write_plain(const km_mock_file *file, km_error *error)
{
    const int64_t count = file->layout->n_fields * file->layout->n_chunks;
    int64_t *offsets = km_allocate(count, sizeof *offsets, "offsets of the mock", error);
    plain_writer w = {.file = file, .descriptor = -1, .offsets = offsets, .error = error};
    if (share_offsets(file, offsets, count, error) == KM_OK) {
        w.descriptor = open(file->beside, O_RDWR | O_CLOEXEC);
        if (w.descriptor < 0 || km_fault("open the mock"))
            km_mock_cannot_write(file, strerror(errno), error);
        write_windows(&w);
    }
    if (w.descriptor >= 0 && (close(w.descriptor) != 0 || km_fault("close the mock")))
        km_mock_cannot_write(file, strerror(errno), error);
    free(offsets);
    return km_agree(file->comm, error);
}
