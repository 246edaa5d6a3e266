/* Template: integers that stand for samples and centers, so that most centers can be ruled out at
 * two or four times the speed of floating point; see template.h and km_screen.
 *
 * A sample is x = o + s (q + e) and a center c = o + t (p + f), with the origin o, scales s and t,
 * whole numbers q and p, and what these leave, e and f. By the triangle inequality
 *     | |x - c| - |s q - t p| |  <=  s |e| + t |f|,
 * and |s q - t p|^2 = s^2 |q|^2 + t^2 |p|^2 - 2 s t q.p, where q.p is a sum of whole numbers and
 * therefore exact. In single precision the right side has at most d + 16 relative errors of its
 * first two terms (KM_SCREEN_SLACK); they are taken from these terms, so that what is computed is a
 * lower bound. */

/* A block whose samples are whole numbers, and what was found of its distances. */
typedef struct screened {
    int32_t *words;  /* [n_words][KM_BLOCK] */
    float *scale;    /* [KM_BLOCK], -2 s */
    float *square;   /* [KM_BLOCK], s^2 |q|^2, less its slack */
    float *residual; /* [KM_BLOCK], s |e|, rounded up, plus what squares may lose absolutely */
    float *reach;    /* [KM_BLOCK], distance to the own center plus the residual */
    float *lower;    /* [n][KM_BLOCK], lower bounds of |s q - t p|^2 */
    km_screen_pair *pairs; /* [n_pairs], whose canonical distances are wanted */
    int64_t n_pairs, max_pairs;
} screened;

enum {
    LANES = BYTES / (int)sizeof(float), /* of a group of samples */
    N_GROUPS = KM_BLOCK / LANES,
};

INLINE numbers_float32 spread_number(int32_t number)
{
    return (numbers_float32){0} + number;
}

INLINE vector_float32 *lanes_of(float *values, int group)
{
    return (vector_float32 *)(values + group * LANES);
}

INLINE screened lay_out(void *work, const km_screen *screen, int64_t n)
{
    screened s = {.words = work, .max_pairs = km_screen_max_pairs(n)};
    s.scale = (float *)(s.words + screen->n_words * KM_BLOCK);
    s.square = s.scale + KM_BLOCK;
    s.residual = s.square + KM_BLOCK;
    s.reach = s.residual + KM_BLOCK;
    s.lower = s.reach + KM_BLOCK;
    s.pairs = (km_screen_pair *)(s.lower + n * KM_BLOCK);
    return s;
}

/* Products of whole numbers of a tile of samples with those of some centers, summed up. */
INLINE void sum_products(const int32_t *words, const km_screen *screen, const int32_t *chosen,
                         const bool are_bytes, const int n_centers,
                         numbers_float32 (*sum)[TILE_VECTORS])
{
    const int32_t *center[TILE_CENTERS];
    for (int c = 0; c < n_centers; c++) {
        center[c] = screen->words + chosen[c] * screen->n_words;
        for (int v = 0; v < TILE_VECTORS; v++)
            sum[c][v] = spread_number(are_bytes ? -BYTE_BIAS * screen->sums[chosen[c]] : 0);
    }
    for (int64_t w = 0; w < screen->n_words; w++) {
        numbers_float32 x[TILE_VECTORS];
        for (int v = 0; v < TILE_VECTORS; v++)
            x[v] = *(const numbers_float32 *)(words + w * KM_BLOCK + v * LANES);
        for (int c = 0; c < n_centers; c++) {
            const numbers_float32 p = spread_number(center[c][w]);
            for (int v = 0; v < TILE_VECTORS; v++)
                sum[c][v] = are_bytes ? add_products_of_bytes(sum[c][v], x[v], p)
                                      : add_products_of_pairs(sum[c][v], x[v], p);
        }
    }
}

/* Lower bounds for a tile of samples and some centers. */
INLINE void bound_tile(const screened *s, const km_screen *screen, const int32_t *chosen,
                       int64_t first, int lane, const bool are_bytes, const int n_centers)
{
    numbers_float32 sum[TILE_CENTERS][TILE_VECTORS];
    sum_products(s->words + lane, screen, chosen + first, are_bytes, n_centers, sum);
    for (int c = 0; c < n_centers; c++) {
        const float scale = screen->scale[chosen[first + c]];
        const float square = screen->square[chosen[first + c]];
        float *lower = s->lower + (first + c) * KM_BLOCK + lane;
        for (int v = 0; v < TILE_VECTORS; v++)
            *lanes_of(lower, v) = multiply_add_float32(
                __builtin_convertvector(sum[c][v], vector_float32),
                *lanes_of(s->scale + lane, v) * scale, *lanes_of(s->square + lane, v) + square);
    }
}

INLINE void bound_all(const screened *s, const km_screen *screen, const int32_t *chosen, int64_t n,
                      const bool are_bytes)
{
    for (int l = 0; l < KM_BLOCK; l += TILE_VECTORS * LANES) {
        int64_t i = 0;
        for (; i + TILE_CENTERS <= n; i += TILE_CENTERS)
            bound_tile(s, screen, chosen, i, l, are_bytes, TILE_CENTERS);
        for (; i < n; i++)
            bound_tile(s, screen, chosen, i, l, are_bytes, 1);
    }
}

/* The index of the lowest bound of each sample: a guess of the nearest center. */
static void guess_labels(const screened *s, const int32_t *chosen, int64_t n, int32_t *labels)
{
    for (int g = 0; g < N_GROUPS; g++) {
        vector_float32 best = *lanes_of(s->lower, g);
        numbers_float32 label = spread_number(chosen[0]);
        for (int64_t i = 1; i < n; i++) {
            const vector_float32 lower = *lanes_of(s->lower + i * KM_BLOCK, g);
            const numbers_float32 is_less = lower < best;
            label = (is_less & spread_number(chosen[i])) | (~is_less & label);
            best = minimum_float32(lower, best);
        }
        *(lane_labels *)(labels + g * LANES) = label;
    }
}

/* A lower bound of the distance to a center minus the reach of each sample, but for the center's
 * residual. */
INLINE vector_float32 gap_to(const screened *s, int64_t i, int group, vector_float32 certain)
{
    const vector_float32 root = rough_root_float32(*lanes_of(s->lower + i * KM_BLOCK, group));
    return multiply_add_float32(root, certain, -*lanes_of(s->reach, group));
}

/* Not above 0 where a center may be nearer than what is reached; see there. Without a root. */
INLINE vector_float32 excess_over(const screened *s, int64_t i, int group, float residual)
{
    const vector_float32 far = *lanes_of(s->reach, group) + residual;
    return multiply_add_float32(-far, far, *lanes_of(s->lower + i * KM_BLOCK, group));
}

/* Notes the groups of samples, of other labels, for which chosen center i may be nearer. False if
 * there is no place for so many. */
static bool note_pairs(screened *s, const int32_t *labels, int32_t c, int64_t i, float residual)
{
    const uint32_t all = (uint32_t)(((uint64_t)1 << LANES) - 1);
    for (int g = 0; g < N_GROUPS; g++) {
        const uint32_t far = exceeds_float32(excess_over(s, i, g, residual), (vector_float32){0});
        const numbers_float32 own = *(const lane_labels *)(labels + g * LANES);
        const uint32_t open = (far ^ all) & differs_float32(own, spread_number(c));
        if (open == 0)
            continue;
        if (s->n_pairs == s->max_pairs)
            return false;
        s->pairs[s->n_pairs++] = (km_screen_pair){(int32_t)i, c, (uint16_t)g, (uint16_t)open};
    }
    return true;
}

/* Notes all pairs of samples and chosen centers that only canonical distances can decide. */
static bool find_pairs(screened *s, const km_screen *screen, const int32_t *chosen, int64_t n,
                       const int32_t *labels)
{
    for (int64_t i = 0; i < n; i++) {
        const float residual = screen->residual[chosen[i]];
        vector_float32 least = excess_over(s, i, 0, residual);
        for (int g = 1; g < N_GROUPS; g++)
            least = minimum_float32(excess_over(s, i, g, residual), least);
        if (!(minimum_lane_float32(least) > 0) && !note_pairs(s, labels, chosen[i], i, residual))
            return false;
    }
    return true;
}

/* Lower bounds of the gaps of all chosen centers over the samples of other labels. */
static void find_screened_gaps(const screened *s, const km_screen *screen, const int32_t *chosen,
                               int64_t n, float certain, const int32_t *labels, double *gaps)
{
    const vector_float32 certain_part = (vector_float32){0} + certain;
    for (int64_t i = 0; i < n; i++) {
        vector_float32 least = (vector_float32){0} + INFINITY;
        for (int g = 0; g < N_GROUPS; g++) {
            const numbers_float32 own = *(const lane_labels *)(labels + g * LANES);
            const numbers_float32 is_own = own == spread_number(chosen[i]);
            const vector_float32 gap = gap_to(s, i, g, certain_part);
            least = minimum_float32((vector_float32)((numbers_float32)gap | is_own), least);
        }
        const float least_gap = minimum_lane_float32(least);
        gaps[i] = (double)least_gap - (double)screen->residual[chosen[i]];
    }
}
