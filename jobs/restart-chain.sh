#!/bin/bash
# restart-chain.sh N ARGUMENTS...: submits N jobs by `sbatch ARGUMENTS...`, each of which starts when
# the one before it has ended; for sites where a job may not queue up again.
#
#     jobs/restart-chain.sh 5 -N 4 jobs/fit.sbatch stars.h5 -k 100 -o classes.h5
#
# Each goes on where the one before it stopped; those that find the result end at once.

case $1 in
'' | *[!0-9]*)
    echo "usage: restart-chain.sh NUMBER-OF-JOBS SBATCH-ARGUMENTS..." >&2
    exit 2
    ;;
esac
n_jobs=$1
shift
for word in "$@"; do
    if [ "$word" = --overwrite ]; then
        echo "restart-chain.sh: remove the old result instead of --overwrite: the jobs could" \
            "not tell it from the new one" >&2
        exit 2
    fi
done

job=''
for ((i = 1; i <= n_jobs; i++)); do
    job=$(sbatch --parsable --no-requeue ${job:+--dependency=afterany:"$job"} "$@") || exit 1
    job=${job%%;*} # the name of the cluster
    echo "job $i of $n_jobs: $job"
done
