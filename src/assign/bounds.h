/* What the files of the method `bounds` share; see bounds.c. */
#ifndef SKYMEANS_ASSIGN_BOUNDS_H
#define SKYMEANS_ASSIGN_BOUNDS_H

#include "methods.h"
#include "screen.h"

enum { KM_BOUNDS_AT_ONCE = 16 }; /* blocks that a thread takes at once */

/* The workspace of one thread. */
typedef struct bounds_workspace {
    void *work;      /* of kernels */
    int32_t *chosen; /* [k] */
    double *gaps;    /* [k], of those that are chosen */
    uint64_t *used;  /* [k / 64], a bit for each center whose gap is used up */
    km_work done;
    int64_t n_screened, n_pairs; /* of blocks and centers; of groups of samples and centers that
                                    the screen left open */
} bounds_workspace;

typedef struct bounds {
    int64_t n_counted; /* samples, those with weight */
    int64_t n_changed; /* labels since the samples were sorted, or since the first assignment */
    int64_t n_changed_last; /* in the last assignment */
    double largest;         /* absolute value of all samples */
    int64_t n_columns;      /* k rounded up */
    float *bound;           /* [n_blocks][n_columns], gaps plus drifts; NULL while there are none */
    float *own_drifts;  /* [n_blocks], sums of the largest movement of the block's own centers */
    double *drift;      /* [k], sums of the movement of each center, rounded up */
    float *drift_bound; /* [n_columns], an upper bound of drift in float, see note_drifts */
    float *moved;       /* [k], in this assignment, an upper bound in float */
    void *before;       /* [k][d], centers of the last assignment */
    km_owned_screen screen;
    bool has_screen;              /* it pays */
    bounds_workspace *workspaces; /* [n_threads] */
} bounds;

/* Compares all centers with the samples of all blocks. */
void km_bounds_compare_all(km_assigner *assigner, const void *centers);

/* The same, and computes all gaps. */
void km_bounds_make_gaps(km_assigner *assigner, const void *centers);

/* Assigns by the gaps. */
void km_bounds_use_gaps(km_assigner *assigner, const void *centers);

#endif
