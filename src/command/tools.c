/* The user's tools: `skymeans plot` runs libexec/skymeans/skymeans-plot beside bin/, or
 * tools/plot.py beside build/, in which a program of another MPI or compiler has a folder. */
#include "command/tools.h"
#include "command/help.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const km_tool km_tools[] = {
    {"import", "FITS, VOTable, CSV, ECSV or other HDF5 to a catalogue in HDF5"},
    {"plot", "draw the clusters of a result"},
    {"report", "a page about a result, for browsers, or a table for MultiQC"},
    {"export", "labels joined with the catalogue, as FITS, VOTable, CSV or ECSV"},
    {"scaling", "table and plots of a scaling study, from the records of its runs"},
    {0}};

/* The places of tools, relative to the folder of the program: what stands before and after the name
 * of the tool. */
static const struct place {
    const char *before, *after;
} places[] = {{"../libexec/skymeans/skymeans-", ""}, {"../tools/", ".py"}, {"../../tools/", ".py"}};

/* The path of this program, with links resolved. */
static bool find_executable(char path[PATH_MAX])
{
    const ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
    if (length <= 0 || length == PATH_MAX)
        return false;
    path[length] = '\0';
    return strrchr(path, '/') != NULL;
}

/* May this be the name of a tool? A command may not, nor a path to another folder. */
static bool is_name_of_tool(const char *name)
{
    for (const km_help *help = km_helps; help->name != NULL; help++)
        if (strcmp(name, help->name) == 0)
            return false;
    return name[0] != '\0' && name[strspn(name, "abcdefghijklmnopqrstuvwxyz_")] == '\0';
}

static bool find_tool(const char *self, const char *name, char path[PATH_MAX])
{
    const int folder = (int)(strrchr(self, '/') + 1 - self);
    if (!is_name_of_tool(name))
        return false;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const int length = snprintf(path, PATH_MAX, "%.*s%s%s%s", folder, self, places[i].before,
                                    name, places[i].after);
        if (length < PATH_MAX && access(path, X_OK) == 0)
            return true;
    }
    return false;
}

/* Replaces this process by the tool, which finds this program in the variable SKYMEANS. Returns
 * only if that fails. */
static km_code execute_tool(char *path, char **arguments, const char *self, km_error *error)
{
    arguments[0] = path;
    setenv("SKYMEANS", self, 0);
    execv(path, arguments);
    return km_fail(error, KM_SYSTEM,
                   "can't start the tool (%s): %s; install Python 3, or skymeans again", path,
                   strerror(errno));
}

km_code km_run_tool(int argc, char **argv, const km_launch *launch, km_error *error)
{
    char self[PATH_MAX], path[PATH_MAX], help[] = "--help";
    const bool is_helped = argc == 3 && strcmp(argv[1], "help") == 0;
    const char *name = is_helped ? argv[2] : argc > 1 ? argv[1] : "";
    if (!find_executable(self) || !find_tool(self, name, path))
        return error->code;
    if (launch->n_tasks > 1)
        return km_fail(error, KM_USAGE,
                       "one process is enough (%s): %lld were started, and each would do the same; "
                       "start the tool without mpirun or srun",
                       name, (long long)launch->n_tasks);
    char *helped[] = {path, help, NULL};
    return execute_tool(path, is_helped ? helped : argv + 1, self, error);
}
