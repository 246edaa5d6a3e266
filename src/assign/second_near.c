/* The second nearest centers, where there are many centers: samples are taken cluster by cluster,
 * and compared only with the centers that are near to theirs.
 *
 * Let x be a sample, a its own center, b any other one, and c the second nearest. Then
 *     |x-c| <= |x-b|, so |a-c| <= |x-a| + |x-c| <= |x-a| + |x-b|.
 * b is the nearest of some that are near a. The maximum over a group of samples, which have the
 * same own center, bounds the distance from a of all centers that need be compared. It is tight if
 * they are at similar distances, so samples of a cluster are sorted by distance. (As Newling &
 * Fleuret 2016, "Fast k-means with accurate bounds", do it for the nearest.)
 *
 * Rounding, as near_centers.c has it: four roots of canonical squared distances take less than 4
 * (d+2) epsilon, of which KM_GAP_SLACK is twice, and what squares below the smallest normal number
 * lose. */
#include "assign/by_label.h"
#include "assign/second.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/precision.h"
#include "base/threads.h"
#include "methods.h"
#include "screen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FEW_NEAR = 16 /* centers near a, of which the nearest one is b */
};

/* What all threads share. */
typedef struct second_task {
    const km_second_query *query;
    const km_samples *samples;
    const km_kernel *kernel;
    int64_t k, n_blocks; /* of centers */
    void *blocks;        /* [n_blocks][d][KM_BLOCK], the centers, the last one repeated */
    km_owned_screen screen;
    bool has_screen;
    km_by_label by_label; /* of samples that are done, the labels are the seconds */
} second_task;

/* The workspace of a thread: what is known of the label that it is at, and a group of samples. */
typedef struct second_workspace {
    int32_t label;
    int n_few;
    double few_within2; /* `few` are all centers below this squared distance from the label's */
    int32_t few[FEW_NEAR];
    void *few_centers;              /* [FEW_NEAR][d] */
    void *distances2;               /* [n_blocks][KM_BLOCK], from the label's center to all */
    double *least2;                 /* [n_blocks], the least of a block */
    uint64_t *within;               /* [n_blocks], a bit for each center that need be compared */
    int32_t *chosen;                /* [k], these */
    void *chosen_centers;           /* [k][d] */
    void *group;                    /* [d][KM_BLOCK] */
    void *screening;                /* of screens */
    int64_t n_screened, n_given_up; /* groups, and those of which the screen left too much open */
} second_workspace;

static size_t value_size(const second_task *t)
{
    return km_precision_size(t->samples->precision);
}

static const void *center_at(const second_task *t, int64_t c)
{
    return (const char *)t->query->centers + (size_t)(c * t->samples->n_features) * value_size(t);
}

static void pack_centers(const second_task *t, const int32_t *numbers, int64_t count, void *packed)
{
    const size_t size = (size_t)t->samples->n_features * value_size(t);
    for (int64_t i = 0; i < count; i++)
        memcpy((char *)packed + (size_t)i * size, center_at(t, numbers[i]), size);
}

/* ---- a label ------------------------------------------------------------------------------- */

/* Puts a center into the list of the nearest, ascending by distance, and drops the last one if it
 * is full. */
static void insert_few(second_workspace *w, double *of_few, int32_t center, double distance2)
{
    int at = w->n_few < FEW_NEAR ? w->n_few++ : FEW_NEAR - 1;
    for (; at > 0 && of_few[at - 1] > distance2; at--) {
        of_few[at] = of_few[at - 1];
        w->few[at] = w->few[at - 1];
    }
    of_few[at] = distance2;
    w->few[at] = center;
}

static int number_order(const void *a, const void *b)
{
    return (*(const int32_t *)a > *(const int32_t *)b) -
           (*(const int32_t *)a < *(const int32_t *)b);
}

/* Finds the centers near that of a label. */
static void take_label(const second_task *t, second_workspace *w, int32_t label)
{
    const km_precision precision = t->samples->precision;
    const int64_t d = t->samples->n_features;
    double of_few[FEW_NEAR] = {0};
    w->label = label;
    w->n_few = 0;
    for (int64_t b = 0; b < t->n_blocks; b++)
        w->least2[b] = t->kernel->distances_to[precision](
            (const char *)t->blocks + (size_t)(b * d * KM_BLOCK) * value_size(t),
            center_at(t, label), d,
            (km_distances *)((char *)w->distances2 + (size_t)(b * KM_BLOCK) * value_size(t)));
    for (int32_t c = 0; c < t->k; c++) {
        if (c % KM_BLOCK == 0 && w->n_few == FEW_NEAR &&
            w->least2[c / KM_BLOCK] >= of_few[FEW_NEAR - 1]) {
            c += KM_BLOCK - 1; /* none of the block is nearer */
            continue;
        }
        const double distance2 = km_value_get(precision, w->distances2, c);
        if (c != label && (w->n_few < FEW_NEAR || distance2 < of_few[FEW_NEAR - 1]))
            insert_few(w, of_few, c, distance2);
    }
    w->few_within2 = w->n_few < t->k - 1 ? of_few[w->n_few - 1] : INFINITY;
    qsort(w->few, (size_t)w->n_few, sizeof *w->few,
          number_order); /* so that ties go to the lowest */
    pack_centers(t, w->few, w->n_few, w->few_centers);
}

/* ---- a group of samples with one label ----------------------------------------------------- */

/* Copies a group; lanes without a sample repeat its first. */
static void gather_group(const second_task *t, const uint32_t *group, int count, void *values)
{
    const int64_t d = t->samples->n_features;
    const km_precision precision = t->samples->precision;
    for (int l = 0; l < KM_BLOCK; l++) {
        const uint32_t i = group[l < count ? l : 0];
        const void *block = km_samples_block(t->samples, i / KM_BLOCK);
        for (int64_t j = 0; j < d; j++)
            if (precision == KM_FLOAT32)
                ((float *)values)[j * KM_BLOCK + l] =
                    ((const float *)block)[j * KM_BLOCK + i % KM_BLOCK];
            else
                ((double *)values)[j * KM_BLOCK + l] =
                    ((const double *)block)[j * KM_BLOCK + i % KM_BLOCK];
    }
}

/* The squared distance from the label's center of all that need be compared. */
static double find_reach2(const second_task *t, const km_distances *own2,
                          const km_distances *other2)
{
    const km_precision precision = t->samples->precision;
    const double d = (double)t->samples->n_features;
    double limit = 0;
    for (int l = 0; l < KM_BLOCK; l++)
        limit = fmax(limit, sqrt(km_distance_of(own2, precision, l)) +
                                sqrt(km_distance_of(other2, precision, l)));
    const double reach = limit * (1 + KM_GAP_SLACK(d) * km_precision_epsilon(precision)) +
                         4 * sqrt((d + 2) * km_precision_smallest(precision));
    return reach * reach * (1 + 0x1p-20); /* which makes up for rounding to the working precision */
}

/* Lists the centers within reach but the label's own, ascending. */
static int64_t list_within(const second_task *t, second_workspace *w, double reach2)
{
    memset(w->within, 0, (size_t)t->n_blocks * sizeof *w->within);
    t->kernel->add_within[t->samples->precision](w->distances2, w->least2, t->n_blocks, reach2,
                                                 w->within);
    if (t->k % KM_BLOCK != 0)
        w->within[t->n_blocks - 1] &= UINT64_MAX >> (KM_BLOCK - t->k % KM_BLOCK);
    w->within[w->label / KM_BLOCK] &= ~((uint64_t)1 << w->label % KM_BLOCK);
    return km_list_bits(w->within, t->n_blocks, w->chosen);
}

/* Of n chosen centers, with guesses in `found`. False if the screen is no help. */
static bool compare_screened(const second_task *t, second_workspace *w, int64_t n, int32_t *found)
{
    enum { FEWEST_SCREENED = 32 };
    int64_t n_pairs = 0;
    if (!t->has_screen || n < FEWEST_SCREENED || 2 * w->n_given_up > w->n_screened + 4)
        return false;
    const bool is_done = t->kernel->screens->screened[t->samples->precision](
                             w->group, t->query->centers, t->samples->n_features, &t->screen.screen,
                             w->chosen, n, w->screening, found, NULL, &n_pairs) >= 0;
    w->n_screened++;
    w->n_given_up += !is_done;
    return is_done;
}

/* Of n chosen centers. */
static void compare_chosen_near(const second_task *t, second_workspace *w, int64_t n,
                                int32_t *found)
{
    km_distances distances2;
    pack_centers(t, w->chosen, n, w->chosen_centers);
    t->kernel->nearest[t->samples->precision](w->group, w->chosen_centers, t->samples->n_features,
                                              n, found, &distances2);
    for (int l = 0; l < KM_BLOCK; l++)
        found[l] = w->chosen[found[l]];
}

static void find_second_of_group(const second_task *t, second_workspace *w, const uint32_t *group,
                                 int count)
{
    const int64_t d = t->samples->n_features;
    const km_precision precision = t->samples->precision;
    int32_t found[KM_BLOCK];
    km_distances own2, other2;
    gather_group(t, group, count, w->group);
    t->kernel->distances_to[precision](w->group, center_at(t, w->label), d, &own2);
    t->kernel->nearest[precision](w->group, w->few_centers, d, w->n_few, found, &other2);
    for (int l = 0; l < KM_BLOCK; l++)
        found[l] = w->few[found[l]];
    const double reach2 = find_reach2(t, &own2, &other2);
    if (!(reach2 < w->few_within2)) {
        const int64_t n = list_within(t, w, reach2);
        if (!compare_screened(t, w, n, found))
            compare_chosen_near(t, w, n, found);
    }
    for (int l = 0; l < count; l++)
        t->by_label.labels[group[l]] = found[l];
}

/* ---- all samples --------------------------------------------------------------------------- */

/* A piece of the order, which may have samples of several clusters. */
static void find_second_of_piece(const second_task *t, second_workspace *w, int64_t piece)
{
    int64_t first = piece * KM_SORTED_AT_ONCE;
    const int64_t n = t->samples->n_samples, past = first + KM_SORTED_AT_ONCE;
    const int64_t end = past < n ? past : n;
    while (first < end) {
        const int64_t next = km_end_of_label(&t->by_label, first, end);
        const int32_t label = t->by_label.labels[t->by_label.order[first]];
        if (w->label != label)
            take_label(t, w, label);
        km_sort_by_level(&t->by_label, t->samples, t->query->distances, first, next);
        for (; first < next; first += KM_BLOCK)
            find_second_of_group(t, w, t->by_label.order + first,
                                 (int)(next - first < KM_BLOCK ? next - first : KM_BLOCK));
        first = next;
    }
}

/* ---- memory -------------------------------------------------------------------------------- */

static void create_second_workspace(second_workspace *w, const second_task *t, km_error *error)
{
    const char *what = "second nearest centers";
    const size_t row_size = (size_t)t->samples->n_features * value_size(t);
    *w = (second_workspace){.label = -1};
    w->few_centers = km_allocate(FEW_NEAR, row_size, what, error);
    w->distances2 = km_allocate(t->n_blocks * KM_BLOCK, value_size(t), what, error);
    w->least2 = km_allocate(t->n_blocks, sizeof *w->least2, what, error);
    w->within = km_allocate(t->n_blocks, sizeof *w->within, what, error);
    w->chosen = km_allocate(t->k, sizeof *w->chosen, what, error);
    w->chosen_centers = km_allocate(t->k, row_size, what, error);
    w->group = km_allocate(KM_BLOCK, row_size, what, error);
    if (t->has_screen)
        w->screening =
            km_allocate(km_screen_workspace(t->samples->n_features, t->k), 1, what, error);
}

static void free_second_workspace(second_workspace *w)
{
    free(w->few_centers);
    free(w->distances2);
    free(w->least2);
    free(w->within);
    free(w->chosen);
    free(w->chosen_centers);
    free(w->group);
    free(w->screening);
}

static void fill_center_blocks(second_task *t)
{
    const int64_t d = t->samples->n_features;
    const km_precision precision = t->samples->precision;
    for (int64_t i = 0; i < t->n_blocks * KM_BLOCK; i++)
        for (int64_t j = 0; j < d; j++)
            km_value_set(
                precision, t->blocks, (i / KM_BLOCK * d + j) * KM_BLOCK + i % KM_BLOCK,
                km_value_get(precision, t->query->centers, (i < t->k ? i : t->k - 1) * d + j));
}

/* On all threads; false if one has no memory. */
static bool find_all_second(const second_task *t)
{
    const int64_t n_pieces = (t->samples->n_samples + KM_SORTED_AT_ONCE - 1) / KM_SORTED_AT_ONCE;
    bool has_memory = true;
#pragma omp parallel reduction(&& : has_memory)
    {
        km_error why = {0};
        second_workspace w;
        create_second_workspace(&w, t, &why);
        has_memory = why.code == KM_OK;
#pragma omp for schedule(dynamic, 1)
        for (int64_t piece = 0; piece < n_pieces; piece++)
            if (has_memory)
                find_second_of_piece(t, &w, piece);
        free_second_workspace(&w);
    }
    return has_memory;
}

static void keep_all_second(const second_task *t)
{
    const km_second_query *q = t->query;
#pragma omp parallel for
    for (int64_t b = 0; b < q->samples->n_blocks; b++) {
        int32_t seconds[KM_BLOCK] = {0};
        const size_t lanes = (size_t)km_samples_lanes(q->samples, b);
        memcpy(seconds, t->by_label.labels + b * KM_BLOCK, lanes * sizeof *seconds);
        q->keep(q->context, b, seconds);
    }
}

bool km_second_find_near(const km_second_query *query)
{
    const km_samples *samples = query->samples;
    const size_t row_size = (size_t)samples->n_features * km_precision_size(samples->precision);
    km_error why = {0};
    second_task t = {.query = query,
                     .samples = samples,
                     .kernel = query->kernel,
                     .k = query->k,
                     .n_blocks = (query->k + KM_BLOCK - 1) / KM_BLOCK,
                     .has_screen = km_screen_pays(query->kernel, samples->n_features)};
    if (t.has_screen)
        km_screen_create(&t.screen, query->kernel, query->k, samples->n_features, &why);
    t.blocks = km_allocate(t.n_blocks * KM_BLOCK, row_size, "second nearest centers", &why);
    bool is_done = false;
    if (t.blocks != NULL &&
        km_by_label_create(&t.by_label, samples, query->labels, query->k, &why) == KM_OK) {
        fill_center_blocks(&t);
        if (t.has_screen)
            km_screen_set(&t.screen, samples->precision, query->centers);
        is_done = find_all_second(&t);
        if (is_done)
            keep_all_second(&t);
    }
    km_by_label_free(&t.by_label);
    km_screen_free(&t.screen);
    free(t.blocks);
    return is_done;
}

double km_second_near_bytes(const km_shape *shape)
{
    const double k = (double)shape->n_clusters, d = (double)shape->n_features;
    const double value = km_value_bytes(shape);
    double screens = 0;
    if (km_screen_is_available(shape->n_features))
        screens =
            km_screen_bytes(shape) +
            shape->n_threads * (double)km_screen_workspace(shape->n_features, shape->n_clusters);
    return km_by_label_bytes(shape) + k * d * value + screens +
           shape->n_threads * k * ((d + 1) * value + sizeof(int32_t));
}
