/* /templates, /sky and /neighbours of a result: statistics of columns, cluster by cluster, where
 * clusters are on the sky, and rows that are nearly in another cluster. */
#include "base/memory.h"
#include "contents.h"
#include "writer.h"

#include <stdlib.h>

static void put_names_and_units(km_writer *w, const km_templates *t, km_error *error)
{
    const char **texts = km_allocate(t->n_columns, sizeof *texts, "class templates", error);
    if (texts == NULL)
        return;
    for (int64_t c = 0; c < t->n_columns; c++)
        texts[c] = t->names + (size_t)c * KM_NAME_SIZE;
    w->is_ok = w->is_ok && w->verbs->texts(w->group, "columns", texts, t->n_columns);
    for (int64_t c = 0; c < t->n_columns; c++)
        texts[c] = t->units + (size_t)c * KM_UNITS_SIZE;
    w->is_ok = w->is_ok && w->verbs->texts(w->group, "units", texts, t->n_columns);
    free(texts);
}

void km_templates_write(km_writer *w, const km_templates *t, km_error *error)
{
    static const char *const dimensions[3] = {"cluster", "column", "quantile"};
    const int64_t sizes[3] = {t->n_clusters, t->n_columns, KM_N_QUANTILES};
    km_writer_open(w, "templates");
    put_names_and_units(w, t, error);
    km_writer_close(w);
    km_put_values(w, "templates/mean", dimensions, sizes, 2, t->mean);
    km_put_values(w, "templates/deviation", dimensions, sizes, 2, t->deviation);
    km_put_values(w, "templates/min", dimensions, sizes, 2, t->min);
    km_put_values(w, "templates/max", dimensions, sizes, 2, t->max);
    km_put_values(w, "templates/n_missing", dimensions, sizes, 2, t->n_missing);
    km_put_values(w, "templates/quantiles", dimensions, sizes, 3, t->quantiles);
}

void km_sky_write(km_writer *w, const km_sky *sky, int64_t k)
{
    km_writer_open(w, "sky");
    km_put_text(w, "units", "deg");
    km_writer_close(w);
    km_put_list(w, "sky/ra", "cluster", H5T_NATIVE_DOUBLE, k, sky->ra);
    km_put_list(w, "sky/dec", "cluster", H5T_NATIVE_DOUBLE, k, sky->dec);
    km_put_list(w, "sky/radius_rms", "cluster", H5T_NATIVE_DOUBLE, k, sky->radius_rms);
    km_put_list(w, "sky/radius_max", "cluster", H5T_NATIVE_DOUBLE, k, sky->radius_max);
}

void km_borders_write(km_writer *w, const km_borders *n)
{
    km_writer_open(w, "neighbours");
    km_put_real(w, "threshold", KM_BORDERLINE);
    km_writer_close(w);
    km_put_list(w, "neighbours/label", "pair", H5T_NATIVE_INT32, n->count, n->label);
    km_put_list(w, "neighbours/second", "pair", H5T_NATIVE_INT32, n->count, n->second);
    km_put_list(w, "neighbours/rows", "pair", H5T_NATIVE_INT64, n->count, n->rows);
    km_put_list(w, "neighbours/borderline", "pair", H5T_NATIVE_INT64, n->count, n->borderline);
    km_put_list(w, "neighbours/share", "pair", H5T_NATIVE_DOUBLE, n->count, n->share);
}
