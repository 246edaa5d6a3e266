/* refine.h - the seeding `refined`: first centers improved by a fit of a sample of rows.
 *
 * The same on all ranks, for any number of ranks. */
#ifndef SKYMEANS_CLUSTER_REFINE_H
#define SKYMEANS_CLUSTER_REFINE_H

#include "fit/fit.h"
#include "seeding/seeding.h"

typedef struct km_refine_task {
    const km_seeding_task *seeding; /* for all samples */
    km_code (*choose)(const km_seeding_task *task, double *centers, km_error *error);
    int64_t n_rows;          /* see km_refine_rows, not 0 */
    const km_facts *facts;   /* of all samples */
    const km_method *method; /* see km_refine_method */
    double tolerance;        /* of the fit of the sample, as of km_fit_task */
    int64_t max_iterations;
    double radius; /* as of km_fit_task, and this */
    int exponent;
} km_refine_task;

/* What was done for the first centers of a fit. */
typedef struct km_refined {
    int64_t n_rows, n_iterations; /* of the fit of the sample; 0 rows: there was none */
    double max_inertia; /* for km_fit_task: more shows that the sample does not represent all */
    bool is_refused;    /* so the fit began with centers that were not refined */
    double inertia;     /* of the sample */
} km_refined;

/* Chooses first centers: those of a fit of the sample that begins with centers drawn from it. A
 * wish to stop ends the fit of the sample, and is set in the pace; when the time is up while there
 * is nothing to keep, only the fit of the sample ends. Collective over the communicator of the
 * seeding. KM_MEMORY, agreed. */
km_code km_refine(const km_refine_task *task, double *centers, km_refined *refined,
                  km_error *error);

/* Rows of the sample, given how many samples have weight; 0 if they are too few for that. Local. */
int64_t km_refine_rows(const km_shape *shape, int64_t n_samples);

/* The method of the fit of the sample, given the name of an algorithm. Local. */
const km_method *km_refine_method(const char *algorithm, const km_shape *shape);

/* Bytes per rank of km_refine. Local. */
double km_refine_bytes(const km_shape *shape, const km_seeding *seeding, const km_method *method);

/* Draws centers from such a copy of samples, fits it, and gives the centers of the fit. If the pace
 * is stopped meanwhile, centers are unset. Collective; errors are agreed. */
km_code km_refine_on(const km_refine_task *task, km_samples *sample, double *centers,
                     km_refined *refined, km_error *error);

#endif
