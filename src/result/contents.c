/* Centers, sizes, history, model and provenance: the small part of a result, written by one rank.
 */
#include "contents.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The file and the group whose attributes are put down, and whether all has gone well so far. */
typedef struct writer {
    const km_h5_verbs *verbs;
    hid_t file, group;
    bool is_ok;
} writer;

static void put_attribute(writer *w, const char *name, hid_t type, const void *value)
{
    w->is_ok = w->is_ok && w->verbs->attribute(w->group, name, type, value);
}

static void put_int(writer *w, const char *name, int64_t value)
{
    put_attribute(w, name, H5T_NATIVE_INT64, &value);
}

static void put_uint(writer *w, const char *name, uint64_t value)
{
    put_attribute(w, name, H5T_NATIVE_UINT64, &value);
}

static void put_real(writer *w, const char *name, double value)
{
    put_attribute(w, name, H5T_NATIVE_DOUBLE, &value);
}

static void put_text(writer *w, const char *name, const char *text)
{
    const hid_t type = km_h5_text_type();
    put_attribute(w, name, type, &text);
    H5Tclose(type);
}

static void put_hash(writer *w, const char *name, uint64_t hash)
{
    char text[17];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)hash);
    put_text(w, name, text);
}

static void put_time(writer *w, const char *name, double seconds)
{
    char text[32];
    const time_t whole = (time_t)seconds;
    struct tm parts;
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&whole, &parts));
    put_text(w, name, text);
}

static void put_array(writer *w, const char *name, hid_t type, int64_t rows, int64_t columns,
                      const void *values)
{
    const hsize_t shape[2] = {(hsize_t)rows, (hsize_t)columns};
    w->is_ok = w->is_ok && w->verbs->array(w->file, name, type, columns > 0 ? 2 : 1, shape, values);
}

static void open_group(writer *w, const char *name)
{
    w->is_ok = w->is_ok && w->verbs->group(w->file, name);
    w->group = w->is_ok ? H5Gopen2(w->file, name, H5P_DEFAULT) : H5I_INVALID_HID;
}

static void close_group(writer *w)
{
    if (w->group >= 0)
        H5Gclose(w->group);
    w->group = w->file;
}

static bool is_fit(const km_record *record)
{
    return record->restarts != NULL;
}

static void write_summary(writer *w, const km_record *record)
{
    put_int(w, "n_rows", record->catalogue->n_rows);
    put_int(w, "n_used", record->n_used);
    put_int(w, "n_missing", record->n_missing);
    put_hash(w, "checksum", record->checksum);
}

static void write_fit_summary(writer *w, const km_record *record)
{
    const km_fit *fit = record->fit;
    put_real(w, "inertia", fit->inertia);
    put_int(w, "n_iterations", fit->n_iterations);
    put_int(w, "converged", km_stop_is_converged(fit->stop));
    put_text(w, "stop_reason", km_stop_name(fit->stop));
    put_uint(w, "random_seed", record->options->random_seed);
    put_text(w, "seeding", record->options->seeding);
    put_text(w, "algorithm", record->plan->method->name);
}

/* Names and units of the features, beside the centers. */
static void write_feature_texts(writer *w, const km_catalogue *catalogue, const char **units)
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

static void write_clusters(writer *w, const km_record *record)
{
    const int64_t k = record->options->clusters, d = record->catalogue->n_features;
    const km_fit *fit = record->fit;
    put_array(w, "centers", H5T_NATIVE_DOUBLE, k, d, record->centers);
    put_array(w, "sizes", H5T_NATIVE_INT64, k, 0, fit->sizes);
    if (is_fit(record))
        put_array(w, "weights", H5T_NATIVE_DOUBLE, k, 0, fit->weights);
    put_array(w, "missing", H5T_NATIVE_INT64, d, 0, record->findings->n_missing);
}

static void write_model(writer *w, const km_record *record, double *room)
{
    const int64_t k = record->options->clusters, d = record->catalogue->n_features;
    const km_transform *transform = record->transform;
    open_group(w, "model");
    put_text(w, "precision", km_precision_name(record->samples->precision));
    put_int(w, "exponent", transform->exponent);
    close_group(w);
    for (int64_t i = 0; i < k * d; i++)
        room[i] = ldexp(record->fit->centers[i], transform->exponent);
    put_array(w, "model/centers", H5T_NATIVE_DOUBLE, k, d, room);
    put_array(w, "model/offset", H5T_NATIVE_DOUBLE, d, 0, transform->offset);
    put_array(w, "model/factor", H5T_NATIVE_DOUBLE, d, 0, transform->factor);
}

static void write_history_column(writer *w, const km_fit *fit, const char *name, size_t offset,
                                 double *room)
{
    for (int64_t i = 0; i < fit->n_iterations; i++)
        memcpy(&room[i], (const char *)&fit->history[i] + offset, sizeof *room);
    put_array(w, name, H5T_NATIVE_DOUBLE, fit->n_iterations, 0, room);
}

static void write_history_counts(writer *w, const km_fit *fit, const char *name, size_t offset,
                                 int64_t *room)
{
    for (int64_t i = 0; i < fit->n_iterations; i++)
        memcpy(&room[i], (const char *)&fit->history[i] + offset, sizeof *room);
    put_array(w, name, H5T_NATIVE_INT64, fit->n_iterations, 0, room);
}

static void write_history(writer *w, const km_record *record, void *room)
{
    const km_fit *fit = record->fit;
    open_group(w, "history");
    close_group(w);
    write_history_counts(w, fit, "history/iteration", offsetof(km_iteration, number), room);
    write_history_column(w, fit, "history/inertia", offsetof(km_iteration, inertia), room);
    write_history_column(w, fit, "history/shift", offsetof(km_iteration, shift), room);
    write_history_counts(w, fit, "history/relabeled", offsetof(km_iteration, relabeled), room);
    write_history_column(w, fit, "history/seconds", offsetof(km_iteration, seconds), room);
}

/* What --restarts found; nothing for a single fit. */
static void write_restarts(writer *w, const km_restarts *restarts)
{
    const int64_t count = restarts->count;
    if (count < 2)
        return;
    open_group(w, "restarts");
    put_int(w, "best", restarts->best);
    close_group(w);
    put_array(w, "restarts/inertia", H5T_NATIVE_DOUBLE, count, 0, restarts->inertia);
    put_array(w, "restarts/n_iterations", H5T_NATIVE_INT64, count, 0, restarts->n_iterations);
    put_array(w, "restarts/adjusted_rand_index", H5T_NATIVE_DOUBLE, count, 0, restarts->rand_index);
    put_array(w, "restarts/coincidence_rate", H5T_NATIVE_DOUBLE, restarts->n_clusters, 0,
              restarts->coincidence);
}

static int64_t count_files(const km_catalogue *catalogue)
{
    int64_t count = 0;
    for (int64_t p = 0; p < catalogue->n_files; p++)
        count += km_begins_file(catalogue, p);
    return count;
}

/* A number of each file, at `offset` in its first part. */
static void write_of_files(writer *w, const km_catalogue *catalogue, const char *name,
                           size_t offset, int64_t *room)
{
    int64_t n = 0;
    for (int64_t p = 0; p < catalogue->n_files; p++)
        if (km_begins_file(catalogue, p))
            memcpy(&room[n++], (const char *)&catalogue->files[p] + offset, sizeof *room);
    put_array(w, name, H5T_NATIVE_INT64, n, 0, room);
}

/* Rows of each file, in all of its parts. */
static void write_rows_of_files(writer *w, const km_catalogue *catalogue, int64_t *room)
{
    int64_t n = 0;
    for (int64_t p = 0; p < catalogue->n_files; p++) {
        if (km_begins_file(catalogue, p))
            room[n++] = 0;
        room[n - 1] += catalogue->files[p].n_rows;
    }
    put_array(w, "files/rows", H5T_NATIVE_INT64, n, 0, room);
}

static void write_files(writer *w, const km_catalogue *catalogue, void *room)
{
    const hsize_t shape[1] = {(hsize_t)count_files(catalogue)};
    const hid_t text = km_h5_text_type();
    const char **names = room;
    open_group(w, "files");
    close_group(w);
    for (int64_t p = 0, n = 0; p < catalogue->n_files; p++)
        if (km_begins_file(catalogue, p))
            names[n++] = catalogue->files[p].path;
    w->is_ok = w->is_ok && w->verbs->array(w->file, "files/name", text, 1, shape, names);
    write_of_files(w, catalogue, "files/first_row", offsetof(km_file, first_row), room);
    write_rows_of_files(w, catalogue, room);
    write_of_files(w, catalogue, "files/bytes", offsetof(km_file, bytes), room);
    write_of_files(w, catalogue, "files/time", offsetof(km_file, time), room);
    H5Tclose(text);
}

/* A text of each seat, at `offset` in it; the different ones, in rank order, with blanks between;
 * cut if there are very many. */
static void join_different(const km_setting *setting, size_t offset, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int r = 0; r < setting->n_ranks && used < size; r++) {
        const char *own = (const char *)&setting->seats[r] + offset;
        bool is_new = true;
        for (int other = 0; other < r && is_new; other++)
            is_new = strcmp((const char *)&setting->seats[other] + offset, own) != 0;
        if (is_new)
            used += (size_t)snprintf(text + used, size - used, "%s%s", r > 0 ? " " : "", own);
    }
}

/* Where the ranks ran, and on how many threads. */
static void write_seats(writer *w, const km_setting *setting)
{
    char text[32768]; /* enough for some thousand hosts */
    int64_t most_threads = 0, fewest_cores = INT64_MAX;
    for (int r = 0; r < setting->n_ranks; r++) {
        const km_seat *seat = &setting->seats[r];
        most_threads = seat->n_threads > most_threads ? seat->n_threads : most_threads;
        fewest_cores = seat->n_cores < fewest_cores ? seat->n_cores : fewest_cores;
    }
    join_different(setting, offsetof(km_seat, host), text, sizeof text);
    put_text(w, "hosts", text);
    put_int(w, "ranks", setting->n_ranks);
    put_int(w, "threads", most_threads); /* of the rank that had most */
    put_int(w, "cores", fewest_cores);   /* that the rank with fewest might use */
    join_different(setting, offsetof(km_seat, cpus), text, sizeof text);
    put_text(w, "binding", text); /* the different masks of ranks */
}

static void write_versions(writer *w)
{
    char mpi[MPI_MAX_LIBRARY_VERSION_STRING], hdf5[32];
    int length;
    unsigned major, minor, release;
    MPI_Get_library_version(mpi, &length);
    mpi[strcspn(mpi, "\n")] = '\0';
    H5get_libversion(&major, &minor, &release);
    snprintf(hdf5, sizeof hdf5, "%u.%u.%u", major, minor, release);
    put_text(w, "version", KM_VERSION);
    put_text(w, "git_commit", km_git_commit());
    put_text(w, "compiler", km_compiler());
    put_text(w, "mpi", mpi);
    put_text(w, "hdf5", hdf5);
}

static int64_t largest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void write_provenance(writer *w, const km_record *record, const km_setting *setting)
{
    const km_catalogue *catalogue = record->catalogue;
    int64_t bytes = 0, time = 0; /* of the latest change */
    for (int64_t f = 0; f < catalogue->n_files; f++) {
        bytes += km_begins_file(catalogue, f) ? catalogue->files[f].bytes : 0;
        time = largest(time, catalogue->files[f].time);
    }
    open_group(w, "provenance");
    write_versions(w);
    write_seats(w, setting);
    put_text(w, "kernel", record->plan->kernel->name);
    put_text(w, "command", record->command);
    put_text(w, "file", catalogue->path);
    put_int(w, "file_bytes", bytes); /* of all; each: /files */
    put_time(w, "file_time", (double)time);
    put_text(w, "dataset", catalogue->table);
    put_text(w, "reading", record->findings->how);
    if (record->options->model != NULL)
        put_text(w, "model", record->options->model);
    put_time(w, "started", record->started);
    put_time(w, "ended", setting->ended);
    put_hash(w, "features_checksum", record->features_hash);
    close_group(w);
}

static void put_all(writer *w, const km_record *record, const km_setting *setting, km_error *error)
{
    const int64_t k = record->options->clusters, d = record->catalogue->n_features;
    /* One room for all conversions on the way, of 8-byte values. */
    const int64_t most =
        largest(record->catalogue->n_files, largest(k * d, record->fit->n_iterations));
    double *room = km_allocate(most, sizeof *room, "contents of the result", error);
    const char **units = km_allocate(d, sizeof *units, "contents of the result", error);
    if (error->code == KM_OK) {
        write_summary(w, record);
        write_clusters(w, record);
        write_feature_texts(w, record->catalogue, units);
        if (is_fit(record)) {
            write_fit_summary(w, record);
            write_model(w, record, room);
            write_history(w, record, room);
            write_restarts(w, record->restarts);
        }
        write_files(w, record->catalogue, room);
        write_provenance(w, record, setting);
    }
    free(room);
    free(units);
}

static km_code did_not_arrive(const km_record *record, const char *why, km_error *error)
{
    return km_fail(error, KM_SYSTEM,
                   "can't write the result (%s): %s; is the disk full, or a quota reached?",
                   record->options->output, why);
}

static km_code was_not_saved(const km_record *record, int reason, km_error *error)
{
    if (reason != ENOMEM)
        return did_not_arrive(record, strerror(reason), error);
    return km_fail(error, KM_MEMORY,
                   "out of memory (%s): the contents of the result; use fewer "
                   "clusters",
                   record->options->output);
}

km_code km_contents_write(const char *path, const km_record *record, const km_setting *setting,
                          km_error *error)
{
    writer w = {.verbs = &km_h5_write, .file = km_h5_create_in_memory(), .is_ok = true};
    if (w.file < 0)
        return did_not_arrive(record, km_h5_reason(), error);
    w.group = w.file;
    put_all(&w, record, setting, error);
    if (!w.is_ok)
        did_not_arrive(record, km_h5_reason(), error);
    else if (error->code == KM_OK && (!km_h5_save(w.file, path) || km_fault("write the contents")))
        was_not_saved(record, errno, error);
    H5Fclose(w.file);
    return error->code;
}

km_code km_contents_compare(const char *path, const km_record *record, const km_setting *setting,
                            km_error *error)
{
    writer w = {.verbs = &km_h5_compare, .is_ok = true};
    km_error why = {0};
    if (km_h5_open(path, MPI_COMM_NULL, &w.file, &why) != KM_OK)
        return did_not_arrive(record, why.text, error);
    w.group = w.file;
    put_all(&w, record, setting, error);
    if (!w.is_ok || km_fault("compare the contents"))
        did_not_arrive(record, "its contents read back differently", error);
    H5Fclose(w.file);
    return error->code;
}
