/* The files of a mock catalogue: groups of ranks write one each at a time, beside the final names,
 * which are given once all files are complete. */
#include "mock/file.h"

#include "base/memory.h"
#include "base/threads.h"
#include "process/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A file while it is written, and until it has its name. */
typedef struct named_output {
    char path[KM_PATH_SIZE];
    km_output output;
} named_output;

void km_mock_cannot_write(const km_mock_file *file, const char *why, km_error *error)
{
#pragma omp critical(km_mock_failure)
    km_fail(error, KM_SYSTEM,
            "can't write the mock catalogue (%s): %s; is the disk full, or a quota reached?",
            file->path, why);
}

km_code km_mock_agree(const km_mock_file *file, km_error *error)
{
    if (file->control.is_stopped != NULL && file->control.is_stopped())
        km_fail(error, KM_SYSTEM,
                "stopped by a signal (%s): the catalogue is not complete, and nothing of it is "
                "left; start the same command again",
                file->path);
    return km_agree(file->comm, error);
}

int km_mock_most_threads(const km_mock_file *file)
{
    int64_t most = km_threads();
    km_max_int64(file->comm, &most, 1);
    return (int)most;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The path of file `number`: of several, mock.h5 is mock-03.h5, with as many digits for all. It is
 * cut if it is too long, which km_output_check then says. */
static void name_file(const km_mock_asked *asked, int64_t number, char *path)
{
    const char *name = strrchr(asked->path, '/');
    const char *ending = strrchr(name != NULL ? name : asked->path, '.');
    const int stem = (int)(ending != NULL ? (size_t)(ending - asked->path) : strlen(asked->path));
    int n_digits = 1;
    for (int64_t n = asked->n_files - 1; n >= 10; n /= 10)
        n_digits++;
    if (asked->n_files == 1)
        snprintf(path, KM_PATH_SIZE, "%s", asked->path);
    else
        snprintf(path, KM_PATH_SIZE, "%.*s-%0*lld%s", stem, asked->path, n_digits,
                 (long long)number, ending != NULL ? ending : "");
}

km_code km_mock_check_outputs(const km_mock *mock, km_error *error)
{
    char path[KM_PATH_SIZE];
    for (int64_t i = 0; i < mock->asked.n_files && error->code == KM_OK; i++) {
        name_file(&mock->asked, i, path);
        km_output_check(path, mock->asked.may_replace, error);
    }
    return error->code;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* The rows of file `number` of the catalogue; no two files differ by more than one row. */
static km_rows file_rows(const km_mock_asked *asked, int64_t number)
{
    const int64_t share = asked->n_rows / asked->n_files, extra = asked->n_rows % asked->n_files;
    return (km_rows){share * number + (number < extra ? number : extra), share + (number < extra)};
}

/* Writes one file under its temporary name, which rank 0 of the group makes. */
static km_code write_file(const km_mock *mock, int64_t number, named_output *named,
                          km_mock_file file, km_error *error)
{
    km_mock_layout layout = {.fields = NULL};
    char beside[KM_PATH_SIZE], path[KM_PATH_SIZE];
    const km_rows rows = file_rows(&mock->asked, number);
    name_file(&mock->asked, number, path);
    if (named != NULL) {
        strcpy(named->path, path);
        if (km_output_create(&named->output, named->path, error) == KM_OK)
            strcpy(beside, named->output.beside);
    }
    km_mock_layout_create(mock, rows.count, &layout, error);
    if (km_agree(file.comm, error) == KM_OK) {
        km_broadcast(file.comm, 0, beside, sizeof beside);
        file.layout = &layout;
        file.path = path;
        file.beside = beside;
        file.first_row = rows.first;
        if (mock->asked.compress > 0)
            km_mock_write_packed(&file, error);
        else
            km_mock_write_plain(&file, error);
        if (error->code == KM_OK && named != NULL)
            km_mock_contents_compare(&file, error);
        km_agree(file.comm, error);
    }
    km_mock_layout_free(&layout);
    return error->code;
}

/* Gives complete files their names, and adds up their sizes. */
static void publish_files(const km_mock *mock, named_output *named, int64_t count,
                          km_mock_report *report, km_error *error)
{
    struct stat status;
    for (int64_t i = 0; i < count && error->code == KM_OK; i++) {
        if (km_output_publish(&named[i].output, mock->asked.may_replace, error) != KM_OK)
            return;
        report->is_durable = report->is_durable && named[i].output.is_durable;
        if (stat(named[i].path, &status) == 0)
            report->n_bytes += status.st_size;
    }
}

/* Group g of G writes files g, g + G, ... Its rank 0 has the outputs. */
static void write_group_of_files(const km_mock *mock, int64_t first, int64_t step,
                                 named_output *named, const km_mock_file *file, km_error *error)
{
    for (int64_t number = first, i = 0; number < mock->asked.n_files && error->code == KM_OK;
         number += step, i++)
        write_file(mock, number, named != NULL ? &named[i] : NULL, *file, error);
}

km_code km_mock_write(const km_mock *mock, km_mock_control control, MPI_Comm comm,
                      km_mock_report *report, km_error *error)
{
    const int64_t n_ranks = km_comm_size(comm), n_files = mock->asked.n_files;
    const int64_t n_groups = n_files < n_ranks ? n_files : n_ranks;
    const int64_t group = km_comm_rank(comm) * n_groups / n_ranks;
    const int64_t count = (n_files - group + n_groups - 1) / n_groups;
    MPI_Comm part = km_comm_split(comm, (int)group);
    const km_mock_file file = {.control = control, .comm = part};
    named_output *named = NULL;
    *report =
        (km_mock_report){.n_columns = mock->n_columns, .n_files = n_files, .is_durable = true};
    if (km_comm_rank(file.comm) == 0)
        named = km_allocate_zeroed(count, sizeof *named, "names of files", error);
    if (km_agree(comm, error) == KM_OK)
        write_group_of_files(mock, group, n_groups, named, &file, error);
    if (km_agree(comm, error) == KM_OK && named != NULL)
        publish_files(mock, named, count, report, error);
    for (int64_t i = 0; i < count && named != NULL; i++)
        km_output_discard(&named[i].output);
    free(named);
    km_comm_free(&part);
    int64_t durable = report->is_durable ? 0 : 1;
    km_sum_int64(comm, &report->n_bytes, 1);
    km_sum_int64(comm, &durable, 1);
    report->is_durable = durable == 0;
    return km_agree(comm, error);
}
