/* `random`: the first centers are the k rows with the smallest random numbers, in the order of
 * these numbers. */
#include "base/random.h"
#include "base/error.h"
#include "base/memory.h"
#include "seedings.h"

#include <stdlib.h>
#include <string.h>

/* A record is a center that is sent to all ranks: the key and the row to sort by, then d values. */
static size_t record_size(int64_t d)
{
    return 2 * sizeof(uint64_t) + (size_t)d * sizeof(double);
}

static int by_key_and_row(const void *a, const void *b)
{
    uint64_t x[2], y[2];
    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    if (x[0] != y[0])
        return x[0] < y[0] ? -1 : 1;
    return (x[1] > y[1]) - (x[1] < y[1]);
}

static void fill_record(const km_seeding_task *task, int64_t sample, void *record)
{
    uint64_t *key = record;
    key[1] = (uint64_t)km_samples_row(task->samples, sample);
    key[0] = km_random(task->random_seed, km_stream(KM_RANDOM_ROWS, 0, task->restart), key[1]);
    km_samples_get(task->samples, sample, (void *)(key + 2));
}

km_code km_seed_random(const km_seeding_task *task, double *centers, km_error *error)
{
    const int64_t d = task->samples->n_features, k = task->n_clusters;
    const size_t size = record_size(d);
    int64_t *chosen, n_chosen = 0, total;
    void *all = NULL;
    const km_choice choice = {k, task->random_seed, km_stream(KM_RANDOM_ROWS, 0, task->restart)};
    if (km_choose_samples(task->samples, &choice, task->comm, &chosen, &n_chosen, error) != KM_OK)
        return error->code;
    char *mine = km_allocate(n_chosen, size, "first centers", error);
    if (km_agree(task->comm, error) == KM_OK) {
        for (int64_t i = 0; i < n_chosen; i++)
            fill_record(task, chosen[i], mine + (size_t)i * size);
        km_concatenate(task->comm, mine, n_chosen, size, &all, &total, error);
    }
    if (error->code == KM_OK) {
        qsort(all, (size_t)k, size, by_key_and_row);
        for (int64_t c = 0; c < k; c++)
            memcpy(centers + c * d, (char *)all + (size_t)c * size + 2 * sizeof(uint64_t),
                   (size_t)d * sizeof *centers);
    }
    free(all);
    free(mine);
    free(chosen);
    return error->code;
}

/* The choice, and the records of this rank and of all ranks. */
double km_seed_random_bytes(const km_shape *shape)
{
    const double k = (double)shape->n_clusters, n_ranks = shape->n_ranks;
    return km_choose_bytes(k / n_ranks) +
           k * (double)record_size(shape->n_features) * (1 + 1 / n_ranks);
}
