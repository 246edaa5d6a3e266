/* Redistributes samples: to the rank that has their neighbours in space, and returns them to the
 * rank of their slab.
 *
 * Features are sent one after the other, in words of 32 bits, one round of samples at a time: this
 * takes hardly more memory beside the samples than ordering does. In a round every rank waits for
 * all others, so rounds are few. */
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "morton.h"
#include "order/order.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROUND_BLOCKS = 1 << 12,
    ROUND = ROUND_BLOCKS * KM_BLOCK, /* samples per rank */
};

static const char *const WHAT = "exchange of samples between ranks";

typedef struct exchange {
    km_samples *samples;
    MPI_Comm comm;
    int n_ranks;
    int64_t n_rounds;
    int64_t n_new;        /* samples of this rank afterwards */
    uint32_t *owners;     /* [most samples], the ranks that get them, */
    uint32_t *slots;      /* [n_samples], where each is in what is sent in its round */
    int *counts, *starts; /* [n_rounds][n_ranks], of what is sent to each rank */
    int *received_counts; /* [n_rounds][n_ranks] */
    int *received_starts; /* [n_ranks], of one round */
    uint32_t *sent;       /* [words_of_round], of one */
    uint32_t *received;   /* and, when these have been counted, what comes of all rounds */
    void *values;         /* the samples' new values, if these are on a disk; else NULL */
} exchange;

static int64_t words_of_round(int64_t n_samples)
{
    return n_samples < ROUND ? n_samples : ROUND;
}

/* Labels may be sent, too. */
double km_exchange_bytes(const km_shape *shape, double n, bool has_weights)
{
    const double returning = km_large_bytes(shape, n * (2 * sizeof(uint32_t) + sizeof(int32_t)));
    const double new_values = shape->counting == KM_COUNT_WITH_DISK
                                  ? n * (double)shape->n_features * km_value_bytes(shape)
                                  : 0;
    return km_larger(km_order_bytes(shape, n, has_weights), returning) + new_values +
           (double)words_of_round((int64_t)n) * sizeof(uint32_t);
}

static void create_rounds(exchange *e, km_error *error)
{
    e->n_rounds = (e->samples->n_samples + ROUND - 1) / ROUND;
    km_max_int64(e->comm, &e->n_rounds, 1);
    const int64_t n_counts = e->n_rounds * e->n_ranks;
    e->counts = km_allocate_zeroed(n_counts, sizeof *e->counts, WHAT, error);
    e->starts = km_allocate_zeroed(n_counts, sizeof *e->starts, WHAT, error);
    e->received_counts = km_allocate(n_counts, sizeof *e->received_counts, WHAT, error);
    e->received_starts = km_allocate(e->n_ranks, sizeof *e->received_starts, WHAT, error);
    e->sent = km_allocate(words_of_round(e->samples->n_samples), sizeof *e->sent, WHAT, error);
    if (km_large_in_use() != NULL)
        e->values = km_allocate_large(
            e->samples->capacity,
            (size_t)e->samples->n_features * km_precision_size(e->samples->precision), WHAT, error);
}

static void free_rounds(exchange *e)
{
    free(e->counts);
    free(e->starts);
    free(e->received_counts);
    free(e->received_starts);
    free(e->sent);
    km_free_large(e->values);
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
        e->slots[i] = (uint32_t)starts[owners[i]]++;
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

/* 32 bits of anything. */
typedef uint32_t word __attribute__((may_alias));

/* A column of the samples: KM_BLOCK words of each block, at equal distances. */
typedef struct column {
    word *first;
    int64_t in_block, between_blocks; /* words from one to the next */
} column;

static column column_at(void *values, int64_t first, int64_t in_block, int64_t between_blocks)
{
    return (column){(word *)values + first, in_block, between_blocks};
}

static void pack_column(exchange *e, column c, int64_t round)
{
    const int64_t n_blocks = e->samples->n_blocks, end = (round + 1) * ROUND_BLOCKS;
    uint32_t *sent = e->sent;
#pragma omp parallel for
    for (int64_t b = round * ROUND_BLOCKS; b < (end < n_blocks ? end : n_blocks); b++) {
        const word *words = c.first + b * c.between_blocks;
        const uint32_t *slots = e->slots + b * KM_BLOCK;
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

/* `count` words that came become those of the samples from number `first` on. */
static void unpack_column(const exchange *e, column c, int64_t first, int64_t count)
{
    const int64_t end = first + count;
#pragma omp parallel for
    for (int64_t b = first / KM_BLOCK; b < (end + KM_BLOCK - 1) / KM_BLOCK; b++) {
        const int64_t begin = b * KM_BLOCK, next = begin + KM_BLOCK;
        word *words = c.first + b * c.between_blocks;
        for (int64_t i = begin < first ? first : begin; i < (next < end ? next : end); i++)
            words[(i - begin) * c.in_block] = e->received[i - first];
    }
}

/* Sends a column in rounds; what this rank gets is in `received`. */
static void send_column(exchange *e, column c)
{
    int64_t n = 0;
    for (int64_t round = 0; round < e->n_rounds; round++) {
        pack_column(e, c, round);
        n += send_round(e, round, e->received + n);
    }
}

static void send_and_unpack_column(exchange *e, column c)
{
    send_column(e, c);
    unpack_column(e, c, 0, e->n_new);
}

/* Column number c of the values. A column of doubles goes as its lower words and its upper ones. */
static column column_of_values(const exchange *e, void *values, int64_t c)
{
    const km_samples *samples = e->samples;
    const int64_t size = (int64_t)(km_precision_size(samples->precision) / sizeof(word));
    const int64_t of_feature = KM_BLOCK * size, of_block = samples->n_features * of_feature;
    return column_at(values, c / size * of_feature + c % size, size, of_block);
}

/* Values on a disk go round by round to a new array. One feature after the other would read all of
 * the disk for each, since a block has all features. */
static void send_values_on_disk(exchange *e, int64_t n_columns)
{
    km_samples *samples = e->samples;
    int64_t n = 0;
    for (int64_t round = 0; round < e->n_rounds; round++) {
        int64_t n_received = 0;
        for (int64_t c = 0; c < n_columns; c++) {
            pack_column(e, column_of_values(e, samples->values, c), round);
            n_received = send_round(e, round, e->received);
            unpack_column(e, column_of_values(e, e->values, c), n, n_received);
        }
        n += n_received;
    }
    void *old = samples->values;
    samples->values = e->values;
    e->values = old;
}

static void send_features(exchange *e)
{
    km_samples *samples = e->samples;
    const int64_t n_columns =
        samples->n_features * (int64_t)(km_precision_size(samples->precision) / sizeof(word));
    if (e->values != NULL)
        send_values_on_disk(e, n_columns);
    for (int64_t c = 0; c < n_columns && e->values == NULL; c++)
        send_and_unpack_column(e, column_of_values(e, samples->values, c));
    for (int64_t w = 0; w < 2 && samples->weights != NULL; w++)
        send_and_unpack_column(e, column_at(samples->weights, w, 2, 2 * KM_BLOCK));
    send_and_unpack_column(e, column_at(samples->rows, 0, 1, KM_BLOCK));
}

/* Counts rows from another first row on; unsigned numbers hold any difference. */
static void count_rows_from(km_samples *samples, int64_t first_row)
{
    const uint32_t less = (uint32_t)(first_row - samples->first_row);
#pragma omp parallel for
    for (int64_t i = 0; i < samples->n_samples; i++)
        samples->rows[i] -= less;
    samples->first_row = first_row;
}

/* Sends all samples to their owners. Labels, if not NULL, come last and stay in `received`. */
static km_code send_samples(exchange *e, int32_t *labels, km_error *error)
{
    km_samples *samples = e->samples;
    create_rounds(e, error);
    if (km_agree(e->comm, error) == KM_OK) {
        fill_rounds(e);
        assert(e->n_new <= samples->capacity); /* see km_morton_deal, and slabs on the way back */
        e->received = e->owners;
        send_features(e);
        if (labels != NULL)
            send_column(e, column_at(labels, 0, 1, KM_BLOCK));
        samples->n_samples = e->n_new;
        samples->n_blocks = (e->n_new + KM_BLOCK - 1) / KM_BLOCK;
        if (e->n_new > 0)
            km_samples_pad(samples);
    }
    free_rounds(e);
    return error->code;
}

/* The lowest row of all ranks, from which rows are counted while they are spread over the ranks. */
static int64_t lowest_row(const km_samples *samples, MPI_Comm comm)
{
    int64_t negative = samples->slab.count > 0 ? -samples->slab.first : INT64_MIN;
    km_max_int64(comm, &negative, 1);
    return negative != INT64_MIN ? -negative : 0;
}

/* `codes` [capacity] are overwritten, and so is `slots` [n_samples]. */
static km_code redistribute_by_code(km_samples *samples, int64_t piece, uint32_t *codes,
                                    uint32_t *slots, MPI_Comm comm, km_error *error)
{
    exchange e = {.samples = samples,
                  .comm = comm,
                  .n_ranks = km_comm_size(comm),
                  .owners = codes,
                  .slots = slots};
    if (km_deal(samples, piece, e.owners, comm, error) != KM_OK)
        return error->code;
    count_rows_from(samples, lowest_row(samples, comm));
    if (send_samples(&e, NULL, error) == KM_OK)
        samples->is_redistributed = true;
    else
        count_rows_from(samples, samples->slab.first);
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

/* Samples of a piece, a power of two, so that boxes of the tree end with them. Large pieces keep
 * its boxes small, so that less is compared. Small ones make the work of ranks even, which counts
 * the more, the more ranks wait for the busiest: docs/measurements/ranks.md. */
static int64_t choose_piece(int64_t n_all, int n_ranks)
{
    enum { MOST_BLOCKS = 256, FEWEST_BLOCKS = 16, MANY_RANKS = 16, PIECES_OF_RANK = 256 };
    int64_t blocks = MOST_BLOCKS; /* what a walk through the tree takes at once */
    while (n_ranks >= MANY_RANKS && blocks > FEWEST_BLOCKS &&
           blocks * KM_BLOCK * PIECES_OF_RANK > n_all / n_ranks)
        blocks /= 2;
    return blocks * KM_BLOCK;
}

/* Ordered by the same codes afterwards, so that the pieces of a rank become runs of blocks. */
km_code km_samples_redistribute(km_samples *samples, MPI_Comm comm, km_error *error)
{
    km_sort_memory scratch = {0};
    int64_t n_all = samples->n_samples;
    km_sum_int64(comm, &n_all, 1);
    const int64_t piece = choose_piece(n_all, km_comm_size(comm));
    km_morton *morton = km_morton_create(samples, comm, error);
    if (morton != NULL &&
        km_sort_memory_create(&scratch, samples, samples->capacity, comm, error) == KM_OK) {
        find_morton_codes(morton, samples, scratch.places);
        if (redistribute_by_code(samples, piece, scratch.places, scratch.order, comm, error) ==
            KM_OK)
            km_morton_order(morton, samples, &scratch, comm, error);
    }
    km_sort_memory_free(&scratch);
    km_morton_free(morton);
    return error->code;
}

/* Each rank gets one run of the line: of several, those at the ends would be torn from their
 * neighbours. Whole blocks go to each, so that none gets more than the slab of all that it has
 * memory for. */
km_code km_samples_redistribute_by(km_samples *samples, uint32_t *codes, MPI_Comm comm,
                                   km_error *error)
{
    int64_t n_all = samples->n_samples;
    uint32_t *slots = km_allocate_large(samples->n_samples, sizeof *slots, WHAT, error);
    km_sum_int64(comm, &n_all, 1);
    const int64_t n_blocks = n_all / KM_BLOCK / km_comm_size(comm);
    if (km_agree(comm, error) == KM_OK)
        redistribute_by_code(samples, KM_BLOCK * (n_blocks > 0 ? n_blocks : 1), codes, slots, comm,
                             error);
    km_free_large(slots);
    return error->code;
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
static void find_ends(const exchange *e, int64_t *ends)
{
    const km_rows slab = e->samples->slab;
    const int64_t end = slab.count > 0 ? slab.first + slab.count : INT64_MIN;
    km_gather(e->comm, &end, sizeof end, ends + 1);
    ends[0] = e->samples->first_row;
    for (int r = 0; r < e->n_ranks; r++)
        if (ends[r + 1] == INT64_MIN)
            ends[r + 1] = ends[r];
}

static void find_slab_owners(exchange *e, int64_t *ends)
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
    exchange e = {.samples = samples,
                  .comm = comm,
                  .n_ranks = km_comm_size(comm),
                  .owners = km_allocate_large(n_max, sizeof *e.owners, WHAT, error),
                  .slots = km_allocate_large(n_max, sizeof *e.slots, WHAT, error)};
    if (km_agree(comm, error) == KM_OK) {
        find_slab_owners(&e, ends);
        if (send_samples(&e, labels != NULL ? *labels : NULL, error) == KM_OK) {
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
