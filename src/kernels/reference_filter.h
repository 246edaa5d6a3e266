/* Template: which centers can be nearest in a box, of the reference kernel, for one precision; see
 * reference.c. */

#include "base/partition.h"

/* One box of a set: its lowest and highest values are KM_SIBLINGS apart. */
typedef struct OURS(box) {
    const REAL *lowest, *highest;
    int64_t n_features;
} OURS(box);

static REAL OURS(middle)(const OURS(box) * box, int64_t j)
{
    return (box->lowest[j * KM_SIBLINGS] + box->highest[j * KM_SIBLINGS]) / 2;
}

/* From the middle, as it was rounded, to the farther end. */
static REAL OURS(half_width)(const OURS(box) * box, int64_t j)
{
    const REAL middle = OURS(middle)(box, j);
    return fmax(box->highest[j * KM_SIBLINGS] - middle, middle - box->lowest[j * KM_SIBLINGS]);
}

static REAL OURS(half_diagonal2)(const OURS(box) * box)
{
    REAL sum = 0;
    for (int64_t j = 0; j < box->n_features; j++)
        sum += OURS(half_width)(box, j) * OURS(half_width)(box, j);
    return sum;
}

static REAL OURS(middle_distance2)(const OURS(box) * box, const REAL *center)
{
    REAL sum = 0;
    for (int64_t j = 0; j < box->n_features; j++) {
        const REAL apart = center[j] - OURS(middle)(box, j);
        sum += apart * apart;
    }
    return sum;
}

/* The squared distance to the center minus that to its rival, in the corner that favours the center
 * most. */
static REAL OURS(lead)(const OURS(box) * box, const REAL *center, REAL distance2, const REAL *rival,
                       REAL rival_distance2)
{
    REAL lead = distance2 - rival_distance2;
    for (int64_t j = 0; j < box->n_features; j++)
        lead -= 2 * OURS(half_width)(box, j) * fabs(center[j] - rival[j]);
    return lead;
}

/* The centers nearest to the middle of a box: the nearest, and the second, which is the same if
 * there is no other. Distances to all are stored. */
static void OURS(find_rivals)(const OURS(box) * box, const REAL *centers, int64_t n_centers,
                              REAL *distances2, int64_t *rivals)
{
    rivals[0] = rivals[1] = 0;
    for (int64_t c = 0; c < n_centers; c++) {
        distances2[c] = OURS(middle_distance2)(box, centers + c * box->n_features);
        if (distances2[c] < distances2[rivals[0]]) {
            rivals[1] = rivals[0];
            rivals[0] = c;
        } else if (c > 0 && (rivals[1] == rivals[0] || distances2[c] < distances2[rivals[1]])) {
            rivals[1] = c;
        }
    }
}

/* A center is dropped for a box if it loses against each of the rivals: one for the nearest center,
 * two for the second nearest. */
static void OURS(filter)(const void *boxes, const void *centers, int64_t n_features,
                         int64_t n_centers, const double *margins, int n_rivals, REAL *distances2,
                         uint16_t *kept)
{
    const REAL *center = centers, slack = (REAL)(KM_FILTER_SLACK(n_features) * EPSILON),
               minimum = (REAL)KM_FILTER_SLACK(n_features) * SMALLEST;
    memset(kept, 0, (size_t)n_centers * sizeof *kept);
    for (int b = 0; b < KM_SIBLINGS; b++) {
        const REAL *lowest = (const REAL *)boxes + b;
        const OURS(box) box = {lowest, lowest + n_features * KM_SIBLINGS, n_features};
        const REAL diagonal2 = OURS(half_diagonal2)(&box);
        int64_t rivals[2];
        OURS(find_rivals)(&box, center, n_centers, distances2, rivals);
        for (int64_t c = 0; c < n_centers; c++) {
            bool loses = true;
            for (int r = 0; r < n_rivals; r++) {
                const int64_t rival = rivals[r];
                REAL allowed = slack * (distances2[c] + diagonal2) + minimum;
                if (margins != NULL)
                    allowed +=
                        (REAL)(margins[b] * (1 + 0x1p-12)) *
                        (sqrt(distances2[c]) + sqrt(distances2[rival]) + 2 * sqrt(diagonal2));
                loses =
                    loses && OURS(lead)(&box, center + c * n_features, distances2[c],
                                        center + rival * n_features, distances2[rival]) > allowed;
            }
            kept[c] |= (uint16_t)(!loses << b);
        }
    }
}

static void KERNEL(filter, PRECISION)(const void *boxes, const void *centers, int64_t n_features,
                                      int64_t n_centers, const double *margins, void *work,
                                      uint16_t *kept)
{
    OURS(filter)(boxes, centers, n_features, n_centers, margins, 1, work, kept);
}

static void KERNEL(filter_pair, PRECISION)(const void *boxes, const void *centers,
                                           int64_t n_features, int64_t n_centers, void *work,
                                           uint16_t *kept)
{
    OURS(filter)(boxes, centers, n_features, n_centers, NULL, 2, work, kept);
}
