"""What tests of discovery share: files of a few columns, what `info --json` says of them, and fits that
must be the same as one of a plain array."""
import json
import os

import h5py
import numpy as np

from program import ProgramTest, Result, blobs, run, run_all, write_array

N = 300
K = 3
VALUES = blobs(N, 4)
X, Y, Z, W = VALUES.T


def write(path, datasets, mode="a", **how):
    """Datasets by path, each a NumPy array, or a path that a soft link leads to."""
    with h5py.File(path, mode, **how) as file:
        for name, values in datasets.items():
            if isinstance(values, str):
                file[name] = h5py.SoftLink(values)
            else:
                file[name] = values


class DiscoveryTest(ProgramTest):

    def info(self, path, *options, **how):
        """What `info --json` says."""
        finished = run("info", path, "--json", *options, **how)
        self.assertEqual((finished.code, finished.err), (0, ""), finished)
        found = json.loads(finished.out)
        self.assertEqual((found["version"], found["file"]), (1, path))
        return found

    def tables(self, path, *options, **how):
        return {table["path"]: table for table in self.info(path, *options, **how)["tables"]}

    def columns(self, path, table, *options):
        return {c["name"]: c for c in self.tables(path, *options)[table]["columns"]}

    def unusable(self, path):
        return {u["path"]: u["reason"] for u in self.info(path)["unusable"]}

    def places(self, path, columns, *options):
        """Where the columns of -c are: file, dataset, member and position of each."""
        found = self.info(path, "-c", columns, *options)["selection"]
        return [(c["file"], c["values"]["dataset"], c["values"]["member"], c["values"]["position"])
                for c in found]

    def check_same(self, values, *cases, ranks=(1,)):
        """Fits that give the same as these values in an array: lists of files and options."""
        values = np.asarray(values)
        if os.path.exists("plain.h5"):
            os.remove("plain.h5")
        write_array("plain.h5", values if values.ndim == 2 else values[:, None])
        plain = self.fit("plain.h5", K, output="plain-out.h5")[1]

        def one(number, arguments, n):
            output = f"same{number}.h5"
            finished = run("fit", *arguments, "-k", K, "-o", output, "--overwrite", ranks=n)
            self.assertEqual(finished.code, 0, finished)
            result = Result(output)
            with self.subTest(arguments=arguments, ranks=n):
                self.assertEqual((result.n_rows, result.n_used), (plain.n_rows, plain.n_used))
                self.assertEqual(result.labels.tolist(), plain.labels.tolist())
                self.assertEqual(result.checksum, plain.checksum)
            return finished, result

        jobs = [(c, n) for c in cases for n in ranks]
        return run_all([lambda i=i, j=j: one(i, *j) for i, j in enumerate(jobs)])
