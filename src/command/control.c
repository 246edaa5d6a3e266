/* What the engine calls while it works: to show progress, to stop in time, and to save. */
#include "command/command.h"

#include "process/signals.h"
#include "process/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- progress -------------------------------------------------------------------------------- */

/* Does the phase of fitting begin? */
static bool is_fitting(const skymeans_event *event)
{
    return event->doing != NULL && strcmp(event->doing, "fitting") == 0;
}

static void observe(void *context, const skymeans_event *event)
{
    enum { ENERGY_INTERVAL = 30 }; /* seconds: counters take minutes to overflow */
    km_story *s = context;
    km_energy_read(&s->energy, ENERGY_INTERVAL);
    switch (event->kind) {
    case SKYMEANS_PHASE:
        if (is_fitting(event))
            km_signals_watch(); /* from here on a signal leaves a result */
        km_status_phase(is_fitting(event) ? NULL
                                          : event->doing); /* iterations have lines of their own */
        break;
    case SKYMEANS_PART:
        km_status_part(event->part);
        break;
    case SKYMEANS_FIT_BEGINS:
        if (!s->has_checked_constants)
            km_warn_of_constants(s);
        s->has_checked_constants = true;
        km_progress_begin_fit(&s->progress, event->fit);
        break;
    case SKYMEANS_ITERATED:
        km_progress_observe(&s->progress, event->iteration);
        break;
    case SKYMEANS_FIT_ENDS:
        km_progress_end_fit(&s->progress);
        break;
    }
}

/* ---- stopping -------------------------------------------------------------------------------- */

static int wants_stop(void *context)
{
    (void)context;
    return km_signal_came();
}

/* Seconds until the Slurm job ends, if something tells it; INFINITY if not. */
static double seconds_of_job(void)
{
    const char *end = getenv("SLURM_JOB_END_TIME");
    int64_t end_time;
    return end != NULL && km_parse_int64(end, &end_time) ? difftime((time_t)end_time, time(NULL))
                                                         : INFINITY;
}

/* Was the job over before the run began? Then it is another one's, left behind in a shell. */
static bool is_of_past_job(const km_story *s, double seconds)
{
    return seconds + (km_now() - s->started) < 0;
}

void km_warn_of_past_job(const km_story *s)
{
    if (s->options.max_hours == 0 && is_of_past_job(s, seconds_of_job()))
        km_warn(&s->log,
                "end of a job that is over (SLURM_JOB_END_TIME=%s): this run began later, so it "
                "has no time limit; unset the variable, or say --max-hours",
                getenv("SLURM_JOB_END_TIME"));
}

/* Seconds until the run must have ended; 0: there is no limit. */
static double seconds_until_end(const km_story *s)
{
    const double no_time = 1e-9; /* the limit has passed; 0 would mean no limit */
    const double of_job = seconds_of_job();
    if (s->options.max_hours > 0)
        return fmax(s->started + 3600 * s->options.max_hours - km_now(), no_time);
    return of_job < INFINITY && !is_of_past_job(s, of_job) ? fmax(of_job, no_time) : 0;
}

/* Where the engine was stopped, for a message. */
static void say_position(const km_story *s, char *text, size_t size)
{
    const km_stopped_at *at = &s->answer->stopped_at;
    const long long n_fits = (long long)km_problem_fits(&s->options.problem);
    char fit[64] = "", where[64] = "while seeding";
    if (at->fit > 0 && n_fits > 1)
        snprintf(fit, sizeof fit, "in fit %lld of %lld, ", (long long)at->fit, n_fits);
    if (at->iteration > 0)
        snprintf(where, sizeof where, "after %lld iteration%s", (long long)at->iteration,
                 km_plural(at->iteration));
    if (at->fit > 0)
        snprintf(text, size, "%s%s", fit, where);
    else
        snprintf(text, size, "after fit %lld of %lld", (long long)km_answer_fits_done(s->answer),
                 n_fits);
}

bool km_is_stopped_early(km_story *s)
{
    char text[160] = "while reading the catalogue";
    if (s->answer == NULL && !km_pace_is_stopped(&s->pace))
        return false;
    if (s->answer != NULL && s->answer->is_complete)
        return false;
    if (s->answer == NULL &&
        s->checkpoint.state_size == 0) /* else the checkpoint that exists is as good */
        km_save_state(s, NULL, 0, &s->error);
    if (s->answer != NULL)
        say_position(s, text, sizeof text);
    km_fail(&s->error, KM_STOPPED, "%s", text);
    return true;
}

void km_stop_description(km_story *s)
{
    if (!s->has_state && !s->has_saved)
        km_save_state(s, NULL, 0, &s->error);
    km_fail(&s->error, KM_STOPPED, "while describing the clusters");
}

/* ---- saving ---------------------------------------------------------------------------------- */

static int save_checkpoint(void *context, const void *state, size_t size, skymeans_error *error)
{
    km_error why = {0};
    km_story *s = context;
    km_save_state(s, state, size, &why);
    s->has_saved = true;
    error->code = (int)why.code;
    snprintf(error->text, sizeof error->text, "%s", why.text);
    return error->code;
}

void km_prepare_control(km_story *s)
{
    const skymeans_control defaults = SKYMEANS_CONTROL;
    const bool can_save = s->options.checkpoint != NULL;
    const bool is_reading = s->samples.memory.values == NULL;
    s->control = defaults;
    s->control.context = s;
    s->control.observe = observe;
    s->control.wants_stop = wants_stop;
    s->progress = (km_progress){.log = &s->log,
                                .n_restarts = km_problem_fits(&s->options.problem),
                                .max_iterations = s->options.problem.max_iterations,
                                .started = s->started};
    if (can_save || !is_reading) /* without a checkpoint only a fit can be stopped */
        s->control.seconds = seconds_until_end(s);
    if (can_save) {
        km_signals_watch();
        s->control.save = save_checkpoint;
        s->control.save_interval = 60 * s->options.save_minutes;
        s->control.resume = s->has_state ? s->checkpoint.state : NULL;
        s->control.resume_size = s->checkpoint.state_size;
    }
}
