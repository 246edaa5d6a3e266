#!/bin/sh
# lint.sh: format, static checks, and which room includes which. Prints what is wrong; 0 if nothing is.
set -u
cd "$(dirname "$0")/.." || exit 1
status=0

check() { # NAME COMMAND...: runs a check, and says so if it fails
    name=$1
    shift
    "$@" || { echo "lint: $name failed" >&2; status=1; }
}

# Rooms from the ground up: each may include those before it, and itself.
rooms='base comm sums kernels h5 samples catalogue seeding assign fit plan result'

check_rooms() {
    allowed=
    wrong=0
    for room in $rooms; do
        allowed="$allowed|$room"
        for file in include/skymeans/$room.h src/"$room"/*; do
            included=$(sed -n 's|^#include "skymeans/\(.*\)\.h"$|\1|p' "$file")
            for other in $included; do
                echo "$other" | grep -qxE "${allowed#|}" && continue
                echo "$file: $room must not include skymeans/$other.h, which stands above it"
                wrong=1
            done
        done
    done
    for file in $(grep -lE '^#include <(mpi|hdf5)\.h>' -r src include); do
        case $file in
        include/skymeans/comm.h | include/skymeans/h5.h) ;;
        *) echo "$file: include skymeans/comm.h or skymeans/h5.h instead"; wrong=1 ;;
        esac
    done
    return $wrong
}

check_rooms_are_known() {
    for folder in src/*/; do
        echo " $rooms " | grep -q " $(basename "$folder") " && continue
        echo "$folder: say in tests/lint.sh where this room stands"
        return 1
    done
}

c_files=$(git ls-files '*.c' '*.h')
sh_files=$(git ls-files '*.sh' .ci/run)
py_files=$(git ls-files '*.py')

# shellcheck disable=SC2086 # lists of files without blanks
{
    check clang-format clang-format --dry-run --Werror $c_files
    check cppcheck cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr \
        --enable=warning,performance,portability --suppress=missingInclude -Iinclude src
    check shellcheck shellcheck $sh_files
    check pyflakes pyflakes3 $py_files
}
check rooms check_rooms
check rooms check_rooms_are_known
[ $status = 0 ] && echo "lint: nothing found"
exit $status
