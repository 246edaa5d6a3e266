"""What starts ranks, and compiles for them: mpirun and mpicc, or what MPIRUN and MPICC say."""
import functools
import os
import shlex
import subprocess

MPIRUN = shlex.split(os.environ.get("MPIRUN", "mpirun"))
MPICC = shlex.split(os.environ.get("MPICC", "mpicc"))


def on_ranks(n):
    """The words before a program that start it on n ranks."""
    return [*MPIRUN, "-n", str(n)]


@functools.cache
def is_open_mpi():
    """Whether it is Open MPI's. Others pass fewer signals on, and say less when they end."""
    return "Open MPI" in subprocess.run([*MPIRUN, "--version"], capture_output=True, text=True,
                                        check=True).stdout


def code_after_signal(code):
    """What is returned once USR1 was sent to it, and ranks returned this: MPICH's forgets that."""
    return code if is_open_mpi() else 0
