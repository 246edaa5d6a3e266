/* Template: the canonical distance, for one precision; see template.h. */

INLINE VECTOR OURS(load)(const REAL *values)
{
    return *(const VECTOR *)values;
}

/* One more feature of the canonical distance. */
INLINE VECTOR OURS(extend)(VECTOR d2, VECTOR x, REAL center)
{
    const VECTOR difference = x - center;
    return OURS(multiply_add)(difference, difference, d2);
}

/* Distances to one center, of samples whose features are in registers. */
INLINE void OURS(distances)(VECTOR x[][N_VECTORS], const REAL *center, const int d,
                            const int n_vectors, VECTOR *d2)
{
    for (int v = 0; v < n_vectors; v++) {
        const VECTOR difference = x[0][v] - center[0];
        d2[v] = difference * difference; /* fma(difference, difference, 0) has the same bits */
    }
    for (int j = 1; j < d; j++)
        for (int v = 0; v < n_vectors; v++)
            d2[v] = OURS(extend)(d2[v], x[j][v], center[j]);
}
