"""Whole-program tests of `skymeans fit --restarts`.

The labels of a fit that was not the best are not in any file. But restarts are numbered, and the
first R are the same whatever R is: where each fit is better than all before, runs with --restarts 1,
2, 3 leave the labels of all.

Needs the Open MPI variables of the Makefile: `make check TEST=restarts_program`.
"""
import json
import os
import sys
import unittest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # for scikit-learn
sys.dont_write_bytecode = True

import numpy as np
from sklearn.metrics import adjusted_rand_score

from program import ProgramTest, blobs, parse_summary, run, write_array

K = 8


def coincidence(labels, others):
    """Of each cluster, the share that stays together in another fit, the mean over the others."""
    return [np.mean([np.bincount(other[labels == c]).max() / (labels == c).sum()
                     for other in others]) for c in range(labels.max() + 1)]


class RestartsTest(ProgramTest):

    def setUp(self):
        super().setUp()
        self.points = np.random.default_rng(6).uniform(size=(600, 2))  # has many local optima
        write_array("in.h5", self.points)

    def check_restarts(self, result, count):
        """What /restarts says about itself and the fit in the file."""
        inertia, n_iterations, index, rate = [
            result.data[f"restarts/{name}"] for name in
            ("inertia", "n_iterations", "adjusted_rand_index", "coincidence_rate")]
        self.assertEqual([(values.dtype, values.shape) for values in
                          (inertia, n_iterations, index, rate)],
                         [("f8", (count,)), ("i8", (count,)), ("f8", (count,)),
                          ("f8", (len(result.centers),))])
        best = result.attributes["restarts"]["best"]
        self.assertEqual((best.dtype, best), ("i8", inertia.argmin()))  # the first of equals
        self.assertEqual((inertia[best], n_iterations[best], index[best]),
                         (result.inertia, result.n_iterations, 1))
        self.assertTrue((n_iterations > 0).all())
        self.assertTrue(((index <= 1) & (index >= -0.5)).all())
        self.assertTrue(((rate > 0) & (rate <= 1) | (result.sizes == 0)).all())
        return best


class Restarts(RestartsTest):

    def test_single_fit(self):
        """It has no /restarts, and is the first of several."""
        finished, single = self.fit("in.h5", K)
        self.assertNotIn("restarts", single.attributes)
        self.assertEqual(parse_summary(finished.out)["restarts"], [])
        _, explicit = self.fit("in.h5", K, "--restarts", 1)
        self.assertEqual(explicit.answer(), single.answer())
        _, several = self.fit("in.h5", K, "--restarts", 6)
        self.check_restarts(several, 6)
        self.assertEqual(several.data["restarts/inertia"][0], single.inertia)
        self.assertEqual(several.data["restarts/n_iterations"][0], single.n_iterations)

    def test_first_ones_do_not_depend_on_their_number(self):
        counts = 1, 2, 3, 5, 9
        methods = "bounds", "tree", "lloyd", "bounds", "bounds"
        results = self.fit_all([(("in.h5", K, "--restarts", n, "--verify", "--algorithm", method),
                                 {"ranks": 1 + n % 2}) for n, method in zip(counts, methods)])
        all_inertia = results[-1].data["restarts/inertia"]
        self.assertGreater(len(set(all_inertia)), 3)
        for count, result in zip(counts, results):
            self.check(result, self.points)
            self.assertEqual(result.inertia, all_inertia[:count].min())
            if count > 1:
                self.check_restarts(result, count)
                np.testing.assert_array_equal(result.data["restarts/inertia"],
                                              all_inertia[:count])

    def test_agreement_with_others(self):
        """Seeds for which each of three fits is better than the one before."""
        seeds = range(24)
        options = "--tolerance", 0, "--restarts"
        thirds = self.fit_all([(("in.h5", K, *options, 3, "--random-seed", seed), {})
                               for seed in seeds])
        falling = [seed for seed, result in zip(seeds, thirds)
                   if (np.diff(result.data["restarts/inertia"]) < 0).all()]
        self.assertGreater(len(falling), 0)
        for seed in falling[:3]:
            results = self.fit_all([(("in.h5", K, *options, n, "--random-seed", seed,
                                      "--algorithm", "bounds"), {}) for n in (1, 2)])
            results.append(thirds[seed])
            labels = [result.labels for result in results]
            for n, result in enumerate(results[1:], 2):
                self.assertEqual(self.check_restarts(result, n), n - 1)
                np.testing.assert_allclose(
                    result.data["restarts/adjusted_rand_index"],
                    [adjusted_rand_score(labels[n - 1], other) for other in labels[:n]],
                    rtol=1e-12)
                np.testing.assert_allclose(result.data["restarts/coincidence_rate"],
                                           coincidence(labels[n - 1], labels[:n - 1]), rtol=1e-12)

    def test_agreement_of_equal_fits(self):
        """Clusters far apart, which every fit finds, in whatever order: 1 and 1 exactly."""
        corners = 100 * np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        write_array("far.h5", np.repeat(corners, 50, axis=0) + self.points[:200])
        _, result = self.fit("far.h5", 4, "--restarts", 8, "--tolerance", 0)
        self.check_restarts(result, 8)
        self.assertEqual(result.data["restarts/adjusted_rand_index"].tolist(), [1] * 8)
        self.assertEqual(result.data["restarts/coincidence_rate"].tolist(), [1] * 4)
        self.assertEqual(len(set(result.data["restarts/inertia"])), 1)
        self.assertEqual(result.attributes["restarts"]["best"], 0)

    def test_one_cluster(self):
        _, result = self.fit("in.h5", 1, "--restarts", 3)
        self.check_restarts(result, 3)
        self.assertEqual(result.data["restarts/adjusted_rand_index"].tolist(), [1] * 3)

    def test_a_cluster_a_row(self):
        """All partitions into single rows are the same one."""
        write_array("few.h5", self.points[:7])
        _, result = self.fit("few.h5", 7, "--restarts", 4, "--verify")
        self.check_restarts(result, 4)
        self.assertEqual(result.data["restarts/adjusted_rand_index"].tolist(), [1] * 4)
        self.assertEqual(result.data["restarts/coincidence_rate"].tolist(), [1] * 7)

    def test_one_row(self):
        write_array("one.h5", self.points[:1])
        _, result = self.fit("one.h5", 1, "--restarts", 3, "--verify", ranks=2)
        self.check_restarts(result, 3)

    def test_empty_clusters(self):
        """They have no rows that could stay together."""
        write_array("same.h5", np.repeat(self.points[:3], 20, axis=0))
        finished, result = self.fit("same.h5", 5, "--restarts", 3, "--metrics", "out.json")
        self.check_restarts(result, 3)
        self.assertEqual((result.sizes == 0).sum(), 2)
        np.testing.assert_array_equal(np.isnan(result.data["restarts/coincidence_rate"]),
                                      result.sizes == 0)
        self.assertNotIn("nan", finished.out)
        with open("out.json", encoding="utf-8") as file:
            self.assertNotIn("nan", file.read())

    def test_weights(self):
        """Inertia is weighted; agreement counts rows, whatever they weigh."""
        weights = np.random.default_rng(1).gamma(0.5, size=600)
        weights[::5] = 0
        write_array("weighted.h5", np.column_stack([self.points, weights]))
        options = "--weights", 2, "--verify"
        _, single = self.fit("weighted.h5", K, *options)
        _, result = self.fit("weighted.h5", K, *options, "--restarts", 5, ranks=3)
        self.check(result, self.points, weights)
        self.check_restarts(result, 5)
        self.assertEqual(result.data["restarts/inertia"][0], single.inertia)


class SameBits(RestartsTest):

    def test_ranks_and_threads(self):
        """On 1, 2, 3 ranks of 1 and 2 threads; also for kmeans-parallel and random."""
        for seeding in ("kmeans++", "kmeans-parallel", "random", "refined"):
            ways = [(ranks, threads) for ranks in (1, 2, 3) for threads in (1, 2)]
            results = self.fit_all([
                (("in.h5", K, "--restarts", 4, "--seeding", seeding, "--threads", threads,
                  "--seeding-rows", 300, "--scale", "standard"), {"ranks": ranks})
                for ranks, threads in ways])
            self.check(results[0], self.points)
            best = self.check_restarts(results[0], 4)
            for result in results[1:]:
                self.assertEqual(result.answer(), results[0].answer())
                self.assertEqual(result.attributes["restarts"]["best"], best)

    def test_random_seeds_give_other_restarts(self):
        results = self.fit_all([(("in.h5", K, "--restarts", 4, "--random-seed", seed), {})
                                for seed in range(4)])
        lists = [result.data["restarts/inertia"].tolist() for result in results]
        self.assertGreater(len(set(sum(lists, []))), 8)


class Said(RestartsTest):

    def test_summary_and_metrics(self):
        finished, result = self.fit("in.h5", K, "--restarts", 5, "--metrics", "out.json", "-v",
                                    ranks=2)
        best = self.check_restarts(result, 5)
        said = parse_summary(finished.out)
        lists = [result.data[f"restarts/{name}"] for name in
                 ("inertia", "n_iterations", "adjusted_rand_index")]
        self.assertEqual(said["restarts"], [
            (str(r + 1), f"{inertia:.10g}", str(n), f"{index:.4f}", "  (kept)" if r == best else "")
            for r, (inertia, n, index) in enumerate(zip(*lists))])
        np.testing.assert_allclose(said["stable"], 100 * result.data["restarts/coincidence_rate"],
                                   atol=0.051)
        self.assertEqual(said["inertia"], f"{result.inertia:.10g}")
        with open("out.json", encoding="utf-8") as file:
            metrics = json.load(file)
        self.assertEqual(metrics["restarts"], [
            {"inertia": inertia, "n_iterations": n, "adjusted_rand_index": index}
            for inertia, n, index in zip(*lists)])
        self.assertEqual(len(metrics["iterations"]), result.n_iterations)
        for r, n in enumerate(lists[1], 1):
            self.assertEqual(finished.err.count(f"fit {r} of 5, iteration "), n)

    def test_many(self):
        """The summary shows some, the file has all."""
        write_array("few.h5", self.points[:12])
        finished, result = self.fit("few.h5", 3, "--restarts", 1000, "--metrics", "out.json")
        self.check_restarts(result, 1000)
        self.assertEqual(len(parse_summary(finished.out)["restarts"]), 20)
        self.assertIn("and 980 more", finished.out)
        self.assertLess(len(finished.err.splitlines()), 20)
        with open("out.json", encoding="utf-8") as file:
            self.assertEqual(len(json.load(file)["restarts"]), 1000)

    def test_not_converged(self):
        """The warning and the attributes are about the fit that was kept."""
        finished, result = self.fit("in.h5", K, "--restarts", 3, "--max-iterations", 2)
        self.check_restarts(result, 3)
        self.assertEqual(result.data["restarts/n_iterations"].tolist(), [2] * 3)
        self.assertEqual((result.converged, result.stop_reason), (0, "max-iterations"))
        self.assertIn("warning: not converged (out.h5): it stopped after 2 iterations",
                      finished.err)

    def test_usage(self):
        np.savetxt("first.txt", self.points[:K])
        base = "fit", "in.h5", "-k", K, "-o", "other.h5", "--restarts"
        self.refuse((2, r"bad value \(--restarts 2\).*--seeding than first.txt", *base, 2,
                     "--seeding", "first.txt"),
                    (2, "bad value.*--restarts", *base, 3, "--seeding", "first.txt", "--dry-run"))
        done = run(*base, 1, "--seeding", "first.txt")
        self.assertEqual(done.code, 0, done)


class Quality(ProgramTest):

    def test_more_are_better(self):
        """The best of ten is at least as good as each of its ten, and finds the clusters."""
        points = blobs(2000, 2, 12, seed=3)
        write_array("in.h5", points)
        _, result = self.fit("in.h5", 12, "--restarts", 10, "--random-seed", 5)
        inertia = result.data["restarts/inertia"]
        self.assertEqual(result.inertia, inertia.min())
        self.assertGreater(inertia.max(), 1.001 * inertia.min())


if __name__ == "__main__":
    unittest.main()
