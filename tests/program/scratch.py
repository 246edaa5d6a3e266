"""Catalogues four times as large as memory, by `make check-scratch`: the same answer with --scratch,
in a control group whose memory is a quarter of the values; and at what speed, which is printed.

Needs root and control groups of version 1, and 1 GB of disk in the build directory (or in $TMPDIR),
which must not be in memory; skipped elsewhere. Takes some minutes. Prints a line for each run:
seconds of all assignments; what reading the blocks that they used would take if the disk read as fast
as it reads a file from begin to end (measured before and after); what the assignments take in memory;
and the ratio of the longer of these two, which no disk can make shorter, to the first.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

from program import BINARY, Result, run_alone

TOP = "/sys/fs/cgroup/memory"
# Name, rows, features, clusters, method.
WORKS = (("W5", 20_000_000, 3, 8, "tree"), ("W2", 4_000_000, 16, 256, "bounds"))
THREADS = 2
LEAST = 0.5  # of the speed that the disk, and the processor, allow
MOST_READ = 2  # times the blocks in use: a page has more than a block


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
        os.rmdir(self.folder)


def measure_rate(path):
    """Bytes per second of reading a file past the memory of the system."""
    done = subprocess.run(["dd", f"if={path}", "of=/dev/null", "bs=4M", "iflag=direct"],
                          capture_output=True, text=True, check=True,
                          env=os.environ | {"LC_ALL": "C"})
    n_bytes, seconds = re.search(r"^(\d+) bytes.* copied, ([0-9.e-]+) s,", done.stderr,
                                 re.MULTILINE).groups()
    return int(n_bytes) / float(seconds)


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
        rate = measure_rate("in.h5")
        record = self.fit_in_group(words, n_bytes // 4)
        rate = (rate + measure_rate("in.h5")) / 2
        result = Result("out.h5")
        self.assertEqual(result.checksum, expected.checksum)
        self.assertEqual(result.n_iterations, expected.n_iterations)
        seconds = record["phases"]["assign"]["max"]
        used, read = (record["scratch"][key] for key in ("bytes_used", "bytes_read"))
        allowed = max(used / rate, in_memory)
        print(f"{name}, {method}: {n_bytes / 1e6:.0f} MB of values in {n_bytes / 4e6:.0f} MB of "
              f"memory, {result.n_iterations} iterations: {seconds:.1f} s assigning; used "
              f"{used / 1e6:.0f} MB, which take {used / rate:.1f} s at {rate / 1e6:.0f} MB/s; read "
              f"{read / 1e6:.0f} MB; in memory {in_memory:.1f} s; {allowed / seconds:.2f} of that speed; "
              f"all phases {sum(phase['max'] for phase in record['phases'].values()):.0f} s",
              flush=True)
        self.assertGreaterEqual(allowed / seconds, LEAST)
        self.assertLessEqual(read, MOST_READ * used)

    def test_works(self):
        for work in WORKS:
            with self.subTest(work=work):
                self.check_work(*work)


if __name__ == "__main__":
    unittest.main()
