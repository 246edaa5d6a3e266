#!/bin/bash
# run.sh TEST...: tests the scripts of jobs/ on a Slurm cluster of four nodes on this machine; all
# tests, or those named as unittest wants them (TestJobs.test_array). With --can-run it only says
# whether this may be possible.
#
# The cluster lives in namespaces of its own (processes, network, mounts), and in them each of its
# nodes does. They have no names and end with their first process, however that ends. So nothing is
# left behind, and other clusters on this machine are not met.
set -u
here=$(cd "$(dirname "$0")" && pwd)
SECONDS_AT_MOST=900

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
(in_own_namespaces sh -c 'ip link add name bridge0 type bridge &&
    tc qdisc add dev bridge0 root tbf rate 1mbit burst 20kb latency 1s') ||
    skip 'this kernel has no bridges, or no tbf to slow a network down' 0

SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/skymeans-slurm-XXXXXX") || exit 1
export SCRATCH
trap 'rm -rf "$SCRATCH"' EXIT
trap 'kill "$tests"; exit 1' INT TERM HUP

python=$("$here/../../tools/find-python.sh" h5py numpy) || exit 1
in_own_namespaces timeout --kill-after=10 $SECONDS_AT_MOST \
    "$python" "$here/test_jobs.py" -v "$@" &
tests=$!
wait $tests
status=$?
[ $status != 124 ] || echo "check-slurm: ended after $SECONDS_AT_MOST s" >&2
exit $status
