"""Tests of tools/export.py with results of the program: names, all columns, where labels are from, lists
of files, and rows that are stored in other ways: `make check TEST=export_program`."""
import os
import unittest
import warnings

import h5py
import numpy as np
from astropy.io import fits
from astropy.io.votable import parse_single_table
from astropy.table import Table

from tool import ToolTest, load_tool, read_columns, skymeans, write_text

EXPORT, IMPORT, PLOT = load_tool("export"), load_tool("import"), load_tool("plot")
N_ROWS = 200
READ_OPTIONS = {"fits": {"character_as_bytes": False}, "vot": {"use_names_over_ids": True}}
FORMATS = ("fits", "vot", "ecsv", "csv")
ODD_NAMES = ["°C", "x" * 80, "x" * 79 + "y", "it's '" + "q" * 70, "a: 0", "- b", "# c", "a\tb",
             "new\nline", "\x1b[31m", "\x7f", "\u202eback", " lead", "trail ", "  ", "{d}", "[e]",
             "f,g", '"h"', "'", "&amp;<i>", "%s", "null", "true", "1", "~", "!tag", "*a", "&b",
             "| c", "> d", "@e", "`f`", "Ångström µ", "星", "😀", "\ufffe", "\xa0", "X", "é\x85",
             "\\x1b[31m", "k?", "nan", "END", "TTYPE1", "=", "a" * 68, "''" * 30]


def make_rows(n_rows=N_ROWS, seed=1):
    random = np.random.default_rng(seed)
    return 10 * random.integers(0, 2, (n_rows, 3)) + random.normal(size=(n_rows, 3))


def write(path, columns, group="t"):
    with h5py.File(path, "a") as file:
        for name, values in columns.items():
            file.create_dataset(f"{group}/{name}", data=values)


class ExportTest(ToolTest):

    def setUp(self):
        super().setUp()
        self.rows = make_rows()
        self.columns = dict(zip("xyz", self.rows.T))

    def fit(self, *arguments, files=("in.h5",), features="x,y,z"):
        skymeans("fit", *files, "-k", 3, "-c", features, "-o", "result.h5", "--overwrite", "-q",
                 *arguments)

    def export(self, *arguments, result="result.h5", ending="fits", said=""):
        err = self.succeed(EXPORT, result, *arguments, "-o", f"out.{ending}", "--overwrite")
        self.assertRegex(err, f"^{said}$")
        return self.read(ending)

    @staticmethod
    def read(ending):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Table.read(f"out.{ending}", **READ_OPTIONS.get(ending, {}))

    def deny(self, pattern, *arguments, result="result.h5", code=3):
        self.refuse(code, pattern, EXPORT, result, *arguments, "-o", "new.csv")


class Columns(ExportTest):

    def test_ids_keep_their_name(self):
        ids = np.arange(N_ROWS) + 2 ** 60
        write("in.h5", {**self.columns, "source_id": ids, "label": ids, "{odd} id": ids})
        write("in.h5", {"oid": ids}, "other")
        for option, name in (("source_id", "source_id"), ("/other/oid", "oid"), ("label", "id")):
            self.fit("-d", "t", "--id", option)
            for ending in FORMATS:
                table = self.export("in.h5", ending=ending)
                self.assertEqual(table.colnames, [name, "x", "y", "z", "label"])
                self.assertEqual(table[name].tolist(), ids.tolist())
        skymeans("predict", "result.h5", "in.h5", "-d", "t", "-o", "labels.h5", "--id", "source_id")
        self.assertEqual(self.export("in.h5", result="labels.h5").colnames[0], "source_id")
        with h5py.File("result.h5", "a") as file:  # as before ids had names
            del file["provenance"].attrs["id_column"]
        self.assertEqual(self.export("in.h5").colnames[0], "id")

    def test_ids_and_a_column_of_their_name(self):
        """One that has the same ids is left out, another one renamed."""
        ids = np.arange(N_ROWS) + 7
        write("in.h5", {**self.columns, "n": ids})
        self.fit("--id", "n")
        self.assertEqual(self.export("in.h5", "-c", "x,n").colnames, ["n", "x", "label"])
        write("other.h5", {**self.columns, "n": ids + 10 ** 6, "n_catalogue": ids})
        table = self.export("other.h5", "-c", "n,n_catalogue",
                            said=r"export.py: warning: column renamed \(n\): n_catalogue_, .*\n")
        self.assertEqual(table.colnames, ["n", "n_catalogue_", "n_catalogue", "label"])
        self.assertEqual(table["n_catalogue_"].tolist(), (ids + 10 ** 6).tolist())

    def test_all(self):
        write("in.h5", {**self.columns, "v": np.arange(2 * N_ROWS).reshape(-1, 2),
                        "s": np.full(N_ROWS, b"word"), "few": np.zeros(3), "id": np.arange(N_ROWS)})
        self.fit("-d", "t", "--id", "id")
        said = r"export.py: warning: column left out \(in.h5, few\): it has no numbers .*\n"
        for ending in FORMATS:
            table = self.export("in.h5", "-c", "all", ending=ending, said=said)
            self.assertEqual(table.colnames,
                             ["id", "s", "v[0]", "v[1]", "x", "y", "z", "label"])
            self.assertEqual(table["v[1]"].tolist(), list(range(1, 2 * N_ROWS, 2)))
        write("named.h5", {**self.columns, "all": np.arange(N_ROWS)})
        self.fit(files=["named.h5"])
        self.assertEqual(self.export("named.h5", "-c", "all").colnames, ["row", "all", "label"])
        with h5py.File("array.h5", "w") as file:
            file["a"] = self.rows
        self.fit(files=["array.h5"], features="0,1,2")
        self.assertEqual(self.export("array.h5", "-c", "all").colnames,
                         ["row", "0", "1", "2", "label"])

    def test_all_of_several_files(self):
        """Those that all files have."""
        half = N_ROWS // 2
        for name, more, rows in (("a.h5", "p", self.rows[:half]), ("b.h5", "q", self.rows[half:])):
            write(name, {**dict(zip("xyz", rows.T)), more: np.zeros(half)})
        self.fit(files=["a.h5", "b.h5"])
        table = self.export("a.h5", "b.h5", "-c", "all",
                            said=r"(.*column left out \([ab].h5, [pq]\): not all files have it\n){2}")
        self.assertEqual(table.colnames, ["row", "x", "y", "z", "label"])
        np.testing.assert_array_equal(table["x"], self.rows[:, 0])


    def test_features_by_name(self):
        """Also one that is called as another column, which NAME=COLUMN means."""
        write("in.h5", self.columns)
        self.fit(features="x=y-z,sum=x+y")
        x, y, z = self.rows.T
        for wanted, columns in {"x": {"x": y - z}, "x0=x,sum": {"x0": x, "sum": x + y},
                                "z,features": {"z": z, "x": y - z, "sum": x + y}}.items():
            table = self.export("in.h5", "-c", wanted)
            self.assertEqual(table.colnames, ["row", *columns, "label"])
            for name, values in columns.items():
                np.testing.assert_array_equal(table[name], values)


class Origin(ExportTest):
    """Each format but CSV says in its header where the labels are from."""

    def check(self, result, clusters):
        with h5py.File(result, "r") as file:
            expected = {"result": result, "checksum": file.attrs["checksum"], "clusters": clusters,
                        "version": file["provenance"].attrs["version"],
                        "command": file["provenance"].attrs["command"]}
        self.export("in.h5", result=result)
        header = fits.getheader("out.fits", 1)
        keywords = dict(zip(expected, ("SKYMRES", "SKYMSUM", "SKYMK", "SKYMVERS")))
        self.assertEqual({**{name: header[key] for name, key in keywords.items()},
                          "command": self.history(header)}, expected)
        with fits.open("out.fits") as hdus:
            hdus.verify("exception")
        self.assertEqual(self.export("in.h5", result=result, ending="ecsv").meta, expected)
        self.export("in.h5", result=result, ending="vot")
        found = {parameter.name: parameter.value
                 for parameter in parse_single_table("out.vot").params}
        self.assertEqual(found, expected)

    @staticmethod
    def history(header):
        """The command line out of lines of 72 letters, which lose blanks at their ends."""
        lines = [line.ljust(72) for line in header["HISTORY"]]
        return "".join(lines).removeprefix("command: ").rstrip()

    def test_all_formats(self):
        write("in.h5", {**self.columns, "it's": np.arange(N_ROWS)})
        self.fit("--id", "{it's}", "--missing-value", "-99", "--random-seed", "12345678901")
        self.check("result.h5", 3)
        skymeans("predict", "result.h5", "in.h5", "-o", "labels.h5")
        self.check("labels.h5", 3)

    def test_long_and_odd_command_lines(self):
        """Beyond ASCII, with quotes at every place, and of thousands of letters."""
        write("in.h5", self.columns)
        self.fit()
        for said in ("x" * 30 + "'" * 9, "fit 'né \x1b' &<>\"", *(
                "y" * i + "''" + "z" * 80 for i in range(60, 72)), "' " * 3000):
            with h5py.File("result.h5", "a") as file:
                file["provenance"].attrs["command"] = said
            self.export("in.h5")
            said = said if len(said) <= 4096 else said[:4096] + " ..."
            escaped = said.replace("é", "\\xe9").replace("\x1b", "\\x1b")
            self.assertEqual(self.history(fits.getheader("out.fits", 1)), escaped.rstrip())
            self.assertEqual(self.export("in.h5", ending="ecsv").meta["command"],
                             said.replace("\x1b", "\\x1b"))
            self.export("in.h5", ending="vot")
            found, = [parameter.value for parameter in parse_single_table("out.vot").params
                      if parameter.name == "command"]
            self.assertEqual(found, said.replace("\x1b", "\\x1b"))


class Names(ExportTest):
    """Whatever columns are called, what was written is read back, with one warning for each name that
    a format can't hold."""

    @staticmethod
    def fits_name(name):
        escaped = "".join("\\x3a" if name[i:i + 2] == ": " else letter if " " <= letter <= "~" else
                          f"\\x{ord(letter):02x}" if ord(letter) < 256 else
                          f"\\u{ord(letter):04x}" if ord(letter) < 65536 else
                          f"\\U{ord(letter):08x}" for i, letter in enumerate(name))
        for end in (-1, 0):
            if escaped[end:][:1] == " ":
                escaped = (escaped[:-1] + "\\x20") if end else ("\\x20" + escaped[1:])
        return escaped

    def setUp(self):
        super().setUp()
        with h5py.File("in.h5", "w") as file:
            rows = np.zeros(N_ROWS, [(name, "f8") for name in ["x", "y", "z", *ODD_NAMES]])
            for i, name in enumerate(rows.dtype.names):
                rows[name] = self.rows[:, i] if i < 3 else i
            file["t"] = rows
        self.fit()

    def test_read_back(self):
        for ending in FORMATS:
            with self.subTest(ending=ending):
                err = self.succeed(EXPORT, "result.h5", "in.h5", "-c", "all", "-o", f"out.{ending}")
                table = self.read(ending)
                self.assertEqual(len(table.colnames), len(ODD_NAMES) + 5)
                self.assertEqual(len(set(table.colnames)), len(table.colnames))
                for i, name in enumerate(ODD_NAMES):
                    written = table.colnames[i + 4]
                    self.assertEqual(set(table[written]), {i + 3.0}, (name, written))
                    if written != name:
                        self.assertIn(f": {written}, since the format has no place for its name\n",
                                      err)
                    if ending == "fits" and len(self.fits_name(name)) < 60:
                        self.assertIn(written, (self.fits_name(name), self.fits_name(name) + "~1"))
                self.assertEqual(err.count("\n"),
                                 sum(a != b for a, b in zip(ODD_NAMES, table.colnames[4:])))

    def test_imported_again(self):
        """All formats but CSV, whose readers take quotes and blanks from names."""
        for ending in FORMATS:
            with self.subTest(ending=ending):
                self.succeed(EXPORT, "result.h5", "in.h5", "-c", "all", "-o", f"out.{ending}")
                names = self.read(ending).colnames
                code, _, err = self.run_tool(IMPORT, f"out.{ending}", "again.h5", "--overwrite")
                self.assertEqual(code, 0, err)
                found = read_columns("again.h5")
                self.assertEqual(list(found), [name for name in names if name in found])
                lost = [name for name in names if name not in found]
                for name in lost:
                    self.assertRegex(err, "column left out")
                self.assertLess(len(lost), 4, lost)

    def test_units_and_texts(self):
        units = {"x": "°C", "y": "é" * 30, "z": "m\x1b\n"}
        texts = np.array(["né\x0b", "a\rb", "c\r\nd", "\x1b[31m", "tab\tx", "\ufffe", "e\u2028"] * 2,
                         object)
        with h5py.File("in.h5", "w") as file:
            for name, values in zip("xyz", self.rows[:14].T):
                file[f"t/{name}"] = values
                file[f"t/{name}"].attrs["units"] = units[name]
            file["t/s"] = texts
        self.fit()
        said = r"(.*unit left out \(y\): .*, which is too long for FITS\n)?(.*\n)*"
        table = self.export("in.h5", said=said)
        self.assertIsNone(table["y"].unit)
        self.assertEqual(str(table["z"].unit), "m\\x1b\\x0a")
        for ending in ("vot", "ecsv", "csv"):
            table = self.export("in.h5", "-c", "x,y,z,s", ending=ending, said=said)
            self.assertEqual(
                [text.replace("\r\n", "\n") for text in table["s"]][:7],
                ["né\\x0b", "a\\x0db", "c\nd", "\\x1b[31m", "tab\tx", "\\ufffe", "e\\u2028"])


class Lists(ExportTest):
    """@FILE names catalogues, as in the program."""

    def test_lists(self):
        names = [f"part {i}.h5" for i in range(4)]
        for name, rows in zip(names, np.split(self.rows, 4)):
            write(name, dict(zip("xyz", rows.T)))
        write_text("list.txt", "# files\n\n part 0.h5 \r\npart 1.h5\n\tpart 2.h5\t\npart 3.h5")
        self.fit(files=["@list.txt"])
        table = self.export("@list.txt")
        np.testing.assert_array_equal(table["y"], self.rows[:, 1])
        write_text("rest.txt", "\n".join(names[2:]))
        self.export(*names[:2], "@rest.txt")
        self.succeed(PLOT, "result.h5", "@list.txt", "-o", "out.png")
        self.succeed(IMPORT, "@list.txt", "joined.h5")
        np.testing.assert_array_equal(read_columns("joined.h5")["z"], self.rows[:, 2])
        os.rename("part 0.h5", "@odd.h5")
        write_text("list.txt", "@odd.h5\n" + "\n".join(names[1:]))
        self.export("@list.txt")

    def test_bad_lists(self):
        write("in.h5", self.columns)
        self.fit()
        write_text("empty.txt", "# nothing\n\n")
        write_text("absent.txt", "in.h5\nnowhere.h5\n")
        self.deny(r"empty list of files \(empty.txt\)", "@empty.txt")
        self.deny(r"not a list of files \(in.h5\): it is no text", "@in.h5")
        self.deny(r"\(nowhere.h5\): No such file", "@absent.txt", code=4)
        self.deny(r"\(nowhere.txt\): No such file", "@nowhere.txt", code=4)
        os.mkfifo("fifo")
        code, _, err = self.run_tool(EXPORT, "result.h5", "@fifo", "-o", "new.csv")
        self.assertEqual(code, 4)
        self.assertRegex(err, r"no regular file \(fifo\): it is a FIFO")


class Stored(ExportTest):
    """Rows that are stored in other ways are checked as well."""

    def check(self, *files, result="result.h5", others, values=None):
        """These are the rows of the result, others in their place are refused."""
        table = self.export(*files, result=result)
        np.testing.assert_array_equal(table.columns[1], self.rows[:, 0] if values is None else values)
        self.refuse(3, "labels do not fit the rows", EXPORT, result, *others, "-o", "new.csv")

    def predict(self, *files):
        skymeans("predict", "result.h5", *files, "-o", "labels.h5", "--overwrite")
        os.remove("result.h5")

    def test_transposed(self):
        """The result knows it, of fit and of predict."""
        for name, rows in (("in.h5", self.rows), ("other.h5", np.roll(self.rows, 5, axis=0))):
            with h5py.File(name, "w") as file:
                file["a"] = np.ascontiguousarray(rows.T)
        self.fit("--transpose", features="0,1,2")
        self.check("in.h5", others=["other.h5"])
        self.check("in.h5", "--transpose", others=["other.h5", "--transpose"])
        self.succeed(PLOT, "result.h5", "in.h5", "-o", "out.png")
        self.predict("in.h5", "--transpose")
        self.check("in.h5", result="labels.h5", others=["other.h5"])

    def test_square(self):
        """Rows and columns that could be taken for each other."""
        square = make_rows(9).repeat(3, axis=1)
        with h5py.File("in.h5", "w") as file:
            file["a"] = square
        skymeans("fit", "in.h5", "-k", 3, "--transpose", "-o", "result.h5")
        table = self.export("in.h5", "-c", "1")
        np.testing.assert_array_equal(table["1"], square[1])

    def test_transposed_tables_below_each_other(self):
        thirds = np.array_split(self.rows, 3)
        for name, shift in (("in.h5", 0), ("other.h5", 1)):
            with h5py.File(name, "w") as file:
                for i, rows in enumerate(thirds):
                    file[f"coadd_{i}"] = np.ascontiguousarray(np.roll(rows, shift, axis=0).T)
                file["unrelated"] = np.zeros((3, 4))
        self.fit("-d", "coadd_*", "--transpose", features="0,1,2")
        self.check("in.h5", others=["other.h5"])

    def test_tables_below_each_other(self):
        """In several files, with ids, and as the rows of a prediction."""
        halves = np.array_split(self.rows, 2)
        ids = np.array_split(np.arange(N_ROWS) + 3, 2)
        for number, name in enumerate(("a.h5", "b.h5")):
            rows = np.array_split(halves[number], 3)
            for i, part in enumerate(rows):
                start = sum(map(len, rows[:i]))
                write(name, {**dict(zip("xyz", part.T)),
                             "n": ids[number][start:start + len(part)]}, f"coadd_{i}")
            write(name, {"x": np.zeros(5)}, "unrelated")
            with h5py.File(f"rolled_{name}", "w") as file:
                for i, part in enumerate(rows):
                    for feature, column in zip("xyz", np.roll(part, 1, axis=0).T):
                        file[f"coadd_{i}/{feature}"] = column
        rolled = ["rolled_a.h5", "rolled_b.h5"]
        self.fit("-d", "coadd_*", files=["a.h5", "b.h5"])
        self.check("a.h5", "b.h5", others=rolled)
        self.fit("-d", "coadd_*", "--id", "n", files=["a.h5", "b.h5"])
        table = self.export("a.h5", "b.h5", "-c", "all")
        self.assertEqual(table.colnames, ["n", "x", "y", "z", "label"])
        self.assertEqual(table["n"].tolist(), list(range(3, N_ROWS + 3)))
        self.predict("a.h5", "b.h5", "-d", "coadd_*")
        self.check("a.h5", "b.h5", result="labels.h5", others=rolled)

    def test_prediction_of_other_rows(self):
        """In another layout, with a missing value that only the prediction was told of."""
        write("in.h5", self.columns)
        self.fit("--scale", "standard", "--missing-value", "x:-99")
        rows = make_rows(150, seed=7)
        rows[::10, 1] = -77
        rows[5::10, 0] = -99
        for name, values in (("more.h5", rows), ("rolled.h5", np.roll(rows, 3, axis=0))):
            write(name, dict(zip("xyz", values.T)), "deep/er")
        skymeans("predict", "result.h5", "more.h5", "--missing-value", "y:-77", "-o", "labels.h5")
        os.remove("result.h5")
        table = self.export("more.h5", result="labels.h5")
        expected = np.where(rows == [-99, -77, np.inf], np.nan, rows)
        np.testing.assert_array_equal(table["y"], expected[:, 1])
        self.assertEqual(np.count_nonzero(table["label"] < 0), 30)
        self.refuse(3, "labels do not fit the rows", EXPORT, "labels.h5", "rolled.h5", "-o", "n.csv")


if __name__ == "__main__":
    unittest.main()
