#!/bin/sh
# run.sh BUILD SKYMEANS FUZZER...: runs fuzzers of BUILD, each for $FUZZ_SECONDS, from what they learnt before
# (BUILD/corpus) and from tests/fuzz/corpus; or, without this variable, on the latter once. SKYMEANS makes
# the results that one of them changes.
set -eu
build=$1 skymeans=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
results=$build/results
rm -rf "$results"
mkdir -p "$results"
# One rank needs no daemon beside it.
export OMPI_MCA_ess_singleton_isolated=1

"$skymeans" generate "$results/in.h5" --rows 300 --columns 3 -k 4 --layout columns -q
fit() { # NAME OPTION...
    name=$1
    shift
    "$skymeans" fit "$results/in.h5" -o "$results/$name.h5" -q "$@"
    KM_RESULTS="${KM_RESULTS:-} $results/$name.h5"
}
fit plain -k 4 --restarts 2 --distances --second --describe features --scale standard
fit several -k 2..4 --bootstrap 2
fit sky -k 4 --sky 'x0,x1' --balance count
fit predicted -k 3 --missing-value -99 --where 'x0>-9' -c 'x0,s=x1+x2'
export KM_RESULTS

status=0
for fuzzer in "$@"; do
    seeds=$build/seeds/$fuzzer
    rm -rf "$seeds"
    mkdir -p "$seeds" "$build/corpus/$fuzzer"
    [ ! -e "$here/corpus/$fuzzer.tar.gz" ] || tar -xzf "$here/corpus/$fuzzer.tar.gz" -C "$seeds"
    if [ -z "${FUZZ_SECONDS:-}" ]; then
        "$build/fuzz_$fuzzer" "$seeds" || status=1
        continue
    fi
    echo "fuzz: $fuzzer"
    "$build/fuzz_$fuzzer" -max_total_time="$FUZZ_SECONDS" -timeout=60 -rss_limit_mb=4000 \
        -max_len=4096 -len_control=0 -print_final_stats=1 -verbosity=0 \
        -artifact_prefix="$build/$fuzzer-" "$build/corpus/$fuzzer" "$seeds" || status=1
done
exit $status
