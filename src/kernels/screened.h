/* Template: the nearest of chosen centers with a screen of integers, for one precision; see
 * screen.h. */

#include "base/partition.h"

/* Adding this to a small number rounds it to a whole one, in the last bits of the sum. */
#define ROUNDING      0x1.8p23f
#define ROUNDING_BITS 0x4b400000

typedef REAL OURS(group) __attribute__((vector_size(LANES * sizeof(REAL)), may_alias));

/* Feature j of a group of samples, from the origin. */
INLINE vector_float32 OURS(centered)(const REAL *block, const km_screen *screen, int64_t j, int g)
{
    const REAL *feature = block + j * KM_BLOCK + g * LANES;
    return __builtin_convertvector(*(const OURS(group) *)feature - (REAL)screen->origin[j],
                                   vector_float32);
}

/* Scales: so that the largest feature of a sample fits into a byte, or the largest norm of a block
 * into 15 bits, as products of norms must fit into 31; and the latter not below that of the
 * centers, so that t |p|^2 / (2 s) fits, too. */
INLINE void OURS(find_scales)(const REAL *block, const km_screen *screen, int64_t d,
                              const bool are_bytes, screened *s)
{
    vector_float32 size[N_GROUPS] = {{0}}, largest = {0};
    for (int64_t j = 0; j < d; j++)
        for (int g = 0; g < N_GROUPS; g++) {
            const vector_float32 x = OURS(centered)(block, screen, j, g);
            if (are_bytes)
                size[g] = maximum_float32(maximum_float32(x, -x), size[g]);
            else
                size[g] = multiply_add_float32(x, x, size[g]);
        }
    for (int g = 0; g < N_GROUPS; g++)
        largest = maximum_float32(size[g], largest);
    const float norm = sqrtf(-minimum_lane_float32(-largest)) / KM_SCREEN_PAIR;
    const float scale = norm > screen->scale ? norm : screen->scale;
    s->per_square = are_bytes ? 0 : 0.5f / (scale * screen->scale);
    for (int g = 0; g < N_GROUPS; g++)
        if (are_bytes)
            *lanes_of(s->scale, g) =
                maximum_float32(size[g] / KM_SCREEN_BYTE, (vector_float32){0} + 0x1p-50f);
        else
            *lanes_of(s->scale, g) = (vector_float32){0} + scale;
}

/* Words of a tile of samples; the sum over its squares, and over those of what is left of it, the
 * latter of bytes only. */
INLINE void OURS(fill_words)(const REAL *block, const km_screen *screen, int64_t d, int group,
                             const bool are_bytes, const screened *s, vector_float32 *whole2,
                             vector_float32 *left2)
{
    const int n_values = are_bytes ? 4 : 2;
    const uint32_t bias = are_bytes ? 0x80808080 : 0x80008000;
    const vector_float32 scale = *lanes_of(s->scale, group), inverse = 1 / scale;
    numbers_float32 squares = {0};
    for (int64_t w = 0; w < screen->n_words; w++) {
        numbers_float32 word = spread_number((int32_t)bias);
        for (int i = 0; i < n_values && w * n_values + i < d; i++) {
            const vector_float32 x = OURS(centered)(block, screen, w * n_values + i, group);
            const vector_float32 sum =
                multiply_add_float32(x, inverse, (vector_float32){0} + ROUNDING);
            word += ((numbers_float32)sum - ROUNDING_BITS) << (32 / n_values * i);
            if (are_bytes) {
                const vector_float32 whole = sum - ROUNDING;
                const vector_float32 left = multiply_add_float32(-whole, scale, x);
                *whole2 = multiply_add_float32(whole, whole, *whole2);
                *left2 = multiply_add_float32(left, left, *left2);
            }
        }
        if (!are_bytes || BYTE_BIAS == 0)
            word ^= spread_number((int32_t)bias);
        if (!are_bytes)
            squares = add_products_of_pairs(squares, word, word);
        *(lane_labels *)(s->words + w * KM_BLOCK + group * LANES) = word;
    }
    if (!are_bytes)
        *whole2 = __builtin_convertvector(squares, vector_float32);
}

/* Fills in what stands for a group of samples. What pairs leave is at most half a unit of each
 * feature, and what rounding of the quotient adds to that. */
INLINE void OURS(quantize)(const REAL *block, const km_screen *screen, int64_t d, int group,
                           const bool are_bytes, screened *s)
{
    const vector_float32 scale = *lanes_of(s->scale, group);
    vector_float32 whole2 = {0}, left2 = {0};
    OURS(fill_words)(block, screen, d, group, are_bytes, s, &whole2, &left2);
    const vector_float32 square = scale * scale * whole2;
    vector_float32 left = scale * ((0.5f + 0x1p-6f) * sqrtf((float)d));
    if (are_bytes)
        left = square_root_float32(left2);
    *lanes_of(s->square, group) = square;
    *lanes_of(s->residual, group) = left * (float)(1 + KM_SCREEN_SLACK(d)) +
                                    (square_root_float32(square) + left) * 0x1p-22f +
                                    (float)KM_SCREEN_ABSOLUTE;
}

/* Coordinates of some groups of samples on some axes. */
INLINE void OURS(project_tile)(const REAL *block, const km_screen *screen, int64_t d, int group,
                               int64_t axis, const screened *s)
{
    vector_float32 sum[KM_SCREEN_AXES][GROUPS_OF_AXES] = {{{0}}};
    for (int64_t j = 0; j < d; j++) {
        const float *axes = screen->axes + j * screen->n_axes + axis;
        vector_float32 x[GROUPS_OF_AXES];
        for (int v = 0; v < GROUPS_OF_AXES; v++)
            x[v] = OURS(centered)(block, screen, j, group + v);
        for (int a = 0; a < KM_SCREEN_AXES; a++)
            for (int v = 0; v < GROUPS_OF_AXES; v++)
                sum[a][v] = multiply_add_float32(x[v], axes[a] - (vector_float32){0}, sum[a][v]);
    }
    for (int a = 0; a < KM_SCREEN_AXES; a++)
        for (int v = 0; v < GROUPS_OF_AXES; v++)
            *lanes_of(s->coordinates + (axis + a) * KM_BLOCK, group + v) = sum[a][v];
}

/* What rounding can take from the coordinates of a group: of each the error of a scalar product of
 * d features, and of those the rounding. */
INLINE vector_float32 OURS(lost_of_coordinates)(const REAL *block, const km_screen *screen,
                                                int64_t d, int group)
{
    vector_float32 norm2 = {0};
    for (int64_t j = 0; j < d; j++) {
        const vector_float32 x = OURS(centered)(block, screen, j, group);
        norm2 = multiply_add_float32(x, x, norm2);
    }
    return square_root_float32(norm2) *
           (float)(KM_SCREEN_SLACK(d) * sqrt((double)screen->n_axes) * (1 + 0x1p-10));
}

/* Coordinates become whole numbers as the features of samples in float32 do. */
static void OURS(quantize_coordinates)(const REAL *block, const km_screen *screen, int64_t d,
                                       screened *s)
{
    static const float no_origin[KM_SCREEN_MOST_AXES];
    km_screen of_axes = *screen;
    of_axes.origin = no_origin;
    for (int g = 0; g < N_GROUPS; g += GROUPS_OF_AXES)
        for (int64_t a = 0; a < screen->n_axes; a += KM_SCREEN_AXES)
            OURS(project_tile)(block, screen, d, g, a, s);
    find_scales_float32(s->coordinates, &of_axes, screen->n_axes, false, s);
    for (int g = 0; g < N_GROUPS; g++) {
        quantize_float32(s->coordinates, &of_axes, screen->n_axes, g, false, s);
        *lanes_of(s->residual, g) += OURS(lost_of_coordinates)(block, screen, d, g);
    }
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

/* Keeps what was measured of a pair: distances to the center of its samples' label. */
INLINE void OURS(keep_own)(OURS(canonical) * k, const km_screen_pair *pair, const REAL *d2)
{
    for (int p = 0; p < LANES; p += WIDTH) {
        const int lane = pair->group * LANES + p;
        const NUMBERS labels =
            __builtin_convertvector(*(const LABELS *)(k->labels + lane), NUMBERS);
        const NUMBERS is_own = labels == OURS(spread)(pair->center);
        const VECTOR measured = *(const VECTOR *)(d2 + p);
        VECTOR *best2 = (VECTOR *)(k->best2 + lane);
        *best2 = (VECTOR)((is_own & (NUMBERS)measured) | (~is_own & (NUMBERS)*best2));
    }
}

/* Distances to the centers of the labels: pairs of each group and each label in it. */
static void OURS(measure_own)(OURS(canonical) * k)
{
    _Alignas(64) REAL d2[PAIRS_AT_ONCE * LANES];
    km_screen_pair pairs[KM_BLOCK + PAIRS_AT_ONCE];
    int n_pairs = 0;
    for (int g = 0; g < N_GROUPS; g++) {
        const numbers_float32 labels = numbers_of(k->labels, g);
        for (uint32_t left = (uint32_t)(((uint64_t)1 << LANES) - 1); left != 0;) {
            const int32_t label = k->labels[g * LANES + __builtin_ctz(left)];
            pairs[n_pairs++] = (km_screen_pair){.center = label, .group = (uint16_t)g};
            left &= differs_float32(labels, spread_number(label));
        }
    }
    for (int i = n_pairs; i % PAIRS_AT_ONCE != 0; i++)
        pairs[i] = pairs[n_pairs - 1];
    for (int first = 0; first < n_pairs; first += PAIRS_AT_ONCE) {
        OURS(measure_pairs)(k->block, k->centers, k->d, pairs + first, PAIRS_AT_ONCE, d2);
        for (int i = 0; i < PAIRS_AT_ONCE; i++)
            OURS(keep_own)(k, &pairs[first + i], d2 + i * LANES);
    }
}

static void OURS(set_reaches)(screened *s, const OURS(canonical) * k)
{
    const float larger = (float)(1 + KM_GAP_SLACK(k->d) * 0x1p-24);
    for (int g = 0; g < N_GROUPS; g++) {
        const vector_float32 own2 =
            __builtin_convertvector(*(const OURS(group) *)(k->best2 + g * LANES), vector_float32);
        *lanes_of(s->reach, g) = (square_root_float32(own2) + *lanes_of(s->residual, g)) * larger;
    }
}

/* The least lead that was measured over the center of a pair. */
INLINE float OURS(measured_lead)(const screened *s, const km_screen *screen,
                                 const km_screen_pair *pair, vector_float32 d2,
                                 numbers_float32 is_open)
{
    const vector_float32 reach = *lanes_of(s->reach, pair->group);
    const vector_float32 far = square_root_float32(d2) + *lanes_of(s->residual, pair->group) +
                               screen->residuals[pair->center];
    const vector_float32 lead =
        (far * far * (1 - 0x1p-19f) - reach * reach) * *lanes_of(s->half, pair->group);
    return minimum_lane_float32(minimum_float32((vector_float32)((numbers_float32)lead | ~is_open),
                                                (vector_float32){0} + INFINITY));
}

/* Gives samples of a pair the label of its center where that is nearer. */
INLINE void OURS(relabel_pair)(OURS(canonical) * k, const km_screen_pair *pair, const REAL *d2)
{
    const NUMBERS center = OURS(spread)(pair->center);
    for (int p = 0; p < LANES; p += WIDTH) {
        LABELS *stored = (LABELS *)(k->labels + pair->group * LANES + p);
        VECTOR *best2 = (VECTOR *)(k->best2 + pair->group * LANES + p);
        const NUMBERS labels = __builtin_convertvector(*stored, NUMBERS);
        const VECTOR measured = *(const VECTOR *)(d2 + p);
        const NUMBERS is_nearer =
            OURS(mask_of_bits)(pair->samples >> p) &
            ((measured < *best2) | ((measured == *best2) & (center < labels)));
        *best2 = (VECTOR)((is_nearer & (NUMBERS)measured) | (~is_nearer & (NUMBERS)*best2));
        *stored = __builtin_convertvector((is_nearer & center) | (~is_nearer & labels), LABELS);
    }
}

/* Decides a pair. */
INLINE void OURS(decide_pair)(screened *s, OURS(canonical) * k, const km_screen *screen,
                              const km_screen_pair *pair, const REAL *d2)
{
    const vector_float32 measured =
        __builtin_convertvector(*(const OURS(group) *)d2, vector_float32);
    const float lead =
        OURS(measured_lead)(s, screen, pair, measured, mask_of_bits_float32(pair->samples));
    s->leads[pair->index] = lead < s->leads[pair->index] ? lead : s->leads[pair->index];
    OURS(relabel_pair)(k, pair, d2);
}

static void OURS(decide_pairs)(screened *s, OURS(canonical) * k, const km_screen *screen)
{
    _Alignas(64) REAL d2[PAIRS_AT_ONCE * LANES];
    for (int64_t first = 0; first < s->n_pairs; first += PAIRS_AT_ONCE) {
        const int64_t left = s->n_pairs - first;
        km_screen_pair pairs[PAIRS_AT_ONCE];
        for (int i = 0; i < PAIRS_AT_ONCE; i++)
            pairs[i] = s->pairs[first + (i < left ? i : 0)];
        OURS(measure_pairs)(k->block, k->centers, k->d, pairs, PAIRS_AT_ONCE, d2);
        for (int i = 0; i < PAIRS_AT_ONCE && i < left; i++)
            OURS(decide_pair)(s, k, screen, &pairs[i], d2 + i * LANES);
    }
}

/* The reach of each sample from its label; and what follows from that. */
static void OURS(measure_reaches)(screened *s, OURS(canonical) * k, const km_screen *screen,
                                  const int32_t *chosen, int64_t n)
{
    OURS(measure_own)(k);
    OURS(set_reaches)(s, k);
    prepare_leads(s, screen, KM_SCREEN_SLACK(k->d));
    find_needed(s, screen, chosen, n);
}

/* Fills in sums and finds pairs. Labels that are not known are guessed first. */
INLINE bool OURS(screen_centers)(screened *s, OURS(canonical) * k, const km_screen *screen,
                                 const int32_t *chosen, int64_t n, const bool are_bytes)
{
    if (k->labels[0] < 0) {
        sum_all_products(s, screen, chosen, n, are_bytes, false);
        guess_labels(s, screen, chosen, n, k->labels);
        OURS(measure_reaches)(s, k, screen, chosen, n);
        judge_sums(s, screen, chosen, n, are_bytes);
    } else {
        OURS(measure_reaches)(s, k, screen, chosen, n);
        sum_all_products(s, screen, chosen, n, are_bytes, true);
    }
    return find_pairs(s, chosen, n, k->labels);
}

#include "packed.h"

INLINE double OURS(screened)(OURS(canonical) * k, const km_screen *screen, const int32_t *chosen,
                             int64_t n, void *work, const bool are_bytes, double *gaps,
                             int64_t *n_pairs)
{
    screened s = lay_out(work, screen, n);
    const bool has_axes = !are_bytes && screen->n_axes > 0;
    if (has_axes) {
        OURS(quantize_coordinates)(k->block, screen, k->d, &s);
    } else {
        OURS(find_scales)(k->block, screen, k->d, are_bytes, &s);
        for (int g = 0; g < N_GROUPS; g++)
            OURS(quantize)(k->block, screen, k->d, g, are_bytes, &s);
    }
    if (!are_bytes && !has_axes && gaps == NULL && !screen->has_strays && n <= MAX_PACKED)
        return OURS(label_packed)(&s, k, screen, chosen, n, n_pairs) ? 0 : -1;
    const bool has_found = OURS(screen_centers)(&s, k, screen, chosen, n, are_bytes);
    *n_pairs += s.n_pairs;
    if (!has_found)
        return -1;
    int32_t before[KM_BLOCK];
    memcpy(before, k->labels, sizeof before);
    OURS(decide_pairs)(&s, k, screen);
    if (gaps != NULL) {
        forget_leads(&s, chosen, n, before, k->labels);
        finish_gaps(&s, screen, chosen, n, KM_SCREEN_SLACK(k->d) + KM_GAP_SLACK(k->d) * EPSILON,
                    gaps);
    }
    VECTOR farthest = {0};
    for (int l = 0; l < KM_BLOCK; l += WIDTH)
        farthest = OURS(maximum)(OURS(load)(k->best2 + l), farthest);
    return OURS(maximum_distance)(farthest, k->d);
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
#undef ROUNDING_BITS
