/* The boxes of the tree: lowest and highest value of each feature, exact in working precision. */
#include "base/precision.h"
#include "tree.h"

#include <math.h>
#include <string.h>

/* Where the lowest value of a node's feature is; the highest is d * KM_SIBLINGS further. */
static int64_t place_in_boxes(int64_t node, int64_t d, int64_t j)
{
    return (node / KM_SIBLINGS * 2 * d + j) * KM_SIBLINGS + node % KM_SIBLINGS;
}

static void box_leaf(tree *t, const km_samples *samples, int64_t leaf)
{
    const int64_t d = samples->n_features;
    for (int64_t j = 0; j < d; j++) {
        double lowest, highest;
        km_samples_range(samples, leaf, j, &lowest, &highest);
        km_value_set(samples->precision, t->boxes[LEAVES], place_in_boxes(leaf, d, j), lowest);
        km_value_set(samples->precision, t->boxes[LEAVES],
                     place_in_boxes(leaf, d, j) + d * KM_SIBLINGS, highest);
    }
}

/* The box round the boxes of a node's children, which are a full set. */
static void box_node(tree *t, const km_samples *samples, int level, int64_t node)
{
    const int64_t d = samples->n_features;
    const km_precision precision = samples->precision;
    for (int64_t j = 0; j < d; j++) {
        double lowest = INFINITY, highest = -INFINITY;
        const int64_t first = place_in_boxes(node * KM_SIBLINGS, d, j);
        for (int64_t i = first; i < first + KM_SIBLINGS; i++) {
            lowest = fmin(lowest, km_value_get(precision, t->boxes[level - 1], i));
            highest =
                fmax(highest, km_value_get(precision, t->boxes[level - 1], i + d * KM_SIBLINGS));
        }
        km_value_set(precision, t->boxes[level], place_in_boxes(node, d, j), lowest);
        km_value_set(precision, t->boxes[level], place_in_boxes(node, d, j) + d * KM_SIBLINGS,
                     highest);
    }
}

/* Fills up the last set of boxes with copies of its first box. */
static void pad_last_set(tree *t, const km_samples *samples, int level)
{
    const int64_t n = t->n_nodes[level], d = samples->n_features;
    for (int64_t node = n; node % KM_SIBLINGS != 0; node++)
        for (int64_t j = 0; j < 2 * d; j++) {
            const int64_t first = (node / KM_SIBLINGS * 2 * d + j) * KM_SIBLINGS;
            km_value_set(samples->precision, t->boxes[level], first + node % KM_SIBLINGS,
                         km_value_get(samples->precision, t->boxes[level], first));
        }
}

static void find_largest_value(tree *t, const km_samples *samples)
{
    const int64_t n = t->n_nodes[TOPS] * 2 * samples->n_features * KM_SIBLINGS;
    for (int64_t i = 0; i < n; i++)
        t->largest = fmax(t->largest, fabs(km_value_get(samples->precision, t->boxes[SUPERS], i)));
}

void km_tree_make_boxes(tree *t, const km_samples *samples)
{
    for (int level = LEAVES; level < TOPS; level++) {
#pragma omp parallel for
        for (int64_t node = 0; node < t->n_nodes[level]; node++)
            if (level == LEAVES)
                box_leaf(t, samples, node);
            else
                box_node(t, samples, level, node);
        pad_last_set(t, samples, level);
    }
    find_largest_value(t, samples);
}

double km_tree_radius(const tree *t, const km_samples *samples, int64_t leaf)
{
    const int64_t d = samples->n_features;
    double sum = 0;
    for (int64_t j = 0; j < d; j++) {
        const int64_t at = place_in_boxes(leaf, d, j);
        const double width =
            km_value_get(samples->precision, t->boxes[LEAVES], at + d * KM_SIBLINGS) -
            km_value_get(samples->precision, t->boxes[LEAVES], at);
        sum += width * width;
    }
    return sqrt(sum) / 2;
}
