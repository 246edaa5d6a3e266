"""Tests of tools/import.py: `make check TEST=import`."""
import contextlib
import gzip
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
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from tool import ROOT, ToolTest, load_tool, read_columns, write_text

IMPORT = load_tool("import")
# Those of import.py.
fits_tables, pieces, sources = (sys.modules[name] for name in ("fits_tables", "pieces", "sources"))

MEGABYTES = int(os.environ.get("KM_IMPORT_MB", 0))  # `make check-import` asks for large files


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

    def test_text_in_letters(self):
        """As netCDF stores it (NC_CHAR): filled up with blanks, or zeros."""
        with h5py.File("in.nc", "w") as file:
            file["x"] = [1.0, 2.0, 3.0]
            file["name"] = np.array([b"Vega  ", b"Deneb\0", b"\0"], "S6").view("S1").reshape(3, 6)
            file["type"] = np.array([b"A", b"B", b"A"], "S1")
        self.assertEqual(self.succeed(IMPORT, "in.nc", "out.h5"), "")
        self.check_column("out.h5", "name", "S6", [b"Vega", b"Deneb", b""])
        self.check_column("out.h5", "type", "S1", [b"A", b"B", b"A"])

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
        np.save("in.npy", np.zeros((3, 2)))
        for name, text, pattern in (
                ("in.txt", "a b\n1 2\n", "unknown format"), ("in.csv", "", "no columns"),
                ("in.csv", "a,b\n1,2,3\n", "cannot read the table"), ("in.csv", "a,b\n", "no rows"),
                ("in.fits", "junk", "unknown format"), ("in.vot", "<VOTABLE", "in.vot"),
                ("in.npy", None, "--in-place"), ("cut.fits", None, "cannot read the table")):
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

    def test_columns_of_few_bits(self):
        """They do not overflow, nor do functions of them have fewer digits."""
        columns = {"a": np.array([100, -128], "i1"), "u": np.array([5, 200], "u1"),
                   "w": np.array([2**64 - 2048, 1], "u8"), "h": np.array([60000, 1], "f2")}
        with h5py.File("in.h5", "w") as file:
            for name, values in columns.items():
                file[f"t/{name}"] = values
        for expression, values in (
                ("a + a", [200, -256]), ("u - w", [5 - float(2**64 - 2048), 199]), ("a * u", [500, -25600]),
                ("-u", [-5, -200]), ("abs(a)", [100, 128]), ("h + h", [120000, 2]),
                ("exp(u)", np.exp([5.0, 200])), ("log10(u)", np.log10([5.0, 200])),
                ("(a > 0) + (u < 9)", [2, 0]), ("u % a", [5, -56]), ("a ** u", [100.0**5, np.nan]),
                ("max(a, u)", [100, 200])):
            with self.subTest(expression=expression):
                self.succeed(IMPORT, "in.h5", "out.h5", "--overwrite", "--derive", f"n={expression}")
                np.testing.assert_array_equal(read_columns("out.h5")["n"], values)
        self.succeed(IMPORT, "in.h5", "out.h5", "--overwrite", "--derive", "n=w", "--where", "a + a > 0")
        self.assertEqual(read_columns("out.h5")["n"].tolist(), [2**64 - 2048])

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
                ("0 < x < 1", 2, "put each in parentheses"),
                ("x > 1 & n > 1", 2, r"parentheses: \(a > 1\) & \(b > 1\)"),
                ("x in n", 2, "`in` compares no"), ("x is n", 2, "use =="),
                ("{x} + braced_0", 3, r"no such column \(--derive new, braced_0\)"),
                ("{x} + braced0", 3, r"no such column \(--derive new, braced0\)")):
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
        time.sleep(1.1)  # HDF5 counts seconds
        self.succeed(IMPORT, "in.csv", "b.h5")
        self.assertEqual(self.contents()["./a.h5"], self.contents()["./b.h5"])


class ImportPieces(ToolTest):
    """Files are read in pieces, which must not be seen in the result."""

    def check_pieces(self, path, n_pieces):
        """The same table whether pieces are large or small."""
        said = self.succeed(IMPORT, path, "whole.h5")
        whole = read_columns("whole.h5")
        with mock.patch.object(pieces, "PIECE_BYTES", os.path.getsize(path) // n_pieces), \
                mock.patch.object(IMPORT, "CHUNK_ROWS", 7):
            with contextlib.redirect_stderr(io.StringIO()):
                count = sum(1 for _ in sources.Source(path).pieces())
            self.assertGreaterEqual(count, n_pieces / 2)
            self.assertEqual(self.succeed(IMPORT, path, "pieces.h5"), said)
        found = read_columns("pieces.h5")
        self.assertEqual(list(found), list(whole))
        for name, values in whole.items():
            self.assertEqual(found[name].dtype, values.dtype)
            np.testing.assert_array_equal(found[name], values)
        self.assertEqual(read_units("pieces.h5"), read_units("whole.h5"))
        return found

    def test_csv(self):
        rows = [f"{i},{i},{i},{i:03d},{i},,x\n" for i in range(300)]
        rows[290] = '290,290.5,,late,"two\nlines, ""quoted""",longer than others,é\n'
        write_text("in.csv", "\n\nid,float,missing,code,text,rare,name\n" + "".join(rows))
        columns = self.check_pieces("in.csv", 20)
        self.assertEqual({name: values.dtype.str for name, values in columns.items()}, {
            "id": "<i8", "float": "<f8", "missing": "<f8", "code": "|S4", "text": "|S19",
            "rare": "|S18", "name": "|S2"})
        self.assertEqual(list(columns["code"][[7, 290]]), [b"007", b"late"])
        self.assertEqual(list(columns["text"][[7, 290]]), [b"7", b'two\nlines, "quoted"'])
        self.assertEqual(list(np.flatnonzero(np.isnan(columns["missing"]))), [290])

    def test_ecsv_as_gaia_has_it(self):
        """Types, units and descriptions of the header, against astropy; also by pieces, and packed."""
        rows = ["source_id,name,ra,mag,n,is_variable,big\n"]
        rows += [f"{2**62 + i},{i:03d},{i / 7},{'null' if i % 5 == 0 else i / 3},"
                 f"{'null' if i == 250 else i},{i % 3 == 0},{2**64 - 1 - i}\n" for i in range(300)]
        header = ["%ECSV 1.0", "---", "delimiter: ','", "datatype:"]
        for name, dtype, more in (
                ("source_id", "int64", ""), ("name", "string", ""), ("ra", "float64", ", unit: deg"),
                ("mag", "float32", ", unit: mag, description: G band"), ("n", "int16", ""),
                ("is_variable", "bool", ""), ("big", "uint64", "")):
            header.append(f"- {{name: {name}, datatype: {dtype}{more}}}")
        text = "".join(f"# {line}\n" for line in header) + "".join(rows)
        write_text("in.csv", text)
        with gzip.open("in.csv.gz", "wb") as file:
            file.write(text.encode())
        wanted = Table.read("in.csv", format="ascii.ecsv", fill_values=[("null", "0")])
        for name in ("in.csv", "in.csv.gz"):
            columns = self.check_pieces(name, 10)
            os.remove("pieces.h5")
            self.assertEqual({name: values.dtype.str for name, values in columns.items()}, {
                "source_id": "<i8", "name": "|S3", "ra": "<f8", "mag": "<f4", "n": "<f8",
                "is_variable": "|u1", "big": "<u8"})
            for column in wanted.itercols():
                found = columns[column.name]
                values = np.ma.filled(column.astype(found.dtype), np.nan) if found.dtype.kind == "f" \
                    else np.asarray(column).astype(found.dtype)
                np.testing.assert_array_equal(found, values)
            self.assertEqual(read_units("whole.h5")["ra"], "deg")
            with h5py.File("whole.h5") as file:
                self.assertEqual(file["table/columns/mag/data"].attrs["description"], "G band")
            os.remove("whole.h5")
        with open("in.csv.gz", "rb+") as file:
            file.truncate(os.path.getsize("in.csv.gz") // 2)
        self.refuse(3, r"damaged gzip file \(in.csv.gz\)", IMPORT, "in.csv.gz", "out.h5")
        for wrong, pattern in (("3.5,True,1", "cannot read the table"), ("70000,True,1", "no int16"),
                               ("1,yes,1", "cannot read the table")):
            write_text("in.csv", text + f"1,a,2,3,{wrong}\n")
            self.refuse(3, pattern, IMPORT, "in.csv", "out.h5")

    def test_first_lines(self):
        """What looks like a row, or another separator; and the mark that NumPy writes."""
        for text, said in (("1.5,2\n3,4\n", "numbers for names"), ("x;y\n1;2\n", "has semicolons"),
                           ("x\ty\n1\t2\n", "has tabs"), ("x y\n1 2\n", "has blanks"),
                           ("x\n1\n", ""), ("0,1\n5,6\n", ""), ('"x y"\n1\n', ""), ("x,y z\n1,2\n", "")):
            with self.subTest(text=text):
                write_text("in.csv", text)
                warnings = self.succeed(IMPORT, "in.csv", "out.h5", "--overwrite")
                self.assertEqual(said in warnings and "in.csv" in warnings, bool(said), warnings)
                if not said:
                    self.assertEqual(warnings, "")
        np.savetxt("in.csv", [[1, 2], [3, 4]], delimiter=",", header="x,y")
        self.assertEqual(self.succeed(IMPORT, "in.csv", "out.h5", "--overwrite"), "")
        self.assertEqual({name: list(values) for name, values in read_columns("out.h5").items()},
                         {"x": [1, 3], "y": [2, 4]})

    def test_line_breaks_in_quotes(self):
        rows = [f'{i},"{"a,b" if i % 3 else ""}\n\n{i}"\n' for i in range(200)]
        write_text("in.csv", 'id,"the text"\n' + "".join(rows))
        columns = self.check_pieces("in.csv", 37)
        self.assertEqual(list(columns["id"]), list(range(200)))
        self.assertEqual(columns["the text"][8], b"a,b\n\n8")

    def test_csv_of_one_column_without_a_last_line_break(self):
        write_text("in.csv", "x\r\n" + "\r\n".join(map(str, range(100))))
        self.assertEqual(list(self.check_pieces("in.csv", 9)["x"]), list(range(100)))

    def test_damage_far_down(self):
        write_text("in.csv", "a,b\n" + "1,2\n" * 500 + "1,2,3\n" + "1,2\n" * 500)
        with mock.patch.object(pieces, "PIECE_BYTES", 400):
            self.refuse(3, r"cannot read the table \(in.csv, lines 501 to 600\)",
                        IMPORT, "in.csv", "out.h5")

    def test_fits(self):
        n = 1000
        table = Table({"id": np.arange(n) + 10 ** 15, "u": np.arange(n).astype("u2"),
                       "x": np.where(np.arange(n) == 990, np.nan, np.arange(n)).astype(">f4"),
                       "name": np.where(np.arange(n) < 950, "", "abc"),
                       "flag": np.arange(n) % 3 == 0, "v": np.ones((n, 3))}, units={"x": "mag"})
        table["late"] = MaskedColumn(np.arange(n, dtype="i4"), mask=np.arange(n) == 995)
        table["whole"] = MaskedColumn(np.arange(n, dtype="i2"), mask=np.zeros(n, bool))
        table.write("in.fits")
        columns = self.check_pieces("in.fits", 20)
        self.assertEqual((columns["late"].dtype.str, columns["whole"].dtype.str), ("<f8", "<i2"))
        self.assertEqual(list(np.flatnonzero(np.isnan(columns["late"]))), [995])
        np.testing.assert_array_equal(columns["id"], table["id"])

    def test_scaled_integers_of_fits(self):
        hdu = fits.BinTableHDU.from_columns([fits.Column("x", "I", array=np.arange(2000))])
        hdu.header["TSCAL1"], hdu.header["TZERO1"] = 0.5, 10.0
        hdu.writeto("in.fits")
        np.testing.assert_array_equal(self.check_pieces("in.fits", 4)["x"],
                                      10 + np.arange(2000) / 2)

    def test_fits_that_cannot_be_cut(self):
        """Several tables, arrays of variable length, compression."""
        cells = np.array([np.ones(1), np.ones(2)], dtype=object)
        odd = fits.BinTableHDU.from_columns([fits.Column("k", "J", array=[1, 2]),
                                             fits.Column("v", "PD()", array=cells)])
        fits.HDUList([fits.PrimaryHDU(), odd, odd.copy()]).writeto("in.fits")
        err = self.succeed(IMPORT, "in.fits", "out.h5")
        self.assertEqual(list(read_columns("out.h5")["k"]), [1, 2])
        self.assertRegex(err, r"column left out \(in.fits, v\)")
        table = Table({"x": [1.5, 2.5]})
        table.write("in.fits.gz")
        self.assertEqual(self.succeed(IMPORT, "in.fits.gz", "gz.h5"), "")
        self.assertEqual(list(read_columns("gz.h5")["x"]), [1.5, 2.5])
        twice = fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(table),
                              fits.table_to_hdu(Table({"y": [1]}))])
        twice.writeto("two.fits")
        self.assertRegex(self.succeed(IMPORT, "two.fits", "two.h5"), "2 tables: the first is read")


NULL_16, NULL_64 = -2 ** 15, -2 ** 63
TABLE = "XTENSION BITPIX NAXIS NAXIS1 NAXIS2 PCOUNT GCOUNT TFIELDS".split()


def write_fits(path, rows, cards, extension="BINTABLE"):
    """A table of these bytes, and what the header says of its columns: lists by keyword, in which
    None stands for no such card."""
    numbers = extension, 8, 2, rows.dtype.itemsize, len(rows), 0, 1, len(cards["TFORM"])
    header = fits.Header(list(zip(TABLE, numbers)))
    for keyword, values in cards.items():
        for i, value in enumerate(values, 1):
            if value is not None:
                header[f"{keyword}{i}"] = value
    with open(path, "wb") as file:
        file.write(fits_tables.fits_file(header, rows.tobytes()).getvalue())


class ImportFits(ToolTest):
    """Values that are undefined by version 4.0 of the FITS standard, whose sections are named, with
    results computed by hand; and all others as astropy reads them."""

    def check_columns(self, expected, *options):
        """The same in pieces of one row, at once, and compressed; what is said of the last."""
        with open("in.fits", "rb") as file, gzip.open("in.fits.gz", "wb") as packed:
            packed.write(file.read())
        for path, piece in ("in.fits", 1), ("in.fits", pieces.PIECE_BYTES), ("in.fits.gz", 1):
            with mock.patch.object(pieces, "PIECE_BYTES", piece):
                err = self.succeed(IMPORT, path, "out.h5", "--overwrite", *options)
            columns = read_columns("out.h5")
            self.assertEqual(columns.keys(), expected.keys())
            for name, values in expected.items():
                np.testing.assert_array_equal(columns[name], values, err_msg=f"{path}, {name}")
        return err

    def test_nulls_of_scaled_columns(self):
        """7.3.2: TNULL is the integer that stands in the field; equation 7 gives the others."""
        rows = np.array([(NULL_16, 7, 255, NULL_64), (0, 2, 0, 4), (100, 3, 1, 2 ** 40)],
                        ">i2, >i4, u1, >i8")
        write_fits("in.fits", rows, {
            "TTYPE": ["a", "b", "c", "d"], "TFORM": ["I", "J", "B", "K"],
            "TSCAL": [0.01, None, 2.0, None], "TZERO": [10.0, 5.0, None, None],
            "TNULL": [NULL_16, 7, 255, NULL_64], "TUNIT": ["mag", None, None, None]})
        nan = np.nan
        self.check_columns({"a": [nan, 10.0, 11.0], "b": [nan, 7.0, 8.0], "c": [nan, 0.0, 2.0],
                            "d": [nan, 4.0, 2.0 ** 40]})
        self.assertEqual(read_units("out.h5")["a"], "mag")

    def test_nulls_of_unsigned_columns(self):
        """7.3.2, table 19: an offset of half the range makes integers unsigned, bytes signed."""
        rows = np.array([(NULL_16, NULL_64, 0, 5), (0, 0, 128, 6), (32767, -1, 255, 7)],
                        ">i2, >i8, u1, >i4")
        write_fits("in.fits", rows, {
            "TTYPE": ["a", "b", "c", "d"], "TFORM": ["I", "K", "B", "J"],
            "TZERO": [2 ** 15, 2 ** 63, -128, 2 ** 31], "TNULL": [NULL_16, NULL_64, 0, None]})
        self.check_columns({"a": [np.nan, 2 ** 15, 2 ** 16 - 1],
                            "b": np.array([np.nan, 2.0 ** 63, 2.0 ** 63 - 1]),
                            "c": [np.nan, 0, 127], "d": [2 ** 31 + 5, 2 ** 31 + 6, 2 ** 31 + 7]})

    def test_cards_that_may_be_otherwise(self):
        """7.3.1 and 7.3.2: a column needs no name, and TZERO and TSCAL are real numbers."""
        rows = np.array([(-1, 0, 2.5, 8), (5, -32768, 3.5, 0)], ">i4, >i2, >f8, u1")
        write_fits("in.fits", rows, {
            "TTYPE": ["a", None, " ", "d"], "TFORM": ["J", "I", "D", "B"],
            "TZERO": [2.0 ** 31, 2.0 ** 15, None, -128.0], "TSCAL": [1.0, 1.0, None, None]})
        self.check_columns({"a": [2 ** 31 - 1, 2 ** 31 + 5], "col2": [2 ** 15, 0], "col3": [2.5, 3.5],
                            "d": [-120, -128]})

    def test_nulls_as_astropy_writes_them(self):
        """TNULL after the offset is not the standard's, so the values stay; but it is said."""
        table = Table({"a": MaskedColumn(np.array([1, 2, 3], "u2"), mask=[False, True, False])})
        table.write("in.fits")
        null = fits.getheader("in.fits", 1)["TNULL1"]
        err = self.check_columns({"a": [1, null, 3]})
        self.assertRegex(err, rf"after TZERO .* --missing-value a:{null}\n")

    def test_logical(self):
        """7.3.3.1: T, F, or a byte of 0 where there is no value."""
        rows = np.array([(b"T", b"TF"), (b"F", b"\0T"), (b"\0", b"FF")], "S1, S2")
        write_fits("in.fits", rows, {"TTYPE": ["a", "b"], "TFORM": ["L", "2L"]})
        self.check_columns({"a": [1, 0, np.nan], "first": [1, np.nan, 0]},
                           "--derive", "first=b[0]+0")

    def test_ascii_table(self):
        """7.2.2: TNULL is the text of the whole field, filled up with blanks."""
        rows = np.array([b"   1  2.50 -99", b"---   1.50   7", b"  -3---     12"], "S14")
        write_fits("in.fits", rows, {
            "TTYPE": ["a", "b", "c"], "TFORM": ["I4", "F6.2", "I4"], "TBCOL": [1, 5, 11],
            "TNULL": ["---", "---", "-99"], "TSCAL": [None, 2.0, 0.5], "TZERO": [None, 1.0, 10.0]},
            "TABLE")
        nan = np.nan
        self.check_columns({"a": [1, nan, -3], "b": [6, 4, nan], "c": [nan, 13.5, 16]})

    def test_nulls_of_arrays(self):
        rows = np.array([([1, -1, 3, 4],), ([-1, 6, 7, 8],)], [("a", ">i2", (4,))])
        write_fits("in.fits", rows, {"TTYPE": ["a"], "TFORM": ["4I"], "TNULL": [-1],
                                     "TSCAL": [0.5]})
        err = self.check_columns({"first": [0.5, np.nan], "second": [np.nan, 3]},
                                 "--derive", "first=a[0]+0", "--derive", "second=a[1]+0")
        self.assertRegex(err, r"column left out \(a\): an array a row")

    def test_left_out(self):
        """What is no number or text is named, and the rest is there."""
        cells = np.array([np.arange(2), np.arange(3)], object)
        warnings.filterwarnings("ignore", "Field .* has a repeat count of 0")
        fits.BinTableHDU.from_columns([
            fits.Column("x", "D", array=[1.5, 2.5]), fits.Column("complex", "C", array=[1j, 2]),
            fits.Column("double_complex", "M", array=[1j, 2]),
            fits.Column("variable", "PJ()", array=cells), fits.Column("empty", "0J"),
            fits.Column("bits", "11X", array=np.eye(2, 11, dtype=bool))]).writeto("in.fits")
        err = self.check_columns({"x": [1.5, 2.5], "bit": [0, 1]}, "--derive", "bit=bits[1]+0")
        for name in "complex", "double_complex", "variable", "empty":
            self.assertRegex(err, rf"column left out \(in.fits.gz, {name}\): neither numbers nor")
        self.assertRegex(err, r"column left out \(bits\): an array a row")
        fits.BinTableHDU.from_columns([fits.Column("c", "C", array=[1j, 2])]).writeto("c.fits")
        code, _, err = self.run_tool(IMPORT, "c.fits", "no.h5")
        self.assertEqual(code, 3)
        self.assertRegex(err, r"column left out \(c.fits, c\)(.|\n)*error: no columns \(c.fits\)")

    def test_as_astropy_reads(self):
        """All plain types, some with a null that does not occur."""
        random = np.random.default_rng(1)
        columns = [fits.Column(f"c{i}", letter, array=random.integers(0, 100, 50).astype(dtype),
                               null=null)
                   for i, (letter, dtype, null) in enumerate([
                       ("B", "u1", 200), ("I", "i2", -5), ("J", "i4", None), ("K", "i8", -1),
                       ("E", "f4", None), ("D", "f8", None)])]
        columns += [fits.Column(f"u{bits}", letter, bzero=2 ** (bits - 1),
                                array=np.arange(50, dtype=f"u{bits // 8}"))
                    for letter, bits in (("I", 16), ("J", 32), ("K", 64))]
        columns += [fits.Column("flag", "L", array=np.arange(50) % 3 == 0),
                    fits.Column("name", "5A", array=[f"n{i}" for i in range(50)])]
        fits.BinTableHDU.from_columns(columns).writeto("in.fits")
        table = Table.read("in.fits")
        expected = {name: np.asarray(table[name]) for name in table.colnames}
        expected["name"] = expected["name"].astype("S5")
        self.check_columns(expected)
        self.assertEqual(read_columns("out.h5")["u64"].dtype, np.dtype("u8"))


class ImportMemory(ToolTest):
    """The peak of memory, of a process of its own, does not grow with the file."""

    RUN = """if True:
        import runpy, sys
        sys.argv = ["import.py", *sys.argv[2:]]
        sys.path[0] = "{folder}"
        try:
            runpy.run_path("{folder}/import.py", run_name="__main__")
        finally:
            print(*[line for line in open("/proc/self/status") if line.startswith("VmHWM")])
        """.replace("{folder}", os.path.join(ROOT, "tools"))

    def peak(self, path):
        """Megabytes that an import needs at most, at one time. The maximum that the system tells of
        a child would include what this process has."""
        done = subprocess.run([sys.executable, "-c", self.RUN, "-", path, "out.h5", "--overwrite"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return int(done.stdout.split("VmHWM:")[1].split()[0]) / 1024

    def check(self, path, megabytes):
        size = os.path.getsize(path) / 2 ** 20
        self.assertGreater(size, 0.9 * megabytes)
        growth = self.peak(path) - self.peak(f"small.{path.split('.')[1]}")
        self.assertLess(growth, 95)  # as a whole in memory: 2.5 (FITS) to 6 times the file
        if MEGABYTES:
            self.assertLess(self.peak(path), 0.75 * size)

    def test_fits(self):
        megabytes = MEGABYTES or 64
        n = megabytes * 2 ** 20 // 32
        table = Table({"id": np.arange(n), "x": np.arange(n) % 97 / 7.0, "y": np.zeros(n),
                       "m": np.ones(n, "i4"), "name": np.full(n, b"star")})
        table[:9].write("small.fits")
        table.write("in.fits")
        self.check("in.fits", megabytes)

    def test_csv(self):
        megabytes = MEGABYTES or 20
        rows = "".join(f"{i},{i / 7:.12f},star {i},{i % 3 or ''}\n" for i in range(20000))
        write_text("small.csv", "id,x,name,n\n1,1.5,star,1\n")
        with open("in.csv", "w", encoding="ascii") as file:
            file.write("id,x,name,n\n")
            for _ in range(megabytes * 2 ** 20 // len(rows) + 1):
                file.write(rows)
        self.check("in.csv", megabytes)


if __name__ == "__main__":
    unittest.main()
