/* Where the ranks of a run are, and with which libraries: gathered for the record of the run. */
#include "base/error.h"
#include "base/memory.h"
#include "base/threads.h"
#include "process/cores.h"
#include "result/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static km_rank_setting setting_of_own_rank(void)
{
    km_rank_setting own;
    km_cpus cpus;
    memset(&own, 0, sizeof own); /* also its padding, which is gathered, too */
    km_comm_host(own.host);
    km_cpus_of_process(&cpus);
    km_cpus_text(&cpus, own.cpus, sizeof own.cpus);
    own.n_cores = km_cores(&cpus);
    own.n_threads = km_threads();
    return own;
}

static void find_versions(km_setting *setting)
{
    unsigned major, minor, release;
    km_comm_library(setting->mpi);
    H5get_libversion(&major, &minor, &release);
    snprintf(setting->hdf5, sizeof setting->hdf5, "%u.%u.%u", major, minor, release);
}

static const char *text_of(const km_setting *setting, int rank, size_t offset)
{
    return (const char *)&setting->ranks[rank] + offset;
}

/* The first rank with the same text as this one. */
static int first_with_same_text(const km_setting *setting, int rank, size_t offset)
{
    int first = 0;
    while (strcmp(text_of(setting, first, offset), text_of(setting, rank, offset)) != 0)
        first++;
    return first;
}

bool km_setting_is_new(const km_setting *setting, int rank, size_t offset)
{
    const bool is_like_last =
        rank > 0 && strcmp(text_of(setting, rank, offset), text_of(setting, rank - 1, offset)) == 0;
    return !is_like_last && first_with_same_text(setting, rank, offset) == rank;
}

/* Counts the nodes, and finds the maximum of ranks per node, the maximum of threads per rank and
 * the minimum of cores. A node is known by the first rank on it; ranks_of_node[that rank] counts
 * its ranks, and is 0 at first. */
static void count_nodes(km_setting *setting, int64_t *ranks_of_node)
{
    int first = 0;
    setting->min_cores = INT64_MAX;
    for (int r = 0; r < setting->n_ranks; r++) {
        const km_rank_setting *rank = &setting->ranks[r];
        if (strcmp(rank->host, setting->ranks[first].host) != 0)
            first = first_with_same_text(setting, r, offsetof(km_rank_setting, host));
        setting->n_nodes += first == r;
        if (++ranks_of_node[first] > setting->ranks_per_node)
            setting->ranks_per_node = ranks_of_node[first];
        if (rank->n_threads > setting->max_threads)
            setting->max_threads = rank->n_threads;
        if (rank->n_cores < setting->min_cores)
            setting->min_cores = rank->n_cores;
    }
}

km_code km_setting_gather(km_setting *setting, MPI_Comm comm, km_error *error)
{
    const char *what = "where ranks run";
    const km_rank_setting own = setting_of_own_rank();
    *setting = (km_setting){.n_ranks = km_comm_size(comm), .ended = (double)time(NULL)};
    setting->ranks = km_allocate(setting->n_ranks, sizeof own, what, error);
    int64_t *ranks_of_node =
        km_allocate_zeroed(setting->n_ranks, sizeof *ranks_of_node, what, error);
    if (km_agree(comm, error) == KM_OK) {
        km_gather(comm, &own, sizeof own, setting->ranks);
        find_versions(setting);
        count_nodes(setting, ranks_of_node);
    }
    free(ranks_of_node);
    return error->code;
}

void km_setting_free(km_setting *setting)
{
    free(setting->ranks);
    setting->ranks = NULL;
}
