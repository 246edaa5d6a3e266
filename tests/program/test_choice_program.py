"""Whole-program tests of several numbers of clusters (`-k 2..6`), whose criteria are compared with
scikit-learn, or computed from their definitions. Needs the Open MPI variables of the Makefile:
`make check TEST=choice_program`.
"""
import json
import os
import sys
import unittest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # for scikit-learn
sys.dont_write_bytecode = True

import h5py
import numpy as np
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score

from program import ProgramTest, blobs, run, write_array, write_columns

NAMES = ("inertia", "silhouette", "calinski_harabasz", "davies_bouldin", "stability", "coincidence",
         "bootstrap", "gap", "gap_error")


def choices(path="out.h5"):
    """What /choice says, and the position that was kept."""
    with h5py.File(path) as file:
        group = file["choice"]
        return {name: group[name][()] for name in group if name != "centers"}, group.attrs["best"]


def centers_of(k, path="out.h5"):
    with h5py.File(path) as file:
        return file[f"choice/centers/{k}"][()]


def philox(seed, stream, index):
    """The first number of Philox2x64-10 of the counter (index, stream)."""
    a, b, key, mask = int(index), int(stream), int(seed), 2 ** 64 - 1
    for _ in range(10):
        product = 0xd2b74407b1ce6e93 * a
        a, b = (product >> 64) ^ key ^ b, product & mask
        key = (key + 0x9e3779b97f4a7c15) & mask
    return a


def evenly(points, seed, number):
    """Rows without clusters in the box round all points: of row i and feature j by their numbers."""
    low, high = points.min(axis=0), points.max(axis=0)
    part = [[((philox(seed, 5 | j << 8 | number << 32, i) >> 12) + 0.5) * 2.0 ** -52
             for j in range(points.shape[1])] for i in range(len(points))]
    return low + np.array(part) * (high - low)


def silhouette(points, centers, weights):
    distances = np.sort(np.linalg.norm(points[:, None] - centers, axis=2), axis=1)
    a, b = distances[:, 0], distances[:, 1]
    return np.average((b - a) / b, weights=weights)


class Choice(ProgramTest):

    def setUp(self):
        super().setUp()
        self.points = blobs(900, 3, 5, seed=4)
        write_array("in.h5", self.points)

    def succeed(self, *arguments, **how):
        finished = run(*arguments, **how)
        self.assertEqual(finished.code, 0, finished)
        return finished

    def test_criteria(self):
        """Those of scikit-learn, which has no weights: an integer weight is so many rows."""
        weights = np.random.default_rng(3).integers(1, 4, len(self.points))
        columns = {name: values for name, values in zip("xyz", self.points.T)}
        write_columns("weighted.h5", dict(columns, w=weights.astype("f8")))
        repeated = np.repeat(self.points, weights, axis=0)
        self.succeed("fit", "weighted.h5", "-c", "x,y,z", "--weights", "w", "-k", "1..6", "--tolerance", 0,
            "-o", "out.h5", "--metrics", "m.json")
        found, best = choices()
        np.testing.assert_array_equal(found["k"], range(1, 7))
        for i, k in enumerate(found["k"]):
            centers = centers_of(k)
            self.assertEqual(centers.shape, (k, 3))
            labels = ((repeated[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
            inertia = ((repeated - centers[labels]) ** 2).sum()
            np.testing.assert_allclose(found["inertia"][i], inertia, rtol=1e-12)
            if k == 1:
                self.assertTrue(all(np.isnan(found[name][i]) for name in NAMES[1:]))
                continue
            np.testing.assert_allclose(
                [found[name][i] for name in NAMES[1:4]],
                [silhouette(self.points, centers, weights), calinski_harabasz_score(repeated, labels),
                 davies_bouldin_score(repeated, labels)], rtol=1e-9)
        self.assertEqual(best, np.nanargmax(found["silhouette"]))
        with open("m.json", encoding="utf-8") as file:
            record = json.load(file)["choice"]
        self.assertEqual((record["best"], [row["k"] for row in record["of"]]), (best, [*range(1, 7)]))
        self.assertEqual([row["inertia"] for row in record["of"]], list(found["inertia"]))

    def test_gap(self):
        """Of rows that NumPy makes, whose fits begin with the seedings that come after the restarts."""
        self.succeed("fit", "in.h5", "-k", "1..3", "--gap", 2, "--random-seed", 7, "-o", "out.h5", "--metrics",
                     "m.json", ranks=3)
        found, _ = choices()
        logs = np.empty((3, 2))
        for b in range(2):
            rows = evenly(self.points, 7, b)
            write_array(f"gap{b}.h5", rows)
            logs[0, b] = np.log(((rows - rows.mean(axis=0)) ** 2).sum())
            for k in 2, 3:
                self.succeed("fit", f"gap{b}.h5", "-k", k, "--restarts", 3, "--random-seed", 7, "-o",
                             "gap.h5", "--overwrite")
                with h5py.File("gap.h5") as file:
                    logs[k - 1, b] = np.log(file["restarts/inertia"][1 + b])
        np.testing.assert_allclose(found["gap"], logs.mean(axis=1) - np.log(found["inertia"]), rtol=1e-9)
        np.testing.assert_allclose(found["gap_error"], logs.std(axis=1) * np.sqrt(1 + 1 / 2), rtol=1e-6)
        with open("m.json", encoding="utf-8") as file:
            self.assertEqual([row["gap"] for row in json.load(file)["choice"]["of"]], list(found["gap"]))

    def test_by_the_gap(self):
        """The rule of Tibshirani et al. 2001: of three blobs, and of rows on a diagonal, which any further
        cluster describes better than rows in its square."""
        random = np.random.default_rng(5)
        three = np.repeat([[0, 0], [30, 0], [0, 30]], 100, axis=0) + random.normal(size=(300, 2))
        diagonal = np.repeat(random.random((300, 1)), 2, axis=1)
        for points, wanted in (three, "3: the fewest"), (diagonal, "none: no gap"):
            write_array("gaps.h5", points)
            self.succeed("fit", "gaps.h5", "-k", "1..5", "--gap", 5, "--restarts", 3, "-o", "gap.h5", "--overwrite")
            gap, error = (choices("gap.h5")[0][name] for name in ("gap", "gap_error"))
            enough = [k for k in range(1, 5) if gap[k - 1] >= gap[k] - error[k]]
            self.assertEqual(enough[:1], [3] if wanted[0] == "3" else [], (gap, error))
            self.assertRegex(self.succeed("info", "gap.h5").out, r"\n  by the gap  " + wanted)
            os.remove("gaps.h5")

    def test_nothing_to_choose_by(self):
        """Rows that are all the same; the gap knows nothing of them either."""
        write_array("same.h5", np.ones((20, 2)))
        finished = self.succeed("fit", "same.h5", "-k", "2..4", "--gap", 2, "-o", "out.h5", ranks=2)
        self.assertIn("warning: nothing to choose by (out.h5): the silhouette is known of no", finished.err)
        self.assertNotIn("by the gap", finished.out)
        self.assertEqual(choices()[1], 0)
        finished = self.succeed("fit", "in.h5", "-k", "2..4", "-o", "out.h5", "--overwrite")
        self.assertNotIn("nothing to choose", finished.err)

    def test_restarts_as_alone(self):
        """Restarts begin as those of a fit with this number alone, though seedings are shared."""
        for seeding in "kmeans++", "random", "kmeans-parallel":
            words = ["--restarts", 3, "--seeding", seeding, "--overwrite"]
            self.succeed("fit", "in.h5", "-k", "5,9", *words, "-o", "out.h5", ranks=2)
            self.succeed("fit", "in.h5", "-k", 5, *words, "-o", "alone.h5")
            with h5py.File("out.h5") as file, h5py.File("alone.h5") as alone:
                self.assertEqual(len(file["centers"]), 5)
                for name in "inertia", "n_iterations":
                    np.testing.assert_array_equal(file[f"restarts/{name}"][1:], alone[f"restarts/{name}"][1:])

    def test_kept_and_used(self):
        """The kept number is the result, and predict labels with any."""
        finished = self.succeed("fit", "in.h5", "-k", "8,2..6:2", "--restarts", 3, "--bootstrap", 2, "--choose",
                       "davies-bouldin", "-o", "out.h5", "--verify", ranks=2)
        found, best = choices()
        self.assertEqual(list(found["k"]), [2, 4, 6, 8])
        self.assertEqual(best, found["davies_bouldin"].argmin())
        self.assertIn("(kept)", finished.out)
        table = finished.out[finished.out.index("  clusters"):].partition("\n\n")[0]
        self.assertIn(table, self.succeed("info", "out.h5").out)
        for name in "stability", "coincidence", "bootstrap":
            self.assertTrue(((found[name] > 0) & (found[name] <= 1)).all())
        with h5py.File("out.h5") as file:
            kept, inertia = file["labels"][()], file.attrs["inertia"]
            np.testing.assert_array_equal(file["centers"], centers_of(found["k"][best]))
        self.assertEqual(inertia, found["inertia"][best])
        for k in found["k"]:
            self.succeed("predict", "out.h5", "in.h5", "-k", k, "-o", "p.h5", "--overwrite")
            with h5py.File("p.h5") as file:
                labels = file["labels"][()]
            right = ((self.points[:, None] - centers_of(k)) ** 2).sum(axis=2).argmin(axis=1)
            np.testing.assert_array_equal(labels, right)
            if k == found["k"][best]:
                np.testing.assert_array_equal(labels, kept)

    def test_order(self):
        """--order-by renumbers the centers of the kept number among all, too."""
        self.succeed("fit", "in.h5", "-k", "3..6", "-o", "out.h5", "--order-by", "1")
        found, best = choices()
        with h5py.File("out.h5") as file:
            centers = file["centers"][()]
        np.testing.assert_array_equal(centers, centers_of(found["k"][best]))
        self.assertTrue((np.diff(centers[:, 1]) > 0).all())

    def test_damaged(self):
        self.succeed("fit", "in.h5", "-k", "2,3", "-o", "out.h5")
        with h5py.File("out.h5", "r+") as file:
            del file["choice/silhouette"], file["choice/centers/2"]
            file["choice/centers/2"] = np.ones((3, 2))
        self.refuse((3, "not a result of a fit .*choice", "predict", "out.h5", "in.h5", "-k", 2, "-o",
                     "p.h5"), (3, "no such centers", "predict", "out.h5", "in.h5", "-k", 4, "-o",
                               "p.h5"), ranks=(1,))
        finished = run("info", "out.h5")
        self.assertEqual(finished.code, 3, finished)
        self.assertRegex(finished.err, r"not a whole result \(out.h5, choice\)")


if __name__ == "__main__":
    unittest.main()
