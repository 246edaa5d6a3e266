"""The formats that export.py writes, piece by piece."""
import csv
import io
import warnings
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from astropy.io import fits
from astropy.io.fits.verify import VerifyWarning
from astropy.table import Column as AstropyColumn
from astropy.table import Table
from astropy.units import Unit

import names
from command import DATA, Failure, warn

FITS_FORMATS = {"b1": "L", "u1": "B", "i2": "I", "i4": "J", "i8": "K", "u8": "K", "f4": "E",
                "f8": "D"}
FITS_BLOCK = 2880
FITS_BOTH = 62  # letters of a value and a comment that a card has room for
FITS_KEYWORDS = {"result": "SKYMRES", "checksum": "SKYMSUM", "clusters": "SKYMK",
                 "version": "SKYMVERS"}


def to_integers(values, dtype, name):
    if values.dtype == np.uint64 and dtype == np.int64 and (values > np.iinfo(np.int64).max).any():
        raise Failure(DATA, f"number too large ({name}): not all of this column fit 64 bits with a "
                            "sign; export without it, or to another format")
    return values.astype(dtype)


def null_of(field):
    """What stands for a missing integer."""
    return np.iinfo(field.dtype).min if field.can_miss else None


def with_nulls(field, values):
    if (values == null_of(field)).any():
        raise Failure(DATA, f"a number that means null ({field.name}): {null_of(field)} is a value of it, and "
                            "stands for missing ones in FITS and VOTable; export .ecsv or .csv")
    return np.ma.filled(values, null_of(field))


# --- FITS ---------------------------------------------------------------------------------------

def write_fits(file, joined):
    found = names.written_names([field.name for field in joined.fields], is_fits=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VerifyWarning)  # of names with other than letters
        header = fits.BinTableHDU.from_columns(
            list(map(fits_column, joined.fields, found)), nrows=0, name="CLASSES").header
    header["NAXIS2"] = joined.n_rows
    put_origin(header, joined.origin)
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


def put_origin(header, origin):
    """The command line in lines of HISTORY: a long text in a card continues in others, which readers
    take wrongly now and then if there are quotes in it."""
    for key, (value, comment) in origin.items():
        value = names.escape(value, names.NOT_FITS) if isinstance(value, str) else value
        if key == "command":
            header.add_history(f"command: {value}")
            continue
        if isinstance(value, str):
            value = names.make_unique(value, (), names.is_fits_text)
        is_short = names.fits_into(f"{value}{comment}", FITS_BOTH)
        header[FITS_KEYWORDS[key]] = (value, comment) if is_short else value


def fits_column(field, name):
    code = f"{field.dtype.itemsize}A" if field.is_text else FITS_FORMATS[field.dtype.str[1:]]
    return fits.Column(name, code, unit=fits_unit(field),
                       null=null_of(field),
                       bzero=2 ** 63 if field.dtype == np.uint64 else None)


def unit_text(unit, standard):
    """A unit as a standard writes it; what is none for it stays as it is."""
    try:
        written = Unit(unit).to_string(standard) if unit else None
    except (ValueError, TypeError):
        written = unit
    return written and names.escape(written, names.ODD)


def fits_unit(field):
    written = unit_text(field.unit, "fits")
    written = written and names.escape(written, names.NOT_FITS)
    if written and not names.is_fits_text(written):
        warn(f"unit left out ({field.name}): {written}, which is too long for FITS")
        return None
    return written


def fits_values(field, values):
    if field.is_text and not values.tobytes().isascii():
        raise Failure(DATA, f"text beyond ASCII ({field.name}): FITS has none; "
                            "export .vot, .ecsv or .csv")
    if field.can_miss:
        return with_nulls(field, values)
    if field.dtype.kind == "b":
        return np.where(values, b"T", b"F")
    if field.dtype == np.uint64:
        return (values ^ np.uint64(1 << 63)).view(np.int64)
    return values


# --- text ---------------------------------------------------------------------------------------

def write_csv(file, joined):
    header = io.StringIO()
    csv.writer(header, lineterminator="\n").writerow(
        names.written_names([field.name for field in joined.fields]))
    write_rows(file, joined, header.getvalue())


def write_ecsv(file, joined):
    header = io.StringIO()
    found = names.written_names([field.name for field in joined.fields])
    empty = [AstropyColumn(np.zeros(0, field.dtype), name, unit=unit_text(field.unit, None))
             for field, name in zip(joined.fields, found)]
    meta = {key: value if isinstance(value, int) else names.escape(value, names.ODD)
            for key, (value, _) in joined.origin.items()}
    Table(empty, meta=meta).write(header, format="ascii.ecsv", delimiter=",")
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
        texts = np.char.decode(values, "utf-8", "replace").tolist()
        return [names.escape(text, names.ODD_VALUE) for text in texts]
    if values.dtype == np.float32:  # as a Python float it would have the digits of a double
        return np.where(np.isnan(values), "", values.astype(str)).tolist()
    if values.dtype.kind == "f":
        return np.where(np.isnan(values), None, values.astype(object)).tolist()
    return values.tolist()  # of a masked array, None where it is masked


# --- VOTable ------------------------------------------------------------------------------------

def write_votable(file, joined):
    """In rows of text, which all readers know; astropy would hold the whole table."""
    found = names.written_names([field.name for field in joined.fields])
    file.write(VOTABLE_START.encode("utf-8"))
    file.write("".join(votable_parameter(key, *said) for key, said in joined.origin.items())
               .encode("utf-8"))
    file.write("".join(map(votable_field, joined.fields, found)).encode("utf-8"))
    file.write(b"<DATA><TABLEDATA>\n")
    for piece in joined.pieces():
        columns = [map(str, votable_values(*pair)) for pair in zip(joined.fields, piece)]
        rows = ("</TD><TD>".join(row) for row in zip(*columns))
        file.write("".join(f"<TR><TD>{row}</TD></TR>\n" for row in rows).encode("utf-8"))
        file.check()
    file.write(b"</TABLEDATA></DATA>\n</TABLE>\n</RESOURCE>\n</VOTABLE>\n")


def votable_parameter(key, value, comment):
    """What is said of the table as a whole."""
    kind = {"datatype": "int"} if isinstance(value, int) else \
        {"datatype": "unicodeChar", "arraysize": "*"}
    attributes = {"name": key, **kind, "value": names.escape(str(value), names.ODD)}
    words = " ".join(f"{name}={quoteattr(text)}" for name, text in attributes.items())
    return f"<PARAM {words}><DESCRIPTION>{escape(comment)}</DESCRIPTION></PARAM>\n"


def votable_field(field, name):
    code = "unicodeChar" if field.is_text else VOTABLE_TYPES[field.dtype.str[1:]]
    attributes = {"name": name, "datatype": code, "arraysize": "*" if field.is_text else None,
                  "unit": unit_text(field.unit, "cds")}
    words = " ".join(f"{key}={quoteattr(value)}" for key, value in attributes.items() if value)
    null = f'<VALUES null="{null_of(field)}"/>' if field.can_miss else ""
    return f"<FIELD {words}>{null}</FIELD>\n"


def votable_values(field, values):
    if field.is_text:
        return [escape(text, {"\r": "&#13;"}) for text in printable(values)]
    if field.can_miss:
        return with_nulls(field, values).tolist()
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

WRITERS = {"fits": write_fits, "fit": write_fits, "csv": write_csv, "ecsv": write_ecsv,
           "vot": write_votable, "xml": write_votable}
