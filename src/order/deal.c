/* Which rank gets which samples, so that each rank has neighbours in space. Without that, and if
 * the catalogue is in no order, the slab of each rank is all over space: boxes of n ranks would be
 * n times as large, and more centers would have to be compared.
 *
 * All samples of all ranks stand in one line, by cells of their codes, and in a cell by rank. The
 * line is cut into pieces, which are dealt out one by one to the ranks, so that each has a little
 * of every region and about as much work; what is left over is shared. Where a sample goes follows
 * from how many are before it, so every rank gets exactly its number: equally many pieces, and its
 * slab of what is left over, together no more than the first slab of all rows. */
#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/threads.h"
#include "morton.h"

#include <stdlib.h>
#include <string.h>

enum { CELLS_OF_PIECE = 64, FEW_CELLS = 1 << 18 };

static const char *const WHAT = "exchange of samples between ranks";

/* The line of all samples. */
typedef struct line {
    const km_samples *samples;
    int n_ranks;
    int64_t n_all, n_dealt;    /* samples of all ranks, and of them in pieces that are dealt out */
    int64_t piece;             /* samples of one */
    const int32_t *owners;     /* [n_dealt / piece], the ranks that get them; or NULL */
    int shifts[KM_BUCKETS];    /* from a code to its cell, */
    int64_t first[KM_BUCKETS]; /* counted from the first of its bucket */
    int64_t n_cells;
    uint32_t *next; /* [n_threads][n_cells]: samples counted, then the place of the next in line */
    uint32_t *all;  /* [n_cells], samples of all ranks */
    uint32_t *places; /* [n_cells], of the next that has none */
} line;

/* Each round of dealing starts one rank later, so that two ranks do not always get the same halves
 * of cells. */
static int rank_of(const line *l, int64_t place)
{
    const int64_t piece = place / l->piece;
    if (place < l->n_dealt)
        return l->owners != NULL ? l->owners[piece]
                                 : (int)((piece + piece / l->n_ranks) % l->n_ranks);
    return km_slab_owner(l->n_all - l->n_dealt, l->n_ranks, place - l->n_dealt);
}

/* So many cells of 32-bit numbers for each thread and two more: about 4 bytes per sample, or a few
 * megabytes. */
static double affordable_cells(double n_of_rank, double n_threads)
{
    return km_larger(km_smaller(n_of_rank, 16.0 * FEW_CELLS), 3.0 * FEW_CELLS) / (n_threads + 2);
}

double km_deal_bytes(const km_shape *shape, double n)
{
    return (affordable_cells(n, shape->n_threads) + KM_BUCKETS) * (shape->n_threads + 2) *
           sizeof(uint32_t);
}

/* Cells hold equally many samples, about, wherever these are dense, so that pieces are cut where
 * their codes say. */
static void find_cells(line *l, const int64_t *buckets, int64_t n_threads)
{
    const double most = affordable_cells((double)l->n_all / l->n_ranks, (double)n_threads);
    const int64_t enough = l->piece / CELLS_OF_PIECE,
                  least = (int64_t)(2 * (double)l->n_all / most);
    const int64_t size = least > enough ? least : enough;
    for (int b = 0; b < KM_BUCKETS; b++) {
        const int n_bits = km_cell_bits(buckets[b], size);
        l->first[b] = l->n_cells;
        l->shifts[b] = KM_CODE_BITS - KM_BUCKET_BITS - n_bits;
        l->n_cells += (int64_t)1 << n_bits;
    }
}

static km_code create_line(line *l, const km_samples *samples, const km_dealing *dealing,
                           const int64_t *buckets, MPI_Comm comm, km_error *error)
{
    const int n_ranks = km_comm_size(comm);
    const int64_t dealt_at_once = dealing->piece * n_ranks;
    int64_t n_all = 0, n_threads = km_threads();
    km_max_int64(comm, &n_threads, 1);
    for (int b = 0; b < KM_BUCKETS; b++)
        n_all += buckets[b];
    *l = (line){.samples = samples,
                .n_ranks = n_ranks,
                .n_all = n_all,
                .n_dealt = n_all / dealt_at_once * dealt_at_once,
                .piece = dealing->piece,
                .owners = dealing->owners};
    find_cells(l, buckets, n_threads);
    l->next = km_allocate_zeroed(km_threads() * l->n_cells, sizeof *l->next, WHAT, error);
    l->all = km_allocate_zeroed(l->n_cells, sizeof *l->all, WHAT, error);
    l->places = km_allocate(l->n_cells, sizeof *l->places, WHAT, error);
    return km_agree(comm, error);
}

static void free_line(line *l)
{
    free(l->next);
    free(l->all);
    free(l->places);
}

static int64_t cell_of(const line *l, uint32_t code)
{
    const uint32_t in_bucket = code & (UINT32_MAX >> KM_BUCKET_BITS);
    const int bucket = km_bucket_of(code);
    return l->first[bucket] + (in_bucket >> l->shifts[bucket]);
}

/* How many samples of each thread are in each cell. */
static void count_cells(line *l, const uint32_t *codes)
{
#pragma omp parallel
    {
        const km_rows mine = km_thread_share(l->samples->n_samples);
        uint32_t *counts = l->next + km_thread() * l->n_cells;
        for (int64_t i = mine.first; i < mine.first + mine.count; i++)
            counts[cell_of(l, codes[i])]++;
    }
}

/* Where in line this rank's samples of each cell and thread begin. Places have 32 bits, since rows
 * have. */
static void find_line_places(line *l, MPI_Comm comm)
{
    uint32_t first = 0;
    for (int t = 0; t < km_threads(); t++)
        for (int64_t c = 0; c < l->n_cells; c++)
            l->all[c] += l->next[t * l->n_cells + c];
    km_sum_below_uint32(comm, l->all, (int)l->n_cells, l->places);
    km_sum_uint32(comm, l->all, l->n_cells);
    for (int64_t c = 0; c < l->n_cells; c++) {
        l->places[c] += first;
        first += l->all[c];
    }
    for (int t = 0; t < km_threads(); t++)
        for (int64_t c = 0; c < l->n_cells; c++) {
            uint32_t *next = &l->next[t * l->n_cells + c];
            const uint32_t count = *next;
            *next = l->places[c];
            l->places[c] += count;
        }
}

/* The ranks that get the samples, [n_samples], in the place of their codes. */
static void find_owners(line *l, uint32_t *owners)
{
#pragma omp parallel
    {
        const km_rows mine = km_thread_share(l->samples->n_samples);
        uint32_t *next = l->next + km_thread() * l->n_cells;
        for (int64_t i = mine.first; i < mine.first + mine.count; i++)
            owners[i] = (uint32_t)rank_of(l, next[cell_of(l, owners[i])]++);
    }
}

void km_count_buckets(const uint32_t *codes, int64_t n, MPI_Comm comm, int64_t *counts)
{
    memset(counts, 0, KM_BUCKETS * sizeof *counts);
#pragma omp parallel
    {
        const km_rows mine = km_thread_share(n);
        int64_t of_thread[KM_BUCKETS] = {0};
        for (int64_t i = mine.first; i < mine.first + mine.count; i++)
            of_thread[km_bucket_of(codes[i])]++;
#pragma omp critical
        for (int b = 0; b < KM_BUCKETS; b++)
            counts[b] += of_thread[b];
    }
    km_sum_int64(comm, counts, KM_BUCKETS);
}

km_code km_deal(const km_samples *samples, const km_dealing *dealing, const int64_t *buckets,
                uint32_t *owners, MPI_Comm comm, km_error *error)
{
    line l;
    if (create_line(&l, samples, dealing, buckets, comm, error) == KM_OK) {
        count_cells(&l, owners);
        find_line_places(&l, comm);
        find_owners(&l, owners);
    }
    free_line(&l);
    return error->code;
}
