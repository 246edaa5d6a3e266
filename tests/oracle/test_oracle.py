"""The program against k-means in exact rational numbers, on random and hostile catalogues.

KM_CASES of them, 100 by default, from number KM_FIRST on: `make check-oracle` runs 2,000.
Needs the Open MPI variables of the Makefile: `make check TEST=oracle`.
"""
import copy
import os
import sys
import unittest

sys.dont_write_bytecode = True

import numpy as np

from cases import Case
from oracle import LIMITS, Oracle
from program import ProgramTest, Result, checksum, run_many

FIRST, COUNT = (int(os.environ.get(f"KM_{name}", default))
                for name, default in [("FIRST", 0), ("CASES", 100)])
AT_ONCE = 100


class OracleTest(ProgramTest):

    def fit_cases(self, numbers):
        """Cases, each with its results."""
        cases = [Case(number) for number in numbers]
        done = run_many([(["fit", case.path, "-o", f"out{case.number}-{limit}.h5", "--max-iterations",
                           limit, *case.options], case.ranks) for case in cases for limit in LIMITS])
        for finished in done:
            self.assertEqual(finished.code, 0, finished)
        return [(case, [Result(f"out{case.number}-{limit}.h5") for limit in LIMITS]) for case in cases]

    def test_cases(self):
        for first in range(FIRST, FIRST + COUNT, AT_ONCE):
            for case, results in self.fit_cases(range(first, min(first + AT_ONCE, FIRST + COUNT))):
                with self.subTest(case=str(case)):
                    Oracle(case, results).check()

    def test_what_it_notices(self):
        """Answers with something small that is wrong are found out."""
        (case, results), = self.fit_cases([80])
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
