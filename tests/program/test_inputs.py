"""Tests of what tools/import.py takes, and of what all tools refuse: `make check TEST=inputs`."""
import gzip
import os
import shutil
import subprocess
import sys
import unittest
from unittest import mock

import h5py
import numpy as np
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from tool import ROOT, ToolTest, load_tool, read_columns, skymeans, write_text

EXPORT, IMPORT, PLOT = load_tool("export"), load_tool("import"), load_tool("plot")
pieces = sys.modules["pieces"]  # that of import.py


def read_attributes(path):
    with h5py.File(path, "r") as file:
        return {name: dict(group["data"].attrs) for name, group in file["table/columns"].items()}


class InputTest(ToolTest):

    def check(self, expected, *arguments, said=""):
        """The columns of an import, in this order."""
        self.assertRegex(self.succeed(IMPORT, *arguments, "out.h5", "--overwrite"), f"^{said}$")
        found = read_columns("out.h5")
        self.assertEqual(list(found), list(expected))
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values, name)

    def deny(self, pattern, *arguments, code=3):
        self.refuse(code, pattern, IMPORT, *arguments, "new.h5")


class Options(InputTest):

    def test_missing_value(self):
        write_text("in.csv", "n,x,name\n-99,1.5,a\n7,-99,N/A\nN/A,2.5,b\n")
        nan = np.nan
        self.check({"n": [nan, 7, nan], "x": [1.5, nan, 2.5], "name": [b"a", b"", b"b"]}, "in.csv",
                   "--missing-value", "-99", "--missing-value", "N/A",
                   said=r"import.py: warning: .*\(in.csv, n\): 2 missing, .*\n")
        self.check({"n": [b"-99", b"7", b"N/A"], "x": [1.5, nan, 2.5], "name": [b"a", b"N/A", b"b"]},
                   "in.csv", "--missing-value", "x:-99")
        Table({"m": np.array([1, 99.9], "f4"), "k": [5, 6]}).write("in.fits")
        self.check({"m": np.array([1, nan]), "k": [5, 6]}, "in.fits", "--missing-value", "{m}:99.9")
        self.deny(r"no such column \(--missing-value, q\)", "in.fits", "--missing-value", "q:1")

    def test_columns(self):
        write_text("in.csv", 'z,a,"b-v",m\n1,2,3,4\n')
        self.check({"z": [1], "a": [2], "b-v": [3], "m": [4]}, "in.csv")
        self.check({"m": [4], "b-v": [3], "s": [5]}, "in.csv", "-c", "m,{b-v}", "--derive", "s=z+m")
        self.check({"s": [5], "m": [4]}, "in.csv", "-c", "s,m", "--derive", "s=z+m")
        self.deny(r"no such column \(-c, q\): the columns are z a b-v m;", "in.csv", "-c", "z,q")
        self.deny(r"no such column \(in.csv, q\): the columns are z a b-v m;", "in.csv", "-c", "q")
        self.check({"k": [2]}, "in.csv", "-c", "k", "--derive", "k=2")
        self.deny("empty name in -c", "in.csv", "-c", "z,", code=2)

    def test_order_as_the_program_sees_it(self):
        write_text("in.csv", "z,a,m\n1,2,3\n4,5,6\n7,8,10\n")
        self.succeed(IMPORT, "in.csv", "out.h5")
        skymeans("fit", "out.h5", "-k", "2", "-c", "z,a,m", "-o", "result.h5")
        found = sys.modules["finder"].look("out.h5")["tables"][0]["columns"]
        self.assertEqual([column["name"] for column in found], ["z", "a", "m"])

    def test_odd_names(self):
        """A name that can't be printed is escaped; all others that HDF5 can hold stay as they are."""
        table = Table({"a\tb": [1], "\x1b[31m": [2], "\\x1b[31m": [3], "°C": [4], "x" * 127: [5],
                       "é" * 64: [9], "é" * 80: [10], "a: 0": [6], "S/N": [8]}, units={"\x1b[31m": "mag"})
        table.write("in.ecsv")
        said = (r"(import.py: warning: column left out \(S/N\): .*\n"
                r"|import.py: warning: column renamed \(a\?b\): a\\x09b, since .*\n"
                r"|import.py: warning: column renamed \(\?\[31m\): \\x1b\[31m~1, since .*\n){3}"
                r"(import.py: warning: column renamed \(é+\): é+~[12], since its name is too .*\n){2}")
        self.check({"a\\x09b": [1], "\\x1b[31m~1": [2], "\\x1b[31m": [3], "°C": [4], "x" * 127: [5],
                    "é" * 62 + "~1": [9], "é" * 62 + "~2": [10], "a: 0": [6]}, "in.ecsv", said=said)
        self.assertEqual(read_attributes("out.h5")["\\x1b[31m~1"], {"units": "mag"})
        found = sys.modules["finder"].look("out.h5")["tables"][0]["columns"]
        self.assertEqual([column["name"] for column in found],
                         ["a\\x09b", "\\x1b[31m~1", "\\x1b[31m", "°C", "x" * 127, "é" * 62 + "~1",
                          "é" * 62 + "~2", "a: 0"])
        self.check({"y": [2]}, "in.ecsv", "-c", "y", "--derive", "y={\x1b[31m}+0")

    def test_hdu(self):
        hdus = [fits.PrimaryHDU(np.zeros((2, 2)))]
        for name, value in (("stars", 1.5), ("galaxies", 2.5)):
            hdus.append(fits.BinTableHDU.from_columns(
                [fits.Column("x", "D", array=[value])], name=name))
        fits.HDUList(hdus).writeto("in.fits")
        self.check({"x": [1.5]}, "in.fits", said=".*UserWarning .in.fits.: 2 tables: the first is "
                   r"read \(hdu=1\); choose another with --hdu: 1 STARS, 2 GALAXIES\n")
        for hdu in ("2", "galaxies", "GALAXIES"):
            self.check({"x": [2.5]}, "in.fits", "--hdu", hdu)
        for hdu in ("0", "3", "planets"):
            self.deny(rf"no such table \(in.fits, HDU {hdu}\): choose one of these with --hdu: "
                      "1 STARS, 2 GALAXIES", "in.fits", "--hdu", hdu)
        write_text("in.csv", "x\n1\n")
        self.deny("--hdu 1 with in.csv, which is no FITS file", "in.csv", "--hdu", "1", code=2)
        with open("in.fits", "rb") as file, gzip.open("in.fits.gz", "wb") as packed:
            packed.write(file.read())
        self.check({"x": [2.5]}, "in.fits.gz", "--hdu", "2")

    def test_what_is_kept(self):
        """Units, descriptions, formulas."""
        table = fits.BinTableHDU.from_columns([fits.Column("x", "D", unit="mag", array=[1.0]),
                                               fits.Column("y", "D", array=[2.0]),
                                               fits.Column("z", "D", array=[3.0])])
        table.header["TCOMM1"] = "apparent magnitude"
        table.header.comments["TTYPE2"] = "color of the star"
        table.writeto("in.fits")
        self.succeed(IMPORT, "in.fits", "out.h5", "--derive", "s=10**(-0.4*x) + {y}")
        expected = {"x": {"units": "mag", "description": "apparent magnitude"},
                    "y": {"description": "color of the star"}, "z": {},
                    "s": {"formula": "10**(-0.4*x) + {y}"}}
        self.assertEqual(read_attributes("out.h5"), expected)
        self.succeed(IMPORT, "out.h5", "again.h5")
        del expected["s"]["formula"]
        self.assertEqual(read_attributes("again.h5"), expected)
        ecsv = Table({"v": [1.0]}, units={"v": "km/s"}, descriptions={"v": "speed"})
        ecsv.write("in.ecsv")
        self.succeed(IMPORT, "in.ecsv", "ecsv.h5")
        self.assertEqual(read_attributes("ecsv.h5"), {"v": {"units": "km / s",
                                                            "description": "speed"}})


class Hdf5(InputTest):

    def test_layouts(self):
        table = Table({"x": [1.0, 2, 3], "s": ["a", "bb", ""], "v": np.arange(6).reshape(3, 2)})
        table["n"] = MaskedColumn([5, 6, 7], mask=[0, 1, 0])
        table.write("in.h5", path="stars", serialize_meta=True)
        columns = {"x": [1, 2, 3], "s": [b"a", b"bb", b""], "n": [5, np.nan, 7]}
        said = r"(.*stored as float64 \(in.h5, n\).*|.*column left out \(v\): an array a row.*|\n)*"
        self.check(columns, "in.h5", said=said)
        self.check({**columns, "v1": [1, 3, 5]}, "in.h5", "--derive", "v1=v[1]+0", said=said)
        with mock.patch.object(pieces, "PIECE_BYTES", 1):
            self.check(columns, "in.h5", said=said)
        with h5py.File("array.h5", "w") as file:
            file["a/points"], file["b"] = np.arange(6).reshape(3, 2), np.ones((2, 2))
        self.check({"0": [0, 2, 4], "1": [1, 3, 5]}, "array.h5", "-d", "a/points")
        self.check({"0": [0, 1], "1": [2, 3], "2": [4, 5]}, "array.h5", "-d", "a/points",
                   "--transpose")
        self.deny(r"which table \(array.h5\)", "array.h5")
        self.deny(r"no such column \(array.h5, q\): the columns are 0 1;", "array.h5", "-d", "b", "-c",
                  "q", "--transpose")
        self.deny(r"no such table \(array.h5, dataset c\)", "array.h5", "-d", "c")

    def test_conventions(self):
        with h5py.File("in.h5", "w") as file:
            file["t/x"] = np.array([-999, 0, 100], "i2")
            file["t/x"].attrs.update({"_FillValue": np.int16(-999), "scale_factor": 0.01,
                                      "add_offset": 10.0})
            file["t/y"] = np.array([1, 2, 3], "f4")
            file["t/time"] = np.zeros(3, [("a", "i4"), ("b", "i4")])
        self.check({"x": [np.nan, 10, 11], "y": [1, 2, 3]}, "in.h5", "-d", "t", "-c", "x,y")


class HealPix(InputTest):
    """Maps with several pixels a row: a row for each pixel."""

    def write(self, values, **cards):
        columns = [fits.Column(name, "1024E", array=value.reshape(-1, 1024))
                   for name, value in values.items()]
        table = fits.BinTableHDU.from_columns(columns)
        table.header.update({"PIXTYPE": "HEALPIX", "ORDERING": "RING", "NSIDE": 16,
                             "INDXSCHM": "IMPLICIT", **cards})
        table.writeto("in.fits", overwrite=True)

    def test_map(self):
        n = 12 * 16 ** 2
        t = np.arange(n, dtype="f4")
        t[5] = -1.6375e30
        expected = {"T": np.where(np.arange(n) == 5, np.nan, t), "Q": -np.arange(n)}
        self.write({"T": t, "Q": -np.arange(n, dtype="f4")})
        self.check(expected, "in.fits")
        with mock.patch.object(pieces, "PIECE_BYTES", 1):
            self.check(expected, "in.fits")
        self.write({"T": t}, INDXSCHM="EXPLICIT")
        self.refuse_arrays()

    def refuse_arrays(self):
        code, _, err = self.run_tool(IMPORT, "in.fits", "new.h5")
        self.assertEqual(code, 3)
        self.assertRegex(err, r"column left out \(T\): an array a row")


class Refused(InputTest):
    """What can't be read rightly is an error with its place."""

    def test_text(self):
        for text, line, what in (
                (b"a,b\nx,1\nx\0y,2\nz,3\n", 3, "0x00"), (b"a,b\nx\ry,2\nz,3\n", 2, "0x0d"),
                ("a,b\n\u00e9,1\nx\u2028y,2\n".encode(), 3, "0xe280a8"),
                ("a,b\n\u00e9,1\nx\x0cy,2\n".encode(), 3, "0x0c"),
                ("a,b\nx\x85y,2\n".encode(), 2, "0xc285"), (b"a,\0b\n1,2\n", 1, "0x00"),
                (b"a,b\n1,\xe9\n", 2, "0xe9 is no UTF-8"), (b"a,\xff\n1,2\n", 1, "0xff is no UTF-8")):
            for name in ("in.csv", "in.ecsv"):
                with open(name, "wb") as file:
                    file.write(text)
                self.deny(rf"unreadable text \({name}, line {line}\): .*{what}", name)
        with open("in.csv", "wb") as file:
            file.write(b"a,b\n" + b"1,2\n" * 500 + b"1,\0\n")
        with mock.patch.object(pieces, "PIECE_BYTES", 400):
            self.deny(r"\(in.csv, line 502\)", "in.csv")

    def test_fields_of_fits(self):
        for name, form, claimed, found in (("D", "D", 12, 8), ("D", "D", 4, 8), ("3J", "3J", 8, 12),
                                           ("11X", "11X", 4, 2)):
            table = fits.BinTableHDU.from_columns([fits.Column("x", form, array=None)], nrows=4)
            table.writeto("in.fits", overwrite=True)
            with open("in.fits", "rb") as file:
                content = file.read()
            old = f"NAXIS1  = {table.header['NAXIS1']:20}".encode()
            self.assertEqual(content.count(old), 1, name)
            with open("in.fits", "wb") as file:
                file.write(content.replace(old, f"NAXIS1  = {claimed:20}".encode()))
            self.deny(rf"fields do not fill the rows \(in.fits, HDU.*\): .* {claimed} bytes, .* "
                      rf"have {found};", "in.fits")

    def test_rows_elsewhere(self):
        """A VOTable may name any file or address for its rows."""
        Table({"x": [1.0, 2.0]}).write("in.vot", format="votable", tabledata_format="binary")
        self.check({"x": [1, 2]}, "in.vot")
        with open("in.vot", encoding="utf-8") as file:
            text = file.read()
        start, end = text.index("<STREAM"), text.index("</STREAM>")
        write_text("rows.bin", "0123456789abcdef")
        for href in (f"file://{os.path.abspath('rows.bin')}", "http://localhost:9/rows"):
            write_text("in.vot", f'{text[:start]}<STREAM href="{href}">{text[end:]}')
            for name in ("in.vot", "in.vot.gz", "in.xml"):
                with open("in.vot", "rb") as file:
                    content = file.read()
                with (gzip.open if name.endswith("gz") else open)(name, "wb") as file:
                    file.write(content)
                self.deny(rf"rows elsewhere \({name}, line \d+\): they are in {href}", name)

    def test_no_regular_file(self):
        os.mkfifo("fifo.csv")
        os.mkfifo("fifo.h5")
        for name in ("fifo.csv", "fifo.h5", "/dev/null"):
            self.refuse_fifo(IMPORT, name, "new.h5")
        with h5py.File("in.h5", "w") as file:
            file["points"] = np.random.default_rng(1).random((9, 2))
        skymeans("fit", "in.h5", "-k", "2", "-o", "result.h5")
        self.refuse_fifo(EXPORT, "fifo.h5", "-o", "new.csv")
        self.refuse_fifo(EXPORT, "result.h5", "fifo.h5", "-o", "new.csv")
        self.refuse_fifo(PLOT, "result.h5", "fifo.h5", "-o", "new.png")

    def refuse_fifo(self, tool, *arguments):
        code, out, err = self.run_tool(tool, *arguments)
        self.assertEqual((code, out), (4, ""))
        self.assertRegex(err, r"error: no regular file \(.*\): it is a (FIFO|device); ")


class Outputs(InputTest):
    """No input is replaced by an output, and neither is what is no file."""

    def setUp(self):
        super().setUp()
        with h5py.File("in.h5", "w") as file:
            file["points"] = np.random.default_rng(1).random((9, 2))
        skymeans("fit", "in.h5", "-k", "2", "-o", "result.h5")
        write_text("in.csv", "x\n1\n")

    def deny_output(self, what, tool, *arguments):
        before = {name: os.stat(name).st_ino for name in os.listdir()}
        code, out, err = self.run_tool(tool, *arguments, "--overwrite")
        self.assertEqual((code, out), (2, ""), err)
        self.assertRegex(err, what)
        self.assertEqual({name: os.stat(name).st_ino for name in os.listdir()}, before)

    def test_inputs(self):
        what = r"error: output is an input \(.*\): .* is the same file"
        os.link("in.csv", "hard.csv")
        os.symlink("in.csv", "soft.csv")
        for name in ("in.csv", "./in.csv", "hard.csv", "soft.csv"):
            self.deny_output(what, IMPORT, "in.csv", name)
        for file in ("result.h5", "in.h5"):
            for tool, name in ((EXPORT, "out.csv"), (PLOT, "out.png")):
                os.link(file, name)
                self.deny_output(what, tool, "result.h5", "in.h5", "-o", name)
                os.unlink(name)
        shutil.copy("result.h5", "x.vot")
        self.deny_output(what, EXPORT, "x.vot", "-o", "x.vot")

    def test_sources_of_virtual_data(self):
        with h5py.File("virtual.h5", "w") as file:
            layout = h5py.VirtualLayout((9, 2), "f8")
            layout[:] = h5py.VirtualSource("in.h5", "points", (9, 2))
            file.create_virtual_dataset("points", layout)
        os.link("in.h5", "out.csv")
        self.deny_output("output is an input", EXPORT, "result.h5", "virtual.h5", "-o", "out.csv")

    def test_devices(self):
        os.symlink("/dev/null", "out.csv")
        os.mkfifo("fifo.csv")
        for name, kind in (("out.csv", "device"), ("fifo.csv", "FIFO")):
            self.deny_output(rf"output is no regular file \({name}\): it is a {kind}", EXPORT,
                             "result.h5", "-o", name)
        self.assertTrue(os.path.islink("out.csv"))

    def test_link_to_a_file(self):
        """It stays one, and the file is replaced."""
        os.mkdir("folder")
        write_text("folder/old.csv", "old")
        os.symlink("folder/old.csv", "out.csv")
        self.succeed(EXPORT, "result.h5", "-o", "out.csv", "--overwrite")
        self.assertTrue(os.path.islink("out.csv"))
        with open("folder/old.csv", encoding="ascii") as file:
            self.assertEqual(file.readline(), "row,label\n")


class Strangers(InputTest):

    def test_names_on_terminals(self):
        """Of files and columns: nothing reaches a terminal that it would obey."""
        name = "a\x1b[31m\u202eb\n.csv"
        write_text(name, "x,y\n1,\n")
        self.succeed(IMPORT, name, "out.h5")
        done = subprocess.run([sys.executable, os.path.join(ROOT, "tools", "import.py"), name,
                               "out2.h5", "--what\x1b[2J"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--what?[2J", done.stderr)
        for bad in (name, name.replace("csv", "fits")):
            _, _, err = self.run_tool(IMPORT, bad, "nowhere/out.h5")
            self.assertEqual(err.count("\n"), 1)
            self.assertNotRegex(err, "[\x1b\u202e]")


if __name__ == "__main__":
    unittest.main()
