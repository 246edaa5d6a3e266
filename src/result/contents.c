/* Everything in a result but the values per row: centers, sizes, history, provenance. */
#include "contents.h"
#include "base/arithmetic.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/version.h"
#include "writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void write_summary(km_writer *w, const km_record *record)
{
    km_put_int(w, "n_rows", record->catalogue->n_rows);
    km_put_int(w, "n_used", record->answer->spread.n_used);
    km_put_int(w, "n_missing", km_record_missing(record));
    km_put_int(w, "n_excluded", record->findings->n_excluded);
    km_put_int(w, "n_undecided", record->findings->n_undecided);
    km_put_hash(w, "checksum", record->answer->checksum);
}

static void write_fit_summary(km_writer *w, const km_record *record)
{
    const km_fit *fit = &record->answer->fit;
    km_put_real(w, "inertia", fit->inertia);
    km_put_int(w, "n_iterations", fit->n_iterations);
    km_put_int(w, "converged", km_stop_is_converged(fit->stop));
    km_put_text(w, "stop_reason", km_stop_name(fit->stop));
    km_put_uint(w, "random_seed", record->answer->problem.random_seed);
    km_put_text(w, "seeding", record->seeding);
    km_put_text(w, "algorithm", km_answer_method(record->answer)->name);
    if (record->order_by != NULL)
        km_put_text(w, "order_by", record->order_by);
}

/* Names and units of the features, beside the centers. */
static void write_feature_texts(km_writer *w, const km_catalogue *catalogue, const char **units)
{
    for (int64_t j = 0; j < catalogue->n_features; j++)
        units[j] = catalogue->columns[j].units;
    const hid_t centers = H5Dopen2(w->file, "centers", H5P_DEFAULT);
    w->is_ok = w->is_ok && centers >= 0 &&
               w->verbs->texts(centers, "features", catalogue->names, catalogue->n_features) &&
               w->verbs->texts(centers, "units", units, catalogue->n_features);
    if (centers >= 0)
        H5Dclose(centers);
}

static void write_clusters(km_writer *w, const km_record *record)
{
    const int64_t k = record->answer->plan.shape.n_clusters, d = record->catalogue->n_features;
    const km_fit *fit = &record->answer->fit;
    km_put_matrix(w, "centers", k, d, record->answer->centers);
    km_put_list(w, "sizes", "cluster", H5T_NATIVE_INT64, k, fit->sizes);
    if (record->answer->is_fit)
        km_put_list(w, "weights", "cluster", H5T_NATIVE_DOUBLE, k, fit->weights);
    km_put_list(w, "missing", "feature", H5T_NATIVE_INT64, d, record->findings->n_missing);
}

/* One field of all iterations: 8-byte values of the type, at `offset` in km_iteration. */
static void write_history_field(km_writer *w, const km_fit *fit, const char *name, hid_t type,
                                size_t offset, double *scratch)
{
    for (int64_t i = 0; i < fit->n_iterations; i++)
        memcpy(&scratch[i], (const char *)&fit->history[i] + offset, sizeof *scratch);
    km_put_list(w, name, "iteration", type, fit->n_iterations, scratch);
}

static void write_history(km_writer *w, const km_record *record, double *scratch)
{
    const km_fit *fit = &record->answer->fit;
    km_writer_open(w, "history");
    km_writer_close(w);
    write_history_field(w, fit, "history/iteration", H5T_NATIVE_INT64,
                        offsetof(km_iteration, number), scratch);
    write_history_field(w, fit, "history/inertia", H5T_NATIVE_DOUBLE,
                        offsetof(km_iteration, inertia), scratch);
    write_history_field(w, fit, "history/shift", H5T_NATIVE_DOUBLE, offsetof(km_iteration, shift),
                        scratch);
    write_history_field(w, fit, "history/relabeled", H5T_NATIVE_INT64,
                        offsetof(km_iteration, relabeled), scratch);
    write_history_field(w, fit, "history/seconds", H5T_NATIVE_DOUBLE,
                        offsetof(km_iteration, seconds), scratch);
    write_history_field(w, fit, "history/distances", H5T_NATIVE_INT64,
                        offsetof(km_iteration, distances), scratch);
    write_history_field(w, fit, "history/most_distances", H5T_NATIVE_INT64,
                        offsetof(km_iteration, most_distances), scratch);
}

/* What --restarts found; nothing for a single fit. */
static void write_restarts(km_writer *w, const km_restarts *restarts)
{
    const int64_t count = restarts->count;
    if (count < 2)
        return;
    km_writer_open(w, "restarts");
    km_put_int(w, "best", restarts->best);
    km_writer_close(w);
    km_put_list(w, "restarts/inertia", "fit", H5T_NATIVE_DOUBLE, count, restarts->inertia);
    km_put_list(w, "restarts/n_iterations", "fit", H5T_NATIVE_INT64, count, restarts->n_iterations);
    km_put_list(w, "restarts/adjusted_rand_index", "fit", H5T_NATIVE_DOUBLE, count,
                restarts->rand_index);
    km_put_list(w, "restarts/coincidence_rate", "cluster", H5T_NATIVE_DOUBLE, restarts->n_clusters,
                restarts->coincidence);
}

/* The numbers of clusters that were compared, and the centers of each. `scratch` has a value for
 * each. */
static void write_choice(km_writer *w, const km_choices *choice, double *scratch)
{
    char name[64];
    const int64_t row = km_choice_next(choice) + 1, n = choice->n_done;
    if (n == 0)
        return;
    km_writer_open(w, "choice");
    km_put_int(w, "best", choice->best - row);
    km_writer_close(w);
    for (int64_t i = 0; i < n; i++)
        memcpy(&scratch[i], &choice->rows[row + i].n_clusters, sizeof *scratch);
    km_put_list(w, "choice/k", "k", H5T_NATIVE_INT64, n, scratch);
    for (int64_t i = 0; i < n; i++)
        memcpy(&scratch[i], &choice->rows[row + i].n_iterations, sizeof *scratch);
    km_put_list(w, "choice/n_iterations", "k", H5T_NATIVE_INT64, n, scratch);
    for (const km_criterion *c = km_criteria_table; c->name != NULL; c++) {
        for (int64_t i = 0; i < n; i++)
            scratch[i] = km_criterion_value(c, &choice->rows[row + i]);
        snprintf(name, sizeof name, "choice/%s", c->name);
        km_put_list(w, name, "k", H5T_NATIVE_DOUBLE, n, scratch);
    }
    km_writer_open(w, "choice/centers");
    km_writer_close(w);
    for (int64_t i = row; i < choice->count; i++) {
        const int64_t k = choice->rows[i].n_clusters, d = choice->n_features;
        snprintf(name, sizeof name, "choice/centers/%lld", (long long)k);
        km_put_matrix(w, name, k, d, choice->centers + km_choice_first(choice, i) * d);
    }
}

/* One field of all files, at `offset` in km_file. A file may have several parts, and the first of
 * them has the values of the file. */
static void write_field_of_files(km_writer *w, const km_catalogue *catalogue, const char *name,
                                 size_t offset, int64_t *scratch)
{
    int64_t n = 0;
    for (int64_t p = 0; p < catalogue->n_files; p++)
        if (km_begins_file(catalogue, p))
            memcpy(&scratch[n++], (const char *)&catalogue->files[p] + offset, sizeof *scratch);
    km_put_list(w, name, "file", H5T_NATIVE_INT64, n, scratch);
}

/* Rows of each file, in all of its parts. */
static void write_rows_of_files(km_writer *w, const km_catalogue *catalogue, int64_t *scratch)
{
    int64_t n = 0;
    for (int64_t p = 0; p < catalogue->n_files; p++) {
        if (km_begins_file(catalogue, p))
            scratch[n++] = 0;
        scratch[n - 1] += catalogue->files[p].n_rows;
    }
    km_put_list(w, "files/rows", "file", H5T_NATIVE_INT64, n, scratch);
}

static void write_files(km_writer *w, const km_catalogue *catalogue, void *scratch, km_error *error)
{
    const char **names = scratch;
    km_writer_open(w, "files");
    km_writer_close(w);
    for (int64_t p = 0, n = 0; p < catalogue->n_files; p++)
        if (km_begins_file(catalogue, p))
            names[n++] = catalogue->files[p].path;
    km_put_names(w, "files/name", "file", names, km_count_files(catalogue), error);
    write_field_of_files(w, catalogue, "files/first_row", offsetof(km_file, first_row), scratch);
    write_rows_of_files(w, catalogue, scratch);
    write_field_of_files(w, catalogue, "files/bytes", offsetof(km_file, bytes), scratch);
    write_field_of_files(w, catalogue, "files/time", offsetof(km_file, time), scratch);
}

/* The distinct values of a text at `offset` in km_rank_setting, in rank order, separated by blanks;
 * cut if there are very many. */
static void put_distinct_texts(km_writer *w, const char *name, const km_setting *setting,
                               size_t offset)
{
    char text[32768]; /* enough for some thousand hosts */
    size_t used = 0;
    text[0] = '\0';
    for (int r = 0; r < setting->n_ranks && used < sizeof text; r++)
        if (km_setting_is_new(setting, r, offset))
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", r > 0 ? " " : "",
                                     (const char *)&setting->ranks[r] + offset);
    km_put_text(w, name, text);
}

/* Where the ranks ran, on how many threads, and with what. */
static void write_setting(km_writer *w, const km_setting *setting)
{
    km_put_text(w, "version", KM_VERSION);
    km_put_text(w, "git_commit", km_git_commit());
    km_put_text(w, "compiler", km_compiler());
    km_put_text(w, "mpi", setting->mpi);
    km_put_text(w, "hdf5", setting->hdf5);
    put_distinct_texts(w, "hosts", setting, offsetof(km_rank_setting, host));
    km_put_int(w, "nodes", setting->n_nodes);
    km_put_int(w, "ranks", setting->n_ranks);
    km_put_int(w, "ranks_per_node", setting->ranks_per_node);
    km_put_int(w, "threads", setting->max_threads);
    km_put_int(w, "cores", setting->min_cores);
    put_distinct_texts(w, "binding", setting, offsetof(km_rank_setting, cpus));
}

/* Of several files each may have what was asked for in a layout, and so at a path, of its own. */
static const char *table_of_all_files(const km_catalogue *catalogue)
{
    const bool has_name = catalogue->n_files > 1 && catalogue->asked.table != NULL;
    return has_name ? catalogue->asked.table : catalogue->table;
}

static void write_provenance(km_writer *w, const km_record *record)
{
    const km_catalogue *catalogue = record->catalogue;
    const skymeans_problem *problem = &record->answer->problem;
    int64_t bytes = 0, time = 0; /* of all files, and of their latest change */
    for (int64_t f = 0; f < catalogue->n_files; f++) {
        bytes += km_begins_file(catalogue, f) ? catalogue->files[f].bytes : 0;
        time = km_max_of(time, catalogue->files[f].time);
    }
    km_writer_open(w, "provenance");
    write_setting(w, record->setting);
    if (record->answer->is_fit) { /* the other settings are attributes of the root group */
        km_put_real(w, "tolerance", problem->tolerance);
        km_put_int(w, "max_iterations", problem->max_iterations);
        km_put_int(w, "restarts", problem->restarts);
    }
    km_put_text(w, "kernel", record->answer->plan.kernel->name);
    km_put_text(w, "command", record->command);
    km_put_text(w, "file", catalogue->path);
    km_put_int(w, "file_bytes", bytes); /* those of each file are in /files */
    km_put_time(w, "file_time", (double)time);
    km_put_text(w, "dataset", table_of_all_files(catalogue));
    km_put_int(w, "transposed", record->catalogue->asked.is_transposed);
    if (catalogue->asked.where != NULL)
        km_put_text(w, "where", catalogue->asked.where);
    if (catalogue->has_weights)
        km_put_text(w, "weights", catalogue->asked.weights);
    if (catalogue->asked.n_missing_values > 0)
        w->is_ok =
            w->is_ok && w->verbs->texts(w->group, "missing_values", catalogue->asked.missing_values,
                                        catalogue->asked.n_missing_values);
    if (record->catalogue->asked.ids != NULL)
        km_put_text(w, "id_column", km_catalogue_ids(catalogue)->name);
    km_put_text(w, "reading", record->findings->how);
    if (record->model != NULL)
        km_put_text(w, "model", record->model);
    if (record->answer->is_fit)
        km_put_int(w, "goes", record->n_goes);
    km_put_time(w, "started", record->started);
    km_put_time(w, "ended", record->setting->ended);
    km_put_hash(w, "features_checksum", record->answer->features_hash);
    km_put_text(w, "fingerprint", record->fingerprint);
    km_writer_close(w);
}

static void put_contents(km_writer *w, const km_record *record, km_error *error)
{
    const int64_t k = record->answer->plan.shape.n_clusters, d = record->catalogue->n_features;
    /* One scratch array of 8-byte values serves all datasets, so it has the size of the largest. */
    const int64_t n_max = km_max_of(record->catalogue->n_files,
                                    km_max_of(km_max_of(k * d, record->answer->choice.count),
                                              record->answer->fit.n_iterations));
    double *scratch = km_allocate(n_max, sizeof *scratch, "contents of the result", error);
    const char **units = km_allocate(d, sizeof *units, "contents of the result", error);
    if (error->code == KM_OK) {
        write_summary(w, record);
        write_clusters(w, record);
        write_feature_texts(w, record->catalogue, units);
        km_model_write(w, record, scratch, error);
        if (record->answer->is_fit) {
            write_fit_summary(w, record);
            write_history(w, record, scratch);
            write_restarts(w, &record->answer->restarts);
            write_choice(w, &record->answer->choice, scratch);
        }
        if (record->outputs->has_second)
            km_borders_write(w, record->borders);
        if (record->sky != NULL)
            km_sky_write(w, record->sky, k);
        if (record->templates != NULL)
            km_templates_write(w, record->templates, error);
        write_files(w, record->catalogue, scratch, error);
        write_provenance(w, record);
    }
    free(scratch);
    free(units);
}

km_code km_cannot_write_result(const km_record *record, const char *why, km_error *error)
{
    return km_fail(error, KM_SYSTEM,
                   "can't write the result (%s): %s; is the disk full, or a quota reached?",
                   record->outputs->result, why);
}

static km_code cannot_save_contents(const km_record *record, int reason, km_error *error)
{
    if (reason != ENOMEM)
        return km_cannot_write_result(record, strerror(reason), error);
    return km_fail(error, KM_MEMORY,
                   "out of memory (%s): the contents of the result; use fewer "
                   "clusters",
                   record->outputs->result);
}

km_code km_contents_write(const char *path, const km_record *record, km_error *error)
{
    km_writer w = {.verbs = &km_h5_write, .file = km_h5_create_in_memory(), .is_ok = true};
    if (w.file < 0)
        return km_cannot_write_result(record, km_h5_reason(), error);
    w.group = w.file;
    put_contents(&w, record, error);
    if (!w.is_ok || !km_rows_declare(w.file, record))
        km_cannot_write_result(record, km_h5_reason(), error);
    else if (error->code == KM_OK && (!km_h5_save(w.file, path) || km_fault("write the contents")))
        cannot_save_contents(record, errno, error);
    H5Fclose(w.file);
    return error->code;
}

km_code km_contents_compare(const char *path, const km_record *record, km_error *error)
{
    km_writer w = {.verbs = &km_h5_compare, .is_ok = true};
    km_error why = {0};
    if (km_h5_open(path, &w.file, &why) != KM_OK)
        return km_cannot_write_result(record, why.text, error);
    w.group = w.file;
    put_contents(&w, record, error);
    if (!w.is_ok || km_fault("compare the contents"))
        km_cannot_write_result(record, "its contents read back differently", error);
    H5Fclose(w.file);
    return error->code;
}
