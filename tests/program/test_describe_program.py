"""Whole-program tests of --describe and --order-by: statistics of each cluster are those of NumPy,
the same bits on any ranks, and clusters can be numbered by them.

Needs the Open MPI variables of the Makefile: `make check TEST=describe_program`.
"""
import os
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True

import h5py
import numpy as np
from astropy.table import Table

from program import ROOT, ProgramTest, Result, run, run_all, write_columns
from stopping import stop_at

RANKS = [1, 2, 3, 4, 7]
QUANTILES = [5, 16, 50, 84, 95]
NAMES = ["mean", "deviation", "min", "max", "quantiles", "n_missing"]


def hostile(n=4000, seed=4):
    """Columns with outliers, duplicates, gaps, huge and tiny ranges; two of features."""
    random = np.random.default_rng(seed)
    x = random.integers(0, 5, n) * 10 + random.normal(size=n)
    columns = {"x": x, "y": random.normal(size=n).astype("f4") * 1000,
               "outlier": random.normal(size=n), "duplicates": random.integers(-2, 3, n),
               "huge": random.normal(size=n) * 1e307, "tiny": random.normal(size=n) * 1e-310,
               "constant": np.full(n, 7.25), "gaps": random.normal(size=n),
               "offset": 1e12 + random.normal(size=n), "sparse": np.full(n, np.nan)}
    columns["outlier"][3] = 1e15
    columns["gaps"][random.random(n) < 0.3] = np.nan
    columns["gaps"][5] = np.inf
    columns["sparse"][:3] = [2, -0.0, 1]
    columns["x"][::97] = np.nan
    return columns


def expected(values, labels, k, times=None):
    """The templates of one column, [k] each, by NumPy; with weights each row counts so many times."""
    values = values.astype("f8")
    found = {name: np.full((k, 5) if name == "quantiles" else k, np.nan) for name in NAMES}
    for c in range(k):
        rows = values[labels == c]
        finite = rows[np.isfinite(rows)]
        found["n_missing"][c] = len(rows) - len(finite)
        if times is not None:
            finite = np.repeat(finite, times[labels == c][np.isfinite(rows)])
        if len(finite):
            wide = finite.astype(np.longdouble)
            found["mean"][c], found["deviation"][c] = wide.mean(), wide.std()
            found["min"][c], found["max"][c] = finite.min(), finite.max()
            found["quantiles"][c] = np.percentile(
                finite, QUANTILES, method="linear" if times is None else "inverted_cdf")
    return found


class Describe(ProgramTest):
    def fit(self, *words, output="out.h5", ranks=1, k=5):
        finished = run("fit", "in.h5", "-c", "x,y", "-k", k, "-o", output, "--overwrite", "-q",
                       *words, ranks=ranks)
        self.assertEqual((finished.code, finished.err), (0, ""), finished)
        with h5py.File(output, "r") as file:
            result = {f"/{name}": file[name][:] for name in ["labels", "centers", "sizes"]}
            result |= {name: node[:] for name, node in file.get("templates", {}).items()}
            return result | {"checksum": file.attrs["checksum"], "model": file["model/centers"][:],
                             "offset": file["model/offset"][:], "factor": file["model/factor"][:],
                             "texts": dict(file["templates"].attrs) if "templates" in file else {}}

    def check(self, result, columns, k, times=None):
        for j, (name, values) in enumerate(columns.items()):
            wanted = expected(values, result["/labels"], k, times)
            for what in ["min", "max", "quantiles", "n_missing"]:
                np.testing.assert_array_equal(result[what][:, j], wanted[what], f"{what} {name}")
            for what in ["mean", "deviation"]:
                scale = np.nanmax(np.abs(wanted["min" if what == "mean" else "deviation"]))
                np.testing.assert_allclose(result[what][:, j], wanted[what], rtol=1e-14,
                                           atol=1e-15 * scale, err_msg=f"{what} {name}")

    def test_ranks(self):
        """On hostile columns."""
        columns = hostile()
        write_columns("in.h5", columns, units={"y": "mag"})
        words = ["--describe", ",".join(columns), "--order-by", "duplicates"]
        runs = run_all([lambda r=r: self.fit(*words, output=f"out{r}.h5", ranks=r) for r in RANKS])
        for other in runs[1:]:
            np.testing.assert_equal(other, runs[0])
        self.check(runs[0], columns, 5)
        self.assertEqual(list(runs[0]["texts"]["columns"]), list(columns))
        self.assertEqual(list(runs[0]["texts"]["units"])[:2], ["", "mag"])

    def test_weights(self):
        """Rows count as often as their weights say, whatever the unit, and some not at all; the mean
        of a feature is that of the centers."""
        columns = hostile()
        times = np.random.default_rng(8).integers(0, 4, len(columns["x"]))
        write_columns("in.h5", columns | {"once": times, "part": times * 0.375})
        words = ["--describe", ",".join(columns), "--order-by", "x", "--tolerance", 0]
        for weights in "once", "part":
            runs = run_all([lambda r=r: self.fit("--weights", weights, *words, output=f"out{r}.h5", ranks=r)
                            for r in (1, 3, 7)])
            for other in runs[1:]:
                np.testing.assert_equal(other, runs[0])
            self.check(runs[0], columns, 5, times)
            np.testing.assert_allclose(runs[0]["mean"][:, :2], runs[0]["/centers"], rtol=1e-9, atol=1e-9)

    def test_order(self):
        """Other numbers, and nothing else; predict gives them, too."""
        columns = hostile()
        write_columns("in.h5", columns)
        words = "--restarts", 2, "--random-seed", 3
        ordered = self.fit("--order-by", "x", "--verify", *words)
        plain = self.fit(*words, output="plain.h5")
        self.assertEqual(plain["texts"], {})
        order = np.argsort(plain["/centers"][:, 0])
        self.assertNotEqual(list(order), sorted(order))
        numbers = np.append(np.argsort(order), -1)
        np.testing.assert_array_equal(ordered["/labels"], numbers[plain["/labels"]])
        for name in ["/centers", "/sizes", "model"]:
            np.testing.assert_array_equal(ordered[name], plain[name][order])
        self.assertTrue(np.all(np.diff(ordered["mean"][:, 0]) > 0))
        self.assertNotEqual(ordered["checksum"], plain["checksum"])
        self.assertEqual(run("predict", "out.h5", "in.h5", "-o", "labels.h5", "-q").code, 0)
        with h5py.File("labels.h5", "r") as file:
            np.testing.assert_array_equal(file["labels"][:], ordered["/labels"])
        self.check(ordered, {name: columns[name] for name in "xy"}, 5)

    def test_empty_clusters(self):
        """More clusters than distinct rows: those without rows come last."""
        write_columns("in.h5", {"x": np.repeat([3.0, 1.0], 20), "y": np.zeros(40)})
        result = self.fit("--order-by", "x", k=2, ranks=3)
        np.testing.assert_array_equal(result["/centers"][:, 0], [1, 3])
        finished = run("fit", "in.h5", "-c", "x,y", "-k", 4, "-o", "out.h5", "--overwrite",
                       "--order-by", "x")
        self.assertEqual(finished.code, 0, finished)
        with h5py.File("out.h5", "r") as file:
            np.testing.assert_array_equal(file["sizes"][:], [20, 20, 0, 0])
            np.testing.assert_array_equal(file["templates/mean"][:, 0], [1, 3, np.nan, np.nan])

    def test_missing_values(self):
        """Of described columns, too."""
        write_columns("in.h5", {"x": np.arange(40.0) // 20, "y": np.zeros(40),
                                "z": np.where(np.arange(40) % 4, np.arange(40.0), -99)})
        result = self.fit("--describe", "z", "--missing-value", "z:-99", k=2)
        np.testing.assert_array_equal(result["n_missing"], [[5], [5]])
        np.testing.assert_array_equal(result["min"].min(), 1)

    def test_missing_values_of_other_columns(self):
        """Of columns that only --where or --weights reads."""
        write_columns("in.h5", {"x": np.arange(40.0) // 20, "y": np.zeros(40), "w": np.ones(40),
                                "z": np.where(np.arange(40) % 4, np.arange(40.0), -99)})
        for words in [("--where", "z<100", "--missing-value", "z:-99"),
                      ("--where", "z<100", "--missing-value", "z:-99", "--describe", "y,x"),
                      ("--weights", "1+w", "--missing-value", "w:-99")]:
            result = self.fit(*words, "--order-by", "x", k=2)
            self.assertEqual((result["/labels"] < 0).sum(), 10 if "z<100" in words else 0)

    def test_table(self):
        """The one that the features are in, also where others have what is described."""
        x, other = np.repeat([3.0, 1.0], 20), np.arange(40.0)
        for name in ("in.h5", "more.h5"):
            write_columns(name, {"x": x, "y": np.zeros(40), "w": np.ones(40)},
                          form="a/{}")
            write_columns(name, {"x": other, "y": other, "ra": other}, form="b/{}")
        for files in (), ("more.h5",):
            result = self.fit(*files, "--weights", "w", "--order-by", "x", k=2)
            np.testing.assert_array_equal(result["mean"], [[1, 0], [3, 0]])
        result = self.fit("--weights", "w", "--describe", "/b/ra", k=2)
        self.assertEqual(sorted(result["max"][:, 0]), [19, 39])
        self.refuse((3, "no such column.*ra", "fit", "in.h5", "-k", 2, "-o", "new.h5", "-c", "x,w",
                     "--describe", "ra"))

    def test_named_expressions(self):
        """Of -c, by their names; and all features beside other columns."""
        x, r = np.arange(40.0) // 20, np.arange(40.0)
        write_columns("in.h5", {"x": x, "y": np.zeros(40), "r": r})
        features = "M=2*x,{a b}=min(x,r), y"
        for asked, names, values in [
                ("M", ["M"], [2 * x]), ("{M},r", ["M", "r"], [2 * x, r]),
                ("{a b}", ["a b"], [np.minimum(x, r)]), ("sum=x+r,M", ["sum", "M"], [x + r, 2 * x]),
                ("features, r", ["M", "a b", "y", "r"], [2 * x, np.minimum(x, r), 0 * x, r])]:
            result = self.fit("-c", features, "--describe", asked, "--order-by", names[-1], k=2)
            self.assertEqual(list(result["texts"]["columns"]), names)
            self.check(result, dict(zip(names, values)), 2)
            self.assertGreater(*result["mean"][::-1, -1])
        result = self.fit("-c", features, "--order-by", "M", k=2)
        np.testing.assert_array_equal(result["mean"][:, 0], [0, 2])

    def test_stopped_early(self):
        """A job that must end writes its result, and says what is not in it."""
        write_columns("in.h5", hostile())
        stopped = "--max-hours", "1e-9"
        finished = [run("fit", "in.h5", "-c", "x,y", "-k", 5, "-o", name, *stopped, *words, ranks=2)
                    for name, *words in (("plain.h5",), ("out.h5", "--describe", "gaps,x", "--order-by",
                                                         "x"))]
        self.assertEqual([done.code for done in finished], [0, 0], finished)
        self.assertNotIn("not described", finished[0].err)
        self.assertIn("warning: not described (out.h5): the run was stopped before", finished[1].err)
        with h5py.File("plain.h5") as plain, h5py.File("out.h5") as file:
            self.assertNotIn("templates", file)
            self.assertNotIn("order_by", file["provenance"].attrs)
            self.assertEqual(file.attrs["checksum"], plain.attrs["checksum"])

    def test_goes_on(self):
        """One that is stopped while it reads what it describes has not lost that."""
        random = np.random.default_rng(5)
        write_columns("in.h5", {name: random.random(1_000_000) for name in "xyz"})
        described = ",".join(f"x+{i}*y+z" for i in range(20))  # which takes a second
        command = ["fit", "in.h5", "-c", "x", "-k", 3, "--describe", described, "--max-iterations", 2,
                   "--checkpoint", "state", "--verbose"]
        run(*command, "-o", "whole.h5")
        stopped = stop_at("iteration", *command, "-o", "out.h5", count=2)
        self.assertEqual(stopped.code, 75, stopped)
        self.assertIn("(state): while describing the clusters; run", stopped.err)
        finished = run(*command, "-o", "out.h5", ranks=2)
        self.assertEqual(finished.code, 0, finished)
        self.assertEqual(Result("out.h5").answer(), Result("whole.h5").answer())

    def test_expressions(self):
        """Described, as features, and where rows are left out."""
        columns = hostile()
        write_columns("in.h5", columns)
        result = self.fit("--describe", "sum=x+gaps,x-offset", "--where", "y > -500", ranks=2)
        sums = {"sum": columns["x"] + columns["gaps"], "x-offset": columns["x"] - columns["offset"]}
        self.check(result, sums, 5)
        self.assertTrue((result["/labels"][columns["y"] <= -500] == -1).all())
        finished = run("fit", "in.h5", "-c", "x,t=x+y", "-k", 3, "-o", "out.h5", "--overwrite",
                       "--order-by", "t", "-q")
        self.assertEqual((finished.code, finished.err), (0, ""), finished)
        with h5py.File("out.h5", "r") as file:
            found = {f"/{name}": file[name][:] for name in ["labels"]} | \
                {name: file[f"templates/{name}"][:] for name in NAMES}
            self.check(found, {"x": columns["x"], "t": columns["x"] + columns["y"]}, 3)

    def test_one_definition(self):
        """Robust scaling takes the quantiles of NumPy, which the templates have, too."""
        random = np.random.default_rng(9)
        times = random.integers(0, 4, 1000)
        for kind, n in ("f4", 1000), ("f8", 1000), ("f8", 3):
            columns = {"x": random.normal(size=n).astype(kind), "y": random.integers(-3, 3, n).astype(kind)}
            columns["x"][0] = 1e15
            columns["y"][1] = 7
            write_columns("in.h5", columns | {"w": times[:n]})
            for ranks, *words in (1,), (3,), (2, "--weights", "w"):
                result = self.fit("--scale", "robust", "--describe", "features", *words, k=1, ranks=ranks)
                wanted = [expected(values, np.zeros(n), 1, times[:n] if words else None)["quantiles"][0]
                          for values in columns.values()]
                np.testing.assert_array_equal(result["quantiles"][0], wanted)
                _, low, median, high, _ = np.transpose(wanted)
                np.testing.assert_array_equal(result["offset"], median)
                np.testing.assert_array_equal(result["factor"], 1 / (high / 2 - low / 2))
            os.remove("in.h5")

    def test_precision(self):
        """Of the run: an expression of float32 columns is a double where features are, and the mean of
        a single row is the center; what is stored as float32 stays what it is."""
        random = np.random.default_rng(6)
        columns = {"d": random.normal(size=50), "a": random.normal(size=50).astype("f4"),
                   "b": random.normal(size=50).astype("f4"), "n": np.arange(50, dtype="i2")}
        write_columns("in.h5", columns)
        product = columns["a"].astype("f8") * columns["b"] - columns["n"]
        result = self.fit("-c", "d,q=a*b-n", "--where", "n==7", "--describe", "q,p=a*b-n,a", k=1)
        self.assertEqual(product[7], result["/centers"][0, 1])
        np.testing.assert_array_equal(result["mean"], [[product[7]] * 2 + [columns["a"][7]]])
        result = self.fit("-c", "n,a", "--describe", "p=a*b-n,a", k=1)
        self.check(result, {"p": product.astype("f4"), "a": columns["a"]}, 1)

    def test_order_by_braces(self):
        """A name as it is printed in lists."""
        columns = {"x": np.repeat([3.0, 1.0], 20), "y": np.zeros(40), "b-v": np.arange(40.0)}
        write_columns("in.h5", columns)
        for name in "b-v", "{b-v}", "x-y", "{x-y}":
            result = self.fit("--describe", "x-y,{b-v}", "--order-by", name, k=2)
            self.assertLess(*result["mean"][:, 1 if "b" in name else 0])
        self.refuse((2, r"bad value \(--order-by {b-v\)", "fit", "in.h5", "-k", 2, "-o", "new.h5", "-c", "x,y",
                     "--describe", "x,{b-v}", "--order-by", "{b-v"))

    def test_braces_with_a_position(self):
        """One value of a column with an odd name, in all options that name columns."""
        with h5py.File("in.h5", "w") as file:
            file["t/x"] = np.arange(40.0)
            file["t/b-v"] = np.stack([np.arange(40.0), np.repeat([3.0, 1.0], 20)], axis=1)
            file["t/b-v"][39, 1] = -99
        for name in "{b-v}[1]", "{b-v[1]}", "b-v[1]":
            result = self.fit("-c", "x,{b-v}[1]", "--describe", "x,{b-v}[1]", "--order-by", name,
                              "--missing-value", f"{name}:-99", "--factor", f"{name}:100", k=2)
            self.assertEqual(result["/labels"].tolist(), [1] * 20 + [0] * 19 + [-1])
            self.assertEqual(result["factor"].tolist(), [1, 100])

    def test_info(self):
        write_columns("in.h5", hostile(), units={"y": "mag"})
        self.fit("--describe", "y,gaps")
        out = run("info", "out.h5").out
        self.assertRegex(out, r"\n  y \(mag\)\n  cluster +mean +deviation +min +5% +16% +50% ")
        self.assertEqual(len([line for line in out.split("\n") if line.startswith("        4 ")]), 3)

    def test_export(self):
        """A row a cluster, in each format."""
        write_columns("in.h5", hostile(), units={"y": "mag"})
        result = self.fit("--describe", "y,gaps,sparse")
        tool = os.path.join(ROOT, "tools", "export.py")
        for ending in ["fits", "ecsv", "csv", "tex"]:
            subprocess.run([sys.executable, tool, "out.h5", "--templates", "-o", f"out.{ending}"],
                           check=True, capture_output=True)
        for ending in ["fits", "ecsv", "csv"]:
            table = Table.read(f"out.{ending}")
            np.testing.assert_array_equal(table["size"], result["/sizes"])
            np.testing.assert_array_equal(table["y_p84"], result["quantiles"][:, 0, 3])
            np.testing.assert_array_equal(table["gaps_missing"], result["n_missing"][:, 1])
            np.testing.assert_array_equal(np.ma.filled(table["sparse_mean"], np.nan),
                                          result["mean"][:, 2])
            self.assertEqual(str(table["y_mean"].unit), "None" if ending == "csv" else "mag")
        with open("out.tex", encoding="utf-8") as file:
            text = file.read()
        low, median, high = result["quantiles"][0, 0, 1:4]
        self.assertIn("y (mag) & gaps & sparse", text)
        self.assertIn(f"${median:.0f}^{{+{high - median:.0f}}}_{{-{median - low:.0f}}}$", text)

    def test_mistakes(self):
        write_columns("in.h5", hostile())
        for code, pattern, *words in [
                (2, r"bad value \(--order-by z\): .* name one of x,y", "--order-by", "z"),
                (2, r"bad value \(--order-by x\): .* name one of gaps", "--order-by", "x",
                 "--describe", "gaps"),
                (2, r"bad value \(--missing-value z:1\): it names neither", "--describe", "gaps",
                 "--missing-value", "z:1"),
                (2, r"a name twice \(--describe, a\): .*", "--describe", "a=x,gaps,a=x+1",
                 "--order-by", "a"),
                (3, r"none", "--describe", "none")]:
            for ranks in (1, 3):
                finished = run("fit", "in.h5", "-c", "x,y", "-k", 3, "-o", "new.h5", *words,
                               ranks=ranks)
                self.assertEqual(finished.code, code, finished)
                self.assertRegex(finished.err, f"^skymeans: error: .*{pattern}.*\n$", finished)


if __name__ == "__main__":
    unittest.main()
