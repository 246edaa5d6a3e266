"""The n-th call to the system, to HDF5 or to MPI fails, once or from then on, on one of three ranks.

The run then gives the right answer, or one error; an MPI that reports an error ends the job. The old
outputs are replaced as a whole or stay, and nothing half-written is left. By default some calls of each
group fail; KM_CALLS=1 (`make check-calls`) has every one, and prints what came of each.
"""
import collections
import glob
import itertools
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import unittest
from unittest import mock

sys.dont_write_bytecode = True

import numpy as np

from launcher import MPICC, is_open_mpi
from program import BINARY, IS_SANITIZED, MANY, ROOT, Going, ProgramTest, Result, contents, run, write_columns

SOURCE = os.path.join(ROOT, "tests", "support", "fail_calls.c")
STEP = int(os.environ.get("KM_CALLS", "0"))  # every so many calls fail; 0: a few of each group
FEW = 3
SECONDS = int(os.environ.get("KM_SECONDS", "20"))  # for one run
# What calls return when they fail, and errno.
SYSTEM = {
    "memory": [("malloc calloc realloc open_memstream", "0", "ENOMEM"), ("mmap", "-1", "ENOMEM"),
               ("posix_memalign", "ENOMEM", "0"), ("pthread_create", "EAGAIN", "0")],
    "files": [("open stat lstat fstat access readlink statfs statvfs lseek mkstemp mkostemp close fclose "
               "memfd_create fcntl", "-1", "EIO"), ("fopen opendir realpath", "0", "EIO")],
    "reading": [("read pread preadv", "-1", "EIO")],
    "writing": [("write pwrite pwritev fallocate fflush", "-1", "ENOSPC"),
                ("fsync rename renameat2 ftruncate fchmod futimens sync_file_range", "-1", "EIO"),
                ("posix_fallocate", "ENOSPC", "0")],
    "removing": [("unlink", "-1", "EIO")],
}
RETURN_ZERO = {"H5Tget_size", "H5Dget_storage_size", "H5Tget_member_name", "H5Tget_member_offset"}
# They report errors, start and end HDF5, or only look at what this process knows.
CAN_NOT_FAIL = re.compile(r"H5E|H5(open|close|check_version|free_memory|get_libversion)$|"
                          r"MPI_(Init|Final|Get_|Query|Comm_(rank|size|set|free)|Type_(size|free))")
MPI_ENDS_IT = "ended by MPI"
NO_METRICS = "no metrics, but the result is complete"


def functions_called():
    """Those of HDF5 and MPI that the program calls."""
    names = subprocess.run(["nm", "-D", "--undefined-only", BINARY], check=True, text=True,
                           capture_output=True).stdout
    return sorted(name for name in re.findall(r" U (H5\w+|MPI_\w+)", names)
                  if not CAN_NOT_FAIL.match(name))


def write_table(path):
    """The lines of calls.h for fail_calls.c."""
    rows = [(group, name, value, error) for group, kinds in SYSTEM.items()
            for names, value, error in kinds for name in names.split()]
    rows += [("mpi" if name.startswith("MPI") else "hdf5", name,
              "0" if name in RETURN_ZERO else "-1", "0") for name in functions_called()]
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(f"CALL({', '.join(row)})\n")


@unittest.skipIf(IS_SANITIZED, "the sanitizer wants to be the first library")
@unittest.skipUnless(platform.machine() == "x86_64", "the stubs are for x86-64")
class Calls(ProgramTest):
    def setUp(self):
        super().setUp()
        write_table("calls.h")
        subprocess.run([*MPICC, "-O1", "-shared", "-fPIC", "-D_GNU_SOURCE", "-I.", "-o", "fail.so",
                        SOURCE, "-ldl"], check=True)
        values = np.random.default_rng(1).normal(size=(1000, 2))
        values[::50, 0] = np.nan
        names = np.array([f"star {i}" for i in range(1000)], object)
        os.mkdir("inputs")
        write_columns("inputs/in.h5", {"a": values[:, 0], "b": values[:, 1], "name": names},
                      chunks=(128,))
        write_columns("inputs/plain.h5", {"a": values[:, 0], "b": values[:, 1],
                                          "name": np.arange(1000)})
        for name in ("out.h5", "out.json"):
            with open(f"inputs/{name}", "wb") as file:
                file.write(b"old")
        others = filter(None, [os.environ.get("LD_PRELOAD")])
        preloaded = mock.patch.dict(os.environ, LD_PRELOAD=":".join([os.path.abspath("fail.so"), *others]))
        preloaded.start()
        self.addCleanup(preloaded.stop)
        self.n_runs, self.table = 0, collections.defaultdict(collections.Counter)

    def walk(self, group, n, how, rank, arguments):
        """A run whose n-th call of the group fails on a rank: the name of that call, or None if there
        are not so many; and what came of it."""
        self.n_runs += 1
        folder = f"{group}-{n}-{how}-{rank}-{self.n_runs}"
        shutil.copytree("inputs", folder)
        before = contents(folder)
        note = os.path.abspath(f"{folder}.note")
        faults = [["KM_NO_FAULT=1"] for _ in range(3)]
        if group is not None:
            faults[rank] = [f"KM_FAIL_CALL={group} {n} {how} {self.n_runs}", f"KM_FAIL_NOTE={note}"]
        try:
            done = run(*arguments, ranks=3, folder=folder, faults=faults, many=MANY,
                       seconds=SECONDS)
            outcome = self.outcome(done, folder, before, group == "removing")
        except AssertionError as why:
            outcome = str(why)
            is_said = len(re.findall("^skymeans: error: [^\\n]+: ", outcome, re.MULTILINE)) == 1
            if " at once\n" in outcome and (group == "mpi" or is_said):
                self.check_old_or_whole(folder, before)
                outcome = MPI_ENDS_IT
        name = None
        if os.path.exists(note):
            with open(note, encoding="utf-8") as file:
                name = file.read()
        shutil.rmtree(folder)
        return name, outcome

    def check_old_or_whole(self, folder, before):
        """What has its final name; a run may fail after it gave it. The contents, if the old ones stood."""
        now = contents(folder)
        for name in (f"{folder}/out.h5", f"{folder}/out.json"):
            if now.get(name) != before[name]:
                self.check_answer(folder, has_metrics=False)
                now[name] = before[name]
        return now

    def outcome(self, done, folder, before, can_not_remove):
        """Checkpoints stay when a run fails, and whatever can't be removed stays, too."""
        for left in glob.glob(f"{folder}/out.state*" if can_not_remove else f"{folder}/out.state") + \
                glob.glob(f"{folder}/out.*.??????") * can_not_remove + \
                glob.glob(f"{folder}/out.state.[pl]*"):  # the one before, and the lock
            if os.path.exists(left):
                os.remove(left)
        if done.code == 0:
            self.check_answer(folder, NO_METRICS not in done.err)
            self.assertEqual(contents(folder).keys(), before.keys(), done)
            return "right answer"
        self.assertIn(done.code, (1, 3, 4, 5), done)
        said = re.sub(r"^(skymeans: (features: -c|warning: )|iteration |mca_fbtl_).*\n", "", done.err, flags=re.MULTILINE)
        self.assertRegex(said, r"\Askymeans: error: [^\n]+\n\Z", done)
        self.assertEqual(self.check_old_or_whole(folder, before), before, done)
        return f"error {done.code}"

    def check_answer(self, folder, has_metrics):
        """Metrics that could not be written leave the old ones."""
        result = Result(f"{folder}/out.h5")
        result.data = {name: np.array(values.tolist()) if values.dtype.hasobject else values
                       for name, values in result.data.items()}  # texts, and not where they lie
        answer = result.answer()
        if self.expected is None:
            self.expected = answer
        self.assertEqual(answer, self.expected)
        with open(f"{folder}/out.json", encoding="utf-8") as file:
            text = file.read()
        if has_metrics or text != "old":
            json.loads(text)

    @staticmethod
    def numbers(step):
        """Which calls fail: each so many until there are no more, or a few of those that there are."""
        if step > 0:
            yield from itertools.count(1, step)
        for n in range(FEW):
            yield 1 + n * n * 7

    def fail_calls(self, group, ranks=(0, 1), catalogue="in.h5", more=("--verify",), step=STEP,
                   hows=("once", "on")):
        arguments = ["fit", catalogue, "-k", 3, "-c", "a,b", "-o", "out.h5", "--metrics", "out.json",
                     "--distances", *more, "--overwrite", "--id", "name", "--max-iterations", 5,
                     "--checkpoint", "out.state", "--checkpoint-interval", 0, "--scratch", ".",
                     "--threads", 2]
        self.expected = None
        self.assertEqual(self.walk(None, 0, "", 0, arguments)[1], "right answer")
        for rank in ranks:
            for how in hows:
                for n in self.numbers(step):
                    name, outcome = self.walk(group, n, how, rank, arguments)
                    with self.subTest(group=group, n=n, how=how, rank=rank, name=name):
                        may_end = group == "mpi" or name == "H5Fopen"  # of some ranks together
                        allowed = r"right answer|error \d" + f"|{MPI_ENDS_IT}" * may_end
                        self.assertRegex(outcome, rf"\A({allowed})\Z")
                    if name is None:
                        break
                    self.table[name][outcome if len(outcome) < 20 else "WRONG"] += 1
        self.assertTrue(self.table)
        Going.get(3, MANY).is_broken = True  # what failed may keep HDF5 or MPI from ending well
        self.print_table(group)

    def print_table(self, group):
        if STEP == 0:
            return
        for name, outcomes in sorted(self.table.items()):
            told = ", ".join(f"{count} {what}" for what, count in sorted(outcomes.items()))
            print(f"| {group} | `{name}` | {sum(outcomes.values())} | {told} |", flush=True)

    def test_memory(self):
        self.fail_calls("memory")

    def test_files(self):
        self.fail_calls("files")

    def test_opening_together(self):
        """One of three ranks could open the file alone, but not with the others: MPI ends the job."""
        arguments = ["fit", "in.h5", "-k", 3, "-c", "a,b", "-o", "out.h5", "--overwrite", "--metrics", "out.json"]
        for rank in (0, 1):
            outcomes = [self.walk("H5Fopen", n, "once", rank, arguments)[1] for n in (1, 2, 3)]
            self.assertIn(MPI_ENDS_IT, outcomes)
            self.assertLessEqual(set(outcomes), {MPI_ENDS_IT, "error 3", "error 4"})

    def test_reading(self):
        """Of contiguous values; and of chunks and texts, of which MPI-IO would make zeros, that
        --verify would see."""
        self.fail_calls("reading", catalogue="plain.h5")
        self.fail_calls("reading", ranks=(1,), more=(), step=STEP or 3)

    def test_writing(self):
        self.fail_calls("writing")

    def test_removing(self):
        self.fail_calls("removing")

    def test_hdf5(self):
        """Also types of ids that are numbers, which --verify reads again."""
        self.fail_calls("hdf5")
        self.fail_calls("H5Tcopy", ranks=(1,), catalogue="plain.h5", step=1, hows=("once",))

    @unittest.skipUnless(is_open_mpi(), "MPICH 4.0 leaves ranks waiting once it has ended another one")
    def test_mpi(self):
        self.fail_calls("mpi", ranks=(1,))


if __name__ == "__main__":
    unittest.main()
