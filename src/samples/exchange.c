/* Neighbours in space come to the same rank, and go home again. Of a catalogue in no order each
 * rank's slab is all over space, so that n ranks would have boxes n times as large, and compare
 * more.
 *
 * All samples of all ranks stand in one line, by the cells of a Morton curve, and in a cell by
 * rank. The line is cut into pieces, which are dealt out one by one to the ranks, so that each has
 * a little of every region and about as much work; what is left over is shared. Where a sample goes
 * follows from how many are before it, so every rank gets exactly its number.
 *
 * Values follow one feature after the other, in words of 32 bits, some samples at a time: beside
 * the samples no more is ever in use than ordering takes. */
#include "morton.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    PIECE = 256 * KM_BLOCK, /* samples; what a walk through the tree takes at once */
    CELLS_PER_PIECE = 64,
    MOST_CELL_BITS = 18,
    ROUND_BLOCKS = 1024,
    ROUND = ROUND_BLOCKS * KM_BLOCK, /* samples of a rank; slots have 16 bits */
};

static const char *const WHAT = "exchange of samples between ranks";

/* ---- which rank gets what ------------------------------------------------------------------- */

/* The line of all samples. */
typedef struct line {
    const km_samples *samples;
    int n_ranks;
    int64_t n_all, n_dealt; /* samples of all ranks, and of them in pieces that are dealt out */
    int shift;              /* from a code to its cell */
    int64_t n_cells;
    uint32_t *next; /* [n_threads][n_cells]: samples counted, then the place of the next in line */
    uint32_t *all;  /* [n_cells], samples of all ranks */
    uint32_t *places; /* [n_cells], of the next that has none */
} line;

/* Each time round a rank later begins: else two ranks would always have the same halves of cells.
 */
static int rank_of(const line *l, int64_t place)
{
    const int64_t piece = place / PIECE;
    if (place < l->n_dealt)
        return (int)((piece + piece / l->n_ranks) % l->n_ranks);
    return km_slab_owner(l->n_all - l->n_dealt, l->n_ranks, place - l->n_dealt);
}

/* How many cells all ranks take: many in a piece, but no more than 4 bytes for each sample. */
static int count_bits(int64_t n_all, int n_ranks, int64_t n_threads)
{
    const int64_t affordable = n_all / (n_ranks * (n_threads + 2));
    int bits = 0;
    while (bits < MOST_CELL_BITS && (int64_t)PIECE << bits < n_all * CELLS_PER_PIECE &&
           (int64_t)2 << bits <= affordable)
        bits++;
    return bits;
}

static km_code create_line(line *l, const km_samples *samples, MPI_Comm comm, km_error *error)
{
    int64_t n_all = samples->n_samples, n_threads = km_threads();
    km_sum_int64(comm, &n_all, 1);
    km_max_int64(comm, &n_threads, 1);
    const int n_ranks = km_comm_size(comm), bits = count_bits(n_all, n_ranks, n_threads);
    const int64_t dealt_at_once = (int64_t)PIECE * n_ranks;
    *l = (line){.samples = samples,
                .n_ranks = n_ranks,
                .n_all = n_all,
                .n_dealt = n_all / dealt_at_once * dealt_at_once,
                .shift = KM_CODE_BITS - bits,
                .n_cells = (int64_t)1 << bits};
    l->next = km_allocate_zeroed(km_threads() * l->n_cells, sizeof *l->next, WHAT, error);
    l->all = km_allocate_zeroed(l->n_cells, sizeof *l->all, WHAT, error);
    l->places = km_allocate(l->n_cells, sizeof *l->places, WHAT, error);
    return km_agree(comm, error);
}

static void destroy_line(line *l)
{
    free(l->next);
    free(l->all);
    free(l->places);
}

static int64_t cell_of(const line *l, uint32_t code)
{
    return (int64_t)((uint64_t)code >> l->shift);
}

/* Codes, and how many samples of each thread are in each cell. */
static void count_cells(line *l, const km_morton *morton, uint32_t *codes)
{
#pragma omp parallel
    {
        const km_rows mine = km_thread_share(l->samples->n_samples);
        uint32_t *counts = l->next + km_thread() * l->n_cells;
        for (int64_t i = mine.first; i < mine.first + mine.count; i += KM_BLOCK) {
            uint32_t of_block[KM_BLOCK];
            const int lanes = km_samples_lanes(l->samples, i / KM_BLOCK);
            km_morton_codes(morton, l->samples, i / KM_BLOCK, of_block);
            for (int lane = 0; lane < lanes; lane++)
                counts[cell_of(l, of_block[lane])]++;
            memcpy(codes + i, of_block, (size_t)lanes * sizeof *codes);
        }
    }
}

/* Where in line this rank's samples of each cell and thread begin. Places have 32 bits, since rows
 * have. */
static void find_places(line *l, MPI_Comm comm)
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

static km_code find_neighbours(const km_morton *morton, const km_samples *samples, uint32_t *owners,
                               MPI_Comm comm, km_error *error)
{
    line l;
    if (create_line(&l, samples, comm, error) == KM_OK) {
        count_cells(&l, morton, owners);
        find_places(&l, comm);
        find_owners(&l, owners);
    }
    destroy_line(&l);
    return error->code;
}

/* ---- moving --------------------------------------------------------------------------------- */

typedef struct exchange {
    km_samples *samples;
    MPI_Comm comm;
    int n_ranks;
    int64_t n_rounds;
    int64_t n_new;        /* samples of this rank afterwards */
    uint32_t *owners;     /* [most samples], the ranks that get them, */
    uint16_t *slots;      /* [n_samples], where each is in what is sent in its round */
    int *counts, *starts; /* [n_rounds][n_ranks], of what is sent to each rank */
    int *received_counts; /* [n_rounds][n_ranks] */
    int *received_starts; /* [n_ranks], of one round */
    uint32_t *sent;       /* [ROUND], words of one */
    uint32_t *received;   /* and, when these have been counted, what comes of all rounds */
} exchange;

static void create_rounds(exchange *e, km_error *error)
{
    e->n_rounds = (e->samples->n_samples + ROUND - 1) / ROUND;
    km_max_int64(e->comm, &e->n_rounds, 1);
    const int64_t n_counts = e->n_rounds * e->n_ranks;
    e->counts = km_allocate_zeroed(n_counts, sizeof *e->counts, WHAT, error);
    e->starts = km_allocate_zeroed(n_counts, sizeof *e->starts, WHAT, error);
    e->received_counts = km_allocate(n_counts, sizeof *e->received_counts, WHAT, error);
    e->received_starts = km_allocate(e->n_ranks, sizeof *e->received_starts, WHAT, error);
    e->sent = km_allocate(ROUND, sizeof *e->sent, WHAT, error);
}

static void destroy_rounds(exchange *e)
{
    free(e->counts);
    free(e->starts);
    free(e->received_counts);
    free(e->received_starts);
    free(e->sent);
}

/* How much is sent to each rank in a round, and where in it samples are. */
static void fill_round(exchange *e, int64_t round)
{
    const uint32_t *owners = e->owners;
    const int64_t first = round * ROUND, left = e->samples->n_samples - first;
    const int64_t end = first + (left < ROUND ? left : ROUND);
    int *counts = e->counts + round * e->n_ranks, *starts = e->starts + round * e->n_ranks;
    for (int64_t i = first; i < end; i++)
        counts[owners[i]]++;
    for (int r = 1; r < e->n_ranks; r++)
        starts[r] = starts[r - 1] + counts[r - 1];
    for (int64_t i = first; i < end; i++)
        e->slots[i] = (uint16_t)starts[owners[i]]++;
    for (int r = 0; r < e->n_ranks; r++)
        starts[r] -= counts[r];
}

static void fill_rounds(exchange *e)
{
#pragma omp parallel for
    for (int64_t round = 0; round < e->n_rounds; round++)
        fill_round(e, round);
    for (int64_t i = 0; i < e->n_rounds * e->n_ranks; i += e->n_ranks) {
        km_exchange_counts(e->comm, e->counts + i, e->received_counts + i);
        for (int r = 0; r < e->n_ranks; r++)
            e->n_new += e->received_counts[i + r];
    }
}

/* Whatever the words are. */
typedef uint32_t word __attribute__((may_alias));

/* Every so many words of each block belong to one column of the samples, KM_BLOCK of them. */
typedef struct column {
    word *first;
    int64_t in_block, between_blocks; /* words from one to the next */
} column;

static column column_at(void *values, int64_t first, int64_t in_block, int64_t between_blocks)
{
    return (column){(word *)values + first, in_block, between_blocks};
}

static void pack(exchange *e, column c, int64_t round)
{
    const int64_t n_blocks = e->samples->n_blocks, end = (round + 1) * ROUND_BLOCKS;
    uint32_t *sent = e->sent;
#pragma omp parallel for
    for (int64_t b = round * ROUND_BLOCKS; b < (end < n_blocks ? end : n_blocks); b++) {
        const word *words = c.first + b * c.between_blocks;
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
        word *words = c.first + i / KM_BLOCK * c.between_blocks;
        const uint32_t *received = e->received + i;
        const int64_t step = c.in_block, left = e->n_new - i;
        for (int64_t l = 0; l < (left < KM_BLOCK ? left : KM_BLOCK); l++)
            words[l * step] = received[l];
    }
}

/* What a column will be comes to `received`. */
static void send(exchange *e, column c)
{
    int64_t n = 0;
    for (int64_t round = 0; round < e->n_rounds; round++) {
        pack(e, c, round);
        n += send_round(e, round, e->received + n);
    }
}

static void move(exchange *e, column c)
{
    send(e, c);
    unpack(e, c);
}

/* A column of doubles goes as its lower words and its upper ones. */
static void move_samples(exchange *e)
{
    km_samples *samples = e->samples;
    const int64_t size = (int64_t)(km_precision_size(samples->precision) / sizeof(word));
    const int64_t of_feature = KM_BLOCK * size, of_block = samples->n_features * of_feature;
    for (int64_t j = 0; j < samples->n_features; j++)
        for (int64_t w = 0; w < size; w++)
            move(e, column_at(samples->values, j * of_feature + w, size, of_block));
    for (int64_t w = 0; w < 2 && samples->weights != NULL; w++)
        move(e, column_at(samples->weights, w, 2, 2 * KM_BLOCK));
    move(e, column_at(samples->rows, 0, 1, KM_BLOCK));
}

/* Rows counted from another one on; numbers without sign take any difference. */
static void count_rows_from(km_samples *samples, int64_t first_row)
{
    const uint32_t less = (uint32_t)(first_row - samples->first_row);
#pragma omp parallel for
    for (int64_t i = 0; i < samples->n_samples; i++)
        samples->rows[i] -= less;
    samples->first_row = first_row;
}

/* Sends all samples to their owners; and labels, if there are any, to `received`. */
static km_code move_all(exchange *e, int32_t *labels, km_error *error)
{
    km_samples *samples = e->samples;
    create_rounds(e, error);
    if (km_agree(e->comm, error) == KM_OK) {
        fill_rounds(e);
        e->received = e->owners;
        move_samples(e);
        if (labels != NULL)
            send(e, column_at(labels, 0, 1, KM_BLOCK));
        samples->n_samples = e->n_new;
        samples->n_blocks = (e->n_new + KM_BLOCK - 1) / KM_BLOCK;
        if (e->n_new > 0)
            km_samples_pad(samples);
    }
    destroy_rounds(e);
    return error->code;
}

/* No rank ever has more than rows in its slab, but for the last block. */
static int64_t most_samples(const km_samples *samples)
{
    return (samples->slab.count + KM_BLOCK - 1) / KM_BLOCK * KM_BLOCK;
}

static int64_t count_rows(const km_samples *samples, MPI_Comm comm)
{
    int64_t n_rows = samples->slab.count;
    km_sum_int64(comm, &n_rows, 1);
    return n_rows;
}

static km_code exchange_along(const km_morton *morton, km_samples *samples, const km_way *way,
                              MPI_Comm comm, km_error *error)
{
    exchange e = {.samples = samples,
                  .comm = comm,
                  .n_ranks = km_comm_size(comm),
                  .owners = way->places,
                  .slots = (uint16_t *)way->order};
    if (find_neighbours(morton, samples, e.owners, comm, error) != KM_OK)
        return error->code;
    count_rows_from(samples, 0);
    if (move_all(&e, NULL, error) == KM_OK)
        samples->is_exchanged = true;
    else
        count_rows_from(samples, samples->slab.first);
    return error->code;
}

/* Pieces are of one order, so the samples must get the same one afterwards. */
km_code km_samples_share_space(km_samples *samples, MPI_Comm comm, km_error *error)
{
    km_way way = {0};
    km_morton *morton = km_morton_create(samples, comm, error);
    if (morton != NULL &&
        km_way_create(&way, samples, most_samples(samples), comm, error) == KM_OK &&
        exchange_along(morton, samples, &way, comm, error) == KM_OK)
        km_morton_order(morton, samples, &way, comm, error);
    km_way_free(&way);
    km_morton_free(morton);
    return error->code;
}

static void find_homes(exchange *e)
{
    const int64_t n_rows = count_rows(e->samples, e->comm);
    const int n_ranks = e->n_ranks;
#pragma omp parallel for
    for (int64_t i = 0; i < e->samples->n_samples; i++)
        e->owners[i] = (uint32_t)km_slab_owner(n_rows, n_ranks, e->samples->rows[i]);
}

km_code km_samples_go_home(km_samples *samples, int32_t **labels, MPI_Comm comm, km_error *error)
{
    assert(labels == NULL || *labels != NULL);
    const int64_t n_most = most_samples(samples);
    exchange e = {.samples = samples,
                  .comm = comm,
                  .n_ranks = km_comm_size(comm),
                  .owners = km_allocate(n_most, sizeof *e.owners, WHAT, error),
                  .slots = km_allocate(n_most, sizeof *e.slots, WHAT, error)};
    if (km_agree(comm, error) == KM_OK) {
        find_homes(&e);
        if (move_all(&e, labels != NULL ? *labels : NULL, error) == KM_OK) {
            count_rows_from(samples, samples->slab.first);
            samples->is_exchanged = false;
        }
    }
    if (labels != NULL && error->code == KM_OK) { /* what was received last */
        free(*labels);
        *labels = (int32_t *)e.received;
        e.owners = NULL;
    }
    free(e.owners);
    free(e.slots);
    return error->code;
}
