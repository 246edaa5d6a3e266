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

/* A set of boxes: middles, twice the half widths, squared half diagonals. */
typedef struct OURS(boxes) {
    VECTOR *middle, *width, *rival; /* [d][PARTS] */
    VECTOR diagonal2[PARTS];
    VECTOR nearest2[PARTS]; /* squared distance of the middle to the rival, the nearest center */
    NUMBERS nearest[PARTS]; /* its number */
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

/* Squared distances of the middles to all centers, and the nearest of these. */
INLINE void OURS(find_rivals)(OURS(boxes) * b, const REAL *centers, const int64_t d, int64_t k,
                              VECTOR *distances2)
{
    for (int p = 0; p < PARTS; p++) {
        b->nearest2[p] = (VECTOR){0} + (REAL)INFINITY;
        b->nearest[p] = (NUMBERS){0};
    }
    NUMBERS number = {0};
    for (int64_t c = 0; c < k; c++) {
        for (int p = 0; p < PARTS; p++) {
            VECTOR d2 = {0};
            for (int64_t j = 0; j < d; j++)
                d2 = OURS(extend)(d2, b->middle[j * PARTS + p], centers[c * d + j]);
            distances2[c * PARTS + p] = d2;
            b->nearest[p] = OURS(renumber)(d2, b->nearest2[p], number, b->nearest[p]);
            b->nearest2[p] = OURS(minimum)(d2, b->nearest2[p]);
        }
        number += 1;
    }
}

/* The positions of the rivals. */
INLINE void OURS(gather_rivals)(OURS(boxes) * b, const REAL *centers, const int64_t d, int64_t k)
{
    if (k * d <= INT32_MAX) {
        for (int64_t i = 0; i < d * PARTS; i++)
            b->rival[i] = OURS(gather)(centers + i / PARTS, b->nearest[i % PARTS] * (INTEGER)d);
        return;
    }
    for (int64_t j = 0; j < d; j++)
        for (int l = 0; l < KM_SIBLINGS; l++)
            b->rival[j * PARTS + l / WIDTH][l % WIDTH] =
                centers[b->nearest[l / WIDTH][l % WIDTH] * d + j];
}

/* With margins, |x-c|^2 - |x-z|^2 must exceed margin (|x-c| + |x-z|), for which q = |m-c|^2 stands
 * in: |x-c| + |x-z| <= sqrt(q) + s, s = |m-z| + 2 h, and sqrt(q) <= (q/s + s) / 2 without a root
 * for each center; near s, where it matters, that is close. What is left is margin + square_margin
 * q. */
INLINE void OURS(spread_margin)(const OURS(boxes) * b, int p, VECTOR *margin, VECTOR *square_margin)
{
    const VECTOR s = OURS(square_root)(b->nearest2[p]) + 2 * OURS(square_root)(b->diagonal2[p]);
    const VECTOR minimum = (VECTOR){0} + (REAL)MIN_RADIUS;
    *square_margin = *margin * (REAL)0.5 / OURS(maximum)(s, minimum);
    *margin = *margin * (REAL)1.5 * OURS(maximum)(s, minimum);
}

/* Drops each center that loses to the rival even in the corner that favours the center most. */
INLINE void OURS(compare_with_rivals)(const OURS(boxes) * b, const REAL *centers, const int64_t d,
                                      int64_t k, const VECTOR *distances2, const double *margins,
                                      uint16_t *kept)
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
            VECTOR lead = d2 - b->nearest2[p];
            for (int64_t j = 0; j < d; j++) {
                const VECTOR apart = OURS(positive)(b->rival[j * PARTS + p] - centers[c * d + j]);
                lead = OURS(multiply_add)(-b->width[j * PARTS + p], apart, lead);
            }
            VECTOR allowed = OURS(multiply_add)(d2 + b->diagonal2[p], (VECTOR){0} + slack,
                                                (VECTOR){0} + minimum);
            if (margins != NULL)
                allowed += OURS(multiply_add)(square_margin[p], d2, margin[p]);
            lost |= OURS(exceeds)(lead, allowed) << p * WIDTH;
        }
        kept[c] = (uint16_t)~lost;
    }
}

INLINE void OURS(filter)(const void *boxes, const REAL *centers, const int64_t d, int64_t k,
                         const double *margins, VECTOR *work, uint16_t *kept)
{
    OURS(boxes) b = {.middle = work, .width = work + d * PARTS, .rival = work + 2 * d * PARTS};
    VECTOR *distances2 = work + 3 * d * PARTS;
    OURS(measure_boxes)(&b, boxes, d);
    OURS(find_rivals)(&b, centers, d, k, distances2);
    OURS(gather_rivals)(&b, centers, d, k);
    if (margins == NULL)
        OURS(compare_with_rivals)(&b, centers, d, k, distances2, NULL, kept);
    else
        OURS(compare_with_rivals)(&b, centers, d, k, distances2, margins, kept);
}

static void KERNEL(filter, PRECISION)(const void *boxes, const void *centers, int64_t n_features,
                                      int64_t n_centers, const double *margins, void *work,
                                      uint16_t *kept)
{
    switch (n_features) {
#define CASE(d)                                                          \
    case d:                                                              \
        OURS(filter)(boxes, centers, d, n_centers, margins, work, kept); \
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
        OURS(filter)(boxes, centers, n_features, n_centers, margins, work, kept);
    }
#undef CASE
}
#undef PARTS
