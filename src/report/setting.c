/* Where a run was, and with which libraries. */
#include "json.h"

#include "base/version.h"
#include "report/report.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* The distinct values of a text at `offset` in km_rank_setting, in rank order. */
static void put_list_of_distinct_texts(km_json *json, const char *name, const km_setting *setting,
                                       size_t offset)
{
    km_json_open(json, name, '[');
    for (int r = 0; r < setting->n_ranks; r++)
        if (km_setting_is_new(setting, r, offset))
            km_json_text(json, NULL, (const char *)&setting->ranks[r] + offset);
    km_json_close(json, ']');
}

void km_json_put_setting(km_json *json, const km_setting *setting)
{
    put_list_of_distinct_texts(json, "hosts", setting, offsetof(km_rank_setting, host));
    km_json_int(json, "nodes", setting->n_nodes);
    km_json_int(json, "ranks_per_node", setting->ranks_per_node);
    km_json_int(json, "cores", setting->min_cores);
    put_list_of_distinct_texts(json, "binding", setting, offsetof(km_rank_setting, cpus));
    km_json_open(json, "versions", '{');
    km_json_text(json, "skymeans", KM_VERSION);
    km_json_text(json, "git_commit", km_git_commit());
    km_json_text(json, "mpi", setting->mpi);
    km_json_text(json, "hdf5", setting->hdf5);
    km_json_text(json, "compiler", km_compiler());
    km_json_close(json, '}');
}

void km_version_print(void)
{
    char mpi[MPI_MAX_LIBRARY_VERSION_STRING];
    unsigned major, minor, release;
    km_comm_library(mpi);
    H5get_libversion(&major, &minor, &release);
    mpi[strcspn(mpi, ",\t")] = '\0'; /* what follows says how it was packaged */
    printf("skymeans %s (%s), with %s, HDF5 %u.%u.%u\n", KM_VERSION, km_git_commit(), mpi, major,
           minor, release);
}
