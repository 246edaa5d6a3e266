"""A result of fit or predict, with what is drawn and reported of it."""
import h5py
import numpy as np

from catalogue import reading
from command import DATA, Failure
from result import Result


HISTORY = ("iteration", "inertia", "shift")
COUNTS = ("missing", "excluded", "undecided")  # rows that are not clustered, by why


class Fit(Result):
    """A result with what is drawn of it. `history` is None in one of predict, which has no iterations."""

    def __init__(self, path, file):
        with reading(path):
            has_history = "history" in file
            needed = [f"history/{name}" for name in HISTORY] if has_history else []
            for name in ("centers", "labels", "sizes", *needed):
                node = file.get(name)
                if not isinstance(node, h5py.Dataset) or node.dtype.kind not in "if" \
                        or node.ndim != (2 if name == "centers" else 1):
                    raise Failure(DATA, f"not a result ({path}): it has no /{name} of numbers; "
                                        "give a file written by skymeans fit or predict")
        super().__init__(path, file)
        with reading(path):
            self.sizes = file["sizes"][:]
            self.facts = {name: value for name, value in file.attrs.items()
                          if isinstance(value, (np.integer, np.floating))}
            self.history = {name: file["history"][name][:] for name in HISTORY} \
                if has_history else None
        if self.centers is None or 0 in self.centers.shape \
                or self.centers.shape != (len(self.sizes), len(self.features)):
            raise Failure(DATA, f"not a result ({path}, /centers): its shape, features and /sizes do "
                                "not agree; give a file written by skymeans fit or predict")
        if has_history and len({values.shape for values in self.history.values()}) != 1:
            raise Failure(DATA, f"not a result ({path}, /history): its parts differ in length; "
                                "give a file written by skymeans fit")

    def counts(self):
        """(why, how many) of the rows that are not clustered, as far as the result says."""
        counts = [(why, self.facts.get(f"n_{why}")) for why in COUNTS]
        return [(why, int(count)) for why, count in counts if isinstance(count, np.integer)]
