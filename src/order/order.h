/* order.h - neighbours in space become neighbours in memory, on one rank or on all of them.
 *
 * No result depends on the order of the samples; only speed does. */
#ifndef SKYMEANS_ORDER_ORDER_H
#define SKYMEANS_ORDER_ORDER_H

#include "samples/samples.h"

/* Bytes that putting n samples in order takes beside them: two places of each, and a value, weight
 * or code on the way. */
double km_order_bytes(const km_shape *shape, double n, bool has_weights);

/* Bytes that redistributing n samples of a rank takes beside them, or returning them with their
 * labels, which are counted. */
double km_exchange_bytes(const km_shape *shape, double n, bool has_weights);

/* Sorts the samples of each rank along a curve through space that is the same for all ranks, so
 * that neighbours in space are near each other in memory. Collective over comm. KM_MEMORY, agreed,
 * without memory for 12 bytes per sample, or 16 in double precision or with weights. */
km_code km_samples_order(km_samples *samples, MPI_Comm comm, km_error *error);

/* The same, but only so many samples at a time, whole blocks of them: faster, and with memory for
 * that many only, but boxes are larger. */
km_code km_samples_order_in_parts(km_samples *samples, int64_t part_size, MPI_Comm comm,
                                  km_error *error);

/* How many at a time are enough for so many clusters. */
int64_t km_order_part_size(int64_t n_clusters);
#define KM_ORDER_WHOLE ((int64_t)1 << 62) /* all at once */

/* Orders all samples of each rank, but first redistributes them among the ranks, so that boxes of
 * neighbours are as small as if one rank had all samples. Each rank gets as many as a slab of all
 * of them would have, in pieces from all over space. For catalogues whose rows can be counted in 32
 * bits. */
km_code km_samples_redistribute(km_samples *samples, MPI_Comm comm, km_error *error);

/* How the line of all samples is cut and dealt out. Of n samples on p ranks, n / (piece * p) pieces
 * go to each rank whole; what is left over is shared. */
typedef struct km_dealing {
    int64_t piece;         /* samples of a piece, whole blocks */
    const int32_t *owners; /* [pieces that go whole], the rank that gets each: equally many for all
                              ranks; NULL: in turns */
} km_dealing;

/* Bytes that dealing out n samples of a rank takes while it goes on. */
double km_deal_bytes(const km_shape *shape, double n);

/* Samples of a piece that suits so many samples on so many ranks. Local. */
int64_t km_choose_piece(int64_t n_all, int n_ranks);

/* Redistributes all samples in the order of codes that the caller gives, [capacity]; each rank gets
 * its samples in no order. `labels` [n_samples], if not NULL, go with them: afterwards they are in
 * `codes`, which is overwritten in any case. Collective over comm; KM_MEMORY, agreed. */
km_code km_samples_redistribute_by(km_samples *samples, uint32_t *codes, const km_dealing *dealing,
                                   int32_t *labels, MPI_Comm comm, km_error *error);

/* Swaps the samples of some full blocks, and their labels, for those of as many blocks of another
 * rank, which calls it as well. Both have been redistributed. */
void km_samples_swap(km_samples *samples, int32_t *labels, int64_t block, int64_t n_blocks,
                     int other, MPI_Comm comm);

/* Returns redistributed samples to the ranks of their slabs, in any order, and `labels` with them:
 * [n_samples] from malloc, replaced by a new array; NULL if there are none. Collective over comm.
 * KM_MEMORY, agreed, and nothing changes, without memory for 8 bytes per sample. */
km_code km_samples_return(km_samples *samples, int32_t **labels, MPI_Comm comm, km_error *error);

/* Moves each sample i to place places[i]; fast if neighbours go to neighbouring places. Local.
 * KM_MEMORY, and nothing changes, without memory for 4 bytes per sample, or 8 in double precision
 * or with weights. */
km_code km_samples_reorder(km_samples *samples, const uint32_t *places, km_error *error);

#endif
