/* A hash of all samples, by which runs can tell whether they saw the same values. */
#include "skymeans/samples.h"

uint64_t km_hash_samples(const km_samples *samples, MPI_Comm comm)
{
    uint64_t sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        uint64_t hashes[KM_BLOCK];
        const int lanes = km_samples_lanes(samples, b);
        for (int l = 0; l < lanes; l++)
            hashes[l] = (uint64_t)km_samples_row(samples, b * KM_BLOCK + l);
        for (int64_t j = 0; j < samples->n_features; j++) {
            double values[KM_BLOCK];
            km_samples_load(samples, b, j, values);
            for (int l = 0; l < lanes; l++)
                hashes[l] = km_hash_double(hashes[l], values[l]);
        }
        for (int l = 0; l < lanes; l++)
            sum += hashes[l];
    }
    km_sum_uint64(comm, &sum, 1);
    return sum;
}
