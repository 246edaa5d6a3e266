/* Template: the nearest of chosen centers, and the gaps of the others, for one precision; see
 * template.h. */

#include "base/partition.h"

/* The squared distances of a tile of samples to some chosen centers, and which is the nearest. */
INLINE void OURS(compare_chosen)(const REAL *block, const OURS(list) * list, int64_t d,
                                 int64_t first, const int n_centers, VECTOR *kept, STATE *state)
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
        for (int v = 0; v < TILE_VECTORS; v++) {
            kept[(first + c) * TILE_VECTORS + v] = d2[c][v];
            OURS(compare)(state, v, d2[c][v], OURS(spread)(list->chosen[first + c]));
        }
}

INLINE void OURS(compare_all_chosen)(const REAL *block, const OURS(list) * list, int64_t d,
                                     VECTOR *kept, STATE *state)
{
    int64_t first = 0;
    OURS(start)(state, TILE_VECTORS);
    for (; first + TILE_CENTERS <= list->count; first += TILE_CENTERS)
        OURS(compare_chosen)(block, list, d, first, TILE_CENTERS, kept, state);
    for (; first < list->count; first++)
        OURS(compare_chosen)(block, list, d, first, 1, kept, state);
}

/* An upper bound of the largest distance whose square is in a lane: rounding is added. */
INLINE double OURS(maximum_distance)(VECTOR d2, int64_t d)
{
    return sqrt(-(double)OURS(minimum_lane)(-d2)) * (1 + KM_GAP_SLACK(d) * EPSILON) +
           4 * sqrt(((double)d + 2) * SMALLEST);
}

/* The minimum over a tile of the gaps of one center, without its own samples if they are left out;
 * rounding is subtracted. */
INLINE VECTOR OURS(gap_of_tile)(const VECTOR *kept, const STATE *state, const VECTOR *minus_own,
                                VECTOR certain, NUMBERS number, const bool without_own)
{
    VECTOR least = (VECTOR){0} + (REAL)INFINITY;
    for (int v = 0; v < TILE_VECTORS; v++) {
        VECTOR gap = OURS(multiply_add)(OURS(quick_root)(kept[v]), certain, minus_own[v]);
        if (without_own) /* not a number for the center's own samples, so not the least */
            gap = (VECTOR)((NUMBERS)gap | (state->label[v] == number));
        least = OURS(minimum)(gap, least);
    }
    return least;
}

/* Lowers the minimum gap of each center by those of a tile. Only a center's own samples, and those
 * that are as near to another, have gaps that are nothing. */
INLINE void OURS(find_gaps)(const VECTOR *kept, const OURS(list) * list, int64_t d,
                            const STATE *state, VECTOR *minimum)
{
    const VECTOR certain =
        (VECTOR){0} + (REAL)(1 - KM_GAP_SLACK(d) * EPSILON - QUICK_ROOT_ERROR - 0x1p-22);
    const VECTOR nothing = OURS(square_root)((VECTOR){0} + 4 * SMALLEST); /* see quick_root */
    VECTOR minus_own[TILE_VECTORS];
    for (int v = 0; v < TILE_VECTORS; v++)
        minus_own[v] = -OURS(square_root)(state->best[v]);
    for (int64_t i = 0; i < list->count; i++) {
        const NUMBERS number = OURS(spread)(list->chosen[i]);
        const VECTOR *of_center = kept + i * TILE_VECTORS;
        VECTOR gap = OURS(gap_of_tile)(of_center, state, minus_own, certain, number, false);
        if (OURS(exceeds)(gap, nothing) != ((uint32_t)1 << WIDTH) - 1)
            gap = OURS(gap_of_tile)(of_center, state, minus_own, certain, number, true);
        minimum[i] = OURS(minimum)(gap, minimum[i]);
    }
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
        STATE state;
        OURS(compare_all_chosen)((const REAL *)block + l, &list, n_features, kept, &state);
        OURS(find_gaps)(kept, &list, n_features, &state, minimum);
        for (int v = 0; v < TILE_VECTORS; v++) {
            *(LABELS *)(labels + l + v * WIDTH) = __builtin_convertvector(state.label[v], LABELS);
            farthest = OURS(maximum)(state.best[v], farthest);
        }
    }
    const double lost = OURS(lost_of_gap)(n_features);
    for (int64_t i = 0; i < n_chosen; i++)
        gaps[i] = (double)OURS(minimum_lane)(minimum[i]) - lost;
    return OURS(maximum_distance)(farthest, n_features);
}
