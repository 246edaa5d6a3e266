"""k-means by its definition, in exact rational numbers: nothing here is shared with the program.

Numbers are Fractions, rounded only where docs/exactness.md says that the program rounds. Samples and
centers are lists of lists, [rows][features] and [clusters][features].
"""
from fractions import Fraction

import numpy as np

TYPES = {"float32": (24, -149, 50), "float64": (53, -1074, 450)}  # bits, least exponent, see `worked`


def rounded_whole(n, bits, lowest):
    """The nearest integer to n with so many bits, whose last has at least the value 2^lowest; of two
    equally near the one whose last bit is 0."""
    drop = max(n.bit_length() - bits, lowest)
    if drop <= 0:
        return n
    return (n + (1 << drop - 1) - 1 + (n >> drop & 1)) >> drop << drop


def rounded(x, kind="float64"):
    """The nearest number of a type to an integer times a power of two."""
    bits, least, _ = TYPES[kind]
    places = x.denominator.bit_length() - 1
    assert x.denominator == 1 << places
    return Fraction(rounded_whole(x.numerator, bits, least + places), x.denominator)


def epsilon(kind):
    return Fraction(1, 2 ** TYPES[kind][0])


# ---- samples -------------------------------------------------------------------------------------


def mean(values, weights):
    return sum(w * x for w, x in zip(weights, values)) / sum(weights)


def variance(values, weights):
    """Of the population."""
    middle = mean(values, weights)
    return mean([(x - middle) ** 2 for x in values], weights)


def quantile(values, weights, percent, has_weights):
    """NumPy's; with weights the lowest value that at least so much of the weight does not exceed."""
    if not has_weights:
        return Fraction(float(np.percentile([float(x) for x in values], percent)))
    asked, reached = sum(weights) * percent / 100, 0
    for value, weight in sorted(zip(values, weights)):
        reached += weight
        if weight > 0 and reached >= asked:
            return value
    raise AssertionError("no weight")


def scaled(x, offset, factor, is_minmax):
    """A value after scaling, which is done in double. The end of a range scaled to 1 is 1."""
    y = rounded(rounded(x - offset) * factor)
    return Fraction(1) if is_minmax and 1 < y <= 1 + Fraction(1, 2 ** 50) else y


def worked(y, exponent, kind):
    """The working value: after scaling, and divided by a power of two, one of the type. Values of rows
    without weight may be out of the range of the others, and are moved to a limit."""
    limit = Fraction(2) ** TYPES[kind][2]
    return rounded(min(max(y / Fraction(2) ** exponent, -limit), limit), kind)


# ---- the iteration -------------------------------------------------------------------------------


def in_units(*tables):
    """Tables of numbers as integers in units of 2^-places, and places."""
    places = max(x.denominator.bit_length() for table in tables for row in table for x in row) - 1
    return [[[x.numerator << places + 1 - x.denominator.bit_length() for x in row] for row in table]
            for table in tables], places


def squared_distances(samples, centers):
    """[rows][clusters]"""
    (samples, centers), places = in_units(samples, centers)
    return [[Fraction(sum((a - b) ** 2 for a, b in zip(x, c)), 4 ** places) for c in centers]
            for x in samples]


def computed_distances(samples, centers, kind):
    """The canonical ones, [rows][clusters]: fused multiply-adds in the order of the features."""
    bits, least, _ = TYPES[kind]
    (samples, centers), places = in_units(samples, centers)

    def compute(x, c):
        total = 0
        for a, b in zip(x, c):
            difference = rounded_whole(a - b, bits, least + places)
            total = rounded_whole(difference * difference + total, bits, least + 2 * places)
        return Fraction(total, 4 ** places)

    return [[compute(x, c) for c in centers] for x in samples]


def label(samples, centers, kind):
    """Nearest centers by computed distances to rounded centers, of equally near ones the lowest
    number; and these distances."""
    near = [[rounded(x, kind) for x in center] for center in centers]
    rows = computed_distances(samples, near, kind)
    return [row.index(min(row)) for row in rows], [min(row) for row in rows]


def refill(labels, distances, weights, k):
    """The labels after each cluster without weight got a sample, and how many did: of samples with
    weight, in clusters that keep some, that with the largest distance; of equals the first row."""
    labels, totals = list(labels), [0] * k
    for i, weight in zip(labels, weights):
        totals[i] += weight
    order = sorted(range(len(labels)), key=lambda row: (-distances[row], row))
    n_filled = 0
    for empty in [i for i in range(k) if totals[i] == 0]:
        row = next((r for r in order if distances[r] > 0 and 0 < weights[r] < totals[labels[r]]), None)
        if row is None:
            break
        totals[labels[row]] -= weights[row]
        totals[empty] += weights[row]
        labels[row] = empty
        order.remove(row)
        n_filled += 1
    return labels, n_filled


def means(samples, weights, labels, centers):
    """The mean of each cluster, or its center where it has no weight; and the weights of clusters."""
    k, d = len(centers), len(centers[0])
    sums, totals = [[Fraction(0)] * d for _ in range(k)], [0] * k
    for x, weight, i in zip(samples, weights, labels):
        totals[i] += weight
        sums[i] = [s + weight * a for s, a in zip(sums[i], x)]
    return [[s / total for s in row] if total > 0 else center
            for row, total, center in zip(sums, totals, centers)], totals


def own_distances(samples, labels, centers):
    """Squared ones, to the centers of the labels."""
    return [sum((a - b) ** 2 for a, b in zip(x, centers[i])) for x, i in zip(samples, labels)]


def inertia(samples, weights, labels, centers):
    return sum(w * d2 for w, d2 in zip(weights, own_distances(samples, labels, centers)))
