"""The notebook of the docs runs, and says what is written in it."""
import os
import sys
import unittest
from importlib.util import find_spec

sys.dont_write_bytecode = True

from module import ROOT, ModuleTest

try:
    import nbformat
    from nbconvert.preprocessors import ExecutePreprocessor
except ImportError:
    nbformat = None


def printed(notebook):
    """What each cell of code printed."""
    return ["".join(output.text for output in cell.outputs if output.output_type == "stream")
            for cell in notebook.cells if cell.cell_type == "code"]


@unittest.skipIf(nbformat is None or find_spec("ipykernel") is None,
                 "nbconvert and ipykernel are not installed")
class Notebook(ModuleTest):

    def test_hipparcos(self):
        here = os.getcwd()
        os.environ.update({f"{name}_DIR": here for name in (
            "JUPYTER_CONFIG", "JUPYTER_DATA", "JUPYTER_RUNTIME")}, IPYTHONDIR=here, MPLCONFIGDIR=here)
        notebook = nbformat.read(f"{ROOT}/docs/hipparcos.ipynb", as_version=4)
        written = printed(notebook)
        ExecutePreprocessor(timeout=60, kernel_name="python3").preprocess(
            notebook, {"metadata": {"path": f"{ROOT}/docs"}})
        self.assertEqual(printed(notebook), written)
        pictures = [output for cell in notebook.cells for output in cell.get("outputs", [])
                    if "image/png" in output.get("data", {})]
        self.assertEqual(len(pictures), 1)


if __name__ == "__main__":
    unittest.main()
