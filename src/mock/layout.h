/* layout.h - how the rows of a mock catalogue lie in a file, and in memory before that. Local. */
#ifndef SKYMEANS_MOCK_LAYOUT_H
#define SKYMEANS_MOCK_LAYOUT_H

#include "h5/h5.h"
#include "mock/kinds.h"

/* Numbers are stored in one of these ways. */
typedef enum km_mock_number {
    KM_MOCK_FLOAT32,
    KM_MOCK_FLOAT64,
    KM_MOCK_INT64, /* ids */
    KM_MOCK_INT32, /* labels */
} km_mock_number;

/* A dataset with a value, or several, per row. */
typedef struct km_mock_field {
    char path[64];
    km_mock_number number;
    const km_mock_column *column; /* NULL: there are several, or none */
    int64_t first_column;
    int64_t n_columns; /* 0: the dataset has one dimension */
    int64_t row_bytes;
    int64_t bytes_before; /* sum of row_bytes of the fields before this */
} km_mock_field;

/* The fields of a file with some rows. Rows are made, written and read back in tiles; the fields of
 * a tile lie in memory one after the other. */
typedef struct km_mock_layout {
    const km_mock *mock;
    int64_t n_rows, n_fields;
    km_mock_field *fields;
    int64_t row_bytes;  /* of all fields */
    int64_t chunk_rows; /* 0: datasets are contiguous */
    int64_t n_chunks;   /* of each dataset; contiguous ones count as one chunk */
    int64_t tile_rows;  /* of a tile but the last; a chunk if chunks are compressed */
    int64_t n_tiles;
} km_mock_layout;

/* KM_USAGE if chunks would be too large or too many. Free with km_mock_layout_free, also after a
 * failure. */
km_code km_mock_layout_create(const km_mock *mock, int64_t n_rows, km_mock_layout *layout,
                              km_error *error);
void km_mock_layout_free(km_mock_layout *layout);

/* The rows of a tile, in the file. */
km_rows km_mock_tile(const km_mock_layout *layout, int64_t tile);

/* How HDF5 stores a field. */
km_h5_storage km_mock_storage(const km_mock_layout *layout, const km_mock_field *field);

/* Memory for making a tile: `bytes` [tile_rows * row_bytes], and a workspace. */
typedef struct km_mock_tile_memory {
    char *bytes;
    double *values;
} km_mock_tile_memory;

/* Makes the rows of a tile of a file whose first row is `first_row` in the catalogue. Field f
 * begins at rows.count * bytes_before of the bytes. */
void km_mock_make_tile(const km_mock_layout *layout, int64_t first_row, km_rows rows,
                       const km_mock_tile_memory *memory);

#endif
