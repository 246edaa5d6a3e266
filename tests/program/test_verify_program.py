"""Whole-program tests of `skymeans verify`, and of the fingerprint of a run.

Needs the Open MPI variables of the Makefile: `make check TEST=verify_program`.
"""
import json
import re
import shutil
import sys
import unittest

sys.dont_write_bytecode = True

import h5py
import numpy as np

from program import ProgramTest, Result, blobs, run, run_many, write_array, write_columns

FINGERPRINT = re.compile(r"^  fingerprint +([0-9a-f]{16})-([0-9a-f]{16})-([0-9a-f]{16})$", re.MULTILINE)


class VerifyTest(ProgramTest):

    def setUp(self):
        super().setUp()
        points = blobs(600, 3)
        points[::50, 1] = np.nan
        points[7, 0] = -99
        weights = np.random.default_rng(3).gamma(1, size=600)
        weights[::9] = 0
        write_columns("in.h5", dict(zip("abc", points.T)) | {"w": weights})
        write_array("array.h5", points.astype("f4").T)
        for number in range(2):
            write_columns(f"part{number}.h5", dict(zip("abc", points[number::2].T)))
        write_columns("other.h5", dict(zip("abc", points[1::2].T)), "table/{}")

    def fit_many(self, *lines, ranks=2):
        done = run_many([(line, ranks) for line in lines])
        for finished in done:
            self.assertEqual(finished.code, 0, finished)
        return done

    def verify_many(self, *calls, ranks=(1, 3)):
        return run_many([(["verify", *call], n) for n in ranks for call in calls])


class Verify(VerifyTest):

    def test_results_are_what_follows_from_their_catalogues(self):
        fits = [
            ["in.h5", "-c", "a,b,c"],
            ["in.h5", "-c", "a,b,c", "--tolerance", "0", "--scale", "minmax"],
            ["in.h5", "-c", "a,b-c,c", "--scale", "robust", "--missing-value", "-99", "--missing-value",
             "c:0.5", "--where", "a > -8", "--weights", "w*2", "--tolerance", "0"],
            ["in.h5", "-c", "a,b", "--order-by", "b", "--restarts", "3", "--weights", "w"],
            ["in.h5", "-c", "c", "--factor", "c:3", "--scale", "standard"],
            ["in.h5", "--sky", "a*20+180,b", "--where", "abs(b) < 90", "--tolerance", "0"],
            ["in.h5", "-c", "a", "--where", "b*c > 0 && w > -1", "--missing-value", "c:0.5", "--missing-value",
             "w:0", "--weights", "1+w", "--describe", "a,w", "--missing-value", "-99"],
            ["array.h5", "--transpose"],
            ["part1.h5", "part0.h5", "--raw"],
            ["part0.h5", "other.h5", "-d", "table", "-c", "b,c"],  # /table/columns, /table
        ]
        self.fit_many(*[["fit", *words, "-k", "4", "-o", f"out{i}.h5"] for i, words in enumerate(fits)],
                      ["fit", "in.h5", "-c", "a,b", "-k", "2,4", "-o", "several.h5"])
        self.fit_many(["predict", "several.h5", "in.h5", "-k", "2", "-o", "labels.h5"])
        calls = [[f"out{i}.h5", *[word for word in words if word.endswith(".h5")]]
                 for i, words in enumerate(fits)]
        for finished in self.verify_many(*calls, ["several.h5", "in.h5"], ["labels.h5", "in.h5"]):
            self.assertEqual((finished.code, finished.err), (0, ""), finished)
            self.assertEqual(len(re.findall("^  [a-z]+ +same ", finished.out, re.MULTILINE)), 7, finished)
            self.assertNotIn("OTHER", finished.out)
        means = [finished.out for finished in self.verify_many(*calls[:6], ranks=[2])]
        for number in 1, 2, 5:  # no label changed at their end
            self.assertIn("they are the means of their rows", means[number])

    def test_ties_of_clusters_with_new_numbers(self):
        """Of two centers equally near a row has that with the lower number of the fit."""
        write_columns("lattice.h5", {"a": np.array([0.0, 1, 2, 3, 4, 2, 1]), "b": np.zeros(7),
                                     "w": np.array([1.0, 0, 1, 0, 1, 1, 0])})
        np.savetxt("first.txt", [[2, 0], [0, 0], [4, 0]])
        self.fit_many(["fit", "lattice.h5", "-k", "3", "-c", "a,b", "--weights", "w", "--seeding",
                       "first.txt", "-o", "out.h5", "--order-by", "a", "--second"])
        self.fit_many(["predict", "out.h5", "lattice.h5", "-o", "labels.h5", "--second"])
        self.fit_many(["predict", "labels.h5", "lattice.h5", "-o", "again.h5", "--second"])
        for name in "out.h5", "labels.h5", "again.h5":
            result = Result(name)
            self.assertEqual(result.data["model/numbers"].tolist(), [1, 0, 2])
            self.assertEqual(result.labels.tolist(), [0, 1, 1, 1, 2, 1, 1])
            self.assertEqual(result.data["second_label"].tolist(), [1, 0, 0, 2, 1, 0, 0])
            self.assertEqual(result.data["sizes"].tolist(), [1, 5, 1])
        for finished in self.verify_many(*[[name, "lattice.h5"] for name in
                                           ("out.h5", "labels.h5", "again.h5")]):
            self.assertEqual(finished.code, 0, finished)
        with h5py.File("out.h5", "a") as file:
            file["model/numbers"][0] = 2
        self.assertEqual(run("predict", "out.h5", "lattice.h5", "-o", "none.h5").code, 3)

    def test_one_row_has_nearly_all_weight(self):
        """The inertia is nearly all of rows with little weight, and loses most by the unit of its sum."""
        for seed in 3, 14, 20:
            random = np.random.default_rng(seed)
            write_columns(f"heavy{seed}.h5", {"a": np.append(0, random.uniform(1, 2, 6)),
                                              "w": np.append(1.9, random.uniform(1e-6, 1e-5, 6))})
            self.fit_many(["fit", f"heavy{seed}.h5", "-c", "a", "--weights", "w", "-k", "1", "-o",
                           f"out{seed}.h5", "--verify"], ranks=1)

    def test_what_is_changed_is_said(self):
        self.fit_many(["fit", "in.h5", "-c", "a,b,c", "-k", "4", "-o", "out.h5", "--weights", "w",
                       "--tolerance", "0"])
        changes = [
            ("out.h5", lambda file: add(file["labels"], 3, lambda label: (label + 1) % 4), "labels"),
            ("out.h5", lambda file: add(file["labels"], 0, lambda label: 2), "labels"),
            ("out.h5", lambda file: add(file["sizes"], 1, lambda size: size + 1), "sizes"),
            ("out.h5", lambda file: add(file["weights"], 1, lambda w: w * (1 + 1e-15)), "sizes"),
            ("out.h5", lambda file: add(file["centers"], (2, 1), lambda x: x * (1 + 1e-15)), "centers"),
            ("out.h5", lambda file: file.attrs.modify("inertia", file.attrs["inertia"] * (1 + 1e-11)),
             "inertia, checksum"),
            ("out.h5", lambda file: file.attrs.modify("checksum", "0" * 16), "checksum"),
            ("out.h5", lambda file: file.attrs.modify("n_used", 7), "rows"),
            ("out.h5", lambda file: file.attrs.modify("n_missing", 7), "rows"),
            ("out.h5", lambda file: add(file["missing"], 1, lambda count: count + 1), "rows"),
            ("out.h5", lambda file: file["provenance"].attrs.modify("features_checksum", "0" * 16),
             "values"),
            ("in.h5", lambda file: add(file["table/columns/a/data"], 5, lambda x: x * (1 + 1e-15)),
             "values"),
            ("in.h5", lambda file: add(file["table/columns/w/data"], 5, lambda x: x * (1 + 1e-15)),
             "values"),
        ]
        for number, (path, change, _) in enumerate(changes):
            for name in ("in.h5", "out.h5"):
                shutil.copy(name, f"{number}-{name}")
            with h5py.File(f"{number}-{path}", "a") as file:
                change(file)
        write_columns("shorter.h5", {name: np.zeros(9) for name in "abcw"})
        changes.append((None, None, "rows"))
        calls = [[f"{i}-out.h5", f"{i}-in.h5"] for i in range(len(changes) - 1)]
        done = self.verify_many(*calls, ["out.h5", "shorter.h5"])
        for (path, _, said), finished in zip(changes * 2, done):
            with self.subTest(said=said, path=path, ranks=finished.ranks):
                self.assertEqual(finished.code, 1, finished)
                self.assertRegex(finished.err, rf"\Askymeans: error: verification FAILED \(.*: {said}"
                                 r"[a-z, ]*; [^\n]+\n\Z", finished)
                self.assertIn("OTHER", finished.out)

    def test_what_is_no_result_is_refused(self):
        self.fit_many(["fit", "in.h5", "-c", "a,b,c", "-k", "4", "-o", "out.h5"])
        for name, change in [("gone", lambda file: file.__delitem__("labels")),
                             ("high", lambda file: add(file["labels"], 3, lambda label: 4)),
                             ("less", lambda file: file.attrs.__delitem__("n_used")),
                             ("other", lambda file: add(file["model/centers"], (2, 1),
                                                        lambda x: x * (1 + 1e-15))),
                             ("short", shorten)]:
            shutil.copy("out.h5", f"{name}.h5")
            with h5py.File(f"{name}.h5", "a") as file:
                change(file)
        self.refuse((3, r"not a whole result \(gone.h5, labels\)", "verify", "gone.h5", "in.h5"),
                    (3, r"not a whole result \(high.h5, labels\)", "verify", "high.h5", "in.h5"),
                    (3, r"not a whole result \(less.h5, attributes\)", "verify", "less.h5", "in.h5"),
                    (3, r"not a result of a fit \(other.h5\): its /model or /centers is damaged",
                     "verify", "other.h5", "in.h5"),
                    (3, r"not a whole result \(short.h5, labels\)", "verify", "short.h5", "in.h5"),
                    (3, "not a result of a fit", "verify", "in.h5", "in.h5"),
                    (3, "wrong number of features", "verify", "out.h5", "array.h5", "-d", "/points"))


class Fingerprint(VerifyTest):

    def test_it_stands_in_summary_metrics_and_result(self):
        """Wherever a run takes place, and in whatever file its rows are; else a part of it differs."""
        shutil.copy("in.h5", "copy.h5")
        with h5py.File("copy.h5", "a") as file:
            file.move("table", "other")
        write_columns("changed.h5", dict(zip("abcw", abs(blobs(600, 4, seed=5)).T)))
        lines = [["fit", path, "-c", "a,b,c", "--weights", "w", "-o", f"out{i}.h5", "--metrics",
                  f"{i}.json", "-k", k]
                 for i, (path, k) in enumerate([("in.h5", 4), ("copy.h5", 4), ("changed.h5", 4),
                                                ("in.h5", 5)])]
        done = self.fit_many(lines[0]) + self.fit_many(*lines[1:], ranks=1)
        prints = [FINGERPRINT.search(finished.out).groups() for finished in done]
        for i, parts in enumerate(prints):
            with open(f"{i}.json") as file:
                self.assertEqual(json.load(file)["result"]["fingerprint"], "-".join(parts))
            with h5py.File(f"out{i}.h5", "r") as file:
                self.assertEqual(file["provenance"].attrs["fingerprint"], "-".join(parts))
                self.assertEqual(file.attrs["checksum"], parts[2])
        self.assertEqual(prints[1], prints[0])
        self.assertEqual([a == b for a, b in zip(prints[2], prints[0])], [True, False, False])
        self.assertEqual([a == b for a, b in zip(prints[3], prints[0])], [False, True, False])


def add(dataset, place, change):
    dataset[place] = change(dataset[place])


def shorten(file):
    labels = file["labels"][:9]
    del file["labels"]
    file["labels"] = labels


if __name__ == "__main__":
    unittest.main()
