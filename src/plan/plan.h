/* plan.h - the command line, and the plan that follows from it.
 *
 * Pure: the same on all ranks for the same arguments; knows neither files nor communication. */
#ifndef SKYMEANS_PLAN_H
#define SKYMEANS_PLAN_H

#include "assign/assign.h"
#include "base/error.h"
#include "catalogue/catalogue.h"
#include "kernels/kernels.h"
#include "process/log.h"
#include "samples/samples.h"
#include "seeding/seeding.h"

/* What an option says that may be repeated. */
enum { KM_MOST_TEXTS = 64 };
typedef struct km_texts {
    int64_t count;
    const char *texts[KM_MOST_TEXTS];
} km_texts;

/* How much of the catalogue --verify reads once more. */
typedef enum km_verification { KM_VERIFY_NOTHING, KM_VERIFY_ALL, KM_VERIFY_SAMPLE } km_verification;

/* What the user asks of a command. Texts point into argv. */
typedef struct km_options {
    const char *const *catalogues; /* [n_catalogues], files in their order; of `info` the file */
    int64_t n_catalogues;
    const char *model; /* of `predict`: the result of a fit */
    const char *output;
    const char *dataset, *columns; /* NULL: the default choice */
    int64_t clusters;
    const char *weights; /* NULL: all 1 */
    const char *ids;     /* NULL: none */
    int64_t missing;     /* km_missing */
    km_texts missing_values;
    bool raw, fill_is_missing, transpose, follow_external;
    int64_t scale; /* km_scaling */
    const char *seeding;
    int64_t seeding_rows; /* 0: max(100 000, 16 k); INT64_MAX: all */
    uint64_t random_seed;
    int64_t restarts;
    double tolerance;
    int64_t max_iterations;
    const char *algorithm; /* "auto", or the name of a method */
    const char *kernel;
    const char *checkpoint;     /* NULL: none */
    double checkpoint_interval; /* minutes */
    double max_hours;           /* 0: no limit */
    int64_t threads;            /* of a rank; 0: by OMP_NUM_THREADS or its cores */
    const char *metrics;        /* NULL: none */
    int64_t ranks;              /* that --dry-run plans for; 0: as many as there are */
    int64_t verify;             /* km_verification */
    bool distances, overwrite, dry_run, explain_outputs, quiet, verbose;
    bool json; /* of `info` */
} km_options;

/* What to do with a command line. */
typedef enum km_action {
    KM_ACTION_FIT,
    KM_ACTION_PREDICT,
    KM_ACTION_INFO, /* about options->catalogues[0] */
    KM_ACTION_HELP,
    KM_ACTION_FIT_HELP,
    KM_ACTION_PREDICT_HELP,
    KM_ACTION_INFO_HELP,
    KM_ACTION_VERSION
} km_action;

/* Reads the command line. KM_USAGE, saying what is wrong with it. */
km_code km_options_parse(int argc, char **argv, km_action *action, km_options *options,
                         km_error *error);

/* The texts of --help, to stdout. */
void km_help_print(km_action action);

/* What scripts want to know of a command line of `fit` (--explain-outputs), to stdout. */
void km_outputs_print(const km_options *options, km_action action);

km_verbosity km_options_verbosity(const km_options *options);

/* What was chosen, as the command line has it. */
const char *km_options_scale(const km_options *options);
bool km_scaling_parse(const char *text, km_scaling *scaling); /* false: there is none called so */
const char *km_options_missing(const km_options *options);

/* How the fit will be done. Of `predict` only the kernel matters. */
typedef struct km_plan {
    const km_method *method;
    const km_kernel *kernel;
    const km_seeding *seeding; /* NULL: from the file options->seeding */
    int64_t seeding_rows;
} km_plan;

/* `kernels` are those that all ranks can run. KM_USAGE or KM_DATA if the options don't fit each
 * other or the catalogue's number of rows. */
km_code km_plan_create(km_plan *plan, const km_options *options, int64_t n_rows, int64_t n_features,
                       uint64_t kernels, km_error *error);

/* Are first centers drawn from all rows by their distances, not from some chosen before? */
bool km_plan_draws_from_all(const km_plan *plan, int64_t n_rows);

/* Do ranks exchange samples before the fit, so that each has neighbours in space? */
bool km_plan_redistributes(const km_plan *plan, int64_t n_clusters, int64_t n_rows, int n_ranks);

/* Do ranks put their samples in order when they have read them? That takes boxes which prune: those
 * of the method, but before an exchange, or those of a seeding. */
bool km_plan_orders(const km_plan *plan, int64_t n_clusters, int64_t n_rows, int64_t n_used,
                    int n_ranks);

/* Bytes that a rank needs, beside the program and its libraries. */
typedef struct km_memory {
    double samples;  /* held from reading to the end */
    double reading;  /* beside them: buffers, */
    double ordering; /* or places and keys, */
    double seeding;  /* or rows to draw from, */
    double fitting;  /* or labels, centers and sums, */
    double writing;  /* or labels, centers, what rows have in the result, and buffers */
    double most;     /* at any one time */
} km_memory;

/* What the rank with the largest slab needs, if all of its rows are used. */
km_memory km_plan_memory(const km_plan *plan, const km_options *options,
                         const km_catalogue *catalogue, int n_ranks);

#endif
