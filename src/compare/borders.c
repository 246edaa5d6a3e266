/* Counts pairs of nearest and second nearest clusters. */
#include "compare/borders.h"

#include "base/memory.h"
#include "base/threads.h"
#include "compare/column.h"
#include "samples/shape.h"

#include <stdlib.h>

/* Pairs of all rows, and of those that are borderline. */
typedef struct border_counts {
    km_pair_counts all, borderline;
} border_counts;

/* More threads than these would take more memory for little. */
static int n_counting(int n_threads)
{
    enum { MOST_COUNTING = 8 };
    return n_threads < MOST_COUNTING ? n_threads : MOST_COUNTING;
}

/* Each thread counts rows of its own; what they have is added up. */
static void count_rows(const int32_t *labels, const int32_t *seconds, const double *distances,
                       const double *second_distances, int64_t n_rows, border_counts *counts,
                       km_error *error)
{
#pragma omp parallel num_threads(n_counting(km_threads()))
    {
        border_counts own = {{0}, {0}};
        km_error why = {0};
#pragma omp for schedule(static)
        for (int64_t i = 0; i < n_rows; i++) {
            if (seconds[i] < 0 || why.code != KM_OK)
                continue;
            km_pairs_add(&own.all, labels[i], seconds[i], &why);
            if (distances[i] > KM_BORDERLINE * second_distances[i])
                km_pairs_add(&own.borderline, labels[i], seconds[i], &why);
        }
#pragma omp critical
        if (why.code != KM_OK)
            km_fail(error, why.code, "%s", why.text);
        else if (km_pairs_add_all(&counts->all, &own.all, error) == KM_OK)
            km_pairs_add_all(&counts->borderline, &own.borderline, error);
        km_pairs_free(&own.all);
        km_pairs_free(&own.borderline);
    }
}

static km_code allocate_borders(km_borders *n, int64_t count, km_error *error)
{
    const char *what = "pairs of clusters";
    n->count = count;
    n->label = km_allocate(count, sizeof *n->label, what, error);
    n->second = km_allocate(count, sizeof *n->second, what, error);
    n->rows = km_allocate(count, sizeof *n->rows, what, error);
    n->borderline = km_allocate(count, sizeof *n->borderline, what, error);
    n->share = km_allocate(count, sizeof *n->share, what, error);
    return error->code;
}

void km_borders_free(km_borders *n)
{
    free(n->label);
    free(n->second);
    free(n->rows);
    free(n->borderline);
    free(n->share);
    *n = (km_borders){0};
}

double km_borders_expected(int64_t n_rows, int64_t n_clusters, int64_t n_features)
{
    /* As counted in fits (docs/measurements/memory.md): right within a factor of 3 where clusters
     * touch, and too many where they are apart. */
    const double first = 2, more = 4.5, maximum = 40;
    const double neighbours = km_smaller(maximum, first + more * (double)(n_features - 1));
    const double k = (double)n_clusters;
    return km_smaller((double)n_rows, k * km_smaller(k - 1, neighbours));
}

double km_borders_bytes(double n_pairs)
{
    return n_pairs * (2 * sizeof(int32_t) + 2 * sizeof(int64_t) + sizeof(double));
}

/* Of all rows, and of borderline ones: tables, beside those of each thread; then cells, beside
 * those of another rank with which they are merged. */
double km_borders_count_bytes(double n_pairs, int n_ranks, int n_threads)
{
    return 2 * km_pairs_bytes(n_pairs) +
           km_larger(2 * n_counting(n_threads) * km_pairs_bytes(n_pairs),
                     n_pairs * (double)sizeof(km_cell) * (n_ranks > 1 ? 5 : 2));
}

/* Both lists have one order, and pairs with borderline rows are among all pairs. */
static void fill_borders(km_borders *n, const km_cell *all, const km_cell *borderline,
                         int64_t n_borderline, const int64_t *sizes)
{
    for (int64_t i = 0, j = 0; i < n->count; i++) {
        const bool has_any =
            j < n_borderline && borderline[j].a == all[i].a && borderline[j].b == all[i].b;
        n->label[i] = all[i].a;
        n->second[i] = all[i].b;
        n->rows[i] = all[i].count;
        n->borderline[i] = has_any ? borderline[j++].count : 0;
        n->share[i] = (double)n->borderline[i] / (double)sizes[all[i].a];
    }
}

km_code km_borders_count(km_borders *n, const int32_t *labels, const int32_t *seconds,
                         const double *distances, const double *second_distances, int64_t n_rows,
                         const int64_t *sizes, MPI_Comm comm, km_error *error)
{
    border_counts counts = {{0}, {0}};
    km_cell *cells[2] = {NULL, NULL};
    int64_t n_cells[2] = {0, 0};
    *n = (km_borders){0};
    count_rows(labels, seconds, distances, second_distances, n_rows, &counts, error);
    if (km_agree(comm, error) == KM_OK &&
        km_pairs_gather(&counts.all, &cells[0], &n_cells[0], comm, error) == KM_OK)
        km_pairs_gather(&counts.borderline, &cells[1], &n_cells[1], comm, error);
    if (error->code == KM_OK && allocate_borders(n, n_cells[0], error) == KM_OK)
        fill_borders(n, cells[0], cells[1], n_cells[1], sizes);
    km_pairs_free(&counts.all);
    km_pairs_free(&counts.borderline);
    free(cells[0]);
    free(cells[1]);
    return km_agree(comm, error);
}
