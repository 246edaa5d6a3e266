"""Runs that are killed or stopped at any moment leave a whole checkpoint, a result, or nothing.

Each is begun, ended twice, and then left alone: it has to give the result of a run that nothing
happened to. It ends in all moments of a run in turn, a time after their beginning that is drawn
from a fixed seed. KM_KILLS=50 (`make check-faults`) has 50 such runs for each way of ending them
instead of 3.
"""
import glob
import os
import random
import signal
import sys
import time
import unittest

sys.dont_write_bytecode = True

import numpy as np

from launcher import is_open_mpi
from program import ProgramTest, Result, run, run_all, write_array
from stopping import PATIENCE, watched

N_MOMENTS = int(os.environ.get("KM_KILLS", "3"))
CHECKPOINTS = ["--checkpoint-interval", 0]  # after each iteration

# What the run is doing when the moment comes: what to wait for, and the most seconds after it.
MOMENTS = {
    "reading": (lambda going, _: going.wait_for("features:"), 0.02),
    "seeding": (lambda going, _: going.wait_for("features:"), 0.4),
    "iterating": (lambda going, _: going.wait_for("^iteration"), 0.2),
    "checkpoint": (lambda going, name: going.wait_until(
        lambda: glob.glob(f"{name}.state.??????")), 0.005),
    "result": (lambda going, name: going.wait_until(
        lambda: glob.glob(f"{name}.h5.??????")), 0.02),
}


class Kills(ProgramTest):
    def setUp(self):
        super().setUp()
        write_array("in.h5", np.random.default_rng(1).random((100_000, 3), dtype="f4"))
        finished = run(*self.command("whole"), seconds=PATIENCE)
        self.assertEqual(finished.code, 0, finished)
        self.expected = Result("whole.h5").answer()

    @staticmethod
    def command(name, *options):
        return ["fit", "in.h5", "-k", 300, "--seeding-rows", "all", "--tolerance", 0,
                "--max-iterations", 12, "-o", f"{name}.h5", "--verbose", *options]

    def end(self, name, number, victims, ranks, moment, draw):
        """Begins the run, or goes on with it, and sends a signal to all ranks, to all twice, to one of
        them, or to mpirun a drawn time after a moment."""
        delay = draw.random()
        wait, most_seconds = MOMENTS[moment]
        options = ["--checkpoint", f"{name}.state", *CHECKPOINTS]
        with watched(*self.command(name, *options), ranks=ranks) as going:
            going.wait_for(".")
            pids = [going.process.pid] if victims == "mpirun" else going.pids()
            wait(going, name)
            time.sleep(delay * most_seconds)
            if victims in ("one", "mpirun"):
                pids = [draw.choice(pids)] if pids else []
            going.send(number, pids)
            if victims == "twice":
                time.sleep(0.11)  # sooner it would be taken for an echo
                going.send(number, pids)
            finished = going.finish()
        said = f"{number.name} to {victims}, {moment} + {delay * most_seconds:.4f} s: {finished}"
        self.check_end(name, number, victims, finished, said)

    def check_end(self, name, number, victims, finished, said):
        """A result that is right, or none; and no half-written file where another is expected."""
        self.assertNotRegex(finished.err, "skymeans: error|damaged", said)
        is_told = victims != "mpirun" or is_open_mpi()  # MPICH's may return 0, whatever ranks do
        if finished.code == 0 and is_told or os.path.exists(f"{name}.h5"):
            self.assertEqual(Result(f"{name}.h5").answer(), self.expected, said)
        elif number != signal.SIGKILL and finished.code == 75:
            self.assertTrue(glob.glob(f"{name}.state*"), said)
            self.assertEqual(glob.glob(f"{name}.h5*"), [], said)
        elif victims != "mpirun":  # killed, or it did not listen to signals yet
            self.assertNotIn(finished.code, range(6), said)

    def check_trial(self, number, victims, ranks, seed):
        name, draw = f"{number.name}-{victims}-{ranks}-{seed}", random.Random(seed)
        for i in (2 * seed, 2 * seed + 1):
            self.end(name, number, victims, ranks, list(MOMENTS)[i % len(MOMENTS)], draw)
            for left in glob.glob(f"{name}.h5") + glob.glob(f"{name}.*.??????"):
                os.remove(left)  # it ended too late, or while it wrote
        finished = run(*self.command(name, "--checkpoint", f"{name}.state"), ranks=draw.choice(
            [1, 2]), seconds=PATIENCE)
        said = f"{name}: {finished}"
        self.assertEqual(finished.code, 0, said)
        self.assertNotIn("damaged", finished.err, said)
        self.assertEqual(Result(f"{name}.h5").answer(), self.expected, said)
        self.assertEqual([left for left in glob.glob(f"{name}.state*")
                          if left in (f"{name}.state", f"{name}.state.prev")], [], said)

    def check_all(self, number, victims, ranks=(1, 4)):
        """Half of the trials on 1 rank and half on 4."""
        run_all([lambda n=n: self.check_trial(number, victims, ranks[n % len(ranks)], n)
                 for n in range(N_MOMENTS)])

    def test_kill_one_rank(self):
        self.check_all(signal.SIGKILL, "one")

    def test_kill_all_ranks(self):
        self.check_all(signal.SIGKILL, "all")

    def test_terminate(self):
        self.check_all(signal.SIGTERM, "all")

    def test_terminate_mpirun(self):
        """It passes the signal on, and kills ranks that take more than a second."""
        self.check_all(signal.SIGTERM, "mpirun", ranks=[4])

    def test_stop_twice(self):
        """A second signal does not wait for the end of the iteration."""
        self.check_all(signal.SIGUSR1, "twice")

    def test_stop_by_one_rank(self):
        self.check_all(signal.SIGUSR1, "one")


if __name__ == "__main__":
    unittest.main()
