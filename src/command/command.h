/* command.h - the story of a run: what it holds, and its steps in their order. All steps are
 * collective, and those that return a code return the same on all ranks, but where local is said.
 */
#ifndef SKYMEANS_COMMAND_COMMAND_H
#define SKYMEANS_COMMAND_COMMAND_H

#include "command/options.h"
#include "process/lock.h"

/* What a run holds on its way. */
typedef struct km_story {
    MPI_Comm comm;
    km_options options;
    const char *command;     /* the command line, as a shell takes it */
    double started;          /* a time of km_now() */
    double first_started;    /* the first go of the run, seconds since 1970 */
    char *catalogue_text;    /* names of files out of lists, */
    const char **catalogues; /* and where each begins; NULL if there was no list */
    km_log log;
    km_timers timers; /* of the steps outside of the engine */
    km_catalogue catalogue;
    double *first_centers;    /* [k][d] out of a file, in the units of the features; or NULL */
    km_plan plan;             /* for these ranks */
    skymeans_control control; /* of reading and fitting */
    km_pace pace;             /* of reading */
    skymeans_samples samples;
    km_findings findings;
    uint64_t read_hash; /* of what --verify reads again, see km_hash_as_read */
    skymeans_answer *answer;
    bool is_verified;
    km_model model;           /* of `predict` */
    char *columns;            /* its features, as -c takes them */
    char *question;           /* of the checkpoint; on the first rank */
    km_checkpoint checkpoint; /* what the run goes on from */
    bool has_state;           /* it has a state of the engine, */
    uint64_t state_hash;      /* of samples whose features have this hash */
    km_lock lock;             /* of the checkpoint; of one rank */
    int64_t n_goes;           /* this one, and those that it goes on from */
    double *distances;        /* [rows of the slab], see km_record */
    km_setting setting;
    km_progress progress;
    bool is_looked_at;        /* the samples that are being fitted, for warnings */
    int64_t too_many_threads; /* of a rank, more than it has cores; or 0 */
    km_report report;
    km_error error;
} km_story;

/* Is this the rank that speaks, and may it? Local. */
static inline bool km_is_heard(const km_story *s)
{
    return s->log.is_speaker && s->log.verbosity != KM_QUIET;
}

/* --verify reads one in so many blocks of rows again; of small catalogues all. Local. */
static inline int64_t km_verify_every(const km_story *s)
{
    enum { EVERY = 64, FEWEST_BLOCKS = 16 };
    return s->options.verify == KM_VERIFY_SAMPLE &&
                   s->catalogue.n_rows >= EVERY * FEWEST_BLOCKS * KM_READ_AGAIN_ROWS
               ? EVERY
               : 1;
}

/* ---- the process ---- */

/* What launchers (mpirun, srun) say in the environment. */
typedef struct km_launch {
    bool is_launched;
    const char *variable; /* that says how many tasks there are; NULL: none does */
    int64_t n_tasks, number;
} km_launch;

/* Local. */
km_launch km_launch_find(void);

/* Under the launcher of another MPI each task is alone in its world, and all would write the same
 * files: true for the first, with a warning, and false for the others. */
bool km_goes_on_alone(km_story *s, const km_launch *launch);

/* ---- before the catalogue is read ---- */

/* Puts the files that lists name (@FILE) in the place of these. KM_SYSTEM or KM_DATA if a list
 * can't be read, or is none. */
km_code km_expand_lists(km_story *s);

/* How many threads per rank: by option, environment or share of the cores; and has as many.
 * KM_MEMORY if there can't be so many. */
int64_t km_count_threads(const km_story *s);
km_code km_start_threads(km_story *s);
void km_warn_of_threads(const km_story *s);

km_code km_check_outputs(km_story *s);

/* Opens the catalogue, reads first centers if they are in a file, and makes the plan. */
km_code km_open_catalogue(km_story *s);
km_code km_say_columns(km_story *s);

/* The plan for other ranks and threads than these. */
km_code km_make_plan(km_story *s, int n_ranks, int64_t n_threads);

/* What the options say of the catalogue, and what is written, which it may not be. Local. */
km_catalogue_name km_catalogue_of_options(const km_options *options);

/* The engine names fields of structs and numbers of features: in messages for the user these become
 * options, and the catalogue or another file is said. Local. */
void km_say_option(km_error *error);
void km_say_place(km_error *error, const char *path, const char *table);

/* ---- what is likely a mistake, but no error: one warning of each kind ---- */

/* Files, and of a fit also its features, by what their headers say. */
km_code km_warn_of_catalogue(km_story *s);

/* Features that were taken by default and look like ids, by values as they were read. */
km_code km_warn_of_counters(km_story *s);

/* Features without differences, by the facts of the samples that are being fitted. Local. */
void km_warn_of_constants(const km_story *s);

/* ---- stopping and going on ---- */

/* What the engine and the reader may ask and tell. Local. */
void km_prepare_control(km_story *s);

/* Was the reading or the fit stopped, and saved? Then the error says where. */
bool km_is_stopped_early(km_story *s);

/* Has this run alone work on its checkpoint, if there is one; and at the end no more. */
km_code km_lock_checkpoint(km_story *s);
void km_unlock_checkpoint(km_story *s);

/* Removes the checkpoint of a run that is complete. */
void km_forget_checkpoint(km_story *s);

/* Looks for a checkpoint, and takes over what it holds. */
km_code km_go_on(km_story *s);

/* Writes the checkpoint with a state of the engine, or with none. */
km_code km_save_state(km_story *s, const void *state, size_t size, km_error *error);

/* What must be the same for a run to go on: a line for each. A new text; NULL if there is no
 * memory. Local. */
char *km_question_text(const km_story *s);

/* ---- from the catalogue to the result ---- */

km_code km_read_samples(km_story *s);

/* The engine's call. */
km_code km_fit_samples(km_story *s);

km_code km_verify_answer(km_story *s);

/* The time of all steps so far. Local. */
km_timers km_all_timers(const km_story *s);

/* ---- the steps of `predict` ---- */

km_code km_read_model(km_story *s);
km_code km_open_other_catalogue(km_story *s);
km_code km_predict_samples(km_story *s);

/* Both files are complete before the first gets its name; metrics appear only with their result. */
km_code km_write_outputs(km_story *s);
km_record km_make_record(const km_story *s);
void km_warn_at_end(const km_story *s);

/* Did a signal end the fits before they were all done? The same on all ranks. */
bool km_is_interrupted(const km_story *s);

#endif
