/* skymeans: k-means for survey catalogues on MPI clusters.
 *
 * Each command is a function that calls its steps one after the other. Steps are collective and
 * return the same code on all ranks; the first that fails ends the run, and rank 0 says why. */
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/timers.h"
#include "base/version.h"
#include "catalogue/first_centers.h"
#include "command/command.h"
#include "command/tools.h"
#include "process/heap.h"
#include "process/log.h"
#include "process/scratch.h"
#include "process/signals.h"
#include "process/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void run_fit(km_story *s)
{
    km_start_meter(s);
    if (km_start_threads(s) != KM_OK)
        return;
    km_warn_of_threads(s);
    km_warn_of_past_job(s);
    if (km_check_outputs(s) != KM_OK || km_start_scratch(s) != KM_OK ||
        km_take_machine(s) != KM_OK || km_open_catalogue(s) != KM_OK ||
        km_say_columns(s) != KM_OK || km_open_described(s) != KM_OK ||
        km_warn_of_catalogue(s) != KM_OK || km_go_on(s) != KM_OK)
        return;
    km_prepare_control(s);
    if (km_read_samples(s) != KM_OK || km_fit_samples(s) != KM_OK || km_verify_answer(s) != KM_OK ||
        km_describe_clusters(s) != KM_OK || km_write_outputs(s) != KM_OK)
        return;
    km_forget_checkpoint(s);
    const km_record record = km_make_record(s);
    if (km_is_heard(s))
        km_summary_print(&record, &s->report);
    km_warn_at_end(s);
    if (km_is_interrupted(s))
        s->error.code = KM_INTERRUPTED;
}

static void run_predict(km_story *s)
{
    km_start_meter(s);
    if (km_start_threads(s) != KM_OK)
        return;
    km_warn_of_threads(s);
    if (km_check_outputs(s) != KM_OK || km_start_scratch(s) != KM_OK || km_read_model(s) != KM_OK ||
        km_open_other_catalogue(s) != KM_OK || km_warn_of_catalogue(s) != KM_OK)
        return;
    km_prepare_control(s);
    if (km_read_samples(s) != KM_OK || km_predict_samples(s) != KM_OK ||
        km_write_outputs(s) != KM_OK)
        return;
    const km_record record = km_make_record(s);
    if (km_is_heard(s))
        km_prediction_print(&record, &s->report);
}

static void run_verify(km_story *s)
{
    if (km_start_threads(s) != KM_OK)
        return;
    km_warn_of_threads(s);
    if (km_read_model(s) != KM_OK || km_read_recorded(s) != KM_OK ||
        km_open_other_catalogue(s) != KM_OK || km_warn_of_catalogue(s) != KM_OK)
        return;
    km_prepare_control(s);
    if (km_read_samples(s) == KM_OK)
        km_check_result(s);
}

static km_code open_for_fit(km_story *s)
{
    if (s->log.is_speaker)
        km_first_centers_check(s->options.seeding, &s->error);
    if (km_agree(s->comm, &s->error) == KM_OK && km_open_catalogue(s) == KM_OK &&
        km_open_described(s) == KM_OK)
        km_say_columns(s);
    return s->error.code;
}

static km_code open_for_predict(km_story *s)
{
    if (km_read_model(s) == KM_OK)
        km_open_other_catalogue(s);
    return s->error.code;
}

static void run_dry(km_story *s)
{
    const bool is_fit = s->options.model == NULL;
    if (km_start_scratch(s) != KM_OK || km_take_machine(s) != KM_OK ||
        (is_fit ? open_for_fit(s) : open_for_predict(s)) != KM_OK ||
        km_warn_of_catalogue(s) != KM_OK)
        return;
    km_plans plans = {0};
    const km_dry_run run = {.catalogue = &s->catalogue,
                            .described = &s->described,
                            .plans = &plans,
                            .plan =
                                s->options.scratch != NULL ? &plans.beside_disk : &plans.in_memory,
                            .scratch = s->options.scratch,
                            .node = km_find_node(s),
                            .is_fit = is_fit,
                            .seeding = s->options.seeding,
                            .problem = &s->options.problem,
                            .outputs = &s->options.outputs,
                            .is_verified = s->options.verify != KM_VERIFY_NOTHING,
                            .machine = s->options.machines.count > 0 ? &s->machine : NULL,
                            .machine_files = s->options.machines.texts,
                            .n_machine_files = s->options.machines.count};
    if (km_make_plans(s, &plans) == KM_OK && s->log.is_speaker)
        km_dry_run_print(&run);
}

static void run_probe(km_story *s)
{
    if (km_check_probe_output(s) != KM_OK || km_start_threads(s) != KM_OK)
        return;
    km_warn_of_threads(s);
    km_measure_machine(s);
}

static void run_info(km_story *s)
{
    if (s->log.is_speaker)
        km_info_print(&s->options.inputs, s->options.json, &s->error);
    km_agree(s->comm, &s->error);
}

static void run_generate(km_story *s)
{
    if (km_start_threads(s) != KM_OK)
        return;
    km_warn_of_threads(s);
    km_generate(s);
}

static void free_story(km_story *s)
{
    km_unlock_checkpoint(s);
    skymeans_answer_free(s->answer);
    km_samples_clear(&s->samples);
    km_setting_free(&s->setting);
    km_checkpoint_free(&s->checkpoint);
    km_findings_free(&s->findings);
    km_catalogue_close(&s->catalogue);
    km_catalogue_close(&s->described);
    km_templates_free(&s->templates);
    free(s->described_columns);
    km_model_free(&s->model);
    km_recorded_free(&s->recorded);
    free(s->question);
    km_free_large(s->distances);
    km_free_large(s->second_labels);
    km_free_large(s->second_distances);
    km_sky_free(&s->sky);
    km_borders_free(&s->borders);
    free(s->first_centers);
    free(s->factors);
    free(s->columns);
    free(s->catalogues);
    free(s->catalogue_text);
    km_scratch_end();
}

/* Appends a word as a shell takes it, in quotes if it has characters with a meaning there. Returns
 * the new end. */
static char *append_quoted(char *to, const char *word)
{
    if (km_is_plain_word(word))
        return stpcpy(to, word);
    *to++ = '\'';
    for (; *word != '\0'; word++)
        if (*word == '\'')
            to = stpcpy(to, "'\\''");
        else
            *to++ = *word;
    return stpcpy(to, "'");
}

/* The command line as text that can be pasted into a shell. */
static char *command_line_text(int argc, char **argv, km_error *error)
{
    int64_t length = 1;
    for (int i = 0; i < argc; i++)
        length += 4 * (int64_t)strlen(argv[i]) + 3; /* a quote takes four characters */
    char *line = km_allocate_zeroed(length, 1, "command line", error), *end = line;
    if (line == NULL)
        return NULL;
    for (int i = 0; i < argc; i++)
        end = append_quoted(stpcpy(end, i > 0 ? " " : ""), argv[i]);
    return line;
}

/* Commands that may read or write rows, or measure how ranks work together. */
static bool needs_mpi(km_action action)
{
    return action == KM_ACTION_FIT || action == KM_ACTION_PREDICT || action == KM_ACTION_COMPARE ||
           action == KM_ACTION_VERIFY || action == KM_ACTION_PROBE || action == KM_ACTION_GENERATE;
}

static km_code run_action(km_story *s, km_action action, const km_launch *launch)
{
    if (km_agree(s->comm, &s->error) != KM_OK)
        return s->error.code;
    s->log = km_log_create(km_comm_rank(s->comm) == 0, km_options_verbosity(&s->options));
    km_status_start(&s->log, s->started);
    const bool is_explained = s->options.explain_outputs;
    if (needs_mpi(action) && !is_explained &&
        (!km_goes_on_alone(s, launch) || km_expand_lists(s) != KM_OK))
        return s->error.code;
    if (is_explained)
        km_outputs_print(&s->options, action);
    else if (needs_mpi(action) && s->options.dry_run)
        run_dry(s);
    else if (action == KM_ACTION_FIT)
        run_fit(s);
    else if (action == KM_ACTION_PREDICT)
        run_predict(s);
    else if (action == KM_ACTION_COMPARE)
        km_compare_labels(s);
    else if (action == KM_ACTION_VERIFY)
        run_verify(s);
    else if (action == KM_ACTION_PROBE)
        run_probe(s);
    else if (action == KM_ACTION_INFO)
        run_info(s);
    else if (action == KM_ACTION_GENERATE)
        run_generate(s);
    else if (s->log.is_speaker && action == KM_ACTION_VERSION)
        km_version_print();
    else if (s->log.is_speaker)
        km_help_print(action);
    if (s->log.is_speaker && (fflush(stdout) != 0 || ferror(stdout)))
        km_fail(&s->error, KM_SYSTEM, "can't print (standard output): %s; is the disk full?",
                strerror(errno));
    return km_agree(s->comm, &s->error);
}

/* The exit code of this rank. Once a rank fails, launchers kill the others, which may still be in
 * MPI_Finalize, and Slurm (--kill-on-bad-exit) then reports the code of a killed rank. So only rank
 * 0 fails, after a moment in which the others end. */
static int exit_code_of_rank(km_code code, bool is_first, bool is_alone)
{
    const struct timespec moment = {.tv_nsec = 300000000};
    if (!is_first)
        return 0;
    if (code != KM_OK && !is_alone)
        nanosleep(&moment, NULL);
    return (int)code;
}

/* Other commands start MPI only under a launcher, so that one rank alone prints. MPI takes time to
 * start, and on login nodes it may not start at all. */
static MPI_Comm start_mpi(const km_story *s, km_action action, const km_launch *launch)
{
    int provided;
    if (s->options.explain_outputs || (!needs_mpi(action) && !launch->is_launched))
        return MPI_COMM_NULL;
    km_launch_alone(launch);
    MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided);
    return km_comm_by_node(MPI_COMM_WORLD);
}

int main(int argc, char **argv)
{
    const double started = km_now();
    km_memory_start();
    km_signals_start();
    km_story s = {.started = started, .findings = {.ids = {.type = H5I_INVALID_HID}}};
    char *command = command_line_text(argc, argv, &s.error);
    km_action action = KM_ACTION_HELP;
    const km_launch launch = km_launch_find();
    if (km_run_tool(argc, argv, &launch, &s.error) == KM_OK)
        km_options_parse(argc, argv, &action, &s.options, &s.error);
    s.comm = start_mpi(&s, action, &launch);
    km_timer_add(&s.timers, KM_PHASE_START, started);
    km_h5_start();
    s.command = command != NULL ? command : "";
    s.first_started = (double)time(NULL);
    s.n_goes = 1;
    const km_code code = run_action(&s, action, &launch);
    const bool is_first = km_comm_rank(s.comm) == 0, is_alone = km_comm_size(s.comm) == 1;
    km_status_clear();
    if (code == KM_STOPPED && is_first)
        fprintf(stderr, "skymeans: stopped early (%s): %s; run the same command again to go on\n",
                s.options.checkpoint, s.error.text);
    else if (code != KM_OK && code != KM_INTERRUPTED && is_first)
        fprintf(stderr, "skymeans: error: %s\n", s.error.text);
    free_story(&s);
    free(command);
    H5close();
    if (s.comm != MPI_COMM_NULL) {
        km_comm_free(&s.comm);
        MPI_Finalize();
    }
    return exit_code_of_rank(code, is_first, is_alone);
}
