/* Template: the nearest of chosen centers, and how far behind the others are, for one precision;
 * see template.h. */

/* Some chosen centers meet TILE_VECTORS vectors of samples; their squared distances go to d2. */
INLINE void OURS(meet)(const REAL *block, const OURS(list) * list, int64_t d, int64_t first,
                       const int n_centers, STATE *state, REAL *kept)
{
    const REAL *centers[TILE_CENTERS];
    VECTOR d2[TILE_CENTERS][TILE_VECTORS] = {{{0}}};
    for (int c = 0; c < n_centers; c++)
        centers[c] = list->centers + list->chosen[first + c] * d;
    for (int64_t j = 0; j < d; j++) {
        VECTOR x[TILE_VECTORS];
        OURS(hold)(block + j * KM_BLOCK, x);
        for (int c = 0; c < n_centers; c++)
            for (int v = 0; v < TILE_VECTORS; v++)
                d2[c][v] = OURS(extend)(d2[c][v], x[v], centers[c][j]);
    }
    for (int c = 0; c < n_centers; c++)
        for (int v = 0; v < TILE_VECTORS; v++) {
            *(VECTOR *)(kept + (first + c) * KM_BLOCK + v * WIDTH) = d2[c][v];
            OURS(compare)(state, v, d2[c][v], OURS(spread)(list->chosen[first + c]));
        }
}

/* The least gap of a center: of the samples that are not its own, the least of the roots `kept`,
 * less what rounding may take and less that of the sample's own center. */
INLINE double OURS(gap_of)(const REAL *kept, int64_t d, NUMBERS number, const VECTOR *own,
                           const NUMBERS *labels)
{
    const REAL certain = (REAL)(1 - KM_GAP_SLACK(d) * EPSILON - 0x1p-20);
    VECTOR least = (VECTOR){0} + (REAL)INFINITY;
    for (int v = 0; v < KM_BLOCK / WIDTH; v++) {
        const VECTOR root = OURS(about_root)(OURS(load)(kept + v * WIDTH));
        const VECTOR gap = OURS(multiply_add)(root, (VECTOR){0} + certain, -own[v]);
        /* Not a number for the center's own samples, so not the least. */
        least = OURS(lesser)((VECTOR)((NUMBERS)gap | (labels[v] == number)), least);
    }
    return OURS(least_lane)(least, d);
}

INLINE void OURS(nearest_gaps)(const REAL *block, const OURS(list) * list, int64_t d, REAL *kept,
                               int32_t *labels, double *gaps)
{
    VECTOR own[KM_BLOCK / WIDTH];
    NUMBERS found[KM_BLOCK / WIDTH];
    for (int v = 0; v < KM_BLOCK / WIDTH; v += TILE_VECTORS) {
        STATE state;
        int64_t c = 0;
        OURS(start)(&state, TILE_VECTORS);
        for (; c + TILE_CENTERS <= list->count; c += TILE_CENTERS)
            OURS(meet)(block + v * WIDTH, list, d, c, TILE_CENTERS, &state, kept + v * WIDTH);
        for (; c < list->count; c++)
            OURS(meet)(block + v * WIDTH, list, d, c, 1, &state, kept + v * WIDTH);
        for (int i = 0; i < TILE_VECTORS; i++) {
            own[v + i] = OURS(root)(state.best[i]);
            found[v + i] = state.label[i];
            *(LABELS *)(labels + (v + i) * WIDTH) = __builtin_convertvector(found[v + i], LABELS);
        }
    }
    for (int64_t i = 0; i < list->count; i++)
        gaps[i] = OURS(gap_of)(kept + i * KM_BLOCK, d, OURS(spread)(list->chosen[i]), own, found);
}

void KERNEL(nearest_gaps, PRECISION)(const void *block, const void *centers, int64_t n_features,
                                     const int32_t *chosen, int64_t n_chosen, void *work,
                                     int32_t *labels, double *gaps)
{
    const OURS(list) list = {centers, NULL, chosen, n_chosen};
    OURS(nearest_gaps)(block, &list, n_features, work, labels, gaps);
}
