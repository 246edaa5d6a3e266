/* Template: the reference kernel, for one precision; see reference.c. */

#include "base/partition.h"

/* The canonical squared distance of a sample, whose features are KM_BLOCK values apart. */
static REAL OURS(distance2)(const REAL *sample, const REAL *center, int64_t n_features)
{
    REAL d2 = 0;
    for (int64_t j = 0; j < n_features; j++) {
        const REAL difference = sample[j * KM_BLOCK] - center[j];
        d2 = fma(difference, difference, d2);
    }
    return d2;
}

static void KERNEL(nearest, PRECISION)(const void *block, const void *centers, int64_t n_features,
                                       int64_t n_centers, int32_t *labels, km_distances *distances2)
{
    for (int l = 0; l < KM_BLOCK; l++) {
        REAL best = INFINITY;
        labels[l] = 0;
        for (int64_t c = 0; c < n_centers; c++) {
            const REAL *center = (const REAL *)centers + c * n_features;
            const REAL d2 = OURS(distance2)((const REAL *)block + l, center, n_features);
            if (d2 < best) {
                best = d2;
                labels[l] = (int32_t)c;
            }
        }
        distances2->PRECISION[l] = best;
    }
}

static void KERNEL(measure, PRECISION)(const void *block, const double *centers, int64_t n_features,
                                       const int32_t *labels, double *distances2)
{
    const REAL *values = block;
    for (int l = 0; l < KM_BLOCK; l++) {
        const double *center = centers + labels[l] * n_features;
        distances2[l] = 0;
        for (int64_t j = 0; j < n_features; j++) {
            const double difference = (double)values[j * KM_BLOCK + l] - center[j];
            distances2[l] = fma(difference, difference, distances2[l]);
        }
    }
}

static void KERNEL(approach, PRECISION)(const void *block, const void *center, int64_t n_features,
                                        km_distances *nearest2)
{
    for (int l = 0; l < KM_BLOCK; l++) {
        const REAL d2 = OURS(distance2)((const REAL *)block + l, center, n_features);
        if (d2 < nearest2->PRECISION[l])
            nearest2->PRECISION[l] = d2;
    }
}

static double KERNEL(distances_to, PRECISION)(const void *block, const void *center,
                                              int64_t n_features, km_distances *distances2)
{
    double least = INFINITY;
    for (int l = 0; l < KM_BLOCK; l++) {
        const REAL d2 = OURS(distance2)((const REAL *)block + l, center, n_features);
        distances2->PRECISION[l] = d2;
        least = fmin(least, (double)d2);
    }
    return least;
}

static double KERNEL(farthest_of, PRECISION)(const km_distances *distances2, const int32_t *labels,
                                             int32_t label)
{
    double farthest = 0;
    for (int l = 0; l < KM_BLOCK; l++)
        if (labels[l] == label)
            farthest = fmax(farthest, (double)distances2->PRECISION[l]);
    return farthest;
}

static void KERNEL(add_within, PRECISION)(const void *distances2, const double *least2,
                                          int64_t n_blocks, double limit2, uint64_t *within)
{
    for (int64_t i = 0; i < n_blocks * KM_BLOCK; i++)
        if (!(least2[i / KM_BLOCK] > limit2))
            within[i / KM_BLOCK] |= (uint64_t)(((const REAL *)distances2)[i] <= (REAL)limit2)
                                    << i % KM_BLOCK;
}

static uint64_t KERNEL(lanes_with, PRECISION)(const int32_t *labels, int32_t label)
{
    uint64_t lanes = 0;
    for (int l = 0; l < KM_BLOCK; l++)
        lanes |= (uint64_t)(labels[l] == label) << l;
    return lanes;
}

static bool KERNEL(nearest_of_part, PRECISION)(const void *block, const void *centers,
                                               int64_t n_features, const int32_t *chosen,
                                               int64_t n_chosen, int32_t *labels)
{
    bool has_ties = false;
    for (int l = 0; l < KM_PART; l++) {
        REAL best = INFINITY;
        int32_t last = labels[l] = chosen[0];
        for (int64_t i = 0; i < n_chosen; i++) {
            const REAL *center = (const REAL *)centers + chosen[i] * n_features;
            const REAL d2 = OURS(distance2)((const REAL *)block + l, center, n_features);
            labels[l] = d2 < best ? chosen[i] : labels[l];
            last = d2 <= best ? chosen[i] : last;
            best = d2 < best ? d2 : best;
        }
        has_ties = has_ties || labels[l] != last;
    }
    return has_ties;
}

static int64_t KERNEL(find_within, PRECISION)(const void *part, const void *centers,
                                              int64_t n_features, const int32_t *chosen,
                                              int64_t n_chosen, const void *limits2, int32_t *found)
{
    int64_t n_found = 0;
    for (int64_t i = 0; i < n_chosen; i++) {
        const REAL *center = (const REAL *)centers + chosen[i] * n_features;
        bool is_within = false;
        for (int l = 0; l < KM_PART; l++)
            is_within = is_within || OURS(distance2)((const REAL *)part + l, center, n_features) <=
                                         ((const REAL *)limits2)[l];
        if (is_within)
            found[n_found++] = chosen[i];
    }
    return n_found;
}

/* The absolute rounding of denormal squares, in a distance. */
static double OURS(absolute_slack)(int64_t n_features)
{
    return 4 * sqrt(((double)n_features + 2) * (double)SMALLEST);
}

static void KERNEL(nearest_pair, PRECISION)(const void *block, const void *centers,
                                            int64_t n_features, int64_t n_centers, int32_t *labels,
                                            int32_t *others)
{
    for (int l = 0; l < KM_BLOCK; l++) {
        REAL best = INFINITY, second = INFINITY;
        labels[l] = others[l] = 0;
        for (int64_t c = 0; c < n_centers; c++) {
            const REAL *center = (const REAL *)centers + c * n_features;
            const REAL d2 = OURS(distance2)((const REAL *)block + l, center, n_features);
            others[l] = d2 < best ? labels[l] : d2 < second ? (int32_t)c : others[l];
            second = d2 < best ? best : d2 < second ? d2 : second;
            labels[l] = d2 < best ? (int32_t)c : labels[l];
            best = d2 < best ? d2 : best;
        }
    }
}

static uint64_t KERNEL(nearest_listed, PRECISION)(const void *block, const void *centers,
                                                  int64_t n_features, const int32_t *numbers,
                                                  const int32_t *chosen, int64_t n_chosen,
                                                  const int32_t *old, int32_t *labels, double *gap)
{
    uint64_t changed = 0;
    double minimum = INFINITY;
    for (int l = 0; l < KM_BLOCK; l++) {
        REAL best = INFINITY, second = INFINITY;
        labels[l] = numbers[chosen[0]];
        for (int64_t i = 0; i < n_chosen; i++) {
            const REAL *center = (const REAL *)centers + chosen[i] * n_features;
            const REAL d2 = OURS(distance2)((const REAL *)block + l, center, n_features);
            labels[l] = d2 < best ? numbers[chosen[i]] : labels[l];
            second = d2 < best ? best : d2 < second ? d2 : second;
            best = d2 < best ? d2 : best;
        }
        changed |= (uint64_t)(labels[l] != old[l]) << l;
        minimum = fmin(minimum, (double)sqrt(second) * (1 - KM_GAP_SLACK(n_features) * EPSILON) -
                                    (double)sqrt(best));
    }
    if (gap != NULL)
        *gap = minimum - OURS(absolute_slack)(n_features);
    return changed;
}

static void OURS(find_nearest_chosen)(const REAL *block, const REAL *centers, int64_t n_features,
                                      const int32_t *chosen, int64_t n_chosen, int32_t *labels)
{
    for (int l = 0; l < KM_BLOCK; l++) {
        REAL best = INFINITY;
        labels[l] = chosen[0];
        for (int64_t i = 0; i < n_chosen; i++) {
            const REAL *center = centers + chosen[i] * n_features;
            const REAL d2 = OURS(distance2)(block + l, center, n_features);
            if (d2 < best) {
                labels[l] = chosen[i];
                best = d2;
            }
        }
    }
}

static double KERNEL(nearest_gaps, PRECISION)(const void *block, const void *centers,
                                              int64_t n_features, const int32_t *chosen,
                                              int64_t n_chosen, void *work, int32_t *labels,
                                              double *gaps)
{
    const double slack = KM_GAP_SLACK(n_features) * EPSILON;
    double own[KM_BLOCK], farthest = 0;
    (void)work;
    OURS(find_nearest_chosen)(block, centers, n_features, chosen, n_chosen, labels);
    for (int l = 0; l < KM_BLOCK; l++) {
        const REAL *center = (const REAL *)centers + labels[l] * n_features;
        own[l] = sqrt((double)OURS(distance2)((const REAL *)block + l, center, n_features));
        farthest = fmax(farthest, own[l]);
    }
    for (int64_t i = 0; i < n_chosen && gaps != NULL; i++) {
        const REAL *center = (const REAL *)centers + chosen[i] * n_features;
        gaps[i] = INFINITY;
        for (int l = 0; l < KM_BLOCK; l++) {
            const REAL d2 = OURS(distance2)((const REAL *)block + l, center, n_features);
            if (labels[l] != chosen[i])
                gaps[i] = fmin(gaps[i], sqrt((double)d2) * (1 - slack) - own[l]);
        }
        gaps[i] -= OURS(absolute_slack)(n_features);
    }
    return farthest * (1 + slack) + OURS(absolute_slack)(n_features);
}

static void KERNEL(moments, PRECISION)(const void *values, const km_moments_task *task,
                                       int64_t *words)
{
    for (int l = 0; l < KM_BLOCK; l++)
        add_moments((double)((const REAL *)values)[l], task, words);
}

#include "fold.h"

/* Without a screen. */
static double KERNEL(screened, PRECISION)(const void *block, const void *centers,
                                          int64_t n_features, const km_screen *screen,
                                          const int32_t *chosen, int64_t n_chosen, void *work,
                                          int32_t *labels, double *gaps, int64_t *n_pairs)
{
    (void)screen;
    *n_pairs += n_chosen;
    return KERNEL(nearest_gaps, PRECISION)(block, centers, n_features, chosen, n_chosen, work,
                                           labels, gaps);
}

/* One sum: each FMA waits for the one before it. */
static double KERNEL(peak, PRECISION)(int64_t n_rounds, double *sum)
{
    REAL total = 0;
    for (int64_t round = 0; round < n_rounds; round++)
        total = fma(total, (REAL)0.5, (REAL)1);
    *sum = (double)total;
    return (double)n_rounds;
}
