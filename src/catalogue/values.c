/* Makes values of a piece of rows that was read: which of them are missing, and which are not
 * allowed. */
#include "base/error.h"
#include "base/memory.h"
#include "base/precision.h"
#include "reader.h"

#include <math.h>
#include <string.h>

const char *km_piece_first(const km_piece *p, const km_field *field, int64_t *stride)
{
    const km_source *source = &p->file->opened->sources[field->source];
    const int64_t ahead = field->column - source->first_column;
    if (source->is_transposed) {
        *stride = source->element_bytes;
        return p->buffers[field->source] + ahead * p->capacity * source->element_bytes;
    }
    *stride = source->n_columns * source->element_bytes;
    return p->buffers[field->source] + ahead * source->element_bytes + field->offset;
}

static double load_value(const km_piece *p, int64_t c, int64_t row)
{
    const char *at = p->values[c].first + row * p->values[c].stride;
    float narrow;
    double value;
    if (km_precision_of_column(p->reader->catalogue, c) == KM_FLOAT64) {
        memcpy(&value, at, sizeof value);
        return value;
    }
    memcpy(&narrow, at, sizeof narrow);
    return (double)narrow;
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* Has HDF5 convert odd numbers to doubles; one thread at a time. */
static km_code convert_odd(km_piece *p, int64_t c, int64_t count, km_error *error)
{
    const km_field *field = &p->file->opened->values[c];
    int64_t stride;
    const char *from = km_piece_first(p, field, &stride);
    for (int64_t i = 0; i < count; i++)
        memcpy(p->odd[c] + i * field->size, from + i * stride, (size_t)field->size);
    return km_h5_convert(field->type, KM_FLOAT64, count, p->odd[c], error);
}

static void unpack_values(km_piece *p, int64_t c, int64_t first, int64_t count)
{
    const km_field *field = &p->file->opened->values[c];
    const km_precision precision = km_precision_of_column(p->reader->catalogue, c);
    int64_t stride = sizeof(double);
    const char *from = field->is_odd ? p->odd[c] : km_piece_first(p, field, &stride);
    const int64_t n_fill =
        km_unpack(&field->number, &field->codes, from + first * stride, stride, count, precision,
                  p->unpacked[c] + first * (int64_t)km_precision_size(precision));
    if (n_fill > 0) {
#pragma omp atomic
        p->reader->findings->n_fill[c] += n_fill;
    }
}

/* ---- missing values ------------------------------------------------------------------------- */

/* The unpacked value of the stored integer nearest to a value, if it is close, else the value: by
 * 0.3 the user means 3 * 0.1, though that is another double. */
static double nearest_unpacked(const km_codes *codes, double value)
{
    const double stored = nearbyint((value - codes->offset) / codes->factor);
    const double unpacked = stored * codes->factor + codes->offset;
    return fabs(unpacked - value) <= 1e-6 * fabs(codes->factor) ? unpacked : value;
}

double km_as_stored(const km_field *field, km_precision precision, double value)
{
    char bytes[64]; /* of any floating-point type */
    const hid_t type = field->type;
    if (field->codes.is_packed && field->number.kind != KM_H5_FLOAT) {
        value = nearest_unpacked(&field->codes, value);
    } else if (H5Tget_class(type) == H5T_FLOAT && H5Tget_size(type) <= sizeof bytes &&
               !field->codes.is_packed) {
        memcpy(bytes, &value, sizeof value);
        if (H5Tconvert(H5T_NATIVE_DOUBLE, type, 1, bytes, NULL, H5P_DEFAULT) >= 0 &&
            H5Tconvert(type, H5T_NATIVE_DOUBLE, 1, bytes, NULL, H5P_DEFAULT) >= 0)
            memcpy(&value, bytes, sizeof value);
    }
    return precision == KM_FLOAT32 ? (double)(float)value : value;
}

km_code km_file_prepare_missing(km_file_in_use *file, const km_catalogue *catalogue,
                                km_error *error)
{
    int64_t n = 0;
    for (int64_t m = 0; m < catalogue->n_missing_values; m++)
        n += catalogue->missing_values[m].column < 0 ? catalogue->n_columns : 1;
    file->n_missing_values = 0;
    file->missing_values = km_allocate(n, sizeof *file->missing_values, "missing values", error);
    for (int64_t m = 0; m < catalogue->n_missing_values && error->code == KM_OK; m++)
        for (int64_t c = 0; c < catalogue->n_columns; c++) {
            const km_missing_value *missing = &catalogue->missing_values[m];
            const km_precision precision = km_precision_of_column(catalogue, c);
            const km_field *field = &file->opened->values[c];
            if (km_may_be_missing(catalogue, c) && (missing->column == c || missing->column < 0))
                file->missing_values[file->n_missing_values++] =
                    (stored_missing){c, km_as_stored(field, precision, missing->value)};
        }
    return error->code;
}

static void store_nan(const km_piece *p, int64_t c, int64_t row)
{
    char *at = p->values[c].first + row * p->values[c].stride;
    const float narrow = NAN;
    const double value = NAN;
    if (km_precision_of_column(p->reader->catalogue, c) == KM_FLOAT64)
        memcpy(at, &value, sizeof value);
    else
        memcpy(at, &narrow, sizeof narrow);
}

static bool has_nonzero_byte(const char *bytes, int64_t size)
{
    for (int64_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return true;
    return false;
}

/* Bits that are 0 mark missing values. */
static void apply_bitmap(const km_piece *p, int64_t c, int64_t first, int64_t count)
{
    const uint8_t *bytes = (const uint8_t *)p->buffers[p->file->opened->masks[c].source];
    const int64_t skip = p->first_in_file % 8;
    for (int64_t i = first; i < first + count; i++)
        if ((bytes[(skip + i) / 8] >> (skip + i) % 8 & 1) == 0)
            store_nan(p, c, i);
}

/* Values that a mask marks as missing become NaN. */
static void apply_mask(const km_piece *p, int64_t c, int64_t first, int64_t count)
{
    const km_field *mask = &p->file->opened->masks[c];
    int64_t stride;
    if (mask->source < 0)
        return;
    if (p->file->opened->sources[mask->source].is_bitmap) {
        apply_bitmap(p, c, first, count);
        return;
    }
    const char *at = km_piece_first(p, mask, &stride);
    for (int64_t i = first; i < first + count; i++)
        if (has_nonzero_byte(at + i * stride, mask->size))
            store_nan(p, c, i);
}

static void apply_missing_values(const km_piece *p, int64_t first, int64_t count)
{
    for (int64_t m = 0; m < p->file->n_missing_values; m++) {
        const stored_missing *missing = &p->file->missing_values[m];
        for (int64_t i = first; i < first + count; i++)
            if (load_value(p, missing->column, i) == missing->value)
                store_nan(p, missing->column, i);
    }
}

/* Marks rows with values that are not finite, `stride` bytes apart, if nothing else became of them;
 * returns how many there are. Most values are beside each other, which compilers have to be told.
 */
#define DEFINE_MARK(name, real)                                                         \
    static int64_t name(const char *first, int64_t stride, int count, uint8_t *fates)   \
    {                                                                                   \
        int n = 0;                                                                      \
        const real *values = (const void *)first;                                       \
        for (int i = 0; i < count && stride == (int64_t)sizeof(real); i++) {            \
            const uint8_t is_bad = !isfinite(values[i]) & (fates[i] <= KM_ROW_MISSING); \
            fates[i] |= is_bad;                                                         \
            n += is_bad;                                                                \
        }                                                                               \
        for (int i = 0; i < count && stride != (int64_t)sizeof(real); i++) {            \
            real value;                                                                 \
            memcpy(&value, first + i * stride, sizeof value);                           \
            const uint8_t is_bad = !isfinite(value) & (fates[i] <= KM_ROW_MISSING);     \
            fates[i] |= is_bad;                                                         \
            n += is_bad;                                                                \
        }                                                                               \
        return n;                                                                       \
    }

DEFINE_MARK(mark_float32, float)
DEFINE_MARK(mark_float64, double)

static void mark_rows(km_piece *p, int64_t first, int64_t count)
{
    for (int64_t j = 0; j < p->reader->catalogue->n_features; j++) {
        const column_values *values = &p->values[j];
        const char *from = values->first + first * values->stride;
        const int64_t n = p->reader->catalogue->precision == KM_FLOAT32
                              ? mark_float32(from, values->stride, (int)count, p->fates + first)
                              : mark_float64(from, values->stride, (int)count, p->fates + first);
        if (n > 0) {
#pragma omp atomic
            p->reader->findings->n_missing[j] += n;
        }
    }
}

/* ---- a piece -------------------------------------------------------------------------------- */

km_code km_piece_convert_odd(km_piece *p, km_error *error)
{
    for (int64_t c = 0; c < p->file->opened->n_columns && error->code == KM_OK; c++)
        if (p->file->opened->values[c].is_odd)
            convert_odd(p, c, p->rows.count, error);
    return error->code;
}

void km_piece_take_values(km_piece *p)
{
    enum { ROWS = 2048 }; /* few enough to stay in cache from step to step */
    const int64_t n_columns = p->file->opened->n_columns;
    const km_column *columns = p->reader->catalogue->columns;
    for (int64_t first = 0; first < p->rows.count; first += ROWS) {
        const int64_t left = p->rows.count - first, count = left < ROWS ? left : ROWS;
        for (int64_t c = 0; c < n_columns; c++)
            if (p->file->opened->values[c].is_unpacked && columns[c].expression == 0)
                unpack_values(p, c, first, count);
        for (int64_t c = 0; c < n_columns; c++)
            apply_mask(p, c, first, count);
        apply_missing_values(p, first, count);
        memset(p->fates + first, KM_ROW_USED, (size_t)count);
        km_piece_compute(p, first, count);
        mark_rows(p, first, count);
    }
}

/* ---- rows that are not allowed -------------------------------------------------------------- */

static double weight_at(const km_piece *p, int64_t i)
{
    return load_value(p, p->reader->catalogue->n_features, i);
}

static void refuse_weight(const km_piece *p, int64_t row, int64_t i, km_error *error)
{
    km_fail(error, KM_DATA,
            "bad weight (%s, %s, row %lld, column %s): it is %g, and weights are finite and at "
            "least 0 (rows count from 0); correct it, leave such rows out with --where, or choose "
            "another column with --weights",
            p->file->path, p->reader->catalogue->table, (long long)row,
            km_catalogue_weights(p->reader->catalogue)->name, weight_at(p, i));
}

static void refuse_missing(const km_piece *p, int64_t row, int64_t i, km_error *error)
{
    int64_t feature = 0;
    while (isfinite(load_value(p, feature, i)))
        feature++;
    km_fail(
        error, KM_DATA,
        "missing value (%s, %s, row %lld, column %s): it is NaN, infinite, masked, declared to "
        "mean a missing one, %sor a --missing-value (rows count from 0); fill it in, or leave such "
        "rows out with --missing drop",
        p->file->path, p->reader->catalogue->table, (long long)row,
        p->reader->catalogue->names[feature],
        p->reader->catalogue->columns[feature].expression > 0 ? "computed of such, " : "");
}

/* Looks in the order of the catalogue for a missing value, if that is an error, or a bad weight of
 * a row that is used. */
void km_piece_refuse_rows(const km_piece *p, km_error *refused)
{
    const bool has_weights = p->reader->catalogue->has_weights;
    const bool is_error = p->reader->missing == KM_MISSING_ERROR;
    if (!has_weights && !is_error)
        return;
    for (int64_t i = 0; i < p->rows.count && refused->code == KM_OK; i++) {
        if (p->fates[i] == KM_ROW_MISSING && is_error)
            refuse_missing(p, p->rows.first + i, i, refused);
        else if (p->fates[i] == KM_ROW_USED && has_weights &&
                 !(weight_at(p, i) >= 0 && isfinite(weight_at(p, i))))
            refuse_weight(p, p->rows.first + i, i, refused);
    }
}
