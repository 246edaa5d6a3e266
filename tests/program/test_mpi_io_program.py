"""Whole-program test of reading through MPI-IO, against plain reads of the same bytes.

Some versions of Open MPI have had errors in MPI-IO: in collective reads with data types that have
gaps (issue 10546 of open-mpi/ompi), and in collective writes (12718). Reads of the program are
independent and of contiguous bytes, and it never writes through MPI-IO. Here random parts of random
files are read on several ranks, and a hash of each value and its row is compared with that of what
NumPy reads. KM_READS sets the number.

Needs the Open MPI variables of the Makefile: `make check TEST=mpi_io_program`.
"""
import os
import sys
import unittest

sys.dont_write_bytecode = True

import h5py
import numpy as np

from program import ProgramTest, Result, blobs, mix, run, run_alone, run_many, write_array

N_READS = int(os.environ.get("KM_READS", 40))
TYPES = ["<f4", ">f4", "<f8", ">f8", "<i2", ">i4", "<u8"]


def hash_of(columns):
    """What km_hash_samples makes of the values of rows, column by column."""
    with np.errstate(over="ignore"):
        hashes = np.arange(len(columns[0]), dtype="u8")
        for column in columns:
            bits = (column.astype("f8") + 0.0).view("u8")
            hashes = mix(hashes ^ bits) + np.uint64(0x9e3779b97f4a7c15)
        return f"{int(hashes.sum(dtype='u8')):016x}"


class Read:
    """A random file, the columns that are read of it, and their values."""

    def __init__(self, number):
        self.random = random = np.random.default_rng([6, number])
        self.path, self.ranks = f"in{number}.h5", int(random.integers(2, 5))
        n_rows = int(random.choice([random.integers(4, 100), random.integers(100, 70000)]))
        layout = random.choice(["array", "columns", "compound"])
        layout = {"array": self.write_array, "columns": self.write_columns,
                  "compound": self.write_compound}[layout]
        with h5py.File(self.path, "w") as file:
            if random.random() < 0.5:  # so that values begin at another place
                file["before"] = np.zeros(random.integers(1, 5000), "i1")
            columns = layout(file, n_rows)
        names = list(random.permutation(list(columns))[:random.integers(1, len(columns) + 1)])
        self.names, self.values = names, [columns[name] for name in names]

    def draw(self, shape):
        kind = self.random.choice(TYPES)
        if kind[1] == "f":
            return self.random.normal(size=shape).astype(kind)
        limits = np.iinfo(kind)
        return self.random.integers(max(limits.min, -2 ** 53), min(limits.max, 2 ** 53), shape).astype(kind)

    def storage(self, *shape):
        """Contiguous, or in chunks, perhaps compressed."""
        if self.random.random() < 0.5:
            return {}
        chunks = tuple(int(self.random.integers(1 + n // 9, n + 1)) for n in shape)
        return {"chunks": chunks} | self.random.choice(
            [{}, {"compression": "gzip"}, {"shuffle": True}, {"fletcher32": True}])

    @staticmethod
    def stored(file, name):
        """The values, by a plain read where they lie together in the file."""
        data = file[name]
        offset = data.id.get_offset()
        if offset is None:
            return data[()]
        file.flush()
        return np.fromfile(file.filename, data.dtype, data.size, offset=offset).reshape(data.shape)

    def write_array(self, file, n_rows):
        values = self.draw((n_rows, self.random.integers(1, 30)))
        file.create_dataset("t", data=values, **self.storage(*values.shape))
        return {str(j): column for j, column in enumerate(self.stored(file, "t").T)}

    def write_columns(self, file, n_rows):
        names = [f"x{j}" for j in range(self.random.integers(1, 12))]
        for name in names:
            file.create_dataset(f"t/{name}", data=self.draw(n_rows), **self.storage(n_rows))
        return {name: self.stored(file, f"t/{name}") for name in names}

    def write_compound(self, file, n_rows):
        columns = {f"x{j}": self.draw(n_rows) for j in range(self.random.integers(1, 12))}
        table = np.zeros(n_rows, [("name", "S5")] + [(name, c.dtype) for name, c in columns.items()])
        for name, column in columns.items():
            table[name] = column
        file.create_dataset("t", data=table, **self.storage(n_rows))
        stored = self.stored(file, "t")
        return {name: stored[name] for name in columns}


class ReadTest(ProgramTest):

    def test_random_reads(self):
        reads = [Read(number) for number in range(N_READS)]
        done = run_many([(["fit", read.path, "-d", "/t", "-c", ",".join(read.names), "-k", 1, "-o",
                           f"{read.path}.out", "--max-iterations", 1, "--threads", 1 + i % 2],
                          read.ranks) for i, read in enumerate(reads)])
        for read, finished in zip(reads, done):
            with self.subTest(read=finished.arguments, ranks=read.ranks):
                self.assertEqual(finished.code, 0, finished)
                provenance = Result(f"{read.path}.out").attributes["provenance"]
                self.assertIn("MPI-IO", provenance["reading"])
                self.assertEqual(provenance["features_checksum"], hash_of(read.values))

    def test_hints(self):
        """MPI-IO gets them, and no bit changes. ROMIO prints those it works by, one after the other."""
        write_array("in.h5", blobs(1000, 3), chunks=(100, 3))
        plain = run("fit", "in.h5", "-k", 3, "-o", "plain.h5", "--threads", 1)
        hinted = run_alone("fit", "in.h5", "-k", 3, "-o", "hinted.h5", "--threads", 1, "--mpi-info",
                           "romio_ds_read=disable", "--mpi-info", "ind_rd_buffer_size=65536", ranks=2,
                           OMPI_MCA_io="romio321", ROMIO_PRINT_HINTS="1")
        self.assertEqual((plain.code, hinted.code), (0, 0), hinted)
        self.assertEqual(*[Result(path).checksum
                           for path in ("hinted.h5", "plain.h5")])
        self.assertRegex(hinted.out, "key = romio_ds_read +value = disable")
        self.assertRegex(hinted.out, "key = ind_rd_buffer_size +value = 65536")


if __name__ == "__main__":
    unittest.main()
