/* Sends samples to other ranks.
 *
 * Features are sent one after the other, in words of 32 bits, one round of samples at a time: this
 * takes hardly more memory beside the samples than ordering does. In a round every rank waits for
 * all others, so rounds are few. */
#include "exchange.h"
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "morton.h"
#include "moves.h"
#include "order/order.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROUND_BLOCKS = 1 << 12,
    ROUND = ROUND_BLOCKS * KM_BLOCK, /* samples per rank */
    BLOCKS_AHEAD = 16,               /* from what is sent or received to what is fetched */
};

static const char *const WHAT = "exchange of samples between ranks";

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
           km_larger((double)words_of_round((int64_t)n) * sizeof(uint32_t),
                     km_deal_bytes(shape, n));
}

static void create_rounds(km_exchange *e, km_error *error)
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

static void free_rounds(km_exchange *e)
{
    free(e->counts);
    free(e->starts);
    free(e->received_counts);
    free(e->received_starts);
    free(e->sent);
    km_free_large(e->values);
}

/* How much is sent to each rank in a round, and where in it samples are. */
static void fill_round(km_exchange *e, int64_t round)
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

static void fill_rounds(km_exchange *e)
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

/* Processors do not see by themselves which block comes next. */
static void fetch_ahead(const column *c, int64_t block)
{
    km_prefetch(c->first, (block + BLOCKS_AHEAD) * c->between_blocks * (int64_t)sizeof(word),
                KM_BLOCK * c->in_block * (int64_t)sizeof(word));
}

static void pack_column(km_exchange *e, column c, int64_t round)
{
    const int64_t n_blocks = e->samples->n_blocks, end = (round + 1) * ROUND_BLOCKS;
    uint32_t *sent = e->sent;
#pragma omp parallel for
    for (int64_t b = round * ROUND_BLOCKS; b < (end < n_blocks ? end : n_blocks); b++) {
        const word *words = c.first + b * c.between_blocks;
        const uint32_t *slots = e->slots + b * KM_BLOCK;
        const int64_t step = c.in_block;
        const int lanes = km_samples_lanes(e->samples, b);
        fetch_ahead(&c, b);
        for (int l = 0; l < lanes; l++)
            sent[slots[l]] = words[l * step];
    }
}

/* Returns how many words came. */
static int64_t send_round(km_exchange *e, int64_t round, uint32_t *to)
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
static void unpack_column(const km_exchange *e, column c, int64_t first, int64_t count)
{
    const int64_t end = first + count;
#pragma omp parallel for
    for (int64_t b = first / KM_BLOCK; b < (end + KM_BLOCK - 1) / KM_BLOCK; b++) {
        const int64_t begin = b * KM_BLOCK, next = begin + KM_BLOCK;
        word *words = c.first + b * c.between_blocks;
        fetch_ahead(&c, b);
        for (int64_t i = begin < first ? first : begin; i < (next < end ? next : end); i++)
            words[(i - begin) * c.in_block] = e->received[i - first];
    }
}

/* Sends a column in rounds; what this rank gets is in `received`. */
static void send_column(km_exchange *e, column c)
{
    int64_t n = 0;
    for (int64_t round = 0; round < e->n_rounds; round++) {
        pack_column(e, c, round);
        n += send_round(e, round, e->received + n);
    }
}

static void send_and_unpack_column(km_exchange *e, column c)
{
    send_column(e, c);
    unpack_column(e, c, 0, e->n_new);
}

/* Column number c of the values. A column of doubles goes as its lower words and its upper ones. */
static column column_of_values(const km_exchange *e, void *values, int64_t c)
{
    const km_samples *samples = e->samples;
    const int64_t size = (int64_t)(km_precision_size(samples->precision) / sizeof(word));
    const int64_t of_feature = KM_BLOCK * size, of_block = samples->n_features * of_feature;
    return column_at(values, c / size * of_feature + c % size, size, of_block);
}

/* Values on a disk go round by round to a new array. One feature after the other would read all of
 * the disk for each, since a block has all features. */
static void send_values_on_disk(km_exchange *e, int64_t n_columns)
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

static void send_features(km_exchange *e)
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

km_code km_send_samples(km_exchange *e, int32_t *labels, km_error *error)
{
    km_samples *samples = e->samples;
    create_rounds(e, error);
    if (km_agree(e->comm, error) == KM_OK) {
        fill_rounds(e);
        assert(e->n_new <= samples->capacity); /* see deal.c, and slabs on the way back */
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
