"""What starts ranks: mpirun, or what MPIRUN says."""
import functools
import os
import shlex
import subprocess

MPIRUN = shlex.split(os.environ.get("MPIRUN", "mpirun"))


def on_ranks(n):
    """The words before a program that start it on n ranks."""
    return [*MPIRUN, "-n", str(n)]


@functools.cache
def is_open_mpi():
    """Whether it is Open MPI's. Others pass fewer signals on, and say less when they end."""
    return "Open MPI" in subprocess.run([*MPIRUN, "--version"], capture_output=True, text=True,
                                        check=True).stdout
