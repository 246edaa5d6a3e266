#!/usr/bin/env python3
"""bench_before.py [--before COMMIT] [--work W3,W6] [--runs N]: this build against an earlier one.

The earlier build is made once, below build/bench. Both fit the workloads of bench.py, and the same
of low intrinsic dimension: clouds in two to four dimensions, turned into all features, with noise.
Both start from the same first centers, take turns, and do 20 iterations on 2 ranks of 1 thread and
on 1 rank of 2 threads. Seconds are medians of the phases order, assign, reduce and update, the mean
over ranks. Fails if checksums of answers differ."""

import argparse
import json
import os
import statistics
import subprocess
import sys

import bench
import h5py
import numpy as np

FEATURES = {"W1": 2, "W2": 3, "W3": 4, "W4": 2, "W5": 2, "W6": 3}  # of the clouds of low dimension


def generate_low(path, n, d, k, n_inner):
    random = np.random.default_rng(11)
    axes = np.linalg.qr(random.normal(size=(d, n_inner)))[0].T
    middles = 10 * random.random((max(1, k // 2), n_inner))
    widths = 0.25 * bench.distance_to_nearest(middles) * (0.5 + random.random(len(middles)))
    cloud = random.integers(0, len(middles), n)
    inner = middles[cloud] + widths[cloud, None] * random.standard_normal((n, n_inner))
    background = random.random(n) < 0.1
    inner[background] = 12 * random.random((int(background.sum()), n_inner)) - 1
    noise = 0.02 * np.mean(widths) * random.standard_normal((n, d))
    values = (inner @ axes + noise).astype("f4")
    chosen = np.sort(random.choice(n, k, replace=False))
    with h5py.File(bench.first_centers(path), "w") as file:
        file["centers"] = values[chosen]
    with h5py.File(path + ".part", "w") as file:
        file["x"] = values
    os.rename(path + ".part", path)


def find_data(work, is_low):
    if not is_low:
        return bench.find_work(work)
    path = os.path.join(bench.FOLDER, work + "-low.h5")
    if not os.path.exists(path):
        generate_low(path, *bench.WORKS[work], FEATURES[work])
    return path


def find_program(commit):
    """The program as it was, built once."""
    folder = os.path.join(bench.FOLDER, commit)
    program = os.path.join(folder, "build", "skymeans")
    if not os.path.exists(program):
        print(f"building {commit}", file=sys.stderr)
        os.makedirs(folder, exist_ok=True)
        files = subprocess.run(["git", "archive", commit], check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["tar", "-x", "-C", folder], check=True, input=files)
        subprocess.run(["make", "-s", "-C", folder, "all"], check=True, stdout=sys.stderr)
    return program


def fit(program, path, k, ranks, threads):
    """Seconds, and the checksum of the answer."""
    result, metrics = (os.path.join(bench.FOLDER, "before" + end) for end in (".h5", ".json"))
    command = [program, "fit", path, "-d", "x", "-k", str(k), "-o", result, "--metrics", metrics,
               "--overwrite", "--quiet", "--threads", str(threads), "--tolerance", "0",
               "--seeding", bench.first_centers(path) + ":/centers",
               "--max-iterations", str(bench.ITERATIONS)]
    if ranks > 1:
        command = ["mpirun", "-n", str(ranks), *command]
    subprocess.run(command, check=True, env=bench.plain_environment())
    with open(metrics, encoding="utf-8") as file:
        phases = json.load(file)["phases"]
    with h5py.File(result, "r") as file:
        checksum = next(str(item.attrs["checksum"]) for item in (file, *file.values())
                        if "checksum" in item.attrs)
    return sum(phases[name]["mean"] for name in ("order", "assign", "reduce", "update")), checksum


def compare(programs, work, is_low, runs):
    path, k = find_data(work, is_low), bench.WORKS[work][2]
    for ranks, threads in ((2, 1), (1, 2)):
        seconds, checksums = {program: [] for program in programs}, set()
        for turn in range(runs):
            for program in programs if turn % 2 == 0 else programs[::-1]:
                taken, checksum = fit(program, path, k, ranks, threads)
                seconds[program].append(taken)
                checksums.add(checksum)
        if len(checksums) != 1:
            sys.exit(f"bench: {path}: other answers: {checksums}")
        before, now = (statistics.median(seconds[program]) for program in programs)
        kind = "low" if is_low else "isotropic"
        print(f"{work} {kind:9}  {ranks} x {threads}  {before:7.3f} {now:7.3f} {before / now:6.2f}x",
              flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--before", default="97e5b65")
    parser.add_argument("--work", default=",".join(bench.WORKS))
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    programs = [find_program(arguments.before), bench.PROGRAM]
    print("workload, data, ranks x threads, seconds before and now, and how many times as fast")
    for work in arguments.work.split(","):
        for is_low in (False, True):
            compare(programs, work, is_low, arguments.runs)


if __name__ == "__main__":
    main()
