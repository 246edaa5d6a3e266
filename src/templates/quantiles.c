/* Exact quantiles over all ranks, by counting: bit after bit, from the highest on, the ranks count
 * how many of their sorted values lie below, and so find the value of a given place in the order of
 * all. What a quantile is, is said in samples/quantiles.c. */
#include "templates/groups.h"

#include "base/arithmetic.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

static const int percents[KM_N_QUANTILES] = {5, 16, 50, 84, 95};

/* The quantiles of all clusters while they are found; arrays are [k * KM_N_QUANTILES]. */
typedef struct finding {
    const km_groups *groups;
    int64_t count;   /* of the arrays */
    int64_t *places; /* in the order of all values, from 0 */
    uint64_t *keys;  /* the bits found so far, then the key at that place */
    int64_t *below;  /* values that are at most some key */
    double *next;    /* the next larger value */
} finding;

static double place_of(const finding *f, int64_t i)
{
    return km_quantile_place(f->groups->n_all[i / KM_N_QUANTILES], percents[i % KM_N_QUANTILES],
                             f->groups->sorted.below != NULL);
}

/* The first key of a cluster on this rank that is larger than `key`. */
static int64_t first_above(const km_groups *groups, int64_t cluster, uint64_t key)
{
    int64_t low = groups->starts[cluster], high = groups->starts[cluster + 1];
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (groups->sorted.keys[middle] <= key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Counts the values of all ranks that are at most keys[i] with these bits set besides. */
static void count_not_above(finding *f, uint64_t bits, MPI_Comm comm)
{
#pragma omp parallel for
    for (int64_t i = 0; i < f->count; i++) {
        const int64_t cluster = i / KM_N_QUANTILES;
        const int64_t first = f->groups->starts[cluster];
        const int64_t end = first_above(f->groups, cluster, f->keys[i] | bits);
        f->below[i] = f->groups->sorted.below == NULL ? end - first
                      : end > first                   ? f->groups->sorted.below[end - 1]
                                                      : 0;
    }
    km_sum_int64(comm, f->below, f->count);
}

static void find_keys(finding *f, MPI_Comm comm)
{
    for (int bit = 63; bit >= 0; bit--) {
        const uint64_t value = (uint64_t)1 << bit;
        count_not_above(f, value - 1, comm); /* the bit 0 and all lower ones 1 */
        for (int64_t i = 0; i < f->count; i++)
            if (f->below[i] <= f->places[i])
                f->keys[i] |= value;
    }
}

static void find_next_values(finding *f, MPI_Comm comm)
{
    count_not_above(f, 0, comm);
    for (int64_t i = 0; i < f->count; i++) {
        const int64_t cluster = i / KM_N_QUANTILES;
        const int64_t at = first_above(f->groups, cluster, f->keys[i]);
        f->next[i] = at < f->groups->starts[cluster + 1]
                         ? km_double_of_key(f->groups->sorted.keys[at])
                         : INFINITY;
    }
    km_min_double(comm, f->next, f->count);
}

static double quantile_of(const finding *f, int64_t i)
{
    const double place = place_of(f, i), part = place - floor(place);
    if (f->groups->n_all[i / KM_N_QUANTILES] == 0)
        return NAN;
    const double value = km_double_of_key(f->keys[i]);
    const bool is_repeated = f->below[i] > f->places[i] + 1; /* the next place has it, too */
    return part == 0 || is_repeated ? value : km_quantile_between(value, f->next[i], part);
}

km_code km_groups_quantiles(const km_groups *groups, double *quantiles, int64_t stride,
                            MPI_Comm comm, km_error *error)
{
    const char *what = "quantiles";
    const int64_t count = groups->n_clusters * KM_N_QUANTILES;
    finding f = {.groups = groups,
                 .count = count,
                 .places = km_allocate(count, sizeof *f.places, what, error),
                 .keys = km_allocate_zeroed(count, sizeof *f.keys, what, error),
                 .below = km_allocate(count, sizeof *f.below, what, error),
                 .next = km_allocate(count, sizeof *f.next, what, error)};
    if (km_agree(comm, error) == KM_OK) {
        for (int64_t i = 0; i < count; i++)
            f.places[i] = (int64_t)floor(place_of(&f, i));
        find_keys(&f, comm);
        find_next_values(&f, comm);
        for (int64_t i = 0; i < count; i++)
            quantiles[i / KM_N_QUANTILES * stride + i % KM_N_QUANTILES] = quantile_of(&f, i);
    }
    free(f.places);
    free(f.keys);
    free(f.below);
    free(f.next);
    return error->code;
}
