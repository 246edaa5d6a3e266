"""Whole-program tests of when a fit ends, and that what it leaves belongs together.

Needs the Open MPI variables of the Makefile: `make check TEST=convergence_program`.
"""
import os
import sys
import unittest
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # for scikit-learn
sys.dont_write_bytecode = True

import numpy as np
from sklearn.cluster import KMeans

from program import ProgramTest, blobs, parse_summary, write_array

K = 12


class ConvergenceTest(ProgramTest):

    def setUp(self):
        super().setUp()
        self.points = 2 * blobs(3000, 3, 8) + np.random.default_rng(8).normal(
            scale=4, size=(3000, 3))
        self.first = self.points[:K]
        write_array("in.h5", self.points)
        write_array("f4.h5", self.points.astype("f4"))
        np.savetxt("first.txt", self.first, fmt="%.17g")

    def fit_first(self, path, *options, **how):
        return self.fit(path, K, "--seeding", "first.txt", "--verify", *options, **how)[1]

    def check_labels(self, result, points):
        """In float64, with the centers of the file: labels, inertia, sizes."""
        squares = ((points[:, None].astype("f8") - result.centers) ** 2).sum(axis=2)
        np.testing.assert_array_equal(result.labels, squares.argmin(axis=1))
        np.testing.assert_allclose(result.inertia, squares.min(axis=1).sum(), rtol=1e-12)
        self.check(result, points)


class Tolerance(ConvergenceTest):

    def test_zero_goes_on_until_no_label_changes(self):
        for path in ("in.h5", "f4.h5"):
            result = self.fit_first(path, "--tolerance", 0)
            relabeled = result.data["history/relabeled"]
            self.assertEqual((relabeled > 0).tolist(), [True] * (len(relabeled) - 1) + [False])
            self.assertEqual((result.converged, result.stop_reason), (1, "no label changed"))
            means = [self.points[result.labels == c].mean(axis=0) for c in range(K)]
            np.testing.assert_allclose(result.centers, means, rtol=1e-5 if path == "f4.h5"
                                       else 1e-12, atol=1e-6 if path == "f4.h5" else 1e-12)

    def test_scikit_learn_stops_at_the_same_iteration(self):
        """Sum of squared shifts <= tolerance times the mean variance of the features."""
        for path, scale in (("in.h5", "none"), ("f4.h5", "none"), ("in.h5", "standard")):
            for tolerance in (0, 1e-6, 1e-4, 1e-2, 1):
                result = self.fit_first(path, "--tolerance", tolerance, "--scale", scale)
                offset, factor = result.data["model/offset"], result.data["model/factor"]
                samples = (self.points - offset) * factor
                peer = KMeans(K, init=(self.first - offset) * factor, n_init=1, algorithm="lloyd",
                              tol=tolerance).fit(samples)
                with self.subTest(path=path, tolerance=tolerance, scale=scale):
                    self.assertLessEqual(abs(peer.n_iter_ - result.n_iterations), 1)
                    allowed = tolerance * samples.var(axis=0).mean()
                    shift = result.data["history/shift"]
                    self.assertTrue((shift[:-1] > allowed).all())
                    if result.stop_reason == "tolerance":
                        self.assertLessEqual(shift[-1], allowed)
                    else:
                        self.assertEqual(result.data["history/relabeled"][-1], 0)

    def test_weights_weigh_the_variance(self):
        weights = np.random.default_rng(9).gamma(0.5, size=3000)
        write_array("weighted.h5", np.column_stack([self.points, weights]))
        mean = np.average(self.points, axis=0, weights=weights)
        variance = np.average((self.points - mean) ** 2, axis=0, weights=weights).mean()
        shift = self.fit_first("weighted.h5", "--weights", 3, "--tolerance", 0).data[
            "history/shift"]
        n = len(shift) // 2
        limit = shift[:n].min() / variance
        for factor, expected in ((1 + 1e-9, int(shift[:n].argmin()) + 1),):
            result = self.fit_first("weighted.h5", "--weights", 3, "--tolerance",
                                    repr(float(limit * factor)))
            self.assertEqual((result.n_iterations, result.stop_reason), (expected, "tolerance"))
        result = self.fit_first("weighted.h5", "--weights", 3, "--tolerance",
                                repr(float(limit * (1 - 1e-9))))
        self.assertGreater(result.n_iterations, expected)

    def test_huge(self):
        result = self.fit_first("in.h5", "--tolerance", 1e300)
        self.assertEqual((result.n_iterations, result.stop_reason), (1, "tolerance"))
        self.check_labels(result, self.points)

    def test_fixed_point(self):
        """From centers that are means already nothing moves."""
        self.fit_first("in.h5", "--tolerance", 0, output="before.h5")
        for tolerance in (0, 1e-4):
            _, result = self.fit("in.h5", K, "--seeding", "before.h5", "--tolerance", tolerance)
            self.assertLessEqual(result.n_iterations, 2)
            self.assertEqual(result.converged, 1)


class Iterations(ConvergenceTest):

    def test_labels_belong_to_the_centers_at_every_limit(self):
        limits = 1, 2, 3, 5, 300
        results = self.fit_all([((path, K, "--seeding", "first.txt", "--max-iterations", limit,
                                  "--tolerance", 0, "--verify"), {"ranks": 1 + limit % 3})
                                for path in ("in.h5", "f4.h5") for limit in limits])
        for result, limit in zip(results, 2 * limits):
            precision = result.attributes["model"]["precision"]
            points = self.points.astype(precision)
            with self.subTest(limit=limit, precision=precision):
                if precision == "float64":
                    self.check_labels(result, points)
                self.check(result, points)
                if limit < 300:
                    self.assertEqual((result.n_iterations, result.converged, result.stop_reason),
                                     (limit, 0, "max-iterations"))

    def test_one_iteration(self):
        """The means of the samples nearest to the first centers."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peer = KMeans(K, init=self.first, n_init=1, algorithm="lloyd", max_iter=1).fit(
                self.points)
        result = self.fit_first("in.h5", "--max-iterations", 1)
        np.testing.assert_allclose(result.centers, peer.cluster_centers_, rtol=1e-10)
        np.testing.assert_array_equal(result.labels, peer.labels_)
        np.testing.assert_allclose(result.inertia, peer.inertia_, rtol=1e-10)

    def test_history_is_the_same_at_every_limit(self):
        short = self.fit_first("in.h5", "--max-iterations", 4, "--tolerance", 0)
        full = self.fit_first("in.h5", "--tolerance", 0, ranks=3)
        for name in ("inertia", "shift", "relabeled"):
            np.testing.assert_array_equal(short.data[f"history/{name}"],
                                          full.data[f"history/{name}"][:4])
        self.assertEqual(short.inertia < full.data["history/inertia"][3], True)
        np.testing.assert_allclose(short.inertia, full.data["history/inertia"][4], rtol=1e-12)

    def test_inertia_never_rises(self):
        for path, rise in (("in.h5", 1e-12), ("f4.h5", 1e-6)):
            history = self.fit_first(path, "--tolerance", 0).data["history/inertia"]
            self.assertTrue((np.diff(history) <= rise * history[:-1]).all())


class Said(ConvergenceTest):

    def test_stop_reasons(self):
        """The same in the result, in the summary and, if it has not converged, in a warning."""
        for reason, converged, *options in (
                ("tolerance", 1, "--tolerance", 1e-2), ("no label changed", 1, "--tolerance", 0),
                ("max-iterations", 0, "--tolerance", 0, "--max-iterations", 2)):
            finished, result = self.fit("in.h5", K, "--seeding", "first.txt", *options)
            self.assertEqual((result.stop_reason, result.converged), (reason, converged))
            self.assertEqual(parse_summary(finished.out)["stopped"], (
                str(result.n_iterations), reason, "converged" if converged else "not converged"))
            self.assertEqual("warning: not converged" in finished.err, not converged)


if __name__ == "__main__":
    unittest.main()
