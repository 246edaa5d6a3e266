/* What a piece of rows that was read says: values, which of them are missing, and which may not be.
 */
#include "reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *km_reader_first(const km_reader *r, const km_field *field, int64_t *stride)
{
    const km_source *source = &r->opened->sources[field->source];
    const int64_t ahead = field->column - source->first_column;
    if (source->is_transposed) {
        *stride = source->element_bytes;
        return r->now->buffers[field->source] + ahead * r->room_rows * source->element_bytes;
    }
    *stride = source->n_columns * source->element_bytes;
    return r->now->buffers[field->source] + ahead * source->element_bytes + field->offset;
}

static double load(const km_reader *r, int64_t c, int64_t row)
{
    const char *at = r->values[c].first + row * r->values[c].stride;
    float narrow;
    double value;
    if (km_precision_of_column(r->catalogue, c) == KM_FLOAT64) {
        memcpy(&value, at, sizeof value);
        return value;
    }
    memcpy(&narrow, at, sizeof narrow);
    return (double)narrow;
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* Numbers that only HDF5 can convert, to doubles; on one thread. */
static km_code convert_odd(km_reader *r, int64_t c, int64_t count, km_error *error)
{
    const km_field *field = &r->opened->values[c];
    int64_t stride;
    const char *from = km_reader_first(r, field, &stride);
    for (int64_t i = 0; i < count; i++)
        memcpy(r->odd[c] + i * field->size, from + i * stride, (size_t)field->size);
    return km_h5_convert(field->type, KM_FLOAT64, count, r->odd[c], error);
}

static void unpack(km_reader *r, int64_t c, int64_t first, int64_t count)
{
    const km_field *field = &r->opened->values[c];
    const km_precision precision = km_precision_of_column(r->catalogue, c);
    int64_t stride = sizeof(double);
    const char *from = field->is_odd ? r->odd[c] : km_reader_first(r, field, &stride);
    const int64_t n_fill =
        km_unpack(&field->number, &field->codes, from + first * stride, stride, count, precision,
                  r->unpacked[c] + first * (int64_t)km_precision_size(precision));
    if (n_fill > 0 && c < r->catalogue->n_features) {
#pragma omp atomic
        r->findings->n_fill[c] += n_fill;
    }
}

/* ---- missing values ------------------------------------------------------------------------- */

/* 0.3 is what 3 * 0.1 means, though that is another double. */
static double as_packed(const km_codes *codes, double value)
{
    const double stored = nearbyint((value - codes->offset) / codes->factor);
    const double unpacked = stored * codes->factor + codes->offset;
    return fabs(unpacked - value) <= 1e-6 * fabs(codes->factor) ? unpacked : value;
}

double km_as_stored(const km_field *field, km_precision precision, double value)
{
    char room[64]; /* for the largest of floating-point types */
    const hid_t type = field->type;
    if (field->codes.is_packed && field->number.kind != KM_H5_FLOAT) {
        value = as_packed(&field->codes, value);
    } else if (H5Tget_class(type) == H5T_FLOAT && H5Tget_size(type) <= sizeof room &&
               !field->codes.is_packed) {
        memcpy(room, &value, sizeof value);
        if (H5Tconvert(H5T_NATIVE_DOUBLE, type, 1, room, NULL, H5P_DEFAULT) >= 0 &&
            H5Tconvert(type, H5T_NATIVE_DOUBLE, 1, room, NULL, H5P_DEFAULT) >= 0)
            memcpy(&value, room, sizeof value);
    }
    return precision == KM_FLOAT32 ? (double)(float)value : value;
}

km_code km_reader_prepare_missing(km_reader *r, km_error *error)
{
    const km_catalogue *catalogue = r->catalogue;
    int64_t n = 0;
    for (int64_t m = 0; m < catalogue->n_missing_values; m++)
        n += catalogue->missing_values[m].column < 0 ? catalogue->n_features : 1;
    r->n_missing_values = 0;
    r->missing_values = km_allocate(n, sizeof *r->missing_values, "missing values", error);
    for (int64_t m = 0; m < catalogue->n_missing_values && error->code == KM_OK; m++)
        for (int64_t j = 0; j < catalogue->n_features; j++) {
            const km_missing_value *missing = &catalogue->missing_values[m];
            const km_field *field = &r->opened->values[j];
            if (missing->column == j || missing->column < 0)
                r->missing_values[r->n_missing_values++] =
                    (stored_missing){j, km_as_stored(field, catalogue->precision, missing->value)};
        }
    return error->code;
}

static void store_nan(const km_reader *r, int64_t c, int64_t row)
{
    char *at = r->values[c].first + row * r->values[c].stride;
    const float narrow = NAN;
    const double value = NAN;
    if (km_precision_of_column(r->catalogue, c) == KM_FLOAT64)
        memcpy(at, &value, sizeof value);
    else
        memcpy(at, &narrow, sizeof narrow);
}

static bool is_set(const char *bytes, int64_t size)
{
    for (int64_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return true;
    return false;
}

/* Bits that are 0 say what is missing. */
static void apply_bitmap(const km_reader *r, int64_t c, int64_t first, int64_t count)
{
    const uint8_t *bytes = (const uint8_t *)r->now->buffers[r->opened->masks[c].source];
    const int64_t skip = r->now->first_in_file % 8;
    for (int64_t i = first; i < first + count; i++)
        if ((bytes[(skip + i) / 8] >> (skip + i) % 8 & 1) == 0)
            store_nan(r, c, i);
}

/* What a mask says is missing becomes NaN. */
static void apply_mask(const km_reader *r, int64_t c, int64_t first, int64_t count)
{
    const km_field *mask = &r->opened->masks[c];
    int64_t stride;
    if (mask->source < 0)
        return;
    if (r->opened->sources[mask->source].is_bitmap) {
        apply_bitmap(r, c, first, count);
        return;
    }
    const char *at = km_reader_first(r, mask, &stride);
    for (int64_t i = first; i < first + count; i++)
        if (is_set(at + i * stride, mask->size))
            store_nan(r, c, i);
}

static void apply_missing_values(const km_reader *r, int64_t first, int64_t count)
{
    for (int64_t m = 0; m < r->n_missing_values; m++) {
        const stored_missing *missing = &r->missing_values[m];
        for (int64_t i = first; i < first + count; i++)
            if (load(r, missing->column, i) == missing->value)
                store_nan(r, missing->column, i);
    }
}

/* Marks those of `count` values, `stride` bytes apart, that are not finite; returns how many. */
#define DEFINE_MARK(name, real)                                                                \
    static int64_t name(const char *first, int64_t stride, int64_t count, uint8_t *is_missing) \
    {                                                                                          \
        int64_t n = 0;                                                                         \
        for (int64_t i = 0; i < count; i++) {                                                  \
            real value;                                                                        \
            memcpy(&value, first + i * stride, sizeof value);                                  \
            const bool is_bad = !isfinite(value);                                              \
            is_missing[i] |= is_bad;                                                           \
            n += is_bad;                                                                       \
        }                                                                                      \
        return n;                                                                              \
    }

DEFINE_MARK(mark_float32, float)
DEFINE_MARK(mark_float64, double)

static void mark_rows(km_reader *r, int64_t first, int64_t count)
{
    memset(r->is_missing + first, 0, (size_t)count);
    for (int64_t j = 0; j < r->catalogue->n_features; j++) {
        const column_values *values = &r->values[j];
        const char *from = values->first + first * values->stride;
        const int64_t n = r->catalogue->precision == KM_FLOAT32
                              ? mark_float32(from, values->stride, count, r->is_missing + first)
                              : mark_float64(from, values->stride, count, r->is_missing + first);
        if (n > 0) {
#pragma omp atomic
            r->findings->n_missing[j] += n;
        }
    }
}

/* ---- a piece -------------------------------------------------------------------------------- */

km_code km_reader_convert_odd(km_reader *r, int64_t count, km_error *error)
{
    for (int64_t c = 0; c < r->opened->n_columns && error->code == KM_OK; c++)
        if (r->opened->values[c].is_odd)
            convert_odd(r, c, count, error);
    return error->code;
}

void km_reader_take_rows(km_reader *r, int64_t first, int64_t count)
{
    for (int64_t c = 0; c < r->opened->n_columns; c++)
        if (r->opened->values[c].is_unpacked)
            unpack(r, c, first, count);
    for (int64_t c = 0; c < r->opened->n_columns; c++)
        apply_mask(r, c, first, count);
    apply_missing_values(r, first, count);
    mark_rows(r, first, count);
}

/* ---- rows that may not be as they are ------------------------------------------------------- */

static double weight_at(const km_reader *r, int64_t i)
{
    return load(r, r->catalogue->n_features, i);
}

static void refuse_weight(const km_reader *r, int64_t row, int64_t i, km_error *error)
{
    km_fail(error, KM_DATA,
            "bad weight (%s, %s, row %lld, column %s): it is %g, and weights are finite and at "
            "least 0 (rows count from 0); correct it, or choose another column with --weights",
            km_reader_path(r), r->catalogue->table, (long long)row,
            km_catalogue_weights(r->catalogue)->name, weight_at(r, i));
}

static void refuse_missing(const km_reader *r, int64_t row, int64_t i, km_error *error)
{
    int64_t feature = 0;
    while (isfinite(load(r, feature, i)))
        feature++;
    km_fail(
        error, KM_DATA,
        "missing value (%s, %s, row %lld, column %s): it is NaN, infinite, masked, declared to "
        "mean a missing one, or a --missing-value (rows count from 0); fill it in, or leave such "
        "rows out with --missing drop",
        km_reader_path(r), r->catalogue->table, (long long)row, r->catalogue->names[feature]);
}

/* In catalogue order: a missing value, where none may be, or a weight that can't be one, of a row
 * that would be used. */
void km_reader_refuse_rows(km_reader *r, km_rows rows)
{
    const bool has_weights = r->catalogue->has_weights;
    if (!has_weights && r->missing != KM_MISSING_ERROR)
        return;
    for (int64_t i = 0; i < rows.count && r->refused.code == KM_OK; i++) {
        if (r->is_missing[i] && r->missing == KM_MISSING_ERROR)
            refuse_missing(r, rows.first + i, i, &r->refused);
        else if (!r->is_missing[i] && has_weights &&
                 !(weight_at(r, i) >= 0 && isfinite(weight_at(r, i))))
            refuse_weight(r, rows.first + i, i, &r->refused);
    }
}
