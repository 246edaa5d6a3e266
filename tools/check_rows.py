"""Are these the rows that a result labels? Ids, where the result has them, and else the features
themselves must fit the labels."""
import os

import numpy as np

import finder
from catalogue import StoredColumn, reading, slices
from command import DATA, Failure, some_files, warn
from conventions import PLAIN
from result import as_array

SAMPLED = 1000             # rows all over the catalogue,
LEAST_SAMPLED = 10         # and of each of its tables,
RUN_ROWS = 10              # so many side by side, which cost one read
WORKING_VALUES = 1 << 22   # of distances at a time
ROUNDINGS = 64             # that a distance may be off by, in units of the precision
ID_COLUMNS = 100           # that are compared with the ids, at most
PIECE_ROWS = 1 << 20


def check_rows(catalogue, is_forced):
    """A Failure, or only a warning if `is_forced`, where rows of the catalogue are not those of the
    result. Numbers of rows must agree. The name of the column that has the ids of the result, or
    None."""
    check_counts(catalogue)
    try:
        check_order(catalogue)
        ids = find_ids(catalogue)
        if ids is None:
            check_features(catalogue)
        return ids
    except Failure as failure:
        if failure.code != DATA:
            raise
        if not is_forced:
            raise Failure(DATA, f"{failure}; --force goes on all the same") from failure
        warn(str(failure))
        return None


def advice(result):
    names = some_files((file.name for file in result.files), " ")
    return "give the files of the fit in its order" + (f": {names}" if names else "")


def rows_of_files(catalogue):
    """(path, number of rows) of each file."""
    found = {}
    for part in catalogue.parts:
        found.setdefault((part.number, part.path), []).append(part.n_rows)
    return [(path, sum(rows)) for (_, path), rows in found.items()]


def check_counts(catalogue):
    result, given = catalogue.result, rows_of_files(catalogue)
    if len(result.files) == len(given):
        for (path, rows), file in zip(given, result.files):
            if rows != file.rows:
                raise Failure(DATA, f"other rows ({path}): it has {rows}, and {file.name} had "
                                    f"{file.rows} when it was labelled; {advice(result)}")
    n_rows = sum(rows for _, rows in given)
    if n_rows != result.n_rows:
        raise Failure(DATA, f"other rows ({some_files(path for path, _ in given)}): the result "
                            f"labels {result.n_rows} rows, the catalogue has {n_rows}; "
                            f"{advice(result)}")


def check_order(catalogue):
    given = [path for path, _ in rows_of_files(catalogue)]
    names = [list(map(os.path.basename, paths))
             for paths in (given, [file.name for file in catalogue.result.files])]
    if names[0] != names[1] and sorted(names[0]) == sorted(names[1]):
        raise Failure(DATA, f"other order ({some_files(given)}): labels would go to wrong rows; "
                            f"{advice(catalogue.result)}")


# --- a sample of rows ---------------------------------------------------------------------------

def sample_rows(n_rows, n_sampled):
    """Numbers of rows: all, if they are few, else some, in runs from the first to the last one."""
    if n_rows <= n_sampled:
        return np.arange(n_rows)
    n_runs = max(2, n_sampled // RUN_ROWS)
    starts = np.linspace(0, n_rows - RUN_ROWS, n_runs).astype(np.int64)
    rows = (starts[:, None] + np.arange(RUN_ROWS)).ravel()
    return np.unique(rows[(rows >= 0) & (rows < n_rows)])


def runs(rows):
    """Slices that cover these rows, which increase; neighbours are read together."""
    if not len(rows):
        return []
    ends = np.flatnonzero(np.diff(rows) > 1) + 1
    return [slice(int(part[0]), int(part[-1]) + 1) for part in np.split(rows, ends)]


def sampled(rows, read):
    """What read() gives for these rows, in one array."""
    return np.concatenate([read(run) for run in runs(rows)])


def places(catalogue):
    """(part, its first row in the catalogue, its sampled rows) of each part with rows. Each has
    some, however many there are."""
    first, n_rows = 0, max(catalogue.result.n_rows, 1)
    for part in catalogue.parts:
        if part.n_rows:
            n_sampled = max(LEAST_SAMPLED, SAMPLED * part.n_rows // n_rows)
            yield part, first, sample_rows(part.n_rows, n_sampled)
        first += part.n_rows


# --- features -----------------------------------------------------------------------------------

def check_features(catalogue):
    """Each sampled row has the label of the center that is nearest to its features, or -1 if one of
    them is missing."""
    result = catalogue.result
    known = all(set(result.features) <= set(part.features) for part in catalogue.parts
                if part.n_rows)
    if result.model is None or not result.features or not known:
        check_sizes(catalogue)
        return
    for part, first, rows in places(catalogue):
        with reading(part.path):
            columns = catalogue.features(part, result.features)
            values = sampled(rows, lambda run, columns=columns: as_array(
                columns, run, result.model.precision))
        with reading(result.path):
            labels = sampled(rows, lambda run, first=first: result.labels[
                first + run.start:first + run.stop])
        check_part(result, part, rows, values, labels)


def check_part(result, part, rows, values, labels):
    if result.said("where") is not None:  # rows without a label may be those that it left out
        chosen = labels >= 0
        rows, values, labels = rows[chosen], values[chosen], labels[chosen]
    is_missing = ~np.isfinite(values).all(axis=1)
    for wrong, what in ((is_missing & (labels >= 0), "misses a feature, and has a label"),
                        (~is_missing & (labels < 0), "misses no feature, and has no label")):
        if wrong.any():
            refuse(result, part, rows[np.argmax(wrong)], f"it {what}", wrong.mean())
    is_used = ~is_missing & (labels < len(result.model.centers))
    nearest, is_wrong = find_wrong(result.model, values[is_used], labels[is_used])
    if is_wrong.any():
        i = np.argmax(is_wrong)
        refuse(result, part, rows[is_used][i], f"its label is {labels[is_used][i]}, and its "
               f"features are nearest to center {nearest[i]}", is_wrong.mean())


def refuse(result, part, row, what, share):
    raise Failure(DATA, f"labels do not fit the rows ({part.path}, row {row}): {what}, as it is with "
                        f"{100 * share:.3g} % of the sampled rows, so that the catalogue is another "
                        f"one, was changed, or is in another order; {advice(result)}")


def find_wrong(model, values, labels):
    """The nearest center of each row, and whether the one of its label is farther away, by more than
    roundings."""
    nearest = np.zeros(len(values), np.int64)
    is_wrong = np.zeros(len(values), bool)
    n_centers, n_features = model.centers.shape
    step = max(1, WORKING_VALUES // (n_centers * n_features))
    with np.errstate(all="ignore"):
        samples = np.ldexp((values - model.offset) * model.factor, -model.exponent)
        reach = np.ldexp((np.abs(values) + np.abs(model.offset)) * np.abs(model.factor),
                         -model.exponent)
        unit = max(np.abs(samples).max(initial=0), np.abs(model.centers).max()) or 1.0
        centers = model.centers / unit
        for first in range(0, len(values), step):
            part = slice(first, first + step)
            differences = samples[part, None, :] / unit - centers
            distances = np.sqrt((differences ** 2).sum(axis=2) + model.prices / unit ** 2)
            nearest[part] = distances.argmin(axis=1)
            own = distances[np.arange(len(distances)), labels[part]]
            slack = reach[part].max(axis=1) / unit + np.abs(centers).max()
            slack *= ROUNDINGS * np.finfo(model.precision).eps * np.sqrt(n_features)
            is_wrong[part] = own > distances.min(axis=1) + slack
    return nearest, is_wrong


def check_sizes(catalogue):
    """Where features tell nothing, files as long as they were are all that can be asked for."""
    for path, file in zip((path for path, _ in rows_of_files(catalogue)), catalogue.result.files):
        n_bytes = os.path.getsize(path)
        if file.n_bytes is not None and n_bytes != file.n_bytes:
            raise Failure(DATA, f"file changed ({path}): it has {n_bytes} bytes, and {file.name} had "
                                f"{file.n_bytes} when it was labelled; {advice(catalogue.result)}")


# --- ids ----------------------------------------------------------------------------------------

def find_ids(catalogue):
    """The column of the catalogue that is the ids of the result, None if none tells; a Failure if
    one has the same ids for other rows."""
    ids = catalogue.result.file.get("ids")
    parts = [part for part in catalogue.parts if part.n_rows]
    if ids is None or not parts or ids.shape != (catalogue.result.n_rows,):
        return None
    for name in id_columns(catalogue, parts[0], ids):
        if compare_ids(catalogue, name, ids):
            return name
    return None


def id_columns(catalogue, part, ids):
    """Names of columns that may be the ids, by their types; the one that they were taken from comes
    first."""
    table = finder.table_of(finder.look(part.path, part.table, None, catalogue.is_transposed))
    is_number = ids.dtype.kind in "iuf"
    columns = table["columns"] if table and not table["is_array"] else []
    names = [column["name"] for column in columns if column["values"]["length"] == 1
             and (column["is_numeric"] and not column["is_floating"] if is_number
                  else column["is_text"])]
    return sorted(names, key=lambda name: name != catalogue.result.id_column)[:ID_COLUMNS]


def compare_ids(catalogue, name, ids):
    """Is this column the ids?"""
    theirs, ours, where = [], [], []
    for part, first, rows in places(catalogue):
        column = column_called(catalogue, part, name)
        if column is None:
            return False
        with reading(part.path):
            theirs.append(sampled(rows, lambda run, column=column: comparable(
                column.read(run), ids.dtype)))
        ours.append(sampled(rows, lambda run, first=first: comparable(
            ids[first + run.start:first + run.stop], ids.dtype)))
        where += [(part.path, row) for row in rows]
    is_wrong = np.concatenate(theirs) != np.concatenate(ours)
    if not is_wrong.any():
        every = np.concatenate(ours)
        return len(np.unique(every)) > len(every) // 2
    if has_same_ids(catalogue, name, ids):
        path, row = where[np.argmax(is_wrong)]
        raise Failure(DATA, f"other rows ({path}, row {row}, column {name}): the ids of the result "
                            f"are there in another order; {advice(catalogue.result)}")
    return False


def column_called(catalogue, part, name):
    table = finder.table_of(finder.look(part.path, part.table, None, catalogue.is_transposed))
    found = [column for column in (table["columns"] if table else ()) if column["name"] == name]
    return StoredColumn(part.file, found[0], PLAIN, catalogue.open) if found else None


def comparable(values, dtype):
    """Ids of numbers as integers or doubles, others as texts."""
    values = np.ma.getdata(values)
    if values.dtype.kind == "O":
        values = np.array(values.tolist(), dtype="S")
    if values.dtype.kind in "iub" and dtype.kind in "iu":
        return values.astype(values.dtype.newbyteorder("=")).astype(np.uint64)
    return values if values.dtype.kind == "S" else values.astype(np.float64)


def has_same_ids(catalogue, name, ids):
    """Do column and ids have the same values, in whatever order?"""
    ours, theirs = 0, 0
    for rows in slices(len(ids), PIECE_ROWS):
        ours += hash_values(comparable(ids[rows], ids.dtype))
    for part in catalogue.parts:
        column = column_called(catalogue, part, name) if part.n_rows else None
        for rows in slices(part.n_rows, PIECE_ROWS):
            with reading(part.path):
                theirs += hash_values(comparable(column.read(rows), ids.dtype))
    return ours % (1 << 64) == theirs % (1 << 64)


def hash_values(values):
    """The sum of hashes of all values, which their order does not change."""
    with np.errstate(over="ignore"):
        if values.dtype.kind == "S":
            letters = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1)
            numbers = np.zeros(len(values), np.uint64)
            for column in letters.T[::-1]:  # zeros behind a text change nothing
                numbers = numbers * np.uint64(0x100000001b3) + column
        else:
            numbers = values.view(np.uint64)
        numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
        numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
        return int((numbers ^ (numbers >> np.uint64(31))).sum())
