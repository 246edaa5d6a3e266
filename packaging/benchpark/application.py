"""skymeans for Ramble and Benchpark; docs/scaling.md says what was tried.

It goes to repo/skymeans/application.py of Benchpark. The mock has so many rows per core as are asked
for, and each run reads its own.
"""
from ramble.appkit import (ExecutableApplication, executable, figure_of_merit, success_criteria,
                           workload, workload_variable)


class Skymeans(ExecutableApplication):
    """k-means for survey catalogues: weak scaling on mock catalogues"""
    name = "skymeans"
    tags = ["clustering", "astronomy", "mpi", "openmp", "hdf5"]

    executable("generate", "skymeans generate mock.h5 --rows {n_rows} --columns {columns} --clusters "
               "{clusters} --random-seed 1 --quiet --overwrite", use_mpi=True)
    executable("fit", "skymeans fit mock.h5 --clusters {clusters} --seeding random --random-seed 1 "
               "--tolerance 0 --max-iterations {iterations} --threads {n_threads_per_proc} "
               "-o result.h5 --metrics metrics.json --overwrite", use_mpi=True)
    executable("tidy", "rm -f mock.h5 result.h5", use_mpi=False)
    workload("weak", executables=["generate", "fit", "tidy"])

    workload_variable("n_rows", default="250000", workloads=["weak"], description="rows of the mock")
    workload_variable("columns", default="8", workloads=["weak"], description="features")
    workload_variable("clusters", default="256", workloads=["weak"], description="number of clusters")
    workload_variable("iterations", default="20", workloads=["weak"], description="of each fit")

    for merit, units in (("seconds", "s"), ("memory_peak_bytes", "B")):
        figure_of_merit(merit, log_file="{experiment_run_dir}/metrics.json",
                        fom_regex=rf'.*"{merit}": (?P<value>[0-9.e+-]+), "(?:goes|result)"',
                        group_name="value", units=units)
    success_criteria("record", mode="string", match=r'.*"checksum": "[0-9a-f]+".*',
                     file="{experiment_run_dir}/metrics.json")
