"""Clusters of equal size: fit --balance, prices, and predict."""
import os
import sys
import unittest

import h5py
import numpy as np
from scipy.optimize import linear_sum_assignment

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from program import ProgramTest, Result, run, write_columns
from stopping import stop_at


def even_sky(n, seed):
    random = np.random.default_rng(seed)
    return random.uniform(0, 360, n), np.degrees(np.arcsin(random.uniform(-1, 1, n)))


def unit(ra, dec):
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def fields():
    """Two squares of the sky, 39 to 1 in rows, with the number of the field of each row."""
    random = np.random.default_rng(4)
    ra = np.concatenate([random.uniform(20, 80, 19500), random.uniform(200, 210, 500)])
    dec = np.concatenate([random.uniform(-30, 30, 19500), random.uniform(-5, 5, 500)])
    return ra, dec, np.repeat([0, 1], [19500, 500])


def clumps(n, seed):
    """Nine tenths of the rows in clumps, a few of which have most of them."""
    random = np.random.default_rng(seed)
    at, sizes = random.normal(size=(40, 3)), random.pareto(1.2, 40) + 1
    at /= np.linalg.norm(at, axis=1)[:, None]
    clump = random.choice(40, n, p=sizes / sizes.sum())
    at = at[clump] + random.uniform(0.01, 0.07, 40)[clump, None] * random.normal(size=(n, 3))
    stray = random.random(n) < 0.1
    at[stray] = random.normal(size=(stray.sum(), 3))
    at /= np.linalg.norm(at, axis=1)[:, None]
    return np.degrees(np.arctan2(at[:, 1], at[:, 0])) % 360, np.degrees(np.arcsin(at[:, 2]))


def transport(at, k, seed):
    """Inertia of equal clusters: an exact assignment of rows to places, and means, in turn."""
    centers = at[np.random.default_rng(seed).choice(len(at), k, replace=False)]
    places = np.repeat(np.arange(k), len(at) // k)
    inertia, before = 1e300, np.inf
    while inertia < before * (1 - 1e-4):
        before = inertia
        costs = ((at[:, None] - centers) ** 2).sum(axis=2)[:, places]
        rows, taken = linear_sum_assignment(costs)
        inertia = costs[rows, taken].sum()
        sums = np.stack([at[places[taken] == c].sum(axis=0) for c in range(k)])
        centers = sums / np.linalg.norm(sums, axis=1)[:, None]
    return inertia


class Balance(ProgramTest):
    def sky(self, path, ra, dec, **more):
        write_columns(path, {"ra": ra, "dec": dec, **more})
        return unit(ra, dec)

    def check_prices(self, result, at):
        """Labels are those of the least squared distance plus price, within roundings."""
        costs = ((at[:, None] - result.data["model/centers"]) ** 2).sum(axis=2) \
            + result.data["model/prices"]
        own = costs[np.arange(len(at)), result.labels]
        np.testing.assert_array_less(own, costs.min(axis=1) + 1e-14)
        self.assertEqual(np.bincount(result.labels, minlength=len(result.sizes)).tolist(),
                         result.sizes.tolist())

    def test_counts(self):
        at = self.sky("even.h5", *even_sky(20000, 1))
        ended, result = self.fit("even.h5", 50, "--sky", "ra,dec", "--balance", "count", "--verify")
        self.check_prices(result, at)
        self.assertLessEqual(abs(result.sizes - 400).max(), 4)
        self.assertRegex(ended.out, r"(?m)^  balance +sizes \(count\) of 0\.99\S* to 1\.0\S* of the "
                                    "mean, 1 field$")
        _, plain = self.fit("even.h5", 50, "--sky", "ra,dec", output="plain.h5")
        self.assertLess(result.inertia, 1.01 * plain.inertia)
        distances2 = ((at - result.centers[result.labels]) ** 2).sum()
        self.assertAlmostEqual(result.inertia, distances2, delta=1e-9)

    def test_weights(self):
        ra, dec = even_sky(20000, 2)
        weights = np.random.default_rng(3).uniform(0, 2, 20000)
        at = self.sky("even.h5", ra, dec, w=weights)
        _, result = self.fit("even.h5", 30, "--sky", "ra,dec", "--balance", "weight", "--weights",
                             "w", "--verify")
        self.check_prices(result, at)
        shares = np.bincount(result.labels, weights) * 30 / weights.sum()
        self.assertLessEqual(abs(shares - 1).max(), 0.0101)

    def test_fields(self):
        """Each field has clusters by its share of rows, and they are equal within it."""
        ra, dec, field = fields()
        at = self.sky("two.h5", ra, dec)
        _, result = self.fit("two.h5", 80, "--sky", "ra,dec", "--balance", "count")
        self.check_prices(result, at)
        own = [np.unique(result.labels[field == f]) for f in (0, 1)]
        self.assertEqual([len(labels) for labels in own], [78, 2])
        self.assertEqual(np.intersect1d(*own).tolist(), [])
        for labels in own:
            sizes = result.sizes[labels]
            self.assertLessEqual(abs(sizes - sizes.mean()).max(), max(3, 0.01 * sizes.mean()))

    def test_clumps(self):
        """Strongly clustered rows, of which k-means makes clusters of 0.1 to 4 times the mean."""
        at = self.sky("clumps.h5", *clumps(10000, 10))
        _, plain = self.fit("clumps.h5", 25, "--sky", "ra,dec", output="plain.h5")
        self.assertGreater(plain.sizes.max(), 1200)
        ended, result = self.fit("clumps.h5", 25, "--sky", "ra,dec", "--balance", "count", "--verify")
        self.check_prices(result, at)
        self.assertLessEqual(abs(result.sizes - 400).max(), 4)
        self.assertNotIn("unequal clusters", ended.err)

    def test_inertia(self):
        """Equal clusters of clumped rows are as good as the best of several independent ones."""
        for seed in (27, 33):
            at = self.sky(f"{seed}.h5", *clumps(800, seed))
            _, result = self.fit(f"{seed}.h5", 8, "--sky", "ra,dec", "--balance", "count")
            self.assertLessEqual(abs(result.sizes - 100).max(), 3)
            self.assertLess(result.inertia, 1.02 * min(transport(at, 8, s) for s in (1, 3, 5)))

    def test_equal_rows_on_a_line(self):
        """Heaps of equal rows next to each other are no fields."""
        x = np.repeat(np.random.default_rng(15).normal(size=200), 20)
        write_columns("line.h5", {"x": x})
        ended, result = self.fit("line.h5", 10, "--balance", "count")
        self.assertRegex(ended.out, "of the mean, 1 field")
        self.assertEqual(result.sizes.tolist(), [400] * 10)

    def test_duplicates(self):
        """Each row four times: clusters change by four rows at once, and are equal all the same."""
        ra, dec = clumps(2500, 13)
        self.sky("four.h5", np.repeat(ra, 4), np.repeat(dec, 4))
        ended, result = self.fit("four.h5", 12, "--sky", "ra,dec", "--balance", "count")
        self.assertLessEqual(abs(result.sizes - 10000 / 12).max(), 10000 / 12 / 100)
        self.assertNotIn("unequal clusters", ended.err)

    def write_islands(self, n, n_rows, seed):
        """Narrow ones of n_rows each; returns the island of each row."""
        random = np.random.default_rng(seed)
        at = random.normal(size=(n, 3))
        at /= np.linalg.norm(at, axis=1)[:, None]
        island = np.repeat(np.arange(n), n_rows)
        at = at[island] + 0.002 * random.normal(size=(len(island), 3))
        self.sky("islands.h5", np.degrees(np.arctan2(at[:, 1], at[:, 0])) % 360,
                 np.degrees(np.arcsin(at[:, 2] / np.linalg.norm(at, axis=1))))
        return island

    def test_islands(self):
        """Narrow islands far apart: no cluster has but a few rows of another field."""
        island = self.write_islands(12, 1000, seed=14)
        ended, result = self.fit("islands.h5", 24, "--sky", "ra,dec", "--balance", "count")
        self.assertRegex(ended.out, "of their field, 12 fields")
        self.assertLessEqual(abs(result.sizes - 500).max(), 5)
        self.assertEqual(len(np.unique(result.labels * 12 + island)), 24)

    def test_more_islands_than_clusters(self):
        """Of 15 islands and 10 clusters some share one with the next, but no more than two."""
        self.write_islands(15, 200, seed=18)
        _, result = self.fit("islands.h5", 10, "--sky", "ra,dec", "--balance", "count")
        self.assertGreaterEqual(result.sizes.min(), 198)
        self.assertLessEqual(result.sizes.max(), 404)

    def test_unequal(self):
        """Equal rows that outweigh a cluster can't be parted: a warning says so."""
        x = np.concatenate([np.zeros(500), np.arange(500)])
        self.sky("heap.h5", 0.1 * x, np.zeros(1000))
        ended, result = self.fit("heap.h5", 10, "--sky", "ra,dec", "--balance", "count",
                                 "--max-iterations", "12")
        self.assertIn("unequal clusters", ended.err)
        self.assertEqual(result.sizes.sum(), 1000)

    def test_outlier(self):
        """Rows far off neither make the others look like one heap, nor get clusters of their own."""
        for far, n_far in ((1e4, 1), (1e6, 1), (1e5, 5)):
            x, y = np.random.default_rng(11).normal(size=(2, 8000))
            x[:n_far] *= far
            y[:n_far] *= far
            write_columns(f"{far}.h5", {"x": x, "y": y})
            ended, result = self.fit(f"{far}.h5", 20, "--balance", "count")
            self.assertLessEqual(abs(result.sizes - 400).max(), 4)
            self.assertNotIn("unequal clusters", ended.err)
            self.assertLess(result.n_iterations, 40)

    def test_same_bits(self):
        """Ranks, threads, methods and kernels make no difference, on the sky and off it."""
        ra, dec = even_sky(3000, 5)
        random = np.random.default_rng(6)
        self.sky("even.h5", ra, dec, w=random.uniform(0, 3, 3000), z=random.normal(size=3000) * 1000)
        write_columns("single.h5", {"x": random.uniform(size=2000).astype("f4"),
                                    "y": random.uniform(size=2000).astype("f4"),
                                    "far": (1000 * random.uniform(size=2000)).astype("f4")})
        self.sky("clumps.h5", *clumps(3000, 12))
        lines = [("clumps.h5", "--sky", "ra,dec", "--balance", "count"),
                 ("even.h5", "--sky", "ra,dec", "-c", "z", "--scale", "standard", "--weights", "w",
                  "--balance", "weight"),
                 ("single.h5", "--balance", "count", "--scale", "minmax", "--restarts", "2")]
        for path, *options in lines:
            fits = [((path, 12, *options, "--max-iterations", "40", *how), {"ranks": ranks})
                    for how, ranks in [((), 1), ((), 2), ((), 3), ((), 4), ((), 7),
                                       (("--threads", "3"), 1), (("--kernel", "reference"), 1),
                                       *[(("--algorithm", method), 2) for method in
                                         ("lloyd", "tree", "bounds", "neighbours")]]]
            first, *others = self.fit_all(fits)
            self.assertGreater(first.data["model/prices"].max(), 0)
            for (arguments, how), other in zip(fits[1:], others):
                with self.subTest(arguments=arguments, **how):
                    self.assertEqual(other.checksum, first.checksum)
                    for name in ("labels", "centers", "model/prices", "history/inertia"):
                        self.assertEqual(other.data[name].tobytes(), first.data[name].tobytes())

    def test_predict(self):
        """Prices hold for other rows: those of the fit get its labels."""
        ra, dec = even_sky(5000, 7)
        self.sky("even.h5", ra, dec)
        _, result = self.fit("even.h5", 20, "--sky", "ra,dec", "--balance", "count")
        ended = run("predict", "out.h5", "even.h5", "-o", "labels.h5", ranks=3)
        self.assertEqual(ended.code, 0, ended)
        predicted = Result("labels.h5")
        self.assertEqual(predicted.labels.tolist(), result.labels.tolist())
        self.assertEqual(predicted.data["model/prices"].tobytes(),
                         result.data["model/prices"].tobytes())
        with h5py.File("out.h5", "a") as file:
            del file["model/prices"], file["model"].attrs["checksum"]
        ended = run("predict", "out.h5", "even.h5", "-o", "labels.h5", "--overwrite")
        self.assertEqual(ended.code, 0, ended)
        self.assertNotEqual(Result("labels.h5").labels.tolist(), result.labels.tolist())

    def test_goes_on(self):
        """A fit that is stopped amid its iterations and goes on comes to the same."""
        self.sky("even.h5", *even_sky(30000, 8))
        line = ("even.h5", 20, "--sky", "ra,dec", "--balance", "count", "--tolerance", "0",
                "--max-iterations", "60")
        _, whole = self.fit(*line)
        save = ("fit", *line[:1], "-k", 20, *line[2:], "-o", "other.h5", "--checkpoint", "state")
        stopped = stop_at(r"^iteration +20 ", *save, "--verbose")
        self.assertIn(stopped.code, (0, 75), stopped)
        ended = run(*save, "--overwrite", "--verify", ranks=2)
        self.assertEqual(ended.code, 0, ended)
        self.assertEqual(Result("other.h5").checksum, whole.checksum)

    def test_refusals(self):
        self.sky("even.h5", *even_sky(100, 9))
        fit = ("fit", "even.h5", "-k", 2, "-o", "x.h5", "--sky", "ra,dec")
        self.refuse((2, r"bad value \(--balance size\)", *fit, "--balance", "size"),
                    (2, r"bad value \(--balance count\)", "fit", "even.h5", "-k", "2,3", "-o",
                     "x.h5", "--balance", "count"), ranks=(1,))


if __name__ == "__main__":
    unittest.main()
