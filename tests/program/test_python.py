"""The Python module: the answers of the program, from rows in any form, and how it behaves."""
import contextlib
import ctypes
import os
import pickle
import re
import signal
import subprocess
import sys
import time
import unittest
import warnings

sys.dont_write_bytecode = True

import h5py
import numpy as np
import pandas
from astropy import units
from astropy.table import MaskedColumn, QTable, Table
from launcher import MPICC
from module import MODULE, ROOT, ModuleTest, skymeans
from program import write_array, write_columns

KINDS = ("code", "text", "size")  # set by macros, or of no default
MACROS = {"Problem": "SKYMEANS_PROBLEM(0)", "Rows": "SKYMEANS_ROWS", "Manner": "SKYMEANS_MANNER",
          "Control": "SKYMEANS_CONTROL", "Model": "SKYMEANS_MODEL", "Summary": "SKYMEANS_SUMMARY",
          "Error": "{0}", "Event": "{0}", "Iteration": "{0}"}


def clouds(n, d=3, dtype=np.float64, seed=5):
    """Rows round 9 points, some twice, one far away; a feature of scale 1000."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(9, d))[random.integers(0, 9, n)] * 5 + random.normal(size=(n, d))
    rows[:, 0] *= 1000
    rows[n // 2] = 1e6
    rows[: n // 10] = rows[n // 10 : 2 * (n // 10)]
    return rows.astype(dtype)


class Header(ModuleTest):

    def test_structs(self):
        """Sizes, offsets and defaults are those of include/skymeans.h, as the compiler has them."""
        lines, expected = [], []
        for name, macro in MACROS.items():
            struct = getattr(skymeans.library, name)
            kind = f"skymeans_{name.lower()}"
            lines.append(f"{kind} {name} = {macro}; print_size(sizeof {name});")
            expected.append(str(ctypes.sizeof(struct)))
            for field, *_ in struct._fields_:
                place = f"offsetof({kind}, {field})"
                lines.append(f"print_field({place}, sizeof {name}.{field}, &{name}.{field});")
                expected.append(self.describe(struct(), field))
        with open("structs.c", "w", encoding="utf-8") as file:
            file.write("#include <skymeans.h>\n#include <stddef.h>\n#include <stdio.h>\n"
                       "static void print_size(size_t size) { printf(\"%zu\\n\", size); }\n"
                       "static void print_field(size_t offset, size_t size, const void *at) {\n"
                       "    printf(\"%zu %zu \", offset, size);\n"
                       "    for (size_t i = 0; i < size && i < 8; i++)\n"
                       "        printf(\"%02x\", ((const unsigned char *)at)[i]);\n"
                       "    printf(\"\\n\"); }\n"
                       f"int main(void) {{ {' '.join(lines)} return 0; }}\n")
        subprocess.run([*MPICC, f"-I{ROOT}/include", "structs.c", "-o", "structs"], check=True)
        said = subprocess.run(["./structs"], capture_output=True, text=True, check=True).stdout
        for ours, theirs, line in zip(expected, said.splitlines(), lines, strict=True):
            # Where texts are, is no matter.
            is_text = ours.endswith("text")
            self.assertEqual(ours.split()[:2], theirs.split()[:2], line)
            self.assertEqual("text" if is_text else ours.split()[-1], "text" if is_text
                             else theirs.split()[-1], line)

    @staticmethod
    def describe(struct, field):
        """Offset, size, and the first bytes of the default."""
        place = getattr(type(struct), field)
        if dict(type(struct)._fields_)[field] is ctypes.c_char_p and getattr(struct, field):
            return f"{place.offset} {place.size} text"
        content = bytes(struct)[place.offset :][: min(place.size, 8)]
        return f"{place.offset} {place.size} {content.hex()}"

    def test_version(self):
        with open(f"{ROOT}/src/base/version.h", encoding="utf-8") as file:
            version = re.search(r'KM_VERSION "(.*)"', file.read()).group(1)
        with open(f"{MODULE}/pyproject.toml", encoding="utf-8") as file:
            self.assertIn(f'version = "{version}"\n', file.read())
        self.assertEqual(skymeans.__version__, version)
        self.assertTrue(skymeans.library.SONAME.endswith(f".so.{version.partition('.')[0]}"))


class SameAnswer(ModuleTest):

    def compare(self, rows, k, options=(), weights=None, **parameters):
        """The fit of the module against that of the program: bits of all they give."""
        if os.path.exists("rows.h5"):
            os.unlink("rows.h5")
        write_array("rows.h5", rows, "rows")
        if weights is not None:
            os.unlink("rows.h5")
            for j, column in enumerate(rows.T):
                write_array("rows.h5", column, f"t/c{j}")
            write_array("rows.h5", weights, "t/w")
            options = [*options, "--weights", "w", "-c", ",".join(f"c{j}" for j in range(rows.shape[1]))]
        _, right = self.fit("rows.h5", k, *options)
        found = skymeans.KMeans(k, **parameters).fit(rows, sample_weight=weights)
        self.assertEqual(found.checksum_, right.checksum)
        np.testing.assert_array_equal(found.labels_, right.labels)
        for name in ("inertia", "shift", "relabeled"):
            np.testing.assert_array_equal(found.history_[name], right.data[f"history/{name}"])
        return found

    def test_program(self):
        for dtype in (np.float32, np.float64, np.int16, np.int64):
            with self.subTest(dtype=dtype):
                self.compare((clouds(3000) / 100).astype(dtype), 7)

    def test_settings(self):
        rows = clouds(3000)
        rows[5:3000:100, 1] = [np.nan, np.inf] * 15
        self.compare(rows, 11, ["--scale", "standard", "--restarts", "3", "--random-seed", "77"],
                     scale="standard", n_init=3, random_state=77, missing="drop")
        rows = clouds(3000, dtype=np.float32)
        weights = np.arange(3000) % 7 / 4
        self.compare(rows, 11, ["--scale", "minmax", "--tolerance", "0", "--seeding", "random"],
                     weights, scale="minmax", tol=0, init="random", n_init=1, algorithm="elkan")
        self.compare(rows, 11, ["--seeding", "kmeans-parallel", "--max-iterations", "3"],
                     init="k-means||", max_iter=3, n_threads=2, algorithm="neighbours")
        self.compare(rows, 5, ["--seeding-rows", "100"], seeding_rows=100)
        self.compare(rows, 5, ["--seeding-rows", "all", "--seeding", "refined"], seeding_rows="all",
                     init="refined")

    def test_forms(self):
        """Rows in any form have one answer."""
        class Polars:
            """A table of a kind of its own."""
            columns, shape = ["a", "b", "c"], (2000, 3)

            def to_numpy(self):
                return rows

            def __array__(self, *_):
                return rows

        rows = clouds(2000)
        wide = np.zeros((4000, 6))
        wide[::2, ::2] = rows
        mixed = pandas.DataFrame(rows, columns=["a", "b", "c"])
        mixed.insert(1, "name", "x")
        structured = np.zeros(2000, dtype=[("a", "f8"), ("n", "i1"), ("b", ">f8"), ("c", "f8")])
        for j, name in enumerate("abc"):
            structured[name] = rows[:, j]
        table = QTable(dict(zip("abc", rows.T)))
        table["a"].unit = units.m
        forms = {"Fortran": np.asfortranarray(rows), "strides": wide[::2, ::2],
                 "backwards": rows[::-1].copy()[::-1], "big-endian": rows.astype(">f8"),
                 "list": rows.tolist(), "memoryview": memoryview(rows), "DataFrame": pandas.DataFrame(rows),
                 "columns of a DataFrame": mixed[["a", "b", "c"]],
                 "nullable": pandas.DataFrame(rows).astype("Float64"),
                 "columns": pandas.DataFrame({"a": wide[::2, 0], "b": rows[:, 1].copy(), "c": rows[:, 2]}),
                 "Table": Table(rows), "QTable": table, "polars": Polars(), "structured": structured[["a", "b", "c"]],
                 "read-only": np.frombuffer(rows.tobytes()).reshape(rows.shape)}
        right = skymeans.KMeans(6).fit(rows).checksum_
        for name, form in forms.items():
            with self.subTest(form=name):
                self.assertEqual(skymeans.KMeans(6).fit(form).checksum_, right)
                self.assertEqual(rows.tobytes(), clouds(2000).tobytes())

    def test_missing(self):
        """What is masked or NA is missing, in each of its forms."""
        rows = clouds(500)
        holes = rows.copy()
        holes[7, 1] = holes[90, 2] = np.nan
        right = skymeans.KMeans(4, missing="drop").fit(holes)
        self.assertEqual(np.flatnonzero(right.labels_ < 0).tolist(), [7, 90])
        masked = np.ma.array(rows, mask=np.isnan(holes))
        nullable = pandas.DataFrame(rows).astype("Float64")
        nullable.iloc[7, 1] = nullable.iloc[90, 2] = pandas.NA
        table = Table([MaskedColumn(masked[:, j]) for j in range(3)])
        quantities = QTable(table, units={"col1": "m"}, masked=True)
        for form in (masked, nullable, table, quantities):
            with self.subTest(form=type(form)):
                found = skymeans.KMeans(4, missing="drop").fit(form)
                self.assertEqual(found.checksum_, right.checksum_)
                np.testing.assert_array_equal(found.predict(form), right.labels_)
        self.assertTrue(np.isnan(right.transform(holes)[[7, 90]]).all())
        self.assertAlmostEqual(right.score(holes) / -right.inertia_, 1, places=12)
        for call in (skymeans.KMeans(4).fit, skymeans.KMeans(4).fit(rows).predict,
                     skymeans.KMeans(4).fit(rows).transform, skymeans.KMeans(4).fit(rows).score):
            self.assertRaisesRegex(ValueError, "NaN", call, holes)

    def test_long_rows(self):
        """Which are copied in tiles where their size is a multiple of a kB; rows of a piece are missing."""
        for d, dtype in ((256, "f4"), (128, "f8"), (300, "f4")):
            rows = np.random.default_rng(d).normal(size=(1100, d)).astype(dtype)
            rows[[70, 800, 1099], [0, 90, d - 1]] = np.nan
            used = np.delete(rows, [70, 800, 1099], axis=0).astype("f8")
            found = skymeans.KMeans(1, missing="drop").fit(rows)
            self.assertEqual(np.flatnonzero(found.labels_ < 0).tolist(), [70, 800, 1099])
            np.testing.assert_allclose(found.cluster_centers_[0], used.mean(0), rtol=1e-5, atol=1e-8)
            self.assertAlmostEqual(found.inertia_ / (used.var(0).sum() * len(used)), 1, places=5)
            by_columns = skymeans.KMeans(1, missing="drop").fit(np.asfortranarray(rows))
            self.assertEqual(found.checksum_, by_columns.checksum_)

    def test_no_numbers(self):
        """NaT, None and NA among objects are missing; what else is no number is said with its column."""
        kept = [1.0, 2.0, 7.0, 9.0]
        right = skymeans.KMeans(2).fit(np.transpose([kept])).labels_
        days = np.array(kept).astype("M8[D]")
        for column in (np.insert(days, 1, "NaT"), np.insert(days - days[0], 1, "NaT"),
                       pandas.to_datetime(np.insert(days, 1, "NaT"), utc=True), [1, None, 2, 7, 9],
                       pandas.Series([1, pandas.NA, 2, 7, 9], dtype=object)):
            for form in (pandas.DataFrame({"t": column}), Table({"t": column}, copy=False),
                         np.transpose([column])):
                if isinstance(form, pandas.DataFrame) or isinstance(column, np.ndarray):
                    found = skymeans.KMeans(2, missing="drop").fit(form).labels_
                    self.assertEqual(found.tolist(), [right[0], -1, *right[1:]])
        for column in (["a", "b"], [1j, 2], [[1], [2, 3]]):
            self.assertRaisesRegex((ValueError, TypeError), "^column 'bad': ", skymeans.KMeans(1).fit,
                                   pandas.DataFrame({"good": [1, 2], "bad": column}))

    def test_precision(self):
        """Float32 for small integers and booleans, as in the program, whether some are missing or not."""
        for name, precision in (("int8", "f4"), ("UInt16", "f4"), ("int16", "f4"), ("bool", "f4"),
                                ("int32", "f8"), ("float16", "f4"), (">f4", "f4"), ("longdouble", "f8")):
            rows = np.arange(12).reshape(6, 2).astype(name.lower())
            forms = [rows, np.ma.array(rows, mask=rows == 1)]
            if "float" not in name and "f4" not in name and "double" not in name:
                kind = {"bool": "boolean"}.get(name, name.replace("int", "Int"))
                forms += [pandas.DataFrame(rows).astype(kind),
                          pandas.DataFrame(rows).astype(kind).mask(rows == 1)]
            for form in forms:
                with self.subTest(name=name, form=type(form)):
                    self.assertEqual(skymeans.rows.Rows(form).dtype, np.dtype(precision))

    def test_weights(self):
        """In all forms; what is masked, NA or no real number is refused."""
        rows, weights = clouds(200), np.arange(200.0)
        right = skymeans.KMeans(4).fit(rows, sample_weight=weights)
        nullable = pandas.Series(weights, dtype="Float64")
        masked = np.ma.array(weights, mask=weights == 7)
        for form in (weights.tolist(), nullable, weights * units.kg, masked.data, np.ma.array(weights),
                     weights.astype(">i2"), MaskedColumn(weights)):
            found = skymeans.KMeans(4).fit(rows, sample_weight=form)
            self.assertEqual(found.checksum_, right.checksum_)
        for form in (nullable.mask(weights == 7), masked, MaskedColumn(masked)):
            self.assertRaisesRegex(ValueError, "^bad weight .row 7.: it is nan", skymeans.KMeans(4).fit, rows,
                                   sample_weight=form)
        self.assertRaisesRegex(ValueError, "Complex", right.score, rows, sample_weight=weights * 1j)

    def test_in_place(self):
        """No copy beside the library's."""
        rows = clouds(100, dtype=np.float32)
        frame = pandas.DataFrame(dict(zip("abc", rows.T.copy())))
        frame["n"] = 1
        structured = np.zeros(100, dtype=[("a", "f4"), ("b", "f4"), ("n", "i8")])
        table = Table([rows[:, 0], rows[:, 1]], copy=False)
        for form, memory in ((rows, rows), (rows[::-2, 1:], rows), (table, rows),
                             (structured[["a", "b"]], structured), (frame[["a", "b"]], None)):
            found = skymeans.rows.Rows(form)
            self.assertEqual(found.dtype, np.float32)
            for j in range(2):
                memory_of_column = form[form.columns[j]].to_numpy() if memory is None else memory
                self.assertTrue(np.shares_memory(found.column(j), memory_of_column))


class Estimator(ModuleTest):

    def test_other_rows(self):
        """predict and score agree with the fit; transform with both."""
        for dtype in (np.float32, np.float64):
            for scale in ("none", "standard", "minmax"):
                with self.subTest(dtype=dtype, scale=scale):
                    rows = clouds(2000, dtype=dtype)
                    weights = np.arange(2000.0) % 5
                    k = skymeans.KMeans(6, scale=scale).fit(rows, sample_weight=weights)
                    self.assertEqual(k.cluster_centers_.dtype, dtype)
                    np.testing.assert_array_equal(k.predict(rows), k.labels_)
                    np.testing.assert_array_equal(k.predict(rows.astype(np.float64)), k.labels_)
                    np.testing.assert_allclose(k.score(rows, sample_weight=weights), -k.inertia_,
                                               rtol=1e-5)
                    distances = k.transform(rows)
                    self.assertEqual((distances.dtype, distances.shape), (dtype, (2000, 6)))
                    np.testing.assert_array_equal(distances.argmin(1), k.labels_)
                    np.testing.assert_allclose((distances.min(1) ** 2 * weights).sum(), k.inertia_,
                                               rtol=1e-5)

    def test_huge_and_tiny(self):
        """Squares of these numbers are no numbers."""
        for factor in (1e200, 1e-200):
            rows = clouds(500) * factor
            k = skymeans.KMeans(5).fit(rows)
            np.testing.assert_array_equal(k.transform(rows).argmin(1), k.labels_)
            np.testing.assert_array_equal(k.predict(rows), k.labels_)

    def test_scale_of_numbers(self):
        """A power of two changes nothing, also where squares are no doubles; nor do rows far from all
        others miss a value."""
        rows = np.random.default_rng(1).normal(size=(2000, 3))
        right = skymeans.KMeans(5).fit(rows)
        self.assertGreater(right.n_iter_, 9)
        for exponent in (-1000, -600, 600, 1000):
            k = skymeans.KMeans(5).fit(np.ldexp(rows, exponent))
            self.assertEqual((k.n_iter_, k.stop_reason_), (right.n_iter_, right.stop_reason_))
            np.testing.assert_array_equal(k.labels_, right.labels_)
            np.testing.assert_array_equal(k.cluster_centers_, np.ldexp(right.cluster_centers_, exponent))
        with np.errstate(over="ignore"):
            self.assertEqual(right.transform([[1e300] * 3]).tolist(), [[np.inf] * 5])

    def test_copies(self):
        """What is pickled and copied predicts alike; centers that were put there are used."""
        rows = clouds(1000)
        k = skymeans.KMeans(5, scale="standard").fit(pandas.DataFrame(rows, columns=["a", "b", "c"]))
        again = pickle.loads(pickle.dumps(k))
        self.assertEqual(repr(again), "KMeans(n_clusters=5, scale='standard')")
        frame = pandas.DataFrame(rows, columns=["a", "b", "c"])
        np.testing.assert_array_equal(again.predict(frame), k.labels_)
        self.assertEqual(again.feature_names_in_.tolist(), ["a", "b", "c"])
        self.assertRaisesRegex(ValueError, "same order", k.predict, frame[["b", "a", "c"]])
        self.assertRaisesRegex(ValueError, "names unseen at fit time:\n- z\n", k.predict,
                               frame.rename(columns={"a": "z"}))
        again.cluster_centers_ = k.cluster_centers_[::-1]
        np.testing.assert_array_equal(again.predict(frame), 4 - k.labels_)
        np.testing.assert_array_equal(again.transform(frame), k.transform(frame)[:, ::-1])

    def test_first_centers(self):
        """Given, or chosen by a function for each fit, of which the best is kept."""
        rows, called = clouds(1000), []

        def choose(X, k, random_state):
            self.assertIs(X, rows)
            called.append(X[random_state.choice(len(X), k, replace=False)])
            return called[-1]

        best = skymeans.KMeans(6, init=choose, n_init=4).fit(rows)
        fits = [skymeans.KMeans(6, init=centers).fit(rows) for centers in called]
        self.assertEqual(len(fits), 4)
        self.assertEqual(best.inertia_, min(fit.inertia_ for fit in fits))
        self.assertIn(best.checksum_, [fit.checksum_ for fit in fits])
        with self.assertWarnsRegex(RuntimeWarning, "performing only one init"):
            skymeans.KMeans(6, init=called[0], n_init=3).fit(rows)

    def test_seeds(self):
        rows = clouds(1000)

        def checksum(state):
            return skymeans.KMeans(6, random_state=state, max_iter=1).fit(rows).checksum_

        self.assertNotEqual(checksum(1), checksum(2 ** 64 - 1))
        self.assertEqual(checksum(np.random.RandomState(4)), checksum(np.random.RandomState(4)))
        self.assertNotEqual(checksum(np.random.default_rng(4)), checksum(np.random.default_rng(5)))
        np.random.seed(1)
        first = checksum(None)
        self.assertNotEqual(first, checksum(None))
        np.random.seed(1)
        self.assertEqual(first, checksum(None))

    def test_refusals(self):
        rows = clouds(50)
        cases = {"n_clusters": ({"n_clusters": 0}, {"n_clusters": 2.5}, {"n_clusters": True + 50}),
                 "init k-menas": ({"init": "k-menas"},), "algorithm": ({"algorithm": "fast"},),
                 "tol -1": ({"tol": -1},), "tol": ({"tol": "no"},), "max_iter": ({"max_iter": 0},),
                 "scale": ({"scale": "log"},), "missing": ({"missing": "skip"},),
                 "n_threads": ({"n_threads": 0}, {"n_threads": 10 ** 6}), "n_init": ({"n_init": 0}, {"n_init": "many"}),
                 "random_state": ({"random_state": -1}, {"random_state": 2 ** 64},
                                  {"random_state": "x"}),
                 "seeding_rows": ({"seeding_rows": -1}, {"seeding_rows": 3}),
                 "initial centers": ({"init": rows[:3]}, {"init": rows[:8, :2]})}
        for word, several in cases.items():
            for parameters in several:
                with self.subTest(**parameters):
                    self.assertRaisesRegex(ValueError, word, skymeans.KMeans(**parameters).fit, rows)
        for given, word in ((rows[:, :, None], "Expected 2D"), (rows[0], "Reshape"),
                            (rows + 1j, "Complex"), (rows[:0], "0 sample"), (rows[:, :0], "0 feature"),
                            ([["a", "b"]] * 9, "could not convert"),
                            (Table({"x": rows}), "column 'x' has 2 dimensions")):
            self.assertRaisesRegex(ValueError, word, skymeans.KMeans(2).fit, given)
        for weights in (np.ones(49), -np.ones(50), np.full(50, np.nan), np.zeros(50)):
            self.assertRaises(ValueError, skymeans.KMeans(2).fit, rows, sample_weight=weights)
        self.assertRaises(TypeError, skymeans.KMeans(comm="world").fit, rows)
        by_hand = skymeans.KMeans(2)
        by_hand.cluster_centers_ = rows[:2]
        self.assertRaisesRegex(ValueError, "not fitted yet", by_hand.predict, rows)

    def test_output(self):
        """A DataFrame if it is asked for, with the index of the rows."""
        rows = pandas.DataFrame(clouds(100), index=range(7, 107))
        k = skymeans.KMeans(2).fit(rows)
        distances = k.transform(rows)
        frame = k.set_output(transform="pandas").fit_transform(rows)
        self.assertEqual((list(frame.columns), list(frame.index)), (["kmeans0", "kmeans1"], list(rows.index)))
        np.testing.assert_array_equal(frame, distances)
        np.testing.assert_array_equal(k.set_output().transform(rows.to_numpy()), distances)
        self.assertIsInstance(k.set_output(transform="default").transform(rows), np.ndarray)
        self.assertRaisesRegex(ValueError, "got lists", k.set_output(transform="lists").transform, rows)

    def test_fork(self):
        """A process that was forked fits, too, after a fit with several threads, and fits of its own."""
        script = """
import os, signal, numpy as np, skymeans
rows = np.random.default_rng(0).normal(size=(3000, 3))
def tell(n):
    k = skymeans.KMeans(5, n_threads=n).fit(rows)
    print(k.checksum_, k.score(rows), (k.predict(rows) == k.labels_).all(), flush=True)
def fork(n, then=lambda: None):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        tell(n)
        then()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
fork(3, lambda: fork(2))
tell(None)
fork(None)
fork(3, lambda: fork(1))
"""
        code, out, err = self.python("-c", script, OMP_NUM_THREADS="2")
        self.assertEqual(code, 0, err)
        self.assertEqual(len(out.splitlines()), 6)
        self.assertEqual(len(set(out.splitlines())), 1, out)

    def test_threads_that_can_not_be_made(self):
        """Those asked for are an error, where OpenMP would end the process; by default there are fewer."""
        script = """
import numpy as np, skymeans
rows = np.random.default_rng(0).normal(size=(3000, 3))
k = skymeans.KMeans(5).fit(rows)
print(k.checksum_, k.score(rows))
try: skymeans.KMeans(5, n_threads=3).fit(rows)
except MemoryError as error: print(error)
"""
        right = skymeans.KMeans(5).fit(np.random.default_rng(0).normal(size=(3000, 3)))
        code, out, err = self.python("-c", script, OMP_NUM_THREADS="4", OMP_STACKSIZE="100000G")
        self.assertEqual(code, 0, err)
        self.assertRegex(out, rf"\A{right.checksum_} -\S+\ncan't make threads \(1 of 3\): ")

    def test_without_sklearn(self):
        script = """
import sys, numpy as np
sys.modules["sklearn"] = None
import skymeans
k = skymeans.KMeans(3, scale="standard")
try: k.predict([[1.0]])
except ValueError as error: print(error)
print(k.set_params(n_clusters=2), k.get_params()["tol"], k.fit(np.eye(4)).fit_transform(np.eye(4)).shape)
try: k.set_params(no=1)
except ValueError as error: print(error)
"""
        code, out, err = self.python("-c", script)
        self.assertEqual(code, 0, err)
        self.assertRegex(out, r"(?s)not fitted yet.*KMeans\(n_clusters=2, scale='standard'\) 0.0001 "
                              r"\(4, 2\)\nInvalid parameter 'no'")


class Interrupted(ModuleTest):

    FIT = """
import sys, numpy as np, signal, skymeans
signal.signal(signal.SIGINT, signal.default_int_handler)  # if it was ignored
rows = np.random.default_rng(0).normal(size=(20000, 20))
class Loud:
    def __init__(self): self.is_told = False
    def write(self, text):
        if "Iteration 1," in text and not self.is_told:
            self.is_told = True
            print("begun", file=sys.stderr, flush=True)
    def flush(self): pass
sys.stdout = Loud()
"""

    def interrupt(self, script):
        """The exit code and stderr of a script that gets Ctrl-C in its second iteration."""
        with subprocess.Popen([sys.executable, "-c", self.FIT + script], stderr=subprocess.PIPE,
                              text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}) as process:
            self.assertEqual(process.stderr.readline(), "begun\n")
            process.send_signal(signal.SIGINT)
            err = process.communicate(timeout=60)[1]
        return process.returncode, err

    def test_fit(self):
        """KeyboardInterrupt, long before the last of 100000 iterations, and all is as it was."""
        code, err = self.interrupt("""
fit = skymeans.KMeans(500, tol=0, max_iter=100000, verbose=1, init=rows[:500]).fit
try: fit(rows)
except KeyboardInterrupt:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    sys.exit(7)
""")
        self.assertEqual((code, err), (7, ""))

    def test_handler(self):
        """A handler of the caller's own is called, and the fit has stopped all the same."""
        code, err = self.interrupt("""
told = []
signal.signal(signal.SIGINT, lambda number, frame: told.append(number))
try: skymeans.KMeans(500, tol=0, max_iter=100000, verbose=1, init=rows[:500]).fit(rows)
except KeyboardInterrupt: sys.exit(len(told))
""")
        self.assertEqual((code, err), (1, ""))

    def test_observer_fails(self):
        """Its exception comes through, soon."""
        code, out, err = self.python("-c", self.FIT + """
class Full:
    def write(self, text): raise OSError("disk full")
    def flush(self): pass
sys.stdout = Full()
try: skymeans.KMeans(500, tol=0, max_iter=100000, verbose=1, init=rows[:500]).fit(rows)
except OSError as error: sys.exit(str(error))
""")
        self.assertEqual((code, err), (1, "disk full\n"))


class Files(ModuleTest):

    def test_fit_and_open(self):
        rows = clouds(2000)
        for j, name in enumerate("abc"):
            write_array("rows.h5", rows[:, j], f"t/{name}")
        write_array("rows.h5", np.arange(2000) + 5, "t/number")
        classes = skymeans.fit("rows.h5", 6, columns=["a", "c-b"], where="number < 1800", id="number",
                               scale="standard", distances=True, random_seed=3)
        features = np.column_stack([rows[:, 0], rows[:, 2] - rows[:, 1]])
        features[1795:] = np.nan  # as if rows that do not count had missing values
        right = skymeans.KMeans(6, scale="standard", random_state=3, missing="drop").fit(features)
        self.assertEqual(classes.attributes["checksum"], right.checksum_)
        self.assertEqual((classes.features, classes.units), (["a", "c-b"], ["", ""]))
        np.testing.assert_array_equal(classes.labels, right.labels_)
        np.testing.assert_array_equal(classes.sizes, np.bincount(right.labels_[:1795]))
        np.testing.assert_array_equal(classes.ids, np.arange(2000) + 5)
        # The row far away is its own center: its distance is rounding, of values of some 40 after scaling.
        np.testing.assert_allclose(classes.distances, right.transform(features).min(1), rtol=1e-12,
                                   atol=40 * np.finfo(float).eps)
        np.testing.assert_array_equal(classes.history["inertia"], right.history_["inertia"])
        np.testing.assert_array_equal(classes.estimator().predict(features), right.labels_)
        self.assertEqual(repr(classes), f"<Result {classes.path}: 6 clusters, 2 features, 2000 rows>")
        path = classes.path
        self.assertTrue(os.path.exists(path))
        del classes
        self.assertFalse(os.path.exists(path))
        with self.assertWarnsRegex(UserWarning, "the same file twice"):
            skymeans.fit(["rows.h5", "rows.h5"], 2, "kept.h5", columns="a",
                         missing_value=[1e6, "a:3"])
        self.assertEqual(skymeans.open("kept.h5").attributes["n_rows"], 4000)
        self.assertEqual(len(skymeans.open("kept.h5").labels), 4000)

    def test_precisions(self):
        """A fitted estimator from a file labels as the program does, in both precisions, with numbers
        of any size."""
        for dtype, factor in ((np.float32, 1e-30), (np.float64, 1e-310), (np.float32, 1e20)):
            with self.subTest(dtype=dtype, factor=factor):
                rows = (clouds(1000) * factor).astype(dtype)
                write_array(f"{factor}.h5", rows, "rows")
                classes = skymeans.fit(f"{factor}.h5", 7)
                np.testing.assert_array_equal(classes.estimator().predict(rows), classes.labels)

    def test_ties(self):
        """Of equally near centers a row has the one of the fit, also if its clusters got new numbers."""
        rows = np.array([[0.0, 0], [1, 0], [2, 0], [3, 0], [4, 0]])
        write_columns("lattice.h5", dict(zip("abw", [*rows.T, np.array([1.0, 0, 1, 0, 1])])))
        np.savetxt("first.txt", [[2, 0], [0, 0], [4, 0]])
        classes = skymeans.fit("lattice.h5", 3, columns="a,b", weights="w", seeding="first.txt",
                               order_by="a")
        self.assertEqual(classes.labels.tolist(), [0, 1, 1, 1, 2])
        self.assertEqual(classes.estimator().predict(rows).tolist(), [0, 1, 1, 1, 2])

    def test_prices(self):
        """Clusters of equal size are those of the program."""
        rows = clouds(2000)
        write_array("rows.h5", rows, "rows")
        classes = skymeans.fit("rows.h5", 6, scale="standard", balance="count")
        self.assertLess(np.ptp(classes.sizes), 20)
        k = classes.estimator()
        np.testing.assert_array_equal(k.predict(rows), classes.labels)
        self.assertTrue((k.transform(rows).argmin(1) != classes.labels).any())
        self.assertAlmostEqual(-k.score(rows) / classes.attributes["inertia"], 1, places=12)

    def test_several(self):
        """Of a list of values all count, with commas or one after the other as the program takes them."""
        rows = clouds(300)
        for name, column in zip("abc", rows.T):
            write_array("rows.h5", column, f"t/{name}")
        right = skymeans.fit("rows.h5", "2,3,5", columns="a,b", describe="b,c,a", factor=["a:2", "b:3"])
        for several in ([2, 3, 5], (2, 3, 5), np.array([2, 3, 5])):
            found = skymeans.fit("rows.h5", several, columns=np.array(["a", "b"]), overwrite=np.False_,
                                 describe=["b", "c", "a"], factor=np.array(["b:3", "a:2"]))
            self.assertEqual(found.attributes["checksum"], right.attributes["checksum"])
            with h5py.File(found.path) as file:
                self.assertEqual(file["choice/k"][:].tolist(), [2, 3, 5])
                self.assertEqual(file["templates/mean"].shape[1], 3)
        skymeans.fit("rows.h5", range(2, 4), "kept.h5", columns=("a",))
        with h5py.File("kept.h5") as file:
            self.assertEqual(file["choice/k"][:].tolist(), [2, 3])

    def test_launcher(self):
        """In one text, or as its words."""
        write_array("rows.h5", clouds(500), "rows")
        for launcher in ("env 'A B=1'", ("env", "A B=1")):
            self.assertEqual(skymeans.fit("rows.h5", 2, launcher=launcher).sizes.sum(), 500)

    def test_refusals(self):
        write_array("rows.h5", clouds(50), "rows")
        for kind, word, arguments, options in (
                (OSError, "absent.h5", ("absent.h5", 2), {}), (ValueError, "clusters", ("rows.h5", 99), {}),
                (ValueError, "no-such", ("rows.h5", 2), {"no_such": 1}),
                (ValueError, "rows.h5", ("rows.h5", 2, "rows.h5"), {}),
                (ValueError, "no result", ("rows.h5", 2), {"dry_run": True}),
                (ValueError, "not a result", None, {})):
            with self.subTest(word=word):
                call = skymeans.fit if arguments else skymeans.open
                with self.assertRaisesRegex(kind, word):
                    call(*(arguments or ("rows.h5",)), **options)
        self.assertRaises(OSError, skymeans.open, "absent.h5")
        with open("words.txt", "w", encoding="utf-8") as file:
            file.write("words")
        self.assertRaisesRegex(ValueError, "not a result .words.txt", skymeans.open, "words.txt")
        os.environ["SKYMEANS"], before = "/no/program", os.environ["SKYMEANS"]
        self.addCleanup(os.environ.update, SKYMEANS=before)
        self.assertRaisesRegex(OSError, "no program", skymeans.fit, "rows.h5", 2)

    def test_warnings(self):
        write_array("rows.h5", np.ones((50, 2)), "rows")
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            skymeans.fit("rows.h5", 2)
        self.assertRegex(str(said[0].message), "^a constant feature .rows.h5, column 0.: ")
        self.assertEqual(said[0].filename, __file__)

    def test_interrupt(self):
        """Ctrl-C ends the program, which keeps what it has; nothing goes on behind one's back."""
        write_array("rows.h5", np.random.default_rng(0).normal(size=(100000, 20)), "rows")
        script = ("import signal, skymeans\n"
                  "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # if it was ignored
                  "skymeans.fit('rows.h5', 3000, 'kept.h5', tolerance=0, metrics=None,"
                  "max_iterations=1000000, checkpoint='state')")
        with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True,
                              start_new_session=True) as process:
            end = time.monotonic() + 30
            while not os.path.exists("state.lock") and time.monotonic() < end:
                time.sleep(0.05)
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            err = process.communicate(timeout=60)[1]
        self.assertIn("KeyboardInterrupt", err)
        self.assertTrue(os.path.exists("state"), os.listdir())
        for number in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                here = os.readlink(f"/proc/{number}/cwd") == os.getcwd()
                self.assertEqual(here, int(number) == os.getpid())


if __name__ == "__main__":
    unittest.main()
