#!/bin/sh
# symbols.sh: what the compiled files in $BUILD call that their rooms must not, and what the library
# exports. Prints what breaks the rules; 0 if nothing does.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
wrong=0

# The engine answers its caller by return values alone: it neither prints nor ends the process, leaves
# signals and the allocator as they are, and knows no HDF5.
engine='base comm sums kernels samples order seeding assign fit cluster'
ends='exit|_exit|_Exit|quick_exit|abort|raise|kill'
prints='stdout|stderr|(__)?v?printf(_chk)?|puts|putchar|perror'
settings='signal|sigaction|sigprocmask|pthread_sigmask|mallopt'

complain() { # TEXT
    echo "$1"
    wrong=1
}

# An extended regular expression of the MPI functions that a file may call.
allowed_mpi() { # FILE
    case $1 in
    src/comm/*) echo '.*' ;;
    src/main.c) echo 'MPI_(Init_thread|Finalize)' ;;
    *) echo 'none' ;;
    esac
}

forbid() { # FILE NAMES WHY: complains if there are names
    [ -z "$2" ] || complain "$1: $3: $(echo "$2" | tr '\n' ' ')"
}

check_engine() { # FILE NAMES
    forbid "$1" "$(echo "$2" | grep -xE "$ends|$prints|$settings")" 'the engine must not call'
    forbid "$1" "$(echo "$2" | grep '^H5')" 'the engine must not use HDF5'
}

# MPI's constants may be data of other names (ompi_mpi_comm_world), which are no calls.
check_object() { # FILE OBJECT
    symbols=$(nm -u -P "$2") || complain "$2: cannot be read"
    names=$(echo "$symbols" | sed 's/[ @].*//')
    forbid "$1" "$(echo "$names" | grep -E '^P?MPI_' | grep -vxE "$(allowed_mpi "$1")")" \
        'only comm/ calls MPI'
    case " $engine " in
    *" $(basename "$(dirname "$1")") "*) check_engine "$1" "$names" ;;
    esac
}

# Kernels of other processors have no object. Rooms whose files all have none were not built.
for file in src/main.c src/*/*.c; do
    object=$build/${file#src/}
    object=${object%.c}.o
    if [ -e "$object" ]; then
        check_object "$file" "$object"
    elif ! ls "$(dirname "$object")"/*.o >/dev/null 2>&1; then
        complain "$file: not built; run make first"
    fi
done

# Names of versions are absolute symbols (A).
for library in "$build"/libskymeans.so*; do
    [ -e "$library" ] || continue
    symbols=$(nm -D --defined-only -P "$library") || complain "$library: cannot be read"
    forbid "$library" "$(echo "$symbols" | awk '$2 != "A" { print $1 }' | grep -v '^skymeans_')" \
        'must export names that begin with skymeans_ only'
done
exit $wrong
