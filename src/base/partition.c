/* The slabs of ranks: whole blocks, as even as can be. */
#include "base/partition.h"

#include <assert.h>

km_rows km_slab(int64_t n_rows, int n_ranks, int rank)
{
    assert(n_rows >= 0 && 0 <= rank && rank < n_ranks);
    const int64_t n_blocks = n_rows / KM_BLOCK + (n_rows % KM_BLOCK > 0);
    const int64_t share = n_blocks / n_ranks, extra = n_blocks % n_ranks;
    const int64_t first_block = rank * share + (rank < extra ? rank : extra);
    const int64_t end_block = first_block + share + (rank < extra);
    const int64_t first = first_block * KM_BLOCK < n_rows ? first_block * KM_BLOCK : n_rows;
    /* Compared in blocks, since end_block * KM_BLOCK could overflow for the largest n_rows. */
    const int64_t end = end_block == n_blocks ? n_rows : end_block * KM_BLOCK;
    return (km_rows){.first = first, .count = end - first};
}
