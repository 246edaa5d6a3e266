/* mock_seeding.h - what tests of seedings share: centers by a seeding of the table, from data as
 * they are, and from the plain reference. */
#ifndef SKYMEANS_TESTS_MOCK_SEEDING_H
#define SKYMEANS_TESTS_MOCK_SEEDING_H

#include "base/error.h"
#include "base/precision.h"
#include "mock.h"
#include "mpi_check.h"
#include "reference_seeding.h"
#include "seeding/seeding.h"

#include <stdlib.h>
#include <string.h>

/* How to seed, but for samples and communicator. */
typedef struct seed_order {
    const char *seeding;
    int64_t k, n_rows;
    uint64_t seed;
    km_precision precision;
    int64_t restart;
    bool is_plain; /* kmeans++ is not greedy */
} seed_order;

/* The centers [k][d], which the caller frees. */
static inline double *seed_centers(const seed_order *order, const mock *data, MPI_Comm comm)
{
    km_samples samples = mock_samples(data, order->precision, comm);
    const km_seeding_task task = {.samples = &samples,
                                  .kernel = km_kernel_choose("auto", km_kernels_available("auto")),
                                  .n_clusters = order->k,
                                  .n_rows = order->n_rows,
                                  .is_plain = order->is_plain,
                                  .random_seed = order->seed,
                                  .restart = order->restart,
                                  .comm = comm};
    double *centers = mock_memory(order->k * data->d, sizeof *centers);
    km_error error = {0};
    const km_code code = km_seeding_find(order->seeding)->choose(&task, centers, &error);
    ck_assert_all(code == KM_OK);
    km_samples_free(&samples);
    return centers;
}

static inline int64_t count_duplicates(const double *centers, int64_t k, int64_t d)
{
    int64_t count = 0;
    for (int64_t c = 1; c < k; c++)
        for (int64_t other = 0; other < c; other++)
            count += is_same_bits(centers + c * d, centers + other * d, d);
    return count;
}

/* On all ranks together and on each alone: the same bits. Returns the centers. */
static inline double *check_partitions(const seed_order *order, const mock *data)
{
    double *together = seed_centers(order, data, MPI_COMM_WORLD);
    double *alone = seed_centers(order, data, MPI_COMM_SELF);
    ck_assert_all(memcmp(together, alone, (size_t)(order->k * data->d) * sizeof(double)) == 0);
    free(alone);
    return together;
}

/* Against the plain reference, bit for bit, which rank 0 finds for all. */
static inline void check_against_reference(const seed_order *order, const mock *data)
{
    const seed_rule rule = {order->k, order->n_rows, order->seed, order->restart, order->is_plain};
    points p = points_of(data, order->precision);
    double *right = mock_memory(order->k * data->d, sizeof *right);
    if (km_comm_rank(MPI_COMM_WORLD) == 0)
        reference_seed(order->seeding, &p, &rule, right);
    MPI_Bcast(right, (int)(order->k * data->d), MPI_DOUBLE, 0, MPI_COMM_WORLD);
    double *found = check_partitions(order, data);
    ck_assert(is_same_bits(found, right, order->k * data->d));
    free(found);
    free(right);
    points_free(&p);
}

#endif
