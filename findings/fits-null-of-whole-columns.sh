#!/bin/sh
# A valid integer becomes missing when astropy writes a table to FITS and reads it back, and two readers
# disagree about which one.
#
# If any column of an astropy table has a missing value, the table is masked as a whole, and its writer
# gives every integer column a TNULL, whether something is missing there or not: 999999, by default,
# which for a column of 16 bits is cut to 16959. That is a number like any other, so rows which have it
# come back masked. In a column of unsigned integers, which FITS stores less 32768 (TZERO), the FITS
# standard (4.0, section 7.3.2) compares TNULL with what is stored, so a reader that follows it, as
# STILTS does, takes 49727 for missing and keeps 16959; astropy compares after adding TZERO, and the other
# way round. Nothing is said by any of them. Whoever reads such files must not trust a TNULL of 16959.
#
# Seen on 2026-11-30 on Debian 12 with python3-astropy 5.2.1-2+deb12u1 and stilts 3.4.7-4:
#
#   header: u TNULL 16959 TZERO 32768, s TNULL 16959
#   astropy: u 1 -- 49727, s 1 -- -2
#   stilts: u 1 16959 -, s 1 - -2
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

set -- python3-astropy=5.2.1-2+deb12u1 stilts=3.4.7-4
has "$@" || apt-get install -y --no-install-recommends "$@" >"$work/log" 2>&1 ||
    { tail -3 "$work/log"; echo "needs: apt-get install $*"; exit 2; }

cat >"$work/write.py" <<'END'
import sys

import numpy as np
from astropy.io import fits
from astropy.table import Table

path = sys.argv[1]
table = Table({"u": np.array([1, 16959, 49727], "u2"), "s": np.array([1, 16959, -2], "i2"),
               "m": np.ma.array([1, 2, 3], mask=[False, True, False])})
table.write(path)
header = fits.getheader(path, 1)
print(f"header: u TNULL {header['TNULL1']} TZERO {header['TZERO1']}, s TNULL {header['TNULL2']}")
again = Table.read(path)
print("astropy:", ", ".join(" ".join([name, *map(str, again[name])]) for name in "us"))
END
timeout 120 /usr/bin/python3 "$work/write.py" "$work/table.fits" | tee "$work/seen"
timeout 120 stilts tpipe in="$work/table.fits" ifmt=fits cmd='keepcols "u s"' omode=out ofmt=csv out="$work/table.csv"
awk -F, 'NR > 1 { u = u " " ($1 == "" ? "-" : $1); s = s " " ($2 == "" ? "-" : $2) }
    END { print "stilts: u" u ", s" s }' "$work/table.csv" | tee -a "$work/seen"

cat >"$work/expected" <<'END'
header: u TNULL 16959 TZERO 32768, s TNULL 16959
astropy: u 1 -- 49727, s 1 -- -2
stilts: u 1 16959 -, s 1 - -2
END
cmp -s "$work/expected" "$work/seen" || { echo "this has changed"; exit 1; }
