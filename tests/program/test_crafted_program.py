"""Runs that go on from checkpoints with a right hash and other fields: a result or one message."""
import glob
import os
import random
import shutil
import sys
import unittest

sys.dont_write_bytecode = True

import numpy as np

from crafted import Checkpoint
from program import FAULTS, IS_SANITIZED, ProgramTest, run, run_all, write_columns

K, D = 4, 2
N_TRIALS = 40 if IS_SANITIZED else 160
COMMAND = ["fit", "in.h5", "-k", K, "--tolerance", 0, "--restarts", 3, "--seeding", "random"]
NUMBERS = [0, 1, -1, 2, 3, 99, 2 ** 31 - 1, -2 ** 31, 2 ** 40, 2 ** 62, 2 ** 63 - 1, -2 ** 63]
REALS = [0.0, -0.0, 1.0, -1.0, 1e9, -1e300, 1e300, 5e-324, float("inf"), float("-inf"),
         float("nan")]


@unittest.skipUnless(os.path.exists(FAULTS), "no program was built by `make faults`")
class Crafted(ProgramTest):
    def setUp(self):
        super().setUp()
        values = np.random.default_rng(1).random((D, 500))
        write_columns("in.h5", dict(zip("xy", values)))
        finished = run(*COMMAND, "-o", "out.h5", "--checkpoint", "state", "--checkpoint-interval", 0,
                       faults="KM_FAULT=write the contents")
        self.assertEqual(finished.code, 4, finished)
        os.remove("state.prev")
        self.good = Checkpoint("state", K, D)

    def go_on(self, name, data, ranks=1):
        with open(f"{name}.state", "wb") as file:
            file.write(data)
        finished = run(*COMMAND, "-o", f"{name}.h5", "--checkpoint", f"{name}.state", ranks=ranks)
        for left in glob.glob(f"{name}.*"):
            os.remove(left)
        return finished

    def check_refused(self, finished, words):
        self.assertEqual(finished.code, 3, finished)
        self.assertRegex(finished.err.splitlines()[-1],
                         rf"^skymeans: error: damaged checkpoint \(\S+\): .*{words}.*; remove it")
        self.assertEqual(finished.err.count("error"), 1, finished)

    def test_what_is_put_together_again_is_right(self):
        with open("state", "rb") as file:
            self.assertEqual(self.good.packed(), file.read())
        finished = self.go_on("again", self.good.packed())
        self.assertEqual(finished.code, 0, finished)
        self.assertRegex(finished.err, "going on from again.state: 2 fits done")

    def test_what_crashed(self):
        """Fields that were trusted once."""
        cases = [("question size", 0, 2 ** 62, "question"), ("question size", 0, -8, "question"),
                 ("state iterations", 0, -1, "iterations"), ("best", 0, 2 ** 40, "best fit"),
                 ("best", 0, -3, "best fit"), ("stop", 0, 77, "reason why a fit stopped"),
                 ("stop", 0, -1, "reason why"), ("problem size", 0, -8, "problem"),
                 ("state size", 0, 7, "length"),
                 ("best iterations", 0, -1, "iterations of the best"), ("fits", 0, -1, "fits"),
                 ("sizes", 1, -5, "size of a cluster"), ("state centers", 3, float("nan"), "centers")]
        calls = [lambda i=i, case=case: self.go_on(str(i), self.good.packed(*case[:3]), 1 + i % 2)
                 for i, case in enumerate(cases)]
        for finished, case in zip(run_all(calls), cases):
            self.check_refused(finished, case[3])
        no_end = Checkpoint.with_hash(b"skymeans checkpoint 3 and no end of the line at all")
        self.check_refused(self.go_on("no-end", no_end), "not whole")

    def draw(self, number):
        """A field of which one value is another one."""
        draw = random.Random(number)
        name, form, values = draw.choice(self.good.fields)
        while name in ("question", "magic", "problem"):
            name, form, values = draw.choice(self.good.fields)
        place = draw.randrange(len(values))
        if form[-1] == "d":
            return name, place, draw.choice([*REALS, values[place] * 1.5, -values[place]])
        low, high = {"q": (-2 ** 63, 2 ** 63), "i": (-2 ** 31, 2 ** 31), "B": (0, 2 ** 8),
                     "Q": (0, 2 ** 64)}[form[-1]]
        wanted = draw.choice([*NUMBERS, values[place] + 1, values[place] - 1])
        return name, place, (wanted - low) % (high - low) + low

    def test_any_fields(self):
        """A run that takes them ends as any other; nothing but 0 and 3 comes out of it."""
        fields = [self.draw(number) for number in range(N_TRIALS)]
        done = run_all([lambda i=i: self.go_on(f"t{i}", self.good.packed(*fields[i]))
                        for i in range(N_TRIALS)])
        for finished, field in zip(done, fields):
            with self.subTest(field=field):
                self.assertIn(finished.code, (0, 3), finished)
                if finished.code == 3:
                    self.assertRegex(finished.err, r"\nskymeans: error: (damaged checkpoint|the catalogue "
                                                   r"has changed) [^\n]+\n\Z")
        n_taken = sum(finished.code == 0 for finished in done)
        self.assertEqual(len(done), N_TRIALS)
        self.assertGreater(n_taken, N_TRIALS // 20)
        self.assertGreater(N_TRIALS - n_taken, N_TRIALS // 3)

    def test_another_kind_of_file(self):
        """It is not read as a whole to be told so: a terabyte of nothing."""
        with open("large.state", "wb") as file:
            file.truncate(2 ** 40)
        finished = run(*COMMAND, "-o", "out.h5", "--checkpoint", "large.state")
        self.check_refused(finished, "not whole, or not a checkpoint")
        shutil.copy("state", "large.state")
        os.truncate("large.state", 2 ** 43)
        finished = run(*COMMAND, "-o", "out.h5", "--checkpoint", "large.state")
        self.assertEqual(finished.code, 5, finished)
        self.assertEqual(finished.err.count("skymeans: error: "), 1, finished)


if __name__ == "__main__":
    unittest.main()
