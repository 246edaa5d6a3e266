/* Reads a slab once more in another way, to verify the first reading: through serial HDF5, column
 * by column, in native types, and with the conventions applied number by number. Both ways share
 * what the file is said to hold (places and conventions), but not how it is read. */
#include "again.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Beside the cached chunks HDF5 needs the largest chunk as a filter makes it, and the buffer it is
 * made from, which grew by doubling. */
int64_t km_catalogue_again_bytes(const km_catalogue *catalogue)
{
    const km_reading *reading = &catalogue->reading;
    const int64_t largest_chunk = reading->thread_bytes / 2; /* see km_h5_decoding_bytes */
    const int64_t input_bytes = km_count_inputs(catalogue) * (int64_t)sizeof(double);
    return (int64_t)sizeof(km_again) + KM_READ_AGAIN_ROWS * (reading->row_bytes + 1 + input_bytes) +
           largest_chunk * 3 / 2 + reading->cache_bytes;
}

/* ---- a column ------------------------------------------------------------------------------- */

/* Reads what expressions need. */
static void read_inputs_again(km_again *a, km_rows rows, km_error *error)
{
    double values[KM_READ_AGAIN_ROWS];
    for (int64_t i = 0; i < a->n_inputs && error->code == KM_OK; i++) {
        if (km_again_read_values(a, km_first_input(a->catalogue) + i, rows, values, error) != KM_OK)
            return;
        for (int64_t row = 0; row < rows.count; row++)
            a->inputs[row * a->n_inputs + i] = values[row];
    }
}

/* Computes an expression, its number from 1, in the plainest way. */
static double compute_again(const km_again *a, int64_t expression, int64_t row)
{
    return km_expression_compute_row(&a->catalogue->expressions[expression - 1],
                                     a->inputs + row * a->n_inputs);
}

static void fold_column(km_again *a, int64_t c, km_rows rows, km_error *error)
{
    const bool is_feature = c < a->catalogue->n_features;
    const bool is_float = km_precision_of_column(a->catalogue, c) == KM_FLOAT32;
    const int64_t expression = a->catalogue->columns[c].expression;
    double values[KM_READ_AGAIN_ROWS];
    if (expression == 0 && km_again_read_values(a, c, rows, values, error) != KM_OK)
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
static void apply_condition_again(km_again *a, km_rows rows)
{
    for (int64_t i = 0; i < rows.count && a->catalogue->asked.where != NULL; i++) {
        const double truth = compute_again(a, a->catalogue->n_expressions, i);
        if (truth == 0 || !isfinite(truth))
            a->is_missing[i] = true;
    }
}

static hid_t same_type(hid_t type)
{
    return H5Tcopy(type);
}

/* Compares ids of fixed size byte by byte. `first` is the first row, counted from the beginning of
 * the slab. */
static void compare_ids(km_again *a, km_rows rows, int64_t first, km_error *error)
{
    const km_ids *ids = &a->findings->ids;
    const int64_t c = a->catalogue->n_columns - 1;
    const km_field *field = &a->opened.values[c];
    const km_place *place = &a->columns[c].values;
    const hid_t type =
        km_h5_type_of_member(a->opened.sources[field->source].array.type, place->member, same_type);
    const size_t size = type >= 0 ? H5Tget_size(type) : 0; /* 0: HDF5 failed */
    const size_t ahead = place->is_transposed || size == 0
                             ? 0
                             : (size_t)place->position * (size_t)field->size % size;
    bool are_same = km_again_read_elements(a, field, place, rows, type, error) == KM_OK;
    for (int64_t i = 0; i < rows.count && are_same; i++) {
        char *id = a->bytes + (size_t)i * (size == 1 ? (size_t)field->size : size) + ahead;
        km_id_remove_bias(field, id);
        are_same =
            memcmp(id, ids->bytes + (size_t)(first + i) * ids->size, (size_t)field->size) == 0;
    }
    if (error->code == KM_OK && !are_same)
        km_fail(
            error, KM_INTERNAL,
            "verification FAILED (%s, %s, rows %lld to %lld): read again through serial HDF5, the "
            "ids are others; if nothing wrote to the file meanwhile, please report this with the "
            "command line",
            a->opened.path, place->dataset, (long long)rows.first,
            (long long)(rows.first + rows.count - 1));
    if (type >= 0)
        H5Tclose(type);
}

/* ---- a slab --------------------------------------------------------------------------------- */

/* Adds rows to the sum. `rows` are counted in the part; the first of them is row `row` of the
 * catalogue. */
static void fold_rows(km_again *a, km_rows rows, int64_t row, int64_t slab_first, km_error *error)
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

static void close_file_again(km_again *a)
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

static void open_file_again(km_again *a, int64_t f, km_error *error)
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

static void read_slab_again(km_again *a, km_rows slab, int64_t every, km_error *error)
{
    const km_file *files = a->catalogue->files;
    int64_t f = 0;
    a->file = -1;
    for (int64_t row = slab.first, end; row < slab.first + slab.count && error->code == KM_OK;
         row = end) {
        while (row >= files[f].first_row + files[f].n_rows)
            f++;
        end = row - row % KM_READ_AGAIN_ROWS + KM_READ_AGAIN_ROWS;
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
    km_again *a = km_allocate_zeroed(1, sizeof *a, "rows that are read again", error);
    if (a != NULL) {
        a->catalogue = catalogue;
        a->findings = findings;
        a->n_inputs = km_count_inputs(catalogue);
        a->inputs = km_allocate(KM_READ_AGAIN_ROWS * a->n_inputs, sizeof *a->inputs,
                                "rows that are read again", error);
        read_slab_again(a, km_slab(catalogue->n_rows, km_comm_size(comm), km_comm_rank(comm)),
                        every, error);
        *hash = a->sum;
        close_file_again(a);
        free(a->bytes);
        free(a->inputs);
    }
    free(a);
    if (km_agree(comm, error) == KM_OK)
        km_sum_uint64(comm, hash, 1);
    return error->code;
}
