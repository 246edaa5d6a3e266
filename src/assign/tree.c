/* The method `tree`: centers that cannot be the nearest are dropped early, for whole boxes of
 * samples at once.
 *
 * Samples are ordered so that neighbours in space are neighbours in memory; so blocks, and runs of
 * blocks, have small boxes. From the top down, a filter finds which of the remaining centers can be
 * nearest to any point of a box (Pelleg & Moore 1999, doi:10.1145/312129.312248; Kanungo et al.
 * 2002, doi:10.1109/TPAMI.2002.1017616). If one center remains, all samples of the leaf get its
 * label; if there are more, the kernel compares only them, sample by sample. Late in a fit most
 * leaves are skipped altogether: budgets.c.
 *
 * Invariant: a filter drops a center only if the canonical distance, rounding included, prefers
 * another one to it for every sample in the box; so labels are those of Lloyd's method. */
#include "tree.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/threads.h"
#include "windows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- creating ------------------------------------------------------------------------------- */

static void create_tree_workspace(workspace *r, const km_samples *samples, int64_t k,
                                  km_error *error)
{
    const char *what = "candidates of boxes";
    const int64_t d = samples->n_features;
    const int64_t value_size = (int64_t)km_precision_size(samples->precision);
    km_candidates_create(&r->of_super, samples, k, error);
    km_candidates_create(&r->of_group, samples, k, error);
    r->kept = km_allocate(k, sizeof *r->kept, what, error);
    r->of_groups = km_allocate(KM_SIBLINGS * k, sizeof *r->of_groups, what, error);
    r->of_leaves = km_allocate(KM_SIBLINGS * k, sizeof *r->of_leaves, what, error);
    r->work = km_allocate(km_filter_workspace(d, k), (size_t)value_size, what, error);
}

static void free_tree_workspace(workspace *r)
{
    km_candidates_free(&r->of_super);
    km_candidates_free(&r->of_group);
    free(r->kept);
    free(r->of_groups);
    free(r->of_leaves);
    free(r->work);
}

/* Nothing is known of the labels: at the start, and after an assignment by another method. */
static void forget_labels_of_leaves(tree *t)
{
    for (int64_t leaf = 0; leaf < t->n_nodes[LEAVES]; leaf++)
        t->owners[leaf] = MIXED;
    km_budgets_forget(t->budgets);
}

km_code km_tree_create(km_assigner *assigner, km_error *error)
{
    const km_samples *samples = assigner->samples;
    const int64_t k = assigner->n_clusters;
    tree *t = km_allocate_zeroed(1, sizeof *t, "tree of boxes", error);
    assigner->state = t;
    if (t == NULL)
        return error->code;
    km_tree_create_boxes(t, samples, error);
    t->in_supers = km_allocate(t->n_nodes[TOPS] * k, sizeof *t->in_supers, "boxes", error);
    t->owners = km_allocate(t->n_nodes[LEAVES], sizeof *t->owners, "boxes", error);
    t->workspaces = km_allocate_zeroed(assigner->n_threads, sizeof *t->workspaces, "boxes", error);
    for (int i = 0; i < assigner->n_threads && t->workspaces != NULL; i++)
        create_tree_workspace(&t->workspaces[i], samples, k, error);
    if (error->code == KM_OK && km_budgets_create(t, samples, k, error) == KM_OK)
        forget_labels_of_leaves(t);
    return error->code;
}

void km_tree_free(km_assigner *assigner)
{
    tree *t = assigner->state;
    km_tree_free_boxes(t);
    for (int i = 0; i < assigner->n_threads && t->workspaces != NULL; i++)
        free_tree_workspace(&t->workspaces[i]);
    km_budgets_free(t->budgets);
    free(t->workspaces);
    free(t->owners);
    free(t->in_supers);
    free(t);
}

/* ---- assigning all samples ------------------------------------------------------------------ */

static void add_up_tree_work(km_assigner *assigner, tree *t)
{
    for (int i = 0; i < assigner->n_threads; i++)
        km_work_add_up(&assigner->done, &t->workspaces[i].done);
}

static km_tree_walk start_walk(km_assigner *assigner, const void *centers)
{
    tree *t = assigner->state;
    return (km_tree_walk){.assigner = assigner,
                          .tree = t,
                          .workspace = &t->workspaces[km_thread()],
                          .all = {assigner->n_clusters, NULL, (void *)(uintptr_t)centers}};
}

static km_rows groups_of_window(const km_window *window)
{
    return (km_rows){window->first / KM_SIBLINGS, (window->count + KM_SIBLINGS - 1) / KM_SIBLINGS};
}

static void choose_leaves(km_window *window, const void *centers)
{
    const km_tree_walk w = start_walk(&window->assigner, centers);
    km_tree_choose_leaves(&w, groups_of_window(window));
}

static void assign_leaves(km_window *window, const void *centers)
{
    const km_tree_walk w = start_walk(&window->assigner, centers);
    km_tree_assign_groups(&w, groups_of_window(window));
}

static void assign_supers(km_assigner *assigner, const void *centers)
{
    const tree *t = assigner->state;
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t super = 0; super < t->n_nodes[SUPERS]; super++) {
        const int64_t first = super * KM_SIBLINGS, left = t->n_nodes[GROUPS] - first;
        const km_tree_walk w = start_walk(assigner, centers);
        km_tree_assign_groups(&w, (km_rows){first, left < KM_SIBLINGS ? left : KM_SIBLINGS});
    }
}

void km_tree_assign(km_assigner *assigner, const void *centers)
{
    tree *t = assigner->state;
    if (!km_centers_are_safe(assigner, centers, t->largest, assigner->samples->precision)) {
        forget_labels_of_leaves(t);
        km_assign_lloyd(assigner, centers);
        return;
    }
    km_budgets_begin(t->budgets, t, centers);
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t top = 0; top < t->n_nodes[TOPS]; top++) {
        const km_tree_walk w = start_walk(assigner, centers);
        km_tree_filter_top(&w, top);
    }
    if (km_windows_pay(assigner))
        km_windows_pass(assigner, &(km_window_pass){.want = choose_leaves, .work = assign_leaves},
                        centers);
    else
        assign_supers(assigner, centers);
    add_up_tree_work(assigner, t);
}

void km_tree_renew(km_assigner *assigner, int64_t block, int64_t n_blocks)
{
    tree *t = assigner->state;
    km_tree_renew_boxes(t, assigner->samples, block, n_blocks);
    for (int64_t leaf = block; leaf < block + n_blocks; leaf++)
        t->owners[leaf] = MIXED;
    for (int64_t group = block / KM_SIBLINGS; group * KM_SIBLINGS < block + n_blocks; group++)
        km_budgets_renew(t->budgets, t, group);
}

/* Boxes; the label of each leaf; and candidates of each thread, with what filters work on. */
double km_tree_bytes(const km_shape *shape)
{
    const double d = (double)shape->n_features, k = (double)shape->n_clusters;
    const double n_leaves = (double)shape->n_samples / KM_BLOCK, value = km_value_bytes(shape);
    const double lists = (2 * KM_SIBLINGS + 2) * sizeof(int32_t) + sizeof(uint16_t);
    const double of_center = (2 * d + KM_SIBLINGS) * value + lists;
    return km_tree_boxes_bytes(shape) + n_leaves * sizeof(int32_t) +
           shape->n_threads * k * of_center + km_budgets_bytes(shape);
}

/* Boxes prune less the more features there are, and with very few clusters nothing. */
double km_tree_cost(const km_shape *shape)
{
    enum { FEW_FEATURES = 4, MOST_FEATURES = 12 };
    const double k = (double)shape->n_clusters;
    const double least = shape->n_features <= FEW_FEATURES ? 1 : 3;
    return shape->n_features <= MOST_FEATURES ? least + k / 8 : k + 1;
}

/* The more features, the more centers stay in boxes, and the more large boxes cost. */
double km_tree_exchange_takes(const km_shape *shape)
{
    enum { FEW_FEATURES = 5 };
    return shape->n_features <= FEW_FEATURES ? 75 : 13;
}
