/* Exact quantiles over all ranks: selection by counting bits.
 *
 * Doubles are turned into whole numbers in the same order. The value at a rank is then found byte
 * by byte, from the highest on: counted is how much weight the values have for each next byte,
 * among those that begin with the bytes found so far. Counts are whole numbers, so that the order
 * of summing, and the number of ranks, do not matter.
 *
 * Between two values quantiles are linear, as the default of NumPy and R has it (Hyndman & Fan
 * 1996, doi:10.1080/00031305.1996.10473566, definition 7). With weights there is nothing between
 * two values: a quantile is the lowest value with at least so much of the weight at or below it
 * (definition 1; NumPy's `inverted_cdf`, the only one it has with weights), so that a weight of 2
 * is the same as the row twice, whatever the unit of the weights. */
#include "base/arithmetic.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/threads.h"
#include "samples/facts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double km_quantile_place(int64_t weight, int percent, bool has_weights)
{
    if (!has_weights)
        return (double)(weight - 1) * (percent / 100.0);
    const int64_t least = weight / 100 * percent + (weight % 100 * percent + 99) / 100;
    return (double)(least > 0 ? least - 1 : 0);
}

double km_quantile_between(double a, double b, double part)
{
    const double difference = b - a;
    return part >= 0.5 ? b - difference * (1 - part) : a + difference * part;
}

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
    int64_t count; /* of that weight, once some bytes are found */
    double value;  /* once all are */
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
    s->count = counts[byte];
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

/* ---- between two values ---------------------------------------------------------------------- */

/* The lowest values of a block above those that were found; `next` is [n_features][n_quantiles]. */
static void find_next_of_block(const batch *b, int64_t block, double *next)
{
    double values[KM_BLOCK];
    const int lanes = km_samples_lanes(b->samples, block);
    for (int64_t s = 0; s < b->n_features * b->n_quantiles; s++) {
        const double value = b->selections[s].value;
        double lowest = next[s];
        if (s % b->n_quantiles == 0)
            km_samples_load(b->samples, block, b->first + s / b->n_quantiles, values);
        for (int l = 0; l < lanes; l++)
            lowest = values[l] > value && values[l] < lowest ? values[l] : lowest;
        next[s] = lowest;
    }
}

/* Goes on from the values that were found as far as their places ask for. Without weights. */
static void interpolate_batch(const batch *b, const double *places, MPI_Comm comm)
{
    double next[BATCH * KM_MAX_QUANTILES];
    const int64_t n = b->n_features * b->n_quantiles;
    for (int64_t s = 0; s < n; s++)
        next[s] = INFINITY;
#pragma omp parallel for reduction(min : next)
    for (int64_t block = 0; block < b->samples->n_blocks; block++)
        find_next_of_block(b, block, next);
    km_min_double(comm, next, n);
    for (int64_t i = 0; i < n; i++) {
        selection *s = &b->selections[i];
        const double place = places[i % b->n_quantiles], part = place - floor(place);
        const bool is_repeated = s->rank < s->count; /* the next place has the value, too */
        if (part > 0 && !is_repeated)
            s->value = km_quantile_between(s->value, next[i], part);
    }
}

/* ---- finding --------------------------------------------------------------------------------- */

static void find_batch(batch *b, int64_t weight, const int *percents, double *quantiles,
                       MPI_Comm comm)
{
    const int n = b->n_quantiles;
    const int last_shift = b->samples->precision == KM_FLOAT32 ? LAST_SHIFT_OF_FLOATS : 0;
    const bool has_weights = b->samples->weights != NULL;
    double places[KM_MAX_QUANTILES] = {0};
    for (int q = 0; q < n; q++)
        places[q] = km_quantile_place(weight, percents[q], has_weights);
    for (int64_t s = 0; s < b->n_features * n; s++)
        b->selections[s] = (selection){.rank = (int64_t)places[s % n] + 1};
    for (b->shift = 56; b->shift >= last_shift; b->shift -= 8)
        find_next_byte(b, comm);
    for (int64_t s = 0; s < b->n_features * n; s++)
        b->selections[s].value = km_double_of_key(with_last_bits(b->selections[s].key, last_shift));
    if (!has_weights)
        interpolate_batch(b, places, comm);
    for (int64_t s = 0; s < b->n_features * n; s++)
        quantiles[b->first * n + s] = b->selections[s].value;
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
