/* One thread's way down the tree of boxes in one assignment: what filters keep of the centers, box
 * by box, and the samples of the leaves; see tree.c. */
#include "base/partition.h"
#include "base/precision.h"
#include "tree.h"
#include "windows.h"

#include <math.h>
#include <string.h>

enum {
    AHEAD = 2, /* leaves from the one that is assigned to the one that is fetched */
    CACHE_LINE = 64,
    MAX_FETCHED = 8192, /* bytes of a leaf */
};

/* Lists, for each box of a set that is wanted, the indices of the candidates that a filter kept.
 * Most candidates stay in few boxes, so this goes through the bits that are set. */
static void list_kept(const uint16_t *kept, int64_t count, uint16_t wanted, int64_t k,
                      int32_t *lists, int64_t *n_listed)
{
    memset(n_listed, 0, KM_SIBLINGS * sizeof *n_listed);
    for (int64_t c = 0; c < count; c++)
        for (uint32_t left = kept[c] & wanted; left != 0; left &= left - 1) {
            const int box = __builtin_ctz(left);
            lists[box * k + n_listed[box]++] = (int32_t)c;
        }
}

static void copy_listed(candidates *to, const candidates *from, const int32_t *list, int64_t n,
                        size_t center_size)
{
    to->count = 0;
    for (int64_t i = 0; i < n; i++)
        km_candidates_add(to, from, list[i], center_size);
}

static void filter_boxes(const km_tree_walk *w, int level, int64_t parent, const candidates *list,
                         const double *margins, uint16_t *kept)
{
    const km_samples *samples = w->assigner->samples;
    const int64_t d = samples->n_features;
    const char *boxes = w->tree->boxes[level];
    const size_t set_size = (size_t)(2 * d * KM_SIBLINGS) * km_precision_size(samples->precision);
    w->assigner->kernel->filter[samples->precision](boxes + (size_t)parent * set_size,
                                                    list->centers, d, list->count, margins,
                                                    w->workspace->work, kept);
    w->workspace->done.box_tests += list->count * KM_SIBLINGS;
}

/* Gives all samples of a leaf the same label. */
static void assign_whole_leaf(const km_tree_walk *w, int64_t leaf, int32_t label)
{
    int32_t labels[KM_BLOCK];
    if (w->tree->owners[leaf] == label)
        return;
    km_window_need(w->assigner, leaf);
    for (int l = 0; l < KM_BLOCK; l++)
        labels[l] = label;
    km_assigner_relabel(w->assigner, leaf, labels);
    w->workspace->done.bytes += km_block_bytes(w->assigner->samples);
    w->tree->owners[leaf] = label;
}

/* Prefetches the samples and labels of a leaf that is likely to be compared sample by sample. */
static void fetch_leaf(const km_tree_walk *w, int64_t leaf)
{
    const km_samples *samples = w->assigner->samples;
    if (leaf >= samples->n_blocks || w->tree->owners[leaf] != MIXED)
        return;
    const char *block = km_samples_block(samples, leaf);
    const char *labels = (const char *)(w->assigner->labels + leaf * KM_BLOCK);
    const int64_t size =
        samples->n_features * KM_BLOCK * (int64_t)km_precision_size(samples->precision);
    for (int64_t i = 0; i < size && i < MAX_FETCHED; i += CACHE_LINE)
        __builtin_prefetch(block + i);
    for (int64_t i = 0; i < KM_BLOCK * (int64_t)sizeof(int32_t); i += CACHE_LINE)
        __builtin_prefetch(labels + i);
}

/* Compares n_left candidates with each sample of a leaf. Returns the minimum gap. */
static double compare_in_leaf(const km_tree_walk *w, int64_t leaf, const int32_t *left,
                              int64_t n_left, bool has_margin)
{
    km_assigner *assigner = w->assigner;
    const km_samples *samples = assigner->samples;
    const candidates *list = &w->workspace->of_group;
    int32_t labels[KM_BLOCK];
    double gap = INFINITY;
    km_window_need(assigner, leaf);
    const uint64_t changed = assigner->kernel->nearest_listed[samples->precision](
        km_samples_block(samples, leaf), list->centers, samples->n_features, list->numbers, left,
        n_left, assigner->labels + leaf * KM_BLOCK, labels, has_margin ? &gap : NULL);
    km_assigner_relabel_some(assigner, leaf, changed, labels);
    if (changed != 0)
        w->tree->owners[leaf] = MIXED;
    w->workspace->done.distances += n_left * km_samples_lanes(samples, leaf);
    assigner->work[leaf] += n_left * KM_BLOCK;
    w->workspace->done.bytes += km_block_bytes(samples);
    return gap;
}

static void assign_leaf(const km_tree_walk *w, int64_t leaf, bool has_margin)
{
    const int64_t n_left = w->workspace->n_of_leaves[leaf % KM_SIBLINGS];
    const int32_t *left = w->workspace->of_leaves + leaf % KM_SIBLINGS * w->all.count;
    double gap = INFINITY;
    fetch_leaf(w, leaf + AHEAD);
    if (n_left == 1)
        assign_whole_leaf(w, leaf, w->workspace->of_group.numbers[left[0]]);
    else
        gap = compare_in_leaf(w, leaf, left, n_left, has_margin);
    km_budgets_set(w->tree->budgets, leaf, gap);
}

/* Lists the candidates of the leaves of a group that are wanted. */
static void filter_leaves(const km_tree_walk *w, int64_t group, double margin, uint16_t wanted)
{
    workspace *r = w->workspace;
    if (r->of_group.count > 1) {
        double margins[KM_SIBLINGS];
        for (int i = 0; i < KM_SIBLINGS; i++)
            margins[i] = margin;
        filter_boxes(w, LEAVES, group, &r->of_group, margin > 0 ? margins : NULL, r->kept);
    } else {
        r->kept[0] = UINT16_MAX;
    }
    list_kept(r->kept, r->of_group.count, wanted, w->all.count, r->of_leaves, r->n_of_leaves);
}

/* The leaves of a group, as bits, in which a label can have changed. */
static uint16_t find_open_leaves(const km_tree_walk *w, int64_t group)
{
    uint16_t open = 0;
    for (int64_t i = 0; i < KM_SIBLINGS; i++) {
        const int64_t leaf = group * KM_SIBLINGS + i;
        if (leaf < w->tree->n_nodes[LEAVES] && !km_budgets_hold(w->tree->budgets, leaf))
            open |= (uint16_t)(1 << i);
    }
    return open;
}

static void assign_group(const km_tree_walk *w, int64_t group, double margin)
{
    const tree *t = w->tree;
    const int64_t first = group * KM_SIBLINGS, left = t->n_nodes[LEAVES] - first;
    const int64_t n = left < KM_SIBLINGS ? left : KM_SIBLINGS;
    const candidates *list = &w->workspace->of_group;
    if (km_budgets_follow(t->budgets, group, list))
        return;
    if (list->count == 1 && margin == 0) {
        for (int64_t leaf = first; leaf < first + n; leaf++)
            assign_whole_leaf(w, leaf, list->numbers[0]);
        return;
    }
    const uint16_t open = find_open_leaves(w, group);
    filter_leaves(w, group, margin, open);
    for (uint32_t still = open; still != 0; still &= still - 1)
        assign_leaf(w, first + __builtin_ctz(still), margin > 0);
    km_budgets_end_group(t->budgets, t, group, open == (uint16_t)((1 << n) - 1));
}

/* Lists the candidates of the groups of a super, which has these margins. */
static void filter_groups(const km_tree_walk *w, int64_t super, double *margins)
{
    workspace *r = w->workspace;
    const km_samples *samples = w->assigner->samples;
    const size_t center_size = (size_t)samples->n_features * km_precision_size(samples->precision);
    const int64_t k = w->all.count;
    const bool has_margins = km_budgets_group_margins(w->tree->budgets, w->tree, super, margins);
    km_candidates_take(&r->of_super, &w->all, w->tree->in_supers + super / KM_SIBLINGS * k,
                       super % KM_SIBLINGS, center_size);
    filter_boxes(w, GROUPS, super, &r->of_super, has_margins ? margins : NULL, r->kept);
    list_kept(r->kept, r->of_super.count, UINT16_MAX, k, r->of_groups, r->n_of_groups);
}

static void take_group(const km_tree_walk *w, int64_t group)
{
    workspace *r = w->workspace;
    const km_samples *samples = w->assigner->samples;
    const size_t center_size = (size_t)samples->n_features * km_precision_size(samples->precision);
    const int64_t i = group % KM_SIBLINGS;
    copy_listed(&r->of_group, &r->of_super, r->of_groups + i * w->all.count, r->n_of_groups[i],
                center_size);
}

/* Will the samples of a leaf be read, whose candidates are listed? */
static bool expects_reading(const km_tree_walk *w, int64_t leaf)
{
    const workspace *r = w->workspace;
    const int64_t i = leaf % KM_SIBLINGS;
    const int32_t first = r->of_group.numbers[r->of_leaves[i * w->all.count]];
    return km_budgets_expect_change(w->tree->budgets, leaf) &&
           (r->n_of_leaves[i] > 1 || w->tree->owners[leaf] != first);
}

/* Finds the leaves of a group, whose candidates are there, that will be compared. */
static void choose_in_group(const km_tree_walk *w, int64_t group, double margin)
{
    const int64_t first = group * KM_SIBLINGS, left = w->tree->n_nodes[LEAVES] - first;
    filter_leaves(w, group, margin, UINT16_MAX);
    for (int64_t leaf = first; leaf < first + (left < KM_SIBLINGS ? left : KM_SIBLINGS); leaf++)
        if (expects_reading(w, leaf))
            km_window_want(w->assigner->window, leaf);
}

/* Does something with each of some groups, whose candidates are there. */
static void for_groups(const km_tree_walk *w, km_rows groups,
                       void (*act)(const km_tree_walk *w, int64_t group, double margin))
{
    double margins[KM_SIBLINGS];
    for (int64_t group = groups.first; group < groups.first + groups.count; group++) {
        if (group == groups.first || group % KM_SIBLINGS == 0)
            filter_groups(w, group / KM_SIBLINGS, margins);
        take_group(w, group);
        act(w, group, margins[group % KM_SIBLINGS]);
    }
}

void km_tree_choose_leaves(const km_tree_walk *w, km_rows groups)
{
    for_groups(w, groups, choose_in_group);
}

void km_tree_assign_groups(const km_tree_walk *w, km_rows groups)
{
    for_groups(w, groups, assign_group);
}

void km_tree_filter_top(const km_tree_walk *w, int64_t top)
{
    double margins[KM_SIBLINGS];
    const bool has_margins = km_budgets_super_margins(w->tree->budgets, w->tree, top, margins);
    filter_boxes(w, SUPERS, top, &w->all, has_margins ? margins : NULL,
                 w->tree->in_supers + top * w->all.count);
}
