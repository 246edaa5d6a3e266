"""ECSV whose rows are those of a CSV file, as the Gaia archive has them (in files called .csv.gz): its
header says names, types, units and descriptions. Rows are then read in pieces."""
import collections

import numpy as np
from astropy.table import MaskedColumn
from astropy.table.meta import get_header_from_yaml

from pieces import read_table

MAGIC = b"# %ECSV"
TRUTHS = {"True": True, "False": False}

# Of a header: what it says of each column, and its bytes and lines; is_csv: rows have commas, and
# one value a column.
Header = collections.namedtuple("Header", "columns bytes lines is_csv")


def read_header(path, file):
    """None if there is none."""
    lines, line = [], file.readline(len(MAGIC))
    if line != MAGIC:
        return None
    line += file.readline()
    while line.startswith(b"#"):
        lines.append(line)
        line = file.readline()
    said = read_table(path, lambda: get_header_from_yaml(
        [line.decode("utf-8").rstrip()[2:] for line in lines[1:]]))[0]
    columns = said["datatype"]
    is_csv = said.get("delimiter") == "," and not any("subtype" in each for each in columns)
    return Header(columns, sum(map(len, lines)), len(lines), is_csv)


def texts(header):
    """Columns that are read as texts: also large integers, which a reader would round."""
    return [each["name"] for each in header.columns
            if each["datatype"] in ("string", "bool", "uint64")]


def as_declared(table, header):
    """The columns in the types of the header."""
    names = [each["name"] for each in header.columns]
    if names != table.colnames:
        raise ValueError(f"columns are {' '.join(table.colnames)}, and in the header {' '.join(names)}")
    return {each["name"]: column_as_declared(table[each["name"]], each) for each in header.columns}


def column_as_declared(column, said):
    values, dtype = np.asarray(column), said["datatype"]
    mask = np.broadcast_to(getattr(column, "mask", False), values.shape)
    if dtype == "bool":
        values = np.array([hidden or TRUTHS[value] for value, hidden in zip(values, mask)], bool)
    elif dtype != "string":
        typed = np.zeros(values.shape, dtype)
        typed[~mask] = values[~mask].astype(dtype)
        if typed.dtype.kind in "iu" and values.dtype.kind in "iuf" and (typed != values)[~mask].any():
            raise ValueError(f"{said['name']} has values that are no {dtype}")
        values = typed
    return MaskedColumn(values, mask=mask, unit=said.get("unit"),
                        description=said.get("description"))
