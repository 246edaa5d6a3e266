/* Template: the nearest center, for one precision; see template.h. */

#include "base/partition.h"

/* Labels of a vector of samples, in memory. */
typedef int32_t LABELS __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));

/* The nearest center so far of each sample in some vectors. */
typedef struct STATE {
    VECTOR best[TILE_VECTORS];
    NUMBERS label[TILE_VECTORS];
} STATE;

INLINE NUMBERS OURS(spread)(int64_t number)
{
    return (NUMBERS){0} + (INTEGER)number;
}

INLINE void OURS(start)(STATE *state, const int n_vectors)
{
    for (int v = 0; v < n_vectors; v++) {
        state->best[v] = (VECTOR){0} + (REAL)INFINITY;
        state->label[v] = (NUMBERS){0};
    }
}

INLINE void OURS(compare)(STATE *state, int v, VECTOR d2, NUMBERS number)
{
    state->label[v] = OURS(renumber)(d2, state->best[v], number, state->label[v]);
    state->best[v] = OURS(nearer)(d2, state->best[v]);
}

INLINE void OURS(finish)(const STATE *state, const int n_vectors, int32_t *labels, REAL *d2)
{
    for (int v = 0; v < n_vectors; v++) {
        *(VECTOR *)(d2 + v * WIDTH) = state->best[v];
        *(LABELS *)(labels + v * WIDTH) = __builtin_convertvector(state->label[v], LABELS);
    }
}

/* Are there so many centers that it pays to find the nearest group of centers first, then the
 * nearest one in it? Gathers of floats take 32-bit indices. */
INLINE bool OURS(can_group)(int64_t d, int64_t k)
{
    return k >= MANY_CENTERS * d && k * d <= INT32_MAX;
}

/* The label itself, from that of its group of centers: each sample is compared with these again. */
INLINE void OURS(find_in_group)(const REAL *block, const REAL *centers, const int64_t d,
                                const int n_vectors, const int n_centers, STATE *state)
{
    STATE found;
    OURS(start)(&found, n_vectors);
    for (int v = 0; v < n_vectors; v++) {
        found.label[v] = state->label[v];
        for (int c = 0; c < n_centers; c++) {
            VECTOR d2 = {0};
            for (int64_t j = 0; j < d; j++) {
                const VECTOR difference =
                    OURS(load)(block + j * KM_BLOCK + v * WIDTH) -
                    OURS(gather)(centers + c * d + j, state->label[v] * (INTEGER)d);
                d2 = OURS(multiply_add)(difference, difference, d2);
            }
            OURS(compare)(&found, v, d2, state->label[v] + c);
        }
    }
    *state = found;
}

/* ---- few features: those of some vectors of samples stay in registers ----------------------- */

/* Compares with centers first, first + 1 ... last - 1, one after the other. */
INLINE void OURS(scan)(const REAL *block, const REAL *centers, int64_t first, int64_t last,
                       const int d, const int n_vectors, STATE *state)
{
    NUMBERS number = OURS(spread)(first);
    for (int64_t c = first; c < last; c++) {
        VECTOR d2[N_VECTORS];
        OURS(distances)(block, centers + c * d, d, n_vectors, d2);
        for (int v = 0; v < n_vectors; v++)
            OURS(compare)(state, v, d2[v], number);
        number += 1;
    }
}

/* The least distance to the centers of a group. */
INLINE void OURS(least_of_group)(const REAL *block, const REAL *group, const int d,
                                 const int n_vectors, VECTOR *minimum)
{
    OURS(distances)(block, group, d, n_vectors, minimum);
    for (int c = 1; c < GROUP_SIZE; c++) {
        VECTOR d2[N_VECTORS];
        OURS(distances)(block, group + c * d, d, n_vectors, d2);
        for (int v = 0; v < n_vectors; v++)
            minimum[v] = OURS(nearer)(d2[v], minimum[v]);
    }
}

/* Compares with centers 0 ... last - 1 by groups: the label is the first of the group in which the
 * nearest is. A group costs one comparison and one choice of a label, not one per center. */
INLINE void OURS(scan_groups)(const REAL *block, const REAL *centers, int64_t last, const int d,
                              const int n_vectors, STATE *state)
{
    NUMBERS number = OURS(spread)(0);
    for (int64_t first = 0; first < last; first += GROUP_SIZE) {
        VECTOR minimum[N_VECTORS];
        OURS(least_of_group)(block, centers + first * d, d, n_vectors, minimum);
        for (int v = 0; v < n_vectors; v++)
            OURS(compare)(state, v, minimum[v], number);
        number += GROUP_SIZE;
    }
}

INLINE void OURS(few_features)(const REAL *block, const REAL *centers, const int d, int64_t k,
                               int32_t *labels, REAL *d2)
{
    for (int l = 0; l < KM_BLOCK; l += N_VECTORS * WIDTH) {
        for (int j = 0; j < d; j++)
            for (int v = 0; v < N_VECTORS; v++)
                prefetch_ahead(block + j * KM_BLOCK + l + v * WIDTH);
        STATE state;
        OURS(start)(&state, N_VECTORS);
        int64_t grouped = 0;
        if (OURS(can_group)(d, k)) {
            grouped = k - k % GROUP_SIZE;
            OURS(scan_groups)(block + l, centers, grouped, d, N_VECTORS, &state);
            OURS(find_in_group)(block + l, centers, d, N_VECTORS, GROUP_SIZE, &state);
        }
        OURS(scan)(block + l, centers, grouped, k, d, N_VECTORS, &state);
        OURS(finish)(&state, N_VECTORS, labels + l, d2 + l);
    }
}

/* ---- more features: tiles of samples and centers, as in a product of matrices --------------- */

/* One feature of some samples. Compilers would read all of them from memory for each center, more
 * loads than the processor can do in time, so HELD of them are forced into registers. */
INLINE void OURS(load_tile)(const REAL *feature, VECTOR *x)
{
    for (int v = 0; v < TILE_VECTORS; v++)
        x[v] = OURS(load)(feature + v * WIDTH);
    for (int v = 0; v < HELD; v++)
        __asm__("" : "+" REGISTER(x[v]));
}

/* The distances of a tile: of its samples to its centers. */
INLINE void OURS(tile_distances)(const REAL *block, const REAL *centers, int64_t d,
                                 const int n_centers, VECTOR (*d2)[TILE_VECTORS])
{
    for (int c = 0; c < n_centers; c++)
        for (int v = 0; v < TILE_VECTORS; v++)
            d2[c][v] = (VECTOR){0};
    for (int64_t j = 0; j < d; j++) {
        VECTOR x[TILE_VECTORS];
        OURS(load_tile)(block + j * KM_BLOCK, x);
        for (int c = 0; c < n_centers; c++)
            for (int v = 0; v < TILE_VECTORS; v++)
                d2[c][v] = OURS(extend)(d2[c][v], x[v], centers[c * d + j]);
    }
}

/* Compares with centers number, number + 1, ... */
INLINE void OURS(compare_tile)(const REAL *block, const REAL *centers, int64_t d, int64_t number,
                               const int n_centers, STATE *state)
{
    VECTOR d2[TILE_CENTERS][TILE_VECTORS];
    OURS(tile_distances)(block, centers + number * d, d, n_centers, d2);
    for (int c = 0; c < n_centers; c++)
        for (int v = 0; v < TILE_VECTORS; v++)
            OURS(compare)(state, v, d2[c][v], OURS(spread)(number + c));
}

/* The same of a full tile, whose centers all count as the first of them: one choice of a label, not
 * one per center. */
INLINE void OURS(compare_tile_as_one)(const REAL *block, const REAL *centers, int64_t d,
                                      int64_t number, STATE *state)
{
    VECTOR d2[TILE_CENTERS][TILE_VECTORS];
    OURS(tile_distances)(block, centers + number * d, d, TILE_CENTERS, d2);
    for (int c = 1; c < TILE_CENTERS; c++)
        for (int v = 0; v < TILE_VECTORS; v++)
            d2[0][v] = OURS(nearer)(d2[c][v], d2[0][v]);
    for (int v = 0; v < TILE_VECTORS; v++)
        OURS(compare)(state, v, d2[0][v], OURS(spread)(number));
}

/* Prefetches features of the next block, `share` of them per center. */
INLINE void OURS(prefetch_next_block)(const REAL *block, int64_t d, int64_t number,
                                      const int n_centers, int64_t share)
{
    const int64_t fetched = number * share, next = fetched + n_centers * share;
    for (int64_t j = fetched; j < next && j < d; j++)
        prefetch_bytes(block + (d + j) * KM_BLOCK, TILE_VECTORS * BYTES);
}

INLINE void OURS(many_features)(const REAL *block, const REAL *centers, int64_t d, int64_t k,
                                int32_t *labels, REAL *d2)
{
    const int64_t share = (d + k - 1) / k;
    const bool is_as_one = OURS(can_group)(d, k);
    for (int l = 0; l < KM_BLOCK; l += TILE_VECTORS * WIDTH) {
        STATE state;
        OURS(start)(&state, TILE_VECTORS);
        int64_t c = 0;
        for (; c + TILE_CENTERS <= k; c += TILE_CENTERS) {
            OURS(prefetch_next_block)(block + l, d, c, TILE_CENTERS, share);
            if (is_as_one)
                OURS(compare_tile_as_one)(block + l, centers, d, c, &state);
            else
                OURS(compare_tile)(block + l, centers, d, c, TILE_CENTERS, &state);
        }
        if (is_as_one)
            OURS(find_in_group)(block + l, centers, d, TILE_VECTORS, TILE_CENTERS, &state);
        for (; c < k; c++) {
            OURS(prefetch_next_block)(block + l, d, c, 1, share);
            OURS(compare_tile)(block + l, centers, d, c, 1, &state);
        }
        OURS(finish)(&state, TILE_VECTORS, labels + l, d2 + l);
    }
}

static void KERNEL(nearest, PRECISION)(const void *block, const void *centers, int64_t n_features,
                                       int64_t n_centers, int32_t *labels, km_distances *distances2)
{
    REAL *d2 = distances2->PRECISION;
    switch (n_features) { /* up to FEW_FEATURES */
#define CASE(d)                                                       \
    case d:                                                           \
        OURS(few_features)(block, centers, d, n_centers, labels, d2); \
        break
        CASE(1);
        CASE(2);
        CASE(3);
        CASE(4);
    default:
        OURS(many_features)(block, centers, n_features, n_centers, labels, d2);
    }
#undef CASE
}
