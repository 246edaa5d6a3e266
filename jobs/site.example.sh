# shellcheck shell=bash disable=SC2034 # fit.sbatch reads the variables
# site.example.sh: copy it to site.sh and edit that. The jobs read it; so may you, before you build
# and submit:  . jobs/site.sh

module load openmpi hdf5-parallel # names differ: module avail

# What sbatch would be told each time.
export SBATCH_PARTITION=standard
export SBATCH_ACCOUNT=project

# If the program is neither in build/ nor in PATH:
# skymeans=$HOME/bin/skymeans

# Without it fit.sbatch tries srun first, then mpirun.
# launcher='srun --mpi=pmix'

# How often a job may queue up again.
# tries=20
