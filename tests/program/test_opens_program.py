"""How often files are opened, and by how many ranks: on a parallel file system each open asks the one
server of metadata."""
import collections
import os
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True

import numpy as np

from program import IS_SANITIZED, ROOT, ProgramTest, run, write_columns

SOURCE = os.path.join(ROOT, "tests", "support", "log_opens.c")
N_FILES, RANKS = 40, 4


@unittest.skipIf(IS_SANITIZED, "the sanitizer wants to be the first library")
class Opens(ProgramTest):

    def opens_of(self, *arguments, ranks):
        """For each file, how often each process opened it."""
        subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", "opens.so", SOURCE, "-ldl"],
                       check=True)
        done = run(*arguments, ranks=ranks, OPENS=os.path.abspath("opens"),
                   LD_PRELOAD=os.path.abspath("opens.so"))
        self.assertEqual(done.code, 0, done)
        found = collections.defaultdict(collections.Counter)
        with open("opens", encoding="utf-8") as file:
            for process, path in map(str.split, file):
                found[path][process] += 1
        return found

    def test_many_files(self):
        """A file is opened twice by the rank that describes it and twice by each whose slab has rows of
        it, each time once before HDF5 does; and every rank opens its share of the files."""
        files = [f"part{i:02}.h5" for i in range(N_FILES)]
        for name in files:
            write_columns(name, {"x": np.arange(100.0), "y": np.arange(100.0) % 7})
        opens = self.opens_of("fit", *files, "-k", 2, "-c", "x,y", "-o", "out.h5", ranks=RANKS)
        by_rank = collections.Counter()
        for name in files:
            self.assertLessEqual(len(opens[name]), 3, (name, opens[name]))
            by_rank.update(opens[name])
        self.assertEqual(len(by_rank), RANKS)
        self.assertLessEqual(sum(by_rank.values()), 4 * N_FILES + 2 * RANKS, opens)
        self.assertLessEqual(max(by_rank.values()), 4 * N_FILES / RANKS + 4, by_rank)

    def test_one_file(self):
        """The first rank finds the table, then all open it, alone and together."""
        write_columns("in.h5", {"x": np.arange(1000.0), "y": np.arange(1000.0) % 7})
        opens = self.opens_of("fit", "in.h5", "-k", 2, "-c", "x,y", "-o", "out.h5", ranks=RANKS)
        self.assertEqual(sorted(opens["in.h5"].values()), [3] * (RANKS - 1) + [5])


if __name__ == "__main__":
    unittest.main()
