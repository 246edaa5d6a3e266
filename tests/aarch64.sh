#!/bin/sh
# aarch64.sh PROGRAM FOLDER [TEST...]: builds the program and tests in C for 64-bit ARM, with Debian's cross
# compiler and the Open MPI and HDF5 of its arm64, and runs them under qemu on one rank: the tests pass,
# and fits have the checksums of PROGRAM. All goes to FOLDER, also the packages, which are unpacked there
# and not installed. Skips, in one line, where tools for that are missing.
set -eu
program=$(readlink -f "$1")
mkdir -p "$2"
folder=$(readlink -f "$2")
shift 2
cd "$(dirname "$0")/.."
for tool in aarch64-linux-gnu-gcc qemu-aarch64 mmdebstrap; do
    command -v $tool >/dev/null || {
        echo "skip aarch64: needs gcc-aarch64-linux-gnu, qemu-user, mmdebstrap"
        exit 0
    }
done

root=$folder/root
[ -e "$folder/root-is-whole" ] || {
    rm -rf "$root"
    mmdebstrap --quiet --variant=extract --architectures=arm64 \
        --include=libopenmpi-dev,libhdf5-openmpi-dev,check,librandom123-dev,libgomp1 bookworm "$root"
    # Links that begin at the root would lead out of the folder.
    find "$root/usr" "$root/etc/alternatives" -type l -lname '/*' | while read -r link; do
        ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$root$(readlink "$link")")" "$link"
    done
    touch "$folder/root-is-whole"
}
libraries=$root/usr/lib/aarch64-linux-gnu
cat >"$folder/mpicc" <<END
#!/bin/sh
exec aarch64-linux-gnu-gcc --sysroot=$root -I$libraries/openmpi/include "\$@" \
    -L$libraries/openmpi/lib -Wl,-rpath-link,$libraries:$root/lib/aarch64-linux-gnu -lmpi
END
chmod +x "$folder/mpicc"
export PKG_CONFIG_LIBDIR="$libraries/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root"
# The environment of mpirun here is none of theirs.
run() {
    QEMU_LD_PREFIX=$root OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_pml=ob1 OMPI_MCA_btl=self \
        OPAL_PREFIX=$root/usr qemu-aarch64 "$@"
}

tests=$*
[ -n "$tests" ] || for file in tests/unit/test_*.c; do
    head -c 1000 "$file" | grep -q 'Ranks: [2-9]' || # need more than one
        tests="$tests $(basename "$file" .c | cut -d _ -f 2-)"
done
targets=all
for test in $tests; do
    targets="$targets $folder/build/tests/test_$test"
done
# shellcheck disable=SC2086 # a list of words
make -s CC="$folder/mpicc" BUILD="$folder/build" CFLAGS=-O1 fast=-O1 $targets
wrong=0
for test in $tests; do
    said=$(run "$folder/build/tests/test_$test") || wrong=1
    echo "aarch64: $test: $said"
done
[ $wrong = 0 ] || exit 1

checksum() { # NAME COMMAND...
    result=$folder/$1.h5
    shift
    "$@" --quiet -o "$result" --overwrite
    "$program" info "$result" | awk '$1 == "checksum" { print $2 }'
}
stars=data/hipparcos.h5
# shellcheck disable=SC2086 # options are words
for fit in "-c b_v,abs_mag --scale standard -k 30" "--sky ra_deg,dec_deg -k 12"; do
    here=$(checksum here "$program" fit $stars $fit)
    there=$(checksum there run "$folder/build/skymeans" fit $stars $fit)
    if [ -z "$here" ] || [ "$here" != "$there" ]; then
        echo "aarch64: $fit: $there, not $here"
        exit 1
    fi
    echo "aarch64: fit $fit: $here"
done
