/* Gaps of blocks and centers, and what is compared because of them; see bounds.c. */
#include "base/large.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/threads.h"
#include "bounds.h"

#include <math.h>
#include <string.h>

enum {
    CACHE_LINE = 64,
    MAX_FETCHED = 8192,   /* bytes of gaps, or of samples */
    BLOCKS_FETCHED = 256, /* that a thread takes at once where samples are on a disk */
    FEWEST_SCREENED = 32, /* centers: fewer are faster without whole numbers, as measured */
};

/* ---- drifts ---------------------------------------------------------------------------------- */

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

/* The next block is probably compared, too; processors don't fetch beyond a page by themselves. */
static void fetch_next_samples(const km_samples *samples, int64_t block)
{
    const int64_t size = km_block_bytes(samples);
    if (block + 1 < samples->n_blocks)
        for (int64_t i = 0; i < size && i < MAX_FETCHED; i += CACHE_LINE)
            __builtin_prefetch((const char *)km_samples_block(samples, block + 1) + i);
}

/* Tries the screen. -1 if it leaves too much open. */
static double compare_by_screen(km_assigner *assigner, const void *centers, int64_t block,
                                int64_t n_chosen, int32_t *labels, double *gaps)
{
    const bounds *b = assigner->state;
    const km_samples *samples = assigner->samples;
    bounds_workspace *w = &b->workspaces[km_thread()];
    const int lanes = km_samples_lanes(samples, block);
    for (int l = 0; l < KM_BLOCK; l++)
        labels[l] = assigner->labels[block * KM_BLOCK + (l < lanes ? l : 0)];
    w->n_screened += n_chosen;
    return assigner->kernel->screens->screened[samples->precision](
        km_samples_block(samples, block), centers, samples->n_features, &b->screen.screen,
        w->chosen, n_chosen, w->work, labels, gaps, &w->n_pairs);
}

/* The nearest of the chosen centers, their gaps, and a bound of the distances. */
static double compare_chosen(km_assigner *assigner, const void *centers, int64_t block,
                             int64_t n_chosen, int32_t *labels)
{
    const bounds *b = assigner->state;
    const km_samples *samples = assigner->samples;
    bounds_workspace *w = &b->workspaces[km_thread()];
    w->done.distances += n_chosen * KM_BLOCK;
    w->done.bytes += km_block_bytes(samples);
    fetch_next_samples(samples, block);
    if (b->has_screen && n_chosen >= FEWEST_SCREENED) {
        const double farthest =
            compare_by_screen(assigner, centers, block, n_chosen, labels, w->gaps);
        if (farthest >= 0)
            return farthest;
    }
    return assigner->kernel->nearest_gaps[samples->precision](
        km_samples_block(samples, block), centers, samples->n_features, w->chosen, n_chosen,
        w->work, labels, w->gaps);
}

/* Compares the chosen centers with the samples of a block, and stores their new gaps. */
static void compare_in_block(km_assigner *assigner, const void *centers, int64_t block,
                             int64_t n_chosen)
{
    bounds *b = assigner->state;
    bounds_workspace *w = &b->workspaces[km_thread()];
    const km_samples *samples = assigner->samples;
    float *bound = b->bound + block * b->n_columns;
    const size_t lanes_size = (size_t)km_samples_lanes(samples, block) * sizeof(int32_t);
    int32_t labels[KM_BLOCK];
    const double farthest = compare_chosen(assigner, centers, block, n_chosen, labels);
    if (memcmp(labels, assigner->labels + block * KM_BLOCK, lanes_size) != 0)
        lengthen_own_drift(assigner, block, farthest);
    km_assigner_relabel(assigner, block, labels);
    const double own_drift = (double)b->own_drifts[block];
    for (int64_t i = 0; i < n_chosen; i++) {
        const int32_t c = w->chosen[i];
        bound[c] = bound_of_gap(w->gaps[i], (double)b->drift_bound[c] + own_drift);
    }
}

static void choose_all(const bounds *b, int64_t k)
{
    for (int64_t c = 0; c < k; c++)
        b->workspaces[km_thread()].chosen[c] = (int32_t)c;
}

/* Computes all gaps of a block. */
static void make_bounds_of_block(km_assigner *assigner, const void *centers, int64_t block)
{
    bounds *b = assigner->state;
    const int64_t k = assigner->n_clusters;
    b->own_drifts[block] = 0;
    choose_all(b, k);
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

/* Finds which gaps of a block are used up, as bits of the workspace, with the drift of its own
 * centers. Is any? */
static bool find_used_up(const km_assigner *assigner, int64_t block, float *drift)
{
    const bounds *b = assigner->state;
    const int32_t *labels = assigner->labels + block * KM_BLOCK;
    const int lanes = km_samples_lanes(assigner->samples, block);
    *drift = (b->own_drifts[block] + own_center_movement(b, labels, lanes)) * (float)(1 + 0x1p-22);
    return assigner->kernel->used_up(b->bound + block * b->n_columns, b->drift_bound, *drift,
                                     b->n_columns, b->workspaces[km_thread()].used);
}

/* Where samples are on a disk: reads the blocks, of so many, that will be compared. */
static void fetch_blocks(const km_assigner *assigner, int64_t first, int64_t n_blocks)
{
    const bounds *b = assigner->state;
    const int64_t left = assigner->samples->n_blocks - first, n = n_blocks < left ? n_blocks : left;
    float drift;
    km_fetch_large(b->bound + first * b->n_columns, (size_t)(n * b->n_columns) * sizeof *b->bound);
    km_fetch_large(assigner->labels + first * KM_BLOCK,
                   (size_t)(n * KM_BLOCK) * sizeof *assigner->labels);
    for (int64_t block = first; block < first + n; block++)
        if (find_used_up(assigner, block, &drift))
            km_samples_fetch(assigner->samples, block, 1);
}

static void assign_block_by_bounds(km_assigner *assigner, const void *centers, int64_t block)
{
    bounds *b = assigner->state;
    bounds_workspace *w = &b->workspaces[km_thread()];
    const int32_t *labels = assigner->labels + block * KM_BLOCK;
    const int lanes = km_samples_lanes(assigner->samples, block);
    w->done.bytes += b->n_columns * (int64_t)sizeof *b->bound;
    if (!find_used_up(assigner, block, &b->own_drifts[block]))
        return;
    for (int l = 0; l < lanes; l++)
        w->used[labels[l] / 64] |= (uint64_t)1 << labels[l] % 64;
    compare_in_block(assigner, centers, block,
                     km_list_bits(w->used, (assigner->n_clusters + 63) / 64, w->chosen));
}

/* ---- all blocks ------------------------------------------------------------------------------ */

/* The nearest of all centers to the samples of a block. */
static void label_block(km_assigner *assigner, const void *centers, int64_t block, int32_t *labels)
{
    const bounds *b = assigner->state;
    const km_samples *samples = assigner->samples;
    const int64_t k = assigner->n_clusters;
    km_distances distances2;
    choose_all(b, k);
    b->workspaces[km_thread()].done.distances += k * KM_BLOCK;
    b->workspaces[km_thread()].done.bytes += km_block_bytes(samples);
    fetch_next_samples(samples, block);
    if (b->has_screen && compare_by_screen(assigner, centers, block, k, labels, NULL) >= 0)
        return;
    assigner->kernel->nearest[samples->precision](km_samples_block(samples, block), centers,
                                                  samples->n_features, k, labels, &distances2);
}

void km_bounds_compare_all(km_assigner *assigner, const void *centers)
{
#pragma omp parallel for schedule(dynamic, KM_BOUNDS_AT_ONCE)
    for (int64_t block = 0; block < assigner->samples->n_blocks; block++) {
        int32_t labels[KM_BLOCK];
        km_samples_pass(assigner->samples, block);
        km_pass_large(assigner->labels, block, assigner->samples->n_blocks, sizeof labels);
        label_block(assigner, centers, block, labels);
        km_assigner_relabel(assigner, block, labels);
    }
}

void km_bounds_make_gaps(km_assigner *assigner, const void *centers)
{
    const bounds *b = assigner->state;
    memset(b->drift, 0, (size_t)assigner->n_clusters * sizeof *b->drift);
    memset(b->drift_bound, 0, (size_t)b->n_columns * sizeof *b->drift_bound);
#pragma omp parallel for schedule(dynamic, KM_BOUNDS_AT_ONCE)
    for (int64_t block = 0; block < assigner->samples->n_blocks; block++) {
        km_samples_pass(assigner->samples, block);
        make_bounds_of_block(assigner, centers, block);
    }
}

void km_bounds_use_gaps(km_assigner *assigner, const void *centers)
{
    const int64_t n_blocks = assigner->samples->n_blocks;
    const bool is_on_disk = km_large_in_use() != NULL;
    const int64_t at_once = is_on_disk ? BLOCKS_FETCHED : KM_BOUNDS_AT_ONCE;
    note_drifts(assigner->state, assigner, centers);
#pragma omp parallel for schedule(dynamic, at_once)
    for (int64_t block = 0; block < n_blocks; block++) {
        if (is_on_disk && block % at_once == 0)
            fetch_blocks(assigner, block, at_once);
        fetch_bounds(assigner, block + 1);
        assign_block_by_bounds(assigner, centers, block);
    }
}
