/* Template: what finds the centers near a block, for one precision; see template.h. */

#include "base/partition.h"

/* Distances of all samples of a block at once: with few vectors each feature would wait for the one
 * before it. */
static double KERNEL(distances_to, PRECISION)(const void *block, const void *center,
                                              int64_t n_features, km_distances *distances2)
{
    enum { AT_ONCE = KM_BLOCK / WIDTH < 8 ? KM_BLOCK / WIDTH : 8 };
    const REAL *values = block, *position = center;
    VECTOR least = (VECTOR){0} + (REAL)INFINITY;
    for (int l = 0; l < KM_BLOCK; l += AT_ONCE * WIDTH) {
        VECTOR d2[AT_ONCE] = {{0}};
        for (int64_t j = 0; j < n_features; j++)
            for (int v = 0; v < AT_ONCE; v++)
                d2[v] = OURS(extend)(d2[v], OURS(load)(values + j * KM_BLOCK + l + v * WIDTH),
                                     position[j]);
        for (int v = 0; v < AT_ONCE; v++) {
            *(VECTOR *)(distances2->PRECISION + l + v * WIDTH) = d2[v];
            least = OURS(minimum)(d2[v], least);
        }
    }
    return (double)OURS(minimum_lane)(least);
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

static void KERNEL(add_within, PRECISION)(const void *distances2, const double *least2,
                                          int64_t n_blocks, double limit2, uint64_t *within)
{
    const REAL *d2 = distances2;
    const VECTOR limit = (VECTOR){0} + (REAL)limit2;
    for (int64_t b = 0; b < n_blocks; b++, d2 += KM_BLOCK) {
        uint64_t beyond = 0;
        if (least2[b] > limit2)
            continue;
        for (int l = 0; l < KM_BLOCK; l += WIDTH)
            beyond |= (uint64_t)OURS(exceeds)(OURS(load)(d2 + l), limit) << l;
        within[b] |= ~beyond;
    }
}

static uint64_t KERNEL(lanes_with, PRECISION)(const int32_t *labels, int32_t label)
{
    uint64_t others = 0;
    for (int l = 0; l < KM_BLOCK; l += WIDTH) {
        const NUMBERS of = __builtin_convertvector(*(const LABELS *)(labels + l), NUMBERS);
        others |= (uint64_t)OURS(differs)(of, OURS(spread)(label)) << l;
    }
    return ~others;
}

/* Four centers leave registers for what is nearest so far. */
enum { OURS(NEAR_CENTERS) = TILE_CENTERS < 4 ? TILE_CENTERS : 4 };
enum { OURS(PART_VECTORS) = KM_PART / WIDTH < TILE_VECTORS ? KM_PART / WIDTH : TILE_VECTORS };

/* The nearest center so far of each sample in some vectors: the first that was compared among those
 * at the same distance, and the last. */
typedef struct OURS(near_state) {
    VECTOR best[TILE_VECTORS];
    NUMBERS first[TILE_VECTORS], last[TILE_VECTORS];
} OURS(near_state);

/* Is no sample of a tile as near to one of these centers as its limit? */
INLINE bool OURS(are_all_farther)(VECTOR d2[][OURS(PART_VECTORS)], const int n_centers,
                                  const VECTOR *limits2)
{
    uint32_t farther = UINT32_MAX;
    for (int v = 0; v < OURS(PART_VECTORS); v++) {
        VECTOR least = d2[0][v];
        for (int c = 1; c < n_centers; c++)
            least = OURS(nearer)(d2[c][v], least);
        farther &= OURS(exceeds)(least, limits2[v]);
    }
    return farther == (uint32_t)(((uint64_t)1 << WIDTH) - 1);
}

/* The distances of a tile of samples to some chosen centers. */
INLINE void OURS(measure_near)(const REAL *block, const REAL *centers, const int32_t *chosen,
                               const int64_t d, const int n_centers,
                               VECTOR d2[][OURS(PART_VECTORS)])
{
    const REAL *center[OURS(NEAR_CENTERS)];
    for (int c = 0; c < n_centers; c++)
        for (int v = 0; v < OURS(PART_VECTORS); v++)
            d2[c][v] = (VECTOR){0};
    for (int c = 0; c < n_centers; c++)
        center[c] = centers + chosen[c] * d;
    for (int64_t j = 0; j < d; j++) {
        VECTOR x[OURS(PART_VECTORS)];
        for (int v = 0; v < OURS(PART_VECTORS); v++)
            x[v] = OURS(load)(block + j * KM_BLOCK + v * WIDTH);
        for (int v = 0; v < HELD && v < OURS(PART_VECTORS); v++)
            __asm__("" : "+" REGISTER(x[v]));
        for (int c = 0; c < n_centers; c++)
            for (int v = 0; v < OURS(PART_VECTORS); v++)
                d2[c][v] = OURS(extend)(d2[c][v], x[v], center[c][j]);
    }
}

/* Compares a tile of samples with some chosen centers. */
INLINE void OURS(compare_near)(const REAL *block, const REAL *centers, const int32_t *chosen,
                               const int64_t d, const int n_centers, OURS(near_state) * state)
{
    VECTOR d2[OURS(NEAR_CENTERS)][OURS(PART_VECTORS)];
    OURS(measure_near)(block, centers, chosen, d, n_centers, d2);
    if (OURS(are_all_farther)(d2, n_centers, state->best))
        return;
    for (int c = 0; c < n_centers; c++) {
        const NUMBERS number = OURS(spread)(chosen[c]);
        for (int v = 0; v < OURS(PART_VECTORS); v++) {
            const VECTOR best = state->best[v];
            state->first[v] = OURS(renumber)(d2[c][v], best, number, state->first[v]);
            state->last[v] = OURS(renumber)(best, d2[c][v], state->last[v], number);
            state->best[v] = OURS(nearer)(d2[c][v], best);
        }
    }
}

/* Returns a bit for each sample of a tile for which two centers are equally near. */
INLINE uint64_t OURS(nearest_of_tile)(const REAL *block, const REAL *centers, const int64_t d,
                                      const int32_t *chosen, int64_t n_chosen, int32_t *labels)
{
    OURS(near_state) state;
    uint64_t ties = 0;
    int64_t i = 0;
    for (int v = 0; v < OURS(PART_VECTORS); v++) {
        state.best[v] = (VECTOR){0} + (REAL)INFINITY;
        state.first[v] = state.last[v] = OURS(spread)(chosen[0]);
    }
    for (; i + OURS(NEAR_CENTERS) <= n_chosen; i += OURS(NEAR_CENTERS))
        OURS(compare_near)(block, centers, chosen + i, d, OURS(NEAR_CENTERS), &state);
    for (; i < n_chosen; i++)
        OURS(compare_near)(block, centers, chosen + i, d, 1, &state);
    for (int v = 0; v < OURS(PART_VECTORS); v++) {
        ties |= OURS(differs)(state.first[v], state.last[v]);
        *(LABELS *)(labels + v * WIDTH) = __builtin_convertvector(state.first[v], LABELS);
    }
    return ties;
}

INLINE bool OURS(nearest_of_part)(const REAL *block, const REAL *centers, const int64_t d,
                                  const int32_t *chosen, int64_t n_chosen, int32_t *labels)
{
    uint64_t ties = 0;
    for (int l = 0; l < KM_PART; l += OURS(PART_VECTORS) * WIDTH)
        ties |= OURS(nearest_of_tile)(block + l, centers, d, chosen, n_chosen, labels + l);
    return ties != 0;
}

static bool KERNEL(nearest_of_part, PRECISION)(const void *block, const void *centers,
                                               int64_t n_features, const int32_t *chosen,
                                               int64_t n_chosen, int32_t *labels)
{
    switch (n_features) {
#define CASE(d) \
    case d:     \
        return OURS(nearest_of_part)(block, centers, d, chosen, n_chosen, labels)
        CASE(5);
        CASE(6);
        CASE(7);
        CASE(8);
    default:
        return OURS(nearest_of_part)(block, centers, n_features, chosen, n_chosen, labels);
    }
#undef CASE
}

/* Which of some chosen centers are within the limits of a tile of samples, a bit each? */
INLINE uint32_t OURS(look_within)(const REAL *block, const REAL *centers, const int32_t *chosen,
                                  const int64_t d, const int n_centers, const VECTOR *limits2)
{
    VECTOR d2[OURS(NEAR_CENTERS)][OURS(PART_VECTORS)];
    uint32_t within = 0;
    OURS(measure_near)(block, centers, chosen, d, n_centers, d2);
    if (OURS(are_all_farther)(d2, n_centers, limits2))
        return 0;
    for (int c = 0; c < n_centers; c++)
        within |= (uint32_t)!OURS(are_all_farther)(d2 + c, 1, limits2) << c;
    return within;
}

INLINE int64_t OURS(find_within)(const REAL *part, const REAL *centers, const int64_t d,
                                 const int32_t *chosen, int64_t n_chosen, const REAL *limits2,
                                 int32_t *found)
{
    const int64_t step = OURS(NEAR_CENTERS);
    int64_t n_found = 0;
    for (int64_t i = 0; i < n_chosen; i += i + step <= n_chosen ? step : 1) {
        uint32_t within = 0;
        for (int l = 0; l < KM_PART; l += OURS(PART_VECTORS) * WIDTH) {
            const VECTOR *limits = (const VECTOR *)(limits2 + l);
            if (i + step <= n_chosen)
                within |=
                    OURS(look_within)(part + l, centers, chosen + i, d, OURS(NEAR_CENTERS), limits);
            else
                within |= OURS(look_within)(part + l, centers, chosen + i, d, 1, limits);
        }
        for (; within != 0; within &= within - 1)
            found[n_found++] = chosen[i + __builtin_ctz(within)];
    }
    return n_found;
}

static int64_t KERNEL(find_within, PRECISION)(const void *part, const void *centers,
                                              int64_t n_features, const int32_t *chosen,
                                              int64_t n_chosen, const void *limits2, int32_t *found)
{
    switch (n_features) {
#define CASE(d) \
    case d:     \
        return OURS(find_within)(part, centers, d, chosen, n_chosen, limits2, found)
        CASE(5);
        CASE(6);
        CASE(7);
        CASE(8);
    default:
        return OURS(find_within)(part, centers, n_features, chosen, n_chosen, limits2, found);
    }
#undef CASE
}
