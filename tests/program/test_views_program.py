"""Catalogues that are read where they lie (import.py --in-place): tables of FITS, arrays of NumPy and
plain bytes, against the same values as astropy and NumPy read them, which are written to HDF5."""
import contextlib
import gzip
import os
import shutil
import sys
import unittest
import warnings

sys.dont_write_bytecode = True

import h5py
import numpy as np
from astropy.io import fits
from astropy.table import Table

from program import Result, run, run_many, write_columns
from tool import ToolTest, load_tool

IMPORT, EXPORT = load_tool("import"), load_tool("export")
N = 3001  # prime, so that slabs and pieces end anywhere
RNG = np.random.default_rng(7)


def integers(code):
    """All bits occur, and the ends of the range."""
    limits = np.iinfo(code)
    values = RNG.integers(limits.min, limits.max, N, code, endpoint=True)
    values[:3] = limits.min, limits.max, 0
    return values


def floats(code):
    values = (RNG.standard_normal(N) * 10.0 ** RNG.integers(-30, 30, N)).astype(code)
    values[:6] = np.nan, np.inf, -np.inf, 0, -0.0, np.finfo(code).tiny / 8
    return values


def texts(width):
    return np.array([b"x" * (i % (width + 1)) for i in range(N)], f"S{width}")


def all_kinds():
    """Columns of all types, as they are stored."""
    column = fits.Column
    logical = RNG.integers(0, 2, N).astype(bool)
    return [
        column("byte", "B", array=integers("u1")), column("short", "I", array=integers("i2")),
        column("long", "J", array=integers("i4")), column("huge", "K", array=integers("i8")),
        column("real", "E", array=floats("f4"), unit="mag"), column("wide", "D", array=floats("f8")),
        column("signed byte", "B", array=integers("u1")), column("u2", "I", array=integers("i2")),
        column("u4", "J", array=integers("i4")), column("u8", "K", array=integers("i8")),
        column("flag", "L", array=logical), column("S/N", "E", array=floats("f4")),
        column("scaled", "I", array=integers("i2")), column("shifted", "J", array=integers("i4")),
        column("scaled real", "E", array=RNG.standard_normal(N)),
        column("vector", "3E", array=RNG.standard_normal((N, 3)).astype("f4")),
        column("image", "6I", array=RNG.integers(-99, 99, (N, 2, 3)).astype("i2"), dim="(3,2)"),
        column("name", "7A", array=texts(7)),
        column("names", "8A", array=texts(8)),
        column("bits", "11X", array=RNG.integers(0, 2, (N, 11)).astype(bool)),
        column("list", "PE()", array=np.array([np.zeros(i % 3, "f4") for i in range(N)], object)),
        column("complex", "C", array=(RNG.standard_normal(N) + 1j).astype("c8")),
        column("nothing", "0E", array=np.zeros((N, 0))), column("id", "K", array=np.arange(N) * 7 + 2**62)]


SCALES = {"signed byte": (1, -128), "u2": (1, 2**15), "u4": (1, 2**31), "u8": (1, 2**63),
          "scaled": (0.01, 10), "shifted": (1, 1000), "scaled real": (0.25, -3)}


def write_kinds(path, name="KINDS", nulls=()):
    """Some columns have a null: what is stored in a row of them. Nulls and scales are added to the
    header, since astropy writes other bytes for some of them."""
    warnings.filterwarnings("ignore", "Field 22 has a repeat count of 0")
    columns, cards = all_kinds(), {}
    for number, column in enumerate(columns, 1):
        if column.name in nulls:
            cards[f"TNULL{number}"] = int(column.array.ravel()[5])
        if column.name in SCALES:
            cards[f"TSCAL{number}"], cards[f"TZERO{number}"] = SCALES[column.name]
        if column.name == "names":
            cards[f"TDIM{number}"] = "(4,2)"
    table = fits.BinTableHDU.from_columns(columns, name=name)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((3, 2))), table]).writeto(path)
    with fits.open(path, mode="update") as hdus:
        hdus[2].header.update(cards)


def as_astropy(path, hdu):
    """Values by name, as fits.open gives them; where they are TNULL as they are stored, NaN."""
    values = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(path) as hdus:
            table = hdus[hdu]
            stored = table.data.view(np.ndarray)
            for i, column in enumerate(table.columns):
                if column.format[:1] in "0P":
                    continue
                values[column.name] = np.array(table.data[column.name])
                null = table.header.get(f"TNULL{i + 1}")
                if null is not None:
                    found = values[column.name]
                    is_short = found.dtype.kind in "iu" and found.dtype.itemsize <= 2
                    values[column.name] = np.where(stored[column.name] == null, np.nan,
                                                   found.astype("f4" if is_short else "f8"))
    return values


def native(values):
    return values.astype(values.dtype.newbyteorder("="))


class ViewTest(ToolTest):

    def view(self, *arguments):
        """What a view says; the file that it describes stays as it is."""
        before = self.state(arguments[0])
        said = self.succeed(IMPORT, "--in-place", *arguments)
        self.assertEqual(self.state(arguments[0]), before)
        return said

    @staticmethod
    def state(path):
        with open(path, "rb") as file:
            return os.stat(path).st_mtime_ns, file.read()

    def check_columns(self, view, values, *options):
        """Fits of each column of a view give the same as those of the values in plain HDF5: the same
        features, bit for bit, and as many missing."""
        with contextlib.suppress(FileNotFoundError):
            os.remove("plain.h5")
        write_columns("plain.h5", {f"c{i}": each for i, each in enumerate(values.values())})
        names = list(values)
        calls = [(["fit", view, "-k", 2, "-c", f"{{{name}}}", "-o", f"view{i}.h5", *options], 1 + i % 4)
                 for i, name in enumerate(names)]
        calls += [(["fit", "plain.h5", "-k", 2, "-c", f"c{i}", "-o", f"plain{i}.h5", *options], 1)
                  for i in range(len(names))]
        for finished in run_many(calls):
            self.assertEqual(finished.code, 0, finished)
        for i, name in enumerate(names):
            with self.subTest(column=name):
                found, expected = Result(f"view{i}.h5"), Result(f"plain{i}.h5")
                for what in "checksum", "n_used", "n_missing":
                    self.assertEqual(getattr(found, what), getattr(expected, what))
                self.assertEqual(*(each.attributes["provenance"]["features_checksum"]
                                   for each in (found, expected)))
                self.assertEqual(*(each.attributes["model"]["precision"]
                                   for each in (found, expected)))


class Fits(ViewTest):

    def test_all_kinds(self):
        write_kinds("in.fits", nulls=("byte", "short", "long", "huge", "u2", "u4", "scaled", "image"))
        said = self.view("in.fits", "view.h5")
        self.assertEqual(self.last_line,
                         f"{N} rows, 21 columns, which stay in in.fits: view.h5\n")
        for name, why in (("bits", "of bits"), ("list", "of variable length"),
                          ("nothing", "without room for a value")):
            self.assertIn(f"column left out (in.fits, {name}): it is {why}, ", said)
        self.assertEqual(said.count("left out"), 3)
        self.assertRegex(said, "warning: u2 is unsigned and has TNULL .*--missing-value u2:-?[0-9]+\n")
        values, columns = as_astropy("in.fits", 2), {}
        values["signed byte"] = values["signed byte"].astype("i1")  # astropy makes doubles of them
        values["flag"] = values["flag"].astype("f8")  # as of all scaled numbers
        for name, each in values.items():
            if each.dtype.kind not in "biuf" or name == "bits":
                continue
            each = native(each).reshape(N, -1)
            several = each.shape[1] > 1
            columns |= {f"{name}[{i}]" if several else name: each[:, i] for i in range(each.shape[1])}
        self.assertEqual(len(columns), 16 + 3 + 6)
        self.check_columns("view.h5", columns)

    def test_tools_read_it(self):
        write_kinds("in.fits", nulls=("short", "u4", "scaled"))
        self.view("in.fits", "view.h5")
        self.assertEqual(run("fit", "view.h5", "-k", 2, "-c", "real", "-o", "out.h5", "--id", "u8").code, 0)
        self.succeed(EXPORT, "out.h5", "view.h5", "-c",
                     "byte,short,long,huge,real,wide,signed byte,u2,u4,u8,scaled,shifted,vector,name,id",
                     "-o", "out.fits")
        values, joined = as_astropy("in.fits", 2), Table.read("out.fits")
        for name in "byte", "long", "huge", "real", "wide", "signed byte", "u2", "u8", "shifted", "id":
            np.testing.assert_array_equal(native(np.array(joined[name])), native(values[name]), name)
        for name in "short", "u4", "scaled":
            found = np.ma.filled(np.ma.asarray(joined[name]).astype("f8"), np.nan)
            np.testing.assert_array_equal(found, values[name], name)
        np.testing.assert_array_equal(joined["vector[1]"], values["vector"][:, 1])
        np.testing.assert_array_equal(np.char.strip(joined["name"]).astype("U"), values["name"])
        np.testing.assert_array_equal(Result("out.h5").data["ids"], native(values["u8"]))

    def test_as_an_import(self):
        """The copy and the view are one catalogue: the same precision, centers and labels, on any
        ranks, and read again to verify; so are ids, weights and conditions."""
        write_kinds("in.fits", nulls=("short",))
        self.view("in.fits", "view.h5")
        self.succeed(IMPORT, "in.fits", "copy.h5")
        asked = ["-c", "u2,short,flag", "--weights", "byte", "--where", "flag && u4 > 1e9", "--id", "name",
                 "--verify", "-k", 3]
        calls = [(["fit", f"{name}.h5", *asked, "-o", f"{name}{ranks}.h5"], ranks)
                 for name, ranks in (("copy", 1), ("view", 1), ("view", 2), ("view", 3), ("view", 4))]
        for finished in run_many(calls):
            self.assertEqual(finished.code, 0, finished)
        answers = [Result(f"view{ranks}.h5").answer() for ranks in (1, 2, 3, 4)]
        for each in answers[1:]:
            self.assertEqual(each, answers[0])
        copy = Result("copy1.h5")
        np.testing.assert_array_equal(np.char.strip(Result("view1.h5").data["ids"]), copy.data["ids"])
        self.assertEqual(Result("view1.h5").checksum, copy.checksum)

    def test_several_tables(self):
        write_kinds("in.fits", "FIRST")
        with fits.open("in.fits", mode="append") as hdus:
            hdus.append(fits.BinTableHDU(Table({"x": np.arange(9.0)}), name="SECOND"))
        self.assertIn("2 tables: the first is read (hdu=2); choose another with --hdu",
                      self.view("in.fits", "first.h5"))
        self.view("in.fits", "second.h5", "--hdu", "second")
        self.assertEqual(self.last_line, "9 rows, 1 columns, which stay in in.fits: second.h5\n")
        self.view("in.fits", "third.h5", "--hdu", "3", "--overwrite")
        self.check_columns("second.h5", {"x": np.arange(9.0)})
        self.refuse(3, "no such table .in.fits, HDU none", IMPORT, "--in-place", "in.fits", "v.h5", "--hdu",
                    "none")

    def test_many_columns(self):
        """As many as FITS can have, with units and nulls."""
        fits.BinTableHDU.from_columns(
            [fits.Column(f"column_number_{i}", "I", unit="adu", null=-1, array=[i, -1, 2 * i + 1])
             for i in range(999)]).writeto("in.fits")
        self.view("in.fits", "view.h5")
        self.check_columns("view.h5", {"column_number_998": np.array([998, np.nan, 1997], "f4")})
        self.view("in.fits", "few.h5", "-c", "column_number_7,column_number_3")
        self.check_columns("few.h5", {"column_number_7": np.array([7, np.nan, 15], "f4")}, "--overwrite")

    def test_names(self):
        table = fits.BinTableHDU.from_columns(
            [fits.Column(name, "D", array=np.arange(5.0) + i)
             for i, name in enumerate(("r", "i", "double", "b.mask", "none"))])
        table.writeto("in.fits")
        with fits.open("in.fits", mode="update") as hdus:
            hdus[1].header["TTYPE3"] = "r"
            del hdus[1].header["TTYPE5"]
        said = "a second column of one name, r, is called r~1 here"
        self.assertIn(said, self.view("in.fits", "view.h5"))
        self.check_columns("view.h5", {"r": np.arange(5.0), "i": np.arange(5.0) + 1,
                                       "r~1": np.arange(5.0) + 2, "col5": np.arange(5.0) + 4})
        self.assertEqual(self.succeed(IMPORT, "in.fits", "copy.h5").count(said), 1)
        self.check_columns("copy.h5", {"r": np.arange(5.0), "r~1": np.arange(5.0) + 2,
                                       "col5": np.arange(5.0) + 4}, "--overwrite")
        self.view("in.fits", "pair.h5", "-c", "r,i")  # which might be taken for a complex number
        self.check_columns("pair.h5", {"i": np.arange(5.0) + 1}, "--overwrite")

    def test_no_rows(self):
        fits.BinTableHDU.from_columns([fits.Column("x", "D")], nrows=0).writeto("none.fits")
        Table({"x": np.arange(40.0)}).write("some.fits")
        self.view("none.fits", "none.h5")
        self.view("some.fits", "some.h5")
        self.assertEqual(run("fit", "none.h5", "some.h5", "-k", 2, "-o", "out.h5").code, 0)
        self.assertEqual(Result("out.h5").n_rows, 40)

    def test_refused(self):
        Table({"x": np.arange(40.0)}).write("in.fits")
        with open("in.fits", "rb") as file:
            whole = file.read()
        with gzip.open("in.fits.gz", "wb") as file:
            file.write(whole)
        with open("cut.fits", "wb") as file:
            file.write(whole[:-2880])
        fits.TableHDU.from_columns([fits.Column("x", "F8.3", array=np.arange(3.0))]).writeto("text.fits")
        fits.PrimaryHDU(np.zeros((3, 2))).writeto("image.fits")
        packed = fits.BinTableHDU.from_columns([fits.Column("x", "1QB()", array=np.array([[1], [2, 3]], object))])
        packed.header["ZTABLE"] = True
        packed.writeto("packed.fits")
        end = whole.rindex(b"END" + b" " * 77)
        with open("scale.fits", "wb") as file:
            file.write(whole[:end] + b"TSCAL1  = 'a'".ljust(80) + whole[end:end + 80] + whole[end + 160:])
        sky = fits.BinTableHDU.from_columns([fits.Column("T", "4E", array=np.zeros((12, 4)))])
        sky.header["PIXTYPE"], sky.header["ORDERING"] = "HEALPIX", "RING"
        sky.writeto("sky.fits")
        fits.BinTableHDU.from_columns([fits.Column("b", "9X", array=np.zeros((3, 9), bool))]).writeto("b.fits")
        for code, pattern, *arguments in (
                (3, "can't describe the file .in.fits.gz.: it is neither FITS .not compressed", "in.fits.gz"),
                (3, "announces 40 rows of 8 bytes, more than the file has", "cut.fits"),
                (3, "cannot read the table .scale.fits.: .*'a'", "scale.fits"),
                (3, "can't describe the table .text.fits, .*it is of text; import it without", "text.fits"),
                (3, "no table .image.fits", "image.fits"),
                (3, "cannot read the table .packed.fits, .*compressed .ZTABLE.*funpack", "packed.fits"),
                (3, "can't describe the table .sky.fits.*several pixels a row", "sky.fits"),
                (3, "no such column .-c, y.: the columns are x", "in.fits", "-c", "y"),
                (4, "none.fits", "none.fits"),
                (2, "--derive with --in-place", "in.fits", "--derive", "y=x"),
                (2, "several inputs with --in-place", "in.fits", "text.fits"),
                (2, "--offset is a number", "in.fits", "--offset", "4")):
            with self.subTest(arguments=arguments):
                self.refuse(code, pattern, IMPORT, "--in-place", *arguments, "view.h5")
        code, _, err = self.run_tool(IMPORT, "--in-place", "b.fits", "view.h5")
        self.assertEqual((code, os.path.exists("view.h5")), (3, False))
        self.assertIn("no columns (b.fits): none can be described", err)


class Arrays(ViewTest):

    def fits_alike(self, *pairs):
        """Pairs of arguments of fits have one checksum."""
        done = run_many([(["fit", *map(str, each), "-k", 3, "-o", f"out{i}{j}.h5", "--overwrite"], 1 + j)
                         for i, pair in enumerate(pairs) for j, each in enumerate(pair)])
        for finished in done:
            self.assertEqual(finished.code, 0, finished)
        for i, pair in enumerate(pairs):
            self.assertEqual(Result(f"out{i}0.h5").checksum, Result(f"out{i}1.h5").checksum, pair)

    def test_numpy(self):
        values = RNG.standard_normal((N, 3)).astype(">f4")
        stars = np.zeros(N, [("ra", "<f8"), ("name", "S5"), ("word", "U3"), ("mag", ">f4", 2),
                             ("in", [("a", "i2")]), ("good", "?")])
        stars["ra"], stars["mag"], stars["good"] = values[:, 0], values[:, 1:], values[:, 0] > 0
        stars["in"]["a"] = np.arange(N)
        np.save("c.npy", values)
        np.save("f.npy", np.asfortranarray(values))
        np.save("line.npy", values[:, 0])
        np.save("stars.npy", stars)
        with h5py.File("plain.h5", "w") as file:
            file["all"], file["t/line"], file["s/ra"] = values, values[:, 0], stars["ra"]
            file["s/a"], file["s/m1"], file["s/good"] = stars["in"]["a"], stars["mag"][:, 1], stars["good"]
        np.save("part1.npy", values[:1000])
        np.save("part2.npy", values[1000:])
        for name, columns in (("c", 3), ("f", 3), ("line", 1), ("part1", 3), ("part2", 3), ("stars", 5)):
            said = self.view(f"{name}.npy", f"{name}.h5")
            self.assertEqual("--transpose" in self.last_line, name == "f")
            self.assertIn(f" rows, {columns} columns, ", self.last_line)
        self.assertIn("(stars.npy, word): it is of the type <U3", said)
        self.fits_alike((("plain.h5", "-d", "all"), ("c.h5",)),
                        (("plain.h5", "-d", "all"), ("part1.h5", "part2.h5")),
                        (("plain.h5", "-d", "all"), ("f.h5", "--transpose")),
                        (("plain.h5", "-d", "t"), ("line.h5",)),
                        (("plain.h5", "-d", "s", "-c", "ra,a,m1,good"),
                         ("stars.h5", "-c", "ra,in/a,mag[1],good", "--verify")))

    def test_plain_bytes(self):
        rows = np.zeros(N, [("ra", "<f8"), ("id", "<i8"), ("mag", ">f4", 5)])
        rows["ra"], rows["mag"] = RNG.standard_normal(N), RNG.standard_normal((N, 5))
        with open("rows.bin", "wb") as file:
            file.write(b"head" + rows.tobytes())
        rows["mag"].tofile("array.bin")
        with h5py.File("plain.h5", "w") as file:
            file["s/ra"], file["s/mag"], file["a"] = rows["ra"], rows["mag"][:, 4], rows["mag"]
        self.view("rows.bin", "rows.h5", "--raw", "ra:f8,id:i8,mag:>f4[5]", "--offset", "4")
        self.view("array.bin", "array.h5", "--raw", ">f4[5]")
        self.fits_alike((("plain.h5", "-d", "s", "-c", "ra,mag"), ("rows.h5", "-c", "ra,mag[4]")),
                        (("plain.h5", "-d", "a"), ("array.h5",)))
        for code, pattern, *arguments in (
                (3, "no whole rows .rows.bin.: after 0 bytes", "--raw", "ra:f8,id:i8,mag:>f4[5]"),
                (2, "'q4' is no type", "--raw", "q4"), (2, "'f4' is no type of a column", "--raw", "f4,f8"),
                (2, "two columns of one name", "--raw", "a:f4,a:f8"),
                (2, "a row has at most 2147483647 bytes", "--raw", "f4[99999999999]"),
                (2, "a row has at most 2147483647 bytes", "--raw", "a:S2147483640,b:f8"),
                (2, "-c with rows.bin, whose columns have no names", "--raw", "u1", "-c", "a")):
            with self.subTest(arguments=arguments):
                self.refuse(code, pattern, IMPORT, "--in-place", "rows.bin", "view.h5", *arguments)

    def test_refused(self):
        np.save("cube.npy", np.zeros((2, 2, 2)))
        np.save("words.npy", np.array(["a", "b"]))
        np.save("objects.npy", np.array([{}], object))
        for pattern, name in (("3 dimensions of float64", "cube.npy"), ("1 dimensions of <U1", "words.npy"),
                              ("cannot read the table", "objects.npy")):
            self.refuse(3, pattern, IMPORT, "--in-place", name, "view.h5")


class Places(ViewTest):
    """Where a view finds its file: beside itself, from any folder, alone and on ranks together."""

    def setUp(self):
        super().setUp()
        os.makedirs("data/below")
        os.mkdir("work")
        self.values = RNG.standard_normal(400)
        Table({"x": self.values}).write("data/below/in.fits")
        self.view("data/below/in.fits", "data/view.h5")

    def checksum(self, catalogue, *options, ranks=1, **variables):
        finished = run("fit", catalogue, "-k", 3, "-o", "out.h5", "--overwrite", *options, ranks=ranks,
                       **variables)
        self.assertEqual(finished.code, 0, finished)
        return Result("out.h5").checksum

    def test_from_any_folder(self):
        wanted = self.checksum("data/view.h5")
        self.assertEqual(self.checksum(os.path.abspath("data/view.h5"), ranks=3), wanted)
        for folder, name in (("data", "view.h5"), ("work", "../data/view.h5"), ("data/below", "../view.h5")):
            os.chdir(folder)
            self.assertEqual(self.checksum(name, ranks=2), wanted, folder)
            os.chdir(os.path.relpath(os.path.join(*[".."] * (folder.count("/") + 1))))
        os.symlink("../data/view.h5", "work/link.h5")
        self.assertEqual(self.checksum("work/link.h5", "--follow-external", ranks=2), wanted)
        shutil.move("data", "moved")
        self.assertEqual(self.checksum("moved/view.h5", "--verify"), wanted)
        shutil.move("moved/below", "below")
        self.assertEqual(self.checksum("moved/view.h5", "--follow-external", "--verify",
                                       HDF5_EXTFILE_PREFIX="."), wanted)
        self.assertEqual(self.checksum("moved/view.h5", "--follow-external", "--verify", ranks=2,
                                       HDF5_EXTFILE_PREFIX="${ORIGIN}/.."), wanted)

    def test_outside_of_the_folder(self):
        self.view("data/below/in.fits", "work/view.h5")
        self.assertIn("not below the folder of the view: cluster with --follow-external", self.last_line)
        os.symlink("../data/below/in.fits", "work/link.fits")
        self.view("work/link.fits", "work/linked.h5")
        self.assertIn("cluster with --follow-external", self.last_line)
        for view in "work/view.h5", "work/linked.h5":
            finished = run("fit", view, "-k", 3, "-o", "out.h5")
            self.assertEqual(finished.code, 3, finished)
            self.assertIn("values elsewhere", finished.err)
            self.refuse(3, "values elsewhere .work/.*--follow-external", IMPORT, view, "copy.h5")
        with h5py.File("work/other.h5", "w") as file:
            file["table"] = h5py.ExternalLink("../data/view.h5", "table")
        self.refuse(3, "values elsewhere .work/other.h5, /table.: they are in .*data/view.h5", IMPORT,
                    "work/other.h5", "-d", "table", "copy.h5")
        self.assertEqual(self.checksum("work/view.h5", "--follow-external"), self.checksum("data/view.h5"))
        self.refuse(3, "values elsewhere", EXPORT, "out.h5", "work/view.h5", "-o", "none.csv")
        self.succeed(EXPORT, "out.h5", "work/view.h5", "-o", "some.csv", "--follow-external")
        self.succeed(IMPORT, "work/linked.h5", "copy.h5", "--follow-external")
        with h5py.File("copy.h5") as file:
            np.testing.assert_array_equal(file["table/columns/x/data"], self.values)

    def test_a_changed_file(self):
        wanted, state = self.checksum("data/view.h5"), os.stat("data/below/in.fits")
        self.view("data/below/in.fits", "data/first.h5", "--raw", "f8[1]", "--offset", str(state.st_size - 32))
        write_columns("data/below/other.h5", {"x": self.values})
        times = state.st_atime_ns, state.st_mtime_ns
        whole_second = state.st_mtime_ns - state.st_mtime_ns % 10**9
        os.utime("data/below/in.fits", ns=(0, whole_second))  # as archives keep it
        self.assertEqual(self.checksum("data/view.h5"), wanted)
        for change in (lambda: os.utime("data/below/in.fits", ns=(0, state.st_mtime_ns + 1)),
                       lambda: os.utime("data/below/in.fits", ns=(0, whole_second + 10**9)),
                       lambda: self.append(state)):
            change()
            for ranks in (1, 3):
                finished = run("fit", "data/view.h5", "-k", 3, "-o", "none.h5", ranks=ranks)
                self.assertEqual((finished.code, os.path.exists("none.h5")), (3, False), finished)
                self.assertRegex(finished.err, "error: values changed .data/view.h5, /table.: .*in.fits has "
                                               "another size or time .*--in-place\n")
            for arguments in (EXPORT, "out.h5", "data/view.h5", "-o", "none.csv"), \
                    (IMPORT, "data/view.h5", "none.h5"):
                self.refuse(3, "values changed .data/view.h5, /table.: .*in.fits has another size or time",
                            *arguments)
            for arguments in ("compare", "data/view.h5:/table/x", "data/view.h5:/table/x"), \
                    ("fit", "data/below/other.h5", "-k", 4, "-o", "none.h5", "--seeding", "data/first.h5"):
                finished = run(*arguments)
                self.assertEqual(finished.code, 3, finished)
                self.assertRegex(finished.err, "error: values changed .data/.*in.fits has another size or time")
            self.assertIn("can't be read: values changed (data/view.h5, /table): ",
                          run("info", "data/view.h5").out)
        os.truncate("data/below/in.fits", state.st_size)
        os.utime("data/below/in.fits", ns=times)
        self.assertEqual(self.checksum("data/view.h5"), wanted)
        self.assertNotIn("can't be read", run("info", "data/view.h5").out)

    @staticmethod
    def append(state):
        with open("data/below/in.fits", "ab") as file:
            file.write(b" ")
        os.utime("data/below/in.fits", ns=(0, state.st_mtime_ns))

    def test_not_a_file(self):
        """A pipe in the place of the file would wait for ever."""
        os.remove("data/below/in.fits")
        os.mkfifo("data/below/in.fits")
        said = "incomplete dataset .data/view.h5, /table.: .*in.fits, which is no regular file"
        finished = run("fit", "data/view.h5", "-k", 3, "-o", "none.h5")
        self.assertEqual(finished.code, 4, finished)
        self.assertRegex(finished.err, said)
        code, _, err = self.run_tool(IMPORT, "data/view.h5", "none.h5")
        self.assertEqual(code, 4, err)
        self.assertRegex(err, said)

    def test_odd_names_in_the_command_to_type(self):
        for name, words in (("a b.fits", "'a b.fits' 'a b.h5'"), ("fits.h5", "fits.h5 fits-view.h5"),
                            ("-x.fits", "./-x.fits ./-x.h5")):
            shutil.copy("data/below/in.fits", name)
            finished = run("fit", "-k", 3, "-o", "out.h5", "--", name)
            self.assertEqual(finished.code, 3, finished)
            self.assertIn(f"skymeans import --in-place {words} makes", finished.err)

    def test_the_command_to_type(self):
        """A fit of the file itself says how to make a view."""
        np.save("data/in.npy", self.values)
        for name in "data/below/in.fits", "data/in.npy":
            finished = run("fit", name, "-k", 3, "-o", "out.h5")
            self.assertEqual(finished.code, 3, finished)
            self.assertRegex(finished.err, f"not an HDF5 file .{name}.: .*; skymeans import --in-place {name} "
                                           f"{os.path.splitext(name)[0]}.h5 ")


if __name__ == "__main__":
    unittest.main()
