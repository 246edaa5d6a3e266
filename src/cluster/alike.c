/* What makes problems, and calls on several ranks, the same. Arguments that must be the same on all
 * ranks are compared by a hash, since ranks that take different branches would wait for each other
 * for ever. */
#include "cluster/cluster.h"

#include "base/hash.h"

#include <string.h>

static uint64_t fold_text(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = km_hash_word(hash, (unsigned char)*text);
    return km_hash_word(hash, 0);
}

/* ---- problems -------------------------------------------------------------------------------- */

/* A field of a checked problem, by its value or a hash of it; 0 where it decides nothing. */
typedef struct field {
    const char *name;
    uint64_t value;
} field;

enum { N_FIELDS = 14 };

static uint64_t hash_several(const skymeans_problem *p)
{
    if (p->n_several == 0)
        return 0;
    uint64_t hash = km_hash_word(km_hash_word(fold_text(0, p->choose), p->bootstrap), p->gap);
    for (int64_t i = 0; i < p->n_several; i++)
        hash = km_hash_word(hash, p->several[i]);
    return hash;
}

/* All that answers depend on, in the order in which differences are named. */
static void list_fields(const skymeans_problem *p, int64_t n_features, field fields[N_FIELDS])
{
    const bool is_given = p->first_centers != NULL;
    const field all[N_FIELDS] = {
        {"n_clusters", p->n_clusters},
        {"several", hash_several(p)},
        {"seeding", is_given ? 0 : fold_text(0, p->seeding)},
        {"first_centers", km_problem_centers_hash(p, n_features)},
        {"seeding_rows", is_given ? 0 : p->seeding_rows},
        {"random_seed", km_problem_is_random(p) ? p->random_seed : 0},
        {"restarts", p->restarts},
        {"tolerance", km_hash_double(0, p->tolerance)},
        {"max_iterations", p->max_iterations},
        {"scale", fold_text(0, p->scale)},
        {"missing", fold_text(0, p->missing)},
        {"sky", km_hash_double(0, p->sky)},
        {"balance", km_balance_find(p->balance)},
        {"factors", km_problem_factors_hash(p, n_features)},
    };
    memcpy(fields, all, sizeof all);
}

const char *skymeans_problem_difference(const skymeans_problem *a, const skymeans_problem *b,
                                        int64_t n_features)
{
    skymeans_problem x, y;
    field of_x[N_FIELDS], of_y[N_FIELDS];
    km_error error = {0};
    if (km_problem_check(&x, a, &error) != KM_OK || km_problem_check(&y, b, &error) != KM_OK)
        return "size"; /* nothing is known of the answers of bad problems */
    list_fields(&x, n_features, of_x);
    list_fields(&y, n_features, of_y);
    for (int i = 0; i < N_FIELDS; i++)
        if (of_x[i].value != of_y[i].value)
            return of_x[i].name;
    return NULL;
}

uint64_t km_problem_hash(const skymeans_problem *p, int64_t n_features)
{
    field fields[N_FIELDS];
    /* These must be the same also where they decide nothing. */
    uint64_t hash = km_hash_word(km_hash_word(0, p->seeding_rows), p->random_seed);
    list_fields(p, n_features, fields);
    for (int i = 0; i < N_FIELDS; i++)
        hash = km_hash_word(hash, fields[i].value);
    return hash;
}

/* ---- ranks ----------------------------------------------------------------------------------- */

uint64_t km_manner_hash(const skymeans_manner *manner)
{
    return km_hash_word(fold_text(fold_text(0, manner->algorithm), manner->kernel), manner->second);
}

uint64_t km_model_hash(const skymeans_answer *answer)
{
    const km_transform *transform = &answer->transform;
    const int64_t n = answer->plan.shape.n_features, k = answer->plan.shape.n_clusters;
    const int64_t d = n - answer->plan.shape.n_heights;
    uint64_t hash = km_hash_word(km_hash_word(0, k), transform->exponent);
    hash = km_hash_doubles(hash, transform->offset, d);
    hash = km_hash_doubles(hash, transform->factor, d);
    for (int64_t c = 0; c < (answer->numbers != NULL ? k : 0); c++)
        hash = km_hash_word(hash, answer->numbers[c]);
    return km_hash_doubles(hash, answer->fit.centers, k * n);
}

/* What was done to samples decides which steps follow, so it must be the same on all ranks. */
static uint64_t samples_hash(const skymeans_samples *samples)
{
    const km_samples *memory = &samples->memory;
    uint64_t hash =
        km_hash_word(km_hash_word(samples->features_hash, memory->n_features), memory->precision);
    hash = km_hash_word(km_hash_word(hash, memory->weights != NULL), memory->is_redistributed);
    hash = km_hash_word(km_hash_word(hash, samples->is_prepared), samples->has_settled);
    return km_hash_word(km_hash_word(hash, samples->has_facts), (uint64_t)samples->part_size);
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
    hash = km_hash_word(hash, samples_hash(samples));
    int64_t max[2] = {(int64_t)hash, (int64_t)~hash}; /* the maximum of ~hash is ~ of the minimum */
    km_max_int64(comm, max, 2);
    if (max[0] != ~max[1])
        return km_fail(
            error, KM_USAGE,
            "arguments differ between ranks: problem, manner, samples, whether states are "
            "saved, and a fitted answer must be the same on all");
    return KM_OK;
}
