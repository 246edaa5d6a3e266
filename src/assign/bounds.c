/* The method `bounds`: a center is compared with the samples of a block only when it may have
 * become the nearest center of one of them.
 *
 * The gap of a block and a center is the minimum, over the block's samples that have another label,
 * of the distance to this center minus the distance to the sample's own center. When centers move,
 * the gap shrinks at most by the drift of this center plus the drift of the block's own centers. So
 * `bound` stores the gap plus both drifts at the time, and the center need not be compared while
 * the drifts of today sum to less. If that holds for all centers, no label of the block can change,
 * and its samples are not even read. Otherwise the centers in question and the block's own centers
 * are compared, and get new gaps. (Elkan 2003 has such bounds for each sample and center, Hamerly
 * 2010, doi:10.1137/1.9781611972801.12, one for each sample; these are for a block and a center.)
 *
 * Bounds are tight if the samples of a block have the same label and the same second nearest
 * centers. So samples are sorted by their labels (sorting.c) once few labels change, and again when
 * many have changed since; then all gaps are computed anew. Before the first sorting there are no
 * gaps, and every assignment is Lloyd's.
 *
 * Invariant: `bound` is at most the true gap plus the drifts at the time it was computed. Three
 * kinds of rounding are subtracted: that of canonical distances (KM_GAP_SLACK), that of drifts
 * (note_drifts, bound_of_gap), and that of a new label (lengthen_own_drift). */
#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/threads.h"
#include "methods.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCKS_AT_ONCE = 16,
    CACHE_LINE = 64,
    MAX_FETCHED = 8192, /* bytes of gaps */
};

/* Measured: sorting pays when at least MANY labels have changed since the last sorting, and at most
 * MAX_AT_ONCE of them in the last assignment. Fractions of the samples with weight, whose changes
 * alone are counted. */
static const double MANY = 0.8, MAX_AT_ONCE = 0.5;

/* The workspace of one thread. */
typedef struct workspace {
    void *work;      /* of kernels: [k][KM_GAPS_WORKSPACE] values */
    int32_t *chosen; /* [k] */
    double *gaps;    /* [k], of those that are chosen */
    uint64_t *used;  /* [k / 64], a bit for each center whose gap is used up */
    km_work done;
} workspace;

typedef struct bounds {
    int64_t n_counted; /* samples, those with weight */
    int64_t n_changed; /* labels since the samples were sorted, or since the first assignment */
    int64_t n_changed_last; /* in the last assignment */
    double largest;         /* absolute value of all samples */
    int64_t n_columns;      /* k rounded up */
    float *bound;           /* [n_blocks][n_columns], gaps plus drifts; NULL while there are none */
    float *own_drifts;     /* [n_blocks], sums of the largest movement of the block's own centers */
    double *drift;         /* [k], sums of the movement of each center, rounded up */
    float *drift_bound;    /* [n_columns], an upper bound of drift in float, see note_drifts */
    float *moved;          /* [k], in this assignment, an upper bound in float */
    void *before;          /* [k][d], centers of the last assignment */
    workspace *workspaces; /* [n_threads] */
} bounds;

/* ---- creating ------------------------------------------------------------------------------- */

static int64_t words_of(int64_t k)
{
    return (k + 63) / 64;
}

static void create_bounds_workspace(workspace *w, const km_samples *samples, int64_t k,
                                    km_error *error)
{
    const char *what = "bounds";
    w->work =
        km_allocate(k * KM_GAPS_WORKSPACE, km_precision_size(samples->precision), what, error);
    w->chosen = km_allocate(k, sizeof *w->chosen, what, error);
    w->gaps = km_allocate(k, sizeof *w->gaps, what, error);
    w->used = km_allocate(words_of(k), sizeof *w->used, what, error);
}

static double find_largest_sample(const km_samples *samples)
{
    double largest = 0;
#pragma omp parallel for reduction(max : largest)
    for (int64_t b = 0; b < samples->n_blocks; b++)
        for (int64_t j = 0; j < samples->n_features; j++) {
            double lowest, highest;
            km_samples_range(samples, b, j, &lowest, &highest);
            largest = fmax(largest, fmax(fabs(lowest), fabs(highest)));
        }
    return largest;
}

static int64_t count_samples(const km_samples *samples)
{
    int64_t n = 0;
    for (int64_t i = 0; i < samples->n_samples; i++)
        n += samples->weights == NULL || samples->weights[i] > 0;
    return n;
}

km_code km_bounds_create(km_assigner *assigner, km_error *error)
{
    const km_samples *samples = assigner->samples;
    const int64_t k = assigner->n_clusters, d = samples->n_features;
    const char *what = "bounds";
    bounds *b = km_allocate_zeroed(1, sizeof *b, what, error);
    assigner->state = b;
    if (b == NULL)
        return error->code;
    b->n_columns = (k + KM_GAPS_ALIGNED - 1) / KM_GAPS_ALIGNED * KM_GAPS_ALIGNED;
    b->own_drifts = km_allocate(samples->n_blocks, sizeof *b->own_drifts, what, error);
    b->drift = km_allocate(k, sizeof *b->drift, what, error);
    b->drift_bound = km_allocate(b->n_columns, sizeof *b->drift_bound, what, error);
    b->moved = km_allocate(k, sizeof *b->moved, what, error);
    b->before = km_allocate(k * d, km_precision_size(samples->precision), what, error);
    b->workspaces = km_allocate_zeroed(assigner->n_threads, sizeof *b->workspaces, what, error);
    for (int i = 0; i < assigner->n_threads && b->workspaces != NULL; i++)
        create_bounds_workspace(&b->workspaces[i], samples, k, error);
    if (error->code == KM_OK) {
        b->largest = find_largest_sample(samples);
        b->n_counted = count_samples(samples);
    }
    return error->code;
}

void km_bounds_free(km_assigner *assigner)
{
    bounds *b = assigner->state;
    for (int i = 0; i < assigner->n_threads && b->workspaces != NULL; i++) {
        free(b->workspaces[i].work);
        free(b->workspaces[i].chosen);
        free(b->workspaces[i].gaps);
        free(b->workspaces[i].used);
    }
    free(b->bound);
    free(b->own_drifts);
    free(b->drift);
    free(b->drift_bound);
    free(b->moved);
    free(b->before);
    free(b->workspaces);
    free(b);
}

/* ---- gaps ----------------------------------------------------------------------------------- */

/* Adds the movement of the centers to their drifts. Bounds in float are larger by a factor of 1 +
 * 2^-21, so that the rounded sum of two of them is still an upper bound. */
static void note_drifts(bounds *b, const km_assigner *assigner, const void *centers)
{
    for (int64_t c = 0; c < assigner->n_clusters; c++) {
        const double moved = km_center_movement(assigner->samples, b->before, centers, c);
        b->moved[c] = (float)(moved * (1 + 0x1p-21));
        b->drift[c] = moved > 0 ? nextafter(b->drift[c] + moved, INFINITY) : b->drift[c];
        b->drift_bound[c] = (float)(b->drift[c] * (1 + 0x1p-21));
    }
}

/* The maximum movement of the block's own centers. */
static float own_center_movement(const bounds *b, const int32_t *labels, int lanes)
{
    float maximum = b->moved[labels[0]];
    for (int l = 1; l < lanes; l++)
        if (labels[l] != labels[l - 1] && b->moved[labels[l]] > maximum)
            maximum = b->moved[labels[l]];
    return maximum;
}

/* The gap plus the drifts so far. Subtracts the rounding of such sums, and what is lost of drifts
 * that are too small for float. */
static float bound_of_gap(double gap, double drifts)
{
    if (gap == (double)INFINITY)
        return INFINITY;
    return (float)(gap + drifts - 0x1p-20 * (fabs(gap) + drifts) - 1e-36);
}

/* Labels follow rounded distances, so the new center may really be slightly farther than the old
 * one; the excess counts as drift of the block's own centers. Centers that were compared just now
 * have new gaps; the others need this. */
static void lengthen_own_drift(const km_assigner *assigner, int64_t block, double farthest)
{
    const bounds *b = assigner->state;
    const km_precision precision = assigner->samples->precision;
    const int64_t d = assigner->samples->n_features;
    const double farther = KM_GAP_SLACK(d) * km_precision_epsilon(precision) * farthest +
                           4 * sqrt(((double)d + 2) * km_precision_smallest(precision));
    float *own = &b->own_drifts[block];
    *own = (*own + (float)farther) * (float)(1 + 0x1p-22);
}

/* Compares the chosen centers with the samples of a block, and stores their new gaps. */
static void compare_in_block(km_assigner *assigner, const void *centers, int64_t block,
                             int64_t n_chosen)
{
    bounds *b = assigner->state;
    workspace *w = &b->workspaces[km_thread()];
    const km_samples *samples = assigner->samples;
    float *bound = b->bound + block * b->n_columns;
    const size_t lanes_size = (size_t)km_samples_lanes(samples, block) * sizeof(int32_t);
    int32_t labels[KM_BLOCK];
    const double farthest = assigner->kernel->nearest_gaps[samples->precision](
        km_samples_block(samples, block), centers, samples->n_features, w->chosen, n_chosen,
        w->work, labels, w->gaps);
    if (memcmp(labels, assigner->labels + block * KM_BLOCK, lanes_size) != 0)
        lengthen_own_drift(assigner, block, farthest);
    km_assigner_relabel(assigner, block, labels);
    const double own_drift = (double)b->own_drifts[block];
    for (int64_t i = 0; i < n_chosen; i++) {
        const int32_t c = w->chosen[i];
        bound[c] = bound_of_gap(w->gaps[i], (double)b->drift_bound[c] + own_drift);
    }
    w->done.distances += n_chosen * KM_BLOCK;
}

/* Computes all gaps of a block. */
static void make_bounds_of_block(km_assigner *assigner, const void *centers, int64_t block)
{
    bounds *b = assigner->state;
    const int64_t k = assigner->n_clusters;
    int32_t *chosen = b->workspaces[km_thread()].chosen;
    b->own_drifts[block] = 0;
    for (int64_t c = 0; c < k; c++)
        chosen[c] = (int32_t)c;
    for (int64_t c = k; c < b->n_columns; c++)
        b->bound[block * b->n_columns + c] = INFINITY;
    compare_in_block(assigner, centers, block, k);
}

static void fetch_bounds(const km_assigner *assigner, int64_t block)
{
    const bounds *b = assigner->state;
    if (block >= assigner->samples->n_blocks)
        return;
    const char *bound = (const char *)(b->bound + block * b->n_columns);
    const int64_t size = b->n_columns * (int64_t)sizeof *b->bound;
    for (int64_t i = 0; i < size && i < MAX_FETCHED; i += CACHE_LINE)
        __builtin_prefetch(bound + i);
}

static void assign_block_by_bounds(km_assigner *assigner, const void *centers, int64_t block)
{
    bounds *b = assigner->state;
    workspace *w = &b->workspaces[km_thread()];
    const int32_t *labels = assigner->labels + block * KM_BLOCK;
    const int lanes = km_samples_lanes(assigner->samples, block);
    float *drift = &b->own_drifts[block];
    *drift = (*drift + own_center_movement(b, labels, lanes)) * (float)(1 + 0x1p-22);
    if (!assigner->kernel->used_up(b->bound + block * b->n_columns, b->drift_bound, *drift,
                                   b->n_columns, w->used))
        return;
    for (int l = 0; l < lanes; l++)
        w->used[labels[l] / 64] |= (uint64_t)1 << labels[l] % 64;
    compare_in_block(assigner, centers, block,
                     km_list_bits(w->used, words_of(assigner->n_clusters), w->chosen));
}

/* Gaps no longer hold; their memory is free for other uses. */
static void forget_bounds(bounds *b)
{
    free(b->bound);
    b->bound = NULL;
}

/* Computes all gaps for the current centers. Without memory for them, assigns by Lloyd. */
static void make_bounds(km_assigner *assigner, const void *centers)
{
    bounds *b = assigner->state;
    km_error no_memory = {0};
    b->bound = km_allocate(assigner->samples->n_blocks * b->n_columns, sizeof *b->bound, "bounds",
                           &no_memory);
    if (b->bound == NULL) {
        km_assign_lloyd(assigner, centers);
        return;
    }
    memset(b->drift, 0, (size_t)assigner->n_clusters * sizeof *b->drift);
    memset(b->drift_bound, 0, (size_t)b->n_columns * sizeof *b->drift_bound);
#pragma omp parallel for schedule(dynamic, BLOCKS_AT_ONCE)
    for (int64_t block = 0; block < assigner->samples->n_blocks; block++)
        make_bounds_of_block(assigner, centers, block);
}

static void assign_by_bounds(km_assigner *assigner, const void *centers)
{
    const int64_t n_blocks = assigner->samples->n_blocks;
    note_drifts(assigner->state, assigner, centers);
#pragma omp parallel for schedule(dynamic, BLOCKS_AT_ONCE)
    for (int64_t block = 0; block < n_blocks; block++) {
        fetch_bounds(assigner, block + 1);
        assign_block_by_bounds(assigner, centers, block);
    }
}

/* ---- assigning all samples ------------------------------------------------------------------ */

static int64_t count_changed(const km_assigner *assigner)
{
    int64_t n = 0;
    for (int i = 0; i < assigner->n_threads; i++)
        n += assigner->totals[i].extras[KM_EXTRA_RELABELED];
    return n;
}

static void add_up_bounds_work(km_assigner *assigner, bounds *b)
{
    for (int i = 0; i < assigner->n_threads; i++) {
        assigner->done.distances += b->workspaces[i].done.distances;
        b->workspaces[i].done = (km_work){0, 0};
    }
}

static bool is_time_to_sort(const km_assigner *assigner)
{
    const bounds *b = assigner->state;
    const double n = (double)b->n_counted;
    return (double)b->n_changed > MANY * n && (double)b->n_changed_last < MAX_AT_ONCE * n;
}

/* Too little memory costs only time: samples then stay in the order they have, or are assigned by
 * Lloyd. */
static void assign_in_turn(km_assigner *assigner, const void *centers)
{
    bounds *b = assigner->state;
    if (is_time_to_sort(assigner)) {
        km_error no_memory = {0};
        forget_bounds(b);
        km_sort_by_label(assigner, &no_memory);
        km_memory_return();
        b->n_changed = 0;
        make_bounds(assigner, centers);
    } else if (b->bound != NULL) {
        assign_by_bounds(assigner, centers);
    } else {
        km_assign_lloyd(assigner, centers);
    }
}

void km_bounds_assign(km_assigner *assigner, const void *centers)
{
    bounds *b = assigner->state;
    const km_samples *samples = assigner->samples;
    const int64_t n = assigner->n_clusters * samples->n_features;
    const int64_t n_changed = count_changed(assigner);
    /* Gaps and drifts are floats whatever the precision of the samples. An infinite drift would use
     * up the gaps of the padding, too. */
    if (km_centers_are_safe(assigner, centers, b->largest, KM_FLOAT32)) {
        assign_in_turn(assigner, centers);
        memcpy(b->before, centers, (size_t)n * km_precision_size(samples->precision));
    } else {
        km_assign_lloyd(assigner, centers);
        forget_bounds(b);
        b->n_changed = b->n_counted;
    }
    b->n_changed_last = count_changed(assigner) - n_changed;
    b->n_changed += b->n_changed_last;
    add_up_bounds_work(assigner, b);
}

static double gaps_bytes(const km_shape *shape)
{
    const double n_columns = ceil((double)shape->n_clusters / KM_GAPS_ALIGNED) * KM_GAPS_ALIGNED;
    return (double)shape->n_samples / KM_BLOCK * (n_columns + 1) * sizeof(float);
}

/* `auto` lets a gap for each block and center take no more than samples do in single precision. */
bool km_bounds_is_available(const km_shape *shape)
{
    return shape->n_clusters <= shape->n_features * KM_BLOCK;
}

/* Gaps, which are made anew after sorting; candidates of each thread. */
double km_bounds_bytes(const km_shape *shape)
{
    const double k = (double)shape->n_clusters;
    const double of_center = KM_GAPS_WORKSPACE * km_value_bytes(shape) + sizeof(double) +
                             sizeof(int32_t) + sizeof(int64_t) / KM_BLOCK;
    return km_larger(gaps_bytes(shape), km_sort_bytes(shape)) + shape->n_threads * k * of_center +
           k * 2 * sizeof(double) + km_rounded_bytes(shape);
}

/* They cost what the gaps take, and pay with more clusters the fewer features there are. */
double km_bounds_cost(const km_shape *shape)
{
    enum { FEW_FEATURES = 9, MEDIUM_FEATURES = 12, FEWEST_CLUSTERS = 32, FEWEST_OF_MEDIUM = 128 };
    const double k = (double)shape->n_clusters;
    const int64_t fewest = shape->n_features > MEDIUM_FEATURES ? FEWEST_CLUSTERS : FEWEST_OF_MEDIUM;
    return shape->n_features > FEW_FEATURES && shape->n_clusters >= fewest ? 2 + k / 8 : k + 1;
}
