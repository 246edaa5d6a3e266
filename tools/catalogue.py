"""Tables in HDF5 files, in every layout that skymeans reads, and their columns piece by piece.

- a 2-D array of numbers, whose columns are called 0, 1, ...;
- a group of equally long columns, /group/NAME or vaex's /group/NAME/{data,mask};
- a compound dataset, as astropy, PyTables and pandas (format="table") write it;
- a group of blocks, as pandas (format="fixed") writes it.
"""
import collections
import contextlib
import io
import os
import pickle
import re

# Shared file systems often refuse the locks that HDF5 asks for; reading needs none.
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")

import h5py
import numpy as np

from command import DATA, SYSTEM, Failure, reason

NUMBERS = "iufb"         # kinds of dtypes
DEEPEST_GROUP = 32
META = ".__table_column_meta__"  # ends what astropy stores beside a table

Table = collections.namedtuple("Table", "file path n_rows columns")


class Column:
    """A column of a table: n_rows values, each a number, a text or an array of n_elements."""

    def __init__(self, name, n_rows, dtype, values, mask=None, unit=None):
        """`values` and `mask` take a slice of rows; the mask is true where a value is missing.
        The type of texts of any length is S without a length."""
        self.name, self.n_rows, self.unit = name, n_rows, unit
        string = h5py.check_string_dtype(dtype.base)
        self.dtype = np.dtype("S") if string and string.length is None else dtype.base
        self.n_elements = int(np.prod(dtype.shape)) if dtype.shape not in ((), (1,)) else None
        self.values, self.mask = values, mask

    @property
    def is_number(self):
        return self.dtype.kind in NUMBERS and self.n_elements is None

    def read(self, rows):
        """A plain array of the rows; a masked one if values can be missing besides NaN. Arrays are
        read element by element."""
        values = self.values(rows).reshape(-1)
        if values.dtype.kind == "O":
            values = np.array(values.tolist(), dtype="S")
        return values if self.mask is None else \
            np.ma.array(values, mask=self.mask(rows).reshape(-1) != 0)

    def read_floats(self, rows):
        return np.ma.filled(self.read(rows).astype(np.float64), np.nan)

    def element(self, i):
        def pick(read):
            def element_of(rows):
                values = read(rows)
                values = values.reshape(len(values), -1)
                return values[:, i if values.shape[1] > 1 else 0]  # a mask may be of whole rows

            return read and element_of

        return Column(f"{self.name}[{i}]", self.n_rows, self.dtype, pick(self.values),
                      pick(self.mask), self.unit)


# --- files --------------------------------------------------------------------------------------

def open_hdf5(path, stack):
    with open(path, "rb"):
        pass  # a missing file is the system's fault, which HDF5 does not tell from bad data
    try:
        return stack.enter_context(h5py.File(path, "r"))
    except OSError as error:
        raise Failure(DATA, f"not a readable HDF5 file ({path}): {reason(error)}; "
                            "it may be another format or cut short") from error


@contextlib.contextmanager
def reading(path):
    """What fails here is the reading of values from an open HDF5 file."""
    try:
        yield
    except OSError as error:
        raise Failure(SYSTEM, f"read failed ({path}): {reason(error)}; "
                              "the file may be damaged") from error


def texts(values):
    return [text(value) for value in np.atleast_1d(values)]


def text(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def slices(n_rows, size):
    return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


# --- choosing -----------------------------------------------------------------------------------

def choose_table(path, file, wanted, recorded):
    """The asked table, else the recorded one (of the fit), else vaex's, else the only one."""
    tables = find_tables(file)
    names = ", ".join(tables) or "none"
    name = wanted or recorded or ("/table/columns" if "/table/columns" in tables else None)
    if name is None:
        if len(tables) != 1:
            raise Failure(DATA, f"no single table ({path}): it has {names}; choose with -d")
        return next(iter(tables.values()))
    name = "/" + name.strip("/")
    for end in ("", "/columns", "/table"):
        if name + end in tables:
            return tables[name + end]
    if name in file:
        raise Failure(DATA, f"not a table ({path}, {name}): neither a 2-D array of numbers nor "
                            f"columns of equal length; the tables are {names}; choose with -d")
    raise Failure(DATA, f"no such dataset ({path}, {name}): it has {names}; choose with -d")


def find_column(table, name):
    """The column of this name, as it is or in braces; flux[2] is one element. Or None."""
    name = name[1:-1] if re.fullmatch(r"\{[^{}]*\}", name) else name
    if name in table.columns:
        return table.columns[name]
    element = re.fullmatch(r"\{?(.+?)\}?\[([0-9]{1,9})\]", name)
    array = table.columns.get(element[1]) if element else None
    is_there = array and array.n_elements and int(element[2]) < array.n_elements
    return array.element(int(element[2])) if is_there else None


# --- finding ------------------------------------------------------------------------------------

def find_tables(file):
    """Tables of an open file by their paths, in the order of their names."""
    tables, visited = {}, set()

    def visit(node, path, depth):
        key = h5py.h5o.get_info(node.id)
        if depth > DEEPEST_GROUP or (key.fileno, key.addr) in visited:
            return
        visited.add((key.fileno, key.addr))  # links may form loops
        table = (find_in_dataset(file, node, path) if isinstance(node, h5py.Dataset)
                 else find_in_group(file, node, path))
        if table:
            tables[path] = table
        if isinstance(node, h5py.Group) and not is_pandas_frame(node):
            for name, child in members(node):
                child_path = f"{path.rstrip('/')}/{name}"
                if child_path != "/truth" and vaex_data(child, path) is None:
                    visit(child, child_path, depth + 1)

    visit(file["/"], "/", 0)
    return tables


def members(group):
    """Names and objects, without links to nowhere and what others keep beside their tables."""
    for name in group:
        if name.endswith(META) or name.startswith("_i_"):  # indices of PyTables
            continue
        with contextlib.suppress(KeyError, OSError):
            node = group[name]
            if isinstance(node, (h5py.Dataset, h5py.Group)):
                yield name, node


def vaex_data(node, parent_path):
    """The values of a vaex column, which may be arrays below a group `columns`. Or None."""
    data = node.get("data") if isinstance(node, h5py.Group) else None
    is_column = isinstance(data, h5py.Dataset) and not data.dtype.names and (
        data.ndim == 1 or (data.ndim == 2 and parent_path.endswith("/columns")))
    return data if is_column else None


def is_pandas_frame(group):
    return text(group.attrs.get("pandas_type", "")) == "frame"


def find_in_dataset(file, node, path):
    if node.dtype.names and node.ndim == 1:
        return Table(file, path, len(node), compound_columns(file, node, path))
    if node.ndim == 2 and node.shape[1] > 0 and node.dtype.kind in NUMBERS:
        names = map(str, range(node.shape[1]))
        return Table(file, path, len(node), block_columns(node, names))
    return None


def find_in_group(file, group, path):
    columns = frame_columns(group) if is_pandas_frame(group) else group_columns(group, path)
    lengths = {column.n_rows for column in columns.values() if column.is_number}
    if len(lengths) != 1:  # numbers decide
        return None
    n_rows, = lengths
    columns = {name: column for name, column in columns.items() if column.n_rows == n_rows}
    return Table(file, path, n_rows, columns)


def group_columns(group, path):
    columns = {}
    for name, node in members(group):
        if vaex_data(node, path) is not None:
            columns[name] = vaex_column(name, node)
        elif isinstance(node, h5py.Dataset) and node.ndim in (1, 2) and not node.dtype.names:
            columns[name] = Column(name, len(node), row_type(node), node.__getitem__,
                                   unit=unit_of(node))
    return columns


def row_type(node):
    return np.dtype((node.dtype, node.shape[1:]))


def unit_of(node):
    """Of `units`, as skymeans has it, or vaex's `unit`."""
    return next((text(node.attrs[key]) for key in ("units", "unit") if key in node.attrs), None)


# --- columns ------------------------------------------------------------------------------------

def block_columns(node, names, unit=None):
    """Columns of a 2-D array by their names."""
    def column(j, name):
        return Column(name, len(node), node.dtype, lambda rows: node[rows, j], unit=unit)

    return {name: column(j, name) for j, name in enumerate(names)}


def vaex_column(name, group):
    data, mask = group["data"], None
    unit = unit_of(data) or unit_of(group)
    if "null_bitmap" in group:
        def mask(rows):  # as Arrow has it: bits from the lowest on, 0 where a value is missing
            packed = group["null_bitmap"][rows.start // 8:-(-rows.stop // 8)]
            first = rows.start % 8
            bits = np.unpackbits(packed.astype(np.uint8), bitorder="little")
            return bits[first:first + rows.stop - rows.start] == 0
    elif "mask" in group:
        mask = group["mask"].__getitem__
    if "indices" in group:  # of the first byte of each text, and of the end
        def values(rows):
            ends = group["indices"][rows.start:rows.stop + 1].astype(np.int64)
            ends -= group["indices"].attrs.get("offset", 0)
            letters = data[ends[0]:ends[-1]].tobytes()
            ends -= ends[0]
            return np.array([letters[a:b] for a, b in zip(ends, ends[1:])], dtype="S")

        return Column(name, len(group["indices"]) - 1, np.dtype("S"), values, mask, unit)
    return Column(name, len(data), row_type(data), data.__getitem__, mask, unit)


def compound_columns(file, node, path):
    """Members, without those that say which values of another one are missing."""
    units = astropy_units(file.get(path + META))
    types = dict(member_types(node.dtype))
    columns = {}
    for name, dtype in types.items():
        if is_mask(name, types):
            continue
        mask = f"{name}.mask" if is_mask(f"{name}.mask", types) else None
        column = Column(name, len(node), dtype, member_reader(node, name),
                        mask and member_reader(node, mask), units.get(name))
        names = pickled_names(node.attrs.get(f"{name}_kind"))
        if len(names) != (column.n_elements or 1):
            names = [name]
        for i, part in enumerate(names):  # several of a block of pandas
            columns[part] = column.element(i) if len(names) > 1 else column
            columns[part].name = part
    return columns


def member_types(dtype, outer=""):
    """(name, type) of members; one of a compound within is called outer/inner."""
    for name in dtype.names:
        if dtype[name].names:
            yield from member_types(dtype[name], f"{outer}{name}/")
        else:
            yield outer + name, dtype[name]


def is_mask(name, types):
    return (name.endswith(".mask") and name.removesuffix(".mask") in types and name in types
            and types[name].base.kind in "iub")


def member_reader(node, name):
    first, *inner = name.split("/") if name not in node.dtype.names else [name]

    def read(rows):
        values = node[first, rows]
        for part in inner:
            values = values[part]
        return values

    return read


class Unpickler(pickle.Unpickler):
    """Loads lists of texts and numbers and nothing that could run."""

    def find_class(self, module, name):
        raise pickle.UnpicklingError(f"{module}.{name} in a list of names")


def pickled_names(pickled):
    """Names of the columns of a block, that pandas keeps as a pickled list."""
    try:
        return [str(name) for name in Unpickler(io.BytesIO(bytes(pickled))).load()]
    except Exception:  # no such attribute, or whatever a damaged one leads to
        return []


def astropy_units(meta):
    """Units by column name out of the YAML that astropy stores beside a table."""
    if not isinstance(meta, h5py.Dataset):
        return {}
    try:
        from astropy.table.meta import get_header_from_yaml

        header = get_header_from_yaml(texts(meta[()]))
        return {column["name"]: str(column["unit"]) for column in header["datatype"]
                if "unit" in column}
    except Exception:  # no astropy or YAML, or damaged: units are worth having, no more
        return {}


def frame_columns(group):
    columns = {}
    for name, items in group.items():
        values = group.get(re.sub("_items$", "_values", name))
        if re.fullmatch("block[0-9]+_items", name) and isinstance(values, h5py.Dataset) \
                and values.ndim == 2 and values.dtype.kind in NUMBERS:
            columns.update(block_columns(values, texts(items[()])))
    return columns
