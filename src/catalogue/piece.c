/* Reading a piece: source by source, by HDF5 or without it. */
#include "base/error.h"
#include "base/partition.h"
#include "reader.h"

#include <string.h>

/* Fails with the reason why a piece could not be read; advice is added unless the reason has
 * some. */
static void refuse_unread_rows(const km_piece *p, const km_source *source, const km_error *why,
                               km_error *error)
{
    const bool has_advice = strstr(why->text, "; ") != NULL;
    km_fail(error, why->code, "can't read the catalogue (%s, %s, rows %lld to %lld, rank %d): %s%s",
            p->file->path, source->dataset, (long long)p->rows.first,
            (long long)(p->rows.first + (p->rows.count > 0 ? p->rows.count - 1 : 0)),
            p->reader->rank, why->text,
            has_advice ? "" : "; check the file with h5dump, or copy it again");
}

/* How a source is read: by HDF5; by chunks, which are decoded later; or without HDF5. */
typedef enum { BY_HDF5, BY_CHUNKS, PLAIN } reading_way;

/* Rows and columns of the array that hold some rows of the table. */
static void find_block(const km_source *source, km_rows rows, km_rows *down, km_rows *across)
{
    const km_rows columns = {source->first_column, source->n_columns};
    *down = source->is_transposed ? columns : source->is_bitmap ? km_bytes_of_bits(rows) : rows;
    *across = source->is_transposed ? rows : columns;
}

/* Reads the rows of a source. */
static void read_source(km_piece *p, int64_t s, reading_way way, km_error *error)
{
    const km_source *source = &p->file->opened->sources[s];
    km_rows down, across;
    find_block(source, (km_rows){p->first_in_file, p->rows.count}, &down, &across);
    const int64_t row_elements = source->is_transposed ? p->capacity : across.count;
    km_error why = {0};
    if (way == PLAIN) {
        if (!km_h5_read_plain(source->descriptor, source->address, &source->array, down, across,
                              row_elements, p->buffers[s]))
            p->has_unread = true;
    } else if (way == BY_CHUNKS)
        km_h5_read_chunks(p->chunks, &source->array, down, across, row_elements, p->buffers[s],
                          &why);
    else
        km_h5_read_block(&source->array, down, across, source->type, row_elements, p->buffers[s],
                         &why);
    if (why.code != KM_OK)
        refuse_unread_rows(p, source, &why, error);
}

void km_piece_read(km_piece *p, km_error *error)
{
    const km_opened_file *opened = p->file->opened;
    /* Zeros, so that texts can be freed even if reading fails. */
    for (int64_t s = 0; s < opened->n_sources; s++)
        if (opened->sources[s].has_pointers)
            memset(p->buffers[s], 0,
                   (size_t)(p->rows.count * opened->sources[s].n_columns *
                            opened->sources[s].element_bytes));
    for (int64_t s = 0; s < opened->n_sources && error->code == KM_OK; s++) {
        const km_source *source = &opened->sources[s];
        if (source->address < 0)
            read_source(p, s, source->is_decoded ? BY_CHUNKS : BY_HDF5, error);
        p->reader->findings->bytes_read +=
            p->rows.count * source->n_columns * source->array.element_bytes;
    }
}

void km_file_announce(const km_file_in_use *file, km_rows rows)
{
    for (int64_t s = 0; s < file->opened->n_sources; s++) {
        const km_source *source = &file->opened->sources[s];
        km_rows down, across;
        find_block(source, rows, &down, &across);
        const int descriptor = source->array.is_external
                                   ? source->descriptor
                                   : km_opened_descriptor(file->opened, source->other);
        const int64_t address =
            source->address >= 0
                ? source->address
                : km_h5_find_values(&source->array, file->opened->files[source->other]);
        if (descriptor >= 0)
            km_h5_announce(&source->array, descriptor, address, down, across);
    }
}

void km_piece_read_plain(km_piece *p, km_error *error)
{
    p->has_unread = false;
    for (int64_t s = 0; s < p->file->opened->n_sources; s++)
        if (p->file->opened->sources[s].address >= 0)
            read_source(p, s, PLAIN, error);
}

void km_piece_complete(km_piece *p, km_error *error)
{
    const km_h5_array *wrong = NULL;
    const km_opened_file *opened = p->file->opened;
    km_error why = {0};
    for (int64_t s = 0; s < opened->n_sources && p->has_unread && error->code == KM_OK; s++)
        if (opened->sources[s].address >= 0)
            read_source(p, s, BY_HDF5, error);
    km_h5_end_chunks(p->chunks, &wrong, &why);
    for (int64_t s = 0; s < opened->n_sources && why.code != KM_OK; s++)
        if (wrong == &opened->sources[s].array)
            refuse_unread_rows(p, &opened->sources[s], &why, error);
    if (error->code == KM_OK)
        km_piece_convert_odd(p, error);
}

void km_piece_free_texts(const km_piece *p)
{
    for (int64_t s = 0; s < p->file->opened->n_sources; s++) {
        const km_source *source = &p->file->opened->sources[s];
        const hsize_t n = (hsize_t)(p->rows.count * source->n_columns);
        if (!source->has_pointers || n == 0)
            continue;
        const hid_t space = H5Screate_simple(1, &n, NULL);
        km_h5_free_texts(source->type, space, p->buffers[s]);
        H5Sclose(space);
    }
}
