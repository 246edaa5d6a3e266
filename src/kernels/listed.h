/* Template: the nearest of some centers, for one precision; see template.h. */

#include "base/partition.h"

/* Labels as they are stored, as many as a vector has lanes. */
typedef int32_t OURS(stored)
    __attribute__((vector_size(WIDTH * sizeof(int32_t)), aligned(4), may_alias));

/* The nearest center so far of some vectors of samples, and the second distance. */
typedef struct OURS(ranking) {
    VECTOR best[N_VECTORS], second[N_VECTORS];
    NUMBERS label[N_VECTORS];
} OURS(ranking);

/* The centers to compare with, and the labels that they give. */
typedef struct OURS(list) {
    const REAL *centers;
    const int32_t *numbers, *chosen;
    int64_t count;
} OURS(list);

INLINE void OURS(rank)(const REAL *block, const OURS(list) * list, const int64_t d,
                       const int n_vectors, const bool has_second, OURS(ranking) * r)
{
    for (int v = 0; v < n_vectors; v++) {
        r->best[v] = r->second[v] = (VECTOR){0} + (REAL)INFINITY;
        r->label[v] = OURS(spread)(list->numbers[list->chosen[0]]);
    }
    for (int64_t i = 0; i < list->count; i++) {
        const REAL *center = list->centers + list->chosen[i] * d;
        const NUMBERS number = OURS(spread)(list->numbers[list->chosen[i]]);
        VECTOR d2[N_VECTORS] = {{0}};
        for (int64_t j = 0; j < d; j++)
            for (int v = 0; v < n_vectors; v++)
                d2[v] =
                    OURS(extend)(d2[v], OURS(load)(block + j * KM_BLOCK + v * WIDTH), center[j]);
        for (int v = 0; v < n_vectors; v++) {
            if (has_second)
                r->second[v] = OURS(minimum)(r->second[v], OURS(maximum)(d2[v], r->best[v]));
            r->label[v] = OURS(renumber)(d2[v], r->best[v], number, r->label[v]);
            r->best[v] = OURS(minimum)(d2[v], r->best[v]);
        }
    }
}

/* The absolute rounding of gaps, that of denormal squares. */
INLINE double OURS(lost_of_gap)(int64_t d)
{
    return 4 * sqrt(((double)d + 2) * SMALLEST);
}

/* A lower bound of the minimum gap between best and second: rounding is subtracted. */
INLINE double OURS(minimum_gap_of_ranking)(const OURS(ranking) * r, const int64_t d,
                                           const int n_vectors)
{
    VECTOR minimum = (VECTOR){0} + (REAL)INFINITY;
    for (int v = 0; v < n_vectors; v++) {
        const VECTOR second = OURS(square_root)(r->second[v]);
        const VECTOR certain = second * (REAL)(1 - KM_GAP_SLACK(d) * EPSILON);
        minimum = OURS(minimum)(certain - OURS(square_root)(r->best[v]), minimum);
    }
    return (double)OURS(minimum_lane)(minimum) - OURS(lost_of_gap)(d);
}

/* Writes the labels of some vectors, and tells which are new. */
INLINE uint64_t OURS(write_labels)(const OURS(ranking) * r, const int n_vectors, const int32_t *old,
                                   int32_t *labels)
{
    uint64_t changed = 0;
    for (int v = 0; v < n_vectors; v++) {
        const NUMBERS was =
            __builtin_convertvector(*(const OURS(stored) *)(old + v * WIDTH), NUMBERS);
        changed |= (uint64_t)OURS(differs)(was, r->label[v]) << v * WIDTH;
        *(OURS(stored) *)(labels + v * WIDTH) = __builtin_convertvector(r->label[v], OURS(stored));
    }
    return changed;
}

INLINE uint64_t OURS(nearest_listed)(const REAL *block, const OURS(list) * list, const int64_t d,
                                     const int32_t *old, int32_t *labels, double *gap)
{
    uint64_t changed = 0;
    double minimum = INFINITY;
    for (int l = 0; l < KM_BLOCK; l += N_VECTORS * WIDTH) {
        OURS(ranking) r;
        OURS(rank)(block + l, list, d, N_VECTORS, gap != NULL, &r);
        changed |= OURS(write_labels)(&r, N_VECTORS, old + l, labels + l) << l;
        if (gap != NULL)
            minimum = fmin(minimum, OURS(minimum_gap_of_ranking)(&r, d, N_VECTORS));
    }
    if (gap != NULL)
        *gap = minimum;
    return changed;
}

static uint64_t KERNEL(nearest_listed, PRECISION)(const void *block, const void *centers,
                                                  int64_t n_features, const int32_t *numbers,
                                                  const int32_t *chosen, int64_t n_chosen,
                                                  const int32_t *old, int32_t *labels, double *gap)
{
    const OURS(list) list = {centers, numbers, chosen, n_chosen};
    switch (n_features) {
#define CASE(d)                                                                       \
    case d:                                                                           \
        return gap == NULL ? OURS(nearest_listed)(block, &list, d, old, labels, NULL) \
                           : OURS(nearest_listed)(block, &list, d, old, labels, gap)
        CASE(1);
        CASE(2);
        CASE(3);
        CASE(4);
        CASE(5);
        CASE(6);
        CASE(7);
        CASE(8);
    default:
        return OURS(nearest_listed)(block, &list, n_features, old, labels, gap);
    }
#undef CASE
}
