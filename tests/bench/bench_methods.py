"""Which method is fastest for how many features and clusters: what `--algorithm auto` goes by.

Two kinds of data, of 200 000 rows of float32 each: round clouds of different width in all features,
and the same in 3 dimensions, mapped into all features with a little noise, as correlated
measurements are; both with 10 % of uniform background. The best of some runs counts, of the phases
order and assign of 20 iterations on 2 threads."""

import json
import os
import subprocess

import h5py
import numpy as np

ROWS, ITERATIONS = 200_000, 20
FEATURES = (2, 3, 5, 8, 10, 12, 16, 24, 32, 64, 128)
CLUSTERS = (8, 32, 64, 128, 512, 2048)
METHODS = ("lloyd", "tree", "bounds", "neighbours")


def make_clouds(random, n_features, n_clouds):
    middles = 10 * random.random((n_clouds, n_features))
    widths = n_clouds ** (-1 / n_features) * (0.5 + random.random(n_clouds))
    cloud = random.integers(0, n_clouds, ROWS)
    values = middles[cloud] + widths[cloud, None] * random.standard_normal((ROWS, n_features))
    background = random.random(ROWS) < 0.1
    values[background] = 10 * random.random((int(background.sum()), n_features))
    return values


def make_data(kind, n_features, n_clouds):
    random = np.random.default_rng(3)
    if kind == "isotropic":
        return make_clouds(random, n_features, n_clouds)
    flat = make_clouds(random, 3, n_clouds)
    values = flat @ random.standard_normal((3, n_features))
    return values + 0.01 * values.std() * random.standard_normal(values.shape)


def write(path, values):
    with h5py.File(path, "w") as file:
        file["x"] = values.astype("f4")


def time_fit(program, folder, path, k, method, environment):
    metrics = os.path.join(folder, "methods.json")
    command = [program, "fit", path, "-k", str(k), "--algorithm", method, "--seeding", "random"]
    command += ["--tolerance", "0", "--max-iterations", str(ITERATIONS), "--threads", "2"]
    command += ["-o", os.path.join(folder, "methods-result.h5"), "--metrics", metrics]
    subprocess.run(command + ["--overwrite", "--quiet"], check=True, env=environment)
    with open(metrics, encoding="utf-8") as file:
        phases = json.load(file)["phases"]
    return phases["order"]["mean"] + phases["assign"]["mean"]


def bench_methods(program, folder, runs, environment):
    path = os.path.join(folder, "methods.h5")
    for kind in ("isotropic", "correlated"):
        print(f"\n{kind}: seconds of {', '.join(METHODS)}; how many times as long lloyd takes as the others")
        for n_features in FEATURES:
            for k in CLUSTERS:
                write(path, make_data(kind, n_features, max(1, k // 2)))
                best = {method: float("inf") for method in METHODS}
                for _ in range(runs):
                    for method in METHODS:
                        seconds = time_fit(program, folder, path, k, method, environment)
                        best[method] = min(best[method], seconds)
                times = " ".join(f"{best[method]:8.3f}" for method in METHODS)
                gains = " ".join(f"{best['lloyd'] / best[method]:6.2f}" for method in METHODS[1:])
                print(f"  d {n_features:3} k {k:4}: {times}   {gains}", flush=True)
