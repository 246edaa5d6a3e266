"""Catalogues that are not HDF5, read in pieces of bounded size.

A piece of a FITS table, with the header and fewer rows, is a FITS table, and a piece of a CSV file
below the line of names is a CSV file, so astropy reads them one by one. Each file is read twice:
the first time to learn the types of the columns, which any of its rows can decide, and the second
time to convert. VOTable, ECSV, compressed FITS and FITS columns of variable length are held in
memory, and so is the course's text format `.dat`.
"""
import collections
import io
import os
import re
import warnings

import numpy as np
from astropy.io import ascii as astropy_ascii
from astropy.io import fits
from astropy.io.fits.connect import is_fits
from astropy.io.registry import IORegistryError
from astropy.table import MaskedColumn, Table

from command import DATA, Failure, Progress, reason, warn

PIECE_BYTES = 4 << 20  # parsing takes some ten times as much
FITS_BLOCK = 2880
FITS_MAGIC = b"SIMPLE  =                    T"
PACKED_MAGIC = b"\x1f\x8b", b"BZ"  # gzip, bzip2
# `null` is how the Gaia archive writes a missing value.
MISSING_TEXTS = [("", "0"), ("null", "0")]

Values = collections.namedtuple("Values", "values mask unit")


class Kind:
    """What is known of a column, more with each piece: its type, shape and unit."""

    def __init__(self):
        self.dtype, self.shape, self.unit, self.n_missing = None, (), None, 0
        self.has_numbers = False  # in a piece that had no words for this column

    @property
    def is_text(self):
        return self.dtype is not None and self.dtype.kind == "S"

    def learn(self, column):
        values, mask, self.unit = column
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

    def __init__(self, path):
        self.path, self.said = path, set()
        self.read = choose_reader(path)
        self.learn(())
        words = [name for name, kind in self.kinds.items() if kind.is_text and kind.has_numbers]
        if words:  # what is text somewhere, is text everywhere: 007 is not 7
            self.read = csv_reader(path, list(self.kinds), words)
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
                self.say_once(entry.category, f"{entry.category.__name__} ({self.path}): "
                                              f"{reason(entry.message)}")
            columns = {name: plain(piece[name]) for name in piece}
            for name in [name for name, column in columns.items() if column is None]:
                self.say_once(name, f"column left out ({self.path}, {name}): neither numbers nor "
                                    "strings")
                del columns[name]
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
    return Values(values.astype(values.dtype.newbyteorder("="), copy=False), mask, unit)


# --- readers: functions that give (share of the file, columns by name, warnings) of each piece ---

def choose_reader(path):
    with open(path, "rb") as file:  # a missing file is the system's fault
        start = file.read(len(FITS_MAGIC))
    if path.lower().endswith(".dat"):
        columns = read_dat(path)
        return lambda: [(1, columns, [])]
    if path.lower().endswith(".csv"):
        return csv_reader(path)
    reader = fits_reader(path) if start == FITS_MAGIC else None
    return reader or whole_reader(path)


def whole_reader(path):
    is_text = path.lower().endswith(".ecsv")
    options = {"fill_values": MISSING_TEXTS} if is_text else {}

    def read():
        if is_whole_fits(path):
            return fits_columns(path)
        table = Table.read(path, **options)
        return {name: table[name] for name in table.colnames}

    columns, caught = read_table(path, read)
    return lambda: [(1, columns, caught)]


def is_whole_fits(path):
    """Compressed, or with columns of variable length."""
    with open(path, "rb") as file:
        start = file.read(len(FITS_MAGIC))
    return start == FITS_MAGIC or (start[:2] in PACKED_MAGIC and is_fits("read", path, None))


def read_table(where, read):
    """What read() gives, and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            return read(), caught
        except IORegistryError as error:
            raise Failure(DATA, f"unknown format ({where}): neither its name nor its content "
                                "tells; name it .fits, .vot, .csv, .ecsv or .dat after what it is"
                          ) from error
        except Exception as error:  # the readers raise nearly every type there is
            if isinstance(error, MemoryError) or getattr(error, "errno", None):
                raise
            raise Failure(DATA, f"cannot read the table ({where}): {reason(error)}; "
                                "the file may be damaged or not what its name says") from error


# --- CSV ----------------------------------------------------------------------------------------

def csv_reader(path, names=(), words=()):
    """Columns named in `words`, out of all these `names`, are read as text: a first row, which is
    removed again, has a word for each of them."""
    first_row = ",".join("x" if name in words else "" for name in names) + "\n" if words else ""

    def parse(header, body, where):
        text = header.decode("utf-8-sig") + first_row + body.decode("utf-8")
        table = astropy_ascii.read(text, format="csv", guess=False,
                                   fill_values=MISSING_TEXTS)
        return table[1:] if words else table

    def read():
        header, line = None, 1
        for share, piece in whole_lines(path):
            if header is None:
                header, piece = split_header(piece)
                line += header.count(b"\n")
            last = line + piece.count(b"\n")
            where = f"{path}, lines {line} to {last}" if share < 1 or line > 2 else path
            table, caught = read_table(where, lambda: parse(header, piece, where))
            yield share, {name: table[name] for name in table.colnames}, caught
            line = last

    return read


def whole_lines(path):
    """Pieces of a text file, cut between rows: a line break within quotes is none."""
    size, rest = os.path.getsize(path), b""
    with open(path, "rb") as file:
        while block := file.read(PIECE_BYTES):
            rest += block
            end = rest.rfind(b"\n") + 1
            while end and rest.count(b'"', 0, end) % 2:
                end = rest.rfind(b"\n", 0, rest.rfind(b'"', 0, end)) + 1
            if end and file.tell() < size:
                yield file.tell() / size, rest[:end]
                rest = rest[end:]
    if rest:
        yield 1, rest


def split_header(piece):
    """The line of names with blank ones before it, and the rest; for astropy it is one line."""
    end = 0
    while end < len(piece) and not piece[:end].strip():
        end = piece.find(b"\n", end) + 1 or len(piece)
    return piece[:end] if piece[:end].endswith(b"\n") else piece[:end] + b"\n", piece[end:]


# --- FITS ---------------------------------------------------------------------------------------

def fits_reader(path):
    """None if the table can't be read in pieces."""
    hdu, start, caught = find_fits_table(path)
    if hdu is None or any("P" in column.format or "Q" in column.format for column in hdu.columns):
        return None
    header = hdu.header.copy()
    row_bytes, n_rows = header["NAXIS1"], header["NAXIS2"]
    if os.path.getsize(path) < start + row_bytes * n_rows:
        raise Failure(DATA, f"cannot read the table ({path}): it announces {n_rows} rows of "
                            f"{row_bytes} bytes, more than the file has; "
                            "the file may be damaged or not what its name says")
    piece_rows = max(1, PIECE_BYTES // max(row_bytes, 1))
    # No variable-length values follow the rows of a piece.
    header["PCOUNT"] = 0
    header.remove("THEAP", ignore_missing=True)

    def read():
        with open(path, "rb") as file:
            file.seek(start)
            for first in range(0, n_rows or 1, piece_rows):
                header["NAXIS2"] = min(piece_rows, n_rows - first)
                rows = file.read(row_bytes * header["NAXIS2"])
                columns, warned = read_table(path, lambda: fits_columns(fits_file(header, rows)))
                yield (first + piece_rows) / max(n_rows, 1), columns, caught + warned

    return read


def find_fits_table(path):
    """The first table of a file, where its rows begin, and warnings."""
    def find():
        with fits.open(path, memmap=True) as hdus:
            hdu = first_table(hdus)
            return hdu, hdu.fileinfo()["datLoc"] if hdu else 0

    (hdu, start), caught = read_table(path, find)
    return hdu, start, caught


def first_table(hdus):
    tables = [(i, hdu) for i, hdu in enumerate(hdus)
              if isinstance(hdu, (fits.BinTableHDU, fits.TableHDU))
              and not isinstance(hdu, fits.CompImageHDU)]
    if len(tables) > 1:
        warnings.warn(f"{len(tables)} tables: the first is read (hdu={tables[0][0]})")
    return tables[0][1] if tables else None


def fits_columns(file):
    """The columns of the first table by name, as astropy reads them but for what is undefined."""
    with fits.open(file, memmap=False) as hdus:
        hdu = first_table(hdus)
        if hdu is None:
            raise ValueError("no table in it")
        columns, stored = astropy_columns(hdu), hdu.data.view(np.ndarray)
        for i, column in enumerate(hdu.columns):
            if column.name in columns and column.format[:1] != "0":
                null = hdu.header.get(f"TNULL{i + 1}")
                mask = undefined(stored[column.name], column, null, isinstance(hdu, fits.TableHDU))
                if mask is not None:
                    columns[column.name] = masked(columns[column.name], mask, null)
        return columns


def astropy_columns(hdu):
    """Table.read can't take columns without room for a value: these become values of no type."""
    if all(column.format[:1] != "0" for column in hdu.columns):
        table = Table.read(hdu)
        return {name: table[name] for name in table.colnames}
    return {column.name: MaskedColumn(hdu.data.field(column.name), unit=column.unit)
            if column.format[:1] != "0" else np.full(len(hdu.data), None)
            for column in hdu.columns}


def undefined(stored, column, null, is_ascii):
    """Where values as they are stored, before TSCAL and TZERO, are undefined by version 4.0 of the
    FITS standard: sections 7.2.2 (TNULL of ASCII tables), 7.3.2 (TNULL) and 7.3.3.1 (logical).
    None where astropy knows it: NaN and empty texts."""
    if is_ascii:
        has_null = isinstance(null, str) and null.strip() and column.format[:1] != "A"
        return np.char.strip(stored) == null.strip().encode() if has_null else None
    kind = column.format.format
    if kind == "L":
        return (stored != ord("T")) & (stored != ord("F"))
    if kind in "BIJK" and isinstance(null, (int, float)):
        return stored == null
    return None


def masked(column, mask, null):
    """The column with these values undefined and no others."""
    values = np.asarray(column)
    mask = mask.reshape(values.shape)
    if isinstance(null, int) and values.dtype.kind in "u" and (values[~mask] == null).any():
        warnings.warn(f"{column.name} has values equal to TNULL ({null}) only after TZERO was "
                      "added, which count as numbers by the standard; astropy writes missing "
                      f"values so: if these are such, cluster with --missing-value "
                      f"{column.name}:{null}")
    return MaskedColumn(values, mask=mask, unit=column.unit)


def fits_file(header, rows):
    padding = bytes(-len(rows) % FITS_BLOCK)
    return io.BytesIO(fits.PrimaryHDU().header.tostring().encode("ascii")
                      + header.tostring().encode("ascii") + rows + padding)


# --- the course's text format -------------------------------------------------------------------

def read_dat(path):
    """The course's text format: `n_features n_rows`, then one line a feature.

    Memory follows the length of the file, never the counts it claims.
    """
    with open(path, encoding="ascii", errors="replace") as lines:
        n_features, n_rows = dat_counts(lines.readline(), path)
        features = [dat_feature(line, number, n_rows, path)
                    for number, line in enumerate(lines, 2) if line.strip()]
    if len(features) != n_features:
        raise Failure(DATA, f"wrong number of lines ({path}): {len(features)} after the first, "
                            f"which announces {n_features} features; "
                            "the file may be cut short or be another format")
    names = "xyz" if n_features <= 3 else [f"x{i}" for i in range(n_features)]
    return dict(zip(names, features))


def dat_counts(line, path):
    words = line.split()
    if len(words) != 2 or not all(re.fullmatch("[0-9]{1,18}", word) for word in words):
        raise Failure(DATA, f"bad first line ({path}): it is not `n_features n_rows`; "
                            "other text formats need another file name, such as .csv")
    return int(words[0]), int(words[1])


def dat_feature(line, number, n_rows, path):
    words = line.split()
    if len(words) != n_rows:
        raise Failure(DATA, f"wrong number of values ({path}, line {number}): {len(words)}, but "
                            f"the first line announces {n_rows} rows; the file may be cut short")
    try:
        return np.array(words, dtype=np.float64)
    except ValueError as error:
        raise Failure(DATA, f"not a number ({path}, line {number}): {reason(error)}; "
                            "write a missing value as nan") from error
