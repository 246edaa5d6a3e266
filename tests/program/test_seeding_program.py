"""Whole-program tests of the seedings: the same first centers everywhere, and good ones.

Needs the Open MPI variables of the Makefile: `make check TEST=seeding_program`.
"""
import os
import sys
import unittest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # for scikit-learn
sys.dont_write_bytecode = True

import numpy as np
from sklearn.cluster import KMeans

from program import IS_SANITIZED, ProgramTest, blobs, run, write_array, write_columns

SEEDINGS = [("kmeans++",), ("kmeans++", "--seeding-rows", 300),
            ("kmeans++", "--seeding-rows", "all"), ("kmeans-parallel",), ("random",)]


class SameBits(ProgramTest):
    """First centers, and all that follows, on any ranks and threads."""

    def compare(self, path, k, *options, ways=((1, 1), (1, 2), (2, 1), (3, 2), (4, 1))):
        """The first of the results of each seeding; --verify passes on all."""
        jobs = [(seeding, *way) for seeding in SEEDINGS for way in ways]
        results = self.fit_all([((path, k, "--seeding", *seeding, "--threads", threads, "--verify",
                                  *options), {"ranks": ranks}) for seeding, ranks, threads in jobs])
        firsts = results[::len(ways)]
        for i, (job, result) in enumerate(zip(jobs, results)):
            with self.subTest(job=job, options=options):
                self.assertEqual(result.answer(), firsts[i // len(ways)].answer())
                self.assertEqual(result.seeding, job[0][0])
        return firsts

    def test_mixtures(self):
        points = blobs(4000, 3, 20)
        points[::9, 1] = np.nan
        write_array("f8.h5", points)
        write_array("f4.h5", points.astype("f4"))
        for path, values in (("f8.h5", points), ("f4.h5", points.astype("f4"))):
            results = self.compare(path, 20)
            for result in results:
                self.check(result, values)
            self.assertGreater(len({result.checksum for result in results}), 3)
            self.assertEqual(results[0].checksum, results[2].checksum)  # 4000 rows are all

    def test_weights(self):
        values = np.column_stack([blobs(3000, 2, 8), np.random.default_rng(2).gamma(1, size=3000)])
        values[::4, 2] = 0
        write_array("in.h5", values)
        for result in self.compare("in.h5", 8, "--weights", 2, ways=((1, 2), (3, 1))):
            self.check(result, values[:, :2], values[:, 2])

    def test_as_many_clusters_as_rows(self):
        """Every row becomes a center."""
        points = blobs(200, 2)
        write_array("in.h5", points)
        for result in self.compare("in.h5", 200, "--seeding-rows", "all", ways=((1, 2), (3, 1))):
            self.check(result, points)
            self.assertEqual(result.sizes.tolist(), [1] * 200)
            self.assertEqual(result.inertia, 0)

    def test_one_cluster(self):
        points = blobs(500, 2)
        write_array("in.h5", points)
        for result in self.compare("in.h5", 1, ways=((1, 2), (3, 1))):
            np.testing.assert_allclose(result.centers[0], points.mean(axis=0), rtol=1e-13)

    def test_equal_rows(self):
        """No distance to draw by."""
        write_array("in.h5", np.full((500, 2), 3.25))
        for result in self.compare("in.h5", 4, ways=((1, 2), (3, 1))):
            self.assertEqual(sorted(result.sizes), [0, 0, 0, 500])
            self.assertEqual(result.inertia, 0)
            self.assertEqual(result.centers.tolist(), [[3.25, 3.25]] * 4)

    def test_fewer_distinct_rows_than_clusters(self):
        """Each of them is found."""
        points = np.tile([[0.0, 1], [5, 5], [-3, 2]], (100, 1))
        write_array("in.h5", points)
        for result in self.compare("in.h5", 6, ways=((1, 2), (3, 1))):
            self.check(result, points)
            self.assertEqual(sorted(result.sizes), [0, 0, 0, 100, 100, 100])

    def test_one_row_far_from_all(self):
        """Integers that weigh rows keep their bits when the far one is taken."""
        points = blobs(2000, 2, 6)
        points[1234] = 1e12
        write_array("in.h5", points)
        for seeding, result in zip(SEEDINGS, self.compare("in.h5", 7, ways=((1, 2), (3, 1)))):
            self.check(result, points)
            if seeding[0] != "random" and 300 not in seeding:
                self.assertEqual(result.sizes[result.labels[1234]], 1)
                self.assertGreater((result.sizes > 100).sum(), 3)


class FirstCenters(ProgramTest):

    def test_random_rows(self):
        """The first assignment's inertia tells which row was the center."""
        points = blobs(50, 2)
        write_array("in.h5", points)
        results = self.fit_all([
            (("in.h5", 1, "--seeding", "random", "--max-iterations", 1, "--random-seed", seed), {})
            for seed in range(22)])
        found = {result.data["history/inertia"][0] for result in results}
        possible = ((points[:, None] - points) ** 2).sum(axis=(1, 2))
        for inertia in found:
            self.assertLess(np.abs(possible / inertia - 1).min(), 1e-12)
        self.assertGreater(len(found), 10)  # 18 expected

    def test_seeds_beyond_32_bits(self):
        write_array("in.h5", blobs(500, 2))
        for how in ("kmeans++", "kmeans-parallel", "random"):
            results = self.fit_all([
                (("in.h5", 5, "--seeding", how, "--max-iterations", 1, "--random-seed", seed), {})
                for seed in (1, 1 + 2 ** 32, 2 ** 63, 2 ** 64 - 1)])
            found = {result.data["history/inertia"][0] for result in results}
            self.assertEqual(len(found), 4, how)


@unittest.skipIf(IS_SANITIZED, "the same bits, slowly")
class Quality(ProgramTest):
    """On a mixture the medians over seeds are those of scikit-learn's k-means++."""

    K = 30

    def inertia_of_seeds(self, n, *options):
        results = self.fit_all([(("in.h5", self.K, "--random-seed", seed, *options), {})
                                for seed in range(n)])
        return (np.median([result.data["history/inertia"][0] for result in results]),
                np.median([result.inertia for result in results]))

    def test_medians(self):
        points = blobs(6000, 2, self.K, seed=11)
        write_array("in.h5", points)
        peers = [KMeans(self.K, n_init=1, algorithm="lloyd", tol=1e-4, random_state=seed).fit(
            points).inertia_ for seed in range(40)]
        peer = np.median(peers)
        medians = {seeding: self.inertia_of_seeds(15, "--seeding", *seeding)
                   for seeding in (*SEEDINGS[:2], SEEDINGS[3], SEEDINGS[4])}
        for seeding, (first, last) in medians.items():
            with self.subTest(seeding=seeding):
                self.assertLess(last, 1.25 * peer if seeding == ("random",) else 1.05 * peer)
                self.assertGreater(last, 0.8 * peer)
        random = medians[("random",)]
        for seeding in (*SEEDINGS[:2], SEEDINGS[3]):
            self.assertLess(medians[seeding][0], random[0])


class ByName(ProgramTest):
    """First centers of a result go to features by their names."""

    def setUp(self):
        super().setUp()
        self.points = blobs(600, 3, 5) * [1, 30, 1000]
        self.columns = dict(zip(("x", "y", "d-e"), self.points.T))
        write_columns("in.h5", self.columns, units={"x": "mag", "y": "pc"})
        self.first = self.fit("in.h5", 5, "-c", "x,y,{d-e}", "--tolerance", 0,
                              output="first.h5")[1]

    def test_order(self):
        """The same fit, whatever the order; after one iteration all is as before."""
        for order in ("{d-e},x,y", "y,{d-e},x", "x,y,{d-e}"):
            finished, result = self.fit("in.h5", 5, "-c", order, "--seeding", "first.h5", ranks=2)
            self.assertEqual(result.labels.tolist(), self.first.labels.tolist(), order)
            self.assertEqual(finished.err.count("warning"), 0, finished)
            names = list(result.attributes["centers"]["features"])
            for j, name in enumerate(("x", "y", "d-e")):
                np.testing.assert_allclose(result.centers[:, names.index(name)],
                                           self.first.centers[:, j], rtol=1e-9)

    def test_first_iteration_is_about_them(self):
        result = self.fit("in.h5", 5, "-c", "{d-e},x,y", "--seeding", "first.h5:centers",
                          "--max-iterations", 1)[1]
        squares = ((self.points[:, None] - self.first.centers) ** 2).sum(axis=2)
        np.testing.assert_allclose(result.data["history/inertia"][0],
                                   squares.min(axis=1).sum(), rtol=1e-12)

    def test_other_features(self):
        write_columns("more.h5", self.columns | {"w": self.columns["x"]})
        self.refuse(
            (3, r"first centers of other features \(first.h5, feature d-e\): this fit has no",
             "fit", "in.h5", "-k", 5, "-c", "x,y", "--seeding", "first.h5", "-o", "out.h5"),
            (3, r"first centers of other features \(first.h5, feature w\): the result has none",
             "fit", "more.h5", "-k", 5, "-c", "x,y,{d-e},w", "--seeding", "first.h5", "-o",
             "out.h5"),
            (3, r"first centers of other features \(first.h5:/centers, feature d-e\)", "fit",
             "more.h5", "-k", 5, "-c", "x,y,w", "--seeding", "first.h5:/centers", "-o", "out.h5"),
            (3, r"wrong shape of the first centers \(first.h5\)", "fit", "in.h5", "-k", 4,
             "-c", "x,y,{d-e}", "--seeding", "first.h5", "-o", "out.h5"))

    def test_units(self):
        """Others are said once, those of one side only are not."""
        write_columns("units.h5", self.columns, units={"x": "mag", "y": "kpc", "d-e": "m"})
        finished, _ = self.fit("units.h5", 5, "-c", "x,y,{d-e}", "--seeding", "first.h5", ranks=2)
        self.assertEqual(finished.err.count("warning"), 1, finished)
        self.assertRegex(finished.err, r"warning: other units \(first.h5, feature y\): first "
                                       r"centers in pc, and the catalogue in kpc; ")

    def test_numbers_for_names(self):
        """Columns of arrays are taken in their order."""
        write_array("array.h5", self.points)
        by_place = self.fit("array.h5", 5, "--seeding", "first.h5")[1]
        self.assertEqual(by_place.labels.tolist(), self.first.labels.tolist())
        self.fit("array.h5", 5, "--tolerance", 0, output="second.h5")
        again = self.fit("in.h5", 5, "-c", "x,y,{d-e}", "--seeding", "second.h5")[1]
        self.assertEqual(again.n_iterations, 1)

    def test_checkpoint(self):
        """The same centers, for columns in another order, are other first centers of a question."""
        finished = run("fit", "in.h5", "-k", 5, "-c", "x,y,{d-e}", "--seeding", "first.h5", "-o",
                       "out.h5", "--checkpoint", "state", "--max-hours", "1e-9")
        self.assertEqual(finished.code, 75, finished)
        finished, result = self.fit("in.h5", 5, "-c", "x,y,{d-e}", "--seeding", "first.h5",
                                    "--checkpoint", "state")
        self.assertIn("going on from state", finished.err)
        self.assertEqual(result.labels.tolist(), self.first.labels.tolist())


if __name__ == "__main__":
    unittest.main()
