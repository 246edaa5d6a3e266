/* result.h - what a run leaves: the result file, progress on the way, the closing summary.
 *
 * It does not know how labels were computed. */
#ifndef SKYMEANS_RESULT_H
#define SKYMEANS_RESULT_H

#include "skymeans/base.h"
#include "skymeans/catalogue.h"
#include "skymeans/comm.h"
#include "skymeans/fit.h"
#include "skymeans/plan.h"
#include "skymeans/samples.h"

/* Everything there is to tell about a run; samples and labels are this rank's. */
typedef struct km_record {
    const km_options *options;
    const km_plan *plan;
    const km_catalogue *catalogue;
    const km_transform *transform;
    const km_samples *samples;
    const km_fit *fit;
    const char *command; /* the command line, with blanks between its words */
    int64_t n_used, n_missing;
    double started;         /* seconds since 1970 */
    double *centers;        /* [k][d], in the units of the features */
    uint64_t checksum;      /* of labels, centers and inertia */
    uint64_t features_hash; /* of the feature values of all used rows */
} km_record;

/* Refuses early what would fail at the end: KM_USAGE if the output exists and may not be replaced,
 * KM_SYSTEM if its folder is not there or not writable. Collective; errors are agreed. */
km_code km_result_check_output(const char *path, bool may_replace, MPI_Comm comm, km_error *error);

/* Completes a record from its first part: centers in the units of the features and the checksum.
 * Collective; errors are agreed. Free with km_record_free. */
km_code km_record_complete(km_record *record, MPI_Comm comm, km_error *error);
void km_record_free(km_record *record);

/* The hash of all features of all samples, the same for any number of ranks. Collective. */
uint64_t km_hash_samples(const km_samples *samples, MPI_Comm comm);

/* Writes the result: beside, read back and compared, then renamed. Collective; errors are agreed,
 * and nothing is left under the final name then. */
km_code km_result_write(const km_record *record, MPI_Comm comm, km_error *error);

/* One line an iteration on a terminal, at most one in ten seconds elsewhere. */
typedef struct km_progress {
    const km_log *log;
    double last_line; /* time of it */
} km_progress;

/* For km_fit_task.observe; the context is a km_progress. */
void km_progress_observe(void *progress, const km_iteration *iteration);

/* The closing summary, to stdout: the result, the clusters, the phases over all ranks. Collective;
 * one rank prints. */
void km_summary_print(const km_record *record, const km_timers *timers, int64_t bytes_read,
                      const km_log *log, MPI_Comm comm);

#endif
