/* A line per iteration, and an estimate of the time that is left. */
#include "base/timers.h"
#include "process/log.h"
#include "process/status.h"
#include "report/report.h"

#include <math.h>
#include <stdio.h>

/* Seconds left that are said; more comes from a limit of iterations that no one means to reach. */
static const double MIN_LEFT = 1, MAX_LEFT = 1000 * 3600.0;

void km_progress_time_left(const km_progress *progress, int64_t number, double now, char *text,
                           size_t size)
{
    const double n_more = (double)(progress->n_restarts - progress->restart - 1);
    const bool is_known = progress->n_timed > 0;
    double left;
    char duration[32];
    if (is_known) {
        const double mean = progress->seconds_of_fits / (double)progress->n_timed;
        left = n_more * mean + fmax(0, mean - (now - progress->fit_started));
    } else {
        const double maximum = (double)progress->max_iterations * progress->pace;
        left = n_more * maximum + (double)(progress->max_iterations - number) * progress->pace;
    }
    text[0] = '\0';
    if (left >= MIN_LEFT && left < MAX_LEFT)
        snprintf(text, size, ", %s %s left", is_known ? "about" : "at most",
                 km_duration(left, duration, sizeof duration));
}

static void print_iteration(const km_progress *progress, const km_iteration *iteration)
{
    const km_log *log = progress->log;
    const bool is_line = !log->is_terminal || log->verbosity == KM_VERBOSE;
    char text[512], fit[64] = "", so_far[32], left[64];
    const double now = km_now();
    km_duration(now - progress->started, so_far, sizeof so_far);
    km_progress_time_left(progress, iteration->number, now, left, sizeof left);
    if (progress->n_restarts > 1)
        snprintf(fit, sizeof fit, "fit %lld of %lld, ", (long long)progress->restart + 1,
                 (long long)progress->n_restarts);
    if (is_line)
        snprintf(text, sizeof text,
                 "%siteration %4lld   inertia %-13.8g   shift %-10.4g   relabeled %-12lld   "
                 "%.3g s, %s so far%s",
                 fit, (long long)iteration->number, iteration->inertia, iteration->shift,
                 (long long)iteration->relabeled, iteration->seconds, so_far, left);
    else
        snprintf(text, sizeof text, "%siteration %lld: %s so far%s; inertia %.8g, relabeled %lld",
                 fit, (long long)iteration->number, so_far, left, iteration->inertia,
                 (long long)iteration->relabeled);
    if (log->verbosity == KM_VERBOSE) {
        km_status_clear();
        fprintf(stderr, "%s\n", text);
    } else {
        km_status_show(text);
    }
}

void km_progress_observe(void *context, const km_iteration *iteration)
{
    km_progress *progress = context;
    const km_log *log = progress->log;
    const double seconds = iteration->seconds;
    /* A running mean in which the last iterations count most, since the next will be like them. */
    progress->pace = progress->pace > 0 ? 0.7 * progress->pace + 0.3 * seconds : seconds;
    if (!log->is_speaker || log->verbosity == KM_QUIET)
        return;
    if (log->verbosity == KM_VERBOSE || (iteration->number == 1 && progress->restart == 0) ||
        km_status_is_due())
        print_iteration(progress, iteration);
}

void km_progress_begin_fit(km_progress *progress, int64_t restart)
{
    progress->restart = restart;
    progress->fit_started = km_now();
    progress->pace = 0;
}

void km_progress_end_fit(km_progress *progress)
{
    progress->n_timed++;
    progress->seconds_of_fits += km_now() - progress->fit_started;
}
