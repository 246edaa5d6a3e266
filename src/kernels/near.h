/* Template: what finds the centers near a block, for one precision; see template.h. */

#include "base/partition.h"

static void KERNEL(distances_to, PRECISION)(const void *block, const void *center,
                                            int64_t n_features, km_distances *distances2)
{
    const REAL *values = block, *position = center;
    for (int l = 0; l < KM_BLOCK; l += N_VECTORS * WIDTH) {
        VECTOR d2[N_VECTORS] = {{0}};
        for (int64_t j = 0; j < n_features; j++)
            for (int v = 0; v < N_VECTORS; v++)
                d2[v] = OURS(extend)(d2[v], OURS(load)(values + j * KM_BLOCK + l + v * WIDTH),
                                     position[j]);
        for (int v = 0; v < N_VECTORS; v++)
            *(VECTOR *)(distances2->PRECISION + l + v * WIDTH) = d2[v];
    }
}

static double KERNEL(farthest_of, PRECISION)(const km_distances *distances2, const int32_t *labels,
                                             int32_t label)
{
    VECTOR farthest = {0};
    for (int l = 0; l < KM_BLOCK; l += WIDTH) {
        const NUMBERS of = __builtin_convertvector(*(const LABELS *)(labels + l), NUMBERS);
        const NUMBERS is_own = of == OURS(spread)(label);
        const NUMBERS d2 = (NUMBERS)OURS(load)(distances2->PRECISION + l) & is_own;
        farthest = OURS(maximum)((VECTOR)d2, farthest);
    }
    return -(double)OURS(minimum_lane)(-farthest);
}

static void KERNEL(add_within, PRECISION)(const void *distances2, int64_t n_blocks, double limit2,
                                          uint64_t *within)
{
    const REAL *d2 = distances2;
    const VECTOR limit = (VECTOR){0} + (REAL)limit2;
    for (int64_t b = 0; b < n_blocks; b++, d2 += KM_BLOCK) {
        uint64_t beyond = 0;
        for (int l = 0; l < KM_BLOCK; l += WIDTH)
            beyond |= (uint64_t)OURS(exceeds)(OURS(load)(d2 + l), limit) << l;
        within[b] |= ~beyond;
    }
}
