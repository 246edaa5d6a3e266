/* help.h - what --help says of the commands. The man pages and the completion of the shell are made
 * from the same table (packaging/documents.c). */
#ifndef SKYMEANS_COMMAND_HELP_H
#define SKYMEANS_COMMAND_HELP_H

#include "command/options.h"

typedef struct km_help {
    const char *name; /* of the command */
    km_action action; /* that prints the help */
    const char *arguments;
    const char *summary;     /* a few words */
    const char *description; /* lines of at most 90 columns, and so below */
    const km_option *options;
    const char *example;
    const char *exit_codes;
} km_help;

/* Ended by a NULL name. */
extern const km_help km_helps[];

#endif
