"""What --seeding refined saves, and what first centers cost in the end.

    tests/bench/bench_seeding.py FILE:K... [--seeds N] [--ways 1x2] [-- OPTIONS]

Fits each catalogue (data set x) to convergence from the same random seeds with each of two ways to
seed: kmeans++ alone, and with OPTIONS (default: --seeding refined). For each seed the goal is 1.001
times the larger of both converged inertias. Prints medians of: passes over all rows (parts of
passes on a sample) and seconds (seeding and iterations; with ordering, too) until an iteration has that inertia, as ratio of the second way
to the first; and the inertia in the end of the second way relative to the first, median and worst
of all against median and worst. BUILD=DIRECTORY has the program, TMPDIR the results."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

LEVEL = 1.001


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


def compare(path, k, seeds, way, options, folder):
    ratios, ends, firsts = [], ([], []), []
    for seed in range(seeds):
        both = [fit(path, k, seed, way, more, folder) for more in ([], options)]
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
    arguments = sys.argv[1:]
    options = ["--seeding", "refined"]
    if "--" in arguments:
        at = arguments.index("--")
        arguments, options = arguments[:at], arguments[at + 1:]
    parser = argparse.ArgumentParser()
    parser.add_argument("catalogues", nargs="+", metavar="FILE:K")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--ways", default="1x2")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        for catalogue in given.catalogues:
            path, k = catalogue.rsplit(":", 1)
            for way in given.ways.split(","):
                compare(path, int(k), given.seeds, way, options, folder)


if __name__ == "__main__":
    main()
