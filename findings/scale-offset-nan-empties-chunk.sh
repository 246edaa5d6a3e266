#!/bin/sh
# A NaN in a column of floats that HDF5 stores with its scale-offset filter comes back as an ordinary number. If it is
# the first value of a chunk, the whole chunk is lost: all its values come back as the fill value, 0.
#
# The filter (H5Pset_scaleoffset, in h5py scaleoffset=3 for three decimals) stores how far each value lies above
# the least of its chunk. A comparison with NaN is false, so a chunk that begins with one has no range and is
# stored as if all of it were the same; a NaN further on becomes the least value of the chunk. Neither writing nor
# reading says anything. That the filter does not keep NaN is known (h5py issue 783); that one takes a chunk of
# valid values with it is not what this makes one expect. With a fill value of NaN all of the chunk is NaN.
#
# Catalogues have NaN for what was not measured, and the filter is used for large ones: the DScale filters of
# SWIFT's snapshots are it. Whoever writes with it must put a number in place of NaN; whoever reads such
# columns should look for whole chunks of one value.
#
# Below 1000 magnitudes of about 10 in one chunk, one of them NaN.
#
# Seen on 2026-12-01 on Debian 12, amd64, python3-h5py 3.7.0-8 (HDF5 1.10.8):
#
#   no NaN: mean 9.86, least -1.70, largest error 0.0005
#   NaN in row 500: row 500 is -1.70, largest error of the others 0.0005
#   NaN in row 0: row 0 is 0.00, all others are 0
#
# As long as it is so, this exits with 0; with 1 if it has changed, 2 if it can't be tried.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

has() { # PACKAGE=VERSION...: are all of them installed?
    for package; do
        [ "$(dpkg-query -W -f '${Version}' "${package%%=*}" 2>/dev/null)" = "${package#*=}" ] || return 1
    done
}

set -- python3-h5py=3.7.0-8 python3-h5py-serial=3.7.0-8 libhdf5-103-1=1.10.8+repack1-1
has "$@" || apt-get install -y --no-install-recommends "$@" >"$work/log" 2>&1 ||
    { tail -3 "$work/log"; echo "needs: apt-get install $*"; exit 2; }

cat >"$work/store.py" <<'END'
import sys

import h5py
import numpy as np


def store(values):
    """What comes back of values."""
    with h5py.File(sys.argv[1], "w") as file:
        file.create_dataset("mag", data=values, scaleoffset=3, chunks=(1000,))
    with h5py.File(sys.argv[1], "r") as file:
        return file["mag"][:]


mag = np.random.default_rng(0).normal(10, 3, 1000).astype("f4")
again = store(mag)
print(f"no NaN: mean {again.mean():.2f}, least {again.min():.2f},",
      f"largest error {abs(again - mag).max():.4f}")
for row in 500, 0:
    values = mag.copy()
    values[row] = np.nan
    again = store(values)
    others = np.arange(1000) != row
    worst = abs(again - mag)[others].max()
    print(f"NaN in row {row}: row {row} is {again[row]:.2f},",
          "all others are 0" if not again[others].any() else
          f"largest error of the others {worst:.4f}")
END

cat >"$work/expected" <<'END'
no NaN: mean 9.86, least -1.70, largest error 0.0005
NaN in row 500: row 500 is -1.70, largest error of the others 0.0005
NaN in row 0: row 0 is 0.00, all others are 0
END
timeout 60 /usr/bin/python3 "$work/store.py" "$work/mag.h5" >"$work/seen" || { echo "can't be tried here"; exit 2; }
cat "$work/seen"
cmp -s "$work/expected" "$work/seen" || { echo "this has changed"; exit 1; }
