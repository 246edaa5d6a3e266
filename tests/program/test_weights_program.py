"""Whole-program tests of `skymeans fit --weights`.

Needs the Open MPI variables of the Makefile: `make check TEST=weights_program`.
"""
import os
import sys
import unittest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # for scikit-learn
sys.dont_write_bytecode = True

import h5py
import numpy as np
from sklearn.cluster import KMeans

from program import ProgramTest, blobs, write_array, write_columns

K = 5


class WeightsTest(ProgramTest):

    def setUp(self):
        super().setUp()
        self.random = np.random.default_rng(7)
        self.points = blobs(2000, 3, K)
        self.weights = self.random.gamma(0.7, size=2000)

    def write(self, path, points, weights):
        """A table with features a, b, c and weights w."""
        write_columns(path, dict(zip("abc", points.T)) | {"w": weights})

    def fit_weighted(self, path, *options, output="out.h5", **how):
        return self.fit(path, K, "-c", "a,b,c", "--weights", "w", "--verify", *options,
                        output=output, **how)[1]


class AgainstScikitLearn(WeightsTest):
    """From the same first centers it arrives at the same place."""

    def compare(self, points, weights, rtol, *options, scale=lambda values: values):
        first = points[self.random.choice(len(points), K, replace=False)].astype("f8")
        np.savetxt("first.txt", first, fmt="%.17g")
        self.write("in.h5", points, weights)
        result = self.fit_weighted("in.h5", "--seeding", "first.txt", *options, ranks=2)
        self.check(result, points, weights)
        samples = scale(points.astype("f8"))
        np.testing.assert_allclose(
            samples, (points - result.data["model/offset"]) * result.data["model/factor"],
            rtol=1e-10, atol=1e-10)
        peer = KMeans(K, init=scale(first), n_init=1, algorithm="lloyd", tol=0).fit(
            samples, sample_weight=weights)
        np.testing.assert_allclose(result.data["model/centers"], peer.cluster_centers_, rtol=rtol,
                                   atol=rtol)
        np.testing.assert_allclose(result.inertia, peer.inertia_, rtol=1e-6)
        self.assertLess((result.labels != peer.labels_).sum(), 3)
        self.assertLessEqual(abs(result.n_iterations - peer.n_iter_), 1)

    def test_float(self):
        self.compare(self.points.astype("f4"), self.weights, 1e-5, "--tolerance", 0)

    def test_double(self):
        self.compare(self.points, self.weights, 1e-10, "--tolerance", 0)

    def test_weights_of_many_sizes(self):
        self.compare(self.points, 10.0 ** self.random.uniform(-6, 6, 2000), 1e-8, "--tolerance", 0)

    def test_standard_scaling(self):
        mean = np.average(self.points, axis=0, weights=self.weights)
        deviation = np.sqrt(np.average((self.points - mean) ** 2, axis=0, weights=self.weights))
        self.compare(self.points, self.weights, 1e-10, "--tolerance", 0, "--scale", "standard",
                     scale=lambda values: (values - mean) / deviation)

    def test_minmax_scaling(self):
        """Rows of weight 0 have no say in the range."""
        self.points[:20] *= 3
        self.weights[:20] = 0
        low = self.points[20:].min(axis=0)
        extent = np.ptp(self.points[20:], axis=0)
        self.compare(self.points, self.weights, 1e-10, "--tolerance", 0, "--scale", "minmax",
                     scale=lambda values: (values - low) / extent)


class WholeWeights(WeightsTest):
    """A weight of 2 is the row twice, bit for bit."""

    def compare(self, points, counts, *options):
        """A fit with weights, and fits of as many rows instead, in two orders."""
        np.savetxt("first.txt", points[np.flatnonzero(counts)[:K]])
        several = np.repeat(points, counts, axis=0)
        self.write("weighted.h5", points, counts.astype("i4"))
        self.write("repeated.h5", several, np.ones(len(several)))
        self.write("mixed.h5", self.random.permutation(several), np.ones(len(several), "i8"))
        base = "-c", "a,b,c", "--seeding", "first.txt", "--verify", *options
        weighted, *others = self.fit_all(
            [(("weighted.h5", K, *base, "--weights", "w"), {"ranks": ranks}) for ranks in (1, 3)]
            + [((path, K, *base), {"ranks": 2}) for path in ("repeated.h5", "mixed.h5")]
            + [(("mixed.h5", K, *base, "--weights", "w"), {"ranks": 1})])
        self.check(weighted, points, counts)
        self.assertEqual(others[0].answer(), weighted.answer())
        np.testing.assert_array_equal(np.repeat(weighted.labels, counts), others[1].labels)
        for other in others:
            for name in ("centers", "model/centers", "model/offset", "model/factor", "weights",
                         "history/inertia", "history/shift"):
                self.assertEqual(other.data[name].tobytes(), weighted.data[name].tobytes(), name)
            self.assertEqual(other.inertia, weighted.inertia)
            self.assertEqual(other.n_iterations, weighted.n_iterations)

    def test_double(self):
        self.compare(self.points, self.random.poisson(1.5, 2000))

    def test_float(self):
        self.compare(self.points.astype("f4"), self.random.poisson(1.5, 2000), "--scale", "minmax")

    def test_standard_scaling_with_an_outlier(self):
        """Sums of two words."""
        self.points[1000, 1] = 1e12
        counts = 1 + self.random.poisson(1.5, 2000)
        self.compare(self.points, counts, "--scale", "standard")

    def test_units_do_not_matter(self):
        """Weights times a power of two give the same centers."""
        counts = self.random.poisson(1.5, 2000)
        np.savetxt("first.txt", self.points[np.flatnonzero(counts)[:K]])
        powers = 1, 2.0 ** -600, 2.0 ** 900, 2.0 ** -1060
        for i, power in enumerate(powers):
            self.write(f"{i}-in.h5", self.points, counts * power)
        fits = [(f"{i}-in.h5", K, "-c", "a,b,c", "--weights", "w", "--seeding", "first.txt",
                 "--verify") for i in range(len(powers))]
        results = self.fit_all([(fit, {"ranks": 1 + i}) for i, fit in enumerate(fits)])
        for result, power in zip(results, powers):
            np.testing.assert_array_equal(result.labels, results[0].labels)
            np.testing.assert_allclose(result.centers, results[0].centers, rtol=1e-13)
            np.testing.assert_array_equal(result.data["weights"],
                                          results[0].data["weights"] * power)
            np.testing.assert_allclose(result.inertia, results[0].inertia * power, rtol=1e-12,
                                       atol=5e-324)

    def test_large_counts(self):
        """The sum of the weights may be as large as 2^53."""
        counts = self.random.integers(0, 2 ** 42, 2000)
        self.write("in.h5", self.points, counts)
        results = [self.fit_weighted("in.h5", ranks=ranks) for ranks in (1, 3)]
        self.check(results[0], self.points, counts)
        self.assertEqual(results[0].answer(), results[1].answer())
        self.assertEqual(results[0].data["weights"].sum(), counts.sum())


class ZeroWeights(WeightsTest):

    def test_they_get_labels_and_count_for_nothing(self):
        """A fit without these rows gives the same centers."""
        self.weights[::3] = 0
        self.points[::3] *= 1.4
        used = self.weights > 0
        np.savetxt("first.txt", self.points[used][:K])
        self.write("all.h5", self.points, self.weights)
        self.write("used.h5", self.points[used], self.weights[used])
        for scale in ("none", "standard"):
            options = "--seeding", "first.txt", "--scale", scale
            result = self.fit_weighted("all.h5", *options, ranks=2)
            other = self.fit_weighted("used.h5", *options)
            self.check(result, self.points, self.weights)
            self.assertTrue((result.labels >= 0).all())
            self.assertEqual(result.n_used, 2000)
            self.assertEqual(result.sizes.sum(), 2000)
            np.testing.assert_array_equal(result.labels[used], other.labels)
            self.assertEqual(result.centers.tobytes(), other.centers.tobytes())
            self.assertEqual(result.inertia, other.inertia)
            np.testing.assert_array_equal(result.data["weights"], other.data["weights"])

    def test_no_center_begins_there(self):
        """As many rows of weight 1 as clusters: each of them is one, and where they are."""
        self.weights[:] = 0
        chosen = np.sort(self.random.choice(2000, K, replace=False))
        self.weights[chosen] = 1
        self.write("in.h5", self.points, self.weights)
        fits = self.fit_all([(("in.h5", K, "-c", "a,b,c", "--weights", "w", "--seeding", seeding,
                               "--verify"), {"ranks": ranks})
                             for seeding in ("kmeans++", "kmeans-parallel", "random")
                             for ranks in (1, 3)])
        for i, result in enumerate(fits):
            self.check(result, self.points, self.weights)
            self.assertEqual(result.data["weights"].tolist(), [1] * K)
            self.assertEqual(result.inertia, 0)
            np.testing.assert_array_equal(
                np.sort(result.centers, axis=0), np.sort(self.points[chosen], axis=0))
            self.assertEqual(result.answer(), fits[i - i % 2].answer())

    def test_too_few_rows_with_weight(self):
        self.weights[K - 1:] = 0
        self.write("in.h5", self.points, self.weights)
        self.refuse((3, r"more clusters than usable rows \(in.h5, .*\): 5 clusters of 4 "
                        "rows that miss no value, are not left out and have weight", "fit", "in.h5", "-c", "a,b,c", "--weights", "w", "-k", K, "-o",
                     "out.h5"))

    def test_far_rows_without_weight(self):
        """They may be outside of every range that working values have."""
        for dtype, far in (("f4", 3e38), ("f8", 1.7e308)):
            points = self.points.astype(dtype)
            points[:3] = [[far, 0, 0], [-far, far, 0], [0, 0, far]]
            weights = np.where(np.arange(2000) < 3, 0, self.weights)
            self.write(f"{dtype}.h5", points, weights)
            result = self.fit_weighted(f"{dtype}.h5", "--scale", "standard", ranks=2)
            self.assertTrue((result.labels >= 0).all())
            self.assertTrue(np.isfinite(result.centers).all())
            self.assertLess(np.abs(result.centers).max(), 100)


class Columns(WeightsTest):
    """Where weights come from."""

    def test_arrays(self):
        """By number; without -c all other columns are features."""
        values = np.column_stack([self.points[:, 0], self.weights, self.points[:, 1:]])
        write_array("in.h5", values, chunks=(64, 3), compression="gzip")
        self.write("table.h5", self.points, self.weights)
        finished, result = self.fit("in.h5", K, "--weights", 1, ranks=2)
        self.assertIn("skymeans: features: -c 0,2,3\n", finished.err)
        self.check(result, self.points, self.weights)
        other = self.fit_weighted("table.h5")
        self.assertEqual(result.checksum, other.checksum)
        self.assertEqual(list(result.attributes["centers"]["features"]), ["0", "2", "3"])

    def test_default_features_of_a_table(self):
        self.write("in.h5", self.points, self.weights)
        finished, result = self.fit("in.h5", K, "--weights", "w")
        self.assertIn("skymeans: features: -c a,b,c\n", finished.err)
        self.check(result, self.points, self.weights)

    def test_a_column_may_be_both(self):
        self.write("in.h5", self.points, self.weights)
        _, result = self.fit("in.h5", K, "-c", "w,a", "--weights", "w", "--verify")
        self.check(result, np.column_stack([self.weights, self.points[:, 0]]), self.weights)

    def test_odd_names(self):
        write_columns("in.h5", {"a": self.points[:, 0], "b-v, w": self.weights})
        _, result = self.fit("in.h5", K, "--weights", "{b-v, w}")
        self.check(result, self.points[:, :1], self.weights)

    def test_types(self):
        """Equal weights give equal results; they don't decide the precision of the features."""
        counts = self.random.integers(0, 100, 2000)
        types = ("f8", ">f8", "f4", ">f4", "f2", "i1", "u1", "i2", ">i2", ">u2", "i4", ">i4", "u4",
                 "i8", ">i8", ">u8")
        for i, name in enumerate(types):
            write_columns(f"{i}-in.h5", dict(zip("abc", self.points.T.astype("f4"))))
            layout = [{}, {"chunks": (100,)}, {"chunks": (30,), "compression": "gzip"}][i % 3]
            write_columns(f"{i}-in.h5", {"w": counts.astype(name)}, **layout)
        results = self.fit_all([((f"{i}-in.h5", K, "-c", "a,b,c", "--weights", "w"),
                                 {"ranks": 1 + i % 3}) for i in range(len(types))])
        self.check(results[0], self.points.astype("f4"), counts)
        self.assertEqual(results[0].attributes["model"]["precision"], "float32")
        for name, result in zip(types, results):
            self.assertEqual(result.answer(), results[0].answer(), name)

    def test_missing_features(self):
        """Whatever weight a row with a missing feature has, it is not looked at."""
        self.points[::5, 1] = np.nan
        self.weights[::10] = -1
        self.weights[5::10] = np.nan
        self.write("in.h5", self.points, self.weights)
        results = [self.fit_weighted("in.h5", ranks=ranks) for ranks in (1, 3)]
        self.check(results[0], self.points, self.weights)
        self.assertEqual(results[0].n_missing, 400)
        self.assertEqual(results[0].answer(), results[1].answer())
        self.refuse((3, "missing value.* row 0, column b", "fit", "in.h5", "-c", "a,b,c", "-k", K,
                     "--weights", "w", "--missing", "error", "-o", "other.h5"))


class BadWeights(WeightsTest):

    def refuse_weights(self, pattern, points, weights, *options):
        with h5py.File("in.h5", "w"):
            pass
        self.write("in.h5", points, weights)
        self.refuse((3, pattern, "fit", "in.h5", "-c", "a,b,c", "-k", K, "-o", "out.h5",
                     "--weights", "w", *options))

    def test_values(self):
        """The first of them is named with its file, row and column."""
        for value, said in ((-1, "-1"), (-1e-300, "-1e-300"), (np.nan, "-?nan"), (np.inf, "inf"),
                            (-np.inf, "-inf")):
            weights = self.weights.copy()
            weights[[1234, 1999]] = value
            self.refuse_weights(
                rf"bad weight \(in.h5, /table/columns, row 1234, column w\): it is {said}, ",
                self.points, weights)

    def test_the_first_is_named(self):
        """Whether it is a weight or a feature."""
        for bad, missing, said in ((100, 1900, "bad weight.*row 100,"),
                                   (1900, 100, "missing value.*row 100,"),
                                   (300, 200, "missing value.*row 200,"),
                                   (200, 300, "bad weight.*row 200,"),
                                   (200, 200, "missing value.*row 200,")):
            points, weights = self.points.copy(), self.weights.copy()
            points[missing, 2], weights[bad] = np.nan, -1
            self.refuse_weights(said, points, weights, "--missing", "error")

    def test_all_zero(self):
        self.refuse_weights(r"bad weights \(in.h5, /table/columns, column w\): they are 0",
                            self.points, np.zeros(2000))
        weights = np.zeros(2000)
        weights[7], self.points[7, 0] = 1, np.nan
        self.refuse_weights("bad weights .*column w", self.points, weights)

    def test_columns(self):
        self.write("in.h5", self.points, self.weights)
        write_columns("in.h5", {"name": np.full(2000, b"text")})
        self.write("masked.h5", self.points, self.weights)
        write_columns("masked.h5", {"w": np.arange(2000) == 7}, form="table/columns/{}/mask")
        write_array("array.h5", self.points)
        write_columns("one.h5", {"w": self.weights})
        options = "-k", K, "-o", "out.h5", "--weights"
        self.refuse(
            (3, r"no such column \(in.h5, /table/columns, column ww\)", "fit", "in.h5", *options,
             "ww"),
            (3, r"not a number \(in.h5, .*column name\)", "fit", "in.h5", *options, "name"),
            (3, r"bad weight \(masked.h5, .*row 7, column w\)", "fit", "masked.h5", "-c", "a", *options,
             "w"),
            (2, "bad value.*--weights a,w", "fit", "in.h5", *options, "a,w"),
            (2, "bad value.*--weights 0:2", "fit", "array.h5", *options, "0:2"),
            (3, r"no such column \(array.h5, /points, column 3\)", "fit", "array.h5", *options, 3),
            (3, r"no feature by default \(one.h5", "fit", "one.h5", *options, "w"))


class ExtremeWeights(WeightsTest):
    """Weights that no fixed unit would hold."""

    def check_extreme(self, weights):
        self.write("in.h5", self.points, weights)
        results = self.fit_all([
            (("in.h5", K, "-c", "a,b,c", "--weights", "w", "--verify", "--seeding", seeding,
              "--threads", threads), {"ranks": ranks})
            for seeding in ("kmeans++", "random") for ranks, threads in ((1, 1), (1, 2), (3, 1))])
        for i, result in enumerate(results):
            self.assertTrue((result.labels >= 0).all())
            self.assertTrue(np.isfinite(result.centers).all())
            self.assertEqual(result.answer(), results[i - i % 3].answer())
        return results[0]

    def test_huge(self):
        self.check_extreme(self.weights * 1e300)

    def test_sum_beyond_the_largest_double(self):
        self.check_extreme(np.full(2000, 1.7e308))

    def test_tiny(self):
        result = self.check_extreme(self.weights * 1e-300)
        self.check(result, self.points, self.weights * 1e-300)

    def test_denormal(self):
        self.check_extreme(self.random.integers(0, 5, 2000) * 5e-324)

    def test_all_at_once(self):
        """The small ones round to 0 beside the large ones, which must not harm."""
        self.check_extreme(10.0 ** self.random.uniform(-320, 307, 2000))

    def test_one_outweighs_all(self):
        """Too light to count beside it, rows still have labels; -k counts them."""
        weights = np.ones(2000)
        weights[77] = 1e300
        self.write("in.h5", self.points, weights)
        self.refuse((3, "more clusters than usable rows.* of 1 rows", "fit", "in.h5", "-c",
                     "a,b,c", "--weights", "w", "-k", K, "-o", "out.h5"))
        _, result = self.fit("in.h5", 1, "-c", "a,b,c", "--weights", "w", "--verify")
        np.testing.assert_array_equal(result.centers[0], self.points[77])


if __name__ == "__main__":
    unittest.main()
