/* choice.h - several numbers of clusters on the same samples: what is known of each, and which is
 * kept. */
#ifndef SKYMEANS_CLUSTER_CHOICE_H
#define SKYMEANS_CLUSTER_CHOICE_H

#include "cluster/problem.h"
#include "fit/fit.h"

/* What the best fit with a number of clusters is worth; NaN where it can't be said. Definitions and
 * their sources are in docs/choice.md. */
typedef struct km_criteria {
    int64_t n_clusters;
    int64_t n_iterations;
    double inertia;
    double silhouette; /* simplified: of distances to the own and the nearest other center */
    double calinski_harabasz;
    double davies_bouldin;
    double stability;   /* mean adjusted Rand index between the best fit and the other restarts */
    double coincidence; /* part of the rows that stay with most of their cluster in those */
    double bootstrap;   /* mean adjusted Rand index between it and fits of resampled rows */
    double gap;         /* of the logarithm of the inertia, to that of rows without clusters */
    double gap_error;   /* of the gap: their standard deviation, and that of their mean */
} km_criteria;

/* One of the criteria: where it is in km_criteria, and how it is called. */
typedef struct km_criterion {
    const char *name;   /* in results and records */
    const char *title;  /* in tables for people */
    const char *choose; /* as --choose calls it; NULL: nothing can be chosen by it */
    size_t offset;
    int sign; /* +1: the larger the better; -1: the smaller */
} km_criterion;

/* Ended by a NULL name. */
extern const km_criterion km_criteria_table[];

/* The criterion of the table with this name, which is there. */
const km_criterion *km_criterion_named(const char *name);

double km_criterion_value(const km_criterion *criterion, const km_criteria *of);

/* The fits of several numbers of clusters, which are done from the largest number down. */
typedef struct km_choices {
    int64_t count;  /* numbers of clusters; 0: there is only one, and nothing to choose */
    int64_t n_done; /* the last n_done rows are known */
    int64_t best;   /* of these, the row that is kept */
    int64_t n_features;
    km_criteria *rows;    /* [count], numbers of clusters ascending */
    double *centers;      /* [sum of the numbers][n_features], working values; of an answer that is
                             complete in the units of the features */
    double *weights;      /* [sum of the numbers] */
    km_restarts restarts; /* all fits with the best number, and the best of them, without labels */
    km_fit fit;
} km_choices;

/* Places for the numbers of clusters of a problem, none of them done. Local. KM_MEMORY; call
 * km_choice_free also then. */
km_code km_choice_create(km_choices *choice, const skymeans_problem *problem, int64_t n_features,
                         km_error *error);
void km_choice_free(km_choices *choice);

/* The row that is done next, or -1. */
int64_t km_choice_next(const km_choices *choice);

/* Where the centers of a row begin, in clusters. */
int64_t km_choice_first(const km_choices *choice, int64_t row);

/* Is row a better than row b? Rows whose criterion can't be said are the worst; of equals the one
 * with fewer clusters is better. */
bool km_choice_is_better(const km_choices *choice, const km_criterion *criterion, int64_t a,
                         int64_t b);

/* Is the criterion known of any row that is done? */
bool km_choice_knows(const km_choices *choice, const km_criterion *criterion);

/* The criterion that --choose calls so, NULL if there is none; and that of a checked problem: of
 * stability, that between fits of resampled rows, if there are such fits. */
const km_criterion *km_criterion_find(const char *choose);
const km_criterion *km_criterion_of(const skymeans_problem *problem);

/* Fewer centers out of many, [k][d], with the weights of their clusters, [k]: joins those two again
 * and again that raise the inertia least (Ward 1963, doi:10.1080/01621459.1963.10500845). `fewer`
 * is [k_fewer][d]. Local, the same bits everywhere. KM_MEMORY. */
km_code km_merge_centers(const double *centers, const double *weights, int64_t k, int64_t d,
                         double *fewer, int64_t k_fewer, km_error *error);

/* Are the seedings of restarts kept, since fewer clusters can begin with the first centers of more?
 */
bool km_keeps_seeds(const skymeans_problem *problem);

/* Bytes per rank of a choice, and of finding the criteria of a fit beside it; 0 for one number of
 * clusters. */
double km_choice_bytes(const skymeans_problem *problem, const km_shape *shape);
double km_criteria_bytes(const skymeans_problem *problem, const km_shape *shape);

#endif
