/* The facts of a run that are computed from others. */
#include "skymeans/result.h"

#include <stdlib.h>
#include <string.h>

uint64_t km_hash_samples(const km_samples *samples, MPI_Comm comm)
{
    uint64_t sum = 0;
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        int64_t rows[KM_BLOCK];
        uint64_t hashes[KM_BLOCK];
        km_samples_rows(samples, b, rows);
        const int lanes = km_samples_lanes(samples, b);
        for (int l = 0; l < lanes; l++)
            hashes[l] = (uint64_t)rows[l];
        for (int64_t j = 0; j < samples->n_features; j++) {
            double values[KM_BLOCK];
            km_samples_load(samples, b, j, values);
            for (int l = 0; l < lanes; l++)
                hashes[l] = km_hash_doubles(hashes[l], &values[l], 1);
        }
        for (int l = 0; l < lanes; l++)
            sum += hashes[l];
    }
    km_sum_uint64(comm, &sum, 1);
    return sum;
}

/* The label of a row is that of its sample, or -1. Labels of all rows of the catalogue count. */
static uint64_t hash_labels(const km_record *record, const int32_t *labels, MPI_Comm comm)
{
    const km_samples *samples = record->samples;
    uint64_t sum = 0;
    for (int64_t row = 0, sample = 0; row < samples->slab.count; row++) {
        const bool is_used = km_samples_is_used(samples, row);
        sum += km_hash_label(samples->slab.first + row, is_used ? labels[sample++] : -1);
    }
    km_sum_uint64(comm, &sum, 1);
    return sum;
}

uint64_t km_checksum(const km_record *record, const int32_t *labels, MPI_Comm comm)
{
    const int64_t k = record->options->clusters, d = record->catalogue->n_features;
    const uint64_t hash =
        km_hash_doubles(hash_labels(record, labels, comm), record->centers, k * d);
    return km_hash_doubles(hash, &record->fit->inertia, 1);
}

km_code km_record_complete(km_record *record, MPI_Comm comm, km_error *error)
{
    const int64_t k = record->options->clusters, d = record->catalogue->n_features;
    record->centers = km_allocate(k * d, sizeof(double), "centers", error);
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    memcpy(record->centers, record->fit->centers, (size_t)(k * d) * sizeof(double));
    km_untransform_centers(record->transform, record->centers, k);
    record->checksum = km_checksum(record, record->fit->labels, comm);
    return KM_OK;
}

void km_record_free(km_record *record)
{
    free(record->centers);
    record->centers = NULL;
}
