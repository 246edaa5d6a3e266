"""How well --dry-run foretells the seconds of an iteration on two ranks, from `probe` and from a run on
one rank.

`bench.py --work planning` runs it. `lloyd` is foretold from what `probe` measures, the method that is
chosen by itself from that and the metrics of a run of the same catalogue on one rank."""
import json
import os
import re
import subprocess

import h5py
import numpy as np

ALLOWED = 0.25  # the largest error, as a part of what was measured
RANKS = 2
# Rows, features, clusters.
SHAPES = [(1_000_000, 3, 300), (400_000, 8, 512), (400_000, 8, 4096), (200_000, 16, 1000),
          (100_000, 64, 256)]
TIME = re.compile(r"^  time +([0-9.e+-]+) s per iteration", re.MULTILINE)


def write_mixture(path, n, d, k):
    random = np.random.default_rng(5)
    places = 10 * random.random((k // 2, d), dtype="f4")
    values = places[random.integers(0, len(places), n)]
    values += 0.3 * random.normal(size=values.shape).astype("f4")
    with h5py.File(path, "w") as file:
        file["points"] = values


def call(environment, program, *arguments, ranks=RANKS):
    return subprocess.run(["mpirun", "-q", "-n", str(ranks), program, *map(str, arguments),
                           "--threads", "1"], env=environment, check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def foretell(environment, program, path, k, machines, *how):
    said = call(environment, program, "fit", path, "-k", k, "--dry-run", *how,
                *[word for name in machines for word in ("--machine", name)])
    return float(TIME.search(said).group(1))


def measure(environment, program, path, k, record, *how, ranks=RANKS):
    """Mean seconds of assigning, reducing and waiting per assignment."""
    call(environment, program, "fit", path, "-k", k, "-o", path + ".out", "--overwrite",
         "--metrics", record, "--tolerance", 0, "--max-iterations", 10, *how, ranks=ranks)
    os.remove(path + ".out")
    with open(record, encoding="utf-8") as file:
        run = json.load(file)
    phases = [name for name in ("assign", "reduce", "wait") if name in run["phases"]]
    return sum(run["phases"][name]["mean"] for name in phases) / run["assignments"]


def bench_planning(program, folder, runs, environment):
    """Prints a table; fails if an error is larger than allowed."""
    catalogue, machine, record, other = (os.path.join(folder, name) for name in (
        "planned.h5", "machine.json", "run.json", "other.json"))
    call(environment, program, "probe", "-o", machine, "--overwrite")
    worst = 0
    print("| rows, features, K | method | foretold from | seconds | measured | error |")
    print("|---|---|---|---|---|---|")
    for n, d, k in SHAPES:
        write_mixture(catalogue, n, d, k)
        for method, source in (("lloyd", "probe"), ("auto", "probe and a run on one rank")):
            how = ["--algorithm", method]
            if method == "auto":
                measure(environment, program, catalogue, k, record, *how, ranks=1)
            machines = [machine] if method == "lloyd" else [machine, record]
            told = foretell(environment, program, catalogue, k, machines, *how)
            found = min(measure(environment, program, catalogue, k, other, *how)
                        for _ in range(runs))
            error = told / found - 1
            worst = max(worst, abs(error))
            print(f"| {n:,}, {d}, {k} | {method} | {source} | {told:.4g} | {found:.4g} | "
                  f"{100 * error:+.0f} % |", flush=True)
    if worst > ALLOWED:
        raise SystemExit(f"planning: an error of {100 * worst:.0f} % is more than "
                         f"{100 * ALLOWED:.0f} %")
