/* Reading what a fit left, to label other rows with it. One rank reads; all get it. */
#include "skymeans/result.h"

#include <stdlib.h>
#include <string.h>

static km_code is_no_result(const char *path, const char *why, km_error *error)
{
    return km_fail(error, KM_DATA,
                   "not a result of a fit (%s): %s; name the file that skymeans fit wrote with -o",
                   path, why);
}

/* All values of a dataset of this shape. */
static bool read_array(hid_t file, const char *name, int64_t rows, int64_t columns, double *values)
{
    km_h5_array array;
    km_error why = {0};
    if (km_h5_open_array(file, name, &array, &why) != KM_OK)
        return false;
    const bool is_read =
        H5Tget_class(array.type) == H5T_FLOAT && H5Tget_size(array.type) == sizeof(double) &&
        array.n_rows == rows && array.n_columns == columns &&
        km_h5_read_rows(&array, (km_rows){0, rows}, 0, columns, array.type, values, &why) ==
            KM_OK &&
        km_h5_convert(array.type, KM_FLOAT64, rows * columns, values, &why) == KM_OK;
    km_h5_close_array(&array);
    return is_read;
}

static bool find_shape(km_model *model, hid_t file)
{
    km_h5_array centers;
    km_error why = {0};
    if (H5Lexists(file, "model", H5P_DEFAULT) <= 0 ||
        H5Lexists(file, "model/centers", H5P_DEFAULT) <= 0 ||
        km_h5_open_array(file, "model/centers", &centers, &why) != KM_OK)
        return false;
    model->n_clusters = centers.n_rows;
    model->n_features = centers.n_columns;
    km_h5_close_array(&centers);
    return model->n_clusters > 0 && model->n_clusters <= INT32_MAX && model->n_features > 0 &&
           model->n_features <= INT32_MAX;
}

static km_code make_room(km_model *model, km_error *error)
{
    const int64_t k = model->n_clusters, d = model->n_features;
    const char *what = "centers of the fit";
    model->centers = km_allocate(k * d, sizeof *model->centers, what, error);
    model->transform.n_features = d;
    model->transform.offset = km_allocate(2 * d, sizeof(double), what, error);
    model->names = km_allocate_zeroed(d, KM_NAME_SIZE, what, error);
    model->units = km_allocate_zeroed(d, KM_UNITS_SIZE, what, error);
    if (error->code == KM_OK)
        model->transform.factor = model->transform.offset + d;
    return error->code;
}

static bool read_attributes(km_model *model, hid_t file)
{
    char precision[16];
    double exponent = 0;
    const hid_t group = H5Gopen2(file, "model", H5P_DEFAULT);
    const hid_t centers = H5Dopen2(file, "centers", H5P_DEFAULT);
    bool is_read = group >= 0 && centers >= 0;
    if (is_read) {
        km_h5_read_text(group, "precision", precision, sizeof precision);
        km_h5_read_text(file, "checksum", model->checksum, sizeof model->checksum);
        model->precision = strcmp(precision, "float32") == 0 ? KM_FLOAT32 : KM_FLOAT64;
        is_read =
            strcmp(precision, km_precision_name(model->precision)) == 0 &&
            km_h5_read_number(group, "exponent", &exponent) && exponent > -5000 &&
            exponent < 5000 &&
            km_h5_read_text_list(centers, "features", model->n_features, KM_NAME_SIZE,
                                 model->names) &&
            km_h5_read_text_list(centers, "units", model->n_features, KM_UNITS_SIZE, model->units);
    }
    model->transform.exponent = (int)exponent;
    if (group >= 0)
        H5Gclose(group);
    if (centers >= 0)
        H5Dclose(centers);
    return is_read;
}

static km_code read_file(km_model *model, const char *path, hid_t file, km_error *error)
{
    if (!find_shape(model, file))
        return is_no_result(path, "it has no /model with centers", error);
    if (make_room(model, error) != KM_OK)
        return error->code;
    const int64_t k = model->n_clusters, d = model->n_features;
    if (!read_array(file, "model/centers", k, d, model->centers) ||
        !read_array(file, "model/offset", d, 1, model->transform.offset) ||
        !read_array(file, "model/factor", d, 1, model->transform.factor) ||
        !read_attributes(model, file) || km_fault("read the model"))
        return is_no_result(path, "its /model or /centers is damaged", error);
    /* They are stored in the space of the fit. */
    const km_power p = km_power_of_two(-model->transform.exponent);
    for (int64_t i = 0; i < k * d; i++)
        model->centers[i] *= p.a * p.b;
    return KM_OK;
}

km_code km_model_read(km_model *model, const char *path, MPI_Comm comm, km_error *error)
{
    hid_t file = H5I_INVALID_HID;
    *model = (km_model){0};
    if (km_comm_rank(comm) == 0 && km_h5_open(path, MPI_COMM_NULL, &file, error) == KM_OK)
        read_file(model, path, file, error);
    if (file >= 0)
        H5Fclose(file);
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    km_model first = *model;
    km_broadcast(comm, 0, &first, sizeof first);
    if (km_comm_rank(comm) > 0) {
        model->n_clusters = first.n_clusters;
        model->n_features = first.n_features;
        model->precision = first.precision;
        memcpy(model->checksum, first.checksum, sizeof first.checksum);
        make_room(model, error);
        model->transform.exponent = first.transform.exponent;
    }
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    const int64_t d = model->n_features, number = sizeof(double);
    km_broadcast(comm, 0, model->centers, model->n_clusters * d * number);
    km_broadcast(comm, 0, model->transform.offset, 2 * d * number);
    km_broadcast(comm, 0, model->names, d * KM_NAME_SIZE);
    km_broadcast(comm, 0, model->units, d * KM_UNITS_SIZE);
    return KM_OK;
}

void km_model_free(km_model *model)
{
    free(model->centers);
    free(model->names);
    free(model->units);
    km_transform_free(&model->transform);
    *model = (km_model){0};
}
