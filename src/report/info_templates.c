/* `info` of a result: the class templates, column by column. */
#include "base/memory.h"
#include "base/text.h"
#include "clusters.h"
#include "info.h"
#include "templates/templates.h"

#include <stdio.h>
#include <stdlib.h>

/* The numbers of clusters and columns; false if there are none. */
static bool read_template_shape(hid_t group, km_templates *t)
{
    km_h5_array array;
    km_error why = {0};
    if (km_h5_open_array(group, "mean", &array, &why) != KM_OK)
        return false;
    t->n_clusters = array.n_rows;
    t->n_columns = array.n_columns;
    km_h5_close_array(&array);
    return t->n_clusters > 0 && t->n_columns > 0 && t->n_columns < 1 << 16 &&
           t->n_clusters < INT32_MAX / t->n_columns;
}

static bool read_templates(hid_t group, km_templates *t, km_error *error)
{
    if (!read_template_shape(group, t))
        return false;
    const int64_t n = t->n_clusters * t->n_columns;
    t->names = km_allocate_zeroed(t->n_columns, KM_NAME_SIZE, "class templates", error);
    t->units = km_allocate_zeroed(t->n_columns, KM_UNITS_SIZE, "class templates", error);
    t->mean = km_info_read_values(group, "mean", n, error);
    t->deviation = km_info_read_values(group, "deviation", n, error);
    t->min = km_info_read_values(group, "min", n, error);
    t->max = km_info_read_values(group, "max", n, error);
    t->n_missing = km_info_read_values(group, "n_missing", n, error);
    t->quantiles = km_info_read_values(group, "quantiles", n * KM_N_QUANTILES, error);
    return t->names != NULL && t->units != NULL && t->mean != NULL && t->deviation != NULL &&
           t->min != NULL && t->max != NULL && t->n_missing != NULL && t->quantiles != NULL &&
           km_h5_read_text_list(group, "columns", t->n_columns, KM_NAME_SIZE, t->names) &&
           km_h5_read_text_list(group, "units", t->n_columns, KM_UNITS_SIZE, t->units);
}

static void print_template(const km_templates *t, int64_t c, int64_t j)
{
    const int64_t at = c * t->n_columns + j;
    printf("  %7lld %10.5g %10.5g %10.5g", (long long)c, t->mean[at], t->deviation[at], t->min[at]);
    for (int q = 0; q < KM_N_QUANTILES; q++)
        printf(" %10.5g", t->quantiles[at * KM_N_QUANTILES + q]);
    printf(" %10.5g %9.0f\n", t->max[at], t->n_missing[at]);
}

static void print_column_templates(const km_templates *t, int64_t j)
{
    char name[KM_NAME_SIZE], units[KM_UNITS_SIZE];
    const char *unit = t->units + (size_t)j * KM_UNITS_SIZE;
    km_printable(t->names + (size_t)j * KM_NAME_SIZE, name, sizeof name);
    km_printable(unit, units, sizeof units);
    printf("  %s%s%s%s\n", name, unit[0] != '\0' ? " (" : "", units, unit[0] != '\0' ? ")" : "");
    printf(
        "  cluster       mean  deviation        min         5%%        16%%        50%%        84%%"
        "        95%%        max   missing\n");
    for (int64_t c = 0; c < km_shown(t->n_clusters, KM_SHOWN_CLUSTERS); c++)
        print_template(t, c, j);
    putchar('\n');
}

km_code km_info_print_templates(const char *path, hid_t file, km_error *error)
{
    km_templates t = {0};
    if (H5Lexists(file, "templates", H5P_DEFAULT) <= 0)
        return KM_OK;
    const hid_t group = H5Gopen2(file, "templates", H5P_DEFAULT);
    if (group >= 0 && read_templates(group, &t, error)) {
        const int64_t n_shown = km_shown(t.n_columns, KM_SHOWN_FEATURES);
        for (int64_t j = 0; j < n_shown; j++)
            print_column_templates(&t, j);
        if (n_shown < t.n_columns)
            printf("  ... and %lld more columns: /templates in the result\n\n",
                   (long long)(t.n_columns - n_shown));
    } else {
        km_fail(error, KM_DATA,
                "not a whole result (%s, templates): its parts do not agree; copy it again", path);
    }
    km_templates_free(&t);
    if (group >= 0)
        H5Gclose(group);
    return error->code;
}
