/* Reading a rank's slab: piece by piece, all ranks together, whatever fails on the way. */
#include "skymeans/catalogue.h"

#include <math.h>
#include <stdlib.h>

/* Bytes of a rank's buffers for one piece: large enough for striped file systems. */
static const int64_t PIECE_BYTES = (int64_t)32 << 20;

struct reader {
    const km_catalogue *catalogue;
    void **buffers;      /* [n_sources], one piece each */
    km_values *features; /* [n_features], where they are in the buffers */
    double *weights;     /* [piece_rows], one of the buffers; NULL if there are none */
    uint8_t *is_missing; /* [piece_rows] */
    int64_t piece_rows;
    int rank; /* for messages */
};

static size_t value_size(const km_source *source)
{
    return km_h5_value_size(&source->array, source->precision);
}

static int64_t bytes_per_row(const km_catalogue *catalogue)
{
    int64_t bytes = 1;
    for (int64_t i = 0; i < catalogue->n_sources; i++)
        bytes += catalogue->sources[i].n_columns * (int64_t)value_size(&catalogue->sources[i]);
    return bytes;
}

/* Whole chunks of the first dataset, where chunks are smaller than a piece: inside a slab none of
 * them is inflated twice. */
static int64_t choose_piece_rows(const km_catalogue *catalogue)
{
    int64_t rows = PIECE_BYTES / bytes_per_row(catalogue);
    const int64_t chunk = catalogue->sources[0].array.chunk_rows;
    if (chunk <= rows)
        rows -= rows % chunk;
    return rows > 0 ? rows : 1;
}

int64_t km_catalogue_buffer_bytes(const km_catalogue *catalogue, int64_t rows)
{
    const int64_t piece_rows = choose_piece_rows(catalogue);
    return (rows < piece_rows ? rows : piece_rows) * bytes_per_row(catalogue);
}

static void end_reader(struct reader *reader)
{
    if (reader->buffers != NULL)
        for (int64_t i = 0; i < reader->catalogue->n_sources; i++)
            free(reader->buffers[i]);
    free(reader->buffers);
    free(reader->features);
    free(reader->is_missing);
}

static km_code start_reader(struct reader *reader, const km_catalogue *catalogue, int64_t most_rows,
                            int rank, km_error *error)
{
    const char *what = "buffers for reading";
    *reader = (struct reader){
        .catalogue = catalogue, .piece_rows = choose_piece_rows(catalogue), .rank = rank};
    const int64_t rows = reader->piece_rows < most_rows ? reader->piece_rows : most_rows;
    reader->buffers =
        km_allocate_zeroed(catalogue->n_sources, sizeof *reader->buffers, what, error);
    reader->features = km_allocate(catalogue->n_features, sizeof *reader->features, what, error);
    reader->is_missing = km_allocate(rows, sizeof *reader->is_missing, what, error);
    if (error->code != KM_OK)
        return error->code;
    for (int64_t i = 0; i < catalogue->n_sources; i++) {
        const km_source *source = &catalogue->sources[i];
        int64_t values;
        if (__builtin_mul_overflow(rows, source->n_columns, &values))
            values = INT64_MAX; /* which can't be allocated */
        reader->buffers[i] = km_allocate(values, value_size(source), what, error);
    }
    if (catalogue->has_weights)
        reader->weights = reader->buffers[catalogue->n_sources - 1];
    const size_t size = km_precision_size(catalogue->precision);
    for (int64_t j = 0; j < catalogue->n_features && error->code == KM_OK; j++) {
        const int64_t i = catalogue->is_array ? 0 : j;
        const km_source *source = &catalogue->sources[i];
        const int64_t column = catalogue->features[j].position - source->first_column;
        reader->features[j] =
            (km_values){(char *)reader->buffers[i] + (size_t)column * size, source->n_columns};
    }
    return error->code;
}

static inline bool is_missing_at(const struct reader *reader, int64_t feature, int64_t row)
{
    const km_values *values = &reader->features[feature];
    const int64_t at = row * values->stride;
    return reader->catalogue->precision == KM_FLOAT32
               ? !isfinite(((const float *)values->first)[at])
               : !isfinite(((const double *)values->first)[at]);
}

/* Marks the rows of a piece that miss a value of any feature. */
static void find_missing(struct reader *reader, int64_t count)
{
#pragma omp parallel
    {
        const km_rows mine = km_thread_share(count);
        const int64_t end = mine.first + mine.count;
        for (int64_t i = mine.first; i < end; i++)
            reader->is_missing[i] = 0;
        for (int64_t j = 0; j < reader->catalogue->n_features; j++)
            for (int64_t i = mine.first; i < end; i++)
                reader->is_missing[i] |= is_missing_at(reader, j, i);
    }
}

static void refuse_weight(const struct reader *reader, km_rows rows, int64_t i, km_error *error)
{
    const km_catalogue *catalogue = reader->catalogue;
    km_fail(error, KM_DATA,
            "bad weight (%s, %s, row %lld, column %s): it is %g, and weights are finite and at "
            "least 0 (rows count from 0); correct it, or choose another column with --weights",
            catalogue->path, catalogue->table, (long long)(rows.first + i), catalogue->weights.name,
            reader->weights[i]);
}

static void refuse_missing(const struct reader *reader, km_rows rows, int64_t i, km_error *error)
{
    const km_catalogue *catalogue = reader->catalogue;
    int64_t feature = 0;
    while (!is_missing_at(reader, feature, i))
        feature++;
    km_fail(error, KM_DATA,
            "missing value (%s, %s, row %lld, column %s): it is NaN or infinite (rows count "
            "from 0); fill it in, or leave such rows out with --missing drop",
            catalogue->path, catalogue->table, (long long)(rows.first + i),
            catalogue->names[feature]);
}

/* Notes as an error what is first in catalogue order: a missing value, where none may be, or a
 * weight that can't be one, of a row that would be used. */
static void refuse_rows(const struct reader *reader, km_rows rows, km_missing missing,
                        km_error *error)
{
    const double *weights = reader->weights;
    for (int64_t i = 0; i < rows.count && error->code == KM_OK; i++) {
        if (reader->is_missing[i] && missing == KM_MISSING_ERROR)
            refuse_missing(reader, rows, i, error);
        else if (!reader->is_missing[i] && weights != NULL &&
                 !(weights[i] >= 0 && isfinite(weights[i])))
            refuse_weight(reader, rows, i, error);
    }
}

static void read_piece(struct reader *reader, km_rows rows, int64_t *bytes_read, km_error *error)
{
    const km_catalogue *catalogue = reader->catalogue;
    for (int64_t i = 0; i < catalogue->n_sources; i++) {
        const km_source *source = &catalogue->sources[i];
        km_error why = {0};
        if (km_h5_read_rows(&source->array, rows, source->first_column, source->n_columns,
                            source->precision, reader->buffers[i], &why) != KM_OK)
            km_fail(error, why.code,
                    "can't read the catalogue (%s, %s, rows %lld to %lld, rank %d): %s; check the "
                    "file with h5dump, or copy it again",
                    catalogue->path, source->column->dataset, (long long)rows.first,
                    (long long)(rows.first + (rows.count > 0 ? rows.count - 1 : 0)), reader->rank,
                    why.text);
        *bytes_read += rows.count * source->n_columns * (int64_t)H5Tget_size(source->array.type);
    }
}

/* The piece with this number among all of the catalogue, as far as it is in the slab. */
static km_rows piece_of_slab(const struct reader *reader, km_rows slab, int64_t piece)
{
    const int64_t slab_end = slab.first + slab.count;
    int64_t first = slab.first, end = slab_end;
    if (piece > slab.first / reader->piece_rows)
        first = piece * reader->piece_rows;
    if (piece < slab_end / reader->piece_rows)
        end = (piece + 1) * reader->piece_rows;
    return (km_rows){first, end < slab_end ? end - first : slab_end - first};
}

static km_code read_slab(struct reader *reader, km_missing missing, MPI_Comm comm,
                         km_samples *samples, int64_t *bytes_read, km_error *error)
{
    const km_rows slab = samples->slab;
    const int64_t first_piece = slab.first / reader->piece_rows;
    int64_t n_pieces = 0;
    if (slab.count > 0)
        n_pieces = (slab.first + slab.count - 1) / reader->piece_rows - first_piece + 1;
    int64_t most_pieces = n_pieces;
    km_error refused = {0};
    km_max_int64(comm, &most_pieces, 1);
    for (int64_t i = 0; i < most_pieces; i++) {
        km_rows rows = {slab.first, 0};
        if (i < n_pieces)
            rows = piece_of_slab(reader, slab, first_piece + i);
        read_piece(reader, rows, bytes_read, error);
        if (km_stop_wanted(0) != KM_WISH_NONE)
            km_fail(error, KM_STOPPED, "while reading the catalogue");
        if (km_agree(comm, error) != KM_OK)
            return error->code;
        find_missing(reader, rows.count);
        if (missing == KM_MISSING_ERROR || reader->weights != NULL)
            refuse_rows(reader, rows, missing, &refused);
        km_samples_append(samples, rows.count, reader->features, reader->weights,
                          reader->is_missing);
    }
    /* Only now: the lowest rank that met one has the first of the catalogue. */
    *error = refused;
    return km_agree(comm, error);
}

km_code km_catalogue_read(const km_catalogue *catalogue, km_missing missing, MPI_Comm comm,
                          km_samples *samples, int64_t *bytes_read, km_error *error)
{
    const int rank = km_comm_rank(comm);
    const km_rows slab = km_slab(catalogue->n_rows, km_comm_size(comm), rank);
    struct reader reader = {0};
    *bytes_read = 0;
    if (km_samples_create(samples, catalogue->precision, catalogue->n_features,
                          catalogue->has_weights, slab, error) == KM_OK)
        start_reader(&reader, catalogue, slab.count, rank, error);
    if (km_agree(comm, error) == KM_OK)
        read_slab(&reader, missing, comm, samples, bytes_read, error);
    if (reader.catalogue != NULL)
        end_reader(&reader);
    if (error->code != KM_OK)
        km_samples_free(samples);
    return error->code;
}
