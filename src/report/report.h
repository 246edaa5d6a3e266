/* report.h - what people and machines read of a run: progress, summary, metrics, dry run, info.
 *
 * By one rank. It does not know how labels were computed. */
#ifndef SKYMEANS_REPORT_REPORT_H
#define SKYMEANS_REPORT_REPORT_H

#include "result/result.h"

/* Writes the metrics record as JSON beside its final name, and reads it back. By one rank. */
km_code km_metrics_write(km_output *output, const km_record *record, const km_report *report,
                         km_error *error);

/* --dry-run: shape, plan and memory a rank, to stdout. By one rank. */
typedef struct km_dry_run {
    const km_catalogue *catalogue;
    const km_plan *plan; /* for the ranks and threads that are planned for */
    bool is_fit;
    const char *seeding; /* as it was told */
    uint64_t random_seed;
    bool has_distances, is_verified;
} km_dry_run;

void km_dry_run_print(const km_dry_run *run);

/* `info`: what a file is, to stdout. By one rank. */
km_code km_info_print(const km_catalogue_name *asked, bool is_json, km_error *error);

/* How far the fits are: a line that changes on a terminal, at growing intervals elsewhere. */
typedef struct km_progress {
    const km_log *log;
    int64_t restart, n_restarts, max_iterations;
    double started;         /* the run; times of km_now() */
    double fit_started;     /* with its seeding */
    double pace;            /* seconds of an iteration, lately */
    int64_t n_timed;        /* fits that this process has done from beginning to end, */
    double seconds_of_fits; /* and what they took */
} km_progress;

/* Before the seeding of a fit, and after a fit that was not gone on with from a checkpoint. */
void km_progress_begin_fit(km_progress *progress, int64_t restart);
void km_progress_end_fit(km_progress *progress);

/* What can be said after an iteration at a time of km_now(): ", about 2 min left" where fits were
 * done, and the others take as long; else what the limit of iterations allows, ", at most 2 min
 * left"; an empty text where that is nothing. */
void km_progress_time_left(const km_progress *progress, int64_t number, double now, char *text,
                           size_t size);

/* For km_fit_task.observe; the context is a km_progress. */
void km_progress_observe(void *progress, const km_iteration *iteration);

/* The closing summary, to stdout: the result, the clusters, the phases over all ranks. By one rank.
 */
void km_summary_print(const km_record *record, const km_report *report);
void km_prediction_print(const km_record *record, const km_report *report);

#endif
