/* A random choice of rows: those with the smallest random numbers. Each rank lists its samples
 * below a limit that leaves slightly more than are wanted; a bisection over the ranks then finds
 * the maximum key to keep. */
#include "base/arithmetic.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/random.h"
#include "base/threads.h"
#include "order/order.h"
#include "seeding/seeding.h"
#include "seedings.h"

#include <math.h>
#include <stdlib.h>

/* A sample whose random number is within the limit. Its key is the random number, and below it the
 * row, so that no two keys are equal. */
typedef struct candidate {
    km_uint128 key;
    int64_t sample;
} candidate;

typedef struct candidates {
    candidate *list; /* ascending by sample */
    int64_t count;
    int64_t starts[KM_MAX_THREADS + 1]; /* where the candidates of each thread start in the list */
} candidates;

static int64_t sum_over_ranks(MPI_Comm comm, int64_t count)
{
    km_sum_int64(comm, &count, 1);
    return count;
}

static bool has_weight(const km_samples *samples, int64_t sample)
{
    return samples->weights == NULL || samples->weights[sample] > 0;
}

/* Counts the samples of this thread with random numbers up to `limit`, and puts them into `list`,
 * unless it is NULL. */
static int64_t list_below(const km_samples *samples, const km_choice *choice, uint64_t limit,
                          candidate *list)
{
    const km_rows mine = km_thread_share(samples->n_samples);
    int64_t count = 0;
    for (int64_t i = mine.first; i < mine.first + mine.count; i++) {
        if (i % KM_BLOCK == 0)
            km_samples_pass_rows(samples, i / KM_BLOCK);
        const uint64_t row = (uint64_t)km_samples_row(samples, i);
        const uint64_t random = km_random(choice->random_seed, choice->stream, row);
        if (random > limit || !has_weight(samples, i))
            continue;
        if (list != NULL)
            list[count] = (candidate){(km_uint128)random << 64 | row, i};
        count++;
    }
    return count;
}

static void count_below(const km_samples *samples, const km_choice *choice, uint64_t limit,
                        candidates *found)
{
    found->starts[0] = 0;
#pragma omp parallel
    {
        found->starts[km_thread() + 1] = list_below(samples, choice, limit, NULL);
#pragma omp barrier
#pragma omp single
        for (int t = 0; t < km_threads_now(); t++)
            found->starts[t + 1] += found->starts[t];
    }
    found->count = found->starts[km_threads()];
}

/* A limit within which `wanted` of `total` random numbers are expected, plus six standard
 * deviations and six. */
static uint64_t first_limit(int64_t wanted, int64_t total)
{
    const double expected = (double)wanted + 6 * sqrt((double)wanted) + 6;
    const double fraction = expected / (double)total;
    return fraction >= 0.999 ? UINT64_MAX : (uint64_t)(fraction * 0x1p64);
}

/* Lists at least `wanted` candidates over all ranks. Collective; errors are agreed. */
static km_code find_candidates_below(const km_samples *samples, const km_choice *choice,
                                     int64_t wanted, int64_t total, MPI_Comm comm,
                                     candidates *found, km_error *error)
{
    uint64_t limit = first_limit(wanted, total);
    count_below(samples, choice, limit, found);
    while (sum_over_ranks(comm, found->count) < wanted) {
        limit = limit > UINT64_MAX / 2 ? UINT64_MAX : 2 * limit;
        count_below(samples, choice, limit, found);
    }
    found->list = km_allocate(found->count, sizeof *found->list, "random choice of rows", error);
    if (found->list != NULL) {
#pragma omp parallel
        list_below(samples, choice, limit, found->list + found->starts[km_thread()]);
    }
    return km_agree(comm, error);
}

static int64_t count_up_to(const candidates *c, km_uint128 key)
{
    int64_t count = 0;
    for (int64_t i = 0; i < c->count; i++)
        count += c->list[i].key <= key;
    return count;
}

/* The key of the last sample to keep: `wanted` candidates of all ranks have keys up to it. */
static km_uint128 find_last_key(const candidates *c, int64_t wanted, MPI_Comm comm)
{
    km_uint128 low = 0, high = ~(km_uint128)0;
    while (low < high) {
        const km_uint128 middle = low + (high - low) / 2;
        if (sum_over_ranks(comm, count_up_to(c, middle)) >= wanted)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static int64_t copy_up_to(const candidates *c, km_uint128 last, int64_t *chosen)
{
    int64_t n_chosen = 0;
    for (int64_t i = 0; i < c->count; i++)
        if (c->list[i].key <= last)
            chosen[n_chosen++] = c->list[i].sample;
    return n_chosen;
}

km_code km_choose_samples(const km_samples *samples, const km_choice *choice, MPI_Comm comm,
                          int64_t **chosen, int64_t *n_chosen, km_error *error)
{
    candidates found = {0};
    int64_t n_with_weight = 0;
    for (int64_t i = 0; i < samples->n_samples; i++)
        n_with_weight += has_weight(samples, i);
    const int64_t total = sum_over_ranks(comm, n_with_weight);
    const int64_t wanted = choice->n_wanted < total ? choice->n_wanted : total;
    *chosen = NULL;
    if (find_candidates_below(samples, choice, wanted, total, comm, &found, error) == KM_OK)
        *chosen = km_allocate(found.count, sizeof **chosen, "random choice of rows", error);
    if (km_agree(comm, error) == KM_OK) {
        *n_chosen = copy_up_to(&found, find_last_key(&found, wanted, comm), *chosen);
    } else {
        free(*chosen);
        *chosen = NULL;
    }
    free(found.list);
    return error->code;
}

double km_choose_bytes(double wanted)
{
    const double key_bytes = 32;
    return (wanted + 6 * sqrt(wanted)) * (key_bytes + sizeof(int64_t));
}

km_code km_select_samples(const km_samples *samples, const km_choice *choice, MPI_Comm comm,
                          km_samples *selected, km_error *error)
{
    int64_t *chosen, n_chosen;
    if (km_choose_samples(samples, choice, comm, &chosen, &n_chosen, error) != KM_OK)
        return error->code;
    km_memory_return();
    km_samples_select(samples, chosen, n_chosen, selected, error);
    free(chosen);
    km_memory_return();
    if (error->code == KM_OK)
        km_samples_order(selected, km_comm_alone(), error);
    km_memory_return();
    if (km_agree(comm, error) != KM_OK)
        km_samples_free(selected);
    return error->code;
}

/* The maximum of choosing, and of copying and putting the copy in order. */
double km_select_bytes(const km_shape *shape, double n)
{
    const double copying =
        km_larger(n * sizeof(int64_t), km_order_bytes(shape, n, shape->has_weights));
    return km_larger(km_choose_bytes(n), km_samples_bytes(shape, n, shape->has_weights) + copying);
}
