/* order.h - neighbours in space become neighbours in memory, on one rank or on all of them.
 *
 * No result depends on the order of the samples; only speed does. */
#ifndef SKYMEANS_ORDER_ORDER_H
#define SKYMEANS_ORDER_ORDER_H

#include "samples/samples.h"

/* Bytes that putting n samples in order takes beside them: two places of each, and a value, weight
 * or code on the way; with what messages take when samples are redistributed. */
double km_order_bytes(const km_shape *shape, double n, bool has_weights);

/* Puts the samples into an order in which neighbours in space are near each other in memory, each
 * rank its own, by a curve that is the same for all. Collective over comm. KM_MEMORY, agreed, if
 * there is no room for 12 bytes a sample beside them, or 16 in double precision or with weights. */
km_code km_samples_order(km_samples *samples, MPI_Comm comm, km_error *error);

/* The same, but first ranks exchange samples, so that boxes round neighbours are as small as if one
 * rank had them all: each gets as many as its slab of them all would be, in pieces from all over
 * space. For catalogues of which 32 bits can count the rows. */
km_code km_samples_redistribute(km_samples *samples, MPI_Comm comm, km_error *error);

/* Brings exchanged samples back to the ranks of their slabs, in any order, and `labels` with them,
 * [n_samples] from malloc, which are replaced; NULL: there are none. Collective over comm.
 * KM_MEMORY, agreed, and all stays where it is, if there is no room for 6 bytes a sample beside
 * them. */
km_code km_samples_return(km_samples *samples, int32_t **labels, MPI_Comm comm, km_error *error);

/* Puts sample i into place places[i], for all of them; quick if places are runs of neighbours.
 * Local. KM_MEMORY, and they stay as they are, if there is no room for 4 bytes a sample beside
 * them, or 8 in double precision or with weights. */
km_code km_samples_reorder(km_samples *samples, const uint32_t *places, km_error *error);

#endif
