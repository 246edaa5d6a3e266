"""A disk that fills up at any point: exit code 4, one message, and no file under the final name.

The disk is a tmpfs of a few sizes, which takes root to mount; elsewhere the tests are skipped.
"""
import os
import subprocess
import tempfile
import unittest

import numpy as np
from program import ProgramTest, run, run_all, write_array

N_ROWS = 200_000


def mount(size, folder):
    return subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder],
                          capture_output=True, check=False).returncode == 0


def can_mount():
    with tempfile.TemporaryDirectory() as folder:
        if not mount(4096, folder):
            return False
        subprocess.run(["umount", folder], check=True)
        return True


def run_on_disk(size, ranks, arguments):
    """The run, whose arguments depend on the folder, and the names that it left there."""
    with tempfile.TemporaryDirectory(prefix=f"disk-{size}-{ranks}-", dir=".") as disk:
        if not mount(size, disk):
            raise AssertionError("can't mount a small disk")
        try:
            return run(*arguments(disk), ranks=ranks), sorted(os.listdir(disk))
        finally:
            subprocess.run(["umount", disk], check=True)


@unittest.skipUnless(can_mount(), "only root may mount the small disks")
class FullDisk(ProgramTest):
    def setUp(self):
        super().setUp()
        write_array("in.h5", np.random.default_rng(1).random((N_ROWS, 2), dtype="f4"))
        self.fit("in.h5", 4, *self.options("."), output="fits.h5")
        self.needed = os.path.getsize("fits.h5") + os.path.getsize("./out.json")

    @staticmethod
    def options(folder):
        return ["--max-iterations", 2, "--distances", "--metrics", f"{folder}/out.json",
                "--overwrite", "--quiet"]

    def run_on_disk(self, size, ranks):
        """The run and the names that it left on a disk of this size."""
        return run_on_disk(size, ranks, lambda disk: [
            "fit", "in.h5", "-k", 4, "-o", f"{disk}/out.h5", *self.options(disk)])

    def check_full(self, finished, left):
        self.assertEqual(finished.code, 4, finished)
        self.assertRegex(finished.err, r"\Askymeans: error: [^\n]+\n\Z")
        self.assertRegex(finished.err, r"disk-\d+-\d-\w+/out")
        self.assertIn("No space left on device", finished.err)
        self.assertEqual(left, [])

    def test_many_levels(self):
        """From a disk that holds nothing up to one that lacks the last blocks."""
        levels = [4096, 65536, 150_000, 170_000, 300_000]
        levels += [int(part * self.needed) for part in (0.25, 0.4, 0.7, 0.95, 0.995)]
        cases = [(level, 3) for level in levels] + [(level, 1) for level in levels[::3]]
        done = run_all([lambda case=case: self.run_on_disk(*case) for case in cases])
        for (size, ranks), (finished, left) in zip(cases, done):
            with self.subTest(size=size, ranks=ranks):
                self.check_full(finished, left)

    def test_enough(self):
        finished, left = self.run_on_disk(2 * self.needed, 3)
        self.assertEqual(finished.code, 0, finished)
        self.assertEqual(left, ["out.h5", "out.json"])

    def test_mock_catalogues(self):
        """Of each layout, from no space at all up to the last block."""
        layouts = [["--chunk-rows", 1000], ["--layout", "columns"], ["--compress", 1],
                   ["--compress", 1, "--chunk-rows", 100], ["--files", 3]]
        mock = ["--rows", 50_000, "--columns", 2, "-k", 5, "--quiet"]
        needed = []
        for i, options in enumerate(layouts):
            os.mkdir(f"whole-{i}")
            self.assertEqual(run("generate", f"whole-{i}/out.h5", *mock, *options).code, 0)
            needed.append(sum(entry.stat().st_size for entry in os.scandir(f"whole-{i}")))
        cases = [(int(part * needed[i]), ranks, options) for i, options in enumerate(layouts)
                 for part, ranks in ((0.01, 2), (0.1, 1), (0.5, 3), (0.9, 2), (0.98, 1))]
        done = run_all([lambda size=size, ranks=ranks, options=options: run_on_disk(
            size, ranks, lambda disk: ["generate", f"{disk}/out.h5", *mock, *options])
                        for size, ranks, options in cases])
        for case, (finished, left) in zip(cases, done):
            with self.subTest(case=case):
                self.check_full(finished, left)


if __name__ == "__main__":
    unittest.main()
