/* Template: the two nearest centers, for one precision; see template.h. As nearest.h has it, but
 * with the second nearest center besides. */

#include "base/partition.h"

/* The two nearest centers so far of each sample in some vectors. */
typedef struct OURS(pair) {
    VECTOR best[TILE_VECTORS], second[TILE_VECTORS];
    NUMBERS label[TILE_VECTORS], other[TILE_VECTORS];
} OURS(pair);

INLINE void OURS(start_pair)(OURS(pair) * pair, const int n_vectors)
{
    for (int v = 0; v < n_vectors; v++) {
        pair->best[v] = pair->second[v] = (VECTOR){0} + (REAL)INFINITY;
        pair->label[v] = pair->other[v] = (NUMBERS){0};
    }
}

INLINE void OURS(compare_pair)(OURS(pair) * pair, int v, VECTOR d2, NUMBERS number)
{
    const NUMBERS other = OURS(renumber)(d2, pair->second[v], number, pair->other[v]);
    pair->other[v] = OURS(renumber)(d2, pair->best[v], pair->label[v], other);
    pair->second[v] = OURS(nearer)(OURS(maximum)(d2, pair->best[v]), pair->second[v]);
    pair->label[v] = OURS(renumber)(d2, pair->best[v], number, pair->label[v]);
    pair->best[v] = OURS(nearer)(d2, pair->best[v]);
}

INLINE void OURS(finish_pair)(const OURS(pair) * pair, const int n_vectors, int32_t *labels,
                              int32_t *others)
{
    for (int v = 0; v < n_vectors; v++) {
        *(LABELS *)(labels + v * WIDTH) = __builtin_convertvector(pair->label[v], LABELS);
        *(LABELS *)(others + v * WIDTH) = __builtin_convertvector(pair->other[v], LABELS);
    }
}

/* The two nearest centers, from the two nearest groups of centers: the second nearest center is in
 * the group of the nearest one, or it is the nearest one of the group that comes next. The groups
 * are compared in the order of their numbers, so that of equally near centers the first wins. */
INLINE void OURS(find_pair_in_groups)(const REAL *block, const REAL *centers, const int64_t d,
                                      const int n_vectors, const int n_centers, OURS(pair) * pair)
{
    OURS(pair) found;
    OURS(start_pair)(&found, n_vectors);
    for (int v = 0; v < n_vectors; v++) {
        const NUMBERS is_first = (NUMBERS)(pair->label[v] < pair->other[v]);
        const NUMBERS low = (pair->label[v] & is_first) | (pair->other[v] & ~is_first);
        const NUMBERS high = (pair->other[v] & is_first) | (pair->label[v] & ~is_first);
        for (int c = 0; c < 2 * n_centers; c++) {
            const NUMBERS number = c < n_centers ? low + c : high + (c - n_centers);
            VECTOR d2 = {0};
            for (int64_t j = 0; j < d; j++) {
                const VECTOR difference = OURS(load)(block + j * KM_BLOCK + v * WIDTH) -
                                          OURS(gather)(centers + j, number * (INTEGER)d);
                d2 = OURS(multiply_add)(difference, difference, d2);
            }
            OURS(compare_pair)(&found, v, d2, number);
        }
    }
    *pair = found;
}

/* ---- few features --------------------------------------------------------------------------- */

INLINE void OURS(scan_pairs)(const REAL *block, const REAL *centers, int64_t first, int64_t last,
                             const int d, OURS(pair) * pair)
{
    for (int64_t c = first; c < last; c++) {
        VECTOR d2[N_VECTORS];
        OURS(distances)(block, centers + c * d, d, N_VECTORS, d2);
        for (int v = 0; v < N_VECTORS; v++)
            OURS(compare_pair)(pair, v, d2[v], OURS(spread)(c));
    }
}

INLINE void OURS(scan_groups_for_pairs)(const REAL *block, const REAL *centers, int64_t last,
                                        const int d, OURS(pair) * pair)
{
    for (int64_t first = 0; first < last; first += GROUP_SIZE) {
        VECTOR minimum[N_VECTORS];
        OURS(least_of_group)(block, centers + first * d, d, N_VECTORS, minimum);
        for (int v = 0; v < N_VECTORS; v++)
            OURS(compare_pair)(pair, v, minimum[v], OURS(spread)(first));
    }
}

INLINE void OURS(pairs_of_few_features)(const REAL *block, const REAL *centers, const int d,
                                        int64_t k, int32_t *labels, int32_t *others)
{
    for (int l = 0; l < KM_BLOCK; l += N_VECTORS * WIDTH) {
        for (int j = 0; j < d; j++)
            for (int v = 0; v < N_VECTORS; v++)
                prefetch_ahead(block + j * KM_BLOCK + l + v * WIDTH);
        OURS(pair) pair;
        OURS(start_pair)(&pair, N_VECTORS);
        int64_t grouped = 0;
        if (OURS(can_group)(d, k)) {
            grouped = k - k % GROUP_SIZE;
            OURS(scan_groups_for_pairs)(block + l, centers, grouped, d, &pair);
            OURS(find_pair_in_groups)(block + l, centers, d, N_VECTORS, GROUP_SIZE, &pair);
        }
        OURS(scan_pairs)(block + l, centers, grouped, k, d, &pair);
        OURS(finish_pair)(&pair, N_VECTORS, labels + l, others + l);
    }
}

/* ---- more features -------------------------------------------------------------------------- */

INLINE void OURS(compare_tile_for_pairs)(const REAL *block, const REAL *centers, int64_t d,
                                         int64_t number, const int n_centers, const bool is_as_one,
                                         OURS(pair) * pair)
{
    VECTOR d2[TILE_CENTERS][TILE_VECTORS];
    OURS(tile_distances)(block, centers + number * d, d, n_centers, d2);
    for (int c = 1; c < n_centers && is_as_one; c++)
        for (int v = 0; v < TILE_VECTORS; v++)
            d2[0][v] = OURS(nearer)(d2[c][v], d2[0][v]);
    const NUMBERS first = OURS(spread)(number);
    for (int v = 0; v < TILE_VECTORS; v++)
        for (int c = 0; c < (is_as_one ? 1 : n_centers); c++)
            OURS(compare_pair)(pair, v, d2[c][v], first + c);
}

INLINE void OURS(pairs_of_many_features)(const REAL *block, const REAL *centers, int64_t d,
                                         int64_t k, int32_t *labels, int32_t *others)
{
    const bool is_as_one = OURS(can_group)(d, k);
    for (int l = 0; l < KM_BLOCK; l += TILE_VECTORS * WIDTH) {
        OURS(pair) pair;
        OURS(start_pair)(&pair, TILE_VECTORS);
        int64_t c = 0;
        for (; c + TILE_CENTERS <= k; c += TILE_CENTERS)
            if (is_as_one)
                OURS(compare_tile_for_pairs)(block + l, centers, d, c, TILE_CENTERS, true, &pair);
            else
                OURS(compare_tile_for_pairs)(block + l, centers, d, c, TILE_CENTERS, false, &pair);
        if (is_as_one)
            OURS(find_pair_in_groups)(block + l, centers, d, TILE_VECTORS, TILE_CENTERS, &pair);
        for (; c < k; c++)
            OURS(compare_tile_for_pairs)(block + l, centers, d, c, 1, false, &pair);
        OURS(finish_pair)(&pair, TILE_VECTORS, labels + l, others + l);
    }
}

static void KERNEL(nearest_pair, PRECISION)(const void *block, const void *centers,
                                            int64_t n_features, int64_t n_centers, int32_t *labels,
                                            int32_t *others)
{
    switch (n_features) { /* up to FEW_FEATURES */
#define CASE(d)                                                                    \
    case d:                                                                        \
        OURS(pairs_of_few_features)(block, centers, d, n_centers, labels, others); \
        break
        CASE(1);
        CASE(2);
        CASE(3);
        CASE(4);
    default:
        OURS(pairs_of_many_features)(block, centers, n_features, n_centers, labels, others);
    }
#undef CASE
}
