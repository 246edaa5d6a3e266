"""A read of more than 4 GiB, by `make check-large`: two columns that are 504 bytes apart.

Needs 5.2 GB of disk in the build directory (or in $TMPDIR), 2 GB of memory and some minutes; skipped
where the disk is too full.
"""
import os
import shutil
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

import h5py
import numpy as np

from program import BINARY, Result, blobs, run_alone

N, WIDTH = 9_400_000, 64
BYTES = N * WIDTH * 8
SPARE = 400_000_000  # results, and the two columns by themselves
PIECE = 100_000


class Large(unittest.TestCase):

    def setUp(self):
        folder = tempfile.mkdtemp(prefix="skymeans-large-",
                                  dir=os.environ.get("TMPDIR", os.path.dirname(BINARY)))
        self.addCleanup(shutil.rmtree, folder)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder)
        free = shutil.disk_usage(folder).free
        if free < BYTES + SPARE:
            self.skipTest(f"{free / 1e9:.1f} GB of disk are free, "
                          f"and {(BYTES + SPARE) / 1e9:.1f} GB needed")

    def write(self):
        """The table, and its first and last column alone."""
        with h5py.File("large.h5", "w") as large, h5py.File("two.h5", "w") as two:
            all_columns = large.create_dataset("stars", (N, WIDTH), "f8")
            columns = two.create_dataset("stars", (N, 2), "f8")
            piece = np.random.default_rng(1).normal(size=(PIECE, WIDTH))
            for first in range(0, N, PIECE):
                piece[:, [0, -1]] = blobs(PIECE, 2, seed=2) + first / N
                all_columns[first:first + PIECE] = piece
                columns[first:first + PIECE] = piece[:, [0, -1]]
        self.assertGreater(os.path.getsize("large.h5"), 4 << 30)

    def fit(self, path, columns, ranks):
        finished = run_alone("fit", path, "-c", columns, "-k", 4, "-o", "out.h5", "--overwrite",
                       "--max-iterations", 5, ranks=ranks, seconds=1800)
        self.assertEqual(finished.code, 0, finished)
        result = Result("out.h5")
        self.assertEqual((result.n_rows, result.n_used), (N, N))
        return result.checksum

    def test_two_columns(self):
        self.write()
        expected = self.fit("two.h5", "0,1", 2)
        for ranks in 1, 3:
            self.assertEqual(self.fit("large.h5", "0,63", ranks), expected)


if __name__ == "__main__":
    unittest.main()
