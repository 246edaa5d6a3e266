"""A simulation that clusters its own particles (tests/support/insitu.c), built against the library
that `make install` made, has the same answer as the program has of a file with the same rows; and
the public header is one for any C and C++."""
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np

sys.dont_write_bytecode = True

from launcher import MPICC
from program import IS_SANITIZED, ROOT, ProgramTest, parse_summary, started, write_columns

SOURCE = os.path.join(ROOT, "tests", "support", "insitu.c")
HEADER = os.path.join(ROOT, "include")
SECONDS = 300  # for building the library
STRICT = ["-pedantic", "-Wall", "-Wextra", "-Werror"]
# MPI's own C++ functions, which are no longer part of MPI, and not free of warnings.
WITHOUT_MPI_CXX = ["-DOMPI_SKIP_MPICXX", "-DMPICH_SKIP_MPICXX"]
CALLER = """#include <skymeans.h>
int main(void)
{
    skymeans_problem problem = SKYMEANS_PROBLEM(3);
    skymeans_rows rows = SKYMEANS_ROWS;
    skymeans_manner manner = SKYMEANS_MANNER;
    skymeans_control control = SKYMEANS_CONTROL;
    skymeans_summary summary = SKYMEANS_SUMMARY;
    skymeans_model model = SKYMEANS_MODEL;
    return rows.size + manner.size + control.size + summary.size + model.size < problem.size;
}
"""


def call(*words, **variables):
    """What a command prints; it must succeed, and without a word on stderr."""
    done = subprocess.run(list(map(str, words)), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=SECONDS, check=False, env=os.environ | variables)
    if done.returncode or done.stderr:
        raise AssertionError(f"{words} returned {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def install(folder):
    """Runs make as it was run for the tests, so that nothing is built anew."""
    words = shlex.split(os.environ.get("MAKEFLAGS", ""))
    flags = [word for word in words if re.match(r"\w+=", word)]
    environment = {name: text for name, text in os.environ.items()
                   if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(["make", "-s", "-j2", "-C", ROOT, "--no-print-directory", "install",
                           f"PREFIX={folder}", *flags], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=SECONDS, check=False,
                          env=environment)
    if done.returncode:
        raise AssertionError(f"make install: {done.stdout}{done.stderr}")


class Header(unittest.TestCase):
    """The header alone, in the oldest languages that it promises."""

    def check(self, compiler, standard, ending):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, f"caller.{ending}")
            with open(path, "w", encoding="utf-8") as file:
                file.write(CALLER)
            call(*compiler, f"-std={standard}", *STRICT, *WITHOUT_MPI_CXX,
                 f"-I{HEADER}", "-c", path, "-o", os.path.join(folder, "caller.o"))

    def test_c(self):
        for standard in "c99", "c17":
            self.check(MPICC, standard, "c")

    @unittest.skipUnless(shutil.which("mpicxx"), "no mpicxx")
    def test_cxx(self):
        for standard in "c++11", "c++17":
            self.check(["mpicxx"], standard, "cc")


@unittest.skipIf(IS_SANITIZED, "the library is not installed with sanitizers")
@unittest.skipUnless(shutil.which("pkg-config"), "no pkg-config")
class InSitu(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.prefix = tempfile.mkdtemp(prefix="insitu-")
        cls.addClassCleanup(shutil.rmtree, cls.prefix)
        install(cls.prefix)
        cls.binary = os.path.join(cls.prefix, "insitu")
        flags = call("pkg-config", "--cflags", "--libs", "skymeans",
                     PKG_CONFIG_PATH=f"{cls.prefix}/lib/pkgconfig").split()
        call(*MPICC, "-std=c99", *STRICT, "-o", cls.binary, SOURCE, *flags, "-lm",
             f"-Wl,-rpath,{cls.prefix}/lib")

    def simulate(self, ranks, files=()):
        with started(*files, ranks=ranks, binary=self.binary) as process:
            out, err = process.communicate(timeout=SECONDS)
        self.assertEqual((process.returncode, err), (0, ""))
        return out.strip()

    def fit_file(self, files, ranks):
        """The program's checksum of what a simulation on so many ranks has written."""
        rows = np.concatenate([np.fromfile(f"{files}.rows.{rank}").reshape(-1, 7)
                               for rank in range(ranks)])
        write_columns(f"{files}.h5", {name: rows[:, column] for column, name
                                      in enumerate(("x", "y", "z", "mass"))})
        k = len(np.loadtxt(f"{files}.centers.0"))
        done, _ = self.fit(f"{files}.h5", k, "-c", "x,y,z", "--weights", "mass",
                           "--seeding", f"{files}.centers.0")
        return parse_summary(done.out)["checksum"]

    def test_same_checksum_as_of_a_file(self):
        for ranks in 1, 3:
            files = f"step-{ranks}"
            checksum = self.simulate(ranks, [files])
            self.assertRegex(checksum, r"^[0-9a-f]{16}$")
            self.assertEqual(self.fit_file(files, ranks), checksum)
            self.assertEqual(self.simulate(ranks), checksum)


if __name__ == "__main__":
    unittest.main()
