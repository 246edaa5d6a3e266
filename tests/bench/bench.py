#!/usr/bin/env python3
"""bench.py [--work sums,methods,W1] [--runs N] [--converge]: skymeans against the peers that Debian packages.

Six workloads are generated once, with fixed seeds, below build/bench: mixtures of k/2 round clouds
of float32 and 10 % of uniform background, in no order. Every contestant starts from the same first
centers, rows of the catalogue, and does exactly 20 iterations on 2 cores; with --converge it stops
by the tolerance 1e-4. Contestants take turns, and medians count.

Seconds are those of a fit on data in memory: of scikit-learn and FAISS their fit(), of skymeans its
phases order, assign, reduce and update, the mean over ranks; `whole` is the whole job, from a file in the page cache to
labels on disk. Final inertias must agree to 1e-4: those of all peers are of their last centers,
found by this program in the same way, since scikit-learn adds up in single precision and FAISS says
nothing. A peer that takes more than 3 times as long as the best one in the first round is not run
again. From 1 to 2 threads or ranks counts the time of iterations only, in runs one after the other."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import h5py
import numpy as np
from bench_methods import bench_methods
from bench_planning import bench_planning
from bench_reading import bench_reading
from bench_recording import bench_recording

FOLDER = os.path.join("build", "bench")
PROGRAM = os.path.join("build", "skymeans")
# Number of rows, features and clusters.
WORKS = {
    "W1": (4_000_000, 5, 64),
    "W2": (1_000_000, 16, 256),
    "W3": (200_000, 128, 1000),
    "W4": (4_000_000, 3, 1000),
    "W5": (20_000_000, 3, 8),
    "W6": (1_000_000, 8, 4096),
}
ITERATIONS = 20
ELKAN_BYTES = 4 << 30  # more for its n x k bounds, and it stays out
SLOW = 3  # times as long as the best peer: once is enough


# ---- workloads


def distance_to_nearest(points):
    """Mean distance of up to 200 points to the nearest other one."""
    if len(points) < 2:
        return 1.0
    nearest = [np.sort(np.linalg.norm(points - point, axis=1))[1] for point in points[:200]]
    return float(np.mean(nearest))


def first_centers(path):
    return path.replace(".h5", "-first.h5")


def generate(path, n, d, k):
    random = np.random.default_rng(7)
    middles = 10 * random.random((max(1, k // 2), d))
    widths = 0.25 * distance_to_nearest(middles) * (0.5 + random.random(len(middles)))
    with h5py.File(path + ".part", "w") as file:
        rows = file.create_dataset("x", (n, d), "f4")
        for first in range(0, n, 1_000_000):
            count = min(1_000_000, n - first)
            cloud = random.integers(0, len(middles), count)
            values = middles[cloud] + widths[cloud, None] * random.standard_normal((count, d))
            background = random.random(count) < 0.1
            values[background] = 12 * random.random((int(background.sum()), d)) - 1
            rows[first : first + count] = values
        chosen = np.sort(random.choice(n, k, replace=False))
        with h5py.File(first_centers(path), "w") as other:
            other["centers"] = np.array([rows[i] for i in chosen])
    os.rename(path + ".part", path)


def find_work(name):
    path = os.path.join(FOLDER, name + ".h5")
    if not os.path.exists(path):
        os.makedirs(FOLDER, exist_ok=True)
        print(f"generating {path}", file=sys.stderr)
        generate(path, *WORKS[name])
    return path


def plain_environment():
    """Without what suits tests that share cores, or changes the libraries of peers."""
    unwanted = "OPENBLAS_", "OMP_WAIT_POLICY", "OMPI_MCA_mpi_yield_when_idle"
    return {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}


# ---- contestants: each gives (seconds, whole seconds or None, inertia, iterations)


def run_skymeans(
    work, ranks, threads, converge=False, first=None, iterations=ITERATIONS, program=PROGRAM,
    algorithm="auto"
):
    path = os.path.join(FOLDER, work + ".h5")
    result, metrics = (os.path.join(FOLDER, "result" + end) for end in (".h5", ".json"))
    command = [program, "fit", path, "-d", "x", "-k", str(WORKS[work][2]), "-o", result]
    command += ["--algorithm", algorithm, "--metrics", metrics, "--overwrite", "--quiet", "--threads", str(threads)]
    command += ["--seeding", (first or first_centers(path)) + ":/centers"]
    if not converge:
        command += ["--tolerance", "0", "--max-iterations", str(iterations)]
    if ranks > 1:
        command = ["mpirun", "-n", str(ranks)] + command
    start = time.perf_counter()
    subprocess.run(command, check=True, env=plain_environment())
    whole = time.perf_counter() - start
    with open(metrics, encoding="utf-8") as file:
        record = json.load(file)
    # Means over ranks, of which a faster one waits in `reduce`: the sum is the same for all.
    phases = {name: phase["mean"] for name, phase in record["phases"].items()}
    seconds = sum(phases[name] for name in ("order", "assign", "reduce", "update"))
    return {
        "seconds": seconds,
        "iterating": seconds - phases["order"],
        "whole": whole,
        "inertia": record["result"]["inertia"],
        "iterations": record["result"]["n_iterations"],
        "first_inertia": record["iterations"][0]["inertia"],
    }


def run_peer(work, peer, converge):
    """In a process of its own."""
    command = [sys.executable, __file__, "--peer", peer, "--work", work]
    command += ["--converge"] if converge else []
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, env=plain_environment(), text=True
    )
    found = json.loads(done.stdout)
    centers = found.pop("centers")
    found["inertia"] = run_skymeans(work, 1, 2, first=centers, iterations=1)["first_inertia"]
    return found


def write_centers(centers):
    path = os.path.join(FOLDER, "peer-centers.h5")
    with h5py.File(path, "w") as file:
        file["centers"] = centers
    return path


def fit_sklearn(values, first, algorithm, converge):
    from sklearn.cluster import KMeans

    model = KMeans(
        n_clusters=len(first),
        init=first,
        n_init=1,
        algorithm=algorithm,
        tol=1e-4 if converge else 0,
        max_iter=300 if converge else ITERATIONS,
    )
    start = time.perf_counter()
    model.fit(values)
    seconds = time.perf_counter() - start
    centers = write_centers(model.cluster_centers_)
    return {"seconds": seconds, "centers": centers, "iterations": int(model.n_iter_)}


def fit_faiss(values, first):
    import faiss

    faiss.omp_set_num_threads(2)
    n, d = values.shape
    model = faiss.Kmeans(d, len(first), niter=ITERATIONS, max_points_per_centroid=n)
    start = time.perf_counter()
    model.train(values, init_centroids=first)
    seconds = time.perf_counter() - start
    centers = write_centers(model.centroids)
    return {"seconds": seconds, "centers": centers, "iterations": ITERATIONS}


def act_as_peer(work, peer, converge):
    path = os.path.join(FOLDER, work + ".h5")
    with h5py.File(path, "r") as file, h5py.File(first_centers(path), "r") as other:
        values, first = file["x"][:], other["centers"][:]
    found = (
        fit_faiss(values, first)
        if peer == "faiss"
        else fit_sklearn(values, first, peer.split()[1], converge)
    )
    json.dump(found, sys.stdout)


def list_contestants(work, converge):
    n, _, k = WORKS[work]
    contestants = {
        "skymeans 2 ranks x 1": lambda: run_skymeans(work, 2, 1, converge),
        "skymeans 1 rank x 2": lambda: run_skymeans(work, 1, 2, converge),
        "skymeans 1 rank x 1": lambda: run_skymeans(work, 1, 1, converge),
        "scikit-learn lloyd": lambda: run_peer(work, "scikit-learn lloyd", converge),
    }
    if n * k * 4 <= ELKAN_BYTES:
        contestants["scikit-learn elkan"] = lambda: run_peer(work, "scikit-learn elkan", converge)
    if not converge:  # FAISS has no tolerance
        contestants["faiss"] = lambda: run_peer(work, "faiss", converge)
    return contestants


# ---- the table


def is_peer(name):
    return not name.startswith("skymeans")


def is_slow(name, results):
    """Has a peer been that much slower than the best one in the first round?"""
    first = {name: runs[0]["seconds"] for name, runs in results.items() if runs and is_peer(name)}
    return name in first and first[name] > SLOW * min(first.values())


def run_in_turns(contestants, n_rounds):
    results = {name: [] for name in contestants}
    for turn in range(n_rounds):
        for name, run in contestants.items():
            if turn == 0 or not is_slow(name, results):
                results[name].append(run())
    return results


def speed_up(one, other):
    """Median over pairs of runs of the ratio of the times of iterations."""
    return statistics.median(a["iterating"] / b["iterating"] for a, b in zip(one, other))


def check_inertias(work, results):
    inertias = [runs[-1]["inertia"] for runs in results.values()]
    spread = max(inertias) / min(inertias) - 1
    if spread > 1e-4:
        sys.exit(f"bench: {work}: final inertias differ by {spread:.2g}: {inertias}")


def print_work(work, results):
    n, d, k = WORKS[work]
    medians = {name: statistics.median(r["seconds"] for r in runs) for name, runs in results.items()}
    best = min(seconds for name, seconds in medians.items() if is_peer(name))
    print(f"\n{work}: n {n}, d {d}, k {k}")
    print(f"  {'':24} {'seconds':>9} {'whole job':>10} {'iterations':>10} {'best peer is':>13}")
    for name, runs in results.items():
        whole = [r["whole"] for r in runs if "whole" in r]
        text = f"{statistics.median(whole):.3f}" if whole else ""
        ratio = "" if is_peer(name) else f"{best / medians[name]:.1f}x"
        note = "  (once)" if is_slow(name, results) else ""
        line = f"  {name:24} {medians[name]:9.3f} {text:>10} {runs[-1]['iterations']:10} {ratio:>13}"
        print(line + note)
    one = results["skymeans 1 rank x 1"]
    threads = speed_up(one, results["skymeans 1 rank x 2"])
    ranks = speed_up(one, results["skymeans 2 ranks x 1"])
    print(f"  from 1 to 2 threads {threads:.2f}x, from 1 to 2 ranks {ranks:.2f}x", flush=True)


def bench_sums(runs):
    """What exact sums cost an iteration of W1, against a build with sums in doubles."""
    find_work("W6")
    builds = {
        "doubles": "build/sums-plain/skymeans",
        "exact, one word": PROGRAM,
        "exact, two words": "build/sums-two/skymeans",
    }
    print("\nsums on W1, 1 rank x 1 thread: seconds of 20 iterations")
    for algorithm in ("lloyd", "tree"):
        seconds = {name: [] for name in builds}
        for _ in range(runs):
            for name, program in builds.items():
                run = run_skymeans("W1", 1, 1, program=program, algorithm=algorithm)
                seconds[name].append(run["iterating"])
        plain = statistics.median(seconds["doubles"])
        for name, values in seconds.items():
            median = statistics.median(values)
            percent = 100 * (median / plain - 1)
            print(f"  {algorithm:8} {name:20} {median:9.3f} {percent:+7.1f} %", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--work", default="sums,reading," + ",".join(WORKS))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--converge", action="store_true")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        act_as_peer(arguments.work, arguments.peer, arguments.converge)
        return
    for work in arguments.work.split(","):
        if work == "sums":
            bench_sums(arguments.runs)
            continue
        if work == "reading":
            bench_reading(PROGRAM, FOLDER, arguments.runs)
            continue
        if work == "methods":
            bench_methods(PROGRAM, FOLDER, arguments.runs, plain_environment())
            continue
        if work == "planning":
            bench_planning(PROGRAM, FOLDER, arguments.runs, plain_environment())
            continue
        if work == "recording":
            path = find_work("W6")
            bench_recording(PROGRAM, path, WORKS["W6"][2], first_centers(path) + ":/centers",
                            arguments.runs, plain_environment())
            continue
        find_work(work)
        contestants = list_contestants(work, arguments.converge)
        results = run_in_turns(contestants, arguments.runs)
        check_inertias(work, results)
        print_work(work, results)


if __name__ == "__main__":
    main()
