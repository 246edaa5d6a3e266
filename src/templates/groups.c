/* Sorts the values of a column by cluster and by value. */
#include "templates/groups.h"

#include "base/arithmetic.h"
#include "base/large.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void create_keys(km_keys *keys, int64_t n_rows, bool has_weights, km_error *error)
{
    const char *what = "values of a column by cluster";
    keys->keys = km_allocate_large(n_rows, sizeof *keys->keys, what, error);
    if (has_weights)
        keys->below = km_allocate_large(n_rows, sizeof *keys->below, what, error);
}

km_code km_groups_create(km_groups *groups, int64_t n_rows, int64_t n_clusters, bool has_weights,
                         km_error *error)
{
    const char *what = "values of a column by cluster";
    *groups = (km_groups){.n_clusters = n_clusters};
    groups->starts = km_allocate(n_clusters + 1, sizeof *groups->starts, what, error);
    groups->counts = km_allocate(n_clusters, sizeof *groups->counts, what, error);
    groups->n_all = km_allocate(n_clusters, sizeof *groups->n_all, what, error);
    groups->missing = km_allocate(n_clusters, sizeof *groups->missing, what, error);
    create_keys(&groups->sorted, n_rows, has_weights, error);
    create_keys(&groups->spare, n_rows, has_weights, error);
    return error->code;
}

static void free_keys(const km_keys *keys)
{
    km_free_large(keys->keys);
    km_free_large(keys->below);
}

void km_groups_free(km_groups *groups)
{
    free(groups->starts);
    free(groups->counts);
    free(groups->n_all);
    free(groups->missing);
    free_keys(&groups->sorted);
    free_keys(&groups->spare);
    *groups = (km_groups){0};
}

/* ---- sorting --------------------------------------------------------------------------------- */

/* Keys from a place on. */
static km_keys keys_at(const km_keys *keys, int64_t place)
{
    return (km_keys){keys->keys + place, keys->below != NULL ? keys->below + place : NULL};
}

static void move_keys(km_keys from, km_keys to, int64_t count, int shift, int64_t *starts)
{
    for (int64_t i = 0; i < count; i++) {
        const int64_t place = starts[from.keys[i] >> shift & 255]++;
        to.keys[place] = from.keys[i];
        if (from.below != NULL)
            to.below[place] = from.below[i];
    }
}

/* Sorts keys by one byte after the other, beginning with the lowest; bytes that are the same in all
 * keys are left out. Returns where they end up. */
static km_keys sort_keys(km_keys from, km_keys to, int64_t count)
{
    for (int shift = 0; shift < 64 && count > 1; shift += 8) {
        int64_t starts[257] = {0};
        for (int64_t i = 0; i < count; i++)
            starts[(from.keys[i] >> shift & 255) + 1]++;
        if (starts[(from.keys[0] >> shift & 255) + 1] == count)
            continue;
        for (int b = 0; b < 256; b++)
            starts[b + 1] += starts[b];
        move_keys(from, to, count, shift, starts);
        const km_keys other = from;
        from = to;
        to = other;
    }
    return from;
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
    const km_keys own = keys_at(&groups->sorted, first);
    if (count < FEW && own.below == NULL) {
        qsort(own.keys, (size_t)count, sizeof *own.keys, key_order);
        return;
    }
    const km_keys found = sort_keys(own, keys_at(&groups->spare, first), count);
    int64_t sum = 0;
    if (found.keys != own.keys)
        memcpy(own.keys, found.keys, (size_t)count * sizeof *own.keys);
    for (int64_t i = 0; i < count && own.below != NULL; i++)
        own.below[i] = sum += found.below[i];
}

/* ---- filling --------------------------------------------------------------------------------- */

/* A column of a block, with the label and the weight of each value: a label of -1 for rows that do
 * not count, and a value that is not finite where it is missing. */
typedef struct loaded {
    double values[KM_BLOCK];
    int32_t labels[KM_BLOCK];
    int64_t weights[KM_BLOCK];
} loaded;

static void load_column(const km_template_rows *rows, int64_t block, int64_t column, loaded *to)
{
    const int lanes = km_samples_lanes(rows->columns, block);
    km_samples_load(rows->columns, block, column, to->values);
    for (int l = 0; l < lanes; l++) {
        const uint32_t row = rows->columns->rows[block * KM_BLOCK + l];
        const bool has_weight = rows->weights != NULL && rows->labels[row] >= 0;
        to->labels[l] = rows->labels[row];
        to->weights[l] = has_weight ? (int64_t)rows->weights[row] : 1;
    }
}

/* Counts the values of a block, their weight, and rows without a value. */
static void count_values_of_block(const km_groups *groups, const loaded *from, int lanes)
{
    for (int l = 0; l < lanes; l++) {
        const int32_t c = from->labels[l];
        if (c >= 0 && !isfinite(from->values[l])) {
            groups->missing[c]++;
        } else if (c >= 0 && from->weights[l] > 0) {
            groups->counts[c]++;
            groups->n_all[c] += from->weights[l];
        }
    }
}

/* Puts keys where their cluster has its next place. */
static void place_keys_of_block(const km_groups *groups, const loaded *from, int lanes,
                                int64_t *ends)
{
    for (int l = 0; l < lanes; l++) {
        const int32_t c = from->labels[l];
        if (c < 0 || !isfinite(from->values[l]) || from->weights[l] == 0)
            continue;
        const int64_t place = ends[c]++;
        groups->sorted.keys[place] = km_key_of_double(from->values[l]);
        if (groups->sorted.below != NULL)
            groups->sorted.below[place] = from->weights[l];
    }
}

/* Counts, or, if `ends` is not NULL, places the values of all rows. */
static void go_through_rows(const km_groups *groups, const km_template_rows *rows, int64_t column,
                            int64_t *ends)
{
    for (int64_t b = 0; b < rows->columns->n_blocks; b++) {
        loaded block;
        const int lanes = km_samples_lanes(rows->columns, b);
        load_column(rows, b, column, &block);
        if (ends == NULL)
            count_values_of_block(groups, &block, lanes);
        else
            place_keys_of_block(groups, &block, lanes, ends);
    }
}

void km_groups_fill(km_groups *groups, const km_template_rows *rows, int64_t column, MPI_Comm comm)
{
    const int64_t k = groups->n_clusters;
    memset(groups->counts, 0, (size_t)k * sizeof *groups->counts);
    memset(groups->n_all, 0, (size_t)k * sizeof *groups->n_all);
    memset(groups->missing, 0, (size_t)k * sizeof *groups->missing);
    go_through_rows(groups, rows, column, NULL);
    groups->starts[0] = 0;
    for (int64_t c = 0; c < k; c++)
        groups->starts[c + 1] = groups->starts[c] + groups->counts[c];
    /* The start of each cluster moves to its end, which is the start of the next one. */
    go_through_rows(groups, rows, column, groups->starts);
    memmove(groups->starts + 1, groups->starts, (size_t)k * sizeof *groups->starts);
    groups->starts[0] = 0;
#pragma omp parallel for schedule(dynamic)
    for (int64_t c = 0; c < k; c++)
        sort_group(groups, c);
    km_sum_int64(comm, groups->n_all, k);
    km_sum_int64(comm, groups->missing, k);
}
