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
 * Whole numbers that stand for the features, or for a few coordinates, rule out most of the centers
 * that are compared (bounds_screens.c).
 *
 * Invariant: `bound` is at most the true gap plus the drifts at the time it was computed. Three
 * kinds of rounding are subtracted: that of canonical distances (KM_GAP_SLACK), that of drifts
 * (note_drifts, bound_of_gap), and that of a new label (lengthen_own_drift). */
#include "bounds.h"
#include "axes.h"
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/precision.h"
#include "windows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Measured: sorting pays when at least MANY labels have changed since the last sorting, and at most
 * MAX_AT_ONCE of them in the last assignment. Fractions of the samples with weight, whose changes
 * alone are counted. */
static const double MANY = 0.8, MAX_AT_ONCE = 0.5;

/* ---- creating ------------------------------------------------------------------------------- */

/* Bytes of a thread's workspace for kernels. */
static int64_t size_of_work(int64_t k, int64_t d, km_precision precision)
{
    const int64_t plain = k * KM_GAPS_WORKSPACE * (int64_t)km_precision_size(precision);
    const int64_t screened = km_screen_is_available(d) ? km_screen_workspace(d, k) : 0;
    return plain > screened ? plain : screened;
}

static void create_bounds_workspace(bounds_workspace *w, const km_samples *samples, int64_t k,
                                    km_error *error)
{
    const char *what = "bounds";
    w->work = km_allocate(size_of_work(k, samples->n_features, samples->precision), 1, what, error);
    w->chosen = km_allocate(k, sizeof *w->chosen, what, error);
    w->gaps = km_allocate(k, sizeof *w->gaps, what, error);
    w->used = km_allocate((k + 63) / 64, sizeof *w->used, what, error);
}

static int64_t count_samples(const km_samples *samples)
{
    int64_t n = 0;
    for (int64_t i = 0; i < samples->n_samples; i++)
        n += samples->weights == NULL || samples->weights[i] > 0;
    return n;
}

static int64_t count_columns(int64_t k)
{
    return (k + KM_GAPS_ALIGNED - 1) / KM_GAPS_ALIGNED * KM_GAPS_ALIGNED;
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
    b->n_columns = count_columns(k);
    b->own_drifts = km_allocate(samples->n_blocks, sizeof *b->own_drifts, what, error);
    b->drift = km_allocate(k, sizeof *b->drift, what, error);
    b->drift_bound = km_allocate(b->n_columns, sizeof *b->drift_bound, what, error);
    b->moved = km_allocate(k, sizeof *b->moved, what, error);
    b->before = km_allocate(k * d, km_precision_size(samples->precision), what, error);
    b->workspaces = km_allocate_zeroed(assigner->n_threads, sizeof *b->workspaces, what, error);
    for (int i = 0; i < assigner->n_threads && b->workspaces != NULL; i++)
        create_bounds_workspace(&b->workspaces[i], samples, k, error);
    b->has_screen = km_screen_pays(assigner->kernel, d);
    if (b->has_screen)
        km_screen_create(&b->screen, assigner->kernel, k, d, error);
    if (error->code == KM_OK) {
        b->largest = km_find_largest_sample(samples);
        b->n_counted = count_samples(samples);
    }
    return km_windows_create(assigner, b->n_columns * (int64_t)sizeof *b->bound, error);
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
    km_screen_free(&b->screen);
    km_screen_free(&b->on_axes);
    km_free_large(b->bound);
    free(b->own_drifts);
    free(b->drift);
    free(b->drift_bound);
    free(b->moved);
    free(b->before);
    free(b->workspaces);
    free(b);
}

/* Gaps no longer hold; their memory is free for other uses. */
static void forget_bounds(bounds *b)
{
    km_free_large(b->bound);
    b->bound = NULL;
}

/* Computes all gaps for the current centers. Without memory for them, compares all. */
static void make_bounds(km_assigner *assigner, const void *centers)
{
    bounds *b = assigner->state;
    km_error no_memory = {0};
    b->bound = km_allocate_large(assigner->samples->n_blocks * b->n_columns, sizeof *b->bound,
                                 "bounds", &no_memory);
    if (b->bound == NULL)
        km_bounds_compare_all(assigner, centers);
    else
        km_bounds_make_gaps(assigner, centers);
}

/* ---- assigning all samples ------------------------------------------------------------------ */

static void add_up_bounds_work(km_assigner *assigner, bounds *b)
{
    for (int i = 0; i < assigner->n_threads; i++)
        km_work_add_up(&assigner->done, &b->workspaces[i].done);
    km_bounds_judge_screens(assigner);
}

static bool is_time_to_sort(const km_assigner *assigner)
{
    const bounds *b = assigner->state;
    const double n = (double)b->n_counted;
    return (double)b->n_changed > MANY * n && (double)b->n_changed_last < MAX_AT_ONCE * n;
}

/* Too little memory costs only time: samples then stay in the order they have, or are assigned by
 * comparing with all. */
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
        km_bounds_use_gaps(assigner, centers);
    } else {
        km_bounds_compare_all(assigner, centers);
    }
}

void km_bounds_assign(km_assigner *assigner, const void *centers)
{
    bounds *b = assigner->state;
    const km_samples *samples = assigner->samples;
    const int64_t n = assigner->n_clusters * samples->n_features;
    const int64_t n_changed = km_count_relabeled(assigner);
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
    b->n_changed_last = km_count_relabeled(assigner) - n_changed;
    b->n_changed += b->n_changed_last;
    add_up_bounds_work(assigner, b);
}

static double gaps_bytes(const km_shape *shape)
{
    const double n_columns = (double)count_columns(shape->n_clusters);
    const double n_blocks = (double)shape->n_samples / KM_BLOCK;
    return km_large_bytes(shape, n_blocks * n_columns * sizeof(float)) + n_blocks * sizeof(float);
}

/* `auto` lets a gap for each block and center take no more than samples do in single precision. */
bool km_bounds_is_available(const km_shape *shape)
{
    return shape->n_clusters <= shape->n_features * KM_BLOCK;
}

/* Gaps, which are made anew after sorting, or what finds axes before there are any; candidates of
 * each thread. */
double km_bounds_bytes(const km_shape *shape)
{
    const double k = (double)shape->n_clusters;
    const double of_center = sizeof(double) + sizeof(int32_t) + sizeof(uint64_t) / 64.0;
    const double work =
        (double)size_of_work(shape->n_clusters, shape->n_features, shape->precision);
    const double screen = km_screen_is_available(shape->n_features)
                              ? km_screen_bytes(shape) + km_screen_on_axes_bytes(shape)
                              : 0;
    const int64_t of_block = count_columns(shape->n_clusters) * (int64_t)sizeof(float);
    const double windows = km_windows_bytes(shape, of_block) - km_windows_bytes(shape, 0);
    const double axes = km_find_axes_bytes(shape->n_clusters, shape->n_features);
    return km_larger(km_larger(gaps_bytes(shape), km_sort_bytes(shape)), axes) +
           shape->n_threads * (work + k * of_center) + k * 2 * sizeof(double) +
           km_rounded_bytes(shape) + screen + windows;
}

/* They cost what the gaps take, and pay with more clusters the fewer features there are; with few
 * features where clusters have few samples, so that boxes of the method `tree` are larger than
 * these. Measured (docs/measurements/methods.md). */
double km_bounds_cost(const km_shape *shape)
{
    static const struct {
        int64_t fewest_features, fewest_clusters, most_rows; /* of a cluster */
    } PAY[] = {{13, 32, INT64_MAX}, {10, 128, INT64_MAX}, {8, 128, 1000}, {5, 256, KM_BLOCK}};
    const int64_t k = shape->n_clusters;
    for (int i = 0; i < 4; i++)
        if (shape->n_features >= PAY[i].fewest_features && k >= PAY[i].fewest_clusters &&
            shape->n_rows / k < PAY[i].most_rows)
            return 2 + (double)k / 8;
    return (double)k + 1;
}

/* Samples are sorted at once, and get gaps. */
void km_bounds_take_over(km_assigner *assigner, const void *centers, double relabeled)
{
    bounds *b = assigner->state;
    const int64_t n = assigner->n_clusters * assigner->samples->n_features;
    memcpy(b->before, centers, (size_t)n * km_precision_size(assigner->samples->precision));
    b->n_changed_last = (int64_t)(relabeled * (double)b->n_counted);
    b->n_changed = b->n_counted;
}

/* Gaps of all centers are made. Measured (docs/measurements/methods.md). */
km_turn km_bounds_turn(int64_t k, int64_t d)
{
    (void)d;
    return (km_turn){.late = 4 + (double)k / 40, .start = 20 + 0.75 * (double)k};
}
