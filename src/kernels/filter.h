/* Template: which centers can be nearest in a box, for one precision; see template.h.
 *
 * The test is that of Kanungo et al. 2002 (doi:10.1109/TPAMI.2002.1017616), which looks at the
 * corner of the box that favours the center most: boxes in lanes, one center after the other. */

enum { OURS(PARTS) = KM_SIBLINGS / WIDTH };
#define PARTS OURS(PARTS)

INLINE VECTOR OURS(positive)(VECTOR v)
{
    const INTEGER all_but_sign = (INTEGER)((UINT64_C(1) << (8 * sizeof(REAL) - 1)) - 1);
    return (VECTOR)((NUMBERS)v & all_but_sign);
}

/* A set of boxes: middles, twice the half widths, squared half diagonals; and rivals, the centers
 * nearest to the middles: one of each box, or two. */
enum { OURS(MOST_RIVALS) = 2 };
typedef struct OURS(boxes) {
    VECTOR *middle, *width;                  /* [d][PARTS] */
    VECTOR *rival[OURS(MOST_RIVALS)];        /* [d][PARTS], positions */
    VECTOR rival2[OURS(MOST_RIVALS)][PARTS]; /* squared distances from the middles */
    NUMBERS rival_number[OURS(MOST_RIVALS)][PARTS];
    VECTOR diagonal2[PARTS];
} OURS(boxes);

INLINE void OURS(measure_boxes)(OURS(boxes) * b, const VECTOR *lowest, const int64_t d)
{
    const VECTOR *highest = lowest + d * PARTS;
    for (int p = 0; p < PARTS; p++)
        b->diagonal2[p] = (VECTOR){0};
    for (int64_t i = 0; i < d * PARTS; i++) {
        const VECTOR middle = (lowest[i] + highest[i]) * (REAL)0.5;
        const VECTOR half = OURS(maximum)(highest[i] - middle, middle - lowest[i]);
        b->middle[i] = middle;
        b->width[i] = half + half;
        b->diagonal2[i % PARTS] = OURS(multiply_add)(half, half, b->diagonal2[i % PARTS]);
    }
}

/* Keeps the nearest centers so far. */
INLINE void OURS(add_rival)(OURS(boxes) * b, int p, VECTOR d2, NUMBERS number, const int n_rivals)
{
    if (n_rivals == 2) {
        const NUMBERS second = OURS(renumber)(d2, b->rival2[1][p], number, b->rival_number[1][p]);
        b->rival_number[1][p] = OURS(renumber)(d2, b->rival2[0][p], b->rival_number[0][p], second);
        b->rival2[1][p] = OURS(minimum)(OURS(maximum)(d2, b->rival2[0][p]), b->rival2[1][p]);
    }
    b->rival_number[0][p] = OURS(renumber)(d2, b->rival2[0][p], number, b->rival_number[0][p]);
    b->rival2[0][p] = OURS(minimum)(d2, b->rival2[0][p]);
}

/* Squared distances of the middles to all centers, and the nearest of these. */
INLINE void OURS(find_rivals)(OURS(boxes) * b, const REAL *centers, const int64_t d, int64_t k,
                              VECTOR *distances2, const int n_rivals)
{
    for (int i = 0; i < n_rivals * PARTS; i++) {
        b->rival2[i / PARTS][i % PARTS] = (VECTOR){0} + (REAL)INFINITY;
        b->rival_number[i / PARTS][i % PARTS] = (NUMBERS){0};
    }
    NUMBERS number = {0};
    for (int64_t c = 0; c < k; c++) {
        for (int p = 0; p < PARTS; p++) {
            VECTOR d2 = {0};
            for (int64_t j = 0; j < d; j++)
                d2 = OURS(extend)(d2, b->middle[j * PARTS + p], centers[c * d + j]);
            distances2[c * PARTS + p] = d2;
            OURS(add_rival)(b, p, d2, number, n_rivals);
        }
        number += 1;
    }
}

/* The positions of the rivals. */
INLINE void OURS(gather_rivals)(OURS(boxes) * b, const REAL *centers, const int64_t d, int64_t k,
                                const int r)
{
    const NUMBERS *numbers = b->rival_number[r];
    if (k * d <= INT32_MAX) {
        for (int64_t i = 0; i < d * PARTS; i++)
            b->rival[r][i] = OURS(gather)(centers + i / PARTS, numbers[i % PARTS] * (INTEGER)d);
        return;
    }
    for (int64_t j = 0; j < d; j++)
        for (int l = 0; l < KM_SIBLINGS; l++)
            b->rival[r][j * PARTS + l / WIDTH][l % WIDTH] =
                centers[numbers[l / WIDTH][l % WIDTH] * d + j];
}

/* With margins, |x-c|^2 - |x-z|^2 must exceed margin (|x-c| + |x-z|), for which q = |m-c|^2 stands
 * in: |x-c| + |x-z| <= sqrt(q) + s, s = |m-z| + 2 h, and sqrt(q) <= (q/s + s) / 2 without a root
 * for each center; near s, where it matters, that is close. What is left is margin + square_margin
 * q. */
INLINE void OURS(spread_margin)(const OURS(boxes) * b, int p, VECTOR *margin, VECTOR *square_margin)
{
    const VECTOR s = OURS(square_root)(b->rival2[0][p]) + 2 * OURS(square_root)(b->diagonal2[p]);
    const VECTOR minimum = (VECTOR){0} + (REAL)MIN_RADIUS;
    *square_margin = *margin * (REAL)0.5 / OURS(maximum)(s, minimum);
    *margin = *margin * (REAL)1.5 * OURS(maximum)(s, minimum);
}

/* A bit for each box of part p in which a center loses to all rivals, even in the corners that
 * favour it most. */
INLINE uint32_t OURS(loses)(const OURS(boxes) * b, const REAL *center, const int64_t d, int p,
                            VECTOR d2, VECTOR allowed, const int n_rivals)
{
    uint32_t lost = UINT32_MAX;
    for (int r = 0; r < n_rivals; r++) {
        VECTOR lead = d2 - b->rival2[r][p];
        for (int64_t j = 0; j < d; j++) {
            const VECTOR apart = OURS(positive)(b->rival[r][j * PARTS + p] - center[j]);
            lead = OURS(multiply_add)(-b->width[j * PARTS + p], apart, lead);
        }
        lost &= OURS(exceeds)(lead, allowed);
    }
    return lost;
}

/* Drops each center that loses to the rivals. */
INLINE void OURS(compare_with_rivals)(const OURS(boxes) * b, const REAL *centers, const int64_t d,
                                      int64_t k, const VECTOR *distances2, const double *margins,
                                      const int n_rivals, uint16_t *kept)
{
    const REAL slack = (REAL)(KM_FILTER_SLACK(d) * EPSILON);
    const REAL minimum = (REAL)KM_FILTER_SLACK(d) * SMALLEST;
    VECTOR margin[PARTS], square_margin[PARTS];
    for (int p = 0; p < PARTS && margins != NULL; p++) {
        for (int l = 0; l < WIDTH; l++)
            margin[p][l] = (REAL)(margins[p * WIDTH + l] * (1 + 0x1p-12)); /* for its rounding */
        OURS(spread_margin)(b, p, &margin[p], &square_margin[p]);
    }
    for (int64_t c = 0; c < k; c++) {
        uint32_t lost = 0;
        for (int p = 0; p < PARTS; p++) {
            const VECTOR d2 = distances2[c * PARTS + p];
            VECTOR allowed = OURS(multiply_add)(d2 + b->diagonal2[p], (VECTOR){0} + slack,
                                                (VECTOR){0} + minimum);
            if (margins != NULL)
                allowed += OURS(multiply_add)(square_margin[p], d2, margin[p]);
            lost |= OURS(loses)(b, centers + c * d, d, p, d2, allowed, n_rivals) << p * WIDTH;
        }
        kept[c] = (uint16_t)~lost;
    }
}

INLINE void OURS(filter)(const void *boxes, const REAL *centers, const int64_t d, int64_t k,
                         const double *margins, const int n_rivals, VECTOR *work, uint16_t *kept)
{
    OURS(boxes) b = {.middle = work, .width = work + d * PARTS};
    VECTOR *distances2 = work + (2 + OURS(MOST_RIVALS)) * d * PARTS;
    for (int r = 0; r < n_rivals; r++)
        b.rival[r] = work + (2 + r) * d * PARTS;
    OURS(measure_boxes)(&b, boxes, d);
    OURS(find_rivals)(&b, centers, d, k, distances2, n_rivals);
    for (int r = 0; r < n_rivals; r++)
        OURS(gather_rivals)(&b, centers, d, k, r);
    if (margins == NULL)
        OURS(compare_with_rivals)(&b, centers, d, k, distances2, NULL, n_rivals, kept);
    else
        OURS(compare_with_rivals)(&b, centers, d, k, distances2, margins, n_rivals, kept);
}

static void KERNEL(filter, PRECISION)(const void *boxes, const void *centers, int64_t n_features,
                                      int64_t n_centers, const double *margins, void *work,
                                      uint16_t *kept)
{
    switch (n_features) {
#define CASE(d)                                                             \
    case d:                                                                 \
        OURS(filter)(boxes, centers, d, n_centers, margins, 1, work, kept); \
        break
        CASE(1);
        CASE(2);
        CASE(3);
        CASE(4);
        CASE(5);
        CASE(6);
        CASE(7);
        CASE(8);
    default:
        OURS(filter)(boxes, centers, n_features, n_centers, margins, 1, work, kept);
    }
#undef CASE
}

static void KERNEL(filter_pair, PRECISION)(const void *boxes, const void *centers,
                                           int64_t n_features, int64_t n_centers, void *work,
                                           uint16_t *kept)
{
    switch (n_features) {
#define CASE(d)                                                          \
    case d:                                                              \
        OURS(filter)(boxes, centers, d, n_centers, NULL, 2, work, kept); \
        break
        CASE(1);
        CASE(2);
        CASE(3);
        CASE(4);
        CASE(5);
    default:
        OURS(filter)(boxes, centers, n_features, n_centers, NULL, 2, work, kept);
    }
#undef CASE
}
#undef PARTS
