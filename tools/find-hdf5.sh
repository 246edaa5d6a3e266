#!/bin/sh
# find-hdf5.sh CFLAGS_FILE LIBS_FILE: writes how to compile and link with parallel HDF5, which is
# looked for in $HDF5_DIR, then by pkg-config, then by h5pcc. It must be for the MPI that $CC is for:
# one for another MPI brings that along, and then that is what is silently built with, or both.
set -u
cflags_file=$1
libs_file=$2
compiler=${CC:-mpicc}
others= # what was found, but for another MPI
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# What becomes of some lines. They are in a file, since Open MPI's mpicc adds nothing for "-".
preprocess() { # FLAGS LINE...
    flags=$1
    shift
    printf '%s\n' "$@" >"$scratch/try.c"
    # shellcheck disable=SC2086 # flags are words
    $compiler $flags -E "$scratch/try.c" 2>/dev/null
}

is_parallel() { # by the flags in $cflags
    preprocess "$cflags" '#include <hdf5.h>' '#ifdef H5_HAVE_PARALLEL' km_is_parallel '#endif' |
        grep -q km_is_parallel
}

# The MPI whose mpi.h comes with these flags, if any. Intel's, Cray's and MVAPICH are MPICH.
mpi_of() {
    preprocess "$1" '#include <mpi.h>' '#ifdef OPEN_MPI' 'km_mpi "Open MPI"' \
        '#elif defined MPICH || defined MPICH_VERSION' 'km_mpi "MPICH"' '#endif' |
        sed -n 's/^km_mpi "\(.*\)"/\1/p'
}

# Is a program that is linked with these flags one of two kinds of MPI? One that can't be linked for
# other reasons is left to make, which shows why.
links_two() {
    printf '%s\n' '#include <hdf5.h>' 'int main(void)' '{' '    MPI_Init(0, 0);' \
        '    return (int)H5Pset_fapl_mpio(0, MPI_COMM_WORLD, MPI_INFO_NULL);' '}' >"$scratch/two.c"
    # shellcheck disable=SC2086 # flags are words
    if $compiler $cflags ${LDFLAGS:-} -o "$scratch/two" "$scratch/two.c" $libs -lz -lm \
        2>"$scratch/errors"; then
        [ "$(ldd "$scratch/two" 2>/dev/null | grep -oE '^[[:space:]]*libmpi(ch)?\.so[.0-9]*' |
            sort -u | wc -l)" -gt 1 ]
    else
        grep -qE 'undefined.*ompi_' "$scratch/errors"
    fi
}

try() { # WHAT: the flags in $cflags and $libs; ends this script if they are right
    is_parallel || return 1
    if { [ -n "$own" ] && [ "$(mpi_of "$cflags")" != "$own" ]; } || links_two; then
        others="$others${others:+, }$1"
        return 1
    fi
    printf '%s\n' "$cflags" >"$cflags_file"
    printf '%s\n' "$libs" >"$libs_file"
    exit 0
}

refuse_others() {
    [ -n "$others" ] || return 0
    echo "make: no parallel HDF5 for ${own:-the MPI} of CC=$compiler ($others): it was built for" \
        "another MPI; install that of the same MPI (libhdf5-mpich-dev, libhdf5-openmpi-dev), load" \
        "its module, say HDF5_DIR=, or another CC=" >&2
    exit 1
}

if ! command -v "$compiler" >/dev/null 2>&1; then
    echo "make: no MPI compiler ($compiler): run 'make deps', load an MPI module, or say CC=" >&2
    exit 1
fi
own=$(mpi_of '')

if [ -n "${HDF5_DIR:-}" ]; then
    cflags=-I$HDF5_DIR/include
    libs="-L$HDF5_DIR/lib -Wl,-rpath,$HDF5_DIR/lib -lhdf5"
    try "HDF5_DIR=$HDF5_DIR"
    refuse_others
    echo "make: no parallel HDF5 in HDF5_DIR=$HDF5_DIR: it is absent or was built without MPI" >&2
    exit 1
fi

for package in hdf5-openmpi hdf5-mpich hdf5; do
    cflags=$(pkg-config --cflags "$package" 2>/dev/null) || continue
    libs=$(pkg-config --libs "$package")
    try "$package"
done

if shown=$(h5pcc -show 2>/dev/null); then
    # The command line of the compiler, less the compiler; the same words serve for both steps.
    cflags=$(echo "$shown" | tr ' ' '\n' | grep -E '^-[ID]' | tr '\n' ' ')
    libs=$(echo "$shown" | tr ' ' '\n' | grep -E '^(-[Ll]|-Wl|/.*\.(a|so)$)' | tr '\n' ' ')
    try h5pcc
fi

refuse_others
echo "make: no parallel HDF5: run 'make deps', load an hdf5 module built with MPI, or say HDF5_DIR=" >&2
exit 1
