"""Rows in Python's memory, as the library takes them: without a copy where they are float32 or
float64 in this machine's byte order, with any strides."""
from __future__ import annotations

import ctypes
from typing import Any, Optional, Sequence

import numpy as np

from . import library

FEW_BITS = np.dtype(np.float16), np.dtype(np.float32)
# Of pandas' own types with NAs those for which float32 is enough.
FEW_BITS_OF_PANDAS = "float32", "int8", "uint8", "int16", "uint16", "boolean"


class Rows:
    """n rows of d features, as one array [n][d] or as d columns [n]; of one type, float32 or float64.
    A value that is masked, NA, NaT or None is NaN."""

    def __init__(self, X: Any, dtype: Optional[np.dtype] = None):
        """Of an array, a pandas DataFrame, an astropy Table or a structured array; in the precision
        that its types need, or in `dtype`."""
        named = _columns_of(X)
        if named is None:
            self.names, self.columns = _names_of(X), None
            self.table = _as_table(X, dtype)
            self.shape, self.dtype = self.table.shape, self.table.dtype
        else:
            self.names, columns = named
            _check_lengths(columns)
            plain = [_numbers(*each) for each in zip(self.names or range(len(columns)), columns)]
            self.dtype = dtype or _precision([column.dtype for column in plain])
            self.columns = _alike([_converted(column, self.dtype) for column in plain])
            self.shape = (len(X), len(columns))

    def column(self, number: int) -> np.ndarray:
        """The values of a feature [n], not to be changed."""
        return self.table[:, number] if self.columns is None else self.columns[number]

    def struct(self, weights: Optional[np.ndarray]) -> library.Rows:
        """For the library; valid as long as this object and the weights [n] are."""
        n, d = self.shape
        rows = library.Rows(n_rows=n, n_features=d, type=self._type())
        if self.columns is None:
            rows.values = self.table.ctypes.data
            rows.row_stride, rows.feature_stride = self.table.strides
        else:
            places = (ctypes.c_void_p * d)(*(column.ctypes.data for column in self.columns))
            rows.columns = ctypes.cast(places, ctypes.POINTER(ctypes.c_void_p))
            rows.row_stride = self.columns[0].strides[0]
        if weights is not None:
            rows.weights, rows.weight_stride = weights.ctypes.data, weights.strides[0]
        return rows

    def _type(self) -> int:
        return library.FLOAT32 if self.dtype == np.float32 else library.FLOAT64


def take_weights(sample_weight: Any, n: int) -> Optional[np.ndarray]:
    """float64 [n], from as many numbers or one for all; None if there are none. NaN where masked or NA,
    which the library refuses."""
    if sample_weight is None:
        return None
    weights = _converted(_plain(sample_weight), np.dtype(np.float64))
    if weights.ndim == 0:
        return np.full(n, weights)
    if weights.shape != (n,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(n,)}!")
    return weights


def _columns_of(X: Any) -> Optional[tuple[Optional[list], Sequence]]:
    """Names and columns of a table; None if it is none."""
    if hasattr(X, "colnames") and hasattr(X, "itercols"):  # astropy
        return list(X.colnames), list(X.itercols())
    if hasattr(X, "iloc") and hasattr(X, "columns"):  # pandas
        return _texts(X.columns), [X.iloc[:, i] for i in range(X.shape[1])]
    if isinstance(X, np.ndarray) and X.dtype.names:
        return list(X.dtype.names), [X[name] for name in X.dtype.names]
    return None


def _names_of(X: Any) -> Optional[list]:
    """Of the columns of something else that has them, as xarray's or polars' tables."""
    return _texts(X.columns) if hasattr(X, "columns") and hasattr(X, "__array__") else None


def _texts(names: Any) -> Optional[list]:
    """Names, if all of them are texts."""
    found = list(names)
    return found if found and all(isinstance(name, str) for name in found) else None


def _check_lengths(columns: Sequence) -> None:
    for column in columns:
        if np.ndim(column) != 1:
            raise ValueError(f"column {getattr(column, 'name', '')!r} has {np.ndim(column)} dimensions, "
                             "not one; give each of its elements as a column")


def _numbers(name: Any, column: Any) -> np.ndarray:
    """A column as numbers; what is said against it names it."""
    try:
        array = _plain(column)
        return array if array.dtype.kind in "fiub" else _converted(array, np.dtype(np.float64))
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"column {name!r}: {error}") from error


def _plain(values: Any) -> np.ndarray:
    """Without units, masks, NAs or NaTs, which become NaN; a view where nothing is masked."""
    mask = getattr(values, "mask", None)
    mask = None if callable(mask) else mask  # pandas has methods of this name
    if hasattr(values, "unmasked"):  # astropy's Masked
        values = values.unmasked
    elif isinstance(values, np.ma.MaskedArray):
        values = values.data
    elif hasattr(values, "to_numpy") and not _is_of_numpy(values):
        return _from_pandas(values)
    array = np.asarray(values)
    if array.dtype.kind in "mM":
        mask = np.isnat(array) | (False if mask is None else mask)
    if mask is None or not np.any(mask):
        return array
    array = array.astype(_precision([array.dtype]))
    array[np.asarray(mask)] = np.nan
    return array


def _is_of_numpy(values: Any) -> bool:
    """Has it one of NumPy's own types of numbers? Objects may be pandas' NA."""
    dtype = getattr(values, "dtype", None)
    return isinstance(dtype, np.dtype) and dtype.kind != "O"


def _from_pandas(values: Any) -> np.ndarray:
    """Of one of pandas' own types (Float32, Int64, boolean, objects), which may have NAs, or of a table."""
    if not hasattr(values, "isna") or values.ndim != 1:
        return values.to_numpy()
    if isinstance(values.dtype, np.dtype):  # objects
        values = values.where(values.notna(), np.nan)
    is_short = str(values.dtype).lower() in FEW_BITS_OF_PANDAS
    return values.to_numpy(dtype=np.float32 if is_short else np.float64, na_value=np.nan)


def _precision(dtypes: Sequence[np.dtype]) -> np.dtype:
    """float32 if all values are float32 or integers of at most 16 bits, else float64: the rule of the
    program."""
    for dtype in dtypes:
        is_small = dtype.newbyteorder("=") in FEW_BITS or (dtype.kind in "iub" and dtype.itemsize <= 2)
        if not is_small:
            return np.dtype(np.float64)
    return np.dtype(np.float32)


def _converted(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """In a precision; the array itself if it has it. A stride of 0 would mean something else to the
    library."""
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{array}\n")
    if array.size > 0 and 0 in array.strides:
        array = np.ascontiguousarray(array)
    return array.astype(dtype, copy=False)


def _alike(columns: list) -> list:
    """Columns that have one stride: copies of those that are not contiguous, if they differ."""
    strides = {column.strides[0] for column in columns}
    return columns if len(strides) == 1 else [np.ascontiguousarray(column) for column in columns]


def _as_table(X: Any, dtype: Optional[np.dtype]) -> np.ndarray:
    if hasattr(X, "toarray"):
        raise TypeError("A sparse matrix was passed, but dense data is required. Use X.toarray() to "
                        "convert to a dense numpy array.")
    array = _plain(X)
    if array.ndim != 2:
        raise ValueError(f"Expected 2D array, got {'scalar' if array.ndim == 0 else f'{array.ndim}D'} "
                         f"array instead:\narray={array}.\nReshape your data: a row a sample, a column "
                         "a feature, also if there is one only.")
    return _converted(array, dtype or _precision([array.dtype]))
