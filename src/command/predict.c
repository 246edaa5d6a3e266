/* The steps of `predict`, which labels the rows of a catalogue with the centers of a fit. */
#include "base/error.h"
#include "base/memory.h"
#include "base/timers.h"
#include "command/command.h"
#include "process/log.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The settings of the fit that decide about labels hold for `predict`, too. */
km_code km_read_model(km_story *s)
{
    if (km_model_read(&s->model, s->options.model, s->options.predicted, s->comm, &s->error) !=
        KM_OK)
        return s->error.code;
    if (s->options.outputs.has_second && s->model.has_prices)
        return km_fail(&s->error, KM_USAGE,
                       "contradiction (--second, %s): its clusters are of equal size, and rows may "
                       "have another center nearest; leave --second out",
                       s->options.model);
    s->options.problem.n_clusters = s->model.n_clusters;
    s->options.inputs.is_raw = s->model.is_raw;
    s->options.inputs.fill_is_missing = s->model.fill_is_missing;
    return KM_OK;
}

static const char *name_of_feature(const km_story *s, int64_t j)
{
    return s->model.names + (size_t)j * KM_NAME_SIZE;
}

/* The expression that a feature of the fit was computed by, or an empty text. */
static const char *expression_of_feature(const km_story *s, int64_t j)
{
    return s->model.expressions_size > 0 ? s->model.expressions + j * s->model.expressions_size
                                         : "";
}

/* Are the features of the fit columns of an array, whose names are numbers? */
static bool has_numbers_for_names(const km_story *s)
{
    if (s->model.expressions_size > 0) /* which say themselves what they need */
        return true;
    for (int64_t j = 0; j < s->model.n_features; j++)
        if (name_of_feature(s, j)[strspn(name_of_feature(s, j), "0123456789")] != '\0')
            return false;
    return true;
}

static void warn_of_units_of_fit(const km_story *s)
{
    for (int64_t j = 0; j < s->model.n_features; j++) {
        const char *fitted = s->model.units + (size_t)j * KM_UNITS_SIZE;
        const char *now = s->catalogue.columns[j].units;
        if (fitted[0] != '\0' && now[0] != '\0' && strcmp(fitted, now) != 0)
            km_warn(&s->log,
                    "other units (%s, column %s): %s, and %s in the fit; values are taken as they "
                    "are, so convert them before",
                    s->catalogue.path, s->catalogue.names[j], now, fitted);
    }
}

/* Gives the columns the names of the fit's features, in the same order. Columns of an array have no
 * names, so that nothing but their number can be checked. */
static km_code take_names_of_fit(km_story *s)
{
    if (s->catalogue.n_features != s->model.n_features)
        return km_fail(&s->error, KM_DATA,
                       "wrong number of features (%s, %s): the array has %lld columns, and the fit "
                       "%lld features; choose another dataset with -d",
                       s->catalogue.path, s->catalogue.table, (long long)s->catalogue.n_features,
                       (long long)s->model.n_features);
    if (s->catalogue.is_array && !has_numbers_for_names(s))
        km_warn(&s->log,
                "no names (%s, %s): the array's columns are taken for the features of the fit in "
                "their order; check that it is the same",
                s->catalogue.path, s->catalogue.table);
    for (int64_t j = 0; j < s->model.n_features; j++)
        s->catalogue.names[j] = name_of_feature(s, j);
    warn_of_units_of_fit(s);
    return KM_OK;
}

/* A missing value of the fit. The model counts inputs of expressions from the features on; weights,
 * which `verify` has, come between them. */
static km_missing_value missing_value_of_fit(km_story *s, int64_t m)
{
    km_missing_value missing = s->model.missing_values[m];
    if (missing.column >= s->model.n_features + km_count_inputs(&s->catalogue))
        km_fail(&s->error, KM_DATA,
                "not a result of a fit (%s): %s; name the file that skymeans fit wrote with -o",
                s->options.model, "its /model has missing values of columns that it does not read");
    if (missing.column >= s->model.n_features)
        missing.column += s->catalogue.has_weights;
    return missing;
}

/* Adds the missing values of the fit to those of --missing-value. */
static km_code add_missing_values(km_story *s)
{
    km_catalogue *catalogue = &s->catalogue;
    const int64_t own = catalogue->n_missing_values, fitted = s->model.n_missing_values;
    const size_t size = sizeof(km_missing_value);
    km_missing_value *both = km_allocate(own + fitted, size, "missing values", &s->error);
    if (both != NULL && own > 0)
        memcpy(both, catalogue->missing_values, (size_t)own * size);
    for (int64_t m = 0; m < fitted && both != NULL; m++)
        both[own + m] = missing_value_of_fit(s, m);
    if (both != NULL) {
        free(catalogue->missing_values);
        catalogue->missing_values = both;
        catalogue->n_missing_values = own + fitted;
    }
    return km_agree(s->comm, &s->error);
}

/* The features of the fit as -c takes them. A plus sign keeps an expression from being taken for
 * the name of a column, and an x for its name is as good as any: names come from the model. */
static char *columns_of_fit(km_story *s)
{
    const int64_t d = s->model.n_features;
    const int64_t size = KM_NAME_SIZE + s->model.expressions_size + 4;
    char *text = km_allocate_zeroed(d, (size_t)size, "names of the features", &s->error);
    char *end = text;
    for (int64_t j = 0; j < d && text != NULL; j++) {
        const char *expression = expression_of_feature(s, j), *name = name_of_feature(s, j);
        if (expression[0] != '\0')
            end = stpcpy(stpcpy(stpcpy(end, j == 0 ? "" : ","), "x=+"), expression);
        else
            end = km_append_name(end, j == 0, name);
    }
    return text;
}

km_code km_open_other_catalogue(km_story *s)
{
    const double start = km_now();
    s->columns = columns_of_fit(s);
    if (km_agree(s->comm, &s->error) != KM_OK)
        return s->error.code;
    km_catalogue_name name = km_catalogue_of_options(&s->options);
    name.columns = s->columns;
    name.is_array_by_order = !has_numbers_for_names(s);
    name.precision = &s->model.precision;
    if (km_catalogue_open(&s->catalogue, &name, s->comm, &s->error) == KM_OK &&
        take_names_of_fit(s) == KM_OK)
        add_missing_values(s);
    km_timer_add(&s->timers, KM_PHASE_OPEN, start);
    return s->error.code;
}

/* Makes an answer of the model, from which the engine can predict. */
static km_code make_answer_of_fit(km_story *s, skymeans_answer **fitted)
{
    skymeans_error why;
    skymeans_model model = SKYMEANS_MODEL;
    model.n_clusters = s->model.n_clusters;
    model.n_features = s->model.n_features;
    model.working_centers = s->model.centers;
    model.prices = s->model.prices;
    model.numbers = s->model.numbers;
    model.offset = s->model.transform.offset;
    model.factor = s->model.transform.factor;
    model.exponent = s->model.transform.exponent;
    model.scale = km_scaling_name(s->model.transform.scaling);
    model.type = s->model.precision == KM_FLOAT32 ? SKYMEANS_FLOAT32 : SKYMEANS_FLOAT64;
    if (skymeans_answer_from_model(fitted, &model, &why) != SKYMEANS_OK)
        km_fail(&s->error, (km_code)why.code, "%s", why.text);
    return km_agree(s->comm, &s->error);
}

km_code km_predict_samples(km_story *s)
{
    skymeans_answer *fitted;
    skymeans_error why;
    s->options.manner.second = s->options.outputs.has_second;
    if (make_answer_of_fit(s, &fitted) == KM_OK &&
        skymeans_predict(&s->answer, fitted, &s->samples, &s->options.manner, s->comm, &why) !=
            SKYMEANS_OK)
        km_fail(&s->error, (km_code)why.code, "%s", why.text);
    skymeans_answer_free(fitted);
    if (s->error.code == KM_OK)
        s->values_hash = s->answer->features_hash;
    return s->error.code;
}
