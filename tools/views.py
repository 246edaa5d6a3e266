"""Views: small HDF5 files that describe a table where it lies, by HDF5's external storage. The table
is one of FITS, an array of NumPy (.npy), or rows of plain bytes.

A dataset of a view has attributes `source_bytes` and `source_time`, size and time (nanoseconds since
1970) of the file that it describes, and of columns `FIELD_number_ATTR_name`: netCDF's names for
missing, scaled and unsigned numbers, `units` and `description`."""
import collections
import math
import os
import re

import h5py
import numpy as np
from astropy.io import fits
from h5py import h5d, h5p, h5s, h5t

from command import DATA, SYSTEM, USAGE, Failure, check_input, reason, some_of, warn
from fits_tables import choose_hdu, description_of, field_bytes, header_of, is_healpix, parse_form
from pieces import read_table
from places import is_below

FITS_MAGIC = b"SIMPLE  =                    T"
NUMPY_MAGIC = b"\x93NUMPY"
FITS_TYPES = {"L": "u1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8",
              "C": ">c8", "M": ">c16", "A": "S"}
# Of logical values the letters F and T are stored: (stored - 70) / 14, exactly 0 and 1. All others
# are undefined.
LOGICAL = {"valid_range": np.array([70, 84], "u1"), "missing_value": np.arange(71, 84, dtype="u1"),
           "scale_factor": 1 / 14, "add_offset": -5.0}
UNDESCRIBED = {"P": "of variable length", "Q": "of variable length", "X": "of bits"}
RAW_TYPE = re.compile(r"([<>]?(?:[iu][1248]|f[248]|S[1-9][0-9]*))(?:\[([1-9][0-9]*)\])?$")
ARRAY = "array"      # a table without names of columns; of parts, one below the other, it has one name
MOST_ROW_BYTES = 2**31 - 1  # that NumPy has types for
LONGEST_NAME = 1000  # of a file in external storage, in bytes

# A column of a table: its type and place in a row, and what is declared of it. `dtype` is None if
# it is left out, and `why` says so.
Field = collections.namedtuple("Field", "name dtype offset declared why", defaults=({}, None))

# What a file holds: a dataset of this name and shape begins at `start`; `fields` of the rows of a
# table, or None for an array of `dtype`.
Layout = collections.namedtuple("Layout", "name shape start dtype fields is_transposed padding",
                                defaults=(None, False, h5t.STR_NULLPAD))


# --- FITS ---------------------------------------------------------------------------------------

def fits_layout(path, hdu):
    def read():
        header, start = find_table(path, hdu)
        dtype = np.dtype((np.void, max(header["NAXIS1"], 1)))
        return Layout("table", (header["NAXIS2"],), start, dtype, list(fits_fields(header)),
                      padding=h5t.STR_SPACEPAD)

    layout, caught = read_table(path, read)
    for entry in caught:
        warn(f"{entry.category.__name__} ({path}): {reason(entry.message)}")
    return layout


def find_table(path, wanted):
    with fits.open(path, memmap=True) as hdus:
        hdu = choose_hdu(hdus, wanted, path)
        if hdu is None:
            raise Failure(DATA, f"no table ({path}): it has none of rows; import takes other formats "
                                "without --in-place")
        if isinstance(hdu, fits.TableHDU) or is_healpix(hdu):
            what = "of text" if isinstance(hdu, fits.TableHDU) else "a map with several pixels a row"
            raise Failure(DATA, f"can't describe the table ({path}, HDU {hdu.name}): it is {what}; "
                                "import it without --in-place")
        return header_of(hdu, path)


def fits_fields(header):
    offset = 0
    for number in range(1, header["TFIELDS"] + 1):
        form = header[f"TFORM{number}"]
        yield fits_field(header[f"TTYPE{number}"].strip(), form, offset, header, number)
        offset += field_bytes(form)


def fits_field(name, form, offset, header, number):
    count, letter = parse_form(form)
    why = UNDESCRIBED.get(letter) or ("without room for a value" if count == 0 else None)
    scale, zero = header.get(f"TSCAL{number}", 1), header.get(f"TZERO{number}", 0)
    is_scaled = letter in "BIJKEDCM" and (scale, zero) != (1, 0)
    if letter in "CM" and is_scaled:
        why = "of scaled complex numbers"
    if why:
        return Field(name, None, offset, why=why)
    declared = {"units": header.get(f"TUNIT{number}"), "description": description_of(header, number)}
    if letter == "L":
        declared.update(LOGICAL)
    if is_scaled:
        declared.update(scale_factor=float(scale), add_offset=float(zero))
    dtype = np.dtype(FITS_TYPES[letter])
    null = header.get(f"TNULL{number}")
    if letter in "BIJK" and isinstance(null, (int, float)) and holds(dtype, null):
        declared["_FillValue"] = dtype.newbyteorder("=").type(null)
        if scale == 1 and zero == 2 ** (8 * dtype.itemsize - 1):
            warn(f"{name} is unsigned and has TNULL ({null}), which the standard compares before TZERO "
                 "is added; astropy writes missing values after it: if they are such, cluster with "
                 f"--missing-value {name}:{null}")
    dtype = fits_array(dtype, letter, count, form, header.get(f"TDIM{number}"))
    return Field(name, dtype, offset, {key: said for key, said in declared.items() if said is not None})


def holds(dtype, number):
    limits = np.iinfo(dtype)
    return number == math.floor(number) and limits.min <= number <= limits.max


def fits_array(dtype, letter, count, form, dimensions):
    """The type of a field with its shape: TDIM, or of texts the width that TFORM may have."""
    shape = [int(each) for each in re.findall("[0-9]+", str(dimensions or ""))]
    width = re.match(r"\s*[0-9]*A([0-9]+)", form.upper())
    if letter == "A" and width and not shape:
        shape = [int(width[1]), count // max(int(width[1]), 1)]
    if math.prod(shape) != count or 0 in shape:
        shape = [count]
    if letter == "A":
        dtype, shape = np.dtype(f"S{shape[0]}"), shape[1:]
    elif shape == [1]:
        shape = []
    return np.dtype((dtype, tuple(reversed(shape)))) if shape else dtype


# --- arrays -------------------------------------------------------------------------------------

def numpy_layout(path):
    values, _ = read_table(path, lambda: np.load(path, mmap_mode="r", allow_pickle=False))
    is_by_columns = values.ndim == 2 and not values.flags.c_contiguous
    if values.dtype.names and values.ndim == 1:
        return Layout("table", values.shape, values.offset, values.dtype, fields_of(values.dtype))
    if values.ndim not in (1, 2) or values.dtype.kind not in "biuf":
        raise Failure(DATA, f"can't describe the array ({path}): it has {values.ndim} dimensions of "
                            f"{values.dtype}; a table has one or two of numbers")
    shape = values.shape[::-1] if is_by_columns else values.shape
    return Layout(ARRAY if values.ndim > 1 else stem(path), shape, values.offset, values.dtype,
                  is_transposed=is_by_columns)


def stem(path):
    return os.path.splitext(os.path.basename(path))[0] or "array"


def raw_layout(path, text, start):
    """Of plain bytes: TYPE or TYPE[N] a row, or NAME:TYPE,NAME:TYPE..."""
    items = [item.rpartition(":")[::2] for item in text.split(",")]
    fields, offset = [], 0
    for name, kind in items:
        found = RAW_TYPE.match(kind.strip())
        if not found or (len(items) > 1 and not name):
            what = "type" if not found else "type of a column, which has a name"
            raise Failure(USAGE, f"bad command line: --raw {text}: {kind!r} is no {what}; say NAME:TYPE,... "
                                 "or one TYPE[N], where TYPE is i1 to i8, u1 to u8, f2 to f8 or S with a "
                                 "width, after > for big-endian")
        offset_after = offset + math.prod(map(int, re.findall("[0-9]+", kind)))
        if offset_after > MOST_ROW_BYTES:
            raise Failure(USAGE, f"bad command line: --raw {text}: a row has at most {MOST_ROW_BYTES} bytes; "
                                 "say TYPE[N] of shorter rows")
        dtype = np.dtype(found[1] if found[1][0] in "<>" else f"<{found[1]}")
        dtype = np.dtype((dtype, (int(found[2]),))) if found[2] else dtype
        fields.append(Field(name.strip(), dtype, offset))
        offset = offset_after
    if len({field.name for field in fields}) < len(fields):
        raise Failure(USAGE, f"bad command line: --raw {text}: two columns of one name; rename one")
    left = os.path.getsize(path) - start
    if left < 0 or left % offset:
        raise Failure(DATA, f"no whole rows ({path}): after {start} bytes it has {max(left, 0)}, and a row "
                            f"has {offset}; correct --raw or --offset")
    if fields[0].name:
        return Layout("table", (left // offset,), start, np.dtype((np.void, offset)), fields)
    base = dtype.subdtype[0] if dtype.subdtype else dtype
    return Layout(ARRAY if dtype.shape else stem(path), (left // offset, *dtype.shape), start, base)


# --- types --------------------------------------------------------------------------------------

def hdf5_type(dtype, padding):
    """None if HDF5 has no such type, or skymeans could make nothing of it."""
    if dtype.subdtype:
        inner = hdf5_type(dtype.subdtype[0], padding)
        return inner and h5t.array_create(inner, dtype.subdtype[1])
    if dtype.kind == "S" and dtype.itemsize:
        text = h5t.C_S1.copy()
        text.set_size(dtype.itemsize)
        text.set_strpad(padding)
        return text
    if dtype.names:
        return compound(dtype.itemsize, fields_of(dtype), padding)
    return h5t.py_create(dtype, logical=True) if dtype.kind in "biufc" else None


def fields_of(dtype):
    return [Field(name, *dtype.fields[name][:2]) for name in dtype.names]


def compound(size, fields, padding):
    """The type of rows, with fields in their places; None if one of them has no type."""
    made = h5t.create(h5t.COMPOUND, size)
    for field in fields:
        kind = hdf5_type(field.dtype, padding)
        if kind is None:
            return None
        made.insert(field.name.encode("utf-8"), field.offset, kind)
    return made


def choose_fields(layout, wanted, path):
    """The fields that are described: all that can be, or those of -c."""
    names = [field.name for field in layout.fields]
    for name in wanted or ():
        if name not in names:
            raise Failure(DATA, f"no such column (-c, {name}): the columns are {some_of(names)}; "
                                "correct the name")
    chosen = []
    for field in layout.fields:
        if wanted is not None and field.name not in wanted:
            continue
        why = field.why
        if not why and (not field.dtype.itemsize or hdf5_type(field.dtype, h5t.STR_NULLPAD) is None):
            why = f"of the type {field.dtype}"
        if why:
            warn(f"column left out ({path}, {field.name}): it is {why}, which a view can't describe")
        else:
            chosen.append(field)
    if not chosen:
        raise Failure(DATA, f"no columns ({path}): none can be described; import it without --in-place")
    return chosen


# --- the view -----------------------------------------------------------------------------------

def find_layout(path, options):
    with open(path, "rb") as file:
        start = file.read(len(FITS_MAGIC))
    if options.raw is not None:
        return raw_layout(path, options.raw, options.offset)
    if start == FITS_MAGIC:
        return fits_layout(path, options.hdu)
    if start.startswith(NUMPY_MAGIC):
        return numpy_layout(path)
    raise Failure(DATA, f"can't describe the file ({path}): it is neither FITS (not compressed) nor .npy; "
                        "say by --raw what plain bytes are, or import it without --in-place")


def relative_name(path, output):
    """The file as its name goes on from the folder of the view."""
    whole = os.path.join(os.path.realpath(os.path.dirname(path) or "."), os.path.basename(path))
    name = os.path.relpath(whole, os.path.realpath(os.path.dirname(output) or "."))
    if len(os.fsencode(name)) > LONGEST_NAME:
        raise Failure(SYSTEM, f"too long a name ({name}): HDF5 takes {LONGEST_NAME} bytes; make the view "
                              "nearer to it")
    return name


def make_view(path, options, wanted, file):
    """Writes the view to a file; (rows, columns, advice)."""
    state = check_input(path)
    layout = find_layout(path, options)
    if layout.fields is None:
        if wanted is not None:
            raise Failure(USAGE, f"bad command line: -c with {path}, whose columns have no names; leave "
                                 "it out")
        fields, kind = [], hdf5_type(layout.dtype, layout.padding)
    else:
        fields = choose_fields(layout, wanted, path)
        kind = compound(layout.dtype.itemsize, fields, layout.padding)
    write_view(file, layout, kind, fields, relative_name(path, options.output), state)
    advice = []
    if layout.is_transposed:
        advice.append("its columns lie one after another: cluster with --transpose")
    if not is_below(path, options.output):
        advice.append("the file is not below the folder of the view: cluster with --follow-external")
    n_rows, n_columns = layout.shape if len(layout.shape) > 1 else (layout.shape[0], len(fields) or 1)
    return *((n_columns, n_rows) if layout.is_transposed else (n_rows, n_columns)), "; ".join(advice)


def write_view(file, layout, kind, fields, name, state):
    # The newer format has room for the types and attributes of many columns.
    with h5py.File(file, "w", libver=("v108", "v108")) as hdf5:
        how = h5p.create(h5p.DATASET_CREATE)
        how.set_fill_time(h5d.FILL_TIME_NEVER)
        how.set_obj_track_times(False)
        size = math.prod(layout.shape) * kind.get_size()
        if size:
            how.set_external(os.fsencode(name), layout.start, size)
        try:
            made = h5d.create(hdf5.id, layout.name.encode("utf-8"), kind,
                              h5s.create_simple(layout.shape), how)
        except (ValueError, RuntimeError) as error:
            raise Failure(DATA, f"can't describe the table ({name}): {reason(error)}; it has many columns: "
                                "choose some with -c") from error
        attributes = h5py.Dataset(made).attrs
        attributes["source_bytes"], attributes["source_time"] = state.st_size, state.st_mtime_ns
        for number, field in enumerate(fields):
            for key, said in field.declared.items():
                attributes[f"FIELD_{number}_ATTR_{key}"] = said
