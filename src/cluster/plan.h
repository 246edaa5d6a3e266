/* plan.h - how a problem will be solved: all decisions, made once. Pure: the same on all ranks. */
#ifndef SKYMEANS_CLUSTER_PLAN_H
#define SKYMEANS_CLUSTER_PLAN_H

#include "cluster/problem.h"
#include "fit/fit.h"
#include "seeding/seeding.h"

/* Bytes that a rank needs beside the program and its libraries. */
typedef struct km_memory {
    double samples;                    /* from beginning to end */
    double ordering, seeding, fitting; /* beside them, in turn */
    double answer;                     /* when the fits are done, beside the samples */
} km_memory;

typedef struct km_plan {
    km_shape shape;
    const km_method *method;
    const km_kernel *kernel;
    const km_seeding *seeding; /* NULL: first centers are given */
    bool redistributes; /* do ranks exchange samples before a fit, so that each has neighbours? */
    bool orders;        /* does each rank put its samples in order before? */
    km_memory memory;
} km_plan;

/* The kernels called so (or, for "auto", all that are fast) that all ranks can run. Collective. */
uint64_t km_kernels_of_all_ranks(const char *name, MPI_Comm comm);

/* `shape` is that of the rank with most rows, but for clusters and fits, which are those of the
 * checked problem; `kernels` as above. KM_USAGE if there is no such algorithm or kernel. */
km_code km_plan_create(km_plan *plan, const skymeans_problem *problem,
                       const skymeans_manner *manner, const km_shape *shape, uint64_t kernels,
                       km_error *error);

/* What is done with the order of the samples, for people. */
const char *km_plan_order_text(const km_plan *plan);

/* What is left of a plan where rows are only labelled. */
km_plan km_plan_without_fit(const km_plan *plan);

/* A manner with all defaults, from one that a caller gave, or NULL. KM_USAGE for what can't be. */
km_code km_manner_check(skymeans_manner *manner, const skymeans_manner *given, km_error *error);

#endif
