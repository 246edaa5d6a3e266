"""The rows of a catalogue that are drawn: values of some columns, and the label of each row."""
import itertools

import numpy as np

from catalogue import choose_columns, reading, slices, split_list
from command import DATA, USAGE, Failure, some_files
from magnitudes import goes_down

PIECE_ROWS = 1 << 20     # rows in memory at a time
SAMPLE_ROWS = 1 << 20    # rows that the axis ranges are taken from
QUANTILES = (0.001, 0.999)  # the axes show these of the rows whatever their outliers are,
REACH = 0.2              # further rows as far out as this part of their range,
MARGIN = 0.03            # and some air


def split_items(wanted, option):
    items = split_list(wanted)
    if "" in items:
        raise Failure(USAGE, f"bad command line: empty name in {option}; separate names by single "
                             "commas")
    return items


def find_columns(catalogue, part, items, features):
    """(name, found) of columns of a part: some features by their names, `features` for all, and what
    else -c of a fit would take."""
    features = {"features": catalogue.result.features, **{name: [name] for name in features}}
    found = []
    for is_feature, group in itertools.groupby(items, features.__contains__):
        if is_feature:
            found += catalogue.find(part, [name for item in group for name in features[item]])
            continue
        chosen = choose_columns(part.path, part.table, list(group), catalogue.is_transposed)
        found += [(each["name"], each) for each in chosen]
    return found


def columns_of(catalogue, part, items):
    return [catalogue.column(part, found, name)
            for name, found in find_columns(catalogue, part, items, catalogue.result.features)]


class Samples:
    """Some columns of all rows of all catalogue files, with their labels."""

    def __init__(self, result, catalogue, items):
        self.labels, self.n_clusters = result.labels, len(result.centers)
        self.tables = [(part.path, columns_of(catalogue, part, items))
                       for part in catalogue.parts if part.n_rows]
        self.check_columns(catalogue)
        columns = self.tables[0][1] if self.tables else []
        self.names = [column.name for column in columns]
        self.units = [self.unit_of(result, column) for column in columns]
        self.downwards = list(map(goes_down, columns, self.units))
        self.n_rows = result.n_rows

    def check_columns(self, catalogue):
        paths = some_files(part.path for part in catalogue.parts)
        if not self.tables:
            raise Failure(DATA, f"nothing to draw ({paths}): no row; check the catalogue")
        if len({len(columns) for _, columns in self.tables}) > 1:
            raise Failure(DATA, f"other columns ({paths}): a name stands for several columns in one "
                                "of them; name them one by one")
        for path, columns in self.tables:
            for column in columns:
                if not column.is_number:
                    raise Failure(DATA, f"not a number ({path}, column {column.name}): it can't be "
                                        "drawn; choose others")

    @staticmethod
    def unit_of(result, column):
        known = dict(zip(result.features, result.units))
        return known.get(column.name) or column.unit or ""

    def pieces(self):
        """Values [rows][columns] and labels [rows] of one bounded piece after the other."""
        first = 0
        for path, columns in self.tables:
            n_rows = columns[0].n_rows
            for rows in slices(n_rows, PIECE_ROWS):
                with reading(path):
                    values = np.stack([column.read_floats(rows) for column in columns], axis=1)
                yield values, self.read_labels(first + rows.start, first + rows.stop)
            first += n_rows

    def read_labels(self, start, stop):
        labels = self.labels[start:stop]
        if not np.all((labels >= -1) & (labels < self.n_clusters)):
            raise Failure(DATA, "bad label (/labels): not the number of a cluster; "
                                "the result is damaged")
        return labels

    @staticmethod
    def check_any(n_rows):
        if not n_rows:
            raise Failure(DATA, "nothing to draw (/labels): no row of the result has a cluster and "
                                "a value; check the fit")

    def survey(self):
        """[columns][low, high] of the clustered rows without outliers, with a margin; and the median
        of each cluster [k][columns]; both from a sample of rows."""
        step = -(-self.n_rows // SAMPLE_ROWS) or 1
        pieces = [(values[::step], labels[::step]) for values, labels in self.pieces()]
        values, labels = (np.concatenate(parts) for parts in zip(*pieces))
        is_seen = (labels >= 0) & np.isfinite(values).all(axis=1)
        values, labels = values[is_seen], labels[is_seen]
        self.check_any(len(values))
        medians = np.full((self.n_clusters, values.shape[1]), np.nan)
        order = np.argsort(labels, kind="stable")
        found, starts = np.unique(labels[order], return_index=True)
        for cluster, members in zip(found, np.split(order, starts[1:])):
            medians[cluster] = np.median(values[members], axis=0)
        return find_ranges(values), medians


def find_ranges(values):
    low, high = np.quantile(values, QUANTILES, axis=0)
    reach = REACH * (high - low)
    low = np.maximum(low - reach, values.min(axis=0))
    high = np.minimum(high + reach, values.max(axis=0))
    margin = np.where(high > low, MARGIN * (high - low), 0.5)
    return np.stack([low - margin, high + margin], axis=1)


def positions(samples, result, medians):
    """Where each cluster is marked [k][columns]: at its center, and in columns that are no features at
    the median of its rows."""
    places = medians.copy()
    for i, name in enumerate(samples.names):
        if name in result.features:
            places[:, i] = result.centers[:, result.features.index(name)]
    return places
