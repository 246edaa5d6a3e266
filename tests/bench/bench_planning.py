"""How well --dry-run foretells the seconds of an iteration, from `probe` and from a run of fewer rows.

`bench.py --work planning` runs it. `lloyd` is foretold from the limits that `probe` measures, the
method that is chosen by itself from a run of a quarter of the rows."""
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


def call(environment, program, *arguments):
    return subprocess.run(["mpirun", "-q", "-n", str(RANKS), program, *map(str, arguments),
                           "--threads", "1"], env=environment, check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def foretell(environment, program, path, k, machine, *how):
    said = call(environment, program, "fit", path, "-k", k, "--dry-run", "--machine", machine, *how)
    return float(TIME.search(said).group(1))


def measure(environment, program, path, k, record, *how):
    """Mean seconds of assigning, reducing and waiting per assignment."""
    call(environment, program, "fit", path, "-k", k, "-o", path + ".out", "--overwrite",
         "--metrics", record, "--tolerance", 0, "--max-iterations", 10, *how)
    os.remove(path + ".out")
    with open(record, encoding="utf-8") as file:
        run = json.load(file)
    phases = run["phases"]
    return sum(phases[name]["mean"] for name in ("assign", "reduce", "wait")) / run["assignments"]


def bench_planning(program, folder, runs, environment):
    """Prints a table; fails if an error is larger than allowed."""
    few, many, machine, record = (os.path.join(folder, name) for name in (
        "few.h5", "many.h5", "machine.json", "run.json"))
    call(environment, program, "probe", "-o", machine, "--overwrite")
    worst = 0
    print("| rows, features, K | method | foretold from | seconds | measured | error |")
    print("|---|---|---|---|---|---|")
    for n, d, k in SHAPES:
        write_mixture(few, n // 4, d, k)
        write_mixture(many, n, d, k)
        for method, source in (("lloyd", "probe"), ("auto", "a quarter of the rows")):
            how = ["--algorithm", method]
            if method == "auto":
                measure(environment, program, few, k, record, *how)
            told = foretell(environment, program, many, k,
                            machine if method == "lloyd" else record, *how)
            found = min(measure(environment, program, many, k, os.path.join(folder, "other.json"),
                                *how) for _ in range(runs))
            error = told / found - 1
            worst = max(worst, abs(error))
            print(f"| {n:,}, {d}, {k} | {method} | {source} | {told:.4g} | {found:.4g} | "
                  f"{100 * error:+.0f} % |", flush=True)
    if worst > ALLOWED:
        raise SystemExit(f"planning: an error of {100 * worst:.0f} % is more than {100 * ALLOWED:.0f} %")
