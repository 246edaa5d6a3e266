/* command.h - the story of a run: what it holds, and its steps in their order.
 *
 * All steps are collective where nothing else is said, and those that return a code return the same
 * on all ranks. A go is one start of the program: a run that is stopped with a checkpoint, and
 * started again, takes several. */
#ifndef SKYMEANS_COMMAND_COMMAND_H
#define SKYMEANS_COMMAND_COMMAND_H

#include "command/options.h"
#include "process/lock.h"

/* What a run holds while it goes through its steps. main() creates and frees it. */
typedef struct km_story {
    MPI_Comm comm;
    km_options options;
    const char *command;     /* the command line, as a shell takes it */
    double started;          /* when this go began, by km_now() */
    double first_started;    /* when the first go began, in seconds since 1970 */
    char *catalogue_text;    /* names of the files in lists (@FILE), each ended by a zero byte */
    const char **catalogues; /* where each name begins; NULL if there is no list */
    km_log log;
    km_timers timers;   /* of the steps outside of the engine */
    km_machine machine; /* of --machine, or measured by `probe` */
    km_energy energy;   /* of this node, on its lowest rank */
    km_catalogue catalogue;
    double *first_centers;    /* [k][d] from a file, in the units of the features; or NULL */
    double *factors;          /* [d], of --factor; NULL: all are 1 */
    skymeans_control control; /* what the engine is told while reading and fitting */
    km_pace pace;             /* of reading; then of describing */
    skymeans_samples samples;
    km_findings findings;
    uint64_t read_hash;   /* of the rows that --verify reads again, see km_hash_as_read */
    uint64_t values_hash; /* of all values, and weights */
    char fingerprint[KM_FINGERPRINT_SIZE];
    skymeans_answer *answer;
    km_catalogue described; /* the columns of --describe; no features: none */
    char *described_columns;
    int64_t order_column; /* of the described columns, that of --order-by */
    km_templates templates;
    bool is_verified;
    km_model model;           /* of `predict` and `verify` */
    km_recorded recorded;     /* of `verify` */
    char *columns;            /* features of the model, or with --sky, as -c takes them */
    char *question;           /* of the checkpoint; on rank 0 */
    km_checkpoint checkpoint; /* that the run goes on from */
    bool has_state;           /* the checkpoint has a state of the engine */
    bool has_saved;           /* so has one that this go wrote */
    uint64_t state_hash;      /* of the features of the samples of that state */
    km_lock lock;             /* of the checkpoint; on rank 0 */
    int64_t n_goes;           /* this go, and those that it goes on from */
    double *distances;        /* [rows of the slab], see km_record; the same: */
    int32_t *second_labels;
    double *second_distances;
    km_borders borders;
    km_sky sky;
    km_setting setting;
    km_progress progress;
    bool has_checked_constants; /* has looked for constant features, to warn of them once */
    int64_t too_many_threads;   /* maximum over ranks with more threads than cores; or 0 */
    km_report report;
    km_error error;
} km_story;

/* Does this rank print what --quiet leaves out? Only rank 0 prints at all. Local. */
static inline bool km_is_heard(const km_story *s)
{
    return s->log.is_speaker && s->log.verbosity != KM_QUIET;
}

/* Every so many-th block of rows is read again by --verify: every 64th if --verify=sample is given
 * and the catalogue is large, else every one. Local. */
static inline int64_t km_verify_every(const km_story *s)
{
    enum { EVERY = 64, MIN_BLOCKS = 16 };
    return s->options.verify == KM_VERIFY_SAMPLE &&
                   s->catalogue.n_rows >= EVERY * MIN_BLOCKS * KM_READ_AGAIN_ROWS
               ? EVERY
               : 1;
}

/* ---- the process ---- */

/* What a launcher (mpirun, srun) says of itself in the environment. */
typedef struct km_launch {
    bool is_launched;
    const char *variable; /* of the environment, with the number of tasks; NULL: none has it */
    int64_t n_tasks;      /* 0 or 1 if it isn't known */
    int64_t number;       /* of this task, from 0 */
} km_launch;

/* Looks for a launcher. Local. */
km_launch km_launch_find(void);

/* Before MPI starts: without a launcher it needs no other processes and no network. What the user
 * has set stays. */
void km_launch_alone(const km_launch *launch);

/* Does this task go on? If the launcher belongs to another MPI, each task is the only rank of its
 * own MPI, and all would write the same files: then only the first task goes on, with a warning. */
bool km_goes_on_alone(km_story *s, const km_launch *launch);

/* ---- before the catalogue is read ---- */

/* Replaces each list of files (@FILE) by the files that it names. KM_SYSTEM if a list can't be
 * read, KM_DATA if it is not a list of files. */
km_code km_expand_lists(km_story *s);

/* The number of threads per rank: that of --threads, else of OMP_NUM_THREADS, else the rank's share
 * of the cores. */
int64_t km_count_threads(const km_story *s);

/* Sets this number of threads. KM_MEMORY if they can't be created. */
km_code km_start_threads(km_story *s);

/* Puts large arrays into the folders of --scratch, if it is given, and warns if these are in
 * memory.
 */
km_code km_start_scratch(km_story *s);

/* Begins to measure the energy of the nodes. */
void km_start_meter(km_story *s);

/* Warns if a rank has more threads than cores. Local. */
void km_warn_of_threads(const km_story *s);

/* Refuses outputs that are inputs, are the same, or exist without --overwrite; and a --seeding that
 * is neither a method nor a file. */
km_code km_check_outputs(km_story *s);

/* Opens the catalogue, reads first centers if they are in a file, and refuses what contradicts
 * itself or names what there isn't. */
km_code km_open_catalogue(km_story *s);

/* With --sky, makes the list of features: unit vectors of positions, and what -c lists. KM_USAGE
 * for a bad --sky or --sky-scale. */
km_code km_take_sky(km_story *s);

/* KM_USAGE if a name of a computed column is that of another one, too. `option` lists them. */
km_code km_check_names(const km_catalogue *catalogue, const char *option, km_error *error);

/* Reads the values of --factor into the problem. KM_USAGE if one names no feature. */
km_code km_take_factors(km_story *s);

/* Prints the features if they were taken by default, and warns of some that may be a mistake. */
km_code km_say_columns(km_story *s);

/* The plans of --dry-run; that of a fit is made by the engine. */
km_code km_make_plans(km_story *s, km_plans *plans);

/* What there is on this node. Collective. */
km_node km_find_node(km_story *s);

/* How the options name the catalogue, and the outputs, which no file of it may be. Local. */
km_catalogue_name km_catalogue_of_options(const km_options *options);

/* Messages of the engine for the user, who knows options and files. The first turns the name of a
 * field of a struct into an option; the second adds a file, and the table in it unless it is NULL.
 * Local. */
void km_say_option(km_error *error);
void km_say_place(km_error *error, const char *path, const char *table);

/* ---- warnings of what is likely a mistake, one of each kind ---- */

/* Warns of files and, for a fit, features, by their headers. */
km_code km_warn_of_catalogue(km_story *s);

/* Warns of features that were taken by default and count the rows, by their values. */
km_code km_warn_of_counters(km_story *s);

/* Warns of features with the same value in all rows, by the facts of the samples. Local. */
void km_warn_of_constants(const km_story *s);

/* ---- stopping and going on ---- */

/* Fills in `control`: what is called while reading and fitting, when to stop, what to save. Called
 * before reading, and again before the fit. Local. */
void km_prepare_control(km_story *s);

/* Warns if the end of the Slurm job, by which a fit stops in time, passed before it began. */
void km_warn_of_past_job(const km_story *s);

/* Was the reading or the fit stopped with a checkpoint? Then the error says where. */
bool km_is_stopped_early(km_story *s);

/* The same while clusters are described: what the checkpoint has of the fit stays. Collective; sets
 * the error. */
void km_stop_description(km_story *s);

/* Releases the lock with which this run alone works on the checkpoint. */
void km_unlock_checkpoint(km_story *s);

/* Removes the checkpoint of a run that is complete. */
void km_forget_checkpoint(km_story *s);

/* With --checkpoint, locks it and reads it if it exists, so that the run goes on from it. */
km_code km_go_on(km_story *s);

/* Writes the checkpoint with a state of the engine; of size 0 before the engine has begun. */
km_code km_save_state(km_story *s, const void *state, size_t size, km_error *error);

/* The question of the checkpoint: a line for everything that must be the same for a run to go on. A
 * new text; NULL if out of memory. Local. */
char *km_question_text(const km_story *s);

/* Finds the fingerprint of a run whose answer is complete. */
km_code km_find_fingerprint(km_story *s);

/* ---- from the catalogue to the result ---- */

/* Reads the rows. KM_DATA also if a fit would have no row that can be used. */
km_code km_read_samples(km_story *s);

/* Calls the engine. KM_DATA also if the values are not those of the checkpoint. */
km_code km_fit_samples(km_story *s);

/* Reads rows again by serial HDF5, and compares their hash with that of the rows read before. */
km_code km_verify_reading(km_story *s);

/* With --verify, reads rows and computes the answer again. KM_INTERNAL if anything differs. */
km_code km_verify_answer(km_story *s);

/* Opens the catalogue with the columns of --describe, and finds that of --order-by among them. */
km_code km_open_described(km_story *s);

/* With --describe reads those columns and describes the clusters by them; with --order-by it
 * numbers the clusters anew. A run that is stopped before does neither. */
km_code km_describe_clusters(km_story *s);

/* Does a run that should describe the clusters lack that, since it was stopped? Local; the same on
 * all ranks. */
bool km_lacks_description(const km_story *s);

/* The times of all steps so far, also of the engine's. Local. */
km_timers km_all_timers(const km_story *s);

/* ---- the steps of `predict` ---- */

/* Reads the model, and takes the settings of the fit. */
km_code km_read_model(km_story *s);

/* Opens the catalogue with the features of the model. */
km_code km_open_other_catalogue(km_story *s);

/* Calls the engine. */
km_code km_predict_samples(km_story *s);

/* ---- the steps of `verify` ---- */

/* Reads what the result says, and takes the rows, weights and table that it was asked for. */
km_code km_read_recorded(km_story *s);

/* Checks it against the rows that were read, and prints what it finds. KM_INTERNAL if anything
 * differs. */
km_code km_check_result(km_story *s);

/* ---- the step of `compare` ---- */

/* Compares two labelings and prints what it finds. */
void km_compare_labels(km_story *s);

/* ---- `probe`, and the figures of a machine ---- */

/* Refuses an output that exists. */
km_code km_check_probe_output(km_story *s);

/* Measures the machine, prints what it can do, and writes it to the file of -o. */
km_code km_measure_machine(km_story *s);

/* Reads the file of --machine, if there is one. */
km_code km_take_machine(km_story *s);

/* ---- `generate` ---- */

/* Writes a mock catalogue, and says so. A signal ends it, and leaves nothing. */
km_code km_generate(km_story *s);

/* ---- the end of `fit` and `predict` ---- */

/* Writes the result and the metrics. Both are complete before the result gets its name, and metrics
 * get theirs only after it. */
km_code km_write_outputs(km_story *s);

/* What files and the summary say; it points into the story. Local. */
km_record km_make_record(const km_story *s);

/* Warns of a fit that was stopped, did not converge, or has empty clusters. Local. */
void km_warn_at_end(const km_story *s);

/* Did a signal end the run before all that was asked for was done? The same on all ranks. */
bool km_is_interrupted(const km_story *s);

#endif
