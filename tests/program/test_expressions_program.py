"""Whole-program tests of expressions (-c, --where, --weights): the same answer as on columns that
were computed before, on any ranks."""
import os
import subprocess
import sys
import unittest

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.dont_write_bytecode = True

import h5py
import numpy as np
from astropy.table import Table

from program import ROOT, ProgramTest, run, write_array, write_columns

K, N = 4, 3000
COLUMNS = "u-g,{g}*2-{odd-r}/3,e=min(g,flux[1])^2"
WHERE = "g/err > 2 && (u < 21 || !(flux[0] > 3))"
WEIGHTS = "1/(1+err)^2"


def hostile_columns(dtype, seed=3):
    """Blobs with outliers, duplicates, missing values, zeros to divide by, a column of scale 1000."""
    random = np.random.default_rng(seed)
    u, g, r = (random.normal(random.integers(0, 3, N) * 4 + 18, 1).astype(dtype) for _ in range(3))
    u[::97] = u[0]
    g[5], u[7], r[11:30:3] = 1e6, np.nan, np.nan
    err = random.choice([0, 1, 2, 5, 9, np.nan], N).astype(dtype)
    err[13] = np.inf
    return {"u": u, "g": g, "odd-r": 1000 * r, "err": err,
            "flux": random.normal(2, 2, (N, 2)).astype(dtype)}


def compute(columns, dtype):
    """What NumPy makes of the expressions: features, truths of the condition (NaN: undecided), and
    weights."""
    u, g, r, err = (columns[name].astype("f8") for name in ("u", "g", "odd-r", "err"))
    flux = columns["flux"].astype("f8")
    err = np.where(np.isfinite(err), err, np.nan)
    with np.errstate(all="ignore"):
        smaller = np.where(flux[:, 1] < g, flux[:, 1], g)
        features = np.stack([u - g, g * 2 - r / 3, smaller * smaller], axis=1).astype(dtype)
        ratio = g / err
        ratio[~np.isfinite(ratio)] = np.nan
        is_good = np.where(np.isnan(ratio), np.nan, ratio > 2)
        is_blue = np.where(np.isnan(u), np.nan, u < 21)
        either = np.where((is_blue == 1) | ~(flux[:, 0] > 3), 1, is_blue)
        truth = np.where((is_good == 0) | (either == 0), 0, is_good * either)
        weights = 1 / ((1 + err) * (1 + err))
    return features, truth, weights


class Expressions(ProgramTest):

    def fit_expressions(self, *options, output="out.h5", ranks=1):
        return self.fit("in.h5", K, "-c", COLUMNS, "--where", WHERE, "--weights", WEIGHTS,
                        "--verify", *options, output=output, ranks=ranks)[1]

    def compare(self, dtype, **layout):
        columns = hostile_columns(dtype)
        write_columns("in.h5", columns, **layout)
        features, truth, weights = compute(columns, dtype)
        features[truth != 1] = np.nan
        write_columns("plain.h5", dict(zip("abc", features.T)) | {"w": np.nan_to_num(weights)})
        _, plain = self.fit("plain.h5", K, "-c", "a,b,c", "--weights", "w", output="plain_out.h5")
        for ranks in (1, 3, 7):
            result = self.fit_expressions("--overwrite", ranks=ranks)
            np.testing.assert_array_equal(result.labels, plain.labels)
            self.assertEqual(result.checksum, plain.checksum)
            self.assertEqual(result.n_excluded, np.count_nonzero(truth == 0))
            self.assertEqual(result.n_undecided, np.count_nonzero(np.isnan(truth)))
            self.assertEqual(result.n_missing,
                             np.count_nonzero(~np.isfinite(features[truth == 1]).all(axis=1)))
        self.assertGreater(min(result.n_excluded, result.n_undecided, result.n_missing), 0)

    def test_float32(self):
        self.compare("f4")

    def test_float64_compressed(self):
        self.compare("f8", chunks=True, compression="gzip")

    def test_names_with_braces(self):
        """As lists and info have them: in braces once more."""
        columns = hostile_columns("f8")
        write_columns("in.h5", {"{u}": columns["u"], "g": columns["g"]})
        write_columns("plain.h5", {"u": columns["u"], "g": columns["g"]})
        results = [self.fit(name, K, "-c", f"q={u}-g,{u}", "--where", f"{u} > g", output=f"out-{name}")[1]
                   for name, u in (("in.h5", "{{u}}"), ("plain.h5", "{u}"))]
        self.assertEqual(*[result.checksum for result in results])
        self.run_ok("verify", "out-in.h5", "in.h5")

    def test_stored_in_the_result(self):
        write_columns("in.h5", hostile_columns("f4"), units={"u": "mag", "g": "mag"})
        result = self.fit_expressions(output="fit.h5")
        with h5py.File("fit.h5") as file:
            self.assertEqual(list(file["centers"].attrs["features"]),
                             ["u-g", "{g}*2-{odd-r}/3", "e"])
            self.assertEqual(list(file["centers"].attrs["units"]), ["mag", "", ""])
            self.assertEqual([text.decode() for text in file["model/expressions"][:]],
                             ["u-g", "{g}*2-{odd-r}/3", "min(g,flux[1])^2"])
            self.assertEqual(file["provenance"].attrs["where"], WHERE)
            self.assertEqual(file["provenance"].attrs["weights"], WEIGHTS)
        # The condition of the fit is not applied, and one can be given.
        self.run_ok("predict", "fit.h5", "in.h5", "-o", "all.h5", ranks=3)
        self.run_ok("predict", "fit.h5", "in.h5", "-o", "some.h5", "--where", WHERE)
        with h5py.File("all.h5") as everything, h5py.File("some.h5") as some:
            is_used = result.labels >= 0
            np.testing.assert_array_equal(some["labels"][:], result.labels)
            np.testing.assert_array_equal(everything["labels"][:][is_used], result.labels[is_used])
            self.assertGreater(np.count_nonzero(everything["labels"][:] >= 0), is_used.sum())
            self.assertEqual(everything.attrs["n_excluded"], 0)

    def run_ok(self, *arguments, ranks=1):
        ended = run(*arguments, ranks=ranks)
        self.assertEqual(ended.code, 0, ended)
        return ended

    def test_tools_repeat_them(self):
        """export.py has the computed features as the fit had them, and plot.py draws them."""
        columns = hostile_columns("f4")
        columns["u"][::50] = -99
        write_columns("in.h5", columns)
        result = self.fit_expressions("--missing-value", "u:-99", output="fit.h5")
        for tool, output, *more in (("export", "joined.ecsv", "-c", f"{COLUMNS},good={WHERE}"),
                                    ("plot", "picture.png")):
            done = subprocess.run(
                [sys.executable, os.path.join(ROOT, "tools", f"{tool}.py"), "fit.h5", "in.h5", "-o",
                 output, *more], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertGreater(os.path.getsize(output), 1000)
        columns["u"] = np.where(columns["u"] == -99, np.nan, columns["u"])
        features, _, _ = compute(columns, "f8")
        joined = Table.read("joined.ecsv")
        np.testing.assert_array_equal(joined["label"], result.labels)
        np.testing.assert_array_equal(joined["e"], features[:, 2])
        np.testing.assert_array_equal(np.ma.filled(joined["{g}*2-{odd-r}/3"], np.nan), features[:, 1])

    def test_missing_values_act_before(self):
        """-99 is missing in what expressions read, also in predict; packed values are unpacked."""
        columns = hostile_columns("f4")
        columns["g"][100:200] = -99
        write_columns("in.h5", columns)
        _, result = self.fit("in.h5", K, "-c", "u-g,u", "--missing-value", "g:-99", output="fit.h5")
        self.assertTrue((result.labels[100:200] == -1).all())
        self.run_ok("predict", "fit.h5", "in.h5", "-o", "labels.h5", ranks=2)
        with h5py.File("labels.h5") as file:
            np.testing.assert_array_equal(file["labels"][:], result.labels)
        with h5py.File("in.h5", "a") as file:
            packed = file["table/columns"].create_dataset("p/data", data=np.arange(N, dtype="i2"))
            packed.attrs["scale_factor"] = 0.5
        _, result = self.fit("in.h5", K, "-c", "q=p*2", output="packed.h5", ranks=3)
        self.assertEqual(result.n_used, N)
        np.testing.assert_allclose(np.sort(result.centers.ravel()), [374.5, 1124.5, 1874.5, 2624.5],
                                   atol=150)

    def test_infinities_are_missing(self):
        """Also where arithmetic would make something finite of them."""
        x = np.linspace(1, 2, 300)
        x[::3], x[1::3] = np.inf, -np.inf
        write_columns("in.h5", {"x": x, "y": np.ones(300)})
        fits = [(("in.h5", 2, "-c", f"y,e={expression}", "--verify"), {"ranks": ranks})
                for expression in ("y/x", "exp(x)", "exp(-x)", "min(x,y)", "max(x,y)", "x^-1", "x^0")
                for ranks in (1, 3)]
        for (words, _), result in zip(fits, self.fit_all(fits)):
            np.testing.assert_array_equal(result.labels >= 0, np.isfinite(x), words)

    def test_missing_error(self):
        """Rows that a condition leaves out, or that it can't be decided for, miss nothing."""
        x, cut = np.arange(20.0), np.arange(20.0)
        x[3], cut[4] = np.nan, np.nan
        write_columns("in.h5", {"x": x, "cut": cut})
        for ranks in (1, 3):
            _, result = self.fit("in.h5", 2, "-c", "x", "--where", "cut != 3", "--missing", "error", ranks=ranks)
            self.assertEqual([getattr(result, f"n_{name}") for name in
                              ("used", "excluded", "undecided", "missing")], [18, 1, 1, 0])
        self.refuse((3, "missing value .in.h5, /table/columns, row 3, column x", "fit", "in.h5", "-k", 2, "-c", "x", "--where",
                     "cut != 5", "--missing", "error", "-o", "x.h5"))

    def test_names_win(self):
        """An exact name is a column, whatever signs it has; parentheses make an expression of it."""
        values = np.random.default_rng(1).normal(size=(4, 500))
        write_columns("in.h5", dict(zip(("u", "g", "u-g", "x"), values)))
        for text, expected in (("u-g", values[2]), ("{u-g}", values[2]), ("new=u-g", values[2]),
                               ("(u-g)", values[0] - values[1]), ("{u}-{g}", values[0] - values[1]),
                               ("d=+u-g", values[0] - values[1])):
            _, result = self.fit("in.h5", 1, "-c", text, "--overwrite")
            np.testing.assert_allclose(result.centers[0, 0], expected.mean(), rtol=1e-12)

    def test_what_is_no_name(self):
        """Points at the place, where there are signs that no name has without braces; else the nearest
        name may help."""
        write_columns("t.h5", {"u": np.arange(3.0), "g": np.arange(3.0), "b-v": np.ones(3)})
        with h5py.File("t.h5", "a") as file:
            file["table/columns/flux/data"] = np.ones((3, 2))
        write_array("a.h5", np.ones((3, 2)))
        self.refuse(*[(2 if "bad" in pattern else 4 if "open" in pattern else 3, pattern, "fit", name, "-k", 1, "-o", "new.h5", "-c", item)
                      for name, item, pattern in [
            ("t.h5", "u;g", "bad expression .*character 2, at ';g'.*commas"),
            ("t.h5", "u%3", "bad expression .*character 2, at '%3'"),
            ("t.h5", "u 3", "bad expression .*character 3, at '3'"),
            ("t.h5", "1+2", "bad expression .*there is no column in it, so that all rows have the same"),
            ("t.h5", "{b-v", "bad expression .*character 1, at '{b-v'.*no end"),
            ("t.h5", "\u00e9+1", "no such column .*column \u00e9\\): no name is near"),
            ("t.h5", "{b-x}", "no such column .*'b-v'"),
            ("t.h5", "u]", "no such column .*'u'"),
            ("t.h5", "2_u", "no such column .*'u'"),
            ("t.h5", "/x/y", "no such column .*column /x/y"),
            ("t.h5", "u*flux[2]", r"no such column .*column flux.2.\): flux has 2 values per row"),
            ("t.h5", "{none.h5:/x}+u", r"can't open the file \(none.h5\)"),
            ("t.h5", "none.h5:/x", r"can't open the file \(none.h5\)"),
            ("a.h5", "0-1", "no such column .*[{]0}-[{]1}"),
            ("a.h5", "{0", "bad expression .*no end")]], ranks=(1,))

    def test_columns_of_an_array(self):
        points = np.random.default_rng(2).normal(size=(400, 3))
        write_array("in.h5", points)
        _, result = self.fit("in.h5", 2, "-c", "0,{1}-{2}", "--where", "{0} > 0", output="fit.h5")
        np.testing.assert_array_equal(result.labels >= 0, points[:, 0] > 0)
        self.run_ok("predict", "fit.h5", "in.h5", "-o", "labels.h5", "--where", "{0} > 0")
        with h5py.File("labels.h5") as file:
            np.testing.assert_array_equal(file["labels"][:], result.labels)
        for columns, number in ("{1}", 1), ("{1:3}", 1), ("{2}", 2):
            _, result = self.fit("in.h5", 1, "-c", columns, "--overwrite")
            np.testing.assert_allclose(result.centers[0, 0], points[:, number].mean(), rtol=1e-9)

    def test_several_files(self):
        columns = hostile_columns("f4")
        write_columns("in.h5", columns)
        whole = self.fit_expressions()
        halves = []
        for i, rows in enumerate((slice(0, 1000), slice(1000, N))):
            halves.append(f"half{i}.h5")
            write_columns(halves[-1], {name: values[rows] for name, values in columns.items()})
        ended = run("fit", *halves, "-k", K, "-o", "halves_out.h5", "-c", COLUMNS, "--where", WHERE,
                    "--weights", WEIGHTS, ranks=3)
        self.assertEqual(ended.code, 0, ended)
        with h5py.File("halves_out.h5") as file:
            self.assertEqual(file.attrs["checksum"], whole.checksum)


if __name__ == "__main__":
    unittest.main()
