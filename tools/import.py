#!/usr/bin/env python3
"""Convert catalogues to HDF5: one 1-D dataset a column at /table/columns/NAME/data.

skymeans reads this layout in parallel and vaex opens it. Everything astropy's Table.read
recognises goes in, HDF5 in any layout that skymeans reads, and the text `.dat` of the course "AI
for Astrophysics". HDF5 datasets have no mask, so a missing number becomes NaN and a missing string an empty one.

FITS, CSV and HDF5 files of any size are converted in bounded memory; see sources.py for the others.

With --in-place nothing is converted: the output describes where the values lie; see views.py.
"""
import argparse
import sys
import textwrap

import command
from command import DATA, USAGE, Failure, Parser, some_files, warn

with command.imports("h5py", "numpy", "astropy"):
    import h5py
    import numpy as np

    import names
    from catalogue import split_list
    from derive import (FUNCTIONS, Selection, check_formulas, derive, parse_derivation,
                        parse_selection)
    from pieces import Request
    from places import add_follow_option
    from sources import Source
    from views import make_view

CHUNK_ROWS = 65536  # half a megabyte of float64: few enough chunks, and each fits a chunk cache
BLOCK_BYTES = 128 << 20  # of a chunk of all columns, which is written at once


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
            raise Failure(DATA, f"no rows ({some_files(paths)}): nothing to write; "
                                "check that these are the right files")
        self.n_rows = sum(source.n_rows for source in sources)
        self.names = list(sources[0].kinds)
        self.all_names = sources[0].names
        self.units = {name: join_kinds(name, self.filled) for name in self.names}
        self.descriptions = {name: next((source.kinds[name].description for source in self.filled
                                         if source.kinds[name].description), None)
                             for name in self.names}

    def pieces(self):
        """Arrays by name, in the order of the first file."""
        for source in self.filled:
            for piece in source.pieces():
                yield {name: piece[name] for name in self.names}


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
    """What is written of a join: columns of -c, else all, and derived ones; rows of --where, else
    all."""

    def __init__(self, join, derivations, selection, wanted):
        self.join, self.derivations, self.wanted = join, derivations, wanted
        self.selection, self.names = selection, {}
        self.formulas = {each.name: each.text for each in derivations}

    def rows(self):
        """Arrays by name of what is written."""
        for columns in self.join.pieces():
            for derivation in self.derivations:
                columns[derivation.name] = derive(derivation, columns)
            if not self.names:
                self.name(self.choose(columns))
            if self.selection:
                columns = self.selection.choose(columns)
            yield {written: columns[name] for written, name in self.names.items()}

    def choose(self, columns):
        """Names of the columns that fit the layout; others have served derivations at most."""
        kept = []
        for name in self.order(columns):
            if columns[name].ndim > 1:
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

    def name(self, chosen):
        """The columns by their names in the output: without what a terminal would obey, and not
        longer than skymeans takes them."""
        taken = set(chosen)
        for name in chosen:
            written = names.escape(name, names.ODD)
            if written != name or not names.is_skymeans_name(name):
                written = names.make_unique(written, taken, names.is_skymeans_name)
                taken.add(written)
                warn(f"column renamed ({name[:200]}): {written}, since its name is too long or has letters "
                     "that cannot be printed")
            self.names[written] = name

    def order(self, columns):
        if self.wanted is None:
            return list(columns)
        return self.wanted + [name for name in self.formulas if name not in self.wanted]

    def attributes(self, name):
        join = self.join
        known = {"units": join.units.get(name), "description": join.descriptions.get(name),
                 "formula": self.formulas.get(name)}
        return {key: value for key, value in known.items() if value}


def count_rows(columns):
    return len(next(iter(columns.values())))


def chunk_rows(columns, n_rows):
    """Rows of a chunk: of tables with very many columns fewer, since a chunk of each is in memory."""
    row_bytes = sum(values.dtype.itemsize for values in columns.values())
    return max(1, min(n_rows, CHUNK_ROWS, BLOCK_BYTES // max(row_bytes, 1)))


def in_blocks(pieces, n_rows):
    """Arrays by name of whole chunks of rows but for the last, and how many rows a chunk has."""
    waiting, n_waiting, n_chunk = [], 0, 0
    for piece in pieces:
        n_chunk = n_chunk or chunk_rows(piece, n_rows)
        waiting.append(piece)
        n_waiting += count_rows(piece)
        n_whole = n_waiting - n_waiting % n_chunk
        if n_whole:
            joined = concatenate(waiting)
            yield {name: values[:n_whole] for name, values in joined.items()}, n_chunk
            waiting = [{name: values[n_whole:].copy() for name, values in joined.items()}]
            n_waiting -= n_whole
    if n_waiting:
        yield concatenate(waiting), n_chunk


def concatenate(pieces):
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]} \
        if len(pieces) > 1 else pieces[0]


def write_columns(file, plan):
    """The numbers of rows and columns written."""
    try:
        with h5py.File(file, "w") as hdf5:
            return write_blocks(hdf5, plan, file.check)
    except Exception:
        file.check()  # on a full disk this is why
        raise


def write_blocks(hdf5, plan, check):
    table = hdf5.create_group("table")
    table.attrs["type"] = "table"
    group, first, columns = create_ordered_group(table, "columns"), 0, {}
    for columns, n_chunk in in_blocks(plan.rows(), plan.join.n_rows):
        for name, values in columns.items():
            data = group[name]["data"] if first else create_column(group, name, values.dtype,
                                                                   n_chunk, plan)
            data[first:first + len(values)] = values
        first += count_rows(columns)
        check()
    if plan.selection:
        finish_selection(table, first, plan)
    return first, len(columns)


def create_ordered_group(parent, name):
    """A group that keeps the order of its members, and no times, so that files are the same byte by
    byte."""
    how = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    how.set_link_creation_order(h5py.h5p.CRT_ORDER_TRACKED | h5py.h5p.CRT_ORDER_INDEXED)
    how.set_attr_creation_order(h5py.h5p.CRT_ORDER_TRACKED | h5py.h5p.CRT_ORDER_INDEXED)
    how.set_obj_track_times(False)
    return h5py.Group(h5py.h5g.create(parent.id, name.encode(), gcpl=how))


def create_column(group, name, dtype, n_chunk, plan):
    if dtype.kind == "b":
        dtype = np.uint8  # h5py's own form is an enumeration: not numeric
    n_rows = plan.join.n_rows
    data = group.create_group(name).create_dataset(
        "data", (n_rows,), dtype, chunks=(n_chunk,), compression="gzip", shuffle=True,
        maxshape=(n_rows,) if plan.selection else None)
    data.attrs.update(plan.attributes(plan.names[name]))
    return data


def finish_selection(table, n_rows, plan):
    """Now it is known how many rows there are."""
    selection = plan.selection
    if not n_rows:
        raise Failure(DATA, f"no rows (--where {selection.formula.text}): of {selection.n_rows} it "
                            f"is true for none, and {selection.n_open} miss a value that it needs; "
                            "check it")
    table.attrs["where"] = selection.formula.text
    for group in table["columns"].values():
        group["data"].resize((n_rows,))


# --- command line -------------------------------------------------------------------------------

def parse_command_line(arguments):
    parser = Parser(
        prog=command.program(), allow_abbrev=False, formatter_class=argparse.RawTextHelpFormatter,
        usage="%(prog)s IN... OUT.h5 [--derive NAME=EXPRESSION]... [--where EXPRESSION]\n"
              "                 [-c COLUMNS] [--missing-value V|COLUMN:V]... [--hdu NAME|N]\n"
              "                 [-d TABLE [--transpose] [--follow-external]] [--overwrite]\n"
              "       %(prog)s --in-place IN OUT.h5 [-c COLUMNS] [--hdu NAME|N]\n"
              "                 [--raw TYPES [--offset BYTES]] [--overwrite]",
        description="Convert catalogues to HDF5: FITS, VOTable, CSV and ECSV (also .gz), HDF5, and .dat\n"
                    "(a line with the numbers of features and rows, and a line of values a feature).\n"
                    "Several inputs with the same columns are joined.\n"
                    "With --in-place nothing is copied: OUT.h5 says where in IN (FITS, .npy, plain\n"
                    "bytes) the values lie, and skymeans reads them there.")
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument(
        "--derive", action="append", default=[], metavar="NAME=EXPRESSION",
        help="add a column computed row by row from the others and from those derived\n"
             "before: numbers, columns ({odd-name} in braces, array[2] one element),\n"
             "+ - * / %% **, comparisons, & | ~, pi nan inf, and the functions\n"
             f"{textwrap.fill(' '.join(FUNCTIONS), 70)}.\n"
             "What has no finite value is missing.")
    parser.add_argument("--where", metavar="EXPRESSION",
                        help="only rows where it is true, as '(b_v > 0.5) & ~(plx < 1)'; the same\n"
                             "language, derived columns, too. Rows with a missing value that\n"
                             "decides are left out, and counted; isnan(x) asks for it")
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
    parser.add_argument("--in-place", action="store_true",
                        help="make a view: a small file that describes IN, which stays where it is\n"
                             "and as it is")
    parser.add_argument("--raw", metavar="TYPES",
                        help="of plain bytes, with --in-place: NAME:TYPE,NAME:TYPE... of a row, or\n"
                             "TYPE[N]; TYPE is i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 or S with a width\n"
                             "(text), after > if it is big-endian; as ra:f8,dec:f8,mag:>f4[5]")
    parser.add_argument("--offset", type=int, default=0, metavar="BYTES",
                        help="where the first row of plain bytes begins; default: 0")
    add_follow_option(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace OUT.h5 if it exists")
    options = parser.parse_intermixed_args(arguments)
    if len(options.files) < 2:
        parser.error("IN and OUT.h5 are required")
    *options.inputs, options.output = options.files
    options.inputs = command.expand_lists(options.inputs)
    check_ways(parser, options)
    return options


def check_ways(parser, options):
    """Options that one way of importing has, and the other has not."""
    if options.in_place:
        found = [name for name in ("derive", "where", "missing_value", "dataset", "transpose")
                 if getattr(options, name)]
        if found:
            parser.error(f"--{found[0].replace('_', '-')} with --in-place, which changes nothing; give "
                         "it to skymeans fit, or import without --in-place")
        if len(options.inputs) > 1:
            parser.error("several inputs with --in-place; make a view of each, and give all of them "
                         "to skymeans fit")
        if options.raw is not None and options.hdu is not None:
            parser.error("--hdu with --raw; plain bytes have no such parts")
    elif options.raw is not None:
        parser.error("--raw without --in-place")
    if options.offset and options.raw is None or options.offset < 0:
        parser.error("--offset is a number from 0 on, with --raw")


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


def make_request(options, formulas, wanted):
    """What is needed of the inputs: columns that are written, and those of formulas."""
    needed = None
    if wanted is not None:
        derived = {each.name for each in formulas}
        needed = (set(wanted) | {name for each in formulas for name in each.columns}) - derived
    return Request(parse_missing(options.missing_value), options.hdu, options.dataset,
                   options.transpose, needed or None)  # some column tells how many rows there are


def check_names(join, wanted, request, formulas):
    check_formulas(formulas, join.all_names)
    known = {*join.all_names, *(each.name for each in formulas)}
    asked = [("-c", name) for name in wanted or ()]
    asked += [("--missing-value", name) for name, _ in request.missing if name is not None]
    for option, name in asked:
        if name not in known:
            raise Failure(DATA, f"no such column ({option}, {name}): the columns are "
                                f"{command.some_of(join.all_names)}; correct the name")


def describe(options, wanted):
    with command.whole_file(options.output) as file:
        n_rows, n_columns, advice = make_view(options.inputs[0], options, wanted, file)
    command.say(f"{n_rows} rows, {n_columns} columns, which stay in {options.inputs[0]}: "
                f"{options.output}{'; ' if advice else ''}{advice}")


def run(arguments):
    options = parse_command_line(arguments)
    derivations = [parse_derivation(text) for text in options.derive]
    where = None if options.where is None else parse_selection(options.where)
    formulas = derivations + ([where] if where else [])
    wanted = parse_columns(options.columns)
    command.check_output(options.output, options.overwrite, options.inputs)
    if options.in_place:
        describe(options, wanted)
        return
    request = make_request(options, formulas, wanted)
    join = Join(options.inputs, request)
    check_names(join, wanted, request, formulas)
    selection = Selection(where) if where else None
    with command.whole_file(options.output) as file:
        n_rows, n_columns = write_columns(file, Plan(join, derivations, selection, wanted))
    of_all = "" if not selection else f" (of {join.n_rows}; of {selection.n_open} more a missing " \
                                      "value leaves open whether --where is true)"
    command.say(f"{n_rows} rows{of_all}, {n_columns} columns: {options.output}")


def main():
    return command.main(run, "output")


if __name__ == "__main__":
    sys.exit(main())
