#!/bin/bash
# scaling.sh strong|weak [STUDY.yaml [TAG...]]: runs a scaling study, or goes on with one that was
# interrupted; runs that failed are tried again.
#
#     cp jobs/scaling.yaml my-study.yaml           # and edit it
#     jobs/scaling.sh strong my-study.yaml         # leaves the folder my-study-strong
#     tools/scaling.py my-study-strong -o figures
#
# Without a file it takes scaling.yaml beside it. On a cluster: strong-scaling.sbatch, weak-scaling.sbatch.
set -u

fail() { # CODE MESSAGE
    echo "scaling.sh: error: $2" >&2
    exit "$1"
}

jobs=$(cd "$(dirname "$0")" && pwd)
kind=${1:-}
case $kind in
strong | weak) ;;
*) fail 2 "no kind of scaling ($kind): say strong or weak; usage: scaling.sh strong|weak [STUDY.yaml [TAG...]]" ;;
esac
study=${2:-$jobs/scaling.yaml}
[ -f "$study" ] || fail 4 "cannot read ($study): no such file; copy $jobs/scaling.yaml"
folder=$(basename "$study" .yaml)-$kind
shift $(($# < 2 ? $# : 2))

skymeans=$jobs/../build/skymeans
[ -x "$skymeans" ] || skymeans=$jobs/../../../bin/skymeans # from share/skymeans/jobs
[ -x "$skymeans" ] || skymeans=$(command -v skymeans)
launcher='' # site.sh may name one
set +u # which modules of sites may not expect
# shellcheck source=/dev/null
[ ! -e "$jobs/site.sh" ] || . "$jobs/site.sh"
set -u +e
SKYMEANS=$(command -v "${skymeans:-skymeans}") ||
    fail 4 "no program (${skymeans:-skymeans}): run make, or say skymeans=FILE in $jobs/site.sh"
SKYMEANS=$(realpath "$SKYMEANS")
command -v jube >/dev/null ||
    fail 4 "no JUBE (jube): it drives the study; on Debian install jube, with Spack jube"

# Does it start one run of all ranks? (One rank tells the version; without MPI each would.)
starts_one_run() {
    [ "$(timeout 100 "$@" -n 2 "$SKYMEANS" --version 2>/dev/null | wc -l)" = 1 ]
}

export SLURM_KILL_BAD_EXIT=1 # a rank that died leaves none waiting
export SLURM_PMIX_FENCE=${SLURM_PMIX_FENCE:-tree}
if [ -z "$launcher" ] && [ -n "${SLURM_JOB_ID:-}" ]; then
    for launcher in 'srun' 'srun --mpi=pmix' 'mpirun --bind-to none' ''; do
        # shellcheck disable=SC2086 # a launcher may be several words
        [ -z "$launcher" ] || ! starts_one_run $launcher || break
    done
    [ -n "$launcher" ] || fail 4 "no launcher: neither srun, srun --mpi=pmix nor mpirun starts one run \
of all ranks; name a launcher= in $jobs/site.sh"
fi
LAUNCHER=${launcher:-mpirun --bind-to none --oversubscribe}
export SKYMEANS LAUNCHER

{ mkdir -p "$folder" && exec {lock}>>"$folder/lock"; } ||
    fail 4 "cannot write ($folder): see above; choose another folder to work in"
# Two at once would take each other's processors. The lock ends with this script and JUBE. (Some file systems
# know no locks, and return something else than 1.)
flock -n "$lock"
[ $? -ne 1 ] || fail 4 "study in use ($folder): another scaling.sh, or what it left running, works on it; \
wait until that has ended"

# JUBE keeps the study as it was when it began; another one would pass for it.
if [ -e "$folder/000000/workpackages.xml" ]; then
    cmp -s "$study" "$folder/study.yaml" || fail 2 "another study ($folder): it was begun with other \
lines than $study now has; remove the folder, or give the file another name"
    # JUBE takes what has failed for done; without the mark it is tried again.
    find "$folder/000000" -mindepth 2 -maxdepth 2 -name error -delete
    jube continue "$folder" --hide-animation || exit
else
    rm -rf "$folder/000000" # nothing had begun
    cp "$study" "$folder/study.yaml" ||
        fail 4 "cannot write ($folder): see above; choose another folder to work in"
    jube run "$study" --tag "$kind" "$@" --outpath "$folder" --hide-animation || exit
fi
failed=$(find "$folder/000000" -mindepth 2 -maxdepth 2 -name error | sort)
[ -z "$failed" ] && exit
while IFS= read -r mark; do
    grep -m 1 error: "${mark%error}work/stderr" >&2 || tail -n 1 "${mark%error}work/stderr" >&2
done <<<"$failed"
fail 1 "some steps failed ($(echo "$failed" | wc -l) of $folder; their words are above and in \
$(dirname "${failed%%$'\n'*}")/work/stderr): run the same command again when that is mended"
