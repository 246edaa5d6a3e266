"""Positions on the sky: fit --sky, its result, and predict."""
import os
import subprocess
import sys
import unittest

import h5py
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from program import ROOT, ProgramTest, Result, run, write_columns


def unit(ra, dec):
    ra, dec = np.radians(np.float64(ra)), np.radians(np.float64(dec))
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def around(ra, dec, n, width, seed):
    """Positions near one, over poles and the meridian of 0 degrees."""
    random = np.random.default_rng(seed)
    at = unit(ra, dec) + random.normal(scale=width, size=(n, 3))
    at /= np.linalg.norm(at, axis=1)[:, None]
    return np.degrees(np.arctan2(at[:, 1], at[:, 0])) % 360, np.degrees(np.arcsin(at[:, 2]))


PLACES = [(0, 0), (359.9, 40), (10, 90), (200, -90), (180, 0)]


def catalogue(n=400):
    found = [around(ra, dec, n, 0.03, seed) for seed, (ra, dec) in enumerate(PLACES)]
    return {"ra": np.concatenate([ra for ra, _ in found]),
            "dec": np.concatenate([dec for _, dec in found])}


def write_text(path, rows):
    with open(path, "w") as file:
        file.writelines(" ".join(map(str, row)) + "\n" for row in rows)


class Sky(ProgramTest):
    def setUp(self):
        super().setUp()
        self.columns = catalogue()
        write_columns("sky.h5", self.columns)
        write_text("first", unit(*np.transpose(PLACES)))

    def test_wraps_and_poles(self):
        """What is near on the sky is together, and centers, radii and labels are as defined."""
        ended, result = self.fit("sky.h5", 5, "--sky", "ra,dec", "--seeding", "first", "--verify")
        at = unit(self.columns["ra"], self.columns["dec"])
        self.assertEqual(result.labels.tolist(), np.repeat(range(5), 400).tolist())
        means = np.array([at[result.labels == c].mean(axis=0) for c in range(5)])
        means /= np.linalg.norm(means, axis=1)[:, None]
        np.testing.assert_allclose(result.centers, means, atol=2e-15)
        sky = {name: result.data[f"sky/{name}"] for name in ("ra", "dec", "radius_rms",
                                                           "radius_max")}
        np.testing.assert_allclose(unit(sky["ra"], sky["dec"]), means, atol=2e-15)
        self.assertTrue(((sky["ra"] >= 0) & (sky["ra"] < 360)).all())
        chords2 = ((at - means[result.labels]) ** 2).sum(axis=1)
        for c in range(5):
            own = chords2[result.labels == c]
            for name, chord2 in (("radius_rms", own.mean()), ("radius_max", own.max())):
                self.assertAlmostEqual(sky[name][c], np.degrees(2 * np.arcsin(chord2 ** 0.5 / 2)),
                                       delta=1e-10)
        self.assertAlmostEqual(result.inertia, chords2.sum(), delta=1e-10)
        self.assertRegex(ended.out, r"(?m)^  sky +radii \(rms\) of [0-9.]+ to [0-9.]+ degrees")
        self.assertEqual(result.attributes["sky"]["units"], "deg")

    def test_same_bits(self):
        """Ranks, threads, methods and kernels make no difference; nor do weights and other features."""
        random = np.random.default_rng(3)
        n = len(self.columns["ra"])
        write_columns("more.h5", {**self.columns, "w": random.uniform(0, 3, n),
                                  "z": random.normal(scale=1000, size=n)})
        lines = [("sky.h5", ()), ("more.h5", ("-c", "z", "--sky-scale", "500", "--weights", "w")),
                 ("more.h5", ("-c", "z", "--sky-scale", "2", "--scale", "standard"))]
        for path, options in lines:
            fits = [((path, 40, "--sky", "ra,dec", *options, *how), {"ranks": ranks})
                    for how, ranks in [((), 1), ((), 2), ((), 3), ((), 4), ((), 7),
                                       (("--threads", "3"), 1), (("--kernel", "reference"), 1),
                                       *[(("--algorithm", method), 2) for method in
                                         ("lloyd", "tree", "bounds", "neighbours")]]]
            first, *others = self.fit_all(fits)
            lengths = np.linalg.norm(first.centers[:, :3], axis=1)
            np.testing.assert_allclose(lengths, 1, atol=1e-15)
            for (arguments, how), other in zip(fits[1:], others):
                with self.subTest(arguments=arguments, **how):
                    same = {name: value for name, value in other.answer().items()
                            if not name.startswith("provenance") and name != "@algorithm"}
                    self.assertEqual({name: first.answer()[name] for name in same}, same)

    def test_bad_positions(self):
        """What is no position is missing, and counted; the ends of both ranges are positions."""
        ra = [10, -360, 720, 350, 0, 10, 10, -360.0001, 720.0001, np.nan]
        dec = [0, 10, 20, 90, -90, 90.0001, -91, 0, 0, 0]
        write_columns("bad.h5", {"ra": np.float64(ra), "dec": np.float64(dec)})
        _, result = self.fit("bad.h5", 2, "--sky", "ra,dec", "--verify")
        self.assertEqual((result.labels == -1).tolist(), [False] * 5 + [True] * 5)
        self.assertEqual(result.n_missing, 5)
        refused = run("fit", "bad.h5", "-k", 2, "--sky", "ra,dec", "--missing", "error", "-o", "x")
        self.assertEqual(refused.code, 3, refused)

    def test_units(self):
        """Radians where the columns say so, single precision at the poles included."""
        write_columns("rad.h5", {name: np.float32(np.radians(values))
                                 for name, values in self.columns.items()},
                      units={"ra": "rad", "dec": "rad"})
        _, result = self.fit("rad.h5", 5, "--sky", "ra,dec", "--seeding", "first", "--verify")
        self.assertEqual(result.labels.tolist(), np.repeat(range(5), 400).tolist())
        pole = np.float32([np.pi / 2, -np.pi / 2])
        write_columns("pole.h5", {"ra": np.float32([1, 2]), "dec": pole}, units={"ra": "rad",
                                                                                "dec": "rad"})
        _, result = self.fit("pole.h5", 2, "--sky", "ra,dec")
        np.testing.assert_allclose(np.sort(result.data["sky/dec"]), [-90, 90])
        write_columns("both.h5", self.columns, units={"ra": "deg", "dec": "rad"})
        self.refuse((3, "units of a position differ", "fit", "both.h5", "-k", 2, "--sky", "ra,dec",
                     "-o", "x.h5"), ranks=(1,))
        write_columns("deg.h5", self.columns, units={"ra": "deg", "dec": "deg"})
        self.refuse((3, "units of a position differ .rad.h5, .* in radians here, and not in deg.h5", "fit",
                     "deg.h5", "rad.h5", "-k", 2, "--sky", "ra,dec", "-o", "x.h5"), ranks=(1, 2))
        write_columns("hours.h5", {**self.columns, "ra": self.columns["ra"] / 15},
                      units={"ra": "hourangle", "dec": "deg"})
        self.refuse((3, "other units of a position .hours.h5, .*'hourangle', the declination in 'deg'", "fit",
                     "hours.h5", "-k", 2, "--sky", "ra,dec", "-o", "x.h5"), ranks=(1,))
        _, result = self.fit("hours.h5", 5, "--sky", "15*ra,dec", "--seeding", "first")
        self.assertEqual(result.labels.tolist(), np.repeat(range(5), 400).tolist())

    def test_a_hair_beyond_the_pole(self):
        """That is no position in degrees, for the tools neither."""
        self.columns["dec"][7] = 90.000001
        write_columns("over.h5", self.columns)
        _, result = self.fit("over.h5", 5, "--sky", "ra,dec")
        self.assertEqual(np.flatnonzero(result.labels < 0).tolist(), [7])
        ended = subprocess.run([sys.executable, os.path.join(ROOT, "tools", "export.py"), "out.h5", "over.h5",
                                "-o", "over.csv"], capture_output=True, text=True, check=False)
        self.assertEqual(ended.returncode, 0, ended)

    def test_one_place(self):
        """That all rows have one part of the vector in common is no fault of a feature."""
        write_columns("one.h5", {"ra": np.full(30, 90.0), "dec": np.linspace(-20, 20, 30)})
        ended, result = self.fit("one.h5", 2, "--sky", "ra,dec")
        self.assertNotIn("a constant feature", ended.err)
        self.assertEqual(result.n_used, 30)

    def test_opposite_positions(self):
        """Samples that cancel out leave their center where it was."""
        write_columns("two.h5", {"ra": np.float64([20, 200]), "dec": np.float64([30, -30])})
        _, result = self.fit("two.h5", 1, "--sky", "ra,dec", "--verify")
        self.assertIn(tuple(np.round([result.data["sky/ra"][0], result.data["sky/dec"][0]], 9)),
                      [(20, 30), (200, -30)])
        self.assertAlmostEqual(result.data["sky/radius_max"][0], 180, delta=1e-5)

    def test_predict(self):
        """Other positions get the label of the nearest center, whatever their catalogue calls 0."""
        _, fitted = self.fit("sky.h5", 5, "--sky", "ra,dec", "--seeding", "first")
        ra = np.where(self.columns["ra"] > 180, self.columns["ra"] - 360, self.columns["ra"])
        write_columns("other.h5", {"ra": ra, "dec": self.columns["dec"], "mag": ra})
        ended = run("predict", "out.h5", "other.h5", "-o", "labels.h5", ranks=2)
        self.assertEqual(ended.code, 0, ended)
        self.assertEqual(Result("labels.h5").labels.tolist(), fitted.labels.tolist())

    def test_arrays_and_expressions(self):
        at = np.stack([self.columns["ra"] / 15, self.columns["dec"]], axis=1)
        with h5py.File("array.h5", "w") as file:
            file["positions"] = at
        _, result = self.fit("array.h5", 5, "--sky", "15*{0},1", "--seeding", "first", "--verify")
        self.assertEqual(result.labels.tolist(), np.repeat(range(5), 400).tolist())

    def test_names_with_points_and_paths(self):
        """As astropy calls the columns of a SkyCoord, and as groups have them."""
        with h5py.File("named.h5", "w") as file:
            for name in "ra", "dec":
                file[f"t/pos.{name}"] = file[f"u/v/{name}"] = self.columns[name]
        for position in "pos.ra,pos.dec", "360+pos.ra,u/v/dec", "/u/v/ra,/u/v/dec":
            _, result = self.fit("named.h5", 5, "-d", "t", "--sky", position, "--seeding", "first")
            self.assertEqual(result.labels.tolist(), np.repeat(range(5), 400).tolist())

    def test_criteria(self):
        """One cluster, which others are compared with, has its center on the sphere, too."""
        random = np.random.default_rng(8)
        ra, dec, z = random.uniform(0, 360, 600), random.uniform(-80, 90, 600), random.normal(size=600)
        write_columns("wide.h5", {"ra": ra, "dec": dec, "z": z})
        for further, others, radius in (((), np.zeros((600, 0)), 1),
                                        (("-c", "z", "--sky-scale", "2"), z[:, None], 2)):
            at = radius * unit(ra, dec)
            mean = at.mean(axis=0)
            center = np.append(radius * mean / np.linalg.norm(mean), others.mean(axis=0))
            total = ((np.concatenate([at, others], axis=1) - center) ** 2).sum()
            _, result = self.fit("wide.h5", "2..5", "--sky", "ra,dec", *further, ranks=2)
            k, inertia = result.data["choice/k"], result.data["choice/inertia"]
            np.testing.assert_allclose(result.data["choice/calinski_harabasz"],
                                       (total - inertia) / (k - 1) / (inertia / (600 - k)), rtol=1e-12)

    def test_info(self):
        """It has the table of the summary: positions and radii, then other features."""
        write_columns("more.h5", {**self.columns, **{f"z{i}": i + self.columns["ra"] for i in range(6)}})
        for further in ((), ("-c", "z0,z1"), ("-c", "z0,z1,z2,z3,z4,z5")):
            ended, _ = self.fit("more.h5", 5, "--sky", "ra,dec", *further)
            told = run("info", "out.h5")
            table = ended.out[ended.out.index("  cluster"):ended.out.index("  phase")]
            self.assertIn(table, told.out)
            self.assertRegex(table, "cluster +size +share +ra +dec +radius .rms. +radius .max.")

    def test_patch_centers(self):
        """The file that TreeCorr reads: numbers and unit vectors, to the last bit."""
        self.fit("sky.h5", 5, "--sky", "ra,dec", output="patches.h5")
        for name in ("centers.fits", "centers.txt"):
            ended = subprocess.run([sys.executable, os.path.join(ROOT, "tools", "export.py"),
                                    "patches.h5", "--patch-centers", "-o", name],
                                   capture_output=True, text=True, check=False)
            self.assertEqual(ended.returncode, 0, ended)
        centers = Result("patches.h5").centers
        from astropy.io import fits
        table = fits.getdata("centers.fits")
        self.assertEqual(table["patch"].tolist(), list(range(5)))
        self.assertEqual(np.stack([table["x"], table["y"], table["z"]], 1).tolist(),
                         centers.tolist())
        self.assertEqual(np.loadtxt("centers.txt")[:, 1:].tolist(), centers.tolist())
        with open("centers.txt") as file:
            self.assertEqual(file.readline(), "# patch x y z\n")

    def test_refusals(self):
        fit = ("fit", "sky.h5", "-k", 2, "-o", "x.h5")
        self.refuse((2, r"bad value \(--sky ra\)", *fit, "--sky", "ra"),
                    (2, r"bad value \(--sky ra,dec,ra\)", *fit, "--sky", "ra,dec,ra"),
                    (2, r"bad value \(--sky ,dec\)", *fit, "--sky", ",dec"),
                    (2, r"contradiction \(--sky-scale 3\)", *fit, "--sky-scale", "3"),
                    (2, r"bad value \(--sky-scale", *fit, "--sky", "ra,dec", "--sky-scale", "1e300"),
                    (2, r"bad value \(--sky-scale 0\)", *fit, "--sky", "ra,dec", "--sky-scale", "0"),
                    (2, r"contradiction \(--sky-scale 0\)", *fit, "--sky-scale", "0"),
                    (2, r"bad value \(--factor sky_x", *fit, "--sky", "ra,dec", "--factor",
                     "sky_x:2"),
                    (3, r"no such column .* column de\)", *fit, "--sky", "ra,de"))


if __name__ == "__main__":
    unittest.main()
