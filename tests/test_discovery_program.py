"""Which tables a file has, which of them is meant, and where columns are, by whatever name.

What is found is compared with what h5py, PyTables, pandas and astropy wrote; what is read, with the
same numbers as a plain two-dimensional array, in labels, centers and inertia.
"""
import json
import os
import resource
import sys
import unittest
import warnings

sys.dont_write_bytecode = True

import h5py
import numpy as np
import pandas
import tables

from program import IS_SANITIZED, ProgramTest, Result, blobs, run, run_all, write_array

warnings.simplefilter("ignore", tables.NaturalNameWarning)
warnings.simplefilter("ignore", tables.PerformanceWarning)

N = 300
K = 3
VALUES = blobs(N, 4)
X, Y, Z, W = VALUES.T


def write(path, datasets, mode="a", **how):
    """Datasets by path, each a NumPy array, or a path that a soft link leads to."""
    with h5py.File(path, mode, **how) as file:
        for name, values in datasets.items():
            if isinstance(values, str):
                file[name] = h5py.SoftLink(values)
            else:
                file[name] = values


class DiscoveryTest(ProgramTest):

    def info(self, path, *options, **how):
        """What `info --json` says."""
        finished = run("info", path, "--json", *options, **how)
        self.assertEqual((finished.code, finished.err), (0, ""), finished)
        found = json.loads(finished.out)
        self.assertEqual((found["version"], found["file"]), (1, path))
        return found

    def tables(self, path, *options, **how):
        return {table["path"]: table for table in self.info(path, *options, **how)["tables"]}

    def columns(self, path, table, *options):
        return {c["name"]: c for c in self.tables(path, *options)[table]["columns"]}

    def unusable(self, path):
        return {u["path"]: u["reason"] for u in self.info(path)["unusable"]}

    def places(self, path, columns, *options):
        """Where the columns of -c are: file, dataset, member and position of each."""
        found = self.info(path, "-c", columns, *options)["selection"]
        return [(c["file"], c["values"]["dataset"], c["values"]["member"], c["values"]["position"])
                for c in found]

    def check_same(self, values, *cases, ranks=(1,)):
        """Fits that give the same as these values in an array: lists of files and options."""
        values = np.asarray(values)
        if os.path.exists("plain.h5"):
            os.remove("plain.h5")
        write_array("plain.h5", values if values.ndim == 2 else values[:, None])
        plain = self.fit("plain.h5", K, output="plain-out.h5")[1]

        def one(number, arguments, n):
            output = f"same{number}.h5"
            finished = run("fit", *arguments, "-k", K, "-o", output, "--overwrite", ranks=n)
            self.assertEqual(finished.code, 0, finished)
            result = Result(output)
            with self.subTest(arguments=arguments, ranks=n):
                self.assertEqual((result.n_rows, result.n_used), (plain.n_rows, plain.n_used))
                self.assertEqual(result.labels.tolist(), plain.labels.tolist())
                self.assertEqual(result.checksum, plain.checksum)
            return finished, result

        jobs = [(c, n) for c in cases for n in ranks]
        return run_all([lambda i=i, j=j: one(i, *j) for i, j in enumerate(jobs)])


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
        self.refuse((3, r"\(in.h5, dataset /\): .*bins has 11 rows, x has 300; name some with -c",
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
                    (3, r"which table \(in.h5\)", "fit", "in.h5", "-c", "nothing", *options),
                    (3, r"no such column \(in.h5, /a, column z\): the nearest", "fit", "in.h5",
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
                             ("/loop", "a link to /loop"), ("/newer", "can't be opened: "),
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

    def test_a_name_for_a_frame(self):
        pandas.DataFrame({"x": X, "y": Y}).to_hdf("in.h5", "g/df", format="table")
        pandas.DataFrame({"u": X, "v": Y}).to_hdf("in.h5", "g/fixed", format="fixed")
        with h5py.File("in.h5", "a") as file:
            file["alias"] = h5py.SoftLink("/g/df")
            file["short"] = h5py.SoftLink("/g/fixed")
        self.check_same(VALUES[:, :2], *[["in.h5", "-d", name, "-c", columns] for name, columns in (
            ("g/df", "x,y"), ("alias", "x,y"), ("alias/table", "x,y"), ("g/df/table", "x,y"),
            ("short", "u,v"))], ["in.h5", "-c", "u,v"], ["in.h5", "-c", "g/df/x,g/fixed/v"])


# ---- rows in several places ----------------------------------------------------------------------


class SeveralPlaces(DiscoveryTest):

    def test_columns_of_other_groups(self):
        tab = np.zeros(N, [("b_v", "f8"), ("pos", "f8", (2,))])
        tab["b_v"], tab["pos"][:, 1] = Z, W
        write("in.h5", {"cat/x": X, "cat/mags/g": Y, "phot": tab, "cat/mags/both": VALUES[:, 2:],
                        "deep/columns/w/data": W, "deep/columns/w/mask": W > 1e9, "short/s": X[:9]})
        self.assertEqual(self.places("in.h5", "x,mags/g,phot/b_v,phot/pos[1],mags/both[0]"),
                         [(None, "/cat/x", None, 0), (None, "/cat/mags/g", None, 0),
                          (None, "/phot", "b_v", 0), (None, "/phot", "pos", 1),
                          (None, "/cat/mags/both", None, 0)])
        self.check_same(VALUES, ["in.h5", "-d", "cat", "-c", "x,mags/g,phot/b_v,deep/w"],
                        ["in.h5", "-c", "x,mags/g,/phot/b_v,/deep/columns/w/data"],
                        ["in.h5", "-c", "cat/x,cat/mags/g,phot/b_v,{phot/pos}[1]"],
                        ["in.h5", "-c", "cat/x,{cat/mags/g},cat/mags/both"], ranks=(1, 3))
        options = "-k", K, "-o", "out.h5"
        self.refuse((3, r"not equally long \(in.h5, /cat, column short/s\): it has 9 rows, and x",
                     "fit", "in.h5", "-c", "x,short/s", *options),
                    (3, r"no such column \(in.h5, /cat, column mags/r\)", "fit", "in.h5", "-c",
                     "x,mags/r", *options), ranks=(1,))

    def test_predict_by_path(self):
        write("in.h5", {"x": X, "mags/g-r": Y, "ancil/n": np.arange(N)})
        self.fit("in.h5", K, "-c", "x,{mags/g-r}", output="fit.h5")
        finished = run("predict", "fit.h5", "in.h5", "-o", "labels.h5", "--id", "ancil/n")
        self.assertEqual(finished.code, 0, finished)
        self.assertEqual(Result("labels.h5").labels.tolist(), Result("fit.h5").labels.tolist())
        self.assertEqual(Result("labels.h5").data["ids"].tolist(), list(range(N)))

    def test_ids_and_weights_beside(self):
        weights = np.arange(N) % 5
        write("in.h5", {"g/points": VALUES[:, :2], "g/w": weights, "ancil/object_id":
                        np.array([b"%d" % i for i in range(N)]), "flat/x": X, "flat/y": Y})
        write("same.h5", {"x": X, "y": Y, "w": weights})
        same = self.fit("same.h5", K, "-c", "x,y", "--weights", "w", output="w.h5")[1]
        cases = (["-d", "g/points", "-c", "0,1", "--weights", "w"],
                 ["-c", "0,1", "--weights", "w"], ["-d", "g/points", "--weights", "/g/w"],
                 ["-d", "flat", "--weights", "g/w"], ["-c", "points", "--weights", "w"])
        for ranks in 1, 3:
            for case in cases:
                result = self.fit("in.h5", K, *case, "--id", "ancil/object_id", ranks=ranks)[1]
                self.assertEqual(result.checksum, same.checksum, case)
                self.assertEqual(result.data["ids"].tolist(), [b"%d" % i for i in range(N)])

    def test_tables_below_each_other(self):
        """In the order of their names, bytes by bytes: coadd_10 is before coadd_9."""
        parts = {"coadd_1": (0, 50), "coadd_10": (50, 120), "coadd_9": (120, 250),
                 "coadd_a": (250, N)}
        for name, (begin, end) in reversed(parts.items()):
            write("in.h5", {f"{name}/x": X[begin:end], f"{name}/y": Y[begin:end],
                            f"{name}/id": np.arange(begin, end), f"{name}/sub/x": X[:3]})
            write("vaex.h5", {f"v/{name}/columns/x/data": X[begin:end],
                              f"v/{name}/columns/y/data": Y[begin:end]})
            write("array.h5", {f"a/{name}": VALUES[begin:end, :2]})
        write("in.h5", {"other/x": X})
        write("array.h5", {"b/one": VALUES[:, :1], "b/two": VALUES[:, 1:3]})
        for _, result in self.check_same(
                VALUES[:, :2], ["in.h5", "-d", "coadd_*", "-c", "x,y", "--id", "id"],
                ["in.h5", "-d", "/coadd_?*", "-c", "x,y", "--id", "id"], ranks=(1, 3)):
            self.assertEqual(result.data["ids"].tolist(), list(range(N)))
            self.assertEqual(result.data["files/name"].tolist(), [b"in.h5"])
            self.assertEqual(result.data["files/rows"].tolist(), [N])
            self.assertEqual(result.attributes["provenance"]["dataset"].strip("/")[:6], "coadd_")
            self.assertEqual(result.attributes["provenance"]["file_bytes"],
                             os.path.getsize("in.h5"))
        self.check_same(VALUES[:, :2], ["vaex.h5", "-d", "v/coadd_*"], ["array.h5", "-d", "a/*"],
                        ["array.h5", "-d", "a/coadd_[1-9a]*"], ["in.h5", "-d", "coadd_*", "-c",
                                                                "x,y"], ranks=(1, 3))
        self.check_same(VALUES[:50, :2], ["array.h5", "-d", "a/*_1"])
        options = "-k", K, "-o", "out.h5"
        self.refuse((3, r"no such table \(in.h5, dataset nothing_\*\)", "fit", "in.h5", "-d",
                     "nothing_*", *options),
                    (3, r"no such table", "fit", "in.h5", "-d", "coadd_*/none", *options),
                    (3, r"different columns \(array.h5, /b/two\): it has 1 where .*, /b/one, has", "fit",
                     "array.h5", "-d", "b/*", *options))
        write("star*.h5", {"a*": VALUES[:, :2], "ab": VALUES[:, 2:]})
        self.check_same(VALUES[:, :2], ["star*.h5", "-d", "a*"])  # a name first

    def test_tables_of_several_files(self):
        for i, rows in enumerate((slice(0, 100), slice(100, 100), slice(100, N))):
            if i != 1:
                half = (rows.start + rows.stop) // 2
                write(f"{i}.h5", {"t_1/x": X[rows.start:half], "t_2/x": X[half:rows.stop]})
            else:
                write("1.h5", {"u/x": X})
        for _, result in self.check_same(X, ["0.h5", "1.h5", "2.h5", "-d", "t_*"], ranks=(1, 4)):
            self.assertEqual(result.data["files/rows"].tolist(), [100, 0, 200])
            self.assertEqual(result.data["files/first_row"].tolist(), [0, 100, 100])

    def test_columns_of_other_files(self):
        os.mkdir("more: files")
        write("in.h5", {"t/x": X, "t/y": Y})
        write("more: files/z.h5", {"s/mag": Z, "short/s": X[:5], "arr": VALUES[:, 2:],
                                   "v/columns/w/data": W, "v/columns/w/mask": W > 1e9})
        cases = ["x,y,more: files/z.h5:/s/mag,more: files/z.h5:v/w",
                 "x,y,{more: files/z.h5:/s/mag},{more: files/z.h5:/arr}[1]",
                 "x,y,more: files/z.h5:/arr", "x,y,more: files/z.h5:mag,more: files/z.h5:w"]
        self.assertEqual(self.places("in.h5", cases[0]),
                         [(None, "/t/x", None, 0), (None, "/t/y", None, 0),
                          ("more: files/z.h5", "/s/mag", None, 0),
                          ("more: files/z.h5", "/v/columns/w/data", None, 0)])
        self.check_same(VALUES, *[["in.h5", "-c", case] for case in cases], ranks=(1, 3))
        options = "-k", K, "-o", "out.h5"
        self.refuse((3, r"no such column \(more: files/z.h5, column /s/none\)", "fit", "in.h5",
                     "-c", "x,more: files/z.h5:/s/none", *options),
                    (3, r"\(in.h5, /t, column more: files/z.h5:/short/s\): it has 5 rows", "fit",
                     "in.h5", "-c", "x,more: files/z.h5:/short/s", *options),
                    (2, r"columns of another file \(more: files/z.h5\)", "fit", "in.h5", "in.h5",
                     "-c", "x,more: files/z.h5:/s/mag", *options),
                    (3, r"no such column .*column none.h5:/x", "fit", "in.h5", "-c",
                     "x,none.h5:/x", *options))

    def test_lists(self):
        for i in range(3):
            write(f"{i}.h5", {"x": X[100 * i:100 * i + 100]})
        with open("list.txt", "wb") as file:
            file.write(b"# parts\r\n\r\n0.h5\r\n  1.h5  \n#2.h5\n\t\n2.h5")
        with open("some.txt", "w", encoding="utf-8") as file:
            file.write("1.h5\n2.h5\n")
        for _, result in self.check_same(X, ["@list.txt"], ["0.h5", "@some.txt"], ranks=(1, 3)):
            self.assertEqual(result.data["files/name"].tolist(), [b"0.h5", b"1.h5", b"2.h5"])
        self.fit("@list.txt", K, output="fit.h5")
        finished = run("predict", "fit.h5", "@list.txt", "-o", "labels.h5")
        self.assertEqual(finished.code, 0, finished)
        self.assertEqual(Result("labels.h5").labels.tolist(), Result("fit.h5").labels.tolist())
        open("empty.txt", "w", encoding="utf-8").close()
        with open("gone.txt", "w", encoding="utf-8") as file:
            file.write("none.h5\n")
        os.mkdir("folder")
        os.rename("2.h5", "@2.h5")
        self.check_same(X[200:], ["./@2.h5"])
        options = "-k", K, "-o", "out.h5"
        self.refuse((4, r"list of files \(none.txt\): No such file", "fit", "@none.txt", *options),
                    (3, r"empty list of files \(empty.txt\)", "fit", "@empty.txt", *options),
                    (3, r"not a list of files \(0.h5\)", "fit", "@0.h5", *options),
                    (4, r"list of files \(folder\): Is a directory", "fit", "@folder", *options),
                    (4, r"\(none.h5\): No such file", "fit", "@gone.txt", *options),
                    (4, r"\(2.h5\): No such file", "fit", "@list.txt", *options))


# ---- types and shapes ----------------------------------------------------------------------------


class Types(DiscoveryTest):

    def test_enumerations_of_two(self):
        """h5py's truths, and any other names of 0 and 1; of more names they are none."""
        odd = h5py.enum_dtype({"NO": 0, "YES": 1}, basetype=">i2")
        swapped = h5py.enum_dtype({"YES": 1, "NO": 0}, basetype="u1")
        three = h5py.enum_dtype({"A": 0, "B": 1, "C": 2}, basetype="i1")
        others = h5py.enum_dtype({"A": 1, "B": 2}, basetype="i1")
        with h5py.File("in.h5", "w") as file:
            file["t/plain"], file["t/x"] = X > 0, X
            for name, kind in (("odd", odd), ("swapped", swapped), ("three", three),
                               ("others", others)):
                file.create_dataset(f"t/{name}", data=(X > 0).astype(int) + (name == "others"),
                                    dtype=kind)
        found = self.columns("in.h5", "/t")
        self.assertEqual({name: (c["type"], c["is_numeric"]) for name, c in found.items()},
                         {"plain": ("bool", True), "odd": ("bool", True), "swapped": ("bool", True),
                          "three": ("enumeration of 3 names", False),
                          "others": ("enumeration of 2 names", False), "x": ("float64", True)})
        self.check_same((X > 0).astype("f4"), *[["in.h5", "-c", name] for name in
                                                ("plain", "odd", "swapped")], ranks=(1, 3))
        self.refuse((3, r"not a number \(in.h5, /t, column three\)", "fit", "in.h5", "-c", "three",
                     "-k", K, "-o", "out.h5"), ranks=(1,))

    def test_masks_of_arrow(self):
        bits = np.packbits(X > 0, bitorder="little")
        write("in.h5", {"t/columns/x/data": X, "t/columns/x/null_bitmap": bits,
                        "t/columns/short/data": X, "t/columns/short/null_bitmap": bits[:-1],
                        "t/columns/s/data": np.frombuffer(b"abc", "u1"),
                        "t/columns/s/indices": np.arange(4),
                        "t/columns/y/data": Y})
        found = self.columns("in.h5", "/t/columns")
        self.assertEqual((found["x"]["mask"]["dataset"], found["x"]["mask"]["is_bitmap"]),
                         ("/t/columns/x/null_bitmap", True))
        self.assertEqual((found["short"]["has_bad_mask"], found["y"]["mask"]), (True, None))
        self.assertEqual((found["s"]["type"], found["s"]["is_numeric"]), ("texts of Arrow", False))
        self.refuse((3, "the mask of column short", "fit", "in.h5", "-c", "short", "-k", K, "-o",
                     "out.h5"), ranks=(1,))
        self.check_same(Y, ["in.h5", "-c", "y"])

    def test_anndata(self):
        """Codes of categories, numbers with a mask, and the order that the file tracks."""
        with h5py.File("in.h5", "w") as file:
            file.create_dataset("X", data=VALUES.astype("f4"))
            obs = file.create_group("obs", track_order=True)
            obs.attrs["encoding-type"] = "dataframe"
            obs["n"], obs["a"] = X, Y
            kind = obs.create_group("kind")
            kind["codes"] = np.arange(N, dtype="i1") % 4 - 1
            kind["categories"] = np.array([b"a", b"b", b"c"])
            nullable = obs.create_group("m")
            nullable.attrs["encoding-type"] = "nullable-integer"
            nullable["values"], nullable["mask"] = np.arange(N), np.arange(N) % 7 == 3
        found = self.columns("in.h5", "/obs")
        self.assertEqual(list(found), ["n", "a", "kind", "m"])
        self.assertEqual((found["kind"]["is_category"], found["kind"]["convention"]["missing"]),
                         (True, [-1]))
        self.assertEqual(found["m"]["mask"]["dataset"], "/obs/m/mask")
        codes = np.where(np.arange(N) % 4 == 0, np.nan, np.arange(N) % 4 - 1.0)
        whole = np.where(np.arange(N) % 7 == 3, np.nan, np.arange(N))
        self.check_same(codes.astype("f4"), ["in.h5", "-c", "kind"])
        self.check_same(whole, ["in.h5", "-c", "m"])
        self.check_same(VALUES.astype("f4"), ["in.h5", "-d", "X"])

    def test_arrays_of_one_row_or_column(self):
        """They are columns: MATLAB has no others."""
        write("in.h5", {"x": X[:, None], "y": Y[None], "z": Z, "w": W[None], "both": VALUES[:, :2]})
        found = self.columns("in.h5", "/")
        self.assertEqual({n: (c["rows"], c["values"]["length"], c["values"]["is_transposed"])
                          for n, c in found.items()},
                         {"x": (N, 1, False), "y": (N, 1, True), "z": (N, 1, False),
                          "w": (N, 1, True), "both": (N, 2, False)})
        self.check_same(VALUES, ["in.h5", "-c", "x,y,z,w"], ranks=(1, 3))
        write("two.h5", {"x": X[None], "y": Y[None]})
        self.check_same(VALUES[:, :2], ["two.h5"], ["two.h5", "-c", "x,y"])
        write("one.h5", {"x": X[:, None]})
        self.assertEqual(list(self.tables("one.h5")), ["/x"])
        self.check_same(X, ["one.h5"], ["one.h5", "-c", "0"])

    def test_transposed(self):
        write("in.h5", {"m": VALUES.T.copy()})
        write("chunked.h5", {})
        with h5py.File("chunked.h5", "a") as file:
            file.create_dataset("m", data=VALUES.T, chunks=(3, 64), compression="gzip")
        found = self.tables("in.h5", "--transpose")["/m"]
        self.assertEqual((found["rows"], found["n_columns"]), (N, 4))
        self.assertEqual(self.places("in.h5", "3,0:2", "--transpose"),
                         [(None, "/m", None, 3), (None, "/m", None, 0), (None, "/m", None, 1)])
        for path in "in.h5", "chunked.h5":
            self.check_same(VALUES, [path, "--transpose"], ranks=(1, 3))
            self.check_same(VALUES[:, 1:3], [path, "--transpose", "-c", "1:3"], ranks=(1, 3))
        write("beside.h5", {"m": VALUES[:, :2].T.copy(), "x": Z})
        self.check_same(VALUES[:, :3], ["beside.h5", "--transpose", "-c", "m,x"])

    def test_who_wrote_it(self):
        """Those that store a sample a column leave a trace; a hint, not more."""
        def matlab(file):
            file["m"].attrs["MATLAB_class"] = np.bytes_("double")

        def octave(file):
            group = file.create_group("o")
            group.attrs["OCTAVE_NEW_FORMAT"] = np.uint8(1)
            group["type"], group["value"] = np.bytes_("matrix"), VALUES.T
            group["value"].attrs["OCTAVE_NEW_FORMAT"] = np.uint8(1)
            del file["m"]

        def r(file):
            file["m"].attrs["rhdf5-NA.OK"] = np.int32(1)

        for writer, mark in (("MATLAB", matlab), ("Octave", octave), ("R", r)):
            write("in.h5", {"m": VALUES.T}, mode="w")
            with h5py.File("in.h5", "a") as file:
                mark(file)
            table, = [t for t in self.tables("in.h5").values() if t["is_array"]]
            self.assertEqual(table["writer"], writer)
            self.assertIn(f"written by {writer}, ", run("info", "in.h5").out)
            plain = run("fit", "in.h5", "-d", table["path"], "-c", "0:3", "-k", 2, "-o", "out.h5",
                        "--overwrite")
            self.assertIn(f"it was written by {writer}", plain.err)
            done = self.check_same(VALUES, ["in.h5", "-d", table["path"], "--transpose"])
            self.assertNotIn("written by", done[0][0].err)
        for text, writer in (("MATLAB 7.3 MAT-file", "MATLAB"),
                             ("HDF5-based Julia Data Format", "Julia")):
            with h5py.File("block.h5", "w", userblock_size=512) as file:
                file["m"] = VALUES.T
            with open("block.h5", "r+b") as file:
                file.write(text.encode())
            self.assertEqual(self.tables("block.h5")["/m"]["writer"], writer)

    def test_what_is_no_column(self):
        write("in.h5", {"x": X, "lat": np.zeros(N, ">f4"), "empty": np.zeros(2, "u8"),
                        "letters": np.full(N, 65, "u2")})
        with h5py.File("in.h5", "a") as file:
            file["lat"].attrs["NAME"] = np.bytes_(
                "This is a netCDF dimension but not a netCDF variable.       300")
            file["empty"].attrs["MATLAB_empty"] = np.uint8(1)
            file["letters"].attrs["MATLAB_class"] = np.bytes_("char")
        found = self.columns("in.h5", "/")
        self.assertEqual({name: c["is_numeric"] for name, c in found.items()},
                         {"x": True, "letters": False})
        self.check_same(X, ["in.h5"])


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
        finished = run(*arguments)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.assertEqual(finished.code, 0, finished)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    def test_many_columns_and_groups(self):
        """In time that grows as their number: 1 s on a quiet machine, not minutes."""
        most = 20 if IS_SANITIZED else 3
        many = 20000
        for libver in "earliest", "latest":
            with h5py.File(f"columns-{libver}.h5", "w", libver=libver) as file:
                group = file.create_group("t")
                for i in range(many):
                    group.create_dataset(f"c{i}", data=np.arange(3.0))
            with h5py.File(f"groups-{libver}.h5", "w", libver=libver) as file:
                for i in range(many):
                    file.create_dataset(f"g{i}/x", data=np.arange(3.0))
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
