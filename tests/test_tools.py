#!/usr/bin/env python3
"""Tests of tools/import.py and tools/plot.py: run as /usr/bin/python3 tests/test_tools.py.

Most tests call a tool's main() in this process, which saves starting Python each time.
"""
import contextlib
import importlib.util
import io
import os
import subprocess
import sys
import tempfile
import unittest
import warnings
from unittest import mock

import h5py
import numpy as np
from astropy.table import MaskedColumn, Table
from matplotlib.colors import to_rgb
from matplotlib.image import imread

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HIPPARCOS = os.path.join(ROOT, "data", "hipparcos.h5")


def load_tool(name):
    """A tool as a module; `import` is no name that Python could import."""
    path = os.path.join(ROOT, "tools", f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"{name}_tool", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sys.dont_write_bytecode = True
IMPORT, PLOT = load_tool("import"), load_tool("plot")


class ToolTest(unittest.TestCase):
    """Each test has a folder of its own, and works in it."""

    def setUp(self):
        self.addCleanup(os.chdir, os.getcwd())
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.chdir(folder.name)

    def run_tool(self, tool, *arguments):
        """The exit code and what the tool wrote to stdout and stderr."""
        out, err = io.StringIO(), io.StringIO()
        with mock.patch.object(sys, "argv", ["tool", *arguments]), \
                contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = tool.main()
        return code, out.getvalue(), err.getvalue()

    def succeed(self, tool, *arguments):
        """What a successful run says on stderr; its stdout is one line."""
        code, out, err = self.run_tool(tool, *arguments)
        self.assertEqual((code, out.count("\n")), (0, 1), err)
        self.last_line = out
        return err

    def refuse(self, code, pattern, tool, *arguments):
        """The run ends with this code, one line that matches, and no file more or changed."""
        before = self.contents()
        found, out, err = self.run_tool(tool, *arguments)
        self.assertEqual((found, out, err.count("\n")), (code, "", 1), err)
        place = "" if "bad command line" in err else r" \(.+\)"
        self.assertRegex(err, rf"^(import|plot)\.py: error: .+{place}: .+; .+\n$")
        self.assertRegex(err, pattern)
        self.assertEqual(self.contents(), before)

    @staticmethod
    def contents():
        found = {}
        for folder, _, names in os.walk("."):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    found[os.path.join(folder, name)] = file.read()
        return found


def write_text(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def read_columns(path):
    with h5py.File(path, "r") as file:
        return {name: group["data"][:] for name, group in file["table/columns"].items()}


def read_units(path):
    with h5py.File(path, "r") as file:
        return {name: group["data"].attrs.get("units")
                for name, group in file["table/columns"].items()}


class ImportFormats(ToolTest):

    def check_column(self, path, name, dtype, values):
        column = read_columns(path)[name]
        self.assertEqual(column.dtype, np.dtype(dtype))
        np.testing.assert_array_equal(column, np.array(values, dtype=dtype))

    def test_csv_with_missing_values(self):
        write_text("in.csv", "id,x,n,name\n1,0.5,7,a\n2,,,\n3,null,9,né\n")
        err = self.succeed(IMPORT, "in.csv", "out.h5")
        self.assertEqual(self.last_line, "3 rows, 4 columns: out.h5\n")
        self.check_column("out.h5", "id", "<i8", [1, 2, 3])
        self.check_column("out.h5", "x", "<f8", [0.5, np.nan, np.nan])
        self.check_column("out.h5", "n", "<f8", [7, np.nan, 9])
        self.check_column("out.h5", "name", "S3", [b"a", b"", "né".encode()])
        self.assertEqual(err.count("\n"), 1)
        self.assertRegex(err, r"^import.py: warning: .*\(in.csv, n\): 1 missing")

    def test_layout(self):
        write_text("in.csv", "x,y\n" + "1.5,2\n" * 1000)
        self.succeed(IMPORT, "in.csv", "out.h5")
        with h5py.File("out.h5", "r") as file:
            self.assertEqual(list(file), ["table"])
            self.assertEqual(dict(file["table"].attrs), {"type": "table"})
            self.assertEqual(list(file["table"]), ["columns"])
            self.assertEqual(list(file["table/columns"]), ["x", "y"])
            data = file["table/columns/x/data"]
            self.assertEqual((data.compression, data.shuffle, data.chunks), ("gzip", True, (1000,)))
            self.assertEqual(dict(data.attrs), {})

    def test_ecsv_units(self):
        Table({"d": [1.0, 2.0], "v": np.array([3, 4], "f4"), "n": [1, 2]},
              units={"d": "kpc", "v": "km/s"}).write("in.ecsv")
        self.assertEqual(self.succeed(IMPORT, "in.ecsv", "out.h5"), "")
        self.assertEqual(read_units("out.h5"), {"d": "kpc", "v": "km / s", "n": None})
        self.check_column("out.h5", "v", "<f4", [3, 4])

    def test_fits(self):
        table = Table({"id": np.array([1, 2, 3], ">i8"), "x": np.array([1, np.nan, 3], ">f4"),
                       "flag": [True, False, True], "name": ["a", "bb", ""]}, units={"x": "mag"})
        table["n"] = MaskedColumn(np.array([1, 2, 3], ">i2"), mask=[True, False, False])
        table["flux"] = np.arange(6.0).reshape(3, 2)
        table["S/N"] = [5.0, 6.0, 7.0]
        table.write("in.fits")
        err = self.succeed(IMPORT, "in.fits", "out.h5", "--derive", "second=flux[1]",
                           "--derive", "sn={S/N}", "--derive", "on=where(flag, id, 0)")
        self.check_column("out.h5", "id", "<i8", [1, 2, 3])
        self.check_column("out.h5", "x", "<f4", [1, np.nan, 3])
        self.check_column("out.h5", "flag", "u1", [1, 0, 1])
        self.check_column("out.h5", "name", "S2", [b"a", b"bb", b""])
        self.check_column("out.h5", "n", "<f8", [np.nan, 2, 3])
        self.check_column("out.h5", "second", "<f8", [1, 3, 5])
        self.check_column("out.h5", "sn", "<f8", [5, 6, 7])
        self.check_column("out.h5", "on", "<f8", [1, 0, 3])
        self.assertEqual(read_units("out.h5")["x"], "mag")
        self.assertNotIn("flux", read_columns("out.h5"))
        self.assertRegex(err, r"warning: column left out \(flux\)")
        self.assertRegex(err, r"warning: column left out \(S/N\)")
        self.assertRegex(err, r"warning: column stored as float64 \(in.fits, n\)")

    def test_votable(self):
        table = Table({"x": [1.0, 2.0], "name": ["é", "b"], "n": [1, 2]}, units={"x": "deg"})
        table["flag"] = MaskedColumn([True, False], mask=[False, True])
        table.write("in.vot", format="votable")
        self.succeed(IMPORT, "in.vot", "out.h5")
        self.check_column("out.h5", "x", "<f8", [1, 2])
        self.check_column("out.h5", "n", "<i8", [1, 2])
        self.check_column("out.h5", "name", "S2", ["é".encode(), b"b"])
        self.check_column("out.h5", "flag", "<f8", [1, np.nan])
        self.assertEqual(read_units("out.h5")["x"], "deg")

    def test_dat(self):
        write_text("in.dat", "2 3\n1 2.5 -3e1\n4 nan 6\n")
        self.succeed(IMPORT, "in.dat", "out.h5")
        self.assertEqual(list(read_columns("out.h5")), ["x", "y"])
        self.check_column("out.h5", "x", "<f8", [1, 2.5, -30])
        self.check_column("out.h5", "y", "<f8", [4, np.nan, 6])
        write_text("four.dat", "4 1\n1\n2\n3\n4\n\n")
        self.succeed(IMPORT, "four.dat", "four.h5")
        self.assertEqual(list(read_columns("four.h5")), ["x0", "x1", "x2", "x3"])

    def test_malformed_dat(self):
        for text, pattern in (
                ("2 3\n1 2 3\n", "number of lines .in.dat.: 1 after the first"),
                ("1 3\n1 2 3\n4 5 6\n", "number of lines .in.dat.: 2 after the first"),
                ("2 3\n1 2 3\n4 5\n", r"in.dat, line 3\): 2, but .* 3 rows"),
                ("2 3\n1 2 3 4\n4 5 6\n", r"in.dat, line 2\): 4, but .* 3 rows"),
                ("2 3\n1 2 3\n4 five 6\n", r"not a number \(in.dat, line 3\): .*'five'"),
                ("1 1\n\x00\xff\n", r"not a number \(in.dat, line 2\)"),
                ("999999999999999999 999999999999999999\n1 2\n", r"line 2\): 2, but"),
                ("999999999999999999 2\n1 2\n", "announces 999999999999999999 features"),
                ("9" * 5000 + " 1\n1\n", "bad first line"),
                ("-1 3\n", "bad first line"), ("2.0 3\n", "bad first line"),
                ("a b\n1 2\n", "bad first line"), ("1 2 3\n", "bad first line"),
                ("0 0\n", "no columns"), ("", "bad first line")):
            with self.subTest(text=text[:40]):
                write_text("in.dat", text)
                self.refuse(3, pattern, IMPORT, "in.dat", "out.h5")

    def test_other_bad_files(self):
        Table({"x": np.arange(10000.0)}).write("whole.fits")
        with open("whole.fits", "rb") as file:
            head = file.read(30000)
        with open("cut.fits", "wb") as file:
            file.write(head)
        for name, text, pattern in (
                ("in.txt", "a b\n1 2\n", "unknown format"), ("in.csv", "", "no columns"),
                ("in.csv", "a,b\n1,2,3\n", "cannot read the table"), ("in.csv", "a,b\n", "no rows"),
                ("in.fits", "junk", "unknown format"), ("in.vot", "<VOTABLE", "in.vot"),
                ("cut.fits", None, "cannot read the table")):
            with self.subTest(name=name, text=text):
                if text is not None:
                    write_text(name, text)
                self.refuse(3, pattern, IMPORT, name, "out.h5")


class ImportJoin(ToolTest):

    def test_several_files(self):
        write_text("a.csv", "x,n,name\n1.5,1,a\n2.5,2,bb\n")
        write_text("b.csv", "name,x,n\nccc,3.5,\n")
        write_text("none.csv", "x,n,name\n")
        err = self.succeed(IMPORT, "none.csv", "a.csv", "b.csv", "out.h5", "--derive", "y=2*x")
        self.assertEqual(self.last_line, "3 rows, 4 columns: out.h5\n")
        self.assertRegex(err, r"\(b.csv, n\)")
        columns = read_columns("out.h5")
        np.testing.assert_array_equal(columns["x"], [1.5, 2.5, 3.5])
        np.testing.assert_array_equal(columns["n"], [1, 2, np.nan])
        np.testing.assert_array_equal(columns["name"], [b"a", b"bb", b"ccc"])
        np.testing.assert_array_equal(columns["y"], [3, 5, 7])

    def test_dat_files(self):
        write_text("a.dat", "2 2\n1 2\n3 4\n")
        write_text("b.dat", "2 1\n5\n6\n")
        self.succeed(IMPORT, "a.dat", "b.dat", "out.h5")
        np.testing.assert_array_equal(read_columns("out.h5")["y"], [3, 4, 6])

    def test_differences(self):
        write_text("a.csv", "x,y\n1,2\n")
        write_text("b.csv", "x,z\n1,2\n")
        write_text("c.csv", "x,y\n1,word\n")
        self.refuse(3, r"a.csv \(b.csv\): without y and with z;",
                    IMPORT, "a.csv", "b.csv", "out.h5")
        self.refuse(3, r"another type than in a.csv \(c.csv, y\)",
                    IMPORT, "a.csv", "c.csv", "out.h5")
        Table({"x": [1.0]}, units={"x": "mas"}).write("mas.ecsv")
        Table({"x": [1.0]}, units={"x": "arcsec"}).write("arcsec.ecsv")
        Table({"x": [1.0]}).write("bare.ecsv")
        self.refuse(3, r"another unit than in mas.ecsv \(arcsec.ecsv, x\): arcsec, not mas",
                    IMPORT, "mas.ecsv", "arcsec.ecsv", "out.h5")
        self.refuse(3, r"\(arcsec.ecsv, x\)",
                    IMPORT, "bare.ecsv", "mas.ecsv", "arcsec.ecsv", "out.h5")
        self.succeed(IMPORT, "bare.ecsv", "mas.ecsv", "out.h5")
        self.assertEqual(read_units("out.h5"), {"x": "mas"})


class ImportDerive(ToolTest):

    def setUp(self):
        super().setUp()
        write_text("in.csv", "x,n,b-v,exp,name\n1,1,0.5,7,a\n-2,2,,8,b\n0,3,1.5,9,c\n")

    def test_values(self):
        nan = np.nan
        for expression, values in (
                ("x**2 + n", [2, 6, 3]), ("log10(x)", [0, nan, nan]), ("ln(x*x)/log(2)",
                                                                       [0, 2, nan]),
                ("1/x", [1, -0.5, nan]), ("where(x > 0, n, nan)", [1, nan, nan]),
                ("where((x > 0) | (n == 3), 1, 0)", [1, 0, 1]), ("where(~(x > 0), 1, 0)",
                                                                 [0, 1, 1]),
                ("{b-v} * 2", [1, nan, 3]), ("isfinite({b-v})", [1, 0, 1]),
                ("abs(x)", [1, 2, 0]), ("sqrt(x)", [1, nan, 0]), ("minimum(x, n)", [1, -2, 0]),
                ("maximum(x, n)", [1, 2, 3]), ("sin(pi/2)", [1, 1, 1]), ("cos(0*x)", [1, 1, 1]),
                ("exp(exp - 7)", [1, np.e, np.e ** 2]), ("n % 2", [1, 0, 1]), ("inf", [nan] * 3),
                ("n * 10**18 * 10", [1e19, 2e19, 3e19]), ("+n - -n", [2, 4, 6])):
            with self.subTest(expression=expression):
                self.assertEqual(self.succeed(IMPORT, "in.csv", "out.h5", "--overwrite",
                                              "--derive", f"new={expression}"), "")
                np.testing.assert_allclose(read_columns("out.h5")["new"], values, rtol=1e-15)

    def test_later_uses_earlier(self):
        self.succeed(IMPORT, "--derive", "a=2*x", "in.csv", "--derive", "b=a+1", "out.h5")
        np.testing.assert_array_equal(read_columns("out.h5")["b"], [3, -3, 1])
        self.refuse(3, r"no such column \(--derive b, a\)", IMPORT, "in.csv", "new.h5",
                    "--derive", "b=a+1", "--derive", "a=2*x")

    def test_refused_expressions(self):
        for text in ("new", "=x", "new=", "a/b=x", "new=(x", "new=x y", "new=x^2",
                     "new=x > 0 and n > 0", "new=not x", "new=__import__('os')",
                     "new=__import__('os').system('touch hacked')", "new=x.__class__",
                     "new=().__class__", "new=[x for x in n]", "new=lambda: x", "new=open(x)",
                     "new=sqrt(x, n)", "new=where(x > 0)", "new=abs(x=n)", "new=sqrt(*x)",
                     "new='x'", "new=x[n]", "new=x if n else x", "new=(y := x)", "new=f'{x}'",
                     "new=True", "new=x @ n", "new=" + "(" * 500, "new=" + "-" * 60000 + "x"):
            with self.subTest(text=text[:40]):
                self.refuse(2, "--derive|expression", IMPORT, "in.csv", "out.h5",
                            "--derive", text)

    def test_failing_expressions(self):
        for expression, code, pattern in (
                ("x + nothing", 3, r"no such column \(--derive new, nothing\): .* x n b-v exp"),
                ("sqrt", 3, "no such column"), ("name * 2", 3, "cannot compute"),
                ("x[1]", 3, "cannot compute"), ("9**9**9", 3, "cannot compute"),
                ("0 < x < 1", 3, "cannot compute")):
            with self.subTest(expression=expression):
                self.refuse(code, pattern, IMPORT, "in.csv", "out.h5",
                            "--derive", f"new={expression}")
        self.refuse(2, r"column exists \(--derive x\)", IMPORT, "in.csv", "out.h5",
                    "--derive", "x=n")


class ImportOutput(ToolTest):

    def setUp(self):
        super().setUp()
        write_text("in.csv", "x\n1\n")

    def test_existing_output(self):
        write_text("out.h5", "precious")
        self.refuse(2, r"output exists \(out.h5\)", IMPORT, "in.csv", "out.h5")
        self.refuse(4, r"\(nothing.csv\): No such file", IMPORT, "nothing.csv", "out.h5",
                    "--overwrite")
        write_text("bad.dat", "1 2\n1\n")
        self.refuse(3, "bad.dat", IMPORT, "bad.dat", "out.h5", "--overwrite")
        self.succeed(IMPORT, "in.csv", "out.h5", "--overwrite")
        self.assertEqual(list(read_columns("out.h5")["x"]), [1])
        self.assertEqual(sorted(os.listdir()), ["bad.dat", "in.csv", "out.h5"])

    def test_system_errors(self):
        self.refuse(4, "no folder nowhere", IMPORT, "in.csv", "nowhere/out.h5")
        self.refuse(4, "Is a directory", IMPORT, ".", "out.h5")
        os.mkdir("folder")
        self.refuse(4, "Is a directory", IMPORT, "in.csv", "folder", "--overwrite")

    def test_full_disk(self):
        """A limit on the size of files stands for it; the old output stays."""
        write_text("out.h5", "precious")
        noise = np.random.default_rng(0).random((20000, 1))
        np.savetxt("noise.csv", noise, header="x", comments="")
        done = subprocess.run(
            ["bash", "-c", 'ulimit -f 20; exec "$@"', "bash", sys.executable,
             os.path.join(ROOT, "tools", "import.py"), "noise.csv", "out.h5", "--overwrite"],
            capture_output=True, text=True)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertRegex(done.stderr, r"^import.py: error: cannot write \(out.h5\): .*\n$")
        with open("out.h5", encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")
        self.assertEqual(sorted(os.listdir()), ["in.csv", "noise.csv", "out.h5"])

    def test_usage(self):
        for arguments in ((), ("in.csv",), ("in.csv", "out.h5", "--what"),
                          ("in.csv", "out.h5", "--derive"), ("in.csv", "out.h5", "--over")):
            with self.subTest(arguments=arguments):
                self.refuse(2, "bad command line", IMPORT, *arguments)

    def test_same_bytes(self):
        self.succeed(IMPORT, "in.csv", "a.h5")
        self.succeed(IMPORT, "in.csv", "b.h5")
        self.assertEqual(self.contents()["./a.h5"], self.contents()["./b.h5"])


class StartingTools(ToolTest):

    def test_missing_module(self):
        """Without its site folder, Python has none of the modules."""
        for tool in ("import", "plot"):
            done = subprocess.run([sys.executable, "-S", os.path.join(ROOT, "tools", f"{tool}.py")],
                                  capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (4, ""))
            self.assertRegex(done.stderr, rf"^{tool}.py: error: Python module missing \(h5py\): "
                             ".*; install python3-h5py.*/usr/bin/python3\n$")

    def test_help(self):
        for tool in ("import", "plot"):
            path = os.path.join(ROOT, "tools", f"{tool}.py")
            self.assertTrue(os.access(path, os.X_OK))
            done = subprocess.run([sys.executable, path, "--help"], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn(f"usage: {tool}.py", done.stdout)


class Hipparcos(unittest.TestCase):

    def test_facts(self):
        columns = read_columns(HIPPARCOS)
        self.assertEqual({len(values) for values in columns.values()}, {118214})
        missing = {name: np.count_nonzero(np.isnan(values)) for name, values in columns.items()}
        self.assertEqual(missing, {
            "hip": 0, "ra_deg": 0, "dec_deg": 0, "vmag": 0, "b_v": 1277, "parallax_mas": 0,
            "parallax_error_mas": 515, "pm_ra_mas_yr": 262, "pm_dec_mas_yr": 262, "abs_mag": 5524})
        self.assertEqual(np.count_nonzero(columns["parallax_mas"] <= 0), 812)
        both = np.isfinite(columns["abs_mag"]) & np.isfinite(columns["b_v"])
        self.assertEqual(np.count_nonzero(both), 111794)
        sure = columns["parallax_mas"] > 5 * columns["parallax_error_mas"]
        np.testing.assert_array_equal(sure, np.isfinite(columns["abs_mag"]))
        np.testing.assert_allclose(  # the last bit of NumPy's logarithm depends on the processor
            columns["abs_mag"][sure],
            columns["vmag"][sure] + 5 * np.log10(columns["parallax_mas"][sure]) - 10,
            rtol=0, atol=1e-13)

    def test_a_star(self):
        """Sirius, HIP 32349: the brightest star, of absolute magnitude 1.45."""
        columns = read_columns(HIPPARCOS)
        sirius, = np.flatnonzero(columns["hip"] == 32349)
        self.assertEqual(np.argmin(columns["vmag"]), sirius)
        self.assertAlmostEqual(columns["abs_mag"][sirius], 1.45, delta=0.02)


class PlotTest(ToolTest):

    def setUp(self):
        super().setUp()
        strict = warnings.catch_warnings()
        strict.__enter__()
        self.addCleanup(strict.__exit__, None, None, None)
        warnings.simplefilter("error")  # matplotlib warns of a layout that fails

    def write_result(self, values, labels, features, dataset, units=None):
        """result.h5 with the centers and sizes that the labels say, in the layout of a fit."""
        n_clusters = labels.max() + 1
        centers = np.stack([values[labels == c].mean(axis=0) for c in range(n_clusters)])
        with h5py.File("result.h5", "w") as file:
            file["centers"] = centers
            file["centers"].attrs["features"] = features
            file["centers"].attrs["units"] = units or [""] * len(features)
            file["labels"] = labels.astype("i4")
            file["sizes"] = np.bincount(labels[labels >= 0], minlength=n_clusters)
            file["history/iteration"] = np.arange(1, 5)
            file["history/inertia"] = np.array([40.0, 20.0, 12.0, 11.0])
            file["history/shift"] = np.array([1.0, 0.1, 0.01, 0.0])
            file.create_group("provenance").attrs["dataset"] = np.bytes_(dataset)
            file.attrs.update({"inertia": 11.0, "n_iterations": 4, "converged": 1})

    def write_columns(self, path, values, names):
        with h5py.File(path, "w") as file:
            for name, column in zip(names, values.T):
                file[f"table/columns/{name}/data"] = column

    def plot(self, *arguments):
        """The picture's pixels, and the matplotlib figure behind it."""
        figures = []

        def keep(figure, path):
            figures.append(figure)
            save(figure, path)

        save = PLOT.save
        with mock.patch.object(PLOT, "save", keep):
            self.assertEqual(self.succeed(PLOT, *arguments, "-o", "out.png"), "")
        pixels = imread("out.png")[..., :3]
        self.assertEqual(pixels.shape, (700, 1200, 3))
        return pixels, figures[0]

    def count_colour(self, pixels, colour):
        return np.count_nonzero((np.abs(pixels - np.array(colour)) < 0.01).all(axis=2))


def blobs(n_rows, n_features, n_clusters=4):
    """Rows around the corners of a square; some are in no cluster."""
    random = np.random.default_rng(1)
    labels = random.integers(-1, n_clusters, n_rows)
    corner = np.stack([10 * ((labels >> bit) & 1) for bit in range(n_features)], axis=1)
    return corner + random.normal(size=(n_rows, n_features)), labels


class PlotPictures(PlotTest):

    def check_common(self, pixels, figure, labels):
        *_, sizes, history, shift = figure.axes
        counts = np.bincount(labels[labels >= 0])
        self.assertEqual([bar.get_height() for bar in sizes.patches], list(counts))
        self.assertEqual(list(history.lines[0].get_ydata()), [40, 20, 12, 11])
        np.testing.assert_array_equal(shift.lines[0].get_ydata(), [1, 0.1, 0.01, np.nan])
        self.assertEqual(shift.get_yscale(), "log")
        for colour in PLOT.make_palette(len(counts))[:-1]:
            self.assertGreater(self.count_colour(pixels, colour), 2000)

    def test_one_feature(self):
        values, labels = blobs(3000, 1, 2)
        self.write_columns("in.h5", values, ["speed"])
        self.write_result(values, labels, ["speed"], "/table/columns", ["km / s"])
        pixels, figure = self.plot("result.h5", "in.h5")
        self.check_common(pixels, figure, labels)
        self.assertEqual(figure.axes[0].get_xlabel(), "speed [km / s]")
        self.assertEqual([text.get_text() for text in figure.axes[0].texts], ["0", "1"])

    def test_histogram_counts(self):
        values, labels = blobs(3000, 1, 2)
        panel = PLOT.Histogram(None, PLOT.make_palette(2), np.array([[-100.0, 100.0]]))
        panel.add(values, labels)
        self.assertEqual(list(panel.counts.sum(axis=1)), list(np.bincount(labels[labels >= 0])))

    def test_two_features_with_few_and_many_rows(self):
        for n_rows in (PLOT.MARKER_ROWS, PLOT.MARKER_ROWS + 1):
            with self.subTest(n_rows=n_rows):
                values, labels = blobs(n_rows, 2)
                self.write_columns("in.h5", values, ["b_v", "Abs_Mag"])
                self.write_result(values, labels, ["b_v", "Abs_Mag"], "/table/columns",
                                  ["mag", ""])
                pixels, figure = self.plot("result.h5", "in.h5")
                self.check_common(pixels, figure, labels)
                axes = figure.axes[0]
                self.assertEqual((axes.get_xlabel(), axes.get_ylabel()), ("b_v [mag]", "Abs_Mag"))
                bottom, top = axes.get_ylim()
                self.assertGreater(bottom, top)  # the bright ones are up
                self.assertLess(*axes.get_xlim())
                self.assertEqual([text.get_text() for text in axes.texts], list("0123"))
                self.assertEqual(bool(axes.images), n_rows > PLOT.MARKER_ROWS)

    def test_three_features_of_an_array(self):
        values, labels = blobs(20000, 5)
        with h5py.File("in.h5", "w") as file:
            file["survey/points"] = values.astype("f4")
            file["survey/other"] = np.zeros((3, 3))
        self.write_result(values[:, [4, 0, 1, 2]], labels, ["4", "0", "1", "2"], "/survey/points")
        pixels, figure = self.plot("result.h5", "in.h5")
        self.check_common(pixels, figure, labels)
        self.assertEqual([(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes[:3]],
                         [("column 4", "column 0"), ("column 4", "column 1"),
                          ("column 0", "column 1")])
        self.assertIn("first 3 of 4 features", figure.texts[0].get_text())

    def test_hundreds_of_clusters(self):
        values = np.random.default_rng(2).normal(size=(20000, 2))
        labels = np.arange(20000) % 300
        self.write_columns("in.h5", values, "xy")
        self.write_result(values, labels, ["x", "y"], "/table/columns")
        _, figure = self.plot("result.h5", "in.h5")
        self.assertEqual(len(np.unique(PLOT.make_palette(300), axis=0)), 301)
        self.assertEqual(len(figure.axes[1].patches), 300)

    def test_pieces_and_files_do_not_matter(self):
        values, labels = blobs(20000, 2)
        self.write_columns("in.h5", values, "xy")
        self.write_columns("a.h5", values[:7000], "xy")
        self.write_columns("none.h5", values[:0], "xy")
        self.write_columns("b.h5", values[7000:], "xy")
        self.write_result(values, labels, ["x", "y"], "/table/columns")
        whole, _ = self.plot("result.h5", "in.h5")
        with mock.patch.object(PLOT, "PIECE_ROWS", 999):
            pieces, _ = self.plot("result.h5", "a.h5", "none.h5", "b.h5")
        below_title = slice(40, None)  # which has the name of the file
        self.assertLess(np.abs(whole - pieces)[below_title].max(), 0.01)

    def test_rows_without_cluster_are_grey(self):
        values, labels = blobs(20000, 2, 1)
        values[labels < 0] += [10, 0]
        labels[:400] = 0
        values[:400] = [24, 20]  # so the axes reach beyond the grey
        self.write_columns("in.h5", values, "xy")
        self.write_result(values, labels, ["x", "y"], "/table/columns")
        _, figure = self.plot("result.h5", "in.h5")
        image = np.asarray(figure.axes[0].images[0].get_array())
        right = image[:, int(0.75 * image.shape[1]):]
        painted = right[right.min(axis=2) < 1]
        self.assertGreater(len(painted), 10000)
        self.assertLess(painted.min(), 0.8)
        self.assertLess(np.median(np.ptp(painted, axis=1)), 0.01)

    def test_outliers_do_not_squash(self):
        values, labels = blobs(20000, 2)
        values[0], labels[0] = [1e9, -1e9], 0
        self.write_columns("in.h5", values, "xy")
        self.write_result(values, labels, ["x", "y"], "/table/columns")
        _, figure = self.plot("result.h5", "in.h5")
        self.assertLess(np.ptp(figure.axes[0].get_xlim()), 40)

    def test_odd_catalogues(self):
        """Constant features, missing and masked values, one row, no iterations, any group."""
        values = np.array([[1.0, 5.0], [1.0, 5.0], [np.nan, np.inf], [1.0, -999.0]])
        labels = np.array([0, 0, -1, -1])
        with h5py.File("in.h5", "w") as file:
            file["cat/x"], file["cat/y"] = values.T
        self.write_result(values, labels, ["x", "y"], "/cat")
        with h5py.File("result.h5", "r+") as file:
            for name in ("iteration", "inertia", "shift"):
                del file["history"][name]
                file["history"][name] = np.zeros(0)
        self.plot("result.h5", "in.h5")
        with h5py.File("in.h5", "w") as file:
            file["rows"] = np.array([tuple(row) for row in values],
                                    dtype=[("x", "f4"), ("y", "f8")])
        self.plot("result.h5", "in.h5", "-d", "/rows")

    def test_dataset_choice(self):
        values, labels = blobs(100, 2)
        self.write_result(values, labels, ["x", "y"], "/table/columns")
        with h5py.File("result.h5", "r+") as file:
            del file["provenance"].attrs["dataset"]
        self.write_columns("in.h5", values, "xy")
        with h5py.File("in.h5", "r+") as file:
            file["other"] = values
        self.plot("result.h5", "in.h5")
        with h5py.File("only.h5", "w") as file:
            file["group/x"], file["group/y"] = values.T
            file["truth/labels"] = labels
            file["truth/centers"] = values
        self.plot("result.h5", "only.h5")
        with h5py.File("only.h5", "r+") as file:
            file["more"] = values
        self.refuse(3, r"no single table \(only.h5\): it has /group, /more; choose with -d",
                    PLOT, "result.h5", "only.h5", "-o", "out.png")
        self.plot("result.h5", "only.h5", "-d", "group")

    def test_hipparcos(self):
        columns = read_columns(HIPPARCOS)
        values = np.stack([columns["b_v"], columns["abs_mag"]], axis=1)
        labels = np.where(np.isfinite(values).all(axis=1), (values[:, 0] > 0.8).astype(int), -1)
        self.write_result(values, labels, ["b_v", "abs_mag"], "/table/columns", ["mag", "mag"])
        pixels, figure = self.plot("result.h5", HIPPARCOS)
        self.check_common(pixels, figure, labels)
        self.assertIn("111,794 of 118,214 rows", figure.texts[0].get_text())

    def test_formats(self):
        values, labels = blobs(100, 2)
        self.write_columns("in.h5", values, "xy")
        self.write_result(values, labels, ["x", "y"], "/table/columns")
        for name, magic in (("p.pdf", b"%PDF"), ("p.svg", b"<?xml"), ("P.PNG", b"\x89PNG")):
            self.succeed(PLOT, "result.h5", "in.h5", "-o", name)
            self.assertTrue(self.contents()[f"./{name}"].startswith(magic))
        self.assertEqual(sorted(os.listdir()), ["P.PNG", "in.h5", "p.pdf", "p.svg", "result.h5"])


class PlotErrors(PlotTest):

    def setUp(self):
        super().setUp()
        values, labels = blobs(100, 2)
        self.write_columns("in.h5", values, "xy")
        self.write_result(values, labels, ["x", "y"], "/table/columns")
        write_text("out.png", "precious")

    def check(self, code, pattern, *files):
        self.refuse(code, pattern, PLOT, *(files or ("result.h5", "in.h5")), "-o", "out.png")

    def test_usage(self):
        self.refuse(2, "required", PLOT)
        self.refuse(2, "required", PLOT, "result.h5", "in.h5")
        self.refuse(2, "required", PLOT, "result.h5", "-o", "out.png")
        self.refuse(2, "out.h5 does not end in", PLOT, "result.h5", "in.h5", "-o", "out.h5")

    def test_files(self):
        write_text("text.h5", "text")
        with open("in.h5", "rb") as whole, open("cut.h5", "wb") as cut:
            cut.write(whole.read()[:1500])
        self.check(4, r"\(nothing.h5\): No such file", "nothing.h5", "in.h5")
        self.check(4, r"\(nothing.h5\): No such file", "result.h5", "nothing.h5")
        self.check(3, r"not a readable HDF5 file \(text.h5\)", "result.h5", "text.h5")
        self.check(3, r"not a readable HDF5 file \(cut.h5\)", "result.h5", "cut.h5")
        self.check(3, r"not a result \(in.h5\): it has no /centers", "in.h5", "result.h5")
        self.refuse(4, "no folder nowhere", PLOT, "result.h5", "in.h5", "-o", "nowhere/out.png")
        os.mkdir("folder.png")
        self.refuse(4, "Is a directory", PLOT, "result.h5", "in.h5", "-o", "folder.png")

    def test_catalogue_of_another_fit(self):
        values, _ = blobs(99, 2)
        self.write_columns("short.h5", values, "xy")
        self.check(3, "labels 100 rows, the catalogue has 99", "result.h5", "short.h5")
        self.check(3, "the catalogue has 199", "result.h5", "in.h5", "short.h5")
        self.write_columns("names.h5", np.tile(values, 2), "xz")
        self.check(3, r"no numeric column \(names.h5, /table/columns, y\)",
                   "result.h5", "names.h5")
        with h5py.File("names.h5", "r+") as file:
            file["table/columns/y/data"] = np.full(99, b"text")
        self.check(3, r"no numeric column \(names.h5, /table/columns, y\)",
                   "result.h5", "names.h5")
        with h5py.File("array.h5", "w") as file:
            file["points"] = np.zeros((100, 2))
        self.check(3, r"no such dataset \(array.h5, /table/columns\): it has /points",
                   "result.h5", "array.h5")
        self.check(3, r"no numeric column \(array.h5, /points, x\)",
                   "result.h5", "array.h5", "-d", "points")

    def test_ragged_table(self):
        with h5py.File("in.h5", "r+") as file:
            del file["table/columns/y"]
            file["table/columns/y/data"] = np.zeros(50)
        self.check(3, r"not a table \(in.h5, /table/columns\)")

    def test_damaged_results(self):
        with h5py.File("result.h5", "r+") as file:
            file["labels"][7] = 4
        self.check(3, r"bad label \(/labels\)")
        with h5py.File("result.h5", "r+") as file:
            file["labels"][:] = -1
        self.check(3, r"nothing to draw \(/labels\)")
        with h5py.File("result.h5", "r+") as file:
            del file["history/shift"]
        self.check(3, "it has no /history/shift")
        with h5py.File("result.h5", "r+") as file:
            file["history/shift"] = np.zeros(2)
        self.check(3, r"not a result \(result.h5, /history\)")
        with h5py.File("result.h5", "r+") as file:
            file["centers"].attrs["features"] = ["x"]
        self.check(3, r"not a result \(result.h5, /centers\)")


class Palette(unittest.TestCase):

    def test_colours_are_distinct_and_dark_enough(self):
        for n_clusters in (1, 9, 10, 40, 500):
            palette = PLOT.make_palette(n_clusters)
            self.assertEqual(palette.shape, (n_clusters + 1, 3))
            self.assertEqual(len(np.unique(palette, axis=0)), n_clusters + 1)
            self.assertEqual(tuple(palette[-1]), PLOT.GREY)
            self.assertLess((palette[:-1] @ [0.30, 0.59, 0.11]).max(), 0.7)
            self.assertTrue(np.all((palette >= 0) & (palette < to_rgb("white"))))


if __name__ == "__main__":
    unittest.main()
