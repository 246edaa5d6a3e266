/* The iteration: rounds the centers, assigns, sums over ranks, and moves the centers. */
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/precision.h"
#include "base/timers.h"
#include "steps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    bool is_converged;
} stops[] = {
    [KM_STOP_TOLERANCE] = {"tolerance", true},
    [KM_STOP_NO_CHANGE] = {"no label changed", true},
    [KM_STOP_MAX_ITERATIONS] = {"max-iterations", false},
    [KM_STOP_WISH] = {"signal", false},
    [KM_STOP_TIME] = {"time limit", false},
};

const char *km_stop_name(km_stop stop)
{
    return stops[stop].name;
}

bool km_stop_is_converged(km_stop stop)
{
    return stops[stop].is_converged;
}

void km_fit_free(km_fit *fit)
{
    free(fit->centers);
    free(fit->previous);
    free(fit->sizes);
    free(fit->weights);
    km_free_large(fit->labels);
    free(fit->history);
    *fit = (km_fit){0};
}

static void end_running(running *run)
{
    free(run->grids);
    km_assigner_free(&run->assigner, run->method);
    km_totals_free(&run->totals);
    free(run->centers);
    free(run->used);
    free(run->rounded);
    free(run->older);
    free(run->label_costs);
    if (run->balancing != NULL)
        km_balancing_free(run->balancing);
    free(run->balancing);
}

static size_t centers_size(const running *run)
{
    return (size_t)(run->task->n_clusters * run->samples->n_features) * sizeof(double);
}

/* Collective; errors are agreed. */
static km_code create_balancing(running *run, km_error *error)
{
    const int64_t n = run->task->n_clusters * run->samples->n_features;
    run->older = km_allocate(n, sizeof *run->older, "centers", error);
    run->balancing = km_allocate_zeroed(1, sizeof *run->balancing, "prices of clusters", error);
    if (km_agree(run->comm, error) != KM_OK)
        return error->code;
    return km_balancing_create(run->balancing, run->task, run->samples, run->comm, error);
}

static km_code begin_running(running *run, km_fit *fit, const double *first_centers,
                             km_error *error)
{
    km_samples *samples = run->samples;
    const int64_t k = run->task->n_clusters, d = samples->n_features;
    const km_fit_task *task = run->task;
    run->method = task->early != NULL ? task->early : task->method;
    run->next = task->early != NULL ? task->method : task->late;
    fit->first_method = run->method;
    run->facts = task->facts;
    run->grids = km_facts_choose_grids(run->facts, samples->precision, error);
    if (run->grids != NULL && km_is_resumed(run) && run->task->resume->n_words == 2)
        km_facts_make_grids(run->facts, 2, run->grids);
    run->centers = km_allocate(k * d, sizeof(double), "centers", error);
    fit->previous = km_allocate(k * d, sizeof(double), "centers", error);
    run->used = km_allocate_zeroed(k * d, sizeof(double), "centers", error);
    run->rounded = km_allocate(k * d, km_precision_size(samples->precision), "centers", error);
    if (run->grids != NULL) {
        km_totals_create(&run->totals, k, d, run->grids[0].n_words, samples->weights != NULL,
                         error);
        km_assigner_create(&run->assigner, run->method, task->kernel, samples, run->grids, k,
                           error);
    }
    if (task->method->order_labels != NULL ||
        (run->next != NULL && run->next->order_labels != NULL))
        run->label_costs = km_allocate(k, sizeof *run->label_costs, "work of samples", error);
    if (run->task->balance != KM_BALANCE_NONE)
        create_balancing(run, error);
    run->n_all = samples->n_samples;
    if (run->next != NULL)
        km_sum_int64(run->comm, &run->n_all, 1);
    if (km_agree(run->comm, error) == KM_OK && !km_is_resumed(run))
        memcpy(run->centers, first_centers, (size_t)(k * d) * sizeof *first_centers);
    return error->code;
}

/* Rounds the centers for the next assignment; true if they differ from those of the last
 * assignment. */
static bool round_centers(running *run)
{
    const km_precision precision = run->samples->precision;
    const int64_t n = run->task->n_clusters * run->samples->n_features;
    bool is_different = false;
    km_round_to_precision(precision, run->centers, n, run->rounded);
    for (int64_t i = 0; i < n; i++) {
        const double rounded = km_value_get(precision, run->rounded, i);
        is_different |= rounded != run->used[i];
        run->used[i] = rounded;
    }
    return is_different;
}

void km_reduce_totals(running *run, bool has_failed)
{
    const double start = km_now();
    const km_wish wish = km_pace_wish(run->pace, run->pace->iteration + run->pace->saving);
    int64_t *extras = run->totals.extras;
    km_assigner_add_up(&run->assigner, run->totals.words);
    extras[KM_EXTRA_FAILED] = has_failed;
    extras[KM_EXTRA_WISHES] = wish == KM_WISH_STOP;
    extras[KM_EXTRA_TIME_UP] = wish == KM_WISH_TIME;
    extras[KM_EXTRA_SAVE] = km_pace_is_save_due(run->pace);
    extras[KM_EXTRA_DISTANCES] = run->distances;
    km_timer_add(run->timers, KM_PHASE_REDUCE, start);
    km_reduce(run);
}

static km_code assign_and_reduce(running *run, km_error *error)
{
    const double start = km_now();
    const km_work before = run->assigner.done;
    const int64_t n_read = km_count_read_large(), n_reads = km_count_reads_large();
    km_assigner_reset_count(&run->assigner);
    run->method->assign(&run->assigner, run->rounded);
    run->distances = run->assigner.done.distances - before.distances;
    run->timers->bytes_used += run->assigner.done.bytes - before.bytes;
    run->timers->bytes_from_disk += km_count_read_large() - n_read;
    run->timers->reads_from_disk += km_count_reads_large() - n_reads;
    run->timers->counts.assignments++;
    run->timers->counts.distances += run->distances;
    km_timer_add(run->timers, KM_PHASE_ASSIGN, start);
    km_reduce_totals(run, error->code != KM_OK);
    return run->totals.extras[KM_EXTRA_FAILED] > 0 ? km_agree(run->comm, error) : KM_OK;
}

km_code km_assign_again(running *run, km_error *error)
{
    km_timer_add(run->timers, KM_PHASE_UPDATE, run->updating);
    round_centers(run);
    const km_code code = assign_and_reduce(run, error);
    run->relabeled_again += run->totals.extras[KM_EXTRA_RELABELED];
    run->distances_again += run->totals.extras[KM_EXTRA_DISTANCES];
    run->own_distances_again += run->distances;
    run->updating = km_now();
    return code;
}

static double mean_variance(const running *run)
{
    double sum = 0;
    for (int64_t j = 0; j < run->d; j++)
        sum += run->facts->variance[j];
    return sum / (double)run->d;
}

/* Does the fit end with this iteration, whose shift is in working units? Those neither overflow nor
 * underflow. Sets the reason; it is the limit of iterations unless the fit has converged. */
static bool is_over(const running *run, const km_iteration *iteration, double shift, km_stop *stop)
{
    const km_fit_task *task = run->task;
    const double allowed = task->tolerance * mean_variance(run);
    const bool is_equal = run->balancing == NULL || (run->is_settled && run->were_means);
    const bool is_at_rest = run->balancing == NULL ? shift <= allowed : run->is_settled;
    *stop = KM_STOP_MAX_ITERATIONS;
    if (run->n_refilled == 0 && iteration->relabeled == 0 && is_equal)
        *stop = KM_STOP_NO_CHANGE;
    else if (run->n_refilled == 0 && task->tolerance > 0 && is_at_rest && is_equal)
        *stop = KM_STOP_TOLERANCE;
    return *stop != KM_STOP_MAX_ITERATIONS || iteration->number == task->max_iterations;
}

/* Stops or saves if a rank wished so when the totals were summed. True if the fit ends here. */
static bool grant_wishes(running *run, km_fit *fit, km_error *error)
{
    const int64_t *extras = run->totals.extras;
    if (extras[KM_EXTRA_WISHES] > 0)
        km_pace_stop(run->pace, KM_WISH_STOP);
    else if (extras[KM_EXTRA_TIME_UP] > 0)
        km_pace_stop(run->pace, KM_WISH_TIME);
    const bool is_stop = km_pace_is_stopped(run->pace);
    if (is_stop)
        fit->stop = run->pace->stop == KM_WISH_STOP ? KM_STOP_WISH : KM_STOP_TIME;
    if (km_pace_can_save(run->pace) && (is_stop || extras[KM_EXTRA_SAVE] > 0)) {
        if (km_save_running(run, fit, error) != KM_OK)
            return true;
        fit->is_saved = is_stop;
    }
    return is_stop; /* failures on this rank alone are agreed on with the next sum */
}

/* Are the first centers worse than the task allows? */
static bool is_refused(const running *run, const km_iteration *iteration)
{
    const double *max = run->task->max_inertia;
    return max != NULL && iteration->number == 1 && !(iteration->inertia <= *max);
}

/* A balanced fit ends with the centers and prices by which clusters were brought to equal sizes. */
static void keep_balanced_centers(running *run, km_fit *fit)
{
    run->is_at_rest = true;
    memcpy(run->centers, fit->previous, centers_size(run));
    memcpy(fit->previous, run->older, centers_size(run));
}

/* Samples go to other ranks, so that all ranks have about as much to do, and no more together than
 * one rank would have. Collective; errors are agreed. */
static km_code share_work(running *run, km_error *error)
{
    const km_method *method = run->method;
    if (method->order_labels != NULL && run->task->exchanges)
        return km_regroup(run, error);
    return run->samples->is_redistributed && method->renew != NULL ? km_even_out(run, error)
                                                                   : KM_OK;
}

/* One assignment and one update. True if this iteration was the last, or failed. */
static bool iterate(running *run, km_fit *fit, km_error *error)
{
    const double start = km_now();
    round_centers(run);
    if (assign_and_reduce(run, error) != KM_OK)
        return true;
    run->updating = km_now();
    run->relabeled_again = run->distances_again = run->own_distances_again = 0;
    double shift;
    const double units = km_history_units(run);
    km_iteration iteration = {.number = fit->n_iterations + 1,
                              .inertia = km_inertia_of_units(run, units),
                              .relabeled = run->totals.extras[KM_EXTRA_RELABELED],
                              .distances = run->totals.extras[KM_EXTRA_DISTANCES],
                              .most_distances = run->distances};
    run->number = iteration.number;
    fit->is_refused = is_refused(run, &iteration);
    if (fit->is_refused)
        return true;
    run->were_means = run->n_refilled == 0;
    if (run->older != NULL)
        memcpy(run->older, fit->previous, centers_size(run));
    if (km_update_centers(run, units, fit->previous, &shift, error) != KM_OK)
        return true;
    iteration.shift = ldexp(shift, 2 * run->task->exponent);
    iteration.relabeled += run->relabeled_again;
    iteration.distances += run->distances_again;
    iteration.most_distances += run->own_distances_again;
    iteration.seconds = km_timer_add(run->timers, KM_PHASE_UPDATE, run->updating) - start;
    run->pace->iteration = fmax(run->pace->iteration, iteration.seconds);
    km_append_iteration(fit, &iteration, error);
    km_pace_iterated(run->pace, &iteration);
    if (!is_over(run, &iteration, shift, &fit->stop))
        return grant_wishes(run, fit, error) || km_go_over(run, fit, error) != KM_OK ||
               share_work(run, error) != KM_OK;
    if (run->balancing != NULL && run->has_prices)
        keep_balanced_centers(run, fit);
    return true;
}

/* Repeats the last assignment and update before the fit was saved. This computes the saved centers
 * again; a center without samples can't be computed, so it must already be at its saved place. */
static km_code repeat_last_iteration(running *run, km_fit *fit, km_error *error)
{
    const km_fit_state *state = run->task->resume;
    const size_t size = (size_t)(run->task->n_clusters * run->samples->n_features) * sizeof(double);
    double shift;
    for (int64_t i = 0; i < state->n_iterations; i++)
        km_append_iteration(fit, &state->history[i], error);
    run->number = state->n_iterations;
    memcpy(run->centers, state->used, size);
    round_centers(run);
    if (assign_and_reduce(run, error) != KM_OK)
        return error->code;
    memcpy(run->centers, state->centers, size);
    if (km_update_centers(run, km_history_units(run), fit->previous, &shift, error) == KM_OK &&
        run->balancing != NULL) { /* whose prices are those saved, not a step from them */
        memcpy(run->centers, state->centers, size);
        memcpy(fit->previous, state->used, size);
    }
    return error->code;
}

/* Makes the labels belong to the last centers, by one more assignment if the centers changed.
 * Collective; errors are agreed. */
static km_code assign_last_centers(running *run, km_fit *fit, km_error *error)
{
    const int64_t n = run->task->n_clusters * run->samples->n_features;
    if (!run->is_at_rest)
        memcpy(fit->previous, run->used, (size_t)n * sizeof *fit->previous);
    fit->n_refilled = run->n_refilled;
    const bool is_changed = round_centers(run);
    if (is_changed || run->n_refilled > 0)
        return assign_and_reduce(run, error);
    return km_agree(run->comm, error);
}

static km_code conclude_fit(running *run, km_fit *fit, km_error *error)
{
    const int64_t k = run->task->n_clusters;
    fit->sizes = km_allocate(k, sizeof *fit->sizes, "sizes of the clusters", error);
    fit->weights = km_allocate(k, sizeof *fit->weights, "weights of the clusters", error);
    if (km_agree(run->comm, error) == KM_OK) {
        for (int64_t c = 0; c < k; c++) {
            fit->sizes[c] = run->totals.counts[c];
            fit->weights[c] = (double)run->totals.weights[c] * run->samples->weight_unit;
            fit->n_empty += run->totals.weights[c] == 0;
        }
        if (run->balancing != NULL)
            fit->balanced = km_balance_judge(run);
        fit->inertia = km_final_inertia(run, &fit->is_beyond);
        km_find_most_of_ranks(fit, run->comm);
        fit->centers = run->centers;
        fit->labels = run->assigner.labels;
        run->centers = NULL;
        run->assigner.labels = NULL;
    }
    return error->code;
}

/* Iterates until the fit ends. A resumed fit may already have all iterations that are allowed. */
static km_code run_iterations(running *run, km_fit *fit, km_error *error)
{
    fit->stop = KM_STOP_MAX_ITERATIONS;
    if (km_is_resumed(run) && repeat_last_iteration(run, fit, error) != KM_OK)
        return error->code;
    while (fit->n_iterations < run->task->max_iterations && !iterate(run, fit, error))
        ;
    return km_agree(run->comm, error);
}

km_code km_fit_run(km_fit *fit, const km_fit_task *task, km_samples *samples,
                   const double *first_centers, MPI_Comm comm, km_timers *timers, km_error *error)
{
    const skymeans_control no_control = SKYMEANS_CONTROL;
    km_pace idle = km_pace_start(&no_control);
    running run = {.task = task,
                   .samples = samples,
                   .d = samples->n_features - km_heights(task->balance),
                   .comm = comm,
                   .timers = timers,
                   .pace = task->pace != NULL ? task->pace : &idle};
    *fit = (km_fit){0};
    if (begin_running(&run, fit, first_centers, error) == KM_OK &&
        run_iterations(&run, fit, error) == KM_OK && !fit->is_saved && !fit->is_refused &&
        assign_last_centers(&run, fit, error) == KM_OK)
        conclude_fit(&run, fit, error);
    km_find_waiting(&run);
    fit->last_method = run.method;
    end_running(&run);
    if (error->code != KM_OK)
        km_fit_free(fit);
    return error->code;
}

/* What takes samples to other ranks between iterations. */
static double sharing_bytes(const km_shape *shape, const km_method *method)
{
    if (shape->n_ranks == 1 || method->renew == NULL)
        return 0;
    return km_even_bytes(shape) + (method->order_labels != NULL ? km_regroup_bytes(shape) : 0);
}

double km_fit_bytes(const km_shape *shape, const km_method *method)
{
    const double balancing =
        shape->n_heights > 0 ? km_centers_bytes(shape) + km_balancing_bytes(shape) : 0;
    return 4 * km_centers_bytes(shape) + km_rounded_bytes(shape) +
           km_assigner_bytes(shape, method) + sharing_bytes(shape, method) + balancing;
}
