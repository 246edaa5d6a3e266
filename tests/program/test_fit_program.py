"""Whole-program tests of `skymeans fit`: what it promises its users.

Needs the Open MPI variables of the Makefile: `make check TEST=fit_program`.
"""
import os
import re
import shlex
import socket
import subprocess
import sys
import unittest
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # for scikit-learn
sys.dont_write_bytecode = True

import h5py
import numpy as np
from sklearn.cluster import KMeans

from program import (ROOT, ProgramTest, Result, blobs, contents, parse_summary, run, run_all,
                     run_alone, write_array, write_columns)

HIPPARCOS = os.path.join(ROOT, "data", "hipparcos.h5")
COURSE_FILE = os.environ.get("SKYMEANS_COURSE_FILE", os.path.join(
    ROOT, "..", "shared", "data", "kmeans_input_file_2d.dat"))


def write_text(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def read_hipparcos(*names):
    with h5py.File(HIPPARCOS, "r") as file:
        return np.stack([file[f"table/columns/{name}/data"][:] for name in names], axis=1)


class ResultFile(ProgramTest):
    """Every object of the result file."""

    def setUp(self):
        super().setUp()
        self.points = blobs(500, 2)
        self.points[[3, 70, 499], [0, 1, 0]] = np.nan, np.inf, -np.inf
        self.points += [30, -5]
        write_columns("in.h5", {"bp_rp": self.points[:, 0], "speed": self.points[:, 1]},
                      units={"speed": "km / s"})

    def test_contract(self):
        _, result = self.fit("in.h5", 4, "--distances", "--scale", "standard", "--random-seed",
                             2 ** 64 - 1, ranks=3)
        self.check(result, self.points)
        n = int(result.n_iterations)
        self.assertEqual({name: (values.dtype, values.shape)
                          for name, values in result.data.items()}, {
            "centers": ("f8", (4, 2)), "sizes": ("i8", (4,)), "weights": ("f8", (4,)),
            "labels": ("i4", (500,)), "distances": ("f8", (500,)),
            "files/name": ("S5", (1,)), "files/first_row": ("i8", (1,)),
            "files/rows": ("i8", (1,)), "files/bytes": ("i8", (1,)), "files/time": ("i8", (1,)),
            "missing": ("i8", (2,)),
            "history/iteration": ("i8", (n,)), "history/inertia": ("f8", (n,)),
            "history/shift": ("f8", (n,)), "history/relabeled": ("i8", (n,)),
            "history/seconds": ("f8", (n,)), "history/distances": ("i8", (n,)),
            "history/most_distances": ("i8", (n,)),
            "model/centers": ("f8", (4, 2)), "model/offset": ("f8", (2,)),
            "model/factor": ("f8", (2,))})

    def test_root_attributes(self):
        _, result = self.fit("in.h5", 4, "--random-seed", 2 ** 64 - 1)
        attributes = result.attributes[""]
        types = {"inertia": "f8", "n_iterations": "i8", "converged": "i8", "n_rows": "i8",
                 "n_used": "i8", "n_missing": "i8", "n_excluded": "i8", "n_undecided": "i8",
                 "random_seed": "u8"}
        texts = {"stop_reason", "seeding", "algorithm", "checksum"}
        self.assertEqual(set(attributes), set(types) | texts)
        self.assertEqual({name: attributes[name].dtype for name in types}, types)
        self.assertEqual({type(attributes[name]) for name in texts}, {str})
        self.assertEqual((result.random_seed, result.seeding, result.algorithm, result.converged),
                         (2 ** 64 - 1, "kmeans++", "lloyd", 1))
        self.assertIn(result.stop_reason, ("tolerance", "no label changed"))
        self.assertEqual((result.n_rows, result.n_used, result.n_missing), (500, 497, 3))

    def test_features_and_files(self):
        _, result = self.fit("in.h5", 4)
        self.assertEqual(list(result.attributes["centers"]["features"]), ["bp_rp", "speed"])
        self.assertEqual(list(result.attributes["centers"]["units"]), ["", "km / s"])
        self.assertEqual(result.data["files/name"].tolist(), [b"in.h5"])
        self.assertEqual(result.data["files/first_row"].tolist(), [0])
        self.assertEqual(result.data["files/rows"].tolist(), [500])

    def test_command_is_kept_as_a_shell_takes_it(self):
        os.rename("in.h5", "it's in.h5")
        _, result = self.fit("it's in.h5", 4, "-c", "bp_rp, speed", "--threads", 1)
        command = shlex.split(result.attributes["provenance"]["command"])
        self.assertEqual(command[1:], ["fit", "it's in.h5", "-k", "4", "-o", "out.h5",
                                       "--overwrite", "-c", "bp_rp, speed", "--threads", "1"])

    def test_provenance(self):
        _, result = self.fit("in.h5", 4, "--threads", 1, ranks=2)
        provenance = result.attributes["provenance"]
        for name in ("version", "git_commit", "compiler", "mpi", "hdf5", "kernel", "binding"):
            self.assertGreater(len(provenance[name]), 0, name)
        self.assertEqual((provenance["ranks"], provenance["threads"], provenance["file"],
                          provenance["dataset"]), (2, 1, "in.h5", "/table/columns"))
        self.assertIn(socket.gethostname(), provenance["hosts"])
        self.assertRegex(provenance["command"], "fit in.h5 -k 4 -o out.h5 --overwrite --threads 1$")
        self.assertEqual(provenance["file_bytes"], os.path.getsize("in.h5"))
        self.assertRegex(provenance["features_checksum"], "^[0-9a-f]{16}$")
        times = [np.datetime64(provenance[name].rstrip("Z"))
                 for name in ("file_time", "started", "ended")]
        self.assertEqual(times, sorted(times))
        self.assertLess(times[2] - times[0], np.timedelta64(600, "s"))

    def test_history(self):
        write_text("first.txt", "20 -15\n20 5\n40 -15\n40 5\n")
        _, result = self.fit("in.h5", 4, "--seeding", "first.txt", "--tolerance", 0)
        history = {name[8:]: values for name, values in result.data.items()
                   if name.startswith("history/")}
        self.assertEqual(history["iteration"].tolist(), list(range(1, result.n_iterations + 1)))
        self.assertTrue((np.diff(history["inertia"]) <= 1e-12 * history["inertia"][0]).all())
        self.assertEqual((history["relabeled"][0], history["relabeled"][-1]), (497, 0))
        self.assertTrue((history["seconds"] > 0).all())
        self.assertEqual(history["shift"][-1], 0)
        used = self.points[np.isfinite(self.points).all(axis=1)]
        first = np.array([[20, -15], [20, 5], [40, -15], [40, 5]])
        squares = ((used[:, None] - first) ** 2).sum(axis=2)
        moved = np.array([used[squares.argmin(axis=1) == c].mean(axis=0) for c in range(4)])
        np.testing.assert_allclose(history["inertia"][0], squares.min(axis=1).sum(), rtol=1e-12)
        np.testing.assert_allclose(history["shift"][0], ((moved - first) ** 2).sum(), rtol=1e-12)
        np.testing.assert_allclose(history["inertia"][-1], result.inertia, rtol=1e-12)

    def test_distances(self):
        for options in ((), ("--scale", "minmax")):
            _, result = self.fit("in.h5", 4, "--distances", *options, ranks=2)
            used = result.labels >= 0
            samples = result.samples(self.points[used])
            centers = result.data["model/centers"][result.labels[used]]
            distances = result.data["distances"]
            np.testing.assert_array_equal(np.isnan(distances), ~used)
            np.testing.assert_allclose(
                distances[used], np.sqrt(((samples - centers) ** 2).sum(axis=1)), rtol=1e-12)
        _, result = self.fit("in.h5", 4)
        self.assertNotIn("distances", result.data)

    def test_scaling(self):
        used = self.points[np.isfinite(self.points).all(axis=1)]
        for how, offset, spread in (("none", 0, 1),
                                    ("standard", used.mean(axis=0), used.std(axis=0)),
                                    ("minmax", used.min(axis=0), np.ptp(used, axis=0))):
            _, result = self.fit("in.h5", 3, "--scale", how)
            np.testing.assert_allclose(result.data["model/offset"], offset + np.zeros(2),
                                       rtol=1e-14)
            np.testing.assert_allclose(result.data["model/factor"], 1 / (spread * np.ones(2)),
                                       rtol=1e-14)
            self.check(result, self.points)

    def test_constant_feature_has_factor_one(self):
        points = blobs(200, 2)
        points[:, 1] = 7.5
        write_array("flat.h5", points)
        for how, offset in (("standard", 7.5), ("minmax", 7.5), ("none", 0)):
            _, result = self.fit("flat.h5", 3, "--scale", how)
            self.assertEqual(result.data["model/factor"][1], 1)
            self.assertEqual(result.data["model/offset"][1], offset)
            self.assertEqual(result.centers[:, 1].tolist(), [7.5] * 3)
            self.check(result, points)


def needs_two_words(values):
    """The rule of km_facts_choose_grids, for features that are not scaled."""
    eps = 2.0 ** (-24 if values.dtype == np.float32 else -53)
    used = values[np.isfinite(values).all(axis=1)].astype("f8")
    middle = used.min(axis=0) / 2 + used.max(axis=0) / 2
    _, reach = np.frexp(np.abs(used - middle).max(axis=0))
    unit = np.ldexp(1.0, reach + np.frexp(float(len(used)))[1] - 62)
    return bool((unit > eps * used.std(axis=0)).any())


class SameBits(ProgramTest):
    """One answer on any ranks and threads, with any kernel."""

    WAYS = [("kmeans++", "none"), ("random", "standard"), ("first.txt", "minmax"),
            ("random", "none"), ("first.txt", "standard"), ("kmeans-parallel", "minmax"),
            ("first.txt", "none"), ("kmeans++", "standard"), ("random", "minmax")]

    def check_ways(self, values, two_words, ways):
        """One rank with the reference kernel, and 1, 2, 3, 4 and 7 with the best one, some of them
        with several threads."""
        self.assertEqual(needs_two_words(values), two_words)
        write_array("in.h5", values)
        finite = np.flatnonzero(np.isfinite(values).all(axis=1))
        np.savetxt("first.txt", values[finite[:5]])
        fits = []
        for seeding, scale in ways:
            options = "in.h5", 5, "--seeding", seeding, "--scale", scale, "--distances"
            fits.append(((*options, "--kernel", "reference", "--threads", 1), {"ranks": 1}))
            fits += [((*options, "--threads", threads), {"ranks": ranks})
                     for ranks, threads in ((1, 3), (2, 1), (3, 2), (4, 1), (7, 2))]
        results = self.fit_all(fits)
        for way, first in zip(ways, range(0, len(fits), 6)):
            with self.subTest(way=way):
                self.check(results[first], values)
                for other in results[first + 1:first + 6]:
                    self.assertEqual(other.checksum, results[first].checksum)
                    self.assertEqual(other.answer(), results[first].answer())

    def test_float32(self):
        values = blobs(3000, 3).astype("f4")
        values[::97, 1] = np.nan
        self.check_ways(values, False, self.WAYS[0:3])

    def test_float64_in_two_words(self):
        values = blobs(3000, 3)
        values[1000:1200, 0] = np.inf
        self.check_ways(values, True, self.WAYS[3:6])

    def test_float64_in_one_word(self):
        random = np.random.default_rng(3)
        values = random.choice([-1, 1], (200, 2)) * (1 - random.uniform(0, 0.2, (200, 2)))
        self.check_ways(values, False, self.WAYS[6:9])

    def test_float64_with_an_outlier(self):
        values = 1 + np.random.default_rng(4).uniform(0, 1, (1000, 2))
        values[500, 1] = 1e15
        self.check_ways(values, True, self.WAYS[:1])

    def test_float32_with_an_outlier(self):
        values = 1 + np.random.default_rng(4).uniform(0, 1, (1000, 2)).astype("f4")
        values[500, 1] = 1e15
        self.check_ways(values, False, self.WAYS[4:5])

    def test_kernels(self):
        """Also with more features and clusters than a vector has lanes."""
        write_array("f4.h5", blobs(700, 19).astype("f4"))
        write_array("f8.h5", blobs(700, 19))
        for path in ("f4.h5", "f8.h5"):
            _, reference = self.fit(path, 37, "--kernel", "reference")
            for kernel in ("avx2", "avxvnni", "avx512vl", "avx512", "avx512vnni", "neon"):
                done = run("fit", path, "-k", 37, "-o", f"{kernel}-{path}", "--kernel", kernel)
                if done.code == 2:
                    self.assertIn(f"bad value (--kernel {kernel}): no such kernel", done.err)
                else:
                    self.assertEqual(done.code, 0, done)
                    self.assertEqual(Result(f"{kernel}-{path}").answer(), reference.answer())

    def test_ranks_that_share_space(self):
        """Labels, distances and restarts of samples that were on other ranks; ids stay."""
        random = np.random.default_rng(5)
        points, n = blobs(40_000, 3, 40), 40_000
        points[random.random(n) < 0.1, 1] = np.nan
        write_columns("wide.h5", dict(zip("xyz", points.T)) | {"id": np.arange(n),
                                                               "w": random.integers(0, 4, n)})
        arguments = ("wide.h5", 150, "-c", "x,y,z", "--id", "id", "--weights", "w", "--distances",
                     "--restarts", 2, "--algorithm", "tree", "--verify", "--max-iterations", 20)
        answers = [result.answer() for result in self.fit_all(
            [((*arguments, "--seeding-rows", rows, "--threads", threads), {"ranks": ranks})
             for rows in (5000, "all") for ranks, threads in ((1, 1), (2, 2), (3, 1), (5, 1))])]
        for answer in answers[1:4]:
            self.assertEqual(answer, answers[0])
        for answer in answers[5:]:
            self.assertEqual(answer, answers[4])
        self.assertEqual(np.frombuffer(answers[0]["ids"], dtype="i8").tolist(), list(range(n)))

    def test_ties_go_to_the_lowest_center(self):
        """The rows at 0 are as far from the center at -1 as from that at 1."""
        for dtype in ("f4", "f8"):
            values = np.tile(np.array([[-2, 5], [0, 5], [1, 5]], dtype), (100, 1))
            write_array(f"{dtype}.h5", values)
            write_text("left.txt", "-1 5\n1 5\n")
            write_text("right.txt", "1 5\n-1 5\n")
            for first, labels, centers in (("left.txt", [0, 0, 1], [-1, 1]),
                                           ("right.txt", [1, 0, 0], [0.5, -2])):
                results = self.fit_all([((f"{dtype}.h5", 2, "--seeding", first, "--kernel", kernel),
                                         {"ranks": ranks})
                                        for kernel in ("reference", "auto") for ranks in (1, 3)])
                for result in results:
                    self.check(result, values)
                    self.assertEqual(result.labels.tolist(), labels * 100)
                    self.assertEqual(result.centers.tolist(), [[x, 5] for x in centers])

    def test_lattice_with_duplicates(self):
        lattice = np.stack(np.meshgrid(*3 * [np.arange(6.0)]), axis=-1).reshape(-1, 3)
        values = np.concatenate([lattice, lattice])
        write_array("in.h5", values)
        np.savetxt("first.txt", lattice[[0, 5, 30, 35, 180, 215]])
        for limit in (1, 300):
            results = self.fit_all([
                (("in.h5", 6, "--seeding", "first.txt", "--max-iterations", limit, "--kernel",
                  kernel), {"ranks": ranks}) for kernel in ("reference", "auto")
                for ranks in (1, 4)])
            self.check(results[0], values)
            for other in results[1:]:
                self.assertEqual(other.answer(), results[0].answer())


class ScikitLearn(ProgramTest):
    """From the same first centers it arrives at the same place."""

    K = 6

    def setUp(self):
        super().setUp()
        points = read_hipparcos("b_v", "abs_mag")
        self.used = np.isfinite(points).all(axis=1)
        self.points = points[self.used]
        rows = np.random.default_rng(5).choice(len(self.points), self.K, replace=False)
        self.first = self.points[rows]
        np.savetxt("first.txt", self.first, fmt="%.17g", header="b_v abs_mag")
        write_array("first.h5", self.first, name="a/b")

    def compare(self, scale, *options, **limits):
        fits = [((HIPPARCOS, self.K, "-c", "b_v,abs_mag", "--scale", scale, "--seeding", seeding,
                  *options), {"ranks": ranks}) for seeding, ranks in
                (("first.txt", 1), ("first.h5", 2), ("first.h5:/a/b", 1))]
        result, *others = self.fit_all(fits)
        self.assertEqual({other.checksum for other in others}, {result.checksum})
        offset, factor = result.data["model/offset"], result.data["model/factor"]
        samples = (self.points - offset) * factor
        peer = KMeans(self.K, init=(self.first - offset) * factor, n_init=1, algorithm="lloyd",
                      **limits).fit(samples)
        self.assertLessEqual(abs(peer.n_iter_ - result.n_iterations), 1)
        np.testing.assert_allclose(result.inertia, peer.inertia_, rtol=1e-6)
        np.testing.assert_allclose(result.data["model/centers"], peer.cluster_centers_, atol=1e-6)
        labels = result.labels[self.used]
        differ = np.flatnonzero(labels != peer.labels_)
        centers = peer.cluster_centers_
        own = np.linalg.norm(samples[differ] - centers[labels[differ]], axis=1)
        theirs = np.linalg.norm(samples[differ] - centers[peer.labels_[differ]], axis=1)
        np.testing.assert_allclose(own, theirs, rtol=1e-6)
        self.assertLess(len(differ), 10)

    def test_to_the_end(self):
        self.compare("none", "--tolerance", 0, tol=0)
        self.compare("standard", "--tolerance", 0, tol=0)

    def test_tolerance(self):
        self.compare("none", "--tolerance", "1e-4", tol=1e-4)
        self.compare("standard", "--tolerance", "1e-3", tol=1e-3)

    def test_few_iterations(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.compare("none", "--max-iterations", 5, "--tolerance", 0, max_iter=5, tol=0)


@unittest.skipUnless(os.path.exists(COURSE_FILE), f"no course file {COURSE_FILE}")
class CourseFile(ProgramTest):

    CENTERS = [[-0.0165244, 0.6829016], [0.3637358, 0.0765009],
               [0.3967318, 1.1852007], [1.1962133, 0.4026663]]

    def test_most_seeds_find_the_fixed_point(self):
        subprocess.run([sys.executable, os.path.join(ROOT, "tools", "import.py"),
                        os.path.abspath(COURSE_FILE), "course.h5"], check=True, timeout=60,
                       stdout=subprocess.DEVNULL)
        with h5py.File("course.h5", "r") as file:
            points = np.stack([file[f"table/columns/{name}/data"][:] for name in "xy"], axis=1)
        results = self.fit_all([(("course.h5", 4, "--tolerance", 0, "--random-seed", seed), {})
                                for seed in range(20)])
        found = 0
        for result in results:
            self.check(result, points)
            self.assertGreater(result.inertia, 4.5485381 - 1e-6)
            if abs(result.inertia - 4.5485381) < 1e-6:
                found += 1
                np.testing.assert_allclose(result.centers[result.centers[:, 0].argsort()],
                                           self.CENTERS, atol=1e-6)
        self.assertGreater(found, 10)


class Input(ProgramTest):
    """What a catalogue may look like."""

    LAYOUTS = [{}, {"chunks": (10, 2)}, {"chunks": (300, 3), "compression": "gzip"},
               {"chunks": (64, 1), "compression": "gzip", "shuffle": True},
               {"chunks": (7, 3), "fletcher32": True}]

    def test_types_and_layouts_of_arrays(self):
        """Equal values give equal results, whatever their type of the same precision."""
        values = np.rint(blobs(300, 3)) + 20
        for types, precision in ((("f4", ">f4", "f2", "i1", "u1", "i2", ">i2", "u2"), "float32"),
                                 (("f8", ">f8", "i4", ">i4", "u4", "i8", "u8", ">u8"), "float64")):
            fits = []
            for i, name in enumerate(types):
                path = f"{precision}-{i}.h5"
                write_array(path, values.astype(name), **self.LAYOUTS[i % len(self.LAYOUTS)])
                fits.append(((path, 3, "--scale", "standard"), {"ranks": 1 + 2 * (i % 2)}))
            results = self.fit_all(fits)
            for name, result in zip(types, results):
                with self.subTest(type=name):
                    self.check(result, values)
                    self.assertEqual(result.attributes["model"]["precision"], precision)
                    self.assertEqual(result.answer(), results[0].answer())

    def test_columns_of_mixed_types(self):
        """Precision is that of all chosen columns together."""
        values = np.rint(blobs(300, 2))
        write_columns("in.h5", {"i16": values[:, 0].astype("i2"), "f4": values[:, 1].astype("f4")})
        write_columns("in.h5", {"i32": values[:, 1].astype("i4")}, compression="gzip")
        for columns, precision in (("i16,f4", "float32"), ("i16,i32", "float64"),
                                   ("i16", "float32"), ("f4,i32", "float64")):
            _, result = self.fit("in.h5", 3, "-c", columns)
            self.assertEqual(result.attributes["model"]["precision"], precision)
            names = {"i16": 0, "f4": 1, "i32": 1}
            self.check(result, values[:, [names[name] for name in columns.split(",")]])

    def test_large_integers(self):
        values = 2 ** 40 + np.rint(1000 * blobs(300, 2)).astype("i8")
        write_array("in.h5", values)
        _, result = self.fit("in.h5", 3, ranks=2)
        self.check(result, values)

    def test_tables(self):
        """The same columns as an array, as vaex has them, in a group, at the root."""
        values = blobs(300, 2)
        columns = {"a": values[:, 0], "b": values[:, 1]}
        write_array("array.h5", values, name="deep/er/array")
        write_columns("vaex.h5", columns)
        write_columns("group.h5", columns, form="stars/{}", chunks=(50,), compression="gzip")
        write_columns("root.h5", columns, form="{}")
        paths = "array.h5", "vaex.h5", "group.h5", "root.h5"
        results = self.fit_all([((path, 3), {"ranks": 2}) for path in paths])
        self.assertEqual([result.attributes["provenance"]["dataset"] for result in results],
                         ["/deep/er/array", "/table/columns", "/stars", "/"])
        self.check(results[0], values)
        self.assertEqual({result.checksum for result in results}, {results[0].checksum})

    def test_not_candidates(self):
        """What astropy writes about columns is passed over; other names mean nothing."""
        values = blobs(300, 2)
        write_array("in.h5", values)
        write_array("in.h5", np.full(9, b"text"), name="points.__table_column_meta__")
        write_array("in.h5", np.zeros((3, 3, 3)), name="cube")
        _, result = self.fit("in.h5", 3)
        self.check(result, values)
        write_array("in.h5", values[:4], name="truth/centers")
        self.refuse((3, "which table.*/points.*/truth/centers", "fit", "in.h5", "-k", 3, "-o", "out2.h5"))

    def test_links_in_a_circle(self):
        """A group that contains itself, twice, is visited once."""
        values = blobs(300, 2)
        write_array("in.h5", values, name="group/points")
        with h5py.File("in.h5", "r+") as file:
            file["group/self"] = file["group/again"] = file["group"]
        _, result = self.fit("in.h5", 3, seconds=5)
        self.check(result, values)

    def test_choice_of_table(self):
        values = blobs(300, 2)
        write_array("in.h5", values[::-1], name="a/other")
        write_columns("in.h5", {"x": values[:, 0], "y": values[:, 1]})
        fits = [(("in.h5", 3, "-d", name), {}) for name in
                ("/table/columns", "table/columns/", "table", "/a/other", "a/other")]
        results = self.fit_all(fits)
        for result in results[:3]:
            self.check(result, values)
        for result in results[3:]:
            self.check(result, values[::-1])

    def test_columns_of_an_array(self):
        values = blobs(300, 8)
        write_array("in.h5", values, chunks=(64, 3))
        for columns, numbers in (("3", [3]), ("2,0", [2, 0]), ("0:3,7", [0, 1, 2, 7]),
                                 ("7,4:6,1", [7, 4, 5, 1]), ("0:8", range(8))):
            _, result = self.fit("in.h5", 3, "-c", columns, ranks=2)
            self.assertEqual(list(result.attributes["centers"]["features"]),
                             [str(number) for number in numbers])
            self.check(result, values[:, list(numbers)])

    def test_order_of_columns(self):
        values = blobs(300, 3)
        write_columns("in.h5", dict(zip("xyz", values.T)), units={"x": "kpc", "z": "mag"})
        _, result = self.fit("in.h5", 3, "-c", "z,x")
        self.assertEqual(list(result.attributes["centers"]["features"]), ["z", "x"])
        self.assertEqual(list(result.attributes["centers"]["units"]), ["mag", "kpc"])
        self.check(result, values[:, [2, 0]])

    def check_default(self, names, values):
        """The default choice is said as a -c line, which gives the same result."""
        write_columns("in.h5", dict(zip(names, values.T)))
        write_columns("in.h5", {"id": np.arange(300), "name": np.full(300, b"text")})
        finished, result = self.fit("in.h5", 3)
        line = re.search("^skymeans: features: -c (.*)$", finished.err, re.MULTILINE).group(1)
        features = list(result.attributes["centers"]["features"])
        self.assertEqual(features, sorted(names))
        self.check(result, values[:, np.argsort(names)])
        finished, again = self.fit("in.h5", 3, "-c", *shlex.split(line))
        self.assertNotIn("-c", finished.err)
        self.assertEqual(again.answer(), result.answer())

    def test_default_columns(self):
        self.check_default(["b", "a", "c"], blobs(300, 3))

    def test_default_columns_with_odd_names(self):
        self.check_default(["b-v", "with space", "a,b", "f(x)", "é", "x[1]"], blobs(300, 6))

    def test_default_columns_with_unbalanced_names(self):
        self.check_default(["f(x", "g", "h)"], blobs(300, 3))

    def test_default_columns_of_an_array(self):
        write_array("in.h5", blobs(300, 3))
        finished, _ = self.fit("in.h5", 3)
        self.assertIn("skymeans: features: -c 0:3\n", finished.err)

    def test_tiny(self):
        """One row, one cluster; as many clusters as rows; more ranks than rows."""
        for n, k, ranks in ((1, 1, 1), (1, 1, 3), (2, 1, 4), (5, 5, 7), (70, 70, 3), (300, 1, 2)):
            with self.subTest(n=n, k=k, ranks=ranks):
                values = np.random.default_rng(n).normal(size=(n, 2))
                path = f"{n}-{ranks}.h5"
                write_array(path, values)
                _, result = self.fit(path, k, "--scale", "standard", ranks=ranks)
                self.check(result, values)
                self.assertTrue((result.sizes > 0).all())
                if n == k:
                    self.assertLess(result.inertia, 1e-25)

    def test_ranks_without_a_usable_row(self):
        values = blobs(400, 2)
        values[64:330] = np.nan
        write_array("in.h5", values)
        results = self.fit_all([(("in.h5", 3, "--seeding", seeding), {"ranks": ranks})
                                for seeding in ("kmeans++", "random") for ranks in (1, 7)])
        self.check(results[0], values)
        self.assertEqual(results[1].answer(), results[0].answer())
        self.assertEqual(results[3].answer(), results[2].answer())

    def test_extreme_units(self):
        """Fluxes and masses in SI units: squares would not fit."""
        values = blobs(300, 2)
        for factor, name in ((1e30, "f4"), (1e-30, "f4"), (1e200, "f8"), (1e-200, "f8")):
            write_array(f"{name}{factor}.h5", (values * factor).astype(name))
            _, result = self.fit(f"{name}{factor}.h5", 4, "--seeding", "random", ranks=2)
            _, same = self.fit(f"{name}{factor}.h5", 4, "--seeding", "random", "--scale", "minmax")
            self.check(same, (values * factor).astype(name))
            np.testing.assert_array_equal(result.sizes > 0, True)
            samples = result.samples((values * factor).astype(name)) / factor
            squares = ((samples[:, None] - result.data["model/centers"] / factor) ** 2).sum(axis=2)
            self.assertGreater((squares.argmin(axis=1) == result.labels).mean(), 0.999)


class Extremes(ProgramTest):
    """Data that once broke something; --verify derives the answer again."""

    def check_sizes(self, values, sizes, *options):
        write_array("in.h5", values)
        for ranks in (1, 3):
            _, result = self.fit("in.h5", len(sizes), "--verify", *options, ranks=ranks)
            self.assertEqual(sorted(result.sizes), sorted(sizes))

    def test_distances_near_the_smallest_numbers(self):
        self.check_sizes(np.repeat([[0., 0.], [1e-150, 1e-150], [1., 1.]], 10, axis=0), [20, 10])

    def test_a_large_constant_does_not_hide_the_others(self):
        groups = np.repeat([0., 1.], 50)
        self.check_sizes(np.column_stack([np.full(100, 1e30), groups]).astype("f4"), [50, 50])

    def test_thousands_of_features(self):
        values = np.repeat(np.eye(2, 5000, dtype="f4"), [3, 5], axis=0)
        self.check_sizes(values, [3, 5])
        with h5py.File("out.h5") as file:
            self.assertEqual(len(file["centers"].attrs["features"]), 5000)

    def test_an_alias_does_not_win_over_a_name(self):
        write_columns("in.h5", {"a": np.arange(10.)}, form="table/columns/{}")
        write_columns("in.h5", {"b": np.arange(20.)}, form="table/{}")
        _, result = self.fit("in.h5", 2, "-d", "/table")
        self.assertEqual(result.n_rows, 20)


class Options(ProgramTest):

    def setUp(self):
        super().setUp()
        self.points = np.random.default_rng(6).uniform(size=(2000, 2))
        write_array("in.h5", self.points)

    def test_max_iterations(self):
        finished, result = self.fit("in.h5", 8, "--max-iterations", 3, ranks=2)
        self.check(result, self.points)
        self.assertEqual((result.converged, result.n_iterations, result.stop_reason),
                         (0, 3, "max-iterations"))
        self.assertRegex(finished.err, r"\nskymeans: warning: not converged \(out.h5\): "
                                       r"it stopped after 3 iterations;")
        self.assertEqual(parse_summary(finished.out)["stopped"],
                         ("3", "max-iterations", "not converged"))

    def test_tolerance(self):
        """It stops at the first shift that is small enough."""
        _, end = self.fit("in.h5", 8, "--tolerance", 0)
        self.assertEqual((end.converged, end.stop_reason), (1, "no label changed"))
        shift = end.data["history/shift"]
        middle = len(shift) // 2
        tolerance = float(shift[:middle + 1].min() / self.points.var(axis=0).mean())
        first = int(shift[:middle + 1].argmin())
        for factor, expected in ((1 + 1e-9, first + 1), (1e9, 1)):
            _, result = self.fit("in.h5", 8, "--tolerance", repr(tolerance * factor))
            self.assertEqual((result.converged, result.n_iterations, result.stop_reason),
                             (1, expected, "tolerance"))
            np.testing.assert_array_equal(result.data["history/shift"], shift[:expected])
            self.check(result, self.points)

    def test_random_seed(self):
        seeds = (0, 0, 1, 2 ** 63, 2 ** 64 - 1)
        for how in ("kmeans++", "random"):
            results = self.fit_all([(("in.h5", 8, "--seeding", how, "--random-seed", seed), {})
                                    for seed in seeds])
            self.assertEqual(results[0].answer(), results[1].answer())
            self.assertEqual(len({result.checksum for result in results}), 4)
            self.assertEqual(tuple(result.random_seed for result in results), seeds)
            self.assertEqual(results[0].seeding, how)

    def test_seeding_rows(self):
        options = ("all", 8, 100, 2000, 10 ** 12)
        results = self.fit_all([(("in.h5", 8, "--seeding-rows", n), {"ranks": 1 + i % 2})
                                for i, n in enumerate(options)])
        for result in results:
            self.check(result, self.points)
        self.assertEqual({results[i].checksum for i in (0, 3, 4)}, {results[0].checksum})
        self.assertNotEqual(results[0].checksum, results[2].checksum)

    def test_seeding_from_a_result(self):
        """The centers of a result in the units of the features, whatever its scaling."""
        self.fit("in.h5", 8, "--scale", "standard", "--tolerance", 0, output="before.h5")
        for seeding in ("before.h5", "before.h5:/centers"):
            _, result = self.fit("in.h5", 8, "--scale", "standard", "--seeding", seeding, ranks=2)
            self.assertLessEqual(result.n_iterations, 2)
            np.testing.assert_allclose(result.centers, Result("before.h5").centers, rtol=1e-14)
            self.assertEqual(result.seeding, seeding)

    def test_seeding_text(self):
        """Blanks, commas and comments; a file name with a colon wins."""
        write_text("a:/centers".replace("/", ""), "0.1, 0.1 # one\n\n# two\n\t0.9\t0.9\n1e-1;9e-1")
        np.savetxt("plain.txt", [[0.1, 0.1], [0.9, 0.9], [0.1, 0.9]])
        _, odd = self.fit("in.h5", 3, "--seeding", "a:centers")
        _, plain = self.fit("in.h5", 3, "--seeding", "plain.txt")
        self.assertEqual(odd.checksum, plain.checksum)

    def test_overwrite(self):
        write_text("out.h5", "old")
        done = run("fit", "in.h5", "-k", 3, "-o", "out.h5")
        self.assertEqual(done.code, 2)
        with open("out.h5", encoding="utf-8") as file:
            self.assertEqual(file.read(), "old")
        _, result = self.fit("in.h5", 3)
        self.check(result, self.points)

    def test_overwrite_of_the_catalogue_is_refused(self):
        os.symlink("in.h5", "link.h5")
        for output in ("in.h5", "./in.h5", "link.h5"):
            with self.subTest(output=output):
                self.refuse((2, "in.h5", "fit", "in.h5", "-k", 3, "-o", output, "--overwrite"),
                            ranks=(1,))

    def test_rights_of_the_result(self):
        self.fit("in.h5", 3)
        mask = os.umask(0)
        os.umask(mask)
        self.assertEqual(os.stat("out.h5").st_mode & 0o777, 0o666 & ~mask)

    def test_quiet(self):
        for ranks in (1, 3):
            finished, result = self.fit("in.h5", 8, "--quiet", "--max-iterations", 2, ranks=ranks)
            self.assertEqual((finished.out, finished.err), ("", ""))
            self.check(result, self.points)

    def test_verbose(self):
        """A line an iteration; otherwise few of them when nobody watches."""
        for ranks in (1, 3):
            finished, result = self.fit("in.h5", 8, "-v", ranks=ranks)
            lines = re.findall(r"^iteration +(\d+) ", finished.err, re.MULTILINE)
            self.assertEqual(list(map(int, lines)), list(range(1, result.n_iterations + 1)))
        finished, _ = self.fit("in.h5", 8)
        self.assertEqual(finished.err.count("iteration "), 1)

    def test_missing_error(self):
        _, result = self.fit("in.h5", 3, "--missing", "error", ranks=2)
        self.check(result, self.points)

    def test_help_and_version(self):
        for arguments, said in ((("--help",), "Usage:"), (("-h",), "Usage:"),
                                (("--version",), r"\Askymeans \d+\.\d+\.\d+ \(.*\), with .*MPI.*, HDF5 \d.*\n\Z"),
                                (("fit", "--help"), "--max-iterations N"),
                                (("fit", "in.h5", "-h"), "--max-iterations N")):
            for ranks in (1, 3):
                done = run_alone(*arguments, ranks=ranks)
                self.assertEqual((done.code, done.err), (0, ""), done)
                self.assertRegex(done.out, said)
                self.assertEqual(len(re.findall("Usage|^skymeans ", done.out)), 1, done)
                self.assertLessEqual(max(map(len, done.out.splitlines())), 90)

    def test_long_forms(self):
        done = run("fit", "--clusters=3", "--output=long.h5", "--dataset=points", "in.h5",
                   "--columns=0,1", "--tolerance=0")
        self.assertEqual(done.code, 0, done)
        _, result = self.fit("in.h5", 3, "--tolerance", 0)
        self.assertEqual(Result("long.h5").answer(), result.answer())

    def test_option_order_and_end(self):
        """Options may stand anywhere; after -- everything is a file name."""
        os.rename("in.h5", "-in.h5")
        done = run("fit", "-k", 3, "-o", "out.h5", "--", "-in.h5")
        self.assertEqual(done.code, 0, done)


class UsageErrors(ProgramTest):

    def setUp(self):
        super().setUp()
        write_array("in.h5", blobs(100, 2))
        self.fit = ("fit", "in.h5", "-k", 3, "-o", "out.h5")

    def test_commands(self):
        self.refuse((2, "missing command"), (2, "unknown command.*frobnicate", "frobnicate"),
                    (2, "unknown command", ""), (2, "unknown command", "--quiet"))

    def test_unknown_options(self):
        self.refuse((2, "--max-iterations", *self.fit, "--max-iteratons", 3),
                    (2, "unknown option.*-z", *self.fit, "-z"),
                    (2, "unknown option", *self.fit, "--" + "x" * 3000),
                    (2, "takes none", *self.fit, "--quiet=yes"),
                    (4, "can't open the file.*more.h5", *self.fit, "more.h5"),
                    (2, "--quiet --verbose", *self.fit, "-q", "-v"))

    def test_options_that_are_not_there(self):
        """They are refused as unknown, never ignored."""
        self.refuse((2, "unknown option", *self.fit, "--sphere", "1"), ranks=(1,))

    def test_missing_arguments(self):
        self.refuse((2, "-k K", "fit", "in.h5", "-o", "out.h5"),
                    (2, "-o RESULT", "fit", "in.h5", "-k", 3),
                    (2, "catalogue", "fit", "-k", 3, "-o", "out.h5"), (2, "catalogue", "fit"),
                    (2, "missing value.*-k", "fit", "in.h5", "-o", "out.h5", "-k"),
                    (2, "missing value.*--tolerance", *self.fit, "--tolerance"))

    def test_bad_values(self):
        numbers = "-1", "text", "", "nan", "1x", " 1", "0x"
        wrong = [("-k", value) for value in (*numbers, "0", "1e20", "2147483648", "1.5")]
        wrong += [("--max-iterations", value)
                  for value in (*numbers, "0", "1e20", "9223372036854775808")]
        wrong += [("--seeding-rows", value) for value in (*numbers, "0", "1e20", "2", "ALL")]
        wrong += [("--random-seed", value)
                  for value in (*numbers, "1e20", "18446744073709551616")]
        wrong += [(option, value) for option in ("--restarts", "--threads")
                  for value in (*numbers, "0", "1e3", "1.5", "9223372036854775808")]
        wrong += [("--restarts", "1000001"), ("--threads", "1025")]
        wrong += [("--tolerance", value) for value in (*numbers, "1e400", "inf", "-1e-9")]
        wrong += [(option, value) for option in ("--missing", "--scale", "--kernel")
                  for value in ("-1", "text", "", "nan")]
        wrong += [("--mpi-info", value) for value in ("", "key", "=value", "key=", "k" * 300 + "=v",
                                                      "key=" + "v" * 2000)]
        wrong += [(option, "") for option in ("-o", "-d", "-c", "--seeding", "--weights")]
        cases = [(2, "bad value", *self.fit, *pair) for pair in wrong]
        self.refuse(*cases, ranks=(1,))
        self.refuse(*cases[::9], ranks=(3,))

    def test_output_exists(self):
        write_text("old.h5", "precious")
        os.mkdir("folder")
        base = self.fit[:4]
        self.refuse((2, "output exists.*old.h5.*--overwrite", *base, "-o", "old.h5"),
                    (2, "output exists.*in.h5", *base, "-o", "in.h5"),
                    (2, "output exists.*folder", *base, "-o", "folder", "--overwrite"))

    def test_column_lists(self):
        self.refuse(*[(2, "empty name", *self.fit, "-c", columns)
                      for columns in (",", "0,", ",1", "0,,1")], ranks=(1,))


class SystemErrors(ProgramTest):

    def test_files_and_folders(self):
        write_array("in.h5", blobs(100, 2))
        os.mkdir("folder")
        os.symlink("gone", "dangling.h5")
        self.refuse(
            (4, r"\(none.h5\): No such file", "fit", "none.h5", "-k", 3, "-o", "out.h5"),
            (4, r"\(dangling.h5\): No such", "fit", "dangling.h5", "-k", 3, "-o", "out.h5"),
            (4, r"\(folder\): it is a folder", "fit", "folder", "-k", 3, "-o", "out.h5"),
            (4, r"\(none/out.h5\).*folder", "fit", "in.h5", "-k", 3, "-o", "none/out.h5"),
            (4, r"\(in.h5/out.h5\)", "fit", "in.h5", "-k", 3, "-o", "in.h5/out.h5"),
            (4, "none.txt", "fit", "in.h5", "-k", 3, "-o", "out.h5", "--seeding", "none.txt"),
            (4, "none.h5", "fit", "in.h5", "-k", 3, "-o", "out.h5", "--seeding", "none.h5:/x"),
            (4, "can't write the file", "fit", "in.h5", "-k", 3, "-o", "x/" * 2100))

    def test_names_of_two_lines(self):
        """A message stays one line, whatever is in a name."""
        self.refuse((4, "No such file", "fit", "no\nne.h5", "-k", 3, "-o", "out.h5"), ranks=(1,))

    def test_late_failures_are_seen_early(self):
        """What must fail when the result is written is refused before reading."""
        write_array("in.h5", blobs(100, 2))
        os.symlink("gone", "dangling.h5")
        for output in ("x" * 252 + ".h5", "nofolder/", "dangling.h5"):
            with self.subTest(output=output):
                before = contents()
                done = run("fit", "in.h5", "-k", 3, "-o", output)
                self.assertIn(done.code, (0, 2, 4), done)
                if done.code != 0:
                    self.assertNotIn("iteration", done.err, "refused only after the fit")
                    self.assertEqual(contents(), before)


class DataErrors(ProgramTest):

    def refuse_data(self, *cases, **how):
        """Cases: pattern, catalogue, options."""
        self.refuse(*[(3, pattern, "fit", path, "-k", 3, "-o", "out.h5", *options)
                      for pattern, path, *options in cases], **how)

    def test_not_hdf5(self):
        write_array("in.h5", blobs(100, 2))
        with open("in.h5", "rb") as file:
            good = file.read()
        write_text("empty.h5", "")
        write_text("text.h5", "x,y\n1,2\n" * 100)
        with open("no-superblock.h5", "wb") as file:
            file.write(bytes(512) + good[512:])
        with open("bad-superblock.h5", "wb") as file:
            file.write(good[:8] + b"\xff" * 88 + good[96:])
        self.refuse_data(("not an HDF5 file.*empty.h5.*empty", "empty.h5"),
                         ("not an HDF5 file.*text.h5", "text.h5"),
                         ("no-superblock.h5", "no-superblock.h5"),
                         ("damaged HDF5 file.*bad-superblock.h5", "bad-superblock.h5"))

    def test_truncated(self):
        write_columns("in.h5", dict(zip("xyz", blobs(20000, 3).T)), chunks=(1000,),
                      compression="gzip")
        with open("in.h5", "rb") as file:
            good = file.read()
        cuts = [4, 100, 2000, len(good) // 2, 9 * len(good) // 10, len(good) - 1]
        for cut in cuts:
            with open(f"cut{cut}.h5", "wb") as file:
                file.write(good[:cut])
        self.refuse_data(*[(rf"cut{cut}.h5\)", f"cut{cut}.h5") for cut in cuts])

    def test_no_tables(self):
        write_array("strings.h5", np.full((100, 2), b"text"))
        write_array("cube.h5", np.zeros((10, 10, 2)))
        write_array("scalar.h5", 7.0)
        write_array("narrow.h5", np.zeros((100, 0)))
        with h5py.File("nothing.h5", "w"):
            pass
        with h5py.File("uneven.h5", "w") as file:
            file["t/a"], file["t/b"] = np.zeros(10), np.zeros(11)
        self.refuse_data(*[(rf"no table in the file \({name}.h5\)", f"{name}.h5")
                           for name in ("strings", "cube", "scalar", "narrow", "nothing")],
                         (r"not a table \(uneven.h5, dataset /t\): .*a has 10 rows, b has 11",
                          "uneven.h5"))

    def test_no_usable_rows(self):
        values = blobs(100, 2)
        values[:, 1] = np.nan
        values[:98, 0] = np.inf
        write_array("in.h5", values)
        write_array("zero.h5", np.zeros((0, 2)))
        write_columns("none.h5", {"x": np.zeros(0)})
        self.refuse_data(("no usable row.*in.h5, /points", "in.h5"), ("no rows.*zero", "zero.h5"),
                         ("more clusters than usable rows.* 2 rows", "in.h5", "-c", "0"),
                         ("no rows", "none.h5"), ("more clusters", "in.h5", "-k", 101))

    def test_names(self):
        write_array("two.h5", blobs(100, 2), name="north")
        write_array("two.h5", blobs(50, 4), name="south/deep")
        write_columns("in.h5", {"bp_rp": np.zeros(100), "abs_mag": np.zeros(100)})
        write_columns("in.h5", {"name": np.full(100, b"text")})
        write_columns("int.h5", {"n": np.arange(100)})
        tables = r"/north \(100 rows, 2 columns\), /south/deep \(50 rows, 4 columns\)"
        self.refuse_data(
            (f"which table.*two.h5.*-d.*{tables}", "two.h5"),
            (f"no such table.*weast.*{tables}", "two.h5", "-d", "weast"),
            ("no such table", "two.h5", "-d", "north/deep"),
            ("no such column.*in.h5.*bp_pr.*'bp_rp'", "in.h5", "-c", "abs_mag,bp_pr"),
            ("no such column.*ABS_MAG.*'abs_mag'", "in.h5", "-c", "ABS_MAG"),
            ("not a number.*in.h5.*name", "in.h5", "-c", "name"),
            ("columns 0 to 1", "two.h5", "-d", "north", "-c", "2"),
            ("no such column.*1:5", "two.h5", "-d", "north", "-c", "1:5"),
            ("no such column", "two.h5", "-d", "north", "-c", "1:1"),
            ("no such column", "two.h5", "-d", "north", "-c", "x"),
            ("no such column", "two.h5", "-d", "north", "-c", "-1"),
            ("no feature by default.*int.h5", "int.h5"))

    def test_first_centers(self):
        write_array("in.h5", blobs(100, 2))
        files = {"few.txt": "0 0\n1 1\n", "many.txt": "0 0\n" * 4, "wide.txt": "0 0 0\n" * 3,
                 "ragged.txt": "0 0\n1\n2 2\n", "words.txt": "0 0\n1 one\n2 2\n",
                 "nan.txt": "0 0\n1 nan\n2 2\n", "empty.txt": "", "comment.txt": "# 1 1\n"}
        for name, text in files.items():
            write_text(name, text)
        write_array("wrong.h5", np.zeros((2, 3)), name="c")
        write_array("inf.h5", [[0, 0], [1, np.inf], [2, 2]], name="c")
        write_array("several.h5", np.zeros((3, 2)), name="a")
        write_array("several.h5", np.zeros((3, 2)), name="b")
        os.mkdir("folder")
        expected = {"few.txt": "wrong shape.*few.txt.* 2 centers.* 3 of 2",
                    "many.txt": "wrong shape.* 4 centers",
                    "wide.txt": "wrong number of values.*line 1",
                    "ragged.txt": "wrong number of values.*line 2",
                    "words.txt": "not a number.*line 2",
                    "nan.txt": "not a number.*line 2", "empty.txt": "wrong shape.* 0 centers",
                    "comment.txt": "wrong shape", "wrong.h5": "wrong shape.* 2 centers of 3",
                    "inf.h5": "bad first centers.*center 1, value 1", "several.h5": "several",
                    "several.h5:/c": "which first centers.*/c",
                    "in.h5": "wrong shape.* 100 centers"}
        cases = [(pattern, "in.h5", "--seeding", name) for name, pattern in expected.items()]
        self.refuse_data(*cases[::3])
        self.refuse_data(*cases, ranks=(1,))
        done = run("fit", "in.h5", "-k", 3, "-o", "out.h5", "--seeding", "folder")
        self.assertIn("folder", done.err)
        self.assertIn(done.code, (3, 4))

    def test_damaged_chunks(self):
        """One chunk that only one rank reads doesn't inflate, or has the wrong checksum."""
        values = blobs(3000, 2)
        write_array("array.h5", values, chunks=(500, 2), compression="gzip")
        write_columns("columns.h5", {"x": values[:, 0], "y": values[:, 1]}, chunks=(500,),
                      compression="gzip", shuffle=True)
        write_array("sum.h5", values, chunks=(500, 2), fletcher32=True)
        for path, name, chunk in (("array.h5", "points", 5), ("sum.h5", "points", 0),
                                  ("columns.h5", "table/columns/y/data", 3)):
            with h5py.File(path, "r") as file:
                info = file[name].id.get_chunk_info(chunk)
            with open(path, "r+b") as file:
                file.seek(info.byte_offset + info.size // 4)
                file.write(b"\xff" * (info.size // 2))
        self.refuse_data(("can't read the catalogue.*array.h5, /points", "array.h5"),
                         ("can't read.*columns.h5, /table/columns/y/data", "columns.h5"),
                         ("can't read.*sum.h5", "sum.h5"))

    def test_missing_error(self):
        values = blobs(3000, 2)
        values[2500, 1] = np.nan
        values[2700, 0] = -np.inf
        write_columns("in.h5", {"x": values[:, 0], "y": values[:, 1]})
        write_array("array.h5", values)
        self.refuse_data(
            (r"missing value \(in.h5, /table/columns, row 2700, column x\)", "in.h5",
             "-c", "x", "--missing", "error"),
            (r"missing value \(in.h5, /table/columns, row 2500, column y\)", "in.h5",
             "-c", "y,x", "--missing", "error"),
            (r"missing value \(array.h5, /points, row 2500, column 1\)", "array.h5",
             "-c", "1", "--missing", "error"))

    def test_missing_error_names_the_first_row(self):
        values = blobs(3000, 2)
        values[2500, 1] = np.nan
        values[2700, 0] = np.nan
        write_array("in.h5", values)
        self.refuse_data(("row 2500, column 1", "in.h5", "--missing", "error"))

    def test_values_too_far_apart(self):
        values = blobs(100, 2)
        values[:2, 1] = [-1.7e308, 1.7e308]
        write_array("in.h5", values)
        self.refuse_data(("out of range.*column 1", "in.h5"))


class Summary(ProgramTest):

    def test_demo(self):
        finished, result = self.fit(HIPPARCOS, 6, "-c", "b_v,abs_mag", "--scale", "standard",
                                    "--random-seed", 26, ranks=2)
        self.check(result, read_hipparcos("b_v", "abs_mag"))
        said = parse_summary(finished.out)
        self.assertEqual(said["catalogue"], (HIPPARCOS, "/table/columns", "118214",
                                             str(result.n_used), str(result.n_missing)))
        self.assertEqual(said["result"], "out.h5")
        self.assertEqual((said["run"][0], said["run"][3]), ("2", "float64"))
        self.assertEqual(said["stopped"],
                         (str(result.n_iterations), result.stop_reason, "converged"))
        self.assertEqual(said["inertia"], f"{result.inertia:.10g}")
        self.assertEqual(said["checksum"], result.checksum)
        self.assertEqual(said["sizes"], result.sizes.tolist())
        self.assertEqual(list(said["phases"]), ["start", "open", "read", "order", "seed",
                                                "assign", "reduce", "wait", "update", "write"])
        for least, mean, most in said["phases"].values():
            self.assertTrue(0 <= least <= mean <= most, said["phases"])
        megabytes, speed = map(float, said["read"])
        self.assertAlmostEqual(megabytes, 2 * 8 * 118214 / 1e6, places=1)
        self.assertGreater(speed, 0)

    def test_many_clusters_and_features(self):
        write_array("in.h5", blobs(300, 12))
        finished, result = self.fit("in.h5", 25)
        said = parse_summary(finished.out)
        self.assertEqual(said["sizes"], result.sizes[:20].tolist())
        self.assertIn("and 5 more", finished.out)


class EmptyClusters(ProgramTest):

    def test_more_clusters_than_distinct_rows(self):
        values = np.tile([[0.0, 0], [1, 0], [0, 5]], (40, 1))
        write_array("in.h5", values)
        write_text("first.txt", "0 0\n0 0\n9 9\n9 9\n7 7\n")
        for seeding in ("kmeans++", "random", "first.txt"):
            answers = []
            for ranks in (1, 3):
                finished, result = self.fit("in.h5", 5, "--seeding", seeding, ranks=ranks)
                self.check(result, values)
                self.assertEqual(sorted(result.sizes.tolist()), [0, 0, 40, 40, 40])
                self.assertEqual((result.converged, result.inertia), (1, 0))
                self.assertRegex(finished.err, "skymeans: warning: empty clusters.* 2 of 5")
                self.assertTrue(np.isfinite(result.centers).all())
                answers.append(result.answer())
            self.assertEqual(answers[0], answers[1])

    def test_refilled(self):
        """Centers far from all rows get rows: no cluster is empty at the end."""
        values = blobs(300, 2)
        write_array("in.h5", values)
        write_text("first.txt", "0 0\n500 500\n600 600\n700 700\n")
        results = self.fit_all([(("in.h5", 4, "--seeding", "first.txt"), {"ranks": ranks})
                                for ranks in (1, 2, 4)])
        self.check(results[0], values)
        self.assertTrue((results[0].sizes > 0).all())
        for other in results[1:]:
            self.assertEqual(other.answer(), results[0].answer())


class ManyRuns(ProgramTest):

    def test_side_by_side_into_one_name(self):
        """Without --overwrite one of them wins, and the others say so."""
        write_array("in.h5", blobs(3000, 2))
        done = run_all([lambda: run_alone("fit", "in.h5", "-k", 3, "-o", "out.h5")] * 3)
        self.assertEqual(sorted(finished.code for finished in done), [0, 2, 2])
        self.assertEqual(sorted(os.listdir()), ["in.h5", "out.h5"])
        Result("out.h5")


if __name__ == "__main__":
    unittest.main()
