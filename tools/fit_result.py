"""A result of fit, with what is drawn and reported of it."""
import h5py
import numpy as np

from catalogue import reading
from command import DATA, Failure
from result import Result


class Fit(Result):
    """A result of fit, with what is drawn of it."""

    def __init__(self, path, file):
        with reading(path):
            for name in ("centers", "labels", "sizes", "history/iteration", "history/inertia",
                         "history/shift"):
                node = file.get(name)
                if not isinstance(node, h5py.Dataset) or node.dtype.kind not in "if" \
                        or node.ndim != (2 if name == "centers" else 1):
                    raise Failure(DATA, f"not a result ({path}): it has no /{name} of numbers; "
                                        "give a file written by skymeans fit")
        super().__init__(path, file)
        with reading(path):
            self.sizes = file["sizes"][:]
            self.facts = {name: value for name, value in file.attrs.items()
                          if isinstance(value, (np.integer, np.floating))}
            self.history = {name: file["history"][name][:]
                            for name in ("iteration", "inertia", "shift")}
        if self.centers is None or 0 in self.centers.shape \
                or self.centers.shape != (len(self.sizes), len(self.features)):
            raise Failure(DATA, f"not a result ({path}, /centers): its shape, features and /sizes do "
                                "not agree; give a file written by skymeans fit")
        if len({values.shape for values in self.history.values()}) != 1:
            raise Failure(DATA, f"not a result ({path}, /history): its parts differ in length; "
                                "give a file written by skymeans fit")
