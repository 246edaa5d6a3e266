"""Options that change what is asked, each with cases of its own and what has to be true of them."""
from fractions import Fraction
import math

import numpy as np

import definition
from cases import Case
from oracle import Oracle
from program import write_columns

NEAR = Fraction(1, 10 ** 12)


class Factor(Case):
    """Features count more or less after scaling: --factor."""

    def choose_first_centers(self, random):
        for j in range(self.d):
            if random.random() < 0.7:
                self.factors[j] = float(random.choice([2.0, 0.5, 3.0, 0.1, 1000.0, 1e-3]))
                self.options += ["--factor", f"{self.name(j)}:{self.factors[j]:.17g}"]
        super().choose_first_centers(random)


# ---- many fits -----------------------------------------------------------------------------------


class Restarts(Case):
    """The best of several fits: --restarts."""

    def choose_first_centers(self, random):
        self.first, self.n_fits = None, int(random.integers(2, 6))
        self.options += ["--seeding", random.choice(["kmeans++", "random", "kmeans-parallel"])]


class EachByItself(Oracle):
    """Answers that are no steps of one fit."""

    @staticmethod
    def runs(_case):
        return [[]]

    def distinct(self, results):
        return results

    def check_steps(self):
        for answer in self.answers:
            self.check_stopped(answer)

    def check_stopped(self, answer):
        if answer.result.stop_reason == "no label changed":
            self.check_centers(answer, answer.labels, answer.centers, "centers of the end")


class OfRestarts(EachByItself):
    """The fit without restarts is the first, and the one with the lowest inertia is kept, of equal ones
    the first."""

    @staticmethod
    def runs(case):
        return [[], ["--restarts", case.n_fits]]

    def check_steps(self):
        super().check_steps()
        one, all_fits = [answer.result for answer in self.answers]
        inertia = all_fits.data["restarts/inertia"]
        best = int(inertia.argmin())
        self.require(len(inertia) == self.case.n_fits, "number of fits")
        self.require(all_fits.attributes["restarts"]["best"] == best, "best", best)
        self.require(inertia[best] == all_fits.inertia, "inertia of the best")
        self.require(all_fits.data["restarts/n_iterations"][best] == all_fits.n_iterations, "iterations")
        self.require(inertia[0] == one.inertia, "the first fit is that without restarts")
        if best == 0:
            self.require(all_fits.checksum == one.checksum, "the first fit is the best")


# ---- positions -----------------------------------------------------------------------------------

PI = Fraction(31415926535897932384626433832795028841971693993751058209749445923, 10 ** 64)


def sine_and_cosine(degrees):
    """By their series, true to 10^-25."""
    x = (degrees - 90 * round(degrees / 90)) * PI / 180
    x = Fraction(round(x * 2 ** 120), 2 ** 120)
    sums, term = [Fraction(0), Fraction(0)], Fraction(1)
    for n in range(40):
        sums[1 - n % 2] += term if n % 4 < 2 else -term
        term = Fraction(round(term * x / (n + 1) * 2 ** 120), 2 ** 120)
    s, c = sums
    return [(s, c), (c, -s), (-s, -c), (-c, s)][round(degrees / 90) % 4]


def unit_vector(ra, dec):
    (sin_ra, cos_ra), (sin_dec, cos_dec) = sine_and_cosine(Fraction(ra)), sine_and_cosine(Fraction(dec))
    return [float(x) for x in (cos_dec * cos_ra, cos_dec * sin_ra, sin_dec)]


POSITIONS = {
    "even": lambda random, n: (random.uniform(0, 360, n), np.degrees(np.arcsin(random.uniform(-1, 1, n)))),
    "pole": lambda random, n: (random.uniform(-360, 720, n), random.uniform(89, 90, n)),
    "wrapped": lambda random, n: (random.normal(0, 2, n) % 360, random.normal(0, 2, n)),
    "opposite": lambda random, n: (90.0 * random.integers(-4, 9, n), 45.0 * random.integers(-2, 3, n)),
    "close": lambda random, n: (123 + random.uniform(0, 1e-6, n), 45 + random.uniform(0, 1e-6, n)),
}


class Sky(Case):
    """Positions on the sphere: --sky and --sky-scale. Some are none, and missing."""

    def __init__(self, number):
        random = np.random.default_rng([23, number])
        self.number, self.options, self.packed = number, [], None
        self.is_array = self.has_missing_value = False
        self.name_of_files, self.d = f"Sky{number}", 3
        self.path, self.precision = f"{self.name_of_files}.h5", "float64"
        kind = sorted(POSITIONS)[number % len(POSITIONS)]
        self.kind = POSITIONS[kind]
        self.n_rows = n = int(random.choice([random.integers(2, 12), random.integers(12, 60), 150]))
        columns = list(self.kind(random, n))
        columns[1][1:][random.random(n - 1) < 0.1] = 91
        used = columns[1] <= 90
        self.numbers = columns
        self.choose_weights(random, used, columns)
        self.choose_manner(random, used)
        self.rows = np.flatnonzero(used)
        self.features = [unit_vector(columns[0][row], columns[1][row]) for row in self.rows]
        self.weights = [self.all_weights[row] for row in self.rows]
        self.radius, self.first = float(random.choice([1, 1, 2, 0.1, 3])), None
        self.options = self.without_columns() + ["--sky", "x0,x1", "--sky-scale", self.radius, "--seeding",
                                                 random.choice(["kmeans++", "random"])]
        names = {f"x{j}": column for j, column in enumerate(columns)}
        write_columns(self.path, names | ({"x2": self.all_weights} if self.has_weights else {}))

    def without_columns(self):
        place = self.options.index("-c")
        return self.options[:place] + self.options[place + 2:]

    def __str__(self):
        return f"Sky {self.number}: {' '.join(map(str, self.options))}, {self.ranks} ranks"


class OfSky(EachByItself):
    """Features are the program's to 2.5e-16, so labels are nearest up to that, and ties are open."""

    def __init__(self, case, results):
        super().__init__(case, results)
        self.unsure = Fraction(case.radius) / Fraction(2) ** 52 / self.answers[0].unit

    def check_scaling(self, answer):
        self.require(answer.offset == [0] * 3 and answer.factor == [Fraction(self.case.radius)] * 3, "scaling")

    def check_labels(self, answer):
        moved = 8 * self.unsure
        for squares, label in zip(definition.squared_distances(self.samples, answer.centers), answer.labels):
            own, best = squares[label], min(squares)
            root = Fraction(float(own) ** 0.5) + moved
            self.require(own - best <= 4 * moved * root + own / 2 ** 50 + definition.epsilon("float64") ** 2,
                         "not a nearest center", float(own), float(best))

    def check_sums(self, answer):
        """The inertia, and the places of centers."""
        totals = definition.means(self.samples, self.weights, answer.labels, answer.centers)[1]
        squares = definition.own_distances(self.samples, answer.labels, answer.centers)
        wanted = sum(w * d2 for w, d2 in zip(self.weights, squares))
        lost = sum(w * (4 * self.unsure * Fraction(float(d2) ** 0.5) + 12 * self.unsure ** 2)
                   for w, d2 in zip(self.weights, squares)) + self.weight_unit * (sum(squares) + 16 * max(squares))
        found = Fraction(float(answer.result.inertia)) / answer.unit ** 2
        self.require(abs(found - wanted) <= wanted * NEAR + lost, "inertia", float(found), float(wanted))
        for found, wanted, size in zip(answer.result.data["weights"], totals, answer.result.sizes):
            self.require(abs(Fraction(float(found)) - wanted) <= int(size) * self.weight_unit, "weights")
        self.check_places(answer)

    def check_places(self, answer):
        """Centers are on the sphere, and where /sky says, to half of the last bit of 360 degrees."""
        data = answer.result.data
        for center, ra, dec in zip(answer.result.centers, data["sky/ra"], data["sky/dec"]):
            self.require(abs(sum(Fraction(float(x)) ** 2 for x in center) - 1) < Fraction(1, 2 ** 50), "sphere")
            self.require(0 <= ra < 360 and max(map(abs, np.subtract(unit_vector(ra, dec), center))) < 1e-15,
                         "place of a center", ra, dec, center)

    def check_units(self, answer):
        pass  # centers are unit vectors: check_places

    def check_centers(self, answer, labels, before, what):
        """The direction of the mean, where rows do not cancel out."""
        means, totals = definition.means(self.samples, self.weights, labels, before)
        radius = Fraction(self.case.radius) / answer.unit
        for i, (center, mean) in enumerate(zip(answer.centers, means)):
            length = Fraction(math.sqrt(float(sum(x * x for x in mean))))
            if totals[i] == 0 or length < radius / 10 ** 6:
                continue
            lost = self.weight_unit * max(self.ranges) * labels.count(i) / totals[i]
            slack = (max(self.slack) + lost + 4 * self.unsure) * radius / length + radius / 2 ** 50
            for found, wanted in zip(center, mean):
                self.require(abs(found - wanted * radius / length) <= slack, what, i, float(found),
                             float(wanted * radius / length))


# ---- equal sizes ---------------------------------------------------------------------------------


class Balance(Case):
    """Clusters of equal size: --balance."""

    def choose_first_centers(self, random):
        self.first = None
        self.options += ["--seeding", random.choice(["kmeans++", "random"]), "--balance",
                         random.choice(["count", "weight"] if self.has_weights else ["count"])]


class OfBalance(EachByItself):
    """A row is labeled as if its center were as high above the samples as the root of its price."""

    def check_labels(self, answer):
        heights = [Fraction(math.sqrt(price)) / answer.unit
                   for price in answer.result.data["model/prices"]]
        plain = self.samples, answer.centers, self.case.d
        self.samples = [[*x, Fraction(0)] for x in self.samples]
        answer.centers = [[*c, height] for c, height in zip(answer.centers, heights)]
        try:
            super().check_labels(answer)
        finally:
            self.samples, answer.centers, self.case.d = plain


VARIANTS = [(Factor, Oracle), (Restarts, OfRestarts), (Sky, OfSky), (Balance, OfBalance)]
