/* comm.h - the few collective operations that skymeans needs.
 *
 * Every function here is collective over `comm`: all ranks call it, with equal counts. Counts are
 * 64-bit, and messages go out in pieces that MPI's int counts can hold, unless counts are ints. MPI
 * itself aborts on errors. */
#ifndef SKYMEANS_COMM_H
#define SKYMEANS_COMM_H

#include "base/error.h"

#include <mpi.h>

/* These two and km_agree take MPI_COMM_NULL, too: a process alone, without MPI. */
int km_comm_rank(MPI_Comm comm);
int km_comm_size(MPI_Comm comm);

/* May any thread call MPI, if only one does at a time? */
bool km_comm_takes_threads(void);

/* The name of this node, and the first line of what the MPI library says of its version. Not
 * collective. */
void km_comm_host(char host[MPI_MAX_PROCESSOR_NAME]);
void km_comm_library(char library[MPI_MAX_LIBRARY_VERSION_STRING]);

/* How many ranks of this node, this one included, have set one of the bits that this one has set:
 * of processors, those that may run where this one may. At most KM_SHARED_BITS. */
enum { KM_SHARED_BITS = 8192 };
int km_comm_sharing(MPI_Comm comm, const void *bits, int64_t bytes);

/* Agreement: if `error` holds a failure on any rank, it holds that of the lowest such rank on all
 * ranks afterwards. Returns the code, the same everywhere. Call it after every step that can fail
 * on one rank alone, before the next collective call. */
km_code km_agree(MPI_Comm comm, km_error *error);

/* Element by element over the ranks, in place, the result on every rank. */
void km_sum_int64(MPI_Comm comm, int64_t *values, int64_t count);
void km_sum_uint64(MPI_Comm comm, uint64_t *values, int64_t count); /* modulo 2^64 */
void km_sum_uint32(MPI_Comm comm, uint32_t *values, int64_t count);
void km_and_uint64(MPI_Comm comm, uint64_t *values, int64_t count); /* bit by bit */
void km_max_int64(MPI_Comm comm, int64_t *values, int64_t count);
void km_min_double(MPI_Comm comm, double *values, int64_t count);
void km_max_double(MPI_Comm comm, double *values, int64_t count);
void km_sum_double(MPI_Comm comm, double *values, int64_t count); /* for statistics only */

void km_sum_long_double(MPI_Comm comm, long double *values, int64_t count); /* to check others */

/* The sum over all lower ranks; 0 on rank 0. */
int64_t km_sum_below(MPI_Comm comm, int64_t value);
void km_sum_below_uint32(MPI_Comm comm, const uint32_t *values, int count, uint32_t *below);

/* Copies `bytes` bytes from rank `root` to all. */
void km_broadcast(MPI_Comm comm, int root, void *data, int64_t bytes);

/* Sends bytes to a rank, which receives as many; at most 2^31 - 1. Not collective. */
void km_send(MPI_Comm comm, int to, const void *data, int64_t bytes);
void km_receive(MPI_Comm comm, int from, void *data, int64_t bytes);

/* Gathers a fixed number of bytes of each rank into `all` (n_ranks x bytes), on every rank. */
void km_gather(MPI_Comm comm, const void *mine, int64_t bytes, void *all);

/* Every rank sends words to every rank: counts and starts are [n_ranks], in words. Of
 * km_exchange_counts each rank knows then how many come from each. */
void km_exchange_counts(MPI_Comm comm, const int *sent, int *received);
void km_exchange_words(MPI_Comm comm, const uint32_t *sent, const int *sent_counts,
                       const int *sent_starts, uint32_t *received, const int *received_counts,
                       const int *received_starts);

/* Concatenates the `count` elements of `size` bytes that each rank has, in rank order, on every
 * rank: a new array of *total elements, which the caller frees. `error` agreed on all ranks. */
km_code km_concatenate(MPI_Comm comm, const void *mine, int64_t count, size_t size, void **all,
                       int64_t *total, km_error *error);

#endif
