#!/usr/bin/env python3
"""Tests of what tools have in common, and of the star catalogue: tests/test_tools.py."""
import contextlib
import importlib
import io
import os
import pickle
import subprocess
import sys
import unittest
import warnings
from unittest import mock

import h5py
import numpy as np
from astropy.table import MaskedColumn, Table

from tool import HIPPARCOS, ROOT, ToolTest, load_tool, read_columns

catalogue, command = load_tool("catalogue"), load_tool("command")

TOOLS = ("import", "plot", "export")


class StartingTools(ToolTest):

    def test_missing_module(self):
        """Without its site folder, Python has none of the modules."""
        for tool in TOOLS:
            done = subprocess.run([sys.executable, "-S", os.path.join(ROOT, "tools", f"{tool}.py")],
                                  capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (4, ""))
            self.assertRegex(done.stderr, rf"^{tool}.py: error: Python module missing \(h5py\): "
                             ".*; install python3-h5py.*/usr/bin/python3\n$")

    def test_help(self):
        for tool in TOOLS:
            path = os.path.join(ROOT, "tools", f"{tool}.py")
            self.assertTrue(os.access(path, os.X_OK))
            done = subprocess.run([sys.executable, path, "--help"], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn(f"usage: {tool}.py", done.stdout)


class Layouts(ToolTest):
    """Tables and columns that tools find in a file."""

    def open(self, path="in.h5"):
        file = h5py.File(path, "r")
        self.addCleanup(file.close)
        return file

    def find(self, path="in.h5"):
        return catalogue.find_tables(self.open(path))

    def values(self, table, name):
        """All values, NaN where one is missing, read in two pieces."""
        column = catalogue.find_column(table, name)
        pieces = [column.read_floats(rows) for rows in catalogue.slices(table.n_rows, 2)]
        return np.concatenate(pieces)

    def check(self, table, name, values):
        np.testing.assert_array_equal(self.values(table, name), values, name)

    def test_groups_arrays_and_what_is_none(self):
        with h5py.File("in.h5", "w") as file:
            file["points"] = np.arange(6).reshape(3, 2)
            file["deep/er/x"], file["deep/er/y"] = np.arange(4.0), np.ones(4)
            file["deep/er/name"] = np.array(["a"] * 5, dtype=object)  # texts do not decide
            file["ragged/x"], file["ragged/y"] = np.ones(3), np.ones(4)
            file["truth/labels"], file["truth/centers"] = np.ones(3), np.ones((3, 2))
            file["words"] = np.array(["a", "b"], dtype=object)
            file["deep/er/v"] = np.arange(8).reshape(4, 2)
            file["cube"], file["scalar"], file["empty"] = np.ones((2, 2, 2)), 1.0, np.ones((3, 0))
            file["deep/loop"] = file["deep"]
            file["broken"] = h5py.SoftLink("/nowhere")
            file["deep/other"] = h5py.ExternalLink("no.h5", "/x")
        tables = self.find()
        self.assertEqual(list(tables), ["/deep/er", "/deep/er/v", "/points"])
        self.assertEqual(list(tables["/deep/er"].columns), ["v", "x", "y"])
        self.check(tables["/deep/er"], "v[1]", [1, 3, 5, 7])
        self.assertEqual(tables["/points"].n_rows, 3)
        self.check(tables["/points"], "1", [1, 3, 5])
        for name in ("2", "-1", "x"):
            self.assertIsNone(catalogue.find_column(tables["/points"], name))

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
        table = self.find()["/table/columns"]
        self.check(table, "masked", [0, np.nan, 2, np.nan, 4])
        self.check(table, "arrow", [np.nan, 1, 2, 3, 4])
        self.check(table, "{b-v}", range(5))
        self.check(table, "flux[1]", [1, 3, np.nan, 7, 9])
        self.check(table, "{flux[1]}", [1, 3, np.nan, 7, 9])
        self.assertEqual(catalogue.find_column(table, "x").unit, "mag")
        names = catalogue.find_column(table, "name")
        self.assertEqual([list(names.read(rows)) for rows in catalogue.slices(5, 2)],
                         [[b"a", b"bb"], [b"", b"ccc"], [b""]])

    def test_astropy(self):
        table = Table({"x": np.arange(3.0), "flux": np.arange(6.0).reshape(3, 2),
                       "x.mask": [0.5] * 3, "a,b[0]": [7, 8, 9], "single": [[1], [2], [3]]}, units={"x": "km / s"})
        table["n"] = MaskedColumn([1, 2, 3], mask=[1, 0, 0])
        table["flux"] = MaskedColumn(table["flux"], mask=[[0, 0], [0, 1], [0, 0]])
        table.write("in.h5", path="cat/stars", serialize_meta=True)
        tables = self.find()
        self.assertEqual(list(tables), ["/cat/stars"])  # and not its .__table_column_meta__
        stars = tables["/cat/stars"]
        self.assertEqual(list(stars.columns), ["x", "flux", "x.mask", "a,b[0]", "single", "n"])
        self.assertEqual(stars.columns["x"].unit, "km / s")
        self.check(stars, "n", [np.nan, 2, 3])
        self.check(stars, "x.mask", [0.5] * 3)  # no truths: a column that is called so
        self.check(stars, "single", [1, 2, 3])
        self.check(stars, "flux[1]", [1, np.nan, 5])
        self.check(stars, "{flux}[0]", [0, 2, 4])
        self.check(stars, "{a,b[0]}", [7, 8, 9])
        self.assertIsNone(catalogue.find_column(stars, "flux[2]"))
        self.assertIsNone(catalogue.find_column(stars, "x[0]"))

    def test_frames(self):
        """As pandas writes them, here without it."""
        with h5py.File("in.h5", "w") as file:
            fixed = file.create_group("fixed")
            fixed.attrs["pandas_type"] = np.bytes_("frame")
            fixed["axis0"], fixed["axis1"] = np.array([b"x", b"n", b"y"]), np.arange(2)
            fixed["block0_items"], fixed["block1_items"] = np.array([b"x", b"y"]), np.array([b"n"])
            fixed["block0_values"], fixed["block1_values"] = [[1.5, 2], [3, 4]], [[7], [8]]
            file["table"] = np.array([(0, [1.5, 2], [7]), (1, [3, 4], [8])], dtype=[
                ("index", "i8"), ("values_block_0", "f8", (2,)), ("values_block_1", "i8", (1,))])
            for block, names in enumerate((["x", "y"], ["n"])):
                pickled = np.bytes_(pickle.dumps(names, 0))
                file["table"].attrs[f"values_block_{block}_kind"] = pickled
            file["nested"] = np.array([((1, 2.5),)], dtype=[("p", [("a", "i4"), ("b", "f8")])])
        tables = self.find()
        self.assertEqual(list(tables), ["/fixed", "/nested", "/table"])
        for name in ("/fixed", "/table"):
            self.check(tables[name], "x", [1.5, 3])
            self.check(tables[name], "y", [2, 4])
            self.check(tables[name], "n", [7, 8])
        self.check(tables["/nested"], "p/b", [2.5])

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
                (name, table), = self.find(path).items()
                self.assertEqual(name, "/stars" if path == "fixed.h5" else "/stars/table")
                self.check(table, "x", [0.5, np.nan, 2])
                self.check(table, "n", [1, 2, 3])
                self.check(table, "{b-v}", [7, 8, 9])
                self.assertEqual(catalogue.choose_table(path, self.open(path), "stars", None).path,
                                 name)

    def test_pickled_names_run_nothing(self):
        harmful = pickle.dumps([os.getcwd], 0)
        self.assertEqual(catalogue.pickled_names(harmful), [])
        self.assertEqual(catalogue.pickled_names(pickle.dumps(["x", "é", 3], 0)), ["x", "é", "3"])

    def test_pytables(self):
        tables = self.need("tables")
        rows = np.array([(1, 2.5, [1, 2]), (3, 4.5, [3, 4])],
                        dtype=[("id", "i8"), ("x", "f4"), ("v", "f8", (2,))])
        with tables.open_file("in.h5", "w") as file:
            file.create_table("/survey", "stars", rows, createparents=True).cols.x.create_index()
        (name, table), = self.find().items()  # and not the index
        self.assertEqual(name, "/survey/stars")
        self.check(table, "x", [2.5, 4.5])
        self.check(table, "v[1]", [2, 4])

    def need(self, module):
        try:
            return importlib.import_module(module)
        except ImportError:
            self.skipTest(f"no Python module {module}")


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
