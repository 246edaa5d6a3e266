"""Random tables of all types, layouts and storages, against what h5py and NumPy make of them.

A fit of one cluster has the mean of the used rows as its center, and its features_checksum is a hash
of every value that was read, so equal hashes mean equal values. `--verify` reads all rows once more
through serial HDF5 and must agree.
"""
import os
import sys
import unittest

sys.dont_write_bytecode = True

import h5py
import numpy as np

from program import ProgramTest, Result, mix, run, run_all

CASES = 48
TYPES = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]
KINDS = ["columns", "array", "compound", "vaex"]
GOLDEN = np.uint64(0x9e3779b97f4a7c15)


def hash_rows(rows, values):
    """km_hash_samples of src/samples/hash.c: of the used rows and their values, in float64."""
    with np.errstate(over="ignore"):
        hashes = rows.astype(np.uint64)
        for column in values.T:
            bits = (column + 0.0).astype("f8").view(np.uint64)
            hashes = mix(hashes ^ bits) + GOLDEN
        return int(hashes.sum(dtype=np.uint64))


class Case:
    """A table of random columns, and what should come out of it."""

    def __init__(self, number):
        self.random = random = np.random.default_rng(number)
        self.path = f"case{number}.h5"
        self.kind = KINDS[number % len(KINDS)]
        self.n = int(random.integers(1, 3000))
        n_columns = int(random.integers(1, 6))
        types = [self.random_type() for _ in range(n_columns)]
        if self.kind == "array":
            types = types[:1] * n_columns
        self.columns = {f"c{j}": self.random_values(kind) for j, kind in enumerate(types)}
        self.masks = {name: random.random(self.n) < 0.1 for name in self.columns
                      if self.kind == "vaex" and random.random() < 0.5}
        self.weights = random.integers(0, 5, self.n).astype("f4") \
            if self.kind != "array" and random.random() < 0.4 else None
        self.ids = np.arange(self.n, dtype=">i4") * 3 \
            if self.kind in ("columns", "compound") and random.random() < 0.5 else None
        self.conventions = {}
        if self.kind in ("columns", "vaex"):
            self.conventions = {name: self.random_convention(values)
                                for name, values in self.columns.items()}
        self.write()

    def random_type(self):
        kind = self.random.choice(TYPES)
        return np.dtype(self.random.choice(["<", ">"]) + kind)

    def random_values(self, kind):
        if kind.kind in "iu":
            limits = np.iinfo(kind)
            values = self.random.integers(limits.min, limits.max, self.n, kind.newbyteorder("="),
                                          endpoint=True)
            values[::3] = values[::3] % 7
        else:
            values = self.random.normal(size=self.n) * 10.0 ** self.random.integers(-3, 4)
            values[self.random.random(self.n) < 0.05] = np.nan
        return values.astype(kind)

    def random_convention(self, values):
        """Attributes, with values that occur."""
        attributes, one = {}, values[:1].astype(values.dtype.newbyteorder("="))
        if self.random.random() < 0.5:
            attributes["_FillValue"] = one
        if self.random.random() < 0.3:
            attributes["missing_value"] = values[-3:]
        if self.random.random() < 0.3:
            attributes["scale_factor"], attributes["add_offset"] = 0.25, -7.5
        if self.random.random() < 0.3 and np.isfinite(values).any():
            attributes["valid_min"] = np.quantile(values[np.isfinite(values)].astype("f8"), 0.1)
            attributes["valid_min"] = np.array(attributes["valid_min"]).astype(values.dtype)
        return attributes

    # ---- writing ----

    def storage(self, width=None):
        """Of a dataset with rows of so many columns."""
        if self.random.random() < 0.3:
            return {}
        height = int(self.random.integers(1, self.n + 1))
        filters = [{}, {"compression": 4}, {"compression": 1, "shuffle": True},
                   {"compression": 1, "shuffle": True, "fletcher32": True}, {"shuffle": True}]
        chunks = (height,) if width is None else (height, int(self.random.integers(1, width + 1)))
        return {"chunks": chunks, **filters[self.random.integers(len(filters))]}

    def write(self):
        others = {name: values for name, values in (("w", self.weights), ("id", self.ids))
                  if values is not None}
        with h5py.File(self.path, "w", libver=self.random.choice(["earliest", "latest"])) as file:
            getattr(self, f"write_{self.kind}")(file, {**self.columns, **others})

    def write_columns(self, file, columns, form="{}"):
        for name, values in columns.items():
            data = file.create_dataset("t/" + form.format(name), data=values, **self.storage())
            data.attrs.update(self.conventions.get(name, {}))

    def write_vaex(self, file, columns):
        self.write_columns(file, columns, "{}/data")
        for name, mask in self.masks.items():
            if self.random.random() < 0.5:
                file.create_dataset(f"t/{name}/mask", data=mask, **self.storage())
            else:  # as Arrow has it
                bits = np.packbits(~mask, bitorder="little")
                file.create_dataset(f"t/{name}/null_bitmap", data=bits)

    def write_array(self, file, columns):
        values = np.stack(list(columns.values()), axis=1)
        file.create_dataset("t", data=values, **self.storage(values.shape[1]))

    def write_compound(self, file, columns):
        rows = np.zeros(self.n, [(name, values.dtype) for name, values in columns.items()])
        for name, values in columns.items():
            rows[name] = values
        file.create_dataset("t", data=rows, **self.storage())

    # ---- reading ----

    def options(self):
        names = range(len(self.columns)) if self.kind == "array" else self.columns
        options = ["-d", "t", "-c", ",".join(map(str, names))]
        options += ["--weights", "w"] if self.weights is not None else []
        return options + (["--id", "id"] if self.ids is not None else [])

    def expect_column(self, name):
        stored = self.columns[name]
        attributes = self.conventions.get(name, {})
        values = stored.astype(self.precision)
        if "scale_factor" in attributes:
            values = (stored.astype("f8") * attributes["scale_factor"] +
                      attributes["add_offset"]).astype(self.precision)
        missing = self.masks.get(name, np.zeros(self.n, bool)).copy()
        for key in ("_FillValue", "missing_value"):
            missing |= np.isin(stored, attributes.get(key, []))
        if "valid_min" in attributes:
            missing |= stored < attributes["valid_min"]
        return np.where(missing, np.nan, values).astype("f8")

    def expected(self):
        """The values of all rows, NaN where one is missing, and which rows are used."""
        fit_float32 = all(values.dtype.itemsize <= (4 if values.dtype.kind == "f" else 2)
                          for values in self.columns.values())
        self.precision = "f4" if fit_float32 else "f8"
        with np.errstate(over="ignore"):
            values = np.stack([self.expect_column(name) for name in self.columns], axis=1)
        return values, np.isfinite(values).all(axis=1)


class Reading(ProgramTest):

    def check_case(self, number):
        case = Case(number)
        values, used = case.expected()
        weights = np.ones(case.n) if case.weights is None else case.weights
        ranks, threads = 1 + number % 4, 1 + number // 4 % 3
        output = f"out{number}.h5"
        finished = run("fit", case.path, *case.options(), "-k", 1, "-o", output, "--verify",
                       "--threads", threads, ranks=ranks)
        if not used.any() or weights[used].sum() == 0:
            self.assertEqual(finished.code, 3, finished)
            return 0
        self.assertEqual(finished.code, 0, finished)
        result = Result(output)
        self.assertEqual(result.labels.tolist(), np.where(used, 0, -1).tolist(), finished)
        self.assertEqual(result.data["missing"].tolist(),
                         (~np.isfinite(values)).sum(axis=0).tolist(), finished)
        self.assertEqual(int(result.attributes["provenance"]["features_checksum"], 16),
                         hash_rows(np.flatnonzero(used), values[used]), finished)
        if case.ids is not None:
            self.assertEqual(result.data["ids"].tolist(), case.ids.tolist(), finished)
        os.remove(output)
        return 1

    def test_tables_are_read_as_numpy_has_them(self):
        done = run_all([lambda number=number: self.check_case(number) for number in range(CASES)])
        self.assertGreater(sum(done), CASES // 2)


if __name__ == "__main__":
    unittest.main()
