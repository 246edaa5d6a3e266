/* Makes samples ready for a fit: scaling, facts, order, and redistribution among the ranks. */
#include "cluster/cluster.h"

#include "base/large.h"
#include "base/memory.h"
#include "base/precision.h"
#include "order/order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* First centers must be samples with weight. */
static km_code check_clusters(const skymeans_samples *samples, int64_t n_clusters, km_error *error)
{
    if (samples->facts.n_samples < n_clusters)
        return km_fail(error, KM_DATA,
                       "more clusters than usable rows: %lld clusters of %lld rows that miss no "
                       "value, are not left out and have weight; ask for fewer",
                       (long long)n_clusters, (long long)samples->facts.n_samples);
    return KM_OK;
}

/* The names of the features, or their numbers as texts, in a new array with the texts behind it. */
static const char **list_names(const skymeans_samples *samples, km_error *error)
{
    enum { SIZE = 32 };
    const int64_t d = samples->memory.n_features;
    char *block = km_allocate(d, sizeof(char *) + SIZE, "names of features", error);
    if (block == NULL)
        return NULL;
    const char **names = (void *)block;
    for (int64_t j = 0; j < d; j++) {
        char *number = block + (size_t)d * sizeof *names + (size_t)j * SIZE;
        snprintf(number, SIZE, "%lld", (long long)j);
        names[j] = samples->names != NULL ? samples->names[j] : number;
    }
    return names;
}

static km_code check_factors(const skymeans_problem *problem, int64_t n_features, km_error *error)
{
    for (int64_t j = 0; j < n_features && problem->factors != NULL; j++)
        if (!(problem->factors[j] >= KM_MIN_FACTOR && problem->factors[j] <= KM_MAX_FACTOR))
            return km_fail(error, KM_USAGE,
                           "bad value (factors %g): factors of features are from 1e-100 to 1e100",
                           problem->factors[j]);
    for (int64_t j = 0; j < KM_SPHERE_FEATURES && problem->sky > 0; j++)
        if (n_features < KM_SPHERE_FEATURES ||
            (problem->factors != NULL && problem->factors[j] != 1))
            return km_fail(error, KM_USAGE,
                           "bad value (sky %g): it needs three features of unit vectors, without "
                           "factors of their own",
                           problem->sky);
    return KM_OK;
}

km_code km_samples_check_sphere(const skymeans_samples *samples, double sky, MPI_Comm comm,
                                km_error *error)
{
    const int64_t stray = sky > 0 ? km_sphere_find_stray(&samples->memory, comm) : -1;
    if (stray >= 0)
        return km_fail(error, KM_DATA,
                       "no position on the sky (row %lld): its first three features are no unit "
                       "vector; hand over the parts of one, cos(dec) cos(ra), cos(dec) sin(ra) and "
                       "sin(dec)",
                       (long long)stray);
    return KM_OK;
}

static km_code scale_samples(skymeans_samples *samples, const skymeans_problem *problem,
                             MPI_Comm comm, km_error *error)
{
    km_scaling scaling;
    km_scaling_find(problem->scale, &scaling);
    check_factors(problem, samples->memory.n_features, error);
    const char **names = list_names(samples, error);
    if (km_agree(comm, error) == KM_OK &&
        km_samples_check_sphere(samples, problem->sky, comm, error) == KM_OK)
        km_transform_apply(&samples->transform, scaling, problem->factors, problem->sky,
                           &samples->memory, names, &samples->facts, comm, error);
    samples->sky = problem->sky;
    samples->factors_hash = km_problem_factors_hash(problem, samples->memory.n_features);
    free(names);
    return error->code;
}

km_code km_samples_settle_weights(skymeans_samples *samples, MPI_Comm comm, km_error *error)
{
    km_error why = {0};
    if (samples->memory.weights == NULL || samples->has_settled)
        return KM_OK;
    samples->has_settled = km_weights_settle(&samples->memory, comm, &why) == KM_OK;
    if (!samples->has_settled)
        km_fail(error, why.code, "bad weights (column %s): %s; choose others",
                samples->weights_name != NULL ? samples->weights_name : "of weights", why.text);
    return error->code;
}

km_code km_samples_add_heights(skymeans_samples *samples, MPI_Comm comm, km_error *error)
{
    if (samples->n_heights > 0)
        return KM_OK;
    if (km_samples_lift(&samples->memory, comm, error) == KM_OK) {
        if (samples->has_facts)
            km_facts_lift(&samples->facts);
        samples->n_heights = 1;
    }
    km_memory_return();
    return error->code;
}

km_code km_samples_put_in_order(skymeans_samples *samples, const km_plan *plan, km_pace *pace,
                                MPI_Comm comm, km_error *error)
{
    const int64_t part_size = km_order_part_size(plan->shape.n_clusters);
    const int64_t n = plan->shape.n_samples, enough = part_size < n ? part_size : n;
    if (samples->part_size < enough) {
        samples->part_size = 0;
        if (km_samples_order_in_parts(&samples->memory, part_size, comm, error) == KM_OK)
            samples->part_size = part_size;
        km_memory_return();
        km_pace_part(pace, -1);
    }
    return error->code;
}

/* Prepares samples that were not used before. */
static km_code prepare_anew(skymeans_samples *samples, const km_plan *plan,
                            const skymeans_problem *problem, km_pace *pace, MPI_Comm comm,
                            km_error *error)
{
    km_samples_find_hash(samples, comm);
    km_pace_part(pace, -1);
    if (km_samples_settle_weights(samples, comm, error) != KM_OK ||
        scale_samples(samples, problem, comm, error) != KM_OK)
        return error->code;
    samples->is_prepared = samples->has_facts = true;
    km_pace_part(pace, -1);
    if (check_clusters(samples, plan->shape.n_clusters, error) != KM_OK)
        return error->code;
    if (problem->balance != NULL && km_samples_add_heights(samples, comm, error) != KM_OK)
        return error->code;
    return plan->orders ? km_samples_put_in_order(samples, plan, pace, comm, error) : KM_OK;
}

km_code km_samples_prepare(skymeans_samples *samples, const km_plan *plan,
                           const skymeans_problem *problem, km_pace *pace, MPI_Comm comm,
                           km_error *error)
{
    km_scaling scaling;
    km_scaling_find(problem->scale, &scaling);
    if (!samples->is_prepared)
        return prepare_anew(samples, plan, problem, pace, comm, error);
    if (!samples->has_facts || samples->transform.scaling != scaling ||
        samples->sky != problem->sky ||
        samples->factors_hash != km_problem_factors_hash(problem, km_samples_features(samples)) ||
        (samples->n_heights > 0 && problem->balance == NULL))
        return km_fail(error, KM_USAGE,
                       "samples used otherwise before: they were scaled for another problem, or "
                       "with a fit of other samples; make new ones of the same rows");
    if (check_clusters(samples, problem->n_clusters, error) != KM_OK ||
        (problem->balance != NULL && km_samples_add_heights(samples, comm, error) != KM_OK))
        return error->code;
    return plan->orders ? km_samples_put_in_order(samples, plan, pace, comm, error) : KM_OK;
}

/* So that samples which are nearest to the same center, as a guess, are on the same rank. */
static km_code redistribute_by_centers(km_samples *samples, const km_plan *plan,
                                       const double *centers, MPI_Comm comm, km_error *error)
{
    const int64_t k = plan->shape.n_clusters, n = k * samples->n_features;
    void *rounded = km_allocate(n, km_precision_size(samples->precision), "centers", error);
    uint32_t *codes = km_allocate_large(samples->capacity + KM_BLOCK, sizeof *codes,
                                        "exchange of samples between ranks", error);
    if (error->code == KM_OK) {
        km_round_to_precision(samples->precision, centers, n, rounded);
        plan->method->find_codes(samples, plan->kernel, rounded, k, codes, error);
    }
    free(rounded);
    int64_t n_all = samples->n_samples;
    km_sum_int64(comm, &n_all, 1);
    const km_dealing dealing = {km_choose_piece(n_all, km_comm_size(comm)), NULL};
    if (km_agree(comm, error) == KM_OK)
        km_samples_redistribute_by(samples, codes, &dealing, NULL, comm, error);
    km_free_large(codes);
    return error->code;
}

km_code km_cluster_redistribute(skymeans_samples *samples, const km_plan *plan,
                                const double *centers, km_pace *pace, km_timers *timers,
                                MPI_Comm comm, km_error *error)
{
    const double start = km_now();
    if (!plan->redistributes_first || samples->memory.is_redistributed)
        return KM_OK;
    km_pace_phase(pace, "exchanging samples between ranks");
    samples->part_size = 0;
    if (plan->method->find_codes != NULL)
        redistribute_by_centers(&samples->memory, plan, centers, comm, error);
    else if (km_samples_redistribute(&samples->memory, comm, error) == KM_OK)
        samples->part_size = KM_ORDER_WHOLE;
    km_memory_return();
    km_pace_phase(pace, NULL);
    pace->returning = km_timer_add(timers, KM_PHASE_ORDER, start) - start;
    return error->code;
}

km_code km_cluster_return(skymeans_samples *samples, int32_t **labels, km_pace *pace,
                          km_timers *timers, MPI_Comm comm, km_error *error)
{
    const double start = km_now();
    if (!samples->memory.is_redistributed)
        return KM_OK;
    km_pace_phase(pace, "returning samples to their ranks");
    samples->part_size = 0;
    km_samples_return(&samples->memory, labels, comm, error);
    km_memory_return();
    km_pace_phase(pace, NULL);
    km_timer_add(timers, KM_PHASE_ORDER, start);
    return error->code;
}
