/* report.h - what people and programs read of a run: progress, summary, metrics, dry run, info.
 *
 * All is local, by one rank. It does not know how labels were computed. */
#ifndef SKYMEANS_REPORT_REPORT_H
#define SKYMEANS_REPORT_REPORT_H

#include "result/result.h"

/* Writes the metrics as JSON under a temporary name, and reads them back. The caller publishes the
 * file. KM_SYSTEM if it can't be written, KM_MEMORY. */
km_code km_metrics_write(km_output *output, const km_record *record, const km_report *report,
                         km_error *error);

/* Distances between samples and centers that the iterations of the fit evaluated, from its history:
 * without the assignments that repeat one after a restart from a checkpoint, and the last one,
 * which belongs to no iteration. */
typedef struct km_distance_counts {
    int64_t distances;      /* by all ranks */
    int64_t most_distances; /* by the rank with most, which may be another in each iteration */
    double per_sample;      /* used samples, and iteration */
} km_distance_counts;

km_distance_counts km_count_distances(const km_record *record);

/* How fast all ranks together assigned, per second of the phase: distances; flop, of which a
 * distance has three per feature (a subtraction, and a multiplication and addition in one); and the
 * bytes of values and labels of all samples, which every assignment is taken to read once. Methods
 * that skip samples read less. 0 if nothing was assigned. */
typedef struct km_rates {
    double distances, flop, bytes;
} km_rates;

km_rates km_find_rates(const km_record *record, const km_report *report);

/* FMAs per second that the machine of a record can do with as many threads as the run had. */
double km_limit_of_threads(const km_machine *machine, const km_record *record);

/* Adds where a run was, and with which libraries, to the open object. */
struct km_json;
void km_json_put_setting(struct km_json *json, const km_setting *setting);

/* What `probe` found: printed to stdout; and written as JSON under a temporary name, and read back.
 * The caller publishes the file. KM_SYSTEM if it can't be written, KM_MEMORY. */
typedef struct km_probed {
    const km_machine *machine;
    const km_setting *setting;
    const km_kernel *kernel;
    const char *command;
} km_probed;

void km_probe_print(const km_machine *machine, const km_setting *setting, const km_kernel *kernel);
km_code km_probe_write(km_output *output, const char *path, const km_probed *probed,
                       km_error *error);

/* The plans of a run, which are the same but for the memory that they count. */
typedef struct km_plans {
    km_plan in_memory, beside_disk, with_disk;
} km_plans;

/* A node, and what of it the run may use. */
typedef struct km_node {
    int n_ranks;            /* that it has */
    double memory, scratch; /* bytes */
} km_node;

/* Prints which program this is, and with which libraries it runs, in one line. */
void km_version_print(void);

/* What --dry-run prints. */
typedef struct km_dry_run {
    const km_catalogue *catalogue;
    const km_catalogue *described; /* without features if nothing is described */
    const km_plans *plans;         /* for the ranks and threads that are planned for */
    const km_plan *plan;           /* the one of them that runs */
    const char *scratch;           /* folders; NULL: none */
    km_node node;
    bool is_fit;
    const skymeans_problem *problem;
    const char *seeding; /* as the option says it */
    const km_outputs *outputs;
    bool is_verified;
    const km_machine *machine;        /* NULL: not known */
    const char *const *machine_files; /* [n_machine_files], where they are from */
    int64_t n_machine_files;
} km_dry_run;

/* Prints the catalogue, the plan, and the memory per rank to stdout. */
void km_dry_run_print(const km_dry_run *run);

/* `info`: prints what a file has to stdout. KM_DATA or KM_SYSTEM if it can't be read, KM_MEMORY. */
km_code km_info_print(const km_catalogue_name *asked, bool is_json, km_error *error);

/* How far the fits are: a line that changes on a terminal, or lines at growing intervals. */
typedef struct km_progress {
    const km_log *log;
    int64_t restart, n_restarts, max_iterations;
    double started;         /* when the run began, by km_now() */
    double fit_started;     /* when this fit began, with its seeding */
    double pace;            /* mean seconds per iteration, of the last ones */
    int64_t n_timed;        /* fits that this process has done from beginning to end */
    double seconds_of_fits; /* what these took */
} km_progress;

/* To be called before the seeding of a fit; and after a fit that began in this process, so that its
 * time is known. */
void km_progress_begin_fit(km_progress *progress, int64_t restart);
void km_progress_end_fit(km_progress *progress);

/* The time left after an iteration that ends at `now`, as text. If fits were done, the others will
 * take as long: ", about 2 min left". Else it is what the limit of iterations allows: ", at most 2
 * min left". Empty if too short or too long to be of use. */
void km_progress_time_left(const km_progress *progress, int64_t number, double now, char *text,
                           size_t size);

/* Notes an iteration, and prints a line if one is due. */
void km_progress_observe(void *progress, const km_iteration *iteration);

/* The closing summaries of `fit` and of `predict`, to stdout: the result, the clusters, the times
 * of the phases over all ranks. */
void km_summary_print(const km_record *record, const km_report *report);
void km_prediction_print(const km_record *record, const km_report *report);

#endif
