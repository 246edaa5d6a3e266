/* How many rows are read at once, and how much memory that takes. */
#include "base/arithmetic.h"
#include "base/precision.h"
#include "reader.h"

#include <math.h>
#include <string.h>

/* The rows of the table in a chunk. */
static int64_t rows_of_chunk(const km_source *source)
{
    if (source->is_bitmap)
        return 8 * source->array.chunk_rows;
    return source->is_transposed ? source->array.chunk_columns : source->array.chunk_rows;
}

/* Bytes of the chunks that hold the columns of a source, per row. */
static int64_t chunk_bytes_per_row(const km_source *source)
{
    const int64_t height = source->array.chunk_rows, width = source->array.chunk_columns;
    const int64_t columns = source->is_transposed ? height : width;
    const int64_t n_across = (source->n_columns + columns - 1) / columns;
    return n_across * (height * width * source->element_bytes) / rows_of_chunk(source);
}

/* The cache of HDF5, at most the size of the array. */
static int64_t cache_bytes_of(const km_source *source)
{
    const km_h5_array *array = &source->array;
    const double all =
        (double)array->n_rows * (double)array->n_columns * (double)array->element_bytes;
    return (int64_t)fmin((double)km_h5_cache_bytes(array), all);
}

km_reading km_opened_reading(const km_opened_file *opened, const km_catalogue *catalogue)
{
    km_reading reading = {.row_bytes = 1, .value_bytes = 1}; /* 1: is a value missing? */
    for (int64_t s = 0; s < opened->n_sources; s++) {
        const km_source *source = &opened->sources[s];
        const int64_t bytes = source->n_columns * source->element_bytes;
        reading.row_bytes += bytes;
        reading.cache_bytes += cache_bytes_of(source);
        if (!source->array.has_filters && !source->is_decoded) {
            reading.plain_chunk_rows = km_max_of(reading.plain_chunk_rows, rows_of_chunk(source));
            continue;
        }
        reading.chunk_rows = km_max_of(reading.chunk_rows, rows_of_chunk(source));
        if (source->is_decoded) {
            reading.stored_bytes += chunk_bytes_per_row(source); /* at most, if compressed */
            reading.thread_bytes =
                km_max_of(reading.thread_bytes, km_h5_decoding_bytes(&source->array));
        }
    }
    for (int64_t c = 0; c < opened->n_columns; c++) {
        const km_field *field = &opened->values[c];
        if (field->is_odd)
            reading.value_bytes += km_max_of(field->size, 2 * sizeof(double));
        if (field->is_unpacked)
            reading.value_bytes += (int64_t)km_precision_size(km_precision_of_column(catalogue, c));
    }
    return reading;
}

static const int64_t PIECE_BYTES = (int64_t)4 << 20, MAX_PIECE_BYTES = (int64_t)32 << 20;

/* The rows that a thread reads at once: enough for striped file systems, and few enough to stay in
 * cache on their way to the samples. Compressed chunks are read whole, however large they are, so
 * that none is decoded twice in a slab. */
int64_t km_piece_rows(const km_reading *reading, int n_threads)
{
    const int64_t row_bytes = reading->row_bytes + reading->value_bytes + reading->stored_bytes;
    const int64_t rows = PIECE_BYTES / (n_threads < 4 ? n_threads : 4) / row_bytes;
    const bool is_bounded = reading->plain_chunk_rows <= MAX_PIECE_BYTES / row_bytes;
    const int64_t unit = reading->chunk_rows > 0 ? reading->chunk_rows
                         : is_bounded            ? km_max_of(reading->plain_chunk_rows, 1)
                                                 : 1;
    return km_max_of(rows / unit, 1) * unit;
}

/* Chunks are read whole, even if the slab has only a part of them. */
static int64_t stored_rows(const km_reading *reading, int64_t rows)
{
    return reading->chunk_rows > 0
               ? (rows + reading->chunk_rows - 1) / reading->chunk_rows * reading->chunk_rows
               : 0;
}

/* Bytes of the stored chunks per row: no more than uncompressed, and no more than the files
 * have. */
static double stored_row_bytes(const km_catalogue *catalogue)
{
    double bytes = 0;
    for (int64_t f = 0; f < catalogue->n_files; f++)
        bytes += km_begins_file(catalogue, f) ? (double)catalogue->files[f].bytes : 0;
    return fmin((double)catalogue->reading.stored_bytes, bytes / (double)catalogue->n_rows);
}

bool km_catalogue_has_long_ids(const km_catalogue *catalogue)
{
    return catalogue->has_ids && strcmp(km_catalogue_ids(catalogue)->type, "text") == 0;
}

int64_t km_text_bytes(int64_t size)
{
    const int64_t header = 8, step = 16, minimum = 32;
    return km_max_of((size + header + step - 1) / step * step, minimum);
}

int64_t km_catalogue_buffer_bytes(const km_catalogue *catalogue, int64_t rows, int n_threads)
{
    const km_reading *reading = &catalogue->reading;
    const int64_t max_rows = km_piece_rows(reading, n_threads);
    const int64_t piece = max_rows < rows ? max_rows : rows;
    const int64_t text_bytes =
        km_catalogue_has_long_ids(catalogue) ? km_text_bytes(catalogue->ids_size) : 0;
    const int64_t n_pieces = piece > 0 ? (rows - 1) / piece + 1 : 0;
    return (n_pieces < n_threads ? n_pieces : n_threads) *
           (piece * (reading->value_bytes + reading->row_bytes + text_bytes) +
            (int64_t)((double)stored_rows(reading, piece) * stored_row_bytes(catalogue)) +
            km_count_registers(catalogue) * KM_EXPRESSION_ROWS * (int64_t)sizeof(double) +
            reading->thread_bytes);
}
