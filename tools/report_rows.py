"""The rows that a report shows: some of all parts of the catalogue, as numbers for its page."""
import base64

import numpy as np

from catalogue import reading
from check_rows import sample_rows, sampled
from result import margins
from samples import Samples, find_ranges, positions, split_items

SHOWN_ROWS = 20000
SHOWN_COLUMNS = 6
STEPS = 65535  # of a value between the ends of its axis; it is shown with their precision


def sample_catalogue(fit, catalogue, wanted):
    """What the page draws, ready for JSON."""
    items = fit.features[:SHOWN_COLUMNS] if wanted is None else split_items(wanted, "-c")
    samples = Samples(fit, catalogue, items)
    numbers, values, labels = read_some(samples)
    ranges = find_ranges(values)
    inside = ((values >= ranges[:, 0]) & (values <= ranges[:, 1])).all(axis=1)
    numbers, values, labels = numbers[inside], values[inside], labels[inside]
    medians = np.array([np.median(values[labels == c], axis=0) if (labels == c).any() else
                        np.full(values.shape[1], np.nan) for c in range(samples.n_clusters)])
    low, high = ranges.T
    steps = np.round((values - low) / (high - low) * STEPS).astype("<u2")
    return {
        "names": samples.names, "units": samples.units, "ranges": ranges.tolist(),
        "downwards": samples.downwards,
        "values": [encode(column) for column in steps.T], "labels": encode(labels.astype("<i4")),
        "rows": encode(numbers.astype("<f8")), "ids": read_ids(fit, numbers),
        "margins": read_margins(fit, numbers), "n_rows": int(fit.sizes.sum()),
        "places": [[None if np.isnan(x) else x for x in place]
                   for place in positions(samples, fit, medians).tolist()]}


def read_some(samples):
    """Numbers, values and labels of some rows with a cluster and all values."""
    found, first = [], 0
    for path, columns in samples.tables:
        n_rows = columns[0].n_rows
        rows = sample_rows(n_rows, max(1, SHOWN_ROWS * n_rows // max(samples.n_rows, 1)))
        with reading(path):
            values = np.stack([sampled(rows, column.read_floats) for column in columns], axis=1)
        labels = sampled(rows, lambda run, first=first:
                         samples.read_labels(first + run.start, first + run.stop))
        is_seen = (labels >= 0) & np.isfinite(values).all(axis=1)
        found.append((first + rows[is_seen], values[is_seen], labels[is_seen]))
        first += n_rows
    samples.check_any(sum(len(rows) for rows, _, _ in found))
    return tuple(np.concatenate(parts) for parts in zip(*found))


def read_ids(fit, numbers):
    """Ids of rows as texts; none if the result has none."""
    node = fit.file.get("ids")
    if node is None:
        return None
    values = sampled(numbers, node.__getitem__)
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            for value in values.tolist()]


def read_margins(fit, numbers):
    """The distance to the own center, as a share of that to the second nearest one."""
    if not {"distances", "second_distance"} <= set(fit.file):
        return None
    own, second = (sampled(numbers, fit.file[name].__getitem__)
                   for name in ("distances", "second_distance"))
    return encode(margins(own, second).astype("<f4"))


def encode(values):
    return base64.b64encode(values.tobytes()).decode("ascii")
