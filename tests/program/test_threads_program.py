"""Whole-program tests of threads: how many there are, what is said of them, and the same bits.

Needs the Open MPI variables of the Makefile: `make check TEST=threads_program`.
"""
import json
import os
import resource
import shutil
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True

import numpy as np

from program import BINARY, ProgramTest, Result, blobs, parse_summary, run, run_all, run_alone, write_array

CPUS = sorted(os.sched_getaffinity(0))
WARNING = "skymeans: warning: too many threads"
OTHER_USER = 54321  # that has no other processes


def siblings(cpu):
    """The text by which Linux names the hardware threads of a core."""
    try:
        with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list",
                  encoding="ascii") as file:
            return file.read()
    except OSError:
        return str(cpu)


def cores(cpus):
    return len({siblings(cpu) for cpu in cpus})


def mask(cpus):
    """A set of CPUs as `taskset -c` takes it: 0-3,6."""
    parts = []
    for cpu in sorted(cpus):
        if parts and parts[-1][1] == cpu - 1:
            parts[-1][1] = cpu
        else:
            parts.append([cpu, cpu])
    return ",".join(f"{a}-{b}" if a < b else str(a) for a, b in parts)


class ThreadsTest(ProgramTest):

    def setUp(self):
        super().setUp()
        self.points = blobs(3000, 3)
        write_array("in.h5", self.points)


class Number(ThreadsTest):
    """By option, else by OMP_NUM_THREADS, else by the cores."""

    def threads(self, *options, **how):
        """Said alike by the summary, the metrics and the result."""
        finished, result = self.fit("in.h5", 4, "--metrics", "out.json", *options, **how)
        with open("out.json", encoding="utf-8") as file:
            plan = json.load(file)["plan"]
        ranks, threads, *_ = parse_summary(finished.out)["run"]
        provenance = result.attributes["provenance"]
        self.assertEqual(provenance["threads"].dtype, "i8")
        self.assertEqual((plan["ranks"], plan["threads"]), (int(ranks), int(threads)))
        self.assertEqual((provenance["ranks"], provenance["threads"]), (int(ranks), int(threads)))
        cpus = how.get("cpus") or CPUS
        self.assertEqual(provenance["cores"], cores(cpus))
        if how.get("ranks", 1) == 1:  # else the launcher may have bound each of them
            self.assertEqual(provenance["binding"], mask(cpus))
        self.assertEqual(WARNING in finished.err, int(threads) > cores(cpus), finished)
        return int(threads)

    def test_option(self):
        for ranks in (1, 3):
            for threads in (1, 2, 7):
                self.assertEqual(self.threads("--threads", threads, ranks=ranks), threads)

    def test_environment(self):
        for text, threads in (("1", 1), ("2", 2), ("2,3", 2), (" 3 ", 3)):
            self.assertEqual(self.threads(omp_num_threads=text), threads)
            self.assertEqual(self.threads(omp_num_threads=text, ranks=2), threads)

    def test_option_wins_over_environment(self):
        self.assertEqual(self.threads("--threads", 2, omp_num_threads=1), 2)
        self.assertEqual(self.threads("--threads", 1, omp_num_threads=2, ranks=2), 1)

    def test_cores(self):
        """Ranks that may use the same cores share them."""
        self.assertEqual(self.threads(), cores(CPUS))
        for ranks in (2, 3):
            self.assertEqual(self.threads(ranks=ranks), max(1, cores(CPUS) // ranks))

    def test_narrow_mask(self):
        for ranks in (1, 2):
            self.assertEqual(self.threads(cpus=CPUS[-1:], ranks=ranks), 1)
            self.assertEqual(self.threads("--threads", 2, cpus=CPUS[-1:], ranks=ranks), 2)

    def test_environment_that_is_no_number(self):
        """OpenMP says that it does not understand it; the fit goes on."""
        for text in ("", "none", "0", "-1"):
            finished, _ = self.fit("in.h5", 4, omp_num_threads=text)
            self.assertIn("OMP_NUM_THREADS", finished.err)

    def test_limits_of_the_environment(self):
        """Other variables of OpenMP change how many run, never the result."""
        for seeding in ("kmeans++", "kmeans-parallel", "random"):
            options = "--seeding", seeding, "--seeding-rows", 500, "--verify"
            _, result = self.fit("in.h5", 4, *options)
            for name, text in (("OMP_THREAD_LIMIT", "1"), ("OMP_THREAD_LIMIT", "2"),
                               ("OMP_DYNAMIC", "true"), ("OMP_SCHEDULE", "dynamic,1"),
                               ("OMP_MAX_ACTIVE_LEVELS", "0")):
                with self.subTest(seeding=seeding, variable=name, text=text):
                    os.environ[name] = text
                    self.addCleanup(os.environ.pop, name, None)
                    _, other = self.fit("in.h5", 4, "--threads", 3, *options)
                    del os.environ[name]
                    self.assertEqual(other.answer(), result.answer())
                    if name == "OMP_THREAD_LIMIT":
                        self.assertEqual(other.attributes["provenance"]["threads"], int(text))


class Warnings(ThreadsTest):

    def test_one_line_from_one_rank(self):
        for ranks in (1, 3):
            finished = run("fit", "in.h5", "-k", 4, "-o", "out.h5", "--overwrite", "--threads", 5,
                           ranks=ranks, cpus=CPUS[:1])
            self.assertEqual(finished.code, 0, finished)
            self.assertEqual(finished.err.count(WARNING), 1)
            self.assertIn(f"{WARNING} (5 per rank): ", finished.err)

    def test_quiet(self):
        finished, _ = self.fit("in.h5", 4, "--threads", 5, "--quiet", cpus=CPUS[:1])
        self.assertEqual(finished.err, "")

    def test_none_otherwise(self):
        for ranks in (1, 2, 4):
            finished, _ = self.fit("in.h5", 4, ranks=ranks)
            self.assertNotIn("warning", finished.err)


class Limits(ThreadsTest):
    """Threads that can't be made: one message, where OpenMP would end the process with its own."""

    def check_refused(self, code, err, of=""):
        self.assertEqual(code, 5, err)
        self.assertRegex(err, rf"\Askymeans: error: can't make threads \(\d+ of {of}.*OMP_STACKSIZE"
                              r"[^\n]*\n\Z")

    def test_stack_that_is_too_large(self):
        for size in ("100000G", "100000000m", " 100000000000 "):
            for ranks in (1, 3):
                finished = run("fit", "in.h5", "-k", 4, "-o", "out.h5", "--threads", 3, ranks=ranks,
                               OMP_STACKSIZE=size)
                self.check_refused(finished.code, finished.err, "3")
        finished = run("predict", "in.h5", "in.h5", "-o", "out.h5", "--threads", 3,
                       GOMP_STACKSIZE="100000G")
        self.check_refused(finished.code, finished.err, "3")
        self.assertFalse(os.path.exists("out.h5"))

    def test_stacks_that_do(self):
        """What OpenMP takes, or does not understand, is no error."""
        for size in ("512", "100 M", "999999b", "1", "much"):
            finished, _ = self.fit("in.h5", 4, "--threads", 3, "--quiet", OMP_STACKSIZE=size)
            self.assertNotIn("skymeans", finished.err)

    def test_limit_of_processes(self):
        """It holds for all but root."""
        shutil.copy(BINARY, "program")
        is_root = os.getuid() == 0
        os.chmod(".", 0o777)

        def limit():
            resource.setrlimit(resource.RLIMIT_NPROC, (40, 40))
            if is_root:
                os.setgroups([])
                os.setgid(OTHER_USER)
                os.setuid(OTHER_USER)

        done = subprocess.run(
            ["./program", "fit", "in.h5", "-k", "4", "-o", "out.h5", "--threads", "300"],
            preexec_fn=limit, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
            check=False,
            env=os.environ | {"HOME": ".", "OMPI_MCA_orte_tmpdir_base": os.getcwd()})
        self.check_refused(done.returncode, done.stderr, "300")


class SameBits(ThreadsTest):

    def compare(self, path, values, k, *options):
        """All that is promised, on ranks and threads, is that of one thread of one rank."""
        ways = [(ranks, threads) for ranks in (1, 2, 3, 4) for threads in (1, 2)] + [(1, 16)]
        results = self.fit_all([((path, k, "--threads", threads, "--distances", *options),
                                 {"ranks": ranks}) for ranks, threads in ways])
        self.check(results[0], values)
        for (ranks, threads), result in zip(ways, results):
            with self.subTest(ranks=ranks, threads=threads, options=options):
                self.assertEqual(result.checksum, results[0].checksum)
                self.assertEqual(result.answer(), results[0].answer())
                self.assertEqual(result.attributes["provenance"]["threads"], threads)
                self.assertEqual(result.attributes["provenance"]["features_checksum"],
                                 results[0].attributes["provenance"]["features_checksum"])

    def test_missing_rows(self):
        self.points[::7, 1] = np.nan
        self.points[1000:1500] = np.inf
        write_array("gaps.h5", self.points, chunks=(100, 3), compression="gzip")
        self.compare("gaps.h5", self.points, 9)

    def test_float_with_standard_scaling(self):
        write_array("f4.h5", self.points.astype("f4"))
        self.compare("f4.h5", self.points.astype("f4"), 9, "--scale", "standard", "--tolerance", 0)

    def test_more_threads_than_blocks(self):
        write_array("few.h5", self.points[:70])
        self.compare("few.h5", self.points[:70], 5, "--scale", "minmax")

    def test_empty_clusters(self):
        """Refilled ones, whose samples are chosen by distance and row over all threads."""
        points = np.repeat(np.rint(self.points[:40]), 20, axis=0)
        write_array("same.h5", points)
        np.savetxt("far.txt", 1000 + np.arange(18.0).reshape(6, 3))
        self.compare("same.h5", points, 6, "--seeding", "far.txt")

    def test_many_side_by_side(self):
        """The most threads there can be."""
        options = "-k", 4, "--threads", 1024
        done = run_all([lambda i=i: run_alone("fit", "in.h5", *options, "-o", f"{i}.h5")
                        for i in range(2)])
        self.assertEqual([finished.code for finished in done], [0, 0], done[0])
        _, result = self.fit("in.h5", 4, "--threads", 1)
        self.assertEqual({Result(f"{i}.h5").checksum for i in range(2)}, {result.checksum})


if __name__ == "__main__":
    unittest.main()
