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
INLINE void OURS(distances)(VECTOR x[][MOST_VECTORS], const REAL *center, const int d,
                            const int n_vectors, VECTOR *d2)
{
    for (int v = 0; v < n_vectors; v++)
        d2[v] = (VECTOR){0};
    for (int j = 0; j < d; j++)
        for (int v = 0; v < n_vectors; v++)
            d2[v] = OURS(extend)(d2[v], x[j][v], center[j]);
}
