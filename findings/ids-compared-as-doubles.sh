#!/bin/sh
# A row that is asked for by its 64-bit id is not the row that comes: cfitsio gives 257 rows, and pandas one, of
# another object.
#
# The row filters of cfitsio, which fitscopy and Python's fitsio have, take columns of 64-bit integers (TFORM K)
# for doubles. HDFStore.select of pandas until 2.0 makes a double of the number in a condition on an integer
# column, and an integer of that again. An SDSS objID is beyond 2^60, where doubles are 256 apart, and objects
# of a field have numbers that follow each other: all that round to the same double are equal for cfitsio, and
# pandas looks for the object whose number that double is. Neither says anything. STILTS compares such ids
# as integers, and so does DataFrame.query of the same pandas.
#
# Read all ids and compare them in memory, or store them as text.
#
# Below 2000 objects of a field, and one of them asked for.
#
# Seen on 2026-12-01 on Debian 12, amd64, libcfitsio-bin 4.2.0-3, python3-pandas 1.5.3+dfsg-2, python3-tables
# 3.7.0-5, python3-astropy 5.2.1-2+deb12u1, stilts 3.4.7-4:
#
#   asked for: 1237648720693755918
#   cfitsio: 257 rows, from 1237648720693755776 to 1237648720693756032
#   HDFStore.select: 1237648720693755904
#   DataFrame.query: 1237648720693755918
#   stilts: 1237648720693755918
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

set -- libcfitsio-bin=4.2.0-3 python3-pandas=1.5.3+dfsg-2 python3-tables=3.7.0-5 \
    python3-astropy=5.2.1-2+deb12u1 stilts=3.4.7-4
has "$@" || apt-get install -y --no-install-recommends "$@" >"$work/log" 2>&1 ||
    { tail -3 "$work/log"; echo "needs: apt-get install $*"; exit 2; }

cat >"$work/write.py" <<'END'
import sys

import numpy as np
from astropy.table import Table

table = Table({"objid": 1237648720693755000 + np.arange(2000)})
table.write(sys.argv[1])
table.to_pandas().to_hdf(sys.argv[2], "t", format="table", data_columns=True)
END
cat >"$work/read.py" <<'END'
import sys

import pandas as pd
from astropy.table import Table

ids = Table.read(sys.argv[1])["objid"]
print(f"cfitsio: {len(ids)} rows, from {min(ids)} to {max(ids)}")
condition = f"objid == {sys.argv[3]}"
with pd.HDFStore(sys.argv[2], "r") as store:
    print("HDFStore.select:", *store.select("t", where=condition).objid)
    print("DataFrame.query:", *store["t"].query(condition).objid)
END

cat >"$work/expected" <<'END'
asked for: 1237648720693755918
cfitsio: 257 rows, from 1237648720693755776 to 1237648720693756032
HDFStore.select: 1237648720693755904
DataFrame.query: 1237648720693755918
stilts: 1237648720693755918
END
cd "$work"
objid=1237648720693755918
timeout 60 /usr/bin/python3 write.py objects.fits objects.h5
timeout 60 fitscopy "objects.fits[1][objid == $objid]" found.fits
{
    echo "asked for: $objid"
    timeout 60 /usr/bin/python3 read.py found.fits objects.h5 $objid
    timeout 60 stilts tpipe in=objects.fits ifmt=fits cmd="select objid==${objid}L" omode=out ofmt=csv out=- |
        sed -n 's/^[0-9]/stilts: &/p'
} >seen || { echo "can't be tried here"; exit 2; }
cat seen
cmp -s expected seen || { echo "this has changed"; exit 1; }
