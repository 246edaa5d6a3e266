"""The program against k-means in exact rational numbers, on random and hostile catalogues.

KM_CASES of them, 100 by default, from number KM_FIRST on: `make check-oracle` runs 2,000. Of each option
that changes what is asked (variants.py), a tenth of that.
Needs the Open MPI variables of the Makefile: `make check TEST=oracle`.
"""
import copy
import os
import sys
import unittest

sys.dont_write_bytecode = True

import numpy as np

from cases import Case
from oracle import Oracle
from program import ProgramTest, Result, checksum, run_many
from variants import VARIANTS

FIRST, COUNT = (int(os.environ.get(f"KM_{name}", default))
                for name, default in [("FIRST", 0), ("CASES", 100)])
AT_ONCE = 100


class OracleTest(ProgramTest):

    def fit_cases(self, cases, oracle=Oracle):
        """Cases, each with its results."""
        asked = [(case, i, options) for case in cases for i, options in enumerate(oracle.runs(case))]
        done = run_many([(["fit", case.path, "-o", f"{case.name_of_files}-{i}.h5", *case.options, *options],
                          case.ranks) for case, i, options in asked])
        for finished in done:
            self.assertEqual(finished.code, 0, finished)
        return [(case, [Result(f"{case.name_of_files}-{i}.h5") for i in range(len(oracle.runs(case)))])
                for case in cases]

    def check_cases(self, kind, oracle, numbers):
        for first in range(numbers.start, numbers.stop, AT_ONCE):
            some = range(first, min(first + AT_ONCE, numbers.stop))
            for case, results in self.fit_cases([kind(number) for number in some], oracle):
                with self.subTest(case=str(case)):
                    oracle(case, results).check()

    def test_cases(self):
        self.check_cases(Case, Oracle, range(FIRST, FIRST + COUNT))

    def test_variants(self):
        for kind, oracle in VARIANTS:
            self.check_cases(kind, oracle, range(FIRST, FIRST + COUNT // 10))

    def test_what_it_notices(self):
        """Answers with something small that is wrong are found out."""
        (case, results), = self.fit_cases([Case(80)])
        self.assertTrue(case.k > 1 and case.first is not None and results[-1].n_iterations > 2)
        Oracle(case, results).check()
        for number, change, said in [(-1, other_label, "labels"), (1, other_center, "centers of"),
                                     (-1, other_inertia, "inertia"), (0, other_history, "relabeled"),
                                     (1, other_shift, "shift")]:
            altered = copy.deepcopy(results)
            change(altered[number])
            altered[number].checksum = checksum(altered[number].labels, altered[number].centers,
                                                altered[number].inertia)
            with self.assertRaisesRegex(AssertionError, said):
                Oracle(case, altered).check()


def other_label(result):
    row = int(np.flatnonzero(result.labels >= 0)[-1])
    other = (result.labels[row] + 1) % len(result.sizes)
    result.sizes[[result.labels[row], other]] += [-1, 1]
    result.labels[row] = other


def other_center(result):
    eps = np.finfo(result.attributes["model"]["precision"]).eps
    centers = result.data["model/centers"]
    centers[0] *= 1 + 8 * eps
    result.centers[0] = centers[0] / result.data["model/factor"] + result.data["model/offset"]


def other_inertia(result):
    result.inertia *= 1 + 1e-11


def other_history(result):
    result.data["history/relabeled"][0] += 1


def other_shift(result):
    result.data["history/shift"][1] *= 1 + 1e-11


if __name__ == "__main__":
    unittest.main()
