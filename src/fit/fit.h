/* fit.h - the iteration: assign, sum over ranks, update, until the centers stop moving.
 *
 * It works on samples in memory and over the communicator that it is given, and knows neither files
 * nor which method, kernel or seeding runs. */
#ifndef SKYMEANS_FIT_H
#define SKYMEANS_FIT_H

#include "assign/assign.h"
#include "base/error.h"
#include "base/timers.h"
#include "comm/pace.h"
#include "samples/facts.h"

typedef skymeans_iteration km_iteration;

/* Why a fit ended. */
typedef enum km_stop {
    KM_STOP_TOLERANCE,      /* the centers moved less than the tolerance */
    KM_STOP_NO_CHANGE,      /* no label changed */
    KM_STOP_MAX_ITERATIONS, /* the limit came first */
    KM_STOP_WISH,           /* a rank wished to stop, as after a signal */
    KM_STOP_TIME,           /* the time was up */
} km_stop;

const char *km_stop_name(km_stop stop);
bool km_stop_is_converged(km_stop stop);

/* Where a fit stands between two iterations; the same on all ranks. Labels, sums and bounds are not
 * in it: repeating the last assignment computes them again. */
typedef struct km_fit_state {
    int64_t n_iterations;  /* done; 0: the fit has not begun, and the other fields are unset */
    int n_words;           /* of each exact sum, 1 or 2 */
    double *used;          /* [k][d], rounded centers that the last assignment used */
    double *centers;       /* [k][d], after the update that followed */
    km_iteration *history; /* [n_iterations] */
} km_fit_state;

/* What is made equal between clusters. */
typedef enum km_balance { KM_BALANCE_NONE, KM_BALANCE_COUNT, KM_BALANCE_WEIGHT } km_balance;

/* How equal the clusters of a fit are: sizes in units of the mean of their field, which are the
 * clusters that touch each other. */
typedef struct km_balanced {
    int64_t n_fields;     /* 0: nothing was balanced */
    int64_t n_straddling; /* clusters whose rows lie in two parts, far from each other */
    double lowest, highest;
    bool is_right; /* all are within what is allowed */
} km_balanced;

/* What a fit is asked to do; equal on all ranks. */
typedef struct km_fit_task {
    int64_t n_clusters;
    double tolerance; /* of the shift, in units of the mean variance of the features */
    int64_t max_iterations;
    km_balance balance;   /* other than none: samples and centers have heights, see balance.h */
    uint64_t random_seed; /* of the rows by which prices are found */
    double radius;        /* of the sphere on which the centers stay, a working value; 0: none */
    int exponent; /* of km_transform: inertia and shift are reported in the space of the fit */
    const km_facts *facts; /* of the samples, moments included */
    bool exchanges;        /* may samples go to other ranks, where the method gains by that? */
    const km_method *method;
    const km_method *early; /* begins, and goes over to `method`; or NULL */
    const km_method *late;  /* without that, the one that `method` goes over to; or NULL */
    const km_kernel *kernel;
    km_pace *pace; /* NULL: none */
    /* Saves a fit between two iterations; called only if the pace can save. Collective; errors are
     * agreed. */
    km_code (*save)(void *context, const km_fit_state *state, km_error *error);
    void *context;
    const km_fit_state *resume; /* goes on from this state; NULL: starts from the first centers */
    /* Refuses first centers of which the first iteration finds a larger inertia; NULL: none. */
    const double *max_inertia;
} km_fit_task;

/* The result of a fit. Labels and inertia belong to the centers. */
typedef struct km_fit {
    double *centers;       /* [k][d], working values, with heights */
    double *previous;      /* [k][d], the centers that the last iteration's assignment used */
    int64_t n_refilled;    /* clusters whose centers the last iteration's update did not put at the
                              means of their rows */
    int64_t *sizes;        /* [k], samples of all ranks */
    double *weights;       /* [k], sums of their weights */
    int32_t *labels;       /* [n_samples], of this rank's samples */
    double inertia;        /* in the space of the fit */
    bool is_beyond;        /* the inertia would be, beyond the range of normal doubles */
    km_iteration *history; /* [n_iterations] */
    int64_t n_iterations;
    km_stop stop;
    const km_method *first_method, *last_method; /* that assigned */
    int64_t n_by_first; /* iterations by the first of these, if they differ, since it went on */
    bool is_saved;      /* it was stopped and saved: only history and stop are set */
    bool is_refused;    /* the first centers were refused: nothing else is set */
    int64_t n_empty;    /* clusters without weight: more clusters than distinct samples */
    km_balanced balanced;
} km_fit;

/* Fits from the first centers [k][d], working values. When a rank wishes to stop, all ranks finish
 * the iteration; then the fit is saved, or, if it can't be saved, ends there with a whole result.
 * Collective over comm: ranks pass their own samples, and all other arguments are the same. All
 * results but the labels are the same bits on all ranks. Adds to the phases assign, reduce and
 * update of the timers. KM_MEMORY, or the error of task->save, agreed; after success, free with
 * km_fit_free. */
km_code km_fit_run(km_fit *fit, const km_fit_task *task, km_samples *samples,
                   const double *first_centers, MPI_Comm comm, km_timers *timers, km_error *error);
void km_fit_free(km_fit *fit);

/* Computes the labels of a fit again from its centers: for a fit that lost them, or whose labels
 * are in an older order of the samples. The samples keep their order. Collective over comm; errors
 * are agreed. */
km_code km_fit_relabel(km_fit *fit, const km_fit_task *task, km_samples *samples, MPI_Comm comm,
                       km_error *error);

/* Bytes per rank of a fit: the first, current, previous, used and rounded centers, and the
 * assigner. */
double km_fit_bytes(const km_shape *shape, const km_method *method);

/* Several fits of the same samples, and how well they agree with the best of them. */
typedef struct km_restarts {
    int64_t count; /* fits so far */
    int64_t best;  /* the first with the lowest inertia */
    int64_t n_clusters, n_features;
    bool is_compared;      /* the last two arrays are filled in */
    double *inertia;       /* [count] */
    int64_t *n_iterations; /* [count] */
    double *centers;       /* [count][k][d], working values */
    double *rand_index;    /* [count], adjusted Rand index of the labels and the best fit's */
    double *coincidence;   /* [k], for each cluster of the best fit: the largest fraction of its
                              samples that share a label in another fit, as a mean over the other
                              fits; NaN if the cluster is empty */
} km_restarts;

/* Allocates the arrays for `count` fits. Local. KM_MEMORY; call km_restarts_free also then. */
km_code km_restarts_create(km_restarts *restarts, int64_t count, int64_t n_clusters,
                           int64_t n_features, km_error *error);
void km_restarts_free(km_restarts *restarts);

/* Bytes per rank of several fits: the centers of all, and the labels and two copies of the centers
 * of the best; and the bytes that comparing them takes beside these. 0 for one fit. */
double km_restarts_bytes(const km_shape *shape);
double km_restarts_compare_bytes(const km_shape *shape, const km_method *method);

/* Records the next fit, and takes it over: it replaces `best` if it is better, and is freed if not.
 * Local. */
void km_restarts_take(km_restarts *restarts, km_fit *fit, km_fit *best);

/* Compares the best of at least two fits with the others, whose labels it computes again, one fit
 * at a time. Collective over comm; errors are agreed. */
km_code km_restarts_compare(km_restarts *restarts, const km_fit_task *task, km_samples *samples,
                            const km_fit *best, MPI_Comm comm, km_error *error);

/* The number of coordinates of a center that are heights, which count for labels only; and centers
 * without them, from [k][n_values] to [k][n_values - n_heights]. Local. */
static inline int64_t km_heights(km_balance balance)
{
    return balance != KM_BALANCE_NONE;
}
void km_add_heights(double *centers, int64_t k, int64_t d, int64_t n_heights); /* of 0, in place */
void km_drop_heights(const double *centers, int64_t k, int64_t n_values, int64_t n_heights,
                     double *plain);

/* The distances of the samples of a block to the centers of their labels, in the space of the fit,
 * by the first d features. `centers` is [k][d], `labels` those of this block alone, `distances`
 * [KM_BLOCK]. Local. */
void km_block_distances(const km_samples *samples, const km_kernel *kernel, const double *centers,
                        int64_t d, const int32_t *labels, int exponent, int64_t block,
                        double *distances);

#endif
