#!/usr/bin/env python3
"""Convert catalogues to HDF5: one 1-D dataset a column at /table/columns/NAME/data.

skymeans reads this layout in parallel and vaex opens it. Everything astropy's Table.read
recognises goes in, and the text `.dat` of the practice course. HDF5 datasets have no
mask, so a missing number becomes NaN and a missing string an empty one.

FITS and CSV files of any size are converted in bounded memory; see sources.py for the others.
"""
import argparse
import sys
import textwrap

import command
from command import DATA, Failure, Parser, warn

with command.imports("h5py", "numpy", "astropy"):
    import h5py
    import numpy as np

    from derive import FUNCTIONS, check_derivations, derive, parse_derivation
    from sources import Source

CHUNK_ROWS = 65536  # half a megabyte of float64: few enough chunks, and each fits a chunk cache


# --- joining ------------------------------------------------------------------------------------

class Join:
    """One table out of several files that have the same columns; the first gives their order.

    Readers guess the types of a file without rows, so those take part with their names only.
    """

    def __init__(self, paths):
        sources = [Source(path) for path in paths]
        for source in sources:
            check_same_names(sources[0], source)
        self.filled = [source for source in sources if source.n_rows]
        if not self.filled:
            raise Failure(DATA, f"no rows ({', '.join(paths)}): nothing to write; "
                                "check that these are the right files")
        self.n_rows = sum(source.n_rows for source in sources)
        self.names = list(sources[0].kinds)
        self.units = {name: join_kinds(name, self.filled) for name in self.names}

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

def without_unwritable(columns):
    """Names of the columns that fit the layout; the others have served derivations at most."""
    kept = []
    for name, values in columns.items():
        if values.ndim > 1:
            warn(f"column left out ({name}): an array a row; take an element of it with "
                 f"--derive 'NEW={{{name}}}[0]'")
        elif "/" in name or name == ".":
            warn(f"column left out ({name}): HDF5 has no such names; rename it with "
                 f"--derive 'NEW={{{name}}}'")
        else:
            kept.append(name)
    if not kept:
        raise Failure(DATA, "no columns (output): none fits the layout; derive some")
    return kept


def write_columns(file, join, derivations):
    """The number of columns written."""
    try:
        with h5py.File(file, "w") as hdf5:
            return write_blocks(hdf5, join, derivations, file.check)
    except Exception:
        file.check()  # on a full disk this is why
        raise


def write_blocks(hdf5, join, derivations, check):
    table = hdf5.create_group("table")
    table.attrs["type"] = "table"
    group, first, names = table.create_group("columns"), 0, None
    for columns in join.blocks():
        for derivation in derivations:
            columns[derivation.name] = derive(derivation, columns)
        names = names or without_unwritable(columns)
        for name in names:
            values = columns[name]
            data = group[name]["data"] if first else create_column(
                group, name, values.dtype, join.n_rows, join.units.get(name))
            data[first:first + len(values)] = values
        first += len(values)
        check()
    return len(names)


def create_column(group, name, dtype, n_rows, unit):
    if dtype.kind == "b":
        dtype = np.uint8  # h5py's own form is an enumeration: not numeric
    data = group.create_group(name).create_dataset(
        "data", (n_rows,), dtype, chunks=(min(n_rows, CHUNK_ROWS),), compression="gzip",
        shuffle=True)
    if unit:
        data.attrs["units"] = unit
    return data


# --- command line -------------------------------------------------------------------------------

def parse_command_line(arguments):
    parser = Parser(
        prog="import.py", allow_abbrev=False, formatter_class=argparse.RawTextHelpFormatter,
        usage="import.py IN... OUT.h5 [--derive NAME=EXPRESSION]... [--overwrite]",
        description="Convert catalogues (FITS, VOTable, CSV, ECSV, the course's .dat) to HDF5.\n"
                    "Several inputs with the same columns are joined.")
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument(
        "--derive", action="append", default=[], metavar="NAME=EXPRESSION",
        help="add a column computed row by row from the others and from those derived\n"
             "before: numbers, columns ({odd-name} in braces, array[2] one element),\n"
             "+ - * / %% **, comparisons, & | ~, pi nan inf, and the functions\n"
             f"{textwrap.fill(' '.join(FUNCTIONS), 70)}.\n"
             "What has no finite value is missing.")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT.h5 if it exists")
    options = parser.parse_intermixed_args(arguments)
    if len(options.files) < 2:
        parser.error("IN and OUT.h5 are required")
    *options.inputs, options.output = options.files
    return options


def run(arguments):
    options = parse_command_line(arguments)
    derivations = [parse_derivation(text) for text in options.derive]
    command.check_output(options.output, options.overwrite)
    join = Join(options.inputs)
    check_derivations(derivations, join.names)
    with command.whole_file(options.output) as file:
        n_columns = write_columns(file, join, derivations)
    print(f"{join.n_rows} rows, {n_columns} columns: {options.output}")


def main():
    return command.main(run, "output")


if __name__ == "__main__":
    sys.exit(main())
