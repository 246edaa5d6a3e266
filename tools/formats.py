"""The formats that export.py writes, piece by piece."""
import csv
import io
import re
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from astropy.io import fits
from astropy.table import Column as AstropyColumn
from astropy.table import Table
from astropy.units import Unit

from command import DATA, Failure

FITS_FORMATS = {"b1": "L", "u1": "B", "i2": "I", "i4": "J", "i8": "K", "u8": "K", "f4": "E",
                "f8": "D"}
FITS_BLOCK = 2880


def to_integers(values, dtype, name):
    if values.dtype == np.uint64 and dtype == np.int64 and (values > np.iinfo(np.int64).max).any():
        raise Failure(DATA, f"number too large ({name}): not all of this column fit 64 bits with a "
                            "sign; export without it, or to another format")
    return values.astype(dtype)


# --- FITS ---------------------------------------------------------------------------------------

def write_fits(file, joined):
    header = fits.BinTableHDU.from_columns(
        [fits_column(field) for field in joined.fields], nrows=0, name="CLASSES").header
    header["NAXIS2"] = joined.n_rows
    for card in (fits.PrimaryHDU().header, header):
        file.write(card.tostring().encode("ascii"))
    dtype = np.dtype([(f"f{i}", "S1" if field.dtype.kind == "b" else field.dtype.newbyteorder(">"))
                      for i, field in enumerate(joined.fields)])
    for piece in joined.pieces():
        rows = np.empty(len(piece[0]), dtype)
        for name, field, values in zip(dtype.names, joined.fields, piece):
            rows[name] = fits_values(field, values)
        file.write(rows.tobytes())
        file.check()
    file.write(bytes(-header["NAXIS1"] * joined.n_rows % FITS_BLOCK))


def fits_column(field):
    code = f"{field.dtype.itemsize}A" if field.is_text else FITS_FORMATS[field.dtype.str[1:]]
    return fits.Column(field.name, code, unit=unit_text(field.unit, "fits"),
                       null=np.iinfo(field.dtype).min if field.can_miss else None,
                       bzero=2 ** 63 if field.dtype == np.uint64 else None)


def unit_text(unit, standard):
    """A unit as a standard writes it; what is none for it stays as it is."""
    try:
        return Unit(unit).to_string(standard) if unit else None
    except ValueError:
        return unit


def fits_values(field, values):
    if field.is_text and not values.tobytes().isascii():
        raise Failure(DATA, f"text beyond ASCII ({field.name}): FITS has none; "
                            "export .vot, .ecsv or .csv")
    if field.can_miss:
        return np.ma.filled(values, np.iinfo(field.dtype).min)
    if field.dtype.kind == "b":
        return np.where(values, b"T", b"F")
    if field.dtype == np.uint64:
        return (values ^ np.uint64(1 << 63)).view(np.int64)
    return values


# --- text ---------------------------------------------------------------------------------------

def write_csv(file, joined):
    header = io.StringIO()
    csv.writer(header, lineterminator="\n").writerow(field.name for field in joined.fields)
    write_rows(file, joined, header.getvalue())


def write_ecsv(file, joined):
    header = io.StringIO()
    empty = [AstropyColumn(np.zeros(0, field.dtype), field.name, unit=field.unit)
             for field in joined.fields]
    Table(empty).write(header, format="ascii.ecsv", delimiter=",")
    write_rows(file, joined, header.getvalue())


def write_rows(file, joined, header):
    file.write(header.encode("utf-8"))
    for piece in joined.pieces():
        lines = io.StringIO()
        csv.writer(lines, lineterminator="\n").writerows(zip(*map(printable, piece)))
        file.write(lines.getvalue().encode("utf-8"))
        file.check()


def printable(values):
    """Objects that the writer of CSV prints as short as possible; None for a missing one."""
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8", "replace").tolist()
    if values.dtype == np.float32:  # as a Python float it would have the digits of a double
        return np.where(np.isnan(values), "", values.astype(str)).tolist()
    if values.dtype.kind == "f":
        return np.where(np.isnan(values), None, values.astype(object)).tolist()
    return values.tolist()  # of a masked array, None where it is masked


# --- VOTable ------------------------------------------------------------------------------------

def write_votable(file, joined):
    """In rows of text, which all readers know; astropy would hold the whole table."""
    file.write(VOTABLE_START.encode("utf-8"))
    file.write("".join(map(votable_field, joined.fields)).encode("utf-8"))
    file.write(b"<DATA><TABLEDATA>\n")
    for piece in joined.pieces():
        columns = [map(str, votable_values(*pair)) for pair in zip(joined.fields, piece)]
        rows = ("</TD><TD>".join(row) for row in zip(*columns))
        file.write("".join(f"<TR><TD>{row}</TD></TR>\n" for row in rows).encode("utf-8"))
        file.check()
    file.write(b"</TABLEDATA></DATA>\n</TABLE>\n</RESOURCE>\n</VOTABLE>\n")


def votable_field(field):
    code = "unicodeChar" if field.is_text else VOTABLE_TYPES[field.dtype.str[1:]]
    attributes = {"name": field.name, "datatype": code, "arraysize": "*" if field.is_text else None,
                  "unit": unit_text(field.unit, "cds")}
    words = " ".join(f"{key}={quoteattr(value)}" for key, value in attributes.items() if value)
    null = f'<VALUES null="{np.iinfo(field.dtype).min}"/>' if field.can_miss else ""
    return f"<FIELD {words}>{null}</FIELD>\n"


def votable_values(field, values):
    if field.is_text:
        return [escape(NOT_XML.sub("?", text)) for text in printable(values)]
    if field.can_miss:
        return np.ma.filled(values, np.iinfo(field.dtype).min).tolist()
    if field.dtype == np.uint64:
        return to_integers(values, np.int64, field.name).tolist()
    if field.dtype.kind == "f":
        return [VOTABLE_NUMBERS.get(value, value) for value in printable(values)]
    return values.tolist()


VOTABLE_START = """<?xml version="1.0" encoding="utf-8"?>
<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">
<RESOURCE type="results">
<TABLE name="classes">
"""
VOTABLE_TYPES = {"b1": "boolean", "u1": "unsignedByte", "i2": "short", "i4": "int", "i8": "long",
                 "u8": "long", "f4": "float", "f8": "double"}
VOTABLE_NUMBERS = {None: "NaN", "": "NaN", np.inf: "+Inf", "inf": "+Inf", -np.inf: "-Inf",
                   "-inf": "-Inf"}
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")

WRITERS = {"fits": write_fits, "fit": write_fits, "csv": write_csv, "ecsv": write_ecsv,
           "vot": write_votable, "xml": write_votable}
