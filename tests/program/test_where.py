"""Tests of how tools/import.py chooses rows, and of tables with very many columns:
`make check TEST=where`."""
import os
import subprocess
import sys
import unittest
from unittest import mock

import h5py
import numpy as np
from astropy.table import MaskedColumn, Table

from tool import ROOT, ToolTest, load_tool, read_columns, skymeans, write_text

IMPORT = load_tool("import")
derive, pieces = sys.modules["derive"], sys.modules["pieces"]  # those of import.py
NAN = np.nan


class Truths(unittest.TestCase):
    """Three of them, by Kleene's logic: a missing value leaves an answer open only where it matters."""

    COLUMNS = {"x": np.array([1, 0, NAN]), "n": np.array([3, -3, 0]), "y": np.full(3, NAN),
               "b": np.array([True, False, True]), "u": np.array([1, 2, 3], "u1")}

    def check(self, text, *expected):
        found = derive.truth(derive.evaluate(derive.parse_selection(text), self.COLUMNS))
        np.testing.assert_array_equal(found, expected, text)

    def test_comparisons(self):
        for text, expected in (("x > 0", (1, 0, NAN)), ("x != 1", (0, 1, NAN)), ("x == x", (1, 1, NAN)),
                               ("n <= -3", (0, 1, 0)), ("n < y", (NAN,) * 3), ("u >= 2", (0, 1, 1)),
                               ("log10(x) < 1", (1, 1, NAN)), ("sqrt(n) >= 0", (1, NAN, 1)),
                               ("x", (1, 0, NAN)), ("n", (1, 1, 0)), ("b", (1, 0, 1)), ("1", (1,) * 3)):
            self.check(text, *expected)

    def test_logic(self):
        for text, expected in (
                ("~(x > 0)", (0, 1, NAN)), ("~b", (0, 1, 0)), ("(x > 0) & (y > 0)", (NAN, 0, NAN)),
                ("(x > 0) | (y > 0)", (1, NAN, NAN)), ("isnan(x) | (x > 0)", (1, 0, 1)),
                ("isfinite(x) & (x > -1)", (1, 1, 0)), ("(n > 0) | (x == 0)", (1, 1, NAN)),
                ("~((x > 0) & ~(n > 0))", (1, 1, NAN)), ("b & n", (1, 0, 0)),
                ("where(x > 0, n, -n) > 0", (1, 1, NAN)), ("where(isnan(x), 5, x) > 0", (1, 0, 1)),
                ("(x > 0) == (n > 0)", (1, 1, NAN)), ("n * (x > 0) > 1", (1, 0, NAN))):
            self.check(text, *expected)


class Where(ToolTest):

    def setUp(self):
        super().setUp()
        write_text("in.csv", "x,n,b-v,name\n1.0,1,0.5,a\n-2,2,,b\n0,3,1.5,c\n,4,2.5,d\n7,5,3.5,eee\n")

    def check(self, where, said, *arguments, files=("in.csv",), **columns):
        self.succeed(IMPORT, *files, "out.h5", "--overwrite", "--where", where, *arguments)
        self.assertRegex(self.last_line, f"^{said}")
        found = read_columns("out.h5")
        self.assertEqual(list(found), list(columns))
        for name, values in columns.items():
            np.testing.assert_array_equal(found[name], values, name)

    def test_rows(self):
        self.check("x >= 0", r"3 rows \(of 5; of 1 more a missing value leaves open whether --where is "
                   r"true\), 4 columns: out.h5\n$", x=[1, 0, 7], n=[1, 3, 5],
                   **{"b-v": [0.5, 1.5, 3.5]}, name=[b"a", b"c", b"eee"])
        with h5py.File("out.h5", "r") as file:
            self.assertEqual(file["table"].attrs["where"], "x >= 0")
            self.assertEqual(file["table/columns/x/data"].shape, (3,))
        skymeans("fit", "out.h5", "-k", "2", "-c", "x,n", "-o", "result.h5")

    def test_columns(self):
        """It may use columns that are not written, odd names, and derived ones."""
        self.check("{b-v} > 1", r"3 rows \(of 5; of 1 more", "-c", "n", n=[3, 4, 5])
        self.check("half > 1.2", r"3 rows \(of 5; of 0 more", "-c", "half,name", "--derive",
                   "half=n/2", half=[1.5, 2, 2.5], name=[b"c", b"d", b"eee"])

    def test_arrays(self):
        Table({"v": np.arange(10.0).reshape(5, 2),
               "m": MaskedColumn(np.arange(5), mask=[0, 0, 0, 0, 1])}).write("in.fits")
        self.check("(v[1] > 2) & (m < 4)", r"3 rows \(of 5; of 1 more", files=["in.fits"], m=[1, 2, 3])

    def test_pieces(self):
        """Rows of all pieces of all files, in chunks."""
        n = 500
        rows = [f"{i},{i * i % 97},{'' if i % 50 == 0 else i % 7}\n" for i in range(n)]
        write_text("a.csv", "i,q,m\n" + "".join(rows[:200]))
        write_text("none.csv", "i,q,m\n")
        write_text("b.csv", "q,m,i\n" + "".join(",".join((*row.strip().split(",")[1:],
                                                         row.split(",")[0])) + "\n"
                                                for row in rows[200:]))
        i = np.arange(n)
        kept = i[(i * i % 97 > 20) & (i % 7 != 3) & (i % 50 != 0)]
        n_open = np.count_nonzero((i * i % 97 > 20) & (i % 50 == 0))
        for size in (100, 1000, 10 ** 6):
            for chunk in (1, 7, 10 ** 6):
                with mock.patch.object(pieces, "PIECE_BYTES", size), \
                        mock.patch.object(IMPORT, "CHUNK_ROWS", chunk):
                    self.check("(q > 20) & (m != 3)", rf"{len(kept)} rows \(of 500; of {n_open} more",
                               files=["a.csv", "none.csv", "b.csv"], i=kept, q=kept * kept % 97,
                               m=kept % 7)

    def test_none(self):
        self.refuse(3, r"no rows \(--where x > 100\): of 5 it is true for none, and 1 miss", IMPORT,
                    "in.csv", "out.h5", "--where", "x > 100")

    def test_refused(self):
        for where, code, pattern in (
                ("x > 1 & n > 1", 2, r"bad expression \(--where\): .*put each in parentheses: "
                                     r"\(a > 1\) & \(b > 1\)"),
                ("x > 1 and n > 1", 2, "use & and |"), ("not x", 2, "use ~"), ("", 2, "bad expression"),
                ("x = 1", 2, "bad expression"), ("open(x)", 2, "the functions are"),
                ("q > 1", 3, r"no such column \(--where, q\): the columns are x n b-v name;"),
                ("name > 1", 3, r"cannot compute \(--where\): texts can't be compared"),
                ("name", 3, r"cannot compute \(--where\): texts are neither"),
                ("x[1] > 1", 3, r"cannot compute \(--where\)"),
                ("n == 9007199254740993", 2, "does not tell from its neighbours"),
                ("Lt(x, 1)", 2, "the functions are"), ("x > 'a'", 2, "not a number")):
            with self.subTest(where=where):
                self.refuse(code, pattern, IMPORT, "in.csv", "out.h5", "--where", where)

    def test_shown_by_info(self):
        self.succeed(IMPORT, "in.csv", "out.h5", "--where", "x >= 0", "--derive", "s={b-v} + 1")
        finder = sys.modules["finder"]
        table = finder.table_of(finder.look("out.h5"))
        self.assertEqual((table["where"], table["columns"][-1]["formula"]), ("x >= 0", "{b-v} + 1"))


class ManyColumns(ToolTest):
    """Time and memory grow with the size of the table, whatever its shape."""

    N_COLUMNS = int(os.environ.get("KM_IMPORT_COLUMNS", 4000))  # `make check-import` asks for more
    N_ROWS = 300

    def write(self, n_rows):
        """A row is a number of its column and its own."""
        with open("in.csv", "w", encoding="ascii") as file:
            file.write(",".join(f"column_{i}" for i in range(self.N_COLUMNS)) + "\n")
            numbers = [str(i) for i in range(self.N_COLUMNS)]
            for row in range(n_rows):
                file.write(",".join(number + f".{row:03d}" for number in numbers) + "\n")

    def test_csv(self):
        """Many rows of many columns: pieces of some rows, and chunks of some."""
        self.write(self.N_ROWS)
        done = subprocess.run(
            [sys.executable, os.path.join(ROOT, "tools", "import.py"), "in.csv", "out.h5"],
            capture_output=True, text=True, timeout=60 + self.N_COLUMNS / 100,
            env={**os.environ, "OMP_NUM_THREADS": "1"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, f"{self.N_ROWS} rows, {self.N_COLUMNS} columns: out.h5\n")
        with h5py.File("out.h5", "r") as file:
            for i in (0, self.N_COLUMNS // 2, self.N_COLUMNS - 1):
                np.testing.assert_allclose(file[f"table/columns/column_{i}/data"][:],
                                           i + np.arange(self.N_ROWS) / 1000, rtol=1e-15)

    def test_errors_are_short(self):
        self.write(1)
        self.refuse(3, r"the columns are column_0 .* column_99 and \d+ more; correct", IMPORT,
                    "in.csv", "out.h5", "-c", "nothing")


if __name__ == "__main__":
    unittest.main()
