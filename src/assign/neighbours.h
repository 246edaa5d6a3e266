/* What the files of the method `neighbours` share. */
#ifndef SKYMEANS_ASSIGN_NEIGHBOURS_H
#define SKYMEANS_ASSIGN_NEIGHBOURS_H

#include "base/error.h"
#include "methods.h"

enum { N_ROWS = 8 };

/* Centers that samples may be compared with, in blocks as samples are. Neighbours in the set are
 * mostly near each other, and each block is within a ball. */
typedef struct center_set {
    int64_t count, n_blocks;
    int32_t *numbers; /* [count] */
    void *blocks;     /* [n_blocks][d][KM_BLOCK] */
    void *middles;    /* [blocks of n_blocks][d][KM_BLOCK], of the balls */
    double *radii;    /* [n_blocks], upper bounds */
} center_set;

/* Squared distances of one center to those of a set, as far as they have been asked for. */
typedef struct center_row {
    int32_t center; /* or NO_CENTER */
    const center_set *set;
    void *distances2; /* [n_blocks * KM_BLOCK] */
    double *least2;   /* [n_blocks], lower bounds of those of a block */
    bool *is_known;   /* [n_blocks] */
} center_row;

/* The workspace of one thread. */
typedef struct near_workspace {
    center_row rows[N_ROWS]; /* of the last centers that were asked for */
    int next_row;            /* that is overwritten next */
    uint64_t *within;        /* [n_blocks], a bit for each center of a set */
    uint64_t *marked;        /* [n_blocks], a bit for each center by its number */
    int32_t *chosen;         /* [k + 1] */
    km_work done;
} near_workspace;

enum { NO_CENTER = -1 };

typedef struct neighbours {
    double largest;                      /* absolute value of all samples */
    bool is_sorted;                      /* samples are, in this assignment */
    bool is_ordered;                     /* the centers are, for the next time samples are sorted */
    double compared_when_sorted, excess; /* comparisons right after sorting, and by how many there
                                            have been more since then */
    bool has_before;
    bool *has_moved;            /* [k], in this assignment */
    void *before;               /* [k][d], centers of the last assignment */
    int32_t *order;             /* [k], centers such that neighbours are mostly near each other */
    center_set all, moved;      /* the centers of this assignment */
    near_workspace *workspaces; /* [n_threads] */
} neighbours;

static inline int64_t blocks_of_centers(int64_t k)
{
    return (k + KM_BLOCK - 1) / KM_BLOCK;
}

/* Lists, in `chosen` of the thread, the centers of a set that may be the nearest of a sample in
 * some lanes of a block; `labels` [KM_BLOCK] are of these lanes, -1 for all others. Returns how
 * many there are. */
int64_t km_choose_near(km_assigner *assigner, const void *centers, int64_t block, uint64_t lanes,
                       const int32_t *labels, const center_set *set);

/* Makes the sets of all centers and of those that have moved. */
void km_fill_center_sets(km_assigner *assigner, const void *centers);

/* Puts the centers into an order in which neighbours are mostly near each other. */
void km_order_centers(km_assigner *assigner, const void *centers);

/* Puts the samples into an order that suits their labels, which they have already, and the order of
 * the centers. Without memory they stay as they are. */
void km_sort_by_distance(km_assigner *assigner, const void *centers);

/* Labels all samples by a center that is probably near, and sorts them. False, and labels are
 * forgotten, without memory. */
bool km_guess_labels(km_assigner *assigner, const void *centers);

#endif
