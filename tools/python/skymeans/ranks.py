"""The ranks of a communicator of mpi4py, or this process by itself."""
from __future__ import annotations

import ctypes
from typing import Any, Callable, Optional, TypeVar

from . import library

T = TypeVar("T")
# Exceptions that every rank has, and can make of a text.
PLAIN = (ValueError, TypeError, KeyError, IndexError, AttributeError, MemoryError, OSError,
         RuntimeError, KeyboardInterrupt, Exception, BaseException)


class Ranks:
    """`handle` is the communicator as the library takes it."""

    def __init__(self, comm: Optional[Any] = None):
        """Of an mpi4py.MPI.Comm; of None for this process alone, which needs no MPI."""
        self.comm = comm
        self.handle = library.call("comm_alone") if comm is None else _handle_of(comm)
        self.is_first = comm is None or comm.rank == 0

    def together(self, step: Callable[[], T]) -> T:
        """What step() returns, which is not collective. If it fails on any rank, all raise: the others
        would wait for it in the library."""
        if self.comm is None:
            return step()
        result: Any = None
        error: Optional[BaseException] = None
        try:
            result = step()
        except BaseException as raised:  # Ctrl-C, too
            error = raised
        told = self.comm.allgather(None if error is None else (_plain_kind(error), str(error)))
        if error is not None:
            raise error
        for rank, failure in enumerate(told):
            if failure is not None:
                raise failure[0](f"{failure[1]} [rank {rank} of {len(told)}]")
        return result

    def check_alike(self, value: Any, what: str) -> None:
        """Raises on all ranks if they don't have the same value; None is like all."""
        if self.comm is not None and len(set(self.comm.allgather(value)) - {None}) > 1:
            raise ValueError(f"arguments differ between ranks: {what} must be the same on all")

    def from_first(self, value: T) -> T:
        """The value that the first rank has."""
        return value if self.comm is None else self.comm.bcast(value)

    def sum(self, value):
        return value if self.comm is None else self.comm.allreduce(value)


def _plain_kind(error: BaseException) -> type:
    """The nearest of its kinds that is plain."""
    return next(kind for kind in type(error).__mro__ if kind in PLAIN)


def _handle_of(comm: Any) -> Optional[int]:
    from mpi4py import MPI

    if not isinstance(comm, MPI.Intracomm):
        raise TypeError(f"comm must be an intracommunicator of mpi4py, not {type(comm).__name__}")
    if not library.runs_mpi():
        theirs, ours = MPI.Get_library_version(), library.mpi_version()
        raise RuntimeError(f"two MPI libraries: mpi4py has started {theirs.splitlines()[0]!r}, not "
                           f"that of skymeans, {ours.splitlines()[0]!r}; build one of them with the "
                           "other's")
    if MPI._sizeof(MPI.Comm) == ctypes.sizeof(ctypes.c_int):
        return ctypes.c_int.from_address(MPI._addressof(comm)).value
    return ctypes.c_void_p.from_address(MPI._addressof(comm)).value
