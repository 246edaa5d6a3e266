/* second.h - the second nearest center of every sample, once labels are known. */
#ifndef SKYMEANS_ASSIGN_SECOND_H
#define SKYMEANS_ASSIGN_SECOND_H

#include "kernels/kernels.h"
#include "samples/samples.h"

/* What is asked: the nearest center of each sample of this rank but that of its label, the lowest
 * number of those equally near, by the canonical distance, so the same with any kernel. */
typedef struct km_second_query {
    const km_samples *samples;
    const km_kernel *kernel;
    const void *centers;     /* [k][d], in working precision */
    int64_t k;               /* at least 2 */
    const int32_t *labels;   /* [slab.count], by row; NULL: not known, but lowest */
    bool are_lowest;         /* labels: of equally near centers each has the lowest number */
    const double *distances; /* [slab.count], by row, to the centers of the labels, in any unit */
    double largest;          /* of these, in working units, or more */
    /* Called once for each block, by all threads at once, with its seconds [KM_BLOCK]. */
    void (*keep)(void *context, int64_t block, const int32_t *seconds);
    void *context;
} km_second_query;

/* Answers it on all threads. Local. */
void km_second_find(const km_second_query *query);

/* The ways of it: the first for squared distances that overflow; the others if nothing does. The
 * second compares with all centers; the third with what boxes of samples leave, which pays with few
 * features where neighbours in memory are so in space; the fourth with the centers near that of the
 * label, which pays with many of them. The last two: false, and nothing is done, without memory. */
void km_second_find_plainly(const km_second_query *query);
void km_second_find_of_all(const km_second_query *query);
bool km_second_find_in_boxes(const km_second_query *query);
bool km_second_find_near(const km_second_query *query);

/* The second of each sample of a block, given the two nearest centers; labels by row. */
void km_second_of_pairs(const km_second_query *query, int64_t block, const int32_t *nearest,
                        int32_t *others);

/* Bytes per rank, of the third and the fourth way, and of that which is taken. */
double km_second_in_boxes_bytes(const km_shape *shape);
double km_second_near_bytes(const km_shape *shape);
double km_second_bytes(const km_shape *shape, bool has_labels);

#endif
