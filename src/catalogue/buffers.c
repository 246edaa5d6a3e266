/* The memory of a piece: one arena, which is measured for a file and used again for the next. */
#include "base/error.h"
#include "base/memory.h"
#include "base/precision.h"
#include "reader.h"

#include <stdlib.h>

/* Arrays in one arena, one after the other. Without an arena they are only measured. */
typedef struct layout {
    char *arena;
    int64_t bytes;
} layout;

/* Places an array of `count` values of `bytes` bytes. A size that overflows becomes one that can't
 * be allocated. */
static void *place_array(layout *l, int64_t count, int64_t bytes)
{
    char *first = l->arena != NULL ? l->arena + l->bytes : NULL;
    const int64_t alignment = 64;
    int64_t size;
    if (__builtin_mul_overflow(count, bytes, &size) ||
        __builtin_add_overflow(size, l->bytes + alignment - 1, &size))
        size = INT64_MAX;
    l->bytes = size - size % alignment;
    return first;
}

static int64_t value_bytes_of(const km_piece *p, int64_t c)
{
    return (int64_t)km_precision_size(km_precision_of_column(p->reader->catalogue, c));
}

/* Places the buffers of all sources, of the columns that need memory of their own, and the lists of
 * both. */
static void place_arrays(km_piece *p, layout *l)
{
    const km_opened_file *o = p->file->opened;
    const int64_t rows = p->capacity, long_double = 2 * sizeof(double); /* of an odd number */
    char **buffers = p->buffers = place_array(l, o->n_sources, sizeof *p->buffers);
    char **odd = p->odd = place_array(l, o->n_columns, sizeof *p->odd);
    char **unpacked = p->unpacked = place_array(l, o->n_columns, sizeof *p->unpacked);
    p->values = place_array(l, o->n_columns, sizeof *p->values);
    p->features = place_array(l, p->reader->catalogue->n_features, sizeof *p->features);
    p->fates = place_array(l, rows, sizeof *p->fates);
    p->inputs = place_array(l, km_count_inputs(p->reader->catalogue), sizeof *p->inputs);
    p->registers = place_array(l, km_count_registers(p->reader->catalogue),
                               KM_EXPRESSION_ROWS * sizeof *p->registers);
    for (int64_t s = 0; s < o->n_sources; s++) {
        const km_source *source = &o->sources[s];
        const int64_t in_bits = source->is_bitmap; /* the bits of a few rows may be in two bytes */
        char *buffer = place_array(l, rows + in_bits, source->n_columns * source->element_bytes);
        if (l->arena != NULL)
            buffers[s] = buffer;
    }
    for (int64_t c = 0; c < o->n_columns; c++) {
        const km_field *field = &o->values[c];
        const int64_t odd_bytes = field->size > long_double ? field->size : long_double;
        char *of_odd = place_array(l, field->is_odd ? rows : 0, odd_bytes);
        char *of_unpacked = place_array(l, field->is_unpacked ? rows : 0, value_bytes_of(p, c));
        if (l->arena != NULL) {
            odd[c] = of_odd;
            unpacked[c] = of_unpacked;
        }
    }
}

static void point_to_values(km_piece *p, int64_t c)
{
    const km_field *field = &p->file->opened->values[c];
    int64_t stride;
    if (field->is_unpacked)
        p->values[c] = (column_values){p->unpacked[c], value_bytes_of(p, c)};
    else {
        const char *first = km_piece_first(p, field, &stride);
        char *buffer = p->buffers[field->source];
        p->values[c] = (column_values){buffer + (first - buffer), stride};
    }
    if (c < p->reader->catalogue->n_features)
        p->features[c] = (km_values){p->values[c].first, p->values[c].stride};
}

km_code km_piece_allocate(km_piece *p, int64_t max_rows, km_error *error)
{
    layout measured = {.arena = NULL};
    p->capacity = p->file->piece_rows < max_rows ? p->file->piece_rows : max_rows;
    place_arrays(p, &measured);
    if (measured.bytes > p->arena_bytes) {
        free(p->arena);
        p->arena = km_allocate(measured.bytes, 1, "buffers for reading", error);
        p->arena_bytes = p->arena != NULL ? measured.bytes : 0;
    }
    if (error->code != KM_OK)
        return error->code;
    place_arrays(p, &(layout){.arena = p->arena});
    for (int64_t c = 0; c < p->file->opened->n_columns; c++)
        point_to_values(p, c);
    return KM_OK;
}

void km_piece_free(km_piece *p)
{
    free(p->arena);
    km_h5_chunks_free(p->chunks);
}
