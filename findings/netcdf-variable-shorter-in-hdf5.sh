#!/bin/sh
# One variable of a netCDF-4 file has two lengths: 5 for netCDF, 3 for HDF5.
#
# Variables that share a dimension which grows (unlimited) are as long as the longest of them, by
# netCDF. In the HDF5 file below each dataset is only as long as it was written itself; netCDF's library
# makes up the rest when it is read. So h5py, h5dump, PyTables and everything else that reads the file as
# HDF5 find columns of different lengths where netCDF has one table; and asked for the length of the
# dimension, HDF5's dimension scale says 0. What was made up is masked by netCDF4-python, and an
# ordinary number, 9.96921e+36, for xarray: it knows netCDF's default fill values no more than HDF5
# does.
#
# Seen on 2026-11-29 on Debian 12 with python3-netcdf4 1.6.2-1+b1 (netCDF 4.9.0), python3-h5py 3.7.0-8
# (HDF5 1.10.8), python3-xarray 2023.01.0-1.1:
#
#   netCDF4: y has 5 rows: [0.0 1.0 2.0 -- --]
#   h5py: y has 3 rows: [0. 1. 2.], obs has 0
#   xarray: y has 5 rows: [0.00000e+00 1.00000e+00 2.00000e+00 9.96921e+36 9.96921e+36]
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

set -- python3-netcdf4=1.6.2-1+b1 python3-h5py=3.7.0-8 python3-xarray=2023.01.0-1.1
has "$@" || apt-get install -y --no-install-recommends "$@" >"$work/log" 2>&1 ||
    { tail -3 "$work/log"; echo "needs: apt-get install $*"; exit 2; }

cat >"$work/read.py" <<'END'
import sys

import h5py
import netCDF4
import xarray

path = sys.argv[1]
with netCDF4.Dataset(path, "w") as file:
    file.createDimension("obs", None)
    file.createVariable("x", "f4", ("obs",))[:] = [0, 1, 2, 3, 4]
    file.createVariable("y", "f4", ("obs",))[:] = [0, 1, 2]
with netCDF4.Dataset(path) as file:
    y = file["y"][:]
    print(f"netCDF4: y has {len(y)} rows: {y}")
with h5py.File(path, "r") as file:
    y = file["y"][:]
    print(f"h5py: y has {len(y)} rows: {y}, obs has {len(file['obs'])}")
with xarray.open_dataset(path, engine="netcdf4") as file:
    y = file["y"].values
    print(f"xarray: y has {len(y)} rows: {y}")
END

cat >"$work/expected" <<'END'
netCDF4: y has 5 rows: [0.0 1.0 2.0 -- --]
h5py: y has 3 rows: [0. 1. 2.], obs has 0
xarray: y has 5 rows: [0.00000e+00 1.00000e+00 2.00000e+00 9.96921e+36 9.96921e+36]
END
timeout 120 /usr/bin/python3 "$work/read.py" "$work/growing.nc" | tee "$work/seen"
cmp -s "$work/expected" "$work/seen" || { echo "this has changed"; exit 1; }
