/* A line an iteration. */
#include "skymeans/result.h"

#include <stdio.h>

static const double SECONDS_BETWEEN_LINES = 10; /* in a log that nobody watches */

void km_progress_observe(void *context, const km_iteration *iteration)
{
    km_progress *progress = context;
    const km_log *log = progress->log;
    if (!log->is_speaker || log->verbosity == KM_QUIET)
        return;
    const double now = km_now();
    const bool is_due = log->is_terminal || log->verbosity == KM_VERBOSE ||
                        (iteration->number == 1 && progress->restart == 0) ||
                        now - progress->last_line >= SECONDS_BETWEEN_LINES;
    if (!is_due)
        return;
    progress->last_line = now;
    if (progress->n_restarts > 1)
        fprintf(stderr, "fit %lld of %lld, ", (long long)progress->restart + 1,
                (long long)progress->n_restarts);
    fprintf(stderr,
            "iteration %4lld   inertia %-13.8g   shift %-10.4g   relabeled %-12lld   %.3g s\n",
            (long long)iteration->number, iteration->inertia, iteration->shift,
            (long long)iteration->relabeled, iteration->seconds);
}
