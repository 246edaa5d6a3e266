"""Runs that are stopped and go on: the same bits as those of a run that was never stopped."""
import glob
import json
import os
import signal
import sys
import time
import unittest

sys.dont_write_bytecode = True

import numpy as np

from launcher import code_after_signal
from program import FAULTS, ProgramTest, Result, blobs, run, run_all, write_array, write_columns
from stopping import PATIENCE, stop_at, watched

# Where the pieces of a fit run: ranks, threads, method. What was stopped on one goes on on the next.
PLACES = [(1, 1, "lloyd"), (2, 2, "tree"), (4, 1, "lloyd"), (1, 2, "bounds")]
# The slowest kernel, and a checkpoint after each iteration, make fits last until a signal comes.
SLOW = ["--kernel", "reference", "--checkpoint-interval", 0]
SLOWEST = [*SLOW, "--algorithm", "lloyd"]


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def answer_of(path):
    """All that is promised, but for the method, which may change on the way."""
    return {name: value for name, value in Result(path).answer().items() if name != "@algorithm"}


class StopTest(ProgramTest):
    """Runs of one command line that end with a checkpoint or a result."""

    def setUp(self):
        super().setUp()
        write_array("even.h5", np.random.default_rng(1).random((100_000, 2), dtype="f4"))

    def check_stopped(self, finished, checkpoint="state", code=75):
        """No result, one checkpoint, and one line that says so."""
        self.assertEqual(finished.code, code, finished)
        self.assertEqual(finished.out, "", finished)
        self.assertRegex(finished.err, rf"(?m)^skymeans: stopped early \({checkpoint}\): .+; run "
                                       r"the same command again to go on\n\Z")
        self.assertNotIn("error", finished.err)
        self.assertNotIn("warning", finished.err)
        self.assertTrue(os.path.exists(checkpoint))
        self.assertEqual(glob.glob(f"{checkpoint}.[!p]*") + glob.glob("out.h5*"), [])

    @staticmethod
    def forget(checkpoint="state"):
        for name in glob.glob(f"{checkpoint}*"):
            os.remove(name)

    def check_done(self, finished, expected, checkpoint="state"):
        self.assertEqual(finished.code, 0, finished)
        self.assertEqual(answer_of("out.h5"), expected, finished)
        self.assertEqual(glob.glob(f"{checkpoint}*"), [])
        os.remove("out.h5")


class Signals(StopTest):
    """Stopped in three places on its way, and on other ranks, threads and methods each time."""

    def check_pieces(self, moments, arguments):
        run("fit", *arguments, "-o", "whole.h5", seconds=PATIENCE)
        command = ["fit", *arguments, "-o", "out.h5", "--checkpoint", "state", "--verbose"]
        for (said, count), (ranks, threads, method) in zip(moments, PLACES):
            finished = stop_at(said, *command, *SLOW, "--threads", threads, "--algorithm", method,
                               ranks=ranks, count=count)
            self.check_stopped(finished)
            self.assertRegex(finished.err, said)
            where = r"after \d+ iterations?;"
            if "of 3" in said:
                where = rf"(in fit [123] of 3, {where}|after fit [12] of 3;)"
            self.assertRegex(finished.err, rf"early \(state\): {where}")
        ranks, threads, method = PLACES[-1]
        finished = run(*command, "--threads", threads, "--algorithm", method, ranks=ranks,
                       seconds=PATIENCE)
        self.assertIn("skymeans: going on from state: ", finished.err)
        self.check_done(finished, answer_of("whole.h5"))

    def test_one_fit(self):
        """Of so many clusters that ranks of the tree share space."""
        self.check_pieces([("iteration", 1), ("iteration", 20), ("iteration", 3)],
                          ["even.h5", "-k", 120, "--tolerance", 0])

    def test_two_words_and_weights(self):
        random = np.random.default_rng(2)
        columns = {name: random.random(60_000) for name in "xyw"}
        columns["x"][77] = 1e15
        write_columns("far.h5", columns)
        self.check_pieces([("iteration", 2), ("iteration", 15), ("iteration", 5)],
                          ["far.h5", "-c", "x,y", "--weights", "w", "-k", 50, "--tolerance", 0])

    def test_restarts(self):
        """In different fits, so that finished ones come from the checkpoint, too."""
        self.check_pieces([("fit 1 of 3, ", 9), ("fit 2 of 3, ", 4), ("fit 3 of 3, ", 2)],
                          ["even.h5", "-k", 120, "--tolerance", 0, "--restarts", 3,
                           "--max-iterations", 60])

    def test_best_fit_is_a_finished_one(self):
        """Fits from few rows differ much; each of them is the best for some random seed."""
        best = set()
        for seed in range(6):
            arguments = ["even.h5", "-k", 12, "--tolerance", 0, "--restarts", 3, "--seeding",
                         "random", "--random-seed", seed]
            run("fit", *arguments, "-o", f"whole{seed}.h5", seconds=PATIENCE)
            best.add(int(Result(f"whole{seed}.h5").data["restarts/inertia"].argmin()))
            command = ["fit", *arguments, "-o", "out.h5", "--checkpoint", "state", "--verbose"]
            self.check_stopped(stop_at("fit 3 of 3, iteration", *command, *SLOW))
            self.check_done(run(*command, ranks=2), answer_of(f"whole{seed}.h5"))
        self.assertEqual(best, {0, 1, 2})

    def test_every_signal_on_mpirun_and_on_ranks(self):
        command = ["fit", "even.h5", "-k", 60, "--tolerance", 0, "-o", "out.h5", "--checkpoint",
                   "state", "--verbose", *SLOWEST]
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2):
            self.check_stopped(stop_at("iteration", *command, ranks=2, number=number))
            self.forget()
        with watched(*command, ranks=2) as going:
            going.wait_for("iteration")
            going.process.send_signal(signal.SIGUSR1)  # mpirun passes it on
            self.check_stopped(going.finish(), code=code_after_signal(75))

    def test_while_seeding(self):
        write_array("wide.h5", np.random.default_rng(2).random((100_000, 16), dtype="f4"))
        command = ["fit", "wide.h5", "-k", 2000, "--seeding-rows", "all", "--max-iterations", 1,
                   "-o", "out.h5"]
        run(*command[:-2], "-o", "whole.h5", seconds=PATIENCE)
        command += ["--checkpoint", "state"]
        for ranks in (1, 4):
            with watched(*command, "--kernel", "reference", "--threads", 1, ranks=ranks) as going:
                going.wait_for("features:")
                time.sleep(0.2)
                going.send(signal.SIGUSR1)
                finished = going.finish()
            self.check_stopped(finished)
            self.assertRegex(finished.err, r"\(state\): while (seeding|reading the catalogue);")
        self.check_done(run(*command, ranks=2, seconds=PATIENCE), answer_of("whole.h5"))

    def test_second_signal_ends_at_once(self):
        """In iterations of a second; the checkpoint of the one before is whole."""
        write_array("wide.h5", blobs(100_000, 8).astype("f4"))
        arguments = ["fit", "wide.h5", "-k", 2000, "--seeding", "random", "--max-iterations", 3]
        run(*arguments, "-o", "whole.h5", seconds=PATIENCE)
        arguments += ["-o", "out.h5", "--checkpoint", "state", "--checkpoint-interval", 0]
        with watched(*arguments, *SLOW, "--threads", 1, "--verbose") as going:
            going.wait_until(lambda: os.path.exists("state"))
            going.send(signal.SIGUSR1)
            time.sleep(0.15)
            going.send(signal.SIGUSR1)
            finished = going.finish()
        self.assertEqual(finished.code, -signal.SIGUSR1, finished)
        self.assertFalse(os.path.exists("out.h5"))
        finished = run(*arguments, ranks=2, seconds=PATIENCE)
        self.assertIn("going on from state: 0 fits done, then 1 iteration\n", finished.err)
        self.check_done(finished, answer_of("whole.h5"))

    def test_without_checkpoint(self):
        """What was fitted so far is the result."""
        for ranks in (1, 2):
            finished = stop_at("iteration +3 ", "fit", "even.h5", "-k", 60, "--tolerance", 0, "-o",
                               "out.h5", "--overwrite", "--verify", *SLOWEST, "--verbose", ranks=ranks)
            self.assertEqual(finished.code, 6, finished)  # not taken for a whole fit
            self.assertRegex(finished.err, r"\nskymeans: warning: stopped early \(out.h5\): a signal "
                                           r"ended it after \d+ iterations; [^\n]+\n\Z")
            result = Result("out.h5")
            self.assertEqual((result.stop_reason, result.converged), ("signal", 0))
            self.assertGreaterEqual(result.n_iterations, 3)
            run("fit", "even.h5", "-k", 60, "--tolerance", 0, "-o", "limited.h5", "--overwrite",
                "--max-iterations", result.n_iterations)
            self.assertEqual(result.checksum, Result("limited.h5").checksum)

    def test_restarts_without_checkpoint(self):
        """The best of the fits so far."""
        finished = stop_at("fit 2 of 9, iteration", "fit", "even.h5", "-k", 60, "--tolerance", 0,
                           "-o", "out.h5", "--restarts", 9, "--max-iterations", 60, *SLOWEST, "--verbose")
        self.assertEqual(finished.code, 6, finished)  # not taken for a whole fit
        self.assertEqual(len(Result("out.h5").data["restarts/inertia"]), 2)
        self.assertRegex(finished.err, r"early \(out.h5\): a signal ended it in fit 2 of 9; kept is "
                                       r"fit [12], after \d+ iterations?;")


class Clock(StopTest):
    def test_time_limits(self):
        """--max-hours and Slurm's end stop a run at any point, on any ranks."""
        command = ["fit", "even.h5", "-k", 60, "--tolerance", 0, "--restarts", 3]
        run(*command, "-o", "whole.h5", seconds=PATIENCE)
        command += ["-o", "out.h5", "--checkpoint", "state"]
        for ranks in (1, 2):
            self.check_stopped(run(*command, *SLOWEST, "--max-hours", 0.3 / 3600, ranks=ranks))
            self.check_stopped(run(*command, *SLOWEST, ranks=ranks,
                                   SLURM_JOB_END_TIME=str(int(time.time()) + 1)))
        self.check_done(run(*command, SLURM_JOB_END_TIME=str(int(time.time()) + 3600)),
                        answer_of("whole.h5"))

    def test_between_fits(self):
        """Fits of one iteration, which is their last: none is stopped itself, but for its seeding."""
        command = ["fit", "even.h5", "-k", 9, "-o", "out.h5", "--max-iterations", 1, "--restarts",
                   100_000, "--max-hours", 1 / 3600]
        for ranks in (1, 2):
            finished = run(*command, "--checkpoint", "state", ranks=ranks)
            self.check_stopped(finished)
            self.assertRegex(finished.err, r"\(state\): (after fit \d+ of 100000"
                                           r"|in fit \d+ of 100000, while seeding);")
            self.forget()
        finished = run(*command, ranks=2)
        self.assertEqual(finished.code, 0, finished)
        n_done = len(Result("out.h5").data["restarts/inertia"])
        self.assertGreater(n_done, 0)
        self.assertRegex(finished.err, r"warning: stopped early \(out.h5\): the time limit ended it "
                                       rf"(after|in) fit ({n_done}|{n_done + 1}) of 100000; kept is ")

    def test_end_of_past_job(self):
        """A shell may keep the variables of a job that is over: nothing stops by them."""
        command = ["fit", "even.h5", "-k", 9]
        run(*command, "-o", "whole.h5")
        for options in ["-q"], ["--checkpoint", "state"], ["--max-hours", 1]:
            finished = run(*command, "-o", "out.h5", *options, ranks=2,
                           SLURM_JOB_END_TIME=str(int(time.time()) - 9))
            self.check_done(finished, answer_of("whole.h5"))
            self.assertEqual("warning: end of a job that is over (SLURM_JOB_END_TIME=" in
                             finished.err, options == ["--checkpoint", "state"])

    def test_without_checkpoint(self):
        finished = run("fit", "even.h5", "-k", 60, "-o", "out.h5", "--tolerance", 0, "--max-hours",
                       1e-9, ranks=2)
        self.assertEqual(finished.code, 0, finished)
        self.assertRegex(finished.err, "warning: stopped early")
        result = Result("out.h5")
        self.assertEqual((result.stop_reason, result.n_iterations), ("time limit", 1))

    def test_no_time_at_all(self):
        """Stopped while it reads; the next command of the same question begins there."""
        command = ["fit", "even.h5", "-k", 9, "-o", "out.h5", "--checkpoint", "state"]
        run(*command[:4], "-o", "whole.h5")
        for ranks in (1, 3):
            self.check_stopped(run(*command, "--max-hours", 1e-9, ranks=ranks))
        self.check_done(run(*command), answer_of("whole.h5"))


@unittest.skipUnless(os.path.exists(FAULTS), "no program was built by `make faults`")
class EveryIteration(StopTest):
    """Stopped after exactly so many iterations, by a result that can't be written."""

    def setUp(self):
        super().setUp()
        random = np.random.default_rng(3)
        write_columns("double.h5", {"x": random.random(3000), "y": random.random(3000),
                                    "w": random.random(3000), "n": np.arange(3000) % 2.0})
        outlier = random.random((3000, 2))
        outlier[5, 1] = 1e15
        write_array("far.h5", outlier)
        write_array("float.h5", random.random((3000, 2), dtype="f4"))
        write_array("same.h5", np.repeat(random.random((5, 2)), 100, axis=0))
        np.savetxt("centers.txt", [[0.5, 0.5], [9, 9], [9, 9], [-7, 0.5], [0.1, 0.1]])

    def check_resumed(self, catalogue, k, *options, after):
        name = "-".join(map(str, [catalogue, *options, after])).replace("/", "")
        output, state = f"{name}.h5", f"{name}.state"
        command = ["fit", catalogue, "-k", k, "--tolerance", 0, *options, "--overwrite"]
        self.assertEqual(run(*command, "-o", f"whole-{output}").code, 0)
        command += ["-o", output, "--checkpoint", state]
        (first, threads, method), (then, *_) = PLACES[after % 4], PLACES[(after + 1) % 4]
        finished = run(*command, "--checkpoint-interval", 0, "--max-iterations", after + 1,
                       "--threads", threads, "--algorithm", method, ranks=first,
                       faults="KM_FAULT=write the contents")
        self.assertEqual(finished.code, 4, finished)
        finished = run(*command, ranks=then)
        self.assertIn(f"going on from {state}: 0 fits done, then {after} iteration", finished.err)
        self.assertEqual(finished.code, 0, finished)
        self.assertEqual(answer_of(output), answer_of(f"whole-{output}"), finished)
        self.assertEqual(glob.glob(f"{state}*"), [])

    def test_all(self):
        cases = [("float.h5", 20), ("double.h5", 20, "-c", "x,y"), ("far.h5", 20),
                 ("double.h5", 20, "-c", "x,y", "--weights", "w", "--scale", "standard"),
                 ("double.h5", 20, "-c", "x,y", "--weights", "n", "--scale", "minmax"),
                 ("float.h5", 5, "--seeding", "centers.txt")]  # three of these are empty at first
        calls = [lambda c=case, n=n: self.check_resumed(*c, after=n)
                 for case in cases for n in (1, 2, 3, 7)]
        calls.append(lambda: self.check_resumed("same.h5", 8, after=1))  # three stay empty
        run_all(calls)

    def test_metrics(self):
        """Those of all goes: checkpoints are a phase, iterations before the stop are there as well,
        and the catalogue was read twice."""
        command = ["fit", "float.h5", "-k", 20, "--tolerance", 0, "-o", "out.h5", "--checkpoint",
                   "state", "--checkpoint-interval", 0, "--metrics", "out.json"]
        self.assertEqual(run(*command[:-4], "--metrics", "one.json").code, 0)
        whole = Result("out.h5").attributes["provenance"]
        os.remove("out.h5")
        run(*command, "--max-iterations", 4, faults="KM_FAULT=write the contents")
        time.sleep(1)
        finished = run(*command)
        self.assertEqual(finished.code, 0, finished)
        metrics, of_one = (read_json(name) for name in ("out.json", "one.json"))
        self.assertGreater(metrics["phases"]["checkpoint"]["max"], 0)
        self.assertEqual((metrics["goes"], of_one["goes"]), (2, 1))
        self.assertEqual(metrics["bytes_read"], 2 * of_one["bytes_read"])
        self.assertIn("\n  goes        2: iterations, seconds and bytes are those of all", finished.out)
        self.assertNotIn("\n  goes ", run("fit", "float.h5", "-k", 2, "-o", "no.h5").out)
        provenance = Result("out.h5").attributes["provenance"]
        self.assertEqual((provenance["goes"], whole["goes"]), (2, 1))
        self.assertLess(provenance["started"], provenance["ended"])  # of the first go
        self.assertEqual([iteration["iteration"] for iteration in metrics["iterations"]],
                         list(range(1, Result("out.h5").n_iterations + 1)))


if __name__ == "__main__":
    unittest.main()
