/* The boxes of the tree: lowest and highest value of each feature, exact in working precision. */
#include "base/memory.h"
#include "base/precision.h"
#include "tree.h"

#include <math.h>
#include <stdlib.h>
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

static void make_boxes(tree *t, const km_samples *samples)
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

static int64_t parents_of(int64_t n)
{
    return (n + KM_SIBLINGS - 1) / KM_SIBLINGS;
}

km_code km_tree_create_boxes(tree *t, const km_samples *samples, km_error *error)
{
    const size_t size =
        (size_t)(2 * samples->n_features * KM_SIBLINGS) * km_precision_size(samples->precision);
    t->n_nodes[LEAVES] = samples->n_blocks;
    for (int level = GROUPS; level < N_LEVELS; level++)
        t->n_nodes[level] = parents_of(t->n_nodes[level - 1]);
    for (int level = LEAVES; level < TOPS; level++)
        t->boxes[level] = km_allocate(t->n_nodes[level + 1], size, "boxes", error);
    if (error->code == KM_OK)
        make_boxes(t, samples);
    return error->code;
}

void km_tree_free_boxes(tree *t)
{
    for (int level = LEAVES; level < TOPS; level++)
        free(t->boxes[level]);
}

/* Two values of each feature a leaf, and as much again for each KM_SIBLINGS of them. */
double km_tree_boxes_bytes(const km_shape *shape)
{
    return (double)shape->n_samples / KM_BLOCK * 2 * (double)shape->n_features *
           km_value_bytes(shape) * KM_SIBLINGS / (KM_SIBLINGS - 1);
}

void km_tree_renew_boxes(tree *t, const km_samples *samples, int64_t leaf, int64_t n_leaves)
{
    int64_t first = leaf, last = leaf + n_leaves - 1;
    for (int level = LEAVES; level < TOPS; level++) {
        for (int64_t node = first; node <= last; node++)
            if (level == LEAVES)
                box_leaf(t, samples, node);
            else
                box_node(t, samples, level, node);
        if (last / KM_SIBLINGS == (t->n_nodes[level] - 1) / KM_SIBLINGS)
            pad_last_set(t, samples, level);
        first /= KM_SIBLINGS;
        last /= KM_SIBLINGS;
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
