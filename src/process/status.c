/* Tells the user what a run is doing: on a terminal by one line that changes, elsewhere by lines at
 * growing intervals. The standard error belongs to the process, so this file has global state. */

#include "process/status.h"
#include "base/timers.h"
#include "process/log.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_WIDTH = 256 };

static const double SECONDS_BETWEEN_LINES = 10; /* minimum, where nobody watches, */
static const double SHARE_BETWEEN_LINES = 0.1;  /* and as a fraction of the time so far */
static const double SECONDS_BETWEEN_CHANGES = 0.1;
static const double PATIENCE = 5, PATIENCE_OF_WATCHERS = 1; /* seconds, before a phase is told */

static struct {
    bool is_on, is_watched;
    double start;      /* of the run, a time of km_now() */
    double last;       /* time of the last line or change */
    int shown;         /* characters in the line that changes */
    const char *doing; /* the phase; NULL: none */
    double phase_start;
} status;

void km_status_start(const km_log *log, double start)
{
    status.is_on = log->is_speaker && log->verbosity != KM_QUIET;
    status.is_watched = log->is_terminal;
    status.start = start;
    status.last = -INFINITY;
}

void km_status_clear(void)
{
    if (status.shown > 0)
        fprintf(stderr, "\r%*s\r", status.shown, "");
    status.shown = 0;
}

bool km_status_is_due(void)
{
    const double now = km_now(),
                 between = status.is_watched ? SECONDS_BETWEEN_CHANGES : SECONDS_BETWEEN_LINES;
    const double share = status.is_watched ? 0 : SHARE_BETWEEN_LINES * (now - status.start);
    return status.is_on && now - status.last >= fmax(between, share);
}

/* Replaces the line that changes; blanks cover the rest of a longer line before. */
static void change_line(const char *text)
{
    char buffer[MAX_WIDTH];
    int width = km_terminal_width() - 1; /* the cursor stays in the line */
    width = width < MAX_WIDTH - 1 ? width : MAX_WIDTH - 1;
    snprintf(buffer, (size_t)(width > 0 ? width : 0) + 1, "%s", text);
    const int length = (int)strlen(buffer);
    fprintf(stderr, "\r%s%*s", buffer, status.shown > length ? status.shown - length : 0, "");
    status.shown = length > status.shown ? length : status.shown;
}

void km_status_show(const char *text)
{
    status.last = km_now();
    if (status.is_watched)
        change_line(text);
    else
        fprintf(stderr, "%s\n", text);
}

void km_status_phase(const char *doing)
{
    km_status_clear();
    status.doing = doing;
    status.phase_start = km_now();
}

void km_status_part(double part)
{
    const double so_far = km_now() - status.phase_start;
    char text[MAX_WIDTH], took[32], left[32];
    if (status.doing == NULL || so_far < (status.is_watched ? PATIENCE_OF_WATCHERS : PATIENCE) ||
        !km_status_is_due())
        return;
    km_duration(so_far, took, sizeof took);
    km_duration(part > 0 ? so_far / part - so_far : 0, left, sizeof left);
    if (part > 0)
        snprintf(text, sizeof text, "%s: %.0f %%, %s so far, about %s left", status.doing,
                 floor(100 * part), took, left);
    else
        snprintf(text, sizeof text, "%s: %s so far", status.doing, took);
    km_status_show(text);
}

const char *km_duration(double seconds, char *text, size_t size)
{
    const double minutes = seconds / 60, hours = minutes / 60;
    if (seconds < 9.95)
        snprintf(text, size, "%.1f s", seconds);
    else if (seconds < 99.5)
        snprintf(text, size, "%.0f s", seconds);
    else if (minutes < 99.5)
        snprintf(text, size, "%.0f min", minutes);
    else
        snprintf(text, size, "%.1f h", hours);
    return text;
}
