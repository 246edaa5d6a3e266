/* The steps of an iteration, shared by the files of fit/. */
#ifndef SKYMEANS_FIT_STEPS_H
#define SKYMEANS_FIT_STEPS_H

#include "base/error.h"
#include "base/timers.h"
#include "fit/balance.h"
#include "fit/fit.h"

/* Counts that are summed over the ranks together with the totals of an iteration, so that an
 * iteration needs one reduction only. They follow the counts of the methods. */
enum {
    KM_EXTRA_FAILED =
        KM_EXTRA_RELABELED + 1, /* ranks on which something failed since the last sum */
    KM_EXTRA_WISHES,            /* ranks that wish to stop */
    KM_EXTRA_TIME_UP,           /* ranks without time for another iteration */
    KM_EXTRA_SAVE,              /* ranks on which a save is due */
    KM_EXTRA_DISTANCES,         /* distances evaluated by the last assignment */
    KM_EXTRAS_END
};
_Static_assert((int)KM_EXTRAS_END == (int)KM_N_EXTRAS, "totals have as many extras as fits use");

enum { KM_REDUCTIONS_AT_ONCE = 128 };

/* State of a running fit. */
typedef struct running {
    const km_fit_task *task;
    int64_t d;               /* features without heights */
    km_balancing *balancing; /* NULL: clusters are as they come */
    double *older;    /* [k][n_features], the centers before `previous` of the fit; or NULL */
    int64_t number;   /* of the iteration, from 1 */
    bool has_prices;  /* in the last assignment */
    bool is_balanced; /* by the last assignment */
    bool is_settled;  /* is as balanced as can be, and centers hardly move */
    bool were_means;  /* the centers that the last assignment used, of the one before */
    bool is_at_rest;  /* the fit ends with the centers that the last assignment used */
    km_samples *samples;
    MPI_Comm comm;
    km_timers *timers;
    const km_facts *facts;
    km_grid *grids;
    const km_method *method; /* that assigns */
    const km_method *next;   /* that it may go over to; or NULL */
    double excess_of_method; /* comparisons of a sample beyond those of the next one */
    km_assigner assigner;
    km_totals totals;   /* of all ranks, since the last reduction */
    double *centers;    /* [k][d], exact, for the next assignment */
    double *used;       /* [k][d], the rounded centers that the last assignment used */
    void *rounded;      /* [k][d], the same values in working precision */
    int64_t n_refilled; /* clusters whose centers the last update did not put at the means of their
                           rows: empty ones that it filled; all, while they are being balanced */
    int64_t distances;  /* that the last assignment evaluated on this rank */
    int64_t regrouped;  /* the iteration after which samples were exchanged by label; 0: none yet */
    double most_compared, least_compared; /* distances in the worst and the best one since then */
    double compared, excess, relabeled;   /* since then: distances, those beyond the best one since
                                             that, changed labels */
    bool has_few_relabeled;               /* few labels have changed in an iteration */
    int64_t *label_costs;                 /* [k] of a sample, see regroup.c; or NULL */
    int64_t n_all; /* samples of all ranks; known if there is a next method, and once regrouped */
    int64_t next_evening; /* the iteration after which ranks even out their work */
    double updating;      /* when the update began or went on */
    int64_t relabeled_again, distances_again, own_distances_again; /* by assignments amid it */
    km_pace *pace;                            /* of the task, or one that does nothing */
    int n_reductions;                         /* since waiting was last told from communication */
    double reductions[KM_REDUCTIONS_AT_ONCE]; /* [n_reductions], seconds of each */
} running;

/* Does the fit go on from a saved state? */
static inline bool km_is_resumed(const running *run)
{
    return run->task->resume != NULL && run->task->resume->n_iterations > 0;
}

/* Goes over to the next method if it is time to, and iterations enough are left to make up for what
 * that takes. Collective; errors are agreed. */
km_code km_go_over(running *run, km_fit *fit, km_error *error);

/* Sums the totals over the ranks, and adds to the timers what that takes. Collective. */
void km_reduce(running *run);

/* Tells waiting from communication in the reductions since the last call, and adds both to their
 * phases. Collective. */
void km_find_waiting(running *run);

/* The kernel that makes centers and terms of the inertia from totals. */
const km_kernel *km_update_kernel(const running *run);

enum { KM_MANY_TERMS = 4096 }; /* of centers; worth waking threads up */

/* The sum of squared distances to the used centers, from the totals: with T the sum of x - m over a
 * cluster of n samples, sum (x - c)^2 = sum (x - m)^2 - 2 (c - m) T + n (c - m)^2. In working units
 * and units of weight. Local. */
double km_history_units(const running *run);

/* Converts an inertia from these units to the space of the fit. */
double km_inertia_of_units(const running *run, double units);

/* What a piece of samples, or a rank, has to compare; and the order of such: that with the least
 * comes first. */
typedef struct km_load {
    int64_t work, number; /* number: of the piece, or rank */
} km_load;
int km_by_load(const void *a, const void *b);

/* After an iteration: if it is time to, exchanges samples by their labels, so that those of the
 * same clusters come to the same rank. Collective; errors are agreed. And the bytes that it takes
 * beside the method's. */
km_code km_regroup(running *run, km_error *error);
double km_regroup_bytes(const km_shape *shape);

/* The same by swaps of single pieces of samples, so that all ranks have about as much to do. */
km_code km_even_out(running *run, km_error *error);
double km_even_bytes(const km_shape *shape);

/* Rounds the centers, assigns and reduces once more, amid an update. Collective; errors are agreed.
 */
km_code km_assign_again(running *run, km_error *error);

/* Gives each empty cluster, in order of label, the sample that is farthest from its center, among
 * those whose cluster keeps some weight without them. Only the totals change: the next assignment
 * changes the label. Sets run->n_refilled. Collective; errors are agreed. */
km_code km_refill_empty(running *run, km_error *error);

/* Sums the totals of all ranks: the only collective call of an iteration without failures. With
 * them go the wishes of the ranks, and whether something failed on one since the last sum. */
void km_reduce_totals(running *run, bool has_failed);

/* Moves the centers, given the totals of an assignment and its inertia in working units. `before`
 * is a workspace, [k][d]; *shift becomes the sum of the squared shifts, in working units.
 * Collective; errors are agreed. */
km_code km_update_centers(running *run, double units, double *before, double *shift,
                          km_error *error);

/* Moves centers to the means of their rows, but for heights, which are none. Returns the sum of the
 * squared shifts. Local. */
double km_move_below_heights(running *run, double *before);

/* Moves centers. If it is time to balance, since prices differ already or centers hardly move,
 * brings clusters to equal sizes where they are too unequal, lets centers move farther than to
 * their means, and changes prices by what that is expected to do. `units` is the inertia in working
 * units. Collective; errors are agreed. */
km_code km_balance_step(running *run, double units, double *before, km_error *error);

/* Brings clusters to equal sizes by prices alone, with as many assignments as that takes. After a
 * look at sizes. Collective; errors are agreed. */
km_code km_balance_settle(running *run, km_error *error);

/* The sizes of clusters by the last assignment. */
void km_balance_take_sizes(const running *run);

/* How far the size of a cluster may be from its target; and the largest deviation of a size, as a
 * part of that. Local. */
double km_balance_allowed(const running *run, int64_t c);
double km_balance_excess(const running *run);

/* How equal clusters are after the last assignment. The same on all ranks. */
km_balanced km_balance_judge(running *run);

/* Time and distances of an iteration are those of the rank that took most. Without memory of its
 * own. Collective. */
void km_find_most_of_ranks(km_fit *fit, MPI_Comm comm);

/* Adds an iteration to the history. Local; KM_MEMORY. */
km_code km_append_iteration(km_fit *fit, const km_iteration *iteration, km_error *error);

/* Saves a fit between two iterations. Agrees first, since a rank may have had no memory for the
 * last iteration. Collective; errors are agreed. */
km_code km_save_running(running *run, km_fit *fit, km_error *error);

/* The exact sum of the squared distances of all samples to the centers of their labels, in the
 * space of the fit; *is_beyond: the range of normal doubles, though not 0. Overwrites `used`.
 * Collective. */
double km_final_inertia(running *run, bool *is_beyond);

#endif
