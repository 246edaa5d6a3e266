"""Many runs, starts, calls, iterations and clusters, by `make check-long`: the last one is as good as the
first, and nothing is left or grows. Prints what was done.

KM_RUNS runs in few starts of MPI, KM_STARTS starts of their own, KM_CALLS calls of the library,
KM_RACES fits to convergence by all methods.
"""
import os
import random
import re
import sys
import time
import unittest

sys.dont_write_bytecode = True

import numpy as np

from module import ModuleTest, skymeans
from program import MANY, SECONDS, Going, ProgramTest, Result, run, run_all, run_alone, write_array

RUNS, STARTS, CALLS, RACES = (
    int(os.environ.get(f"KM_{name}", default))
    for name, default in [("RUNS", 200), ("STARTS", 20), ("CALLS", 100), ("RACES", 30)])
METHODS = ["lloyd", "tree", "bounds", "neighbours"]
LARGE = 15 * SECONDS  # for one run


def resident(pid):
    """Bytes of memory of a process that are not of files."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return 1024 * int(re.search(r"^RssAnon:\s+(\d+)", file.read(), re.MULTILINE).group(1))


def processes_of(leader, name):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                if file.read() == f"{name}\n" and os.getsid(int(pid)) == leader:
                    found.append(int(pid))
        except OSError:
            continue  # it has ended
    return sorted(found)


def left_in(*folders):
    return {os.path.join(folder, name) for folder in folders for name in os.listdir(folder)}


class ShortRuns(ProgramTest):

    def setUp(self):
        super().setUp()
        write_array("in.h5", np.random.default_rng(1).normal(size=(700, 3)))
        self.expected, self.first = {}, {}

    def arguments(self, draw, name):
        """One of many small fits, or what else there is to do; and what it is called."""
        k, method = draw.randint(1, 9), draw.choice(METHODS)
        more = draw.choice([[], ["--restarts", 3], ["--scale", "standard"], ["--scratch", "."],
                            ["--seeding", "kmeans-parallel"], ["--distances", "--second"],
                            ["--checkpoint", f"{name}.state", "--checkpoint-interval", 0],
                            ["--verify"], ["--describe", "features"], ["--metrics", f"{name}.json"]])
        asked = f"{k} {more[0] if more and more[0] in ('--restarts', '--scale', '--seeding') else ''}"
        return asked, ["fit", "in.h5", "-k", k, "--algorithm", method, "-o", f"{name}.h5",
                       "--overwrite", *more]

    def check(self, asked, name, finished):
        self.assertEqual(finished.code, 0, finished)
        checksum = Result(f"{name}.h5").checksum
        self.assertEqual(self.expected.setdefault(asked, checksum), checksum, finished)

    def do_run(self, draw, name, ranks, fails):
        if fails:
            finished = run("fit", "in.h5", "-k", 701, "-o", f"{name}-bad.h5", ranks=ranks)
            self.assertEqual(finished.code, 3, finished)
        else:
            asked, arguments = self.arguments(draw, name)
            self.check(asked, name, run(*arguments, ranks=ranks))

    def do_runs(self, ranks, count):
        """Some of them fail, which must not leave anything either. Memory is compared with what it was
        when a tenth was done."""
        draw, name = random.Random(ranks), f"r{ranks}"
        for number in range(count):
            self.do_run(draw, name, ranks, fails=number % 7 == 0)
            if (number + 1) % max(1, count // 10) == 0:
                going = Going.get(ranks, MANY)
                pids = processes_of(going.process.pid, "many")
                self.assertEqual(len(pids), ranks)
                now = [(resident(pid), len(os.listdir(f"/proc/{pid}/fd"))) for pid in pids]
                self.compare(ranks, number, self.first.setdefault(ranks, now), now)

    def compare(self, ranks, number, first, now):
        grown = max(b - a for (a, _), (b, _) in zip(first, now))
        if first is not now:
            print(f"{number + 1} runs on {ranks} ranks: {grown / 1e6:.2f} MB more than after a tenth, "
                  f"{max(fds for _, fds in now)} open files", flush=True)
        self.assertLessEqual(grown, 4e6 + 500 * number, "memory grows")
        self.assertEqual([fds for _, fds in first], [fds for _, fds in now], "open files")

    def test_runs(self):
        run_all([lambda n=n: self.do_runs(n, RUNS // 4) for n in (1, 2, 3, 4)])
        self.assertEqual({name for name in os.listdir() if ".h5." in name or ".state" in name}, set())

    def start(self, number):
        """As its user would start it, with a temporary folder of its own."""
        draw, name = random.Random(10_000 + number), f"s{number}"
        ranks, temporary = draw.choice([1, 1, 2, 3, 4]), f"{name}.tmp"
        os.mkdir(temporary)
        asked, arguments = self.arguments(draw, name)
        finished = run_alone(*arguments, ranks=ranks, TMPDIR=os.path.abspath(temporary))
        self.check(asked, name, finished)
        self.assertNotRegex(finished.err, "signal|Segmentation|Abort|error")
        self.assertEqual(os.listdir(temporary), [], finished)
        os.rmdir(temporary)
        os.remove(f"{name}.h5")

    def test_starts(self):
        """None crashes when it ends; each removes what it and MPI had in /dev/shm and in TMPDIR."""
        shared, begin = left_in("/dev/shm"), time.monotonic()
        run_all([lambda n=n: self.start(n) for n in range(STARTS)])
        left = {path for path in left_in("/dev/shm") - shared if "__KMP" not in path}  # of others' OpenMP
        self.assertEqual(left, set())
        print(f"{STARTS} starts on 1 to 4 ranks, {time.monotonic() - begin:.0f} s", flush=True)


class Races(ModuleTest):
    """Once centers hardly move, methods remember most: ties are then what they may get wrong."""

    @staticmethod
    def rows(seed):
        """Clouds in few or all dimensions, every other time rounded."""
        draw = np.random.default_rng(seed)
        n, d = int(draw.integers(8000, 120000)), int(draw.choice([2, 3, 5, 6, 8, 9, 12, 16, 24]))
        clouds = draw.uniform(0, 10, size=(60, d))
        rows = clouds[draw.integers(60, size=n)] + draw.normal(size=(n, d)) * draw.choice([0.3, 1, 4])
        if draw.random() < 0.5:
            rows *= 0.02 ** (np.arange(d) >= draw.integers(2, d + 1))
        if seed % 2 == 0:
            rows = np.round(rows * 8) / 8
        return rows.astype(draw.choice(["f4", "f8"])), int(draw.integers(20, 300))

    def test_races(self):
        begin = time.monotonic()
        for seed in range(RACES):
            rows, k = self.rows(seed)
            first = rows[np.random.default_rng(seed).choice(len(rows), k, replace=False)]
            with self.subTest(seed=seed, rows=rows.shape, k=k):
                checksums = {algorithm: skymeans.KMeans(
                    k, init=first, n_init=1, tol=0, max_iter=150, algorithm=algorithm,
                    n_threads=2).fit(rows).checksum_ for algorithm in [*METHODS, "auto"]}
                self.assertEqual(len(set(checksums.values())), 1, checksums)
        print(f"{RACES} races, {time.monotonic() - begin:.0f} s", flush=True)


class Calls(ModuleTest):

    def test_calls(self):
        """Of the library in this process: fits of all methods, predictions, and calls that fail."""
        draw, rows = random.Random(1), np.random.default_rng(2).normal(size=(3000, 4))
        expected, first = {}, None
        for number in range(CALLS):
            k = draw.randint(1, 20)
            model = skymeans.KMeans(k, max_iter=20, algorithm=draw.choice(METHODS),
                                    n_threads=draw.choice([1, 2])).fit(rows)
            self.assertEqual(expected.setdefault(k, model.checksum_), model.checksum_)
            self.assertTrue((model.predict(rows) == model.labels_).all())
            with self.assertRaises(ValueError):
                skymeans.KMeans(6).fit(rows[:5])
            if number == CALLS // 10:
                first = resident(os.getpid())
        grown = resident(os.getpid()) - first
        print(f"{CALLS} calls of fit and predict: {grown / 1e6:.2f} MB more than after a tenth", flush=True)
        self.assertLess(grown, 4e6)


class Extremes(ProgramTest):

    def same_on(self, ranks, *arguments):
        done = [run_alone("fit", *arguments, "-o", f"{n}.h5", "--threads", 1, "--overwrite", ranks=n,
                          seconds=LARGE) for n in ranks]
        for finished in done:
            self.assertEqual(finished.code, 0, finished)
        results = [Result(f"{n}.h5") for n in ranks]
        self.assertEqual(len({result.checksum for result in results}), 1)
        return results[0]

    def test_many_iterations(self):
        """Centers that begin at one end of a line spread like heat, the slower the more there are."""
        write_array("line.h5", np.linspace(0, 1, 2_000_000)[:, None])
        np.savetxt("first.txt", np.linspace(0, 1e-3, 240))
        result = self.same_on([1, 3], "line.h5", "-k", 240, "--seeding", "first.txt", "--tolerance", 0,
                              "--max-iterations", 1_000_000)
        print(f"{result.n_iterations} iterations, k = 240: {result.stop_reason}", flush=True)
        self.assertGreater(result.n_iterations, 100_000)

    def test_many_clusters(self):
        """8,192 and more on 8 ranks."""
        write_array("many.h5", np.random.default_rng(3).random((400_000, 3), dtype="f4"))
        for k in (8192, 20_000, 100_000):
            begin = time.monotonic()
            result = self.same_on([1, 8], "many.h5", "-k", k, "--max-iterations", 5)
            print(f"k = {k} on 1 and 8 ranks: {result.n_iterations} iterations, "
                  f"{time.monotonic() - begin:.0f} s for both", flush=True)
            self.assertEqual(len(result.sizes), k)


if __name__ == "__main__":
    unittest.main()
