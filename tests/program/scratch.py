"""Catalogues four times as large as memory, by `make check-scratch`: the same answer with --scratch,
in a control group whose memory is a quarter of the values; and at what speed, which is printed.

Needs root and control groups of version 1, and 1 GB of disk in the build directory (or in $TMPDIR),
which must not be in memory; skipped elsewhere. Takes some minutes. Prints a line for each run:
seconds of all assignments; what reading the blocks that they used would take if the disk read as fast
as it reads pieces of that size, every other one of a file, many at a time (measured right after the
run); what the assignments take in memory; and the ratio of the longer of these two, which no disk can
make shorter, to the first. Also the speed of the disk in pieces of 1 MB, before and after.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True

from program import BINARY, Result, run_alone

TOP = "/sys/fs/cgroup/memory"
THREADS = 2
LEAST = 0.5  # of the speed that the disk, and the processor, allow
MOST_READ = 2  # times the blocks in use: a page has more than a block
ATTEMPTS = 3  # other programs use the disk, too, so one of these must be fast enough


class Group:
    """A control group with so much memory."""

    def __init__(self, n_bytes):
        with open("/proc/self/cgroup", encoding="utf-8") as file:
            path = re.search(r"^\d+:memory:(.*)$", file.read(), re.MULTILINE)
        if path is None:
            raise unittest.SkipTest("no control groups of version 1 for memory")
        self.folder = f"{TOP}{path.group(1).rstrip('/')}/skymeans-{os.getpid()}"
        try:
            os.mkdir(self.folder)
            self.write("memory.limit_in_bytes", n_bytes)
        except OSError as error:
            raise unittest.SkipTest(f"can't make a control group: {error}") from None

    def write(self, name, value):
        with open(f"{self.folder}/{name}", "w", encoding="utf-8") as file:
            file.write(str(value))

    def read(self, name):
        with open(f"{self.folder}/{name}", encoding="utf-8") as file:
            return int(file.read())

    def run(self, *words):
        """A command in the group; what it printed."""
        command = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
        done = subprocess.run(["bash", "-c", command, self.folder, *map(str, words)],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def remove(self):
        """The launcher of a single rank ends a little after it."""
        for _ in range(100):
            try:
                os.rmdir(self.folder)
                return
            except OSError:
                time.sleep(0.1)
        os.rmdir(self.folder)


def measure_rate(path, size):
    """Bytes per second of reading every other piece of this size (bytes) of a file."""
    done = subprocess.run([os.path.join(os.path.dirname(BINARY), "tests", "disk_speed"), path, str(size)],
                          capture_output=True, text=True, check=True)
    return float(done.stdout)


class Scratch(unittest.TestCase):

    def setUp(self):
        folder = tempfile.mkdtemp(prefix="skymeans-scratch-",
                                  dir=os.environ.get("TMPDIR", os.path.dirname(BINARY)))
        self.addCleanup(shutil.rmtree, folder)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder)

    def fit_in_group(self, words, n_bytes):
        """The fit with that much memory; its record."""
        group = Group(n_bytes)
        try:
            group.run(BINARY, *words, "--scratch", ".", "--metrics", "out.json", "--overwrite")
            self.assertGreater(group.read("memory.failcnt"), 0, "memory was enough")
        finally:
            group.remove()
        with open("out.json", encoding="utf-8") as file:
            return json.load(file)

    def check_work(self, name, rows, columns, clusters, method):
        n_bytes = rows * columns * 4
        finished = run_alone("generate", "in.h5", "--rows", rows, "--columns", columns, "--clusters", clusters,
                       "--overwrite", seconds=600)
        self.assertEqual(finished.code, 0, finished)
        words = ["fit", "in.h5", "-k", clusters, "-o", "out.h5", "--overwrite", "--threads", THREADS,
                 "--algorithm", method, "--max-iterations", 1000]
        finished = run_alone(*words, "--metrics", "out.json", seconds=600)
        self.assertEqual(finished.code, 0, finished)
        expected = Result("out.h5")
        with open("out.json", encoding="utf-8") as file:
            in_memory = json.load(file)["phases"]["assign"]["max"]
        reached = 0
        for _ in range(ATTEMPTS):
            before = measure_rate("in.h5", 1 << 20)
            record = self.fit_in_group(words, n_bytes // 4)
            self.assertEqual(Result("out.h5").answer(), expected.answer())
            reached = max(reached, self.compare(f"{name}, {method}", record, n_bytes, in_memory, before))
            if reached >= LEAST:
                return
        self.assertGreaterEqual(reached, LEAST)

    def compare(self, name, record, n_bytes, in_memory, before):
        """Prints how fast a fit was; the part of the speed that disk, or processor, allow."""
        seconds = record["phases"]["assign"]["max"]
        used, read, reads = (record["scratch"][key] for key in ("bytes_used", "bytes_read", "reads"))
        self.assertLessEqual(read, MOST_READ * used)
        rate, after = measure_rate("in.h5", used // reads), measure_rate("in.h5", 1 << 20)
        allowed = max(used / rate, in_memory)
        print(f"{name}: {n_bytes / 1e6:.0f} MB of values in {n_bytes / 4e6:.0f} MB of memory, "
              f"{len(record['iterations'])} iterations: {seconds:.1f} s assigning; used "
              f"{used / 1e6:.0f} MB, which take {used / rate:.1f} s at {rate / 1e6:.0f} MB/s in pieces of "
              f"{used / reads / 1e3:.0f} KB (MB before and after: {before / 1e6:.0f}, {after / 1e6:.0f} MB/s); "
              f"read {read / 1e6:.0f} MB; in memory {in_memory:.1f} s; {allowed / seconds:.2f} of that "
              f"speed; seconds of phases: "
              + ", ".join(f"{key} {phase['max']:.1f}" for key, phase in record["phases"].items()
                          if phase["max"] > 0.05), flush=True)
        return allowed / seconds

    def test_tree(self):
        self.check_work("W5", 20_000_000, 3, 8, "tree")

    def test_bounds(self):
        self.check_work("W2", 4_000_000, 16, 256, "bounds")


if __name__ == "__main__":
    unittest.main()
