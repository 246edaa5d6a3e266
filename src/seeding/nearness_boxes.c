/* Bounding boxes of blocks and of groups of blocks. A new center is skipped for a box if its
 * distance from the box exceeds all distances in it (the bound of Hamerly 2010 and of Raff 2021,
 * "Exact acceleration of k-means++ and k-means||", for boxes).
 *
 * Skipping never changes a result. The canonical distance2 of d features in working precision, with
 * unit roundoff u, is at least (1 - (d + 2) u) times the true one, minus what denormals lose. The
 * bound, computed in double, is at most (1 + (d + 3) 2^-53) times the true bound. A slack of
 * 2 (d + 4) u covers both. */
#include "nearness_parts.h"

/* The minima of a box, [d], and behind them its maxima. */
static double *box_of(const km_nearness *near, int64_t box)
{
    return near->boxes + box * 2 * near->samples->n_features;
}

static void find_box_of_block(const km_nearness *near, int64_t block)
{
    const int64_t d = near->samples->n_features;
    double *lowest = box_of(near, near->n_groups + block), *highest = lowest + d;
    for (int64_t j = 0; j < d; j++) {
        double values[KM_BLOCK];
        km_samples_load(near->samples, block, j, values);
        lowest[j] = highest[j] = values[0];
        for (int l = 1; l < KM_BLOCK; l++) {
            lowest[j] = min_of(lowest[j], values[l]);
            highest[j] = max_of(highest[j], values[l]);
        }
    }
}

void km_nearness_find_boxes(const km_nearness *near)
{
    const int64_t d = near->samples->n_features;
#pragma omp parallel for
    for (int64_t g = 0; g < near->n_groups; g++) {
        const km_rows blocks = blocks_of_group(near, g);
        double *box = box_of(near, g);
        for (int64_t b = blocks.first; b < blocks.first + blocks.count; b++) {
            find_box_of_block(near, b);
            const double *part = box_of(near, near->n_groups + b);
            for (int64_t j = 0; j < d; j++) {
                const bool is_first = b == blocks.first;
                box[j] = is_first ? part[j] : min_of(box[j], part[j]);
                box[d + j] = is_first ? part[d + j] : max_of(box[d + j], part[d + j]);
            }
        }
    }
}

bool km_nearness_can_lower(const km_nearness *near, int64_t box, const double *center)
{
    const int64_t d = near->samples->n_features;
    const double *lowest = box_of(near, box), *highest = lowest + d;
    const km_precision precision = near->samples->precision;
    const double slack = 2 * (double)(d + 4) * km_precision_epsilon(precision);
    double bound2 = 0;
    for (int64_t j = 0; j < d; j++) {
        const double below = lowest[j] - center[j], above = center[j] - highest[j];
        const double outside = max_of(max_of(below, above), 0);
        bound2 += outside * outside;
    }
    return bound2 * (1 - slack) - km_precision_smallest(precision) < near->max_distance2[box];
}
