/* A tree of boxes over the blocks of the samples; shared by the files of the method `tree`.
 *
 * Levels from the ground: a leaf is a block, then come groups, supers and tops, each of
 * KM_SIBLINGS nodes of the level below. Boxes are of the samples, so they never change. */
#ifndef SKYMEANS_ASSIGN_TREE_H
#define SKYMEANS_ASSIGN_TREE_H

#include "base/error.h"
#include "methods.h"

enum { LEAVES, GROUPS, SUPERS, TOPS, N_LEVELS };

/* The centers that may still be the nearest: their numbers, ascending, and positions [][d]. NULL
 * for the numbers of all centers. */
typedef struct candidates {
    int64_t count;
    int32_t *numbers;
    void *centers;
} candidates;

/* Room for k of them. KM_MEMORY; free also then. */
void km_candidates_create(candidates *list, const km_samples *samples, int64_t k, km_error *error);
void km_candidates_free(candidates *list);

/* Adds candidate c of another list; and takes those that a filter kept in a box of its set. */
void km_candidates_add(candidates *to, const candidates *from, int64_t c, size_t center_size);
void km_candidates_take(candidates *to, const candidates *from, const uint16_t *kept, int64_t box,
                        size_t center_size);

/* The workspace of one thread. */
typedef struct workspace {
    candidates of_super, of_group;
    uint16_t *kept; /* [k], the boxes in which a filter kept a center */
    /* [KM_SIBLINGS][k], indices of what it kept in of_super and in of_group, and how many */
    int32_t *of_groups, *of_leaves;
    int64_t n_of_groups[KM_SIBLINGS], n_of_leaves[KM_SIBLINGS];
    void *work; /* of filters */
    km_work done;
} workspace;

typedef struct tree {
    int64_t n_nodes[N_LEVELS];
    void *boxes[TOPS];     /* by level: [n_nodes of the next level][2][d][KM_SIBLINGS] */
    double largest;        /* absolute value of all samples */
    uint16_t *in_supers;   /* [n_nodes[TOPS]][k], what a filter kept of all centers */
    int32_t *owners;       /* [n_nodes[LEAVES]], the label of all samples of a leaf, or MIXED */
    workspace *workspaces; /* [n_threads] */
    struct budgets *budgets;
} tree;

enum { MIXED = -1 };

/* The boxes of all levels. KM_MEMORY; free them also then. And the bytes that they take. */
km_code km_tree_create_boxes(tree *t, const km_samples *samples, km_error *error);
void km_tree_free_boxes(tree *t);
double km_tree_boxes_bytes(const km_shape *shape);

/* The boxes anew of some leaves whose samples are others now, and of all that they are in. */
void km_tree_renew_boxes(tree *t, const km_samples *samples, int64_t leaf, int64_t n_leaves);

/* The radius of a leaf: half the diagonal of its box. */
double km_tree_radius(const tree *t, const km_samples *samples, int64_t leaf);

/* ---- walking down, see tree_walk.c ----------------------------------------------------------- */

/* One thread's walk through the tree in one assignment. */
typedef struct km_tree_walk {
    km_assigner *assigner;
    tree *tree;
    workspace *workspace;
    candidates all;
} km_tree_walk;

/* Filters all centers for the boxes of a top. */
void km_tree_filter_top(const km_tree_walk *walk, int64_t top);

/* Labels the samples of these groups, with what was kept for their supers. */
void km_tree_assign_groups(const km_tree_walk *walk, km_rows groups);

/* Where the assigner sees a window: says which leaves of these groups will be needed. */
void km_tree_choose_leaves(const km_tree_walk *walk, km_rows groups);

/* ---- budgets, see budgets.c ----------------------------------------------------------------- */

km_code km_budgets_create(tree *t, const km_samples *samples, int64_t k, km_error *error);
void km_budgets_free(struct budgets *budgets);

/* Forgets everything: the next assignment looks at every leaf. */
void km_budgets_forget(struct budgets *budgets);

/* Forgets what is known of the leaves of a group, which have other samples now. */
void km_budgets_renew(struct budgets *budgets, const tree *t, int64_t group);

/* Begins an assignment: adds up how far the centers have moved, and chooses margins. */
void km_budgets_begin(struct budgets *budgets, const tree *t, const void *centers);

/* The margins of the groups of a super, or of the supers of a top: [KM_SIBLINGS]; false if all are
 * 0. */
bool km_budgets_group_margins(const struct budgets *budgets, const tree *t, int64_t super,
                              double *margins);
bool km_budgets_super_margins(const struct budgets *budgets, const tree *t, int64_t top,
                              double *margins);

/* Follows the candidates of a group. True if no label in it can have changed. */
bool km_budgets_follow(struct budgets *budgets, int64_t group, const candidates *now);

/* Can no label in the leaf have changed? */
bool km_budgets_hold(const struct budgets *budgets, int64_t leaf);

/* Will a label in the leaf perhaps change in this assignment? Before the candidates of its group
 * are followed. */
bool km_budgets_expect_change(const struct budgets *budgets, int64_t leaf);

/* Sets the budget of a leaf that has been assigned. `gap` is the minimum difference of the
 * distances to the second nearest and to the nearest of the remaining candidates. */
void km_budgets_set(struct budgets *budgets, int64_t leaf, double gap);

/* All leaves of the group hold, or have been assigned. Needless, as km_budgets_set, without a
 * margin. */
void km_budgets_end_group(struct budgets *budgets, const tree *t, int64_t group, bool are_all_new);

#endif
