"""Where columns are: in other groups, tables and files, and in datasets of odd types and shapes.

What is read is compared with the same numbers as a plain two-dimensional array, in labels, centers
and inertia.
"""
import os
import sys
import unittest

sys.dont_write_bytecode = True

import h5py
import numpy as np

from discovery import DiscoveryTest, K, N, VALUES, X, Y, Z, W, write
from program import Result, run


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
        self.refuse((3, r"not equally long \(in.h5, /cat, column short/s\): it has 9 rows, and /cat",
                     "fit", "in.h5", "-c", "x,short/s", *options),
                    (3, r"no such column \(in.h5, /cat, column mags\)", "fit", "in.h5", "-c",
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

    def test_ids_in_letters(self):
        """As netCDF has texts (NC_CHAR): one letter a value, some of them as wide as their texts."""
        names = np.array([b"J%03d%s" % (i, b"+" * (i % 4)) for i in range(N)])
        table = np.zeros(N, [("n", "i2"), ("name", "S1", 7), ("x", "f8")])
        table["x"], table["name"] = X, names.view("S1").reshape(N, 7)
        write("compound.h5", {"t": table})
        parts = (0, 100, 9), (100, N, 7)
        for i, (begin, end, width) in enumerate(parts):
            letters = names[begin:end].astype(f"S{width}").view("S1").reshape(end - begin, width)
            with h5py.File(f"{i}.nc", "w") as file:
                file["x"] = X[begin:end]
                file.create_dataset("name", data=letters,
                                    **{"chunks": (30, 4), "compression": 1} if i else {})
        for _, result in self.check_same(X, ["compound.h5", "-c", "x", "--id", "name", "--verify"],
                                         ["0.nc", "1.nc", "-c", "x", "--id", "name", "--verify"],
                                         ranks=(1, 3)):
            self.assertEqual(result.data["ids"].tolist(), names.tolist())

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
                 "x,y,more: files/z.h5:/arr[0],more: files/z.h5:/arr[1]",
                 "x,y,z={more: files/z.h5:/arr}[0]*2-{more: files/z.h5:mag},more: files/z.h5:w",
                 "x,y,more: files/z.h5:mag,more: files/z.h5:w", "x,y,more: files/z.h5:/arr"]
        self.assertEqual(self.places("in.h5", cases[0]),
                         [(None, "/t/x", None, 0), (None, "/t/y", None, 0),
                          ("more: files/z.h5", "/s/mag", None, 0),
                          ("more: files/z.h5", "/v/columns/w/data", None, 0)])
        self.check_same(VALUES, *[["in.h5", "-c", case] for case in cases], ranks=(1, 3))
        for case in cases[-3:]:  # whose names predict finds
            labels = self.fit("in.h5", K, "-c", case, output="fit.h5")[1].labels
            finished = run("predict", "fit.h5", "in.h5", "-o", "labels.h5", "--overwrite")
            self.assertEqual(finished.code, 0, finished)
            self.assertEqual(Result("labels.h5").labels.tolist(), labels.tolist())
        options = "-k", K, "-o", "out.h5"
        self.refuse((3, r"no such column \(more: files/z.h5, column /s/none\)", "fit", "in.h5",
                     "-c", "x,more: files/z.h5:/s/none", *options),
                    (3, r"no such column \(more: files/z.h5, column /arr\[2\]\)", "fit", "in.h5",
                     "-c", "x,more: files/z.h5:/arr[2]", *options),
                    (3, r"\(in.h5, /t, column more: files/z.h5:/short/s\): it has 5 rows", "fit",
                     "in.h5", "-c", "x,more: files/z.h5:/short/s", *options),
                    # -d says whose rows they are, even if none of its columns is a feature
                    (3, r"column more: files/z.h5:/short/s\): it has 5 rows, and /t has 300", "fit",
                     "in.h5", "-d", "t", "-c", "more: files/z.h5:/short/s", *options),
                    (2, r"columns of another file \(more: files/z.h5\)", "fit", "in.h5", "in.h5",
                     "-c", "x,more: files/z.h5:/s/mag", *options),
                    (4, r"can't open the file \(none.h5\): No such file or directory", "fit", "in.h5",
                     "-c", "x,none.h5:/x", *options))

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
        """h5py's truths, and any other names of 0 and 1; of more names they are categories by number."""
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
                          "three": ("enumeration of 3 names", True),
                          "others": ("enumeration of 2 names", True), "x": ("float64", True)})
        self.check_same((X > 0).astype("f4"), *[["in.h5", "-c", name] for name in
                                                ("plain", "odd", "swapped")], ranks=(1, 3))

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
        self.refuse((3, r"column short\): its mask has", "fit", "in.h5", "-c", "short", "-k", K, "-o",
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


if __name__ == "__main__":
    unittest.main()
