"""Whole-program tests of --scratch: the same answer with rows on a disk, and what can go wrong there.

Needs the Open MPI variables of the Makefile: `make check TEST=scratch_program`. Catalogues that are
really larger than memory: `make check-scratch`.
"""
import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
import time
import unittest

import numpy as np
from program import BINARY, IS_SANITIZED, SECONDS, ProgramTest, blobs, processes_of, run, run_many, \
    started, write_array, write_columns
from test_disk_program import can_mount, run_on_disk

SCRATCH = ("--scratch", "a:b")


def hostile(n, d):
    """Clusters with far outliers, rows that occur twice, and a feature of a large scale."""
    values = blobs(n, d, 9)
    values[::97] *= 300
    values[1::3] = values[::3][:len(values[1::3])]
    values[:, -1] *= 1000
    values[5::41, 0] = np.nan
    return values


class SameAnswer(ProgramTest):

    def setUp(self):
        super().setUp()
        os.mkdir("a")
        os.mkdir("b")
        for name, (n, d, dtype) in {"three": (9001, 3, "f4"), "ten": (7000, 10, "f8"),
                                    "five": (8000, 5, "f4"), "few": (5, 2, "f4")}.items():
            write_array(f"{name}.h5", hostile(n, d).astype(dtype))
        weights = np.random.default_rng(1).integers(0, 4, 4000).astype("f8")
        values = hostile(4000, 2)
        write_columns("weighted.h5", {"x": values[:, 0], "y": values[:, 1], "w": weights,
                                      "id": np.arange(4000)})

    def test_answers(self):
        """Each way of keeping, sorting and exchanging rows."""
        fits = [
            (("three.h5", 8), 1), (("three.h5", 110, "--restarts", 2), 3),
            (("three.h5", 120, "--algorithm", "tree"), 7),
            (("ten.h5", 40, "--algorithm", "bounds"), 2), (("ten.h5", 12, "--algorithm", "lloyd"), 4),
            (("five.h5", 150, "--algorithm", "neighbours"), 1),
            (("five.h5", 150, "--algorithm", "neighbours", "--verify"), 4),
            (("five.h5", 20, "--seeding", "kmeans-parallel", "--scale", "robust"), 2),
            (("five.h5", "2..5", "--bootstrap", 2, "--describe", "features"), 2),
            (("weighted.h5", 30, "-c", "x,y", "--weights", "w", "--id", "id", "--second"), 3),
            (("few.h5", 4), 3),
        ]
        plain = [(fit, {"ranks": ranks}) for fit, ranks in fits]
        with_scratch = [((*fit, *SCRATCH), {"ranks": ranks}) for fit, ranks in fits]
        results = self.fit_all(plain + with_scratch)
        for (fit, ranks), expected, result in zip(fits, results, results[len(fits):]):
            with self.subTest(fit=fit, ranks=ranks):
                self.assertEqual(result.answer(), expected.answer())
        self.assertEqual(os.listdir("a") + os.listdir("b"), [])

    def test_predict_and_go_on(self):
        self.fit("three.h5", 8, output="model.h5")
        for ranks in (1, 3):
            self.fit("three.h5", 8, "--max-iterations", 3, "--checkpoint", "c", *SCRATCH, ranks=ranks)
        done = run_many([(["predict", "model.h5", "three.h5", "-o", f"{i}.h5", *options], 2)
                         for i, options in enumerate(((), SCRATCH))])
        checksums = [re.search("checksum +([0-9a-f]+)", finished.out).group(1) for finished in done]
        self.assertEqual(checksums[0], checksums[1])

    def test_metrics(self):
        self.fit("three.h5", 8, *SCRATCH, "--metrics", "m.json")
        with open("m.json", encoding="utf-8") as file:
            metrics = json.load(file)
        used = 9001 // 64 * 64 * (3 * 4 + 4)  # by the first assignment: values and labels
        self.assertGreater(metrics["scratch"]["bytes_used"], used)
        self.assertGreaterEqual(metrics["scratch"]["bytes_read"], 0)
        self.assertEqual(metrics["scratch"]["reads"], 0)  # memory is enough
        self.fit("three.h5", 8, "--metrics", "m.json")
        with open("m.json", encoding="utf-8") as file:
            self.assertNotIn("scratch", json.load(file))


class DryRunTest(ProgramTest):

    def setUp(self):
        super().setUp()
        write_array("in.h5", blobs(100_000, 16).astype("f4"))

    def plan(self, *options, **how):
        finished = run("fit", "in.h5", "-k", 256, "--dry-run", *options, **how)
        self.assertEqual(finished.code, 0, finished)
        return finished.out

    def test_node(self):
        """Rows are counted as disk, and the memory beside them is what is left."""
        plain, scratch = self.plan(), self.plan("--scratch", ".", ranks=2)
        memory = re.compile(r"memory +[0-9.]+ MB per rank: .* samples ([0-9.]+),")
        self.assertNotIn("  scratch ", plain)
        self.assertNotIn("  node ", plain)
        self.assertEqual(memory.search(plain).group(1), "6.8")  # 16 values and a row number
        self.assertEqual(memory.search(scratch).group(1), "0.0")
        disk = re.search(r"scratch +([0-9.]+) MB of disk per rank: samples ([0-9.]+), .*\n"
                         r" +reading 0.0, ordering [0-9.]+, .* fitting ([0-9.]+), ", scratch)
        self.assertEqual(disk.group(2), "3.4")
        labels, gaps, moved = 4 * 50_000, 256 * 4 / 64 * 50_000, (8 + 4 + 64) * 50_000
        self.assertAlmostEqual(float(disk.group(3)), 1e-6 * (labels + max(gaps, moved)), delta=0.1)
        node = re.search(r"node +2 ranks: ([0-9.]+) MB of memory of ([0-9.]+), "
                         r"([0-9.]+) MB of disk of ([0-9.]+) free$", scratch, re.MULTILINE)
        self.assertAlmostEqual(float(node.group(3)), 2 * float(disk.group(1)), delta=0.2)

    def test_suggestion(self):
        """A table of which only the header is there: no node has memory for it."""
        os.remove("in.h5")
        write_array("in.h5", None, shape=(2**31, 1000), dtype="f4", chunks=(2**16, 16))
        self.assertRegex(self.plan("--threads", 1), r"  node +1 rank: [0-9.]+ MB of memory of [0-9.]+, which "
                         r"won't do; use more nodes, or\n +--scratch DIR: then [0-9.]+ MB of memory, "
                         r"and [0-9.]+ MB of disk there\n")
        self.assertRegex(self.plan("--threads", 1, "--scratch", "."),
                         r"MB of disk of [0-9.]+ free, which won't do\n")


class Failures(ProgramTest):

    def setUp(self):
        super().setUp()
        write_array("in.h5", np.random.default_rng(1).random((200_000, 3), dtype="f4"))

    def check_failed(self, finished, code, pattern):
        self.assertEqual(finished.code, code, finished)
        self.assertRegex(finished.err, r"\Askymeans: error: [^\n]+\n\Z")
        self.assertRegex(finished.err, pattern)

    @unittest.skipUnless(can_mount(), "only root may mount the small disks")
    def test_full_disk(self):
        """Full at the samples, and later when memory for the order is wanted."""
        for size, ranks in (4096, 3), (1_000_000, 3), (3_000_000, 1), (4_500_000, 3):
            with self.subTest(size=size, ranks=ranks):
                finished, left = run_on_disk(size, ranks, lambda disk: [
                    "fit", "in.h5", "-k", 8, "-o", "out.h5", "--scratch", disk, "--quiet"])
                self.check_failed(finished, 4, r"scratch folder \(.*No space left on device")
                self.assertEqual((left, os.path.exists("out.h5")), ([], False))

    @unittest.skipIf(IS_SANITIZED, "the sanitizer takes addresses of its own")
    def test_limit_of_addresses(self):
        """Too low for the rows, but not for the program, whose libraries take some of it."""
        os.remove("in.h5")
        write_array("in.h5", None, shape=(2**28, 4), dtype="f4", chunks=(2**16, 4))
        words = ["fit", "in.h5", "-k", "3", "-o", "out.h5", "--scratch", ".", "--threads", "1"]
        with tempfile.TemporaryDirectory(prefix="ompi-") as folder:
            done = subprocess.run(
                ["bash", "-c", 'ulimit -v 4000000; exec "$@"', "bash", BINARY, *words],
                capture_output=True, text=True, timeout=SECONDS, check=False,
                env=os.environ | {"OMPI_MCA_orte_tmpdir_base": folder})
        self.assertEqual(done.returncode, 5, done)
        self.assertRegex(done.stderr, r"(?m)^skymeans: error: out of memory \(samples of this rank\)"
                                      r"[^\n]*scratch[^\n]*ulimit -v[^\n]+\n\Z")
        self.assertEqual(sorted(os.listdir()), ["in.h5"])

    def test_kill(self):
        """Killed while rows are there: no name is left, and the system gives the disk back."""
        os.mkdir("scratch")
        with started("fit", "in.h5", "-k", 50, "-o", "out.h5", "--scratch", "scratch", "--tolerance", 0,
                     "--max-iterations", 1_000_000, "--restarts", 1000) as process:
            self.assertTrue(wait_until(lambda: mapped_by(process.pid, "/#")))
            self.assertEqual(os.listdir("scratch"), [])
            process.kill()
            process.wait(SECONDS)
        self.assertEqual((os.listdir("scratch"), os.path.exists("out.h5")), ([], False))

    def test_lost_disk(self):
        """The signal of the system that a page can't be read: one message, no rank left."""
        for ranks in (1, 2):
            with self.subTest(ranks=ranks), \
                    started("fit", "in.h5", "-k", 50, "-o", "out.h5", "--scratch", ".", "--restarts",
                            100_000, "--quiet", ranks=ranks) as process:
                self.assertTrue(wait_until(lambda: mapped_by(process.pid, "/#")))
                os.kill(mapped_by(process.pid, "/#"), signal.SIGBUS)
                _, err = process.communicate(timeout=SECONDS)
                self.assertEqual(process.returncode, 4, err)
                self.assertRegex(err, r"(?m)^skymeans: error: lost rows \(--scratch\): [^\n]+$")
                self.assertFalse(os.path.exists("out.h5"))

    def test_lost_folder(self):
        """A folder that goes while the run has rows there: what is wanted next is refused."""
        os.mkdir("scratch")
        with started("fit", "in.h5", "-k", 50, "-o", "out.h5", "--scratch", "scratch", "--restarts",
                     1000, "--quiet") as process:
            self.assertTrue(wait_until(lambda: mapped_by(process.pid, "/#")))
            os.rmdir("scratch")
            _, err = process.communicate(timeout=SECONDS)
        self.assertEqual(process.returncode, 4, err)
        self.assertRegex(err, r"\Askymeans: error: can't use scratch folder \(scratch\): "
                              r"No such file or directory[^\n]+\n\Z")


def mapped_by(leader, words):
    """A process of those of a leader that has mapped a file of scratch whose name has these words; or
    None."""
    for process in processes_of(leader):
        with contextlib.suppress(OSError), open(f"/proc/{process}/maps", encoding="utf-8") as file:
            if re.search(rf" {re.escape(os.getcwd())}/?.*{re.escape(words)}", file.read()):
                return process
    return None


def wait_until(condition):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


if __name__ == "__main__":
    unittest.main()
