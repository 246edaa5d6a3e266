"""Tables of HDF5 files as skymeans finds them, for an import into its own layout."""
import contextlib

import numpy as np

import finder
import pieces
from catalogue import StoredColumn, elements, open_hdf5, reading, slices
from command import DATA, Failure, some_of
from conventions import PLAIN


def hdf5_reader(path, request):
    table = find_table(path, request)
    n_rows = table["rows"]
    found = [each for column in table["columns"]
             for each in (elements(column) if column["name"] is None else [column])
             if each["rows"] == n_rows or not each["is_numeric"]]
    names = [each["name"] for each in found]
    found = [each for each in found if request.wanted is None or each["name"] in request.wanted]
    if not found and names:
        raise Failure(DATA, f"no such column ({path}, {some_of(sorted(request.wanted))}): the "
                            f"columns are {some_of(names)}; correct the name")

    def read():
        with contextlib.ExitStack() as stack:
            file = open_hdf5(path, stack)
            columns = [StoredColumn(file, each, PLAIN, None, is_whole=True) for each in found]
            columns = [column for column in columns if column.n_rows == n_rows]
            row_bytes = sum(max(column.dtype.itemsize, 8) for column in columns) or 1
            size = max(1, pieces.PIECE_BYTES // row_bytes)
            for rows in slices(n_rows, size) or [slice(0, 0)]:
                with reading(path):
                    piece = {column.name: as_column(column, rows) for column in columns}
                yield rows.stop / max(n_rows, 1), piece, []

    return read


def find_table(path, request):
    """The only table of the file, or that of --dataset."""
    answer = finder.look(path, request.dataset, None, request.is_transposed)
    table = finder.table_of(answer)
    if table is None:  # the program says which there are
        finder.look(path, request.dataset, "0", request.is_transposed)
        raise Failure(DATA, f"which table ({path}): there are several; choose one with --dataset")
    return table


def as_column(column, rows):
    """With its unit and description; None if it has neither numbers nor texts."""
    if not column.is_number and not column.is_text:
        return None
    return Described(in_words(column.read(rows)), column.unit, column.description)


def in_words(values):
    """Texts that netCDF stores letter by letter (NC_CHAR), as one a row."""
    if values.ndim != 2 or values.dtype != "S1" or not values.shape[1]:
        return values
    return np.char.rstrip(np.ascontiguousarray(values).view(f"S{values.shape[1]}")[:, 0])


class Described:
    """Values with what is known of them; a unit is a text, which astropy need not know."""

    def __init__(self, values, unit, description):
        self.values, self.unit, self.description = values, unit, description
        self.mask = np.ma.getmaskarray(values)

    def __array__(self, *types):
        return np.asarray(np.ma.getdata(self.values), *types)
