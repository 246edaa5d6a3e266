/* Orders of samples and centers for the method `neighbours`, and first guesses of labels. Nothing
 * here decides an answer: any order and any guess give the same labels. */
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/threads.h"
#include "neighbours.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_PIVOTS = 64,
    NEAR_PIVOTS = 3, /* whose centers are compared for a guess; measured */
};

/* ---- an order of the centers ---------------------------------------------------------------- */

/* Centers being put in order: a k-d tree's, so that neighbours are mostly near each other. */
typedef struct center_order {
    km_precision precision;
    const void *centers;
    int64_t d;
    int32_t *order; /* [k] */
} center_order;

static double coordinate_of(const center_order *o, int64_t place, int64_t j)
{
    return km_value_get(o->precision, o->centers, o->order[place] * o->d + j);
}

static int64_t widest_feature(const center_order *o, int64_t first, int64_t end)
{
    int64_t widest = 0;
    double width = -1;
    for (int64_t j = 0; j < o->d; j++) {
        double lowest = INFINITY, highest = -INFINITY;
        for (int64_t i = first; i < end; i++) {
            lowest = fmin(lowest, coordinate_of(o, i, j));
            highest = fmax(highest, coordinate_of(o, i, j));
        }
        if (highest - lowest > width) {
            width = highest - lowest;
            widest = j;
        }
    }
    return widest;
}

static void swap_places(center_order *o, int64_t a, int64_t b)
{
    const int32_t c = o->order[a];
    o->order[a] = o->order[b];
    o->order[b] = c;
}

/* Puts those with lower values of feature j before place `middle`, and the others behind it (Hoare
 * 1961, Algorithm 65: Find). */
static void part_at(center_order *o, int64_t first, int64_t end, int64_t middle, int64_t j)
{
    int64_t low = first, high = end - 1;
    while (low < high) {
        const double pivot = coordinate_of(o, low + (high - low) / 2, j);
        int64_t a = low, b = high;
        while (a <= b) {
            while (coordinate_of(o, a, j) < pivot)
                a++;
            while (coordinate_of(o, b, j) > pivot)
                b--;
            if (a <= b)
                swap_places(o, a++, b--);
        }
        if (middle <= b)
            high = b;
        else if (middle >= a)
            low = a;
        else
            return;
    }
}

static void order_centers_part(center_order *o, int64_t first, int64_t end)
{
    if (end - first < 3)
        return;
    const int64_t middle = first + (end - first) / 2;
    part_at(o, first, end, middle, widest_feature(o, first, end));
    order_centers_part(o, first, middle);
    order_centers_part(o, middle, end);
}

void km_order_centers(km_assigner *assigner, const void *centers)
{
    const neighbours *n = assigner->state;
    center_order o = {assigner->samples->precision, centers, assigner->samples->n_features,
                      n->order};
    order_centers_part(&o, 0, assigner->n_clusters);
}

/* ---- an order of the samples ---------------------------------------------------------------- */

/* What orders squared distances: the upper half of a float, logarithms with steps of 1 %. */
static uint16_t level_of(double distance2)
{
    const float rounded = (float)distance2;
    uint32_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    return (uint16_t)(bits >> 16);
}

/* By the distances of the samples to the centers of their labels. */
static km_code find_levels(const km_assigner *assigner, const void *rounded, uint16_t *levels,
                           km_error *error)
{
    const km_samples *samples = assigner->samples;
    const int64_t n = assigner->n_clusters * samples->n_features;
    double *centers = km_allocate(n, sizeof *centers, "order of samples", error);
    if (centers == NULL)
        return error->code;
    km_widen_to_double(samples->precision, rounded, n, centers);
#pragma omp parallel for
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        const int lanes = km_samples_lanes(samples, b);
        int32_t labels[KM_BLOCK] = {0};
        double distances2[KM_BLOCK];
        km_samples_pass(samples, b);
        memcpy(labels, assigner->labels + b * KM_BLOCK, (size_t)lanes * sizeof *labels);
        assigner->kernel->measure[samples->precision](km_samples_block(samples, b), centers,
                                                      samples->n_features, labels, distances2);
        for (int l = 0; l < lanes; l++)
            levels[b * KM_BLOCK + l] = level_of(distances2[l]);
    }
    free(centers);
    return KM_OK;
}

km_code km_neighbours_order(km_assigner *assigner, const void *centers, int32_t *order,
                            uint16_t *levels, km_error *error)
{
    neighbours *n = assigner->state;
    km_kept_forget_all(assigner);                      /* whose memory the exchange takes */
    for (int64_t c = 0; c < assigner->n_clusters; c++) /* from which all ranks find the same */
        n->order[c] = (int32_t)c;
    km_order_centers(assigner, centers);
    memcpy(order, n->order, (size_t)assigner->n_clusters * sizeof *order);
    n->is_ordered = true;
    return find_levels(assigner, centers, levels, error);
}

/* Sorts by the order of the centers, then by the distance to them. */
static void sort_by_centers(km_assigner *assigner, const void *centers, km_error *error)
{
    const int32_t *order = ((const neighbours *)assigner->state)->order;
    const km_samples *samples = assigner->samples;
    const int64_t k = assigner->n_clusters;
    const char *what = "order of samples";
    int32_t *ranks = km_allocate(k, sizeof *ranks, what, error);
    uint16_t *levels = km_allocate_large(samples->n_samples, sizeof *levels, what, error);
    if (error->code == KM_OK && find_levels(assigner, centers, levels, error) == KM_OK) {
        for (int64_t i = 0; i < k; i++)
            ranks[order[i]] = (int32_t)i;
        km_sort_samples(assigner, &(km_sorting){k, ranks, levels}, error);
    }
    free(ranks);
    km_free_large(levels);
}

void km_sort_by_distance(km_assigner *assigner, const void *centers)
{
    km_error no_memory = {0};
    sort_by_centers(assigner, centers, &no_memory);
    km_memory_return();
}

/* ---- guesses -------------------------------------------------------------------------------- */

/* Runs of centers in their order, each with its mean as a pivot, and the centers of the runs near
 * each pivot. */
typedef struct pivots {
    int64_t count, n_words;
    const int32_t *order;
    void *positions; /* [count][d] */
    uint64_t *near;  /* [count][n_words], a bit for each center */
} pivots;

static int64_t start_of_run(const pivots *p, int64_t k, int64_t run)
{
    return run * k / p->count;
}

static void place_pivots(pivots *p, const km_assigner *assigner, const void *centers)
{
    const km_precision precision = assigner->samples->precision;
    const int64_t k = assigner->n_clusters, d = assigner->samples->n_features;
    for (int64_t run = 0; run < p->count; run++) {
        const int64_t first = start_of_run(p, k, run), end = start_of_run(p, k, run + 1);
        for (int64_t j = 0; j < d; j++) {
            double sum = 0;
            for (int64_t i = first; i < end; i++)
                sum += km_value_get(precision, centers, p->order[i] * d + j);
            km_value_set(precision, p->positions, run * d + j, sum / (double)(end - first));
        }
    }
}

static void add_run(pivots *p, int64_t k, int64_t pivot, int64_t run)
{
    for (int64_t i = start_of_run(p, k, run); i < start_of_run(p, k, run + 1); i++)
        p->near[pivot * p->n_words + p->order[i] / 64] |= (uint64_t)1 << p->order[i] % 64;
}

/* Adds the runs of the pivots that are nearest to each pivot, itself first. */
static void find_near_pivots(pivots *p, const km_assigner *assigner)
{
    const km_precision precision = assigner->samples->precision;
    const int64_t d = assigner->samples->n_features;
    for (int64_t pivot = 0; pivot < p->count; pivot++) {
        double distances2[MAX_PIVOTS] = {0};
        for (int64_t other = 0; other < p->count; other++)
            for (int64_t j = 0; j < d; j++) {
                const double way = km_value_get(precision, p->positions, pivot * d + j) -
                                   km_value_get(precision, p->positions, other * d + j);
                distances2[other] += way * way;
            }
        for (int i = 0; i < NEAR_PIVOTS && i < p->count; i++) {
            int64_t nearest = 0;
            for (int64_t other = 1; other < p->count; other++)
                nearest = distances2[other] < distances2[nearest] ? other : nearest;
            add_run(p, assigner->n_clusters, pivot, nearest);
            distances2[nearest] = INFINITY;
        }
    }
}

static km_code create_pivots(pivots *p, const km_assigner *assigner, const void *centers,
                             km_error *error)
{
    const int64_t k = assigner->n_clusters, d = assigner->samples->n_features;
    const char *what = "guesses of labels";
    p->order = ((const neighbours *)assigner->state)->order;
    p->count = (int64_t)km_smaller(sqrt((double)k), MAX_PIVOTS);
    p->n_words = blocks_of_centers(k);
    p->positions =
        km_allocate(p->count * d, km_precision_size(assigner->samples->precision), what, error);
    p->near = km_allocate_zeroed(p->count * p->n_words, sizeof *p->near, what, error);
    if (error->code == KM_OK) {
        place_pivots(p, assigner, centers);
        find_near_pivots(p, assigner);
    }
    return error->code;
}

/* Labels, which are numbers of pivots, become those of the nearest centers of their runs. */
static void guess_in_block(km_assigner *assigner, const void *centers, const pivots *p,
                           int64_t block)
{
    const neighbours *n = assigner->state;
    near_workspace *w = &n->workspaces[km_thread()];
    const km_samples *samples = assigner->samples;
    const int lanes = km_samples_lanes(samples, block);
    int32_t *labels = assigner->labels + block * KM_BLOCK, new[KM_BLOCK];
    for (int l = 0; l < lanes; l++)
        if (l == 0 || labels[l] != labels[l - 1])
            for (int64_t i = 0; i < p->n_words; i++)
                w->marked[i] |= p->near[labels[l] * p->n_words + i];
    const int64_t n_chosen = km_list_bits(w->marked, p->n_words, w->chosen);
    memset(w->marked, 0, (size_t)p->n_words * sizeof *w->marked);
    for (int first = 0; first < KM_BLOCK; first += KM_PART)
        assigner->kernel->nearest_of_part[samples->precision](
            (const char *)km_samples_block(samples, block) +
                (size_t)first * km_precision_size(samples->precision),
            centers, samples->n_features, w->chosen, n_chosen, new + first);
    memcpy(labels, new, (size_t)lanes * sizeof *labels);
    w->done.distances += n_chosen * lanes;
}

/* Sorts the samples by pivots, and labels them by a center that is probably near. */
static km_code guess_by_pivots(km_assigner *assigner, const void *centers, km_error *error)
{
    const km_samples *samples = assigner->samples;
    pivots p = {0};
    if (create_pivots(&p, assigner, centers, error) == KM_OK) {
        km_label_samples(samples, assigner->kernel, p.positions, p.count, assigner->labels);
        assigner->done.distances += samples->n_samples * p.count;
        km_sort_samples(assigner, &(km_sorting){p.count, NULL, NULL}, error);
    }
#pragma omp parallel for schedule(dynamic, 16)
    for (int64_t b = 0; b < (error->code == KM_OK ? samples->n_blocks : 0); b++) {
        km_samples_pass(samples, b);
        guess_in_block(assigner, centers, &p, b);
    }
    free(p.positions);
    free(p.near);
    return error->code;
}

bool km_guess_labels(km_assigner *assigner, const void *centers)
{
    km_error no_memory = {0};
    if (guess_by_pivots(assigner, centers, &no_memory) == KM_OK)
        sort_by_centers(assigner, centers, &no_memory);
    if (no_memory.code != KM_OK)
        memset(assigner->labels, 0xff,
               (size_t)assigner->samples->n_samples * sizeof *assigner->labels);
    km_memory_return();
    return no_memory.code == KM_OK;
}

/* Labels become codes, as far from each other as 32 bits allow. */
static km_code make_codes_of_labels(const km_assigner *assigner, uint32_t *codes, km_error *error)
{
    const int32_t *order = ((const neighbours *)assigner->state)->order;
    const int64_t k = assigner->n_clusters;
    uint32_t *of_centers = km_allocate(k, sizeof *of_centers, "order of samples", error);
    if (of_centers == NULL)
        return error->code;
    for (int64_t i = 0; i < k; i++)
        of_centers[order[i]] = (uint32_t)(((uint64_t)i << 32) / (uint64_t)k);
#pragma omp parallel for
    for (int64_t i = 0; i < assigner->samples->n_samples; i++)
        codes[i] = of_centers[codes[i]];
    free(of_centers);
    return KM_OK;
}

km_code km_neighbours_codes(km_samples *samples, const km_kernel *kernel, const void *centers,
                            int64_t k, uint32_t *codes, km_error *error)
{
    km_assigner assigner = {.samples = samples,
                            .kernel = kernel,
                            .n_clusters = k,
                            .labels = (int32_t *)codes,
                            .n_threads = km_threads()};
    km_neighbours_create(&assigner, error);
    const neighbours *n = assigner.state;
    if (error->code == KM_OK &&
        km_centers_are_safe(&assigner, centers, n->largest, samples->precision)) {
        km_order_centers(&assigner, centers);
        if (guess_by_pivots(&assigner, centers, error) == KM_OK)
            make_codes_of_labels(&assigner, codes, error);
    } else {
        memset(codes, 0, (size_t)samples->n_samples * sizeof *codes);
    }
    if (n != NULL)
        km_neighbours_free(&assigner);
    km_memory_return();
    return error->code;
}
