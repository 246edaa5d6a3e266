/* What the files of the method `neighbours` share. */
#ifndef SKYMEANS_ASSIGN_NEIGHBOURS_H
#define SKYMEANS_ASSIGN_NEIGHBOURS_H

#include "base/error.h"
#include "methods.h"

enum { N_ROWS = 8 };

/* Centers that samples may be compared with, in blocks as samples are. */
typedef struct center_set {
    int64_t count, n_blocks;
    int32_t *numbers; /* [count], ascending */
    void *blocks;     /* [n_blocks][d][KM_BLOCK] */
} center_set;

/* The workspace of one thread. */
typedef struct near_workspace {
    /* Squared distances of some centers to all of a set, which one after the other are needed for
     * several blocks. */
    struct {
        int32_t center; /* or NO_CENTER */
        const center_set *set;
        void *distances2; /* [n_blocks * KM_BLOCK] */
    } rows[N_ROWS];
    int next_row;     /* that is overwritten next */
    uint64_t *within; /* [n_blocks], a bit for each center of a set */
    uint64_t *marked; /* [n_blocks], and for each center */
    int32_t *chosen;  /* [k] */
    km_work done;
} near_workspace;

enum { NO_CENTER = -1 };

typedef struct neighbours {
    double largest;                      /* absolute value of all samples */
    bool is_sorted;                      /* samples are, in this assignment */
    double compared_when_sorted, excess; /* comparisons right after sorting, and by how many there
                                            have been more since then */
    bool has_before;
    bool *has_moved;            /* [k], in this assignment */
    void *before;               /* [k][d], centers of the last assignment */
    center_set all, moved;      /* the centers of this one */
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

/* Puts the samples into an order that suits their labels, which they have already. Without memory
 * they stay as they are. */
void km_sort_by_distance(km_assigner *assigner, const void *centers);

/* Labels all samples by a center that is probably near, and sorts them. False, and labels are
 * forgotten, without memory. */
bool km_guess_labels(km_assigner *assigner, const void *centers);

#endif
