/* Ids that are texts of any length. HDF5 stores them in heaps, which only one rank may write, so
 * the others send theirs to it, piece by piece. All ranks read their own back. */
#include "base/error.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/partition.h"
#include "contents.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A piece ends after KM_TEXT_PIECE_ROWS texts, since HDF5 allocates each of them when they are read
 * back, or after the text that reaches so many bytes. */
enum { PIECE_BYTES = 1 << 20 };

/* Texts of consecutive rows, each ended by a zero byte. */
typedef struct piece {
    int64_t n_rows, n_bytes;
} piece;

bool km_has_text_ids(const km_record *record)
{
    return record->findings->ids.type >= 0 && record->findings->ids.is_variable;
}

static void cannot_write_ids(const km_record *record, const char *why, km_error *error)
{
    km_fail(error, KM_SYSTEM,
            "can't write the result (%s, ids): %s; is the disk full, or a quota reached?",
            record->outputs->result, why);
}

/* The next piece: it has at least one text, if there is one. */
static piece cut_piece(const km_ids *ids, int64_t from, int64_t most_rows)
{
    piece p = {0};
    while (p.n_rows < most_rows && p.n_rows < KM_TEXT_PIECE_ROWS && p.n_bytes < PIECE_BYTES) {
        p.n_bytes += (int64_t)strlen(ids->bytes + from + p.n_bytes) + 1;
        p.n_rows++;
    }
    return p;
}

/* Sets texts[i] to the i-th text of a piece. */
static void point_to_texts(const char *bytes, int64_t n_rows, const char **texts)
{
    for (int64_t i = 0; i < n_rows; i++) {
        texts[i] = bytes;
        bytes += strlen(bytes) + 1;
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

static void send_texts(const km_ids *ids, int64_t n_rows, MPI_Comm comm)
{
    int64_t from = 0;
    piece p;
    do {
        p = cut_piece(ids, from, n_rows);
        km_send(comm, 0, &p, sizeof p);
        km_send(comm, 0, ids->bytes + from, p.n_bytes);
        from += p.n_bytes;
        n_rows -= p.n_rows;
    } while (p.n_rows > 0);
}

/* Has the file system reserve what HDF5 will add to the file, since HDF5 can't cope with a full
 * disk: a reference per row, and in heaps each text with a header and padding. */
static bool reserve_space(const char *path, int64_t n_rows, int64_t n_bytes)
{
    enum { REFERENCE = 16, HEADER = 24, SPARE = 1 << 20 };
    const int64_t size = n_rows * (REFERENCE + HEADER) + n_bytes + n_bytes / 4 + SPARE;
    const int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    const off_t end = lseek(descriptor, 0, SEEK_END);
    const int reason = end < 0 ? errno : posix_fallocate(descriptor, end, size);
    close(descriptor);
    errno = reason;
    return reason == 0 && !km_fault("reserve ids");
}

/* What the writing rank holds. */
typedef struct text_writer {
    const km_record *record;
    hid_t file, dataset, type;
    int64_t row;        /* the next one */
    char *bytes;        /* [PIECE_BYTES + KM_ID_SIZE], received; NULL: there is one rank */
    const char **texts; /* [KM_TEXT_PIECE_ROWS] */
    km_error *error;
} text_writer;

static void write_piece(text_writer *w, const char *bytes, piece p)
{
    if (w->error->code == KM_OK && p.n_rows > 0) {
        point_to_texts(bytes, p.n_rows, w->texts);
        if (!km_h5_write_rows(w->dataset, w->type, (km_rows){w->row, p.n_rows}, w->texts) ||
            km_fault("write ids"))
            cannot_write_ids(w->record, km_h5_reason(), w->error);
    }
    w->row += p.n_rows;
}

static void write_own(text_writer *w, const km_ids *ids, int64_t n_rows)
{
    int64_t from = 0;
    for (piece p = {1, 0}; p.n_rows > 0; n_rows -= p.n_rows) {
        p = cut_piece(ids, from, n_rows);
        write_piece(w, ids->bytes + from, p);
        from += p.n_bytes;
    }
}

/* Receives all that a rank sends even after an error, so that no rank is left waiting. */
static void write_received(text_writer *w, int from, MPI_Comm comm)
{
    for (piece p = {1, 0}; p.n_rows > 0;) {
        km_receive(comm, from, &p, sizeof p);
        km_receive(comm, from, w->bytes, p.n_bytes);
        write_piece(w, w->bytes, p);
    }
}

static void open_writer(text_writer *w, const char *path, int64_t n_bytes, int n_ranks)
{
    const int64_t n_rows = w->record->catalogue->n_rows;
    w->texts = km_allocate(KM_TEXT_PIECE_ROWS, sizeof *w->texts, "ids", w->error);
    if (n_ranks > 1)
        w->bytes = km_allocate(PIECE_BYTES + KM_ID_SIZE, 1, "ids", w->error);
    if (w->error->code != KM_OK)
        return;
    if (!reserve_space(path, n_rows, n_bytes)) {
        cannot_write_ids(w->record, strerror(errno), w->error);
        return;
    }
    w->file = km_h5_open_to_add(path);
    if (w->file >= 0)
        w->dataset = km_h5_add_rows(w->file, "ids", "row", w->type, n_rows);
    if (w->file < 0 || w->dataset < 0)
        cannot_write_ids(w->record, km_h5_reason(), w->error);
}

static void close_writer(text_writer *w)
{
    if (w->dataset >= 0 && !km_h5_note(H5Dclose(w->dataset)))
        cannot_write_ids(w->record, km_h5_reason(), w->error);
    if (w->file >= 0 && !km_h5_note(H5Fclose(w->file)))
        cannot_write_ids(w->record, km_h5_reason(), w->error);
    free(w->texts);
    free(w->bytes);
}

km_code km_text_ids_write(const char *path, const km_record *record, MPI_Comm comm, km_error *error)
{
    const km_ids *ids = &record->findings->ids;
    const int64_t n_rows = record->answer->slab.count;
    int64_t n_bytes = ids->n_bytes;
    text_writer w = {.record = record,
                     .file = H5I_INVALID_HID,
                     .dataset = H5I_INVALID_HID,
                     .type = ids->type,
                     .error = error};
    km_sum_int64(comm, &n_bytes, 1);
    if (km_comm_rank(comm) == 0)
        open_writer(&w, path, n_bytes, km_comm_size(comm));
    if (km_agree(comm, error) == KM_OK) {
        if (km_comm_rank(comm) > 0)
            send_texts(ids, n_rows, comm);
        else
            write_own(&w, ids, n_rows);
        for (int r = 1; r < km_comm_size(comm) && km_comm_rank(comm) == 0; r++)
            write_received(&w, r, comm);
    }
    close_writer(&w);
    return km_agree(comm, error);
}

/* ---- reading back ---------------------------------------------------------------------------- */

static bool texts_match(char *const *read, const char *bytes, int64_t n_rows)
{
    for (int64_t i = 0; i < n_rows; i++) {
        if (read[i] == NULL || strcmp(read[i], bytes) != 0)
            return false;
        bytes += strlen(bytes) + 1;
    }
    return !km_fault("compare ids");
}

static void compare_id_pieces(const km_record *record, hid_t dataset, char **read, km_error *error)
{
    const km_ids *ids = &record->findings->ids;
    const km_rows slab = record->answer->slab;
    int64_t done = 0, from = 0;
    while (done < slab.count) {
        const piece p = cut_piece(ids, from, slab.count - done);
        const km_rows rows = {slab.first + done, p.n_rows};
        if (!km_h5_reread_rows(dataset, ids->type, rows, read))
            cannot_write_ids(record, km_h5_reason(), error);
        else if (!texts_match(read, ids->bytes + from, p.n_rows))
            cannot_write_ids(record, "they read back differently", error);
        for (int64_t i = 0; i < p.n_rows; i++) {
            H5free_memory(read[i]);
            read[i] = NULL;
        }
        done += p.n_rows;
        from += p.n_bytes;
    }
}

km_code km_text_ids_compare(hid_t file, const km_record *record, MPI_Comm comm, km_error *error)
{
    char **read = km_allocate_zeroed(KM_TEXT_PIECE_ROWS, sizeof *read, "ids", error);
    const hid_t dataset = H5Dopen2(file, "ids", H5P_DEFAULT);
    if (!km_h5_note(dataset))
        cannot_write_ids(record, km_h5_reason(), error);
    if (km_agree(comm, error) == KM_OK)
        compare_id_pieces(record, dataset, read, error);
    if (dataset >= 0)
        H5Dclose(dataset);
    free(read);
    return km_agree(comm, error);
}
