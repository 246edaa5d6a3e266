/* All fits of a run. */
#include "skymeans/command.h"

static double *first_centers(const km_story *s, int64_t restart)
{
    return s->restarts.centers + restart * s->restarts.n_clusters * s->restarts.n_features;
}

/* Into the place that the centers of this restart will have in the record. */
static km_code seed(km_story *s, int64_t restart)
{
    double *centers = first_centers(s, restart);
    const km_seeding_task task = {.samples = &s->samples,
                                  .kernel = s->plan.kernel,
                                  .transform = &s->transform,
                                  .n_clusters = s->options.clusters,
                                  .n_rows = s->plan.seeding_rows,
                                  .random_seed = s->options.random_seed,
                                  .restart = restart,
                                  .file = s->options.seeding,
                                  .comm = s->comm};
    if (s->plan.seeding != NULL)
        s->plan.seeding->choose(&task, centers, &s->error);
    else
        km_seeding_from_file(&task, centers, &s->error);
    return s->error.code;
}

/* All restarts that are not done or on their way: draws are by the order of the catalogue, which
 * ranks have in their slabs only before they exchange samples. */
static km_code seed_all(km_story *s)
{
    const bool is_going_on = s->checkpoint.state.n_iterations > 0;
    const double start = km_now();
    for (int64_t r = s->restarts.count + is_going_on; r < s->options.restarts; r++)
        if (seed(s, r) != KM_OK)
            break;
    km_timer_add(&s->timers, KM_PHASE_SEED, start);
    return s->error.code;
}

/* The next fit, from where the checkpoint left it or from its first centers. */
static km_code fit_once(km_story *s, const km_fit_task *task)
{
    km_fit next;
    km_fit_task own = *task;
    s->progress.restart = s->restarts.count;
    if (s->checkpoint.state.n_iterations > 0)
        own.resume = &s->checkpoint.state;
    if (km_fit_run(&next, &own, &s->samples, first_centers(s, s->restarts.count), s->comm,
                   &s->timers, &s->error) != KM_OK)
        return s->error.code;
    s->last_stop = next.stop;
    km_restarts_take(&s->restarts, &next, &s->fit);
    km_checkpoint_free(&s->checkpoint);
    s->is_saved = false;
    return KM_OK;
}

static bool is_stopped(km_stop stop)
{
    return stop == KM_STOP_SIGNAL || stop == KM_STOP_TIME;
}

/* All fits; the best stays. One that was stopped without a checkpoint is the last. */
static km_code fit_in_turn(km_story *s, const km_fit_task *task)
{
    while (s->restarts.count < s->options.restarts && !is_stopped(s->last_stop) &&
           fit_once(s, task) == KM_OK)
        ;
    return s->error.code;
}

km_code km_fit_all(km_story *s)
{
    km_fit_task task = {.n_clusters = s->options.clusters,
                        .tolerance = s->options.tolerance,
                        .max_iterations = s->options.max_iterations,
                        .exponent = s->transform.exponent,
                        .facts = &s->facts,
                        .method = s->plan.method,
                        .kernel = s->plan.kernel,
                        .observe = km_progress_observe,
                        .context = &s->progress};
    if (s->options.checkpoint != NULL)
        task.saving = (km_saving){km_save_fit, s, 60 * s->options.checkpoint_interval};
    s->progress = (km_progress){.log = &s->log, .n_restarts = s->options.restarts};
    if (seed_all(s) != KM_OK || km_share_space(s) != KM_OK)
        return s->error.code;
    km_watch(s, true);
    if (fit_in_turn(s, &task) != KM_OK)
        return s->error.code;
    /* It came from a checkpoint, or later fits may have put the samples into another order. */
    if ((s->fit.labels == NULL || (task.method->reorders && s->options.restarts > 1)) &&
        km_fit_relabel(&s->fit, &task, &s->samples, s->comm, &s->error) != KM_OK)
        return s->error.code;
    if (s->restarts.count == 1)
        return KM_OK;
    return km_restarts_compare(&s->restarts, &task, &s->samples, &s->fit, s->comm, &s->error);
}
