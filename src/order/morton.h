/* Codes along a Morton curve; shared by the files of this room. */
#ifndef SKYMEANS_ORDER_MORTON_H
#define SKYMEANS_ORDER_MORTON_H

#include "base/error.h"
#include "order/order.h"
#include "samples/samples.h"

/* The upper bits of a code are its bucket; fewer or more of the others are its cell. */
enum { KM_CODE_BITS = 32, KM_BUCKET_BITS = 11, KM_BUCKETS = 1 << KM_BUCKET_BITS };
enum { KM_MAX_CELL_BITS = 16 }; /* so that counts of a bucket's cells stay in cache */

typedef struct km_morton km_morton;

/* What the codes follow from, the same on all ranks. Collective over comm. NULL and KM_MEMORY,
 * agreed, if it can't be had. */
km_morton *km_morton_create(const km_samples *samples, MPI_Comm comm, km_error *error);
void km_morton_free(km_morton *morton);

/* The codes of the samples of a block, KM_BLOCK of them. */
void km_morton_codes(const km_morton *morton, const km_samples *samples, int64_t block,
                     uint32_t *codes);

static inline int km_bucket_of(uint32_t code)
{
    return (int)(code >> (KM_CODE_BITS - KM_BUCKET_BITS));
}

/* The bits that make cells of about so many of the `count` samples of a bucket. */
static inline int km_cell_bits(int64_t count, int64_t cell_size)
{
    int n_bits = 0;
    while (n_bits < KM_MAX_CELL_BITS && count >> n_bits > cell_size)
        n_bits++;
    return n_bits;
}

/* Samples of all ranks in each bucket, [KM_BUCKETS]. Collective over comm. */
void km_count_buckets(const uint32_t *codes, int64_t n, MPI_Comm comm, int64_t *counts);

/* The rank that each sample should go to, [n_samples], in the place of its code: all samples of all
 * ranks, by their codes, are cut into pieces of so many, whole blocks, which are dealt out. Each
 * rank gets as many samples as a slab of all of them would have. Collective over comm; KM_MEMORY,
 * agreed. */
km_code km_deal(const km_samples *samples, const km_dealing *dealing, const int64_t *buckets,
                uint32_t *owners, MPI_Comm comm, km_error *error);

/* Scratch memory for n samples. Redistribution and the sorting after it share it, so that the heap
 * is not fragmented. */
typedef struct km_sort_memory {
    uint32_t *places, *order; /* [n] */
    void *moved;              /* [n] values */
} km_sort_memory;

/* Collective over comm; KM_MEMORY, agreed; to be freed in any case. */
km_code km_sort_memory_create(km_sort_memory *scratch, const km_samples *samples, int64_t n,
                              MPI_Comm comm, km_error *error);
void km_sort_memory_free(km_sort_memory *scratch);

/* Sorts the samples of this rank by their codes, as finely as one rank would that had those of all
 * buckets. Collective over comm; KM_MEMORY, agreed. */
km_code km_morton_order(const km_morton *morton, km_samples *samples, const int64_t *buckets,
                        const km_sort_memory *scratch, MPI_Comm comm, km_error *error);

#endif
