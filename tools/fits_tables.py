"""Tables in FITS files, read in pieces: a piece of a table, with the header and fewer rows, is a
table, so astropy reads them one by one."""
import io
import os
import re
import warnings

import numpy as np
from astropy.io import fits
from astropy.table import Column, MaskedColumn, Table

import pieces
from command import DATA, Failure
from names import is_fits_text, make_unique
from pieces import read_table

FITS_BLOCK = 2880
FIELD_BYTES = {"L": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16,
               "P": 8, "Q": 16}
SIGNS = {"B": -2**7, "I": 2**15, "J": 2**31, "K": 2**63}  # TZERO of integers of the other sign
# What writers put beside the name of a column where they have nothing to say of it.
GENERIC = re.compile("(label for )?(field|column) *[0-9]+$|name of (field|column)", re.IGNORECASE)
UNSEEN = -1.6375e30  # in maps of HEALPix


def fits_reader(path, request):
    """None if the table can't be read in pieces."""
    (header, start), caught = read_table(path, lambda: find_rows(path, request))
    if header is None:
        return None
    row_bytes, n_rows = header["NAXIS1"], header["NAXIS2"]
    piece_rows = max(1, pieces.PIECE_BYTES // max(row_bytes, 1))
    # No variable-length values follow the rows of a piece.
    header["PCOUNT"] = 0
    header.remove("THEAP", ignore_missing=True)

    def read():
        with open(path, "rb") as file:
            file.seek(start)
            for first in range(0, n_rows or 1, piece_rows):
                header["NAXIS2"] = min(piece_rows, n_rows - first)
                rows = file.read(row_bytes * header["NAXIS2"])
                columns, warned = read_table(path, lambda: fits_columns(
                    fits_file(header, rows), request, path))
                yield (first + piece_rows) / max(n_rows, 1), columns, caught + warned

    return read


def find_rows(path, request):
    """A header of the table, and where its rows begin; None if it can't be cut."""
    with fits.open(path, memmap=True) as hdus:
        hdu = choose_hdu(hdus, request.hdu, path)
        if hdu is None or any("P" in column.format or "Q" in column.format for column in hdu.columns):
            return None, 0
        return header_of(hdu, path)


def header_of(hdu, path):
    """A copy of the header of a table, and where its rows begin; all of them are there."""
    check_width(hdu, path)
    header, start = hdu.header.copy(), hdu.fileinfo()["datLoc"]
    row_bytes, n_rows = header["NAXIS1"], header["NAXIS2"]
    if row_bytes < 0 or n_rows < 0 or os.path.getsize(path) < start + row_bytes * n_rows:
        raise Failure(DATA, f"cannot read the table ({path}): it announces {n_rows} rows of "
                            f"{row_bytes} bytes, more than the file has; "
                            "the file may be damaged or not what its name says")
    return header, start


def is_table(hdu):
    return isinstance(hdu, (fits.BinTableHDU, fits.TableHDU)) \
        and not isinstance(hdu, fits.CompImageHDU)


def choose_hdu(hdus, wanted, path):
    """The one of this name or number, else the first table, or None."""
    tables = [i for i, hdu in enumerate(hdus) if is_table(hdu)]
    names = ", ".join(f"{i} {hdus[i].name}".strip() for i in tables) or "none"
    if wanted is not None:
        found = [i for i in tables if str(i) == wanted] or \
            [i for i in tables if hdus[i].name.lower() == wanted.lower()]
        if not found:
            raise Failure(DATA, f"no such table ({path}, HDU {wanted}): choose one of these with "
                                f"--hdu: {names}")
        return readable(hdus[found[0]], path)
    if len(tables) > 1:
        warnings.warn(f"{len(tables)} tables: the first is read (hdu={tables[0]}); choose another "
                      f"with --hdu: {names}")
    return readable(hdus[tables[0]], path) if tables else None


def readable(hdu, path):
    """A table whose header, which says the same as before, astropy can read: it wants names of all
    columns, different ones, and whole numbers where TZERO only changes the sign of integers."""
    header = hdu.header
    if "ZTABLE" in header:
        raise Failure(DATA, f"cannot read the table ({path}, HDU {hdu.name}): its columns are compressed "
                            "(ZTABLE); write it once more without, as funpack does")
    numbers, taken = range(1, header["TFIELDS"] + 1), set()
    names = [str(header.get(f"TTYPE{number}", "")).strip() or f"col{number}" for number in numbers]
    for number, name in zip(numbers, names):
        if name in taken:
            other = make_unique(name, {*names, *taken}, is_fits_text)
            warnings.warn(f"a second column of one name, {name}, is called {other} here")
            name = other
        taken.add(name)
        if header.get(f"TTYPE{number}") != name:
            header[f"TTYPE{number}"] = name
        form = parse_form(header[f"TFORM{number}"]) if isinstance(hdu, fits.BinTableHDU) else (0, "")
        scale, zero = f"TSCAL{number}", f"TZERO{number}"
        if header.get(zero) == SIGNS.get(form[1], 0) != 0 and header.get(scale, 1) == 1:
            header[zero] = SIGNS[form[1]]
            header.remove(scale, ignore_missing=True)
    return hdu


def fits_columns(file, request, path):
    """The columns of a table by name, as astropy reads them but for what is undefined."""
    with fits.open(file, memmap=False) as hdus:
        # A piece has no table but the one of its rows.
        hdu = choose_hdu(hdus, request.hdu if file is path else None, path)
        if hdu is None:
            raise ValueError("no table in it")
        check_width(hdu, path)
        columns, stored = astropy_columns(hdu), hdu.data.view(np.ndarray)
        for i, column in enumerate(hdu.columns):
            if column.name in columns and column.format[:1] != "0":
                null = hdu.header.get(f"TNULL{i + 1}")
                mask = undefined(stored[column.name], column, null, isinstance(hdu, fits.TableHDU))
                if mask is not None:
                    columns[column.name] = masked(columns[column.name], mask, null)
                describe(columns[column.name], hdu.header, i + 1)
        return unroll(columns, hdu) if is_healpix(hdu) else columns


def describe(column, header, number):
    said = description_of(header, number)
    if isinstance(column, Column) and said:
        column.description = said


def description_of(header, number):
    """What is said of a column: TCOMM, or the comment beside its name."""
    name = f"TTYPE{number}"
    said = header.get(f"TCOMM{number}") or (header.comments[name] if name in header else None)
    return None if not said or GENERIC.match(said) else said


def check_width(hdu, path):
    """Are rows as long as their fields? astropy would take them from wrong places."""
    header = hdu.header
    if isinstance(hdu, fits.TableHDU):
        fields = [header[f"TBCOL{i}"] - 1 + int(re.match("[A-Z]([0-9]+)", header[f"TFORM{i}"])[1])
                  for i in range(1, header["TFIELDS"] + 1)]
        is_right = max(fields, default=0) <= header["NAXIS1"]
        n_bytes = max(fields, default=0)
    else:
        n_bytes = sum(map(field_bytes, (header[f"TFORM{i}"]
                                        for i in range(1, header["TFIELDS"] + 1))))
        is_right = n_bytes == header["NAXIS1"]
    if not is_right:
        raise Failure(DATA, f"fields do not fill the rows ({path}, HDU {hdu.name}): NAXIS1 says that "
                            f"a row has {header['NAXIS1']} bytes, and the fields of TFORM have "
                            f"{n_bytes}; the header is damaged")


def parse_form(form):
    """(how many, the letter of the type) of a TFORM of a binary table."""
    count, letter = re.match(r"\s*([0-9]*)([LXBIJKAEDCMPQ])", form.upper()).groups()
    return int(count or 1), letter


def field_bytes(form):
    """Of a field of a binary table: section 7.3.1 of the standard, table 18."""
    count, letter = parse_form(form)
    return -(-count // 8) if letter == "X" else count * FIELD_BYTES[letter]


# --- HEALPix maps -------------------------------------------------------------------------------

def is_healpix(hdu):
    """A map of the sky in rows of several pixels, all in the order of their numbers."""
    header = hdu.header
    is_map = header.get("PIXTYPE") == "HEALPIX" or \
        ("ORDERING" in header and ("INDXSCHM" in header or "NSIDE" in header))
    counts = {int(re.match("[0-9]*", column.format)[0] or 1) for column in hdu.columns}
    return is_map and str(header.get("INDXSCHM", "IMPLICIT")).strip().upper() != "EXPLICIT" \
        and len(counts) == 1 and counts != {1}


def unroll(columns, hdu):
    """A row for each pixel. What was not observed is missing."""
    unseen = hdu.header.get("BAD_DATA", UNSEEN)
    found = {}
    for name, column in columns.items():
        values = np.asarray(column).reshape(-1)
        mask = np.ma.getmaskarray(column).reshape(-1)
        if values.dtype.kind == "f":
            mask = mask | (values == values.dtype.type(unseen))
        found[name] = MaskedColumn(values, mask=mask, unit=column.unit,
                                   description=column.description)
    return found


# --- values -------------------------------------------------------------------------------------

def astropy_columns(hdu):
    """Table.read can't take columns without room for a value: these become values of no type."""
    if all(column.format[:1] != "0" for column in hdu.columns):
        table = Table.read(hdu)
        return {name: table[name] for name in table.colnames}
    return {column.name: MaskedColumn(hdu.data.field(column.name), column.name, unit=column.unit)
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
