#!/usr/bin/env python3
"""model.py [--picture FILE]: what ranks beyond the simulated ones would do, by a model.

An iteration takes fixed + row * rows / ranks, which was measured (costs.csv), times the work of the
busiest rank, and one reduction: N for the messages in a node, 2 log2(nodes) messages between nodes,
each of which takes L, and twice the bytes of the sums, each of which takes G (as in the LogGP model:
latency with overheads, and gap a byte). These are fitted to the simulated runs of runs.csv without
variation, and the errors of the fit are printed."""

import argparse
import csv
import os

import numpy as np
from simulate import GAIA, HERE, WORKS, cost_of

RUNS = os.path.join(HERE, "runs.csv")
CORES = 64


def busiest(ranks, variation):
    """The expected maximum of so many normal numbers, as a multiple of the mean."""
    if ranks == 1 or variation == 0:
        return 1.0
    random = np.random.default_rng(1)
    return 1 + variation * float(np.mean([random.standard_normal(ranks).max() for _ in range(40)]))


def message_bytes(work):
    """[k][d] sums, [k] counts, and 6 numbers, of 8 bytes."""
    d, k = WORKS[work][:2]
    return 8 * (k * (d + 1) + 6)


def read_runs():
    with open(RUNS, newline="") as file:
        return [
            dict(row, ranks=int(row["ranks"]), seconds=float(row["seconds"]))
            for row in csv.DictReader(file)
            if row["reduction"] == "rab_rdb"
        ]


def parts(work, ranks):
    """Messages in a node, which are as many for all ranks; between nodes; bytes."""
    return 1, 2 * np.log2(ranks / CORES), 2 * message_bytes(work) * (1 - 1 / ranks)


def fit_reduction(runs):
    """N, L and G in seconds, from runs of several nodes without variation."""
    used = [row for row in runs if row["ranks"] > CORES and WORKS[row["work"]][-1] == 0]
    terms = np.array([parts(row["work"], row["ranks"]) for row in used])
    taken = np.array([row["seconds"] - float(row["charged"]) for row in used])
    weighted = terms / taken[:, None]  # relative errors count
    found = np.linalg.lstsq(weighted, np.ones(len(taken)), rcond=None)[0]
    errors = weighted @ found - 1
    print(
        f"reduction: N {1e6 * found[0]:.1f} us, L {1e6 * found[1]:.2f} us, G {1e9 * found[2]:.3f} ns "
        f"a byte; "
        f"{len(used)} runs, errors {100 * errors.min():+.0f} to {100 * errors.max():+.0f} %"
    )
    return found


def predict(work, ranks, reduction):
    """Seconds of an iteration: all, computing of the mean rank, the reduction."""
    _, _, _, each, total, variation = WORKS[work]
    fixed, row = cost_of(work)
    computing = fixed + row * (each or total / ranks)
    reducing = float(np.dot(parts(work, ranks), reduction)) if ranks > 1 else 0.0
    return computing * busiest(ranks, variation) + reducing, computing, reducing


def print_table(work, reduction):
    row = cost_of(work)[1]
    print(f"\n{work}: ms of an iteration of {GAIA:,} rows")
    for ranks in (1024, 4096, 16384, 65536):
        seconds, computing, reducing = predict(work, ranks, reduction)
        ideal = row * GAIA / ranks
        print(
            f"  {ranks:6d} ranks {1e3 * seconds:9.2f}: computing {1e3 * computing:9.2f}, waiting "
            f"{1e3 * max(0, seconds - computing - reducing):6.2f}, reduction {1e3 * reducing:5.2f}; "
            f"efficiency {100 * ideal / seconds:5.1f} %"
        )


def draw(runs, reduction, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (strong, weak) = pyplot.subplots(1, 2, figsize=(10, 4))
    ranks = 2 ** np.arange(6, 17)
    for work in (name for name in WORKS if name.startswith("strong")):
        row = cost_of(work)[1]
        (line,) = strong.plot(
            ranks,
            [100 * row * GAIA / p / predict(work, p, reduction)[0] for p in ranks],
            label=work.split("-")[1] + ", model",
        )
        done = [run for run in runs if run["work"] == work]
        strong.plot(
            [run["ranks"] for run in done],
            [100 * row * GAIA / run["ranks"] / run["seconds"] for run in done],
            "o",
            color=line.get_color(),
        )
    strong.set_title("1.8 billion rows x 8, k = 1000 (points: simulated)")
    for work in (name for name in WORKS if name.startswith("weak")):
        done = sorted((run["ranks"], run["seconds"]) for run in runs if run["work"] == work)
        if done:
            weak.plot(
                [p for p, _ in done], [100 * done[0][1] / s for _, s in done], "o-", label=work[5:]
            )
    weak.set_title("250,000 rows a rank, simulated")
    for axes in (strong, weak):
        axes.set_xscale("log", base=2)
        axes.set_ylim(0, 105)
        axes.set_xlabel("ranks")
        axes.set_ylabel("efficiency, %")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--picture", help="a PNG to be written")
    given = parser.parse_args()
    runs = read_runs()
    reduction = fit_reduction(runs)
    for work in (name for name in WORKS if name.startswith("strong")):
        print_table(work, reduction)
    if given.picture:
        draw(runs, reduction, given.picture)


if __name__ == "__main__":
    main()
