/* Template: whole numbers that stand for samples and centers, so that most centers are ruled out at
 * two or four times the speed of floating point; see template.h and km_screen.
 *
 * A sample of a block is x = o + s (q + e) and a center c = o + t (p + f), with the origin o, the
 * scale s of the block and t of the centers, whole numbers q and p, and what these leave, e and f.
 * By the triangle inequality
 *     | |x - c| - |s q - t p| |  <=  s |e| + t |f|,
 * and |s q - t p|^2 = A = s^2 |q|^2 + t^2 |p|^2 - 2 s t q.p, where q.p is a sum of whole numbers
 * and therefore exact. With reach = |x - own center| + s |e| and r = t |f|, center c can't be
 * nearer than the own one where A > (reach + r)^2, that is, where the lead = (A - reach^2) / (2
 * reach) > r + r^2 / (2 reach). Then |x - c| - |x - own| >= sqrt(reach^2 + 2 reach lead) - reach -
 * r, which grows with lead and reach. So the least lead and the least reach of a block give a lower
 * bound of a center's gap.
 *
 * Bytes are coarse, so each sample and each center has a scale of its own. Pairs have one scale for
 * all centers and one for each block, so that t^2 |p|^2 becomes a whole number, t |p|^2 / (2 s) -
 * q.p in units of 2 s t, which saves operations.
 *
 * Where samples lie near a space of few dimensions, coordinates y = P (x - o) on its axes stand for
 * all features: with |P| <= 1 they are no farther apart than the samples are, |P x - P c| <= |x -
 * c|, and what was said of whole numbers above holds for those of y where distances are too large:
 * that is, for all that rules out a center.
 *
 * Rounding: in single precision s^2 |q|^2 has d + 4 relative errors; sums have one when they become
 * floats and three with their slope; the lead, and what is subtracted from it, have a few more. A
 * and, where it decides, reach^2 are at most twice the sum of s^2 |q|^2 and t^2 |p|^2, so
 * KM_SCREEN_SLACK times that sum covers them all. */

/* A block whose samples are whole numbers, and what was found of its distances. */
typedef struct screened {
    int32_t *words;        /* [n_words][KM_BLOCK] */
    float *coordinates;    /* [n_axes][KM_BLOCK] */
    float *square;         /* [KM_BLOCK], s^2 |q|^2 */
    float *scale;          /* [KM_BLOCK], s */
    float *residual;       /* [KM_BLOCK], s |e|, rounded up */
    float *reach;          /* [KM_BLOCK] */
    float *slope, *offset; /* [KM_BLOCK], of leads, see lead_of */
    float *half;           /* [KM_BLOCK], 1 / (2 reach) */
    int32_t *sums;         /* [n][KM_BLOCK], where labels are not known */
    float *needed;         /* [n], and a vector more: what leads must exceed */
    uint64_t *decided;     /* [n]: samples whose leads do, a bit each */
    float *least;          /* [n + LANES - 1][LANES], minimum of these leads, over the groups;
                              the last are read for nothing */
    float *leads;          /* [n], and a vector more: minimum of these lanes */
    km_screen_pair *pairs; /* [n_pairs], whose canonical distances are wanted */
    int64_t n_pairs, max_pairs;
    float least_reach, most_reach;
    float per_square; /* of pairs: 1 / (2 s t) */
    float most_half;  /* 1 / (2 least_reach) */
} screened;

enum {
    N_GROUPS = KM_BLOCK / LANES,
    GROUPS_OF_AXES = N_GROUPS < 2 ? N_GROUPS : 2, /* in a tile of coordinates */
    MAX_PACKED = 1 << 12,                         /* centers, see packed.h */
};

/* Compilers keep arrays of vectors in registers only where all their indices are constants. */
#define UNROLLED _Pragma("GCC unroll 8")

INLINE numbers_float32 spread_number(int32_t number)
{
    return (numbers_float32){0} + number;
}

INLINE vector_float32 *lanes_of(float *values, int64_t group)
{
    return (vector_float32 *)(values + group * LANES);
}

INLINE numbers_float32 numbers_of(const int32_t *values, int64_t group)
{
    return *(const lane_labels *)(values + group * LANES);
}

/* The next array of a workspace, which goes on behind it. */
static void *take(char **next, int64_t n_bytes)
{
    char *taken = *next;
    *next += n_bytes;
    return taken;
}

INLINE screened lay_out(void *work, const km_screen *screen, int64_t n)
{
    enum { OF_SAMPLES = KM_BLOCK * (int)sizeof(float) };
    char *next = work;
    screened s = {.words = take(&next, screen->n_words * OF_SAMPLES),
                  .max_pairs = km_screen_max_pairs(n)};
    s.coordinates = take(&next, screen->n_axes * OF_SAMPLES);
    float **arrays[] = {&s.square, &s.scale, &s.residual, &s.reach, &s.slope, &s.offset, &s.half};
    for (int i = 0; i < KM_SCREEN_ARRAYS; i++)
        *arrays[i] = take(&next, OF_SAMPLES);
    s.sums = take(&next, n * OF_SAMPLES);
    s.least = take(&next, (n + LANES - 1) * BYTES);
    s.leads = take(&next, (n + LANES) / LANES * BYTES);
    s.needed = take(&next, (n + LANES) / LANES * BYTES);
    s.decided = take(&next, n * (int64_t)sizeof *s.decided);
    s.pairs = take(&next, s.max_pairs * (int64_t)sizeof *s.pairs);
    return s;
}

/* ---- leads ---------------------------------------------------------------------------------- */

/* What makes leads of sums, once the reach of each sample is known. */
static void prepare_leads(screened *s, const km_screen *screen, double slack)
{
    const float kept = (float)(1 - slack);
    const float square_lost = (float)(slack * (double)screen->largest_square);
    s->least_reach = s->most_reach = s->reach[0];
    for (int g = 0; g < N_GROUPS; g++) {
        const vector_float32 reach = *lanes_of(s->reach, g), half = 0.5f / reach;
        const vector_float32 scale = *lanes_of(s->scale, g), unit = scale * screen->scale;
        const vector_float32 square = multiply_add_float32(
            *lanes_of(s->square, g), (vector_float32){0} + kept, -unit - square_lost);
        *lanes_of(s->half, g) = half;
        *lanes_of(s->slope, g) = 2 * half * scale * (screen->are_bytes ? 1 : screen->scale);
        *lanes_of(s->offset, g) = multiply_add_float32(-reach, reach, square) * half;
        s->least_reach = fminf(s->least_reach, minimum_lane_float32(reach));
        s->most_reach = fmaxf(s->most_reach, -minimum_lane_float32(-reach));
    }
    s->most_half = 0.5f / s->least_reach;
}

/* The leads over center c of a group of samples. */
INLINE vector_float32 lead_of(const screened *s, const km_screen *screen, int32_t c, int group,
                              numbers_float32 sum, const bool are_bytes)
{
    const vector_float32 value = __builtin_convertvector(sum, vector_float32);
    const vector_float32 slope = *lanes_of(s->slope, group), offset = *lanes_of(s->offset, group);
    if (!are_bytes)
        return multiply_add_float32(value, slope, offset);
    const vector_float32 square = screen->squares[c] - (vector_float32){0};
    return multiply_add_float32(value, slope * screen->scales[c],
                                multiply_add_float32(square, *lanes_of(s->half, group), offset));
}

/* The LANES centers from `first` on; behind the last one, 0. */
INLINE numbers_float32 centers_from(const int32_t *chosen, int64_t n, int64_t first)
{
    numbers_float32 centers = {0};
    if (n - first >= LANES)
        return *(const lane_labels *)(chosen + first);
    memcpy(&centers, chosen + first, (size_t)(n - first) * sizeof *chosen);
    return centers;
}

/* What leads over each of the chosen centers must exceed. */
static void find_needed(screened *s, const km_screen *screen, const int32_t *chosen, int64_t n)
{
    for (int64_t i = 0; i < n; i += LANES) {
        const vector_float32 r = gather_float32(screen->residuals, centers_from(chosen, n, i));
        *lanes_of(s->needed + i, 0) = (r + r * r * s->most_half) * (1 + 0x1p-20f);
    }
}

/* The leads over the center of index i, which is c, of some groups of samples: which are as large
 * as they must be, and the least of these. */
INLINE void judge_leads(const screened *s, const km_screen *screen, int64_t i, int32_t c, int group,
                        const numbers_float32 *sums, const bool are_bytes, const int n_groups)
{
    const vector_float32 needed = s->needed[i] - (vector_float32){0};
    vector_float32 *of_center = lanes_of(s->least, i), least = (vector_float32){0} + INFINITY;
    uint64_t decided = 0;
    if (group > 0) {
        least = *of_center;
        decided = s->decided[i];
    }
    UNROLLED
    for (int g = 0; g < n_groups; g++) {
        const vector_float32 lead = lead_of(s, screen, c, group + g, sums[g], are_bytes);
        decided |= (uint64_t)lower_by_exceeding(&least, lead, needed) << ((group + g) * LANES);
    }
    *of_center = least;
    s->decided[i] = decided;
}

/* ---- sums of products ----------------------------------------------------------------------- */

/* What is added to the sum of products with center c. */
INLINE int32_t start_of_sum(const screened *s, const km_screen *screen, int32_t c,
                            const bool are_bytes)
{
    return are_bytes ? BYTE_BIAS * screen->sums[c]
                     : (int32_t)lrintf(screen->squares[c] * s->per_square);
}

/* Sums of products of a tile of samples and some centers. */
INLINE void multiply_tile(const screened *s, const km_screen *screen, const int32_t *chosen,
                          int group, const bool are_bytes, const int n_centers,
                          numbers_float32 sum[][TILE_VECTORS])
{
    const int32_t *center[TILE_CENTERS];
    UNROLLED
    for (int c = 0; c < n_centers; c++) {
        center[c] = screen->words + chosen[c] * screen->n_words;
        for (int v = 0; v < TILE_VECTORS; v++)
            sum[c][v] = spread_number(start_of_sum(s, screen, chosen[c], are_bytes));
    }
    for (int64_t w = 0; w < screen->n_words; w++) {
        numbers_float32 x[TILE_VECTORS];
        for (int v = 0; v < TILE_VECTORS; v++)
            x[v] = numbers_of(s->words + w * KM_BLOCK, group + v);
        for (int c = 0; c < n_centers; c++) {
            const numbers_float32 p = spread_number(center[c][w]);
            for (int v = 0; v < TILE_VECTORS; v++)
                if (are_bytes)
                    sum[c][v] = add_products_of_bytes(sum[c][v], x[v], p);
                else
                    sum[c][v] = add_products_of_pairs(sum[c][v], x[v], p);
        }
    }
}

/* Stores these sums, or what follows from their leads. */
INLINE void sum_products(const screened *s, const km_screen *screen, const int32_t *chosen,
                         int64_t first, int group, const bool are_bytes, const bool has_leads,
                         const int n_centers)
{
    numbers_float32 sum[TILE_CENTERS][TILE_VECTORS];
    multiply_tile(s, screen, chosen + first, group, are_bytes, n_centers, sum);
    UNROLLED
    for (int c = 0; c < n_centers; c++)
        if (has_leads)
            judge_leads(s, screen, first + c, chosen[first + c], group, sum[c], are_bytes,
                        TILE_VECTORS);
        else
            for (int v = 0; v < TILE_VECTORS; v++)
                *(lane_labels *)(s->sums + (first + c) * KM_BLOCK + (group + v) * LANES) =
                    sum[c][v];
}

INLINE void sum_all_products(const screened *s, const km_screen *screen, const int32_t *chosen,
                             int64_t n, const bool are_bytes, const bool has_leads)
{
    for (int g = 0; g < N_GROUPS; g += TILE_VECTORS) {
        int64_t i = 0;
        for (; i + TILE_CENTERS <= n; i += TILE_CENTERS)
            sum_products(s, screen, chosen, i, g, are_bytes, has_leads, TILE_CENTERS);
        for (; i < n; i++)
            sum_products(s, screen, chosen, i, g, are_bytes, has_leads, 1);
    }
}

/* The least and the second sum over all centers of each sample, with the index of the center in
 * their lowest bits. */
typedef struct packed {
    int n_bits;
    numbers_float32 best[N_GROUPS], second[N_GROUPS];
} packed;

INLINE void pack_tile(const screened *s, const km_screen *screen, const int32_t *chosen,
                      int64_t first, int group, const int n_centers, packed *p)
{
    const numbers_float32 mask = spread_number((int32_t)(UINT32_MAX << p->n_bits));
    numbers_float32 sum[TILE_CENTERS][TILE_VECTORS];
    multiply_tile(s, screen, chosen + first, group, false, n_centers, sum);
    UNROLLED
    for (int v = 0; v < TILE_VECTORS; v++) {
        numbers_float32 best = p->best[group + v], second = p->second[group + v];
        UNROLLED
        for (int c = 0; c < n_centers; c++) {
            const numbers_float32 one = (sum[c][v] & mask) | spread_number((int32_t)(first + c));
            second = lesser_number(second, greater_number(one, best));
            best = lesser_number(one, best);
        }
        p->best[group + v] = best;
        p->second[group + v] = second;
    }
}

INLINE void pack_all(const screened *s, const km_screen *screen, const int32_t *chosen, int64_t n,
                     packed *p)
{
    p->n_bits = 0;
    while ((int64_t)1 << p->n_bits < n)
        p->n_bits++;
    for (int g = 0; g < N_GROUPS; g++)
        p->best[g] = p->second[g] = spread_number(INT32_MAX);
    for (int g = 0; g < N_GROUPS; g += TILE_VECTORS) {
        int64_t i = 0;
        for (; i + TILE_CENTERS <= n; i += TILE_CENTERS)
            pack_tile(s, screen, chosen, i, g, TILE_CENTERS, p);
        for (; i < n; i++)
            pack_tile(s, screen, chosen, i, g, 1, p);
    }
}

/* The samples of a group, a bit each, whose second center is certainly not as near as the best one:
 * sqrt(A) of the second exceeds that of the best one by all that whole numbers leave of the sample,
 * twice, and of both centers. What the index takes of sums, and roundings, count against it. */
INLINE uint32_t find_certain(const screened *s, const km_screen *screen, const packed *p, int group,
                             double slack, double gap_slack)
{
    const vector_float32 square = *lanes_of(s->square, group), zero = {0};
    const vector_float32 unit = 2 * screen->scale * *lanes_of(s->scale, group);
    const vector_float32 lost = (square + screen->largest_square) * (float)(2 * slack) +
                                unit * (float)(((int64_t)1 << p->n_bits) + 2);
    const vector_float32 best = __builtin_convertvector(p->best[group], vector_float32);
    const vector_float32 second = __builtin_convertvector(p->second[group], vector_float32);
    const vector_float32 left = *lanes_of(s->residual, group) + screen->largest_residual;
    const vector_float32 nearest =
        square_root_float32(maximum_float32(square + unit * best + lost, zero)) + left;
    const vector_float32 limit = nearest * (float)(1 + gap_slack + 0x1p-20) + left;
    return exceeds_float32(square + unit * second - lost, limit * limit * (1 + 0x1p-20f));
}

/* The center with the least lead for each sample: a good guess of the nearest, whatever reach. */
static void guess_labels(screened *s, const km_screen *screen, const int32_t *chosen, int64_t n,
                         int32_t *labels)
{
    for (int l = 0; l < KM_BLOCK; l++)
        s->reach[l] = 1;
    prepare_leads(s, screen, 0);
    for (int g = 0; g < N_GROUPS; g++) {
        vector_float32 best = (vector_float32){0} + INFINITY;
        numbers_float32 label = spread_number(chosen[0]);
        for (int64_t i = 0; i < n; i++) {
            const numbers_float32 sum = numbers_of(s->sums + i * KM_BLOCK, g);
            const vector_float32 lead = lead_of(s, screen, chosen[i], g, sum, screen->are_bytes);
            const numbers_float32 is_less = lead < best;
            label = (is_less & spread_number(chosen[i])) | (~is_less & label);
            best = minimum_float32(lead, best);
        }
        *(lane_labels *)(labels + g * LANES) = label;
    }
}

/* ---- what is left open ---------------------------------------------------------------------- */

/* Judges all leads, from the sums. */
INLINE void judge_sums(const screened *s, const km_screen *screen, const int32_t *chosen, int64_t n,
                       const bool are_bytes)
{
    for (int64_t i = 0; i < n; i++) {
        numbers_float32 sums[N_GROUPS];
        for (int g = 0; g < N_GROUPS; g++)
            sums[g] = numbers_of(s->sums + i * KM_BLOCK, g);
        judge_leads(s, screen, i, chosen[i], 0, sums, are_bytes, N_GROUPS);
    }
}

/* The samples of a block that have this label, a bit each. */
INLINE uint64_t samples_with(const int32_t *labels, int32_t label)
{
    uint64_t others = 0;
    for (int g = 0; g < N_GROUPS; g++)
        others |= (uint64_t)differs_float32(numbers_of(labels, g), spread_number(label))
                  << (g * LANES);
    return ~others;
}

/* Notes the groups of samples that are open. False if there is no place for so many. */
static bool note_pairs(screened *s, int64_t i, int32_t c, uint64_t open)
{
    const uint64_t all = ((uint64_t)1 << LANES) - 1;
    while (open != 0) {
        const int group = __builtin_ctzll(open) / LANES;
        const uint64_t bits = open >> (group * LANES) & all;
        if (s->n_pairs == s->max_pairs)
            return false;
        s->pairs[s->n_pairs++] = (km_screen_pair){(int32_t)i, c, (uint16_t)group, (uint16_t)bits};
        open &= ~(bits << (group * LANES));
    }
    return true;
}

/* Notes all pairs of samples and chosen centers that only canonical distances can decide; leads[i]
 * gets the least lead over center chosen[i] of the others. A center's own samples are neither. */
INLINE bool find_pairs(screened *s, const int32_t *chosen, int64_t n, const int32_t *labels)
{
    for (int64_t i = 0; i < n; i += LANES)
        *lanes_of(s->leads + i, 0) = minimum_lanes_float32(lanes_of(s->least, i));
    for (int64_t i = 0; i < n; i++)
        if (s->decided[i] != UINT64_MAX &&
            !note_pairs(s, i, chosen[i], ~(s->decided[i] | samples_with(labels, chosen[i]))))
            return false;
    return true;
}

/* The centers of labels that samples had before have lost their lead over these. */
static void forget_leads(const screened *s, const int32_t *chosen, int64_t n, const int32_t *before,
                         const int32_t *labels)
{
    uint64_t changed = 0;
    for (int g = 0; g < N_GROUPS; g++)
        changed |= (uint64_t)differs_float32(numbers_of(before, g), numbers_of(labels, g))
                   << (g * LANES);
    for (; changed != 0; changed &= changed - 1) {
        const numbers_float32 lost = spread_number(before[__builtin_ctzll(changed)]);
        for (int64_t i = 0; i < n; i += LANES) {
            vector_float32 *leads = lanes_of(s->leads + i, 0);
            const numbers_float32 kept = centers_from(chosen, n, i) != lost;
            *leads = (vector_float32)((numbers_float32)*leads & kept); /* or 0 */
        }
    }
}

/* Leads become lower bounds of gaps. */
static void finish_gaps(const screened *s, const km_screen *screen, const int32_t *chosen,
                        int64_t n, double slack, double *gaps)
{
    const vector_float32 reach = (vector_float32){0} + s->least_reach;
    const vector_float32 worst = (vector_float32){0} - s->most_reach, zero = {0};
    const float kept = (float)(1 - slack - 0x1p-20);
    for (int64_t i = 0; i < n; i += LANES) {
        const vector_float32 lead = *lanes_of(s->leads + i, 0);
        const vector_float32 far = square_root_float32(
            maximum_float32(reach * (reach + 2 * maximum_float32(lead, zero)), zero));
        const numbers_float32 is_ahead = lead > zero, ahead = (numbers_float32)(far * kept - reach);
        *lanes_of(s->leads + i, 0) =
            (vector_float32)((is_ahead & ahead) | (~is_ahead & (numbers_float32)worst));
    }
    for (int64_t i = 0; i < n; i++)
        gaps[i] = (double)s->leads[i] - (double)screen->residuals[chosen[i]];
}
