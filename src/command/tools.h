/* tools.h - the user's tools, as `skymeans plot`, which are programs of their own. */
#ifndef SKYMEANS_COMMAND_TOOLS_H
#define SKYMEANS_COMMAND_TOOLS_H

#include "command/command.h"

typedef struct km_tool {
    const char *name, *summary;
} km_tool;

/* The tools that come with skymeans; ended by a NULL name. */
extern const km_tool km_tools[];

/* If the command line names a tool that is installed, replaces this process by it. To be called
 * before MPI starts. Returns KM_OK if it names none, KM_USAGE if there are several tasks, and
 * KM_SYSTEM if the tool can't be started. Local. */
km_code km_run_tool(int argc, char **argv, const km_launch *launch, km_error *error);

#endif
