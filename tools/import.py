#!/usr/bin/env python3
"""Convert catalogues to HDF5: one 1-D dataset a column at /table/columns/NAME/data.

skymeans reads this layout in parallel and vaex opens it. Everything astropy's Table.read
recognises goes in, HDF5 in any layout that skymeans reads, and the text `.dat` of the practice
course. HDF5 datasets have no mask, so a missing number becomes NaN and a missing string an empty one.

FITS, CSV and HDF5 files of any size are converted in bounded memory; see sources.py for the others.
"""
import argparse
import sys
import textwrap

import command
from command import DATA, USAGE, Failure, Parser, warn

with command.imports("h5py", "numpy", "astropy"):
    import h5py
    import numpy as np

    from catalogue import split_list
    from derive import FUNCTIONS, check_derivations, derive, parse_derivation
    from pieces import Request
    from sources import Source

CHUNK_ROWS = 65536  # half a megabyte of float64: few enough chunks, and each fits a chunk cache


# --- joining ------------------------------------------------------------------------------------

class Join:
    """One table out of several files that have the same columns; the first gives their order.

    Readers guess the types of a file without rows, so those take part with their names only.
    """

    def __init__(self, paths, request=Request()):
        sources = [Source(path, request) for path in paths]
        for source in sources:
            check_same_names(sources[0], source)
        self.filled = [source for source in sources if source.n_rows]
        if not self.filled:
            raise Failure(DATA, f"no rows ({', '.join(paths)}): nothing to write; "
                                "check that these are the right files")
        self.n_rows = sum(source.n_rows for source in sources)
        self.names = list(sources[0].kinds)
        self.all_names = sources[0].names
        self.units = {name: join_kinds(name, self.filled) for name in self.names}
        self.descriptions = {name: next((source.kinds[name].description for source in self.filled
                                         if source.kinds[name].description), None)
                             for name in self.names}

    def blocks(self):
        """Arrays by name, of whole chunks of rows but for the last."""
        rest = {}
        for source in self.filled:
            for piece in source.pieces():
                rest = {name: np.concatenate([rest[name], piece[name]]) if rest else piece[name]
                        for name in self.names}
                n_rows = len(rest[self.names[0]])
                n_whole = n_rows - n_rows % CHUNK_ROWS
                if n_whole:
                    yield {name: values[:n_whole] for name, values in rest.items()}
                    rest = {name: values[n_whole:] for name, values in rest.items()}
        if len(rest[self.names[0]]):
            yield rest


def check_same_names(first, source):
    absent, extra = [", ".join(names) for names in (first.kinds.keys() - source.kinds.keys(),
                                                    source.kinds.keys() - first.kinds.keys())]
    if absent or extra:
        differences = [f"{word} {names}" for word, names in (("without", absent), ("with", extra))
                       if names]
        raise Failure(DATA, f"other columns than {first.path} ({source.path}): "
                            f"{' and '.join(differences)}; import such files separately")


def join_kinds(name, sources):
    """The common unit of a column; all sources get the common type."""
    kinds = [source.kinds[name] for source in sources]
    first, unit = kinds[0], kinds[0].unit
    for source, kind in zip(sources[1:], kinds[1:]):
        if kind.is_text != first.is_text or kind.shape != first.shape:
            raise Failure(DATA, f"another type than in {sources[0].path} ({source.path}, {name}): "
                                "numbers, strings and arrays cannot be joined; check this column")
        if unit and kind.unit and unit != kind.unit:
            raise Failure(DATA, f"another unit than in {sources[0].path} ({source.path}, {name}): "
                                f"{kind.unit}, not {unit}; convert it first")
        unit = unit or kind.unit
    dtype = np.result_type(*(kind.dtype for kind in kinds))
    for kind in kinds:
        kind.dtype = dtype
    return unit


# --- writing ------------------------------------------------------------------------------------

class Plan:
    """What is written of a join: columns of -c, else all, and derived ones."""

    def __init__(self, join, derivations, wanted):
        self.join, self.derivations, self.wanted = join, derivations, wanted
        self.formulas = {each.name: each.formula for each in derivations}

    def choose(self, columns):
        """Names of the columns that fit the layout; others have served derivations at most."""
        kept = []
        for name in self.order(columns):
            if columns[name].ndim > 1:
                warn(f"column left out ({name}): an array a row; take an element of it with "
                     f"--derive 'NEW={{{name}}}[0]'")
            elif "/" in name or name == "." or command.clean(name) != name:
                warn(f"column left out ({name}): HDF5 has no such names; rename it with "
                     f"--derive 'NEW={{{name}}}'")
            else:
                kept.append(name)
        if not kept:
            raise Failure(DATA, "no columns (output): none fits the layout; derive some")
        return kept

    def order(self, columns):
        if self.wanted is None:
            return list(columns)
        return self.wanted + [name for name in self.formulas if name not in self.wanted]

    def attributes(self, name):
        join = self.join
        known = {"units": join.units.get(name), "description": join.descriptions.get(name),
                 "formula": self.formulas.get(name)}
        return {key: value for key, value in known.items() if value}


def write_columns(file, plan):
    """The number of columns written."""
    try:
        with h5py.File(file, "w") as hdf5:
            return write_blocks(hdf5, plan, file.check)
    except Exception:
        file.check()  # on a full disk this is why
        raise


def write_blocks(hdf5, plan, check):
    table = hdf5.create_group("table")
    table.attrs["type"] = "table"
    group, first, names = table.create_group("columns", track_order=True), 0, None
    for columns in plan.join.blocks():
        for derivation in plan.derivations:
            columns[derivation.name] = derive(derivation, columns)
        names = names or plan.choose(columns)
        for name in names:
            values = columns[name]
            data = group[name]["data"] if first else create_column(
                group, name, values.dtype, plan.join.n_rows, plan.attributes(name))
            data[first:first + len(values)] = values
        first += len(values)
        check()
    return len(names)


def create_column(group, name, dtype, n_rows, attributes):
    if dtype.kind == "b":
        dtype = np.uint8  # h5py's own form is an enumeration: not numeric
    data = group.create_group(name).create_dataset(
        "data", (n_rows,), dtype, chunks=(min(n_rows, CHUNK_ROWS),), compression="gzip",
        shuffle=True)
    data.attrs.update(attributes)
    return data


# --- command line -------------------------------------------------------------------------------

def parse_command_line(arguments):
    parser = Parser(
        prog="import.py", allow_abbrev=False, formatter_class=argparse.RawTextHelpFormatter,
        usage="import.py IN... OUT.h5 [--derive NAME=EXPRESSION]... [-c COLUMNS]\n"
              "                 [--missing-value V|COLUMN:V]... [--hdu NAME|N] [-d TABLE [--transpose]]\n"
              "                 [--overwrite]",
        description="Convert catalogues (FITS, VOTable, CSV, ECSV, HDF5, the course's .dat) to HDF5.\n"
                    "Several inputs with the same columns are joined.")
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument(
        "--derive", action="append", default=[], metavar="NAME=EXPRESSION",
        help="add a column computed row by row from the others and from those derived\n"
             "before: numbers, columns ({odd-name} in braces, array[2] one element),\n"
             "+ - * / %% **, comparisons, & | ~, pi nan inf, and the functions\n"
             f"{textwrap.fill(' '.join(FUNCTIONS), 70)}.\n"
             "What has no finite value is missing.")
    parser.add_argument("-c", "--columns", metavar="LIST",
                        help="only these columns, in this order, and derived ones; separated by\n"
                             "commas, odd names in braces")
    parser.add_argument("--missing-value", action="append", default=[], metavar="V|COLUMN:V",
                        help="a number or text that stands for a missing value")
    parser.add_argument("--hdu", metavar="NAME|N",
                        help="the table of a FITS file; default: the first")
    parser.add_argument("-d", "--dataset", metavar="TABLE", help="the table of an HDF5 file")
    parser.add_argument("--transpose", action="store_true",
                        help="a 2-D dataset of HDF5 holds a row a column")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT.h5 if it exists")
    options = parser.parse_intermixed_args(arguments)
    if len(options.files) < 2:
        parser.error("IN and OUT.h5 are required")
    *options.inputs, options.output = options.files
    options.inputs = command.expand_lists(options.inputs)
    return options


def parse_missing(texts):
    """Pairs of column (None: all) and text."""
    found = []
    for text in texts:
        column, colon, value = text.rpartition(":")
        column = column[1:-1] if column[:1] + column[-1:] == "{}" else column
        found.append((column, value) if colon and column else (None, text))
    return tuple(found)


def parse_columns(text):
    """Names of -c without braces; None for all columns."""
    if text is None:
        return None
    names = [item[1:-1] if item[:1] + item[-1:] == "{}" else item for item in split_list(text)]
    if "" in names:
        raise Failure(USAGE, "bad command line: empty name in -c; separate names by single commas")
    return list(dict.fromkeys(names))


def make_request(options, derivations, wanted):
    """What is needed of the inputs: columns that are written, and those of formulas."""
    needed = None
    if wanted is not None:
        derived = {each.name for each in derivations}
        needed = (set(wanted) | {name for each in derivations for name in each.columns}) - derived
    return Request(parse_missing(options.missing_value), options.hdu, options.dataset,
                   options.transpose, needed)


def check_names(join, wanted, request, derivations):
    check_derivations(derivations, join.all_names)
    known = {*join.all_names, *(each.name for each in derivations)}
    asked = [("-c", name) for name in wanted or ()]
    asked += [("--missing-value", name) for name, _ in request.missing if name is not None]
    for option, name in asked:
        if name not in known:
            raise Failure(DATA, f"no such column ({option}, {name}): the columns are "
                                f"{' '.join(join.all_names)}; correct the name")


def run(arguments):
    options = parse_command_line(arguments)
    derivations = [parse_derivation(text) for text in options.derive]
    wanted = parse_columns(options.columns)
    command.check_output(options.output, options.overwrite, options.inputs)
    request = make_request(options, derivations, wanted)
    join = Join(options.inputs, request)
    check_names(join, wanted, request, derivations)
    with command.whole_file(options.output) as file:
        n_columns = write_columns(file, Plan(join, derivations, wanted))
    command.say(f"{join.n_rows} rows, {n_columns} columns: {options.output}")


def main():
    return command.main(run, "output")


if __name__ == "__main__":
    sys.exit(main())
