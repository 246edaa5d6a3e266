#!/usr/bin/env python3
"""How good the first centers are: final inertia after one fit by default, of this program and of
scikit-learn, as ratios to the best that either found. Needs `make library`."""
import os
import sys
import warnings

sys.dont_write_bytecode = True
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # kernels that the machine may not have
    os.environ.pop(name, None)
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/python"))

import numpy as np
import skymeans
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

SEEDS = 20


def clumps():
    """Forty of very different sizes and widths."""
    random = np.random.default_rng(5)
    sizes = (random.pareto(1.2, 40) * 200 + 50).astype(int)
    widths = random.random(40) + 0.2
    return np.concatenate([random.normal(size=(n, 3)) * w + random.normal(size=3) * 8
                           for n, w in zip(sizes, widths)])


def sets():
    for d, k, width in ((2, 8, 1), (10, 10, 1), (10, 20, 2), (50, 20, 2), (3, 50, 0.5), (5, 50, 3)):
        rows, _ = make_blobs(20_000, d, centers=k, random_state=1, cluster_std=width)
        yield f"{k} blobs in {d} dimensions, width {width}", rows, k
    random = np.random.default_rng(6)
    yield "40 clumps in 3 dimensions", clumps(), 40
    yield "uniform in 3 dimensions", random.random((20_000, 3)), 30
    yield "normal in 5 dimensions", random.normal(size=(20_000, 5)), 12


def main():
    warnings.simplefilter("ignore")
    print("| rows | k | skymeans: median, worst | scikit-learn: median, worst |\n|---|---|---|---|")
    for name, rows, k in sets():
        rows = rows.astype(np.float32)
        found = [np.array([model(seed).fit(rows).inertia_ for seed in range(SEEDS)]) for model in (
            lambda seed: skymeans.KMeans(n_clusters=k, random_state=seed),
            lambda seed: KMeans(n_clusters=k, n_init=1, random_state=seed))]
        best = min(inertias.min() for inertias in found)
        cells = [f"{np.median(inertias) / best:.3f}, {inertias.max() / best:.3f}"
                 for inertias in found]
        print(f"| {name} | {k} | {cells[0]} | {cells[1]} |", flush=True)


if __name__ == "__main__":
    main()
