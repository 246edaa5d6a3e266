"""The C library: where it is, its structs and functions, and its errors as exceptions.

Names and meanings are those of include/skymeans.h; a test compares the structs with it."""
from __future__ import annotations

import ctypes
import functools
import os
import pathlib
import re
from ctypes import (CFUNCTYPE, POINTER, byref, c_char, c_char_p, c_double, c_int, c_int64, c_size_t,
                    c_uint64, c_void_p)

import numpy as np

SONAME = "libskymeans.so.0"
# The folder of libraries where the module is installed, or the root of a checkout.
HOME = pathlib.Path(__file__).resolve().parents[3]

OK, USAGE, DATA, SYSTEM, MEMORY = 0, 2, 3, 4, 5
EXCEPTIONS = {USAGE: ValueError, DATA: ValueError, SYSTEM: OSError, MEMORY: MemoryError}
FLOAT32, FLOAT64 = 0, 1
# Scikit-learn's names of fields of a problem or manner.
PARAMETERS = {"seeding": "init", "tolerance": "tol", "threads": "n_threads"}
STOPS = ("tolerance", "no change", "max iterations", "wish", "time")
WISH = STOPS.index("wish")
PHASE, PART, FIT_BEGINS, ITERATED, FIT_ENDS = range(5)
Comm = c_void_p  # a pointer in Open MPI; MPICH's int is its lower half


class Error(ctypes.Structure):
    _fields_ = [("code", c_int), ("text", c_char * 6144)]


class Struct(ctypes.Structure):
    """A struct that begins with its size, and has defaults."""
    DEFAULTS: dict = {}

    def __init__(self, **fields):
        super().__init__(size=ctypes.sizeof(type(self)), **{**self.DEFAULTS, **fields})
        self.kept: list = []

    def point(self, **arrays: np.ndarray) -> None:
        """Lets fields point to numbers of their types, which are kept as long as this is."""
        for name, array in arrays.items():
            kind = dict(self._fields_)[name]
            numbers = np.ascontiguousarray(array, np.dtype(kind._type_))
            setattr(self, name, numbers.ctypes.data_as(kind))
            self.kept.append(numbers)


class Problem(Struct):
    _fields_ = [("size", c_size_t), ("n_clusters", c_int64), ("seeding", c_char_p),
                ("first_centers", POINTER(c_double)), ("seeding_rows", c_int64),
                ("random_seed", c_uint64), ("restarts", c_int64), ("tolerance", c_double),
                ("max_iterations", c_int64), ("scale", c_char_p), ("missing", c_char_p),
                ("factors", POINTER(c_double)), ("several", POINTER(c_int64)),
                ("n_several", c_int64), ("choose", c_char_p), ("bootstrap", c_int64),
                ("sky", c_double), ("gap", c_int64), ("balance", c_char_p)]
    DEFAULTS = {"seeding": b"kmeans++", "restarts": 1, "tolerance": 1e-4, "max_iterations": 300,
                "scale": b"none", "missing": b"drop"}


class Rows(Struct):
    _fields_ = [("size", c_size_t), ("n_rows", c_int64), ("first_row", c_int64),
                ("n_features", c_int64), ("type", c_int), ("values", c_void_p),
                ("row_stride", c_int64), ("feature_stride", c_int64),
                ("columns", POINTER(c_void_p)), ("weights", c_void_p), ("weight_stride", c_int64)]
    DEFAULTS = {"first_row": -1, "type": FLOAT64}


class Manner(Struct):
    _fields_ = [("size", c_size_t), ("threads", c_int64), ("algorithm", c_char_p),
                ("kernel", c_char_p), ("second", c_int64)]
    DEFAULTS = {"algorithm": b"auto", "kernel": b"auto"}


class Iteration(ctypes.Structure):
    _fields_ = [("number", c_int64), ("inertia", c_double), ("shift", c_double),
                ("relabeled", c_int64), ("seconds", c_double), ("distances", c_int64),
                ("most_distances", c_int64)]


class Event(ctypes.Structure):
    _fields_ = [("kind", c_int), ("doing", c_char_p), ("part", c_double), ("fit", c_int64),
                ("iteration", POINTER(Iteration))]


Observe = CFUNCTYPE(None, c_void_p, POINTER(Event))
WantsStop = CFUNCTYPE(c_int, c_void_p)
Save = CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t, POINTER(Error))


class Control(Struct):
    _fields_ = [("size", c_size_t), ("context", c_void_p), ("observe", Observe),
                ("wants_stop", WantsStop), ("seconds", c_double), ("save", Save),
                ("save_interval", c_double), ("resume", c_void_p), ("resume_size", c_size_t)]
    DEFAULTS = {"save_interval": 600}


class Summary(Struct):
    _fields_ = [("size", c_size_t), ("n_clusters", c_int64), ("n_features", c_int64),
                ("n_rows", c_int64), ("n_used", c_int64), ("inertia", c_double),
                ("n_iterations", c_int64), ("stop", c_int), ("n_fits", c_int64), ("best", c_int64),
                ("n_empty", c_int64), ("checksum", c_uint64), ("is_complete", c_int)]


class Model(Struct):
    _fields_ = [("size", c_size_t), ("n_clusters", c_int64), ("n_features", c_int64),
                ("working_centers", POINTER(c_double)), ("offset", POINTER(c_double)),
                ("factor", POINTER(c_double)), ("exponent", c_int), ("scale", c_char_p),
                ("type", c_int), ("prices", POINTER(c_double)), ("numbers", POINTER(c_int64))]
    DEFAULTS = {"scale": b"none", "type": FLOAT64}


Handle = c_void_p  # skymeans_samples or skymeans_answer
FUNCTIONS = {
    "version": (c_char_p,),
    "comm_alone": (Comm,),
    "samples_create": (c_int, POINTER(Handle), POINTER(Rows), Comm, POINTER(Error)),
    "samples_free": (None, Handle),
    "fit": (c_int, POINTER(Handle), POINTER(Problem), Handle, POINTER(Manner), POINTER(Control),
            Comm, POINTER(Error)),
    "predict": (c_int, POINTER(Handle), Handle, Handle, POINTER(Manner), Comm, POINTER(Error)),
    "answer_free": (None, Handle),
    "summarize": (None, Handle, POINTER(Summary)),
    "centers": (POINTER(c_double), Handle),
    "labels": (POINTER(ctypes.c_int32), Handle),
    "history": (POINTER(Iteration), Handle),
    "distances": (c_int, Handle, Handle, c_void_p, POINTER(Error)),
    "model_of": (None, Handle, POINTER(Model)),
    "answer_from_model": (c_int, POINTER(Handle), POINTER(Model), POINTER(Error)),
}


def _open_library():
    """$SKYMEANS_LIBRARY, else the library beside this module or built in its checkout, else the one
    that the system's loader finds."""
    beside = [HOME / SONAME, *sorted(HOME.glob(f"build/{SONAME}.*"))]
    name = os.environ.get("SKYMEANS_LIBRARY") or next(
        (str(path) for path in beside if path.is_file()), SONAME)
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise ImportError(f"no library of skymeans ({name}): {error}; install skymeans, or say where "
                          f"{SONAME} is with SKYMEANS_LIBRARY= or LD_LIBRARY_PATH=") from error


_library = _open_library()


def runs_mpi() -> bool:
    """Has somebody started the MPI that the library was linked with?"""
    is_started = c_int()
    _library.MPI_Initialized(byref(is_started))
    return bool(is_started.value)


def mpi_version() -> str:
    """Of the MPI that the library was linked with."""
    text, length = ctypes.create_string_buffer(8192), c_int()
    _library.MPI_Get_library_version(text, byref(length))
    return text.value.decode()


@functools.lru_cache(maxsize=None)
def _function(name: str):
    function = getattr(_library, f"skymeans_{name}")
    function.restype, *function.argtypes = FUNCTIONS[name]
    return function


def call(name: str, *arguments):
    """What the function skymeans_NAME returns."""
    return _function(name)(*arguments)


def _named(text: str) -> str:
    """A message in which a parameter of KMeans is called as there."""
    return re.sub(r"(?<=^bad value \()\w+", lambda found: PARAMETERS.get(found[0], found[0]), text)


def try_call(name: str, *arguments) -> None:
    """Calls skymeans_NAME, whose last argument is a place for an error, which is raised."""
    error = Error()
    code = call(name, *arguments, byref(error))
    if code != OK:
        raise EXCEPTIONS.get(code, RuntimeError)(_named(error.text.decode("utf-8", "replace")))
