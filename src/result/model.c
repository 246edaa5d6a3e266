/* Reads the model from the result of a fit, to label other rows with it. Rank 0 reads the file and
 * broadcasts the model. */
#include "base/arithmetic.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "result/result.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static km_code not_a_result(const char *path, const char *why, km_error *error)
{
    return km_fail(error, KM_DATA,
                   "not a result of a fit (%s): %s; name the file that skymeans fit wrote with -o",
                   path, why);
}

/* All values of a dataset, which must have this shape and numbers of 64 bits. */
static bool read_model_array(hid_t file, const char *name, int64_t rows, int64_t columns,
                             double *values)
{
    km_h5_array array;
    km_error why = {0};
    if (km_h5_open_array(file, name, &array, &why) != KM_OK)
        return false;
    const bool is_read =
        (H5Tget_class(array.type) == H5T_FLOAT || H5Tget_class(array.type) == H5T_INTEGER) &&
        H5Tget_size(array.type) == sizeof(double) && array.n_rows == rows &&
        array.n_columns == columns &&
        km_h5_read_rows(&array, (km_rows){0, rows}, 0, columns, array.type, values, &why) ==
            KM_OK &&
        km_h5_convert(array.type, KM_FLOAT64, rows * columns, values, &why) == KM_OK;
    km_h5_close_array(&array);
    return is_read;
}

/* The limit of what a fit writes. */
enum { MAX_FEATURES = 1 << 17 };

static bool find_model_shape(km_model *model, hid_t file)
{
    km_h5_array centers;
    km_error why = {0};
    if (H5Lexists(file, "model", H5P_DEFAULT) <= 0 ||
        H5Lexists(file, "model/centers", H5P_DEFAULT) <= 0 ||
        km_h5_open_array(file, "model/centers", &centers, &why) != KM_OK)
        return false;
    model->n_clusters = centers.n_rows;
    model->n_features = centers.n_columns;
    const bool has_values = H5Dget_storage_size(centers.dataset) > 0;
    km_h5_close_array(&centers);
    model->has_prices = H5Lexists(file, "model/prices", H5P_DEFAULT) > 0;
    model->has_numbers = H5Lexists(file, "model/numbers", H5P_DEFAULT) > 0;
    return has_values && model->n_clusters > 0 && model->n_clusters <= INT32_MAX &&
           model->n_features > 0 && model->n_features <= MAX_FEATURES;
}

static km_code allocate_model(km_model *model, km_error *error)
{
    const int64_t k = model->n_clusters, d = model->n_features;
    const char *what = "centers of the fit";
    model->centers = km_allocate(k * d, sizeof *model->centers, what, error);
    if (model->has_prices)
        model->prices = km_allocate(k, sizeof *model->prices, what, error);
    if (model->has_numbers)
        model->numbers = km_allocate(k, sizeof *model->numbers, what, error);
    model->transform.n_features = d;
    model->transform.offset = km_allocate(2 * d, sizeof(double), what, error);
    model->names = km_allocate_zeroed(d, KM_NAME_SIZE, what, error);
    model->units = km_allocate_zeroed(d, KM_UNITS_SIZE, what, error);
    if (error->code == KM_OK)
        model->transform.factor = model->transform.offset + d;
    return error->code;
}

/* ---- attributes ------------------------------------------------------------------------------ */

/* True or false; false if it is missing, as in results of versions without this option. */
static bool read_flag(hid_t object, const char *name)
{
    double value = 0;
    return km_h5_read_number(object, name, &value) && value != 0;
}

/* The exponent is a whole number within the range of doubles. */
static bool read_exponent(hid_t group, int *exponent)
{
    double value;
    if (!km_h5_read_number(group, "exponent", &value) || !(fabs(value) <= KM_MAX_EXPONENT) ||
        value != floor(value))
        return false;
    *exponent = (int)value;
    return true;
}

/* Results of older versions have no such attribute; their offsets and factors say all there is. */
static bool read_scaling(hid_t group, km_scaling *scaling)
{
    char text[16];
    km_h5_read_text(group, "scale", text, sizeof text);
    *scaling = KM_SCALE_NONE;
    return text[0] == '\0' || km_scaling_find(text, scaling);
}

static bool read_precision(hid_t group, km_precision *precision)
{
    char text[16];
    km_h5_read_text(group, "precision", text, sizeof text);
    *precision = strcmp(text, "float32") == 0 ? KM_FLOAT32 : KM_FLOAT64;
    return strcmp(text, km_precision_name(*precision)) == 0;
}

static bool read_attributes(km_model *model, hid_t file)
{
    const hid_t group = H5Gopen2(file, "model", H5P_DEFAULT);
    const hid_t centers = H5Dopen2(file, "centers", H5P_DEFAULT);
    bool is_read = group >= 0 && centers >= 0;
    if (is_read) {
        km_h5_read_text(file, "checksum", model->checksum, sizeof model->checksum);
        model->is_raw = read_flag(group, "raw");
        model->fill_is_missing = read_flag(group, "fill_is_missing");
        is_read =
            read_precision(group, &model->precision) &&
            read_scaling(group, &model->transform.scaling) &&
            read_exponent(group, &model->transform.exponent) &&
            km_h5_read_text_list(centers, "features", model->n_features, KM_NAME_SIZE,
                                 model->names) &&
            km_h5_read_text_list(centers, "units", model->n_features, KM_UNITS_SIZE, model->units);
    }
    if (group >= 0)
        H5Gclose(group);
    if (centers >= 0)
        H5Dclose(centers);
    return is_read;
}

/* ---- missing values -------------------------------------------------------------------------- */

/* The number of missing values; -1 if it can't be right. */
static int64_t count_missing_values(const km_model *model, hid_t file)
{
    km_h5_array values;
    km_error why = {0};
    if (H5Lexists(file, "model/missing_values", H5P_DEFAULT) <= 0)
        return 0;
    if (km_h5_open_array(file, "model/missing_values/value", &values, &why) != KM_OK)
        return -1;
    const int64_t count = values.n_rows;
    km_h5_close_array(&values);
    return count <= KM_MAX_MISSING_VALUES * model->n_features ? count : -1;
}

static bool fill_missing_values(km_model *model, const double *features, const double *values)
{
    const int64_t max_inputs = model->expressions_size * model->n_features; /* one per character */
    for (int64_t m = 0; m < model->n_missing_values; m++) {
        const double feature = features[m];
        if (!(feature >= -1 && feature < (double)(model->n_features + max_inputs)) ||
            feature != floor(feature) || !isfinite(values[m]))
            return false;
        model->missing_values[m] = (km_missing_value){(int64_t)feature, values[m]};
    }
    return true;
}

static bool read_missing_values(km_model *model, hid_t file, km_error *error)
{
    const int64_t n = count_missing_values(model, file);
    if (n <= 0)
        return n == 0;
    const char *what = "missing values of the fit";
    double *features = km_allocate(n, sizeof *features, what, error);
    double *values = km_allocate(n, sizeof *values, what, error);
    model->missing_values = km_allocate(n, sizeof *model->missing_values, what, error);
    model->n_missing_values = n;
    const bool is_read = error->code == KM_OK &&
                         read_model_array(file, "model/missing_values/feature", n, 1, features) &&
                         read_model_array(file, "model/missing_values/value", n, 1, values) &&
                         fill_missing_values(model, features, values);
    free(features);
    free(values);
    return is_read;
}

/* Reads the expressions of computed features, if there are any. */
static bool read_expressions(km_model *model, hid_t file, km_error *error)
{
    int64_t count = 0;
    size_t size = 0;
    if (H5Lexists(file, "model/expressions", H5P_DEFAULT) <= 0)
        return true;
    model->expressions = km_h5_read_texts(file, "model/expressions", &count, &size, error);
    model->expressions_size = (int64_t)size;
    return model->expressions != NULL && count == model->n_features &&
           size <= KM_EXPRESSION_SIZE + 1;
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* Refuses numbers that no fit has written: all are finite and larger than `above`. */
static bool check_model_numbers(const char *path, const char *name, const double *values,
                                int64_t rows, int64_t columns, double above, km_error *error)
{
    for (int64_t i = 0; i < rows * columns; i++)
        if (!isfinite(values[i]) || !(values[i] > above)) {
            km_fail(error, KM_DATA,
                    "bad number in the model (%s, /model/%s, feature %lld): it is %g, which no fit "
                    "has; name another result, or run the fit again",
                    path, name, (long long)(i % columns), values[i]);
            return false;
        }
    return true;
}

/* Turns the centers into working values, as is done with samples; or reads the working values from
 * the file, where they stand if the centers had lost bits. See put_centers in model_write.c. */
static bool read_working_centers(km_model *model, hid_t file)
{
    const int64_t n = model->n_clusters * model->n_features;
    const km_power p = km_power_of_two(-model->transform.exponent);
    if (H5Lexists(file, "model/working_centers", H5P_DEFAULT) > 0)
        return read_model_array(file, "model/working_centers", model->n_clusters, model->n_features,
                                model->centers);
    for (int64_t i = 0; i < n; i++)
        model->centers[i] = model->centers[i] * p.a * p.b;
    return true;
}

/* Results of older versions have none, whatever their order. */
static bool read_numbers(km_model *model, hid_t file, km_error *error)
{
    const int64_t k = model->n_clusters;
    if (!model->has_numbers)
        return true;
    double *values = km_allocate(k, sizeof *values, "numbers of clusters", error);
    bool are_whole = values != NULL && read_model_array(file, "model/numbers", k, 1, values);
    for (int64_t c = 0; c < k && are_whole; c++) {
        are_whole = values[c] >= 0 && values[c] < (double)k && values[c] == floor(values[c]);
        model->numbers[c] = are_whole ? (int64_t)values[c] : 0;
    }
    free(values);
    return are_whole && km_is_order(model->numbers, k, error);
}

/* Are the numbers those that were written? Results of older versions can't tell. */
static bool has_its_hash(const km_model *model, hid_t file)
{
    char found[20], expected[20];
    const hid_t group = H5Gopen2(file, "model", H5P_DEFAULT);
    km_h5_read_text(group, "checksum", found, sizeof found);
    H5Gclose(group);
    snprintf(expected, sizeof expected, "%016llx",
             (unsigned long long)km_model_numbers_hash(model->centers, model->prices,
                                                       model->numbers, model->n_clusters,
                                                       &model->transform));
    return found[0] == '\0' || strcmp(found, expected) == 0;
}

/* Replaces the centers by those of another number of clusters that the fit compared. They are in
 * the units of the features. */
static km_code read_centers_of(km_model *model, const char *path, hid_t file, int64_t n_clusters,
                               km_error *error)
{
    char name[64];
    const int64_t d = model->n_features;
    if (n_clusters == model->n_clusters)
        return KM_OK;
    snprintf(name, sizeof name, "choice/centers/%lld", (long long)n_clusters);
    if (H5Lexists(file, "choice", H5P_DEFAULT) <= 0 ||
        H5Lexists(file, "choice/centers", H5P_DEFAULT) <= 0 ||
        H5Lexists(file, name, H5P_DEFAULT) <= 0)
        return km_fail(error, KM_DATA,
                       "no such centers (%s, %lld clusters): the fit was of %lld clusters, or of "
                       "others than these; skymeans info lists those it has",
                       path, (long long)n_clusters, (long long)model->n_clusters);
    double *centers = km_allocate(n_clusters * d, sizeof *centers, "centers of the fit", error);
    if (centers == NULL)
        return error->code;
    free(model->centers);
    free(model->numbers); /* they are of the clusters that were kept */
    model->centers = centers;
    model->numbers = NULL;
    model->has_numbers = false;
    model->n_clusters = n_clusters;
    if (!read_model_array(file, name, n_clusters, d, centers))
        return not_a_result(path, "its /choice is damaged", error);
    km_transform_centers(&model->transform, centers, n_clusters);
    check_model_numbers(path, "centers", centers, n_clusters, d, -INFINITY, error);
    return error->code;
}

static km_code read_model_file(km_model *model, const char *path, hid_t file, km_error *error)
{
    const km_transform *transform = &model->transform;
    if (!find_model_shape(model, file))
        return not_a_result(path, "it has no /model with centers", error);
    if (allocate_model(model, error) != KM_OK)
        return error->code;
    const int64_t k = model->n_clusters, d = model->n_features;
    const char *damaged = "its /model or /centers is damaged";
    if (!read_model_array(file, "model/centers", k, d, model->centers) ||
        !read_model_array(file, "model/offset", d, 1, transform->offset) ||
        !read_model_array(file, "model/factor", d, 1, transform->factor) ||
        (model->has_prices && !read_model_array(file, "model/prices", k, 1, model->prices)) ||
        !read_attributes(model, file) || km_fault("read the model"))
        return not_a_result(path, damaged, error);
    if (!check_model_numbers(path, "centers", model->centers, k, d, -INFINITY, error) ||
        !check_model_numbers(path, "offset", transform->offset, 1, d, -INFINITY, error) ||
        !check_model_numbers(path, "factor", transform->factor, 1, d, 0, error))
        return error->code;
    if (model->has_prices &&
        !check_model_numbers(path, "prices", model->prices, k, 1, -DBL_TRUE_MIN, error))
        return error->code;
    if (!read_numbers(model, file, error) || !read_working_centers(model, file) ||
        !has_its_hash(model, file) || !read_expressions(model, file, error) ||
        !read_missing_values(model, file, error))
        return error->code == KM_OK ? not_a_result(path, damaged, error) : error->code;
    check_model_numbers(path, "working_centers", model->centers, k, d, -INFINITY, error);
    return error->code;
}

/* ---- all ranks ------------------------------------------------------------------------------- */

/* Gives all ranks what rank 0 has read. */
static km_code share_model(km_model *model, MPI_Comm comm, km_error *error)
{
    const km_model own = *model;
    km_broadcast(comm, 0, model, sizeof *model);
    if (km_comm_rank(comm) > 0) {
        allocate_model(model, error);
        model->missing_values = km_allocate(model->n_missing_values, sizeof *model->missing_values,
                                            "missing values of the fit", error);
        model->expressions = km_allocate(model->n_features, (size_t)model->expressions_size,
                                         "expressions of the fit", error);
    } else {
        *model = own;
    }
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    const int64_t d = model->n_features, number = sizeof(double);
    km_broadcast(comm, 0, model->centers, model->n_clusters * d * number);
    if (model->has_prices)
        km_broadcast(comm, 0, model->prices, model->n_clusters * number);
    if (model->has_numbers)
        km_broadcast(comm, 0, model->numbers, model->n_clusters * number);
    km_broadcast(comm, 0, model->transform.offset, 2 * d * number);
    km_broadcast(comm, 0, model->names, d * KM_NAME_SIZE);
    km_broadcast(comm, 0, model->units, d * KM_UNITS_SIZE);
    km_broadcast(comm, 0, model->expressions, d * model->expressions_size);
    km_broadcast(comm, 0, model->missing_values,
                 model->n_missing_values * (int64_t)sizeof *model->missing_values);
    return KM_OK;
}

km_code km_model_read(km_model *model, const char *path, int64_t n_clusters, MPI_Comm comm,
                      km_error *error)
{
    hid_t file = H5I_INVALID_HID;
    memset(model, 0, sizeof *model); /* its padding is broadcast, too */
    if (km_comm_rank(comm) == 0 && km_h5_open(path, &file, error) == KM_OK &&
        read_model_file(model, path, file, error) == KM_OK && n_clusters > 0)
        read_centers_of(model, path, file, n_clusters, error);
    if (file >= 0)
        H5Fclose(file);
    return km_agree(comm, error) == KM_OK ? share_model(model, comm, error) : error->code;
}

void km_model_free(km_model *model)
{
    free(model->centers);
    free(model->prices);
    free(model->numbers);
    free(model->names);
    free(model->units);
    free(model->missing_values);
    free(model->expressions);
    km_transform_free(&model->transform);
    *model = (km_model){0};
}
