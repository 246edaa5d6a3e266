/* Arguments that must be the same on all ranks are compared by a hash, since ranks that take
 * different branches would wait for each other for ever. */
#include "cluster/cluster.h"

#include "base/hash.h"

/* The hash of what was hashed before and one more word. */
static uint64_t fold(uint64_t hash, uint64_t word)
{
    return km_mix(hash ^ word) + 0x9e3779b97f4a7c15u;
}

static uint64_t fold_text(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = fold(hash, (unsigned char)*text);
    return fold(hash, 0);
}

uint64_t km_problem_hash(const skymeans_problem *p, int64_t n_features)
{
    uint64_t hash = fold(fold(0, p->n_clusters), p->first_centers != NULL);
    if (p->first_centers != NULL)
        hash = km_hash_doubles(hash, p->first_centers, p->n_clusters * n_features);
    else
        hash = fold_text(hash, p->seeding);
    hash = fold(fold(hash, p->seeding_rows), p->random_seed);
    hash = fold(fold(hash, p->restarts), p->max_iterations);
    hash = km_hash_doubles(hash, &p->tolerance, 1);
    hash = km_hash_doubles(hash, &p->sky, 1);
    if (p->balance != NULL)
        hash = fold_text(hash, p->balance);
    if (p->factors != NULL)
        hash = km_hash_doubles(hash, p->factors, n_features);
    for (int64_t i = 0; i < p->n_several; i++)
        hash = fold(hash, p->several[i]);
    if (p->n_several > 0)
        hash = fold_text(fold(fold(hash, p->bootstrap), p->gap), p->choose);
    return fold_text(fold_text(hash, p->scale), p->missing);
}

uint64_t km_manner_hash(const skymeans_manner *manner)
{
    return fold(fold_text(fold_text(0, manner->algorithm), manner->kernel), manner->second);
}

uint64_t km_model_hash(const skymeans_answer *answer)
{
    const km_transform *transform = &answer->transform;
    const int64_t n = answer->plan.shape.n_features, k = answer->plan.shape.n_clusters;
    const int64_t d = n - answer->plan.shape.n_heights;
    uint64_t hash = fold(fold(0, k), transform->exponent);
    hash = km_hash_doubles(hash, transform->offset, d);
    hash = km_hash_doubles(hash, transform->factor, d);
    for (int64_t c = 0; c < (answer->numbers != NULL ? k : 0); c++)
        hash = fold(hash, answer->numbers[c]);
    return km_hash_doubles(hash, answer->fit.centers, k * n);
}

/* What was done to samples decides which steps follow, so it must be the same on all ranks. */
static uint64_t samples_hash(const skymeans_samples *samples)
{
    const km_samples *memory = &samples->memory;
    uint64_t hash = fold(fold(samples->features_hash, memory->n_features), memory->precision);
    hash = fold(fold(hash, memory->weights != NULL), memory->is_redistributed);
    hash = fold(fold(hash, samples->is_prepared), samples->has_settled);
    return fold(fold(hash, samples->has_facts), (uint64_t)samples->part_size);
}

static km_code check_same_ranks(const skymeans_samples *samples, MPI_Comm comm, km_error *error)
{
    if (samples->n_ranks > 0 &&
        (samples->n_ranks != km_comm_size(comm) || samples->rank != km_comm_rank(comm)))
        km_fail(error, KM_USAGE,
                "wrong communicator: samples were made on one of %d ranks, where this one was %d; "
                "use that one",
                samples->n_ranks, samples->rank);
    return km_agree(comm, error);
}

km_code km_check_alike(const skymeans_samples *samples, uint64_t hash, MPI_Comm comm,
                       km_error *error)
{
    if (check_same_ranks(samples, comm, error) != KM_OK)
        return error->code;
    hash = fold(hash, samples_hash(samples));
    int64_t max[2] = {(int64_t)hash, (int64_t)~hash}; /* the maximum of ~hash is ~ of the minimum */
    km_max_int64(comm, max, 2);
    if (max[0] != ~max[1])
        return km_fail(
            error, KM_USAGE,
            "arguments differ between ranks: problem, manner, samples, whether states are "
            "saved, and a fitted answer must be the same on all");
    return KM_OK;
}
