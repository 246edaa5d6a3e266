/* Reads from a result what it says of its rows, to verify it. Every rank reads the file by itself.
 */
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "result/result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_VALUES = 1 << 16 };
static const double MAX_COUNT = 0x1p53; /* whole numbers are doubles up to here */

static km_code bad_result(const char *path, const char *what, const char *why, km_error *error)
{
    return km_fail(error, KM_DATA, "not a whole result (%s, %s): %s; copy it again", path, what,
                   why);
}

/* ---- arrays ---------------------------------------------------------------------------------- */

/* Takes numbers of an array, from number `first` on, to where they belong. False if one can't be
 * right. */
typedef bool taker(void *to, int64_t first, int64_t count, const double *numbers, double limit);

static bool take_doubles(void *to, int64_t first, int64_t count, const double *numbers,
                         double limit)
{
    (void)limit;
    memcpy((double *)to + first, numbers, (size_t)count * sizeof *numbers);
    return true;
}

static bool take_counts(void *to, int64_t first, int64_t count, const double *numbers, double limit)
{
    int64_t *counts = (int64_t *)to + first;
    for (int64_t i = 0; i < count; i++) {
        if (!(numbers[i] >= 0 && numbers[i] <= limit) || numbers[i] != floor(numbers[i]))
            return false;
        counts[i] = (int64_t)numbers[i];
    }
    return true;
}

static bool take_labels(void *to, int64_t first, int64_t count, const double *numbers, double limit)
{
    int32_t *labels = (int32_t *)to + first;
    for (int64_t i = 0; i < count; i++) {
        if (!(numbers[i] >= -1 && numbers[i] < limit) || numbers[i] != floor(numbers[i]))
            return false;
        labels[i] = (int32_t)numbers[i];
    }
    return true;
}

/* An array that is read: its shape, some of its rows, and what becomes of their numbers. */
typedef struct wanted {
    const char *name;
    int64_t n_rows, n_columns;
    km_rows rows;
    taker *take;
    double limit;
    void *to;
} wanted;

static void read_wanted_rows(const wanted *w, const char *path, const km_h5_array *array,
                             km_error *error)
{
    const int64_t left_of = w->n_columns < PIECE_VALUES ? PIECE_VALUES / w->n_columns : 1;
    const int64_t piece_rows = left_of < w->rows.count ? left_of : w->rows.count;
    km_error why = {0};
    void *numbers = km_allocate(piece_rows * w->n_columns,
                                km_h5_value_size(array->type, KM_FLOAT64), "a result", error);
    for (int64_t done = 0; done < w->rows.count && error->code == KM_OK; done += piece_rows) {
        const int64_t left = w->rows.count - done;
        const km_rows rows = {w->rows.first + done, left < piece_rows ? left : piece_rows};
        const int64_t count = rows.count * w->n_columns;
        if (km_h5_read_rows(array, rows, 0, w->n_columns, array->type, numbers, &why) != KM_OK ||
            km_h5_convert(array->type, KM_FLOAT64, count, numbers, &why) != KM_OK)
            km_fail(error, why.code, "can't read the result (%s, %s): %s; copy it again", path,
                    w->name, why.text);
        else if (!w->take(w->to, done * w->n_columns, count, numbers, w->limit))
            bad_result(path, w->name, "it has numbers that no run writes", error);
    }
    free(numbers);
}

static void read_wanted(const wanted *w, const char *path, hid_t file, km_error *error)
{
    km_h5_array array;
    km_error why = {0};
    if (error->code != KM_OK)
        return;
    if (H5Lexists(file, w->name, H5P_DEFAULT) <= 0 ||
        km_h5_open_array(file, w->name, &array, &why) != KM_OK) {
        bad_result(path, w->name, why.code != KM_OK ? why.text : "it is not there", error);
        return;
    }
    if (array.n_rows != w->n_rows || array.n_columns != w->n_columns)
        bad_result(path, w->name, "it has another shape than the rest of the result", error);
    else
        read_wanted_rows(w, path, &array, error);
    km_h5_close_array(&array);
}

/* ---- attributes ------------------------------------------------------------------------------ */

static bool read_count(hid_t file, const char *name, int64_t *count)
{
    double value;
    if (!km_h5_read_number(file, name, &value) || !(value >= 0 && value <= MAX_COUNT))
        return false;
    *count = (int64_t)value;
    return true;
}

static bool read_hash_text(hid_t object, const char *name, uint64_t *hash)
{
    char text[24];
    unsigned long long value;
    int length = 0;
    km_h5_read_text(object, name, text, sizeof text);
    if (sscanf(text, "%16llx%n", &value, &length) != 1 || length != 16 || text[length] != '\0')
        return false;
    *hash = value;
    return true;
}

/* Attributes of the file; false if it lacks one. */
static bool read_summary(km_recorded *r, hid_t file)
{
    char reason[32];
    r->is_fit = km_h5_read_number(file, "inertia", &r->inertia);
    r->is_renumbered = H5Aexists(file, "order_by") > 0;
    r->is_sky = H5Lexists(file, "sky", H5P_DEFAULT) > 0;
    km_h5_read_text(file, "stop_reason", reason, sizeof reason);
    r->has_settled = strcmp(reason, km_stop_name(KM_STOP_NO_CHANGE)) == 0;
    return read_count(file, "n_rows", &r->n_rows) && read_count(file, "n_used", &r->n_used) &&
           read_count(file, "n_missing", &r->n_missing) &&
           read_count(file, "n_excluded", &r->n_excluded) &&
           read_count(file, "n_undecided", &r->n_undecided) &&
           read_hash_text(file, "checksum", &r->checksum);
}

/* The values of --missing-value, as they were given. */
static bool read_asked_missing(km_recorded *r, hid_t provenance, km_error *error)
{
    r->n_missing_values = km_h5_count_attribute(provenance, "missing_values");
    if (r->n_missing_values == 0)
        return true;
    if (r->n_missing_values > KM_MAX_MISSING_VALUES)
        return false;
    r->missing_values = km_allocate(r->n_missing_values, KM_RECORDED_TEXT_SIZE, "a result", error);
    return r->missing_values != NULL &&
           km_h5_read_text_list(provenance, "missing_values", r->n_missing_values,
                                KM_RECORDED_TEXT_SIZE, r->missing_values);
}

/* Which rows and weights it was asked for, and of which values. */
static bool read_asked(km_recorded *r, hid_t file, km_error *error)
{
    double number = 0;
    const hid_t provenance = H5Oopen(file, "provenance", H5P_DEFAULT);
    if (provenance < 0)
        return false;
    const bool is_read = read_hash_text(provenance, "features_checksum", &r->features_hash) &&
                         read_asked_missing(r, provenance, error);
    km_h5_read_text(provenance, "fingerprint", r->fingerprint, sizeof r->fingerprint);
    r->is_transposed = km_h5_read_number(provenance, "transposed", &number) && number != 0;
    r->table = km_h5_read_long_text(provenance, "dataset", error);
    r->where = km_h5_read_long_text(provenance, "where", error);
    r->weights = km_h5_read_long_text(provenance, "weights", error);
    H5Oclose(provenance);
    return is_read;
}

/* ---- the file -------------------------------------------------------------------------------- */

static void read_arrays(km_recorded *r, const char *path, const km_model *model, km_rows slab,
                        hid_t file, km_error *error)
{
    const int64_t k = model->n_clusters, d = model->n_features;
    r->centers = km_allocate(k * d, sizeof *r->centers, "a result", error);
    r->sizes = km_allocate(k, sizeof *r->sizes, "a result", error);
    r->missing = km_allocate(d, sizeof *r->missing, "a result", error);
    r->labels = km_allocate_large(slab.count, sizeof *r->labels, "labels", error);
    if (r->is_fit)
        r->cluster_weights = km_allocate(k, sizeof *r->cluster_weights, "a result", error);
    const wanted all[] = {
        {"centers", k, d, {0, k}, take_doubles, 0, r->centers},
        {"sizes", k, 1, {0, k}, take_counts, MAX_COUNT, r->sizes},
        {"missing", d, 1, {0, d}, take_counts, MAX_COUNT, r->missing},
        {"labels", r->n_rows, 1, slab, take_labels, (double)k, r->labels},
        {"weights", k, 1, {0, k}, take_doubles, 0, r->cluster_weights},
    };
    for (int i = 0; i < (r->is_fit ? 5 : 4); i++)
        read_wanted(&all[i], path, file, error);
}

km_code km_recorded_read(km_recorded *recorded, const char *path, const km_model *model,
                         MPI_Comm comm, km_error *error)
{
    hid_t file = H5I_INVALID_HID;
    *recorded = (km_recorded){0};
    if (km_h5_open(path, &file, error) == KM_OK) {
        if (!read_summary(recorded, file) || !read_asked(recorded, file, error))
            bad_result(path, "attributes", "it lacks some that every result has", error);
        if (error->code == KM_OK)
            read_arrays(recorded, path, model,
                        km_slab(recorded->n_rows, km_comm_size(comm), km_comm_rank(comm)), file,
                        error);
        H5Fclose(file);
    }
    return km_agree(comm, error);
}

void km_recorded_free(km_recorded *recorded)
{
    free(recorded->table);
    free(recorded->where);
    free(recorded->weights);
    free(recorded->missing_values);
    free(recorded->missing);
    free(recorded->centers);
    free(recorded->sizes);
    free(recorded->cluster_weights);
    km_free_large(recorded->labels);
    *recorded = (km_recorded){0};
}
