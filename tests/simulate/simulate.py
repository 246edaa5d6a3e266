#!/usr/bin/env python3
"""simulate.py [--ranks 64,256] [--work weak-W1,...] [--costs]: the engine on simulated machines.

SimGrid runs the real engine (build/simulate/iteration), each rank with a few rows, on the machine of
platform.sh; computing is charged: the seconds that one rank takes for an iteration of as many rows
as the work says, measured on real ones (costs.csv, made anew by --costs). All runs of the same rows
must have the checksum of a run on two real ranks. What is done goes to build/simulate/runs.csv, and
is not done again."""

import argparse
import csv
import os
import re
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
COSTS = os.path.join(HERE, "costs.csv")
BUILD = os.environ.get("BUILD", "build")
RUNS = os.path.join(BUILD, "simulate", "runs.csv")
CORES = 64
GAIA = 1_800_000_000  # rows of Gaia DR3

# Features, clusters, algorithm that is charged, rows of each rank (weak) or of all (strong), and the
# standard deviation of the work of ranks, as a part of its mean (docs/scaling.md says where from).
WORKS = {
    "weak-W1": (5, 64, "tree", 250_000, None, 0.031),
    "weak-W6": (8, 4096, "neighbours", 250_000, None, 0.036),
    "reduce-W1": (5, 64, "tree", 250_000, None, 0.0),
    "reduce-W6": (8, 4096, "neighbours", 250_000, None, 0.0),
    "strong-lloyd": (8, 1000, "lloyd", None, GAIA, 0.0),
    "strong-tree": (8, 1000, "tree", None, GAIA, 0.010),
    "strong-neighbours": (8, 1000, "neighbours", None, GAIA, 0.028),
}
# What real ranks measure: two numbers of rows, between which seconds are a line.
MEASURED_ROWS = (32_768, 1_000_000)
ITERATIONS = 8
REDUCTIONS = ("rab_rdb", "rdb", "lr")
# SimGrid's algorithms for all else are named, too: its defaults send P^2 messages, and some add up
# wrongly. A message costs each end 0.3 us.
SMPI = (
    "smpi/simulate-computation:no smpi/host-speed:1Gf smpi/privatization:no maxmin/precision:1e-4 "
    "smpi/bcast:binomial_tree smpi/reduce:binomial smpi/allgather:bruck smpi/barrier:ompi_bruck "
    "smpi/allgatherv:ring smpi/reduce_scatter:ompi_basic_recursivehalving "
    "smpi/bw-factor:0:0.95 smpi/lat-factor:0:1 smpi/os:0:3e-7:0 smpi/or:0:3e-7:0"
).split()


def last_line(text):
    """What build/iteration said, as a dictionary."""
    found = re.search(
        r"ranks (\d+) rows (\d+) iterations (\d+) seconds (\S+) charged (\S+) checksum (\S+)", text
    )
    if not found:
        sys.exit(f"simulate: a run failed:\n{text[-2000:]}")
    names = ("ranks", "rows", "iterations", "seconds", "charged", "checksum")
    return dict(zip(names, found.groups()))


def run(command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    return last_line(done.stdout + done.stderr)


def rows_in_memory(work):
    """Of all simulated ranks: enough that no cluster is empty."""
    return max(32_768, 32 * WORKS[work][1])


def real(ranks, *options):
    start = [] if ranks == 1 else ["mpirun", "-n", str(ranks)]
    return run([*start, os.path.join(BUILD, "iteration"), *map(str, options)])


# ---- costs


def measure_costs(rounds=3):
    """Medians of rounds, in which works take turns."""
    shapes = sorted({(d, k, algorithm) for d, k, algorithm, *_ in WORKS.values()})
    seconds = {}
    for _ in range(rounds):
        for d, k, algorithm in shapes:
            for rows in MEASURED_ROWS:
                options = ("-d", d, "-k", k, "-n", rows, "-i", ITERATIONS, "-a", algorithm)
                taken = float(real(1, *options)["seconds"])
                seconds.setdefault((d, k, algorithm, rows), []).append(taken)
    with open(COSTS, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["features", "clusters", "algorithm", "rows", "seconds"])
        for shape, taken in seconds.items():
            out.writerow([*shape, f"{statistics.median(taken):.6f}"])


def cost_of(work):
    """Seconds of an iteration that do not depend on rows, and seconds of a row."""
    d, k, algorithm = WORKS[work][:3]
    with open(COSTS, newline="") as file:
        points = sorted(
            (int(row["rows"]), float(row["seconds"]))
            for row in csv.DictReader(file)
            if (int(row["features"]), int(row["clusters"]), row["algorithm"]) == (d, k, algorithm)
        )
    (few, short), (many, long) = points
    slope = (long - short) / (many - few)
    return max(0.0, short - slope * few), slope


def charge(work, ranks):
    _, _, _, each, total, _ = WORKS[work]
    fixed, slope = cost_of(work)
    return fixed + slope * (each or total / ranks)


# ---- simulated runs


def machine(folder, ranks):
    nodes = max(1, ranks // CORES)
    platform = os.path.join(folder, "platform.xml")
    with open(platform, "w") as file:
        subprocess.run([os.path.join(HERE, "platform.sh"), str(nodes)], stdout=file, check=True)
    with open(os.path.join(folder, "hosts"), "w") as file:
        file.writelines(f"node-{i}:{CORES}\n" for i in range(nodes))
    return ["-np", str(ranks), "-platform", platform, "-hostfile", file.name]


def simulate(ranks, reduction, program, options):
    """What the program said."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["smpirun", *machine(folder, ranks), "--log=root.thres:critical"]
        command += [f"--cfg={setting}" for setting in [*SMPI, f"smpi/allreduce:{reduction}"]]
        command += [os.path.abspath(os.path.join(BUILD, "simulate", program)), *map(str, options)]
        threads = dict(os.environ, OMP_NUM_THREADS="1")  # others would run outside of the simulation
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=threads)
        return done.stdout + done.stderr


def simulate_work(work, ranks, reduction, iterations):
    d, k, _, _, _, variation = WORKS[work]
    with tempfile.NamedTemporaryFile("w", suffix=".costs") as costs:
        costs.write(f"{charge(work, ranks):.9f}\n")
        costs.flush()
        options = ["-n", rows_in_memory(work), "-d", d, "-k", k, "-i", iterations, "-a", "lloyd"]
        text = simulate(ranks, reduction, "iteration", [*options, "-c", costs.name, "-v", variation])
        return last_line(text)


def done_runs():
    if not os.path.exists(RUNS):
        return []
    with open(RUNS, newline="") as file:
        return list(csv.DictReader(file))


def find_run(work, ranks, reduction, iterations):
    wanted = {"work": work, "ranks": str(ranks), "reduction": reduction}
    wanted["variation"] = str(WORKS[work][-1])
    charged = f"{charge(work, ranks):.9f}"
    for row in done_runs():
        if wanted.items() <= row.items() and row["charged"] == charged:
            return row
    row = {**simulate_work(work, ranks, reduction, iterations), **wanted}
    is_new = not os.path.exists(RUNS)
    with open(RUNS, "a", newline="") as file:
        out = csv.DictWriter(file, sorted(row), lineterminator="\n")
        if is_new:
            out.writeheader()
        out.writerow(row)
    return row


def check_checksum(work, row):
    d, k = WORKS[work][:2]
    options = ("-n", row["rows"], "-d", d, "-k", k, "-i", row["iterations"])
    right = real(2, *options)["checksum"]
    if row["checksum"] != right:
        sys.exit(f"simulate: {row['checksum']} on simulated ranks, {right} on real ones: {row}")


def efficiency(work, row, first):
    """Weak: against the fewest ranks. Strong: against one rank without anything that does not shrink
    with its rows."""
    each = WORKS[work][3]
    if each:
        return float(first["seconds"]) / float(row["seconds"])
    return cost_of(work)[1] * WORKS[work][4] / int(row["ranks"]) / float(row["seconds"])


def study(work, all_ranks, reduction, iterations):
    print(f"\n{work}: ms of an iteration, {reduction}", flush=True)
    first = None
    for ranks in all_ranks:
        row = find_run(work, ranks, reduction, iterations)
        first = first or row
        check_checksum(work, row)
        seconds, charged = float(row["seconds"]), float(row["charged"])
        print(
            f"  {ranks:6d} ranks {1e3 * seconds:10.3f}, computing {1e3 * charged:10.3f}, efficiency "
            f"{100 * efficiency(work, row, first):5.1f} %  checksum {row['checksum']}",
            flush=True,
        )


def ranks_of(text):
    """Ranks that fill nodes; argparse tells what it can't be."""
    ranks = [int(number) for number in text.split(",")]
    if any(number <= 0 or number % CORES for number in ranks):
        raise ValueError
    return ranks


def works_of(text):
    works = text.split(",")
    if not set(works) <= set(WORKS):
        raise ValueError
    return works


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ranks", type=ranks_of, default="64,256", help="multiples of 64")
    usual = [work for work in WORKS if not work.startswith("reduce")]
    parser.add_argument("--work", type=works_of, default=usual, help="of " + ", ".join(WORKS))
    parser.add_argument("--reduction", default=REDUCTIONS[0], help="of " + ", ".join(REDUCTIONS))
    parser.add_argument("--iterations", type=int, default=4)
    parser.add_argument("--costs", action="store_true", help="measure costs.csv anew, on real rows")
    parser.add_argument("--reductions", action="store_true", help="ways to reduce, side by side")
    given = parser.parse_args()
    if given.costs:
        return measure_costs()
    if given.reductions:
        for number in given.ranks:
            for reduction in REDUCTIONS:
                print(f"{reduction}:", simulate(number, reduction, "reductions", [3]), flush=True)
        return None
    for work in given.work:
        study(work, given.ranks, given.reduction, given.iterations)
    return None


if __name__ == "__main__":
    main()
