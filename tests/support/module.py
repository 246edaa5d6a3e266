"""For tests of the Python module, which lies in tools/python and calls the library that was built."""
import glob
import importlib
import os
import subprocess
import sys
import unittest

from program import BINARY, IS_SANITIZED, ROOT, ProgramTest

MODULE = os.path.join(ROOT, "tools", "python")
os.environ.update(SKYMEANS=BINARY)
for path in glob.glob(f"{os.path.dirname(BINARY)}/libskymeans.so.*"):
    os.environ["SKYMEANS_LIBRARY"] = path
# Kernels of OpenBLAS that the machine has not would crash scikit-learn.
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)
os.environ["PYTHONPATH"] = os.pathsep.join([MODULE, os.environ.get("PYTHONPATH", "")])
sys.dont_write_bytecode = True
sys.path.insert(0, MODULE)
skymeans = None if IS_SANITIZED else importlib.import_module("skymeans")


@unittest.skipIf(IS_SANITIZED, "Python can't load a library with sanitizers")
class ModuleTest(ProgramTest):

    def python(self, *words, start=(), seconds=60, **variables):
        """Exit code, stdout and stderr of another Python."""
        done = subprocess.run([*start, sys.executable, *words], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=seconds, check=False,
                              env=os.environ | {"OMP_NUM_THREADS": "1"} | variables)
        return done.returncode, done.stdout, done.stderr
