/* The second nearest center of each row, and the distance to it. */
#include "cluster/cluster.h"

#include "assign/second.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

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
        km_answer_measure(answer, memory, labels, distances);
    }
    free(rounded);
    return km_agree(comm, error);
}
