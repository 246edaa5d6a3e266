/* partition.h - which rank, and which thread, has which rows. */
#ifndef SKYMEANS_BASE_PARTITION_H
#define SKYMEANS_BASE_PARTITION_H

#include <stdint.h>

/* Rows, and samples in memory, come in blocks of this many: a block is the kernel's tile. */
enum { KM_BLOCK = 64 };

/* A run of consecutive rows of a catalogue. */
typedef struct km_rows {
    int64_t first;
    int64_t count;
} km_rows;

/* The slab of one rank: whole blocks (but for the catalogue's last), in rank order, and no two
 * ranks differ by more than one block. With more ranks than blocks some slabs are empty. */
km_rows km_slab(int64_t n_rows, int n_ranks, int rank);

/* The rank in whose slab a row is. */
static inline int km_slab_owner(int64_t n_rows, int n_ranks, int64_t row)
{
    const int64_t n_blocks = n_rows / KM_BLOCK + (n_rows % KM_BLOCK > 0), block = row / KM_BLOCK;
    const int64_t share = n_blocks / n_ranks, extra = n_blocks % n_ranks;
    const int64_t n_in_larger = extra * (share + 1); /* blocks of the first ranks, with one more */
    if (block < n_in_larger)
        return (int)(block / (share + 1));
    return (int)(extra + (block - n_in_larger) / share);
}

#endif
