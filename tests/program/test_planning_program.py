"""Whole-program tests of `probe`, of --machine, and of what --dry-run foretells with it."""
import json
import math
import os
import re
import unittest

import numpy as np

from program import ProgramTest, blobs, run, write_array, write_columns
from schema import check_schema

TIME = re.compile(r"^  time +(\S+) s per iteration: assigning (\S+), summing over ranks (\S+)$",
                  re.MULTILINE)
MACHINE = {
    "ranks": 4, "nodes": 2, "threads": 2,
    "fma_per_second": {"float32": 4e9, "float64": 2e9},
    "comparing_seconds": {"float32": {"fixed": 1e-10, "per_feature": 2e-11},
                          "float64": {"fixed": 2e-10, "per_feature": 4e-11}},
    "memory_bytes_per_second": 1e10,
    "allreduce": [{"bytes": 100, "seconds": 1e-5}, {"bytes": 10100, "seconds": 1.1e-4}],
}


def write_text(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def write_json(path, value):
    write_text(path, json.dumps(value))


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def whole_record():
    """All that is taken of the record of a run."""
    return {"plan": {"ranks": 1, "threads": 1, "clusters": 5, "features": 3}, "assignments": 9,
            "result": {"n_used": 100}, "phases": {"assign": {"mean": 1}, "read": {"max": 1}},
            "reductions": 8, "bytes_reduced": 800, "bytes_read": 1000}


class Probe(ProgramTest):

    def test_figures(self):
        for ranks in (1, 2):
            finished = run("probe", "--threads", 1, "-o", f"{ranks}.json", ranks=ranks)
            self.assertEqual((finished.code, finished.err), (0, ""), finished)
            machine = read_json(f"{ranks}.json")
            check_schema(self, machine, "machine.schema.json")
            self.assertEqual((machine["ranks"], machine["threads"]), (ranks, 1))
            self.assertEqual(len(machine["allreduce"]), 10 if ranks > 1 else 0)
            fma = machine["fma_per_second"]
            self.assertGreater(fma["float32"], fma["float64"])
            self.assertIn(f"arithmetic  {1e-9 * fma['float32']:.4g} G FMA/s", finished.out)
        self.assertEqual(set(os.listdir()), {"1.json", "2.json"})

    def test_mistakes(self):
        write_text("old.json", "precious")
        self.refuse((2, "too many arguments.*x.h5", "probe", "x.h5"),
                    (2, "output exists.*old.json", "probe", "-o", "old.json"),
                    (4, "none/m.json", "probe", "-o", "none/m.json"))
        self.assertEqual(os.listdir(), ["old.json"])


class Planning(ProgramTest):

    def foretold(self, *arguments):
        """Seconds of an iteration, of assigning and of summing; and all that is said."""
        finished = run("fit", "in.h5", "-k", 5, "--dry-run", *arguments)
        self.assertEqual(finished.code, 0, finished)
        found = TIME.search(finished.out)
        return tuple(map(float, found.groups())) if found else None, finished.out

    def test_by_a_machine(self):
        """640 samples of a rank with 5 centers in 3 features, and messages of (5 * 4 + 6) * 8 bytes."""
        write_array("in.h5", blobs(10240, 3).astype("f4"))
        write_json("machine.json", MACHINE)
        message = 1e-5 + 1e-4 * (208 - 100) / 10000
        for ranks, threads, steps in ((16, 1, 2), (16, 2, 2), (2, 1, 0.5), (32, 1, 2.5), (1, 1, 0)):
            assigning = 10240 / ranks * 5 * 1.6e-10 / threads
            (told, *parts), said = self.foretold("--machine", "machine.json", "--ranks", ranks,
                                                 "--threads", threads)
            for found, expected in zip(parts, (assigning, steps * message)):
                self.assertTrue(math.isclose(found, expected, rel_tol=1e-3), said)
            self.assertTrue(math.isclose(told, sum(parts), rel_tol=1e-3), said)
            self.assertIn("every sample is compared with every center", said)
            self.assertEqual("too many" in said, ranks > 1)
        self.assertIn("\n  reading     0.1 MB of values", said)
        self.assertIn("#SBATCH --ntasks=1\n", said)
        self.assertRegex(said, "#SBATCH --time=00:0[67]:00\n")

    def test_double_precision_and_reading(self):
        write_array("in.h5", blobs(6400, 3))
        write_json("machine.json", MACHINE | {"read_bytes_per_second": 1000})
        (_, assigning, _), said = self.foretold("--machine", "machine.json", "--max-iterations", 1,
                                                "--threads", 1)
        self.assertTrue(math.isclose(assigning, 6400 * 5 * 3.2e-10, rel_tol=1e-3), said)
        self.assertIn("for 1 iteration, 3 min to read;", said)

    def test_disturbed_machine(self):
        """Where probe found no fixed part of comparing."""
        write_array("in.h5", blobs(6400, 3))
        comparing = {"fixed": 0, "per_feature": 4e-11}
        write_json("machine.json", MACHINE | {"comparing_seconds": {"float32": comparing,
                                                                    "float64": comparing}})
        (_, assigning, _), said = self.foretold("--machine", "machine.json", "--threads", 1)
        self.assertTrue(math.isclose(assigning, 6400 * 5 * 1.2e-10, rel_tol=1e-3), said)

    def test_several_numbers_of_clusters(self):
        """Restarts and fits of resampled rows of each: 6,400 samples with 2 + 5 centers in 3 features,
        10 iterations and 5 fits take 358 s."""
        write_array("in.h5", blobs(6400, 3).astype("f4"))
        comparing = {"fixed": 1e-4, "per_feature": 2e-5}
        write_json("machine.json", MACHINE | {"comparing_seconds": {"float32": comparing,
                                                                    "float64": comparing}})
        said = run("fit", "in.h5", "-k", "2,5", "--restarts", 3, "--bootstrap", 2, "--dry-run",
                   "--max-iterations", 9, "--threads", 1, "--machine", "machine.json").out
        self.assertIn(" s per iteration with 5 clusters: assigning 5.12, ", said)
        self.assertIn("at most 6 min for 9 iterations of 10 fits;", said)
        self.assertIn("#SBATCH --time=00:17:00\n", said)

    def test_bytes_of_texts(self):
        write_columns("in.h5", {"x": np.zeros(100_000, "f4"), "b": np.zeros(100_000, ">i2"),
                                "name": np.zeros(100_000, "S20")})
        _, said = self.foretold("-c", "x,b", "--id", "name")
        self.assertIn("\n  reading     2.6 MB of values", said)

    def test_messages_of_one_rank(self):
        """Say nothing of sums over ranks."""
        write_array("in.h5", blobs(6400, 3))
        write_json("machine.json", MACHINE | {"ranks": 1})
        _, said = self.foretold("--ranks", 10, "--machine", "machine.json")
        self.assertIn("summing over ranks not known (one rank measured)", said)

    def test_too_many_ranks_for_the_rows(self):
        write_array("in.h5", blobs(1000, 3))
        _, said = self.foretold("--ranks", 100, "--threads", 1)
        self.assertIn("too many: 100 threads for 16 blocks of 64 rows", said)
        self.assertNotIn("too many", self.foretold("--ranks", 16, "--threads", 1)[1])

    def test_by_a_run(self):
        """The figures of `probe` and those of a run complement each other."""
        write_array("in.h5", blobs(6400, 3))
        write_json("machine.json", MACHINE)
        run("fit", "in.h5", "-k", 5, "-o", "out.h5", "--metrics", "run.json", "--algorithm", "tree",
            "--threads", 1)
        metrics = read_json("run.json")
        assigning = metrics["phases"]["assign"]["mean"] / metrics["assignments"]
        summing = 2 * (1e-5 + 1e-4 * 108 / 10000)
        for names in (("run.json", "machine.json"), ("machine.json", "run.json")):
            options = [word for name in names for word in ("--machine", name)]
            (_, *found), said = self.foretold("--ranks", 10, "--threads", 1, *options)
            self.assertTrue(math.isclose(found[0], assigning / 10, rel_tol=1e-3), said)
            self.assertTrue(math.isclose(found[1], summing, rel_tol=1e-3), said)
            self.assertIn("as long as in that run, by tree", said)
        _, said = self.foretold("--ranks", 10, "--machine", "run.json")
        self.assertIn("summing over ranks not known", said)

    def test_shares_of_the_limits(self):
        write_array("in.h5", blobs(50_000, 3).astype("f4"))
        run("probe", "--threads", 1, "-o", "machine.json", ranks=2)
        done = run("fit", "in.h5", "-k", 50, "-o", "out.h5", "--machine", "machine.json", "--metrics",
                   "run.json", "--algorithm", "lloyd", "--threads", 1, ranks=2)
        self.assertEqual(done.code, 0, done)
        metrics, machine = read_json("run.json"), read_json("machine.json")
        check_schema(self, metrics, "metrics.schema.json")
        rates = metrics["rates"]
        self.assertTrue(math.isclose(rates["fma_share"], rates["flop_per_second"] / 3 /
                                     machine["fma_per_second"]["float32"], rel_tol=1e-9))
        self.assertTrue(math.isclose(rates["memory_share"], rates["bytes_per_second"] /
                                     machine["memory_bytes_per_second"], rel_tol=1e-9))
        self.assertGreater(rates["sum_seconds_of_machine"], 0)

    def test_bad_figures(self):
        write_array("in.h5", blobs(100, 2))
        base = "fit", "in.h5", "-k", 3, "--dry-run", "--machine"
        bad = {"none": "{}", "cut": json.dumps(MACHINE)[:150],
               "negative": json.dumps(MACHINE | {"memory_bytes_per_second": -1}),
               "unsorted": json.dumps(MACHINE | {"allreduce": MACHINE["allreduce"][::-1]}),
               "metrics": '{"plan": {"ranks": 2}}',
               "several": json.dumps({**whole_record(), "choice": {"best": 0}})}
        for name, text in bad.items():
            write_text(name, text)
        self.refuse(*[(3, f"figures of a machine.*{name}", *base, name) for name in bad],
                    (4, "can't read the figures.*nix", *base, "nix"),
                    (3, "figures of a machine", *base, os.curdir))
        write_json("one", whole_record())
        self.assertEqual(run(*base, "one").code, 0)
        refused = run("fit", "in.h5", "-k", 3, "-o", "out.h5", "--machine", "none", ranks=3)
        self.assertEqual(refused.code, 3, refused)
        self.assertNotIn("out.h5", os.listdir())


if __name__ == "__main__":
    unittest.main()
