"""Whole-program tests of predict: on the fitted catalogue it gives the labels of the fit, bit for bit,
whatever the fit was told, and it refuses models that no fit has written.

Needs the Open MPI variables of the Makefile: `make check TEST=predict_program`.
"""
import json
import shutil
import sys
import unittest

sys.dont_write_bytecode = True

import h5py
import numpy as np

from program import (IS_SANITIZED, ProgramTest, Result, blobs, run, run_all, write_array,
                     write_columns)
from schema import check_schema

N_CASES = 24 if IS_SANITIZED else 96
NAMES = ["a", "b_v", "c", "d-e"]

# Powers of two that data are multiplied by, and what is added to them, by type.
UNITS = {
    "f8": [(0, 0), (-1030, 0), (-1060, 0), (1000, 0), (0, 1e15), (-20, 1e15), (300, -1e95)],
    "f4": [(0, 0), (-149, 0), (-130, 0), (110, 0), (0, 1e6)],
    "i8": [(8, 0), (40, 0), (8, 10 ** 15)],
    "i2": [(8, 0), (8, 1000)],
}
MISSING = {"f8": -99.0, "f4": -99.0, "i8": -99, "i2": -99}


class Case:
    """A catalogue and the options of a fit, drawn with a seed."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.seed, self.options, self.fill = seed, [], None
        self.n_rows = int(self.random.integers(40, 900))
        self.n_features = int(self.random.integers(1, 5))
        self.layout = self.draw("array", "columns", "columns")
        kinds = list(UNITS)
        kind = self.draw(*kinds, "mixed" if self.layout == "columns" else "f8")
        self.unit = int(self.random.integers(100)) if self.random.random() < 0.7 else None
        self.types = [kind if kind != "mixed" else self.draw(*kinds)
                      for _ in range(self.n_features)]
        self.columns = [self.column(kind) for kind in self.types]
        self.ranks = self.random.choice(3, 2) + 1  # of the fit, and of the prediction

    def draw(self, *values):
        return values[int(self.random.integers(len(values)))]

    def maybe(self, share, *words):
        if self.random.random() < share:
            self.options += [str(word) for word in words]
            return True
        return False

    def column(self, kind):
        """Values in some clusters, in a unit that may be extreme, as a rule that of all columns."""
        units = UNITS[kind]
        exponent, offset = self.draw(*units) if self.unit is None else units[self.unit % len(units)]
        values = blobs(self.n_rows, 1, seed=int(self.random.integers(1 << 30)))[:, 0]
        values = np.round(values * 16) / 16 if kind[0] == "f" else np.round(values)
        if kind == "f8" and exponent > 900:
            values /= 64
        values = np.ldexp(values, exponent if kind[0] == "f" else exponent - 8) + offset
        return values.astype(kind)

    def spoil(self):
        """Some values are missing, each in its way, which the fit is told of."""
        names = [str(j) for j in range(self.n_features)] if self.layout == "array" else NAMES
        has_seven = self.maybe(0.3, "--missing-value", 7) or self.random.random() < 0.2
        for name, values, kind in zip(names, self.columns, self.types):
            rows = self.random.integers(0, self.n_rows, max(1, self.n_rows // 12))
            if kind[0] == "f" and self.random.random() < 0.5:
                values[rows[:3]] = self.draw(np.nan, np.inf, -np.inf)
            column = "{d-e}" if name == "d-e" else name
            if self.maybe(0.6, "--missing-value", f"{column}:{MISSING[kind]}") or \
                    self.random.random() < 0.1:
                values[rows[3:]] = MISSING[kind]
            if has_seven:
                values[rows[::2]] = 7
        self.maybe(0.1, "--missing-value", values[0])

    def write(self, path):
        weights = self.random.integers(0, 4, self.n_rows).astype("f8")
        with h5py.File(path, "w") as file:
            if self.layout == "array":
                file.create_dataset("points", data=np.stack(self.columns, axis=1), fillvalue=7)
            else:
                for name, values in zip(NAMES, self.columns):
                    data = file.create_dataset(f"t/{name}", data=values, fillvalue=7)
                    data.attrs["_FillValue"] = values.dtype.type(7)
                file["t/w"] = weights
        if self.layout == "columns":
            listed = ",".join("{d-e}" if name == "d-e" else name
                              for name in NAMES[:self.n_features])
            self.maybe(1, "-c", listed)
            self.maybe(0.4, "--weights", "w")

    def fit_options(self):
        self.maybe(0.7, "--scale", self.draw("standard", "minmax"))
        self.maybe(0.3, "--raw")
        self.maybe(0.3, "--fill-is-missing")
        self.maybe(0.3, "--restarts", self.draw(2, 3))
        self.maybe(0.3, "--seeding", self.draw("random", "kmeans-parallel"))
        self.maybe(0.3, "--algorithm", self.draw("lloyd", "tree", "bounds", "neighbours"))
        self.maybe(0.3, "--tolerance", 0)
        self.maybe(0.3, "--max-iterations", 3)
        return ["-k", self.draw(1, 2, 3, 5, 8), "--random-seed", self.seed, *self.options]


class FittedCatalogue(ProgramTest):

    def compare(self, seed):
        """What a fit and a prediction with its result say of the same rows."""
        case = Case(seed)
        if case.random.random() < 0.7:
            case.spoil()
        name = f"{seed}.h5"
        case.write(name)
        options = case.fit_options()
        fitted = run("fit", name, *options, "-o", f"{seed}-fit.h5", "--distances", "-q",
                     ranks=int(case.ranks[0]))
        if fitted.code == 3 and "usable row" in fitted.err:
            return "no rows"
        self.assertEqual(fitted.code, 0, (case.types, fitted))
        predicted = run("predict", f"{seed}-fit.h5", name, "-o", f"{seed}-labels.h5",
                        "--distances", "-q", ranks=int(case.ranks[1]))
        self.assertEqual(predicted.code, 0, (options, predicted))
        fit, labels = Result(f"{seed}-fit.h5"), Result(f"{seed}-labels.h5")
        for dataset in ("labels", "distances", "centers", "sizes", "missing"):
            self.assertEqual(fit.data[dataset].tobytes(), labels.data[dataset].tobytes(),
                             (dataset, case.types, options))
        self.assertEqual((fit.n_used, fit.n_missing), (labels.n_used, labels.n_missing))
        return "same"

    def test_labels_are_those_of_the_fit(self):
        seen = run_all([lambda seed=seed: self.compare(seed) for seed in range(N_CASES)])
        self.assertGreater(seen.count("same"), 0.8 * N_CASES, "most cases say something")

    def agree(self, path, k, *options):
        """A fit and a prediction of the same rows; the result of the fit."""
        _, fit = self.fit(path, k, *options)
        self.assertEqual(run("predict", "out.h5", path, "-o", "labels.h5", "--overwrite",
                             *[word for word in options if word == "--distances"]).code, 0)
        labels = Result("labels.h5")
        self.assertEqual(fit.labels.tolist(), labels.labels.tolist())
        self.assertEqual(fit.centers.tobytes(), labels.centers.tobytes())
        return fit

    def test_smallest_units(self):
        """The space of the fit has few bits there, or none that a power of two could bring back at
        once; rows lie on a lattice, so that many are nearly as far from two centers."""
        lattice = np.stack(np.meshgrid(np.arange(64), np.arange(64)), axis=-1).reshape(-1, 2)
        for exponent in (-1030, -1066, -1074):
            write_array(f"unit{exponent}.h5", np.ldexp(lattice.astype("f8"), exponent))
            fit = self.agree(f"unit{exponent}.h5", 37, "--tolerance", 0)
            working = fit.data["model/working_centers"]
            self.assertEqual(np.ldexp(working, fit.attributes["model"]["exponent"]).tolist(),
                             fit.data["model/centers"].tolist())

    def test_centers_that_the_space_of_the_fit_holds(self):
        """Each row is a center."""
        for exponent in (-1074, -1030, 0, 1000):
            write_array(f"unit{exponent}.h5", np.ldexp(np.arange(20.0).reshape(-1, 1), exponent))
            fit = self.agree(f"unit{exponent}.h5", 20)
            self.assertNotIn("model/working_centers", fit.data)
            self.assertEqual(sorted(np.ldexp(fit.data["model/centers"][:, 0], -exponent)),
                             list(range(20)))

    def test_what_is_said(self):
        """The summaries and the metrics of both tell how rows were treated."""
        write_columns("in.h5", {name: blobs(50, 1, seed=j)[:, 0] for j, name in enumerate("xy")})
        fitted = run("fit", "in.h5", "-k", 3, "-o", "fit.h5", "--missing-value", "y:-99.5",
                     "--missing-value", 7, "--raw", "--fill-is-missing", "--scale", "minmax",
                     "--metrics", "fit.json")
        predicted = run("predict", "fit.h5", "in.h5", "--missing-value", 8, "-o", "out.h5",
                        "--metrics", "out.json")
        for done, values, name in ((fitted, "y:-99.5, 7", "fit"),
                                   (predicted, "8, y:-99.5, 7", "out")):
            for line in (f"values      missing where {values}", "values      as they are stored",
                         "values      missing where HDF5's own fill value is",
                         "scaling     minmax"):
                self.assertIn(f"\n  {line}", done.out)
            with open(f"{name}.json", encoding="utf-8") as file:
                metrics = json.load(file)
            check_schema(self, metrics, "metrics.schema.json")
            plan = metrics["plan"]
            self.assertEqual((plan["scale"], plan["raw"], plan["fill_is_missing"]),
                             ("minmax", True, True))
            self.assertEqual(plan["missing_values"][-2:],
                             [{"feature": "y", "value": -99.5}, {"value": 7}])
        model, labels = Result("fit.h5"), Result("out.h5")
        self.assertEqual({name: values.tolist() for name, values in labels.data.items()
                          if name.startswith("model/")},
                         {**{name: values.tolist() for name, values in model.data.items()
                             if name.startswith("model/")},
                          "model/missing_values/feature": [-1, 1, -1],
                          "model/missing_values/value": [8, -99.5, 7]})
        self.assertEqual(labels.attributes["model"], model.attributes["model"])
        self.assertEqual({name: model.attributes["model"][name] for name in
                          ("scale", "missing", "raw", "fill_is_missing")},
                         {"scale": "minmax", "missing": "drop", "raw": 1, "fill_is_missing": 1})
        self.assertEqual(list(model.attributes["provenance"]["missing_values"]), ["y:-99.5", "7"])
        self.assertEqual(model.data["model/missing_values/feature"].tolist(), [1, -1])
        self.assertEqual(model.data["model/missing_values/value"].tolist(), [-99.5, 7])


    def test_model_of_a_prediction(self):
        """It is that of the fit, so the same rows get the same labels by it."""
        write_columns("in.h5", {name: blobs(200, 1, seed=j)[:, 0] for j, name in enumerate("xy")})
        _, fit = self.fit("in.h5", 3, "--scale", "standard", "--missing-value", "y:-99.5",
                          "--id", "{x}")
        for model, labels in (("out.h5", "a.h5"), ("a.h5", "b.h5")):
            self.assertEqual(run("predict", model, "in.h5", "-o", labels, "--id", "y").code, 0)
            found = Result(labels)
            self.assertEqual(found.labels.tolist(), fit.labels.tolist())
            self.assertEqual([result.attributes["provenance"]["id_column"]
                              for result in (fit, found)], ["x", "y"])
            self.assertEqual(found.attributes["provenance"]["transposed"], 0)


class StrangersModel(ProgramTest):
    """Numbers and texts that no fit has written are refused, on all ranks, with one line."""

    def setUp(self):
        super().setUp()
        write_columns("in.h5", {name: blobs(100, 1, seed=j)[:, 0] for j, name in enumerate("xy")})
        run("fit", "in.h5", "-k", 3, "--scale", "minmax", "--missing-value", "x:-99",
            "--missing-value", -98, "-o", "fit.h5")

    def spoil(self, name, change):
        shutil.copy("fit.h5", name)
        with h5py.File(name, "a") as file:
            change(file)
        return name

    def test_numbers(self):
        cases = [(dataset, index, value) for dataset, index in
                 (("factor", 1), ("offset", 1), ("centers", (2, 1)))
                 for value in (np.nan, np.inf, -np.inf)] + [("factor", 1, 0.0), ("factor", 1, -2.0)]

        def change(dataset, index, value):
            def put(file):
                file["model"][dataset][index] = value
            return put
        self.refuse(*[(3, rf"bad number in the model \({i}.h5, /model/{case[0]}, feature 1\): it is",
                       "predict", self.spoil(f"{i}.h5", change(*case)), "in.h5", "-o", "out.h5")
                      for i, case in enumerate(cases)])

    def test_fields(self):
        def attribute(name, value, path="model"):
            def put(file):
                file[path].attrs[name] = value
            return put

        def dataset(name, values):
            def put(file):
                del file[name]
                file[name] = values
            return put
        def flip_bit(number):
            """Of a number that would do as well."""
            def put(file):
                name = ("centers", "offset", "factor")[number % 3]
                values = file["model"][name][:]
                values.view("u8").ravel()[0] ^= np.uint64(1 << 4 * number)
                file["model"][name][:] = values
            return put
        text = h5py.string_dtype()
        changes = [attribute("exponent", value) for value in (1e9, -1e9, 0.5, np.nan, "one")]
        changes += [attribute("scale", "log"), attribute("precision", "float16"),
                    attribute("features", np.array(["x", "y" * 200], text), "centers"),
                    attribute("features", np.array(["x"], text), "centers"),
                    attribute("units", np.array(["", "m" * 100], text), "centers"),
                    dataset("model/offset", np.zeros(3)),
                    dataset("model/centers", np.zeros((0, 2))),
                    dataset("model/centers", np.zeros((3, 3))),
                    dataset("model/missing_values/feature", np.array([0, 2])),
                    dataset("model/missing_values/feature", np.array([-2, 0])),
                    dataset("model/missing_values/feature", np.array([0, -1, 1])),
                    dataset("model/missing_values/value", np.array([np.nan, 1])),
                    dataset("model/missing_values/value", np.array([1.0, np.inf])),
                    dataset("model/missing_values/value", np.zeros(129)),
                    dataset("model/missing_values", np.zeros(2)), *map(flip_bit, range(12))]
        self.refuse(*[(3, rf"not a result of a fit \({i}.h5\)", "predict",
                       self.spoil(f"{i}.h5", change), "in.h5", "-o", "out.h5")
                      for i, change in enumerate(changes)])

    def test_result_of_a_program_before(self):
        """Without what only later results have it still labels rows."""
        def forget(file):
            del file["model/missing_values"]
            for name in ("scale", "missing", "raw", "fill_is_missing", "checksum"):
                del file["model"].attrs[name]
        finished = run("predict", self.spoil("old.h5", forget), "in.h5", "-o", "out.h5")
        self.assertEqual(finished.code, 0, finished)
        self.assertEqual(Result("out.h5").labels.tolist(), Result("fit.h5").labels.tolist())

    def test_own_missing_values_add(self):
        """Those of the fit, of its columns alone, and those of the prediction."""
        with h5py.File("other.h5", "w") as file:
            file["t/x"] = np.array([1.0, -99, 1, -98, 1, -97])
            file["t/y"] = np.array([1.0, 1, -99, 1, -98, -97])
        finished = run("predict", "fit.h5", "other.h5", "--missing-value", "y:-97", "-o", "out.h5")
        self.assertEqual(finished.code, 0, finished)
        labels = Result("out.h5").labels
        self.assertEqual((labels < 0).tolist(), [False, True, False, True, True, True])


if __name__ == "__main__":
    unittest.main()
