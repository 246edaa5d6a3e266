#!/bin/sh
# find-hdf5.sh CFLAGS_FILE LIBS_FILE: writes how to compile and link with parallel HDF5, which is
# looked for in $HDF5_DIR, then by pkg-config, then by h5pcc.
set -u
cflags_file=$1
libs_file=$2
compiler=${CC:-mpicc}

is_parallel() { # by the flags in $cflags
    # shellcheck disable=SC2086 # flags are words
    printf '#include <hdf5.h>\n#ifdef H5_HAVE_PARALLEL\nkm_is_parallel\n#endif\n' |
        $compiler $cflags -E - 2>/dev/null | grep -q km_is_parallel
}

accept() {
    is_parallel || return 1
    printf '%s\n' "$cflags" >"$cflags_file"
    printf '%s\n' "$libs" >"$libs_file"
    exit 0
}

if ! command -v "$compiler" >/dev/null 2>&1; then
    echo "make: no MPI compiler ($compiler): run 'make deps', load an MPI module, or say CC=" >&2
    exit 1
fi

if [ -n "${HDF5_DIR:-}" ]; then
    cflags=-I$HDF5_DIR/include
    libs="-L$HDF5_DIR/lib -Wl,-rpath,$HDF5_DIR/lib -lhdf5"
    accept
    echo "make: no parallel HDF5 in HDF5_DIR=$HDF5_DIR: it is absent or was built without MPI" >&2
    exit 1
fi

for package in hdf5-openmpi hdf5-mpich hdf5; do
    cflags=$(pkg-config --cflags "$package" 2>/dev/null) || continue
    libs=$(pkg-config --libs "$package")
    accept
done

if shown=$(h5pcc -show 2>/dev/null); then
    # The command line of the compiler, less the compiler; the same words serve for both steps.
    cflags=$(echo "$shown" | tr ' ' '\n' | grep -E '^-[ID]' | tr '\n' ' ')
    libs=$(echo "$shown" | tr ' ' '\n' | grep -E '^(-[Ll]|-Wl|/.*\.(a|so)$)' | tr '\n' ' ')
    accept
fi

echo "make: no parallel HDF5: run 'make deps', load an hdf5 module built with MPI, or say HDF5_DIR=" >&2
exit 1
