/* Template: the canonical distance, for one precision; see template.h. */

#include "base/partition.h"

INLINE VECTOR OURS(load)(const REAL *values)
{
    return *(const VECTOR *)values;
}

/* x - center, or center - x, whose squares have the same bits. The second operand may be read from
 * memory: x where registers are scarce, else the center, which is broadcast as it is read. */
INLINE VECTOR OURS(difference)(VECTOR x, REAL center)
{
    if (HELD < TILE_VECTORS)
        return center - x;
    return x - center;
}

/* One more feature of the canonical distance. */
INLINE VECTOR OURS(extend)(VECTOR d2, VECTOR x, REAL center)
{
    const VECTOR difference = OURS(difference)(x, center);
    return OURS(multiply_add)(difference, difference, d2);
}

/* Distances to one center, of samples with so few features that they can stay in registers. */
INLINE void OURS(distances)(const REAL *block, const REAL *center, const int d, const int n_vectors,
                            VECTOR *d2)
{
    for (int v = 0; v < n_vectors; v++) {
        const VECTOR difference = OURS(difference)(OURS(load)(block + v * WIDTH), center[0]);
        d2[v] = difference * difference; /* fma(difference, difference, 0) has the same bits */
    }
    for (int j = 1; j < d; j++)
        for (int v = 0; v < n_vectors; v++)
            d2[v] = OURS(extend)(d2[v], OURS(load)(block + j * KM_BLOCK + v * WIDTH), center[j]);
}
