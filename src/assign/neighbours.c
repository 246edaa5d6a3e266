/* The method `neighbours`: samples are compared only with the centers that are near their own.
 *
 * The nearest center of a sample is at most twice as far from its own center as the sample is
 * (near_centers.c). This holds for the samples of a block at once, and is tight if they have the
 * same center, at similar distances. So samples are sorted by their labels, and by the distance to
 * their center (near_order.c), at first by labels that are guessed, and again when many have
 * changed. If no center of a block's samples has moved, they are compared only with the centers
 * that have. (Newling & Fleuret 2016, "Fast k-means with accurate bounds", for a sample at a time.)
 *
 * Invariant: a center is left out only if the canonical distance, rounding included, prefers
 * another one for all samples of the block. */
#include "neighbours.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/threads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- creating ------------------------------------------------------------------------------- */

static void create_center_set(center_set *set, const km_samples *samples, int64_t k,
                              km_error *error)
{
    const char *what = "neighbours of centers";
    const size_t row_size = (size_t)samples->n_features * km_precision_size(samples->precision);
    const int64_t n_blocks = blocks_of_centers(k);
    set->numbers = km_allocate(k, sizeof *set->numbers, what, error);
    set->blocks = km_allocate(n_blocks * KM_BLOCK, row_size, what, error);
    set->middles = km_allocate(blocks_of_centers(n_blocks) * KM_BLOCK, row_size, what, error);
    set->radii = km_allocate(n_blocks, sizeof *set->radii, what, error);
}

static void create_near_workspace(near_workspace *w, const km_samples *samples, int64_t k,
                                  km_error *error)
{
    const char *what = "neighbours of centers";
    const size_t size = km_precision_size(samples->precision);
    const int64_t n_blocks = blocks_of_centers(k);
    for (int i = 0; i < N_ROWS; i++) {
        w->rows[i].distances2 = km_allocate(n_blocks * KM_BLOCK, size, what, error);
        w->rows[i].least2 = km_allocate(n_blocks, sizeof *w->rows[i].least2, what, error);
        w->rows[i].is_known = km_allocate(n_blocks, sizeof *w->rows[i].is_known, what, error);
    }
    w->within = km_allocate(n_blocks, sizeof *w->within, what, error);
    w->marked = km_allocate_zeroed(n_blocks, sizeof *w->marked, what, error);
    w->chosen = km_allocate(k + km_most_fast(k), sizeof *w->chosen, what, error);
    w->found = km_allocate(k, sizeof *w->found, what, error);
}

km_code km_neighbours_create(km_assigner *assigner, km_error *error)
{
    const km_samples *samples = assigner->samples;
    const int64_t k = assigner->n_clusters, d = samples->n_features;
    const char *what = "neighbours of centers";
    neighbours *n = km_allocate_zeroed(1, sizeof *n, what, error);
    assigner->state = n;
    if (n == NULL)
        return error->code;
    n->has_moved = km_allocate(k, sizeof *n->has_moved, what, error);
    n->order = km_allocate(k, sizeof *n->order, what, error);
    n->before = km_allocate(k * d, km_precision_size(samples->precision), what, error);
    create_center_set(&n->all, samples, k, error);
    create_center_set(&n->moved, samples, k, error);
    create_center_set(&n->fast, samples, km_most_fast(k), error);
    km_kept_create(&n->kept, samples, k, error);
    n->workspaces = km_allocate_zeroed(assigner->n_threads, sizeof *n->workspaces, what, error);
    for (int i = 0; i < assigner->n_threads && n->workspaces != NULL; i++)
        create_near_workspace(&n->workspaces[i], samples, k, error);
    for (int64_t c = 0; c < k && n->order != NULL; c++)
        n->order[c] = (int32_t)c;
    if (error->code == KM_OK)
        n->largest = km_find_largest_sample(samples);
    return error->code;
}

static void free_near_workspace(near_workspace *w)
{
    for (int i = 0; i < N_ROWS; i++) {
        free(w->rows[i].distances2);
        free(w->rows[i].least2);
        free(w->rows[i].is_known);
    }
    free(w->within);
    free(w->marked);
    free(w->chosen);
    free(w->found);
}

static void free_center_set(center_set *set)
{
    free(set->numbers);
    free(set->blocks);
    free(set->middles);
    free(set->radii);
}

void km_neighbours_free(km_assigner *assigner)
{
    neighbours *n = assigner->state;
    for (int i = 0; i < assigner->n_threads && n->workspaces != NULL; i++)
        free_near_workspace(&n->workspaces[i]);
    free_center_set(&n->all);
    free_center_set(&n->moved);
    free_center_set(&n->fast);
    km_kept_free(&n->kept);
    free(n->workspaces);
    free(n->has_moved);
    free(n->before);
    free(n->order);
    free(n);
}

/* ---- one assignment ------------------------------------------------------------------------- */

/* Finds which centers have moved since the last assignment. */
static void note_moved_centers(km_assigner *assigner, const void *centers)
{
    neighbours *n = assigner->state;
    const km_samples *samples = assigner->samples;
    const size_t size = (size_t)samples->n_features * km_precision_size(samples->precision);
    for (int64_t c = 0; c < assigner->n_clusters; c++) {
        const size_t at = (size_t)c * size;
        n->has_moved[c] = !n->has_before || memcmp((const char *)n->before + at,
                                                   (const char *)centers + at, size) != 0;
    }
    memcpy(n->before, centers, (size_t)assigner->n_clusters * size);
    n->has_before = true;
}

static bool has_moved_center(const neighbours *n, const int32_t *labels, int lanes)
{
    bool has_moved = n->has_moved[labels[0]];
    for (int l = 1; l < lanes; l++)
        has_moved = has_moved || (labels[l] != labels[l - 1] && n->has_moved[labels[l]]);
    return has_moved;
}

/* Puts the chosen centers into the order of their numbers, so that ties go to the lowest. */
static int64_t put_in_order(near_workspace *w, int64_t n_chosen, int64_t k)
{
    for (int64_t i = 0; i < n_chosen; i++)
        w->marked[w->chosen[i] / 64] |= (uint64_t)1 << w->chosen[i] % 64;
    const int64_t n = km_list_bits(w->marked, blocks_of_centers(k), w->chosen);
    memset(w->marked, 0, (size_t)blocks_of_centers(k) * sizeof *w->marked);
    return n;
}

/* Compares the samples from lane `first` on with the chosen centers. Are there ties? */
static bool compare_part(km_assigner *assigner, const void *centers, int64_t block, int first,
                         int64_t n_chosen, int32_t *labels)
{
    const km_samples *samples = assigner->samples;
    near_workspace *w = &((neighbours *)assigner->state)->workspaces[km_thread()];
    const char *values = km_samples_block(samples, block);
    w->done.distances += n_chosen * km_part_lanes(samples, block, first);
    assigner->work[block] += n_chosen * KM_PART;
    return assigner->kernel->nearest_of_part[samples->precision](
        values + (size_t)first * km_precision_size(samples->precision), centers,
        samples->n_features, w->chosen, n_chosen, labels + first);
}

/* From the list that a part keeps, or makes, or from all of a set. */
static int64_t choose_for_part(km_assigner *assigner, const void *centers, int64_t block, int first,
                               uint64_t lanes, const int32_t *labels, const center_set *set)
{
    const neighbours *n = assigner->state;
    if (set == &n->all && n->kept.are_made) {
        kept_limits limits;
        const double margin =
            km_kept_limits(assigner, centers, block, first, lanes, labels, &limits);
        const int64_t n_chosen =
            km_choose_near(assigner, centers, block, lanes, labels, set, margin);
        return km_kept_make(assigner, centers, block, first, &limits, n_chosen);
    }
    const int64_t n_kept = set == &n->all ? km_kept_choose(assigner, centers, block, first) : 0;
    return n_kept > 0 ? n_kept : km_choose_near(assigner, centers, block, lanes, labels, set, 0);
}

/* Compares half of a block with what is near; `labels` [KM_BLOCK] get what is found. */
static void assign_part(km_assigner *assigner, const void *centers, int64_t block, int first,
                        const center_set *set, int32_t *labels)
{
    const km_samples *samples = assigner->samples;
    near_workspace *w = &((neighbours *)assigner->state)->workspaces[km_thread()];
    const uint64_t used = UINT64_MAX >> (KM_BLOCK - km_samples_lanes(samples, block));
    const uint64_t lanes = used & (UINT64_MAX >> (KM_BLOCK - KM_PART)) << first;
    _Alignas(64) int32_t own[KM_BLOCK];
    if (lanes == 0)
        return;
    memset(own, 0xff, sizeof own);
    memcpy(own + first, labels + first, KM_PART * sizeof *own);
    const int64_t n_chosen = choose_for_part(assigner, centers, block, first, lanes, own, set);
    if (n_chosen > 0 && compare_part(assigner, centers, block, first, n_chosen, labels)) {
        const int64_t n_in_order = put_in_order(w, n_chosen, assigner->n_clusters);
        compare_part(assigner, centers, block, first, n_in_order, labels);
    }
}

/* Labels that are only guesses are replaced as if there had been none. */
static void assign_near(km_assigner *assigner, const void *centers, int64_t block, bool is_guess)
{
    const neighbours *n = assigner->state;
    int32_t *labels = assigner->labels + block * KM_BLOCK, new[KM_BLOCK];
    const int lanes = km_samples_lanes(assigner->samples, block);
    const bool is_own = is_guess || has_moved_center(n, labels, lanes);
    const center_set *set = is_own ? &n->all : &n->moved;
    if (set->count == 0)
        return;
    n->workspaces[km_thread()].done.bytes += km_block_bytes(assigner->samples);
    memcpy(new, labels, sizeof new);
    for (int first = 0; first < KM_BLOCK; first += KM_PART)
        assign_part(assigner, centers, block, first, set, new);
    if (is_guess)
        memset(labels, 0xff, sizeof new);
    km_assigner_relabel(assigner, block, new);
}

static void assign_all_near(km_assigner *assigner, const void *centers, bool is_guess)
{
#pragma omp parallel for schedule(dynamic, NEAR_BLOCKS_AT_ONCE)
    for (int64_t block = 0; block < assigner->samples->n_blocks; block++) {
        km_samples_pass(assigner->samples, block);
        assign_near(assigner, centers, block, is_guess);
    }
}

/* ---- assigning all samples ------------------------------------------------------------------ */

static void add_up_near_work(km_assigner *assigner, neighbours *n)
{
    for (int i = 0; i < assigner->n_threads; i++)
        km_work_add_up(&assigner->done, &n->workspaces[i].done);
}

/* Adds up by how much more was compared than in the best assignment since sorting. */
static void note_excess(neighbours *n, double compared, double relabeled, double n_samples)
{
    n->most_compared = n->is_sorted ? compared : fmax(n->most_compared, compared);
    if (n->is_sorted || compared < n->least_compared) {
        n->least_compared = compared;
        n->excess = 0;
    }
    n->excess += compared - n->least_compared;
    n->relabeled = relabeled / n_samples;
}

/* It is time to sort when that adds up to what sorting takes, and the lists that are made then; and
 * when many labels have changed. */
static bool is_sorting_due(const km_assigner *assigner)
{
    const neighbours *n = assigner->state;
    const double cost = KM_SORTING_COST * (double)assigner->samples->n_samples + n->most_compared -
                        n->least_compared;
    return !assigner->samples->is_redistributed &&
           (n->excess > cost || n->relabeled > KM_MANY_RELABELED || km_kept_is_wanted(n));
}

/* Of blocks that have other samples now. */
static void forget_work(km_assigner *assigner)
{
    memset(assigner->work, 0, (size_t)assigner->samples->n_blocks * sizeof *assigner->work);
}

static void assign_with_labels(km_assigner *assigner, const void *centers)
{
    neighbours *n = assigner->state;
    const bool is_exchanged = n->is_ordered;
    n->is_sorted = is_exchanged || is_sorting_due(assigner);
    if (n->is_sorted) {
        if (!is_exchanged)
            km_order_centers(assigner, centers);
        n->is_ordered = false;
        km_kept_forget_all(assigner); /* whose memory sorting takes */
        km_sort_by_distance(assigner, centers);
        forget_work(assigner);
    }
    km_kept_prepare(assigner, centers, n->is_sorted && km_kept_is_wanted(n));
    note_moved_centers(assigner, centers);
    km_fill_center_sets(assigner, centers);
    assign_all_near(assigner, centers, false);
}

/* Without memory for guesses the first labels are Lloyd's. */
static void assign_first(km_assigner *assigner, const void *centers)
{
    neighbours *n = assigner->state;
    n->is_sorted = true;
    km_kept_forget_all(assigner);
    note_moved_centers(assigner, centers);
    km_order_centers(assigner, centers);
    km_fill_center_sets(assigner, centers);
    if (km_guess_labels(assigner, centers))
        assign_all_near(assigner, centers, true);
    else
        km_assign_lloyd(assigner, centers);
}

void km_neighbours_assign(km_assigner *assigner, const void *centers)
{
    neighbours *n = assigner->state;
    const int64_t before = assigner->done.distances;
    const int64_t relabeled = km_count_relabeled(assigner);
    if (!km_centers_are_safe(assigner, centers, n->largest, assigner->samples->precision)) {
        km_assign_lloyd(assigner, centers);
        km_kept_forget_all(assigner);
        n->has_before = false;
    } else if (assigner->samples->n_samples > 0 && assigner->labels[0] < 0) {
        assign_first(assigner, centers);
    } else {
        assign_with_labels(assigner, centers);
    }
    add_up_near_work(assigner, n);
    note_excess(n, (double)(assigner->done.distances - before),
                (double)(km_count_relabeled(assigner) - relabeled),
                (double)assigner->samples->n_samples);
}

void km_neighbours_renew(km_assigner *assigner, int64_t block, int64_t n_blocks)
{
    neighbours *n = assigner->state;
    const km_samples *samples = assigner->samples;
    km_kept_forget(assigner, block, n_blocks);
    for (int64_t b = block; b < block + n_blocks; b++)
        for (int64_t j = 0; j < samples->n_features; j++) {
            double lowest, highest;
            km_samples_range(samples, b, j, &lowest, &highest);
            n->largest = fmax(n->largest, fmax(fabs(lowest), fabs(highest)));
        }
}

/* Beyond that it was not measured to pay. On a disk other methods see blocks through windows. */
bool km_neighbours_is_available(const km_shape *shape)
{
    enum { FEWEST_FEATURES = 5, MOST_FEATURES = 16 };
    return shape->n_features >= FEWEST_FEATURES && shape->n_features <= MOST_FEATURES &&
           shape->counting == KM_COUNT_MEMORY;
}

/* Two sets of centers with the middles of their balls, and the centers of before; of each thread
 * some rows of squared distances, and bits. Sorting has also the distances as levels, and centers
 * as doubles. */
double km_neighbours_bytes(const km_shape *shape)
{
    const double d = (double)shape->n_features, value = km_value_bytes(shape);
    const double k = ceil((double)shape->n_clusters / KM_BLOCK) * KM_BLOCK;
    const double of_block = N_ROWS * (sizeof(double) + sizeof(bool)) + 2 * sizeof(uint64_t);
    const double of_thread = N_ROWS * value + 2.25 * sizeof(int32_t) + of_block / KM_BLOCK;
    const double of_center = (3.25 + 2.0 / KM_BLOCK) * d * value + 4.25 * sizeof(int32_t) +
                             sizeof(bool) + 2.0 * sizeof(double) / KM_BLOCK;
    return km_sort_bytes(shape) +
           km_large_bytes(shape, (double)shape->n_samples * sizeof(uint16_t)) +
           km_centers_bytes(shape) + km_kept_bytes(shape) + shape->n_threads * k * of_thread +
           k * of_center;
}

/* Measured (docs/measurements/methods.md): with few features it wins from some number of clusters
 * on, which falls with their square, if clusters fill blocks; else, and with more features, it
 * comes between `bounds` and `tree`. */
double km_neighbours_cost(const km_shape *shape)
{
    enum { FEW_FEATURES = 10, MANY = 36000, FEWEST_CLUSTERS = 300 };
    const double k = (double)shape->n_clusters, d = (double)shape->n_features;
    const bool has_few = shape->n_features <= FEW_FEATURES;
    if (has_few ? k * d * d < MANY : shape->n_clusters < FEWEST_CLUSTERS)
        return k + 1;
    return has_few && (double)shape->n_rows >= k * KM_BLOCK ? k / 16 : 2.5 + k / 8;
}

double km_neighbours_exchange_takes(const km_shape *shape)
{
    (void)shape;
    return 12;
}

/* Samples are sorted at once, and make lists if few labels change. */
void km_neighbours_take_over(km_assigner *assigner, const void *centers, double relabeled)
{
    neighbours *n = assigner->state;
    const int64_t length = assigner->n_clusters * assigner->samples->n_features;
    memcpy(n->before, centers, (size_t)length * km_precision_size(assigner->samples->precision));
    n->has_before = true;
    n->relabeled = relabeled > KM_FEW_RELABELED ? 1 : relabeled;
}

/* Samples are sorted, and parts of blocks make lists. Measured (docs/measurements/methods.md). */
km_turn km_neighbours_turn(int64_t k, int64_t d)
{
    (void)k;
    return (km_turn){.late = 200.0 / (double)d, .start = 200};
}
