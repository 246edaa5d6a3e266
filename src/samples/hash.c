/* A hash of all samples, by which runs can tell whether they saw the same values. */
#include "base/hash.h"
#include "base/partition.h"
#include "base/precision.h"
#include "kernels/kernels.h"
#include "samples/samples.h"

static const km_kernel *choose_kernel(void)
{
    return km_kernel_choose("auto", km_kernels_available("auto"));
}

/* The rows of a block and their features, each folded into one number. */
static void hash_block(const km_samples *samples, km_fold_values *fold, int64_t block,
                       uint64_t *hashes)
{
    const size_t feature_size = KM_BLOCK * km_precision_size(samples->precision);
    const char *values = km_samples_block(samples, block);
    km_samples_pass(samples, block);
    km_samples_pass_rows(samples, block);
    for (int l = 0; l < KM_BLOCK; l++)
        hashes[l] = (uint64_t)km_samples_row(samples, block * KM_BLOCK + l);
    for (int64_t j = 0; j < samples->n_features; j++, values += feature_size)
        fold(values, hashes);
}

uint64_t km_hash_samples(const km_samples *samples, MPI_Comm comm)
{
    km_fold_values *fold = choose_kernel()->fold_values[samples->precision];
    uint64_t sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        uint64_t hashes[KM_BLOCK];
        hash_block(samples, fold, b, hashes);
        for (int l = 0; l < km_samples_lanes(samples, b); l++)
            sum += hashes[l];
    }
    km_sum_uint64(comm, &sum, 1);
    return sum;
}

uint64_t km_hash_as_read(const km_samples *samples, int64_t every, MPI_Comm comm)
{
    km_fold_values *fold = choose_kernel()->fold_values[samples->precision];
    uint64_t sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        uint64_t hashes[KM_BLOCK];
        hash_block(samples, fold, b, hashes);
        for (int l = 0; l < km_samples_lanes(samples, b); l++)
            if (km_is_read_again(km_samples_row(samples, b * KM_BLOCK + l), every))
                sum += samples->weights == NULL
                           ? hashes[l]
                           : km_hash_double(hashes[l], samples->weights[b * KM_BLOCK + l]);
    }
    km_sum_uint64(comm, &sum, 1);
    return sum;
}
