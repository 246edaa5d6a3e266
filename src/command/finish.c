/* What a fit leaves behind. */
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/timers.h"
#include "command/command.h"
#include "process/log.h"
#include "process/output.h"

/* Rows are read again, by another road, and must be what they were. */
static km_code verify_reading(km_story *s)
{
    uint64_t found = 0;
    if (km_catalogue_read_again(&s->catalogue, &s->findings, km_verify_every(s), s->comm, &found,
                                &s->error) == KM_OK &&
        found != s->record.read_hash)
        km_fail(&s->error, KM_INTERNAL,
                "verification FAILED (%s, %s): read again through serial HDF5, the rows have the "
                "hash %016llx, not %016llx; if nothing wrote to the file meanwhile, please report "
                "this with the command line",
                s->catalogue.path, s->catalogue.table, (unsigned long long)found,
                (unsigned long long)s->record.read_hash);
    return s->error.code;
}

km_code km_verify_result(km_story *s)
{
    if (km_record_complete(&s->record, s->comm, &s->error) != KM_OK ||
        s->options.verify == KM_VERIFY_NOTHING || verify_reading(s) != KM_OK)
        return s->error.code;
    km_memory_return();
    km_verify(&s->record, s->comm, &s->error);
    km_memory_return();
    return s->error.code;
}

/* Once the result has its name nothing is an error any more. By one rank. */
static void publish(km_story *s, km_output *result, km_output *metrics)
{
    km_error why = {0};
    if (km_output_publish(result, s->options.overwrite, &s->error) != KM_OK)
        return;
    if (!result->is_durable)
        km_warn(
            &s->log,
            "result perhaps not durable (%s): its folder can't be synced, so a failure of power "
            "could lose its name; see that it is still there before you remove the catalogue",
            result->path);
    if (s->options.metrics != NULL &&
        km_output_publish(metrics, s->options.overwrite, &why) != KM_OK)
        km_warn(&s->log, "no metrics, but the result is complete: %s", why.text);
}

/* Both files are complete before the first gets its name; metrics appear only with their result. */
km_code km_write_outputs(km_story *s)
{
    km_output result = {0}, metrics = {0};
    const bool is_writer = km_comm_rank(s->comm) == 0;
    const double start = km_now();
    if (km_setting_gather(&s->setting, s->comm, &s->error) != KM_OK)
        return s->error.code;
    km_result_write(&result, &s->record, s->comm, &s->error);
    km_timer_add(&s->timers, KM_PHASE_WRITE, start);
    s->report =
        km_report_gather(&s->timers, &s->findings, s->started, &s->checkpoint.past, s->comm);
    if (is_writer && s->error.code == KM_OK && s->options.metrics != NULL)
        km_metrics_write(&metrics, &s->record, &s->report, &s->error);
    if (is_writer && s->error.code == KM_OK)
        publish(s, &result, &metrics);
    km_output_discard(&metrics);
    km_output_discard(&result);
    return km_agree(s->comm, &s->error);
}

/* Were there to be more fits? */
static bool is_cut_short(const km_story *s)
{
    return s->restarts.count < s->options.restarts;
}

bool km_is_interrupted(const km_story *s)
{
    return s->last_stop == KM_STOP_SIGNAL;
}

static void warn_of_stop(const km_story *s)
{
    const char *why = km_is_interrupted(s) ? "a signal" : "the time limit";
    const bool is_between = s->fit_number == 0;
    const int64_t number = is_between ? s->restarts.count : s->fit_number;
    if (s->options.restarts == 1)
        km_warn(&s->log,
                "stopped early (%s): %s ended it after %lld iteration%s; to go on another time "
                "give it a --checkpoint",
                s->options.output, why, (long long)s->fit.n_iterations,
                km_plural(s->fit.n_iterations));
    else
        km_warn(&s->log,
                "stopped early (%s): %s ended it %s fit %lld of %lld; kept is fit %lld, after %lld "
                "iteration%s; to go on another time give it a --checkpoint",
                s->options.output, why, is_between ? "after" : "in", (long long)number,
                (long long)s->options.restarts, (long long)s->restarts.best + 1,
                (long long)s->fit.n_iterations, km_plural(s->fit.n_iterations));
}

void km_warn_at_end(const km_story *s)
{
    if (s->fit.stop == KM_STOP_SIGNAL || s->fit.stop == KM_STOP_TIME || is_cut_short(s))
        warn_of_stop(s);
    else if (!km_stop_is_converged(s->fit.stop))
        km_warn(&s->log,
                "not converged (%s): it stopped after %lld iteration%s; raise --max-iterations, or "
                "--tolerance",
                s->options.output, (long long)s->fit.n_iterations, km_plural(s->fit.n_iterations));
    if (s->fit.n_empty > 0)
        km_warn(&s->log,
                "empty clusters (%s): %lld of %lld have no rows; lower -k, which may be more than "
                "there are distinct rows",
                s->options.output, (long long)s->fit.n_empty, (long long)s->options.clusters);
}
