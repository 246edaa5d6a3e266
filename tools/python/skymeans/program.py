"""Fits of catalogues in files, by the program."""
from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import warnings
import weakref
from typing import Any, Optional, Sequence, Union

import numpy as np

from .library import EXCEPTIONS, HOME, SYSTEM
from .result import Path, Result

ERROR, WARNING, STOPPED = "skymeans: error: ", "skymeans: warning: ", "skymeans: stopped early"
INTERRUPTED, GOES_ON = 6, 75  # exit codes of runs that a signal ended
LAUNCHED = "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"  # by launchers of ranks
REPEATED = "missing_value", "factor", "mpi_info"  # options that may be given several times
PLACES = HOME / "build", HOME.parent / "bin", HOME.parent.parent / "bin"


def fit(files: Union[Path, Sequence[Path]], n_clusters: Union[int, str, Sequence[int]],
        output: Optional[Path] = None, *, columns: Union[str, Sequence[str], None] = None,
        where: Optional[str] = None, launcher: Union[str, Sequence[str]] = (),
        **options: Any) -> Result:
    """The result of `skymeans fit` on catalogues in HDF5 files, which may be larger than memory.

    `columns` are the features, names or expressions; `where` says which rows; of several `n_clusters`,
    as [4, 8, 16] or "2..20", the best is kept. Other options are those
    of the program with _ for -: scale="standard", weights="mass", max_hours=2, overwrite=True,
    missing_value=[-99, "b_v:0"]. `launcher` starts it on ranks: "mpirun -n 4", or its words. Without
    `output` the result is a temporary file, which goes when nothing refers to the Result.

    ValueError, OSError, MemoryError with the program's own line. Ctrl-C is handed on to the program,
    which ends cleanly and keeps what `output` and `checkpoint` are for; then KeyboardInterrupt."""
    _check_alone()
    several = [files] if isinstance(files, (str, os.PathLike)) else files
    paths = [os.fspath(path) for path in several]
    folder = tempfile.mkdtemp(prefix="skymeans-") if output is None else None
    path = os.fspath(output or f"{folder}/result.h5")
    options.update(columns=columns, clusters=n_clusters, output=path, where=where)
    try:
        words = shlex.split(launcher) if isinstance(launcher, str) else launcher
        _run([*words, _find_program(), "fit", *_arguments(options), "--", *paths])
        if not os.path.exists(path):
            raise ValueError(f"no result ({path}): the program writes none with such an option, as "
                             "dry_run or help; call it in a shell to see what it says")
        result = Result(path)
    except BaseException:
        _remove(folder)
        raise
    weakref.finalize(result, _remove, folder)
    return result


def _remove(folder: Optional[str]) -> None:
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _check_alone() -> None:
    """A program that one of several ranks starts would take itself for that rank."""
    for variable in LAUNCHED:
        if int(os.environ.get(variable, "1")) > 1:
            raise RuntimeError(f"one process is enough ({variable}={os.environ[variable]}): call fit "
                               "without mpirun or srun, and give these as its launcher; or cluster "
                               "rows in memory, by KMeans(comm=...)")


def _find_program() -> str:
    """$SKYMEANS, else the program beside this module or built in its checkout, else in PATH."""
    asked = os.environ.get("SKYMEANS")
    beside = [str(place / "skymeans") for place in PLACES]
    found = next((path for path in ([asked] if asked else beside) if os.access(path, os.X_OK)), None)
    found = found or (None if asked else shutil.which("skymeans"))
    if found is None:
        raise FileNotFoundError(f"no program skymeans ({asked or 'PATH'}): install it, or say where it "
                                "is with SKYMEANS=")
    return found


def _arguments(options: dict[str, Any]) -> list[str]:
    """--name=value; --name for True; nothing for None and False; of a list values with commas, or one
    after the other."""
    words = []
    for name, value in options.items():
        values, option = [value], f"--{name.replace('_', '-')}"
        if isinstance(value, (list, tuple, range, np.ndarray)):
            values = list(value) if name in REPEATED else [",".join(map(str, value))]
        for each in values:
            if isinstance(each, (bool, np.bool_)):
                words += [option] if each else []
            elif each is not None:
                words.append(f"{option}={each}")
    return words


def _run(command: list[str]) -> None:
    """In a session of its own, so that Ctrl-C comes to it once, from here."""
    # Open MPI would start a daemon for a program that no launcher started; isolated it does not.
    environment = {"OMPI_MCA_ess_singleton_isolated": "1", **os.environ}
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          errors="replace", start_new_session=True) as process:
        try:
            said = process.communicate()[1]
        except KeyboardInterrupt:
            os.kill(process.pid, signal.SIGINT)
            process.communicate()
            raise
    _judge(process.returncode, said.splitlines())


def _judge(code: int, lines: list[str]) -> None:
    """Raises what an exit code means; warnings become Python's."""
    for line in lines:
        if line.startswith(WARNING):
            warnings.warn(line[len(WARNING):], stacklevel=4)
    if code == 0:
        return
    errors = [line[len(ERROR):] for line in lines if line.startswith(ERROR)]
    if code in (INTERRUPTED, GOES_ON):
        raise InterruptedError((errors or lines or ["stopped by a signal"])[-1])
    if errors:
        raise EXCEPTIONS.get(code, RuntimeError)(errors[-1])
    last = lines[-1] if lines else "it said nothing"
    raise EXCEPTIONS[SYSTEM](f"the program failed (skymeans, exit code {code}): {last}")
