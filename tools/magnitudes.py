"""Which axes go down because what they show is the larger the fainter: magnitudes, not colours.

A column is a magnitude by its name and unit; an expression counts its magnitudes, with their signs and
factors. What counts more than none rises where all magnitudes rise, and so do fainter stars."""
import re

import numpy as np

from catalogue import ComputedColumn, compute_step

MAGNITUDE = re.compile(r"mags?[0-9]*$|magnitudes?$")  # how words of names end
UNIT = re.compile(r"mag($|\(|.*arcsec)")  # by which surface brightnesses are magnitudes, too
# Words that name a band; without m, for the absolute magnitude M_V is no colour.
BAND = re.compile(r"[b-df-ln-z]|bp|rp|ks|hp|[bv]t|kp|[fn]uv|w[1-4]|f[0-9]{3}[a-z]{1,2}")
# Words for errors, extinctions, colours and distance moduli, which may have the unit of magnitudes.
OTHERS = re.compile(r"a|a[gvkjhbr]p?|e|ebv.*|ebpminrp|err(or)?|sigma|std|ext(inction)?|reddening|"
                    r"colou?r|dm|mu|distmod|modulus|dist")
LEAST = 1e-9  # that a count must be more than, for roundings


def is_magnitude(name, unit):
    """Of a column as it is stored."""
    words = re.findall("[a-z0-9]+", name.lower())
    if any(map(OTHERS.fullmatch, words)):
        return False
    n_named = sum(bool(MAGNITUDE.search(word)) for word in words)
    if n_named or not UNIT.match(unit or ""):
        return n_named == 1
    return "-" not in name and sum(bool(BAND.fullmatch(word)) for word in words) < 2


def goes_down(column, unit):
    """Does a vertical axis of this column go down?"""
    if isinstance(column, ComputedColumn):
        steps = column.steps
        used = {steps["result"], *(step.get(name, 0) for step in steps["operations"] for name in "ab")}
        counts = [float(-1 - i in used and is_magnitude(one.name, one.unit))
                  for i, one in enumerate(column.inputs)]
        if any(counts):
            return bool(count_magnitudes(steps, counts) > LEAST)
    return is_magnitude(column.name, unit)


def count_magnitudes(steps, counts):
    """How many magnitudes the result of an expression has, if its inputs have so many."""
    registers = {}  # the count of each, and its value if that is the same in all rows

    def operand(number):
        return registers[number] if number >= 0 else (counts[-1 - number], None)

    for step in steps["operations"]:
        registers[step["to"]] = combine(step, [operand(step[name]) for name in "ab" if name in step])
    return operand(steps["result"])[0]


def combine(step, operands):
    """Only sums and multiples have counts; what is computed otherwise from magnitudes is none."""
    counts, numbers = [list(each) for each in zip(*operands)] or [[], []]
    if None not in numbers:
        with np.errstate(all="ignore"):
            return 0.0, compute_step(step, [np.full(1, number) for number in numbers], 1)[0]
    operator, count = step["operator"], 0.0
    if operator in ("+", "-"):
        counts[-1] *= -1 if operator == "-" else 1
        count = sum(counts)
    elif operator == "*":
        number, count = (numbers[0], counts[1]) if numbers[1] is None else (numbers[1], counts[0])
        count *= 0.0 if number is None else number
    elif operator == "/" and numbers[1]:
        count = counts[0] / numbers[1]
    elif operator in ("min", "max") and counts[0] == counts[1]:
        count = counts[0]
    return count, None
