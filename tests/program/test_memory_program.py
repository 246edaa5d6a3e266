"""Whole-program tests of what --dry-run says of memory, and of --dry-run for predict.

Needs the Open MPI variables of the Makefile: `make check TEST=memory_program`; `make check-memory`
tries 200 shapes.
"""
import re
import sys
import unittest

sys.dont_write_bytecode = True

import numpy as np

from memory_shapes import describe, is_foretold, make_shape, measure_aside
from program import IS_SANITIZED, ProgramTest, blobs, contents, run, write_array

# Small ones, with each command, layout, storage, type, method, seeding, kind of ids and option.
SHAPES = 4, 23, 26, 37, 47, 59, 90, 151, 175, 247, 248, 299


@unittest.skipIf(IS_SANITIZED, "the sanitizer takes memory of its own")
class ShapesTest(unittest.TestCase):

    def test_shapes(self):
        for number in SHAPES:
            with self.subTest(number=number):
                shape = make_shape(number)
                predicted, measured, parts = measure_aside(shape)
                self.assertTrue(is_foretold(predicted, measured),
                                describe(shape, predicted, measured, parts))


PLAN = re.compile(r"""
skymeans: dry run, nothing is written

  catalogue   in.h5, /points: 1000 rows, [0-9.]+ MB
  features    3: 0 1 2
  clusters    4
  run         (?P<ranks>\d+) ranks? of (?:(?P<fewest>\d+) to )?(?P<most>\d+) rows, (?P<threads>\d+) threads? per rank
  method      nearest center, \S+ kernel, float64
  memory      (?P<memory>[0-9.]+) MB per rank: program and libraries [0-9.]+, samples [0-9.]+, """
                  r"""and the most of
              reading (?P<reading>[0-9.]+), ordering 0.0, seeding 0.0, fitting 0.0, writing [0-9.]+
  reading     [0-9.]+ MB of values, [0-9.]+ MB per rank
(?:  ranks       too many: .+
)?  slurm       #SBATCH --ntasks=\d+
              #SBATCH --cpus-per-task=\d+
              #SBATCH --mem-per-cpu=\d+M
""")


class PredictTest(ProgramTest):

    def setUp(self):
        super().setUp()
        write_array("in.h5", blobs(1000, 3))
        self.fit("in.h5", 4, output="model.h5")

    def test_plan(self):
        before = contents()
        for ranks, arguments, expected in (
                (1, (), ("1", None, "1000")), (2, (), ("2", "488", "512")),
                (1, ("--ranks", 3, "--distances"), ("3", "296", "384"))):
            with self.subTest(ranks=ranks, arguments=arguments):
                done = run("predict", "model.h5", "in.h5", "--dry-run", *arguments, ranks=ranks)
                self.assertEqual((done.code, done.err), (0, ""), done)
                plan = PLAN.fullmatch(done.out)
                self.assertIsNotNone(plan, done)
                self.assertEqual(plan.group("ranks", "fewest", "most"), expected)
        self.assertEqual(contents(), before)

    def test_errors(self):
        """What predict would refuse from headers and names, with the same words."""
        write_array("narrow.h5", np.ones((10, 2)))
        with open("note.h5", "w", encoding="utf-8") as file:
            file.write("no HDF5\n")
        words = "predict", "model.h5"
        self.refuse((2, r"contradiction \(--ranks\).*--dry-run", *words, "in.h5", "--ranks", 2,
                     "-o", "out.h5"),
                    (2, "missing argument: the file of the labels", *words, "in.h5"), ranks=(1,))
        for catalogue, code in (("narrow.h5", 3), ("gone.h5", 4), ("note.h5", 3)):
            with self.subTest(catalogue=catalogue):
                real = run(*words, catalogue, "-o", "out.h5")
                dry = run(*words, catalogue, "--dry-run")
                self.assertEqual((dry.code, dry.err), (code, real.err), dry)


class WritingTest(ProgramTest):

    def writing(self, *options):
        """MB beside the samples while the result is written."""
        done = run("fit", "in.h5", "-k", 2000, "--dry-run", *options)
        return float(re.search("writing ([0-9.]+)\n", done.out).group(1))

    def test_what_is_there_at_the_same_time(self):
        """Tables of up to 20,000 pairs of clusters; and 80 bytes for each of 10 columns of a cluster."""
        write_array("in.h5", blobs(20_000, 10).astype("f4"))
        plain, second = self.writing("--distances"), self.writing("--distances", "--second")
        both = self.writing("--distances", "--second", "--describe", "features")
        self.assertGreater(second - plain, 20_000 * (12 + 100) / 1e6)
        self.assertGreater(both - second, 2000 * 10 * 79 / 1e6)


if __name__ == "__main__":
    unittest.main()
