/* Sorts samples along a Morton curve, so that neighbours in space are neighbours in memory, and
 * blocks, and runs of blocks, have small boxes. No result depends on the order, only speed does.
 *
 * A radix sort in two steps. By the first digit of their codes samples go to buckets, so few that
 * the ends of all buckets are in cache; then each bucket, which is so small that it fits in cache,
 * is sorted. Only codes are sorted; then the features are moved one by one in the same two steps,
 * so that this never takes more than 12 bytes per sample (16 in double precision). For few clusters
 * boxes may be larger, and the samples are sorted in parts. */
#include "order/order.h"
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/threads.h"
#include "morton.h"
#include "moves.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_SIZE = 8 }; /* samples, about, where there are bits enough */

typedef struct code_sort {
    km_samples *samples; /* a part of all */
    int64_t n;
    uint32_t *places;              /* [n], where each sample goes in the first step */
    uint32_t *order;               /* [n], which of those goes to each place in the second */
    void *moved;                   /* [n] values or codes between the steps */
    int64_t (*starts)[KM_BUCKETS]; /* [n_threads] */
    int64_t first[KM_BUCKETS + 1]; /* of each bucket */
    const int64_t *buckets; /* [KM_BUCKETS], samples by whose number cells are chosen, or NULL:
                               those of the part */
    uint32_t (*cells)[(1 << KM_MAX_CELL_BITS) + 1]; /* [n_threads] */
} code_sort;

static const char *const WHAT = "order of samples";

km_code km_sort_memory_create(km_sort_memory *scratch, const km_samples *samples, int64_t n,
                              MPI_Comm comm, km_error *error)
{
    scratch->places = km_allocate_large(n, sizeof *scratch->places, WHAT, error);
    scratch->order = km_allocate_large(n, sizeof *scratch->order, WHAT, error);
    scratch->moved = km_allocate_large(n, km_moved_size(samples), WHAT, error);
    return km_agree(comm, error);
}

void km_sort_memory_free(km_sort_memory *scratch)
{
    km_free_large(scratch->places);
    km_free_large(scratch->order);
    km_free_large(scratch->moved);
}

double km_order_bytes(const km_shape *shape, double n, bool has_weights)
{
    const bool is_wide = shape->precision == KM_FLOAT64 || has_weights;
    const size_t moved = is_wide ? sizeof(uint64_t) : sizeof(uint32_t);
    return km_large_bytes(shape, n * (double)(2 * sizeof(uint32_t) + moved));
}

static km_code create_code_sort(code_sort *s, const km_sort_memory *scratch, MPI_Comm comm,
                                km_error *error)
{
    *s = (code_sort){.places = scratch->places, .order = scratch->order, .moved = scratch->moved};
    s->starts = km_allocate(km_threads(), sizeof *s->starts, WHAT, error);
    s->cells = km_allocate(km_threads(), sizeof *s->cells, WHAT, error);
    return km_agree(comm, error);
}

static void free_code_sort(code_sort *s)
{
    free(s->starts);
    free(s->cells);
}

/* ---- the first step: to buckets ------------------------------------------------------------- */

/* Codes, in `places` for the moment, and how many of this thread's samples go to each bucket. */
static void make_codes(code_sort *s, const km_morton *morton, km_rows mine)
{
    int64_t *counts = s->starts[km_thread()];
    memset(counts, 0, sizeof *s->starts);
    for (int64_t i = mine.first; i < mine.first + mine.count; i += KM_BLOCK) {
        uint32_t codes[KM_BLOCK];
        const int lanes = km_samples_lanes(s->samples, i / KM_BLOCK);
        km_morton_codes(morton, s->samples, i / KM_BLOCK, codes);
        for (int l = 0; l < lanes; l++)
            counts[km_bucket_of(codes[l])]++;
        memcpy(s->places + i, codes, (size_t)lanes * sizeof *codes);
    }
}

/* Where buckets begin, and within them the samples of each thread. */
static void find_bucket_starts(code_sort *s, int n_threads)
{
    int64_t sum = 0;
    for (int b = 0; b < KM_BUCKETS; b++) {
        s->first[b] = sum;
        for (int t = 0; t < n_threads; t++) {
            const int64_t count = s->starts[t][b];
            s->starts[t][b] = sum;
            sum += count;
        }
    }
    s->first[KM_BUCKETS] = sum;
}

/* Moves the codes to their buckets; `places` now holds the places. */
static void move_codes(code_sort *s, km_rows mine)
{
    int64_t *next = s->starts[km_thread()];
    uint32_t *moved = s->moved;
    for (int64_t i = mine.first; i < mine.first + mine.count; i++) {
        const uint32_t code = s->places[i];
        const int64_t place = next[km_bucket_of(code)]++;
        moved[place] = code;
        km_prefetch(moved, place * (int64_t)sizeof *moved + KM_CACHE_LINE, 1);
        s->places[i] = (uint32_t)place;
    }
}

static void fill_buckets(code_sort *s, const km_morton *morton)
{
#pragma omp parallel
    {
        const km_rows mine = km_thread_share(s->n);
        make_codes(s, morton, mine);
#pragma omp barrier
#pragma omp single
        find_bucket_starts(s, km_threads_now());
        move_codes(s, mine);
    }
}

/* ---- the second step: within buckets -------------------------------------------------------- */

/* Sorts the codes of a bucket by as many bits as make cells of about CELL_SIZE codes. */
static void sort_bucket(code_sort *s, int bucket)
{
    const uint32_t *codes = s->moved;
    uint32_t *cells = s->cells[km_thread()];
    const int64_t first = s->first[bucket], count = s->first[bucket + 1] - first;
    const int n_bits = km_cell_bits(s->buckets != NULL ? s->buckets[bucket] : count, CELL_SIZE);
    const int shift = KM_CODE_BITS - KM_BUCKET_BITS - n_bits;
    if (count == 0)
        return;
    const uint32_t mask = ((uint32_t)1 << n_bits) - 1;
    memset(cells, 0, ((size_t)mask + 2) * sizeof *cells);
    for (int64_t i = first; i < first + count; i++)
        cells[(codes[i] >> shift & mask) + 1]++;
    for (uint32_t c = 0; c < mask; c++)
        cells[c + 1] += cells[c];
    for (int64_t i = first; i < first + count; i++)
        s->order[first + cells[codes[i] >> shift & mask]++] = (uint32_t)i;
}

static void sort_buckets(code_sort *s)
{
#pragma omp parallel for schedule(dynamic, 8)
    for (int b = 0; b < KM_BUCKETS; b++)
        sort_bucket(s, b);
}

/* Runs of whole blocks of samples, as samples by themselves. */
static km_samples part_of(const km_samples *samples, int64_t first, int64_t count)
{
    const size_t row_size = (size_t)samples->n_features * km_precision_size(samples->precision);
    km_samples part = *samples;
    part.values = (char *)samples->values + (size_t)first * row_size;
    part.rows = samples->rows + first;
    part.weights = samples->weights != NULL ? samples->weights + first : NULL;
    part.n_samples = count;
    part.n_blocks = (count + KM_BLOCK - 1) / KM_BLOCK;
    return part;
}

/* On a disk, parts are no larger than what fits in a quarter of the memory together with what
 * sorting takes, since values are moved feature by feature. */
static int64_t limit_part(const km_samples *samples, int64_t part_size)
{
    const km_large_place *place = km_large_in_use();
    const double of_sample =
        (double)samples->n_features * (double)km_precision_size(samples->precision) +
        4 * sizeof(uint32_t) + 2 * (double)km_moved_size(samples);
    if (place == NULL || (double)part_size * of_sample <= place->memory / 4)
        return part_size;
    const int64_t n_blocks = (int64_t)(place->memory / 4 / of_sample / KM_BLOCK);
    return (n_blocks > 0 ? n_blocks : 1) * KM_BLOCK;
}

/* Values are moved feature by feature, so all of a part must be there. */
static void fetch_part(const km_samples *part)
{
    const size_t n = (size_t)part->n_samples, d = (size_t)part->n_features;
    km_fetch_large(part->values, n * d * km_precision_size(part->precision));
    km_fetch_large(part->rows, n * sizeof *part->rows);
    if (part->weights != NULL)
        km_fetch_large(part->weights, n * sizeof *part->weights);
}

static void order_part(code_sort *s, const km_morton *morton, km_samples *part)
{
    s->samples = part;
    s->n = part->n_samples;
    fill_buckets(s, morton);
    sort_buckets(s);
    km_samples_move(&(km_moves){part, s->places, s->order, s->moved});
    km_samples_leave(part, 0, part->n_blocks);
}

/* Puts the samples in order, `part_size` of them at a time. */
static km_code order_parts(const km_morton *morton, km_samples *samples, int64_t part_size,
                           const int64_t *buckets, const km_sort_memory *scratch, MPI_Comm comm,
                           km_error *error)
{
    code_sort s;
    const int64_t n = samples->n_samples;
    part_size = limit_part(samples, part_size);
    if (create_code_sort(&s, scratch, comm, error) == KM_OK) {
        s.buckets = buckets;
        km_samples next = part_of(samples, 0, part_size < n ? part_size : n);
        for (int64_t first = 0; first < n; first += part_size) {
            km_samples part = next;
            const int64_t left = n - first - part.n_samples;
            next = part_of(samples, first + part.n_samples, part_size < left ? part_size : left);
            if (next.n_samples > 0)
                fetch_part(&next);
            order_part(&s, morton, &part);
        }
    }
    free_code_sort(&s);
    return error->code;
}

km_code km_morton_order(const km_morton *morton, km_samples *samples, const int64_t *buckets,
                        const km_sort_memory *scratch, MPI_Comm comm, km_error *error)
{
    return order_parts(morton, samples, KM_ORDER_WHOLE, buckets, scratch, comm, error);
}

km_code km_samples_order_in_parts(km_samples *samples, int64_t part_size, MPI_Comm comm,
                                  km_error *error)
{
    const int64_t n = samples->n_samples;
    km_sort_memory scratch = {0};
    km_morton *morton = km_morton_create(samples, comm, error);
    assert(part_size % KM_BLOCK == 0);
    if (morton != NULL && km_sort_memory_create(&scratch, samples, n < part_size ? n : part_size,
                                                comm, error) == KM_OK)
        order_parts(morton, samples, part_size, NULL, &scratch, comm, error);
    km_sort_memory_free(&scratch);
    km_morton_free(morton);
    return error->code;
}

km_code km_samples_order(km_samples *samples, MPI_Comm comm, km_error *error)
{
    return km_samples_order_in_parts(samples, KM_ORDER_WHOLE, comm, error);
}

/* With 256 blocks for each cluster, few blocks lie between clusters. Smaller parts than 4 million
 * samples are ordered little faster, and slow iterations down: docs/measurements/steps.md. */
int64_t km_order_part_size(int64_t n_clusters)
{
    enum { MINIMUM = 1 << 22, OF_CLUSTER = 1 << 14 };
    if (n_clusters > KM_ORDER_WHOLE / OF_CLUSTER)
        return KM_ORDER_WHOLE;
    return n_clusters * OF_CLUSTER > MINIMUM ? n_clusters * OF_CLUSTER : MINIMUM;
}
