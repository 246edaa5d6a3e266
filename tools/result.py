"""Results of skymeans fit and predict, and the catalogue that one is about."""
import collections
import contextlib
import itertools
import os

import h5py
import numpy as np

import finder
from catalogue import ComputedColumn, StoredColumn, open_hdf5, read_together, reading, text, texts
from command import DATA, Failure
from conventions import PLAIN, Treatment

MOST_ASKED = 50  # features that are asked for one by one, where some are no columns

# What /files says of a file that the rows were in.
Labelled = collections.namedtuple("Labelled", "name rows n_bytes time")
# Rows of one table of a file, which -d calls `table`; `features` are those that are columns there.
Part = collections.namedtuple("Part", "number path file table n_rows features")


class Result:
    """What the tools take from a result; what has a value a row stays in the file."""

    def __init__(self, path, file):
        self.path, self.file = path, file
        with reading(path):
            self.labels = self.dataset("labels", (1,), "i", "give a file written by skymeans fit or "
                                                            "predict")
            self.n_rows = len(self.labels)
            self.centers, self.features, self.units = self.read_centers()
            self.files, self.table = self.read_files(), self.said("dataset")
            self.is_transposed = bool(self.number("transposed"))
            self.id_column = self.said("id_column")
            self.model = Model(path, file["model"], self) if has_model(file) else self.read_model()
            self.items = self.list_items()

    def dataset(self, name, dimensions, kinds, advice):
        node = self.file.get(name)
        if not isinstance(node, h5py.Dataset) or node.ndim not in dimensions \
                or node.dtype.kind not in kinds:
            raise Failure(DATA, f"not a result ({self.path}): it has no /{name}; {advice}")
        return node

    def read_centers(self):
        node = self.file.get("centers")
        if not isinstance(node, h5py.Dataset) or node.ndim != 2 or node.dtype.kind not in "if":
            return None, [], []
        features = texts(node.attrs.get("features", ()))
        units = texts(node.attrs.get("units", ()))
        return node[:], features, units + [""] * (len(features) - len(units))

    def said(self, name, place="provenance"):
        """A text among the attributes of an object; None if there is none, or an empty one."""
        node = self.file.get(place)
        value = node.attrs.get(name) if node is not None else None
        return text(value) or None if isinstance(value, (str, bytes)) else None

    def number(self, name, place="provenance"):
        """The same of a whole number."""
        node = self.file.get(place)
        value = node.attrs.get(name) if node is not None else None
        return int(value) if isinstance(value, np.integer) else None

    def read_files(self):
        """The files that the result is about, if it says so."""
        files = self.file.get("files")
        if not isinstance(files, h5py.Group) or not {"name", "rows"} <= set(files):
            return []
        names = texts(files["name"][:])
        numbers = {name: files[name] for name in ("rows", "bytes", "time") if name in files}
        if any(node.shape != (len(names),) or node.dtype.kind not in "iu"
               for node in numbers.values()):
            raise Failure(DATA, f"not a result ({self.path}, /files): its parts do not agree; the "
                                "file is damaged")
        lists = [numbers[name][:].tolist() if name in numbers else [None] * len(names)
                 for name in ("rows", "bytes", "time")]
        return [Labelled(*each) for each in zip(names, *lists)]

    def read_model(self):
        """Of a result of predict by an older version, which did not store it: that of the fit, if it
        is where it was, and has these centers."""
        path = self.said("model")
        if path is None or self.centers is None or not os.path.isfile(path):
            return None
        with contextlib.suppress(OSError), h5py.File(path, "r") as file:
            if has_model(file) and np.array_equal(file["centers"][:], self.centers):
                return Model(path, file["model"], self)
        return None

    def list_items(self):
        """The features as -c takes them. A plus sign keeps an expression from being taken for the name
        of a column."""
        expressions = self.model.expressions if self.model else []
        return [f"x=+{expression}" if expression else finder.as_item(name) for name, expression
                in itertools.zip_longest(self.features, expressions, fillvalue="")]

    def treatment(self, feature=None):
        """How the fit read a feature, what one is computed from, or any other column."""
        if self.model is None:
            return PLAIN
        names = self.features + self.model.inputs
        numbers = {-1, *(i for i, name in enumerate(names) if name == feature)}
        numbers = numbers if feature in names else set()
        missing = [value for number, value in self.model.missing if number in numbers]
        return Treatment(self.model.is_raw, self.model.fill_is_missing, tuple(missing),
                         self.model.precision)


def has_model(file):
    model = file.get("model")
    return isinstance(model, h5py.Group) and {"centers", "offset", "factor"} <= set(model) \
        and isinstance(file.get("centers"), h5py.Dataset)


class Model:
    """How a fit saw its rows: as (feature - offset) * factor / 2^exponent."""

    def __init__(self, path, group, result):
        attributes = group.attrs
        self.is_raw = bool(attributes.get("raw", 0))
        self.fill_is_missing = bool(attributes.get("fill_is_missing", 0))
        self.precision = text(attributes.get("precision", "float64"))
        self.exponent = int(attributes.get("exponent", 0))
        self.offset, self.factor = group["offset"][:], group["factor"][:]
        self.centers = group["working_centers"][:] if "working_centers" in group else \
            np.ldexp(group["centers"][:], -self.exponent)
        self.prices = np.ldexp(group["prices"][:], -2 * self.exponent) if "prices" in group \
            else np.zeros(len(self.centers))
        self.expressions, self.inputs = (texts(group[name][:]) if name in group else []
                                         for name in ("expressions", "inputs"))
        features, values = np.zeros(0, int), np.zeros(0)
        if "missing_values" in group:
            features, values = (group["missing_values"][name][:] for name in ("feature", "value"))
        if not self.is_right(len(result.features)) or features.ndim != 1 or \
                features.shape != values.shape or features.dtype.kind + values.dtype.kind != "if":
            raise Failure(DATA, f"not a result ({path}, /model): its parts do not agree; "
                                "the file is damaged")
        self.missing = list(zip(features.tolist(), values.tolist()))

    def is_right(self, n_features):
        kinds = {values.dtype.kind for values in (self.centers, self.offset, self.factor)}
        return kinds == {"f"} and self.centers.ndim == 2 and \
            self.centers.shape[1] == n_features and self.prices.shape == self.centers.shape[:1] and \
            self.offset.shape == self.factor.shape == (n_features,) and \
            len(self.expressions) in (0, n_features) and \
            self.precision in ("float32", "float64")


def margins(own, second):
    """Distances to the own center as shares of those to the second nearest one."""
    with np.errstate(all="ignore"):
        return np.where(second > 0, own / second, np.nan)


# --- the catalogue ------------------------------------------------------------------------------

class Catalogue:
    """The files of a catalogue as a result is about them: `parts` in the order of their rows."""

    def __init__(self, result, paths, options, stack):
        self.result, self.stack = result, stack
        self.is_transposed = options.transpose or result.is_transposed
        self.dataset = options.dataset or result.table
        self.opened, self.paths, self.parts = {}, [], []
        for number, path in enumerate(paths):
            self.parts += self.parts_of(path, number, len(paths))

    def open(self, path):
        if path not in self.opened:
            self.opened[path] = open_hdf5(path, self.stack)
        return self.opened[path]

    def ask(self, path, name):
        """What the program says of a table and the features in it; of the table alone, if some
        are none there or their names are too long for one question."""
        groups = list(finder.groups(self.result.items))
        if len(groups) == 1:
            try:
                return finder.look(path, name, ",".join(groups[0]), self.is_transposed)
            except Failure as failure:
                if failure.code != DATA:
                    raise
        return finder.look(path, name, None, self.is_transposed)

    def parts_of(self, path, number, n_paths):
        """Tables of one file; none if the fit found none in it."""
        file, files = self.open(path), self.result.files
        try:
            answer = self.ask(path, self.dataset)
            names = finder.tables_of(answer, self.dataset)
            if len(names) == 1:
                return [self.part_of(number, path, file, self.dataset, answer)]
            return [self.part_of(number, path, file, name, self.ask(path, name)) for name in names]
        except Failure as failure:
            if failure.code == DATA and len(files) == n_paths and files[number].rows == 0:
                return [Part(number, path, file, None, 0, {})]
            raise

    def part_of(self, number, path, file, name, answer):
        table = finder.table_of(answer)
        features = self.find_features(path, name, answer, table)
        if not features and table is None:  # the program knows why
            finder.look(path, name, "0", self.is_transposed)
            raise Failure(DATA, f"which table ({path}): there are several, and the result does not "
                                "say which it is; choose one with -d")
        n_rows = next(iter(features.values()))["rows"] if features else table["rows"]
        return Part(number, path, file, name, n_rows, features)

    def find_features(self, path, name, answer, table):
        """The features that are columns of a table."""
        wanted = self.result.features
        items = self.result.items
        chosen = finder.selected(answer)
        if len(chosen) == len(wanted) and all(
                found["name"] == feature or found["computed"]
                for found, feature in zip(chosen, wanted)):
            return dict(zip(wanted, chosen))
        try:
            return dict(zip(wanted, finder.select(path, name, items, self.is_transposed)))
        except Failure as failure:
            # Where no column can be had the table may be why.
            if wanted and (table is None or (table["flaw"] and not table["needs_columns"])):
                raise
            if failure.code != DATA or not 1 < len(wanted) <= MOST_ASKED:
                return {}
        found = {feature: column for feature, item in zip(wanted, items)
                 for column in self.find_feature(path, name, item)}
        n_rows = next((column["rows"] for column in found.values()), 0)
        return {feature: column for feature, column in found.items() if column["rows"] == n_rows}

    def find_feature(self, path, name, item):
        try:
            return finder.select(path, name, [item], self.is_transposed)
        except Failure:
            return []

    def column(self, part, found, feature=None):
        if found.get("computed"):
            column = ComputedColumn(part.file, found, self.result.treatment, self.open)
            column.name = feature or column.name
        else:
            column = StoredColumn(part.file, found, self.result.treatment(feature), self.open)
        self.paths += column.paths
        return column

    def features(self, part, wanted):
        return [self.column(part, found, name) for name, found in self.find(part, wanted)]

    def find(self, part, wanted):
        """(name, found) of some features in a part; the program says why one is no column."""
        absent = [feature for feature in wanted if feature not in part.features]
        if absent:
            finder.select(part.path, part.table, self.result.items, self.is_transposed)
            raise Failure(DATA, f"no such column ({part.path}, column {absent[0]}): not one of all "
                                "rows; give the catalogue of the fit")
        return [(feature, part.features[feature]) for feature in wanted]


def as_array(columns, rows, precision):
    """Values of some rows [rows][columns] in the precision of a fit, NaN where one is missing."""
    with np.errstate(over="ignore"):
        return read_together(columns, rows).astype(precision).astype(np.float64)
