"""Whole-program tests of compare: what it says of two labelings is what scikit-learn and SciPy say,
however labels are stored, rows are matched, and on however many ranks.

Needs the Open MPI variables of the Makefile: `make check TEST=compare_program`.
"""
import json
import sys
import unittest

sys.dont_write_bytecode = True

import h5py
import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from program import ProgramTest, run, run_all

RANKS = [1, 2, 3, 4, 7]


def write_result(path, labels, ids=None):
    """As much of a result as `compare` reads."""
    with h5py.File(path, "w") as file:
        file["labels"] = labels.astype("i4")
        if ids is not None:
            file["ids"] = ids


def mix_up(random, labels, k, share):
    """Another labeling: other numbers, and a share of the rows in other clusters."""
    other = random.permutation(k)[labels]
    moved = random.random(len(labels)) < share
    other[moved] = random.integers(0, k, moved.sum())
    return other


def expected(a, b):
    """What compare should find, by other programs."""
    both = (a != -1) & (b != -1)
    names_a, numbers_a = np.unique(a[both], return_inverse=True)
    names_b, numbers_b = np.unique(b[both], return_inverse=True)
    table = np.zeros((len(names_a), len(names_b)), dtype=np.int64)
    np.add.at(table, (numbers_a, numbers_b), 1)
    rows, columns = linear_sum_assignment(table, maximize=True)
    cells = [(int(names_a[i]), int(names_b[j]), int(table[i, j])) for i, j in np.argwhere(table)]
    return {"n_labeled": int(both.sum()), "n_neither": int(((a == -1) & (b == -1)).sum()),
            "n_only_a": int(((a != -1) & (b == -1)).sum()),
            "n_only_b": int(((a == -1) & (b != -1)).sum()), "cells": cells,
            "n_moved": int(both.sum() - table[rows, columns].sum()),
            "rand": adjusted_rand_score(a[both], b[both]),
            "information": normalized_mutual_info_score(a[both], b[both])}


class Compare(ProgramTest):
    def compare(self, *names, ranks=1):
        finished = run("compare", *names, "--json", ranks=ranks)
        self.assertEqual(finished.code, 0, finished)
        return json.loads(finished.out)

    def check(self, found, a, b):
        wanted = expected(a, b)
        for name in ["n_labeled", "n_neither", "n_only_a", "n_only_b", "n_moved"]:
            self.assertEqual(found[name], wanted[name], name)
        cells = [(cell["a"], cell["b"], cell["rows"]) for cell in found["contingency"]]
        self.assertEqual(cells, wanted["cells"])
        self.assertAlmostEqual(found["adjusted_rand_index"], wanted["rand"], delta=1e-12)
        self.assertAlmostEqual(found["normalized_mutual_information"], wanted["information"],
                               delta=1e-12)
        shared = [label["shared"] for label in found["a"]["labels"]]
        self.assertEqual(sum(shared), found["n_labeled"] - found["n_moved"])
        partners = [label["partner"] for label in found["a"]["labels"] if label["shared"]]
        self.assertEqual(len(set(partners)), len(partners))

    def test_rows(self):
        """Hundreds of labels, related and unrelated; rows without labels."""
        random = np.random.default_rng(1)
        for n, k, share in [(100_000, 6, 0.1), (5_000, 200, 0.3), (3_000, 40, 1), (500, 1, 0),
                            (300, 300, 0.5)]:
            a = random.integers(0, k, n)
            b = mix_up(random, a, k, share)
            a[random.random(n) < 0.02] = -1
            b[random.random(n) < 0.05] = -1
            write_result("a.h5", a)
            write_result("b.h5", b)
            self.check(self.compare("a.h5", "b.h5"), a, b)

    def test_ranks(self):
        """The same text, byte by byte, on any ranks, by rows and by ids of numbers and texts."""
        random = np.random.default_rng(2)
        a = random.integers(-1, 12, 3000)
        b = mix_up(random, a.clip(0), 12, 0.2)
        ids = random.permutation(1 << 20)[:3000].astype("i8") - 1000
        order = random.permutation(3000)[:2500]
        write_result("a.h5", a)
        write_result("b.h5", b)
        write_result("a_numbers.h5", a, ids)
        write_result("b_numbers.h5", b[order], ids[order].astype("f8"))
        write_result("a_texts.h5", a, np.char.mod("Gaia DR3 %d", ids).astype("S40"))
        write_result("b_texts.h5", b[order], [f"Gaia DR3 {number}" for number in ids[order]])
        for names, rows in [(("a.h5", "b.h5"), np.arange(3000)),
                            (("a_numbers.h5", "b_numbers.h5"), order),
                            (("a_texts.h5", "b_texts.h5"), order)]:
            runs = run_all([lambda r=r: run("compare", *names, "--json", ranks=r) for r in RANKS])
            self.assertEqual({(one.code, one.out, one.err) for one in runs},
                             {(0, runs[0].out, "")}, runs[0])
            found = json.loads(runs[0].out)
            self.check(found, a[rows], b[rows])
            self.assertEqual(found["matched_by"], "ids" if len(rows) < 3000 else "rows")
            self.assertEqual(found["a"]["n_unmatched"], 3000 - len(rows))
            self.assertEqual(found["b"]["n_unmatched"], 0)

    def test_columns(self):
        """Known labels, however they are stored."""
        random = np.random.default_rng(3)
        a = random.integers(0, 5, 700)
        b = mix_up(random, a, 5, 0.1)
        b[::50] = -1
        names = np.array(["", "F", "A", "B", "star", "galaxy"])[b + 1]
        table = np.zeros(700, dtype=[("x", "f8"), ("class", "i2"), ("name", "S8")])
        table["class"], table["name"] = b, names
        write_result("a.h5", a)
        with h5py.File("in.h5", "w") as file:
            file["table/columns/class/data"] = b.astype(">i8")
            file["real"] = np.where(b == -1, np.nan, b)
            file["unsigned"] = np.where(b == -1, 7, b).astype("u8")
            file["chunks"] = file["chunks2"] = b.astype("i1")
            file.create_dataset("packed", data=b, chunks=(64,), compression="gzip")
            file["stars"] = table
            file["texts"] = [str(name) for name in names]
            file["column"] = b[:, None]
        for path in ["table/columns/class", "table/columns/class/data", "real", "chunks", "packed",
                     "stars/class", "column"]:
            self.check(self.compare("a.h5", f"in.h5:/{path}"), a, b)
        self.check(self.compare("a.h5", "in.h5:stars/class"), a, b)
        self.check(self.compare("a.h5", "in.h5:/unsigned"), a, np.where(b == -1, 7, b))
        self.check_declared(a, b)
        self.check_masks(a, b)
        for path in ["stars/name", "texts"]:
            found = self.compare("a.h5", f"in.h5:/{path}", ranks=2)
            wanted = expected(a, b)
            self.assertEqual(found["n_moved"], wanted["n_moved"])
            self.assertEqual(found["n_only_a"], wanted["n_only_a"])
            self.assertAlmostEqual(found["adjusted_rand_index"], wanted["rand"], delta=1e-12)
            self.assertEqual({label["label"] for label in found["b"]["labels"]},
                             {"F", "A", "B", "star", "galaxy"})

    def check_declared(self, a, b):
        """Numbers that attributes call missing are no labels."""
        table = np.zeros(700, dtype=[("other", "i2"), ("class", "i2")])
        table["class"] = np.where(b == -1, -9, b)
        with h5py.File("declared.h5", "w") as file:
            file["fill"] = np.where(b == -1, 200, b).astype("u8")
            file["fill"].attrs["_FillValue"] = np.uint64(200)
            file["two"] = np.where(b == -1, np.where(np.arange(700) % 2, 1e20, 0.5), b)
            file["two"].attrs["missing_value"] = [1e20, 0.5]
            file["stars"] = table
            file["stars"].attrs["FIELD_1_ATTR_missing_value"] = -9
        for path in ["fill", "two", "stars/class"]:
            self.check(self.compare("a.h5", f"declared.h5:/{path}"), a, b)

    def check_masks(self, a, b):
        """Those of vaex, beside the values, and of astropy, among the members; what they hide may be
        no label at all."""
        table = np.zeros(700, dtype=[("class", "f8"), ("class.mask", "?")])
        table["class"], table["class.mask"] = np.where(b == -1, 2.5, b), b == -1
        with h5py.File("masks.h5", "w") as file:
            file["columns/class/data"], file["columns/class/mask"] = np.where(b == -1, 3, b), b == -1
            file["columns/short/data"], file["columns/short/mask"] = b, np.zeros(9, bool)
            file.create_dataset("stars", data=table, chunks=(64,))
        for path in ["columns/class", "columns/class/data", "stars/class"]:
            for ranks in 1, 3:
                self.check(self.compare("a.h5", f"masks.h5:/{path}", ranks=ranks), a, b)
        self.refuse((3, r"no labels \(masks.h5, /columns/short\): its mask has another length",
                     "compare", "a.h5", "masks.h5:/columns/short"))

    def test_for_people(self):
        """The tables, of which only what fits is shown."""
        write_result("a.h5", np.arange(60) // 20)
        write_result("b.h5", (np.arange(60) // 20 + (np.arange(60) % 20 == 0)) % 3 + 4)
        out = run("compare", "a.h5", "b.h5").out
        self.assertRegex(out, r"rows that moved +3 \(5\.00%\)")
        self.assertRegex(out, r"\n +0 +20 +4 +19 +95\.0%\n")
        self.assertRegex(out, r"A \\ B +4 +5 +6\n +0 +19 +1 +0\n +1 +0 +19 +1\n +2 +1 +0 +19\n")
        write_result("b.h5", np.arange(60))
        out = run("compare", "b.h5", "b.h5").out
        self.assertIn("... and 40 more: --json has all", out)
        self.assertIn("60 by 60 labels, 60 pairs", out)
        self.assertRegex(out, r"adjusted Rand index +1\.000000\n")
        with h5py.File("long.h5", "w") as file:
            file["kind"] = [f"galaxy, elliptical {i // 30}" for i in range(60)]
        out = run("compare", "a.h5", "long.h5:/kind").out
        self.assertRegex(out, r"\n +0 +20 +galaxy, elliptical 0 +20 +100\.0%\n")
        self.assertRegex(out, r"A \\ B +galaxy, elliptical 0 +galaxy, elliptical 1\n +0 +20 +0\n")
        write_result("b.h5", np.full(60, -1))
        finished = run("compare", "a.h5", "b.h5")
        self.assertRegex(finished.out, r"others \(-1\) +60 only in A, 0 only in B, 0 in neither")
        self.assertRegex(finished.out, r"adjusted Rand index +nan")

    def test_mistakes(self):
        write_result("a.h5", np.zeros(10), np.arange(10))
        write_result("b.h5", np.zeros(11))
        write_result("twice.h5", np.zeros(10), np.array([3, 1, 2, 4, 5, 6, 7, 8, 9, 3]))
        write_result("texts.h5", np.zeros(10), [str(i) for i in range(10)])
        write_result("halves.h5", np.zeros(10), np.arange(10) + 0.5)
        with h5py.File("in.h5", "w") as file:
            file["half"] = np.arange(10) / 2
            file["large"] = np.full(10, 2.0**60)
            file["members"] = np.zeros(10, dtype=[("class", "i4"), ("inner", [("class", "i4")])])
            file["complex"] = np.zeros(10, dtype="c16")
            file["matrix"] = np.zeros((10, 2))
            file["long"] = np.zeros(11)
        for code, pattern, *words in [
                (2, "missing argument: two results"), (2, "missing argument: the second", "a.h5"),
                (2, r"too many arguments \(c.h5\)", "a.h5", "b.h5", "c.h5"),
                (2, "unknown option", "a.h5", "b.h5", "-k", "3"),
                (3, r"rows do not match \(a.h5, b.h5\): 10 and 11 rows.*both results", "a.h5", "b.h5"),
                (3, r"rows do not match \(a.h5, in.h5\): 10 and 11 rows.*write the column to", "a.h5", "in.h5:/long"),
                (3, r"ids occur twice \(twice.h5, ids, rows 0 and 9\)", "a.h5", "twice.h5"),
                (3, r"ids do not match \(a.h5, texts.h5\)", "a.h5", "texts.h5"),
                (3, r"not a result \(in.h5\)", "a.h5", "in.h5"),
                (3, r"no labels \(in.h5, /none\)", "a.h5", "in.h5:/none"),
                (3, r"no label \(in.h5, /half, row 1\): 0.5", "a.h5", "in.h5:/half"),
                (3, r"no label \(in.h5, /large, row 0\): 1.15292e\+18 is not .* up to 2\^53", "a.h5",
                 "in.h5:/large"),
                (3, r"no id \(halves.h5, /ids, row 0\): 0.5 is .* another --id", "halves.h5", "a.h5"),
                *[(3, rf"no labels \(in.h5, /{path}\): its values are neither numbers nor texts", "a.h5",
                   f"in.h5:/{path}") for path in ("members", "members/inner", "complex")],
                (3, r"no labels \(in.h5, /matrix\): it has several", "a.h5", "in.h5:/matrix"),
                (4, r"none.h5", "a.h5", "none.h5"), (4, r"none.h5", "a.h5", "none.h5:/labels")]:
            for ranks in (1, 3):
                finished = run("compare", *words, ranks=ranks)
                self.assertEqual(finished.code, code, finished)
                self.assertRegex(finished.err, f"^skymeans: error: .*{pattern}.*\n$", finished)
                self.assertEqual(finished.out, "", finished)


if __name__ == "__main__":
    unittest.main()
