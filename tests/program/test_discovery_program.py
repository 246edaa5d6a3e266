"""Which tables a file has, and which of them is meant.

What is found is compared with what h5py, PyTables and pandas wrote; what is read, with the same
numbers as a plain two-dimensional array, in labels, centers and inertia.
"""
import resource
import sys
import unittest
import warnings

sys.dont_write_bytecode = True

import h5py
import numpy as np
import pandas
import tables

from discovery import DiscoveryTest, K, N, VALUES, X, Y, Z, W, write
from program import IS_SANITIZED, run, run_alone

warnings.simplefilter("ignore", tables.NaturalNameWarning)
warnings.simplefilter("ignore", tables.PerformanceWarning)


# ---- which table ---------------------------------------------------------------------------------


class ByWhatIsAsked(DiscoveryTest):

    def test_columns_of_other_lengths(self):
        """Only those that are named count, as in files of netCDF-4 and NeXus."""
        write("in.h5", {"x": X, "y": Y, "bins": np.arange(11.0), "zone": np.arange(7),
                        "note": np.array([b"a"] * 5)})
        found = self.tables("in.h5")["/"]
        self.assertEqual((found["rows"], found["n_columns"], found["needs_columns"]), (N, 5, True))
        self.assertRegex(found["flaw"], "not equally long")
        self.assertEqual([c["rows"] for c in found["columns"]], [11, 5, N, N, 7])
        self.check_same(VALUES[:, :2], ["in.h5", "-c", "x,y"], ranks=(1, 3))
        options = "-k", K, "-o", "out.h5"
        self.refuse((3, r"\(in.h5, dataset /\): .*bins has 11 rows, x has 300; name columns with -c",
                     "fit", "in.h5", *options),
                    (3, r"\(in.h5, /, column bins\): it has 11 rows, and x has 300", "fit", "in.h5",
                     "-c", "x,bins", *options),
                    (3, r"\(in.h5, /, column zone\): it has 7 rows", "fit", "in.h5", "-c", "x",
                     "--weights", "zone", *options),
                    (3, r"\(in.h5, /, column note\): it has 5 rows", "fit", "in.h5", "-c", "x",
                     "--id", "note", *options), ranks=(1,))

    def test_an_array_beside_columns(self):
        """One two-dimensional column is no second table."""
        write("in.h5", {"x": X, "y": Y, "z": Z, "both": VALUES[:, :2], "other": np.ones((7, 2))})
        found = self.tables("in.h5")
        self.assertEqual({path: (t["is_array"], t["is_on_request"]) for path, t in found.items()},
                         {"/": (False, False), "/both": (True, True), "/other": (True, False)})
        self.check_same(VALUES[:, :2], ["in.h5", "-c", "x,y"], ["in.h5", "-c", "both"],
                        ["in.h5", "-d", "both"], ["in.h5", "-d", "both", "-c", "0,1"])
        with h5py.File("in.h5", "a") as file:
            del file["other"]
        self.check_same(np.column_stack([VALUES[:, :2], VALUES[:, :3]]), ["in.h5"])
        self.check_same(VALUES[:, :2], ["in.h5", "-c", "0,1"])  # which only that has

    def test_the_table_that_has_the_columns(self):
        write("in.h5", {"a/x": X, "a/y": Y, "b/x": Z, "b/z": Z, "c/u": np.arange(5.0),
                        "d": VALUES})
        self.check_same(VALUES[:, [0, 1]], ["in.h5", "-c", "x,y"], ["in.h5", "-d", "a"])
        self.check_same(VALUES[:, [1]], ["in.h5", "-c", "y"])
        self.check_same(VALUES[:, [2]], ["in.h5", "-c", "z"], ["in.h5", "-d", "/d/", "-c", "2"],
                        ["in.h5", "-c", "2"], ["in.h5", "-c", "b/x"])
        options = "-k", K, "-o", "out.h5"
        self.refuse((3, r"which table \(in.h5\): .*: /a \(300 rows, 2 columns\), /b \(",
                     "fit", "in.h5", "-c", "x", *options),
                    (3, r"which table \(in.h5\)", "fit", "in.h5", *options),
                    (3, r"which table \(in.h5\)", "fit", "in.h5", "-c", "x,z/y", *options),
                    (3, r"no such column \(in.h5, column none\): no table has it", "fit", "in.h5", "-c",
                     "x,none,u", *options),
                    (3, r"no such column \(in.h5, column q=y\+z\): no table has it", "fit", "in.h5",
                     "-c", "q=y+z", *options),
                    (2, r"bad expression \(-c y-, character 3, at its end\)", "info", "in.h5", "-c",
                     "q=y-"),
                    (3, r"no such column \(in.h5, /a, column z\): no name is near", "fit", "in.h5",
                     "-d", "a", "-c", "z", *options))

    def test_any_path_names_it(self):
        """As SWIFT has GasParticles for PartType0; hard, soft and external links."""
        write("in.h5", {"PartType0/x": X, "PartType0/y": Y, "Aliases/Gas": "/PartType0",
                        "GasParticles": "/PartType0", "array": VALUES[:, :2],
                        "Aliases/array": "/array",
                        "tab/columns/x/data": X, "tab/columns/y/data": Y, "atab": "/tab"})
        with h5py.File("in.h5", "a") as file:
            file["same"] = file["PartType0"]
            file["Aliases/hard"] = file["array"]
        with h5py.File("other.h5", "w") as file:
            file["link"] = h5py.ExternalLink("in.h5", "/PartType0")
        self.assertEqual(set(self.tables("in.h5")),
                         {"/PartType0", "/Aliases/hard", "/tab/columns"})
        names = ["PartType0", "GasParticles", "/Aliases/Gas", "same", "array", "Aliases/array",
                 "Aliases/hard", "tab", "tab/columns", "atab", "atab/columns"]
        self.check_same(VALUES[:, :2], *[["in.h5", "-d", name] for name in names], ["other.h5"],
                        ["other.h5", "-d", "link", "-c", "x,y"])

    def test_what_cannot_be_opened(self):
        write("in.h5", {"x": X, "soft": "/nowhere", "cube": np.zeros((3, 3, 3)),
                        "text/t": np.array([b"a", b"b"])}, libver="latest")
        with h5py.File("in.h5", "a") as file:
            file["elsewhere"] = h5py.ExternalLink("none.h5", "/x")
            file["loop"] = h5py.SoftLink("/loop")
            file["newer"] = Y
            at = h5py.h5o.get_info(file["newer"].id).addr
            for name, form in (("csr", "csr_matrix"), ("plain", "")):
                group = file.create_group(name)
                group.attrs["encoding-type"] = form
                group["data"], group["indices"] = np.ones(5), np.arange(5)
                group["indptr"] = np.arange(3)
            file["pairs"] = np.zeros((5, 2), complex)
        with open("in.h5", "r+b") as file:
            file.seek(at)
            self.assertEqual(file.read(5), b"OHDR\2")
            file.seek(at + 4)
            file.write(b"\x07")  # a version of object headers that is yet to come
        found = self.unusable("in.h5")
        for path, reason in (("/soft", "a link to /nowhere, which can't be opened"),
                             ("/elsewhere", "a link to /x in the file none.h5"),
                             ("/loop", "a link to /loop"), ("/newer", "perhaps a newer HDF5 wrote it than runs here"),
                             ("/cube", "3 dimensions"), ("/csr", "sparse"), ("/plain", "sparse"),
                             ("/text", "texts"), ("/pairs", "complex")):
            self.assertIn(reason, found.pop(path))
        self.assertEqual(found, {})
        options = "-k", K, "-o", "out.h5"
        self.refuse((3, r"\(in.h5, /, column soft\): it is a link to /nowhere", "fit", "in.h5",
                     "-c", "x,soft", *options),
                    (3, r"\(in.h5, /, column newer\): it can't be opened", "fit", "in.h5", "-c",
                     "newer", *options),
                    (3, r"not a table \(in.h5, dataset csr\): it is a sparse matrix", "fit",
                     "in.h5", "-d", "csr", *options),
                    (3, r"not a table \(in.h5, dataset cube\): it has 3 dimensions", "fit",
                     "in.h5", "-d", "cube", *options))
        self.check_same(X, ["in.h5", "-c", "x"], ["in.h5"])
        out = run("info", "in.h5").out
        self.assertIn("    /newer: it can't be opened", out)

    def test_ordinary_names(self):
        """They mean nothing by themselves."""
        write("in.h5", {"truth/x": X, "run/data": Y, "run/time": Z, "run/errors": W})
        self.assertEqual(set(self.tables("in.h5")), {"/truth", "/run"})
        self.check_same(X, ["in.h5", "-d", "truth"])
        self.check_same(VALUES[:, 1:3], ["in.h5", "-c", "data,time"],
                        ["in.h5", "-c", "run/data,run/time"])
        write("vaex.h5", {"table/columns/x/data": X, "table/columns/y/data": Y})
        self.check_same(VALUES[:, :2], ["vaex.h5"])
        self.check_same(X, ["vaex.h5", "-c", "table/columns/x"], ["vaex.h5", "-c", "table/x"],
                        ["vaex.h5", "-c", "/table/columns/x/data"])
        write("sets.h5", {"train/data": X, "test/data": Y[:100]})
        self.check_same(X, ["sets.h5", "-c", "train"], ["sets.h5", "-d", "train"])
        self.check_same(Y[:100], ["sets.h5", "-d", "test"])

    def test_compounds_of_r_and_i(self):
        write("in.h5", {"z": X + 1j * Y, "x": X})
        found = self.tables("in.h5")
        self.assertEqual({p: t["is_on_request"] for p, t in found.items()},
                         {"/": False, "/z": True})
        self.check_same(VALUES[:, :2], ["in.h5", "-d", "z"], ["in.h5", "-c", "r,i"])
        self.check_same(X, ["in.h5"])
        inner = np.zeros(N, [("x", "f8"), ("z", "c16")])
        inner["x"] = X
        write("inner.h5", {"t": inner})
        self.assertEqual([(c["name"], c["type"], c["is_numeric"])
                          for c in self.columns("inner.h5", "/t").values()],
                         [("x", "float64", True), ("z", "complex number", False)])
        self.refuse((3, r"\(inner.h5, /t, column z\): it is complex number", "fit", "inner.h5",
                     "-c", "z", "-k", K, "-o", "out.h5"), ranks=(1,))

    def test_files_without_the_group(self):
        """The parts of a snapshot, of which some have no particles of a kind."""
        for i, (begin, end) in enumerate(((0, 0), (0, 100), (100, 100), (100, 100), (100, N))):
            write(f"{i}.h5", {"PartType0/x": np.arange(5.0)})
            if end > begin:
                write(f"{i}.h5", {"PartType4/x": X[begin:end], "PartType4/y": Y[begin:end]})
        with h5py.File("3.h5", "a") as file:
            file.create_group("PartType4")
        files = [f"{i}.h5" for i in range(5)]
        for _, result in self.check_same(
                VALUES[:, :2], [*files, "-d", "PartType4"], [*files, "-d", "/PartType4", "-c", "x,y"],
                [*files, "-d", "PartType4/"],
                ranks=(1, 3)):
            self.assertEqual(result.data["files/rows"].tolist(), [0, 100, 0, 0, 200])
            self.assertEqual(result.data["files/first_row"].tolist(), [0, 0, 100, 100, 100])
            self.assertEqual(len(result.data["files/name"]), 5)
        options = "-k", K, "-o", "out.h5"
        self.refuse((3, r"no such table \(0.h5, dataset PartType5\)", "fit", *files, "-d",
                     "PartType5", *options),
                    (3, r"\(0.h5, ", "fit", "1.h5", "0.h5", "-c", "y", *options))


# ---- pandas --------------------------------------------------------------------------------------


class Pandas(DiscoveryTest):

    def test_names_of_several_levels(self):
        """Names come from what is stored, or not at all."""
        frames = {"texts": {("a", "x"): X, ("a", "y"): Y}, "numbers": {(1, 2): X, (1, 3): Y},
                  "one": {("a", "x"): X}}
        for name, columns in frames.items():
            for form in "fixed", "table":
                path = f"{name}-{form}.h5"
                pandas.DataFrame(columns).to_hdf(path, "df", format=form)
                self.assertEqual(self.tables(path), {})
                self.refuse((3, r"several levels \(MultiIndex\)", "fit", path, "-k", K, "-o",
                             "out.h5"),
                            (3, r"several levels \(MultiIndex\)", "fit", path, "-d", "df", "-k", K,
                             "-o", "out.h5"), ranks=(1,))

    def test_pickled_columns(self):
        """What can't be used is listed, with the reason, which stands in errors, too."""
        frame = pandas.DataFrame({"x": X, "name": [f"star {i}" for i in range(N)],
                                  "odd": [1, "a"] * (N // 2)})
        frame.to_hdf("in.h5", "df", format="fixed")
        self.assertEqual(list(self.columns("in.h5", "/df")), ["x", "index"])
        self.assertEqual(list(self.unusable("in.h5")), ["/df/name", "/df/odd"])
        self.refuse(*[(3, r"can't use a column \(in.h5, /df, column name\): it is texts .*format='table'",
                       "fit", "in.h5", *words, "-k", K, "-o", "out.h5")
                      for words in (["-c", "x,name"], ["-c", "x", "--id", "name"])], ranks=(1,))

    def test_index(self):
        """A column behind the others, by its own name, unless that is none, or that of a column."""
        ids = 4_000_000_000_000_000_000 + np.arange(N)[::-1]
        names = np.array([f"star {i}" for i in range(N)])
        times = pandas.to_datetime(np.arange(N) * 10 ** 9)
        for index, name, found in ((ids, "source_id", "source_id"), (ids, None, "index"),
                                   (names, "\u03b1 star", "\u03b1 star"), (ids, "y", "index"),
                                   (times, "seen", "seen")):
            frame = pandas.DataFrame({"x": X, "y": Y}, index=pandas.Index(index, name=name))
            for part, of in zip((frame[:0], frame), ("fixed.h5", "more.h5")):
                part.to_hdf(of, "df", format="fixed", mode="w")
            frame.to_hdf("table.h5", "df", format="table", mode="w")
            for files in ["fixed.h5", "more.h5"], ["more.h5", "fixed.h5"], ["more.h5"], ["table.h5"]:
                if index is names and "fixed.h5" in files:
                    continue  # without rows pandas pickles the texts
                table, = self.tables(files[0])
                self.assertEqual(list(self.columns(files[0], table)), ["x", "y", found])
                done = self.check_same(np.column_stack([X, Y]), [*files, "--id", found],
                                       ranks=(1, 3))
                expected = [n.encode() for n in index] if index is names else index.astype("i8").tolist()
                for _, result in done:
                    self.assertEqual(result.data["ids"].tolist(), expected)

    def test_categories_are_no_table(self):
        frame = pandas.DataFrame({"x": X, "kind": pandas.Categorical(["a", "b", None] * (N // 3)),
                                  "n": pandas.Categorical([1.5, 2.5, 3.5] * (N // 3))})
        for how in {"format": "table"}, {"format": "table", "data_columns": True}:
            frame.to_hdf("in.h5", "df", mode="w", **how)
            self.assertEqual(list(self.tables("in.h5")), ["/df/table"])
            found = self.columns("in.h5", "/df/table")
            self.assertEqual(list(found), ["x", "kind", "n", "index"])
            self.assertEqual((found["kind"]["is_category"], found["kind"]["convention"]["missing"]),
                             (True, [-1]))
            self.assertFalse(found["x"]["is_category"])
            self.assertIn("numbers of categories", run("info", "in.h5").out)
            codes = np.where(frame["kind"].cat.codes < 0, np.nan, frame["kind"].cat.codes)
            done = self.check_same(np.column_stack([X, codes]), ["in.h5", "-c", "x,kind"])
            self.assertIn("numbers of categories (in.h5, column kind)", done[0][0].err)
            frame.assign(kind=frame["kind"].cat.rename_categories({"a": "c"})).to_hdf(
                "other.h5", "df", mode="w", **how)
            for words, said in ((["in.h5", "other.h5"], "which each file may number"), (["in.h5"], "")):
                finished = run("fit", *words, "-c", "x", "--where", "kind == 0", "-k", K, "-o", "out.h5",
                               "--overwrite")
                self.assertEqual(finished.code, 0, finished)
                self.assertIn(said, finished.err)
                self.assertEqual("numbers of categories" in finished.err, said != "")

    def test_times(self):
        """No time is missing, not the year 1677."""
        times = pandas.to_datetime(np.arange(N) * 10 ** 9)
        gaps = pandas.to_timedelta(np.arange(N), unit="s").to_series(index=range(N))
        frame = pandas.DataFrame({"x": X, "t": times, "d": gaps})
        frame.loc[7, "t"] = frame.loc[9, "d"] = pandas.NaT
        t, d = (np.where(frame[c].isna(), np.nan, np.arange(N) * 1e9) for c in "td")
        for how in ({"format": "fixed"}, {"format": "table"},
                    {"format": "table", "data_columns": True}):
            frame.to_hdf("in.h5", "df", mode="w", **how)
            table, = self.tables("in.h5")
            found = self.columns("in.h5", table)
            for name in "td":
                self.assertEqual(found[name]["convention"]["missing"], [-2 ** 63])
            self.assertIsNone(found["x"]["convention"])
            self.check_same(np.column_stack([X, t, d]), ["in.h5", "-c", "x,t,d"])

    def test_truths(self):
        """pandas and PyTables store them as bitfields, which are numbers."""
        frame = pandas.DataFrame({"x": X, "b": X > 0, "c": Y > 0})
        both = np.column_stack([X > 0, Y > 0]).astype("f4")
        for form in "fixed", "table":
            frame.to_hdf("in.h5", "df", mode="w", format=form)
            self.check_same(both, ["in.h5", "-c", "b,c"], ranks=(1, 3))
        with tables.open_file("t.h5", "w") as file:
            file.create_array("/", "b", X > 0)
            file.create_array("/", "c", Y > 0)
            file.create_array("/", "x", X)
        found = self.columns("t.h5", "/")
        self.assertEqual((found["b"]["type"], found["b"]["is_numeric"]), ("uint8", True))
        self.check_same(both, ["t.h5", "-c", "b,c"], ranks=(1, 3))

    def test_enumerations(self):
        """Categories by the numbers that are stored, also in compounds and for conditions."""
        kinds, n = {"STAR": 0, "GALAXY": 5, "QSO": -300}, np.array([0, 5, -300])[np.arange(N) % 3]
        kind = h5py.enum_dtype(kinds, basetype=">i2")
        table = np.zeros(N, [("x", "f4"), ("class", kind)])
        table["x"], table["class"] = X, n
        with h5py.File("in.h5", "w") as file:
            file["t/x"] = X.astype("f4")
            file.create_dataset("t/class", data=n, dtype=kind, chunks=(70,), compression="gzip")
        write("table.h5", {"t": table})
        for path in "in.h5", "table.h5":
            found = self.columns(path, "/t")["class"]
            self.assertEqual([found[key] for key in ("type", "is_numeric", "is_category", "is_floating")],
                             ["enumeration of 3 names", True, True, False])
        both = np.column_stack([X, n]).astype("f4")
        done = self.check_same(both, *[[path, "-c", "x,class", "--verify"] for path in
                                       ("in.h5", "table.h5")], ranks=(1, 3))
        for finished, _ in done:
            self.assertIn("numbers of categories", finished.err)
        chosen = np.where((n == -300)[:, None], both[:, :1], np.nan)
        for path in "in.h5", "table.h5":
            labels = self.fit(path, K, "-c", "x", "--where", "class == -300")[1].labels
            self.assertEqual((labels >= 0).tolist(), np.isfinite(chosen[:, 0]).tolist())

    def test_a_name_for_a_frame(self):
        pandas.DataFrame({"x": X, "y": Y}).to_hdf("in.h5", "g/df", format="table")
        pandas.DataFrame({"u": X, "v": Y}).to_hdf("in.h5", "g/fixed", format="fixed")
        with h5py.File("in.h5", "a") as file:
            file["alias"] = h5py.SoftLink("/g/df")
            file["short"] = h5py.SoftLink("/g/fixed")
        self.check_same(VALUES[:, :2], *[["in.h5", "-d", name, "-c", columns] for name, columns in (
            ("g/df", "x,y"), ("alias", "x,y"), ("alias/table", "x,y"), ("g/df/table", "x,y"),
            ("short", "u,v"))], ["in.h5", "-c", "u,v"], ["in.h5", "-c", "g/df/x,g/fixed/v"])


# ---- JSON, filters, speed ------------------------------------------------------------------------


class Info(DiscoveryTest):

    def test_odd_texts(self):
        """Whatever is in names and units, it is JSON."""
        names = [b"two\nlines", b"\x1b[31m", b"\xff\xfe", b"\xed\xa0\x80", b"\xe0\x80\x80",
                 b"\xf4\x90\x80\x80", b'"\\', "\u03b1\U0001f600".encode(), b"\x7f"]
        with h5py.File("in.h5", "w") as file:
            for name in names:
                data = h5py.Dataset(h5py.h5d.create(
                    file.id, name, h5py.h5t.NATIVE_DOUBLE, h5py.h5s.create_simple((5,))))
                data.attrs["units"] = np.bytes_(name)
        found = self.columns("in.h5", "/")
        self.assertEqual(self.tables("in.h5")["/"]["n_columns"], len(names))
        self.assertIn("\u03b1\U0001f600", found)
        self.assertEqual(found["two\nlines"]["units"], "two\nlines")
        self.assertIn("\ufffd\ufffd", found)

    def test_the_schema(self):
        write("in.h5", {"t/x": X, "t/y": Y})
        with h5py.File("in.h5", "a") as file:
            file["t/x"].attrs["units"] = "mag"
        found = self.info("in.h5", ranks=3)
        self.assertEqual((found["kind"], found["unusable"], found["table"]),
                         ("catalogue", [], "/t"))
        self.assertEqual([c["name"] for c in found["selection"]], ["x", "y"])
        x = found["tables"][0]["columns"][0]
        self.assertEqual(x["values"], {"dataset": "/t/x", "member": None, "position": 0,
                                       "length": 1, "is_transposed": False, "is_bitmap": False})
        self.assertEqual((x["units"], x["storage"], x["filters"], x["mask"], x["convention"]),
                         ("mag", "contiguous", [], None, None))
        write("two.h5", {"a": VALUES, "b": VALUES})
        found = self.info("two.h5")
        self.assertIsNone(found["selection"])
        self.assertEqual([c["name"] for t in found["tables"] for c in t["columns"]], [None, None])
        self.assertEqual([t["path"] for t in self.info("two.h5", "-d", "b")["tables"]], ["/b"])
        self.fit("in.h5", K)
        found = self.info("out.h5")
        self.assertEqual(found["kind"], "result")
        self.assertIn("/centers", [t["path"] for t in found["tables"]])
        self.refuse((3, "no such column", "info", "in.h5", "--json", "-c", "q"),
                    (3, "no such table", "info", "in.h5", "-d", "q"),
                    (3, "which table", "info", "two.h5", "-c", "0"), ranks=(1,))
        self.assertIn("--json", run("info", "--help").out)

    def test_filters(self):
        """What is not available here is named before the run; other chunks can be read."""
        with h5py.File("in.h5", "w") as file:
            file.create_dataset("t/plain", data=X, chunks=(50,))
            file.create_dataset("t/both", data=X, chunks=(50,), shuffle=True, compression=4)
            file.create_dataset("t/sum", data=X, chunks=(50,), fletcher32=True)
            creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            creation.set_chunk((50,))
            creation.set_filter(32026, h5py.h5z.FLAG_OPTIONAL, ())
            data = h5py.h5d.create(file["t"].id, b"odd", h5py.h5t.NATIVE_DOUBLE,
                                   h5py.h5s.create_simple((N,)), creation)
            data.write(h5py.h5s.ALL, h5py.h5s.ALL, X.copy())
        found = self.columns("in.h5", "/t")
        self.assertEqual({n: (c["filters"], c["lacks_filter"]) for n, c in found.items()},
                         {"plain": ([], False), "both": (["shuffle", "deflate"], False),
                          "sum": (["fletcher32"], False),
                          "odd": (["blosc2 (32026), not available here"], True)})
        out = run("fit", "in.h5", "-c", "plain,odd", "-k", K, "--dry-run").out
        self.assertRegex(out, r"filters +odd: blosc2 \(32026\), not available here; .*\n"
                              r" +HDF5_PLUGIN_PATH")
        self.assertNotIn("filters", run("fit", "in.h5", "-c", "both", "-k", K, "--dry-run").out)
        self.check_same(X, ["in.h5", "-c", "odd"])  # all of its chunks are stored without it

    def test_order_of_columns(self):
        for track in False, True:
            with h5py.File("in.h5", "w", track_order=track) as file:
                for name in "cab":
                    file[name] = X
            self.assertEqual("".join(self.columns("in.h5", "/")), "cab" if track else "abc")

    def time(self, *arguments):
        """Of the processor: other work on the machine does not count."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        finished = run_alone(*arguments)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.assertEqual(finished.code, 0, finished)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    def test_many_columns_and_groups(self):
        """In time that grows as their number: 1 s on a quiet machine, not minutes."""
        most = 20 if IS_SANITIZED else 3
        many = 20000
        space, values = h5py.h5s.create_simple((3,)), np.arange(3.0)

        def put(group, name):
            data = h5py.h5d.create(group, name, h5py.h5t.NATIVE_DOUBLE, space)
            data.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
        for libver in "earliest", "latest":
            with h5py.File(f"columns-{libver}.h5", "w", libver=libver) as file:
                group = file.create_group("t").id
                for i in range(many):
                    put(group, b"c%d" % i)
            with h5py.File(f"groups-{libver}.h5", "w", libver=libver) as file:
                for i in range(many):
                    put(h5py.h5g.create(file.id, b"g%d" % i), b"x")
            for path in f"columns-{libver}.h5", f"groups-{libver}.h5":
                self.assertLess(self.time("info", path), most)
            self.assertLess(self.time("fit", f"columns-{libver}.h5", "-c", "c7,c19999", "-k", 2,
                                      "-o", "out.h5", "--overwrite"), most)
        self.assertLess(self.time("fit", "groups-latest.h5", "-d", "g1999*", "-c", "x", "-k", 2,
                                  "-o", "out.h5", "--overwrite"), 3 * most)

    def test_many_chunks(self):
        with h5py.File("in.h5", "w") as file:
            for i in range(3):
                file.create_dataset(f"t/c{i}", data=np.arange(100000.0), chunks=(1,))
        self.assertLess(self.time("info", "in.h5"), 20 if IS_SANITIZED else 2)


if __name__ == "__main__":
    unittest.main()
