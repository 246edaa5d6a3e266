"""Whole-program tests of what is likely a mistake, but may be meant: one warning of each kind, one
line, on any ranks, and none where nothing is wrong.

Needs the Open MPI variables of the Makefile: `make check TEST=warnings_program`.
"""
import os
import re
import sys
import unittest

sys.dont_write_bytecode = True

import h5py
import numpy as np

from program import ProgramTest, blobs, run, run_all, write_array, write_columns

N = 60


class Warned(ProgramTest):

    def setUp(self):
        super().setUp()
        self.values = dict(zip("xyz", blobs(N, 3).T))

    def warnings(self, *words, ranks=(1, 3)):
        """What a fit warns of, the same on any ranks."""
        said = []
        for finished in run_all([
                lambda n=n: run("fit", *words, "-k", 3, "-o", f"out{n}.h5", "--overwrite", ranks=n)
                for n in ranks]):
            self.assertEqual(finished.code, 0, finished)
            said.append(re.findall("^skymeans: warning: (.*)$", finished.err, re.MULTILINE))
        self.assertEqual(said[1:], said[:-1])
        return said[0]

    def expect(self, pattern, *words):
        """One warning; if there is no pattern, none."""
        found = self.warnings(*words)
        self.assertEqual(len(found), 1 if pattern else 0, found)
        if pattern:
            self.assertRegex(found[0], pattern)

    def write(self, name, columns=None, **units):
        write_columns(name, columns or self.values, units=units)
        return name

    # ---- files ----

    def test_units_of_files(self):
        """The first file that differs is named, whoever looked into it."""
        first = self.write("a.h5", x="mag", y="pc")
        same = self.write("b.h5", x="mag", y="pc", z="s")
        none = self.write("c.h5")
        other = self.write("d.h5", x="mag", y="kpc")
        another = self.write("e.h5", x="Jy", y="pc")
        columns = ("-c", "x,y")
        self.expect(None, first, same, none, *columns)
        self.expect(r"other units \(d.h5, column y\): kpc, and pc in a.h5; ", first, same, none,
                    other, another, *columns)
        self.expect(r"other units \(e.h5, column x\): Jy, and mag in a.h5; ", first, none, another,
                    other, *columns)
        self.expect(None, first, other, "-c", "x")

    def test_units_of_files_that_are_predicted(self):
        self.write("fit-in.h5", x="mag")
        self.fit("fit-in.h5", 3, "-c", "x,y", output="fit.h5")
        names = [self.write("a.h5", x="mag", y="pc"), self.write("b.h5", x="mag", y="kpc")]
        finished = run("predict", "fit.h5", *names, "-o", "labels.h5", ranks=2)
        self.assertEqual(finished.code, 0, finished)
        self.assertEqual(finished.err.count("warning"), 1, finished)
        self.assertRegex(finished.err, r"other units \(b.h5, column y\): kpc, and pc in a.h5; ")

    def test_the_same_file(self):
        """By another path, a symbolic link or a hard link; not a copy."""
        self.write("in.h5")
        self.write("copy.h5")
        os.symlink("in.h5", "soft.h5")
        os.link("in.h5", "hard.h5")
        for name in ("in.h5", "./in.h5", os.path.abspath("in.h5"), "soft.h5", "hard.h5"):
            self.expect(rf"the same file twice \({name}\): it is also file 1 of", "in.h5",
                        "copy.h5", name, "-c", "x,y")
        self.expect(None, "in.h5", "copy.h5", "-c", "x,y")
        self.assertEqual(len(self.warnings("in.h5", "in.h5", "in.h5", "-c", "x")), 1)

    # ---- features ----

    def test_the_same_feature(self):
        self.write("in.h5")
        write_array("array.h5", blobs(N, 3))
        write_columns("list.h5", {"flux": blobs(N, 3), "x": self.values["x"]})
        self.expect(r"the same feature twice \(in.h5, column y\)", "in.h5", "-c", "y,x,{y}")
        self.expect(r"the same feature twice \(array.h5, column 1\)", "array.h5", "-c", "0:3,1")
        self.expect(r"the same feature twice \(list.h5, column flux\[2\]\)", "list.h5", "-c",
                    "flux,flux[2]")
        self.expect(None, "list.h5", "-c", "flux[2],flux[1],flux[0]")
        self.expect(None, "array.h5", "-c", "2,1,0")

    def test_ids_and_positions_by_default(self):
        for name in ("source_id", "HIP", "objid", "index", "id", "specObjID"):
            path = self.write(f"{name}.h5", {"x": self.values["x"], name: self.values["y"]})
            self.expect(rf"an id among the features \({path}, column {name}\)", path)
            self.expect(None, path, "-c", f"x,{name}")
        for name in ("ra", "DEC", "glon", "RAJ2000", "lat"):
            path = self.write(f"{name}.h5", {"x": self.values["x"], name: self.values["y"]})
            self.expect(rf"a position among the features \({path}, column {name}\)", path)
            self.expect(None, path, "-c", f"x,{name}")

    def test_short_names_are_positions_in_units_of_angles(self):
        lb = dict(zip("lbx", blobs(N, 3).T))
        self.write("plain.h5", lb)
        self.write("angles.h5", lb, l="deg", b="deg", x="mag")
        self.expect(None, "plain.h5")
        self.expect(r"a position among the features \(angles.h5, columns b, l\)", "angles.h5")

    def test_names_that_only_begin_so(self):
        names = ["ra_error", "pmra", "idx", "lid", "declination_flag", "width", "latency"]
        self.write("in.h5", {name: blobs(N, 1, seed=i)[:, 0] for i, name in enumerate(names)})
        self.expect(None, "in.h5")

    def test_many_positions_are_one_warning(self):
        names = ["ra", "dec", "glon", "glat", "lon", "lat"]
        self.write("in.h5", {name: blobs(N, 1, seed=i)[:, 0] for i, name in enumerate(names)})
        self.expect(r"\(in.h5, columns dec, glat, glon, lat, \.\.\.\)", "in.h5")

    def test_features_that_count_rows(self):
        counter = np.arange(N) + 1000.0
        holes = np.where(np.arange(N) % 7 == 0, np.nan, counter)
        for number, (column, is_warned) in enumerate((
                (counter, True), (counter - 2000, True), (holes, True), (counter + 0.5, False),
                (counter * 2, False), (counter[::-1], False),
                (np.where(np.arange(N) == N - 1, 0, counter), False))):
            for kind in ("f4", "f8"):
                path = f"{number}{kind}.h5"
                write_array(path, np.column_stack([self.values["x"], column]).astype(kind))
                pattern = rf"a feature that counts rows \({path}, column 1\)"
                self.expect(pattern if is_warned else None, path)
                self.expect(None, path, "-c", "0,1")

    def test_an_id_that_counts_rows_is_one_warning(self):
        self.write("in.h5", {"x": self.values["x"], "source_id": np.arange(N) + 1.0})
        self.expect("an id among the features", "in.h5")

    def test_constant_features(self):
        flat = np.full(N, 0.1)
        nearly = flat.copy()
        nearly[7] = np.nextafter(0.1, 1)
        lightest = flat.copy()
        lightest[7] = 99
        weights = np.where(np.arange(N) == 7, 0.0, 1)
        self.write("in.h5", self.values | {"flat": flat, "nearly": nearly, "far": lightest,
                                           "w": weights, "also": flat})
        for scale in ("none", "standard", "minmax"):
            self.expect(r"a constant feature \(in.h5, column flat\): all rows that count have 0.1",
                        "in.h5", "-c", "x,flat,also", "--scale", scale)
        self.expect(None, "in.h5", "-c", "x,far")
        self.expect(r"a constant feature \(in.h5, column far\)", "in.h5", "-c", "x,far",
                    "--weights", "w")

    # ---- how they are said ----

    def test_each_kind_once(self):
        self.write("in.h5", {"ra": self.values["x"], "hip": self.values["y"],
                             "flat": np.ones(N)})
        found = self.warnings("in.h5", "in.h5")
        self.assertEqual([text.split(" (")[0] for text in found], [
            "the same file twice", "an id among the features", "a position among the features",
            "a constant feature"])
        for text in found:
            self.assertRegex(text, r"\A[a-z ]+ \(in\.h5.*\): [^;]+; [^;]+\Z")

    def test_dry_run_and_quiet(self):
        self.write("in.h5")
        words = ("fit", "in.h5", "./in.h5", "-c", "x,x", "-k", 3)
        dry = run(*words, "-o", "out.h5", "--dry-run")
        self.assertEqual((dry.code, dry.err.count("warning")), (0, 2), dry)
        quiet = run(*words, "-o", "out.h5", "--quiet")
        self.assertEqual((quiet.code, quiet.err), (0, ""), quiet)

    def test_names_cannot_break_the_line(self):
        with h5py.File("in.h5", "w") as file:
            file["t/a\nb"] = np.ones(N)
            file["t/x"] = self.values["x"]
        self.expect(r"a constant feature \(in.h5, column a\?b\)", "in.h5")


if __name__ == "__main__":
    unittest.main()
