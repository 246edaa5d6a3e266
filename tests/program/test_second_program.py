"""Whole-program tests of --second: the second nearest center of each row is that of NumPy, the same
on any ranks and with any method and kernel, in fit and in predict.

Needs the Open MPI variables of the Makefile: `make check TEST=second_program`.
"""
import sys
import unittest

sys.dont_write_bytecode = True

import h5py
import numpy as np

from program import ProgramTest, blobs, run, run_all, write_array, write_columns

NAMES = ["labels", "distances", "second_label", "second_distance"]
PAIRS = ["label", "second", "rows", "borderline", "share"]


class Second(ProgramTest):
    def call(self, *words, output, ranks=1):
        """What a run leaves, by name."""
        finished = run(*words, "-o", output, "--overwrite", "-q", "--second", ranks=ranks)
        self.assertEqual((finished.code, finished.err), (0, ""), finished)
        with h5py.File(output, "r") as file:
            found = {name: file[name][:] for name in [*NAMES, "centers", "sizes"]}
            self.assertEqual(file["neighbours"].attrs["threshold"], 0.9)
            return found | {f"/{name}": file[f"neighbours/{name}"][:] for name in PAIRS}

    def check(self, found, rows):
        """Against brute force. Rows have no ties."""
        distances = np.linalg.norm(rows[:, None] - found["centers"], axis=2)
        order = np.argsort(distances, axis=1)[:, :2]
        used = ~np.isnan(rows).any(axis=1)
        for name, column in [("label", 0), ("second_label", 1)]:
            labels = found["labels" if name == "label" else name]
            np.testing.assert_array_equal(labels, np.where(used, order[:, column], -1))
        for name, column in [("distances", 0), ("second_distance", 1)]:
            wanted = np.take_along_axis(distances, order, axis=1)[:, column]
            np.testing.assert_allclose(found[name], np.where(used, wanted, np.nan), rtol=1e-9)
        pairs, counts = np.unique(order[used], axis=0, return_counts=True)
        np.testing.assert_array_equal(np.transpose([found["/label"], found["/second"]]), pairs)
        np.testing.assert_array_equal(found["/rows"], counts)
        near = used & (found["distances"] > 0.9 * found["second_distance"])
        borderline = [(near & (order == pair).all(axis=1)).sum() for pair in pairs]
        np.testing.assert_array_equal(found["/borderline"], borderline)
        np.testing.assert_array_equal(found["/share"],
                                      found["/borderline"] / found["sizes"][found["/label"]])

    def test_one_answer(self):
        rows = blobs(3000, 3, seed=5)
        rows[::40, 1] = np.nan
        rows[:, 2] *= 1000
        write_array("in.h5", rows)
        ways = [(ranks, "auto", "auto") for ranks in (1, 2, 3, 4, 7)] + \
            [(2, algorithm, "auto") for algorithm in ("lloyd", "tree", "bounds", "neighbours")] + \
            [(1, "auto", "reference")]
        results = run_all([lambda i=i, way=way: self.call(
            "fit", "in.h5", "-k", 12, "--algorithm", way[1], "--kernel", way[2],
            output=f"out{i}.h5", ranks=way[0]) for i, way in enumerate(ways)])
        self.check(results[0], rows)
        for other in results[1:]:
            np.testing.assert_equal(other, results[0])
        self.check_info(results[0], run("info", "out0.h5").out)
        for ranks in (1, 3):
            found = self.call("predict", "out0.h5", "in.h5", output="labels.h5", ranks=ranks)
            np.testing.assert_equal(found, results[0])

    def check_info(self, found, text):
        """The table has the ten pairs with the most borderline rows."""
        order = np.argsort(-found["/borderline"], kind="stable")[:10]
        lines = text[text.index("  borderline: "):].splitlines()
        self.assertIn(f" {found['/borderline'].sum()} rows, ", lines[0])
        shown = [line.split() for line in lines[2:12]]
        self.assertEqual([[int(word) for word in words[:4]] for words in shown],
                         np.transpose([found[f"/{name}"][order] for name in PAIRS[:4]]).tolist())
        self.assertEqual([words[4] for words in shown],
                         [f"{100 * share:.1f}%" for share in found["/share"][order]])
        self.assertIn("more pairs", lines[12])

    def test_float32_weights_order(self):
        """As other options have it: of scaled values, with clusters in an order."""
        random = np.random.default_rng(6)
        columns = {"x": random.normal(size=500).astype("f4"), "y": random.normal(size=500).astype("f4"),
                   "w": random.integers(0, 3, 500)}
        write_columns("in.h5", columns)
        words = ["fit", "in.h5", "-c", "x,y", "-k", 7, "--weights", "w", "--scale", "standard",
                 "--order-by", "y"]
        found = [self.call(*words, output=f"out{ranks}.h5", ranks=ranks) for ranks in (1, 4)]
        np.testing.assert_equal(found[0], found[1])
        self.assertTrue((found[0]["second_label"] != found[0]["labels"]).all())
        self.assertTrue((found[0]["second_distance"] >= found[0]["distances"] * (1 - 1e-6)).all())

    def test_ties(self):
        """The lower number."""
        write_array("in.h5", np.array([[0.0, 0], [2, 0], [1, 5], [4, 0], [1, 0]]))
        with open("centers.txt", "w", encoding="utf-8") as file:
            file.write("2 0\n0 0\n4 0\n1 5\n")
        found = self.call("fit", "in.h5", "-k", 4, "--seeding", "centers.txt", "--max-iterations", 1,
                          output="out.h5", ranks=2)
        centers = found["centers"]
        for row, point in enumerate([[0, 0], [2, 0], [1, 5], [4, 0], [1, 0]]):
            distances = ((centers - point) ** 2).sum(axis=1)
            distances[found["labels"][row]] = np.inf
            self.assertEqual(found["second_label"][row], np.argmin(distances))

    def test_one_cluster(self):
        write_array("in.h5", blobs(50, 2))
        found = self.call("fit", "in.h5", "-k", 1, output="out.h5", ranks=2)
        self.assertTrue((found["second_label"] == -1).all())
        self.assertTrue(np.isnan(found["second_distance"]).all())
        self.assertEqual(len(found["/label"]), 0)


if __name__ == "__main__":
    unittest.main()
