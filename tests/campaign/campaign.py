"""Faults by number: what happens to runs, and whether what is promised holds (`make check-campaign`).

campaign.py COUNT: the faults from 1 to COUNT that the file of results does not have yet. --only does
a few again, without noting them. Each result is one line: number, kind, what came of it, seconds, and
what was drawn, with tabs between. Folders of faults that went wrong stay. A report closes it.

As root it has mounts of its own, which end with it.
"""
import argparse
import collections
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True

from kinds import IS_ROOT, KINDS, kind_of
from program import BINARY, ROOT
from trial import Jobs, Trial, Wrong

AT_ONCE = 3
TOP = os.path.join(ROOT, os.path.dirname(BINARY), "campaign")
RESULTS = f"{TOP}/results.txt"
BAD = ("HANG", "CRASH", "LOST", "WRONG", "LEFT", "UNSAID")


def enter_own_mounts():
    if IS_ROOT and "KM_OWN_MOUNTS" not in os.environ:
        os.environ["KM_OWN_MOUNTS"] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])


def build_clock():
    """The library that sets the clock back."""
    path = f"{TOP}/clock.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", path,
                    os.path.join(ROOT, "tests/campaign/clock_back.c"), "-ldl"], check=True)
    return path


class Campaign:
    def __init__(self, is_noted):
        self.is_noted, self.lock = is_noted, threading.Lock()
        os.makedirs(TOP, exist_ok=True)
        self.jobs = Jobs(TOP)
        self.jobs.clock = build_clock()

    def outcome(self, trial):
        function, _, can_be_tried = KINDS[kind_of(trial.number)]
        if not can_be_tried:
            return "skipped: only for root"
        try:
            return function(trial)
        except (Wrong, AssertionError) as error:
            with open(f"{trial.folder}/wrong.txt", "w", encoding="utf-8") as file:
                file.write(f"{error}\n")
            word = str(error).split(":")[0]
            return word if word in BAD else "HANG"

    def do(self, number):
        start, trial = time.monotonic(), Trial(number, self.jobs, TOP)
        outcome = self.outcome(trial)
        row = [number, kind_of(number), outcome, f"{time.monotonic() - start:.1f}",
               "; ".join(trial.notes)]
        if outcome not in BAD:
            shutil.rmtree(trial.folder)
        with self.lock:
            line = "\t".join(map(str, row))
            print(line, flush=True)
            if self.is_noted:
                with open(RESULTS, "a", encoding="utf-8") as file:
                    file.write(line + "\n")
        return row


def read_results():
    rows = []
    if os.path.exists(RESULTS):
        with open(RESULTS, encoding="utf-8") as file:
            rows = [line.rstrip("\n").split("\t") for line in file if line.endswith("\n")]
    return [[int(row[0]), *row[1:]] for row in rows if len(row) == 5]


def report(rows):
    """A table of kinds and what came of them, and what must not be."""
    counts = collections.defaultdict(collections.Counter)
    for _, kind, outcome, *_ in rows:
        counts[kind][outcome.split(":")[0]] += 1
    print(f"\n{len(rows)} faults, {platform.platform()}\n")
    print("| fault | number | what came of it |\n|---|---|---|")
    for kind in KINDS:
        told = ", ".join(f"{count} {what}" for what, count in counts[kind].most_common())
        print(f"| {kind} | {sum(counts[kind].values())} | {told} |")
    total = sum(counts.values(), collections.Counter())
    print("\n" + ", ".join(f"{total[word]} {word}" for word in BAD))
    return sum(total[word] for word in BAD)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=0)
    parser.add_argument("--only", type=int, nargs="+")
    asked = parser.parse_args()
    enter_own_mounts()
    campaign = Campaign(is_noted=not asked.only)
    done = {row[0] for row in read_results()}
    numbers = asked.only or [n for n in range(1, asked.count + 1) if n not in done]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        rows = list(pool.map(campaign.do, numbers))
    unittest.doModuleCleanups()
    n_bad = report(rows if asked.only else read_results())
    sys.exit(1 if n_bad else 0)


if __name__ == "__main__":
    main()
