/* The second nearest center of every sample: both nearest ones are found again, in one pass. */
#include "assign/second.h"

#include "methods.h"

#include <math.h>

void km_second_of_pairs(const km_second_query *q, int64_t block, const int32_t *nearest,
                        int32_t *others)
{
    const uint32_t *rows = q->samples->rows + block * KM_BLOCK;
    const int lanes = q->are_lowest ? 0 : km_samples_lanes(q->samples, block);
    for (int l = 0; l < lanes; l++)
        others[l] = nearest[l] == q->labels[rows[l]] ? others[l] : nearest[l];
    q->keep(q->context, block, others);
}

void km_second_find_of_all(const km_second_query *q)
{
#pragma omp parallel for
    for (int64_t b = 0; b < q->samples->n_blocks; b++) {
        int32_t nearest[KM_BLOCK], others[KM_BLOCK];
        km_samples_pass(q->samples, b);
        q->kernel->nearest_pair[q->samples->precision](km_samples_block(q->samples, b), q->centers,
                                                       q->samples->n_features, q->k, nearest,
                                                       others);
        km_second_of_pairs(q, b, nearest, others);
    }
}

/* The nearest center of a sample but one; -1: of all. */
static int32_t find_nearest_but(const km_second_query *q, int64_t sample, int32_t label)
{
    const int64_t d = q->samples->n_features;
    const size_t size = (size_t)d * km_precision_size(q->samples->precision);
    int32_t nearest = -1;
    double best = INFINITY;
    for (int32_t c = 0; c < q->k; c++) {
        const double distance2 =
            km_distance2(q->samples->precision, km_samples_block(q->samples, sample / KM_BLOCK),
                         (int)(sample % KM_BLOCK), (const char *)q->centers + (size_t)c * size, d);
        if (c != label && (nearest < 0 || distance2 < best)) {
            nearest = c;
            best = distance2;
        }
    }
    return nearest;
}

void km_second_find_plainly(const km_second_query *q)
{
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t b = 0; b < q->samples->n_blocks; b++) {
        int32_t seconds[KM_BLOCK] = {0};
        for (int l = 0; l < km_samples_lanes(q->samples, b); l++) {
            const int64_t i = b * KM_BLOCK + l;
            const int32_t label =
                q->labels != NULL ? q->labels[q->samples->rows[i]] : find_nearest_but(q, i, -1);
            seconds[l] = find_nearest_but(q, i, label);
        }
        q->keep(q->context, b, seconds);
    }
}

/* Measured: from so many centers on, the more the fewer features there are, samples are gone
 * through cluster by cluster. */
static bool pays_near(int64_t k, int64_t d)
{
    enum { FEWEST_FEATURES = 5, MANY_PER_FEATURE = 32, MANY_IN_ALL = 200 };
    enum { MANY_FEATURES = 12, MANY_OF_THESE = 64 };
    if (d >= MANY_FEATURES)
        return k >= MANY_OF_THESE;
    return d >= FEWEST_FEATURES && k >= MANY_IN_ALL && k >= MANY_PER_FEATURE * d;
}

static bool pays_in_boxes(int64_t k, int64_t d)
{
    enum { FEWEST_CLUSTERS = 4, MOST_FEATURES = 9 };
    return k >= FEWEST_CLUSTERS && d <= MOST_FEATURES;
}

double km_second_bytes(const km_shape *shape, bool has_labels)
{
    const int64_t k = shape->n_clusters, d = shape->n_features;
    if (has_labels && pays_near(k, d))
        return km_second_near_bytes(shape);
    return pays_in_boxes(k, d) ? km_second_in_boxes_bytes(shape) : 0;
}

/* No center is farther from a sample than its own one and the way between the two, which is at most
 * twice the largest value in each feature. */
static bool are_safe(const km_second_query *q)
{
    const km_precision precision = q->samples->precision;
    const int64_t d = q->samples->n_features;
    double reach = q->largest;
    for (int64_t i = 0; i < q->k * d; i++)
        reach = fmax(reach, fabs(km_value_get(precision, q->centers, i)));
    return km_squares_are_safe(reach, d, precision);
}

void km_second_find(const km_second_query *q)
{
    const int64_t d = q->samples->n_features;
    if (!are_safe(q))
        km_second_find_plainly(q);
    else if (!(q->labels != NULL && pays_near(q->k, d) && km_second_find_near(q)) &&
             !(pays_in_boxes(q->k, d) && km_second_find_in_boxes(q)))
        km_second_find_of_all(q);
}
