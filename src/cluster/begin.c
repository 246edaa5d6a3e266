/* What comes before the iterations of a fit: its first centers, and samples among the ranks. */
#include "base/memory.h"
#include "cluster/call.h"

#include <math.h>
#include <string.h>

static km_code place_given_centers(km_call *c, km_error *error)
{
    const int64_t k = c->problem->n_clusters, d = km_samples_features(c->samples);
    memcpy(c->first_centers, c->problem->first_centers, (size_t)(k * d) * sizeof(double));
    km_transform_centers(&c->samples->transform, c->first_centers, k);
    for (int64_t i = 0; i < k * d; i++)
        if (!isfinite(c->first_centers[i]))
            return km_fail(error, KM_DATA,
                           "bad first centers (center %lld, value %lld): NaN, infinite, or too far "
                           "from all samples; centers are in the units of the features",
                           (long long)(i / d), (long long)(i % d));
    km_add_heights(c->first_centers, k, d, c->samples->n_heights);
    return KM_OK;
}

/* First centers improved by a fit of a sample of rows. */
static void refine_first_centers(km_call *c, const km_seeding_task *seeding, km_error *error)
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
                                 .radius = c->task.radius,
                                 .exponent = c->task.exponent};
    if (km_refine(&task, c->first_centers, &c->answer->refined, error) == KM_OK)
        c->task.max_inertia = &c->answer->refined.max_inertia;
}

/* Is there a sample of rows to refine first centers by, which was not refused? */
static bool can_refine(const km_call *c)
{
    return c->answer->plan.refining != NULL && !c->answer->refined.is_refused &&
           km_refine_rows(&c->answer->plan.shape, c->samples->facts.n_samples) > 0;
}

/* Of several numbers of clusters, the first fit begins with the centers of the next larger number,
 * joined to fewer. */
static bool can_join_centers(const km_call *c)
{
    return c->answer->choice.n_done > 0 && c->answer->restarts.count == 0;
}

static void join_first_centers(km_call *c, km_error *error)
{
    const km_choices *choice = &c->answer->choice;
    const int64_t from = km_choice_next(choice) + 1, first = km_choice_first(choice, from);
    km_merge_centers(choice->centers + first * choice->n_features, choice->weights + first,
                     choice->rows[from].n_clusters, choice->n_features, c->first_centers,
                     c->problem->n_clusters, error);
    km_agree(c->comm, error);
}

/* Chooses centers by the seeding, or takes those that a fit with more clusters began with. */
static void choose_by_seeding(km_call *c, const km_seeding_task *task, km_error *error)
{
    const km_seeding *seeding = c->answer->plan.seeding;
    const int64_t d = c->samples->memory.n_features, k = task->n_clusters;
    double *seeds = c->seeds != NULL ? c->seeds + task->restart * c->asked->n_clusters * d : NULL;
    if (seeds != NULL && c->n_seeds[task->restart] >= k) {
        memcpy(c->first_centers, seeds, (size_t)(k * d) * sizeof *seeds);
    } else if (seeding->choose(task, c->first_centers, error) == KM_OK && seeds != NULL &&
               !km_pace_is_stopped(&c->pace)) {
        memcpy(seeds, c->first_centers, (size_t)(k * d) * sizeof *seeds);
        c->n_seeds[task->restart] = k;
    }
}

static km_code choose_first_centers(km_call *c, km_error *error)
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
    if (can_join_centers(c))
        join_first_centers(c, error);
    else if (can_refine(c))
        refine_first_centers(c, &task, error);
    else if (plan->seeding != NULL)
        choose_by_seeding(c, &task, error);
    else
        place_given_centers(c, error);
    km_memory_return();
    km_pace_phase(&c->pace, NULL);
    km_timer_add(&c->answer->timers, KM_PHASE_SEED, start);
    return error->code;
}

/* Chooses the method to begin with, which may want samples in order. A fit before this one may have
 * changed that. */
static km_code choose_beginning(km_call *c, const double *centers, km_error *error)
{
    const km_plan *plan = &c->answer->plan;
    const int64_t k = c->problem->n_clusters, d = c->samples->memory.n_features;
    const double start = km_now();
    c->task.early = plan->early != NULL && km_method_begins(centers, k, d) ? plan->early : NULL;
    if (c->task.early != NULL || plan->late != NULL)
        km_samples_put_in_order(c->samples, plan, &c->pace, c->comm, error);
    km_timer_add(&c->answer->timers, KM_PHASE_ORDER, start);
    return error->code;
}

km_code km_call_begin_fit(km_call *c, km_error *error)
{
    skymeans_answer *answer = c->answer;
    const double start = km_now();
    c->is_between = false;
    c->pace.has_nothing = km_answer_fits_done(answer) == 0 && !km_pace_can_save(&c->pace);
    const bool is_resumed = c->state.next.n_iterations > 0;
    c->task.resume = is_resumed ? &c->state.next : NULL;
    if (!is_resumed &&
        (km_cluster_return(c->samples, NULL, &c->pace, &answer->timers, c->comm, error) != KM_OK ||
         choose_first_centers(c, error) != KM_OK || km_pace_is_stopped(&c->pace)))
        return error->code;
    const double *centers = is_resumed ? c->state.next.used : c->first_centers;
    if (km_cluster_redistribute(c->samples, &answer->plan, centers, &c->pace, &answer->timers,
                                c->comm, error) != KM_OK ||
        choose_beginning(c, centers, error) != KM_OK)
        return error->code;
    c->pace.has_nothing = false;
    c->pace.beginning = km_now() - start;
    km_pace_phase(&c->pace, "fitting");
    return KM_OK;
}
