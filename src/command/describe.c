/* The steps that describe the clusters by columns, and number them by one. */
#include "command/command.h"

#include "base/large.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static bool wants_description(const km_options *options)
{
    return options->describe != NULL || options->order_by != NULL;
}

/* Is a column called `name`, perhaps in braces? A value of an array column is named with its
 * position. */
static bool is_called(const char *column, const char *name)
{
    return strcmp(column, name) == 0 || (name[0] == '{' && strlen(column) + 2 == strlen(name) &&
                                         km_is_called(column, name, strlen(name)));
}

/* The column that --order-by names. */
static km_code find_order_column(km_story *s)
{
    const km_catalogue *described = &s->described;
    const char *name = s->options.order_by;
    for (s->order_column = 0; name != NULL && s->order_column < described->n_features;
         s->order_column++)
        if (is_called(described->names[s->order_column], name))
            return KM_OK;
    if (name == NULL)
        return KM_OK;
    char *text = km_catalogue_columns_text(described, &s->error);
    km_fail(&s->error, KM_USAGE,
            "bad value (--order-by %s): it is none of the columns that are described; name one of "
            "%s, or describe it, too, with --describe",
            name, text != NULL ? text : "them");
    free(text);
    return s->error.code;
}

/* Refuses values of --missing-value that name no column that is read. */
static km_code check_missing_values(km_story *s)
{
    const uint64_t found = s->catalogue.missing_found | s->described.missing_found;
    for (int64_t i = 0; i < s->options.missing_values.count; i++)
        if ((found >> i & 1) == 0)
            return km_fail(&s->error, KM_USAGE,
                           "bad value (--missing-value %s): it names neither a feature, nor a "
                           "described column, nor one in an expression; leave it out, or name the "
                           "column in --describe",
                           s->options.missing_values.texts[i]);
    return KM_OK;
}

km_code km_open_described(km_story *s)
{
    const double start = km_now();
    if (!wants_description(&s->options))
        return KM_OK;
    const char *asked = s->options.describe;
    s->described_columns =
        km_catalogue_expand_list(&s->catalogue, asked != NULL ? asked : KM_ALL_FEATURES, &s->error);
    if (km_agree(s->comm, &s->error) != KM_OK)
        return s->error.code;
    km_catalogue_name name = km_catalogue_of_options(&s->options);
    name.columns = s->described_columns;
    name.weights = name.ids = NULL;
    name.where = NULL;               /* rows that it leaves out have no label */
    name.skips_other_missing = true; /* both catalogues together must have the columns */
    if (name.table == NULL)
        name.table = s->catalogue.first_table; /* the rows that have labels */
    if (s->catalogue.precision == KM_FLOAT64)
        name.precision = &s->catalogue.precision; /* expressions are rounded as features are */
    if (km_catalogue_open(&s->described, &name, s->comm, &s->error) == KM_OK &&
        check_missing_values(s) == KM_OK &&
        km_check_names(&s->described, "--describe", &s->error) == KM_OK &&
        find_order_column(s) == KM_OK && s->described.n_rows != s->catalogue.n_rows)
        km_fail(&s->error, KM_DATA,
                "other rows (%s): columns to describe have %lld rows, and features %lld; choose "
                "columns of one table",
                s->described.path, (long long)s->described.n_rows, (long long)s->catalogue.n_rows);
    km_timer_add(&s->timers, KM_PHASE_OPEN, start);
    return s->error.code;
}

/* Numbers clusters anew in the order of the mean of a column. */
static km_code order_clusters(km_story *s)
{
    const int64_t k = s->templates.n_clusters;
    int64_t *order = km_allocate(2 * k, sizeof *order, "order of the clusters", &s->error);
    if (km_agree(s->comm, &s->error) == KM_OK) {
        km_templates_order(&s->templates, s->order_column, order, order + k);
        km_templates_renumber(&s->templates, order, &s->error);
    }
    if (km_agree(s->comm, &s->error) == KM_OK)
        km_answer_renumber(s->answer, order, s->comm, &s->error);
    free(order);
    return s->error.code;
}

/* The weights of the fit's samples by row; NULL if there are none. Those of other rows are unset.
 * KM_MEMORY. */
static double *find_weights_of_rows(const km_samples *samples, km_error *error)
{
    if (samples->weights == NULL)
        return NULL;
    double *weights =
        km_allocate_large(samples->slab.count, sizeof *weights, "weights of rows", error);
    for (int64_t i = 0; i < (weights != NULL ? samples->n_samples : 0); i++)
        weights[samples->rows[i]] = samples->weights[i];
    return weights;
}

/* `columns` has all rows, also those that are no samples of the fit. */
static km_code make_templates(km_story *s, const km_samples *columns)
{
    double *weights = find_weights_of_rows(&s->samples.memory, &s->error);
    const km_template_rows rows = {columns, s->answer->labels, weights};
    if (km_agree(s->comm, &s->error) == KM_OK)
        km_templates_create(&s->templates, &s->described, &rows, s->answer->plan.shape.n_clusters,
                            s->comm, &s->error);
    km_free_large(weights);
    return s->error.code;
}

/* Reads the columns, and describes the clusters by them. If the run is stopped meanwhile, it goes
 * on another time, or without a checkpoint nothing is described. */
static km_code describe_by_columns(km_story *s)
{
    km_samples rows = {0};
    km_findings findings = {.ids = {.type = H5I_INVALID_HID}};
    km_prepare_control(s);
    s->pace = km_pace_start(&s->control);
    km_pace_phase(&s->pace, "describing the clusters");
    if (km_catalogue_read(&s->described, KM_MISSING_KEEP, &s->pace, s->comm, &rows, &findings,
                          &s->error) != KM_OK)
        return s->error.code;
    if (!km_pace_is_stopped(&s->pace))
        make_templates(s, &rows);
    else if (s->options.checkpoint != NULL)
        km_stop_description(s);
    km_pace_phase(&s->pace, NULL);
    km_samples_free(&rows);
    s->findings.bytes_read += findings.bytes_read;
    km_findings_free(&findings);
    return s->error.code;
}

bool km_lacks_description(const km_story *s)
{
    return wants_description(&s->options) && s->templates.n_columns == 0;
}

km_code km_describe_clusters(km_story *s)
{
    const double start = km_now();
    const km_stop stop = s->answer->stop;
    if (!wants_description(&s->options) || stop == KM_STOP_WISH || stop == KM_STOP_TIME)
        return KM_OK; /* a job that must end writes its result at once */
    describe_by_columns(s);
    km_memory_return();
    if (s->error.code == KM_OK && s->options.order_by != NULL && !km_lacks_description(s))
        order_clusters(s);
    km_timer_add(&s->timers, KM_PHASE_READ, start);
    return s->error.code;
}
