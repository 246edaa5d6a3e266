/* Template: the nearest of chosen centers with a screen of integers, for one precision; see
 * screen.h. */

#include "base/partition.h"

/* Adding this to a small number rounds it to a whole one, in the last bits of the sum. */
#define ROUNDING 0x1.8p23f

typedef REAL OURS(group) __attribute__((vector_size(LANES * sizeof(REAL)), may_alias));

/* Feature j of a group of samples, from the origin. */
INLINE vector_float32 OURS(centered)(const REAL *block, const km_screen *screen, int64_t j, int g)
{
    const REAL *feature = block + j * KM_BLOCK + g * LANES;
    return __builtin_convertvector(*(const OURS(group) *)feature - (REAL)screen->origin[j],
                                   vector_float32);
}

/* What a sample is divided by to become whole numbers: so that its largest feature fits into a
 * byte, or its norm into 15 bits, as products of norms must fit into 31. */
INLINE vector_float32 OURS(find_scale)(const REAL *block, const km_screen *screen, int64_t d, int g,
                                       const bool are_bytes)
{
    vector_float32 size = {0};
    for (int64_t j = 0; j < d; j++) {
        const vector_float32 x = OURS(centered)(block, screen, j, g);
        size = are_bytes ? maximum_float32(maximum_float32(x, -x), size)
                         : multiply_add_float32(x, x, size);
    }
    const float limit = are_bytes ? KM_SCREEN_BYTE : KM_SCREEN_PAIR;
    size = are_bytes ? size : square_root_float32(size);
    return maximum_float32(size * (1 / limit), (vector_float32){0} + 0x1p-100f);
}

/* Fills in what stands for a group of samples. */
INLINE void OURS(quantize_group)(const REAL *block, const km_screen *screen, int64_t d, int g,
                                 const bool are_bytes, screened *s)
{
    const int n_values = are_bytes ? 4 : 2;
    const vector_float32 scale = OURS(find_scale)(block, screen, d, g, are_bytes);
    const vector_float32 inverse = 1 / scale;
    vector_float32 whole2 = {0}, left2 = {0}, norm2 = {0};
    for (int64_t w = 0; w < screen->n_words; w++) {
        numbers_float32 word = spread_number(are_bytes ? (int32_t)0x80808080 : (int32_t)0x80008000);
        for (int i = 0; i < n_values && w * n_values + i < d; i++) {
            const vector_float32 x = OURS(centered)(block, screen, w * n_values + i, g);
            const vector_float32 sum =
                multiply_add_float32(x, inverse, (vector_float32){0} + ROUNDING);
            const vector_float32 whole = sum - ROUNDING;
            const vector_float32 left = multiply_add_float32(-whole, scale, x);
            word += ((numbers_float32)sum - 0x4b400000) << (32 / n_values * i);
            whole2 = multiply_add_float32(whole, whole, whole2);
            left2 = multiply_add_float32(left, left, left2);
            norm2 = multiply_add_float32(x, x, norm2);
        }
        if (!are_bytes || BYTE_BIAS == 0)
            word ^= spread_number(are_bytes ? (int32_t)0x80808080 : (int32_t)0x80008000);
        *(numbers_float32 *)(s->words + w * KM_BLOCK + g * LANES) = word;
    }
    *lanes_of(s->scale, g) = -2 * scale;
    *lanes_of(s->square, g) = scale * scale * whole2 * (float)(1 - KM_SCREEN_SLACK(d));
    *lanes_of(s->residual, g) = square_root_float32(left2) * (float)(1 + KM_SCREEN_SLACK(d)) +
                                square_root_float32(norm2) * 0x1p-22f + (float)KM_SCREEN_ABSOLUTE;
}

/* Canonical squared distances of the samples of some pairs: [n_pairs][LANES]. */
INLINE void OURS(measure_pairs)(const REAL *block, const REAL *centers, int64_t d,
                                const km_screen_pair *pairs, const int n_pairs, REAL *d2)
{
    enum { PARTS = LANES / WIDTH };
    const REAL *x[PAIRS_AT_ONCE], *c[PAIRS_AT_ONCE];
    VECTOR sum[PAIRS_AT_ONCE][PARTS] = {{{0}}};
    for (int i = 0; i < n_pairs; i++) {
        x[i] = block + pairs[i].group * LANES;
        c[i] = centers + pairs[i].center * d;
    }
    for (int64_t j = 0; j < d; j++)
        for (int i = 0; i < n_pairs; i++)
            for (int p = 0; p < PARTS; p++)
                sum[i][p] =
                    OURS(extend)(sum[i][p], OURS(load)(x[i] + j * KM_BLOCK + p * WIDTH), c[i][j]);
    for (int i = 0; i < n_pairs; i++)
        for (int p = 0; p < PARTS; p++)
            *(VECTOR *)(d2 + i * LANES + p * WIDTH) = sum[i][p];
}

/* What is canonical of a block. */
typedef struct OURS(canonical) {
    const REAL *block, *centers;
    int64_t d;
    int32_t *labels;
    _Alignas(64) REAL best2[KM_BLOCK]; /* to the center of the label */
} OURS(canonical);

/* The reach of a sample, from the canonical distance to its own center. */
INLINE void OURS(set_reach)(screened *s, const OURS(canonical) * k, int lane)
{
    s->reach[lane] = ((float)sqrt((double)k->best2[lane]) + s->residual[lane]) *
                     (float)(1 + KM_GAP_SLACK(k->d) * 0x1p-24);
}

/* Distances to the centers of the labels: pairs of each group and each label in it. */
static void OURS(measure_own)(screened *s, OURS(canonical) * k)
{
    _Alignas(64) REAL d2[PAIRS_AT_ONCE * LANES];
    km_screen_pair pairs[KM_BLOCK];
    int n_pairs = 0;
    for (int g = 0; g < N_GROUPS; g++)
        for (uint32_t left = (uint32_t)(((uint64_t)1 << LANES) - 1); left != 0;) {
            const int32_t *labels = k->labels + g * LANES, label = labels[__builtin_ctz(left)];
            const numbers_float32 all = *(const lane_labels *)labels;
            const uint32_t same = left & ~differs_float32(all, spread_number(label));
            pairs[n_pairs++] = (km_screen_pair){0, label, (uint16_t)g, (uint16_t)same};
            left &= ~same;
        }
    for (int first = 0; first < n_pairs; first += PAIRS_AT_ONCE) {
        const int n = n_pairs - first < PAIRS_AT_ONCE ? n_pairs - first : PAIRS_AT_ONCE;
        if (n == PAIRS_AT_ONCE)
            OURS(measure_pairs)(k->block, k->centers, k->d, pairs + first, PAIRS_AT_ONCE, d2);
        else
            OURS(measure_pairs)(k->block, k->centers, k->d, pairs + first, n, d2);
        for (int i = 0; i < n; i++)
            for (uint32_t left = pairs[first + i].samples; left != 0; left &= left - 1) {
                const int l = __builtin_ctz(left), lane = pairs[first + i].group * LANES + l;
                k->best2[lane] = d2[i * LANES + l];
                OURS(set_reach)(s, k, lane);
            }
    }
}

/* Gives samples of a pair the label of its center where that is nearer; and what was measured takes
 * the place of the bound. */
INLINE void OURS(decide_pair)(screened *s, OURS(canonical) * k, const km_screen *screen,
                              const km_screen_pair *pair, const REAL *d2)
{
    for (uint32_t left = pair->samples; left != 0; left &= left - 1) {
        const int l = __builtin_ctz(left), lane = pair->group * LANES + l;
        const double far = sqrt((double)d2[l]) + (double)s->residual[lane] +
                           (double)screen->residual[pair->center];
        s->lower[pair->index * (int64_t)KM_BLOCK + lane] = (float)(far * far * (1 - 0x1p-20));
        if (d2[l] < k->best2[lane] || (d2[l] == k->best2[lane] && pair->center < k->labels[lane])) {
            k->best2[lane] = d2[l];
            k->labels[lane] = pair->center;
            OURS(set_reach)(s, k, lane);
        }
    }
}

static void OURS(decide_pairs)(screened *s, OURS(canonical) * k, const km_screen *screen)
{
    _Alignas(64) REAL d2[PAIRS_AT_ONCE * LANES];
    int64_t first = 0;
    for (; first + PAIRS_AT_ONCE <= s->n_pairs; first += PAIRS_AT_ONCE) {
        OURS(measure_pairs)(k->block, k->centers, k->d, s->pairs + first, PAIRS_AT_ONCE, d2);
        for (int i = 0; i < PAIRS_AT_ONCE; i++)
            OURS(decide_pair)(s, k, screen, &s->pairs[first + i], d2 + i * LANES);
    }
    for (; first < s->n_pairs; first++) {
        OURS(measure_pairs)(k->block, k->centers, k->d, s->pairs + first, 1, d2);
        OURS(decide_pair)(s, k, screen, &s->pairs[first], d2);
    }
}

INLINE double OURS(screened)(OURS(canonical) * k, const km_screen *screen, const int32_t *chosen,
                             int64_t n, void *work, const bool are_bytes, double *gaps,
                             int64_t *n_pairs)
{
    screened s = lay_out(work, screen, n);
    for (int g = 0; g < N_GROUPS; g++)
        OURS(quantize_group)(k->block, screen, k->d, g, are_bytes, &s);
    bound_all(&s, screen, chosen, n, are_bytes);
    if (k->labels[0] < 0)
        guess_labels(&s, chosen, n, k->labels);
    OURS(measure_own)(&s, k);
    const bool has_found = find_pairs(&s, screen, chosen, n, k->labels);
    *n_pairs += s.n_pairs;
    if (!has_found)
        return -1;
    OURS(decide_pairs)(&s, k, screen);
    if (gaps != NULL)
        find_screened_gaps(&s, screen, chosen, n,
                           (float)(1 - KM_GAP_SLACK(k->d) * EPSILON - 0x1p-19), k->labels, gaps);
    REAL farthest = 0;
    for (int l = 0; l < KM_BLOCK; l++)
        farthest = k->best2[l] > farthest ? k->best2[l] : farthest;
    return OURS(maximum_distance)((VECTOR){0} + farthest, k->d);
}

static double KERNEL(screened, PRECISION)(const void *block, const void *centers,
                                          int64_t n_features, const km_screen *screen,
                                          const int32_t *chosen, int64_t n_chosen, void *work,
                                          int32_t *labels, double *gaps, int64_t *n_pairs)
{
    OURS(canonical) k = {.block = block, .centers = centers, .d = n_features, .labels = labels};
    return screen->are_bytes
               ? OURS(screened)(&k, screen, chosen, n_chosen, work, true, gaps, n_pairs)
               : OURS(screened)(&k, screen, chosen, n_chosen, work, false, gaps, n_pairs);
}
#undef ROUNDING
