/* Template: distances to the nearest center, lowered by one more center, for one precision; see
 * template.h. */

#include "base/partition.h"

static void KERNEL(approach, PRECISION)(const void *block, const void *center, int64_t n_features,
                                        km_distances *nearest2)
{
    const REAL *values = block, *position = center;
    for (int l = 0; l < KM_BLOCK; l += N_VECTORS * WIDTH) {
        VECTOR d2[N_VECTORS] = {{0}};
        for (int64_t j = 0; j < n_features; j++)
            for (int v = 0; v < N_VECTORS; v++) {
                const REAL *feature = values + j * KM_BLOCK + l + v * WIDTH;
                d2[v] = OURS(extend)(d2[v], OURS(load)(feature), position[j]);
                prefetch_ahead(feature);
            }
        VECTOR *nearest = (VECTOR *)(nearest2->PRECISION + l);
        for (int v = 0; v < N_VECTORS; v++)
            nearest[v] = OURS(minimum)(d2[v], nearest[v]);
    }
}
