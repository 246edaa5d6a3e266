/* The facts of a run that are computed from others. */
#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/partition.h"
#include "result/result.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Labels of all rows of the catalogue count: a row that is no sample has -1. */
static uint64_t hash_labels(const km_record *record, const int32_t *labels, MPI_Comm comm)
{
    const km_samples *samples = record->samples;
    const bool has_gaps = samples->n_samples < samples->slab.count;
    uint64_t sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (int64_t i = 0; i < samples->n_samples; i++) {
        const int64_t row = km_samples_row(samples, i);
        sum += km_hash_label(row, labels[i]) - (has_gaps ? km_hash_label(row, -1) : 0);
    }
#pragma omp parallel for reduction(+ : sum)
    for (int64_t i = 0; i < (has_gaps ? samples->slab.count : 0); i++)
        sum += km_hash_label(samples->slab.first + i, -1);
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

static void fill_labels(km_record *record)
{
    const km_samples *samples = record->samples;
#pragma omp parallel
    {
#pragma omp for
        for (int64_t row = 0; row < samples->slab.count; row++)
            record->row_labels[row] = -1;
#pragma omp for
        for (int64_t i = 0; i < samples->n_samples; i++)
            record->row_labels[samples->rows[i]] = record->fit->labels[i];
    }
}

static void fill_distances(km_record *record)
{
    const km_samples *samples = record->samples;
#pragma omp parallel
    {
#pragma omp for
        for (int64_t row = 0; row < samples->slab.count; row++)
            record->row_distances[row] = NAN;
#pragma omp for
        for (int64_t b = 0; b < samples->n_blocks; b++) {
            double distances[KM_BLOCK];
            km_fit_distances(record->fit, samples, record->plan->kernel,
                             record->transform->exponent, b, distances);
            for (int l = 0; l < km_samples_lanes(samples, b); l++)
                record->row_distances[samples->rows[b * KM_BLOCK + l]] = distances[l];
        }
    }
}

km_code km_record_complete(km_record *record, MPI_Comm comm, km_error *error)
{
    const int64_t k = record->options->clusters, d = record->catalogue->n_features;
    const int64_t n_rows = record->samples->slab.count;
    record->centers = km_allocate(k * d, sizeof(double), "centers", error);
    record->row_labels = km_allocate(n_rows, sizeof *record->row_labels, "labels of rows", error);
    if (record->options->distances)
        record->row_distances =
            km_allocate(n_rows, sizeof *record->row_distances, "distances of rows", error);
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    memcpy(record->centers, record->fit->centers, (size_t)(k * d) * sizeof(double));
    km_untransform_centers(record->transform, record->centers, k);
    fill_labels(record);
    if (record->options->distances)
        fill_distances(record);
    record->checksum = km_checksum(record, record->fit->labels, comm);
    return KM_OK;
}

void km_record_free(km_record *record)
{
    free(record->centers);
    free(record->row_labels);
    free(record->row_distances);
    record->centers = NULL;
    record->row_labels = NULL;
    record->row_distances = NULL;
}
