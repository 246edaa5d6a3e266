"""Checkpoints as files: which a run goes on from, which it refuses, and which it leaves behind."""
import glob
import os
import shutil
import sys
import unittest

sys.dont_write_bytecode = True

import h5py
import numpy as np

from program import FAULTS, ProgramTest, Result, contents, run, run_all, write_array, write_columns

OPTIONS = ["-k", 20, "--tolerance", 0]


def write_catalogue(path="in.h5", seed=1):
    random = np.random.default_rng(seed)
    write_columns(path, {name: random.random(2000) for name in "xyzw"})


def command(*options, catalogue="in.h5", columns="x,y"):
    return ["fit", catalogue, "-c", columns, *OPTIONS, "-o", "out.h5", *options, "--checkpoint",
            "state"]


@unittest.skipUnless(os.path.exists(FAULTS), "no program was built by `make faults`")
class CheckpointFiles(ProgramTest):
    def setUp(self):
        super().setUp()
        write_catalogue()
        run("fit", "in.h5", "-c", "x,y", *OPTIONS, "-o", "whole.h5")
        self.whole = Result("whole.h5").answer()

    def leave(self, n_iterations=5, *options, **how):
        """The files of a run that was stopped: state has so many iterations, state.prev one less."""
        for name in glob.glob("state*"):
            os.remove(name)
        finished = run(*command(*options, **how), "--checkpoint-interval", 0, "--max-iterations",
                       n_iterations + 1, faults="KM_FAULT=write the contents")
        self.assertEqual(finished.code, 4, finished)
        self.assertEqual(sorted(glob.glob("state*")), ["state", "state.prev"])

    def check_goes_on(self, n_iterations, warning=None, ranks=1):
        """Goes on with so many iterations to the right result, and takes both files away."""
        finished = run(*command(), ranks=ranks)
        self.assertEqual(finished.code, 0, finished)
        self.assertIn(f"going on from state: 0 fits done, then {n_iterations} iteration",
                      finished.err)
        if warning:
            self.assertRegex(finished.err, f"\nskymeans: warning: {warning}|"
                                           f"^skymeans: warning: {warning}")
        else:
            self.assertNotIn("warning", finished.err)
        self.assertEqual(Result("out.h5").answer(), self.whole)
        self.assertEqual(glob.glob("state*"), [])
        os.remove("out.h5")

    def test_another_question(self):
        """What differs is named, and the checkpoint stays; the same question goes on after all."""
        write_catalogue("other.h5")
        self.leave()
        others = [(("--random-seed", 1), "random-seed: 0", "random-seed: 1"),
                  (("-k", 21), "clusters: 20", "clusters: 21"),
                  (("-c", "x,z"), "feature 1: y", "feature 1: z"),
                  (("--scale", "standard"), "scale: none", "scale: standard"),
                  (("--scale", "robust"), "scale: none", r"scale: robust \(linear quantiles\)"),
                  (("--tolerance", 1e-3), "tolerance: 0", "tolerance: 0.001"),
                  (("--seeding", "random"), r"seeding: kmeans\+\+", "seeding: random"),
                  (("--seeding-rows", 99), "seeding-rows: 100000", "seeding-rows: 99"),
                  (("--restarts", 2), "restarts: 1", "restarts: 2"),
                  (("--raw",), "raw: 0", "raw: 1"),
                  (("--fill-is-missing",), "fill-is-missing: 0", "fill-is-missing: 1"),
                  (("--missing", "error"), "missing: drop", "missing: error"),
                  (("--weights", "w"), "weights: ", "weights: w")]
        cases = [(3, rf"checkpoint of another question \(state\): it has '{there}[^']*', and now it "
                     rf"is '{now}[^']*'; run the command", *command(*options))
                 for options, there, now in others]
        cases += [(3, r"question \(state\): it has 'feature 1: y', and now there is none; run",
                   *command("-c", "x")),
                  (3, r"question \(state\): now there is 'missing-value: x:-9', and it has none; run",
                   *command("--missing-value", "x:-9"))]
        cases.append((3, r"'catalogue: in.h5'[^']*'catalogue: other.h5'",
                      *command(catalogue="other.h5")))
        self.refuse(*cases[:2])
        self.refuse(*cases[2:], ranks=(1,))
        self.check_goes_on(5)

    def test_restarts_keep_their_limit(self):
        """A fit that is done had it."""
        self.leave(5, "--restarts", 2, "--random-seed", 1)
        self.refuse((3, "it has 'max-iterations: 6', and now it is 'max-iterations: 300'",
                     *command("--restarts", 2, "--random-seed", 1)), ranks=(1,))

    def test_catalogue_that_changed(self):
        self.leave()
        times = os.stat("in.h5").st_mtime_ns
        os.utime("in.h5", ns=(times, times + 10 ** 9))
        self.refuse((3, "another question .*'last change of the catalogue, in seconds since 1970: ",
                     *command()))
        with open("in.h5", "ab") as file:
            file.write(b"more")
        os.utime("in.h5", ns=(times, times))
        self.refuse((3, "another question .*'size of the catalogue in bytes: ", *command()))
        os.remove("in.h5")
        write_catalogue(seed=2)
        os.utime("in.h5", ns=(times, times))
        self.refuse((3, r"the catalogue has changed \(in.h5\): its values are not those of the "
                        "checkpoint state; remove", *command()))
        os.remove("in.h5")
        write_catalogue()
        os.utime("in.h5", ns=(times, times))
        self.check_goes_on(5)

    def test_first_centers_that_changed(self):
        """By what they are, not by the name and time of their file; HDF5 or text."""
        centers = np.random.default_rng(4).random((20, 2))
        np.savetxt("centers.txt", centers, fmt="%.17g")
        write_array("centers.h5", centers)
        for name in ("centers.txt", "centers.h5"):
            shutil.copy(name, "kept")
            self.leave(5, "--seeding", name)
            if name == "centers.txt":
                np.savetxt(name, centers + [0, 1e-9], fmt="%.17g")
            else:
                with h5py.File(name, "r+") as file:
                    file["points"][19, 1] += 1e-9
            self.refuse((3, "another question .*'hash of the first centers: [0-9a-f]{16}', and now",
                         *command("--seeding", name)))
            shutil.copy("kept", name)
            finished = run(*command("--seeding", name), ranks=2)
            self.assertEqual(finished.code, 0, finished)
            self.assertIn("going on from state", finished.err)
            os.remove("out.h5")

    def test_damaged(self):
        """The one before takes its place, with a warning; are both damaged, nothing does."""
        self.leave()
        with open("state", "rb") as file:
            good = file.read()
        middle = len(good) // 2
        bad = [good[:middle], good[:-1], good[:3], b"", good + b"\0",
               good[:middle] + bytes([good[middle] ^ 4]) + good[middle + 1:], bytes(len(good)),
               good[:-8] + bytes(8), b"x,y\n1,2\n3,4\n"]
        previous = "state.prev"
        for i, damaged in enumerate(bad):
            self.leave()
            with open("state", "wb") as file:
                file.write(damaged)
            shutil.copy(previous, "kept")
            with open(previous, "wb") as file:
                file.write(bad[i - 1])
            self.refuse((3, r"damaged checkpoint \(state\): it is not whole, or not a checkpoint",
                         *command()), ranks=(1 + i % 3,))
            os.replace("kept", previous)
            self.check_goes_on(4, r"damaged checkpoint \(state\): [^\n]+; going on from "
                                  "state.prev\n", ranks=1 + i % 2)

    def test_missing(self):
        """Of a run that ended while it renamed them."""
        self.leave()
        os.remove("state")
        self.check_goes_on(4)
        self.leave()
        os.remove("state.prev")
        self.check_goes_on(5)

    def test_another_version(self):
        """It is not damaged, so the one before doesn't take its place."""
        for version in (b"1", b"2", b"5"):
            self.leave()
            with open("state", "r+b") as file:
                head = file.readline()
                self.assertEqual(head, b"skymeans checkpoint 4\n")
                file.seek(len(head) - 2)
                file.write(version)
            self.refuse((3, r"checkpoint of another version \(state\): it has format "
                            rf"{version.decode()}, and this program knows 4", *command()))

    def test_names(self):
        """Neither the checkpoint nor the one before may be another file of the run."""
        os.mkdir("folder")
        os.symlink(".", "here")
        done = [("in.h5", []), ("out.h5", []), ("here/out.h5", []),
                ("m", ["--metrics", "m"]), ("m", ["--metrics", "m.prev"]), ("folder", []),
                ("m", ["--metrics", "m.lock"])]
        cases = [(2, "(two outputs in one file|output exists)", *command(*options)[:-1], name)
                 for name, options in done]
        os.rename("in.h5", "in.prev")
        cases.append((2, r"output exists \(in.prev\)", "fit", "in.prev", *OPTIONS, "-o", "out.h5",
                      "--checkpoint", "in"))
        cases.append((2, r"two outputs in one file \(o.prev\)", "fit", "in.prev", *OPTIONS, "-o",
                      "o.prev", "--checkpoint", "o"))
        shutil.copy("in.prev", "in.h5")
        cases.append((4, r"can't write the file \(none/state\)", *command()[:-1], "none/state"))
        self.refuse(*cases, ranks=(1,))
        self.refuse(cases[1], cases[-1], ranks=(3,))

    def test_nothing_to_do_with_the_output(self):
        """A command that is refused leaves a checkpoint alone."""
        self.leave()
        shutil.copy("whole.h5", "out.h5")
        self.refuse((2, r"output exists \(out.h5\)", *command()))

    def test_allocations(self):
        """The n-th fails while a run goes on from a checkpoint and writes others."""
        self.leave()
        before, n, at_once, is_done = contents(), 1, 10, False
        while not is_done:
            done = run_all([lambda i=i: self.fail_allocation(i) for i in range(n, n + at_once)])
            is_done = any(finished.code == 0 for finished in done)
            for i, finished in enumerate(done, n):
                if finished.code != 0:
                    self.assertEqual(finished.code, 5, f"allocation {i}: {finished}")
                    self.assertRegex(finished.err, r"(?m)^skymeans: error: out of memory [^\n]+\n\Z")
            n += at_once
        self.assertGreater(n, 60)
        self.assertEqual(contents(), before)

    @staticmethod
    def fail_allocation(i):
        """With files of its own."""
        for name in ("state", "state.prev"):
            shutil.copy(name, f"{i}.{name}")
        finished = run("fit", "in.h5", "-c", "x,y", *OPTIONS, "-o", f"{i}.h5", "--checkpoint",
                       f"{i}.state", "--checkpoint-interval", 0, "--max-iterations", 8,
                       faults=f"KM_FAULT_ALLOCATION={i}")
        for name in glob.glob(f"{i}.*"):
            os.remove(name)
        return finished


if __name__ == "__main__":
    unittest.main()
