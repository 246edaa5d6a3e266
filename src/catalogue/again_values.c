/* The values of one column read again: through serial HDF5 in its native type, and with the
 * conventions applied number by number. */
#include "again.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- a column ------------------------------------------------------------------------------- */

/* The native type; floats for half precision, which not all versions of HDF5 have as a native
 * type. */
static hid_t native_type(hid_t type)
{
    const hid_t native = H5Tget_native_type(type, H5T_DIR_ASCEND);
    if (H5Tget_class(type) != H5T_FLOAT || H5Tget_size(native) >= sizeof(float))
        return native;
    H5Tclose(native);
    return H5Tcopy(H5T_NATIVE_FLOAT);
}

/* The number at some bytes, in a native type; of an enumeration, its integer. */
static long double number_at(const char *bytes, const km_h5_number *number)
{
    union {
        int8_t i1;
        uint8_t u1;
        int16_t i2;
        uint16_t u2;
        int32_t i4;
        uint32_t u4;
        int64_t i8;
        uint64_t u8;
        float f4;
        double f8;
        long double f16;
    } value = {0};
    memcpy(&value, bytes, (size_t)number->size);
    if (number->kind == KM_H5_INT)
        return number->size == 1   ? value.i1
               : number->size == 2 ? value.i2
               : number->size == 4 ? value.i4
                                   : (long double)value.i8;
    if (number->kind == KM_H5_UINT)
        return number->size == 1   ? value.u1
               : number->size == 2 ? value.u2
               : number->size == 4 ? value.u4
                                   : (long double)value.u8;
    return number->size == 4 ? (long double)value.f4 : number->size == 8 ? value.f8 : value.f16;
}

km_code km_again_read_elements(km_again *a, const km_field *field, const km_place *place,
                               km_rows rows, hid_t type, km_error *error)
{
    const km_h5_array *array = &a->opened.sources[field->source].array;
    const int64_t column = field->column;
    const hsize_t at = (hsize_t)column, first = (hsize_t)rows.first, n = (hsize_t)rows.count;
    const hsize_t start[2] = {place->is_transposed ? at : first, place->is_transposed ? first : at};
    const size_t size = type >= 0 ? H5Tget_size(type) : 0;            /* 0: HDF5 failed */
    const hsize_t n_columns = size == 1 ? (hsize_t)place->length : 1; /* a text in letters */
    const hsize_t n_elements = n * n_columns;
    const hsize_t count[2] = {place->is_transposed ? 1 : n, place->is_transposed ? n : n_columns};
    free(a->bytes);
    a->bytes =
        km_allocate((int64_t)n_elements, size > 0 ? size : 1, "rows that are read again", error);
    if (a->bytes == NULL)
        return error->code;
    const hid_t in_memory = H5Screate_simple(1, &n_elements, NULL);
    const hid_t in_file = H5Dget_space(array->dataset);
    const hid_t dataset =
        size == 0 || km_fault("read the rows again") ? H5I_INVALID_HID : array->dataset;
    H5Sselect_hyperslab(in_file, H5S_SELECT_SET, start, NULL, count, NULL);
    const bool is_read =
        km_h5_note(H5Dread(dataset, type, in_memory, in_file, H5P_DEFAULT, a->bytes));
    H5Sclose(in_file);
    H5Sclose(in_memory);
    if (is_read && km_fault("read other values again"))
        a->bytes[(size_t)n_elements * size - 1] ^= 1;
    if (!is_read)
        km_fail(error, KM_SYSTEM,
                "can't read the catalogue again to verify it (%s, %s, rows %lld to %lld): %s; run "
                "again without --verify",
                a->opened.path, place->dataset, (long long)rows.first,
                (long long)(rows.first + rows.count - 1), km_h5_reason());
    return error->code;
}

/* Reads the numbers of a place to a->numbers. */
static km_code read_numbers_again(km_again *a, const km_field *field, const km_place *place,
                                  km_rows rows, km_error *error)
{
    const hid_t type = km_h5_type_of_member(a->opened.sources[field->source].array.type,
                                            place->member, native_type);
    const size_t size = type >= 0 ? H5Tget_size(type) : 0;
    const hid_t native = native_type(field->type);
    const km_h5_number number = km_h5_describe_number(native);
    const size_t value = H5Tget_size(native);
    km_again_read_elements(a, field, place, rows, type, error);
    const size_t n_values = value > 0 ? size / value : 0; /* 0: HDF5 failed */
    const size_t position =
        place->is_transposed || n_values == 0 ? 0 : (size_t)place->position % n_values;
    for (int64_t i = 0; i < rows.count && error->code == KM_OK; i++)
        a->numbers[i] = number_at(a->bytes + (size_t)i * size + position * value, &number);
    if (type >= 0)
        H5Tclose(type);
    H5Tclose(native);
    return error->code;
}

/* ---- what its numbers mean ------------------------------------------------------------------ */

/* A number of the convention, rounded to the type of the file. */
static long double in_type(const km_field *field, long double number)
{
    return H5Tget_class(field->type) == H5T_FLOAT && H5Tget_size(field->type) == sizeof(float)
               ? (long double)(float)number
               : number;
}

static bool is_valid(const km_convention *c, const km_field *field, long double x)
{
    bool is_valid = !isnan(x) && !isinf(x);
    for (int64_t m = 0; m < c->n_missing; m++)
        is_valid = is_valid && x != in_type(field, c->missing[m]);
    return is_valid && !(c->has_lowest && x < in_type(field, c->lowest)) &&
           !(c->has_highest && x > in_type(field, c->highest));
}

static double value_by_convention(const km_again *a, int64_t c, const km_convention *convention,
                                  long double x)
{
    const km_field *field = &a->opened.values[c];
    if (convention->is_unsigned && x < 0)
        x += ldexpl(1, 8 * (int)H5Tget_size(field->type));
    if (!is_valid(convention, field, x))
        return NAN;
    if (convention->is_biased) /* exact in a long double */
        x += convention->offset;
    const double value =
        convention->is_packed ? (double)x * convention->factor + convention->offset : (double)x;
    if (km_precision_of_column(a->catalogue, c) == KM_FLOAT64)
        return value;
    return convention->is_packed ? (double)(float)value : (double)(float)x;
}

static bool is_missing_value(const km_again *a, int64_t c, double value)
{
    const km_catalogue *catalogue = a->catalogue;
    const km_field *field = &a->opened.values[c];
    for (int64_t m = 0; m < catalogue->n_missing_values; m++) {
        const km_missing_value *missing = &catalogue->missing_values[m];
        if ((missing->column == c || missing->column < 0) && km_may_be_missing(catalogue, c) &&
            value == km_as_stored(field, km_precision_of_column(catalogue, c), missing->value))
            return true;
    }
    return false;
}

/* Reads a mask to a->numbers: not 0 in rows whose value is missing. */
static km_code read_mask(km_again *a, int64_t c, km_rows rows, km_error *error)
{
    const km_field *mask = &a->opened.masks[c];
    const km_place *place = &a->columns[c].mask;
    const km_rows bytes = km_bytes_of_bits(rows);
    bool is_set[KM_READ_AGAIN_ROWS];
    if (!place->is_bitmap)
        return read_numbers_again(a, mask, place, rows, error);
    if (read_numbers_again(a, mask, place, bytes, error) != KM_OK)
        return error->code;
    for (int64_t i = 0; i < rows.count; i++) {
        const int64_t bit = rows.first % 8 + i;
        is_set[i] = ((int)a->numbers[bit / 8] >> bit % 8 & 1) != 0;
    }
    for (int64_t i = 0; i < rows.count; i++)
        a->numbers[i] = is_set[i] ? 0 : 1;
    return KM_OK;
}

km_code km_again_read_values(km_again *a, int64_t c, km_rows rows, double *values, km_error *error)
{
    const km_convention convention = km_convention_of(a->catalogue, &a->columns[c]);
    if (read_numbers_again(a, &a->opened.values[c], &a->columns[c].values, rows, error) != KM_OK)
        return error->code;
    for (int64_t i = 0; i < rows.count; i++) {
        values[i] = value_by_convention(a, c, &convention, a->numbers[i]);
        if (is_missing_value(a, c, values[i]))
            values[i] = NAN;
    }
    if (a->opened.masks[c].source >= 0 && read_mask(a, c, rows, error) == KM_OK)
        for (int64_t i = 0; i < rows.count; i++)
            values[i] = a->numbers[i] != 0 ? NAN : values[i];
    return error->code;
}
