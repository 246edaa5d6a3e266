/* Rows of a mock catalogue, as the bytes that a file stores. */
#include "mock/file.h"

#include "base/memory.h"

#include <stdlib.h>

km_mock_tile_memory *km_mock_tiles_allocate(const km_mock_layout *layout, int count,
                                            km_error *error)
{
    const char *what = "rows of the mock";
    km_mock_tile_memory *memory = km_allocate_zeroed(count, sizeof *memory, what, error);
    for (int t = 0; t < count && error->code == KM_OK; t++) {
        memory[t].bytes = km_allocate(layout->tile_rows, (size_t)layout->row_bytes, what, error);
        memory[t].values =
            km_allocate(layout->mock->n_columns, KM_MOCK_BLOCK * sizeof(double), what, error);
    }
    return memory;
}

void km_mock_tiles_free(km_mock_tile_memory *memory, int count)
{
    for (int t = 0; memory != NULL && t < count; t++) {
        free(memory[t].bytes);
        free(memory[t].values);
    }
    free(memory);
}

/* Stores the values of a column of a block, `stride` numbers apart. */
static void store_values(km_mock_number number, const double *values, int64_t count, int64_t stride,
                         void *to)
{
    float *singles = to;
    double *doubles = to;
    for (int64_t i = 0; i < count; i++)
        if (number == KM_MOCK_FLOAT32)
            singles[i * stride] = (float)values[i];
        else
            doubles[i * stride] = values[i];
}

static void store_field(const km_mock_field *field, const double *values, int64_t first_row,
                        int64_t count, char *to)
{
    const int64_t stride = field->n_columns > 0 ? field->n_columns : 1;
    const int64_t size = field->row_bytes / stride;
    if (field->number == KM_MOCK_INT64)
        for (int64_t i = 0; i < count; i++)
            ((int64_t *)to)[i] = KM_MOCK_FIRST_ID + first_row + i;
    else
        for (int64_t j = 0; j < stride; j++)
            store_values(field->number, values + (field->first_column + j) * KM_MOCK_BLOCK, count,
                         stride, to + j * size);
}

void km_mock_make_tile(const km_mock_layout *layout, int64_t first_row, km_rows rows,
                       const km_mock_tile_memory *memory)
{
    const km_mock *mock = layout->mock;
    const int64_t n_stored = layout->n_fields - 1; /* the last field has the labels */
    for (int64_t done = 0; done < rows.count; done += KM_MOCK_BLOCK) {
        const int64_t left = rows.count - done, count = left < KM_MOCK_BLOCK ? left : KM_MOCK_BLOCK;
        const int64_t row = first_row + rows.first + done;
        char *labels = memory->bytes + rows.count * layout->fields[n_stored].bytes_before;
        mock->kind->fill(mock, row, count, memory->values, (int32_t *)labels + done);
        for (int64_t f = 0; f < n_stored; f++) {
            const km_mock_field *field = &layout->fields[f];
            store_field(field, memory->values, row, count,
                        memory->bytes + rows.count * field->bytes_before + done * field->row_bytes);
        }
    }
}
