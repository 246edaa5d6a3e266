/* Features that only count the rows of the catalogue. */
#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "samples/samples.h"

#include <math.h>
#include <stdlib.h>

/* Are all values of a block as much above the numbers of their rows as the first value of this
 * rank? The first block puts that into *above. */
static bool counts_block(const km_samples *samples, int64_t block, int64_t feature, double *above)
{
    double values[KM_BLOCK];
    km_samples_load(samples, block, feature, values);
    if (block == 0)
        *above = values[0] - (double)km_samples_row(samples, 0);
    for (int l = 0; l < km_samples_lanes(samples, block); l++)
        if (values[l] - (double)km_samples_row(samples, block * KM_BLOCK + l) != *above)
            return false;
    return true;
}

/* As a rule the first two samples say no. */
static bool counts_rows(const km_samples *samples, int64_t feature, double *above)
{
    *above = -INFINITY; /* without samples */
    for (int64_t b = 0; b < samples->n_blocks; b++)
        if (!counts_block(samples, b, feature, above))
            return false;
    return samples->n_blocks == 0 || *above == floor(*above);
}

km_code km_samples_find_counters(const km_samples *samples, bool *is_counter, MPI_Comm comm,
                                 km_error *error)
{
    enum { FEWEST = 10 }; /* fewer may do so by chance */
    const int64_t d = samples->n_features;
    int64_t n = samples->n_samples;
    double *maximum = km_allocate(2 * d, sizeof *maximum, "features that count rows", error);
    km_sum_int64(comm, &n, 1);
    if (km_agree(comm, error) == KM_OK) {
        double *negated = maximum + d; /* so that one reduction finds both maximum and minimum */
        for (int64_t j = 0; j < d; j++) {
            double above;
            const bool may_count = counts_rows(samples, j, &above);
            maximum[j] = may_count ? above : INFINITY;
            negated[j] = may_count && isfinite(above) ? -above : may_count ? -INFINITY : INFINITY;
        }
        km_max_double(comm, maximum, 2 * d);
        for (int64_t j = 0; j < d; j++)
            is_counter[j] = n >= FEWEST && isfinite(maximum[j]) && maximum[j] == -negated[j];
    }
    free(maximum);
    return error->code;
}
