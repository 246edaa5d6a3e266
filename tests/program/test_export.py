"""Tests of tools/export.py: `make check TEST=export`."""
import os
import subprocess
import sys
import unittest
import warnings
from unittest import mock

import h5py
import numpy as np
from astropy.io import fits
from astropy.io.fits.verify import VerifyWarning
from astropy.table import MaskedColumn, Table, join

from tool import HIPPARCOS, ROOT, ToolTest, load_tool, read_columns, write_text

EXPORT = load_tool("export")
READ_OPTIONS = {"fits": {"character_as_bytes": False}, "vot": {"use_names_over_ids": True},
                "xml": {"use_names_over_ids": True}}
ENDINGS = ("fits", "vot", "xml", "ecsv", "csv")
LABELS = np.array([2, 0, -1, 1, 0], dtype="i4")
X = np.array([0.1, -2.5, np.nan, 1e300, -np.inf])


def write_result(path="result.h5", labels=LABELS, files=None, features=("x", "y"), dataset=None,
                 **others):
    """A result with the objects that an export looks at; `files` are pairs of name and rows."""
    with h5py.File(path, "w") as file:
        file["labels"] = labels
        if features:
            file["centers"] = np.zeros((3, len(features)))
            file["centers"].attrs["features"] = list(features)
        if files:
            file["files/name"] = [name for name, _ in files]
            file["files/rows"] = [rows for _, rows in files]
        if dataset:
            file.create_group("provenance").attrs["dataset"] = np.bytes_(dataset)
        for name, values in others.items():
            file[name] = values


def write_columns(path, units=None, **columns):
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            data = file.create_dataset(f"table/columns/{name}/data", data=values)
            if units and name in units:
                data.attrs["units"] = units[name]


def filled(column):
    """Numbers with NaN for what is missing, or texts."""
    if column.dtype.kind in "OSU":
        return [str(value) for value in np.ma.filled(column, "")]
    numbers = column.astype(np.float64) if column.dtype.kind in "iub" else column
    return np.ma.filled(np.ma.array(numbers), np.nan)


class ExportTest(ToolTest):

    def setUp(self):
        super().setUp()
        strict = warnings.catch_warnings()
        strict.__enter__()
        self.addCleanup(strict.__exit__, None, None, None)
        warnings.simplefilter("error")  # astropy's, of files that are not quite right
        warnings.simplefilter("ignore", VerifyWarning)  # of names with other than letters

    def export(self, *arguments, endings=ENDINGS, said=""):
        """The tables out of each format."""
        tables = []
        for ending in endings:
            name = f"out.{ending}"
            with self.subTest(ending=ending):
                self.assertRegex(self.succeed(EXPORT, *arguments, "-o", name, "--overwrite"),
                                 f"^{said}$")
                tables.append(Table.read(name, **READ_OPTIONS.get(ending, {})))
        return tables

    def check(self, table, **columns):
        self.assertEqual(table.colnames, list(columns))
        for name, values in columns.items():
            type_there = "f4" if table[name].dtype.str[1:] == "f4" else None
            np.testing.assert_array_equal(filled(table[name]), np.array(values, type_there), name)


class ExportFormats(ExportTest):

    def test_row_numbers_and_features(self):
        write_result(distances=np.array([0.5, 1, np.nan, 0, 2]))
        write_columns("in.h5", x=X, y=np.array([0, 0.1, 0.2, 0.3, 0.4], "f4"), z=np.arange(5))
        for table in self.export("result.h5", "in.h5"):
            self.check(table, row=range(5), x=X, y=[0, 0.1, 0.2, 0.3, 0.4], label=LABELS,
                       distance=[0.5, 1, np.nan, 0, 2])
        self.assertEqual(self.last_line, "5 rows, 5 columns: out.csv\n")

    def test_labels_only(self):
        write_result()
        for table in self.export("result.h5"):
            self.check(table, row=range(5), label=LABELS)

    def test_ids(self):
        texts = ["a", "", "Gaia DR3 1", "b,\"c\" <&>", "last"]
        numbers = np.array([2 ** 53 + 1, -5, 0, 7, 2 ** 62 + 1])
        for ids in (np.array(texts, dtype="S12"), np.array(texts, dtype=object)):
            write_result(ids=ids)
            for table in self.export("result.h5"):
                self.check(table, id=texts, label=LABELS)
        for ids in (numbers, numbers.astype(">i8"), np.abs(numbers).astype("u8")):
            write_result(ids=ids)
            for table in self.export("result.h5"):
                self.assertEqual(table["id"].tolist(), ids.tolist())

    def test_types(self):
        """What a format has not is stored as the next that it has, without loss."""
        values = {"i1": [-128, 127], "u1": [0, 255], "i2": [-2 ** 15, 2 ** 15 - 1],
                  "u2": [0, 2 ** 16 - 1], "i4": [-2 ** 31, 2 ** 31 - 1], "u4": [0, 2 ** 32 - 1],
                  "i8": [-2 ** 63, 2 ** 63 - 1], "f2": [0.5, np.nan], "f4": [0.1, np.nan],
                  "f8": [0.1, np.inf], "b": [True, False], "S": [b"x", b""]}
        columns = {name: np.array(cells, name) for name, cells in values.items()}
        write_result(labels=LABELS[:2])
        write_columns("in.h5", **columns)
        for table in self.export("result.h5", "in.h5", "-c", ",".join(values)):
            for name in columns:
                if columns[name].dtype.kind in "iu":
                    self.assertEqual(table[name].tolist(), values[name], name)
                elif name == "f4":
                    np.testing.assert_array_equal(filled(table[name]).astype("f4"), columns[name])
                elif name == "S":
                    self.assertEqual(filled(table[name]), ["x", ""])
                elif name == "b":
                    self.assertEqual([str(value) for value in table[name]], ["True", "False"])
                else:
                    np.testing.assert_array_equal(filled(table[name]), columns[name], name)

    def test_large_unsigned_ids(self):
        write_result(labels=LABELS[:2], ids=np.array([2 ** 64 - 1, 2 ** 63], dtype="u8"))
        for table in self.export("result.h5", endings=("fits", "ecsv")):
            self.assertEqual([int(value) for value in table["id"]], [2 ** 64 - 1, 2 ** 63])
        self.refuse(3, r"number too large \(id\)", EXPORT, "result.h5", "-o", "new.vot")

    def test_units(self):
        write_result(features=("d", "v", "odd"), labels=LABELS[:1])
        units = {"d": "kpc", "v": "km / s", "odd": "bananas"}
        write_columns("in.h5", units, d=[1.5], v=[2.5], odd=[3.5])
        warnings.simplefilter("ignore")  # of bananas
        for table in self.export("result.h5", "in.h5", endings=("fits", "vot", "ecsv")):
            self.assertEqual({name: str(table[name].unit) for name in units}, units)
            self.assertIsNone(table["label"].unit)

    def test_masked_and_array_columns(self):
        """An astropy table: integers that can be missing stay integers, arrays become columns."""
        table = Table({"flux": np.arange(10.0).reshape(5, 2), "b-v": np.arange(5.0)},
                      units={"flux": "Jy"})
        table["n"] = MaskedColumn([5, 6, 7, 8, 9], mask=[0, 1, 0, 0, 0])
        table["u"] = MaskedColumn(np.array([5, 6, 7, 8, 255], "u1"), mask=[0, 1, 0, 0, 0])
        table["s"] = MaskedColumn(["a", "b", "c", "d", "e"], mask=[0, 1, 0, 0, 0])
        table["flux"] = MaskedColumn(table["flux"], mask=np.arange(10).reshape(5, 2) == 3)
        table.write("in.h5", path="stars", serialize_meta=True)
        write_result(features=("flux[1]", "b-v"))
        for exported in self.export("result.h5", "in.h5", "-c", "n,u,{b-v},flux,s"):
            self.check(exported, row=range(5), n=[5, np.nan, 7, 8, 9], u=[5, np.nan, 7, 8, 255],
                       **{"b-v": range(5), "flux[0]": [0, 2, 4, 6, 8],
                          "flux[1]": [1, np.nan, 5, 7, 9]},
                       s=["a", "", "c", "d", "e"], label=LABELS)
            self.assertEqual(exported["n"].dtype.kind, "i")
        for exported in self.export("result.h5", "in.h5", endings=("fits",)):
            self.assertEqual(exported.colnames, ["row", "flux[1]", "b-v", "label"])
            self.assertEqual(exported["flux[1]"].unit, "Jy")

    def test_the_lowest_numbers_of_masked_columns(self):
        """They are no nulls; the type becomes wider, and where there is no wider one, FITS and VOTable
        have no place for them."""
        table = Table({"x": np.arange(5.0)})
        for code in "i2", "i4", "i8":
            lowest = np.iinfo(code).min
            table[code] = MaskedColumn(np.array([lowest, 6, 7, 8, 9], code), mask=[0, 1, 0, 0, 0])
        table.write("in.h5", path="stars", serialize_meta=True)
        write_result(features=("x",))
        for exported in self.export("result.h5", "in.h5", "-c", "i2,i4", endings=("fits", "vot", "ecsv")):
            self.check(exported, row=range(5), i2=[-2 ** 15, np.nan, 7, 8, 9],
                       i4=[-2 ** 31, np.nan, 7, 8, 9], label=LABELS)
        for exported in self.export("result.h5", "in.h5", "-c", "i8", endings=("ecsv",)):
            self.assertEqual(exported["i8"].tolist(), [-2 ** 63, None, 7, 8, 9])
        for name in "new.fits", "new.vot":
            self.refuse(3, "a number that means null .i8.: -9223372036854775808 is a value", EXPORT,
                        "result.h5", "in.h5", "-c", "i8", "-o", name)

    def test_columns_of_an_array(self):
        with h5py.File("in.h5", "w") as file:
            file["a/points"] = np.arange(20.0).reshape(5, 4)
            file["b"] = np.zeros((5, 2))
        write_result(features=("1", "3"), dataset="/a/points")
        for table in self.export("result.h5", "in.h5", endings=("fits",)):
            self.check(table, row=range(5), **{"1": 4 * np.arange(5) + 1, "3": 4 * np.arange(5) + 3},
                       label=LABELS)
        for table in self.export("result.h5", "in.h5", "-c", "0:2,3", endings=("csv",)):
            self.assertEqual(table.colnames, ["row", "0", "1", "3", "label"])
        for table in self.export("result.h5", "in.h5", "-d", "b", "-c", "1", endings=("csv",)):
            self.assertEqual(list(table["1"]), [0] * 5)

    def test_several_files_and_pieces(self):
        """Joined in the order of the command line; types and widths are those of all files."""
        write_columns("a.h5", x=np.array([1, 2], "i2"), s=np.array([b"a", b"b"]))
        write_columns("none.h5", x=np.zeros(0), s=np.zeros(0, "S1"))
        write_columns("b.h5", x=[0.5, np.nan, 2], s=np.array(["ccc", "", "d"], dtype=object))
        files = [("/elsewhere/a.h5", 2), ("none.h5", 0), ("b.h5", 3)]
        write_result(files=files, ids=np.arange(5) * 10)
        for size in (1, 2, 100):
            with mock.patch.object(EXPORT, "PIECE_ROWS", size):
                for table in self.export("result.h5", "a.h5", "none.h5", "b.h5", "-c", "x,s"):
                    self.check(table, id=[0, 10, 20, 30, 40], x=[1, 2, 0.5, np.nan, 2],
                               s=["a", "b", "ccc", "", "d"], label=LABELS)

    def test_no_rows(self):
        write_result(labels=LABELS[:0])
        for table in self.export("result.h5"):
            self.assertEqual((len(table), table.colnames), (0, ["row", "label"]))

    def test_features_that_are_no_columns(self):
        write_result(features=("x", "log10(x)"))
        write_columns("in.h5", x=X)
        said = r"export.py: warning: feature left out \(log10\(x\)\): .*\n"
        for table in self.export("result.h5", "in.h5", said=said, endings=("csv",)):
            self.assertEqual(table.colnames, ["row", "x", "label"])

    def test_result_without_features(self):
        write_result(features=())
        write_columns("in.h5", x=X)
        for table in self.export("result.h5", "in.h5", said="export.py: warning: no columns .*\n",
                                 endings=("csv",)):
            self.assertEqual(table.colnames, ["row", "label"])

    def test_name_of_the_result_in_the_catalogue(self):
        write_result()
        write_columns("in.h5", label=np.arange(5))
        said = r"export.py: warning: column renamed \(label\): label_catalogue, .*\n"
        for table in self.export("result.h5", "in.h5", "-c", "label", said=said, endings=("csv",)):
            self.check(table, row=range(5), label_catalogue=range(5), label=LABELS)

    def test_second(self):
        """Of fit --second: the second label, its distance, and d1/d2; NaN where that says nothing."""
        write_result(distances=np.array([0.5, 1, np.nan, 0, 2]),
                     second_label=np.array([1, 1, -1, 0, 2], "i4"),
                     second_distance=np.array([1, 4, np.nan, 0, 2.5]))
        write_columns("in.h5", margin=np.arange(5))
        said = r"export.py: warning: column renamed \(margin\): margin_catalogue, .*\n"
        for table in self.export("result.h5", "in.h5", "-c", "margin", said=said):
            self.check(table, row=range(5), margin_catalogue=range(5), label=LABELS,
                       distance=[0.5, 1, np.nan, 0, 2], second_label=[1, 1, -1, 0, 2],
                       second_distance=[1, 4, np.nan, 0, 2.5], margin=[0.5, 0.25, np.nan, np.nan, 0.8])

    def test_columns_of_one_name(self):
        """Two that differ are both there; one that is chosen twice is there once."""
        write_result()
        write_columns("in.h5", x=X, y=np.arange(5))
        said = "export.py: warning: column renamed .a.: a~1, since the format has no place .*\n"
        for table in self.export("result.h5", "in.h5", "-c", "a=y+1,y,a=y+2,y", said=said):
            self.check(table, row=range(5), a=np.arange(5) + 1, y=range(5),
                       **{"a~1": np.arange(5) + 2}, label=LABELS)

    def test_text_beyond_ascii(self):
        write_result(labels=LABELS[:2], ids=np.array(["né", "b"], dtype=object))
        for table in self.export("result.h5", endings=("vot", "csv", "ecsv")):
            self.assertEqual(filled(table["id"]), ["né", "b"])
        self.refuse(3, r"text beyond ASCII \(id\)", EXPORT, "result.h5", "-o", "new.fits")

    def test_join_by_id(self):
        """The recipe of docs/tools.md."""
        columns = read_columns(HIPPARCOS)
        n = len(columns["hip"])
        write_result(labels=np.arange(n, dtype="i4") % 7, ids=columns["hip"], features=("b_v",))
        table, = self.export("result.h5", HIPPARCOS, endings=("fits",))
        other = Table({"id": [32349, 71683, 999999], "name": ["Sirius", "Rigil Kent.", "none"]})
        found = join(other, table, keys="id")
        self.assertEqual(list(found["name"]), ["Sirius", "Rigil Kent."])
        for hip, label, color in found["id", "label", "b_v"]:
            i, = np.flatnonzero(columns["hip"] == hip)
            self.assertEqual((label, color), (i % 7, columns["b_v"][i]))


STATISTICS = ("mean", "deviation", "min", "p5", "p16", "p50", "p84", "p95", "max", "missing")


class Templates(ExportTest):
    """Whatever the described columns are called: all are there, under names that a format can hold."""

    def write(self, names, units):
        write_result()
        shape = 3, len(names)
        values = np.arange(10.0 * 3 * len(names)).reshape(10, *shape)
        values[5, 0, 0] = np.nan
        with h5py.File("result.h5", "a") as file:
            file["sizes"] = [2, 1, 1]
            for name, row in (("mean", 0), ("deviation", 1), ("min", 2), ("max", 8)):
                file[f"templates/{name}"] = values[row]
            file["templates/quantiles"] = np.moveaxis(values[3:8], 0, 2)
            file["templates/n_missing"] = values[9].astype("i8")
            file["templates"].attrs.update({"columns": names, "units": units})
            file.attrs["checksum"] = "0123"
            file["provenance/command"] = 0
            file["provenance"].attrs.update({"version": "9.9", "command": "fit it's"})
        return values

    def check_names(self, table, written, values):
        expected = [f"{name}_{statistic}" for name in written for statistic in STATISTICS]
        self.assertEqual(table.colnames, ["cluster", "size", *expected])
        self.assertEqual([list(table["cluster"]), list(table["size"])], [[0, 1, 2], [2, 1, 1]])
        found = np.array([filled(table[name]) for name in expected])
        np.testing.assert_array_equal(found.reshape(len(written), 10, 3), values.transpose(2, 0, 1))

    def test_names(self):
        """Those of FITS leave room for what follows them: 58 letters."""
        long = "u-g+" * 20
        names = ["é", "a", long + "1", "a", long + "2", "p~q"]
        values = self.write(names, ["mag", "", "km / s", "", "", ""])
        head = long[:56]
        for ending in ENDINGS:
            is_fits = ending == "fits"
            said = "(export.py: warning: column renamed .*\n){%d}" % (4 if is_fits else 1)
            table, = self.export("result.h5", "--templates", endings=[ending], said=said)
            written = ["\\xe9", "a", f"{head}~1", "a~1", f"{head}~2", "p~q"] if is_fits else \
                ["é", "a", long + "1", "a~1", long + "2", "p~q"]
            self.check_names(table, written, values)
            if ending != "csv":
                self.assertEqual([str(table[f"{written[0]}_p5"].unit),
                                  str(table[f"{written[2]}_p5"].unit)], ["mag", "km / s"])

    def test_origin(self):
        expected = {"result": "result.h5", "checksum": "0123", "clusters": 3, "version": "9.9",
                    "command": "fit it's"}
        self.write(["a"], [""])
        table, = self.export("result.h5", "--templates", endings=["ecsv"])
        self.assertEqual(table.meta, expected)
        self.export("result.h5", "--templates", endings=["fits"])
        header = fits.getheader("out.fits", 1)
        self.assertEqual([header[key] for key in ("SKYMRES", "SKYMSUM", "SKYMK", "SKYMVERS")],
                         list(expected.values())[:4])
        self.assertEqual(list(header["HISTORY"]), ["command: fit it's"])

    def test_latex(self):
        """What is a command for LaTeX, or another sign in its text font, is printed as it is."""
        self.write(["g^2", "p~q", r"a\b_{c}", "x<1|y>2", "5%&$#", "p~q"],
                   ["mag/arcsec^2", "", "", "", "", ""])
        said = "export.py: warning: column renamed .p~q.: p~q~1, .*\n"
        self.assertRegex(self.succeed(EXPORT, "result.h5", "--templates", "-o", "out.tex"), said)
        with open("out.tex", encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.assertEqual(lines[3], " & ".join([
            "Cluster", "$N$", r"g\textasciicircum{}2 (mag/arcsec\textasciicircum{}2)",
            r"p\textasciitilde{}q", r"a\textbackslash{}b\_\{c\}",
            r"x\textless{}1\textbar{}y\textgreater{}2", r"5\%\&\$\#",
            r"p\textasciitilde{}q\textasciitilde{}1"]) + r" \\")
        self.assertEqual(lines[5], "0 & 2 & -- & $91^{+18}_{-18}$ & $92^{+18}_{-18}$ & "
                                   "$93^{+18}_{-18}$ & $94^{+18}_{-18}$ & $95^{+18}_{-18}$ \\\\")
        self.assertEqual(self.last_line, "3 clusters, 8 columns: out.tex\n")


class ExportErrors(ExportTest):

    def setUp(self):
        super().setUp()
        write_result(files=[("in.h5", 5)])
        write_columns("in.h5", x=X, y=X)

    def check_refused(self, code, pattern, *arguments):
        self.refuse(code, pattern, EXPORT, *arguments, "-o", "out.fits")

    def test_usage(self):
        self.refuse(2, "required", EXPORT)
        self.refuse(2, "required", EXPORT, "result.h5")
        self.check_refused(2, "RESULT.h5 is required")
        self.refuse(2, r"out.h5 does not end in one of \.fits, \.fit, \.csv", EXPORT, "result.h5", "-o",
                    "out.h5")
        self.check_refused(2, "--columns without a CATALOGUE", "result.h5", "-c", "x")
        self.check_refused(2, "--dataset without a CATALOGUE", "result.h5", "-d", "x")
        for columns in ("x,,y", ",", "x,"):
            self.check_refused(2, "empty name in -c", "result.h5", "in.h5", "-c", columns)

    def test_existing_output(self):
        write_text("out.fits", "precious")
        self.check_refused(2, r"output exists \(out.fits\)", "result.h5")
        self.check_refused(3, "no such column", "result.h5", "in.h5", "-c", "z", "--overwrite")
        self.succeed(EXPORT, "result.h5", "-o", "out.fits", "--overwrite")
        self.assertEqual(sorted(os.listdir()), ["in.h5", "out.fits", "result.h5"])

    def test_files(self):
        write_text("text.h5", "text")
        self.check_refused(4, r"\(nothing.h5\): No such file", "nothing.h5")
        self.check_refused(4, r"\(nothing.h5\): No such file", "result.h5", "nothing.h5")
        self.check_refused(3, r"not a readable HDF5 file \(text.h5\)", "text.h5")
        self.check_refused(3, r"not a readable HDF5 file \(text.h5\)", "result.h5", "text.h5")
        self.check_refused(3, r"not a result \(in.h5\): it has no /labels", "in.h5", "result.h5")
        self.refuse(4, "no folder nowhere", EXPORT, "result.h5", "-o", "nowhere/out.fits")
        os.mkdir("folder.csv")
        self.refuse(4, "Is a directory", EXPORT, "result.h5", "-o", "folder.csv", "--overwrite")

    def test_damaged_result(self):
        write_result(ids=np.arange(4))
        self.check_refused(3, r"not a result \(result.h5, /ids\): not as long", "result.h5")

    def test_which_table(self):
        """The result names no features and no table, and the file has several."""
        write_result(features=())
        with h5py.File("in.h5", "r+") as file:
            file["more"] = np.zeros((5, 2))
        self.check_refused(3, r"which table \(in.h5\): there are several, and the result does not say",
                           "result.h5", "in.h5", "-c", "all")

    def test_columns(self):
        self.check_refused(3, r"no such column \(in.h5, /table/columns, column yy\): .* 'y'", "result.h5",
                           "in.h5", "-c", "x,yy")
        self.check_refused(3, r"no such column \(in.h5, /table/columns, column x\[1\]\)", "result.h5",
                           "in.h5", "-c", "x[1]")
        self.check_refused(3, r"no such table \(in.h5, dataset z\): .*/table/columns", "result.h5",
                           "in.h5", "-d", "z")
        with h5py.File("in.h5", "r+") as file:
            file["table/columns/c/data"] = np.ones(5, complex)
        self.check_refused(3, r"no such column \(in.h5, /table/columns, column c\)", "result.h5",
                           "in.h5", "-c", "c")

    def test_several_tables(self):
        with h5py.File("in.h5", "w") as file:
            file["a"], file["b"] = np.zeros((5, 2)), np.zeros((5, 2))
        self.check_refused(3, r"no such column \(in.h5, column x\): no table has it", "result.h5",
                           "in.h5")
        with h5py.File("in.h5", "w") as file:
            for name in ("a/x", "a/y", "b/x", "b/y"):
                file[name] = np.zeros(5)
        self.check_refused(3, r"which table \(in.h5\): there are several; choose one with -d: /a .*, /b ",
                           "result.h5", "in.h5")

    def test_rows(self):
        write_columns("a.h5", x=X[:2], y=X[:2])
        write_columns("b.h5", x=X[:3], y=X[:3])
        write_columns("c.h5", x=X[:3], y=X[:3])
        self.check_refused(3, r"other rows \(a.h5\): it has 2, and in.h5 had 5 .*; give the files "
                           "of the fit in its order: in.h5", "result.h5", "a.h5")
        self.check_refused(3, "the result labels 5 rows, the catalogue has 4", "result.h5", "a.h5",
                           "a.h5")
        write_result(files=[("a.h5", 2), ("b.h5", 3)])
        self.check_refused(3, r"other rows \(b.h5\): it has 3, and a.h5 had 2", "result.h5", "b.h5",
                           "a.h5")
        write_result(labels=np.zeros(6, "i4"), files=[("/old/b.h5", 3), ("/old/c.h5", 3)])
        self.check_refused(3, r"other order \(c.h5, b.h5\): .*: /old/b.h5 /old/c.h5", "result.h5",
                           "c.h5", "b.h5")
        self.succeed(EXPORT, "result.h5", "b.h5", "c.h5", "-o", "out.fits")
        write_result(labels=np.zeros(6, "i4"))
        self.check_refused(3, "the result labels 6 rows, the catalogue has 5", "result.h5", "in.h5",
                           "--overwrite")

    def test_types_that_cannot_be_joined(self):
        write_columns("a.h5", x=X[:2])
        write_columns("b.h5", x=np.full(3, b"text"))
        write_result()
        with h5py.File("b.h5", "r+") as file:
            file["table/columns/n/data"] = np.zeros(3)
        self.check_refused(3, r"cannot export the column \(a.h5, b.h5, x\)", "result.h5", "a.h5",
                           "b.h5", "-c", "x")

    def test_full_disk(self):
        """A limit on the size of files stands for it."""
        write_result(labels=np.zeros(20000, "i4"))
        for name in ("out.fits", "out.csv", "out.vot"):
            done = subprocess.run(
                ["bash", "-c", 'ulimit -f 20; exec "$@"', "bash", sys.executable,
                 os.path.join(ROOT, "tools", "export.py"), "result.h5", "-o", name],
                capture_output=True, text=True)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertRegex(done.stderr,
                             rf"^export.py: error: cannot write \({name}\): .*; .*\n$")
        self.assertEqual(sorted(os.listdir()), ["in.h5", "result.h5"])


if __name__ == "__main__":
    unittest.main()
