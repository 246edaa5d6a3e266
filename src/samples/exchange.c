/* Neighbours in space come to the same rank. Of a catalogue in no order each rank's slab is all
 * over space, so that n ranks would have boxes n times as large, and compare more.
 *
 * All samples of all ranks stand in one line, by the cells of a Morton curve, and in a cell by
 * rank. The line is cut into pieces, which are dealt out one by one to the ranks, so that each has
 * a little of every region and about as much work; what is left over is shared. Where a sample goes
 * follows from how many are before it, so every rank gets exactly its number.
 *
 * Values follow one feature after the other, in words of 32 bits, some samples at a time: beside
 * the samples there is never more than 8 bytes for each. */
#include "morton.h"

#include <stdlib.h>
#include <string.h>

enum {
    PIECE = 256 * KM_BLOCK, /* samples; what a walk through the tree takes at once */
    CELLS_PER_PIECE = 64,
    MOST_CELL_BITS = 18,
    ROUND_BLOCKS = 1024,
    ROUND = ROUND_BLOCKS * KM_BLOCK, /* samples of a rank; slots have 16 bits */
};

typedef struct exchange {
    km_samples *samples;
    MPI_Comm comm;
    int n_ranks;
    int64_t n_all, n_dealt; /* samples of all ranks, and of them in pieces that are dealt out */
    int64_t n_new;          /* samples of this rank afterwards */
    int64_t n_rounds;
    int shift; /* from a code to its cell */
    int64_t n_cells;
    uint32_t *next;  /* [n_threads][n_cells]: samples counted, then the place of the next in line */
    uint32_t *all;   /* [n_cells], samples of all ranks */
    uint32_t *below; /* [n_cells], of lower ranks */
    uint32_t *owners;     /* [n_samples]: codes, then ranks to which they go */
    uint16_t *slots;      /* [n_samples], where each is in what is sent in its round */
    int *counts, *starts; /* [n_rounds][n_ranks], of what is sent to each rank */
    int *received_counts; /* [n_rounds][n_ranks] */
    int *received_starts; /* [n_ranks], of one round */
    uint32_t *sent;       /* [ROUND], words of one */
    uint32_t *received;   /* [n_new], of all of them */
} exchange;

static const char *const WHAT = "exchange of samples between ranks";

static int64_t rounds_of(int64_t n)
{
    return (n + ROUND - 1) / ROUND;
}

/* ---- where everything goes ------------------------------------------------------------------ */

/* The rank to which the sample with this place in line goes. */
static int rank_of(const exchange *e, int64_t place)
{
    if (place < e->n_dealt)
        return (int)(place / PIECE % e->n_ranks);
    return km_slab_owner(e->n_all - e->n_dealt, e->n_ranks, place - e->n_dealt);
}

static void count_all(exchange *e)
{
    const int64_t dealt_at_once = (int64_t)PIECE * e->n_ranks;
    e->n_all = e->samples->n_samples;
    e->n_rounds = rounds_of(e->n_all);
    km_sum_int64(e->comm, &e->n_all, 1);
    km_max_int64(e->comm, &e->n_rounds, 1);
    e->n_dealt = e->n_all / dealt_at_once * dealt_at_once;
    e->n_new = e->n_dealt / e->n_ranks +
               km_slab(e->n_all - e->n_dealt, e->n_ranks, km_comm_rank(e->comm)).count;
    int bits = 0;
    while (bits < MOST_CELL_BITS && (int64_t)PIECE << bits < e->n_all * CELLS_PER_PIECE)
        bits++;
    e->n_cells = (int64_t)1 << bits;
    e->shift = KM_CODE_BITS - bits;
}

static int64_t cell_of(const exchange *e, uint32_t code)
{
    return (int64_t)((uint64_t)code >> e->shift);
}

/* Codes, and how many samples of each thread are in each cell. */
static void count_cells(exchange *e, const km_morton *morton)
{
    memset(e->next, 0, (size_t)(km_threads() * e->n_cells) * sizeof *e->next);
#pragma omp parallel
    {
        const km_rows mine = km_thread_share(e->samples->n_samples);
        uint32_t *counts = e->next + km_thread() * e->n_cells;
        for (int64_t i = mine.first; i < mine.first + mine.count; i += KM_BLOCK) {
            uint32_t codes[KM_BLOCK];
            const int lanes = km_samples_lanes(e->samples, i / KM_BLOCK);
            km_morton_codes(morton, e->samples, i / KM_BLOCK, codes);
            for (int l = 0; l < lanes; l++)
                counts[cell_of(e, codes[l])]++;
            memcpy(e->owners + i, codes, (size_t)lanes * sizeof *codes);
        }
    }
}

/* Where in line this rank's samples of each cell and thread begin. */
static void find_places(exchange *e)
{
    uint32_t first = 0; /* of the cell; places have 32 bits, since rows have */
    memset(e->all, 0, (size_t)e->n_cells * sizeof *e->all);
    for (int64_t i = 0; i < km_threads() * e->n_cells; i++)
        e->all[i % e->n_cells] += e->next[i];
    km_sum_below_uint32(e->comm, e->all, e->n_cells, e->below);
    km_sum_uint32(e->comm, e->all, e->n_cells);
    for (int64_t c = 0; c < e->n_cells; c++) {
        uint32_t place = first + e->below[c];
        for (int64_t i = c; i < km_threads() * e->n_cells; i += e->n_cells) {
            const uint32_t count = e->next[i];
            e->next[i] = place;
            place += count;
        }
        first += e->all[c];
    }
}

static void find_owners(exchange *e)
{
#pragma omp parallel
    {
        const km_rows mine = km_thread_share(e->samples->n_samples);
        uint32_t *next = e->next + km_thread() * e->n_cells;
        for (int64_t i = mine.first; i < mine.first + mine.count; i++)
            e->owners[i] = (uint32_t)rank_of(e, next[cell_of(e, e->owners[i])]++);
    }
}

/* How much is sent to each rank in a round, and where in it samples are. */
static void fill_round(exchange *e, int64_t round)
{
    const int64_t first = round * ROUND, left = e->samples->n_samples - first;
    const int64_t end = first + (left < ROUND ? left : ROUND);
    int *counts = e->counts + round * e->n_ranks, *starts = e->starts + round * e->n_ranks;
    for (int64_t i = first; i < end; i++)
        counts[e->owners[i]]++;
    for (int r = 1; r < e->n_ranks; r++)
        starts[r] = starts[r - 1] + counts[r - 1];
    for (int64_t i = first; i < end; i++)
        e->slots[i] = (uint16_t)starts[e->owners[i]]++;
    for (int r = 0; r < e->n_ranks; r++)
        starts[r] -= counts[r];
}

static void fill_rounds(exchange *e)
{
    const int64_t n = e->n_rounds * e->n_ranks;
    memset(e->counts, 0, (size_t)n * sizeof *e->counts);
    memset(e->starts, 0, (size_t)n * sizeof *e->starts);
#pragma omp parallel for
    for (int64_t round = 0; round < e->n_rounds; round++)
        fill_round(e, round);
    for (int64_t i = 0; i < n; i += e->n_ranks)
        km_exchange_counts(e->comm, e->counts + i, e->received_counts + i);
}

/* ---- moving --------------------------------------------------------------------------------- */

/* Every so many words of each block belong to one column of the samples, KM_BLOCK of them. */
typedef struct column {
    uint32_t *first;
    int64_t in_block, between_blocks; /* words from one to the next */
} column;

static void pack(exchange *e, column c, int64_t round)
{
    const int64_t n_blocks = e->samples->n_blocks, end = (round + 1) * ROUND_BLOCKS;
    uint32_t *sent = e->sent;
#pragma omp parallel for
    for (int64_t b = round * ROUND_BLOCKS; b < (end < n_blocks ? end : n_blocks); b++) {
        const uint32_t *words = c.first + b * c.between_blocks;
        const uint16_t *slots = e->slots + b * KM_BLOCK;
        const int64_t step = c.in_block;
        const int lanes = km_samples_lanes(e->samples, b);
        for (int l = 0; l < lanes; l++)
            sent[slots[l]] = words[l * step];
    }
}

/* Returns how many words came. */
static int64_t send_round(exchange *e, int64_t round, uint32_t *to)
{
    const int64_t at = round * e->n_ranks;
    int64_t n = 0;
    for (int r = 0; r < e->n_ranks; r++) {
        e->received_starts[r] = (int)n;
        n += e->received_counts[at + r];
    }
    km_exchange_words(e->comm, e->sent, e->counts + at, e->starts + at, to, e->received_counts + at,
                      e->received_starts);
    return n;
}

static void unpack(exchange *e, column c)
{
#pragma omp parallel for
    for (int64_t i = 0; i < e->n_new; i += KM_BLOCK) {
        uint32_t *words = c.first + i / KM_BLOCK * c.between_blocks;
        const uint32_t *received = e->received + i;
        const int64_t step = c.in_block, left = e->n_new - i;
        for (int64_t l = 0; l < (left < KM_BLOCK ? left : KM_BLOCK); l++)
            words[l * step] = received[l];
    }
}

static void move(exchange *e, column c)
{
    int64_t n = 0;
    for (int64_t round = 0; round < e->n_rounds; round++) {
        pack(e, c, round);
        n += send_round(e, round, e->received + n);
    }
    unpack(e, c);
}

/* Whatever the words are. */
typedef uint32_t word __attribute__((may_alias));

/* A column of doubles goes as its lower words and its upper ones. */
static void move_all(exchange *e)
{
    km_samples *samples = e->samples;
    const int64_t size = (int64_t)(km_precision_size(samples->precision) / sizeof(word));
    const int64_t of_feature = KM_BLOCK * size, of_block = samples->n_features * of_feature;
    for (int64_t j = 0; j < samples->n_features; j++)
        for (int64_t w = 0; w < size; w++)
            move(e, (column){(word *)samples->values + j * of_feature + w, size, of_block});
    for (int64_t w = 0; w < 2 && samples->weights != NULL; w++)
        move(e, (column){(word *)samples->weights + w, 2, 2 * KM_BLOCK});
    move(e, (column){samples->rows, 1, KM_BLOCK});
}

static void create_plan(exchange *e, km_error *error)
{
    const int64_t n = e->samples->n_samples, n_counts = e->n_rounds * e->n_ranks;
    e->next = km_allocate(km_threads() * e->n_cells, sizeof *e->next, WHAT, error);
    e->all = km_allocate(e->n_cells, sizeof *e->all, WHAT, error);
    e->below = km_allocate(e->n_cells, sizeof *e->below, WHAT, error);
    e->owners = km_allocate(n, sizeof *e->owners, WHAT, error);
    e->slots = km_allocate(n, sizeof *e->slots, WHAT, error);
    e->counts = km_allocate(n_counts, sizeof *e->counts, WHAT, error);
    e->starts = km_allocate(n_counts, sizeof *e->starts, WHAT, error);
    e->received_counts = km_allocate(n_counts, sizeof *e->received_counts, WHAT, error);
    e->received_starts = km_allocate(e->n_ranks, sizeof *e->received_starts, WHAT, error);
}

/* What only finding out where everything goes needs. */
static void free_places(exchange *e)
{
    free(e->next);
    free(e->all);
    free(e->below);
    free(e->owners);
    e->next = e->all = e->below = e->owners = NULL;
}

static void destroy(exchange *e)
{
    free_places(e);
    free(e->slots);
    free(e->counts);
    free(e->starts);
    free(e->received_counts);
    free(e->received_starts);
    free(e->sent);
    free(e->received);
}

static void plan(exchange *e, const km_morton *morton)
{
    count_cells(e, morton);
    find_places(e);
    find_owners(e);
    fill_rounds(e);
    free_places(e);
}

static void act(exchange *e)
{
    km_samples *samples = e->samples;
#pragma omp parallel for
    for (int64_t i = 0; i < samples->n_samples; i++)
        samples->rows[i] += (uint32_t)samples->first_row;
    move_all(e);
    samples->n_samples = e->n_new;
    samples->n_blocks = (e->n_new + KM_BLOCK - 1) / KM_BLOCK;
    samples->first_row = 0;
    samples->is_exchanged = true;
    if (e->n_new > 0)
        km_samples_pad(samples);
}

static km_code exchange_along(const km_morton *morton, km_samples *samples, MPI_Comm comm,
                              km_error *error)
{
    exchange e = {.samples = samples, .comm = comm, .n_ranks = km_comm_size(comm)};
    count_all(&e);
    create_plan(&e, error);
    if (km_agree(comm, error) == KM_OK) {
        plan(&e, morton);
        e.sent = km_allocate(ROUND, sizeof *e.sent, WHAT, error);
        e.received = km_allocate(e.n_new, sizeof *e.received, WHAT, error);
        if (km_agree(comm, error) == KM_OK)
            act(&e);
    }
    destroy(&e);
    return error->code;
}

/* Pieces are of one order, so the samples must get the same one afterwards. */
km_code km_samples_share_space(km_samples *samples, MPI_Comm comm, km_error *error)
{
    int64_t n_rows = samples->slab.count;
    km_sum_int64(comm, &n_rows, 1);
    km_morton *morton = km_morton_create(samples, comm, error);
    const bool can_exchange = km_comm_size(comm) > 1 && n_rows <= UINT32_MAX;
    if (morton != NULL && (!can_exchange || exchange_along(morton, samples, comm, error) == KM_OK))
        km_morton_order(morton, samples, comm, error);
    km_morton_free(morton);
    return error->code;
}
