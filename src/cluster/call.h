/* A running call of skymeans_fit, shared by the files that are its steps. All functions are
 * collective, and errors are agreed, unless they say otherwise. */
#ifndef SKYMEANS_CLUSTER_CALL_H
#define SKYMEANS_CLUSTER_CALL_H

#include "cluster/cluster.h"

typedef struct km_call {
    skymeans_answer *answer;
    const skymeans_problem *asked;   /* checked */
    const skymeans_problem *problem; /* of these fits: the same, or with one of its numbers */
    const skymeans_manner *manner;
    skymeans_problem of_one; /* the problem with one of several numbers of clusters */
    skymeans_samples *samples;
    MPI_Comm comm;
    km_pace pace;
    km_fit_task task;
    km_state state;        /* the saved state that it goes on from; `next` is freed after its fit */
    double *first_centers; /* [k][d], working values */
    /* Of several numbers of clusters, what the largest number so far was seeded with for each
     * restart: fewer centers are the first of these. NULL: seedings are not kept. */
    double *seeds;      /* [restarts][largest k][d] */
    int64_t *n_seeds;   /* [restarts], centers of each; 0: none yet */
    bool is_between;    /* no fit is running */
    bool are_reordered; /* samples may be in another order than they were when a fit ended */
} km_call;

/* Writes a state on rank 0, and calls the caller's function on all ranks to save it. `context` is
 * the call. */
km_code km_call_save(void *context, const km_fit_state *next, km_error *error);

/* Reads the saved state, which rank 0 may have, on all ranks, and restores the answer from it. */
km_code km_call_resume(km_call *c, km_error *error);

/* The rows must not have changed since the state was saved. KM_DATA; local, the same on all ranks.
 */
km_code km_call_check_features(const km_call *c, km_error *error);

/* Makes the plan for the problem of these fits, and prepares the samples and the task for it. */
km_code km_call_prepare(km_call *c, km_error *error);

/* Makes the fits of the problem that are not done, and the best of them the answer; with several
 * numbers of clusters only compares it with the others. */
km_code km_call_run_fits(km_call *c, km_error *error);

/* The same for each of several numbers of clusters, of which one is kept. */
km_code km_call_run_several(km_call *c, km_error *error);

/* Should the call stop before another fit? It should if there is no time for seeding and one
 * iteration, or if a rank wishes to stop. */
bool km_call_must_stop(km_call *c);

/* Records that the call is stopped, after so many iterations of the fit that is running. Local. */
void km_call_note_stop(km_call *c, int64_t n_iterations);

/* Fits rows that are not those of the call, from a seeding of their own: `number`, from 0, comes
 * after those of the restarts. Centers [k][d] are working values, and the inertia is in the space
 * of the fit; they are unset if the call is stopped meanwhile. */
km_code km_call_fit_rows(km_call *c, int64_t number, km_samples *rows, double *centers,
                         double *inertia, km_error *error);

/* Sets the gap of the best fit, and its error, unless the call is stopped meanwhile. */
km_code km_call_gap(km_call *c, km_criteria *criteria, km_error *error);

/* The mean adjusted Rand index of all samples between the best fit, which has labels, and fits of
 * resampled rows; NaN if there was none, or is but one cluster. The call may be stopped then. */
km_code km_call_bootstrap(km_call *c, double *agreement, km_error *error);

/* Labels the samples by the best fit, compares it with the others if there are any, and completes
 * the answer. */
km_code km_call_conclude(km_call *c, km_error *error);

/* All that comes before the iterations of a fit: a saved fit goes on, others get first centers. */
km_code km_call_begin_fit(km_call *c, km_error *error);

#endif
