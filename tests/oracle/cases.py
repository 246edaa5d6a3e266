"""Random and hostile catalogues for the oracle: each number gives one, always the same."""
import h5py
import numpy as np

from program import write_array, write_columns

FLOATS, SHORT, LONG = ["f4", "f8"], ["i1", "u1", "i2", "u2"], ["i4", "u4", "i8", "u8"]
MISSING = -9  # of --missing-value


def blobs(random, n, d):
    return random.normal(random.integers(-6, 7, (n, 1)), 1, (n, d))


def lattice(random, n, d):
    """Many rows are equally far from two centers."""
    return random.integers(0, 4, (n, d)).astype("f8")


def duplicates(random, n, d):
    return blobs(random, max(1, n // 6), d)[random.integers(0, max(1, n // 6), n)]


def far_away(random, n, d):
    return blobs(random, n, d) + 10.0 ** random.integers(3, 8)


def outlier(random, n, d):
    values = blobs(random, n, d)
    values[random.integers(n), random.integers(d)] = 10.0 ** random.integers(4, 16)
    return values


def other_units(random, n, d):
    return blobs(random, n, d) * 10.0 ** random.choice([-44, -36, -20, 12, 30, 34])


def one_of_1000(random, n, d):
    values = blobs(random, n, d)
    values[:, random.integers(d)] *= 1000
    return values


def constant(random, n, d):
    values = blobs(random, n, d)
    values[:, random.integers(d)] = 0.1
    return values


KINDS = [blobs, lattice, duplicates, far_away, outlier, other_units, one_of_1000, constant]


class Case:
    """A catalogue, how it is fitted, and what is true of it: `features` and `weights` as numbers, of
    the rows that are `used`, and the `precision` that they ask for."""

    def __init__(self, number):
        random = np.random.default_rng([22, number])
        self.number, self.options = number, []
        self.name_of_files = f"{type(self).__name__}{number}"
        self.path = f"{self.name_of_files}.h5"
        self.kind = KINDS[number % len(KINDS)]
        n = int(random.choice([random.integers(1, 12), random.integers(12, 60), 150]))
        d = int(random.integers(1, 7))
        columns = self.choose_types(random, self.kind(random, n, d))
        used = np.isfinite(np.array(self.numbers)).all(axis=0)
        self.choose_weights(random, used, columns)
        self.choose_manner(random, used)
        self.rows = np.flatnonzero(used)
        self.n_rows, self.d = n, d
        self.factors = [1.0] * d
        self.features = [[column[row] for column in self.numbers] for row in self.rows]
        self.weights = [self.all_weights[row] for row in self.rows]
        self.choose_first_centers(random)
        self.write(random, columns)

    def __str__(self):
        return (f"{type(self).__name__} {self.number} ({self.kind.__name__}): skymeans fit {self.path} "
                f"{' '.join(map(str, self.options))}, {self.ranks} ranks")

    def choose_types(self, random, values):
        """Columns as they are stored; self.numbers are what they mean, in double."""
        self.is_array = random.random() < 0.3
        types = FLOATS if self.kind is other_units else FLOATS + SHORT + LONG
        types = [random.choice(types) for _ in values.T]
        if self.is_array:
            types = [types[0]] * len(types)
        self.packed = None
        self.has_missing_value = random.random() < 0.3
        columns = [self.store(random, values[:, j], kind) for j, kind in enumerate(types)]
        self.numbers = [column.astype("f8") for column in columns]
        if not (self.is_array or self.has_missing_value) and types[0] in SHORT:
            self.packed = (0.01, 100.0)
            self.numbers[0] = self.numbers[0] * self.packed[0] + self.packed[1]
        if self.has_missing_value:
            for numbers in self.numbers:
                numbers[numbers == MISSING] = np.nan
        is_double = self.packed or any(kind in ["f8", *LONG] for kind in types)
        self.precision = "float64" if is_double else "float32"
        return columns

    def store(self, random, values, kind):
        """Values in a type, some of them missing."""
        values = values.copy()
        may_miss = random.random() < 0.3 and len(values) > 3
        lost = np.flatnonzero(random.random(len(values)) < 0.1)[:len(values) - 2] if may_miss else []
        if kind in FLOATS:
            stored = values.astype(kind)
            stored[lost] = random.choice([np.nan, np.inf, -np.inf], len(lost))
        else:
            limits = np.iinfo(kind)
            largest = min(float(limits.max), 2.0 ** 52)  # doubles hold these exactly
            stored = np.clip(np.rint(values), max(float(limits.min), -largest), largest).astype(kind)
        if self.has_missing_value and limits_hold(kind):
            stored[lost] = MISSING
        return stored

    def choose_weights(self, random, used, columns):
        """Rows without weight are used, but at least one row has some."""
        n = len(used)
        if not used.any():  # whatever was drawn, there is a row
            for column, numbers in zip(columns, self.numbers):
                column[0] = numbers[0] = 1
            self.packed, used[0] = None, True
        self.has_weights = not self.is_array and random.random() < 0.5
        self.are_whole = random.random() < 0.5
        whole = random.integers(0, 4, n).astype("f8")
        weights = whole if self.are_whole else 10.0 ** random.uniform(-6, 3, n) * (whole > 0)
        weights[np.flatnonzero(used)[0]] = 1
        self.all_weights = weights if self.has_weights else np.ones(n)
        self.n_choosable = int((used & (self.all_weights > 0)).sum())

    def choose_manner(self, random, used):
        self.k = int(random.integers(1, min(self.n_choosable, 9) + 1))
        self.ranks = int(random.choice([1, 1, 2, 3]))
        self.scale = str(random.choice(["none", "none", "standard", "minmax", "robust"]))
        self.tolerance = float(random.choice([0, 1e-4, 1e-2]))
        self.options = ["-k", self.k, "--scale", self.scale, "--tolerance", self.tolerance,
                        "--algorithm", random.choice(["auto", "lloyd", "tree", "bounds", "neighbours"]),
                        "--kernel", random.choice(["auto", "auto", "reference"]),
                        "--threads", random.integers(1, 3), "--random-seed", random.integers(100)]
        if self.has_weights:
            self.options += ["--weights", self.name(len(self.numbers))]
        if self.has_missing_value:
            self.options += ["--missing-value", MISSING]
        self.options += ["-c", ",".join(self.name(j) for j in range(len(self.numbers)))]

    def name(self, j):
        return str(j) if self.is_array else f"x{j}"

    def choose_first_centers(self, random):
        """Rows, some more than once; places between two rows, as far from one as from the other; or
        a seeding of the program's own."""
        self.first = None
        if random.random() < 0.4:
            self.options += ["--seeding", random.choice(["kmeans++", "kmeans-parallel", "random",
                                                         "refined"])]
            return
        one, other = random.integers(0, len(self.rows), (2, self.k))
        features = np.array(self.features)
        self.first = features[one] if random.random() < 0.6 else features[one] / 2 + features[other] / 2
        np.savetxt(f"{self.name_of_files}.txt", self.first, fmt="%.17g")
        self.options += ["--seeding", f"{self.name_of_files}.txt"]

    def write(self, random, columns):
        if self.is_array:
            write_array(self.path, np.column_stack(columns))
            return
        columns = {self.name(j): column for j, column in enumerate(columns)}
        if self.has_weights:
            columns[f"x{len(columns)}"] = self.all_weights
        write_columns(self.path, columns)
        if self.packed:
            with h5py.File(self.path, "a") as file:
                attributes = file["table/columns/x0/data"].attrs
                attributes["scale_factor"], attributes["add_offset"] = self.packed


def limits_hold(kind):
    return kind in FLOATS or kind.startswith("i")
