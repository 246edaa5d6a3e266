"""What a result file of `skymeans fit` or `predict` says."""
from __future__ import annotations

import os
from typing import Any, Optional, Union

import numpy as np

from .engine import Model
from .estimator import KMeans

Path = Union[str, "os.PathLike[str]"]


class Result:
    """A result file, whose arrays are read when they are asked for.

    Attributes
    ----------
    path : of the file.
    centers : float64 [k][d], in the units of the features.
    features, units : names of the features and their units, texts [d]; "" where no unit is known.
    attributes : what the file says of the whole, as inertia, n_iterations, converged, stop_reason,
        n_rows, n_used, n_missing, checksum; provenance : where it came from, with which versions.
    labels : int32 [n], in the order of the catalogue; -1: not clustered.
    sizes, weights : rows int64 [k], and sums of weights float64 [k], of each cluster.
    distances, ids : [n], to the own center, after scaling; and of the rows. None if not asked for.
    history : structured array [n_iterations]; None of a prediction.
    """

    def __init__(self, path: Path):
        self.path = os.fspath(path)
        with self._opened() as file:
            if "centers" not in file or "labels" not in file:
                raise ValueError(f"not a result ({self.path}): it has no /centers or no /labels; give a "
                                 "file written by skymeans fit or predict")
            self.centers = file["centers"][:]
            self.features = _texts(file["centers"].attrs["features"])
            self.units = _texts(file["centers"].attrs["units"])
            self.attributes = _plain(file.attrs)
            self.provenance = _plain(file["provenance"].attrs)

    labels = property(lambda self: self._read("labels"))
    sizes = property(lambda self: self._read("sizes"))
    weights = property(lambda self: self._read("weights"))
    distances = property(lambda self: self._read("distances"))
    ids = property(lambda self: self._read("ids"))

    @property
    def history(self) -> Optional[np.ndarray]:
        with self._opened() as file:
            columns = {name: node[:] for name, node in file.get("history", {}).items()}
        if not columns:
            return None
        kinds = [(name, column.dtype) for name, column in columns.items()]
        table = np.empty(len(columns["iteration"]), kinds)
        for name, column in columns.items():
            table[name] = column
        return table

    def estimator(self) -> KMeans:
        """A KMeans that is fitted: predict and transform take rows [n][d] of the same features in the
        same units. What --missing-value named is not missing to it unless it is NaN. Of clusters of
        equal size predict goes by the prices, of which distances know nothing."""
        model = self._model()
        estimator = KMeans(len(self.centers), scale=model.scale, missing="drop")
        estimator._model, estimator._centers = model, self.centers
        estimator.cluster_centers_ = self.centers.astype(model.dtype)
        estimator.n_features_in_ = len(self.features)
        estimator.checksum_ = self.attributes["checksum"]
        if "inertia" in self.attributes:
            estimator.inertia_ = self.attributes["inertia"]
            estimator.n_iter_ = self.attributes["n_iterations"]
        return estimator

    def _model(self) -> Model:
        with self._opened() as file:
            node = file["model"]
            exponent = int(node.attrs["exponent"])
            working = node["working_centers"][:] if "working_centers" in node else \
                np.ldexp(node["centers"][:], -exponent)
            kind = np.float32 if _plain(node.attrs)["precision"] in ("float", "float32") else np.float64
            return Model(working, node["offset"][:], node["factor"][:], exponent,
                         _plain(node.attrs)["scale"], np.dtype(kind),
                         *(node[name][:] if name in node else None for name in ("prices", "numbers")))

    def _read(self, name: str) -> Optional[np.ndarray]:
        with self._opened() as file:
            return file[name][:] if name in file else None

    def _opened(self):
        import h5py

        # The words of HDF5 don't name the file.
        if os.path.isfile(self.path) and not h5py.is_hdf5(self.path):
            raise ValueError(f"not a result ({self.path}): it is no HDF5 file; give a file written by "
                             "skymeans fit or predict")
        return h5py.File(self.path, "r")

    def __repr__(self) -> str:
        k, d = self.centers.shape
        return f"<Result {self.path}: {k} clusters, {d} features, {self.attributes['n_rows']} rows>"


def open(path: Path) -> Result:
    """A result of `skymeans fit` or `skymeans predict`, to be read as it is asked for."""
    return Result(path)


def _texts(values: Any) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _plain(attributes: Any) -> dict[str, Any]:
    """Attributes as Python's own texts and numbers."""
    found = {}
    for name, value in attributes.items():
        value = value.decode() if isinstance(value, bytes) else value
        found[name] = value.item() if isinstance(value, np.generic) else value
    return found
