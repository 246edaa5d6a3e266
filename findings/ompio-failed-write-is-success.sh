#!/bin/sh
# Open MPI's own MPI-IO (OMPIO) returns MPI_SUCCESS where the system's read or write failed: on a disk
# that is full, MPI_File_write_at says that all is well. Seen on 2026-11-30 with Open MPI 4.1.4.
#
# The system's error reaches the terminal, as a line of mca_fbtl_posix_pwritev, and no caller. The only
# sign of it is MPI_Get_count of the status, which is 0, and which programs that check the return code
# (or leave it to an error handler) don't ask for. For a read, a count of 0 is what the end of a file
# looks like, too: a library that fills what lies behind the end with zeros, as HDF5's MPI-IO driver
# does, makes zeros of what a failing disk could not give. ROMIO, which the same package has
# (OMPI_MCA_io=romio321), returns MPI_ERR_IO for both.
#
# Below two files whose reads or writes always fail: the memory of the process at an address that it
# does not have, and /dev/full.
#
# Seen on 2026-11-30 on Debian 12, amd64, Open MPI 4.1.4 (libopenmpi-dev 4.1.4-3+b1), one process:
#
#   ompio pread: Input/output error
#   ompio MPI_File_read_at: MPI_SUCCESS, 0 of 64 bytes
#   ompio pwrite: No space left on device
#   ompio MPI_File_write_at: MPI_SUCCESS, 0 of 64 bytes
#   romio321 pread: Input/output error
#   romio321 MPI_File_read_at: MPI_ERR_IO, 0 of 64 bytes
#   romio321 pwrite: No space left on device
#   romio321 MPI_File_write_at: MPI_ERR_IO, 0 of 64 bytes
#
# As long as it is so, this exits with 0; with 1 if it has changed, 2 if it can't be tried.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 LC_ALL=C

has() { # PACKAGE=VERSION...: are all of them installed?
    for package; do
        [ "$(dpkg-query -W -f '${Version}' "${package%%=*}" 2>/dev/null)" = "${package#*=}" ] || return 1
    done
}

set -- libopenmpi-dev=4.1.4-3+b1 openmpi-bin=4.1.4-3+b1
has "$@" || apt-get install -y --no-install-recommends gcc "$@" >"$work/log" 2>&1 ||
    { tail -3 "$work/log"; echo "needs: apt-get install gcc $*"; exit 2; }

cat >"$work/fail.c" <<'END'
#include <errno.h>
#include <fcntl.h>
#include <mpi.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 64, NOWHERE = 4096 };
static char bytes[SIZE];

static void tell_system(const char *io, const char *call, ssize_t n)
{
    printf("%s %s: %s\n", io, call, n < 0 ? strerror(errno) : "no error");
}

static void tell(const char *io, const char *call, int code, MPI_Status *status)
{
    char text[MPI_MAX_ERROR_STRING];
    int length, count;
    MPI_Error_string(code, text, &length);
    text[strcspn(text, ":")] = '\0';
    MPI_Get_count(status, MPI_BYTE, &count);
    printf("%s %s: %s, %d of %d bytes\n", io, call, text, count, SIZE);
}

int main(int argc, char **argv)
{
    MPI_File file;
    MPI_Status status;
    MPI_Init(&argc, &argv);
    const char *io = argv[1];

    int descriptor = open("/proc/self/mem", O_RDONLY);
    tell_system(io, "pread", pread(descriptor, bytes, SIZE, NOWHERE));
    close(descriptor);
    MPI_File_open(MPI_COMM_SELF, "/proc/self/mem", MPI_MODE_RDONLY, MPI_INFO_NULL, &file);
    tell(io, "MPI_File_read_at", MPI_File_read_at(file, NOWHERE, bytes, SIZE, MPI_BYTE, &status),
         &status);
    MPI_File_close(&file);

    descriptor = open("/dev/full", O_WRONLY);
    tell_system(io, "pwrite", pwrite(descriptor, bytes, SIZE, 0));
    close(descriptor);
    MPI_File_open(MPI_COMM_SELF, "/dev/full", MPI_MODE_WRONLY, MPI_INFO_NULL, &file);
    tell(io, "MPI_File_write_at", MPI_File_write_at(file, 0, bytes, SIZE, MPI_BYTE, &status),
         &status);
    MPI_File_close(&file);
    MPI_Finalize();
    return 0;
}
END
mpicc -o "$work/fail" "$work/fail.c"

cat >"$work/expected" <<'END'
ompio pread: Input/output error
ompio MPI_File_read_at: MPI_SUCCESS, 0 of 64 bytes
ompio pwrite: No space left on device
ompio MPI_File_write_at: MPI_SUCCESS, 0 of 64 bytes
romio321 pread: Input/output error
romio321 MPI_File_read_at: MPI_ERR_IO, 0 of 64 bytes
romio321 pwrite: No space left on device
romio321 MPI_File_write_at: MPI_ERR_IO, 0 of 64 bytes
END
cd "$work"
for io in ompio romio321; do
    OMPI_MCA_io=$io timeout 60 mpirun -n 1 ./fail $io >>seen 2>/dev/null
done
cat seen
cmp -s expected seen || { echo "this has changed"; exit 1; }
