/* Samples made of others: some of them, or all with one feature more. */
#include "base/error.h"
#include "base/large.h"
#include "base/partition.h"
#include "base/precision.h"
#include "blocks.h"

#include <string.h>

km_code km_samples_lift(km_samples *samples, MPI_Comm comm, km_error *error)
{
    const size_t size = km_precision_size(samples->precision);
    const size_t block = (size_t)samples->n_features * KM_BLOCK * size;
    const size_t lifted = block + KM_BLOCK * size;
    char *values =
        km_allocate_large(samples->capacity / KM_BLOCK, lifted, "samples of this rank", error);
    if (km_agree(comm, error) != KM_OK) {
        km_free_large(values);
        return error->code;
    }
#pragma omp parallel for
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        km_samples_pass(samples, b);
        memcpy(values + (size_t)b * lifted, km_samples_block(samples, b), block);
        memset(values + (size_t)b * lifted + block, 0, lifted - block);
    }
    km_free_large(samples->values);
    samples->values = values;
    samples->n_features++;
    return KM_OK;
}

/* When some samples are selected: so many are fetched together while as many are copied. */
enum { FETCHED_AT_ONCE = 64 };

/* The values of a block are needed soon, with those that have been added to the run. */
static void fetch_block(const km_samples *samples, km_large_run *run, int64_t block)
{
    km_fetch_in_run(run, km_samples_block(samples, block),
                    (size_t)(KM_BLOCK * samples->n_features) *
                        km_precision_size(samples->precision));
}

/* Reads the samples after the first FETCHED_AT_ONCE, where they are on a disk. */
static void fetch_chosen(const km_samples *from, const int64_t *chosen, int64_t n_chosen)
{
    km_large_run values = {0}, rows = {0};
    for (int64_t i = FETCHED_AT_ONCE; i < 2 * FETCHED_AT_ONCE && i < n_chosen; i++) {
        fetch_block(from, &values, chosen[i] / KM_BLOCK);
        km_fetch_in_run(&rows, &from->rows[chosen[i]], sizeof *from->rows);
    }
    km_flush_run(&values);
    km_flush_run(&rows);
}

km_code km_samples_select(const km_samples *from, const int64_t *chosen, int64_t n_chosen,
                          km_samples *selected, km_error *error)
{
    const int64_t d = from->n_features;
    const size_t size = km_precision_size(from->precision);
    if (km_samples_create(selected, from->precision, d, from->weights != NULL,
                          (km_rows){from->slab.first, n_chosen}, error) != KM_OK)
        return error->code;
    selected->slab = from->slab;
    selected->is_redistributed = from->is_redistributed;
    selected->first_row = from->first_row;
    selected->weight_unit = from->weight_unit;
    selected->n_samples = n_chosen;
    selected->n_blocks = km_blocks_of(n_chosen);
#pragma omp parallel for
    for (int64_t i = 0; i < n_chosen; i++) {
        const int64_t at = chosen != NULL ? chosen[i] : i;
        if (chosen != NULL && i % FETCHED_AT_ONCE == 0)
            fetch_chosen(from, chosen + i, n_chosen - i);
        for (int64_t j = 0; j < d; j++)
            memcpy(km_place_of_value(selected, i, j), km_place_of_value(from, at, j), size);
        selected->rows[i] = from->rows[at];
        if (from->weights != NULL)
            selected->weights[i] = from->weights[at];
    }
    if (n_chosen > 0)
        km_samples_pad(selected);
    return KM_OK;
}
