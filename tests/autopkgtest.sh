#!/bin/sh
# autopkgtest.sh PACKAGES FOLDER: builds the source package that `make deb` left in PACKAGES in a bare Debian
# 12, a root of its own in FOLDER, installs there what came of it, and runs packaging/debian/tests. Only
# root may make such a root. Nothing of the environment here is known there.
set -eu
source=$(readlink -f "$1"/skymeans_*.dsc)
mkdir -p "$2"
folder=$(readlink -f "$2")

# Anew each time: a package that an earlier run left there could hide one that is missing.
rm -rf "$folder/root" "$folder/said"
mmdebstrap --quiet --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' bookworm "$folder/root"

# shellcheck disable=SC2016 # for the shell inside
exec unshare --mount --pid --fork --kill-child sh -euc '
    mount --rbind /dev "$1/dev"
    mount -t tmpfs tmpfs "$1/dev/shm"
    mount -t proc proc "$1/proc"
    exec env -i HOME=/root PATH="$PATH" autopkgtest --apt-upgrade --output-dir "$2" "$3" -- chroot "$1"
    ' sh "$folder/root" "$folder/said" "$source"
