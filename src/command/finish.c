/* The steps after the engine has answered: verification, outputs, warnings. */
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/timers.h"
#include "command/command.h"
#include "process/log.h"
#include "process/output.h"

#include <math.h>

km_record km_make_record(const km_story *s)
{
    return (km_record){.outputs = &s->options.outputs,
                       .catalogue = &s->catalogue,
                       .findings = &s->findings,
                       .answer = s->answer,
                       .setting = &s->setting,
                       .distances = s->distances,
                       .second_labels = s->second_labels,
                       .second_distances = s->second_distances,
                       .borders = &s->borders,
                       .sky = s->sky.ra != NULL ? &s->sky : NULL,
                       .templates = s->templates.n_columns > 0 ? &s->templates : NULL,
                       .order_by = km_lacks_description(s) ? NULL : s->options.order_by,
                       .fingerprint = s->fingerprint,
                       .command = s->command,
                       .seeding = s->options.seeding,
                       .missing = s->options.problem.missing,
                       .model = s->options.model,
                       .started = s->first_started,
                       .n_goes = s->n_goes,
                       .is_verified = s->is_verified,
                       .machine = s->options.machines.count > 0 ? &s->machine : NULL};
}

km_code km_verify_reading(km_story *s)
{
    uint64_t found = 0;
    if (km_catalogue_read_again(&s->catalogue, &s->findings, km_verify_every(s), s->comm, &found,
                                &s->error) == KM_OK &&
        found != s->read_hash)
        km_fail(&s->error, KM_INTERNAL,
                "verification FAILED (%s, %s): read again through serial HDF5, the rows have the "
                "hash %016llx, not %016llx; if nothing wrote to the file meanwhile, please report "
                "this with the command line",
                s->catalogue.path, s->catalogue.table, (unsigned long long)found,
                (unsigned long long)s->read_hash);
    return s->error.code;
}

km_code km_verify_answer(km_story *s)
{
    if (s->options.verify == KM_VERIFY_NOTHING || km_verify_reading(s) != KM_OK)
        return s->error.code;
    km_memory_return();
    if (km_answer_verify(s->answer, &s->samples, s->comm, &s->error) != KM_OK)
        km_say_place(&s->error, s->options.outputs.result, NULL);
    s->is_verified = s->error.code == KM_OK;
    km_memory_return();
    return s->error.code;
}

/* With --distances, computes those of all rows of the slab. */
static km_code find_distances_of_rows(km_story *s)
{
    skymeans_error why;
    if (!s->options.outputs.has_distances)
        return KM_OK;
    s->distances = km_allocate_large(s->answer->slab.count, sizeof *s->distances,
                                     "distances of rows", &s->error);
    if (km_agree(s->comm, &s->error) != KM_OK)
        return s->error.code;
    if (skymeans_distances(s->answer, &s->samples, s->distances, &why) != SKYMEANS_OK)
        km_fail(&s->error, (km_code)why.code, "%s", why.text);
    return km_agree(s->comm, &s->error);
}

/* With --second, computes the second nearest center of all rows of the slab and the distance to it,
 * and counts which clusters run into each other. */
static km_code find_second_of_rows(km_story *s)
{
    const int64_t n = s->answer->slab.count;
    const char *what = "second nearest centers";
    if (!s->options.outputs.has_second)
        return KM_OK;
    s->second_labels = s->answer->seconds; /* that a prediction has found with the labels */
    if (s->second_labels == NULL)
        s->second_labels = km_allocate_large(n, sizeof *s->second_labels, what, &s->error);
    s->second_distances = km_allocate_large(n, sizeof *s->second_distances, what, &s->error);
    if (km_agree(s->comm, &s->error) == KM_OK)
        km_answer_find_second(s->answer, &s->samples.memory, s->distances, s->second_labels,
                              s->second_distances, &s->error);
    s->answer->seconds = NULL;
    if (km_agree(s->comm, &s->error) == KM_OK)
        km_borders_count(&s->borders, s->answer->labels, s->second_labels, s->distances,
                         s->second_distances, n, s->answer->fit.sizes, s->comm, &s->error);
    return s->error.code;
}

/* With --sky, finds where clusters are, and how large. */
static km_code find_sky_of_clusters(km_story *s)
{
    return s->options.sky == NULL
               ? KM_OK
               : km_answer_find_sky(&s->sky, s->answer, &s->samples, s->comm, &s->error);
}

/* Gives the files their names. Once the result has its own, it is complete, and all that fails is a
 * warning. By one rank. */
static void publish(km_story *s, km_output *result, km_output *metrics)
{
    km_error why = {0};
    if (km_output_publish(result, s->options.outputs.may_replace, &s->error) != KM_OK)
        return;
    if (!result->is_durable)
        km_warn(
            &s->log,
            "result perhaps not durable (%s): its folder can't be synced, so a failure of power "
            "could lose its name; see that it is still there before you remove the catalogue",
            result->path);
    if (s->options.outputs.metrics != NULL &&
        km_output_publish(metrics, s->options.outputs.may_replace, &why) != KM_OK)
        km_warn(&s->log, "no metrics, but the result is complete: %s", why.text);
}

km_code km_write_outputs(km_story *s)
{
    km_output result = {0}, metrics = {0};
    const bool is_writer = km_comm_rank(s->comm) == 0;
    const double start = km_now();
    if (find_distances_of_rows(s) != KM_OK || find_second_of_rows(s) != KM_OK ||
        find_sky_of_clusters(s) != KM_OK || km_find_fingerprint(s) != KM_OK ||
        km_setting_gather(&s->setting, s->comm, &s->error) != KM_OK)
        return s->error.code;
    const km_record record = km_make_record(s);
    km_result_write(&result, &record, s->comm, &s->error);
    km_timer_add(&s->timers, KM_PHASE_WRITE, start);
    const km_timers timers = km_all_timers(s);
    km_energy_read(&s->energy, 0);
    s->report = km_report_gather(&timers, &s->findings, &s->energy, s->started, &s->checkpoint.past,
                                 s->comm);
    if (is_writer && s->error.code == KM_OK)
        s->report.bytes_written = km_file_size(result.beside);
    if (is_writer && s->error.code == KM_OK && s->options.outputs.metrics != NULL)
        km_metrics_write(&metrics, &record, &s->report, &s->error);
    if (is_writer && s->error.code == KM_OK)
        publish(s, &result, &metrics);
    km_output_discard(&metrics);
    km_output_discard(&result);
    return km_agree(s->comm, &s->error);
}

bool km_is_interrupted(const km_story *s)
{
    return s->answer->stop == KM_STOP_WISH || s->pace.stop == KM_WISH_STOP;
}

static void warn_of_stop(const km_story *s)
{
    const char *why = km_is_interrupted(s) ? "a signal" : "the time limit";
    const skymeans_answer *answer = s->answer;
    const long long n_fits = (long long)km_problem_fits(&s->options.problem);
    const bool is_between = answer->stopped_at.fit == 0;
    const int64_t number = is_between ? answer->restarts.count : answer->stopped_at.fit;
    if (answer->choice.count > 0)
        km_warn(&s->log,
                "stopped early (%s): %s ended it after %lld of %lld numbers of clusters; to go on "
                "another time give it a --checkpoint",
                s->options.outputs.result, why, (long long)answer->choice.n_done,
                (long long)answer->choice.count);
    else if (n_fits == 1)
        km_warn(&s->log,
                "stopped early (%s): %s ended it after %lld iteration%s; to go on another time "
                "give it a --checkpoint",
                s->options.outputs.result, why, (long long)answer->fit.n_iterations,
                km_plural(answer->fit.n_iterations));
    else
        km_warn(&s->log,
                "stopped early (%s): %s ended it %s fit %lld of %lld; kept is fit %lld, after %lld "
                "iteration%s; to go on another time give it a --checkpoint",
                s->options.outputs.result, why, is_between ? "after" : "in", (long long)number,
                n_fits, (long long)answer->restarts.best + 1, (long long)answer->fit.n_iterations,
                km_plural(answer->fit.n_iterations));
}

static void warn_of_choice(const km_story *s)
{
    const km_choices *choice = &s->answer->choice;
    if (choice->n_done < 2)
        return;
    const km_criterion *criterion = km_criterion_of(&s->answer->problem);
    if (!km_choice_knows(choice, criterion))
        km_warn(&s->log,
                "nothing to choose by (%s): the %s is known of no number of clusters, so that the "
                "lowest is kept; see that there are more than two distinct rows, or --choose "
                "otherwise",
                s->options.outputs.result, criterion->name);
}

static void warn_of_balance(const km_story *s)
{
    const km_balanced *balanced = &s->answer->fit.balanced;
    if (balanced->n_fields > 0 && !balanced->is_right)
        km_warn(&s->log,
                "unequal clusters (%s): their sizes are %.4g to %.4g of the mean of their field; "
                "rows or weights may be too few or too unlike for as many; lower -k",
                s->options.outputs.result, balanced->lowest, balanced->highest);
    if (balanced->n_straddling > 0)
        km_warn(&s->log,
                "clusters in two parts (%s): the rows of %lld cluster%s lie on both sides of a gap "
                "that is wider than the cluster's radius; another -k may divide fields better",
                s->options.outputs.result, (long long)balanced->n_straddling,
                km_plural(balanced->n_straddling));
}

static void warn_of_order(const km_story *s)
{
    const km_templates *t = &s->templates;
    if (s->options.order_by == NULL || t->n_columns == 0)
        return;
    for (int64_t c = 0; c < t->n_clusters; c++)
        if (!isnan(t->mean[c * t->n_columns + s->order_column]))
            return;
    km_warn(&s->log,
            "no order (--order-by %s): no row of any cluster has a value there, so that clusters "
            "keep their numbers; order them by another column",
            s->options.order_by);
}

void km_warn_at_end(const km_story *s)
{
    const km_fit *fit = &s->answer->fit;
    if (s->answer->stop == KM_STOP_WISH || s->answer->stop == KM_STOP_TIME)
        warn_of_stop(s);
    else if (!km_stop_is_converged(fit->stop))
        km_warn(&s->log,
                "not converged (%s): it stopped after %lld iteration%s; raise --max-iterations, or "
                "--tolerance",
                s->options.outputs.result, (long long)fit->n_iterations,
                km_plural(fit->n_iterations));
    if (fit->is_beyond)
        km_warn(&s->log,
                "inertia out of range (%s): it is beyond that of doubles, %g, though labels and "
                "centers are right; scale the features, or change their units",
                s->options.outputs.result, fit->inertia);
    if (km_lacks_description(s))
        km_warn(&s->log,
                "not described (%s): the run was stopped before, so that the result has no "
                "/templates, and clusters keep their numbers; give it more time",
                s->options.outputs.result);
    warn_of_choice(s);
    warn_of_order(s);
    warn_of_balance(s);
    if (fit->n_empty > 0)
        km_warn(&s->log,
                "empty clusters (%s): %lld of %lld have no rows; lower -k, which may be more than "
                "there are distinct rows",
                s->options.outputs.result, (long long)fit->n_empty,
                (long long)s->answer->plan.shape.n_clusters);
}
