"""From numbers as they are stored to values, by what a file declares of them and a fit was told;
docs/conventions.md says what is followed."""
import collections
import math

import numpy as np

# How a fit treated numbers: `missing` are values that are missing besides, of the column in hand, in
# `precision`.
Treatment = collections.namedtuple("Treatment", "is_raw fill_is_missing missing precision",
                                   defaults=(False, False, (), "float64"))
PLAIN = Treatment()


class Convention:
    """What is declared of a column: which stored numbers are missing, and what others mean."""

    def __init__(self, declared, dtype, treatment):
        declared = declared or {}
        given = {} if treatment.is_raw else declared
        self.is_unsigned = bool(given.get("is_unsigned")) and dtype.kind == "i"
        self.stored = np.dtype(f"u{dtype.itemsize}") if self.is_unsigned else dtype.newbyteorder("=")
        self.factor, self.offset = given.get("factor"), given.get("offset")
        half = 2 ** (8 * dtype.itemsize - 1)
        # An offset of half the range changes the sign only: no digits are added.
        self.is_biased = not self.is_unsigned and self.factor == 1 and \
            self.offset == {"i": half, "u": -half}.get(dtype.kind)
        self.codes = list(given.get("missing", ()))
        if treatment.fill_is_missing and declared.get("fill") is not None:
            self.codes.append(declared["fill"])
        self.codes = [code for code in map(self.as_stored, self.codes) if code is not None]
        self.lowest, self.highest = given.get("lowest"), given.get("highest")
        self.treatment = treatment
        self.dtype = np.dtype("f8") if self.is_packed else self.stored
        if self.is_biased:
            self.dtype = np.dtype(f"{'u' if dtype.kind == 'i' else 'i'}{dtype.itemsize}")

    @property
    def is_packed(self):
        return self.factor is not None and not self.is_biased

    @property
    def can_miss(self):
        return bool(self.codes or self.lowest is not None or self.highest is not None
                    or self.treatment.missing)

    def as_stored(self, code):
        """A number in the type of the file; None if the type has no such number."""
        if code is None:
            return None
        if self.stored.kind == "f":
            return self.stored.type(code)
        limits = np.iinfo(self.stored)
        is_there = code == math.floor(code) and limits.min <= code <= limits.max
        return self.stored.type(int(code)) if is_there else None

    def values(self, stored):
        """(values, where they are missing) of an array; None for nowhere."""
        stored = stored.astype(stored.dtype.newbyteorder("="), copy=False)
        if self.is_unsigned:
            stored = stored.view(self.stored)
        is_missing = self.find_missing(stored)
        values = stored
        if self.is_packed:
            values = stored.astype(np.float64) * self.factor + self.offset
        if self.is_biased:
            bits = np.dtype(f"u{stored.dtype.itemsize}")
            values = (stored.view(bits) ^ bits.type(1 << 8 * bits.itemsize - 1)).view(self.dtype)
        for value in self.treatment.missing:
            is_missing = unite(is_missing, self.is_equal(values, value))
        return values, is_missing

    def find_missing(self, stored):
        is_missing = None
        for code in self.codes:
            is_missing = unite(is_missing, stored == code)
        if self.lowest is not None:
            is_missing = unite(is_missing, self.is_beyond(stored, self.lowest, np.less))
        if self.highest is not None:
            is_missing = unite(is_missing, self.is_beyond(stored, self.highest, np.greater))
        return is_missing

    def is_beyond(self, stored, end, compare):
        """Stored numbers less than the lowest, or greater than the highest, valid one."""
        if self.stored.kind == "f":
            return compare(stored, self.stored.type(end))
        limits, is_low = np.iinfo(self.stored), compare is np.less
        whole = math.ceil(end) if is_low else math.floor(end)
        if not limits.min <= whole <= limits.max:
            is_all = whole > limits.max if is_low else whole < limits.min
            return np.full(stored.shape, is_all)
        return compare(stored, self.stored.type(whole))

    def is_equal(self, values, value):
        """As a fit compares with --missing-value: in its precision, after that of the file."""
        if self.stored.kind == "f" and not self.is_packed:
            value = float(self.stored.type(value))
        working = np.dtype(self.treatment.precision)
        return values.astype(working) == working.type(value)


def unite(mask, other):
    return other if mask is None else mask | other
