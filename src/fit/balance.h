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

/* The random sample of rows. */
typedef struct km_balance_rows {
    km_samples samples;       /* in the order of their places; with heights */
    double *middles, *radii;  /* [n_blocks][n_values], [n_blocks]: balls round the rows of blocks */
    double *shares;           /* [n], what the row stands for, of the size of its cluster */
    int32_t *nearest;         /* [n_blocks * KM_BLOCK], the cheapest cluster */
    double *own;              /* [n_blocks * KM_BLOCK], squared distance to its center */
    int64_t stride, n_looked; /* every so many rows are looked at for fields; how many these are */
    int32_t *fields;          /* [n_looked], the field of each */
} km_balance_rows;

/* Clusters of a row, times the stride: at high temperatures fewer rows say enough, and each belongs
 * to more clusters. */
enum { KM_SOFT_SLOTS = 8 };

/* Rows that belong to several clusters in part, the more evenly the higher the temperature. */
typedef struct km_soft {
    double temperature;
    int64_t stride; /* every so many rows of the sample */
    int64_t n_rows;
    double *costs;     /* [n_rows], of each row, parts considered */
    int32_t *n_parts;  /* [n_rows] */
    int32_t *clusters; /* [n_rows][slots] */
    double *parts;     /* [n_rows][slots] */
    double share;      /* of all rows of the sample in those looked at */
} km_soft;

enum { KM_SETTLING_ARRAYS = 3 };

typedef struct km_balancing {
    int64_t k, n_values; /* of centers; with the height */
    km_precision precision;
    double radius; /* of the sphere on which centers stay; 0: none */
    km_balance_rows rows;
    km_soft soft;
    double *costs;                         /* [n_threads][k] */
    int32_t *left;                         /* [n_threads][k] */
    int64_t n_fields;                      /* parts of the rows with gaps between them */
    int32_t *fields;                       /* [k], the field of each cluster */
    double *field_masses, *field_clusters; /* [n_fields], the size of its rows; how many */
    double *gaps;                          /* [rows.n_looked], between fields; see balance_gaps.c */
    int32_t *joined,
        *numbers;    /* [n_fields], the first of those that share a cluster; their numbers */
    double total;    /* of all sizes */
    double *sizes;   /* [k], counts or weights by all samples */
    double *targets; /* [k], the mean of the field */
    double *wanted;  /* [k], nearer targets, for the next step */
    double *counts;  /* [k], shares of rows */
    double *spreads; /* [k], mean squared distances of rows to their centers, without prices */
    double scale;    /* their geometric mean, without clusters at one place */
    double *prices, *trial, *direction; /* [k] */
    double *solving;                    /* [4][k] */
    double *settling;                   /* [KM_SETTLING_ARRAYS][k], see balance_settle.c */
    int64_t *starts;                    /* [k + 1], of the rows of each cluster in the list */
    int32_t *list;                      /* [n] */
    double *means;                      /* [k][n_values] */
    double *kept;                       /* [2][k][n_values], of the search */
} km_balancing;

/* Collective over comm; errors are agreed. Free with km_balancing_free, also after an error. */
km_code km_balancing_create(km_balancing *b, const km_fit_task *task, const km_samples *samples,
                            MPI_Comm comm, km_error *error);
void km_balancing_free(km_balancing *b);
double km_balancing_bytes(const km_shape *shape);

/* All below are local, and give the same on all ranks. */

/* A value of a row of the sample. */
static inline double km_sampled_value(const km_balancing *b, int64_t row, int64_t j)
{
    return km_value_get(b->precision, b->rows.samples.values,
                        (row / KM_BLOCK * b->n_values + j) * KM_BLOCK + row % KM_BLOCK);
}

/* Finds, for each row, the cluster that is cheapest by these centers, [k][n_values]. */
void km_balance_look(km_balancing *b, const double *centers);

/* Lists the clusters that are the cheapest of a row of a block, or dearer by less than `width`, in
 * memory of the thread. Returns how many there are. */
int64_t km_balance_list_cheap(const km_balancing *b, int64_t block, const double *centers,
                              double width, int32_t **list);

/* Costs of a center for the rows of a block, [KM_BLOCK]. */
void km_balance_find_costs(const km_balancing *b, int64_t block, const double *center,
                           double *costs);

/* Makes each row stand for its part of the size of its cluster, or all by their weights for the
 * total. After a look. */
void km_balance_share(km_balancing *b);
void km_balance_share_evenly(km_balancing *b);

/* Counts what rows stand for, by their clusters; and how widely these are spread, and the scale of
 * that. After a look. */
void km_balance_measure_spreads(km_balancing *b);

/* Finds the fields of the rows. KM_MEMORY. */
km_code km_balance_find_fields(km_balancing *b, km_error *error);

/* Gives each cluster the field in which it has most rows; after a look. */
void km_balance_place_clusters(km_balancing *b);

/* Weighs fields by their rows and the sizes of clusters; those without clusters by themselves, or
 * together with the fields whose clusters have their rows. After placing clusters. */
void km_balance_weigh_fields(km_balancing *b, bool is_by_clusters);

/* Sets targets: the mean of the field, or of fields that share a cluster. After placing clusters.
 */
void km_balance_set_targets(km_balancing *b);

/* Counts by these prices, which the heights of centers become. Returns the function that has its
 * summit at the right prices: the cost of all rows, less what clusters of the wanted sizes pay. */
double km_balance_count_softly(km_balancing *b, const double *prices, double *centers);

/* The same by centers that are nearly those of the last count: rows that belonged to several
 * clusters belong to some of these. */
void km_balance_count_again(km_balancing *b, const double *prices, double *centers);

/* After such a count: result = H values, with -H the second derivative of that function by the
 * prices; and its diagonal. All are [k]. */
void km_balance_multiply(const km_balancing *b, const double *values, double *result);
void km_balance_diagonal(const km_balancing *b, double *diagonal);

/* The largest deviation of sizes from what is wanted, as a part of that. */
double km_balance_largest_deviation(const km_balancing *b, const double *sizes,
                                    const double *wanted);

/* Makes what is wanted of clusters sum to all rows. */
void km_balance_scale_wanted(km_balancing *b);

/* Finds the summit of that function at a temperature, in units of the scale, and leaves rows in
 * part by it. Returns the largest deviation from what is wanted. */
double km_balance_climb(km_balancing *b, double temperature, double enough, double *centers);

/* Changes the prices of centers, till clusters are as large by the sample of rows as is wanted, or
 * nearly so. After spreads were measured. Returns the largest deviation. */
double km_balance_find_prices(km_balancing *b, double *centers);

/* Changes the prices of centers, so that sizes come to the targets that were not those by the
 * centers used, which may be others. After a look at these, sharing, and measuring spreads. */
void km_balance_correct_prices(km_balancing *b, const double *used, double *centers);

/* The same for the centers used, and all the way: more exactly, but not as fast. */
void km_balance_correct_standing(km_balancing *b, double *centers);

/* Changes the prices of whole fields, so that gaps between fields are boundaries of clusters, and
 * wide ones to either side. After setting targets. */
void km_balance_center_fields(km_balancing *b, const double *centers, double *prices);

/* Prices in the heights of centers; and the heights that are nearest to prices. */
void km_balance_read_prices(const km_balancing *b, const double *centers, double *prices);
void km_balance_place_heights(const km_balancing *b, const double *prices, double *centers);

/* Moves clusters till each field has as many as it deserves, and then centers and prices, till
 * clusters are equal by the sample of rows. */
void km_balance_search(km_balancing *b, double *centers);

/* Clusters whose rows lie in two parts, farther from each other than the radius of the cluster. */
int64_t km_balance_count_straddling(km_balancing *b);

#endif
