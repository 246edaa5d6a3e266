/* plan.h - how a problem will be solved: all decisions, made once. Functions are local, and their
 * results the same on all ranks, but where it says collective. */
#ifndef SKYMEANS_CLUSTER_PLAN_H
#define SKYMEANS_CLUSTER_PLAN_H

#include "cluster/problem.h"
#include "fit/fit.h"
#include "seeding/seeding.h"

/* Bytes per rank, beside the program and its libraries. */
typedef struct km_memory {
    double samples;                    /* all the time */
    double ordering, seeding, fitting; /* beside the samples, one after the other */
    double answer;                     /* beside the samples, after the fits */
} km_memory;

typedef struct km_plan {
    km_shape shape;
    const km_method *method;
    const km_method *early; /* with which a fit may begin, if its centers say so; or NULL */
    const km_method *late;  /* that a fit may go over to; or NULL */
    const km_kernel *kernel;
    const km_seeding *seeding; /* NULL: first centers are given */
    const km_method *refining; /* of the fit of a sample that improves the seeding's centers; NULL:
                                  none */
    bool redistributes;        /* do ranks exchange samples, so that each has neighbours? */
    bool redistributes_first;  /* before a fit, and not only in it? */
    bool orders;               /* does each rank put its samples in order before? */
    km_memory memory;
} km_plan;

/* The kernels of this name ("auto": all fast ones) that all ranks can run, as bits. Collective. */
uint64_t km_kernels_of_all_ranks(const char *name, MPI_Comm comm);

/* Are there an algorithm and a kernel called so? `kernels` as above. KM_USAGE if not. */
km_code km_manner_check_names(const skymeans_manner *manner, uint64_t kernels, km_error *error);

/* Plans the solution of a checked problem. `shape` is that of the rank with the most rows; its
 * counts of clusters, fits and seeding rows are taken from the problem. `kernels` as above.
 * KM_USAGE if there is no such algorithm or kernel. */
km_code km_plan_create(km_plan *plan, const skymeans_problem *problem,
                       const skymeans_manner *manner, const km_shape *shape, uint64_t kernels,
                       km_error *error);

/* The order of the samples, as a text for people, of a fit that has been or, NULL, will be. */
const char *km_plan_order_text(const km_plan *plan, const km_fit *fit);

/* Bytes per rank that finding places and sizes on the sky takes. */
double km_sky_bytes(const km_shape *shape);

/* The plan of a prediction with the same shape and kernel. */
km_plan km_plan_without_fit(const km_plan *plan);

/* Checks a manner that a caller gave, or NULL, and fills in defaults. KM_USAGE for bad values. */
km_code km_manner_check(skymeans_manner *manner, const skymeans_manner *given, km_error *error);

#endif
