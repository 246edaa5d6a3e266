"""Tables that are in memory, as the writers of formats.py take them."""
import collections

import numpy as np

Field = collections.namedtuple("Field", "name dtype unit is_text can_miss")


class FewRows:
    """A table of some columns of numbers: (name, values, unit or None)."""

    def __init__(self, columns):
        self.values = [np.asarray(values) for _, values, _ in columns]
        self.fields = [Field(name, values.dtype, unit, False, False)
                       for (name, _, unit), values in zip(columns, self.values)]
        self.n_rows = len(self.values[0])

    def pieces(self):
        yield self.values
