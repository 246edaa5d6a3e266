"""What a file declares of its numbers, as a table of cases: each with what is stored, what is
declared, which written convention says so, the values that are meant, and what netCDF4-python and
xarray make of them where that differs.

docs/conventions.md is this table for readers: `test_conventions_program.py --write` writes it.
Expected values are stated here, not computed by a library; where netCDF4-python and xarray are
installed, what is said of them is checked, too.
"""
import collections
import os
import sys
import unittest
import warnings

sys.dont_write_bytecode = True

import h5py
import numpy as np
import pandas
import tables

from program import ROOT, ProgramTest, run_all, write_array

try:
    import netCDF4
    import xarray
except ImportError:
    netCDF4 = None

warnings.simplefilter("ignore", tables.NaturalNameWarning)

DOCUMENT = os.path.join(ROOT, "docs", "conventions.md")
TIMES = 40  # each case is repeated so often
NO = np.nan  # no value: missing
FILL = 9.969209968386869e36  # netCDF's default for float32 and float64 alike

Case = collections.namedtuple(
    "Case", "name source stored declared expected netcdf4 xarray is_netcdf fill")


def case(name, source, dtype, stored, expected, netcdf4=None, xarray=None, is_netcdf=False,
         fill=None, **declared):
    """What others make of it is as expected unless it is said."""
    declared = {key: to_attribute(value, dtype) for key, value in declared.items()}
    return Case(name, source, np.array(stored, dtype), declared, expected, netcdf4 or expected,
                xarray or expected, is_netcdf, fill)


def to_attribute(value, dtype):
    """A number or a list of them in the type of the dataset, unless it has one of its own."""
    if isinstance(value, str):
        return np.bytes_(value)
    return np.array(value, None if isinstance(value, (np.ndarray, np.generic)) else dtype)


# ---- the cases -----------------------------------------------------------------------------------

NUG, CF, CF_TYPES = "NUG A", "CF 2.5.1", "CF 2.2, NUG A"
FITS = "FITS 4.0, table 19"
PACKED, DEFAULT = "CF 8.1, NUG A", "netcdf.h, CF 2.5.1"
UNSIGNED = "NetCDF Best Practices, unsigned data"

MISSING = [
    case("fill value", CF, "f4", [1, 1e20, 3], [1, NO, 3], _FillValue=1e20),
    case("fill value of integers", CF, "i2", [1, -999, 3], [1, NO, 3], _FillValue=-999),
    case("fill value of another byte order", CF, ">i4", [1, -999, 3], [1, NO, 3], _FillValue=-999),
    case("fill value is NaN", CF, "f4", [1, NO, 3], [1, NO, 3], _FillValue=NO),
    case("fill value next to a number", CF, "i8", [2 ** 53, 2 ** 53 + 1, 5], [2 ** 53, NO, 5],
         xarray=[NO, NO, 5], _FillValue=2 ** 53 + 1),
    case("fill value of a wider type", NUG, "f4", [1, -99.9, 3], [1, NO, 3],
         netcdf4=[1, -99.9, 3], _FillValue=np.float64(-99.9)),
    case("fill value of a floating-point type", NUG, "i2", [1, -99, 3], [1, NO, 3],
         _FillValue=np.float64(-99)),
    case("missing value", CF, "f8", [-99, 2, 3], [NO, 2, 3], missing_value=-99),
    case("several missing values", NUG, "i2", [-99, -98, 3], [NO, NO, 3],
         missing_value=[-99, -98]),
    case("missing value of a wider type", NUG, "f4", [-99.9, 2, 3], [NO, 2, 3],
         netcdf4=[-99.9, 2, 3], missing_value=np.float64(-99.9)),
    case("missing value is text", NUG, "f4", [-99, 2, 3], [-99, 2, 3], missing_value="-99"),
    case("missing value that the type can't hold", NUG, "i2", [-99, 2, 3], [-99, 2, 3],
         missing_value=np.float64(1e20)),
    case("fill value and missing value", CF, "i2", [-99, -98, 3], [NO, NO, 3], _FillValue=-99,
         missing_value=-98),
    case("beyond the fill value", "CF 2.5.1; not NUG A, see below", "i2", [100, 5, 101],
         [NO, 5, 101], _FillValue=100),
]
RANGES = [
    case("valid minimum", NUG, "i2", [-1, 0, 5], [NO, 0, 5], xarray=[-1, 0, 5], valid_min=0),
    case("valid maximum", NUG, "f4", [9, 10, 11], [9, 10, NO], xarray=[9, 10, 11], valid_max=10),
    case("valid minimum and maximum", NUG, "i2", [-1, 0, 10, 11], [NO, 0, 10, NO],
         xarray=[-1, 0, 10, 11], valid_min=0, valid_max=10),
    case("valid range", NUG, "i2", [-1, 0, 10, 11], [NO, 0, 10, NO], xarray=[-1, 0, 10, 11],
         valid_range=[0, 10]),
    case("valid range of a floating-point type", NUG, "i2", [-1, 0, 10, 11], [NO, 0, 10, NO],
         xarray=[-1, 0, 10, 11], valid_range=np.array([0.0, 10.0])),
    case("valid range between integers", NUG, "i2", [0, 1, 10, 11], [NO, 1, 10, NO],
         netcdf4=[0, 1, 10, 11], xarray=[0, 1, 10, 11], valid_range=np.array([0.5, 10.5])),
    case("valid maximum of a wider type", NUG, "f4", [0.05, 0.1, 0.2], [0.05, 0.1, NO],
         netcdf4=[0.05, 0.1, 0.2], xarray=[0.05, 0.1, 0.2], valid_max=np.float64(0.1)),
    case("valid range, and a minimum that must not be", NUG, "i2", [-1, 0, 5, 11],
         [NO, 0, 5, NO], xarray=[-1, 0, 5, 11], valid_range=[0, 10], valid_min=3),
    case("fill value within the valid range", CF, "i2", [5, 6, 11], [NO, 6, NO],
         xarray=[NO, 6, 11], _FillValue=5, valid_range=[0, 10]),
    case("valid range of large numbers", NUG, "u8", [2 ** 63 + 2 ** 12, 1, 2 ** 64 - 1],
         [2 ** 63 + 2 ** 12, 1, NO], xarray=[2 ** 63 + 2 ** 12, 1, 2 ** 64 - 1],
         valid_max=2 ** 64 - 2),
]
SIGNS = [
    case("unsigned bytes", UNSIGNED, "i1", [-1, 5, -2], [255, 5, 254], _Unsigned="true"),
    case("unsigned, fill value", UNSIGNED, "i1", [-1, 5, -2], [NO, 5, 254], _Unsigned="true",
         _FillValue=-1),
    case("unsigned, missing value", UNSIGNED, "i2", [-1, 5, -2], [NO, 5, 65534],
         xarray=[65535, 5, 65534], _Unsigned="true", missing_value=-1),
    case("unsigned, valid range", UNSIGNED, "i1", [-1, 5, -2], [NO, 5, 254], xarray=[255, 5, 254],
         _Unsigned="true", valid_range=[0, -2]),
    case("unsigned and packed", UNSIGNED, "i2", [-1, 4, -2], [NO, 2, 32767], _Unsigned="true",
         _FillValue=-1, scale_factor=np.float64(0.5)),
    case("unsigned is false", UNSIGNED, "i1", [-1, 5, -2], [-1, 5, -2], netcdf4=[255, 5, 254],
         _Unsigned="false"),
    case("unsigned of what is so", UNSIGNED, "u1", [255, 5, 254], [255, 5, 254], _Unsigned="true"),
    case("bytes with a valid range above 127", CF_TYPES, "i1", [-56, 5, -1], [200, 5, NO],
         netcdf4=[-56, 5, -1], xarray=[-56, 5, -1], valid_range=np.array([0, 254], "i2")),
]
DEFAULTS = [
    case(f"default fill value of {dtype}", DEFAULT, dtype, [value, 5], [NO, 5],
         xarray=[value, 5], is_netcdf=True)
    for dtype, value in [("f4", FILL), (">f4", FILL), ("f8", FILL), ("i2", -32767), ("u2", 65535),
                         ("i4", -2147483647), ("u4", 4294967295), ("i8", -9223372036854775806),
                         ("u8", 18446744073709551614)]
] + [
    case("next to the default fill value", DEFAULT, "i8",
         [-9223372036854775806, -9223372036854775807, 5], [NO, -9223372036854775807, 5],
         xarray=[-9223372036854775806, -9223372036854775807, 5], is_netcdf=True),
    case("default fill value, packed", DEFAULT, "i2", [-32767, 10], [NO, 5],
         xarray=[-16383.5, 5], is_netcdf=True, scale_factor=np.float64(0.5)),
    case("default fill value, and another", DEFAULT, "i2", [-32767, -98, 3], [-32767, NO, 3],
         is_netcdf=True, _FillValue=-98),
    case("default fill value, and a missing value", DEFAULT, "i2", [-32767, -98, 3], [NO, NO, 3],
         xarray=[-32767, NO, 3], is_netcdf=True, missing_value=-98),
    case("default fill value in other HDF5", DEFAULT, "i2", [-32767, 5], [-32767, 5],
         netcdf4=[NO, 5]),
    case("default fill value in other HDF5, float", DEFAULT, "f4", [FILL, 5], [FILL, 5],
         netcdf4=[NO, 5]),
    case("default fill value of i1, in fill mode", "netcdf.h, see below", "i1", [-127, 5], [NO, 5],
         xarray=[-127, 5], is_netcdf=True, fill=-127),
    case("default fill value of u1, in fill mode", "netcdf.h, see below", "u1", [255, 5], [NO, 5],
         xarray=[255, 5], is_netcdf=True, fill=255),
    case("default fill value of i1", NUG, "i1", [-127, 5], [-127, 5], is_netcdf=True),
    case("default fill value of u1", NUG, "u1", [255, 5], [255, 5], is_netcdf=True),
]
PACKING = [
    case("scale and offset", PACKED, "i2", [-100, 0, 100], [9, 10, 11],
         scale_factor=np.float64(0.01), add_offset=np.float64(10)),
    case("scale alone", PACKED, "u1", [0, 4, 255], [0, 2, 127.5], scale_factor=np.float64(0.5)),
    case("offset alone", PACKED, "i2", [0, 4, 8], [273.15, 277.15, 281.15],
         add_offset=np.float64(273.15)),
    case("scale and offset of float32", PACKED, "i2", [0, 100, 1000], [10, 11, 20],
         scale_factor=np.float32(0.01), add_offset=np.float32(10)),
    case("packed floats", NUG, "f4", [0, 0.5, 1.5], [1, 2, 4], scale_factor=2, add_offset=1),
    case("packed, more than float32 holds", PACKED, "i4", [2 ** 24 + 1, 0, 7],
         [16777.217, 0, 0.007], scale_factor=np.float64(0.001)),
    case("packed fill value", CF, "i2", [-999, 0, 100], [NO, 10, 11], _FillValue=-999,
         scale_factor=np.float64(0.01), add_offset=np.float64(10)),
    case("unpacked number equal to the fill value", CF, "i2", [-10, 0, 8], [-5, NO, 4],
         _FillValue=0, scale_factor=np.float64(0.5)),
    case("offset of half the range, as FITS stores unsigned integers", FITS, "i2",
         [-32768, 0, 32767], [0, 32768, 65535], add_offset=np.float64(32768)),
    case("packed valid maximum", NUG, "i2", [0, 10, 11], [0, 1, NO], xarray=[0, 1, 1.1],
         valid_max=10, scale_factor=np.float64(0.1)),
]
KINDS = [("Missing values", MISSING), ("Valid ranges", RANGES), ("Unsigned integers", SIGNS),
         ("Default fill values of netCDF", DEFAULTS), ("Packed numbers", PACKING)]
CASES = [one for _, cases in KINDS for one in cases]


# ---- files ---------------------------------------------------------------------------------------


def mark_netcdf(file):
    file.attrs["_NCProperties"] = np.bytes_("version=2,netcdf=4.9.0,hdf5=1.10.8")


def write_case(path, one, times=TIMES, name="x"):
    with h5py.File(path, "a") as file:
        if one.is_netcdf:
            mark_netcdf(file)
        data = file.create_dataset(name, data=np.tile(one.stored, times), fillvalue=one.fill)
        data.attrs.update(one.declared)


def is_unsigned(one):
    """Do signed integers stand for unsigned ones of the same bits?"""
    if one.stored.dtype.kind != "i":
        return False
    is_beyond = "valid_range" in one.declared and \
        one.declared["valid_range"].max() > np.iinfo(one.stored.dtype).max
    return is_beyond or one.declared.get("_Unsigned") == b"true"


def unpack(one):
    """The values that are meant, from what is stored: in double, and rounded once."""
    stored, declared = one.stored, one.declared
    if is_unsigned(one):
        stored = stored.view(stored.dtype.str.replace("i", "u"))
    values = stored * np.float64(declared.get("scale_factor", 1)) + \
        np.float64(declared.get("add_offset", 0))
    return np.where(np.isnan(np.array(one.expected, "f8")), np.nan, values)


# ---- tests ---------------------------------------------------------------------------------------


class ConventionsTest(ProgramTest):
    maxDiff = None

    def fit_many(self, fits, ranks=1):
        """Results of fits of one cluster: pairs of files and options."""
        return self.fit_all([((files[0], 1, *files[1:], *options), {"ranks": ranks})
                             for files, options in fits])

    def check_values(self, result, values, which="x"):
        """Each value of a single feature: those that are missing, and the others by a fit of a
        plain copy."""
        known = np.isfinite(values)
        np.testing.assert_array_equal(result.labels >= 0, known)
        self.assertEqual(result.data["missing"].tolist(), [np.count_nonzero(~known)])
        plain = f"plain-{which}.h5"
        write_array(plain, values.astype(result.attributes["model"]["precision"])[:, None])
        copy = self.fit(plain, 1, output=f"out-{plain}")[1]
        self.assertEqual(copy.checksum, result.checksum)
        self.assertEqual(*(r.attributes["provenance"]["features_checksum"]
                           for r in (result, copy)))


class Conventions(ConventionsTest):

    def check_cases(self, cases, options, values_of, ranks):
        """Fits of all cases; the values that are meant are values_of(case)."""
        for i, one in enumerate(cases):
            write_case(f"{i}.h5", one)
        found = self.fit_many([([f"{i}.h5"], ["-c", "x", *options]) for i in range(len(cases))],
                              ranks)
        checks = [lambda i=i, one=one: self.check_or_say(found[i], values_of(one), i)
                  for i, one in enumerate(cases)]
        for one, said in zip(cases, run_all(checks)):
            with self.subTest(case=one.name, options=options, ranks=ranks):
                self.assertIsNone(said, said)

    def check_or_say(self, result, values, i):
        try:
            self.check_values(result, np.tile(values, TIMES), str(i))
        except AssertionError as error:
            return str(error)
        return None

    def test_expected_values(self):
        """The table agrees with the rule of unpacking."""
        for one in CASES:
            with self.subTest(case=one.name):
                np.testing.assert_allclose(unpack(one), one.expected, rtol=1e-6)

    def test_cases(self):
        self.check_cases(CASES, [], unpack, 1)

    def test_cases_on_3_ranks(self):
        self.check_cases(CASES[::3], [], unpack, 3)

    def test_raw(self):
        """As they are stored: all numbers but NaN."""
        self.check_cases(CASES[::2], ["--raw"], lambda one: one.stored.astype("f8"), 1)

    def test_document(self):
        """docs/conventions.md has this table."""
        with open(DOCUMENT, encoding="utf-8") as file:
            self.assertEqual(file.read(), fill_in(file_text()))

    @unittest.skipUnless(netCDF4, "no netCDF4-python and xarray: on Debian python3-netcdf4 and "
                         "python3-xarray")
    def test_other_readers(self):
        """What is said of them, by themselves."""
        warnings.simplefilter("ignore")
        for i, one in enumerate(CASES):
            write_case(f"{i}.nc", one, 1)
            with self.subTest(case=one.name):
                with netCDF4.Dataset(f"{i}.nc") as file:
                    found = np.ma.filled(file["x"][:].astype("f8"), NO)
                np.testing.assert_allclose(found, np.array(one.netcdf4, "f8"), rtol=1e-6,
                                           err_msg="netCDF4-python")
                with xarray.open_dataset(f"{i}.nc", engine="netcdf4") as file:
                    found = file["x"].values.astype("f8")
                np.testing.assert_allclose(found, np.array(one.xarray, "f8"), rtol=1e-6,
                                           err_msg="xarray")


class Places(ConventionsTest):
    """Where conventions are declared, and of what."""

    def test_together(self):
        """Columns of different conventions in one table: each by its own."""
        cases = {"a": MISSING[1], "b": RANGES[0], "c": PACKING[0]}
        for name, one in cases.items():
            write_case("in.h5", one, name=name)
        values = np.stack([np.tile(unpack(one), TIMES) for one in cases.values()], axis=1)
        known = np.isfinite(values).all(axis=1)
        write_array("plain.h5", values)
        expected = self.fit("plain.h5", 1)[1]
        for result in [self.fit("in.h5", 1, "-c", "a,b,c", ranks=n)[1] for n in (1, 2, 4)]:
            np.testing.assert_array_equal(result.labels >= 0, known)
            self.assertEqual(result.data["missing"].tolist(), [TIMES, TIMES, 0])
            np.testing.assert_allclose(result.centers, expected.centers, rtol=1e-7)

    def test_array(self):
        """Attributes of a two-dimensional array are of all its columns."""
        stored = np.array([[-999, 4], [0, 6], [8, 2]], "i2")
        with h5py.File("in.h5", "w") as file:
            file["points"] = np.tile(stored, (TIMES, 1))
            file["points"].attrs.update(_FillValue=np.int16(-999), scale_factor=0.5,
                                        valid_min=np.int16(-1))
        for ranks in 1, 3:
            result = self.fit("in.h5", 1, ranks=ranks)[1]
            np.testing.assert_array_equal(result.labels >= 0, np.tile([False, True, True], TIMES))
            self.assertEqual(result.centers.tolist(), [[2, 2]])
            self.assertEqual(result.data["missing"].tolist(), [TIMES, 0])

    def test_mask_as_well(self):
        """A vaex column with a mask and a missing value."""
        write_case("in.h5", MISSING[7], name="table/columns/x/data")
        mask = np.zeros(3 * TIMES, bool)
        mask[2] = True
        write_array("in.h5", mask, "table/columns/x/mask")
        result = self.fit("in.h5", 1, "-c", "x")[1]
        expected = np.tile([False, True, True], TIMES) & ~mask
        np.testing.assert_array_equal(result.labels >= 0, expected)

    def test_files(self):
        """Each file by its own attributes."""
        for i, (scale, fill) in enumerate([(0.5, 1), (0.25, 2), (None, None)]):
            with h5py.File(f"{i}.h5", "w") as file:
                file["x"] = np.tile(np.array([1, 2, 3, 4], "i2"), TIMES)
                if scale:
                    file["x"].attrs.update(scale_factor=scale, _FillValue=np.int16(fill))
        values = np.concatenate([np.tile(part, TIMES) for part in (
            [NO, 1, 1.5, 2], [0.25, NO, 0.75, 1], [1, 2, 3, 4])])
        for ranks in 1, 2, 3:
            with self.subTest(ranks=ranks):
                result = self.fit("0.h5", 1, "1.h5", "2.h5", "-c", "x", ranks=ranks)[1]
                np.testing.assert_array_equal(result.labels >= 0, np.isfinite(values))
                np.testing.assert_allclose(result.centers, [[np.nanmean(values)]], rtol=1e-7)

    def test_chunks(self):
        """Packed numbers in compressed chunks, some of which were never written."""
        with h5py.File("in.h5", "w") as file:
            mark_netcdf(file)
            data = file.create_dataset("x", (1000,), "i2", chunks=(64,), compression="gzip",
                                       fillvalue=-32767)
            data.attrs["scale_factor"] = 0.5
            data[300:700] = np.arange(300, 700)
        values = np.full(1000, NO)
        values[300:700] = np.arange(300, 700) / 2
        for ranks in 1, 3:
            self.check_values(self.fit("in.h5", 1, "-c", "x", ranks=ranks)[1], values, str(ranks))

    def test_weights(self):
        """Weights are unpacked, and a missing one is none, as a masked one."""
        with h5py.File("in.h5", "w") as file:
            file["x"] = np.arange(8.0)
            file["w"] = np.arange(8, dtype="i2")
            file["w"].attrs.update(scale_factor=0.5, _FillValue=np.int16(-1))
        result = self.fit("in.h5", 1, "-c", "x", "--weights", "w")[1]
        self.assertEqual(result.data["weights"].tolist(), [14])
        self.assertEqual(result.centers.tolist(), [[5]])
        with h5py.File("in.h5", "a") as file:
            file["w"][3] = -1
        self.refuse((3, r"bad weight \(in.h5, .*row 3, column w", "fit", "in.h5", "-k", 1, "-o",
                     "no.h5", "-c", "x", "--weights", "w"))

    def test_ids(self):
        """Ids are copied as they are stored."""
        with h5py.File("in.h5", "w") as file:
            file["x"] = np.arange(8.0)
            file["id"] = np.arange(8, dtype="i4")
            file["id"].attrs.update(scale_factor=0.5, _FillValue=np.int32(3), valid_max=np.int32(5))
        result = self.fit("in.h5", 1, "-c", "x", "--id", "id")[1]
        self.assertEqual(result.data["ids"].tolist(), list(range(8)))
        self.assertEqual(result.n_missing, 0)

    def test_dimensions_are_no_columns(self):
        """A netCDF dimension without a variable is stored as a dataset without values."""
        name = "This is a netCDF dimension but not a netCDF variable{:10d}"
        for rows in (120, 0), (0, 120):  # of a dimension of this length, and of an unlimited one
            with h5py.File("in.nc", "w") as file:
                mark_netcdf(file)
                file["x"] = np.arange(120.0)
                file["y"] = np.arange(120.0) ** 2
                for n_rows, dimension in zip(rows, ("row", "time")):
                    scale = file.create_dataset(dimension, (n_rows,), ">f4", maxshape=(None,))
                    scale.attrs.update(CLASS=np.bytes_("DIMENSION_SCALE"),
                                       NAME=np.bytes_(name.format(n_rows)))
            result = self.fit("in.nc", 1)[1]
            features = result.attributes["centers"]["features"]
            self.assertEqual([text.decode() if isinstance(text, bytes) else text
                              for text in features], ["x", "y"])


class Fill(ConventionsTest):
    """HDF5's own fill value, which --fill-is-missing makes missing where the author set one."""

    def check_fill(self, stored, fill, expected, *options, n_missing=None):
        with h5py.File("in.h5", "w") as file:
            file.create_dataset("x", data=np.tile(stored, TIMES), fillvalue=fill)
        for ranks in 1, 3:
            result = self.fit("in.h5", 1, "-c", "x", *options, ranks=ranks)[1]
            self.check_values(result, np.tile(expected, TIMES).astype("f8"), f"{ranks}-{fill}")
            os.remove(f"plain-{ranks}-{fill}.h5")

    def test_set(self):
        lowest = np.finfo("f4").min
        stored = np.array([lowest, 2, 3], "f4")
        self.check_fill(stored, lowest, [lowest, 2, 3])
        self.check_fill(stored, lowest, [NO, 2, 3], "--fill-is-missing")

    def test_integers(self):
        lowest = np.iinfo("i8").min
        stored = np.array([lowest, lowest + 1, 3], "i8")
        self.check_fill(stored, lowest, [NO, lowest + 1, 3], "--fill-is-missing")

    def test_not_set(self):
        """Zero is then a number."""
        self.check_fill(np.array([0, 2, 3], "i4"), None, [0, 2, 3], "--fill-is-missing")

    def test_zero_that_was_set(self):
        self.check_fill(np.array([0, 2, 3], "i4"), 0, [NO, 2, 3], "--fill-is-missing")

    def test_never_written(self):
        with h5py.File("in.h5", "w") as file:
            data = file.create_dataset("x", (1000,), "f4", chunks=(64,), fillvalue=-1)
            data[300:700] = np.arange(300, 700)
        values = np.full(1000, NO)
        values[300:700] = np.arange(300, 700)
        result = self.fit("in.h5", 1, "-c", "x", "--fill-is-missing", ranks=3)[1]
        self.check_values(result, values)

    def test_raw(self):
        """Raw numbers are so where their fill value is missing, too."""
        stored = np.array([-1, 2, 3], "f4")
        self.check_fill(stored, -1, [-1, 2, 3], "--raw")


class OtherWriters(ConventionsTest):

    def test_r(self):
        """R's missing integer, where rhdf5 says that it wrote the file."""
        lowest = np.iinfo("i4").min
        stored = np.tile(np.array([lowest, 2, 3], "i4"), TIMES)
        for is_r, first in (True, NO), (False, lowest):
            with h5py.File("in.h5", "w") as file:
                file["x"] = stored
                if is_r:
                    file["x"].attrs["rhdf5-NA.OK"] = np.int32([1])
            for options, value in ([], first), (["--raw"], lowest):
                result = self.fit("in.h5", 1, "-c", "x", *options)[1]
                self.check_values(result, np.tile([value, 2, 3], TIMES).astype("f8"),
                                  f"{is_r}-{len(options)}")

    def frame(self):
        times = pandas.to_datetime(pandas.Series([None, "2020-01-01", "2020-01-02"] * TIMES))
        lengths = pandas.Series(pandas.to_timedelta([None, 2, 3] * TIMES, unit="s"))
        values = pandas.Series(np.tile([1.0, 2.0, NO], TIMES))
        return pandas.DataFrame({"time": times, "length": lengths, "x": values})

    def check_times(self, path):
        days = 1577836800 + np.array([NO, 0, 86400])  # seconds since 1970
        expected = {"time": days * 1e9, "length": np.array([NO, 2e9, 3e9]), "x": [1, 2, NO]}
        for name, values in expected.items():
            for ranks in 1, 3:
                with self.subTest(path=path, column=name, ranks=ranks):
                    result = self.fit(path, 1, "-c", name, ranks=ranks, output="t.h5")[1]
                    np.testing.assert_array_equal(result.labels >= 0,
                                                  np.tile(np.isfinite(values), TIMES))
                    np.testing.assert_allclose(result.centers, [[np.nanmean(values)]], rtol=1e-7)

    def test_times_of_pandas(self):
        self.frame().to_hdf("fixed.h5", "t", format="fixed")
        self.frame().to_hdf("table.h5", "t", format="table")
        self.frame().to_hdf("columns.h5", "t", format="table", data_columns=True)
        for path in "fixed.h5", "table.h5", "columns.h5":
            self.check_times(path)

    def test_categories_of_pandas(self):
        """Codes are numbers, and that of no category is missing."""
        kinds = pandas.Categorical(["a", None, "b"] * TIMES, categories=["a", "b"])
        pandas.DataFrame({"kind": kinds, "x": np.arange(3.0 * TIMES)}).to_hdf(
            "in.h5", "t", format="table", data_columns=True)
        for ranks in 1, 3:
            result = self.fit("in.h5", 1, "-c", "kind", ranks=ranks)[1]
            np.testing.assert_array_equal(result.labels >= 0, np.tile([True, False, True], TIMES))
            self.assertEqual(result.centers.tolist(), [[0.5]])


# ---- the table for readers -----------------------------------------------------------------------


def number(value):
    if value != value:
        return "–"
    return str(int(value)) if isinstance(value, (int, np.integer)) or (
        float(value).is_integer() and abs(value) < 1e15) else f"{value:.16g}"


def numbers(values):
    return " ".join(map(number, values))


def row_of(one):
    declared = [f"`{name}` {text_of(value)}" for name, value in one.declared.items()]
    if one.fill is not None:
        declared.append(f"HDF5's fill value {number(one.fill)}")
    if one.is_netcdf:
        declared.append("`_NCProperties`")
    others = [("=" if same(values, one.expected) else numbers(values))
              for values in (one.netcdf4, one.xarray)]
    cells = [one.name, f"{one.stored.dtype.str.lstrip('<|')}: {numbers(one.stored.tolist())}",
             "; ".join(declared) or "nothing", numbers(one.expected), *others, one.source]
    return "| " + " | ".join(cells) + " |"


def same(a, b):
    return np.array_equal(np.array(a, "f8"), np.array(b, "f8"), equal_nan=True)


def text_of(value):
    if isinstance(value, bytes):
        return f'"{value.decode()}"'
    return numbers(np.atleast_1d(np.float64(value) if value.dtype == "f4" else value).tolist())


def table_of(cases):
    head = ["case", "stored", "declared", "skymeans", "netCDF4-python", "xarray", "source"]
    return "\n".join(["| " + " | ".join(head) + " |", "|---" * len(head) + "|",
                      *map(row_of, cases)])


def file_text():
    with open(DOCUMENT, encoding="utf-8") as file:
        return file.read()


def fill_in(text):
    """The document with its tables anew: each follows its heading, to the next blank line."""
    for heading, cases in KINDS:
        before, mark, after = text.partition(f"## {heading}\n\n")
        _, _, after = after.partition("\n\n")
        text = f"{before}{mark}{table_of(cases)}\n\n{after}"
    return text


def write_document():
    text = fill_in(file_text())
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write_document()
    else:
        unittest.main()
