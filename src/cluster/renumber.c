/* Other numbers for the clusters of an answer. */
#include "cluster/cluster.h"

#include "base/hash.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Arrays of 8-byte values, `width` a cluster; NULL: the answer has none. */
static void permute_values(void *values, void *spare, const int64_t *order, int64_t count,
                           int64_t width)
{
    if (values != NULL)
        km_permute_rows(values, spare, order, count, (size_t)width * sizeof(double));
}

/* The centers of the number of clusters that is kept, among those of all numbers. */
static void permute_kept(const km_choices *choice, void *spare, const int64_t *order)
{
    const int64_t k = choice->rows[choice->best].n_clusters, d = choice->n_features;
    const int64_t first = km_choice_first(choice, choice->best);
    permute_values(choice->centers + first * d, spare, order, k, d);
    permute_values(choice->weights + first, spare, order, k, 1);
}

static void number_as_they_are(skymeans_answer *answer, int64_t k, km_error *error)
{
    if (answer->numbers != NULL)
        return;
    answer->numbers = km_allocate(k, sizeof(int64_t), "new numbers of clusters", error);
    for (int64_t c = 0; c < (answer->numbers != NULL ? k : 0); c++)
        answer->numbers[c] = c;
}

/* The same sum as over samples: rows that are none have the label -1. */
static uint64_t hash_labels_by_row(const skymeans_answer *answer)
{
    uint64_t sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (int64_t i = 0; i < answer->slab.count; i++)
        sum += km_hash_label(answer->slab.first + i, answer->labels[i]);
    return sum;
}

km_code km_answer_renumber(skymeans_answer *answer, const int64_t *order, MPI_Comm comm,
                           km_error *error)
{
    const int64_t k = answer->plan.shape.n_clusters, n = answer->plan.shape.n_features;
    const int64_t d = km_answer_features(answer);
    void *spare = km_allocate(k * n, sizeof(double), "new numbers of clusters", error);
    int32_t *numbers = km_allocate(k, sizeof *numbers, "new numbers of clusters", error);
    number_as_they_are(answer, k, error);
    if (km_agree(comm, error) == KM_OK) {
        permute_values(answer->numbers, spare, order, k, 1);
        permute_values(answer->centers, spare, order, k, d);
        permute_values(answer->plain, spare, order, k, d);
        permute_values(answer->prices, spare, order, k, 1);
        permute_values(answer->fit.centers, spare, order, k, n);
        permute_values(answer->fit.previous, spare, order, k, n);
        permute_values(answer->fit.sizes, spare, order, k, 1);
        permute_values(answer->fit.weights, spare, order, k, 1);
        permute_values(answer->restarts.coincidence, spare, order, k, 1);
        if (answer->choice.n_done > 0)
            permute_kept(&answer->choice, spare, order);
        for (int64_t i = 0; i < k; i++)
            numbers[order[i]] = (int32_t)i;
#pragma omp parallel for
        for (int64_t i = 0; i < answer->slab.count; i++)
            answer->labels[i] = answer->labels[i] < 0 ? -1 : numbers[answer->labels[i]];
        uint64_t hash = hash_labels_by_row(answer);
        km_sum_uint64(comm, &hash, 1);
        answer->checksum = km_answer_hash(answer, hash);
        answer->is_renumbered = true;
    }
    free(spare);
    free(numbers);
    return error->code;
}
