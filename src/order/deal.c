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

enum {
    CELLS_PER_PIECE = 64,
    MAX_CELL_BITS = 18,
};

static const char *const WHAT = "exchange of samples between ranks";

/* The line of all samples. */
typedef struct line {
    const km_samples *samples;
    int n_ranks;
    int64_t n_all, n_dealt; /* samples of all ranks, and of them in pieces that are dealt out */
    int64_t piece;          /* samples of one */
    int shift;              /* from a code to its cell */
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
        return (int)((piece + piece / l->n_ranks) % l->n_ranks);
    return km_slab_owner(l->n_all - l->n_dealt, l->n_ranks, place - l->n_dealt);
}

/* The number of bits of a cell: many cells per piece, but at most 4 bytes per sample. */
static int count_bits(int64_t n_all, int64_t piece, int n_ranks, int64_t n_threads)
{
    const int64_t affordable = n_all / (n_ranks * (n_threads + 2));
    int bits = 0;
    while (bits < MAX_CELL_BITS && piece << bits < n_all * CELLS_PER_PIECE &&
           (int64_t)2 << bits <= affordable)
        bits++;
    return bits;
}

static km_code create_line(line *l, const km_samples *samples, int64_t piece, MPI_Comm comm,
                           km_error *error)
{
    int64_t n_all = samples->n_samples, n_threads = km_threads();
    km_sum_int64(comm, &n_all, 1);
    km_max_int64(comm, &n_threads, 1);
    const int n_ranks = km_comm_size(comm), bits = count_bits(n_all, piece, n_ranks, n_threads);
    const int64_t dealt_at_once = piece * n_ranks;
    *l = (line){.samples = samples,
                .n_ranks = n_ranks,
                .n_all = n_all,
                .n_dealt = n_all / dealt_at_once * dealt_at_once,
                .piece = piece,
                .shift = KM_CODE_BITS - bits,
                .n_cells = (int64_t)1 << bits};
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
    return (int64_t)((uint64_t)code >> l->shift);
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

km_code km_deal(const km_samples *samples, int64_t piece, uint32_t *owners, MPI_Comm comm,
                km_error *error)
{
    line l;
    if (create_line(&l, samples, piece, comm, error) == KM_OK) {
        count_cells(&l, owners);
        find_line_places(&l, comm);
        find_owners(&l, owners);
    }
    free_line(&l);
    return error->code;
}
