/* The steps before rows are read: threads, names of outputs, headers of the catalogue, the plan. */
#include "command/command.h"

#include "base/memory.h"
#include "base/text.h"
#include "base/threads.h"
#include "catalogue/first_centers.h"
#include "process/cores.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- threads --------------------------------------------------------------------------------- */

int64_t km_count_threads(const km_story *s)
{
    const char *asked = getenv("OMP_NUM_THREADS");
    km_cpus cpus;
    km_cpus_of_process(&cpus);
    const int sharing = km_comm_sharing(s->comm, &cpus, sizeof cpus);
    int64_t n_threads = km_cores(&cpus) / sharing;
    if (s->options.manner.threads > 0)
        n_threads = s->options.manner.threads;
    else if (asked != NULL && asked[0] != '\0')
        n_threads = km_threads();
    return n_threads < 1 ? 1 : n_threads > KM_MAX_THREADS ? KM_MAX_THREADS : n_threads;
}

km_code km_start_threads(km_story *s)
{
    km_trial trial;
    km_cpus cpus;
    const int64_t n_threads = km_count_threads(s);
    km_trial_begin(&trial, (int)n_threads, &s->error);
    km_agree(s->comm, &s->error);
    km_trial_end(&trial);
    if (s->error.code != KM_OK)
        return s->error.code;
    km_threads_start((int)n_threads);
    s->options.manner.threads = 0; /* the engine uses the threads that are set now */
    km_cpus_of_process(&cpus);
    s->too_many_threads = km_threads() > km_cores(&cpus) ? km_threads() : 0;
    km_max_int64(s->comm, &s->too_many_threads, 1);
    return KM_OK;
}

void km_start_meter(km_story *s)
{
    if (km_comm_is_first_of_node(s->comm))
        km_energy_start(&s->energy, KM_ENERGY_ROOT);
}

void km_warn_of_threads(const km_story *s)
{
    if (s->too_many_threads > 0)
        km_warn(&s->log,
                "too many threads (%lld per rank): more than the cores that a rank may use, which "
                "is slow; lower --threads or OMP_NUM_THREADS, or let mpirun or srun bind wider",
                (long long)s->too_many_threads);
}

/* ---- outputs --------------------------------------------------------------------------------- */

/* An output must not replace the file of first centers. */
static void check_first_centers_stay(const km_options *options, const char *path, km_error *error)
{
    char *file = options->seeding != NULL ? km_first_centers_file(options->seeding, error) : NULL;
    if (file != NULL)
        km_output_check_input(path, file, error);
    free(file);
}

/* An output must be no input. */
static km_code check_output(const km_options *options, const char *path, bool may_replace,
                            km_error *error)
{
    check_first_centers_stay(options, path, error);
    for (int64_t f = 0; f < options->inputs.n_paths; f++)
        km_output_check_input(path, options->inputs.paths[f], error);
    if (options->model != NULL)
        km_output_check_input(path, options->model, error);
    return error->code == KM_OK ? km_output_check(path, may_replace, error) : error->code;
}

/* Files of the checkpoint are replaced and removed, so they must be neither inputs nor outputs. */
static km_code check_checkpoint_name(const km_options *options, const char *name, km_error *error)
{
    if (check_output(options, name, true, error) == KM_OK &&
        km_output_check_different(options->outputs.result, name, error) == KM_OK &&
        options->outputs.metrics != NULL)
        km_output_check_different(options->outputs.metrics, name, error);
    return error->code;
}

static void check_checkpoint_names(const km_options *options, km_error *error)
{
    char beside[KM_PATH_SIZE + 8];
    if (check_checkpoint_name(options, options->checkpoint, error) != KM_OK)
        return;
    km_checkpoint_previous(options->checkpoint, beside);
    check_checkpoint_name(options, beside, error);
    km_lock_name(options->checkpoint, beside);
    check_checkpoint_name(options, beside, error);
}

km_code km_check_outputs(km_story *s)
{
    const km_options *options = &s->options;
    if (km_comm_rank(s->comm) == 0) {
        check_output(options, options->outputs.result, options->outputs.may_replace, &s->error);
        if (options->outputs.metrics != NULL &&
            check_output(options, options->outputs.metrics, options->outputs.may_replace,
                         &s->error) == KM_OK)
            km_output_check_different(options->outputs.result, options->outputs.metrics, &s->error);
        if (options->checkpoint != NULL)
            check_checkpoint_names(options, &s->error);
        if (options->seeding != NULL)
            km_first_centers_check(options->seeding, &s->error);
    }
    return km_agree(s->comm, &s->error);
}

/* ---- the catalogue --------------------------------------------------------------------------- */

km_catalogue_name km_catalogue_of_options(const km_options *options)
{
    const char *const outputs[] = {options->outputs.result, options->outputs.metrics,
                                   options->checkpoint};
    km_catalogue_name name = options->inputs;
    name.missing_values = options->missing_values.texts;
    name.n_missing_values = options->missing_values.count;
    name.hints = options->hints.texts;
    name.n_hints = options->hints.count;
    name.skips_other_missing = name.skips_other_missing || options->describe != NULL;
    for (int i = 0; i < 3; i++)
        if (outputs[i] != NULL)
            name.outputs[name.n_outputs++] = outputs[i];
    return name;
}

static km_code check_size(const km_story *s, km_error *error)
{
    const char *path = s->options.inputs.paths[0];
    const int64_t n_rows = s->catalogue.n_rows, k = s->options.problem.n_clusters;
    if (n_rows == 0)
        return km_fail(error, KM_DATA, "no rows (%s): the table is empty; choose another with -d",
                       path);
    if (k > n_rows)
        return km_fail(error, KM_DATA,
                       "more clusters than rows (%s): -k asks for %lld clusters of %lld rows; ask "
                       "for fewer",
                       path, (long long)k, (long long)n_rows);
    return KM_OK;
}

/* --seeding is a method, or a file of first centers, which are read. */
static km_code choose_seeding(km_story *s)
{
    skymeans_problem *problem = &s->options.problem;
    const int64_t k = problem->n_clusters, d = s->catalogue.n_features;
    const km_first_centers asked = {.file = s->options.seeding,
                                    .n_clusters = k,
                                    .n_features = d,
                                    .features = s->catalogue.columns,
                                    .log = &s->log};
    problem->seeding = s->options.seeding;
    if (km_seeding_find(s->options.seeding) != NULL)
        return KM_OK;
    if (problem->restarts > 1)
        return km_fail(&s->error, KM_USAGE,
                       "bad value (--restarts %lld): fits from the first centers of a file are all "
                       "the same; leave it out, or take another --seeding than %s",
                       (long long)problem->restarts, s->options.seeding);
    if (problem->n_several > 0)
        return km_fail(&s->error, KM_USAGE,
                       "bad value (--seeding %s): first centers of a file are for one number of "
                       "clusters; ask for one, or take another --seeding",
                       s->options.seeding);
    s->first_centers = km_allocate(k * d, sizeof *s->first_centers, "first centers", &s->error);
    if (km_agree(s->comm, &s->error) == KM_OK)
        km_first_centers_read(&asked, s->first_centers, s->comm, &s->error);
    problem->seeding = NULL;
    problem->first_centers = s->first_centers;
    return s->error.code;
}

/* The plan for as many ranks as are asked for, and what its memory counts. */
static km_code make_plan_counting(km_story *s, km_counting counting, km_plan *plan)
{
    const int n_ranks = s->options.ranks > 0 ? (int)s->options.ranks : km_comm_size(s->comm);
    const km_catalogue *c = &s->catalogue;
    const skymeans_manner *manner = &s->options.manner;
    const km_shape shape = {.n_rows = c->n_rows,
                            .span = c->n_rows,
                            .n_samples = km_slab(c->n_rows, n_ranks, 0).count,
                            .n_features = c->n_features,
                            .precision = c->precision,
                            .has_weights = c->has_weights,
                            .counting = counting,
                            .n_ranks = n_ranks,
                            .n_threads = (int)km_count_threads(s)};
    if (km_plan_create(plan, &s->options.problem, manner, &shape,
                       km_kernels_of_all_ranks(manner->kernel, s->comm), &s->error) != KM_OK)
        km_say_option(&s->error);
    if (s->options.model != NULL && s->error.code == KM_OK)
        *plan = km_plan_without_fit(plan);
    return s->error.code;
}

km_code km_make_plans(km_story *s, km_plans *plans)
{
    make_plan_counting(s, KM_COUNT_MEMORY, &plans->in_memory);
    make_plan_counting(s, KM_COUNT_BESIDE_DISK, &plans->beside_disk);
    make_plan_counting(s, KM_COUNT_WITH_DISK, &plans->with_disk);
    return s->error.code;
}

/* Fills in the defaults of the problem, and refuses contradictions in it, and names of algorithms
 * and kernels that there aren't, before the catalogue is read. */
static km_code check_problem(km_story *s)
{
    const skymeans_problem given = s->options.problem;
    const skymeans_manner *manner = &s->options.manner;
    const uint64_t kernels = km_kernels_of_all_ranks(manner->kernel, s->comm);
    if (km_problem_check(&s->options.problem, &given, &s->error) != KM_OK ||
        km_manner_check_names(manner, kernels, &s->error) != KM_OK)
        km_say_option(&s->error);
    return s->error.code;
}

km_code km_open_catalogue(km_story *s)
{
    const double start = km_now();
    if (km_take_sky(s) != KM_OK)
        return s->error.code;
    const km_catalogue_name name = km_catalogue_of_options(&s->options);
    if (km_catalogue_open(&s->catalogue, &name, s->comm, &s->error) == KM_OK &&
        check_size(s, &s->error) == KM_OK &&
        km_check_names(&s->catalogue, "-c", &s->error) == KM_OK && choose_seeding(s) == KM_OK &&
        km_take_factors(s) == KM_OK)
        check_problem(s);
    km_timer_add(&s->timers, KM_PHASE_OPEN, start);
    return s->error.code;
}

/* Of features that number categories; in several files also of conditions and weights. */
static void warn_of_categories(const km_log *log, const km_catalogue *c)
{
    const int64_t n = c->n_files > 1 ? c->n_columns - c->has_ids : c->n_features;
    for (int64_t j = 0; j < n; j++)
        if (c->columns[j].is_category) {
            km_warn(log,
                    c->n_files > 1
                        ? "numbers of categories (%s, column %s): they stand for names, which each "
                          "file may number in its own way; leave the column out, unless all were "
                          "written with the same list of names"
                        : "numbers of categories (%s, column %s): they stand for names, so that "
                          "distances between them mean nothing; leave the column out, unless their "
                          "order means something",
                    c->path, c->columns[j].name);
            return;
        }
}

/* Warns of a matrix whose samples may be its columns, and of numbers of categories. */
static void warn_of_features(const km_story *s)
{
    const km_catalogue *c = &s->catalogue;
    if (c->is_array && c->writer[0] != '\0' && !s->catalogue.asked.is_transposed)
        km_warn(&s->log,
                "samples may be columns (%s, %s): it was written by %s, which stores matrices the "
                "other way round; if they are, use --transpose",
                c->path, c->table, c->writer);
    warn_of_categories(&s->log, c);
}

km_code km_say_columns(km_story *s)
{
    char *text = km_catalogue_columns_text(&s->catalogue, &s->error);
    if (km_agree(s->comm, &s->error) == KM_OK && s->options.inputs.columns == NULL &&
        km_is_heard(s)) {
        fputs("skymeans: features: -c ", stderr);
        km_print_quoted(stderr, text);
        fputc('\n', stderr);
    }
    if (s->error.code == KM_OK)
        warn_of_features(s);
    free(text);
    return s->error.code;
}
