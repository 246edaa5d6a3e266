/* Exact quantiles over all ranks: selection by counting bits.
 *
 * Doubles are turned into whole numbers in the same order. The value at a rank is then found byte
 * by byte, from the highest on: counted is how much weight the values have for each next byte,
 * among those that begin with the bytes found so far. Counts are whole numbers, so that the order
 * of summing, and the number of ranks, do not matter. */
#include "base/arithmetic.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/threads.h"
#include "samples/samples.h"

#include <stdlib.h>
#include <string.h>

/* Features whose bytes are counted in one pass over the samples, so that memory is bounded. */
enum { BATCH = 32, VALUES_OF_BYTE = 256 };

/* A float has 24 bits of 0 at the end, and more, when it is a double. */
enum { LAST_SHIFT_OF_FLOATS = 24 };

/* Bits that are all 0 in a value are all 1 in the key of a negative one. */
static uint64_t with_last_bits(uint64_t key, int count)
{
    const bool is_negative = key >> 63 == 0;
    return is_negative ? key | (((uint64_t)1 << count) - 1) : key;
}

/* One quantile of a feature while its bytes are found. */
typedef struct selection {
    uint64_t key;  /* the bytes found so far, the others 0 */
    uint64_t mask; /* of these bytes */
    int64_t rank;  /* of the weight with these bytes, from 1 */
} selection;

/* The features of a batch, and where they are counted. */
typedef struct batch {
    const km_samples *samples;
    int64_t first, n_features;
    int n_quantiles, shift; /* shift: of the byte that is counted */
    selection *selections;  /* [n_features][n_quantiles] */
    int64_t *counts;        /* [threads][n_features][n_quantiles][VALUES_OF_BYTE] */
} batch;

static int64_t count_size(const batch *b)
{
    return b->n_features * b->n_quantiles * VALUES_OF_BYTE;
}

static void count_block(const batch *b, int64_t block, int64_t *counts)
{
    int64_t weights[KM_BLOCK];
    double values[KM_BLOCK];
    km_samples_weights(b->samples, block, weights);
    for (int64_t j = 0; j < b->n_features; j++) {
        km_samples_load(b->samples, block, b->first + j, values);
        for (int l = 0; l < KM_BLOCK; l++) {
            const uint64_t key = km_key_of_double(values[l]);
            for (int q = 0; q < b->n_quantiles; q++) {
                const int64_t s = j * b->n_quantiles + q;
                const bool is_counted = (key & b->selections[s].mask) == b->selections[s].key;
                counts[s * VALUES_OF_BYTE + (int64_t)(key >> b->shift & 0xff)] +=
                    is_counted ? weights[l] : 0;
            }
        }
    }
}

/* Takes the byte that the rank falls on. */
static void take_byte(selection *s, int shift, const int64_t *counts)
{
    uint64_t byte = 0;
    while (byte < VALUES_OF_BYTE - 1 && s->rank > counts[byte])
        s->rank -= counts[byte++];
    s->key |= byte << shift;
    s->mask |= (uint64_t)0xff << shift;
}

/* Counts the next byte of all ranks, and takes those on which the quantiles fall. */
static void find_next_byte(batch *b, MPI_Comm comm)
{
    const int64_t size = count_size(b);
    memset(b->counts, 0, (size_t)(km_threads() * size) * sizeof *b->counts);
#pragma omp parallel for
    for (int64_t block = 0; block < b->samples->n_blocks; block++)
        count_block(b, block, b->counts + km_thread() * size);
    for (int t = 1; t < km_threads(); t++)
        for (int64_t i = 0; i < size; i++)
            b->counts[i] += b->counts[t * size + i];
    km_sum_int64(comm, b->counts, size);
    for (int64_t s = 0; s < b->n_features * b->n_quantiles; s++)
        take_byte(&b->selections[s], b->shift, b->counts + s * VALUES_OF_BYTE);
}

/* The least weight that is at least `percent` of all; in two parts, which do not overflow. */
static int64_t rank_of_percent(int64_t weight, int percent)
{
    const int64_t rank = weight / 100 * percent + (weight % 100 * percent + 99) / 100;
    return rank < 1 ? 1 : rank;
}

static void find_batch(batch *b, int64_t weight, const int *percents, double *quantiles,
                       MPI_Comm comm)
{
    const int n = b->n_quantiles;
    const int last_shift = b->samples->precision == KM_FLOAT32 ? LAST_SHIFT_OF_FLOATS : 0;
    for (int64_t s = 0; s < b->n_features * n; s++)
        b->selections[s] = (selection){.rank = rank_of_percent(weight, percents[s % n])};
    for (b->shift = 56; b->shift >= last_shift; b->shift -= 8)
        find_next_byte(b, comm);
    for (int64_t s = 0; s < b->n_features * n; s++)
        quantiles[b->first * n + s] =
            km_double_of_key(with_last_bits(b->selections[s].key, last_shift));
}

km_code km_quantiles_find(const km_samples *samples, int64_t weight, const int *percents,
                          int n_percents, double *quantiles, MPI_Comm comm, km_error *error)
{
    const int64_t d = samples->n_features, most = d < BATCH ? d : BATCH;
    const char *what = "quantiles of the features";
    batch b = {.samples = samples, .n_quantiles = n_percents};
    b.selections = km_allocate(most * n_percents, sizeof *b.selections, what, error);
    b.counts = km_allocate(km_threads() * most * n_percents * VALUES_OF_BYTE, sizeof *b.counts,
                           what, error);
    if (km_agree(comm, error) == KM_OK)
        for (b.first = 0; b.first < d; b.first += b.n_features) {
            b.n_features = d - b.first < most ? d - b.first : most;
            find_batch(&b, weight, percents, quantiles, comm);
        }
    free(b.selections);
    free(b.counts);
    return error->code;
}

double km_quantiles_bytes(const km_shape *shape, int n_percents)
{
    const double most = km_smaller((double)shape->n_features, BATCH);
    return most * n_percents * (shape->n_threads * VALUES_OF_BYTE * (double)sizeof(int64_t));
}
