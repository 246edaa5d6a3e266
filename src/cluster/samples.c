/* Samples from a caller's rows, which are copied into blocks. */
#include "cluster/cluster.h"

#include "base/memory.h"
#include "base/threads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void km_samples_clear(skymeans_samples *samples)
{
    km_samples_free(&samples->memory);
    km_transform_free(&samples->transform);
    km_facts_free(&samples->facts);
}

uint64_t km_samples_find_hash(skymeans_samples *samples, MPI_Comm comm)
{
    if (!samples->has_hash)
        samples->features_hash = km_hash_samples(&samples->memory, comm);
    samples->has_hash = true;
    return samples->features_hash;
}

km_spread km_samples_find_spread(const skymeans_samples *samples, MPI_Comm comm)
{
    const km_rows slab = samples->memory.slab;
    int64_t sums[2] = {slab.count, samples->memory.n_samples};
    int64_t max[3] = {slab.count, INT64_MIN, INT64_MIN}; /* rows, end, negative of the first */
    if (slab.count > 0) {
        max[1] = slab.first + slab.count;
        max[2] = -slab.first;
    }
    km_sum_int64(comm, sums, 2);
    km_max_int64(comm, max, 3);
    return (km_spread){.n_rows = sums[0],
                       .n_used = sums[1],
                       .span = sums[0] > 0 ? max[1] + max[2] : 0,
                       .n_of_largest = max[0]};
}

/* ---- checking -------------------------------------------------------------------------------- */

static km_code bad_rows(const char *why, km_error *error)
{
    return km_fail(error, KM_USAGE, "bad rows: %s", why);
}

/* Checks the rows of one rank. Local. */
static km_code check_own_rows(const skymeans_rows *rows, km_error *error)
{
    const bool has_values = rows->values != NULL || rows->columns != NULL;
    if (rows->n_features < 1 || rows->n_features > INT32_MAX)
        return bad_rows("n_features must be 1 to 2^31 - 1", error);
    if (rows->n_rows < 0 || rows->n_rows > UINT32_MAX)
        return bad_rows("n_rows must be 0 to 2^32 - 1 on each rank; use more ranks", error);
    if (rows->n_rows > 0 && !has_values)
        return bad_rows("neither values nor columns are given", error);
    for (int64_t j = 0; j < rows->n_features && rows->n_rows > 0 && rows->columns != NULL; j++)
        if (rows->columns[j] == NULL)
            return bad_rows("one of the columns is NULL", error);
    if (rows->type != SKYMEANS_FLOAT32 && rows->type != SKYMEANS_FLOAT64)
        return bad_rows("type must be SKYMEANS_FLOAT32 or SKYMEANS_FLOAT64", error);
    if (rows->first_row < -1 || rows->first_row > INT64_MAX - UINT32_MAX)
        return bad_rows("first_row must be -1 or the number of a row", error);
    return KM_OK;
}

/* Checks what must be the same on all ranks: the maximum of each value must equal its minimum,
 * which is found as the maximum of the negative. */
static km_code check_same_rows(const skymeans_rows *rows, MPI_Comm comm, km_error *error)
{
    enum { N = 4 };
    const bool has_rows = rows->n_rows > 0; /* without rows, first_row and weights don't matter */
    const int64_t own[N] = {rows->n_features, rows->type, has_rows ? rows->first_row < 0 : -1,
                            has_rows ? rows->weights != NULL : -1};
    int64_t max[2 * N];
    for (int i = 0; i < N; i++) {
        max[i] = own[i];
        max[N + i] = own[i] >= 0 ? -own[i] : INT64_MIN;
    }
    km_max_int64(comm, max, (int64_t)2 * N);
    if (max[0] != -max[N] || max[1] != -max[N + 1] || (max[2] >= 0 && max[2] != -max[N + 2]))
        return bad_rows("n_features, type, and whether first_row is given must be the same on all "
                        "ranks",
                        error);
    if (max[3] >= 0 && max[3] != -max[N + 3])
        return bad_rows("weights are given on some ranks only", error);
    return KM_OK;
}

/* Does any rank have weights? Ranks without rows need not give them. */
static bool have_weights(const skymeans_rows *rows, MPI_Comm comm)
{
    int64_t has_weights = rows->n_rows > 0 && rows->weights != NULL;
    km_max_int64(comm, &has_weights, 1);
    return has_weights > 0;
}

/* Slabs must ascend with ranks, which seedings rely on, and must not overlap. */
static km_code check_slabs(km_rows slab, MPI_Comm comm, km_error *error)
{
    const int n_ranks = km_comm_size(comm);
    km_rows *all = km_allocate(n_ranks, sizeof *all, "slabs of ranks", error);
    if (km_agree(comm, error) == KM_OK) {
        int64_t end = 0;
        km_gather(comm, &slab, sizeof slab, all);
        for (int r = 0; r < n_ranks; r++) {
            if (all[r].count > 0 && all[r].first < end)
                bad_rows("numbers must ascend with ranks: a first_row is below the end of the rows "
                         "of a lower rank",
                         error);
            if (all[r].count > 0)
                end = all[r].first + all[r].count;
        }
    }
    free(all);
    return error->code;
}

static km_code check_weights(const double *weights, int64_t first, int64_t count, km_error *error)
{
    for (int64_t i = 0; i < count; i++)
        if (!(weights[i] >= 0) || !isfinite(weights[i]))
            return km_fail(error, KM_DATA,
                           "bad weight (row %lld): it is %g; weights must be finite, and at least "
                           "0",
                           (long long)(first + i), weights[i]);
    return KM_OK;
}

/* ---- copying --------------------------------------------------------------------------------- */

/* Rows that a thread copies at a time: whole blocks. Of long rows there may be few, and fewer of
 * them are still in the cache when they are copied. */
enum { MAX_PIECE = 16 * KM_BLOCK, PIECE_OF_LONG = 2 * KM_BLOCK, LONG = 64 };

typedef struct collection {
    const skymeans_rows *rows;
    skymeans_samples *samples;
    km_values *features; /* [n_features], the values of the first row and their strides */
    bool is_table;       /* all values lie one after the other, row by row */
    int64_t *n_before;   /* [n_pieces + 1], number of samples in the pieces before each piece */
    int64_t piece_size, n_pieces;
    bool has_missing; /* a value is missing in one of the pieces read so far */
} collection;

static void find_features(collection *c)
{
    const skymeans_rows *rows = c->rows;
    const int64_t size = rows->type == SKYMEANS_FLOAT32 ? 4 : 8;
    const int64_t between = rows->feature_stride != 0 ? rows->feature_stride : size;
    const int64_t row_size = rows->columns != NULL ? size : rows->n_features * size;
    c->is_table = rows->columns == NULL && between == size &&
                  (rows->row_stride == 0 || rows->row_stride == row_size);
    for (int64_t j = 0; j < rows->n_features && rows->n_rows > 0; j++) {
        c->features[j].first =
            rows->columns != NULL ? rows->columns[j] : (const char *)rows->values + j * between;
        c->features[j].stride = rows->row_stride != 0 ? rows->row_stride : row_size;
    }
}

static int64_t rows_of_piece(const collection *c, int64_t piece)
{
    const int64_t left = c->rows->n_rows - piece * c->piece_size;
    return left < c->piece_size ? left : c->piece_size;
}

/* Two functions per type. has_missing_: is any of `count` adjacent values not finite?
 * mark_missing_: marks those of `count` values that are not finite. Both look at the bits of the
 * exponent, since with some options compilers assume that all values are finite. */
#define DEFINE_MISSING(name, real, bits, exponent)                                 \
    static bool has_missing_##name(const char *at, int64_t count)                  \
    {                                                                              \
        bits any = 0;                                                              \
        for (int64_t i = 0; i < count; i++) {                                      \
            bits value;                                                            \
            memcpy(&value, at + i * (int64_t)sizeof value, sizeof value);          \
            any |= (value & (bits)(exponent)) == (bits)(exponent);                 \
        }                                                                          \
        return any != 0;                                                           \
    }                                                                              \
    static void mark_missing_##name(const char *at, int64_t stride, int64_t count, \
                                    uint8_t *is_missing)                           \
    {                                                                              \
        for (int64_t i = 0; i < count; i++) {                                      \
            bits value;                                                            \
            memcpy(&value, at + i * stride, sizeof value);                         \
            is_missing[i] |= (value & (bits)(exponent)) == (bits)(exponent);       \
        }                                                                          \
    }

DEFINE_MISSING(float32, float, uint32_t, 0x7f800000u)
DEFINE_MISSING(float64, double, uint64_t, 0x7ff0000000000000u)

/* Is nothing missing in a piece of a table? This is common, and quick to find out. */
static bool is_whole(const collection *c, int64_t piece)
{
    const int64_t n = rows_of_piece(c, piece) * c->rows->n_features;
    const char *at =
        (const char *)c->features[0].first + piece * c->piece_size * c->features[0].stride;
    return c->is_table && !(c->rows->type == SKYMEANS_FLOAT32 ? has_missing_float32(at, n)
                                                              : has_missing_float64(at, n));
}

/* Marks the rows of a piece that lack a feature; returns how many rows lack none. */
static int64_t mark_missing(const collection *c, int64_t piece, uint8_t *is_missing)
{
    const int64_t count = rows_of_piece(c, piece);
    memset(is_missing, 0, (size_t)count);
    if (is_whole(c, piece))
        return count;
    for (int64_t j = 0; j < c->rows->n_features; j++) {
        const int64_t stride = c->features[j].stride;
        const char *at = (const char *)c->features[j].first + piece * c->piece_size * stride;
        if (c->rows->type == SKYMEANS_FLOAT32)
            mark_missing_float32(at, stride, count, is_missing);
        else
            mark_missing_float64(at, stride, count, is_missing);
    }
    return km_samples_count_used(is_missing, count);
}

/* Copies the weights of a piece. */
static void gather_weights(const collection *c, int64_t piece, double *weights)
{
    const int64_t size = sizeof *weights;
    const int64_t stride = c->rows->weight_stride != 0 ? c->rows->weight_stride : size;
    const char *at = (const char *)c->rows->weights + piece * c->piece_size * stride;
    for (int64_t i = 0; i < rows_of_piece(c, piece); i++)
        memcpy(&weights[i], at + i * stride, sizeof *weights);
}

/* Stores the rows of a piece that lack nothing as samples, from number `sample` on. `features` is a
 * workspace, [n_features]. */
static void store_piece(const collection *c, int64_t piece, km_values *features,
                        const double *weights, const uint8_t *is_missing, int64_t sample)
{
    const int64_t first = piece * c->piece_size;
    for (int64_t j = 0; j < c->rows->n_features; j++) {
        features[j] = c->features[j];
        features[j].first = (const char *)features[j].first + first * features[j].stride;
    }
    km_samples_put(&c->samples->memory, first, rows_of_piece(c, piece), features, weights,
                   is_missing, sample);
}

/* Looks for missing values in a piece. While no piece is known to have any, stores the piece at
 * once, since it is in the cache: its samples then have the numbers of its rows. */
static void copy_piece(collection *c, int64_t piece, km_values *features, km_error *error)
{
    uint8_t is_missing[MAX_PIECE];
    double weights[MAX_PIECE];
    const int64_t first = piece * c->piece_size, count = rows_of_piece(c, piece);
    const bool has_weights = c->samples->memory.weights != NULL;
    c->n_before[piece + 1] = mark_missing(c, piece, is_missing);
    if (c->n_before[piece + 1] < count)
        __atomic_store_n(&c->has_missing, true, __ATOMIC_RELAXED);
    if (has_weights) {
        gather_weights(c, piece, weights);
        check_weights(weights, c->samples->memory.slab.first + first, count, error);
    }
    if (!__atomic_load_n(&c->has_missing, __ATOMIC_RELAXED))
        store_piece(c, piece, features, has_weights ? weights : NULL, is_missing, first);
}

/* Stores a piece, once the number of samples before it is known. */
static void copy_piece_again(const collection *c, int64_t piece, km_values *features)
{
    uint8_t is_missing[MAX_PIECE];
    double weights[MAX_PIECE];
    const bool has_weights = c->samples->memory.weights != NULL;
    mark_missing(c, piece, is_missing);
    if (has_weights)
        gather_weights(c, piece, weights);
    store_piece(c, piece, features, has_weights ? weights : NULL, is_missing, c->n_before[piece]);
}

/* Copies all pieces, in one pass if no value is missing. `features` is a workspace,
 * [n_threads][n_features]. */
static void copy_pieces(collection *c, km_values *features, km_error *errors)
{
    const int64_t d = c->rows->n_features;
#pragma omp parallel
    {
#pragma omp for
        for (int64_t piece = 0; piece < c->n_pieces; piece++)
            copy_piece(c, piece, features + km_thread() * d, &errors[km_thread()]);
#pragma omp single
        for (int64_t piece = 0; piece < c->n_pieces; piece++)
            c->n_before[piece + 1] += c->n_before[piece];
#pragma omp for
        for (int64_t piece = 0; piece < (c->has_missing ? c->n_pieces : 0); piece++)
            copy_piece_again(c, piece, features + km_thread() * d);
    }
}

static km_code copy_rows(skymeans_samples *samples, const skymeans_rows *rows, km_error *error)
{
    const char *what = "copy of the rows";
    const int64_t d = rows->n_features;
    collection c = {
        .rows = rows, .samples = samples, .piece_size = d < LONG ? MAX_PIECE : PIECE_OF_LONG};
    c.n_pieces = (rows->n_rows + c.piece_size - 1) / c.piece_size;
    c.n_before = km_allocate_zeroed(c.n_pieces + 1, sizeof *c.n_before, what, error);
    c.features = km_allocate((1 + km_threads()) * d, sizeof *c.features, what, error);
    km_error *errors = km_allocate_zeroed(km_threads(), sizeof *errors, what, error);
    if (error->code == KM_OK) {
        find_features(&c);
        copy_pieces(&c, c.features + d, errors);
        km_samples_complete(&samples->memory, c.n_before[c.n_pieces]);
        for (int t = 0; t < km_threads() && error->code == KM_OK; t++)
            *error = errors[t];
    }
    free(c.n_before);
    free(c.features);
    free(errors);
    return error->code;
}

km_code km_cluster_collect(skymeans_samples *samples, const skymeans_rows *given, MPI_Comm comm,
                           km_error *error)
{
    skymeans_rows rows = SKYMEANS_ROWS;
    if (km_take_struct(&rows, sizeof rows, given, "SKYMEANS_ROWS", error) == KM_OK)
        check_own_rows(&rows, error);
    if (km_agree(comm, error) != KM_OK || check_same_rows(&rows, comm, error) != KM_OK)
        return error->code;
    const km_precision precision = rows.type == SKYMEANS_FLOAT32 ? KM_FLOAT32 : KM_FLOAT64;
    const int64_t below = km_sum_below(comm, rows.n_rows);
    const km_rows slab = {rows.first_row >= 0 ? rows.first_row : below, rows.n_rows};
    int64_t n_rows = rows.n_rows;
    km_sum_int64(comm, &n_rows, 1);
    if (check_slabs(slab, comm, error) != KM_OK)
        return error->code;
    /* Redistribution may give each rank the mean number of samples. */
    km_samples_create_for(&samples->memory, precision, rows.n_features, have_weights(&rows, comm),
                          slab, km_slab(n_rows, km_comm_size(comm), 0).count, error);
    samples->n_ranks = km_comm_size(comm);
    samples->rank = km_comm_rank(comm);
    if (km_agree(comm, error) == KM_OK)
        copy_rows(samples, &rows, error);
    return km_agree(comm, error);
}
