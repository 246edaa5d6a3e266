/* What the files of the method `bounds` share; see bounds.c. */
#ifndef SKYMEANS_ASSIGN_BOUNDS_H
#define SKYMEANS_ASSIGN_BOUNDS_H

#include "methods.h"
#include "screen.h"

enum { KM_BOUNDS_AT_ONCE = 16 }; /* blocks that a thread takes at once */

/* What was compared with a screen. */
typedef struct screen_work {
    int64_t n_blocks, n_centers; /* that many of all blocks together */
    int64_t n_pairs;             /* of groups of samples and centers that the screen left open */
} screen_work;

/* The workspace of one thread. */
typedef struct bounds_workspace {
    void *work;      /* of kernels */
    int32_t *chosen; /* [k] */
    double *gaps;    /* [k], of those that are chosen */
    uint64_t *used;  /* [k / 64], a bit for each center whose gap is used up */
    km_work done;
    screen_work screened[2]; /* of features, and on axes */
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
    km_owned_screen screen, on_axes;
    bool has_screen, has_axes; /* it pays */
    bool has_tried_axes;
    const km_owned_screen *used;  /* in this assignment; or NULL */
    bounds_workspace *workspaces; /* [n_threads] */
} bounds;

/* Compares the chosen centers with the samples of a block. -1 if the screen leaves too much open.
 */
double km_bounds_compare_by_screen(km_assigner *assigner, const void *centers, int64_t block,
                                   int64_t n_chosen, int32_t *labels, double *gaps);

/* Before an assignment with these centers, of which all are compared or those that are chosen for a
 * block: makes the screen for it, if one pays. And after it: gives up screens that do not pay. */
void km_bounds_set_screen(km_assigner *assigner, const void *centers, bool are_all);
void km_bounds_judge_screens(km_assigner *assigner);

/* Compares all centers with the samples of all blocks. */
void km_bounds_compare_all(km_assigner *assigner, const void *centers);

/* The same, and computes all gaps. */
void km_bounds_make_gaps(km_assigner *assigner, const void *centers);

/* Assigns by the gaps. */
void km_bounds_use_gaps(km_assigner *assigner, const void *centers);

#endif
