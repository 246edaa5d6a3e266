/* Compressed chunks: one thread reads them, and decodes them while another thread reads.
 *
 * HDF5 itself decodes on one thread at a time. So the filters of nearly all files are undone here:
 * deflate, shuffle and Fletcher's checksum, in the reverse of the order in which they were applied,
 * without those that the filter mask of a chunk says were skipped. A chunk that fails here is read
 * again by HDF5, which knows more forms, and why a chunk is damaged. */
#include "base/error.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/partition.h"
#include "h5/h5.h"
#include "h5/unfilter.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* A stored chunk, and the part of it that is wanted. */
typedef struct chunk {
    const km_h5_array *array;
    unsigned char *bytes; /* [capacity], as they are stored */
    size_t size, capacity;
    uint32_t skipped;      /* bit i: filter i was not applied */
    km_rows rows, columns; /* of the array: the wanted part of the chunk */
    int64_t row, column;   /* of the array: where the chunk begins */
    unsigned char *to;     /* the first wanted element in memory, and */
    int64_t row_bytes;     /* the stride from there to the next row */
    bool is_wrong;
} chunk;

struct km_h5_chunks {
    int64_t count, capacity;
    chunk *list; /* [capacity]; their memory is used again */
    z_stream stream;
    bool has_stream;
    unsigned char *a, *b; /* [workspace] each, for decoding */
    size_t workspace;
};

static const char WHAT[] = "chunks of a dataset";

km_h5_chunks *km_h5_chunks_create(km_error *error)
{
    return km_allocate_zeroed(1, sizeof(km_h5_chunks), WHAT, error);
}

void km_h5_chunks_free(km_h5_chunks *chunks)
{
    if (chunks == NULL)
        return;
    for (int64_t i = 0; i < chunks->capacity; i++)
        free(chunks->list[i].bytes);
    if (chunks->has_stream)
        inflateEnd(&chunks->stream);
    free(chunks->a);
    free(chunks->list);
    free(chunks);
}

static size_t whole_bytes(const km_h5_array *array)
{
    return (size_t)(array->chunk_rows * array->chunk_columns * array->element_bytes);
}

/* ---- reading chunks ------------------------------------------------------------------------- */

/* The next chunk of the list, with a capacity of at least `size` bytes. NULL without memory. */
static chunk *next_chunk(km_h5_chunks *chunks, size_t size, km_error *error)
{
    if (chunks->count == chunks->capacity) {
        const chunk new = {.bytes = NULL};
        chunk *grown = km_grow(chunks->list, chunks->capacity, sizeof new, WHAT, error);
        if (grown == NULL)
            return NULL;
        chunks->list = grown;
        chunks->list[chunks->capacity++] = new;
    }
    chunk *c = &chunks->list[chunks->count];
    if (c->capacity < size) {
        free(c->bytes);
        c->capacity = 0;
        c->bytes = km_allocate((int64_t)size, 1, WHAT, error);
        if (c->bytes == NULL)
            return NULL;
        c->capacity = size;
    }
    chunks->count++;
    return c;
}

static km_code read_part(const chunk *c, km_error *error)
{
    return km_h5_read_block(c->array, c->rows, c->columns, c->array->type,
                            c->row_bytes / c->array->element_bytes, c->to, error);
}

/* Reads the stored bytes of a chunk, at most `capacity`, and its filter mask. */
static bool read_stored(hid_t dataset, const hsize_t *offset, uint32_t *skipped, void *bytes,
                        size_t capacity)
{
#if H5_VERSION_GE(2, 0, 0)
    return H5Dread_chunk2(dataset, H5P_DEFAULT, offset, skipped, bytes, &capacity) >= 0;
#else
    (void)capacity;
    return H5Dread_chunk(dataset, H5P_DEFAULT, offset, skipped, bytes) >= 0;
#endif
}

/* The same. Open MPI 4.1 takes a read that fails for one of fewer bytes, and HDF5 makes zeros of
 * what is missing at the end. So where the last byte is zero, the bytes are read without MPI-IO. */
static bool read_whole(const km_h5_array *array, const hsize_t *offset, uint32_t *skipped,
                       unsigned char *bytes, size_t size)
{
    return read_stored(array->dataset, offset, skipped, bytes, size) &&
           (array->alone <= 0 || bytes[size - 1] != 0 ||
            read_stored(array->alone, offset, skipped, bytes, size));
}

/* Can a chunk be read straight to its place: without filters, whole, and with its rows
 * contiguous? */
static bool is_wanted_as_stored(const chunk *part)
{
    const km_h5_array *array = part->array;
    return !array->has_filters && part->rows.count == array->chunk_rows &&
           part->columns.count == array->chunk_columns &&
           part->row_bytes == array->chunk_columns * array->element_bytes;
}

/* Reads the stored bytes of a chunk, to be decoded later. HDF5 reads it itself if it was never
 * written, or its bytes can't be had. */
static void read_chunk(km_h5_chunks *chunks, chunk part, km_error *error)
{
    const hsize_t offset[2] = {(hsize_t)part.row, (hsize_t)part.column};
    hsize_t size = 0;
    uint32_t skipped = 0;
    const bool is_there =
        H5Dget_chunk_storage_size(part.array->dataset, offset, &size) >= 0 && size > 0;
    if (is_there && is_wanted_as_stored(&part) && size == whole_bytes(part.array) &&
        read_whole(part.array, offset, &skipped, part.to, (size_t)size))
        return;
    chunk *c = is_there ? next_chunk(chunks, (size_t)size, error) : NULL;
    if (error->code != KM_OK)
        return;
    if (c == NULL || !read_whole(part.array, offset, &skipped, c->bytes, (size_t)size)) {
        chunks->count -= c != NULL;
        read_part(&part, error);
        return;
    }
    part.bytes = c->bytes;
    part.capacity = c->capacity;
    part.size = (size_t)size;
    part.skipped = skipped;
    *c = part;
}

/* The rows that two ranges have in common. */
static km_rows intersect_rows(km_rows a, km_rows b)
{
    const int64_t first = a.first > b.first ? a.first : b.first;
    const int64_t end_a = a.first + a.count, end_b = b.first + b.count;
    return (km_rows){first, (end_a < end_b ? end_a : end_b) - first};
}

km_code km_h5_read_chunks(km_h5_chunks *chunks, const km_h5_array *array, km_rows rows,
                          km_rows columns, int64_t row_elements, void *elements, km_error *error)
{
    const int64_t size = array->element_bytes;
    const int64_t height = array->chunk_rows, width = array->chunk_columns;
    for (int64_t r = rows.first - rows.first % height; r < rows.first + rows.count; r += height)
        for (int64_t c = columns.first - columns.first % width;
             c < columns.first + columns.count && error->code == KM_OK; c += width) {
            chunk part = {.array = array,
                          .rows = intersect_rows((km_rows){r, height}, rows),
                          .columns = intersect_rows((km_rows){c, width}, columns),
                          .row = r,
                          .column = c,
                          .row_bytes = row_elements * size};
            part.to = (unsigned char *)elements + (part.rows.first - rows.first) * part.row_bytes +
                      (part.columns.first - columns.first) * size;
            read_chunk(chunks, part, error);
        }
    return error->code;
}

/* ---- decoding chunks ------------------------------------------------------------------------ */

/* Inflates to at most `max_size` bytes; 0 if that is not a complete stream. */
static size_t inflate_all(km_h5_chunks *w, const unsigned char *from, size_t size,
                          unsigned char *to, size_t max_size)
{
    if (size > UINT32_MAX || max_size > UINT32_MAX ||
        (!w->has_stream && inflateInit(&w->stream) != Z_OK))
        return 0;
    w->has_stream = true;
    inflateReset(&w->stream);
    w->stream.next_in = (unsigned char *)(uintptr_t)from; /* zlib only reads it */
    w->stream.avail_in = (uInt)size;
    w->stream.next_out = to;
    w->stream.avail_out = (uInt)max_size;
    return inflate(&w->stream, Z_FINISH) == Z_STREAM_END ? max_size - w->stream.avail_out : 0;
}

/* Undoes the filters from the last to the first. Returns the elements of the whole chunk, or
 * NULL. */
static const unsigned char *undo_filters(const chunk *c, km_h5_chunks *w)
{
    const size_t whole = whole_bytes(c->array);
    const unsigned char *at = c->bytes;
    size_t size = c->size;
    for (int f = c->array->n_filters - 1; f >= 0; f--) {
        unsigned char *to = at == w->a ? w->b : w->a;
        if ((c->skipped >> f & 1) != 0)
            continue;
        switch (c->array->filters[f]) {
        case H5Z_FILTER_DEFLATE:
            size = inflate_all(w, at, size, to, whole + 4);
            at = to;
            break;
        case H5Z_FILTER_SHUFFLE:
            if (size > whole + 4)
                return NULL;
            km_h5_unshuffle(at, size, (size_t)c->array->element_bytes, to);
            at = to;
            break;
        default: /* the checksum */
            if (size < 4 || !km_h5_has_checksum(at, size))
                return NULL;
            size -= 4;
        }
        if (size == 0)
            return NULL;
    }
    return size == whole ? at : NULL;
}

static void decode_and_copy(chunk *c, km_h5_chunks *w)
{
    const size_t size = (size_t)c->array->element_bytes;
    const unsigned char *from = undo_filters(c, w);
    c->is_wrong = from == NULL;
    if (from == NULL)
        return;
    const size_t chunk_row = (size_t)c->array->chunk_columns * size;
    const size_t part_row = (size_t)c->columns.count * size;
    from += (size_t)(c->rows.first - c->row) * chunk_row +
            (size_t)(c->columns.first - c->column) * size;
    if (chunk_row == part_row && (size_t)c->row_bytes == part_row)
        memcpy(c->to, from, (size_t)c->rows.count * part_row);
    else
        for (int64_t i = 0; i < c->rows.count; i++)
            memcpy(c->to + i * c->row_bytes, from + (size_t)i * chunk_row, part_row);
}

int64_t km_h5_decoding_bytes(const km_h5_array *array)
{
    return 2 * ((int64_t)whole_bytes(array) + 4);
}

/* Allocates two buffers for the largest of these chunks with its checksum. */
static bool grow_decoding_buffers(km_h5_chunks *chunks)
{
    size_t maximum = 0;
    for (int64_t i = 0; i < chunks->count; i++) {
        const size_t size = whole_bytes(chunks->list[i].array) + 4;
        maximum = size > maximum ? size : maximum;
    }
    if (chunks->workspace >= maximum)
        return true;
    free(chunks->a);
    chunks->a = km_fault_of_allocation() ? NULL : malloc(2 * maximum);
    chunks->workspace = chunks->a != NULL ? maximum : 0;
    chunks->b = chunks->a + chunks->workspace;
    return chunks->a != NULL;
}

bool km_h5_decode_chunks(km_h5_chunks *chunks)
{
    bool is_right = true;
    const bool has_room = grow_decoding_buffers(chunks);
    for (int64_t i = 0; i < chunks->count; i++) {
        chunks->list[i].is_wrong = !has_room;
        if (has_room)
            decode_and_copy(&chunks->list[i], chunks);
        is_right = is_right && !chunks->list[i].is_wrong;
    }
    if (is_right)
        chunks->count = 0;
    return is_right;
}

km_code km_h5_end_chunks(km_h5_chunks *chunks, const km_h5_array **wrong, km_error *error)
{
    for (int64_t i = 0; i < chunks->count && error->code == KM_OK; i++)
        if (chunks->list[i].is_wrong && read_part(&chunks->list[i], error) != KM_OK)
            *wrong = chunks->list[i].array;
    chunks->count = 0;
    return error->code;
}
