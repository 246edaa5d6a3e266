/* What the files of the method `neighbours` share. */
#ifndef SKYMEANS_ASSIGN_NEIGHBOURS_H
#define SKYMEANS_ASSIGN_NEIGHBOURS_H

#include "base/error.h"
#include "methods.h"

enum { N_ROWS = 8, NEAR_BLOCKS_AT_ONCE = 16 };

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
    uint64_t *marked;        /* [n_blocks], a bit for each center by its number; none is set */
    int32_t *chosen;         /* [k + km_most_fast(k)] */
    int32_t *found;          /* [k] */
    km_work done;
} near_workspace;

enum { NO_CENTER = -1 };

/* What a part of a block keeps: where its numbers of centers are, behind those of its chunk. */
typedef struct kept_part {
    int32_t first, count; /* count 0: nothing */
    int32_t n_own;        /* the first of them were own centers of its samples */
    double margin;        /* by which all others are farther */
} kept_part;

/* What a part lists. */
typedef struct kept_limits {
    km_distances limits2; /* of its samples, -1 of those that do not count */
    double own2[KM_PART]; /* squared distances to own centers */
    int32_t own[KM_PART]; /* these */
    int32_t n_own;
    double margin, farthest; /* the latter of own2, about, not squared */
} kept_limits;

typedef struct center_move {
    double distance;
    int32_t center;
} center_move;

/* Lists of centers that parts of blocks keep, see near_kept.c. */
typedef struct kept_lists {
    bool are_made;      /* in this assignment */
    bool has_failed;    /* there was no memory for them */
    double margin;      /* of those that are */
    kept_part *parts;   /* [n_blocks * KM_BLOCK / KM_PART] */
    int32_t *numbers;   /* a slice for each chunk of blocks; NULL: none are kept */
    int32_t *n_numbers; /* in each slice */
    void *since;        /* [k][d], centers when they were made */
    double *distances;  /* [k], from there */
    center_move *moves; /* [k], the same, the farthest first */
} kept_lists;

typedef struct neighbours {
    double largest;        /* absolute value of all samples */
    bool is_sorted;        /* samples are, in this assignment */
    bool is_ordered;       /* the centers are, for the next time samples are sorted */
    double most_compared;  /* comparisons in the worst assignment since sorting, */
    double least_compared; /* in the best one, */
    double excess;         /* and how many more there have been after that */
    double relabeled;      /* in the last assignment, a part of the samples */
    bool has_before;
    bool *has_moved;       /* [k], in this assignment */
    void *before;          /* [k][d], centers of the last assignment */
    int32_t *order;        /* [k], centers such that neighbours are mostly near each other */
    center_set all, moved; /* the centers of this assignment */
    center_set fast;       /* those that have moved most since lists were made */
    kept_lists kept;
    near_workspace *workspaces; /* [n_threads] */
} neighbours;

/* Is it time for lists, where there are none? */
bool km_kept_is_wanted(const neighbours *n);

static inline int64_t blocks_of_centers(int64_t k)
{
    return (k + KM_BLOCK - 1) / KM_BLOCK;
}

/* The number of samples in the half of a block that begins at a lane. */
static inline int64_t km_part_lanes(const km_samples *samples, int64_t block, int first)
{
    const int lanes = km_samples_lanes(samples, block) - first;
    return lanes < KM_PART ? lanes : KM_PART;
}

/* Lists, in `chosen` of the thread, the centers of a set that may be the nearest of a sample in
 * some lanes of a block, or within a margin of it; `labels` [KM_BLOCK] are of these lanes, -1 for
 * all others. Returns how many there are. */
int64_t km_choose_near(km_assigner *assigner, const void *centers, int64_t block, uint64_t lanes,
                       const int32_t *labels, const center_set *set, double margin);

/* Fills a set from the numbers of its centers. */
void km_fill_center_set(center_set *set, const km_samples *samples, const void *centers);

/* The number of fast centers up to which kept lists are of use. */
int64_t km_most_fast(int64_t k);

/* Finds how far each center is from where it was, rounded up, and sorts the fast ones. */
void km_find_moves(km_assigner *assigner, const void *was, const void *centers);

/* Centers that have moved by more than a distance; not more than km_most_fast(k). */
int64_t km_count_fast(const kept_lists *kept, int64_t k, double distance);

/* Makes the set of those that may count as fast. */
void km_fill_fast(km_assigner *assigner, const void *centers);

void km_kept_create(kept_lists *kept, const km_samples *samples, int64_t k, km_error *error);
void km_kept_free(kept_lists *kept);
double km_kept_bytes(const km_shape *shape);

/* Some blocks have other samples now, or all. */
void km_kept_forget(km_assigner *assigner, int64_t block, int64_t n_blocks);
void km_kept_forget_all(km_assigner *assigner);

/* Before an assignment: lists are made in it, or what has moved since they were is found. */
void km_kept_prepare(km_assigner *assigner, const void *centers, bool are_made);

/* Lists, in `chosen` of the thread, the centers with which a part of a block, from lane `first` on,
 * need be compared by what it keeps. Returns how many there are; 0 if it keeps nothing of use. */
int64_t km_kept_choose(km_assigner *assigner, const void *centers, int64_t block, int first);

/* The limits of the samples of a part, from lane `first` on, in some lanes: they list centers that
 * are farther than their own one by a margin, which is returned. */
double km_kept_limits(km_assigner *assigner, const void *centers, int64_t block, int first,
                      uint64_t lanes, const int32_t *labels, kept_limits *of);

/* Makes the list of a part: of the n_chosen centers, in `chosen` of the thread, those within its
 * limits. `chosen` gets the list; returns how many are in it. */
int64_t km_kept_make(km_assigner *assigner, const void *centers, int64_t block, int first,
                     const kept_limits *of, int64_t n_chosen);

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
