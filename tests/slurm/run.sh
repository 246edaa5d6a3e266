#!/bin/bash
# run.sh TEST: tests the scripts of jobs/ on a Slurm cluster of four nodes on this machine; all tests,
# each class of them on a cluster of its own at the same time, or those of one name (test_array).
# With --can-run it only says whether this may be possible.
#
# A cluster lives in namespaces of its own (processes, network, mounts), and in them each of its nodes
# does. They have no names and end with their first process, however that ends. So nothing is left
# behind, and other clusters on this machine are not met.
set -u
here=$(cd "$(dirname "$0")" && pwd)
tests=$here/test_jobs.py
SECONDS_AT_MOST=420

# Becomes the command, in its namespaces; it does not outlive this script.
in_own_namespaces() {
    exec setpriv --pdeathsig KILL \
        unshare --mount --uts --ipc --net --pid --fork --kill-child --mount-proc "$@"
}

skip() {
    echo "check-slurm: skipped: $1"
    exit "$2"
}

(in_own_namespaces true) 2>/dev/null || skip 'namespaces may not be made here; be root?' 1
[ "${1:-}" != --can-run ] || exit 0
if [ $# -gt 0 ] && ! grep -q "def $1(self)" "$tests"; then
    echo "check-slurm: no test is called $1: see $tests" >&2
    exit 2
fi
(in_own_namespaces sh -c 'ip link add name bridge0 type bridge &&
    tc qdisc add dev bridge0 root tbf rate 1mbit burst 20kb latency 1s') ||
    skip 'this kernel has no bridges, or no tbf to slow a network down' 0

scratch=$(mktemp -d "${TMPDIR:-/tmp}/skymeans-slurm-XXXXXX") || exit 1
clusters=() # names by process
trap 'rm -rf "$scratch"' EXIT
trap 'kill "${!clusters[@]}"; exit 1' INT TERM HUP

# Begins a cluster that runs tests; what they say comes in one piece, when they are done.
begin() { # NAME ARGUMENTS...
    mkdir "$scratch/$1"
    SCRATCH=$scratch/$1 in_own_namespaces timeout --kill-after=10 $SECONDS_AT_MOST \
        "$python" "$tests" -v "${@:2}" >"$scratch/$1.log" 2>&1 &
    clusters[$!]=$1
}

python=$("$here/../../tools/find-python.sh" h5py numpy) || exit 1
make -s -C "$here/../.." --no-print-directory install PREFIX="$scratch/installed" || exit 1
if [ $# -gt 0 ]; then
    begin "$1" -k "$1"
else
    # shellcheck disable=SC2013 # names are words
    for class in $(sed -n 's/^class \(Test[A-Za-z]*\)(.*/\1/p' "$tests"); do
        begin "$class" "$class"
    done
fi
status=0
for process in "${!clusters[@]}"; do
    wait "$process"
    code=$?
    [ $code = 0 ] || status=1
    cat "$scratch/${clusters[process]}.log"
    [ $code != 124 ] || echo "check-slurm: ended after $SECONDS_AT_MOST s" >&2
done
exit $status
