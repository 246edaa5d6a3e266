/* collectives.c - two operations in the place of SimGrid's (the linker's --wrap), so that thousands
 * of ranks are simulated in minutes. What an iteration sums stays SimGrid's, by the algorithm that
 * was chosen. */
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FEW_BYTES = 512 }; /* less than any sums of an iteration */

int __wrap_MPI_Exscan(const void *mine, void *below, int count, MPI_Datatype type, MPI_Op op,
                      MPI_Comm comm);
int __real_MPI_Allreduce(const void *mine, void *all, int count, MPI_Datatype type, MPI_Op op,
                         MPI_Comm comm);
int __wrap_MPI_Allreduce(const void *mine, void *all, int count, MPI_Datatype type, MPI_Op op,
                         MPI_Comm comm);

/* By recursive doubling; SimGrid 3.32 sends a message from every rank to every higher one. `sum` is
 * that of the ranks from rank - distance + 1 to rank, [2][bytes] with a workspace. */
int __wrap_MPI_Exscan(const void *mine, void *below, int count, MPI_Datatype type, MPI_Op op,
                      MPI_Comm comm)
{
    int rank, n_ranks, size;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &n_ranks);
    MPI_Type_size(type, &size);
    const size_t bytes = (size_t)size * (size_t)count;
    char *sum = malloc(2 * bytes + 1), *other = sum + bytes;
    if (sum == NULL)
        return MPI_ERR_NO_MEM;
    memcpy(sum, mine, bytes);
    for (int distance = 1; distance < n_ranks; distance *= 2) {
        const int to = rank + distance < n_ranks ? rank + distance : MPI_PROC_NULL;
        const int from = rank >= distance ? rank - distance : MPI_PROC_NULL;
        MPI_Sendrecv(sum, count, type, to, 0, other, count, type, from, 0, comm, MPI_STATUS_IGNORE);
        if (from == MPI_PROC_NULL)
            continue;
        if (distance == 1)
            memcpy(below, other, bytes);
        else
            MPI_Reduce_local(other, below, count, type, op);
        MPI_Reduce_local(other, sum, count, type, op);
    }
    free(sum);
    return MPI_SUCCESS;
}

/* What ranks agree on before and after the iterations goes up and down a tree, with 2 messages a
 * rank instead of 2 log2(ranks). */
int __wrap_MPI_Allreduce(const void *mine, void *all, int count, MPI_Datatype type, MPI_Op op,
                         MPI_Comm comm)
{
    int size, rank;
    MPI_Type_size(type, &size);
    MPI_Comm_rank(comm, &rank);
    if ((int64_t)count * size > FEW_BYTES)
        return __real_MPI_Allreduce(mine, all, count, type, op, comm);
    const bool is_root = rank == 0;
    MPI_Reduce(is_root || mine != MPI_IN_PLACE ? mine : all, all, count, type, op, 0, comm);
    return MPI_Bcast(all, count, type, 0, comm);
}
