/* What all methods share: labels, and totals that follow them. */
#include "assign/assign.h"
#include "assign/windows.h"
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/threads.h"
#include "methods.h"

#include <stdlib.h>
#include <string.h>

const km_method km_methods[] = {
    {.name = "lloyd", .assign = km_assign_lloyd, .cost = km_lloyd_cost},
    {.name = "tree",
     .create = km_tree_create,
     .assign = km_tree_assign,
     .free = km_tree_free,
     .most_ordered = INT64_MAX,
     .exchange_takes = km_tree_exchange_takes,
     .bytes = km_tree_bytes,
     .cost = km_tree_cost,
     .renew = km_tree_renew},
    {.name = "bounds",
     .create = km_bounds_create,
     .assign = km_bounds_assign,
     .free = km_bounds_free,
     .reorders = true,
     .most_ordered = 63,
     .is_available = km_bounds_is_available,
     .bytes = km_bounds_bytes,
     .cost = km_bounds_cost,
     .take_over = km_bounds_take_over,
     .turn = km_bounds_turn},
    {.name = "neighbours",
     .create = km_neighbours_create,
     .assign = km_neighbours_assign,
     .free = km_neighbours_free,
     .reorders = true,
     .exchange_takes = km_neighbours_exchange_takes,
     .is_available = km_neighbours_is_available,
     .bytes = km_neighbours_bytes,
     .cost = km_neighbours_cost,
     .find_codes = km_neighbours_codes,
     .order_labels = km_neighbours_order,
     .renew = km_neighbours_renew,
     .take_over = km_neighbours_take_over,
     .turn = km_neighbours_turn},
    {.name = NULL},
};

static const km_method *find_cheapest(const km_shape *shape)
{
    const km_method *cheapest = NULL;
    for (const km_method *method = km_methods; method->name != NULL; method++)
        if ((method->is_available == NULL || method->is_available(shape)) &&
            (cheapest == NULL || method->cost(shape) < cheapest->cost(shape)))
            cheapest = method;
    return cheapest;
}

const km_method *km_method_choose(const char *name, const km_shape *shape)
{
    return strcmp(name, "auto") == 0 ? find_cheapest(shape) : km_method_find(name);
}

const km_method *km_method_find(const char *name)
{
    for (const km_method *method = km_methods; method->name != NULL; method++)
        if (strcmp(method->name, name) == 0)
            return method;
    return NULL;
}

void km_work_add_up(km_work *sum, km_work *more)
{
    sum->distances += more->distances;
    sum->box_tests += more->box_tests;
    sum->bytes += more->bytes;
    *more = (km_work){0};
}

/* In double precision they have two words, as a rule. */
double km_sums_bytes(const km_shape *shape)
{
    const int n_words = shape->precision == KM_FLOAT64 ? 2 : 1;
    return n_words * km_centers_bytes(shape) + 2 * (double)shape->n_clusters * sizeof(int64_t);
}

double km_assigner_bytes(const km_shape *shape, const km_method *method)
{
    const double n_sums = shape->n_threads + (shape->n_ranks > 1 ? 2 : 1);
    const double work = (double)shape->n_samples / KM_BLOCK * sizeof(int64_t);
    return km_labels_bytes(shape) + work + n_sums * km_sums_bytes(shape) +
           km_windows_bytes(shape, 0) + (method->bytes != NULL ? method->bytes(shape) : 0);
}

static void free_totals(km_totals *totals, int n_threads)
{
    for (int t = 0; t < n_threads && totals != NULL; t++)
        km_totals_free(&totals[t]);
    free(totals);
}

static bool find_whether_short(const km_grid *grids, int64_t d)
{
    for (int64_t j = 0; j < d; j++)
        if (!grids[j].is_short)
            return false;
    return true;
}

/* Totals of nothing for each thread. */
static km_totals *create_totals(const km_assigner *assigner, const km_grid *grids, km_error *error)
{
    const km_samples *samples = assigner->samples;
    km_totals *totals =
        km_allocate_zeroed(assigner->n_threads, sizeof *totals, "sums of the clusters", error);
    for (int t = 0; t < assigner->n_threads && error->code == KM_OK; t++)
        km_totals_create(&totals[t], assigner->n_clusters, samples->n_features, grids[0].n_words,
                         samples->weights != NULL, error);
    if (error->code != KM_OK) {
        free_totals(totals, assigner->n_threads);
        return NULL;
    }
    return totals;
}

km_code km_assigner_create(km_assigner *assigner, const km_method *method, const km_kernel *kernel,
                           km_samples *samples, const km_grid *grids, int64_t k, km_error *error)
{
    *assigner = (km_assigner){.samples = samples,
                              .kernel = kernel,
                              .n_clusters = k,
                              .grids = grids,
                              .are_short = find_whether_short(grids, samples->n_features),
                              .n_threads = km_threads()};
    const int64_t n_labels = samples->n_blocks * KM_BLOCK;
    assigner->labels = km_allocate_large(n_labels, sizeof *assigner->labels, "labels", error);
    assigner->work =
        km_allocate_zeroed(samples->n_blocks, sizeof *assigner->work, "work of samples", error);
    assigner->totals = create_totals(assigner, grids, error);
    if (error->code == KM_OK) {
#pragma omp parallel for
        for (int64_t b = 0; b < samples->n_blocks; b++) {
            km_pass_large(assigner->labels, b, samples->n_blocks,
                          KM_BLOCK * sizeof *assigner->labels);
            memset(assigner->labels + b * KM_BLOCK, 0xff, KM_BLOCK * sizeof *assigner->labels);
        }
        if (km_windows_create(assigner, 0, error) == KM_OK && method->create != NULL)
            method->create(assigner, error);
    }
    if (error->code != KM_OK)
        km_assigner_free(assigner, method);
    return error->code;
}

void km_assigner_free(km_assigner *assigner, const km_method *method)
{
    if (assigner->state != NULL && method->free != NULL)
        method->free(assigner);
    km_windows_free(assigner);
    km_free_large(assigner->labels);
    free(assigner->work);
    free_totals(assigner->totals, assigner->n_threads);
    *assigner = (km_assigner){0};
}

static uint64_t find_changed(const int32_t *old, const int32_t *new, int lanes)
{
    uint64_t changed = 0;
    for (int l = 0; l < lanes; l++)
        changed |= (uint64_t)(old[l] != new[l]) << l;
    return changed;
}

/* The sums that belong to the labels, on the assigner's grids. */
static void sum_up(const km_assigner *assigner, km_totals *all)
{
    int32_t none[KM_BLOCK];
    memset(none, 0xff, sizeof none);
#pragma omp parallel for
    for (int64_t b = 0; b < assigner->samples->n_blocks; b++) {
        const uint64_t used = UINT64_MAX >> (KM_BLOCK - km_samples_lanes(assigner->samples, b));
        km_move_samples(assigner, &all[km_thread()], b, used, none,
                        assigner->labels + b * KM_BLOCK);
    }
}

km_code km_assigner_change_grids(km_assigner *assigner, const km_grid *grids, km_error *error)
{
    km_totals *totals = create_totals(assigner, grids, error);
    if (totals == NULL)
        return error->code;
    for (int t = 0; t < assigner->n_threads; t++)
        memcpy(totals[t].counts, assigner->totals[t].counts,
               (size_t)(totals[t].words + totals[t].length - totals[t].counts) * sizeof(int64_t));
    free_totals(assigner->totals, assigner->n_threads);
    assigner->totals = totals;
    assigner->grids = grids;
    assigner->are_short = find_whether_short(grids, assigner->samples->n_features);
    sum_up(assigner, totals);
    return KM_OK;
}

void km_assigner_reset_count(km_assigner *assigner)
{
    for (int t = 0; t < assigner->n_threads; t++)
        assigner->totals[t].extras[KM_EXTRA_RELABELED] = 0;
}

/* Adds a sample to the counts of a cluster, or takes it away. */
static void count_sample(const km_samples *samples, km_totals *totals, int64_t block, int lane,
                         int32_t label, int sign)
{
    totals->counts[label] += sign;
    if (samples->weights != NULL)
        totals->weights[label] += sign * (int64_t)samples->weights[block * KM_BLOCK + lane];
}

void km_assigner_relabel(km_assigner *assigner, int64_t block, const int32_t *labels)
{
    const int32_t *old = assigner->labels + block * KM_BLOCK;
    km_assigner_relabel_some(assigner, block, find_changed(old, labels, KM_BLOCK), labels);
}

void km_assigner_relabel_some(km_assigner *assigner, int64_t block, uint64_t changed,
                              const int32_t *labels)
{
    const km_samples *samples = assigner->samples;
    int32_t *old = assigner->labels + block * KM_BLOCK;
    changed &= UINT64_MAX >> (KM_BLOCK - km_samples_lanes(samples, block));
    if (changed == 0)
        return;
    km_totals *totals = &assigner->totals[km_thread()];
    if (assigner->window != NULL)
        km_view_change(&assigner->window->labels, block);
    km_move_samples(assigner, totals, block, changed, old, labels);
    for (uint64_t left = changed; left != 0; left &= left - 1) {
        const int l = __builtin_ctzll(left);
        if (old[l] >= 0)
            count_sample(samples, totals, block, l, old[l], -1);
        count_sample(samples, totals, block, l, labels[l], +1);
        old[l] = labels[l];
        totals->extras[KM_EXTRA_RELABELED] +=
            samples->weights == NULL || samples->weights[block * KM_BLOCK + l] > 0;
    }
}
