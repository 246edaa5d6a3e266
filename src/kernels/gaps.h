/* Template: the nearest of chosen centers, and the gaps of the others, for one precision; see
 * template.h. */

#include "base/partition.h"

/* The squared distances of a tile of samples to some chosen centers. */
INLINE void OURS(compare_chosen)(const REAL *block, const OURS(list) * list, int64_t d,
                                 int64_t first, const int n_centers, VECTOR *kept)
{
    const REAL *centers[TILE_CENTERS];
    VECTOR d2[TILE_CENTERS][TILE_VECTORS] = {{{0}}};
    for (int c = 0; c < n_centers; c++)
        centers[c] = list->centers + list->chosen[first + c] * d;
    for (int64_t j = 0; j < d; j++) {
        VECTOR x[TILE_VECTORS];
        OURS(load_tile)(block + j * KM_BLOCK, x);
        for (int c = 0; c < n_centers; c++)
            for (int v = 0; v < TILE_VECTORS; v++)
                d2[c][v] = OURS(extend)(d2[c][v], x[v], centers[c][j]);
    }
    for (int c = 0; c < n_centers; c++)
        for (int v = 0; v < TILE_VECTORS; v++)
            kept[(first + c) * TILE_VECTORS + v] = d2[c][v];
}

/* The squared distances to all chosen centers; `best` gets the minimum. */
INLINE void OURS(compare_all_chosen)(const REAL *block, const OURS(list) * list, int64_t d,
                                     VECTOR *kept, VECTOR *best)
{
    int64_t first = 0;
    for (; first + TILE_CENTERS <= list->count; first += TILE_CENTERS)
        OURS(compare_chosen)(block, list, d, first, TILE_CENTERS, kept);
    for (; first < list->count; first++)
        OURS(compare_chosen)(block, list, d, first, 1, kept);
    for (int v = 0; v < TILE_VECTORS; v++)
        best[v] = kept[v];
    for (int64_t i = 1; i < list->count; i++)
        for (int v = 0; v < TILE_VECTORS; v++)
            best[v] = OURS(nearer)(kept[i * TILE_VECTORS + v], best[v]);
}

/* An upper bound of the largest distance whose square is in a lane: rounding is added. */
INLINE double OURS(maximum_distance)(VECTOR d2, int64_t d)
{
    REAL maximum = 0;
    for (int l = 0; l < WIDTH; l++)
        maximum = d2[l] > maximum ? d2[l] : maximum;
    return sqrt((double)maximum) * (1 + KM_GAP_SLACK(d) * EPSILON) +
           4 * sqrt(((double)d + 2) * SMALLEST);
}

/* Labels of one vector of samples, the first center at the minimum distance; and per center and
 * lane a lower bound of the minimum gap so far: rounding is subtracted. */
INLINE NUMBERS OURS(find_gaps)(const VECTOR *kept, const OURS(list) * list, int64_t d, VECTOR best,
                               VECTOR *minimum)
{
    const VECTOR certain = (VECTOR){0} + (REAL)(1 - KM_GAP_SLACK(d) * EPSILON - 0x1p-20);
    const VECTOR minus_own = -OURS(square_root)(best);
    NUMBERS label = {0}, open = (NUMBERS)best; /* no distance, once the sample has its label */
    for (int64_t i = 0; i < list->count; i++) {
        const VECTOR d2 = kept[i * TILE_VECTORS];
        const NUMBERS is_own = (NUMBERS)d2 == open;
        const VECTOR gap = OURS(multiply_add)(OURS(rough_root)(d2), certain, minus_own);
        label |= is_own & OURS(spread)(list->chosen[i]);
        open |= is_own;
        /* Not a number for the center's own samples, so not the least. */
        minimum[i] = OURS(minimum)((VECTOR)((NUMBERS)gap | is_own), minimum[i]);
    }
    return label;
}

static double KERNEL(nearest_gaps, PRECISION)(const void *block, const void *centers,
                                              int64_t n_features, const int32_t *chosen,
                                              int64_t n_chosen, void *work, int32_t *labels,
                                              double *gaps)
{
    VECTOR farthest = {0};
    const OURS(list) list = {centers, NULL, chosen, n_chosen};
    VECTOR *minimum = work, *kept = minimum + n_chosen;
    for (int64_t i = 0; i < n_chosen; i++)
        minimum[i] = (VECTOR){0} + (REAL)INFINITY;
    for (int l = 0; l < KM_BLOCK; l += TILE_VECTORS * WIDTH) {
        VECTOR best[TILE_VECTORS];
        OURS(compare_all_chosen)((const REAL *)block + l, &list, n_features, kept, best);
        for (int v = 0; v < TILE_VECTORS; v++) {
            *(LABELS *)(labels + l + v * WIDTH) = __builtin_convertvector(
                OURS(find_gaps)(kept + v, &list, n_features, best[v], minimum), LABELS);
            farthest = OURS(maximum)(best[v], farthest);
        }
    }
    for (int64_t i = 0; i < n_chosen; i++)
        gaps[i] = OURS(minimum_gap)(minimum[i], n_features);
    return OURS(maximum_distance)(farthest, n_features);
}
