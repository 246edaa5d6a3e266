/* comm.h - the few collective operations that skymeans needs.
 *
 * Every function here is collective over `comm`, but where it says otherwise: all ranks call it,
 * with equal counts. MPI_COMM_NULL is the communicator of a process without MPI: one rank. Counts
 * of 64 bits may be any number, since long messages are sent in pieces. MPI itself aborts on
 * errors. */
#ifndef SKYMEANS_COMM_H
#define SKYMEANS_COMM_H

#include "base/error.h"

#include <mpi.h>

/* Local. */
int km_comm_rank(MPI_Comm comm);
int km_comm_size(MPI_Comm comm);

/* The communicator of this process by itself: MPI_COMM_SELF where MPI runs. Local. */
MPI_Comm km_comm_alone(void);

/* Is it one between two groups of ranks? Local. */
bool km_comm_is_between_groups(MPI_Comm comm);

/* A copy of a communicator, whose messages never mix with those of the original; and its end. */
MPI_Comm km_comm_copy(MPI_Comm comm);
void km_comm_free(MPI_Comm *comm);

/* The same ranks in an order in which those of a node follow each other, rank 0 first: most
 * libraries then send sums and copies over the network as seldom as can be. Free it as a copy. */
MPI_Comm km_comm_by_node(MPI_Comm comm);

/* Divides the ranks into groups: a communicator of those with the same number, in their order. */
MPI_Comm km_comm_split(MPI_Comm comm, int group);

/* May any thread call MPI, one at a time? Local. */
bool km_comm_takes_threads(void);

/* The name of this node, and the first line of the version of the MPI library. Local. */
void km_comm_host(char host[MPI_MAX_PROCESSOR_NAME]);
void km_comm_library(char library[MPI_MAX_LIBRARY_VERSION_STRING]);

/* The number of ranks of this node, this one included, that have set at least one of the bits that
 * this rank has set. With a bit per processor: the ranks that may run on the same processors. */
enum { KM_SHARED_BITS = 8192 }; /* the maximum of 8 * bytes */
int km_comm_sharing(MPI_Comm comm, const void *bits, int64_t bytes);

/* This rank among those of its node, and how many these are. */
typedef struct km_comm_place {
    int rank, n_ranks;
} km_comm_place;
km_comm_place km_comm_on_node(MPI_Comm comm);

/* Is this the lowest rank of its node? */
bool km_comm_is_first_of_node(MPI_Comm comm);

/* Hints for MPI-IO, from texts KEY=VALUE whose lengths MPI takes; and their end. Local. */
MPI_Info km_comm_hints(const char *const *texts, int64_t count);
void km_comm_free_hints(MPI_Info *hints);

/* Agrees on errors: if there is a failure on any rank, all ranks get that of the lowest such rank
 * in `error`. Returns the code, the same on all ranks. Call it after every step that can fail on
 * one rank alone, before the next collective call. */
km_code km_agree(MPI_Comm comm, km_error *error);

/* Have some ranks done it, and others not? */
bool km_are_divided(MPI_Comm comm, bool is_done);

/* Ends the job of all ranks at once, with this exit code. Local. */
void km_comm_end_job(MPI_Comm comm, int code);

/* Reductions over the ranks, element by element and in place; every rank gets the result. */
void km_sum_int64(MPI_Comm comm, int64_t *values, int64_t count);
void km_sum_uint64(MPI_Comm comm, uint64_t *values, int64_t count); /* modulo 2^64 */
void km_sum_uint32(MPI_Comm comm, uint32_t *values, int64_t count);
void km_and_uint64(MPI_Comm comm, uint64_t *values, int64_t count); /* bit by bit */
void km_max_int64(MPI_Comm comm, int64_t *values, int64_t count);
void km_min_double(MPI_Comm comm, double *values, int64_t count);
void km_max_double(MPI_Comm comm, double *values, int64_t count);

/* Their rounding depends on the ranks: for statistics, and to check exact sums. */
void km_sum_double(MPI_Comm comm, double *values, int64_t count);
void km_sum_long_double(MPI_Comm comm, long double *values, int64_t count);

/* The sum over all lower ranks; 0 on rank 0. The second: element by element. */
int64_t km_sum_below(MPI_Comm comm, int64_t value);
void km_sum_below_uint32(MPI_Comm comm, const uint32_t *values, int count, uint32_t *below);

/* Copies `bytes` bytes from rank `root` to all. */
void km_broadcast(MPI_Comm comm, int root, void *data, int64_t bytes);

/* Sends bytes to one rank, which receives as many; at most 2^31 - 1. Not collective. */
void km_send(MPI_Comm comm, int to, const void *data, int64_t bytes);
void km_receive(MPI_Comm comm, int from, void *data, int64_t bytes);

/* Two ranks exchange as many bytes; each may be the caller's own. Not collective. */
void km_swap(MPI_Comm comm, int other, void *data, int64_t bytes);

/* Gathers `bytes` bytes of each rank into `all` ([n_ranks][bytes]), on every rank. */
void km_gather(MPI_Comm comm, const void *mine, int64_t bytes, void *all);

/* Every rank sends words to every rank; counts and starts are [n_ranks], in words. The first tells
 * each rank how many words it will receive from each. */
void km_exchange_counts(MPI_Comm comm, const int *sent, int *received);
void km_exchange_words(MPI_Comm comm, const uint32_t *sent, const int *sent_counts,
                       const int *sent_starts, uint32_t *received, const int *received_counts,
                       const int *received_starts);

/* Concatenates the `count` elements of `size` bytes of each rank, in rank order, on every rank: a
 * new array of *total elements, which the caller frees. KM_MEMORY, agreed; then *all is NULL. */
km_code km_concatenate(MPI_Comm comm, const void *mine, int64_t count, size_t size, void **all,
                       int64_t *total, km_error *error);

#endif
