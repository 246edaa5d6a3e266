/* `generate`: a mock catalogue. */
#include "command/command.h"

#include "base/timers.h"
#include "mock/mock.h"
#include "process/signals.h"
#include "process/status.h"

#include <stdio.h>

static void say_generated(const km_story *s, const km_mock_report *report)
{
    const km_mock_asked *mock = &s->options.mock;
    char time[32];
    const double seconds = km_now() - s->started;
    printf("skymeans: %s written: %lld rows of %lld columns", mock->path, (long long)mock->n_rows,
           (long long)report->n_columns);
    if (report->n_files > 1)
        printf(" in %lld files", (long long)report->n_files);
    printf(", %.1f MB in %s (%.2f GB/s)\n", (double)report->n_bytes / 1e6,
           km_duration(seconds, time, sizeof time), (double)report->n_bytes / 1e9 / seconds);
}

km_code km_generate(km_story *s)
{
    km_mock_report report;
    km_mock *mock = km_mock_create(&s->options.mock, &s->error);
    if (s->error.code == KM_OK && km_comm_rank(s->comm) == 0)
        km_mock_check_outputs(mock, &s->error);
    if (km_agree(s->comm, &s->error) == KM_OK) {
        km_signals_watch();
        km_status_phase("writing");
        km_mock_write(mock, (km_mock_control){.is_stopped = km_signal_came}, s->comm, &report,
                      &s->error);
        km_status_phase(NULL);
    }
    km_mock_free(mock);
    if (s->error.code == KM_OK && km_is_heard(s))
        say_generated(s, &report);
    if (s->error.code == KM_OK && !report.is_durable)
        km_warn(&s->log,
                "catalogue perhaps not durable (%s): its folder can't be synced, so a failure of "
                "power could lose its name; see that it is still there before you rely on it",
                s->options.mock.path);
    return s->error.code;
}
