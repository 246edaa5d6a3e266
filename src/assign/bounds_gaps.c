/* Gaps of blocks and centers, and what is compared because of them; see bounds.c. */
#include "base/partition.h"
#include "base/precision.h"
#include "base/threads.h"
#include "bounds.h"
#include "windows.h"

#include <math.h>
#include <string.h>

enum {
    CACHE_LINE = 64,
    MAX_FETCHED = 8192,   /* bytes of gaps, or of samples */
    FEWEST_SCREENED = 48, /* centers: fewer are faster without whole numbers, as measured */
};

/* ---- drifts ---------------------------------------------------------------------------------- */

/* Adds the movement of the centers to their drifts. Bounds in float are larger by a factor of 1 +
 * 2^-21, so that the rounded sum of two of them is still an upper bound. */
static void note_drifts(bounds *b, const km_assigner *assigner, const void *centers)
{
#pragma omp parallel for
    for (int64_t c = 0; c < assigner->n_clusters; c++) {
        const double moved = km_center_movement(assigner->samples, b->before, centers, c);
        b->moved[c] = (float)(moved * (1 + 0x1p-21));
        b->drift[c] = moved > 0 ? nextafter(b->drift[c] + moved, INFINITY) : b->drift[c];
        b->drift_bound[c] = (float)(b->drift[c] * (1 + 0x1p-21));
    }
}

/* The labels of a block, each once. */
typedef struct own_labels {
    int count;
    int32_t label[KM_BLOCK];
} own_labels;

static void list_own_labels(const km_assigner *assigner, int64_t block, own_labels *own)
{
    const km_samples *samples = assigner->samples;
    const int32_t *labels = assigner->labels + block * KM_BLOCK;
    uint64_t left = UINT64_MAX >> (KM_BLOCK - km_samples_lanes(samples, block));
    for (own->count = 0; left != 0; own->count++) {
        const int32_t label = own->label[own->count] = labels[__builtin_ctzll(left)];
        left &= ~assigner->kernel->lanes_with[samples->precision](labels, label);
    }
}

/* The maximum movement of the block's own centers. */
static float own_center_movement(const bounds *b, const own_labels *own)
{
    float maximum = 0;
    for (int i = 0; i < own->count; i++)
        maximum = fmaxf(maximum, b->moved[own->label[i]]);
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
    if (block + 1 >= samples->n_blocks)
        return;
    const char *next = km_samples_block(samples, block + 1);
    const int64_t size = km_block_bytes(samples);
    for (int64_t i = 0; i < size && i < MAX_FETCHED; i += CACHE_LINE)
        __builtin_prefetch(next + i);
}

/* The gaps of a block, where the assigner sees them. */
static float *gaps_of(const km_assigner *assigner, int64_t block)
{
    const bounds *b = assigner->state;
    float *all = assigner->window != NULL ? km_view_base(&assigner->window->gaps) : b->bound;
    return all + block * b->n_columns;
}

/* The nearest of the chosen centers, their gaps, and a bound of the distances. */
static double compare_chosen(km_assigner *assigner, const void *centers, int64_t block,
                             int64_t n_chosen, int32_t *labels)
{
    const bounds *b = assigner->state;
    const km_samples *samples = assigner->samples;
    bounds_workspace *w = &b->workspaces[km_thread()];
    w->done.distances += n_chosen * km_samples_lanes(samples, block);
    w->done.bytes += km_values_bytes(samples);
    fetch_next_samples(samples, block);
    if (b->used != NULL && n_chosen >= FEWEST_SCREENED) {
        const double farthest =
            km_bounds_compare_by_screen(assigner, centers, block, n_chosen, labels, w->gaps);
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
    float *bound = gaps_of(assigner, block);
    const size_t lanes_size = (size_t)km_samples_lanes(samples, block) * sizeof(int32_t);
    int32_t labels[KM_BLOCK];
    km_window_need(assigner, block);
    if (assigner->window != NULL)
        km_view_change(&assigner->window->gaps, block);
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
    b->workspaces[km_thread()].done.bytes += KM_BLOCK_LABELS_BYTES;
    choose_all(b, k);
    for (int64_t c = k; c < b->n_columns; c++)
        gaps_of(assigner, block)[c] = INFINITY;
    compare_in_block(assigner, centers, block, k);
}

static void fetch_bounds(const km_assigner *assigner, int64_t block)
{
    const bounds *b = assigner->state;
    if (block >= assigner->samples->n_blocks)
        return;
    const char *bound = (const char *)gaps_of(assigner, block);
    const int64_t size = b->n_columns * (int64_t)sizeof *b->bound;
    for (int64_t i = 0; i < size && i < MAX_FETCHED; i += CACHE_LINE)
        __builtin_prefetch(bound + i);
}

/* Finds which gaps of a block are used up, as bits of the workspace, with the drift of its own
 * centers. Is any? */
static bool find_used_up(const km_assigner *assigner, int64_t block, const own_labels *own,
                         float *drift)
{
    const bounds *b = assigner->state;
    *drift = (b->own_drifts[block] + own_center_movement(b, own)) * (float)(1 + 0x1p-22);
    return assigner->kernel->used_up(gaps_of(assigner, block), b->drift_bound, *drift, b->n_columns,
                                     b->workspaces[km_thread()].used);
}

static void assign_block_by_bounds(km_assigner *assigner, const void *centers, int64_t block)
{
    bounds *b = assigner->state;
    bounds_workspace *w = &b->workspaces[km_thread()];
    own_labels own;
    w->done.bytes += b->n_columns * (int64_t)sizeof *b->bound + KM_BLOCK_LABELS_BYTES;
    list_own_labels(assigner, block, &own);
    if (!find_used_up(assigner, block, &own, &b->own_drifts[block]))
        return;
    for (int i = 0; i < own.count; i++)
        w->used[own.label[i] / 64] |= (uint64_t)1 << own.label[i] % 64;
    compare_in_block(assigner, centers, block,
                     km_list_bits(w->used, (assigner->n_clusters + 63) / 64, w->chosen));
}

/* ---- all blocks ------------------------------------------------------------------------------ */

/* The nearest of all centers to the samples of a block. */
static void find_labels(km_assigner *assigner, const void *centers, int64_t block, int32_t *labels)
{
    const bounds *b = assigner->state;
    const km_samples *samples = assigner->samples;
    const int64_t k = assigner->n_clusters;
    km_distances distances2;
    choose_all(b, k);
    b->workspaces[km_thread()].done.distances += k * km_samples_lanes(samples, block);
    b->workspaces[km_thread()].done.bytes += km_block_bytes(samples);
    fetch_next_samples(samples, block);
    if (b->used != NULL &&
        km_bounds_compare_by_screen(assigner, centers, block, k, labels, NULL) >= 0)
        return;
    assigner->kernel->nearest[samples->precision](km_samples_block(samples, block), centers,
                                                  samples->n_features, k, labels, &distances2);
}

static void compare_all_in_block(km_assigner *assigner, const void *centers, int64_t block)
{
    int32_t labels[KM_BLOCK];
    find_labels(assigner, centers, block, labels);
    km_assigner_relabel(assigner, block, labels);
}

static void assign_block_in_order(km_assigner *assigner, const void *centers, int64_t block)
{
    fetch_bounds(assigner, block + 1);
    assign_block_by_bounds(assigner, centers, block);
}

typedef void block_work(km_assigner *assigner, const void *centers, int64_t block);

static void work_on_blocks(km_window *w, const void *centers, block_work *work)
{
    for (int64_t block = w->first; block < w->first + w->count; block++)
        work(&w->assigner, centers, block);
}

static void compare_window(km_window *w, const void *centers)
{
    work_on_blocks(w, centers, compare_all_in_block);
}

static void make_gaps_of_window(km_window *w, const void *centers)
{
    work_on_blocks(w, centers, make_bounds_of_block);
}

static void use_gaps_of_window(km_window *w, const void *centers)
{
    work_on_blocks(w, centers, assign_block_in_order);
}

static void choose_used_up(km_window *w, const void *centers)
{
    own_labels own;
    float drift;
    (void)centers;
    for (int64_t block = w->first; block < w->first + w->count; block++) {
        list_own_labels(&w->assigner, block, &own);
        if (find_used_up(&w->assigner, block, &own, &drift))
            km_window_want(w, block);
    }
}

/* Works on all blocks, on all threads: in memory, or by a pass through windows. */
static void for_all_blocks(km_assigner *assigner, const void *centers, block_work *work,
                           const km_window_pass *pass)
{
    if (km_windows_pay(assigner)) {
        km_windows_pass(assigner, pass, centers);
        return;
    }
#pragma omp parallel for schedule(dynamic, KM_BOUNDS_AT_ONCE)
    for (int64_t block = 0; block < assigner->samples->n_blocks; block++)
        work(assigner, centers, block);
}

void km_bounds_compare_all(km_assigner *assigner, const void *centers)
{
    const km_window_pass pass = {.has_labels = true, .work = compare_window};
    km_bounds_set_screen(assigner, centers, true);
    for_all_blocks(assigner, centers, compare_all_in_block, &pass);
}

void km_bounds_make_gaps(km_assigner *assigner, const void *centers)
{
    bounds *b = assigner->state;
    const km_window_pass pass = {
        .has_labels = true, .gaps = b->bound, .are_gaps_new = true, .work = make_gaps_of_window};
    km_bounds_set_screen(assigner, centers, true);
    memset(b->drift, 0, (size_t)assigner->n_clusters * sizeof *b->drift);
    memset(b->drift_bound, 0, (size_t)b->n_columns * sizeof *b->drift_bound);
    for_all_blocks(assigner, centers, make_bounds_of_block, &pass);
}

void km_bounds_use_gaps(km_assigner *assigner, const void *centers)
{
    bounds *b = assigner->state;
    const km_window_pass pass = {
        .has_labels = true, .gaps = b->bound, .want = choose_used_up, .work = use_gaps_of_window};
    km_bounds_set_screen(assigner, centers, false);
    note_drifts(b, assigner, centers);
    for_all_blocks(assigner, centers, assign_block_in_order, &pass);
}
