"""Holds what the program answered to a case against the definition.

Each case is fitted with 1, 2 and 300 iterations at most, so that the labels of one fit can be held
against the centers that the next one makes of them.
"""
from fractions import Fraction

import numpy as np

import definition
from program import checksum

LIMITS = [1, 2, 300]  # of iterations
TINY = Fraction(1, 2 ** 1000)


def exact(array):
    return [[Fraction(float(x)) for x in row] for row in array]


class Answer:
    """What a result says of a case, in exact numbers: working values, and centers among them."""

    def __init__(self, case, result):
        self.case, self.result = case, result
        model = result.attributes["model"]
        self.exponent, self.precision = int(model["exponent"]), model["precision"]
        self.offset, self.factor = exact([result.data["model/offset"], result.data["model/factor"]])
        self.labels = [int(result.labels[row]) for row in case.rows]
        self.unit = Fraction(2) ** self.exponent
        if "model/working_centers" in result.data:
            self.centers = exact(result.data["model/working_centers"])
        else:
            self.centers = [[x / self.unit for x in row] for row in exact(result.data["model/centers"])]

    def scaled(self, values):
        return [[definition.scaled(x, offset, factor, self.case.scale == "minmax")
                 for x, offset, factor in zip(row, self.offset, self.factor)] for row in exact(values)]

    def samples(self):
        return [[definition.worked(x, self.exponent, self.precision) for x in row]
                for row in self.scaled(self.case.features)]

    def first_centers(self):
        return [[definition.rounded(x / self.unit) for x in row] for row in self.scaled(self.case.first)]


class Oracle:
    """Says what is wrong with the answers to a case: those of fits with 1, 2, ... iterations."""

    def __init__(self, case, results):
        self.case = case
        self.answers = [Answer(case, result) for result in self.distinct(results)]
        self.weights = [Fraction(w) for w in case.weights]
        self.samples = self.answers[0].samples()
        self.kind = self.answers[0].precision
        self.find_slack()

    def require(self, truth, *what):
        if not truth:
            raise AssertionError(" ".join(map(str, what)))

    @staticmethod
    def runs(_case):
        """The options of the fits that a case is judged by."""
        return [["--max-iterations", limit] for limit in LIMITS]

    def distinct(self, results):
        """Without those that a higher limit would not have changed, which must be the same."""
        n_iterations = results[-1].n_iterations
        for result, limit in zip(results, LIMITS):
            self.require(result.n_iterations == min(limit, n_iterations), "iterations")
            self.require(limit < n_iterations or result.answer() == results[-1].answer(), "other end")
        return [result for result, limit in zip(results, LIMITS) if limit < n_iterations] + results[-1:]

    def find_slack(self):
        """By how much centers may be wrong: half a unit of the sums, which is at most epsilon times the
        deviation of the feature, 2^-48 of its range with weights, and the last bit of a double."""
        columns = list(zip(*self.samples))
        some = [[x for x, w in zip(column, self.weights) if w > 0] for column in columns]
        self.ranges = [max(column) - min(column) for column in some]
        variances = [definition.variance(column, self.weights) for column in columns]
        self.mean_variance = sum(variances) / len(variances)
        fine = definition.epsilon(self.kind) / 2
        self.slack = [Fraction(float(v) ** 0.5) * fine * Fraction(1.000001) +
                      (r / 2 ** 48 if self.case.has_weights else 0) +
                      max(map(abs, column)) / 2 ** 52 + TINY
                      for v, r, column in zip(variances, self.ranges, some)]
        is_rounded = self.case.has_weights and not self.case.are_whole
        self.weight_unit = sum(self.weights) / 2 ** 51 if is_rounded else 0

    # ---- the rows and their scaling --------------------------------------------------------------

    def check_rows(self, answer):
        result, case = answer.result, self.case
        used = np.isin(np.arange(case.n_rows), case.rows)
        self.require((result.labels[~used] == -1).all() and (result.labels[used] >= 0).all(), "rows")
        self.require((result.n_rows, result.n_used, result.n_missing) ==
                     (case.n_rows, len(case.rows), case.n_rows - len(case.rows)), "counts")
        self.require(answer.precision == case.precision, "precision", answer.precision)
        self.require(result.sizes.tolist() ==
                     [answer.labels.count(i) for i in range(case.k)], "sizes")
        centers = np.append(result.centers, result.data.get("model/prices", []))
        self.require(result.checksum == checksum(result.labels, centers, result.inertia), "checksum")

    def check_scaling(self, answer):
        for j, column in enumerate(zip(*exact(self.case.features))):
            some = [x for x, w in zip(column, self.weights) if w > 0]
            low, extent = min(some), max(some) - min(some)
            offset, inverse = answer.offset[j], Fraction(self.case.factors[j]) / answer.factor[j]
            middle, wanted = {"none": (0, 1), "minmax": (low, extent),
                              "standard": self.standard(column),
                              "robust": self.robust(column)}[self.case.scale]
            near = Fraction(1, 10 ** 12)
            if self.case.scale == "none" and offset != 0:  # a large constant is moved to 0
                middle = low if extent == 0 else 0
            is_exact = self.case.scale != "standard"
            self.require(abs(offset - middle) <= (0 if is_exact else near * extent +
                         abs(middle) / 2 ** 52), "offset", j, float(offset), float(middle))
            is_usable = wanted > Fraction(1, 2 ** 1024)
            lost = self.weight_unit * len(column) * extent ** 2 / sum(self.weights) / inverse
            self.require(abs(inverse - (wanted if is_usable else 1)) <= near * inverse + lost,
                         "factor", j, float(inverse), float(wanted))
        largest = max(self.ranges)
        self.require(largest == 0 or 1 - Fraction(1, 2 ** 20) <= largest <= 2 or
                     max(abs(x) for row in self.samples for x in row) > 2 ** 49, "range", largest)

    def standard(self, column):
        v = definition.variance(column, self.weights)
        root = Fraction(float(v) ** 0.5) if v > 0 else Fraction(0)
        return definition.mean(column, self.weights), root

    def robust(self, column):
        low, middle, high = (definition.quantile(column, self.weights, p, self.case.has_weights)
                             for p in (16, 50, 84))
        return middle, (high - low) / 2

    # ---- labels and centers ----------------------------------------------------------------------

    def check_labels(self, answer):
        """They are those of the computed distances, whose rounding moves no label further than it may:
        d + 2 roundings of a square, and those of the center."""
        answer.nearest = definition.label(self.samples, answer.centers, self.kind)
        labels = answer.nearest[0]
        wrong = [(i, a, b) for i, (a, b) in enumerate(zip(answer.labels, labels)) if a != b]
        self.require(not wrong, "labels (sample, found, nearest):", wrong[:5])
        eps = definition.epsilon(self.kind)
        moved = eps * max(abs(a) for c in answer.centers for a in c) * self.case.d
        for squares, label in zip(definition.squared_distances(self.samples, answer.centers),
                                  answer.labels):
            own, best = squares[label], min(squares)
            allowed = 4 * (self.case.d + 2) * eps * own + 4 * moved * (
                Fraction(float(own) ** 0.5) * 2 + moved) + TINY + self.smallest()
            self.require(own - best <= allowed, "not a nearest center", float(own), float(best))

    def smallest(self):
        """What underflow may add to a squared distance."""
        return self.case.d * Fraction(2) ** (definition.TYPES[self.kind][1] + 1)

    def check_centers(self, answer, labels, before, what):
        """They are the means of these labels. Without weight there is no mean."""
        means, totals = definition.means(self.samples, self.weights, labels, before)
        for i, (center, mean) in enumerate(zip(answer.centers, means)):
            for j, (found, wanted) in enumerate(zip(center, mean)):
                slack = 0
                if totals[i] > 0:
                    lost = self.weight_unit * self.ranges[j] * labels.count(i) / totals[i]
                    slack = self.slack[j] + lost
                self.require(abs(found - wanted) <= slack, what, i, j, float(found), float(wanted),
                             float(slack))

    def check_units(self, answer):
        """Centers in the units of the features are those of the fit, without the scaling."""
        for row, center in zip(exact(answer.result.centers), answer.centers):
            for x, c, offset, factor in zip(row, center, answer.offset, answer.factor):
                wanted = c * answer.unit / factor + offset
                near = (abs(wanted) + abs(offset)) / 2 ** 50 + Fraction(1, 2 ** 1070)
                self.require(abs(x - wanted) <= near, "units of centers", float(x), float(wanted))

    def check_sums(self, answer):
        """Weights of clusters, and the inertia to 1e-12."""
        totals = definition.means(self.samples, self.weights, answer.labels, answer.centers)[1]
        for found, wanted, size in zip(answer.result.data["weights"], totals, answer.result.sizes):
            self.require(abs(Fraction(float(found)) - wanted) <= int(size) * self.weight_unit, "weights")
        squares = definition.own_distances(self.samples, answer.labels, answer.centers)
        wanted = sum(w * d2 for w, d2 in zip(self.weights, squares))
        lost = self.weight_unit * (sum(squares) + 16 * max(squares))  # 2^-47 of the largest
        found = Fraction(float(answer.result.inertia)) / answer.unit ** 2
        self.require(abs(found - wanted) <= wanted / 10 ** 12 + lost + Fraction(1, 2 ** 1070) /
                     answer.unit ** 2, "inertia", float(found), float(wanted))

    # ---- one iteration after the other -----------------------------------------------------------

    def check_step(self, number, labels, distances, before, answer):
        """Iteration `number`, which got these labels from the centers before: the centers of the answer
        are its means, and its line of the history is true. Was it the last?"""
        refilled, n_filled = definition.refill(labels, distances, self.weights, self.case.k)
        self.check_centers(answer, refilled, before, f"centers of iteration {number}")
        history = {name: answer.result.data[f"history/{name}"][number - 1]
                   for name in ("inertia", "shift", "relabeled")}
        near = [[definition.rounded(x, self.kind) for x in c] for c in before]
        inertia = definition.inertia(self.samples, self.weights, labels, near)
        spread = inertia + sum(w * sum(r * r for r in self.ranges) for w in self.weights)
        eps = Fraction(1, 10 ** 6 if self.kind == "float32" else 10 ** 12)
        found = Fraction(float(history["inertia"])) / answer.unit ** 2
        self.require(abs(found - inertia) <= eps * spread + TINY / answer.unit ** 2,
                     "inertia of iteration", number, float(found), float(inertia))
        shift = sum(definition.own_distances(before, range(self.case.k), answer.centers))
        found = Fraction(float(history["shift"])) / answer.unit ** 2
        self.require(abs(found - shift) <= shift / 10 ** 12 + TINY / answer.unit ** 2,
                     "shift of iteration", number, float(found), float(shift))
        self.check_end(number, answer, n_filled, int(history["relabeled"]), shift)

    def check_end(self, number, answer, n_filled, relabeled, shift):
        """The fit ends when no label changed or the centers hardly moved, and not before."""
        allowed = Fraction(self.case.tolerance) * self.mean_variance
        is_near = allowed > 0 and abs(shift - allowed) <= allowed / 10 ** 9
        reason = "max-iterations"
        if n_filled == 0 and relabeled == 0:
            reason = "no label changed"
        elif n_filled == 0 and self.case.tolerance > 0 and shift <= allowed:
            reason = "tolerance"
        is_last = self.answers[-1].result.n_iterations == number
        self.require(is_near or is_last == (reason != "max-iterations"), "ends", number, reason)
        if is_last and not is_near:
            self.require(self.answers[-1].result.stop_reason == reason, "reason", reason)

    def check_relabeled(self, number, last, labels, answer):
        if last is not None:
            relabeled = sum(a != b for a, b, w in zip(last, labels, self.weights) if w > 0)
            self.require(answer.result.data["history/relabeled"][number - 1] == relabeled,
                         "relabeled in iteration", number, relabeled)

    def check_steps(self):
        """The first iterations, as far as the fits with few of them go."""
        before = labels = distances = None
        if self.case.first is not None:
            before = self.answers[0].first_centers()
            labels, distances = definition.label(self.samples, before, self.kind)
        last = [-1] * len(self.samples)  # of the labels before
        for number, answer in enumerate(self.answers, 1):
            if answer.result.n_iterations > number:
                return  # iterations between are not known
            if labels is not None:
                self.check_relabeled(number, last, labels, answer)
                self.check_step(number, labels, distances, before, answer)
            last, before = labels, answer.centers
            labels, distances = answer.nearest

    def check_last(self):
        """When no label changed, centers are the means of the labels in the file."""
        answer = self.answers[-1]
        if answer.result.stop_reason == "no label changed":
            self.check_centers(answer, answer.labels, answer.centers, "centers of the end")

    def check(self):
        self.check_scaling(self.answers[0])
        for answer in self.answers:
            self.require((answer.offset, answer.factor) ==
                         (self.answers[0].offset, self.answers[0].factor), "scaled otherwise")
            self.check_rows(answer)
            self.check_labels(answer)
            self.check_units(answer)
            self.check_sums(answer)
        self.check_steps()
        self.check_last()
