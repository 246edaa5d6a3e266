"""Two runs on one checkpoint: the second one ends at once, and what the first has done stays."""
import glob
import os
import re
import signal
import sys
import time
import unittest

sys.dont_write_bytecode = True

import numpy as np

from program import ProgramTest, Result, run, write_array
from stopping import PATIENCE, watched

COMMAND = ["fit", "in.h5", "-k", 60, "--tolerance", 0, "-o", "out.h5", "--checkpoint", "state"]
SLOW = ["--kernel", "reference", "--algorithm", "lloyd", "--checkpoint-interval", 0, "--verbose"]


class Lock(ProgramTest):
    def setUp(self):
        super().setUp()
        write_array("in.h5", np.random.default_rng(1).random((100_000, 2), dtype="f4"))

    def check_done(self):
        finished = run(*COMMAND, ranks=2, seconds=PATIENCE)
        self.assertEqual(finished.code, 0, finished)
        self.assertIn("going on from state", finished.err)
        left = [name for name in glob.glob("state*") if not re.match(r"state\.\w{6}$", name)]
        self.assertEqual(left, [])  # but for what a killed run had only half written
        checksum = Result("out.h5").checksum
        run("fit", "in.h5", "-k", 60, "--tolerance", 0, "-o", "whole.h5")
        self.assertEqual(Result("whole.h5").checksum, checksum)

    def test_second_run(self):
        """It ends with a message that names the first, which goes on."""
        for ranks in (1, 3):
            with watched(*COMMAND, *SLOW, ranks=ranks) as going:
                going.wait_for("iteration", 3)
                going.send(signal.SIGSTOP)
                pids, start = going.pids(), time.monotonic()
                second = run(*COMMAND, ranks=2)
                took = time.monotonic() - start
                going.send(signal.SIGCONT)
                going.send(signal.SIGUSR1)
                first = going.finish()
            self.assertEqual(second.code, 4, second)
            self.assertRegex(second.err, r"\A(skymeans: features: [^\n]+\n)?skymeans: error: checkpoint in "
                                         r"use \(state\): process \d+ on \S+ is at work on it; "
                                         r"[^\n]+ remove state.lock\n\Z")
            self.assertIn(int(second.err.split("process ")[1].split()[0]), pids)
            self.assertLess(took, 30)  # it waited for nothing
            self.assertEqual(first.code, 75, first)
            self.assertFalse(os.path.exists("state.lock"))
        self.check_done()

    def test_killed_run(self):
        """Nobody has to tidy up after it, on the same machine."""
        for ranks in (1, 2):
            with watched(*COMMAND, *SLOW, ranks=ranks) as going:
                going.wait_for("iteration", 3)
                going.send(signal.SIGKILL)
                going.finish()
            self.assertTrue(os.path.exists("state.lock"))
            start = time.monotonic()
            self.check_done()
            self.assertLess(time.monotonic() - start, 30)
            os.remove("out.h5")
            os.remove("whole.h5")

    def test_first_run_was_taken_for_dead(self):
        """It notices, and does not write over what the other one has."""
        with watched(*COMMAND, *SLOW) as going:
            going.wait_for("iteration", 3)
            with open("state.lock", encoding="utf-8") as file:
                text = file.read()
            with open("other", "w", encoding="utf-8") as file:
                file.write(text.replace("host ", "host elsewhere-"))
            os.rename("other", "state.lock")
            first = going.finish()
        self.assertEqual(first.code, 4, first)
        self.assertRegex(first.err, r"\nskymeans: error: checkpoint taken over \(state\): process \d+ "
                                    r"on elsewhere-\S+ goes on with it[^\n]+\n\Z")
        self.assertTrue(os.path.exists("state.lock"))
        os.remove("state.lock")
        self.check_done()

    def test_names(self):
        """The lock is no other file."""
        with open("state.lock", "w", encoding="utf-8") as file:
            file.write("precious")
        self.refuse((2, r"output exists \(state.lock\): it is no lock of skymeans", *COMMAND),
                    (2, r"two outputs in one file \(s.lock\)", *COMMAND[:4], "-o", "s.lock",
                     "--checkpoint", "s"))


if __name__ == "__main__":
    unittest.main()
