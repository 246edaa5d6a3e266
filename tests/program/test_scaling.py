"""Tests of tools/scaling.py and jobs/scaling.sh: `make check TEST=scaling`."""
import copy
import csv
import fcntl
import glob
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import types
import unittest
from unittest import mock

import h5py
import numpy as np

from launcher import is_open_mpi
from tool import ROOT, ToolTest, load_tool, skymeans, write_text

SCALING = load_tool("scaling")
NO_PLOTS = mock.patch.object(SCALING, "draw_all", return_value=())  # which take seconds


def write_record(path, record, ranks=1, seconds=1.0, **changes):
    """A record as if the run had been on so many ranks, with iterations of so many seconds."""
    record = copy.deepcopy(record)
    record["plan"] |= {"ranks": ranks, "threads": 1} | changes
    record |= {"ranks_per_node": ranks, "seconds": 10 * seconds, "binding": ["0-3"]}
    for row in record["iterations"]:
        row["seconds"] = seconds
    write_text(path, json.dumps(record))


def read_table(path):
    """Cells of a table in Markdown, by heading, a row for each shape."""
    with open(path, encoding="utf-8") as file:
        rows = [[cell.strip() for cell in line.split("|")[1:-1]]
                for line in file if line.startswith("|")]
    return [dict(zip(rows[0], row)) for row in rows[2:]]


class Scaling(ToolTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "points.h5")
            with h5py.File(path, "w") as file:
                file["points"] = np.random.default_rng(1).random((2000, 3), dtype=np.float32)
            record = os.path.join(folder, "record.json")
            machine = os.path.join(folder, "machine.json")
            skymeans("probe", "--threads", 1, "-o", machine)
            skymeans("fit", path, "-k", 5, "--max-iterations", 4, "--tolerance", 0, "-q", "--threads", 1, "-o",
                     os.path.join(folder, "result.h5"), "--metrics", record, "--machine", machine)
            with open(record, encoding="utf-8") as file:
                cls.record = json.load(file)

    def setUp(self):
        super().setUp()
        os.mkdir("runs")
        for ranks, seconds in ((1, 0.8), (2, 0.5), (4, 0.25), (8, 0.16)):
            for repeat, factor in enumerate((1, 0.5, 1.25)):
                write_record(f"runs/{ranks}-{repeat}.json", self.record, ranks, factor * seconds)

    def test_strong(self):
        """The median run counts; a node of 4 cores that has 8 ranks is marked; all files are there,
        and nothing but records is read."""
        write_text("runs/machine.json", '{"version": 1, "fma_per_second": 1}')
        write_text("runs/broken.json", "{")
        self.succeed(SCALING, "runs", "-o", "figures")
        self.assertIn("strong scaling, 12 runs, 1 to 8 cores, efficiency 62 %", self.last_line)
        rows = read_table("figures/table.md")
        self.assertEqual([row["cores"] for row in rows], ["1", "2", "4", r"8\*"])
        self.assertEqual([row["speed-up"] for row in rows], ["1.00", "1.60", "3.20", "5.00"])
        self.assertEqual([row["efficiency, %"] for row in rows], ["100.0", "80.0", "80.0", "62.5"])
        self.assertEqual(rows[1]["iteration, ms"], "500")
        self.assertEqual(rows[1]["least to most, ms"], "250 to 625")
        names = {f"{name}.{kind}" for name in ("speed-up", "phases", "iterations", "roofline")
                 for kind in ("png", "pdf")}
        self.assertEqual(set(os.listdir("figures")), names | {"runs.csv", "table.md", "table.tex"})
        with open("figures/runs.csv", encoding="utf-8", newline="") as file:
            runs = list(csv.DictReader(file))
        self.assertEqual(len(runs), 12)
        self.assertEqual({run["checksum"] for run in runs}, {self.record["result"]["checksum"]})
        self.assertEqual(float(runs[0]["assign_mean"]), self.record["phases"]["assign"]["mean"])
        with open("figures/table.tex", encoding="utf-8") as file:
            self.assertEqual(file.read().count(r"\\"), 5)

    def test_weak(self):
        """Rows grow with the cores, and so do checksums; those of equal runs are equal."""
        for ranks in (1, 2, 4, 8):
            for path in glob.glob(f"runs/{ranks}-*.json"):
                with open(path, encoding="utf-8") as file:
                    record = json.load(file)
                record["plan"]["rows"] *= ranks
                record["result"]["checksum"] = f"{ranks:016x}"
                for row in record["iterations"]:
                    row["seconds"] *= ranks
                write_text(path, json.dumps(record))
        self.succeed(SCALING, "runs", "-o", "figures")
        self.assertEqual([row["efficiency, %"] for row in read_table("figures/table.md")],
                         ["100.0", "80.0", "80.0", "62.5"])
        self.assertIn("efficiency.pdf", os.listdir("figures"))
        record["result"]["checksum"] = "0" * 16
        write_text("runs/8-0.json", json.dumps(record))
        self.refuse(3, "different results .*checksum", SCALING, "runs", "-o", "more")

    def test_refusals(self):
        """What does not belong together is not compared."""
        for change, pattern in (({"clusters": 6}, "clusters is 5 and 6"),
                                ({"tolerance": 0.1}, "tolerance is 0 and 0.1"),
                                ({"random_seed": "18446744073709551615"}, "random seed is 0 and 18446744073709551615"),
                                ({"rows": 2001}, "2000 and 2001 rows, neither the same"),
                                ({"where": "x > 0"}, "where is None and x > 0"),
                                ({"extras": ["verify"]}, r"extras is \[\] and \['verify'\]")):
            with self.subTest(pattern=pattern):
                write_record("runs/9.json", self.record, 2, 1.0, **change)
                self.refuse(3, f"different questions .*{pattern}", SCALING, "runs", "-o", "figures")
        for change, pattern in (({"versions": self.record["versions"] | {"git_commit": "0"}},
                                 "git commit is .* and 0"),
                                ({"goes": 2}, "not one run .*interrupted"),
                                ({"result": self.record["result"] | {"checksum": "0" * 16}},
                                 "different results .*a bug"),
                                ({"result": self.record["result"] | {"fingerprint": "0-1-2"}},
                                 "different questions .*fingerprints, [0-9a-f]{16} and 0,"),
                                ({"version": 2}, "bad record .*: of version 2")):
            with self.subTest(pattern=pattern):
                write_record("runs/9.json", self.record | change, 2)
                self.refuse(3, pattern, SCALING, "runs", "-o", "figures")
        os.remove("runs/9.json")
        os.mkdir("empty")
        write_text("text.json", "[]")
        self.refuse(3, "no records .empty.", SCALING, "empty", "-o", "figures")
        self.refuse(3, "not a record of a fit .text.json.", SCALING, "text.json", "-o", "figures")
        self.refuse(3, "nothing to compare", SCALING, "runs/1-0.json", "runs/1-1.json", "-o", "figures")
        self.refuse(4, "none.json", SCALING, "none.json", "-o", "figures")
        self.refuse(2, "bad command line", SCALING, "runs")
        self.refuse(4, r"cannot write \(text.json\)", SCALING, "runs", "-o", "text.json")

    def test_bad_records(self):
        """A member that is missing, or of another kind, is said; it neither takes the run out nor crashes."""
        def damage(inside, *names, value=None):
            *rooms, name = names
            for room in rooms:
                inside = inside[room]
            inside[name] = value
            if value is None:
                del inside[name]
        for names in (("seconds",), ("nodes",), ("plan", "ranks"), ("plan", "rows"), ("phases", "assign", "mean"),
                      ("phases", "assign", "max"), ("iterations", 0, "seconds"), ("iterations",), ("binding",),
                      ("hosts",), ("rates",), ("rates", "flop_per_second"), ("result", "checksum"),
                      ("result",), ("work",), ("work", "distances_per_sample")):
            for value in (None, -1, "x", math.inf, {"x": "y"}):
                if value is None and names[0] in ("rates", "iterations") and len(names) > 1 or \
                        value == "x" and names[-1] == "checksum":
                    continue  # right
                with self.subTest(names=names, value=value):
                    record = copy.deepcopy(self.record)
                    damage(record, *names, value=value)
                    write_text("runs/9.json", json.dumps(record))
                    self.refuse(3, "bad record .runs/9.json.", SCALING, "runs", "-o", "figures")
        for names in ("seconds",), ("nodes",), ("plan", "threads"), ("phases", "assign", "mean"):
            record = copy.deepcopy(self.record)
            damage(record, *names, value=0)
            write_text("runs/9.json", json.dumps(record))
            self.refuse(3, "bad record .runs/9.json.: ValueError 0 is not positive", SCALING, "runs", "-o", "figures")

    def test_lines(self):
        """Shapes of equally many cores are on different lines."""
        for shapes, found in (([(1, 1, 1), (1, 2, 1), (1, 1, 2), (2, 4, 1)],
                               {"1 thread per rank": [1, 2, 4], "2 threads per rank": [2]}),
                              ([(1, 1, 1), (1, 2, 1), (2, 2, 1), (4, 8, 1)],
                               {"1 thread per rank, 1 rank per node": [1, 2],
                                "1 thread per rank, 2 ranks per node": [2, 8]})):
            study = types.SimpleNamespace(shapes=[
                types.SimpleNamespace(nodes=nodes, ranks=ranks, threads=threads, cores=ranks * threads)
                for nodes, ranks, threads in shapes])
            self.assertEqual({name: [shape.cores for shape in line]
                              for name, line in sys.modules["scaling_plots"].series(study).items()}, found)

    @NO_PLOTS
    def test_old_figures(self, _):
        self.succeed(SCALING, "runs", "-o", "figures")
        self.refuse(2, "output exists .figures/runs.csv.", SCALING, "runs", "-o", "figures")
        self.succeed(SCALING, "runs", "-o", "figures", "--overwrite")


@unittest.skipUnless(shutil.which("jube"), "JUBE is not installed: tools/deps.sh scaling")
@unittest.skipUnless(is_open_mpi(), "without Slurm jobs/scaling.sh starts Open MPI's mpirun")
class Study(ToolTest):
    """A study of two shapes, driven by JUBE."""

    def setUp(self):
        super().setUp()
        with open(f"{ROOT}/jobs/scaling.yaml", encoding="utf-8") as file:
            study = file.read()
        for old, new in (("1x1x1;1x2x1;1x1x2;1x4x1", "1x1x1;1x2x1"), ('small, _: "1;2;3"', 'small, _: "1"'),
                         ('weak, _: "250000"', 'weak, _: "1000"'), ("clusters 256", "clusters 5")):
            self.assertIn(old, study)
            study = study.replace(old, new)
        write_text("tiny study.yaml", study)

    def start(self, *words):
        environment = os.environ | {"OMPI_MCA_pml": "ob1", "PATH": f"{os.getcwd()}/bin:{os.environ['PATH']}"}
        done = subprocess.run([f"{ROOT}/jobs/scaling.sh", *words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, env=environment, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_goes_on(self):
        """Runs on two ranks fail; when they can work they are tried again, and only they."""
        os.mkdir("bin")
        write_text("bin/mpirun", f"#!/bin/sh\ncase \"$*\" in *'-n 2 '*' fit '*) echo no luck >&2; exit 9;; esac\n"
                                 f"exec {shutil.which('mpirun')} \"$@\"\n")
        os.chmod("bin/mpirun", 0o755)
        code, said = self.start("weak", "tiny study.yaml", "small")
        self.assertEqual(code, 1, said)
        self.assertRegex(said, r"no luck\nscaling.sh: error: some steps failed \(1 of tiny study-weak; .*"
                               r"_fit/work/stderr\): run the same command again")
        first = glob.glob("tiny study-weak/000000/*_fit/work/metrics.json")
        self.assertEqual(len(first), 1)
        before = os.stat(first[0]).st_mtime_ns
        os.remove("bin/mpirun")
        code, said = self.start("weak", "tiny study.yaml", "small")
        self.assertEqual(code, 0, said)
        self.assertEqual(os.stat(first[0]).st_mtime_ns, before)
        with NO_PLOTS:
            self.assertEqual(self.succeed(SCALING, "tiny study-weak", "-o", "figures"), "")
        self.assertIn("weak scaling, 2 runs, 1 to 2 cores", self.last_line)

        write_text("tiny study.yaml", "name: other")
        code, said = self.start("weak", "tiny study.yaml", "small")
        self.assertEqual(code, 2)
        self.assertRegex(said, r"\Ascaling.sh: error: another study \(tiny study-weak\): .*; remove .*\n\Z")

    def test_in_use(self):
        """One study at a time in a folder; locks end with those who hold them."""
        os.mkdir("tiny study-weak")
        with open("tiny study-weak/lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            code, said = self.start("weak", "tiny study.yaml", "small")
        self.assertEqual(code, 4)
        self.assertRegex(said, r"\Ascaling.sh: error: study in use \(tiny study-weak\): .*; wait .*\n\Z")
        self.assertEqual(os.listdir("tiny study-weak"), ["lock"])

    def test_mistakes(self):
        for words, code, pattern in ((("slow",), 2, "no kind of scaling .slow."),
                                     ((), 2, "no kind of scaling"),
                                     (("weak", "none.yaml"), 4, r"cannot read \(none.yaml\)")):
            found, said = self.start(*words)
            self.assertEqual(found, code, said)
            self.assertRegex(said, rf"\Ascaling.sh: error: {pattern}.*; .*\n\Z")


if __name__ == "__main__":
    unittest.main()
