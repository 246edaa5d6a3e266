"""The parameters of KMeans as what the library takes."""
from __future__ import annotations

import numbers
import warnings
from typing import Any, Iterator, Optional

import numpy as np

from . import library
from .ranks import Ranks
from .rows import Rows

# Scikit-learn's names of what the library calls otherwise. All algorithms give the same bits.
SEEDINGS = {"k-means++": "kmeans++", "k-means||": "kmeans-parallel"}
ALGORITHMS = {"elkan": "bounds"}
MANY_FITS = 10  # n_init="auto" where first centers are often bad


def seed_of(random_state: Any) -> int:
    """The seed itself, or one that a source of random numbers gives; None is NumPy's own."""
    if isinstance(random_state, numbers.Integral):
        if not 0 <= int(random_state) < 2 ** 64:
            raise ValueError(f"bad random_state ({random_state}): it must be 0 to 2^64 - 1")
        return int(random_state)
    source = np.random if random_state is None else random_state
    draw = getattr(source, "integers", None) or getattr(source, "randint", None)
    if draw is None:
        raise ValueError(f"bad random_state ({random_state!r}): it must be a number, a RandomState, a "
                         "Generator or None")
    return int(draw(2 ** 32, dtype=np.uint64))


def number_of_fits(init: Any, n_init: Any) -> int:
    if not isinstance(init, str) and not callable(init):
        if n_init not in ("auto", 1):
            warnings.warn("Explicit initial center position passed: performing only one init in KMeans "
                          f"instead of n_init={n_init}.", RuntimeWarning, stacklevel=4)
        return 1
    if n_init == "auto":
        return MANY_FITS if callable(init) or init == "random" else 1
    return _whole("n_init", n_init, 1)


def manner_of(parameters: Any) -> library.Manner:
    threads, algorithm = parameters.n_threads, str(parameters.algorithm)
    return library.Manner(threads=0 if threads is None else _whole("n_threads", threads, 1),
                          algorithm=ALGORITHMS.get(algorithm, algorithm).encode())


def problem_of(parameters: Any) -> library.Problem:
    """Without the seed and first centers."""
    init, rows, tol = parameters.init, parameters.seeding_rows, parameters.tol
    if not isinstance(tol, numbers.Real):
        raise ValueError(f"bad tol ({tol!r}): it must be a number")
    if parameters.missing not in ("drop", "error"):
        raise ValueError(f"bad missing ({parameters.missing!r}): it must be 'drop' or 'error'")
    if isinstance(rows, str) and rows == "all":
        rows = np.iinfo(np.int64).max
    problem = library.Problem(
        n_clusters=_whole("n_clusters", parameters.n_clusters, 1), tolerance=float(tol),
        max_iterations=_whole("max_iter", parameters.max_iter, 1),
        seeding_rows=0 if rows is None else _whole("seeding_rows", rows, 1),
        scale=str(parameters.scale).encode(), missing=parameters.missing.encode())
    if isinstance(init, str):
        problem.seeding = SEEDINGS.get(init, str(init)).encode()
        problem.restarts = number_of_fits(init, parameters.n_init)
    return problem


def problems_of(parameters: Any, X: Any, rows: Rows, ranks: Ranks) -> Iterator[library.Problem]:
    """One for each fit that the library doesn't repeat by itself: a function chooses first centers of
    its own for each of them."""
    init = parameters.init
    seed = ranks.from_first(ranks.together(lambda: seed_of(parameters.random_state)))
    random = np.random.RandomState(seed % 2 ** 32) if callable(init) else None
    how = "function" if callable(init) else "name" if isinstance(init, str) else "array"
    n_fits = ranks.together(
        lambda: number_of_fits(init, parameters.n_init) if callable(init) else 1)
    ranks.check_alike((how, n_fits, parameters.n_clusters),
                      "n_clusters, n_init, and whether init is a name, an array or a function")
    for _ in range(n_fits):
        problem = ranks.together(lambda: problem_of(parameters))
        problem.random_seed = seed
        if not isinstance(init, str):
            problem.point(first_centers=ranks.from_first(ranks.together(
                lambda: _first_centers(init, X, problem.n_clusters, rows.shape[1], random))))
        yield problem


def _first_centers(init: Any, X: Any, k: int, d: int,
                   random: Optional[np.random.RandomState]) -> np.ndarray:
    found = init(X, k, random_state=random) if callable(init) else init
    centers = np.array(found, dtype=np.float64, ndmin=2)
    if centers.shape[0] != k:
        raise ValueError(f"The shape of the initial centers {centers.shape} does not match the number "
                         f"of clusters {k}.")
    if centers.shape[1] != d:
        raise ValueError(f"The shape of the initial centers {centers.shape} does not match the number "
                         f"of features of the data {d}.")
    return centers


def _whole(name: str, value: Any, least: int) -> int:
    if not isinstance(value, numbers.Integral) or not least <= int(value) < 2 ** 63:
        raise ValueError(f"bad {name} ({value!r}): it must be a whole number, at least {least}")
    return int(value)
