"""The Python module on ranks of mpi4py: one answer, and no rank that waits for another in vain."""
import re
import sys
import unittest

sys.dont_write_bytecode = True

import numpy as np
from launcher import is_open_mpi, on_ranks
from module import ModuleTest
from program import write_array

try:
    import mpi4py  # noqa: F401, starts no MPI
except ImportError:
    mpi4py = None

BEGIN = """
import numpy as np, os, signal, sys, skymeans
from mpi4py import MPI
comm = MPI.COMM_WORLD
rank, size = comm.rank, comm.size
rows = np.load("rows.npy")
weights = np.arange(len(rows)) % 3 + 0.5
mine = slice(len(rows) * rank // size, len(rows) * (rank + 1) // size)

def tell(*words):
    told = comm.gather(words)
    for each in told if rank == 0 else []:
        print(*each, file=out)

out = sys.stdout
"""


@unittest.skipIf(mpi4py is None, "mpi4py is not installed")
@unittest.skipUnless(is_open_mpi(), "mpi4py is for Open MPI")
class Ranks(ModuleTest):

    def on_ranks(self, n, script):
        """What ranks tell, line by line."""
        code, out, err = self.python("-c", BEGIN + script, start=on_ranks(n))
        self.assertEqual(code, 0, out + err)
        return out.splitlines()

    def setUp(self):
        super().setUp()
        self.rows = np.random.default_rng(3).normal(size=(3001, 4))
        self.rows[::50] = np.nan
        np.save("rows.npy", self.rows)

    def test_one_answer(self):
        """The program's checksum, on 1 and 3 ranks, of which the last has few rows; and each rank's
        labels and scores."""
        for j, column in enumerate(self.rows.T):
            write_array("rows.h5", column, f"t/c{j}")
        write_array("rows.h5", np.arange(3001) % 3 + 0.5, "t/w")
        _, right = self.fit("rows.h5", 7, "-c", "c0,c1,c2,c3", "--weights", "w", "--scale", "standard")
        for n in (1, 3):
            said = self.on_ranks(n, """
mine = slice(mine.start, mine.stop if rank < size - 2 else 3000 if rank == size - 2 else 3001)
mine = slice(3000 if size > 1 and rank == size - 1 else mine.start, mine.stop)
k = skymeans.KMeans(7, scale="standard", missing="drop", comm=comm)
k.fit(rows[mine], sample_weight=weights[mine])
labels = np.concatenate(comm.allgather(k.labels_))
assert (k.predict(rows[mine]) == k.labels_).all()
score = k.score(rows[mine], sample_weight=weights[mine])
assert abs(score / -k.inertia_ - 1) < 1e-12
if rank == 0: labels.tofile("labels")
tell(k.checksum_, k.n_iter_)
""")
            self.assertEqual(said, [f"{right.checksum} {right.n_iterations}"] * n)
            np.testing.assert_array_equal(np.fromfile("labels", np.int32), right.labels)

    def test_functions_and_seeds(self):
        """First centers and seeds of the first rank count."""
        said = self.on_ranks(3, """
rows = rows[~np.isnan(rows[:, 0])]
mine = slice(len(rows) * rank // size, len(rows) * (rank + 1) // size)
first = lambda X, k, random_state: X[random_state.choice(len(X), k)]
np.random.seed(rank)
for init in (first, "k-means++"):
    k = skymeans.KMeans(5, init=init, n_init=2, random_state=None, comm=comm).fit(rows[mine])
    tell(comm.bcast(k.checksum_) == k.checksum_)
""")
        self.assertEqual(said, ["True"] * 6)

    def test_failures(self):
        """What one rank alone can't take is an exception on all; then all go on."""
        said = self.on_ranks(3, """
bad = {"rows": rows if rank != 1 else rows[0], "features": rows[:, : 4 - (rank == 2)],
       "weights": rows}
for name, given in bad.items():
    some = -weights if name == "weights" and rank == 1 else weights
    try: skymeans.KMeans(5, missing="drop", comm=comm).fit(given, sample_weight=some[: len(given)])
    except ValueError as error: tell(name, error)
try: skymeans.KMeans(5, n_threads=rank, comm=comm).fit(rows)
except ValueError as error: tell(error)
tell(len(skymeans.KMeans(5, missing="drop", comm=comm).fit(rows[: 100 * rank]).labels_))
""")
        text = "\n".join(said)
        self.assertEqual(text.count("rows Expected 2D array"), 3, text)
        self.assertEqual(len(re.findall("^features .*features", text, re.MULTILINE)), 3, text)
        self.assertEqual(len(re.findall("^weights bad weight .*-0.5", text, re.MULTILINE)), 3, text)
        self.assertEqual(len(re.findall("^bad n_threads .0.", text, re.MULTILINE)), 3, text)
        self.assertEqual(said[-3:], ["0", "100", "200"])

    def test_different(self):
        """What ranks give differently, and exceptions that can't be made of a text, end the fit of all; so
        no rank waits for another. A message says of which rank."""
        said = self.on_ranks(3, """
import pandas
rows = rows[~np.isnan(rows[:, 0])]
odd = rank == 2
class Odd(Exception):
    def __init__(self, a, b): super().__init__(a, b)
def fails(X, k, random_state):
    if odd: raise Odd(1, 2)
    return X[:k]
class Text:
    def __array__(self, *_): b"\\xff".decode()
group = comm.Split(rank == 0)
between = group.Create_intercomm(0, comm, 1 if rank == 0 else 0)
cases = {"init": ({"init": rows[:5] if odd else "random"}, rows), "function": ({"init": fails}, rows),
         "n_init": ({"init": lambda X, k, random_state: X[:k], "n_init": 1 + odd}, rows),
         "k": ({"n_clusters": 5 + odd, "init": rows[: 5 + odd]}, rows), "text": ({}, Text() if odd else rows),
         "names": ({}, pandas.DataFrame(rows, columns=list("abdc" if odd else "abcd"))),
         "comm": ({"comm": between}, rows)}
for name, (parameters, given) in cases.items():
    try: skymeans.KMeans(**{"n_clusters": 5, "comm": comm, **parameters}).fit(given)
    except Exception as error: tell(name, error, type(error).__name__)
""")
        ends = (["init arguments differ between ranks: .*init is a name.* ValueError"] * 3
                + [r"function \(1, 2\) \[rank 2 of 3\] Exception"] * 2 + [r"function \(1, 2\) Odd"]
                + [f"{name} arguments differ between ranks: .* ValueError" for name in ("n_init", "k")
                   for _ in range(3)]
                + [r"text .* \[rank 2 of 3\] ValueError"] * 2 + ["text .*byte UnicodeDecodeError"]
                + ["names arguments differ between ranks: the names of features.* ValueError"] * 3
                + ["comm comm must be an intracommunicator .* TypeError"] * 3)
        for end, line in zip(ends, said, strict=True):
            self.assertRegex(line, f"^{end}$")

    def test_scores(self):
        """A rank may have no rows, and what one rank can't take is an exception on all."""
        said = self.on_ranks(3, """
rows = rows[~np.isnan(rows[:, 0])]
k = skymeans.KMeans(5, comm=comm).fit(rows[100 * rank : 200 * rank])
score = k.score(rows[100 * rank : 200 * rank])
tell(abs(score / -k.inertia_ - 1) < 1e-12)
assert (k.predict(rows[: 9 * rank]).shape, k.transform(rows[: 9 * rank]).shape) == ((9 * rank,), (9 * rank, 5))
bad = {"features": lambda: k.score(rows[:, : 4 - (rank == 2)]),
       "missing": lambda: k.score(np.where(rank == 1, np.nan, rows)),
       "threads": lambda: k.set_params(n_threads=rank).score(rows)}
for name, score in bad.items():
    try: score()
    except ValueError as error: tell(name)
try: skymeans.KMeans(5).fit(rows).score(rows[:0])
except ValueError as error: tell(error)
""")
        self.assertEqual(said[:12], ["True"] * 3 + ["features"] * 3 + ["missing"] * 3 + ["threads"] * 3)
        self.assertTrue(all("0 sample(s)" in line for line in said[12:]), said)
        self.assertEqual(len(said), 15)

    def test_interrupt(self):
        """Ctrl-C on one rank ends the fit of all."""
        said = self.on_ranks(2, """
class Loud:
    def write(self, text):
        if "Iteration 1," in text: os.kill(os.getpid(), signal.SIGINT)
    def flush(self): pass
sys.stdout = Loud()
rows = np.random.default_rng(rank).normal(size=(10000, 20))
try: skymeans.KMeans(500, tol=0, max_iter=100000, verbose=1, init="random", n_init=1, comm=comm).fit(rows)
except KeyboardInterrupt as error: tell(rank, error)
""")
        self.assertEqual(said, ["0 ", "1 another rank was interrupted"])


if __name__ == "__main__":
    unittest.main()
