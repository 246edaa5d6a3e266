/* Statistics of columns, one column after the other. */
#include "templates/templates.h"

#include "base/memory.h"
#include "templates/groups.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static km_code allocate_templates(km_templates *t, km_error *error)
{
    const char *what = "class templates";
    const int64_t n = t->n_clusters * t->n_columns;
    t->names = km_allocate_zeroed(t->n_columns, KM_NAME_SIZE, what, error);
    t->units = km_allocate_zeroed(t->n_columns, KM_UNITS_SIZE, what, error);
    t->mean = km_allocate(n, sizeof *t->mean, what, error);
    t->deviation = km_allocate(n, sizeof *t->deviation, what, error);
    t->min = km_allocate(n, sizeof *t->min, what, error);
    t->max = km_allocate(n, sizeof *t->max, what, error);
    t->n_missing = km_allocate(n, sizeof *t->n_missing, what, error);
    t->quantiles = km_allocate(n * KM_N_QUANTILES, sizeof *t->quantiles, what, error);
    return error->code;
}

void km_templates_free(km_templates *t)
{
    free(t->names);
    free(t->units);
    free(t->mean);
    free(t->deviation);
    free(t->min);
    free(t->max);
    free(t->n_missing);
    free(t->quantiles);
    *t = (km_templates){0};
}

/* Collective; errors are agreed. */
static km_code describe_column(km_templates *t, km_groups *groups, const km_template_rows *rows,
                               int64_t column, MPI_Comm comm, km_error *error)
{
    const km_group_moments moments = {.mean = t->mean + column,
                                      .deviation = t->deviation + column,
                                      .min = t->min + column,
                                      .max = t->max + column,
                                      .stride = t->n_columns};
    km_groups_fill(groups, rows, column, comm);
    for (int64_t c = 0; c < t->n_clusters; c++)
        t->n_missing[c * t->n_columns + column] = (double)groups->missing[c];
    if (km_groups_quantiles(groups, t->quantiles + column * KM_N_QUANTILES,
                            t->n_columns * KM_N_QUANTILES, comm, error) == KM_OK)
        km_groups_moments(groups, &moments, comm, error);
    return error->code;
}

km_code km_templates_create(km_templates *t, const km_catalogue *catalogue,
                            const km_template_rows *rows, int64_t n_clusters, MPI_Comm comm,
                            km_error *error)
{
    km_groups groups = {0};
    *t = (km_templates){.n_clusters = n_clusters, .n_columns = catalogue->n_features};
    if (allocate_templates(t, error) == KM_OK)
        km_groups_create(&groups, rows->columns->n_samples, n_clusters, rows->weights != NULL,
                         error);
    km_agree(comm, error);
    for (int64_t j = 0; j < t->n_columns && error->code == KM_OK; j++) {
        snprintf(t->names + (size_t)j * KM_NAME_SIZE, KM_NAME_SIZE, "%s", catalogue->names[j]);
        snprintf(t->units + (size_t)j * KM_UNITS_SIZE, KM_UNITS_SIZE, "%s",
                 catalogue->columns[j].units);
        describe_column(t, &groups, rows, j, comm, error);
    }
    km_groups_free(&groups);
    return error->code;
}

double km_templates_kept_bytes(int64_t n_clusters, int64_t n_columns)
{
    enum { VALUES = 5 + KM_N_QUANTILES };
    return (double)n_columns *
           (KM_NAME_SIZE + KM_UNITS_SIZE + (double)n_clusters * VALUES * sizeof(double));
}

/* Keys twice, and their weights, which are besides by row. */
double km_templates_bytes(int64_t n_rows, bool has_weights, int64_t n_clusters, int64_t n_columns)
{
    enum { WORK = 4 * KM_N_QUANTILES + 25 };
    return (has_weights ? 5.0 : 2.0) * sizeof(uint64_t) * (double)n_rows +
           sizeof(double) * WORK * (double)n_clusters +
           km_templates_kept_bytes(n_clusters, n_columns);
}

/* ---- order ----------------------------------------------------------------------------------- */

/* Does cluster a come before b? */
static bool comes_before(const km_templates *t, int64_t column, int64_t a, int64_t b)
{
    const double x = t->mean[a * t->n_columns + column], y = t->mean[b * t->n_columns + column];
    if (isnan(x) || isnan(y))
        return isnan(x) == isnan(y) ? a < b : isnan(y);
    return x < y || (x == y && a < b);
}

/* Merges two sorted halves of order[first ... end - 1]. */
static void sort_order(const km_templates *t, int64_t column, int64_t *order, int64_t *spare,
                       int64_t count)
{
    const int64_t half = count / 2;
    if (count < 2)
        return;
    sort_order(t, column, order, spare, half);
    sort_order(t, column, order + half, spare, count - half);
    memcpy(spare, order, (size_t)count * sizeof *order);
    for (int64_t i = 0, a = 0, b = half; i < count; i++) {
        const bool is_a = b == count || (a < half && comes_before(t, column, spare[a], spare[b]));
        order[i] = is_a ? spare[a++] : spare[b++];
    }
}

void km_templates_order(const km_templates *t, int64_t column, int64_t *order, int64_t *spare)
{
    for (int64_t c = 0; c < t->n_clusters; c++)
        order[c] = c;
    sort_order(t, column, order, spare, t->n_clusters);
}

km_code km_templates_renumber(km_templates *t, const int64_t *order, km_error *error)
{
    const int64_t k = t->n_clusters, c = t->n_columns;
    double *spare = km_allocate(k * c * KM_N_QUANTILES, sizeof *spare, "class templates", error);
    double *const arrays[] = {t->mean, t->deviation, t->min, t->max, t->n_missing};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays && spare != NULL; i++)
        km_permute_rows(arrays[i], spare, order, k, (size_t)c * sizeof *spare);
    if (spare != NULL)
        km_permute_rows(t->quantiles, spare, order, k,
                        (size_t)(c * KM_N_QUANTILES) * sizeof *spare);
    free(spare);
    return error->code;
}
