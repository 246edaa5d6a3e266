"""The same stars in every layout that people have them in: the same labels, centers and inertia.

Each layout is written by the library that it comes from. What all are compared with is the plain
two-dimensional array of the same types.
"""
import os
import re
import sys
import unittest
import warnings

sys.dont_write_bytecode = True

import h5py
import numpy as np
import pandas
import tables
from astropy.table import MaskedColumn, Table

from program import ROOT, ProgramTest, Result, blobs, run, run_all, write_array, write_columns

warnings.simplefilter("ignore", tables.NaturalNameWarning)

N = 1200
NAMES = ["b_v", "abs_mag"]
LIST = "b_v,abs_mag"
K = "4"
JUNK = 1e30  # where a mask says that there is no value
FLOATS = ["f4", "f8"]


def stars():
    """Two columns of Hipparcos with gaps, [N][2] in float64."""
    with h5py.File(os.path.join(ROOT, "data", "hipparcos.h5"), "r") as file:
        values = np.stack([file[f"table/columns/{name}/data"][:N] for name in NAMES], axis=1)
    values[7::50, 0] = np.nan
    values[8::80, 1] = np.nan
    values[100:110] = np.nan
    return values


STARS = stars()
OTHER = np.arange(N)  # columns beside them


def structured(dtype):
    """A compound of odd alignment, with other members between the features."""
    rows = np.zeros(N, [("hip", "i4"), ("b_v", dtype), ("flag", "u1"), ("name", "S5"),
                        ("abs_mag", dtype)])
    rows["hip"] = OTHER
    rows["b_v"], rows["abs_mag"] = STARS.T
    return rows


def masked_parts(dtype):
    """For each column its name, values with junk where one is missing, and the mask."""
    for name, values in zip(NAMES, STARS.T):
        mask = np.isnan(values)
        yield name, np.where(mask, JUNK, values).astype(dtype), mask


# ---- a layout each: a function that writes PATH in a type --------------------------------------


def array(path, dtype):
    write_array(path, STARS.astype(dtype))


def big_endian(path, dtype):
    write_columns(path, dict(zip(NAMES, STARS.T.astype(">" + dtype))), form="stars/{}")


def compressed(path, dtype):
    write_columns(path, dict(zip(NAMES, STARS.T.astype(dtype))), form="stars/{}", chunks=(97,),
                  compression="gzip", shuffle=True)


def nested_group(path, dtype):
    write_columns(path, dict(zip(NAMES, STARS.T.astype(dtype))), form="a/b/c/{}")
    write_columns(path, {"name": np.array([b"x"] * N), "hip": OTHER}, form="a/b/c/{}")


def in_root(path, dtype):
    write_columns(path, dict(zip(NAMES, STARS.T.astype(dtype))), form="{}")


def vaex(path, dtype):
    write_columns(path, dict(zip(NAMES, STARS.T.astype(dtype))))


def vaex_masked(path, dtype):
    for name, values, mask in masked_parts(dtype):
        write_columns(path, {name: values})
        write_array(path, mask, f"table/columns/{name}/mask")


def vaex_masked_by_bytes(path, dtype):
    for name, values, mask in masked_parts(dtype):
        write_columns(path, {name: values}, chunks=(100,), compression="gzip")
        write_array(path, mask.astype("u1") * 255, f"table/columns/{name}/mask")


def h5py_compound(path, dtype):
    write_array(path, structured(dtype), "group/stars")


def h5py_big_compound(path, dtype):
    write_array(path, structured(">" + dtype), "stars", chunks=(100,), compression="gzip")


def h5py_compound_with_texts(path, dtype):
    """Members that point to memory, which are not read."""
    kind = h5py.string_dtype()
    rows = np.zeros(N, [("name", kind), ("b_v", dtype), ("list", h5py.vlen_dtype("i4")),
                        ("abs_mag", dtype), ("ref", h5py.ref_dtype)])
    rows["b_v"], rows["abs_mag"] = STARS.T
    rows["name"] = "star"
    for i in range(N):
        rows["list"][i] = np.arange(i % 5, dtype="i4")
    with h5py.File(path, "w") as file:
        rows["ref"] = file.ref
        file["stars"] = rows


def astropy_table(path, dtype):
    table = Table(STARS.astype(dtype), names=NAMES)
    table["hip"] = OTHER
    table.write(path, path="stars", serialize_meta=True)


def astropy_masked(path, dtype):
    table = Table({"hip": OTHER} | {name: MaskedColumn(values, mask=mask)
                                    for name, values, mask in masked_parts(dtype)})
    table.write(path, path="stars", serialize_meta=True)


def frame(dtype):
    return pandas.DataFrame({"hip": OTHER, "b_v": STARS[:, 0].astype(dtype), "name": "x",
                             "abs_mag": STARS[:, 1].astype(dtype)})


def pandas_fixed(path, dtype):
    frame(dtype).drop(columns="name").to_hdf(path, "stars", format="fixed")


def pandas_table(path, dtype):
    frame(dtype).to_hdf(path, "stars", format="table")


def pandas_data_columns(path, dtype):
    frame(dtype).to_hdf(path, "stars", format="table", data_columns=["abs_mag", "hip"])


def pandas_all_data_columns(path, dtype):
    frame(dtype).to_hdf(path, "group/stars", format="table", data_columns=True, complevel=5)


def pytables_table(path, dtype):
    with tables.open_file(path, "w") as file:
        table = file.create_table("/", "stars", structured(dtype))
        table.cols.hip.create_index()


def pytables_array(path, dtype):
    with tables.open_file(path, "w") as file:
        file.create_carray("/group", "stars", obj=STARS.astype(dtype), createparents=True)


LAYOUTS = [big_endian, compressed, nested_group, in_root, vaex, vaex_masked, vaex_masked_by_bytes,
           h5py_compound, h5py_big_compound, h5py_compound_with_texts, astropy_table,
           astropy_masked, pandas_fixed, pandas_table, pandas_data_columns,
           pandas_all_data_columns, pytables_table]
ARRAYS = [array, pytables_array]


# Layouts whose features have names of their own: -c takes them so.


def array_column(path, dtype):
    """One column of two dimensions beside one of one."""
    write_columns(path, {"both": STARS.astype(dtype), "hip": OTHER}, form="stars/{}")


def vaex_array_column(path, dtype):
    write_columns(path, {"both": STARS.astype(dtype), "hip": OTHER})


def compound_array(path, dtype):
    rows = np.zeros(N, [("id", "u1"), ("both", dtype, (2,))])
    rows["both"] = STARS
    write_array(path, rows, "stars")


def compound_matrix(path, dtype):
    rows = np.zeros(N, [("id", "u1"), ("both", dtype, (2, 3))])
    rows["both"][:, 1, 0], rows["both"][:, 1, 2] = STARS.T
    write_array(path, rows, "stars")


def pytables_nested(path, dtype):
    class Stars(tables.IsDescription):
        hip = tables.Int32Col(pos=0)

        class photometry(tables.IsDescription):
            _v_pos = 1
            b_v = tables.Col.from_dtype(np.dtype(dtype), pos=0)

            class deep(tables.IsDescription):
                flux = tables.Col.from_dtype(np.dtype((dtype, (3,))), pos=0)

    with tables.open_file(path, "w") as file:
        table = file.create_table("/", "stars", Stars)
        rows = np.zeros(N, table.dtype)
        rows["photometry"]["b_v"] = STARS[:, 0]
        rows["photometry"]["deep"]["flux"][:, 2] = STARS[:, 1]
        table.append(rows)


def astropy_array(path, dtype):
    mask = np.isnan(STARS)
    both = MaskedColumn(np.where(mask, JUNK, STARS).astype(dtype), mask=mask)
    Table({"both": both, "hip": OTHER}).write(path, path="stars", serialize_meta=True)


NAMED = [(array_column, "both", "-d", "stars"),  # by default, which is not clear: an array, too
         (array_column, "both[0],{both}[1]", "-d", "stars"), (vaex_array_column, "both"),
         (compound_array, "both"), (compound_array, "both[0],both[1]"),
         (compound_matrix, "both[3],{both[5]}"),
         (pytables_nested, "photometry/b_v,photometry/deep/flux[2]"),
         (pytables_nested, "{photometry/b_v},{photometry/deep/flux}[2]"), (astropy_array, "both")]


def write_anew(layout, dtype):
    path = f"{layout.__name__}.h5"
    if os.path.exists(path):
        os.remove(path)
    layout(path, dtype)


# ---- tests ---------------------------------------------------------------------------------------


class Layouts(ProgramTest):

    def checksums(self, fits, ranks):
        """Checksums of fits: pairs of a catalogue (or a list of them) and options."""
        def one(number, files, options):
            files = [files] if isinstance(files, str) else files
            output = f"out{number}.h5"
            finished = run("fit", *files, "-k", K, "-o", output, "--overwrite", *options,
                           ranks=ranks)
            self.assertEqual(finished.code, 0, finished)
            result = Result(output)
            self.assertEqual((result.n_rows, result.n_used),
                             (N, np.isfinite(STARS).all(axis=1).sum()), finished)
            return result.checksum

        return run_all([lambda i=i, f=fit: one(i, *f) for i, fit in enumerate(fits)])

    def check_all(self, dtype, ranks, first=None):
        """All layouts, or every other one from the first."""
        write_anew(array, dtype)
        fits = [("array.h5", ["-c", "0,1"])]
        for layout in LAYOUTS + ARRAYS[1:]:
            write_anew(layout, dtype)
            fits.append((f"{layout.__name__}.h5", ["-c", "0,1" if layout in ARRAYS else LIST]))
        for layout, columns, *options in NAMED:
            write_anew(layout, dtype)
            fits.append((f"{layout.__name__}.h5", ["-c", columns, *options]))
        fits = fits[:1] + fits[1 + first::2] if first is not None else fits
        names = [fit[0] + " " + fit[1][1] for fit in fits]
        found = self.checksums(fits, ranks)
        self.assertEqual(dict(zip(names, found)), dict.fromkeys(names, found[0]))
        return found[0]

    def test_float32(self):
        self.check_all("f4", 1)

    def test_float64(self):
        self.check_all("f8", 1)

    def test_3_ranks(self):
        """Every other layout in each type."""
        self.check_all("f4", 3, 0)
        self.check_all("f8", 3, 1)

    # ---- several files ----

    def check_files(self, write, lengths, columns, ranks):
        """The stars in files of so many rows each, written by write(path, rows)."""
        ends = np.cumsum(lengths)
        names = [f"{write.__name__}{i}.h5" for i in range(len(lengths))]
        for name, end, length in zip(names, ends, lengths):
            if not os.path.exists(name):
                write(name, slice(end - length, end))
        plain = self.plain("f8")
        self.assertEqual(self.checksums([(names, ["-c", columns])], ranks), [plain])
        files = Result("out0.h5").data
        self.assertEqual([name.decode() for name in files["files/name"]], names)
        self.assertEqual(files["files/rows"].tolist(), list(lengths))
        self.assertEqual(files["files/first_row"].tolist(), [0, *ends[:-1]])

    def plain(self, dtype):
        """The checksum of the array."""
        if not os.path.exists(f"plain-{dtype}.h5"):
            array(f"plain-{dtype}.h5", dtype)
        return self.checksums([(f"plain-{dtype}.h5", [])], 1)[0]

    def test_files(self):
        def arrays(path, rows):
            write_array(path, STARS[rows], "stars")

        def compounds(path, rows):
            write_array(path, structured("f8")[rows], "stars")

        def masked(path, rows):
            for name, values, mask in masked_parts("f8"):
                write_columns(path, {name: values[rows]})
                write_array(path, mask[rows], f"table/columns/{name}/mask")

        def in_any_layout(path, rows):
            """Only the name of the table and those of its columns are the same."""
            if rows.start % 2 == 0:
                write_array(path, structured(">f8")[rows], "stars")
            else:
                write_columns(path, dict(zip(NAMES, STARS[rows].T)), form="stars/{}", chunks=(7,),
                              maxshape=(None,))

        for write, columns in ((arrays, "0,1"), (compounds, LIST), (in_any_layout, LIST)):
            with self.subTest(write=write.__name__):
                self.check_files(write, [0, 500, 1, 0, 300, 399, 0], columns, 1)
                self.check_files(write, [0, 500, 1, 0, 300, 399, 0], columns, 3)
        self.check_files(masked, [1000, 200], LIST, 4)

    def test_most_precise_file(self):
        """One file in float64 makes the others so."""
        write_columns("one.h5", dict(zip(NAMES, STARS[:5].T.astype("f4"))))
        write_columns("two.h5", dict(zip(NAMES, STARS[5:].T)))
        rounded = np.concatenate([STARS[:5].astype("f4"), STARS[5:]])
        write_array("both.h5", rounded)
        fits = [("both.h5", ["-c", "0,1"]), (["one.h5", "two.h5"], ["-c", LIST])]
        self.assertEqual(len(set(self.checksums(fits, 1) + self.checksums(fits, 3))), 1)

    def test_empty_frames(self):
        """pandas writes a value of padding where a frame has no rows."""
        names = [f"{i}.h5" for i in range(4)]
        for dtype in FLOATS:
            for name, rows in zip(names, ((0, 0), (0, 700), (700, 700), (700, N))):
                part = frame(dtype).drop(columns="name")[slice(*rows)]
                part.to_hdf(name, "stars", format="fixed", mode="w")
            self.assertEqual(self.checksums([(names, [])], 3), [self.plain(dtype)])

    def test_names_of_frames(self):
        """As the frame has them, in its order: of any alphabet, and numbers."""
        names = ["z", "\u00e9", "\u03b1", "\U0001f600", "back\\slash", "a b", "\\u", "x" * 127]
        numbered = pandas.DataFrame(STARS).to_hdf
        numbered("numbers.h5", "stars", format="table")
        for form in "fixed", "table":
            pandas.DataFrame({name: np.arange(5.0) for name in names}).to_hdf(
                f"{form}.h5", "stars", format=form, mode="w")
            out = run("info", f"{form}.h5").out
            columns = re.search(" -c '(.*)' -k", out).group(1)
            self.assertEqual(columns.split(","), [f"{{{n}}}" if " " in n else n for n in names])
        self.assertEqual(self.checksums([("numbers.h5", ["-c", "0,1"])], 1), [self.plain("f8")])

    def test_other_columns(self):
        """The file that does not fit is named, with what it has instead."""
        columns = dict(zip(NAMES, STARS.T))
        write_columns("in.h5", columns)
        write_columns("more.h5", columns | {"extra": STARS[:, 0]})
        write_columns("fewer.h5", {"b_v": STARS[:, 0]})
        write_columns("texts.h5", columns | {"b_v": np.array([b"x"] * N)})
        write_array("array.h5", STARS)
        write_array("wide.h5", np.ones((5, 3)), "points")
        write_array("narrow.h5", np.ones((5, 2)), "points")
        write_columns("short.h5", columns | {"b_v": STARS[5:, 0]})
        options = "-k", 3, "-o", "out.h5"
        self.refuse(
            (3, r"\(more.h5, .*extra", "fit", "in.h5", "in.h5", "more.h5", *options),
            (3, r"\(fewer.h5, .*abs_mag", "fit", "in.h5", "fewer.h5", "-c", LIST, *options),
            (3, r"\(fewer.h5, ", "fit", "in.h5", "fewer.h5", *options),
            (3, r"\(texts.h5, .*b_v", "fit", "in.h5", "texts.h5", "-c", LIST, *options),
            (3, r"\(array.h5, ", "fit", "in.h5", "in.h5", "in.h5", "in.h5", "array.h5", *options),
            (3, r"\(wide.h5, /points", "fit", "narrow.h5", "wide.h5", *options),
            (3, r"\(short.h5, .*not equally long", "fit", "in.h5", "short.h5", *options),
            (4, r"none.h5", "fit", "in.h5", "none.h5", *options))

    def test_more_rows_than_2_to_the_31(self):
        """Plans from headers alone: of compounds, columns, and two files of them."""
        rows = 3 * 10 ** 9
        for name in "a.h5", "b.h5":
            with h5py.File(name, "w") as file:
                file.create_dataset("stars", (rows,), [("hip", "i8"), ("b_v", "f4")], chunks=(4096,))
                file.create_dataset("t/columns/b_v/data", (rows,), "f4", chunks=(4096,))
                file.create_dataset("t/columns/b_v/mask", (rows,), "u1", chunks=(4096,))
        self.assertIn(f"/stars: table of {rows} rows", run("info", "a.h5").out)
        for table in "stars", "t":
            for files in ["a.h5"], ["a.h5", "b.h5"]:
                n = rows * len(files)
                finished = run("fit", *files, "-d", table, "-c", "b_v", "-k", 3, "--dry-run",
                               "--ranks", 64)
                self.assertEqual(finished.code, 0, finished)
                self.assertIn(f": {n} rows, ", finished.out)
                found = re.search(r"64 ranks of (\d+) to (\d+) rows", finished.out)
                fewest, most = map(int, found.groups())
                self.assertTrue(fewest <= n / 64 <= most <= fewest + 64, finished.out)
                memory = float(re.search(r"memory +([0-9.]+) MB", finished.out).group(1))
                self.assertLess(n / 64 * 4 / 1e6, memory)
                self.assertLess(memory, n / 64 * 40 / 1e6)

    # ---- virtual datasets ----

    @staticmethod
    def write_virtual(path, parts):
        """A two-dimensional array of those in some files."""
        layout = h5py.VirtualLayout((N, 2), "f8")
        for name, rows in parts.items():
            layout[rows] = h5py.VirtualSource(name, "points", (rows.stop - rows.start, 2))
        with h5py.File(path, "w", libver="latest") as file:
            file.create_virtual_dataset("stars", layout, fillvalue=0)

    def test_virtual(self):
        """Its sources are looked for beside it, from wherever it is read."""
        os.mkdir("data")
        parts = {"a.h5": slice(0, 100), "b.h5": slice(100, 1100), "c.h5": slice(1100, N)}
        for name, rows in parts.items():
            write_array(f"data/{name}", STARS[rows])
        self.write_virtual("data/all.h5", parts)
        self.write_virtual("data/of-virtual.h5", {"all.h5": slice(0, N)})
        with h5py.File("data/all.h5", "a") as file:
            file["points"] = h5py.SoftLink("/stars")
        os.symlink("data/all.h5", "link.h5")
        fits = [("data/all.h5", ["-d", "stars"]), ("link.h5", ["-d", "points"])]
        fits += [("data/of-virtual.h5", [])]
        plain = self.plain("f8")
        self.assertEqual(self.checksums(fits, 1) + self.checksums(fits[::2], 3), [plain] * 5)
        os.remove("data/b.h5")
        write_array("half.h5", STARS[:600])
        options = "-k", 3, "-o", "out.h5", "-d", "stars"
        missing = r"incomplete virtual dataset \(data/all.h5, /?(stars|points)\): there is no file b.h5"
        self.refuse((4, missing, "fit", "data/all.h5", *options),
                    (4, missing, "fit", "data/of-virtual.h5", *options),
                    (4, missing, "fit", "data/all.h5", "data/all.h5", *options), ranks=(1, 3))
        with h5py.File("data/b.h5", "w") as file:
            file["others"] = STARS
        self.refuse((3, r"\(data/all.h5, /?stars\): its source has no dataset points", "fit",
                     "data/all.h5", *options))
        with open("data/b.h5", "w", encoding="utf-8") as file:
            file.write("no HDF5")
        self.refuse((3, r"\(data/all.h5, /?stars\): .*data/b.h5, which is no whole HDF5", "fit",
                     "data/all.h5", *options))

    def test_values_in_other_files(self):
        """Without HDF5's own layout: the bytes alone are elsewhere."""
        with open("bytes", "wb") as file:
            file.write(STARS.tobytes())
        with h5py.File("in.h5", "w") as file:
            file.create_dataset("stars", (N, 2), "f8", external=[("bytes", 0, STARS.nbytes)])
        fits = [("in.h5", [])]
        self.assertEqual(self.checksums(fits, 1) + self.checksums(fits, 3), [self.plain("f8")] * 2)

    # ---- ids ----

    def check_ids(self, ids, files, options, ranks):
        finished = run("fit", *files, "-k", K, "-c", LIST, "-o", "out.h5", "--overwrite",
                       "--quiet", *options, ranks=ranks)
        self.assertEqual(finished.code, 0, finished)
        result = Result("out.h5")
        found = result.data["ids"]
        self.assertGreater((result.labels < 0).sum(), 10)
        if ids.dtype != object:
            self.assertEqual(found.dtype, ids.dtype)
        self.assertEqual(found.tolist(), ids.tolist())

    def test_ids(self):
        random = np.random.default_rng(1)
        numbers = random.integers(-100, 100, N)
        texts = [f"HIP {i}" if i % 3 else "" for i in range(N)]
        ids = {t: numbers.astype(t) for t in ("i1", ">i4", "i8", "f4", ">f8")}
        ids["u8"] = np.uint64(2 ** 64 - 1) - np.arange(N, dtype="u8")
        ids["S9"] = np.array(texts, "S9")
        columns = dict(zip(NAMES, STARS.T))
        write_columns("in.h5", columns | ids)
        long = [name.encode() + b" " * (i % 7 * 40) + "\u03b1".encode() if name else b""
                for i, name in enumerate(texts)]
        with h5py.File("in.h5", "a") as file:
            file.create_dataset("table/columns/any/data", data=long, dtype=h5py.string_dtype())
            file["table/columns/i8/mask"] = numbers > 50
        for ranks, names in ((1, ids), (3, ["i1", ">i4", "u8", "i8", "S9"])):
            for name in names:
                with self.subTest(name=name, ranks=ranks):
                    self.check_ids(ids[name], ["in.h5"], ["--id", name], ranks)
        for ranks in 1, 3:
            self.check_ids(np.array(long, object), ["in.h5"], ["--id", "any"], ranks)

    def test_ids_beside_other_members(self):
        """Of compounds, in which texts of any length are pointers."""
        rows = np.zeros(N, [("name", h5py.string_dtype()), ("b_v", "f8"), ("code", "S3"),
                            ("hip", ">i2"), ("abs_mag", "f8"), ("note", h5py.string_dtype())])
        rows["b_v"], rows["abs_mag"] = STARS.T
        rows["hip"], rows["code"] = OTHER, [b"%d" % (i % 99) for i in range(N)]
        rows["name"] = [str(i) * (i % 5) for i in range(N)]
        rows["note"] = "note"
        write_array("in.h5", rows, "stars")
        for ranks, names in ((1, ["name", "code", "hip"]), (3, ["name", "code"])):
            for name in names:
                ids = rows[name]
                if ids.dtype == object:
                    ids = np.array([text.encode() for text in ids], object)
                with self.subTest(name=name, ranks=ranks):
                    self.check_ids(ids, ["in.h5"], ["--id", name], ranks)

    def test_ids_of_several_files(self):
        """Texts get the length of the longest."""
        texts = [f"{i * i}".encode() for i in range(N)]
        lengths = ((0, 50), (50, 900), (900, N))
        for i, (begin, end) in enumerate(lengths):
            write_columns(f"{i}.h5", dict(zip(NAMES, STARS[begin:end].T)) |
                          {"id": np.array(texts[begin:end])})
        files = [f"{i}.h5" for i in range(3)]
        for ranks in 1, 4:
            self.check_ids(np.array(texts), files, ["--id", "id"], ranks)
        any_length = [t * (i % 3) for i, t in enumerate(texts)]
        for i, (begin, end) in enumerate(lengths):
            with h5py.File(f"{i}.h5", "a") as file:
                file.create_dataset("table/columns/any/data", data=any_length[begin:end],
                                    dtype=h5py.string_dtype())
        self.check_ids(np.array(any_length, object), files, ["--id", "any"], 3)

    # ---- values that are missing ----

    def test_missing_values(self):
        gaps = np.isnan(STARS)
        clean = np.round(np.where(gaps, 0, STARS) * 10)
        fits = []
        for dtype, precise, value in (("f4", "f4", -99.9), ("f8", "f8", -99.9), (">f4", "f4", 0.1),
                                      ("i2", "f4", -999), ("i4", "f8", -999), ("u1", "f4", 255)):
            values = np.abs(clean) % 200 if dtype == "u1" else clean
            same = np.where(gaps, np.nan, values).astype(precise)
            values = np.where(gaps, value, values).astype(dtype)
            write_columns(f"marked{dtype}.h5", dict(zip(NAMES, values.T)))
            write_columns(f"nan{dtype}.h5", dict(zip(NAMES, same.T)))
            fits += [(f"nan{dtype}.h5", ["-c", LIST]),
                     (f"marked{dtype}.h5", ["-c", LIST, "--missing-value", value])]
        found = self.checksums(fits, 1)
        self.assertEqual(found[::2], found[1::2])

    def test_missing_values_of_columns(self):
        gaps = np.isnan(STARS)
        for dtype in FLOATS:
            values = np.where(gaps, [-99.9, 1e20], STARS).astype(dtype)
            write_columns(f"{dtype}.h5", dict(zip(NAMES, values.T)))
            write_array(f"array-{dtype}.h5", values)
            options = ["--missing-value", "b_v:-99.9", "--missing-value", "{abs_mag}:1e20"]
            numbers = ["--missing-value", "0:-99.9", "--missing-value", "1:1e20"]
            fits = [(f"{dtype}.h5", ["-c", LIST, *options]), (f"array-{dtype}.h5", numbers)]
            found = self.checksums(fits, 1) + self.checksums(fits[:1], 3)
            self.assertEqual(found, [self.plain(dtype)] * 3)

    def test_missing_values_are_of_their_column(self):
        """A value that stands for a missing one in another column is a value."""
        values = blobs(200, 2)
        values[5] = 7, 3
        write_columns("in.h5", {"x": values[:, 0], "y": values[:, 1]})
        result = self.fit("in.h5", 3, "--missing-value", "x:3", "--missing-value", "y:7")[1]
        self.assertEqual(result.n_missing, 0)
        result = self.fit("in.h5", 3, "--missing-value", "x:7", "--missing-value", "3")[1]
        self.assertEqual(result.n_missing, 1)
        self.assertEqual(result.labels[5], -1)

    def test_weights(self):
        """Beside features of another type, in every place."""
        weights = OTHER % 7
        rows = np.zeros(N, [("b_v", "f4"), ("w", "u1"), ("abs_mag", "f4"), ("ws", ">f8", (2,))])
        rows["b_v"], rows["abs_mag"], rows["w"], rows["ws"][:, 1] = *STARS.T, weights, weights
        write_array("compound.h5", rows, "stars")
        write_columns("vaex.h5", dict(zip(NAMES, STARS.T.astype("f4"))) | {"w": weights})
        write_array("array.h5", np.column_stack([STARS, weights]).astype("f4"))
        columns = ["-c", LIST, "--weights"]
        fits = [("vaex.h5", [*columns, "w"]), ("compound.h5", [*columns, "w"]),
                ("compound.h5", [*columns, "ws[1]"]), ("array.h5", ["-c", "0,1", "--weights", 2])]
        self.assertEqual(len(set(self.checksums(fits, 1) + self.checksums(fits[1:3], 3))), 1)

    def test_masked_weights(self):
        """They are no weights; unless the row is not used."""
        write_columns("in.h5", dict(zip(NAMES, STARS.T)) | {"w": np.ones(N)})
        mask = np.isnan(STARS).any(axis=1)
        write_array("in.h5", mask, "table/columns/w/mask")
        weighted = ["-c", LIST, "--weights", "w"]
        self.assertEqual(self.checksums([("in.h5", weighted)], 3), [self.plain("f8")])
        with h5py.File("in.h5", "a") as file:
            file["table/columns/w/mask"][3] = True
        self.refuse((3, r"bad weight \(in.h5, .*row 3, column w", "fit", "in.h5", "-k", 3, "-o",
                     "out.h5", *weighted))

    # ---- labelling other rows ----

    def test_predict(self):
        """The catalogue of the fit in other layouts: its own labels and distances."""
        vaex("fitted.h5", "f8")
        self.fit("fitted.h5", K, "-c", LIST, "--scale", "standard", "--distances", output="fit.h5")
        fit = Result("fit.h5")
        others = [array, h5py_compound, pandas_table, astropy_masked, vaex_masked]
        for layout in others:
            layout(f"{layout.__name__}.h5", "f8")
        write_array("first.h5", structured("f8")[:1000], "stars")
        write_columns("second.h5", dict(zip(NAMES, STARS[1000:].T)), form="stars/{}")

        def predict(number, files, ranks):
            output = f"labels{number}.h5"
            finished = run("predict", "fit.h5", *files, "-o", output, "--distances", ranks=ranks)
            self.assertEqual(finished.code, 0, finished)
            self.assertEqual("no names" in finished.err, files == ["array.h5"])
            result = Result(output)
            self.assertEqual(result.labels.tobytes(), fit.labels.tobytes())
            self.assertEqual(result.data["distances"].tobytes(), fit.data["distances"].tobytes())

        jobs = [([f"{layout.__name__}.h5"], 1) for layout in others]
        jobs += [(["fitted.h5"], 3), (["pandas_table.h5"], 3), (["first.h5", "second.h5"], 3)]
        run_all([lambda i=i, j=job: predict(i, *j) for i, job in enumerate(jobs)])

    def test_predict_of_an_array(self):
        array("fitted.h5", "f4")
        fit = self.fit("fitted.h5", K, "--scale", "minmax", output="fit.h5")[1]
        big = STARS.astype(">f4")
        write_array("other.h5", np.stack([big[:, 0], big[:, 1]], axis=1), chunks=(33, 1))
        for files in ["other.h5"], ["fitted.h5"]:
            finished = run("predict", "fit.h5", *files, "-o", "labels.h5", "--overwrite")
            self.assertEqual(finished.code, 0, finished)
            self.assertEqual(Result("labels.h5").labels.tobytes(), fit.labels.tobytes())

    # ---- files that can't be used ----

    def test_bad_layouts(self):
        columns = dict(zip(NAMES, STARS.T))
        write_columns("short.h5", columns | {"z": np.ones(N - 1)})
        write_columns("mask.h5", columns)
        write_array("mask.h5", np.zeros(N - 1, bool), "table/columns/b_v/mask")
        write_columns("nomask.h5", columns)
        write_array("nomask.h5", np.zeros(N), "table/columns/b_v/mask")
        write_columns("links.h5", columns, form="stars/{}")
        with h5py.File("links.h5", "a") as file:
            group = file["stars"]
            group["nowhere"] = h5py.ExternalLink("none.h5", "/x")
            group["loop"] = h5py.SoftLink("/stars/loop")
            group["again"] = h5py.SoftLink("/stars")
            group.create_dataset("refs", (N,), h5py.ref_dtype)
            group["truth"] = np.ones(N, bool)
        with h5py.File("refs.h5", "w") as file:
            file.create_dataset("stars", (N,), [("list", h5py.vlen_dtype("i4")),
                                                ("ref", h5py.ref_dtype)])
        options = "-k", 3, "-o", "out.h5"
        self.refuse(
            (3, r"\(short.h5, dataset /table/columns\): .* z has 1199", "fit", "short.h5", *options),
            (3, r"\(mask.h5, /table/columns, column b_v\): its mask has", "fit", "mask.h5", "-c",
             LIST, *options),
            (3, r"\(nomask.h5, dataset /table/columns\): the mask of column b_v", "fit",
             "nomask.h5", *options),
            (3, r"\(links.h5, /stars, column nowhere\)", "fit", "links.h5", "-c", "b_v,nowhere",
             *options),
            (3, r"\(links.h5, /stars, column loop\)", "fit", "links.h5", "-c", "loop", *options),
            (3, r"\(links.h5, /stars, column refs\)", "fit", "links.h5", "-c", "refs", *options),
            (3, r"no table in the file \(refs.h5\)", "fit", "refs.h5", *options))
        fits = [("links.h5", ["-c", LIST])]
        self.assertEqual(self.checksums(fits, 3), [self.plain("f8")])


if __name__ == "__main__":
    unittest.main()
