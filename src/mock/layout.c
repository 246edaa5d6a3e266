/* The datasets of a file, and the sizes of chunks and tiles. */
#include "mock/layout.h"

#include "base/arithmetic.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TILE_BYTES = 16 << 20,
    CHUNK_BYTES = 1 << 20, /* of the largest dataset, where nobody says how many rows */
    MAX_CHUNK_BYTES = 1 << 30,
    MAX_CHUNKS = 10000000
};

static int64_t size_of_number(km_mock_number number)
{
    return number == KM_MOCK_FLOAT32 || number == KM_MOCK_INT32 ? 4 : 8;
}

static km_mock_number number_of_column(const km_mock *mock, const km_mock_column *column)
{
    return column->type == KM_MOCK_ID                         ? KM_MOCK_INT64
           : column->type == KM_MOCK_REAL && !mock->is_double ? KM_MOCK_FLOAT32
                                                              : KM_MOCK_FLOAT64;
}

static km_mock_field *add_field(km_mock_layout *layout, km_mock_number number, int64_t n_columns)
{
    km_mock_field *field = &layout->fields[layout->n_fields++];
    field->number = number;
    field->n_columns = n_columns;
    field->row_bytes = size_of_number(number) * (n_columns > 0 ? n_columns : 1);
    field->bytes_before = layout->row_bytes;
    layout->row_bytes += field->row_bytes;
    return field;
}

static void add_fields(km_mock_layout *layout, const km_mock *mock)
{
    if (mock->is_array)
        strcpy(add_field(layout, number_of_column(mock, mock->columns), mock->n_columns)->path,
               "/samples");
    for (int64_t j = 0; j < mock->n_columns && !mock->is_array; j++) {
        const km_mock_column *column = &mock->columns[j];
        km_mock_field *field = add_field(layout, number_of_column(mock, column), 0);
        field->column = column;
        field->first_column = j;
        snprintf(field->path, sizeof field->path, "/table/columns/%s/data", column->name);
    }
    strcpy(add_field(layout, KM_MOCK_INT32, 0)->path, "/truth/labels");
}

static int64_t most_row_bytes(const km_mock_layout *layout)
{
    int64_t most = 0;
    for (int64_t f = 0; f < layout->n_fields; f++)
        if (layout->fields[f].row_bytes > most)
            most = layout->fields[f].row_bytes;
    return most;
}

/* Rows of a chunk, if there are chunks. Without --chunk-rows a row of tiles must fit into memory,
 * too. */
static int64_t choose_chunk_rows(const km_mock_layout *layout, const km_mock_asked *asked)
{
    int64_t rows = km_min_of(CHUNK_BYTES / most_row_bytes(layout), TILE_BYTES / layout->row_bytes);
    if (asked->chunk_rows > 0)
        rows = asked->chunk_rows;
    return km_min_of(rows > 0 ? rows : 1, layout->n_rows);
}

static km_code check_chunks(const km_mock_layout *layout, km_error *error)
{
    const int64_t rows = layout->chunk_rows;
    if (rows > MAX_CHUNK_BYTES / most_row_bytes(layout))
        return km_fail(error, KM_USAGE,
                       "bad value (--chunk-rows %lld): a chunk would have more than 1 GiB; take "
                       "fewer rows",
                       (long long)rows);
    if (layout->n_chunks > MAX_CHUNKS / layout->n_fields)
        return km_fail(error, KM_USAGE,
                       "bad value (--chunk-rows %lld): a file would have more than %d chunks; take "
                       "more rows, or more --files",
                       (long long)rows, MAX_CHUNKS);
    return KM_OK;
}

static int64_t count_parts(int64_t n, int64_t part)
{
    return n / part + (n % part > 0);
}

km_code km_mock_layout_create(const km_mock *mock, int64_t n_rows, km_mock_layout *layout,
                              km_error *error)
{
    const km_mock_asked *asked = &mock->asked;
    *layout = (km_mock_layout){.mock = mock, .n_rows = n_rows, .n_chunks = 1};
    layout->fields = km_allocate_zeroed(mock->n_columns + 1, sizeof *layout->fields,
                                        "datasets of the mock", error);
    if (layout->fields == NULL)
        return error->code;
    add_fields(layout, mock);
    if (asked->chunk_rows > 0 || asked->compress > 0) {
        layout->chunk_rows = choose_chunk_rows(layout, asked);
        layout->n_chunks = count_parts(n_rows, layout->chunk_rows);
    }
    const int64_t rows = TILE_BYTES / layout->row_bytes / KM_MOCK_BLOCK * KM_MOCK_BLOCK;
    layout->tile_rows = asked->compress > 0 ? layout->chunk_rows
                        : rows > 0          ? km_min_of(rows, n_rows)
                                            : km_min_of(KM_MOCK_BLOCK, n_rows);
    layout->n_tiles = count_parts(n_rows, layout->tile_rows);
    return layout->chunk_rows > 0 ? check_chunks(layout, error) : KM_OK;
}

void km_mock_layout_free(km_mock_layout *layout)
{
    free(layout->fields);
    layout->fields = NULL;
}

km_rows km_mock_tile(const km_mock_layout *layout, int64_t tile)
{
    const int64_t first = tile * layout->tile_rows;
    return (km_rows){first, km_min_of(layout->tile_rows, layout->n_rows - first)};
}

km_h5_storage km_mock_storage(const km_mock_layout *layout, const km_mock_field *field)
{
    const hid_t types[] = {[KM_MOCK_FLOAT32] = H5T_NATIVE_FLOAT,
                           [KM_MOCK_FLOAT64] = H5T_NATIVE_DOUBLE,
                           [KM_MOCK_INT64] = H5T_NATIVE_INT64,
                           [KM_MOCK_INT32] = H5T_NATIVE_INT32};
    return (km_h5_storage){.type = types[field->number],
                           .n_rows = layout->n_rows,
                           .n_columns = field->n_columns,
                           .chunk_rows = layout->chunk_rows,
                           .compress = (int)layout->mock->asked.compress};
}
