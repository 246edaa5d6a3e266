/* Reads a slab once more in another way, to verify the first reading: through serial HDF5, column
 * by column, in native types, and with the conventions applied number by number. Both ways share
 * what the file is said to hold (places and conventions), but not how it is read. */
#include "base/error.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = KM_READ_AGAIN_ROWS };

/* One of the files, open on this rank. */
typedef struct again {
    const km_catalogue *catalogue;
    const km_findings *findings;
    km_opened_file opened; /* for its fields and datasets; its sources are not read */
    km_column *columns;
    int64_t file;
    char *bytes;    /* [PIECE] elements of a column */
    double *inputs; /* [PIECE][number of inputs], what expressions read */
    int64_t n_inputs;
    uint64_t hashes[PIECE];
    bool is_missing[PIECE];
    long double numbers[PIECE];
    uint64_t sum;
} again;

/* Beside the cached chunks HDF5 needs the largest chunk as a filter makes it, and the buffer it is
 * made from, which grew by doubling. */
int64_t km_catalogue_again_bytes(const km_catalogue *catalogue)
{
    const km_reading *reading = &catalogue->reading;
    const int64_t largest_chunk = reading->thread_bytes / 2; /* see km_h5_decoding_bytes */
    const int64_t input_bytes = km_count_inputs(catalogue) * (int64_t)sizeof(double);
    return (int64_t)sizeof(again) + PIECE * (reading->row_bytes + 1 + input_bytes) +
           largest_chunk * 3 / 2 + reading->cache_bytes;
}

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

static hid_t same_type(hid_t type)
{
    return H5Tcopy(type);
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

/* Reads the elements that hold a place, as this type, to a->bytes, which the caller frees. */
static km_code read_elements(again *a, const km_field *field, const km_place *place, km_rows rows,
                             hid_t type, km_error *error)
{
    const km_h5_array *array = &a->opened.sources[field->source].array;
    const int64_t column = field->column;
    const hsize_t at = (hsize_t)column, first = (hsize_t)rows.first, n = (hsize_t)rows.count;
    const hsize_t start[2] = {place->is_transposed ? at : first, place->is_transposed ? first : at};
    const hsize_t count[2] = {place->is_transposed ? 1 : n, place->is_transposed ? n : 1};
    a->bytes = km_allocate(rows.count, type >= 0 ? H5Tget_size(type) : 1,
                           "rows that are read again", error);
    if (a->bytes == NULL)
        return error->code;
    const hid_t in_memory = H5Screate_simple(1, &n, NULL);
    const hid_t in_file = H5Dget_space(array->dataset);
    const hid_t dataset = km_fault("read the rows again") ? H5I_INVALID_HID : array->dataset;
    H5Sselect_hyperslab(in_file, H5S_SELECT_SET, start, NULL, count, NULL);
    const bool is_read =
        km_h5_note(H5Dread(dataset, type, in_memory, in_file, H5P_DEFAULT, a->bytes));
    H5Sclose(in_file);
    H5Sclose(in_memory);
    if (is_read && km_fault("read other values again"))
        a->bytes[(size_t)rows.count * H5Tget_size(type) - 1] ^= 1;
    if (!is_read)
        km_fail(error, KM_SYSTEM,
                "can't read the catalogue again to verify it (%s, %s, rows %lld to %lld): %s; run "
                "again without --verify",
                a->opened.path, place->dataset, (long long)rows.first,
                (long long)(rows.first + rows.count - 1), km_h5_reason());
    return error->code;
}

/* Reads the numbers of a place to a->numbers. */
static km_code read_numbers_again(again *a, const km_field *field, const km_place *place,
                                  km_rows rows, km_error *error)
{
    const hid_t type = km_h5_type_of_member(a->opened.sources[field->source].array.type,
                                            place->member, native_type);
    const size_t size = type >= 0 ? H5Tget_size(type) : 0;
    const hid_t native = native_type(field->type);
    const km_h5_number number = km_h5_describe_number(native);
    const size_t value = H5Tget_size(native);
    read_elements(a, field, place, rows, type, error);
    const size_t position = place->is_transposed ? 0 : (size_t)place->position % (size / value);
    for (int64_t i = 0; i < rows.count && error->code == KM_OK; i++)
        a->numbers[i] = number_at(a->bytes + (size_t)i * size + position * value, &number);
    free(a->bytes);
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

static double value_by_convention(const again *a, int64_t c, const km_convention *convention,
                                  long double x)
{
    const km_field *field = &a->opened.values[c];
    if (convention->is_unsigned && x < 0)
        x += ldexpl(1, 8 * (int)H5Tget_size(field->type));
    if (!is_valid(convention, field, x))
        return NAN;
    const double value =
        convention->is_packed ? (double)x * convention->factor + convention->offset : (double)x;
    if (km_precision_of_column(a->catalogue, c) == KM_FLOAT64)
        return value;
    return convention->is_packed ? (double)(float)value : (double)(float)x;
}

static bool is_missing_value(const again *a, int64_t c, double value)
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
static km_code read_mask(again *a, int64_t c, km_rows rows, km_error *error)
{
    const km_field *mask = &a->opened.masks[c];
    const km_place *place = &a->columns[c].mask;
    const km_rows bytes = km_bytes_of_bits(rows);
    bool is_set[PIECE];
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

/* Reads the values of a column that is stored; NaN where one is missing. */
static km_code read_values_again(again *a, int64_t c, km_rows rows, double *values, km_error *error)
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

/* Reads what expressions need. */
static void read_inputs_again(again *a, km_rows rows, km_error *error)
{
    double values[PIECE];
    for (int64_t i = 0; i < a->n_inputs && error->code == KM_OK; i++) {
        if (read_values_again(a, km_first_input(a->catalogue) + i, rows, values, error) != KM_OK)
            return;
        for (int64_t row = 0; row < rows.count; row++)
            a->inputs[row * a->n_inputs + i] = values[row];
    }
}

/* Computes an expression, its number from 1, in the plainest way. */
static double compute_again(const again *a, int64_t expression, int64_t row)
{
    return km_expression_compute_row(&a->catalogue->expressions[expression - 1],
                                     a->inputs + row * a->n_inputs);
}

static void fold_column(again *a, int64_t c, km_rows rows, km_error *error)
{
    const bool is_feature = c < a->catalogue->n_features;
    const bool is_float = km_precision_of_column(a->catalogue, c) == KM_FLOAT32;
    const int64_t expression = a->catalogue->columns[c].expression;
    double values[PIECE];
    if (expression == 0 && read_values_again(a, c, rows, values, error) != KM_OK)
        return;
    for (int64_t i = 0; i < rows.count && expression > 0; i++) {
        values[i] = compute_again(a, expression, i);
        values[i] = is_float ? (double)(float)values[i] : values[i];
    }
    for (int64_t i = 0; i < rows.count; i++) {
        a->hashes[i] = km_hash_double(a->hashes[i], values[i]);
        if (is_feature && !isfinite(values[i]))
            a->is_missing[i] = true;
    }
}

/* Leaves out the rows where the condition is not true, or can't be decided. */
static void apply_condition_again(again *a, km_rows rows)
{
    for (int64_t i = 0; i < rows.count && a->catalogue->asked.where != NULL; i++) {
        const double truth = compute_again(a, a->catalogue->n_expressions, i);
        if (truth == 0 || !isfinite(truth))
            a->is_missing[i] = true;
    }
}

/* Compares ids of fixed size byte by byte. `first` is the first row, counted from the beginning of
 * the slab. */
static void compare_ids(again *a, km_rows rows, int64_t first, km_error *error)
{
    const km_ids *ids = &a->findings->ids;
    const int64_t c = a->catalogue->n_columns - 1;
    const km_field *field = &a->opened.values[c];
    const km_place *place = &a->columns[c].values;
    const hid_t type =
        km_h5_type_of_member(a->opened.sources[field->source].array.type, place->member, same_type);
    const size_t size = type >= 0 ? H5Tget_size(type) : 1;
    const size_t ahead =
        place->is_transposed ? 0 : (size_t)place->position * (size_t)field->size % size;
    bool are_same = read_elements(a, field, place, rows, type, error) == KM_OK;
    for (int64_t i = 0; i < rows.count && are_same; i++)
        are_same = memcmp(a->bytes + (size_t)i * size + ahead,
                          ids->bytes + (size_t)(first + i) * ids->size, (size_t)field->size) == 0;
    if (error->code == KM_OK && !are_same)
        km_fail(
            error, KM_INTERNAL,
            "verification FAILED (%s, %s, rows %lld to %lld): read again through serial HDF5, the "
            "ids are others; if nothing wrote to the file meanwhile, please report this with the "
            "command line",
            a->opened.path, place->dataset, (long long)rows.first,
            (long long)(rows.first + rows.count - 1));
    free(a->bytes);
    if (type >= 0)
        H5Tclose(type);
}

/* ---- a slab --------------------------------------------------------------------------------- */

/* Adds rows to the sum. `rows` are counted in the part; the first of them is row `row` of the
 * catalogue. */
static void fold_rows(again *a, km_rows rows, int64_t row, int64_t slab_first, km_error *error)
{
    for (int64_t i = 0; i < rows.count; i++) {
        a->hashes[i] = (uint64_t)(row + i);
        a->is_missing[i] = false;
    }
    read_inputs_again(a, rows, error);
    for (int64_t c = 0; c < km_first_input(a->catalogue) && error->code == KM_OK; c++)
        fold_column(a, c, rows, error);
    if (error->code == KM_OK)
        apply_condition_again(a, rows);
    if (a->catalogue->has_ids && !a->findings->ids.is_variable && error->code == KM_OK)
        compare_ids(a, rows, row - slab_first, error);
    for (int64_t i = 0; i < rows.count; i++)
        if (!a->is_missing[i])
            a->sum += a->hashes[i];
}

static void close_file_again(again *a)
{
    km_opened_close(&a->opened);
    free(a->columns);
    a->columns = NULL;
}

/* Chunks that are larger than the cache of HDF5 would be decoded again for each piece. */
static void cache_chunks(km_opened_file *opened)
{
    for (int64_t s = 0; s < opened->n_sources; s++) {
        km_source *source = &opened->sources[s];
        km_h5_cache_chunks(&source->array, opened->files[source->other], source->dataset);
    }
}

static void open_file_again(again *a, int64_t f, km_error *error)
{
    int64_t n_rows;
    hid_t file;
    close_file_again(a);
    a->file = f;
    a->columns = km_catalogue_columns_of(a->catalogue, f, &n_rows, &file, error);
    if (a->columns != NULL)
        km_opened_open(&a->opened, a->catalogue, a->catalogue->files[f].path, file, a->columns,
                       MPI_COMM_NULL, error);
    if (error->code == KM_OK)
        cache_chunks(&a->opened);
}

static void read_slab_again(again *a, km_rows slab, int64_t every, km_error *error)
{
    const km_file *files = a->catalogue->files;
    int64_t f = 0;
    a->file = -1;
    for (int64_t row = slab.first, end; row < slab.first + slab.count && error->code == KM_OK;
         row = end) {
        while (row >= files[f].first_row + files[f].n_rows)
            f++;
        end = row - row % PIECE + PIECE;
        end = end < slab.first + slab.count ? end : slab.first + slab.count;
        end =
            end < files[f].first_row + files[f].n_rows ? end : files[f].first_row + files[f].n_rows;
        if (!km_is_read_again(row, every))
            continue;
        if (a->file != f)
            open_file_again(a, f, error);
        if (error->code == KM_OK)
            fold_rows(a, (km_rows){row - files[f].first_row, end - row}, row, slab.first, error);
    }
}

km_code km_catalogue_read_again(const km_catalogue *catalogue, const km_findings *findings,
                                int64_t every, MPI_Comm comm, uint64_t *hash, km_error *error)
{
    again *a = km_allocate_zeroed(1, sizeof *a, "rows that are read again", error);
    if (a != NULL) {
        a->catalogue = catalogue;
        a->findings = findings;
        a->n_inputs = km_count_inputs(catalogue);
        a->inputs =
            km_allocate(PIECE * a->n_inputs, sizeof *a->inputs, "rows that are read again", error);
        read_slab_again(a, km_slab(catalogue->n_rows, km_comm_size(comm), km_comm_rank(comm)),
                        every, error);
        *hash = a->sum;
        close_file_again(a);
        free(a->inputs);
    }
    free(a);
    if (km_agree(comm, error) == KM_OK)
        km_sum_uint64(comm, hash, 1);
    return error->code;
}
