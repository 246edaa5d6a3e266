/* shape.h - the shape of a problem on the rank that has most of it: what memory and time depend on.
 *
 * What needs memory says how much beside its allocation, in a function of this; such functions
 * count what is in use at once in the fullest moment, without pages that are never written. */
#ifndef SKYMEANS_SAMPLES_SHAPE_H
#define SKYMEANS_SAMPLES_SHAPE_H

#include "base/partition.h"
#include "base/precision.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* What functions of a shape count. */
typedef enum km_counting {
    KM_COUNT_MEMORY,      /* all is in memory */
    KM_COUNT_BESIDE_DISK, /* large arrays (base/large.h) are on a disk: the memory beside them */
    KM_COUNT_WITH_DISK    /* the same, and what they take on the disk */
} km_counting;

typedef struct km_shape {
    int64_t n_rows; /* of all ranks */
    int64_t span;   /* rows from the lowest number to the highest, which has 32 bits on one rank */
    int64_t n_samples; /* of this rank, if all of its rows are used */
    int64_t n_features, n_clusters;
    int64_t n_heights; /* of the features, those that are heights of centers: 0 or 1 */
    int64_t n_fits;
    int64_t n_seeding_rows; /* that kmeans++ draws from; INT64_MAX: all */
    km_precision precision;
    bool has_weights;
    km_counting counting;
    int n_ranks, n_threads;
} km_shape;

static inline double km_larger(double a, double b)
{
    return a > b ? a : b;
}

static inline double km_smaller(double a, double b)
{
    return a < b ? a : b;
}

static inline double km_value_bytes(const km_shape *shape)
{
    return (double)km_precision_size(shape->precision);
}

/* k centers as doubles, and in working precision. */
static inline double km_centers_bytes(const km_shape *shape)
{
    return (double)shape->n_clusters * (double)shape->n_features * sizeof(double);
}

static inline double km_rounded_bytes(const km_shape *shape)
{
    return (double)shape->n_clusters * (double)shape->n_features * km_value_bytes(shape);
}

/* What is counted of large arrays. */
static inline double km_large_bytes(const km_shape *shape, double n_bytes)
{
    return shape->counting == KM_COUNT_BESIDE_DISK ? 0 : n_bytes;
}

static inline double km_labels_bytes(const km_shape *shape)
{
    return km_large_bytes(shape, (double)shape->n_samples * sizeof(int32_t));
}

#endif
