/* help.h - the table of what --help says of each command. Man pages and the shell's completion are
 * made from it, too (packaging/documents.c). */
#ifndef SKYMEANS_COMMAND_HELP_H
#define SKYMEANS_COMMAND_HELP_H

#include "command/options.h"

typedef struct km_help {
    const char *name; /* of the command */
    km_action action; /* which prints this help */
    const char *arguments;
    const char *summary;     /* a few words */
    const char *description; /* in lines of at most 90 columns, as are the exit codes */
    const km_option *options;
    const char *example;
    const char *exit_codes;
} km_help;

/* One per command; ended by a NULL name. */
extern const km_help km_helps[];

#endif
