/* `kmeans++` (Arthur & Vassilvitskii 2007, "k-means++: the advantages of careful seeding"): each
 * next center is a sample drawn with probability proportional to its weight times its squared
 * distance to the nearest center so far. Unless that takes too long it is greedy, as the same
 * authors tried and scikit-learn does: of some samples that are drawn, the next center is the one
 * that lowers the sum of these products most (Celebi, Kingravi & Vela 2013,
 * doi:10.1016/j.eswa.2012.07.021). How many are drawn depends on the number of centers so far
 * alone, so fewer centers are the first of more.
 *
 * A sample is drawn in proportion to the integer floor(weight * d2 * 2^s), and prefix sums run in
 * catalogue order over all ranks, so the draw is the same for any number of ranks. The exponent s
 * is chosen for the maximum d2 so that the sum of all integers uses 62 bits. It is chosen again
 * when the maximum d2 has shrunk much, or when the sum is 0 though a d2 is not.
 *
 * The integers of all samples are brought up to date only now and then, with many centers at once,
 * which takes far fewer passes. In between, they can only be too large: the random number falls
 * somewhere among the integers W of a sample, of which W' are right, and the sample is kept if it
 * falls among the first W'. So each draw has the right probability, for any moment of the passes;
 * these are the same for any number of ranks. */
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/random.h"
#include "nearness.h"
#include "seedings.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* s is chosen again when the maximum d2 has shrunk by this factor, which wastes 16 bits. */
static const double RENEW_BELOW = 0x1p-16;

/* Measured: with fewer products of centers, samples and features in all, greedy centers take 0.2 s
 * of two threads at most, and are much better where clusters are far apart; with more they hardly
 * are.
 */
static const double MOST_GREEDY = 0x1p31;

/* The samples that are drawn for a center when there are n: LEAST_TRIALS + log n. */
enum { LEAST_TRIALS = 5, MOST_TRIALS = 16 };

static int count_trials(int64_t n)
{
    return LEAST_TRIALS + (int)log((double)n);
}

/* The integers are brought up to date when so many draws were in vain, or when new centers are one
 * in eight of all, or as many as are looked at together. */
enum { MAX_IN_VAIN = 4, NEW_PART = 8, MAX_NEW = 512 };

/* What the ranks have to know of each other for a draw. */
typedef struct share {
    uint64_t weight;      /* the sum of the integers of this rank's samples */
    double max_distance2; /* of this rank's samples */
    int64_t unused;       /* the lowest row that is no center and has weight; INT64_MAX: none */
    int64_t wish;         /* km_wish */
} share;

struct drawing {
    const km_drawing *task;
    km_nearness near;
    int64_t total_weight; /* on all ranks */
    bool is_greedy;
    double bound2;      /* an upper bound of all d2, for which s was chosen */
    uint8_t *is_center; /* [n_samples] */
    int64_t n_passed;   /* the first samples in catalogue order, all centers or without weight */
    double *centers;    /* [k][d] */
    int64_t n_centers;  /* drawn so far, */
    int64_t n_seen;     /* and how many of them the distances know */
    char *rounded;      /* [n_most_new + 1][d], the others, in working precision */
    bool is_exhausted;  /* all samples coincide with centers */
    int64_t n_draws;    /* so far, */
    int64_t n_in_vain;  /* and how many were in vain since the integers are up to date */
    double *drawn;      /* [1 + d], is the sample kept, and its values */
    share *shares;      /* [n_ranks] */
    struct trials {
        int64_t samples[MOST_TRIALS]; /* of this rank; -1: another rank's */
        uint64_t gains[MOST_TRIALS];
        double *centers; /* [MOST_TRIALS][d] */
        char *rounded;   /* the same in working precision */
    } trials;
};

/* How many new centers may wait for a pass when there are n. */
static int64_t most_new(int64_t n)
{
    const int64_t part = n / NEW_PART;
    return part < 1 ? 1 : part < MAX_NEW ? part : MAX_NEW;
}

static void end_drawing(struct drawing *drawing)
{
    km_nearness_free(&drawing->near);
    km_free_large(drawing->is_center);
    free(drawing->rounded);
    free(drawing->drawn);
    free(drawing->shares);
    free(drawing->trials.centers);
    free(drawing->trials.rounded);
}

static km_code begin_drawing(struct drawing *drawing, const km_drawing *task, double *centers,
                             km_error *error)
{
    const char *what = "seeding by kmeans++";
    const km_samples *samples = task->samples;
    *drawing = (struct drawing){.task = task, .bound2 = INFINITY, .centers = centers};
    km_nearness_create(&drawing->near, samples, task->kernel, false, error);
    drawing->is_center = km_allocate_large(samples->n_samples, 1, what, error);
    drawing->rounded = km_allocate((most_new(task->n_clusters) + 1) * samples->n_features,
                                   km_precision_size(samples->precision), what, error);
    drawing->drawn = km_allocate(samples->n_features + 1, sizeof *drawing->drawn, what, error);
    drawing->shares = km_allocate(km_comm_size(task->comm), sizeof *drawing->shares, what, error);
    drawing->trials.centers =
        km_allocate(MOST_TRIALS * samples->n_features, sizeof(double), what, error);
    drawing->trials.rounded = km_allocate(MOST_TRIALS * samples->n_features,
                                          km_precision_size(samples->precision), what, error);
    if (km_agree(task->comm, error) != KM_OK)
        return error->code;
    memset(drawing->is_center, 0, (size_t)samples->n_samples);
    int64_t sums[] = {(int64_t)km_nearness_total(&drawing->near), samples->n_samples};
    km_sum_int64(task->comm, sums, 2);
    drawing->total_weight = sums[0];
    const double work = (double)sums[1] * (double)samples->n_features * (double)task->n_clusters;
    drawing->is_greedy = !task->is_plain && work <= MOST_GREEDY;
    return KM_OK;
}

/* The number of the first sample in catalogue order that is no center and has weight; -1: none. */
static int64_t find_unused(struct drawing *drawing)
{
    const km_samples *samples = drawing->task->samples;
    for (; drawing->n_passed < samples->n_samples; drawing->n_passed++) {
        const int64_t i = drawing->near.order[drawing->n_passed];
        if (!drawing->is_center[i] && (samples->weights == NULL || samples->weights[i] > 0))
            return i;
    }
    return -1;
}

/* Gathers the shares of all ranks; returns the maximum d2. */
static double gather_shares(struct drawing *drawing)
{
    const int64_t unused = find_unused(drawing);
    const share own = {.weight = km_nearness_total(&drawing->near),
                       .max_distance2 = km_nearness_max(&drawing->near),
                       .unused =
                           unused >= 0 ? km_samples_row(drawing->task->samples, unused) : INT64_MAX,
                       .wish = (int64_t)km_pace_wish(drawing->task->pace, 0)};
    km_gather(drawing->task->comm, &own, sizeof own, drawing->shares);
    double max_distance2 = 0;
    for (int r = 0; r < km_comm_size(drawing->task->comm); r++) {
        max_distance2 = fmax(max_distance2, drawing->shares[r].max_distance2);
        km_pace_stop(drawing->task->pace, (km_wish)drawing->shares[r].wish);
    }
    return max_distance2;
}

static uint64_t total_of_shares(const struct drawing *drawing)
{
    uint64_t total = 0;
    for (int r = 0; r < km_comm_size(drawing->task->comm); r++)
        total += drawing->shares[r].weight;
    return total;
}

/* Makes sure that the integers of all samples are not too coarse; false if all distances are 0. */
static bool weigh_samples(struct drawing *drawing)
{
    const double max_distance2 = gather_shares(drawing);
    const bool has_shrunk = !(max_distance2 >= drawing->bound2 * RENEW_BELOW);
    /* If one sample has nearly all the weight, the integers of the others soon round to 0. */
    if (max_distance2 > 0 && (has_shrunk || total_of_shares(drawing) == 0)) {
        drawing->bound2 = max_distance2;
        km_nearness_weigh(&drawing->near, km_weight_power(max_distance2, drawing->total_weight));
        gather_shares(drawing);
    }
    return max_distance2 > 0;
}

/* Takes the values of a sample of this rank. */
static void take_sample(struct drawing *drawing, int64_t sample)
{
    drawing->drawn[0] = 1;
    km_samples_get(drawing->task->samples, sample, drawing->drawn + 1);
    drawing->is_center[sample] = 1;
}

/* Draws a place in proportion to the integers: the rank that has it, which is returned, and where
 * among its integers. */
static int draw_place(struct drawing *drawing, uint64_t *target)
{
    const km_drawing *task = drawing->task;
    const uint64_t random =
        km_random(task->random_seed, task->stream, (uint64_t)drawing->n_draws++);
    int owner = 0;
    *target = km_random_below(total_of_shares(drawing), random);
    while (*target >= drawing->shares[owner].weight)
        *target -= drawing->shares[owner++].weight;
    assert(owner < km_comm_size(task->comm));
    return owner;
}

/* Draws a sample in proportion to its integer, on the rank that has it, which is returned. */
static int draw_by_weight(struct drawing *drawing)
{
    uint64_t target, rest;
    const int owner = draw_place(drawing, &target);
    drawing->drawn[0] = 0;
    if (owner == km_comm_rank(drawing->task->comm)) {
        const int64_t sample = km_nearness_find(&drawing->near, target, &rest);
        const int64_t n_new = drawing->n_centers - drawing->n_seen;
        if (rest < km_nearness_weight_beside(&drawing->near, sample, drawing->rounded, n_new))
            take_sample(drawing, sample);
    }
    return owner;
}

/* Draws some samples, and tells all ranks their values: each rank adds its own to zeros. */
static void draw_trials(struct drawing *drawing, int n_trials)
{
    const km_samples *samples = drawing->task->samples;
    const int64_t d = samples->n_features;
    struct trials *trials = &drawing->trials;
    memset(trials->centers, 0, (size_t)(n_trials * d) * sizeof *trials->centers);
    for (int i = 0; i < n_trials; i++) {
        uint64_t target, rest;
        const bool is_own = draw_place(drawing, &target) == km_comm_rank(drawing->task->comm);
        trials->samples[i] = is_own ? km_nearness_find(&drawing->near, target, &rest) : -1;
        if (is_own)
            km_samples_get(samples, trials->samples[i], trials->centers + i * d);
    }
    km_sum_uint64(drawing->task->comm, (uint64_t *)(void *)trials->centers, n_trials * d);
    km_round_to_precision(samples->precision, trials->centers, n_trials * d, trials->rounded);
}

/* The next center is the one of some samples that lowers the sum of the integers most, which are up
 * to date; the first of equals. All ranks know it. */
static void draw_greedily(struct drawing *drawing)
{
    const km_drawing *task = drawing->task;
    struct trials *trials = &drawing->trials;
    const int n_trials = count_trials(drawing->n_centers);
    int best = 0;
    assert(n_trials <= MOST_TRIALS); /* k is at most n, so k^2 at most MOST_GREEDY */
    draw_trials(drawing, n_trials);
    km_nearness_gains(&drawing->near, trials->centers, trials->rounded, n_trials, trials->gains);
    km_sum_uint64(task->comm, trials->gains, n_trials);
    for (int i = 1; i < n_trials; i++)
        best = trials->gains[i] > trials->gains[best] ? i : best;
    if (trials->samples[best] >= 0)
        take_sample(drawing, trials->samples[best]);
    drawing->drawn[0] = 1;
    memcpy(drawing->drawn + 1, trials->centers + best * task->samples->n_features,
           (size_t)task->samples->n_features * sizeof(double));
}

/* All samples coincide with centers: the lowest row that is no center becomes one. */
static int take_lowest_unused(struct drawing *drawing)
{
    int owner = 0;
    gather_shares(drawing);
    for (int r = 1; r < km_comm_size(drawing->task->comm); r++)
        if (drawing->shares[r].unused < drawing->shares[owner].unused)
            owner = r;
    if (owner == km_comm_rank(drawing->task->comm))
        take_sample(drawing, find_unused(drawing));
    return owner;
}

/* Brings the integers up to date with all centers. Collective. */
static void see_new_centers(struct drawing *drawing)
{
    const int64_t d = drawing->task->samples->n_features;
    const int64_t n_new = drawing->n_centers - drawing->n_seen;
    km_nearness_approach(&drawing->near, drawing->centers + drawing->n_seen * d, drawing->rounded,
                         n_new, (int32_t)drawing->n_seen);
    drawing->n_seen = drawing->n_centers;
    drawing->n_in_vain = 0;
    drawing->is_exhausted = !weigh_samples(drawing);
}

enum { ALL_RANKS = -1 };

/* Draws once, on the rank that is returned. Collective. */
static int draw_next(struct drawing *drawing)
{
    const int64_t n_new = drawing->n_centers - drawing->n_seen;
    const bool is_greedy = drawing->is_greedy && drawing->n_centers > 0;
    if (drawing->n_centers == 0)
        gather_shares(drawing); /* the integers are the weights */
    else if (!drawing->is_exhausted && (is_greedy || n_new >= most_new(drawing->n_centers) ||
                                        drawing->n_in_vain == MAX_IN_VAIN))
        see_new_centers(drawing);
    if (drawing->is_exhausted)
        return take_lowest_unused(drawing);
    if (!is_greedy)
        return draw_by_weight(drawing);
    draw_greedily(drawing);
    return ALL_RANKS;
}

/* True if the next center was found. Collective. */
static bool draw_once(struct drawing *drawing)
{
    const km_samples *samples = drawing->task->samples;
    const int64_t d = samples->n_features;
    const int owner = draw_next(drawing);
    if (owner != ALL_RANKS)
        km_broadcast(drawing->task->comm, owner, drawing->drawn,
                     (d + 1) * (int64_t)sizeof *drawing->drawn);
    if (drawing->drawn[0] == 0) {
        drawing->n_in_vain++;
        return false;
    }
    const int64_t at = drawing->is_exhausted ? 0 : drawing->n_centers - drawing->n_seen;
    memcpy(drawing->centers + drawing->n_centers++ * d, drawing->drawn + 1,
           (size_t)d * sizeof(double));
    km_round_to_precision(samples->precision, drawing->drawn + 1, d,
                          drawing->rounded +
                              (size_t)(at * d) * km_precision_size(samples->precision));
    return true;
}

km_code km_draw_kmeanspp(const km_drawing *task, double *centers, km_error *error)
{
    struct drawing drawing;
    begin_drawing(&drawing, task, centers, error);
    while (error->code == KM_OK && drawing.n_centers < task->n_clusters &&
           !km_pace_is_stopped(task->pace))
        if (draw_once(&drawing))
            km_pace_part(task->pace, (double)drawing.n_centers / (double)task->n_clusters);
    end_drawing(&drawing);
    return error->code;
}

km_code km_seed_kmeanspp(const km_seeding_task *task, double *centers, km_error *error)
{
    km_drawing drawing = {.samples = task->samples,
                          .kernel = task->kernel,
                          .n_clusters = task->n_clusters,
                          .is_plain = task->is_plain,
                          .random_seed = task->random_seed,
                          .stream = km_stream(KM_RANDOM_DRAW, 0, task->restart),
                          .pace = task->pace,
                          .comm = task->comm};
    const km_choice choice = {task->n_rows, task->random_seed,
                              km_stream(KM_RANDOM_ROWS, 0, task->restart)};
    km_samples selected = {0};
    int64_t n_all = task->samples->n_samples;
    km_sum_int64(task->comm, &n_all, 1);
    if (task->n_rows < n_all) {
        if (km_select_samples(task->samples, &choice, task->comm, &selected, error) != KM_OK)
            return error->code;
        drawing.samples = &selected;
    }
    km_draw_kmeanspp(&drawing, centers, error);
    km_samples_free(&selected);
    return error->code;
}

bool km_seed_kmeanspp_reads_all(const km_shape *shape)
{
    return shape->n_seeding_rows >= shape->n_rows;
}

/* When drawing from some of the rows, the maximum of copying them and of drawing from the copy. A
 * rank has its part of these rows. */
double km_seed_kmeanspp_bytes(const km_shape *shape)
{
    const double n = (double)shape->n_samples;
    const double d = (double)shape->n_features;
    const double new_bytes =
        (double)(most_new(shape->n_clusters) + 1 + MOST_TRIALS) * d * km_value_bytes(shape) +
        MOST_TRIALS * d * sizeof(double);
    if (km_seed_kmeanspp_reads_all(shape))
        return km_nearness_bytes(shape, n, false) + new_bytes;
    const double own_part = n / (double)shape->n_rows * (double)shape->n_seeding_rows;
    const double drawn = km_smaller(own_part, n);
    return km_larger(km_select_bytes(shape, drawn),
                     km_samples_bytes(shape, drawn, shape->has_weights) +
                         km_nearness_bytes(shape, drawn, false) + new_bytes);
}
