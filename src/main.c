/* skymeans: k-means for survey catalogues on MPI clusters.
 *
 * The story of a run, a call a step. Each step is collective and returns the same code on all
 * ranks; the first that fails ends the run, and one rank says why. */
#include "skymeans/result.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What a fit holds on its way. */
typedef struct story {
    MPI_Comm comm;
    km_options options;
    km_log log;
    km_timers timers;
    km_plan plan;
    km_catalogue catalogue;
    km_samples samples;
    km_transform transform;
    km_facts facts; /* of the working values */
    double *first_centers;
    km_fit fit; /* the best so far */
    km_restarts restarts;
    km_checkpoint checkpoint; /* what the run goes on from, and then what it saves */
    bool is_saved;            /* with all that was done */
    km_stop last_stop;        /* of the last fit */
    double started;           /* a time of km_now() */
    km_record record;
    km_progress progress;
    int64_t bytes_read;
    int64_t too_many_threads; /* of a rank, more than it has cores; or 0 */
    km_report report;
    km_error error;
} story;

static bool is_heard(const story *s)
{
    return s->log.is_speaker && s->log.verbosity != KM_QUIET;
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

static uint64_t kernels_of_all_ranks(MPI_Comm comm)
{
    uint64_t available = km_kernels_available();
    MPI_Allreduce(MPI_IN_PLACE, &available, 1, MPI_UINT64_T, MPI_BAND, comm);
    return available;
}

/* How many threads, by option, environment or share of the cores. */
static void start_threads(story *s)
{
    const char *asked = getenv("OMP_NUM_THREADS");
    const int sharing = km_comm_sharing(s->comm);
    km_cpus cpus;
    km_cpus_of_process(&cpus);
    const int n_cores = km_cores(&cpus);
    int64_t n_threads = n_cores / sharing;
    if (s->options.threads > 0)
        n_threads = s->options.threads;
    else if (asked != NULL && asked[0] != '\0')
        n_threads = km_threads();
    n_threads = n_threads < 1 ? 1 : n_threads > KM_MOST_THREADS ? KM_MOST_THREADS : n_threads;
    km_threads_start((int)n_threads);
    s->too_many_threads = n_threads > n_cores ? n_threads : 0;
    km_max_int64(s->comm, &s->too_many_threads, 1);
}

static void check_checkpoint_name(const km_options *options, km_error *error)
{
    if (km_output_check(options->checkpoint, options->catalogue, true, error) == KM_OK &&
        km_output_check_different(options->output, options->checkpoint, error) == KM_OK &&
        options->metrics != NULL)
        km_output_check_different(options->metrics, options->checkpoint, error);
}

static km_code check_outputs(story *s)
{
    const km_options *options = &s->options;
    if (km_comm_rank(s->comm) == 0) {
        km_output_check(options->output, options->catalogue, options->overwrite, &s->error);
        if (options->metrics != NULL && km_output_check(options->metrics, options->catalogue,
                                                        options->overwrite, &s->error) == KM_OK)
            km_output_check_different(options->output, options->metrics, &s->error);
        if (options->checkpoint != NULL)
            check_checkpoint_name(options, &s->error);
        km_seeding_check(options->seeding, &s->error);
    }
    return km_agree(s->comm, &s->error);
}

static km_code open_catalogue(story *s)
{
    const km_options *options = &s->options;
    const double start = km_now();
    const km_catalogue_name name = {options->catalogue, options->dataset, options->columns,
                                    options->weights};
    if (km_catalogue_open(&s->catalogue, &name, s->comm, &s->error) == KM_OK)
        km_plan_create(&s->plan, options, s->catalogue.n_rows, s->catalogue.n_features,
                       kernels_of_all_ranks(s->comm), &s->error);
    km_timer_add(&s->timers, KM_PHASE_OPEN, start);
    return s->error.code;
}

static void print_columns(const char *text)
{
    fputs("skymeans: features: -c ", stderr);
    km_print_quoted(stderr, text);
    fputc('\n', stderr);
}

static km_code say_columns(story *s)
{
    char *text = km_catalogue_columns_text(&s->catalogue, &s->error);
    if (km_agree(s->comm, &s->error) == KM_OK && s->options.columns == NULL && s->log.is_speaker &&
        s->log.verbosity != KM_QUIET)
        print_columns(text);
    free(text);
    return s->error.code;
}

/* ---- stopping and going on ---------------------------------------------------------------------
 */

/* When the run must have ended, as a time of km_now(). */
static double find_deadline(const story *s)
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
static void watch(story *s, bool is_fitting)
{
    if (is_fitting || s->options.checkpoint != NULL)
        km_stop_watch(find_deadline(s));
}

/* Looks for a checkpoint, and takes over what it holds. */
static km_code go_on(story *s)
{
    const int64_t k = s->options.clusters, d = s->catalogue.n_features;
    bool is_found = false;
    km_restarts_create(&s->restarts, s->options.restarts, k, d, &s->error);
    if (km_agree(s->comm, &s->error) != KM_OK || s->options.checkpoint == NULL)
        return s->error.code;
    watch(s, false);
    s->checkpoint = (km_checkpoint){.restarts = &s->restarts, .best = &s->fit};
    if (km_checkpoint_read(s->options.checkpoint, &s->checkpoint, &s->record, &s->log, s->comm,
                           &is_found, &s->error) == KM_OK)
        s->is_saved = is_found;
    if (s->is_saved && is_heard(s))
        fprintf(stderr, "skymeans: going on from %s: %lld fit%s done, then %lld iteration%s\n",
                s->options.checkpoint, (long long)s->restarts.count, plural(s->restarts.count),
                (long long)s->checkpoint.state.n_iterations,
                plural(s->checkpoint.state.n_iterations));
    return s->error.code;
}

/* The catalogue may have changed in place, with the same size and time. */
static km_code check_features(story *s)
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

static km_code write_checkpoint(story *s, const km_fit_state *state, km_error *error)
{
    const double start = km_now();
    km_checkpoint checkpoint = s->checkpoint;
    checkpoint.state = *state;
    km_checkpoint_write(s->options.checkpoint, &checkpoint, &s->record, s->comm, error);
    km_timer_add(&s->timers, KM_PHASE_CHECKPOINT, start);
    s->is_saved = error->code == KM_OK;
    return error->code;
}

/* For km_saving.save; the context is the story. */
static km_code save_fit(void *context, const km_fit_state *state, km_error *error)
{
    return write_checkpoint(context, state, error);
}

/* A run that was stopped where no fit was on its way still keeps the fits done. */
static void keep_position(story *s)
{
    km_error error = {0};
    const km_fit_state none = {0};
    if (s->options.checkpoint != NULL && !s->is_saved &&
        write_checkpoint(s, &none, &error) != KM_OK)
        s->error = error;
}

/* -k counts the rows that have weight, since only they can be centers. */
static km_code check_clusters(story *s)
{
    if (s->facts.n_samples < s->options.clusters)
        return km_fail(&s->error, KM_DATA,
                       "more clusters than usable rows (%s, %s): -k asks for %lld clusters of %lld "
                       "rows without missing values and with weight; ask for fewer",
                       s->catalogue.path, s->catalogue.table, (long long)s->options.clusters,
                       (long long)s->facts.n_samples);
    return KM_OK;
}

static km_code check_rows(story *s)
{
    s->record.n_used = s->samples.n_samples;
    km_sum_int64(s->comm, &s->record.n_used, 1);
    s->record.n_missing = s->catalogue.n_rows - s->record.n_used;
    if (s->record.n_used == 0)
        return km_fail(&s->error, KM_DATA,
                       "no usable row (%s, %s): every row has NaN or infinity in a feature; choose "
                       "other columns with -c",
                       s->catalogue.path, s->catalogue.table);
    return KM_OK;
}

static km_code read_samples(story *s)
{
    const double start = km_now();
    km_catalogue_read(&s->catalogue, (km_missing)s->options.missing, s->comm, &s->samples,
                      &s->bytes_read, &s->error);
    km_timer_add(&s->timers, KM_PHASE_READ, start);
    return s->error.code == KM_OK ? check_rows(s) : s->error.code;
}

static km_code settle_weights(story *s)
{
    km_error why = {0};
    if (s->samples.weights != NULL && km_weights_settle(&s->samples, s->comm, &why) != KM_OK)
        km_fail(&s->error, why.code,
                "bad weights (%s, %s, column %s): %s; choose another column with --weights",
                s->catalogue.path, s->catalogue.table, s->catalogue.weights.name, why.text);
    return s->error.code;
}

/* From values as they were read to working values, in an order that is fast. */
static km_code prepare_samples(story *s)
{
    const double start = km_now();
    s->record.features_hash = km_hash_samples(&s->samples, s->comm);
    if (check_features(s) != KM_OK || settle_weights(s) != KM_OK)
        return s->error.code;
    if (km_transform_apply(&s->transform, (km_scaling)s->options.scale, &s->samples,
                           s->catalogue.names, s->comm, &s->error) != KM_OK)
        return s->error.code;
    km_samples_order(&s->samples, &s->error);
    if (km_agree(s->comm, &s->error) == KM_OK &&
        km_facts_find_ranges(&s->facts, &s->samples, s->comm, &s->error) == KM_OK &&
        check_clusters(s) == KM_OK)
        km_facts_find_moments(&s->facts, &s->samples, s->comm, &s->error);
    km_timer_add(&s->timers, KM_PHASE_ORDER, start);
    return s->error.code;
}

static km_code seed(story *s, int64_t restart)
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
                                  .comm = s->comm};
    if (s->plan.seeding != NULL)
        s->plan.seeding->choose(&task, s->first_centers, &s->error);
    else
        km_seeding_from_file(&task, s->first_centers, &s->error);
    km_timer_add(&s->timers, KM_PHASE_SEED, start);
    return s->error.code;
}

/* The next fit, from where the checkpoint left it or from a seeding. */
static km_code fit_once(story *s, const km_fit_task *task)
{
    km_fit next;
    km_fit_task own = *task;
    s->progress.restart = s->restarts.count;
    if (s->checkpoint.state.n_iterations > 0)
        own.resume = &s->checkpoint.state;
    else if (seed(s, s->restarts.count) != KM_OK)
        return s->error.code;
    watch(s, true);
    if (km_fit_run(&next, &own, &s->samples, s->first_centers, s->comm, &s->timers, &s->error) !=
        KM_OK)
        return s->error.code;
    s->last_stop = next.stop;
    km_restarts_take(&s->restarts, &next, &s->fit);
    km_checkpoint_free(&s->checkpoint);
    s->is_saved = false;
    return KM_OK;
}

static bool is_stopped(km_stop stop)
{
    return stop == KM_STOP_SIGNAL || stop == KM_STOP_TIME;
}

/* All fits; the best stays. One that was stopped without a checkpoint is the last. */
static km_code fit_all(story *s, const km_fit_task *task)
{
    while (s->restarts.count < s->options.restarts && !is_stopped(s->last_stop))
        if (fit_once(s, task) != KM_OK) {
            const bool is_enough = s->error.code == KM_STOPPED && s->options.checkpoint == NULL;
            if (!is_enough || s->restarts.count == 0)
                return s->error.code;
            s->error = (km_error){0};
            s->last_stop = KM_STOP_SIGNAL;
        }
    return KM_OK;
}

static km_code fit(story *s)
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
        task.saving = (km_saving){save_fit, s, 60 * s->options.checkpoint_interval};
    s->progress = (km_progress){.log = &s->log, .n_restarts = s->options.restarts};
    s->first_centers = km_allocate(n, sizeof *s->first_centers, "first centers", &s->error);
    if (km_agree(s->comm, &s->error) != KM_OK || fit_all(s, &task) != KM_OK)
        return s->error.code;
    if (s->fit.labels == NULL && /* it came from a checkpoint */
        km_fit_relabel(&s->fit, &task, &s->samples, s->comm, &s->error) != KM_OK)
        return s->error.code;
    if (s->restarts.count == 1)
        return KM_OK;
    return km_restarts_compare(&s->restarts, &task, &s->samples, &s->fit, s->comm, &s->error);
}

static km_code verify(story *s)
{
    if (km_record_complete(&s->record, s->comm, &s->error) != KM_OK || !s->options.verify)
        return s->error.code;
    return km_verify(&s->record, s->comm, &s->error);
}

/* Both files are complete before the first gets its name; metrics appear only with their result. */
static km_code write_outputs(story *s)
{
    km_output result = {0}, metrics = {0};
    const bool may_replace = s->options.overwrite, is_writer = km_comm_rank(s->comm) == 0;
    const double start = km_now();
    km_result_write(&result, &s->record, s->comm, &s->error);
    km_timer_add(&s->timers, KM_PHASE_WRITE, start);
    s->report = km_report_gather(&s->timers, s->bytes_read, s->comm);
    if (is_writer && s->error.code == KM_OK && s->options.metrics != NULL)
        km_metrics_write(&metrics, &s->record, &s->report, &s->error);
    if (is_writer && s->error.code == KM_OK)
        km_output_publish(&result, may_replace, &s->error);
    if (is_writer && s->error.code == KM_OK && s->options.metrics != NULL)
        km_output_publish(&metrics, may_replace, &s->error);
    km_output_discard(&metrics);
    km_output_discard(&result);
    return km_agree(s->comm, &s->error);
}

static void warn(const story *s)
{
    if (!km_stop_is_converged(s->fit.stop))
        km_warn(&s->log,
                "not converged (%s): it stopped after %lld iteration%s; raise --max-iterations, or "
                "--tolerance",
                s->options.output, (long long)s->fit.n_iterations, plural(s->fit.n_iterations));
    if (s->fit.n_empty > 0)
        km_warn(&s->log,
                "empty clusters (%s): %lld of %lld have no rows; lower -k, which may be more than "
                "there are distinct rows",
                s->options.output, (long long)s->fit.n_empty, (long long)s->options.clusters);
}

static void warn_of_threads(const story *s)
{
    if (s->too_many_threads > 0)
        km_warn(&s->log,
                "too many threads (%lld a rank): more than the cores that a rank may use, which "
                "is slow; lower --threads or OMP_NUM_THREADS, or let mpirun or srun bind wider",
                (long long)s->too_many_threads);
}

static void run_fit(story *s)
{
    start_threads(s);
    warn_of_threads(s);
    if (check_outputs(s) != KM_OK || open_catalogue(s) != KM_OK || say_columns(s) != KM_OK ||
        go_on(s) != KM_OK || read_samples(s) != KM_OK || prepare_samples(s) != KM_OK ||
        fit(s) != KM_OK || verify(s) != KM_OK || write_outputs(s) != KM_OK) {
        if (s->error.code == KM_STOPPED)
            keep_position(s);
        return;
    }
    if (s->options.checkpoint != NULL && km_comm_rank(s->comm) == 0)
        km_checkpoint_remove(s->options.checkpoint);
    if (is_heard(s))
        km_summary_print(&s->record, &s->report);
    warn(s);
}

static void run_dry(story *s)
{
    if (s->log.is_speaker)
        km_seeding_check(s->options.seeding, &s->error);
    if (km_agree(s->comm, &s->error) != KM_OK || open_catalogue(s) != KM_OK ||
        say_columns(s) != KM_OK)
        return;
    const int n_ranks = s->options.ranks > 0 ? (int)s->options.ranks : km_comm_size(s->comm);
    if (s->log.is_speaker)
        km_dry_run_print(&s->options, &s->plan, &s->catalogue, n_ranks);
}

static void run_info(story *s)
{
    if (s->log.is_speaker)
        km_info_print(s->options.catalogue, &s->error);
    km_agree(s->comm, &s->error);
}

static void free_story(story *s)
{
    km_record_free(&s->record);
    km_checkpoint_free(&s->checkpoint);
    km_restarts_free(&s->restarts);
    km_fit_free(&s->fit);
    free(s->first_centers);
    km_facts_free(&s->facts);
    km_transform_free(&s->transform);
    km_samples_free(&s->samples);
    km_catalogue_close(&s->catalogue);
}

static char *join_words(int argc, char **argv, km_error *error)
{
    int64_t length = 1;
    for (int i = 0; i < argc; i++)
        length += (int64_t)strlen(argv[i]) + 1;
    char *line = km_allocate_zeroed(length, 1, "command line", error), *end = line;
    if (line == NULL)
        return NULL;
    for (int i = 0; i < argc; i++)
        end = stpcpy(stpcpy(end, i > 0 ? " " : ""), argv[i]);
    return line;
}

static km_code run(story *s, int argc, char **argv)
{
    km_action action = KM_ACTION_FIT;
    km_options_parse(argc, argv, &action, &s->options, &s->error);
    if (km_agree(s->comm, &s->error) != KM_OK)
        return s->error.code;
    s->log = km_log_create(km_comm_rank(s->comm) == 0, km_options_verbosity(&s->options));
    if (action == KM_ACTION_FIT && s->options.dry_run)
        run_dry(s);
    else if (action == KM_ACTION_FIT)
        run_fit(s);
    else if (action == KM_ACTION_INFO)
        run_info(s);
    else if (s->log.is_speaker && action == KM_ACTION_VERSION)
        printf("skymeans %s (%s)\n", KM_VERSION, km_git_commit());
    else if (s->log.is_speaker)
        km_help_print(action);
    if (s->log.is_speaker && (fflush(stdout) != 0 || ferror(stdout)))
        km_fail(&s->error, KM_SYSTEM, "can't print (standard output): %s; is the disk full?",
                strerror(errno));
    return km_agree(s->comm, &s->error);
}

int main(int argc, char **argv)
{
    int provided;
    km_memory_start();
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    km_h5_start();
    story s = {.comm = MPI_COMM_WORLD, .started = km_now(), .catalogue = {.file = H5I_INVALID_HID}};
    char *command = join_words(argc, argv, &s.error);
    s.record = (km_record){.options = &s.options,
                           .plan = &s.plan,
                           .catalogue = &s.catalogue,
                           .transform = &s.transform,
                           .samples = &s.samples,
                           .fit = &s.fit,
                           .restarts = &s.restarts,
                           .command = command != NULL ? command : "",
                           .started = (double)time(NULL)};
    const km_code code = run(&s, argc, argv);
    if (code == KM_STOPPED && km_comm_rank(s.comm) == 0)
        fprintf(stderr, "skymeans: stopped early (%s): %s; run the same command again to go on\n",
                s.options.checkpoint, s.error.text);
    else if (code != KM_OK && km_comm_rank(s.comm) == 0)
        fprintf(stderr, "skymeans: error: %s\n", s.error.text);
    free_story(&s);
    free(command);
    H5close();
    MPI_Finalize();
    return (int)code;
}
