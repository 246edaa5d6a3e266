#!/bin/sh
# A collective read by parallel HDF5 gives wrong numbers, without an error, where a chunk was stored
# without one of its filters. Seen on 2026-11-29 with HDF5 1.10.8 and Open MPI 4.1.4.
#
# HDF5 notes with each chunk which filters of the dataset it went through (the filter mask). Some are
# skipped in ordinary files: lzf, szip and blosc store what they can't make smaller as it is, and
# H5Dwrite_chunk lets programs say it themselves. H5Dread honours the mask when ranks read
# independently (and so do h5py and h5dump, of one process). With H5FD_MPIO_COLLECTIVE it applies all
# filters backwards to a chunk that never went through them: with shuffle alone, as below, the bytes of
# different numbers are mixed, and the status is 0; with deflate it is an error.
#
# Here 1 to 8 are stored in one chunk whose mask says that shuffle was skipped.
#
# Seen on 2026-11-29 on Debian 12, amd64, HDF5 1.10.8 (libhdf5-openmpi-dev 1.10.8+repack1-1), Open MPI
# 4.1.4 (libopenmpi-dev 4.1.4-3+b1), on one process and on two:
#
#   independent: status 0: 1 2 3 4 5 6 7 8
#   collective: status 0: 117768961 0 0 0 134611970 0 0 0
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

cat >"$work/read.c" <<'END'
#include <hdf5.h>
#include <mpi.h>
#include <stdio.h>

enum { N = 8 };

static void write_file(const char *path)
{
    hsize_t n = N, start = 0;
    int numbers[N] = {1, 2, 3, 4, 5, 6, 7, 8};
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(1, &n, NULL), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 1, &n);
    H5Pset_shuffle(creation);
    hid_t data = H5Dcreate2(file, "numbers", H5T_NATIVE_INT, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    unsigned skipped = 1; /* bit 0: the first filter */
    H5Dwrite_chunk(data, H5P_DEFAULT, skipped, &start, sizeof numbers, numbers);
    H5Dclose(data);
    H5Pclose(creation);
    H5Sclose(space);
    H5Fclose(file);
}

static void read_file(const char *path, const char *how, H5FD_mpio_xfer_t mode, int rank)
{
    int numbers[N] = {0};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), transfer = H5Pcreate(H5P_DATASET_XFER);
    H5Pset_fapl_mpio(access, MPI_COMM_WORLD, MPI_INFO_NULL);
    H5Pset_dxpl_mpio(transfer, mode);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, access), data = H5Dopen2(file, "numbers", H5P_DEFAULT);
    int status = H5Dread(data, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, transfer, numbers);
    H5Dclose(data);
    H5Fclose(file);
    H5Pclose(transfer);
    H5Pclose(access);
    if (rank == 0) {
        printf("%s: status %d:", how, status);
        for (int i = 0; i < N; ++i)
            printf(" %d", numbers[i]);
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    int rank;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (rank == 0)
        write_file(argv[1]);
    MPI_Barrier(MPI_COMM_WORLD);
    read_file(argv[1], "independent", H5FD_MPIO_INDEPENDENT, rank);
    read_file(argv[1], "collective", H5FD_MPIO_COLLECTIVE, rank);
    MPI_Finalize();
}
END
# shellcheck disable=SC2046 # a list of flags
mpicc -o "$work/read" "$work/read.c" $(pkg-config --cflags --libs hdf5-openmpi)

cat >"$work/expected" <<'END'
independent: status 0: 1 2 3 4 5 6 7 8
collective: status 0: 117768961 0 0 0 134611970 0 0 0
END
status=0
for ranks in 1 2; do
    echo "on $ranks:"
    timeout 60 mpirun --oversubscribe -n "$ranks" "$work/read" "$work/numbers.h5" >"$work/seen"
    cat "$work/seen"
    cmp -s "$work/expected" "$work/seen" || status=1
done
[ $status = 0 ] || echo "this has changed"
exit $status
