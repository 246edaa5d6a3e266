"""Whole-program tests that change a question so that it is known how the answer must change.

Needs the Open MPI variables of the Makefile: `make check TEST=metamorphic_program`.
"""
import os
import sys
import unittest

sys.dont_write_bytecode = True

import numpy as np

from program import ProgramTest, Result, blobs, run, write_array, write_columns

K = 6
GRID = 2.0 ** -10  # values are multiples of it, so that sums are exact on any grid of the program


class Metamorphic(ProgramTest):

    def setUp(self):
        super().setUp()
        self.random = np.random.default_rng(5)
        self.points = np.rint(blobs(500, 3, K) / GRID) * GRID
        self.points[3] = 40, -50, 60
        self.points[100:140] = self.points[200:240]
        self.points[70, 2] = np.nan
        self.weights = self.random.integers(0, 4, 500) * 2.0
        self.first = self.points[:K]
        self.n_files = 0

    def seeding(self, centers):
        """Options for these first centers."""
        self.n_files += 1
        np.savetxt(f"first{self.n_files}.txt", centers, fmt="%.17g")
        return "--seeding", f"first{self.n_files}.txt", "--tolerance", 0

    def write(self, points, kind="f8", **columns):
        """A new file with features a, b, ... and other columns."""
        self.n_files += 1
        path = f"in{self.n_files}.h5"
        write_columns(path, dict(zip("abcdef", points.T.astype(kind))) | columns)
        return path

    def fits(self, *fits, ranks=(1, 2, 3)):
        """Results of fits, each on another number of ranks."""
        fits = [((path, K, "-c", "a,b,c", *options), {"ranks": ranks[i % len(ranks)]})
                for i, (path, *options) in enumerate(fits)]
        return self.fit_all(fits)

    @staticmethod
    def same(one, other, *names):
        for name in names:
            np.testing.assert_array_equal(other.data[name], one.data[name], name)

    def same_centers(self, one, other):
        """All that does not depend on the order of rows."""
        self.same(one, other, "centers", "model/centers", "weights", "history/shift", "history/inertia")
        self.assertEqual((other.inertia, other.n_iterations), (one.inertia, one.n_iterations))

    # ---- values ----------------------------------------------------------------------------------

    def test_scale_by_powers_of_two(self):
        """Labels stay, centers and inertia are scaled exactly."""
        for kind, exponents in ("f4", [-60, -7, 60]), ("f8", [-400, -7, 400]):
            for seeding in ("kmeans++",), ("kmeans-parallel", "--weights", "w"), ("refined",):
                options = "--seeding", *seeding, "--random-seed", 3
                base, *others = self.fits(*[(self.write(np.ldexp(self.points, e), kind, w=self.weights),
                                             *options) for e in [0, *exponents]])
                for exponent, other in zip(exponents, others):
                    with self.subTest(kind=kind, seeding=seeding, exponent=exponent):
                        np.testing.assert_array_equal(other.labels, base.labels)
                        np.testing.assert_array_equal(other.centers, np.ldexp(base.centers, exponent))
                        self.assertEqual(other.inertia, np.ldexp(base.inertia, 2 * exponent))
                        self.assertEqual(other.n_iterations, base.n_iterations)

    def test_scaling_undoes_powers_of_two(self):
        """Feature by feature, exactly."""
        exponents = np.array([9, -30, 2])
        for scale in "standard", "minmax", "robust":
            one, other = self.fits(*[(self.write(points), "--scale", scale)
                                     for points in (self.points, np.ldexp(self.points, exponents))])
            np.testing.assert_array_equal(other.labels, one.labels)
            np.testing.assert_array_equal(other.centers, np.ldexp(one.centers, exponents))
            self.assertEqual(other.inertia, one.inertia)

    def test_translate(self):
        """By what all values can be moved by exactly. Centers are rounded where they are."""
        shift = np.array([1024.0, -64, 512])
        one, other = self.fits((self.write(self.points), *self.seeding(self.first)),
                               (self.write(self.points + shift), *self.seeding(self.first + shift)))
        np.testing.assert_array_equal(other.labels, one.labels)
        np.testing.assert_allclose(other.centers - shift, one.centers, rtol=0, atol=2 ** -42)
        np.testing.assert_allclose(other.inertia, one.inertia, rtol=1e-12)

    def test_permute_columns(self):
        """Distances are summed in another order; means are the same bits."""
        order = [2, 0, 1]
        path = self.write(self.points)
        one, other = self.fits((path, *self.seeding(self.first)),
                               (path, "-c", "c,a,b", *self.seeding(self.first[:, order])))
        np.testing.assert_array_equal(other.labels, one.labels)
        np.testing.assert_array_equal(other.centers, one.centers[:, order])
        np.testing.assert_allclose(other.inertia, one.inertia, rtol=1e-13)

    # ---- rows ------------------------------------------------------------------------------------

    def test_permute_rows_and_files(self):
        order = self.random.permutation(500)
        seeding = *self.seeding(self.first), "--weights", "w"
        whole = self.write(self.points, w=self.weights)
        parts = [self.write(self.points[some], w=self.weights[some])
                 for some in (slice(200), slice(200, 203), slice(203, 500))]
        mixed = self.write(self.points[order], w=self.weights[order])
        one, joined, other = self.fits((whole, *seeding), (parts[0], *parts[1:], *seeding),
                                       (mixed, *seeding))
        reordered, = self.fits((parts[2], parts[0], parts[1], *seeding), ranks=[3])
        self.assertEqual(joined.answer(), one.answer())
        self.same_centers(one, other)
        np.testing.assert_array_equal(other.labels, one.labels[order])
        self.same_centers(one, reordered)
        np.testing.assert_array_equal(reordered.labels, np.roll(one.labels, 500 - 203))

    def test_split_rows(self):
        """A row is two of half its weight."""
        twice = np.repeat(np.arange(500), 2)
        for weights in self.weights, np.where(self.weights > 0, self.weights + 0.125, 0):
            seeding = *self.seeding(self.first), "--weights", "w"
            one, other = self.fits((self.write(self.points, w=weights), *seeding),
                                   (self.write(self.points[twice], w=weights[twice] / 2), *seeding))
            self.same_centers(one, other)
            np.testing.assert_array_equal(other.labels, one.labels[twice])

    def test_duplicate_the_catalogue(self):
        """Centers stay, sums double; the grid of the inertia is another."""
        seeding = self.seeding(self.first)
        path = self.write(self.points)
        one, other = self.fits((path, *seeding), (path, path, *seeding))
        self.same(one, other, "centers")
        np.testing.assert_array_equal(other.data["history/relabeled"],
                                      2 * one.data["history/relabeled"])
        np.testing.assert_array_equal(other.labels, np.tile(one.labels, 2))
        np.testing.assert_array_equal(other.sizes, 2 * one.sizes)
        np.testing.assert_allclose(other.inertia, 2 * one.inertia, rtol=1e-13)

    def test_rows_without_weight(self):
        """They get the label of the nearest center, and count for nothing, wherever they are."""
        more = np.concatenate([self.points, self.points[:30] * 1000, [[1e200, 0, -1e300]]])
        weights = np.append(np.maximum(self.weights, 1), np.zeros(31))
        for options in [self.seeding(self.first), ("--scale", "standard"), ("--scale", "robust"),
                        ("--seeding", "kmeans-parallel")]:
            options = *options, "--weights", "w"
            one, other = self.fits((self.write(self.points, w=weights[:500]), *options),
                                   (self.write(more, w=weights), *options))
            with self.subTest(options=options):
                self.same_centers(one, other)
                np.testing.assert_array_equal(other.labels[:500], one.labels)

    # ---- how it is stored and run ----------------------------------------------------------------

    def test_other_layouts_and_types(self):
        """The same values are the same answer."""
        whole = np.rint(self.points[:, :3] * 50)
        whole[70, 2] = 7
        compound = np.zeros(500, [("a", "<f4"), ("name", "S3"), ("b", ">i2"), ("c", "f2")])
        for name, column in zip("abc", whole.clip(-2000, 2000).T):
            compound[name] = column
        values = np.column_stack([compound[name].astype("f8") for name in "abc"])
        write_array("compound.h5", compound, chunks=(64,), compression="gzip", shuffle=True)
        write_array("array.h5", values.astype(">f4"))
        write_array("across.h5", values.T.astype("i2"), chunks=(3, 100))
        paths = [self.write(values, kind) for kind in ("f4", "i2", ">f4")]
        results = self.fits(*[(path, *self.seeding(values[:K])) for path in [*paths, "compound.h5"]])
        results += self.fit_all([((path, K, *more, *self.seeding(values[:K])), {"ranks": 2})
                                 for path, *more in [("array.h5",), ("across.h5", "--transpose")]])
        doubles = self.fits(*[(self.write(values, kind), *self.seeding(values[:K]))
                              for kind in ("f8", "i4", "i8", ">f8")])
        for some in results, doubles:
            for other in some[1:]:
                self.same_centers(some[0], other)
                np.testing.assert_array_equal(other.labels, some[0].labels)
                self.assertEqual(other.checksum, some[0].checksum)

    def test_stop_and_go_on_with_other_ranks(self):
        options = "-c", "a,b,c", "--random-seed", 4, "--restarts", 3, "--tolerance", 0
        path = self.write(self.points)
        whole, = self.fits((path, *options))
        command = ["fit", path, "-k", K, "-o", "out.h5", *options, "--checkpoint", "state"]
        for n_goes in range(200):
            finished = run(*command, *(("--max-hours", 1e-9) if n_goes < 20 else ()),
                           ranks=1 + n_goes % 3)
            if finished.code != 75:
                break
        self.assertEqual(finished.code, 0, finished)
        self.assertGreater(n_goes, 10)
        self.assertEqual(Result("out.h5").answer(), whole.answer())

    def test_memory_with_other_contents(self):
        """What was never written is never read: new memory is full of NaN."""
        path = self.write(self.points, w=self.weights)
        for options in [("--algorithm", name) for name in ("lloyd", "tree", "bounds", "neighbours")] + [
                ("--scale", "robust", "--describe", "features", "--second"),
                ("--restarts", 2, "--weights", "w"), ("-k", "2,5", "--bootstrap", 2)]:
            for ranks in 1, 3:
                with self.subTest(options=options, ranks=ranks):
                    for name, faults in ("plain.h5", None), ("full.h5", "KM_FAULT_FILL=1"):
                        finished = run("fit", path, "-k", K, "-c", "a,b,c", *options, "-o", name,
                                       ranks=ranks, faults=faults)
                        self.assertEqual(finished.code, 0, finished)
                    self.assertEqual(Result("full.h5").answer(), Result("plain.h5").answer())
                    os.remove("full.h5")
                    os.remove("plain.h5")


if __name__ == "__main__":
    unittest.main()
