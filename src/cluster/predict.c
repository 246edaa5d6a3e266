/* Prediction: labels for other rows from the centers of a fit. */
#include "cluster/cluster.h"

#include "base/large.h"
#include "base/memory.h"
#include "base/threads.h"

#include <stdlib.h>
#include <string.h>

/* Scales samples that were not used before as the fit scaled its own. KM_USAGE if they were scaled
 * in another way. Collective; errors are agreed. */
static km_code scale_by_fit(skymeans_samples *samples, const km_transform *transform, double sky,
                            MPI_Comm comm, km_error *error)
{
    if (!samples->is_prepared && km_samples_check_sphere(samples, sky, comm, error) != KM_OK)
        return error->code;
    if (!samples->is_prepared) {
        km_samples_find_hash(samples, comm);
        km_transform_copy(&samples->transform, transform, error);
        samples->is_prepared = km_agree(comm, error) == KM_OK;
        if (samples->is_prepared)
            km_transform_samples(transform, &samples->memory);
        else
            km_transform_free(&samples->transform);
    } else if (!km_transform_is_same(&samples->transform, transform)) {
        km_fail(error, KM_USAGE,
                "samples used otherwise before: they were scaled for another problem; make new "
                "ones of the same rows");
    }
    return error->code;
}

static km_code check_fitted(const skymeans_answer *fitted, const skymeans_samples *samples,
                            km_error *error)
{
    const int64_t d = km_samples_features(samples), n_heights = fitted->plan.shape.n_heights;
    if (km_answer_features(fitted) != d)
        return km_fail(error, KM_USAGE,
                       "wrong number of features: samples have %lld, and the fit %lld",
                       (long long)d, (long long)km_answer_features(fitted));
    if (samples->n_heights > n_heights)
        return km_fail(error, KM_USAGE,
                       "samples used otherwise before: they were fitted to clusters of equal size; "
                       "make new ones of the same rows");
    if (fitted->precision != samples->memory.precision)
        return km_fail(error, KM_USAGE,
                       "wrong type: samples are %s, and the fit %s; hand over rows of that type",
                       km_precision_name(samples->memory.precision),
                       km_precision_name(fitted->precision));
    if (fitted->fit.centers == NULL)
        return km_fail(error, KM_USAGE,
                       "no centers: the fit was stopped before it had any; let it go on");
    return KM_OK;
}

/* Makes room for the second nearest centers of all rows, -1. */
static void create_seconds(skymeans_answer *answer, km_error *error)
{
    const int64_t n_rows = answer->slab.count;
    answer->seconds =
        km_allocate_large(n_rows, sizeof *answer->seconds, "second nearest centers", error);
#pragma omp parallel for
    for (int64_t row = 0; row < (answer->seconds != NULL ? n_rows : 0); row++)
        answer->seconds[row] = -1;
}

/* Labels the samples, if asked with their second nearest centers: where that can't be done in one
 * pass, these are not kept. */
static void label_with_seconds(skymeans_answer *answer, const km_samples *memory,
                               const void *rounded)
{
    const int64_t k = answer->plan.shape.n_clusters;
    if (answer->seconds != NULL && km_label_pairs(memory, answer->plan.kernel, rounded, k,
                                                  answer->fit.labels, answer->seconds))
        return;
    km_free_large(answer->seconds);
    answer->seconds = NULL;
    km_label_samples(memory, answer->plan.kernel, rounded, k, answer->fit.labels);
}

/* Sets labels, and the number of samples of each cluster. */
static km_code label_and_count(skymeans_answer *answer, const km_samples *memory,
                               const skymeans_answer *fitted, bool has_seconds, MPI_Comm comm,
                               km_error *error)
{
    const int64_t k = answer->plan.shape.n_clusters, d = memory->n_features;
    km_fit *fit = &answer->fit;
    void *rounded = km_allocate(k * d, sizeof(double), "centers", error);
    fit->centers = km_allocate(k * d, sizeof *fit->centers, "centers", error);
    fit->sizes = km_allocate_zeroed(k, sizeof *fit->sizes, "sizes of the clusters", error);
    fit->labels = km_allocate_large(memory->n_samples, sizeof *fit->labels, "labels", error);
    if (has_seconds && k > 1)
        create_seconds(answer, error);
    if (km_agree(comm, error) == KM_OK) {
        for (int64_t c = 0; c < k; c++) /* with their first numbers, which decide ties */
            memcpy(fit->centers + (fitted->numbers != NULL ? fitted->numbers[c] : c) * d,
                   fitted->fit.centers + c * d, (size_t)d * sizeof *fit->centers);
        km_round_to_precision(memory->precision, fit->centers, k * d, rounded);
        label_with_seconds(answer, memory, rounded);
        for (int64_t i = 0; i < memory->n_samples; i++)
            fit->sizes[fit->labels[i]]++;
        km_sum_int64(comm, fit->sizes, k);
    }
    free(rounded);
    return error->code;
}

km_code km_cluster_predict(skymeans_answer *answer, const skymeans_answer *fitted,
                           skymeans_samples *samples, const skymeans_manner *manner, MPI_Comm comm,
                           km_error *error)
{
    const double start = km_now();
    const km_samples *memory = &samples->memory;
    km_timers timers = {0};
    check_fitted(fitted, samples, error);
    if (km_agree(comm, error) != KM_OK ||
        km_check_alike(samples, km_model_hash(fitted) + km_manner_hash(manner), comm, error) !=
            KM_OK ||
        km_cluster_return(samples, NULL, NULL, &timers, comm, error) != KM_OK)
        return error->code;
    *answer = (skymeans_answer){.problem = fitted->problem,
                                .precision = memory->precision,
                                .slab = memory->slab,
                                .spread = km_samples_find_spread(samples, comm),
                                .timers = timers};
    answer->plan.shape = fitted->plan.shape;
    answer->plan.kernel =
        km_kernel_choose(manner->kernel, km_kernels_of_all_ranks(manner->kernel, comm));
    if (answer->plan.kernel == NULL)
        return km_fail(error, KM_USAGE, "bad value (kernel %s): not every rank has it",
                       manner->kernel);
    if (scale_by_fit(samples, &fitted->transform, fitted->problem.sky, comm, error) != KM_OK ||
        (fitted->plan.shape.n_heights > 0 && km_samples_add_heights(samples, comm, error) != KM_OK))
        return error->code;
    answer->features_hash = samples->features_hash;
    km_transform_copy(&answer->transform, &fitted->transform, error);
    if (km_agree(comm, error) == KM_OK &&
        label_and_count(answer, memory, fitted,
                        manner->second == 1 && fitted->numbers == NULL &&
                            memory->n_features == km_answer_features(answer),
                        comm, error) == KM_OK &&
        km_answer_complete(answer, samples, comm, error) == KM_OK && fitted->numbers != NULL)
        km_answer_renumber(answer, fitted->numbers, comm, error);
    km_timer_add(&answer->timers, KM_PHASE_ASSIGN, start);
    return error->code;
}
