#!/bin/sh
# H5Fget_access_plist, a getter, is collective: it duplicates the communicator of a file that was
# opened through MPI-IO. Seen on 2026-11-29 with HDF5 1.10.8 and Open MPI 4.1.4.
#
# A rank that asks a file how it was opened (which driver, which cache) by itself, as one asks for its
# name or size, waits in MPI_Comm_dup until all others ask, too. HDF5's "Collective Calling
# Requirements" lists H5Fcreate, H5Fopen, H5Fflush and others, and not this one. Its sister
# H5Fget_create_plist is local. H5Pcopy of the list that comes back duplicates the communicator again,
# so it is collective as well, though it is a copy of a list in memory.
#
# Below all ranks call each of them, so that none waits, and a wrapper of MPI_Comm_dup counts.
#
# Seen on 2026-11-29 on Debian 12, amd64, HDF5 1.10.8 (libhdf5-openmpi-dev 1.10.8+repack1-1), Open MPI
# 4.1.4 (libopenmpi-dev 4.1.4-3+b1), on two processes; duplicates that each call made:
#
#   H5Fget_intent: 0
#   H5Fget_create_plist: 0
#   H5Fget_access_plist: 2
#   H5Pcopy of that: 1
#
# As long as it is so, this exits with 0; with 1 if it has changed, 2 if it can't be tried.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

has() { # PACKAGE=VERSION...: are all of them installed?
    for package; do
        [ "$(dpkg-query -W -f '${Version}' "${package%%=*}" 2>/dev/null)" = "${package#*=}" ] || return 1
    done
}

set -- libhdf5-openmpi-dev=1.10.8+repack1-1 libopenmpi-dev=4.1.4-3+b1 openmpi-bin=4.1.4-3+b1
has "$@" || apt-get install -y --no-install-recommends gcc pkg-config "$@" >"$work/log" 2>&1 ||
    { tail -3 "$work/log"; echo "needs: apt-get install gcc pkg-config $*"; exit 2; }

cat >"$work/count.c" <<'END'
#include <hdf5.h>
#include <mpi.h>
#include <stdio.h>

static int n_dups;

int MPI_Comm_dup(MPI_Comm comm, MPI_Comm *copy) /* MPI's own is PMPI_Comm_dup */
{
    n_dups++;
    return PMPI_Comm_dup(comm, copy);
}

static void count(const char *what, int before, int rank)
{
    if (rank == 0)
        printf("%s: %d\n", what, n_dups - before);
}

int main(int argc, char **argv)
{
    int rank, before;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_mpio(access, MPI_COMM_WORLD, MPI_INFO_NULL);
    hid_t file = H5Fcreate("file.h5", H5F_ACC_TRUNC, H5P_DEFAULT, access);

    before = n_dups;
    unsigned intent;
    H5Fget_intent(file, &intent);
    count("H5Fget_intent", before, rank);

    before = n_dups;
    hid_t creation = H5Fget_create_plist(file);
    count("H5Fget_create_plist", before, rank);

    before = n_dups;
    hid_t again = H5Fget_access_plist(file);
    count("H5Fget_access_plist", before, rank);

    before = n_dups;
    hid_t copy = H5Pcopy(again);
    count("H5Pcopy of that", before, rank);

    H5Pclose(copy);
    H5Pclose(again);
    H5Pclose(creation);
    H5Fclose(file);
    H5Pclose(access);
    MPI_Finalize();
    return 0;
}
END
# shellcheck disable=SC2046 # a list of flags
mpicc -o "$work/count" "$work/count.c" $(pkg-config --cflags --libs hdf5-openmpi)

cat >"$work/expected" <<'END'
H5Fget_intent: 0
H5Fget_create_plist: 0
H5Fget_access_plist: 2
H5Pcopy of that: 1
END
cd "$work"
timeout 60 mpirun --oversubscribe -n 2 ./count >seen
cat seen
cmp -s expected seen || { echo "this has changed"; exit 1; }
