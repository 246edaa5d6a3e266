#!/bin/sh
# rooms.sh: which room includes which. Prints what breaks the order; 0 if nothing does.
set -u
cd "$(dirname "$0")/../.." || exit 1
wrong=0

# From the ground up: each may include those before it, and itself.
rooms='base comm sums kernels samples order seeding assign fit cluster process machine h5 mock expression compare catalogue templates result report command'

allowed=
for room in $rooms; do
    allowed="$allowed$room "
    for file in "src/$room"/*; do
        # shellcheck disable=SC2013 # names of rooms are words
        for other in $(sed -n 's|^#include "\([a-z0-9]*\)/.*\.h"$|\1|p' "$file" | sort -u); do
            case " $allowed" in
            *" $other "*) ;;
            *) echo "$file: $room must not include $other/, which stands above it"; wrong=1 ;;
            esac
        done
    done
done

for folder in src/*/; do
    room=$(basename "$folder")
    case " $rooms " in
    *" $room "*) ;;
    *) echo "$folder: say in tests/lint/rooms.sh where this room stands"; wrong=1 ;;
    esac
done

# MPI and HDF5 come in by one door each.
strays=$(grep -lrE '^#include <(mpi|hdf5)\.h>' src | grep -vxE 'src/(comm/comm|h5/h5)\.h')
if [ -n "$strays" ]; then
    echo "$strays: include comm/comm.h or h5/h5.h instead"
    wrong=1
fi
exit $wrong
