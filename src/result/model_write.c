/* Writes /model: all that is needed to label other rows as the rows of the fit were labelled. */
#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/precision.h"
#include "writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

uint64_t km_model_numbers_hash(const double *centers, const double *prices, const int64_t *numbers,
                               int64_t k, const km_transform *transform)
{
    const int64_t d = transform->n_features;
    uint64_t hash = km_hash_doubles((uint64_t)transform->exponent, centers, k * d);
    hash = km_hash_doubles(hash, transform->offset, d);
    hash = km_hash_doubles(hash, transform->factor, d);
    for (int64_t c = 0; c < (numbers != NULL ? k : 0); c++)
        hash = km_hash_double(hash, (double)numbers[c]);
    return prices != NULL ? km_hash_doubles(hash, prices, k) : hash;
}

/* How numbers of a file become values or missing values. */
static void put_model_treatment(km_writer *w, const km_record *record)
{
    const km_catalogue_name *asked = &record->catalogue->asked;
    const skymeans_answer *answer = record->answer;
    km_put_hash(w, "checksum",
                km_model_numbers_hash(answer->plain, answer->prices, answer->numbers,
                                      answer->plan.shape.n_clusters, &answer->transform));
    km_put_text(w, "precision", km_precision_name(record->answer->precision));
    km_put_int(w, "exponent", record->answer->transform.exponent);
    km_put_text(w, "scale", km_scaling_name(record->answer->transform.scaling));
    km_put_text(w, "missing", record->missing);
    km_put_int(w, "raw", asked->is_raw);
    km_put_int(w, "fill_is_missing", asked->fill_is_missing);
}

/* The values of --missing-value for features and for what these are computed from. The latter are
 * numbered behind the features. Returns how many there are. */
static int64_t list_missing_values(const km_catalogue *catalogue, int64_t *features, double *values)
{
    int64_t n = 0;
    for (int64_t m = 0; m < catalogue->n_missing_values; m++) {
        const int64_t c = catalogue->missing_values[m].column;
        if (c >= 0 && !catalogue->columns[c].makes_feature)
            continue;
        features[n] = c >= catalogue->n_features ? c - catalogue->has_weights : c;
        values[n++] = catalogue->missing_values[m].value;
    }
    return n;
}

/* The values of --missing-value as pairs of a feature's number (-1: all features) and a value.
 * `predict` adds those of the fit. */
static void put_missing_values(km_writer *w, const km_record *record, km_error *error)
{
    const km_catalogue *catalogue = record->catalogue;
    if (catalogue->n_missing_values == 0)
        return;
    const int64_t n_max = catalogue->n_missing_values;
    int64_t *features = km_allocate(n_max, sizeof *features, "missing values", error);
    double *values = km_allocate(n_max, sizeof *values, "missing values", error);
    const int64_t n = error->code == KM_OK ? list_missing_values(catalogue, features, values) : 0;
    if (n > 0) {
        km_writer_open(w, "model/missing_values");
        km_writer_close(w);
        km_put_list(w, "model/missing_values/feature", "missing value", H5T_NATIVE_INT64, n,
                    features);
        km_put_list(w, "model/missing_values/value", "missing value", H5T_NATIVE_DOUBLE, n, values);
    }
    free(features);
    free(values);
}

/* The names of the columns that computed features are made of, in their order. */
static void put_names_of_inputs(km_writer *w, const km_catalogue *catalogue, const char **texts,
                                km_error *error)
{
    int64_t n = 0;
    for (int64_t i = 0; i < km_count_inputs(catalogue); i++) {
        const km_column *input = &catalogue->columns[km_first_input(catalogue) + i];
        if (input->makes_feature)
            texts[n++] = input->name;
    }
    km_put_names(w, "model/inputs", "input", texts, n, error);
}

/* The expressions of computed features, empty for others; no dataset if none is computed. */
static void put_expressions(km_writer *w, const km_catalogue *catalogue, km_error *error)
{
    bool is_any = false;
    const char **texts =
        km_allocate(catalogue->n_columns, sizeof *texts, "expressions of the features", error);
    for (int64_t j = 0; j < catalogue->n_features && texts != NULL; j++) {
        const int64_t e = catalogue->columns[j].expression;
        texts[j] = e > 0 ? catalogue->expressions[e - 1].text : "";
        is_any = is_any || e > 0;
    }
    if (is_any && texts != NULL) {
        km_put_names(w, "model/expressions", "feature", texts, catalogue->n_features, error);
        put_names_of_inputs(w, catalogue, texts, error);
    }
    free(texts);
}

/* What the first file declares about the numbers of each feature, in words; no dataset if it
 * declares nothing. */
static void put_declared(km_writer *w, const km_catalogue *catalogue, km_error *error)
{
    enum { SIZE = 256 };
    const int64_t d = catalogue->n_features;
    bool is_any = false;
    char *padded = km_allocate_zeroed(d, SIZE, "conventions of the features", error);
    const char **texts = km_allocate(d, sizeof *texts, "conventions of the features", error);
    for (int64_t j = 0; j < d && error->code == KM_OK; j++) {
        km_convention_text(&catalogue->columns[j].convention, padded + j * SIZE, SIZE);
        texts[j] = padded + j * SIZE + strspn(padded + j * SIZE, ", ");
        is_any = is_any || texts[j][0] != '\0';
    }
    if (is_any && error->code == KM_OK)
        km_put_names(w, "model/declared", "feature", texts, d, error);
    free(texts);
    free(padded);
}

/* Centers are stored in the scaled units of the fit. Where these are so small that a center loses
 * bits, the working centers, by which rows were labelled, are stored beside them. */
static void put_centers(km_writer *w, const km_record *record, double *scratch)
{
    const int64_t k = record->answer->plan.shape.n_clusters, d = record->catalogue->n_features;
    const int exponent = record->answer->transform.exponent;
    const double *centers = record->answer->plain;
    bool is_exact = true;
    for (int64_t i = 0; i < k * d; i++) {
        scratch[i] = ldexp(centers[i], exponent);
        is_exact = is_exact && ldexp(scratch[i], -exponent) == centers[i];
    }
    km_put_matrix(w, "model/centers", k, d, scratch);
    if (!is_exact)
        km_put_matrix(w, "model/working_centers", k, d, centers);
}

void km_model_write(km_writer *w, const km_record *record, double *scratch, km_error *error)
{
    const km_transform *transform = &record->answer->transform;
    const int64_t d = record->catalogue->n_features;
    const int64_t k = record->answer->plan.shape.n_clusters;
    km_writer_open(w, "model");
    put_model_treatment(w, record);
    km_writer_close(w);
    put_centers(w, record, scratch);
    if (record->answer->prices != NULL)
        km_put_list(w, "model/prices", "cluster", H5T_NATIVE_DOUBLE, k, record->answer->prices);
    if (record->answer->numbers != NULL)
        km_put_list(w, "model/numbers", "cluster", H5T_NATIVE_INT64, k, record->answer->numbers);
    km_put_list(w, "model/offset", "feature", H5T_NATIVE_DOUBLE, d, transform->offset);
    km_put_list(w, "model/factor", "feature", H5T_NATIVE_DOUBLE, d, transform->factor);
    put_missing_values(w, record, error);
    put_expressions(w, record->catalogue, error);
    put_declared(w, record->catalogue, error);
}
