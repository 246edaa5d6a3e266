#!/bin/sh
# lint.sh: format, static checks, which room includes which, and what the compiled files in $BUILD
# call. Prints what is wrong; 0 if nothing is.
set -u
cd "$(dirname "$0")/../.." || exit 1
status=0

check() { # NAME COMMAND...: runs a check, and says so if it fails
    name=$1
    shift
    "$@" || { echo "lint: $name failed" >&2; status=1; }
}

c_files=$(git ls-files '*.c' '*.h')
known=${BUILD:-build}/cppcheck # what was found in files that did not change since
mkdir -p "$known"
sh_files=$(git ls-files '*.sh' '*.sbatch' '*.bash' .ci/run)
py_files=$(git ls-files '*.py' ':!packaging/recipes')

# shellcheck disable=SC2086 # lists of files without blanks
{
    check clang-format clang-format --dry-run --Werror $c_files
    check cppcheck cppcheck --quiet --error-exitcode=1 -j "$(nproc)" \
        --cppcheck-build-dir="$known" --std=c11 --inline-suppr \
        --enable=warning,performance,portability --suppress=missingInclude -Isrc -Iinclude src
    check shellcheck shellcheck $sh_files
    check pyflakes pyflakes3 $py_files
}
check rooms tests/lint/rooms.sh
check names tests/lint/names.sh
check symbols tests/lint/symbols.sh
[ $status = 0 ] && echo "lint: nothing found"
exit $status
