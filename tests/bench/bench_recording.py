"""What it costs a whole run to record itself: with --metrics, and with a line for each iteration besides,
against a run with neither. (That iterations are timed and counted is part of all runs.)

`bench.py --work recording` runs it. Runs alternate, and medians of pairs count."""
import os
import statistics
import subprocess
import time

ALLOWED = 0.01  # the most that it may cost, as a part of the run
RANKS, ITERATIONS = 2, 60


def seconds_of(command, environment):
    start = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def bench_recording(program, path, k, seeding, runs, environment):
    """Prints a table; fails if it costs more than allowed."""
    metrics = path + ".json"
    plain = ["mpirun", "-q", "-n", str(RANKS), program, "fit", path, "-k", str(k), "-o", path + ".out",
             "--overwrite", "--threads", "1", "--tolerance", "0", "--max-iterations", str(ITERATIONS),
             "--seeding", seeding]
    ways = {"nothing": [], "--metrics": ["--metrics", metrics],
            "--metrics --verbose": ["--metrics", metrics, "--verbose"]}
    seconds = {name: [] for name in ways}
    for turn in range(runs):
        for name in sorted(ways, reverse=turn % 2):
            seconds[name].append(seconds_of(plain + ways[name], environment))
    os.remove(path + ".out")
    print(f"\nrecording, {RANKS} ranks x 1, {ITERATIONS} iterations, {runs} rounds")
    worst = 0
    for name, values in seconds.items():
        ratios = [a / b for a, b in zip(values, seconds["nothing"])]
        cost = statistics.median(ratios) - 1
        worst = max(worst, cost)
        print(f"  {name:20} {statistics.median(values):9.3f} s {100 * cost:+7.2f} %", flush=True)
    if worst > ALLOWED:
        raise SystemExit(f"recording: {100 * worst:.1f} % is more than {100 * ALLOWED:.0f} %")
