#!/bin/sh
# With Open MPI a program that is started alone, without mpirun, starts a daemon: MPI_Init forks and
# executes `orted`, which stays until MPI_Finalize. Seen on 2026-11-30 with Open MPI 4.1.4.
#
# The daemon would be needed if the process called MPI_Comm_spawn. Most that run alone never do, and pay for
# it: MPI_Init waits until the daemon has looked at the hardware and opened its sockets, which took 0.09 s
# (0.13 s for a program that took 0.04 s without, both with OMPI_MCA_pml=ob1 OMPI_MCA_btl=self); where the
# daemon can't start MPI_Init ends the program; and whoever waits for all processes of a job sees one more.
# Under mpirun there is none, since mpirun itself is the daemon of its node.
# OMPI_MCA_ess_singleton_isolated=1, set before MPI_Init, does without. Then all such processes of a node share one
# session folder (jf.0/1), which the first that ends removes: of 360 that opened a file with MPI-IO, 12 at once, a
# few failed in MPI_Init or MPI_File_open. OMPI_MCA_orte_create_session_dirs=0 and OMPI_MCA_sharedfp=individual do
# without the folder.
#
# Seen on 2026-11-30 on Debian 12, amd64, Open MPI 4.1.4 (libopenmpi-dev 4.1.4-3+b1); children of a process
# after MPI_Init:
#
#   alone: orted
#   alone, OMPI_MCA_ess_singleton_isolated=1: none
#   mpirun -n 1: none
#
# As long as it is so, this exits with 0; with 1 if it has changed, 2 if it can't be tried.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 LC_ALL=C
unset OMPI_MCA_ess_singleton_isolated || true

has() { # PACKAGE=VERSION...: are all of them installed?
    for package; do
        [ "$(dpkg-query -W -f '${Version}' "${package%%=*}" 2>/dev/null)" = "${package#*=}" ] || return 1
    done
}

set -- libopenmpi-dev=4.1.4-3+b1 openmpi-bin=4.1.4-3+b1
has "$@" || apt-get install -y --no-install-recommends gcc "$@" >"$work/log" 2>&1 ||
    { tail -3 "$work/log"; echo "needs: apt-get install gcc $*"; exit 2; }

cat >"$work/children.c" <<'END'
#include <mpi.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char path[64], name[64] = "none\n";
    int child;
    MPI_Init(&argc, &argv);
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *children = fopen(path, "r");
    if (children == NULL)
        return 2;
    if (fscanf(children, "%d", &child) == 1) {
        snprintf(path, sizeof path, "/proc/%d/comm", child);
        FILE *comm = fopen(path, "r");
        if (comm == NULL || fgets(name, sizeof name, comm) == NULL)
            return 2;
        fclose(comm);
    }
    fclose(children);
    printf("%s: %s", argv[1], name);
    MPI_Finalize();
    return 0;
}
END
mpicc -o "$work/children" "$work/children.c"

cat >"$work/expected" <<'END'
alone: orted
alone, OMPI_MCA_ess_singleton_isolated=1: none
mpirun -n 1: none
END
cd "$work"
{
    timeout 60 ./children "alone"
    OMPI_MCA_ess_singleton_isolated=1 timeout 60 ./children "alone, OMPI_MCA_ess_singleton_isolated=1"
    timeout 60 mpirun -n 1 ./children "mpirun -n 1"
} >seen 2>/dev/null || { echo "can't be tried here"; exit 2; }
cat seen
cmp -s expected seen || { echo "this has changed"; exit 1; }
