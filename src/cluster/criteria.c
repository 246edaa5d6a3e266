/* The criteria of a fit, which tell how many clusters there may be. Sums over samples are exact, so
 * they are the same bits for any ranks and threads. */
#include "cluster/call.h"

#include "assign/second.h"
#include "base/memory.h"
#include "base/threads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sums of distances to the own center, of silhouettes, and of weights. */
typedef struct separation {
    const skymeans_answer *answer;
    const km_samples *samples;
    int64_t k;
    int64_t n_used;      /* clusters with weight */
    int32_t *used;       /* [n_used], their numbers */
    void *rounded;       /* [n_used][d], their centers in working precision */
    km_grid grid;        /* of values from -1 to 1 */
    int exponent;        /* distances are below 2^exponent */
    int64_t n_words;     /* 3 k + 2 */
    int64_t *words;      /* [k] high and [k] low words of distances, [k] weights, silhouettes */
    int64_t *of_threads; /* [n_threads][n_words], the parts of each thread */
} separation;

/* Distances of the samples of a block to the centers of these labels, in working units. */
static void measure_labels(const separation *s, int64_t block, const int32_t *labels,
                           double *distances)
{
    const km_samples *samples = s->samples;
    km_samples_pass(samples, block);
    s->answer->plan.kernel->measure[samples->precision](km_samples_block(samples, block),
                                                        s->answer->fit.centers, samples->n_features,
                                                        labels, distances);
    for (int l = 0; l < KM_BLOCK; l++)
        distances[l] = sqrt(distances[l]);
}

/* Lists the clusters with weight, and rounds their centers. */
static void list_weighted_clusters(separation *s)
{
    const int64_t d = s->samples->n_features;
    const size_t size = (size_t)d * km_precision_size(s->samples->precision);
    const km_fit *fit = &s->answer->fit;
    for (int64_t c = 0; c < s->k; c++) {
        if (fit->weights[c] == 0)
            continue;
        km_round_to_precision(s->samples->precision, fit->centers + c * d, d,
                              (char *)s->rounded + (size_t)s->n_used * size);
        s->used[s->n_used++] = (int32_t)c;
    }
}

/* No sample is farther from its own center, a mean of samples, than the diagonal of the box of all
 * is long, but for roundings, for which there is a factor of 2. */
static int exponent_of_diagonal(const km_facts *facts)
{
    double squares = 0;
    int exponent = 0;
    for (int64_t j = 0; j < facts->n_features; j++) {
        const double range = facts->highest[j] - facts->lowest[j];
        squares += range * range;
    }
    frexp(sqrt(squares), &exponent);
    return exponent + 1;
}

/* Adds a value from -1 to 1, taken `weight` times, to a sum in two words. */
static void add_exactly(const separation *s, double value, int64_t weight, int64_t *high,
                        int64_t *low)
{
    const km_exact point = km_weigh(km_quantize(&s->grid, value, 0), weight, 2);
    const km_exact sum = km_carry((km_exact){*high + point.high, *low + point.low});
    *high = sum.high;
    *low = sum.low;
}

/* Adds what the samples of a block add; `other` has their distances to the second nearest centers,
 * NULL: there is one cluster. */
static void add_block_separation(const separation *s, int64_t block, const double *other)
{
    const km_power power = km_power_of_two(-s->exponent);
    const int64_t k = s->k;
    const size_t lanes = (size_t)km_samples_lanes(s->samples, block);
    int64_t *words = s->of_threads + km_thread() * s->n_words, weights[KM_BLOCK];
    int32_t labels[KM_BLOCK] = {0};
    double own[KM_BLOCK];
    memcpy(labels, s->answer->fit.labels + block * KM_BLOCK, lanes * sizeof *labels);
    measure_labels(s, block, labels, own);
    km_samples_weights(s->samples, block, weights);
    for (int l = 0; l < KM_BLOCK; l++) {
        if (weights[l] == 0)
            continue;
        const int32_t c = labels[l];
        add_exactly(s, own[l] * power.a * power.b, weights[l], &words[c], &words[k + c]);
        words[2 * k + c] += weights[l];
        const double larger = other != NULL ? fmax(own[l], other[l]) : 0;
        if (larger > 0)
            add_exactly(s, (other[l] - own[l]) / larger, weights[l], &words[3 * k],
                        &words[3 * k + 1]);
    }
}

/* Seconds are places in the list of clusters with weight. */
static void add_with_seconds(void *context, int64_t block, const int32_t *seconds)
{
    const separation *s = context;
    int32_t others[KM_BLOCK];
    double distances[KM_BLOCK];
    for (int l = 0; l < KM_BLOCK; l++)
        others[l] = s->used[seconds[l]];
    measure_labels(s, block, others, distances);
    add_block_separation(s, block, distances);
}

/* Of all samples of this rank. Samples with weight have labels of clusters with weight, the lowest
 * of those equally near, and all others are left out. */
static void add_all_separations(separation *s)
{
    const km_second_query query = {.samples = s->samples,
                                   .kernel = s->answer->plan.kernel,
                                   .centers = s->rounded,
                                   .k = s->n_used,
                                   .are_lowest = true,
                                   .largest = ldexp(1, s->exponent),
                                   .keep = add_with_seconds,
                                   .context = s};
    if (s->n_used > 1) {
        km_second_find(&query);
        return;
    }
#pragma omp parallel for
    for (int64_t b = 0; b < s->samples->n_blocks; b++)
        add_block_separation(s, b, NULL);
}

static void add_words(const separation *s, const int64_t *from)
{
    for (int64_t c = 0; c < s->k; c++) {
        const km_exact sum =
            km_carry((km_exact){s->words[c] + from[c], s->words[s->k + c] + from[s->k + c]});
        s->words[c] = sum.high;
        s->words[s->k + c] = sum.low;
        s->words[2 * s->k + c] += from[2 * s->k + c];
    }
    int64_t *own = s->words + 3 * s->k;
    const km_exact sum = km_carry((km_exact){own[0] + from[3 * s->k], own[1] + from[3 * s->k + 1]});
    own[0] = sum.high;
    own[1] = sum.low;
}

/* Sums over all samples of all ranks. Collective; errors are agreed. */
static km_code sum_separation(separation *s, MPI_Comm comm, km_error *error)
{
    s->of_threads = km_allocate_zeroed(km_threads() * s->n_words, sizeof *s->of_threads,
                                       "criteria of the clusters", error);
    if (km_agree(comm, error) == KM_OK) {
        add_all_separations(s);
        for (int t = 0; t < km_threads(); t++)
            add_words(s, s->of_threads + t * s->n_words);
        km_sum_int64(comm, s->words, s->n_words);
    }
    free(s->of_threads);
    return error->code;
}

/* ---- from sums to criteria ------------------------------------------------------------------- */

/* The mean of values from -1 to 1. */
static double mean_of_words(const separation *s, int64_t high, int64_t low, int64_t weight)
{
    const km_double2 sum = km_exact_value(&s->grid, (km_exact){high, low});
    return (sum.high + sum.low) / (double)weight;
}

static double distance_of_two(const separation *s, int64_t a, int64_t b)
{
    const int64_t d = s->samples->n_features;
    const double *centers = s->answer->fit.centers;
    double sum = 0;
    for (int64_t j = 0; j < d; j++) {
        const double difference = centers[a * d + j] - centers[b * d + j];
        sum += difference * difference;
    }
    return sqrt(sum);
}

/* The mean distance of a cluster's samples to its center; NaN if it is empty. */
static double scatter_of_cluster(const separation *s, int64_t c)
{
    const int64_t weight = s->words[2 * s->k + c];
    return weight > 0
               ? ldexp(mean_of_words(s, s->words[c], s->words[s->k + c], weight), s->exponent)
               : NAN;
}

/* The largest overlap of a cluster with another one. */
static double find_worst_overlap(const separation *s, const double *scatter, int64_t a)
{
    double worst = 0;
    for (int64_t b = 0; b < s->k; b++) {
        const double distance = b != a && !isnan(scatter[b]) ? distance_of_two(s, a, b) : 0;
        if (distance > 0)
            worst = fmax(worst, (scatter[a] + scatter[b]) / distance);
    }
    return worst;
}

/* Davies & Bouldin 1979, doi:10.1109/TPAMI.1979.4766909. `scatter` is a workspace, [2 k]. */
static double find_davies_bouldin(const separation *s, double *scatter)
{
    double *worst = scatter + s->k, sum = 0;
    int64_t n = 0;
    for (int64_t c = 0; c < s->k; c++)
        scatter[c] = scatter_of_cluster(s, c);
#pragma omp parallel for
    for (int64_t c = 0; c < s->k; c++)
        worst[c] = isnan(scatter[c]) ? NAN : find_worst_overlap(s, scatter, c);
    for (int64_t c = 0; c < s->k; c++)
        if (!isnan(worst[c])) {
            sum += worst[c];
            n++;
        }
    return n > 1 ? sum / (double)n : NAN;
}

/* The squared distance of the mean of all samples from where the center of one cluster of them is:
 * with positions on the sky, on the sphere. */
static double find_step_to_sphere(const skymeans_answer *answer, const km_facts *facts)
{
    double square = 0;
    for (int j = 0; j < KM_SPHERE_FEATURES && answer->problem.sky > 0; j++)
        square += facts->mean[j] * facts->mean[j];
    const double step = ldexp(answer->problem.sky, -answer->transform.exponent) - sqrt(square);
    return step * step;
}

/* Calinski & Harabasz 1974, doi:10.1080/03610927408827101. The sum of squares about the center of
 * one cluster is that of the facts, and what the clusters leave of it is the inertia. */
static double find_calinski_harabasz(const skymeans_answer *answer, const skymeans_samples *samples)
{
    const km_facts *facts = &samples->facts;
    const double inertia = answer->fit.inertia;
    const double k = (double)km_answer_n_used(answer);
    const int unit = ilogb(samples->memory.weight_unit);
    const double n = ldexp((double)facts->weight, unit);
    double square = find_step_to_sphere(answer, facts);
    for (int64_t j = 0; j < facts->n_features; j++)
        square += facts->variance[j];
    const double total =
        ldexp(square * (double)facts->weight, unit + 2 * answer->transform.exponent);
    return k > 1 && n > k && inertia > 0 ? (total - inertia) / (k - 1) / (inertia / (n - k)) : NAN;
}

/* One cluster is the same in all fits, which says nothing. */
static void find_stability(const skymeans_answer *answer, km_criteria *criteria)
{
    const km_restarts *restarts = &answer->restarts;
    double sum = 0, coinciding = 0, n = 0;
    criteria->stability = criteria->coincidence = NAN;
    if (restarts->count < 2 || km_answer_n_used(answer) < 2)
        return;
    for (int64_t r = 0; r < restarts->count; r++)
        sum += r != restarts->best ? restarts->rand_index[r] : 0;
    for (int64_t c = 0; c < restarts->n_clusters; c++) {
        const double size = (double)answer->fit.sizes[c];
        coinciding += size > 0 ? size * restarts->coincidence[c] : 0;
        n += size;
    }
    criteria->stability = sum / (double)(restarts->count - 1);
    criteria->coincidence = coinciding / n;
}

static void conclude_criteria(const separation *s, double *scatter, km_criteria *criteria)
{
    int64_t weight = 0;
    for (int64_t c = 0; c < s->k; c++)
        weight += s->words[2 * s->k + c];
    criteria->davies_bouldin = find_davies_bouldin(s, scatter);
    criteria->silhouette =
        s->n_used > 1 ? mean_of_words(s, s->words[3 * s->k], s->words[3 * s->k + 1], weight) : NAN;
}

km_code km_criteria_find(const skymeans_answer *answer, const skymeans_samples *samples,
                         km_criteria *criteria, MPI_Comm comm, km_error *error)
{
    const char *what = "criteria of the clusters";
    const int64_t k = answer->plan.shape.n_clusters;
    separation s = {.answer = answer,
                    .samples = &samples->memory,
                    .k = k,
                    .grid = km_grid_choose(-1, 1, samples->facts.weight, 2),
                    .exponent = exponent_of_diagonal(&samples->facts),
                    .n_words = 3 * k + 2};
    s.rounded = km_allocate(k * samples->memory.n_features, sizeof(double), what, error);
    s.used = km_allocate(k, sizeof *s.used, what, error);
    double *scatter = km_allocate(2 * k, sizeof *scatter, what, error);
    s.words = km_allocate_zeroed(s.n_words, sizeof *s.words, what, error);
    *criteria = (km_criteria){.n_clusters = k,
                              .n_iterations = answer->fit.n_iterations,
                              .inertia = answer->fit.inertia,
                              .calinski_harabasz = find_calinski_harabasz(answer, samples),
                              .bootstrap = NAN,
                              .gap = NAN,
                              .gap_error = NAN};
    find_stability(answer, criteria);
    if (km_agree(comm, error) == KM_OK) {
        list_weighted_clusters(&s);
        if (sum_separation(&s, comm, error) == KM_OK)
            conclude_criteria(&s, scatter, criteria);
    }
    free(s.rounded);
    free(s.used);
    free(scatter);
    free(s.words);
    return error->code;
}
