"""Tables of HDF5 files as skymeans finds them, and their columns piece by piece."""
import contextlib
import os

# Shared file systems often refuse the locks that HDF5 asks for; reading needs none.
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")

import h5py
import numpy as np

import finder
from command import DATA, SYSTEM, Failure, check_input, reason
from conventions import PLAIN, Convention, unite
from places import Place, read_side_by_side

ARROW = "texts of Arrow"  # what the program calls letters with an array of ends beside them


class Column:
    """A column of n_rows values, each a number, a text, or neither."""

    def __init__(self, name, n_rows, dtype, values, unit=None):
        """`values` takes a slice of rows, and gives an array of this type: a masked one if values
        can be missing in another way than as NaN."""
        self.name, self.n_rows, self.unit = name, n_rows, unit
        self.dtype, self.values, self.can_miss, self.paths = np.dtype(dtype), values, False, []

    @property
    def is_text(self):
        return self.dtype.kind == "S"

    @property
    def is_number(self):
        return self.dtype.kind in "iufb"

    def read(self, rows):
        values = self.values(rows)
        return np.array(values.tolist(), dtype="S") if values.dtype.kind == "O" else values

    def read_floats(self, rows):
        return np.ma.filled(self.read(rows).astype(np.float64), np.nan)


class StoredColumn(Column):
    """A column that `info --json` describes: one value a row, or all of them."""

    def __init__(self, file, found, treatment=PLAIN, files=None, is_whole=False):
        """`files` opens other files, by path, that the column may be in."""
        self.is_whole = is_whole and found["values"]["length"] > 1
        file = files(found["file"]) if found.get("file") else file
        self.place, self.mask = Place(file, found["values"]), None
        self.ends = None
        if found["mask"]:
            self.mask = Place(file, found["mask"])
        stored = self.place.type
        if found["type"] == ARROW:
            self.open_ends(file)
        dtype = stored.dtype if stored else np.dtype("V1")
        if found["type"] == "bool":
            dtype = np.dtype(bool)
        n_rows = found["rows"] if self.ends is None else self.ends.n_rows - 1
        super().__init__(found["name"], n_rows, dtype, self.values_of, found["units"])
        self.convention = None
        if self.ends is not None or self.dtype.kind == "O":
            self.dtype = np.dtype("S")  # of any length
        elif self.is_number and dtype.kind != "b":
            self.convention = Convention(found["convention"], dtype, treatment)
            self.dtype = self.convention.dtype
        self.can_miss = bool(self.mask or (self.convention and self.convention.can_miss))
        self.paths = [file.filename, *self.place.other_files()]

    def open_ends(self, file):
        """Of texts: where each begins among the letters, and where the last one ends."""
        beside = {"dataset": os.path.dirname(self.place.path) + "/indices", "member": None,
                  "position": 0, "length": 1, "is_transposed": False, "is_bitmap": False}
        self.ends = Place(file, beside)

    def values_of(self, rows):
        return self.finish(self.texts(rows) if self.ends else self.pick(self.place.read(rows)), rows)

    def finish(self, values, rows):
        """What stored values mean, and which of them are missing."""
        is_missing = None
        if self.convention:
            values, is_missing = self.convention.values(values)
        elif self.dtype.kind == "b":
            values = values != 0
        if self.mask:
            mask = self.pick(self.mask.read(rows)) != 0
            is_missing = unite(is_missing, np.broadcast_to(mask, values.shape))
        if is_missing is None:
            return values
        if values.dtype.kind == "f":
            return np.where(is_missing, values.dtype.type(np.nan), values)
        return np.ma.array(values, mask=is_missing)

    def pick(self, values):
        return values if self.is_whole else values[:, 0]

    @property
    def description(self):
        """As import.py writes it."""
        dataset = h5py.Dataset(self.place.dataset)
        with contextlib.suppress(KeyError, OSError, TypeError, ValueError):
            return text(dataset.attrs["description"]) or None
        return None

    def texts(self, rows):
        ends = self.ends.read(slice(rows.start, rows.stop + 1))[:, 0].astype(np.int64)
        if h5py.h5a.exists(self.ends.dataset, b"offset"):
            ends -= int(h5py.AttributeManager(h5py.Dataset(self.ends.dataset))["offset"])
        letters = self.place.read(slice(int(ends[0]), int(ends[-1]))).tobytes()
        ends -= ends[0]
        return np.array([letters[a:b] for a, b in zip(ends, ends[1:])] or [b""],
                        dtype="S")[:rows.stop - rows.start]


class ComputedColumn(Column):
    """A column that is computed from others, step by step as the program says: doubles, NaN where one
    is missing."""

    def __init__(self, file, found, treatment_of, files=None):
        """`treatment_of` a name says how a fit read that column."""
        self.inputs = [StoredColumn(file, one, treatment_of(one["name"]), files)
                       for one in found["inputs"]]
        self.steps = found["computed"]
        super().__init__(found["name"], found["rows"], np.float64, self.compute, found["units"])
        self.paths = [path for one in self.inputs for path in one.paths]

    def compute(self, rows):
        inputs = read_together(self.inputs, rows)
        inputs[~np.isfinite(inputs)] = np.nan
        registers = {}

        def operand(number):
            return registers[number] if number >= 0 else inputs[:, -1 - number]

        with np.errstate(all="ignore"):
            for step in self.steps["operations"]:
                values = [operand(step[name]) for name in "ab" if name in step]
                registers[step["to"]] = compute_step(step, values, len(inputs))
        return operand(self.steps["result"]).copy()


FUNCTIONS = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "^": np.power,
             "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
             "==": np.equal, "!=": np.not_equal, "log10": np.log10, "ln": np.log, "exp": np.exp,
             "sqrt": np.sqrt, "abs": np.abs, "min": np.minimum, "max": np.maximum, "sin": np.sin,
             "cos": np.cos}


# Parts of the unit vector of a position in degrees, as the program takes them.
SKY = {"sky_x": lambda ra, dec: np.cos(np.radians(dec)) * np.cos(np.radians(ra)),
       "sky_y": lambda ra, dec: np.cos(np.radians(dec)) * np.sin(np.radians(ra)),
       "sky_z": lambda ra, dec: np.sin(np.radians(dec)) + 0 * ra}


def on_sky(ra, dec, unit):
    """Positions in degrees; NaN for the right ascension where there is none. Of radians the pole may
    lie a rounding to float32 too far."""
    ra, dec, pole = ra * unit, dec * unit, 90 + 3e-6 if unit > 1 else 90
    is_there = (ra >= -360) & (ra <= 720) & (np.abs(dec) <= pole)
    return np.where(is_there, ra, np.nan), np.clip(dec, -90, 90)


def compute_step(step, values, n_rows):
    """One operation of an expression. What is not finite is missing, NaN, and what has a missing
    operand; but && and || are known if one side decides."""
    name = step["operator"]
    if name == "number":
        return np.full(n_rows, step["number"])
    is_missing = np.isnan(values).any(axis=0)
    if name in ("&&", "||"):
        decides = name == "||"
        is_decided = ((~np.isnan(values)) & ((np.array(values) != 0) == decides)).any(axis=0)
        return np.where(is_decided, float(decides),
                        np.where(is_missing, np.nan, float(not decides)))
    if name in SKY:
        result = SKY[name](*on_sky(*values, step["number"]))
    elif name == "!":
        result = values[0] == 0
    elif name == "-" and len(values) == 1:
        result = -values[0]
    else:
        result = FUNCTIONS[name](*values)
    return np.where(is_missing | ~np.isfinite(result), np.nan, result)


def read_together(columns, rows):
    """Values of stored columns as doubles, NaN where one is missing: [rows][columns]. What is side by
    side in a dataset is read at once."""
    found, groups = np.empty((rows.stop - rows.start, len(columns))), {}
    for i, column in enumerate(columns):
        if isinstance(column, ComputedColumn):
            found[:, i] = column.read(rows)
        else:
            groups.setdefault(column.place.whole, []).append(i)
    for members in groups.values():
        places = [columns[i].place for i in members]
        for i, stored in zip(members, read_side_by_side(places, rows)):
            values = columns[i].finish(stored, rows)
            found[:, i] = np.ma.filled(values.astype(np.float64), np.nan)
    return found


# --- files --------------------------------------------------------------------------------------

def open_hdf5(path, stack):
    check_input(path)
    try:
        return stack.enter_context(h5py.File(path, "r"))
    except OSError as error:
        if getattr(error, "errno", None):
            with open(path, "rb"):  # the system's fault, which HDF5 does not tell from bad data
                pass
        raise Failure(DATA, f"not a readable HDF5 file ({path}): {reason(error)}; "
                            "it may be another format or cut short") from error


@contextlib.contextmanager
def reading(path):
    """What fails here is the reading of values from an open HDF5 file."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise Failure(SYSTEM, f"read failed ({path}): {reason(error)}; "
                              "the file may be damaged") from error


def texts(values):
    return [text(value) for value in np.atleast_1d(values)]


def text(value):
    """As a text; bytes that are no UTF-8 can be had back."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def slices(n_rows, size):
    return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


# --- columns ------------------------------------------------------------------------------------

def split_list(items):
    """Items of -c between commas outside parentheses and braces."""
    found, depth, is_name = [""], 0, False
    for letter in items:
        is_name = letter == "{" or (is_name and letter != "}")
        depth += 0 if is_name else (letter == "(") - (letter == ")")
        if letter == "," and not is_name and depth <= 0:
            found.append("")
        else:
            found[-1] += letter
    return [item.strip() for item in found]


def choose_columns(path, dataset, items, is_transposed=False):
    """Columns for items of -c, as the program finds them. It takes numbers only, so that texts are
    taken from its list of all columns."""
    table = finder.table_of(finder.look(path, dataset, None, is_transposed))
    words = {column["name"]: column for column in (table["columns"] if table else ())
             if column["is_text"] or column["type"] == ARROW}
    found, numbers = [], []
    for item in [*items, None]:
        name = item[1:-1] if item and item[0] + item[-1] == "{}" else item
        if item is not None and name not in words:
            numbers.append(item)
            continue
        if numbers:
            found += finder.selected(finder.look(path, dataset, ",".join(numbers), is_transposed))
            numbers = []
        found += elements(words[name]) if item is not None else []
    return found


def elements(found):
    """The values of a column of several values a row, each as a column."""
    place, mask, name = found["values"], found["mask"], found["name"]
    if place["length"] == 1 or found["type"] == ARROW:
        yield found
        return
    for i in range(place["length"]):
        one = {**found, "values": {**place, "position": place["position"] + i, "length": 1},
               "name": str(i) if name is None else f"{name}[{i}]"}
        if mask and mask["length"] > 1:
            one["mask"] = {**mask, "position": mask["position"] + i, "length": 1}
        yield one
