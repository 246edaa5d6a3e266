"""KMeans with the names of scikit-learn, computed by the library of skymeans."""
from __future__ import annotations

import warnings
import zlib
from typing import Any, Callable, Optional, Union

import numpy as np

from . import checks, engine, library, settings
from .parameters import ConvergenceWarning, Estimator, of_sklearn
from .progress import Progress
from .ranks import Ranks
from .rows import Rows, take_weights

BLOCK = 1 << 21  # distances that transform() finds at a time
NOT_FINITE = "Input X contains NaN or infinity; leave such rows out, or use missing='drop'."


class KMeans(Estimator):
    """k-means, with the same bits for any number of threads and ranks, algorithm and processor, and
    as `skymeans fit` on the same rows.

    Parameters
    ----------
    n_clusters : number of clusters k.
    init : how the first centers are chosen: "k-means++", "k-means||" (kmeans-parallel), "random",
        "refined"; or an array [k][d] in the units of the features; or a function
        init(X, n_clusters, random_state=RandomState) that returns one. On several ranks the first
        rank's centers count.
    n_init : fits from different first centers, of which the best is kept; "auto": 10 for "random" and
        functions, else 1.
    max_iter : iterations of a fit at most.
    tol : a fit has converged when the sum of the squared shifts of its centers is at most tol times
        the mean variance of the features; 0: when no label changes.
    verbose : print a line an iteration (first rank).
    random_state : the seed, 0 to 2^64 - 1; the same seed gives the same answer. A RandomState, a
        Generator, or None for NumPy's own, is asked for one.
    copy_x : without a meaning here, since X is never changed; for callers of scikit-learn's KMeans.
    algorithm : "auto", "lloyd", "tree", "bounds" (also "elkan"), "neighbours"; never changes the
        answer.
    n_threads : threads of this process; None: OMP_NUM_THREADS, else all cores. Never changes the
        answer.
    scale : how features are scaled: "none", "standard" (mean 0, variance 1), "minmax" (0 to 1), "robust"
        (median 0, the middle 68 % from about -1 to 1).
        Distances and inertia are measured after scaling; centers are in the units of the features.
    missing : a row with a value that is NaN, infinite or masked: "error" raises ValueError, "drop"
        gives it the label -1, and it counts for nothing.
    seeding_rows : rows, chosen at random, that k-means++ and "refined" draw from; None: 100 000, or
        500 times k if that is more; or "all".
    comm : an mpi4py communicator: all its ranks call fit, each with its own rows, which follow each
        other in the order of ranks. None: this process alone.

    Attributes
    ----------
    cluster_centers_ : [k][d], in the units of the features; float32 if all features were (or small
        integers), else float64.
    labels_ : int32 [n], of this process's rows; -1 where a value is missing.
    inertia_ : weighted sum of squared distances to the centers, of all ranks, after scaling.
    n_iter_ : iterations of the fit that was kept.
    n_features_in_, feature_names_in_ : the number d of features; their names, if X has them.
    history_ : structured array [n_iter_] with the fields number, inertia, shift (sum of the squared
        shifts of the centers), relabeled, seconds, distances (that were evaluated), most_distances.
    stop_reason_ : "tolerance", "no change" or "max iterations".
    checksum_ : 16 hexadecimal digits over labels, centers and inertia, as the program prints them.
    """

    def __init__(self, n_clusters: int = 8, *, init: Union[str, Any, Callable] = "k-means++",
                 n_init: Union[int, str] = "auto", max_iter: int = 300, tol: float = 1e-4,
                 verbose: int = 0, random_state: Any = 0, copy_x: bool = True,
                 algorithm: str = "auto", n_threads: Optional[int] = None, scale: str = "none",
                 missing: str = "error", seeding_rows: Union[int, str, None] = None,
                 comm: Optional[Any] = None):
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm
        self.n_threads = n_threads
        self.scale = scale
        self.missing = missing
        self.seeding_rows = seeding_rows
        self.comm = comm

    # ---- fit -------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> KMeans:
        """Clusters rows: X [n][d], an array, a pandas DataFrame, an astropy Table or a structured
        array, whose values should be float32 or float64: others are converted. `sample_weight` [n]
        is at least 0; y is ignored. Collective over `comm`. After Ctrl-C it ends between two
        iterations, on all ranks, with KeyboardInterrupt."""
        ranks = Ranks(self.comm)
        manner, rows, weights = ranks.together(lambda: self._take(X, sample_weight))
        ranks.check_alike(rows.names and zlib.crc32(repr(rows.names).encode()), "the names of features")
        progress = Progress() if self.verbose and ranks.is_first else None
        with engine.Samples(rows, weights, ranks) as samples:
            answers = (samples.fit(problem, manner, progress)
                       for problem in settings.problems_of(self, X, rows, ranks))
            best = min(answers, key=lambda answer: answer.summary.inertia)
        self._keep(best, rows)
        if progress is not None:
            progress.end(self.stop_reason_, self.n_iter_)
        return self

    def _take(self, X: Any, sample_weight: Any):
        """Manner, rows and weights. Rows of one rank may be fewer than clusters."""
        manner, k = settings.manner_of(self), settings.problem_of(self).n_clusters
        rows = Rows(X)
        checks.check_rows(rows, k if self.comm is None else 0)
        return manner, rows, take_weights(sample_weight, rows.shape[0])

    def _keep(self, answer: engine.Answer, rows: Rows) -> None:
        summary, self._model = answer.summary, answer.model
        self._n_init = settings.number_of_fits(self.init, self.n_init)
        self._centers = answer.centers
        self.cluster_centers_ = answer.centers.astype(answer.model.dtype)
        self.labels_, self.history_ = answer.labels, answer.history
        self.inertia_, self.n_iter_ = summary.inertia, summary.n_iterations
        self.n_features_in_ = summary.n_features
        self.checksum_ = f"{summary.checksum:016x}"
        self.stop_reason_ = library.STOPS[summary.stop]
        self.__dict__.pop("feature_names_in_", None)
        if rows.names is not None:
            self.feature_names_in_ = np.array(rows.names, dtype=object)
        if summary.n_empty > 0:
            warnings.warn(f"Number of distinct clusters ({summary.n_clusters - summary.n_empty}) found "
                          f"smaller than n_clusters ({summary.n_clusters}). Possibly due to duplicate "
                          "points in X.", of_sklearn(ConvergenceWarning), stacklevel=3)

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> np.ndarray:
        """fit, and its labels [n]."""
        return self.fit(X, sample_weight=sample_weight).labels_

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> np.ndarray:
        """fit, and the distances [n][k] of transform."""
        return self.fit(X, sample_weight=sample_weight).transform(X)

    # ---- other rows ------------------------------------------------------------------------------

    def predict(self, X: Any, sample_weight: Any = None) -> np.ndarray:
        """Labels int32 [n] of rows X [n][d], as the fit would give them; -1 where a value is missing.
        Of this process's rows, not collective; sample_weight is ignored."""
        rows = self._take_others(X)
        with engine.Samples(rows, None, Ranks()) as samples:
            labels = samples.predict(self._current_model(), settings.manner_of(self))
        self._check_missing(labels < 0)
        return labels

    def transform(self, X: Any) -> np.ndarray:
        """Distances [n][k] of rows X [n][d] to all centers, after scaling, in the type of the fit; NaN
        where a value is missing. Not collective. Rounded otherwise than those that decide labels."""
        rows, model, centers = self._take_others(X), self._current_model(), self._current_centers()
        found = np.empty((rows.shape[0], len(centers)), model.dtype)
        is_missing = np.zeros(rows.shape[0], bool)
        block = max(1, BLOCK // len(centers))
        for first in range(0, rows.shape[0], block):
            part = slice(first, first + block)
            squares = np.zeros_like(found[part], dtype=np.float64)
            for j, factor in enumerate(model.factor):
                values = rows.column(j)[part].astype(np.float64)
                is_missing[part] |= ~np.isfinite(values)
                shifts = (values[:, None] - centers[:, j]) * factor
                squares += np.square(np.ldexp(shifts, -model.exponent))  # finite near rows of the fit
            found[part] = np.ldexp(np.sqrt(squares), model.exponent)
        self._check_missing(is_missing)
        found[is_missing] = np.nan
        return self.contained(found, X)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Minus the weighted sum of squared distances of rows X [n][d] to their nearest centers, after
        scaling. Collective over `comm`; rows with missing values count for nothing."""
        ranks = Ranks(self.comm)
        return -float(ranks.sum(ranks.together(lambda: self._measure(X, sample_weight))))

    def _measure(self, X: Any, sample_weight: Any) -> float:
        """The sum of this process's rows."""
        rows = self._take_others(X)
        weights = take_weights(sample_weight, rows.shape[0])
        with engine.Samples(rows, None, Ranks()) as samples:
            squares = np.square(samples.measure(self._current_model(), settings.manner_of(self)))
        self._check_missing(np.isnan(squares))
        return np.nansum(squares if weights is None else squares * weights)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns of transform: kmeans0, kmeans1, ..."""
        checks.check_fitted(self)
        name = type(self).__name__.lower()
        return np.array([f"{name}{i}" for i in range(len(self.cluster_centers_))], dtype=object)

    def _take_others(self, X: Any) -> Rows:
        """There may be none beside those of other ranks."""
        checks.check_fitted(self)
        rows = Rows(X, self._model.dtype)
        checks.check_alike(self, rows)
        checks.check_rows(rows, 1 if self.comm is None else 0)
        return rows

    def _check_missing(self, is_missing: np.ndarray) -> None:
        if self.missing == "error" and is_missing.any():
            raise ValueError(NOT_FINITE)

    def _current_centers(self) -> np.ndarray:
        """[k][d]; those of the fit, or what the caller has put in their place."""
        kept = self._centers.astype(self._model.dtype)
        is_kept = np.array_equal(kept, self.cluster_centers_)
        return self._centers if is_kept else np.asarray(self.cluster_centers_, dtype=np.float64)

    def _current_model(self) -> engine.Model:
        centers = self._current_centers()
        return self._model if centers is self._centers else self._model.with_centers(centers)

    # ---- for scikit-learn ------------------------------------------------------------------------

    def __getstate__(self) -> dict:
        """Of everything but the communicator, which means nothing in another process."""
        return {**self.__dict__, "comm": None}

    def allows_nan(self) -> bool:
        return self.missing == "drop"
