/* The second nearest center of each row, and the distance to it. */
#include "cluster/cluster.h"

#include "assign/second.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

static double find_largest_distance(const double *distances, int64_t n_rows)
{
    double largest = 0;
#pragma omp parallel for reduction(max : largest)
    for (int64_t row = 0; row < n_rows; row++)
        largest = fmax(largest, distances[row]); /* the number, if the other is NaN */
    return largest;
}

km_code km_answer_find_second(const skymeans_answer *answer, const skymeans_samples *samples,
                              const double *own, int32_t *labels, double *distances, MPI_Comm comm,
                              km_error *error)
{
    const km_samples *memory = &samples->memory;
    const int64_t k = answer->plan.shape.n_clusters, n = k * memory->n_features;
    void *rounded = km_allocate(n, sizeof(double), "centers", error);
    for (int64_t row = 0; row < memory->slab.count; row++) {
        labels[row] = -1;
        distances[row] = NAN;
    }
    if (rounded != NULL && k > 1) {
        const double largest = find_largest_distance(own, memory->slab.count);
        km_round_to_precision(memory->precision, answer->fit.centers, n, rounded);
        km_second_labels(memory, answer->plan.kernel, rounded, k, answer->labels, own,
                         ldexp(largest, -answer->transform.exponent), labels);
        km_answer_measure(answer, memory, labels, distances);
    }
    free(rounded);
    return km_agree(comm, error);
}
