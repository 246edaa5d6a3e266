/* What makes problems, and calls on several ranks, the same. Arguments that must be the same on all
 * ranks are compared by a hash, since ranks that take different branches would wait for each other
 * for ever. */
#include "cluster/cluster.h"

#include "base/hash.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static uint64_t fold_text(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = km_hash_word(hash, (unsigned char)*text);
    return km_hash_word(hash, 0);
}

/* ---- problems -------------------------------------------------------------------------------- */

/* What a field of a checked problem decides: a text, or numbers; neither where it decides nothing.
 */
typedef struct field {
    const char *name;  /* of the field */
    const char *label; /* of its line in the text of a problem; NULL: it has none */
    char text[32];
    const int64_t *numbers; /* [n_numbers], of the caller */
    int64_t n_numbers;
} field;

enum { N_FIELDS = 17 };

__attribute__((format(printf, 5, 6))) static void put_field(field **next, bool decides,
                                                            const char *name, const char *label,
                                                            const char *format, ...)
{
    field *f = (*next)++;
    va_list values;
    *f = (field){.name = name, .label = label};
    va_start(values, format);
    const int length = decides ? vsnprintf(f->text, sizeof f->text, format, values) : 0;
    assert(length < (int)sizeof f->text);
    (void)length;
    va_end(values);
}

static void put_hash_field(field **next, bool decides, const char *name, const char *label,
                           uint64_t hash)
{
    put_field(next, decides, name, label, "%016llx", (unsigned long long)hash);
}

static void put_int_field(field **next, bool decides, const char *name, const char *label,
                          int64_t value)
{
    put_field(next, decides, name, label, "%lld", (long long)value);
}

/* All that answers depend on: the only list, in the order of its text. */
static void list_fields(const skymeans_problem *p, int64_t n_features, field fields[N_FIELDS])
{
    const bool are_many = p->n_several > 0, is_given = p->first_centers != NULL;
    /* Earlier versions had other quantiles: their states are of another problem. */
    const bool is_robust = strcmp(p->scale, "robust") == 0;
    /* All fits must have the same limit, those done and those to come; a single one may go on. */
    const bool is_fixed = p->restarts > 1 || are_many;
    field *next = fields;
    put_int_field(&next, true, "n_clusters", "clusters", p->n_clusters);
    put_field(&next, false, "several", "numbers of clusters", " ");
    next[-1].numbers = p->several;
    next[-1].n_numbers = p->n_several;
    put_field(&next, are_many, "choose", "choose", "%s", are_many ? p->choose : "");
    put_int_field(&next, are_many, "bootstrap", "bootstrap", p->bootstrap);
    put_int_field(&next, are_many, "gap", "gap", p->gap);
    put_field(&next, true, "scale", "scale", "%s%s", p->scale,
              is_robust ? " (linear quantiles)" : "");
    put_field(&next, true, "missing", "missing", "%s", p->missing);
    put_field(&next, p->sky != 0, "sky", "sky-scale", "%.17g", p->sky);
    put_field(&next, p->balance != NULL, "balance", "balance", "%s",
              p->balance != NULL ? p->balance : "");
    put_hash_field(&next, p->factors != NULL, "factors", "hash of the factors",
                   km_problem_factors_hash(p, n_features));
    put_hash_field(&next, is_given, "first_centers", "hash of the first centers",
                   km_problem_centers_hash(p, n_features));
    put_field(&next, !is_given, "seeding", "seeding", "%s", is_given ? "" : p->seeding);
    put_int_field(&next, !is_given, "seeding_rows", "seeding-rows", p->seeding_rows);
    put_field(&next, km_problem_is_random(p), "random_seed", "random-seed", "%llu",
              (unsigned long long)p->random_seed);
    put_int_field(&next, true, "restarts", "restarts", p->restarts);
    put_field(&next, true, "tolerance", "tolerance", "%.17g", p->tolerance);
    put_int_field(&next, true, "max_iterations", is_fixed ? "max-iterations" : NULL,
                  p->max_iterations);
}

static bool is_same_field(const field *a, const field *b)
{
    return strcmp(a->text, b->text) == 0 && a->n_numbers == b->n_numbers &&
           (a->n_numbers == 0 ||
            memcmp(a->numbers, b->numbers, (size_t)a->n_numbers * sizeof *a->numbers) == 0);
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
        if (!is_same_field(&of_x[i], &of_y[i]))
            return of_x[i].name;
    return NULL;
}

void km_problem_print(FILE *file, const skymeans_problem *p, int64_t n_features)
{
    field fields[N_FIELDS];
    list_fields(p, n_features, fields);
    for (const field *f = fields; f < fields + N_FIELDS; f++) {
        if (f->label == NULL || (f->text[0] == '\0' && f->n_numbers == 0))
            continue;
        fprintf(file, "%s:%s%s", f->label, f->text[0] != '\0' ? " " : "", f->text);
        for (int64_t i = 0; i < f->n_numbers; i++)
            fprintf(file, " %lld", (long long)f->numbers[i]);
        fputc('\n', file);
    }
}

uint64_t km_problem_hash(const skymeans_problem *p, int64_t n_features)
{
    field fields[N_FIELDS];
    /* These must be the same also where they decide nothing. */
    uint64_t hash = km_hash_word(km_hash_word(0, p->seeding_rows), p->random_seed);
    list_fields(p, n_features, fields);
    for (const field *f = fields; f < fields + N_FIELDS; f++) {
        hash = fold_text(hash, f->text);
        for (int64_t i = 0; i < f->n_numbers; i++)
            hash = km_hash_word(hash, f->numbers[i]);
    }
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
