/* Template: distances to the own centers in double, of samples that are REAL; see template.h. */

#include "base/partition.h"

static void KERNEL(measure, PRECISION)(const void *block, const double *centers, int64_t n_features,
                                       const int32_t *labels, double *distances2)
{
    typedef REAL input __attribute__((vector_size(DOUBLES * sizeof(REAL)), may_alias));
    typedef double unaligned __attribute__((vector_size(BYTES), aligned(8), may_alias));
    const REAL *values = block;
    for (int l = 0; l < KM_BLOCK; l += N_VECTORS * DOUBLES) {
        vector_float64 d2[N_VECTORS] = {{0}};
        numbers_float64 row[N_VECTORS];
        for (int v = 0; v < N_VECTORS; v++)
            row[v] = __builtin_convertvector(*(const labels_float64 *)(labels + l + v * DOUBLES),
                                             numbers_float64) *
                     n_features;
        for (int64_t j = 0; j < n_features; j++)
            for (int v = 0; v < N_VECTORS; v++) {
                const REAL *feature = values + j * KM_BLOCK + l + v * DOUBLES;
                prefetch_ahead(feature);
                const vector_float64 difference =
                    __builtin_convertvector(*(const input *)feature, vector_float64) -
                    gather_float64(centers + j, row[v]);
                d2[v] = multiply_add_float64(difference, difference, d2[v]);
            }
        for (int v = 0; v < N_VECTORS; v++)
            *(unaligned *)(distances2 + l + v * DOUBLES) = d2[v];
    }
}
