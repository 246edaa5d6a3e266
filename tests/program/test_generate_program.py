"""`skymeans generate`: mock catalogues whose rows depend on their number alone, and their truth."""
import glob
import os
import signal
import time
import unittest

import h5py
import numpy as np
from launcher import code_after_signal
from program import ProgramTest, contents, run, run_all, started
from sklearn.metrics import adjusted_rand_score

MIXTURE = ["--rows", 3000, "--columns", 3, "-k", 5]
SURVEY = ["--rows", 3000, "--kind", "survey"]
BANDS = "ugriz"


def generate(path, *options, **how):
    finished = run("generate", path, *options, **how)
    if finished.code != 0:
        raise AssertionError(finished)
    return finished


def read(path):
    """The columns by name, or the array as `samples`, and the truth, of one file or of several."""
    names = [path] if os.path.exists(path) else sorted(glob.glob(path.replace(".h5", "-*.h5")))
    parts = []
    for name in names:
        with h5py.File(name, "r") as file:
            found = {f"truth/{key}": data[()] for key, data in file["truth"].items()}
            if "samples" in file:
                found["samples"] = file["samples"][()]
            else:
                found |= {key: group["data"][()] for key, group in file["table/columns"].items()}
        parts.append(found)
    once = {"truth/centers", "truth/weights", "truth/widths"}
    return {key: parts[0][key] if key in once else np.concatenate([part[key] for part in parts])
            for key in parts[0]}


def as_array(found, n_columns=3):
    return np.column_stack([found[f"x{j}"] for j in range(n_columns)])


class Generate(ProgramTest):

    def test_any_ranks_and_threads_write_the_same_bytes(self):
        cases = {"array": [*MIXTURE, "--rows", 700_001],
                 "chunks": [*MIXTURE, "--layout", "columns", "--chunk-rows", 700],
                 "packed": [*MIXTURE, "--compress", 6, "--chunk-rows", 130, "--type", "float64"],
                 "files": [*SURVEY, "--files", 5, "--chunk-rows", 64],
                 "packed-files": [*SURVEY, "--files", 2, "--compress", 1, "--chunk-rows", 64]}
        manners = {name: [(1, 1), (2, 2), (3, 1)] for name in cases}
        manners["array"] += [(1, 2), (4, 1)]
        manners["packed"] += [(4, 1), (7, 1)]
        jobs = [(name, manner) for name in cases for manner in manners[name]]
        for name, (ranks, threads) in jobs:
            os.makedirs(f"{name}/{ranks}-{threads}")
        run_all([lambda name=name, ranks=ranks, threads=threads: generate(
            f"{name}/{ranks}-{threads}/m.h5", *cases[name], "--threads", threads, "--quiet",
            ranks=ranks) for name, (ranks, threads) in jobs])
        for name in cases:
            expected = {os.path.basename(path): value
                        for path, value in contents(f"{name}/1-1").items()}
            self.assertGreater(len(expected), 0)
            for ranks, threads in manners[name][1:]:
                with self.subTest(name=name, ranks=ranks, threads=threads):
                    self.assertEqual({os.path.basename(path): value for path, value in
                                      contents(f"{name}/{ranks}-{threads}").items()}, expected)

    def test_any_storage_has_the_same_rows(self):
        cases = [[], ["--chunk-rows", 77], ["--layout", "columns"], ["--compress", 9],
                 ["--layout", "columns", "--compress", 3, "--chunk-rows", 1000], ["--files", 300],
                 ["--layout", "columns", "--files", 4]]
        run_all([lambda i=i, case=case: generate(f"m{i}.h5", *MIXTURE, *case)
                 for i, case in enumerate(cases)])
        expected = read("m0.h5")
        self.assertEqual(expected["samples"].dtype, np.float32)
        for i, case in enumerate(cases):
            with self.subTest(case=case):
                found = read(f"m{i}.h5")
                samples = found.get("samples") if "samples" in found else as_array(found)
                np.testing.assert_array_equal(samples, expected["samples"])
                for key in ("labels", "centers", "weights", "widths"):
                    np.testing.assert_array_equal(found[f"truth/{key}"], expected[f"truth/{key}"])

    def test_types_and_seeds(self):
        generate("m.h5", *MIXTURE)
        generate("m64.h5", *MIXTURE, "--type", "float64")
        generate("other.h5", *MIXTURE, "--random-seed", 18446744073709551615)
        generate("more.h5", *MIXTURE, "--rows", 4000)
        single, double, other, more = map(read, ("m.h5", "m64.h5", "other.h5", "more.h5"))
        self.assertEqual(double["samples"].dtype, np.float64)
        np.testing.assert_array_equal(double["samples"].astype("f4"), single["samples"])
        self.assertFalse((single["samples"] == other["samples"]).any())
        np.testing.assert_array_equal(more["samples"][:3000], single["samples"])

    def test_mixture_is_as_it_says(self):
        n = 400_000
        generate("m.h5", "--rows", n, "--columns", 4, "-k", 6, "--type", "float64")
        found = read("m.h5")
        samples, labels = found["samples"], found["truth/labels"]
        self.assertAlmostEqual((labels < 0).mean(), 0.02, delta=5 * np.sqrt(0.02 / n))
        self.assertAlmostEqual(found["truth/weights"].sum(), 0.98, places=9)
        background = samples[labels < 0]
        self.assertLess(np.abs(background).max(), 10)
        self.assertLess(np.abs(background.mean(axis=0)).max(), 5 * 10 / np.sqrt(3 * len(background)))
        for k, (weight, width) in enumerate(zip(found["truth/weights"], found["truth/widths"])):
            cloud = samples[labels == k]
            self.assertAlmostEqual(len(cloud) / n, weight, delta=5 * np.sqrt(weight / n))
            distances = (cloud - found["truth/centers"][k]) / width
            self.assertLess(np.abs(distances.mean(axis=0)).max(), 5 / np.sqrt(len(cloud)))
            self.assertLess(np.abs(np.cov(distances.T) - np.eye(4)).max(), 10 / np.sqrt(len(cloud)))

    def test_fit_finds_the_truth(self):
        """Of all rules that know everything, that of Bayes has the fewest errors. A fit knows nothing,
        and takes clouds to be equally wide; where all clouds are found, that costs little."""
        generate("m.h5", "--rows", 200_000, "--columns", 6, "-k", 8, ranks=2)
        finished, result = self.fit("m.h5", 8, "--restarts", 10, ranks=2)
        self.assertEqual(finished.code, 0, finished)
        found = read("m.h5")
        is_used = found["truth/labels"] >= 0
        truth, samples = found["truth/labels"][is_used], found["samples"][is_used].astype("f8")
        squares = sum((x[:, None] - c) ** 2 for x, c in zip(samples.T, found["truth/centers"].T))
        widths = found["truth/widths"]
        best = np.argmax(np.log(found["truth/weights"]) - 6 * np.log(widths)
                         - squares / (2 * widths ** 2), axis=1)
        best_possible = adjusted_rand_score(truth, best)
        reached = adjusted_rand_score(truth, result.labels[is_used])
        self.assertLess(best_possible, 1)
        self.assertGreater(reached, best_possible - 0.02)
        nearest = np.sqrt(((found["truth/centers"][:, None] - result.centers) ** 2).sum(axis=2))
        self.assertEqual(sorted(nearest.argmin(axis=1)), list(range(8)))
        self.assertLess((nearest.min(axis=1) / widths).max(), 0.3)

    def test_truth_is_a_table_only_elsewhere(self):
        generate("m.h5", *MIXTURE)
        self.assertIn(": 1 table\n", run("info", "m.h5").out)
        self.fit("m.h5", 2, "-d", "/truth/centers", output="named.h5")
        with h5py.File("m.h5", "a") as file:
            del file.attrs["skymeans_mock"]
        self.assertIn(": 3 tables\n", run("info", "m.h5").out)

    def test_survey(self):
        n = 200_000
        generate("s.h5", *SURVEY, "--rows", n, "--files", 2)
        found = read("s.h5")
        np.testing.assert_array_equal(found["id"] - found["id"][0], np.arange(n))
        self.assertGreater(found["id"][0], 2 ** 53)
        with h5py.File("s-0.h5", "r") as file:
            columns = file["table/columns"]
            self.assertEqual(columns["ra/data"].attrs["units"], "deg")
            self.assertEqual(columns["u_error/data"].attrs["units"], "mag")
            self.assertEqual(list(file["truth/labels"].attrs["classes"]),
                             ["star", "galaxy", "quasar"])
            self.assertEqual(list(file["truth/centers"].attrs["features"]), list(BANDS))
        self.check_magnitudes(found)
        self.check_sky(found)

    def check_magnitudes(self, found):
        for b, band in enumerate(BANDS):
            seen, error = found[band], found[f"{band}_error"]
            np.testing.assert_array_equal(np.isnan(seen), np.isnan(error))
            self.assertTrue(0.004 < np.isnan(seen).mean() < 0.3, band)
            order = np.argsort(seen[~np.isnan(seen)])
            errors = error[~np.isnan(seen)][order]
            self.assertLess(errors[:1000].max(), errors[-1000:].mean() / 2)
            if band in "gri":  # hardly any are missed for being faint
                for label in range(3):
                    mean = np.nanmean(seen[found["truth/labels"] == label])
                    self.assertAlmostEqual(mean, found["truth/centers"][label, b], delta=0.05)

    def check_sky(self, found):
        ra, dec, labels = found["ra"], found["dec"], found["truth/labels"]
        self.assertTrue((0 <= ra).all() and (ra < 360).all() and (np.abs(dec) < 73).all())
        pole = np.radians([192.85948, 27.12825])
        height = np.abs(np.sin(np.radians(dec)) * np.sin(pole[1]) + np.cos(np.radians(dec))
                        * np.cos(pole[1]) * np.cos(np.radians(ra) - pole[0]))
        low = [(height[labels == label] < 0.2).mean() for label in range(3)]
        self.assertGreater(low[0], 1.8 * low[2])
        cells = [np.histogram2d(ra[labels == label], np.sin(np.radians(dec[labels == label])),
                                bins=(180, 100))[0] for label in (1, 2)]
        galaxies, quasars = [cell.var() / cell.mean() for cell in cells]  # 1 without clustering
        self.assertGreater(galaxies, 2)
        self.assertLess(quasars, 1.5)

    def test_outputs(self):
        generate("m.h5", *MIXTURE)
        self.refuse((2, r"output exists \(m.h5\)", "generate", "m.h5", *MIXTURE),
                    (4, r"none/m.h5", "generate", "none/m.h5", *MIXTURE),
                    (2, r"bad value \(--compress 10\)", "generate", "n.h5", *MIXTURE, "--compress", 10),
                    (2, r"bad value \(--rows 0\)", "generate", "n.h5", *MIXTURE, "--rows", 0),
                    (2, r"bad value \(--kind sphere\)", "generate", "n.h5", "--rows", 9, "--kind", "sphere"),
                    (2, r"missing argument: the number of clusters", "generate", "n.h5", "--rows", 9,
                     "--columns", 2), ranks=(1,))
        generate("m.h5", *MIXTURE, "--random-seed", 1, "--overwrite")
        with h5py.File("m.h5", "r") as file:
            self.assertEqual(file.attrs["random_seed"], 1)
        generate("folder.d-m", *MIXTURE, "--files", 2)
        generate("./x.h5", *MIXTURE, "--files", 11)
        self.assertTrue({"folder-0.d-m", "x-00.h5", "x-10.h5"} <= set(os.listdir()))
        self.refuse((2, r"output exists \(x-00.h5\)", "generate", "x.h5", *MIXTURE, "--files", 11), ranks=(3,))

    def test_a_signal_leaves_nothing(self):
        os.mkdir("out")
        for ranks in 1, 2:
            with started("generate", "out/m.h5", "--rows", 10 ** 9, "--columns", 8, "-k", 9,
                         "--compress", 9, ranks=ranks) as process:
                while not os.listdir("out"):
                    time.sleep(0.05)
                time.sleep(0.5)
                process.send_signal(signal.SIGTERM if ranks == 1 else signal.SIGUSR1)
                _, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, code_after_signal(4) if ranks > 1 else 4, err)
            self.assertIn("skymeans: error: stopped by a signal (out/m.h5)", err)
            self.assertEqual(os.listdir("out"), [])


if __name__ == "__main__":
    unittest.main()
