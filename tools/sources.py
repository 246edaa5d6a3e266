"""Catalogues of any format, read in pieces of bounded size.

Each file is read twice: the first time to learn the types of the columns, which any of its rows can
decide, and the second time to convert. VOTable, ECSV but for that with commas, compressed FITS and
FITS columns of variable length are held in memory, and so is the text format `.dat` of a course.
"""
import collections
import contextlib

import h5py
import numpy as np
from astropy.io.fits.connect import is_fits
from astropy.table import Table

from command import DATA, USAGE, Failure, Progress, check_input, reason, some_of, warn
from fits_tables import fits_columns, fits_reader
from hdf5_tables import hdf5_reader
from pieces import Request, read_table
from text_tables import (check_text, csv_reader, missing_texts, read_dat, read_ecsv_header,
                         warn_of_names)
from votables import check_inline, is_votable

FITS_MAGIC = b"SIMPLE  =                    T"
NUMPY_MAGIC = b"\x93NUMPY"
TEXTS = ".csv", ".csv.gz", ".ecsv", ".ecsv.gz"
PACKED_MAGIC = b"\x1f\x8b", b"BZ"  # gzip, bzip2

Values = collections.namedtuple("Values", "values mask unit description")


class Kind:
    """What is known of a column, more with each piece: its type, shape and unit."""

    def __init__(self):
        self.dtype, self.shape, self.unit, self.n_missing = None, (), None, 0
        self.description = None
        self.has_numbers = False  # in a piece that had no words for this column

    @property
    def is_text(self):
        return self.dtype is not None and self.dtype.kind == "S"

    def learn(self, column):
        values, mask, self.unit, self.description = column
        self.shape = values.shape[1:]
        self.n_missing += np.count_nonzero(mask)
        self.has_numbers |= values.dtype.kind != "S" and not mask.all()
        types = {values.dtype, self.dtype or values.dtype}
        words = [dtype for dtype in types if dtype.kind == "S"]
        self.dtype = np.result_type(*(words or types))

    def fit(self, values, mask):
        """The values of a piece in the type of the whole, with missing ones in-band."""
        if self.is_text and values.dtype.kind != "S":
            return np.zeros(values.shape, self.dtype)  # all are missing
        values = values.astype(self.dtype, copy=False)
        if not mask.any():
            return values
        return np.where(mask, self.dtype.type(b"" if self.is_text else np.nan), values)


class Source:
    """One file: `kinds` of its columns by name, `n_rows`, and its pieces."""

    def __init__(self, path, request=Request()):
        self.path, self.request, self.said, self.names = path, request, set(), []
        self.read = choose_reader(path, request)
        self.learn(())
        words = [name for name, kind in self.kinds.items() if kind.is_text and kind.has_numbers]
        if words:  # what is text somewhere, is text everywhere: 007 is not 7
            self.read = csv_reader(path, request, self.names, words)
            self.learn(words)
        for name, kind in self.kinds.items():
            if kind.n_missing and kind.dtype.kind in "biu":
                warn(f"column stored as float64 ({path}, {name}): {kind.n_missing} "
                     f"missing, which {kind.dtype.name} cannot express")
                kind.dtype = np.dtype(np.float64)

    def learn(self, words):
        self.kinds, self.n_rows = {}, 0
        for piece in self.tables(f"looking at {self.path}"):
            for name, column in piece.items():
                kind = self.kinds.setdefault(name, Kind())
                if len(column.values) or kind.dtype is None:
                    kind.learn(column)
            self.n_rows += count_rows(piece)
        if not self.kinds and self.names and self.request.wanted:
            raise Failure(DATA, f"no such column ({self.path}, "
                                f"{some_of(sorted(self.request.wanted))}): the columns are "
                                f"{some_of(self.names)}; correct the name")
        if not self.kinds:
            raise Failure(DATA, f"no columns ({self.path}): the file holds no usable table; "
                                "check that it is the right file")

    def pieces(self):
        """Dictionaries of arrays by name, in the types of the whole file."""
        for piece in self.tables(f"importing {self.path}"):
            yield {name: kind.fit(piece[name].values, piece[name].mask)
                   for name, kind in self.kinds.items()}

    def tables(self, what):
        progress = Progress(what)
        for share, piece, caught in self.read():
            for entry in caught:
                key = str(entry.message) if entry.category is UserWarning else entry.category
                self.say_once(key, f"{entry.category.__name__} ({self.path}): "
                                              f"{reason(entry.message)}")
            self.names = self.names or list(piece)
            wanted = self.request.wanted
            columns = {name: plain(piece[name]) for name in piece
                       if wanted is None or name in wanted}
            for name in [name for name, column in columns.items() if column is None]:
                self.say_once(name, f"column left out ({self.path}, {name}): neither numbers nor "
                                    "strings")
                del columns[name]
            for column, text in self.request.missing:
                mark_missing(columns, column, text)
            progress.show(share)
            yield columns
        progress.end()

    def say_once(self, key, message):
        if key not in self.said:
            self.said.add(key)
            warn(message)


def count_rows(columns):
    return len(next(iter(columns.values())).values) if columns else 0


def plain(column):
    """The values as a plain array, where they are missing, and the unit; None if they are neither
    numbers nor strings."""
    values = np.asarray(column)
    mask = np.broadcast_to(getattr(column, "mask", False), values.shape)
    if values.dtype.kind == "O" and all(isinstance(value, str) for value in values[~mask]):
        values = np.where(mask, "", values).astype(str)
    if values.dtype.kind == "U":
        values = np.char.encode(values, "utf-8")
    if values.dtype.kind not in "biufS":
        return None
    unit = str(column.unit) if getattr(column, "unit", None) else None
    said = getattr(column, "description", None)
    return Values(values.astype(values.dtype.newbyteorder("="), copy=False), mask, unit,
                  str(said) if said else None)


def mark_missing(columns, wanted, text):
    """What --missing-value says, of one column or of all."""
    for name, column in columns.items():
        if wanted not in (None, name):
            continue
        is_equal = equals(column.values, text)
        if is_equal is not None and is_equal.any():
            columns[name] = column._replace(mask=column.mask | is_equal)


def equals(values, text):
    """Where values are what a text says; None if they can't be."""
    if values.dtype.kind == "S":
        return values == text.encode("utf-8")
    with contextlib.suppress(ValueError, OverflowError):
        number = float(text)
        if values.dtype.kind == "f":
            return values == values.dtype.type(number)
        if values.dtype.kind in "iu" and number == int(number):
            return values == int(number)
    return None


# --- readers: functions that give (share of the file, columns by name, warnings) of each piece ---

def choose_reader(path, request):
    check_input(path)
    with open(path, "rb") as file:
        start = file.read(len(FITS_MAGIC))
    is_whole = is_packed_fits(path, start)
    if request.hdu is not None and start != FITS_MAGIC and not is_whole:
        raise Failure(USAGE, f"bad command line: --hdu {request.hdu} with {path}, which is no FITS "
                             "file; leave it out")
    if h5py.is_hdf5(path):
        return hdf5_reader(path, request)
    if path.lower().endswith(".dat"):
        columns = read_dat(path)
        return lambda: [(1, columns, [])]
    if path.lower().endswith(TEXTS):
        return text_reader(path, request)
    if start.startswith(NUMPY_MAGIC):
        raise Failure(DATA, f"no import of NumPy's files ({path}): they need none; describe it with "
                            "--in-place, and cluster that")
    reader = fits_reader(path, request) if start == FITS_MAGIC else None
    return reader or whole_reader(path, request, start == FITS_MAGIC or is_whole)


def text_reader(path, request):
    header = read_ecsv_header(path)
    if header and not header.is_csv or not header and ".csv" not in path.lower()[-7:]:
        return whole_reader(path, request, False)
    if not header:
        warn_of_names(path)
    return csv_reader(path, request, header=header)


def is_packed_fits(path, start):
    return start[:2] in PACKED_MAGIC and is_fits("read", path, None)


def whole_reader(path, request, is_in_fits):
    is_text = path.lower().endswith(TEXTS)
    options = {"format": "ascii.ecsv", "fill_values": missing_texts(request)} if is_text else {}
    if is_text:
        check_text(path)

    def read():
        if is_in_fits:  # compressed, or with columns of variable length
            return fits_columns(path, request, path)
        if is_votable(path):  # its ids are names that astropy has changed
            check_inline(path)
            options["use_names_over_ids"] = True
        table = Table.read(path, **options)
        return {name: table[name] for name in table.colnames}

    columns, caught = read_table(path, read)
    return lambda: [(1, columns, caught)]
