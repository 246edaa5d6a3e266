/* --scratch: large arrays in files on the disks of the nodes. */
#include "process/scratch.h"
#include "command/command.h"
#include "process/cores.h"
#include "process/heap.h"

km_code km_start_scratch(km_story *s)
{
    const char *folders = s->options.scratch;
    const km_comm_place place = km_comm_on_node(s->comm);
    if (folders == NULL)
        return KM_OK;
    km_scratch_start(folders, place.rank, place.n_ranks, &s->error);
    if (km_agree(s->comm, &s->error) != KM_OK)
        return s->error.code;
    const km_scratch_room room = km_scratch_find_room();
    if (room.in_memory != NULL)
        km_warn(&s->log,
                "scratch folder in memory (%s): it is a file system in memory, so that rows there "
                "take memory all the same; choose a folder on a disk",
                room.in_memory);
    return KM_OK;
}

/* Ranks that are only planned for fill nodes like this one, a thread a core. */
km_node km_find_node(km_story *s)
{
    const int64_t asked = s->options.ranks, n_threads = km_count_threads(s);
    km_node node = {.n_ranks = km_comm_on_node(s->comm).n_ranks,
                    .memory = km_memory_of_node(),
                    .scratch = km_scratch_find_room().free};
    km_cpus cpus;
    km_cpus_of_process(&cpus);
    const int64_t most = km_cores(&cpus) / n_threads;
    if (asked > 0)
        node.n_ranks = (int)(most < 1 ? 1 : most < asked ? most : asked);
    return node;
}
