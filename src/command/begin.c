/* The steps before the catalogue is read: threads, outputs, headers. */
#include "base/error.h"
#include "base/text.h"
#include "base/threads.h"
#include "base/timers.h"
#include "command/command.h"
#include "process/cores.h"
#include "process/lock.h"
#include "process/log.h"
#include "process/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many threads, by option, environment or share of the cores. */
km_code km_start_threads(km_story *s)
{
    km_trial trial;
    const char *asked = getenv("OMP_NUM_THREADS");
    km_cpus cpus;
    km_cpus_of_process(&cpus);
    const int sharing = km_comm_sharing(s->comm, &cpus, sizeof cpus);
    const int n_cores = km_cores(&cpus);
    int64_t n_threads = n_cores / sharing;
    if (s->options.threads > 0)
        n_threads = s->options.threads;
    else if (asked != NULL && asked[0] != '\0')
        n_threads = km_threads();
    n_threads = n_threads < 1 ? 1 : n_threads > KM_MOST_THREADS ? KM_MOST_THREADS : n_threads;
    km_trial_begin(&trial, (int)n_threads, &s->error);
    km_agree(s->comm, &s->error);
    km_trial_end(&trial);
    if (s->error.code != KM_OK)
        return s->error.code;
    km_threads_start((int)n_threads);
    s->too_many_threads = km_threads() > n_cores ? km_threads() : 0;
    km_max_int64(s->comm, &s->too_many_threads, 1);
    return KM_OK;
}

void km_warn_of_threads(const km_story *s)
{
    if (s->too_many_threads > 0)
        km_warn(&s->log,
                "too many threads (%lld a rank): more than the cores that a rank may use, which "
                "is slow; lower --threads or OMP_NUM_THREADS, or let mpirun or srun bind wider",
                (long long)s->too_many_threads);
}

uint64_t km_kernels_of_all_ranks(const char *name, MPI_Comm comm)
{
    uint64_t available = km_kernels_available(name);
    km_and_uint64(comm, &available, 1);
    return available;
}

/* First centers of the user's own must stay. */
static void check_seeding_file(const km_options *options, const char *path, km_error *error)
{
    char *file = options->seeding != NULL ? km_seeding_file(options->seeding, error) : NULL;
    if (file != NULL)
        km_output_check_input(path, file, error);
    free(file);
}

/* An output is no input, and no pipe. */
static km_code check_output(const km_options *options, const char *path, bool may_replace,
                            km_error *error)
{
    if (strcmp(path, "-") == 0)
        return km_fail(error, KM_USAGE,
                       "bad name of an output (-): it is written in pieces and read back, so it "
                       "can't be a pipe; name a file, or ./-");
    check_seeding_file(options, path, error);
    for (int64_t f = 0; f < options->n_catalogues; f++)
        km_output_check_input(path, options->catalogues[f], error);
    if (options->model != NULL)
        km_output_check_input(path, options->model, error);
    return error->code == KM_OK ? km_output_check(path, may_replace, error) : error->code;
}

/* A file that is replaced and removed, and must not be any other. */
static km_code check_checkpoint_name(const km_options *options, const char *name, km_error *error)
{
    if (check_output(options, name, true, error) == KM_OK &&
        km_output_check_different(options->output, name, error) == KM_OK &&
        options->metrics != NULL)
        km_output_check_different(options->metrics, name, error);
    return error->code;
}

static void check_checkpoint_names(const km_options *options, km_error *error)
{
    char other[KM_PATH_SIZE + 8];
    if (check_checkpoint_name(options, options->checkpoint, error) != KM_OK)
        return;
    km_checkpoint_previous(options->checkpoint, other);
    check_checkpoint_name(options, other, error);
    km_lock_name(options->checkpoint, other);
    check_checkpoint_name(options, other, error);
}

km_code km_check_outputs(km_story *s)
{
    const km_options *options = &s->options;
    if (km_comm_rank(s->comm) == 0) {
        check_output(options, options->output, options->overwrite, &s->error);
        if (options->metrics != NULL &&
            check_output(options, options->metrics, options->overwrite, &s->error) == KM_OK)
            km_output_check_different(options->output, options->metrics, &s->error);
        if (options->checkpoint != NULL)
            check_checkpoint_names(options, &s->error);
        if (options->seeding != NULL)
            km_seeding_check(options->seeding, &s->error);
    }
    return km_agree(s->comm, &s->error);
}

km_catalogue_name km_catalogue_of_options(const km_options *options)
{
    const char *const outputs[] = {options->output, options->metrics, options->checkpoint};
    km_catalogue_name name = {.paths = options->catalogues,
                              .n_paths = options->n_catalogues,
                              .table = options->dataset,
                              .columns = options->columns,
                              .weights = options->weights,
                              .ids = options->ids,
                              .is_raw = options->raw,
                              .fill_is_missing = options->fill_is_missing,
                              .is_transposed = options->transpose,
                              .follows_external = options->follow_external,
                              .missing_values = options->missing_values.texts,
                              .n_missing_values = options->missing_values.count};
    for (int i = 0; i < 3; i++)
        if (outputs[i] != NULL)
            name.outputs[name.n_outputs++] = outputs[i];
    return name;
}

km_code km_open_catalogue(km_story *s)
{
    const km_options *options = &s->options;
    const double start = km_now();
    const km_catalogue_name name = km_catalogue_of_options(options);
    if (km_catalogue_open(&s->catalogue, &name, s->comm, &s->error) == KM_OK)
        km_plan_create(&s->plan, options, s->catalogue.n_rows, s->catalogue.n_features,
                       km_kernels_of_all_ranks(options->kernel, s->comm), &s->error);
    km_timer_add(&s->timers, KM_PHASE_OPEN, start);
    return s->error.code;
}

static void print_columns(const char *text)
{
    fputs("skymeans: features: -c ", stderr);
    km_print_quoted(stderr, text);
    fputc('\n', stderr);
}

/* What features may be that are no measurements, or a matrix that lies on its side. */
static void warn_of_features(const km_story *s)
{
    const km_catalogue *c = &s->catalogue;
    if (c->is_array && c->writer[0] != '\0' && !s->options.transpose)
        km_warn(&s->log,
                "samples may be columns (%s, %s): it was written by %s, which stores matrices the "
                "other way round; if they are, use --transpose",
                c->path, c->table, c->writer);
    for (int64_t j = 0; j < c->n_features; j++)
        if (c->columns[j].is_category) {
            km_warn(&s->log,
                    "numbers of categories (%s, column %s): they stand for names, so that "
                    "distances between them mean nothing; leave the column out, unless their order "
                    "means something",
                    c->path, c->names[j]);
            return;
        }
}

km_code km_say_columns(km_story *s)
{
    char *text = km_catalogue_columns_text(&s->catalogue, &s->error);
    if (km_agree(s->comm, &s->error) == KM_OK && s->options.columns == NULL && s->log.is_speaker &&
        s->log.verbosity != KM_QUIET)
        print_columns(text);
    if (s->error.code == KM_OK)
        warn_of_features(s);
    free(text);
    return s->error.code;
}
