#!/usr/bin/env python3
"""Convert catalogues to HDF5: one 1-D dataset a column at /table/columns/NAME/data.

skymeans reads this layout in parallel and vaex opens it. Everything astropy's Table.read
recognises goes in, and the text `.dat` of the practice course. HDF5 datasets have no
mask, so a missing number becomes NaN and a missing string an empty one.
"""
import argparse
import ast
import collections
import contextlib
import io
import os
import re
import sys
import textwrap
import warnings

USAGE, DATA, SYSTEM, MEMORY = 2, 3, 4, 5
INTERNAL = 1

try:
    import h5py
    import numpy as np
    from astropy.io.registry import IORegistryError
    from astropy.table import Table
except ImportError as error:
    module = (error.name or "numpy").split(".")[0]
    print(f"import.py: error: Python module missing ({module}): this python3 cannot import it; "
          f"install python3-{module}, on Debian then run /usr/bin/python3", file=sys.stderr)
    sys.exit(SYSTEM)

CHUNK_ROWS = 65536  # half a megabyte of float64: few enough chunks, and each fits a chunk cache

FUNCTIONS = {
    "where": np.where, "isfinite": np.isfinite, "isnan": np.isnan,
    "log10": np.log10, "ln": np.log, "log": np.log, "exp": np.exp, "sqrt": np.sqrt,
    "abs": np.absolute, "floor": np.floor,
    "minimum": np.minimum, "min": np.minimum, "maximum": np.maximum, "max": np.maximum,
    "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "arcsin": np.arcsin, "arccos": np.arccos, "arctan2": np.arctan2,
    "radians": np.radians, "degrees": np.degrees,
}
CONSTANTS = {"pi": np.pi, "nan": np.nan, "inf": np.inf}
ARITHMETIC = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Load, ast.cmpop,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Mod, ast.Pow, ast.BitAnd, ast.BitOr,
    ast.UAdd, ast.USub, ast.Invert,
)

Column = collections.namedtuple("Column", "values unit")
Derivation = collections.namedtuple("Derivation", "name code columns")


class Failure(Exception):
    """An expected failure: its exit code says whose fault it is, its text what to do."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors take one line, as all others."""

    def error(self, message):
        raise Failure(USAGE, f"bad command line: {message}; try --help")


def warn(message):
    print(f"import.py: warning: {message}", file=sys.stderr)


def reason(error):
    """The first line of what a library says, which may be a page."""
    lines = str(error).strip().splitlines()
    return " ".join(lines[0].split()) if lines else type(error).__name__


# --- reading ------------------------------------------------------------------------------------

def read_catalogue(path):
    """The columns of one file, by name."""
    columns = read_dat(path) if path.lower().endswith(".dat") else read_with_astropy(path)
    if not columns:
        raise Failure(DATA, f"no columns ({path}): the file holds no usable table; "
                            "check that it is the right file")
    return columns


def read_with_astropy(path):
    with open(path, "rb"):
        pass  # a missing file is the system's fault, whatever a reader would make of it
    # `null` is how the Gaia archive writes a missing value.
    is_text = path.lower().endswith((".csv", ".ecsv"))
    options = {"fill_values": [("", "0"), ("null", "0")]} if is_text else {}
    with warnings.catch_warnings(record=True) as caught:
        try:
            table = Table.read(path, **options)
        except IORegistryError as error:
            raise Failure(DATA, f"unknown format ({path}): neither its name nor its content tells; "
                                "name it .fits, .vot, .csv, .ecsv or .dat after what it is"
                          ) from error
        except Exception as error:  # the readers raise nearly every type there is
            if isinstance(error, MemoryError) or getattr(error, "errno", None):
                raise
            raise Failure(DATA, f"cannot read the table ({path}): {reason(error)}; "
                                "the file may be damaged or not what its name says") from error
    for category, warning in {entry.category: entry for entry in caught}.items():
        warn(f"{category.__name__} ({path}): {reason(warning.message)}")
    columns = {name: to_column(table[name], name, path) for name in table.colnames}
    return {name: column for name, column in columns.items() if column}


def to_column(column, name, path):
    """A plain array with missing values in-band; None, with a warning, if there is no such."""
    values = np.asarray(column)
    mask = np.broadcast_to(getattr(column, "mask", False), values.shape)
    if values.dtype.kind == "O" and all(isinstance(value, str) for value in values[~mask]):
        values = np.where(mask, "", values).astype(str)
    if values.dtype.kind == "U":
        values = np.char.encode(values, "utf-8")
    if values.dtype.kind not in "biufS":
        warn(f"column left out ({path}, {name}): neither numbers nor strings")
        return None
    if mask.any():
        values = fill_missing(values, mask, name, path)
    unit = str(column.unit) if getattr(column, "unit", None) else None
    return Column(values.astype(values.dtype.newbyteorder("="), copy=False), unit)


def fill_missing(values, mask, name, path):
    if values.dtype.kind == "S":
        return np.where(mask, b"", values)
    if values.dtype.kind in "biu":
        warn(f"column stored as float64 ({path}, {name}): {np.count_nonzero(mask)} "
             f"missing, which {values.dtype.name} cannot express")
        values = values.astype(np.float64)
    return np.where(mask, values.dtype.type(np.nan), values)


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
    return {name: Column(values, None) for name, values in zip(names, features)}


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


# --- joining ------------------------------------------------------------------------------------

def join(tables, paths):
    """One table out of several that have the same columns; the first gives their order.

    Readers guess the types of a table without rows, so those take part with their names only.
    """
    for table, path in zip(tables, paths):
        check_same_names(tables[0], table, paths[0], path)
    filled = [(table, path) for table, path in zip(tables, paths) if n_rows_of(table)]
    if not filled:
        raise Failure(DATA, f"no rows ({', '.join(paths)}): nothing to write; "
                            "check that these are the right files")
    return {name: join_column(name, filled) for name in tables[0]}


def n_rows_of(table):
    return len(next(iter(table.values())).values)


def check_same_names(first, table, first_path, path):
    absent, extra = [", ".join(names) for names in (first.keys() - table.keys(),
                                                    table.keys() - first.keys())]
    if absent or extra:
        differences = [f"{word} {names}" for word, names in (("without", absent), ("with", extra))
                       if names]
        raise Failure(DATA, f"other columns than {first_path} ({path}): "
                            f"{' and '.join(differences)}; import such files separately")


def join_column(name, tables):
    first, first_path = tables[0][0][name], tables[0][1]
    unit = first.unit
    for table, path in tables[1:]:
        column = table[name]
        if is_text(column) != is_text(first) or column.values.shape[1:] != first.values.shape[1:]:
            raise Failure(DATA, f"another type than in {first_path} ({path}, {name}): numbers, "
                                "strings and arrays cannot be joined; check this column")
        if unit and column.unit and unit != column.unit:
            raise Failure(DATA, f"another unit than in {first_path} ({path}, {name}): "
                                f"{column.unit}, not {unit}; convert it first")
        unit = unit or column.unit
    return Column(np.concatenate([table[name].values for table, _ in tables]), unit)


def is_text(column):
    return column.values.dtype.kind == "S"


# --- deriving -----------------------------------------------------------------------------------

class RowWise(ast.NodeTransformer):
    """Lets through arithmetic on columns only, and makes it work on all rows at once.

    Numbers become floats, so that no integer overflows. Functions get names that no column can
    have, and exactly their arguments: one more would be NumPy's output array.
    """

    def __init__(self, braced):
        self.braced = braced
        self.columns = set()

    def generic_visit(self, node):
        if not isinstance(node, ARITHMETIC):
            hints = {ast.BitXor: "power is **", ast.BoolOp: "use & and |", ast.Not: "use ~"}
            raise ValueError(hints.get(type(node), f"{type(node).__name__} is not arithmetic"))
        return super().generic_visit(node)

    def visit_Constant(self, node):
        if type(node.value) not in (int, float):
            raise ValueError(f"{node.value!r} is not a number")
        return ast.copy_location(ast.Constant(float(node.value)), node)

    def visit_Name(self, node):
        node.id = self.braced.get(node.id, node.id)
        self.columns.add(node.id)
        return node

    def visit_Call(self, node):
        function = FUNCTIONS.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if function is None or node.keywords:
            raise ValueError("the functions are " + " ".join(FUNCTIONS))
        n_arguments = getattr(function, "nin", 3)
        if len(node.args) != n_arguments:
            raise ValueError(f"{node.func.id} takes {n_arguments} arguments")
        node.func.id += "()"
        node.args = [self.visit(argument) for argument in node.args]
        return node

    def visit_Subscript(self, node):
        """NAME[2] is element 2 of an array column in every row."""
        index = node.slice
        if not isinstance(index, ast.Constant) or type(index.value) is not int:
            raise ValueError("an index is one whole number")
        every_row_of = ast.Tuple([ast.Slice(), index], ast.Load())
        return ast.fix_missing_locations(
            ast.copy_location(ast.Subscript(self.visit(node.value), every_row_of, node.ctx), node))


def parse_derivation(text):
    """NAME=EXPRESSION compiled; column names that are not Python's stand in {braces}."""
    name, _, expression = (part.strip() for part in text.partition("="))
    if not name or not expression or "/" in name:
        raise Failure(USAGE, f"bad --derive ({text}): it is not NAME=EXPRESSION; try --help")
    braced = {}

    def stand_in(match):
        braced[f"braced_{len(braced)}"] = match[1]
        return f"braced_{len(braced) - 1}"

    row_wise = RowWise(braced)
    try:
        tree = ast.parse(re.sub(r"\{([^{}]+)\}", stand_in, expression), mode="eval")
        code = compile(row_wise.visit(tree), "--derive", "eval")
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        why = error.msg if isinstance(error, SyntaxError) else reason(error)
        raise Failure(USAGE, f"bad expression (--derive {name}): {why}; try --help") from error
    return Derivation(name, code, row_wise.columns)


def derive(derivation, columns):
    """Add one derived column. What has no finite value is missing."""
    name = derivation.name
    if name in columns:
        raise Failure(USAGE, f"column exists (--derive {name}): the input has a column of this "
                             "name; choose another")
    names = {**CONSTANTS, **{key: column.values for key, column in columns.items()}}
    for absent in sorted(derivation.columns - names.keys()):
        raise Failure(DATA, f"no such column (--derive {name}, {absent}): the columns are "
                            f"{' '.join(columns)}; correct the name")
    names.update({f"{key}()": function for key, function in FUNCTIONS.items()})
    try:
        with np.errstate(all="ignore"):
            values = np.array(eval(derivation.code, {"__builtins__": {}}, names))
            values = np.broadcast_to(values, (n_rows_of(columns),))
            if values.dtype.kind == "f":
                values = np.where(np.isfinite(values), values, values.dtype.type(np.nan))
    except MemoryError:
        raise
    except Exception as error:  # NumPy's and Python's ways to refuse a sum are many
        raise Failure(DATA, f"cannot compute (--derive {name}): {reason(error)}; "
                            "check the types of its columns") from error
    columns[name] = Column(values, None)


# --- writing ------------------------------------------------------------------------------------

def without_unwritable(columns):
    """The columns that fit the layout; the others have served derivations at most."""
    kept = {}
    for name, column in columns.items():
        if column.values.ndim > 1:
            warn(f"column left out ({name}): an array a row; take an element of it with "
                 f"--derive 'NEW={{{name}}}[0]'")
        elif "/" in name or name == ".":
            warn(f"column left out ({name}): HDF5 has no such names; rename it with "
                 f"--derive 'NEW={{{name}}}'")
        else:
            kept[name] = column
    return kept


def write_file(path, columns):
    """Write beside and rename: the file appears whole or not at all.

    HDF5 writes to memory, because on a full disk the library crashes instead of saying so.
    """
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        write_table(file, columns)
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            file.write(image.getbuffer())
        os.replace(temporary, path)
    except OSError as error:
        raise Failure(SYSTEM, f"cannot write ({path}): {error.strerror}; "
                              "check the folder and its free space") from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def write_table(file, columns):
    table = file.create_group("table")
    table.attrs["type"] = "table"
    group = table.create_group("columns")
    for name, (values, unit) in columns.items():
        if values.dtype.kind == "b":
            values = values.astype(np.uint8)  # h5py's own form is an enumeration: not numeric
        data = group.create_group(name).create_dataset(
            "data", data=values, chunks=(min(len(values), CHUNK_ROWS),),
            compression="gzip", shuffle=True)
        if unit:
            data.attrs["units"] = unit


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


def check_output(path, overwrite):
    """Refuse now what could only fail after all the reading."""
    if os.path.lexists(path) and not overwrite:
        raise Failure(USAGE, f"output exists ({path}): it would be lost; "
                             "add --overwrite or choose another name")
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise Failure(SYSTEM, f"cannot write ({path}): no folder {folder}; create it first")


def run(arguments):
    options = parse_command_line(arguments)
    derivations = [parse_derivation(text) for text in options.derive]
    check_output(options.output, options.overwrite)
    columns = join([read_catalogue(path) for path in options.inputs], options.inputs)
    for derivation in derivations:
        derive(derivation, columns)
    columns = without_unwritable(columns)
    if not columns:
        raise Failure(DATA, f"no columns ({', '.join(options.inputs)}): none fits the layout; "
                            "derive some")
    write_file(options.output, columns)
    print(f"{n_rows_of(columns)} rows, {len(columns)} columns: {options.output}")


def main():
    try:
        run(sys.argv[1:])
        return 0
    except Failure as failure:
        code, message = failure.code, str(failure)
    except MemoryError:
        code, message = MEMORY, "out of memory: the catalogue does not fit; import it in parts"
    except OSError as error:
        code = SYSTEM
        message = f"cannot read ({error.filename}): {error.strerror}; check path and permissions"
    except KeyboardInterrupt:
        code, message = SYSTEM, "interrupted: no output was written; run the command again"
    except Exception as error:
        code, message = INTERNAL, f"internal error: {type(error).__name__}: {reason(error)}"
    print(f"import.py: error: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
