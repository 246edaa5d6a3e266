"""Results in the programs that people read HDF5 with: h5py, PyTables, pandas, h5dump, Octave, R, and
h5wasm, by which browsers and notebooks show files (H5Web); exported tables in astropy and STILTS
(TOPCAT). `make check-clients` installs all of them.

Each has to open the file and read every dataset. h5wasm is found where npm install -g puts it, or in
NODE_PATH. Needs the Open MPI variables of the Makefile:
`make check TEST=readers_program`.
"""
import json
import os
import shutil
import subprocess
import sys
import unittest
import warnings

sys.dont_write_bytecode = True

import h5py
import numpy as np
from astropy.table import Table

from program import ROOT, ProgramTest, blobs, run, write_columns

try:
    import pandas
    import tables
except ImportError:
    pandas = tables = None

N = 50
DIMENSIONS = {
    "centers": ["cluster", "feature"], "sizes": ["cluster"], "weights": ["cluster"],
    "labels": ["row"], "distances": ["row"], "ids": ["row"], "missing": ["feature"],
    "files/name": ["file"], "files/first_row": ["file"], "files/rows": ["file"],
    "files/bytes": ["file"], "files/time": ["file"],
    "history/iteration": ["iteration"], "history/inertia": ["iteration"],
    "history/shift": ["iteration"], "history/relabeled": ["iteration"],
    "history/seconds": ["iteration"], "history/distances": ["iteration"],
    "history/most_distances": ["iteration"],
    "model/centers": ["cluster", "feature"], "model/offset": ["feature"],
    "model/factor": ["feature"], "model/missing_values/feature": ["missing value"],
    "model/missing_values/value": ["missing value"],
    "restarts/inertia": ["fit"], "restarts/n_iterations": ["fit"],
    "restarts/adjusted_rand_index": ["fit"], "restarts/coincidence_rate": ["cluster"],
}


def has_r():
    return shutil.which("Rscript") and subprocess.run(
        ["Rscript", "-e", "library(rhdf5)"], capture_output=True, check=False).returncode == 0


def find_h5wasm():
    """The module's file for Node; None if it is not there."""
    folders = os.environ.get("NODE_PATH", "").split(os.pathsep)
    if shutil.which("npm"):
        folders.append(subprocess.run(["npm", "root", "-g"], capture_output=True, text=True,
                                      check=False).stdout.strip())
    paths = [f"{folder}/h5wasm/dist/node/hdf5_hl.js" for folder in folders]
    return next(filter(os.path.isfile, paths), None)


class Readers(ProgramTest):

    def setUp(self):
        super().setUp()
        points = blobs(N, 2)
        for name in ("in.h5", "a-longer-name.h5"):
            write_columns(name, {"x": points[:, 0], "y": points[:, 1], "id": np.arange(N)},
                          units={"x": "mag"})
        run("fit", "in.h5", "a-longer-name.h5", "-k", 3, "-o", "fit.h5", "--distances", "--id",
            "id", "--restarts", 2, "--missing-value", "x:-99", "--missing-value", -98, ranks=2)
        run("predict", "fit.h5", "in.h5", "-o", "labels.h5", "--distances", "--id", "id")

    def say(self, *command):
        """What a program says that reads a result."""
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout

    def test_h5py(self):
        """Labels of all dimensions; texts of fixed length."""
        with h5py.File("fit.h5") as file:
            found = {}
            file.visititems(lambda name, item: found.update({name: [d.label for d in item.dims]})
                            if isinstance(item, h5py.Dataset) else None)
            self.assertEqual(found, DIMENSIONS)
            self.assertEqual(file["files/name"].dtype, "S16")
            self.assertEqual(file["files/name"][:].tolist(), [b"in.h5", b"a-longer-name.h5"])
            texts = {name: h5py.check_string_dtype(file[name].dtype) for name in DIMENSIONS}
            self.assertEqual({name: tuple(text) for name, text in texts.items() if text},
                             {"files/name": ("ascii", 16)})

    def test_names_that_are_not_ascii(self):
        os.rename("in.h5", "s\u00e4ule.h5")
        _, result = self.fit("s\u00e4ule.h5", 3, "-c", "x")
        self.assertEqual(result.data["files/name"][0].decode(), "s\u00e4ule.h5")
        with h5py.File("out.h5") as file:
            self.assertEqual(h5py.check_string_dtype(file["files/name"].dtype).encoding, "utf-8")

    @unittest.skipUnless(tables, "PyTables is not installed")
    def test_pytables(self):
        for name in ("fit.h5", "labels.h5"):
            with warnings.catch_warnings(), tables.open_file(name) as file:
                warnings.simplefilter("error")
                leaves = [node for node in file.walk_nodes() if isinstance(node, tables.Leaf)]
                for node in file.walk_nodes():
                    for attribute in node._v_attrs._v_attrnames:
                        node._v_attrs[attribute]
                for leaf in leaves:
                    self.assertNotIsInstance(leaf, tables.UnImplemented, leaf)
                    leaf.read()
                self.assertEqual(file.root.files.name[0], b"in.h5")
            self.assertGreater(len(leaves), 8)

    @unittest.skipUnless(pandas, "pandas is not installed")
    def test_pandas(self):
        """Frames from arrays; the file can be opened beside it."""
        with h5py.File("fit.h5") as file:
            centers = pandas.DataFrame(file["centers"][:], columns=file["centers"].attrs["features"],
                                       index=pandas.RangeIndex(3, name="cluster"))
        self.assertEqual(centers.shape, (3, 2))
        with pandas.HDFStore("fit.h5", "r") as store:
            self.assertEqual(store.keys(), [])

    @unittest.skipUnless(shutil.which("h5dump"), "h5dump is not installed")
    def test_h5dump(self):
        said = self.say("h5dump", "fit.h5")
        for name in DIMENSIONS:
            self.assertIn(f'DATASET "{name.rsplit("/", maxsplit=1)[-1]}"', said)

    @unittest.skipUnless(shutil.which("octave-cli"), "Octave is not installed")
    def test_octave(self):
        """`load` reads all that is there; matrices come transposed."""
        said = self.say("octave-cli", "--quiet", "--no-history", "--eval",
                        "warning('error', 'Octave:any'); r = load('fit.h5');"
                        "disp(size(r.centers)); disp(numel(r.labels)); disp(size(r.files.name));"
                        "disp(r.files.name(2,:)); disp(r.model.missing_values.value');"
                        "disp(fieldnames(r.history)');")
        self.assertNotIn("error", said)
        words = said.split()
        self.assertEqual(words[:3], ["2", "3", str(2 * N)])
        self.assertIn("a-longer-name.h5", words)
        self.assertIn("-99", words)

    @unittest.skipUnless(has_r(), "R with rhdf5 is not installed")
    def test_r(self):
        said = self.say("Rscript", "-e", "library(rhdf5); r <- h5read('fit.h5', '/');"
                        "cat(dim(r$centers), length(r$labels), r$files$name)")
        self.assertEqual(said.split()[:3], ["2", "3", str(2 * N)])

    @unittest.skipUnless(find_h5wasm(), "h5wasm is not installed")
    def test_h5wasm(self):
        said = json.loads(self.say("node", f"{ROOT}/tests/support/read_by_h5wasm.mjs", find_h5wasm(),
                                   "fit.h5"))
        with h5py.File("fit.h5") as file:
            self.assertEqual(said["checksum"], file.attrs["checksum"])
            self.assertEqual(said["features"], ["x", "y"])
            for name in DIMENSIONS:
                shape, first = said[name]
                self.assertEqual(tuple(shape), file[name].shape)
                if file[name].dtype.kind in "iuf":
                    np.testing.assert_array_equal(np.array(first, float), file[name][:].ravel()[:3])

    def export(self, kind):
        self.say(sys.executable, f"{ROOT}/tools/export.py", "fit.h5", "in.h5", "a-longer-name.h5",
                 "-o", f"classes.{kind}")
        return f"classes.{kind}"

    def test_astropy(self):
        """Exported tables of each kind, labels, ids and units."""
        with h5py.File("fit.h5") as file:
            expected = np.column_stack([file["ids"][:], file["labels"][:]])
        for kind in ("fits", "vot", "ecsv", "csv"):
            table = Table.read(self.export(kind))
            self.assertEqual([list(row) for row in table["id", "label"]], expected.tolist(), kind)
            if kind != "csv":
                self.assertEqual(table["x"].unit, "mag", kind)

    @unittest.skipUnless(shutil.which("stilts"), "STILTS is not installed")
    def test_stilts(self):
        """Exported tables have the same labels there, and VOTables are valid."""
        with h5py.File("fit.h5") as file:
            labels, ids = file["labels"][:], file["ids"][:]
        for kind in ("fits", "vot", "csv"):  # Debian's STILTS reads no ECSV
            said = self.say("stilts", "tpipe", f"in={self.export(kind)}",
                            f"ifmt={kind.replace('vot', 'votable')}", "cmd=keepcols 'id label'",
                            "omode=out", "out=-", "ofmt=csv-noheader")
            table = np.array([line.split(",") for line in said.split()], dtype=int)
            np.testing.assert_array_equal(table, np.column_stack([ids, labels]), err_msg=kind)
        self.assertEqual(self.say("stilts", "votlint", "votable=classes.vot"), "")


if __name__ == "__main__":
    unittest.main()
