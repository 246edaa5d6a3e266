"""What fuzzers found to reach new parts of the program, once more (tests/fuzz/corpus): each input ends as it
must. `make fuzz` looks for more."""
import os
import subprocess
import sys
import tarfile
import unittest

sys.dont_write_bytecode = True

from program import BINARY, ROOT

FOLDER = os.path.join(ROOT, "tests", "fuzz")
REPLAYS = os.path.join(os.path.dirname(BINARY), "tests", "replay")


class Corpus(unittest.TestCase):

    def test_corpus(self):
        names = sorted(name[5:-2] for name in os.listdir(FOLDER) if name.startswith("fuzz_"))
        done = subprocess.run([os.path.join(FOLDER, "run.sh"), REPLAYS, BINARY, *names], text=True,
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done)
        for name in names:
            with tarfile.open(os.path.join(FOLDER, "corpus", f"{name}.tar.gz")) as corpus:
                count = len(corpus.getnames())
            self.assertGreater(count, 10)
            self.assertIn(f"seeds/{name}: {count} inputs\n", done.stderr)


if __name__ == "__main__":
    unittest.main()
