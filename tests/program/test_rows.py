"""Tests of how export.py and plot.py see that labels belong to rows: `make check TEST=rows`."""
import os
import shutil
import sys
import time
import unittest

import h5py
import numpy as np

from tool import ToolTest, load_tool, skymeans

EXPORT, PLOT = load_tool("export"), load_tool("plot")
N_ROWS = 900
FEATURES = "xyz"


def make_values(n_rows=N_ROWS, seed=1):
    """Rows around four points; some miss a feature."""
    random = np.random.default_rng(seed)
    values = 10 * random.integers(0, 2, (n_rows, 3)) + random.normal(size=(n_rows, 3))
    values[random.random(n_rows) < 0.1, random.integers(0, 3)] = np.nan
    return values


def write(path, values, ids=None, dtype="f8", **attributes):
    with h5py.File(path, "w") as file:
        for name, column in zip(FEATURES, values.T):
            file[f"stars/{name}"] = column.astype(dtype)
            file[f"stars/{name}"].attrs.update(attributes)
        if ids is not None:
            file["stars/id"] = ids


class RowsTest(ToolTest):

    def fit(self, *arguments, files=("in.h5",), features="x,y,z"):
        skymeans("fit", *files, "-k", 4, "-c", features, "-o", "result.h5", "--overwrite", *arguments)

    def accept(self, *files, result="result.h5", said=""):
        self.assertRegex(self.succeed(EXPORT, result, *files, "-o", "out.csv", "--overwrite"),
                         f"^{said}$")

    def deny(self, pattern, *files, result="result.h5"):
        """Refused by both tools; and what --force does is said."""
        self.refuse(3, pattern + ".*; --force", EXPORT, result, *files, "-o", "new.csv")
        self.refuse(3, pattern + ".*; --force", PLOT, result, *files, "-o", "new.png")
        err = self.succeed(EXPORT, result, *files, "-o", "forced.csv", "--force", "--overwrite")
        self.assertRegex(err, f"^export.py: warning: .*{pattern}")


class Rows(RowsTest):

    def setUp(self):
        super().setUp()
        self.rows = make_values()
        write("in.h5", self.rows)
        self.fit("--scale", "standard")

    def test_same_rows(self):
        """Under whatever name, and however they are stored."""
        self.accept("in.h5")
        shutil.copy("in.h5", "copy.h5")
        self.accept("copy.h5")
        with h5py.File("packed.h5", "w") as file:
            file.create_dataset("stars", data=np.array(list(map(tuple, self.rows)), dtype=[
                (name, ">f8") for name in FEATURES]), compression="gzip", chunks=(100,))
        self.accept("packed.h5")
        os.mkdir("moved")
        os.rename("in.h5", "moved/other.h5")
        self.accept("moved/other.h5")

    def test_permuted(self):
        order = np.random.default_rng(2).permutation(N_ROWS)
        write("other.h5", self.rows[order])
        self.deny(r"labels do not fit the rows \(other.h5, row \d+\): ", "other.h5")
        write("other.h5", np.roll(self.rows, 1, axis=0))
        self.deny(r"labels do not fit the rows \(other.h5, row \d+\): ", "other.h5")

    def test_changed(self):
        """The first row that differs is named, and what of it."""
        changed = self.rows.copy()
        is_used = np.isfinite(changed).all(axis=1)
        row = np.flatnonzero(is_used)[200]
        changed[row] += 10 * (changed[row] < 5) - 10 * (changed[row] >= 5)
        write("other.h5", changed)
        self.deny(rf"labels do not fit the rows \(other.h5, row {row}\): its label is \d, and its "
                  r"features are nearest to center \d, as it is with 0\.1\d+ %", "other.h5")
        changed = self.rows.copy()
        changed[row, 1] = np.nan
        write("other.h5", changed)
        self.deny(rf"row {row}\): it misses a feature, and has a label", "other.h5")
        row = np.flatnonzero(~is_used)[20]
        changed = self.rows.copy()
        changed[row] = 0
        write("other.h5", changed)
        self.deny(rf"row {row}\): it misses no feature, and has no label", "other.h5")

    def test_other_lengths(self):
        """No force joins what has no label."""
        for n_rows in (N_ROWS - 1, N_ROWS + 1):
            write("other.h5", np.resize(self.rows, (n_rows, 3)))
            for force in ((), ("--force",)):
                self.refuse(3, rf"other rows \(other.h5\): it has {n_rows}, and in.h5 had {N_ROWS} ",
                            EXPORT, "result.h5", "other.h5", "-o", "new.csv", *force)
                self.refuse(3, r"other rows \(other.h5\)", PLOT, "result.h5", "other.h5", "-o",
                            "new.png", *force)

    def test_several_files(self):
        """Of equal lengths, in another order under other names, too."""
        names = "a.h5", "b.h5", "c.h5"
        for name, rows in zip(names, np.split(self.rows, 3)):
            write(name, rows)
        self.fit(files=names)
        self.accept(*names)
        self.deny(r"other order \(b.h5, a.h5, c.h5\)", "b.h5", "a.h5", "c.h5")
        for old, new in zip(names, "pqr"):
            shutil.copy(old, new)
        self.accept("p", "q", "r")
        self.deny(r"labels do not fit the rows \(q, row \d+\): ", "q", "p", "r")
        self.refuse(3, "the result labels 900 rows, the catalogue has 600", EXPORT, "result.h5",
                    "a.h5", "b.h5", "-o", "new.csv")

    def test_table_below_each_other(self):
        with h5py.File("in.h5", "w") as file:
            for name, rows in zip(("t_2", "t_1", "other"), np.split(self.rows, 3)):
                for feature, column in zip(FEATURES, rows.T):
                    file[f"{name}/{feature}"] = column
        self.fit("-d", "t_*")
        self.accept("in.h5")
        labels = np.genfromtxt("out.csv", delimiter=",", names=True)
        np.testing.assert_array_equal(labels["x"], np.concatenate(
            [self.rows[300:600, 0], self.rows[:300, 0]]))  # in the order of names

    def test_damaged_results(self):
        """Parts of other types and shapes than the program writes are told, whatever tool reads them."""
        self.fit("--missing-value", "x:-99")
        for place, value in (("model/offset", np.full(3, b"word")), ("model/factor", np.ones((3, 1))),
                             ("model/missing_values/feature", np.zeros((2, 2), int)),
                             ("model/missing_values/value", np.zeros(5)), ("files/rows", [[N_ROWS]]),
                             ("files/bytes", np.full(1, b"9"))):
            shutil.copy("result.h5", "damaged.h5")
            with h5py.File("damaged.h5", "r+") as file:
                del file[place]
                file[place] = value
            for tool, output in ((EXPORT, "new.csv"), (PLOT, "new.png")):
                self.refuse(3, r"not a result \(damaged.h5, /(model|files)\): its parts do not agree",
                            tool, "damaged.h5", "in.h5", "-o", output)
        for place, value in (("sizes", [["a"]]), ("centers", np.full((4, 3), b"x")),
                             ("history/shift", [[1.0]])):
            shutil.copy("result.h5", "damaged.h5")
            with h5py.File("damaged.h5", "r+") as file:
                del file[place]
                file[place] = value
            self.refuse(3, rf"not a result \(damaged.h5\): it has no /{place} of numbers", PLOT,
                        "damaged.h5", "in.h5", "-o", "new.png")
        with h5py.File("result.h5", "r+") as file:
            file.attrs["inertia"], file.attrs["n_iterations"] = "word", h5py.Empty("i8")
            file.attrs["converged"] = np.arange(3)
        self.succeed(PLOT, "result.h5", "in.h5", "-o", "out.png")

    def test_predict(self):
        """By the model of the fit, which is in the result; in those of earlier versions it is not, and
        then that of the fit serves, as long as it is there."""
        skymeans("predict", "result.h5", "in.h5", "-o", "labels.h5")
        self.accept("in.h5", result="labels.h5")
        write("other.h5", np.roll(self.rows, 7, axis=0))
        self.refuse(3, r"labels do not fit the rows \(other.h5, row", EXPORT, "labels.h5",
                    "other.h5", "-o", "new.csv")
        shutil.copy("labels.h5", "old.h5")
        with h5py.File("old.h5", "r+") as file:
            del file["model"]
        for result in ("labels.h5", "old.h5"):
            self.refuse(3, r"labels do not fit the rows", EXPORT, result, "other.h5", "-o", "new.csv")
        os.unlink("result.h5")
        self.accept("in.h5", result="labels.h5")
        self.accept("in.h5", result="old.h5")
        self.refuse(3, r"labels do not fit the rows", EXPORT, "labels.h5", "other.h5", "-o", "new.csv")
        with h5py.File("other.h5", "r+") as file:
            file["more"] = np.zeros(1000)
        self.refuse(3, r"file changed \(other.h5\): it has \d+ bytes, and in.h5 had \d+", EXPORT,
                    "old.h5", "other.h5", "-o", "new.csv")


class Sample(RowsTest):

    def test_rows(self):
        """All if they are few; else runs from the first to the last one."""
        sample_rows = sys.modules["check_rows"].sample_rows
        self.assertEqual(sample_rows(7, 10).tolist(), list(range(7)))
        self.assertEqual(sample_rows(40, 20).tolist(), [*range(10), *range(30, 40)])
        for n_rows in (1001, 12345, 10 ** 12):
            rows = sample_rows(n_rows, 1000)
            self.assertEqual((rows[0], rows[-1]), (0, n_rows - 1))
            self.assertTrue(900 <= len(rows) <= 1000)

    def test_hash(self):
        """The order of ids does not count, and neither does how long texts may be."""
        hash_values = sys.modules["check_rows"].hash_values
        for ids in (np.arange(9, dtype="u8"), np.array(["a", "", "abc"], "S3")):
            self.assertEqual(hash_values(ids) % 2 ** 64, hash_values(ids[::-1]) % 2 ** 64)
            other = ids.copy()
            other[1] = other[2]
            self.assertNotEqual(hash_values(ids) % 2 ** 64, hash_values(other) % 2 ** 64)
        self.assertEqual(hash_values(ids), hash_values(ids.astype("S9")))

    def test_many_features(self):
        """Side by side they cost one read."""
        with h5py.File("in.h5", "w") as file:
            file["a"] = np.random.default_rng(1).random((3000, 2000)).astype("f4")
        self.fit("--max-iterations", "2", features="0:2000")
        start = time.monotonic()
        self.assertEqual(self.succeed(EXPORT, "result.h5", "in.h5", "-o", "out.csv", "-c", "0"), "")
        self.assertLess(time.monotonic() - start, 60)


class Ids(RowsTest):

    def check(self, ids):
        rows = make_values()
        write("in.h5", rows, ids)
        self.fit("--id", "id")
        self.accept("in.h5")
        order = np.random.default_rng(2).permutation(N_ROWS)
        write("other.h5", rows[order], ids[order])
        self.deny(r"other rows \(other.h5, row \d+, column id\): the ids of the result are there in "
                  "another order", "other.h5")
        write("other.h5", make_values(seed=5), ids)  # newer measurements of the same stars
        self.accept("other.h5")
        write("other.h5", rows[order], np.arange(N_ROWS) + 10 ** 6)
        self.deny(r"labels do not fit the rows \(other.h5, row \d+\): ", "other.h5")

    def test_numbers(self):
        self.check(np.random.default_rng(3).permutation(N_ROWS) + 2 ** 60)

    def test_texts(self):
        self.check(np.array([f"star {i}" for i in range(N_ROWS)], dtype="S"))

    def test_texts_of_any_length(self):
        self.check(np.array([f"star {i}" for i in range(N_ROWS)], dtype=object))


class AsTheFit(RowsTest):
    """All that a fit can be told of its numbers: the rows of the catalogue fit the labels."""

    def check(self, values, *arguments, dtype="f8", **attributes):
        write("in.h5", values, dtype=dtype, **attributes)
        with self.subTest(arguments=arguments, dtype=dtype):
            self.fit(*arguments)
            self.accept("in.h5")
            write("other.h5", np.roll(values, 5, axis=0), dtype=dtype, **attributes)
            self.refuse(3, "labels do not fit", EXPORT, "result.h5", "other.h5", "-o", "new.csv")

    def test_scales_and_types(self):
        values = make_values()
        for scale in ("none", "standard", "minmax"):
            for dtype in ("f4", ">f8"):
                self.check(values, "--scale", scale, dtype=dtype)

    def test_extreme_units(self):
        values = make_values()
        for power in (-1065, -300, 300, 1000):
            self.check(np.ldexp(values, power))
        self.check(1e6 + values, dtype="f4")

    def test_missing(self):
        values = np.where(np.isnan(make_values()), -99.9, make_values())
        self.check(values, "--missing-value", "-99.9", dtype="f4")
        self.check(np.nan_to_num(make_values(), nan=3), "--missing-value", "x:3", dtype="i2")
        codes = np.nan_to_num(10 * make_values(), nan=-999)
        self.check(codes, dtype="i2", _FillValue=np.int16(-999), scale_factor=0.1)
        self.check(codes, "--raw", dtype="i2", _FillValue=np.int16(-999), scale_factor=0.1)

    def test_fill_and_transposed(self):
        values = np.nan_to_num(make_values(), nan=-7)
        with h5py.File("in.h5", "w") as file:
            file.create_dataset("all", data=values, fillvalue=-7)
        self.fit("--fill-is-missing", features="0:3")
        with h5py.File("result.h5", "r") as file:
            self.assertGreater(file.attrs["n_missing"], 10)
        self.accept("in.h5")
        with h5py.File("in.h5", "w") as file:
            file["all"] = np.ascontiguousarray(make_values().T)
        self.fit("--transpose", features="0:3")
        self.assertEqual(self.succeed(EXPORT, "result.h5", "in.h5", "-o", "out.csv", "--overwrite",
                                      "--transpose"), "")
        self.succeed(PLOT, "result.h5", "in.h5", "-o", "out.png", "--transpose")

    def test_weights(self):
        values = make_values()
        write("in.h5", values, ids=np.arange(N_ROWS) % 3)
        self.fit("--weights", "id")
        self.accept("in.h5")


if __name__ == "__main__":
    unittest.main()
