/* Finds the launcher of this process in the environment, since MPI knows only its own launchers. */
#include "base/text.h"
#include "command/command.h"
#include "process/log.h"

#include <stdlib.h>
#include <string.h>

/* The variables in which launchers give the number of tasks, and the number of this task. mpirun
 * comes before Slurm, since it may run inside a job of Slurm. */
static const struct variables {
    const char *count, *number;
} launchers[] = {{"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
                 {"MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"},
                 {"PMI_SIZE", "PMI_RANK"},
                 {"FLUX_JOB_SIZE", "FLUX_TASK_RANK"},
                 {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID"}};

static int64_t number_in_environment(const char *variable)
{
    const char *text = getenv(variable);
    int64_t number;
    return text != NULL && km_parse_int64(text, &number) ? number : 0;
}

km_launch km_launch_find(void)
{
    static const char *const other_variables[] = {"PMIX_RANK", "PMI_RANK", "MPI_LOCALNRANKS",
                                                  "SLURM_STEP_ID"};
    km_launch launch = {.n_tasks = 1};
    for (size_t i = 0; i < sizeof other_variables / sizeof *other_variables; i++)
        launch.is_launched |= getenv(other_variables[i]) != NULL;
    for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++)
        if (getenv(launchers[i].count) != NULL) {
            launch.is_launched = true;
            launch.variable = launchers[i].count;
            launch.n_tasks = number_in_environment(launchers[i].count);
            launch.number = number_in_environment(launchers[i].number);
            break;
        }
    return launch;
}

/* Open MPI starts a daemon for a process without a launcher, in case that starts others, and looks
 * for networks. Without both it starts in an eighth of the time, also where they would fail.
 * Without the daemon all such processes of a node have one name, and would share a folder of files,
 * which the first that ends removes: so they have none, nor what would lie there, shared file
 * pointers. Other MPIs know nothing of these variables. */
void km_launch_alone(const km_launch *launch)
{
    static const char *const variables[][2] = {{"OMPI_MCA_ess_singleton_isolated", "1"},
                                               {"OMPI_MCA_orte_create_session_dirs", "0"},
                                               {"OMPI_MCA_sharedfp", "individual"},
                                               {"OMPI_MCA_pml", "ob1"},
                                               {"OMPI_MCA_btl", "self"}};
    for (size_t i = 0; i < sizeof variables / sizeof *variables && !launch->is_launched; i++)
        setenv(variables[i][0], variables[i][1], false);
}

bool km_goes_on_alone(km_story *s, const km_launch *launch)
{
    char mpi[MPI_MAX_LIBRARY_VERSION_STRING];
    if (launch->n_tasks <= 1 || km_comm_size(s->comm) > 1)
        return true;
    if (launch->number > 0)
        return false;
    km_comm_library(mpi);
    mpi[strcspn(mpi, ",")] = '\0';
    for (char *tab; (tab = strchr(mpi, '\t')) != NULL;)
        *tab = ' ';
    km_warn(&s->log,
            "separate runs (%s=%lld): the MPI of this program, %s, knows nothing of the other "
            "tasks, so each would do all of the work and replace the files of the others; the "
            "first goes on, alone, and the others end; use the launcher of that MPI, or srun "
            "--mpi=pmix; if each task is meant to be a run of its own, unset the variable",
            launch->variable, (long long)launch->n_tasks, mpi);
    return true;
}
