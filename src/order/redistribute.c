/* Redistributes samples: to the rank that has their neighbours in space, or those of probably the
 * same centers; and returns them to the rank of their slab. */
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "exchange.h"
#include "morton.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const WHAT = "exchange of samples between ranks";

/* Counts rows from another first row on; unsigned numbers hold any difference. */
static void count_rows_from(km_samples *samples, int64_t first_row)
{
    const uint32_t less = (uint32_t)(first_row - samples->first_row);
#pragma omp parallel for
    for (int64_t i = 0; i < samples->n_samples; i++)
        samples->rows[i] -= less;
    samples->first_row = first_row;
}

/* The lowest row of all ranks, from which rows are counted while they are spread over the ranks. */
static int64_t lowest_row(const km_samples *samples, MPI_Comm comm)
{
    int64_t negative = samples->slab.count > 0 ? -samples->slab.first : INT64_MIN;
    km_max_int64(comm, &negative, 1);
    return negative != INT64_MIN ? -negative : 0;
}

/* `codes` [capacity] are overwritten, and so is `slots` [n_samples]; labels, if there are some,
 * are in `codes` afterwards. */
static km_code redistribute_by_code(km_samples *samples, const km_dealing *dealing,
                                    const int64_t *buckets, uint32_t *codes, uint32_t *slots,
                                    int32_t *labels, MPI_Comm comm, km_error *error)
{
    km_exchange e = {.samples = samples,
                     .comm = comm,
                     .n_ranks = km_comm_size(comm),
                     .owners = codes,
                     .slots = slots};
    const bool is_first = !samples->is_redistributed;
    if (km_deal(samples, dealing, buckets, e.owners, comm, error) != KM_OK)
        return error->code;
    if (is_first)
        count_rows_from(samples, lowest_row(samples, comm));
    if (km_send_samples(&e, labels, error) == KM_OK) {
        samples->is_redistributed = true;
        samples->piece = dealing->piece;
    } else if (is_first) {
        count_rows_from(samples, samples->slab.first);
    }
    return error->code;
}

static void find_morton_codes(const km_morton *morton, const km_samples *samples, uint32_t *codes)
{
#pragma omp parallel for
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        uint32_t of_block[KM_BLOCK];
        const int lanes = km_samples_lanes(samples, b);
        km_morton_codes(morton, samples, b, of_block);
        memcpy(codes + b * KM_BLOCK, of_block, (size_t)lanes * sizeof *codes);
    }
}

/* A power of two, so that boxes of the tree end with pieces. Large pieces keep its upper boxes
 * small; with small ones there are enough to make the work of ranks even. */
int64_t km_choose_piece(int64_t n_all, int n_ranks)
{
    enum { MOST_BLOCKS = 256, FEWEST_BLOCKS = 16, PIECES_OF_RANK = 64 };
    int64_t blocks = MOST_BLOCKS; /* what a walk through the tree takes at once */
    while (blocks > FEWEST_BLOCKS && blocks * KM_BLOCK * PIECES_OF_RANK > n_all / n_ranks)
        blocks /= 2;
    return blocks * KM_BLOCK;
}

/* Ordered by the same codes afterwards, so that the pieces of a rank become runs of blocks. */
km_code km_samples_redistribute(km_samples *samples, MPI_Comm comm, km_error *error)
{
    km_sort_memory scratch = {0};
    int64_t n_all = samples->n_samples, buckets[KM_BUCKETS];
    km_sum_int64(comm, &n_all, 1);
    const km_dealing dealing = {km_choose_piece(n_all, km_comm_size(comm)), NULL};
    km_morton *morton = km_morton_create(samples, comm, error);
    if (morton != NULL &&
        km_sort_memory_create(&scratch, samples, samples->capacity, comm, error) == KM_OK) {
        find_morton_codes(morton, samples, scratch.places);
        km_count_buckets(scratch.places, samples->n_samples, comm, buckets);
        if (redistribute_by_code(samples, &dealing, buckets, scratch.places, scratch.order, NULL,
                                 comm, error) == KM_OK)
            km_morton_order(morton, samples, buckets, &scratch, comm, error);
    }
    km_sort_memory_free(&scratch);
    km_morton_free(morton);
    return error->code;
}

km_code km_samples_redistribute_by(km_samples *samples, uint32_t *codes, const km_dealing *dealing,
                                   int32_t *labels, MPI_Comm comm, km_error *error)
{
    int64_t buckets[KM_BUCKETS];
    uint32_t *slots = km_allocate_large(samples->n_samples, sizeof *slots, WHAT, error);
    assert(dealing->piece > 0 && dealing->piece % KM_BLOCK == 0);
    if (km_agree(comm, error) == KM_OK) {
        km_count_buckets(codes, samples->n_samples, comm, buckets);
        redistribute_by_code(samples, dealing, buckets, codes, slots, labels, comm, error);
    }
    km_free_large(slots);
    return error->code;
}

void km_samples_swap(km_samples *samples, int32_t *labels, int64_t block, int64_t n_blocks,
                     int other, MPI_Comm comm)
{
    const int64_t first = block * KM_BLOCK, n = n_blocks * KM_BLOCK;
    const int64_t size = samples->n_features * (int64_t)km_precision_size(samples->precision);
    assert(samples->is_redistributed && first + n <= samples->n_samples);
    km_swap(comm, other, (char *)samples->values + first * size, n * size);
    km_swap(comm, other, samples->rows + first, n * (int64_t)sizeof *samples->rows);
    km_swap(comm, other, labels + first, n * (int64_t)sizeof *labels);
    if (samples->weights != NULL)
        km_swap(comm, other, samples->weights + first, n * (int64_t)sizeof *samples->weights);
}

/* The rank in whose slab a row is; ends are where slabs end, ascending. As a rule slabs are those
 * of km_slab, and the first guess is right. */
static int find_slab_owner(const int64_t *ends, int n_ranks, int64_t row)
{
    const int64_t first = ends[0], n_rows = ends[n_ranks] - first;
    int low = 0, high = n_ranks - 1;
    const int guess = km_slab_owner(n_rows, n_ranks, row - first);
    if (guess < n_ranks && ends[guess] <= row && row < ends[guess + 1])
        return guess;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (row < ends[middle + 1])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Where the slabs of ranks end, after where the first begins; ranks without rows end where the one
 * before does. */
static void find_ends(const km_exchange *e, int64_t *ends)
{
    const km_rows slab = e->samples->slab;
    const int64_t end = slab.count > 0 ? slab.first + slab.count : INT64_MIN;
    km_gather(e->comm, &end, sizeof end, ends + 1);
    ends[0] = e->samples->first_row;
    for (int r = 0; r < e->n_ranks; r++)
        if (ends[r + 1] == INT64_MIN)
            ends[r + 1] = ends[r];
}

static void find_slab_owners(km_exchange *e, int64_t *ends)
{
    const int n_ranks = e->n_ranks;
    find_ends(e, ends);
#pragma omp parallel for
    for (int64_t i = 0; i < e->samples->n_samples; i++)
        e->owners[i] = (uint32_t)find_slab_owner(ends, n_ranks, km_samples_row(e->samples, i));
}

km_code km_samples_return(km_samples *samples, int32_t **labels, MPI_Comm comm, km_error *error)
{
    assert(labels == NULL || *labels != NULL);
    const int64_t n_max = samples->capacity;
    int64_t *ends = km_allocate(km_comm_size(comm) + 1, sizeof *ends, WHAT, error);
    km_exchange e = {.samples = samples,
                     .comm = comm,
                     .n_ranks = km_comm_size(comm),
                     .owners = km_allocate_large(n_max, sizeof *e.owners, WHAT, error),
                     .slots = km_allocate_large(n_max, sizeof *e.slots, WHAT, error)};
    if (km_agree(comm, error) == KM_OK) {
        find_slab_owners(&e, ends);
        if (km_send_samples(&e, labels != NULL ? *labels : NULL, error) == KM_OK) {
            count_rows_from(samples, samples->slab.first);
            samples->is_redistributed = false;
        }
    }
    if (labels != NULL && error->code == KM_OK) { /* what was received last */
        km_free_large(*labels);
        *labels = (int32_t *)e.received;
        e.owners = NULL;
    }
    free(ends);
    km_free_large(e.owners);
    km_free_large(e.slots);
    return error->code;
}
