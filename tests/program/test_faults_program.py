"""Failures on purpose on one of three ranks: each ends on all of them with one message.

The program is built once more with KM_FAULTS (`make faults`); the list of places is read from the
sources, so that a new place is walked from the day it is written.
"""
import contextlib
import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import numpy as np
from launcher import MPIRUN
from program import FAULTS, MPIRUN_NOTICE, NO_WAITING, ROOT, ProgramTest, Result, contents, \
    end_session, run, run_all, write_columns

SECONDS = 60
MOCK = ["generate", "out.h5", "--rows", "1000", "--columns", "2", "-k", "3", "--chunk-rows", "64",
        "--overwrite"]
OPTIONS = ["-k", "3", "-o", "out.h5", "--metrics", "out.json", "--distances", "--verify",
           "--overwrite", "--id", "name"]
CHECKPOINT = ["--checkpoint", "out.state", "--checkpoint-interval", "0"]
NO_FAULT = "KM_NO_FAULT=1"
PLAIN = "read values without HDF5"  # which HDF5 reads then, and nothing fails


def places():
    """All places in the sources at which a call to the world can be made to fail."""
    found = set()
    for path in glob.glob(os.path.join(ROOT, "src", "*", "*.c")):
        with open(path, encoding="utf-8") as file:
            found.update(re.findall(r'km_fault\("([^"]+)"\)', file.read()))
    return sorted(found - {PLAIN})


def run_with_faults(faults, arguments, folder=".", **settings):
    """Exit code and what the program said on stderr; `faults` has a rank's setting each."""
    more = [f"{name}={text}" for name, text in settings.items()]
    done = run(*arguments, ranks=len(faults), seconds=SECONDS, folder=folder,
               faults=[(fault, *more) for fault in faults])
    return done.code, done.err


def start_with_faults(faults, arguments):
    """The same in a start of its own, as a launcher has it."""
    command = [*MPIRUN]
    for number, fault in enumerate(faults):
        command += [":"] * (number > 0) + ["-n", "1", "env", fault, FAULTS, *arguments]
    with tempfile.TemporaryDirectory(prefix="skymeans-mpi-") as scratch:
        environment = {**os.environ, **NO_WAITING, "OMPI_MCA_orte_tmpdir_base": scratch}
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, start_new_session=True,
                                   env=environment)
        try:
            _, err = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            end_session(process.pid)
            raise AssertionError(f"hangs with {faults}: {process.communicate()[1]}") from None
    return process.returncode, MPIRUN_NOTICE.sub("", err)


@unittest.skipUnless(os.path.exists(FAULTS), "no program was built by `make faults`")
class Faults(ProgramTest):
    """Old outputs are there before each run: they are replaced as a whole, or stay."""

    def setUp(self):
        super().setUp()
        values = np.random.default_rng(1).normal(size=(1000, 2))
        values[::50, 0] = np.nan
        names = np.array([f"star {i}" for i in range(1000)], object)
        write_columns("in.h5", {"a": values[:, 0], "b": values[:, 1], "name": names})
        with open("centers.txt", "w", encoding="utf-8") as file:
            file.write("0 0\n1 1\n-1 -1\n")
        with open("list.txt", "w", encoding="utf-8") as file:
            file.write("in.h5\n")
        run("fit", "in.h5", "-k", "3", "-o", "model.h5")
        for name in ("out.h5", "out.json"):
            with open(name, "wb") as file:
                file.write(b"old")
        self.names = os.listdir()

    def arguments(self, seeding):
        return ["fit", "@list.txt", "--seeding", seeding, *OPTIONS]

    def check_failed(self, place, code, err, is_changed):
        codes = {"read other values again": (1,), "start touching the lock": (5,),
                 "make a thread": (5,), "compress the mock": (5,), "map scratch": (5,)}
        self.assertIn(code, codes.get(place, (3, 4)), err)
        said = re.sub(r"^(skymeans: features: -c |iteration ).*\n", "", err, flags=re.MULTILINE)
        self.assertRegex(said, r"\Askymeans: error: [^\n]+\n\Z")
        self.assertFalse(is_changed)

    def walk(self, rank, place):
        """A run that fails there, in a folder of its own: its exit code, what it said, and whether it
        changed or left files, but for checkpoints, which stay when a run fails."""
        folder = f"{rank}-{place}"
        os.mkdir(folder)
        for name in self.names:
            shutil.copy(name, folder)
        before = contents(folder)
        faults = [NO_FAULT] * 3
        faults[rank] = f"KM_FAULT={place}"
        arguments = [*self.arguments("kmeans++"), *CHECKPOINT]
        if place == "read the model":
            arguments = ["predict", "model.h5", "in.h5", "-o", "out.h5", "--overwrite"]
        if "scratch" in place:
            arguments += ["--scratch", "."]
        if "the mock" in place:
            packs = "chunks" in place or "compress" in place
            arguments = [*MOCK, "--compress", "1" if packs else "0"]
        code, err = run_with_faults(faults, arguments, folder)
        for name in ("out.state", "out.state.prev"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(folder, name))
        return code, err, contents(folder) != before

    def walk_all(self, rank):
        """Pairs of a place and what came of it."""
        return zip(places(), run_all([lambda place=place: self.walk(rank, place)
                                      for place in places()]))

    def test_every_place_on_the_first_rank(self):
        """The first rank goes through all of them."""
        self.assertGreater(len(places()), 15)
        for place, done in self.walk_all(0):
            with self.subTest(place=place):
                self.check_failed(place, *done)

    def test_places_of_all_ranks_on_the_last_rank(self):
        """Where the last rank passes, too, it fails alike and is named; elsewhere all goes well."""
        failed = set()
        for place, done in self.walk_all(2):
            with self.subTest(place=place):
                if done[0] != 0:
                    failed.add(place)
                    self.check_failed(place, *done)
        self.assertLessEqual({"compress the mock", "open the file", "open a dataset", "read a piece", "write rows",
                              "read rows back", "compare rows"}, failed)

    def test_rank_and_rows_are_named(self):
        for place, words in {"read a piece": ("in.h5", "/table/columns/name/data"),
                             "write rows": ("out.h5", "labels")}.items():
            _, err, _ = self.walk(1, place)
            self.assertRegex(err, r"rows 384 to 703, rank 1")
            for word in words:
                self.assertIn(word, err)

    def test_the_code_is_that_of_the_launcher(self):
        for rank in (0, 2):
            faults = [NO_FAULT] * 3
            faults[rank] = "KM_FAULT=open the file"
            before = contents()
            code, err = start_with_faults(faults, self.arguments("kmeans++"))
            self.check_failed("open the file", code, err, contents() != before)

    def test_hdf5_reads_what_can_not_be_read_without_it(self):
        for faults in ([NO_FAULT] * 3, [NO_FAULT, f"KM_FAULT={PLAIN}", NO_FAULT]):
            code, err = start_with_faults(faults, [*self.arguments("kmeans++"), "--threads", "2"])
            self.assertEqual(code, 0, err)
            shutil.copy("out.h5", f"{faults[1]}.h5".replace("/", ""))
        expected, result = Result(f"{NO_FAULT}.h5"), Result(f"KM_FAULT={PLAIN}.h5")
        self.assertEqual(result.checksum, expected.checksum)

    def test_every_allocation(self):
        """The n-th allocation of the middle rank fails, for every n until none is left. Other seedings
        differ in what they allocate between reading and the beginning of the fit, and first centers
        from a file before the samples: `make check-faults` has them, too."""
        reading = self.fail_allocations("kmeans++", 1, None)["samples of this rank"]
        if "KM_ALL_SEEDINGS" not in os.environ:
            return
        for seeding in ("kmeans-parallel", "random"):
            found = self.fail_allocations(seeding, reading, "grids of features")
            self.assertIn("first centers", found)
        found = self.fail_allocations("centers.txt", 1, "samples of this rank")
        self.assertIn("first centers", found)

    def test_every_allocation_of_a_mock(self):
        for level in "01":
            found = self.fail_allocations(level, 1, None, [*MOCK, "--compress", level])
            self.assertIn("rows of the mock", found)

    def test_every_allocation_of_verify(self):
        """Up to the second reading, which has another way to find columns, and from the checks on."""
        arguments = ["verify", "model.h5", "in.h5"]
        found = self.fail_allocations(None, 1, None, arguments)
        self.assertLessEqual({"a result", "labels", "rows that are read again"}, set(found))
        finished = run_all([lambda i=i: run_with_faults(
            [NO_FAULT, f"KM_FAULT_ALLOCATION={i}", NO_FAULT], arguments, KM_FAULT_AFTER="answer")
            for i in range(1, 41)])
        failed = [end for end in finished if end[0] != 0]
        self.assertGreater(len(failed), 15)
        self.assertEqual(finished[len(failed):], [(0, "")] * (40 - len(failed)))
        for code, err in failed:
            self.check_one_message(code, err)
        self.assertIn("(verification)", failed[-1][1])

    def test_allocations_for_resampled_rows(self):
        """One rank has no memory for them, in the middle of collective steps."""
        arguments = ["fit", "in.h5", "-k", "2,3", "--bootstrap", "1", "-o", "out.h5", "--overwrite"]
        for i, (code, err) in enumerate(run_all([lambda i=i: run_with_faults(
                [NO_FAULT, f"KM_FAULT_ALLOCATION={i}", NO_FAULT], arguments, KM_FAULT_AFTER="resampling")
                for i in range(1, 9)]), 1):
            with self.subTest(allocation=i):
                self.check_one_message(code, err)

    def fail_allocations(self, seeding, first, last, arguments=None):
        """Up to the first allocation for `last`, or to the end: the first of each name."""
        arguments = arguments or self.arguments(seeding)
        before, n, at_once, begins = contents(), first, 10, {}
        while True:
            done = run_all([lambda i=i: run_with_faults(
                [NO_FAULT, f"KM_FAULT_ALLOCATION={i}", NO_FAULT], arguments)
                for i in range(n, n + at_once)])
            for i, (code, err) in enumerate(done, n):
                if code != 0:
                    with self.subTest(seeding=seeding, allocation=i):
                        self.check_one_message(code, err)
                    begins.setdefault(re.search(r"out of memory \(([^)]*)\)", err).group(1), i)
            n += at_once
            if last in begins or any(code == 0 for code, _ in done):
                self.assertTrue(last is None or last in begins, begins)
                return begins
            self.assertEqual(contents(), before)

    def check_one_message(self, code, err):
        self.assertEqual(code, 5, err)
        self.assertEqual(len(re.findall("^skymeans: error: out of memory", err, re.MULTILINE)), 1,
                         err)
        self.assertIn("[rank 1 of 3]", err)


if __name__ == "__main__":
    unittest.main()
