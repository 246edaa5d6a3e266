/* Several fits from different first centers: the best is kept, and compared with the others. */
#include "base/arithmetic.h"
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "fit/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

km_code km_restarts_create(km_restarts *restarts, int64_t count, int64_t n_clusters,
                           int64_t n_features, km_error *error)
{
    const char *what = "record of the restarts";
    *restarts = (km_restarts){.n_clusters = n_clusters, .n_features = n_features};
    restarts->inertia = km_allocate(count, sizeof *restarts->inertia, what, error);
    restarts->n_iterations = km_allocate(count, sizeof *restarts->n_iterations, what, error);
    restarts->rand_index = km_allocate(count, sizeof *restarts->rand_index, what, error);
    restarts->coincidence = km_allocate(n_clusters, sizeof *restarts->coincidence, what, error);
    restarts->centers =
        km_allocate(count * n_clusters * n_features, sizeof *restarts->centers, what, error);
    return error->code;
}

void km_restarts_free(km_restarts *restarts)
{
    free(restarts->inertia);
    free(restarts->n_iterations);
    free(restarts->rand_index);
    free(restarts->coincidence);
    free(restarts->centers);
    *restarts = (km_restarts){0};
}

void km_restarts_take(km_restarts *restarts, km_fit *fit, km_fit *best)
{
    const int64_t r = restarts->count++, n = restarts->n_clusters * restarts->n_features;
    restarts->inertia[r] = fit->inertia;
    restarts->n_iterations[r] = fit->n_iterations;
    memcpy(restarts->centers + r * n, fit->centers, (size_t)n * sizeof *fit->centers);
    if (r == 0 || fit->inertia < restarts->inertia[restarts->best]) {
        restarts->best = r;
        km_fit_free(best);
        *best = *fit;
        *fit = (km_fit){0};
    } else {
        km_fit_free(fit);
    }
}

/* ---- comparison --------------------------------------------------------------------------------
 * Everything is computed from the contingency table: cell (i, j) counts the samples with label i in
 * the best fit and label j in another. It is computed some rows at a time, so that its memory stays
 * small with many clusters. */

static const int64_t TABLE_CELLS = (int64_t)1 << 22;

/* Two labelings of the same samples, and sums over their contingency table. */
struct comparison {
    const km_samples *samples;
    const int32_t *labels, *others;
    int64_t k, n_rows;   /* rows of the table at a time */
    int64_t *table;      /* [n_rows][k] */
    int64_t *columns;    /* [k], sums of columns: samples of each label of the other fit */
    int64_t *coinciding; /* [k], sums over other fits of the maximum of each row */
    /* Pairs of samples: with one label in both fits, in the best, in the other; and all pairs. */
    km_int128 same_both, same_best, same_other, all;
    MPI_Comm comm;
};

static km_int128 pairs(int64_t n)
{
    return (km_int128)n * (n - 1) / 2;
}

/* Counts n_rows rows of the table from label `first` on. Collective. */
static void fill_table(const struct comparison *c, int64_t first)
{
    memset(c->table, 0, (size_t)(c->n_rows * c->k) * sizeof *c->table);
#pragma omp parallel for
    for (int64_t i = 0; i < c->samples->n_samples; i++) {
        const int64_t row = c->labels[i] - first;
        if (row < 0 || row >= c->n_rows)
            continue;
#pragma omp atomic
        c->table[row * c->k + c->others[i]]++;
    }
    km_sum_int64(c->comm, c->table, c->n_rows * c->k);
}

static void add_row(struct comparison *c, int64_t label, const int64_t *row)
{
    int64_t size = 0, max = 0;
    for (int64_t j = 0; j < c->k; j++) {
        size += row[j];
        max = row[j] > max ? row[j] : max;
        c->columns[j] += row[j];
        c->same_both += pairs(row[j]);
    }
    c->same_best += pairs(size);
    c->coinciding[label] += max;
}

/* Sums over the whole table. Collective. */
static void compare_labels(struct comparison *c)
{
    int64_t n = c->samples->n_samples;
    km_sum_int64(c->comm, &n, 1);
    c->all = pairs(n);
    c->same_both = c->same_best = c->same_other = 0;
    memset(c->columns, 0, (size_t)c->k * sizeof *c->columns);
    for (int64_t first = 0; first < c->k; first += c->n_rows) {
        fill_table(c, first);
        for (int64_t row = 0; row < c->n_rows && first + row < c->k; row++)
            add_row(c, first + row, c->table + row * c->k);
    }
    for (int64_t j = 0; j < c->k; j++)
        c->same_other += pairs(c->columns[j]);
}

/* The adjusted Rand index (Hubert & Arabie 1985, doi:10.1007/BF01908075): 1 for equal partitions, 0
 * expected for random partitions of the same sizes. */
static double adjusted_rand_index(const struct comparison *c)
{
    const double best = (double)c->same_best, other = (double)c->same_other;
    const double expected = c->all > 0 ? best / (double)c->all * other : 0;
    const double max = (best + other) / 2;
    return max == expected ? 1 : ((double)c->same_both - expected) / (max - expected);
}

/* Labels can be compared only in one order of the samples. A method that reorders samples is
 * replaced by the first of the table, Lloyd's, which does not. */
static const km_method *method_keeping_order(const km_method *method)
{
    return method->reorders ? km_methods : method;
}

km_code km_fit_relabel(km_fit *fit, const km_fit_task *task, km_samples *samples, MPI_Comm comm,
                       km_error *error)
{
    const int64_t k = task->n_clusters, n = k * samples->n_features;
    const km_method *method = method_keeping_order(task->method);
    km_assigner assigner = {0};
    double *rounded = km_allocate(n, sizeof *rounded, "labels of the best fit", error);
    km_grid *grids = km_facts_choose_grids(task->facts, samples->precision, error);
    if (error->code == KM_OK)
        km_assigner_create(&assigner, method, task->kernel, samples, grids, k, error);
    if (km_agree(comm, error) == KM_OK) {
        km_round_to_precision(samples->precision, fit->centers, n, rounded);
        method->assign(&assigner, rounded);
        km_free_large(fit->labels);
        fit->labels = assigner.labels;
        assigner.labels = NULL;
    }
    km_assigner_free(&assigner, method);
    free(rounded);
    free(grids);
    return error->code;
}

/* `assigner` labels the samples again for each other fit; `rounded` is a workspace, [k][d]. */
static void compare_all(km_restarts *restarts, const km_fit_task *task, const km_fit *best,
                        km_assigner *assigner, void *rounded, struct comparison *c)
{
    const km_precision precision = assigner->samples->precision;
    const int64_t n = restarts->n_clusters * restarts->n_features;
    for (int64_t r = 0; r < restarts->count; r++) {
        restarts->rand_index[r] = 1;
        km_pace_part(task->pace, (double)r / (double)restarts->count);
        if (r == restarts->best)
            continue;
        km_round_to_precision(precision, restarts->centers + r * n, n, rounded);
        method_keeping_order(task->method)->assign(assigner, rounded);
        compare_labels(c);
        restarts->rand_index[r] = adjusted_rand_index(c);
    }
    const double n_others = (double)restarts->count - 1;
    for (int64_t i = 0; i < restarts->n_clusters; i++) {
        const double n_pairs = n_others * (double)best->sizes[i];
        restarts->coincidence[i] = n_pairs > 0 ? (double)c->coinciding[i] / n_pairs : NAN;
    }
}

km_code km_restarts_compare(km_restarts *restarts, const km_fit_task *task, km_samples *samples,
                            const km_fit *best, MPI_Comm comm, km_error *error)
{
    const char *what = "comparison of the restarts";
    const int64_t k = restarts->n_clusters, n_rows = TABLE_CELLS / k;
    struct comparison c = {.samples = samples, .labels = best->labels, .k = k, .comm = comm};
    const km_method *method = method_keeping_order(task->method);
    km_assigner assigner = {0};
    c.n_rows = n_rows < 1 ? 1 : n_rows < k ? n_rows : k;
    c.table = km_allocate(c.n_rows * k, sizeof *c.table, what, error);
    c.columns = km_allocate(k, sizeof *c.columns, what, error);
    c.coinciding = km_allocate_zeroed(k, sizeof *c.coinciding, what, error);
    double *rounded = km_allocate(k * restarts->n_features, sizeof *rounded, what, error);
    km_grid *grids = km_facts_choose_grids(task->facts, samples->precision, error);
    if (error->code == KM_OK)
        km_assigner_create(&assigner, method, task->kernel, samples, grids, k, error);
    if (km_agree(comm, error) == KM_OK) {
        c.others = assigner.labels;
        compare_all(restarts, task, best, &assigner, rounded, &c);
        restarts->is_compared = true;
    }
    km_assigner_free(&assigner, method);
    free(c.table);
    free(c.columns);
    free(c.coinciding);
    free(rounded);
    free(grids);
    return error->code;
}

double km_restarts_bytes(const km_shape *shape)
{
    return shape->n_fits > 1 ? (double)shape->n_fits * km_centers_bytes(shape) +
                                   km_labels_bytes(shape) + 2 * km_centers_bytes(shape)
                             : 0;
}

double km_restarts_compare_bytes(const km_shape *shape, const km_method *method)
{
    const double k = (double)shape->n_clusters;
    const double cells = km_larger(k, km_smaller(k * k, (double)TABLE_CELLS));
    return shape->n_fits > 1
               ? km_centers_bytes(shape) + km_rounded_bytes(shape) + cells * sizeof(int64_t) +
                     km_assigner_bytes(shape, method_keeping_order(method))
               : 0;
}
