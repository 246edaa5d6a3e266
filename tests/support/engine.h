/* engine.h - calls of skymeans.h on made-up rows, handed over in many ways, and what came out as
 * one number, so that answers can be compared for equality.
 *
 * A test's ranks work as communicators of 5; 3 and 2; and one rank alone. */
#ifndef SKYMEANS_TESTS_ENGINE_H
#define SKYMEANS_TESTS_ENGINE_H

#include "base/hash.h"
#include "mpi_check.h"
#include "skymeans.h"

#include <fenv.h>
#include <math.h>
#include <string.h>

/* How rows lie in memory, and how many each rank has. */
typedef enum form { FORM_TABLE, FORM_COLUMNS, FORM_BACKWARDS, FORM_STRUCTS, N_FORMS } form;
typedef enum share { SHARE_EVEN, SHARE_LAST_HAS_ALL, SHARE_UNEVEN, N_SHARES } share;

typedef struct mock_rows {
    int64_t n, d;
    skymeans_type type;
    bool has_weights, has_numbers; /* are first rows given? */
    double missing;                /* share of rows that miss a value */
    form form;
    share share;
    MPI_Comm comm;
} mock_rows;

static inline double mock_unit(uint64_t number)
{
    return (double)(km_mix(number * 0x9e3779b97f4a7c15u + 1) >> 11) * 0x1p-53;
}

/* Value j of row i: clouds round 40 points; the missing ones in any column, as any bits. */
static inline double mock_value(const mock_rows *m, int64_t i, int64_t j)
{
    const uint64_t cloud = km_mix((uint64_t)i) % 40;
    if (mock_unit((uint64_t)i + 7777777) < m->missing && (i + j) % m->d == 0)
        return i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
    return 100 * mock_unit(cloud * 64 + (uint64_t)j) + 3 * mock_unit((uint64_t)(i * 64 + j) << 8);
}

static inline double mock_weight(int64_t i)
{
    return i % 11 == 0 ? 0 : 0.25 + mock_unit((uint64_t)i << 20);
}

/* The first row of a rank, for rank 0 to their number. */
static inline int64_t mock_first(const mock_rows *m, int rank)
{
    const int n_ranks = km_comm_size(m->comm);
    if (rank == n_ranks)
        return m->n;
    if (m->share == SHARE_EVEN)
        return m->n * rank / n_ranks;
    if (m->share == SHARE_LAST_HAS_ALL)
        return 0;
    return rank <= 1 ? 0 : m->n - (n_ranks - rank) * (m->n / 50); /* none, most, and a few each */
}

/* Rows in memory; rows.values and the like point into it. */
typedef struct handed {
    skymeans_rows rows;
    char *memory;
    double *weights; /* every other one counts */
    const void *columns[64];
    size_t bytes, weight_bytes;
    uint64_t hash;
} handed;

static inline uint64_t hash_memory(const void *memory, size_t bytes)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < bytes; i++)
        hash = km_mix(hash ^ ((const unsigned char *)memory)[i]) + 1;
    return hash;
}

static inline void put_value(const mock_rows *m, char *at, double value)
{
    const float as_float = (float)value;
    if (m->type == SKYMEANS_FLOAT32)
        memcpy(at, &as_float, sizeof as_float);
    else
        memcpy(at, &value, sizeof value);
}

/* Strides and beginnings of each form. Structs are packed, with 5 bytes of something else behind.
 */
static inline void choose_form(const mock_rows *m, handed *h, int64_t size)
{
    const int64_t n = h->rows.n_rows, d = m->d;
    h->rows.row_stride = m->form == FORM_COLUMNS ? size : d * size + (m->form == FORM_STRUCTS) * 5;
    h->rows.feature_stride = size;
    h->rows.values = h->memory;
    if (m->form == FORM_BACKWARDS) {
        h->rows.row_stride = -h->rows.row_stride;
        h->rows.feature_stride = -size;
        h->rows.values = h->memory + (n > 0 ? n * d - 1 : 0) * size;
    }
    for (int64_t j = 0; j < d && m->form == FORM_COLUMNS; j++)
        h->columns[j] = h->memory + j * n * size;
    if (m->form == FORM_COLUMNS) {
        h->rows.values = NULL;
        h->rows.feature_stride = 0;
    } else if (m->form == FORM_TABLE) { /* as the macro has it */
        h->rows.row_stride = h->rows.feature_stride = 0;
    }
}

static inline char *place_of(const mock_rows *m, const handed *h, int64_t i, int64_t j,
                             int64_t size)
{
    if (m->form == FORM_TABLE)
        return h->memory + (i * m->d + j) * size;
    if (m->form == FORM_COLUMNS)
        return (char *)(uintptr_t)h->columns[j] + i * size;
    return (char *)(uintptr_t)h->rows.values + i * h->rows.row_stride + j * h->rows.feature_stride;
}

static inline void fill(const mock_rows *m, handed *h, int64_t first, int64_t size)
{
    for (int64_t i = 0; i < h->rows.n_rows; i++) {
        for (int64_t j = 0; j < m->d; j++)
            put_value(m, place_of(m, h, i, j, size), mock_value(m, first + i, j));
        h->weights[2 * i] = mock_weight(first + i);
    }
    h->hash = hash_memory(h->memory, h->bytes) + hash_memory(h->weights, h->weight_bytes);
}

/* Gives this rank's rows; drop_rows frees them, after a look at whether they are as they were. */
static inline void hand_over(const mock_rows *m, handed *h)
{
    const skymeans_rows defaults = SKYMEANS_ROWS;
    const int rank = km_comm_rank(m->comm);
    const int64_t first = mock_first(m, rank), n = mock_first(m, rank + 1) - first;
    const int64_t size = m->type == SKYMEANS_FLOAT32 ? 4 : 8;
    *h = (handed){.rows = defaults,
                  .bytes = (size_t)(n * (m->d * size + 5)),
                  .weight_bytes = (size_t)n * 2 * sizeof(double)};
    h->memory = calloc(h->bytes + 1, 1);
    h->weights = calloc((size_t)n + 1, 2 * sizeof(double));
    h->rows.n_rows = n;
    h->rows.first_row = m->has_numbers ? first : -1;
    h->rows.n_features = m->d;
    h->rows.type = m->type;
    choose_form(m, h, size);
    h->rows.weights = m->has_weights ? h->weights : NULL;
    h->rows.weight_stride = 2 * sizeof(double);
    fill(m, h, first, size);
}

static inline void drop_rows(handed *h)
{
    const uint64_t hash =
        hash_memory(h->memory, h->bytes) + hash_memory(h->weights, h->weight_bytes);
    free(h->memory);
    free(h->weights);
    ck_assert(hash == h->hash);
}

static inline skymeans_samples *make_samples(const mock_rows *m)
{
    handed h;
    skymeans_samples *samples;
    skymeans_error error;
    const int rounding = fegetround(); /* of calls, not of what rows are made of */
    fesetround(FE_TONEAREST);
    hand_over(m, &h);
    fesetround(rounding);
    h.rows.columns = m->form == FORM_COLUMNS ? h.columns : NULL;
    const int code = skymeans_samples_create(&samples, &h.rows, m->comm, &error);
    drop_rows(&h);
    ck_assert_msg(code == SKYMEANS_OK, "%s", error.text);
    ck_assert(error.code == 0 && error.text[0] == '\0');
    return samples;
}

static inline uint64_t digest_history(const skymeans_answer *answer, int64_t count)
{
    const skymeans_iteration *history = skymeans_history(answer);
    uint64_t hash = 0;
    for (int64_t i = 0; i < count; i++) {
        hash = km_mix(hash ^ (uint64_t)history[i].number) + (uint64_t)history[i].relabeled;
        hash = km_hash_double(km_hash_double(hash, history[i].inertia), history[i].shift);
    }
    return hash;
}

/* Labels row by row, the same on all ranks. */
static inline uint64_t digest_labels(const mock_rows *m, const skymeans_answer *answer)
{
    const int rank = km_comm_rank(m->comm);
    const int64_t first = mock_first(m, rank), end = mock_first(m, rank + 1);
    uint64_t sum = 0;
    for (int64_t i = first; i < end; i++)
        sum += km_hash_label(i, skymeans_labels(answer)[i - first]);
    km_sum_uint64(m->comm, &sum, 1);
    return sum;
}

static inline skymeans_summary summary_of(const skymeans_answer *answer)
{
    skymeans_summary summary = SKYMEANS_SUMMARY;
    skymeans_summarize(answer, &summary);
    return summary;
}

/* All that an answer says, as one number; `has_history` is not so of a prediction. */
static inline uint64_t digest(const mock_rows *m, const skymeans_answer *answer, bool has_history)
{
    const skymeans_summary s = summary_of(answer);
    uint64_t hash = digest_labels(m, answer);
    hash = km_hash_doubles(hash, skymeans_centers(answer), s.n_clusters * s.n_features);
    hash = km_mix(hash ^ hash_memory(skymeans_sizes(answer), (size_t)s.n_clusters * 8));
    hash = km_mix(hash ^ s.checksum) + (uint64_t)(s.n_rows * 3 + s.n_used);
    if (!has_history)
        return hash;
    hash = km_hash_doubles(hash, skymeans_weights(answer), s.n_clusters);
    hash = km_mix(km_hash_double(hash, s.inertia) ^ digest_history(answer, s.n_iterations));
    return km_mix(hash + (uint64_t)s.stop) + (uint64_t)(s.n_fits + 2 * s.best + 3 * s.n_empty);
}

/* Fits, which must be possible. */
static inline skymeans_answer *fit_samples(skymeans_samples *samples,
                                           const skymeans_problem *problem,
                                           const skymeans_manner *manner,
                                           const skymeans_control *control, MPI_Comm comm)
{
    skymeans_answer *answer;
    skymeans_error error;
    const int code = skymeans_fit(&answer, problem, samples, manner, control, comm, &error);
    ck_assert_msg(code == SKYMEANS_OK, "%s", error.text);
    return answer;
}

/* Samples and fit at once; the digest of the answer. */
static inline uint64_t fit_rows(const mock_rows *m, const skymeans_problem *problem,
                                const skymeans_manner *manner)
{
    skymeans_samples *samples = make_samples(m);
    skymeans_answer *answer = fit_samples(samples, problem, manner, NULL, m->comm);
    skymeans_samples_free(samples); /* which the answer does not need */
    const uint64_t found = digest(m, answer, true);
    skymeans_answer_free(answer);
    return found;
}

/* Communicators of all ranks, of 3 and 2 ranks, and of each rank alone. */
enum { N_GROUPINGS = 3 };

static inline void make_groups(MPI_Comm comms[N_GROUPINGS])
{
    const int rank = km_comm_rank(MPI_COMM_WORLD);
    MPI_Comm_dup(MPI_COMM_WORLD, &comms[0]);
    MPI_Comm_split(MPI_COMM_WORLD, rank < 3, rank, &comms[1]);
    MPI_Comm_dup(MPI_COMM_SELF, &comms[2]);
}

static inline void free_groups(MPI_Comm comms[N_GROUPINGS])
{
    for (int g = 0; g < N_GROUPINGS; g++)
        MPI_Comm_free(&comms[g]);
}

/* Is a number the same on all ranks of the world? Collective. */
static inline bool is_same_everywhere(uint64_t number)
{
    uint64_t least, most;
    MPI_Allreduce(&number, &least, 1, MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD);
    MPI_Allreduce(&number, &most, 1, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD);
    return least == most;
}

#endif
