"""How well --dry-run foretells memory: random shapes of runs, each foretold and then run.

    tests/program/memory_shapes.py [COUNT] [--first N] [--all]

Shape number N is the same on every machine: rows, features, clusters, ranks, threads, method,
seeding, layout and so on follow from N alone. A run's prediction must be within 10 % or 10 MB of
the memory_peak_bytes of its metrics, whichever is more. Prints those that are not, or --all, and how
large the differences are; exit code 1 if one is too large. `make check-memory` runs 200 of them.
"""
import argparse
import json
import math
import os
import random
import re
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True

import h5py
import numpy as np

from program import run_alone

RELATIVE, BYTES = 0.10, 10e6  # the larger of both is allowed
SECONDS = 300  # of a run, on a busy machine
MEMORY = re.compile(r"^  memory +([0-9.]+) MB per rank: (.*\n.*)$", re.MULTILINE)

# ---- shapes --------------------------------------------------------------------------------------

SCALES = "none", "none", "standard", "minmax"
ALGORITHMS = "auto", "auto", "lloyd", "tree", "bounds", "neighbours"
SEEDINGS = ("kmeans++",) * 3 + ("kmeans-parallel", "random", "refined", "centers.txt")
LAYOUTS = "array", "array", "columns", "columns", "compound"
STORAGES = "plain", "plain", "chunks", "gzip"
IDS = "", "", "i8", "S", "text"
MOST_WORK = 4e9  # rows times features times clusters times fits


def log_uniform(dice, lowest, highest):
    return math.exp(dice.uniform(math.log(lowest), math.log(highest)))


def make_shape(number):
    """All that a run is made of, by name."""
    dice = random.Random(number)
    dtype = dice.choice(["f4", "f8"])
    d = round(log_uniform(dice, 1, 40))
    most_mb = 300 if dice.random() < 0.08 else 100
    rows = max(100, int(log_uniform(dice, 2, most_mb) * 1e6 / d / np.dtype(dtype).itemsize))
    restarts = dice.choice([1, 1, 1, 2, 4])
    most_k = min(2000, rows // 2, MOST_WORK / rows / d / restarts)
    shape = {
        "number": number, "dtype": dtype, "d": d, "rows": rows, "restarts": restarts,
        "k": max(2, round(log_uniform(dice, 2, max(2, most_k)))),
        "ranks": dice.choice([1, 1, 2, 3, 4]), "threads": dice.choice([1, 1, 2, 3, 4]),
        "command": dice.choice(["fit", "fit", "fit", "predict"]),
        "algorithm": dice.choice(ALGORITHMS), "seeding": dice.choice(SEEDINGS),
        "seeding-rows": dice.choice(["", "", "", "all", "1000000"]),
        "weights": dice.random() < 0.3, "distances": dice.random() < 0.3,
        "verify": dice.choice(["", "", "", "all", "sample"]), "scale": dice.choice(SCALES),
        "layout": dice.choice(LAYOUTS), "storage": dice.choice(STORAGES),
        "chunk": round(log_uniform(dice, 1000, 500_000)),
        "files": dice.choice([1, 1, 1, dice.randint(2, 5)]), "ids": dice.choice(IDS),
        "id-length": dice.randint(1, 60), "second": dice.random() < 0.2,
        "describe": dice.random() < 0.2}
    if shape["layout"] == "array":
        shape["ids"] = ""
    if shape["seeding"] == "centers.txt":
        shape["restarts"] = 1
    if shape["seeding-rows"] not in ("", "all"):
        shape["seeding-rows"] = str(max(int(shape["seeding-rows"]), shape["k"]))
    return shape


# ---- catalogues ----------------------------------------------------------------------------------


def make_values(numbers, rows, shape, columns):
    """Values round 8 places, in steps that can be compressed."""
    values = numbers.standard_normal((rows, columns), dtype="f4") * 20
    values += numbers.integers(-4, 4, (rows, 1)) * 100
    return np.rint(values).astype(shape["dtype"])


def make_ids(first, rows, shape):
    length = shape["id-length"]
    names = np.char.zfill(np.arange(first, first + rows).astype("S"), min(length, 10))
    if shape["ids"] == "i8":
        return np.arange(first, first + rows)
    if shape["ids"] == "S":
        return names.astype(f"S{length}")
    lengths = np.arange(first, first + rows) % length
    return np.array([name.decode() + "x" * n for name, n in zip(names, lengths)], dtype=object)


def storage_of(shape, rows):
    chunk = max(1, min(shape["chunk"], rows))
    return {"plain": {}, "chunks": {"chunks": (chunk,)},
            "gzip": {"chunks": (chunk,), "compression": 1, "shuffle": True}}[shape["storage"]]


def write_table(file, shape, columns, rows):
    """A dictionary of columns as the shape lays them out."""
    storage = storage_of(shape, rows)
    if shape["layout"] == "compound":
        types = [(name, h5py.string_dtype() if values.dtype == object else values.dtype)
                 for name, values in columns.items()]
        table = np.empty(rows, dtype=types)
        for name, values in columns.items():
            table[name] = values
        file.create_dataset("table", data=table, **storage)
        return
    for name, values in columns.items():
        dtype = h5py.string_dtype() if values.dtype == object else None
        file.create_dataset(f"table/{name}", data=values, dtype=dtype, **storage)


def write_file(path, shape, first, rows):
    d = shape["d"]
    numbers = np.random.default_rng([shape["number"], first])
    values = make_values(numbers, rows, shape, d + shape["weights"])
    values[:, d:] = np.abs(values[:, d:])
    with h5py.File(path, "w") as file:
        if shape["layout"] == "array":
            storage = storage_of(shape, rows)
            if "chunks" in storage:
                storage["chunks"] = (max(1, storage["chunks"][0] // d), values.shape[1])
            file.create_dataset("table", data=values, **storage)
            return
        columns = {f"c{j}": np.ascontiguousarray(values[:, j]) for j in range(d)}
        if shape["weights"]:
            columns["w"] = np.ascontiguousarray(values[:, d])
        if shape["ids"]:
            columns["id"] = make_ids(first, rows, shape)
        write_table(file, shape, columns, rows)


def write_catalogue(shape, rows, name):
    """Paths of its files."""
    n_files = min(shape["files"], rows)
    edges = [rows * f // n_files for f in range(n_files + 1)]
    paths = [f"{name}{f}.h5" for f in range(n_files)]
    for path, first, end in zip(paths, edges, edges[1:]):
        write_file(path, shape, first, end - first)
    return paths


# ---- runs ----------------------------------------------------------------------------------------


def features_of(shape):
    return f"0:{shape['d']}" if shape["layout"] == "array" else ",".join(
        f"c{j}" for j in range(shape["d"]))


def options_of_fit(shape):
    options = ["-k", shape["k"], "-c", features_of(shape), "--max-iterations", 4,
               "--tolerance", 0, "--algorithm", shape["algorithm"], "--seeding", shape["seeding"],
               "--restarts", shape["restarts"], "--scale", shape["scale"]]
    if shape["seeding-rows"]:
        options += ["--seeding-rows", shape["seeding-rows"]]
    if shape["weights"]:
        options += ["--weights", shape["d"] if shape["layout"] == "array" else "w"]
    if shape["describe"]:
        options += ["--describe", "features"]
    if shape["verify"]:
        options += [f"--verify={shape['verify']}"]
    return options


def must_succeed(finished):
    if finished.code != 0:
        sys.exit(f"memory_shapes.py: error: a run failed: {finished}")
    return finished


def command_of(shape):
    """Writes what the run reads; its arguments without those that say whether it is dry."""
    shared = ["--threads", shape["threads"]]
    shared += ["--distances"] if shape["distances"] else []
    shared += ["--second"] if shape["second"] else []
    shared += ["--id", "id"] if shape["ids"] else []
    if shape["seeding"] == "centers.txt":
        numbers = np.random.default_rng(shape["number"])
        np.savetxt("centers.txt", numbers.uniform(-400, 400, (shape["k"], shape["d"])))
    catalogue = write_catalogue(shape, shape["rows"], "in")
    if shape["command"] == "fit":
        return ["fit", *catalogue, *options_of_fit(shape), *shared]
    small = write_catalogue(shape | {"storage": "plain", "ids": ""}, max(1000, 2 * shape["k"]), "fitted")
    must_succeed(run_alone("fit", *small, *options_of_fit(shape), "-o", "model.h5", seconds=SECONDS))
    return ["predict", "model.h5", *catalogue, *shared]


def measure(shape):
    """What was foretold and what the rank took that had most, in bytes, and the parts foretold."""
    arguments = command_of(shape)
    dry = must_succeed(run_alone(*arguments, "--dry-run", "--ranks", shape["ranks"], seconds=SECONDS))
    must_succeed(run_alone(*arguments, "-o", "out.h5", "--metrics", "out.json",
                           ranks=shape["ranks"], seconds=SECONDS))
    said = MEMORY.search(dry.out)
    with open("out.json", encoding="utf-8") as file:
        measured = json.load(file)["memory_peak_bytes"]
    return 1e6 * float(said[1]), measured, " ".join(said[2].split())


def measure_aside(shape):
    """The same in a folder that is removed afterwards."""
    before, folder = os.getcwd(), tempfile.mkdtemp(prefix="skymeans-memory-")
    os.chdir(folder)
    try:
        return measure(shape)
    finally:
        os.chdir(before)
        shutil.rmtree(folder)


def is_foretold(predicted, measured):
    return abs(predicted - measured) <= max(RELATIVE * measured, BYTES)


def describe(shape, predicted, measured, parts):
    what = " ".join(f"{name}={value}" for name, value in shape.items() if value not in ("", False))
    return (f"{'ok  ' if is_foretold(predicted, measured) else 'OFF '} "
            f"{predicted / 1e6:7.1f} MB foretold, {measured / 1e6:7.1f} taken, "
            f"{(predicted - measured) / 1e6:+6.1f} MB, {predicted / measured - 1:+7.1%}: {what}\n"
            f"     {parts}")


def main():
    parser = argparse.ArgumentParser(description="compare --dry-run with the memory of real runs")
    parser.add_argument("count", nargs="?", type=int, default=200, help="how many shapes [200]")
    parser.add_argument("--first", type=int, default=0, help="the number of the first [0]")
    parser.add_argument("--all", action="store_true", help="print each, not only those that are off")
    arguments = parser.parse_args()
    found = []
    for number in range(arguments.first, arguments.first + arguments.count):
        shape = make_shape(number)
        predicted, measured, parts = measure_aside(shape)
        found.append((predicted, measured))
        if arguments.all or not is_foretold(predicted, measured):
            print(describe(shape, predicted, measured, parts), flush=True)
    report(found)
    sys.exit(0 if all(is_foretold(*pair) for pair in found) else 1)


def report(found):
    predicted, measured = np.array(found).T
    relative, megabytes = predicted / measured - 1, (predicted - measured) / 1e6
    inside = sum(is_foretold(*pair) for pair in found)
    large = measured > BYTES / RELATIVE
    print(f"{inside} of {len(found)} shapes foretold within 10 % or 10 MB; differences of all: "
          f"{megabytes.min():+.1f} to {megabytes.max():+.1f} MB, "
          f"median of their sizes {np.median(abs(megabytes)):.1f} MB")
    if large.any():
        print(f"of the {large.sum()} that took more than 100 MB: {relative[large].min():+.1%} to "
              f"{relative[large].max():+.1%}, median of their sizes "
              f"{np.median(abs(relative[large])):.1%}")


if __name__ == "__main__":
    main()
