/* refine.h - the seeding `refined`: first centers improved by a fit of a sample of rows.
 *
 * The same on all ranks, for any number of ranks. */
#ifndef SKYMEANS_CLUSTER_REFINE_H
#define SKYMEANS_CLUSTER_REFINE_H

#include "fit/fit.h"
#include "seeding/seeding.h"

typedef struct km_refine_task {
    const km_seeding_task *seeding; /* for the first centers, which `choose` then draws */
    km_code (*choose)(const km_seeding_task *task, double *centers, km_error *error);
    const km_facts *facts;   /* of all samples */
    const km_method *method; /* see km_refine_method */
    double tolerance;        /* of the fit of the sample, as of km_fit_task */
    int64_t max_iterations;
    int exponent; /* as of km_fit_task */
} km_refine_task;

/* Chooses first centers. `drawn` [k][d] are those of `choose`, `centers` [k][d] those of a fit of
 * the sample that begins with them. *max_inertia is for km_fit_task: a larger inertia of all
 * samples shows that the sample does not represent them. With too few samples both centers are the
 * same, and *max_inertia is INFINITY. A wish to stop ends the fit of the sample, and is set in the
 * pace; when the time is up while there is nothing to keep, only the fit of the sample ends.
 * Collective over the communicator of the seeding. KM_MEMORY, agreed. */
km_code km_refine(const km_refine_task *task, double *centers, double *drawn, double *max_inertia,
                  km_error *error);

/* Rows of the sample; 0 if there are too few rows for that. Local. */
int64_t km_refine_rows(const km_shape *shape);

/* The method of the fit of the sample, given the name of an algorithm. Local. */
const km_method *km_refine_method(const char *algorithm, const km_shape *shape);

/* Bytes per rank of km_refine, and of the drawn centers. Local. */
double km_refine_bytes(const km_shape *shape, const km_seeding *seeding, const km_method *method);

#endif
