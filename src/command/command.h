/* command.h - the story of a run: what it holds, and its steps in their order. All steps are
 * collective, and those that return a code return the same on all ranks. */
#ifndef SKYMEANS_COMMAND_H
#define SKYMEANS_COMMAND_H

#include "base/error.h"
#include "base/timers.h"
#include "process/lock.h"
#include "process/log.h"
#include "report/report.h"

/* What a run holds on its way. */
typedef struct km_story {
    MPI_Comm comm;
    km_options options;
    char *catalogue_text;    /* names of files out of lists, */
    const char **catalogues; /* and where each begins; NULL if there was no list */
    km_log log;
    km_timers timers;
    km_plan plan;
    km_catalogue catalogue;
    km_samples samples;
    km_model model; /* of `predict` */
    char *columns;  /* its features, as -c takes them */
    km_transform transform;
    km_facts facts; /* of the working values */
    double *first_centers;
    km_fit fit; /* the best so far */
    km_restarts restarts;
    km_checkpoint checkpoint; /* what the run goes on from, and then what it saves */
    km_lock lock;             /* of the checkpoint; of one rank */
    bool is_saved;            /* with all that was done */
    km_stop last_stop;        /* of the last fit */
    int64_t fit_number;       /* of the fit on its way, or that was stopped; 0: none */
    double started;           /* a time of km_now() */
    double longest;           /* seconds of an iteration so far */
    double beginning;         /* seconds that the last fit took to its first iteration */
    double sharing;           /* seconds that ranks took to share space; to go home takes no more */
    km_setting setting;
    km_record record;
    km_progress progress;
    km_findings findings;
    int64_t too_many_threads; /* of a rank, more than it has cores; or 0 */
    km_report report;
    km_error error;
} km_story;

/* Is this the rank that speaks, and may it? */
static inline bool km_is_heard(const km_story *s)
{
    return s->log.is_speaker && s->log.verbosity != KM_QUIET;
}

/* --verify reads one in so many blocks of rows again; of small catalogues all. */
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

km_launch km_launch_find(void);

/* Under the launcher of another MPI each task is alone in its world, and all would write the same
 * files: true for the first, with a warning, and false for the others. */
bool km_goes_on_alone(km_story *s, const km_launch *launch);

/* ---- before the catalogue is read ---- */

/* Puts the files that lists name (@FILE) in the place of these. KM_SYSTEM or KM_DATA if a list
 * can't be read, or is none. */
km_code km_expand_lists(km_story *s);

/* By option, environment or share of the cores. KM_MEMORY if there can't be so many. */
km_code km_start_threads(km_story *s);
void km_warn_of_threads(const km_story *s);
km_code km_check_outputs(km_story *s);
km_code km_open_catalogue(km_story *s);
km_code km_say_columns(km_story *s);

/* What the options say of the catalogue, and the kernels that all ranks can run. */
km_catalogue_name km_catalogue_of_options(const km_options *options);
uint64_t km_kernels_of_all_ranks(const char *name, MPI_Comm comm);

/* ---- what is likely a mistake, but no error: one warning of each kind ---- */

/* Files, and of a fit also its features, by what their headers say. */
km_code km_warn_of_catalogue(km_story *s);

/* Features that were taken by default and look like ids, by values as they were read. */
km_code km_warn_of_counters(km_story *s);

/* Features without differences, by the facts of the samples. */
km_code km_warn_of_constants(km_story *s);

/* ---- stopping and going on ---- */

/* Begins to listen to signals and the clock. Without a checkpoint only a fit can be stopped, and
 * what was fitted so far is the result. */
void km_watch(km_story *s, bool is_fitting);

/* Has this run alone work on its checkpoint, if there is one; and at the end no more. */
km_code km_lock_checkpoint(km_story *s);
void km_unlock_checkpoint(km_story *s);

/* Removes the checkpoint of a run that is complete. */
void km_forget_checkpoint(km_story *s);

/* Looks for a checkpoint, and takes over what it holds. */
km_code km_go_on(km_story *s);

/* The catalogue may have changed in place, with the same size and time. */
km_code km_check_features(km_story *s);

/* For km_saving.save; the context is the story. */
km_code km_save_fit(void *context, const km_fit_state *state, km_error *error);

/* A run that was stopped where no fit was on its way still keeps the fits done. */
void km_keep_position(km_story *s);

/* ---- from the catalogue to the result ---- */

km_code km_read_samples(km_story *s);

/* From values as they were read to working values, in an order that is fast if there is none. */
km_code km_prepare_samples(km_story *s);

/* Gives ranks samples that are neighbours in space, if the method gains by it and they have not;
 * and back to the ranks of their slabs, with labels, see km_samples_return. */
bool km_shares_space(const km_story *s);
km_code km_share_space(km_story *s);
km_code km_go_home(km_story *s, int32_t **labels);

/* All fits; the best stays. */
km_code km_fit_all(km_story *s);
km_code km_verify_result(km_story *s);

/* ---- the steps of `predict` ---- */

km_code km_read_model(km_story *s);
km_code km_open_other_catalogue(km_story *s);
km_code km_label_rows(km_story *s);

/* Both files are complete before the first gets its name; metrics appear only with their result. */
km_code km_write_outputs(km_story *s);
void km_warn_at_end(const km_story *s);

/* Did a signal end the fits before they were all done? The same on all ranks. */
bool km_is_interrupted(const km_story *s);

#endif
