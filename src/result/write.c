/* The result file, whole or not at all: written beside, read back, compared, then renamed. */
#include "contents.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void check_output(const char *path, bool may_replace, km_error *error)
{
    char copy[PATH_MAX];
    struct stat status;
    if (strlen(path) >= sizeof copy - 8) {
        km_fail(error, KM_SYSTEM, "can't write the result (%s): the path is too long", path);
        return;
    }
    strcpy(copy, path);
    const char *folder = dirname(copy);
    if (stat(path, &status) == 0 && !may_replace)
        km_fail(error, KM_USAGE,
                "output exists (%s): it would be replaced; choose another name, or --overwrite",
                path);
    else if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        km_fail(error, KM_USAGE,
                "output exists (%s): it is not a regular file; choose another "
                "name",
                path);
    else if (access(folder, W_OK | X_OK) != 0)
        km_fail(error, KM_SYSTEM,
                "can't write the result (%s): its folder %s: %s; make the folder "
                "or choose another",
                path, folder, strerror(errno));
}

km_code km_result_check_output(const char *path, bool may_replace, MPI_Comm comm, km_error *error)
{
    if (km_comm_rank(comm) == 0)
        check_output(path, may_replace, error);
    return km_agree(comm, error);
}

/* A new file beside the output, with the rights that a new file has there. */
static km_code create_beside(const char *path, char *beside, km_error *error)
{
    snprintf(beside, PATH_MAX, "%s.XXXXXX", path);
    const int descriptor = mkstemp(beside);
    const mode_t mask = umask(0);
    umask(mask);
    if (descriptor < 0 || fchmod(descriptor, 0666 & ~mask) != 0)
        km_fail(error, KM_SYSTEM, "can't write the result (%s): %s; check its folder", path,
                strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
    else
        beside[0] = '\0';
    return error->code;
}

/* ---- the rows ----------------------------------------------------------------------------------
 */

/* One dataset with a value a row of the catalogue. */
typedef struct row_data {
    const char *name;
    hid_t type;
    size_t size;
    void *values; /* [slab.count] */
} row_data;

/* Spreads values of samples over the rows of the slab; rows that are not used get `filler`. */
static void spread(const km_samples *samples, const void *of_samples, const void *filler,
                   row_data *data)
{
    const char *next = of_samples;
    for (int64_t row = 0; row < samples->slab.count; row++) {
        const bool is_used = (samples->used[row / 64] >> row % 64 & 1) != 0;
        memcpy((char *)data->values + (size_t)row * data->size, is_used ? next : filler,
               data->size);
        next += is_used ? data->size : 0;
    }
}

static km_code make_labels(const km_record *record, row_data *data, km_error *error)
{
    *data = (row_data){.name = "labels", .type = H5T_NATIVE_INT32, .size = sizeof(int32_t)};
    data->values = km_allocate(record->samples->slab.count, data->size, "labels of rows", error);
    if (data->values != NULL)
        spread(record->samples, record->fit->labels, &(int32_t){-1}, data);
    return error->code;
}

static km_code make_distances(const km_record *record, row_data *data, km_error *error)
{
    const km_samples *samples = record->samples;
    *data = (row_data){.name = "distances", .type = H5T_NATIVE_DOUBLE, .size = sizeof(double)};
    data->values = km_allocate(samples->slab.count, data->size, "distances of rows", error);
    double *distances =
        km_allocate(samples->n_samples, sizeof *distances, "distances of samples", error);
    if (error->code == KM_OK) {
        km_fit_distances(record->fit, samples, record->transform->exponent, distances);
        spread(samples, distances, &(double){NAN}, data);
    }
    free(distances);
    return error->code;
}

static km_code write_rows(const char *beside, const km_rows rows, const row_data *data, int n_data,
                          MPI_Comm comm, km_error *error)
{
    hid_t file;
    km_h5_open_for_writing(beside, comm, &file, error);
    if (km_agree(comm, error) == KM_OK)
        for (int i = 0; i < n_data; i++)
            km_h5_write_rows(file, comm, data[i].name, data[i].type, rows, data[i].values, error);
    if (file >= 0 && H5Fclose(file) < 0)
        km_fail(error, KM_SYSTEM, "can't write the file (%s): %s; is the disk full?", beside,
                km_h5_reason());
    return km_agree(comm, error);
}

/* A full disk can leave zeros behind without any call failing: only what was read back counts. */
static km_code compare_rows(const char *beside, const km_rows rows, const row_data *data,
                            MPI_Comm comm, km_error *error)
{
    hid_t file = H5I_INVALID_HID;
    void *read = km_allocate(rows.count, data->size, "rows read back", error);
    if (km_agree(comm, error) == KM_OK) {
        km_h5_open(beside, comm, &file, error);
        if (km_agree(comm, error) == KM_OK)
            km_h5_reread_rows(file, comm, data->name, data->type, rows, read, error);
        if (error->code == KM_OK &&
            memcmp(read, data->values, (size_t)rows.count * data->size) != 0)
            km_fail(error, KM_SYSTEM,
                    "the result did not arrive on disk (%s, rows %lld to %lld): they read back "
                    "differently; is the disk full, or a quota reached?",
                    data->name, (long long)rows.first, (long long)(rows.first + rows.count - 1));
        if (file >= 0)
            H5Fclose(file);
    }
    free(read);
    return km_agree(comm, error);
}

/* ---- the file ----------------------------------------------------------------------------------
 */

static km_code gather_setting(km_setting *setting, MPI_Comm comm, km_error *error)
{
    char host[MPI_MAX_PROCESSOR_NAME] = "";
    int length;
    MPI_Get_processor_name(host, &length);
    setting->n_ranks = km_comm_size(comm);
    setting->hosts = km_allocate(setting->n_ranks, sizeof host, "names of the hosts", error);
    if (km_agree(comm, error) == KM_OK)
        km_gather(comm, host, sizeof host, setting->hosts);
    return error->code;
}

static km_code write_small_part(const km_record *record, char *beside, MPI_Comm comm,
                                km_error *error)
{
    km_setting setting = {0};
    beside[0] = '\0';
    if (gather_setting(&setting, comm, error) == KM_OK && km_comm_rank(comm) == 0 &&
        create_beside(record->options->output, beside, error) == KM_OK)
        km_contents_write(beside, record, &setting, error);
    free(setting.hosts);
    km_broadcast(comm, 0, beside, PATH_MAX);
    return km_agree(comm, error);
}

static km_code write_and_compare_rows(const km_record *record, const char *beside, MPI_Comm comm,
                                      km_error *error)
{
    const km_rows rows = record->samples->slab;
    row_data data[2] = {{.values = NULL}, {.values = NULL}};
    const int n_data = record->options->distances ? 2 : 1;
    make_labels(record, &data[0], error);
    if (n_data > 1)
        make_distances(record, &data[1], error);
    if (km_agree(comm, error) == KM_OK &&
        write_rows(beside, rows, data, n_data, comm, error) == KM_OK)
        for (int i = 0; i < n_data && error->code == KM_OK; i++)
            compare_rows(beside, rows, &data[i], comm, error);
    free(data[0].values);
    free(data[1].values);
    return error->code;
}

static km_code check_and_publish(const km_record *record, const char *beside, MPI_Comm comm,
                                 km_error *error)
{
    if (km_comm_rank(comm) == 0 && km_contents_check(beside, record, error) == KM_OK)
        km_h5_publish(beside, record->options->output, record->options->overwrite, error);
    return km_agree(comm, error);
}

km_code km_result_write(const km_record *record, MPI_Comm comm, km_error *error)
{
    char beside[PATH_MAX];
    if (write_small_part(record, beside, comm, error) == KM_OK &&
        write_and_compare_rows(record, beside, comm, error) == KM_OK)
        check_and_publish(record, beside, comm, error);
    if (error->code != KM_OK && km_comm_rank(comm) == 0 && beside[0] != '\0')
        unlink(beside);
    return error->code;
}
