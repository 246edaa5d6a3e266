/* The second nearest center of each row, and the distance to it. */
#include "cluster/cluster.h"

#include "assign/second.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

/* The distance of each sample to the center that `of_rows` names for its row. */
static void find_second_distances(const skymeans_answer *answer, const km_samples *memory,
                                  const int32_t *of_rows, double *distances)
{
#pragma omp parallel for
    for (int64_t b = 0; b < memory->n_blocks; b++) {
        double block_distances[KM_BLOCK];
        int32_t labels[KM_BLOCK];
        const uint32_t *rows = memory->rows + b * KM_BLOCK;
        const int lanes = km_samples_lanes(memory, b);
        for (int l = 0; l < lanes; l++)
            labels[l] = of_rows[rows[l]];
        km_block_distances(memory, answer->plan.kernel, answer->fit.centers, labels,
                           answer->transform.exponent, b, block_distances);
        for (int l = 0; l < lanes; l++)
            distances[rows[l]] = block_distances[l];
    }
}

km_code km_answer_find_second(const skymeans_answer *answer, const skymeans_samples *samples,
                              int32_t *labels, double *distances, MPI_Comm comm, km_error *error)
{
    const km_samples *memory = &samples->memory;
    const int64_t k = answer->plan.shape.n_clusters, d = memory->n_features;
    void *rounded = km_allocate(k * d, sizeof(double), "centers", error);
    for (int64_t row = 0; row < memory->slab.count; row++) {
        labels[row] = -1;
        distances[row] = NAN;
    }
    if (rounded != NULL && k > 1) {
        km_round_to_precision(memory->precision, answer->fit.centers, k * d, rounded);
        km_second_labels(memory, answer->plan.kernel, rounded, k, answer->labels, labels);
        find_second_distances(answer, memory, labels, distances);
    }
    free(rounded);
    return km_agree(comm, error);
}
