/* All fits of a run. */
#include "base/error.h"
#include "base/memory.h"
#include "base/timers.h"
#include "command/command.h"
#include "process/signals.h"
#include "process/status.h"

#include <math.h>

static bool is_stopped(km_stop stop)
{
    return stop == KM_STOP_SIGNAL || stop == KM_STOP_TIME;
}

static km_code seed(km_story *s, int64_t restart)
{
    const double start = km_now();
    const km_seeding_task task = {.samples = &s->samples,
                                  .kernel = s->plan.kernel,
                                  .transform = &s->transform,
                                  .n_clusters = s->options.clusters,
                                  .n_rows = s->plan.seeding_rows,
                                  .random_seed = s->options.random_seed,
                                  .restart = restart,
                                  .file = s->options.seeding,
                                  .features = s->catalogue.columns,
                                  .log = &s->log,
                                  .comm = s->comm};
    km_status_phase("seeding");
    if (s->plan.seeding != NULL)
        s->plan.seeding->choose(&task, s->first_centers, &s->error);
    else
        km_seeding_from_file(&task, s->first_centers, &s->error);
    km_memory_return();
    km_status_phase(NULL);
    km_timer_add(&s->timers, KM_PHASE_SEED, start);
    return s->error.code;
}

/* Of several fits, says which it was that is stopped. */
static km_code name_fit(km_story *s)
{
    km_error why = s->error;
    if (why.code != KM_STOPPED || s->options.restarts == 1)
        return s->error.code;
    s->error = (km_error){0};
    return km_fail(&s->error, KM_STOPPED, "in fit %lld of %lld, %s", (long long)s->fit_number,
                   (long long)s->options.restarts, why.text);
}

/* The next fit, from where the checkpoint left it or from a seeding. */
static km_code fit_once(km_story *s, const km_fit_task *task)
{
    const double start = km_now();
    km_fit next;
    km_fit_task own = *task;
    own.longest = s->longest;
    km_progress_begin_fit(&s->progress, s->restarts.count);
    s->fit_number = s->restarts.count + 1;
    if (s->checkpoint.state.n_iterations > 0)
        own.resume = &s->checkpoint.state;
    else if (km_go_home(s, NULL) != KM_OK || seed(s, s->restarts.count) != KM_OK)
        return name_fit(s);
    if (km_share_space(s) != KM_OK)
        return s->error.code;
    km_watch(s, true);
    s->beginning = km_now() - start;
    if (km_fit_run(&next, &own, &s->samples, s->first_centers, s->comm, &s->timers, &s->error) !=
        KM_OK)
        return name_fit(s);
    if (own.resume == NULL)
        km_progress_end_fit(&s->progress);
    s->last_stop = next.stop;
    s->fit_number = is_stopped(next.stop) ? s->fit_number : 0;
    for (int64_t i = own.resume != NULL ? own.resume->n_iterations : 0; i < next.n_iterations; i++)
        s->longest = fmax(s->longest, next.history[i].seconds);
    km_restarts_take(&s->restarts, &next, &s->fit);
    km_memory_return();
    km_checkpoint_free(&s->checkpoint);
    s->is_saved = false;
    return KM_OK;
}

/* Is there no time for the beginning of another fit and an iteration of it, or was there a signal?
 */
static bool must_stop(km_story *s)
{
    int64_t wish = (int64_t)km_stop_wanted(s->beginning + s->longest);
    km_max_int64(s->comm, &wish, 1);
    if (wish != KM_WISH_NONE)
        s->last_stop = wish == KM_WISH_SIGNAL ? KM_STOP_SIGNAL : KM_STOP_TIME;
    if (wish != KM_WISH_NONE && s->options.checkpoint != NULL)
        km_fail(&s->error, KM_STOPPED, "after fit %lld of %lld", (long long)s->restarts.count,
                (long long)s->options.restarts);
    return wish != KM_WISH_NONE;
}

/* A signal to any rank, or the time. */
static km_stop why_stopped(const km_story *s)
{
    int64_t has_signal = km_stop_wanted(0) == KM_WISH_SIGNAL;
    km_max_int64(s->comm, &has_signal, 1);
    return has_signal > 0 ? KM_STOP_SIGNAL : KM_STOP_TIME;
}

/* All fits; the best stays. One that was stopped without a checkpoint is the last. */
static km_code fit_in_turn(km_story *s, const km_fit_task *task)
{
    while (s->restarts.count < s->options.restarts && !is_stopped(s->last_stop)) {
        if (s->restarts.count > 0 && must_stop(s))
            return s->error.code;
        if (fit_once(s, task) != KM_OK) {
            const bool is_enough = s->error.code == KM_STOPPED && s->options.checkpoint == NULL;
            if (!is_enough || s->restarts.count == 0)
                return s->error.code;
            s->error = (km_error){0};
            s->last_stop = why_stopped(s);
        }
    }
    return KM_OK;
}

/* Labels of the best fit for the order in which the samples are now, if it has none: it came from a
 * checkpoint, or later fits have put them into another order. */
static km_code label_best(km_story *s, const km_fit_task *task)
{
    const bool is_reordered = task->method->reorders || km_shares_space(s);
    if (s->fit.labels != NULL && (!is_reordered || s->options.restarts == 1))
        return KM_OK;
    if (km_share_space(s) != KM_OK)
        return s->error.code;
    return km_fit_relabel(&s->fit, task, &s->samples, s->comm, &s->error);
}

km_code km_fit_all(km_story *s)
{
    const int64_t n = s->options.clusters * s->catalogue.n_features;
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
    s->progress = (km_progress){.log = &s->log,
                                .n_restarts = s->options.restarts,
                                .max_iterations = s->options.max_iterations,
                                .started = s->started};
    s->first_centers = km_allocate(n, sizeof *s->first_centers, "first centers", &s->error);
    if (km_agree(s->comm, &s->error) != KM_OK || fit_in_turn(s, &task) != KM_OK)
        return s->error.code;
    km_status_phase(s->restarts.count > 1 ? "comparing the fits" : NULL);
    if (label_best(s, &task) != KM_OK)
        return s->error.code;
    if (s->restarts.count > 1 &&
        km_restarts_compare(&s->restarts, &task, &s->samples, &s->fit, s->comm, &s->error) != KM_OK)
        return s->error.code;
    km_status_phase(NULL);
    return km_go_home(s, &s->fit.labels);
}
