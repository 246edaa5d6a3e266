"""How many distances ranks evaluate: together about as many as one rank does, and counted right.

On scaled-down workloads of docs/measurements: W1 (5 features, 64 clusters), W4 (3 features) and W6
(8 features, many clusters). KM_WORK_RANKS (make check-work) tries other numbers of ranks."""
import json
import os
import unittest

import numpy as np

from program import FAULTS, ProgramTest, Result, run, write_array

N = 200_000
RANKS = [int(n) for n in os.environ.get("KM_WORK_RANKS", "2 4 16").split()]
# Name: features, clusters, and the method. W1 has too few clusters for an exchange on 2 ranks, which
# takes longer than it saves.
WORKS = {"W1": (5, 64, "tree"), "W4": (3, 500, "tree"), "W6": (8, 1000, "neighbours")}
# How many times the distances of one rank are allowed, and of the rank with most how many times the
# mean, on few ranks: the single pieces of a rank have too uneven work where there are a dozen.
MOST_ALL, MOST_OF_RANK, MOST_RANKS = 1.05, 1.1, 4
# Iterations after which an exchange has paid on 2 ranks.
PAYS = 75


def mixture(n_features, k):
    """Narrow clusters and a tenth of background."""
    random = np.random.default_rng(7)
    places = 10 * random.random((k // 2, n_features))
    values = places[random.integers(0, len(places), N)]
    values += 0.25 * random.normal(size=values.shape)
    background = random.random(N) < 0.1
    values[background] = 12 * random.random((background.sum(), n_features)) - 1
    return values.astype("f4")


def write_uneven(path):
    """1000 rows, of which half of the first rank's are left out: of three, it has 3 blocks of samples,
    and the others have 5."""
    values = np.random.default_rng(1).random((1000, 2))
    values[:192] = np.nan
    write_array(path, values)


class Work(ProgramTest):

    def counted(self, catalogue, k, *options, iterations=5, **how):
        """The summary, the result, and the metrics of a fit."""
        finished, result = self.fit(catalogue, k, "--tolerance", 0, "--max-iterations", iterations,
                                    "--seeding", "random", "--metrics", "out.json", "--threads", 1,
                                    *options, **how)
        with open("out.json", encoding="utf-8") as file:
            return finished, result, json.load(file)

    def test_more_ranks_evaluate_no_more(self):
        for name, (n_features, k, method) in WORKS.items():
            write_array(f"{name}.h5", mixture(n_features, k))
            _, expected, one = self.counted(f"{name}.h5", k, "--algorithm", method,
                                            iterations=PAYS)
            for ranks in [n for n in RANKS if (name, n) != ("W1", 2)]:
                with self.subTest(work=name, ranks=ranks):
                    _, result, metrics = self.counted(f"{name}.h5", k, "--algorithm", method,
                                                      iterations=PAYS, ranks=ranks)
                    self.assertEqual(result.checksum, expected.checksum)
                    work = metrics["work"]
                    self.assertLessEqual(work["distances"], MOST_ALL * one["work"]["distances"])
                    if ranks <= MOST_RANKS:
                        self.assertLessEqual(work["most_distances"] * ranks,
                                             MOST_OF_RANK * work["distances"])

    def test_all_distances_are_counted(self):
        """The plain method compares each sample with all centers, and blocks that are not full count
        for the samples in them."""
        k, n = 7, 808
        write_uneven("in.h5")
        for ranks, most in ((1, 808), (3, 320)):
            finished, result, metrics = self.counted("in.h5", k, "--algorithm", "lloyd",
                                                     ranks=ranks)
            history, work = result.data, metrics["work"]
            self.assertEqual(history["history/distances"].tolist(), [k * n] * 5)
            self.assertEqual(history["history/most_distances"].tolist(), [k * most] * 5)
            self.assertEqual(work["distances"], 5 * k * n)
            self.assertEqual(work["most_distances"], 5 * k * most)
            self.assertEqual(work["distances_per_sample"], k)
            self.assertRegex(finished.out, rf"(?m)^  work +{k} of {k} distances "
                                           "evaluated per sample and iteration")
            if ranks > 1:
                self.assertIn(f"{ranks * most / n:.2f} times the mean\n", finished.out)

    @unittest.skipUnless(os.path.exists(FAULTS), "no program was built by `make faults`")
    def test_counts_of_a_run_that_went_on(self):
        """The history has those of all goes, by the rank with most, whoever saved it. A result that
        can't be written leaves the checkpoint of the iteration before the last."""
        write_uneven("in.h5")
        command = ["fit", "in.h5", "-k", 7, "--tolerance", 0, "--algorithm", "lloyd", "-o", "out.h5",
                   "--checkpoint", "state", "--checkpoint-interval", 0]
        first = run(*command, "--max-iterations", 4, ranks=3,
                    faults="KM_FAULT=write the contents")
        self.assertEqual(first.code, 4, first)
        finished = run(*command, "--max-iterations", 5)
        self.assertEqual(finished.code, 0, finished)
        self.assertIn("0 fits done, then 3 iterations", finished.err)
        self.assertEqual(Result("out.h5").data["history/most_distances"].tolist(),
                         [7 * 320] * 3 + [7 * 808] * 2)


if __name__ == "__main__":
    unittest.main()
