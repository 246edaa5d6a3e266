#!/usr/bin/env python3
"""Join the labels of a result with columns of its catalogue: a table for TOPCAT, astropy, ...

The result is one of skymeans fit or predict. The table has the ids (or row numbers, from 0), the
chosen columns, the labels (-1: not clustered), and what the result has of distances and of second
labels.

All formats are written piece by piece, in memory that does not depend on the number of rows. FITS,
VOTable and ECSV keep types and units, CSV has neither. A missing number is NaN or null, in CSV and
ECSV nothing; a missing text is empty.
"""
import argparse
import collections
import contextlib
import itertools
import os
import sys

import command
from command import DATA, Failure, Parser, Progress, some_files, some_of, warn

with command.imports("h5py", "numpy", "astropy"):
    import h5py
    import numpy as np

    import finder
    from catalogue import ARROW, Column, elements, open_hdf5, reading, slices
    from check_rows import check_rows
    from formats import WRITERS, to_integers
    from places import add_follow_option
    from result import Catalogue, Result, margins
    from patches import WRITERS_OF_PATCHES, make_patch_centers
    from samples import find_columns, split_items
    from templates import WRITERS_OF_TEMPLATES, make_templates

PIECE_ROWS = 1 << 17
MOST_LETTERS = 4096  # of a command line, which may name thousands of files

# What FITS and VOTable do not have is stored as the next that they have; of integers that can be
# missing all are signed, so that the lowest can mean it.
WIDER = {"i1": "i2", "u2": "i4", "u4": "i8", "f2": "f4", "f16": "f8"}
# Missing integers have the lowest number of their type, which shall not be one of them.
WIDER_MASKED = {**WIDER, "b1": "i2", "u1": "i2", "i2": "i4", "i4": "i8", "u8": "i8"}

Part = collections.namedtuple("Part", "path n_rows columns")  # rows of a file; columns by name


class Field:
    """A column of the output: `columns` has its rows of each part; its type fits all of them."""

    def __init__(self, name, columns, paths):
        self.name, self.columns, self.paths = name, columns, paths
        self.unit = next((column.unit for column in columns if column.unit), None)
        kinds = {column.dtype.kind for column in columns}
        self.is_text = kinds == {"S"}
        if not self.is_text and not kinds <= set("iufb"):
            raise Failure(DATA, f"cannot export the column ({some_files(paths)}, {name}): it has "
                                "neither numbers nor texts in all files; choose others with -c")
        can_miss = any(column.can_miss for column in columns)
        self.dtype = self.text_type() if self.is_text else self.number_type(can_miss)
        self.can_miss = can_miss and self.dtype.kind == "i"

    def text_type(self):
        with reading(some_files(self.paths)):
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


def text_width(column):
    """Of the longest text, at least 1."""
    pieces = () if column.dtype.itemsize else slices(column.n_rows, PIECE_ROWS)
    return max([column.dtype.itemsize, 1, *(column.read(rows).dtype.itemsize for rows in pieces)])


# --- columns ------------------------------------------------------------------------------------

OWN = {"label": "labels", "distance": "distances", "second_label": "second_label",
       "second_distance": "second_distance"}  # columns of the result, and where they are
MARGIN = "margin"


def id_name(result):
    """Ids are called as the column that they are from, without its path."""
    name = (result.id_column or "").rpartition("/")[2]
    return name if name and name not in (*OWN, MARGIN) else "id"


def origin(result):
    """What is said of the table as a whole, and what that means."""
    n_clusters = None if result.centers is None else len(result.centers)
    command_line = result.said("command")
    if command_line and len(command_line) > MOST_LETTERS:
        command_line = f"{command_line[:MOST_LETTERS]} ..."
    facts = {"result": (os.path.basename(result.path), "of skymeans, which this is from"),
             "checksum": (result.said("checksum", "/"), "of the result"),
             "clusters": (n_clusters, "number of clusters"),
             "version": (result.said("version"), "of skymeans, which made the result"),
             "command": (command_line, "that made the result")}
    return {key: fact for key, fact in facts.items() if fact[0] is not None}


def own_columns(result):
    """Of the result: ids, labels, distances, and how near the second center is."""
    columns = {}
    for name, place in {id_name(result): "ids", **OWN}.items():
        node = result.file.get(place)
        if node is None:
            continue
        if node.shape != result.labels.shape:
            raise Failure(DATA, f"not a result ({result.path}, /{place}): not as long as /labels; "
                                "the file is damaged")
        string = h5py.check_string_dtype(node.dtype)
        is_any_length = string and string.length is None
        columns[name] = Column(name, len(node), "S" if is_any_length else node.dtype,
                               node.__getitem__)
    if {"distance", "second_distance"} <= set(columns):
        columns[MARGIN] = Column(MARGIN, result.n_rows, np.float64, lambda rows: margins(
            *(result.file[OWN[name]][rows] for name in ("distance", "second_distance"))))
    return columns


def chosen_of(catalogue, part, wanted):
    """The columns of -c in a part, else those features that are columns; by name and the number of
    other columns before that have it."""
    chosen = {}
    for name, found in find_chosen(catalogue, part, wanted):
        n_others = 0
        while chosen.setdefault((name, n_others), found) != found:
            n_others += 1
    return {key: catalogue.column(part, found, key[0]) for key, found in chosen.items()}


def find_chosen(catalogue, part, wanted):
    if wanted is None:
        return list(part.features.items())
    found = all_columns(catalogue, part) if wanted.strip() == "all" else None
    return [(each["name"], each) for each in found] if found else \
        find_columns(catalogue, part, split_items(wanted, "-c"), part.features)


def all_columns(catalogue, part):
    """Those with a value a row; none if one of them is called `all`, which then is meant."""
    table = finder.table_of(finder.look(part.path, part.table, None, catalogue.is_transposed))
    columns = table["columns"] if table else []
    if "all" in [column["name"] for column in columns]:
        return []
    return [one for column in columns if is_usable(column, part) for one in elements(column)]


def is_usable(column, part):
    """Has it a number or a text for each row? If not, that is said."""
    is_so = column["rows"] == part.n_rows and \
        (column["is_numeric"] or column["is_text"] or column["type"] == ARROW)
    if not is_so:
        warn(f"column left out ({part.path}, {column['name']}): it has no numbers or texts row by "
             "row")
    return is_so


def in_all(parts):
    """Parts with the columns that all of them have."""
    common = set.intersection(*(set(part.columns) for part in parts))
    for part in parts:
        for key in [key for key in part.columns if key not in common]:
            warn(f"column left out ({part.path}, {key[0]}): not all files have it")
            del part.columns[key]
    return parts


def choose_parts(catalogue, wanted):
    """(path, number of rows, chosen columns) of each part with rows."""
    features = catalogue.result.features
    first = next((part for part in catalogue.parts if part.n_rows), catalogue.parts[0])
    if wanted is None and not features:
        warn("no columns (the result names no features): only labels are exported; choose columns "
             "with -c")
    left_out = [name for name in features if name not in first.features]
    if wanted is None and left_out:
        warn(f"feature left out ({some_of(left_out)}): no column of the catalogue; "
             "choose columns with -c")
    return in_all([Part(part.path, part.n_rows, chosen_of(catalogue, part, wanted))
                   for part in catalogue.parts if part.n_rows or part is first])


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

    def __init__(self, result, parts, ids=None):
        """`ids` is the column of the catalogue that has the ids of the result, if one has."""
        self.n_rows = result.n_rows
        self.lengths = [part.n_rows for part in parts] or [result.n_rows]
        with reading(result.path):
            columns = own_columns(result)
        first = columns.get(id_name(result)) or row_numbers(result.n_rows)
        own = {first.name: first, **columns}
        fields = {name: Field(name, split_rows(column, self.lengths),
                              [result.path] * len(self.lengths)) for name, column in own.items()}
        chosen = [self.chosen_field(key, parts, own) for key in (parts[0].columns if parts else ())
                  if key[0] != first.name or key[0] != ids]
        self.fields = [fields.pop(first.name), *chosen, *fields.values()]

    @staticmethod
    def chosen_field(key, parts, own):
        """A column of the catalogue, under another name if the result needs its name."""
        name = key[0]
        field = Field(name, [part.columns[key] for part in parts], [part.path for part in parts])
        if name in own:
            field.name = f"{name}_catalogue"
            while field.name in own or (field.name, 0) in parts[0].columns:
                field.name += "_"
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


# --- command line -------------------------------------------------------------------------------

def parse_command_line(arguments):
    parser = Parser(
        prog=command.program(), allow_abbrev=False,
        usage="%(prog)s RESULT.h5 [CATALOGUE...] -o TABLE [-c COLUMNS] [-d DATASET] [--transpose] "
              "[--force] [--follow-external] [--overwrite]\n       %(prog)s RESULT.h5 --templates|--patch-centers -o TABLE "
              "[--overwrite]",
        description="Join the labels of a result of skymeans fit or predict with its catalogue. "
                    "Without CATALOGUE the table has ids (or row numbers) and labels only.")
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", required=True, metavar="TABLE",
                        help="the table: .fits, .fit, .vot or .xml (VOTable), .ecsv, .csv")
    parser.add_argument("-c", "--columns", metavar="LIST",
                        help="features, columns or expressions, as fit takes them, separated by "
                             "commas; odd names in braces {b-v}, flux[2] one element; 0:3 the first "
                             "three of an array; all for all columns; default: features, which are "
                             "those of the fit")
    parser.add_argument("-d", "--dataset", metavar="PATH",
                        help="table or 2-D array inside the catalogue; default: that of the fit")
    parser.add_argument("--templates", action="store_true",
                        help="a row for each cluster instead, with the statistics of fit "
                             "--describe: as TABLE, or .tex (LaTeX: medians with 16 to 84 %%)")
    parser.add_argument("--patch-centers", action="store_true",
                        help="of fit --sky: a row for each cluster instead, with the unit vector of "
                             "its center, as TreeCorr's patch_centers reads it: .fits, or .txt")
    parser.add_argument("--transpose", action="store_true",
                        help="a 2-D dataset holds a sample a column, as it was for the fit")
    parser.add_argument("--force", action="store_true",
                        help="join even where labels do not fit the rows")
    add_follow_option(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace TABLE if it exists")
    options = parser.parse_intermixed_args(arguments)
    if not options.files:
        parser.error("RESULT.h5 is required")
    options.make, writers = (make_templates, WRITERS_OF_TEMPLATES) if options.templates else \
        (make_patch_centers, WRITERS_OF_PATCHES) if options.patch_centers else (None, WRITERS)
    options.write = writers.get(command.extension(options.output))
    if options.write is None:
        endings = ", ".join(f".{ending}" for ending in writers)
        parser.error(f"-o {options.output} does not end in one of {endings}")
    options.result, *options.catalogues = options.files
    options.catalogues = command.expand_lists(options.catalogues)
    options.files = [options.result, *options.catalogues]
    if options.templates and options.patch_centers:
        parser.error("--templates and --patch-centers: one table at a time")
    if options.make and options.catalogues:
        parser.error(f"{'--templates' if options.templates else '--patch-centers'} with a CATALOGUE: "
                     "the result has all that is needed")
    for option in ("columns", "dataset"):
        if getattr(options, option) and not options.catalogues:
            parser.error(f"--{option} without a CATALOGUE")
    return options


def open_parts(result, options, stack):
    """What is chosen of the catalogue, whose rows are those of the result; and which column has
    the ids."""
    if not options.catalogues:
        return [], None
    catalogue = Catalogue(result, options.catalogues, options, stack)
    ids = check_rows(catalogue, options.force)
    parts = choose_parts(catalogue, options.columns)
    command.check_apart(options.output, catalogue.paths)
    return parts, ids


def run(arguments):
    options = parse_command_line(arguments)
    command.check_output(options.output, options.overwrite, options.files)
    with contextlib.ExitStack() as stack:
        result = Result(options.result, open_hdf5(options.result, stack))
        table = options.make(result, command.extension(options.output)) if options.make else \
            Joined(result, *open_parts(result, options, stack))
        table.origin = origin(result)
        with command.whole_file(options.output) as file:
            options.write(file, table)
    rows = "clusters" if options.make else "rows"
    command.say(f"{table.n_rows} {rows}, {len(table.fields)} columns: {options.output}")


def main():
    return command.main(run, "table")


if __name__ == "__main__":
    sys.exit(main())
