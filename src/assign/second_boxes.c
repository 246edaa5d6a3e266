/* The second nearest centers, where there are few features: centers that can be neither the nearest
 * nor the second nearest are dropped for whole boxes of samples at once, from the top of a tree of
 * boxes down, as tree.c does for the nearest.
 *
 * Invariant: a filter drops a center only if the canonical distance, rounding included, prefers two
 * others to it for every sample in the box. */
#include "assign/second.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/precision.h"
#include "base/threads.h"
#include "tree.h"

#include <stdlib.h>

/* The workspace of a thread: for each level the candidates of the node that it is at, and in which
 * of its children they stay. */
typedef struct box_workspace {
    candidates left[TOPS];
    uint16_t *kept[N_LEVELS];
    int64_t top; /* whose children have been filtered; -1: none */
    void *work;  /* of filters */
} box_workspace;

/* What all threads share. */
typedef struct box_search {
    const km_second_query *query;
    tree boxes;
    int64_t d;
    size_t center_size;
    box_workspace *workspaces; /* [n_threads] */
} box_search;

/* Filters the candidates of a node for the boxes of its children. */
static void filter_children(const box_search *s, box_workspace *w, int level, int64_t node,
                            const candidates *list)
{
    const km_second_query *q = s->query;
    const char *boxes = s->boxes.boxes[level - 1];
    const size_t set_size = 2 * KM_SIBLINGS * s->center_size;
    q->kernel->filter_pair[q->samples->precision](boxes + (size_t)node * set_size, list->centers,
                                                  s->d, list->count, w->work, w->kept[level]);
}

/* Compares the samples of a leaf with what is left for it. */
static void find_second_in_leaf(const box_search *s, const candidates *left, int64_t leaf)
{
    const km_second_query *q = s->query;
    int32_t nearest[KM_BLOCK], others[KM_BLOCK];
    q->kernel->nearest_pair[q->samples->precision](
        km_samples_block(q->samples, leaf), left->centers, s->d, left->count, nearest, others);
    for (int l = 0; l < KM_BLOCK; l++) {
        nearest[l] = left->numbers[nearest[l]];
        others[l] = left->numbers[others[l]];
    }
    km_second_of_pairs(q, leaf, nearest, others);
}

/* The node's own candidates are in `left` of its level. */
static void find_second_in_node(const box_search *s, box_workspace *w, int level, int64_t node)
{
    if (level == LEAVES) {
        find_second_in_leaf(s, &w->left[LEAVES], node);
        return;
    }
    const int64_t first = node * KM_SIBLINGS, n = s->boxes.n_nodes[level - 1] - first;
    filter_children(s, w, level, node, &w->left[level]);
    for (int64_t i = 0; i < (n < KM_SIBLINGS ? n : KM_SIBLINGS); i++) {
        km_candidates_take(&w->left[level - 1], &w->left[level], w->kept[level], i, s->center_size);
        find_second_in_node(s, w, level - 1, first + i);
    }
}

static void find_second_in_super(const box_search *s, box_workspace *w, int64_t super)
{
    const km_second_query *q = s->query;
    const candidates all = {q->k, NULL, (void *)(uintptr_t)q->centers};
    const int64_t top = super / KM_SIBLINGS;
    if (w->top != top)
        filter_children(s, w, TOPS, top, &all);
    w->top = top;
    km_candidates_take(&w->left[SUPERS], &all, w->kept[TOPS], super % KM_SIBLINGS, s->center_size);
    find_second_in_node(s, w, SUPERS, super);
}

/* ---- memory -------------------------------------------------------------------------------- */

static void create_box_workspace(box_workspace *w, const km_second_query *q, km_error *error)
{
    const int64_t n_work = km_filter_workspace(q->samples->n_features, q->k);
    w->top = -1;
    for (int level = LEAVES; level < TOPS; level++) {
        km_candidates_create(&w->left[level], q->samples, q->k, error);
        w->kept[level + 1] =
            km_allocate(q->k, sizeof *w->kept[level + 1], "candidates of boxes", error);
    }
    w->work =
        km_allocate(n_work, km_precision_size(q->samples->precision), "candidates of boxes", error);
}

static void free_box_search(box_search *s)
{
    for (int i = 0; i < km_threads() && s->workspaces != NULL; i++) {
        for (int level = LEAVES; level < TOPS; level++) {
            km_candidates_free(&s->workspaces[i].left[level]);
            free(s->workspaces[i].kept[level + 1]);
        }
        free(s->workspaces[i].work);
    }
    free(s->workspaces);
    km_tree_free_boxes(&s->boxes);
}

static km_code create_box_search(box_search *s, const km_second_query *query, km_error *error)
{
    const int64_t d = query->samples->n_features;
    *s = (box_search){.query = query,
                      .d = d,
                      .center_size = (size_t)d * km_precision_size(query->samples->precision)};
    s->workspaces =
        km_allocate_zeroed(km_threads(), sizeof *s->workspaces, "candidates of boxes", error);
    for (int i = 0; i < km_threads() && s->workspaces != NULL; i++)
        create_box_workspace(&s->workspaces[i], query, error);
    return error->code == KM_OK ? km_tree_create_boxes(&s->boxes, query->samples, error)
                                : error->code;
}

bool km_second_find_in_boxes(const km_second_query *query)
{
    km_error why = {0};
    box_search s;
    const bool has_memory = create_box_search(&s, query, &why) == KM_OK;
    if (has_memory) {
#pragma omp parallel for schedule(dynamic, 1)
        for (int64_t super = 0; super < s.boxes.n_nodes[SUPERS]; super++)
            find_second_in_super(&s, &s.workspaces[km_thread()], super);
    }
    free_box_search(&s);
    return has_memory;
}

/* Boxes, and lists of candidates of each thread with what filters work on. */
double km_second_in_boxes_bytes(const km_shape *shape)
{
    const double d = (double)shape->n_features, value = km_value_bytes(shape);
    const double of_center =
        TOPS * (d * value + sizeof(int32_t) + sizeof(uint16_t)) + KM_SIBLINGS * value;
    return km_tree_boxes_bytes(shape) + shape->n_threads * (double)shape->n_clusters * of_center;
}
