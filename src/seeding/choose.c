/* A random choice of rows: those whose random numbers are the smallest of all ranks. */
#include "skymeans/seeding.h"

#include <math.h>
#include <stdlib.h>

/* Samples whose random number is below a limit that leaves a few more than wanted. */
typedef struct candidate {
    uint64_t key;
    int64_t sample;
} candidate;

typedef struct candidates {
    candidate *list; /* ascending by sample, so by row */
    int64_t count;
} candidates;

static int64_t total_of(MPI_Comm comm, int64_t count)
{
    km_sum_int64(comm, &count, 1);
    return count;
}

/* Counts the samples with random numbers up to `limit`, and lists them if there is a list. */
static int64_t list_below(const km_samples *samples, uint64_t seed, uint64_t limit, candidate *list)
{
    int64_t count = 0;
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        int64_t rows[KM_BLOCK];
        km_samples_rows(samples, b, rows);
        for (int l = 0; l < km_samples_lanes(samples, b); l++) {
            const uint64_t key = km_random(seed, KM_RANDOM_ROWS, (uint64_t)rows[l]);
            if (key > limit)
                continue;
            if (list != NULL)
                list[count] = (candidate){key, b * KM_BLOCK + l};
            count++;
        }
    }
    return count;
}

/* A limit under which `wanted` of `total` keys are expected, and six standard deviations more. */
static uint64_t first_limit(int64_t wanted, int64_t total)
{
    const double generous = (double)wanted + 6 * sqrt((double)wanted) + 6;
    const double fraction = generous / (double)total;
    return fraction >= 0.999 ? UINT64_MAX : (uint64_t)(fraction * 0x1p64);
}

static km_code find_candidates(const km_samples *samples, int64_t wanted, int64_t total,
                               uint64_t seed, MPI_Comm comm, candidates *found, km_error *error)
{
    uint64_t limit = first_limit(wanted, total);
    found->count = list_below(samples, seed, limit, NULL);
    while (total_of(comm, found->count) < wanted) {
        limit = limit > UINT64_MAX / 2 ? UINT64_MAX : 2 * limit;
        found->count = list_below(samples, seed, limit, NULL);
    }
    found->list = km_allocate(found->count, sizeof *found->list, "random choice of rows", error);
    if (found->list != NULL)
        list_below(samples, seed, limit, found->list);
    return km_agree(comm, error);
}

static int64_t count_up_to(const candidates *c, uint64_t key)
{
    int64_t count = 0;
    for (int64_t i = 0; i < c->count; i++)
        count += c->list[i].key <= key;
    return count;
}

/* The smallest key up to which there are at least `wanted` candidates on all ranks. */
static uint64_t find_last_key(const candidates *c, int64_t wanted, MPI_Comm comm)
{
    uint64_t low = 0, high = UINT64_MAX;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        if (total_of(comm, count_up_to(c, middle)) >= wanted)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Keeps the candidates below the last key, and of those that have it the lowest rows. */
static int64_t keep(const candidates *c, uint64_t last, int64_t wanted, MPI_Comm comm,
                    int64_t *chosen)
{
    const int64_t up_to = count_up_to(c, last);
    const int64_t below = last > 0 ? count_up_to(c, last - 1) : 0;
    int64_t room = wanted - total_of(comm, below) - km_sum_below(comm, up_to - below);
    int64_t kept = 0;
    for (int64_t i = 0; i < c->count; i++)
        if (c->list[i].key < last || (c->list[i].key == last && room-- > 0))
            chosen[kept++] = c->list[i].sample;
    return kept;
}

km_code km_choose_samples(const km_samples *samples, int64_t wanted, uint64_t random_seed,
                          MPI_Comm comm, int64_t **chosen, int64_t *n_chosen, km_error *error)
{
    candidates found = {0};
    const int64_t total = total_of(comm, samples->n_samples);
    *chosen = NULL;
    if (wanted > total)
        wanted = total;
    if (find_candidates(samples, wanted, total, random_seed, comm, &found, error) == KM_OK)
        *chosen = km_allocate(found.count, sizeof **chosen, "random choice of rows", error);
    if (km_agree(comm, error) == KM_OK)
        *n_chosen = keep(&found, find_last_key(&found, wanted, comm), wanted, comm, *chosen);
    else
        free(*chosen);
    free(found.list);
    return error->code;
}
