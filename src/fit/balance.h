/* balance.h - clusters of equal size: each center has a price, and a sample belongs to the cluster
 * whose squared distance plus price is least (a power diagram; Aurenhammer, Hoffmann & Aronov 1998,
 * doi:10.1007/PL00009187).
 *
 * A price is the square of a height. Samples have one feature more, which is 0 for all of them, and
 * the height is the coordinate of the center there: the squared distance then has the price in it,
 * and methods, kernels and bounds need not know. Counts and sums are integers, and heights lie on a
 * grid, so that labels are the same for any ranks, and `predict` finds them again.
 *
 * Prices follow from a random sample of rows, the same on every rank, in which each row stands for
 * as many as its cluster has in truth: only changes are estimated, and the next assignment of all
 * samples says what became of them. Nothing is remembered between iterations but the centers. */
#ifndef SKYMEANS_FIT_BALANCE_H
#define SKYMEANS_FIT_BALANCE_H

#include "fit/fit.h"

#include <math.h>

/* How each cluster relates to the mean of its field. */
typedef struct km_balance_rows {
    km_samples samples;      /* in the order of their numbers; with heights */
    double *middles, *radii; /* [n_blocks][n_values], [n_blocks]: balls round the rows of blocks */
    int64_t *shares;         /* [n], what the row stands for, of about KM_SHARES */
    int32_t *nearest, *second; /* [n_blocks * KM_BLOCK] */
    double *gap;               /* [n_blocks * KM_BLOCK], how much dearer the second is */
    double *own;               /* [n_blocks * KM_BLOCK], squared distance to the nearest */
} km_balance_rows;

#define KM_SHARES 0x1p50

/* Which clusters touch: rows between them, whose gap is small. */
typedef struct km_facets {
    int64_t *starts; /* [k + 1] */
    int32_t *others; /* [starts[k]], the clusters that touch cluster c, from starts[c] on */
    double *shares;  /* [starts[k]], of rows near the border, on both sides; or their density */
    double width;    /* near is a gap of less than this part of the smaller spread of both */
} km_facets;

typedef struct km_balancing {
    int64_t k, n_values; /* of centers; with the height */
    km_precision precision;
    km_balance_rows rows;
    km_facets facets;
    double *costs;   /* [n_threads][k] */
    int32_t *left;   /* [n_threads][k] */
    int32_t *fields; /* [k], number of the field of each cluster: clusters that touch */
    int64_t n_fields;
    double *field_sizes, *field_clusters; /* [n_fields] */
    double total;                         /* of all sizes */
    double *sizes;                        /* [k], counts or weights by all samples */
    double *targets;                      /* [k], the mean of the field */
    double *counts;                       /* [k], shares of rows */
    double *spreads; /* [k], mean squared distances of rows to their centers, without prices */
    double *prices, *direction; /* [k] */
    double *solving;            /* [4][k] */
    int32_t *marks;             /* [k] */
    double *half;               /* [n_values] */
} km_balancing;

/* Collective over comm; errors are agreed. Free with km_balancing_free, also after an error. */
km_code km_balancing_create(km_balancing *b, const km_fit_task *task, const km_samples *samples,
                            MPI_Comm comm, km_error *error);
void km_balancing_free(km_balancing *b);
double km_balancing_bytes(const km_shape *shape);

/* All below are local, and give the same on all ranks. */

/* Finds, for each row, the cluster that is cheapest by these centers, [k][n_values], and the next
 * one, if that is dearer by less than `width`. */
void km_balance_look(km_balancing *b, const double *centers, double width);

/* Makes each row stand for its part of the size of its cluster. After a look. */
void km_balance_share(km_balancing *b);

/* The gap within which a row is near to the border of these clusters. */
static inline double km_near(const km_balancing *b, int32_t one, int32_t two)
{
    return b->facets.width * fmin(b->spreads[one], b->spreads[two]);
}

/* Finds which clusters touch, by rows that are near their border; the facets have their shares, or,
 * for a Newton step, shares by difference of prices. After a look. */
void km_balance_find_facets(km_balancing *b, double width, bool has_densities);

/* Adds to counts what follows, by the facets, when the centers move. */
void km_balance_foresee(km_balancing *b, const double *before, const double *after);

/* Divides the clusters into fields, and sets targets: the mean of the field, as many clusters as
 * that has. After facets. */
void km_balance_find_fields(km_balancing *b);
void km_balance_set_targets(km_balancing *b);

/* The Newton step of the prices that brings counts to the targets, as far as the facets tell, and
 * short enough for what they tell to hold. */
void km_balance_find_direction(km_balancing *b);

/* Clusters whose rows lie in two parts, farther from each other than the radius of the cluster. */
int64_t km_balance_count_straddling(km_balancing *b);

#endif
