#!/bin/bash
# debian.sh SUITE FOLDER [WORD...]: make check WORD... in another Debian than this one (trixie, sid), which
# has other compilers, MPIs and HDF5s: in a root of its own in FOLDER, on which everything that the tests
# want is installed. Only root may make one.
set -eu
suite=$1
root=$(readlink -f "$2")/$suite
shift 2
cd "$(dirname "$0")/.."

[ -e "$root.is-whole" ] || {
    rm -rf "$root"
    mkdir -p "$root"
    # A mirror may be a snapshot, which is no longer signed anew.
    mmdebstrap --quiet --variant=minbase --include=make,gcc,libc6-dev,git,ca-certificates \
        --aptopt='Acquire::Check-Valid-Until "false"' "$suite" "$root"
    touch "$root.is-whole"
}
mkdir -p "$root/skymeans"
git ls-files -z | xargs -0 cp --parents --update --target-directory="$root/skymeans"

# shellcheck disable=SC2016 # for the shell inside
unshare --mount --pid --fork --kill-child sh -euc '
    root=$1
    shift
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/dev/shm"
    mount -t proc proc "$root/proc"
    exec env -i HOME=/root PATH="$PATH" chroot "$root" make -C /skymeans check "$@"' sh "$root" "$@"
