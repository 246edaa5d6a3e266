/* Distances to the nearest center so far. Samples are ordered so that blocks, and groups of blocks,
 * have small bounding boxes, and most are skipped by these (nearness_boxes.c). */
#include "nearness.h"
#include "base/arithmetic.h"
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/threads.h"
#include "nearness_parts.h"
#include "seedings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_SAMPLES = 1024, MAX_NEW_CENTERS = 512 };

/* ---- distances ------------------------------------------------------------------------------- */

static void set_distance2(const km_nearness *near, int64_t block, int lane, double distance2)
{
    km_value_set(near->samples->precision, distances_of(near, block), lane, distance2);
}

/* ---- creating -------------------------------------------------------------------------------- */

/* The distances and numbers of the blocks after this one are needed soon. */
static void pass_distances(const km_nearness *near, int64_t block)
{
    const int64_t n = near->samples->n_blocks;
    km_pass_large(near->distances2, block, n,
                  KM_BLOCK * km_precision_size(near->samples->precision));
    if (near->nearest != NULL)
        km_pass_large(near->nearest, block, n, KM_BLOCK * sizeof *near->nearest);
}

/* No center yet: distances are infinite, but 0 for lanes without weight. */
static void set_first_distances(km_nearness *near)
{
    const km_samples *samples = near->samples;
#pragma omp parallel for
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        int64_t weights[KM_BLOCK];
        pass_distances(near, b);
        km_samples_weights(samples, b, weights);
        near->max_distance2[near->n_groups + b] = 0;
        for (int l = 0; l < KM_BLOCK; l++) {
            const double distance2 = weights[l] > 0 ? INFINITY : 0;
            set_distance2(near, b, l, distance2);
            near->max_distance2[near->n_groups + b] =
                max_of(near->max_distance2[near->n_groups + b], distance2);
            if (near->nearest != NULL)
                near->nearest[b * KM_BLOCK + l] = -1;
        }
    }
#pragma omp parallel for
    for (int64_t i = 0; i < samples->n_samples; i++) {
        if (i % KM_BLOCK == 0)
            km_pass_large(near->places, i, samples->n_samples, sizeof *near->places);
        near->order[near->places[i]] = (uint32_t)i;
    }
    for (int64_t g = 0; g < near->n_groups; g++) {
        const km_rows blocks = blocks_of_group(near, g);
        const double *first = near->max_distance2 + near->n_groups + blocks.first;
        near->max_distance2[g] = 0;
        for (int64_t b = 0; b < blocks.count; b++)
            near->max_distance2[g] = max_of(near->max_distance2[g], first[b]);
    }
}

km_code km_nearness_create(km_nearness *near, const km_samples *samples, const km_kernel *kernel,
                           bool has_numbers, km_error *error)
{
    const char *what = "distances of samples while seeding";
    const int64_t n_lanes = samples->n_blocks * KM_BLOCK, d = samples->n_features;
    const size_t block_size = KM_BLOCK * km_precision_size(samples->precision);
    *near = (km_nearness){.samples = samples,
                          .kernel = kernel,
                          .n_groups = parts_of(samples->n_blocks, GROUP_BLOCKS),
                          .n_chunks = parts_of(samples->n_samples, CHUNK_SAMPLES)};
    const int64_t n_boxes = near->n_groups + samples->n_blocks;
    /* One block more, since floats fill only half of the last km_distances. */
    near->distances2 = km_allocate_large(samples->n_blocks + 1, block_size, what, error);
    if (has_numbers)
        near->nearest = km_allocate_large(n_lanes, sizeof *near->nearest, what, error);
    near->boxes = km_allocate(n_boxes * d, 2 * sizeof *near->boxes, what, error);
    near->max_distance2 = km_allocate(n_boxes, sizeof *near->max_distance2, what, error);
    near->order = km_allocate_large(samples->n_samples, sizeof *near->order, what, error);
    near->chunks = km_allocate(near->n_chunks, sizeof *near->chunks, what, error);
    near->places = km_samples_places(samples, error);
    near->numbers = km_allocate(km_threads(), 2 * MAX_NEW_CENTERS * sizeof(int32_t), what, error);
    near->chosen = km_allocate(km_threads() * d, MAX_NEW_CENTERS * sizeof(double), what, error);
    if (error->code != KM_OK)
        return error->code;
    km_nearness_find_boxes(near);
    set_first_distances(near);
    km_nearness_weigh(near, (km_power){0, 0});
    return KM_OK;
}

/* Per sample: a distance, its place in catalogue order and back, and the number of its nearest
 * center or the caller's flag. Per block and group: box and maximum. Per thread: a workspace. */
double km_nearness_bytes(const km_shape *shape, double n, bool has_numbers)
{
    const double d = (double)shape->n_features, value = km_value_bytes(shape);
    const double box_bytes = (2 * d + 1) * sizeof(double) * (1 + 1.0 / GROUP_BLOCKS);
    const double lane_bytes = value + 2 * sizeof(uint32_t) + (has_numbers ? sizeof(int32_t) : 1);
    return km_large_bytes(shape, n * lane_bytes) + n * box_bytes / KM_BLOCK +
           shape->n_threads * (double)MAX_NEW_CENTERS * (d * value + 2 * sizeof(int32_t));
}

void km_nearness_free(km_nearness *near)
{
    km_free_large(near->distances2);
    km_free_large(near->nearest);
    free(near->boxes);
    free(near->max_distance2);
    km_free_large(near->places);
    km_free_large(near->order);
    free(near->chunks);
    free(near->numbers);
    free(near->chosen);
    *near = (km_nearness){0};
}

/* ---- new centers ----------------------------------------------------------------------------- */

struct new_centers {
    const double *centers; /* [n][d] */
    const char *rounded;   /* [n][d] in working precision */
    int64_t n;             /* at most MAX_NEW_CENTERS */
    int32_t first;         /* number of the first */
};

/* The workspace of one thread: which new centers may be nearest in a group, and in a block. */
struct workspace {
    int32_t *of_group, *of_block; /* [MAX_NEW_CENTERS], ascending, counted from the first new one */
    char *chosen;                 /* [MAX_NEW_CENTERS][d], those of the block */
};

/* Lists those of the n new centers in `from` (NULL: of all) that may be nearest in a box. */
static int64_t choose_new_centers(const km_nearness *near, int64_t box,
                                  const struct new_centers *added, const int32_t *from, int64_t n,
                                  int32_t *chosen)
{
    int64_t n_chosen = 0;
    for (int64_t i = 0; i < n; i++) {
        const int32_t number = from != NULL ? from[i] : (int32_t)i;
        if (km_nearness_can_lower(near, box, added->centers + number * near->samples->n_features))
            chosen[n_chosen++] = number;
    }
    return n_chosen;
}

/* Updates the sums of chunks and the maximum of a block whose distances were lowered. */
static void update_sums(km_nearness *near, int64_t block, const km_distances *old)
{
    const km_precision precision = near->samples->precision;
    const km_distances *new = distances_of(near, block);
    double max_distance2 = 0;
    for (int l = 0; l < KM_BLOCK; l++) {
        const double before = km_distance_of(old, precision, l);
        const double now = km_distance_of(new, precision, l);
        max_distance2 = max_of(max_distance2, now);
        if (now == before || near->power.a == 0)
            continue;
        const int64_t i = block * KM_BLOCK + l;
        const uint64_t change = weight_of(near, i, now) - weight_of(near, i, before);
        uint64_t *chunk = &near->chunks[near->places[i] / CHUNK_SAMPLES];
#pragma omp atomic
        *chunk += change;
    }
    near->max_distance2[near->n_groups + block] = max_distance2;
}

/* Lowers the distances of a block to one center whose number is not wanted, as in kmeans++. */
static void approach_one(km_nearness *near, int64_t block, const void *center)
{
    const km_samples *samples = near->samples;
    const size_t size = KM_BLOCK * km_precision_size(samples->precision);
    km_distances *now = distances_of(near, block), before;
    memcpy(&before, now, size);
    near->kernel->approach[samples->precision](km_samples_block(samples, block), center,
                                               samples->n_features, now);
    if (memcmp(&before, now, size) != 0)
        update_sums(near, block, &before);
}

/* Lowers the distances of a block to the n chosen centers, and keeps their numbers if wanted. */
static void approach_many(km_nearness *near, int64_t block, const struct new_centers *added,
                          const struct workspace *workspace, int64_t n)
{
    const km_samples *samples = near->samples;
    const km_distances before = *distances_of(near, block);
    int32_t labels[KM_BLOCK];
    km_distances distances2;
    near->kernel->nearest[samples->precision](km_samples_block(samples, block), workspace->chosen,
                                              samples->n_features, n, labels, &distances2);
    for (int l = 0; l < KM_BLOCK; l++) {
        const double distance2 = km_distance_of(&distances2, samples->precision, l);
        if (!(distance2 < km_distance_of(&before, samples->precision, l)))
            continue;
        set_distance2(near, block, l, distance2);
        if (near->nearest != NULL)
            near->nearest[block * KM_BLOCK + l] = added->first + workspace->of_block[labels[l]];
    }
    update_sums(near, block, &before);
}

static void approach_block(km_nearness *near, int64_t block, const struct new_centers *added,
                           int64_t n_of_group, const struct workspace *workspace)
{
    const km_samples *samples = near->samples;
    const size_t size = (size_t)samples->n_features * km_precision_size(samples->precision);
    const int64_t n = choose_new_centers(near, near->n_groups + block, added, workspace->of_group,
                                         n_of_group, workspace->of_block);
    for (int64_t i = 0; i < n; i++)
        memcpy(workspace->chosen + (size_t)i * size,
               added->rounded + (size_t)workspace->of_block[i] * size, size);
    if (n == 1 && near->nearest == NULL)
        approach_one(near, block, workspace->chosen);
    else if (n > 0)
        approach_many(near, block, added, workspace, n);
}

/* Reads what the blocks of a group need, where it is on a disk. */
static void fetch_blocks_of_group(const km_nearness *near, km_rows blocks)
{
    const km_samples *samples = near->samples;
    const size_t n = (size_t)(blocks.count * KM_BLOCK),
                 size = km_precision_size(samples->precision);
    km_fetch_large(km_samples_block(samples, blocks.first), n * (size_t)samples->n_features * size);
    km_fetch_large(distances_of(near, blocks.first), n * size);
    if (near->nearest != NULL)
        km_fetch_large(near->nearest + blocks.first * KM_BLOCK, n * sizeof *near->nearest);
}

static void approach_group(km_nearness *near, int64_t group, const struct new_centers *added,
                           const struct workspace *workspace)
{
    const km_rows blocks = blocks_of_group(near, group);
    const int64_t n = choose_new_centers(near, group, added, NULL, added->n, workspace->of_group);
    if (n == 0)
        return;
    fetch_blocks_of_group(near, blocks);
    double max_distance2 = 0;
    for (int64_t b = blocks.first; b < blocks.first + blocks.count; b++) {
        approach_block(near, b, added, n, workspace);
        max_distance2 = max_of(max_distance2, near->max_distance2[near->n_groups + b]);
    }
    near->max_distance2[group] = max_distance2;
}

static struct workspace workspace_of_thread(const km_nearness *near)
{
    const int64_t values = MAX_NEW_CENTERS * near->samples->n_features;
    int32_t *numbers = near->numbers + (int64_t)2 * MAX_NEW_CENTERS * km_thread();
    return (struct workspace){numbers, numbers + MAX_NEW_CENTERS,
                              near->chosen + (size_t)(values * km_thread()) * sizeof(double)};
}

void km_nearness_approach(km_nearness *near, const double *centers, const void *rounded, int64_t n,
                          int32_t first)
{
    const int64_t d = near->samples->n_features;
    const size_t size = (size_t)d * km_precision_size(near->samples->precision);
    for (int64_t i = 0; i < n; i += MAX_NEW_CENTERS) {
        const struct new_centers added = {centers + i * d, (const char *)rounded + (size_t)i * size,
                                          n - i < MAX_NEW_CENTERS ? n - i : MAX_NEW_CENTERS,
                                          first + (int32_t)i};
#pragma omp parallel for schedule(dynamic, 4)
        for (int64_t g = 0; g < near->n_groups; g++) {
            const struct workspace workspace = workspace_of_thread(near);
            approach_group(near, g, &added, &workspace);
        }
    }
}

/* ---- weights --------------------------------------------------------------------------------- */

uint64_t km_nearness_weight(const km_nearness *near, int64_t sample)
{
    const double distance2 = km_distance_of(distances_of(near, sample / KM_BLOCK),
                                            near->samples->precision, (int)(sample % KM_BLOCK));
    return weight_of(near, sample, distance2);
}

uint64_t km_nearness_weight_beside(const km_nearness *near, int64_t sample, const void *rounded,
                                   int64_t n)
{
    const km_samples *samples = near->samples;
    const km_precision precision = samples->precision;
    const int64_t block = sample / KM_BLOCK;
    const int lane = (int)(sample % KM_BLOCK);
    int32_t labels[KM_BLOCK];
    km_distances distances2;
    if (n == 0 || near->power.a == 0)
        return km_nearness_weight(near, sample);
    near->kernel->nearest[precision](km_samples_block(samples, block), rounded, samples->n_features,
                                     n, labels, &distances2);
    const double before = km_distance_of(distances_of(near, block), precision, lane);
    const double now = km_distance_of(&distances2, precision, lane);
    return weight_of(near, sample, now < before ? now : before);
}

void km_nearness_weigh(km_nearness *near, km_power power)
{
    near->power = power;
#pragma omp parallel for
    for (int64_t c = 0; c < near->n_chunks; c++) {
        const int64_t end = (c + 1) * CHUNK_SAMPLES, n = near->samples->n_samples;
        uint64_t sum = 0;
        km_pass_large(near->order, c * CHUNK_SAMPLES, n, sizeof *near->order);
        for (int64_t i = c * CHUNK_SAMPLES; i < (end < n ? end : n); i++)
            sum += km_nearness_weight(near, near->order[i]);
        near->chunks[c] = sum;
    }
}

double km_nearness_max(const km_nearness *near)
{
    double max_distance2 = 0;
    for (int64_t g = 0; g < near->n_groups; g++)
        max_distance2 = max_of(max_distance2, near->max_distance2[g]);
    return max_distance2;
}

uint64_t km_nearness_total(const km_nearness *near)
{
    uint64_t total = 0;
    for (int64_t c = 0; c < near->n_chunks; c++)
        total += near->chunks[c];
    return total;
}

int64_t km_nearness_find(const km_nearness *near, uint64_t target, uint64_t *rest)
{
    int64_t chunk = 0, i;
    while (target >= near->chunks[chunk])
        target -= near->chunks[chunk++];
    for (i = chunk * CHUNK_SAMPLES; target >= km_nearness_weight(near, near->order[i]); i++)
        target -= km_nearness_weight(near, near->order[i]);
    *rest = target;
    return near->order[i];
}
