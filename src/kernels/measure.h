/* Template: distances to the own centers in double, of samples that are INPUT; see template.h. */

#include "base/partition.h"

void KERNEL(measure, INPUT_NAME)(const void *block, const double *centers, int64_t n_features,
                                 const int32_t *labels, double *distances2)
{
    typedef INPUT input __attribute__((vector_size(WIDTH * sizeof(INPUT)), may_alias));
    typedef double unaligned __attribute__((vector_size(BYTES), aligned(8), may_alias));
    const INPUT *values = block;
    for (int l = 0; l < KM_BLOCK; l += N_VECTORS * WIDTH) {
        VECTOR d2[N_VECTORS] = {{0}};
        NUMBERS row[N_VECTORS];
        for (int v = 0; v < N_VECTORS; v++)
            row[v] = __builtin_convertvector(*(const LABELS *)(labels + l + v * WIDTH), NUMBERS) *
                     n_features;
        for (int64_t j = 0; j < n_features; j++)
            for (int v = 0; v < N_VECTORS; v++) {
                const INPUT *feature = values + j * KM_BLOCK + l + v * WIDTH;
                fetch_soon(feature);
                const VECTOR difference = __builtin_convertvector(*(const input *)feature, VECTOR) -
                                          OURS(gather)(centers + j, row[v]);
                d2[v] = OURS(multiply_add)(difference, difference, d2[v]);
            }
        for (int v = 0; v < N_VECTORS; v++)
            *(unaligned *)(distances2 + l + v * WIDTH) = d2[v];
    }
}
