/* `kmeans++` (Arthur & Vassilvitskii 2007, "k-means++: the advantages of careful seeding"): each
 * next center is a sample drawn with probability proportional to its squared distance to the
 * nearest center so far.
 *
 * Probabilities are integers, floor(d2 * 2^s), and prefix sums run in catalogue order over all
 * ranks, so the draw is the same for any number of them. The power s follows the largest d2, so
 * that the sum of all uses 62 bits; it is renewed when the largest d2 has shrunk a lot. */
#include "seedings.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The power s is renewed when weights would lose more than this many bits. */
static const double RENEW_BELOW = 0x1p-16;

struct drawing {
    const km_seeding_task *task;
    km_samples selected; /* a copy of the samples to draw from, unless that is all */
    const km_samples *samples;
    double *nearest2;     /* [n_blocks * KM_BLOCK], d2 to the nearest center so far */
    uint8_t *is_center;   /* [n_samples] */
    int64_t n_total;      /* samples on all ranks */
    int64_t first;        /* samples on lower ranks */
    double bound;         /* no d2 is larger */
    void *center;         /* [d], the newest center in working precision */
    struct share *shares; /* [n_ranks] */
};

/* What a rank contributes to a draw. */
typedef struct share {
    uint64_t weight;
    double largest;
    int64_t unused; /* its lowest sample that is no center, numbered over all ranks */
} share;

static void end(struct drawing *drawing)
{
    km_samples_free(&drawing->selected);
    free(drawing->nearest2);
    free(drawing->is_center);
    free(drawing->center);
    free(drawing->shares);
}

static km_code select_samples(struct drawing *drawing, km_error *error)
{
    const km_seeding_task *task = drawing->task;
    int64_t *chosen, n_chosen, n_all = task->samples->n_samples;
    drawing->samples = task->samples;
    km_sum_int64(task->comm, &n_all, 1);
    if (task->n_rows >= n_all)
        return KM_OK;
    if (km_choose_samples(task->samples, task->n_rows, task->random_seed, task->comm, &chosen,
                          &n_chosen, error) != KM_OK)
        return error->code;
    km_samples_select(task->samples, chosen, n_chosen, &drawing->selected, error);
    free(chosen);
    drawing->samples = &drawing->selected;
    return km_agree(task->comm, error);
}

static km_code begin(struct drawing *drawing, const km_seeding_task *task, km_error *error)
{
    const char *what = "seeding by kmeans++";
    *drawing = (struct drawing){.task = task, .bound = INFINITY};
    if (select_samples(drawing, error) != KM_OK)
        return error->code;
    const km_samples *samples = drawing->samples;
    const int64_t n_lanes = samples->n_blocks * KM_BLOCK;
    drawing->nearest2 = km_allocate(n_lanes, sizeof *drawing->nearest2, what, error);
    drawing->is_center = km_allocate_zeroed(samples->n_samples, 1, what, error);
    drawing->center = km_allocate(samples->n_features, sizeof(double), what, error);
    drawing->shares = km_allocate(km_comm_size(task->comm), sizeof *drawing->shares, what, error);
    if (km_agree(task->comm, error) != KM_OK)
        return error->code;
    for (int64_t i = 0; i < n_lanes; i++)
        drawing->nearest2[i] = INFINITY;
    drawing->n_total = samples->n_samples;
    km_sum_int64(task->comm, &drawing->n_total, 1);
    drawing->first = km_sum_below(task->comm, samples->n_samples);
    return KM_OK;
}

/* Lowers the distances of all samples to those to a new center. */
static void approach(struct drawing *drawing, const double *center)
{
    const km_samples *samples = drawing->samples;
    km_nearest *nearest = drawing->task->kernel->nearest[samples->precision];
    km_round_to_precision(samples->precision, center, samples->n_features, drawing->center);
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        int32_t labels[KM_BLOCK];
        km_distances distances2;
        nearest(km_samples_block(samples, b), drawing->center, samples->n_features, 1, labels,
                &distances2);
        double *nearest2 = drawing->nearest2 + b * KM_BLOCK;
        for (int l = 0; l < KM_BLOCK; l++) {
            const double d2 = km_distance_of(&distances2, samples->precision, l);
            nearest2[l] = d2 < nearest2[l] ? d2 : nearest2[l];
        }
    }
}

/* 2^s: the sum of the weights of n samples stays below 2^63. */
static km_power weight_power(double bound, int64_t n)
{
    int bound_exponent, n_exponent;
    frexp(bound, &bound_exponent);
    frexp((double)n, &n_exponent);
    return km_power_of_two(62 - bound_exponent - n_exponent);
}

static uint64_t weight_of(double d2, km_power power)
{
    return (uint64_t)(d2 * power.a * power.b);
}

static share own_share(const struct drawing *drawing, km_power power)
{
    const int64_t n = drawing->samples->n_samples;
    share own = {.unused = INT64_MAX};
    for (int64_t i = 0; i < n; i++) {
        own.largest = fmax(own.largest, drawing->nearest2[i]);
        own.weight += weight_of(drawing->nearest2[i], power);
    }
    for (int64_t i = 0; i < n && own.unused == INT64_MAX; i++)
        if (!drawing->is_center[i])
            own.unused = drawing->first + i;
    return own;
}

/* Gathers the shares of all ranks; returns the largest d2 of all. */
static double gather_shares(struct drawing *drawing, km_power power)
{
    const share own = own_share(drawing, power);
    km_gather(drawing->task->comm, &own, sizeof own, drawing->shares);
    double largest = 0;
    for (int r = 0; r < km_comm_size(drawing->task->comm); r++)
        largest = fmax(largest, drawing->shares[r].largest);
    return largest;
}

/* Weighs all samples, not too coarsely, and says by which power; false if all distances are 0. */
static bool weigh(struct drawing *drawing, km_power *power)
{
    *power = (km_power){0, 0};
    if (isfinite(drawing->bound))
        *power = weight_power(drawing->bound, drawing->n_total);
    const double largest = gather_shares(drawing, *power);
    if (largest > 0 && !(largest >= drawing->bound * RENEW_BELOW)) {
        drawing->bound = largest;
        *power = weight_power(largest, drawing->n_total);
        gather_shares(drawing, *power);
    }
    return largest > 0;
}

/* The sample of this rank at which the prefix sum of weights exceeds `target`. */
static int64_t find_sample(const struct drawing *drawing, uint64_t target, km_power power)
{
    int64_t i = 0;
    for (uint64_t sum = weight_of(drawing->nearest2[0], power); sum <= target;
         sum += weight_of(drawing->nearest2[i], power))
        i++;
    return i;
}

/* Draws a sample by weight: its rank, and on that rank its number. */
static int draw(struct drawing *drawing, km_power power, uint64_t random, int64_t *sample)
{
    const int n_ranks = km_comm_size(drawing->task->comm);
    uint64_t total = 0;
    for (int r = 0; r < n_ranks; r++)
        total += drawing->shares[r].weight;
    uint64_t target = km_random_below(total, random);
    int owner = 0;
    while (target >= drawing->shares[owner].weight)
        target -= drawing->shares[owner++].weight;
    assert(owner < n_ranks);
    if (owner == km_comm_rank(drawing->task->comm))
        *sample = find_sample(drawing, target, power);
    return owner;
}

/* The sample with this number over all ranks: its rank, and on that rank its own number. */
static int locate(const struct drawing *drawing, int64_t number, int64_t *sample)
{
    const bool is_mine =
        number >= drawing->first && number - drawing->first < drawing->samples->n_samples;
    int64_t owner = is_mine ? km_comm_rank(drawing->task->comm) : -1;
    km_max_int64(drawing->task->comm, &owner, 1);
    *sample = number - drawing->first;
    return (int)owner;
}

static int64_t lowest_unused(const struct drawing *drawing)
{
    int64_t lowest = INT64_MAX;
    for (int r = 0; r < km_comm_size(drawing->task->comm); r++)
        if (drawing->shares[r].unused < lowest)
            lowest = drawing->shares[r].unused;
    return lowest;
}

static int choose_next(struct drawing *drawing, int64_t c, int64_t *sample)
{
    const uint64_t random = km_random(drawing->task->random_seed, KM_RANDOM_DRAW, (uint64_t)c);
    if (c == 0)
        return locate(drawing, (int64_t)km_random_below((uint64_t)drawing->n_total, random),
                      sample);
    km_power power;
    if (!weigh(drawing, &power))
        return locate(drawing, lowest_unused(drawing), sample);
    return draw(drawing, power, random, sample);
}

km_code km_seed_kmeanspp(const km_seeding_task *task, double *centers, km_error *error)
{
    struct drawing drawing;
    if (begin(&drawing, task, error) == KM_OK) {
        const int64_t d = task->samples->n_features;
        for (int64_t c = 0; c < task->n_clusters; c++) {
            int64_t sample = 0;
            double *center = centers + c * d;
            const int owner = choose_next(&drawing, c, &sample);
            if (owner == km_comm_rank(task->comm)) {
                km_samples_get(drawing.samples, sample, center);
                drawing.is_center[sample] = 1;
            }
            km_broadcast(task->comm, owner, center, d * (int64_t)sizeof *center);
            approach(&drawing, center);
        }
    }
    end(&drawing);
    return error->code;
}
