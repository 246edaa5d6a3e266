"""Tests of what tools have in common, and of the star catalogue: `make check TEST=tools`."""
import contextlib
import importlib
import io
import os
import subprocess
import sys
import time
import unittest
import warnings
from unittest import mock

import h5py
import numpy as np
from astropy.table import MaskedColumn, Table

from tool import HIPPARCOS, ROOT, ToolTest, read_columns

import catalogue
import command
import finder
from conventions import PLAIN

TOOLS = ("import", "plot", "export", "scaling")


class StartingTools(ToolTest):

    def test_missing_module(self):
        """Without its site folder, Python has none of the modules. Of two Pythons the second gives
        up."""
        for tool in TOOLS:
            done = subprocess.run([sys.executable, "-S", os.path.join(ROOT, "tools", f"{tool}.py")],
                                  env={**os.environ, "SKYMEANS_SECOND_PYTHON": "1"},
                                  capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (4, ""))
            self.assertRegex(done.stderr, rf"^{tool}.py: error: Python module missing "
                             r"\((h5py|matplotlib)\): .*; install python3-\1.*/usr/bin/python3\n$")

    def test_another_python(self):
        """One without modules finds the one that make uses."""
        for tool in TOOLS:
            done = subprocess.run([sys.executable, "-S", os.path.join(ROOT, "tools", f"{tool}.py"),
                                   "--help"], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn(f"usage: {tool}.py", done.stdout)

    def test_help(self):
        for tool in TOOLS:
            path = os.path.join(ROOT, "tools", f"{tool}.py")
            self.assertTrue(os.access(path, os.X_OK))
            done = subprocess.run([sys.executable, path, "--help"], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn(f"usage: {tool}.py", done.stdout)


class LayoutTest(ToolTest):
    """Values of columns as the program places them, read by the tools."""

    def columns(self, path, table=None, items=(), treatment=PLAIN):
        file = h5py.File(path, "r")
        self.addCleanup(file.close)
        return [catalogue.StoredColumn(file, found, treatment) for found in
                catalogue.choose_columns(path, table, list(items))]

    def values(self, path, table, item, treatment=PLAIN):
        """All values, NaN where one is missing, read in two pieces."""
        column, = self.columns(path, table, [item], treatment)
        pieces = [column.read_floats(rows) for rows in catalogue.slices(column.n_rows, 2)]
        return np.concatenate(pieces)

    def check(self, path, table, item, values, treatment=PLAIN):
        np.testing.assert_array_equal(self.values(path, table, item, treatment), values, item)

    def refused(self, pattern, *asked):
        with self.assertRaisesRegex(command.Failure, pattern):
            self.columns(*asked)

    def need(self, module):
        try:
            return importlib.import_module(module)
        except ImportError:
            self.skipTest(f"no Python module {module}")


class Layouts(LayoutTest):

    def test_groups_and_arrays(self):
        with h5py.File("in.h5", "w") as file:
            file["points"] = np.arange(6).reshape(3, 2)
            file["deep/er/x"], file["deep/er/y"] = np.arange(4.0), np.ones(4)
            file["deep/er/v"] = np.arange(8).reshape(4, 2)
            file["deep/er/row"] = np.arange(4).reshape(1, 4)
            file["deep/er/flag"] = np.array([True, False, True, True])
        self.check("in.h5", "deep/er", "v[1]", [1, 3, 5, 7])
        self.check("in.h5", "deep/er", "row", [0, 1, 2, 3])
        self.check("in.h5", "deep/er", "flag", [1, 0, 1, 1])
        self.check("in.h5", "points", "1", [1, 3, 5])
        self.assertEqual([column.name for column in self.columns("in.h5", "deep/er", ["x", "v"])],
                         ["x", "v[0]", "v[1]"])
        for name in ("2", "-1", "x"):
            self.refused("no such column", "in.h5", "points", [name])

    def test_other_groups_and_files(self):
        with h5py.File("other.h5", "w") as file:
            file["t/mag"] = np.arange(3.0)
        with h5py.File("in.h5", "w") as file:
            file["t/z"], file["mags/g"] = np.ones(3), np.arange(3)
            file["mags/r"] = h5py.SoftLink("/mags/g")
        self.check("in.h5", "t", "/mags/g", [0, 1, 2])
        file = h5py.File("in.h5", "r")
        self.addCleanup(file.close)
        other = h5py.File("other.h5", "r")
        self.addCleanup(other.close)
        found, = catalogue.choose_columns("in.h5", "t", ["other.h5:/t/mag"])
        column = catalogue.StoredColumn(file, found, PLAIN, lambda path: other)
        self.assertEqual(column.read(slice(0, 3)).tolist(), [0, 1, 2])

    def test_vaex(self):
        with h5py.File("in.h5", "w") as file:
            columns = file.create_group("table/columns")
            for name in ("x", "masked", "arrow", "b-v"):
                columns[f"{name}/data"] = np.arange(5, dtype=">i2")
            columns["x/data"].attrs["unit"] = "mag"
            columns["masked/mask"] = np.array([0, 1, 0, 2, 0], "u1")
            columns["arrow/null_bitmap"] = np.array([0b11110], "u1")
            columns["flux/data"] = np.arange(10.0).reshape(5, 2)
            columns["flux/mask"] = np.array([0, 0, 1, 0, 0], "u1")
            columns["name/data"] = np.frombuffer(b"abbccc", "u1")
            columns["name/indices"] = np.array([0, 1, 3, 3, 6, 6])
        nan = np.nan
        self.check("in.h5", None, "masked", [0, nan, 2, nan, 4])
        self.check("in.h5", None, "arrow", [nan, 1, 2, 3, 4])
        self.check("in.h5", None, "{b-v}", range(5))
        self.check("in.h5", None, "flux[1]", [1, 3, nan, 7, 9])
        self.check("in.h5", None, "{flux[1]}", [1, 3, nan, 7, 9])
        x, name = self.columns("in.h5", None, ["x", "name"])
        self.assertEqual(x.unit, "mag")
        self.assertEqual([list(name.read(rows)) for rows in catalogue.slices(5, 2)],
                         [[b"a", b"bb"], [b"", b"ccc"], [b""]])

    def test_astropy(self):
        table = Table({"x": np.arange(3.0), "flux": np.arange(6.0).reshape(3, 2),
                       "x.mask": [0.5] * 3, "a,b[0]": [7, 8, 9], "s": ["a", "bb", ""]},
                      units={"x": "km / s"})
        table["n"] = MaskedColumn([1, 2, 3], mask=[1, 0, 0])
        table["flux"] = MaskedColumn(table["flux"], mask=[[0, 0], [0, 1], [0, 0]])
        table.write("in.h5", path="cat/stars", serialize_meta=True)
        self.check("in.h5", None, "n", [np.nan, 2, 3])
        self.check("in.h5", None, "x.mask", [0.5] * 3)  # no truths: a column that is called so
        self.check("in.h5", None, "flux[1]", [1, np.nan, 5])
        self.check("in.h5", None, "{flux}[0]", [0, 2, 4])
        self.check("in.h5", None, "{a,b[0]}", [7, 8, 9])
        s, = self.columns("in.h5", "cat/stars", ["s"])
        self.assertEqual(s.read(slice(0, 3)).tolist(), [b"a", b"bb", b""])
        x, = self.columns("in.h5", "cat/stars", ["x"])
        self.assertEqual(x.unit, "km / s")
        self.refused("no such column", "in.h5", None, ["flux[2]"])

    def test_frames(self):
        """As pandas writes them, here without it."""
        with h5py.File("in.h5", "w") as file:
            fixed = file.create_group("fixed")
            fixed.attrs["pandas_type"] = np.bytes_("frame")
            fixed["axis0"], fixed["axis1"] = np.array([b"x", b"n", b"y"]), np.arange(2)
            fixed["block0_items"], fixed["block1_items"] = np.array([b"x", b"y"]), np.array([b"n"])
            fixed["block0_values"], fixed["block1_values"] = [[1.5, 2], [3, 4]], [[7], [8]]
            file["nested"] = np.array([((1, 2.5),)], dtype=[("p", [("a", "i4"), ("b", "f8")])])
        self.check("in.h5", "fixed", "x", [1.5, 3])
        self.check("in.h5", "fixed", "y", [2, 4])
        self.check("in.h5", "fixed", "n", [7, 8])
        self.check("in.h5", "nested", "p/b", [2.5])

    def test_pandas(self):
        pandas = self.need("pandas")
        self.need("tables")
        frame = pandas.DataFrame({"x": [0.5, np.nan, 2], "n": [1, 2, 3], "b-v": [7.0, 8, 9]})
        warnings.simplefilter("ignore")  # PyTables, of the name b-v
        for path, options in (("block.h5", {"format": "table"}),
                              ("columns.h5", {"format": "table", "data_columns": True}),
                              ("fixed.h5", {"format": "fixed"})):
            with self.subTest(path=path):
                frame.to_hdf(path, "stars", **options)
                self.check(path, "stars", "x", [0.5, np.nan, 2])
                self.check(path, None, "n", [1, 2, 3])
                self.check(path, None, "{b-v}", [7, 8, 9])

    def test_pytables(self):
        tables = self.need("tables")
        rows = np.array([(1, 2.5, [1, 2]), (3, 4.5, [3, 4])],
                        dtype=[("id", "i8"), ("x", "f4"), ("v", "f8", (2,))])
        with tables.open_file("in.h5", "w") as file:
            file.create_table("/survey", "stars", rows, createparents=True).cols.x.create_index()
        self.check("in.h5", None, "x", [2.5, 4.5])
        self.check("in.h5", None, "v[1]", [2, 4])

    def test_types(self):
        """Each is read as the program reads it; odd ones through HDF5's own conversion."""
        odd = h5py.h5t.STD_I32LE.copy()
        odd.set_precision(24)
        bits = h5py.h5t.STD_B8LE.copy()
        with h5py.File("in.h5", "w") as file:
            for name, kind in (("odd", odd), ("bits", bits)):
                space = h5py.h5s.create_simple((3,))
                made = h5py.h5d.create(file.id, name.encode(), kind, space)
                room = np.array([5, 6, 7], "i4" if name == "odd" else "u1")
                made.write(space, space, room, h5py.h5t.NATIVE_INT32 if name == "odd" else bits)
            file["half"], file["big"] = np.array([0.5, 1, 2], "f2"), np.array([1, 2, 3], ">u8")
            file["long"] = np.array([0.25, 1, 2], "g")
        for name, values in (("odd", [5, 6, 7]), ("bits", [5, 6, 7]), ("half", [0.5, 1, 2]),
                             ("big", [1, 2, 3]), ("long", [0.25, 1, 2])):
            self.check("in.h5", "/", name, values)

    def test_conventions(self):
        """Missing codes, valid range, unsigned and packed numbers, as docs/conventions.md has them."""
        with h5py.File("in.h5", "w") as file:
            for name, stored, declared in (
                    ("fill", np.array([-999, 1, 2], "i2"), {"_FillValue": np.int16(-999)}),
                    ("range", np.array([-1, 5, 11], "f4"), {"valid_range": np.array([0.0, 10])}),
                    ("bytes", np.array([-1, 5, -2], "i1"), {"_Unsigned": b"true",
                                                            "_FillValue": np.int8(-1)}),
                    ("packed", np.array([-999, 0, 100], "i2"), {
                        "_FillValue": np.int16(-999), "scale_factor": 0.01, "add_offset": 10.0})):
                file[name] = stored
                file[name].attrs.update({key: np.bytes_(value) if isinstance(value, bytes) else value
                                         for key, value in declared.items()})
            file.create_dataset("own", data=np.array([7, 8, 9]), fillvalue=8)
        nan, raw = np.nan, PLAIN._replace(is_raw=True)
        self.check("in.h5", "/", "fill", [nan, 1, 2])
        self.check("in.h5", "/", "range", [nan, 5, nan])
        self.check("in.h5", "/", "bytes", [nan, 5, 254])
        self.check("in.h5", "/", "packed", [nan, 10, 11])
        self.check("in.h5", "/", "packed", [-999, 0, 100], raw)
        self.check("in.h5", "/", "bytes", [-1, 5, -2], raw)
        self.check("in.h5", "/", "own", [7, 8, 9])
        self.check("in.h5", "/", "own", [7, nan, 9], PLAIN._replace(fill_is_missing=True))
        self.check("in.h5", "/", "own", [7, 8, nan], PLAIN._replace(missing=(9.0,)))


class OddFiles(LayoutTest):
    """What is odd elsewhere in a file does no harm."""

    def test_odd_types_and_names_elsewhere(self):
        """No tool looks at what it need not read."""
        with h5py.File("in.h5", "w") as file:
            file["t/x"] = np.arange(3.0)
            file[b"t/\xff\xfe"] = np.arange(3) + 5
            file[b"t/caf\xe9"] = np.array([b"a", b"b", b"c"])
            space = h5py.h5s.create_simple((3,))
            for name, kind in ((b"t/time", h5py.h5t.UNIX_D32LE), (b"t/blob", h5py.h5t.create(
                    h5py.h5t.OPAQUE, 7)), (b"t/ref", h5py.h5t.STD_REF_OBJ)):
                h5py.h5d.create(file.id, name, kind, space)
            compound = h5py.h5t.create(h5py.h5t.COMPOUND, 12)
            compound.insert(b"when", 0, h5py.h5t.UNIX_D32LE)
            compound.insert(b"y", 4, h5py.h5t.IEEE_F64LE)
            rows = h5py.h5d.create(file.id, b"odd", compound, space)
            only = h5py.h5t.create(h5py.h5t.COMPOUND, 8)
            only.insert(b"y", 0, h5py.h5t.IEEE_F64LE)
            rows.write(space, space, np.array([1.5, 2.5, 3.5]).view(np.uint8), only)
        self.check("in.h5", "t", "x", [0, 1, 2])
        self.check("in.h5", "t", "\udcff\udcfe", [5, 6, 7])
        self.check("in.h5", "odd", "y", [1.5, 2.5, 3.5])

    def test_many_columns(self):
        """20,000 of them are listed and read in bounded time."""
        with h5py.File("in.h5", "w", libver="latest") as file:
            group = file.create_group("t")
            for i in range(20000):
                group[f"c{i}"] = np.full(2, i)
        start = time.monotonic()
        self.check("in.h5", "t", "c12345", [12345, 12345])
        self.assertEqual(len(self.columns("in.h5", "t", [f"c{i}" for i in range(300)])), 300)
        self.assertLess(time.monotonic() - start, 60)


class Program(ToolTest):
    """Which program answers."""

    def setUp(self):
        super().setUp()
        with h5py.File("in.h5", "w") as file:
            file["points"] = np.ones((3, 2))

    def ask(self, program):
        finder.ask.cache_clear()
        with mock.patch.dict(os.environ, {"SKYMEANS": program}):
            return finder.look("in.h5")

    def script(self, text, name="program"):
        with open(name, "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\n{text}\n")
        os.chmod(name, 0o755)
        return os.path.abspath(name)

    def test_asked_once(self):
        program = self.script("echo 1 >>asked; echo '{}'")
        with mock.patch.dict(os.environ, {"SKYMEANS": program}):
            finder.ask.cache_clear()
            self.assertEqual([finder.look("in.h5") for _ in range(3)], [{}] * 3)
            os.utime("in.h5", (1, 1))
            finder.look("in.h5")
        with open("asked", encoding="ascii") as file:
            self.assertEqual(file.read(), "1\n1\n")
        finder.ask.cache_clear()

    def test_none(self):
        for program, pattern in (
                ("/nowhere/skymeans", r"no program skymeans \(/nowhere/skymeans\): .*; build it"),
                (self.script("echo hello"), r"answer is no JSON \(in.h5\): "),
                (self.script("exit 9", "other"), r"program failed \(skymeans, exit code 9\): it said")):
            with self.assertRaisesRegex(command.Failure, pattern) as caught:
                self.ask(program)
            self.assertEqual(caught.exception.code, 4)

    def test_start_that_fails(self):
        """As that of MPI does beside another run; the next one is right."""
        program = self.script("test -e tried && { echo '{}'; exit; }; touch tried; exit 1")
        self.assertEqual(self.ask(program), {})

    def test_own_words(self):
        program = self.script("echo noise >&2; echo 'skymeans: error: bad (x): y; z' >&2; exit 3")
        with self.assertRaisesRegex(command.Failure, r"^bad \(x\): y; z$") as caught:
            self.ask(program)
        self.assertEqual(caught.exception.code, 3)

    def test_path(self):
        program = self.script("echo '{}'")
        os.rename("program", "skymeans")
        with mock.patch.dict(os.environ, {"PATH": os.getcwd()}), \
                mock.patch.object(finder, "TOOLS", "/nowhere/tools"):
            os.environ.pop("SKYMEANS", None)
            self.assertEqual(finder.find_program(), program.replace("program", "skymeans"))


class Words(unittest.TestCase):

    def test_clean(self):
        for text, cleaned in (("a\nb", "a?b"), ("\x1b[31m", "?[31m"), ("\x9b2J", "?2J"),
                              ("\u202eabc\u2069", "?abc?"), ("caf\udce9", "caf?"),
                              ("naïve µJy", "naïve µJy"), ("\u2028", "?"), ("\x7f", "?")):
            self.assertEqual(command.clean(text), cleaned)


class ProgressLine(unittest.TestCase):

    def show(self, is_terminal, wait):
        err = io.StringIO()
        err.isatty = lambda: is_terminal
        with contextlib.redirect_stderr(err), mock.patch.object(sys, "argv", ["tool.py"]), \
                mock.patch.multiple(command, QUIET_SECONDS=wait, LOG_SECONDS=wait,
                                    TERMINAL_SECONDS=0):
            progress = command.Progress("reading x")
            progress.show(0.25)
            progress.show(1.01)
            progress.end()
        return err.getvalue()

    def test_line(self):
        self.assertEqual(self.show(True, 0), "\rtool.py: reading x: 25 %\x1b[K"
                         "\rtool.py: reading x: 100 %\x1b[K\r\x1b[K")
        self.assertEqual(self.show(False, 0),
                         "tool.py: reading x: 25 %\ntool.py: reading x: 100 %\n")
        self.assertEqual(self.show(True, 100), "")


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


if __name__ == "__main__":
    unittest.main()
