#!/bin/sh
# MPI_Allreduce gives ranks different results: with MPICH the maximum of 1, 2, NaN and 4 is 4 on two ranks, NaN on
# one, and 2 on the rank that has the 4 itself.
#
# An Allreduce is there so that all ranks know the same, and go on or stop together. For a maximum or minimum of
# few numbers MPICH's ranks exchange partial results in pairs, and each keeps one of the two by a comparison.
# With a NaN that is false, so the ranks of a pair keep different ones; and a NaN that is kept gives way to the
# next number, so that those before it are lost, too. Ranks that test "largest shift < tolerance" then leave a loop
# at different iterations, and a collective call waits for ever. Open MPI gives all ranks the same number, but
# not the largest: 2 for these four. The standard does not say what a maximum with a NaN is, but a result
# that differs between ranks is what nobody expects of MPI_Allreduce. With MPI_SUM all of them get NaN.
#
# So no NaN may reach MPI_MAX and MPI_MIN: put -inf (or inf) in its place, and tell by a sum or a logical or
# whether there was one.
#
# Seen on 2026-12-01 on Debian 12, amd64, MPICH 4.0.2 (libmpich-dev, mpich 4.0.2-3+b1) and Open MPI 4.1.4
# (libopenmpi-dev 4.1.4-3+b1); rank r has r + 1, but one has NaN; the maximum that ranks 0, 1, 2 and 3 get:
#
#   mpich, NaN on rank 0: 4 4 4 nan
#   mpich, NaN on rank 1: 4 4 nan 4
#   mpich, NaN on rank 2: 4 nan 4 2
#   mpich, NaN on rank 3: nan 3 2 3
#   openmpi, NaN on rank 0: nan nan nan nan
#   openmpi, NaN on rank 1: 4 4 4 4
#   openmpi, NaN on rank 2: 2 2 2 2
#   openmpi, NaN on rank 3: 3 3 3 3
#
# As long as it is so, this exits with 0; with 1 if it has changed, 2 if it can't be tried.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_op='^avx' OMPI_MCA_rmaps_base_oversubscribe=1 # the same on all processors, on few cores

has() { # PACKAGE=VERSION...: are all of them installed?
    for package; do
        [ "$(dpkg-query -W -f '${Version}' "${package%%=*}" 2>/dev/null)" = "${package#*=}" ] || return 1
    done
}

set -- libmpich-dev=4.0.2-3+b1 mpich=4.0.2-3+b1 libopenmpi-dev=4.1.4-3+b1 openmpi-bin=4.1.4-3+b1
has "$@" || apt-get install -y --no-install-recommends gcc "$@" >"$work/log" 2>&1 ||
    { tail -3 "$work/log"; echo "needs: apt-get install gcc $*"; exit 2; }

cat >"$work/maximum.c" <<'END'
#include <math.h>
#include <mpi.h>
#include <stdio.h>

enum { N = 4 };

int main(int argc, char **argv)
{
    int rank;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    for (int odd = 0; odd < N; odd++) {
        double mine = rank == odd ? NAN : rank + 1, largest, all[N];
        MPI_Allreduce(&mine, &largest, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
        MPI_Gather(&largest, 1, MPI_DOUBLE, all, 1, MPI_DOUBLE, 0, MPI_COMM_WORLD);
        if (rank == 0) {
            printf("%s, NaN on rank %d:", argv[1], odd);
            for (int r = 0; r < N; r++)
                printf(isnan(all[r]) ? " nan" : " %g", all[r]);
            printf("\n");
        }
    }
    MPI_Finalize();
    return 0;
}
END

cat >"$work/expected" <<'END'
mpich, NaN on rank 0: 4 4 4 nan
mpich, NaN on rank 1: 4 4 nan 4
mpich, NaN on rank 2: 4 nan 4 2
mpich, NaN on rank 3: nan 3 2 3
openmpi, NaN on rank 0: nan nan nan nan
openmpi, NaN on rank 1: 4 4 4 4
openmpi, NaN on rank 2: 2 2 2 2
openmpi, NaN on rank 3: 3 3 3 3
END
cd "$work"
for mpi in mpich openmpi; do
    mpicc.$mpi -o maximum.$mpi maximum.c
    timeout 60 mpirun.$mpi -n 4 ./maximum.$mpi $mpi >>seen 2>log || { tail -3 log; exit 2; }
done
cat seen
cmp -s expected seen || { echo "this has changed"; exit 1; }
