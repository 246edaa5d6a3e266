/* reference_seeding.h - the first centers once more, in the plainest way, on one rank that holds
 * all rows: the papers' rules with whole numbers, and the random numbers of rows and draws. */
#ifndef SKYMEANS_TESTS_REFERENCE_SEEDING_H
#define SKYMEANS_TESTS_REFERENCE_SEEDING_H

#include "base/arithmetic.h"
#include "base/random.h"
#include "reference.h"

#include <stdlib.h>
#include <string.h>

/* What a seeding depends on beside the points. */
typedef struct seed_rule {
    int64_t k, n_rows; /* n_rows: kmeans++ draws from so many; INT64_MAX: all */
    uint64_t seed;
    int64_t restart;
    bool is_plain; /* kmeans++ is not greedy */
} seed_rule;

/* ---- rows by their random numbers ------------------------------------------------------------ */

typedef struct keyed {
    uint64_t key;
    int64_t point;
} keyed;

static inline int by_key(const void *a, const void *b)
{
    const keyed *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->point > y->point) - (x->point < y->point);
}

/* The points with weight in the order of their rows' random numbers. The caller frees them. */
static inline keyed *points_by_number(const points *p, uint64_t seed, uint64_t stream,
                                      int64_t *count)
{
    keyed *list = mock_memory(p->n, sizeof *list);
    *count = 0;
    for (int64_t i = 0; i < p->n; i++)
        if (p->weights[i] > 0)
            list[(*count)++] = (keyed){km_random(seed, stream, (uint64_t)p->rows[i]), i};
    qsort(list, (size_t)*count, sizeof *list, by_key);
    return list;
}

static inline void reference_random(const points *p, const seed_rule *rule, double *centers)
{
    int64_t count;
    keyed *list =
        points_by_number(p, rule->seed, km_stream(KM_RANDOM_ROWS, 0, rule->restart), &count);
    for (int64_t c = 0; c < rule->k; c++)
        memcpy(centers + c * p->d, p->x + list[c].point * p->d, (size_t)p->d * sizeof *centers);
    free(list);
}

/* The n points with the smallest random numbers, in catalogue order. */
static inline points choose_points(const points *p, int64_t n, uint64_t seed, uint64_t stream)
{
    int64_t count;
    keyed *list = points_by_number(p, seed, stream, &count);
    uint8_t *is_chosen = mock_memory(p->n, 1);
    points chosen = {.d = p->d, .is_float = p->is_float};
    chosen.rows = mock_memory(p->n, sizeof *chosen.rows);
    chosen.x = mock_memory(p->n * p->d, sizeof *chosen.x);
    chosen.weights = mock_memory(p->n, sizeof *chosen.weights);
    for (int64_t i = 0; i < n && i < count; i++)
        is_chosen[list[i].point] = 1;
    for (int64_t i = 0; i < p->n; i++)
        if (is_chosen[i]) {
            memcpy(chosen.x + chosen.n * p->d, p->x + i * p->d, (size_t)p->d * sizeof *p->x);
            chosen.rows[chosen.n] = p->rows[i];
            chosen.weights[chosen.n++] = p->weights[i];
        }
    free(is_chosen);
    free(list);
    return chosen;
}

/* ---- drawing by weight ----------------------------------------------------------------------- */

/* Points with their distances to the nearest center so far, and what they weigh in a draw. */
typedef struct draws {
    const points *p;
    double *nearest2; /* [n] */
    int64_t *nearest; /* [n], number of that center; -1 for points without weight */
    uint64_t *odds;   /* [n] */
    double total_weight;
} draws;

static inline draws draws_create(const points *p)
{
    draws d = {.p = p};
    d.nearest2 = mock_memory(p->n, sizeof *d.nearest2);
    d.nearest = mock_memory(p->n, sizeof *d.nearest);
    d.odds = mock_memory(p->n, sizeof *d.odds);
    for (int64_t i = 0; i < p->n; i++) {
        d.nearest2[i] = p->weights[i] > 0 ? INFINITY : 0;
        d.nearest[i] = -1;
        d.odds[i] = (uint64_t)p->weights[i];
        d.total_weight += p->weights[i];
    }
    return d;
}

static inline void draws_free(draws *d)
{
    free(d->nearest2);
    free(d->nearest);
    free(d->odds);
}

static inline void see_center(draws *d, const double *center, int64_t number)
{
    for (int64_t i = 0; i < d->p->n; i++) {
        const double d2 = distance2_of(d->p, d->p->x + i * d->p->d, center);
        if (d2 < d->nearest2[i]) {
            d->nearest2[i] = d2;
            d->nearest[i] = number;
        }
    }
}

static inline double largest_distance2(const draws *d)
{
    double largest = 0;
    for (int64_t i = 0; i < d->p->n; i++)
        largest = fmax(largest, d->nearest2[i]);
    return largest;
}

static inline uint64_t total_odds(const draws *d)
{
    uint64_t total = 0;
    for (int64_t i = 0; i < d->p->n; i++)
        total += d->odds[i];
    return total;
}

/* floor(weight * d2 * 2^s), s such that all of them together have at most 62 bits while no d2 is
 * above the bound. */
static inline void weigh_points(draws *d, double bound2)
{
    int bound_exponent, weight_exponent;
    frexp(bound2, &bound_exponent);
    frexp(d->total_weight, &weight_exponent);
    for (int64_t i = 0; i < d->p->n; i++)
        d->odds[i] = (uint64_t)floor(
            ldexp(d->p->weights[i] * d->nearest2[i], 62 - bound_exponent - weight_exponent));
}

/* The point at which the sum of the odds in catalogue order exceeds the random part of the total.
 */
static inline int64_t draw_point(const draws *d, uint64_t random)
{
    const uint64_t target = (uint64_t)((km_uint128)total_odds(d) * random >> 64);
    int64_t i = 0;
    for (uint64_t sum = d->odds[0]; sum <= target; sum += d->odds[i])
        i++;
    return i;
}

/* ---- kmeans++ (Arthur & Vassilvitskii 2007) -------------------------------------------------- */

static inline int64_t lowest_unused(const points *p, const uint8_t *is_center)
{
    int64_t i = 0;
    while (is_center[i] || p->weights[i] == 0)
        i++;
    return i;
}

/* Brings the odds up to date; false if all distances are 0. The bound is renewed when distances
 * have shrunk by 2^16, or nothing else would weigh anything. */
static inline bool renew_odds(draws *d, double *bound2)
{
    const double largest2 = largest_distance2(d);
    if (largest2 == 0)
        return false;
    if (isinf(*bound2) || largest2 < *bound2 * 0x1p-16)
        *bound2 = largest2;
    weigh_points(d, *bound2);
    if (total_odds(d) == 0)
        weigh_points(d, *bound2 = largest2);
    return true;
}

/* Would the odds of a point with all centers, of which the distances know the first n_seen, be as
 * large as where the random number fell among its odds? */
static inline bool is_kept(const draws *d, int64_t i, uint64_t random, const double *centers,
                           int64_t n_seen, int64_t n, double bound2)
{
    uint64_t rest = (uint64_t)((km_uint128)total_odds(d) * random >> 64);
    double nearest2 = d->nearest2[i];
    int bound_exponent, weight_exponent;
    if (n == 0)
        return true;
    for (int64_t r = 0; r < i; r++)
        rest -= d->odds[r];
    for (int64_t c = n_seen; c < n; c++)
        nearest2 = fmin(nearest2, distance2_of(d->p, d->p->x + i * d->p->d, centers + c * d->p->d));
    frexp(bound2, &bound_exponent);
    frexp(d->total_weight, &weight_exponent);
    return rest < (uint64_t)floor(
                      ldexp(d->p->weights[i] * nearest2, 62 - bound_exponent - weight_exponent));
}

/* By how much all odds together fall with one more center. */
static inline uint64_t gain_of_center(const draws *d, const double *center, double bound2)
{
    int bound_exponent, weight_exponent;
    uint64_t gain = 0;
    frexp(bound2, &bound_exponent);
    frexp(d->total_weight, &weight_exponent);
    for (int64_t i = 0; i < d->p->n; i++) {
        const double d2 = distance2_of(d->p, d->p->x + i * d->p->d, center);
        gain += d->odds[i] - (uint64_t)floor(ldexp(d->p->weights[i] * fmin(d2, d->nearest2[i]),
                                                   62 - bound_exponent - weight_exponent));
    }
    return gain;
}

/* Of 5 + log c points that are drawn, the one that lowers the odds most. */
static inline int64_t draw_greedily(const draws *d, const seed_rule *rule, uint64_t *n_draws,
                                    int64_t c, double bound2)
{
    const uint64_t stream = km_stream(KM_RANDOM_DRAW, 0, rule->restart);
    uint64_t most = 0;
    int64_t best = -1;
    for (int i = 0; i < 5 + (int)log((double)c); i++) {
        const int64_t point = draw_point(d, km_random(rule->seed, stream, (*n_draws)++));
        const uint64_t gain = gain_of_center(d, d->p->x + point * d->p->d, bound2);
        if (best < 0 || gain > most) {
            best = point;
            most = gain;
        }
    }
    return best;
}

/* Draws by odds that are too large until they are brought up to date, and keeps a point with the
 * probability that makes up for that. */
static inline void draw_kmeanspp(const points *p, const seed_rule *rule, double *centers)
{
    const uint64_t stream = km_stream(KM_RANDOM_DRAW, 0, rule->restart);
    draws d = draws_create(p);
    uint8_t *is_center = mock_memory(p->n, 1);
    double bound2 = INFINITY;
    int64_t n_seen = 0, n_in_vain = 0;
    uint64_t n_draws = 0;
    bool has_odds = true;
    for (int64_t c = 0; c < rule->k;) {
        const int64_t most_new = c < 16 || !rule->is_plain ? 1 : c < 4096 ? c / 8 : 512;
        if (has_odds && c > 0 && (c - n_seen >= most_new || n_in_vain == 4)) {
            for (; n_seen < c; n_seen++)
                see_center(&d, centers + n_seen * p->d, n_seen);
            n_in_vain = 0;
            has_odds = renew_odds(&d, &bound2);
        }
        const bool is_greedy = has_odds && c > 0 && !rule->is_plain;
        const uint64_t random =
            has_odds && !is_greedy ? km_random(rule->seed, stream, n_draws++) : 0;
        const int64_t i = is_greedy  ? draw_greedily(&d, rule, &n_draws, c, bound2)
                          : has_odds ? draw_point(&d, random)
                                     : lowest_unused(p, is_center);
        if (has_odds && !is_greedy && !is_kept(&d, i, random, centers, n_seen, c, bound2)) {
            n_in_vain++;
            continue;
        }
        is_center[i] = 1;
        memcpy(centers + c++ * p->d, p->x + i * p->d, (size_t)p->d * sizeof *centers);
    }
    free(is_center);
    draws_free(&d);
}

static inline void reference_kmeanspp(const points *p, const seed_rule *rule, double *centers)
{
    if (rule->n_rows < p->n) {
        points chosen =
            choose_points(p, rule->n_rows, rule->seed, km_stream(KM_RANDOM_ROWS, 0, rule->restart));
        draw_kmeanspp(&chosen, rule, centers);
        points_free(&chosen);
    } else {
        draw_kmeanspp(p, rule, centers);
    }
}

/* ---- k-means|| (Bahmani et al. 2012, algorithm 2) -------------------------------------------- */

/* Is the random number of a row, as a part of 1, below 2k times its odds? */
static inline bool is_in(const draws *d, int64_t i, const seed_rule *rule, uint64_t stream,
                         uint64_t total)
{
    const km_uint128 wanted = (km_uint128)(2 * rule->k) * d->odds[i];
    const km_uint128 random = km_random(rule->seed, stream, (uint64_t)d->p->rows[i]);
    return d->odds[i] > 0 && (wanted >= total || random * total < wanted << 64);
}

/* One round: new candidates go behind the n there are. Returns how many there are then. */
static inline int64_t sample_round(draws *d, const seed_rule *rule, int round, int64_t *candidates,
                                   int64_t n)
{
    const uint64_t stream = km_stream(KM_RANDOM_SAMPLE, round, rule->restart);
    const int64_t before = n;
    weigh_points(d, largest_distance2(d));
    const uint64_t total = total_odds(d);
    for (int64_t i = 0; i < d->p->n; i++)
        if (is_in(d, i, rule, stream, total))
            candidates[n++] = i;
    for (int64_t c = before; c < n; c++)
        see_center(d, d->p->x + candidates[c] * d->p->d, c);
    return n;
}

/* The candidates as points, each with the weight of all points that are nearest to it; without
 * those that have none. */
static inline points weigh_candidates(const draws *d, const int64_t *candidates, int64_t n)
{
    const int64_t n_features = d->p->d;
    points chosen = {.d = n_features, .is_float = d->p->is_float};
    double *weights = mock_memory(n, sizeof *weights);
    chosen.rows = mock_memory(n, sizeof *chosen.rows);
    chosen.x = mock_memory(n * n_features, sizeof *chosen.x);
    chosen.weights = mock_memory(n, sizeof *chosen.weights);
    for (int64_t i = 0; i < d->p->n; i++)
        if (d->p->weights[i] > 0)
            weights[d->nearest[i]] += d->p->weights[i];
    for (int64_t c = 0; c < n; c++)
        if (weights[c] > 0) {
            memcpy(chosen.x + chosen.n * n_features, d->p->x + candidates[c] * n_features,
                   (size_t)n_features * sizeof *chosen.x);
            chosen.weights[chosen.n++] = weights[c];
        }
    free(weights);
    return chosen;
}

/* Five rounds, then kmeans++ on the candidates, or on all points if they are too few. */
static inline void reference_parallel(const points *p, const seed_rule *rule, double *centers)
{
    enum { ROUNDS = 5 };
    draws d = draws_create(p);
    int64_t *candidates = mock_memory((ROUNDS + 1) * p->n, sizeof *candidates), n = 1;
    candidates[0] =
        draw_point(&d, km_random(rule->seed, km_stream(KM_RANDOM_SAMPLE, 0, rule->restart), 0));
    see_center(&d, p->x + candidates[0] * p->d, 0);
    for (int round = 1; round <= ROUNDS && largest_distance2(&d) > 0; round++)
        n = sample_round(&d, rule, round, candidates, n);
    points chosen = weigh_candidates(&d, candidates, n);
    draw_kmeanspp(chosen.n >= rule->k ? &chosen : p, rule, centers);
    points_free(&chosen);
    free(candidates);
    draws_free(&d);
}

/* The seeding of this name; refined as it is with few rows. */
static inline void reference_seed(const char *name, const points *p, const seed_rule *rule,
                                  double *centers)
{
    if (strcmp(name, "random") == 0)
        reference_random(p, rule, centers);
    else if (strcmp(name, "kmeans++") == 0 || strcmp(name, "refined") == 0)
        reference_kmeanspp(p, rule, centers);
    else if (strcmp(name, "kmeans-parallel") == 0)
        reference_parallel(p, rule, centers);
    else
        MPI_Abort(MPI_COMM_WORLD, 1);
}

#endif
