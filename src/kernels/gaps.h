/* Template: the nearest of chosen centers, and how far behind the others are, for one precision;
 * see template.h. */

/* The nearest center so far of some vectors of samples, and the second one. */
typedef struct OURS(leaders) {
    STATE nearest;
    VECTOR second[TILE_VECTORS];
    NUMBERS second_label[TILE_VECTORS];
} OURS(leaders);

INLINE void OURS(start_leaders)(OURS(leaders) * state)
{
    OURS(start)(&state->nearest, TILE_VECTORS);
    for (int v = 0; v < TILE_VECTORS; v++) {
        state->second[v] = (VECTOR){0} + (REAL)INFINITY;
        state->second_label[v] = (NUMBERS){0};
    }
}

/* Of the new center and the nearest so far, the one that is beaten may be the second. */
INLINE void OURS(compare_second)(OURS(leaders) * state, int v, VECTOR d2, NUMBERS number)
{
    const VECTOR best = state->nearest.best[v];
    const NUMBERS beaten = OURS(renumber)(d2, best, state->nearest.label[v], number);
    const VECTOR beaten_d2 = OURS(greater)(d2, best);
    state->second_label[v] =
        OURS(renumber)(beaten_d2, state->second[v], beaten, state->second_label[v]);
    state->second[v] = OURS(lesser)(beaten_d2, state->second[v]);
}

/* Some chosen centers meet TILE_VECTORS vectors of samples; their distances go to d2. */
INLINE void OURS(meet)(const REAL *block, const OURS(list) * list, int64_t d, int64_t first,
                       const int n_centers, const bool has_second, OURS(leaders) * state,
                       REAL *kept)
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
            const NUMBERS number = OURS(spread)(list->chosen[first + c]);
            if (kept != NULL)
                *(VECTOR *)(kept + (first + c) * KM_BLOCK + v * WIDTH) = d2[c][v];
            if (has_second)
                OURS(compare_second)(state, v, d2[c][v], number);
            OURS(compare)(&state->nearest, v, d2[c][v], number);
        }
}

INLINE void OURS(meet_all)(const REAL *block, const OURS(list) * list, int64_t d,
                           const bool has_second, OURS(leaders) * state, REAL *kept)
{
    int64_t c = 0;
    OURS(start_leaders)(state);
    for (; c + TILE_CENTERS <= list->count; c += TILE_CENTERS)
        OURS(meet)(block, list, d, c, TILE_CENTERS, has_second, state, kept);
    for (; c < list->count; c++)
        OURS(meet)(block, list, d, c, 1, has_second, state, kept);
}

/* The least gap of a center: of the samples that are not its own, the least of the roots `kept`,
 * less what rounding may take and less that of the sample's own center. */
INLINE double OURS(gap_of)(const REAL *kept, int64_t d, NUMBERS number, const VECTOR *own,
                           const NUMBERS *labels)
{
    VECTOR least = (VECTOR){0} + (REAL)INFINITY;
    for (int v = 0; v < KM_BLOCK / WIDTH; v++) {
        const VECTOR root = OURS(root)(OURS(load)(kept + v * WIDTH));
        const VECTOR gap = root * (REAL)(1 - KM_GAP_SLACK(d) * EPSILON) - own[v];
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
        OURS(leaders) state;
        OURS(meet_all)(block + v * WIDTH, list, d, false, &state, kept + v * WIDTH);
        for (int i = 0; i < TILE_VECTORS; i++) {
            own[v + i] = OURS(root)(state.nearest.best[i]);
            found[v + i] = state.nearest.label[i];
            *(LABELS *)(labels + (v + i) * WIDTH) = __builtin_convertvector(found[v + i], LABELS);
        }
    }
    for (int64_t i = 0; i < list->count; i++)
        gaps[i] = OURS(gap_of)(kept + i * KM_BLOCK, d, OURS(spread)(list->chosen[i]), own, found);
}

INLINE void OURS(nearest_two)(const REAL *block, const OURS(list) * list, int64_t d,
                              int32_t *labels, int32_t *second)
{
    for (int l = 0; l < KM_BLOCK; l += TILE_VECTORS * WIDTH) {
        OURS(leaders) state;
        OURS(meet_all)(block + l, list, d, true, &state, NULL);
        for (int v = 0; v < TILE_VECTORS; v++) {
            *(LABELS *)(labels + l + v * WIDTH) =
                __builtin_convertvector(state.nearest.label[v], LABELS);
            *(LABELS *)(second + l + v * WIDTH) =
                __builtin_convertvector(state.second_label[v], LABELS);
        }
    }
}

void KERNEL(nearest_gaps, PRECISION)(const void *block, const void *centers, int64_t n_features,
                                     const int32_t *chosen, int64_t n_chosen, void *work,
                                     int32_t *labels, double *gaps)
{
    const OURS(list) list = {centers, NULL, chosen, n_chosen};
    OURS(nearest_gaps)(block, &list, n_features, work, labels, gaps);
}

void KERNEL(nearest_two, PRECISION)(const void *block, const void *centers, int64_t n_features,
                                    const int32_t *chosen, int64_t n_chosen, int32_t *labels,
                                    int32_t *second)
{
    const OURS(list) list = {centers, NULL, chosen, n_chosen};
    OURS(nearest_two)(block, &list, n_features, labels, second);
}
