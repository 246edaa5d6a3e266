#!/bin/sh
# deps.sh [build]: sees that everything is there to build skymeans and its tests.
# deps.sh [lint|bench|slurm|scaling|simulate|neon|mpich|clients|install|browser|chroot|deb|autopkgtest|fuzz]...:
# sees that everything is there to build and test it, and, if asked, to check the style of its sources, to
# measure it against its peers, to test the job scripts on a Slurm cluster, for scaling studies, to
# simulate machines, the kernels of ARM processors, MPICH, other programs that read results, all that is
# installed, the page of a report in a browser, other Debians, to make or test Debian packages, or for
# fuzzing. On Debian and its like it installs what is missing, as root or, with a person at the terminal,
# through sudo; elsewhere it prints the line to run, and stops.
set -u
cd "$(dirname "$0")/.." || exit 1

packages='libopenmpi-dev openmpi-bin libhdf5-openmpi-dev check pkg-config librandom123-dev'
modules='h5py numpy astropy matplotlib sklearn pandas tables jsonschema'
if [ "$*" = build ]; then
    modules=
else
    packages="$packages python3-h5py python3-astropy python3-matplotlib python3-sklearn python3-pandas"
    packages="$packages python3-tables python3-jsonschema python3-pytest python3-mpi4py"
    packages="$packages python3-nbconvert python3-ipykernel"
fi
programs='mpicc mpirun pkg-config'
libraries=
fuzzer=
services= # that come with packages, and are not wanted on this machine
for purpose in "$@"; do
    case $purpose in
    lint)
        packages="$packages clang-format cppcheck shellcheck pyflakes3"
        programs="$programs clang-format cppcheck shellcheck pyflakes3" ;;
    bench)
        packages="$packages python3-faiss libopenblas0-pthread"
        libraries=libopenblas.so.0 # with the plain BLAS the peers would be slow
        modules="$modules faiss" ;;
    slurm)
        packages="$packages slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge iproute2 jube"
        programs="$programs slurmctld slurmd sbatch munged ip tc jube"
        services='munge slurmctld slurmd' ;;
    scaling)
        packages="$packages jube"
        programs="$programs jube" ;;
    simulate)
        packages="$packages libsimgrid-dev"
        programs="$programs smpicc smpirun" ;;
    neon)
        packages="$packages gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"
        programs="$programs aarch64-linux-gnu-gcc qemu-aarch64" ;;
    mpich)
        packages="$packages mpich libmpich-dev libhdf5-mpich-dev"
        programs="$programs mpicc.mpich mpiexec.mpich" ;;
    clients)
        packages="$packages stilts r-bioc-rhdf5 octave hdf5-tools npm"
        programs="$programs stilts Rscript octave-cli h5dump npm" ;;
    install)
        packages="$packages cmake groff-base tcl"
        programs="$programs cmake groff tclsh" ;;
    chroot)
        packages="$packages mmdebstrap"
        programs="$programs mmdebstrap" ;;
    deb)
        packages="$packages dpkg-dev debhelper dh-python lintian"
        programs="$programs dpkg-buildpackage dh dh_python3 lintian" ;;
    autopkgtest)
        packages="$packages autopkgtest mmdebstrap"
        programs="$programs autopkgtest mmdebstrap" ;;
    browser)
        packages="$packages chromium-headless-shell"
        programs="$programs chromium-headless-shell" ;;
    fuzz)
        packages="$packages clang libclang-rt-dev libomp-dev"
        programs="$programs clang"
        fuzzer=libFuzzer ;;
    esac
done
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

has_program() { command -v "$1" >/dev/null 2>&1; }

has_header() {
    printf '#include <%s>\n' "$1" | mpicc -E - >/dev/null 2>&1
}

has_fuzzer() {
    echo 'int LLVMFuzzerTestOneInput(const char *data, long size) { return !data + !size; }' |
        clang -x c -fsanitize=fuzzer,address -fopenmp -o "$scratch/fuzzer" - 2>/dev/null
}

# Prints the parts that are missing, whatever package they come in here.
missing() {
    for program in $programs; do
        has_program "$program" || echo "$program"
    done
    tools/find-hdf5.sh "$scratch/cflags" "$scratch/libs" 2>/dev/null || echo 'parallel HDF5'
    pkg-config --exists check 2>/dev/null || echo Check
    has_header Random123/philox.h || echo Random123
    for library in $libraries; do
        ldconfig -p | grep -q "$library" || echo "$library"
    done
    [ -z "$fuzzer" ] || has_fuzzer || echo "$fuzzer"
    # shellcheck disable=SC2086 # a list of words
    [ -z "$modules" ] || tools/find-python.sh $modules >/dev/null 2>&1 ||
        echo "Python with $modules"
}

what=$(missing)
[ -n "$what" ] || exit 0
install="apt-get install -y --no-install-recommends $packages"

if has_program apt-get && [ "$(id -u)" = 0 ]; then
    sudo=
elif has_program apt-get && has_program sudo && [ -t 0 ]; then
    sudo=sudo
else
    echo "make deps: missing: $(echo "$what" | paste -s -d, | sed 's/,/, /g')" >&2
    echo "On Debian or Ubuntu:  sudo $install" >&2
    echo "On Fedora or EPEL:    sudo dnf install openmpi-devel hdf5-openmpi-devel check-devel" \
         "Random123-devel python3-h5py python3-astropy python3-matplotlib python3-scikit-learn" \
         "python3-pandas python3-tables python3-jsonschema" >&2
    echo "With Spack:           spack install openmpi hdf5+mpi check random123 py-h5py py-astropy" \
         "py-matplotlib py-scikit-learn py-pandas py-tables py-jsonschema" >&2
    echo "With modules:         module load openmpi hdf5-parallel   (names differ: module avail)" >&2
    exit 1
fi

# Debian starts a service when it installs it, and enables it: not those that only tests start.
policy=/usr/sbin/policy-rc.d
new_services=
for service in $services; do
    dpkg-query -W -f '${Status}' "$service" 2>/dev/null | grep -q ' installed$' ||
        new_services="$new_services $service"
done
if [ -n "$new_services" ] && [ ! -e $policy ]; then
    trap 'rm -rf "$scratch"; $sudo rm -f $policy' EXIT
    trap 'exit 1' INT TERM HUP
    printf '#!/bin/sh\nexit 101\n' >"$scratch/policy"
    $sudo install -m 755 "$scratch/policy" $policy || exit 1
fi

export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a command of several words
$sudo apt-get update -q && $sudo $install || exit 1
for service in $new_services; do
    $sudo update-rc.d "$service" disable || exit 1
    # Where another policy let it start.
    ! $sudo service "$service" status >/dev/null 2>&1 || $sudo service "$service" stop || exit 1
done
what=$(missing)
if [ -n "$what" ]; then
    echo "make deps: still missing after installing: $what" >&2
    exit 1
fi
