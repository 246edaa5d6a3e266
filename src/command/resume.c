/* Stopping in time, and going on from a checkpoint. */
#include "base/error.h"
#include "base/text.h"
#include "base/timers.h"
#include "command/command.h"
#include "process/lock.h"
#include "process/signals.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* When the run must have ended, as a time of km_now(). */
static double find_deadline(const km_story *s)
{
    const char *end = getenv("SLURM_JOB_END_TIME");
    int64_t end_time;
    if (s->options.max_hours > 0)
        return s->started + 3600 * s->options.max_hours;
    if (end != NULL && km_parse_int64(end, &end_time))
        return km_now() + difftime((time_t)end_time, time(NULL));
    return INFINITY;
}

/* Without a checkpoint only a fit can be stopped, and what was fitted so far is the result. */
void km_watch(km_story *s, bool is_fitting)
{
    if (is_fitting || s->options.checkpoint != NULL)
        km_stop_watch(find_deadline(s) - s->sharing);
}

km_code km_lock_checkpoint(km_story *s)
{
    const double patience = 60; /* seconds for which a run on another machine may give no sign */
    if (km_comm_rank(s->comm) == 0)
        km_lock_take(&s->lock, s->options.checkpoint, patience, &s->log, &s->error);
    return km_agree(s->comm, &s->error);
}

void km_unlock_checkpoint(km_story *s)
{
    if (s->options.checkpoint != NULL && km_comm_rank(s->comm) == 0)
        km_lock_release(&s->lock);
}

void km_forget_checkpoint(km_story *s)
{
    if (s->options.checkpoint != NULL && km_comm_rank(s->comm) == 0 && km_lock_is_mine(&s->lock))
        km_checkpoint_remove(s->options.checkpoint);
}

/* First centers of the user's own are part of the question, and may have changed. */
static km_code hash_first_centers(km_story *s)
{
    const km_samples none = {.n_features = s->catalogue.n_features};
    const km_seeding_task task = {.samples = &none,
                                  .n_clusters = s->options.clusters,
                                  .file = s->options.seeding,
                                  .features = s->catalogue.columns,
                                  .comm = s->comm};
    if (s->plan.seeding == NULL)
        km_seeding_hash_file(&task, &s->record.seeding_hash, &s->error);
    return s->error.code;
}

/* Looks for a checkpoint, and takes over what it holds. */
km_code km_go_on(km_story *s)
{
    const int64_t k = s->options.clusters, d = s->catalogue.n_features;
    bool is_found = false;
    km_restarts_create(&s->restarts, s->options.restarts, k, d, &s->error);
    if (km_agree(s->comm, &s->error) != KM_OK || s->options.checkpoint == NULL ||
        hash_first_centers(s) != KM_OK || km_lock_checkpoint(s) != KM_OK)
        return s->error.code;
    km_watch(s, false);
    s->checkpoint = (km_checkpoint){.restarts = &s->restarts, .best = &s->fit};
    if (km_checkpoint_read(s->options.checkpoint, &s->checkpoint, &s->record, &s->log, s->comm,
                           &is_found, &s->error) == KM_OK)
        s->is_saved = is_found;
    if (s->is_saved) {
        s->record.started = s->checkpoint.started;
        s->record.n_goes = s->checkpoint.past.n_goes + 1;
    }
    if (s->is_saved && km_is_heard(s))
        fprintf(stderr, "skymeans: going on from %s: %lld fit%s done, then %lld iteration%s\n",
                s->options.checkpoint, (long long)s->restarts.count, km_plural(s->restarts.count),
                (long long)s->checkpoint.state.n_iterations,
                km_plural(s->checkpoint.state.n_iterations));
    return s->error.code;
}

/* The catalogue may have changed in place, with the same size and time. */
km_code km_check_features(km_story *s)
{
    if (s->checkpoint.has_features_hash && s->checkpoint.features_hash != s->record.features_hash)
        return km_fail(&s->error, KM_DATA,
                       "the catalogue has changed (%s): its values are not those of the checkpoint "
                       "%s; remove that to begin anew",
                       s->catalogue.path, s->options.checkpoint);
    s->checkpoint.has_features_hash = true;
    s->checkpoint.features_hash = s->record.features_hash;
    return KM_OK;
}

static km_code write_checkpoint(km_story *s, const km_fit_state *state, km_error *error)
{
    const double start = km_now();
    km_checkpoint checkpoint = s->checkpoint;
    checkpoint.state = *state;
    checkpoint.started = s->record.started;
    checkpoint.past =
        km_report_gather(&s->timers, &s->findings, s->started, &s->checkpoint.past, s->comm);
    if (km_comm_rank(s->comm) == 0)
        km_lock_check(&s->lock, error);
    if (km_agree(s->comm, error) == KM_OK)
        km_checkpoint_write(s->options.checkpoint, &checkpoint, &s->record, s->comm, error);
    km_timer_add(&s->timers, KM_PHASE_CHECKPOINT, start);
    s->is_saved = error->code == KM_OK;
    return error->code;
}

/* For km_saving.save; the context is the story. */
km_code km_save_fit(void *context, const km_fit_state *state, km_error *error)
{
    return write_checkpoint(context, state, error);
}

/* A run that was stopped where no fit was on its way still keeps the fits done. */
void km_keep_position(km_story *s)
{
    km_error error = {0};
    const km_fit_state none = {0};
    if (s->options.checkpoint != NULL && !s->is_saved &&
        write_checkpoint(s, &none, &error) != KM_OK)
        s->error = error;
}
