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
                          and "scale_factor" not in self.conventions.get(name, {})
                          for name, values in self.columns.items())
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


N = 1000


class Kinds(ProgramTest):
    """Files that were once read wrongly without a word: each with the rows and values that are right."""

    def setUp(self):
        super().setUp()
        self.random = np.random.default_rng(1)

    def check_mean(self, line, expected, *options):
        """The rows that are used, NaN where they are missing, and their mean."""
        for ranks in (1, 3):
            finished = run("fit", *line.split(), "-k", 1, "-o", "out.h5", "--overwrite",
                           "--verify", *options, ranks=ranks)
            self.assertEqual(finished.code, 0, finished)
            result = Result("out.h5")
            used = np.isfinite(expected)
            self.assertEqual(result.n_used, used.sum(), finished)
            np.testing.assert_allclose(result.centers[0, 0], expected[used].mean(), rtol=1e-9)

    def test_packed_numbers_have_more_digits_than_what_is_stored(self):
        """Julian dates in 16 bits: 1000 of them, which single precision makes 5 of."""
        with h5py.File("in.h5", "w") as file:
            data = file.create_dataset("t/jd", data=np.arange(N, dtype="i2"))
            data.attrs["scale_factor"], data.attrs["add_offset"] = 1e-3, 2459000.5
        finished = run("fit", "in.h5", "-c", "jd", "-k", 20, "-o", "out.h5")
        self.assertEqual(finished.code, 0, finished)
        self.assertGreater(Result("out.h5").sizes.min(), 0)
        self.assertEqual(Result("out.h5").data["model/declared"].tolist(),
                         [b"packed: stored * 0.001 + 2459000.5"])

    def test_many_missing_values(self):
        with h5py.File("in.h5", "w") as file:
            for count in (15, 64, 65):
                data = file.create_dataset(f"t/x{count}", data=np.arange(100, dtype="i2"))
                data.attrs["missing_value"] = np.arange(count, dtype="i2")
        for count in (15, 64):
            values = np.arange(100.0)
            values[:count] = np.nan
            self.check_mean(f"in.h5 -c x{count}", values)
        os.remove("out.h5")
        self.refuse((3, "x65.*more missing values", "fit", "in.h5", "-c", "x65", "-k", 1, "-o",
                     "out.h5"))

    def test_attributes_count_for_values_of_array_types(self):
        values = self.random.integers(-9, 9, (N, 3)).astype("i2")
        kind = h5py.h5t.array_create(h5py.h5t.STD_I16LE, (3,))
        with h5py.File("in.h5", "w") as file:
            group = file.create_group("t")
            data = h5py.h5d.create(group.id, b"v", kind, h5py.h5s.create_simple((N,)))
            data.write(h5py.h5s.ALL, h5py.h5s.ALL, values, mtype=kind)
            file["t/v"].attrs["_FillValue"] = np.int16(5)
            file["t/v"].attrs["scale_factor"] = 0.5
        self.check_mean("in.h5 -c v[0]", np.where(values[:, 0] == 5, np.nan, values[:, 0] * 0.5))

    def test_fill_values_of_unsigned_numbers(self):
        stored = self.random.integers(-100, 100, N).astype("i1")
        stored[::7] = -1
        with h5py.File("in.h5", "w") as file:
            file.create_dataset("t/x", data=stored, fillvalue=-1).attrs["_Unsigned"] = "true"
        expected = np.where(stored == -1, np.nan, stored.view("u1").astype("f8"))
        self.check_mean("in.h5", expected, "-c", "x", "--fill-is-missing")
        with h5py.File("in.h5", "a") as file:
            file.attrs["_NCProperties"] = "version=2"
        self.check_mean("in.h5", expected, "-c", "x")

    def test_fill_values_of_compounds(self):
        rows = np.zeros(N, [("k", "i4"), ("y", "f8")])
        rows["k"] = self.random.integers(0, 50, N)
        rows["k"][::7] = -999
        with h5py.File("in.h5", "w") as file:
            file.create_dataset("t", data=rows, fillvalue=np.array((-999, -1), rows.dtype))
        self.check_mean("in.h5 -c k", np.where(rows["k"] == -999, np.nan, rows["k"]),
                        "--fill-is-missing")

    def test_attributes_are_rounded_to_half_precision(self):
        values = self.random.normal(size=N).astype("f2")
        values[::9] = np.float16(-99.9)
        with h5py.File("in.h5", "w") as file:
            file.create_dataset("t/h", data=values).attrs["missing_value"] = np.float64(-99.9)
        expected = np.where(values == np.float16(-99.9), np.nan, values.astype("f8"))
        self.check_mean("in.h5", expected)
        self.check_mean("in.h5", expected, "--raw", "--missing-value", "-99.9")

    def test_links_into_netcdf(self):
        values = np.arange(N).astype("i2")
        values[5] = -32767
        with h5py.File("other.nc", "w") as file:
            file.attrs["_NCProperties"] = "version=2"
            file["t/x"] = values
        with h5py.File("in.h5", "w") as file:
            file["t/a"] = h5py.ExternalLink("other.nc", "/t/x")
        expected = np.where(values == -32767, np.nan, values.astype("f8"))
        self.check_mean("in.h5 -d t -c a", expected)

    def test_one_row_of_several_values(self):
        parts = [self.random.normal(size=(n, 3)) for n in (50, 1)]
        for number, values in enumerate(parts):
            with h5py.File(f"part{number}.h5", "w") as file:
                file["P/pos"], file["P/m"] = values, np.ones(len(values))
        both = np.concatenate(parts)
        for columns, j in (("pos,m", 0), ("pos", 0), ("pos[1]", 1)):
            self.check_mean(f"part0.h5 part1.h5 -d P -c {columns}", both[:, j])
        self.check_mean("part1.h5 part0.h5 -d P -c pos,m", both[:, 0])

    def test_missing_values_of_packed_numbers(self):
        """0.3 is what 3 * 0.1 means, which is another double."""
        stored = self.random.integers(0, 50, N)
        for kind in ("i2", "i4"):
            with h5py.File(f"{kind}.h5", "w") as file:
                data = file.create_dataset("t/x", data=stored.astype(kind))
                data.attrs["scale_factor"] = 0.1
            self.check_mean(f"{kind}.h5", np.where(stored == 3, np.nan, stored * 0.1), "-c", "x",
                            "--missing-value", "0.3")

    def test_ids_where_the_first_file_has_none(self):
        for number in range(3):
            with h5py.File(f"part{number}.h5", "w") as file:
                if number > 0:
                    file["tab/x"], file["tab/id"] = np.arange(9.0), np.arange(9) + 100 * number
        for ranks in (1, 2, 3):
            finished = run("fit", *[f"part{i}.h5" for i in range(3)], "-d", "tab", "-c", "x",
                           "--id", "id", "-k", 1, "-o", "out.h5", "--overwrite", ranks=ranks)
            self.assertEqual(finished.code, 0, finished)
            self.assertEqual(Result("out.h5").data["ids"].tolist(),
                             [*range(100, 109), *range(200, 209)])


if __name__ == "__main__":
    unittest.main()
