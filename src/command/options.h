/* options.h - the options of a command line, and the tables of options that the parser, --help and
 * the tests read. All is local. */
#ifndef SKYMEANS_COMMAND_OPTIONS_H
#define SKYMEANS_COMMAND_OPTIONS_H

#include "mock/mock.h"
#include "report/report.h"

/* The values of an option that may be repeated. */
enum { KM_MAX_TEXTS = KM_MAX_MISSING_VALUES };
typedef struct km_texts {
    int64_t count;
    const char *texts[KM_MAX_TEXTS];
} km_texts;

/* Numbers of clusters, ascending. */
enum { KM_MAX_COUNTS = 256 };
typedef struct km_counts_asked {
    int64_t count;
    int64_t values[KM_MAX_COUNTS];
} km_counts_asked;

/* How many rows of the catalogue --verify reads again. */
typedef enum km_verification { KM_VERIFY_NOTHING, KM_VERIFY_ALL, KM_VERIFY_SAMPLE } km_verification;

/* What a command line asks for. Texts point into argv. */
typedef struct km_options {
    skymeans_problem problem; /* what decides the answer, with `seeding` */
    km_counts_asked clusters; /* the numbers of -k; the problem has them from here */
    int64_t predicted;        /* of `predict`: the number of clusters whose centers are used; 0: the
                                 kept one */
    const char *seeding;      /* a method, or a file of first centers */
    km_catalogue_name inputs; /* which rows; for `info` the file; missing_values is empty */
    km_texts missing_values;
    km_texts factors;       /* of features, NAME:F */
    km_texts hints;         /* for MPI-IO, KEY=VALUE */
    km_outputs outputs;     /* what is written */
    skymeans_manner manner; /* what never changes the answer, with `scratch` */
    const char *scratch;    /* folders; NULL: large arrays are in memory */
    const char *sky;        /* RA,DEC: columns or expressions; NULL: features are no positions */
    double sky_scale;       /* the radius of the sphere */
    const char *describe;   /* columns; NULL: none, "features": those of the fit */
    const char *order_by;   /* the described column by which clusters are numbered; or NULL */
    const char *model;      /* of `predict`: the result of a fit; of `verify`: that to check */
    const char *checkpoint; /* NULL: none */
    double save_minutes;    /* between two checkpoints */
    double max_hours;       /* 0: no limit */
    km_texts machines;      /* files with figures of one */
    int64_t ranks;          /* that --dry-run plans for; 0: those of this run */
    int64_t verify;         /* km_verification */
    bool dry_run, explain_outputs, quiet, verbose;
    const char *compared[2]; /* of `compare`: results, or FILE:/path */
    bool json;               /* of `info` and `compare` */
    km_mock_asked mock;      /* of `generate` */
} km_options;

/* What a command line asks to do. */
typedef enum km_action {
    KM_ACTION_FIT,
    KM_ACTION_PREDICT,
    KM_ACTION_INFO, /* about inputs.paths[0] */
    KM_ACTION_COMPARE,
    KM_ACTION_VERIFY,
    KM_ACTION_PROBE,
    KM_ACTION_GENERATE,
    KM_ACTION_HELP,
    KM_ACTION_FIT_HELP,
    KM_ACTION_PREDICT_HELP,
    KM_ACTION_INFO_HELP,
    KM_ACTION_COMPARE_HELP,
    KM_ACTION_VERIFY_HELP,
    KM_ACTION_PROBE_HELP,
    KM_ACTION_GENERATE_HELP,
    KM_ACTION_VERSION
} km_action;

/* Parses the command line. KM_USAGE if it is wrong. */
km_code km_options_parse(int argc, char **argv, km_action *action, km_options *options,
                         km_error *error);

/* Prints the text of --help for an action to stdout. */
void km_help_print(km_action action);

/* --explain-outputs: prints which files a command line of `fit` would write to stdout. */
void km_outputs_print(const km_options *options, km_action action);

km_verbosity km_options_verbosity(const km_options *options);

/* ---- the tables ------------------------------------------------------------------------------ */

typedef enum km_option_kind {
    KM_OPTION_FLAG,   /* bool */
    KM_OPTION_TEXT,   /* const char * */
    KM_OPTION_TEXTS,  /* km_texts: it may be repeated */
    KM_OPTION_HINTS,  /* the same, each KEY=VALUE as MPI takes them */
    KM_OPTION_INT,    /* int64_t, from `minimum` to `maximum` */
    KM_OPTION_COUNTS, /* km_counts_asked: 8, 4,8,16, 2..20 or 2..20:3 */
    KM_OPTION_ROWS,   /* the same, or "all" for INT64_MAX */
    KM_OPTION_UINT,   /* uint64_t */
    KM_OPTION_REAL,   /* double, at least 0 */
    KM_OPTION_CHOICE, /* const char *, one of `choices` */
    KM_OPTION_MODE,   /* int64_t, the index of one of `choices`; without an argument 1 */
} km_option_kind;

typedef struct km_option {
    const char *name;
    char letter;          /* 0: none */
    const char *argument; /* as --help calls it; NULL for flags */
    km_option_kind kind;
    size_t offset; /* in km_options */
    int64_t minimum, maximum;
    const char *const *choices; /* ended by NULL */
    const char *fallback;       /* the default, parsed like an argument; NULL: none */
    const char *help;
} km_option;

/* Gives the option the value that a text says, which is NULL for one without an argument. KM_USAGE
 * if that can't be. */
km_code km_option_set(const km_option *option, const char *text, km_options *options,
                      km_error *error);

/* The options of each command; ended by a NULL name. */
extern const km_option km_fit_options[], km_predict_options[], km_info_options[],
    km_compare_options[], km_verify_options[], km_probe_options[], km_generate_options[];

#endif
