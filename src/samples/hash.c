/* A hash of all samples, by which runs can tell whether they saw the same values. */
#include "base/hash.h"
#include "base/partition.h"
#include "samples/samples.h"

/* The rows of a block and their features, each folded into one number. */
static void hash_block(const km_samples *samples, int64_t block, uint64_t *hashes)
{
    const int lanes = km_samples_lanes(samples, block);
    for (int l = 0; l < lanes; l++)
        hashes[l] = (uint64_t)km_samples_row(samples, block * KM_BLOCK + l);
    for (int64_t j = 0; j < samples->n_features; j++) {
        double values[KM_BLOCK];
        km_samples_load(samples, block, j, values);
        for (int l = 0; l < lanes; l++)
            hashes[l] = km_hash_double(hashes[l], values[l]);
    }
}

uint64_t km_hash_samples(const km_samples *samples, MPI_Comm comm)
{
    uint64_t sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        uint64_t hashes[KM_BLOCK];
        hash_block(samples, b, hashes);
        for (int l = 0; l < km_samples_lanes(samples, b); l++)
            sum += hashes[l];
    }
    km_sum_uint64(comm, &sum, 1);
    return sum;
}

uint64_t km_hash_as_read(const km_samples *samples, int64_t every, MPI_Comm comm)
{
    uint64_t sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        uint64_t hashes[KM_BLOCK];
        hash_block(samples, b, hashes);
        for (int l = 0; l < km_samples_lanes(samples, b); l++)
            if (km_is_read_again(km_samples_row(samples, b * KM_BLOCK + l), every))
                sum += samples->weights == NULL
                           ? hashes[l]
                           : km_hash_double(hashes[l], samples->weights[b * KM_BLOCK + l]);
    }
    km_sum_uint64(comm, &sum, 1);
    return sum;
}
