/* All fits of a problem, one after the other; the best becomes the answer. */
#include "cluster/call.h"

#include "base/large.h"
#include "base/memory.h"
#include "base/threads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- one fit --------------------------------------------------------------------------------- */

void km_call_note_stop(km_call *c, int64_t n_iterations)
{
    skymeans_answer *answer = c->answer;
    answer->stop = c->pace.stop == KM_WISH_STOP ? KM_STOP_WISH : KM_STOP_TIME;
    answer->stopped_at =
        (km_stopped_at){c->is_between ? 0 : km_answer_fits_done(answer) + 1, n_iterations};
}

/* Begins a fit, and runs it unless the call is stopped. *is_refused: its refined first centers were
 * refused. Collective; errors are agreed. */
static km_code try_fit(km_call *c, km_fit *fit, km_error *error)
{
    *fit = (km_fit){0};
    if (km_call_begin_fit(c, error) == KM_OK && !km_pace_is_stopped(&c->pace))
        km_fit_run(fit, &c->task, &c->samples->memory, c->first_centers, c->comm,
                   &c->answer->timers, error);
    return error->code;
}

/* Fits whose inertia is infinite, or vanishes, can't be compared. */
static km_code check_comparable(const km_call *c, const km_fit *fit, km_error *error)
{
    if (c->problem->restarts > 1 && fit->is_beyond)
        km_fail(error, KM_DATA,
                "values out of range: the inertia of a fit is beyond that of doubles, %g, so that "
                "none of %lld restarts is the best; scale the features, or change their units",
                fit->inertia, (long long)c->problem->restarts);
    return error->code;
}

/* Some methods put samples in another order. */
static void note_order(km_call *c, const km_fit *fit)
{
    if (fit->last_method != NULL && fit->last_method->reorders) {
        c->are_reordered = true;
        c->samples->part_size = 0;
    }
}

static km_code fit_once(km_call *c, km_error *error)
{
    km_fit next;
    km_pace_begin_fit(&c->pace, km_answer_fits_done(c->answer));
    c->answer->refined = (km_refined){0};
    if (try_fit(c, &next, error) != KM_OK)
        return error->code;
    note_order(c, &next);
    if (next.is_refused) {
        km_fit_free(&next);
        c->answer->refined.is_refused = true;
        if (try_fit(c, &next, error) != KM_OK)
            return error->code;
        note_order(c, &next);
    }
    if (km_pace_is_stopped(&c->pace))
        km_call_note_stop(c, next.n_iterations);
    if (next.centers == NULL && !next.is_saved)
        return KM_OK; /* stopped before its first iteration */
    if (next.is_saved) {
        km_fit_free(&next);
        return KM_OK;
    }
    if (check_comparable(c, &next, error) != KM_OK) {
        km_fit_free(&next);
        return error->code;
    }
    if (c->task.resume == NULL)
        km_pace_end_fit(&c->pace);
    c->is_between = !km_pace_is_stopped(&c->pace);
    free(c->state.next.used);
    free(c->state.next.centers);
    free(c->state.next.history);
    c->state.next = (km_fit_state){0};
    km_restarts_take(&c->answer->restarts, &next, &c->answer->fit);
    return KM_OK;
}

/* ---- all fits -------------------------------------------------------------------------------- */

bool km_call_must_stop(km_call *c)
{
    int64_t wish = (int64_t)km_pace_wish(&c->pace, c->pace.beginning + c->pace.iteration);
    km_max_int64(c->comm, &wish, 1);
    km_pace_stop(&c->pace, (km_wish)wish);
    if (wish != KM_WISH_NONE)
        km_call_note_stop(c, 0);
    return wish != KM_WISH_NONE;
}

static km_code run_remaining_fits(km_call *c, km_error *error)
{
    c->is_between = true;
    while (c->answer->restarts.count < c->problem->restarts && !km_pace_is_stopped(&c->pace)) {
        if (km_answer_fits_done(c->answer) > 0 && km_call_must_stop(c))
            break;
        if (fit_once(c, error) != KM_OK)
            return error->code;
    }
    return KM_OK;
}

/* Ends a call that was stopped and can save. If no fit was in its iterations, which save
 * themselves, the fits done are saved here. The answer gets the centers of the best fit so far, and
 * the samples are returned to their ranks. */
static km_code conclude_stopped(km_call *c, km_error *error)
{
    skymeans_answer *answer = c->answer;
    const bool is_in_fit = answer->stopped_at.fit > 0 && answer->stopped_at.iteration > 0;
    if (!is_in_fit && km_call_save(c, &c->state.next, error) != KM_OK)
        return error->code;
    km_answer_find_centers(answer, error);
    if (km_agree(c->comm, error) != KM_OK)
        return error->code;
    return km_cluster_return(c->samples, NULL, &c->pace, &answer->timers, c->comm, error);
}

/* Computes the labels of the best fit again if it has none, since it came from a saved state, or if
 * later fits may have put the samples into another order. */
static km_code label_best(km_call *c, km_error *error)
{
    skymeans_answer *answer = c->answer;
    const bool is_reordered = c->are_reordered || answer->plan.redistributes;
    if (answer->fit.labels != NULL && (!is_reordered || answer->restarts.count == 1))
        return KM_OK;
    if (km_cluster_redistribute(c->samples, &answer->plan, answer->fit.centers, &c->pace,
                                &answer->timers, c->comm, error) != KM_OK)
        return error->code;
    return km_fit_relabel(&answer->fit, &c->task, &c->samples->memory, c->comm, error);
}

/* Labels the samples by the best fit, and compares it with the others if there are any. */
static km_code label_and_compare(km_call *c, km_error *error)
{
    skymeans_answer *answer = c->answer;
    const bool are_many = answer->restarts.count > 1 && !answer->restarts.is_compared;
    km_pace_phase(&c->pace, are_many ? "comparing the fits" : NULL);
    if (label_best(c, error) != KM_OK ||
        (are_many && km_restarts_compare(&answer->restarts, &c->task, &c->samples->memory,
                                         &answer->fit, c->comm, error) != KM_OK))
        return error->code;
    km_pace_phase(&c->pace, NULL);
    return KM_OK;
}

km_code km_call_conclude(km_call *c, km_error *error)
{
    skymeans_answer *answer = c->answer;
    if (label_and_compare(c, error) != KM_OK)
        return error->code;
    if (km_cluster_return(c->samples, &answer->fit.labels, &c->pace, &answer->timers, c->comm,
                          error) != KM_OK ||
        km_answer_complete(answer, c->samples, c->comm, error) != KM_OK)
        return error->code;
    if (!km_pace_is_stopped(&c->pace))
        answer->stop = answer->fit.stop;
    return KM_OK;
}

km_code km_call_run_fits(km_call *c, km_error *error)
{
    const bool can_save = km_pace_can_save(&c->pace);
    if (run_remaining_fits(c, error) != KM_OK)
        return error->code;
    if (km_pace_is_stopped(&c->pace) && can_save)
        return conclude_stopped(c, error);
    if (c->answer->restarts.count == 0)
        return KM_OK;
    return c->asked->n_several > 0 ? label_and_compare(c, error) : km_call_conclude(c, error);
}

/* Refuses samples that can't be fitted. */
static km_code check_samples(const km_call *c, km_error *error)
{
    const km_spread *spread = &c->answer->spread;
    if (spread->n_used == 0)
        return km_fail(error, KM_DATA, "no usable row: %s; hand over others",
                       spread->n_rows == 0 ? "there is none"
                                           : "every row misses a feature (NaN or infinity)");
    if (spread->n_used < c->problem->n_clusters)
        return km_fail(error, KM_DATA,
                       "more clusters than usable rows: %lld clusters of %lld rows that miss no "
                       "value and are not left out; ask for fewer",
                       (long long)c->problem->n_clusters, (long long)spread->n_used);
    const int64_t n_missing = spread->n_rows - spread->n_used - c->samples->n_left_out;
    if (strcmp(c->problem->missing, "error") == 0 && n_missing > 0)
        return km_fail(error, KM_DATA,
                       "missing values: %lld of %lld rows miss a feature (NaN or infinity); leave "
                       "them out, or use missing = \"drop\"",
                       (long long)n_missing, (long long)spread->n_rows);
    return KM_OK;
}

static km_code make_plan(km_call *c, km_error *error)
{
    const skymeans_manner *manner = c->manner;
    skymeans_answer *answer = c->answer;
    const km_samples *memory = &c->samples->memory;
    const int n_ranks = km_comm_size(c->comm);
    int64_t n_threads = km_threads();
    km_max_int64(c->comm, &n_threads, 1);
    const km_shape shape = {.n_rows = answer->spread.n_rows,
                            .span = answer->spread.span,
                            .n_samples = answer->spread.n_of_largest,
                            .n_features = km_samples_features(c->samples),
                            .precision = memory->precision,
                            .has_weights = memory->weights != NULL,
                            .counting =
                                km_large_in_use() != NULL ? KM_COUNT_BESIDE_DISK : KM_COUNT_MEMORY,
                            .n_ranks = n_ranks,
                            .n_threads = (int)n_threads};
    return km_plan_create(&answer->plan, c->problem, manner, &shape,
                          km_kernels_of_all_ranks(manner->kernel, c->comm), error);
}

km_code km_call_prepare(km_call *c, km_error *error)
{
    skymeans_answer *answer = c->answer;
    if (make_plan(c, error) != KM_OK)
        return error->code;
    const double start = km_now();
    km_pace_phase(&c->pace, "ordering");
    km_samples_prepare(c->samples, &answer->plan, c->problem, &c->pace, c->comm, error);
    km_pace_phase(&c->pace, NULL);
    km_timer_add(&answer->timers, KM_PHASE_ORDER, start);
    c->task = (km_fit_task){.n_clusters = c->problem->n_clusters,
                            .tolerance = c->problem->tolerance,
                            .max_iterations = c->problem->max_iterations,
                            .balance = km_balance_find(c->problem->balance),
                            .random_seed = c->problem->random_seed,
                            .radius = ldexp(c->problem->sky, -c->samples->transform.exponent),
                            .exponent = c->samples->transform.exponent,
                            .facts = &c->samples->facts,
                            .exchanges = answer->plan.redistributes,
                            .method = answer->plan.method,
                            .late = answer->plan.late,
                            .kernel = answer->plan.kernel,
                            .pace = &c->pace,
                            .save = km_call_save,
                            .context = c};
    return error->code;
}

/* What all fits have in common. */
static km_code prepare_fits(km_call *c, km_error *error)
{
    skymeans_answer *answer = c->answer;
    if (km_call_prepare(c, error) != KM_OK || km_call_check_features(c, error) != KM_OK)
        return error->code;
    const int64_t n = c->problem->n_clusters * c->samples->memory.n_features; /* with heights */
    answer->features_hash = c->samples->features_hash;
    km_transform_copy(&answer->transform, &c->samples->transform, error);
    c->first_centers = km_allocate(n, sizeof *c->first_centers, "first centers", error);
    if (km_keeps_seeds(c->asked)) {
        c->seeds = km_allocate(c->asked->restarts * n, sizeof *c->seeds, "first centers", error);
        c->n_seeds =
            km_allocate_zeroed(c->asked->restarts, sizeof *c->n_seeds, "first centers", error);
    }
    return km_agree(c->comm, error);
}

/* Checks the arguments, and restores a saved state. */
static km_code begin_call(km_call *c, km_error *error)
{
    skymeans_answer *answer = c->answer;
    const uint64_t hash =
        km_problem_hash(c->problem, km_samples_features(c->samples)) + km_manner_hash(c->manner);
    if (km_check_alike(c->samples, hash + km_pace_can_save(&c->pace), c->comm, error) != KM_OK)
        return error->code;
    *answer = (skymeans_answer){.is_fit = true,
                                .problem = *c->problem,
                                .precision = c->samples->memory.precision,
                                .slab = c->samples->memory.slab,
                                .spread = km_samples_find_spread(c->samples, c->comm)};
    answer->problem.first_centers = answer->problem.factors = NULL; /* they are the caller's */
    answer->problem.several = NULL;
    if (check_samples(c, error) != KM_OK)
        return error->code;
    const int64_t n_values =
        km_samples_features(c->samples) + km_heights(km_balance_find(c->problem->balance));
    km_choice_create(&answer->choice, c->asked, n_values, error);
    km_restarts_create(&answer->restarts, c->problem->restarts, c->problem->n_clusters, n_values,
                       error);
    return km_agree(c->comm, error) == KM_OK ? km_call_resume(c, error) : error->code;
}

km_code km_cluster_fit(skymeans_answer *answer, const skymeans_problem *problem,
                       skymeans_samples *samples, const skymeans_manner *manner,
                       const skymeans_control *control, MPI_Comm comm, km_error *error)
{
    km_call c = {.answer = answer,
                 .asked = problem,
                 .problem = problem,
                 .manner = manner,
                 .samples = samples,
                 .comm = comm,
                 .pace = km_pace_start(control)};
    if (begin_call(&c, error) == KM_OK && prepare_fits(&c, error) == KM_OK) {
        if (problem->n_several > 0)
            km_call_run_several(&c, error);
        else
            km_call_run_fits(&c, error);
    }
    free(c.first_centers);
    free(c.seeds);
    free(c.n_seeds);
    km_state_free(&c.state);
    return error->code;
}
