#!/bin/sh
# neon.sh LIBRARY: the NEON kernels give the bits of the kernels in LIBRARY, libskymeans.a of this
# processor. Builds tests/unit/kernels_alone.c for both, the other to run under qemu. Skips, in one
# line, where tools for that are missing.
set -eu
library=$(readlink -f "$1")
cd "$(dirname "$0")/../.."
if ! command -v aarch64-linux-gnu-gcc >/dev/null || ! command -v qemu-aarch64 >/dev/null; then
    echo "skip neon: needs gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user"
    exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

build() { # COMPILER PROGRAM REST...
    compiler=$1
    program=$2
    shift 2
    "$compiler" -std=c17 -D_GNU_SOURCE -Isrc -O3 -Wall -Wextra -Werror -ffp-contract=off \
        -fno-math-errno -fno-trapping-math -fopenmp -static -o "$program" \
        tests/unit/kernels_alone.c "$@" -lm
}
build cc "$folder/here" "$library" &
here=$!
build aarch64-linux-gnu-gcc "$folder/neon" src/kernels/kernels.c src/kernels/reference.c \
    src/kernels/neon.c src/base/arithmetic.c src/base/hash.c src/base/precision.c src/base/random.c \
    src/base/error.c src/base/memory.c src/base/text.c src/sums/grid.c src/assign/axes.c \
    src/assign/screen.c
wait $here
"$folder/here" >"$folder/hashes"
qemu-aarch64 "$folder/neon" >>"$folder/hashes"
cat "$folder/hashes"
grep -q neon "$folder/hashes"
[ "$(cut -d ' ' -f 1 "$folder/hashes" | sort -u | wc -l)" = 1 ] || {
    echo "neon: kernels differ"
    exit 1
}
