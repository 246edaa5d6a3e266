#!/bin/bash
# restart-chain.sh N ARGUMENTS...: submits N jobs by `sbatch ARGUMENTS...`, each of which starts when
# the one before it has ended; for sites where a job may not queue up again.
#
#     jobs/restart-chain.sh 5 -N 4 jobs/fit.sbatch stars.h5 -k 100 -o classes.h5
#
# Each goes on where the one before it stopped; those that find the result end at once.

case $1 in
'' | *[!0-9]* | 0*)
    echo "usage: restart-chain.sh NUMBER-OF-JOBS SBATCH-ARGUMENTS..." >&2
    exit 2
    ;;
esac
n_jobs=$1
shift
say() { echo "restart-chain.sh: $*" >&2; }

# The first word that is a script is the one that runs; after it come its arguments.
is_script() { [ -f "$1" ] && [ "$(head -c 2 "$1" | tr '\0' ' ')" = '#!' ]; }
n_before=0
for word in "$@"; do
    ! is_script "$word" || break
    n_before=$((n_before + 1))
done
if [ $n_before -ge $# ]; then
    say "no script among the arguments of sbatch; name jobs/fit.sbatch"
    exit 2
fi

# It says what its arguments mean.
does='' output='' overwrite='' code=''
while IFS= read -r -d '' fact; do
    case $fact in
    does=* | output=* | overwrite=* | code=*) printf -v "${fact%%=*}" %s "${fact#*=}" ;;
    esac
done < <(
    env -u SLURM_JOB_ID bash "${@:n_before+1}"
    printf 'code=%s\0' $?
)
[ "$code" = 0 ] || exit "$code" # it has said why
if [ "$does" != fit ]; then
    say "nothing to go on with: the arguments ask for no fit"
    exit 2
fi
if [ "$overwrite" = yes ] || [ -e "$output" ]; then
    say "no chain may replace a result, which its jobs could not tell from a new one; remove $output" \
        "first, and leave --overwrite out"
    exit 2
fi

export SKYMEANS_CHAIN # tells a job which of the chain it is: after the first, a result may be there
job=''
for ((i = 1; i <= n_jobs; i++)); do
    SKYMEANS_CHAIN=$i
    job=$(sbatch --parsable --no-requeue ${job:+--dependency=afterany:"$job"} "$@") || exit 1
    job=${job%%;*} # the name of the cluster
    echo "job $i of $n_jobs: $job"
done
