/* All fits of a problem, one after the other; the best becomes the answer. */
#include "cluster/cluster.h"

#include "base/memory.h"
#include "base/threads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The state of a running call of skymeans_fit. */
typedef struct call {
    skymeans_answer *answer;
    const skymeans_problem *problem; /* checked */
    skymeans_samples *samples;
    MPI_Comm comm;
    km_pace pace;
    km_fit_task task;
    km_state state;        /* the saved state that it goes on from; `next` is freed after its fit */
    double *first_centers; /* [k][d], working values */
    bool is_between;       /* no fit is running */
} call;

static km_state_key key_of(const call *c)
{
    return (km_state_key){.problem = c->problem,
                          .n_rows = c->answer->spread.n_rows,
                          .n_features = c->samples->memory.n_features};
}

/* ---- saving ---------------------------------------------------------------------------------- */

/* Records the error that the caller's function reports. */
static void take_error(const skymeans_error *from, int code, km_error *error)
{
    if (code != SKYMEANS_OK)
        km_fail(error, from->code != SKYMEANS_OK ? (km_code)from->code : KM_SYSTEM, "%s",
                from->text[0] != '\0' ? from->text : "the state can't be saved");
}

/* Writes a state on rank 0, and calls the caller's function on all ranks to save it. `context` is
 * the call. Collective; errors are agreed. */
static km_code save_state(void *context, const km_fit_state *next, km_error *error)
{
    call *c = context;
    const skymeans_control *control = c->pace.control;
    const double start = km_now();
    const km_state_key key = key_of(c);
    const km_state state = {.features_hash = c->samples->features_hash,
                            .next = *next,
                            .restarts = c->answer->restarts,
                            .best = c->answer->fit};
    size_t size = 0;
    char *bytes = NULL;
    if (km_comm_rank(c->comm) == 0)
        bytes = km_state_write(&state, &key, &size, error);
    if (km_agree(c->comm, error) == KM_OK) {
        skymeans_error why = {0};
        take_error(&why, control->save(control->context, bytes, size, &why), error);
    }
    free(bytes);
    c->pace.saved = km_timer_add(&c->answer->timers, KM_PHASE_CHECKPOINT, start);
    c->pace.saving = fmax(c->pace.saving, c->pace.saved - start);
    return km_agree(c->comm, error);
}

/* ---- going on -------------------------------------------------------------------------------- */

/* Reads the saved state, which rank 0 may have, on all ranks, and restores the answer from it. */
static km_code resume_state(call *c, km_error *error)
{
    const skymeans_control *control = c->pace.control;
    const km_state_key key = key_of(c);
    int64_t size = control->resume != NULL ? (int64_t)control->resume_size : -1;
    km_broadcast(c->comm, 0, &size, sizeof size);
    if (size < 0)
        return KM_OK;
    char *bytes = km_allocate(size, 1, "saved state", error);
    if (km_agree(c->comm, error) == KM_OK) {
        if (km_comm_rank(c->comm) == 0)
            memcpy(bytes, control->resume, (size_t)size);
        km_broadcast(c->comm, 0, bytes, size);
        km_state_read(&c->state, bytes, (size_t)size, &key, error);
    }
    free(bytes);
    if (km_agree(c->comm, error) != KM_OK)
        return error->code;
    km_restarts_free(&c->answer->restarts);
    c->answer->restarts = c->state.restarts;
    c->answer->fit = c->state.best;
    c->state.restarts = (km_restarts){0};
    c->state.best = (km_fit){0};
    return KM_OK;
}

/* The rows must not have changed since the state was saved. */
static km_code check_features(const call *c, km_error *error)
{
    const bool is_resumed = c->answer->restarts.count > 0 || c->state.next.n_iterations > 0;
    if (is_resumed && c->state.features_hash != c->samples->features_hash)
        return km_fail(error, KM_DATA,
                       "rows have changed: their values are not those of the saved state; begin "
                       "anew without it");
    return KM_OK;
}

/* ---- one fit --------------------------------------------------------------------------------- */

static km_code place_given_centers(call *c, km_error *error)
{
    const int64_t k = c->problem->n_clusters, d = c->samples->memory.n_features;
    memcpy(c->first_centers, c->problem->first_centers, (size_t)(k * d) * sizeof(double));
    km_transform_centers(&c->samples->transform, c->first_centers, k);
    for (int64_t i = 0; i < k * d; i++)
        if (!isfinite(c->first_centers[i]))
            return km_fail(error, KM_DATA,
                           "bad first centers (center %lld, value %lld): NaN, infinite, or too far "
                           "from all samples; centers are in the units of the features",
                           (long long)(i / d), (long long)(i % d));
    return KM_OK;
}

/* First centers improved by a fit of a sample of rows. */
static void refine_first_centers(call *c, const km_seeding_task *seeding, km_error *error)
{
    const km_plan *plan = &c->answer->plan;
    const km_refine_task task = {.seeding = seeding,
                                 .choose = plan->seeding->choose,
                                 .n_rows =
                                     km_refine_rows(&plan->shape, c->samples->facts.n_samples),
                                 .facts = &c->samples->facts,
                                 .method = plan->refining,
                                 .tolerance = c->problem->tolerance,
                                 .max_iterations = c->problem->max_iterations,
                                 .exponent = c->task.exponent};
    if (km_refine(&task, c->first_centers, &c->answer->refined, error) == KM_OK)
        c->task.max_inertia = &c->answer->refined.max_inertia;
}

/* Is there a sample of rows to refine first centers by, which was not refused? */
static bool can_refine(const call *c)
{
    return c->answer->plan.refining != NULL && !c->answer->refined.is_refused &&
           km_refine_rows(&c->answer->plan.shape, c->samples->facts.n_samples) > 0;
}

static km_code choose_first_centers(call *c, km_error *error)
{
    const double start = km_now();
    const km_plan *plan = &c->answer->plan;
    const km_seeding_task task = {.samples = &c->samples->memory,
                                  .kernel = plan->kernel,
                                  .n_clusters = c->problem->n_clusters,
                                  .n_rows = plan->shape.n_seeding_rows,
                                  .random_seed = c->problem->random_seed,
                                  .restart = c->answer->restarts.count,
                                  .pace = &c->pace,
                                  .comm = c->comm};
    km_pace_phase(&c->pace, "seeding");
    c->task.max_inertia = NULL;
    if (can_refine(c))
        refine_first_centers(c, &task, error);
    else if (plan->seeding != NULL)
        plan->seeding->choose(&task, c->first_centers, error);
    else
        place_given_centers(c, error);
    km_memory_return();
    km_pace_phase(&c->pace, NULL);
    km_timer_add(&c->answer->timers, KM_PHASE_SEED, start);
    return error->code;
}

/* All that comes before the iterations of a fit: a saved fit goes on, others get first centers. */
static km_code begin_fit(call *c, km_error *error)
{
    skymeans_answer *answer = c->answer;
    const double start = km_now();
    c->is_between = false;
    c->pace.has_nothing = answer->restarts.count == 0 && !km_pace_can_save(&c->pace);
    const bool is_resumed = c->state.next.n_iterations > 0;
    c->task.resume = is_resumed ? &c->state.next : NULL;
    if (!is_resumed &&
        (km_cluster_return(c->samples, NULL, &c->pace, &answer->timers, c->comm, error) != KM_OK ||
         choose_first_centers(c, error) != KM_OK || km_pace_is_stopped(&c->pace)))
        return error->code;
    if (km_cluster_redistribute(c->samples, &answer->plan, &c->pace, &answer->timers, c->comm,
                                error) != KM_OK)
        return error->code;
    c->pace.has_nothing = false;
    c->pace.beginning = km_now() - start;
    km_pace_phase(&c->pace, "fitting");
    return KM_OK;
}

static void note_stop(call *c, int64_t n_iterations)
{
    skymeans_answer *answer = c->answer;
    answer->stop = c->pace.stop == KM_WISH_STOP ? KM_STOP_WISH : KM_STOP_TIME;
    answer->stopped_at =
        (km_stopped_at){c->is_between ? 0 : answer->restarts.count + 1, n_iterations};
}

/* Begins a fit, and runs it unless the call is stopped. *is_refused: its refined first centers were
 * refused. Collective; errors are agreed. */
static km_code try_fit(call *c, km_fit *fit, km_error *error)
{
    *fit = (km_fit){0};
    if (begin_fit(c, error) == KM_OK && !km_pace_is_stopped(&c->pace))
        km_fit_run(fit, &c->task, &c->samples->memory, c->first_centers, c->comm,
                   &c->answer->timers, error);
    return error->code;
}

static km_code fit_once(call *c, km_error *error)
{
    km_fit next;
    km_pace_begin_fit(&c->pace, c->answer->restarts.count);
    c->answer->refined = (km_refined){0};
    if (try_fit(c, &next, error) != KM_OK)
        return error->code;
    if (next.is_refused) {
        km_fit_free(&next);
        c->answer->refined.is_refused = true;
        if (try_fit(c, &next, error) != KM_OK)
            return error->code;
    }
    if (km_pace_is_stopped(&c->pace))
        note_stop(c, next.n_iterations);
    if (next.centers == NULL && !next.is_saved)
        return KM_OK; /* stopped before its first iteration */
    if (next.is_saved) {
        km_fit_free(&next);
        return KM_OK;
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

/* Should the call stop before another fit? It should if there is no time for seeding and one
 * iteration, or if a rank wishes to stop. Collective. */
static bool must_stop(call *c)
{
    int64_t wish = (int64_t)km_pace_wish(&c->pace, c->pace.beginning + c->pace.iteration);
    km_max_int64(c->comm, &wish, 1);
    km_pace_stop(&c->pace, (km_wish)wish);
    if (wish != KM_WISH_NONE)
        note_stop(c, 0);
    return wish != KM_WISH_NONE;
}

static km_code run_remaining_fits(call *c, km_error *error)
{
    c->is_between = true;
    while (c->answer->restarts.count < c->problem->restarts && !km_pace_is_stopped(&c->pace)) {
        if (c->answer->restarts.count > 0 && must_stop(c))
            break;
        if (fit_once(c, error) != KM_OK)
            return error->code;
    }
    return KM_OK;
}

/* Ends a call that was stopped and can save. If no fit was in its iterations, which save
 * themselves, the fits done are saved here. The answer gets the centers of the best fit so far, and
 * the samples are returned to their ranks. */
static km_code conclude_stopped(call *c, km_error *error)
{
    skymeans_answer *answer = c->answer;
    const bool is_in_fit = answer->stopped_at.fit > 0 && answer->stopped_at.iteration > 0;
    if (!is_in_fit && save_state(c, &c->state.next, error) != KM_OK)
        return error->code;
    km_answer_find_centers(answer, error);
    if (km_agree(c->comm, error) != KM_OK)
        return error->code;
    return km_cluster_return(c->samples, NULL, &c->pace, &answer->timers, c->comm, error);
}

/* Computes the labels of the best fit again if it has none, since it came from a saved state, or if
 * later fits may have put the samples into another order. */
static km_code label_best(call *c, km_error *error)
{
    skymeans_answer *answer = c->answer;
    const bool is_reordered = c->task.method->reorders || answer->plan.redistributes;
    if (answer->fit.labels != NULL && (!is_reordered || answer->restarts.count == 1))
        return KM_OK;
    if (km_cluster_redistribute(c->samples, &answer->plan, &c->pace, &answer->timers, c->comm,
                                error) != KM_OK)
        return error->code;
    return km_fit_relabel(&answer->fit, &c->task, &c->samples->memory, c->comm, error);
}

/* Makes the best fit the answer, compared with the others if there are any. */
static km_code conclude_answer(call *c, km_error *error)
{
    skymeans_answer *answer = c->answer;
    const bool are_many = answer->restarts.count > 1;
    km_pace_phase(&c->pace, are_many ? "comparing the fits" : NULL);
    if (label_best(c, error) != KM_OK ||
        (are_many && km_restarts_compare(&answer->restarts, &c->task, &c->samples->memory,
                                         &answer->fit, c->comm, error) != KM_OK))
        return error->code;
    km_pace_phase(&c->pace, NULL);
    if (km_cluster_return(c->samples, &answer->fit.labels, &c->pace, &answer->timers, c->comm,
                          error) != KM_OK ||
        km_answer_complete(answer, c->samples, c->comm, error) != KM_OK)
        return error->code;
    if (!km_pace_is_stopped(&c->pace))
        answer->stop = answer->fit.stop;
    return KM_OK;
}

static km_code run_fits(call *c, km_error *error)
{
    const bool can_save = km_pace_can_save(&c->pace);
    if (run_remaining_fits(c, error) != KM_OK)
        return error->code;
    if (km_pace_is_stopped(&c->pace) && can_save)
        return conclude_stopped(c, error);
    return c->answer->restarts.count > 0 ? conclude_answer(c, error) : KM_OK;
}

/* Refuses samples that can't be fitted. */
static km_code check_samples(const call *c, km_error *error)
{
    const km_spread *spread = &c->answer->spread;
    if (spread->n_used == 0)
        return km_fail(error, KM_DATA, "no usable row: %s; hand over others",
                       spread->n_rows == 0 ? "there is none"
                                           : "every row misses a feature (NaN or infinity)");
    if (spread->n_used < c->problem->n_clusters)
        return km_fail(error, KM_DATA,
                       "more clusters than usable rows: %lld clusters of %lld rows without missing "
                       "values; ask for fewer",
                       (long long)c->problem->n_clusters, (long long)spread->n_used);
    if (strcmp(c->problem->missing, "error") == 0 && spread->n_used < spread->n_rows)
        return km_fail(error, KM_DATA,
                       "missing values: %lld of %lld rows miss a feature (NaN or infinity); leave "
                       "them out, or use missing = \"drop\"",
                       (long long)(spread->n_rows - spread->n_used), (long long)spread->n_rows);
    return KM_OK;
}

static km_code make_plan(call *c, const skymeans_manner *manner, km_error *error)
{
    skymeans_answer *answer = c->answer;
    const km_samples *memory = &c->samples->memory;
    const int n_ranks = km_comm_size(c->comm);
    int64_t n_threads = km_threads();
    km_max_int64(c->comm, &n_threads, 1);
    const km_shape shape = {.n_rows = answer->spread.n_rows,
                            .span = answer->spread.span,
                            .n_samples = answer->spread.n_of_largest,
                            .n_features = memory->n_features,
                            .precision = memory->precision,
                            .has_weights = memory->weights != NULL,
                            .n_ranks = n_ranks,
                            .n_threads = (int)n_threads};
    return km_plan_create(&answer->plan, c->problem, manner, &shape,
                          km_kernels_of_all_ranks(manner->kernel, c->comm), error);
}

/* Prepares the samples, and what all fits have in common. */
static km_code prepare_fits(call *c, km_error *error)
{
    skymeans_answer *answer = c->answer;
    const double start = km_now();
    km_pace_phase(&c->pace, "ordering");
    km_samples_prepare(c->samples, &answer->plan, c->problem, &c->pace, c->comm, error);
    km_pace_phase(&c->pace, NULL);
    km_timer_add(&answer->timers, KM_PHASE_ORDER, start);
    if (error->code != KM_OK || check_features(c, error) != KM_OK)
        return error->code;
    const int64_t n = c->problem->n_clusters * c->samples->memory.n_features;
    answer->features_hash = c->samples->features_hash;
    km_transform_copy(&answer->transform, &c->samples->transform, error);
    c->first_centers = km_allocate(n, sizeof *c->first_centers, "first centers", error);
    c->task = (km_fit_task){.n_clusters = c->problem->n_clusters,
                            .tolerance = c->problem->tolerance,
                            .max_iterations = c->problem->max_iterations,
                            .exponent = c->samples->transform.exponent,
                            .facts = &c->samples->facts,
                            .method = answer->plan.method,
                            .kernel = answer->plan.kernel,
                            .pace = &c->pace,
                            .save = save_state,
                            .context = c};
    return km_agree(c->comm, error);
}

/* Checks the arguments, makes the plan, and restores a saved state. */
static km_code begin_call(call *c, const skymeans_manner *manner, km_error *error)
{
    skymeans_answer *answer = c->answer;
    const uint64_t hash =
        km_problem_hash(c->problem, c->samples->memory.n_features) + km_manner_hash(manner);
    if (km_check_alike(c->samples, hash + km_pace_can_save(&c->pace), c->comm, error) != KM_OK)
        return error->code;
    *answer = (skymeans_answer){.is_fit = true,
                                .problem = *c->problem,
                                .precision = c->samples->memory.precision,
                                .slab = c->samples->memory.slab,
                                .spread = km_samples_find_spread(c->samples, c->comm)};
    answer->problem.first_centers = NULL;
    if (check_samples(c, error) != KM_OK || make_plan(c, manner, error) != KM_OK)
        return error->code;
    km_restarts_create(&answer->restarts, c->problem->restarts, c->problem->n_clusters,
                       c->samples->memory.n_features, error);
    return km_agree(c->comm, error) == KM_OK ? resume_state(c, error) : error->code;
}

km_code km_cluster_fit(skymeans_answer *answer, const skymeans_problem *problem,
                       skymeans_samples *samples, const skymeans_manner *manner,
                       const skymeans_control *control, MPI_Comm comm, km_error *error)
{
    call c = {.answer = answer,
              .problem = problem,
              .samples = samples,
              .comm = comm,
              .pace = km_pace_start(control)};
    if (begin_call(&c, manner, error) == KM_OK && prepare_fits(&c, error) == KM_OK)
        run_fits(&c, error);
    free(c.first_centers);
    km_state_free(&c.state);
    return error->code;
}
