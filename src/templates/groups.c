/* Sorts the values of a column by cluster and by value. */
#include "templates/groups.h"

#include "base/arithmetic.h"
#include "base/large.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

km_code km_groups_create(km_groups *groups, int64_t n_rows, int64_t n_clusters, km_error *error)
{
    const char *what = "values of a column by cluster";
    *groups = (km_groups){.n_clusters = n_clusters};
    groups->starts = km_allocate(n_clusters + 1, sizeof *groups->starts, what, error);
    groups->keys = km_allocate_large(n_rows, sizeof *groups->keys, what, error);
    groups->spare = km_allocate_large(n_rows, sizeof *groups->spare, what, error);
    groups->n_all = km_allocate(n_clusters, sizeof *groups->n_all, what, error);
    groups->missing = km_allocate(n_clusters, sizeof *groups->missing, what, error);
    return error->code;
}

void km_groups_free(km_groups *groups)
{
    free(groups->starts);
    km_free_large(groups->keys);
    km_free_large(groups->spare);
    free(groups->n_all);
    free(groups->missing);
    *groups = (km_groups){0};
}

/* ---- sorting --------------------------------------------------------------------------------- */

/* Sorts keys by one byte after the other, beginning with the lowest; bytes that are the same in all
 * keys are left out. */
static void sort_keys(uint64_t *keys, uint64_t *spare, int64_t count)
{
    uint64_t *from = keys, *to = spare;
    for (int shift = 0; shift < 64 && count > 1; shift += 8) {
        int64_t starts[257] = {0};
        for (int64_t i = 0; i < count; i++)
            starts[(from[i] >> shift & 255) + 1]++;
        if (starts[(from[0] >> shift & 255) + 1] == count)
            continue;
        for (int b = 0; b < 256; b++)
            starts[b + 1] += starts[b];
        for (int64_t i = 0; i < count; i++)
            to[starts[from[i] >> shift & 255]++] = from[i];
        uint64_t *const other = from;
        from = to;
        to = other;
    }
    if (from != keys)
        memcpy(keys, from, (size_t)count * sizeof *keys);
}

static int key_order(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* For few keys the tables of sort_keys take longer than comparisons. */
static void sort_group(const km_groups *groups, int64_t cluster)
{
    enum { FEW = 512 };
    const int64_t first = groups->starts[cluster], count = groups->starts[cluster + 1] - first;
    if (count < FEW)
        qsort(groups->keys + first, (size_t)count, sizeof *groups->keys, key_order);
    else
        sort_keys(groups->keys + first, groups->spare + first, count);
}

/* ---- filling --------------------------------------------------------------------------------- */

static void load_column(const km_samples *rows, int64_t block, int64_t column,
                        const int32_t *labels, double *values, int32_t *of_lanes)
{
    const int lanes = km_samples_lanes(rows, block);
    km_samples_load(rows, block, column, values);
    for (int l = 0; l < KM_BLOCK; l++)
        of_lanes[l] = l < lanes ? labels[rows->rows[block * KM_BLOCK + l]] : -1;
}

/* Counts values and gaps, or, if `ends` is not NULL, puts keys where their cluster has its next
 * place. */
static void go_through_rows(km_groups *groups, const km_samples *rows, int64_t column,
                            const int32_t *labels, int64_t *ends)
{
    for (int64_t b = 0; b < rows->n_blocks; b++) {
        double values[KM_BLOCK];
        int32_t of_lanes[KM_BLOCK];
        load_column(rows, b, column, labels, values, of_lanes);
        for (int l = 0; l < KM_BLOCK; l++) {
            if (of_lanes[l] < 0)
                continue;
            if (ends == NULL)
                (isfinite(values[l]) ? groups->n_all : groups->missing)[of_lanes[l]]++;
            else if (isfinite(values[l]))
                groups->keys[ends[of_lanes[l]]++] = km_key_of_double(values[l]);
        }
    }
}

void km_groups_fill(km_groups *groups, const km_samples *rows, int64_t column,
                    const int32_t *labels, MPI_Comm comm)
{
    const int64_t k = groups->n_clusters;
    memset(groups->n_all, 0, (size_t)k * sizeof *groups->n_all);
    memset(groups->missing, 0, (size_t)k * sizeof *groups->missing);
    go_through_rows(groups, rows, column, labels, NULL);
    groups->starts[0] = 0;
    for (int64_t c = 0; c < k; c++)
        groups->starts[c + 1] = groups->starts[c] + groups->n_all[c];
    /* The start of each cluster moves to its end, which is the start of the next one. */
    go_through_rows(groups, rows, column, labels, groups->starts);
    memmove(groups->starts + 1, groups->starts, (size_t)k * sizeof *groups->starts);
    groups->starts[0] = 0;
#pragma omp parallel for schedule(dynamic)
    for (int64_t c = 0; c < k; c++)
        sort_group(groups, c);
    km_sum_int64(comm, groups->n_all, k);
    km_sum_int64(comm, groups->missing, k);
}
