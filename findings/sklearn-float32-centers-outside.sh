#!/bin/sh
# KMeans of scikit-learn returns centers outside of all samples, if these are float32 and many.
#
# Given float32 it adds up the samples of a cluster in float32, one after the other, and counts them in float32,
# too. A count ends at 16,777,216, since that plus 1 is the same float32, and a sum where one more sample is less
# than half of its last digit. Nothing is said, and the fit converges, in two iterations. The inertia is summed
# up in float32 as well. With 24 million samples a cluster the centers below are brighter than the brightest star
# and fainter than the faintest; with 2 million they are wrong in the second decimal place, since values of few
# digits are all rounded to the same side (random ones are off by 0.0002 with 10 million, and by 1 with 20
# million). Two threads, each with its own sums, came to the same centers, with another inertia.
#
# So clusters of more than a million samples want float64 there, at twice the memory; and who compares another
# program with it compares with wrong centers otherwise.
#
# Below 48 million magnitudes: 14.0, 14.1 ... 14.9, and as many 20.0 ... 20.9, so that the centers are 14.45 and
# 20.45, and the inertia is 0.0825 a star, 4.0e+06. The first centers are given, and OMP_NUM_THREADS=1.
#
# Seen on 2026-12-01 on Debian 12, amd64, python3-sklearn 1.2.1+dfsg-1, python3-numpy 1:1.24.2-1+deb12u1:
#
#   float64: centers 14.45 20.45, inertia 4.0e+06
#   float32: centers 13.45 21.45, inertia 4.0e+07
#
# As long as it is so, this exits with 0; with 1 if it has changed, 2 if it can't be tried.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1

has() { # PACKAGE=VERSION...: are all of them installed?
    for package; do
        [ "$(dpkg-query -W -f '${Version}' "${package%%=*}" 2>/dev/null)" = "${package#*=}" ] || return 1
    done
}

set -- python3-sklearn=1.2.1+dfsg-1 python3-numpy=1:1.24.2-1+deb12u1
has "$@" || apt-get install -y --no-install-recommends "$@" >"$work/log" 2>&1 ||
    { tail -3 "$work/log"; echo "needs: apt-get install $*"; exit 2; }

cat >"$work/fit.py" <<'END'
import numpy as np
from sklearn.cluster import KMeans

N = 24_000_000
for precision in "float64", "float32":
    samples = np.empty((2 * N, 1), precision)
    samples[:N, 0] = 14 + np.arange(N) % 10 / 10
    samples[N:] = samples[:N] + 6
    first = np.array([[14], [20]], precision)
    fit = KMeans(2, init=first, n_init=1, copy_x=False).fit(samples)
    bright, faint = fit.cluster_centers_.ravel()
    print(f"{precision}: centers {bright:.2f} {faint:.2f}, inertia {fit.inertia_:.1e}")
END

cat >"$work/expected" <<'END'
float64: centers 14.45 20.45, inertia 4.0e+06
float32: centers 13.45 21.45, inertia 4.0e+07
END
timeout 300 /usr/bin/python3 "$work/fit.py" >"$work/seen" || { echo "can't be tried here"; exit 2; }
cat "$work/seen"
cmp -s "$work/expected" "$work/seen" || { echo "this has changed"; exit 1; }
