/* The table of options: the parser and --help walk it. */
#ifndef SKYMEANS_PLAN_OPTIONS_H
#define SKYMEANS_PLAN_OPTIONS_H

#include "plan/plan.h"

typedef enum km_option_kind {
    KM_OPTION_FLAG,   /* bool */
    KM_OPTION_TEXT,   /* const char * */
    KM_OPTION_TEXTS,  /* km_texts: it may be repeated */
    KM_OPTION_INT,    /* int64_t, at least `lowest`, at most `highest` */
    KM_OPTION_ROWS,   /* the same, or "all" for INT64_MAX */
    KM_OPTION_UINT,   /* uint64_t */
    KM_OPTION_REAL,   /* double, at least 0 */
    KM_OPTION_CHOICE, /* int64_t, the number of one of `choices` */
    KM_OPTION_MODE,   /* the same, where the argument may be left out, which means number 1 */
} km_option_kind;

typedef struct km_option {
    const char *name;
    char letter;          /* 0: none */
    const char *argument; /* as --help calls it; NULL for flags */
    km_option_kind kind;
    size_t offset; /* in km_options */
    int64_t lowest, highest;
    const char *const *choices; /* ended by NULL */
    const char *fallback;       /* the default, parsed like an argument; NULL: none */
    const char *help;
} km_option;

/* Of each command; ended by a NULL name. */
extern const km_option km_fit_options[], km_predict_options[], km_info_options[];

#endif
