"""What --seeding refined saves, and what first centers cost in the end.

    tests/bench/bench_seeding.py CATALOGUE:K... [--seeds N] [--ways 1x2] [-- [OPTIONS --] OPTIONS]

A catalogue is an HDF5 file with data set x; or 'hipparcos', 'stars' or 'tails', which are made.
Fits each to convergence from the same random seeds in two ways: with the first OPTIONS (default:
none), and with the last (default: --seeding refined). For each seed the goal is 1.001 times the
larger of both converged inertias. Prints medians of: passes over all rows (parts of passes on a
sample) and seconds (seeding and iterations; with ordering, too) until an iteration has that
inertia, and the median of the ratios of the second way to the first; and of the inertia in the end
the ratio of the medians, of the worst and of the best. BUILD=DIRECTORY has the program, TMPDIR the
results."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

import h5py
import numpy as np

LEVEL = 1.001


def make_hipparcos(_):
    """Magnitude, colour, parallax and its error, proper motions, of rows that have all."""
    path = os.path.join(os.path.dirname(__file__), "../../data/hipparcos.h5")
    names = "vmag", "b_v", "parallax_mas", "parallax_error_mas", "pm_ra_mas_yr", "pm_dec_mas_yr"
    with h5py.File(path) as file:
        values = np.column_stack([file[f"table/columns/{name}/data"][:] for name in names])
    return values[np.isfinite(values).all(axis=1)]


def make_stars(random, rows=2_500_000):
    """Places, magnitude, colour, and proper motions with far outliers."""
    return np.column_stack([
        360 * random.random(rows), np.degrees(np.arcsin(2 * random.random(rows) - 1)),
        12 - random.exponential(1.1, rows),
        0.7 + 0.35 * random.standard_normal(rows) + 0.3 * (random.random(rows) < 0.3),
        9 * random.standard_t(1.6, (rows, 2))])


def make_tails(random, rows=4_000_000):
    """Forty clouds with heavy tails."""
    middles = 10 * random.random((40, 5))
    return middles[random.integers(0, 40, rows)] + 0.4 * random.standard_t(2.2, (rows, 5))


MADE = {"hipparcos": make_hipparcos, "stars": make_stars, "tails": make_tails}


def find_catalogue(name, folder):
    if name not in MADE:
        return name
    path = os.path.join(folder, name + ".h5")
    with h5py.File(path, "w") as file:
        file["x"] = MADE[name](np.random.default_rng(5)).astype("f4")
    return path


def fit(path, k, seed, way, options, folder):
    """Metrics of a fit to convergence, on ranks x threads."""
    ranks, threads = way.split("x")
    metrics = os.path.join(folder, "metrics.json")
    command = [os.path.join(os.environ.get("BUILD", "build"), "skymeans"), "fit", path, "-d", "x",
               "-k", str(k), "--random-seed", str(seed), "--threads", threads, "--quiet",
               "-o", os.path.join(folder, "result.h5"), "--overwrite", "--metrics", metrics]
    if ranks != "1":
        command = ["mpirun", "-n", ranks] + command
    subprocess.run(command + options, check=True, stdout=subprocess.DEVNULL)
    with open(metrics, encoding="utf-8") as file:
        return json.load(file)


def time_to(metrics, goal):
    """Passes, and seconds with and without ordering, until an iteration has this inertia."""
    mean = {name: phase["mean"] for name, phase in metrics["phases"].items()}
    inertias = [iteration["inertia"] for iteration in metrics["iterations"]]
    passes = 1 + next((i for i, inertia in enumerate(inertias) if inertia <= goal), len(inertias))
    seconds = mean["seed"] + sum(i["seconds"] for i in metrics["iterations"][:passes])
    refining = metrics.get("refining", {"rows": 0, "iterations": 0, "refused": False})
    passes += refining["iterations"] * refining["rows"] / metrics["result"]["n_used"]
    passes += refining["refused"]
    return passes, seconds, seconds + mean["order"], refining["refused"]


def compare(path, k, seeds, way, ways_to_seed, folder):
    ratios, ends, firsts = [], ([], []), []
    for seed in range(seeds):
        both = [fit(path, k, seed, way, more, folder) for more in ways_to_seed]
        end = [metrics["result"]["inertia"] for metrics in both]
        old, new = (time_to(metrics, LEVEL * max(end)) for metrics in both)
        ratios.append([b / (a or 1) for a, b in zip(old, new)])
        firsts.append((old, new))
        for which in (0, 1):
            ends[which].append(end[which])
    passes, seconds, with_order, _ = (statistics.median(column) for column in zip(*ratios))
    old, new = ([statistics.median(c) for c in zip(*(f[i] for f in firsts))] for i in (0, 1))
    ratio = [which(ends[1]) / which(ends[0]) for which in (statistics.median, max, min)]
    print(f"{os.path.basename(path)} k {k} {way}: passes {old[0]:.1f} -> {new[0]:.1f} ({passes:.2f}), "
          f"seconds {old[1]:.3f} -> {new[1]:.3f} ({seconds:.2f}; with ordering {with_order:.2f}), "
          f"inertia: median {ratio[0]:.5f}, worst {ratio[1]:.5f}, best {ratio[2]:.5f}; "
          f"refused {sum(f[1][3] for f in firsts)} of {seeds}", flush=True)


def main():
    arguments, options = sys.argv[1:], []
    while "--" in arguments:
        at = len(arguments) - 1 - arguments[::-1].index("--")
        arguments, options = arguments[:at], [arguments[at + 1:]] + options
    first, last = ([], ["--seeding", "refined"]) if not options else ([[]] + options)[-2:]
    parser = argparse.ArgumentParser()
    parser.add_argument("catalogues", nargs="+", metavar="FILE:K")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--ways", default="1x2")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        for catalogue in given.catalogues:
            name, k = catalogue.rsplit(":", 1)
            path = find_catalogue(name, folder)
            for way in given.ways.split(","):
                compare(path, int(k), given.seeds, way, (first, last), folder)


if __name__ == "__main__":
    main()
