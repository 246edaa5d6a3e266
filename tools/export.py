#!/usr/bin/env python3
"""Join the labels of a result with columns of its catalogue: a table for TOPCAT, astropy, ...

The result is one of skymeans fit or predict. The table has the ids (or row numbers, from 0), the
chosen columns, the labels (-1: not clustered) and the distances, if the result has them.

All formats are written piece by piece, in memory that does not depend on the number of rows. FITS,
VOTable and ECSV keep types and units, CSV has neither. A missing number is NaN or null, in CSV and
ECSV nothing; a missing text is empty.
"""
import argparse
import collections
import contextlib
import csv
import difflib
import io
import itertools
import os
import re
import sys
from xml.sax.saxutils import escape, quoteattr

import command
from command import DATA, USAGE, Failure, Parser, Progress, warn

with command.imports():
    import h5py
    import numpy as np
    from astropy.io import fits
    from astropy.table import Column as AstropyColumn
    from astropy.table import Table
    from astropy.units import Unit

    from catalogue import (NUMBERS, Column, choose_table, find_column, open_hdf5, reading, slices,
                           texts)

PIECE_ROWS = 1 << 17

# What FITS and VOTable do not have is stored as the next that they have; of integers that can be
# missing all are signed, so that the lowest can mean it.
WIDER = {"i1": "i2", "u2": "i4", "u4": "i8", "f2": "f4", "f16": "f8"}
WIDER_MASKED = {**WIDER, "b1": "i2", "u1": "i2", "u8": "i8"}
FITS_FORMATS = {"b1": "L", "u1": "B", "i2": "I", "i4": "J", "i8": "K", "u8": "K", "f4": "E",
                "f8": "D"}
FITS_BLOCK = 2880

Result = collections.namedtuple("Result", "path columns n_rows features dataset files")
Part = collections.namedtuple("Part", "path n_rows columns")  # rows of one file of the catalogue


class Field:
    """A column of the output: `columns` has its rows of each part; its type fits all of them."""

    def __init__(self, name, columns, paths):
        self.name, self.columns, self.paths = name, columns, paths
        self.unit = next((column.unit for column in columns if column.unit), None)
        kinds = {column.dtype.kind for column in columns}
        self.is_text = kinds == {"S"}
        if not self.is_text and not kinds <= set(NUMBERS):
            raise Failure(DATA, f"cannot export the column ({', '.join(paths)}, {name}): it has "
                                "neither numbers nor texts in all files; choose others with -c")
        can_miss = any(column.mask for column in columns)
        self.dtype = self.text_type() if self.is_text else self.number_type(can_miss)
        self.can_miss = can_miss and self.dtype.kind == "i"

    def text_type(self):
        with reading(", ".join(self.paths)):
            return np.dtype(f"S{max(map(text_width, self.columns))}")

    def number_type(self, can_miss):
        dtype = np.result_type(*(column.dtype for column in self.columns)).newbyteorder("=")
        return np.dtype((WIDER_MASKED if can_miss else WIDER).get(dtype.str[1:], dtype))

    def read(self, part, rows):
        """Values in the type of the field, masked only if it is one of integers."""
        with reading(self.paths[part]):
            values = self.columns[part].read(rows)
        if self.is_text:
            return np.ma.filled(values, b"").astype(self.dtype)
        if self.dtype.kind == "f":
            return np.ma.filled(values.astype(self.dtype), np.nan)
        return to_integers(values, self.dtype, self.name)


def to_integers(values, dtype, name):
    if values.dtype == np.uint64 and dtype == np.int64 and (values > np.iinfo(np.int64).max).any():
        raise Failure(DATA, f"number too large ({name}): not all of this column fit 64 bits with a "
                            "sign; export without it, or to another format")
    return values.astype(dtype)


def text_width(column):
    """Of the longest text, at least 1."""
    pieces = () if column.dtype.itemsize else slices(column.n_rows, PIECE_ROWS)
    return max([column.dtype.itemsize, 1, *(column.read(rows).dtype.itemsize for rows in pieces)])


# --- the result ---------------------------------------------------------------------------------

def read_result(path, file):
    labels = file.get("labels")
    if not isinstance(labels, h5py.Dataset) or labels.ndim != 1 or labels.dtype.kind != "i":
        raise Failure(DATA, f"not a result ({path}): it has no /labels; "
                            "give a file written by skymeans fit or predict")
    columns = {}
    for name, place in (("id", "ids"), ("label", "labels"), ("distance", "distances")):
        node = file.get(place)
        if node is None:
            continue
        if node.shape != labels.shape:
            raise Failure(DATA, f"not a result ({path}, /{place}): not as long as /labels; "
                                "the file is damaged")
        columns[name] = Column(name, len(node), node.dtype, node.__getitem__)
    centers, provenance = file.get("centers"), file.get("provenance")
    features = texts(centers.attrs.get("features", ())) if centers is not None else []
    dataset = provenance.attrs.get("dataset") if provenance is not None else None
    return Result(path, columns, len(labels), features,
                  None if dataset is None else texts(dataset)[0], read_files(file))


def read_files(file):
    """(name, rows) of the files that the result is about, if it says so."""
    files = file.get("files")
    if not isinstance(files, h5py.Group) or not {"name", "rows"} <= set(files):
        return []
    return list(zip(texts(files["name"][:]), files["rows"][:].tolist()))


def check_rows(result, given):
    """Are these the files, by (path, number of rows), that the result labels?"""
    recorded, n_rows = result.files, sum(rows for _, rows in given)
    advice = "give the files of the fit in its order"
    if recorded:
        advice += ": " + " ".join(name for name, _ in recorded)
    if len(recorded) == len(given):
        for (path, rows), (name, recorded_rows) in zip(given, recorded):
            if rows != recorded_rows:
                raise Failure(DATA, f"other rows ({path}): it has {rows}, and {name} had "
                                    f"{recorded_rows} when it was labelled; {advice}")
    if n_rows != result.n_rows:
        raise Failure(DATA, f"other rows ({', '.join(path for path, _ in given)}): the result "
                            f"labels {result.n_rows}, the catalogue has {n_rows}; {advice}")
    names = [[os.path.basename(path) for path, _ in files] for files in (given, recorded)]
    if names[0] != names[1] and sorted(names[0]) == sorted(names[1]):
        raise Failure(DATA, f"other order ({', '.join(path for path, _ in given)}): labels would "
                            f"go to wrong rows; {advice}")


# --- columns ------------------------------------------------------------------------------------

def split_list(text):
    """Items between commas outside braces."""
    items, is_name = [""], False
    for letter in text:
        is_name = letter == "{" or (is_name and letter != "}")
        if letter == "," and not is_name:
            items.append("")
        else:
            items[-1] += letter
    return [item.strip() for item in items]


def choose_columns(table, items, path):
    """Columns of a table for items of -c: whole arrays element by element, ranges of numbers."""
    columns = []
    for item in items:
        first, colon, last = item.partition(":")
        is_range = colon and first.isdecimal() and last.isdecimal() and item not in table.columns
        names = map(str, range(int(first), int(last))) if is_range else [item]
        columns += [column for name in names for column in find_columns(table, name, path)]
    return columns


def find_columns(table, name, path):
    column = find_column(table, name)
    if column is None:
        nearest = difflib.get_close_matches(name, table.columns, 1, 0) or ["none"]
        raise Failure(DATA, f"no such column ({path}, {table.path}, {name}): the nearest name is "
                            f"'{nearest[0]}'; skymeans info lists all")
    if column.n_elements is None:
        return [column]
    return [column.element(i) for i in range(column.n_elements)]


def choose_items(wanted, features, table):
    """The items of -c, else those features that are columns."""
    if wanted is not None:
        items = split_list(wanted)
        if "" in items:
            raise Failure(USAGE, "bad command line: empty name in -c; separate names by single "
                                 "commas")
        return items
    if not features:
        warn("no columns (the result names no features): only labels are exported; choose columns "
             "with -c")
    items = [feature for feature in features if find_column(table, feature)]
    left_out = [feature for feature in features if feature not in items]
    if left_out:
        warn(f"feature left out ({', '.join(left_out)}): no column of {table.path}; "
             "choose columns with -c")
    return items


def open_catalogue(result, options, stack):
    """The parts of the catalogue with their chosen columns, by their names in the output."""
    files = [(path, open_hdf5(path, stack)) for path in options.catalogues]
    tables = [choose_table(path, file, options.dataset, result.dataset) for path, file in files]
    check_rows(result, list(zip(options.catalogues, (table.n_rows for table in tables))))
    items = choose_items(options.columns, result.features, tables[0])
    return [Part(path, table.n_rows, {column.name: column for column
                                      in choose_columns(table, items, path)})
            for path, table in zip(options.catalogues, tables)]


def row_numbers(n_rows):
    return Column("row", n_rows, np.dtype(np.int64),
                  lambda rows: np.arange(rows.start, rows.stop, dtype=np.int64))


def split_rows(column, lengths):
    """A column cut into several of these lengths."""
    def part(first, n_rows):
        return Column(column.name, n_rows, column.dtype,
                      lambda rows: column.values(slice(first + rows.start, first + rows.stop)))

    ends = itertools.accumulate(lengths)
    return [part(end - length, length) for end, length in zip(ends, lengths)]


class Joined:
    """Columns of the result and of the catalogue side by side: `fields`, and their pieces."""

    def __init__(self, result, parts):
        self.n_rows = result.n_rows
        self.lengths = [part.n_rows for part in parts] or [result.n_rows]
        first = result.columns.get("id") or row_numbers(result.n_rows)
        own = {first.name: first, **result.columns}
        fields = {name: Field(name, split_rows(column, self.lengths),
                              [result.path] * len(self.lengths)) for name, column in own.items()}
        chosen = [self.chosen_field(name, parts, own)
                  for name in (parts[0].columns if parts else ())]
        self.fields = [fields.pop(first.name), *chosen, *fields.values()]

    @staticmethod
    def chosen_field(name, parts, taken):
        """A column of the catalogue, under another name if the result needs its name."""
        field = Field(name, [part.columns[name] for part in parts], [part.path for part in parts])
        if name in taken:
            field.name = f"{name}_catalogue"
            warn(f"column renamed ({name}): {field.name}, since the result has a {name}, too")
        return field

    def pieces(self):
        """Lists of arrays, one for each field."""
        progress, done = Progress("exporting"), 0
        for part, n_rows in enumerate(self.lengths):
            for rows in slices(n_rows, PIECE_ROWS):
                yield [field.read(part, rows) for field in self.fields]
                done += rows.stop - rows.start
                progress.show(done / self.n_rows)
        progress.end()


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


# --- command line -------------------------------------------------------------------------------

def parse_command_line(arguments):
    parser = Parser(
        prog="export.py", allow_abbrev=False,
        usage="export.py RESULT.h5 [CATALOGUE...] -o TABLE [-c COLUMNS] [-d DATASET] [--overwrite]",
        description="Join the labels of a result of skymeans fit or predict with its catalogue. "
                    "Without CATALOGUE the table has ids (or row numbers) and labels only.")
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", required=True, metavar="TABLE",
                        help="the table: .fits, .fit, .vot or .xml (VOTable), .ecsv, .csv")
    parser.add_argument("-c", "--columns", metavar="LIST",
                        help="columns of the catalogue, separated by commas; odd names in braces "
                             "{b-v}, flux[2] one element; 0:3 the first three of an array; "
                             "default: the features of the fit")
    parser.add_argument("-d", "--dataset", metavar="PATH",
                        help="table or 2-D array inside the catalogue; default: that of the fit")
    parser.add_argument("--overwrite", action="store_true", help="replace TABLE if it exists")
    options = parser.parse_intermixed_args(arguments)
    if not options.files:
        parser.error("RESULT.h5 is required")
    if command.extension(options.output) not in WRITERS:
        endings = ", ".join(f".{ending}" for ending in WRITERS)
        parser.error(f"-o {options.output} does not end in one of {endings}")
    options.result, *options.catalogues = options.files
    for option in ("columns", "dataset"):
        if getattr(options, option) and not options.catalogues:
            parser.error(f"--{option} without a CATALOGUE")
    return options


def run(arguments):
    options = parse_command_line(arguments)
    command.check_output(options.output, options.overwrite)
    with contextlib.ExitStack() as stack:
        result = read_result(options.result, open_hdf5(options.result, stack))
        parts = open_catalogue(result, options, stack) if options.catalogues else []
        joined = Joined(result, parts)
        with command.whole_file(options.output) as file:
            WRITERS[command.extension(options.output)](file, joined)
    print(f"{joined.n_rows} rows, {len(joined.fields)} columns: {options.output}")


def main():
    return command.main(run, "table")


if __name__ == "__main__":
    sys.exit(main())
